/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The network behind env->icmp: home agent address discovery.  A request to an
 * anycast address reaches the home agent that anchors its prefix and listens
 * for such; every message is kept in a trace.
 */
#include "sim.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"

struct sim_icmp {
	struct sim *sim;
	struct sim_icmp_net net;
	struct sim_icmp_pkt **v;
	size_t n, cap;
};

struct icmp_flight {
	struct sim_icmp *ic;
	struct sim_icmp_pkt *p;
};

struct sim_icmp *
sim_icmp_new(struct sim *s)
{
	struct sim_icmp *ic = calloc(1, sizeof(*ic));

	if (ic == NULL)
		abort();
	ic->sim = s;
	ic->net.delay_us = USEC_PER_MSEC;
	return ic;
}

void
sim_icmp_free(struct sim_icmp *ic)
{
	for (size_t i = 0; i < ic->n; i++)
		free(ic->v[i]);
	free(ic->v);
	free(ic);
}

struct sim_icmp_net *
sim_icmp_net(struct sim *s)
{
	return &sim_icmp(s)->net;
}

static bool
anchors(const struct sim_node *n, const struct in6_addr *a)
{
	struct prefix host;

	prefix_from_in6(&host, a, 128);
	for (size_t i = 0; i < n->nroles; i++) {
		const struct ha_conf *c = n->conf[i];
		const struct prefix *p;

		if (n->ops[i] != &ha_role_ops)
			continue;
		p = c->home_prefixes.v;
		for (size_t k = 0; k < c->home_prefixes.n; k++) {
			if (prefix_covers(&p[k], &host))
				return true;
		}
	}
	return false;
}

static bool
takes(const struct sim_node *n, const struct in6_addr *a)
{
	for (size_t i = 0; i < n->naddrs; i++) {
		if (in6_eq(&n->addrs[i], a))
			return true;
	}
	return (n->icmp_anycast || n->kernel.diverts) && haad_is_anycast(a) &&
	    anchors(n, a);
}

static void
deliver(void *arg)
{
	struct icmp_flight *f = arg;
	struct sim_icmp_pkt *p = f->p;
	struct icmp_pkt pkt = { .src = p->src, .dst = p->dst, .ifindex = 1,
		.data = p->data, .len = p->len };

	for (struct sim_node *n = sim_nodes(f->ic->sim); n != NULL;
	    n = n->next) {
		if (!n->up || !takes(n, &p->dst))
			continue;
		p->delivered = true;
		wheel_touch(n->env.wheel, sim_now(f->ic->sim));
		n->icmp.recv(n->icmp.recv_ctx, &pkt);
		return;
	}
}

void
sim_icmp_raw(struct sim *s, const struct in6_addr *src,
    const struct in6_addr *dst, const void *data, size_t len)
{
	struct sim_icmp *ic = sim_icmp(s);
	struct sim_icmp_pkt *p = calloc(1, sizeof(*p));
	struct icmp_flight *f = calloc(1, sizeof(*f));

	ck_assert(p != NULL && f != NULL && len <= sizeof(p->data));
	p->at = sim_now(s);
	p->src = *src;
	p->dst = *dst;
	p->len = len;
	memcpy(p->data, data, len);
	p->parsed = haad_parse(data, len, &p->m);
	if (ic->n == ic->cap) {
		ic->cap = ic->cap * 2 + 16;
		ic->v = realloc(ic->v, ic->cap * sizeof(struct sim_icmp_pkt *));
		ck_assert(ic->v != NULL);
	}
	ic->v[ic->n++] = p;
	if (ic->net.cut || ic->net.drop_next > 0) {
		if (ic->net.drop_next > 0)
			ic->net.drop_next--;
		free(f);
		return;
	}
	*f = (struct icmp_flight){ ic, p };
	sim_post(s, NULL, ic->net.delay_us, deliver, f);
}

void
sim_icmp_send(struct sim *s, const char *src, const char *dst,
    const struct haad_msg *m)
{
	struct in6_addr a = sim_in6(src), b = sim_in6(dst);
	uint8_t buf[HAAD_MAX_LEN];
	int len = haad_build(m, buf, sizeof(buf));

	ck_assert_int_gt(len, 0);
	sim_icmp_raw(s, &a, &b, buf, (size_t)len);
}

size_t
sim_icmps(struct sim *s)
{
	return sim_icmp(s)->n;
}

const struct sim_icmp_pkt *
sim_icmp_pkt(struct sim *s, size_t i)
{
	ck_assert(i < sim_icmp(s)->n);
	return sim_icmp(s)->v[i];
}

/* --- the service --------------------------------------------------------- */

static int
node_send(struct icmp_io *io, const struct in6_addr *src,
    const struct in6_addr *dst, const void *data, size_t len)
{
	struct sim_node *n = CONTAINER_OF(io, struct sim_node, icmp);

	if (n->icmp_errno != 0)
		return n->icmp_errno;
	sim_icmp_raw(n->sim, src, dst, data, len);
	return 0;
}

static int
node_anycast(struct icmp_io *io, bool on)
{
	CONTAINER_OF(io, struct sim_node, icmp)->icmp_anycast = on;
	return 0;
}

const struct icmp_io_ops sim_icmp_ops = { .send = node_send,
	.anycast = node_anycast };

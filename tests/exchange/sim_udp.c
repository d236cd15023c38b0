/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The network behind env->dhcp: datagrams between daemons, and between them
 * and servers.  Every one is kept in a trace.
 */
#include "sim.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"

struct served {
	struct dhcp_addr at;
	sim_udp_fn *fn;
	void *ctx;
};

struct sim_udp {
	struct sim *sim;
	struct sim_udp_net net;
	struct sim_dgram **v;		/* the trace */
	size_t n, cap, cursor;
	struct served *served;
	size_t nserved;
};

/* A datagram on its way. */
struct dgram_flight {
	struct sim_udp *u;
	struct sim_dgram *d;
};

struct sim_udp *
sim_udp_new(struct sim *s)
{
	struct sim_udp *u = calloc(1, sizeof(*u));

	if (u == NULL)
		abort();
	u->sim = s;
	u->net.delay_us = USEC_PER_MSEC;
	return u;
}

void
sim_udp_free(struct sim_udp *u)
{
	for (size_t i = 0; i < u->n; i++)
		free(u->v[i]);
	free(u->v);
	free(u->served);
	free(u);
}

struct sim_udp_net *
sim_udp_net(struct sim *s)
{
	return &sim_udp(s)->net;
}

/* --- addresses --------------------------------------------------------- */

struct dhcp_addr
sim_dhcp_addr(const char *text, uint16_t port)
{
	struct dhcp_addr a = { .family = AF_INET6, .port = port };

	if (inet_pton(AF_INET6, text, &a.in6) == 1)
		return a;
	a = (struct dhcp_addr){ .family = AF_INET, .port = port };
	if (inet_pton(AF_INET, text, &a.in4) != 1)
		ck_abort_msg("not an address: %s", text);
	return a;
}

static bool
host_eq(const struct dhcp_addr *a, const struct dhcp_addr *b)
{
	return a->family == b->family && (a->family == AF_INET ?
	    a->in4.s_addr == b->in4.s_addr : in6_eq(&a->in6, &b->in6));
}

static bool
addr_eq(const struct dhcp_addr *a, const struct dhcp_addr *b)
{
	return a->port == b->port && host_eq(a, b);
}

/* --- the way ----------------------------------------------------------- */

static struct sim_node *
listener(struct sim *s, const struct dhcp_addr *at)
{
	for (struct sim_node *n = sim_nodes(s); n != NULL; n = n->next) {
		for (size_t i = 0; n->up && i < n->nlistens; i++) {
			if (addr_eq(&n->listens[i].at, at))
				return n;
		}
	}
	return NULL;
}

static void
deliver(void *arg)
{
	struct dgram_flight *f = arg;
	struct sim_udp *u = f->u;
	struct sim_dgram *d = f->d;
	struct sim_node *n = listener(u->sim, &d->dst);
	struct dhcp_pkt pkt = { .src = d->src, .dst = d->dst, .data = d->data,
		.len = d->len };

	d->fate = SIM_DGRAM_DELIVERED;
	if (n != NULL) {
		wheel_touch(n->env.wheel, sim_now(u->sim));
		n->dhcp.recv(n->dhcp.recv_ctx, &pkt);
		return;
	}
	for (size_t i = 0; i < u->nserved; i++) {
		if (addr_eq(&u->served[i].at, &d->dst)) {
			u->served[i].fn(u->served[i].ctx, d);
			return;
		}
	}
	d->fate = SIM_DGRAM_NOBODY;
}

static void
launch(struct sim_udp *u, struct sim_dgram *d)
{
	struct dgram_flight *f = malloc(sizeof(*f));

	if (f == NULL)
		abort();
	*f = (struct dgram_flight){ u, d };
	sim_post(u->sim, NULL, u->net.delay_us, deliver, f);
}

void
sim_send_dgram(struct sim *s, const struct dhcp_addr *src,
    const struct dhcp_addr *dst, const void *data, size_t len)
{
	struct sim_udp *u = sim_udp(s);
	struct sim_dgram *d = calloc(1, sizeof(*d) + len);

	if (u->n == u->cap) {
		u->cap = u->cap * 2 + 64;
		u->v = realloc(u->v, u->cap * sizeof(d));
	}
	if (d == NULL || u->v == NULL)
		abort();
	d->at = sim_now(s);
	d->src = *src;
	d->dst = *dst;
	d->len = len;
	if (len > 0)
		memcpy(d->data, data, len);
	u->v[u->n++] = d;
	if (u->net.cut || u->net.drop_next > 0) {
		if (!u->net.cut)
			u->net.drop_next--;
		d->fate = SIM_DGRAM_LOST;
		return;
	}
	launch(u, d);
	if (u->net.dup_next > 0) {
		u->net.dup_next--;
		launch(u, d);
	}
}

void
sim_udp_serve(struct sim *s, const struct dhcp_addr *at, sim_udp_fn *fn,
    void *ctx)
{
	struct sim_udp *u = sim_udp(s);

	u->served = realloc(u->served, (u->nserved + 1) * sizeof(*u->served));
	if (u->served == NULL)
		abort();
	u->served[u->nserved++] = (struct served){ *at, fn, ctx };
}

/* --- the trace --------------------------------------------------------- */

size_t
sim_dgrams(const struct sim *s)
{
	return sim_udp(s)->n;
}

const struct sim_dgram *
sim_dgram(const struct sim *s, size_t i)
{
	ck_assert(i < sim_udp(s)->n);
	return sim_udp(s)->v[i];
}

static bool
dgram_fits(const struct sim_dgram *d, const char *src, const char *dst)
{
	struct dhcp_addr a;

	if (src != NULL) {
		a = sim_dhcp_addr(src, 0);
		if (!host_eq(&a, &d->src))
			return false;
	}
	if (dst == NULL)
		return true;
	a = sim_dhcp_addr(dst, 0);
	return host_eq(&a, &d->dst);
}

const struct sim_dgram *
sim_next_dgram(struct sim *s, const char *src, const char *dst)
{
	struct sim_udp *u = sim_udp(s);

	for (size_t i = u->cursor; i < u->n; i++) {
		if (dgram_fits(u->v[i], src, dst)) {
			u->cursor = i + 1;
			return u->v[i];
		}
	}
	return NULL;
}

const struct sim_dgram *
sim_wait_dgram(struct sim *s, const char *src, const char *dst, usec_t max)
{
	usec_t limit = sim_now(s) + max;
	const struct sim_dgram *d;

	while ((d = sim_next_dgram(s, src, dst)) == NULL) {
		if (!sim_step(s, limit)) {
			sim_run_for(s, limit - sim_now(s));
			return sim_next_dgram(s, src, dst);
		}
	}
	return d;
}

void
sim_skip_dgrams(struct sim *s)
{
	sim_udp(s)->cursor = sim_udp(s)->n;
}

size_t
sim_count_dgrams(const struct sim *s, const char *src, const char *dst)
{
	size_t n = 0;

	for (size_t i = 0; i < sim_udp(s)->n; i++)
		n += dgram_fits(sim_udp(s)->v[i], src, dst);
	return n;
}

/* --- the service of a node --------------------------------------------- */

static struct sim_listen *
listen_find(const struct sim_node *n, const struct dhcp_addr *at)
{
	for (size_t i = 0; i < n->nlistens; i++) {
		if (addr_eq(&n->listens[i].at, at))
			return (struct sim_listen *)(uintptr_t)&n->listens[i];
	}
	return NULL;
}

static int
io_listen(struct dhcp_io *io, const struct dhcp_addr *at)
{
	struct sim_node *n = CONTAINER_OF(io, struct sim_node, dhcp);
	struct sim_listen *l = listen_find(n, at);

	if (l != NULL) {
		l->count++;
		return 0;
	}
	if (n->dhcp_listen_errno != 0)
		return n->dhcp_listen_errno;
	ck_assert_msg(listener(n->sim, at) == NULL,
	    "two nodes listen on the same address");
	ck_assert(n->nlistens < SIM_NODE_LISTENS);
	n->listens[n->nlistens++] = (struct sim_listen){ *at, 1 };
	return 0;
}

static void
io_unlisten(struct dhcp_io *io, const struct dhcp_addr *at)
{
	struct sim_node *n = CONTAINER_OF(io, struct sim_node, dhcp);
	struct sim_listen *l = listen_find(n, at);

	ck_assert_msg(l != NULL, "unlisten() without listen()");
	if (--l->count == 0)
		*l = n->listens[--n->nlistens];
}

static int
io_send(struct dhcp_io *io, const struct dhcp_addr *src,
    const struct dhcp_addr *dst, const void *data, size_t len)
{
	struct sim_node *n = CONTAINER_OF(io, struct sim_node, dhcp);

	ck_assert_msg(src->family == dst->family, "across families");
	ck_assert_msg(dst->port != 0, "to port 0");
	if (n->dhcp_send_errno != 0)
		return n->dhcp_send_errno;
	if (listen_find(n, src) == NULL)
		return -EADDRNOTAVAIL;
	sim_send_dgram(n->sim, src, dst, data, len);
	return 0;
}

const struct dhcp_io_ops sim_dhcp_ops = {
	.listen = io_listen, .unlisten = io_unlisten, .send = io_send,
};

bool
sim_listens(const struct sim_node *n, const char *addr, uint16_t port)
{
	struct dhcp_addr a = sim_dhcp_addr(addr, port);

	return listen_find(n, &a) != NULL;
}

size_t
sim_listening(const struct sim_node *n)
{
	return n->nlistens;
}

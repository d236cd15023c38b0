/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The world itself: virtual time, the queue of what is to happen, and the MH
 * network.  Nodes are in sim_node.c, the kernel in sim_dp.c, access links in
 * sim_link.c, the policy in sim_policy.c.
 */
#include "sim.h"

#include <arpa/inet.h>
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"
#include "core/util.h"

#define SIM_START (1000 * USEC_PER_SEC)
/* More events than that without time passing: somebody goes in circles. */
#define SIM_STUCK 5000000

struct sim_ev {
	usec_t at;
	uint64_t seq;
	struct sim_node *node;
	unsigned run;
	void (*fn)(void *arg);
	void *arg;
};

struct sim_mem {
	struct sim_mem *next;
	_Alignas(max_align_t) uint8_t data[];
};

struct sim {
	usec_t now;
	uint64_t rnd;
	uint64_t seq;
	uint64_t stuck;
	struct sim_ev *heap;
	size_t nheap, capheap;
	struct sim_node *nodes;
	struct sim_mem *mem;
	/* network */
	struct sim_path net;
	struct sim_path **paths;
	size_t npaths;
	bool trace;
	struct sim_pkt **pkts;
	size_t npkts, cappkts, cursor;
	struct sim_policy_table *policy;
	struct sim_links *links;
	struct sim_icmp *icmp;
	struct sim_udp *udp;
};

/* A packet on its way. */
struct sim_flight {
	struct sim *sim;
	struct sim_pkt *traced;		/* NULL: no trace */
	struct in6_addr src, dst;
	size_t len;
	bool has_hao;
	struct in6_addr hao;		/* Home Address option */
	uint8_t data[];
};

/* --- text to values ---------------------------------------------------- */

struct in6_addr
sim_in6(const char *text)
{
	struct in6_addr a;

	if (inet_pton(AF_INET6, text, &a) != 1)
		ck_abort_msg("not an address: %s", text);
	return a;
}

struct prefix
sim_prefix(const char *text)
{
	struct prefix p;

	if (prefix_parse(text, &p) != 0)
		ck_abort_msg("not a prefix: %s", text);
	return p;
}

struct mac
sim_mac(const char *text)
{
	struct mac m;

	if (mac_parse(text, &m) != 0)
		ck_abort_msg("not a MAC address: %s", text);
	return m;
}

static void *
grow(void *v, size_t n, size_t *cap, size_t size)
{
	if (n < *cap)
		return v;
	*cap = *cap == 0 ? 64 : *cap * 2;
	v = realloc(v, *cap * size);
	if (v == NULL)
		abort();
	return v;
}

/* --- the world --------------------------------------------------------- */

struct sim *
sim_new(uint64_t seed)
{
	struct sim *s = calloc(1, sizeof(*s));

	if (s == NULL || crypto_init() < 0)
		abort();
	s->now = SIM_START;
	s->rnd = seed * 0x9e3779b97f4a7c15ULL + 1;
	s->net.delay_us = USEC_PER_MSEC;
	s->trace = true;
	s->policy = sim_policy_new(s);
	s->links = sim_links_new();
	s->icmp = sim_icmp_new(s);
	s->udp = sim_udp_new(s);
	return s;
}

void *
sim_alloc(struct sim *s, size_t n)
{
	struct sim_mem *m = calloc(1, sizeof(*m) + n);

	if (m == NULL)
		abort();
	m->next = s->mem;
	s->mem = m;
	return m->data;
}

void
sim_free(struct sim *s)
{
	struct sim_node *n;
	struct sim_mem *m;

	if (s == NULL)
		return;
	for (n = s->nodes; n != NULL; n = n->next) {
		if (n->up)
			sim_node_crash(n);
		sim_kernel_done(&n->kernel);
		free(n->ctl_text);
	}
	for (size_t i = 0; i < s->nheap; i++)
		free(s->heap[i].arg);
	free(s->heap);
	for (size_t i = 0; i < s->npaths; i++)
		free(s->paths[i]);
	free(s->paths);
	for (size_t i = 0; i < s->npkts; i++)
		free(s->pkts[i]);
	free(s->pkts);
	sim_policy_free(s->policy);
	sim_links_free(s->links);
	sim_icmp_free(s->icmp);
	sim_udp_free(s->udp);
	while ((m = s->mem) != NULL) {
		s->mem = m->next;
		free(m);
	}
	free(s);
}

usec_t
sim_now(const struct sim *s)
{
	return s->now;
}

/* splitmix64. */
uint64_t
sim_random(struct sim *s, uint64_t n)
{
	uint64_t z = s->rnd += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	z ^= z >> 31;
	return n == 0 ? 0 : z % n;
}

struct sim_policy_table *
sim_policy_table(struct sim *s)
{
	return s->policy;
}

struct sim_icmp *
sim_icmp(struct sim *s)
{
	return s->icmp;
}

struct sim_links *
sim_links(struct sim *s)
{
	return s->links;
}

struct sim_udp *
sim_udp(const struct sim *s)
{
	return s->udp;
}

struct sim_node *
sim_nodes(struct sim *s)
{
	return s->nodes;
}

/* --- time -------------------------------------------------------------- */

static bool
ev_before(const struct sim_ev *a, const struct sim_ev *b)
{
	return a->at != b->at ? a->at < b->at : a->seq < b->seq;
}

static void
heap_push(struct sim *s, struct sim_ev ev)
{
	size_t i;

	s->heap = grow(s->heap, s->nheap, &s->capheap, sizeof(*s->heap));
	i = s->nheap++;
	while (i > 0 && ev_before(&ev, &s->heap[(i - 1) / 2])) {
		s->heap[i] = s->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	s->heap[i] = ev;
}

static struct sim_ev
heap_pop(struct sim *s)
{
	struct sim_ev top = s->heap[0], last = s->heap[--s->nheap];
	size_t i = 0;

	for (;;) {
		size_t k = 2 * i + 1;

		if (k >= s->nheap)
			break;
		if (k + 1 < s->nheap &&
		    ev_before(&s->heap[k + 1], &s->heap[k]))
			k++;
		if (!ev_before(&s->heap[k], &last))
			break;
		s->heap[i] = s->heap[k];
		i = k;
	}
	s->heap[i] = last;
	return top;
}

void
sim_post(struct sim *s, struct sim_node *n, usec_t delay,
    void (*fn)(void *arg), void *arg)
{
	heap_push(s, (struct sim_ev){ .at = s->now + (delay > 0 ? delay : 0),
	    .seq = s->seq++, .node = n, .run = n != NULL ? n->run : 0,
	    .fn = fn, .arg = arg });
}

static void
run_event(struct sim *s)
{
	struct sim_ev ev = heap_pop(s);

	if (ev.node == NULL || (ev.node->up && ev.node->run == ev.run)) {
		if (ev.node != NULL)
			wheel_touch(ev.node->env.wheel, s->now);
		ev.fn(ev.arg);
	}
	free(ev.arg);
}

static usec_t
wheel_due(const struct sim_node *n)
{
	usec_t left = n->up ? wheel_next(n->env.wheel) : -1;

	return left < 0 ? -1 : wheel_now(n->env.wheel) + left;
}

bool
sim_step(struct sim *s, usec_t limit)
{
	usec_t at = s->nheap > 0 ? s->heap[0].at : -1;

	for (struct sim_node *n = s->nodes; n != NULL; n = n->next) {
		usec_t due = wheel_due(n);

		if (due >= 0 && (at < 0 || due < at))
			at = due;
	}
	if (at < 0 || at > limit)
		return false;
	if (at > s->now) {
		s->now = at;
		s->stuck = 0;
	} else if (++s->stuck > SIM_STUCK) {
		ck_abort_msg("the simulation goes in circles at %lld us",
		    (long long)s->now);
	}
	/* One thing at a time, so that sim_run_until() sees every state. */
	if (s->nheap > 0 && s->heap[0].at <= s->now) {
		run_event(s);
		return true;
	}
	for (struct sim_node *n = s->nodes; n != NULL; n = n->next) {
		usec_t due = wheel_due(n);

		if (due >= 0 && due <= s->now) {
			(void)wheel_advance(n->env.wheel, s->now, 1);
			return true;
		}
	}
	return true;
}

void
sim_run_for(struct sim *s, usec_t usec)
{
	usec_t limit = s->now + usec;

	while (sim_step(s, limit))
		;
	s->now = limit;
	s->stuck = 0;
	for (struct sim_node *n = s->nodes; n != NULL; n = n->next) {
		if (n->up)
			wheel_touch(n->env.wheel, s->now);
	}
}

void
sim_run_looking(struct sim *s, usec_t usec, sim_look_fn *look, void *ctx)
{
	usec_t limit = s->now + usec;
	bool more = true;

	while (more) {
		more = sim_step(s, limit);
		look(ctx);
	}
	sim_run_for(s, MAX_OF(limit - s->now, 0));
}

void
sim_settle(struct sim *s)
{
	while (sim_step(s, s->now))
		;
}

bool
sim_run_until(struct sim *s, sim_pred_fn *pred, void *ctx, usec_t max)
{
	usec_t limit = s->now + max;

	while (!pred(ctx)) {
		if (!sim_step(s, limit)) {
			sim_run_for(s, limit - s->now);
			return pred(ctx);
		}
	}
	return true;
}

/* --- the network ------------------------------------------------------- */

struct sim_path *
sim_net(struct sim *s)
{
	return &s->net;
}

static struct sim_path *
path_find(struct sim *s, const struct in6_addr *src,
    const struct in6_addr *dst)
{
	for (size_t i = 0; i < s->npaths; i++) {
		if (memcmp(&s->paths[i]->src, src, sizeof(*src)) == 0 &&
		    memcmp(&s->paths[i]->dst, dst, sizeof(*dst)) == 0)
			return s->paths[i];
	}
	return NULL;
}

struct sim_path *
sim_path(struct sim *s, const char *src, const char *dst)
{
	struct in6_addr a = sim_in6(src), b = sim_in6(dst);
	struct sim_path *p = path_find(s, &a, &b);

	if (p != NULL)
		return p;
	p = malloc(sizeof(*p));
	s->paths = realloc(s->paths, (s->npaths + 1) * sizeof(p));
	if (p == NULL || s->paths == NULL)
		abort();
	*p = s->net;
	p->src = a;
	p->dst = b;
	s->paths[s->npaths++] = p;
	return p;
}

void
sim_partition(struct sim *s, const char *a, const char *b, bool cut)
{
	sim_path(s, a, b)->cut = cut;
	sim_path(s, b, a)->cut = cut;
}

static struct sim_node *
node_of(struct sim *s, const struct in6_addr *addr)
{
	for (struct sim_node *n = s->nodes; n != NULL; n = n->next) {
		for (size_t i = 0; n->up && i < n->naddrs; i++) {
			if (memcmp(&n->addrs[i], addr, sizeof(*addr)) == 0)
				return n;
		}
	}
	return NULL;
}

static void
deliver(void *arg)
{
	struct sim_flight *f = arg;
	struct sim_node *n = node_of(f->sim, &f->dst);
	struct mh_pkt pkt = { .src = f->src, .dst = f->dst, .ifindex = 100,
		.data = f->data, .len = f->len };

	if (f->has_hao) {
		pkt.has_hao = true;
		pkt.hao = f->hao;
	}
	if (f->traced != NULL)
		f->traced->fate = n != NULL ? SIM_DELIVERED : SIM_NOBODY;
	if (n == NULL)
		return;
	wheel_touch(n->env.wheel, f->sim->now);
	n->mh.ahead(n->mh.recv_ctx, &pkt, 1);
	n->mh.recv(n->mh.recv_ctx, &pkt);
}

static void
launch(struct sim *s, const struct sim_path *p, struct sim_pkt *traced,
    const struct in6_addr *src, const struct in6_addr *dst, const void *data,
    size_t len)
{
	struct sim_flight *f = malloc(sizeof(*f) + len);
	usec_t delay = p->delay_us;

	if (f == NULL)
		abort();
	*f = (struct sim_flight){ .sim = s, .traced = traced, .src = *src,
		.dst = *dst, .len = len };
	memcpy(f->data, data, len);
	if (p->jitter_us > 0)
		delay += (usec_t)sim_random(s, (uint64_t)p->jitter_us);
	sim_post(s, NULL, delay, deliver, f);
}

static struct sim_pkt *
trace_add(struct sim *s, const struct in6_addr *src,
    const struct in6_addr *dst, const void *data, size_t len)
{
	struct sim_pkt *p;

	if (!s->trace)
		return NULL;
	s->pkts = grow(s->pkts, s->npkts, &s->cappkts, sizeof(p));
	p = calloc(1, sizeof(*p) + len);
	if (p == NULL)
		abort();
	p->at = s->now;
	p->wall = SIM_WALL_START + s->now - SIM_START;
	p->src = *src;
	p->dst = *dst;
	p->len = len;
	memcpy(p->data, data, len);
	p->copies = 1;
	p->parsed = mh_parse(p->data, len, src, dst, &mh_wire_default, &p->m,
	    NULL);
	s->pkts[s->npkts++] = p;
	return p;
}

void
sim_send_raw(struct sim *s, const struct in6_addr *src,
    const struct in6_addr *dst, const void *data, size_t len)
{
	struct sim_path *p = path_find(s, src, dst);
	struct sim_pkt *t = trace_add(s, src, dst, data, len);
	enum sim_fate fate = SIM_ON_THE_WAY;

	if (p == NULL)
		p = &s->net;
	if (p->cut) {
		fate = SIM_CUT;
	} else if (p->drop_next > 0) {
		p->drop_next--;
		fate = SIM_LOST;
	} else if (p->loss_permille > 0 &&
	    sim_random(s, 1000) < p->loss_permille) {
		fate = SIM_LOST;
	}
	if (t != NULL)
		t->fate = fate;
	if (fate != SIM_ON_THE_WAY)
		return;
	launch(s, p, t, src, dst, data, len);
	if (p->dup_next > 0 || (p->dup_permille > 0 &&
	    sim_random(s, 1000) < p->dup_permille)) {
		if (p->dup_next > 0)
			p->dup_next--;
		if (t != NULL)
			t->copies = 2;
		launch(s, p, t, src, dst, data, len);
	}
}

void
sim_send_mh(struct sim *s, const char *src, const char *dst,
    const struct mh_msg *m)
{
	struct in6_addr a = sim_in6(src), b = sim_in6(dst);
	uint8_t buf[MH_MAX_LEN];
	int len = mh_build(m, &a, &b, &mh_wire_default, buf, sizeof(buf));

	if (len < 0)
		ck_abort_msg("mh_build: %s", strerror(-len));
	sim_send_raw(s, &a, &b, buf, (size_t)len);
}

void
sim_send_hao(struct sim *s, const char *src, const char *dst,
    const char *home, const struct mh_msg *m)
{
	struct in6_addr b = sim_in6(dst);
	uint8_t buf[MH_MAX_LEN];
	struct sim_flight *f;
	int len;

	f = calloc(1, sizeof(*f) + sizeof(buf));
	if (f == NULL)
		abort();
	f->sim = s;
	f->src = sim_in6(src);
	f->dst = b;
	f->has_hao = true;
	f->hao = sim_in6(home);
	/* RFC 6275 6.1.1: the home address is summed as the source. */
	len = mh_build(m, &f->hao, &b, &mh_wire_default, buf, sizeof(buf));
	ck_assert_int_gt(len, 0);
	f->len = (size_t)len;
	memcpy(f->data, buf, f->len);
	sim_post(s, NULL, s->net.delay_us, deliver, f);
}

/* --- the trace --------------------------------------------------------- */

void
sim_trace(struct sim *s, bool on)
{
	s->trace = on;
}

size_t
sim_pkts(const struct sim *s)
{
	return s->npkts;
}

const struct sim_pkt *
sim_pkt(const struct sim *s, size_t i)
{
	ck_assert(i < s->npkts);
	return s->pkts[i];
}

/* NULL addresses fit anything. */
static bool
pkt_fits(const struct sim_pkt *p, int type, const struct in6_addr *src,
    const struct in6_addr *dst)
{
	/* The octet at offset 2 of a Mobility Header is its type. */
	if (type >= 0 && (p->len < 3 || p->data[2] != type))
		return false;
	if (src != NULL && memcmp(&p->src, src, sizeof(*src)) != 0)
		return false;
	return dst == NULL || memcmp(&p->dst, dst, sizeof(*dst)) == 0;
}

/* Index of the first at or behind `from` that fits, npkts when none does. */
static size_t
trace_find(const struct sim *s, size_t from, int type, const char *src,
    const char *dst)
{
	struct in6_addr a, b;

	if (src != NULL)
		a = sim_in6(src);
	if (dst != NULL)
		b = sim_in6(dst);
	while (from < s->npkts && !pkt_fits(s->pkts[from], type,
	    src != NULL ? &a : NULL, dst != NULL ? &b : NULL))
		from++;
	return from;
}

size_t
sim_count_mh(const struct sim *s, int type, const char *src, const char *dst)
{
	size_t n = 0;

	for (size_t i = trace_find(s, 0, type, src, dst); i < s->npkts;
	    i = trace_find(s, i + 1, type, src, dst))
		n++;
	return n;
}

const struct sim_pkt *
sim_next_mh(struct sim *s, int type, const char *src, const char *dst)
{
	size_t i = trace_find(s, s->cursor, type, src, dst);

	if (i == s->npkts)
		return NULL;
	s->cursor = i + 1;
	return s->pkts[i];
}

const struct sim_pkt *
sim_wait_mh(struct sim *s, int type, const char *src, const char *dst,
    usec_t max)
{
	usec_t limit = s->now + max;
	const struct sim_pkt *p;
	size_t from = s->cursor;

	ck_assert_msg(s->trace, "waiting for a packet without a trace");
	for (;;) {
		size_t i = trace_find(s, from, type, src, dst);

		if (i < s->npkts) {
			p = s->pkts[i];
			s->cursor = i + 1;
			return p;
		}
		from = s->npkts;
		if (!sim_step(s, limit)) {
			sim_run_for(s, limit - s->now);
			return sim_next_mh(s, type, src, dst);
		}
	}
}

void
sim_skip(struct sim *s)
{
	s->cursor = s->npkts;
}

static const struct sim_pkt *
expect(struct sim *s, int type, const char *src, const char *dst)
{
	const struct sim_pkt *p = sim_wait_mh(s, type, src, dst, SIM_WAIT);

	if (p == NULL)
		ck_abort_msg("no %s %s -> %s", mh_type_name((uint8_t)type),
		    src != NULL ? src : "any", dst != NULL ? dst : "any");
	ck_assert_msg(p->parsed == MH_OK, "malformed %s on the wire: %s",
	    mh_type_name((uint8_t)type), mh_drop_desc[p->parsed].name);
	return p;
}

const struct sim_pkt *
sim_expect_pbu(struct sim *s, const char *src, const char *dst)
{
	const struct sim_pkt *p = expect(s, MH_BU, src, dst);

	ck_assert_msg((p->m.bu.flags & BU_P) != 0, "a BU without P");
	return p;
}

const struct sim_pkt *
sim_expect_pba(struct sim *s, const char *src, const char *dst, int status)
{
	const struct sim_pkt *p = expect(s, MH_BA, src, dst);

	ck_assert_msg(p->m.ba.status == status, "PBA with status %u (%s), "
	    "not %d (%s)", p->m.ba.status, ba_status_name(p->m.ba.status),
	    status, ba_status_name((uint8_t)status));
	return p;
}

void
sim_expect_silence(struct sim *s, const char *src, const char *dst,
    usec_t usec)
{
	size_t from = s->npkts, i;

	sim_run_for(s, usec);
	i = trace_find(s, from, -1, src, dst);
	if (i < s->npkts)
		ck_abort_msg("unexpected %s %s -> %s",
		    mh_type_name(s->pkts[i]->data[2]),
		    src != NULL ? src : "any", dst != NULL ? dst : "any");
}

/* --- nodes ------------------------------------------------------------- */

struct sim_node *
sim_add_node(struct sim *s, const char *name)
{
	struct sim_node *n = sim_alloc(s, sizeof(*n)), **at = &s->nodes;

	n->sim = s;
	snprintf(n->name, sizeof(n->name), "%s", name);
	n->dialect = dialect_draft01;
	n->wire = mh_wire_default;
	n->max_tunnels = 4096;
	sim_kernel_init(&n->kernel);
	while (*at != NULL)
		at = &(*at)->next;
	*at = n;
	return n;
}

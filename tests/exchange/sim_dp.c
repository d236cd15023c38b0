/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A model of the kernel's tables behind struct dp, with the real tunnel.c on
 * top.  The tables belong to the node and survive a crash of its daemon; the
 * knobs of struct sim_kernel make it refuse, answer late or lose an answer.
 *
 * Operations are carried out and answered in the order they were asked, each
 * `delay_us` after its call, as a netlink socket does.
 */
#include "sim.h"

#include <check.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/util.h"

#define LOST_ANSWER_US (2 * USEC_PER_SEC)

struct sim_dp {
	struct dp dp;
	struct sim_node *node;
	struct sim_op *ops;	/* under way */
	usec_t last;		/* when the latest operation will be done */
	uint32_t next_ifindex;
};

/* One operation under way. */
struct sim_op {
	struct sim_op *next, **pprev;
	struct sim_dp *d;
	bool del;
	struct sim_kpath k;	/* what to set; key of what to delete */
	int err;		/* answer this instead */
	dp_done_fn *done;
	void *ctx;
};

struct kkey {
	enum dp_side side;
	const struct prefix *prefix;
};

/* --- the tables -------------------------------------------------------- */

static uint32_t
khash(enum dp_side side, const struct prefix *p)
{
	uint32_t h = 2166136261U ^ (uint32_t)side ^ p->len;
	const uint8_t *b = (const uint8_t *)&p->in6;
	size_t n = p->family == AF_INET6 ? 16 : 4;

	for (size_t i = 0; i < n; i++)
		h = (h ^ b[i]) * 16777619U;
	return h ^ h >> 15;
}

static bool
kpath_eq(const struct hnode *n, const void *key)
{
	const struct sim_kpath *k = CONTAINER_OF(n, const struct sim_kpath,
	    node);
	const struct kkey *want = key;

	return k->side == want->side && prefix_eq(&k->prefix, want->prefix);
}

static struct sim_kpath *
kpath_find(const struct sim_kernel *k, enum dp_side side,
    const struct prefix *p)
{
	struct kkey key = { side, p };
	struct hnode *n = htab_find(k->paths, khash(side, p), kpath_eq, &key);

	return n == NULL ? NULL : CONTAINER_OF(n, struct sim_kpath, node);
}

void
sim_kernel_init(struct sim_kernel *k)
{
	k->paths = htab_new();
	k->refuse_errno = -ENOBUFS;
}

struct reap {
	struct htab *paths;
	unsigned run;		/* spare this one; 0: nobody */
	size_t reaped;
};

static void
reap_one(void *ctx, struct hnode *n)
{
	struct reap *r = ctx;
	struct sim_kpath *k = CONTAINER_OF(n, struct sim_kpath, node);

	if (r->run != 0 && k->run == r->run)
		return;
	r->reaped++;
	htab_remove(r->paths, n);
	free(k);
}

/* Remove every path that another run than `run` has set. */
static void
kernel_reap(struct sim_kernel *k, unsigned run)
{
	struct reap r = { k->paths, run, 0 };
	size_t i = 0;

	/* A table that shrinks hides some from the walk: until none is found.*/
	do {
		size_t cursor = 0;

		r.reaped = 0;
		while (htab_walk(k->paths, &cursor, 64, reap_one, &r))
			;
	} while (r.reaped > 0);
	while (i < k->ntunnels) {
		if (run != 0 && k->tunnels[i].run == run)
			i++;
		else
			k->tunnels[i] = k->tunnels[--k->ntunnels];
	}
}

void
sim_kernel_clear(struct sim_kernel *k)
{
	kernel_reap(k, 0);
	k->naccess = 0;
}

void
sim_kernel_done(struct sim_kernel *k)
{
	sim_kernel_clear(k);
	htab_free(k->paths);
	free(k->tunnels);
}

static size_t
ktunnel_find(const struct sim_kernel *k, const struct in6_addr *local,
    const struct in6_addr *remote)
{
	size_t i;

	for (i = 0; i < k->ntunnels; i++) {
		if (in6_eq(&k->tunnels[i].local, local) &&
		    in6_eq(&k->tunnels[i].remote, remote))
			break;
	}
	return i;
}

/* --- operations -------------------------------------------------------- */

static bool
take(unsigned *knob)
{
	if (*knob == 0)
		return false;
	if (*knob != UINT_MAX)
		--*knob;
	return true;
}

static void
kernel_set(struct sim_kernel *kern, const struct sim_kpath *want, usec_t now)
{
	struct sim_kpath *k = kpath_find(kern, want->side, &want->prefix);

	kern->sets++;
	if (k == NULL) {
		k = calloc(1, sizeof(*k));
		if (k == NULL)
			abort();
		*k = *want;
		k->since = now;
		htab_insert(kern->paths, &k->node,
		    khash(want->side, &want->prefix));
		return;
	}
	kern->replaces++;
	k->replaced++;
	k->local = want->local;
	k->remote = want->remote;
	k->access_ifindex = want->access_ifindex;
	k->on_link = want->on_link;
	k->mac = want->mac;
	k->run = want->run;
}

static void
kernel_del(struct sim_kernel *kern, const struct sim_kpath *want)
{
	struct sim_kpath *k = kpath_find(kern, want->side, &want->prefix);

	kern->dels++;
	if (k == NULL) {
		kern->absent_dels++;
		return;
	}
	htab_remove(kern->paths, &k->node);
	free(k);
}

static void
op_run(void *arg)
{
	struct sim_op *o = arg;
	struct sim_node *n = o->d->node;

	if (o->pprev != NULL) {
		*o->pprev = o->next;
		if (o->next != NULL)
			o->next->pprev = o->pprev;
	}
	if (o->err == 0 && !n->kernel.forget) {
		if (o->del)
			kernel_del(&n->kernel, &o->k);
		else
			kernel_set(&n->kernel, &o->k, sim_now(n->sim));
	}
	if (o->done != NULL)
		o->done(o->ctx, o->err);
}

static int
op_start(struct sim_dp *d, struct sim_op *o)
{
	struct sim_kernel *k = &d->node->kernel;
	struct sim *s = d->node->sim;
	usec_t delay = k->delay_us;
	struct sim_op *copy;

	if (o->err == 0 && take(&k->lose)) {
		o->err = -ETIMEDOUT;
		delay = LOST_ANSWER_US;
	}
	if (delay < 0 && d->last <= sim_now(s)) {
		op_run(o);
		return 0;
	}
	copy = malloc(sizeof(*copy));
	if (copy == NULL)
		abort();
	*copy = *o;
	copy->next = d->ops;
	copy->pprev = &d->ops;
	if (copy->next != NULL)
		copy->next->pprev = &copy->next;
	d->ops = copy;
	/* A lost answer holds up nobody else. */
	if (o->err != -ETIMEDOUT) {
		delay = MAX_OF(delay, d->last - sim_now(s));
		d->last = sim_now(s) + MAX_OF(delay, 0);
	}
	sim_post(s, d->node, delay, op_run, copy);
	return 0;
}

static void
op_init(struct sim_op *o, struct sim_dp *d, const struct dp_path *p,
    dp_done_fn *done, void *ctx)
{
	*o = (struct sim_op){ .d = d, .done = done, .ctx = ctx };
	o->k.side = p->side;
	o->k.prefix = p->prefix;
	o->k.run = d->node->run;
	o->k.access_ifindex = p->access_ifindex;
	o->k.on_link = p->on_link;
	o->k.mac = p->mac;
	if (p->tunnel != NULL) {
		o->k.local = p->tunnel->local;
		o->k.remote = p->tunnel->remote;
	}
}

static int
dp_path_set(struct dp *dp, const struct dp_path *p, dp_done_fn *done,
    void *ctx)
{
	struct sim_dp *d = CONTAINER_OF(dp, struct sim_dp, dp);
	struct sim_kernel *k = &d->node->kernel;
	struct sim_op o;

	/* Only a visitor's prefix has none. */
	ck_assert_msg(p->tunnel != NULL ? p->tunnel->up : p->side == DP_PMA,
	    "a path over a tunnel that is not up");
	ck_assert_msg(p->tunnel == NULL || ktunnel_find(k, &p->tunnel->local,
	    &p->tunnel->remote) < k->ntunnels,
	    "a path over a tunnel that the kernel has not");
	op_init(&o, d, p, done, ctx);
	if (take(&k->refuse_nth))
		return op_start(d, &o);
	if (take(&k->refuse_call))
		return k->refuse_errno;
	if (take(&k->refuse_set))
		o.err = k->refuse_errno;
	return op_start(d, &o);
}

/* Backends remove by what they are told when they have no record. */
static void
check_what_goes(const struct sim_dp *d, const struct dp_path *p)
{
	const struct sim_kpath *k = kpath_find(&d->node->kernel, p->side,
	    &p->prefix);

	if (p->side != DP_PMA || k == NULL || k->run != d->node->run)
		return;
	ck_assert_msg(in6_is_zero(&k->remote) == (p->tunnel == NULL),
	    "a path is removed that is of another kind");
}

static int
dp_path_del(struct dp *dp, const struct dp_path *p, dp_done_fn *done,
    void *ctx)
{
	struct sim_dp *d = CONTAINER_OF(dp, struct sim_dp, dp);
	struct sim_op o;

	check_what_goes(d, p);
	op_init(&o, d, p, done, ctx);
	o.del = true;
	if (take(&d->node->kernel.refuse_del))
		o.err = d->node->kernel.refuse_errno;
	return op_start(d, &o);
}

static int
dp_tunnel_up(struct dp *dp, struct dp_tunnel *t)
{
	struct sim_dp *d = CONTAINER_OF(dp, struct sim_dp, dp);
	struct sim_kernel *k = &d->node->kernel;
	size_t i;

	if (take(&k->refuse_tunnel))
		return k->refuse_errno;
	i = ktunnel_find(k, &t->local, &t->remote);
	if (i == k->ntunnels) {
		if (k->ntunnels == k->captunnels) {
			k->captunnels = k->captunnels * 2 + 8;
			k->tunnels = realloc(k->tunnels,
			    k->captunnels * sizeof(*k->tunnels));
			if (k->tunnels == NULL)
				abort();
		}
		k->ntunnels++;
	}
	k->tunnels[i] = (struct sim_ktunnel){ t->local, t->remote,
		d->node->run };
	k->ups++;
	t->ifindex = d->next_ifindex++;
	t->mtu = DP_MTU_DEFAULT - DP_TUNNEL_OVERHEAD;
	return 0;
}

struct over {
	const struct sim_kernel *k;
	const struct dp_tunnel *t;
	size_t n;
};

static void
over_one(void *ctx, struct hnode *n)
{
	const struct sim_kpath *p = CONTAINER_OF(n, struct sim_kpath, node);
	struct over *o = ctx;

	o->n += in6_eq(&p->local, &o->t->local) &&
	    in6_eq(&p->remote, &o->t->remote);
}

static void
dp_tunnel_down(struct dp *dp, struct dp_tunnel *t)
{
	struct sim_dp *d = CONTAINER_OF(dp, struct sim_dp, dp);
	struct sim_kernel *k = &d->node->kernel;
	size_t i = ktunnel_find(k, &t->local, &t->remote), cursor = 0;
	struct over o = { k, t, 0 };

	ck_assert_msg(i < k->ntunnels, "a tunnel goes down twice");
	k->tunnels[i] = k->tunnels[--k->ntunnels];
	k->downs++;
	/*
	 * Paths over a device that goes go with it.  A daemon that leaves some
	 * behind has lost count of the users, unless their removal is on its
	 * way or it is Tunnel-Life that ended.
	 */
	if (t->users > 0 || d->last > sim_now(d->node->sim) ||
	    k->delay_us >= 0)
		return;
	while (htab_walk(k->paths, &cursor, 1024, over_one, &o))
		;
	ck_assert_msg(o.n == 0, "a tunnel goes down under %zu paths", o.n);
}

static int
dp_access_add(struct dp *dp, uint32_t ifindex)
{
	struct sim_dp *d = CONTAINER_OF(dp, struct sim_dp, dp);
	struct sim_kernel *k = &d->node->kernel;

	for (size_t i = 0; i < k->naccess; i++) {
		if (k->access[i] == ifindex)
			return 0;
	}
	if (k->naccess == SIM_NODE_IFS)
		return -ENOSPC;
	k->access[k->naccess++] = ifindex;
	return 0;
}

static void
dp_access_del(struct dp *dp, uint32_t ifindex)
{
	struct sim_dp *d = CONTAINER_OF(dp, struct sim_dp, dp);
	struct sim_kernel *k = &d->node->kernel;

	for (size_t i = 0; i < k->naccess; i++) {
		if (k->access[i] == ifindex) {
			k->access[i] = k->access[--k->naccess];
			return;
		}
	}
}

static int
dp_sweep(struct dp *dp)
{
	struct sim_dp *d = CONTAINER_OF(dp, struct sim_dp, dp);

	d->node->kernel.sweeps++;
	kernel_reap(&d->node->kernel, d->node->run);
	return 0;
}

static int
dp_divert(struct dp *dp, dp_packet_fn *fn, void *ctx)
{
	struct sim_kernel *k = &CONTAINER_OF(dp, struct sim_dp,
	    dp)->node->kernel;

	(void)ctx;
	k->diverts = fn != NULL && k->can_divert;
	return fn != NULL && !k->can_divert ? -EOPNOTSUPP : 0;
}

static void
dp_shutdown(struct dp *dp, bool keep)
{
	struct sim_dp *d = CONTAINER_OF(dp, struct sim_dp, dp);

	if (!keep)
		sim_kernel_clear(&d->node->kernel);
}

static void
dp_show(struct dp *dp, struct json_w *w)
{
	struct sim_dp *d = CONTAINER_OF(dp, struct sim_dp, dp);

	json_w_u(w, "paths", htab_count(d->node->kernel.paths));
}

static void
dp_show_tunnel(struct dp *dp, const struct dp_tunnel *t, struct json_w *w)
{
	(void)dp;
	json_w_u(w, "ifindex", t->ifindex);
}

static void
dp_free(struct dp *dp)
{
	free(CONTAINER_OF(dp, struct sim_dp, dp));
}

static const struct dp_ops sim_dp_ops = {
	.name = "model",
	.tunnel_up = dp_tunnel_up, .tunnel_down = dp_tunnel_down,
	.path_set = dp_path_set, .path_del = dp_path_del,
	.access_add = dp_access_add, .access_del = dp_access_del,
	.divert = dp_divert, .sweep = dp_sweep, .shutdown = dp_shutdown,
	.show = dp_show, .show_tunnel = dp_show_tunnel, .free = dp_free,
};

struct dp *
sim_dp_new(struct sim_node *n)
{
	struct sim_dp *d = calloc(1, sizeof(*d));

	if (d == NULL)
		abort();
	d->dp.ops = &sim_dp_ops;
	d->node = n;
	d->next_ifindex = 1000;
	d->dp.tunnels = tunnel_table_new(&d->dp, n->env.wheel, n->env.log,
	    n->max_tunnels);
	return &d->dp;
}

void
sim_dp_free(struct sim_node *n)
{
	struct sim_dp *d = CONTAINER_OF(n->dp, struct sim_dp, dp);
	struct sim_kernel keep = n->kernel;

	/* Who still waits is told; the roles have gone by now. */
	for (struct sim_op *o = d->ops; o != NULL; o = o->next) {
		if (o->done != NULL)
			o->done(o->ctx, -ECANCELED);
	}
	/*
	 * The table takes its tunnels down, which after shutdown(keep) must
	 * not show: what stays in the kernel is decided already.
	 */
	n->kernel.tunnels = malloc((keep.ntunnels + 1) *
	    sizeof(*keep.tunnels));
	if (n->kernel.tunnels == NULL)
		abort();
	if (keep.ntunnels > 0)
		memcpy(n->kernel.tunnels, keep.tunnels,
		    keep.ntunnels * sizeof(*keep.tunnels));
	for (struct dp_tunnel *t = tunnel_first(n->dp->tunnels); t != NULL;
	    t = t->next) {
		struct sim_kernel *k = &n->kernel;

		/* shutdown() took it: let tunnel_down() find it. */
		if (ktunnel_find(k, &t->local, &t->remote) < k->ntunnels)
			continue;
		k->tunnels = realloc(k->tunnels,
		    (k->ntunnels + 1) * sizeof(*k->tunnels));
		if (k->tunnels == NULL)
			abort();
		k->tunnels[k->ntunnels++] = (struct sim_ktunnel){ t->local,
			t->remote, 0 };
	}
	n->kernel.delay_us = 0;
	tunnel_table_free(n->dp->tunnels);
	free(n->kernel.tunnels);
	n->kernel.tunnels = keep.tunnels;
	n->kernel.ntunnels = keep.ntunnels;
	n->kernel.captunnels = keep.captunnels;
	n->kernel.delay_us = keep.delay_us;
	n->kernel.downs = keep.downs;
	n->dp->ops->free(n->dp);
}

/* --- looking into it --------------------------------------------------- */

const struct sim_kpath *
sim_kpath(struct sim_node *n, const char *prefix)
{
	struct prefix p = sim_prefix(prefix);
	const struct sim_kpath *k = kpath_find(&n->kernel, DP_HA, &p);

	return k != NULL ? k : kpath_find(&n->kernel, DP_PMA, &p);
}

bool
sim_routed(struct sim_node *n, const char *prefix, const char *remote)
{
	const struct sim_kpath *k = sim_kpath(n, prefix);
	struct in6_addr a;

	if (k == NULL || remote == NULL)
		return k == NULL && remote == NULL;
	a = sim_in6(remote);
	return in6_eq(&k->remote, &a) &&
	    ktunnel_find(&n->kernel, &k->local, &a) < n->kernel.ntunnels;
}

size_t
sim_kpaths(struct sim_node *n)
{
	return htab_count(n->kernel.paths);
}

bool
sim_ktunnel(struct sim_node *n, const char *local, const char *remote)
{
	struct in6_addr a = sim_in6(local), b = sim_in6(remote);

	return ktunnel_find(&n->kernel, &a, &b) < n->kernel.ntunnels;
}

struct dp_tunnel *
sim_tunnel(struct sim_node *n, const char *local, const char *remote)
{
	struct in6_addr a = sim_in6(local), b = sim_in6(remote);

	return tunnel_find(n->dp->tunnels, &a, &b);
}

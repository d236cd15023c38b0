/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The paths of the bpf backend: entries of the maps, and the routes that a few
 * of them have.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sys/socket.h>

#include <linux/rtnetlink.h>

#include "core/htab.h"
#include "dataplane/dp_bpf.h"

/* A path whose route must win over a connected one. */
struct bpf_host {
	struct hnode node;
	struct prefix prefix;
};

/* --- routes of a path's own ---------------------------------------------- */

/* The route of a path that does not rely on COVER. */
static struct dpnl_route
host_route(const struct bpf_be *e, const struct prefix *p)
{
	return (struct dpnl_route){ .family = p->family, .dst = *p,
		.proto = e->base.conf.rtproto, .type = RTN_UNICAST,
		.table = RT_TABLE_MAIN, .metric = DPNL_METRIC,
		.oif = e->anchor[PMIP_SIDE_HA].ifindex };
}

static void
host_route_again(void *ctx, struct hnode *n)
{
	struct bpf_be *e = ctx;
	struct dpnl_route r = host_route(e,
	    &CONTAINER_OF(n, struct bpf_host, node)->prefix);

	dp_op_post(&e->base, dpnl_route(RTM_NEWROUTE, &r));
}

void
bpf_path_hosts_again(struct bpf_be *e)
{
	htab_each(e->hosts, host_route_again, e);
}

static bool
host_eq(const struct hnode *n, const void *key)
{
	return prefix_eq(&CONTAINER_OF(n, const struct bpf_host, node)->prefix,
	    key);
}

static uint32_t
host_hash(const struct bpf_be *e, const struct prefix *p)
{
	return (uint32_t)hash_bytes(&e->hash, &p->in6, sizeof(p->in6));
}

bool
bpf_path_has_host(const struct bpf_be *e, const struct prefix *p)
{
	return p->family == AF_INET6 &&
	    htab_find(e->hosts, host_hash(e, p), host_eq, p) != NULL;
}

/* Remember that a path has a route of its own, or forget it. */
static void
host_note(struct bpf_be *e, const struct prefix *p, bool has)
{
	uint32_t hash = host_hash(e, p);
	struct hnode *n = htab_find(e->hosts, hash, host_eq, p);
	struct bpf_host *h;

	if (n != NULL && !has) {
		htab_remove(e->hosts, n);
		free(CONTAINER_OF(n, struct bpf_host, node));
	} else if (n == NULL && has) {
		h = calloc(1, sizeof(*h));
		if (h == NULL)
			abort();
		h->prefix = *p;
		htab_insert(e->hosts, &h->node, hash);
	}
}

/* --- paths --------------------------------------------------------------- */

/* A path of this run goes from one peer (NULL: none) to another. */
static void
path_account(struct bpf_be *e, const uint32_t *from, const uint32_t *to)
{
	if (from != NULL) {
		struct dp_tunnel *t = *from < e->base.conf.max_tunnels ?
		    e->peer[*from] : NULL;

		e->base.npaths--;
		if (t != NULL)
			((struct bpf_peer *)t->priv)->npaths--;
	}
	if (to != NULL) {
		e->base.npaths++;
		if (*to != PMIP_PEER_NATIVE)
			((struct bpf_peer *)e->peer[*to]->priv)->npaths++;
	}
}

static void
host_undo(struct dp_op *op)
{
	struct bpf_be *e = be_of_base(op->base);
	struct bpf_dp *m = e->base.bpf;
	struct dpnl_route r = host_route(e, &op->now.prefix);
	const struct pmip_ha_path *cur = bpf_dp_ha_find(m, &op->now.prefix);

	/* Only what is still as this operation made it. */
	if (cur == NULL || cur->peer != op->is.peer)
		return;
	if (op->had_old && e->peer[op->was.peer] != NULL) {
		(void)bpf_dp_ha_set(m, &op->now.prefix, cur, op->was.peer);
		path_account(e, &op->is.peer, &op->was.peer);
		return;
	}
	(void)bpf_dp_ha_del(m, &op->now.prefix);
	path_account(e, &op->is.peer, NULL);
	host_note(e, &op->now.prefix, false);
	dp_op_post(&e->base, dpnl_route(RTM_DELROUTE, &r));
}

static void
host_set(struct bpf_be *e, const struct dp_path *p,
    const uint32_t *old_peer, dp_done_fn *done, void *ctx)
{
	struct dpnl_route r = host_route(e, &p->prefix);
	struct dp_op *op = dp_op_new(&e->base, p, done, ctx);

	op->undo = host_undo;
	op->is.peer = p->tunnel->id;
	op->had_old = old_peer != NULL;
	if (old_peer != NULL)
		op->was.peer = *old_peer;
	host_note(e, &p->prefix, true);
	dp_op_add(op, RTM_NEWROUTE, &r);
	dp_op_end(op);
}

static void
host_del(struct bpf_be *e, const struct dp_path *p, dp_done_fn *done,
    void *ctx)
{
	struct dpnl_route r = host_route(e, &p->prefix);
	struct dp_op *op = dp_op_new(&e->base, p, done, ctx);

	host_note(e, &p->prefix, false);
	dp_op_add(op, RTM_DELROUTE, &r);
	dp_op_end(op);
}

static int
path_set_ha(struct bpf_be *e, const struct dp_path *p, dp_done_fn *done,
    void *ctx)
{
	struct bpf_dp *m = e->base.bpf;
	const struct pmip_ha_path *at = bpf_dp_ha_find(m, &p->prefix);
	bool had = at != NULL && at->run == bpf_dp_run(m);
	uint32_t was = had ? at->peer : 0, *old_peer = had ? &was : NULL;
	struct dp_path hosted = { .side = DP_PMA, .prefix = p->prefix };
	struct pmip_pma_path here;
	int r = -ENOSPC;

	if (had || e->base.npaths < e->base.conf.max_paths)
		r = bpf_dp_ha_set(m, &p->prefix, at, p->tunnel->id);
	if (r < 0)
		return r;
	path_account(e, old_peer, &p->tunnel->id);
	if (e->base.conf.is_pma &&
	    bpf_dp_pma_get(m, &p->prefix, &here) == 0) {
		hosted.access_ifindex = here.ifindex;
		dp_hosted_by_own(&e->base, &hosted, p->tunnel->own);
	}
	if (p->on_link)
		host_set(e, p, old_peer, done, ctx);
	else if (done != NULL)
		done(ctx, 0);
	return 0;
}

static struct pmip_pma_path
pma_value(const struct bpf_be *e, const struct dp_path *p)
{
	struct pmip_pma_path v = { .ifindex = p->access_ifindex,
		.run = bpf_dp_run(e->base.bpf) };

	v.peer = p->tunnel != NULL ? p->tunnel->id : PMIP_PEER_NATIVE;
	v.steer = p->tunnel != NULL ? 0 : PMIP_STEER_NATIVE;
	memcpy(v.mac, p->mac.b, sizeof(v.mac));
	return v;
}

/* Tell the kernel where a node is, or was, as the map has it. */
static void
neigh_of_value(struct bpf_be *e, const struct prefix *prefix,
    const struct pmip_pma_path *v,
    void (*tell)(struct dp_base *, const struct dp_path *))
{
	struct dp_path p = { .side = DP_PMA, .prefix = *prefix,
		.access_ifindex = v->ifindex };

	memcpy(p.mac.b, v->mac, sizeof(p.mac.b));
	tell(&e->base, &p);
}

/* Of this run, and still there? */
static bool
peer_is_ours(const struct bpf_be *e, uint32_t peer)
{
	return peer == PMIP_PEER_NATIVE ||
	    (peer < e->base.conf.max_tunnels && e->peer[peer] != NULL);
}

static void
path_undo(struct dp_op *op)
{
	struct bpf_be *e = be_of_base(op->base);
	struct bpf_dp *m = e->base.bpf;
	struct pmip_pma_path cur;
	struct dpnl_route r;

	/* Only what is still as this operation made it. */
	if (bpf_dp_pma_get(m, &op->now.prefix, &cur) < 0 ||
	    memcmp(&cur, &op->is, sizeof(cur)) != 0)
		return;
	r = dp_connected(&e->base, &op->now);
	dp_neigh_del(&e->base, &op->now);
	if (op->had_old && peer_is_ours(e, op->was.peer)) {
		(void)bpf_dp_pma_set(m, &op->now.prefix, &op->was);
		path_account(e, &cur.peer, &op->was.peer);
		r.oif = op->was.ifindex;
		dp_op_post(&e->base, dpnl_route(RTM_NEWROUTE, &r));
		neigh_of_value(e, &op->now.prefix, &op->was, dp_neigh_set);
		return;
	}
	(void)bpf_dp_pma_del(m, &op->now.prefix);
	path_account(e, &cur.peer, NULL);
	dp_op_post(&e->base, dpnl_route(RTM_DELROUTE, &r));
}

static int
path_set_pma(struct bpf_be *e, const struct dp_path *p, dp_done_fn *done,
    void *ctx)
{
	struct bpf_dp *m = e->base.bpf;
	struct pmip_pma_path v = pma_value(e, p), old;
	struct dpnl_route route = dp_connected(&e->base, p);
	bool room = e->base.npaths < e->base.conf.max_paths, had = false;
	/* mostly it is new, and one system call enough */
	int r = room ? bpf_dp_pma_add(m, &p->prefix, &v) : -EEXIST;
	struct dp_op *op;

	if (r == -EEXIST) {
		had = bpf_dp_pma_get(m, &p->prefix, &old) == 0 &&
		    old.run == bpf_dp_run(m);
		r = had || room ? bpf_dp_pma_set(m, &p->prefix, &v) : -ENOSPC;
	}
	if (r < 0)
		return r;
	path_account(e, had ? &old.peer : NULL, &v.peer);
	op = dp_op_new(&e->base, p, done, ctx);
	op->undo = path_undo;
	op->is = v;
	op->had_old = had;
	if (had)
		op->was = old;
	if (had && old.ifindex != v.ifindex)
		neigh_of_value(e, &p->prefix, &old, dp_neigh_del);
	dp_neigh_set(&e->base, p);
	dp_op_add(op, RTM_NEWROUTE, &route);
	dp_op_end(op);
	return 0;
}

void
bpf_path_ahead(struct dp *dp, const struct prefix *const *v, size_t n)
{
	bpf_dp_ha_ahead(be_of(dp)->base.bpf, v, n);
}

int
bpf_path_set(struct dp *dp, const struct dp_path *p, dp_done_fn *done,
    void *ctx)
{
	struct bpf_be *e = be_of(dp);

	if (!dp_path_ok(p))
		return -EINVAL;
	return p->side == DP_HA ? path_set_ha(e, p, done, ctx) :
	    path_set_pma(e, p, done, ctx);
}

int
bpf_path_del(struct dp *dp, const struct dp_path *p, dp_done_fn *done,
    void *ctx)
{
	struct bpf_be *e = be_of(dp);
	struct bpf_dp *m = e->base.bpf;
	struct pmip_pma_path pma;
	const struct pmip_ha_path *ha;
	struct dpnl_route route;
	struct dp_op *op;

	if (!dp_prefix_ok(&p->prefix))
		return -EINVAL;
	if (p->side == DP_HA) {
		ha = bpf_dp_ha_find(m, &p->prefix);
		if (ha != NULL && ha->run == bpf_dp_run(m))
			path_account(e, &ha->peer, NULL);
		(void)bpf_dp_ha_del(m, &p->prefix);
		if (p->on_link)
			host_del(e, p, done, ctx);
		else if (done != NULL)
			done(ctx, 0);
		return 0;
	}
	if (bpf_dp_pma_get(m, &p->prefix, &pma) == 0 &&
	    pma.run == bpf_dp_run(m))
		path_account(e, &pma.peer, NULL);
	(void)bpf_dp_pma_del(m, &p->prefix);
	dp_neigh_del(&e->base, p);
	route = dp_connected(&e->base, p);
	route.oif = 0;
	op = dp_op_new(&e->base, p, done, ctx);
	dp_op_add(op, RTM_DELROUTE, &route);
	dp_op_end(op);
	return 0;
}

/* --- life ---------------------------------------------------------------- */

void
bpf_path_init(struct bpf_be *e)
{
	e->hosts = htab_new();
	hash_key_random(&e->hash);
}

static void
host_free(void *ctx, struct hnode *n)
{
	htab_remove(ctx, n);
	free(CONTAINER_OF(n, struct bpf_host, node));
}

void
bpf_path_done(struct bpf_be *e)
{
	htab_each(e->hosts, host_free, e->hosts);
	htab_free(e->hosts);
}

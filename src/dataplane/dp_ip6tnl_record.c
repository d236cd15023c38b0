/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the ip6tnl backend remembers of paths: a home agent's in the table that
 * the filters read, which says the number of the device; a PMA's in structs of
 * its own.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/dp_ip6tnl.h"

/* At a PMA. */
struct ip6tnl_path {
	struct hnode node;
	struct dp_tunnel *tunnel;
	uint8_t addr[16];
	uint32_t access_ifindex;
	struct mac mac;
	uint16_t serial;		/* of the latest operation */
	uint8_t len;
	uint8_t family;
};

/* --- devices by number --------------------------------------------------- */

static bool
dev_eq(const struct hnode *n, const void *key)
{
	return CONTAINER_OF(n, const struct ip6tnl_dev, node)->peer ==
	    *(const uint32_t *)key;
}

/* The kernel gives the numbers, one after the other: no need to hash them. */
void
record_number(struct ip6tnl_dp *d, struct ip6tnl_dev *dev, uint32_t peer)
{
	if (dev->peer != 0)
		htab_remove(d->devs, &dev->node);
	dev->peer = peer;
	if (peer != 0)
		htab_insert(d->devs, &dev->node, peer);
}

static struct dp_tunnel *
tunnel_of_peer(const struct ip6tnl_dp *d, uint32_t peer)
{
	struct hnode *n = htab_find(d->devs, peer, dev_eq, &peer);

	return n == NULL ? NULL :
	    CONTAINER_OF(n, struct ip6tnl_dev, node)->tunnel;
}

/* One path more (or less: -1) over its tunnel, if any. */
static void
path_count(const struct dp_path *p, int n)
{
	struct ip6tnl_dev *dev = p->tunnel != NULL ? dev_of(p->tunnel) : NULL;

	if (dev == NULL)
		return;
	dev->npaths += (uint32_t)n;
	if (uses_slot(p))
		dev->nv4 += (uint32_t)n;
}

/* --- a PMA's ------------------------------------------------------------- */

struct path_key {
	uint8_t addr[16];
	uint8_t len, family;
};

static struct path_key
path_key(const struct prefix *p)
{
	struct path_key k = { .len = p->len, .family = p->family };

	memcpy(k.addr, &p->in6, p->family == AF_INET6 ? 16 : 4);
	return k;
}

static uint32_t
path_hash(const struct ip6tnl_dp *d, const struct path_key *k)
{
	return (uint32_t)hash_bytes(&d->hash, k, sizeof(*k));
}

static bool
path_eq(const struct hnode *n, const void *key)
{
	const struct ip6tnl_path *p = CONTAINER_OF(n, const struct ip6tnl_path,
	    node);
	const struct path_key *k = key;

	return p->len == k->len && p->family == k->family &&
	    memcmp(p->addr, k->addr, sizeof(k->addr)) == 0;
}

static struct ip6tnl_path *
hosted_find(struct ip6tnl_dp *d, const struct prefix *p)
{
	struct path_key k = path_key(p);
	struct hnode *n = htab_find(d->paths, path_hash(d, &k), path_eq, &k);

	return n == NULL ? NULL : CONTAINER_OF(n, struct ip6tnl_path, node);
}

static struct dp_path
hosted_read(const struct ip6tnl_path *r)
{
	struct dp_path p = { .side = DP_PMA, .tunnel = r->tunnel,
		.access_ifindex = r->access_ifindex, .mac = r->mac };

	p.prefix.family = r->family;
	p.prefix.len = r->len;
	memcpy(&p.prefix.in6, r->addr, sizeof(r->addr));
	return p;
}

static int
hosted_write(struct ip6tnl_dp *d, const struct dp_path *p)
{
	struct ip6tnl_path *r = hosted_find(d, &p->prefix);

	if (r == NULL) {
		struct path_key k = path_key(&p->prefix);

		if ((r = calloc(1, sizeof(*r))) == NULL)
			return -ENOMEM;
		memcpy(r->addr, k.addr, sizeof(r->addr));
		r->len = k.len;
		r->family = k.family;
		htab_insert(d->paths, &r->node, path_hash(d, &k));
	}
	r->tunnel = p->tunnel;
	r->access_ifindex = p->access_ifindex;
	r->mac = p->mac;
	return 0;
}

/* --- both sides' --------------------------------------------------------- */

/* An entry of this run; NULL. */
static const struct pmip_ha_path *
bound_find(const struct ip6tnl_dp *d, const struct prefix *p)
{
	const struct pmip_ha_path *e = path_table_find(d->ha, p);

	return e != NULL && e->run == d->run ? e : NULL;
}

static struct dp_path
bound_read(const struct ip6tnl_dp *d, const struct pmip_ha_path *e)
{
	return (struct dp_path){ .side = DP_HA,
		.prefix = path_table_prefix(e),
		.tunnel = tunnel_of_peer(d, e->peer) };
}

bool
record_get(struct ip6tnl_dp *d, enum dp_side side, const struct prefix *p,
    struct dp_path *ret)
{
	const struct pmip_ha_path *e;
	const struct ip6tnl_path *r;

	if (side == DP_HA && (e = bound_find(d, p)) != NULL)
		*ret = bound_read(d, e);
	else if (side == DP_PMA && (r = hosted_find(d, p)) != NULL)
		*ret = hosted_read(r);
	else
		return false;
	return true;
}

int
record_write(struct ip6tnl_dp *d, const struct dp_path *p,
    const struct dp_path *old)
{
	int r;

	if (old == NULL && d->base.npaths >= d->base.conf.max_paths)
		return -ENOSPC;
	r = p->side == DP_PMA ? hosted_write(d, p) :
	    path_table_set(d->ha, &p->prefix, dev_of(p->tunnel)->peer, d->run);
	if (r < 0)
		return r;
	if (old != NULL)
		path_count(old, -1);
	else
		d->base.npaths++;
	path_count(p, 1);
	return 0;
}

void
record_forget(struct ip6tnl_dp *d, const struct dp_path *p)
{
	struct ip6tnl_path *r;

	path_count(p, -1);
	d->base.npaths--;
	if (p->side == DP_HA)
		return;
	r = hosted_find(d, &p->prefix);
	htab_remove(d->paths, &r->node);
	free(r);
}

uint16_t
record_next(struct ip6tnl_dp *d, const struct prefix *p)
{
	return ++hosted_find(d, p)->serial;
}

/* A home agent has one operation at a time for a prefix. */
bool
record_is_latest(struct ip6tnl_dp *d, const struct dp_op *op)
{
	const struct pmip_ha_path *e;
	const struct ip6tnl_path *r;

	if (op->now.side == DP_HA) {
		e = bound_find(d, &op->now.prefix);
		return e != NULL &&
		    tunnel_of_peer(d, e->peer) == op->now.tunnel;
	}
	r = hosted_find(d, &op->now.prefix);
	return r != NULL && r->serial == op->serial;
}

/* --- walks --------------------------------------------------------------- */

struct record_walk {
	struct ip6tnl_dp *d;
	const struct dp_tunnel *tunnel;
	record_fn *fn;
};

static void
walk_hosted(void *ctx, struct hnode *n)
{
	struct ip6tnl_path *r = CONTAINER_OF(n, struct ip6tnl_path, node);
	struct record_walk *w = ctx;
	struct dp_path p = hosted_read(r);

	if (p.tunnel == w->tunnel)
		(void)w->fn(w->d, &p);
}

static bool
walk_bound(void *ctx, const struct pmip_ha_path *e)
{
	struct record_walk *w = ctx;
	struct dp_path p;

	if (e->run != w->d->run || e->peer != dev_of(w->tunnel)->peer)
		return false;
	p = bound_read(w->d, e);
	return w->fn(w->d, &p);
}

void
record_each(struct ip6tnl_dp *d, const struct dp_tunnel *t, record_fn *fn)
{
	struct record_walk w = { d, t, fn };

	htab_each(d->paths, walk_hosted, &w);
	(void)path_table_sweep(d->ha, walk_bound, &w);
}

/* --- life ---------------------------------------------------------------- */

void
record_init(struct ip6tnl_dp *d)
{
	d->paths = htab_new();
	hash_key_random(&d->hash);
	d->devs = htab_new();
}

/* Where the filters read them, or else in memory of our own. */
int
record_open(struct ip6tnl_dp *d, char *why, size_t whycap)
{
	uint32_t slots = PMIP_HA_SLOTS(d->base.conf.is_ha ?
	    d->base.conf.max_paths : 0);
	struct pmip_ha_path *v;
	uint64_t seed[2];

	if (d->base.bpf != NULL) {
		d->ha = bpf_dp_ha_table(d->base.bpf, &d->run);
		return 0;
	}
	v = calloc(slots, sizeof(*v));
	if (v == NULL) {
		snprintf(why, whycap, "records of paths: %s (fewer max-paths "
		    "need less)", strerror(ENOMEM));
		return -ENOMEM;
	}
	crypto_random(seed, sizeof(seed));
	path_table_init(&d->own, v, slots, seed);
	d->ha = &d->own;
	return 0;
}

static void
free_one(void *ctx, struct hnode *n)
{
	htab_remove(ctx, n);
	free(CONTAINER_OF(n, struct ip6tnl_path, node));
}

void
record_done(struct ip6tnl_dp *d)
{
	htab_each(d->paths, free_one, d->paths);
	htab_free(d->paths);
	htab_free(d->devs);
	free(d->own.slot);
}

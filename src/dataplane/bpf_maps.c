/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The maps of the packet programs: the routing state of the bpf backend, the
 * filters of both.
 */
#include "dataplane/bpf_load.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <sys/socket.h>

#include <bpf/bpf.h>

#include "core/util.h"
#include "dataplane/bpf_priv.h"

#define BATCH 4096		/* entries per system call */
#define STOCK_TRIES 20
#define STOCK_WAIT_MS 1

const struct stat_desc pmip_counter_desc[PMIP_C_MAX] = {
	[PMIP_C_ENCAP] = { "encapsulated", "packets sent into a tunnel" },
	[PMIP_C_DECAP] = { "decapsulated", "packets taken out of a tunnel" },
	[PMIP_C_NATIVE] = { "native",
	    "packets of nodes that are served without a tunnel" },
	[PMIP_C_NO_PATH] = { "no-path",
	    "packets for or from a prefix without a binding" },
	[PMIP_C_NO_ROUTE] = { "no-route", "no route to the tunnel's end" },
	[PMIP_C_ERROR] = { "error", "packets the programs could not handle" },
	[PMIP_C_SPOOF] = { "tunnel-spoof",
	    "inner source not bound to that tunnel: RFC 5213 10.4" },
	[PMIP_C_HOTI] = { "hoti",
	    "Home Test Init of a proxy-registered node: draft-01 5.7" },
	[PMIP_C_NOT_HOSTED] = { "not-hosted",
	    "inner destination not hosted here: RFC 5213 6.10.5" },
	[PMIP_C_ACCESS_SPOOF] = { "access-spoof",
	    "source on an access link not hosted there: RFC 5844 3.4" },
	[PMIP_C_ACCESS_MAC] = { "access-mac",
	    "source on an access link from another node's MAC" },
	[PMIP_C_ACCESS_LINKLOCAL] = { "access-link-local",
	    "link-local source, to be forwarded: draft-01 6.7" },
	[PMIP_C_ACCESS_RA] = { "access-ra",
	    "Router Advertisement or Redirect from a node: RFC 6105" },
	[PMIP_C_ACCESS_NEIGH] = { "access-neighbour",
	    "Neighbour Advertisement or ARP for another node's address" },
};

int
bpf_dp_begin_run(struct bpf_dp *b)
{
	struct pmip_conf c = { 0 };
	uint32_t zero = 0;

	if (bpf_map_lookup_elem(b->map[BPF_DP_CONF], &zero, &c) < 0)
		return -errno;
	c.run++;
	c.sides = (b->conf.is_ha ? 1U << PMIP_SIDE_HA : 0) |
	    (b->conf.is_pma ? 1U << PMIP_SIDE_PMA : 0);
	b->run = (uint8_t)c.run;
	return bpf_map_update_elem(b->map[BPF_DP_CONF], &zero, &c, BPF_ANY) < 0
	    ? -errno : 0;
}

int
bpf_dp_set_anchor(struct bpf_dp *b, int side, uint32_t ifindex)
{
	struct pmip_conf c = { 0 };
	uint32_t zero = 0;

	if (bpf_map_lookup_elem(b->map[BPF_DP_CONF], &zero, &c) < 0)
		return -errno;
	c.anchor[side] = ifindex;
	return bpf_map_update_elem(b->map[BPF_DP_CONF], &zero, &c, BPF_ANY) < 0
	    ? -errno : 0;
}

/* --- peers --------------------------------------------------------------- */

int
bpf_dp_peer_set(struct bpf_dp *b, uint32_t id, const struct pmip_peer *p)
{
	struct pmip_ends e = { p->local, p->remote };

	if (bpf_map_update_elem(b->map[BPF_DP_PEERS], &id, p, BPF_ANY) < 0)
		return -errno;
	return bpf_map_update_elem(b->map[BPF_DP_PEER_IDS], &e, &id,
	    BPF_ANY) < 0 ? -errno : 0;
}

void
bpf_dp_peer_del(struct bpf_dp *b, uint32_t id)
{
	struct pmip_peer p, none = { 0 };
	struct pmip_ends e;

	if (bpf_map_lookup_elem(b->map[BPF_DP_PEERS], &id, &p) < 0)
		return;
	e = (struct pmip_ends){ p.local, p.remote };
	(void)bpf_map_delete_elem(b->map[BPF_DP_PEER_IDS], &e);
	(void)bpf_map_update_elem(b->map[BPF_DP_PEERS], &id, &none, BPF_ANY);
}

int
bpf_dp_peer_find(struct bpf_dp *b, const struct in6_addr *local,
    const struct in6_addr *remote, uint32_t *ret)
{
	struct pmip_ends e;

	memcpy(&e.local, local, sizeof(e.local));
	memcpy(&e.remote, remote, sizeof(e.remote));
	return bpf_map_lookup_elem(b->map[BPF_DP_PEER_IDS], &e, ret) < 0 ?
	    -errno : 0;
}

void
bpf_dp_peer_each(struct bpf_dp *b, bpf_dp_peer_fn *fn, void *ctx)
{
	struct pmip_ends key, next;
	int fd = b->map[BPF_DP_PEER_IDS];
	bool more = bpf_map_get_next_key(fd, NULL, &next) == 0;
	uint32_t id;

	while (more) {
		key = next;
		more = bpf_map_get_next_key(fd, &key, &next) == 0;
		if (bpf_map_lookup_elem(fd, &key, &id) == 0)
			fn(ctx, id);
	}
}

/* --- paths --------------------------------------------------------------- */

union path_key {
	struct pmip_key64 k64;
	struct pmip_key128 k128;
};

/* The map and the key of a prefix; -EINVAL. */
static int
path_place(struct bpf_dp *b, bool pma, const struct prefix *p,
    union path_key *k)
{
	memset(k, 0, sizeof(*k));
	if (p->family == AF_INET6 && p->len == 64) {
		memcpy(&k->k64, &p->in6, sizeof(k->k64));
		return b->map[pma ? BPF_DP_PMA64 : BPF_DP_HA64];
	}
	if (p->family == AF_INET6 && p->len == 128) {
		memcpy(&k->k128, &p->in6, sizeof(k->k128));
	} else if (p->family == AF_INET && p->len == 32) {
		k->k128.b[10] = k->k128.b[11] = 0xff;
		memcpy(&k->k128.b[12], &p->in4, 4);
	} else {
		return -EINVAL;
	}
	return b->map[pma ? BPF_DP_PMA128 : BPF_DP_HA128];
}

/* flags: BPF_ANY, or BPF_NOEXIST: -EEXIST when it is there. */
static int
path_set(struct bpf_dp *b, bool pma, const struct prefix *p, const void *v,
    uint64_t flags)
{
	union path_key k;
	int fd = path_place(b, pma, p, &k);

	if (fd < 0)
		return fd;
	/*
	 * The kernel takes elements from a small stock per processor and
	 * refills it from an interrupt.  Where that comes with the next clock
	 * tick only (user-mode Linux), a burst finds the stock empty.
	 */
	for (int tries = 0; tries < STOCK_TRIES; tries++) {
		if (bpf_map_update_elem(fd, &k, v, flags) == 0)
			return 0;
		if (errno != ENOMEM)
			return errno == E2BIG ? -ENOSPC : -errno;
		(void)poll(NULL, 0, STOCK_WAIT_MS);
	}
	return -ENOMEM;
}

static int
path_get(struct bpf_dp *b, bool pma, const struct prefix *p, void *ret)
{
	union path_key k;
	int fd = path_place(b, pma, p, &k);

	if (fd < 0)
		return fd;
	return bpf_map_lookup_elem(fd, &k, ret) < 0 ? -errno : 0;
}

static int
path_del(struct bpf_dp *b, bool pma, const struct prefix *p)
{
	union path_key k;
	int fd = path_place(b, pma, p, &k);

	if (fd < 0)
		return fd;
	return bpf_map_delete_elem(fd, &k) < 0 ? -errno : 0;
}

int
bpf_dp_ha_set(struct bpf_dp *b, const struct prefix *p, uint32_t peer)
{
	struct pmip_ha_path v = { .peer = peer, .run = b->run };

	return path_set(b, false, p, &v, BPF_ANY);
}

/* Those of one map. What the kernel does not take in a batch is tried alone,
 * and that verdict counts. */
static void
set_batch(struct bpf_dp *b, struct bpf_dp_ha_item *const *v, uint32_t n,
    int fd, const uint8_t *keys, size_t keylen,
    const struct pmip_ha_path *values)
{
	for (uint32_t at = 0; at < n; at++) {
		uint32_t done = n - at;
		int r = bpf_map_update_batch(fd, keys + at * keylen,
		    &values[at], &done, NULL);

		if (r == 0)
			return;
		/* a kernel without the call does not say how many */
		at += done < n - at ? done : 0;
		v[at]->err = path_set(b, false, &v[at]->prefix, &values[at],
		    BPF_ANY);
	}
}

void
bpf_dp_ha_set_many(struct bpf_dp *b, struct bpf_dp_ha_item *v, size_t n)
{
	struct pmip_ha_path values[BPF_DP_BATCH];
	struct bpf_dp_ha_item *item[BPF_DP_BATCH];
	uint8_t keys[BPF_DP_BATCH * sizeof(union path_key)];
	union path_key k;

	assert(n <= BPF_DP_BATCH);
	for (int m = BPF_DP_HA64; m <= BPF_DP_HA128; m++) {
		size_t keylen = m == BPF_DP_HA64 ? sizeof(k.k64) :
		    sizeof(k.k128);
		uint32_t count = 0;

		for (size_t i = 0; i < n; i++) {
			int fd = path_place(b, false, &v[i].prefix, &k);

			if (fd < 0)
				v[i].err = fd;
			if (fd != b->map[m])
				continue;
			v[i].err = 0;
			memcpy(keys + count * keylen, &k, keylen);
			values[count] = (struct pmip_ha_path){
				.peer = v[i].peer, .run = b->run };
			item[count++] = &v[i];
		}
		if (count > 0)
			set_batch(b, item, count, b->map[m], keys, keylen,
			    values);
	}
}

int
bpf_dp_ha_get(struct bpf_dp *b, const struct prefix *p,
    struct pmip_ha_path *ret)
{
	return path_get(b, false, p, ret);
}

int
bpf_dp_ha_del(struct bpf_dp *b, const struct prefix *p)
{
	return path_del(b, false, p);
}

static int
pma_set(struct bpf_dp *b, const struct prefix *p,
    const struct pmip_pma_path *v, uint64_t flags)
{
	struct pmip_pma_path own = *v;

	own.run = b->run;
	return path_set(b, true, p, &own, flags);
}

int
bpf_dp_pma_set(struct bpf_dp *b, const struct prefix *p,
    const struct pmip_pma_path *v)
{
	return pma_set(b, p, v, BPF_ANY);
}

int
bpf_dp_pma_add(struct bpf_dp *b, const struct prefix *p,
    const struct pmip_pma_path *v)
{
	return pma_set(b, p, v, BPF_NOEXIST);
}

int
bpf_dp_pma_get(struct bpf_dp *b, const struct prefix *p,
    struct pmip_pma_path *ret)
{
	return path_get(b, true, p, ret);
}

int
bpf_dp_pma_del(struct bpf_dp *b, const struct prefix *p)
{
	return path_del(b, true, p);
}

/* Entries of a path map, read a batch at a time. */
struct path_batch {
	enum bpf_dp_map map;
	size_t key_size, value_size;
	uint32_t cap, n;
	uint8_t *key, *value;
};

static bool
is_pma_map(enum bpf_dp_map m)
{
	return m == BPF_DP_PMA64 || m == BPF_DP_PMA128;
}

static void
batch_resize(struct path_batch *p, uint32_t cap)
{
	p->cap = cap;
	p->key = realloc(p->key, cap * p->key_size);
	p->value = realloc(p->value, cap * p->value_size);
	if (p->key == NULL || p->value == NULL)
		abort();
}

static void
batch_init(struct path_batch *p, enum bpf_dp_map m)
{
	*p = (struct path_batch){ .map = m };
	p->key_size = m == BPF_DP_HA64 || m == BPF_DP_PMA64 ?
	    sizeof(struct pmip_key64) : sizeof(struct pmip_key128);
	p->value_size = is_pma_map(m) ? sizeof(struct pmip_pma_path) :
	    sizeof(struct pmip_ha_path);
	batch_resize(p, BATCH);
}

/* This run's over a peer, or (peer NULL) other runs'? */
static bool
batch_hit(const struct bpf_dp *b, const struct path_batch *p, uint32_t i,
    const uint32_t *peer)
{
	const uint8_t *at = p->value + i * p->value_size;
	struct pmip_pma_path pma;
	struct pmip_ha_path ha;

	if (is_pma_map(p->map)) {
		memcpy(&pma, at, sizeof(pma));
		ha = (struct pmip_ha_path){ .peer = pma.peer, .run = pma.run };
	} else {
		memcpy(&ha, at, sizeof(ha));
	}
	return peer != NULL ? ha.run == b->run && ha.peer == *peer :
	    ha.run != b->run;
}

/* Remove the hits of a batch, or all of it; how many. */
static uint32_t
batch_remove(struct bpf_dp *b, struct path_batch *p, bool all,
    const uint32_t *peer)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < p->n; i++) {
		if (all || batch_hit(b, p, i, peer))
			memmove(p->key + n++ * p->key_size,
			    p->key + i * p->key_size, p->key_size);
	}
	if (n > 0)
		(void)bpf_map_delete_batch(b->map[p->map], p->key, &n, NULL);
	return n;		/* as many as the kernel says */
}

/* Remove from a map: this run's paths over a peer, or (peer NULL) other
 * runs', or all. */
static uint32_t
map_sweep(struct bpf_dp *b, enum bpf_dp_map m, bool all, const uint32_t *peer)
{
	union path_key from, next;	/* the kernel's cursor fits in */
	struct path_batch p;
	uint32_t n = 0;
	bool more = true;

	batch_init(&p, m);
	for (bool first = true; more;) {
		p.n = p.cap;
		more = bpf_map_lookup_batch(b->map[m], first ? NULL : &from,
		    &next, p.key, p.value, &p.n, NULL) == 0;
		if (!more && errno == ENOSPC) {		/* for one bucket */
			batch_resize(&p, p.cap * 2);
			more = true;
			continue;
		}
		if (!more && errno != ENOENT)
			break;
		n += batch_remove(b, &p, all, peer);
		from = next;
		first = false;
	}
	free(p.key);
	free(p.value);
	return n;
}

uint32_t
bpf_dp_paths_sweep(struct bpf_dp *b, bool all)
{
	uint32_t n = 0;

	for (int m = BPF_DP_HA64; m <= BPF_DP_PMA128; m++)
		n += map_sweep(b, m, all, NULL);
	return n;
}

uint32_t
bpf_dp_paths_of(struct bpf_dp *b, uint32_t peer)
{
	uint32_t n = 0;

	for (int m = BPF_DP_HA64; m <= BPF_DP_PMA128; m++)
		n += map_sweep(b, m, false, &peer);
	return n;
}

void
bpf_dp_counters(struct bpf_dp *b, uint64_t *ret)
{
	uint64_t *v = calloc(b->ncpus, sizeof(*v));

	if (v == NULL)
		abort();
	for (uint32_t i = 0; i < PMIP_C_MAX; i++) {
		ret[i] = 0;
		if (bpf_map_lookup_elem(b->map[BPF_DP_COUNTERS], &i, v) < 0)
			continue;
		for (unsigned c = 0; c < b->ncpus; c++)
			ret[i] += v[c];
	}
	free(v);
}

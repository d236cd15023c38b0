/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The maps of the packet programs: the routing state of the bpf backend, the
 * filters of both.
 */
#include "dataplane/bpf_load.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <sys/mman.h>
#include <sys/socket.h>

#include <bpf/bpf.h>

#include "core/crypto.h"
#include "core/util.h"
#include "dataplane/bpf_priv.h"

#define BATCH 4096		/* entries per system call */
#define STOCK_TRIES 20
#define STOCK_WAIT_MS 1

const struct stat_desc pmip_counter_desc[PMIP_C_MAX] = {
	[PMIP_C_ENCAP] = { "encapsulated", "packets sent into a tunnel" },
	[PMIP_C_DECAP] = { "decapsulated", "packets taken out of a tunnel" },
	[PMIP_C_DELIVERED] = { "delivered",
	    "of these, packets sent straight to the node: fast-path" },
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

static int
conf_get(struct bpf_dp *b, struct pmip_conf *ret)
{
	const uint32_t zero = 0;

	return bpf_map_lookup_elem(b->map[BPF_DP_CONF], &zero, ret) < 0 ?
	    -errno : 0;
}

static int
conf_put(struct bpf_dp *b, const struct pmip_conf *c)
{
	const uint32_t zero = 0;

	return bpf_map_update_elem(b->map[BPF_DP_CONF], &zero, c, BPF_ANY) < 0
	    ? -errno : 0;
}

int
bpf_dp_begin_run(struct bpf_dp *b)
{
	struct pmip_conf c;
	int r = conf_get(b, &c);

	if (r < 0)
		return r;
	c.run++;
	b->run = (uint8_t)c.run;
	return conf_put(b, &c);
}

int
bpf_dp_set_anchor(struct bpf_dp *b, int side, uint32_t ifindex)
{
	struct pmip_conf c;
	int r = conf_get(b, &c);

	c.anchor[side] = ifindex;
	return r < 0 ? r : conf_put(b, &c);
}

int
bpf_dp_set_divert(struct bpf_dp *b, bool on)
{
	struct pmip_conf c;
	int r = conf_get(b, &c);

	c.divert = on;
	return r < 0 ? r : conf_put(b, &c);
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

/* --- paths of a home agent ------------------------------------------------ */

int
bpf_dp_ha_map(struct bpf_dp *b)
{
	uint32_t slots = PMIP_HA_SLOTS(b->conf.is_ha ? b->conf.max_paths : 0);
	uint64_t seed[2];
	void *at = mmap(NULL, slots * sizeof(struct pmip_ha_path),
	    PROT_READ | PROT_WRITE, MAP_SHARED, b->map[BPF_DP_HA], 0);

	if (at == MAP_FAILED)
		return -errno;
	crypto_random(seed, sizeof(seed));
	path_table_init(&b->ha, at, slots, seed);
	return 0;
}

void
bpf_dp_ha_unmap(struct bpf_dp *b)
{
	if (b->ha.slot != NULL)
		munmap(b->ha.slot, b->ha.slots * sizeof(*b->ha.slot));
}

struct path_table *
bpf_dp_ha_table(struct bpf_dp *b, uint8_t *ret_run)
{
	*ret_run = b->run;
	return &b->ha;
}

const struct pmip_ha_path *
bpf_dp_ha_find(const struct bpf_dp *b, const struct prefix *p)
{
	return path_table_find(&b->ha, p);
}

int
bpf_dp_ha_set(struct bpf_dp *b, const struct prefix *p,
    const struct pmip_ha_path *at, uint32_t peer)
{
	return path_table_put(&b->ha, p, at, peer, b->run);
}

void
bpf_dp_ha_ahead(const struct bpf_dp *b, const struct prefix *const *v,
    size_t n)
{
	path_table_ahead(&b->ha, v, n);
}

int
bpf_dp_ha_del(struct bpf_dp *b, const struct prefix *p)
{
	return path_table_del(&b->ha, p) ? 0 : -ENOENT;
}

/* --- paths of a proxy mobile agent ---------------------------------------- */

union path_key {
	struct pmip_key64 k64;		/* the first octets of the other */
	struct pmip_key128 k128;
};

/* The map and the key of a prefix at a proxy mobile agent; -EINVAL. */
static int
path_place(struct bpf_dp *b, const struct prefix *p, union path_key *k)
{
	int len = path_table_key(p, &k->k128);

	if (len < 0)
		return len;
	return b->map[(size_t)len == 8 * sizeof(k->k64) ? BPF_DP_PMA64 :
	    BPF_DP_PMA128];
}

/* flags: BPF_ANY, or BPF_NOEXIST: -EEXIST when it is there. */
static int
pma_set(struct bpf_dp *b, const struct prefix *p,
    const struct pmip_pma_path *v, uint64_t flags)
{
	struct pmip_pma_path own = *v;
	union path_key k;
	int fd = path_place(b, p, &k);

	if (fd < 0)
		return fd;
	own.run = b->run;
	/*
	 * The kernel takes elements from a small stock per processor and
	 * refills it from an interrupt.  Where that comes with the next clock
	 * tick only (user-mode Linux), a burst finds the stock empty.
	 */
	for (int tries = 0; tries < STOCK_TRIES; tries++) {
		if (bpf_map_update_elem(fd, &k, &own, flags) == 0)
			return 0;
		if (errno != ENOMEM)
			return errno == E2BIG ? -ENOSPC : -errno;
		(void)poll(NULL, 0, STOCK_WAIT_MS);
	}
	return -ENOMEM;
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
	union path_key k;
	int fd = path_place(b, p, &k);

	if (fd < 0)
		return fd;
	return bpf_map_lookup_elem(fd, &k, ret) < 0 ? -errno : 0;
}

int
bpf_dp_pma_del(struct bpf_dp *b, const struct prefix *p)
{
	union path_key k;
	int fd = path_place(b, p, &k);

	if (fd < 0)
		return fd;
	return bpf_map_delete_elem(fd, &k) < 0 ? -errno : 0;
}

/* Which paths go: of this run over a peer, or of other runs, or all. */
struct cull {
	uint8_t run;
	bool all;
	const uint32_t *peer;		/* NULL: over any */
};

static bool
cull_hits(const struct cull *c, uint32_t peer, uint8_t run)
{
	if (c->all)
		return true;
	return c->peer != NULL ? run == c->run && peer == *c->peer :
	    run != c->run;
}

/* Entries of a map of a proxy mobile agent's, read a batch at a time. */
struct path_batch {
	int fd;
	size_t key_size;
	uint32_t cap, n;
	uint8_t *key;
	struct pmip_pma_path *value;
};

static void
batch_resize(struct path_batch *p, uint32_t cap)
{
	p->cap = cap;
	p->key = realloc(p->key, cap * p->key_size);
	p->value = realloc(p->value, cap * sizeof(*p->value));
	if (p->key == NULL || p->value == NULL)
		abort();
}

/* Remove the hits of a batch; how many. */
static uint32_t
batch_remove(struct path_batch *p, const struct cull *c)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < p->n; i++) {
		if (cull_hits(c, p->value[i].peer, p->value[i].run))
			memmove(p->key + n++ * p->key_size,
			    p->key + i * p->key_size, p->key_size);
	}
	if (n > 0)
		(void)bpf_map_delete_batch(p->fd, p->key, &n, NULL);
	return n;		/* as many as the kernel says */
}

static uint32_t
pma_cull(int fd, size_t key_size, const struct cull *c)
{
	struct path_batch p = { .fd = fd, .key_size = key_size };
	union path_key from, next;	/* the kernel's cursor fits in */
	uint32_t n = 0;
	bool more = true;

	batch_resize(&p, BATCH);
	for (bool first = true; more;) {
		p.n = p.cap;
		more = bpf_map_lookup_batch(fd, first ? NULL : &from,
		    &next, p.key, p.value, &p.n, NULL) == 0;
		if (!more && errno == ENOSPC) {		/* for one bucket */
			batch_resize(&p, p.cap * 2);
			more = true;
			continue;
		}
		if (!more && errno != ENOENT)
			break;
		n += batch_remove(&p, c);
		from = next;
		first = false;
	}
	free(p.key);
	free(p.value);
	return n;
}

static bool
ha_hit(void *ctx, const struct pmip_ha_path *p)
{
	return cull_hits(ctx, p->peer, p->run);
}

static uint32_t
cull_all(struct bpf_dp *b, struct cull *c)
{
	return path_table_sweep(&b->ha, ha_hit, c) +
	    pma_cull(b->map[BPF_DP_PMA64], sizeof(struct pmip_key64), c) +
	    pma_cull(b->map[BPF_DP_PMA128], sizeof(struct pmip_key128), c);
}

uint32_t
bpf_dp_paths_sweep(struct bpf_dp *b, bool all)
{
	struct cull c = { .run = b->run, .all = all };

	return cull_all(b, &c);
}

uint32_t
bpf_dp_paths_of(struct bpf_dp *b, uint32_t peer)
{
	struct cull c = { .run = b->run, .peer = &peer };

	return cull_all(b, &c);
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

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The packet programs and their maps, for both backends.  Hides libbpf; knows
 * neither routes nor tunnels.  Nearly everything here is a system call, none
 * waits.
 */
#ifndef PMIP_BPF_LOAD_H
#define PMIP_BPF_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/stats.h"
#include "dataplane/bpf/pmip_bpf.h"

struct bpf_dp;

enum bpf_dp_prog { BPF_DP_DECAP, BPF_DP_DECAP_L3, BPF_DP_ENCAP_HA,
	BPF_DP_ENCAP_PMA, BPF_DP_TUNNEL, BPF_DP_ACCESS, BPF_DP_PROGS };

struct path_table;

struct bpf_dp_conf {
	uint32_t max_peers;		/* 0: maps of peers are not used */
	uint32_t max_paths;
	bool is_ha, is_pma;
	bool fast;			/* struct pmip_build */
	uint16_t prio;			/* of our tc filters */
	bool adopt;			/* take over pinned maps of this shape */
};

/*
 * Load the programs.  On failure -errno and a sentence for the operator in
 * `why`.  Adopted maps keep their entries; those of earlier runs are told by
 * `run` (see bpf_dp_run()).
 */
int bpf_dp_open(const struct bpf_dp_conf *conf, struct bpf_dp **ret, char *why,
    size_t whycap);
/* Pinned and attached programs live on; the rest goes. NULL is accepted. */
void bpf_dp_close(struct bpf_dp *b);
/* The number of this run, in every entry we set. */
uint8_t bpf_dp_run(const struct bpf_dp *b);
bool bpf_dp_adopted(const struct bpf_dp *b);
uint16_t bpf_dp_prio(const struct bpf_dp *b);

/* Pin the maps where the next run finds them. 0 or -errno: -ENOTSUP when there
 * is no BPF file system. */
int bpf_dp_pin(struct bpf_dp *b);
void bpf_dp_unpin(struct bpf_dp *b);
/* Where that is, for the operator. Valid as long as b. */
const char *bpf_dp_pin_dir(const struct bpf_dp *b);

/* Attach; replaces the same program of an earlier run. 0 or -errno. */
int bpf_dp_attach(struct bpf_dp *b, uint32_t ifindex, enum bpf_dp_prog prog);
/* Whether the kernel still has it there, and it is ours. */
bool bpf_dp_attached(struct bpf_dp *b, uint32_t ifindex,
    enum bpf_dp_prog prog);
/* Detach what stands in its place; absent is fine. */
void bpf_dp_detach(struct bpf_dp *b, uint32_t ifindex, enum bpf_dp_prog prog);
bool bpf_dp_prog_is_egress(enum bpf_dp_prog prog);
/* Which program a filter is, by its handle; false: none of ours. */
bool bpf_dp_prog_of(uint32_t handle, const char *name, enum bpf_dp_prog *ret);

/* --- maps (bpf_maps.c) --------------------------------------------------- */

/* The anchor of a side (PMIP_SIDE_*); 0: none. */
int bpf_dp_set_anchor(struct bpf_dp *b, int side, uint32_t ifindex);
/* Home agent: let requests for home agents go on to the anchor device. */
int bpf_dp_set_divert(struct bpf_dp *b, bool on);

/* `id` is below max_peers. */
int bpf_dp_peer_set(struct bpf_dp *b, uint32_t id, const struct pmip_peer *p);
void bpf_dp_peer_del(struct bpf_dp *b, uint32_t id);
/* The id these ends have in the maps, adopted or ours; -ENOENT. */
int bpf_dp_peer_find(struct bpf_dp *b, const struct in6_addr *local,
    const struct in6_addr *remote, uint32_t *ret);
typedef void bpf_dp_peer_fn(void *ctx, uint32_t id);
/* Every id in use; `fn` may delete it. */
void bpf_dp_peer_each(struct bpf_dp *b, bpf_dp_peer_fn *fn, void *ctx);

/*
 * Paths: IPv6 /64 or /128, IPv4 /32 (other lengths: -EINVAL).  `peer` and the
 * rest as in pmip_bpf.h; `run` is filled in.  0 or -errno: -ENOSPC when
 * max_paths are there, -ENOENT.  Those of the home agent are in shared memory
 * (path_table.h): no system call.
 */
const struct pmip_ha_path *bpf_dp_ha_find(const struct bpf_dp *b,
    const struct prefix *p);
/* `at`: what find() has just said of it. */
int bpf_dp_ha_set(struct bpf_dp *b, const struct prefix *p,
    const struct pmip_ha_path *at, uint32_t peer);
void bpf_dp_ha_ahead(const struct bpf_dp *b, const struct prefix *const *v,
    size_t n);
int bpf_dp_ha_del(struct bpf_dp *b, const struct prefix *p);
/* The table itself, and what stands for this run in its entries. */
struct path_table *bpf_dp_ha_table(struct bpf_dp *b, uint8_t *ret_run);
int bpf_dp_pma_set(struct bpf_dp *b, const struct prefix *p,
    const struct pmip_pma_path *v);
/* The same for one that is not there yet; else -EEXIST. */
int bpf_dp_pma_add(struct bpf_dp *b, const struct prefix *p,
    const struct pmip_pma_path *v);
int bpf_dp_pma_get(struct bpf_dp *b, const struct prefix *p,
    struct pmip_pma_path *ret);
int bpf_dp_pma_del(struct bpf_dp *b, const struct prefix *p);
/* Remove every path that this run has not set (all: every path); how many. */
uint32_t bpf_dp_paths_sweep(struct bpf_dp *b, bool all);
/* Remove this run's paths over a peer; how many. A walk over all. */
uint32_t bpf_dp_paths_of(struct bpf_dp *b, uint32_t peer);

/* Sums over all processors, into PMIP_C_MAX values. */
void bpf_dp_counters(struct bpf_dp *b, uint64_t *ret);
extern const struct stat_desc pmip_counter_desc[PMIP_C_MAX];

#endif

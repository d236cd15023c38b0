/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The home agent's paths, in memory that the packet programs read while we
 * write (bpf/pmip_ha_find.h).  To bind a node or to move it is a few stores: no
 * system call, and nothing to wait for.  Knows nothing of maps.
 */
#ifndef PMIP_PATH_TABLE_H
#define PMIP_PATH_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"
#include "dataplane/bpf/pmip_bpf.h"

struct path_table {
	struct pmip_ha_path *slot;	/* borrowed */
	uint32_t slots;
};

/*
 * `slot`: PMIP_HA_SLOTS(n) of them, all zero or (after a restart) as an earlier
 * table left them.  `seed`: two random words, for a fresh one.
 */
void path_table_init(struct path_table *t, struct pmip_ha_path *slot,
    uint32_t slots, const uint64_t seed[2]);
/* The key of IPv6 /64 or /128, or IPv4 /32, and its length in bits; -EINVAL. */
int path_table_key(const struct prefix *p, struct pmip_key128 *ret);
/* NULL: absent, or no such prefix. */
const struct pmip_ha_path *path_table_find(const struct path_table *t,
    const struct prefix *p);
/* The prefix of one. */
struct prefix path_table_prefix(const struct pmip_ha_path *e);
/* Have the processor fetch what is looked at for each of `n`. */
void path_table_ahead(const struct path_table *t,
    const struct prefix *const *v, size_t n);
/*
 * Add or change one. 0, -ENOSPC, or -EINVAL for another length.  `at`: what
 * find() has just said of it.
 */
int path_table_put(struct path_table *t, const struct prefix *p,
    const struct pmip_ha_path *at, uint32_t peer, uint8_t run);
/* The same for who has not looked. */
int path_table_set(struct path_table *t, const struct prefix *p, uint32_t peer,
    uint8_t run);
/* False: absent. */
bool path_table_del(struct path_table *t, const struct prefix *p);

typedef bool path_table_fn(void *ctx, const struct pmip_ha_path *p);
/* Remove those that `fn` says; how many. Looks at every slot. */
uint32_t path_table_sweep(struct path_table *t, path_table_fn *fn, void *ctx);

#endif

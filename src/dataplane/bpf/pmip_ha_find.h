/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looking up a path of the home agent's: linear probing in the slots of
 * pmip_ha.  The same for the packet programs and for the daemon; the includer
 * defines
 *
 *	const struct pmip_ha_path *pmip_ha_slot(void *table, __u32 i);
 *
 * (NULL: no such slot) and PMIP_INLINE.
 *
 * The one writer never stops the readers (path_table.c).  An entry becomes
 * visible by its `len`, written last.  When one is removed, those behind it
 * move up: a copy is made before the old place is cleared, so a reader misses
 * an entry only if it moves past the reader, and `moves` tells.  (A processor
 * that reads out of order may miss it all the same: one packet.)  A reader that
 * has found an entry just when it moves or is removed may see the peer of what
 * takes its place: a packet reaches the wrong agent, which hosts no such node.
 */
#ifndef PMIP_PMIP_HA_FIND_H
#define PMIP_PMIP_HA_FIND_H

#include "dataplane/bpf/pmip_bpf.h"

#define PMIP_HA_MIX1 0x9e3779b97f4a7c15ULL	/* odd, without a pattern */
#define PMIP_HA_MIX2 0xd6e8feb86659fd93ULL
#define PMIP_HA_TRIES 2
/* The compiler leaves what is read before and behind it in this order. */
#define PMIP_HA_THEN() __asm__ volatile("" ::: "memory")

/* The home slot of a key.  A product mixes upwards only, and keys that are
 * numbered in their last octets differ in the highest bits: those are brought
 * down before each. */
static inline __u32
pmip_ha_home(const struct pmip_ha_head *head, const __u64 *word)
{
	__u64 h = (word[0] ^ head->seed[0]) * PMIP_HA_MIX1;

	h = (h ^ h >> 32) + (word[1] ^ head->seed[1]);
	h = (h ^ h >> 32) * PMIP_HA_MIX2;
	h = (h ^ h >> 29) * PMIP_HA_MIX1;
	return 1 + (__u32)((h >> 32) * head->homes >> 32);
}

/* NULL when absent. `len`: of the key, 64 (the rest is 0) or 128. */
static PMIP_INLINE const struct pmip_ha_path *
pmip_ha_find(void *table, const struct pmip_key128 *key, __u32 len)
{
	const volatile struct pmip_ha_head *head =
	    (const void *)pmip_ha_slot(table, 0);
	__u64 want[2], have[2];

	if (!head)
		return 0;
	__builtin_memcpy(want, key, sizeof(want));
	for (int tries = 0; tries < PMIP_HA_TRIES; tries++) {
		__u32 moves = head->moves;
		__u32 home = pmip_ha_home((const void *)head, want);

		for (__u32 i = 0; i < PMIP_HA_REACH; i++) {
			const struct pmip_ha_path *p =
			    pmip_ha_slot(table, home + i);
			__u8 is;

			if (!p)
				break;
			is = *(const volatile __u8 *)&p->len;
			PMIP_HA_THEN();
			if (is == PMIP_HA_EMPTY)
				break;
			__builtin_memcpy(have, &p->key, sizeof(have));
			if (is == len && have[0] == want[0] &&
			    have[1] == want[1])
				return p;
		}
		PMIP_HA_THEN();
		if (head->moves == moves)
			break;
	}
	return 0;
}

#endif

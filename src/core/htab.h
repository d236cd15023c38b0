/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Intrusive hash table that grows one bucket at a time (linear hashing), so
 * that no insertion ever stalls the loop: the worst case is one bucket split.
 * Per element 16 octets in it and about 21 in the table, whose buckets are lines
 * of the cache: who looks for what is not there reads one of them.
 *
 * Why not a library: uthash and GHashTable rehash everything at once (30 ms at
 * one million), liburcu's grows in a thread of its own.
 */
#ifndef PMIP_HTAB_H
#define PMIP_HTAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hnode {
	struct hnode *next;
	uint32_t hash;
};

struct htab;

/* Never NULL (aborts when out of memory). */
struct htab *htab_new(void);
/* Frees the table only; the elements are the caller's. NULL is accepted. */
void htab_free(struct htab *h);
size_t htab_count(const struct htab *h);
/* Octets the table itself holds. */
size_t htab_bytes(const struct htab *h);

/* Elements with equal keys are the caller's affair (look up first). */
void htab_insert(struct htab *h, struct hnode *n, uint32_t hash);
/* The node must be in the table (asserted). */
void htab_remove(struct htab *h, struct hnode *n);

typedef bool htab_eq_fn(const struct hnode *n, const void *key);
/* NULL when absent. */
struct hnode *htab_find(const struct htab *h, uint32_t hash, htab_eq_fn *eq,
    const void *key);

/* All elements of exactly this hash, one after the other: the next behind
 * `after`, NULL: the first.  NULL when there is no more. */
struct hnode *htab_next(const struct htab *h, uint32_t hash,
    const struct hnode *after);

/*
 * To look ahead: ask for a bucket long before it is looked at; then read it and
 * get the element that a search would look at, NULL: none.  The caller may
 * want to ask for that in turn: whether it has that hash is known by reading it.
 */
void htab_prefetch(const struct htab *h, uint32_t hash);
const struct hnode *htab_guess(const struct htab *h, uint32_t hash);

/*
 * Visit the elements: start with *cursor = 0, call until it returns false; the
 * values between mean nothing to the caller.  `fn` may remove the element it is
 * given and no other, may begin a walk that removes none, and must not insert.
 * Between calls the table may change at will: an element that stays is seen
 * exactly once; one that comes or goes meanwhile, once or not at all each time
 * it is in.  Each call visits at least one bucket and stops after about
 * `budget` elements.
 */
typedef void htab_walk_fn(void *ctx, struct hnode *n);
bool htab_walk(struct htab *h, size_t *cursor, unsigned budget,
    htab_walk_fn *fn, void *ctx);
/* All of them, now. */
void htab_each(struct htab *h, htab_walk_fn *fn, void *ctx);

#endif

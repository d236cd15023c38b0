/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Linear hashing (Litwin 1980).  Buckets 0 .. count-1 exist; an element of hash
 * h lives in bucket h mod 2^L, or h mod 2^(L+1) when that bucket has been split
 * already.  Each insertion that raises the load above one element per bucket
 * splits one bucket; each removal that lets it sink below a quarter merges a few.
 * Buckets are kept in segments of doubling size, so that nothing ever moves
 * but the elements of one bucket.
 */
#include "core/htab.h"

#include <assert.h>
#include <stdlib.h>

#define FIRST_BITS 6			/* segment 0: 64 buckets */
#define FIRST (1u << FIRST_BITS)
#define SPLIT_AHEAD 8
#define SEGMENTS (32 - FIRST_BITS + 1)

struct htab {
	struct hnode **seg[SEGMENTS];	/* 64, 64, 128, 256, ... buckets */
	size_t buckets;			/* in use, >= FIRST */
	size_t count;
};

/* Which segment a bucket is in, and where. */
static struct hnode **
bucket_at(const struct htab *h, size_t i)
{
	unsigned s;

	if (i < FIRST)
		return &h->seg[0][i];
	s = (unsigned)(63 - __builtin_clzll(i)) - FIRST_BITS + 1;
	return &h->seg[s][i - ((size_t)FIRST << (s - 1))];
}

static size_t
segment_size(unsigned s)
{
	return s == 0 ? FIRST : (size_t)FIRST << (s - 1);
}

/* The largest power of two not above `buckets`. */
static size_t
level(const struct htab *h)
{
	return (size_t)1 << (63 - __builtin_clzll(h->buckets));
}

static size_t
bucket_index(const struct htab *h, uint32_t hash)
{
	size_t low = level(h);
	size_t i = hash & (2 * low - 1);

	return i < h->buckets ? i : hash & (low - 1);
}

static void
segment_make(struct htab *h, unsigned s)
{
	if (h->seg[s] != NULL)
		return;
	h->seg[s] = calloc(segment_size(s), sizeof(*h->seg[s]));
	if (h->seg[s] == NULL)
		abort();
}

struct htab *
htab_new(void)
{
	struct htab *h = calloc(1, sizeof(*h));

	if (h == NULL)
		abort();
	segment_make(h, 0);
	h->buckets = FIRST;
	return h;
}

void
htab_free(struct htab *h)
{
	if (h == NULL)
		return;
	for (unsigned s = 0; s < SEGMENTS; s++)
		free(h->seg[s]);
	free(h);
}

size_t
htab_count(const struct htab *h)
{
	return h->count;
}

size_t
htab_bytes(const struct htab *h)
{
	size_t n = sizeof(*h);

	for (unsigned s = 0; s < SEGMENTS; s++)
		n += h->seg[s] != NULL ? segment_size(s) * sizeof(void *) : 0;
	return n;
}

/* Which bucket is split for bucket number `fresh`. */
static size_t
split_from(const struct htab *h, size_t fresh)
{
	return fresh & (level(h) - 1);
}

/* Bucket number `buckets` comes into being: its elements leave the bucket
 * that has held them so far.  Those of a bucket whose turn comes soon are asked
 * for: one that waits for memory takes longer than all else here. */
static void
split_one(struct htab *h)
{
	size_t fresh = h->buckets;
	size_t old = split_from(h, fresh);
	struct hnode **from, **to, *n;

	if (fresh >= (size_t)1 << 32)
		return;
	if (fresh >= FIRST)
		segment_make(h, (unsigned)(63 - __builtin_clzll(fresh)) -
		    FIRST_BITS + 1);
	from = bucket_at(h, old);
	to = bucket_at(h, fresh);
	__builtin_prefetch(*bucket_at(h, split_from(h, fresh + SPLIT_AHEAD)));
	h->buckets++;
	while ((n = *from) != NULL) {
		if (bucket_index(h, n->hash) == fresh) {
			*from = n->next;
			n->next = NULL;
			*to = n;
			to = &n->next;
		} else {
			from = &n->next;
		}
	}
}

/* The reverse: the last bucket's elements go back. */
static void
merge_one(struct htab *h)
{
	size_t last = h->buckets - 1;
	struct hnode **from = bucket_at(h, last), **to, *list = *from;
	unsigned s = (unsigned)(63 - __builtin_clzll(last)) - FIRST_BITS + 1;

	*from = NULL;
	h->buckets = last;
	if (list != NULL) {
		to = bucket_at(h, bucket_index(h, list->hash));
		while (*to != NULL)
			to = &(*to)->next;
		*to = list;
	}
	if (last == (size_t)FIRST << (s - 1)) {	/* its segment is empty now */
		free(h->seg[s]);
		h->seg[s] = NULL;
	}
}

void
htab_insert(struct htab *h, struct hnode *n, uint32_t hash)
{
	struct hnode **b;

	if (h->count >= h->buckets)
		split_one(h);
	b = bucket_at(h, bucket_index(h, hash));
	n->hash = hash;
	n->next = *b;
	*b = n;
	h->count++;
}

void
htab_remove(struct htab *h, struct hnode *n)
{
	struct hnode **at = bucket_at(h, bucket_index(h, n->hash));

	for (; *at != n; at = &(*at)->next)
		assert(*at != NULL);
	*at = n->next;
	n->next = NULL;
	h->count--;
	/* Four at a time: an emptied table gives all its memory back. */
	for (unsigned i = 0; i < 4 && h->buckets > FIRST &&
	    h->count < h->buckets / 4; i++)
		merge_one(h);
}

struct hnode *
htab_find(const struct htab *h, uint32_t hash, htab_eq_fn *eq,
    const void *key)
{
	struct hnode *n = *bucket_at(h, bucket_index(h, hash));

	for (; n != NULL; n = n->next) {
		if (n->hash == hash && eq(n, key))
			return n;
	}
	return NULL;
}

void
htab_prefetch(const struct htab *h, uint32_t hash)
{
	__builtin_prefetch(bucket_at(h, bucket_index(h, hash)));
}

const struct hnode *
htab_bucket(const struct htab *h, uint32_t hash)
{
	return *bucket_at(h, bucket_index(h, hash));
}

/* The bits of a hash, the lowest first. */
static uint32_t
reverse(uint32_t v)
{
	v = (v >> 1 & 0x55555555) | (v & 0x55555555) << 1;
	v = (v >> 2 & 0x33333333) | (v & 0x33333333) << 2;
	v = (v >> 4 & 0x0f0f0f0f) | (v & 0x0f0f0f0f) << 4;
	return __builtin_bswap32(v);
}

/*
 * A walk goes by reversed hash.  In that order a bucket is one interval (its
 * elements agree in the low bits), which a split halves and a merge joins with
 * its neighbour: whatever happens to the buckets, what is behind the cursor has
 * been seen and what is ahead of it has not.
 */
static uint64_t
interval_size(const struct htab *h, size_t bucket)
{
	size_t low = level(h);
	bool is_split = bucket >= low || bucket + low < h->buckets;

	return ((uint64_t)1 << 32) / (is_split ? 2 * low : low);
}

bool
htab_walk(struct htab *h, size_t *cursor, unsigned budget,
    htab_walk_fn *fn, void *ctx)
{
	uint64_t at = *cursor, end = (uint64_t)1 << 32;
	unsigned seen = 0;

	while (at < end) {
		size_t i = bucket_index(h, reverse((uint32_t)at));
		uint64_t size = interval_size(h, i);
		uint64_t stop = (at & ~(size - 1)) + size;
		struct hnode *n = *bucket_at(h, i), *next;

		/* A removal in `fn` may merge: then others' elements follow
		 * in this list, whose turn has been or will be. */
		for (; n != NULL; n = next) {
			uint32_t pos = reverse(n->hash);

			next = n->next;
			if (pos < at || pos >= stop)
				continue;
			fn(ctx, n);
			seen++;
		}
		at = stop;
		if (seen >= budget)
			break;
	}
	*cursor = (size_t)at;
	return at < end;
}

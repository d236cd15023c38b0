/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Linear hashing (Litwin 1980).  Buckets 0 .. count-1 exist; an element of hash
 * h lives in bucket h mod 2^L, or h mod 2^(L+1) when that bucket has been split
 * already.  Each insertion that raises the load above one element per bucket
 * splits one bucket; each removal that lets it sink below a quarter merges a few.
 * Buckets are kept in segments, so that nothing ever moves but the elements of
 * one bucket.  Their size doubles up to SEG_MAX buckets and then stays: to clear
 * and first touch half a million of buckets at once took 7 ms.
 */
#include "core/htab.h"

#include <assert.h>
#include <stdlib.h>

#define FIRST_BITS 6			/* segment 0: 64 buckets */
#define FIRST ((size_t)1 << FIRST_BITS)
#define SEG_BITS 13			/* 64 KiB */
#define SEG_MAX ((size_t)1 << SEG_BITS)
#define SMALL (SEG_BITS - FIRST_BITS + 1)	/* segments of less */
#define SPLIT_AHEAD 8

struct htab {
	/* 64, 64, 128, 256, ... SEG_MAX / 2, then SEG_MAX buckets each */
	struct hnode ***seg;
	size_t nseg, capseg;
	size_t buckets;			/* in use, >= FIRST */
	size_t count;
};

static unsigned
log2_of(size_t v)
{
	return (unsigned)(63 - __builtin_clzll(v));
}

/* Which segment a bucket is in, and the first bucket of that segment. */
static size_t
segment_of(size_t i, size_t *ret_first)
{
	unsigned bits;

	if (i >= SEG_MAX) {
		*ret_first = i & ~(SEG_MAX - 1);
		return SMALL - 1 + (i >> SEG_BITS);
	}
	if (i < FIRST) {
		*ret_first = 0;
		return 0;
	}
	bits = log2_of(i);
	*ret_first = (size_t)1 << bits;
	return bits - FIRST_BITS + 1;
}

static struct hnode **
bucket_at(const struct htab *h, size_t i)
{
	size_t first, s = segment_of(i, &first);

	return &h->seg[s][i - first];
}

static size_t
segment_size(size_t s)
{
	return s == 0 ? FIRST : s < SMALL ? FIRST << (s - 1) : SEG_MAX;
}

/* The largest power of two not above `buckets`. */
static size_t
level(const struct htab *h)
{
	return (size_t)1 << log2_of(h->buckets);
}

static size_t
bucket_index(const struct htab *h, uint32_t hash)
{
	size_t low = level(h);
	size_t i = hash & (2 * low - 1);

	return i < h->buckets ? i : hash & (low - 1);
}

static void
segments_resize(struct htab *h, size_t cap)
{
	struct hnode ***v = realloc(h->seg, cap * sizeof(*v));

	if (v == NULL)
		abort();
	h->seg = v;
	h->capseg = cap;
}

/* The next segment. */
static void
segment_make(struct htab *h)
{
	struct hnode **v = calloc(segment_size(h->nseg), sizeof(*v));

	if (v == NULL)
		abort();
	if (h->nseg == h->capseg)
		segments_resize(h, h->capseg * 2);
	h->seg[h->nseg++] = v;
}

/* Give back the last segment. */
static void
segment_drop(struct htab *h)
{
	free(h->seg[--h->nseg]);
	if (h->capseg > SMALL && h->nseg <= h->capseg / 4)
		segments_resize(h, h->capseg / 2);
}

struct htab *
htab_new(void)
{
	struct htab *h = calloc(1, sizeof(*h));

	if (h == NULL)
		abort();
	segments_resize(h, SMALL);
	segment_make(h);
	h->buckets = FIRST;
	return h;
}

void
htab_free(struct htab *h)
{
	if (h == NULL)
		return;
	for (size_t s = 0; s < h->nseg; s++)
		free(h->seg[s]);
	free(h->seg);
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
	size_t n = sizeof(*h) + h->capseg * sizeof(*h->seg);

	for (size_t s = 0; s < h->nseg; s++)
		n += segment_size(s) * sizeof(**h->seg);
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
	size_t fresh = h->buckets, first;
	size_t old = split_from(h, fresh);
	struct hnode **from, **to, *n;

	if (fresh >= (size_t)1 << 32)
		return;
	if (segment_of(fresh, &first) == h->nseg)
		segment_make(h);
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
	size_t last = h->buckets - 1, first;
	struct hnode **from = bucket_at(h, last), **to, *list = *from;

	*from = NULL;
	h->buckets = last;
	if (list != NULL) {
		to = bucket_at(h, bucket_index(h, list->hash));
		while (*to != NULL)
			to = &(*to)->next;
		*to = list;
	}
	(void)segment_of(last, &first);
	if (first == last)		/* its segment is empty now */
		segment_drop(h);
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

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Linear hashing (Litwin 1980) over buckets of one cache line.  Buckets
 * 0 .. count-1 exist; an element of hash h lives in bucket h mod 2^L, or
 * h mod 2^(L+1) when that bucket has been split already.  An insertion that
 * raises the load above LOAD elements per bucket splits one bucket; each
 * removal that lets it sink below a quarter of that merges a few.
 *
 * What is slow in a large table is to wait for memory, so a bucket has a tag of
 * each of its elements, some bits of the hash.  A search reads an element only
 * when its tag is the right one: who looks for what is not there reads one
 * line.  Splits and merges of large tables read no element at all.
 *
 * What a bucket has no room for is in a list behind the element in its last
 * slot.  Buckets whose turn to be split is late get twice as many elements as
 * the others, so these lists are no rarity, but they are short.
 *
 * Buckets are kept in segments, so that nothing ever moves but the elements of
 * one bucket.  Their size doubles up to SEG_MAX buckets and then stays: to clear
 * and first touch megabytes at once took 7 ms.
 */
#include "core/htab.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 6
#define LAST (SLOTS - 1)
#define LOAD 3				/* elements per bucket, on average */
#define LINE 64				/* octets */
#define FIRST_BITS 3			/* segment 0: 8 buckets */
#define FIRST ((size_t)1 << FIRST_BITS)
#define SEG_BITS 10			/* 64 KiB */
#define SEG_MAX ((size_t)1 << SEG_BITS)
#define SMALL (SEG_BITS - FIRST_BITS + 1)	/* segments of less */
/*
 * The bits of the hash in a tag.  Not the lowest: all of a bucket of a large
 * table have these in common, and a small one can do without tags to be split.
 * The highest bit is the one that the last split that there can be goes by.
 */
#define TAG_SHIFT 12
#define TAG_BITS 16
#define BUCKETS_MAX ((size_t)1 << (TAG_SHIFT + TAG_BITS))

struct bucket {
	struct hnode *slot[SLOTS];	/* NULL: free */
	uint16_t tag[SLOTS];
	/* Which tags are in the list behind slot[LAST], a bit for each (those
	 * of elements gone may be set, too).  0: there is no list. */
	uint32_t behind;
};

_Static_assert(sizeof(struct bucket) == LINE, "one line of the cache");

struct htab {
	/* 8, 8, 16, 32, ... SEG_MAX / 2, then SEG_MAX buckets each */
	struct bucket **seg;
	size_t nseg, capseg;
	size_t buckets;			/* in use, >= FIRST */
	size_t count;
	unsigned walks;			/* now: no merges, they move elements */
};

static uint16_t
tag_of(uint32_t hash)
{
	return (uint16_t)(hash >> TAG_SHIFT);
}

static uint32_t
behind_bit(uint16_t tag)
{
	return (uint32_t)1 << (tag >> (TAG_BITS - 5));
}

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

static struct bucket *
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

static struct bucket *
bucket_of(const struct htab *h, uint32_t hash)
{
	return bucket_at(h, bucket_index(h, hash));
}

static void
segments_resize(struct htab *h, size_t cap)
{
	struct bucket **v = realloc(h->seg, cap * sizeof(*v));

	if (v == NULL)
		abort();
	h->seg = v;
	h->capseg = cap;
}

/* The next segment. */
static void
segment_make(struct htab *h)
{
	size_t n = segment_size(h->nseg) * sizeof(struct bucket);
	struct bucket *v = aligned_alloc(LINE, n);

	if (v == NULL)
		abort();
	memset(v, 0, n);
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

static void
put(struct bucket *b, struct hnode *n, uint16_t tag)
{
	size_t i = 0;

	while (i < LAST && b->slot[i] != NULL)
		i++;
	if (b->slot[i] != NULL) {
		n->next = b->slot[i];
		b->behind |= behind_bit(b->tag[i]);
	}
	b->slot[i] = n;
	b->tag[i] = tag;
}

static bool
bit_of(const struct hnode *n, uint16_t tag, unsigned bit)
{
	return bit < TAG_SHIFT ? n->hash >> bit & 1 :
	    tag >> (bit - TAG_SHIFT) & 1;
}

/* What is in the list behind the last slot of a bucket, `b` a copy of it. */
static struct hnode *
take_list(const struct bucket *b)
{
	struct hnode *first;

	if (b->behind == 0)
		return NULL;
	first = b->slot[LAST]->next;
	b->slot[LAST]->next = NULL;
	return first;
}

/* Put the elements of a list into `to[1]` or `to[0]`, whether their hash has
 * that bit or not. */
static void
pour_list(struct hnode *n, struct bucket *const to[2], unsigned bit)
{
	struct hnode *next;

	for (; n != NULL; n = next) {
		next = n->next;
		n->next = NULL;
		put(to[n->hash >> bit & 1], n, tag_of(n->hash));
	}
}

/* Leave in a bucket those whose hash has not that bit, the others go to
 * `fresh`, which is empty. */
static void
part(struct bucket *from, struct bucket *fresh, unsigned bit)
{
	struct bucket *const to[2] = { from, fresh };
	const struct bucket b = *from;
	struct hnode *list = take_list(&b);
	size_t used[2] = { 0, 0 };

	*from = (struct bucket){ 0 };
	for (size_t i = 0; i < SLOTS; i++) {
		bool up;

		if (b.slot[i] == NULL)
			continue;
		up = bit_of(b.slot[i], b.tag[i], bit);
		to[up]->slot[used[up]] = b.slot[i];
		to[up]->tag[used[up]++] = b.tag[i];
	}
	pour_list(list, to, bit);
}

/* All that is in a bucket goes to another. */
static void
join(struct bucket *from, struct bucket *to)
{
	struct bucket *const both[2] = { to, to };
	const struct bucket b = *from;
	struct hnode *list = take_list(&b);

	*from = (struct bucket){ 0 };
	for (size_t i = 0; i < SLOTS; i++) {
		if (b.slot[i] != NULL)
			put(to, b.slot[i], b.tag[i]);
	}
	pour_list(list, both, 0);
}

/* Bucket number `buckets` comes into being: its elements leave the bucket
 * that has held them so far. */
static void
split_one(struct htab *h)
{
	size_t fresh = h->buckets, low = level(h), first;

	if (fresh == BUCKETS_MAX)
		return;
	if (segment_of(fresh, &first) == h->nseg)
		segment_make(h);
	h->buckets++;
	part(bucket_at(h, fresh - low), bucket_at(h, fresh), log2_of(low));
	/* The next one's turn comes soon. */
	__builtin_prefetch(bucket_at(h, h->buckets - level(h)));
}

/* The reverse: the last bucket's elements go back. */
static void
merge_one(struct htab *h)
{
	size_t last = h->buckets - 1, first;

	h->buckets = last;
	join(bucket_at(h, last), bucket_at(h, last - level(h)));
	(void)segment_of(last, &first);
	if (first == last)		/* its segment is empty now */
		segment_drop(h);
}

/* Four at a time: an emptied table gives all its memory back. */
static void
merge_some(struct htab *h)
{
	for (unsigned i = 0; i < 4 && h->walks == 0 && h->buckets > FIRST &&
	    h->count < h->buckets * LOAD / 4; i++)
		merge_one(h);
}

void
htab_insert(struct htab *h, struct hnode *n, uint32_t hash)
{
	if (h->count >= h->buckets * LOAD)
		split_one(h);
	n->hash = hash;
	n->next = NULL;
	put(bucket_of(h, hash), n, tag_of(hash));
	h->count++;
}

/* Out of the list of which slot[LAST] is the first. */
static void
take_from_list(struct bucket *b, struct hnode *n)
{
	struct hnode **at = &b->slot[LAST];

	for (; *at != n; at = &(*at)->next)
		assert(*at != NULL);
	*at = n->next;
	n->next = NULL;
	if (b->behind == 0)
		return;
	b->tag[LAST] = tag_of(b->slot[LAST]->hash);
	if (b->slot[LAST]->next == NULL)
		b->behind = 0;
}

void
htab_remove(struct htab *h, struct hnode *n)
{
	struct bucket *b = bucket_of(h, n->hash);
	size_t i = 0;

	while (i < LAST && b->slot[i] != n)
		i++;
	if (i < LAST)
		b->slot[i] = NULL;
	else
		take_from_list(b, n);
	h->count--;
	merge_some(h);
}

struct hnode *
htab_next(const struct htab *h, uint32_t hash, const struct hnode *after)
{
	const struct bucket *b = bucket_of(h, hash);
	uint16_t tag = tag_of(hash);
	struct hnode *n;

	for (size_t i = 0; i < SLOTS; i++) {
		n = b->slot[i];
		if (b->tag[i] != tag || n == NULL || n->hash != hash)
			continue;
		if (after == NULL)
			return n;
		if (n == after)
			after = NULL;
	}
	if ((b->behind & behind_bit(tag)) == 0)
		return NULL;
	n = after == NULL ? b->slot[LAST]->next : after->next;
	while (n != NULL && n->hash != hash)
		n = n->next;
	return n;
}

struct hnode *
htab_find(const struct htab *h, uint32_t hash, htab_eq_fn *eq,
    const void *key)
{
	struct hnode *n = htab_next(h, hash, NULL);

	while (n != NULL && !eq(n, key))
		n = htab_next(h, hash, n);
	return n;
}

void
htab_prefetch(const struct htab *h, uint32_t hash)
{
	__builtin_prefetch(bucket_of(h, hash));
}

const struct hnode *
htab_guess(const struct htab *h, uint32_t hash)
{
	const struct bucket *b = bucket_of(h, hash);
	uint16_t tag = tag_of(hash);

	for (size_t i = 0; i < SLOTS; i++) {
		if (b->tag[i] == tag && b->slot[i] != NULL)
			return b->slot[i];
	}
	return (b->behind & behind_bit(tag)) != 0 ? b->slot[LAST] : NULL;
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

/* Those of a bucket that are from `at` to before `stop` in that order. `fn` may
 * take out what it is given. */
static unsigned
walk_bucket(struct bucket *b, uint64_t at, uint64_t stop, htab_walk_fn *fn,
    void *ctx)
{
	unsigned seen = 0;

	for (size_t i = 0; i < SLOTS; i++) {
		struct hnode *n = b->slot[i], *next;

		for (; n != NULL; n = next) {
			uint32_t pos = reverse(n->hash);

			next = n->next;
			if (pos < at || pos >= stop)
				continue;
			fn(ctx, n);
			seen++;
		}
	}
	return seen;
}

bool
htab_walk(struct htab *h, size_t *cursor, unsigned budget,
    htab_walk_fn *fn, void *ctx)
{
	uint64_t at = *cursor, end = (uint64_t)1 << 32;
	unsigned seen = 0;

	while (at < end && seen < budget) {
		size_t i = bucket_index(h, reverse((uint32_t)at));
		uint64_t size = interval_size(h, i);
		uint64_t stop = (at & ~(size - 1)) + size;
		unsigned n;

		h->walks++;
		n = walk_bucket(bucket_at(h, i), at, stop, fn, ctx);
		h->walks--;
		/* what its removals have not done */
		for (unsigned k = 0; k < n; k++)
			merge_some(h);
		seen += n;
		at = stop;
	}
	*cursor = (size_t)at;
	return at < end;
}

void
htab_each(struct htab *h, htab_walk_fn *fn, void *ctx)
{
	size_t cursor = 0;

	while (htab_walk(h, &cursor, UINT_MAX, fn, ctx))
		;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hash table against an array of flags: a hundred thousand elements come
 * and go at random, walks in between.
 */
#include <check.h>
#include <stdlib.h>

#include "core/htab.h"
#include "core/util.h"
#include "suite.h"

#define ELEMENTS 100000

struct elem {
	struct hnode n;
	uint32_t key;
	unsigned seen;
	bool in;
};

static struct elem *
elem_of(const struct hnode *n)
{
	return CONTAINER_OF((struct hnode *)(uintptr_t)n, struct elem, n);
}

static bool
eq(const struct hnode *n, const void *key)
{
	return elem_of(n)->key == *(const uint32_t *)key;
}

static void
see(void *ctx, struct hnode *n)
{
	(void)ctx;
	elem_of(n)->seen++;
}

static void
count_one(void *ctx, struct hnode *n)
{
	(void)n;
	++*(unsigned *)ctx;
}

/* How good the hash is. */
enum { HASH_GOOD, HASH_LISTS, HASH_SAME_TAG, HASH_FEW, HASH_KINDS };

static unsigned kind;

static uint32_t
hash_of(const struct elem *e)
{
	uint32_t h = e->key * 2654435761u;

	switch (kind) {
	case HASH_LISTS:	/* few distinct values in the low bits */
		return h >> (e->key % 7);
	case HASH_SAME_TAG:	/* what buckets keep of it is the same */
		return h & 0xf0000fff;
	case HASH_FEW:		/* thousands have the same */
		return e->key % 3 * 2654435761u;
	default:
		return h;
	}
}

/* How many elements take a reasonable time then. */
static unsigned
elements(void)
{
	return kind == HASH_FEW ? 6000 : kind == HASH_SAME_TAG ? 20000 :
	    ELEMENTS;
}

static struct elem *
make(unsigned n)
{
	struct elem *e = calloc(n, sizeof(*e));

	ck_assert_ptr_nonnull(e);
	for (unsigned i = 0; i < n; i++)
		e[i].key = i;
	return e;
}

/* A million ck_assert() take as long as all else here. */
static void
check(bool good, unsigned i, const char *what)
{
	if (!good)
		ck_abort_msg("element %u: %s", i, what);
}

static void
check_walk(struct htab *h, struct elem *e, unsigned n)
{
	size_t cursor = 0;

	for (unsigned i = 0; i < n; i++)
		e[i].seen = 0;
	while (htab_walk(h, &cursor, 64, see, NULL))
		;
	for (unsigned i = 0; i < n; i++)
		check(e[i].seen == e[i].in, i, "seen by htab_walk()");
	htab_each(h, see, NULL);
	for (unsigned i = 0; i < n; i++)
		check(e[i].seen == e[i].in * 2, i, "seen by htab_each()");
}

/* Every element of that hash, and no other, comes once. */
static void
check_next(const struct htab *h, struct elem *e, unsigned n, uint32_t hash)
{
	struct hnode *at = NULL;

	for (unsigned i = 0; i < n; i++)
		e[i].seen = 0;
	while ((at = htab_next(h, hash, at)) != NULL)
		elem_of(at)->seen++;
	for (unsigned i = 0; i < n; i++)
		check(e[i].seen == (e[i].in && hash_of(&e[i]) == hash), i,
		    "seen by htab_next()");
}

START_TEST(test_model)
{
	unsigned n = (kind = (unsigned)_i, elements()), steps = 10 * n;
	struct elem *e = make(n);
	struct htab *h = htab_new();
	size_t count = 0, empty = htab_bytes(h);

	srand(1);
	for (unsigned s = 0; s < steps; s++) {
		struct elem *x = &e[(unsigned)rand() % n];
		struct hnode *found = htab_find(h, hash_of(x), eq, &x->key);

		check(found == (x->in ? &x->n : NULL), x->key, "found");
		check(!x->in || htab_guess(h, hash_of(x)) != NULL, x->key,
		    "no guess");
		if (rand() % 10 < (s < steps / 2 ? 7 : 3)) {
			if (!x->in) {
				htab_insert(h, &x->n, hash_of(x));
				count++;
			}
			x->in = true;
		} else if (x->in) {
			htab_remove(h, &x->n);
			count--;
			x->in = false;
		}
		check(htab_count(h) == count, x->key, "count");
		if (s % (steps / 5) == 0) {
			check_walk(h, e, n);
			check_next(h, e, n, hash_of(x));
		}
	}
	for (unsigned i = 0; i < n; i++) {
		if (e[i].in)
			htab_remove(h, &e[i].n);
	}
	ck_assert_uint_eq(htab_count(h), 0);
	ck_assert_uint_eq(htab_bytes(h), empty);	/* all given back */
	htab_free(h);
	free(e);
}
END_TEST

/* However many there are, one insertion makes little room: no stall. What
 * there is of it in the end is not much for each. */
START_TEST(test_grows_by_little)
{
	const size_t most = 68 * 1024;	/* a segment, a longer list of them */
	unsigned n = 3 * ELEMENTS;
	struct htab *h = htab_new();
	struct elem *e = make(n);
	size_t before = htab_bytes(h);

	for (unsigned i = 0; i < n; i++) {
		size_t now;

		htab_insert(h, &e[i].n, hash_of(&e[i]));
		now = htab_bytes(h);
		check(now - before <= most, i, "too much at once");
		before = now;
	}
	ck_assert_uint_le(before / n, 22);
	for (unsigned i = 0; i < n; i++)
		check(htab_find(h, hash_of(&e[i]), eq, &e[i].key) == &e[i].n,
		    i, "not found");
	htab_free(h);
	free(e);
}
END_TEST

/* A table that looks at no element to see that something is not there, and at
 * one to find what is: nearly always. */
START_TEST(test_guess)
{
	unsigned n = ELEMENTS / 2, right = 0, wrong = 0;
	struct elem *e = make(2 * n);
	struct htab *h = htab_new();

	for (unsigned i = 0; i < n; i++) {
		htab_prefetch(h, hash_of(&e[i]));
		htab_insert(h, &e[i].n, hash_of(&e[i]));
	}
	for (unsigned i = 0; i < n; i++) {
		right += htab_guess(h, hash_of(&e[i])) == &e[i].n;
		wrong += htab_guess(h, hash_of(&e[n + i])) != NULL;
	}
	ck_assert_uint_ge(right, n * 8 / 10);
	ck_assert_uint_le(wrong, n / 20);
	htab_free(h);
	free(e);
}
END_TEST

/* What stays is seen, whatever is inserted meanwhile. */
START_TEST(test_walk_while_growing)
{
	struct elem *e = make(20000);
	struct htab *h = htab_new();
	size_t cursor = 0;
	unsigned next = 1000;

	kind = HASH_LISTS;
	for (unsigned i = 0; i < 1000; i++)
		htab_insert(h, &e[i].n, hash_of(&e[i]));
	while (htab_walk(h, &cursor, 16, see, NULL)) {
		for (unsigned k = 0; k < 10 && next < 20000; k++, next++)
			htab_insert(h, &e[next].n, hash_of(&e[next]));
	}
	for (unsigned i = 0; i < 1000; i++)
		check(e[i].seen >= 1, i, "not seen");
	htab_free(h);
	free(e);
}
END_TEST

static void
take_out(void *ctx, struct hnode *n)
{
	elem_of(n)->seen++;
	htab_remove(ctx, n);
}

/* One walk that removes all it is given leaves nothing: the buckets that
 * merge meanwhile are not skipped. */
START_TEST(test_walk_removes_all)
{
	unsigned n = (kind = (unsigned)_i, elements());
	struct elem *e = make(n);
	struct htab *h = htab_new();
	size_t cursor = 0, empty = htab_bytes(h);

	for (unsigned i = 0; i < n; i++)
		htab_insert(h, &e[i].n, hash_of(&e[i]));
	while (htab_walk(h, &cursor, 64, take_out, h))
		;
	ck_assert_uint_eq(htab_count(h), 0);
	ck_assert_uint_eq(htab_bytes(h), empty);
	for (unsigned i = 0; i < n; i++)
		check(e[i].seen == 1, i, "seen once");
	htab_free(h);
	free(e);
}
END_TEST

static void
take_out_odd(void *ctx, struct hnode *n)
{
	elem_of(n)->seen++;
	if (elem_of(n)->key % 2 != 0)
		htab_remove(ctx, n);
}

/* What is left alone between others that go is there, and was seen once. */
START_TEST(test_each_removes_some)
{
	unsigned n = (kind = (unsigned)_i, elements());
	struct elem *e = make(n);
	struct htab *h = htab_new();

	for (unsigned i = 0; i < n; i++)
		htab_insert(h, &e[i].n, hash_of(&e[i]));
	htab_each(h, take_out_odd, h);
	ck_assert_uint_eq(htab_count(h), n / 2);
	for (unsigned i = 0; i < n; i++) {
		check(e[i].seen == 1, i, "seen once");
		check(htab_find(h, hash_of(&e[i]), eq, &e[i].key) ==
		    (i % 2 == 0 ? &e[i].n : NULL), i, "found");
	}
	htab_free(h);
	free(e);
}
END_TEST

static void
take_out_and_walk(void *ctx, struct hnode *n)
{
	unsigned count = 0;

	htab_remove(ctx, n);
	elem_of(n)->seen++;
	htab_each(ctx, count_one, &count);
	ck_assert_uint_eq(count, htab_count(ctx));
}

/* A walk inside of a walk: the table stays as it is until the outer one has no
 * bucket in its hands. */
START_TEST(test_walk_in_walk)
{
	unsigned n = 3000;
	struct elem *e = make(n);
	struct htab *h = htab_new();

	kind = HASH_LISTS;
	for (unsigned i = 0; i < n; i++)
		htab_insert(h, &e[i].n, hash_of(&e[i]));
	htab_each(h, take_out_and_walk, h);
	ck_assert_uint_eq(htab_count(h), 0);
	for (unsigned i = 0; i < n; i++)
		check(e[i].seen == 1, i, "seen once");
	htab_free(h);
	free(e);
}
END_TEST

/* Whether the table grows or shrinks between the calls, or both in turns:
 * what stays is seen once, not less and not more. */
START_TEST(test_walk_while_changing)
{
	struct elem *e = make(ELEMENTS);
	struct htab *h = htab_new();
	size_t cursor = 0;
	unsigned in = _i == 0 ? 1000 : ELEMENTS, out = 1, calls = 0;
	bool more = true;

	kind = HASH_LISTS;
	for (unsigned i = 0; i < in; i++)
		htab_insert(h, &e[i].n, hash_of(&e[i]));
	while (more) {
		more = htab_walk(h, &cursor, 16, see, NULL);
		calls++;
		/* every tenth is left alone */
		for (unsigned k = 0; k < 90 && _i != 0 && out < ELEMENTS;
		    out++, k++) {
			if (out % 10 != 0)
				htab_remove(h, &e[out].n);
		}
		for (unsigned k = 0; k < 40 && _i == 0 && in < 50000; k++, in++)
			htab_insert(h, &e[in].n, hash_of(&e[in]));
		if (_i == 2 && calls == 1050) {
			for (unsigned i = 1; i < out; i++) {
				if (i % 10 != 0)
					htab_insert(h, &e[i].n,
					    hash_of(&e[i]));
			}
			out = ELEMENTS;
		}
	}
	ck_assert_uint_gt(calls, 50);
	for (unsigned i = 0; i < (_i == 0 ? 1000 : ELEMENTS); i += 10)
		check(e[i].seen == 1, i, "seen once");
	htab_free(h);
	free(e);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("htab");
	TCase *tc = tcase_create("htab");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_grows_by_little);
	tcase_add_test(tc, test_guess);
	tcase_add_loop_test(tc, test_model, 0, HASH_KINDS);
	tcase_add_test(tc, test_walk_while_growing);
	tcase_add_loop_test(tc, test_walk_removes_all, 0, HASH_KINDS);
	tcase_add_loop_test(tc, test_each_removes_some, 0, HASH_KINDS);
	tcase_add_loop_test(tc, test_walk_while_changing, 0, 3);
	tcase_add_test(tc, test_walk_in_walk);
	suite_add_tcase(s, tc);
	return suite_run(s);
}

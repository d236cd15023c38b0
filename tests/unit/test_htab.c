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
#define STEPS 1000000

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

static uint32_t
hash_of(const struct elem *e)
{
	/* few distinct values in the low bits: long chains as well */
	return e->key * 2654435761u >> (e->key % 7);
}

static void
check_walk(struct htab *h, struct elem *e)
{
	size_t cursor = 0;

	for (unsigned i = 0; i < ELEMENTS; i++)
		e[i].seen = 0;
	while (htab_walk(h, &cursor, 64, see, NULL))
		;
	for (unsigned i = 0; i < ELEMENTS; i++)
		ck_assert_uint_eq(e[i].seen, e[i].in);
}

START_TEST(test_model)
{
	struct elem *e = calloc(ELEMENTS, sizeof(*e));
	struct htab *h = htab_new();
	size_t count = 0, empty = htab_bytes(h);

	srand(1);
	for (unsigned i = 0; i < ELEMENTS; i++)
		e[i].key = i;
	for (unsigned s = 0; s < STEPS; s++) {
		struct elem *x = &e[(unsigned)rand() % ELEMENTS];
		struct hnode *n = htab_find(h, hash_of(x), eq, &x->key);

		ck_assert_int_eq(n != NULL, x->in);
		if (rand() % 10 < (s < STEPS / 2 ? 7 : 3)) {
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
		ck_assert_uint_eq(htab_count(h), count);
		if (s % 200000 == 0)
			check_walk(h, e);
	}
	for (unsigned i = 0; i < ELEMENTS; i++) {
		if (e[i].in)
			htab_remove(h, &e[i].n);
	}
	ck_assert_uint_eq(htab_count(h), 0);
	ck_assert_uint_eq(htab_bytes(h), empty);	/* all given back */
	htab_free(h);
	free(e);
}
END_TEST

/* However many there are, one insertion makes little room: no stall. */
START_TEST(test_grows_by_little)
{
	const size_t most = 68 * 1024;	/* a segment, a longer list of them */
	struct htab *h = htab_new();
	struct elem *e = calloc(3 * ELEMENTS, sizeof(*e));
	size_t before = htab_bytes(h);

	ck_assert_ptr_nonnull(e);
	for (unsigned i = 0; i < 3 * ELEMENTS; i++) {
		size_t now;

		e[i].key = i;
		htab_insert(h, &e[i].n, i * 2654435761u);
		now = htab_bytes(h);
		ck_assert_uint_le(now - before, most);
		before = now;
	}
	for (unsigned i = 0; i < 3 * ELEMENTS; i++)
		ck_assert_ptr_eq(htab_find(h, i * 2654435761u, eq, &e[i].key),
		    &e[i].n);
	htab_free(h);
	free(e);
}
END_TEST

/* Looking ahead finds the bucket that find() will look into. */
START_TEST(test_bucket)
{
	struct elem *e = calloc(1000, sizeof(*e));
	struct htab *h = htab_new();

	for (unsigned i = 0; i < 1000; i++) {
		const struct hnode *n;

		e[i].key = i;
		htab_prefetch(h, hash_of(&e[i]));
		htab_insert(h, &e[i].n, hash_of(&e[i]));
		n = htab_bucket(h, hash_of(&e[i]));
		while (n != NULL && n != &e[i].n)
			n = n->next;
		ck_assert_ptr_eq(n, &e[i].n);
	}
	htab_free(h);
	free(e);
}
END_TEST

/* What stays is seen, whatever is inserted meanwhile. */
START_TEST(test_walk_while_growing)
{
	struct elem *e = calloc(ELEMENTS, sizeof(*e));
	struct htab *h = htab_new();
	size_t cursor = 0;
	unsigned next = 1000;

	for (unsigned i = 0; i < ELEMENTS; i++)
		e[i].key = i;
	for (unsigned i = 0; i < 1000; i++)
		htab_insert(h, &e[i].n, hash_of(&e[i]));
	while (htab_walk(h, &cursor, 16, see, NULL)) {
		for (unsigned k = 0; k < 10 && next < 20000; k++, next++)
			htab_insert(h, &e[next].n, hash_of(&e[next]));
	}
	for (unsigned i = 0; i < 1000; i++)
		ck_assert_uint_ge(e[i].seen, 1);
	htab_free(h);
	free(e);
}
END_TEST

static void
take_out(void *ctx, struct hnode *n)
{
	htab_remove(ctx, n);
}

/* One walk that removes all it is given leaves nothing: the buckets that
 * merge meanwhile are not skipped. */
START_TEST(test_walk_removes_all)
{
	struct elem *e = calloc(ELEMENTS, sizeof(*e));
	struct htab *h = htab_new();
	size_t cursor = 0;

	for (unsigned i = 0; i < ELEMENTS; i++) {
		e[i].key = i;
		htab_insert(h, &e[i].n, hash_of(&e[i]));
	}
	while (htab_walk(h, &cursor, 64, take_out, h))
		;
	ck_assert_uint_eq(htab_count(h), 0);
	htab_free(h);
	free(e);
}
END_TEST

/* Whether the table grows or shrinks between the calls, or both in turns:
 * what stays is seen once, not less and not more. */
START_TEST(test_walk_while_changing)
{
	struct elem *e = calloc(ELEMENTS, sizeof(*e));
	struct htab *h = htab_new();
	size_t cursor = 0;
	unsigned in = _i == 0 ? 1000 : ELEMENTS, out = 1, calls = 0;
	bool more = true;

	for (unsigned i = 0; i < ELEMENTS; i++)
		e[i].key = i;
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
	for (unsigned i = 0; i < (_i == 0 ? 1000 : ELEMENTS); i += 10) {
		if (e[i].seen != 1)
			ck_abort_msg("%u seen %u times", i, e[i].seen);
	}
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
	tcase_add_test(tc, test_bucket);
	tcase_add_test(tc, test_model);
	tcase_add_test(tc, test_walk_while_growing);
	tcase_add_test(tc, test_walk_removes_all);
	tcase_add_loop_test(tc, test_walk_while_changing, 0, 3);
	suite_add_tcase(s, tc);
	return suite_run(s);
}

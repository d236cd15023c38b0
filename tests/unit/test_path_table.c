/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The home agent's paths in shared memory: against a model, when nearly full,
 * and read by somebody else while they change.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "dataplane/path_table.h"
#include "suite.h"

#define RUN 7

/* A reader into whose way we can come: see test_overtaken(). */
struct slow_reader {
	struct path_table *t;
	unsigned at, wait;		/* slots read; when to interrupt */
	void (*interrupt)(struct path_table *t);
};

static const struct pmip_ha_path *
pmip_ha_slot(void *table, uint32_t i)
{
	struct slow_reader *r = table;

	if (r->at++ == r->wait)
		r->interrupt(r->t);
	return i < r->t->slots ? &r->t->slot[i] : NULL;
}

#define PMIP_INLINE inline
#include "dataplane/bpf/pmip_ha_find.h"

static const uint64_t SEED[2] = { 0x0123456789abcdef, 0xfedcba9876543210 };

static struct path_table
table(uint32_t paths)
{
	uint32_t slots = PMIP_HA_SLOTS(paths);
	struct path_table t;
	void *m = mmap(NULL, slots * sizeof(struct pmip_ha_path),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(m, MAP_FAILED);
	path_table_init(&t, m, slots, SEED);
	return t;
}

static void
table_free(struct path_table *t)
{
	munmap(t->slot, t->slots * sizeof(*t->slot));
}

/* The i-th of 2001:db8:1::/48's subnets, or an address in it. */
static struct prefix
v6(uint32_t i, unsigned len)
{
	struct in6_addr a = { { { 0x20, 0x01, 0x0d, 0xb8, 0, 1,
		(uint8_t)(i >> 8), (uint8_t)i } } };
	struct prefix p;

	prefix_from_in6(&p, &a, len);
	return p;
}

static struct prefix
v4(uint32_t i)
{
	struct in_addr a = { htonl(0x0a000000 + i) };
	struct prefix p;

	p = prefix_host4(&a);
	return p;
}

/* The peer it leads to, -1: absent. */
static int64_t
peer_of(const struct path_table *t, struct prefix p)
{
	const struct pmip_ha_path *s = path_table_find(t, &p);

	return s == NULL ? -1 : (int64_t)s->peer;
}

static int
set(struct path_table *t, struct prefix p, uint32_t peer)
{
	return path_table_set(t, &p, peer, RUN);
}

static bool
del(struct path_table *t, struct prefix p)
{
	return path_table_del(t, &p);
}

START_TEST(test_kinds)
{
	struct path_table t = table(16);
	struct prefix odd = v6(1, 56);

	ck_assert_int_eq(peer_of(&t, v6(1, 64)), -1);
	ck_assert_int_eq(set(&t, v6(1, 64), 11), 0);
	ck_assert_int_eq(set(&t, v4(1), 13), 0);
	/* its first address is another key */
	ck_assert_int_eq(peer_of(&t, v6(1, 128)), -1);
	ck_assert_int_eq(set(&t, v6(1, 128), 12), 0);
	ck_assert_int_eq(peer_of(&t, v6(1, 64)), 11);
	ck_assert_int_eq(peer_of(&t, v6(1, 128)), 12);
	ck_assert_int_eq(peer_of(&t, v4(1)), 13);
	ck_assert_int_eq(path_table_find(&t, &odd) == NULL, 1);
	ck_assert_int_eq(path_table_set(&t, &odd, 1, RUN), -EINVAL);
	ck_assert(!path_table_del(&t, &odd));
	/* changed in place */
	ck_assert_int_eq(set(&t, v6(1, 64), 21), 0);
	ck_assert_int_eq(peer_of(&t, v6(1, 64)), 21);
	ck_assert(del(&t, v6(1, 64)));
	ck_assert(!del(&t, v6(1, 64)));
	ck_assert_int_eq(peer_of(&t, v6(1, 64)), -1);
	ck_assert_int_eq(peer_of(&t, v6(1, 128)), 12);
	table_free(&t);
}
END_TEST

static bool
is_all(void *ctx, const struct pmip_ha_path *p)
{
	(void)ctx;
	(void)p;
	return true;
}

/* At twice what it is made for it is full to the brim, and says so; an entry
 * that does not find room leaves the others alone. */
START_TEST(test_full)
{
	struct path_table t = table(16);
	uint32_t n = 0;

	while (set(&t, v6(n, 64), n) == 0)
		ck_assert_uint_lt(++n, t.slots);
	ck_assert_uint_ge(n, 32);
	ck_assert_int_eq(set(&t, v6(n, 64), n), -ENOSPC);
	ck_assert_int_eq(set(&t, v6(0, 64), 99), 0);
	for (uint32_t i = 1; i < n; i++)
		ck_assert_int_eq(peer_of(&t, v6(i, 64)), i);
	ck_assert_uint_eq(path_table_sweep(&t, is_all, NULL), n);
	for (uint32_t i = 1; i < t.slots; i++)
		ck_assert_uint_eq(t.slot[i].len, PMIP_HA_EMPTY);
	table_free(&t);
}
END_TEST

/* How many neighbours without a gap there are at most. */
static unsigned
longest_run(const struct path_table *t)
{
	unsigned n = 0, most = 0;

	for (uint32_t i = 1; i < t->slots; i++) {
		n = t->slot[i].len != PMIP_HA_EMPTY ? n + 1 : 0;
		most = n > most ? n : most;
	}
	return most;
}

/* Addresses one after the other, as networks have them, find room whatever the
 * seed, and are as far from being refused as if they were random. */
START_TEST(test_numbered)
{
	enum { PATHS = 30000, SEEDS = 150, LONGEST = PMIP_HA_REACH * 3 / 4 };
	struct path_table t = table(PATHS);
	uint64_t seed[2] = { 1, 2 };

	for (unsigned i = 0; i < SEEDS; i++) {
		uint32_t refused = 0;

		memset(t.slot, 0, t.slots * sizeof(*t.slot));
		for (unsigned k = 0; k < 2; k++)
			seed[k] = seed[k] * 6364136223846793005 +
			    1442695040888963407;
		path_table_init(&t, t.slot, t.slots, seed);
		for (uint32_t k = 0; k < PATHS; k++)
			refused += set(&t, _i == 0 ? v4(k) :
			    v6(k, (unsigned)_i), k) != 0;
		ck_assert_uint_eq(refused, 0);
		ck_assert_uint_lt(longest_run(&t), LONGEST);
	}
	table_free(&t);
}
END_TEST

static bool
is_of_run(void *ctx, const struct pmip_ha_path *p)
{
	return p->run == *(const uint8_t *)ctx;
}

/* A restart finds what was there; with another size it begins anew. */
START_TEST(test_kept)
{
	const uint64_t other[2] = { 1, 2 };
	struct path_table t = table(64), again;
	uint8_t run = RUN;

	for (uint32_t i = 0; i < 64; i++)
		ck_assert_int_eq(set(&t, v6(i, 64), i), 0);
	path_table_init(&again, t.slot, t.slots, other);
	for (uint32_t i = 0; i < 64; i++)
		ck_assert_int_eq(peer_of(&again, v6(i, 64)), i);
	for (uint32_t i = 0; i < 64; i += 2) {
		struct prefix p = v6(i, 64);

		ck_assert_int_eq(path_table_set(&again, &p, i, RUN + 1), 0);
	}
	ck_assert_uint_eq(path_table_sweep(&again, is_of_run, &run), 32);
	for (uint32_t i = 0; i < 64; i++)
		ck_assert_int_eq(peer_of(&again, v6(i, 64)), i % 2 == 0 ?
		    (int64_t)i : -1);
	path_table_init(&again, t.slot, t.slots - 1, other);
	for (uint32_t i = 0; i < 64; i++)
		ck_assert_int_eq(peer_of(&again, v6(i, 64)), -1);
	table_free(&t);
}
END_TEST

/* Whatever happens in whatever order, every entry is what it should be. */
START_TEST(test_model)
{
	enum { KEYS = 1200, PATHS = 512, STEPS = 100000 };
	struct path_table t = table(PATHS);
	int64_t model[KEYS];
	unsigned rnd = 1, n = 0;

	memset(model, -1, sizeof(model));
	for (unsigned i = 0; i < STEPS; i++) {
		uint32_t k, peer;
		struct prefix p;

		rnd = rnd * 1103515245 + 12345;
		k = (rnd >> 8) % KEYS;
		peer = rnd >> 16;
		p = k % 3 == 0 ? v4(k) : v6(k, k % 3 == 1 ? 64 : 128);
		if (model[k] >= 0 && (rnd >> 4) % 2 == 0) {
			ck_assert(path_table_del(&t, &p));
			model[k] = -1;
			n--;
		} else if (model[k] >= 0 || n < PATHS) {
			ck_assert_int_eq(path_table_set(&t, &p, peer, RUN), 0);
			n += model[k] < 0;
			model[k] = peer;
		}
		ck_assert_int_eq(peer_of(&t, p), model[k]);
		if (i % 1000 != 0)
			continue;
		for (k = 0; k < KEYS; k++)
			ck_assert_int_eq(peer_of(&t, k % 3 == 0 ? v4(k) :
			    v6(k, k % 3 == 1 ? 64 : 128)), model[k]);
	}
	table_free(&t);
}
END_TEST

static void
first_half_goes(struct path_table *t)
{
	for (uint32_t i = 0; i < 12; i++)
		ck_assert(del(t, v6(i, 64)));
}

/* Entries move up past a reader, wherever it is on its way: it finds them. */
START_TEST(test_overtaken)
{
	enum { N = 24 };
	bool moved = false;

	for (unsigned i = N / 2; i < N; i++) {
		for (unsigned wait = 0; wait < N; wait++) {
			struct path_table t = table(N / 2);
			struct slow_reader r = { &t, 0, wait,
				first_half_goes };
			const struct pmip_ha_path *was, *is;
			struct prefix p = v6(i, 64);
			struct pmip_key128 key = { 0 };

			for (uint32_t k = 0; k < N; k++)
				ck_assert_int_eq(set(&t, v6(k, 64), k), 0);
			was = path_table_find(&t, &p);
			memcpy(&key, &p.in6, 8);
			is = pmip_ha_find(&r, &key, 64);
			ck_assert_ptr_nonnull(is);
			if (r.at > wait) {
				ck_assert_ptr_eq(is, path_table_find(&t, &p));
				moved |= is != was;
			}
			ck_assert_uint_eq(is->peer, i);
			table_free(&t);
		}
	}
	ck_assert(moved);
}
END_TEST

/* Not there, or with another's peer, not just once when it has moved between
 * finding it and reading that. */
static bool
is_lost(const struct path_table *t, uint32_t i)
{
	int64_t peer = peer_of(t, v6(i, 64));

	return peer != i && (peer < 0 || peer_of(t, v6(i, 64)) != i);
}

/*
 * A reader in another process finds what stays, with its own peer, while the
 * entries around it come and go and so push it to and fro.
 */
START_TEST(test_reader)
{
	/* fuller than any of ours will be, so that much is moved */
	enum { STAY = 24, PATHS = 48, ROUNDS = 100000 };
	struct path_table t = table(PATHS / 2);
	int *end = mmap(NULL, sizeof(*end), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned rnd = 1;
	int status;
	pid_t pid;

	ck_assert_ptr_ne(end, MAP_FAILED);
	for (uint32_t i = 0; i < PATHS; i++)
		ck_assert_int_eq(set(&t, v6(i, 64), i), 0);
	for (uint32_t i = STAY; i < PATHS; i++)
		ck_assert(del(&t, v6(i, 64)));
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		uint64_t wrong = 0;

		while (__atomic_load_n(end, __ATOMIC_ACQUIRE) == 0) {
			for (uint32_t i = 0; i < STAY; i++)
				wrong += is_lost(&t, i);
		}
		_exit(wrong != 0);
	}
	for (unsigned i = 0; i < ROUNDS; i++) {
		uint32_t k;

		rnd = rnd * 1103515245 + 12345;
		k = STAY + (rnd >> 8) % (PATHS - STAY);
		if (!del(&t, v6(k, 64)))
			ck_assert_int_eq(set(&t, v6(k, 64), k), 0);
	}
	__atomic_store_n(end, 1, __ATOMIC_RELEASE);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_msg(WEXITSTATUS(status) == 0, "a path that stays was missed");
	munmap(end, sizeof(*end));
	table_free(&t);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("path_table");
	TCase *tc = tcase_create("path_table");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_kinds);
	tcase_add_test(tc, test_full);
	tcase_add_loop_test(tc, test_numbered, 0, 1);	/* IPv4 */
	tcase_add_loop_test(tc, test_numbered, 64, 65);
	tcase_add_loop_test(tc, test_numbered, 128, 129);
	tcase_add_test(tc, test_kept);
	tcase_add_test(tc, test_model);
	tcase_add_test(tc, test_overtaken);
	tcase_add_test(tc, test_reader);
	suite_add_tcase(s, tc);
	return suite_run(s);
}

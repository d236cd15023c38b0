/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tunnels: found, counted, limited, expired (PROTOCOL 5.3), over a backend
 * that only keeps count.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/util.h"
#include "dataplane/dp.h"
#include "suite.h"

#define SEC USEC_PER_SEC
#define GRACE (5 * SEC)		/* tunnel.c's, added to Tunnel-Life */

struct world {
	struct dp dp;
	struct wheel *wheel;
	struct log *log;
	struct in6_addr ha, pma1, pma2;
	unsigned ups, downs, mtu_calls;
	int refuse;
	struct dp_tunnel *last_mtu;
};

static int
stub_up(struct dp *dp, struct dp_tunnel *t)
{
	struct world *w = CONTAINER_OF(dp, struct world, dp);

	if (w->refuse != 0)
		return w->refuse;
	t->ifindex = 100 + w->ups++;
	return 0;
}

static void
stub_down(struct dp *dp, struct dp_tunnel *t)
{
	(void)t;
	CONTAINER_OF(dp, struct world, dp)->downs++;
}

static void
on_mtu(void *ctx, struct dp_tunnel *t)
{
	struct world *w = ctx;

	w->mtu_calls++;
	w->last_mtu = t;
}

static const struct dp_ops stub_ops = {
	.name = "stub", .tunnel_up = stub_up, .tunnel_down = stub_down,
};

static struct world *
world_new(uint32_t max)
{
	struct world *w = calloc(1, sizeof(*w));

	ck_assert_ptr_nonnull(w);
	w->wheel = wheel_new(1000 * SEC);
	w->log = log_new(&clock_system);
	log_to_none(w->log);
	w->dp = (struct dp){ .ops = &stub_ops, .mtu_changed = on_mtu,
		.mtu_ctx = w };
	w->dp.tunnels = tunnel_table_new(&w->dp, w->wheel, w->log, max);
	ck_assert_int_eq(in6_parse("2001:db8:a::1", &w->ha), 0);
	ck_assert_int_eq(in6_parse("2001:db8:b::1", &w->pma1), 0);
	ck_assert_int_eq(in6_parse("2001:db8:b::2", &w->pma2), 0);
	return w;
}

static void
world_free(struct world *w)
{
	tunnel_table_free(w->dp.tunnels);
	ck_assert_uint_eq(w->ups, w->downs);
	wheel_free(w->wheel);
	log_free(w->log);
	free(w);
}

static void
pass(struct world *w, usec_t d)
{
	wheel_advance(w->wheel, wheel_now(w->wheel) + d, 0);
}

static struct dp_tunnel *
get(struct world *w, const struct in6_addr *remote)
{
	struct dp_tunnel *t = NULL;

	ck_assert_int_eq(tunnel_get(w->dp.tunnels, &w->ha, remote, &t), 0);
	ck_assert_ptr_nonnull(t);
	return t;
}

/* D5.2-1, -2, -7: one device for two nodes, gone with the second. */
START_TEST(test_two_users_share_one_tunnel)
{
	struct world *w = world_new(10);
	struct dp_tunnel *t = get(w, &w->pma1);

	tunnel_use(t, 15);
	ck_assert_ptr_eq(get(w, &w->pma1), t);
	tunnel_use(t, 15);
	ck_assert_uint_eq(t->users, 2);
	ck_assert_uint_eq(w->ups, 1);
	tunnel_unuse(t, 15);
	ck_assert_uint_eq(w->downs, 0);
	ck_assert_ptr_eq(tunnel_find(w->dp.tunnels, &w->ha, &w->pma1), t);
	tunnel_unuse(t, 15);
	ck_assert_uint_eq(w->downs, 1);
	ck_assert_ptr_null(tunnel_find(w->dp.tunnels, &w->ha, &w->pma1));
	ck_assert_uint_eq(tunnel_count(w->dp.tunnels), 0);
	world_free(w);
}
END_TEST

/* D5.2-3: the local end is part of the key. */
START_TEST(test_key_is_both_ends)
{
	struct world *w = world_new(10);
	struct dp_tunnel *a = get(w, &w->pma1), *b = NULL;

	ck_assert_int_eq(tunnel_get(w->dp.tunnels, &w->pma2, &w->pma1, &b), 0);
	ck_assert_ptr_ne(a, b);
	ck_assert_uint_eq(tunnel_count(w->dp.tunnels), 2);
	tunnel_release(a);
	ck_assert_ptr_eq(tunnel_first(w->dp.tunnels), b);
	ck_assert_ptr_null(b->next);
	tunnel_release(b);
	ck_assert_ptr_null(tunnel_first(w->dp.tunnels));
	world_free(w);
}
END_TEST

static struct dp_tunnel *
get_hinted(struct world *w, const struct in6_addr *remote,
    struct tunnel_hint *h)
{
	struct dp_tunnel *t = NULL;

	ck_assert_int_eq(tunnel_get_hinted(w->dp.tunnels, &w->ha, remote, h,
	    &t), 0);
	return t;
}

/* A hint is as good as a search: for either end, and when tunnels go. */
START_TEST(test_hint)
{
	struct world *w = world_new(2);
	struct tunnel_hint h = { 0 };
	struct dp_tunnel *a = get_hinted(w, &w->pma1, &h), *b, *t = NULL;

	ck_assert_ptr_eq(a, get(w, &w->pma1));
	ck_assert_ptr_eq(get_hinted(w, &w->pma1, &h), a);
	ck_assert_uint_eq(w->ups, 1);
	b = get_hinted(w, &w->pma2, &h);
	ck_assert_ptr_ne(a, b);
	ck_assert_ptr_eq(get_hinted(w, &w->pma1, &h), a);
	ck_assert_int_eq(tunnel_get_hinted(w->dp.tunnels, &w->pma2, &w->pma1,
	    &h, &t), -ENOSPC);
	tunnel_release(b);
	ck_assert_ptr_eq(get_hinted(w, &w->pma1, &h), a);
	tunnel_release(a);
	ck_assert_uint_eq(w->downs, 2);
	a = get_hinted(w, &w->pma1, &h);
	ck_assert_uint_eq(w->ups, 3);
	ck_assert_ptr_eq(tunnel_first(w->dp.tunnels), a);
	/* without a device it is brought up again */
	tunnel_use(a, 15);
	pass(w, 70 * SEC);
	ck_assert(!a->up);
	ck_assert_ptr_eq(get_hinted(w, &w->pma1, &h), a);
	ck_assert(a->up);
	tunnel_unuse(a, 15);
	world_free(w);
}
END_TEST

START_TEST(test_release_without_use_deletes)
{
	struct world *w = world_new(10);

	tunnel_release(get(w, &w->pma1));
	ck_assert_uint_eq(w->downs, 1);
	world_free(w);
}
END_TEST

/* D5.2-8: the longest lifetime counts, and shrinks when its user leaves. */
START_TEST(test_life_is_the_longest)
{
	struct world *w = world_new(10);
	struct dp_tunnel *t = get(w, &w->pma1);
	usec_t now = wheel_now(w->wheel);

	ck_assert_int_eq(tunnel_life_end(t), 0);
	tunnel_use(t, 15);
	ck_assert_int_eq(tunnel_life_end(t), now + 60 * SEC);
	tunnel_use(t, 150);
	ck_assert_int_eq(tunnel_life_end(t), now + 600 * SEC);
	tunnel_use(t, 30);
	ck_assert_int_eq(tunnel_life_end(t), now + 600 * SEC);
	tunnel_unuse(t, 150);
	ck_assert_int_eq(tunnel_life_end(t), now + 120 * SEC);
	tunnel_unuse(t, 30);
	ck_assert_int_eq(tunnel_life_end(t), now + 60 * SEC);
	tunnel_unuse(t, 15);
	world_free(w);
}
END_TEST

/* D5.2-5: a re-registration moves the end, with the same lifetime or not. */
START_TEST(test_refresh_moves_the_end)
{
	struct world *w = world_new(10);
	struct dp_tunnel *t = get(w, &w->pma1);
	usec_t now = wheel_now(w->wheel);

	tunnel_use(t, 15);
	pass(w, 40 * SEC);
	tunnel_refresh(t, 15, 15);
	ck_assert_int_eq(tunnel_life_end(t), now + 100 * SEC);
	pass(w, 30 * SEC);
	tunnel_refresh(t, 15, 5);
	ck_assert_int_eq(tunnel_life_end(t), now + 90 * SEC);
	ck_assert_uint_eq(t->nlife, 1);
	tunnel_unuse(t, 5);
	world_free(w);
}
END_TEST

/* D5.2-6: not refreshed, deleted; a live user in between keeps it. */
START_TEST(test_expiry_takes_the_device)
{
	struct world *w = world_new(10);
	struct dp_tunnel *t = get(w, &w->pma1);

	tunnel_use(t, 15);
	pass(w, 50 * SEC);
	tunnel_refresh(t, 15, 15);
	pass(w, 60 * SEC + GRACE - SEC);
	ck_assert(t->up);
	ck_assert_uint_eq(w->downs, 0);
	pass(w, 2 * SEC);
	ck_assert(!t->up);
	ck_assert_uint_eq(w->downs, 1);
	tunnel_unuse(t, 15);
	ck_assert_uint_eq(w->downs, 1);
	world_free(w);
}
END_TEST

/* The long user leaves: the timer, set for it, fires for the short one. */
START_TEST(test_expiry_after_the_longest_left)
{
	struct world *w = world_new(10);
	struct dp_tunnel *t = get(w, &w->pma1);

	tunnel_use(t, 15);
	tunnel_use(t, 150);
	tunnel_unuse(t, 150);
	pass(w, 300 * SEC);
	tunnel_refresh(t, 15, 100);
	pass(w, 310 * SEC);	/* beyond 600 s: asked, and alive */
	ck_assert(t->up);
	pass(w, 100 * SEC);	/* beyond 300 + 400 s */
	ck_assert(!t->up);
	tunnel_unuse(t, 100);
	world_free(w);
}
END_TEST

START_TEST(test_expired_tunnel_comes_back)
{
	struct world *w = world_new(10);
	struct dp_tunnel *t = get(w, &w->pma1);

	tunnel_use(t, 1);
	pass(w, 4 * SEC + GRACE + SEC);
	ck_assert(!t->up);
	ck_assert_ptr_eq(get(w, &w->pma1), t);
	ck_assert(t->up);
	ck_assert_uint_eq(w->ups, 2);
	tunnel_unuse(t, 1);
	world_free(w);
}
END_TEST

/* D5.2-9 */
START_TEST(test_static_stays_without_users)
{
	struct world *w = world_new(10);
	struct dp_tunnel *t = NULL;

	ck_assert_int_eq(tunnel_pin(w->dp.tunnels, &w->ha, &w->pma1, &t), 0);
	ck_assert_ptr_eq(get(w, &w->pma1), t);
	tunnel_release(t);
	tunnel_use(t, 1);
	pass(w, 60 * SEC);
	ck_assert(t->up);
	tunnel_unuse(t, 1);
	ck_assert_uint_eq(w->downs, 0);
	tunnel_unpin(t);
	ck_assert_uint_eq(w->downs, 1);
	world_free(w);
}
END_TEST

START_TEST(test_unpin_with_users_leaves_it)
{
	struct world *w = world_new(10);
	struct dp_tunnel *t = NULL;

	ck_assert_int_eq(tunnel_pin(w->dp.tunnels, &w->ha, &w->pma1, &t), 0);
	tunnel_use(t, 100);
	tunnel_unpin(t);
	ck_assert_uint_eq(w->downs, 0);
	tunnel_unuse(t, 100);
	ck_assert_uint_eq(w->downs, 1);
	world_free(w);
}
END_TEST

START_TEST(test_limit)
{
	struct world *w = world_new(1);
	struct dp_tunnel *a = get(w, &w->pma1), *b = NULL;

	ck_assert_int_eq(tunnel_get(w->dp.tunnels, &w->ha, &w->pma2, &b),
	    -ENOSPC);
	ck_assert_ptr_null(b);
	ck_assert_ptr_eq(get(w, &w->pma1), a);
	tunnel_release(a);
	tunnel_release(get(w, &w->pma2));
	world_free(w);
}
END_TEST

START_TEST(test_refused_leaves_nothing)
{
	struct world *w = world_new(10);
	struct dp_tunnel *t = NULL;

	w->refuse = -EPERM;
	ck_assert_int_eq(tunnel_get(w->dp.tunnels, &w->ha, &w->pma1, &t),
	    -EPERM);
	ck_assert_ptr_null(t);
	ck_assert_uint_eq(tunnel_count(w->dp.tunnels), 0);
	w->refuse = 0;
	tunnel_release(get(w, &w->pma1));
	world_free(w);
}
END_TEST

START_TEST(test_path_mtu)
{
	struct world *w = world_new(10);
	struct dp_tunnel *t = get(w, &w->pma1);

	ck_assert_uint_eq(t->mtu, 1460);
	tunnel_set_path_mtu(t, 1500);
	ck_assert_uint_eq(w->mtu_calls, 0);
	tunnel_set_path_mtu(t, 1400);
	ck_assert_uint_eq(t->mtu, 1360);
	ck_assert_uint_eq(w->mtu_calls, 1);
	ck_assert_ptr_eq(w->last_mtu, t);
	tunnel_set_path_mtu(t, 1290);	/* never below IPv6's minimum */
	ck_assert_uint_eq(t->mtu, 1280);
	tunnel_set_path_mtu(t, 0);
	ck_assert_uint_eq(w->mtu_calls, 2);
	tunnel_release(t);
	world_free(w);
}
END_TEST

/* Many lifetimes and many tunnels: order, search and list stay right. */
START_TEST(test_many)
{
	struct world *w = world_new(1000);
	struct dp_tunnel *t = get(w, &w->pma1);
	struct in6_addr a = w->pma2;
	uint32_t seen = 0;

	for (uint32_t i = 0; i < 500; i++)
		tunnel_use(t, 1 + i * 7919 % 500);
	ck_assert_uint_eq(t->nlife, 500);
	for (uint32_t i = 1; i < t->nlife; i++)
		ck_assert_uint_gt(t->life[i].lifetime_4s,
		    t->life[i - 1].lifetime_4s);
	ck_assert_int_eq(tunnel_life_end(t),
	    wheel_now(w->wheel) + 2000 * SEC);
	for (unsigned i = 0; i < 200; i++) {
		a.s6_addr[15] = (uint8_t)i;
		a.s6_addr[14] = 1;
		(void)get(w, &a);
	}
	for (struct dp_tunnel *x = tunnel_first(w->dp.tunnels); x != NULL;
	    x = x->next)
		seen++;
	ck_assert_uint_eq(seen, 201);
	for (unsigned i = 0; i < 200; i += 2) {
		a.s6_addr[15] = (uint8_t)i;
		tunnel_release(get(w, &a));
	}
	ck_assert_uint_eq(tunnel_count(w->dp.tunnels), 101);
	for (uint32_t i = 0; i < 500; i++)
		tunnel_unuse(t, 1 + i * 7919 % 500);
	ck_assert_uint_eq(tunnel_count(w->dp.tunnels), 100);
	world_free(w);
	/* the rest went down with the table */
}
END_TEST

/* Those a cursor is to meet in a round: when it came, and whether it was met. */
struct met {
	struct dp_tunnel *t;
	bool whole;			/* there since the round began */
	unsigned times;
};

static struct in6_addr
peer(const struct world *w, unsigned i)
{
	struct in6_addr a = w->pma1;

	a.s6_addr[14] = (uint8_t)(i + 1);
	return a;
}

static void
met_begin(struct met *v, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		v[i].whole = v[i].t != NULL;
		v[i].times = 0;
	}
}

/* One step. True: it was the last of a round, in which each was met once. */
static bool
met_step(struct tunnel_cursor *c, struct met *v, unsigned n)
{
	struct dp_tunnel *t = tunnel_cursor_next(c);
	unsigned i = 0;

	if (t != NULL) {
		while (i < n && v[i].t != t)
			i++;
		ck_assert_uint_lt(i, n);
		ck_assert_uint_eq(v[i].times++, 0);
		return false;
	}
	for (i = 0; i < n; i++)
		ck_assert_uint_ge(v[i].times, v[i].t != NULL && v[i].whole);
	met_begin(v, n);
	return true;
}

static void
met_toggle(struct world *w, struct met *v, unsigned i)
{
	struct in6_addr a = peer(w, i);

	if (v[i].t != NULL) {
		tunnel_release(v[i].t);
		v[i] = (struct met){ 0 };
	} else {
		v[i] = (struct met){ .t = get(w, &a) };
	}
}

/* Tunnels come and go, those a cursor stands on, too: none is met twice in a
 * round, and none that stays is missed.  A second cursor is for itself. */
START_TEST(test_cursor)
{
	enum { N = 12, STEPS = 20000 };
	struct world *w = world_new(N);
	struct met v[2][N] = { 0 };
	struct tunnel_cursor c[2];
	unsigned rnd = 1, rounds = 0;

	for (unsigned k = 0; k < 2; k++) {
		tunnel_cursor_init(&c[k], w->dp.tunnels);
		ck_assert_ptr_null(tunnel_cursor_next(&c[k]));
	}
	for (unsigned i = 0; i < STEPS; i++) {
		unsigned k, what;

		rnd = rnd * 1103515245 + 12345;
		what = (rnd >> 16) % (3 * N);
		k = (rnd >> 8) % 2;
		if (what >= N) {
			rounds += met_step(&c[k], v[k], N);
			continue;
		}
		met_toggle(w, v[0], what);
		v[1][what] = v[0][what];
	}
	ck_assert_uint_gt(rounds, STEPS / N / 3);
	world_free(w);
}
END_TEST

/* What was added behind the last one is of the same round; what remains when
 * the one it stands on goes, the only one even, is met no second time. */
START_TEST(test_cursor_ends)
{
	struct world *w = world_new(10);
	struct dp_tunnel *a = get(w, &w->pma1), *b;
	struct tunnel_cursor c;

	tunnel_cursor_init(&c, w->dp.tunnels);
	ck_assert_ptr_eq(tunnel_cursor_next(&c), a);
	b = get(w, &w->pma2);
	ck_assert_ptr_eq(tunnel_cursor_next(&c), b);
	tunnel_release(b);
	ck_assert_ptr_null(tunnel_cursor_next(&c));
	ck_assert_ptr_eq(tunnel_cursor_next(&c), a);
	tunnel_release(a);
	ck_assert_ptr_null(tunnel_cursor_next(&c));
	world_free(w);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("tunnel");
	TCase *tc = tcase_create("tunnel");

	tcase_add_test(tc, test_two_users_share_one_tunnel);
	tcase_add_test(tc, test_key_is_both_ends);
	tcase_add_test(tc, test_hint);
	tcase_add_test(tc, test_release_without_use_deletes);
	tcase_add_test(tc, test_life_is_the_longest);
	tcase_add_test(tc, test_refresh_moves_the_end);
	tcase_add_test(tc, test_expiry_takes_the_device);
	tcase_add_test(tc, test_expiry_after_the_longest_left);
	tcase_add_test(tc, test_expired_tunnel_comes_back);
	tcase_add_test(tc, test_static_stays_without_users);
	tcase_add_test(tc, test_unpin_with_users_leaves_it);
	tcase_add_test(tc, test_limit);
	tcase_add_test(tc, test_refused_leaves_nothing);
	tcase_add_test(tc, test_path_mtu);
	tcase_add_test(tc, test_many);
	tcase_add_test(tc, test_cursor);
	tcase_add_test(tc, test_cursor_ends);
	suite_add_tcase(s, tc);
	return suite_run(s);
}

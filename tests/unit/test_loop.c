/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The event loop: descriptors that vanish in their own callback, signals,
 * timers on a clock of ours, the order within a turn, and counters.
 */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/loop.h"
#include "core/stats.h"
#include "core/util.h"
#include "core/wheel.h"
#include "suite.h"

static struct loop *l;
static usec_t now_us;
static char story[256];

static void
tell(const char *what)
{
	strncat(story, what, sizeof(story) - strlen(story) - 1);
}

static usec_t
fake_now(void *ctx)
{
	(void)ctx;
	return now_us;
}

static const struct clock fake = { .mono_us = fake_now, .wall_us = fake_now };

static void
setup(void)
{
	now_us = 1000 * USEC_PER_SEC;
	story[0] = '\0';
	l = loop_new(&fake);
	ck_assert_ptr_nonnull(l);
}

static void
teardown(void)
{
	loop_free(l);
	loop_free(NULL);
}

/* --- descriptors ------------------------------------------------------- */

struct end {
	struct loop_fd *f, *other;
	unsigned calls;
	int what;
};

static void
on_read(void *ctx, int fd, int what)
{
	struct end *e = ctx;
	char c;

	e->calls++;
	e->what = what;
	tell("fd ");
	ck_assert_int_eq(read(fd, &c, 1), 1);
}

static void
on_delete(void *ctx, int fd, int what)
{
	struct end *e = ctx;

	(void)fd;
	(void)what;
	e->calls++;
	loop_fd_del(e->f);
	if (e->other != NULL)
		loop_fd_del(e->other);
	e->f = e->other = NULL;
}

static void
on_any(void *ctx, int fd, int what)
{
	struct end *e = ctx;

	(void)fd;
	e->calls++;
	e->what = what;
}

START_TEST(test_descriptor)
{
	struct end e = { 0 };
	int p[2];

	ck_assert_int_eq(pipe(p), 0);
	e.f = loop_fd_add(l, p[0], LOOP_READ, on_read, &e);
	ck_assert_ptr_nonnull(e.f);
	ck_assert_int_eq(loop_turn(l, 0), 0);
	ck_assert_uint_eq(e.calls, 0);
	ck_assert_int_eq(write(p[1], "ab", 2), 2);
	ck_assert_int_eq(loop_turn(l, -1), 0);
	ck_assert_uint_eq(e.calls, 1);
	ck_assert_int_eq(e.what, LOOP_READ);
	ck_assert_int_eq(loop_fd_set(e.f, 0), 0);	/* not for now */
	ck_assert_int_eq(loop_turn(l, 0), 0);
	ck_assert_uint_eq(e.calls, 1);
	ck_assert_int_eq(loop_fd_set(e.f, LOOP_READ), 0);
	ck_assert_int_eq(loop_turn(l, -1), 0);		/* level-triggered */
	ck_assert_uint_eq(e.calls, 2);
	loop_fd_del(e.f);
	loop_fd_del(NULL);

	e.f = loop_fd_add(l, p[1], 0, on_any, &e);
	ck_assert_int_eq(loop_turn(l, 0), 0);
	ck_assert_uint_eq(e.calls, 2);
	ck_assert_int_eq(loop_fd_set(e.f, LOOP_WRITE), 0);
	ck_assert_int_eq(loop_turn(l, -1), 0);
	ck_assert_uint_eq(e.calls, 3);
	ck_assert_int_eq(e.what, LOOP_WRITE);
	loop_fd_del(e.f);
	close(p[0]);
	close(p[1]);
	errno = 0;
	ck_assert_ptr_null(loop_fd_add(l, 1 << 20, LOOP_READ, on_any, &e));
	ck_assert_int_ne(errno, 0);
}
END_TEST

/* Two are ready, the first to run deletes both: the other never runs. */
START_TEST(test_delete_in_callback)
{
	struct end e[2] = { 0 };
	int p[2][2];

	for (unsigned i = 0; i < 2; i++) {
		ck_assert_int_eq(pipe(p[i]), 0);
		ck_assert_int_eq(write(p[i][1], "a", 1), 1);
		e[i].f = loop_fd_add(l, p[i][0], LOOP_READ, on_delete, &e[i]);
	}
	e[0].other = e[1].f;
	e[1].other = e[0].f;
	ck_assert_int_eq(loop_turn(l, -1), 0);
	ck_assert_int_eq(loop_turn(l, 0), 0);
	ck_assert_uint_eq(e[0].calls + e[1].calls, 1);
	for (unsigned i = 0; i < 4; i++)
		close(p[i / 2][i % 2]);
}
END_TEST

/* --- timers, hooks, signals -------------------------------------------- */

static void
on_timer(struct timer *t)
{
	(void)t;
	tell("timer ");
}

static void
on_hook(void *ctx)
{
	tell(ctx);
}

START_TEST(test_order_of_a_turn)
{
	struct end e = { 0 };
	struct loop_hook *h1 = loop_hook_add(l, on_hook, (char[]){ "h1 " });
	struct loop_hook *h2 = loop_hook_add(l, on_hook, (char[]){ "h2 " });
	struct timer t;
	int p[2];

	ck_assert_int_eq(pipe(p), 0);
	ck_assert_int_eq(write(p[1], "a", 1), 1);
	e.f = loop_fd_add(l, p[0], LOOP_READ, on_read, &e);
	timer_init(&t, on_timer);
	timer_arm(loop_wheel(l), &t, 5000);
	now_us += 5000;
	ck_assert_int_eq(loop_turn(l, -1), 0);
	ck_assert_str_eq(story, "fd timer h1 h2 ");
	loop_hook_del(h1);
	story[0] = '\0';
	ck_assert_int_eq(loop_turn(l, 0), 0);
	ck_assert_str_eq(story, "h2 ");
	loop_hook_del(h2);
	loop_hook_del(NULL);
	loop_fd_del(e.f);
	close(p[0]);
	close(p[1]);
}
END_TEST

struct many {
	struct timer t;
	unsigned *fired;
};

static void
on_many(struct timer *t)
{
	struct many *m = CONTAINER_OF(t, struct many, t);

	++*m->fired;
}

/* Mass expiry is cut in pieces, and no turn waits while some are due. */
START_TEST(test_mass_expiry)
{
	const unsigned n = 5000;
	struct many *m = calloc(n, sizeof(*m));
	unsigned fired = 0, turns = 0;

	for (unsigned i = 0; i < n; i++) {
		timer_init(&m[i].t, on_many);
		m[i].fired = &fired;
		timer_arm(loop_wheel(l), &m[i].t, 400000);
	}
	now_us += USEC_PER_SEC;
	while (fired < n) {
		unsigned before = fired;

		ck_assert_int_eq(loop_turn(l, -1), 0);
		ck_assert_uint_le(fired - before, 512);
		ck_assert_uint_lt(++turns, 100);
	}
	ck_assert_uint_ge(turns, n / 512);
	free(m);
}
END_TEST

static void
on_signal(void *ctx, int signo)
{
	ck_assert_int_eq(signo, SIGUSR1);
	tell("signal ");
	loop_stop(ctx);
}

static void
on_stop(struct timer *t)
{
	(void)t;
	tell("stop ");
	loop_stop(l);
}

START_TEST(test_signal_and_run)
{
	struct loop_signal *s = loop_signal_add(l, SIGUSR1, on_signal, l);
	struct timer t;

	ck_assert_ptr_nonnull(s);
	ck_assert_int_eq(raise(SIGUSR1), 0);
	ck_assert_int_eq(loop_run(l), 0);
	ck_assert_str_eq(story, "signal ");
	loop_signal_del(s);
	loop_signal_del(NULL);
	timer_init(&t, on_stop);
	timer_arm(loop_wheel(l), &t, 0);
	now_us += 2000;
	ck_assert_int_eq(loop_run(l), 0);
	ck_assert_str_eq(story, "signal stop ");
}
END_TEST

/* A clock that is `waited_us` further whenever it has been read once. */
static usec_t waited_us;

static usec_t
leaping_now(void *ctx)
{
	usec_t now = now_us;

	(void)ctx;
	now_us += waited_us;
	waited_us = 0;
	return now;
}

static const struct clock leaping = { .mono_us = leaping_now,
	.wall_us = leaping_now };

static void
arm_second(void *ctx)
{
	struct loop *on = ctx;
	static struct timer t;

	timer_init(&t, on_timer);
	timer_arm(loop_wheel(on), &t, USEC_PER_SEC);
	ck_assert_int_eq(timer_left(loop_wheel(on), &t), USEC_PER_SEC);
	ck_assert_int_eq(wheel_now(loop_wheel(on)), now_us);
	timer_cancel(loop_wheel(on), &t);
	tell("armed ");
}

static void
arm_on_fd(void *ctx, int fd, int what)
{
	char c;

	(void)what;
	ck_assert_int_eq(read(fd, &c, 1), 1);
	arm_second(ctx);
}

static void
arm_on_signal(void *ctx, int signo)
{
	(void)signo;
	arm_second(ctx);
}

/* However long the wait was, a callback arms its timers from the present. */
START_TEST(test_callback_after_long_wait)
{
	struct loop *on = loop_new(&leaping);
	struct loop_signal *s = loop_signal_add(on, SIGUSR1, arm_on_signal,
	    on);
	struct loop_fd *f;
	int p[2];

	ck_assert_int_eq(pipe(p), 0);
	f = loop_fd_add(on, p[0], LOOP_READ, arm_on_fd, on);
	ck_assert_int_eq(write(p[1], "a", 1), 1);
	waited_us = 60 * USEC_PER_SEC;
	ck_assert_int_eq(loop_turn(on, -1), 0);
	ck_assert_str_eq(story, "armed ");
	ck_assert_int_eq(raise(SIGUSR1), 0);
	waited_us = 60 * USEC_PER_SEC;
	ck_assert_int_eq(loop_turn(on, -1), 0);
	ck_assert_str_eq(story, "armed armed ");
	loop_fd_del(f);
	loop_signal_del(s);
	loop_free(on);
	close(p[0]);
	close(p[1]);
}
END_TEST

/* With the kernel's clock: the wait ends when the timer is due, not before. */
START_TEST(test_real_time)
{
	/* before the loop: a timer counts from what it has last looked at */
	usec_t begin = clock_mono_us(&clock_system);
	struct loop *real = loop_new(&clock_system);
	struct timer t;

	timer_init(&t, on_timer);
	timer_arm(loop_wheel(real), &t, 20000);
	for (unsigned i = 0; timer_armed(&t); i++) {
		ck_assert_uint_lt(i, 20);	/* it waits, it does not spin */
		ck_assert_int_eq(loop_turn(real, -1), 0);
	}
	ck_assert_int_ge(clock_mono_us(&clock_system) - begin, 20000);
	/* an upper limit of the wait holds though a timer is far off */
	timer_arm(loop_wheel(real), &t, 3600 * USEC_PER_SEC);
	begin = clock_mono_us(&clock_system);
	ck_assert_int_eq(loop_turn(real, 5000), 0);
	ck_assert_int_ge(clock_mono_us(&clock_system) - begin, 4000);
	timer_cancel(loop_wheel(real), &t);
	loop_free(real);
}
END_TEST

/* What must come earlier than what is waited for already. */
START_TEST(test_earlier_timer)
{
	struct loop *real = loop_new(&clock_system);
	usec_t begin = clock_mono_us(&clock_system);
	struct end e = { 0 };
	struct timer far, near;
	int p[2];

	timer_init(&far, on_timer);
	timer_init(&near, on_timer);
	ck_assert_int_eq(pipe(p), 0);
	e.f = loop_fd_add(real, p[0], LOOP_READ, on_read, &e);
	ck_assert_int_eq(write(p[1], "a", 1), 1);
	timer_arm(loop_wheel(real), &far, 30 * USEC_PER_SEC);
	ck_assert_int_eq(loop_turn(real, -1), 0);	/* waits for `far` */
	ck_assert_uint_eq(e.calls, 1);
	timer_arm(loop_wheel(real), &near, 20000);
	while (timer_armed(&near))
		ck_assert_int_eq(loop_turn(real, -1), 0);
	ck_assert_int_lt(clock_mono_us(&clock_system) - begin,
	    20 * USEC_PER_SEC);
	timer_cancel(loop_wheel(real), &far);
	loop_fd_del(e.f);
	loop_free(real);
	close(p[0]);
	close(p[1]);
}
END_TEST

/* --- counters ---------------------------------------------------------- */

static void
on_stat(void *ctx, const char *group, const struct stat_desc *d, uint64_t v)
{
	char text[64];

	(void)ctx;
	snprintf(text, sizeof(text), "%s.%s=%llu ", group, d->name,
	    (unsigned long long)v);
	tell(text);
}

START_TEST(test_stats)
{
	static const struct stat_desc d[] = { { "in", "x" }, { "out", "y" } };
	struct stats *s = stats_new();
	struct stat_group a, b;

	stats_register(s, &a, "a", d, 2);
	stats_register(s, &b, "b", d, 1);
	stat_inc(&a, 1);
	stat_add(&a, 1, 4);
	stat_inc(&b, 0);
	ck_assert_uint_eq(stats_get(s, "a", "out"), 5);
	ck_assert_uint_eq(stats_get(s, "a", "in"), 0);
	ck_assert_uint_eq(stats_get(s, "b", "out"), UINT64_MAX);
	ck_assert_uint_eq(stats_get(s, "c", "in"), UINT64_MAX);
	stats_each(s, on_stat, NULL);
	ck_assert_str_eq(story, "a.in=0 a.out=5 b.in=1 ");
	stats_unregister(&a);
	stats_unregister(&a);		/* harmless */
	ck_assert_uint_eq(stats_get(s, "a", "out"), UINT64_MAX);
	ck_assert_uint_eq(stats_get(s, "b", "in"), 1);
	stats_register(s, &a, "a", d, 2);	/* begins at nothing */
	ck_assert_uint_eq(stats_get(s, "a", "out"), 0);
	stats_free(s);
	ck_assert_ptr_null(a.owner);
	stats_free(NULL);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("loop");
	TCase *tc = tcase_create("loop");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_descriptor);
	tcase_add_test(tc, test_delete_in_callback);
	tcase_add_test(tc, test_order_of_a_turn);
	tcase_add_test(tc, test_mass_expiry);
	tcase_add_test(tc, test_signal_and_run);
	tcase_add_test(tc, test_callback_after_long_wait);
	tcase_add_test(tc, test_real_time);
	tcase_add_test(tc, test_earlier_timer);
	tcase_add_test(tc, test_stats);
	suite_add_tcase(s, tc);
	return suite_run(s);
}

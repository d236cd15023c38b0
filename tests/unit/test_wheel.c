/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The timer wheel against a naive model: a table of due times that is searched
 * from end to end.  Random arming, cancelling and advancing, from outside and
 * from callbacks.
 */
#include <check.h>
#include <stdlib.h>

#include "core/util.h"
#include "core/wheel.h"
#include "suite.h"

#define TIMERS 500
#define STEPS 200000
#define REACH_MS 4294967040LL	/* 256^4 - 256: a longer delay is clamped */

struct model {
	struct timer t;
	int64_t due_ms;
	bool armed;
};

/* One per process: the callbacks have nothing else to reach it by. */
static struct {
	struct wheel *w;
	struct model m[TIMERS];
	int64_t now_us, last_ms;
	unsigned fired;
	bool rearm;
} g;

/* Rounded up to a tick, never the present one. */
static int64_t
due_of(int64_t now_us, int64_t delay_ms)
{
	int64_t now_ms = now_us / 1000;
	int64_t due = (now_us + delay_ms * 1000 + 999) / 1000;

	return MIN_OF(MAX_OF(due, now_ms + 1), now_ms + REACH_MS);
}

static void
on_fire(struct timer *t)
{
	struct model *m = CONTAINER_OF(t, struct model, t);

	ck_assert(m->armed && !timer_armed(t));
	ck_assert_int_le(m->due_ms, g.now_us / 1000);
	ck_assert_int_ge(m->due_ms, g.last_ms);	/* in order of ticks */
	g.last_ms = m->due_ms;
	m->armed = false;
	g.fired++;
	if (g.rearm && rand() % 3 == 0) {
		struct model *other = &g.m[rand() % TIMERS];

		timer_cancel(g.w, &other->t);
		other->armed = false;
	}
}

static void
begin(void)
{
	srand(1);
	g.w = wheel_new(0);
	g.now_us = g.last_ms = 0;
	g.fired = 0;
	g.rearm = false;
	for (unsigned i = 0; i < TIMERS; i++) {
		timer_init(&g.m[i].t, on_fire);
		g.m[i].armed = false;
	}
}

static void
end(void)
{
	for (unsigned i = 0; i < TIMERS; i++)
		timer_cancel(g.w, &g.m[i].t);
	ck_assert_uint_eq(wheel_count(g.w), 0);
	wheel_free(g.w);
}

static int64_t
random_delay(void)
{
	switch (rand() % 4) {
	case 0:
		return rand() % 300;
	case 1:
		return rand() % 70000;
	case 2:
		return rand() % 20000000;
	default:
		return (int64_t)rand() * 3;
	}
}

static void
advance(int64_t us)
{
	g.now_us += us;
	wheel_advance(g.w, g.now_us, 0);
	for (unsigned i = 0; i < TIMERS; i++) {
		/* (an assertion of Check costs a system call) */
		if (g.m[i].armed != timer_armed(&g.m[i].t))
			ck_abort_msg("armed and not, or the reverse");
		if (g.m[i].armed && g.m[i].due_ms <= g.now_us / 1000)
			ck_abort_msg("due and has not fired");
	}
}

START_TEST(test_model)
{
	begin();
	g.rearm = _i != 0;
	for (unsigned step = 0; step < STEPS; step++) {
		struct model *m = &g.m[rand() % TIMERS];
		usec_t next;

		switch (rand() % 10) {
		default:
			m->due_ms = random_delay();
			timer_arm(g.w, &m->t, m->due_ms * 1000);
			m->due_ms = due_of(g.now_us, m->due_ms);
			m->armed = true;
			break;
		case 6:
			timer_cancel(g.w, &m->t);
			m->armed = false;
			break;
		case 7:
			next = wheel_next(g.w);
			if (next >= 0)
				advance(next);
			break;
		case 8:
			advance((int64_t)(rand() % 5000) * 1000 +
			    rand() % 1000);
			break;
		case 9:
			if (rand() % 50 == 0)
				advance((int64_t)(rand() % 5000) * 100000000);
			break;
		}
	}
	ck_assert_uint_gt(g.fired, 10000);
	end();
}
END_TEST

START_TEST(test_next_is_never_late)
{
	begin();
	g.m[0].armed = true;
	g.m[0].due_ms = due_of(0, 123456);
	timer_arm(g.w, &g.m[0].t, 123456000);
	while (g.fired == 0) {
		usec_t next = wheel_next(g.w);

		ck_assert_int_ge(next, 0);
		ck_assert_int_le(g.now_us + next, 123456000);
		ck_assert_int_eq(timer_left(g.w, &g.m[0].t),
		    123456000 - g.now_us);
		advance(MAX_OF(next, 1));
	}
	ck_assert_int_eq(g.now_us, 123456000);
	ck_assert_int_eq(wheel_next(g.w), -1);
	end();
}
END_TEST

START_TEST(test_budget)
{
	begin();
	for (unsigned i = 0; i < 100; i++) {
		g.m[i].armed = true;
		g.m[i].due_ms = 5;
		timer_arm(g.w, &g.m[i].t, 5000);
	}
	g.now_us = 10000;
	ck_assert_uint_eq(wheel_advance(g.w, g.now_us, 30), 30);
	ck_assert_int_eq(wheel_next(g.w), 0);
	timer_cancel(g.w, &g.m[0].t);	/* one that is due and waits */
	timer_cancel(g.w, &g.m[99].t);
	g.m[0].armed = g.m[99].armed = false;
	while (wheel_advance(g.w, g.now_us, 30) > 0)
		;
	ck_assert_uint_ge(g.fired, 98);
	ck_assert_uint_eq(wheel_count(g.w), 0);
	end();
}
END_TEST

struct mass {
	struct timer t;
	int64_t due_ms;
	unsigned fired;
};

static int64_t mass_now_ms, mass_seen_ms;

static void
on_mass(struct timer *t)
{
	struct mass *m = CONTAINER_OF(t, struct mass, t);

	m->fired++;
	if (m->due_ms > mass_now_ms || m->due_ms < mass_seen_ms)
		ck_abort_msg("early, or out of order");
	mass_seen_ms = m->due_ms;
}

/* Many timers of one high slot: no call does more than its budget, none is
 * lost, early, out of order or twice; some are cancelled and armed anew while
 * they move. */
START_TEST(test_gradual_cascade)
{
	const unsigned n = 20000, budget = 10;
	struct mass *m = calloc(n, sizeof(*m));
	unsigned ran = 0, calls = 0, idle = 0, expect = n;
	struct wheel *w = wheel_new(0);

	srand(2);
	mass_seen_ms = 0;
	for (unsigned i = 0; i < n; i++) {
		timer_init(&m[i].t, on_mass);
		m[i].due_ms = 65536 + rand() % 60000;
		timer_arm(w, &m[i].t, m[i].due_ms * 1000);
	}
	for (mass_now_ms = 65536; wheel_count(w) > 0; calls++) {
		unsigned r = wheel_advance(w, mass_now_ms * 1000, budget);

		if (r > budget)
			ck_abort_msg("budget");
		ran += r;
		idle += r == 0;
		if (calls == 5) {	/* in the middle of moving */
			ck_assert_int_eq(wheel_next(w), 0);
			for (unsigned i = 0; i < n; i += 10) {
				timer_cancel(w, &m[i].t);
				expect--;
			}
			for (unsigned i = 1; i < n; i += 10) {
				m[i].due_ms = mass_now_ms + 1 + rand() % 70000;
				timer_arm(w, &m[i].t, (m[i].due_ms -
				    mass_now_ms) * 1000);
			}
		}
		if (wheel_next(w) > 0)
			mass_now_ms += (wheel_next(w) + 999) / 1000;
	}
	ck_assert_uint_eq(ran, expect);
	for (unsigned i = 0; i < n; i++) {
		if (m[i].fired != (i % 10 != 0))
			ck_abort_msg("timer %u fired %u times", i, m[i].fired);
	}
	/* the first slot alone needs n / (16 * budget) calls */
	ck_assert_uint_ge(idle, n / (16 * budget) / 2);
	wheel_free(w);
	free(m);
}
END_TEST

START_TEST(test_zero_and_negative_delay)
{
	begin();
	g.m[0].armed = g.m[1].armed = true;
	g.m[0].due_ms = g.m[1].due_ms = 1;
	timer_arm(g.w, &g.m[0].t, 0);
	timer_arm(g.w, &g.m[1].t, -5);
	ck_assert_uint_eq(wheel_advance(g.w, 0, 0), 0);	/* the next tick */
	g.now_us = 1000;
	ck_assert_uint_eq(wheel_advance(g.w, 1000, 0), 2);
	end();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("wheel");
	TCase *tc = tcase_create("wheel");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, test_model, 0, 2);
	tcase_add_test(tc, test_next_is_never_late);
	tcase_add_test(tc, test_budget);
	tcase_add_test(tc, test_gradual_cascade);
	tcase_add_test(tc, test_zero_and_negative_delay);
	suite_add_tcase(s, tc);
	return suite_run(s);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The token bucket: a burst, then the rate, however often one asks.
 */
#include <check.h>

#include "core/ratelimit.h"
#include "core/util.h"
#include "suite.h"

START_TEST(test_burst)
{
	struct ratelimit r;
	uint64_t lost = 7;

	ratelimit_init(&r, 3, 1);
	for (unsigned i = 0; i < 3; i++)
		ck_assert(ratelimit_pass(&r, 1000 * USEC_PER_SEC, NULL));
	ck_assert(!ratelimit_pass(&r, 1000 * USEC_PER_SEC, &lost));
	ck_assert(!ratelimit_pass(&r, 1000 * USEC_PER_SEC, &lost));
	ck_assert_uint_eq(lost, 7);	/* told on a pass only */
	ck_assert(ratelimit_pass(&r, 1001 * USEC_PER_SEC, &lost));
	ck_assert_uint_eq(lost, 2);
	ck_assert(!ratelimit_pass(&r, 1001 * USEC_PER_SEC + 999999, &lost));
	ck_assert(ratelimit_pass(&r, 1002 * USEC_PER_SEC, &lost));
	ck_assert_uint_eq(lost, 1);
	/* never more than the burst, after any time */
	for (unsigned i = 0; i < 3; i++)
		ck_assert(ratelimit_pass(&r, INT64_MAX / 2, NULL));
	ck_assert(!ratelimit_pass(&r, INT64_MAX / 2, NULL));
}
END_TEST

/* Ask every `step` us for 100 s: within one per cent of the rate. */
START_TEST(test_rate)
{
	static const struct { uint32_t burst, per_sec; usec_t step; } t[] = {
		{ 1, 1, 1999 }, { 1, 1, 1001 }, { 1, 1, 100 },
		{ 5, 3, 700 }, { 5, 3, 333 }, { 1, 10, 150 },
		{ 100, 1000, 400 }, { 1, 1, 900000 }, { 2, 7, 99999 },
	};

	for (unsigned i = 0; i < ARRAY_LEN(t); i++) {
		usec_t begin = 5 * USEC_PER_SEC, end = 105 * USEC_PER_SEC;
		unsigned n = 0, most = t[i].burst + 100 * t[i].per_sec;
		/* somebody who asks late may lose a step's worth each time */
		unsigned least = most - most / 100 - t[i].burst;
		struct ratelimit r;

		if (t[i].burst == 1)
			least = (unsigned)(100 * USEC_PER_SEC /
			    (USEC_PER_SEC / t[i].per_sec + t[i].step));
		ratelimit_init(&r, t[i].burst, t[i].per_sec);
		for (usec_t now = begin; now < end; now += t[i].step)
			n += ratelimit_pass(&r, now, NULL);
		ck_assert_msg(n <= most && n >= least,
		    "%u: %u passed, not %u..%u", i, n, least, most);
	}
}
END_TEST

START_TEST(test_nothing_and_back)
{
	struct ratelimit r;

	ratelimit_init(&r, 0, 0);
	ck_assert(!ratelimit_pass(&r, 1, NULL));
	ck_assert(!ratelimit_pass(&r, 100 * USEC_PER_SEC, NULL));
	ratelimit_init(&r, 1, 0);	/* once and never again */
	ck_assert(ratelimit_pass(&r, 1, NULL));
	ck_assert(!ratelimit_pass(&r, 9000 * USEC_PER_SEC, NULL));
	/* a clock that stands or goes back gives nothing */
	ratelimit_init(&r, 1, 1);
	ck_assert(ratelimit_pass(&r, 50 * USEC_PER_SEC, NULL));
	ck_assert(!ratelimit_pass(&r, 50 * USEC_PER_SEC, NULL));
	ck_assert(!ratelimit_pass(&r, 1, NULL));
	ck_assert(ratelimit_pass(&r, 51 * USEC_PER_SEC, NULL));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("ratelimit");
	TCase *tc = tcase_create("ratelimit");

	tcase_add_test(tc, test_burst);
	tcase_add_test(tc, test_rate);
	tcase_add_test(tc, test_nothing_and_back);
	suite_add_tcase(s, tc);
	return suite_run(s);
}

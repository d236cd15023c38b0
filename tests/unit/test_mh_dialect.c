/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Status codes and reactions of dialect draft-01 (PROTOCOL 3.2, A7, A23, A44),
 * and the value of the Time Stamp option.
 */
#include <check.h>
#include <string.h>

#include "core/clock.h"
#include "core/util.h"
#include "mh/dialect.h"
#include "mh/status.h"
#include "suite.h"

#define WINDOW (5 * USEC_PER_SEC)

/* The column draft-01, row by row. */
START_TEST(test_draft01_status)
{
	static const struct { enum refusal why; uint8_t status; } t[] = {
		{ REFUSE_NONE, 0 },
		{ REFUSE_PROXY_DISABLED, 145 },
		{ REFUSE_NO_NAI, 128 },
		{ REFUSE_UNKNOWN_MN, 133 },
		{ REFUSE_PMA, 146 },
		{ REFUSE_COA, 146 },
		{ REFUSE_PMA_FOR_MN, 146 },
		{ REFUSE_NOT_ENTITLED, 129 },
		{ REFUSE_TS_MISSING, 148 },
		{ REFUSE_TS_WINDOW, 148 },
		{ REFUSE_TS_ORDER, 148 },
		{ REFUSE_TS_RESTART, 148 },
		{ REFUSE_NO_HNP, 147 },
		{ REFUSE_NOT_ANCHORED, 132 },
		{ REFUSE_NOT_MNS_PREFIX, 129 },
		{ REFUSE_PREFIX_TAKEN, 134 },
		{ REFUSE_PREFIX_SET, 128 },
		{ REFUSE_RESOURCES, 130 },
		{ REFUSE_MALFORMED, 128 },
		{ REFUSE_NO_BINDING, 133 },
	};
	unsigned i, k;

	ck_assert_uint_eq(ARRAY_LEN(t), REFUSE_MAX);
	for (i = 0; i < ARRAY_LEN(t); i++) {
		ck_assert_uint_eq(t[i].why, i);
		ck_assert_uint_eq(dialect_draft01.status(t[i].why),
		    t[i].status);
		ck_assert_ptr_nonnull(refusal_name(t[i].why));
		for (k = 0; k < i; k++)
			ck_assert_str_ne(refusal_name(t[i].why),
			    refusal_name(t[k].why));
	}
	ck_assert_str_eq(refusal_name(REFUSE_PROXY_DISABLED),
	    "proxy-disabled");
	ck_assert_str_eq(refusal_name(REFUSE_TS_ORDER), "time-stamp-order");
}
END_TEST

START_TEST(test_draft01_react)
{
	unsigned s;

	for (s = 0; s < 256; s++) {
		enum reaction want = s < 128 ? REACT_ACCEPT : REACT_STOP_MN;

		if (s == 130 || s == 135)
			want = REACT_RETRY_BACKOFF;
		else if (s == 131 || s == 145)
			want = REACT_STOP_PEER;
		else if (s == 147)
			want = REACT_WAIT_DHCP;
		else if (s == 148)
			want = REACT_RESYNC_CLOCK;
		ck_assert_msg(dialect_draft01.react((uint8_t)s, INT64_MAX,
		    WINDOW) == want, "status %u", s);
	}
}
END_TEST

/* A44: the HA's clock agrees with ours: order; else: clock. */
START_TEST(test_draft01_react_timestamp)
{
	static const struct { int64_t skew; enum reaction want; } t[] = {
		{ 0, REACT_RETRY_NOW },
		{ WINDOW, REACT_RETRY_NOW },
		{ -WINDOW, REACT_RETRY_NOW },
		{ WINDOW + 1, REACT_RESYNC_CLOCK },
		{ -WINDOW - 1, REACT_RESYNC_CLOCK },
		{ INT64_MAX, REACT_RESYNC_CLOCK },
		{ INT64_MIN, REACT_RESYNC_CLOCK },
	};
	unsigned i;

	for (i = 0; i < ARRAY_LEN(t); i++)
		ck_assert_int_eq(dialect_draft01.react(148, t[i].skew,
		    WINDOW), t[i].want);
}
END_TEST

START_TEST(test_draft01_constants)
{
	ck_assert_str_eq(dialect_draft01.name, "draft-01");
	ck_assert_uint_eq(dialect_draft01.bu_flags, 0xc200);
	ck_assert(dialect_draft01.alt_coa);
	ck_assert(!dialect_draft01.send_handoff);
	ck_assert(dialect_draft01.ts_required);
	ck_assert_int_eq(dialect_draft01.ts_window_us, 5000000);
	ck_assert_uint_eq(dialect_draft01.wire->opt_hnp, 22);
	ck_assert_uint_eq(dialect_draft01.wire->opt_timestamp, 27);
	ck_assert(dialect_draft01.wire->ts_accept_len18);
	ck_assert(dialect_draft01.wire->verify_checksum);
}
END_TEST

START_TEST(test_ba_status_name)
{
	unsigned s;

	for (s = 0; s < 256; s++)
		ck_assert_int_eq(strcmp(ba_status_name((uint8_t)s),
		    "unassigned") != 0, s <= 6 || (s >= 128 && s <= 180));
	ck_assert_str_eq(ba_status_name(0), "accepted");
	ck_assert_str_eq(ba_status_name(133), "not-home-agent-for-this-node");
	ck_assert_str_eq(ba_status_name(145),
	    "proxy-registration-not-supported");
	ck_assert_str_eq(ba_status_name(146), "pma-not-allowed");
	ck_assert_str_eq(ba_status_name(147), "home-address-required");
	ck_assert_str_eq(ba_status_name(148), "invalid-time-stamp");
	ck_assert(ba_is_success(127));
	ck_assert(!ba_is_success(128));		/* A9 */
}
END_TEST

START_TEST(test_mh_ts_values)
{
	/* 1700000000.5 s, as scapy and Wireshark read it */
	ck_assert(mh_ts_from_us(1700000000500000LL) == 0x00006553f1008000ULL);
	ck_assert_int_eq(mh_ts_to_us(0x00006553f1008000ULL),
	    1700000000500000LL);
	ck_assert(mh_ts_from_us(0) == 0);
	ck_assert(mh_ts_from_us(15) == 0);
	ck_assert(mh_ts_from_us(16) == 1);
	ck_assert(mh_ts_from_us(999999) == 0xffff);
	ck_assert(mh_ts_from_us(1000000) == 0x10000);
	ck_assert(mh_ts_from_us(-1) == 0);
	ck_assert(mh_ts_from_us(INT64_MIN) == 0);
}
END_TEST

START_TEST(test_mh_ts_round_trip)
{
	int64_t us, back;
	uint64_t last = 0, ts;

	for (us = 1700000000000000LL; us < 1700000002000000LL; us += 7) {
		ts = mh_ts_from_us(us);
		back = mh_ts_to_us(ts);
		ck_assert_int_ge(us - back, 0);
		ck_assert_int_lt(us - back, 16);
		ck_assert(ts >= last);
		ck_assert(mh_ts_from_us(back) == ts);
		last = ts;
	}
}
END_TEST

/* A peer may write any 64 bits. */
START_TEST(test_mh_ts_extreme)
{
	ck_assert_int_eq(mh_ts_to_us(UINT64_MAX), INT64_MAX);
	ck_assert_int_eq(mh_ts_to_us((uint64_t)INT64_MAX), INT64_MAX);
	ck_assert_int_gt(mh_ts_to_us((uint64_t)9223372036853ULL << 16 |
	    0xffff), 0);
	ck_assert_int_eq(mh_ts_to_us((uint64_t)9223372036854ULL << 16),
	    INT64_MAX);
	ck_assert_int_gt(mh_ts_to_us(mh_ts_from_us(INT64_MAX)), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("mh_dialect");
	TCase *tc;

	tc = tcase_create("draft-01");
	tcase_add_test(tc, test_draft01_status);
	tcase_add_test(tc, test_draft01_react);
	tcase_add_test(tc, test_draft01_react_timestamp);
	tcase_add_test(tc, test_draft01_constants);
	tcase_add_test(tc, test_ba_status_name);
	suite_add_tcase(s, tc);

	tc = tcase_create("time stamp");
	tcase_add_test(tc, test_mh_ts_values);
	tcase_add_test(tc, test_mh_ts_round_trip);
	tcase_add_test(tc, test_mh_ts_extreme);
	suite_add_tcase(s, tc);
	return suite_run(s);
}

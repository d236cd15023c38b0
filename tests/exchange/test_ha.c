/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The home agent, driven by Proxy Binding Updates that are made by hand: every
 * refusal with its status and the order of the checks, time stamps, lifetimes,
 * tunnels and their users, a kernel that refuses or takes its time, parking,
 * expiry, policy changes, late messages, restart.
 */
#include <check.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "core/arena.h"
#include "core/util.h"
#include "exchange/ha_kit.h"
#include "suite.h"

/* --- creation ---------------------------------------------------------- */

START_TEST(test_create)
{
	struct t t = setup();
	struct prefix want = sim_prefix(HNP1);
	const struct sim_pkt *p = ask(&t, (struct q){ 0 }, BA_ACCEPTED);

	ck_assert_uint_eq(p->m.ba.lifetime_4s, 75);
	ck_assert_uint_eq(p->m.o.nhnp, 1);
	ck_assert(prefix_eq(&p->m.o.hnp[0], &want));
	ck_assert(!(p->m.o.have & MHO_LINK_LOCAL));
	ck_assert(sim_routed(t.ha, HNP1, P1));
	ck_assert(sim_ktunnel(t.ha, HA, P1));
	ck_assert_uint_eq(users(&t, P1), 1);
	ck_assert_uint_eq(sim_seen(t.ha, "binding-created"), 1);
	ck_assert_uint_eq(sim_stat(t.ha, "ha", "bindings-created"), 1);
	sim_free(t.s);
}
END_TEST

START_TEST(test_answer_only_after_the_kernel)
{
	struct t t = setup();

	t.ha->kernel.delay_us = USEC_PER_SEC;
	put(&t, (struct q){ 0 });
	sim_expect_silence(t.s, HA, NULL, 900 * USEC_PER_MSEC);
	ck_assert_uint_eq(sim_seen(t.ha, "binding-created"), 0);
	sim_expect_pba(t.s, HA, P1, BA_ACCEPTED);
	sim_free(t.s);
}
END_TEST

START_TEST(test_kernel_that_answers_at_once)
{
	struct t t = setup();

	t.ha->kernel.delay_us = -1;
	ask(&t, (struct q){ 0 }, BA_ACCEPTED);
	ask(&t, (struct q){ .src = P2 }, BA_ACCEPTED);
	ck_assert(sim_routed(t.ha, HNP1, P2));
	ask(&t, (struct q){ .src = P2, .dereg = true }, BA_ACCEPTED);
	ck_assert(sim_routed(t.ha, HNP1, NULL));
	ck_assert_uint_eq(t.ha->kernel.ntunnels, 0);
	sim_free(t.s);
}
END_TEST

START_TEST(test_lifetime_granted)
{
	struct t t = setup();

	ck_assert_uint_eq(ask(&t, (struct q){ .life_s = 4 },
	    BA_ACCEPTED)->m.ba.lifetime_4s, 1);
	ck_assert_uint_eq(ask(&t, (struct q){ .life_s = 3600 },
	    BA_ACCEPTED)->m.ba.lifetime_4s, 900);
	ck_assert_uint_eq(ask(&t, (struct q){ .life_s = 262140 },
	    BA_ACCEPTED)->m.ba.lifetime_4s, 900);
	sim_free(t.s);
}
END_TEST

START_TEST(test_nai_compares_realm_without_case)
{
	struct t t = setup();

	ask(&t, (struct q){ 0 }, BA_ACCEPTED);
	ask(&t, (struct q){ .nai = "mn1@EXAMPLE.Com" }, BA_ACCEPTED);
	ck_assert_uint_eq(sim_stat(t.ha, "ha", "bindings-created"), 1);
	ck_assert_uint_eq(sim_stat(t.ha, "ha", "bindings-refreshed"), 1);
	refused(&t, (struct q){ .nai = "MN1@example.com" },
	    BA_NOT_HOME_AGENT, "refused-unknown-mn");
	sim_free(t.s);
}
END_TEST

/* --- refusals, in the order of the chain ------------------------------- */

START_TEST(test_refuse_proxy_disabled)
{
	struct t t = setup_conf(false);

	t.conf->proxy_registration = false;
	t.ha = sim_add_ha(t.s, HA, t.conf);
	refused(&t, (struct q){ 0 }, BA_PROXY_UNSUPPORTED,
	    "refused-proxy-disabled");
	sim_free(t.s);
}
END_TEST

START_TEST(test_refuse_no_nai)
{
	struct t t = setup();

	refused(&t, (struct q){ .no_nai = true }, BA_UNSPECIFIED,
	    "refused-no-nai");
	sim_free(t.s);
}
END_TEST

START_TEST(test_refuse_unknown_mn)
{
	struct t t = setup();

	refused(&t, (struct q){ .nai = "nobody@example.com" },
	    BA_NOT_HOME_AGENT, "refused-unknown-mn");
	sim_free(t.s);
}
END_TEST

START_TEST(test_refuse_pma)
{
	struct t t = setup();

	refused(&t, (struct q){ .src = STRANGER }, BA_PMA_NOT_ALLOWED,
	    "refused-pma");
	/* Nor may a listed one speak for another (D5-2, D5-3). */
	refused(&t, (struct q){ .alt = P2 }, BA_PMA_NOT_ALLOWED,
	    "refused-coa");
	ask(&t, (struct q){ .alt = P1 }, BA_ACCEPTED);
	sim_free(t.s);
}
END_TEST

START_TEST(test_refuse_pma_for_mn)
{
	struct t t = setup();

	sim_profile_allow(t.s, t.mn1, P2);
	refused(&t, (struct q){ 0 }, BA_PMA_NOT_ALLOWED,
	    "refused-pma-for-mn");
	ask(&t, (struct q){ .src = P2 }, BA_ACCEPTED);
	sim_free(t.s);
}
END_TEST

START_TEST(test_refuse_not_entitled)
{
	struct t t = setup();

	t.mn1->pmip = false;
	refused(&t, (struct q){ 0 }, BA_PROHIBITED, "refused-not-entitled");
	sim_free(t.s);
}
END_TEST

/* 148 carries the clock of the home agent (A24). */
static void
has_our_clock(struct t *t, const struct sim_pkt *p)
{
	int64_t off = mh_ts_to_us(p->m.o.timestamp) - t->ha->skew_us -
	    p->wall;

	ck_assert_msg(off > -20 && off < 20, "off by %lld us",
	    (long long)off);
}

START_TEST(test_refuse_ts_missing)
{
	struct t t = setup();

	t.ha->skew_us = 1234567;
	has_our_clock(&t, refused(&t, (struct q){ .no_ts = true },
	    BA_INVALID_TIMESTAMP, "refused-ts-missing"));
	sim_free(t.s);
}
END_TEST

START_TEST(test_refuse_ts_window)
{
	struct t t = setup();
	int64_t w = 5 * USEC_PER_SEC, slack = 2 * USEC_PER_MSEC;

	sim_run_for(t.s, 2 * w);	/* not our start's affair */
	/* The packet is 1 ms under way. */
	has_our_clock(&t, refused(&t, (struct q){ .ts_off_us = w + slack },
	    BA_INVALID_TIMESTAMP, "refused-ts-window"));
	has_our_clock(&t, refused(&t, (struct q){ .ts_off_us = -w },
	    BA_INVALID_TIMESTAMP, "refused-ts-window"));
	refused(&t, (struct q){ .ts = 1 }, BA_INVALID_TIMESTAMP,
	    "refused-ts-window");
	refused(&t, (struct q){ .ts = UINT64_MAX }, BA_INVALID_TIMESTAMP,
	    "refused-ts-window");
	ask(&t, (struct q){ .ts_off_us = -w + slack }, BA_ACCEPTED);
	ask(&t, (struct q){ .ts_off_us = w }, BA_ACCEPTED);
	sim_free(t.s);
}
END_TEST

START_TEST(test_window_is_about_our_clock)
{
	struct t t = setup();

	t.ha->skew_us = 7 * USEC_PER_SEC;
	refused(&t, (struct q){ 0 }, BA_INVALID_TIMESTAMP,
	    "refused-ts-window");
	t.ha->skew_us = 0;
	t.conf->ts_window_us = 100 * USEC_PER_MSEC;
	refused(&t, (struct q){ .ts_off_us = -101 * USEC_PER_MSEC },
	    BA_INVALID_TIMESTAMP, "refused-ts-window");
	sim_free(t.s);
}
END_TEST

START_TEST(test_refuse_ts_order)
{
	struct t t = setup();
	uint64_t ts;

	sim_run_for(t.s, 10 * USEC_PER_SEC);
	ts = ask(&t, (struct q){ 0 }, BA_ACCEPTED)->m.o.timestamp;
	has_our_clock(&t, refused(&t, (struct q){ .ts = ts },
	    BA_INVALID_TIMESTAMP, "refused-ts-order"));
	refused(&t, (struct q){ .ts = ts - 1 }, BA_INVALID_TIMESTAMP,
	    "refused-ts-order");
	refused(&t, (struct q){ .ts = ts - 1, .src = P2 },
	    BA_INVALID_TIMESTAMP, "refused-ts-order");
	refused(&t, (struct q){ .ts = ts - 1, .dereg = true },
	    BA_INVALID_TIMESTAMP, "refused-ts-order");
	ck_assert(sim_routed(t.ha, HNP1, P1));
	ask(&t, (struct q){ .ts = ts + 1 }, BA_ACCEPTED);
	/* Another node has time stamps of its own. */
	ask(&t, (struct q){ .ts = ts - 5, .nai = MN2 }, BA_ACCEPTED);
	sim_free(t.s);
}
END_TEST

START_TEST(test_sequence_number_is_ignored)
{
	struct t t = setup();

	t.seq = 5000;
	ask(&t, (struct q){ 0 }, BA_ACCEPTED);
	t.seq = 10;				/* D5.5-3 */
	ask(&t, (struct q){ 0 }, BA_ACCEPTED);
	sim_free(t.s);
}
END_TEST

START_TEST(test_refuse_no_hnp)
{
	struct t t = setup();
	struct prefix want = sim_prefix(HNP1);
	const struct sim_pkt *p;

	refused(&t, (struct q){ .no_hnp = true }, BA_HOME_ADDRESS_REQUIRED,
	    "refused-no-hnp");
	refused(&t, (struct q){ .hnp = "::/64" }, BA_HOME_ADDRESS_REQUIRED,
	    "refused-no-hnp");			/* A21 */
	ask(&t, (struct q){ 0 }, BA_ACCEPTED);
	p = ask(&t, (struct q){ .no_hnp = true }, BA_ACCEPTED);	/* A18 */
	ck_assert_uint_eq(p->m.o.nhnp, 1);
	ck_assert(prefix_eq(&p->m.o.hnp[0], &want));
	/* After it has gone there is none again. */
	ask(&t, (struct q){ .dereg = true }, BA_ACCEPTED);
	refused(&t, (struct q){ .no_hnp = true }, BA_HOME_ADDRESS_REQUIRED,
	    "refused-no-hnp");
	sim_free(t.s);
}
END_TEST

START_TEST(test_refuse_not_anchored)
{
	struct t t = setup();

	refused(&t, (struct q){ .hnp = "2001:db8:2:1::/64" },
	    BA_NOT_HOME_SUBNET, "refused-not-anchored");
	refused(&t, (struct q){ .hnp = "fe80::/64" },
	    BA_NOT_HOME_SUBNET, "refused-not-anchored");
	refused(&t, (struct q){ .hnp = "2001:db8::/32" },
	    BA_NOT_HOME_SUBNET, "refused-not-anchored");
	refused(&t, (struct q){ .hnp = "ff02::1/128" },
	    BA_NOT_HOME_SUBNET, "refused-not-anchored");
	sim_free(t.s);
}
END_TEST

START_TEST(test_refuse_not_mns_prefix)
{
	struct t t = setup();

	refused(&t, (struct q){ .hnp = HNP2 }, BA_PROHIBITED,
	    "refused-not-mns-prefix");
	refused(&t, (struct q){ .hnp = "2001:db8:1::/48" }, BA_PROHIBITED,
	    "refused-not-mns-prefix");
	refused(&t, (struct q){ .hnp = "2001:db8:1:1::/65" }, BA_PROHIBITED,
	    "refused-not-mns-prefix");
	refused(&t, (struct q){ .hnp = "2001:db8:1:2::1/128" },
	    BA_PROHIBITED, "refused-not-mns-prefix");
	sim_free(t.s);
}
END_TEST

START_TEST(test_refuse_prefix_taken)
{
	struct t t = setup();

	ask(&t, (struct q){ 0 }, BA_ACCEPTED);
	/* D6.4-3: the operator gave it to two nodes. */
	t.mn2->home_prefix = sim_prefix(HNP1);
	refused(&t, (struct q){ .nai = MN2, .hnp = HNP1, .src = P2 },
	    BA_DAD_FAILED, "refused-prefix-taken");
	ck_assert(sim_routed(t.ha, HNP1, P1));
	ask(&t, (struct q){ .dereg = true }, BA_ACCEPTED);
	ask(&t, (struct q){ .nai = MN2, .hnp = HNP1 }, BA_ACCEPTED);
	sim_free(t.s);
}
END_TEST

START_TEST(test_refuse_malformed)
{
	struct t t = setup();

	refused(&t, (struct q){ .hnp2 = HNP2 }, BA_UNSPECIFIED,
	    "refused-malformed");
	refused(&t, (struct q){ .hnp2 = HNP1 }, BA_UNSPECIFIED,
	    "refused-malformed");
	refused(&t, (struct q){ .hnp2 = "2001:db8:1:2::1/128" },
	    BA_UNSPECIFIED, "refused-malformed");
	ask(&t, (struct q){ .hnp2 = "2001:db8:1:1::1/128" }, BA_ACCEPTED);
	sim_free(t.s);
}
END_TEST

START_TEST(test_refuse_prefix_set)
{
	struct t t = setup();

	ask(&t, (struct q){ 0 }, BA_ACCEPTED);
	/* The profile has changed and nobody was told yet. */
	t.mn1->home_prefix = sim_prefix("2001:db8:1:9::/64");
	refused(&t, (struct q){ .hnp = "2001:db8:1:9::/64" }, BA_UNSPECIFIED,
	    "refused-prefix-set");
	sim_free(t.s);
}
END_TEST

START_TEST(test_refuse_limits)
{
	struct t t = setup_conf(false);
	struct ha_conf_pma *pma = t.conf->pmas.v;

	t.conf->max_bindings = 2;
	pma[0].max_bindings = 1;
	sim_profile(t.s, "mn3@example.com", "2001:db8:1:3::/64", NULL);
	t.ha = sim_add_ha(t.s, HA, t.conf);
	ask(&t, (struct q){ 0 }, BA_ACCEPTED);
	refused(&t, (struct q){ .nai = MN2 }, BA_NO_RESOURCES,
	    "refused-resources");			/* of P1 */
	ask(&t, (struct q){ .nai = MN2, .src = P2 }, BA_ACCEPTED);
	refused(&t, (struct q){ .nai = "mn3@example.com", .src = P2,
	    .hnp = "2001:db8:1:3::/64" }, BA_NO_RESOURCES,
	    "refused-resources");			/* in all */
	/* Refresh and handover need no room; but P1 is full for MN2. */
	ask(&t, (struct q){ 0 }, BA_ACCEPTED);
	refused(&t, (struct q){ .nai = MN2 }, BA_NO_RESOURCES,
	    "refused-resources");
	ask(&t, (struct q){ .src = P2 }, BA_ACCEPTED);
	ask(&t, (struct q){ .nai = MN2 }, BA_ACCEPTED);
	ask(&t, (struct q){ .src = P2, .dereg = true }, BA_ACCEPTED);
	ask(&t, (struct q){ .nai = "mn3@example.com", .src = P2,
	    .hnp = "2001:db8:1:3::/64" }, BA_ACCEPTED);
	sim_free(t.s);
}
END_TEST

/*
 * Each row breaks one rule more than the row below it: the answer is that of
 * the first broken rule, so the chain has exactly this order.
 */
START_TEST(test_order_of_checks)
{
	struct t t = setup();
	struct q q = { .no_hnp = true };

	/* Last first, adding trouble. */
	refused(&t, q, BA_HOME_ADDRESS_REQUIRED, "refused-no-hnp");
	q.no_hnp = false;
	q.hnp = "2001:db8:2::/64";
	q.hnp2 = HNP2;
	refused(&t, q, BA_UNSPECIFIED, "refused-malformed");
	q.hnp2 = NULL;
	refused(&t, q, BA_NOT_HOME_SUBNET, "refused-not-anchored");
	q.ts_off_us = -60 * USEC_PER_SEC;
	refused(&t, q, BA_INVALID_TIMESTAMP, "refused-ts-window");
	q.no_ts = true;
	refused(&t, q, BA_INVALID_TIMESTAMP, "refused-ts-missing");
	t.mn1->pmip = false;
	refused(&t, q, BA_PROHIBITED, "refused-not-entitled");
	sim_profile_allow(t.s, t.mn1, P2);
	refused(&t, q, BA_PMA_NOT_ALLOWED, "refused-pma-for-mn");
	q.src = STRANGER;
	refused(&t, q, BA_PMA_NOT_ALLOWED, "refused-pma");
	q.nai = "nobody@example.com";
	refused(&t, q, BA_NOT_HOME_AGENT, "refused-unknown-mn");
	q.no_nai = true;
	refused(&t, q, BA_UNSPECIFIED, "refused-no-nai");
	t.conf->proxy_registration = false;
	refused(&t, q, BA_PROXY_UNSUPPORTED, "refused-proxy-disabled");
	/* A de-registration goes through the same first half. */
	t.conf->proxy_registration = true;
	q = (struct q){ .dereg = true, .no_ts = true };
	refused(&t, q, BA_PMA_NOT_ALLOWED, "refused-pma-for-mn");
	sim_free(t.s);
}
END_TEST

START_TEST(test_ignored_in_silence)
{
	struct t t = setup();
	struct mh_msg m;

	sim_node_addr(t.ha, HA2);	/* on the host, not in the list */
	put(&t, (struct q){ .dst = HA2 });
	sim_expect_silence(t.s, HA2, NULL, USEC_PER_SEC);
	ck_assert_uint_eq(sim_stat(t.ha, "ha", "bu-not-ours"), 1);
	put(&t, (struct q){ .alt = "ff02::1" });
	put(&t, (struct q){ .alt = "fe80::1" });
	put(&t, (struct q){ .alt = "::" });
	put(&t, (struct q){ .src = "fe80::1" });
	silence(&t);
	ck_assert_uint_eq(sim_stat(t.ha, "ha", "coa-bad"), 4);
	/* Types of somebody else: known, not ours, no answer. */
	make(&t, &(struct q){ 0 }, &m);
	m.type = MH_BA;
	sim_send_mh(t.s, P1, HA, &m);
	silence(&t);
	ck_assert_uint_eq(sim_stat(t.ha, "mh", "mh-unserved"), 1);
	ck_assert_uint_eq(sim_kpaths(t.ha), 0);
	sim_free(t.s);
}
END_TEST

/* D5-4: without P it is no proxy registration, and we serve nothing else. */
START_TEST(test_plain_binding_update)
{
	struct t t = setup();
	const struct sim_pkt *p;

	put(&t, (struct q){ .flags = BU_A | BU_H });
	p = sim_expect_pba(t.s, HA, P1, BA_NO_HOME_REGISTRATION);
	ck_assert_uint_eq(p->m.ba.flags, 0);		/* D8.2-2 */
	ck_assert_uint_eq(p->m.o.have, 0);
	put(&t, (struct q){ .flags = BU_A | BU_H, .src = STRANGER });
	silence(&t);
	ck_assert_uint_eq(sim_kpaths(t.ha), 0);
	sim_free(t.s);
}
END_TEST

START_TEST(test_binding_error_for_unknown_type)
{
	struct t t = setup();
	struct in6_addr a = sim_in6(P1), b = sim_in6(HA);
	uint8_t pkt[8] = { 59, 0, 77, 0, 0, 0, 0, 0 };
	const struct sim_pkt *p;
	uint16_t sum = mh_checksum(pkt, sizeof(pkt), &a, &b);
	size_t n;

	pkt[4] = (uint8_t)(sum >> 8);
	pkt[5] = (uint8_t)sum;
	sim_send_raw(t.s, &a, &b, pkt, sizeof(pkt));
	p = sim_wait_mh(t.s, MH_BE, HA, P1, USEC_PER_SEC);
	ck_assert_ptr_nonnull(p);
	ck_assert_uint_eq(p->m.be.status, BE_UNKNOWN_TYPE);
	/* A flood of them is answered at a rate. */
	for (int i = 0; i < 1000; i++)
		sim_send_raw(t.s, &a, &b, pkt, sizeof(pkt));
	sim_run_for(t.s, USEC_PER_SEC);
	n = sim_count_mh(t.s, MH_BE, HA, P1);
	ck_assert_msg(n >= 2 && n < 30, "%zu Binding Errors", n);
	sim_free(t.s);
}
END_TEST

START_TEST(test_noise_does_no_harm)
{
	struct t t = setup();
	struct in6_addr a = sim_in6(P1), b = sim_in6(HA);
	uint8_t pkt[256];

	for (int i = 0; i < 20000; i++) {
		size_t len = sim_random(t.s, sizeof(pkt));
		struct mh_msg m;

		for (size_t k = 0; k < len; k++)
			pkt[k] = (uint8_t)sim_random(t.s, 256);
		if (i % 2 == 0) {	/* a good one with some octets off */
			make(&t, &(struct q){ 0 }, &m);
			len = (size_t)mh_build(&m, &a, &b, &mh_wire_default,
			    pkt, sizeof(pkt));
			for (int k = 0; k < 3; k++)
				pkt[6 + sim_random(t.s, len - 6)] =
				    (uint8_t)sim_random(t.s, 256);
		}
		sim_send_raw(t.s, &a, &b, pkt, len);
		sim_run_for(t.s, USEC_PER_MSEC);
	}
	sim_run_for(t.s, 4000 * USEC_PER_SEC);
	ck_assert_uint_eq(sim_kpaths(t.ha), 0);
	ck_assert_uint_eq(t.ha->kernel.ntunnels, 0);
	sim_free(t.s);
}
END_TEST

START_TEST(test_log_of_refusals_is_limited)
{
	struct t t = setup();

	for (int i = 0; i < 500; i++)
		put(&t, (struct q){ .src = STRANGER });
	sim_run_for(t.s, USEC_PER_SEC);
	ck_assert_uint_eq(sim_stat(t.ha, "ha", "refused-pma"), 500);
	ck_assert_uint_ge(sim_seen(t.ha, "pbu-refused"), 1);
	ck_assert_uint_le(sim_seen(t.ha, "pbu-refused"), 15);
	/* ... and one noisy source does not hush up the others. */
	put(&t, (struct q){ .hnp = HNP2 });
	sim_run_for(t.s, 10 * USEC_PER_MSEC);
	ck_assert_uint_ge(sim_seen(t.ha, "pbu-refused"), 2);
	sim_free(t.s);
}
END_TEST

/* --- refresh, tunnels, handover ---------------------------------------- */

START_TEST(test_refresh_touches_no_route)
{
	struct t t = setup();

	ask(&t, (struct q){ .life_s = 100 }, BA_ACCEPTED);
	sim_run_for(t.s, 90 * USEC_PER_SEC);
	ask(&t, (struct q){ .life_s = 100 }, BA_ACCEPTED);
	ck_assert_uint_eq(t.ha->kernel.sets, 1);
	ck_assert_uint_eq(users(&t, P1), 1);
	sim_run_for(t.s, 90 * USEC_PER_SEC);
	ck_assert(sim_routed(t.ha, HNP1, P1));
	sim_run_for(t.s, 15 * USEC_PER_SEC);
	ck_assert(sim_routed(t.ha, HNP1, NULL));
	sim_free(t.s);
}
END_TEST

START_TEST(test_tunnel_is_shared_and_lives_longest)
{
	struct t t = setup();
	struct dp_tunnel *tun;
	usec_t left;

	ask(&t, (struct q){ .life_s = 60 }, BA_ACCEPTED);
	ask(&t, (struct q){ .nai = MN2, .life_s = 600 }, BA_ACCEPTED);
	tun = sim_tunnel(t.ha, HA, P1);
	ck_assert_ptr_nonnull(tun);
	ck_assert_uint_eq(tun->users, 2);			/* D5.2-7 */
	ck_assert_uint_eq(t.ha->kernel.ups, 1);
	left = tunnel_life_end(tun) - sim_now(t.s);
	ck_assert(left > 598 * USEC_PER_SEC && left <= 600 * USEC_PER_SEC);
	ask(&t, (struct q){ .nai = MN2, .dereg = true }, BA_ACCEPTED);
	ck_assert_uint_eq(users(&t, P1), 1);
	left = tunnel_life_end(tun) - sim_now(t.s);
	ck_assert(left <= 60 * USEC_PER_SEC);			/* D5.2-8 */
	ask(&t, (struct q){ .dereg = true }, BA_ACCEPTED);
	ck_assert(!sim_ktunnel(t.ha, HA, P1));
	sim_free(t.s);
}
END_TEST

START_TEST(test_tunnel_starts_where_the_pbu_went)
{
	struct t t = setup_conf(false);
	struct in6_addr both[2] = { sim_in6(HA), sim_in6(HA2) };
	const struct sim_pkt *p;

	t.conf->addresses = (struct cfg_list){ both, 2 };
	t.ha = sim_add_ha(t.s, HA, t.conf);
	p = ask(&t, (struct q){ .dst = HA2 }, BA_ACCEPTED);
	ck_assert_mem_eq(&p->src, &both[1], sizeof(p->src));
	ck_assert(sim_ktunnel(t.ha, HA2, P1));			/* D5.2-3 */
	ck_assert(!sim_ktunnel(t.ha, HA, P1));
	/* The other address, same PMA: the path moves over. */
	ask(&t, (struct q){ 0 }, BA_ACCEPTED);
	ck_assert(sim_ktunnel(t.ha, HA, P1));
	ck_assert(!sim_ktunnel(t.ha, HA2, P1));
	ck_assert_uint_eq(sim_kpaths(t.ha), 1);
	sim_free(t.s);
}
END_TEST

START_TEST(test_handover_makes_before_it_breaks)
{
	struct t t = setup();
	usec_t since, limit;

	t.ha->kernel.delay_us = 100 * USEC_PER_MSEC;
	ask(&t, (struct q){ 0 }, BA_ACCEPTED);
	since = sim_kpath(t.ha, HNP1)->since;
	put(&t, (struct q){ .src = P2 });
	limit = sim_now(t.s) + USEC_PER_SEC;
	while (sim_step(t.s, limit)) {
		const struct sim_kpath *k = sim_kpath(t.ha, HNP1);

		/* There is a path, over a tunnel that is there. */
		ck_assert_ptr_nonnull(k);
		ck_assert(sim_routed(t.ha, HNP1, P1) ||
		    sim_routed(t.ha, HNP1, P2));
	}
	sim_expect_pba(t.s, HA, P2, BA_ACCEPTED);
	ck_assert(sim_routed(t.ha, HNP1, P2));
	ck_assert_int_eq(sim_kpath(t.ha, HNP1)->since, since);
	ck_assert_uint_eq(t.ha->kernel.dels, 0);
	ck_assert(!sim_ktunnel(t.ha, HA, P1));
	ck_assert_uint_eq(users(&t, P2), 1);
	ck_assert_uint_eq(sim_seen(t.ha, "binding-moved"), 1);
	ck_assert_uint_eq(sim_count_mh(t.s, MH_BA, HA, P1), 1);
	sim_free(t.s);
}
END_TEST

START_TEST(test_handover_leaves_the_others)
{
	struct t t = setup();

	ask(&t, (struct q){ 0 }, BA_ACCEPTED);
	ask(&t, (struct q){ .nai = MN2 }, BA_ACCEPTED);
	ask(&t, (struct q){ .src = P2 }, BA_ACCEPTED);
	ck_assert(sim_routed(t.ha, HNP1, P2));
	ck_assert(sim_routed(t.ha, HNP2, P1));
	ck_assert_uint_eq(users(&t, P1), 1);
	ck_assert_uint_eq(users(&t, P2), 1);
	sim_free(t.s);
}
END_TEST

/* D7.3-5: stored as it is, returned to whom it is news. */
START_TEST(test_link_local_of_the_previous_pma)
{
	struct t t = setup();
	struct in6_addr old = sim_in6("fe80::11");
	const struct sim_pkt *p;

	p = ask(&t, (struct q){ .lla = "fe80::11" }, BA_ACCEPTED);
	ck_assert(!(p->m.o.have & MHO_LINK_LOCAL));
	p = ask(&t, (struct q){ .lla = "fe80::11" }, BA_ACCEPTED);
	ck_assert(!(p->m.o.have & MHO_LINK_LOCAL));
	p = ask(&t, (struct q){ .src = P2, .lla = "fe80::22" }, BA_ACCEPTED);
	ck_assert(p->m.o.have & MHO_LINK_LOCAL);		/* A29 */
	ck_assert_mem_eq(&p->m.o.link_local, &old, sizeof(old));
	sim_free(t.s);
}
END_TEST

START_TEST(test_address_in_the_option)
{
	struct t t = setup();
	struct prefix hoa = sim_prefix("2001:db8:1:1::77/128");
	const struct sim_pkt *p;

	/* A19: the whole prefix is routed, the option comes back as sent. */
	p = ask(&t, (struct q){ .hnp = "2001:db8:1:1::77/128" }, BA_ACCEPTED);
	ck_assert(sim_routed(t.ha, HNP1, P1));
	ck_assert_uint_eq(sim_kpaths(t.ha), 1);
	ck_assert_uint_eq(p->m.o.nhnp, 1);
	ck_assert(prefix_eq(&p->m.o.hnp[0], &hoa));
	sim_free(t.s);
}
END_TEST

START_TEST(test_shared_prefix_routes_the_address)
{
	struct t t = setup();
	struct prefix hoa = sim_prefix("2001:db8:1:1::77/128");
	const struct sim_pkt *p;

	t.mn1->model = MODEL_SHARED_PREFIX;
	refused(&t, (struct q){ 0 }, BA_HOME_ADDRESS_REQUIRED,
	    "refused-no-hnp");
	ask(&t, (struct q){ .hnp = "2001:db8:1:1::77/128" }, BA_ACCEPTED);
	ck_assert(sim_routed(t.ha, "2001:db8:1:1::77/128", P1)); /* D5.3-2 */
	ck_assert(sim_routed(t.ha, HNP1, NULL));
	p = ask(&t, (struct q){ .no_hnp = true }, BA_ACCEPTED);
	ck_assert(prefix_eq(&p->m.o.hnp[0], &hoa));		/* A18 */
	sim_free(t.s);
}
END_TEST

/* --- a kernel that does not play along --------------------------------- */

static void
nothing_left(struct t *t)
{
	ck_assert_uint_eq(sim_kpaths(t->ha), 0);
	ck_assert_uint_eq(t->ha->kernel.ntunnels, 0);
	ck_assert_ptr_null(tunnel_first(t->ha->dp->tunnels));
	ck_assert_uint_eq(sim_seen(t->ha, "binding-created"), 0);
}

START_TEST(test_kernel_refuses_creation)
{
	struct t t = setup();
	struct sim_kernel *k = &t.ha->kernel;

	k->refuse_set = 1;
	ask(&t, (struct q){ 0 }, BA_NO_RESOURCES);
	nothing_left(&t);
	k->refuse_call = 1;
	ask(&t, (struct q){ 0 }, BA_NO_RESOURCES);
	nothing_left(&t);
	k->refuse_tunnel = 1;
	ask(&t, (struct q){ 0 }, BA_NO_RESOURCES);
	nothing_left(&t);
	k->lose = 1;
	ask(&t, (struct q){ 0 }, BA_NO_RESOURCES);
	nothing_left(&t);
	k->delay_us = -1;
	k->refuse_set = 1;
	ask(&t, (struct q){ 0 }, BA_NO_RESOURCES);
	nothing_left(&t);
	ck_assert_uint_eq(sim_stat(t.ha, "ha", "kernel-refused"), 5);
	/* No binding: so no answer without an HNP option either. */
	refused(&t, (struct q){ .no_hnp = true }, BA_HOME_ADDRESS_REQUIRED,
	    "refused-no-hnp");
	ask(&t, (struct q){ 0 }, BA_ACCEPTED);
	sim_free(t.s);
}
END_TEST

START_TEST(test_kernel_refusal_counts_nobody)
{
	struct t t = setup_conf(false);
	struct ha_conf_pma *pma = t.conf->pmas.v;

	pma[0].max_bindings = 1;
	t.conf->max_bindings = 1;
	t.ha = sim_add_ha(t.s, HA, t.conf);
	t.ha->kernel.refuse_set = 1;
	ask(&t, (struct q){ 0 }, BA_NO_RESOURCES);
	ask(&t, (struct q){ .nai = MN2 }, BA_ACCEPTED);
	sim_free(t.s);
}
END_TEST

START_TEST(test_kernel_refuses_handover)
{
	struct t t = setup();
	usec_t left;

	ask(&t, (struct q){ .life_s = 60 }, BA_ACCEPTED);
	t.ha->kernel.refuse_set = 1;
	ask(&t, (struct q){ .src = P2 }, BA_NO_RESOURCES);
	ck_assert(sim_routed(t.ha, HNP1, P1));
	ck_assert_uint_eq(users(&t, P1), 1);
	ck_assert(!sim_ktunnel(t.ha, HA, P2));
	left = tunnel_life_end(sim_tunnel(t.ha, HA, P1)) - sim_now(t.s);
	ck_assert(left > 0 && left <= 60 * USEC_PER_SEC);
	/* The old binding is untouched: refreshed as if nothing had been. */
	ask(&t, (struct q){ 0 }, BA_ACCEPTED);
	ck_assert_uint_eq(sim_stat(t.ha, "ha", "bindings-refreshed"), 1);
	ask(&t, (struct q){ .src = P2 }, BA_ACCEPTED);
	ck_assert(sim_routed(t.ha, HNP1, P2));
	sim_free(t.s);
}
END_TEST

START_TEST(test_kernel_refuses_removal)
{
	struct t t = setup();

	ask(&t, (struct q){ 0 }, BA_ACCEPTED);
	t.ha->kernel.refuse_del = 2;
	ask(&t, (struct q){ .dereg = true }, BA_NO_RESOURCES);
	ck_assert(sim_routed(t.ha, HNP1, P1));
	ck_assert_uint_eq(users(&t, P1), 1);
	sim_run_for(t.s, 6 * USEC_PER_SEC);		/* once more in vain */
	ck_assert(sim_routed(t.ha, HNP1, P1));
	sim_run_for(t.s, 5 * USEC_PER_SEC);
	ck_assert_uint_eq(sim_kpaths(t.ha), 0);
	ck_assert_uint_eq(t.ha->kernel.ntunnels, 0);
	ck_assert_uint_eq(sim_stat(t.ha, "ha", "kernel-removal-failed"), 2);
	sim_free(t.s);
}
END_TEST

START_TEST(test_removal_refused_then_back)
{
	struct t t = setup();

	ask(&t, (struct q){ 0 }, BA_ACCEPTED);
	t.ha->kernel.refuse_del = 1;
	ask(&t, (struct q){ .dereg = true }, BA_NO_RESOURCES);
	ask(&t, (struct q){ .src = P2 }, BA_ACCEPTED);
	ck_assert(sim_routed(t.ha, HNP1, P2));
	ck_assert_uint_eq(users(&t, P1), 0);
	ck_assert_uint_eq(users(&t, P2), 1);
	sim_run_for(t.s, 60 * USEC_PER_SEC);
	ck_assert(sim_routed(t.ha, HNP1, P2));
	sim_free(t.s);
}
END_TEST

START_TEST(test_transport_refuses)
{
	struct t t = setup();

	t.ha->mh_send_errno = -ENOBUFS;
	put(&t, (struct q){ 0 });
	silence(&t);
	ck_assert(sim_routed(t.ha, HNP1, P1));
	ck_assert_uint_eq(sim_stat(t.ha, "mh", "mh-send-failed"), 1);
	t.ha->mh_send_errno = 0;
	ask(&t, (struct q){ 0 }, BA_ACCEPTED);
	sim_free(t.s);
}
END_TEST

/* --- while the kernel is busy ------------------------------------------ */

START_TEST(test_parked_newest_wins)
{
	struct t t = setup();

	t.ha->kernel.delay_us = USEC_PER_SEC;
	put(&t, (struct q){ 0 });
	sim_run_for(t.s, 100 * USEC_PER_MSEC);
	put(&t, (struct q){ .src = P2 });		/* parked, superseded */
	sim_run_for(t.s, 100 * USEC_PER_MSEC);
	put(&t, (struct q){ .src = P3 });		/* parked */
	sim_run_for(t.s, 100 * USEC_PER_MSEC);
	ck_assert_uint_eq(sim_count_mh(t.s, MH_BA, HA, NULL), 0);
	sim_run_for(t.s, 10 * USEC_PER_SEC);
	ck_assert_uint_eq(sim_count_mh(t.s, MH_BA, HA, P1), 1);
	ck_assert_uint_eq(sim_count_mh(t.s, MH_BA, HA, P2), 0);
	ck_assert_uint_eq(sim_count_mh(t.s, MH_BA, HA, P3), 1);
	ck_assert(sim_routed(t.ha, HNP1, P3));
	ck_assert_uint_eq(users(&t, P1), 0);
	ck_assert_uint_eq(users(&t, P3), 1);
	ck_assert_uint_eq(sim_stat(t.ha, "ha", "pbu-parked"), 1);
	ck_assert_uint_eq(sim_stat(t.ha, "ha", "pbu-superseded"), 1);
	sim_free(t.s);
}
END_TEST

START_TEST(test_parked_older_loses)
{
	struct t t = setup();
	uint64_t now = mh_ts_from_us(wall(&t));

	t.ha->kernel.delay_us = USEC_PER_SEC;
	put(&t, (struct q){ .ts = now });
	put(&t, (struct q){ .src = P3, .ts = now + 200 });
	put(&t, (struct q){ .src = P2, .ts = now + 100 });
	sim_run_for(t.s, 10 * USEC_PER_SEC);
	ck_assert(sim_routed(t.ha, HNP1, P3));
	ck_assert_uint_eq(sim_count_mh(t.s, MH_BA, HA, P2), 0);
	sim_free(t.s);
}
END_TEST

START_TEST(test_older_than_the_one_under_way)
{
	struct t t = setup();
	uint64_t now = mh_ts_from_us(wall(&t));

	t.ha->kernel.delay_us = USEC_PER_SEC;
	put(&t, (struct q){ .ts = now });
	put(&t, (struct q){ .src = P2, .ts = now - 100 });
	sim_run_for(t.s, 100 * USEC_PER_MSEC);
	sim_expect_pba(t.s, HA, P2, BA_INVALID_TIMESTAMP);
	ck_assert_uint_eq(sim_stat(t.ha, "ha", "pbu-parked"), 0);
	ck_assert_uint_eq(sim_kpaths(t.ha), 0);		/* at once */
	sim_expect_pba(t.s, HA, P1, BA_ACCEPTED);
	sim_free(t.s);
}
END_TEST

START_TEST(test_parked_stranger_does_not_displace)
{
	struct t t = setup();

	t.ha->kernel.delay_us = USEC_PER_SEC;
	put(&t, (struct q){ 0 });
	put(&t, (struct q){ .src = P2 });
	put(&t, (struct q){ .src = STRANGER });
	sim_run_for(t.s, 500 * USEC_PER_MSEC);
	sim_expect_pba(t.s, HA, STRANGER, BA_PMA_NOT_ALLOWED);
	sim_run_for(t.s, 10 * USEC_PER_SEC);
	ck_assert(sim_routed(t.ha, HNP1, P2));
	sim_free(t.s);
}
END_TEST

START_TEST(test_parked_after_a_refusal)
{
	struct t t = setup();

	t.ha->kernel.delay_us = USEC_PER_SEC;
	t.ha->kernel.refuse_set = 1;
	put(&t, (struct q){ 0 });
	sim_run_for(t.s, 100 * USEC_PER_MSEC);
	put(&t, (struct q){ .src = P2 });
	sim_expect_pba(t.s, HA, P1, BA_NO_RESOURCES);
	sim_expect_pba(t.s, HA, P2, BA_ACCEPTED);
	ck_assert(sim_routed(t.ha, HNP1, P2));
	ck_assert(!sim_ktunnel(t.ha, HA, P1));
	sim_free(t.s);
}
END_TEST

START_TEST(test_parked_behind_a_removal)
{
	struct t t = setup();

	ask(&t, (struct q){ 0 }, BA_ACCEPTED);
	t.ha->kernel.delay_us = USEC_PER_SEC;
	put(&t, (struct q){ .dereg = true });
	sim_run_for(t.s, 100 * USEC_PER_MSEC);
	put(&t, (struct q){ .src = P2 });
	sim_skip(t.s);
	sim_expect_pba(t.s, HA, P1, BA_ACCEPTED);
	sim_expect_pba(t.s, HA, P2, BA_ACCEPTED);
	ck_assert(sim_routed(t.ha, HNP1, P2));
	sim_free(t.s);
}
END_TEST

START_TEST(test_deregistration_parked_behind_creation)
{
	struct t t = setup();
	const struct sim_pkt *p;

	t.ha->kernel.delay_us = USEC_PER_SEC;
	put(&t, (struct q){ 0 });
	put(&t, (struct q){ .dereg = true });
	p = sim_expect_pba(t.s, HA, P1, BA_ACCEPTED);
	ck_assert_uint_eq(p->m.ba.lifetime_4s, 75);
	p = sim_expect_pba(t.s, HA, P1, BA_ACCEPTED);
	ck_assert_uint_eq(p->m.ba.lifetime_4s, 0);
	sim_run_for(t.s, USEC_PER_SEC);
	ck_assert_uint_eq(sim_kpaths(t.ha), 0);
	ck_assert_uint_eq(t.ha->kernel.ntunnels, 0);
	sim_free(t.s);
}
END_TEST

START_TEST(test_duplicates_on_the_wire)
{
	struct t t = setup();

	/* While the kernel is busy the copy is no message. */
	t.ha->kernel.delay_us = USEC_PER_SEC;
	sim_path(t.s, P1, HA)->dup_next = 1;
	put(&t, (struct q){ 0 });
	sim_run_for(t.s, 5 * USEC_PER_SEC);
	ck_assert_uint_eq(sim_count_mh(t.s, MH_BA, HA, P1), 1);
	ck_assert_uint_eq(sim_stat(t.ha, "ha", "pbu-duplicate"), 1);
	/* Afterwards it has a time stamp that is not newer (A23). */
	sim_path(t.s, P1, HA)->dup_next = 1;
	put(&t, (struct q){ 0 });
	sim_run_for(t.s, 5 * USEC_PER_SEC);
	ck_assert_uint_eq(sim_count_mh(t.s, MH_BA, HA, P1), 3);
	ck_assert_uint_eq(sim_stat(t.ha, "ha", "refused-ts-order"), 1);
	ck_assert(sim_routed(t.ha, HNP1, P1));
	sim_free(t.s);
}
END_TEST

START_TEST(test_expiry_while_handover_is_under_way)
{
	struct t t = setup();

	/* The kernel says yes, later than the old lifetime lasts. */
	ask(&t, (struct q){ .life_s = 4 }, BA_ACCEPTED);
	t.ha->kernel.delay_us = 8 * USEC_PER_SEC;
	put(&t, (struct q){ .src = P2 });
	sim_run_for(t.s, 20 * USEC_PER_SEC);
	ck_assert(sim_routed(t.ha, HNP1, P2));
	ck_assert_uint_eq(sim_seen(t.ha, "binding-deleted"), 0);
	/* It says no. */
	t.ha->kernel.delay_us = 0;
	ask(&t, (struct q){ .src = P2, .life_s = 4 }, BA_ACCEPTED);
	t.ha->kernel.delay_us = 8 * USEC_PER_SEC;
	t.ha->kernel.refuse_set = 1;
	put(&t, (struct q){ .src = P1 });
	sim_run_for(t.s, 20 * USEC_PER_SEC);
	ck_assert_uint_eq(sim_kpaths(t.ha), 0);
	ck_assert_uint_eq(t.ha->kernel.ntunnels, 0);
	ck_assert_uint_eq(sim_seen(t.ha, "binding-deleted"), 1);
	sim_free(t.s);
}
END_TEST

/* --- the end of a binding ---------------------------------------------- */

START_TEST(test_deregistration)
{
	struct t t = setup();
	const struct sim_pkt *p;

	ask(&t, (struct q){ 0 }, BA_ACCEPTED);
	p = ask(&t, (struct q){ .dereg = true }, BA_ACCEPTED);
	ck_assert_uint_eq(p->m.ba.lifetime_4s, 0);
	ck_assert_uint_eq(sim_kpaths(t.ha), 0);
	ck_assert_uint_eq(t.ha->kernel.ntunnels, 0);
	ck_assert_uint_eq(sim_seen(t.ha, "binding-deleted"), 1);
	sim_free(t.s);
}
END_TEST

START_TEST(test_deregistration_waits_for_the_kernel)
{
	struct t t = setup();

	ask(&t, (struct q){ 0 }, BA_ACCEPTED);
	t.ha->kernel.delay_us = USEC_PER_SEC;
	put(&t, (struct q){ .dereg = true });
	sim_expect_silence(t.s, HA, NULL, 900 * USEC_PER_MSEC);
	sim_expect_pba(t.s, HA, P1, BA_ACCEPTED);
	ck_assert(sim_routed(t.ha, HNP1, NULL));
	sim_free(t.s);
}
END_TEST

START_TEST(test_deregistration_of_nothing)
{
	struct t t = setup();

	refused(&t, (struct q){ .dereg = true }, BA_NOT_HOME_AGENT,
	    "refused-no-binding");
	t.conf->answer_unknown_dereg = false;
	put(&t, (struct q){ .dereg = true });
	silence(&t);
	sim_free(t.s);
}
END_TEST

START_TEST(test_deregistration_by_the_previous_pma)
{
	struct t t = setup();
	const struct sim_pkt *p;
	uint64_t ts;

	ask(&t, (struct q){ 0 }, BA_ACCEPTED);
	ts = ask(&t, (struct q){ .src = P2 }, BA_ACCEPTED)->m.o.timestamp;
	/* A22: newer time stamp, other care-of address. */
	p = ask(&t, (struct q){ .dereg = true, .ts = ts + 1000 },
	    BA_ACCEPTED);
	ck_assert_uint_eq(p->m.ba.lifetime_4s, 0);
	ck_assert(sim_routed(t.ha, HNP1, P2));
	ck_assert_uint_eq(users(&t, P2), 1);
	ck_assert_uint_eq(sim_stat(t.ha, "ha", "stale-deregistrations"), 1);
	/* It has not touched the order either. */
	ask(&t, (struct q){ .src = P2, .ts = ts + 1 }, BA_ACCEPTED);
	sim_free(t.s);
}
END_TEST

START_TEST(test_expiry)
{
	struct t t = setup();
	usec_t start;

	ask(&t, (struct q){ .life_s = 40 }, BA_ACCEPTED);
	start = sim_now(t.s);
	ask(&t, (struct q){ .nai = MN2, .life_s = 80 }, BA_ACCEPTED);
	sim_run_for(t.s, start + 39 * USEC_PER_SEC - sim_now(t.s));
	ck_assert(sim_routed(t.ha, HNP1, P1));
	sim_run_for(t.s, 2 * USEC_PER_SEC);
	ck_assert(sim_routed(t.ha, HNP1, NULL));
	ck_assert(sim_routed(t.ha, HNP2, P1));
	ck_assert_uint_eq(users(&t, P1), 1);
	ck_assert_uint_eq(sim_stat(t.ha, "ha", "bindings-expired"), 1);
	sim_run_for(t.s, 40 * USEC_PER_SEC);
	ck_assert_uint_eq(sim_kpaths(t.ha), 0);
	ck_assert_uint_eq(t.ha->kernel.ntunnels, 0);
	sim_free(t.s);
}
END_TEST

/* PROTOCOL 10.6: the order outlives the binding as long as it must. */
START_TEST(test_late_pbu_after_deregistration)
{
	struct t t = setup();
	uint64_t old = mh_ts_from_us(wall(&t) + USEC_PER_MSEC);

	sim_run_for(t.s, USEC_PER_SEC);
	ask(&t, (struct q){ .src = P2 }, BA_ACCEPTED);
	ask(&t, (struct q){ .src = P2, .dereg = true }, BA_ACCEPTED);
	refused(&t, (struct q){ .ts = old }, BA_INVALID_TIMESTAMP,
	    "refused-ts-order");
	refused(&t, (struct q){ .ts = old, .dereg = true },
	    BA_INVALID_TIMESTAMP, "refused-ts-order");
	sim_run_for(t.s, USEC_PER_SEC);
	ask(&t, (struct q){ 0 }, BA_ACCEPTED);		/* a newer one may */
	sim_free(t.s);
}
END_TEST

START_TEST(test_late_pbu_is_never_accepted)
{
	/* At any delay: first the order, then the window refuses it. */
	for (usec_t d = 0; d < 16 * USEC_PER_SEC; d += 250 * USEC_PER_MSEC) {
		struct t t = setup();
		uint64_t ts = ask(&t, (struct q){ .ts_off_us =
		    4900 * USEC_PER_MSEC, .life_s = 4 },
		    BA_ACCEPTED)->m.o.timestamp;

		/* Expires after 4 s of these. */
		sim_run_for(t.s, d);
		ask(&t, (struct q){ .ts = ts, .src = P2 },
		    BA_INVALID_TIMESTAMP);
		sim_free(t.s);
	}
}
END_TEST

START_TEST(test_memory_of_time_stamps_ends)
{
	struct t t = setup();

	ask(&t, (struct q){ 0 }, BA_ACCEPTED);
	ask(&t, (struct q){ .dereg = true }, BA_ACCEPTED);
	ck_assert_int_gt(wheel_count(t.ha->env.wheel), 0);
	sim_run_for(t.s, 11 * USEC_PER_SEC);
	ck_assert_uint_eq(wheel_count(t.ha->env.wheel), 0);
	sim_free(t.s);
}
END_TEST

START_TEST(test_late_pbu_after_handover)
{
	struct t t = setup();
	uint64_t old;

	ask(&t, (struct q){ 0 }, BA_ACCEPTED);
	old = ++t.last_ts;
	sim_run_for(t.s, USEC_PER_MSEC);
	ask(&t, (struct q){ .src = P2 }, BA_ACCEPTED);
	refused(&t, (struct q){ .ts = old }, BA_INVALID_TIMESTAMP,
	    "refused-ts-order");
	ck_assert(sim_routed(t.ha, HNP1, P2));
	sim_free(t.s);
}
END_TEST

START_TEST(test_delete_delay)
{
	struct t t = setup_conf(false);

	t.conf->min_delete_delay_us = 10 * USEC_PER_SEC;
	t.ha = sim_add_ha(t.s, HA, t.conf);
	ask(&t, (struct q){ 0 }, BA_ACCEPTED);
	ask(&t, (struct q){ .dereg = true }, BA_ACCEPTED);
	/* No path, but the prefix is reserved and the HNP remembered. */
	ck_assert_uint_eq(sim_kpaths(t.ha), 0);
	ck_assert_uint_eq(t.ha->kernel.ntunnels, 0);
	t.mn2->home_prefix = sim_prefix(HNP1);
	refused(&t, (struct q){ .nai = MN2, .hnp = HNP1 }, BA_DAD_FAILED,
	    "refused-prefix-taken");
	ask(&t, (struct q){ .dereg = true }, BA_ACCEPTED);
	ask(&t, (struct q){ .src = P2, .no_hnp = true }, BA_ACCEPTED);
	ck_assert(sim_routed(t.ha, HNP1, P2));
	sim_run_for(t.s, 20 * USEC_PER_SEC);
	ck_assert(sim_routed(t.ha, HNP1, P2));
	ask(&t, (struct q){ .src = P2, .dereg = true }, BA_ACCEPTED);
	sim_run_for(t.s, 11 * USEC_PER_SEC);
	ask(&t, (struct q){ .nai = MN2, .hnp = HNP1 }, BA_ACCEPTED);
	sim_free(t.s);
}
END_TEST

/* --- policy ------------------------------------------------------------ */

static void
policy_world(struct t *t)
{
	*t = setup();
	ask(t, (struct q){ 0 }, BA_ACCEPTED);
	ask(t, (struct q){ .nai = MN2 }, BA_ACCEPTED);
}

static void
policy_ends_mn1(struct t *t)
{
	sim_policy_changed(t->s);
	sim_run_for(t->s, USEC_PER_SEC);
	ck_assert(sim_routed(t->ha, HNP1, NULL));
	ck_assert(sim_routed(t->ha, HNP2, P1));
	ck_assert_uint_eq(users(t, P1), 1);
	ck_assert_uint_eq(sim_stat(t->ha, "ha", "bindings-withdrawn"), 1);
	ck_assert_uint_eq(sim_seen(t->ha, "binding-deleted"), 1);
	sim_free(t->s);
}

START_TEST(test_policy_change)
{
	struct t t;

	switch (_i) {
	case 0:
		policy_world(&t);
		sim_profile_del(t.s, MN1);
		policy_ends_mn1(&t);
		break;
	case 1:
		policy_world(&t);
		t.mn1->pmip = false;
		policy_ends_mn1(&t);
		break;
	case 2:
		policy_world(&t);
		t.mn1->home_prefix = sim_prefix("2001:db8:1:9::/64");
		policy_ends_mn1(&t);
		break;
	case 3:
		policy_world(&t);
		sim_profile_allow(t.s, t.mn1, P2);
		policy_ends_mn1(&t);
		break;
	case 4:					/* an asynchronous store */
		policy_world(&t);
		sim_profile_del(t.s, MN1);
		sim_policy(t.s)->delay_us = 100 * USEC_PER_MSEC;
		policy_ends_mn1(&t);
		break;
	case 5:					/* nothing that matters */
		policy_world(&t);
		sim_profile_allow(t.s, t.mn1, P1);
		sim_policy_changed(t.s);
		sim_run_for(t.s, USEC_PER_SEC);
		ck_assert_uint_eq(sim_kpaths(t.ha), 2);
		sim_free(t.s);
		break;
	case 6:					/* a store out of reach */
		policy_world(&t);
		sim_profile_del(t.s, MN1);
		sim_policy(t.s)->err = -ETIMEDOUT;
		sim_policy_changed(t.s);
		sim_run_for(t.s, USEC_PER_SEC);
		ck_assert_uint_eq(sim_kpaths(t.ha), 2);
		sim_free(t.s);
		break;
	}
}
END_TEST

START_TEST(test_policy_change_while_the_kernel_is_busy)
{
	struct t t = setup();

	t.ha->kernel.delay_us = USEC_PER_SEC;
	put(&t, (struct q){ 0 });
	sim_run_for(t.s, 100 * USEC_PER_MSEC);
	sim_profile_del(t.s, MN1);
	sim_policy_changed(t.s);
	sim_run_for(t.s, 10 * USEC_PER_SEC);
	ck_assert_uint_eq(sim_kpaths(t.ha), 0);
	ck_assert_uint_eq(t.ha->kernel.ntunnels, 0);
	sim_free(t.s);
}
END_TEST

START_TEST(test_slow_policy)
{
	struct t t = setup();

	sim_policy(t.s)->delay_us = 500 * USEC_PER_MSEC;
	put(&t, (struct q){ 0 });
	sim_expect_silence(t.s, HA, NULL, 400 * USEC_PER_MSEC);
	sim_expect_pba(t.s, HA, P1, BA_ACCEPTED);
	sim_policy(t.s)->err = -ETIMEDOUT;
	ask(&t, (struct q){ .nai = MN2 }, BA_NO_RESOURCES);
	/* Who has been looked up is known until the policy changes. */
	ask(&t, (struct q){ 0 }, BA_ACCEPTED);
	sim_policy_changed(t.s);
	ask(&t, (struct q){ 0 }, BA_NO_RESOURCES);
	ck_assert(sim_routed(t.ha, HNP1, P1));
	/* Lookups that wait are limited. */
	sim_policy(t.s)->err = 0;
	sim_policy(t.s)->delay_us = 3600 * USEC_PER_SEC;
	sim_skip(t.s);
	for (int i = 0; i < 5000; i++)
		put(&t, (struct q){ 0 });
	sim_expect_pba(t.s, HA, P1, BA_NO_RESOURCES);
	sim_run_for(t.s, USEC_PER_SEC);
	ck_assert_uint_eq(sim_stat(t.ha, "ha", "lookups-full"), 5000 - 4096);
	/* And they may wait when it all ends. */
	sim_node_stop(t.ha, false);
	sim_free(t.s);
}
END_TEST

/* --- reload, stop, restart --------------------------------------------- */

START_TEST(test_reload_keeps_bindings)
{
	struct t t = setup();
	struct ha_conf *c = sim_ha_conf(t.s, HA);

	ask(&t, (struct q){ 0 }, BA_ACCEPTED);
	ask(&t, (struct q){ .nai = MN2, .src = P2 }, BA_ACCEPTED);
	sim_ha_allow(t.s, c, P2);
	c->max_lifetime_us = 100 * USEC_PER_SEC;
	ck_assert_int_eq(sim_reload(t.ha, "ha", c), 0);
	sim_run_for(t.s, USEC_PER_SEC);
	ck_assert(sim_routed(t.ha, HNP1, P1));
	ck_assert(sim_routed(t.ha, HNP2, P2));
	/* P1 has left the list: what it has stays, its refresh is refused. */
	refused(&t, (struct q){ 0 }, BA_PMA_NOT_ALLOWED, "refused-pma");
	ck_assert(sim_routed(t.ha, HNP1, P1));
	ck_assert_uint_eq(ask(&t, (struct q){ .nai = MN2, .src = P2 },
	    BA_ACCEPTED)->m.ba.lifetime_4s, 25);
	/* Another PMA may take over. */
	ask(&t, (struct q){ .src = P2 }, BA_ACCEPTED);
	ck_assert(sim_routed(t.ha, HNP1, P2));
	ck_assert(!sim_ktunnel(t.ha, HA, P1));
	sim_free(t.s);
}
END_TEST

START_TEST(test_static_tunnels)
{
	struct t t = setup_conf(false);
	struct ha_conf_pma *pma = t.conf->pmas.v;
	struct ha_conf *c = sim_ha_conf(t.s, HA);

	pma[0].static_tunnel = HA_TUNNEL_STATIC;
	t.ha = sim_add_ha(t.s, HA, t.conf);
	ck_assert(sim_ktunnel(t.ha, HA, P1));			/* D5.2-9 */
	ask(&t, (struct q){ 0 }, BA_ACCEPTED);
	ask(&t, (struct q){ .dereg = true }, BA_ACCEPTED);
	ck_assert(sim_ktunnel(t.ha, HA, P1));
	ask(&t, (struct q){ .life_s = 4 }, BA_ACCEPTED);
	sim_run_for(t.s, 10 * USEC_PER_SEC);
	ck_assert_uint_eq(sim_kpaths(t.ha), 0);
	ck_assert(sim_ktunnel(t.ha, HA, P1));
	ck_assert_uint_eq(t.ha->kernel.ups, 1);
	ck_assert_int_eq(sim_reload(t.ha, "ha", c), 0);
	ck_assert(!sim_ktunnel(t.ha, HA, P1));
	sim_free(t.s);
}
END_TEST

START_TEST(test_stop_takes_everything)
{
	struct t t = setup();

	ask(&t, (struct q){ 0 }, BA_ACCEPTED);
	t.ha->kernel.delay_us = USEC_PER_SEC;
	put(&t, (struct q){ .src = P2 });
	sim_run_for(t.s, 100 * USEC_PER_MSEC);
	sim_node_stop(t.ha, _i == 1);	/* with an operation under way */
	if (_i == 0) {
		ck_assert_uint_eq(sim_kpaths(t.ha), 0);
		ck_assert_uint_eq(t.ha->kernel.ntunnels, 0);
	} else {
		ck_assert(sim_routed(t.ha, HNP1, P1));
	}
	sim_free(t.s);
}
END_TEST

START_TEST(test_restart)
{
	struct t t = setup();

	ask(&t, (struct q){ 0 }, BA_ACCEPTED);
	sim_node_crash(t.ha);
	ck_assert(sim_routed(t.ha, HNP1, P1));
	sim_node_restart(t.ha, false);
	ck_assert_uint_eq(t.ha->kernel.sweeps, 2);
	ck_assert_uint_eq(sim_kpaths(t.ha), 0);
	refused(&t, (struct q){ .no_hnp = true }, BA_HOME_ADDRESS_REQUIRED,
	    "refused-no-hnp");
	ask(&t, (struct q){ 0 }, BA_ACCEPTED);
	ck_assert(sim_routed(t.ha, HNP1, P1));
	sim_free(t.s);
}
END_TEST

/*
 * D5.5-4, D5.5-5, D5.5-6: what the run before has accepted is no more; 0 the
 * guard by the start, 1 by a window, 2 none.
 */
START_TEST(test_replay_after_restart)
{
	struct t t = setup_conf(false);
	uint64_t ts;

	t.conf->restart_guard = _i;
	t.ha = sim_add_ha(t.s, HA, t.conf);
	sim_run_for(t.s, 20 * USEC_PER_SEC);
	ts = ask(&t, (struct q){ 0 }, BA_ACCEPTED)->m.o.timestamp;
	sim_run_for(t.s, USEC_PER_SEC);
	ask(&t, (struct q){ .dereg = true }, BA_ACCEPTED);
	sim_node_restart(t.ha, true);
	if (_i == HA_GUARD_OFF) {
		ask(&t, (struct q){ .ts = ts }, BA_ACCEPTED);
		sim_free(t.s);
		return;
	}
	has_our_clock(&t, refused(&t, (struct q){ .ts = ts },
	    BA_INVALID_TIMESTAMP, "refused-ts-restart"));
	refused(&t, (struct q){ .ts_off_us = -3 * USEC_PER_SEC },
	    BA_INVALID_TIMESTAMP, "refused-ts-restart");
	if (_i == HA_GUARD_WINDOW) {
		refused(&t, (struct q){ 0 }, BA_INVALID_TIMESTAMP,
		    "refused-ts-restart");
		/* a sender ahead of us may be one whose stamp was used */
		refused(&t, (struct q){ .ts_off_us = USEC_PER_SEC },
		    BA_INVALID_TIMESTAMP, "refused-ts-restart");
		sim_run_for(t.s, 5 * USEC_PER_SEC);
	}
	/* The next try of an honest one is newer. */
	ask(&t, (struct q){ 0 }, BA_ACCEPTED);
	sim_run_for(t.s, 20 * USEC_PER_SEC);
	ask(&t, (struct q){ .nai = MN2, .ts_off_us = -3 * USEC_PER_SEC },
	    BA_ACCEPTED);
	sim_free(t.s);
}
END_TEST

START_TEST(test_restart_that_adopts)
{
	struct t t = setup();

	ask(&t, (struct q){ 0 }, BA_ACCEPTED);
	ask(&t, (struct q){ .nai = MN2 }, BA_ACCEPTED);
	t.ha->adopt = true;
	sim_node_stop(t.ha, true);
	sim_node_restart(t.ha, false);
	sim_run_for(t.s, 60 * USEC_PER_SEC);
	ck_assert(sim_routed(t.ha, HNP1, P1));
	ck_assert(sim_routed(t.ha, HNP2, P1));
	/* MN1 comes again, MN2 never does. */
	for (int i = 0; i < 80; i++) {
		ask(&t, (struct q){ .life_s = 100 }, BA_ACCEPTED);
		sim_run_for(t.s, 50 * USEC_PER_SEC);
	}
	ck_assert(sim_routed(t.ha, HNP1, P1));
	ck_assert(sim_routed(t.ha, HNP2, NULL));
	sim_free(t.s);
}
END_TEST

START_TEST(test_control_commands)
{
	struct t t = setup();
	const char *text;

	ask(&t, (struct q){ 0 }, BA_ACCEPTED);
	ask(&t, (struct q){ .nai = MN2, .src = P2 }, BA_ACCEPTED);
	text = sim_ctl(t.ha, "{\"v\":1,\"cmd\":\"show bindings\"}");
	ck_assert_msg(strstr(text, "\"nai\":\"" MN1 "\"") != NULL, "%s", text);
	ck_assert(strstr(text, "\"hnp\":\"" HNP2 "\"") != NULL);
	ck_assert(strstr(text, "\"coa\":\"" P2 "\"") != NULL);
	ck_assert(strstr(text, "\"done\":true") != NULL);
	text = sim_ctl(t.ha, "{\"v\":1,\"cmd\":\"show mn\",\"args\":"
	    "{\"nai\":\"mn1@EXAMPLE.com\"}}");
	ck_assert_msg(strstr(text, "\"hnp\":\"" HNP1 "\"") != NULL, "%s",
	    text);
	ck_assert(strstr(text, MN2) == NULL);
	text = sim_ctl(t.ha, "{\"v\":1,\"cmd\":\"show mn\"}");
	ck_assert_msg(strstr(text, "\"error\"") != NULL, "%s", text);
	text = sim_ctl(t.ha, "{\"v\":1,\"cmd\":\"show peers\"}");
	ck_assert_msg(strstr(text, "\"address\":\"" P3 "\"") != NULL, "%s",
	    text);
	sim_free(t.s);
}
END_TEST

/*
 * A random life of five nodes between three PMAs, over a network that loses,
 * doubles and reorders, and a kernel that refuses and delays.  Whenever it is
 * quiet the books agree: every path over a tunnel that is up, every tunnel
 * with as many users as paths; and when everything has run out nothing is
 * left.
 */
static void
books_agree(struct t *t)
{
	static const char *const pma[] = { P1, P2, P3 };
	size_t paths = 0, n = 0;

	for (unsigned i = 0; i < 3; i++)
		n += users(t, pma[i]);
	for (unsigned i = 1; i <= 5; i++) {
		char hnp[ADDR_STRLEN];

		snprintf(hnp, sizeof(hnp), "2001:db8:1:%x::/64", i);
		if (sim_kpath(t->ha, hnp) == NULL)
			continue;
		paths++;
		ck_assert(sim_routed(t->ha, hnp, P1) ||
		    sim_routed(t->ha, hnp, P2) || sim_routed(t->ha, hnp, P3));
	}
	ck_assert_uint_eq(paths, sim_kpaths(t->ha));
	ck_assert_uint_eq(n, paths);
}

START_TEST(test_random_life)
{
	static const char *const pma[] = { P1, P2, P3 };
	struct t t = { .s = sim_new((uint64_t)_i + 1) };
	char nai[64], hnp[ADDR_STRLEN];

	t.conf = sim_ha_conf(t.s, HA);
	t.conf->min_delete_delay_us = _i % 2 * 3 * USEC_PER_SEC;
	for (unsigned i = 0; i < 3; i++)
		sim_ha_allow(t.s, t.conf, pma[i]);
	t.ha = sim_add_ha(t.s, HA, t.conf);
	sim_net(t.s)->jitter_us = 300 * USEC_PER_MSEC;
	sim_net(t.s)->loss_permille = 50;
	sim_net(t.s)->dup_permille = 50;
	for (unsigned step = 0; step < 1500; step++) {
		unsigned i = 1 + (unsigned)sim_random(t.s, 5);
		unsigned what = (unsigned)sim_random(t.s, 100);

		snprintf(nai, sizeof(nai), "n%u@example.com", i);
		snprintf(hnp, sizeof(hnp), "2001:db8:1:%x::/64", i);
		if (step < 5 || what < 3) {
			sim_profile(t.s, nai, hnp, NULL);
			sim_policy_changed(t.s);
		} else if (what < 5) {
			sim_profile_del(t.s, nai);
			sim_policy_changed(t.s);
		}
		put(&t, (struct q){ .src = pma[sim_random(t.s, 3)],
		    .nai = nai, .hnp = hnp, .dereg = what >= 70,
		    .life_s = 4 + 4 * (unsigned)sim_random(t.s, 8) });
		sim_shake(t.ha);
		sim_run_for(t.s, (usec_t)sim_random(t.s, 800) *
		    USEC_PER_MSEC);
		if (step % 100 == 99) {
			calm(&t);
			books_agree(&t);
		}
	}
	dies_out(&t);
	/* It was a life, not a stand-still. */
	ck_assert_uint_gt(sim_stat(t.ha, "ha", "bindings-created"), 20);
	ck_assert_uint_gt(sim_stat(t.ha, "ha", "bindings-moved"), 20);
	ck_assert_uint_gt(sim_stat(t.ha, "ha", "pbu-parked"), 20);
	ck_assert_uint_gt(sim_stat(t.ha, "ha", "bindings-withdrawn"), 0);
	sim_free(t.s);
}
END_TEST

/* --- configuration ----------------------------------------------------- */

static const char conf_min[] =
    "addresses: [2001:db8:a::1]\n"
    "home-prefixes: [2001:db8:1::/48]\n";

START_TEST(test_conf_defaults)
{
	struct arena *a = arena_new();
	struct cfg_errors errs = { 0 };
	const struct ha_conf *c;
	void *v = NULL;
	struct ha_conf_pma *p;
	char text[512];

	snprintf(text, sizeof(text), "%spmas:\n"
	    "  - address: 2001:db8:b::1\n"
	    "  - address: 2001:db8:b::2\n"
	    "    tunnel: static\n"
	    "    max-bindings: 7\n", conf_min);
	ck_assert_int_eq(cfg_load_text("x", text, strlen(text),
	    &ha_conf_table, a, &v, &errs), 0);
	c = v;
	p = c->pmas.v;
	ck_assert_uint_eq(c->addresses.n, 1);
	ck_assert_uint_eq(c->pmas.n, 2);
	ck_assert_int_eq(p[0].static_tunnel, HA_TUNNEL_DYNAMIC);
	ck_assert_int_eq(p[1].static_tunnel, HA_TUNNEL_STATIC);
	ck_assert_uint_eq(p[1].max_bindings, 7);
	ck_assert(c->proxy_registration && c->answer_unknown_dereg);
	ck_assert_int_eq(c->max_lifetime_us, 3600 * USEC_PER_SEC);
	ck_assert_int_eq(c->ts_window_us, 5 * USEC_PER_SEC);
	ck_assert_int_eq(c->restart_guard, HA_GUARD_START);
	ck_assert(c->discovery);
	ck_assert_uint_eq(c->max_bindings, 1000000);
	ck_assert_int_eq(c->min_delete_delay_us, 0);
	cfg_errors_done(&errs);
	arena_free(a);
}
END_TEST

static const struct {
	const char *text, *complaint;
} conf_bad[] = {
	{ "home-prefixes: [2001:db8:1::/48]\n", "addresses" },
	{ "addresses: [2001:db8:a::1]\n", "home-prefixes" },
	{ "addresses: [2001:db8:1::1]\nhome-prefixes: [2001:db8:1::/48]\n",
	    "lies in the home prefix" },
	{ "addresses: [2001:db8:a::1]\n"
	    "home-prefixes: [2001:db8:1::/48, 2001:db8:1:5::/64]\n",
	    "overlap" },
	{ "addresses: [2001:db8:a::1]\nhome-prefixes: [2001:db8::/65]\n",
	    "at most 64 bits" },
	{ "addresses: [2001:db8:a::1]\n"
	    "home-prefixes: [2001:db8:1::/48, 10.0.0.0/8]\n"
	    "home-links: [{prefix: 2001:db8:2::/64, interface: h0}]\n",
	    "none of the IPv6 home-prefixes" },
	{ "addresses: [2001:db8:a::1]\nhome-prefixes: [2001:db8:1::/48]\n"
	    "home-links: [{prefix: 2001:db8:1:5::/64, interface: h0}, "
	    "{prefix: 2001:db8:1:5::/64, interface: h1}]\n", "overlap" },
	{ "addresses: [2001:db8:a::1]\nhome-prefixes: [2001:db8:1::/48]\n"
	    "home-links: [{prefix: 2001:db8:1:5::/64, interface: h0, "
	    "detection-time: 0s}]\n", "detection-time" },
	{ "addresses: [2001:db8:a::1]\nhome-prefixes: [2001:db8:1::/48]\n"
	    "pmas: [{address: 2001:db8:1:7::1}]\n", "into itself" },
	{ "addresses: [2001:db8:a::1]\nhome-prefixes: [2001:db8:1::/48]\n"
	    "pmas: [{address: 2001:db8:b::1}, {address: 2001:db8:b::1}]\n",
	    "stands twice" },
	{ "addresses: [2001:db8:a::1]\nhome-prefixes: [2001:db8:1::/48]\n"
	    "max-lifetime: 3s\n", "max-lifetime" },
	{ "addresses: [2001:db8:a::1]\nhome-prefixes: [2001:db8:1::/48]\n"
	    "timestamp-window: 50ms\n", "timestamp-window" },
};

START_TEST(test_conf_errors)
{
	struct arena *a = arena_new();
	struct cfg_errors errs = { 0 };
	const char *text = conf_bad[_i].text;
	void *v = NULL;

	ck_assert_int_eq(cfg_load_text("x", text, strlen(text),
	    &ha_conf_table, a, &v, &errs), -EINVAL);
	ck_assert_msg(errs.n == 1 &&
	    strstr(errs.text, conf_bad[_i].complaint) != NULL,
	    "%u: %s", errs.n, errs.text);
	cfg_errors_done(&errs);
	arena_free(a);
}
END_TEST

int
main(void)
{
	Suite *su = suite_create("ha");
	TCase *tc = tcase_create("ha");

#define T(name) tcase_add_test(tc, name)
	T(test_create);
	T(test_answer_only_after_the_kernel);
	T(test_kernel_that_answers_at_once);
	T(test_lifetime_granted);
	T(test_nai_compares_realm_without_case);
	T(test_refuse_proxy_disabled);
	T(test_refuse_no_nai);
	T(test_refuse_unknown_mn);
	T(test_refuse_pma);
	T(test_refuse_pma_for_mn);
	T(test_refuse_not_entitled);
	T(test_refuse_ts_missing);
	T(test_refuse_ts_window);
	T(test_window_is_about_our_clock);
	T(test_refuse_ts_order);
	T(test_sequence_number_is_ignored);
	T(test_refuse_no_hnp);
	T(test_refuse_not_anchored);
	T(test_refuse_not_mns_prefix);
	T(test_refuse_prefix_taken);
	T(test_refuse_malformed);
	T(test_refuse_prefix_set);
	T(test_refuse_limits);
	T(test_order_of_checks);
	T(test_ignored_in_silence);
	T(test_plain_binding_update);
	T(test_binding_error_for_unknown_type);
	T(test_noise_does_no_harm);
	T(test_log_of_refusals_is_limited);
	T(test_refresh_touches_no_route);
	T(test_tunnel_is_shared_and_lives_longest);
	T(test_tunnel_starts_where_the_pbu_went);
	T(test_handover_makes_before_it_breaks);
	T(test_handover_leaves_the_others);
	T(test_link_local_of_the_previous_pma);
	T(test_address_in_the_option);
	T(test_shared_prefix_routes_the_address);
	T(test_kernel_refuses_creation);
	T(test_kernel_refusal_counts_nobody);
	T(test_kernel_refuses_handover);
	T(test_kernel_refuses_removal);
	T(test_removal_refused_then_back);
	T(test_transport_refuses);
	T(test_parked_newest_wins);
	T(test_parked_older_loses);
	T(test_older_than_the_one_under_way);
	T(test_parked_stranger_does_not_displace);
	T(test_parked_after_a_refusal);
	T(test_parked_behind_a_removal);
	T(test_deregistration_parked_behind_creation);
	T(test_duplicates_on_the_wire);
	T(test_expiry_while_handover_is_under_way);
	T(test_deregistration);
	T(test_deregistration_waits_for_the_kernel);
	T(test_deregistration_of_nothing);
	T(test_deregistration_by_the_previous_pma);
	T(test_expiry);
	T(test_late_pbu_after_deregistration);
	T(test_late_pbu_is_never_accepted);
	T(test_memory_of_time_stamps_ends);
	T(test_late_pbu_after_handover);
	T(test_delete_delay);
	tcase_add_loop_test(tc, test_policy_change, 0, 7);
	T(test_policy_change_while_the_kernel_is_busy);
	T(test_slow_policy);
	T(test_reload_keeps_bindings);
	T(test_static_tunnels);
	tcase_add_loop_test(tc, test_stop_takes_everything, 0, 2);
	T(test_restart);
	tcase_add_loop_test(tc, test_replay_after_restart, 0, 3);
	T(test_restart_that_adopts);
	T(test_control_commands);
	tcase_add_loop_test(tc, test_random_life, 0, 10);
	T(test_conf_defaults);
	tcase_add_loop_test(tc, test_conf_errors, 0, ARRAY_LEN(conf_bad));
#undef T
	tcase_set_timeout(tc, 60);
	suite_add_tcase(su, tc);
	return suite_run(su);
}

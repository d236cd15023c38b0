/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The proxy mobile agent against answers that are made by hand: there is no
 * home agent in this world, only its address.  Attachment, every refusal,
 * retransmission, refresh, expiry, detachment by each kind of evidence, a
 * kernel that refuses, moves, interfaces that come and go, policy, control.
 *
 * Throughout: no advertisement of the home prefix before acceptance by the home
 * agent and by the kernel (A13), none after a denial (D6.10-18).
 */
#include <errno.h>
#include <limits.h>

#include "exchange/pma_kit.h"
#include "suite.h"

/* --- attachment -------------------------------------------------------- */

START_TEST(test_attach)
{
	struct t t = setup();
	struct prefix hnp = sim_prefix(HNP1);
	struct in6_addr ha = sim_in6(HA), coa = sim_in6(P1);
	const struct sim_pkt *p;
	const struct sim_kpath *k;
	int64_t off;

	t.pma->skew_us = 250 * USEC_PER_MSEC;
	sim_mn_rs(t.mn1);
	p = pbu(&t);
	ck_assert(in6_eq(&p->dst, &ha));
	ck_assert_uint_eq(p->m.bu.flags, BU_A | BU_H | BU_P);	/* A17 */
	ck_assert_uint_eq(p->m.bu.lifetime_4s, 75);
	ck_assert_uint_eq(p->m.o.have, MHO_MN_ID | MHO_HNP | MHO_TIMESTAMP |
	    MHO_ALT_COA | MHO_LINK_LOCAL);
	ck_assert_uint_eq(p->m.o.mn_id_subtype, 1);
	ck_assert_uint_eq(p->m.o.mn_id_len, strlen(MN1));
	ck_assert_mem_eq(p->m.o.mn_id, MN1, strlen(MN1));
	ck_assert_uint_eq(p->m.o.nhnp, 1);
	ck_assert(prefix_eq(&p->m.o.hnp[0], &hnp));
	ck_assert(in6_eq(&p->m.o.alt_coa, &coa));		/* A16 */
	off = mh_ts_to_us(p->m.o.timestamp) - p->wall;
	ck_assert(off > 249900 && off < 250100);
	/* nothing before the answer */
	ck_assert_uint_eq(t.mn1->nra, 0);
	ck_assert_uint_eq(sim_kpaths(t.pma), 0);
	ack(&t, p, BA_ACCEPTED, 300);
	k = sim_kpath(t.pma, HNP1);
	ck_assert_ptr_nonnull(k);
	ck_assert_int_eq(k->side, DP_PMA);
	ck_assert_uint_eq(k->access_ifindex, 1);
	ck_assert(mac_eq(&k->mac, &t.mn1->mac));
	ck_assert(in6_eq(&k->local, &coa) && in6_eq(&k->remote, &ha));
	ck_assert_uint_eq(sim_seen(t.pma, "registered"), 1);
	ck_assert_uint_eq(stat_of(&t, "registered"), 1);
	ck_assert(in_state(&t, MN1, "active"));
	sim_free(t.s);
}
END_TEST

START_TEST(test_advertisement)
{
	struct t t = setup();
	struct in6_addr all = sim_in6("ff02::1");
	struct prefix hnp = sim_prefix(HNP1);
	const struct sim_ra *ra;
	unsigned had;

	attach(&t);
	ra = &t.mn1->ra;
	ck_assert(ra->good && !ra->l2_multicast);
	ck_assert(mac_eq(&ra->l2_dst, &t.mn1->mac));	/* D6.3-7 */
	ck_assert(in6_eq(&ra->ra.dst, &all));
	ck_assert(in6_eq(&ra->ra.src, &sim_if(t.pma, 1)->lif.linklocal));
	ck_assert_uint_eq(ra->ra.npio, 1);
	ck_assert(prefix_eq(&ra->ra.pio[0].prefix, &hnp));
	ck_assert(ra->ra.pio[0].onlink && ra->ra.pio[0].autonomous);
	ck_assert_uint_eq(ra->ra.pio[0].valid_s, 2592000);
	ck_assert_uint_eq(ra->ra.pio[0].preferred_s, 604800);
	ck_assert_uint_eq(ra->ra.router_lifetime_s, 90);
	ck_assert_uint_eq(ra->ra.hop_limit, 64);
	ck_assert_uint_eq(ra->ra.mtu, 1460);
	ck_assert(!ra->ra.managed && !ra->ra.other);
	ck_assert(ra->ra.has_lladdr &&
	    mac_eq(&ra->ra.lladdr, &sim_if(t.pma, 1)->lif.mac));
	ck_assert_uint_eq(t.mn2->nra, 0);	/* nobody else's business */
	/* and again every interval, before half of the router lifetime */
	had = t.mn1->nra;
	sim_run_for(t.s, 61 * SEC);
	ck_assert_uint_eq(t.mn1->nra, had + 2);
	t.conf->ra.router_lifetime_us = 10 * SEC;
	sim_run_for(t.s, 30 * SEC);
	had = t.mn1->nra;
	sim_run_for(t.s, 50 * SEC);
	ck_assert_uint_eq(t.mn1->nra, had + 10);
	sim_free(t.s);
}
END_TEST

START_TEST(test_mtu)
{
	struct t t = setup();
	struct dp_tunnel *tun;

	attach(&t);
	tun = sim_tunnel(t.pma, P1, HA);
	tunnel_set_path_mtu(tun, 1400);
	ck_assert_uint_eq(t.mn1->ra.ra.mtu, 1360);
	tunnel_set_path_mtu(tun, 600);
	ck_assert_uint_eq(t.mn1->ra.ra.mtu, 1280);
	tunnel_set_path_mtu(tun, 9000);
	sim_if(t.pma, 1)->lif.mtu = 1300;	/* the link's counts, too */
	sim_if_up(t.pma, 1, true);
	ck_assert_uint_eq(t.mn1->ra.ra.mtu, 1300);
	sim_free(t.s);
}
END_TEST

START_TEST(test_solicitation_waits_for_acceptance)
{
	struct t t = setup();
	const struct sim_pkt *p;

	sim_mn_rs(t.mn1);
	p = pbu(&t);
	for (int i = 0; i < 3; i++) {
		sim_mn_rs(t.mn1);
		sim_run_for(t.s, 100 * USEC_PER_MSEC);
	}
	ck_assert_uint_eq(sim_ras(t.s), 0);
	ck_assert_uint_eq(sim_count_mh(t.s, MH_BU, NULL, NULL), 1);
	t.pma->kernel.delay_us = SEC;	/* the kernel has to say yes, too */
	ack(&t, p, BA_ACCEPTED, 300);
	sim_mn_rs(t.mn1);
	sim_run_for(t.s, 900 * USEC_PER_MSEC);
	ck_assert_uint_eq(sim_ras(t.s), 0);
	sim_run_for(t.s, 200 * USEC_PER_MSEC);
	ck_assert_uint_eq(t.mn1->nra, 1);
	ck_assert(sim_mn_has_prefix(t.mn1, HNP1));
	/* once in service each one is answered at once */
	sim_mn_rs(t.mn1);
	sim_run_for(t.s, USEC_PER_MSEC);
	ck_assert_uint_eq(t.mn1->nra, 2);
	sim_free(t.s);
}
END_TEST

START_TEST(test_unknown_mac)
{
	struct t t = setup();
	struct sim_mn *x = sim_mn_new(t.s, "02:00:00:00:09:09");

	sim_mn_plug(x, t.pma, 1);
	sim_mn_rs(x);
	sim_run_for(t.s, 10 * SEC);
	ck_assert_uint_eq(sim_pkts(t.s), 0);
	ck_assert_uint_eq(sim_ras(t.s), 0);
	ck_assert_uint_eq(stat_of(&t, "unknown-mac"), 1);
	sim_free(t.s);
}
END_TEST

START_TEST(test_not_entitled)
{
	struct t t = setup();

	t.prof1->pmip = false;
	sim_mn_rs(t.mn1);
	sim_run_for(t.s, 100 * SEC);
	ck_assert_uint_eq(sim_pkts(t.s), 0);
	ck_assert_uint_eq(sim_ras(t.s), 0);
	ck_assert_uint_eq(stat_of(&t, "not-entitled"), 1);
	ck_assert(in_state(&t, MN1, "denied"));
	/* what was never signalled is forgotten without a word */
	sim_attach(t.pma, ATTACH_DOWN, ATTACH_BY_CARRIER, 1, NULL, NULL);
	sim_run_for(t.s, 10 * SEC);
	ck_assert_uint_eq(sim_pkts(t.s), 0);
	ck_assert(!known(&t, MN1));
	sim_free(t.s);
}
END_TEST

/* D5.4-1: from the profile, else from the configuration. */
START_TEST(test_no_home_agent)
{
	struct t t = setup();

	t.conf->home_agent = sim_in6("::");
	sim_mn_rs(t.mn1);
	sim_run_for(t.s, 10 * SEC);
	ck_assert_uint_eq(sim_pkts(t.s), 0);
	ck_assert_uint_eq(stat_of(&t, "no-home-agent"), 1);
	t.prof2->home_agent = sim_in6(HA2);	/* the profile's goes first */
	t.prof2->lifetime_us = 40 * SEC;
	sim_mn_rs(t.mn2);
	ck_assert_uint_eq(pbu(&t)->m.bu.lifetime_4s, 10);
	ck_assert_uint_eq(sim_count_mh(t.s, MH_BU, P1, HA2), 1);
	sim_free(t.s);
}
END_TEST

START_TEST(test_max_nodes)
{
	struct t t = setup_stopped();

	t.conf->max_nodes = 1;
	start(&t);
	attach(&t);
	sim_mn_rs(t.mn2);
	sim_run_for(t.s, 10 * SEC);
	ck_assert_uint_eq(stat_of(&t, "table-full"), 1);
	ck_assert_uint_eq(t.mn2->nra, 0);
	ck_assert_uint_eq(sim_count_mh(t.s, MH_BU, NULL, NULL), 1);
	sim_free(t.s);
}
END_TEST

/* --- refusals ---------------------------------------------------------- */

static const struct {
	uint8_t status;
	bool permanent;
} denials[] = {
	{ BA_UNSPECIFIED, true }, { BA_PROHIBITED, true },
	{ BA_NO_RESOURCES, false }, { BA_NO_HOME_REGISTRATION, true },
	{ BA_NOT_HOME_SUBNET, true }, { BA_NOT_HOME_AGENT, true },
	{ BA_DAD_FAILED, true }, { BA_PROXY_UNSUPPORTED, true },
	{ BA_PMA_NOT_ALLOWED, true }, { BA_HOME_ADDRESS_REQUIRED, true },
	{ BA_INVALID_TIMESTAMP, false },
};

START_TEST(test_denied)
{
	struct t t = setup();
	const struct sim_pkt *p;

	sim_mn_rs(t.mn1);
	p = pbu(&t);
	if (denials[_i].status == BA_INVALID_TIMESTAMP) {
		struct mh_msg m = answer_to(p, BA_INVALID_TIMESTAMP, 0);

		m.o.timestamp = mh_ts_from_us(p->wall + 3600 * SEC);
		say(&t, p, &m);
		ck_assert_uint_eq(stat_of(&t, "clock-refused"), 1);
	} else {
		ack(&t, p, denials[_i].status, 0);
	}
	sim_mn_rs(t.mn1);	/* changes nothing */
	sim_run_for(t.s, 20 * SEC);
	ck_assert_uint_eq(sim_count_mh(t.s, MH_BU, NULL, NULL), 1);
	ck_assert_uint_eq(sim_ras(t.s), 0);
	no_service(&t);
	if (denials[_i].permanent) {
		ck_assert(in_state(&t, MN1, "denied"));
		sim_expect_silence(t.s, P1, NULL, 1000 * SEC);
		/* an attachment said in so many words starts again */
		sim_attach(t.pma, ATTACH_UP, ATTACH_BY_CTL, 1, MAC1, MN1);
	} else {
		ck_assert(in_state(&t, MN1, "backoff"));
	}
	admit(&t, 300);
	ck_assert(sim_mn_has_prefix(t.mn1, HNP1));
	sim_free(t.s);
}
END_TEST

/* The same for a node in service: what it was told is taken back. */
START_TEST(test_denied_at_refresh)
{
	struct t t = setup();
	size_t had;

	attach(&t);
	sim_run_for(t.s, 200 * SEC);
	sim_skip(t.s);
	had = promises(&t);
	while (sim_next_mh(t.s, MH_BU, P1, HA) == NULL) {
		sim_run_for(t.s, SEC);
		had = promises(&t);
	}
	sim_skip(t.s);
	sim_run_for(t.s, SEC);		/* a retransmission */
	had = promises(&t);
	if (denials[_i].status == BA_INVALID_TIMESTAMP) {
		const struct sim_pkt *p = pbu(&t);
		struct mh_msg m = answer_to(p, BA_INVALID_TIMESTAMP, 0);

		m.o.have &= ~(uint32_t)MHO_TIMESTAMP;
		say(&t, p, &m);
	} else {
		ack(&t, pbu(&t), denials[_i].status, 0);
	}
	no_service(&t);
	ck_assert_uint_eq(t.mn1->ra.ra.router_lifetime_s, 0);
	ck_assert_uint_eq(t.mn1->ra.ra.pio[0].preferred_s, 0);
	sim_mn_rs(t.mn1);
	sim_run_for(t.s, 20 * SEC);
	ck_assert_uint_eq(promises(&t), had);
	sim_free(t.s);
}
END_TEST

START_TEST(test_backoff_grows)
{
	static const unsigned waits[] = { 32, 64, 128, 256, 300, 300 };
	struct t t = setup();

	sim_mn_rs(t.mn1);
	for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
		const struct sim_pkt *p = pbu(&t);

		ack(&t, p, BA_NO_RESOURCES, 0);
		sim_expect_silence(t.s, P1, NULL, (waits[i] - 1) * SEC);
		sim_run_for(t.s, 2 * SEC);
	}
	admit(&t, 300);
	ck_assert(sim_routed(t.pma, HNP1, HA));
	/* the next trouble starts small again */
	sim_run_for(t.s, 220 * SEC);
	ack(&t, pbu(&t), BA_NO_RESOURCES, 0);
	sim_expect_silence(t.s, P1, NULL, 31 * SEC);
	pbu(&t);
	sim_free(t.s);
}
END_TEST

/* 148, clocks agree: the order was wrong.  At once, at most three times. */
START_TEST(test_order_problem)
{
	struct t t = setup();
	usec_t began = sim_now(t.s);
	uint64_t last = 0;

	sim_mn_rs(t.mn1);
	for (int i = 0; i < 4; i++) {
		const struct sim_pkt *p = pbu(&t);

		ck_assert_uint_gt(p->m.o.timestamp, last);
		last = p->m.o.timestamp;
		ack(&t, p, BA_INVALID_TIMESTAMP, 0);
	}
	ck_assert(sim_now(t.s) - began < SEC);
	sim_expect_silence(t.s, P1, NULL, 30 * SEC);
	ck_assert(in_state(&t, MN1, "backoff"));
	ck_assert_uint_eq(sim_ras(t.s), 0);
	sim_free(t.s);
}
END_TEST

START_TEST(test_without_p)
{
	struct t t = setup();
	const struct sim_pkt *p;
	struct mh_msg m;

	sim_mn_rs(t.mn1);
	p = pbu(&t);
	m = answer_to(p, BA_ACCEPTED, 300);
	m.ba.flags = 0;
	say(&t, p, &m);
	sim_run_for(t.s, 10 * SEC);
	no_service(&t);
	ck_assert_uint_eq(sim_ras(t.s), 0);
	ck_assert_uint_eq(stat_of(&t, "pba-without-p"), 1);
	sim_free(t.s);
}
END_TEST

START_TEST(test_lifetime_0_granted)
{
	struct t t = setup();

	sim_mn_rs(t.mn1);
	ack(&t, pbu(&t), BA_ACCEPTED, 0);
	no_service(&t);
	ck_assert(in_state(&t, MN1, "backoff"));
	sim_free(t.s);
}
END_TEST

/* --- retransmission and what matches ----------------------------------- */

START_TEST(test_retransmission)
{
	static const unsigned waits[] = { 1, 2, 4, 8, 16, 32, 32, 32 };
	struct t t = setup();
	const struct sim_pkt *p;
	usec_t last;
	uint64_t ts;
	uint16_t seq;

	sim_mn_rs(t.mn1);
	p = pbu(&t);
	for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
		last = p->at;
		ts = p->m.o.timestamp;
		seq = p->m.bu.seq;
		p = pbu(&t);
		ck_assert_int_eq((p->at - last + SEC / 2) / SEC, waits[i]);
		ck_assert_uint_gt(p->m.o.timestamp, ts);	/* A26 */
		ck_assert_uint_eq(p->m.bu.seq, (uint16_t)(seq + 1));
	}
	ck_assert_uint_eq(sim_ras(t.s), 0);
	ack(&t, p, BA_ACCEPTED, 300);
	ck_assert(sim_mn_has_prefix(t.mn1, HNP1));
	sim_free(t.s);
}
END_TEST

/* A clock that goes back does not take the stamps along. */
START_TEST(test_stamps_never_go_back)
{
	struct t t = setup();
	uint64_t ts;

	sim_mn_rs(t.mn1);
	ts = pbu(&t)->m.o.timestamp;
	t.pma->skew_us = -3600 * SEC;
	for (int i = 0; i < 3; i++) {
		const struct sim_pkt *p = pbu(&t);

		ck_assert_uint_gt(p->m.o.timestamp, ts);
		ts = p->m.o.timestamp;
	}
	sim_free(t.s);
}
END_TEST

START_TEST(test_update_rate)
{
	struct t t = setup_stopped();
	const struct sim_pkt *p;
	usec_t first;

	t.conf->max_update_rate = 2;
	start(&t);
	sim_mn_rs(t.mn1);
	p = pbu(&t);
	first = p->at;
	ack(&t, p, BA_INVALID_TIMESTAMP, 0);
	p = pbu(&t);
	ck_assert(p->at - first < SEC / 2);
	ack(&t, p, BA_INVALID_TIMESTAMP, 0);
	p = pbu(&t);			/* the third waits for its second */
	ck_assert(p->at - first >= SEC && p->at - first < 2 * SEC);
	ack(&t, p, BA_ACCEPTED, 300);
	ck_assert(sim_mn_has_prefix(t.mn1, HNP1));
	ck_assert_uint_gt(stat_of(&t, "pbu-delayed"), 0);
	sim_free(t.s);
}
END_TEST

/* What is not the answer to what was asked changes nothing. */
START_TEST(test_foreign_answers)
{
	struct t t = setup();
	const struct sim_pkt *p;
	struct mh_msg m;

	sim_mn_rs(t.mn1);
	p = pbu(&t);
	for (int i = 0; i < 6; i++) {
		const char *src = HA;

		m = answer_to(p, i == 5 ? BA_PROHIBITED : BA_ACCEPTED, 300);
		switch (i) {
		case 0:		/* from somebody else */
			src = HA2;
			break;
		case 1:
			m.ba.seq++;
			break;
		case 2:
			m.o.have &= ~(uint32_t)MHO_MN_ID;
			break;
		case 3:
			m.o.mn_id = MN2;
			break;
		case 4:
			m.o.hnp[0] = sim_prefix(HNP2);
			break;
		case 5:
			m.ba.seq--;
			break;
		default:
			break;
		}
		sim_send_mh(t.s, src, P1, &m);
		sim_run_for(t.s, 5 * USEC_PER_MSEC);
		ck_assert_msg(stat_of(&t, "pba-stray") == (uint64_t)i + 1,
		    "case %d", i);
	}
	no_service(&t);
	ck_assert_uint_eq(sim_ras(t.s), 0);
	ck_assert(in_state(&t, MN1, "registering"));
	ack(&t, p, BA_ACCEPTED, 300);	/* still waited for */
	ck_assert(sim_mn_has_prefix(t.mn1, HNP1));
	/* a duplicate, and a late refusal of the same */
	ack(&t, p, BA_ACCEPTED, 300);
	ack(&t, p, BA_PROHIBITED, 0);
	ck_assert(sim_routed(t.pma, HNP1, HA));
	ck_assert_uint_eq(stat_of(&t, "pba-stray"), 8);
	sim_free(t.s);
}
END_TEST

/* An answer to a former life of the entry is not one to the present. */
START_TEST(test_answer_of_a_former_life)
{
	struct t t = setup();
	const struct sim_pkt *first, *p;

	sim_mn_rs(t.mn1);
	first = pbu(&t);
	ack(&t, first, BA_ACCEPTED, 300);
	sim_attach(t.pma, ATTACH_DOWN, ATTACH_BY_CTL, 1, MAC1, NULL);
	ack(&t, pbu(&t), BA_ACCEPTED, 0);
	ck_assert(!known(&t, MN1));
	sim_run_for(t.s, SEC);
	sim_mn_rs(t.mn1);
	p = pbu(&t);
	ack(&t, first, BA_ACCEPTED, 300);	/* a duplicate, late */
	ck_assert(in_state(&t, MN1, "registering"));
	ck_assert(sim_routed(t.pma, HNP1, NULL));
	ack(&t, p, BA_ACCEPTED, 300);
	ck_assert(in_state(&t, MN1, "active"));
	sim_free(t.s);
}
END_TEST

/* A Binding Error is counted, and we go on asking. */
START_TEST(test_binding_error)
{
	struct t t = setup();
	struct mh_msg m = { .type = MH_BE };

	m.be.status = BE_UNKNOWN_TYPE;
	sim_mn_rs(t.mn1);
	pbu(&t);
	sim_send_mh(t.s, HA, P1, &m);
	sim_send_mh(t.s, HA2, P1, &m);
	sim_run_for(t.s, 10 * USEC_PER_MSEC);
	ck_assert_uint_eq(stat_of(&t, "binding-errors"), 2);
	ck_assert_uint_eq(sim_seen(t.pma, "binding-error"), 1);
	admit(&t, 300);
	sim_free(t.s);
}
END_TEST

/* --- lifetime ---------------------------------------------------------- */

START_TEST(test_refresh)
{
	struct t t = setup();
	const struct sim_pkt *p;
	uint64_t sets;

	attach(&t);
	sets = t.pma->kernel.sets;
	for (int i = 0; i < 20; i++) {
		unsigned life = i % 2 ? 300 : 100;
		usec_t before = t.last_ack, after;

		p = admit(&t, life);
		after = p->at - before;
		life = i % 2 ? 100 : 300;
		ck_assert(after >= life * 75 * SEC / 100 &&
		    after <= life * 80 * SEC / 100 + SEC / 10);
		ck_assert_uint_eq(p->m.bu.lifetime_4s, 75);
	}
	ck_assert_uint_eq(t.pma->kernel.sets, sets);	/* D6.10: untouched */
	ck_assert_uint_eq(stat_of(&t, "refreshed"), 20);
	ck_assert_uint_eq(sim_kpath(t.pma, HNP1)->replaced, 0);
	ck_assert(in_state(&t, MN1, "active"));
	sim_free(t.s);
}
END_TEST

START_TEST(test_refresh_advice)
{
	/* option 2 by hand: the builder has no use for it; then PadN */
	static const uint8_t advice[8] = { 2, 2, 0, 10, 1, 2, 0, 0 };
	struct in6_addr src = sim_in6(HA), dst = sim_in6(P1);
	struct t t = setup();
	const struct sim_pkt *p;
	struct mh_msg m;
	uint8_t buf[512];
	uint16_t sum;
	int len;

	sim_mn_rs(t.mn1);
	p = pbu(&t);
	m = answer_to(p, BA_ACCEPTED, 300);
	len = mh_build(&m, &src, &dst, &mh_wire_default, buf, sizeof(buf));
	ck_assert_int_gt(len, 0);
	memcpy(buf + len, advice, sizeof(advice));
	len += (int)sizeof(advice);
	buf[1]++;
	sum = mh_checksum(buf, (size_t)len, &src, &dst);
	buf[4] = (uint8_t)(sum >> 8);
	buf[5] = (uint8_t)sum;
	sim_send_raw(t.s, &src, &dst, buf, (size_t)len);
	sim_run_for(t.s, 10 * USEC_PER_MSEC);
	ck_assert(in_state(&t, MN1, "active"));
	t.last_ack = sim_now(t.s);
	p = pbu(&t);
	ck_assert(p->at - t.last_ack > 37 * SEC &&
	    p->at - t.last_ack <= 40 * SEC);
	sim_free(t.s);
}
END_TEST

START_TEST(test_expiry)
{
	struct t t = setup();
	size_t had;

	attach(&t);
	t.last_ack = sim_now(t.s);
	sim_run_for(t.s, 299 * SEC);	/* refreshes are not answered */
	in_service(&t);
	ck_assert(in_state(&t, MN1, "refreshing"));
	sim_run_for(t.s, 2 * SEC);
	no_service(&t);
	ck_assert_uint_eq(stat_of(&t, "expired"), 1);
	ck_assert(in_state(&t, MN1, "registering"));
	had = promises(&t);
	sim_mn_rs(t.mn1);
	sim_run_for(t.s, 100 * SEC);
	ck_assert_uint_eq(promises(&t), had);
	sim_skip(t.s);
	admit(&t, 300);			/* it goes on asking */
	in_service(&t);
	ck_assert_uint_eq(stat_of(&t, "registered"), 2);
	sim_free(t.s);
}
END_TEST

START_TEST(test_shortest_lifetime)
{
	struct t t = setup();

	t.prof1->lifetime_us = 4 * SEC;
	sim_mn_rs(t.mn1);
	for (int i = 0; i < 50; i++) {
		ck_assert_uint_eq(admit(&t, 4)->m.bu.lifetime_4s, 1);
		ck_assert(sim_routed(t.pma, HNP1, HA));
	}
	ck_assert_uint_eq(stat_of(&t, "expired"), 0);
	sim_free(t.s);
}
END_TEST

/* --- detachment -------------------------------------------------------- */

static void
leave(struct t *t, int how)
{
	switch (how) {
	case 0:
		sim_attach(t->pma, ATTACH_DOWN, ATTACH_BY_CARRIER, 1, NULL,
		    NULL);
		break;
	case 1:
		ck_assert(shown(t, "\"detach\",\"args\":{\"nai\":\"" MN1
		    "\"}", "\"done\":true"));
		break;
	case 2:
		sim_attach(t->pma, ATTACH_DOWN, ATTACH_BY_CTL, 1, MAC1, NULL);
		break;
	case 3:
		sim_mn_unplug(t->mn1);
		sim_attach(t->pma, ATTACH_MAYBE_GONE, ATTACH_BY_NEIGHBOUR, 1,
		    MAC1, NULL);
		sim_run_for(t->s, 3100 * USEC_PER_MSEC);
		break;
	default:
		ck_abort();
	}
}

START_TEST(test_detach)
{
	struct t t = setup();
	const struct sim_pkt *p;
	uint64_t ts;

	attach(&t);
	ts = sim_pkt(t.s, 0)->m.o.timestamp;
	sim_skip(t.s);
	leave(&t, _i);
	p = pbu(&t);
	ck_assert_uint_eq(p->m.bu.lifetime_4s, 0);	/* D6.10-19 */
	ck_assert_uint_eq(p->m.bu.flags, BU_A | BU_H | BU_P);
	ck_assert_uint_gt(p->m.o.timestamp, ts);
	ck_assert_uint_eq(p->m.o.nhnp, 1);
	sim_run_for(t.s, USEC_PER_MSEC);
	ck_assert(sim_routed(t.pma, HNP1, NULL));	/* at once */
	if (_i < 3)
		ck_assert_uint_eq(t.mn1->ra.ra.router_lifetime_s, 0);
	ck_assert(in_state(&t, MN1, "deregistering"));
	ack(&t, p, BA_ACCEPTED, 0);
	ck_assert(!known(&t, MN1));
	ck_assert_uint_eq(t.pma->kernel.ntunnels, 0);
	sim_expect_silence(t.s, P1, NULL, 100 * SEC);
	ck_assert_uint_eq(stat_of(&t, "detached"), 1);
	ck_assert_uint_eq(stat_of(&t, "deregistered"), 1);
	sim_free(t.s);
}
END_TEST

START_TEST(test_deregistration_gives_up)
{
	struct t t = setup();
	uint64_t ts = 0;

	attach(&t);
	leave(&t, 1);
	for (int i = 0; i < 3; i++) {
		const struct sim_pkt *p = pbu(&t);

		ck_assert_uint_eq(p->m.bu.lifetime_4s, 0);
		ck_assert_uint_gt(p->m.o.timestamp, ts);
		ts = p->m.o.timestamp;
	}
	sim_expect_silence(t.s, P1, NULL, 100 * SEC);
	ck_assert(!known(&t, MN1));
	sim_free(t.s);
}
END_TEST

/* It leaves before the first answer: the request may have arrived. */
START_TEST(test_detach_while_registering)
{
	struct t t = setup();
	const struct sim_pkt *first, *p;

	sim_mn_rs(t.mn1);
	first = pbu(&t);
	leave(&t, 0);
	p = pbu(&t);
	ck_assert_uint_eq(p->m.bu.lifetime_4s, 0);
	ack(&t, first, BA_ACCEPTED, 300);	/* too late */
	no_service(&t);
	ck_assert_uint_eq(sim_ras(t.s), 0);
	ack(&t, p, BA_ACCEPTED, 0);
	ck_assert(!known(&t, MN1));
	sim_free(t.s);
}
END_TEST

START_TEST(test_detach_while_looking_up)
{
	struct t t = setup();

	sim_policy(t.s)->delay_us = SEC;
	sim_mn_rs(t.mn1);
	sim_run_for(t.s, 100 * USEC_PER_MSEC);
	ck_assert(in_state(&t, MN1, "profile"));
	leave(&t, 0);
	ck_assert(!known(&t, MN1));
	sim_expect_silence(t.s, P1, NULL, 10 * SEC);
	sim_free(t.s);
}
END_TEST

/* It comes back while the kernel or the home agent is still at it. */
START_TEST(test_attach_during_deregistration)
{
	struct t t = setup();
	const struct sim_pkt *dereg, *p;

	if (_i & 1)
		t.pma->kernel.delay_us = 300 * USEC_PER_MSEC;
	sim_mn_rs(t.mn1);
	admit(&t, 300);
	sim_run_for(t.s, SEC);
	ck_assert(sim_mn_has_prefix(t.mn1, HNP1));
	leave(&t, 0);
	dereg = pbu(&t);
	if (_i & 2)
		sim_policy(t.s)->delay_us = 50 * USEC_PER_MSEC;
	sim_mn_rs(t.mn1);
	p = pbu(&t);
	ck_assert_uint_gt(p->m.bu.lifetime_4s, 0);
	ck_assert_uint_gt(p->m.o.timestamp, dereg->m.o.timestamp);
	ack(&t, dereg, BA_ACCEPTED, 0);		/* no longer waited for */
	ck_assert(in_state(&t, MN1, "registering"));
	ack(&t, p, BA_ACCEPTED, 300);
	sim_run_for(t.s, SEC);
	ck_assert(in_state(&t, MN1, "active"));
	in_service(&t);
	ck_assert_uint_eq(sim_tunnel(t.pma, P1, HA)->users, 1);
	sim_free(t.s);
}
END_TEST

/* Leaves and comes back before anything was signalled, kernel busy. */
START_TEST(test_attach_while_being_freed)
{
	struct t t = setup();
	const struct sim_pkt *p;

	t.pma->kernel.delay_us = 300 * USEC_PER_MSEC;
	sim_mn_rs(t.mn1);
	admit(&t, 300);
	sim_run_for(t.s, SEC);
	leave(&t, 0);
	ack(&t, pbu(&t), BA_ACCEPTED, 0);	/* the kernel still removes */
	sim_mn_rs(t.mn1);
	p = pbu(&t);
	ck_assert_uint_gt(p->m.bu.lifetime_4s, 0);
	ack(&t, p, BA_ACCEPTED, 300);
	sim_run_for(t.s, SEC);
	in_service(&t);
	sim_free(t.s);
}
END_TEST

START_TEST(test_probe)
{
	struct t t = setup();

	attach(&t);
	sim_skip(t.s);
	sim_attach(t.pma, ATTACH_MAYBE_GONE, ATTACH_BY_FDB, 1, MAC1, NULL);
	sim_run_for(t.s, 10 * SEC);
	ck_assert_uint_eq(t.mn1->nns, 1);	/* answered: no more */
	ck_assert_uint_eq(stat_of(&t, "probes-sent"), 1);
	sim_expect_silence(t.s, P1, NULL, 100 * SEC);
	ck_assert(in_state(&t, MN1, "active"));
	t.mn1->mute = true;
	sim_attach(t.pma, ATTACH_MAYBE_GONE, ATTACH_BY_FDB, 1, MAC1, NULL);
	sim_run_for(t.s, 2500 * USEC_PER_MSEC);
	ck_assert_uint_eq(t.mn1->nns, 4);
	ck_assert(in_state(&t, MN1, "active"));
	sim_run_for(t.s, SEC);
	ck_assert_uint_eq(pbu(&t)->m.bu.lifetime_4s, 0);
	sim_free(t.s);
}
END_TEST

/* presence-check: no refresh for a node that is not there. */
START_TEST(test_presence_check)
{
	struct t t = setup();

	t.conf->presence_check_us = SEC;
	attach(&t);
	ck_assert_uint_gt(admit(&t, 300)->m.bu.lifetime_4s, 0);
	ck_assert_uint_eq(t.mn1->nns, 1);
	ck_assert_uint_eq(stat_of(&t, "pbu-retransmitted"), 0);
	ck_assert_uint_eq(sim_count_mh(t.s, MH_BU, NULL, NULL), 2);
	sim_mn_unplug(t.mn1);
	ck_assert_uint_eq(pbu(&t)->m.bu.lifetime_4s, 0);
	sim_run_for(t.s, USEC_PER_MSEC);
	ck_assert(sim_routed(t.pma, HNP1, NULL));
	sim_free(t.s);
}
END_TEST

/* A solicitation during the probe before a refresh: one PBU, not two. */
START_TEST(test_solicitation_answers_the_probe)
{
	struct t t = setup();

	t.conf->presence_check_us = SEC;
	attach(&t);
	t.mn1->mute = true;
	while (t.mn1->nns == 0)
		sim_run_for(t.s, 100 * USEC_PER_MSEC);
	sim_skip(t.s);
	sim_mn_rs(t.mn1);
	pbu(&t);
	sim_run_for(t.s, 100 * USEC_PER_MSEC);
	ck_assert_uint_eq(sim_count_mh(t.s, MH_BU, NULL, NULL), 2);
	ck_assert_uint_eq(stat_of(&t, "pbu-retransmitted"), 0);
	sim_free(t.s);
}
END_TEST

/* --- the kernel -------------------------------------------------------- */

START_TEST(test_kernel_refuses)
{
	struct t t = setup();
	const struct sim_pkt *p;

	if (_i == 0)
		t.pma->kernel.refuse_set = 1;
	else if (_i == 1)
		t.pma->kernel.refuse_call = 1;
	else if (_i == 2)
		t.pma->kernel.refuse_tunnel = 1;
	else
		t.pma->kernel.lose = 1;
	sim_mn_rs(t.mn1);
	admit(&t, 300);
	p = pbu(&t);
	ck_assert_uint_eq(p->m.bu.lifetime_4s, 0);
	ack(&t, p, BA_ACCEPTED, 0);
	no_service(&t);
	ck_assert_uint_eq(sim_ras(t.s), 0);
	ck_assert_uint_eq(stat_of(&t, "kernel-refused"), 1);
	ck_assert(in_state(&t, MN1, "backoff"));
	sim_expect_silence(t.s, P1, NULL, 30 * SEC);
	admit(&t, 300);
	in_service(&t);
	sim_free(t.s);
}
END_TEST

START_TEST(test_kernel_refuses_removal)
{
	struct t t = setup();

	attach(&t);
	t.pma->kernel.refuse_del = _i == 2 ? UINT_MAX : 2;
	leave(&t, 0);
	ack(&t, pbu(&t), BA_ACCEPTED, 0);
	ck_assert(sim_routed(t.pma, HNP1, HA));
	if (_i != 1)			/* 1: it comes back meanwhile */
		sim_run_for(t.s, _i == 2 ? 200 * SEC : 10 * SEC);
	if (_i == 0) {
		ck_assert(sim_routed(t.pma, HNP1, NULL));
		ck_assert_uint_eq(t.pma->kernel.ntunnels, 0);
	}
	ck_assert(known(&t, MN1) == (_i == 1));
	sim_mn_rs(t.mn1);
	admit(&t, 300);
	sim_run_for(t.s, 10 * SEC);
	ck_assert(in_state(&t, MN1, "active"));
	in_service(&t);
	ck_assert_uint_eq(sim_tunnel(t.pma, P1, HA)->users, 1);
	sim_free(t.s);
}
END_TEST

/* Detached, denied, expired while the kernel is setting up. */
START_TEST(test_kernel_is_slow)
{
	struct t t = setup();

	t.pma->kernel.delay_us = SEC;
	sim_mn_rs(t.mn1);
	admit(&t, 300);
	sim_run_for(t.s, 100 * USEC_PER_MSEC);
	leave(&t, 0);
	ck_assert_uint_eq(pbu(&t)->m.bu.lifetime_4s, 0);
	sim_run_for(t.s, 20 * SEC);
	no_service(&t);
	ck_assert(!known(&t, MN1));
	ck_assert_uint_eq(sim_ras(t.s), 0);
	/* slower than the lifetime: it never comes into service */
	t.pma->kernel.delay_us = 6 * SEC;
	sim_skip(t.s);
	sim_mn_rs(t.mn1);
	admit(&t, 4);
	sim_run_for(t.s, 5 * SEC);
	ck_assert_uint_eq(stat_of(&t, "expired"), 1);
	sim_run_for(t.s, 20 * SEC);
	no_service(&t);
	ck_assert_uint_eq(promises(&t), 0);
	sim_free(t.s);
}
END_TEST

/* --- policy ------------------------------------------------------------ */

START_TEST(test_policy_withdraws)
{
	struct t t = setup();
	const struct sim_pkt *p;
	size_t had;

	attach(&t);
	sim_skip(t.s);
	if (_i == 0)
		sim_profile_del(t.s, MN1);
	else
		t.prof1->pmip = false;
	sim_policy_changed(t.s);
	p = pbu(&t);
	ck_assert_uint_eq(p->m.bu.lifetime_4s, 0);
	sim_run_for(t.s, USEC_PER_MSEC);
	no_service(&t);
	ck_assert(in_state(&t, MN1, "denied"));
	had = promises(&t);
	sim_mn_rs(t.mn1);
	sim_expect_silence(t.s, P1, NULL, 100 * SEC);
	ck_assert_uint_eq(promises(&t), had);
	/* and gives again */
	t.prof1 = sim_profile(t.s, MN1, HNP1, MAC1);
	sim_policy_changed(t.s);
	admit(&t, 300);
	ck_assert(sim_mn_has_prefix(t.mn1, HNP1));
	sim_free(t.s);
}
END_TEST

START_TEST(test_policy_changes_nothing)
{
	struct t t = setup();

	attach(&t);
	sim_skip(t.s);
	sim_policy_changed(t.s);
	sim_expect_silence(t.s, P1, NULL, 10 * SEC);
	ck_assert_uint_eq(t.mn1->nra, 1);
	t.prof1->lifetime_us = 100 * SEC;	/* from the next refresh on */
	sim_policy_changed(t.s);
	ck_assert_uint_eq(pbu(&t)->m.bu.lifetime_4s, 25);
	sim_free(t.s);
}
END_TEST

/* Another prefix, another home agent; the kernel quick, slow, or busy. */
START_TEST(test_policy_moves)
{
	static const usec_t delays[] = { -1, 0, 5 * USEC_PER_MSEC,
		500 * USEC_PER_MSEC };
	struct t t = setup();
	bool other_ha = _i & 1, busy = _i & 2;
	const char *ha = other_ha ? HA2 : HA;
	const char *hnp = other_ha ? HNP1 : "2001:db8:1:7::/64";
	const struct sim_pkt *p;

	t.pma->kernel.delay_us = delays[_i / 4];
	sim_mn_rs(t.mn1);
	admit(&t, 300);
	if (!busy) {
		sim_run_for(t.s, 2 * SEC);
		ck_assert(sim_mn_has_prefix(t.mn1, HNP1));
	}
	sim_skip(t.s);
	if (other_ha)
		t.prof1->home_agent = sim_in6(HA2);
	else
		t.prof1->home_prefix = sim_prefix(hnp);
	sim_policy_changed(t.s);
	p = pbu(&t);
	ck_assert_uint_eq(p->m.bu.lifetime_4s, 0);
	p = pbu(&t);
	ck_assert_uint_eq(p->m.bu.lifetime_4s, 75);
	ack(&t, p, BA_ACCEPTED, 300);
	sim_run_for(t.s, 2 * SEC);
	ck_assert_uint_eq(sim_count_mh(t.s, MH_BU, P1, NULL), 3);
	ck_assert(in_state(&t, MN1, "active"));
	ck_assert(sim_routed(t.pma, hnp, ha));
	ck_assert_uint_eq(sim_kpaths(t.pma), 1);
	ck_assert_uint_eq(t.pma->kernel.ntunnels, 1);
	ck_assert_uint_eq(sim_tunnel(t.pma, P1, ha)->users, 1);
	ck_assert(sim_mn_has_prefix(t.mn1, hnp));
	sim_free(t.s);
}
END_TEST

/* Two lookups for one node at a time: the younger one counts. */
START_TEST(test_policy_changes_while_it_attaches)
{
	struct t t = setup();

	t.prof1->pmip = false;
	sim_mn_rs(t.mn1);
	sim_run_for(t.s, SEC);
	ck_assert(in_state(&t, MN1, "denied"));
	t.prof1->pmip = true;
	sim_policy(t.s)->delay_us = 100 * USEC_PER_MSEC;
	sim_policy_changed(t.s);
	sim_run_for(t.s, 50 * USEC_PER_MSEC);
	sim_attach(t.pma, ATTACH_UP, ATTACH_BY_CTL, 1, MAC1, MN1);
	admit(&t, 300);
	sim_run_for(t.s, 900 * USEC_PER_MSEC);
	ck_assert_uint_eq(sim_count_mh(t.s, MH_BU, NULL, NULL), 1);
	ck_assert(in_state(&t, MN1, "active"));
	sim_free(t.s);
}
END_TEST

/* A store that does not answer takes nothing away, and is asked again. */
START_TEST(test_policy_does_not_answer)
{
	struct t t = setup();

	attach(&t);
	sim_skip(t.s);
	sim_policy(t.s)->err = -ETIMEDOUT;
	sim_policy_changed(t.s);
	sim_mn_rs(t.mn2);
	sim_expect_silence(t.s, P1, NULL, 100 * SEC);
	ck_assert(in_state(&t, MN1, "active"));
	ck_assert(in_state(&t, MN2, "profile"));
	ck_assert(sim_routed(t.pma, HNP1, HA));
	sim_policy(t.s)->err = 0;
	admit(&t, 300);
	ck_assert(sim_mn_has_prefix(t.mn2, HNP2));
	sim_free(t.s);
}
END_TEST

/* --- interfaces -------------------------------------------------------- */

START_TEST(test_move_between_interfaces)
{
	struct t t = setup_stopped();
	const struct sim_kpath *k;
	size_t had;

	sim_pma_access(t.s, t.conf, "acc0", 0, NULL);
	sim_pma_access(t.s, t.conf, "acc1", 0, NULL);
	start(&t);
	t.pma->kernel.delay_us = _i == 0 ? -1 : 200 * USEC_PER_MSEC;
	sim_mn_rs(t.mn1);
	admit(&t, 300);
	sim_run_for(t.s, SEC);
	ck_assert(sim_mn_has_prefix(t.mn1, HNP1));
	t.mn1->nra = 0;
	had = sim_ras(t.s);
	sim_mn_plug(t.mn1, t.pma, 2);
	sim_mn_rs(t.mn1);
	admit(&t, 300);
	sim_run_for(t.s, SEC);
	k = sim_kpath(t.pma, HNP1);
	ck_assert_ptr_nonnull(k);
	ck_assert_uint_eq(k->access_ifindex, 2);
	ck_assert_uint_eq(k->replaced, 1);	/* make before break */
	ck_assert(sim_mn_has_prefix(t.mn1, HNP1));
	ck_assert(in_state(&t, MN1, "active"));
	for (size_t i = had; i < sim_ras(t.s); i++)
		ck_assert_uint_eq(sim_ra(t.s, i)->ifindex, 2);
	/* the old link's carrier is not the node's any more */
	sim_skip(t.s);
	sim_attach(t.pma, ATTACH_DOWN, ATTACH_BY_CARRIER, 1, NULL, NULL);
	sim_expect_silence(t.s, P1, NULL, 10 * SEC);
	ck_assert(in_state(&t, MN1, "active"));
	sim_free(t.s);
}
END_TEST

/* What is heard at two links by turns does not fill the log. */
START_TEST(test_to_and_fro)
{
	struct t t = setup_stopped();

	sim_pma_access(t.s, t.conf, "acc0", 0, NULL);
	sim_pma_access(t.s, t.conf, "acc1", 0, NULL);
	start(&t);
	attach(&t);
	for (unsigned i = 0; i < 200; i++) {
		sim_mn_plug(t.mn1, t.pma, 1 + i % 2);
		sim_mn_rs(t.mn1);
		sim_run_for(t.s, 10 * USEC_PER_MSEC);
	}
	ck_assert_uint_le(sim_seen(t.pma, "node-attached"), 5);
	ck_assert_uint_ge(sim_stat(t.pma, "pma", "attached"), 150);
	sim_free(t.s);
}
END_TEST

/* D6-3, D6.3-5: one node on a link of its own, for all who listen there. */
START_TEST(test_point_to_point)
{
	struct t t = setup_stopped();
	const struct sim_kpath *k;

	sim_pma_access(t.s, t.conf, "ppp0", 1, MN1);
	start(&t);
	sim_mn_unplug(t.mn2);
	if (_i == 0) {
		sim_mn_rs(t.mn1);
	} else if (_i == 1) {		/* "carrier" alone says who it is */
		sim_attach(t.pma, ATTACH_UP, ATTACH_BY_CARRIER, 1, NULL, NULL);
	} else {			/* Ethernet, used as such a link */
		sim_if(t.pma, 1)->lif.p2p = false;
		sim_if(t.pma, 1)->lif.mac = sim_mac("02:00:00:00:00:99");
		sim_if_up(t.pma, 1, true);
		sim_mn_rs(t.mn1);
	}
	admit(&t, 300);
	ck_assert(sim_mn_has_prefix(t.mn1, HNP1));
	ck_assert(t.mn1->ra.l2_multicast);
	ck_assert(t.mn1->ra.ra.has_lladdr == (_i == 2));
	k = sim_kpath(t.pma, HNP1);
	ck_assert(k != NULL && k->access_ifindex == 1);
	sim_skip(t.s);
	sim_attach(t.pma, ATTACH_DOWN, ATTACH_BY_CARRIER, 1, NULL, NULL);
	ack(&t, pbu(&t), BA_ACCEPTED, 0);
	ck_assert(sim_routed(t.pma, HNP1, NULL));
	ck_assert(!known(&t, MN1));
	sim_free(t.s);
}
END_TEST

START_TEST(test_interface_comes_and_goes)
{
	struct t t = setup();
	struct role *r = sim_role(t.pma, "pma");
	struct sim_if *i = sim_if(t.pma, 1);

	t.conf->access.n = 0;
	sim_pma_access(t.s, t.conf, "w*", 0, NULL);
	ck_assert_int_eq(sim_reload(t.pma, "pma", t.conf), 0);
	ck_assert(!i->open);			/* no longer ours */
	ck_assert_uint_eq(i->sources, 0);
	ck_assert_uint_eq(t.pma->kernel.naccess, 0);
	sim_add_if(t.pma, "eth7", false);	/* never was */
	ck_assert(!sim_if(t.pma, 2)->open);
	i = sim_add_if(t.pma, "wlan0", false);	/* late */
	ck_assert(i->open);
	ck_assert(i->sources & 1U << ATTACH_BY_NEIGHBOUR);
	ck_assert_uint_eq(t.pma->kernel.naccess, 1);
	sim_mn_plug(t.mn1, t.pma, 3);
	if (_i == 0)
		t.pma->kernel.delay_us = 300 * USEC_PER_MSEC;
	sim_mn_rs(t.mn1);
	admit(&t, 300);
	sim_run_for(t.s, SEC);
	ck_assert(sim_mn_has_prefix(t.mn1, HNP1));
	sim_skip(t.s);
	r->ops->link(r, LINK_GONE, &i->lif);
	ck_assert(!i->open);
	ck_assert_uint_eq(pbu(&t)->m.bu.lifetime_4s, 0);
	sim_run_for(t.s, SEC);
	ck_assert(sim_routed(t.pma, HNP1, NULL));
	ck_assert_uint_eq(t.pma->kernel.ntunnels, 0);
	/* back while the home agent is being told */
	r->ops->link(r, LINK_NEW, &i->lif);
	sim_skip(t.s);
	sim_mn_rs(t.mn1);
	ck_assert_uint_eq(admit(&t, 300)->m.bu.lifetime_4s, 75);
	sim_run_for(t.s, SEC);
	ck_assert(sim_routed(t.pma, HNP1, HA));
	sim_free(t.s);
}
END_TEST

/* No link-local address yet: the advertisement waits for it. */
START_TEST(test_interface_without_address)
{
	struct t t = setup();
	struct in6_addr lla = sim_if(t.pma, 1)->lif.linklocal;

	sim_if(t.pma, 1)->lif.linklocal = sim_in6("::");
	sim_if_up(t.pma, 1, true);
	sim_mn_rs(t.mn1);
	admit(&t, 300);
	sim_run_for(t.s, 5 * SEC);
	ck_assert_uint_eq(sim_ras(t.s), 0);
	sim_if(t.pma, 1)->lif.linklocal = lla;
	sim_if_up(t.pma, 1, true);
	ck_assert_uint_eq(t.mn1->nra, 1);
	ck_assert(sim_mn_has_prefix(t.mn1, HNP1));
	sim_free(t.s);
}
END_TEST

/* Two nodes cannot be one: the MAC address is whose it was said to be last. */
START_TEST(test_mac_changes_hands)
{
	struct t t = setup();
	const struct sim_pkt *p;
	bool known_before = _i == 1;

	if (known_before) {
		sim_mn_rs(t.mn2);
		admit(&t, 300);
	}
	attach(&t);
	sim_skip(t.s);
	sim_attach(t.pma, ATTACH_UP, ATTACH_BY_CTL, 1, MAC1, MN2);
	p = pbu(&t);
	if (p->m.bu.lifetime_4s == 0)
		ack(&t, p, BA_ACCEPTED, 0);
	else
		ack(&t, p, BA_ACCEPTED, 300);
	p = pbu(&t);
	ack(&t, p, BA_ACCEPTED, p->m.bu.lifetime_4s * 4);
	sim_run_for(t.s, SEC);
	ck_assert(!known(&t, MN1));
	ck_assert(sim_routed(t.pma, HNP1, NULL));
	ck_assert(sim_routed(t.pma, HNP2, HA));
	ck_assert(mac_eq(&sim_kpath(t.pma, HNP2)->mac, &t.mn1->mac));
	ck_assert(sim_mn_has_prefix(t.mn1, HNP2));
	ck_assert_uint_eq(sim_tunnel(t.pma, P1, HA)->users, 1);
	sim_free(t.s);
}
END_TEST

/* --- stop, control ----------------------------------------------------- */

START_TEST(test_stop)
{
	struct t t = setup();
	size_t had;

	attach(&t);
	sim_mn_rs(t.mn2);
	admit(&t, 300);
	sim_mn_rs(t.mn2);		/* its answer is outstanding */
	sim_run_for(t.s, SEC / 2);
	sim_skip(t.s);
	had = sim_count_mh(t.s, MH_BU, NULL, NULL);
	if (_i & 2) {			/* stop with the kernel at work */
		t.pma->kernel.delay_us = SEC;
		leave(&t, 1);
		sim_policy(t.s)->delay_us = SEC;
		sim_policy_changed(t.s);
		sim_run_for(t.s, 10 * USEC_PER_MSEC);
	}
	sim_node_stop(t.pma, (_i & 1) != 0);
	sim_run_for(t.s, 5 * SEC);
	if (_i & 1) {
		ck_assert(sim_routed(t.pma, HNP2, HA));
		ck_assert_uint_eq(sim_count_mh(t.s, MH_BU, NULL, NULL),
		    had + (_i & 2 ? 1 : 0));
		ck_assert(sim_mn_has_prefix(t.mn2, HNP2));
	} else {
		ck_assert_uint_eq(sim_kpaths(t.pma), 0);
		ck_assert_uint_eq(t.pma->kernel.ntunnels, 0);
		ck_assert_uint_eq(sim_count_mh(t.s, MH_BU, NULL, NULL),
		    had + 2);
		for (size_t i = had * 2; i < sim_pkts(t.s); i++)
			ck_assert_uint_eq(sim_pkt(t.s, i)->m.bu.lifetime_4s, 0);
		ck_assert(!sim_mn_has_prefix(t.mn1, HNP1));
		ck_assert(!sim_mn_has_prefix(t.mn2, HNP2));
	}
	sim_free(t.s);
}
END_TEST

/* D6.6-4 */
START_TEST(test_static_tunnel)
{
	struct t t = setup_stopped();
	struct in6_addr *ha = sim_alloc(t.s, sizeof(*ha));

	*ha = sim_in6(HA);
	t.conf->static_tunnels = (struct cfg_list){ ha, 1 };
	start(&t);
	ck_assert(sim_ktunnel(t.pma, P1, HA));
	attach(&t);
	leave(&t, 0);
	ack(&t, pbu(&t), BA_ACCEPTED, 0);
	sim_run_for(t.s, 1000 * SEC);
	ck_assert(sim_ktunnel(t.pma, P1, HA));
	sim_node_stop(t.pma, false);
	ck_assert(!sim_ktunnel(t.pma, P1, HA));
	sim_free(t.s);
}
END_TEST

static const struct {
	const char *cmd, *reply;
} ctl_calls[] = {
	{ "\"attach\",\"args\":{\"nai\":\"" MN1 "\"}", "which interface" },
	{ "\"attach\",\"args\":{\"interface\":\"acc0\"}",
	    "which mobile node" },
	{ "\"attach\",\"args\":{\"nai\":\"" MN1
	    "\",\"interface\":\"nope\"}", "no access interface" },
	{ "\"attach\",\"args\":{\"nai\":\"\",\"interface\":\"acc0\"}",
	    "error" },
	{ "\"attach\",\"args\":{\"nai\":\"" MN1
	    "\",\"interface\":\"acc0\",\"mac\":\"x\"}", "not a MAC address" },
	{ "\"attach\",\"args\":{\"nai\":\"" MN1 "\",\"interface\":\"acc0\","
	    "\"mac\":\"ff:ff:ff:ff:ff:ff\"}", "not a MAC address" },
	{ "\"attach\",\"args\":{\"nai\":\"nobody@example.com\","
	    "\"interface\":\"acc0\"}", "give one" },
	{ "\"attach\",\"args\":{\"nai\":\"" MN1
	    "\",\"interface\":\"acc0\",\"lla\":\"2001:db8::1\"}",
	    "not a link-local" },
	{ "\"detach\"", "which mobile node" },
	{ "\"detach\",\"args\":{\"nai\":\"" MN2 "\"}", "no mobile node" },
	{ "\"show mn\",\"args\":{\"nai\":\"" MN2 "\"}", "no mobile node" },
	{ "\"show mn\"", "which mobile node" },
	{ "\"attach\",\"args\":{\"nai\":\"" MN1 "\",\"interface\":\"acc0\"}",
	    "\"done\":true" },
	{ "\"show bindings\"", "\"state\":\"registering\"" },
	{ "\"show peers\"", "\"ha\":\"" HA "\"" },
};

START_TEST(test_control)
{
	struct t t = setup();

	for (size_t i = 0; i < ARRAY_LEN(ctl_calls); i++)
		ck_assert_msg(shown(&t, ctl_calls[i].cmd, ctl_calls[i].reply),
		    "%s: %s", ctl_calls[i].cmd, t.pma->ctl_text);
	admit(&t, 300);
	ck_assert(sim_mn_has_prefix(t.mn1, HNP1));
	ck_assert(shown(&t, "\"show bindings\"", "\"hnp\":\"" HNP1 "\""));
	ck_assert(shown(&t, "\"show bindings\"", "\"mac\":\"" MAC1 "\""));
	ck_assert(shown(&t, "\"show bindings\"", "\"lifetime\":300"));
	ck_assert(shown(&t, "\"show mn\",\"args\":{\"nai\":\"" MN1 "\"}",
	    "\"forwarding\":true"));
	ck_assert(shown(&t, "\"show peers\"", "\"accepted\":1"));
	ck_assert(!shown(&t, "\"show bindings\",\"args\":{\"nai\":\"" MN2
	    "\"}", "\"nai\""));
	sim_free(t.s);
}
END_TEST

/* Attached by control, with a MAC address that the policy does not know. */
START_TEST(test_mac_by_control)
{
	struct t t = setup();
	struct sim_mn *x = sim_mn_new(t.s, "02:00:00:00:09:09");

	sim_mn_plug(x, t.pma, 1);
	sim_attach(t.pma, ATTACH_UP, ATTACH_BY_CTL, 1, "02:00:00:00:09:09",
	    MN1);
	admit(&t, 300);
	ck_assert(sim_mn_has_prefix(x, HNP1));
	sim_mn_rs(x);
	ck_assert_uint_gt(admit(&t, 300)->m.bu.lifetime_4s, 0);
	ck_assert_uint_eq(stat_of(&t, "unknown-mac"), 0);
	ck_assert_uint_eq(x->nra, 2);
	leave(&t, 1);
	ack(&t, pbu(&t), BA_ACCEPTED, 0);
	sim_mn_rs(x);				/* now it is a stranger */
	sim_expect_silence(t.s, P1, NULL, 10 * SEC);
	ck_assert_uint_eq(stat_of(&t, "unknown-mac"), 1);
	sim_free(t.s);
}
END_TEST

/* Realms compare without case: one node, however it is spelt (10.2). */
START_TEST(test_realm_without_case)
{
	struct t t = setup();
	const struct sim_pkt *p;
	struct mh_msg m;

	sim_mn_rs(t.mn1);
	p = pbu(&t);
	m = answer_to(p, BA_ACCEPTED, 300);
	m.o.mn_id = "mn1@Example.COM";
	say(&t, p, &m);
	ck_assert(in_state(&t, "mn1@EXAMPLE.com", "active"));
	ck_assert(!known(&t, "MN1@example.com"));
	sim_attach(t.pma, ATTACH_UP, ATTACH_BY_CTL, 1, MAC1,
	    "mn1@EXAMPLE.com");
	ck_assert_uint_gt(admit(&t, 300)->m.bu.lifetime_4s, 0);
	ck_assert_uint_eq(stat_of(&t, "attached"), 1);
	ck_assert(sim_routed(t.pma, HNP1, HA));
	sim_free(t.s);
}
END_TEST

/*
 * A random life: five nodes on three links, a home agent that says this or
 * that or nothing, a kernel that refuses and delays, policy that changes, links
 * that vanish.  No advertisement without a path, ever; when it is quiet, the
 * books agree; and when everybody has left, nothing is left.
 */
#define LIFE_NODES 5

struct life {
	struct t t;
	struct sim_mn *mn[LIFE_NODES];
	char nai[LIFE_NODES][32], hnp[LIFE_NODES][32], mac[LIFE_NODES][24];
	size_t pkts, ras;	/* looked at so far */
	bool calm;
};

static void
life_answer(struct life *l, const struct sim_pkt *p)
{
	static const uint8_t says[] = { BA_NO_RESOURCES, BA_PROHIBITED,
		BA_INVALID_TIMESTAMP, BA_INVALID_TIMESTAMP,
		BA_PMA_NOT_ALLOWED };
	struct sim *s = l->t.s;
	unsigned dice = (unsigned)sim_random(s, 100);
	struct mh_msg m = answer_to(p, BA_ACCEPTED, p->m.bu.lifetime_4s * 4);
	char src[ADDR_STRLEN];

	if (p->m.type != MH_BU || (!l->calm && dice < 20))
		return;
	if (!l->calm && dice < 40) {
		m.ba.status = says[sim_random(s, ARRAY_LEN(says))];
		m.ba.lifetime_4s = 0;
	} else if (!l->calm && dice < 50) {
		m.ba.lifetime_4s = (uint16_t)sim_random(s, 3);
	}
	sim_send_mh(s, in6_str(&p->dst, src), P1, &m);
}

/* At the same instant: the kernel had accepted it, and then no more. */
static bool
taken_back(struct sim *s, size_t i)
{
	const struct sim_ra *ra = sim_ra(s, i);

	while (++i < sim_ras(s)) {
		if (prefix_eq(&sim_ra(s, i)->ra.pio[0].prefix,
		    &ra->ra.pio[0].prefix))
			return sim_ra(s, i)->at == ra->at &&
			    sim_ra(s, i)->ra.pio[0].valid_s == 0;
	}
	return false;
}

static void
life_look(void *ctx)
{
	struct life *l = ctx;
	struct sim *s = l->t.s;
	char hnp[ADDR_STRLEN];

	for (; l->ras < sim_ras(s); l->ras++) {
		const struct sim_ra *ra = sim_ra(s, l->ras);

		ck_assert(ra->good && ra->ra.npio == 1);
		if (ra->ra.pio[0].valid_s == 0 || taken_back(s, l->ras))
			continue;
		prefix_str(&ra->ra.pio[0].prefix, hnp);
		ck_assert_msg(sim_kpath(l->t.pma, hnp) != NULL,
		    "%s advertised and not hosted", hnp);
	}
	for (; l->pkts < sim_pkts(s); l->pkts++)
		life_answer(l, sim_pkt(s, l->pkts));
}

static void
life_run(struct life *l, usec_t usec)
{
	sim_run_looking(l->t.s, usec, life_look, l);
}

static void
life_calm(struct life *l)
{
	size_t users = 0;

	l->calm = true;
	sim_calm(l->t.pma);
	life_run(l, 40 * SEC);		/* removals are tried again */
	for (struct dp_tunnel *t = tunnel_first(l->t.pma->dp->tunnels);
	    t != NULL; t = t->next)
		users += t->users;
	ck_assert_uint_eq(users, sim_kpaths(l->t.pma));
	l->calm = false;
}

static void
life_link(struct life *l, uint32_t ifindex)
{
	struct role *r = sim_role(l->t.pma, "pma");
	struct sim_if *i = sim_if(l->t.pma, ifindex);

	wheel_touch(l->t.pma->env.wheel, sim_now(l->t.s));
	r->ops->link(r, i->open ? LINK_GONE : LINK_NEW, &i->lif);
}

static void
life_event(struct life *l, unsigned n)
{
	struct sim *s = l->t.s;
	struct sim_node *pma = l->t.pma;
	struct sim_mn *mn = l->mn[n];
	struct profile *prof;

	switch (sim_random(s, 14)) {
	case 0: case 1: case 2: case 3:
		sim_mn_plug(mn, pma, 1 + (uint32_t)sim_random(s, 3));
		sim_mn_rs(mn);
		break;
	case 4:
		sim_attach(pma, ATTACH_UP, ATTACH_BY_CTL, 1 +
		    (uint32_t)sim_random(s, 3), l->mac[sim_random(s,
		    LIFE_NODES)], l->nai[n]);
		break;
	case 5:
		sim_attach(pma, ATTACH_DOWN, ATTACH_BY_CARRIER, 1 +
		    (uint32_t)sim_random(s, 3), NULL, NULL);
		break;
	case 6: case 7:
		sim_attach(pma, ATTACH_DOWN, ATTACH_BY_FDB, mn->ifindex != 0 ?
		    mn->ifindex : 1, l->mac[n], NULL);
		break;
	case 8:
		mn->mute = sim_random(s, 2) == 0;
		sim_attach(pma, ATTACH_MAYBE_GONE, ATTACH_BY_NEIGHBOUR,
		    mn->ifindex != 0 ? mn->ifindex : 1, l->mac[n], NULL);
		break;
	case 9:
		sim_attach(pma, ATTACH_UP, ATTACH_BY_NEIGHBOUR, mn->ifindex !=
		    0 ? mn->ifindex : 1, l->mac[n], NULL);
		break;
	case 10:
		life_link(l, 1 + (uint32_t)sim_random(s, 3));
		break;
	case 11: case 12:
		prof = sim_profile(s, l->nai[n], l->hnp[n], l->mac[n]);
		prof->pmip = sim_random(s, 4) != 0;
		if (sim_random(s, 2) == 0)
			prof->home_agent = sim_in6(HA2);
		prof->lifetime_us = (int64_t)sim_random(s, 10) * 4 * SEC;
		sim_policy_changed(s);
		break;
	default:
		if (sim_random(s, 4) == 0)
			sim_profile_del(s, l->nai[n]);
		sim_policy_changed(s);
	}
}

static void
life_begin(struct life *l, uint64_t seed)
{
	struct t *t = &l->t;

	t->s = sim_new(seed);
	t->conf = sim_pma_conf(t->s, P1);
	t->conf->backoff_us = 3 * SEC;
	t->conf->max_backoff_us = 12 * SEC;
	t->conf->presence_check_us = seed % 2 * SEC;
	t->conf->max_update_rate = seed % 3;
	sim_pma_access(t->s, t->conf, "acc0", 0, NULL);
	sim_pma_access(t->s, t->conf, "acc1", 0, NULL);
	sim_pma_access(t->s, t->conf, "ppp0", 1, "n0@example.com");
	t->pma = sim_add_pma(t->s, P1, t->conf);
	for (unsigned i = 0; i < LIFE_NODES; i++) {
		snprintf(l->nai[i], sizeof(l->nai[i]), "n%u@example.com", i);
		snprintf(l->hnp[i], sizeof(l->hnp[i]), "2001:db8:1:%x::/64",
		    i + 1);
		snprintf(l->mac[i], sizeof(l->mac[i]), "02:00:00:00:02:%02x",
		    i);
		l->mn[i] = sim_mn_new(t->s, l->mac[i]);
		sim_profile(t->s, l->nai[i], l->hnp[i], l->mac[i]);
	}
}

START_TEST(test_random_life)
{
	struct life l = { 0 };
	struct t *t = &l.t;

	life_begin(&l, (uint64_t)_i + 1);
	for (unsigned step = 0; step < 2000; step++) {
		sim_shake(t->pma);
		life_event(&l, (unsigned)sim_random(t->s, LIFE_NODES));
		life_look(&l);
		life_run(&l, (usec_t)sim_random(t->s, 1500) * USEC_PER_MSEC);
		if (step % 100 == 99)
			life_calm(&l);
	}
	life_calm(&l);
	/* in a calm world everybody gets what he is entitled to */
	l.calm = true;
	for (uint32_t i = 1; i <= 3; i++) {
		if (!sim_if(t->pma, i)->open)
			life_link(&l, i);
		sim_attach(t->pma, ATTACH_DOWN, ATTACH_BY_CARRIER, i, NULL,
		    NULL);
	}
	life_run(&l, 60 * SEC);
	ck_assert_uint_eq(sim_kpaths(t->pma), 0);
	ck_assert_uint_eq(t->pma->kernel.ntunnels, 0);
	ck_assert_uint_eq(wheel_count(t->pma->env.wheel), 0);
	for (unsigned i = 0; i < LIFE_NODES; i++) {
		ck_assert(!known(t, l.nai[i]));
		sim_profile(t->s, l.nai[i], l.hnp[i], l.mac[i]);
		sim_mn_plug(l.mn[i], t->pma, 1 + i % 2);
		sim_mn_rs(l.mn[i]);
	}
	life_run(&l, 10 * SEC);
	for (unsigned i = 0; i < LIFE_NODES; i++) {
		ck_assert(sim_routed(t->pma, l.hnp[i], HA));
		ck_assert(sim_mn_has_prefix(l.mn[i], l.hnp[i]));
		ck_assert(in_state(t, l.nai[i], "active"));
	}
	ck_assert_uint_gt(stat_of(t, "registered"), 100);
	ck_assert_uint_gt(stat_of(t, "kernel-refused"), 20);
	ck_assert_uint_gt(stat_of(t, "denied"), 20);
	sim_free(t->s);
}
END_TEST

int
main(void)
{
	Suite *su = suite_create("pma");
	TCase *tc = tcase_create("pma");

#define T(name) tcase_add_test(tc, name)
#define TL(name, n) tcase_add_loop_test(tc, name, 0, (int)(n))
	T(test_attach);
	T(test_advertisement);
	T(test_mtu);
	T(test_solicitation_waits_for_acceptance);
	T(test_unknown_mac);
	T(test_not_entitled);
	T(test_no_home_agent);
	T(test_max_nodes);
	TL(test_denied, ARRAY_LEN(denials));
	TL(test_denied_at_refresh, ARRAY_LEN(denials));
	T(test_backoff_grows);
	T(test_order_problem);
	T(test_without_p);
	T(test_lifetime_0_granted);
	T(test_retransmission);
	T(test_stamps_never_go_back);
	T(test_update_rate);
	T(test_foreign_answers);
	T(test_answer_of_a_former_life);
	T(test_binding_error);
	T(test_refresh);
	T(test_refresh_advice);
	T(test_expiry);
	T(test_shortest_lifetime);
	TL(test_detach, 4);
	T(test_deregistration_gives_up);
	T(test_detach_while_registering);
	T(test_detach_while_looking_up);
	TL(test_attach_during_deregistration, 4);
	T(test_attach_while_being_freed);
	T(test_probe);
	T(test_presence_check);
	T(test_solicitation_answers_the_probe);
	TL(test_kernel_refuses, 4);
	TL(test_kernel_refuses_removal, 3);
	T(test_kernel_is_slow);
	TL(test_policy_withdraws, 2);
	T(test_policy_changes_nothing);
	TL(test_policy_moves, 16);
	T(test_policy_changes_while_it_attaches);
	T(test_policy_does_not_answer);
	TL(test_move_between_interfaces, 2);
	T(test_to_and_fro);
	TL(test_point_to_point, 3);
	TL(test_interface_comes_and_goes, 2);
	T(test_interface_without_address);
	TL(test_mac_changes_hands, 2);
	TL(test_stop, 4);
	T(test_static_tunnel);
	T(test_control);
	T(test_mac_by_control);
	T(test_realm_without_case);
	TL(test_random_life, 12);
#undef TL
#undef T
	tcase_set_timeout(tc, 60);
	suite_add_tcase(su, tc);
	return suite_run(su);
}

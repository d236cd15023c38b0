/* SPDX-License-Identifier: BSD-2-Clause */
/* Home agent address discovery (draft 5.4, 5.8; RFC 6275 10.5). */
#include <errno.h>
#include <stdio.h>

#include "exchange/ha_kit.h"
#include "suite.h"

#define ANYCAST(p) p ":fdff:ffff:ffff:fffe"
#define ANY1 ANYCAST("2001:db8:1:1")
#define ANY5 ANYCAST("2001:db8:1:5")

static const struct haad_msg req7 = { .type = HAAD_REQUEST, .id = 7 };

static uint64_t
stat(struct t *t, const char *name)
{
	return sim_stat(t->ha, "ha", name);
}

/* Ask and get a reply with the same identifier from HA; the reply. */
static const struct sim_icmp_pkt *
discover(struct t *t, const char *src, const char *dst, uint16_t id)
{
	struct haad_msg m = { .type = HAAD_REQUEST, .id = id };
	struct in6_addr from = sim_in6(src), ha = sim_in6(HA);
	size_t n = sim_icmps(t->s);
	const struct sim_icmp_pkt *p;

	sim_icmp_send(t->s, src, dst, &m);
	sim_run_for(t->s, 10 * USEC_PER_MSEC);
	ck_assert_uint_eq(sim_icmps(t->s), n + 2);
	p = sim_icmp_pkt(t->s, n + 1);
	ck_assert_int_eq(p->parsed, HAAD_OK);
	ck_assert_uint_eq(p->m.type, HAAD_REPLY);
	ck_assert_uint_eq(p->m.id, id);
	ck_assert(in6_eq(&p->src, &ha));
	ck_assert(in6_eq(&p->dst, &from));
	return p;
}

static void
ignored(struct t *t, const char *src, const char *dst, const char *counter)
{
	uint64_t before = stat(t, counter);
	size_t n = sim_icmps(t->s);

	sim_icmp_send(t->s, src, dst, &req7);
	sim_run_for(t->s, 10 * USEC_PER_MSEC);
	ck_assert_uint_eq(sim_icmps(t->s), n + 1);
	ck_assert_uint_eq(stat(t, counter), before + 1);
}

/* D5.4-1, D5.4-3, D5.9-9, A39: a shared prefix, and nobody in it. */
START_TEST(test_shared_prefix)
{
	struct t t = setup();
	const struct sim_icmp_pkt *p = discover(&t, P1, ANY5, 0xabcd);
	struct in6_addr ha = sim_in6(HA);

	ck_assert_uint_eq(p->m.nagents, 1);
	ck_assert(in6_eq(&p->m.agents[0], &ha));
	(void)discover(&t, STRANGER, ANY5, 0);
	ck_assert_uint_eq(stat(&t, "discovery-replies"), 2);
	sim_free(t.s);
}
END_TEST

/* D5.4-4, A33: also while the prefix is tunnelled, and after. */
START_TEST(test_own_prefix)
{
	struct t t = setup();

	(void)ask(&t, (struct q){ 0 }, BA_ACCEPTED);
	ck_assert(sim_routed(t.ha, HNP1, P1));
	(void)discover(&t, P2, ANY1, 1);
	(void)ask(&t, (struct q){ .dereg = true }, BA_ACCEPTED);
	(void)discover(&t, P2, ANY1, 2);
	/* Nothing in the kernel is there for it. */
	ck_assert_uint_eq(sim_kpaths(t.ha), 0);
	sim_free(t.s);
}
END_TEST

/* D5.4-1: all addresses, as many as an answer holds. */
START_TEST(test_many_addresses)
{
	struct t t = setup_conf(false);
	struct in6_addr *a = sim_alloc(t.s, 20 * sizeof(*a));

	for (unsigned i = 0; i < 20; i++) {
		a[i] = sim_in6(HA);
		a[i].s6_addr[15] = (uint8_t)(1 + i);
	}
	t.conf->addresses = (struct cfg_list){ a, _i == 0 ? 3 : 20 };
	t.ha = sim_add_node(t.s, "ha");
	sim_node_addr(t.ha, HA);
	sim_node_role(t.ha, &ha_role_ops, t.conf);
	ck_assert_int_eq(sim_node_start(t.ha), 0);
	ck_assert_uint_eq(discover(&t, P1, ANY5, 1)->m.nagents,
	    _i == 0 ? 3 : HAAD_AGENTS_MAX);
	sim_free(t.s);
}
END_TEST

/* D5.4-3: what is not asked of us. */
START_TEST(test_ignored)
{
	struct t t = setup();
	struct haad_msg rep = { .type = HAAD_REPLY, .id = 7, .nagents = 1 };

	/* to one of our addresses, from nobody's */
	ignored(&t, P1, HA, "discovery-ignored");
	ignored(&t, "fe80::1", ANY5, "discovery-ignored");
	ignored(&t, "::", ANY5, "discovery-ignored");
	/* a reply to a home agent says nothing */
	sim_icmp_send(t.s, P1, HA, &rep);
	sim_run_for(t.s, 10 * USEC_PER_MSEC);
	ck_assert_uint_eq(stat(&t, "discovery-replies"), 0);
	/* A prefix that is not ours reaches us by mistake. */
	sim_node_addr(t.ha, ANYCAST("2001:db8:2:1"));
	ignored(&t, P1, ANYCAST("2001:db8:2:1"), "discovery-ignored");
	/* The network does not take the answer. */
	t.ha->icmp_errno = -ENETUNREACH;
	sim_icmp_send(t.s, P1, ANY5, &req7);
	sim_run_for(t.s, 10 * USEC_PER_MSEC);
	ck_assert_uint_eq(stat(&t, "discovery-replies"), 0);
	sim_free(t.s);
}
END_TEST

/* A33: the knob, at start and at reload. */
START_TEST(test_off)
{
	struct t t = setup_conf(false);
	struct ha_conf *on = sim_ha_conf(t.s, HA);

	t.conf->discovery = false;
	t.ha = sim_add_ha(t.s, HA, t.conf);
	ck_assert(!t.ha->icmp_anycast);
	sim_node_addr(t.ha, ANY5);
	ignored(&t, P1, ANY5, "discovery-ignored");
	ck_assert_int_eq(sim_reload(t.ha, "ha", on), 0);
	ck_assert(t.ha->icmp_anycast);
	(void)discover(&t, P1, ANY5, 3);
	ck_assert_int_eq(sim_reload(t.ha, "ha", t.conf), 0);
	ck_assert(!t.ha->icmp_anycast);
	sim_free(t.s);
}
END_TEST

/* A33: either the data plane takes the requests out or a socket sees them all,
 * never both; the knob is for both. */
START_TEST(test_who_sees_them)
{
	struct t t = setup_conf(true);
	struct ha_conf *on = sim_ha_conf(t.s, HA), *off = sim_ha_conf(t.s, HA);

	off->discovery = false;
	ck_assert(t.ha->icmp_anycast && !t.ha->kernel.diverts);
	t.ha->kernel.can_divert = true;
	ck_assert_int_eq(sim_reload(t.ha, "ha", on), 0);
	ck_assert(!t.ha->icmp_anycast && t.ha->kernel.diverts);
	(void)discover(&t, P1, ANY5, 4);
	ck_assert_int_eq(sim_reload(t.ha, "ha", off), 0);
	ck_assert(!t.ha->icmp_anycast && !t.ha->kernel.diverts);
	t.ha->kernel.can_divert = false;
	ck_assert_int_eq(sim_reload(t.ha, "ha", on), 0);
	ck_assert(t.ha->icmp_anycast && !t.ha->kernel.diverts);
	(void)discover(&t, P1, ANY5, 5);
	sim_free(t.s);
}
END_TEST

/* D5.4-3: a flood is answered at a rate. */
START_TEST(test_flood)
{
	struct t t = setup();

	for (unsigned i = 0; i < 1000; i++)
		sim_icmp_send(t.s, STRANGER, ANY5, &req7);
	sim_run_for(t.s, 10 * USEC_PER_MSEC);
	ck_assert_uint_eq(stat(&t, "discovery-replies"), 50);
	ck_assert_uint_eq(stat(&t, "discovery-suppressed"), 950);
	sim_run_for(t.s, USEC_PER_SEC);
	(void)discover(&t, P1, ANY5, 1);
	sim_free(t.s);
}
END_TEST

/* D5.8-1: not answered, counted; the binding does not notice. */
START_TEST(test_prefix_solicitation)
{
	static const uint8_t mps[] = { MPD_SOLICITATION, 0, 0, 0, 0, 9, 0, 0 };
	struct in6_addr p1 = sim_in6(P1), ha = sim_in6(HA);
	struct t t = setup();
	size_t n;

	(void)ask(&t, (struct q){ 0 }, BA_ACCEPTED);
	n = sim_icmps(t.s);
	sim_icmp_raw(t.s, &p1, &ha, mps, sizeof(mps));
	sim_run_for(t.s, USEC_PER_SEC);
	ck_assert_uint_eq(sim_icmps(t.s), n + 1);
	ck_assert_uint_eq(stat(&t, "prefix-solicitations"), 1);
	ck_assert(sim_routed(t.ha, HNP1, P1));
	sim_free(t.s);
}
END_TEST

static const struct {
	uint8_t octets[8];
	size_t len;
	const char *counter;
} bad[] = {
	{ { HAAD_REQUEST, 0, 0, 0 }, 4, "icmp-short" },
	{ { HAAD_REQUEST, 1 }, 8, "icmp-code" },
	{ { HAAD_REPLY }, 8, "icmp-length" },
	{ { 128 }, 8, "icmp-type" },
};

/* D5.4-3: malformed messages are dropped and counted. */
START_TEST(test_malformed)
{
	struct in6_addr p1 = sim_in6(P1), any = sim_in6(ANY5);
	struct t t = setup();

	sim_icmp_raw(t.s, &p1, &any, bad[_i].octets, bad[_i].len);
	sim_run_for(t.s, 10 * USEC_PER_MSEC);
	ck_assert_uint_eq(sim_stat(t.ha, "icmp", bad[_i].counter), 1);
	ck_assert_uint_eq(sim_icmps(t.s), 1);
	sim_free(t.s);
}
END_TEST

/* --- the PMA asks --------------------------------------------------------- */

/* A whole domain in which nobody tells the PMA where the home agent is. */
struct dom {
	struct t t;
	struct sim_node *pma;
	struct pma_conf *conf;
	struct sim_mn *mn;
};

static struct dom
setup_domain(bool with_ha)
{
	struct dom d = { .t = setup_conf(with_ha) };

	d.conf = sim_pma_conf(d.t.s, P1);
	d.conf->home_agent = in6addr_any;
	d.conf->discovery = true;
	sim_pma_access(d.t.s, d.conf, "acc0", 0, NULL);
	d.t.mn1 = sim_profile(d.t.s, MN1, HNP1, MAC1);
	d.pma = sim_add_pma(d.t.s, P1, d.conf);
	d.mn = sim_mn_new(d.t.s, MAC1);
	sim_mn_plug(d.mn, d.pma, 1);
	return d;
}

static uint64_t
pma_stat(struct dom *d, const char *name)
{
	return sim_stat(d->pma, "pma", name);
}

/* D5.4-2, D5.4-3: asked once, used at once, remembered. */
START_TEST(test_pma_discovers)
{
	struct dom d = setup_domain(true);
	struct in6_addr any = sim_in6(ANY1), p1 = sim_in6(P1);

	sim_mn_rs(d.mn);
	sim_run_for(d.t.s, USEC_PER_SEC);
	ck_assert_uint_eq(sim_icmps(d.t.s), 2);
	ck_assert(in6_eq(&sim_icmp_pkt(d.t.s, 0)->dst, &any));
	ck_assert(in6_eq(&sim_icmp_pkt(d.t.s, 0)->src, &p1));
	ck_assert(sim_routed(d.pma, HNP1, HA));
	ck_assert(sim_mn_has_prefix(d.mn, HNP1));
	ck_assert_uint_eq(pma_stat(&d, "discovery-replies"), 1);
	/* refreshes, a reload, another attachment: nothing is asked */
	sim_run_for(d.t.s, 1000 * USEC_PER_SEC);
	sim_policy_changed(d.t.s);
	sim_attach(d.pma, ATTACH_DOWN, ATTACH_BY_FDB, 1, MAC1, NULL);
	sim_run_for(d.t.s, 10 * USEC_PER_SEC);
	sim_mn_rs(d.mn);
	sim_run_for(d.t.s, USEC_PER_SEC);
	ck_assert(sim_routed(d.pma, HNP1, HA));
	ck_assert_uint_eq(sim_icmps(d.t.s), 2);
	/* in use when it is forgotten: stays in use, also over a reload */
	sim_run_for(d.t.s, 4000 * USEC_PER_SEC);
	sim_policy_changed(d.t.s);
	sim_run_for(d.t.s, USEC_PER_SEC);
	ck_assert(sim_routed(d.pma, HNP1, HA));
	ck_assert_uint_eq(pma_stat(&d, "denied"), 0);
	sim_free(d.t.s);
}
END_TEST

/* D5.4-2: what is configured is used; switched off nobody is asked. */
START_TEST(test_pma_need_not)
{
	struct dom d = setup_domain(true);

	if (_i == 0)
		d.conf->home_agent = sim_in6(HA);
	else if (_i == 1)
		d.t.mn1->home_agent = sim_in6(HA);
	else
		d.conf->discovery = false;
	sim_mn_rs(d.mn);
	sim_run_for(d.t.s, 10 * USEC_PER_SEC);
	ck_assert_uint_eq(sim_icmps(d.t.s), 0);
	ck_assert(sim_routed(d.pma, HNP1, _i < 2 ? HA : NULL));
	ck_assert_uint_eq(pma_stat(&d, "no-home-agent"), _i == 2);
	sim_free(d.t.s);
}
END_TEST

/* RFC 6275 11.4.1: repeated, each time later, then given up; and again. */
START_TEST(test_pma_repeats)
{
	static const unsigned at[] = { 0, 3, 9, 21, 45 };
	struct dom d = setup_domain(true);
	usec_t start;

	sim_icmp_net(d.t.s)->cut = true;
	start = sim_now(d.t.s);
	sim_mn_rs(d.mn);
	sim_run_for(d.t.s, 120 * USEC_PER_SEC);
	ck_assert_uint_eq(sim_icmps(d.t.s), 5);
	for (unsigned i = 0; i < 5; i++) {
		usec_t t = sim_icmp_pkt(d.t.s, i)->at - start;

		ck_assert_int_ge(t, at[i] * USEC_PER_SEC);
		ck_assert_int_le(t, (at[i] + 1) * USEC_PER_SEC);
		ck_assert_uint_eq(sim_icmp_pkt(d.t.s, i)->m.id,
		    sim_icmp_pkt(d.t.s, 0)->m.id);
	}
	ck_assert_uint_eq(pma_stat(&d, "discovery-failed"), 1);
	ck_assert(!sim_mn_has_prefix(d.mn, HNP1));
	sim_icmp_net(d.t.s)->cut = false;
	sim_run_for(d.t.s, 60 * USEC_PER_SEC);
	ck_assert(sim_routed(d.pma, HNP1, HA));
	sim_free(d.t.s);
}
END_TEST

/* One of the first is lost: the second try does it. */
START_TEST(test_pma_loss)
{
	struct dom d = setup_domain(true);

	sim_icmp_net(d.t.s)->drop_next = _i + 1;
	sim_mn_rs(d.mn);
	sim_run_for(d.t.s, 10 * USEC_PER_SEC);
	ck_assert(sim_routed(d.pma, HNP1, HA));
	sim_free(d.t.s);
}
END_TEST

/* D5.4-2: replies that nobody asked for, or that name nobody. */
START_TEST(test_pma_stray)
{
	struct dom d = setup_domain(false);
	struct haad_msg m = { .type = HAAD_REPLY, .nagents = 1 };
	uint16_t id;

	m.agents[0] = sim_in6(HA);
	sim_icmp_send(d.t.s, HA, P1, &m);
	sim_mn_rs(d.mn);
	sim_run_for(d.t.s, USEC_PER_SEC);
	ck_assert_uint_eq(pma_stat(&d, "discovery-stray"), 1);
	id = sim_icmp_pkt(d.t.s, 1)->m.id;
	m.id = id + 1;
	sim_icmp_send(d.t.s, HA, P1, &m);
	m.id = id;
	m.agents[0] = sim_in6("ff02::1");
	sim_icmp_send(d.t.s, HA, P1, &m);
	sim_run_for(d.t.s, USEC_PER_SEC);
	ck_assert_uint_eq(pma_stat(&d, "discovery-stray"), 3);
	ck_assert_uint_eq(sim_count_mh(d.t.s, MH_BU, P1, NULL), 0);
	/* the first that can be one is taken */
	m.nagents = 3;
	m.agents[1] = sim_in6(HA2);
	m.agents[2] = sim_in6(HA);
	sim_icmp_send(d.t.s, STRANGER, P1, &m);
	(void)sim_expect_pbu(d.t.s, P1, HA2);
	/* and a second one is stray */
	sim_icmp_send(d.t.s, STRANGER, P1, &m);
	sim_run_for(d.t.s, USEC_PER_SEC);
	ck_assert_uint_eq(pma_stat(&d, "discovery-stray"), 4);
	sim_free(d.t.s);
}
END_TEST

/* Many nodes of a shared prefix ask one question; one leaves meanwhile. */
START_TEST(test_pma_many_wait)
{
	struct dom d = setup_domain(false);
	struct haad_msg m = { .type = HAAD_REPLY, .nagents = 1 };
	struct sim_mn *mn[3];
	char nai[32], mac[32], addr[64];

	for (unsigned i = 0; i < 3; i++) {
		snprintf(nai, sizeof(nai), "s%u@example.com", i);
		snprintf(mac, sizeof(mac), "02:00:00:00:05:0%u", i);
		snprintf(addr, sizeof(addr), "2001:db8:1:5::%u", i + 1);
		(void)sim_profile_shared(d.t.s, nai, "2001:db8:1:5::/64",
		    addr, mac);
		mn[i] = sim_mn_new(d.t.s, mac);
		sim_mn_plug(mn[i], d.pma, 1);
		sim_mn_rs(mn[i]);
	}
	sim_run_for(d.t.s, USEC_PER_SEC);
	ck_assert_uint_eq(sim_icmps(d.t.s), 1);
	sim_attach(d.pma, ATTACH_DOWN, ATTACH_BY_FDB, 1, "02:00:00:00:05:01",
	    NULL);
	m.id = sim_icmp_pkt(d.t.s, 0)->m.id;
	m.agents[0] = sim_in6(HA);
	sim_icmp_send(d.t.s, HA, P1, &m);
	sim_run_for(d.t.s, 100 * USEC_PER_MSEC);
	ck_assert_uint_eq(sim_count_mh(d.t.s, MH_BU, P1, HA), 2);
	sim_free(d.t.s);
}
END_TEST

/* An answer names no prefix: no two questions have the same identifier. */
START_TEST(test_pma_many_questions)
{
	enum { QUESTIONS = 2000 };
	static bool seen[UINT16_MAX + 1];
	struct dom d = setup_domain(false);
	char nai[32], hnp[64], mac[32];

	for (unsigned i = 0; i < QUESTIONS; i++) {
		snprintf(nai, sizeof(nai), "q%u@example.com", i);
		snprintf(hnp, sizeof(hnp), "2001:db8:2:%x::/64", i);
		snprintf(mac, sizeof(mac), "02:00:00:07:%02x:%02x", i >> 8,
		    i & 0xff);
		(void)sim_profile(d.t.s, nai, hnp, mac);
		sim_attach(d.pma, ATTACH_UP, ATTACH_BY_FDB, 1, mac, NULL);
	}
	sim_run_for(d.t.s, USEC_PER_SEC);
	ck_assert_uint_eq(sim_icmps(d.t.s), QUESTIONS);
	for (size_t i = 0; i < QUESTIONS; i++) {
		uint16_t id = sim_icmp_pkt(d.t.s, i)->m.id;

		ck_assert(!seen[id]);
		seen[id] = true;
	}
	sim_free(d.t.s);
}
END_TEST

/* The role stops while it asks. */
START_TEST(test_pma_stops)
{
	struct dom d = setup_domain(false);

	sim_mn_rs(d.mn);
	sim_run_for(d.t.s, USEC_PER_SEC);
	sim_node_stop(d.pma, _i == 1);
	sim_run_for(d.t.s, 100 * USEC_PER_SEC);
	ck_assert_uint_eq(sim_icmps(d.t.s), 1);
	sim_free(d.t.s);
}
END_TEST

int
main(void)
{
	Suite *su = suite_create("discovery");
	TCase *tc = tcase_create("discovery");

#define T(name) tcase_add_test(tc, name)
	T(test_shared_prefix);
	T(test_own_prefix);
	tcase_add_loop_test(tc, test_many_addresses, 0, 2);
	T(test_ignored);
	T(test_off);
	T(test_who_sees_them);
	T(test_flood);
	T(test_prefix_solicitation);
	tcase_add_loop_test(tc, test_malformed, 0, (int)ARRAY_LEN(bad));
	T(test_pma_discovers);
	tcase_add_loop_test(tc, test_pma_need_not, 0, 3);
	T(test_pma_repeats);
	tcase_add_loop_test(tc, test_pma_loss, 0, 2);
	T(test_pma_stray);
	T(test_pma_many_wait);
	T(test_pma_many_questions);
	tcase_add_loop_test(tc, test_pma_stops, 0, 2);
#undef T
	tcase_set_timeout(tc, 60);
	suite_add_tcase(su, tc);
	return suite_run(su);
}

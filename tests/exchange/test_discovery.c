/* SPDX-License-Identifier: BSD-2-Clause */
/* Home agent address discovery (draft 5.4, 5.8; RFC 6275 10.5). */
#include <errno.h>
#include <stdlib.h>

#include "exchange/ha_kit.h"

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

int
main(void)
{
	Suite *su = suite_create("discovery");
	TCase *tc = tcase_create("discovery");
	SRunner *sr;
	int failed;

#define T(name) tcase_add_test(tc, name)
	T(test_shared_prefix);
	T(test_own_prefix);
	tcase_add_loop_test(tc, test_many_addresses, 0, 2);
	T(test_ignored);
	T(test_off);
	T(test_flood);
	T(test_prefix_solicitation);
	tcase_add_loop_test(tc, test_malformed, 0, (int)ARRAY_LEN(bad));
#undef T
	tcase_set_timeout(tc, 60);
	suite_add_tcase(su, tc);
	sr = srunner_create(su);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

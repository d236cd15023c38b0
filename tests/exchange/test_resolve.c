/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel asks the proxy mobile agent where an address is (pma_resolve.c):
 * it is told of nodes that were heard lately; for all others the link is asked
 * in its place.
 */
#include "exchange/pma_kit.h"
#include "suite.h"

#define OWN1 "2001:db8:1:1::d1"		/* in HNP1 */
#define OWN2 "2001:db8:1:2::d2"		/* in HNP2 */
#define SHARED "2001:db8:1:5::/64"
#define A1 "2001:db8:1:5::a1"
#define A2 "2001:db8:1:5::a2"
#define LATELY_S 5

/* The kernel asks on that interface. Is it told that it is mn1's? */
static bool
told(struct t *t, uint32_t ifindex, const struct in6_addr *addr)
{
	struct role *r = sim_role(t->pma, "pma");
	struct mac mac;

	if (!r->ops->resolve(r, ifindex, addr, &mac))
		return false;
	ck_assert(mac_eq(&mac, &t->mn1->mac));
	return true;
}

/* ... and if not, has the link been asked, once? */
static bool
told_at(struct t *t, uint32_t ifindex, const char *text)
{
	struct in6_addr addr = sim_in6(text), group;
	uint64_t asked = stat_of(t, "neighbours-solicited");
	size_t n = sim_nds(t->s);
	const struct sim_if *i = sim_if(t->pma, ifindex);
	const struct sim_nd *nd;
	bool yes = told(t, ifindex, &addr);

	ck_assert_uint_eq(sim_nds(t->s), n + !yes);
	ck_assert_uint_eq(stat_of(t, "neighbours-solicited"), asked + !yes);
	if (yes)
		return true;
	nd = sim_nd(t->s, n);
	nd_solicited_node(&addr, &group);
	ck_assert(nd->good && nd->l2_multicast && nd->ifindex == ifindex);
	ck_assert_int_eq(nd->m.type, ND_NS);
	ck_assert(in6_eq(&nd->m.target, &addr));
	ck_assert(in6_eq(&nd->m.dst, &group));
	ck_assert(in6_eq(&nd->m.src, &i->lif.linklocal));
	ck_assert(nd->m.has_lladdr && mac_eq(&nd->m.lladdr, &i->lif.mac));
	return false;
}

static bool
told_of(struct t *t, const char *text)
{
	return told_at(t, 1, text);
}

/* A prefix of its own: everything in it is the node's, whatever the node has
 * done with it; and its link-local address. */
START_TEST(test_node_just_arrived)
{
	struct t t = setup();

	ck_assert(!told_of(&t, OWN1));
	attach(&t);
	t.mn1->mute = true;
	ck_assert(told_of(&t, OWN1));
	ck_assert(told_of(&t, "2001:db8:1:1:ffff::1"));
	ck_assert(told(&t, 1, &t.mn1->lla));
	ck_assert(!told_of(&t, OWN2));
	ck_assert(!told_of(&t, "fe80::dead"));
	ck_assert(!told_of(&t, "2001:db8:9::1"));
	sim_free(t.s);
}
END_TEST

/* The home agent has not answered yet: it is there all the same. */
START_TEST(test_node_not_registered)
{
	struct t t = setup();

	sim_mn_rs(t.mn1);
	ck_assert_ptr_nonnull(pbu(&t));
	ck_assert(told(&t, 1, &t.mn1->lla));
	sim_free(t.s);
}
END_TEST

/* Silence: senders shall learn when it is gone.  One word of it is enough. */
START_TEST(test_node_silent)
{
	struct t t = setup();

	attach(&t);
	sim_run_for(t.s, (LATELY_S - 1) * SEC);
	ck_assert(told_of(&t, OWN1));
	sim_run_for(t.s, 1 * SEC);
	ck_assert(!told_of(&t, OWN1));
	sim_mn_ns(t.mn1, OWN1, true);
	sim_run_for(t.s, 1 * MSEC);
	ck_assert(told_of(&t, OWN1));
	sim_free(t.s);
}
END_TEST

/* Something speaks against its being there. */
START_TEST(test_node_in_doubt)
{
	struct t t = setup();

	attach(&t);
	t.mn1->mute = true;
	sim_attach(t.pma, ATTACH_MAYBE_GONE, ATTACH_BY_NEIGHBOUR, 1, MAC1,
	    NULL);
	ck_assert(!told_of(&t, OWN1));
	sim_free(t.s);
}
END_TEST

/* Only a table has spoken of it. */
START_TEST(test_node_not_heard)
{
	struct t t = setup();

	t.mn1->mute = true;
	sim_attach(t.pma, ATTACH_UP, ATTACH_BY_NEIGHBOUR, 1, MAC1, NULL);
	ck_assert(known(&t, MN1));
	ck_assert(!told_of(&t, OWN1));
	sim_free(t.s);
}
END_TEST

/* It has left, and the home agent is being told; then it is back. */
START_TEST(test_node_left)
{
	struct t t = setup();

	attach(&t);
	sim_attach(t.pma, ATTACH_DOWN, ATTACH_BY_CARRIER, 1, MAC1, NULL);
	ck_assert(known(&t, MN1));
	ck_assert(!told_of(&t, OWN1));
	sim_mn_rs(t.mn1);
	sim_run_for(t.s, 1 * MSEC);
	ck_assert(told_of(&t, OWN1));
	sim_free(t.s);
}
END_TEST

/* Several links: a node is on one of them; others are none of ours. */
START_TEST(test_other_link)
{
	struct t t = setup_stopped();
	const struct in6_addr own = sim_in6(OWN1);
	size_t n;

	sim_pma_access(t.s, t.conf, "acc*", 0, NULL);
	start(&t);
	ck_assert(sim_add_if(t.pma, "acc1", false)->open);
	ck_assert(!sim_add_if(t.pma, "eth7", false)->open);
	attach(&t);
	ck_assert(told_at(&t, 1, OWN1));
	ck_assert(!told_at(&t, 2, OWN1));
	n = sim_nds(t.s);
	ck_assert(!told(&t, 3, &own));
	ck_assert_uint_eq(sim_nds(t.s), n);
	sim_free(t.s);
}
END_TEST

/* In a prefix that is shared the node has one address. */
START_TEST(test_shared_prefix)
{
	struct t t = setup_stopped();

	sim_profile_del(t.s, MN1);
	t.prof1 = sim_profile_shared(t.s, MN1, SHARED, A1, MAC1);
	start(&t);
	sim_mn_rs(t.mn1);
	admit(&t, 300);
	ck_assert(told_of(&t, A1));
	ck_assert(!told_of(&t, A2));
	sim_free(t.s);
}
END_TEST

/* Somebody tries all addresses: the kernel is left to itself for a while. */
START_TEST(test_too_many)
{
	struct t t = setup();
	struct in6_addr a = sim_in6(OWN2);
	const struct in6_addr own = sim_in6(OWN1);
	const uint32_t burst = 10000;

	attach(&t);
	for (uint32_t i = 0; i < burst; i++) {
		memcpy(&a.s6_addr[12], &i, sizeof(i));
		ck_assert(!told(&t, 1, &a));
	}
	ck_assert_uint_eq(stat_of(&t, "neighbours-solicited"), burst);
	ck_assert(!told(&t, 1, &own));
	ck_assert_uint_eq(stat_of(&t, "neighbours-solicited"), burst);
	ck_assert_uint_eq(stat_of(&t, "neighbours-limited"), 1);
	sim_run_for(t.s, 1 * MSEC);
	ck_assert(told(&t, 1, &own));
	sim_free(t.s);
}
END_TEST

/* Without an address of ours on the link there is no asking. */
START_TEST(test_no_address_of_ours)
{
	struct t t = setup();
	const struct in6_addr own = sim_in6(OWN1);

	sim_if(t.pma, 1)->lif.linklocal = sim_in6("::");
	sim_if_up(t.pma, 1, true);
	ck_assert(!told(&t, 1, &own));
	ck_assert_uint_eq(sim_nds(t.s), 0);
	ck_assert_uint_eq(stat_of(&t, "neighbours-solicited"), 0);
	sim_free(t.s);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("resolve");
	TCase *tc = tcase_create("resolve");

	tcase_add_test(tc, test_node_just_arrived);
	tcase_add_test(tc, test_node_not_registered);
	tcase_add_test(tc, test_node_silent);
	tcase_add_test(tc, test_node_in_doubt);
	tcase_add_test(tc, test_node_not_heard);
	tcase_add_test(tc, test_node_left);
	tcase_add_test(tc, test_other_link);
	tcase_add_test(tc, test_shared_prefix);
	tcase_add_test(tc, test_too_many);
	tcase_add_test(tc, test_no_address_of_ours);
	suite_add_tcase(s, tc);
	return suite_run(s);
}

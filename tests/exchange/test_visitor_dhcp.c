/* SPDX-License-Identifier: BSD-2-Clause */
/* Visitors that get their addresses by DHCP (D6.9-7), without a home agent. */
#include <errno.h>

#include "exchange/dhcp_kit.h"
#include "suite.h"

#define VISIT "2001:db8:f1::/64"
#define VISIT_LINK "2001:db8:f1::"
#define VA "2001:db8:f1::100"
#define VNET "198.18.1.0/24"
#define VGW "198.18.1.1"
#define VA4 "198.18.1.100"

/* mn1 is a visitor of a link with both families. */
static struct t
setup(void)
{
	struct t t = setup_stopped();
	struct pma_conf_visitor_link *l = sim_pma_visitor(t.s, t.conf, "acc0",
	    VISIT);

	l->addr_config = ADDRCONF_DHCP;
	l->subnet = sim_prefix(VNET);
	ck_assert_int_eq(in4_parse(VGW, &l->router), 0);
	t.prof1->pmip = false;
	sim_dhcpd_pool(t.d6, VISIT, VA, NULL);
	sim_dhcpd_pool(t.d4, VNET, VA4, VGW);
	sim_pma_dhcp6(t.s, t.conf, D6);
	sim_pma_dhcp4(t.s, t.conf, V1, D4);
	start(&t);
	attach(&t, t.mn1);
	ck_assert(shows(&t, MN1, "\"state\":\"visitor\""));
	return t;
}

static bool
never_registered(struct t *t)
{
	return sim_count_mh(t->s, MH_BU, P1, NULL) == 0;
}

/* D6.9-7, D6.9-5: DHCPv6: the relay names the visitor prefix. */
START_TEST(test_ip6)
{
	struct t t = setup();
	struct in6_addr a = get6(t.mn1);

	ck_assert(is6(&a, VA));
	ck_assert(t.mn1->ra.ra.managed);
	ck_assert(!t.mn1->ra.ra.pio[0].autonomous);
	ck_assert(shows(&t, MN1, "\"hoa\":\"" VA "\""));
	ck_assert(never_registered(&t));
	/* The prefix is hosted, a path of its own it needs not. */
	ck_assert(sim_kpath(t.pma, VISIT) != NULL);
	ck_assert_uint_eq(sim_kpaths(t.pma), 1);
	sim_free(t.s);
}
END_TEST

/* D6.9-7: DHCPv4: an address of the visitor subnet, natively routed; ARP for
 * its router is answered; the lease ends, the path with it. */
START_TEST(test_ip4)
{
	struct t t = setup();
	const struct sim_kpath *k;

	ck_assert(is4(get4(t.mn1), VA4));
	k = sim_kpath(t.pma, VA4 "/32");
	ck_assert_ptr_nonnull(k);
	ck_assert(in6_is_zero(&k->remote));		/* no tunnel */
	ck_assert(mac_eq(&k->mac, &t.mn1->mac));
	ck_assert_uint_gt(t.mn1->narp, 0);
	ck_assert(never_registered(&t));
	ck_assert_uint_eq(t.pma->kernel.ntunnels, 0);
	if (_i == 0)
		sim_run_for(t.s, 100000 * SEC);		/* nobody renews */
	else
		sim_attach(t.pma, ATTACH_DOWN, ATTACH_BY_FDB, 1, MAC1, NULL);
	sim_run_for(t.s, 10 * SEC);
	ck_assert_ptr_null(sim_kpath(t.pma, VA4 "/32"));
	ck_assert(never_registered(&t));
	sim_free(t.s);
}
END_TEST

/* D6.9-2, D6.9-3: it comes home: nothing of the place is left. */
START_TEST(test_comes_home)
{
	struct t t = setup();

	(void)get6(t.mn1);
	(void)get4(t.mn1);
	sim_profile_ip4(t.prof1, SUBNET1, GW1, NULL);
	t.prof1->pmip = true;
	sim_policy_changed(t.s);
	sim_run_for(t.s, 5 * SEC);
	ck_assert(shows(&t, MN1, "\"state\":\"active\""));
	ck_assert(sim_routed(t.pma, HNP1, HA));
	ck_assert_ptr_null(sim_kpath(t.pma, VA4 "/32"));
	ck_assert(!shows(&t, MN1, VA));
	ck_assert(is4(get4(t.mn1), V4A1));
	sim_run_for(t.s, SEC);
	ck_assert(sim_routed(t.ha, V4A1 "/32", P1));
	sim_free(t.s);
}
END_TEST

/* The kernel refuses its IPv4 path: IPv6 goes on, and nothing spins. */
START_TEST(test_kernel_refuses)
{
	struct t t = setup();
	uint64_t sets;

	t.pma->kernel.refuse_errno = -EOPNOTSUPP;
	if (_i == 0)
		t.pma->kernel.refuse_set = UINT32_MAX;
	else
		t.pma->kernel.refuse_call = UINT32_MAX;
	(void)get4(t.mn1);
	sets = t.pma->kernel.sets;
	sim_run_for(t.s, 10 * SEC);
	ck_assert_uint_le(t.pma->kernel.sets, sets + 1);
	ck_assert_ptr_null(sim_kpath(t.pma, VA4 "/32"));
	ck_assert(shows(&t, MN1, "\"state\":\"visitor\""));
	t.pma->kernel.refuse_set = t.pma->kernel.refuse_call = 0;
	ck_assert(sim_kpath(t.pma, VISIT) != NULL);
	sim_free(t.s);
}
END_TEST

int
main(void)
{
	Suite *su = suite_create("visitor_dhcp");
	TCase *tc = tcase_create("visitor_dhcp");

	tcase_add_test(tc, test_ip6);
	tcase_add_loop_test(tc, test_ip4, 0, 2);
	tcase_add_test(tc, test_comes_home);
	tcase_add_loop_test(tc, test_kernel_refuses, 0, 2);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(su, tc);
	return suite_run(su);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Visitors (draft 6.9): nodes without network-based mobility, next to those
 * that have it.
 */
#include <errno.h>
#include <stdio.h>

#include "exchange/pma_kit.h"
#include "suite.h"

#define VISIT "2001:db8:f1::/64"
#define VISIT2 "2001:db8:f2::/64"
#define MAC9 "02:00:00:00:09:09"
#define MN9 "mn9@example.com"

/* mn2 is not entitled, mn1 is. */
static struct t
setup_visitors(void)
{
	struct t t = setup_stopped();

	(void)sim_pma_visitor(t.s, t.conf, "acc0", VISIT);
	t.prof2->pmip = false;
	return t;
}

static struct t
setup_started(void)
{
	struct t t = setup_visitors();

	start(&t);
	return t;
}

static const char *
state_of(struct t *t, const char *nai)
{
	static char state[32];
	char req[128];
	const char *text, *at;

	snprintf(req, sizeof(req), "{\"v\":1,\"cmd\":\"show bindings\","
	    "\"args\":{\"nai\":\"%s\"}}", nai);
	text = sim_ctl(t->pma, req);
	at = strstr(text, "\"state\":\"");
	if (at == NULL)
		return "";
	snprintf(state, sizeof(state), "%.*s", (int)strcspn(at + 9, "\""),
	    at + 9);
	return state;
}

static void
is_visitor(struct t *t, const struct sim_mn *mn, const char *nai)
{
	const struct nd_ra *ra = &mn->ra.ra;

	ck_assert(sim_mn_has_prefix(mn, VISIT));
	ck_assert(mn->ra.good && !mn->ra.l2_multicast);		/* D6.9-8 */
	ck_assert(mac_eq(&mn->ra.l2_dst, &mn->mac));
	ck_assert(in6_eq(&ra->dst, &nd_all_nodes));
	ck_assert_uint_eq(ra->npio, 1);
	ck_assert(ra->pio[0].onlink);
	ck_assert_uint_gt(ra->router_lifetime_s, 0);
	ck_assert_uint_eq(ra->mtu, 1500);	/* no tunnel in the way */
	ck_assert_str_eq(state_of(t, nai), "visitor");
}

/* mn2 comes (again), and is one. */
static void
visit(struct t *t)
{
	sim_mn_rs(t->mn2);
	sim_run_for(t->s, SEC);
	is_visitor(t, t->mn2, MN2);
}

/* D6.9-2, D6.9-4 to -6, D6.9-8: a visitor prefix by RA, and no PBU. */
START_TEST(test_not_entitled)
{
	struct t t = setup_started();

	visit(&t);
	ck_assert(!t.mn2->ra.ra.managed);
	ck_assert(t.mn2->ra.ra.pio[0].autonomous);
	ck_assert_uint_eq(stat_of(&t, "visitors"), 1);
	ck_assert(sim_kpath(t.pma, VISIT) != NULL);
	/* RS after RS, and now and then by itself */
	sim_mn_rs(t.mn2);
	sim_run_for(t.s, 100 * SEC);
	ck_assert_uint_ge(t.mn2->nra, 4);
	is_visitor(&t, t.mn2, MN2);
	ck_assert_uint_eq(sim_count_mh(t.s, MH_BU, NULL, NULL), 0);
	ck_assert_uint_eq(t.pma->kernel.ntunnels, 0);
	sim_free(t.s);
}
END_TEST

/* D6.9-1, D6.3-6: both kinds on one link; neither sees the other's prefix. */
START_TEST(test_mixed_link)
{
	struct t t = setup_started();

	sim_mn_rs(t.mn2);
	attach(&t);
	sim_run_for(t.s, 100 * SEC);
	is_visitor(&t, t.mn2, MN2);
	ck_assert(!sim_mn_has_prefix(t.mn2, HNP1));
	ck_assert(!sim_mn_has_prefix(t.mn1, VISIT));
	ck_assert(sim_mn_has_prefix(t.mn1, HNP1));
	sim_free(t.s);
}
END_TEST

/* Without a visitor prefix, or with one of another link, it gets nothing. */
START_TEST(test_no_prefix_here)
{
	struct t t = setup_stopped();

	if (_i == 1)
		(void)sim_pma_visitor(t.s, t.conf, "acc1", VISIT);
	t.prof2->pmip = false;
	start(&t);
	sim_mn_rs(t.mn2);
	sim_run_for(t.s, 10 * SEC);
	ck_assert_uint_eq(t.mn2->nra, 0);
	ck_assert_str_eq(state_of(&t, MN2), "denied");
	ck_assert_uint_eq(sim_kpaths(t.pma), 0);
	sim_free(t.s);
}
END_TEST

/* A node that jumps from link to link is counted each time, and logged now and
 * then; 1: as a visitor. */
START_TEST(test_restless)
{
	struct t t = setup_stopped();
	const char *event = _i == 1 ? "visitor" : "denied";

	if (_i == 1) {
		(void)sim_pma_visitor(t.s, t.conf, "acc0", VISIT);
		(void)sim_pma_visitor(t.s, t.conf, "acc1", VISIT2);
	}
	t.prof2->pmip = false;
	start(&t);
	for (int i = 0; i < 1000; i++) {
		for (int link = 1; link <= 2; link++) {
			sim_attach(t.pma, ATTACH_UP, ATTACH_BY_CTL, link, MAC2,
			    MN2);
			sim_run_for(t.s, USEC_PER_MSEC);
		}
	}
	ck_assert_uint_ge(stat_of(&t, _i == 1 ? "visitors" : "denied"), 1000);
	ck_assert_uint_ge(sim_seen(t.pma, event), 100);
	ck_assert_uint_le(sim_seen(t.pma, event), 200);
	sim_free(t.s);
}
END_TEST

/* D6.9-2: who the policy does not know; 0 by default, 1 with the knob, by
 * name; 2, 3 the same of a stranger's MAC address. */
START_TEST(test_unknown)
{
	struct t t = setup_visitors();
	struct sim_mn *mn9 = sim_mn_new(t.s, MAC9);
	bool welcome = _i & 1;

	t.conf->visitor.unknown = welcome;
	start(&t);
	sim_mn_plug(mn9, t.pma, 1);
	if (_i < 2)
		sim_attach(t.pma, ATTACH_UP, ATTACH_BY_CTL, 1, MAC9, MN9);
	sim_mn_rs(mn9);
	sim_run_for(t.s, SEC);
	if (welcome)
		is_visitor(&t, mn9, _i < 2 ? MN9 : "visitor/" MAC9);
	else
		ck_assert_uint_eq(mn9->nra, 0);
	ck_assert_uint_eq(sim_count_mh(t.s, MH_BU, NULL, NULL), 0);
	/* The policy learns of it: it comes home, whoever it was until then. */
	(void)sim_profile(t.s, MN9, "2001:db8:1:9::/64", MAC9);
	sim_policy_changed(t.s);
	if (_i == 2)
		sim_mn_rs(mn9);
	admit(&t, 300);
	sim_run_for(t.s, SEC);
	ck_assert(sim_mn_has_prefix(mn9, "2001:db8:1:9::/64"));
	ck_assert_str_eq(state_of(&t, MN9), "active");
	ck_assert_str_eq(state_of(&t, "visitor/" MAC9), "");
	sim_free(t.s);
}
END_TEST

/* D6.10-18, PROTOCOL 5.1: refused by the home agent; 1: with the knob. */
START_TEST(test_denied)
{
	struct t t = setup_visitors();

	t.conf->visitor.denied = _i;
	start(&t);
	sim_mn_rs(t.mn1);
	ack(&t, pbu(&t), BA_PROHIBITED, 0);
	sim_run_for(t.s, SEC);
	if (_i == 1)
		is_visitor(&t, t.mn1, MN1);
	else
		ck_assert_uint_eq(t.mn1->nra, 0);
	ck_assert(!sim_mn_has_prefix(t.mn1, HNP1));
	/* An RS is no new attachment, and nothing is refreshed. */
	sim_mn_rs(t.mn1);
	sim_expect_silence(t.s, P1, NULL, 600 * SEC);
	/* The operator tries again, and it works. */
	sim_attach(t.pma, ATTACH_UP, ATTACH_BY_CTL, 1, MAC1, MN1);
	admit(&t, 300);
	ck_assert(sim_mn_has_prefix(t.mn1, HNP1));
	sim_free(t.s);
}
END_TEST

/* D6.9-2, D6.9-3: entitled from now on: the visitor prefix is taken back. */
START_TEST(test_becomes_entitled)
{
	struct t t = setup_started();
	unsigned before;

	visit(&t);
	before = t.mn2->nra;
	t.prof2->pmip = true;
	sim_policy_changed(t.s);
	sim_run_for(t.s, 10 * USEC_PER_MSEC);
	ck_assert_uint_eq(t.mn2->nra, before + 1);
	ck_assert(!sim_mn_has_prefix(t.mn2, VISIT));
	ck_assert_uint_eq(t.mn2->ra.ra.router_lifetime_s, 0);
	/* hosts heed only prefixes that they could have used (RFC 4862) */
	ck_assert(t.mn2->ra.ra.pio[0].autonomous);
	admit(&t, 300);
	sim_run_for(t.s, SEC);
	ck_assert(sim_mn_has_prefix(t.mn2, HNP2));
	ck_assert(sim_routed(t.pma, HNP2, HA));
	ck_assert_str_eq(state_of(&t, MN2), "active");
	sim_free(t.s);
}
END_TEST

/* D6.9-2, D6.9-4: no longer entitled: 0 the profile says so, 1 it has gone. */
START_TEST(test_loses_its_title)
{
	struct t t = setup_visitors();
	const struct sim_pkt *p;

	t.conf->visitor.unknown = 1;
	start(&t);
	attach(&t);
	if (_i == 0)
		t.prof1->pmip = false;
	else
		sim_profile_del(t.s, MN1);
	sim_policy_changed(t.s);
	p = pbu(&t);
	ck_assert_uint_eq(p->m.bu.lifetime_4s, 0);
	sim_run_for(t.s, SEC);
	is_visitor(&t, t.mn1, MN1);
	ck_assert(sim_routed(t.pma, HNP1, NULL));
	ck_assert_uint_eq(t.pma->kernel.ntunnels, 0);
	/* and back */
	if (_i == 0)
		t.prof1->pmip = true;
	else
		t.prof1 = sim_profile(t.s, MN1, HNP1, MAC1);
	sim_policy_changed(t.s);
	admit(&t, 300);
	sim_run_for(t.s, SEC);
	ck_assert(sim_mn_has_prefix(t.mn1, HNP1));
	sim_free(t.s);
}
END_TEST

/* The kernel keeps the tunnel's path for a while: it is that which goes when
 * the kernel thinks better of it, though the node is a visitor by then. */
START_TEST(test_removal_refused)
{
	struct t t = setup_started();

	attach(&t);
	t.pma->kernel.refuse_del = 2;
	t.pma->kernel.refuse_errno = -EBUSY;
	t.prof1->pmip = false;
	sim_policy_changed(t.s);
	sim_run_for(t.s, 500 * USEC_PER_MSEC);
	is_visitor(&t, t.mn1, MN1);
	ck_assert(sim_routed(t.pma, HNP1, HA));
	sim_run_for(t.s, 10 * SEC);
	is_visitor(&t, t.mn1, MN1);
	ck_assert(sim_routed(t.pma, HNP1, NULL));
	ck_assert_uint_eq(t.pma->kernel.ntunnels, 0);
	sim_free(t.s);
}
END_TEST

/* D6.9-4: the RA says what may be done to get an address. */
START_TEST(test_address_config)
{
	struct t t = setup_stopped();
	struct pma_conf_visitor_link *l = sim_pma_visitor(t.s, t.conf, "acc0",
	    VISIT);

	l->addr_config = _i;
	t.prof2->pmip = false;
	start(&t);
	visit(&t);
	ck_assert(t.mn2->ra.ra.managed == (_i != ADDRCONF_SLAAC));
	ck_assert(t.mn2->ra.ra.pio[0].autonomous == (_i != ADDRCONF_DHCP));
	sim_free(t.s);
}
END_TEST

/* It leaves: 0 the source says so, 1 nobody does and nobody answers. */
START_TEST(test_leaves)
{
	struct t t = setup_visitors();

	t.conf->presence_check_us = _i == 1 ? SEC : 0;
	start(&t);
	visit(&t);
	if (_i == 0)
		sim_attach(t.pma, ATTACH_DOWN, ATTACH_BY_FDB, 1, MAC2, NULL);
	sim_mn_unplug(t.mn2);
	sim_run_for(t.s, 400 * SEC);
	ck_assert_str_eq(state_of(&t, MN2), "");
	ck_assert_uint_eq(sim_count_mh(t.s, MH_BU, NULL, NULL), 0);
	/* The prefix is the link's and stays for the next one. */
	ck_assert(sim_kpath(t.pma, VISIT) != NULL);
	sim_mn_plug(t.mn2, t.pma, 1);
	visit(&t);
	sim_free(t.s);
}
END_TEST

/* One that stays and answers is kept. */
START_TEST(test_stays)
{
	struct t t = setup_visitors();

	t.conf->presence_check_us = SEC;
	start(&t);
	sim_mn_rs(t.mn2);
	sim_run_for(t.s, 2000 * SEC);
	is_visitor(&t, t.mn2, MN2);
	ck_assert_uint_gt(t.mn2->nns, 0);
	sim_free(t.s);
}
END_TEST

/* The kernel will not host the prefix: nobody is told that it works. */
START_TEST(test_kernel_refuses)
{
	struct t t = setup_visitors();
	struct role *r;
	struct link_if lif;

	start(&t);
	r = sim_role(t.pma, "pma");
	lif = sim_if(t.pma, 1)->lif;
	visit(&t);
	r->ops->link(r, LINK_GONE, &lif);
	sim_run_for(t.s, SEC);
	ck_assert(sim_kpath(t.pma, VISIT) == NULL);
	t.pma->kernel.refuse_errno = -EOPNOTSUPP;
	if (_i == 0)
		t.pma->kernel.refuse_set = 1;
	else
		t.pma->kernel.refuse_call = 1;
	r->ops->link(r, LINK_NEW, &lif);
	t.mn2->nra = 0;
	sim_mn_rs(t.mn2);
	sim_run_for(t.s, 10 * SEC);
	ck_assert_uint_eq(t.mn2->nra, 0);
	ck_assert_str_eq(state_of(&t, MN2), "denied");
	ck_assert_uint_eq(sim_seen(t.pma, "visitor-prefix-failed"), 1);
	sim_free(t.s);
}
END_TEST

/* Reload: another prefix, none, and back; D6.9-4. */
START_TEST(test_reload)
{
	struct t t = setup_started();
	struct pma_conf *other = sim_pma_conf(t.s, P1);
	struct pma_conf *none = sim_pma_conf(t.s, P1);
	struct pma_conf *same = sim_pma_conf(t.s, P1);
	unsigned before;

	sim_pma_access(t.s, same, "acc0", 0, NULL);
	(void)sim_pma_visitor(t.s, same, "acc0", VISIT);
	sim_pma_access(t.s, other, "acc0", 0, NULL);
	sim_pma_access(t.s, none, "acc0", 0, NULL);
	(void)sim_pma_visitor(t.s, other, "acc0", VISIT2);
	visit(&t);
	/* Nothing has changed: nobody is told a thing. */
	before = t.mn2->nra;
	ck_assert_int_eq(sim_reload(t.pma, "pma", same), 0);
	sim_run_for(t.s, SEC);
	ck_assert_uint_eq(t.mn2->nra, before);
	ck_assert_int_eq(sim_reload(t.pma, "pma", other), 0);
	sim_run_for(t.s, SEC);
	ck_assert(sim_mn_has_prefix(t.mn2, VISIT2));
	ck_assert(sim_kpath(t.pma, VISIT) == NULL);
	ck_assert_int_eq(sim_reload(t.pma, "pma", none), 0);
	sim_run_for(t.s, SEC);
	ck_assert(!sim_mn_has_prefix(t.mn2, VISIT2));
	ck_assert_str_eq(state_of(&t, MN2), "denied");
	ck_assert_uint_eq(sim_kpaths(t.pma), 0);
	ck_assert_int_eq(sim_reload(t.pma, "pma", t.conf), 0);
	sim_run_for(t.s, SEC);
	is_visitor(&t, t.mn2, MN2);
	sim_free(t.s);
}
END_TEST

/* Stop: 0 all is taken back, 1 all is left. */
START_TEST(test_stop)
{
	struct t t = setup_started();

	sim_mn_rs(t.mn2);
	sim_run_for(t.s, SEC);
	sim_node_stop(t.pma, _i == 1);
	ck_assert(sim_mn_has_prefix(t.mn2, VISIT) == (_i == 1));
	ck_assert((sim_kpath(t.pma, VISIT) != NULL) == (_i == 1));
	ck_assert_int_eq(sim_node_start(t.pma), 0);
	visit(&t);
	sim_free(t.s);
}
END_TEST

/* PROTOCOL 10.3: strangers are bounded, also when they come and go; those that
 * are known are not crowded out. */
START_TEST(test_many_strangers)
{
	struct t t = setup_visitors();
	struct sim_mn *mn[6];
	char mac[32];
	unsigned served = 0;

	t.conf->visitor.unknown = 1;
	start(&t);
	for (unsigned i = 0; i < 6; i++) {
		snprintf(mac, sizeof(mac), "02:00:00:00:08:0%u", i);
		mn[i] = sim_mn_new(t.s, mac);
		sim_mn_plug(mn[i], t.pma, 1);
		sim_mn_rs(mn[i]);
	}
	sim_mn_rs(t.mn2);
	sim_run_for(t.s, SEC);
	for (unsigned i = 0; i < 6; i++)
		served += sim_mn_has_prefix(mn[i], VISIT);
	ck_assert_uint_eq(served, 3);
	is_visitor(&t, t.mn2, MN2);
	ck_assert_uint_ge(stat_of(&t, "unknown-mac"), 3);
	/* One leaves, and there is room for another. */
	for (unsigned i = 0; i < 6; i++) {
		if (sim_mn_has_prefix(mn[i], VISIT)) {
			snprintf(mac, sizeof(mac), "02:00:00:00:08:0%u", i);
			break;
		}
	}
	sim_attach(t.pma, ATTACH_DOWN, ATTACH_BY_FDB, 1, mac, NULL);
	for (unsigned i = 0; i < 6; i++) {
		if (mn[i]->nra == 0)
			sim_mn_rs(mn[i]);
	}
	sim_run_for(t.s, SEC);
	served = 0;
	for (unsigned i = 0; i < 6; i++)
		served += sim_mn_has_prefix(mn[i], VISIT);
	ck_assert_uint_eq(served, 3);
	sim_free(t.s);
}
END_TEST

/* PROTOCOL 10.3: those of which only the neighbour table has spoken count too,
 * while they are asked. */
START_TEST(test_many_asked)
{
	struct t t = setup_visitors();
	char name[48];
	unsigned known = 0;

	t.conf->visitor.unknown = 1;
	start(&t);
	for (unsigned i = 0; i < 9; i++) {
		snprintf(name, sizeof(name), "visitor/02:00:00:00:08:0%u", i);
		sim_attach(t.pma, ATTACH_UP, ATTACH_BY_NEIGHBOUR, 1,
		    name + strlen("visitor/"), NULL);
		known += state_of(&t, name)[0] != '\0';
	}
	ck_assert_uint_eq(known, t.conf->visitor.max_strangers);
	/* Nobody answers: there is room again. */
	sim_run_for(t.s, 30 * SEC);
	sim_attach(t.pma, ATTACH_UP, ATTACH_BY_NEIGHBOUR, 1,
	    "02:00:00:00:08:09", NULL);
	ck_assert_str_ne(state_of(&t, "visitor/02:00:00:00:08:09"), "");
	sim_free(t.s);
}
END_TEST

/* The policy knows it now, and the table is full: it is looked after on. */
START_TEST(test_recognised_when_full)
{
	struct t t = setup_visitors();
	struct sim_mn *mn9 = sim_mn_new(t.s, MAC9);

	t.conf->visitor.unknown = 1;
	t.conf->presence_check_us = SEC;
	t.conf->max_nodes = 1;
	start(&t);
	sim_mn_plug(mn9, t.pma, 1);
	sim_mn_rs(mn9);
	sim_run_for(t.s, SEC);
	is_visitor(&t, mn9, "visitor/" MAC9);
	(void)sim_profile(t.s, MN9, "2001:db8:1:9::/64", MAC9);
	sim_policy_changed(t.s);
	sim_run_for(t.s, SEC);
	ck_assert_uint_eq(stat_of(&t, "table-full"), 1);
	is_visitor(&t, mn9, "visitor/" MAC9);
	sim_mn_unplug(mn9);
	sim_profile_del(t.s, MN9);
	sim_run_for(t.s, 1000 * SEC);
	ck_assert_str_eq(state_of(&t, "visitor/" MAC9), "");
	sim_free(t.s);
}
END_TEST

int
main(void)
{
	Suite *su = suite_create("visitor");
	TCase *tc = tcase_create("visitor");

#define T(name) tcase_add_test(tc, name)
#define L(name, n) tcase_add_loop_test(tc, name, 0, n)
	T(test_not_entitled);
	T(test_mixed_link);
	L(test_no_prefix_here, 2);
	L(test_unknown, 4);
	L(test_denied, 2);
	L(test_restless, 2);
	T(test_becomes_entitled);
	L(test_loses_its_title, 2);
	L(test_address_config, 3);
	L(test_leaves, 2);
	T(test_stays);
	L(test_kernel_refuses, 2);
	T(test_reload);
	L(test_stop, 2);
	T(test_many_strangers);
	T(test_many_asked);
	T(test_recognised_when_full);
	T(test_removal_refused);
#undef T
#undef L
	tcase_set_timeout(tc, 60);
	suite_add_tcase(su, tc);
	return suite_run(su);
}

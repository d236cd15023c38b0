/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A shared prefix on a real link of the home agent (D5.1-4, A38, RFC 6275
 * 10.4.1): nobody there may have the address, and everybody finds the node
 * behind us while it is bound.
 */
#include <errno.h>

#include "exchange/ha_kit.h"
#include "suite.h"

#define SHARED "2001:db8:1:5::/64"
#define A1 "2001:db8:1:5::a1/128"
#define A1_ADDR "2001:db8:1:5::a1"
#define A2 "2001:db8:1:5::a2/128"
#define A2_ADDR "2001:db8:1:5::a2"
#define HOST_MAC "02:00:00:00:05:05"

/* mn1 and mn2 share a prefix that is on h0, where a host is, too. */
struct home {
	struct t t;
	struct sim_mn *host;
	struct sim_if *h0;
};

static struct home
setup_home(void)
{
	struct home h = { .t = setup_conf(false) };

	sim_ha_home_link(h.t.s, h.t.conf, SHARED, "h0");
	h.t.mn1->home_prefix = h.t.mn2->home_prefix = sim_prefix(SHARED);
	h.t.mn1->model = h.t.mn2->model = MODEL_SHARED_PREFIX;
	h.t.ha = sim_add_ha(h.t.s, HA, h.t.conf);
	h.host = sim_mn_new(h.t.s, HOST_MAC);
	sim_mn_plug(h.host, h.t.ha, 1);
	h.h0 = sim_if(h.t.ha, 1);
	return h;
}

static uint64_t
stat(struct home *h, const char *name)
{
	return sim_stat(h->t.ha, "ha", name);
}

/* How many NS (NA) for an address left since the n-th message. */
static unsigned
sent(struct home *h, size_t from, uint8_t type, const char *target)
{
	struct in6_addr a = sim_in6(target);
	unsigned n = 0;

	for (size_t i = from; i < sim_nds(h->t.s); i++) {
		const struct sim_nd *d = sim_nd(h->t.s, i);

		ck_assert(d->good);
		n += d->m.type == type && in6_eq(&d->m.target, &a);
	}
	return n;
}

static bool
in_group(const struct home *h, const char *group)
{
	struct in6_addr g = sim_in6(group);

	for (size_t i = 0; i < h->h0->ngroups; i++) {
		if (in6_eq(&h->h0->groups[i], &g))
			return true;
	}
	return false;
}

/* Does the host on the link get an answer for that address, and from us? */
static bool
answered(struct home *h, const char *target)
{
	struct in6_addr a = sim_in6(target);
	unsigned before = h->host->nna;

	sim_mn_ns(h->host, target, false);
	sim_run_for(h->t.s, 10 * USEC_PER_MSEC);
	if (h->host->nna == before)
		return false;
	ck_assert(in6_eq(&h->host->na.m.target, &a));
	ck_assert(h->host->na.m.solicited);
	ck_assert(!h->host->na.m.router);		/* RFC 6275 10.4.1 */
	ck_assert(!h->host->na.m.override);		/* RFC 4861 7.2.8 */
	ck_assert(!h->host->na.l2_multicast);
	ck_assert(mac_eq(&h->host->na.m.lladdr, &h->h0->lif.mac));
	ck_assert(in6_eq(&h->host->na.m.dst, &h->host->lla));
	return true;
}

/* --- registration -------------------------------------------------------- */

/* D5.1-4: asked once, from ::, before the answer; then advertised. */
START_TEST(test_check_and_announce)
{
	struct home h = setup_home();
	const struct sim_nd *d;
	usec_t start = sim_now(h.t.s);

	put(&h.t, (struct q){ .hnp = A1 });
	sim_run_for(h.t.s, 10 * USEC_PER_MSEC);
	ck_assert_uint_eq(sim_nds(h.t.s), 1);
	d = sim_nd(h.t.s, 0);
	ck_assert(d->good && d->m.type == ND_NS && d->l2_multicast);
	ck_assert(in6_is_zero(&d->m.src));
	ck_assert(!d->m.has_lladdr);
	ck_assert(in_group(&h, "ff02::1:ff00:a1"));
	/* Nothing is created before the link has spoken. */
	ck_assert_uint_eq(sim_kpaths(h.t.ha), 0);
	ck_assert(!sim_ktunnel(h.t.ha, HA, P1));
	ck_assert(!answered(&h, A1_ADDR));

	(void)sim_expect_pba(h.t.s, HA, P1, BA_ACCEPTED);
	ck_assert_int_ge(sim_now(h.t.s) - start, USEC_PER_SEC);
	ck_assert(sim_routed(h.t.ha, A1, P1));
	ck_assert(sim_kpath(h.t.ha, A1)->on_link);
	sim_run_for(h.t.s, 10 * USEC_PER_SEC);
	ck_assert_uint_eq(sent(&h, 0, ND_NA, A1_ADDR), 3);
	d = sim_nd(h.t.s, 1);
	ck_assert(d->m.override && !d->m.solicited && !d->m.router);
	ck_assert(d->l2_multicast && mac_eq(&d->m.lladdr, &h.h0->lif.mac));
	ck_assert(in6_eq(&d->m.dst, &nd_all_nodes));
	ck_assert(in6_eq(&d->m.src, &h.h0->lif.linklocal));
	ck_assert_ptr_nonnull(strstr(sim_ctl(h.t.ha,
	    "{\"v\":1,\"cmd\":\"show bindings\"}"), "\"virtual\":false"));
	sim_free(h.t.s);
}
END_TEST

/* A38, D6.4-3: somebody on the link has it: 134, and no trace. */
START_TEST(test_address_is_taken)
{
	struct home h = setup_home();

	sim_mn_addr(h.host, A1_ADDR);
	refused(&h.t, (struct q){ .hnp = A1 }, BA_DAD_FAILED,
	    "refused-prefix-taken");
	ck_assert_uint_eq(stat(&h, "home-taken"), 1);
	ck_assert_uint_eq(sim_seen(h.t.ha, "home-address-taken"), 1);
	ck_assert_uint_eq(h.h0->ngroups, 1);
	ck_assert_uint_eq(sent(&h, 0, ND_NA, A1_ADDR), 0);
	ck_assert(!answered(&h, A1_ADDR));
	/* When the host has gone, the node gets it. */
	sim_mn_addr_del(h.host, A1_ADDR);
	(void)ask(&h.t, (struct q){ .hnp = A1 }, BA_ACCEPTED);
	sim_free(h.t.s);
}
END_TEST

/* A38: a host that tests the same address at the same time (RFC 4862 5.4.3);
 * an address of our own, which no packet would tell us of. */
START_TEST(test_address_is_wanted_by_others)
{
	struct home h = setup_home();

	put(&h.t, (struct q){ .hnp = A1 });
	sim_run_for(h.t.s, 100 * USEC_PER_MSEC);
	sim_mn_ns(h.host, A1_ADDR, true);
	(void)sim_expect_pba(h.t.s, HA, P1, BA_DAD_FAILED);
	ck_assert_uint_eq(sim_kpaths(h.t.ha), 0);

	sim_node_addr(h.t.ha, A2_ADDR);
	refused(&h.t, (struct q){ .nai = MN2, .hnp = A2 }, BA_DAD_FAILED,
	    "refused-prefix-taken");
	ck_assert_uint_eq(sent(&h, 0, ND_NS, A2_ADDR), 0);
	/* What others ask about it while we listen is no objection. */
	put(&h.t, (struct q){ .hnp = A1 });
	sim_run_for(h.t.s, 100 * USEC_PER_MSEC);
	sim_mn_ns(h.host, A1_ADDR, false);
	(void)sim_expect_pba(h.t.s, HA, P1, BA_ACCEPTED);
	sim_free(h.t.s);
}
END_TEST

/* D5.1-4, A38: our own words, should the link return them, say nothing. */
START_TEST(test_own_echo)
{
	struct home h = setup_home();
	struct sim_mn *mirror = sim_mn_new(h.t.s, "02:00:00:00:00:01");

	mirror->mac = h.h0->lif.mac;
	sim_mn_plug(mirror, h.t.ha, 1);
	put(&h.t, (struct q){ .hnp = A1 });
	sim_run_for(h.t.s, 100 * USEC_PER_MSEC);
	sim_mn_ns(mirror, A1_ADDR, true);
	(void)sim_expect_pba(h.t.s, HA, P1, BA_ACCEPTED);
	sim_free(h.t.s);
}
END_TEST

/* A link that is down cannot be asked: 130, later it works. */
START_TEST(test_link_is_down)
{
	struct home h = setup_home();

	sim_if_up(h.t.ha, 1, false);
	refused(&h.t, (struct q){ .hnp = A1 }, BA_NO_RESOURCES,
	    "home-link-down");
	/* It goes down while we listen: nobody was heard, for sure. */
	sim_if_up(h.t.ha, 1, true);
	put(&h.t, (struct q){ .hnp = A1 });
	sim_run_for(h.t.s, 100 * USEC_PER_MSEC);
	sim_if_up(h.t.ha, 1, false);
	(void)sim_expect_pba(h.t.s, HA, P1, BA_NO_RESOURCES);
	sim_if_up(h.t.ha, 1, true);
	/* Nor was, for a while, when it is back in time. */
	put(&h.t, (struct q){ .hnp = A1 });
	sim_run_for(h.t.s, 100 * USEC_PER_MSEC);
	sim_if_up(h.t.ha, 1, false);
	sim_if_up(h.t.ha, 1, true);
	(void)sim_expect_pba(h.t.s, HA, P1, BA_NO_RESOURCES);
	(void)ask(&h.t, (struct q){ .hnp = A1 }, BA_ACCEPTED);
	sim_free(h.t.s);
}
END_TEST

/* A38: a PMA that repeats itself meanwhile is answered once all is known. */
START_TEST(test_retransmission_while_checking)
{
	struct home h = setup_home();
	uint16_t seq;

	put(&h.t, (struct q){ .hnp = A1 });
	sim_run_for(h.t.s, 500 * USEC_PER_MSEC);
	seq = put(&h.t, (struct q){ .hnp = A1 });
	(void)sim_expect_pba(h.t.s, HA, P1, BA_ACCEPTED);
	ck_assert_uint_eq(sim_expect_pba(h.t.s, HA, P1, BA_ACCEPTED)->m.ba.seq,
	    seq);
	ck_assert_uint_eq(sent(&h, 0, ND_NS, A1_ADDR), 1);
	ck_assert_uint_eq(stat(&h, "home-checked"), 1);
	sim_free(h.t.s);
}
END_TEST

/* --- while it is bound ---------------------------------------------------- */

/* D5.1-4: hosts find the node behind us, and cannot take its address. */
START_TEST(test_answers_and_defence)
{
	struct home h = setup_home();
	unsigned na;

	(void)ask(&h.t, (struct q){ .hnp = A1 }, BA_ACCEPTED);
	sim_run_for(h.t.s, 5 * USEC_PER_SEC);
	ck_assert(answered(&h, A1_ADDR));
	ck_assert_uint_eq(stat(&h, "home-solicitations"), 1);
	ck_assert(!answered(&h, A2_ADDR));
	ck_assert(!answered(&h, "2001:db8:1:5::1"));
	/* RFC 4861 7.2.4: to everybody, not solicited. */
	na = h.host->nna;
	sim_mn_ns(h.host, A1_ADDR, true);
	sim_run_for(h.t.s, 10 * USEC_PER_MSEC);
	ck_assert_uint_eq(h.host->nna, na + 1);
	ck_assert(h.host->na.l2_multicast && !h.host->na.m.solicited);
	ck_assert(in6_eq(&h.host->na.m.dst, &nd_all_nodes));
	ck_assert_uint_eq(stat(&h, "home-defended"), 1);
	sim_free(h.t.s);
}
END_TEST

/* D5.1-4: who uses it all the same is contradicted, but not forever. */
START_TEST(test_conflict)
{
	struct home h = setup_home();
	struct nd_msg m = { .type = ND_NA, .target = sim_in6(A1_ADDR),
		.dst = nd_all_nodes, .override = true, .has_lladdr = true };
	size_t before;

	m.src = h.host->lla;
	m.lladdr = h.host->mac;
	(void)ask(&h.t, (struct q){ .hnp = A1 }, BA_ACCEPTED);
	sim_run_for(h.t.s, 5 * USEC_PER_SEC);
	before = sim_nds(h.t.s);
	for (unsigned i = 0; i < 100; i++)
		sim_mn_nd(h.host, &m);
	sim_run_for(h.t.s, 10 * USEC_PER_MSEC);
	ck_assert_uint_eq(stat(&h, "home-conflicts"), 100);
	ck_assert_uint_eq(sent(&h, before, ND_NA, A1_ADDR), 10);
	ck_assert(h.host->na.m.override);
	ck_assert(sim_routed(h.t.ha, A1, P1));
	sim_free(h.t.s);
}
END_TEST

/* D5.1-4, A40: refresh and handover say and ask nothing. */
START_TEST(test_handover_is_silent)
{
	struct home h = setup_home();
	size_t before;

	(void)ask(&h.t, (struct q){ .hnp = A1 }, BA_ACCEPTED);
	sim_run_for(h.t.s, 5 * USEC_PER_SEC);
	before = sim_nds(h.t.s);
	(void)ask(&h.t, (struct q){ .hnp = A1 }, BA_ACCEPTED);
	(void)ask(&h.t, (struct q){ .hnp = A1, .src = P2 }, BA_ACCEPTED);
	sim_run_for(h.t.s, 5 * USEC_PER_SEC);
	ck_assert_uint_eq(sim_nds(h.t.s), before);
	ck_assert(answered(&h, A1_ADDR));
	ck_assert(sim_routed(h.t.ha, A1, P2));
	ck_assert(sim_kpath(h.t.ha, A1)->on_link);
	ck_assert_uint_eq(h.h0->ngroups, 2);
	sim_free(h.t.s);
}
END_TEST

/* D6.10-13: another address: the new one is checked, the old one let go. */
START_TEST(test_other_address)
{
	struct home h = setup_home();

	(void)ask(&h.t, (struct q){ .hnp = A1 }, BA_ACCEPTED);
	sim_mn_addr(h.host, A2_ADDR);
	(void)ask(&h.t, (struct q){ .hnp = A2 }, BA_DAD_FAILED);
	ck_assert(answered(&h, A1_ADDR));
	ck_assert(sim_routed(h.t.ha, A1, P1));
	sim_mn_addr_del(h.host, A2_ADDR);
	(void)ask(&h.t, (struct q){ .hnp = A2 }, BA_ACCEPTED);
	sim_run_for(h.t.s, USEC_PER_SEC);
	ck_assert(!answered(&h, A1_ADDR));
	ck_assert(answered(&h, A2_ADDR));
	ck_assert_uint_eq(h.h0->ngroups, 2);
	ck_assert(in_group(&h, "ff02::1:ff00:a2"));
	sim_free(h.t.s);
}
END_TEST

/* --- the end -------------------------------------------------------------- */

/* D5.1-4: 0 de-registered, 1 expired, 2 policy, 3 with a delete delay. */
START_TEST(test_withdrawal)
{
	struct home h = setup_home();
	size_t before;

	if (_i == 3)
		h.t.conf->min_delete_delay_us = 10 * USEC_PER_SEC;
	(void)ask(&h.t, (struct q){ .hnp = A1, .life_s = 60 }, BA_ACCEPTED);
	sim_run_for(h.t.s, 5 * USEC_PER_SEC);
	ck_assert(answered(&h, A1_ADDR));
	if (_i == 1) {
		sim_run_for(h.t.s, 61 * USEC_PER_SEC);
	} else if (_i == 2) {
		h.t.mn1->pmip = false;
		sim_policy_changed(h.t.s);
	} else {
		(void)ask(&h.t, (struct q){ .hnp = A1, .dereg = true },
		    BA_ACCEPTED);
	}
	sim_run_for(h.t.s, USEC_PER_SEC);
	before = sim_nds(h.t.s);
	ck_assert(!answered(&h, A1_ADDR));
	sim_mn_ns(h.host, A1_ADDR, true);
	sim_run_for(h.t.s, 5 * USEC_PER_SEC);
	ck_assert_uint_eq(sim_nds(h.t.s), before);
	ck_assert_uint_eq(h.h0->ngroups, 1);
	if (_i == 2)
		h.t.mn1->pmip = true;
	sim_policy_changed(h.t.s);
	/* A host may have taken it: asked again. */
	(void)ask(&h.t, (struct q){ .hnp = A1 }, BA_ACCEPTED);
	ck_assert_uint_eq(sent(&h, before, ND_NS, A1_ADDR), 1);
	sim_free(h.t.s);
}
END_TEST

/* The kernel refuses what the link permitted: no trace on the link. */
START_TEST(test_kernel_refuses)
{
	struct home h = setup_home();

	h.t.ha->kernel.refuse_set = 1;
	h.t.ha->kernel.refuse_errno = -ENOBUFS;
	(void)ask(&h.t, (struct q){ .hnp = A1 }, BA_NO_RESOURCES);
	ck_assert(!answered(&h, A1_ADDR));
	ck_assert_uint_eq(h.h0->ngroups, 1);
	(void)ask(&h.t, (struct q){ .hnp = A1 }, BA_ACCEPTED);
	/* A handover that fails leaves the address defended. */
	h.t.ha->kernel.refuse_set = 1;
	(void)ask(&h.t, (struct q){ .hnp = A1, .src = P2 }, BA_NO_RESOURCES);
	ck_assert(answered(&h, A1_ADDR));
	sim_free(h.t.s);
}
END_TEST

/* The role stops: 0 while it listens, 1 while it defends; 2 a crash; then the
 * PMA registers again and all is as before (D5.1-4). */
START_TEST(test_stop_and_restart)
{
	struct home h = setup_home();

	put(&h.t, (struct q){ .hnp = A1 });
	sim_run_for(h.t.s, (_i == 0 ? 100 : 2000) * USEC_PER_MSEC);
	if (_i == 2) {
		sim_node_restart(h.t.ha, false);
	} else {
		sim_node_stop(h.t.ha, _i == 1);
		sim_run_for(h.t.s, USEC_PER_SEC);
		h.t.ha->adopt = _i == 1;
		ck_assert_int_eq(sim_node_start(h.t.ha), 0);
	}
	ck_assert(!answered(&h, A1_ADDR));
	(void)ask(&h.t, (struct q){ .hnp = A1 }, BA_ACCEPTED);
	ck_assert(answered(&h, A1_ADDR));
	sim_free(h.t.s);
}
END_TEST

/* The link goes and comes: groups and neighbours are told again. */
START_TEST(test_link_comes_back)
{
	struct home h = setup_home();
	size_t before;

	(void)ask(&h.t, (struct q){ .hnp = A1 }, BA_ACCEPTED);
	(void)ask(&h.t, (struct q){ .nai = MN2, .hnp = A2 }, BA_ACCEPTED);
	sim_run_for(h.t.s, 5 * USEC_PER_SEC);
	sim_if_up(h.t.ha, 1, false);
	sim_run_for(h.t.s, USEC_PER_SEC);
	before = sim_nds(h.t.s);
	sim_if_up(h.t.ha, 1, true);
	sim_run_for(h.t.s, USEC_PER_SEC);
	ck_assert_uint_eq(sent(&h, before, ND_NA, A1_ADDR), 1);
	ck_assert_uint_eq(sent(&h, before, ND_NA, A2_ADDR), 1);
	ck_assert_uint_eq(h.h0->ngroups, 3);
	/* Another MAC address. */
	h.h0->lif.mac.b[5] ^= 1;
	sim_if_up(h.t.ha, 1, true);
	sim_run_for(h.t.s, USEC_PER_SEC);
	ck_assert_uint_eq(sent(&h, before, ND_NA, A1_ADDR), 2);
	ck_assert(answered(&h, A1_ADDR));
	/* It vanishes, and appears as a new interface. */
	sim_role(h.t.ha, "ha")->ops->link(sim_role(h.t.ha, "ha"), LINK_GONE,
	    &h.h0->lif);
	ck_assert(!h.h0->open);
	ck_assert_uint_eq(h.h0->ngroups, 0);
	sim_mn_plug(h.host, h.t.ha,
	    sim_add_if(h.t.ha, "h0", false)->lif.ifindex);
	h.h0 = sim_if(h.t.ha, h.host->ifindex);
	sim_run_for(h.t.s, USEC_PER_SEC);
	ck_assert_uint_eq(h.h0->ngroups, 3);
	ck_assert(answered(&h, A1_ADDR));
	sim_free(h.t.s);
}
END_TEST

/* D5.4-3: routers on the link find us behind the anycast address. */
START_TEST(test_anycast)
{
	struct home h = setup_home();

	ck_assert(in_group(&h, "ff02::1:ffff:fffe"));
	ck_assert(answered(&h, "2001:db8:1:5:fdff:ffff:ffff:fffe"));
	ck_assert(!answered(&h, "2001:db8:1:6:fdff:ffff:ffff:fffe"));
	/* Nobody can have it for itself. */
	refused(&h.t, (struct q){ .hnp =
	    "2001:db8:1:5:fdff:ffff:ffff:fffe/128" }, BA_PROHIBITED,
	    "refused-not-mns-prefix");
	/* Requests are routed to the link: the data plane would not see them. */
	h.t.ha->kernel.can_divert = true;
	ck_assert_int_eq(sim_reload(h.t.ha, "ha", h.t.conf), 0);
	ck_assert(h.t.ha->icmp_anycast && !h.t.ha->kernel.diverts);
	h.t.conf->discovery = false;
	ck_assert(!answered(&h, "2001:db8:1:5:fdff:ffff:ffff:fffe"));
	sim_free(h.t.s);
}
END_TEST

/* --- where there is no home link ------------------------------------------ */

/* D5-8, D5.1-4, D5.9-10: virtual prefixes are on no link. */
START_TEST(test_virtual_prefix)
{
	struct t t = setup_conf(false);
	struct home h = { .t = t };

	sim_ha_home_link(t.s, t.conf, "2001:db8:1:6::/64", "h0");
	t.mn2->home_prefix = sim_prefix(SHARED);
	t.mn2->model = MODEL_SHARED_PREFIX;
	h.t.ha = sim_add_ha(t.s, HA, t.conf);
	h.host = sim_mn_new(t.s, HOST_MAC);
	sim_mn_plug(h.host, h.t.ha, 1);
	h.h0 = sim_if(h.t.ha, 1);
	(void)ask(&h.t, (struct q){ .nai = MN1 }, BA_ACCEPTED);
	(void)ask(&h.t, (struct q){ .nai = MN2, .hnp = A2 }, BA_ACCEPTED);
	sim_run_for(t.s, 5 * USEC_PER_SEC);
	ck_assert_uint_eq(sim_nds(t.s), 0);
	ck_assert(!answered(&h, A2_ADDR));
	ck_assert(!answered(&h, "2001:db8:1:1::1"));
	ck_assert(!sim_kpath(h.t.ha, HNP1)->on_link);
	ck_assert(!sim_kpath(h.t.ha, A2)->on_link);
	ck_assert_uint_eq(h.h0->ngroups, 1);
	ck_assert_ptr_null(strstr(sim_ctl(h.t.ha,
	    "{\"v\":1,\"cmd\":\"show bindings\"}"), "\"virtual\":false"));
	sim_free(t.s);
}
END_TEST

/* D5-7, D5.9-10: a prefix of a node's own cannot be on a link. */
START_TEST(test_own_prefix_on_a_link)
{
	struct home h = setup_home();

	h.t.mn1->model = MODEL_PER_MN_PREFIX;
	refused(&h.t, (struct q){ .hnp = SHARED }, BA_PROHIBITED,
	    "refused-not-mns-prefix");
	ck_assert_uint_eq(sim_nds(h.t.s), 0);
	sim_free(h.t.s);
}
END_TEST

int
main(void)
{
	Suite *su = suite_create("homelink");
	TCase *tc = tcase_create("homelink");

#define T(name) tcase_add_test(tc, name)
	T(test_check_and_announce);
	T(test_address_is_taken);
	T(test_address_is_wanted_by_others);
	T(test_own_echo);
	T(test_link_is_down);
	T(test_retransmission_while_checking);
	T(test_answers_and_defence);
	T(test_conflict);
	T(test_handover_is_silent);
	T(test_other_address);
	tcase_add_loop_test(tc, test_withdrawal, 0, 4);
	T(test_kernel_refuses);
	tcase_add_loop_test(tc, test_stop_and_restart, 0, 3);
	T(test_link_comes_back);
	T(test_anycast);
	T(test_virtual_prefix);
	T(test_own_prefix_on_a_link);
#undef T
	tcase_set_timeout(tc, 60);
	suite_add_tcase(su, tc);
	return suite_run(su);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A whole domain in one process: a home agent, two access routers, a mobile
 * node; messages lost, doubled and out of order; either side restarting or
 * refused by its kernel; clocks that differ; both routers claiming the node.
 */
#include <check.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"
#include "exchange/names.h"
#include "exchange/sim.h"
#include "suite.h"

#define SETTLE (400 * USEC_PER_SEC)

struct world {
	struct sim *s;
	struct sim_node *ha, *pma[2];
	struct sim_mn *mn;
	struct profile *prof;
};

static const char *const coa[2] = { P1, P2 };

static struct world
world_new(uint64_t seed)
{
	struct world w = { .s = sim_new(seed) };

	w.ha = sim_add_ha(w.s, HA, NULL);
	for (unsigned i = 0; i < 2; i++) {
		struct pma_conf *c = sim_pma_conf(w.s, coa[i]);

		sim_pma_access(w.s, c, "acc0", 0, NULL);
		c->presence_check_us = USEC_PER_SEC;
		w.pma[i] = sim_add_pma(w.s, coa[i], c);
	}
	w.prof = sim_profile(w.s, MN1, HNP1, MAC1);
	w.mn = sim_mn_new(w.s, MAC1);
	return w;
}

/* The node turns up at a router and solicits. */
static void
go(struct world *w, unsigned at)
{
	sim_mn_plug(w->mn, w->pma[at], 1);
	sim_mn_rs(w->mn);
}

static bool
served_at(const struct world *w, unsigned at)
{
	return sim_routed(w->ha, HNP1, coa[at]) &&
	    sim_routed(w->pma[at], HNP1, HA);
}

static bool
served_at_0(void *ctx)
{
	return served_at(ctx, 0) && sim_mn_has_prefix(((struct world *)ctx)->mn,
	    HNP1);
}

static bool
served_at_1(void *ctx)
{
	return served_at(ctx, 1) && sim_mn_has_prefix(((struct world *)ctx)->mn,
	    HNP1);
}

static void
arrive(struct world *w, unsigned at)
{
	go(w, at);
	ck_assert_msg(sim_run_until(w->s, at ? served_at_1 : served_at_0, w,
	    SIM_WAIT), "not served at %s", coa[at]);
}

/* RAs that carry the home prefix with a lifetime. */
static unsigned
advertisements(const struct world *w)
{
	struct prefix p = sim_prefix(HNP1);
	unsigned n = 0;

	for (size_t i = 0; i < sim_ras(w->s); i++) {
		const struct nd_ra *ra = &sim_ra(w->s, i)->ra;

		n += ra->npio > 0 && prefix_eq(&ra->pio[0].prefix, &p) &&
		    ra->pio[0].valid_s > 0;
	}
	return n;
}

static void
assert_nothing_left(const struct world *w)
{
	ck_assert_uint_eq(sim_kpaths(w->ha), 0);
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_uint_eq(sim_kpaths(w->pma[i]), 0);
		ck_assert(!sim_ktunnel(w->ha, HA, coa[i]));
		ck_assert(!sim_ktunnel(w->pma[i], coa[i], HA));
	}
}

/* --- the plain way ----------------------------------------------------- */

START_TEST(test_attach)
{
	struct world w = world_new(1);
	const struct sim_pkt *pbu, *pba;
	const struct sim_ra *ra;

	go(&w, 0);
	pbu = sim_expect_pbu(w.s, P1, HA);		/* PBU --> */
	ck_assert_uint_eq(pbu->m.bu.flags, BU_A | BU_H | BU_P);
	ck_assert_uint_eq(pbu->m.bu.lifetime_4s, 75);
	ck_assert_uint_eq(pbu->m.o.have, MHO_MN_ID | MHO_HNP | MHO_ALT_COA |
	    MHO_LINK_LOCAL |
	    MHO_TIMESTAMP);
	ck_assert_int_lt(llabs(mh_ts_to_us(pbu->m.o.timestamp) - pbu->wall),
	    1000);
	ck_assert_uint_eq(advertisements(&w), 0);
	pba = sim_expect_pba(w.s, HA, P1, BA_ACCEPTED);	/* <-- PBA */
	ck_assert(pba->m.ba.flags & BA_P);
	ck_assert_uint_eq(pba->m.o.timestamp, pbu->m.o.timestamp);
	ck_assert_uint_eq(pba->m.ba.seq, pbu->m.bu.seq);
	ck_assert(sim_run_until(w.s, served_at_0, &w, SIM_WAIT));
	ra = sim_ra(w.s, sim_ras(w.s) - 1);		/* RA --> */
	ck_assert(ra->good && !ra->l2_multicast);
	ck_assert(mac_eq(&ra->l2_dst, &w.mn->mac));
	ck_assert(IN6_IS_ADDR_MULTICAST(&ra->ra.dst));
	ck_assert(ra->ra.pio[0].onlink && ra->ra.pio[0].autonomous);
	ck_assert(!ra->ra.managed);
	ck_assert_uint_eq(ra->ra.mtu, 1460);
	ck_assert_uint_gt(ra->ra.router_lifetime_s, 0);
	ck_assert(ra->at >= pba->at);
	sim_free(w.s);
}
END_TEST

START_TEST(test_handovers)
{
	struct world w = world_new(2);
	uint64_t last = 0;

	for (unsigned i = 0; i < 20; i++) {
		const struct sim_pkt *pbu;

		sim_skip(w.s);
		go(&w, i % 2);
		pbu = sim_expect_pbu(w.s, coa[i % 2], HA);
		ck_assert_uint_gt(pbu->m.o.timestamp, last);
		last = pbu->m.o.timestamp;
		arrive(&w, i % 2);
		ck_assert_uint_eq(sim_kpaths(w.ha), 1);
	}
	/* in place, never taken away and put back */
	ck_assert_uint_ge(sim_kpath(w.ha, HNP1)->replaced, 19);
	sim_run_for(w.s, SETTLE);
	ck_assert(served_at(&w, 1));
	ck_assert_uint_eq(sim_kpaths(w.pma[0]), 0);
	sim_free(w.s);
}
END_TEST

START_TEST(test_departure)
{
	struct world w = world_new(3);

	arrive(&w, 0);
	sim_mn_unplug(w.mn);
	sim_attach(w.pma[0], ATTACH_DOWN, ATTACH_BY_CARRIER, 1, NULL, NULL);
	ck_assert_uint_eq(sim_expect_pbu(w.s, P1, HA)->m.bu.lifetime_4s, 75);
	ck_assert_uint_eq(sim_expect_pbu(w.s, P1, HA)->m.bu.lifetime_4s, 0);
	sim_run_for(w.s, 10 * USEC_PER_SEC);
	assert_nothing_left(&w);
	sim_free(w.s);
}
END_TEST

START_TEST(test_silent_departure)
{
	struct world w = world_new(4);

	arrive(&w, 0);
	sim_mn_unplug(w.mn);	/* nobody says a word */
	sim_run_for(w.s, SETTLE);
	assert_nothing_left(&w);
	sim_free(w.s);
}
END_TEST

/* A refresh every four minutes, nothing else, for ten hours. */
START_TEST(test_ten_hours)
{
	struct world w = world_new(5);
	size_t ras;

	arrive(&w, 0);
	ras = sim_ras(w.s);
	sim_run_for(w.s, 36000 * USEC_PER_SEC);
	ck_assert(served_at(&w, 0));
	ck_assert_uint_eq(sim_stat(w.ha, "ha", "bindings-created"), 1);
	ck_assert_uint_ge(sim_stat(w.ha, "ha", "bindings-refreshed"), 149);
	ck_assert_uint_le(sim_stat(w.ha, "ha", "bindings-refreshed"), 165);
	ck_assert_uint_ge(sim_ras(w.s) - ras, 1190);
	sim_free(w.s);
}
END_TEST

/* --- a bad network ----------------------------------------------------- */

START_TEST(test_first_pbu_lost)
{
	struct world w = world_new(6);
	const struct sim_pkt *a, *b;

	sim_path(w.s, P1, HA)->drop_next = 1;
	go(&w, 0);
	a = sim_expect_pbu(w.s, P1, HA);
	b = sim_expect_pbu(w.s, P1, HA);
	ck_assert_int_ge(b->at - a->at, USEC_PER_SEC);
	ck_assert_uint_gt(b->m.o.timestamp, a->m.o.timestamp);
	ck_assert_uint_ne(b->m.bu.seq, a->m.bu.seq);
	ck_assert(sim_run_until(w.s, served_at_0, &w, SIM_WAIT));
	sim_free(w.s);
}
END_TEST

START_TEST(test_first_pba_lost)
{
	struct world w = world_new(7);

	sim_path(w.s, HA, P1)->drop_next = 3;
	go(&w, 0);
	sim_run_for(w.s, 2 * USEC_PER_SEC);
	ck_assert_uint_eq(advertisements(&w), 0);	/* not accepted yet */
	ck_assert(sim_run_until(w.s, served_at_0, &w, SIM_WAIT));
	sim_free(w.s);
}
END_TEST

START_TEST(test_everything_twice)
{
	struct world w = world_new(8);

	sim_net(w.s)->dup_permille = 1000;
	for (unsigned i = 0; i < 6; i++)
		arrive(&w, i % 2);
	sim_run_for(w.s, SETTLE);
	ck_assert(served_at(&w, 1));
	sim_free(w.s);
}
END_TEST

/* Back-off doubles to 32 s, and goes on for as long as the node is there. */
START_TEST(test_home_agent_away)
{
	struct world w = world_new(9);
	usec_t last = 0, gap = 0;

	sim_partition(w.s, P1, HA, true);
	go(&w, 0);
	for (unsigned i = 0; i < 9; i++) {
		const struct sim_pkt *p = sim_wait_mh(w.s, MH_BU, P1, HA,
		    40 * USEC_PER_SEC);

		ck_assert_ptr_nonnull(p);
		if (i > 1)
			ck_assert_int_ge(p->at - last, gap);
		gap = i > 0 ? p->at - last : 0;
		ck_assert_int_le(gap, 33 * USEC_PER_SEC);
		last = p->at;
	}
	ck_assert_int_ge(gap, 32 * USEC_PER_SEC);
	ck_assert_uint_eq(advertisements(&w), 0);
	sim_partition(w.s, P1, HA, false);
	ck_assert(sim_run_until(w.s, served_at_0, &w, SIM_WAIT));
	sim_free(w.s);
}
END_TEST

/*
 * 30 % loss, doubles, late packets; the node moves about; the router it leaves
 * is sometimes told.  When the dust has settled one path leads to where it is.
 */
START_TEST(test_storm)
{
	for (uint64_t seed = 1; seed <= 40; seed++) {
		struct world w = world_new(1000 + seed);
		struct sim_path *net = sim_net(w.s);
		unsigned at = 0;

		net->loss_permille = 300;
		net->dup_permille = 100;
		net->jitter_us = 30 * USEC_PER_MSEC;
		for (unsigned i = 0; i < 25; i++) {
			unsigned old = at;

			at = (unsigned)sim_random(w.s, 2);
			if (at != old && sim_random(w.s, 2) == 0)
				sim_attach(w.pma[old], ATTACH_DOWN,
				    ATTACH_BY_CARRIER, 1, NULL, NULL);
			go(&w, at);
			sim_run_for(w.s, (usec_t)sim_random(w.s,
			    20 * USEC_PER_SEC));
		}
		net->loss_permille = net->dup_permille = 0;
		sim_run_for(w.s, 2 * SETTLE);
		ck_assert_msg(served_at(&w, at), "seed %d: not at %s",
		    (int)seed, coa[at]);
		ck_assert_uint_eq(sim_kpaths(w.ha), 1);
		ck_assert_msg(sim_kpaths(w.pma[!at]) == 0,
		    "seed %d: a path is left", (int)seed);
		ck_assert(sim_mn_has_prefix(w.mn, HNP1));
		sim_free(w.s);
	}
}
END_TEST

/* --- two claims -------------------------------------------------------- */

START_TEST(test_both_claim)
{
	unsigned first = (unsigned)_i;
	struct world w = world_new(10);

	/* Both hear of it at the same moment; the later stamp wins, and the
	 * loser finds out when it asks for the node before its refresh. */
	sim_mn_plug(w.mn, w.pma[!first], 1);
	sim_attach(w.pma[first], ATTACH_UP, ATTACH_BY_FDB, 1, MAC1, NULL);
	sim_run_for(w.s, 10 * USEC_PER_MSEC);
	sim_mn_rs(w.mn);
	ck_assert(sim_run_until(w.s, first ? served_at_0 : served_at_1, &w,
	    SIM_WAIT));
	sim_run_for(w.s, 2 * SETTLE);
	ck_assert(served_at(&w, !first));
	ck_assert_uint_eq(sim_kpaths(w.ha), 1);
	sim_free(w.s);
}
END_TEST

START_TEST(test_late_deregistration)
{
	struct world w = world_new(11);

	arrive(&w, 0);
	arrive(&w, 1);
	sim_attach(w.pma[0], ATTACH_DOWN, ATTACH_BY_CARRIER, 1, NULL, NULL);
	sim_run_for(w.s, 10 * USEC_PER_SEC);
	ck_assert(served_at(&w, 1));		/* A22 */
	ck_assert_uint_eq(sim_stat(w.ha, "ha", "stale-deregistrations"), 1);
	ck_assert_uint_eq(sim_kpaths(w.pma[0]), 0);
	sim_free(w.s);
}
END_TEST

START_TEST(test_reattach_during_deregistration)
{
	struct world w = world_new(12);

	arrive(&w, 0);
	sim_partition(w.s, P1, HA, true);
	sim_attach(w.pma[0], ATTACH_DOWN, ATTACH_BY_CARRIER, 1, NULL, NULL);
	sim_run_for(w.s, 100 * USEC_PER_MSEC);
	go(&w, 0);
	sim_run_for(w.s, 100 * USEC_PER_MSEC);
	sim_partition(w.s, P1, HA, false);
	ck_assert(sim_run_until(w.s, served_at_0, &w, SIM_WAIT));
	sim_run_for(w.s, SETTLE);
	ck_assert(served_at(&w, 0));
	sim_free(w.s);
}
END_TEST

/* --- restarts ---------------------------------------------------------- */

START_TEST(test_home_agent_restarts)
{
	struct world w = world_new(13);

	arrive(&w, 0);
	sim_node_crash(w.ha);
	sim_run_for(w.s, USEC_PER_SEC);
	sim_node_restart(w.ha, _i == 0);
	ck_assert_uint_eq(sim_kpaths(w.ha), 0);		/* swept */
	sim_run_for(w.s, SETTLE);
	ck_assert(served_at(&w, 0));	/* a refresh is all it takes */
	sim_free(w.s);
}
END_TEST

START_TEST(test_router_restarts)
{
	struct world w = world_new(14);

	arrive(&w, 0);
	sim_node_crash(w.pma[0]);
	sim_run_for(w.s, USEC_PER_SEC);
	sim_node_restart(w.pma[0], _i == 0);
	ck_assert_uint_eq(sim_kpaths(w.pma[0]), 0);
	arrive(&w, 0);
	sim_free(w.s);
}
END_TEST

START_TEST(test_router_stops)
{
	struct world w = world_new(15);

	arrive(&w, 0);
	sim_node_stop(w.pma[0], false);
	sim_run_for(w.s, 10 * USEC_PER_SEC);
	assert_nothing_left(&w);
	sim_free(w.s);
}
END_TEST

/* --- refusals ---------------------------------------------------------- */

START_TEST(test_kernel_refuses_the_home_agent)
{
	struct world w = world_new(16);

	w.ha->kernel.refuse_set = 1;
	w.ha->kernel.refuse_errno = -ENOBUFS;
	go(&w, 0);
	sim_expect_pba(w.s, HA, P1, BA_NO_RESOURCES);
	sim_run_for(w.s, USEC_PER_SEC);
	ck_assert_uint_eq(advertisements(&w), 0);
	assert_nothing_left(&w);
	ck_assert(sim_run_until(w.s, served_at_0, &w, 2 * SIM_WAIT));
	sim_free(w.s);
}
END_TEST

START_TEST(test_kernel_refuses_the_router)
{
	struct world w = world_new(17);

	w.pma[0]->kernel.refuse_set = 1;
	w.pma[0]->kernel.refuse_errno = -ENOBUFS;
	go(&w, 0);
	sim_expect_pba(w.s, HA, P1, BA_ACCEPTED);
	sim_run_for(w.s, 5 * USEC_PER_SEC);
	ck_assert_uint_eq(advertisements(&w), 0);
	assert_nothing_left(&w);	/* de-registered at once */
	ck_assert(sim_run_until(w.s, served_at_0, &w, 2 * SIM_WAIT));
	sim_free(w.s);
}
END_TEST

START_TEST(test_kernels_are_slow)
{
	struct world w = world_new(18);

	w.ha->kernel.delay_us = 200 * USEC_PER_MSEC;
	w.pma[0]->kernel.delay_us = 300 * USEC_PER_MSEC;
	go(&w, 0);
	sim_run_for(w.s, 400 * USEC_PER_MSEC);
	ck_assert_uint_eq(advertisements(&w), 0);
	ck_assert(sim_run_until(w.s, served_at_0, &w, SIM_WAIT));
	/* it leaves while the kernel is busy */
	w.pma[1]->kernel.delay_us = 2 * USEC_PER_SEC;
	go(&w, 1);
	sim_run_for(w.s, USEC_PER_SEC);
	sim_attach(w.pma[1], ATTACH_DOWN, ATTACH_BY_CARRIER, 1, NULL, NULL);
	sim_run_for(w.s, SIM_WAIT);
	ck_assert_uint_eq(sim_kpaths(w.pma[1]), 0);
	sim_free(w.s);
}
END_TEST

START_TEST(test_clock_skew)
{
	struct world w = world_new(19);

	w.pma[0]->skew_us = 4 * USEC_PER_SEC;
	arrive(&w, 0);
	w.pma[1]->skew_us = -20 * USEC_PER_SEC;
	sim_skip(w.s);
	go(&w, 1);
	sim_expect_pba(w.s, HA, P2, BA_INVALID_TIMESTAMP);
	sim_run_for(w.s, 10 * USEC_PER_SEC);
	ck_assert(!served_at(&w, 1));
	ck_assert_uint_eq(sim_stat(w.pma[1], "pma", "clock-refused"), 1);
	w.pma[1]->skew_us = 0;		/* somebody starts NTP */
	ck_assert(sim_run_until(w.s, served_at_1, &w, 2 * SIM_WAIT));
	sim_free(w.s);
}
END_TEST

/* A node that moves from a router with a fast clock to one with a slow clock
 * within the window: an order problem, which time cures. */
START_TEST(test_clock_order)
{
	struct world w = world_new(20);

	w.pma[0]->skew_us = 2 * USEC_PER_SEC;
	w.pma[1]->skew_us = -2 * USEC_PER_SEC;
	arrive(&w, 0);
	go(&w, 1);
	ck_assert(sim_run_until(w.s, served_at_1, &w, 2 * SIM_WAIT));
	sim_free(w.s);
}
END_TEST

START_TEST(test_denied)
{
	struct world w = world_new(21);

	sim_profile_allow(w.s, w.prof, P2);
	sim_policy_changed(w.s);
	go(&w, 0);
	sim_expect_pba(w.s, HA, P1, BA_PMA_NOT_ALLOWED);
	for (unsigned i = 0; i < 5; i++) {
		sim_mn_rs(w.mn);
		sim_run_for(w.s, 10 * USEC_PER_SEC);
	}
	ck_assert_uint_eq(advertisements(&w), 0);
	assert_nothing_left(&w);
	arrive(&w, 1);			/* elsewhere it may */
	sim_free(w.s);
}
END_TEST

START_TEST(test_stranger)
{
	struct world w = world_new(22);
	struct sim_mn *mn = sim_mn_new(w.s, "02:00:00:00:09:09");

	sim_mn_plug(mn, w.pma[0], 1);
	sim_mn_rs(mn);
	sim_expect_silence(w.s, P1, HA, 10 * USEC_PER_SEC);
	ck_assert_uint_eq(mn->nra, 0);
	ck_assert_uint_eq(sim_stat(w.pma[0], "pma", "unknown-mac"), 1);
	sim_free(w.s);
}
END_TEST

START_TEST(test_lifetime_runs_out)
{
	struct world w = world_new(23);

	arrive(&w, 0);
	sim_partition(w.s, P1, HA, true);
	sim_run_for(w.s, 310 * USEC_PER_SEC);
	assert_nothing_left(&w);
	ck_assert(!sim_mn_has_prefix(w.mn, HNP1));	/* withdrawn */
	sim_partition(w.s, P1, HA, false);
	ck_assert(sim_run_until(w.s, served_at_0, &w, SIM_WAIT));
	sim_free(w.s);
}
END_TEST

START_TEST(test_policy_withdrawn)
{
	struct world w = world_new(24);

	arrive(&w, 0);
	w.prof->pmip = false;
	sim_policy_changed(w.s);
	sim_run_for(w.s, 10 * USEC_PER_SEC);
	assert_nothing_left(&w);
	ck_assert(!sim_mn_has_prefix(w.mn, HNP1));
	w.prof->pmip = true;
	sim_policy_changed(w.s);
	ck_assert(sim_run_until(w.s, served_at_0, &w, SIM_WAIT));
	sim_free(w.s);
}
END_TEST

START_TEST(test_neighbour_table_is_asked)
{
	struct world w = world_new(25);
	struct role *pma = sim_role(w.pma[0], "pma");
	const struct attach_event ev = { .kind = ATTACH_UP,
		.source = ATTACH_BY_NEIGHBOUR, .ifindex = 1,
		.mac = w.mn->mac, .lla = w.mn->lla };

	/* A table that still has the node: it does not answer, it is not
	 * registered. */
	arrive(&w, 1);
	pma->ops->attach(pma, &ev);
	sim_run_for(w.s, 10 * USEC_PER_SEC);
	ck_assert(served_at(&w, 1));
	sim_free(w.s);
}
END_TEST

START_TEST(test_probe)
{
	struct world w = world_new(26);

	arrive(&w, 0);
	sim_attach(w.pma[0], ATTACH_MAYBE_GONE, ATTACH_BY_NEIGHBOUR, 1, MAC1,
	    NULL);
	sim_run_for(w.s, 10 * USEC_PER_SEC);
	ck_assert(served_at(&w, 0));			/* it answered */
	w.mn->mute = true;
	sim_attach(w.pma[0], ATTACH_MAYBE_GONE, ATTACH_BY_NEIGHBOUR, 1, MAC1,
	    NULL);
	sim_run_for(w.s, 10 * USEC_PER_SEC);
	assert_nothing_left(&w);
	sim_free(w.s);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("domain");
	TCase *tc = tcase_create("domain");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_attach);
	tcase_add_test(tc, test_handovers);
	tcase_add_test(tc, test_departure);
	tcase_add_test(tc, test_silent_departure);
	tcase_add_test(tc, test_ten_hours);
	tcase_add_test(tc, test_first_pbu_lost);
	tcase_add_test(tc, test_first_pba_lost);
	tcase_add_test(tc, test_everything_twice);
	tcase_add_test(tc, test_home_agent_away);
	tcase_add_test(tc, test_storm);
	tcase_add_loop_test(tc, test_both_claim, 0, 2);
	tcase_add_test(tc, test_late_deregistration);
	tcase_add_test(tc, test_reattach_during_deregistration);
	tcase_add_loop_test(tc, test_home_agent_restarts, 0, 2);
	tcase_add_loop_test(tc, test_router_restarts, 0, 2);
	tcase_add_test(tc, test_router_stops);
	tcase_add_test(tc, test_kernel_refuses_the_home_agent);
	tcase_add_test(tc, test_kernel_refuses_the_router);
	tcase_add_test(tc, test_kernels_are_slow);
	tcase_add_test(tc, test_clock_skew);
	tcase_add_test(tc, test_clock_order);
	tcase_add_test(tc, test_denied);
	tcase_add_test(tc, test_stranger);
	tcase_add_test(tc, test_lifetime_runs_out);
	tcase_add_test(tc, test_policy_withdrawn);
	tcase_add_test(tc, test_neighbour_table_is_asked);
	tcase_add_test(tc, test_probe);
	suite_add_tcase(s, tc);
	return suite_run(s);
}

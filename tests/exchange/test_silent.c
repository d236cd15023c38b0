/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nodes that send no Router Solicitation: the first advertisement that they
 * are sent may be lost, because the link has only just come up, and they do
 * not ask for another.  So it is repeated (RFC 4861 6.2.4).  Who solicits does
 * the repeating itself.
 */
#include <check.h>

#include "core/util.h"
#include "exchange/names.h"
#include "exchange/sim.h"
#include "suite.h"

#define ADVERTISEMENTS 3	/* RFC 4861 10, MAX_INITIAL_RTR_... */
#define QUICK (5 * SEC)		/* no node waits longer for its address */
#define INTERVAL (30 * SEC)
#define TICK MSEC		/* of the timer wheel */
#define VISIT "2001:db8:f:1::/64"

static const char *const coa[2] = { P1, P2 };

/* Both roles, two routers with two access interfaces each, one node. */
struct world {
	struct sim *s;
	struct sim_node *ha, *pma[2];
	struct pma_conf *conf[2];
	struct profile *prof;
	struct sim_mn *mn;
	size_t ras;		/* the RAs before its last attachment */
};

static struct world
world_stopped(void)
{
	struct world w = { .s = sim_new(7) };

	w.ha = sim_add_ha(w.s, HA, NULL);
	for (unsigned i = 0; i < 2; i++) {
		w.conf[i] = sim_pma_conf(w.s, coa[i]);
		w.conf[i]->previous_ras = 0;	/* or they count as well */
		sim_pma_access(w.s, w.conf[i], "acc0", 0, NULL);
		sim_pma_access(w.s, w.conf[i], "acc1", 0, NULL);
	}
	w.prof = sim_profile(w.s, MN1, HNP1, MAC1);
	w.mn = sim_mn_new(w.s, MAC1);
	return w;
}

static void
world_start(struct world *w)
{
	for (unsigned i = 0; i < 2; i++)
		w->pma[i] = sim_add_pma(w->s, coa[i], w->conf[i]);
}

static struct world
world_new(void)
{
	struct world w = world_stopped();

	world_start(&w);
	return w;
}

/* It turns up, without a word of its own. */
static void
notice(struct world *w, unsigned at, uint32_t ifindex,
    enum attach_source source)
{
	w->ras = sim_ras(w->s);
	sim_mn_plug(w->mn, w->pma[at], ifindex);
	sim_attach(w->pma[at], ATTACH_UP, source, ifindex, MAC1, NULL);
}

static void
leave(struct world *w)
{
	sim_attach(w->mn->at, ATTACH_DOWN, ATTACH_BY_FDB, w->mn->ifindex,
	    MAC1, NULL);
	sim_mn_unplug(w->mn);
}

/* The n-th RA (from 0) since the attachment; the test ends without it. */
static const struct sim_ra *
nth(const struct world *w, size_t n)
{
	ck_assert_uint_gt(sim_ras(w->s) - w->ras, n);
	return sim_ra(w->s, w->ras + n);
}

static bool
some_sent(void *ctx)
{
	struct world *w = ctx;

	return sim_ras(w->s) > w->ras;
}

/* Within `n` RAs everything was said, then one each interval. */
static void
then_periodic(struct world *w, size_t n)
{
	sim_run_for(w->s, 3 * INTERVAL);
	for (size_t i = 0; i < 2; i++) {
		usec_t pause = nth(w, n + i)->at - nth(w, n + i - 1)->at;

		ck_assert_int_ge(pause, INTERVAL);
		ck_assert_int_le(pause, INTERVAL + 2 * TICK);
	}
}

/* Repeated, each time after a longer pause, and then no more. */
static void
repeated(struct world *w, unsigned at, uint32_t ifindex)
{
	usec_t gap = 0;

	sim_run_for(w->s, QUICK);
	ck_assert_uint_eq(sim_ras(w->s) - w->ras, ADVERTISEMENTS);
	for (size_t i = 0; i < ADVERTISEMENTS; i++) {
		const struct sim_ra *r = nth(w, i);

		ck_assert(r->good && !r->l2_multicast);
		ck_assert(mac_eq(&r->l2_dst, &w->mn->mac));
		ck_assert(r->node == w->pma[at] && r->ifindex == ifindex);
		if (i == 0)
			continue;
		ck_assert_int_ge(r->at - nth(w, i - 1)->at, gap + SEC);
		gap = r->at - nth(w, i - 1)->at;
	}
	then_periodic(w, ADVERTISEMENTS);
}

/* However the node was noticed; from a neighbour table it is asked first. */
START_TEST(test_repeated)
{
	static const enum attach_source by[] = { ATTACH_BY_FDB, ATTACH_BY_CTL,
		ATTACH_BY_CARRIER, ATTACH_BY_NEIGHBOUR, ATTACH_BY_TRAFFIC };
	struct world w;

	ck_assert_uint_lt((size_t)_i, ARRAY_LEN(by));
	w = world_new();
	notice(&w, 0, 1, by[_i]);
	repeated(&w, 0, 1);
	ck_assert(sim_mn_has_prefix(w.mn, HNP1));
	sim_free(w.s);
}
END_TEST

/* The node does not hear the first, or the first two. */
START_TEST(test_lost)
{
	struct world w = world_new();
	usec_t since = sim_now(w.s);

	notice(&w, 0, 1, ATTACH_BY_FDB);
	sim_mn_unplug(w.mn);
	for (int i = 0; i <= _i; i++) {
		ck_assert(sim_run_until(w.s, some_sent, &w, QUICK));
		w.ras = sim_ras(w.s);
	}
	sim_mn_plug(w.mn, w.pma[0], 1);
	ck_assert(!sim_mn_has_prefix(w.mn, HNP1));
	sim_run_for(w.s, since + QUICK - sim_now(w.s));
	ck_assert(sim_mn_has_prefix(w.mn, HNP1));
	sim_free(w.s);
}
END_TEST

/* It cannot be sent at all at first. */
START_TEST(test_not_sent)
{
	struct world w = world_new();
	struct sim_if *i = sim_if(w.pma[0], 1);

	notice(&w, 0, 1, ATTACH_BY_FDB);
	i->lif.up = false;
	sim_run_for(w.s, SEC / 2);
	ck_assert_uint_eq(sim_stat(w.pma[0], "pma", "ra-failed"), 1);
	i->lif.up = true;
	sim_run_for(w.s, QUICK);
	ck_assert(sim_mn_has_prefix(w.mn, HNP1));
	sim_free(w.s);
}
END_TEST

/* Who solicits is answered, once; and so is who was noticed before. */
START_TEST(test_solicited)
{
	struct world w = world_new();

	if (_i == 0)
		w.ras = sim_ras(w.s);
	else
		notice(&w, 0, 1, ATTACH_BY_FDB);
	sim_mn_plug(w.mn, w.pma[0], 1);
	sim_mn_rs(w.mn);
	sim_run_for(w.s, INTERVAL - SEC);
	ck_assert_uint_eq(sim_ras(w.s) - w.ras, 1);
	ck_assert(sim_mn_has_prefix(w.mn, HNP1));
	then_periodic(&w, 1);
	sim_free(w.s);
}
END_TEST

/* Its solicitation is answered, and ends the repetitions. */
START_TEST(test_solicits_later)
{
	struct world w = world_new();

	notice(&w, 0, 1, ATTACH_BY_FDB);
	sim_run_for(w.s, SEC / 2 + SEC * _i);
	ck_assert_uint_eq(sim_ras(w.s) - w.ras, 1 + (size_t)_i);
	sim_mn_rs(w.mn);
	sim_run_for(w.s, INTERVAL - SEC);
	ck_assert_uint_eq(sim_ras(w.s) - w.ras, 2 + (size_t)_i);
	then_periodic(&w, 2 + (size_t)_i);
	sim_free(w.s);
}
END_TEST

/* A new life of the entry, here or elsewhere, begins as the first did. */
START_TEST(test_comes_again)
{
	struct world w = world_new();

	notice(&w, 0, 1, ATTACH_BY_FDB);
	repeated(&w, 0, 1);
	leave(&w);
	if (_i == 1)
		sim_run_for(w.s, SEC);	/* else: before it is forgotten */
	notice(&w, 0, 1, ATTACH_BY_FDB);
	repeated(&w, 0, 1);
	leave(&w);
	notice(&w, 1, 2, ATTACH_BY_FDB);
	repeated(&w, 1, 2);
	sim_free(w.s);
}
END_TEST

/* To another of our links; between two of them by turns it is no storm. */
START_TEST(test_moves)
{
	struct world w = world_new();

	notice(&w, 0, 1, ATTACH_BY_FDB);
	sim_run_for(w.s, 2 * INTERVAL);
	notice(&w, 0, 2, ATTACH_BY_FDB);
	repeated(&w, 0, 2);
	for (unsigned i = 0; i < 100; i++) {
		notice(&w, 0, 1 + i % 2, ATTACH_BY_FDB);
		sim_run_for(w.s, 10 * MSEC);
		ck_assert_uint_le(sim_ras(w.s) - w.ras, 1);
	}
	sim_mn_rs(w.mn);		/* it has found its voice */
	sim_run_for(w.s, SEC);
	w.ras = sim_ras(w.s);
	sim_run_for(w.s, INTERVAL / 2);
	ck_assert_uint_eq(sim_ras(w.s), w.ras);
	sim_free(w.s);
}
END_TEST

/*
 * It was elsewhere and is back before its router noticed: that learns so from
 * the home agent, and the node has to hear of its router at once.
 */
START_TEST(test_back_without_a_word)
{
	struct world w = world_stopped();

	w.conf[0]->previous_ras = w.conf[1]->previous_ras = 1;
	world_start(&w);
	notice(&w, 0, 1, ATTACH_BY_FDB);
	sim_run_for(w.s, 37 * SEC);
	notice(&w, 1, 1, ATTACH_BY_FDB);
	sim_run_for(w.s, 11 * SEC);
	ck_assert(in6_eq(&w.mn->ra.ra.src,
	    &sim_if(w.pma[1], 1)->lif.linklocal));
	notice(&w, 0, 1, ATTACH_BY_FDB);
	sim_run_for(w.s, SEC);
	ck_assert(sim_routed(w.ha, HNP1, P1));
	ck_assert(in6_eq(&w.mn->ra.ra.src,
	    &sim_if(w.pma[0], 1)->lif.linklocal));
	ck_assert(sim_mn_has_prefix(w.mn, HNP1));
	sim_free(w.s);
}
END_TEST

/* A living node's neighbour entry is confirmed now and then: no news. */
START_TEST(test_steady)
{
	struct world w = world_new();

	notice(&w, 0, 1, ATTACH_BY_FDB);
	sim_run_for(w.s, INTERVAL);
	w.ras = sim_ras(w.s);
	for (unsigned i = 0; i < 60; i++) {
		sim_attach(w.pma[0], ATTACH_UP, ATTACH_BY_NEIGHBOUR, 1, MAC1,
		    NULL);
		sim_run_for(w.s, 10 * SEC);
	}
	ck_assert_uint_le(sim_ras(w.s) - w.ras, 600 * SEC / INTERVAL + 1);
	ck_assert_uint_ge(sim_ras(w.s) - w.ras, 600 * SEC / INTERVAL - 1);
	sim_free(w.s);
}
END_TEST

/* The home agent refuses at first: what counts is the first RA, not when. */
START_TEST(test_served_late)
{
	struct world w = world_new();

	sim_partition(w.s, P1, HA, true);
	notice(&w, 0, 1, ATTACH_BY_FDB);
	sim_run_for(w.s, 2 * INTERVAL);
	ck_assert_uint_eq(sim_ras(w.s), w.ras);
	sim_partition(w.s, P1, HA, false);
	ck_assert(sim_run_until(w.s, some_sent, &w, 2 * INTERVAL));
	repeated(&w, 0, 1);
	sim_free(w.s);
}
END_TEST

/* A visitor, whose router hears of no home agent. */
START_TEST(test_visitor)
{
	struct world w = world_stopped();

	w.prof->pmip = false;
	(void)sim_pma_visitor(w.s, w.conf[0], "acc0", VISIT);
	world_start(&w);
	notice(&w, 0, 1, ATTACH_BY_FDB);
	repeated(&w, 0, 1);
	ck_assert(sim_mn_has_prefix(w.mn, VISIT));
	/* it was elsewhere; a visitor has no binding that would tell */
	notice(&w, 0, 1, ATTACH_BY_CTL);
	sim_run_for(w.s, QUICK);
	ck_assert_uint_ge(sim_ras(w.s) - w.ras, ADVERTISEMENTS);
	sim_free(w.s);
}
END_TEST

/* What makes it do DHCP must not be lost either. */
START_TEST(test_wait_for_dhcp)
{
	struct world w = world_stopped();

	sim_profile_del(w.s, MN1);
	(void)sim_profile_shared(w.s, MN1, HNP1, NULL, MAC1);
	world_start(&w);
	notice(&w, 0, 1, ATTACH_BY_FDB);
	repeated(&w, 0, 1);
	ck_assert(w.mn->ra.ra.managed);
	ck_assert_uint_eq(w.mn->ra.ra.router_lifetime_s, 0);
	sim_free(w.s);
}
END_TEST

/* A router that was killed finds its nodes in the kernel's tables. */
START_TEST(test_restart)
{
	struct world w = world_new();

	notice(&w, 0, 1, ATTACH_BY_FDB);
	sim_run_for(w.s, INTERVAL);
	sim_node_crash(w.pma[0]);
	sim_node_restart(w.pma[0], true);
	notice(&w, 0, 1, ATTACH_BY_NEIGHBOUR);
	repeated(&w, 0, 1);
	sim_free(w.s);
}
END_TEST

int
main(void)
{
	Suite *su = suite_create("silent");
	TCase *tc = tcase_create("silent");

	tcase_add_loop_test(tc, test_repeated, 0, 5);
	tcase_add_loop_test(tc, test_lost, 0, ADVERTISEMENTS - 1);
	tcase_add_test(tc, test_not_sent);
	tcase_add_loop_test(tc, test_solicited, 0, 2);
	tcase_add_loop_test(tc, test_solicits_later, 0, 2);
	tcase_add_loop_test(tc, test_comes_again, 0, 2);
	tcase_add_test(tc, test_moves);
	tcase_add_test(tc, test_back_without_a_word);
	tcase_add_test(tc, test_steady);
	tcase_add_test(tc, test_served_late);
	tcase_add_test(tc, test_visitor);
	tcase_add_test(tc, test_wait_for_dhcp);
	tcase_add_test(tc, test_restart);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(su, tc);
	return suite_run(su);
}

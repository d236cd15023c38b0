/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A whole domain: a home agent and two access routers, the real ones, around a
 * mobile node that moves.  Handover both ways, the loss of each message, a bad
 * network over a thousand handovers, restarts, kernels that refuse, clocks that
 * differ, late messages, denials, ten hours of life.
 *
 * What must hold when the dust has settled: the home agent has one path for the
 * node, to the router where it is; that router has one; the other has none; and
 * no prefix is advertised where there is no path.
 */
#include <check.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "core/util.h"
#include "exchange/names.h"
#include "exchange/sim.h"
#include "suite.h"

static const char *const addr_of[2] = { P1, P2 };

struct t {
	struct sim *s;
	struct sim_node *ha, *pma[2];
	struct ha_conf *haconf;
	struct pma_conf *conf[2];
	struct profile *prof;
	struct sim_mn *mn;
	size_t ras;		/* looked at so far */
};

static struct t
setup_seed(uint64_t seed)
{
	struct t t = { .s = sim_new(seed) };

	t.haconf = sim_ha_conf(t.s, HA);
	sim_ha_allow(t.s, t.haconf, P1);
	sim_ha_allow(t.s, t.haconf, P2);
	t.ha = sim_add_ha(t.s, HA, t.haconf);
	for (int i = 0; i < 2; i++) {
		t.conf[i] = sim_pma_conf(t.s, addr_of[i]);
		sim_pma_access(t.s, t.conf[i], "acc0", 0, NULL);
		t.pma[i] = sim_add_pma(t.s, addr_of[i], t.conf[i]);
	}
	t.prof = sim_profile(t.s, MN1, HNP1, MAC1);
	t.mn = sim_mn_new(t.s, MAC1);
	return t;
}

static struct t
setup(void)
{
	return setup_seed(3);
}

/* The node appears at router `i`, which notices; the other may notice. */
static void
go(struct t *t, int i, bool leave_noticed)
{
	if (leave_noticed && t->mn->at != NULL)
		sim_attach(t->mn->at, ATTACH_DOWN, ATTACH_BY_FDB, 1, MAC1,
		    NULL);
	sim_mn_plug(t->mn, t->pma[i], 1);
	sim_mn_rs(t->mn);
}

static bool
promise(const struct sim_ra *ra)
{
	return ra->ra.npio > 0 && (ra->ra.pio[0].valid_s > 0 ||
	    ra->ra.pio[0].preferred_s > 0 || ra->ra.router_lifetime_s > 0);
}

/* Whoever advertises the prefix hosts it. */
static void
look(void *ctx)
{
	struct t *t = ctx;

	for (; t->ras < sim_ras(t->s); t->ras++) {
		const struct sim_ra *ra = sim_ra(t->s, t->ras);

		if (promise(ra))
			ck_assert_msg(sim_kpath(ra->node, HNP1) != NULL,
			    "a prefix advertised and not hosted");
	}
}

static void
run(struct t *t, usec_t usec)
{
	sim_run_looking(t->s, usec, look, t);
}

/* NULL: the node is in service at router `i`, and nowhere else. */
static const char *
trouble(struct t *t, int i)
{
	if (!sim_routed(t->ha, HNP1, addr_of[i]))
		return "the home agent does not send to it";
	if (!sim_routed(t->pma[i], HNP1, HA))
		return "it does not host";
	if (!sim_routed(t->pma[!i], HNP1, NULL))
		return "the other one still hosts";
	if (sim_kpaths(t->ha) != 1 || t->ha->kernel.ntunnels != 1 ||
	    t->pma[i]->kernel.ntunnels != 1 ||
	    t->pma[!i]->kernel.ntunnels != 0)
		return "paths or tunnels are left";
	if (!sim_mn_has_prefix(t->mn, HNP1) || t->mn->ra.node != t->pma[i])
		return "the node was not told";
	return NULL;
}

static void
settled(struct t *t, int i)
{
	const char *why = trouble(t, i);

	ck_assert_msg(why == NULL, "%s at %.1f s: %s", addr_of[i],
	    (double)sim_now(t->s) / 1e6, why);
}

/* Nothing of it is left anywhere. */
static void
nothing(struct t *t)
{
	ck_assert_uint_eq(sim_kpaths(t->ha) + sim_kpaths(t->pma[0]) +
	    sim_kpaths(t->pma[1]), 0);
	ck_assert_uint_eq(t->ha->kernel.ntunnels + t->pma[0]->kernel.ntunnels +
	    t->pma[1]->kernel.ntunnels, 0);
}

static uint64_t
pma_stat(struct t *t, int i, const char *name)
{
	return sim_stat(t->pma[i], "pma", name);
}

/* --- a good world ------------------------------------------------------ */

START_TEST(test_attach)
{
	struct t t = setup();
	usec_t began = sim_now(t.s);

	go(&t, 0, false);
	run(&t, 10 * USEC_PER_MSEC);	/* one round trip of 2 ms */
	settled(&t, 0);
	ck_assert(t.mn->ra.at - began < 5 * USEC_PER_MSEC);
	ck_assert_uint_eq(sim_pkts(t.s), 2);
	run(&t, 3600 * SEC);
	settled(&t, 0);
	sim_mn_unplug(t.mn);
	sim_attach(t.pma[0], ATTACH_DOWN, ATTACH_BY_CARRIER, 1, NULL, NULL);
	run(&t, SEC);
	nothing(&t);
	sim_free(t.s);
}
END_TEST

START_TEST(test_handover)
{
	struct t t = setup();

	go(&t, 0, true);
	run(&t, SEC);
	for (int i = 0; i < 6; i++) {
		go(&t, (i + 1) & 1, true);
		run(&t, SEC);
		settled(&t, (i + 1) & 1);
		run(&t, (usec_t)i * 100 * SEC);
		settled(&t, (i + 1) & 1);
	}
	sim_free(t.s);
}
END_TEST

/* The previous router learns of it late: its word does no harm (A22). */
START_TEST(test_late_deregistration)
{
	struct t t = setup();
	usec_t since;

	go(&t, 0, false);
	run(&t, SEC);
	since = sim_kpath(t.ha, HNP1)->since;
	go(&t, 1, false);
	run(&t, SEC);
	ck_assert(sim_routed(t.ha, HNP1, P2));
	sim_attach(t.pma[0], ATTACH_DOWN, ATTACH_BY_CARRIER, 1, NULL, NULL);
	run(&t, 20 * SEC);
	settled(&t, 1);
	ck_assert_int_eq(sim_kpath(t.ha, HNP1)->since, since);
	ck_assert_uint_eq(pma_stat(&t, 0, "deregistered"), 1);
	ck_assert_uint_eq(pma_stat(&t, 0, "pbu-retransmitted"), 0);
	sim_free(t.s);
}
END_TEST

/*
 * Nobody tells the previous router.  With presence-check it finds out before
 * its refresh, and never takes the binding back.
 */
START_TEST(test_silent_leave)
{
	struct t t = setup();

	t.conf[0]->presence_check_us = t.conf[1]->presence_check_us = SEC;
	go(&t, 0, false);
	run(&t, SEC);
	go(&t, 1, false);
	for (int i = 0; i < 400; i++) {
		run(&t, SEC);
		ck_assert(sim_routed(t.ha, HNP1, P2));
	}
	settled(&t, 1);
	sim_free(t.s);
}
END_TEST

/* --- loss -------------------------------------------------------------- */

/* Each message of attach and of a handover is lost once, or all are. */
START_TEST(test_one_loss)
{
	static const char *const dirs[][2] = { { P1, HA }, { HA, P1 },
		{ P2, HA }, { HA, P2 } };
	struct t t = setup();
	unsigned n = (unsigned)_i / 8 + 1;	/* how many in a row */

	if (_i & 4) {			/* already at the attachment */
		sim_path(t.s, dirs[_i & 3][0], dirs[_i & 3][1])->drop_next = n;
		go(&t, 0, true);
		run(&t, 20 * SEC);
		settled(&t, 0);
	} else {
		go(&t, 0, true);
		run(&t, 20 * SEC);
		sim_path(t.s, dirs[_i & 3][0], dirs[_i & 3][1])->drop_next = n;
	}
	go(&t, 1, true);
	run(&t, 20 * SEC);
	settled(&t, 1);
	go(&t, 0, true);
	run(&t, 20 * SEC);
	settled(&t, 0);
	sim_free(t.s);
}
END_TEST

/*
 * On a bad network any number of attempts may fail, at most 32 s apart; a
 * binding may even run out before one succeeds.  It comes right in the end.
 */
static void
settles(struct t *t, int i)
{
	usec_t end = sim_now(t->s) + 1200 * SEC;

	run(t, 10 * SEC);	/* what lingers may still do its mischief */
	while (trouble(t, i) != NULL && sim_now(t->s) < end)
		run(t, 5 * SEC);
	settled(t, i);
}

/* A bad network; its node wanders.  15 seeds, so 1000 handovers and more. */
static void
wander(struct t *t, int handovers)
{
	int at = 0;

	go(t, 0, true);
	run(t, 2 * SEC);
	for (int i = 0; i < handovers; i++) {
		bool noticed = sim_random(t->s, 4) != 0;

		at = !at;
		go(t, at, noticed);
		/* sometimes it does not even wait */
		if (sim_random(t->s, 3) == 0) {
			run(t, (usec_t)sim_random(t->s, 3 * SEC));
			continue;
		}
		run(t, SEC);
		if (!noticed)
			sim_attach(t->pma[!at], ATTACH_DOWN, ATTACH_BY_FDB, 1,
			    MAC1, NULL);
		settles(t, at);
	}
	sim_attach(t->pma[!at], ATTACH_DOWN, ATTACH_BY_FDB, 1, MAC1, NULL);
	settles(t, at);
}

START_TEST(test_random_loss)
{
	struct t t = setup_seed(1000 + (uint64_t)_i);

	sim_net(t.s)->loss_permille = 300;
	wander(&t, 70);
	sim_free(t.s);
}
END_TEST

START_TEST(test_bad_network)
{
	struct t t = setup_seed(2000 + (uint64_t)_i);
	struct sim_path *net = sim_net(t.s);

	net->loss_permille = _i & 1 ? 200 : 0;
	net->dup_permille = 300;
	net->delay_us = 5 * USEC_PER_MSEC;
	net->jitter_us = _i & 2 ? 400 * USEC_PER_MSEC : 20 * USEC_PER_MSEC;
	if (_i & 4) {
		for (int i = 0; i < 2; i++)
			t.pma[i]->kernel.delay_us = 100 * USEC_PER_MSEC;
		t.ha->kernel.delay_us = 150 * USEC_PER_MSEC;
	}
	wander(&t, 40);
	sim_free(t.s);
}
END_TEST

/* --- both routers claim it --------------------------------------------- */

/* Two routers believe in it, in either order; the last one to ask has it. */
START_TEST(test_both_claim)
{
	struct t t = setup();
	int first = _i & 1;

	sim_mn_plug(t.mn, t.pma[!first], 1);
	sim_attach(t.pma[first], ATTACH_UP, ATTACH_BY_CTL, 1, MAC1, MN1);
	run(&t, _i & 2 ? 0 : SEC);	/* one after the other, or at once */
	sim_attach(t.pma[!first], ATTACH_UP, ATTACH_BY_CTL, 1, MAC1, MN1);
	run(&t, SEC);
	ck_assert_uint_eq(sim_kpaths(t.ha), 1);
	if (!(_i & 2))
		ck_assert(sim_routed(t.ha, HNP1, addr_of[!first]));
	/* whichever it is, one word from the node decides */
	sim_mn_rs(t.mn);
	run(&t, SEC);
	ck_assert(sim_routed(t.ha, HNP1, addr_of[!first]));
	sim_attach(t.pma[first], ATTACH_DOWN, ATTACH_BY_CTL, 1, MAC1, NULL);
	run(&t, 10 * SEC);
	settled(&t, !first);
	sim_free(t.s);
}
END_TEST

/*
 * The new router's request is slow, the old one's refresh quick: the older
 * stamp loses, is told so, and asks again at once.
 */
START_TEST(test_overtaken)
{
	struct t t = setup();

	go(&t, 0, false);
	run(&t, SEC);
	sim_path(t.s, P2, HA)->delay_us = 500 * USEC_PER_MSEC;
	go(&t, 1, false);
	run(&t, 100 * USEC_PER_MSEC);
	sim_attach(t.pma[0], ATTACH_UP, ATTACH_BY_CTL, 1, MAC1, MN1);
	run(&t, 2 * SEC);
	ck_assert(sim_routed(t.ha, HNP1, P2));
	sim_attach(t.pma[0], ATTACH_DOWN, ATTACH_BY_CTL, 1, MAC1, NULL);
	run(&t, 10 * SEC);
	settled(&t, 1);
	ck_assert_uint_ge(pma_stat(&t, 1, "pbu-sent"), 2);
	sim_free(t.s);
}
END_TEST

/* --- restarts ---------------------------------------------------------- */

/* The home agent forgets everything; the refresh makes it anew. */
START_TEST(test_ha_restarts)
{
	struct t t = setup();

	go(&t, 0, true);
	run(&t, SEC);
	sim_node_restart(t.ha, _i == 0);
	run(&t, SEC);
	ck_assert(sim_routed(t.ha, HNP1, NULL));
	run(&t, 245 * SEC);		/* 80 % of 300 s at the latest */
	settled(&t, 0);
	/* and while it is away for longer than a lifetime */
	sim_node_crash(t.ha);
	run(&t, 600 * SEC);
	ck_assert(sim_routed(t.pma[0], HNP1, NULL));
	ck_assert(!sim_mn_has_prefix(t.mn, HNP1));
	sim_node_restart(t.ha, true);
	run(&t, 40 * SEC);
	settled(&t, 0);
	sim_free(t.s);
}
END_TEST

/* Also in the middle of a handover. */
START_TEST(test_ha_restarts_in_a_handover)
{
	struct t t = setup();

	t.ha->kernel.delay_us = 10 * USEC_PER_MSEC;
	go(&t, 0, true);
	run(&t, SEC);
	go(&t, 1, true);
	run(&t, (usec_t)_i * 2 * USEC_PER_MSEC);
	sim_node_restart(t.ha, (_i & 1) != 0);
	run(&t, 300 * SEC);
	settled(&t, 1);
	sim_free(t.s);
}
END_TEST

/* The router forgets; the node solicits sooner or later. */
START_TEST(test_pma_restarts)
{
	struct t t = setup();

	go(&t, 0, true);
	run(&t, SEC);
	sim_node_restart(t.pma[0], _i == 0);
	sim_run_for(t.s, SEC);
	ck_assert(sim_routed(t.pma[0], HNP1, NULL));
	sim_mn_rs(t.mn);
	run(&t, SEC);
	settled(&t, 0);
	/* the node is gone when it comes back: the binding runs out */
	sim_node_restart(t.pma[0], true);
	run(&t, 310 * SEC);
	nothing(&t);
	sim_free(t.s);
}
END_TEST

/* Stopped with keep, and the next run adopts: no gap. */
START_TEST(test_pma_restarts_and_adopts)
{
	struct t t = setup();
	usec_t since;

	go(&t, 0, true);
	run(&t, SEC);
	since = sim_kpath(t.pma[0], HNP1)->since;
	sim_node_stop(t.pma[0], true);
	t.pma[0]->adopt = true;
	ck_assert_int_eq(sim_node_start(t.pma[0]), 0);
	run(&t, SEC);
	ck_assert(sim_routed(t.pma[0], HNP1, HA));
	sim_mn_rs(t.mn);
	run(&t, SEC);
	settled(&t, 0);
	ck_assert_int_eq(sim_kpath(t.pma[0], HNP1)->since, since);
	sim_free(t.s);
}
END_TEST

START_TEST(test_pma_stops)
{
	struct t t = setup();

	go(&t, 0, true);
	run(&t, SEC);
	sim_node_stop(t.pma[0], false);
	run(&t, SEC);
	ck_assert_uint_eq(sim_kpaths(t.ha), 0);
	ck_assert(!sim_mn_has_prefix(t.mn, HNP1));
	go(&t, 1, false);
	run(&t, SEC);
	ck_assert(sim_routed(t.ha, HNP1, P2));
	sim_free(t.s);
}
END_TEST

/* --- kernels that refuse ----------------------------------------------- */

START_TEST(test_ha_kernel_refuses)
{
	struct t t = setup();

	if (_i == 0)
		t.ha->kernel.refuse_set = 1;
	else if (_i == 1)
		t.ha->kernel.refuse_tunnel = 1;
	else
		t.ha->kernel.lose = 1;
	go(&t, 0, true);
	/* a lost answer is cured by the retransmission that waits behind it */
	run(&t, _i == 2 ? 1900 * USEC_PER_MSEC : 10 * SEC);
	ck_assert_uint_eq(sim_kpaths(t.ha), 0);
	ck_assert_uint_eq(t.mn->nra, 0);
	ck_assert_uint_eq(sim_kpaths(t.pma[0]), 0);
	run(&t, 100 * SEC);
	settled(&t, 0);
	/* at a handover the node stays where the kernel has it, till then */
	t.ha->kernel.refuse_set = 1;
	go(&t, 1, true);
	run(&t, 100 * SEC);
	settled(&t, 1);
	sim_free(t.s);
}
END_TEST

START_TEST(test_pma_kernel_refuses)
{
	struct t t = setup();

	if (_i == 0)
		t.pma[0]->kernel.refuse_set = 1;
	else if (_i == 1)
		t.pma[0]->kernel.refuse_tunnel = 1;
	else
		t.pma[0]->kernel.lose = 1;
	go(&t, 0, true);
	run(&t, 10 * SEC);
	nothing(&t);			/* de-registered again */
	ck_assert_uint_eq(t.mn->nra, 0);
	run(&t, 100 * SEC);
	settled(&t, 0);
	sim_free(t.s);
}
END_TEST

/* --- clocks ------------------------------------------------------------ */

START_TEST(test_clock_skew)
{
	static const int64_t inside[] = { 0, 2000, -2000, 4900, -4900 };
	struct t t = setup();
	int64_t skew = inside[_i] * USEC_PER_MSEC;

	/* within the window of 5 s: works, both ways, at once, but for what
	 * could be older than the home agent's start */
	run(&t, 10 * SEC);
	t.pma[0]->skew_us = skew;
	go(&t, 0, true);
	run(&t, SEC);
	settled(&t, 0);
	go(&t, 1, true);
	/* the older stamp of a slower clock has to wait till it is newer */
	run(&t, (skew > 0 ? skew : 0) + 100 * SEC);
	settled(&t, 1);
	go(&t, 0, true);
	run(&t, (skew < 0 ? -skew : 0) + 100 * SEC);
	settled(&t, 0);
	sim_free(t.s);
}
END_TEST

START_TEST(test_clock_outside)
{
	struct t t = setup();

	t.pma[0]->skew_us = _i == 0 ? 10 * SEC : -10 * SEC;
	go(&t, 0, true);
	run(&t, 120 * SEC);
	nothing(&t);
	ck_assert_uint_eq(t.mn->nra, 0);
	ck_assert_uint_ge(pma_stat(&t, 0, "clock-refused"), 2);
	ck_assert_uint_ge(sim_seen(t.pma[0], "clock-differs"), 1);
	ck_assert_uint_lt(pma_stat(&t, 0, "pbu-sent"), 6);
	t.pma[0]->skew_us = 0;		/* somebody has started NTP */
	run(&t, 300 * SEC);
	settled(&t, 0);
	sim_free(t.s);
}
END_TEST

/* --- denials ----------------------------------------------------------- */

START_TEST(test_denials)
{
	struct t t = setup();

	switch (_i) {
	case 0:				/* not this router */
		t.haconf->pmas.n = 1;
		ck_assert_int_eq(sim_reload(t.ha, "ha", t.haconf), 0);
		break;
	case 1:				/* not this router for this node */
		sim_profile_allow(t.s, t.prof, P1);
		break;
	case 2:
		t.haconf->proxy_registration = false;
		break;
	case 3:				/* not our prefix */
		t.prof->home_prefix = sim_prefix("2001:db8:2:1::/64");
		break;
	default:
		ck_abort();
	}
	go(&t, 1, true);
	run(&t, 1000 * SEC);
	nothing(&t);
	ck_assert_uint_eq(sim_ras(t.s), 0);
	ck_assert_uint_eq(pma_stat(&t, 1, "pbu-sent"), 1);
	ck_assert_uint_eq(pma_stat(&t, 1, "denied"), 1);
	sim_mn_rs(t.mn);
	run(&t, 100 * SEC);
	ck_assert_uint_eq(sim_ras(t.s), 0);
	if (_i < 2) {			/* the other one may */
		go(&t, 0, true);
		run(&t, 10 * SEC);
		settled(&t, 0);
	}
	sim_free(t.s);
}
END_TEST

/* Refused at the new place, it is still served when it comes back. */
START_TEST(test_denied_and_back)
{
	struct t t = setup();

	sim_profile_allow(t.s, t.prof, P1);
	go(&t, 0, false);
	run(&t, SEC);
	go(&t, 1, false);
	run(&t, SEC);
	ck_assert(sim_routed(t.pma[1], HNP1, NULL));
	go(&t, 0, true);
	run(&t, 20 * SEC);
	settled(&t, 0);
	ck_assert_uint_eq(t.pma[1]->kernel.sets, 0);
	sim_free(t.s);
}
END_TEST

/* --- time -------------------------------------------------------------- */

/* Cut off for longer than the lifetime: both ends let go, each by itself. */
START_TEST(test_partition)
{
	struct t t = setup();

	go(&t, 0, true);
	run(&t, SEC);
	sim_partition(t.s, P1, HA, true);
	run(&t, 310 * SEC);
	nothing(&t);
	ck_assert(!sim_mn_has_prefix(t.mn, HNP1));
	run(&t, 3600 * SEC);
	sim_partition(t.s, P1, HA, false);
	run(&t, 33 * SEC);
	settled(&t, 0);
	/* and the node moves while the router it leaves is cut off */
	sim_partition(t.s, P1, HA, true);
	go(&t, 1, true);
	run(&t, 20 * SEC);
	settled(&t, 1);
	sim_partition(t.s, P1, HA, false);
	run(&t, 400 * SEC);
	settled(&t, 1);
	sim_free(t.s);
}
END_TEST

START_TEST(test_ten_hours)
{
	struct t t = setup();
	uint64_t sets;

	go(&t, 0, true);
	run(&t, SEC);
	sets = t.ha->kernel.sets;
	for (int i = 0; i < 600; i++) {
		run(&t, 60 * SEC);
		settled(&t, 0);
	}
	ck_assert_uint_eq(t.ha->kernel.sets, sets);
	ck_assert_uint_eq(t.pma[0]->kernel.sets, 1);
	ck_assert_uint_eq(pma_stat(&t, 0, "expired"), 0);
	ck_assert_uint_eq(pma_stat(&t, 0, "pbu-retransmitted"), 0);
	/* 36000 s, one refresh each 228 to 240 s, one RA each 30 s */
	ck_assert_uint_ge(pma_stat(&t, 0, "refreshed"), 149);
	ck_assert_uint_le(pma_stat(&t, 0, "refreshed"), 158);
	ck_assert_uint_ge(t.mn->nra, 1190);
	ck_assert_uint_le(t.mn->nra, 1210);
	sim_free(t.s);
}
END_TEST

int
main(void)
{
	Suite *su = suite_create("roam");
	TCase *tc = tcase_create("roam");

#define T(name) tcase_add_test(tc, name)
#define TL(name, n) tcase_add_loop_test(tc, name, 0, (int)(n))
	T(test_attach);
	T(test_handover);
	T(test_late_deregistration);
	T(test_silent_leave);
	TL(test_one_loss, 16);
	TL(test_random_loss, 15);
	TL(test_bad_network, 8);
	TL(test_both_claim, 4);
	T(test_overtaken);
	TL(test_ha_restarts, 2);
	TL(test_ha_restarts_in_a_handover, 14);
	TL(test_pma_restarts, 2);
	T(test_pma_restarts_and_adopts);
	T(test_pma_stops);
	TL(test_ha_kernel_refuses, 3);
	TL(test_pma_kernel_refuses, 3);
	TL(test_clock_skew, 5);
	TL(test_clock_outside, 2);
	TL(test_denials, 4);
	T(test_denied_and_back);
	T(test_partition);
	T(test_ten_hours);
#undef TL
#undef T
	tcase_set_timeout(tc, 60);
	suite_add_tcase(su, tc);
	return suite_run(su);
}

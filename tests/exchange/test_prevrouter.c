/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The router before us (draft 7.3): each proxy mobile agent tells the home
 * agent its address on the access link, the home agent tells it the next one,
 * and that one makes the node forget it.
 */
#include "exchange/pma_kit.h"
#include "suite.h"

static const char *const coa[2] = { P1, P2 };

struct world {
	struct sim *s;
	struct sim_node *ha, *pma[2];
	struct pma_conf *conf[2];
	struct sim_mn *mn;
};

static struct world
world_new(unsigned ras)
{
	struct world w = { .s = sim_new(3) };

	w.ha = sim_add_ha(w.s, HA, NULL);
	for (unsigned i = 0; i < 2; i++) {
		w.conf[i] = sim_pma_conf(w.s, coa[i]);
		w.conf[i]->previous_ras = ras;
		w.conf[i]->presence_check_us = SEC;
		sim_pma_access(w.s, w.conf[i], "acc0", 0, NULL);
		w.pma[i] = sim_add_pma(w.s, coa[i], w.conf[i]);
	}
	(void)sim_profile(w.s, MN1, HNP1, MAC1);
	w.mn = sim_mn_new(w.s, MAC1);
	return w;
}

static const struct in6_addr *
lla_of(const struct world *w, unsigned i)
{
	return &sim_if(w->pma[i], 1)->lif.linklocal;
}

static void
go(struct world *w, unsigned at)
{
	sim_mn_plug(w->mn, w->pma[at], 1);
	sim_mn_rs(w->mn);
	sim_run_for(w->s, SEC);
	ck_assert(sim_routed(w->ha, HNP1, coa[at]));
	ck_assert(sim_mn_has_prefix(w->mn, HNP1));
}

/* The n-th RA (from 0) of a router, in another's name; NULL: none such. */
static const struct sim_ra *
foreign(const struct world *w, unsigned at, unsigned n)
{
	for (size_t i = 0; i < sim_ras(w->s); i++) {
		const struct sim_ra *r = sim_ra(w->s, i);

		if (r->node == w->pma[at] &&
		    !in6_eq(&r->ra.src, lla_of(w, at)) && n-- == 0)
			return r;
	}
	return NULL;
}

/* D7.3-5: the PBU has our address on the access link, the binding too. */
START_TEST(test_reported)
{
	struct world w = world_new(2);
	const struct sim_pkt *p;

	go(&w, 0);
	p = sim_next_mh(w.s, MH_BU, P1, HA);
	ck_assert_ptr_nonnull(p);
	ck_assert(p->m.o.have & MHO_LINK_LOCAL);
	ck_assert(in6_eq(&p->m.o.link_local, lla_of(&w, 0)));
	/* nobody was there before */
	p = sim_next_mh(w.s, MH_BA, HA, P1);
	ck_assert(!(p->m.o.have & MHO_LINK_LOCAL));
	/* a refresh is no move */
	sim_run_for(w.s, 600 * SEC);
	ck_assert_uint_eq(w.mn->nprev, 0);
	/* a de-registration tells nothing */
	sim_attach(w.pma[0], ATTACH_DOWN, ATTACH_BY_FDB, 1, MAC1, NULL);
	sim_skip(w.s);
	sim_run_for(w.s, SEC);
	for (size_t i = 0; i < sim_pkts(w.s); i++) {
		p = sim_pkt(w.s, i);
		if (p->m.type == MH_BU && p->m.bu.lifetime_4s == 0)
			ck_assert(!(p->m.o.have & MHO_LINK_LOCAL));
	}
	sim_free(w.s);
}
END_TEST

/* D7.3-4, D7.3-5, A29: withdrawn as often as configured, and then no more. */
START_TEST(test_withdrawn)
{
	struct world w = world_new((unsigned)_i + 1);
	const struct sim_ra *r;
	const struct sim_pkt *p;

	go(&w, 0);
	sim_skip(w.s);
	go(&w, 1);
	p = sim_next_mh(w.s, MH_BA, HA, P2);
	ck_assert(p->m.o.have & MHO_LINK_LOCAL);
	ck_assert(in6_eq(&p->m.o.link_local, lla_of(&w, 0)));
	sim_run_for(w.s, 600 * SEC);
	ck_assert_uint_eq(w.mn->nprev, (unsigned)_i + 1);
	for (unsigned n = 0; n <= (unsigned)_i; n++) {
		r = foreign(&w, 1, n);
		ck_assert(r->good && in6_eq(&r->ra.src, lla_of(&w, 0)));
		ck_assert_uint_eq(r->ra.router_lifetime_s, 0);
		ck_assert_uint_eq(r->ra.npio, 0);
		ck_assert(!r->ra.has_lladdr);
		ck_assert(!r->l2_multicast && mac_eq(&r->l2_dst,
		    &w.mn->mac));
		ck_assert(in6_eq(&r->ra.dst, &nd_all_nodes));
		if (n > 0)
			ck_assert_int_ge(r->at - foreign(&w, 1, n - 1)->at,
			    3 * SEC);
	}
	/* It has had a router of ours before it lost that one. */
	for (size_t i = 0; i < sim_ras(w.s); i++) {
		r = sim_ra(w.s, i);
		if (r->node == w.pma[1])
			break;
	}
	ck_assert(in6_eq(&r->ra.src, lla_of(&w, 1)));
	ck_assert_uint_gt(r->ra.router_lifetime_s, 0);
	ck_assert_uint_eq(sim_stat(w.pma[1], "pma", "previous-withdrawn"),
	    (unsigned)_i + 1);
	/* and the way back */
	go(&w, 0);
	r = foreign(&w, 0, 0);
	ck_assert_ptr_nonnull(r);
	ck_assert(in6_eq(&r->ra.src, lla_of(&w, 1)));
	sim_free(w.s);
}
END_TEST

/* D7.3-6: switched off, or all routers alike: nothing of it. */
START_TEST(test_not_withdrawn)
{
	struct world w = world_new(_i == 0 ? 0 : 2);

	if (_i == 1) {
		for (unsigned i = 0; i < 2; i++) {
			struct sim_if *f = sim_if(w.pma[i], 1);

			f->lif.linklocal =
			    sim_in6("fe80::200:5eff:fe00:5213");
			sim_if_up(w.pma[i], 1, true);
		}
	}
	go(&w, 0);
	go(&w, 1);
	sim_run_for(w.s, 100 * SEC);
	ck_assert_uint_eq(w.mn->nprev, 0);
	for (size_t i = 0; i < sim_pkts(w.s) && _i == 0; i++)
		ck_assert(!(sim_pkt(w.s, i)->m.o.have & MHO_LINK_LOCAL));
	sim_free(w.s);
}
END_TEST

/* A29: what no router can be is not withdrawn; a node that leaves first. */
START_TEST(test_impossible)
{
	static const char *const bad[] = { "::", "ff02::1", "2001:db8::1" };
	struct t t = setup();
	struct mh_msg m;
	const struct sim_pkt *p;

	sim_mn_rs(t.mn1);
	p = pbu(&t);
	m = answer_to(p, BA_ACCEPTED, 300);
	m.o.have |= MHO_LINK_LOCAL;
	m.o.link_local = _i < 3 ? sim_in6(bad[_i]) : sim_in6("fe80::77");
	say(&t, p, &m);
	if (_i == 3) {
		ck_assert_uint_eq(t.mn1->nprev, 1);
		sim_attach(t.pma, ATTACH_DOWN, ATTACH_BY_FDB, 1, MAC1, NULL);
	}
	sim_run_for(t.s, 100 * SEC);
	ck_assert_uint_eq(t.mn1->nprev, _i == 3 ? 1 : 0);
	sim_free(t.s);
}
END_TEST

int
main(void)
{
	Suite *su = suite_create("prevrouter");
	TCase *tc = tcase_create("prevrouter");

	tcase_add_test(tc, test_reported);
	tcase_add_loop_test(tc, test_withdrawn, 0, 3);
	tcase_add_loop_test(tc, test_not_withdrawn, 0, 2);
	tcase_add_loop_test(tc, test_impossible, 0, 4);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(su, tc);
	return suite_run(su);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every address a node can have, as the proxy mobile agent sees it, against
 * answers that are made by hand: addresses of a shared prefix (D6.10-13 to
 * -16), learnt ones in a prefix of the node's own (D6.10-12), IPv4 home
 * addresses (draft 5.6) and ARP for their routers (6.5); what is learnt,
 * renewed, changed, lost, refused, and when (PROTOCOL 5.1, 5.4).
 *
 * DHCP itself is not here: what a relay would report is said directly.
 */
#include <errno.h>
#include <limits.h>

#include "exchange/pma_kit.h"
#include "nd/arp.h"
#include "roles/pma/pma.h"
#include "suite.h"

#define SHARED "2001:db8:1:5::/64"
#define A1 "2001:db8:1:5::a1"
#define A2 "2001:db8:1:5::a2"
#define A3 "2001:db8:1:5::a3"
#define OWN1 "2001:db8:1:1::d1"		/* in HNP1 */
#define SUBNET4 "10.1.0.0/24"
#define GW4 "10.1.0.1"
#define V4 "10.1.0.5"
#define V4B "10.1.0.6"
#define INF LEASE_INFINITE
#define DAY_S 86400

/* --- the relay, by hand -------------------------------------------------- */

static struct bule *
node(struct t *t)
{
	struct role *r = sim_role(t->pma, "pma");

	wheel_touch(t->pma->env.wheel, sim_now(t->s));
	return list_by_nai(pma_of(r), MN1, strlen(MN1));
}

static void
learn(struct t *t, const char *addr, uint32_t valid_s)
{
	struct in6_addr a = sim_in6(addr);

	fsm_learn_hoa(node(t), &a, valid_s);
	sim_settle(t->s);
}

static struct in_addr
in4(const char *text)
{
	struct in_addr a = { INADDR_ANY };

	if (text != NULL)
		ck_assert_int_eq(in4_parse(text, &a), 0);
	return a;
}

static void
learn4_gw(struct t *t, const char *addr, uint8_t plen, const char *router,
    uint32_t lease_s)
{
	struct in_addr a = in4(addr), r = in4(router);

	fsm_learn_ip4(node(t), &a, plen, &r, lease_s);
	sim_settle(t->s);
}

static void
learn4(struct t *t, const char *addr, uint32_t lease_s)
{
	learn4_gw(t, addr, 24, GW4, lease_s);
}

static void
forget(struct t *t)
{
	fsm_forget_hoa(node(t), "released");
	sim_settle(t->s);
}

static void
forget4(struct t *t)
{
	fsm_forget_ip4(node(t), "released");
	sim_settle(t->s);
}

static enum dhcp_gate
gate(struct t *t)
{
	return fsm_dhcp_gate(node(t), AF_INET6);
}

static enum dhcp_gate
gate4(struct t *t)
{
	return fsm_dhcp_gate(node(t), AF_INET);
}

/* --- the home agent, by hand --------------------------------------------- */

/* An accepting answer; what is zero is as it should be. */
struct a {
	const char *hnp;	/* instead of what the request had */
	bool no_hnp;
	const char *ip4;	/* instead of what it had */
	uint8_t status4, plen4;	/* 24 */
	const char *router;	/* GW4 */
	bool no_ip4;
};

static struct mh_msg
answer(const struct sim_pkt *p, struct a a)
{
	struct mh_msg m = answer_to(p, BA_ACCEPTED, 300);
	struct mh_ip4 v = p->m.o.have & MHO_IP4_HOA ? p->m.o.ip4_hoa :
	    p->m.o.ip4_req;

	if (a.hnp != NULL) {
		m.o.have |= MHO_HNP;
		m.o.nhnp = 1;
		m.o.hnp[0] = sim_prefix(a.hnp);
	} else if (a.no_hnp) {
		m.o.have &= ~(uint32_t)MHO_HNP;
		m.o.nhnp = 0;
	}
	if (a.ip4 != NULL)
		v.addr = in4(a.ip4);
	v.plen = a.plen4 > 0 ? a.plen4 : 24;
	v.status = a.status4;
	if (a.no_ip4)
		return m;
	if (p->m.o.have & MHO_IP4_HOA) {
		m.o.have |= MHO_IP4_ACK;
		m.o.ip4_ack = v;
	} else if (p->m.o.have & MHO_IP4_REQ) {
		m.o.have |= MHO_IP4_REPLY;
		m.o.ip4_reply = v;
		if (v.status == 0) {
			m.o.have |= MHO_IP4_ROUTER;
			m.o.ip4_router = in4(a.router != NULL ? a.router :
			    GW4);
		}
	}
	return m;
}

static void
accept_as(struct t *t, const struct sim_pkt *p, struct a a)
{
	struct mh_msg m = answer(p, a);

	ck_assert_uint_gt(p->m.bu.lifetime_4s, 0);
	say(t, p, &m);
}

/* The next request names that home (NULL: nothing); accept it. */
static const struct sim_pkt *
names(struct t *t, const char *home)
{
	const struct sim_pkt *p = pbu(t);
	struct prefix want;

	ck_assert_uint_eq((p->m.o.have & MHO_HNP) != 0, home != NULL);
	if (home == NULL)
		return p;
	want = sim_prefix(home);
	ck_assert_uint_eq(p->m.o.nhnp, 1);
	ck_assert(prefix_eq(&p->m.o.hnp[0], &want));
	return p;
}

static void
takes(struct t *t, const char *home)
{
	accept_as(t, names(t, home), (struct a){ 0 });
}

/* What option 29 of it says; NULL: there is none. */
static void
says_ip4(const struct sim_pkt *p, const char *addr)
{
	ck_assert(!(p->m.o.have & MHO_IP4_REQ));
	ck_assert_uint_eq((p->m.o.have & MHO_IP4_HOA) != 0, addr != NULL);
	if (addr != NULL)
		ck_assert_uint_eq(p->m.o.ip4_hoa.addr.s_addr,
		    in4(addr).s_addr);
}

static void
no_pbu(struct t *t, usec_t usec)
{
	sim_expect_silence(t->s, P1, NULL, usec);
}

/* --- worlds -------------------------------------------------------------- */

/* mn1 has an address of a shared prefix. */
static struct t
setup_shared(const char *address)
{
	struct t t = setup_stopped();

	t.prof1 = sim_profile_shared(t.s, MN1, SHARED, address, MAC1);
	start(&t);
	return t;
}

/* mn1 has a prefix of its own and IPv4. */
static struct t
setup_ip4(const char *address)
{
	struct t t = setup_stopped();

	sim_profile_ip4(t.prof1, SUBNET4, GW4, address);
	start(&t);
	return t;
}

/* Shared-Prefix, its address known to the home agent (or: said by it). */
static struct t
bound(void)
{
	struct t t = setup_shared(NULL);

	sim_mn_rs(t.mn1);
	accept_as(&t, names(&t, NULL), (struct a){ .hnp = A1 "/128" });
	ck_assert(in_state(&t, MN1, "active"));
	return t;
}

/* Shared-Prefix, nobody knows an address. */
static struct t
waiting(void)
{
	struct t t = setup_shared(NULL);

	sim_mn_rs(t.mn1);
	ack(&t, names(&t, NULL), BA_HOME_ADDRESS_REQUIRED, 0);
	ck_assert(in_state(&t, MN1, "waiting-for-dhcp"));
	return t;
}

/* Shared-Prefix, learnt by DHCP. */
static struct t
leased(uint32_t valid_s)
{
	struct t t = waiting();

	learn(&t, A1, valid_s);
	takes(&t, A1 "/128");
	ck_assert(in_state(&t, MN1, "active"));
	return t;
}

/* Both families, IPv4 by DHCP. */
static struct t
dual(uint32_t lease_s)
{
	struct t t = setup_ip4(NULL);
	const struct sim_pkt *p;

	sim_mn_rs(t.mn1);
	p = names(&t, HNP1);
	says_ip4(p, "0.0.0.0");
	accept_as(&t, p, (struct a){ .status4 = 132 });
	learn4(&t, V4, lease_s);
	p = names(&t, HNP1);
	says_ip4(p, V4);
	accept_as(&t, p, (struct a){ 0 });
	ck_assert(sim_routed(t.pma, V4 "/32", HA));
	return t;
}

static bool
shows(struct t *t, const char *what)
{
	return shown(t, "\"show mn\",\"args\":{\"nai\":\"" MN1 "\"}", what);
}

/* Nothing of the node is in the kernel. */
static void
no_paths(struct t *t)
{
	sim_settle(t->s);
	ck_assert_uint_eq(sim_kpaths(t->pma), 0);
	ck_assert_uint_eq(t->pma->kernel.ntunnels, 0);
}

/* --- Router Advertisements ----------------------------------------------- */

static const struct {
	enum addr_model model;
	enum addr_config config;
	bool other;		/* knob */
	bool m, o, l, a;
} flags[] = {
	{ MODEL_PER_MN_PREFIX, ADDRCONF_SLAAC, false, 0, 0, 1, 1 },
	{ MODEL_PER_MN_PREFIX, ADDRCONF_SLAAC, true, 0, 1, 1, 1 },
	{ MODEL_PER_MN_PREFIX, ADDRCONF_DHCP, false, 1, 1, 1, 0 },
	{ MODEL_PER_MN_PREFIX, ADDRCONF_BOTH, false, 1, 1, 1, 1 },
	{ MODEL_SHARED_PREFIX, ADDRCONF_DHCP, false, 1, 1, 0, 0 },
	/* whatever else is written there: no SLAAC in a shared prefix */
	{ MODEL_SHARED_PREFIX, ADDRCONF_SLAAC, false, 1, 1, 0, 0 },
	{ MODEL_SHARED_PREFIX, ADDRCONF_BOTH, true, 1, 1, 0, 0 },
};

/* D6.1-1, -2, -3, -5, -6, D6.11-3, D3-7, D7.1-4, A27: what a model permits. */
START_TEST(test_flags)
{
	struct t t = setup_shared(A1);
	struct prefix shared = sim_prefix(SHARED);
	const struct nd_ra *ra = &t.mn1->ra.ra;

	t.prof1->model = flags[_i].model;
	if (t.prof1->model == MODEL_PER_MN_PREFIX)
		t.prof1->home_address = in6addr_any;
	t.prof1->addr_config = flags[_i].config;
	t.conf->ra.other = flags[_i].other;
	sim_mn_rs(t.mn1);
	admit(&t, 300);
	ck_assert_uint_eq(t.mn1->nra, 1);
	ck_assert_uint_eq(ra->managed, flags[_i].m);
	ck_assert_uint_eq(ra->other, flags[_i].o);
	ck_assert_uint_eq(ra->npio, 1);
	ck_assert(prefix_eq(&ra->pio[0].prefix, &shared));
	ck_assert_uint_eq(ra->pio[0].onlink, flags[_i].l);
	ck_assert_uint_eq(ra->pio[0].autonomous, flags[_i].a);
	ck_assert_uint_gt(ra->pio[0].valid_s, 0);
	ck_assert_uint_gt(ra->router_lifetime_s, 0);
	ck_assert(shows(&t, flags[_i].model == MODEL_PER_MN_PREFIX ?
	    "\"model\":\"per-mn-prefix\"" :
	    "\"model\":\"shared-prefix\""));
	/* and taken back, with the same flags */
	sim_attach(t.pma, ATTACH_DOWN, ATTACH_BY_CTL, 1, MAC1, NULL);
	ck_assert_uint_eq(t.mn1->nra, 2);
	ck_assert_uint_eq(ra->managed, flags[_i].m);
	ck_assert_uint_eq(ra->router_lifetime_s, 0);
	ck_assert_uint_eq(ra->pio[0].valid_s + ra->pio[0].preferred_s, 0);
	sim_free(t.s);
}
END_TEST

/* --- Shared-Prefix: without DHCP ----------------------------------------- */

/*
 * D6.10-14, -15, D6.7-3, -4, A18: no option; the answer has the address, which
 * alone is hosted and steered.
 */
START_TEST(test_address_of_home_agent)
{
	struct t t = setup_shared(NULL);
	const struct sim_kpath *k;

	sim_mn_rs(t.mn1);
	ck_assert_ptr_nonnull(names(&t, NULL));
	sim_run_for(t.s, 500 * USEC_PER_MSEC);
	ck_assert_uint_eq(sim_ras(t.s), 0);	/* nothing before acceptance */
	ck_assert_uint_eq(sim_kpaths(t.pma), 0);
	accept_as(&t, names(&t, NULL), (struct a){ .hnp = A1 "/128" });
	k = sim_kpath(t.pma, A1 "/128");
	ck_assert_ptr_nonnull(k);
	ck_assert(k->side == DP_PMA && k->access_ifindex == 1);
	ck_assert(mac_eq(&k->mac, &t.mn1->mac));
	ck_assert(sim_routed(t.pma, SHARED, NULL));
	ck_assert_uint_eq(sim_kpaths(t.pma), 1);
	ck_assert(sim_mn_has_prefix(t.mn1, SHARED));
	ck_assert(shows(&t, "\"hoa\":\"" A1 "\""));
	ck_assert(shows(&t, "\"hoa_from\":\"home-agent\""));
	ck_assert(shows(&t, "\"hoa_lease\":null"));
	/* from now on it says what it knows; on the way out, too */
	takes(&t, A1 "/128");
	sim_attach(t.pma, ATTACH_DOWN, ATTACH_BY_CTL, 1, MAC1, NULL);
	ck_assert_uint_eq(names(&t, A1 "/128")->m.bu.lifetime_4s, 0);
	no_paths(&t);
	sim_free(t.s);
}
END_TEST

/* D6.10-15, -19: it leaves before it has ever named what it was told. */
START_TEST(test_told_and_gone)
{
	struct t t = bound();

	sim_attach(t.pma, ATTACH_DOWN, ATTACH_BY_CTL, 1, MAC1, NULL);
	ck_assert_uint_eq(names(&t, A1 "/128")->m.bu.lifetime_4s, 0);
	no_paths(&t);
	sim_free(t.s);
}
END_TEST

/* D6.10-15: what an answer without option must say, and what it must not. */
static const struct {
	const char *hnp;
	const char *state;
} odd[] = {
	{ NULL, "waiting-for-dhcp" },		/* accepted, but what? */
	{ SHARED, "waiting-for-dhcp" },
	{ "2001:db8:1:6::a1/128", "registering" },	/* not about us */
	{ "2001:db8:1::/48", "registering" },
};
START_TEST(test_odd_address)
{
	struct t t = setup_shared(NULL);

	sim_mn_rs(t.mn1);
	accept_as(&t, names(&t, NULL), (struct a){ .hnp = odd[_i].hnp,
	    .no_hnp = odd[_i].hnp == NULL });
	ck_assert(in_state(&t, MN1, odd[_i].state));
	ck_assert_uint_eq(sim_kpaths(t.pma), 0);
	ck_assert_uint_eq(promises(&t), 0);
	sim_free(t.s);
}
END_TEST

/* 5.9, D6.10-13: an address that stands in the profile needs no DHCP. */
START_TEST(test_static)
{
	struct t t = setup_shared(A1);

	sim_mn_rs(t.mn1);
	takes(&t, A1 "/128");
	ck_assert(sim_routed(t.pma, A1 "/128", HA));
	ck_assert(shows(&t, "\"hoa_from\":\"profile\""));
	/* DHCP has nothing to say about it */
	learn(&t, A2, 100);
	forget(&t);
	no_pbu(&t, 150 * SEC);
	ck_assert(sim_routed(t.pma, A1 "/128", HA));
	takes(&t, A1 "/128");
	sim_free(t.s);
}
END_TEST

/* 147 makes no sense to who was told an address: no waiting. */
START_TEST(test_static_refused)
{
	struct t t = setup_shared(A1);

	sim_mn_rs(t.mn1);
	ack(&t, names(&t, A1 "/128"), BA_HOME_ADDRESS_REQUIRED, 0);
	ck_assert(in_state(&t, MN1, "denied"));
	ck_assert_int_eq(gate(&t), DHCP_DROP);
	no_paths(&t);
	ck_assert_uint_eq(sim_ras(t.s), 0);
	sim_free(t.s);
}
END_TEST

/* D6.10-13: an answer about another address than the one named is none. */
START_TEST(test_answer_about_another)
{
	struct t t = setup_shared(A1);

	sim_mn_rs(t.mn1);
	accept_as(&t, names(&t, A1 "/128"), (struct a){ .hnp = A2 "/128" });
	ck_assert(in_state(&t, MN1, "registering"));
	ck_assert_uint_eq(stat_of(&t, "pba-stray"), 1);
	accept_as(&t, names(&t, A1 "/128"), (struct a){ .no_hnp = true });
	ck_assert(in_state(&t, MN1, "active"));
	sim_free(t.s);
}
END_TEST

/* --- Shared-Prefix: waiting for DHCP ------------------------------------- */

/*
 * D6.10-16, D6.10-18, -13 (5.1: REG, 147; WAIT_DHCP, DHCP): no PBU until DHCP
 * speaks; an advertisement that makes the node do DHCP and routes nothing.
 */
START_TEST(test_wait_for_dhcp)
{
	struct t t = waiting();
	const struct nd_ra *ra = &t.mn1->ra.ra;

	for (unsigned i = 1; i <= 4; i++) {
		ck_assert_uint_eq(t.mn1->nra, i);
		ck_assert(ra->managed && ra->other);
		ck_assert_uint_eq(ra->router_lifetime_s, 0);
		ck_assert_uint_eq(ra->npio, 0);
		ck_assert(!t.mn1->ra.l2_multicast);
		/* each solicitation has its answer, and no PBU */
		sim_mn_rs(t.mn1);
		no_pbu(&t, 4 * SEC);
	}
	ck_assert_uint_eq(sim_seen(t.pma, "waiting-for-dhcp"), 1);
	ck_assert_uint_eq(stat_of(&t, "waited-for-dhcp"), 1);
	ck_assert_int_eq(gate(&t), DHCP_RELAY);
	no_paths(&t);
	/* one is lost perhaps: it is repeated */
	no_pbu(&t, 600 * SEC);
	ck_assert_uint_gt(t.mn1->nra, 15);
	ck_assert_uint_eq(promises(&t), 0);
	learn(&t, A1, 3600);
	ck_assert(in_state(&t, MN1, "registering"));
	ck_assert_int_eq(gate(&t), DHCP_HOLD);
	ck_assert_uint_eq(promises(&t), 0);
	takes(&t, A1 "/128");
	ck_assert(in_state(&t, MN1, "active"));
	ck_assert(sim_routed(t.pma, A1 "/128", HA));
	ck_assert(sim_mn_has_prefix(t.mn1, SHARED));
	ck_assert_uint_gt(ra->router_lifetime_s, 0);
	ck_assert(shows(&t, "\"hoa_from\":\"dhcp\""));
	ck_assert(shows(&t, "\"hoa_lease\":3"));
	ck_assert_uint_eq(sim_seen(t.pma, "address-learnt"), 1);
	sim_free(t.s);
}
END_TEST

/* 5.1: WAIT_DHCP, detach: the home agent knows of it, so it is told. */
START_TEST(test_wait_and_leave)
{
	struct t t = waiting();

	sim_attach(t.pma, ATTACH_DOWN, ATTACH_BY_CTL, 1, MAC1, NULL);
	ack(&t, names(&t, NULL), BA_ACCEPTED, 0);
	ck_assert(!known(&t, MN1));
	ck_assert_uint_eq(wheel_count(t.pma->env.wheel), 0);
	sim_free(t.s);
}
END_TEST

/*
 * It may have gone elsewhere, done DHCP there, and come back: a solicitation
 * after a long silence, or any real news of an attachment, asks again.
 */
START_TEST(test_wait_and_return)
{
	struct t t = waiting();

	if (_i == 0) {
		no_pbu(&t, 40 * SEC);
		sim_mn_rs(t.mn1);
	} else if (_i == 1) {
		no_pbu(&t, SEC);
		sim_attach(t.pma, ATTACH_UP, ATTACH_BY_CTL, 1, MAC1, MN1);
	} else {
		sim_attach(t.pma, ATTACH_UP, ATTACH_BY_NEIGHBOUR, 1, MAC1,
		    NULL);
		no_pbu(&t, 100 * SEC);	/* no news */
		sim_free(t.s);
		return;
	}
	accept_as(&t, names(&t, NULL), (struct a){ .hnp = A2 "/128" });
	ck_assert(sim_routed(t.pma, A2 "/128", HA));
	sim_free(t.s);
}
END_TEST

/* 147 at a refresh, when we have not said an address: the same. */
START_TEST(test_wait_after_loss)
{
	struct t t = bound();

	/* the home agent has forgotten it, and the lease has run out here */
	forget(&t);
	ack(&t, pbu(&t), BA_ACCEPTED, 0);
	ck_assert(in_state(&t, MN1, "waiting-for-dhcp"));
	no_paths(&t);
	no_pbu(&t, 600 * SEC);
	sim_free(t.s);
}
END_TEST

/* The access link is lost and found while it waits. */
START_TEST(test_wait_and_move)
{
	struct t t = setup_stopped();
	unsigned had;

	t.prof1 = sim_profile_shared(t.s, MN1, SHARED, NULL, MAC1);
	sim_pma_access(t.s, t.conf, "acc0", 0, NULL);
	sim_pma_access(t.s, t.conf, "acc1", 0, NULL);
	start(&t);
	sim_mn_rs(t.mn1);
	ack(&t, names(&t, NULL), BA_HOME_ADDRESS_REQUIRED, 0);
	had = t.mn1->nra;
	sim_mn_plug(t.mn1, t.pma, 2);
	sim_mn_rs(t.mn1);
	ack(&t, names(&t, NULL), BA_HOME_ADDRESS_REQUIRED, 0);
	ck_assert_uint_gt(t.mn1->nra, had);
	ck_assert_uint_eq(t.mn1->ra.ifindex, 2);
	learn(&t, A1, INF);
	takes(&t, A1 "/128");
	ck_assert_uint_eq(sim_kpath(t.pma, A1 "/128")->access_ifindex, 2);
	sim_free(t.s);
}
END_TEST

/* --- learning (PROTOCOL 5.4) --------------------------------------------- */

/* 5.4, outside home prefix: refused, counted, logged. */
START_TEST(test_learn_outside)
{
	static const char *const bad[] = { "2001:db8:1:6::1", "fe80::1", "::",
		"ff02::1" };
	struct t t = waiting();

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		learn(&t, bad[i], 100);
	no_pbu(&t, 100 * SEC);
	ck_assert_uint_eq(stat_of(&t, "address-outside"), ARRAY_LEN(bad));
	ck_assert_uint_eq(stat_of(&t, "addresses-learnt"), 0);
	ck_assert_uint_gt(sim_seen(t.pma, "address-outside"), 0);
	ck_assert(in_state(&t, MN1, "waiting-for-dhcp"));
	sim_free(t.s);
}
END_TEST

/* Of IPv4: also no address that cannot be a node's. */
START_TEST(test_learn4_outside)
{
	static const char *const bad[] = { "10.1.1.5", "0.0.0.0", GW4,
		"127.0.0.1", "224.0.0.1" };
	struct t t = dual(INF);

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		learn4(&t, bad[i], 100);
	no_pbu(&t, 100 * SEC);
	ck_assert_uint_eq(stat_of(&t, "address-outside"), ARRAY_LEN(bad));
	ck_assert(sim_routed(t.pma, V4 "/32", HA));
	sim_free(t.s);
}
END_TEST

/* Who has no IPv4 service learns none. */
START_TEST(test_learn4_without_service)
{
	struct t t = setup();

	attach(&t);
	learn4(&t, V4, 100);
	forget4(&t);
	no_pbu(&t, 100 * SEC);
	ck_assert_uint_eq(stat_of(&t, "address-outside"), 1);
	ck_assert_int_eq(gate(&t), DHCP_RELAY);
	ck_assert_int_eq(gate4(&t), DHCP_DROP);
	ck_assert(shows(&t, "\"ipv4\":\"no-service\""));
	ck_assert(shows(&t, "\"router4\":null"));
	sim_free(t.s);
}
END_TEST

/* Renewed: the lease goes on, the home agent hears nothing of it. */
START_TEST(test_renewed)
{
	struct t t = leased(100);

	t.conf->refresh_percent = 80;
	for (int i = 0; i < 5; i++) {
		no_pbu(&t, 40 * SEC);
		learn(&t, A1, 100);
	}
	ck_assert_uint_eq(stat_of(&t, "addresses-learnt"), 1);
	ck_assert_uint_eq(stat_of(&t, "addresses-forgotten"), 0);
	ck_assert(sim_routed(t.pma, A1 "/128", HA));
	sim_free(t.s);
}
END_TEST

/* 0xffffffff never ends; the next word of DHCP counts. */
START_TEST(test_infinite)
{
	struct t t = leased(INF);

	ck_assert(shows(&t, "\"hoa_lease\":null"));
	for (int i = 0; i < 20; i++)
		takes(&t, A1 "/128");
	learn(&t, A1, 10);
	ck_assert(shows(&t, "\"hoa_lease\":10"));
	sim_run_for(t.s, 11 * SEC);
	ck_assert(in_state(&t, MN1, "deregistering"));
	sim_free(t.s);
}
END_TEST

/* One that is longer than a timer reaches ends all the same. */
START_TEST(test_long_lease)
{
	struct t t = leased(1000);

	learn(&t, A1, 100 * DAY_S);
	ck_assert(shows(&t, "\"hoa_lease\":8640000"));
	/* in a state in which nothing else happens */
	t.prof1->pmip = false;
	sim_policy_changed(t.s);
	sim_run_for(t.s, 99 * DAY_S * SEC);
	ck_assert(in_state(&t, MN1, "denied"));
	ck_assert_uint_eq(sim_seen(t.pma, "address-forgotten"), 0);
	sim_run_for(t.s, 2 * DAY_S * SEC);
	ck_assert_uint_eq(sim_seen(t.pma, "address-forgotten"), 1);
	sim_free(t.s);
}
END_TEST

/* What the home agent said gets a lease when DHCP speaks. */
START_TEST(test_lease_after_dnav6)
{
	struct t t = bound();

	learn(&t, A1, 1000);
	no_pbu(&t, 100 * SEC);
	ck_assert(shows(&t, "\"hoa_from\":\"dhcp\""));
	ck_assert(shows(&t, "\"hoa_lease\":900"));
	sim_free(t.s);
}
END_TEST

/*
 * D6.10-13: DHCP gave it another one.  The new path is there before the old
 * one goes, and the old one serves until the home agent has agreed.
 */
START_TEST(test_changed)
{
	struct t t = leased(1000);
	const struct sim_pkt *p;
	usec_t limit;
	struct mh_msg m;

	t.pma->kernel.delay_us = 100 * USEC_PER_MSEC;
	learn(&t, A2, 1000);
	ck_assert(in_state(&t, MN1, "refreshing"));
	p = names(&t, A2 "/128");
	ck_assert(sim_routed(t.pma, A1 "/128", HA));
	ck_assert(sim_routed(t.pma, A2 "/128", NULL));
	m = answer(p, (struct a){ 0 });
	sim_send_mh(t.s, HA, P1, &m);
	limit = sim_now(t.s) + SEC;
	while (sim_step(t.s, limit))
		ck_assert(!sim_routed(t.pma, A1 "/128", NULL) ||
		    !sim_routed(t.pma, A2 "/128", NULL));
	ck_assert(in_state(&t, MN1, "active"));
	ck_assert(sim_routed(t.pma, A1 "/128", NULL));
	ck_assert(sim_routed(t.pma, A2 "/128", HA));
	ck_assert_uint_eq(sim_kpaths(t.pma), 1);
	ck_assert_uint_eq(sim_tunnel(t.pma, P1, HA)->users, 1);
	/* events about an address find the node by the present one */
	ck_assert_ptr_eq(list_by_addr(node(&t)->pma, &node(&t)->more->hoa),
	    node(&t));
	sim_free(t.s);
}
END_TEST

/* The home agent does not agree: denied, and nothing is left of either. */
START_TEST(test_change_refused)
{
	struct t t = leased(1000);

	learn(&t, A2, 1000);
	ack(&t, names(&t, A2 "/128"), BA_DAD_FAILED, 0);
	ck_assert(in_state(&t, MN1, "denied"));
	no_paths(&t);
	ck_assert(!sim_mn_has_prefix(t.mn1, SHARED));
	ck_assert_int_eq(gate(&t), DHCP_DROP);
	sim_free(t.s);
}
END_TEST

/*
 * Learnt while an answer is under way: the answer is about something else now
 * (a stray), the fresh PBU counts.  In REG, REREG, and when the data plane is
 * at it.
 */
START_TEST(test_learnt_in_between)
{
	struct t t = waiting();
	const struct sim_pkt *p;

	if (_i == 1) {
		learn(&t, A3, 1000);
		takes(&t, A3 "/128");
		sim_mn_rs(t.mn1);		/* registers again */
		sim_run_for(t.s, USEC_PER_MSEC);
		ck_assert(in_state(&t, MN1, "refreshing"));
		p = names(&t, A3 "/128");
	} else {
		learn(&t, A1, 1000);
		p = names(&t, A1 "/128");
	}
	if (_i == 2) {
		t.pma->kernel.delay_us = SEC;
		accept_as(&t, p, (struct a){ 0 });
		ck_assert(in_state(&t, MN1, "registering"));
		learn(&t, A2, 1000);
	} else {
		learn(&t, A2, 1000);
		accept_as(&t, p, (struct a){ 0 });
		ck_assert_uint_eq(stat_of(&t, "pba-stray"), 1);
	}
	takes(&t, A2 "/128");
	sim_run_for(t.s, 5 * SEC);
	ck_assert(in_state(&t, MN1, "active"));
	ck_assert(sim_routed(t.pma, A2 "/128", HA));
	ck_assert_uint_eq(sim_kpaths(t.pma), 1);
	no_pbu(&t, 100 * SEC);
	sim_free(t.s);
}
END_TEST

/* The answer to the PBU without option crosses what DHCP says: DHCP counts. */
START_TEST(test_learnt_while_asking)
{
	struct t t = setup_shared(NULL);
	const struct sim_pkt *p;

	sim_mn_rs(t.mn1);
	p = names(&t, NULL);
	learn(&t, A1, 1000);
	if (_i == 0)
		ack(&t, p, BA_HOME_ADDRESS_REQUIRED, 0);
	else
		accept_as(&t, p, (struct a){ .hnp = A2 "/128" });
	ck_assert(in_state(&t, MN1, "registering"));
	takes(&t, A1 "/128");
	ck_assert(sim_routed(t.pma, A1 "/128", HA));
	ck_assert_uint_eq(sim_kpaths(t.pma), 1);
	sim_free(t.s);
}
END_TEST

/* More addresses than the kernel gives back: no entry grows without end. */
START_TEST(test_many_addresses)
{
	struct t t = leased(INF);

	t.pma->kernel.refuse_del = UINT_MAX;
	for (unsigned i = 0; i < 30; i++) {
		char addr[64], home[80];

		snprintf(addr, sizeof(addr), "2001:db8:1:5::%x", 0x100 + i);
		snprintf(home, sizeof(home), "%s/128", addr);
		if (!known(&t, MN1) || in_state(&t, MN1, "backoff"))
			break;
		learn(&t, addr, INF);
		takes(&t, home);
		ck_assert_uint_lt(i, 10);
	}
	ck_assert(in_state(&t, MN1, "backoff"));
	ck_assert(!sim_mn_has_prefix(t.mn1, SHARED));
	ck_assert_uint_lt(sim_kpaths(t.pma), 8);
	/* it gives in: everything is as it should be */
	t.pma->kernel.refuse_del = 0;
	sim_run_for(t.s, 31 * SEC);
	ck_assert_uint_eq(sim_kpaths(t.pma), 0);
	sim_skip(t.s);
	admit(&t, 300);
	ck_assert_uint_eq(sim_kpaths(t.pma), 1);
	sim_free(t.s);
}
END_TEST

/* --- losing it ----------------------------------------------------------- */

/*
 * 5.1, 5.4 (Release, Decline, NoBinding, lease expiry): de-registered; the
 * node is still here, so back to DHCP.
 */
START_TEST(test_lost)
{
	struct t t = leased(100);
	const struct nd_ra *ra = &t.mn1->ra.ra;
	const struct sim_pkt *p;

	if (_i == 0)
		sim_run_for(t.s, 100 * SEC + 100 * USEC_PER_MSEC);
	else
		forget(&t);
	ck_assert(in_state(&t, MN1, "deregistering"));
	ck_assert_int_eq(gate(&t), DHCP_HOLD);
	no_paths(&t);
	ck_assert(!sim_mn_has_prefix(t.mn1, SHARED));
	p = names(&t, A1 "/128");
	ck_assert_uint_eq(p->m.bu.lifetime_4s, 0);
	ack(&t, p, BA_ACCEPTED, 0);
	ck_assert(in_state(&t, MN1, "waiting-for-dhcp"));
	ck_assert_int_eq(gate(&t), DHCP_RELAY);
	ck_assert(ra->managed && ra->router_lifetime_s == 0 && ra->npio == 0);
	ck_assert(shows(&t, "\"hoa\":null"));
	ck_assert_uint_eq(stat_of(&t, "addresses-forgotten"), 1);
	ck_assert_uint_eq(stat_of(&t, "deregistered"), 1);
	ck_assert_uint_eq(stat_of(&t, "detached"), 0);
	no_pbu(&t, 100 * SEC);
	learn(&t, A2, 100);
	takes(&t, A2 "/128");
	ck_assert(sim_routed(t.pma, A2 "/128", HA));
	sim_free(t.s);
}
END_TEST

/* Nobody answers the de-registration: three tries, and on. */
START_TEST(test_lost_unanswered)
{
	struct t t = leased(1000);

	forget(&t);
	for (int i = 0; i < 3; i++)
		ck_assert_uint_eq(names(&t, A1 "/128")->m.bu.lifetime_4s, 0);
	sim_run_for(t.s, 10 * SEC);
	ck_assert(in_state(&t, MN1, "waiting-for-dhcp"));
	no_pbu(&t, 100 * SEC);
	sim_free(t.s);
}
END_TEST

/* Before the de-registration is over: another address; it leaves; it solicits
 * as one that has just come. */
START_TEST(test_lost_and_then)
{
	struct t t = leased(1000);
	const struct sim_pkt *p;

	forget(&t);
	p = names(&t, A1 "/128");
	if (_i == 0) {
		learn(&t, A2, 1000);
		no_pbu(&t, 100 * USEC_PER_MSEC);
		ack(&t, p, BA_ACCEPTED, 0);
		takes(&t, A2 "/128");
		ck_assert(sim_routed(t.pma, A2 "/128", HA));
	} else if (_i == 1) {
		sim_attach(t.pma, ATTACH_DOWN, ATTACH_BY_FDB, 1, MAC1, NULL);
		ck_assert_int_eq(gate(&t), DHCP_DROP);
		ack(&t, p, BA_ACCEPTED, 0);
		ck_assert(!known(&t, MN1));
		ck_assert_uint_eq(stat_of(&t, "detached"), 1);
	} else {
		sim_mn_rs(t.mn1);
		ack(&t, names(&t, NULL), BA_HOME_ADDRESS_REQUIRED, 0);
		ck_assert(in_state(&t, MN1, "waiting-for-dhcp"));
	}
	ck_assert_uint_eq(sim_kpaths(t.pma), _i == 0);
	sim_free(t.s);
}
END_TEST

/* 5.4 in the states where no binding hangs on it. */
START_TEST(test_lost_elsewhere)
{
	struct t t;

	if (_i == 0) {			/* first registration under way */
		t = waiting();
		learn(&t, A1, 1000);
		pbu(&t);
		forget(&t);
		ck_assert(in_state(&t, MN1, "deregistering"));
		ack(&t, names(&t, A1 "/128"), BA_ACCEPTED, 0);
		ck_assert(in_state(&t, MN1, "waiting-for-dhcp"));
	} else if (_i == 1) {		/* backing off */
		t = waiting();
		learn(&t, A1, 1000);
		ack(&t, pbu(&t), BA_NO_RESOURCES, 0);
		forget(&t);
		ck_assert(in_state(&t, MN1, "backoff"));
		ack(&t, names(&t, NULL), BA_HOME_ADDRESS_REQUIRED, 0);
		ck_assert(in_state(&t, MN1, "waiting-for-dhcp"));
	} else if (_i == 2) {		/* a lease that ends after a denial */
		t = waiting();
		learn(&t, A1, 10);
		ack(&t, pbu(&t), BA_PROHIBITED, 0);
		no_pbu(&t, 100 * SEC);
		ck_assert(in_state(&t, MN1, "denied"));
	} else {			/* there is none: nothing happens */
		t = waiting();
		forget(&t);
		no_pbu(&t, 10 * SEC);
		ck_assert(in_state(&t, MN1, "waiting-for-dhcp"));
		ck_assert_uint_eq(stat_of(&t, "addresses-forgotten"), 0);
	}
	ck_assert_uint_eq(sim_kpaths(t.pma), 0);
	sim_free(t.s);
}
END_TEST

/* A PBU held back by the rate limit was never sent: nobody to tell. */
START_TEST(test_rate_limited)
{
	struct t t = waiting();

	t.conf->max_update_rate = 1;
	sim_run_for(t.s, 10 * SEC);
	learn(&t, A1, 1000);
	takes(&t, A1 "/128");
	for (int i = 0; i < 20; i++)		/* a server that has gone mad */
		learn(&t, i % 2 ? A1 : A2, 1000);
	sim_run_for(t.s, 900 * USEC_PER_MSEC);
	ck_assert_uint_eq(sim_count_mh(t.s, MH_BU, P1, HA), 2);
	takes(&t, A1 "/128");
	ck_assert(in_state(&t, MN1, "active"));
	ck_assert(sim_routed(t.pma, A1 "/128", HA));
	sim_free(t.s);
}
END_TEST

/* --- Per-MN-Prefix with a learnt address --------------------------------- */

/*
 * D6.10-12, A19 (5.1: ACTIVE, DHCP learns): told at once with /128, or with the
 * /64 as ever; the whole prefix is hosted and advertised throughout.
 */
START_TEST(test_report_address)
{
	struct t t = setup();
	bool report = _i % 2 == 0;

	t.prof1->addr_config = _i < 2 ? ADDRCONF_DHCP : ADDRCONF_SLAAC;
	t.conf->report_address = report;
	attach(&t);
	learn(&t, OWN1, 2000);
	if (report) {
		ck_assert(in_state(&t, MN1, "refreshing"));
		takes(&t, OWN1 "/128");
	} else {
		ck_assert(in_state(&t, MN1, "active"));
		takes(&t, HNP1);		/* the ordinary refresh */
	}
	ck_assert(shows(&t, "\"hoa\":\"" OWN1 "\""));
	ck_assert(sim_routed(t.pma, HNP1, HA));
	ck_assert_uint_eq(sim_kpaths(t.pma), 1);
	ck_assert_uint_eq(t.pma->kernel.sets, 1);
	ck_assert(sim_mn_has_prefix(t.mn1, HNP1));
	/* renewed: nothing to tell */
	learn(&t, OWN1, 2000);
	no_pbu(&t, 100 * SEC);
	/* 5.1: released; the prefix stays, and needs no word */
	forget(&t);
	no_pbu(&t, SEC);
	ck_assert(in_state(&t, MN1, "active"));
	ck_assert(shows(&t, "\"hoa\":null"));
	takes(&t, HNP1);
	ck_assert(sim_routed(t.pma, HNP1, HA));
	sim_free(t.s);
}
END_TEST

/* A19: the answer may have the /64, the /128, or nothing. */
START_TEST(test_report_answers)
{
	static const char *const hnp[] = { HNP1, OWN1 "/128", NULL };
	struct t t = setup();

	t.conf->report_address = true;
	attach(&t);
	learn(&t, OWN1, INF);
	accept_as(&t, names(&t, OWN1 "/128"), (struct a){ .hnp = hnp[_i],
	    .no_hnp = hnp[_i] == NULL });
	ck_assert(in_state(&t, MN1, "active"));
	ck_assert(sim_routed(t.pma, HNP1, HA));
	ck_assert_uint_eq(sim_kpaths(t.pma), 1);
	/* nobody else's address is its */
	learn(&t, A1, INF);
	ck_assert_uint_eq(stat_of(&t, "address-outside"), 1);
	sim_free(t.s);
}
END_TEST

/* The lease ends: only the next refresh tells. */
START_TEST(test_report_expires)
{
	struct t t = setup();

	t.conf->report_address = true;
	attach(&t);
	learn(&t, OWN1, 20);
	takes(&t, OWN1 "/128");
	no_pbu(&t, 30 * SEC);
	ck_assert_uint_eq(sim_seen(t.pma, "address-forgotten"), 1);
	takes(&t, HNP1);
	sim_free(t.s);
}
END_TEST

/* --- IPv4: registration -------------------------------------------------- */

/*
 * D6.10-8, D6.7-5, -6, D6.11-5, -6, -7, A5: 29 or 36 in every PBU, answered by
 * 30, or 37 and 38; the second path beside the first.
 */
START_TEST(test_ip4_static)
{
	struct t t = setup_ip4(V4);
	const struct sim_pkt *p;
	const struct sim_kpath *k;

	t.conf->ip4_option = _i;
	sim_mn_rs(t.mn1);
	for (int i = 0; i < 2; i++) {
		p = names(&t, HNP1);
		ck_assert_uint_eq(p->m.o.have & (MHO_IP4_HOA | MHO_IP4_REQ),
		    _i == IP4_OPTION_36 ? MHO_IP4_REQ : MHO_IP4_HOA);
		ck_assert_uint_eq((_i == IP4_OPTION_36 ? &p->m.o.ip4_req :
		    &p->m.o.ip4_hoa)->addr.s_addr, in4(V4).s_addr);
		ck_assert_uint_eq((_i == IP4_OPTION_36 ? &p->m.o.ip4_req :
		    &p->m.o.ip4_hoa)->plen, 24);
		if (i == 0)
			ck_assert_uint_eq(sim_kpaths(t.pma), 0);
		accept_as(&t, p, (struct a){ 0 });
		ck_assert(sim_routed(t.pma, HNP1, HA));
		k = sim_kpath(t.pma, V4 "/32");
		ck_assert_ptr_nonnull(k);
		ck_assert(k->side == DP_PMA && k->access_ifindex == 1 &&
		    mac_eq(&k->mac, &t.mn1->mac));
	}
	ck_assert_uint_eq(sim_kpaths(t.pma), 2);
	ck_assert_uint_eq(sim_tunnel(t.pma, P1, HA)->users, 1);
	ck_assert(shows(&t, "\"hoa4\":\"" V4 "\""));
	ck_assert(shows(&t, "\"hoa4_from\":\"profile\""));
	ck_assert(shows(&t, "\"hoa4_prefix_length\":24"));
	ck_assert(shows(&t, "\"router4\":\"" GW4 "\""));
	ck_assert(shows(&t, "\"home_subnet4\":\"" SUBNET4 "\""));
	ck_assert(shows(&t, "\"ipv4\":\"registered\""));
	ck_assert(shows(&t, "\"forwarding4\":true"));
	ck_assert_uint_eq(sim_seen(t.pma, "ip4-registered"), 1);
	/* DHCP has nothing to say about it */
	learn4(&t, V4B, 10);
	forget4(&t);
	no_pbu(&t, 100 * SEC);
	/* and both go */
	sim_attach(t.pma, ATTACH_DOWN, ATTACH_BY_CTL, 1, MAC1, NULL);
	ck_assert_uint_eq(names(&t, HNP1)->m.bu.lifetime_4s, 0);
	no_paths(&t);
	sim_free(t.s);
}
END_TEST

/*
 * A node that moved with a lease: the first PBU asks (0.0.0.0), the home agent
 * tells, and IPv4 works without DHCP (D5.6-1).
 */
START_TEST(test_ip4_of_home_agent)
{
	struct t t = setup_ip4(NULL);
	const struct sim_pkt *p;

	t.conf->ip4_option = _i;
	sim_mn_rs(t.mn1);
	p = names(&t, HNP1);
	accept_as(&t, p, (struct a){ .ip4 = V4, .plen4 = 22,
	    .router = "10.1.0.254" });
	ck_assert(sim_routed(t.pma, V4 "/32", HA));
	ck_assert(shows(&t, "\"hoa4_from\":\"home-agent\""));
	ck_assert(shows(&t, "\"hoa4_prefix_length\":22"));
	ck_assert(shows(&t, _i == IP4_OPTION_36 ?
	    "\"router4\":\"10.1.0.254\"" : "\"router4\":\"" GW4 "\""));
	p = names(&t, HNP1);
	ck_assert_uint_eq((_i == IP4_OPTION_36 ? &p->m.o.ip4_req :
	    &p->m.o.ip4_hoa)->addr.s_addr, in4(V4).s_addr);
	accept_as(&t, p, (struct a){ 0 });
	/* DHCP adds the lease; it is the same address */
	learn4(&t, V4, 100);
	no_pbu(&t, 90 * SEC);
	ck_assert(shows(&t, "\"hoa4_from\":\"dhcp\""));
	sim_free(t.s);
}
END_TEST

/* Asked, and it knows none (132), or says nonsense: none, and not again. */
static const struct a asked[] = {
	{ .status4 = 132 }, { .status4 = 129 }, { .no_ip4 = true },
	{ .ip4 = "10.9.0.5" }, { .ip4 = "0.0.0.0" }, { .ip4 = GW4 },
};
START_TEST(test_ip4_unknown)
{
	struct t t = setup_ip4(NULL);
	const struct sim_pkt *p;

	sim_mn_rs(t.mn1);
	p = names(&t, HNP1);
	says_ip4(p, "0.0.0.0");
	accept_as(&t, p, asked[_i]);
	ck_assert(in_state(&t, MN1, "active"));
	ck_assert_uint_eq(sim_kpaths(t.pma), 1);
	p = names(&t, HNP1);
	says_ip4(p, NULL);
	accept_as(&t, p, (struct a){ 0 });
	/* DHCP later: gained */
	learn4(&t, V4, 1000);
	p = names(&t, HNP1);
	says_ip4(p, V4);
	accept_as(&t, p, (struct a){ 0 });
	ck_assert(sim_routed(t.pma, V4 "/32", HA));
	/* and lost: path at once, and told at once */
	forget4(&t);
	ck_assert(sim_routed(t.pma, V4 "/32", NULL));
	ck_assert(sim_routed(t.pma, HNP1, HA));
	p = names(&t, HNP1);
	says_ip4(p, NULL);
	accept_as(&t, p, (struct a){ 0 });
	ck_assert(in_state(&t, MN1, "active"));
	ck_assert(shows(&t, "\"hoa4\":null"));
	sim_free(t.s);
}
END_TEST

/* 5.4: lease expiry; renewal puts it off. */
START_TEST(test_ip4_lease)
{
	struct t t = dual(100);
	const struct sim_pkt *p;

	sim_run_for(t.s, 60 * SEC);
	learn4(&t, V4, 100);
	no_pbu(&t, 99 * SEC);
	p = names(&t, HNP1);
	says_ip4(p, NULL);
	sim_settle(t.s);
	ck_assert(sim_routed(t.pma, V4 "/32", NULL));
	accept_as(&t, p, (struct a){ 0 });
	ck_assert_uint_eq(sim_seen(t.pma, "address-forgotten"), 1);
	ck_assert(sim_routed(t.pma, HNP1, HA));
	sim_free(t.s);
}
END_TEST

/* DHCP gave another one: the old path serves until the new one is agreed. */
START_TEST(test_ip4_changed)
{
	struct t t = dual(1000);
	const struct sim_pkt *p;

	learn4(&t, V4B, 1000);
	p = names(&t, HNP1);
	says_ip4(p, V4B);
	ck_assert(sim_routed(t.pma, V4 "/32", HA));
	accept_as(&t, p, (struct a){ .status4 = _i == 0 ? 0 : 128 });
	ck_assert(sim_routed(t.pma, V4 "/32", NULL));
	ck_assert(sim_routed(t.pma, V4B "/32", _i == 0 ? HA : NULL));
	ck_assert(sim_routed(t.pma, HNP1, HA));
	ck_assert(in_state(&t, MN1, "active"));
	sim_free(t.s);
}
END_TEST

/* Refused in the option: IPv4 only, told once, asked again at each refresh. */
static const struct a refusals4[] = {
	{ .status4 = 128 }, { .status4 = 129 }, { .status4 = 130 },
	{ .status4 = 131 }, { .status4 = 132 }, { .status4 = 133 },
	{ .status4 = 255 }, { .no_ip4 = true }, { .ip4 = V4B },
};
START_TEST(test_ip4_refused)
{
	struct t t = setup_ip4(V4);
	const struct sim_pkt *p;

	t.conf->ip4_option = _i & 1;
	sim_mn_rs(t.mn1);
	for (int i = 0; i < 3; i++) {
		p = names(&t, HNP1);
		ck_assert(p->m.o.have & (MHO_IP4_HOA | MHO_IP4_REQ));
		accept_as(&t, p, refusals4[_i / 2]);
		ck_assert(in_state(&t, MN1, "active"));
		ck_assert(sim_routed(t.pma, HNP1, HA));
		ck_assert_uint_eq(sim_kpaths(t.pma), 1);
		ck_assert(sim_mn_has_prefix(t.mn1, HNP1));
	}
	ck_assert_uint_eq(stat_of(&t, "ipv4-refused"), 3);
	ck_assert_uint_eq(sim_seen(t.pma, "ip4-refused"), 1);
	ck_assert_uint_eq(sim_arps(t.s), 0);
	ck_assert(shows(&t, "\"forwarding4\":false"));
	/* in the end it agrees */
	accept_as(&t, names(&t, HNP1), (struct a){ 0 });
	ck_assert(sim_routed(t.pma, V4 "/32", HA));
	/* and changes its mind again */
	accept_as(&t, names(&t, HNP1), refusals4[_i / 2]);
	ck_assert_uint_eq(sim_kpaths(t.pma), 1);
	ck_assert_uint_eq(sim_seen(t.pma, "ip4-refused"), 2);
	sim_free(t.s);
}
END_TEST

/* RFC 5555: below 128 is yes. */
START_TEST(test_ip4_status_below_128)
{
	struct t t = setup_ip4(V4);

	sim_mn_rs(t.mn1);
	accept_as(&t, names(&t, HNP1), (struct a){ .status4 = 1 });
	ck_assert(sim_routed(t.pma, V4 "/32", HA));
	sim_free(t.s);
}
END_TEST

/* Our own data plane refuses IPv4: IPv6 goes on, the home agent is told. */
START_TEST(test_ip4_kernel_refuses)
{
	struct t t = setup_ip4(V4);
	const struct sim_pkt *p;

	t.pma->kernel.refuse_nth = 1;
	*(_i & 1 ? &t.pma->kernel.refuse_call : &t.pma->kernel.refuse_set) =
	    UINT_MAX;
	t.pma->kernel.delay_us = _i & 2 ? 100 * USEC_PER_MSEC : -1;
	sim_mn_rs(t.mn1);
	accept_as(&t, names(&t, HNP1), (struct a){ 0 });
	p = names(&t, HNP1);
	says_ip4(p, NULL);
	accept_as(&t, p, (struct a){ 0 });
	sim_run_for(t.s, SEC);
	ck_assert(in_state(&t, MN1, "active"));
	ck_assert(sim_routed(t.pma, HNP1, HA));
	ck_assert_uint_eq(sim_kpaths(t.pma), 1);
	ck_assert_uint_eq(stat_of(&t, "kernel-refused"), 1);
	ck_assert(shows(&t, "\"ipv4\":\"dataplane\""));
	no_pbu(&t, 100 * SEC);
	/* the next refresh tries again, and now it works */
	t.pma->kernel.refuse_set = t.pma->kernel.refuse_call = 0;
	p = names(&t, HNP1);
	says_ip4(p, V4);
	accept_as(&t, p, (struct a){ 0 });
	sim_run_for(t.s, SEC);
	ck_assert(sim_routed(t.pma, V4 "/32", HA));
	ck_assert(shows(&t, "\"ipv4\":\"registered\""));
	sim_free(t.s);
}
END_TEST

/* What the data plane refused was one address; another is asked for at once. */
START_TEST(test_ip4_kernel_refuses_one)
{
	struct t t = dual(INF);
	const struct sim_pkt *p;

	t.pma->kernel.refuse_set = 1;
	learn4(&t, V4B, INF);
	accept_as(&t, names(&t, HNP1), (struct a){ 0 });
	says_ip4(names(&t, HNP1), NULL);
	learn4(&t, V4, INF);
	p = names(&t, HNP1);
	says_ip4(p, V4);
	accept_as(&t, p, (struct a){ 0 });
	ck_assert(sim_routed(t.pma, V4 "/32", HA));
	ck_assert_uint_eq(sim_kpaths(t.pma), 2);
	sim_free(t.s);
}
END_TEST

/* The path of the prefix is refused: both go, as ever. */
START_TEST(test_kernel_refuses_ip6)
{
	struct t t = setup_ip4(V4);
	const struct sim_pkt *p;

	t.pma->kernel.refuse_set = 1;
	t.pma->kernel.delay_us = _i == 0 ? -1 : 100 * USEC_PER_MSEC;
	sim_mn_rs(t.mn1);
	accept_as(&t, names(&t, HNP1), (struct a){ 0 });
	sim_run_for(t.s, SEC);
	p = names(&t, HNP1);
	ck_assert_uint_eq(p->m.bu.lifetime_4s, 0);
	ck_assert(in_state(&t, MN1, "backoff"));
	no_paths(&t);
	ck_assert_uint_eq(sim_ras(t.s), 0);
	ck_assert_uint_eq(sim_arps(t.s), 0);
	sim_free(t.s);
}
END_TEST

/* The kernel does not give one of the two back: it is tried again. */
START_TEST(test_kernel_keeps_one)
{
	struct t t = dual(INF);

	t.pma->kernel.refuse_del = 1;
	sim_attach(t.pma, ATTACH_DOWN, ATTACH_BY_CTL, 1, MAC1, NULL);
	sim_settle(t.s);
	ck_assert_uint_eq(sim_kpaths(t.pma), 1);
	ck_assert_uint_eq(t.pma->kernel.ntunnels, 1);
	ack(&t, pbu(&t), BA_ACCEPTED, 0);
	sim_run_for(t.s, 2 * SEC);
	no_paths(&t);
	ck_assert(!known(&t, MN1));
	ck_assert_uint_eq(wheel_count(t.pma->env.wheel), 0);
	sim_free(t.s);
}
END_TEST

/* IPv4 learnt before IPv6 is registered goes along with the first PBU. */
START_TEST(test_ip4_first)
{
	struct t t = setup_stopped();
	const struct sim_pkt *p;

	t.prof1 = sim_profile_shared(t.s, MN1, SHARED, NULL, MAC1);
	sim_profile_ip4(t.prof1, SUBNET4, GW4, NULL);
	start(&t);
	sim_mn_rs(t.mn1);
	p = names(&t, NULL);
	says_ip4(p, "0.0.0.0");
	ack(&t, p, BA_HOME_ADDRESS_REQUIRED, 0);
	ck_assert_int_eq(gate4(&t), DHCP_RELAY);
	learn4(&t, V4, 1000);
	no_pbu(&t, 10 * SEC);
	ck_assert_uint_eq(sim_kpaths(t.pma), 0);
	learn(&t, A1, 1000);
	p = names(&t, A1 "/128");
	says_ip4(p, V4);
	accept_as(&t, p, (struct a){ 0 });
	ck_assert(sim_routed(t.pma, A1 "/128", HA));
	ck_assert(sim_routed(t.pma, V4 "/32", HA));
	/* the IPv6 address goes: so does the binding, and IPv4 with it */
	forget(&t);
	no_paths(&t);
	ack(&t, names(&t, A1 "/128"), BA_ACCEPTED, 0);
	learn(&t, A2, 1000);
	p = names(&t, A2 "/128");
	says_ip4(p, V4);
	accept_as(&t, p, (struct a){ 0 });
	ck_assert_uint_eq(sim_kpaths(t.pma), 2);
	sim_free(t.s);
}
END_TEST

/* Learnt while an answer is under way: see test_learnt_in_between. */
START_TEST(test_ip4_learnt_in_between)
{
	struct t t = setup_ip4(NULL);
	const struct sim_pkt *p, *q;

	sim_mn_rs(t.mn1);
	p = names(&t, HNP1);
	learn4(&t, V4, 1000);
	q = names(&t, HNP1);
	says_ip4(q, V4);
	accept_as(&t, p, (struct a){ .ip4 = V4B });
	ck_assert_uint_eq(stat_of(&t, "pba-stray"), 1);
	forget4(&t);
	accept_as(&t, q, (struct a){ 0 });
	ck_assert_uint_eq(stat_of(&t, "pba-stray"), 2);
	ck_assert_uint_eq(sim_kpaths(t.pma), 0);
	accept_as(&t, names(&t, HNP1), (struct a){ .status4 = 132 });
	ck_assert(sim_routed(t.pma, HNP1, HA));
	ck_assert_uint_eq(sim_kpaths(t.pma), 1);
	sim_free(t.s);
}
END_TEST

/* The binding runs out unrefreshed: both paths go, and come back together. */
START_TEST(test_expiry)
{
	struct t t = dual(INF);
	const struct sim_pkt *p;

	sim_run_for(t.s, 301 * SEC);
	no_paths(&t);
	ck_assert(in_state(&t, MN1, "registering"));
	sim_skip(t.s);
	p = names(&t, HNP1);
	says_ip4(p, V4);
	accept_as(&t, p, (struct a){ 0 });
	ck_assert_uint_eq(sim_kpaths(t.pma), 2);
	sim_free(t.s);
}
END_TEST

/* Between two of our links: both paths follow, and the router is announced. */
START_TEST(test_move)
{
	struct t t = setup_stopped();
	size_t arps;

	sim_profile_ip4(t.prof1, SUBNET4, GW4, V4);
	sim_pma_access(t.s, t.conf, "acc0", 0, NULL);
	sim_pma_access(t.s, t.conf, "acc1", 0, NULL);
	start(&t);
	t.pma->kernel.delay_us = _i == 0 ? -1 : 10 * USEC_PER_MSEC;
	sim_mn_rs(t.mn1);
	takes(&t, HNP1);
	sim_run_for(t.s, 5 * SEC);
	arps = sim_arps(t.s);
	for (uint32_t i = 0; i < 4; i++) {
		sim_mn_plug(t.mn1, t.pma, 2 - i % 2);
		sim_mn_rs(t.mn1);
		takes(&t, HNP1);
		sim_run_for(t.s, 5 * SEC);
		ck_assert_uint_eq(sim_kpaths(t.pma), 2);
		ck_assert_uint_eq(sim_kpath(t.pma, HNP1)->access_ifindex,
		    2 - i % 2);
		ck_assert_uint_eq(sim_kpath(t.pma, V4 "/32")->access_ifindex,
		    2 - i % 2);
		ck_assert_uint_gt(sim_arps(t.s), arps);
		arps = sim_arps(t.s);
		ck_assert_uint_eq(sim_arp(t.s, arps - 1)->ifindex, 2 - i % 2);
	}
	/* the link goes: so do both */
	sim_if_up(t.pma, 1, false);
	sim_attach(t.pma, ATTACH_DOWN, ATTACH_BY_CARRIER, 1, NULL, NULL);
	sim_run_for(t.s, SEC);
	no_paths(&t);
	sim_free(t.s);
}
END_TEST

/* --- ARP ----------------------------------------------------------------- */

static const struct sim_arp *
arp_answer(struct t *t, const char *spa, const char *tpa)
{
	size_t had = sim_arps(t->s);

	sim_mn_arp(t->mn1, spa, tpa);
	sim_run_for(t->s, SEC);
	ck_assert_uint_le(sim_arps(t->s), had + 1);
	return sim_arps(t->s) > had ? sim_arp(t->s, had) : NULL;
}

/* D6.5-3, -5: the default router, unicast, at our MAC address. */
START_TEST(test_arp_router)
{
	struct t t = dual(INF);
	const struct sim_arp *a;

	sim_run_for(t.s, 10 * SEC);
	a = arp_answer(&t, V4, GW4);
	ck_assert_ptr_nonnull(a);
	ck_assert(a->good && a->op == ARP_REPLY && !a->l2_broadcast);
	ck_assert(mac_eq(&a->l2_dst, &t.mn1->mac));
	ck_assert(mac_eq(&a->sha, &sim_if(t.pma, 1)->lif.mac));
	ck_assert_uint_eq(a->spa.s_addr, in4(GW4).s_addr);
	ck_assert(mac_eq(&a->tha, &t.mn1->mac));
	ck_assert_uint_eq(a->tpa.s_addr, in4(V4).s_addr);
	ck_assert_uint_eq(stat_of(&t, "arp-answered"), 1);
	ck_assert_ptr_null(t.mn2->at == NULL ? NULL : t.mn2->narp ? t.mn2 :
	    NULL);
	sim_free(t.s);
}
END_TEST

/*
 * D6.5-3, PROTOCOL 7.7: what is answered and what never is: its own address,
 * probes of it or of anybody's, what is not in the subnet.
 */
static const struct {
	const char *spa, *tpa;
	bool answered;
} arp_asks[] = {
	{ V4, GW4, true }, { NULL, GW4, true }, { V4, "10.1.0.77", true },
	{ V4, V4, false }, { NULL, V4, false }, { NULL, "10.1.0.77", false },
	{ V4B, "10.1.0.77", false }, { V4, "10.2.0.1", false },
	{ V4B, GW4, true },
};
START_TEST(test_arp_asked)
{
	struct t t = dual(INF);
	const struct sim_arp *a;

	sim_run_for(t.s, 10 * SEC);
	a = arp_answer(&t, arp_asks[_i].spa, arp_asks[_i].tpa);
	ck_assert_uint_eq(a != NULL, arp_asks[_i].answered);
	if (a != NULL) {
		ck_assert_uint_eq(a->op, ARP_REPLY);
		ck_assert_uint_eq(a->spa.s_addr, in4(arp_asks[_i].tpa).s_addr);
	}
	sim_free(t.s);
}
END_TEST

/* Not in service, not ours to answer: before, without, refused, gone. */
START_TEST(test_arp_without_service)
{
	struct t t = setup_ip4(_i == 1 ? NULL : V4);
	struct arp_msg m = { .op = ARP_REQUEST };

	ck_assert_ptr_null(arp_answer(&t, V4, GW4));	/* a stranger */
	sim_mn_rs(t.mn1);
	sim_run_for(t.s, 10 * USEC_PER_MSEC);
	ck_assert_ptr_null(arp_answer(&t, V4, GW4));
	sim_skip(t.s);
	accept_as(&t, pbu(&t), (struct a){ .status4 = _i > 0 ? 132 : 0 });
	sim_run_for(t.s, 10 * SEC);
	ck_assert_uint_eq(arp_answer(&t, V4, GW4) != NULL, _i == 0);
	if (_i == 0) {
		/* one that speaks for somebody else */
		m.sha = t.mn2->mac;
		m.spa = in4(V4);
		m.tpa = in4(GW4);
		sim_skip(t.s);
		sim_mn_arp_msg(t.mn1, &m);
		m.op = ARP_REPLY;
		m.sha = t.mn1->mac;
		sim_mn_arp_msg(t.mn1, &m);
		sim_run_for(t.s, SEC);
		ck_assert_uint_eq(stat_of(&t, "arp-answered"), 1);
		sim_attach(t.pma, ATTACH_DOWN, ATTACH_BY_CTL, 1, MAC1, NULL);
		ck_assert_ptr_null(arp_answer(&t, V4, GW4));
	}
	sim_free(t.s);
}
END_TEST

/* Two nodes on one link: each its own router, neither the other's subnet. */
START_TEST(test_arp_two_nodes)
{
	struct t t = setup_stopped();
	unsigned had;

	sim_profile_ip4(t.prof1, SUBNET4, GW4, V4);
	sim_profile_ip4(t.prof2, "10.2.0.0/24", "10.2.0.1", "10.2.0.5");
	start(&t);
	sim_mn_rs(t.mn1);
	accept_as(&t, pbu(&t), (struct a){ 0 });
	sim_mn_rs(t.mn2);
	accept_as(&t, pbu(&t), (struct a){ 0 });
	sim_run_for(t.s, 10 * SEC);
	had = t.mn2->narp;
	ck_assert_ptr_nonnull(arp_answer(&t, V4, GW4));
	ck_assert_uint_eq(t.mn2->narp, had);
	ck_assert_ptr_null(arp_answer(&t, V4, "10.2.0.1"));
	sim_mn_arp(t.mn2, "10.2.0.5", "10.2.0.1");
	sim_run_for(t.s, SEC);
	ck_assert_uint_eq(t.mn2->narp, had + 1);
	sim_mn_arp(t.mn2, "10.2.0.5", GW4);
	sim_run_for(t.s, SEC);
	ck_assert_uint_eq(t.mn2->narp, had + 1);
	sim_free(t.s);
}
END_TEST

/*
 * D6.5-4, RFC 5227: after acceptance twice, 2 s apart, as a request and as a
 * reply, to the node alone.  Again whenever it may have been elsewhere.
 */
START_TEST(test_gratuitous)
{
	struct t t = setup_ip4(V4);
	usec_t at;

	for (unsigned round = 0; round < 2; round++) {
		sim_mn_rs(t.mn1);
		at = sim_now(t.s);
		takes(&t, HNP1);
		sim_run_for(t.s, 60 * SEC);
		ck_assert_uint_eq(sim_arps(t.s), 4 * (round + 1));
		for (unsigned i = 0; i < 4; i++) {
			const struct sim_arp *a = sim_arp(t.s, 4 * round + i);

			ck_assert(a->good && mac_eq(&a->l2_dst, &t.mn1->mac));
			ck_assert_uint_eq(a->op, i % 2 == 0 ? ARP_REQUEST :
			    ARP_REPLY);
			ck_assert(mac_eq(&a->sha,
			    &sim_if(t.pma, 1)->lif.mac));
			ck_assert_uint_eq(a->spa.s_addr, in4(GW4).s_addr);
			ck_assert_uint_eq(a->tpa.s_addr, in4(GW4).s_addr);
			ck_assert(i < 2 ? a->at - at < 100 * USEC_PER_MSEC :
			    a->at - at >= 2 * SEC && a->at - at <
			    2100 * USEC_PER_MSEC);
		}
	}
	/* a plain refresh is no arrival */
	takes(&t, HNP1);
	sim_run_for(t.s, 10 * SEC);
	ck_assert_uint_eq(sim_arps(t.s), 8);
	ck_assert_uint_eq(stat_of(&t, "arp-announced"), 8);
	/* it leaves between the two */
	sim_mn_rs(t.mn1);
	takes(&t, HNP1);
	ck_assert_uint_eq(sim_arps(t.s), 10);
	sim_attach(t.pma, ATTACH_DOWN, ATTACH_BY_CTL, 1, MAC1, NULL);
	sim_run_for(t.s, 10 * SEC);
	ck_assert_uint_eq(sim_arps(t.s), 10);
	sim_free(t.s);
}
END_TEST

/* D6.11-7: the router that DHCP names, if it is one of the subnet. */
START_TEST(test_router_of_dhcp)
{
	static const char *const told[] = { "10.1.0.254", NULL, "10.9.0.1" };
	const char *want = _i == 0 ? told[0] : GW4;
	struct t t = dual(INF);
	const struct sim_arp *a;

	sim_run_for(t.s, 10 * SEC);
	learn4_gw(&t, V4, 24, told[_i], INF);
	no_pbu(&t, 10 * SEC);
	a = arp_answer(&t, V4, want);
	ck_assert_ptr_nonnull(a);
	/* it had another one before: it is announced */
	ck_assert_uint_eq(stat_of(&t, "arp-announced"), _i == 0 ? 8 : 4);
	sim_free(t.s);
}
END_TEST

/* One node cannot make us send without end. */
START_TEST(test_arp_limit)
{
	struct t t = dual(INF);
	size_t had;

	sim_run_for(t.s, 60 * SEC);
	had = sim_arps(t.s);
	for (int i = 0; i < 1000; i++)
		sim_mn_arp(t.mn1, V4, GW4);
	sim_run_for(t.s, USEC_PER_MSEC);
	ck_assert_uint_eq(sim_arps(t.s), had + 10);
	ck_assert_uint_eq(stat_of(&t, "arp-limited"), 990);
	sim_run_for(t.s, 60 * SEC);
	ck_assert_ptr_nonnull(arp_answer(&t, V4, GW4));
	sim_free(t.s);
}
END_TEST

/* ARP is a sign of life: nobody need be asked before a refresh. */
START_TEST(test_arp_is_life)
{
	struct t t = setup_stopped();

	t.conf->presence_check_us = 10 * SEC;
	sim_profile_ip4(t.prof1, SUBNET4, GW4, V4);
	start(&t);
	t.mn1->mute = true;
	sim_mn_rs(t.mn1);
	takes(&t, HNP1);
	for (int i = 0; i < 60; i++) {
		sim_mn_arp(t.mn1, V4, GW4);
		sim_run_for(t.s, 5 * SEC);
		if (sim_next_mh(t.s, MH_BU, P1, HA) != NULL)
			break;
	}
	ck_assert_uint_eq(t.mn1->nns, 0);
	ck_assert(in_state(&t, MN1, "refreshing"));
	sim_free(t.s);
}
END_TEST

/* On a link without link-layer addresses there is no ARP. */
START_TEST(test_arp_point_to_point)
{
	struct t t = setup_stopped();

	sim_profile_ip4(t.prof1, SUBNET4, GW4, V4);
	sim_pma_access(t.s, t.conf, "ppp0", 1, MN1);
	start(&t);
	sim_attach(t.pma, ATTACH_UP, ATTACH_BY_CARRIER, 1, NULL, NULL);
	takes(&t, HNP1);
	sim_run_for(t.s, 10 * SEC);
	ck_assert(sim_routed(t.pma, V4 "/32", HA));
	ck_assert_uint_eq(sim_arps(t.s), 0);
	sim_free(t.s);
}
END_TEST

/* --- the gate (PROTOCOL 5.4) --------------------------------------------- */

/* 5.4, gate: relayed when ACTIVE or waiting for it, held or dropped else. */
START_TEST(test_gate)
{
	struct t t = setup_ip4(NULL);

	sim_policy(t.s)->delay_us = SEC;
	sim_mn_rs(t.mn1);
	sim_run_for(t.s, 10 * USEC_PER_MSEC);
	ck_assert(in_state(&t, MN1, "profile"));
	ck_assert_int_eq(gate(&t), DHCP_HOLD);
	ck_assert_int_eq(gate4(&t), DHCP_HOLD);	/* who knows? */
	pbu(&t);
	ck_assert_int_eq(gate(&t), DHCP_HOLD);
	ck_assert_int_eq(gate4(&t), DHCP_HOLD);
	ack(&t, pbu(&t), BA_NO_RESOURCES, 0);
	ck_assert(in_state(&t, MN1, "backoff"));
	ck_assert_int_eq(gate(&t), DHCP_DROP);
	t.pma->kernel.delay_us = SEC;
	accept_as(&t, pbu(&t), (struct a){ .status4 = 132 });
	ck_assert_int_eq(gate(&t), DHCP_HOLD);
	sim_run_for(t.s, 2 * SEC);
	ck_assert_int_eq(gate(&t), DHCP_RELAY);
	ck_assert_int_eq(gate4(&t), DHCP_RELAY);
	pbu(&t);
	ck_assert(in_state(&t, MN1, "refreshing"));
	ck_assert_int_eq(gate(&t), DHCP_RELAY);
	ck_assert_int_eq(gate4(&t), DHCP_RELAY);
	if (_i == 0) {
		ack(&t, pbu(&t), BA_PROHIBITED, 0);
		ck_assert(in_state(&t, MN1, "denied"));
	} else {
		sim_attach(t.pma, ATTACH_DOWN, ATTACH_BY_CTL, 1, MAC1, NULL);
		ck_assert(in_state(&t, MN1, "deregistering"));
	}
	ck_assert_int_eq(gate(&t), DHCP_DROP);
	ck_assert_int_eq(gate4(&t), DHCP_DROP);
	sim_free(t.s);
}
END_TEST

/* One that is being asked whether it is there at all. */
START_TEST(test_gate_probed)
{
	struct t t = setup();

	t.mn1->mute = true;
	sim_attach(t.pma, ATTACH_UP, ATTACH_BY_NEIGHBOUR, 1, MAC1, NULL);
	ck_assert(in_state(&t, MN1, "idle"));
	ck_assert_int_eq(gate(&t), DHCP_HOLD);
	sim_free(t.s);
}
END_TEST

/* --- the profile changes ------------------------------------------------- */

/* Without a restart: another model, another address, another configuration. */
START_TEST(test_policy_model)
{
	struct t t = setup();
	const struct sim_pkt *p;

	attach(&t);
	t.prof1 = sim_profile_shared(t.s, MN1, HNP1, NULL, MAC1);
	sim_policy_changed(t.s);
	p = names(&t, HNP1);
	ck_assert_uint_eq(p->m.bu.lifetime_4s, 0);
	ck_assert(!sim_mn_has_prefix(t.mn1, HNP1));
	ack(&t, names(&t, NULL), BA_HOME_ADDRESS_REQUIRED, 0);
	ck_assert(in_state(&t, MN1, "waiting-for-dhcp"));
	no_paths(&t);
	learn(&t, OWN1, 100);
	takes(&t, OWN1 "/128");
	ck_assert(sim_routed(t.pma, OWN1 "/128", HA));
	ck_assert(!t.mn1->ra.ra.pio[0].onlink);
	/* and back; what was learnt is inside the prefix, and still known */
	t.prof1 = sim_profile(t.s, MN1, HNP1, MAC1);
	sim_policy_changed(t.s);
	ck_assert_uint_eq(names(&t, OWN1 "/128")->m.bu.lifetime_4s, 0);
	takes(&t, HNP1);
	ck_assert(sim_routed(t.pma, HNP1, HA));
	ck_assert_uint_eq(sim_kpaths(t.pma), 1);
	ck_assert(t.mn1->ra.ra.pio[0].onlink);
	sim_free(t.s);
}
END_TEST

/* The static address: set, changed, taken away. */
START_TEST(test_policy_address)
{
	struct t t = leased(1000);

	t.prof1->home_address = sim_in6(A2);
	sim_policy_changed(t.s);
	ck_assert_uint_eq(names(&t, A1 "/128")->m.bu.lifetime_4s, 0);
	takes(&t, A2 "/128");
	ck_assert(sim_routed(t.pma, A2 "/128", HA));
	ck_assert_uint_eq(sim_kpaths(t.pma), 1);
	t.prof1->home_address = sim_in6(A3);
	sim_policy_changed(t.s);
	ck_assert_uint_eq(names(&t, A2 "/128")->m.bu.lifetime_4s, 0);
	takes(&t, A3 "/128");
	t.prof1->home_address = in6addr_any;
	sim_policy_changed(t.s);
	ck_assert_uint_eq(names(&t, A3 "/128")->m.bu.lifetime_4s, 0);
	ack(&t, names(&t, NULL), BA_HOME_ADDRESS_REQUIRED, 0);
	ck_assert(in_state(&t, MN1, "waiting-for-dhcp"));
	no_paths(&t);
	/* while it waits */
	t.prof1->home_address = sim_in6(A1);
	sim_policy_changed(t.s);
	pbu(&t);			/* lifetime 0 */
	takes(&t, A1 "/128");
	ck_assert(in_state(&t, MN1, "active"));
	sim_free(t.s);
}
END_TEST

/* Another prefix: what was learnt in the old one is void. */
START_TEST(test_policy_prefix)
{
	struct t t = leased(1000);

	t.prof1->home_prefix = sim_prefix(HNP1);
	sim_policy_changed(t.s);
	pbu(&t);
	ack(&t, names(&t, NULL), BA_HOME_ADDRESS_REQUIRED, 0);
	ck_assert(in_state(&t, MN1, "waiting-for-dhcp"));
	learn(&t, A1, 1000);
	ck_assert_uint_eq(stat_of(&t, "address-outside"), 1);
	sim_free(t.s);
}
END_TEST

/* How addresses are configured: only the advertisement. */
START_TEST(test_policy_configuration)
{
	struct t t = setup();
	unsigned had;

	attach(&t);
	had = t.mn1->nra;
	t.prof1->addr_config = ADDRCONF_DHCP;
	sim_policy_changed(t.s);
	ck_assert_uint_eq(t.mn1->nra, had + 1);
	ck_assert(t.mn1->ra.ra.managed);
	ck_assert(!t.mn1->ra.ra.pio[0].autonomous);
	no_pbu(&t, 10 * SEC);
	sim_free(t.s);
}
END_TEST

/* IPv4: gained, another address, another subnet, by DHCP now, lost. */
START_TEST(test_policy_ip4)
{
	struct t t = setup();
	const struct sim_pkt *p;

	attach(&t);
	sim_profile_ip4(t.prof1, SUBNET4, GW4, V4);
	sim_policy_changed(t.s);
	p = names(&t, HNP1);
	says_ip4(p, V4);
	accept_as(&t, p, (struct a){ 0 });
	ck_assert(sim_routed(t.pma, V4 "/32", HA));
	ck_assert_uint_eq(stat_of(&t, "arp-announced"), 2);
	sim_policy_changed(t.s);		/* nothing new */
	no_pbu(&t, 10 * SEC);
	t.prof1->ip4.home_address = in4(V4B);
	sim_policy_changed(t.s);
	p = names(&t, HNP1);
	says_ip4(p, V4B);
	accept_as(&t, p, (struct a){ 0 });
	ck_assert(sim_routed(t.pma, V4 "/32", NULL));
	ck_assert(sim_routed(t.pma, V4B "/32", HA));
	t.prof1->ip4.router = in4("10.1.0.2");
	sim_policy_changed(t.s);
	accept_as(&t, names(&t, HNP1), (struct a){ 0 });
	sim_run_for(t.s, 10 * SEC);
	ck_assert_ptr_nonnull(arp_answer(&t, V4B, "10.1.0.2"));
	t.prof1->ip4.home_address = in4(NULL);
	sim_policy_changed(t.s);
	sim_settle(t.s);
	ck_assert(sim_routed(t.pma, V4B "/32", NULL));
	p = names(&t, HNP1);
	says_ip4(p, NULL);
	accept_as(&t, p, (struct a){ 0 });
	ck_assert_int_eq(gate4(&t), DHCP_RELAY);
	learn4(&t, V4, 1000);
	accept_as(&t, pbu(&t), (struct a){ 0 });
	sim_profile_ip4(t.prof1, "10.3.0.0/24", "10.3.0.1", NULL);
	sim_policy_changed(t.s);
	p = pbu(&t);
	says_ip4(p, NULL);
	sim_settle(t.s);
	ck_assert(sim_routed(t.pma, V4 "/32", NULL));
	accept_as(&t, p, (struct a){ 0 });
	learn4(&t, "10.3.0.9", 1000);
	accept_as(&t, pbu(&t), (struct a){ 0 });
	ck_assert(sim_routed(t.pma, "10.3.0.9/32", HA));
	t.prof1->ip4.at.line = 0;
	sim_policy_changed(t.s);
	sim_settle(t.s);
	ck_assert_uint_eq(sim_kpaths(t.pma), 1);
	says_ip4(pbu(&t), NULL);
	ck_assert_int_eq(gate4(&t), DHCP_DROP);
	ck_assert_uint_eq(sim_count_mh(t.s, MH_BU, P1, HA),
	    sim_count_mh(t.s, MH_BU, NULL, NULL));
	sim_free(t.s);
}
END_TEST

/* --- stop and start ------------------------------------------------------ */

/* With everything it can have, at rest or under way; told, kept, or crashed. */
START_TEST(test_stop)
{
	struct t t = dual(1000);

	if (_i & 4) {
		t.pma->kernel.delay_us = SEC;
		learn4(&t, V4B, 1000);
		accept_as(&t, pbu(&t), (struct a){ 0 });
	}
	sim_skip(t.s);
	if ((_i & 3) == 0) {
		sim_node_stop(t.pma, false);
		ck_assert_uint_eq(pbu(&t)->m.bu.lifetime_4s, 0);
		ck_assert_uint_eq(sim_kpaths(t.pma), 0);
	} else if ((_i & 3) == 1) {
		sim_node_stop(t.pma, true);
		no_pbu(&t, SEC);
		ck_assert_uint_ge(sim_kpaths(t.pma), 2);
	} else {
		sim_node_crash(t.pma);
		no_pbu(&t, SEC);
	}
	t.pma->kernel.delay_us = -1;
	ck_assert_int_eq(sim_node_start(t.pma), 0);
	ck_assert_uint_eq(sim_kpaths(t.pma), 0);	/* swept */
	sim_mn_rs(t.mn1);
	accept_as(&t, pbu(&t), (struct a){ .ip4 = V4 });
	ck_assert_uint_eq(sim_kpaths(t.pma), 2);
	sim_free(t.s);
}
END_TEST

/* While it waits for DHCP, or loses its address. */
START_TEST(test_stop_elsewhere)
{
	struct t t = _i == 0 ? waiting() : leased(1000);

	if (_i == 1)
		forget(&t);
	if (_i == 2) {
		t.pma->kernel.delay_us = SEC;
		learn(&t, A2, 1000);
		takes(&t, A2 "/128");
	}
	sim_node_stop(t.pma, false);
	t.pma->kernel.delay_us = -1;
	ck_assert_int_eq(sim_node_start(t.pma), 0);
	ck_assert_uint_eq(sim_kpaths(t.pma), 0);
	sim_free(t.s);
}
END_TEST

int
main(void)
{
	Suite *su = suite_create("pma addresses");
	TCase *tc = tcase_create("addresses");

#define T(name) tcase_add_test(tc, name)
#define TL(name, n) tcase_add_loop_test(tc, name, 0, (int)(n))
	TL(test_flags, ARRAY_LEN(flags));
	T(test_address_of_home_agent);
	T(test_told_and_gone);
	TL(test_odd_address, ARRAY_LEN(odd));
	T(test_static);
	T(test_static_refused);
	T(test_answer_about_another);
	T(test_wait_for_dhcp);
	T(test_wait_and_leave);
	TL(test_wait_and_return, 3);
	T(test_wait_after_loss);
	T(test_wait_and_move);
	T(test_learn_outside);
	T(test_learn4_outside);
	T(test_learn4_without_service);
	T(test_renewed);
	T(test_infinite);
	T(test_long_lease);
	T(test_lease_after_dnav6);
	T(test_changed);
	T(test_change_refused);
	TL(test_learnt_in_between, 3);
	TL(test_learnt_while_asking, 2);
	T(test_many_addresses);
	TL(test_lost, 2);
	T(test_lost_unanswered);
	TL(test_lost_and_then, 3);
	TL(test_lost_elsewhere, 4);
	T(test_rate_limited);
	TL(test_report_address, 4);
	TL(test_report_answers, 3);
	T(test_report_expires);
	TL(test_ip4_static, 2);
	TL(test_ip4_of_home_agent, 2);
	TL(test_ip4_unknown, ARRAY_LEN(asked));
	T(test_ip4_lease);
	TL(test_ip4_changed, 2);
	TL(test_ip4_refused, 2 * ARRAY_LEN(refusals4));
	T(test_ip4_status_below_128);
	TL(test_ip4_kernel_refuses, 4);
	T(test_ip4_kernel_refuses_one);
	TL(test_kernel_refuses_ip6, 2);
	T(test_kernel_keeps_one);
	T(test_ip4_first);
	T(test_ip4_learnt_in_between);
	T(test_expiry);
	TL(test_move, 2);
	T(test_arp_router);
	TL(test_arp_asked, ARRAY_LEN(arp_asks));
	TL(test_arp_without_service, 3);
	T(test_arp_two_nodes);
	T(test_gratuitous);
	TL(test_router_of_dhcp, 3);
	T(test_arp_limit);
	T(test_arp_is_life);
	T(test_arp_point_to_point);
	TL(test_gate, 2);
	T(test_gate_probed);
	T(test_policy_model);
	T(test_policy_address);
	T(test_policy_prefix);
	T(test_policy_configuration);
	T(test_policy_ip4);
	TL(test_stop, 8);
	TL(test_stop_elsewhere, 3);
#undef TL
#undef T
	tcase_set_timeout(tc, 60);
	suite_add_tcase(su, tc);
	return suite_run(su);
}

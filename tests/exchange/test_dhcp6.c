/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The DHCPv6 relay of the proxy mobile agent (draft 6.3, 6.8; PROTOCOL 5.4,
 * 7.5) in a whole domain: what reaches servers and nodes, what is learnt, what
 * is dropped.
 */
#include <errno.h>

#include "exchange/dhcp_kit.h"
#include "suite.h"

static struct t
setup(void)
{
	struct t t = setup_stopped();

	sim_pma_dhcp6(t.s, t.conf, D6);
	sim_pma_dhcp6(t.s, t.conf2, D6);
	start(&t);
	return t;
}

/* The last datagram to that server, read. */
static struct sim_d6_relay
relayed(struct t *t, const char *server)
{
	const struct sim_dgram *d, *last = NULL;
	struct sim_d6_relay r;

	while ((d = sim_next_dgram(t->s, P1, server)) != NULL)
		last = d;
	ck_assert_ptr_nonnull(last);
	ck_assert_uint_eq(last->src.port, DHCP6_PORT);
	ck_assert_uint_eq(last->dst.port, DHCP6_PORT);
	ck_assert(sim_d6_read_relay(last->data, last->len, &r));
	return r;
}

static bool
learnt(struct t *t, const char *nai, const char *addr)
{
	struct role *r = sim_role(t->pma, "pma");
	struct bule *b = list_by_nai(pma_of(r), nai, strlen(nai));

	ck_assert_ptr_nonnull(b);
	if (addr == NULL)
		return b->more == NULL || in6_is_zero(&b->more->hoa);
	return b->more != NULL && is6(&b->more->hoa, addr);
}

/* A client's message about the address it has. */
static struct sim_d6
about(struct sim_mn *mn, uint8_t type, const char *addr)
{
	struct sim_d6 m = sim_mn_d6_msg(mn, type);

	m.naddrs = 1;
	m.addrs[0].addr = sim_in6(addr);
	return m;
}

/* --- what is relayed --------------------------------------------------- */

/* D6.3-3, D6.3-4, D6.8-1, D6.8-2: the link-address is the home prefix. */
START_TEST(test_relay_forward)
{
	struct t t = setup();
	struct sim_d6 m = sim_mn_d6_msg(t.mn1, SIM_D6_SOLICIT), inner;
	struct sim_d6_relay r;

	attach(&t, t.mn1);
	sim_mn_d6(t.mn1, &m);
	sim_run_for(t.s, 10 * MSEC);
	r = relayed(&t, D6);
	ck_assert_uint_eq(r.type, SIM_D6_RELAY_FORW);
	ck_assert_uint_eq(r.hops, 0);
	ck_assert(is6(&r.link, LINK1));
	ck_assert(in6_eq(&r.peer, &t.mn1->lla));
	ck_assert_uint_eq(r.interface_id.n, strlen("acc0/" MAC1));
	ck_assert_mem_eq(r.interface_id.b, "acc0/" MAC1, r.interface_id.n);
	ck_assert_uint_eq(r.subscriber_id.n, strlen(MN1));
	ck_assert_mem_eq(r.subscriber_id.b, MN1, strlen(MN1));
	ck_assert(r.has_mac && mac_eq(&r.mac, &t.mn1->mac));	/* RFC 6939 */
	ck_assert(sim_d6_read(r.inner, r.ninner, &inner));
	ck_assert_uint_eq(inner.xid, m.xid);
	/* and the answer */
	ck_assert(t.mn1->udp6.good && !t.mn1->udp6.l2_broadcast);
	ck_assert(mac_eq(&t.mn1->udp6.l2_dst, &t.mn1->mac));
	ck_assert_uint_eq(t.mn1->udp6.src.port, DHCP6_PORT);
	ck_assert_uint_eq(t.mn1->udp6.dst.port, DHCP6_CLIENT_PORT);
	ck_assert(in6_eq(&t.mn1->udp6.dst.in6, &t.mn1->lla));
	ck_assert(in6_eq(&t.mn1->udp6.src.in6,
	    &sim_if(t.pma, 1)->lif.linklocal));
	ck_assert_uint_eq(count(&t, "relayed"), 1);
	ck_assert_uint_eq(count(&t, "delivered"), 1);
	sim_free(t.s);
}
END_TEST

/* D6.8-4, D6.10-12, D7.1-5: what is assigned is learnt and registered. */
START_TEST(test_learn)
{
	struct t t = setup();
	struct in6_addr a;
	const struct sim_pkt *p;

	attach(&t, t.mn1);
	sim_skip(t.s);
	a = get6(t.mn1);
	ck_assert(is6(&a, A1));
	ck_assert(learnt(&t, MN1, A1));
	p = sim_expect_pbu(t.s, P1, HA);
	ck_assert_uint_eq(p->m.o.nhnp, 1);
	ck_assert_uint_eq(p->m.o.hnp[0].len, 128);
	ck_assert(is6(&p->m.o.hnp[0].in6, A1));
	/* the whole prefix stays routed */
	ck_assert(sim_routed(t.ha, HNP1, P1));
	sim_free(t.s);
}
END_TEST

/* D6.8-3, D6.3-6: on one link each is asked for with its own prefix. */
START_TEST(test_two_nodes)
{
	struct t t = setup();
	struct sim_d6 m1, m2;
	struct in6_addr a1, a2;

	attach(&t, t.mn1);
	attach(&t, t.mn2);
	m1 = sim_mn_d6_msg(t.mn1, SIM_D6_SOLICIT);
	m2 = sim_mn_d6_msg(t.mn2, SIM_D6_SOLICIT);
	sim_mn_d6(t.mn1, &m1);
	sim_mn_d6(t.mn2, &m2);
	sim_run_for(t.s, 50 * MSEC);
	/* one answer each, and not the other's */
	ck_assert_uint_eq(t.mn1->nudp6, 1);
	ck_assert_uint_eq(t.mn2->nudp6, 1);
	a1 = get6(t.mn1);
	a2 = get6(t.mn2);
	ck_assert(is6(&a1, A1) && is6(&a2, A2));
	ck_assert(learnt(&t, MN1, A1) && learnt(&t, MN2, A2));
	sim_free(t.s);
}
END_TEST

/* 6.8: what comes while it registers waits, the newest of it. */
START_TEST(test_held)
{
	struct t t = setup();
	struct sim_d6 m = sim_mn_d6_msg(t.mn1, SIM_D6_SOLICIT), inner;
	struct sim_d6_relay r;

	sim_policy(t.s)->delay_us = 300 * MSEC;
	sim_mn_rs(t.mn1);
	sim_run_for(t.s, 10 * MSEC);
	sim_mn_d6(t.mn1, &m);
	sim_run_for(t.s, 100 * MSEC);
	m = sim_mn_d6_msg(t.mn1, SIM_D6_SOLICIT);
	sim_mn_d6(t.mn1, &m);
	sim_run_for(t.s, 100 * MSEC);
	ck_assert_uint_eq(sim_dgrams(t.s), 0);
	ck_assert_uint_eq(count(&t, "held"), 1);
	ck_assert_uint_eq(count(&t, "held-replaced"), 1);
	ck_assert(shows(&t, MN1, "\"held\":true"));
	sim_run_for(t.s, 2 * SEC);
	r = relayed(&t, D6);
	ck_assert(sim_d6_read(r.inner, r.ninner, &inner));
	ck_assert_uint_eq(inner.xid, m.xid);
	ck_assert_uint_eq(sim_count_dgrams(t.s, P1, D6), 1);
	ck_assert_uint_eq(t.mn1->nudp6, 1);
	sim_free(t.s);
}
END_TEST

/* Nobody is relayed before, or instead of, registration. */
START_TEST(test_gate)
{
	struct t t = setup();
	struct sim_mn *mn3 = sim_mn_new(t.s, MAC3);
	struct sim_d6 m = sim_mn_d6_msg(mn3, SIM_D6_SOLICIT);

	sim_mn_plug(mn3, t.pma, 1);
	EXPECT_COUNT(&t, "unknown-node", sim_mn_d6(mn3, &m));
	attach(&t, t.mn1);
	sim_profile_del(t.s, MN1);
	sim_policy_changed(t.s);
	sim_run_for(t.s, 5 * SEC);
	m = sim_mn_d6_msg(t.mn1, SIM_D6_SOLICIT);
	sim_mn_d6(t.mn1, &m);
	sim_run_for(t.s, SEC);
	ck_assert_uint_eq(sim_dgrams(t.s), 0);
	sim_free(t.s);
}
END_TEST

START_TEST(test_off)
{
	struct t t = setup_stopped();
	struct sim_d6 m = sim_mn_d6_msg(t.mn1, SIM_D6_SOLICIT);

	start(&t);
	ck_assert_uint_eq(sim_listening(t.pma), 0);
	attach(&t, t.mn1);
	EXPECT_COUNT(&t, "not-configured", sim_mn_d6(t.mn1, &m));
	sim_free(t.s);
}
END_TEST

/* --- several servers --------------------------------------------------- */

static struct t
setup_two(void)
{
	struct t t = setup_stopped();

	sim_pma_dhcp6(t.s, t.conf, D6);
	sim_pma_dhcp6(t.s, t.conf, D6B);
	t.d6b->automatic = true;
	start(&t);
	attach(&t, t.mn1);
	return t;
}

/* D6.8-4: every server is asked; the one that the node chooses counts. */
START_TEST(test_servers)
{
	struct t t = setup_two();
	struct sim_d6 q = sim_mn_d6_msg(t.mn1, SIM_D6_SOLICIT), a;

	t.d6->delay_us = 20 * MSEC;
	ck_assert(sim_mn_d6_ask(t.mn1, &q, &a));
	ck_assert(is6(&a.addrs[0].addr, A1B));
	sim_run_for(t.s, 100 * MSEC);
	ck_assert_uint_eq(t.mn1->nudp6, 2);
	ck_assert(learnt(&t, MN1, NULL));	/* an offer is nothing */
	q = sim_mn_d6_msg(t.mn1, SIM_D6_REQUEST);
	q.server = a.server;
	ck_assert(sim_mn_d6_ask(t.mn1, &q, &a));
	ck_assert(learnt(&t, MN1, A1B));
	sim_run_for(t.s, 100 * MSEC);
	ck_assert_uint_eq(t.d6->seen[SIM_D6_REQUEST], 1);
	sim_free(t.s);
}
END_TEST

START_TEST(test_one_server_down)
{
	struct t t = setup_two();

	t.d6->silent = UINT32_MAX;
	get6(t.mn1);
	ck_assert(learnt(&t, MN1, A1B));
	sim_free(t.s);
}
END_TEST

/* With Rapid Commit all answer at once; the client takes the first. */
START_TEST(test_rapid_commit)
{
	struct t t = setup_two();
	struct sim_d6 q = sim_mn_d6_msg(t.mn1, SIM_D6_SOLICIT), a;

	t.d6->rapid_commit = t.d6b->rapid_commit = q.rapid = true;
	t.d6->delay_us = 20 * MSEC;
	ck_assert(sim_mn_d6_ask(t.mn1, &q, &a));
	ck_assert(is6(&a.addrs[0].addr, A1B));
	sim_run_for(t.s, 100 * MSEC);
	ck_assert_uint_eq(t.mn1->nudp6, 2);
	ck_assert(learnt(&t, MN1, A1B));
	sim_free(t.s);
}
END_TEST

/* Nobody answers: asked every time, nothing is learnt, nothing is kept. */
START_TEST(test_server_down)
{
	struct t t = setup();
	struct sim_d6 m = sim_mn_d6_msg(t.mn1, SIM_D6_SOLICIT);

	attach(&t, t.mn1);
	t.d6->silent = UINT32_MAX;
	for (unsigned i = 0; i < 5; i++) {
		sim_mn_d6(t.mn1, &m);
		sim_run_for(t.s, SEC);
	}
	ck_assert_uint_eq(sim_count_dgrams(t.s, P1, D6), 5);
	ck_assert(learnt(&t, MN1, NULL));
	t.d6->silent = 0;
	get6(t.mn1);
	ck_assert(learnt(&t, MN1, A1));
	/* and the way to it may be missing */
	t.pma->dhcp_send_errno = -ENETUNREACH;
	EXPECT_COUNT(&t, "send-failed", sim_mn_d6(t.mn1, &m));
	sim_free(t.s);
}
END_TEST

/* --- what becomes of an address ---------------------------------------- */

static struct t
setup_bound(void)
{
	struct t t = setup();

	attach(&t, t.mn1);
	get6(t.mn1);
	ck_assert(learnt(&t, MN1, A1));
	return t;
}

static void
exchange(struct t *t, uint8_t type)
{
	struct sim_d6 m = about(t->mn1, type, A1), a;

	ck_assert(sim_mn_d6_ask(t->mn1, &m, &a));
	sim_run_for(t->s, 100 * MSEC);
}

/* D6.8-4: a lease lives as long as the server said, renewed or not. */
START_TEST(test_renew_expire)
{
	struct t t = setup_bound();

	sim_run_for(t.s, 1800 * SEC);
	exchange(&t, SIM_D6_RENEW);
	sim_run_for(t.s, 1900 * SEC);		/* the first would be over */
	ck_assert(learnt(&t, MN1, A1));
	exchange(&t, SIM_D6_REBIND);
	sim_run_for(t.s, 3500 * SEC);
	ck_assert(learnt(&t, MN1, A1));
	sim_run_for(t.s, 200 * SEC);
	ck_assert(learnt(&t, MN1, NULL));
	sim_free(t.s);
}
END_TEST

START_TEST(test_no_binding)
{
	struct t t = setup_bound();

	sim_dhcpd_forget(t.d6);
	exchange(&t, SIM_D6_RENEW);
	ck_assert(learnt(&t, MN1, NULL));
	/* the prefix is the node's all the same */
	ck_assert(sim_routed(t.ha, HNP1, P1));
	sim_free(t.s);
}
END_TEST

START_TEST(test_lifetime_zero)
{
	struct t t = setup_bound();

	t.d6->valid_s = 0;
	exchange(&t, SIM_D6_RENEW);
	ck_assert(learnt(&t, MN1, NULL));
	sim_free(t.s);
}
END_TEST

START_TEST(test_release)
{
	struct t t = setup_bound();
	struct sim_d6 m = about(t.mn1, SIM_D6_RELEASE, A1);

	exchange(&t, SIM_D6_RELEASE);		/* forgotten with the Reply */
	ck_assert(learnt(&t, MN1, NULL));
	ck_assert_ptr_null(sim_dhcpd_lease(t.d6, A1));
	get6(t.mn1);
	ck_assert(learnt(&t, MN1, A1));
	t.d6->silent = 1;			/* or a second later */
	sim_mn_d6(t.mn1, &m);
	sim_run_for(t.s, 900 * MSEC);
	ck_assert(learnt(&t, MN1, A1));
	sim_run_for(t.s, 200 * MSEC);
	ck_assert(learnt(&t, MN1, NULL));
	/* of another address: nothing */
	get6(t.mn1);
	m = about(t.mn1, SIM_D6_RELEASE, "2001:db8:1:1::77");
	sim_mn_d6(t.mn1, &m);
	sim_run_for(t.s, 2 * SEC);
	ck_assert(learnt(&t, MN1, A1));
	sim_free(t.s);
}
END_TEST

START_TEST(test_decline)
{
	struct t t = setup_bound();

	exchange(&t, SIM_D6_DECLINE);
	ck_assert(learnt(&t, MN1, NULL));
	ck_assert_uint_eq(sim_seen(t.pma, "address-declined"), 1);
	get6(t.mn1);				/* and gets another one */
	ck_assert(learnt(&t, MN1, "2001:db8:1:1::101"));
	sim_free(t.s);
}
END_TEST

START_TEST(test_confirm)
{
	struct t t = setup_bound();

	exchange(&t, SIM_D6_CONFIRM);
	ck_assert(learnt(&t, MN1, A1));
	t.d6->refuse = true;			/* NotOnLink */
	exchange(&t, SIM_D6_CONFIRM);
	ck_assert(learnt(&t, MN1, NULL));
	/* of an address that nobody here knows: enough to serve it */
	t.d6->refuse = false;
	exchange(&t, SIM_D6_CONFIRM);
	ck_assert(learnt(&t, MN1, A1));
	sim_free(t.s);
}
END_TEST

START_TEST(test_information_request)
{
	struct t t = setup();
	struct sim_d6 m = sim_mn_d6_msg(t.mn1, SIM_D6_INFORM), a;

	attach(&t, t.mn1);
	m.has_ia = false;
	ck_assert(sim_mn_d6_ask(t.mn1, &m, &a));
	ck_assert(learnt(&t, MN1, NULL));
	sim_free(t.s);
}
END_TEST

/* 5.4: addresses of another prefix never reach the node. */
START_TEST(test_wrong_prefix)
{
	struct t t = setup();
	struct sim_d6 m = sim_mn_d6_msg(t.mn1, SIM_D6_SOLICIT);

	attach(&t, t.mn1);
	t.d6->instead = "2001:db8:9::/64";
	EXPECT_COUNT(&t, "wrong-prefix", sim_mn_d6(t.mn1, &m));
	m.type = SIM_D6_REQUEST;
	EXPECT_COUNT(&t, "wrong-prefix", sim_mn_d6(t.mn1, &m));
	ck_assert_uint_eq(t.mn1->nudp6, 0);
	ck_assert(learnt(&t, MN1, NULL));
	ck_assert_uint_ge(sim_seen(t.pma, "dhcp-wrong-prefix"), 1);
	sim_free(t.s);
}
END_TEST

/* Two addresses: the one that is known stays the one. */
START_TEST(test_two_addresses)
{
	struct t t = setup();

	attach(&t, t.mn1);
	t.d6->naddrs = 2;
	get6(t.mn1);
	ck_assert(learnt(&t, MN1, A1));
	exchange(&t, SIM_D6_RENEW);
	ck_assert(learnt(&t, MN1, A1));
	sim_free(t.s);
}
END_TEST

/*
 * 7.5: a renewal that goes to the server through the tunnel is asked again by
 * us, and that answer only learnt from.
 */
START_TEST(test_renew_past_us)
{
	struct t t = setup_bound();
	struct sim_d6 m = about(t.mn1, SIM_D6_RENEW, A1);
	uint8_t buf[512];
	unsigned had;

	sim_run_for(t.s, 1800 * SEC);
	had = t.mn1->nudp6;
	say6(t.mn1, A1, D6, buf, sim_d6_build(&m, buf, sizeof(buf)));
	sim_run_for(t.s, 1900 * SEC);
	ck_assert(learnt(&t, MN1, A1));
	ck_assert_uint_eq(t.mn1->nudp6, had);
	ck_assert_uint_eq(count(&t, "renewals-seen"), 1);
	ck_assert_uint_eq(t.d6->seen[SIM_D6_RENEW], 1);
	/* a server that does not tell us: asked a few times, then let be */
	t.d6->silent = UINT32_MAX;
	m = about(t.mn1, SIM_D6_RENEW, A1);
	sim_skip_dgrams(t.s);
	say6(t.mn1, A1, D6, buf, sim_d6_build(&m, buf, sizeof(buf)));
	sim_run_for(t.s, 60 * SEC);
	ck_assert_uint_eq(count(&t, "renewals-unanswered"), 1);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_ptr_nonnull(sim_next_dgram(t.s, P1, D6));
	ck_assert_ptr_null(sim_next_dgram(t.s, P1, D6));
	/* a Release that way is not asked again */
	m = about(t.mn1, SIM_D6_RELEASE, A1);
	say6(t.mn1, A1, D6, buf, sim_d6_build(&m, buf, sizeof(buf)));
	sim_run_for(t.s, 1100 * MSEC);
	ck_assert(learnt(&t, MN1, NULL));
	ck_assert_ptr_null(sim_next_dgram(t.s, P1, D6));
	sim_free(t.s);
}
END_TEST

/* --- the other model, the other kind of link --------------------------- */

#define SHARED "2001:db8:1:5::/64"
#define S1 "2001:db8:1:5::100"
#define S2 "2001:db8:1:5::101"

static bool
waits(struct t *t, const char *nai)
{
	struct role *r = sim_role(t->pma, "pma");
	struct bule *b = list_by_nai(pma_of(r), nai, strlen(nai));

	return b != NULL && b->state == BUL_WAIT_DHCP;
}

/* Profiles are there; a server has addresses of the shared prefix. */
static void
start_shared(struct t *t)
{
	sim_dhcpd_pool(t->d6, SHARED, S1, NULL);
	sim_pma_dhcp6(t->s, t->conf, D6);
	start(t);
}

/* D5.6-2, D6.1-5, D6.10-13, D6.10-16: two nodes of one prefix; each has
 * nothing before DHCP, and its own address after it. */
START_TEST(test_shared)
{
	struct t t = setup_stopped();
	struct sim_d6 m, a;
	struct sim_d6_relay r;

	sim_profile_shared(t.s, MN1, SHARED, NULL, MAC1);
	sim_profile_shared(t.s, MN2, SHARED, NULL, MAC2);
	start_shared(&t);
	attach(&t, t.mn1);
	attach(&t, t.mn2);
	ck_assert(waits(&t, MN1) && waits(&t, MN2));
	get6(t.mn1);
	r = relayed(&t, D6);
	ck_assert(is6(&r.link, "2001:db8:1:5::"));
	ck_assert(learnt(&t, MN1, S1));
	ck_assert(sim_routed(t.ha, S1 "/128", P1));
	ck_assert(waits(&t, MN2));
	get6(t.mn2);
	ck_assert(learnt(&t, MN2, S2));
	ck_assert(sim_routed(t.ha, S2 "/128", P1));
	/* given back: it has nothing again, the other keeps its own */
	m = about(t.mn1, SIM_D6_RELEASE, S1);
	ck_assert(sim_mn_d6_ask(t.mn1, &m, &a));
	sim_run_for(t.s, 5 * SEC);
	ck_assert(!sim_routed(t.ha, S1 "/128", P1));
	ck_assert(sim_routed(t.ha, S2 "/128", P1));
	/* and asked for again while the home agent is being told */
	get6(t.mn1);
	m = about(t.mn1, SIM_D6_RELEASE, S1);
	ck_assert(sim_mn_d6_ask(t.mn1, &m, &a));
	get6(t.mn1);
	sim_run_for(t.s, 5 * SEC);
	ck_assert(learnt(&t, MN1, S1));
	ck_assert(sim_routed(t.ha, S1 "/128", P1));
	ck_assert(sim_mn_d6_ask(t.mn1, &m, &a));
	sim_run_for(t.s, 500);			/* de-registration under way */
	ck_assert_uint_eq(sim_seen(t.pma, "node-attached"), 2);
	get6(t.mn1);
	sim_run_for(t.s, 5 * SEC);
	ck_assert(sim_routed(t.ha, S1 "/128", P1));
	ck_assert_uint_eq(sim_seen(t.pma, "node-attached"), 2);
	sim_free(t.s);
}
END_TEST

/* D6.10-16: what it asks before the home agent has said that it knows nothing
 * is not lost. */
START_TEST(test_shared_held)
{
	struct t t = setup_stopped();
	struct sim_d6 m;

	sim_profile_shared(t.s, MN1, SHARED, NULL, MAC1);
	start_shared(&t);
	m = sim_mn_d6_msg(t.mn1, SIM_D6_SOLICIT);
	sim_mn_rs(t.mn1);
	sim_mn_d6(t.mn1, &m);
	sim_run_for(t.s, SEC);
	ck_assert_uint_eq(count(&t, "held"), 1);
	ck_assert(waits(&t, MN1));
	ck_assert_uint_eq(t.mn1->nudp6, 1);
	get6(t.mn1);
	ck_assert(sim_routed(t.ha, S1 "/128", P1));
	sim_free(t.s);
}
END_TEST

/* A node of a shared prefix with an address of its own in the policy. */
START_TEST(test_shared_static)
{
	struct t t = setup_stopped();
	struct sim_d6 m;

	sim_profile_shared(t.s, MN1, SHARED, S2, MAC1);
	start_shared(&t);
	attach(&t, t.mn1);
	m = sim_mn_d6_msg(t.mn1, SIM_D6_SOLICIT);
	EXPECT_COUNT(&t, "wrong-prefix", sim_mn_d6(t.mn1, &m));
	ck_assert_uint_eq(t.mn1->nudp6, 0);
	sim_free(t.s);
}
END_TEST

/* No MAC address: the interface says who it is. */
START_TEST(test_point_to_point)
{
	struct t t = setup_stopped();
	struct sim_d6_relay r;

	sim_pma_dhcp6(t.s, t.conf, D6);
	sim_pma_access(t.s, t.conf, "ppp0", 1, MN1);
	start(&t);
	ck_assert_str_eq(sim_if(t.pma, 1)->lif.name, "ppp0");
	sim_mn_plug(t.mn1, t.pma, 1);
	attach(&t, t.mn1);
	get6(t.mn1);
	ck_assert(learnt(&t, MN1, A1));
	r = relayed(&t, D6);
	ck_assert(!r.has_mac);
	ck_assert_uint_eq(r.interface_id.n, strlen("ppp0/"));
	ck_assert_mem_eq(r.interface_id.b, "ppp0/", r.interface_id.n);
	sim_free(t.s);
}
END_TEST

/* --- what is dropped: from nodes --------------------------------------- */

START_TEST(test_malformed)
{
	struct t t = setup();
	struct sim_d6 m = sim_mn_d6_msg(t.mn1, SIM_D6_SOLICIT);
	uint8_t buf[1600] = { 0 };
	size_t n = sim_d6_build(&m, buf, sizeof(buf));

	attach(&t, t.mn1);
	say6(t.mn1, NULL, NULL, buf, 3);
	say6(t.mn1, NULL, NULL, buf, n - 1);
	say6(t.mn1, NULL, NULL, buf, 0);
	sim_run_for(t.s, SEC);
	ck_assert_uint_eq(sim_stat(t.pma, "pma-dhcp6", "dhcp6-short"), 2);
	ck_assert_uint_eq(sim_stat(t.pma, "pma-dhcp6",
	    "dhcp6-option-overrun"), 1);
	EXPECT_COUNT(&t, "too-long", say6(t.mn1, NULL, NULL, buf, 1500));
	ck_assert_uint_eq(sim_dgrams(t.s), 0);
	sim_free(t.s);
}
END_TEST

START_TEST(test_wrong_sender)
{
	struct t t = setup();
	struct sim_d6 m = sim_mn_d6_msg(t.mn1, SIM_D6_SOLICIT);
	uint8_t buf[512];
	char lla2[ADDR_STRLEN];
	size_t n;

	attach(&t, t.mn1);
	attach(&t, t.mn2);
	n = sim_d6_build(&m, buf, sizeof(buf));
	in6_str(&t.mn2->lla, lla2);
	EXPECT_COUNT(&t, "spoofed", say6(t.mn1, lla2, NULL, buf, n));
	EXPECT_COUNT(&t, "bad-source", say6(t.mn1, A1, NULL, buf, n));
	EXPECT_COUNT(&t, "bad-source", say6(t.mn1, "::", NULL, buf, n));
	m.type = SIM_D6_REPLY;
	n = sim_d6_build(&m, buf, sizeof(buf));
	EXPECT_COUNT(&t, "wrong-direction", say6(t.mn1, NULL, NULL, buf, n));
	ck_assert_uint_eq(sim_dgrams(t.s), 0);
	sim_free(t.s);
}
END_TEST

/* What a relay behind the node sends. */
static size_t
nest(struct sim_mn *mn, uint8_t hops, const char *link, const char *id,
    uint8_t *buf, size_t cap)
{
	struct sim_d6 m = sim_mn_d6_msg(mn, SIM_D6_SOLICIT);
	struct sim_d6_relay r = { .type = SIM_D6_RELAY_FORW, .hops = hops,
		.link = sim_in6(link), .peer = mn->lla };
	uint8_t inner[512];

	r.ninner = sim_d6_build(&m, inner, sizeof(inner));
	r.inner = inner;
	if (id != NULL) {
		r.interface_id.n = strlen(id);
		memcpy(r.interface_id.b, id, r.interface_id.n);
	}
	return sim_d6_build_relay(&r, buf, cap);
}

/* 7.5: relays of relays; hop limit; loops; a link that is somebody else's. */
START_TEST(test_nested)
{
	struct t t = setup();
	struct sim_d6_relay r;
	uint8_t buf[1024];
	size_t n;

	attach(&t, t.mn1);
	n = nest(t.mn1, 0, "::", "port3", buf, sizeof(buf));
	say6(t.mn1, NULL, NULL, buf, n);
	sim_run_for(t.s, 50 * MSEC);
	r = relayed(&t, D6);
	ck_assert_uint_eq(r.hops, 1);
	ck_assert(is6(&r.link, LINK1));
	/* back to the relay, not to the client */
	ck_assert_uint_eq(t.mn1->nudp6, 1);
	ck_assert_uint_eq(t.mn1->udp6.dst.port, DHCP6_PORT);
	ck_assert_uint_eq(t.mn1->udp6.data[0], SIM_D6_RELAY_REPL);
	n = nest(t.mn1, 7, LINK1, NULL, buf, sizeof(buf));
	say6(t.mn1, NULL, NULL, buf, n);
	sim_run_for(t.s, 50 * MSEC);
	ck_assert_uint_eq(relayed(&t, D6).hops, 8);
	n = nest(t.mn1, 8, "::", NULL, buf, sizeof(buf));
	EXPECT_COUNT(&t, "hop-limit", say6(t.mn1, NULL, NULL, buf, n));
	n = nest(t.mn1, 0, LINK2, NULL, buf, sizeof(buf));
	EXPECT_COUNT(&t, "foreign-link", say6(t.mn1, NULL, NULL, buf, n));
	n = nest(t.mn1, 1, "::", "acc0/" MAC1, buf, sizeof(buf));
	EXPECT_COUNT(&t, "loop", say6(t.mn1, NULL, NULL, buf, n));
	sim_free(t.s);
}
END_TEST

START_TEST(test_rate)
{
	struct t t = setup();
	struct sim_d6 m = sim_mn_d6_msg(t.mn1, SIM_D6_SOLICIT);

	attach(&t, t.mn1);
	attach(&t, t.mn2);
	for (unsigned i = 0; i < 1000; i++)
		sim_mn_d6(t.mn1, &m);
	sim_run_for(t.s, 50 * MSEC);
	ck_assert_uint_le(sim_count_dgrams(t.s, P1, D6), 21);
	ck_assert_uint_ge(count(&t, "rate-limited"), 979);
	get6(t.mn2);				/* which others do not feel */
	sim_free(t.s);
}
END_TEST

/* --- what is dropped: from servers ------------------------------------- */

/* A question, and the answer by hand. */
struct answer {
	struct sim_d6_relay r;
	struct sim_d6 m;
	const struct sim_dgram *q;
};

static struct answer
question(struct t *t)
{
	struct sim_d6 q = sim_mn_d6_msg(t->mn1, SIM_D6_REQUEST);
	struct answer a = { 0 };

	t->d6->automatic = false;
	while (sim_dhcpd_next(t->d6) != NULL)
		;
	sim_mn_d6(t->mn1, &q);
	a.q = sim_dhcpd_wait(t->d6, SEC);
	ck_assert_ptr_nonnull(a.q);
	ck_assert(sim_d6_read_relay(a.q->data, a.q->len, &a.r));
	a.r.type = SIM_D6_RELAY_REPL;
	a.m = q;
	a.m.type = SIM_D6_REPLY;
	a.m.server = q.client;
	a.m.naddrs = 1;
	a.m.addrs[0].addr = sim_in6(A1);
	a.m.addrs[0].preferred_s = a.m.addrs[0].valid_s = 100;
	return a;
}

static void
answer_from(struct t *t, struct answer *a, const char *src)
{
	struct dhcp_addr from = sim_dhcp_addr(src, DHCP6_PORT);
	uint8_t inner[512], buf[1024];

	a->r.inner = inner;
	a->r.ninner = sim_d6_build(&a->m, inner, sizeof(inner));
	sim_send_dgram(t->s, &from, &a->q->src, buf,
	    sim_d6_build_relay(&a->r, buf, sizeof(buf)));
}

/* Replies to the right node only. */
START_TEST(test_replies)
{
	struct t t = setup();
	struct answer a, bad;
	uint8_t buf[8] = { SIM_D6_REPLY };

	attach(&t, t.mn1);
	attach(&t, t.mn2);
	a = question(&t);
	EXPECT_COUNT(&t, "unknown-server", answer_from(&t, &a, D6B));
	bad = a;
	memcpy(bad.r.interface_id.b, "acc0/" MAC3, bad.r.interface_id.n);
	EXPECT_COUNT(&t, "no-such-node", answer_from(&t, &bad, D6));
	/* the other node's, with this one's addresses */
	memcpy(bad.r.interface_id.b, "acc0/" MAC2, bad.r.interface_id.n);
	EXPECT_COUNT(&t, "reply-mismatch", answer_from(&t, &bad, D6));
	bad = a;
	bad.r.peer = t.mn2->lla;
	EXPECT_COUNT(&t, "reply-mismatch", answer_from(&t, &bad, D6));
	bad = a;
	bad.r.link = sim_in6(LINK2);
	EXPECT_COUNT(&t, "reply-mismatch", answer_from(&t, &bad, D6));
	bad = a;
	bad.r.type = SIM_D6_RELAY_FORW;
	EXPECT_COUNT(&t, "wrong-direction", answer_from(&t, &bad, D6));
	bad = a;
	bad.m.type = SIM_D6_SOLICIT;
	EXPECT_COUNT(&t, "wrong-direction", answer_from(&t, &bad, D6));
	/* not relayed at all */
	EXPECT_COUNT(&t, "wrong-direction", sim_send_dgram(t.s,
	    &t.d6->addr, &a.q->src, buf, 4));
	ck_assert_uint_eq(t.mn1->nudp6 + t.mn2->nudp6, 0);
	/* an answer to another question is passed on, and not learnt from */
	bad = a;
	bad.m.xid ^= 1;
	EXPECT_COUNT(&t, "delivered", answer_from(&t, &bad, D6));
	ck_assert(learnt(&t, MN1, NULL));
	/* a server that lost our Interface-Id */
	a.r.interface_id.n = 0;
	EXPECT_COUNT(&t, "delivered", answer_from(&t, &a, D6));
	ck_assert(learnt(&t, MN1, A1));
	sim_free(t.s);
}
END_TEST

/* The Interface-Id means the same after a restart. */
START_TEST(test_restart)
{
	struct t t = setup();
	struct answer a;

	attach(&t, t.mn1);
	a = question(&t);
	sim_node_crash(t.pma);
	sim_node_restart(t.pma, true);
	attach(&t, t.mn1);
	EXPECT_COUNT(&t, "delivered", answer_from(&t, &a, D6));
	sim_free(t.s);
}
END_TEST

START_TEST(test_node_gone)
{
	struct t t = setup();
	struct answer a;

	attach(&t, t.mn1);
	a = question(&t);
	sim_attach(t.pma, ATTACH_DOWN, ATTACH_BY_FDB, 1, MAC1, NULL);
	sim_run_for(t.s, 5 * SEC);
	EXPECT_COUNT(&t, "no-such-node", answer_from(&t, &a, D6));
	sim_free(t.s);
}
END_TEST

/* --- moving ------------------------------------------------------------ */

/* D3-3, D7.1-7: the same address behind the next router. */
START_TEST(test_move)
{
	struct t t = setup_bound();
	struct in6_addr a;

	sim_mn_unplug(t.mn1);
	sim_mn_plug(t.mn1, t.pma2, 1);
	attach(&t, t.mn1);
	a = get6(t.mn1);
	ck_assert(is6(&a, A1));
	ck_assert_uint_ge(sim_count_dgrams(t.s, P2, D6), 2);
	sim_free(t.s);
}
END_TEST

/* --- configuration ----------------------------------------------------- */

START_TEST(test_listen)
{
	struct t t = setup_stopped();
	struct pma_conf *next = sim_pma_conf(t.s, P1);

	start(&t);
	ck_assert(!sim_listens(t.pma, P1, DHCP6_PORT));
	next->access = t.conf->access;
	sim_pma_dhcp6(t.s, next, D6);
	/* another relay has the port: nothing changes */
	t.pma->dhcp_listen_errno = -EADDRINUSE;
	ck_assert_int_eq(sim_reload(t.pma, "pma", next), -EADDRINUSE);
	ck_assert_uint_eq(sim_listening(t.pma), 0);
	t.pma->dhcp_listen_errno = 0;
	ck_assert_int_eq(sim_reload(t.pma, "pma", next), 0);
	ck_assert(sim_listens(t.pma, P1, DHCP6_PORT));
	attach(&t, t.mn1);
	get6(t.mn1);
	ck_assert_int_eq(sim_reload(t.pma, "pma", t.conf), 0);
	ck_assert_uint_eq(sim_listening(t.pma), 0);
	sim_node_stop(t.pma, false);
	sim_free(t.s);
}
END_TEST

START_TEST(test_start_refused)
{
	struct t t = setup();

	sim_node_stop(t.pma, false);
	t.pma->dhcp_listen_errno = -EADDRINUSE;
	ck_assert_int_eq(sim_node_start(t.pma), -EADDRINUSE);
	sim_free(t.s);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("dhcp6");
	TCase *tc = tcase_create("relay");

	tcase_add_test(tc, test_relay_forward);
	tcase_add_test(tc, test_learn);
	tcase_add_test(tc, test_two_nodes);
	tcase_add_test(tc, test_held);
	tcase_add_test(tc, test_gate);
	tcase_add_test(tc, test_off);
	tcase_add_test(tc, test_servers);
	tcase_add_test(tc, test_one_server_down);
	tcase_add_test(tc, test_rapid_commit);
	tcase_add_test(tc, test_server_down);
	suite_add_tcase(s, tc);
	tc = tcase_create("learn");
	tcase_add_test(tc, test_renew_expire);
	tcase_add_test(tc, test_no_binding);
	tcase_add_test(tc, test_lifetime_zero);
	tcase_add_test(tc, test_release);
	tcase_add_test(tc, test_decline);
	tcase_add_test(tc, test_confirm);
	tcase_add_test(tc, test_information_request);
	tcase_add_test(tc, test_wrong_prefix);
	tcase_add_test(tc, test_two_addresses);
	tcase_add_test(tc, test_renew_past_us);
	tcase_add_test(tc, test_move);
	tcase_add_test(tc, test_shared);
	tcase_add_test(tc, test_shared_held);
	tcase_add_test(tc, test_shared_static);
	tcase_add_test(tc, test_point_to_point);
	suite_add_tcase(s, tc);
	tc = tcase_create("drop");
	tcase_add_test(tc, test_malformed);
	tcase_add_test(tc, test_wrong_sender);
	tcase_add_test(tc, test_nested);
	tcase_add_test(tc, test_rate);
	tcase_add_test(tc, test_replies);
	tcase_add_test(tc, test_restart);
	tcase_add_test(tc, test_node_gone);
	tcase_add_test(tc, test_listen);
	tcase_add_test(tc, test_start_refused);
	suite_add_tcase(s, tc);
	return suite_run(s);
}

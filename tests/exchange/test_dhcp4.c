/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The DHCPv4 relay of the proxy mobile agent (draft 5.6, 6.5, 6.8; PROTOCOL
 * 5.4, 7.6) in a whole domain, in both modes; in mode gateway with the home
 * agent's part of it.
 */
#include <arpa/inet.h>
#include <errno.h>

#include "core/json.h"
#include "exchange/dhcp_kit.h"
#include "suite.h"

static void
give_ip4(struct t *t)
{
	sim_profile_ip4(t->prof1, SUBNET1, GW1, NULL);
	sim_profile_ip4(t->prof2, SUBNET2, GW2, NULL);
}

static struct t
setup(void)
{
	struct t t = setup_stopped();

	give_ip4(&t);
	sim_pma_dhcp4(t.s, t.conf, V1, D4);
	sim_pma_dhcp4(t.s, t.conf2, V2, D4);
	start(&t);
	attach(&t, t.mn1);
	return t;
}

static struct t
setup_gateway(void)
{
	struct t t = setup_stopped();

	give_ip4(&t);
	sim_pma_dhcp4(t.s, t.conf, NULL, NULL);
	sim_pma_dhcp4(t.s, t.conf2, NULL, NULL);
	sim_ha_dhcp4(t.s, t.hconf, GW1, D4);
	sim_ha_dhcp4(t.s, t.hconf, GW2, NULL);
	start(&t);
	attach(&t, t.mn1);
	return t;
}

/* The last datagram of that way, read. */
static struct sim_d4
seen(struct t *t, const char *src, const char *dst)
{
	const struct sim_dgram *d, *last = NULL;
	struct sim_d4 m;

	while ((d = sim_next_dgram(t->s, src, dst)) != NULL)
		last = d;
	ck_assert_ptr_nonnull(last);
	ck_assert_uint_eq(last->src.port, DHCP4_PORT);
	ck_assert_uint_eq(last->dst.port, DHCP4_PORT);
	ck_assert(sim_d4_read(last->data, last->len, &m));
	return m;
}

static struct bul_more *
more(struct t *t, const char *nai)
{
	struct role *r = sim_role(t->pma, "pma");
	struct bule *b = list_by_nai(pma_of(r), nai, strlen(nai));

	ck_assert_ptr_nonnull(b);
	ck_assert_ptr_nonnull(b->more);
	return b->more;
}

static bool
learnt(struct t *t, const char *nai, const char *addr)
{
	return is4(more(t, nai)->hoa4, addr != NULL ? addr : "0.0.0.0");
}

static bool
id_is(const struct sim_id *id, const char *text)
{
	return id->n == strlen(text) && memcmp(id->b, text, id->n) == 0;
}

/* --- link selection ---------------------------------------------------- */

/* D5.6-3, D6.5-2, D6.8-5, D6.8-6, A30: what the server is told. */
START_TEST(test_discover)
{
	struct t t = setup();
	struct sim_d4 q = sim_mn_d4_msg(t.mn1, SIM_D4_DISCOVER), m;

	sim_mn_d4(t.mn1, &q, NULL, NULL);
	sim_run_for(t.s, 50 * MSEC);
	m = seen(&t, V1, D4);
	ck_assert_uint_eq(m.op, 1);
	ck_assert_uint_eq(m.type, SIM_D4_DISCOVER);
	ck_assert_uint_eq(m.hops, 1);
	ck_assert_uint_eq(m.xid, q.xid);
	ck_assert(is4(m.giaddr, V1));
	ck_assert(mac_eq(&m.chaddr, &t.mn1->mac));
	ck_assert(m.has82);
	ck_assert(is4(m.link_selection, "192.0.2.0"));
	ck_assert(is4(m.server_override, GW1));
	ck_assert(id_is(&m.circuit_id, "acc0/" MAC1));
	ck_assert(id_is(&m.subscriber_id, MN1));
	ck_assert_int_eq(m.relay_flags, 0);
	/* and the answer, without option 82, to that node alone */
	ck_assert_uint_eq(t.mn1->nudp4, 1);
	ck_assert_uint_eq(t.mn2->nudp4, 0);
	ck_assert(sim_mn_d4_last(t.mn1, &m));
	ck_assert_uint_eq(m.type, SIM_D4_OFFER);
	ck_assert(!m.has82);
	ck_assert(t.mn1->udp4.good && !t.mn1->udp4.l2_broadcast);
	ck_assert(mac_eq(&t.mn1->udp4.l2_dst, &t.mn1->mac));
	ck_assert(is4(t.mn1->udp4.dst.in4, V4A1));
	ck_assert(is4(t.mn1->udp4.src.in4, GW1));
	ck_assert_uint_eq(t.mn1->udp4.src.port, DHCP4_PORT);
	ck_assert_uint_eq(t.mn1->udp4.dst.port, DHCP4_CLIENT_PORT);
	ck_assert(learnt(&t, MN1, NULL));	/* an offer is nothing */
	sim_free(t.s);
}
END_TEST

/* D5.6-2, D5.6-4, D6.5-1, D6.11-5, D6.11-6, D6.11-7: learnt and registered. */
START_TEST(test_learn)
{
	struct t t = setup();
	struct in_addr a = get4(t.mn1);

	ck_assert(is4(a, V4A1));
	ck_assert(learnt(&t, MN1, V4A1));
	ck_assert_uint_eq(more(&t, MN1)->plen4, 24);
	ck_assert(is4(more(&t, MN1)->gw4, GW1));
	ck_assert(sim_routed(t.ha, V4A1 "/32", P1));
	sim_free(t.s);
}
END_TEST

/* D6.8-3: on one link each from its own subnet, each its own answers. */
START_TEST(test_two_nodes)
{
	struct t t = setup();
	unsigned had;

	attach(&t, t.mn2);
	get4(t.mn1);
	had = t.mn1->nudp4;
	get4(t.mn2);
	ck_assert_uint_eq(t.mn1->nudp4, had);
	ck_assert(learnt(&t, MN1, V4A1) && learnt(&t, MN2, V4A2));
	sim_free(t.s);
}
END_TEST

/* RFC 2131 4.1: the broadcast flag, and what is refused, to everybody; at
 * layer 2 to nobody else all the same. */
START_TEST(test_broadcast)
{
	struct t t = setup();
	struct sim_d4 q = sim_mn_d4_msg(t.mn1, SIM_D4_DISCOVER), a;

	q.flags = 0x8000;
	ck_assert(sim_mn_d4_ask(t.mn1, &q, &a));
	ck_assert(is4(t.mn1->udp4.dst.in4, "255.255.255.255"));
	ck_assert(mac_eq(&t.mn1->udp4.l2_dst, &t.mn1->mac));
	q.flags = 0;
	q.type = SIM_D4_REQUEST;
	ck_assert_int_eq(in4_parse("192.0.2.77", &q.requested), 0);
	ck_assert(sim_mn_d4_ask(t.mn1, &q, &a));
	ck_assert_uint_eq(a.type, SIM_D4_NAK);
	ck_assert(is4(t.mn1->udp4.dst.in4, "255.255.255.255"));
	ck_assert(mac_eq(&t.mn1->udp4.l2_dst, &t.mn1->mac));
	sim_free(t.s);
}
END_TEST

START_TEST(test_held)
{
	struct t t = setup();
	struct sim_d4 q = sim_mn_d4_msg(t.mn2, SIM_D4_DISCOVER);

	sim_policy(t.s)->delay_us = 300 * MSEC;
	sim_mn_rs(t.mn2);
	sim_run_for(t.s, 10 * MSEC);
	EXPECT_COUNT(&t, "held", sim_mn_d4(t.mn2, &q, NULL, NULL));
	ck_assert_uint_eq(sim_dgrams(t.s), 0);
	sim_run_for(t.s, 2 * SEC);
	ck_assert(is4(seen(&t, V1, D4).link_selection, "203.0.113.0"));
	ck_assert_uint_eq(t.mn2->nudp4, 1);
	sim_free(t.s);
}
END_TEST

/* A node that never solicits routers: its DISCOVER says that it is there. */
START_TEST(test_attach)
{
	struct t t = setup();
	struct in_addr a;

	ck_assert_uint_eq(sim_seen(t.pma, "node-attached"), 1);
	a = get4(t.mn2);
	ck_assert(is4(a, V4A2));
	ck_assert_uint_eq(sim_seen(t.pma, "node-attached"), 2);
	ck_assert_uint_eq(count(&t, "held"), 1);
	ck_assert(sim_routed(t.ha, V4A2 "/32", P1));
	sim_free(t.s);
}
END_TEST

/* Unless that does not count as evidence. */
START_TEST(test_no_attach)
{
	struct t t = setup();
	struct sim_d4 q = sim_mn_d4_msg(t.mn2, SIM_D4_DISCOVER);
	struct role *r = sim_role(t.pma, "pma");

	access_find(pma_of(r), 1)->sources = 1u << ATTACH_BY_RS;
	EXPECT_COUNT(&t, "unknown-node", sim_mn_d4(t.mn2, &q, NULL, NULL));
	ck_assert_uint_eq(sim_seen(t.pma, "node-attached"), 1);
	sim_free(t.s);
}
END_TEST

/* A profile without IPv4 gets none. */
START_TEST(test_no_ip4)
{
	struct t t = setup_stopped();
	struct sim_d4 q = sim_mn_d4_msg(t.mn1, SIM_D4_DISCOVER);

	sim_pma_dhcp4(t.s, t.conf, V1, D4);
	start(&t);
	attach(&t, t.mn1);
	EXPECT_COUNT(&t, "not-registered", sim_mn_d4(t.mn1, &q, NULL, NULL));
	ck_assert_uint_eq(sim_dgrams(t.s), 0);
	sim_free(t.s);
}
END_TEST

/* RFC 5107: with several servers no override, or each would take a Request
 * for its own. */
START_TEST(test_servers)
{
	struct t t = setup_stopped();
	struct sim_d4 q = sim_mn_d4_msg(t.mn1, SIM_D4_DISCOVER), m;

	give_ip4(&t);
	sim_dhcpd_pool(t.d4b, SUBNET1, "192.0.2.200", GW1);
	t.d4b->automatic = true;
	t.d4->delay_us = 20 * MSEC;
	sim_pma_dhcp4(t.s, t.conf, V1, D4);
	sim_pma_dhcp4(t.s, t.conf, V1, D4B);
	start(&t);
	attach(&t, t.mn1);
	ck_assert(sim_mn_d4_ask(t.mn1, &q, &m));
	ck_assert(is4(m.server_id, D4B));
	ck_assert(is4(t.mn1->udp4.src.in4, D4B));
	sim_run_for(t.s, 100 * MSEC);
	ck_assert_uint_eq(t.mn1->nudp4, 2);
	ck_assert(is4(seen(&t, V1, D4).server_override, "0.0.0.0"));
	q.type = SIM_D4_REQUEST;
	q.server_id = m.server_id;
	q.requested = m.yiaddr;
	ck_assert(sim_mn_d4_ask(t.mn1, &q, &m));
	sim_run_for(t.s, 100 * MSEC);
	ck_assert(learnt(&t, MN1, "192.0.2.200"));
	ck_assert_uint_eq(t.d4->seen[SIM_D4_REQUEST], 1);
	sim_free(t.s);
}
END_TEST

/* --- what becomes of an address ---------------------------------------- */

static struct sim_d4
renewal(struct t *t, uint8_t type)
{
	struct sim_d4 q = sim_mn_d4_msg(t->mn1, type);

	ck_assert_int_eq(in4_parse(V4A1, &q.ciaddr), 0);
	return q;
}

/* RFC 5107: a renewal to the router's address is ours to relay. */
START_TEST(test_renew_override)
{
	struct t t = setup();
	struct sim_d4 q, m;
	unsigned had;

	get4(t.mn1);
	sim_run_for(t.s, 1800 * SEC);
	q = renewal(&t, SIM_D4_REQUEST);
	had = t.mn1->nudp4;
	sim_mn_d4(t.mn1, &q, V4A1, GW1);
	sim_run_for(t.s, 50 * MSEC);
	m = seen(&t, V1, D4);
	ck_assert(is4(m.ciaddr, V4A1));
	ck_assert_int_eq(m.relay_flags, 0x80);
	ck_assert_uint_eq(t.mn1->nudp4, had + 1);
	ck_assert(is4(t.mn1->udp4.dst.in4, V4A1));
	sim_run_for(t.s, 1900 * SEC);
	ck_assert(learnt(&t, MN1, V4A1));
	sim_run_for(t.s, 1800 * SEC);
	ck_assert(learnt(&t, MN1, NULL));
	ck_assert(!sim_routed(t.ha, V4A1 "/32", P1));
	sim_free(t.s);
}
END_TEST

/* A renewal that goes to the server through the tunnel is asked again by us,
 * from that server only, and the answer is learnt from and not delivered. */
START_TEST(test_renew_past_us)
{
	struct t t = setup();
	struct sim_d4 q;
	unsigned had;

	get4(t.mn1);
	sim_run_for(t.s, 1800 * SEC);
	had = t.mn1->nudp4;
	q = renewal(&t, SIM_D4_REQUEST);
	sim_mn_d4(t.mn1, &q, V4A1, D4);
	sim_run_for(t.s, 1900 * SEC);
	ck_assert(learnt(&t, MN1, V4A1));
	ck_assert_uint_eq(count(&t, "renewals-seen"), 1);
	ck_assert_uint_eq(t.mn1->nudp4, had);
	ck_assert_uint_eq(t.d4->seen[SIM_D4_REQUEST], 2);
	/* with an address that is not the sender's: nothing */
	q = renewal(&t, SIM_D4_REQUEST);
	EXPECT_COUNT(&t, "bad-source", sim_mn_d4(t.mn1, &q, "192.0.2.9", D4));
	/* a server that is silent towards us */
	t.d4->silent = UINT32_MAX;
	q = renewal(&t, SIM_D4_REQUEST);
	sim_mn_d4(t.mn1, &q, V4A1, D4);
	sim_run_for(t.s, 30 * SEC);
	ck_assert_uint_eq(count(&t, "renewals-unanswered"), 1);
	ck_assert(learnt(&t, MN1, V4A1));
	sim_free(t.s);
}
END_TEST

START_TEST(test_rebind)
{
	struct t t = setup();
	struct sim_d4 q, a;

	get4(t.mn1);
	sim_run_for(t.s, 3000 * SEC);
	q = renewal(&t, SIM_D4_REQUEST);
	ck_assert(sim_mn_d4_ask(t.mn1, &q, &a));	/* to everybody */
	ck_assert_uint_eq(a.type, SIM_D4_ACK);
	ck_assert(is4(t.mn1->udp4.dst.in4, V4A1));
	sim_run_for(t.s, 3500 * SEC);
	ck_assert(learnt(&t, MN1, V4A1));
	sim_free(t.s);
}
END_TEST

/* RFC 4039: acknowledged at once. */
START_TEST(test_rapid_commit)
{
	struct t t = setup();
	struct sim_d4 q = sim_mn_d4_msg(t.mn1, SIM_D4_DISCOVER), a;
	const struct sim_dgram *d;

	t.d4->automatic = false;
	sim_mn_d4(t.mn1, &q, NULL, NULL);
	d = sim_dhcpd_wait(t.d4, SEC);
	ck_assert_ptr_nonnull(d);
	ck_assert(sim_d4_read(d->data, d->len, &a));
	a.op = 2;
	a.type = SIM_D4_ACK;
	a.lease_s = 100;
	ck_assert_int_eq(in4_parse(V4A1, &a.yiaddr), 0);
	sim_dhcpd_send4(t.d4, &a);
	sim_run_for(t.s, 100 * MSEC);
	ck_assert(learnt(&t, MN1, V4A1));
	sim_free(t.s);
}
END_TEST

/* Given back and asked for again within the second: it has it. */
START_TEST(test_release_and_again)
{
	struct t t = setup();
	struct sim_d4 q;

	get4(t.mn1);
	q = renewal(&t, SIM_D4_RELEASE);
	sim_mn_d4(t.mn1, &q, V4A1, D4);
	sim_run_for(t.s, 100 * MSEC);
	get4(t.mn1);
	sim_run_for(t.s, 5 * SEC);
	ck_assert(learnt(&t, MN1, V4A1));
	sim_free(t.s);
}
END_TEST

/* A renewal past us, to a server that is none of ours: all are asked; that one
 * of them knows nothing is no reason to forget. */
START_TEST(test_nak_past_us)
{
	struct t t = setup();
	struct sim_d4 q;

	get4(t.mn1);
	t.d4->refuse = true;
	q = renewal(&t, SIM_D4_REQUEST);
	sim_mn_d4(t.mn1, &q, V4A1, "198.51.100.99");
	sim_run_for(t.s, SEC);
	ck_assert_uint_ge(t.d4->seen[SIM_D4_REQUEST], 2);
	ck_assert(learnt(&t, MN1, V4A1));
	sim_free(t.s);
}
END_TEST

START_TEST(test_nak)
{
	struct t t = setup();
	struct sim_d4 q, a;

	get4(t.mn1);
	t.d4->refuse = true;
	q = renewal(&t, SIM_D4_REQUEST);
	ck_assert(sim_mn_d4_ask(t.mn1, &q, &a));
	ck_assert_uint_eq(a.type, SIM_D4_NAK);
	sim_run_for(t.s, 100 * MSEC);
	ck_assert(learnt(&t, MN1, NULL));
	/* IPv6 does not suffer */
	ck_assert(sim_routed(t.ha, HNP1, P1));
	ck_assert(!sim_routed(t.ha, V4A1 "/32", P1));
	sim_free(t.s);
}
END_TEST

START_TEST(test_release)
{
	struct t t = setup();
	struct sim_d4 q;

	get4(t.mn1);
	q = renewal(&t, SIM_D4_RELEASE);
	sim_mn_d4(t.mn1, &q, V4A1, D4);		/* through the tunnel */
	sim_run_for(t.s, 900 * MSEC);
	ck_assert(learnt(&t, MN1, V4A1));
	sim_run_for(t.s, 200 * MSEC);
	ck_assert(learnt(&t, MN1, NULL));
	/* to the router: relayed */
	get4(t.mn1);
	q = renewal(&t, SIM_D4_RELEASE);
	sim_mn_d4(t.mn1, &q, V4A1, GW1);
	sim_run_for(t.s, 1100 * MSEC);
	ck_assert(learnt(&t, MN1, NULL));
	ck_assert_uint_eq(t.d4->seen[SIM_D4_RELEASE], 1);
	sim_free(t.s);
}
END_TEST

START_TEST(test_decline)
{
	struct t t = setup();
	struct sim_d4 q = sim_mn_d4_msg(t.mn1, SIM_D4_DECLINE);

	get4(t.mn1);
	ck_assert_int_eq(in4_parse(V4A1, &q.requested), 0);
	sim_mn_d4(t.mn1, &q, NULL, NULL);
	sim_run_for(t.s, 1100 * MSEC);
	ck_assert(learnt(&t, MN1, NULL));
	ck_assert_uint_eq(sim_seen(t.pma, "address-declined"), 1);
	sim_free(t.s);
}
END_TEST

/* Addresses of another subnet never reach the node. */
START_TEST(test_wrong_subnet)
{
	struct t t = setup();
	struct sim_d4 q = sim_mn_d4_msg(t.mn1, SIM_D4_DISCOVER);

	t.d4->instead = "10.9.0.0/24";
	EXPECT_COUNT(&t, "wrong-prefix", sim_mn_d4(t.mn1, &q, NULL, NULL));
	ck_assert_uint_eq(t.mn1->nudp4, 0);
	ck_assert_uint_eq(sim_seen(t.pma, "dhcp-wrong-prefix"), 1);
	sim_free(t.s);
}
END_TEST

/* --- what is dropped --------------------------------------------------- */

START_TEST(test_requests)
{
	struct t t = setup();
	struct sim_d4 q = sim_mn_d4_msg(t.mn1, SIM_D4_DISCOVER), bad = q;

	bad.has82 = true;			/* RFC 3046 2.1.1 */
	EXPECT_COUNT(&t, "agent-option", sim_mn_d4(t.mn1, &bad, NULL, NULL));
	bad = q;
	ck_assert_int_eq(in4_parse("192.0.2.9", &bad.giaddr), 0);
	EXPECT_COUNT(&t, "giaddr-set", sim_mn_d4(t.mn1, &bad, NULL, NULL));
	ck_assert_int_eq(in4_parse(V1, &bad.giaddr), 0);
	EXPECT_COUNT(&t, "loop", sim_mn_d4(t.mn1, &bad, NULL, NULL));
	bad = q;
	bad.hops = 16;
	EXPECT_COUNT(&t, "hop-limit", sim_mn_d4(t.mn1, &bad, NULL, NULL));
	bad = q;
	bad.chaddr = t.mn2->mac;
	EXPECT_COUNT(&t, "spoofed", sim_mn_d4(t.mn1, &bad, NULL, NULL));
	bad = q;
	bad.op = 2;
	EXPECT_COUNT(&t, "wrong-direction", sim_mn_d4(t.mn1, &bad, NULL,
	    NULL));
	bad = q;
	bad.type = SIM_D4_ACK;
	EXPECT_COUNT(&t, "wrong-direction", sim_mn_d4(t.mn1, &bad, NULL,
	    NULL));
	ck_assert_uint_eq(sim_dgrams(t.s), 0);
	q.hops = 15;
	EXPECT_COUNT(&t, "relayed", sim_mn_d4(t.mn1, &q, NULL, NULL));
	sim_free(t.s);
}
END_TEST

START_TEST(test_malformed)
{
	struct t t = setup();
	uint8_t buf[300] = { 1, 1, 6 };
	struct udp_msg u = { .family = AF_INET, .hops = 64, .sport = 68,
		.dport = 67, .dst4.s_addr = INADDR_BROADCAST, .data = buf,
		.len = 200 };

	sim_mn_udp(t.mn1, &u);
	u.len = 300;
	sim_mn_udp(t.mn1, &u);
	sim_run_for(t.s, 50 * MSEC);
	ck_assert_uint_eq(sim_stat(t.pma, "pma-dhcp4", "dhcp4-short"), 1);
	ck_assert_uint_eq(sim_stat(t.pma, "pma-dhcp4", "dhcp4-cookie"), 1);
	ck_assert_uint_eq(sim_dgrams(t.s), 0);
	sim_free(t.s);
}
END_TEST

/* A question, and the answer by hand. */
static struct sim_d4
question(struct t *t)
{
	struct sim_d4 q = sim_mn_d4_msg(t->mn1, SIM_D4_REQUEST), a;
	const struct sim_dgram *d;

	t->d4->automatic = false;
	sim_mn_d4(t->mn1, &q, NULL, NULL);
	d = sim_dhcpd_wait(t->d4, SEC);
	ck_assert_ptr_nonnull(d);
	ck_assert(sim_d4_read(d->data, d->len, &a));
	a.op = 2;
	a.type = SIM_D4_ACK;
	a.server_id = t->d4->addr.in4;
	ck_assert_int_eq(in4_parse(V4A1, &a.yiaddr), 0);
	ck_assert_int_eq(in4_parse("255.255.255.0", &a.mask), 0);
	a.lease_s = 100;
	return a;
}

/* To where it listens, whatever giaddr says. */
static void
answer_from_port(struct t *t, const char *src, uint16_t port, const char *to,
    const struct sim_d4 *a)
{
	struct dhcp_addr from = sim_dhcp_addr(src, port);
	struct dhcp_addr dst = sim_dhcp_addr(to, DHCP4_PORT);
	uint8_t buf[1024];

	sim_send_dgram(t->s, &from, &dst, buf, sim_d4_build(a, buf,
	    sizeof(buf)));
}

static void
answer_from(struct t *t, const char *src, const char *to,
    const struct sim_d4 *a)
{
	answer_from_port(t, src, DHCP4_PORT, to, a);
}

/* Replies to the right node only. */
START_TEST(test_replies)
{
	struct t t = setup();
	struct sim_d4 a = question(&t), bad = a;

	attach(&t, t.mn2);
	EXPECT_COUNT(&t, "unknown-server", answer_from(&t, D4B, V1, &a));
	bad.chaddr = t.mn2->mac;		/* circuit-id: the first one */
	EXPECT_COUNT(&t, "reply-mismatch", answer_from(&t, D4, V1, &bad));
	bad = a;
	ck_assert_int_eq(in4_parse(V2, &bad.giaddr), 0);
	EXPECT_COUNT(&t, "reply-mismatch", answer_from(&t, D4, V1, &bad));
	bad = a;
	bad.op = 1;
	EXPECT_COUNT(&t, "wrong-direction", answer_from(&t, D4, V1, &bad));
	bad = a;
	bad.type = SIM_D4_REQUEST;
	EXPECT_COUNT(&t, "wrong-direction", answer_from(&t, D4, V1, &bad));
	bad = a;
	bad.has82 = false;
	bad.chaddr.b[5] = 99;
	EXPECT_COUNT(&t, "no-such-node", answer_from(&t, D4, V1, &bad));
	ck_assert_uint_eq(t.mn1->nudp4 + t.mn2->nudp4, 0);
	/* another transaction's is passed on, and not learnt from */
	bad = a;
	bad.xid ^= 1;
	EXPECT_COUNT(&t, "delivered", answer_from(&t, D4, V1, &bad));
	ck_assert(learnt(&t, MN1, NULL));
	/* a server without option 82; without a mask and a router */
	a.has82 = false;
	a.mask.s_addr = 0;
	EXPECT_COUNT(&t, "delivered", answer_from(&t, D4, V1, &a));
	ck_assert(learnt(&t, MN1, V4A1));
	ck_assert_uint_eq(more(&t, MN1)->plen4, 24);
	ck_assert(is4(more(&t, MN1)->gw4, GW1));
	sim_free(t.s);
}
END_TEST

/* --- gateway ----------------------------------------------------------- */

static uint64_t
ha_count(struct t *t, const char *name)
{
	return sim_stat(t->ha, "ha-dhcp", name);
}

/* D6.8-6, A30: giaddr is the router of the home prefix, as the draft says. */
START_TEST(test_gateway)
{
	struct t t = setup_gateway();
	struct in_addr a;
	struct sim_d4 m;

	ck_assert(sim_listens(t.ha, HA, DHCP4_PORT));
	ck_assert(sim_listens(t.ha, GW1, DHCP4_PORT));
	ck_assert(sim_listens(t.pma, P1, DHCP4_PORT));
	a = get4(t.mn1);
	ck_assert(is4(a, V4A1));
	ck_assert(learnt(&t, MN1, V4A1));
	ck_assert(sim_routed(t.ha, V4A1 "/32", P1));
	m = seen(&t, P1, HA);
	ck_assert_uint_eq(m.hops, 1);
	ck_assert(is4(m.giaddr, GW1));
	ck_assert(is4(m.link_selection, "0.0.0.0"));
	ck_assert(is4(m.server_override, "0.0.0.0"));
	ck_assert(id_is(&m.subscriber_id, MN1));
	ck_assert(sim_mn_d4_last(t.mn1, &m));
	ck_assert(!m.has82);
	ck_assert_uint_eq(ha_count(&t, "relayed"), 2);
	ck_assert_uint_eq(ha_count(&t, "returned"), 2);
	sim_free(t.s);
}
END_TEST

/* What the server gets there. */
START_TEST(test_gateway_server)
{
	struct t t = setup_gateway();
	struct sim_d4 m;

	get4(t.mn1);
	m = seen(&t, GW1, D4);
	ck_assert_uint_eq(m.hops, 2);
	ck_assert(is4(m.giaddr, GW1));
	ck_assert(id_is(&m.circuit_id, "acc0/" MAC1));
	sim_free(t.s);
}
END_TEST

/* Two PMAs and the same giaddr: each gets the answers of its nodes. */
START_TEST(test_gateway_two_pmas)
{
	struct t t = setup_gateway();
	struct sim_d4 q1, q2;

	sim_profile_ip4(t.prof2, SUBNET1, GW1, NULL);
	sim_policy_changed(t.s);
	sim_mn_unplug(t.mn2);
	sim_mn_plug(t.mn2, t.pma2, 1);
	attach(&t, t.mn2);
	q1 = sim_mn_d4_msg(t.mn1, SIM_D4_DISCOVER);
	q2 = sim_mn_d4_msg(t.mn2, SIM_D4_DISCOVER);
	q2.xid = q1.xid;			/* as it may happen */
	sim_mn_d4(t.mn1, &q1, NULL, NULL);
	sim_mn_d4(t.mn2, &q2, NULL, NULL);
	sim_run_for(t.s, 50 * MSEC);
	ck_assert_uint_eq(t.mn1->nudp4, 1);
	ck_assert_uint_eq(t.mn2->nudp4, 1);
	ck_assert_uint_eq(sim_count_dgrams(t.s, HA, P1), 1);
	ck_assert_uint_eq(sim_count_dgrams(t.s, HA, P2), 1);
	sim_free(t.s);
}
END_TEST

/* `name` of group ha-dhcp has just gone up by one. */
#define EXPECT_HA(t, name, did) do {					\
	uint64_t before_ = ha_count((t), (name));			\
	did;								\
	sim_run_for((t)->s, 50 * MSEC);					\
	ck_assert_msg(ha_count((t), (name)) == before_ + 1,		\
	    "%s did not count", (name));				\
} while (0)

/* Only authorised PMAs, for nodes that are bound through them; only servers. */
START_TEST(test_gateway_drops)
{
	struct t t = setup_gateway();
	struct sim_d4 a = question(&t), q, bad;

	ck_assert(sim_d4_read(sim_dgram(t.s, 0)->data,
	    sim_dgram(t.s, 0)->len, &q));
	EXPECT_HA(&t, "unknown-pma", answer_from(&t, "2001:db8:b::99", HA,
	    &q));
	EXPECT_HA(&t, "no-binding", answer_from(&t, P2, HA, &q));
	bad = q;
	bad.has82 = false;
	EXPECT_HA(&t, "no-binding", answer_from(&t, P1, HA, &bad));
	bad = q;
	ck_assert_int_eq(in4_parse("192.0.2.2", &bad.giaddr), 0);
	EXPECT_HA(&t, "bad-giaddr", answer_from(&t, P1, HA, &bad));
	/* the router of another subnet than the node's */
	bad = q;
	ck_assert_int_eq(in4_parse(GW2, &bad.giaddr), 0);
	EXPECT_HA(&t, "wrong-subnet", answer_from(&t, P1, HA, &bad));
	EXPECT_HA(&t, "wrong-port", answer_from_port(&t, P1, 1067, HA, &q));
	bad = q;
	bad.hops = 16;
	EXPECT_HA(&t, "hop-limit", answer_from(&t, P1, HA, &bad));
	bad = q;
	bad.op = 2;
	EXPECT_HA(&t, "wrong-direction", answer_from(&t, P1, HA, &bad));
	EXPECT_HA(&t, "unknown-server", answer_from(&t, D4B, GW1, &a));
	bad = a;
	bad.op = 1;
	EXPECT_HA(&t, "wrong-direction", answer_from(&t, D4, GW1, &bad));
	EXPECT_HA(&t, "bad-giaddr", answer_from(&t, D4, GW2, &a));
	bad = a;
	bad.xid ^= 1;
	EXPECT_HA(&t, "no-transaction", answer_from(&t, D4, GW1, &bad));
	/* too late */
	sim_run_for(t.s, 61 * SEC);
	EXPECT_HA(&t, "no-transaction", answer_from(&t, D4, GW1, &a));
	ck_assert_uint_eq(t.mn1->nudp4, 0);
	/* nor does the PMA take it from anybody else */
	EXPECT_COUNT(&t, "unknown-server", answer_from(&t, P2, P1, &a));
	sim_free(t.s);
}
END_TEST

/*
 * Another PMA names the same transaction and client address: it does not get
 * the answer, with which it would know the node's address.
 */
START_TEST(test_gateway_same_transaction)
{
	struct t t = setup_gateway();
	struct sim_d4 a, q;
	void *nai;

	sim_mn_unplug(t.mn2);
	sim_mn_plug(t.mn2, t.pma2, 1);
	attach(&t, t.mn2);
	a = question(&t);
	ck_assert(sim_d4_read(sim_dgram(t.s, 0)->data,
	    sim_dgram(t.s, 0)->len, &q));
	ck_assert_int_eq(in4_parse(GW2, &q.giaddr), 0);
	nai = memmem(q.raw82.b, q.raw82.n, MN1, strlen(MN1));
	ck_assert_ptr_nonnull(nai);
	memcpy(nai, MN2, strlen(MN2));
	EXPECT_HA(&t, "relayed", answer_from(&t, P2, HA, &q));
	EXPECT_HA(&t, "no-binding", answer_from(&t, D4, GW1, &a));
	ck_assert_uint_eq(sim_count_dgrams(t.s, HA, P2), 0);
	/* the node asks again, and has it */
	sim_run_for(t.s, SEC);
	ck_assert(sim_d4_read(sim_dgram(t.s, 0)->data,
	    sim_dgram(t.s, 0)->len, &q));
	answer_from(&t, P1, HA, &q);
	sim_run_for(t.s, 50 * MSEC);
	EXPECT_HA(&t, "returned", answer_from(&t, D4, GW1, &a));
	ck_assert_uint_eq(t.mn1->nudp4, 1);
	sim_free(t.s);
}
END_TEST

/* After a policy change: the profile's router counts, without a new PBU. */
START_TEST(test_gateway_policy)
{
	struct t t = setup_gateway();
	struct sim_d4 q;

	question(&t);
	ck_assert(sim_d4_read(sim_dgram(t.s, 0)->data,
	    sim_dgram(t.s, 0)->len, &q));
	sim_policy_changed(t.s);
	sim_run_for(t.s, 100 * MSEC);
	EXPECT_HA(&t, "relayed", answer_from(&t, P1, HA, &q));
	sim_profile_ip4(t.prof1, SUBNET2, GW2, NULL);
	sim_policy_changed(t.s);
	sim_run_for(t.s, 100 * MSEC);
	EXPECT_HA(&t, "wrong-subnet", answer_from(&t, P1, HA, &q));
	sim_free(t.s);
}
END_TEST

/* An address of the home agent itself is no node's. */
START_TEST(test_gateway_own_address)
{
	struct t t = setup_stopped();

	sim_profile_ip4(t.prof1, SUBNET1, "192.0.2.254", GW1);
	sim_profile_ip4(t.prof2, SUBNET1, "192.0.2.254", V4A1);
	sim_ha_dhcp4(t.s, t.hconf, GW1, D4);
	start(&t);
	attach(&t, t.mn1);
	attach(&t, t.mn2);
	ck_assert(!sim_routed(t.ha, GW1 "/32", P1));
	ck_assert_uint_ge(sim_stat(t.ha, "ha", "ip4-incorrect"), 1);
	ck_assert(sim_routed(t.ha, V4A1 "/32", P1));
	sim_free(t.s);
}
END_TEST

/* show status tells where servers answer to. */
START_TEST(test_gateway_show)
{
	struct t t = setup_gateway();
	struct role *r = sim_role(t.ha, "ha");
	struct json_w w;

	json_w_init(&w);
	json_w_obj(&w, NULL);
	r->ops->show(r, &w);
	json_w_obj_end(&w);
	ck_assert_msg(strstr(w.buf, "\"dhcp\":[{\"relay\":\"dhcpv4 gateway\","
	    "\"address\":\"" GW1 "\",\"servers\":1},") != NULL, "%s", w.buf);
	json_w_done(&w);
	sim_free(t.s);
}
END_TEST

/* The table of transactions does not grow, and lets the newest in. */
START_TEST(test_gateway_flood)
{
	struct t t = setup_gateway();
	struct sim_d4 a = question(&t), q;

	ck_assert(sim_d4_read(sim_dgram(t.s, 0)->data,
	    sim_dgram(t.s, 0)->len, &q));
	for (unsigned i = 0; i < 20000; i++) {
		q.xid = i;
		answer_from(&t, P1, HA, &q);
		if (i % 1000 == 999)
			sim_run_for(t.s, 10 * MSEC);
	}
	ck_assert_uint_ge(ha_count(&t, "transactions-evicted"), 15000);
	a.xid = 19999;
	EXPECT_HA(&t, "returned", answer_from(&t, D4, GW1, &a));
	sim_free(t.s);
}
END_TEST

START_TEST(test_gateway_config)
{
	struct t t = setup_stopped();
	struct ha_conf *next = sim_ha_conf(t.s, HA);

	give_ip4(&t);
	start(&t);
	ck_assert_uint_eq(sim_listening(t.ha), 0);
	sim_ha_dhcp4(t.s, next, GW1, D4);
	t.ha->dhcp_listen_errno = -EADDRINUSE;
	ck_assert_int_eq(sim_reload(t.ha, "ha", next), -EADDRINUSE);
	ck_assert_uint_eq(sim_listening(t.ha), 0);
	t.ha->dhcp_listen_errno = 0;
	ck_assert_int_eq(sim_reload(t.ha, "ha", next), 0);
	ck_assert_uint_eq(sim_listening(t.ha), 2);
	ck_assert_int_eq(sim_reload(t.ha, "ha", t.hconf), 0);
	ck_assert_uint_eq(sim_listening(t.ha), 0);
	sim_free(t.s);
}
END_TEST

/* D5.6-1, D3-3: the same address behind the next router, in both modes. */
static void
move(struct t *t)
{
	struct in_addr a = get4(t->mn1);

	ck_assert(is4(a, V4A1));
	sim_mn_unplug(t->mn1);
	sim_mn_plug(t->mn1, t->pma2, 1);
	attach(t, t->mn1);
	a = get4(t->mn1);
	ck_assert(is4(a, V4A1));
	ck_assert(sim_routed(t->ha, V4A1 "/32", P2));
	sim_free(t->s);
}

START_TEST(test_move)
{
	struct t t = setup();

	move(&t);
	t = setup_gateway();
	move(&t);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("dhcp4");
	TCase *tc = tcase_create("relay");

	tcase_add_test(tc, test_discover);
	tcase_add_test(tc, test_learn);
	tcase_add_test(tc, test_two_nodes);
	tcase_add_test(tc, test_broadcast);
	tcase_add_test(tc, test_held);
	tcase_add_test(tc, test_attach);
	tcase_add_test(tc, test_no_attach);
	tcase_add_test(tc, test_no_ip4);
	tcase_add_test(tc, test_servers);
	tcase_add_test(tc, test_move);
	suite_add_tcase(s, tc);
	tc = tcase_create("learn");
	tcase_add_test(tc, test_renew_override);
	tcase_add_test(tc, test_renew_past_us);
	tcase_add_test(tc, test_rebind);
	tcase_add_test(tc, test_rapid_commit);
	tcase_add_test(tc, test_nak);
	tcase_add_test(tc, test_nak_past_us);
	tcase_add_test(tc, test_release_and_again);
	tcase_add_test(tc, test_release);
	tcase_add_test(tc, test_decline);
	tcase_add_test(tc, test_wrong_subnet);
	suite_add_tcase(s, tc);
	tc = tcase_create("drop");
	tcase_add_test(tc, test_requests);
	tcase_add_test(tc, test_malformed);
	tcase_add_test(tc, test_replies);
	suite_add_tcase(s, tc);
	tc = tcase_create("gateway");
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_gateway);
	tcase_add_test(tc, test_gateway_server);
	tcase_add_test(tc, test_gateway_two_pmas);
	tcase_add_test(tc, test_gateway_drops);
	tcase_add_test(tc, test_gateway_same_transaction);
	tcase_add_test(tc, test_gateway_policy);
	tcase_add_test(tc, test_gateway_own_address);
	tcase_add_test(tc, test_gateway_show);
	tcase_add_test(tc, test_gateway_flood);
	tcase_add_test(tc, test_gateway_config);
	suite_add_tcase(s, tc);
	return suite_run(s);
}

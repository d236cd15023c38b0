/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DHCP clients on the mobile nodes of the simulated world.
 */
#include "sim.h"

#include <arpa/inet.h>
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"
#include "nd/udp.h"

#define LINK_DELAY_US 100
#define ANSWER_US (3 * USEC_PER_SEC)

struct udp_flight {
	struct sim_node *node;
	uint32_t ifindex;
	struct mac src;
	struct udp_msg m;
	uint8_t data[2048];
};

static void
udp_arrives(void *arg)
{
	struct udp_flight *f = arg;
	struct sim_if *i = sim_if(f->node, f->ifindex);

	if (i == NULL || !i->lif.up || !i->open || f->node->link.udp == NULL)
		return;
	f->m.data = f->data;
	f->node->link.udp(f->node->link.ctx, &i->lif, &f->src, &f->m);
}

void
sim_mn_udp(struct sim_mn *mn, const struct udp_msg *m)
{
	struct udp_flight *f = calloc(1, sizeof(*f));
	struct sim_if *i;

	ck_assert_msg(mn->at != NULL, "a node without a link speaks");
	ck_assert(m->len <= sizeof(f->data));
	if (f == NULL)
		abort();
	i = sim_if(mn->at, mn->ifindex);
	f->node = mn->at;
	f->ifindex = mn->ifindex;
	f->m = *m;
	if (m->len > 0)
		memcpy(f->data, m->data, m->len);
	if (i != NULL && !i->lif.p2p)
		f->src = mn->mac;
	sim_post(mn->sim, mn->at, LINK_DELAY_US, udp_arrives, f);
}

/* Different for every message of a world, and the same in every run. */
static uint32_t
next_xid(struct sim_mn *mn)
{
	return (uint32_t)mn->mac.b[5] << 16 | (++mn->dhcp_xid & 0xffff);
}

struct sim_d6
sim_mn_d6_msg(struct sim_mn *mn, uint8_t type)
{
	struct sim_d6 m = { .type = type, .xid = next_xid(mn), .has_ia = true,
		.iaid = 1, .status = -1, .ia_status = -1 };

	/* DUID-LL (RFC 8415 11.4) */
	m.client.n = 4 + sizeof(mn->mac.b);
	m.client.b[1] = 3;
	m.client.b[3] = 1;
	memcpy(m.client.b + 4, mn->mac.b, sizeof(mn->mac.b));
	return m;
}

void
sim_mn_d6(struct sim_mn *mn, const struct sim_d6 *m)
{
	uint8_t buf[1024];
	struct udp_msg u = { .family = AF_INET6, .hops = 1,
		.sport = DHCP6_CLIENT_PORT, .dport = DHCP6_PORT,
		.src6 = mn->lla, .dst6 = sim_in6("ff02::1:2"), .data = buf };

	u.len = sim_d6_build(m, buf, sizeof(buf));
	sim_mn_udp(mn, &u);
}

bool
sim_mn_d6_last(const struct sim_mn *mn, struct sim_d6 *ret)
{
	return mn->nudp6 > 0 && sim_d6_read(mn->udp6.data, mn->udp6.len, ret);
}

bool
sim_mn_d6_ask(struct sim_mn *mn, const struct sim_d6 *q, struct sim_d6 *ret)
{
	usec_t limit = sim_now(mn->sim) + ANSWER_US;

	sim_mn_d6(mn, q);
	while (!sim_mn_d6_last(mn, ret) || ret->xid != q->xid) {
		if (!sim_step(mn->sim, limit))
			return false;
	}
	return true;
}

bool
sim_mn_d6_get(struct sim_mn *mn, struct in6_addr *ret)
{
	struct sim_d6 q = sim_mn_d6_msg(mn, SIM_D6_SOLICIT), a;

	if (!sim_mn_d6_ask(mn, &q, &a))
		return false;
	if (a.type == SIM_D6_ADVERTISE) {
		q = sim_mn_d6_msg(mn, SIM_D6_REQUEST);
		q.server = a.server;
		q.naddrs = a.naddrs;
		memcpy(q.addrs, a.addrs, sizeof(q.addrs));
		if (!sim_mn_d6_ask(mn, &q, &a))
			return false;
	}
	if (a.type != SIM_D6_REPLY || a.naddrs == 0)
		return false;
	*ret = a.addrs[0].addr;
	return true;
}

struct sim_d4
sim_mn_d4_msg(struct sim_mn *mn, uint8_t type)
{
	return (struct sim_d4){ .op = 1, .type = type, .xid = next_xid(mn),
		.chaddr = mn->mac, .relay_flags = -1 };
}

void
sim_mn_d4(struct sim_mn *mn, const struct sim_d4 *m, const char *src,
    const char *dst)
{
	uint8_t buf[1024];
	struct udp_msg u = { .family = AF_INET, .hops = 64,
		.sport = DHCP4_CLIENT_PORT, .dport = DHCP4_PORT,
		.dst4.s_addr = INADDR_BROADCAST, .data = buf };

	if (src != NULL)
		ck_assert_int_eq(in4_parse(src, &u.src4), 0);
	if (dst != NULL)
		ck_assert_int_eq(in4_parse(dst, &u.dst4), 0);
	u.len = sim_d4_build(m, buf, sizeof(buf));
	sim_mn_udp(mn, &u);
}

bool
sim_mn_d4_last(const struct sim_mn *mn, struct sim_d4 *ret)
{
	return mn->nudp4 > 0 && sim_d4_read(mn->udp4.data, mn->udp4.len, ret);
}

bool
sim_mn_d4_ask(struct sim_mn *mn, const struct sim_d4 *q, struct sim_d4 *ret)
{
	usec_t limit = sim_now(mn->sim) + ANSWER_US;
	unsigned before = mn->nudp4;

	sim_mn_d4(mn, q, NULL, NULL);
	while (mn->nudp4 == before || !sim_mn_d4_last(mn, ret) ||
	    ret->xid != q->xid) {
		if (!sim_step(mn->sim, limit))
			return false;
	}
	return true;
}

bool
sim_mn_d4_get(struct sim_mn *mn, struct in_addr *ret)
{
	struct sim_d4 q = sim_mn_d4_msg(mn, SIM_D4_DISCOVER), a;

	if (!sim_mn_d4_ask(mn, &q, &a) || a.type != SIM_D4_OFFER)
		return false;
	q.type = SIM_D4_REQUEST;
	q.requested = a.yiaddr;
	q.server_id = a.server_id;
	if (!sim_mn_d4_ask(mn, &q, &a) || a.type != SIM_D4_ACK)
		return false;
	*ret = a.yiaddr;
	return true;
}

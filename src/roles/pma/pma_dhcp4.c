/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The DHCPv4 relay (RFC 1542 4.1, RFC 3046; PROTOCOL 5.4, 7.6).
 *
 * link-selection: giaddr is our own address, where the answer has to come to,
 * and option 82 names the home subnet (RFC 3527).  gateway: giaddr is the home
 * subnet's router, as the draft says; the router is at the home agent, so
 * messages go there, by UDP over IPv6, and it passes them on (ha_dhcp.c).
 */
#include <string.h>

#include "core/util.h"
#include "roles/pma/pma_dhcp.h"

#define TTL 64			/* of what we send to a node */

static bool
gateway_mode(const struct pma *p)
{
	return p->conf->dhcp4.mode == DHCP4_GATEWAY;
}

/* What servers choose the subnet by, or at least answer to. */
static struct in_addr
our_giaddr(const struct bule *b)
{
	return gateway_mode(b->pma) ? b->more->router4 :
	    b->pma->conf->dhcp4.address;
}

/* --- from nodes ---------------------------------------------------------- */

static bool
is_client_type(uint8_t type)
{
	return type == D4_DISCOVER || type == D4_REQUEST ||
	    type == D4_DECLINE || type == D4_RELEASE || type == D4_INFORM;
}

/* PDH_RELAYED: it may be relayed. */
static enum pma_dhcp_counter
check_request(const struct bule *b, const struct dhcp4_msg *m)
{
	struct mac mac = dhcp4_mac(m);

	if (m->op != D4_BOOTREQUEST || !is_client_type(m->type))
		return PDH_TYPE;
	if (m->giaddr.s_addr != INADDR_ANY)
		return m->giaddr.s_addr == our_giaddr(b).s_addr ? PDH_LOOP :
		    PDH_GIADDR;
	if (m->hops >= D4_HOPS_MAX)
		return PDH_HOPS;
	if (m->has_agent)
		return PDH_AGENT;
	if (!b->access->p2p && !mac_eq(&mac, &b->mac))
		return PDH_SPOOF;
	return PDH_RELAYED;
}

static bool
acceptable(struct bule *b, const struct udp_msg *m, struct dhcp4_msg *ret)
{
	enum dhcp4_drop d = dhcp4_parse(m->data, m->len, ret);

	return dhcp_parsed(b->pma, &b->pma->dhcp->st4, d, &b->mac) &&
	    dhcp_passes(b, check_request(b, ret));
}

static void
giving_up(struct dhcp_node *n, const struct dhcp4_msg *m)
{
	const struct in_addr *a = m->type == D4_DECLINE ? &m->requested :
	    &m->ciaddr;
	struct bule *b = n->b;

	if (a->s_addr == INADDR_ANY || a->s_addr != b->more->hoa4.s_addr)
		return;
	if (m->type == D4_DECLINE)
		log_warn(b->pma->role.env->log, b->pma->role.ops->name,
		    "address-declined", KV_STR("nai", b->nai),
		    KV_IN4("addr", a));
	dhcp_forget_later(&n->v4, m->type == D4_DECLINE ? "declined" :
	    "released");
}

/* Sent to one address and not to everybody. */
static bool
is_unicast(const struct udp_msg *m)
{
	return in4_is_host(&m->dst4);
}

/*
 * The server identifier override makes clients send renewals to the home
 * subnet's router, which is us on whatever link they are (RFC 5107).  With
 * several servers each of them would take a Request for its own.
 */
static bool
overrides(const struct pma *p)
{
	return !gateway_mode(p) && p->conf->dhcp4.servers.n == 1;
}

static void
fill_agent(const struct bule *b, const struct udp_msg *m, const char *id,
    size_t nid, struct dhcp4_agent *ret)
{
	*ret = (struct dhcp4_agent){
		.circuit_id = { (const uint8_t *)id, (uint8_t)nid },
		.subscriber_id = { (const uint8_t *)b->nai, b->nai_len },
		.has_flags = true,
		.flags = is_unicast(m) ? D4_AGENT_UNICAST : 0 };
	if (!gateway_mode(b->pma))
		ret->link_selection = b->more->subnet4.in4;
	if (overrides(b->pma))
		ret->server_override = b->more->router4;
}

/* A renewal that goes to one of them past us concerns only that one. */
static bool
wanted_server(const struct dhcp_node *n, const struct udp_msg *m,
    const struct in_addr *server)
{
	const struct in_addr *all = n->b->pma->conf->dhcp4.servers.v;

	if (!n->v4.past_us)
		return true;
	for (size_t i = 0; i < n->b->pma->conf->dhcp4.servers.n; i++) {
		if (all[i].s_addr == m->dst4.s_addr)
			return server->s_addr == m->dst4.s_addr;
	}
	return true;
}

static void
send_out(struct dhcp_node *n, const struct udp_msg *m, size_t len)
{
	struct bule *b = n->b;
	const struct pma_conf *conf = b->pma->conf;
	const struct in_addr *servers = conf->dhcp4.servers.v;
	struct dhcp_addr src = { .family = AF_INET, .port = DHCP4_PORT,
		.in4 = conf->dhcp4.address };
	struct dhcp_addr dst = src;

	if (gateway_mode(b->pma)) {
		src = (struct dhcp_addr){ .family = AF_INET6,
			.port = DHCP4_PORT, .in6 = conf->address };
		dst = src;
		dst.in6 = b->peer->address;
		dhcp_to_server(b, &src, &dst, len);
		return;
	}
	for (size_t i = 0; i < conf->dhcp4.servers.n; i++) {
		if (!wanted_server(n, m, &servers[i]))
			continue;
		dst.in4 = servers[i];
		dhcp_to_server(b, &src, &dst, len);
	}
}

static void
forward(struct dhcp_node *n, const struct udp_msg *m,
    const struct dhcp4_msg *msg)
{
	struct bule *b = n->b;
	struct pma *p = b->pma;
	struct dhcp4_msg out = *msg;
	struct dhcp4_agent agent;
	char id[DHCP_ID_MAX];
	int len;

	fill_agent(b, m, id, dhcp_id(b, id), &agent);
	out.hops++;
	out.giaddr = our_giaddr(b);
	len = dhcp4_build(&out, &agent, p->dhcp->buf, D4_MSG_MAX);
	if (len < 0) {
		dhcp_drop(p, PDH_LONG, b, NULL);
		return;
	}
	send_out(n, m, (size_t)len);
	dhcp_relayed(b, &n->v4, dhcp4_type_name(msg->type));
}

void
dhcp4_relay(struct bule *b, const struct udp_msg *m)
{
	struct dhcp_node *n = dhcp_node_get(b);
	struct dhcp4_msg msg;
	struct dhcp_side *s;
	bool again;

	if (n == NULL || !acceptable(b, m, &msg))
		return;
	if (gateway_mode(b->pma) && b->peer == NULL) {
		dhcp_drop(b->pma, PDH_GATE, b, NULL);	/* a visitor */
		return;
	}
	s = &n->v4;
	again = s->copy != NULL && m == &s->copy->m;
	if (s->xid != msg.xid || s->type != msg.type)
		s->answered = false;
	s->xid = msg.xid;
	s->type = msg.type;
	s->past_us = again;
	forward(n, m, &msg);
	if (msg.type == D4_RELEASE || msg.type == D4_DECLINE)
		giving_up(n, &msg);
}

/* To a server through the tunnel, as clients renew and release. */
static bool
goes_past_us(const struct bule *b, const struct udp_msg *m)
{
	return is_unicast(m) && m->dst4.s_addr != b->more->router4.s_addr &&
	    m->dst4.s_addr != our_giaddr(b).s_addr;
}

void
dhcp4_from_node(struct bule *b, const struct udp_msg *m)
{
	struct dhcp4_msg msg;
	struct dhcp_node *n;

	if (!goes_past_us(b, m)) {
		dhcp4_relay(b, m);
		return;
	}
	n = dhcp_node_get(b);
	if (n == NULL || !acceptable(b, m, &msg))
		return;
	/* somebody else's address goes no further than the data plane */
	if (m->src4.s_addr != msg.ciaddr.s_addr) {
		dhcp_drop(b->pma, PDH_SOURCE, b, NULL);
		return;
	}
	if (msg.type == D4_REQUEST)
		dhcp_copy_start(&n->v4, m);
	else if (msg.type == D4_RELEASE)
		giving_up(n, &msg);
}

/* --- from servers -------------------------------------------------------- */

/* Home agents of our nodes pass on what servers say in gateway mode. */
static bool
is_server(const struct pma *p, const struct dhcp_addr *a)
{
	const struct in_addr *servers = p->conf->dhcp4.servers.v;
	const struct pma_peer *peer;

	if (a->family == AF_INET6) {
		SLIST_FOREACH(peer, &p->peers, entry) {
			if (in6_eq(&peer->address, &a->in6))
				return true;
		}
		return false;
	}
	for (size_t i = 0; i < p->conf->dhcp4.servers.n; i++) {
		if (servers[i].s_addr == a->in4.s_addr)
			return true;
	}
	return false;
}

/* By our own circuit-id; a server without option 82 knows the client's MAC. */
static struct bule *
find_node(struct pma *p, const struct dhcp4_msg *m)
{
	struct mac mac = dhcp4_mac(m);

	if (m->agent.circuit_id.p != NULL)
		return dhcp_by_id(p, m->agent.circuit_id.p,
		    m->agent.circuit_id.n);
	return mac_is_zero(&mac) ? NULL : dhcp_by_mac(p, &mac);
}

/* PDH_DELIVERED: it is for that node, and may go there. */
static enum pma_dhcp_counter
check_reply(const struct bule *b, const struct dhcp_pkt *pkt,
    const struct dhcp4_msg *m)
{
	struct mac mac = dhcp4_mac(m);

	if (m->op != D4_BOOTREPLY || (m->type != D4_OFFER &&
	    m->type != D4_ACK && m->type != D4_NAK))
		return PDH_TYPE;
	if (fsm_dhcp_gate(b, AF_INET) == DHCP_DROP)
		return PDH_GATE;
	if (m->giaddr.s_addr != our_giaddr(b).s_addr ||
	    (!b->access->p2p && !mac_eq(&mac, &b->mac)) ||
	    (pkt->src.family == AF_INET6 && (b->peer == NULL ||
	    !in6_eq(&pkt->src.in6, &b->peer->address))))
		return PDH_MISMATCH;
	return PDH_DELIVERED;
}

/* An address that the node must not come to use. */
static bool
is_outside(const struct bule *b, const struct dhcp4_msg *m)
{
	const struct bul_more *more = b->more;
	struct prefix host;

	if (m->yiaddr.s_addr == INADDR_ANY)
		return false;
	host = prefix_host4(&m->yiaddr);
	return !prefix_covers(&more->subnet4, &host) ||
	    (more->static4.s_addr != INADDR_ANY &&
	    more->static4.s_addr != m->yiaddr.s_addr);
}

/*
 * Another server may have said yes.  Of a renewal that went past us only the
 * server that it went to can say no: others that we asked know nothing.
 */
static void
learn_nak(struct dhcp_node *n, const struct dhcp4_msg *m)
{
	struct dhcp_side *s = &n->v4;

	if (s->answered || (s->past_us && (s->copy == NULL ||
	    m->server_id.s_addr != s->copy->m.dst4.s_addr)))
		return;
	dhcp_copy_stop(s);
	fsm_forget_ip4(n->b, "refused");
}

static void
learn(struct dhcp_node *n, const struct dhcp4_msg *m)
{
	struct dhcp_side *s = &n->v4;

	/* a DISCOVER is acknowledged at once with Rapid Commit (RFC 4039) */
	if (m->xid != s->xid || (s->type != D4_REQUEST &&
	    s->type != D4_DISCOVER))
		return;
	if (m->type == D4_NAK) {
		learn_nak(n, m);
		return;
	}
	if (m->type != D4_ACK || m->yiaddr.s_addr == INADDR_ANY ||
	    !m->has_lease)
		return;
	dhcp_copy_stop(s);
	if (s->answered && m->yiaddr.s_addr != n->b->more->hoa4.s_addr)
		return;
	s->answered = true;
	dhcp_forget_not(s);
	if (m->lease_s == 0)
		fsm_forget_ip4(n->b, "lifetime-0");
	else
		fsm_learn_ip4(n->b, &m->yiaddr, dhcp4_mask_len(m->mask),
		    &m->router, m->lease_s);
}

/*
 * RFC 2131 4.1: to everybody when it asks for that or is refused, else to the
 * address it has or gets; at layer 2 to that node alone, always.  From the
 * server as the client knows it.
 */
static void
deliver(struct dhcp_node *n, const struct dhcp4_msg *m)
{
	struct bule *b = n->b;
	struct pma_dhcp *d = b->pma->dhcp;
	int len = dhcp4_build(m, NULL, d->buf, sizeof(d->buf));
	struct udp_msg u = { .family = AF_INET, .hops = TTL,
		.sport = DHCP4_PORT, .dport = DHCP4_CLIENT_PORT,
		.src4 = m->server_id, .dst4 = m->yiaddr, .data = d->buf };

	if (len < 0) {
		dhcp_drop(b->pma, PDH_LONG, b, NULL);
		return;
	}
	u.len = (size_t)len;
	if (!in4_is_host(&u.src4))
		u.src4 = b->more->router4;
	if (m->type == D4_NAK)
		u.dst4.s_addr = INADDR_BROADCAST;
	else if (m->ciaddr.s_addr != INADDR_ANY)
		u.dst4 = m->ciaddr;
	else if ((m->flags & D4_BROADCAST) != 0 ||
	    m->yiaddr.s_addr == INADDR_ANY)
		u.dst4.s_addr = INADDR_BROADCAST;
	dhcp_deliver(b, &n->v4, &u, dhcp4_type_name(m->type));
}

static void
for_node(struct bule *b, const struct dhcp_pkt *pkt,
    const struct dhcp4_msg *m)
{
	enum pma_dhcp_counter why = check_reply(b, pkt, m);
	struct dhcp_node *n = dhcp_node_get(b);
	struct pma *p = b->pma;

	if (n == NULL)
		return;
	if (why != PDH_DELIVERED) {
		dhcp_drop(p, why, b, NULL);
		return;
	}
	if (is_outside(b, m)) {
		stat_inc(&p->dhcp->st, PDH_OUTSIDE);
		if (ratelimit_pass(&p->dhcp->rl, pma_now(p), NULL))
			log_warn(p->role.env->log, p->role.ops->name,
			    "dhcp-wrong-prefix", KV_STR("nai", b->nai),
			    KV_IN4("addr", &m->yiaddr),
			    KV_PREFIX("subnet", &b->more->subnet4));
		return;
	}
	if (!n->v4.past_us || m->xid != n->v4.xid)
		deliver(n, m);
	learn(n, m);
}

void
dhcp4_from_server(struct pma *p, const struct dhcp_pkt *pkt)
{
	struct dhcp4_msg m;
	struct bule *b;

	if (!is_server(p, &pkt->src)) {
		dhcp_drop(p, PDH_STRANGER, NULL, NULL);
		return;
	}
	if (!dhcp_parsed(p, &p->dhcp->st4, dhcp4_parse(pkt->data, pkt->len,
	    &m), NULL))
		return;
	/* a home agent in this daemon may have the same address: for that */
	if (m.op == D4_BOOTREQUEST && dhcp_addr_eq(&pkt->src, &pkt->dst))
		return;
	b = find_node(p, &m);
	if (b == NULL || b->access == NULL || b->more == NULL)
		dhcp_drop(p, PDH_NO_NODE, NULL, NULL);
	else
		for_node(b, pkt, &m);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The DHCPv6 relay (RFC 8415 19; PROTOCOL 5.4, 7.5).  The link-address is the
 * home prefix of whoever asks, not of the link, which has none (D6.3-3).
 */
#include <string.h>

#include "core/util.h"
#include "roles/pma/pma_dhcp.h"

#define HOP_LIMIT 64		/* of what we send to a node */

/* --- from nodes ---------------------------------------------------------- */

static bool
is_client_type(uint8_t type)
{
	return type == D6_SOLICIT || type == D6_REQUEST ||
	    type == D6_CONFIRM || type == D6_RENEW || type == D6_REBIND ||
	    type == D6_RELEASE || type == D6_DECLINE ||
	    type == D6_INFORMATION_REQUEST;
}

static bool
in_home_prefix(const struct bule *b, const struct in6_addr *a)
{
	struct prefix host;

	prefix_from_in6(&host, a, 128);
	return prefix_covers(&b->hnp, &host);
}

/*
 * A relay behind the node, or between it and us (RFC 6221).  The server takes
 * the link-address nearest to the client, so that one must not name a link of
 * somebody else.
 */
static enum pma_dhcp_counter
check_levels(const struct bule *b, const struct dhcp6_chain *c)
{
	if (c->n > 0 && c->level[0].hops >= D6_HOP_LIMIT)
		return PDH_HOPS;
	for (uint8_t i = 0; i < c->n; i++) {
		const struct dhcp6_relay *l = &c->level[i];

		if (l->type != D6_RELAY_FORW)
			return PDH_TYPE;
		if (l->interface_id.p != NULL && dhcp_by_id(b->pma,
		    l->interface_id.p, l->interface_id.n) != NULL)
			return PDH_LOOP;
		if (!in6_is_zero(&l->link) && !in_home_prefix(b, &l->link))
			return PDH_LINK;
	}
	return is_client_type(c->msg.type) ? PDH_RELAYED : PDH_TYPE;
}

/* Whose address does it come from?  PDH_RELAYED: it may. */
static enum pma_dhcp_counter
check_source(const struct bule *b, const struct udp_msg *m)
{
	const struct bule *other;

	if (!in6_is_linklocal(&m->src6))
		return !IN6_IS_ADDR_MULTICAST(&m->dst6) &&
		    in_home_prefix(b, &m->src6) ? PDH_RELAYED : PDH_SOURCE;
	other = list_by_lla(b->pma, b->access->lif.ifindex, &m->src6);
	return other == NULL || other == b ? PDH_RELAYED : PDH_SPOOF;
}

/* It parses and may be relayed; all else is counted. */
static bool
acceptable(struct bule *b, const struct udp_msg *m, struct dhcp6_chain *ret)
{
	enum dhcp6_drop d = dhcp6_parse_chain(m->data, m->len, ret);

	return dhcp_parsed(b->pma, &b->pma->dhcp->st6, d, &b->mac) &&
	    dhcp_passes(b, check_levels(b, ret)) &&
	    dhcp_passes(b, check_source(b, m));
}

/* Does it speak of the address that we know of? */
static bool
names_hoa(const struct bule *b, const struct dhcp6_msg *m)
{
	for (uint8_t i = 0; i < m->naddrs; i++) {
		if (in6_eq(&m->addrs[i].addr, &b->more->hoa))
			return true;
	}
	return false;
}

static void
giving_up(struct dhcp_node *n, const struct dhcp6_msg *m)
{
	struct bule *b = n->b;

	if (!names_hoa(b, m))
		return;
	if (m->type == D6_DECLINE)
		log_warn(b->pma->role.env->log, b->pma->role.ops->name,
		    "address-declined", KV_STR("nai", b->nai),
		    KV_IN6("addr", &b->more->hoa));
	dhcp_forget_later(&n->v6, m->type == D6_DECLINE ? "declined" :
	    "released");
}

/* What the answer will have to be seen with. */
static void
remember(struct dhcp_node *n, const struct udp_msg *m,
    const struct dhcp6_msg *msg)
{
	struct dhcp_side *s = &n->v6;

	if (s->xid != msg->xid || s->type != msg->type)
		s->answered = false;
	s->xid = msg->xid;
	s->type = msg->type;
	s->past_us = false;
	n->peer = m->src6;
	n->confirm = in6addr_any;
	if (msg->type != D6_CONFIRM)
		return;
	for (uint8_t i = 0; i < msg->naddrs; i++) {
		if (in_home_prefix(n->b, &msg->addrs[i].addr)) {
			n->confirm = msg->addrs[i].addr;
			break;
		}
	}
}

static void
forward(struct dhcp_node *n, const struct udp_msg *m,
    const struct dhcp6_chain *c)
{
	struct bule *b = n->b;
	struct pma *p = b->pma;
	const struct in6_addr *servers = p->conf->dhcp6.servers.v;
	const struct dhcp_addr src = { .family = AF_INET6, .port = DHCP6_PORT,
		.in6 = p->conf->address };
	char id[DHCP_ID_MAX];
	struct dhcp6_relay r = { .type = D6_RELAY_FORW,
		.hops = c->n > 0 ? (uint8_t)(c->level[0].hops + 1) : 0,
		.link = b->hnp.in6, .peer = m->src6,
		.interface_id = { (const uint8_t *)id,
		    (uint16_t)dhcp_id(b, id) },
		.subscriber_id = { (const uint8_t *)b->nai, b->nai_len },
		.has_mac = !mac_is_zero(&b->mac), .mac = b->mac,
		.msg = { m->data, (uint16_t)m->len } };
	int len = dhcp6_build_relay(&r, p->dhcp->buf, sizeof(p->dhcp->buf));

	if (len < 0) {
		dhcp_drop(p, PDH_LONG, b, NULL);
		return;
	}
	for (size_t i = 0; i < p->conf->dhcp6.servers.n; i++) {
		const struct dhcp_addr dst = { .family = AF_INET6,
			.port = DHCP6_PORT, .in6 = servers[i] };

		dhcp_to_server(b, &src, &dst, (size_t)len);
	}
	dhcp_relayed(b, &n->v6, dhcp6_type_name(n->v6.type));
}

void
dhcp6_relay(struct bule *b, const struct udp_msg *m)
{
	struct dhcp_node *n = dhcp_node_get(b);
	struct dhcp6_chain c;
	bool again;

	if (n == NULL || b->hnp.family == 0 || !acceptable(b, m, &c))
		return;
	list_learn_lla(b, &m->src6);
	again = n->v6.copy != NULL && m == &n->v6.copy->m;
	remember(n, m, &c.msg);
	n->v6.past_us = again;
	forward(n, m, &c);
	if (c.msg.type == D6_RELEASE || c.msg.type == D6_DECLINE)
		giving_up(n, &c.msg);
}

/* To a server through the tunnel (Server Unicast, RFC 8415 21.12). */
static bool
goes_past_us(const struct udp_msg *m)
{
	return !IN6_IS_ADDR_MULTICAST(&m->dst6) &&
	    !in6_is_linklocal(&m->dst6);
}

void
dhcp6_from_node(struct bule *b, const struct udp_msg *m)
{
	struct dhcp_node *n;
	struct dhcp6_chain c;

	if (!goes_past_us(m)) {
		dhcp6_relay(b, m);
		return;
	}
	n = dhcp_node_get(b);
	if (n == NULL || !acceptable(b, m, &c))
		return;
	if (c.msg.type == D6_RENEW || c.msg.type == D6_REQUEST)
		dhcp_copy_start(&n->v6, m);
	else if (c.msg.type == D6_RELEASE || c.msg.type == D6_DECLINE)
		giving_up(n, &c.msg);
}

/* --- from servers -------------------------------------------------------- */

static bool
is_server(const struct pma *p, const struct in6_addr *a)
{
	const struct in6_addr *servers = p->conf->dhcp6.servers.v;

	for (size_t i = 0; i < p->conf->dhcp6.servers.n; i++) {
		if (in6_eq(&servers[i], a))
			return true;
	}
	return false;
}

/* By our own Interface-Id; a server that lost it at least knows the peer. */
static struct bule *
find_node(struct pma *p, const struct dhcp6_relay *r)
{
	const struct pma_access *a;
	struct bule *b;

	if (r->interface_id.p != NULL)
		return dhcp_by_id(p, r->interface_id.p, r->interface_id.n);
	SLIST_FOREACH(a, &p->access, entry) {
		b = list_by_lla(p, a->lif.ifindex, &r->peer);
		if (b != NULL)
			return b;
	}
	return NULL;
}

/* An address that the node must not come to use: whatever the type. */
static const struct dhcp6_addr *
find_outside(const struct bule *b, const struct dhcp6_msg *m)
{
	const struct bul_more *more = b->more;

	for (uint8_t i = 0; i < m->naddrs; i++) {
		const struct dhcp6_addr *a = &m->addrs[i];

		if (a->status != D6_SUCCESS || a->valid_s == 0)
			continue;
		if (!in_home_prefix(b, &a->addr))
			return a;
		if (!b->per_mn_prefix && !in6_is_zero(&more->static6) &&
		    !in6_eq(&a->addr, &more->static6))
			return a;
	}
	return NULL;
}

/* The one that we know, else the first; NULL: none is assigned. */
static const struct dhcp6_addr *
choose(const struct bule *b, const struct dhcp6_msg *m)
{
	const struct dhcp6_addr *first = NULL;

	for (uint8_t i = 0; i < m->naddrs; i++) {
		const struct dhcp6_addr *a = &m->addrs[i];

		if (a->status != D6_SUCCESS || a->valid_s == 0)
			continue;
		if (in6_eq(&a->addr, &b->more->hoa))
			return a;
		if (first == NULL)
			first = a;
	}
	return first;
}

/* No address in a Reply to Request, Renew, Rebind or Solicit: why? */
static void
learn_refusal(struct bule *b, const struct dhcp6_msg *m)
{
	uint16_t status = m->status != D6_SUCCESS ? m->status : m->ia_status;

	if (status == D6_NO_BINDING)
		fsm_forget_hoa(b, "no-binding");
	else if (status == D6_NOT_ON_LINK)
		fsm_forget_hoa(b, "not-on-link");
	else if (names_hoa(b, m))
		fsm_forget_hoa(b, "lifetime-0");
}

/*
 * The client takes the first answer (RFC 8415 18.2.1), so a second server's
 * counts only when it says the same.
 */
static void
learn_assigned(struct dhcp_node *n, const struct dhcp6_msg *m)
{
	struct bule *b = n->b;
	const struct dhcp6_addr *a = choose(b, m);

	if (a == NULL) {
		if (!n->v6.answered)
			learn_refusal(b, m);
		return;
	}
	if (n->v6.answered && !in6_eq(&a->addr, &b->more->hoa))
		return;
	n->v6.answered = true;
	dhcp_forget_not(&n->v6);
	fsm_learn_hoa(b, &a->addr, a->valid_s);
}

/*
 * A server confirms that the addresses fit the link; it does not say for how
 * long, nor look into its leases.  Enough to serve a node whose address nobody
 * here knows (it will renew at its T1); the home agent refuses what another
 * node is bound to.
 */
static void
learn_confirmed(struct dhcp_node *n, const struct dhcp6_msg *m)
{
	struct bule *b = n->b;

	if (m->status == D6_NOT_ON_LINK)
		fsm_forget_hoa(b, "not-on-link");
	else if (m->status == D6_SUCCESS && !in6_is_zero(&n->confirm) &&
	    in6_is_zero(&b->more->hoa))
		fsm_learn_hoa(b, &n->confirm, LEASE_INFINITE);
}

static void
learn(struct dhcp_node *n, const struct dhcp6_msg *m)
{
	if (m->type != D6_REPLY || m->xid != n->v6.xid)
		return;
	dhcp_copy_stop(&n->v6);
	switch (n->v6.type) {
	case D6_RELEASE:
	case D6_DECLINE:
		if (timer_armed(&n->v6.t_forget))
			dhcp_forget_now(&n->v6);
		break;
	case D6_CONFIRM:
		learn_confirmed(n, m);
		break;
	case D6_SOLICIT:		/* Rapid Commit */
	case D6_REQUEST:
	case D6_RENEW:
	case D6_REBIND:
		learn_assigned(n, m);
		break;
	default:
		break;
	}
}

/* To the node, from our address on its link. */
static void
deliver(struct dhcp_node *n, const struct dhcp6_chain *c)
{
	const struct dhcp6_relay *r = &c->level[0];
	struct bule *b = n->b;
	const struct udp_msg m = { .family = AF_INET6, .hops = HOP_LIMIT,
		.sport = DHCP6_PORT,
		.dport = c->n > 1 ? DHCP6_PORT : DHCP6_CLIENT_PORT,
		.src6 = b->access->lif.linklocal, .dst6 = r->peer,
		.data = r->msg.p, .len = r->msg.n };

	dhcp_deliver(b, &n->v6, &m, dhcp6_type_name(c->msg.type));
}

/* PDH_DELIVERED: it is for that node, and may go there. */
static enum pma_dhcp_counter
check_reply(const struct bule *b, const struct dhcp6_chain *c)
{
	const struct dhcp6_relay *r = &c->level[0];
	uint8_t type = c->msg.type;

	if (r->type != D6_RELAY_REPL || (type != D6_ADVERTISE &&
	    type != D6_REPLY && type != D6_RECONFIGURE))
		return PDH_TYPE;
	if (fsm_dhcp_gate(b, AF_INET6) == DHCP_DROP)
		return PDH_GATE;
	if (!in6_eq(&r->link, &b->hnp.in6))
		return PDH_MISMATCH;
	if (!in6_eq(&r->peer, &b->lla) && (b->more == NULL ||
	    b->more->dhcp == NULL || !in6_eq(&r->peer, &b->more->dhcp->peer)))
		return PDH_MISMATCH;
	/* the link has lost its address: nothing to send from */
	if (in6_is_zero(&b->access->lif.linklocal))
		return PDH_TX;
	return PDH_DELIVERED;
}

static void
for_node(struct bule *b, const struct dhcp6_chain *c)
{
	struct dhcp_node *n = dhcp_node_get(b);
	enum pma_dhcp_counter why = check_reply(b, c);
	const struct dhcp6_addr *a;
	struct pma *p = b->pma;

	if (n == NULL)
		return;
	if (why != PDH_DELIVERED) {
		dhcp_drop(p, why, b, NULL);
		return;
	}
	a = find_outside(b, &c->msg);
	if (a != NULL) {
		stat_inc(&p->dhcp->st, PDH_OUTSIDE);
		if (ratelimit_pass(&p->dhcp->rl, pma_now(p), NULL))
			log_warn(p->role.env->log, p->role.ops->name,
			    "dhcp-wrong-prefix", KV_STR("nai", b->nai),
			    KV_IN6("addr", &a->addr),
			    KV_PREFIX("hnp", &b->hnp));
		return;
	}
	if (!n->v6.past_us || c->msg.xid != n->v6.xid)
		deliver(n, c);
	learn(n, &c->msg);
}

void
dhcp6_from_server(struct pma *p, const struct dhcp_pkt *pkt)
{
	struct dhcp6_chain c;
	struct bule *b;

	if (!is_server(p, &pkt->src.in6)) {
		dhcp_drop(p, PDH_STRANGER, NULL, NULL);
		return;
	}
	if (!dhcp_parsed(p, &p->dhcp->st6, dhcp6_parse_chain(pkt->data,
	    pkt->len, &c), NULL))
		return;
	if (c.n == 0) {			/* nothing of that is for us */
		dhcp_drop(p, PDH_TYPE, NULL, NULL);
		return;
	}
	b = find_node(p, &c.level[0]);
	if (b == NULL || b->access == NULL)
		dhcp_drop(p, PDH_NO_NODE, NULL, NULL);
	else
		for_node(b, &c);
}

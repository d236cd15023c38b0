/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DHCPv4 for proxy mobile agents in mode gateway (PROTOCOL 7.6 G1).
 *
 *   PMA --UDP/IPv6, port 67--> us --giaddr = our router address--> servers
 *   PMA <---------------------  us <---- to the router address --- server
 *
 * The home subnet's router is here, so servers, which answer to giaddr, answer
 * to us, whichever PMA asked: that one is remembered by transaction and client
 * address, in a table of fixed size whose entries end after LIFE_US.  The
 * address has to be configured on this machine, on whatever interface: it is
 * the operator's router, answers pings and belongs to a routing plan, and is
 * there whether we run or not.
 *
 * A PMA may speak for a node that is registered through it only, and for that
 * node's home subnet only: giaddr has to be the router of its profile.  The
 * answer goes to that PMA while the node is still there; transaction and client
 * address are the PMA's choice, so that another PMA might have named the same.
 *
 * Not implemented: authentication of this leg.  It is as good as the network
 * between home agent and PMA; a policy for UDP port 67 protects it (RFC 8415
 * 20.1 advises the same for relays).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/util.h"
#include "dhcp/dhcp4.h"
#include "roles/ha/ha.h"

#define SETS 1024		/* a power of two */
#define WAYS 4			/* transactions whose hash is the same */
#define LIFE_US (60 * USEC_PER_SEC)

#define HA_DHCP_COUNTERS(X) \
	X(HDH_RELAYED, "relayed", "messages of PMAs, to every server") \
	X(HDH_RETURNED, "returned", "messages of servers, to the PMA") \
	X(HDH_EVICTED, "transactions-evicted", \
	    "that had to make room before their time") \
	X(HDH_PMA, "unknown-pma", "from none that is authorised") \
	X(HDH_NO_BINDING, "no-binding", \
	    "for a node that is not registered through that PMA") \
	X(HDH_GIADDR, "bad-giaddr", "giaddr is no router address of ours") \
	X(HDH_SUBNET, "wrong-subnet", \
	    "giaddr is not the router of the node's home subnet") \
	X(HDH_PORT, "wrong-port", "from a PMA, not from its relay's port") \
	X(HDH_TYPE, "wrong-direction", \
	    "servers' messages from PMAs, or the other way round") \
	X(HDH_HOPS, "hop-limit", "relayed too often: RFC 1542 4.1.1") \
	X(HDH_SERVER, "unknown-server", "from none of the servers") \
	X(HDH_STRAY, "no-transaction", "a reply that nobody waits for") \
	X(HDH_TX, "send-failed", "that could not be sent, either way")

enum ha_dhcp_counter {
#define X(id, name, help) id,
	HA_DHCP_COUNTERS(X)
#undef X
	HDH_MAX
};

static const struct stat_desc hdh_desc[HDH_MAX] = {
#define X(id, name, help) { name, help },
	HA_DHCP_COUNTERS(X)
#undef X
};

/* Who asked; expires 0: nobody. */
struct trans {
	usec_t expires;
	uint32_t xid;
	uint8_t hlen;
	uint8_t chaddr[D4_CHADDR_MAX];
	struct in6_addr pma, ours;
};

struct ha_dhcp {
	struct stat_group st, st4;
	struct ratelimit rl;
	struct hash_key key;
	struct dhcp_addr *at;		/* where we listen */
	size_t nat;
	uint8_t buf[D4_MSG_MAX];
	struct trans table[SETS][WAYS];
};

static void
drop(struct ha *ha, enum ha_dhcp_counter why, const struct dhcp_addr *from)
{
	struct ha_dhcp *d = ha->dhcp;

	stat_inc(&d->st, why);
	if (!ratelimit_pass(&d->rl, clock_mono_us(ha->role.env->clock), NULL))
		return;
	log_warn(ha->role.env->log, ha->role.ops->name, "dhcp-drop",
	    KV_STR("why", hdh_desc[why].name), from->family == AF_INET6 ?
	    KV_IN6("from", &from->in6) : KV_IN4("from", &from->in4));
}

/* --- transactions -------------------------------------------------------- */

static struct trans *
set_of(struct ha_dhcp *d, const struct dhcp4_msg *m)
{
	uint8_t k[sizeof(m->xid) + sizeof(m->chaddr)];

	memcpy(k, &m->xid, sizeof(m->xid));
	memcpy(k + sizeof(m->xid), m->chaddr, sizeof(m->chaddr));
	return d->table[hash_bytes(&d->key, k, sizeof(k)) % SETS];
}

static bool
is_trans(const struct trans *t, const struct dhcp4_msg *m, usec_t now)
{
	return t->expires > now && t->xid == m->xid && t->hlen == m->hlen &&
	    memcmp(t->chaddr, m->chaddr, sizeof(t->chaddr)) == 0;
}

static struct trans *
trans_find(struct ha_dhcp *d, const struct dhcp4_msg *m, usec_t now)
{
	struct trans *t = set_of(d, m);

	for (unsigned i = 0; i < WAYS; i++) {
		if (is_trans(&t[i], m, now))
			return &t[i];
	}
	return NULL;
}

/* The same again, a free one, or that which would end first. */
static struct trans *
trans_make(struct ha_dhcp *d, const struct dhcp4_msg *m, usec_t now)
{
	struct trans *t = trans_find(d, m, now), *set = set_of(d, m);

	if (t != NULL)
		return t;
	t = set;
	for (unsigned i = 1; i < WAYS; i++) {
		if (set[i].expires < t->expires)
			t = &set[i];
	}
	if (t->expires > now)
		stat_inc(&d->st, HDH_EVICTED);
	t->xid = m->xid;
	t->hlen = m->hlen;
	memcpy(t->chaddr, m->chaddr, sizeof(t->chaddr));
	return t;
}

/* --- passing on ---------------------------------------------------------- */

static void
send_to(struct ha *ha, const struct dhcp_addr *src,
    const struct dhcp_addr *dst, const void *data, size_t len)
{
	struct dhcp_io *io = ha->role.env->dhcp;

	if (io->ops->send(io, src, dst, data, len) < 0)
		drop(ha, HDH_TX, dst);
}

static bool
list_has(const struct cfg_list *l, const struct in_addr *a)
{
	const struct in_addr *v = l->v;

	for (size_t i = 0; i < l->n; i++) {
		if (v[i].s_addr == a->s_addr)
			return true;
	}
	return false;
}

bool
ha_dhcp_is_router(const struct ha *ha, const struct in_addr *a)
{
	return list_has(&ha->conf->dhcp4.addresses, a);
}

/* The node, by the NAI that PMAs put into option 82, if it is at that PMA. */
static const struct bce *
bound_to(const struct ha *ha, const struct in6_addr *pma,
    const struct dhcp4_octets *nai)
{
	const struct bce *b = NULL;

	if (nai->p != NULL) {
		struct nai key = role_nai(&ha->role, (const char *)nai->p,
		    nai->n);

		b = ha_cache_find(&ha->cache, &key);
	}
	return b != NULL && b->state == BCE_BOUND && in6_eq(&b->coa, pma) ? b :
	    NULL;
}

/* HDH_RELAYED: it may go to the servers. */
static enum ha_dhcp_counter
check_request(const struct ha *ha, const struct dhcp_pkt *pkt,
    const struct dhcp4_msg *m)
{
	const struct profile_ip4 *ip4;
	const struct bce *b;

	if (m->op != D4_BOOTREQUEST)
		return HDH_TYPE;
	if (m->hops >= D4_HOPS_MAX)
		return HDH_HOPS;
	if (!ha_dhcp_is_router(ha, &m->giaddr))
		return HDH_GIADDR;
	b = bound_to(ha, &pkt->src.in6, &m->agent.subscriber_id);
	/* A policy that has just changed is looked at soon (ha.c). */
	if (b == NULL || b->profile == NULL || b->policy_gen != ha->policy_gen)
		return HDH_NO_BINDING;
	ip4 = &b->profile->ip4;
	return ip4->at.line != 0 && ip4->router.s_addr == m->giaddr.s_addr ?
	    HDH_RELAYED : HDH_SUBNET;
}

static void
from_pma(struct ha *ha, const struct dhcp_pkt *pkt, struct dhcp4_msg *m)
{
	enum ha_dhcp_counter why = check_request(ha, pkt, m);
	const struct in_addr *servers = ha->conf->dhcp4.servers.v;
	struct dhcp_addr src = { .family = AF_INET, .port = DHCP4_PORT,
		.in4 = m->giaddr };
	struct dhcp_addr dst = src;
	struct ha_dhcp *d = ha->dhcp;
	usec_t now = clock_mono_us(ha->role.env->clock);
	struct trans *t;
	int len;

	if (why != HDH_RELAYED) {
		drop(ha, why, &pkt->src);
		return;
	}
	m->hops++;
	len = dhcp4_build(m, &m->agent, d->buf, sizeof(d->buf));
	if (len < 0) {
		drop(ha, HDH_TX, &pkt->src);
		return;
	}
	t = trans_make(d, m, now);
	t->expires = now + LIFE_US;
	t->pma = pkt->src.in6;
	t->ours = pkt->dst.in6;
	for (size_t i = 0; i < ha->conf->dhcp4.servers.n; i++) {
		dst.in4 = servers[i];
		send_to(ha, &src, &dst, d->buf, (size_t)len);
	}
	stat_inc(&d->st, HDH_RELAYED);
}

static void
from_server(struct ha *ha, const struct dhcp_pkt *pkt,
    const struct dhcp4_msg *m)
{
	struct ha_dhcp *d = ha->dhcp;
	const struct trans *t;
	struct dhcp_addr src, dst;

	if (m->op != D4_BOOTREPLY) {
		drop(ha, HDH_TYPE, &pkt->src);
		return;
	}
	if (m->giaddr.s_addr != pkt->dst.in4.s_addr) {
		drop(ha, HDH_GIADDR, &pkt->src);
		return;
	}
	t = trans_find(d, m, clock_mono_us(ha->role.env->clock));
	if (t == NULL) {
		drop(ha, HDH_STRAY, &pkt->src);
		return;
	}
	/* Not every server echoes option 82 (RFC 3046 2.2). */
	if (m->agent.subscriber_id.p != NULL &&
	    bound_to(ha, &t->pma, &m->agent.subscriber_id) == NULL) {
		drop(ha, HDH_NO_BINDING, &pkt->src);
		return;
	}
	src = dst = (struct dhcp_addr){ .family = AF_INET6,
		.port = DHCP4_PORT, .in6 = t->ours };
	dst.in6 = t->pma;
	send_to(ha, &src, &dst, pkt->data, pkt->len);
	stat_inc(&d->st, HDH_RETURNED);
}

static bool
listens(const struct ha_dhcp *d, const struct dhcp_addr *at)
{
	for (size_t i = 0; i < d->nat; i++) {
		if (dhcp_addr_eq(&d->at[i], at))
			return true;
	}
	return false;
}

/* HDH_MAX: it is one that we listen to. */
static enum ha_dhcp_counter
check_sender(const struct ha *ha, const struct dhcp_pkt *pkt)
{
	const struct ha_peer *peer;

	if (pkt->src.family == AF_INET)
		return list_has(&ha->conf->dhcp4.servers, &pkt->src.in4) ?
		    HDH_MAX : HDH_SERVER;
	if (pkt->src.port != DHCP4_PORT)
		return HDH_PORT;
	peer = ha_peer_find(ha, &pkt->src.in6);
	return peer != NULL && peer->listed ? HDH_MAX : HDH_PMA;
}

void
ha_dhcp_recv(struct role *r, const struct dhcp_pkt *pkt)
{
	struct ha *ha = (struct ha *)(void *)r;
	struct ha_dhcp *d = ha->dhcp;
	enum ha_dhcp_counter why;
	enum dhcp4_drop bad;
	struct dhcp4_msg m;

	/* a collocated role may listen on other addresses */
	if (d == NULL || !listens(d, &pkt->dst))
		return;
	why = check_sender(ha, pkt);
	if (why != HDH_MAX) {
		drop(ha, why, &pkt->src);
		return;
	}
	bad = dhcp4_parse(pkt->data, pkt->len, &m);
	stat_inc(&d->st4, bad);
	/* a PMA in this daemon may have the same address: for that one */
	if (bad != D4D_OK || (m.op == D4_BOOTREPLY &&
	    dhcp_addr_eq(&pkt->src, &pkt->dst)))
		return;
	if (pkt->src.family == AF_INET6)
		from_pma(ha, pkt, &m);
	else
		from_server(ha, pkt, &m);
}

/* --- life ---------------------------------------------------------------- */

/* Our own addresses for PMAs, the routers' for servers. */
static size_t
wanted(const struct ha_conf *c, struct dhcp_addr **ret)
{
	const struct in6_addr *ours = c->addresses.v;
	const struct in_addr *routers = c->dhcp4.addresses.v;
	size_t n = 0;

	*ret = NULL;
	if (c->dhcp4.at.line == 0)
		return 0;
	*ret = calloc(c->addresses.n + c->dhcp4.addresses.n, sizeof(**ret));
	if (*ret == NULL)
		abort();
	for (size_t i = 0; i < c->addresses.n; i++)
		(*ret)[n++] = (struct dhcp_addr){ .family = AF_INET6,
			.port = DHCP4_PORT, .in6 = ours[i] };
	for (size_t i = 0; i < c->dhcp4.addresses.n; i++)
		(*ret)[n++] = (struct dhcp_addr){ .family = AF_INET,
			.port = DHCP4_PORT, .in4 = routers[i] };
	return n;
}

static void
unlisten(struct ha *ha, const struct dhcp_addr *at, size_t n)
{
	struct dhcp_io *io = ha->role.env->dhcp;

	for (size_t i = 0; i < n; i++)
		io->ops->unlisten(io, &at[i]);
}

static void
dhcp_new(struct ha *ha)
{
	struct stats *stats = ha->role.env->stats;
	struct ha_dhcp *d = calloc(1, sizeof(*d));

	if (d == NULL)
		abort();
	ha->dhcp = d;
	ratelimit_init(&d->rl, 10, 1);
	hash_key_random(&d->key);
	stats_register(stats, &d->st, "ha-dhcp", hdh_desc, HDH_MAX);
	stats_register(stats, &d->st4, "ha-dhcp4", dhcp4_drop_desc,
	    DHCP4_DROP_MAX);
}

int
ha_dhcp_reload(struct ha *ha, const struct ha_conf *conf)
{
	struct dhcp_io *io = ha->role.env->dhcp;
	struct dhcp_addr *at;
	size_t n = wanted(conf, &at);

	/* the new ones first: listen() counts, so what stays is not touched */
	for (size_t i = 0; i < n; i++) {
		int r = io->ops->listen(io, &at[i]);

		if (r < 0) {
			unlisten(ha, at, i);
			free(at);
			return r;
		}
	}
	if (n > 0 && ha->dhcp == NULL)
		dhcp_new(ha);
	if (ha->dhcp == NULL)
		return 0;
	unlisten(ha, ha->dhcp->at, ha->dhcp->nat);
	free(ha->dhcp->at);
	ha->dhcp->at = at;
	ha->dhcp->nat = n;
	return 0;
}

void
ha_dhcp_show(const struct ha *ha, struct json_w *w)
{
	const struct ha_dhcp *d = ha->dhcp;
	char buf[ADDR_STRLEN];

	json_w_arr(w, "dhcp");
	for (size_t i = 0; d != NULL && i < d->nat; i++) {
		if (d->at[i].family != AF_INET)
			continue;
		json_w_obj(w, NULL);
		json_w_str(w, "relay", "dhcpv4 gateway");
		json_w_str(w, "address", in4_str(&d->at[i].in4, buf));
		json_w_u(w, "servers", ha->conf->dhcp4.servers.n);
		json_w_obj_end(w);
	}
	json_w_arr_end(w);
}

void
ha_dhcp_stop(struct ha *ha)
{
	struct ha_dhcp *d = ha->dhcp;

	if (d == NULL)
		return;
	unlisten(ha, d->at, d->nat);
	stats_unregister(&d->st);
	stats_unregister(&d->st4);
	free(d->at);
	free(d);
	ha->dhcp = NULL;
}

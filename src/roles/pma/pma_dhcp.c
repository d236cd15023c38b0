/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DHCP relay of the proxy mobile agent: what both families share.
 *
 *   node --link socket--> dhcp_udp() -> from_node() -gate-> relay() -> server
 *                                          |                 ^
 *                                          +-- held ---------+ node_ready()
 *   node <-link socket-- dhcp_deliver() <- from_server() <- core() <- server
 *                                          |
 *                                          +-> fsm_learn_*(), fsm_forget_*()
 *
 * The link socket sees what a node sends to port 547 or 67 whatever its
 * destination, so also a renewal that the node sends to the server itself and
 * that goes through the tunnel as data.  Its answer comes back through the
 * tunnel, where a packet socket does not see what we forward (one that did
 * would copy all of the node's traffic).  Therefore such a renewal is asked a
 * second time by us, as a relay; the answer to that one is learnt from and not
 * delivered.  The server's word is all that counts: a lease that we only
 * suppose to be renewed would keep another node's address alive.
 */
#include "roles/pma/pma_dhcp.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/util.h"

static const struct stat_desc dhcp_stats[PDH_MAX] = {
#define X(id, name, help) { name, help },
	PMA_DHCP_COUNTERS(X)
#undef X
};

/* --- drops ------------------------------------------------------------- */

static void
say(struct pma *p, const char *why, const struct bule *b,
    const struct mac *mac)
{
	if (!ratelimit_pass(&p->dhcp->rl, pma_now(p), NULL))
		return;
	if (b != NULL)
		log_warn(p->role.env->log, p->role.ops->name, "dhcp-drop",
		    KV_STR("why", why), KV_STR("nai", b->nai));
	else if (mac != NULL)
		log_warn(p->role.env->log, p->role.ops->name, "dhcp-drop",
		    KV_STR("why", why), KV_MAC("mac", mac));
	else
		log_warn(p->role.env->log, p->role.ops->name, "dhcp-drop",
		    KV_STR("why", why));
}

void
dhcp_drop(struct pma *p, enum pma_dhcp_counter why, const struct bule *b,
    const struct mac *mac)
{
	stat_inc(&p->dhcp->st, why);
	say(p, dhcp_stats[why].name, b, mac);
}

bool
dhcp_parsed(struct pma *p, struct stat_group *st, unsigned drop,
    const struct mac *mac)
{
	stat_inc(st, drop);
	if (drop != DHCP_PARSED)
		say(p, st->desc[drop].name, NULL, mac);
	return drop == DHCP_PARSED;
}

bool
dhcp_passes(struct bule *b, enum pma_dhcp_counter why)
{
	if (why != PDH_RELAYED)
		dhcp_drop(b->pma, why, b, NULL);
	return why == PDH_RELAYED;
}

/* --- who is who -------------------------------------------------------- */

size_t
dhcp_id(const struct bule *b, char buf[DHCP_ID_MAX])
{
	char mac[MAC_STRLEN] = "";
	int n;

	if (!mac_is_zero(&b->mac))
		mac_str(&b->mac, mac);
	n = snprintf(buf, DHCP_ID_MAX, "%s/%s", b->access->lif.name, mac);
	return (size_t)n;
}

struct bule *
dhcp_by_id(const struct pma *p, const void *id, size_t n)
{
	const struct pma_access *a;
	struct mac mac = { { 0 } };
	char buf[DHCP_ID_MAX];
	char *slash;

	if (n >= sizeof(buf) || memchr(id, '\0', n) != NULL)
		return NULL;
	memcpy(buf, id, n);
	buf[n] = '\0';
	slash = strrchr(buf, '/');
	if (slash == NULL)
		return NULL;
	*slash++ = '\0';
	a = access_by_name(p, buf);
	if (a == NULL || (*slash != '\0' && mac_parse(slash, &mac) < 0))
		return NULL;
	return list_by_mac(p, a->lif.ifindex, &mac);
}

struct bule *
dhcp_by_mac(const struct pma *p, const struct mac *mac)
{
	const struct pma_access *a;
	struct bule *b;

	SLIST_FOREACH(a, &p->access, entry) {
		b = list_by_mac(p, a->lif.ifindex, mac);
		if (b != NULL)
			return b;
	}
	return NULL;
}

/* --- one node ---------------------------------------------------------- */

static struct wheel *
wheel_of(const struct dhcp_side *s)
{
	return s->node->b->pma->role.env->wheel;
}

static bool
is_v6(const struct dhcp_side *s)
{
	return s == &s->node->v6;
}

static void
relay(struct dhcp_side *s, const struct udp_msg *m)
{
	struct bule *b = s->node->b;

	if (b->access == NULL || fsm_dhcp_gate(b, m->family) != DHCP_RELAY)
		dhcp_drop(b->pma, PDH_GATE, b, NULL);
	else if (is_v6(s))
		dhcp6_relay(b, m);
	else
		dhcp4_relay(b, m);
}

void
dhcp_forget_now(struct dhcp_side *s)
{
	timer_cancel(wheel_of(s), &s->t_forget);
	if (is_v6(s))
		fsm_forget_hoa(s->node->b, s->why);
	else
		fsm_forget_ip4(s->node->b, s->why);
}

static void
on_forget(struct timer *t)
{
	dhcp_forget_now(CONTAINER_OF(t, struct dhcp_side, t_forget));
}

void
dhcp_forget_later(struct dhcp_side *s, const char *why)
{
	s->why = why;
	timer_arm(wheel_of(s), &s->t_forget, DHCP_FORGET_US);
}

void
dhcp_forget_not(struct dhcp_side *s)
{
	timer_cancel(wheel_of(s), &s->t_forget);
}

/* On the heap: at most two for each node and family, however many come. */
static struct dhcp_kept *
keep(const struct udp_msg *m)
{
	struct dhcp_kept *k = malloc(sizeof(*k) + m->len);

	if (k == NULL)
		return NULL;
	k->m = *m;
	memcpy(k->data, m->data, m->len);
	k->m.data = k->data;
	return k;
}

void
dhcp_copy_stop(struct dhcp_side *s)
{
	timer_cancel(wheel_of(s), &s->t_copy);
	free(s->copy);
	s->copy = NULL;
}

static void
on_copy(struct timer *t)
{
	struct dhcp_side *s = CONTAINER_OF(t, struct dhcp_side, t_copy);
	struct pma *p = s->node->b->pma;

	if (s->tries == 0) {
		stat_inc(&p->dhcp->st, PDH_UNHEARD);
		dhcp_copy_stop(s);
		return;
	}
	s->tries--;
	timer_arm(wheel_of(s), t, DHCP_COPY_US);
	relay(s, &s->copy->m);
}

void
dhcp_copy_start(struct dhcp_side *s, const struct udp_msg *m)
{
	struct pma *p = s->node->b->pma;

	dhcp_copy_stop(s);
	s->copy = keep(m);
	if (s->copy == NULL)
		return;
	stat_inc(&p->dhcp->st, PDH_RENEWALS);
	s->tries = DHCP_COPY_TRIES;
	/* through the loop: the relay sends from one place only */
	timer_arm(wheel_of(s), &s->t_copy, 0);
}

static void
side_init(struct dhcp_side *s, struct dhcp_node *n)
{
	s->node = n;
	ratelimit_init(&s->rate, DHCP_BURST, DHCP_PER_SEC);
	timer_init(&s->t_copy, on_copy);
	timer_init(&s->t_forget, on_forget);
}

struct dhcp_node *
dhcp_node_get(struct bule *b)
{
	struct bul_more *more = list_more(b);
	struct dhcp_node *n;

	if (more == NULL)
		return NULL;
	if (more->dhcp != NULL)
		return more->dhcp;
	n = calloc(1, sizeof(*n));
	if (n == NULL)
		return NULL;
	n->b = b;
	side_init(&n->v6, n);
	side_init(&n->v4, n);
	more->dhcp = n;
	return n;
}

/* One of each family; the newest is the one its client waits for. */
static void
hold(struct bule *b, const struct udp_msg *m)
{
	struct dhcp_node *n = dhcp_node_get(b);
	struct dhcp_kept *k = n != NULL ? keep(m) : NULL;
	struct dhcp_side *s;

	if (k == NULL)
		return;
	s = m->family == AF_INET6 ? &n->v6 : &n->v4;
	stat_inc(&b->pma->dhcp->st, s->held == NULL ? PDH_HELD :
	    PDH_HELD_OVER);
	free(s->held);
	s->held = k;
}

static void
flush(struct dhcp_side *s)
{
	struct dhcp_kept *k = s->held;

	if (k == NULL)
		return;
	s->held = NULL;
	relay(s, &k->m);
	free(k);
}

void
dhcp_node_ready(struct bule *b)
{
	if (b->more == NULL || b->more->dhcp == NULL)
		return;
	flush(&b->more->dhcp->v6);
	flush(&b->more->dhcp->v4);
}

static void
side_gone(struct dhcp_side *s)
{
	free(s->held);
	s->held = NULL;
	dhcp_copy_stop(s);
	timer_cancel(wheel_of(s), &s->t_forget);
}

void
dhcp_node_gone(struct bule *b)
{
	if (b->more == NULL || b->more->dhcp == NULL)
		return;
	side_gone(&b->more->dhcp->v6);
	side_gone(&b->more->dhcp->v4);
}

void
dhcp_node_free(struct bule *b)
{
	dhcp_node_gone(b);
	free(b->more->dhcp);
	b->more->dhcp = NULL;
}

/* --- sending ----------------------------------------------------------- */

static void
send_failed(struct bule *b, int err)
{
	struct pma *p = b->pma;

	stat_inc(&p->dhcp->st, PDH_TX);
	if (ratelimit_pass(&p->dhcp->rl, pma_now(p), NULL))
		log_warn(p->role.env->log, p->role.ops->name,
		    "dhcp-send-failed", KV_STR("nai", b->nai), KV_ERR(err));
}

void
dhcp_relayed(struct bule *b, struct dhcp_side *s, const char *type)
{
	s->relayed++;
	stat_inc(&b->pma->dhcp->st, PDH_RELAYED);
	log_debug(b->pma->role.env->log, b->pma->role.ops->name,
	    "dhcp-relayed", KV_STR("nai", b->nai), KV_STR("type", type),
	    KV_U("xid", s->xid), KV_BOOL("copy", s->past_us));
}

void
dhcp_deliver(struct bule *b, struct dhcp_side *s, const struct udp_msg *m,
    const char *type)
{
	const struct link_if *lif = &b->access->lif;
	const struct mac *dst = mac_is_zero(&b->mac) ? NULL : &b->mac;
	struct pma_dhcp *d = b->pma->dhcp;
	struct link_io *link = b->pma->role.env->link;
	int r = udp_build(m, d->pkt, sizeof(d->pkt));

	if (r > 0)
		r = link->ops->send_frame(link, lif, dst, m->family ==
		    AF_INET6 ? ETH_P_IPV6 : ETH_P_IP, d->pkt, (size_t)r);
	if (r < 0) {
		send_failed(b, r);
		return;
	}
	s->delivered++;
	stat_inc(&d->st, PDH_DELIVERED);
	log_debug(b->pma->role.env->log, b->pma->role.ops->name,
	    "dhcp-delivered", KV_STR("nai", b->nai), KV_STR("type", type));
}

void
dhcp_to_server(struct bule *b, const struct dhcp_addr *src,
    const struct dhcp_addr *dst, size_t len)
{
	struct dhcp_io *io = b->pma->role.env->dhcp;
	int r = io->ops->send(io, src, dst, b->pma->dhcp->buf, len);

	if (r < 0)
		send_failed(b, r);
}

/* --- receiving --------------------------------------------------------- */

static bool
relayed_family(const struct pma *p, const struct udp_msg *m)
{
	if (m->family == AF_INET6)
		return p->conf->dhcp6.at.line > 0;
	return p->conf->dhcp4.at.line > 0;
}

/* Whoever asks for an address on our link is there. */
static struct bule *
asking(struct pma *p, struct pma_access *a, const struct mac *src,
    const struct udp_msg *m)
{
	struct bule *b = list_by_mac(p, a->lif.ifindex, src);
	bool news = b == NULL || b->state == BUL_IDLE ||
	    (b->state == BUL_DEREG && !b->stays);

	if (news && a->sources & 1u << ATTACH_BY_TRAFFIC) {
		fsm_attach(p, a, src, m->family == AF_INET6 ? &m->src6 : NULL,
		    NULL, ATTACH_BY_TRAFFIC);
		b = list_by_mac(p, a->lif.ifindex, src);
	}
	return b;
}

/* A node that talks all the time shall not make us shout at every server. */
static bool
within_rate(struct bule *b, const struct udp_msg *m)
{
	struct dhcp_node *n = dhcp_node_get(b);

	return n != NULL && ratelimit_pass(m->family == AF_INET6 ?
	    &n->v6.rate : &n->v4.rate, pma_now(b->pma), NULL);
}

void
dhcp_udp(struct role *r, const struct link_if *lif, const struct mac *src,
    const struct udp_msg *m)
{
	struct pma *p = pma_of(r);
	struct pma_access *a = access_find(p, lif->ifindex);
	struct bule *b;

	if (a == NULL)
		return;
	if (!relayed_family(p, m)) {
		stat_inc(&p->dhcp->st, PDH_OFF);
		return;
	}
	b = asking(p, a, src, m);
	if (b == NULL) {
		dhcp_drop(p, PDH_UNKNOWN, NULL, src);
		return;
	}
	fsm_alive(b);
	if (m->len > DHCP_PAYLOAD_MAX || !within_rate(b, m)) {
		dhcp_drop(p, m->len > DHCP_PAYLOAD_MAX ? PDH_LONG : PDH_RATE,
		    b, NULL);
		return;
	}
	switch (fsm_dhcp_gate(b, m->family)) {
	case DHCP_DROP:
		dhcp_drop(p, PDH_GATE, b, NULL);
		break;
	case DHCP_HOLD:
		hold(b, m);
		break;
	case DHCP_RELAY:
		if (m->family == AF_INET6)
			dhcp6_from_node(b, m);
		else
			dhcp4_from_node(b, m);
	}
}

void
dhcp_core(struct role *r, const struct dhcp_pkt *pkt)
{
	struct pma *p = pma_of(r);

	/* a collocated role may listen on other addresses */
	for (size_t i = 0; i < p->dhcp->nat; i++) {
		if (!dhcp_addr_eq(&p->dhcp->at[i], &pkt->dst))
			continue;
		if (pkt->dst.port == DHCP6_PORT)
			dhcp6_from_server(p, pkt);
		else
			dhcp4_from_server(p, pkt);
		return;
	}
}

/* --- life -------------------------------------------------------------- */

static size_t
wanted(const struct pma_conf *c, struct dhcp_addr ret[DHCP_LISTEN_MAX])
{
	size_t n = 0;

	memset(ret, 0, DHCP_LISTEN_MAX * sizeof(*ret));
	if (c->dhcp6.at.line > 0)
		ret[n++] = (struct dhcp_addr){ .family = AF_INET6,
			.port = DHCP6_PORT, .in6 = c->address };
	if (c->dhcp4.at.line == 0)
		return n;
	if (c->dhcp4.mode == DHCP4_GATEWAY)
		ret[n++] = (struct dhcp_addr){ .family = AF_INET6,
			.port = DHCP4_PORT, .in6 = c->address };
	else
		ret[n++] = (struct dhcp_addr){ .family = AF_INET,
			.port = DHCP4_PORT, .in4 = c->dhcp4.address };
	return n;
}

static void
unlisten(struct pma *p, const struct dhcp_addr *at, size_t n)
{
	struct dhcp_io *io = p->role.env->dhcp;

	for (size_t i = 0; i < n; i++)
		io->ops->unlisten(io, &at[i]);
}

int
dhcp_reload(struct pma *p, const struct pma_conf *conf)
{
	struct dhcp_io *io = p->role.env->dhcp;
	struct dhcp_addr at[DHCP_LISTEN_MAX];
	size_t n = wanted(conf, at);

	/* the new ones first: listen() counts, so what stays is not touched */
	for (size_t i = 0; i < n; i++) {
		int r = io->ops->listen(io, &at[i]);

		if (r < 0) {
			unlisten(p, at, i);
			return r;
		}
	}
	unlisten(p, p->dhcp->at, p->dhcp->nat);
	memcpy(p->dhcp->at, at, sizeof(at));
	p->dhcp->nat = n;
	return 0;
}

int
dhcp_start(struct pma *p)
{
	struct stats *stats = p->role.env->stats;
	struct pma_dhcp *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return -ENOMEM;
	p->dhcp = d;
	ratelimit_init(&d->rl, 10, 1);
	stats_register(stats, &d->st, "pma-dhcp", dhcp_stats, PDH_MAX);
	stats_register(stats, &d->st6, "pma-dhcp6", dhcp6_drop_desc,
	    DHCP6_DROP_MAX);
	stats_register(stats, &d->st4, "pma-dhcp4", dhcp4_drop_desc,
	    DHCP4_DROP_MAX);
	return dhcp_reload(p, p->conf);
}

void
dhcp_stop(struct pma *p)
{
	struct pma_dhcp *d = p->dhcp;

	if (d == NULL)
		return;
	unlisten(p, d->at, d->nat);
	stats_unregister(&d->st);
	stats_unregister(&d->st6);
	stats_unregister(&d->st4);
	free(d);
	p->dhcp = NULL;
}

void
dhcp_show_role(struct json_w *w, const struct pma *p)
{
	char buf[ADDR_STRLEN];

	json_w_arr(w, "dhcp");
	for (size_t i = 0; i < p->dhcp->nat; i++) {
		const struct dhcp_addr *at = &p->dhcp->at[i];

		json_w_obj(w, NULL);
		json_w_str(w, "relay", at->port == DHCP6_PORT ? "dhcpv6" :
		    at->family == AF_INET6 ? "dhcpv4 gateway" :
		    "dhcpv4 link-selection");
		json_w_str(w, "address", at->family == AF_INET6 ?
		    in6_str(&at->in6, buf) : in4_str(&at->in4, buf));
		json_w_u(w, "servers", at->port == DHCP6_PORT ?
		    p->conf->dhcp6.servers.n : p->conf->dhcp4.servers.n);
		json_w_obj_end(w);
	}
	json_w_arr_end(w);
}

static void
show_side(struct json_w *w, const char *key, const struct dhcp_side *s,
    const char *last)
{
	json_w_obj(w, key);
	json_w_str(w, "last", s->relayed > 0 ? last : NULL);
	json_w_u(w, "relayed", s->relayed);
	json_w_u(w, "delivered", s->delivered);
	json_w_bool(w, "held", s->held != NULL);
	json_w_obj_end(w);
}

void
dhcp_show(struct json_w *w, const struct bule *b)
{
	const struct dhcp_node *n = b->more != NULL ? b->more->dhcp : NULL;

	if (n == NULL) {
		json_w_null(w, "dhcp");
		return;
	}
	json_w_obj(w, "dhcp");
	show_side(w, "v6", &n->v6, dhcp6_type_name(n->v6.type));
	show_side(w, "v4", &n->v4, dhcp4_type_name(n->v4.type));
	json_w_obj_end(w);
}

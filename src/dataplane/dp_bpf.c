/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The backend of packet programs.  The maps are the routing state: a handover
 * is one map update.  The kernel's tables only lead to an anchor device, a TUN
 * whose egress encapsulates; what the uplink decapsulates comes in from it.
 *
 *   home agent   main      COVER dev pmip0         all home prefixes, once
 *                main      ADDRESS dev pmip0       per path inside a prefix
 *                                                  that a link here has, too
 *   PMA          rule      iif ACCESS lookup T
 *                T         default dev pmip1       IPv6 and IPv4
 *                main      PREFIX dev ACCESS       per path
 *
 * One anchor per side: at the home agent the inner destination decides, at the
 * PMA the inner source.  The descriptor of the TUN stays open, for without it
 * the device has no carrier.  All that can be read from it is what asks for
 * home agents: the program leaves that to us (be_divert()).
 *
 * The programs do not route the outer packet: per peer they are given the
 * uplink and the next hop, which we look up again whenever routes or links
 * change, and every few seconds besides.  Only while the next hop's link-layer
 * address is unknown do they leave the lookup to the kernel: a packet that
 * waits for its neighbour keeps the route it came by, and with the inner one
 * it would leave without a frame around it.
 *
 * A home agent that is a node's access router as well has no wire to itself:
 * what leaves by one anchor comes in from the other one, checked as if it had
 * been in a tunnel.
 *
 * MTU: the anchor has the smallest MTU of all peers, so that the kernel's own
 * Packet Too Big and fragmentation are right for each, if pessimistic for
 * some.  (The exact alternative is a route with an MTU per binding, 500 octets
 * of kernel memory each.)  An inner 1280 always goes out: over a path below
 * 1320 it is lost, as these programs do not fragment outer packets.
 *
 * The home agent's paths are in memory that we share with the programs
 * (path_table.h).  We keep no record of paths but of those with a route of
 * their own; if the anchor vanishes, it and its routes come back and the maps
 * never noticed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/if_tun.h>
#include <linux/rtnetlink.h>

#include "core/json.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/netlink.h"
#include "core/util.h"
#include "dataplane/dp_bpf.h"
#include "dataplane/pmtu.h"

#define ANCHOR_NAME "pmip%d"	/* the kernel counts */
#define ANCHOR_MAX_MTU 65535
#define DIVERT_PER_WAKEUP 32
#define DIVERT_CAP 1500		/* octets of a packet; what asks has 48 */

static bool
has_side(const struct dp_base *b, int side)
{
	return side == PMIP_SIDE_HA ? b->conf.is_ha : b->conf.is_pma;
}

/* Whose anchor stands for a tunnel in what we show. */
static int
main_side(const struct dp_base *b)
{
	return b->conf.is_ha ? PMIP_SIDE_HA : PMIP_SIDE_PMA;
}

/* --- anchors ------------------------------------------------------------- */

/* The routes that lead to an anchor. */
static int
anchor_routes(struct dp_base *b, int side, uint32_t ifindex)
{
	struct dpnl_route r = { .proto = b->conf.rtproto, .type = RTN_UNICAST,
		.metric = DPNL_METRIC, .oif = ifindex };
	int err = 0;

	if (side == PMIP_SIDE_HA) {
		r.table = RT_TABLE_MAIN;
		for (size_t i = 0; i < b->conf.ncover && err == 0; i++) {
			r.family = b->conf.cover[i].family;
			r.dst = b->conf.cover[i];
			err = dp_base_send(b, dpnl_route(RTM_NEWROUTE, &r));
		}
		if (err == 0)
			bpf_path_hosts_again(be_of_base(b));
		return err;
	}
	r.table = b->conf.table;
	for (int i = 0; i < 2 && err == 0; i++) {
		r.family = i == 0 ? AF_INET6 : AF_INET;
		r.dst = (struct prefix){ .family = r.family };
		err = dp_base_send(b, dpnl_route(RTM_NEWROUTE, &r));
	}
	return err;
}

/* Attach to a TUN of that name ("%d": a new one). A descriptor or -errno. */
static int
tun_open(const char *name, char *ret_name)
{
	struct ifreq ifr = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK), r;

	if (fd < 0)
		return -errno;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &ifr) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	memcpy(ret_name, ifr.ifr_name, IFNAMSIZ);
	return fd;
}

/* The device an earlier run kept, or a new one. A descriptor or -errno. */
static int
anchor_tun(struct bpf_be *e, int side, char *ret_name)
{
	struct dp_base *b = &e->base;
	size_t skip = side == PMIP_SIDE_PMA && b->conf.is_ha ? 1 : 0;

	for (size_t i = 0; i < b->nleft; i++) {
		int fd;

		if (strcmp(b->left[i].kind, "tun") != 0 || skip-- > 0)
			continue;
		fd = tun_open(b->left[i].name, ret_name);
		if (fd < 0)
			break;
		(void)ioctl(fd, TUNSETPERSIST, 0);
		return fd;
	}
	return tun_open(ANCHOR_NAME, ret_name);
}

/* What the program lets pass is for whoever asked be_divert() for it. */
static void
anchor_read(void *ctx, int fd, int what UNUSED)
{
	struct bpf_be *e = ctx;
	struct bpf_anchor *a = &e->anchor[PMIP_SIDE_HA];
	uint8_t data[DIVERT_CAP];

	for (unsigned i = 0; i < DIVERT_PER_WAKEUP; i++) {
		ssize_t n = read(fd, data, sizeof(data));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN) {
			/* The device has gone: anchor_heal() makes another. */
			loop_fd_del(a->lfd);
			a->lfd = NULL;
		}
		if (n < 0)
			return;
		if (e->divert != NULL)
			e->divert(e->divert_ctx, a->ifindex, data, (size_t)n);
	}
}

static int
be_divert(struct dp *dp, dp_packet_fn *fn, void *ctx)
{
	struct bpf_be *e = be_of(dp);
	/* What a node here has is routed to its link and not to an anchor. */
	bool can = !e->base.conf.is_pma;
	int r;

	e->divert = can ? fn : NULL;
	e->divert_ctx = ctx;
	r = bpf_dp_set_divert(e->base.bpf, e->divert != NULL);
	return r == 0 && fn != NULL && !can ? -EOPNOTSUPP : r;
}

static void
anchor_close(struct bpf_anchor *a)
{
	if (a->lfd != NULL)
		loop_fd_del(a->lfd);
	a->lfd = NULL;
	if (a->fd >= 0)
		close(a->fd);
	a->fd = -1;
	a->ifindex = 0;
}

static int
anchor_up(struct bpf_be *e, int side)
{
	struct bpf_anchor *a = &e->anchor[side];
	struct dp_base *b = &e->base;
	struct dpnl_link l;
	int r = anchor_tun(e, side, a->name);

	if (r < 0)
		return r;
	a->fd = r;
	r = dpnl_ask_link(b->ask, 0, a->name, &l);
	if (r == 0) {
		a->ifindex = l.ifindex;
		a->suspect = false;
		r = dp_filter_set(b, l.ifindex, side == PMIP_SIDE_HA ?
		    BPF_DP_ENCAP_HA : BPF_DP_ENCAP_PMA, false);
	}
	if (r == 0)
		r = bpf_dp_set_anchor(b->bpf, side, a->ifindex);
	if (r == 0)
		r = dp_base_adorn(b, a->ifindex, a->name, a->mtu);
	if (r == 0)
		r = anchor_routes(b, side, a->ifindex);
	if (r == 0 && side == PMIP_SIDE_HA) {
		a->lfd = loop_fd_add(b->loop, a->fd, LOOP_READ, anchor_read, e);
		r = a->lfd != NULL ? 0 : -errno;
	}
	if (r < 0)
		anchor_close(a);
	return r;
}

/* See that it is there, up, and that routes lead to it. */
static void
anchor_heal(struct bpf_be *e, int side)
{
	struct bpf_anchor *a = &e->anchor[side];
	struct dp_base *b = &e->base;
	struct dpnl_link l;
	int r = a->ifindex == 0 ? -ENODEV :
	    dpnl_ask_link(b->ask, a->ifindex, NULL, &l);

	a->suspect = false;
	if (r == 0 && l.flags & IFF_UP)
		return;
	if (r == 0) {
		r = dp_base_send(b, dpnl_link_up(a->ifindex, true));
		if (r == 0)
			r = anchor_routes(b, side, a->ifindex);
	} else {
		dp_filter_unset(b, a->ifindex, side == PMIP_SIDE_HA ?
		    BPF_DP_ENCAP_HA : BPF_DP_ENCAP_PMA, true);
		anchor_close(a);
		r = anchor_up(e, side);
	}
	if (r == 0)
		log_warn(b->log, DP_MOD, "anchor-restored",
		    KV_STR("if", a->name));
	else
		log_err(b->log, DP_MOD, "anchor-lost", KV_STR("if", a->name),
		    KV_ERR(r));
	for (struct dp_tunnel *t = tunnel_first(b->dp.tunnels); t != NULL;
	    t = t->next)
		t->ifindex = e->anchor[main_side(b)].ifindex;
	if (r < 0)
		a->suspect = true;
}

/* The smallest MTU of all tunnels, and of one that may not be listed yet. */
static void
anchor_mtu(struct bpf_be *e, const struct dp_tunnel *young)
{
	struct dp_base *b = &e->base;
	uint32_t mtu = young != NULL ? young->mtu : 0;

	for (struct dp_tunnel *t = tunnel_first(b->dp.tunnels); t != NULL;
	    t = t->next) {
		if (t->up && (mtu == 0 || t->mtu < mtu))
			mtu = t->mtu;
	}
	if (mtu == 0)
		mtu = DP_MTU_DEFAULT - DP_TUNNEL_OVERHEAD;
	for (int s = 0; s < PMIP_SIDES; s++) {
		struct bpf_anchor *a = &e->anchor[s];

		if (a->ifindex != 0 && a->mtu != mtu && dp_base_send(b,
		    dpnl_link_set(a->ifindex, NULL, mtu)) == 0)
			a->mtu = mtu;
	}
}

/* --- peers --------------------------------------------------------------- */

static struct in6_addr
addr_of(const struct pmip_addr *a)
{
	struct in6_addr r;

	memcpy(&r, a, sizeof(r));
	return r;
}

/* Decapsulate what arrives on an interface. */
static void
uplink_need(struct bpf_be *e, uint32_t ifindex)
{
	struct dp_base *b = &e->base;
	struct dpnl_link l;

	if (dpnl_ask_link(b->ask, ifindex, NULL, &l) == 0)
		(void)dp_filter_set(b, ifindex, l.ethernet ? BPF_DP_DECAP :
		    BPF_DP_DECAP_L3, false);
}

/* Asked once for all tunnels that are looked at in one go. */
static uint32_t
uplink_configured(struct bpf_be *e)
{
	usec_t now = wheel_now(e->base.wheel);

	if (e->base.conf.uplink != NULL && e->uplink_at != now) {
		e->uplink = if_nametoindex(e->base.conf.uplink);
		e->uplink_at = now;
	}
	return e->uplink;
}

/* The configured uplink, and none that no peer is behind any more. */
static void
uplinks_update(struct bpf_be *e)
{
	struct dp_base *b = &e->base;
	uint32_t fixed = uplink_configured(e);
	struct dpnl_link l;

	if (fixed != 0)
		uplink_need(e, fixed);
	if (tunnel_count(b->dp.tunnels) == 0)
		return;
	for (size_t i = b->nfilter; i-- > 0;) {
		struct dp_filter f = b->filter[i];
		bool used = f.ifindex == fixed;

		if (f.prog != BPF_DP_DECAP && f.prog != BPF_DP_DECAP_L3)
			continue;
		for (struct dp_tunnel *t = tunnel_first(b->dp.tunnels);
		    t != NULL && !used; t = t->next)
			used = t->priv != NULL && ((struct bpf_peer *)
			    t->priv)->map.oif == f.ifindex;
		if (!used)
			dp_filter_unset(b, f.ifindex, f.prog,
			    dpnl_ask_link(b->ask, f.ifindex, NULL, &l) < 0);
	}
}

/* What the path to the peer carries, as far as known. */
static uint32_t
peer_path_mtu(const struct dp_base *b, struct bpf_peer *p, uint32_t route_mtu)
{
	if (p->learnt_mtu != 0 && wheel_now(b->wheel) >= p->learnt_until)
		p->learnt_mtu = 0;
	if (p->learnt_mtu != 0 && p->learnt_mtu < route_mtu)
		return p->learnt_mtu;
	return MIN_OF(route_mtu, (uint32_t)ANCHOR_MAX_MTU);
}

static uint32_t
peer_flags(struct dp_base *b, int err, const struct dpnl_hop *hop)
{
	if (err < 0)
		return 0;
	if (hop->own)
		return PMIP_PEER_SELF;
	return dpnl_ask_neigh(b->ask, hop->oif, &hop->nexthop) ?
	    PMIP_PEER_DIRECT : 0;
}

static void
be_resolve(struct dp_base *b, struct dp_tunnel *t)
{
	struct bpf_be *e = be_of_base(b);
	struct bpf_peer *p = t->priv;
	struct pmip_peer now = p->map;
	uint32_t before = t->mtu;
	struct dpnl_hop hop = { 0 };
	int r = dpnl_ask_hop(b->ask, &t->local, &t->remote,
	    uplink_configured(e), &hop);

	if (r == 0 && hop.own && !(b->conf.is_ha && b->conf.is_pma)) {
		r = -ENETUNREACH;
		hop.oif = 0;
	}
	t->own = r == 0 && hop.own;
	now.oif = hop.oif;
	memcpy(&now.nexthop, &hop.nexthop, sizeof(now.nexthop));
	now.flags = peer_flags(b, r, &hop);
	if (memcmp(&now, &p->map, sizeof(now)) != 0) {
		struct in6_addr nh = addr_of(&now.nexthop);

		if (r < 0)
			log_warn(b->log, DP_MOD, "peer-unreachable",
			    KV_IN6("peer", &t->remote), KV_ERR(r));
		else
			log_debug(b->log, DP_MOD, "next-hop",
			    KV_IN6("peer", &t->remote), KV_IN6("via", &nh),
			    KV_U("ifindex", now.oif));
		if (now.oif != 0 && !hop.own)
			uplink_need(e, now.oif);
		if (bpf_dp_peer_set(b->bpf, t->id, &now) == 0)
			p->map = now;
	}
	if (r < 0)
		return;
	hop.mtu = peer_path_mtu(b, p, hop.mtu);
	tunnel_set_path_mtu(t, hop.mtu);
	if (t->mtu == before)
		return;
	anchor_mtu(e, t);
	if (hop.mtu < t->mtu + DP_TUNNEL_OVERHEAD)
		log_warn(b->log, DP_MOD, "path-too-narrow",
		    KV_IN6("peer", &t->remote), KV_U("mtu", hop.mtu),
		    KV_STR("hint", "packets of 1280 octets do not fit in"));
}

/* A next hop's link-layer address became known or doubtful. */
static void
be_neigh(struct dp_base *b, const struct dpnl_neigh *n)
{
	uint32_t flags = n->valid ? PMIP_PEER_DIRECT : 0;

	for (struct dp_tunnel *t = tunnel_first(b->dp.tunnels); t != NULL;
	    t = t->next) {
		struct bpf_peer *p = t->priv;

		if (!t->up || p->map.oif != n->ifindex ||
		    p->map.flags == flags ||
		    memcmp(&p->map.nexthop, &n->addr, sizeof(n->addr)) != 0)
			continue;
		p->map.flags = flags;
		(void)bpf_dp_peer_set(b->bpf, t->id, &p->map);
	}
}

static void
be_too_big(void *ctx, const struct in6_addr *remote, uint32_t mtu)
{
	struct dp_base *b = ctx;
	usec_t until = wheel_now(b->wheel) + dp_sysctl_mtu_expires();

	for (struct dp_tunnel *t = tunnel_first(b->dp.tunnels), *next;
	    t != NULL; t = next) {
		struct bpf_peer *p = t->priv;

		next = t->next;
		if (!t->up || !in6_eq(&t->remote, remote) ||
		    mtu >= t->mtu + DP_TUNNEL_OVERHEAD)
			continue;
		p->learnt_mtu = mtu;
		p->learnt_until = until;
		be_resolve(b, t);
	}
}


/* An id for a tunnel: the one an adopted map has for these ends, or a free
 * one. 0 or -errno. */
static int
peer_id(struct bpf_be *e, const struct dp_tunnel *t, uint32_t *ret)
{
	uint32_t max = e->base.conf.max_tunnels;

	if (bpf_dp_peer_find(e->base.bpf, &t->local, &t->remote, ret) == 0 &&
	    *ret < max && e->peer[*ret] == NULL)
		return 0;
	for (uint32_t i = 0; i < max; i++) {
		uint32_t id = (e->next_id + i) % max;

		if (e->peer[id] == NULL && !e->taken[id]) {
			e->next_id = id + 1;
			*ret = id;
			return 0;
		}
	}
	return -ENOSPC;
}

static int
be_tunnel_up(struct dp *dp, struct dp_tunnel *t)
{
	struct bpf_be *e = be_of(dp);
	struct bpf_peer *p = calloc(1, sizeof(*p));
	int r;

	if (p == NULL)
		return -ENOMEM;
	memcpy(&p->map.local, &t->local, sizeof(p->map.local));
	memcpy(&p->map.remote, &t->remote, sizeof(p->map.remote));
	r = peer_id(e, t, &t->id);
	if (r < 0) {
		free(p);
		return r;
	}
	t->priv = p;
	e->peer[t->id] = t;
	t->ifindex = e->anchor[main_side(&e->base)].ifindex;
	be_resolve(&e->base, t);
	if (p->map.oif == 0)		/* not told by the above */
		r = bpf_dp_peer_set(e->base.bpf, t->id, &p->map);
	if (r < 0) {
		e->peer[t->id] = NULL;
		t->priv = NULL;
		free(p);
		return r;
	}
	anchor_mtu(e, t);
	return 0;
}

static void
be_tunnel_down(struct dp *dp, struct dp_tunnel *t)
{
	struct bpf_be *e = be_of(dp);
	struct bpf_peer *p = t->priv;

	if (!e->base.closing) {
		bpf_dp_peer_del(e->base.bpf, t->id);
		/* The id will be another's: its paths must not be. */
		if (p->npaths > 0)
			e->base.npaths -= bpf_dp_paths_of(e->base.bpf, t->id);
	}
	e->peer[t->id] = NULL;
	t->priv = NULL;
	free(p);
	if (!e->base.closing)
		anchor_mtu(e, NULL);
}

/* --- healing and leftovers ----------------------------------------------- */

static void
be_link(struct dp_base *b, const struct dpnl_link *l, bool gone)
{
	struct bpf_be *e = be_of_base(b);

	for (int s = 0; s < PMIP_SIDES; s++) {
		struct bpf_anchor *a = &e->anchor[s];

		if (has_side(b, s) && (l == NULL || (l->ifindex == a->ifindex
		    && (gone || !(l->flags & IFF_UP)))))
			a->suspect = true;
	}
}

static void
be_check(struct dp_base *b)
{
	struct bpf_be *e = be_of_base(b);

	for (int s = 0; s < PMIP_SIDES; s++) {
		if (e->anchor[s].suspect)
			anchor_heal(e, s);
	}
	uplinks_update(e);
}

static bool
be_has_link(struct dp_base *b, uint32_t ifindex)
{
	struct bpf_be *e = be_of_base(b);

	return e->anchor[PMIP_SIDE_HA].ifindex == ifindex ||
	    e->anchor[PMIP_SIDE_PMA].ifindex == ifindex;
}

static bool
be_has_nexthop(struct dp_base *b, uint32_t id)
{
	(void)b;
	(void)id;
	return false;
}

/* Has this run a path for it on that access link? */
static bool
is_hosted(struct dp_base *b, const struct prefix *p, uint32_t ifindex)
{
	struct pmip_pma_path v;

	return dp_prefix_ok(p) && bpf_dp_pma_get(b->bpf, p, &v) == 0 &&
	    v.run == bpf_dp_run(b->bpf) && v.ifindex == ifindex;
}

static bool
be_has_route(struct dp_base *b, const struct dpnl_route *r)
{
	struct bpf_be *e = be_of_base(b);

	if (r->table == b->conf.table)
		return r->oif == e->anchor[PMIP_SIDE_PMA].ifindex &&
		    r->src.len == 0;
	if (r->oif == e->anchor[PMIP_SIDE_HA].ifindex)
		return dp_base_is_cover(b, &r->dst) ||
		    bpf_path_has_host(e, &r->dst);
	return is_hosted(b, &r->dst, r->oif);
}

static bool
be_has_host(struct dp_base *b, const struct dpnl_host *h)
{
	struct prefix p = { .family = AF_INET, .len = 32, .in4 = h->addr };

	return is_hosted(b, &p, h->ifindex);
}

static void
sweep_peer(void *ctx, uint32_t id)
{
	struct bpf_be *e = ctx;

	if (id < e->base.conf.max_tunnels && e->peer[id] == NULL)
		bpf_dp_peer_del(e->base.bpf, id);
}

static int
be_sweep(struct dp *dp)
{
	struct bpf_be *e = be_of(dp);
	int r = dp_base_sweep(&e->base, false);

	if (r < 0)
		return r;
	bpf_dp_peer_each(e->base.bpf, sweep_peer, e);
	memset(e->taken, 0, e->base.conf.max_tunnels);
	return 0;
}

/* --- life ---------------------------------------------------------------- */

static int
be_keep(struct bpf_be *e)
{
	for (int s = 0; s < PMIP_SIDES; s++) {
		if (e->anchor[s].fd >= 0 &&
		    ioctl(e->anchor[s].fd, TUNSETPERSIST, 1) < 0)
			return -errno;
	}
	return bpf_dp_pin(e->base.bpf);
}

static void
be_shutdown(struct dp *dp, bool keep)
{
	struct bpf_be *e = be_of(dp);
	struct dp_base *b = &e->base;
	int r;

	dp_op_orphan_all(b);
	(void)netlink_drain(b->nl);
	b->closing = true;
	r = keep ? be_keep(e) : dp_base_sweep(b, true);
	if (r < 0)
		log_warn(b->log, DP_MOD, keep ? "not-pinned" : "not-removed",
		    KV_STR("hint", keep ? "traffic goes on, but the next start "
		    "begins with empty maps" : "leftovers stay"), KV_ERR(r));
}

static void
be_show(struct dp *dp, struct json_w *w)
{
	struct bpf_be *e = be_of(dp);
	struct dp_base *b = &e->base;
	char name[IFNAMSIZ];

	json_w_u(w, "paths", b->npaths);
	json_w_arr(w, "anchors");
	for (int s = 0; s < PMIP_SIDES; s++) {
		if (e->anchor[s].ifindex != 0)
			json_w_str(w, NULL, e->anchor[s].name);
	}
	json_w_arr_end(w);
	json_w_arr(w, "uplinks");
	for (size_t i = 0; i < b->nfilter; i++) {
		if ((b->filter[i].prog == BPF_DP_DECAP ||
		    b->filter[i].prog == BPF_DP_DECAP_L3) &&
		    if_indextoname(b->filter[i].ifindex, name) != NULL)
			json_w_str(w, NULL, name);
	}
	json_w_arr_end(w);
	dp_base_show(b, w);
}

static void
be_show_tunnel(struct dp *dp, const struct dp_tunnel *t, struct json_w *w)
{
	struct bpf_be *e = be_of(dp);
	const struct bpf_peer *p = t->priv;
	char buf[ADDR_STRLEN], name[IFNAMSIZ] = "";
	struct in6_addr nh;

	if (p == NULL)
		return;
	json_w_str(w, "device", e->anchor[main_side(&e->base)].name);
	json_w_u(w, "ifindex", t->ifindex);
	json_w_u(w, "paths", p->npaths);
	json_w_u(w, "peer-id", t->id);
	if (p->map.oif == 0) {
		json_w_null(w, "uplink");
		return;
	}
	nh = addr_of(&p->map.nexthop);
	json_w_str(w, "uplink", if_indextoname(p->map.oif, name) != NULL ?
	    name : "?");
	json_w_str(w, "next-hop", in6_str(&nh, buf));
}

static void
be_free(struct dp *dp)
{
	struct bpf_be *e = be_of(dp);

	dp_base_done(&e->base);
	bpf_path_done(e);
	pmtu_free(e->pmtu);
	for (int s = 0; s < PMIP_SIDES; s++)
		anchor_close(&e->anchor[s]);
	free(e->peer);
	free(e->taken);
	free(e);
}

static const struct dp_ops be_ops = {
	.name = "bpf",
	.tunnel_up = be_tunnel_up, .tunnel_down = be_tunnel_down,
	.path_set = bpf_path_set, .path_ahead = bpf_path_ahead,
	.path_del = bpf_path_del,
	.access_add = dp_access_add, .access_del = dp_access_del,
	.divert = be_divert, .sweep = be_sweep, .shutdown = be_shutdown,
	.show = be_show, .show_tunnel = be_show_tunnel, .free = be_free,
};

static const int be_groups[] = { RTNLGRP_IPV6_ROUTE, RTNLGRP_NEXTHOP,
	RTNLGRP_NEIGH, 0 };

static const struct dp_hooks be_hooks = {
	.link = be_link, .neigh = be_neigh, .check = be_check,
	.resolve = be_resolve,
	.has_link = be_has_link, .has_route = be_has_route,
	.has_nexthop = be_has_nexthop, .has_host = be_has_host,
	.groups = be_groups,
};

static void
take_peer(void *ctx, uint32_t id)
{
	struct bpf_be *e = ctx;

	if (id < e->base.conf.max_tunnels)
		e->taken[id] = 1;
}

static int
be_anchors(struct bpf_be *e, char *why, size_t whycap)
{
	for (int s = 0; s < PMIP_SIDES; s++) {
		int r = has_side(&e->base, s) ? anchor_up(e, s) : 0;

		if (r == -ENOENT || r == -ENODEV)
			snprintf(why, whycap, "anchor device: no /dev/net/tun "
			    "(module tun)");
		else if (r < 0)
			snprintf(why, whycap, "anchor device: %s",
			    strerror(-r));
		if (r < 0)
			return r;
	}
	return 0;
}

int
dp_bpf_open(const struct dp_start *s, struct dp **ret, char *why,
    size_t whycap)
{
	struct bpf_be *e = calloc(1, sizeof(*e));
	uint32_t max = s->conf->max_tunnels;
	int r;

	if (e == NULL)
		return -ENOMEM;
	bpf_path_init(e);
	e->uplink_at = -1;
	e->peer = calloc(max, sizeof(struct dp_tunnel *));
	e->taken = calloc(max, 1);
	if (e->peer == NULL || e->taken == NULL)
		abort();
	for (int i = 0; i < PMIP_SIDES; i++)
		e->anchor[i] = (struct bpf_anchor){ .fd = -1,
			.mtu = DP_MTU_DEFAULT - DP_TUNNEL_OVERHEAD };
	r = dp_base_init(&e->base, s, &be_hooks, &be_ops, true, why, whycap);
	if (r == 0)
		r = dp_base_fences(&e->base, why, whycap);
	if (r == 0)
		r = be_anchors(e, why, whycap);
	if (r < 0) {
		be_free(&e->base.dp);
		return r;
	}
	bpf_dp_peer_each(e->base.bpf, take_peer, e);
	uplinks_update(e);
	r = pmtu_new(s->loop, s->log, &s->conf->local, be_too_big, &e->base,
	    &e->pmtu);
	if (r < 0)
		log_warn(s->log, DP_MOD, "no-path-mtu", KV_STR("hint",
		    "raw sockets refused: a core with a smaller MTU than the "
		    "uplink loses large packets"), KV_ERR(r));
	*ret = &e->base.dp;
	return 0;
}

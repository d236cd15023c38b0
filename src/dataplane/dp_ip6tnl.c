/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The backend of tunnel devices: one ip6tnl device per peer, mode any (IPv6
 * and IPv4 inside), and routes.  What an operator sees with iproute2 is all
 * there is.
 *
 *   home agent   main      PREFIX nhid N        N: nexthop object of a device
 *                main      unreachable COVER    last: unbound prefixes go
 *                                               nowhere, least of all to the
 *                                               default route and back
 *   PMA          rule      iif ACCESS lookup T
 *                T         default from PREFIX dev pmtN
 *                T         unreachable default  last
 *                main      PREFIX dev ACCESS
 *
 *                T         default dev pmtN         IPv4
 *                rule      fwmark K lookup T+K      IPv4
 *                T+K       default dev pmtM         IPv4
 *
 * A nexthop object saves a third of a route's memory and time, but cannot be
 * used by a source-specific route (the kernel refuses), nor on kernels before
 * 5.3; then the route names the device.
 *
 * IPv4 routes have no source at all (the kernel ignores it, silently).  So a
 * tunnel that carries IPv4 at a PMA has a slot: slot 0 is table T itself, slot
 * K a table of its own and one rule, and the program on the access link marks a
 * packet with the slot of its source (PMIP_MARK_MASK).  The cost is flat: a
 * rule per home agent, none per node.  Without the programs there is slot 0
 * only, and IPv4 towards a second home agent is refused with -EOPNOTSUPP.
 *
 * A device that vanishes takes its routes along, so we keep a record of every
 * path.  A home agent's is its entry in the table that the filters read
 * (path_table.h; without filters it is ours alone), which says the device: 24
 * octets.  A PMA's is a struct ip6tnl_path, and an entry in the filters' maps.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/ethtool.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <netlink/msg.h>

#include "core/json.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/netlink.h"
#include "core/util.h"
#include "dataplane/dp_ip6tnl.h"

#define NAMES_MAX 100000	/* pmt0 and on */
#define NHID_BASE 0x50000000U	/* of our nexthop objects */
#define NHID_MASK 0x0fffffffU
#define IP6TNL_MAX_MTU 65535

/* --- what a path is in the kernel ---------------------------------------- */

static int
checks_set(struct ip6tnl_dp *d, const struct dp_path *p)
{
	struct pmip_pma_path v = { .ifindex = p->access_ifindex };

	if (p->side == DP_HA)
		return 0;		/* record_write() does it */
	if (d->base.bpf == NULL)
		return p->tunnel == NULL ? -EOPNOTSUPP : 0;
	v.peer = p->tunnel == NULL ? PMIP_PEER_NATIVE : p->tunnel->ifindex;
	if (p->tunnel == NULL)
		v.steer = PMIP_STEER_NATIVE;
	else if (uses_slot(p))
		v.steer = (uint8_t)dev_of(p->tunnel)->slot;
	memcpy(v.mac, p->mac.b, sizeof(v.mac));
	return bpf_dp_pma_set(d->base.bpf, &p->prefix, &v);
}

static void
checks_del(struct ip6tnl_dp *d, const struct dp_path *p)
{
	if (p->side == DP_HA)
		(void)path_table_del(d->ha, &p->prefix);
	else if (d->base.bpf != NULL)
		(void)bpf_dp_pma_del(d->base.bpf, &p->prefix);
}

static uint32_t
nexthop_id(uint32_t ifindex, int family)
{
	return NHID_BASE + (ifindex * 2 & NHID_MASK) +
	    (family == AF_INET ? 1 : 0);
}

/* The route into the tunnel. `t` NULL: as a key, for deleting. */
static struct dpnl_route
path_route(const struct ip6tnl_dp *d, const struct dp_path *p,
    const struct dp_tunnel *t)
{
	struct dpnl_route r = { .family = p->prefix.family,
		.proto = d->base.conf.rtproto, .type = RTN_UNICAST,
		.metric = DPNL_METRIC };

	if (p->side == DP_PMA) {
		r.table = d->base.conf.table;
		r.dst.family = r.family;
		r.src = p->prefix;
		if (t != NULL)
			r.oif = t->ifindex;
		return r;
	}
	r.table = RT_TABLE_MAIN;
	r.dst = p->prefix;
	if (t != NULL && d->no_nexthop)
		r.oif = t->ifindex;
	else if (t != NULL)
		r.nhid = nexthop_id(t->ifindex, r.family);
	return r;
}

/* Has it a route into the tunnel that is its own? (IPv4 at a PMA has that of
 * the slot.) */
static bool
has_own_route(const struct dp_path *p)
{
	return p->side == DP_HA ||
	    (p->tunnel != NULL && p->prefix.family == AF_INET6);
}

/* Add the requests that install p to an operation, or just send them. */
static void
path_install(struct ip6tnl_dp *d, const struct dp_path *p, struct dp_op *op)
{
	struct dpnl_route r[2];
	size_t n = 0;

	if (has_own_route(p))
		r[n++] = path_route(d, p, p->tunnel);
	if (p->side == DP_PMA)
		r[n++] = dp_connected(&d->base, p);
	dp_neigh_set(&d->base, p);
	for (size_t i = 0; i < n; i++) {
		if (op != NULL)
			dp_op_add(op, RTM_NEWROUTE, &r[i]);
		else
			dp_op_post(&d->base, dpnl_route(RTM_NEWROUTE, &r[i]));
	}
}

static void
path_uninstall(struct ip6tnl_dp *d, const struct dp_path *p, struct dp_op *op)
{
	struct dpnl_route r[2];
	size_t n = 0;

	if (has_own_route(p))
		r[n++] = path_route(d, p, NULL);
	if (p->side == DP_PMA) {
		r[n] = dp_connected(&d->base, p);
		r[n++].oif = 0;
	}
	dp_neigh_del(&d->base, p);
	for (size_t i = 0; i < n; i++) {
		if (op != NULL)
			dp_op_add(op, RTM_DELROUTE, &r[i]);
		else
			dp_op_post(&d->base, dpnl_route(RTM_DELROUTE, &r[i]));
	}
}

/* --- paths --------------------------------------------------------------- */

static void
path_undo(struct dp_op *op)
{
	struct ip6tnl_dp *d = CONTAINER_OF(op->base, struct ip6tnl_dp, base);

	if (!record_is_latest(d, op))
		return;		/* a later operation decides */
	if (op->had_old && slot_open(d, &op->old) == 0) {
		(void)record_write(d, &op->old, &op->now);
		(void)checks_set(d, &op->old);
		path_install(d, &op->old, NULL);
		if (op->old.access_ifindex != op->now.access_ifindex)
			dp_neigh_del(&d->base, &op->now);
	} else {
		record_forget(d, &op->now);
		checks_del(d, &op->now);
		path_uninstall(d, &op->now, NULL);
	}
	slot_release(d, op->now.tunnel);
}

static void
ip6tnl_path_ahead(struct dp *dp, const struct prefix *const *v, size_t n)
{
	path_table_ahead(ip6tnl_of(dp)->ha, v, n);
}

static int
ip6tnl_path_set(struct dp *dp, const struct dp_path *p, dp_done_fn *done,
    void *ctx)
{
	struct ip6tnl_dp *d = ip6tnl_of(dp);
	struct dp_path old, hosted;
	struct dp_op *op;
	bool had_old;
	int err;

	if (!dp_path_ok(p))
		return -EINVAL;
	had_old = record_get(d, p->side, &p->prefix, &old);
	err = slot_open(d, p);
	if (err == 0)
		err = checks_set(d, p);
	if (err == 0 && (err = record_write(d, p, had_old ? &old : NULL)) < 0)
		checks_del(d, p);
	if (err < 0) {
		slot_release(d, p->tunnel);
		return err;
	}
	if (had_old) {
		slot_release(d, old.tunnel);
		if (old.access_ifindex != p->access_ifindex)
			dp_neigh_del(&d->base, &old);
	}
	if (p->side == DP_HA && d->base.conf.is_pma &&
	    record_get(d, DP_PMA, &p->prefix, &hosted))
		dp_hosted_by_own(&d->base, &hosted, p->tunnel->own);
	op = dp_op_new(&d->base, p, done, ctx);
	op->undo = path_undo;
	if (p->side == DP_PMA)
		op->serial = record_next(d, &p->prefix);
	op->had_old = had_old;
	if (had_old)
		op->old = old;
	path_install(d, p, op);
	dp_op_end(op);
	return 0;
}

static int
ip6tnl_path_del(struct dp *dp, const struct dp_path *p, dp_done_fn *done,
    void *ctx)
{
	struct ip6tnl_dp *d = ip6tnl_of(dp);
	struct dp_path was;
	struct dp_op *op;

	if (!dp_prefix_ok(&p->prefix))
		return -EINVAL;
	if (record_get(d, p->side, &p->prefix, &was))
		record_forget(d, &was);
	else
		was = *p;
	checks_del(d, p);
	op = dp_op_new(&d->base, p, done, ctx);
	path_uninstall(d, &was, op);
	dp_op_end(op);
	slot_release(d, was.tunnel);
	return 0;
}

/* --- tunnel devices ------------------------------------------------------ */

/* A name nobody has. 0 or -errno. */
static int
dev_create(struct ip6tnl_dp *d, const struct dp_tunnel *t, char *name)
{
	struct dp_base *b = &d->base;

	for (uint32_t i = 0; i < NAMES_MAX; i++) {
		struct dpnl_link l;
		int r;

		snprintf(name, IFNAMSIZ, "pmt%u", d->next_name);
		d->next_name = (d->next_name + 1) % NAMES_MAX;
		r = dp_base_send(b, dpnl_ip6tnl(name, &t->local, &t->remote));
		if (r != -EEXIST)
			return r;
		/* Is it the name that exists, or the pair of ends? */
		if (dpnl_ask_link(b->ask, 0, name, &l) < 0) {
			log_err(b->log, DP_MOD, "tunnel-exists",
			    KV_IN6("local", &t->local),
			    KV_IN6("remote", &t->remote), KV_STR("hint",
			    "a device that is not ours has these ends"));
			return r;
		}
	}
	return -EEXIST;
}

static int
dev_nexthops(struct ip6tnl_dp *d, uint32_t ifindex)
{
	static const int families[] = { AF_INET6, AF_INET };
	int r = 0;

	if (!d->base.conf.is_ha || d->no_nexthop)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(families) && r == 0; i++)
		r = dp_base_send(&d->base, dpnl_nexthop(RTM_NEWNEXTHOP,
		    nexthop_id(ifindex, families[i]), families[i], ifindex,
		    d->base.conf.rtproto));
	if (r == -EOPNOTSUPP) {
		d->no_nexthop = true;
		return 0;
	}
	return r;
}

static void
ip6tnl_resolve(struct dp_base *b, struct dp_tunnel *t)
{
	struct ip6tnl_dev *dev = t->priv;
	struct dpnl_hop hop;

	if (dpnl_ask_hop(b->ask, &t->local, &t->remote, 0, &hop) < 0)
		return;
	t->own = hop.own;
	tunnel_set_path_mtu(t, MIN_OF(hop.mtu, (uint32_t)IP6TNL_MAX_MTU));
	if (dev->mtu == t->mtu)
		return;
	/* The kernel minds the path's MTU itself; a device that says the same
	 * lets it answer before it has built the outer packet. */
	if (dp_base_send(b, dpnl_link_set(t->ifindex, NULL, t->mtu)) == 0)
		dev->mtu = t->mtu;
}

/*
 * Does the device put segments together?  Where the kernel refuses it stays as
 * it is: that costs time, and nothing is lost.
 */
static void
dev_gro(const struct ip6tnl_dp *d, const char *name)
{
	struct ethtool_value v = { .cmd = ETHTOOL_SGRO,
		.data = d->base.conf.tunnel_gro };
	struct ifreq ifr = { .ifr_data = (char *)&v };
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0), r = 0;

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (fd < 0 || ioctl(fd, SIOCETHTOOL, &ifr) < 0)
		r = -errno;
	if (fd >= 0)
		close(fd);
	if (r < 0)
		log_warn(d->base.log, DP_MOD, "gro-refused",
		    KV_STR("if", name), KV_ERR(r));
}

/* Create or adopt the device and what belongs to it. */
static int
dev_up(struct ip6tnl_dp *d, struct dp_tunnel *t)
{
	struct dp_base *b = &d->base;
	const struct dpnl_link *left = dp_base_left(b, "ip6tnl", &t->local,
	    &t->remote);
	struct ip6tnl_dev *dev = t->priv;
	struct dpnl_link l;
	int r;

	if (left != NULL && dpnl_ask_link(b->ask, left->ifindex, NULL, &l) == 0
	    && strcmp(l.alias, b->alias) == 0) {
		memcpy(dev->name, l.name, sizeof(dev->name));
	} else {
		left = NULL;
		r = dev_create(d, t, dev->name);
		if (r == 0)
			r = dpnl_ask_link(b->ask, 0, dev->name, &l);
		if (r < 0)
			return r;
	}
	t->ifindex = l.ifindex;
	t->id = nexthop_id(l.ifindex, AF_INET6);
	dev->mtu = t->mtu;
	dev->suspect = false;
	dev_gro(d, dev->name);
	r = dp_base_adorn(b, l.ifindex, dev->name, t->mtu);
	if (r == 0)
		r = dev_nexthops(d, l.ifindex);
	/* An adopted device keeps its old filter, which knows its old paths,
	 * until the new paths are there. */
	if (r == 0)
		r = dp_filter_set(b, l.ifindex, BPF_DP_TUNNEL, left != NULL);
	if (r < 0) {
		(void)dp_base_send(b, dpnl_link_del(l.ifindex));
		return r;
	}
	ip6tnl_resolve(b, t);
	return 0;
}

static int
ip6tnl_tunnel_up(struct dp *dp, struct dp_tunnel *t)
{
	struct ip6tnl_dp *d = ip6tnl_of(dp);
	struct ip6tnl_dev *dev;
	int r;

	dev = calloc(1, sizeof(*dev));
	if (dev == NULL)
		return -ENOMEM;
	dev->slot = -1;
	dev->tunnel = t;
	t->priv = dev;
	r = dev_up(d, t);
	if (r < 0) {
		free(dev);
		t->priv = NULL;
		return r;
	}
	record_number(d, dev, t->ifindex);
	return 0;
}

static bool
path_drop(struct ip6tnl_dp *d, const struct dp_path *p)
{
	record_forget(d, p);
	if (p->side == DP_PMA)
		checks_del(d, p);
	path_uninstall(d, p, NULL);
	return true;
}

/* A home agent's entry stays where it is, with the number of the new device. */
static bool
path_reinstall(struct ip6tnl_dp *d, const struct dp_path *p)
{
	if (p->side == DP_PMA)
		(void)checks_set(d, p);
	else
		(void)path_table_set(d->ha, &p->prefix, p->tunnel->ifindex,
		    d->run);
	path_install(d, p, NULL);
	return false;
}

static void
ip6tnl_tunnel_down(struct dp *dp, struct dp_tunnel *t)
{
	struct ip6tnl_dp *d = ip6tnl_of(dp);
	struct ip6tnl_dev *dev = t->priv;

	if (!d->base.closing) {
		if (dev->npaths > 0)
			record_each(d, t, path_drop);
		slot_release(d, t);
		dp_filter_unset(&d->base, t->ifindex, BPF_DP_TUNNEL, true);
		(void)dp_base_send(&d->base, dpnl_link_del(t->ifindex));
	}
	record_number(d, dev, 0);
	free(dev);
	t->priv = NULL;
}

/* --- healing ------------------------------------------------------------- */

static void
ip6tnl_link(struct dp_base *b, const struct dpnl_link *l, bool gone)
{
	for (struct dp_tunnel *t = tunnel_first(b->dp.tunnels); t != NULL;
	    t = t->next) {
		struct ip6tnl_dev *dev = t->priv;

		if (t->up && (l == NULL || (l->ifindex == t->ifindex &&
		    (gone || !(l->flags & IFF_UP)))))
			dev->suspect = true;
	}
}

static void
dev_heal(struct ip6tnl_dp *d, struct dp_tunnel *t)
{
	struct dp_base *b = &d->base;
	struct ip6tnl_dev *dev = t->priv;
	struct dpnl_link l;
	int r = dpnl_ask_link(b->ask, t->ifindex, NULL, &l);

	dev->suspect = false;
	if (r == 0 && l.flags & IFF_UP)
		return;
	if (r == 0) {
		r = dp_base_send(b, dpnl_link_up(t->ifindex, true));
		if (r == 0)
			r = dev_nexthops(d, t->ifindex);
	} else {
		dp_filter_unset(b, t->ifindex, BPF_DP_TUNNEL, true);
		r = dev_up(d, t);
	}
	if (r < 0) {
		log_err(b->log, DP_MOD, "tunnel-lost", KV_STR("if", dev->name),
		    KV_IN6("remote", &t->remote), KV_ERR(r));
		dev->suspect = true;
		return;
	}
	log_warn(b->log, DP_MOD, "tunnel-restored", KV_STR("if", dev->name),
	    KV_IN6("remote", &t->remote), KV_U("paths", dev->npaths));
	if (dev->slot >= 0)
		(void)slot_install(d, dev->slot, t->ifindex);
	if (dev->npaths > 0)
		record_each(d, t, path_reinstall);
	record_number(d, dev, t->ifindex);
}

static void
ip6tnl_check(struct dp_base *b)
{
	struct ip6tnl_dp *d = CONTAINER_OF(b, struct ip6tnl_dp, base);

	for (struct dp_tunnel *t = tunnel_first(b->dp.tunnels); t != NULL;
	    t = t->next) {
		struct ip6tnl_dev *dev = t->priv;

		if (t->up && dev->suspect)
			dev_heal(d, t);
	}
}

/* --- leftovers ----------------------------------------------------------- */

static bool
ip6tnl_has_link(struct dp_base *b, uint32_t ifindex)
{
	for (struct dp_tunnel *t = tunnel_first(b->dp.tunnels); t != NULL;
	    t = t->next) {
		if (t->up && t->ifindex == ifindex)
			return true;
	}
	return false;
}

static bool
ip6tnl_has_nexthop(struct dp_base *b, uint32_t id)
{
	struct ip6tnl_dp *d = CONTAINER_OF(b, struct ip6tnl_dp, base);

	for (struct dp_tunnel *t = tunnel_first(b->dp.tunnels); t != NULL;
	    t = t->next) {
		if (t->up && !d->no_nexthop && (id & ~1U) == t->id)
			return true;
	}
	return false;
}

static bool
ip6tnl_has_route(struct dp_base *b, const struct dpnl_route *r)
{
	struct ip6tnl_dp *d = CONTAINER_OF(b, struct ip6tnl_dp, base);
	struct dpnl_route want;
	struct dp_path path;
	int slot;

	if (r->family == AF_INET && (slot = dp_base_slot(b, r->table)) >= 0)
		return d->slot[slot] != NULL && (r->type != RTN_UNICAST ||
		    r->oif == d->slot[slot]->ifindex);
	if (r->table == b->conf.table)
		return record_get(d, DP_PMA, &r->src, &path) &&
		    path.tunnel != NULL && path.tunnel->ifindex == r->oif;
	if (record_get(d, DP_PMA, &r->dst, &path) &&
	    path.access_ifindex == r->oif)
		return true;
	if (!record_get(d, DP_HA, &r->dst, &path))
		return false;
	want = path_route(d, &path, path.tunnel);
	return want.nhid == r->nhid && (want.nhid != 0 || want.oif == r->oif);
}

static bool
ip6tnl_has_host(struct dp_base *b, const struct dpnl_host *h)
{
	struct ip6tnl_dp *d = CONTAINER_OF(b, struct ip6tnl_dp, base);
	struct prefix dst = { .family = AF_INET, .len = 32, .in4 = h->addr };
	struct dp_path p;

	return record_get(d, DP_PMA, &dst, &p) &&
	    p.access_ifindex == h->ifindex;
}

static bool
ip6tnl_has_rule(struct dp_base *b, const struct dpnl_rule *r)
{
	struct ip6tnl_dp *d = CONTAINER_OF(b, struct ip6tnl_dp, base);
	int slot = dp_base_slot(b, r->table);
	struct dpnl_rule want;

	if (slot <= 0 || d->slot[slot] == NULL)
		return false;
	want = slot_rule(d, slot);
	return dpnl_rule_eq(r, &want);
}

static int
ip6tnl_sweep(struct dp *dp)
{
	struct ip6tnl_dp *d = ip6tnl_of(dp);
	int r;

	r = dp_base_sweep(&d->base, false);

	if (r == 0)
		memset(d->slot_left, 0, sizeof(d->slot_left));
	return r;
}

/* --- life ---------------------------------------------------------------- */

static void
ip6tnl_shutdown(struct dp *dp, bool keep)
{
	struct dp_base *b = dp_base_of(dp);
	int r = 0;

	dp_op_orphan_all(b);
	(void)netlink_drain(b->nl);
	b->closing = true;
	if (keep && b->bpf != NULL)
		r = bpf_dp_pin(b->bpf);
	else if (!keep)
		r = dp_base_sweep(b, true);
	if (r < 0)
		log_warn(b->log, DP_MOD, keep ? "not-pinned" : "not-removed",
		    KV_ERR(r));
}

static void
ip6tnl_show(struct dp *dp, struct json_w *w)
{
	struct ip6tnl_dp *d = ip6tnl_of(dp);

	json_w_u(w, "paths", d->base.npaths);
	json_w_bool(w, "nexthop-objects", d->base.conf.is_ha && !d->no_nexthop);
	dp_base_show(&d->base, w);
}

static void
ip6tnl_show_tunnel(struct dp *dp, const struct dp_tunnel *t, struct json_w *w)
{
	const struct ip6tnl_dev *dev = t->priv;

	(void)dp;
	if (dev == NULL)
		return;
	json_w_str(w, "device", dev->name);
	json_w_u(w, "ifindex", t->ifindex);
	json_w_u(w, "paths", dev->npaths);
}

static void
ip6tnl_free(struct dp *dp)
{
	struct ip6tnl_dp *d = ip6tnl_of(dp);

	dp_op_orphan_all(&d->base);
	dp_base_done(&d->base);
	record_done(d);
	free(d);
}

static const struct dp_ops ip6tnl_ops = {
	.name = "ip6tnl",
	.tunnel_up = ip6tnl_tunnel_up, .tunnel_down = ip6tnl_tunnel_down,
	.path_set = ip6tnl_path_set, .path_ahead = ip6tnl_path_ahead,
	.path_del = ip6tnl_path_del,
	.access_add = dp_access_add, .access_del = dp_access_del,
	.sweep = ip6tnl_sweep, .shutdown = ip6tnl_shutdown,
	.show = ip6tnl_show, .show_tunnel = ip6tnl_show_tunnel,
	.free = ip6tnl_free,
};

static const int no_groups[] = { 0 };

static const struct dp_hooks ip6tnl_hooks = {
	.link = ip6tnl_link, .check = ip6tnl_check, .resolve = ip6tnl_resolve,
	.has_link = ip6tnl_has_link, .has_route = ip6tnl_has_route,
	.has_nexthop = ip6tnl_has_nexthop, .has_rule = ip6tnl_has_rule,
	.has_host = ip6tnl_has_host,
	.groups = no_groups,
};

int
dp_ip6tnl_open(const struct dp_start *s, struct dp **ret, char *why,
    size_t whycap)
{
	struct ip6tnl_dp *d = calloc(1, sizeof(*d));
	int r;

	if (d == NULL)
		return -ENOMEM;
	record_init(d);
	r = dp_base_init(&d->base, s, &ip6tnl_hooks, &ip6tnl_ops, false, why,
	    whycap);
	if (r == 0)
		r = record_open(d, why, whycap);
	if (r == 0)
		r = dp_base_fences(&d->base, why, whycap);
	if (r == 0 && (r = slot_find_left(d)) < 0)
		snprintf(why, whycap, "routes: %s", strerror(-r));
	if (r < 0) {
		ip6tnl_free(&d->base.dp);
		return r;
	}
	*ret = &d->base.dp;
	return 0;
}

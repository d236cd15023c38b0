/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The slots of IPv4 at a PMA with tunnel devices: a table, and a rule, for each
 * tunnel that carries IPv4; see dp_ip6tnl.c.
 */
#include <errno.h>

#include <linux/rtnetlink.h>
#include <netlink/msg.h>

#include "core/netlink.h"
#include "dataplane/dp_ip6tnl.h"

struct dpnl_rule
slot_rule(const struct ip6tnl_dp *d, int slot)
{
	return (struct dpnl_rule){ .family = AF_INET,
		.proto = d->base.conf.rtproto,
		.table = dp_base_table(&d->base, (unsigned)slot),
		.prio = d->base.conf.rule_prio, .mask = PMIP_MARK_MASK,
		.mark = (uint32_t)slot << PMIP_MARK_SHIFT };
}

int
slot_install(struct ip6tnl_dp *d, int slot, uint32_t ifindex)
{
	struct dp_base *b = &d->base;
	struct dpnl_rule rule = slot_rule(d, slot);
	struct dpnl_route r = { .family = AF_INET, .proto = b->conf.rtproto,
		.dst.family = AF_INET, .table = rule.table,
		.type = RTN_UNREACHABLE, .metric = DPNL_METRIC_LAST };
	int err = dp_base_send(b, dpnl_route(RTM_NEWROUTE, &r));

	r.type = RTN_UNICAST;
	r.metric = DPNL_METRIC;
	r.oif = ifindex;
	if (err == 0)
		err = dp_base_send(b, dpnl_route(RTM_NEWROUTE, &r));
	if (err == 0 && slot > 0)
		err = dp_base_send(b, dpnl_rule(RTM_NEWRULE, &rule));
	return err == -EEXIST ? 0 : err;
}

static void
slot_uninstall(struct ip6tnl_dp *d, int slot)
{
	struct dp_base *b = &d->base;
	struct dpnl_rule rule = slot_rule(d, slot);
	struct dpnl_route r = { .family = AF_INET, .proto = b->conf.rtproto,
		.dst.family = AF_INET, .table = rule.table,
		.type = RTN_UNICAST, .metric = DPNL_METRIC };

	if (slot > 0)
		(void)dp_base_send(b, dpnl_rule(RTM_DELRULE, &rule));
	(void)dp_base_send(b, dpnl_route(RTM_DELROUTE, &r));
	if (slot == 0)
		return;			/* that table keeps its fence */
	r.type = RTN_UNREACHABLE;
	r.metric = DPNL_METRIC_LAST;
	(void)dp_base_send(b, dpnl_route(RTM_DELROUTE, &r));
}

/* The one an earlier run gave that device; or else one it gave nobody; or else
 * any.  -1: all are taken. */
static int
slot_choose(const struct ip6tnl_dp *d, uint32_t ifindex)
{
	int n = d->base.bpf != NULL ? PMIP_STEER_NATIVE : 1, best = -1;

	for (int i = n - 1; i >= 0; i--) {
		uint32_t left = d->slot_left[i];

		if (d->slot[i] != NULL ||
		    dp_base_table(&d->base, (unsigned)i) == 0)
			continue;
		if (left == ifindex)
			return i;
		if (left == 0 || best < 0 || d->slot_left[best] != 0)
			best = i;
	}
	return best;
}

int
slot_open(struct ip6tnl_dp *d, const struct dp_path *p)
{
	struct ip6tnl_dev *dev;
	int slot, r;

	if (!uses_slot(p) || (dev = dev_of(p->tunnel))->slot >= 0)
		return 0;
	slot = slot_choose(d, p->tunnel->ifindex);
	if (slot < 0)
		return d->base.bpf != NULL ? -ENOSPC : -EOPNOTSUPP;
	r = slot_install(d, slot, p->tunnel->ifindex);
	if (r < 0) {
		slot_uninstall(d, slot);
		return r;
	}
	dev->slot = slot;
	d->slot[slot] = p->tunnel;
	return 0;
}

void
slot_release(struct ip6tnl_dp *d, struct dp_tunnel *t)
{
	struct ip6tnl_dev *dev = t != NULL ? dev_of(t) : NULL;

	if (dev == NULL || dev->slot < 0 || dev->nv4 > 0)
		return;
	slot_uninstall(d, dev->slot);
	d->slot[dev->slot] = NULL;
	dev->slot = -1;
}

static void
slot_left_one(void *ctx, const struct nlmsghdr *nlh)
{
	struct ip6tnl_dp *d = ctx;
	struct dpnl_route r;
	int slot;

	if (dpnl_read_route(nlh, &r) && r.proto == d->base.conf.rtproto &&
	    r.oif != 0 && (slot = dp_base_slot(&d->base, r.table)) >= 0)
		d->slot_left[slot] = r.oif;
}

int
slot_find_left(struct ip6tnl_dp *d)
{
	struct nl_msg *m = dpnl_dump(RTM_GETROUTE, AF_INET);
	int r = netlink_dump(d->base.nl, m, slot_left_one, NULL, d);

	nlmsg_free(m);
	return r;
}

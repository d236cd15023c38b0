/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests that speak to the kernel: a network namespace of their own, and a
 * few netlink requests in it.  Without the right to have one, a test says
 * "SKIP: why" and counts as skipped.
 */
#ifndef TEST_NS_H
#define TEST_NS_H

#include <check.h>
#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <netinet/in.h>

#include <netlink/attr.h>
#include <netlink/msg.h>

#include "core/addr.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/netlink.h"
#include "core/stats.h"
#include "core/util.h"

/* A fresh network namespace, with a user namespace when not root. */
static inline bool
ns_enter(const char *test)
{
	if (unshare(CLONE_NEWNET) == 0 ||
	    unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0)
		return true;
	printf("SKIP: %s: no network namespace: %s\n", test, strerror(errno));
	fflush(stdout);
	return false;
}

/* What the sockets of a test live on; logs to nobody. */
static inline void
ns_open(struct loop **ret_loop, struct log **ret_log, struct stats **ret_stats)
{
	*ret_loop = loop_new(&clock_system);
	*ret_log = log_new(&clock_system);
	log_to_none(*ret_log);
	*ret_stats = stats_new();
	ck_assert_ptr_nonnull(*ret_loop);
}

static inline void
ns_close(struct loop *l, struct log *log, struct stats *stats,
    struct netlink *n)
{
	netlink_free(n);
	stats_free(stats);
	log_free(log);
	loop_free(l);
}

/* One more test case of the suite, with time for a slow machine. */
static inline TCase *
ns_tcase(Suite *s, const char *name)
{
	TCase *tc = tcase_create(name);

	tcase_set_timeout(tc, 60);
	suite_add_tcase(s, tc);
	return tc;
}

static inline struct nl_msg *
ns_msg(int type, int flags, const void *hdr, size_t len)
{
	struct nl_msg *m = nlmsg_alloc_simple(type, flags);

	ck_assert_ptr_nonnull(m);
	ck_assert_int_eq(nlmsg_append(m, (void *)(uintptr_t)hdr, len,
	    NLMSG_ALIGNTO), 0);
	return m;
}

/* Send, wait, free. */
static inline int
ns_sync(struct netlink *n, struct nl_msg *m)
{
	int r = netlink_sync(n, m);

	nlmsg_free(m);
	return r;
}

/* A link's flags (IFF_UP), with a name when it is to be renamed. */
static inline int
ns_link_set(struct netlink *n, unsigned ifindex, bool up, const char *name)
{
	struct ifinfomsg ifi = { .ifi_index = (int)ifindex,
		.ifi_flags = up ? IFF_UP : 0, .ifi_change = IFF_UP };
	struct nl_msg *m = ns_msg(RTM_NEWLINK, 0, &ifi, sizeof(ifi));

	if (name != NULL)
		nla_put_string(m, IFLA_IFNAME, name);
	return ns_sync(n, m);
}

static inline void
ns_put_name(struct nl_msg *m, const char *name, const struct mac *mac)
{
	nla_put_string(m, IFLA_IFNAME, name);
	if (mac != NULL)
		nla_put(m, IFLA_ADDRESS, sizeof(mac->b), mac->b);
}

/* A new interface: "bridge", or "veth" with a peer. 0 or -errno. */
static inline int
ns_link_add(struct netlink *n, const char *kind, const char *name,
    const struct mac *mac, const char *peer, const struct mac *peer_mac)
{
	const struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC };
	struct nl_msg *m = ns_msg(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL,
	    &ifi, sizeof(ifi));
	struct nlattr *info, *data, *other;

	ns_put_name(m, name, mac);
	info = nla_nest_start(m, IFLA_LINKINFO);
	nla_put_string(m, IFLA_INFO_KIND, kind);
	if (peer != NULL) {
		data = nla_nest_start(m, IFLA_INFO_DATA);
		other = nla_nest_start(m, VETH_INFO_PEER);
		ck_assert_int_eq(nlmsg_append(m, (void *)(uintptr_t)&ifi,
		    sizeof(ifi), NLMSG_ALIGNTO), 0);
		ns_put_name(m, peer, peer_mac);
		nla_nest_end(m, other);
		nla_nest_end(m, data);
	}
	nla_nest_end(m, info);
	return ns_sync(n, m);
}

static inline unsigned
ns_index(const char *name)
{
	unsigned i = if_nametoindex(name);

	ck_assert_msg(i != 0, "no interface %s", name);
	return i;
}

/* No address of its own, so that the kernel says nothing on it unasked. */
static inline void
ns_link_mute(struct netlink *n, unsigned ifindex)
{
	const struct ifinfomsg ifi = { .ifi_index = (int)ifindex };
	struct nl_msg *m = ns_msg(RTM_SETLINK, 0, &ifi, sizeof(ifi));
	struct nlattr *spec = nla_nest_start(m, IFLA_AF_SPEC);
	struct nlattr *in6 = nla_nest_start(m, AF_INET6);

	nla_put_u8(m, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	nla_nest_end(m, in6);
	nla_nest_end(m, spec);
	ck_assert_int_eq(ns_sync(n, m), 0);
}

static inline int
ns_link_del(struct netlink *n, unsigned ifindex)
{
	const struct ifinfomsg ifi = { .ifi_index = (int)ifindex };

	return ns_sync(n, ns_msg(RTM_DELLINK, 0, &ifi, sizeof(ifi)));
}

/* One of a link's attributes. */
static inline int
ns_link_put(struct netlink *n, unsigned ifindex, int attr, uint32_t value)
{
	const struct ifinfomsg ifi = { .ifi_index = (int)ifindex };
	struct nl_msg *m = ns_msg(RTM_SETLINK, 0, &ifi, sizeof(ifi));

	nla_put_u32(m, attr, value);
	return ns_sync(n, m);
}

/* master 0: out of the bridge. */
static inline int
ns_link_master(struct netlink *n, unsigned ifindex, unsigned master)
{
	return ns_link_put(n, ifindex, IFLA_MASTER, master);
}

/* Neighbour or bridge table entry; dst NULL for the latter. */
static inline int
ns_neigh(struct netlink *n, int type, unsigned ifindex, uint16_t state,
    const struct in6_addr *dst, const struct mac *mac)
{
	const struct ndmsg ndm = { .ndm_ifindex = (int)ifindex,
		.ndm_family = dst != NULL ? AF_INET6 : AF_BRIDGE,
		.ndm_state = state,
		.ndm_flags = dst != NULL ? 0 : NTF_MASTER };
	struct nl_msg *m = ns_msg(type, type == RTM_NEWNEIGH ?
	    NLM_F_CREATE | NLM_F_REPLACE : 0, &ndm, sizeof(ndm));

	if (dst != NULL)
		nla_put(m, NDA_DST, sizeof(*dst), dst);
	if (mac != NULL)
		nla_put(m, NDA_LLADDR, sizeof(mac->b), mac->b);
	return ns_sync(n, m);
}

/* The number the next descriptor will get. */
static inline int
ns_next_fd(void)
{
	int fd = dup(0);

	ck_assert_int_ge(fd, 0);
	close(fd);
	return fd;
}

/* Turns of the loop until *what reaches goal; fails after 20 s. */
static inline void
ns_turn_until(struct loop *l, const unsigned *what, unsigned goal)
{
	usec_t end = clock_mono_us(&clock_system) + 20 * USEC_PER_SEC;

	while (*what < goal) {
		usec_t left = end - clock_mono_us(&clock_system);

		ck_assert_msg(left > 0, "%u of %u after 20 s", *what, goal);
		ck_assert_int_eq(loop_turn(l, left), 0);
	}
}

/* Which of two links are said to run, and how many. */
struct ns_running {
	unsigned ifindex[2];
	bool is[2];
	unsigned count;
};

static inline void
ns_on_link(void *ctx, const struct nlmsghdr *nlh)
{
	const struct ifinfomsg *ifi = NLMSG_DATA(nlh);
	struct nlattr *state = nlmsg_find_attr((struct nlmsghdr *)(uintptr_t)
	    nlh, sizeof(*ifi), IFLA_OPERSTATE);
	struct ns_running *r = ctx;

	r->count = 0;
	for (unsigned i = 0; i < ARRAY_LEN(r->ifindex); i++) {
		if ((int)r->ifindex[i] == ifi->ifi_index)
			r->is[i] = state != NULL &&
			    nla_get_u8(state) == 6 /* IF_OPER_UP */;
		r->count += r->is[i];
	}
}

/*
 * Both ends of a cable up, and the kernel's own word that they run: before, it
 * would take packets and drop them.
 */
static inline void
ns_cable_up(struct loop *l, struct netlink *n, unsigned one, unsigned other)
{
	static const int groups[] = { RTNLGRP_LINK };
	struct ns_running r = { .ifindex = { one, other } };
	struct netlink_mon *m;

	ck_assert_int_eq(netlink_monitor(n, groups, 1, ns_on_link, NULL, &r,
	    &m), 0);
	/* down first, so that there is news of both */
	ck_assert_int_eq(ns_link_set(n, one, false, NULL), 0);
	ck_assert_int_eq(ns_link_set(n, other, false, NULL), 0);
	ck_assert_int_eq(ns_link_set(n, one, true, NULL), 0);
	ck_assert_int_eq(ns_link_set(n, other, true, NULL), 0);
	ns_turn_until(l, &r.count, 2);
	netlink_monitor_free(m);
}

/* acc0 (of the router) and mn0 (of a node): up, mute. False: it said SKIP. */
static inline bool
ns_veth(struct loop *l, struct netlink *n, const char *test,
    const struct mac *router, const struct mac *node)
{
	int r = ns_link_add(n, "veth", "acc0", router, "mn0", node);

	if (r < 0) {
		printf("SKIP: %s: no veth: %s\n", test, strerror(-r));
		fflush(stdout);
		return false;
	}
	ns_link_mute(n, ns_index("acc0"));
	ns_link_mute(n, ns_index("mn0"));
	ns_cable_up(l, n, ns_index("acc0"), ns_index("mn0"));
	return true;
}

static inline struct nl_msg *
ns_addr_msg(int type, unsigned ifindex, const struct in6_addr *a, unsigned len)
{
	struct ifaddrmsg ifa = { .ifa_family = AF_INET6,
		.ifa_prefixlen = (uint8_t)len, .ifa_flags = IFA_F_NODAD,
		.ifa_index = ifindex };
	struct nl_msg *m = ns_msg(type, type == RTM_NEWADDR ? NLM_F_CREATE : 0,
	    &ifa, sizeof(ifa));

	nla_put(m, IFA_LOCAL, sizeof(*a), a);
	return m;
}

#endif

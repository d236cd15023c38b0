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
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>

#include <netlink/attr.h>
#include <netlink/msg.h>

#include "core/netlink.h"
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

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pmipd whose ip6tnl backend runs on kernels without ip6_tunnel: linked with
 * --wrap=dpnl_ip6tnl, it makes an ifb device wherever a tunnel device is asked
 * for.  Nothing is forwarded rightly, but every netlink request of a binding
 * (route by nexthop object, its acknowledgement, the source check's map entry)
 * is the real one.  For measuring the control path only.
 */
#include <stdlib.h>

#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include "dataplane/dp_nl.h"

struct nl_msg *__wrap_dpnl_ip6tnl(const char *name,
    const struct in6_addr *local, const struct in6_addr *remote);

struct nl_msg *
__wrap_dpnl_ip6tnl(const char *name, const struct in6_addr *local,
    const struct in6_addr *remote)
{
	struct ifinfomsg h = { .ifi_family = AF_UNSPEC };
	struct nl_msg *m = nlmsg_alloc_simple(RTM_NEWLINK, NLM_F_REQUEST |
	    NLM_F_CREATE | NLM_F_EXCL);
	struct nlattr *info;

	(void)local;
	(void)remote;
	if (m == NULL || nlmsg_append(m, &h, sizeof(h), NLMSG_ALIGNTO) < 0 ||
	    nla_put_string(m, IFLA_IFNAME, name) < 0 ||
	    (info = nla_nest_start(m, IFLA_LINKINFO)) == NULL ||
	    nla_put_string(m, IFLA_INFO_KIND, "ifb") < 0)
		abort();
	nla_nest_end(m, info);
	return m;
}

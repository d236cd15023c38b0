/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rtnetlink messages of the data plane.
 *
 * Built and read by libnl's attribute functions, not by libnl-route's objects:
 * those know neither nexthop ids nor the protocol of a rule, and cost three
 * times as much per route.  Builders allocate no more than a message needs,
 * since a binding is one or two of them.
 */
#include "dataplane/dp_nl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>
#include <sys/time.h>

#include <linux/fib_rules.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/if_tunnel.h>
#include <linux/ip6_tunnel.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#define MSG_LEN 256		/* enough for any of these */
#define OUTER_HOP_LIMIT 64
#define ASK_TIMEOUT_S 2
#define IF_GEN_NONE 1		/* IN6_ADDR_GEN_MODE_NONE */

/* What the kernel calls so too (net/neighbour.h): a packet need not wait. */
#define NUD_VALID (NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_PROBE | \
	NUD_STALE | NUD_DELAY)

/* --- building ------------------------------------------------------------ */

/* Begin a message, whatever m was before. */
static void
msg_begin(struct nl_msg *m, int cmd, int flags, const void *hdr, size_t len)
{
	nlmsg_hdr(m)->nlmsg_len = NLMSG_HDRLEN;
	if (nlmsg_put(m, 0, 0, cmd, (int)len, NLM_F_REQUEST | flags) == NULL)
		abort();
	memcpy(nlmsg_data(nlmsg_hdr(m)), hdr, len);
}

struct nl_msg *
dpnl_empty(void)
{
	struct nl_msg *m = nlmsg_alloc_size(MSG_LEN);

	if (m == NULL)
		abort();
	return m;
}

static struct nl_msg *
msg_new(int cmd, int flags, const void *hdr, size_t len)
{
	struct nl_msg *m = dpnl_empty();

	msg_begin(m, cmd, flags, hdr, len);
	return m;
}

static void
put(struct nl_msg *m, int type, const void *data, size_t len)
{
	if (nla_put(m, type, (int)len, data) < 0)
		abort();
}

static void
put_u32(struct nl_msg *m, int type, uint32_t v)
{
	put(m, type, &v, sizeof(v));
}

static void
put_str(struct nl_msg *m, int type, const char *s)
{
	put(m, type, s, strlen(s) + 1);
}

static void
put_addr(struct nl_msg *m, int type, const struct prefix *p)
{
	if (p->len > 0)
		put(m, type, &p->in6, p->family == AF_INET6 ? 16 : 4);
}

void
dpnl_route_into(struct nl_msg *m, int cmd, const struct dpnl_route *r)
{
	struct rtmsg h = { .rtm_family = r->family, .rtm_dst_len = r->dst.len,
		.rtm_src_len = r->src.len, .rtm_protocol = r->proto,
		.rtm_type = r->type, .rtm_scope = RT_SCOPE_UNIVERSE };

	h.rtm_table = r->table < 256 ? (uint8_t)r->table : RT_TABLE_UNSPEC;
	/* The kernel wants to hear of a device route that it is one. */
	if (r->family == AF_INET && r->type == RTN_UNICAST && r->nhid == 0)
		h.rtm_scope = RT_SCOPE_LINK;
	if (r->family == AF_INET && cmd == RTM_DELROUTE)
		h.rtm_scope = RT_SCOPE_NOWHERE;	/* any */
	msg_begin(m, cmd, cmd == RTM_NEWROUTE ? NLM_F_CREATE | NLM_F_REPLACE :
	    0, &h, sizeof(h));
	put_addr(m, RTA_DST, &r->dst);
	put_addr(m, RTA_SRC, &r->src);
	if (h.rtm_table == RT_TABLE_UNSPEC)
		put_u32(m, RTA_TABLE, r->table);
	put_u32(m, RTA_PRIORITY, r->metric);
	if (r->nhid != 0)
		put_u32(m, RTA_NH_ID, r->nhid);
	else if (r->oif != 0)
		put_u32(m, RTA_OIF, r->oif);
}

struct nl_msg *
dpnl_route(int cmd, const struct dpnl_route *r)
{
	struct nl_msg *m = dpnl_empty();

	dpnl_route_into(m, cmd, r);
	return m;
}

struct nl_msg *
dpnl_rule(int cmd, const struct dpnl_rule *r)
{
	struct fib_rule_hdr h = { .family = r->family,
		.table = r->table < 256 ? (uint8_t)r->table : RT_TABLE_UNSPEC,
		.action = FR_ACT_TO_TBL };
	struct nl_msg *m = msg_new(cmd, cmd == RTM_NEWRULE ?
	    NLM_F_CREATE | NLM_F_EXCL : 0, &h, sizeof(h));

	if (r->iif[0] != '\0')
		put_str(m, FRA_IIFNAME, r->iif);
	if (r->mask != 0) {
		put_u32(m, FRA_FWMARK, r->mark);
		put_u32(m, FRA_FWMASK, r->mask);
	}
	put_u32(m, FRA_TABLE, r->table);
	put_u32(m, FRA_PRIORITY, r->prio);
	put(m, FRA_PROTOCOL, &r->proto, sizeof(r->proto));
	return m;
}

struct nl_msg *
dpnl_host(int cmd, const struct dpnl_host *h, const struct mac *mac)
{
	struct ndmsg nd = { .ndm_family = AF_INET,
		.ndm_ifindex = (int)h->ifindex, .ndm_state = NUD_PERMANENT };
	struct nl_msg *m = msg_new(cmd, cmd == RTM_NEWNEIGH ?
	    NLM_F_CREATE | NLM_F_REPLACE : 0, &nd, sizeof(nd));

	put(m, NDA_DST, &h->addr, sizeof(h->addr));
	if (cmd != RTM_NEWNEIGH)
		return m;
	put(m, NDA_LLADDR, mac->b, sizeof(mac->b));
	put(m, NDA_PROTOCOL, &h->proto, sizeof(h->proto));
	return m;
}

struct nl_msg *
dpnl_nexthop(int cmd, uint32_t id, int family, uint32_t oif, uint8_t proto)
{
	struct nhmsg h = { .nh_family = (uint8_t)family,
		.nh_scope = RT_SCOPE_UNIVERSE, .nh_protocol = proto };
	struct nl_msg *m;

	if (cmd == RTM_DELNEXTHOP)
		h = (struct nhmsg){ 0 };
	m = msg_new(cmd, cmd == RTM_NEWNEXTHOP ? NLM_F_CREATE | NLM_F_REPLACE :
	    0, &h, sizeof(h));
	put_u32(m, NHA_ID, id);
	if (cmd == RTM_NEWNEXTHOP)
		put_u32(m, NHA_OIF, oif);
	return m;
}

struct nl_msg *
dpnl_ip6tnl(const char *name, const struct in6_addr *local,
    const struct in6_addr *remote)
{
	struct ifinfomsg h = { .ifi_family = AF_UNSPEC };
	struct nl_msg *m = msg_new(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &h,
	    sizeof(h));
	uint8_t any = 0, hops = OUTER_HOP_LIMIT;
	struct nlattr *info, *data;

	put_str(m, IFLA_IFNAME, name);
	info = nla_nest_start(m, IFLA_LINKINFO);
	put_str(m, IFLA_INFO_KIND, "ip6tnl");
	data = nla_nest_start(m, IFLA_INFO_DATA);
	if (info == NULL || data == NULL)
		abort();
	if (local != NULL)
		put(m, IFLA_IPTUN_LOCAL, local, sizeof(*local));
	if (remote != NULL)
		put(m, IFLA_IPTUN_REMOTE, remote, sizeof(*remote));
	put(m, IFLA_IPTUN_TTL, &hops, sizeof(hops));
	/* RFC 2473 6.6 is optional, and costs 8 octets: PROTOCOL 2.10.  The
	 * other end is here when we are the node's home agent as well. */
	put_u32(m, IFLA_IPTUN_FLAGS, IP6_TNL_F_IGN_ENCAP_LIMIT |
	    IP6_TNL_F_USE_ORIG_TCLASS | IP6_TNL_F_ALLOW_LOCAL_REMOTE);
	put(m, IFLA_IPTUN_PROTO, &any, sizeof(any));	/* v6 and v4 inside */
	nla_nest_end(m, data);
	nla_nest_end(m, info);
	return m;
}

struct nl_msg *
dpnl_link_del(uint32_t ifindex)
{
	struct ifinfomsg h = { .ifi_family = AF_UNSPEC,
		.ifi_index = (int)ifindex };

	return msg_new(RTM_DELLINK, 0, &h, sizeof(h));
}

struct nl_msg *
dpnl_link_set(uint32_t ifindex, const char *alias, uint32_t mtu)
{
	struct ifinfomsg h = { .ifi_family = AF_UNSPEC,
		.ifi_index = (int)ifindex };
	struct nl_msg *m = msg_new(RTM_NEWLINK, 0, &h, sizeof(h));
	uint8_t none = IF_GEN_NONE;
	struct nlattr *spec, *inet6;

	if (mtu != 0)
		put_u32(m, IFLA_MTU, mtu);
	if (alias == NULL)
		return m;
	put_str(m, IFLA_IFALIAS, alias);
	spec = nla_nest_start(m, IFLA_AF_SPEC);
	inet6 = nla_nest_start(m, AF_INET6);
	if (spec == NULL || inet6 == NULL)
		abort();
	put(m, IFLA_INET6_ADDR_GEN_MODE, &none, sizeof(none));
	nla_nest_end(m, inet6);
	nla_nest_end(m, spec);
	return m;
}

struct nl_msg *
dpnl_link_up(uint32_t ifindex, bool up)
{
	struct ifinfomsg h = { .ifi_family = AF_UNSPEC,
		.ifi_index = (int)ifindex, .ifi_flags = up ? IFF_UP : 0,
		.ifi_change = IFF_UP };

	return msg_new(RTM_NEWLINK, 0, &h, sizeof(h));
}

struct nl_msg *
dpnl_link_mac(uint32_t ifindex, const struct mac *mac)
{
	struct ifinfomsg h = { .ifi_family = AF_UNSPEC,
		.ifi_index = (int)ifindex };
	struct nl_msg *m = msg_new(RTM_NEWLINK, 0, &h, sizeof(h));

	put(m, IFLA_ADDRESS, mac->b, sizeof(mac->b));
	return m;
}

struct nl_msg *
dpnl_clsact_del(uint32_t ifindex)
{
	struct tcmsg h = { .tcm_family = AF_UNSPEC,
		.tcm_ifindex = (int)ifindex, .tcm_parent = TC_H_CLSACT,
		.tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0) };

	return msg_new(RTM_DELQDISC, 0, &h, sizeof(h));
}

struct nl_msg *
dpnl_dump(int cmd, int family)
{
	struct ifinfomsg link = { .ifi_family = (uint8_t)family };
	struct rtmsg route = { .rtm_family = (uint8_t)family };
	struct nhmsg nh = { .nh_family = (uint8_t)family };

	if (cmd == RTM_GETLINK)
		return msg_new(cmd, NLM_F_DUMP, &link, sizeof(link));
	if (cmd == RTM_GETNEXTHOP)
		return msg_new(cmd, NLM_F_DUMP, &nh, sizeof(nh));
	/* The headers of rules and neighbours have the same size. */
	return msg_new(cmd, NLM_F_DUMP, &route, sizeof(route));
}

struct nl_msg *
dpnl_dump_filters(uint32_t ifindex, bool egress)
{
	struct tcmsg h = { .tcm_family = AF_UNSPEC,
		.tcm_ifindex = (int)ifindex,
		.tcm_parent = TC_H_MAKE(TC_H_CLSACT,
		    egress ? TC_H_MIN_EGRESS : TC_H_MIN_INGRESS) };

	return msg_new(RTM_GETTFILTER, NLM_F_DUMP, &h, sizeof(h));
}

/* --- reading ------------------------------------------------------------- */

static uint32_t
get_u32(const struct nlattr *a)
{
	return a != NULL && nla_len(a) >= 4 ? nla_get_u32(a) : 0;
}

static void
get_str(const struct nlattr *a, char *buf, size_t cap)
{
	buf[0] = '\0';
	if (a != NULL)
		nla_strlcpy(buf, a, cap);
}

static void
get_in6(const struct nlattr *a, struct in6_addr *ret)
{
	if (a != NULL && nla_len(a) >= (int)sizeof(*ret))
		memcpy(ret, nla_data(a), sizeof(*ret));
}

/* The attributes behind a header of `hdrlen` octets, or false. */
static bool
parse(const struct nlmsghdr *nlh, size_t hdrlen, struct nlattr **tb, int max)
{
	return nlmsg_valid_hdr(nlh, (int)hdrlen) &&
	    nlmsg_parse((struct nlmsghdr *)(uintptr_t)nlh, (int)hdrlen, tb, max,
	    NULL) >= 0;
}

bool
dpnl_read_link(const struct nlmsghdr *nlh, struct dpnl_link *ret)
{
	struct nlattr *tb[IFLA_MAX + 1], *info[IFLA_INFO_MAX + 1];
	struct nlattr *data[IFLA_IPTUN_MAX + 1];
	struct ifinfomsg h;

	if ((nlh->nlmsg_type != RTM_NEWLINK && nlh->nlmsg_type != RTM_DELLINK)
	    || !parse(nlh, sizeof(h), tb, IFLA_MAX))
		return false;
	memcpy(&h, nlmsg_data(nlh), sizeof(h));
	if (h.ifi_family != AF_UNSPEC)
		return false;		/* a bridge's port or the like */
	*ret = (struct dpnl_link){ .ifindex = (uint32_t)h.ifi_index,
		.flags = h.ifi_flags, .mtu = get_u32(tb[IFLA_MTU]),
		.ethernet = h.ifi_type == ARPHRD_ETHER ||
		    h.ifi_type == ARPHRD_LOOPBACK };
	get_str(tb[IFLA_IFNAME], ret->name, sizeof(ret->name));
	get_str(tb[IFLA_IFALIAS], ret->alias, sizeof(ret->alias));
	if (tb[IFLA_ADDRESS] != NULL &&
	    nla_len(tb[IFLA_ADDRESS]) == sizeof(ret->mac.b))
		memcpy(ret->mac.b, nla_data(tb[IFLA_ADDRESS]),
		    sizeof(ret->mac.b));
	if (tb[IFLA_LINKINFO] == NULL ||
	    nla_parse_nested(info, IFLA_INFO_MAX, tb[IFLA_LINKINFO], NULL) < 0)
		return true;
	get_str(info[IFLA_INFO_KIND], ret->kind, sizeof(ret->kind));
	if (strcmp(ret->kind, "ip6tnl") == 0 && info[IFLA_INFO_DATA] != NULL &&
	    nla_parse_nested(data, IFLA_IPTUN_MAX, info[IFLA_INFO_DATA],
	    NULL) >= 0) {
		get_in6(data[IFLA_IPTUN_LOCAL], &ret->local);
		get_in6(data[IFLA_IPTUN_REMOTE], &ret->remote);
	}
	return true;
}

static void
get_prefix(const struct nlattr *a, int family, uint8_t len, struct prefix *ret)
{
	*ret = (struct prefix){ .family = (uint8_t)family, .len = len };
	if (a != NULL)
		memcpy(&ret->in6, nla_data(a), (size_t)(nla_len(a) <
		    (int)sizeof(ret->in6) ? nla_len(a) :
		    (int)sizeof(ret->in6)));
}

bool
dpnl_read_route(const struct nlmsghdr *nlh, struct dpnl_route *ret)
{
	struct nlattr *tb[RTA_MAX + 1];
	struct rtmsg h;

	if ((nlh->nlmsg_type != RTM_NEWROUTE &&
	    nlh->nlmsg_type != RTM_DELROUTE) ||
	    !parse(nlh, sizeof(h), tb, RTA_MAX))
		return false;
	memcpy(&h, nlmsg_data(nlh), sizeof(h));
	if (h.rtm_flags & RTM_F_CLONED ||
	    (h.rtm_family != AF_INET && h.rtm_family != AF_INET6))
		return false;
	*ret = (struct dpnl_route){ .family = h.rtm_family,
		.proto = h.rtm_protocol, .type = h.rtm_type,
		.table = tb[RTA_TABLE] != NULL ? get_u32(tb[RTA_TABLE]) :
		    h.rtm_table,
		.oif = get_u32(tb[RTA_OIF]), .nhid = get_u32(tb[RTA_NH_ID]),
		.metric = get_u32(tb[RTA_PRIORITY]) };
	get_prefix(tb[RTA_DST], h.rtm_family, h.rtm_dst_len, &ret->dst);
	get_prefix(tb[RTA_SRC], h.rtm_family, h.rtm_src_len, &ret->src);
	return true;
}

bool
dpnl_rule_eq(const struct dpnl_rule *a, const struct dpnl_rule *b)
{
	return a->family == b->family && a->proto == b->proto &&
	    a->table == b->table && a->prio == b->prio && a->mark == b->mark &&
	    a->mask == b->mask && strcmp(a->iif, b->iif) == 0;
}

bool
dpnl_read_rule(const struct nlmsghdr *nlh, struct dpnl_rule *ret)
{
	struct nlattr *tb[FRA_MAX + 1];
	struct fib_rule_hdr h;

	if (nlh->nlmsg_type != RTM_NEWRULE ||
	    !parse(nlh, sizeof(h), tb, FRA_MAX))
		return false;
	memcpy(&h, nlmsg_data(nlh), sizeof(h));
	*ret = (struct dpnl_rule){ .family = h.family,
		.table = tb[FRA_TABLE] != NULL ? get_u32(tb[FRA_TABLE]) :
		    h.table,
		.prio = get_u32(tb[FRA_PRIORITY]),
		.mark = get_u32(tb[FRA_FWMARK]),
		.mask = get_u32(tb[FRA_FWMASK]) };
	if (tb[FRA_PROTOCOL] != NULL)
		ret->proto = nla_get_u8(tb[FRA_PROTOCOL]);
	get_str(tb[FRA_IIFNAME], ret->iif, sizeof(ret->iif));
	return true;
}

bool
dpnl_read_nexthop(const struct nlmsghdr *nlh, struct dpnl_nexthop *ret)
{
	struct nlattr *tb[NHA_MAX + 1];
	struct nhmsg h;

	if (nlh->nlmsg_type != RTM_NEWNEXTHOP ||
	    !parse(nlh, sizeof(h), tb, NHA_MAX))
		return false;
	memcpy(&h, nlmsg_data(nlh), sizeof(h));
	*ret = (struct dpnl_nexthop){ .id = get_u32(tb[NHA_ID]),
		.oif = get_u32(tb[NHA_OIF]), .family = h.nh_family,
		.proto = h.nh_protocol };
	return true;
}

bool
dpnl_read_filter(const struct nlmsghdr *nlh, struct dpnl_filter *ret)
{
	struct nlattr *tb[TCA_MAX + 1], *opt[TCA_BPF_MAX + 1];
	struct tcmsg h;

	if ((nlh->nlmsg_type != RTM_NEWTFILTER &&
	    nlh->nlmsg_type != RTM_DELTFILTER) ||
	    !parse(nlh, sizeof(h), tb, TCA_MAX))
		return false;
	memcpy(&h, nlmsg_data(nlh), sizeof(h));
	*ret = (struct dpnl_filter){ .ifindex = (uint32_t)h.tcm_ifindex,
		.handle = h.tcm_handle, .prio = (uint16_t)(h.tcm_info >> 16) };
	if (h.tcm_handle == 0 && nlh->nlmsg_type == RTM_NEWTFILTER)
		return false;		/* the chain's head, no filter */
	if (tb[TCA_KIND] != NULL && nla_strcmp(tb[TCA_KIND], "bpf") == 0 &&
	    tb[TCA_OPTIONS] != NULL && nla_parse_nested(opt, TCA_BPF_MAX,
	    tb[TCA_OPTIONS], NULL) >= 0)
		get_str(opt[TCA_BPF_NAME], ret->name, sizeof(ret->name));
	return true;
}

bool
dpnl_read_host(const struct nlmsghdr *nlh, struct dpnl_host *ret)
{
	struct nlattr *tb[NDA_MAX + 1];
	struct ndmsg h;

	if (nlh->nlmsg_type != RTM_NEWNEIGH ||
	    !parse(nlh, sizeof(h), tb, NDA_MAX))
		return false;
	memcpy(&h, nlmsg_data(nlh), sizeof(h));
	if (h.ndm_family != AF_INET || !(h.ndm_state & NUD_PERMANENT) ||
	    tb[NDA_DST] == NULL ||
	    nla_len(tb[NDA_DST]) != (int)sizeof(ret->addr))
		return false;
	*ret = (struct dpnl_host){ .ifindex = (uint32_t)h.ndm_ifindex };
	memcpy(&ret->addr, nla_data(tb[NDA_DST]), sizeof(ret->addr));
	if (tb[NDA_PROTOCOL] != NULL)
		ret->proto = nla_get_u8(tb[NDA_PROTOCOL]);
	return true;
}

bool
dpnl_read_neigh(const struct nlmsghdr *nlh, struct dpnl_neigh *ret)
{
	struct nlattr *tb[NDA_MAX + 1];
	struct ndmsg h;

	if ((nlh->nlmsg_type != RTM_NEWNEIGH &&
	    nlh->nlmsg_type != RTM_DELNEIGH) ||
	    !parse(nlh, sizeof(h), tb, NDA_MAX))
		return false;
	memcpy(&h, nlmsg_data(nlh), sizeof(h));
	if (h.ndm_family != AF_INET6 || tb[NDA_DST] == NULL)
		return false;
	*ret = (struct dpnl_neigh){ .ifindex = (uint32_t)h.ndm_ifindex,
		.valid = nlh->nlmsg_type == RTM_NEWNEIGH &&
		    h.ndm_state & NUD_VALID };
	get_in6(tb[NDA_DST], &ret->addr);
	return true;
}

/* --- questions ----------------------------------------------------------- */

int
dpnl_ask_open(int *ret_fd)
{
	struct timeval tv = { .tv_sec = ASK_TIMEOUT_S };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		return -errno;
	/* The kernel answers within the call; this is for its bad days. */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	*ret_fd = fd;
	return 0;
}

void
dpnl_ask_close(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* Send a request, free it, and read its one answer. 0 or -errno. */
static int
ask(int fd, struct nl_msg *m, void *buf, size_t cap)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct nlmsghdr *req = nlmsg_hdr(m), *nlh = buf;
	struct nlmsgerr err;
	ssize_t n;
	int r = 0;

	/* What a question that timed out left is not our answer. */
	while (recv(fd, buf, cap, MSG_DONTWAIT) > 0)
		;
	n = sendto(fd, req, req->nlmsg_len, 0, (void *)&kernel,
	    sizeof(kernel));
	nlmsg_free(m);
	if (n < 0)
		return -errno;
	n = recv(fd, buf, cap, 0);
	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	if (!nlmsg_ok(nlh, (int)n))
		return -EMSGSIZE;
	if (nlh->nlmsg_type == NLMSG_ERROR) {
		if (!nlmsg_valid_hdr(nlh, sizeof(err)))
			return -EBADMSG;
		memcpy(&err, nlmsg_data(nlh), sizeof(err));
		r = err.error < 0 ? err.error : -EBADMSG;
	}
	return r;
}

int
dpnl_ask_hop(int fd, const struct in6_addr *local,
    const struct in6_addr *remote, uint32_t oif, struct dpnl_hop *ret)
{
	struct rtmsg h = { .rtm_family = AF_INET6, .rtm_dst_len = 128 };
	struct nlattr *tb[RTA_MAX + 1], *mx[RTAX_MAX + 1];
	char buf[4096] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = (void *)buf;
	struct dpnl_hop hop = { .nexthop = *remote };
	struct nl_msg *m;
	int r;

	if (!in6_is_zero(local))
		h.rtm_src_len = 128;
	m = msg_new(RTM_GETROUTE, 0, &h, sizeof(h));
	put(m, RTA_DST, remote, sizeof(*remote));
	if (h.rtm_src_len != 0)
		put(m, RTA_SRC, local, sizeof(*local));
	if (oif != 0)
		put_u32(m, RTA_OIF, oif);
	r = ask(fd, m, buf, sizeof(buf));
	if (r < 0)
		return r;
	if (nlh->nlmsg_type != RTM_NEWROUTE ||
	    !parse(nlh, sizeof(h), tb, RTA_MAX))
		return -EBADMSG;
	memcpy(&h, nlmsg_data(nlh), sizeof(h));
	if (h.rtm_type != RTN_UNICAST && h.rtm_type != RTN_LOCAL)
		return -ENETUNREACH;
	hop.own = h.rtm_type == RTN_LOCAL;
	hop.oif = get_u32(tb[RTA_OIF]);
	if (hop.oif == 0)
		return -ENETUNREACH;
	get_in6(tb[RTA_GATEWAY], &hop.nexthop);
	if (tb[RTA_METRICS] != NULL &&
	    nla_parse_nested(mx, RTAX_MAX, tb[RTA_METRICS], NULL) >= 0)
		hop.mtu = get_u32(mx[RTAX_MTU]);
	if (hop.mtu == 0) {
		struct dpnl_link l;

		r = dpnl_ask_link(fd, hop.oif, NULL, &l);
		if (r < 0)
			return r;
		hop.mtu = l.mtu;
	}
	*ret = hop;
	return 0;
}

bool
dpnl_ask_neigh(int fd, uint32_t ifindex, const struct in6_addr *addr)
{
	struct ndmsg h = { .ndm_family = AF_INET6, .ndm_ifindex = (int)ifindex };
	char buf[2048] __attribute__((aligned(8)));
	struct nl_msg *m = msg_new(RTM_GETNEIGH, 0, &h, sizeof(h));
	struct dpnl_neigh n;

	put(m, NDA_DST, addr, sizeof(*addr));
	return ask(fd, m, buf, sizeof(buf)) == 0 &&
	    dpnl_read_neigh((void *)buf, &n) && n.valid;
}

int
dpnl_ask_link(int fd, uint32_t ifindex, const char *name,
    struct dpnl_link *ret)
{
	struct ifinfomsg h = { .ifi_family = AF_UNSPEC,
		.ifi_index = (int)ifindex };
	char buf[16384] __attribute__((aligned(8)));
	struct nl_msg *m = msg_new(RTM_GETLINK, 0, &h, sizeof(h));
	int r;

	if (name != NULL)
		put_str(m, IFLA_IFNAME, name);
	put_u32(m, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);	/* most of it */
	r = ask(fd, m, buf, sizeof(buf));
	if (r < 0)
		return r;
	return dpnl_read_link((void *)buf, ret) ? 0 : -EBADMSG;
}

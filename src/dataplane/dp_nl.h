/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rtnetlink messages of the data plane: builders (the caller sends them
 * through core/netlink.h and frees them), readers, and a socket for questions
 * that have one answer.  Knows no backend.
 */
#ifndef PMIP_DP_NL_H
#define PMIP_DP_NL_H

#include <stdbool.h>
#include <stdint.h>

#include <net/if.h>
#include <netinet/in.h>

#include "core/addr.h"

struct netlink;
struct nl_msg;
struct nlmsghdr;

/* Every one of ours, so that a replacing request never hits another's. */
#define DPNL_METRIC 521
/* Of what is hosted on an access link: a home agent that is the node's access
 * router as well has both routes for its prefix. */
#define DPNL_METRIC_HOSTED 520
/* Of `unreachable` routes: worse than anybody's. */
#define DPNL_METRIC_LAST 0x7fffffff

struct dpnl_route {
	uint8_t family, proto;
	uint8_t type;			/* RTN_UNICAST, RTN_UNREACHABLE */
	struct prefix dst, src;		/* len 0: any */
	uint32_t table;
	uint32_t oif, nhid;		/* 0: none */
	uint32_t metric;
};

/* Builders abort when out of memory.  `cmd` is RTM_NEW... or RTM_DEL...; a new
 * object replaces an equal one. */
struct nl_msg *dpnl_route(int cmd, const struct dpnl_route *r);
/* The same into a message that is there already: 0.1 us less. */
void dpnl_route_into(struct nl_msg *m, int cmd, const struct dpnl_route *r);
struct nl_msg *dpnl_empty(void);
/* `iif` may be empty, and `mask` 0: any mark. */
struct dpnl_rule {
	uint8_t family, proto;
	uint32_t table, prio;
	uint32_t mark, mask;
	char iif[IFNAMSIZ];
};
struct nl_msg *dpnl_rule(int cmd, const struct dpnl_rule *r);
/* Who has an IPv4 address on a link, for good; RTM_DELNEIGH: mac may be NULL. */
struct dpnl_host {
	uint32_t ifindex;
	struct in_addr addr;
	uint8_t proto;
};
struct nl_msg *dpnl_host(int cmd, const struct dpnl_host *h,
    const struct mac *mac);
struct nl_msg *dpnl_nexthop(int cmd, uint32_t id, int family, uint32_t oif,
    uint8_t proto);
/* An ip6tnl device, down. Ends may be NULL: any. */
struct nl_msg *dpnl_ip6tnl(const char *name, const struct in6_addr *local,
    const struct in6_addr *remote);
struct nl_msg *dpnl_link_del(uint32_t ifindex);
/* mtu 0, alias NULL: leave. No IPv6 address of its own (it would only send
 * router solicitations and redirects). */
struct nl_msg *dpnl_link_set(uint32_t ifindex, const char *alias, uint32_t mtu);
struct nl_msg *dpnl_link_up(uint32_t ifindex, bool up);
struct nl_msg *dpnl_link_mac(uint32_t ifindex, const struct mac *mac);
struct nl_msg *dpnl_clsact_del(uint32_t ifindex);
/* A dump request: RTM_GETLINK, _GETROUTE, _GETRULE, _GETNEXTHOP, _GETNEIGH. */
struct nl_msg *dpnl_dump(int cmd, int family);
struct nl_msg *dpnl_dump_filters(uint32_t ifindex, bool egress);

/* Read what a dump or the kernel's news bring; false: not that, or not whole.
 */
struct dpnl_link {
	uint32_t ifindex;
	uint32_t flags;			/* IFF_* */
	uint32_t mtu;
	bool ethernet;
	struct mac mac;
	char name[IFNAMSIZ];
	char kind[16], alias[64];
	struct in6_addr local, remote;	/* ip6tnl */
};
bool dpnl_read_link(const struct nlmsghdr *nlh, struct dpnl_link *ret);
bool dpnl_read_route(const struct nlmsghdr *nlh, struct dpnl_route *ret);
bool dpnl_rule_eq(const struct dpnl_rule *a, const struct dpnl_rule *b);
bool dpnl_read_rule(const struct nlmsghdr *nlh, struct dpnl_rule *ret);
struct dpnl_nexthop {
	uint32_t id, oif;
	uint8_t family, proto;
};
bool dpnl_read_nexthop(const struct nlmsghdr *nlh, struct dpnl_nexthop *ret);
/* A tc filter: where it is, and its name when it is a BPF one. */
struct dpnl_filter {
	uint32_t ifindex, handle;
	uint16_t prio;
	char name[32];
};
bool dpnl_read_filter(const struct nlmsghdr *nlh, struct dpnl_filter *ret);
bool dpnl_read_host(const struct nlmsghdr *nlh, struct dpnl_host *ret);
/* An IPv6 neighbour; `valid`: packets can go there at once. */
struct dpnl_neigh {
	uint32_t ifindex;
	struct in6_addr addr;
	bool valid;
};
bool dpnl_read_neigh(const struct nlmsghdr *nlh, struct dpnl_neigh *ret);

/* --- questions with one answer ------------------------------------------- */

/* 0 or -errno. */
int dpnl_ask_open(int *ret_fd);
void dpnl_ask_close(int fd);
/* Where packets to `remote` leave.  `local` may be ::, `oif` 0. */
struct dpnl_hop {
	struct in6_addr nexthop;	/* `remote` itself when on the link */
	uint32_t oif;
	uint32_t mtu;			/* of the path, as far as known */
	bool own;			/* nowhere: it is an address of ours */
};
/* 0 or -errno: -ENETUNREACH, ... */
int dpnl_ask_hop(int fd, const struct in6_addr *local,
    const struct in6_addr *remote, uint32_t oif, struct dpnl_hop *ret);
/* Is that neighbour's link-layer address known? */
bool dpnl_ask_neigh(int fd, uint32_t ifindex, const struct in6_addr *addr);
/* 0 or -errno: -ENODEV. */
int dpnl_ask_link(int fd, uint32_t ifindex, const char *name,
    struct dpnl_link *ret);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Attach and detach by what the kernel sees on access links:
 *
 *   interface lost its carrier      every node of it has left
 *   neighbour became reachable      a node is there
 *   neighbour failed or vanished    silence: worth a probe, no proof
 *   bridge learnt a MAC address     a node is there
 *   bridge forgot it                the port went down: the node has left;
 *                                   aged out: silence
 *
 * The table of links is kept to tell news from repetition, and to map a bridge
 * port to its bridge.  An overrun of the notification socket reads links,
 * addresses, neighbours and bridge tables again; a departure that fell into the
 * gap shows as a lost carrier, or when the role probes its nodes.
 *
 * A bridge forgets the addresses behind a port before the port's own loss of
 * carrier is told (and a port that is deleted is already gone by then), so the
 * state of the port is asked for when an address goes, not taken from the
 * table.
 *
 * An interface with sysctl app_solicit has the kernel ask us first where a
 * neighbour is (RTM_GETNEIGH).  Our answer is an entry in state PROBE: what
 * waits leaves at once, and the kernel solicits that neighbour at the address
 * given, so that a wrong answer lasts no longer than a solicitation that nobody
 * answers.
 */
#include "attach/attach.h"

#include <errno.h>
#include <linux/if_arp.h>
#include <linux/if_bridge.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/log.h"
#include "core/netlink.h"
#include "core/stats.h"
#include "core/util.h"

#define MOD "attach"

const char *const attach_source_names[ATTACH_SOURCE_MAX + 1] = {
	[ATTACH_BY_RS] = "router-solicitation",
	[ATTACH_BY_CTL] = "control",
	[ATTACH_BY_CARRIER] = "carrier",
	[ATTACH_BY_NEIGHBOUR] = "neighbour",
	[ATTACH_BY_FDB] = "bridge-fdb",
	[ATTACH_BY_NUD] = "probe",
	[ATTACH_BY_TRAFFIC] = "traffic",
};

#define ATTACH_STATS(X) \
	X(ST_CARRIER, "carrier-lost", "access interfaces that went down") \
	X(ST_NEIGH, "neighbour-events", "neighbour table news") \
	X(ST_FDB, "bridge-fdb-events", "bridge forwarding table news") \
	X(ST_ASKED, "neighbours-asked", \
	    "addresses that the kernel asked us for") \
	X(ST_TOLD, "neighbours-told", "of these, those that were known") \
	X(ST_REREAD, "tables-read-again", "after lost notifications")

enum {
#define X(id, name, help) id,
	ATTACH_STATS(X)
#undef X
	ST_MAX
};

static const struct stat_desc attach_stats[ST_MAX] = {
#define X(id, name, help) { name, help },
	ATTACH_STATS(X)
#undef X
};

struct nl_link {
	SLIST_ENTRY(nl_link) entry;
	struct link_if lif;
	uint32_t master;		/* bridge, 0 none */
	uint32_t watch;			/* sources; 0 not ours */
	bool seen, addr_seen;		/* during a dump */
};

struct attach_nl {
	struct netlink *nl;
	struct log *log;
	struct stat_group st;
	struct attach_sink sink;
	struct netlink_mon *mon;
	SLIST_HEAD(, nl_link) links;
	bool reading;			/* in read_tables() */
	uint32_t only;			/* reading for this interface, 0 all */
};

static int read_addresses(struct attach_nl *a);

static struct nl_link *
link_find(struct attach_nl *a, uint32_t ifindex)
{
	struct nl_link *l;

	SLIST_FOREACH(l, &a->links, entry) {
		if (l->lif.ifindex == ifindex)
			break;
	}
	return l;
}

static void
event(struct attach_nl *a, enum attach_kind kind, enum attach_source source,
    uint32_t ifindex, const struct mac *mac, const struct in6_addr *lla)
{
	struct attach_event ev = { .kind = kind, .source = source,
		.ifindex = ifindex };

	if (mac != NULL)
		ev.mac = *mac;
	if (lla != NULL)
		ev.lla = *lla;
	a->sink.attach(a->sink.ctx, &ev);
}

/* --- links ------------------------------------------------------------- */

static bool
link_equal(const struct link_if *a, const struct link_if *b)
{
	return a->ifindex == b->ifindex && strcmp(a->name, b->name) == 0 &&
	    a->up == b->up && a->p2p == b->p2p && a->mtu == b->mtu &&
	    mac_eq(&a->mac, &b->mac) && in6_eq(&a->linklocal, &b->linklocal);
}

static void
link_gone(struct attach_nl *a, struct nl_link *l)
{
	SLIST_REMOVE(&a->links, l, nl_link, entry);
	if (l->watch & 1u << ATTACH_BY_CARRIER)
		event(a, ATTACH_DOWN, ATTACH_BY_CARRIER, l->lif.ifindex, NULL,
		    NULL);
	a->sink.link(a->sink.ctx, LINK_GONE, &l->lif);
	free(l);
}

/* Tell what has changed; `was_up` before. */
static void
link_news(struct attach_nl *a, struct nl_link *l, bool fresh, bool was_up)
{
	if (!fresh && was_up && !l->lif.up &&
	    l->watch & 1u << ATTACH_BY_CARRIER) {
		stat_inc(&a->st, ST_CARRIER);
		event(a, ATTACH_DOWN, ATTACH_BY_CARRIER, l->lif.ifindex, NULL,
		    NULL);
	}
	a->sink.link(a->sink.ctx, fresh ? LINK_NEW : LINK_CHANGED, &l->lif);
}

/* `ret` stays when the attribute is absent or too short. */
static void
get_u32(const struct nlattr *a, uint32_t *ret)
{
	if (a != NULL && nla_len(a) >= (int)sizeof(*ret))
		memcpy(ret, nla_data(a), sizeof(*ret));
}

/* RTM_NEWLINK attributes into `ret`; what is absent stays. */
static void
read_link(const struct nlmsghdr *nlh, const struct ifinfomsg *ifi,
    struct link_if *ret, uint32_t *ret_master)
{
	const unsigned running = IFF_UP | IFF_RUNNING | IFF_LOWER_UP;
	struct nlattr *tb[IFLA_MAX + 1];

	ret->ifindex = (uint32_t)ifi->ifi_index;
	ret->p2p = ifi->ifi_type != ARPHRD_ETHER;
	/* RUNNING alone is also said of what was never connected */
	ret->up = (ifi->ifi_flags & running) == running;
	*ret_master = 0;
	if (nlmsg_parse((struct nlmsghdr *)(uintptr_t)nlh, sizeof(*ifi), tb,
	    IFLA_MAX, NULL) < 0)
		return;
	if (tb[IFLA_IFNAME] != NULL)
		nla_strlcpy(ret->name, tb[IFLA_IFNAME], sizeof(ret->name));
	get_u32(tb[IFLA_MTU], &ret->mtu);
	if (!ret->p2p && tb[IFLA_ADDRESS] != NULL &&
	    nla_len(tb[IFLA_ADDRESS]) == (int)sizeof(ret->mac.b))
		memcpy(ret->mac.b, nla_data(tb[IFLA_ADDRESS]),
		    sizeof(ret->mac.b));
	get_u32(tb[IFLA_MASTER], ret_master);
}

static void
on_link(struct attach_nl *a, const struct nlmsghdr *nlh)
{
	const struct ifinfomsg *ifi = nlmsg_data(nlh);
	struct link_if lif;
	struct nl_link *l;
	uint32_t master;
	bool fresh, was_up;

	/* AF_BRIDGE messages on this group speak of ports, not of links */
	if (nlmsg_datalen(nlh) < (int)sizeof(*ifi) ||
	    ifi->ifi_family == AF_BRIDGE)
		return;
	l = link_find(a, (uint32_t)ifi->ifi_index);
	if (nlh->nlmsg_type == RTM_DELLINK) {
		if (l != NULL)
			link_gone(a, l);
		return;
	}
	fresh = l == NULL;
	if (fresh) {
		l = calloc(1, sizeof(*l));
		if (l == NULL)
			return;
		SLIST_INSERT_HEAD(&a->links, l, entry);
	}
	lif = l->lif;
	was_up = lif.up;
	read_link(nlh, ifi, &lif, &master);
	l->seen = true;
	l->master = master;
	if (!fresh && link_equal(&lif, &l->lif))
		return;
	l->lif = lif;
	link_news(a, l, fresh, was_up);
}

/* --- our link-local addresses ------------------------------------------- */

static void
set_linklocal(struct attach_nl *a, struct nl_link *l,
    const struct in6_addr *addr)
{
	l->lif.linklocal = *addr;
	l->addr_seen = true;
	a->sink.link(a->sink.ctx, LINK_CHANGED, &l->lif);
}

/* Of several addresses the one told first stays, until it goes. */
static void
on_addr(struct attach_nl *a, const struct nlmsghdr *nlh)
{
	const struct ifaddrmsg *ifa = nlmsg_data(nlh);
	struct nlattr *tb[IFA_MAX + 1];
	struct in6_addr addr;
	struct nl_link *l;
	bool gone = nlh->nlmsg_type == RTM_DELADDR;

	if (nlmsg_datalen(nlh) < (int)sizeof(*ifa) ||
	    ifa->ifa_family != AF_INET6 || ifa->ifa_scope != RT_SCOPE_LINK ||
	    nlmsg_parse((struct nlmsghdr *)(uintptr_t)nlh, sizeof(*ifa), tb,
	    IFA_MAX, NULL) < 0 || tb[IFA_ADDRESS] == NULL ||
	    nla_len(tb[IFA_ADDRESS]) != (int)sizeof(addr))
		return;
	l = link_find(a, ifa->ifa_index);
	if (l == NULL)
		return;
	memcpy(&addr, nla_data(tb[IFA_ADDRESS]), sizeof(addr));
	/* usable when duplicate address detection is through, not before */
	if (!gone && ifa->ifa_flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED))
		return;
	if (in6_eq(&addr, &l->lif.linklocal)) {
		if (!gone) {
			l->addr_seen = true;
			return;
		}
		set_linklocal(a, l, &in6addr_any);
		read_addresses(a);	/* is there another? */
	} else if (!gone && in6_is_zero(&l->lif.linklocal)) {
		set_linklocal(a, l, &addr);
	}
}

/* --- neighbours and bridge tables -------------------------------------- */

static bool
wants(const struct attach_nl *a, const struct nl_link *l,
    enum attach_source source)
{
	return l->watch & 1u << source &&
	    (a->only == 0 || a->only == l->lif.ifindex);
}

static void
neighbour_event(struct attach_nl *a, const struct nlmsghdr *nlh,
    const struct ndmsg *ndm, const struct mac *mac, const struct nlattr *dst)
{
	struct nl_link *l = link_find(a, (uint32_t)ndm->ndm_ifindex);
	struct in6_addr lla = IN6ADDR_ANY_INIT;
	enum attach_kind kind;

	if (l == NULL || !wants(a, l, ATTACH_BY_NEIGHBOUR))
		return;
	if (dst != NULL && nla_len(dst) == (int)sizeof(lla))
		memcpy(&lla, nla_data(dst), sizeof(lla));
	if (nlh->nlmsg_type == RTM_DELNEIGH || ndm->ndm_state & NUD_FAILED)
		kind = ATTACH_MAYBE_GONE;
	else if (ndm->ndm_state & NUD_REACHABLE)
		kind = ATTACH_UP;
	else
		return;
	/* a failed entry has forgotten whose MAC address it was */
	if (mac_is_zero(mac) && (kind == ATTACH_UP || in6_is_zero(&lla)))
		return;
	stat_inc(&a->st, ST_NEIGH);
	event(a, kind, ATTACH_BY_NEIGHBOUR, l->lif.ifindex, mac, &lla);
}

/* In the kernel, at this moment; false for an interface that is not there. */
static bool
has_carrier(uint32_t ifindex)
{
	struct ifreq ifr = { .ifr_ifindex = (int)ifindex };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool up;

	if (fd < 0)
		return true;		/* nothing proves the contrary */
	up = ioctl(fd, SIOCGIFNAME, &ifr) == 0 &&
	    ioctl(fd, SIOCGIFFLAGS, &ifr) == 0 &&
	    ifr.ifr_flags & IFF_UP && ifr.ifr_flags & IFF_RUNNING;
	close(fd);
	return up;
}

static void
fdb_event(struct attach_nl *a, const struct nlmsghdr *nlh,
    const struct ndmsg *ndm, const struct mac *mac,
    const struct nlattr *master)
{
	uint32_t port = (uint32_t)ndm->ndm_ifindex, bridge = port;
	struct nl_link *l = link_find(a, port);
	enum attach_kind kind = ATTACH_UP;

	if (l != NULL && l->master != 0)
		bridge = l->master;
	get_u32(master, &bridge);
	l = link_find(a, bridge);
	if (l == NULL || mac_is_zero(mac) || !wants(a, l, ATTACH_BY_FDB))
		return;
	if (nlh->nlmsg_type == RTM_DELNEIGH)
		kind = has_carrier(port) ? ATTACH_MAYBE_GONE : ATTACH_DOWN;
	else if (!(ndm->ndm_state & NUD_REACHABLE))
		return;			/* about to age out */
	stat_inc(&a->st, ST_FDB);
	event(a, kind, ATTACH_BY_FDB, l->lif.ifindex, mac, NULL);
}

/* The entry may have gone, or the node may have answered, by then. */
static void
told(void *ctx UNUSED, int err UNUSED, const char *text UNUSED)
{
}

static void
tell_kernel(struct attach_nl *a, uint32_t ifindex, const struct in6_addr *addr,
    const struct mac *mac)
{
	const struct ndmsg ndm = { .ndm_family = AF_INET6,
		.ndm_ifindex = (int)ifindex, .ndm_state = NUD_PROBE };
	/* no NLM_F_REPLACE: what the node itself has said meanwhile stays, no
	 * NLM_F_CREATE: nobody waits any more */
	struct nl_msg *m = nlmsg_alloc_simple(RTM_NEWNEIGH, 0);

	if (m != NULL &&
	    nlmsg_append(m, (void *)(uintptr_t)&ndm, sizeof(ndm),
	    NLMSG_ALIGNTO) == 0 &&
	    nla_put(m, NDA_DST, sizeof(*addr), addr) == 0 &&
	    nla_put(m, NDA_LLADDR, sizeof(mac->b), mac->b) == 0 &&
	    netlink_send(a->nl, m, told, NULL) == 0)
		stat_inc(&a->st, ST_TOLD);
	nlmsg_free(m);
}

/*
 * After its unicast solicitations the kernel asks us as well, but then about a
 * neighbour that it knows (PROBE) and that does not answer.
 */
static void
on_question(struct attach_nl *a, const struct nlmsghdr *nlh)
{
	const struct ndmsg *ndm = nlmsg_data(nlh);
	struct nlattr *tb[NDA_MAX + 1];
	struct in6_addr addr;
	struct mac mac;

	if (nlmsg_datalen(nlh) < (int)sizeof(*ndm) ||
	    ndm->ndm_family != AF_INET6 ||
	    !(ndm->ndm_state & NUD_INCOMPLETE) || a->sink.resolve == NULL ||
	    nlmsg_parse((struct nlmsghdr *)(uintptr_t)nlh, sizeof(*ndm), tb,
	    NDA_MAX, NULL) < 0 || tb[NDA_DST] == NULL ||
	    nla_len(tb[NDA_DST]) != (int)sizeof(addr))
		return;
	memcpy(&addr, nla_data(tb[NDA_DST]), sizeof(addr));
	stat_inc(&a->st, ST_ASKED);
	if (a->sink.resolve(a->sink.ctx, (uint32_t)ndm->ndm_ifindex, &addr,
	    &mac))
		tell_kernel(a, (uint32_t)ndm->ndm_ifindex, &addr, &mac);
}

static void
on_neigh(struct attach_nl *a, const struct nlmsghdr *nlh)
{
	const struct ndmsg *ndm = nlmsg_data(nlh);
	struct nlattr *tb[NDA_MAX + 1];
	struct mac mac = { { 0 } };

	if (nlmsg_datalen(nlh) < (int)sizeof(*ndm) ||
	    nlmsg_parse((struct nlmsghdr *)(uintptr_t)nlh, sizeof(*ndm), tb,
	    NDA_MAX, NULL) < 0)
		return;
	/* permanent entries are somebody's configuration: no evidence */
	if (ndm->ndm_state & (NUD_PERMANENT | NUD_NOARP))
		return;
	if (tb[NDA_LLADDR] != NULL && nla_len(tb[NDA_LLADDR]) ==
	    (int)sizeof(mac.b))
		memcpy(mac.b, nla_data(tb[NDA_LLADDR]), sizeof(mac.b));
	if (!mac_is_zero(&mac) && !mac_is_unicast(&mac))
		return;
	if (ndm->ndm_family == AF_BRIDGE)
		fdb_event(a, nlh, ndm, &mac, tb[NDA_MASTER]);
	else if (ndm->ndm_family == AF_INET6)
		neighbour_event(a, nlh, ndm, &mac, tb[NDA_DST]);
}

/* --- reading and following --------------------------------------------- */

static void
on_message(void *ctx, const struct nlmsghdr *nlh)
{
	struct attach_nl *a = ctx;

	switch (nlh->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		on_link(a, nlh);
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		on_addr(a, nlh);
		break;
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		on_neigh(a, nlh);
		break;
	case RTM_GETNEIGH:
		on_question(a, nlh);
		break;
	}
}

static int
dump(struct attach_nl *a, int type, const void *hdr, size_t len)
{
	struct nl_msg *m = nlmsg_alloc_simple(type, 0);
	int r = -ENOMEM;

	if (m != NULL && nlmsg_append(m, (void *)(uintptr_t)hdr, len,
	    NLMSG_ALIGNTO) == 0)
		r = netlink_dump(a->nl, m, on_message, NULL, a);
	nlmsg_free(m);
	if (r < 0)
		log_warn(a->log, MOD, "read-failed", KV_ERR(r),
		    KV_U("type", (unsigned)type));
	return r;
}

static int
read_addresses(struct attach_nl *a)
{
	const struct ifaddrmsg ifa = { .ifa_family = AF_INET6 };

	return dump(a, RTM_GETADDR, &ifa, sizeof(ifa));
}

/* What neighbour and bridge tables hold already counts as news. */
static void
read_neighbours(struct attach_nl *a, uint32_t sources, uint32_t ifindex)
{
	struct ndmsg ndm = { .ndm_family = AF_INET6 };

	a->only = ifindex;
	if (sources & 1u << ATTACH_BY_NEIGHBOUR)
		(void)dump(a, RTM_GETNEIGH, &ndm, sizeof(ndm));
	ndm.ndm_family = AF_BRIDGE;
	if (sources & 1u << ATTACH_BY_FDB)
		(void)dump(a, RTM_GETNEIGH, &ndm, sizeof(ndm));
	a->only = 0;
}

/* Links that the dump did not show are gone. */
static int
read_links(struct attach_nl *a)
{
	const struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC };
	struct nl_link *l, *next;
	int r;

	SLIST_FOREACH(l, &a->links, entry)
		l->seen = l->addr_seen = false;
	r = dump(a, RTM_GETLINK, &ifi, sizeof(ifi));
	for (l = SLIST_FIRST(&a->links); r == 0 && l != NULL; l = next) {
		next = SLIST_NEXT(l, entry);
		if (!l->seen)
			link_gone(a, l);
	}
	return r;
}

/* Addresses that the dump did not show are gone; then another may do. */
static int
reread_addresses(struct attach_nl *a)
{
	struct nl_link *l;
	bool again = false;
	int r = read_addresses(a);

	SLIST_FOREACH(l, &a->links, entry) {
		if (r == 0 && !l->addr_seen &&
		    !in6_is_zero(&l->lif.linklocal)) {
			set_linklocal(a, l, &in6addr_any);
			again = true;
		}
	}
	return again ? read_addresses(a) : r;
}

/*
 * Links, then addresses, then what is known on links that are watched.  The
 * consumer may begin to watch a link as soon as it hears of it: its neighbours
 * are read at the end, when bridge ports are known as such.
 */
static int
read_tables(struct attach_nl *a)
{
	struct nl_link *l;
	uint32_t sources = 0;
	int r;

	a->reading = true;
	r = read_links(a);
	if (r == 0)
		r = reread_addresses(a);
	a->reading = false;
	SLIST_FOREACH(l, &a->links, entry)
		sources |= l->watch;
	if (r == 0)
		read_neighbours(a, sources, 0);
	return r;
}

static void
on_lost(void *ctx)
{
	struct attach_nl *a = ctx;

	stat_inc(&a->st, ST_REREAD);
	(void)read_tables(a);
}

int
attach_nl_new(struct loop *l UNUSED, struct log *log, struct stats *stats,
    struct netlink *nl, const struct attach_sink *sink, struct attach_nl **ret)
{
	struct attach_nl *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return -ENOMEM;
	a->nl = nl;
	a->log = log;
	a->sink = *sink;
	SLIST_INIT(&a->links);
	stats_register(stats, &a->st, "attach", attach_stats, ST_MAX);
	*ret = a;
	return 0;
}

int
attach_nl_start(struct attach_nl *a)
{
	static const int groups[] = { RTNLGRP_LINK, RTNLGRP_IPV6_IFADDR,
		RTNLGRP_NEIGH };
	int r = netlink_monitor(a->nl, groups, ARRAY_LEN(groups), on_message,
	    on_lost, a, &a->mon);

	return r < 0 ? r : read_tables(a);
}

void
attach_nl_watch(struct attach_nl *a, uint32_t ifindex, uint32_t sources)
{
	struct nl_link *l = link_find(a, ifindex);
	uint32_t fresh;

	if (l == NULL)
		return;
	fresh = sources & ~l->watch;
	l->watch = sources;
	if (!a->reading)
		read_neighbours(a, fresh, ifindex);
}

void
attach_nl_free(struct attach_nl *a)
{
	struct nl_link *l;

	if (a == NULL)
		return;
	netlink_monitor_free(a->mon);
	while ((l = SLIST_FIRST(&a->links)) != NULL) {
		SLIST_REMOVE_HEAD(&a->links, entry);
		free(l);
	}
	stats_unregister(&a->st);
	free(a);
}

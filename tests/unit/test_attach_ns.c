/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Attach and detach events from netlink, in a network namespace of their own:
 * acc0 is the router's end of a cable, mn0 the mobile node's.  In the tests of
 * the bridge acc0 is a port of br0, and br0 is the access interface.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include "attach/attach.h"
#include "core/log.h"
#include "core/stats.h"
#include "suite.h"
#include "unit/ns.h"
#include "unit/text.h"

#define BIT(source) (1u << (source))

static const struct mac router_mac = { { 0x02, 0, 0, 0, 0, 0x01 } };
static const struct mac node_mac = { { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55 } };
static const struct mac other_mac = { { 0x02, 0, 0, 0, 0, 0x99 } };

struct news {
	enum link_news what;
	struct link_if lif;
};

struct world {
	struct loop *loop;
	struct log *log;
	struct stats *stats;
	struct netlink *nl;
	struct attach_nl *attach;
	struct attach_event ev[512];
	unsigned nev;
	struct news news[512];
	unsigned nnews;
	/* watch this one as soon as it is heard of */
	const char *watch_name;
	uint32_t watch_sources;
	const struct mac *known;	/* what on_resolve() answers */
	unsigned nasked;
	struct in6_addr asked;
	int mon_fd;		/* of the notifications */
	unsigned settled;	/* times */
};

static void
on_attach(void *ctx, const struct attach_event *ev)
{
	struct world *w = ctx;

	ck_assert_uint_lt(w->nev, ARRAY_LEN(w->ev));
	w->ev[w->nev++] = *ev;
}

static void
on_link(void *ctx, enum link_news what, const struct link_if *lif)
{
	struct world *w = ctx;

	ck_assert_uint_lt(w->nnews, ARRAY_LEN(w->news));
	w->news[w->nnews++] = (struct news){ what, *lif };
	if (what == LINK_NEW && w->watch_name != NULL &&
	    strcmp(lif->name, w->watch_name) == 0)
		attach_nl_watch(w->attach, lif->ifindex, w->watch_sources);
}

static bool
on_resolve(void *ctx, uint32_t ifindex, const struct in6_addr *addr,
    struct mac *ret)
{
	struct world *w = ctx;

	ck_assert_uint_eq(ifindex, ns_index("acc0"));
	w->nasked++;
	w->asked = *addr;
	if (w->known != NULL)
		*ret = *w->known;
	return w->known != NULL;
}

static void
world_close(struct world *w)
{
	attach_nl_free(w->attach);
	ns_close(w->loop, w->log, w->stats, w->nl);
	free(w);
}

/* Everything but the start. NULL: skipped. */
static struct world *
world_new(const char *test)
{
	const struct attach_sink sink = { .attach = on_attach,
		.link = on_link, .resolve = on_resolve };
	struct attach_sink to;
	struct world *w;

	if (!ns_enter(test))
		return NULL;
	w = calloc(1, sizeof(*w));
	ns_open(&w->loop, &w->log, &w->stats);
	ck_assert_int_eq(netlink_new(w->loop, w->log, w->stats, &w->nl), 0);
	if (!ns_veth(w->loop, w->nl, test, &router_mac, &node_mac)) {
		world_close(w);
		return NULL;
	}
	to = sink;
	to.ctx = w;
	ck_assert_int_eq(attach_nl_new(w->loop, w->log, w->stats, w->nl, &to,
	    &w->attach), 0);
	return w;
}

static void
world_start(struct world *w)
{
	w->mon_fd = ns_next_fd();
	ck_assert_int_eq(attach_nl_start(w->attach), 0);
}

static struct world *
world_open(const char *test)
{
	struct world *w = world_new(test);

	if (w != NULL)
		world_start(w);
	return w;
}

static void
forget(struct world *w)
{
	w->nev = w->nnews = 0;
}

/*
 * What the kernel told by now has been heard: it has when a change of ours,
 * made after all that, came through.  What the kernel does later, on its own,
 * needs until_up() or until_linklocal().
 */
static void
settle(struct world *w)
{
	unsigned lo = 1, n = w->nnews;
	char name[IFNAMSIZ];

	/* lo is down in a new namespace and may be renamed at will */
	snprintf(name, sizeof(name), "lo%u", w->settled++);
	ck_assert_int_eq(ns_link_set(w->nl, lo, false, name), 0);
	for (unsigned i = n;; i++) {
		ns_turn_until(w->loop, &w->nnews, i + 1);
		if (w->news[i].lif.ifindex == lo &&
		    strcmp(w->news[i].lif.name, name) == 0)
			break;
	}
}

/* The news of an interface, the last one; NULL none. */
static const struct news *
news_of(const struct world *w, const char *name)
{
	for (unsigned i = w->nnews; i > 0; i--) {
		if (strcmp(w->news[i - 1].lif.name, name) == 0)
			return &w->news[i - 1];
	}
	return NULL;
}

static void
until_up(struct world *w, const char *name, bool up)
{
	const struct news *x;

	while ((x = news_of(w, name)) == NULL || x->lif.up != up)
		ns_turn_until(w->loop, &w->nnews, w->nnews + 1);
}

static void
until_linklocal(struct world *w, const char *name, const struct in6_addr *a)
{
	const struct news *x;

	while ((x = news_of(w, name)) == NULL ||
	    !in6_eq(&x->lif.linklocal, a))
		ns_turn_until(w->loop, &w->nnews, w->nnews + 1);
}

static unsigned
count_events(const struct world *w, enum attach_kind kind,
    enum attach_source source)
{
	unsigned n = 0;

	for (unsigned i = 0; i < w->nev; i++)
		n += w->ev[i].kind == kind && w->ev[i].source == source;
	return n;
}

static void
assert_event(const struct world *w, unsigned nth, enum attach_kind kind,
    enum attach_source source, unsigned ifindex, const struct mac *mac,
    const char *lla)
{
	const struct attach_event *ev = &w->ev[nth];
	const struct mac none = { { 0 } };
	struct in6_addr a = IN6ADDR_ANY_INIT;

	ck_assert_uint_lt(nth, w->nev);
	ck_assert_int_eq(ev->kind, kind);
	ck_assert_int_eq(ev->source, source);
	ck_assert_uint_eq(ev->ifindex, ifindex);
	ck_assert(mac_eq(&ev->mac, mac != NULL ? mac : &none));
	if (lla != NULL)
		ck_assert_int_eq(in6_parse(lla, &a), 0);
	ck_assert(in6_eq(&ev->lla, &a));
	ck_assert_ptr_null(ev->nai);
}

static void
address(struct world *w, int type, const char *ifname, const char *s)
{
	struct in6_addr a = in6(s);

	ck_assert_int_eq(ns_sync(w->nl, ns_addr_msg(type, ns_index(ifname),
	    &a, 64)), 0);
}

/* --- links ------------------------------------------------------------- */

START_TEST(test_links_at_start)
{
	struct world *w = world_open("test_links_at_start");
	const struct news *x;

	if (w == NULL)
		return;
	ck_assert_uint_eq(w->nnews, 3);
	x = news_of(w, "acc0");
	ck_assert_ptr_nonnull(x);
	ck_assert_int_eq(x->what, LINK_NEW);
	ck_assert_uint_eq(x->lif.ifindex, ns_index("acc0"));
	ck_assert(x->lif.up && !x->lif.p2p && x->lif.mtu == 1500);
	ck_assert(mac_eq(&x->lif.mac, &router_mac));
	ck_assert(in6_is_zero(&x->lif.linklocal));
	x = news_of(w, "lo");
	ck_assert(x != NULL && x->lif.p2p && !x->lif.up);
	ck_assert_uint_eq(w->nev, 0);
	world_close(w);
}
END_TEST

/* Renamed, changed, appeared, vanished: one piece of news for each. */
START_TEST(test_links_at_run_time)
{
	struct world *w = world_open("test_links_at_run_time");
	unsigned acc;

	if (w == NULL)
		return;
	acc = ns_index("acc0");
	ck_assert_int_eq(ns_link_set(w->nl, acc, false, NULL), 0);
	until_up(w, "acc0", false);
	until_up(w, "mn0", false);
	ck_assert_int_eq(news_of(w, "acc0")->what, LINK_CHANGED);
	ck_assert_int_eq(ns_link_set(w->nl, acc, false, "acc7"), 0);
	settle(w);
	ck_assert_int_eq(news_of(w, "acc7")->what, LINK_CHANGED);
	ck_assert_uint_eq(news_of(w, "acc7")->lif.ifindex, acc);
	forget(w);
	ck_assert_int_eq(ns_link_add(w->nl, "veth", "new0", &other_mac, "new1",
	    NULL), 0);
	settle(w);
	ck_assert_ptr_nonnull(news_of(w, "new1"));
	ck_assert(mac_eq(&news_of(w, "new0")->lif.mac, &other_mac));
	/* connected to nothing that is up */
	ck_assert(!news_of(w, "new0")->lif.up);
	ck_assert_int_eq(ns_link_set(w->nl, ns_index("new0"), true, NULL), 0);
	settle(w);
	ck_assert(!news_of(w, "new0")->lif.up);
	forget(w);
	ck_assert_int_eq(ns_link_del(w->nl, ns_index("new0")), 0);
	settle(w);
	ck_assert_int_eq(news_of(w, "new0")->what, LINK_GONE);
	ck_assert_int_eq(news_of(w, "new1")->what, LINK_GONE);
	ck_assert_uint_eq(w->nev, 0);
	world_close(w);
}
END_TEST

START_TEST(test_link_local_address)
{
	struct world *w = world_new("test_link_local_address");
	struct in6_addr one = in6("fe80::1"), two = in6("fe80::2"),
	    there = in6("fe80::77");
	unsigned first = 0;

	if (w == NULL)
		return;
	address(w, RTM_NEWADDR, "mn0", "fe80::77");
	world_start(w);
	until_linklocal(w, "mn0", &there);
	address(w, RTM_NEWADDR, "acc0", "2001:db8::1");
	address(w, RTM_NEWADDR, "acc0", "fe80::1");
	until_linklocal(w, "acc0", &one);
	/* another does not push it aside, but takes over */
	forget(w);
	address(w, RTM_NEWADDR, "acc0", "fe80::2");
	address(w, RTM_DELADDR, "acc0", "fe80::1");
	until_linklocal(w, "acc0", &two);
	for (unsigned i = 0; strcmp(w->news[i].lif.name, "acc0") != 0; i++)
		first = i + 1;
	ck_assert(in6_is_zero(&w->news[first].lif.linklocal));
	address(w, RTM_DELADDR, "acc0", "fe80::2");
	until_linklocal(w, "acc0", &in6addr_any);
	world_close(w);
}
END_TEST

/* The node pulls the cable; every node of that interface has left. */
START_TEST(test_carrier_lost)
{
	struct world *w = world_open("test_carrier_lost");
	unsigned acc, mn;

	if (w == NULL)
		return;
	acc = ns_index("acc0");
	mn = ns_index("mn0");
	attach_nl_watch(w->attach, acc, BIT(ATTACH_BY_CARRIER));
	ck_assert_int_eq(ns_link_set(w->nl, mn, false, NULL), 0);
	ns_turn_until(w->loop, &w->nev, 1);
	assert_event(w, 0, ATTACH_DOWN, ATTACH_BY_CARRIER, acc, NULL, NULL);
	settle(w);
	ck_assert_uint_eq(w->nev, 1);
	ck_assert_uint_eq(stats_get(w->stats, "attach", "carrier-lost"), 1);
	/* news of a link that is down already */
	ck_assert_int_eq(ns_link_set(w->nl, acc, false, "acc7"), 0);
	ck_assert_int_eq(ns_link_set(w->nl, acc, false, "acc0"), 0);
	settle(w);
	ck_assert_uint_eq(w->nev, 1);
	/* back: no event of its own; not watched: none */
	ns_cable_up(w->loop, w->nl, acc, mn);
	until_up(w, "acc0", true);
	attach_nl_watch(w->attach, acc, 0);
	forget(w);
	ck_assert_int_eq(ns_link_set(w->nl, mn, false, NULL), 0);
	until_up(w, "acc0", false);
	ck_assert_uint_eq(w->nev, 0);
	world_close(w);
}
END_TEST

START_TEST(test_access_interface_deleted)
{
	struct world *w = world_open("test_access_interface_deleted");
	unsigned acc;

	if (w == NULL)
		return;
	acc = ns_index("acc0");
	attach_nl_watch(w->attach, acc, BIT(ATTACH_BY_CARRIER));
	ck_assert_int_eq(ns_link_del(w->nl, acc), 0);
	ns_turn_until(w->loop, &w->nev, 1);
	assert_event(w, 0, ATTACH_DOWN, ATTACH_BY_CARRIER, acc, NULL, NULL);
	settle(w);
	ck_assert_int_eq(news_of(w, "acc0")->what, LINK_GONE);
	/* nobody there any more */
	attach_nl_watch(w->attach, acc, BIT(ATTACH_BY_CARRIER));
	world_close(w);
}
END_TEST

/* --- neighbours -------------------------------------------------------- */

static void
neigh(struct world *w, int type, uint16_t state, const char *dst,
    const struct mac *mac)
{
	struct in6_addr a = in6(dst);

	ck_assert_int_eq(ns_neigh(w->nl, type, ns_index("acc0"), state, &a,
	    mac), 0);
}

START_TEST(test_neighbour_events)
{
	struct world *w = world_open("test_neighbour_events");
	const enum attach_source by = ATTACH_BY_NEIGHBOUR;
	unsigned acc;

	if (w == NULL)
		return;
	acc = ns_index("acc0");
	/* nobody asked yet */
	neigh(w, RTM_NEWNEIGH, NUD_REACHABLE, "fe80::9", &other_mac);
	neigh(w, RTM_DELNEIGH, 0, "fe80::9", NULL);
	settle(w);
	ck_assert_uint_eq(w->nev, 0);
	attach_nl_watch(w->attach, acc, BIT(by));
	neigh(w, RTM_NEWNEIGH, NUD_REACHABLE, "fe80::7", &node_mac);
	settle(w);
	ck_assert_uint_eq(w->nev, 1);
	assert_event(w, 0, ATTACH_UP, by, acc, &node_mac, "fe80::7");
	/* a global address says who just as well */
	forget(w);
	neigh(w, RTM_NEWNEIGH, NUD_REACHABLE, "2001:db8::7", &node_mac);
	settle(w);
	ck_assert_uint_eq(w->nev, 1);
	assert_event(w, 0, ATTACH_UP, by, acc, &node_mac, "2001:db8::7");
	/* stale is no news */
	forget(w);
	neigh(w, RTM_NEWNEIGH, NUD_STALE, "fe80::7", &node_mac);
	settle(w);
	ck_assert_uint_eq(w->nev, 0);
	/* silence is no proof; the kernel forgot the MAC address by then */
	neigh(w, RTM_NEWNEIGH, NUD_FAILED, "fe80::7", NULL);
	settle(w);
	ck_assert_uint_ge(w->nev, 1);
	ck_assert_uint_eq(count_events(w, ATTACH_MAYBE_GONE, by), w->nev);
	ck_assert_uint_eq(w->ev[0].lla.s6_addr[15], 7);
	forget(w);
	neigh(w, RTM_DELNEIGH, 0, "2001:db8::7", NULL);
	settle(w);
	ck_assert_uint_ge(w->nev, 1);
	ck_assert_uint_eq(count_events(w, ATTACH_MAYBE_GONE, by), w->nev);
	world_close(w);
}
END_TEST

/* Configuration, groups: not evidence of anybody. */
START_TEST(test_neighbour_ignored)
{
	static const struct mac group = { { 0x33, 0x33, 0, 0, 0, 7 } };
	struct world *w = world_open("test_neighbour_ignored");

	if (w == NULL)
		return;
	attach_nl_watch(w->attach, ns_index("acc0"),
	    BIT(ATTACH_BY_NEIGHBOUR));
	neigh(w, RTM_NEWNEIGH, NUD_PERMANENT, "fe80::7", &node_mac);
	neigh(w, RTM_NEWNEIGH, NUD_NOARP, "fe80::8", &node_mac);
	neigh(w, RTM_NEWNEIGH, NUD_REACHABLE, "fe80::9", &group);
	settle(w);
	ck_assert_uint_eq(w->nev, 0);
	world_close(w);
}
END_TEST

/* Who was there before we looked counts, on that interface only. */
START_TEST(test_neighbour_already_there)
{
	struct world *w = world_new("test_neighbour_already_there");
	struct in6_addr a = in6("fe80::8");
	unsigned acc, mn;

	if (w == NULL)
		return;
	acc = ns_index("acc0");
	mn = ns_index("mn0");
	neigh(w, RTM_NEWNEIGH, NUD_REACHABLE, "fe80::7", &node_mac);
	ck_assert_int_eq(ns_neigh(w->nl, RTM_NEWNEIGH, mn, NUD_REACHABLE, &a,
	    &other_mac), 0);
	/* asked for while the links are still being read */
	w->watch_name = "acc0";
	w->watch_sources = BIT(ATTACH_BY_NEIGHBOUR);
	world_start(w);
	ck_assert_uint_eq(w->nev, 1);
	assert_event(w, 0, ATTACH_UP, ATTACH_BY_NEIGHBOUR, acc, &node_mac,
	    "fe80::7");
	/* asked for later: not told again about the other interface */
	forget(w);
	attach_nl_watch(w->attach, mn, BIT(ATTACH_BY_NEIGHBOUR));
	ck_assert_uint_eq(w->nev, 1);
	assert_event(w, 0, ATTACH_UP, ATTACH_BY_NEIGHBOUR, mn, &other_mac,
	    "fe80::8");
	world_close(w);
}
END_TEST

/* --- where is it? ------------------------------------------------------ */

#define NODE "2001:db8::7"

static void
neigh_sysctl(const char *what, const char *value)
{
	char path[80];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/neigh/acc0/%s", what);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	ck_assert_int_eq(write(fd, value, strlen(value)),
	    (ssize_t)strlen(value));
	close(fd);
}

static void
send_packet(void)
{
	const struct sockaddr_in6 to = { .sin6_family = AF_INET6,
		.sin6_port = htons(9), .sin6_addr = in6(NODE) };
	int udp = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(sendto(udp, "", 1, 0, (const void *)&to, sizeof(to)),
	    1);
	close(udp);
}

/* acc0 has a packet for NODE and asks us first. Returns mn0's end, where it
 * arrives. */
static int
send_to_node(struct world *w)
{
	const struct sockaddr_ll sll = { .sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_IPV6),
		.sll_ifindex = (int)ns_index("mn0") };
	const struct timeval patience = { .tv_sec = 20 };
	int tap = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	neigh_sysctl("app_solicit", "1");
	neigh_sysctl("retrans_time_ms", "100");
	/* what is merely stale is not asked before */
	neigh_sysctl("delay_first_probe_time", "60");
	address(w, RTM_NEWADDR, "acc0", "fe80::1");
	address(w, RTM_NEWADDR, "acc0", "2001:db8::1");
	attach_nl_watch(w->attach, ns_index("acc0"),
	    BIT(ATTACH_BY_NEIGHBOUR));
	ck_assert_int_eq(setsockopt(tap, SOL_SOCKET, SO_RCVTIMEO, &patience,
	    sizeof(patience)), 0);
	ck_assert_int_eq(bind(tap, (const void *)&sll, sizeof(sll)), 0);
	send_packet();
	return tap;
}

/* The next frame at mn0 about NODE: from which protocol, and to whom? */
static uint8_t
next_frame(int tap, struct mac *ret)
{
	const struct in6_addr node = in6(NODE);
	uint8_t b[1500];

	for (;;) {
		const struct in6_addr *to = (const void *)(b + ETH_HLEN + 24);
		const struct in6_addr *target = (const void *)(b + ETH_HLEN +
		    48);

		ck_assert_int_ge(recv(tap, b, sizeof(b), 0), ETH_HLEN + 40);
		memcpy(ret->b, b, sizeof(ret->b));
		if (memcmp(to, &node, sizeof(node)) == 0 ||
		    (b[ETH_HLEN + 6] == IPPROTO_ICMPV6 &&
		    memcmp(target, &node, sizeof(node)) == 0))
			return b[ETH_HLEN + 6];
	}
}

/*
 * The kernel asks us where a neighbour is.  What it is told it uses at once,
 * and then asks the node itself; when that is silent the entry fails, and we
 * are not asked to keep it alive.
 */
START_TEST(test_kernel_is_told)
{
	struct world *w = world_open("test_kernel_is_told");
	struct in6_addr node = in6(NODE);
	struct mac mac;
	int tap;

	if (w == NULL)
		return;
	w->known = &node_mac;
	tap = send_to_node(w);
	ns_turn_until(w->loop, &w->nasked, 1);
	ck_assert(in6_eq(&w->asked, &node));
	ck_assert_uint_eq(next_frame(tap, &mac), IPPROTO_UDP);
	ck_assert(mac_eq(&mac, &node_mac));
	ck_assert_uint_eq(next_frame(tap, &mac), IPPROTO_ICMPV6);
	ck_assert(mac_eq(&mac, &node_mac));
	ck_assert_uint_eq(w->nev, 0);
	ns_turn_until(w->loop, &w->nev, 1);
	assert_event(w, 0, ATTACH_MAYBE_GONE, ATTACH_BY_NEIGHBOUR,
	    ns_index("acc0"), &w->ev[0].mac, NODE);
	ck_assert_uint_eq(w->nasked, 1);
	ck_assert_uint_eq(stats_get(w->stats, "attach", "neighbours-told"), 1);
	close(tap);
	world_close(w);
}
END_TEST

/* We do not know: it asks the link, as ever. */
START_TEST(test_kernel_is_not_told)
{
	static const struct mac group = { { 0x33, 0x33, 0xff, 0, 0, 7 } };
	struct world *w = world_open("test_kernel_is_not_told");
	struct mac mac;
	int tap;

	if (w == NULL)
		return;
	tap = send_to_node(w);
	ns_turn_until(w->loop, &w->nasked, 1);
	ck_assert_uint_eq(next_frame(tap, &mac), IPPROTO_ICMPV6);
	ck_assert(mac_eq(&mac, &group));
	ns_turn_until(w->loop, &w->nev, 1);
	ck_assert_int_eq(w->ev[0].kind, ATTACH_MAYBE_GONE);
	ck_assert_uint_eq(w->nasked, 1);
	ck_assert_uint_eq(stats_get(w->stats, "attach", "neighbours-asked"),
	    1);
	ck_assert_uint_eq(stats_get(w->stats, "attach", "neighbours-told"), 0);
	close(tap);
	world_close(w);
}
END_TEST

/* The node answers before we do: its word stays. */
START_TEST(test_node_is_faster)
{
	struct world *w = world_open("test_node_is_faster");
	struct in6_addr node = in6(NODE);
	struct mac mac;
	int tap;

	if (w == NULL)
		return;
	w->known = &other_mac;
	tap = send_to_node(w);
	ck_assert_int_eq(ns_neigh(w->nl, RTM_NEWNEIGH, ns_index("acc0"),
	    NUD_REACHABLE, &node, &node_mac), 0);
	ns_turn_until(w->loop, &w->nasked, 1);
	ck_assert_int_eq(netlink_drain(w->nl), 0);
	settle(w);
	ck_assert_uint_eq(next_frame(tap, &mac), IPPROTO_UDP);
	ck_assert(mac_eq(&mac, &node_mac));
	ck_assert_uint_eq(count_events(w, ATTACH_UP, ATTACH_BY_NEIGHBOUR), 1);
	ck_assert_uint_eq(w->nev, 1);
	ck_assert_uint_eq(stats_get(w->stats, "attach", "neighbours-told"), 1);
	send_packet();
	ck_assert_uint_eq(next_frame(tap, &mac), IPPROTO_UDP);
	ck_assert(mac_eq(&mac, &node_mac));
	close(tap);
	world_close(w);
}
END_TEST

/* --- bridge ------------------------------------------------------------ */

/* br0 with port acc0. False: skipped. */
static bool
make_bridge(struct world *w, const char *test)
{
	int r = ns_link_add(w->nl, "bridge", "br0", NULL, NULL, NULL);

	if (r < 0) {
		printf("SKIP: %s: no bridge: %s\n", test, strerror(-r));
		world_close(w);
		return false;
	}
	ns_link_mute(w->nl, ns_index("br0"));
	ck_assert_int_eq(ns_link_master(w->nl, ns_index("acc0"),
	    ns_index("br0")), 0);
	ck_assert_int_eq(ns_link_set(w->nl, ns_index("br0"), true, NULL), 0);
	ns_cable_up(w->loop, w->nl, ns_index("acc0"), ns_index("mn0"));
	return true;
}

/* The bridge learns who sends. */
static void
node_speaks(const struct mac *src)
{
	uint8_t frame[60] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		[12] = 0x88, [13] = 0xb5 };	/* for experiments */
	struct sockaddr_ll sll = { .sll_family = AF_PACKET,
		.sll_ifindex = (int)ns_index("mn0") };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	memcpy(frame + 6, src->b, 6);
	ck_assert_int_eq(sendto(fd, frame, sizeof(frame), 0,
	    (struct sockaddr *)(void *)&sll, sizeof(sll)), sizeof(frame));
	close(fd);
}

/* Learnt: a node of the bridge. The port loses its carrier: it has left. */
START_TEST(test_bridge_carrier)
{
	struct world *w = world_open("test_bridge_carrier");
	unsigned br;

	if (w == NULL || !make_bridge(w, "test_bridge_carrier"))
		return;
	settle(w);
	br = ns_index("br0");
	attach_nl_watch(w->attach, br, BIT(ATTACH_BY_FDB));
	/* the addresses of bridge and port themselves are not news */
	ck_assert_uint_eq(w->nev, 0);
	node_speaks(&node_mac);
	node_speaks(&other_mac);
	ns_turn_until(w->loop, &w->nev, 2);
	assert_event(w, 0, ATTACH_UP, ATTACH_BY_FDB, br, &node_mac, NULL);
	assert_event(w, 1, ATTACH_UP, ATTACH_BY_FDB, br, &other_mac, NULL);
	forget(w);
	ck_assert_int_eq(ns_link_set(w->nl, ns_index("mn0"), false, NULL), 0);
	ns_turn_until(w->loop, &w->nev, 2);
	settle(w);
	ck_assert_uint_eq(w->nev, 2);
	ck_assert_uint_eq(count_events(w, ATTACH_DOWN, ATTACH_BY_FDB), 2);
	ck_assert_uint_eq(w->ev[0].ifindex, br);
	ck_assert(mac_eq(&w->ev[0].mac, &node_mac) ||
	    mac_eq(&w->ev[1].mac, &node_mac));
	world_close(w);
}
END_TEST

/* Forgotten while the port runs (aged out, flushed): only silence. */
START_TEST(test_bridge_forgets)
{
	struct world *w = world_open("test_bridge_forgets");
	unsigned br, acc;

	if (w == NULL || !make_bridge(w, "test_bridge_forgets"))
		return;
	br = ns_index("br0");
	acc = ns_index("acc0");
	attach_nl_watch(w->attach, br, BIT(ATTACH_BY_FDB));
	settle(w);
	attach_nl_watch(w->attach, br, BIT(ATTACH_BY_FDB));
	node_speaks(&node_mac);
	ns_turn_until(w->loop, &w->nev, 1);
	forget(w);
	ck_assert_int_eq(ns_neigh(w->nl, RTM_DELNEIGH, acc, 0, NULL,
	    &node_mac), 0);
	ns_turn_until(w->loop, &w->nev, 1);
	assert_event(w, 0, ATTACH_MAYBE_GONE, ATTACH_BY_FDB, br, &node_mac,
	    NULL);
	/* entries by configuration come and go without events */
	forget(w);
	ck_assert_int_eq(ns_neigh(w->nl, RTM_NEWNEIGH, acc, NUD_NOARP, NULL,
	    &other_mac), 0);
	ck_assert_int_eq(ns_neigh(w->nl, RTM_DELNEIGH, acc, 0, NULL,
	    &other_mac), 0);
	settle(w);
	ck_assert_uint_eq(w->nev, 0);
	world_close(w);
}
END_TEST

/* The port itself is deleted, or leaves the bridge. */
START_TEST(test_bridge_port_deleted)
{
	struct world *w = world_open("test_bridge_port_deleted");
	unsigned br;

	if (w == NULL || !make_bridge(w, "test_bridge_port_deleted"))
		return;
	br = ns_index("br0");
	settle(w);
	attach_nl_watch(w->attach, br, BIT(ATTACH_BY_FDB));
	node_speaks(&node_mac);
	ns_turn_until(w->loop, &w->nev, 1);
	forget(w);
	ck_assert_int_eq(ns_link_del(w->nl, ns_index("acc0")), 0);
	ns_turn_until(w->loop, &w->nev, 1);
	assert_event(w, 0, ATTACH_DOWN, ATTACH_BY_FDB, br, &node_mac, NULL);
	world_close(w);
}
END_TEST

/* Learnt before we started, and asked for while the links are being read. */
START_TEST(test_bridge_already_learnt)
{
	struct world *w = world_new("test_bridge_already_learnt");
	unsigned br;

	if (w == NULL || !make_bridge(w, "test_bridge_already_learnt"))
		return;
	br = ns_index("br0");
	node_speaks(&node_mac);
	w->watch_name = "br0";
	w->watch_sources = BIT(ATTACH_BY_FDB);
	world_start(w);
	ck_assert_uint_eq(w->nev, 1);
	assert_event(w, 0, ATTACH_UP, ATTACH_BY_FDB, br, &node_mac, NULL);
	world_close(w);
}
END_TEST

/* --- overrun ----------------------------------------------------------- */

/* Notifications were lost: what is there now is what we know. */
START_TEST(test_overrun_reads_again)
{
	struct world *w = world_new("test_overrun_reads_again");
	struct in6_addr two = in6("fe80::2");
	unsigned acc;
	int size = 1;

	if (w == NULL)
		return;
	acc = ns_index("acc0");
	address(w, RTM_NEWADDR, "acc0", "fe80::1");
	ck_assert_int_eq(ns_link_add(w->nl, "veth", "old0", NULL, "old1",
	    NULL), 0);
	w->watch_name = "acc0";
	w->watch_sources = BIT(ATTACH_BY_NEIGHBOUR) | BIT(ATTACH_BY_CARRIER);
	world_start(w);
	ck_assert_uint_eq(w->nev, 0);
	forget(w);
	ck_assert_int_eq(setsockopt(w->mon_fd, SOL_SOCKET, SO_RCVBUF, &size,
	    sizeof(size)), 0);
	for (unsigned i = 0; i < 20; i++)
		ck_assert_int_eq(ns_link_set(w->nl, ns_index("old0"), i % 2,
		    NULL), 0);
	/* all of this goes unheard */
	ck_assert_int_eq(ns_link_del(w->nl, ns_index("old0")), 0);
	ck_assert_int_eq(ns_link_add(w->nl, "veth", "new0", NULL, "new1",
	    NULL), 0);
	address(w, RTM_DELADDR, "acc0", "fe80::1");
	address(w, RTM_NEWADDR, "acc0", "fe80::2");
	neigh(w, RTM_NEWNEIGH, NUD_REACHABLE, "fe80::7", &node_mac);
	while (stats_get(w->stats, "attach", "tables-read-again") == 0)
		ck_assert_int_eq(loop_turn(w->loop, 20 * USEC_PER_SEC), 0);
	ck_assert_int_eq(news_of(w, "old0")->what, LINK_GONE);
	ck_assert_int_eq(news_of(w, "old1")->what, LINK_GONE);
	ck_assert_int_eq(news_of(w, "new0")->what, LINK_NEW);
	ck_assert(in6_eq(&news_of(w, "acc0")->lif.linklocal, &two));
	ck_assert_uint_ge(w->nev, 1);
	assert_event(w, w->nev - 1, ATTACH_UP, ATTACH_BY_NEIGHBOUR, acc,
	    &node_mac, "fe80::7");
	/* and a carrier that went meanwhile */
	forget(w);
	for (unsigned i = 0; i < 20; i++)
		ck_assert_int_eq(ns_link_set(w->nl, ns_index("new0"), i % 2,
		    NULL), 0);
	ck_assert_int_eq(ns_link_set(w->nl, acc, false, NULL), 0);
	while (count_events(w, ATTACH_DOWN, ATTACH_BY_CARRIER) == 0)
		ck_assert_int_eq(loop_turn(w->loop, 20 * USEC_PER_SEC), 0);
	ck_assert(!news_of(w, "acc0")->lif.up);
	world_close(w);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("attach");
	TCase *tc = ns_tcase(s, "links");

	tcase_add_test(tc, test_links_at_start);
	tcase_add_test(tc, test_links_at_run_time);
	tcase_add_test(tc, test_link_local_address);
	tcase_add_test(tc, test_carrier_lost);
	tcase_add_test(tc, test_access_interface_deleted);
	tc = ns_tcase(s, "neighbours");
	tcase_add_test(tc, test_neighbour_events);
	tcase_add_test(tc, test_neighbour_ignored);
	tcase_add_test(tc, test_neighbour_already_there);
	tcase_add_test(tc, test_kernel_is_told);
	tcase_add_test(tc, test_kernel_is_not_told);
	tcase_add_test(tc, test_node_is_faster);
	tc = ns_tcase(s, "bridge");
	tcase_add_test(tc, test_bridge_carrier);
	tcase_add_test(tc, test_bridge_forgets);
	tcase_add_test(tc, test_bridge_port_deleted);
	tcase_add_test(tc, test_bridge_already_learnt);
	tc = ns_tcase(s, "overrun");
	tcase_add_test(tc, test_overrun_reads_again);
	return suite_run(s);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The packet sockets of access links in a network namespace of their own:
 * acc0 is the router's end of a cable, mn0 the mobile node's, on which the
 * test writes and reads whole Ethernet frames.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>

#include "core/log.h"
#include "core/stats.h"
#include "nd/arp.h"
#include "nd/link_io.h"
#include "nd/nd.h"
#include "nd/udp.h"
#include "suite.h"
#include "unit/ns.h"
#include "unit/text.h"

static const struct mac router_mac = { { 0x02, 0, 0, 0, 0, 0x01 } };
static const struct mac node_mac = { { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55 } };
static const struct mac other_mac = { { 0x02, 0, 0, 0, 0, 0x99 } };
static const struct mac all_routers = { { 0x33, 0x33, 0, 0, 0, 0x02 } };
static const struct mac all_nodes = { { 0x33, 0x33, 0, 0, 0, 0x01 } };
static const struct mac all_ones = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };
static const struct mac node_group = { { 0x33, 0x33, 0xff, 0x33, 0x44,
	0x55 } };

/* fe80::211:22ff:fe33:4455 to ff02::2, as scapy makes it. */
static const uint8_t rs[56] = {
	0x60, 0x00, 0x00, 0x00, 0x00, 0x10, 0x3a, 0xff,
	0xfe, 0x80, 0, 0, 0, 0, 0, 0,
	0x02, 0x11, 0x22, 0xff, 0xfe, 0x33, 0x44, 0x55,
	0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2,
	0x85, 0x00, 0xad, 0xfb, 0x00, 0x00, 0x00, 0x00,
	0x01, 0x01, 0x00, 0x11, 0x22, 0x33, 0x44, 0x55,
};

struct world {
	struct loop *loop;
	struct log *log;
	struct stats *stats;
	struct netlink *nl;
	struct link_io *io;
	struct link_if acc;
	int sock_fd;		/* of link_sock's port */
	int node_fd;		/* frames of mn0, or packets of a tun */
	unsigned seen, narp, nudp;
	struct nd_msg last;
	struct arp_msg last_arp;
	struct udp_msg last_udp;	/* data: in udp_data */
	uint8_t udp_data[64];
	struct mac last_mac;
	struct link_if last_lif;
	bool reopen;		/* from inside the callback */
};

static link_nd_fn on_nd;
static link_arp_fn on_arp;
static link_udp_fn on_udp;

/* False: skipped. */
static bool
world_base(struct world *w, const char *test)
{
	memset(w, 0, sizeof(*w));
	w->node_fd = -1;
	if (!ns_enter(test))
		return false;
	ns_open(&w->loop, &w->log, &w->stats);
	ck_assert_int_eq(netlink_new(w->loop, w->log, w->stats, &w->nl), 0);
	ck_assert_int_eq(link_sock_new(w->loop, w->log, w->stats, &w->io), 0);
	w->io->nd = on_nd;
	w->io->arp = on_arp;
	w->io->udp = on_udp;
	w->io->ctx = w;
	return true;
}

static void
world_close(struct world *w)
{
	if (w->node_fd >= 0)
		close(w->node_fd);
	link_sock_free(w->io);
	ns_close(w->loop, w->log, w->stats, w->nl);
}

static int
node_socket(void)
{
	struct sockaddr_ll sll = { .sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)ns_index("mn0") };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)(void *)&sll,
	    sizeof(sll)), 0);
	return fd;
}

static void
world_listen(struct world *w)
{
	w->sock_fd = ns_next_fd();
	ck_assert_int_eq(w->io->ops->open(w->io, &w->acc), 0);
}

static bool
world_open(struct world *w, const char *test)
{
	if (!world_base(w, test))
		return false;
	if (!ns_veth(w->loop, w->nl, test, &router_mac, &node_mac)) {
		world_close(w);
		return false;
	}
	w->node_fd = node_socket();
	w->acc = (struct link_if){ .ifindex = ns_index("acc0"),
		.name = "acc0", .up = true, .mtu = 1500, .mac = router_mac };
	world_listen(w);
	return true;
}

static void
node_send(struct world *w, const struct mac *dst, const struct mac *src,
    uint16_t type, const void *pkt, size_t len)
{
	uint8_t frame[1514];
	ssize_t n;

	memcpy(frame, dst->b, 6);
	memcpy(frame + 6, src->b, 6);
	frame[12] = (uint8_t)(type >> 8);
	frame[13] = (uint8_t)type;
	memcpy(frame + 14, pkt, len);
	n = send(w->node_fd, frame, len + 14, 0);
	ck_assert_msg(n == (ssize_t)len + 14, "send: %s", strerror(errno));
}

static void
node_send_rs(struct world *w)
{
	node_send(w, &all_routers, &node_mac, ETH_P_IPV6, rs, sizeof(rs));
}

static void
on_nd(void *ctx, const struct link_if *lif, const struct mac *src_mac,
    const struct nd_msg *m)
{
	struct world *w = ctx;

	if (w->reopen) {
		w->io->ops->close(w->io, lif->ifindex);
		ck_assert_int_eq(w->io->ops->open(w->io, &w->acc), 0);
		/* the next one waits in the new socket already */
		if (w->seen < 5)
			node_send_rs(w);
	}
	w->seen++;
	w->last = *m;
	w->last_mac = *src_mac;
	w->last_lif = *lif;	/* still valid after close() */
}

static void
on_arp(void *ctx, const struct link_if *lif UNUSED,
    const struct mac *src_mac, const struct arp_msg *m)
{
	struct world *w = ctx;

	w->narp++;
	w->last_arp = *m;
	w->last_mac = *src_mac;
}

static void
on_udp(void *ctx, const struct link_if *lif UNUSED,
    const struct mac *src_mac, const struct udp_msg *m)
{
	struct world *w = ctx;

	w->nudp++;
	w->last_udp = *m;
	w->last_mac = *src_mac;
	ck_assert_uint_le(m->len, sizeof(w->udp_data));
	memcpy(w->udp_data, m->data, m->len);
}

/* The next frame of that EtherType from our router. */
static size_t
node_receive_type(struct world *w, uint16_t type, uint8_t *frame, size_t cap)
{
	for (;;) {
		struct pollfd p = { .fd = w->node_fd, .events = POLLIN };
		struct sockaddr_ll from;
		socklen_t flen = sizeof(from);
		ssize_t n;

		ck_assert_msg(poll(&p, 1, 20000) == 1, "nothing arrived");
		n = recvfrom(w->node_fd, frame, cap, 0,
		    (struct sockaddr *)(void *)&from, &flen);
		ck_assert_int_ge(n, 0);
		if (from.sll_pkttype != PACKET_OUTGOING && n > 14 &&
		    frame[12] == type >> 8 && frame[13] == (type & 0xff))
			return (size_t)n;
	}
}

static size_t
node_receive(struct world *w, uint8_t *frame, size_t cap)
{
	return node_receive_type(w, ETH_P_IPV6, frame, cap);
}

static uint64_t
counter(const struct world *w, const char *group, const char *name)
{
	return stats_get(w->stats, group, name);
}

static int
build_ra(uint8_t *buf, size_t cap)
{
	struct nd_ra ra = { .hop_limit = 64, .router_lifetime_s = 1800,
		.has_lladdr = true, .lladdr = router_mac };

	ra.src = in6("fe80::1");
	ra.dst = in6("ff02::1");
	return nd_build_ra(&ra, buf, cap);
}

/* --- receiving --------------------------------------------------------- */

START_TEST(test_rs_arrives)
{
	struct in6_addr lla;
	struct world w;

	if (!world_open(&w, "test_rs_arrives"))
		return;
	node_send_rs(&w);
	ns_turn_until(w.loop, &w.seen, 1);
	ck_assert_uint_eq(w.last.type, ND_RS);
	ck_assert(mac_eq(&w.last_mac, &node_mac));
	in6_linklocal_of_mac(&node_mac, &lla);
	ck_assert(in6_eq(&w.last.src, &lla));
	ck_assert_uint_eq(w.last_lif.ifindex, w.acc.ifindex);
	ck_assert_str_eq(w.last_lif.name, "acc0");
	ck_assert_uint_eq(counter(&w, "link", "rx"), 1);
	ck_assert_uint_eq(counter(&w, "nd", "nd-ok"), 1);
	world_close(&w);
}
END_TEST

/* Who sent it is what the frame says, not what the option claims. */
START_TEST(test_source_mac_is_the_frames)
{
	struct world w;

	if (!world_open(&w, "test_source_mac_is_the_frames"))
		return;
	node_send(&w, &all_routers, &other_mac, ETH_P_IPV6, rs, sizeof(rs));
	ns_turn_until(w.loop, &w.seen, 1);
	ck_assert(mac_eq(&w.last_mac, &other_mac));
	ck_assert(w.last.has_lladdr && mac_eq(&w.last.lladdr, &node_mac));
	world_close(&w);
}
END_TEST

/* A node asks for an address that is not ours: we hear it all the same. */
START_TEST(test_ns_to_foreign_group)
{
	struct in6_addr src = IN6ADDR_ANY_INIT, dst, target;
	uint8_t buf[ND_PKT_MAX];
	struct world w;
	int n;

	if (!world_open(&w, "test_ns_to_foreign_group"))
		return;
	dst = in6("ff02::1:ff33:4455");
	in6_linklocal_of_mac(&node_mac, &target);
	n = nd_build_ns(&src, &dst, &target, NULL, buf, sizeof(buf));
	node_send(&w, &node_group, &node_mac, ETH_P_IPV6, buf, (size_t)n);
	ns_turn_until(w.loop, &w.seen, 1);
	ck_assert_uint_eq(w.last.type, ND_NS);
	ck_assert(in6_eq(&w.last.target, &target));
	world_close(&w);
}
END_TEST

struct membership {
	unsigned ifindex, allmulti, promiscuity;
	bool known;
};

static void
on_link_flags(void *ctx, const struct nlmsghdr *nlh)
{
	struct membership *ms = ctx;
	const struct ifinfomsg *ifi = NLMSG_DATA(nlh);
	struct nlattr *a;

	if (ifi->ifi_index != (int)ms->ifindex)
		return;
	a = nlmsg_find_attr((struct nlmsghdr *)(uintptr_t)nlh, sizeof(*ifi),
	    IFLA_PROMISCUITY);
	ms->promiscuity = a != NULL ? nla_get_u32(a) : 77;
	a = nlmsg_find_attr((struct nlmsghdr *)(uintptr_t)nlh, sizeof(*ifi),
	    61 /* IFLA_ALLMULTI, Linux 6.0 */);
	ms->known = a != NULL;
	ms->allmulti = a != NULL ? nla_get_u32(a) : 0;
}

/* All multicast while open, and never promiscuous. */
START_TEST(test_membership)
{
	const struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC };
	struct nl_msg *m = ns_msg(RTM_GETLINK, 0, &ifi, sizeof(ifi));
	struct membership ms = { 0 };
	struct world w;

	if (!world_open(&w, "test_membership")) {
		nlmsg_free(m);
		return;
	}
	ms.ifindex = w.acc.ifindex;
	ck_assert_int_eq(netlink_dump(w.nl, m, on_link_flags, NULL, &ms), 0);
	ck_assert_uint_eq(ms.promiscuity, 0);
	if (ms.known)
		ck_assert_uint_eq(ms.allmulti, 1);
	else
		printf("SKIP: test_membership: the kernel does not tell\n");
	w.io->ops->close(w.io, w.acc.ifindex);
	ck_assert_int_eq(netlink_dump(w.nl, m, on_link_flags, NULL, &ms), 0);
	ck_assert_uint_eq(ms.allmulti, 0);
	nlmsg_free(m);
	world_close(&w);
}
END_TEST

/* What is no RS, NS or NA does not wake us. */
START_TEST(test_filter)
{
	uint8_t buf[ND_PKT_MAX], other[sizeof(rs)];
	struct world w;
	int n;

	if (!world_open(&w, "test_filter"))
		return;
	n = build_ra(buf, sizeof(buf));
	node_send(&w, &all_nodes, &node_mac, ETH_P_IPV6, buf, (size_t)n);
	memcpy(other, rs, sizeof(rs));
	other[6] = 17;			/* UDP */
	node_send(&w, &all_routers, &node_mac, ETH_P_IPV6, other,
	    sizeof(other));
	other[6] = 58;
	for (unsigned type = 128; type < 160; type++) {
		other[40] = (uint8_t)type;
		if (type != ND_RS && type != ND_NS && type != ND_NA)
			node_send(&w, &all_routers, &node_mac, ETH_P_IPV6,
			    other, sizeof(other));
	}
	node_send(&w, &all_routers, &node_mac, ETH_P_IP, rs, sizeof(rs));
	node_send_rs(&w);
	ns_turn_until(w.loop, &w.seen, 1);
	ck_assert_uint_eq(counter(&w, "link", "rx"), 1);
	world_close(&w);
}
END_TEST

/* Refused packets are counted by reason and go no further. */
START_TEST(test_drops_counted)
{
	static const struct mac group = { { 0x03, 0, 0, 0, 0, 1 } };
	uint8_t bad[sizeof(rs)];
	struct world w;

	if (!world_open(&w, "test_drops_counted"))
		return;
	memcpy(bad, rs, sizeof(rs));
	bad[7] = 64;
	node_send(&w, &all_routers, &node_mac, ETH_P_IPV6, bad, sizeof(bad));
	bad[7] = 255;
	bad[43] ^= 1;
	node_send(&w, &all_routers, &node_mac, ETH_P_IPV6, bad, sizeof(bad));
	node_send(&w, &all_routers, &node_mac, ETH_P_IPV6, rs, 50);
	/* a sender that is a group; a frame for somebody else */
	node_send(&w, &all_routers, &group, ETH_P_IPV6, rs, sizeof(rs));
	node_send(&w, &other_mac, &node_mac, ETH_P_IPV6, rs, sizeof(rs));
	node_send_rs(&w);
	ns_turn_until(w.loop, &w.seen, 1);
	ck_assert_uint_eq(w.seen, 1);
	ck_assert_uint_eq(counter(&w, "nd", "nd-hop-limit"), 1);
	ck_assert_uint_eq(counter(&w, "nd", "nd-checksum"), 1);
	ck_assert_uint_eq(counter(&w, "nd", "nd-short"), 1);
	ck_assert_uint_eq(counter(&w, "nd", "nd-ok"), 1);
	ck_assert_uint_eq(counter(&w, "link", "bad-source-mac"), 1);
	ck_assert_uint_eq(counter(&w, "link", "not-for-us"), 1);
	ck_assert_uint_eq(counter(&w, "link", "rx"), 6);
	world_close(&w);
}
END_TEST

/* A flood does not keep the loop from its other work. */
START_TEST(test_flood_in_portions)
{
	int size = 4 << 20;
	struct world w;

	if (!world_open(&w, "test_flood_in_portions"))
		return;
	if (setsockopt(w.sock_fd, SOL_SOCKET, SO_RCVBUFFORCE, &size,
	    sizeof(size)) < 0) {
		printf("SKIP: test_flood_in_portions: no large buffer\n");
		world_close(&w);
		return;
	}
	for (unsigned i = 0; i < 600; i++)
		node_send_rs(&w);
	ck_assert_int_eq(loop_turn(w.loop, 0), 0);
	ck_assert_uint_gt(w.seen, 0);
	ck_assert_uint_le(w.seen, 256);
	ns_turn_until(w.loop, &w.seen, 600);
	world_close(&w);
}
END_TEST

/* --- sending ----------------------------------------------------------- */

/* D6.3-7 to -9: to the node's own address, for all nodes within. */
START_TEST(test_send_to_one_node)
{
	uint8_t ra[ND_PKT_MAX], frame[1514];
	struct world w;
	size_t n;
	int len;

	if (!world_open(&w, "test_send_to_one_node"))
		return;
	len = build_ra(ra, sizeof(ra));
	ck_assert_int_eq(w.io->ops->send(w.io, &w.acc, &node_mac, ra,
	    (size_t)len), 0);
	n = node_receive(&w, frame, sizeof(frame));
	ck_assert_uint_eq(n, (size_t)len + 14);
	ck_assert_mem_eq(frame, node_mac.b, 6);
	ck_assert_mem_eq(frame + 6, router_mac.b, 6);
	ck_assert_mem_eq(frame + 14, ra, (size_t)len);
	/* IPv6 destination ff02::1 */
	ck_assert_uint_eq(frame[14 + 24], 0xff);
	/* and so for an address that nobody has */
	ck_assert_int_eq(w.io->ops->send(w.io, &w.acc, &other_mac, ra,
	    (size_t)len), 0);
	n = node_receive(&w, frame, sizeof(frame));
	ck_assert_mem_eq(frame, other_mac.b, 6);
	ck_assert_uint_eq(counter(&w, "link", "tx"), 2);
	/* our own packets do not come back */
	node_send_rs(&w);
	ns_turn_until(w.loop, &w.seen, 1);
	ck_assert_uint_eq(counter(&w, "link", "rx"), 1);
	world_close(&w);
}
END_TEST

START_TEST(test_send_to_group)
{
	struct in6_addr src, dst;
	uint8_t pkt[ND_PKT_MAX], frame[1514];
	struct world w;
	int len;

	if (!world_open(&w, "test_send_to_group"))
		return;
	len = build_ra(pkt, sizeof(pkt));
	ck_assert_int_eq(w.io->ops->send(w.io, &w.acc, NULL, pkt,
	    (size_t)len), 0);
	node_receive(&w, frame, sizeof(frame));
	ck_assert_mem_eq(frame, all_nodes.b, 6);
	src = in6("fe80::1");
	dst = in6("ff02::1:ff33:4455");
	len = nd_build_ns(&src, &dst, &src, &router_mac, pkt, sizeof(pkt));
	ck_assert_int_eq(w.io->ops->send(w.io, &w.acc, NULL, pkt,
	    (size_t)len), 0);
	node_receive(&w, frame, sizeof(frame));
	ck_assert_mem_eq(frame, node_group.b, 6);
	/* one node's address does not tell its MAC address; nor do 20 octets */
	len = nd_build_ns(&src, &src, &src, &router_mac, pkt, sizeof(pkt));
	ck_assert_int_eq(w.io->ops->send(w.io, &w.acc, NULL, pkt,
	    (size_t)len), -EINVAL);
	ck_assert_int_eq(w.io->ops->send(w.io, &w.acc, NULL, pkt, 20),
	    -EINVAL);
	world_close(&w);
}
END_TEST

START_TEST(test_send_not_open)
{
	uint8_t ra[ND_PKT_MAX];
	struct world w;
	int len;

	if (!world_open(&w, "test_send_not_open"))
		return;
	len = build_ra(ra, sizeof(ra));
	w.io->ops->close(w.io, w.acc.ifindex);
	w.io->ops->close(w.io, w.acc.ifindex);
	ck_assert_int_eq(w.io->ops->send(w.io, &w.acc, &node_mac, ra,
	    (size_t)len), -ENODEV);
	w.acc.ifindex = 12345;
	ck_assert_int_eq(w.io->ops->open(w.io, &w.acc), -ENODEV);
	world_close(&w);
}
END_TEST

/* --- life -------------------------------------------------------------- */

/* Turns until one waits in vain, which must come soon. */
static void
assert_quiet(struct world *w)
{
	for (unsigned i = 0; i < 10; i++) {
		usec_t t = clock_mono_us(&clock_system);

		ck_assert_int_eq(loop_turn(w->loop, 20000), 0);
		if (clock_mono_us(&clock_system) - t >= 15000)
			return;
	}
	ck_abort_msg("the loop spins");
}

/* Down and up again: an error, silence, and the packets are back. */
START_TEST(test_down_and_up)
{
	uint8_t ra[ND_PKT_MAX];
	struct world w;
	int len;

	if (!world_open(&w, "test_down_and_up"))
		return;
	len = build_ra(ra, sizeof(ra));
	ck_assert_int_eq(ns_link_set(w.nl, w.acc.ifindex, false, NULL), 0);
	assert_quiet(&w);
	ck_assert_uint_eq(counter(&w, "link", "rx-error"), 1);
	ck_assert_int_eq(w.io->ops->send(w.io, &w.acc, &node_mac, ra,
	    (size_t)len), -ENETDOWN);
	ck_assert_uint_eq(counter(&w, "link", "tx-error"), 1);
	ns_cable_up(w.loop, w.nl, w.acc.ifindex, ns_index("mn0"));
	close(w.node_fd);	/* has an error of its own to tell */
	w.node_fd = node_socket();
	node_send_rs(&w);
	ns_turn_until(w.loop, &w.seen, 1);
	world_close(&w);
}
END_TEST

START_TEST(test_interface_vanishes)
{
	uint8_t ra[ND_PKT_MAX];
	struct world w;
	int len;

	if (!world_open(&w, "test_interface_vanishes"))
		return;
	len = build_ra(ra, sizeof(ra));
	ck_assert_int_eq(ns_link_del(w.nl, w.acc.ifindex), 0);
	assert_quiet(&w);
	ck_assert_int_lt(w.io->ops->send(w.io, &w.acc, &node_mac, ra,
	    (size_t)len), 0);
	assert_quiet(&w);
	ck_assert_uint_le(counter(&w, "link", "rx-error"), 3);
	w.io->ops->close(w.io, w.acc.ifindex);
	world_close(&w);
}
END_TEST

/* The consumer closes and opens the interface that it is told about. */
START_TEST(test_reopen_in_callback)
{
	struct world w;

	if (!world_open(&w, "test_reopen_in_callback"))
		return;
	w.reopen = true;
	for (unsigned i = 0; i < 10; i++)
		node_send_rs(&w);
	ns_turn_until(w.loop, &w.seen, 6);
	ck_assert_str_eq(w.last_lif.name, "acc0");
	world_close(&w);
}
END_TEST

/* Opening again only takes the news of the interface. */
START_TEST(test_open_twice)
{
	struct world w;

	if (!world_open(&w, "test_open_twice"))
		return;
	w.acc.mtu = 1400;
	ck_assert_int_eq(w.io->ops->open(w.io, &w.acc), 0);
	node_send_rs(&w);
	ns_turn_until(w.loop, &w.seen, 1);
	ck_assert_uint_eq(w.last_lif.mtu, 1400);
	ck_assert_int_eq(loop_turn(w.loop, 0), 0);
	ck_assert_uint_eq(w.seen, 1);
	world_close(&w);
}
END_TEST

/* A link without link-layer addresses. */
START_TEST(test_point_to_point)
{
	struct ifreq ifr = { .ifr_name = "p2p0" };
	uint8_t ra[ND_PKT_MAX], buf[2048];
	struct world w;
	ssize_t n;
	int len;

	if (!world_base(&w, "test_point_to_point"))
		return;
	ifr.ifr_flags = IFF_TUN | IFF_NO_PI;
	w.node_fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (w.node_fd < 0 || ioctl(w.node_fd, TUNSETIFF, &ifr) < 0) {
		printf("SKIP: test_point_to_point: tun: %s\n",
		    strerror(errno));
		world_close(&w);
		return;
	}
	w.acc = (struct link_if){ .ifindex = ns_index("p2p0"),
		.name = "p2p0", .up = true, .p2p = true, .mtu = 1500 };
	ns_link_mute(w.nl, w.acc.ifindex);
	ck_assert_int_eq(ns_link_set(w.nl, w.acc.ifindex, true, NULL), 0);
	world_listen(&w);
	ck_assert_int_eq(write(w.node_fd, rs, sizeof(rs)), sizeof(rs));
	ns_turn_until(w.loop, &w.seen, 1);
	ck_assert_uint_eq(w.last.type, ND_RS);
	ck_assert(mac_is_zero(&w.last_mac));
	len = build_ra(ra, sizeof(ra));
	ck_assert_int_eq(w.io->ops->send(w.io, &w.acc, NULL, ra,
	    (size_t)len), 0);
	do {
		struct pollfd p = { .fd = w.node_fd, .events = POLLIN };

		ck_assert_int_eq(poll(&p, 1, 20000), 1);
		n = read(w.node_fd, buf, sizeof(buf));
	} while (n > 40 && buf[40] != ND_RA);
	ck_assert_int_eq(n, len);
	ck_assert_mem_eq(buf, ra, (size_t)len);
	/* one node's address needs no MAC address here */
	len = nd_build_ns(&w.last.src, &w.last.src, &w.last.src, NULL, ra,
	    sizeof(ra));
	ck_assert_int_eq(w.io->ops->send(w.io, &w.acc, NULL, ra,
	    (size_t)len), 0);
	world_close(&w);
}
END_TEST

/* --- ARP and UDP ------------------------------------------------------- */

static void
node_send_arp(struct world *w, const struct arp_msg *m, uint16_t proto)
{
	uint8_t buf[46] = { 0 };	/* padded, as Ethernet does */

	ck_assert_int_eq(arp_build(m, buf, sizeof(buf)), ARP_PKT_LEN);
	buf[2] = (uint8_t)(proto >> 8);
	buf[3] = (uint8_t)proto;
	node_send(w, &all_ones, &node_mac, ETH_P_ARP, buf, sizeof(buf));
}

/* D6.5-3: a node's questions arrive; who lies about its address, and what is
 * not IPv4, goes no further. */
START_TEST(test_arp_arrives)
{
	struct arp_msg m = { .op = ARP_REQUEST, .sha = node_mac }, lie;
	struct world w;

	if (!world_open(&w, "test_arp_arrives"))
		return;
	m.spa = in4("192.0.2.11");
	m.tpa = in4("192.0.2.1");
	lie = m;
	lie.sha = other_mac;
	node_send_arp(&w, &m, ETH_P_IPV6);
	node_send_arp(&w, &lie, ETH_P_IP);
	m.op = 3;
	node_send_arp(&w, &m, ETH_P_IP);
	m.op = ARP_REQUEST;
	node_send_arp(&w, &m, ETH_P_IP);
	ns_turn_until(w.loop, &w.narp, 1);
	ck_assert(mac_eq(&w.last_mac, &node_mac));
	ck_assert_uint_eq(w.last_arp.tpa.s_addr, m.tpa.s_addr);
	ck_assert_uint_eq(counter(&w, "link", "rx"), 2);
	ck_assert_uint_eq(counter(&w, "link", "arp-source-mac"), 1);
	ck_assert_uint_eq(counter(&w, "arp", "arp-ok"), 2);
	world_close(&w);
}
END_TEST

static int
build_udp(uint8_t *buf, size_t cap, bool ip6, uint16_t dport)
{
	struct udp_msg m = { .family = ip6 ? AF_INET6 : AF_INET, .hops = 1,
		.sport = 546, .dport = dport,
		.data = (const uint8_t *)"hello", .len = 5 };

	in6_linklocal_of_mac(&node_mac, &m.src6);
	m.dst6 = in6("ff02::1:2");
	m.dst4.s_addr = INADDR_BROADCAST;
	return udp_build(&m, buf, cap);
}

/* D6.8-1, D6.8-5: DHCP towards servers is seen, whatever its destination, and
 * nothing else. */
START_TEST(test_udp_arrives)
{
	uint8_t buf[128];
	struct world w;
	int n;

	if (!world_open(&w, "test_udp_arrives"))
		return;
	n = build_udp(buf, sizeof(buf), true, 546);
	node_send(&w, &all_nodes, &node_mac, ETH_P_IPV6, buf, (size_t)n);
	n = build_udp(buf, sizeof(buf), false, 68);
	node_send(&w, &all_ones, &node_mac, ETH_P_IP, buf, (size_t)n);
	n = build_udp(buf, sizeof(buf), true, 547);
	node_send(&w, &router_mac, &node_mac, ETH_P_IPV6, buf, (size_t)n);
	ns_turn_until(w.loop, &w.nudp, 1);
	ck_assert_uint_eq(w.last_udp.family, AF_INET6);
	ck_assert_uint_eq(w.last_udp.dport, 547);
	ck_assert(mac_eq(&w.last_mac, &node_mac));
	n = build_udp(buf, sizeof(buf), false, 67);
	node_send(&w, &all_ones, &node_mac, ETH_P_IP, buf, (size_t)n);
	ns_turn_until(w.loop, &w.nudp, 2);
	ck_assert_uint_eq(w.last_udp.family, AF_INET);
	ck_assert_mem_eq(w.udp_data, "hello", 5);
	buf[n - 1] ^= 1;		/* a wrong checksum, and a right one */
	node_send(&w, &all_ones, &node_mac, ETH_P_IP, buf, (size_t)n);
	buf[n - 1] ^= 1;
	node_send(&w, &all_ones, &node_mac, ETH_P_IP, buf, (size_t)n);
	ns_turn_until(w.loop, &w.nudp, 3);
	ck_assert_uint_eq(counter(&w, "udp", "udp-checksum"), 1);
	ck_assert_uint_eq(counter(&w, "udp", "udp-ok"), 3);
	ck_assert_uint_eq(counter(&w, "link", "rx"), 4);
	world_close(&w);
}
END_TEST

/* IPv4 options move the port; a later fragment has none. */
START_TEST(test_udp_filter)
{
	uint8_t buf[128], opt[132];
	struct world w;
	int n;

	if (!world_open(&w, "test_udp_filter"))
		return;
	n = build_udp(buf, sizeof(buf), false, 67);
	buf[7] = 1;			/* offset 8 */
	node_send(&w, &all_ones, &node_mac, ETH_P_IP, buf, (size_t)n);
	n = build_udp(buf, sizeof(buf), false, 67);
	memcpy(opt, buf, 20);
	memset(opt + 20, 1, 4);		/* four times no operation */
	memcpy(opt + 24, buf + 20, (size_t)n - 20);
	opt[0] = 0x46;
	node_send(&w, &all_ones, &node_mac, ETH_P_IP, opt, (size_t)n + 4);
	node_send(&w, &all_ones, &node_mac, ETH_P_IP, buf, (size_t)n);
	ns_turn_until(w.loop, &w.nudp, 1);
	/* seen, although its header's checksum is not right any more */
	ck_assert_uint_eq(counter(&w, "udp", "udp-ip-checksum"), 1);
	ck_assert_uint_eq(counter(&w, "link", "rx"), 2);
	world_close(&w);
}
END_TEST

/*
 * On a virtual cable the sender's kernel leaves the checksum to an interface
 * that never computes it: as good as right.
 */
START_TEST(test_udp_offload)
{
	const int on = 1;
	struct {
		struct virtio_net_hdr h;
		uint8_t frame[128];
	} p = { .h = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.csum_start = 14 + 20, .csum_offset = 6 } };
	struct world w;
	size_t len;
	int n;

	if (!world_open(&w, "test_udp_offload"))
		return;
	if (setsockopt(w.node_fd, SOL_PACKET, PACKET_VNET_HDR, &on,
	    sizeof(on)) < 0) {
		printf("SKIP: test_udp_offload: %s\n", strerror(errno));
		world_close(&w);
		return;
	}
	memset(p.frame, 0xff, 6);
	memcpy(p.frame + 6, node_mac.b, 6);
	p.frame[12] = 0x08;
	p.frame[13] = 0x00;
	n = build_udp(p.frame + 14, sizeof(p.frame) - 14, false, 67);
	p.frame[14 + 26] ^= 0x55;
	len = sizeof(p.h) + 14 + (size_t)n;
	ck_assert_int_eq(send(w.node_fd, &p, len, 0), (ssize_t)len);
	ns_turn_until(w.loop, &w.nudp, 1);
	ck_assert_mem_eq(w.udp_data, "hello", 5);
	world_close(&w);
}
END_TEST

/* D6.5-3, D6.5-4: to one node, and to all. */
START_TEST(test_send_frame)
{
	const struct arp_msg m = { .op = ARP_REPLY, .sha = router_mac };
	uint8_t buf[ARP_PKT_LEN], frame[128];
	struct world w;
	size_t n;

	if (!world_open(&w, "test_send_frame"))
		return;
	ck_assert_int_eq(arp_build(&m, buf, sizeof(buf)), ARP_PKT_LEN);
	ck_assert_int_eq(w.io->ops->send_frame(w.io, &w.acc, &node_mac,
	    ETH_P_ARP, buf, sizeof(buf)), 0);
	n = node_receive_type(&w, ETH_P_ARP, frame, sizeof(frame));
	ck_assert_uint_ge(n, 14 + sizeof(buf));
	ck_assert_mem_eq(frame, node_mac.b, 6);
	ck_assert_mem_eq(frame + 6, router_mac.b, 6);
	ck_assert_mem_eq(frame + 14, buf, sizeof(buf));
	ck_assert_int_eq(w.io->ops->send_frame(w.io, &w.acc, NULL, ETH_P_ARP,
	    buf, sizeof(buf)), 0);
	(void)node_receive_type(&w, ETH_P_ARP, frame, sizeof(frame));
	ck_assert_mem_eq(frame, all_ones.b, 6);
	ck_assert_uint_eq(counter(&w, "link", "tx"), 2);
	w.io->ops->close(w.io, w.acc.ifindex);
	ck_assert_int_eq(w.io->ops->send_frame(w.io, &w.acc, NULL, ETH_P_ARP,
	    buf, sizeof(buf)), -ENODEV);
	world_close(&w);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("link");
	TCase *tc = ns_tcase(s, "receiving");

	tcase_add_test(tc, test_rs_arrives);
	tcase_add_test(tc, test_source_mac_is_the_frames);
	tcase_add_test(tc, test_ns_to_foreign_group);
	tcase_add_test(tc, test_membership);
	tcase_add_test(tc, test_filter);
	tcase_add_test(tc, test_drops_counted);
	tcase_add_test(tc, test_flood_in_portions);
	tc = ns_tcase(s, "sending");
	tcase_add_test(tc, test_send_to_one_node);
	tcase_add_test(tc, test_send_to_group);
	tcase_add_test(tc, test_send_not_open);
	tcase_add_test(tc, test_send_frame);
	tc = ns_tcase(s, "ARP and UDP");
	tcase_add_test(tc, test_arp_arrives);
	tcase_add_test(tc, test_udp_arrives);
	tcase_add_test(tc, test_udp_filter);
	tcase_add_test(tc, test_udp_offload);
	tc = ns_tcase(s, "life");
	tcase_add_test(tc, test_down_and_up);
	tcase_add_test(tc, test_interface_vanishes);
	tcase_add_test(tc, test_reopen_in_callback);
	tcase_add_test(tc, test_open_twice);
	tcase_add_test(tc, test_point_to_point);
	return suite_run(s);
}

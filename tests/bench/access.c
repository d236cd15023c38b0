/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a Router Solicitation to the Router Advertisement, as the nodes of an
 * access link see it; and the least that a program between them has to do.
 *
 *	access mode=solicit netns=PATH if=NAME from=N count=N
 *
 * solicits for the nodes N, N+1, ..., one after the other, each with a MAC
 * address of its own (02:00:00:NN:NN:NN), waits for the advertisement to that
 * MAC address and prints the times in microseconds as a line of JSON.
 *
 *	access mode=bare netns=PATH if=NAME local=ADDR ha=ADDR [prefix=ADDR]
 *
 * sends a packet as long as a PBU to the echo server at the home agent for each
 * solicitation, and an advertisement when it comes back.  With `prefix` the
 * kernel has acknowledged a route to the node before that: to the N-th /64
 * behind it.  Until killed.
 */
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/msg.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>

#include "core/bld.h"
#include "core/csum.h"
#include "core/cur.h"
#include "dataplane/dp_nl.h"
#include "nd/nd.h"
#include "tests/bench/bench_io.h"

#define FRAME_MAX 512
#define PBU_LEN 96
#define WAIT_NS 3000000000ULL
#define COUNT_MAX 100000
#define NH_ICMP6 58

static const struct mac all_routers_mac = { { 0x33, 0x33, 0, 0, 0, 2 } };

/* Ethernet and IPv6 header before an ICMPv6 message of `len` octets. */
static void
put_headers(struct bld *b, const struct mac *dst, const struct mac *src,
    const struct in6_addr *from, const struct in6_addr *to, uint16_t len)
{
	bld_bytes(b, dst, sizeof(*dst));
	bld_bytes(b, src, sizeof(*src));
	bld_u16(b, ETH_P_IPV6);
	bld_u32(b, 0x60000000);
	bld_u16(b, len);
	bld_u8(b, NH_ICMP6);
	bld_u8(b, 255);
	bld_in6(b, from);
	bld_in6(b, to);
}

static size_t
solicitation(uint32_t i, uint8_t *buf)
{
	struct mac mac = bench_node_mac(i);
	struct in6_addr src, dst;
	struct cur c;
	struct bld b;
	size_t at;

	in6_linklocal_of_mac(&mac, &src);
	if (in6_parse("ff02::2", &dst) < 0)
		abort();
	bld_init(&b, buf, FRAME_MAX);
	put_headers(&b, &all_routers_mac, &mac, &src, &dst, 16);
	at = b.len;
	bld_u8(&b, ND_RS);
	bld_zero(&b, 7);
	bld_u8(&b, 1);				/* source link-layer address */
	bld_u8(&b, 1);
	bld_bytes(&b, &mac, sizeof(mac));
	cur_init(&c, buf + at, b.len - at);
	bld_set_u16(&b, at + 2, csum_fold(csum_add(csum_pseudo6(&src, &dst,
	    16, NH_ICMP6), &c)));
	return b.len;
}

/* The type of an ICMPv6 message in a frame, 0: none; and both MACs. */
static uint8_t
icmp_type(const uint8_t *frame, size_t len, struct mac *dst, struct mac *src)
{
	struct cur c;
	uint8_t next;

	cur_init(&c, frame, len);
	cur_bytes(&c, dst, sizeof(*dst));
	cur_bytes(&c, src, sizeof(*src));
	cur_skip(&c, 2 + 6);
	next = cur_u8(&c);
	cur_skip(&c, 1 + 32);
	return next == NH_ICMP6 ? cur_u8(&c) : 0;
}

/* Until the advertisement to that node is there; false: too late. */
static bool
advertised(int fd, const struct mac *mac)
{
	uint64_t until = bench_ns() + WAIT_NS;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint8_t buf[2048];
	struct mac dst, src;
	ssize_t n;

	while (bench_ns() < until) {
		if (poll(&p, 1, 100) <= 0)
			continue;
		n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (n > 0 && icmp_type(buf, (size_t)n, &dst, &src) == ND_RA &&
		    mac_eq(&dst, mac))
			return true;
	}
	return false;
}

static void
solicit(int fd, uint32_t from, uint32_t count)
{
	uint8_t frame[FRAME_MAX];

	printf("[");
	for (uint32_t i = from; i < from + count; i++) {
		struct mac mac = bench_node_mac(i);
		size_t len = solicitation(i, frame);
		uint64_t begun = bench_ns();

		if (send(fd, frame, len, 0) != (ssize_t)len)
			bench_die("send");
		errno = ETIMEDOUT;
		if (!advertised(fd, &mac))
			bench_die("no advertisement for node %u", i);
		printf("%s%.1f", i == from ? "" : ",",
		    (double)(bench_ns() - begun) / 1000);
	}
	printf("]\n");
}

/* --- the floor --------------------------------------------------------- */

static void
answer(int fd, const struct mac *node)
{
	const struct mac own = { { 0x02, 0, 0, 0xac, 0, 1 } };
	struct nd_ra ra = { .hop_limit = 64, .router_lifetime_s = 1800,
		.dst = nd_all_nodes, .has_lladdr = true, .lladdr = own,
		.mtu = 1460, .npio = 1, .pio[0] = { .autonomous = true,
		.onlink = true, .valid_s = 3600, .preferred_s = 1800 } };
	uint8_t frame[FRAME_MAX];
	struct bld b;
	int n;

	in6_linklocal_of_mac(&own, &ra.src);
	prefix_from_in6(&ra.pio[0].prefix, &ra.src, 64);
	bld_init(&b, frame, sizeof(frame));
	bld_bytes(&b, node, sizeof(*node));
	bld_bytes(&b, &own, sizeof(own));
	bld_u16(&b, ETH_P_IPV6);
	n = nd_build_ra(&ra, frame + b.len, sizeof(frame) - b.len);
	if (n < 0 || send(fd, frame, b.len + (size_t)n, 0) < 0)
		bench_die("advertisement");
}

/* Where nodes of this link get their prefixes from; fd -1: they get no route. */
struct routes {
	int fd;
	uint32_t ifindex;
	struct in6_addr first;
};

static void
route(const struct routes *rt, const struct mac *node)
{
	struct dpnl_route r = { .family = AF_INET6, .oif = rt->ifindex,
		.table = RT_TABLE_MAIN, .type = RTN_UNICAST,
		.proto = RTPROT_STATIC, .metric = 1 };
	struct in6_addr a = rt->first;
	struct nlmsghdr *nlh;
	struct nl_msg *m;
	uint8_t buf[256];

	for (int k = 0; k < 3; k++)		/* as bench_node_mac() */
		a.s6_addr[5 + k] = (uint8_t)(a.s6_addr[5 + k] + node->b[3 + k]);
	prefix_from_in6(&r.dst, &a, 64);
	m = dpnl_route(RTM_NEWROUTE, &r);
	nlh = nlmsg_hdr(m);
	nlh->nlmsg_flags |= NLM_F_ACK;
	if (send(rt->fd, nlh, nlh->nlmsg_len, 0) < 0 ||
	    recv(rt->fd, buf, sizeof(buf), 0) < 0)
		bench_die("route");
	memcpy(&errno, buf + NLMSG_HDRLEN, sizeof(errno));
	if (errno != 0) {
		errno = -errno;
		bench_die("route");
	}
	nlmsg_free(m);
}

static void
bare(int fd, const struct in6_addr *local, const struct in6_addr *ha,
    const struct routes *rt)
{
	static struct bench_batch b;
	int core = bench_socket(BENCH_ECHO_PROTO, 1 << 20);
	struct pollfd p[] = { { .fd = fd, .events = POLLIN },
		{ .fd = core, .events = POLLIN } };
	struct mac dst, src, node = { 0 };
	uint8_t buf[2048];

	puts("ready");
	fflush(stdout);
	for (;;) {
		ssize_t n;

		if (poll(p, 2, -1) < 0)
			bench_die("poll");
		n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (n > 0 && icmp_type(buf, (size_t)n, &dst, &src) == ND_RS) {
			node = src;
			b.pkt[0] = (struct bench_pkt){ .near = *local,
				.far = *ha, .len = PBU_LEN };
			(void)bench_send(core, &b, 1);
		}
		if (bench_recv(core, &b) > 0) {
			if (rt->fd >= 0)
				route(rt, &node);
			answer(fd, &node);
		}
	}
}

int
main(int argc, char **argv)
{
	char **w = argv + 1;
	const char *mode = argc > 1 ? bench_arg(w, "mode", "") : "";
	uint32_t count = argc > 1 ? (uint32_t)bench_arg_u(w, "count", 100) : 0;
	struct in6_addr local, ha;
	struct routes rt = { .fd = -1 };
	int fd;

	errno = EINVAL;
	if (argc < 2 || count > COUNT_MAX)
		bench_die("mode=, count=");
	bench_enter(bench_arg(w, "netns", ""));
	fd = bench_link(bench_arg(w, "if", ""), ETH_P_IPV6);
	rt.ifindex = if_nametoindex(bench_arg(w, "if", ""));
	if (in6_parse(bench_arg(w, "prefix", ""), &rt.first) == 0 &&
	    dpnl_ask_open(&rt.fd) < 0)
		bench_die("netlink");
	errno = EINVAL;
	if (strcmp(mode, "solicit") == 0)
		solicit(fd, (uint32_t)bench_arg_u(w, "from", 0), count);
	else if (strcmp(mode, "bare") == 0 && in6_parse(bench_arg(w, "local",
	    ""), &local) == 0 && in6_parse(bench_arg(w, "ha", ""), &ha) == 0)
		bare(fd, &local, &ha, &rt);
	else
		bench_die("mode=%s", mode);
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DHCP exchanges: a server that has one answer for everybody, and clients that
 * ask it through a proxy mobile agent or, playing the relay, directly.
 *
 *	dhcp mode=server netns=PATH family=4|6 at=ADDR
 *
 * answers relayed messages until killed: the address that the client names is
 * the client's.
 *
 *	dhcp mode=node netns=PATH family=4|6 if=NAME nodes=N count=N xid=N
 *	    prefix=ADDR|first=ADDR router=ADDR
 *	dhcp mode=relay ... at=ADDR server=ADDR (instead of if=NAME)
 *
 * makes `count` exchanges, WINDOW of them at a time, in turn for nodes with the
 * MAC addresses 02:00:00:NN:NN:NN and the addresses ::1 in consecutive /64, or
 * consecutive from `first`.  An exchange is Renew and Reply, or Request and Ack.
 * Each answer must be the right one for its node.  Prints a line of JSON.
 */
#include <errno.h>
#include <linux/if_ether.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <arpa/inet.h>

#include "core/bld.h"
#include "dhcp/dhcp4.h"
#include "dhcp/dhcp6.h"
#include "dhcp/dhcp_io.h"
#include "nd/udp.h"
#include "tests/bench/bench_io.h"

#define PKT_MAX 2048
#define SOCK_BUF (4 << 20)
#define WINDOW 64
#define COUNT_MAX 1000000
#define XID_MAX 0xffffff		/* DHCPv6 has 24 bits */
#define WAIT_NS 8000000000ULL		/* without any answer */
#define LEASE_S 86400
#define OPT6_CLIENTID 1
#define OPT6_SERVERID 2
#define OPT6_IA_NA 3
#define OPT6_IAADDR 5
#define DUID_LL 3			/* RFC 8415 11.4 */
#define DUID_LEN 10
#define HW_ETHERNET 1
#define D4_COOKIE 0x63825363		/* RFC 2131 3 */
#define D4_BOOTP_LEN 236		/* all that comes before it */

static const struct mac server_mac = { { 0x02, 0, 0, 0xdc, 0, 1 } };

/* Who asks, and how. */
struct clients {
	int family, fd;
	bool relay;			/* we play the relay: no nodes' link */
	uint32_t nodes, count, xid;
	struct in6_addr prefix;
	struct in_addr first4, at4, router;
	bool *seen;
};

static int
udp_at(int family, const char *addr, const char *peer)
{
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6,
		.sin6_port = htons(DHCP6_PORT) };
	struct sockaddr_in a4 = { .sin_family = AF_INET,
		.sin_port = htons(DHCP4_PORT) };
	bool v6 = family == AF_INET6;
	void *where = v6 ? (void *)&a6.sin6_addr : (void *)&a4.sin_addr;
	const struct sockaddr *sa = v6 ? (const void *)&a6 : (const void *)&a4;
	socklen_t len = v6 ? sizeof(a6) : sizeof(a4);
	const int buf = SOCK_BUF, on = 1;
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buf,
	    sizeof(buf)) < 0 || (v6 && setsockopt(fd, IPPROTO_IPV6,
	    IPV6_FREEBIND, &on, sizeof(on)) < 0))
		bench_die("socket");
	if (inet_pton(family, addr, where) != 1 || bind(fd, sa, len) < 0)
		bench_die("bind to %s", addr);
	if (peer != NULL && (inet_pton(family, peer, where) != 1 ||
	    connect(fd, sa, len) < 0))
		bench_die("connect to %s", peer);
	return fd;
}

/* --- messages ------------------------------------------------------------ */

static void
put_duid(struct bld *b, uint16_t opt, const struct mac *mac)
{
	bld_u16(b, opt);
	bld_u16(b, DUID_LEN);
	bld_u16(b, DUID_LL);
	bld_u16(b, HW_ETHERNET);
	bld_bytes(b, mac, sizeof(*mac));
}

/* A Renew and its Reply have the same options. */
static size_t
put_message6(uint8_t type, uint32_t xid, const struct mac *mac,
    const struct in6_addr *addr, uint8_t *buf)
{
	struct bld b;

	bld_init(&b, buf, PKT_MAX);
	bld_u8(&b, type);
	bld_u8(&b, (uint8_t)(xid >> 16));
	bld_u16(&b, (uint16_t)xid);
	put_duid(&b, OPT6_CLIENTID, mac);
	put_duid(&b, OPT6_SERVERID, &server_mac);
	bld_u16(&b, OPT6_IA_NA);
	bld_u16(&b, 12 + 4 + 24);
	bld_u32(&b, 1);				/* IAID */
	bld_u32(&b, LEASE_S / 2);		/* T1 */
	bld_u32(&b, LEASE_S / 2);		/* T2 */
	bld_u16(&b, OPT6_IAADDR);
	bld_u16(&b, 24);
	bld_in6(&b, addr);
	bld_u32(&b, LEASE_S);
	bld_u32(&b, LEASE_S);
	return b.len;
}

static void
put_opt4(struct bld *b, uint8_t opt, const void *data, uint8_t len)
{
	bld_u8(b, opt);
	bld_u8(b, len);
	bld_bytes(b, data, len);
}

/* `m` as octets in `buf`, and those parsed: what dhcp4_build() starts from. */
static void
put_message4(struct dhcp4_msg *m, const struct in_addr *router, uint8_t *buf)
{
	const uint32_t lease = htonl(LEASE_S), mask = htonl(0xff000000);
	struct bld b;

	bld_init(&b, buf, PKT_MAX);
	bld_u8(&b, m->op);
	bld_u8(&b, HW_ETHERNET);
	bld_u8(&b, sizeof(struct mac));
	bld_u8(&b, 0);
	bld_u32(&b, m->xid);
	bld_u16(&b, 0);
	bld_u16(&b, D4_BROADCAST);
	bld_zero(&b, 4);			/* ciaddr */
	bld_bytes(&b, &m->yiaddr, 4);
	bld_zero(&b, 8);			/* siaddr, giaddr */
	bld_bytes(&b, m->chaddr, sizeof(m->chaddr));
	bld_zero(&b, D4_BOOTP_LEN - b.len);
	bld_u32(&b, D4_COOKIE);
	put_opt4(&b, 53, &m->type, 1);
	if (m->type == D4_REQUEST) {
		put_opt4(&b, 50, &m->requested, 4);
	} else {
		put_opt4(&b, 54, &m->server_id, 4);
		put_opt4(&b, 51, &lease, 4);
		put_opt4(&b, 1, &mask, 4);
		put_opt4(&b, 3, router, 4);
	}
	bld_u8(&b, 255);
	if (b.len < D4_MSG_MIN)
		bld_zero(&b, D4_MSG_MIN - b.len);
	errno = EINVAL;
	if (dhcp4_parse(buf, b.len, m) != D4D_OK)
		bench_die("own message");
}

/* --- server -------------------------------------------------------------- */

/* Octets of the answer, 0: none. */
static size_t
answer6(const uint8_t *req, size_t len, uint8_t *ret)
{
	uint8_t reply[PKT_MAX];
	struct dhcp6_chain c;
	struct dhcp6_relay r;
	int n;

	if (dhcp6_parse_chain(req, len, &c) != D6D_OK || c.n != 1 ||
	    c.msg.naddrs != 1 || !c.level[0].has_mac)
		return 0;
	r = c.level[0];
	r.type = D6_RELAY_REPL;
	r.msg = (struct dhcp6_octets){ reply, (uint16_t)put_message6(D6_REPLY,
	    c.msg.xid, &r.mac, &c.msg.addrs[0].addr, reply) };
	n = dhcp6_build_relay(&r, ret, PKT_MAX);
	return n < 0 ? 0 : (size_t)n;
}

static size_t
answer4(const uint8_t *req, size_t len, uint8_t *ret)
{
	uint8_t reply[PKT_MAX];
	struct dhcp4_msg q, a;
	int n;

	if (dhcp4_parse(req, len, &q) != D4D_OK || q.type != D4_REQUEST ||
	    !q.has_agent)
		return 0;
	a = q;
	a.op = D4_BOOTREPLY;
	a.type = D4_ACK;
	a.yiaddr = q.requested;
	a.server_id = q.agent.server_override;
	put_message4(&a, &q.agent.server_override, reply);
	a.giaddr = q.giaddr;
	n = dhcp4_build(&a, &q.agent, ret, D4_MSG_MAX);
	return n < 0 ? 0 : (size_t)n;
}

static void
serve(int family, int fd)
{
	uint8_t req[PKT_MAX], rep[PKT_MAX];
	struct sockaddr_storage from;

	puts("ready");
	fflush(stdout);
	for (;;) {
		socklen_t fl = sizeof(from);
		ssize_t n = recvfrom(fd, req, sizeof(req), 0, (void *)&from,
		    &fl);
		size_t len;

		if (n < 0)
			bench_die("receive");
		len = family == AF_INET6 ? answer6(req, (size_t)n, rep) :
		    answer4(req, (size_t)n, rep);
		if (len > 0)
			(void)sendto(fd, rep, len, 0, (void *)&from, fl);
	}
}

/* --- clients ------------------------------------------------------------- */

static struct in6_addr
address6(const struct clients *c, uint32_t node)
{
	struct in6_addr a = c->prefix;
	uint32_t low;

	memcpy(&low, &a.s6_addr[4], sizeof(low));
	low = htonl(ntohl(low) + node);
	memcpy(&a.s6_addr[4], &low, sizeof(low));
	a.s6_addr[15] = 1;
	return a;
}

static struct in_addr
address4(const struct clients *c, uint32_t node)
{
	return (struct in_addr){ htonl(ntohl(c->first4.s_addr) + node) };
}

#define CIRCUIT "acc0/02:00:00:00:00:00"	/* as long as a real one */

/* What a relay makes of node's message: its length. */
static int
relay6(const struct mac *mac, const struct in6_addr *addr, const uint8_t *msg,
    size_t len, uint8_t *ret)
{
	struct dhcp6_relay r = { .type = D6_RELAY_FORW, .link = *addr,
		.has_mac = true, .mac = *mac, .msg = { msg, (uint16_t)len },
		.interface_id = { (const uint8_t *)CIRCUIT,
		    sizeof(CIRCUIT) - 1 } };

	memset(&r.link.s6_addr[8], 0, 8);
	in6_linklocal_of_mac(mac, &r.peer);
	return dhcp6_build_relay(&r, ret, PKT_MAX);
}

static int
relay4(const struct clients *c, struct dhcp4_msg *m, uint8_t *ret)
{
	const struct dhcp4_agent agent = {
		.circuit_id = { (const uint8_t *)CIRCUIT,
		    sizeof(CIRCUIT) - 1 },
		.link_selection = c->first4, .has_flags = true,
		.server_override = c->router };

	m->hops = 1;
	m->giaddr = c->at4;
	return dhcp4_build(m, &agent, ret, D4_MSG_MAX);
}

/* In a frame to everybody. */
static int
frame(const struct mac *mac, struct udp_msg *u, uint8_t *ret)
{
	static const struct mac all_agents = { { 0x33, 0x33, 0, 1, 0, 2 } };
	static const struct mac broadcast = { { 255, 255, 255, 255, 255,
	    255 } };
	bool v6 = u->family == AF_INET6;
	struct bld b;
	int n;

	u->hops = 64;
	u->sport = v6 ? DHCP6_CLIENT_PORT : DHCP4_CLIENT_PORT;
	u->dport = v6 ? DHCP6_PORT : DHCP4_PORT;
	bld_init(&b, ret, PKT_MAX);
	bld_bytes(&b, v6 ? &all_agents : &broadcast, sizeof(*mac));
	bld_bytes(&b, mac, sizeof(*mac));
	bld_u16(&b, v6 ? ETH_P_IPV6 : ETH_P_IP);
	n = udp_build(u, ret + b.len, PKT_MAX - b.len);
	return n < 0 ? n : (int)b.len + n;
}

static int
request6(const struct clients *c, uint32_t node, uint32_t xid, uint8_t *ret)
{
	struct udp_msg u = { .family = AF_INET6 };
	struct in6_addr addr = address6(c, node);
	struct mac mac = bench_node_mac(node);
	uint8_t msg[PKT_MAX];

	u.len = put_message6(D6_RENEW, xid, &mac, &addr, msg);
	if (c->relay)
		return relay6(&mac, &addr, msg, u.len, ret);
	u.data = msg;
	in6_linklocal_of_mac(&mac, &u.src6);
	if (in6_parse("ff02::1:2", &u.dst6) < 0)
		abort();
	return frame(&mac, &u, ret);
}

static int
request4(const struct clients *c, uint32_t node, uint32_t xid, uint8_t *ret)
{
	struct udp_msg u = { .family = AF_INET,
		.dst4.s_addr = INADDR_BROADCAST };
	struct dhcp4_msg m = { .op = D4_BOOTREQUEST, .type = D4_REQUEST,
		.xid = xid, .requested = address4(c, node) };
	struct mac mac = bench_node_mac(node);
	uint8_t msg[PKT_MAX];

	memcpy(m.chaddr, &mac, sizeof(mac));
	put_message4(&m, NULL, msg);
	if (c->relay)
		return relay4(c, &m, ret);
	u.data = m.data;
	u.len = m.len;
	return frame(&mac, &u, ret);
}

static void
ask(const struct clients *c, uint32_t k)
{
	uint8_t buf[PKT_MAX];
	uint32_t node = k % c->nodes, xid = c->xid + k;
	int n = c->family == AF_INET6 ? request6(c, node, xid, buf) :
	    request4(c, node, xid, buf);

	errno = n < 0 ? -n : 0;
	if (n < 0 || send(c->fd, buf, (size_t)n, 0) != n)
		bench_die("request");
}

/* A server's message to a node's frame; false: something else. */
static bool
datagram(const struct clients *c, const uint8_t *buf, size_t len,
    struct udp_msg *ret)
{
	if (c->relay) {
		*ret = (struct udp_msg){ .data = buf, .len = len };
		return true;
	}
	return len > ETH_HLEN && udp_parse(buf + ETH_HLEN, len - ETH_HLEN,
	    false, ret) == UDPD_OK && ret->dport ==
	    (c->family == AF_INET6 ? DHCP6_CLIENT_PORT : DHCP4_CLIENT_PORT);
}

static bool
right6(const struct clients *c, const struct udp_msg *u, uint32_t *k)
{
	struct dhcp6_chain r;
	struct in6_addr a;

	if (dhcp6_parse_chain(u->data, u->len, &r) != D6D_OK ||
	    r.msg.type != D6_REPLY || r.n != (c->relay ? 1 : 0) ||
	    r.msg.naddrs != 1)
		return false;
	*k = r.msg.xid - c->xid;
	a = address6(c, *k % c->nodes);
	return in6_eq(&r.msg.addrs[0].addr, &a);
}

static bool
right4(const struct clients *c, const struct udp_msg *u, uint32_t *k)
{
	struct dhcp4_msg m;

	if (dhcp4_parse(u->data, u->len, &m) != D4D_OK || m.type != D4_ACK ||
	    m.has_agent != c->relay || m.server_id.s_addr != c->router.s_addr)
		return false;
	*k = m.xid - c->xid;
	return m.yiaddr.s_addr == address4(c, *k % c->nodes).s_addr;
}

/* How many answers have come, all of them right: at most WINDOW. */
static uint32_t
answers(struct clients *c, uint32_t sent)
{
	uint8_t buf[PKT_MAX];
	uint32_t done = 0, k = 0;
	struct udp_msg u;
	ssize_t n;

	while (done < WINDOW && (n = recv(c->fd, buf, sizeof(buf),
	    MSG_DONTWAIT)) > 0) {
		if (!datagram(c, buf, (size_t)n, &u))
			continue;
		errno = EBADMSG;
		if (!(c->family == AF_INET6 ? right6(c, &u, &k) :
		    right4(c, &u, &k)) || k >= sent || c->seen[k])
			bench_die("answer %u", k);
		c->seen[k] = true;
		done++;
	}
	return done;
}

static void
exchange(struct clients *c)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };
	uint64_t begun = bench_ns(), last = begun;
	uint32_t sent = 0, done = 0;

	while (done < c->count) {
		uint32_t n;

		while (sent < c->count && sent - done < WINDOW)
			ask(c, sent++);
		(void)poll(&p, 1, 100);
		n = answers(c, sent);
		done += n;
		if (n > 0)
			last = bench_ns();
		errno = ETIMEDOUT;
		if (bench_ns() - last > WAIT_NS)
			bench_die("%u of %u answered", done, sent);
	}
	printf("{\"done\": %u, \"wall_s\": %.6f}\n", done,
	    (double)(bench_ns() - begun) / 1e9);
}

static bool
read_clients(struct clients *c, char *const *w)
{
	bool v6 = c->family == AF_INET6;

	c->nodes = (uint32_t)bench_arg_u(w, "nodes", 1);
	c->count = (uint32_t)bench_arg_u(w, "count", 1);
	c->xid = (uint32_t)bench_arg_u(w, "xid", 0);
	if (c->nodes == 0 || c->count > COUNT_MAX ||
	    c->xid > XID_MAX - COUNT_MAX)
		return false;
	if (v6)
		return in6_parse(bench_arg(w, "prefix", ""), &c->prefix) == 0;
	return inet_pton(AF_INET, bench_arg(w, "first", ""), &c->first4) == 1 &&
	    inet_pton(AF_INET, bench_arg(w, "router", ""), &c->router) == 1 &&
	    (!c->relay || inet_pton(AF_INET, bench_arg(w, "at", ""),
	    &c->at4) == 1);
}

int
main(int argc, char **argv)
{
	char **w = argv + 1;
	const char *mode = bench_arg(w, "mode", "");
	struct clients c = { .relay = strcmp(mode, "relay") == 0,
		.family = bench_arg_u(w, "family", 0) == 4 ? AF_INET :
		    AF_INET6 };

	(void)argc;
	bench_enter(bench_arg(w, "netns", ""));
	if (strcmp(mode, "server") == 0)
		serve(c.family, udp_at(c.family, bench_arg(w, "at", ""),
		    NULL));
	errno = EINVAL;
	if (!read_clients(&c, w) || (!c.relay && strcmp(mode, "node") != 0))
		bench_die("mode=, nodes=, count=, xid=, addresses");
	c.seen = calloc(c.count, sizeof(*c.seen));
	if (c.seen == NULL)
		bench_die("memory");
	c.fd = c.relay ? udp_at(c.family, bench_arg(w, "at", ""),
	    bench_arg(w, "server", "")) : bench_link(bench_arg(w, "if", ""),
	    c.family == AF_INET6 ? ETH_P_IPV6 : ETH_P_IP);
	exchange(&c);
	free(c.seen);
	return 0;
}

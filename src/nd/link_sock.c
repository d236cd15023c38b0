/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The access link service on packet sockets: one per access interface.
 *
 * Why packet sockets: a Router Advertisement goes to one node's MAC address
 * with IPv6 destination ff02::1 (D6.3-8, D6.3-9), and the MAC address of
 * whoever sent a solicitation is who it is; a raw ICMPv6 socket offers neither.
 *
 * A filter in the kernel lets RS, NS and NA through only, so that the node's
 * traffic costs nothing here.  Solicitations to groups that we have not joined
 * arrive because the socket asks for all multicast.
 */
#include "nd/link_io.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/cur.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/ratelimit.h"
#include "core/stats.h"
#include "core/util.h"

#define MOD "link"
#define PKTS_PER_WAKEUP 256

#define LINK_STATS(X) \
	X(ST_RX, "rx", "Neighbour Discovery packets received") \
	X(ST_TX, "tx", "packets sent") \
	X(ST_TX_ERROR, "tx-error", "packets the kernel did not take") \
	X(ST_RX_ERROR, "rx-error", "errors reported by the socket") \
	X(ST_NOT_US, "not-for-us", "sent to another node at layer 2") \
	X(ST_BAD_MAC, "bad-source-mac", "layer 2 source is no single node")

enum {
#define X(id, name, help) id,
	LINK_STATS(X)
#undef X
	ST_MAX
};

static const struct stat_desc link_stats[ST_MAX] = {
#define X(id, name, help) { name, help },
	LINK_STATS(X)
#undef X
};

struct port {
	SLIST_ENTRY(port) entry;
	struct link_sock *owner;
	struct link_if lif;
	struct loop_fd *lfd;
	int fd;
};

struct link_sock {
	struct link_io io;		/* first */
	struct loop *loop;
	struct log *log;
	struct stat_group st, st_nd;
	struct ratelimit rl;
	SLIST_HEAD(, port) ports;
	uint8_t buf[2048];
};

/* IPv6, no extension header, ICMPv6 of type 133, 135 or 136. */
static const struct sock_filter nd_filter[] = {
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 6),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 58, 0, 5),
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 40),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ND_RS, 2, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ND_NS, 1, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ND_NA, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, 0xffff),
	BPF_STMT(BPF_RET | BPF_K, 0),
};

static struct port *
port_find(struct link_sock *s, uint32_t ifindex)
{
	struct port *p;

	SLIST_FOREACH(p, &s->ports, entry) {
		if (p->lif.ifindex == ifindex)
			break;
	}
	return p;
}

/* --- receiving --------------------------------------------------------- */

static void
receive_one(struct port *p, const struct sockaddr_ll *from, size_t len)
{
	struct link_sock *s = p->owner;
	/* a copy: the consumer may close the interface while it uses it */
	const struct link_if lif = p->lif;
	struct mac src = { { 0 } };
	struct nd_msg m;
	enum nd_drop d;

	if (from->sll_pkttype == PACKET_OUTGOING)
		return;
	stat_inc(&s->st, ST_RX);
	/* seen only while somebody made the interface promiscuous */
	if (from->sll_pkttype == PACKET_OTHERHOST) {
		stat_inc(&s->st, ST_NOT_US);
		return;
	}
	if (!lif.p2p) {
		if (from->sll_halen == sizeof(src.b))
			memcpy(src.b, from->sll_addr, sizeof(src.b));
		if (!mac_is_unicast(&src)) {
			stat_inc(&s->st, ST_BAD_MAC);
			return;
		}
	}
	d = nd_parse(s->buf, len, &m);
	stat_inc(&s->st_nd, d);
	if (d == NDP_OK) {
		if (s->io.nd != NULL)
			s->io.nd(s->io.ctx, &lif, &src, &m);
	} else if (ratelimit_pass(&s->rl, clock_mono_us(&clock_system),
	    NULL)) {
		log_warn(s->log, MOD, "drop", KV_STR("why",
		    nd_drop_desc[d].name), KV_STR("ifname", lif.name),
		    KV_MAC("mac", &src), KV_U("len", len));
	}
}

static void
on_readable(void *ctx, int fd, int what UNUSED)
{
	struct port *p = ctx;
	struct link_sock *s = p->owner;
	uint32_t ifindex = p->lif.ifindex;

	for (unsigned i = 0; i < PKTS_PER_WAKEUP; i++) {
		struct sockaddr_ll from;
		socklen_t flen = sizeof(from);
		ssize_t n = recvfrom(fd, s->buf, sizeof(s->buf), MSG_DONTWAIT,
		    (struct sockaddr *)(void *)&from, &flen);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			/* ENETDOWN, also of an interface that vanished, is
			 * told once per transition, then the socket is quiet */
			if (errno != EAGAIN)
				stat_inc(&s->st, ST_RX_ERROR);
			return;
		}
		receive_one(p, &from, (size_t)n);
		/* the consumer may have closed it, and opened it again */
		if (port_find(s, ifindex) != p || p->fd != fd)
			return;
	}
}

/* --- interfaces -------------------------------------------------------- */

static int
port_socket(struct port *p)
{
	const struct sock_fprog prog = { .len = ARRAY_LEN(nd_filter),
		.filter = (struct sock_filter *)(uintptr_t)nd_filter };
	struct packet_mreq mr = { .mr_ifindex = (int)p->lif.ifindex,
		.mr_type = PACKET_MR_ALLMULTI };
	struct sockaddr_ll sll = { .sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_IPV6),
		.sll_ifindex = (int)p->lif.ifindex };

	/* Protocol 0: nothing arrives before filter and interface are set. */
	p->fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (p->fd < 0)
		return -errno;
	if (setsockopt(p->fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog,
	    sizeof(prog)) < 0 || bind(p->fd, (struct sockaddr *)(void *)&sll,
	    sizeof(sll)) < 0)
		return -errno;
	/* Interfaces without groups (tun) refuse this, and need not. */
	(void)setsockopt(p->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &mr,
	    sizeof(mr));
	return 0;
}

static void
port_free(struct port *p)
{
	loop_fd_del(p->lfd);
	if (p->fd >= 0)
		close(p->fd);
	free(p);
}

static int
link_open(struct link_io *io, const struct link_if *lif)
{
	struct link_sock *s = CONTAINER_OF(io, struct link_sock, io);
	struct port *p = port_find(s, lif->ifindex);
	int r;

	if (p != NULL) {
		p->lif = *lif;
		return 0;
	}
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return -ENOMEM;
	p->owner = s;
	p->lif = *lif;
	r = port_socket(p);
	if (r == 0) {
		p->lfd = loop_fd_add(s->loop, p->fd, LOOP_READ, on_readable,
		    p);
		r = p->lfd != NULL ? 0 : -errno;
	}
	if (r < 0) {
		port_free(p);
		return r;
	}
	SLIST_INSERT_HEAD(&s->ports, p, entry);
	return 0;
}

static void
link_close(struct link_io *io, uint32_t ifindex)
{
	struct link_sock *s = CONTAINER_OF(io, struct link_sock, io);
	struct port *p = port_find(s, ifindex);

	if (p == NULL)
		return;
	SLIST_REMOVE(&s->ports, p, port, entry);
	port_free(p);
}

/* --- sending ----------------------------------------------------------- */

/* The group address for a packet's IPv6 destination (RFC 2464 section 7);
 * false when that is no group. */
static bool
multicast_mac(const void *pkt, size_t len, uint8_t *mac)
{
	struct in6_addr dst;
	struct cur c;

	cur_init(&c, pkt, len);
	cur_skip(&c, 24);
	cur_in6(&c, &dst);
	if (!cur_ok(&c) || !IN6_IS_ADDR_MULTICAST(&dst))
		return false;
	mac[0] = mac[1] = 0x33;
	memcpy(mac + 2, &dst.s6_addr[12], 4);
	return true;
}

static int
link_send(struct link_io *io, const struct link_if *lif, const struct mac *dst,
    const void *pkt, size_t len)
{
	struct link_sock *s = CONTAINER_OF(io, struct link_sock, io);
	struct port *p = port_find(s, lif->ifindex);
	struct sockaddr_ll to = { .sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_IPV6),
		.sll_ifindex = (int)lif->ifindex };

	if (p == NULL)
		return -ENODEV;
	if (!lif->p2p) {
		to.sll_halen = sizeof(dst->b);
		if (dst != NULL)
			memcpy(to.sll_addr, dst->b, sizeof(dst->b));
		else if (!multicast_mac(pkt, len, to.sll_addr))
			return -EINVAL;
	}
	if (sendto(p->fd, pkt, len, MSG_DONTWAIT, (struct sockaddr *)(void *)
	    &to, sizeof(to)) < 0) {
		stat_inc(&s->st, ST_TX_ERROR);
		return -errno;
	}
	stat_inc(&s->st, ST_TX);
	return 0;
}

/* --- life -------------------------------------------------------------- */

static const struct link_io_ops link_ops = {
	.open = link_open,
	.close = link_close,
	.send = link_send,
};

int
link_sock_new(struct loop *l, struct log *log, struct stats *stats,
    struct link_io **ret)
{
	struct link_sock *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -ENOMEM;
	s->io.ops = &link_ops;
	s->loop = l;
	s->log = log;
	SLIST_INIT(&s->ports);
	ratelimit_init(&s->rl, 10, 1);
	stats_register(stats, &s->st, "link", link_stats, ST_MAX);
	stats_register(stats, &s->st_nd, "nd", nd_drop_desc, ND_DROP_MAX);
	*ret = &s->io;
	return 0;
}

void
link_sock_free(struct link_io *io)
{
	struct link_sock *s;

	if (io == NULL)
		return;
	s = CONTAINER_OF(io, struct link_sock, io);
	while (!SLIST_EMPTY(&s->ports))
		link_close(io, SLIST_FIRST(&s->ports)->lif.ifindex);
	stats_unregister(&s->st);
	stats_unregister(&s->st_nd);
	free(s);
}

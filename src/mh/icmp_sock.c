/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A raw ICMPv6 socket with a filter for the types of Mobile IPv6.  They are
 * rare (one exchange per home prefix and router, if at all), so messages are
 * taken one by one, a bounded number per wake-up.
 *
 * Requests go to an anycast address in each home prefix, which no interface
 * has, and which may be routed into a tunnel (draft 5.4, A33).  An address or
 * a route for each would be a million of them.  A data plane whose programs see
 * what is about to be tunnelled takes them out (struct dp_ops, divert).  For
 * the others a packet socket looks at what arrives on any interface before it
 * is routed, and a filter in the kernel picks type 144 to interface identifier
 * fdff:ffff:ffff:fffe.  Every IPv6 packet that this machine receives passes
 * that filter: measured over veth, 0.2 us of processor time where sending and
 * forwarding a small packet takes 7.3.  The raw socket has no requests then;
 * without the packet socket it has those to addresses of an interface.
 *
 * What the packet socket has seen the kernel routes as well: to the prefix's
 * node, whose access router finds nobody there with such an address, or to
 * nowhere.
 */
#include "mh/icmp_io.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/icmp6.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/log.h"
#include "core/loop.h"
#include "core/packet.h"
#include "core/stats.h"
#include "core/util.h"
#include "mh/haad.h"

#define RX_PER_WAKEUP 32
#define RX_CAP 1500

enum { ST_RX, ST_RX_BAD, ST_ANYCAST, ST_TX, ST_TX_ERROR, ST_MAX };
static const struct stat_desc sock_stats[ST_MAX] = {
	[ST_RX] = { "rx", "messages received" },
	[ST_RX_BAD] = { "rx-bad", "too long, or without packet information" },
	[ST_ANYCAST] = { "rx-anycast",
	    "packets to a home-agents anycast address received" },
	[ST_TX] = { "tx", "messages sent" },
	[ST_TX_ERROR] = { "tx-error", "messages the kernel refused" },
};

struct icmp_sock {
	struct icmp_io io;	/* first */
	struct loop *loop;
	struct loop_fd *lfd, *any_lfd;
	struct stat_group st, st_any;
	bool st_registered;
	int fd;
	int any_fd;		/* packet socket; -1: none */
};

/* Offsets in an IPv6 packet without extension headers. */
enum { OFF_NEXT = 6, OFF_IID = 32, OFF_TYPE = 40 };

static const struct sock_filter any_filter[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, OFF_IID),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0xfdffffff, 0, 7),
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, OFF_IID + 4),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0xfffffffe, 0, 5),
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, OFF_NEXT),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMPV6, 0, 3),
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, OFF_TYPE),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, HAAD_REQUEST, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, 0xffff),
	BPF_STMT(BPF_RET | BPF_K, 0),
};

union sock_ctl {
	struct cmsghdr align;
	uint8_t b[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

/* False when the socket had nothing more. */
static bool
sock_rx_one(struct icmp_sock *s)
{
	uint8_t data[RX_CAP];
	union sock_ctl ctl;
	struct sockaddr_in6 from;
	struct iovec iov = { .iov_base = data, .iov_len = sizeof(data) };
	struct msghdr h = { .msg_name = &from, .msg_namelen = sizeof(from),
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &ctl,
		.msg_controllen = sizeof(ctl) };
	ssize_t n = recvmsg(s->fd, &h, MSG_DONTWAIT);
	struct icmp_pkt pkt = { .data = data };
	struct cmsghdr *cm;
	struct in6_pktinfo pi;

	if (n < 0)
		return errno == EINTR;
	stat_inc(&s->st, ST_RX);
	for (cm = CMSG_FIRSTHDR(&h); cm != NULL; cm = CMSG_NXTHDR(&h, cm)) {
		if (cm->cmsg_level != IPPROTO_IPV6 ||
		    cm->cmsg_type != IPV6_PKTINFO)
			continue;
		memcpy(&pi, CMSG_DATA(cm), sizeof(pi));
		pkt.dst = pi.ipi6_addr;
		pkt.ifindex = (uint32_t)pi.ipi6_ifindex;
	}
	if (pkt.ifindex == 0 || (h.msg_flags & MSG_TRUNC) != 0) {
		stat_inc(&s->st, ST_RX_BAD);
		return true;
	}
	pkt.src = from.sin6_addr;
	pkt.len = (size_t)n;
	if (s->io.recv != NULL)
		s->io.recv(s->io.recv_ctx, &pkt);
	return true;
}

static void
sock_event(void *ctx, int fd UNUSED, int what UNUSED)
{
	struct icmp_sock *s = ctx;

	for (unsigned i = 0; i < RX_PER_WAKEUP && sock_rx_one(s); i++)
		;
}

static int
sock_send(struct icmp_io *io, const struct in6_addr *src,
    const struct in6_addr *dst, const void *data, size_t len)
{
	struct icmp_sock *s = CONTAINER_OF(io, struct icmp_sock, io);
	struct sockaddr_in6 to = { .sin6_family = AF_INET6,
		.sin6_addr = *dst };
	struct in6_pktinfo pi = { .ipi6_addr = *src };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)data,
		.iov_len = len };
	union sock_ctl ctl = { 0 };
	struct msghdr h = { .msg_name = &to, .msg_namelen = sizeof(to),
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &ctl,
		.msg_controllen = sizeof(ctl) };
	struct cmsghdr *cm = CMSG_FIRSTHDR(&h);

	cm->cmsg_level = IPPROTO_IPV6;
	cm->cmsg_type = IPV6_PKTINFO;
	cm->cmsg_len = CMSG_LEN(sizeof(pi));
	memcpy(CMSG_DATA(cm), &pi, sizeof(pi));
	if (sendmsg(s->fd, &h, MSG_DONTWAIT) < 0) {
		stat_inc(&s->st, ST_TX_ERROR);
		return -errno;
	}
	stat_inc(&s->st, ST_TX);
	return 0;
}

/* --- requests to anycast addresses --------------------------------------- */

static void
sock_caught(struct icmp_io *io, uint32_t ifindex, const void *data, size_t len)
{
	struct icmp_sock *s = CONTAINER_OF(io, struct icmp_sock, io);
	struct icmp_pkt pkt = { .ifindex = ifindex };
	const void *msg;
	enum haad_drop d;

	stat_inc(&s->st, ST_ANYCAST);
	d = haad_unwrap(data, len, &pkt.src, &pkt.dst, &msg, &pkt.len);
	if (d != HAAD_OK) {
		stat_inc(&s->st_any, d);
		return;
	}
	pkt.data = msg;
	if (s->io.recv != NULL)
		s->io.recv(s->io.recv_ctx, &pkt);
}

static void
any_event(void *ctx, int fd, int what UNUSED)
{
	struct icmp_sock *s = ctx;
	uint8_t data[RX_CAP];

	for (unsigned i = 0; i < RX_PER_WAKEUP && s->any_fd == fd; i++) {
		struct sockaddr_ll from;
		socklen_t flen = sizeof(from);
		ssize_t n = recvfrom(fd, data, sizeof(data), MSG_DONTWAIT,
		    (struct sockaddr *)(void *)&from, &flen);

		if (n < 0 && errno != EINTR)
			return;		/* nothing more, or an interface's
					 * trouble: it is quiet now */
		/* Another's: somebody made the interface promiscuous. */
		if (n >= 0 && from.sll_pkttype == PACKET_HOST)
			sock_caught(&s->io, (uint32_t)from.sll_ifindex, data,
			    (size_t)n);
	}
}

static int
any_open(struct icmp_sock *s)
{
	s->any_fd = packet_open(ETH_P_IPV6, 0, any_filter,
	    ARRAY_LEN(any_filter));
	if (s->any_fd < 0)
		return s->any_fd;
	s->any_lfd = loop_fd_add(s->loop, s->any_fd, LOOP_READ, any_event, s);
	return s->any_lfd != NULL ? 0 : -errno;
}

static void
any_close(struct icmp_sock *s)
{
	if (s->any_lfd != NULL)
		loop_fd_del(s->any_lfd);
	s->any_lfd = NULL;
	if (s->any_fd >= 0)
		close(s->any_fd);
	s->any_fd = -1;
}

/* Which types the raw socket has. */
static int
raw_filter(struct icmp_sock *s)
{
	struct icmp6_filter f;

	ICMP6_FILTER_SETBLOCKALL(&f);
	for (int t = HAAD_REQUEST; t <= MPD_ADVERTISEMENT; t++)
		ICMP6_FILTER_SETPASS(t, &f);
	if (s->any_fd >= 0)
		ICMP6_FILTER_SETBLOCK(HAAD_REQUEST, &f);
	return setsockopt(s->fd, IPPROTO_ICMPV6, ICMP6_FILTER, &f,
	    sizeof(f)) < 0 ? -errno : 0;
}

static int
sock_anycast(struct icmp_io *io, bool on)
{
	struct icmp_sock *s = CONTAINER_OF(io, struct icmp_sock, io);
	int r = 0;

	if (on == (s->any_fd >= 0))
		return 0;
	if (on)
		r = any_open(s);
	if (!on || r < 0)
		any_close(s);
	return r < 0 ? r : raw_filter(s);
}

/* --- life ---------------------------------------------------------------- */

static int
sock_open(struct icmp_sock *s)
{
	const int on = 1;
	int r;

	s->fd = socket(AF_INET6, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    IPPROTO_ICMPV6);
	if (s->fd < 0)
		return -errno;
	r = raw_filter(s);
	if (r == 0 && setsockopt(s->fd, IPPROTO_IPV6, IPV6_RECVPKTINFO,
	    &on, sizeof(on)) < 0)
		r = -errno;
	return r;
}

static const struct icmp_io_ops sock_ops = { .send = sock_send,
	.anycast = sock_anycast, .caught = sock_caught };

int
icmp_sock_new(struct loop *l, struct log *log, struct stats *stats,
    struct icmp_io **ret)
{
	struct icmp_sock *s = calloc(1, sizeof(*s));
	int r;

	if (s == NULL)
		return -ENOMEM;
	s->io.ops = &sock_ops;
	s->loop = l;
	s->fd = s->any_fd = -1;
	r = sock_open(s);
	if (r == 0) {
		stats_register(stats, &s->st, "icmp-sock", sock_stats, ST_MAX);
		stats_register(stats, &s->st_any, "icmp-anycast",
		    haad_drop_desc, HAAD_DROP_MAX);
		s->st_registered = true;
		s->lfd = loop_fd_add(l, s->fd, LOOP_READ, sock_event, s);
		if (s->lfd == NULL)
			r = -errno;
	}
	if (r < 0) {
		log_err(log, "icmp", "socket-failed", KV_ERR(r));
		icmp_sock_free(&s->io);
		return r;
	}
	*ret = &s->io;
	return 0;
}

void
icmp_sock_free(struct icmp_io *io)
{
	struct icmp_sock *s;

	if (io == NULL)
		return;
	s = CONTAINER_OF(io, struct icmp_sock, io);
	any_close(s);
	if (s->lfd != NULL)
		loop_fd_del(s->lfd);
	if (s->st_registered) {
		stats_unregister(&s->st);
		stats_unregister(&s->st_any);
	}
	if (s->fd >= 0)
		close(s->fd);
	free(s);
}

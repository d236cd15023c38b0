/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A raw ICMPv6 socket with a filter for the four types of Mobile IPv6.  They
 * are rare (one exchange per home prefix and router, if at all), so messages
 * are taken one by one, a bounded number per wake-up.
 */
#include "mh/icmp_io.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/log.h"
#include "core/loop.h"
#include "core/stats.h"
#include "core/util.h"
#include "mh/haad.h"

#define RX_PER_WAKEUP 32
#define RX_CAP 1500

enum { ST_RX, ST_RX_BAD, ST_TX, ST_TX_ERROR, ST_MAX };
static const struct stat_desc sock_stats[ST_MAX] = {
	[ST_RX] = { "rx", "messages received" },
	[ST_RX_BAD] = { "rx-bad", "too long, or without packet information" },
	[ST_TX] = { "tx", "messages sent" },
	[ST_TX_ERROR] = { "tx-error", "messages the kernel refused" },
};

struct icmp_sock {
	struct icmp_io io;	/* first */
	struct loop_fd *lfd;
	struct stat_group st;
	bool st_registered;
	int fd;
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

static int
sock_open(struct icmp_sock *s)
{
	const int on = 1;
	struct icmp6_filter f;

	s->fd = socket(AF_INET6, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    IPPROTO_ICMPV6);
	if (s->fd < 0)
		return -errno;
	ICMP6_FILTER_SETBLOCKALL(&f);
	for (int t = HAAD_REQUEST; t <= MPD_ADVERTISEMENT; t++)
		ICMP6_FILTER_SETPASS(t, &f);
	if (setsockopt(s->fd, IPPROTO_ICMPV6, ICMP6_FILTER, &f,
	    sizeof(f)) < 0 || setsockopt(s->fd, IPPROTO_IPV6, IPV6_RECVPKTINFO,
	    &on, sizeof(on)) < 0)
		return -errno;
	return 0;
}

static const struct icmp_io_ops sock_ops = { .send = sock_send };

int
icmp_sock_new(struct loop *l, struct log *log, struct stats *stats,
    struct icmp_io **ret)
{
	struct icmp_sock *s = calloc(1, sizeof(*s));
	int r;

	if (s == NULL)
		return -ENOMEM;
	s->io.ops = &sock_ops;
	s->fd = -1;
	r = sock_open(s);
	if (r == 0) {
		stats_register(stats, &s->st, "icmp-sock", sock_stats, ST_MAX);
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
	if (s->lfd != NULL)
		loop_fd_del(s->lfd);
	if (s->st_registered)
		stats_unregister(&s->st);
	if (s->fd >= 0)
		close(s->fd);
	free(s);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DHCP towards the core on UDP sockets: one for each address that a role
 * listens on, bound to it, so that a server on another address of this machine
 * is not in the way.  The address need not be there yet (FREEBIND).
 *
 * In: each wake-up reads at most RX_BATCHES batches of BATCH datagrams.  Out:
 * at once; a server that has to wait for our queue would be asked again by its
 * client anyway, so what the kernel does not take is counted and lost.
 */
#include "dhcp/dhcp_io.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/log.h"
#include "core/loop.h"
#include "core/stats.h"
#include "core/util.h"

#define MOD "dhcp"
#define BATCH 16
#define RX_BATCHES 4		/* per wake-up */
#define RX_CAP 2048		/* nothing longer can a relay pass on */

#define DHCP_SOCK_STATS(X) \
	X(ST_RX, "rx", "datagrams received") \
	X(ST_RX_LONG, "rx-long", "longer than 2048 octets: dropped") \
	X(ST_RX_OVERFLOW, "rx-overflow", \
	    "lost because a receive buffer was full") \
	X(ST_RX_ERROR, "rx-error", "errors reported by a socket") \
	X(ST_TX, "tx", "datagrams sent") \
	X(ST_TX_ERROR, "tx-error", "datagrams the kernel did not take")

enum {
#define X(id, name, help) id,
	DHCP_SOCK_STATS(X)
#undef X
	ST_MAX
};
static const struct stat_desc sock_stats[ST_MAX] = {
#define X(id, name, help) { name, help },
	DHCP_SOCK_STATS(X)
#undef X
};

union sock_addr {
	struct sockaddr sa;
	struct sockaddr_in6 in6;
	struct sockaddr_in in4;
};

union sock_ctl {
	struct cmsghdr align;
	uint8_t b[CMSG_SPACE(sizeof(uint32_t))];
};

struct port {
	SLIST_ENTRY(port) entry;
	struct dhcp_sock *owner;
	struct dhcp_addr at;
	unsigned count;			/* listen() less unlisten() */
	struct loop_fd *lfd;
	int fd;
	uint32_t ovfl;			/* last SO_RXQ_OVFL; only counts up */
};

struct dhcp_sock {
	struct dhcp_io io;		/* first */
	struct loop *loop;
	struct log *log;
	struct stat_group st;
	SLIST_HEAD(, port) ports;
	struct mmsghdr rx[BATCH];
	struct iovec rx_iov[BATCH];
	union sock_addr rx_from[BATCH];
	union sock_ctl rx_ctl[BATCH];
	uint8_t rx_data[BATCH][RX_CAP];
};

static struct port *
port_find(struct dhcp_sock *s, const struct dhcp_addr *at)
{
	struct port *p;

	SLIST_FOREACH(p, &s->ports, entry) {
		if (dhcp_addr_eq(&p->at, at))
			break;
	}
	return p;
}

static socklen_t
to_sockaddr(const struct dhcp_addr *a, union sock_addr *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (a->family == AF_INET6) {
		ret->in6.sin6_family = AF_INET6;
		ret->in6.sin6_port = htons(a->port);
		ret->in6.sin6_addr = a->in6;
		return sizeof(ret->in6);
	}
	ret->in4.sin_family = AF_INET;
	ret->in4.sin_port = htons(a->port);
	ret->in4.sin_addr = a->in4;
	return sizeof(ret->in4);
}

static struct dhcp_addr
from_sockaddr(const union sock_addr *sa)
{
	struct dhcp_addr a = { .family = (uint8_t)sa->sa.sa_family };

	if (a.family == AF_INET6) {
		a.port = ntohs(sa->in6.sin6_port);
		a.in6 = sa->in6.sin6_addr;
	} else {
		a.port = ntohs(sa->in4.sin_port);
		a.in4 = sa->in4.sin_addr;
	}
	return a;
}

/* --- in ---------------------------------------------------------------- */

/* Before each read: the kernel overwrites the lengths. */
static void
rx_arm(struct dhcp_sock *s, unsigned i)
{
	s->rx_iov[i] = (struct iovec){ s->rx_data[i], RX_CAP };
	s->rx[i].msg_hdr = (struct msghdr){ .msg_name = &s->rx_from[i],
		.msg_namelen = sizeof(s->rx_from[i]),
		.msg_iov = &s->rx_iov[i], .msg_iovlen = 1,
		.msg_control = &s->rx_ctl[i],
		.msg_controllen = sizeof(s->rx_ctl[i]) };
}

static void
note_overflow(struct port *p, struct msghdr *h)
{
	struct cmsghdr *cm;
	uint32_t v;

	for (cm = CMSG_FIRSTHDR(h); cm != NULL; cm = CMSG_NXTHDR(h, cm)) {
		if (cm->cmsg_level != SOL_SOCKET ||
		    cm->cmsg_type != SO_RXQ_OVFL)
			continue;
		memcpy(&v, CMSG_DATA(cm), sizeof(v));
		stat_add(&p->owner->st, ST_RX_OVERFLOW, v - p->ovfl);
		p->ovfl = v;
	}
}

static void
rx_one(struct port *p, unsigned i)
{
	struct dhcp_sock *s = p->owner;
	struct msghdr *h = &s->rx[i].msg_hdr;
	struct dhcp_pkt pkt = { .src = from_sockaddr(&s->rx_from[i]),
		.dst = p->at, .data = s->rx_data[i],
		.len = s->rx[i].msg_len };

	stat_inc(&s->st, ST_RX);
	note_overflow(p, h);
	if ((h->msg_flags & MSG_TRUNC) != 0) {
		stat_inc(&s->st, ST_RX_LONG);
		return;
	}
	if (s->io.recv != NULL)
		s->io.recv(s->io.recv_ctx, &pkt);
}

static void
on_readable(void *ctx, int fd, int what UNUSED)
{
	struct port *p = ctx;
	struct dhcp_sock *s = p->owner;
	const struct dhcp_addr at = p->at;

	for (unsigned batch = 0; batch < RX_BATCHES; batch++) {
		int n;

		for (unsigned i = 0; i < BATCH; i++)
			rx_arm(s, i);
		n = recvmmsg(fd, s->rx, BATCH, MSG_DONTWAIT, NULL);
		if (n < 0) {
			if (errno != EAGAIN && errno != EINTR)
				stat_inc(&s->st, ST_RX_ERROR);
			return;
		}
		for (int i = 0; i < n; i++) {
			rx_one(p, (unsigned)i);
			/* the role may have stopped listening */
			if (port_find(s, &at) != p)
				return;
		}
		if (n < BATCH)
			return;
	}
}

/* --- addresses --------------------------------------------------------- */

/* Options that a kernel may refuse make no difference to what we rely on. */
static void
port_options(const struct port *p)
{
	const int on = 1;

	(void)setsockopt(p->fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof(on));
	if (p->at.family == AF_INET6) {
		(void)setsockopt(p->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on,
		    sizeof(on));
		(void)setsockopt(p->fd, IPPROTO_IPV6, IPV6_FREEBIND, &on,
		    sizeof(on));
	} else {
		(void)setsockopt(p->fd, IPPROTO_IP, IP_FREEBIND, &on,
		    sizeof(on));
	}
}

static int
port_open(struct port *p)
{
	struct dhcp_sock *s = p->owner;
	union sock_addr sa;
	socklen_t len = to_sockaddr(&p->at, &sa);

	p->fd = socket(p->at.family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    0);
	if (p->fd < 0)
		return -errno;
	port_options(p);
	if (bind(p->fd, &sa.sa, len) < 0)
		return -errno;
	p->lfd = loop_fd_add(s->loop, p->fd, LOOP_READ, on_readable, p);
	return p->lfd != NULL ? 0 : -errno;
}

static void
port_free(struct port *p)
{
	if (p->lfd != NULL)
		loop_fd_del(p->lfd);
	if (p->fd >= 0)
		close(p->fd);
	free(p);
}

static void
log_refused(struct dhcp_sock *s, const struct dhcp_addr *at, int err)
{
	const char *hint = "";

	if (err == -EADDRINUSE)
		hint = "another DHCP relay or server on this machine has the "
		    "port; ss -ulp shows it";
	else if (err == -EACCES)
		hint = "CAP_NET_BIND_SERVICE is needed";
	log_err(s->log, MOD, "socket-failed", at->family == AF_INET6 ?
	    KV_IN6("addr", &at->in6) : KV_IN4("addr", &at->in4),
	    KV_U("port", at->port), KV_ERR(err), KV_STR("hint", hint));
}

static int
sock_listen(struct dhcp_io *io, const struct dhcp_addr *at)
{
	struct dhcp_sock *s = CONTAINER_OF(io, struct dhcp_sock, io);
	struct port *p = port_find(s, at);
	int r;

	if (p != NULL) {
		p->count++;
		return 0;
	}
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return -ENOMEM;
	p->owner = s;
	p->at = *at;
	p->count = 1;
	r = port_open(p);
	if (r < 0) {
		log_refused(s, at, r);
		port_free(p);
		return r;
	}
	SLIST_INSERT_HEAD(&s->ports, p, entry);
	return 0;
}

static void
port_close(struct dhcp_sock *s, struct port *p)
{
	SLIST_REMOVE(&s->ports, p, port, entry);
	port_free(p);
}

static void
sock_unlisten(struct dhcp_io *io, const struct dhcp_addr *at)
{
	struct dhcp_sock *s = CONTAINER_OF(io, struct dhcp_sock, io);
	struct port *p = port_find(s, at);

	if (p != NULL && --p->count == 0)
		port_close(s, p);
}

/* --- out --------------------------------------------------------------- */

static int
sock_send(struct dhcp_io *io, const struct dhcp_addr *src,
    const struct dhcp_addr *dst, const void *data, size_t len)
{
	struct dhcp_sock *s = CONTAINER_OF(io, struct dhcp_sock, io);
	struct port *p = port_find(s, src);
	union sock_addr to;
	socklen_t tolen = to_sockaddr(dst, &to);

	if (p == NULL)
		return -EADDRNOTAVAIL;
	if (sendto(p->fd, data, len, MSG_DONTWAIT, &to.sa, tolen) < 0) {
		stat_inc(&s->st, ST_TX_ERROR);
		return -errno;
	}
	stat_inc(&s->st, ST_TX);
	return 0;
}

/* --- life -------------------------------------------------------------- */

static const struct dhcp_io_ops sock_ops = {
	.listen = sock_listen, .unlisten = sock_unlisten, .send = sock_send,
};

int
dhcp_sock_new(struct loop *l, struct log *log, struct stats *stats,
    struct dhcp_io **ret)
{
	struct dhcp_sock *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -ENOMEM;
	s->io.ops = &sock_ops;
	s->loop = l;
	s->log = log;
	SLIST_INIT(&s->ports);
	stats_register(stats, &s->st, "dhcp-sock", sock_stats, ST_MAX);
	*ret = &s->io;
	return 0;
}

void
dhcp_sock_free(struct dhcp_io *io)
{
	struct dhcp_sock *s;

	if (io == NULL)
		return;
	s = CONTAINER_OF(io, struct dhcp_sock, io);
	while (!SLIST_EMPTY(&s->ports))
		port_close(s, SLIST_FIRST(&s->ports));
	stats_unregister(&s->st);
	free(s);
}

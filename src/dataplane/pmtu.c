/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The path MTU of outer packets under the bpf backend.
 *
 * A Packet Too Big from the core quotes the outer packet.  The kernel knows no
 * tunnel that sent it and drops the message, unless a raw socket of the quoted
 * next header (41, 4) asks for errors: then it keeps the MTU with the route
 * (ten minutes, RFC 8201 5.3) and puts the message on the socket's error
 * queue.  The sockets never see data: a filter refuses all of it, and tc takes
 * tunnelled packets before they get this far anyway.
 *
 * Whoever can guess our tunnels' ends can forge such a message, as with any
 * IPv6 host; the caller bounds the damage (never below 1280 inside).
 */
#include "dataplane/pmtu.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/socket.h>

#include <linux/errqueue.h>
#include <linux/filter.h>
#include <netinet/icmp6.h>

#include "core/log.h"
#include "core/loop.h"
#include "core/util.h"

#define MOD "pmtu"
#define BUDGET 64		/* messages per wake-up */
#define NSOCKS 2

#ifndef IPV6_RECVERR
#define IPV6_RECVERR 25
#endif

struct pmtu_sock {
	struct pmtu *owner;
	int fd;
	struct loop_fd *ev;
};

struct pmtu {
	struct loop *loop;
	struct log *log;
	pmtu_fn *fn;
	void *ctx;
	struct pmtu_sock sock[NSOCKS];
};

/* The MTU a message on the error queue tells; 0: none. */
static uint32_t
pmtu_of(struct msghdr *mh)
{
	struct sock_extended_err e;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c != NULL;
	    c = CMSG_NXTHDR(mh, c)) {
		if (c->cmsg_level != IPPROTO_IPV6 ||
		    c->cmsg_type != IPV6_RECVERR ||
		    c->cmsg_len < CMSG_LEN(sizeof(e)))
			continue;
		memcpy(&e, CMSG_DATA(c), sizeof(e));
		if (e.ee_origin == SO_EE_ORIGIN_ICMP6 &&
		    e.ee_type == ICMP6_PACKET_TOO_BIG)
			return e.ee_info;
	}
	return 0;
}

/* Read one message. False when there is none. */
static bool
pmtu_read_one(struct pmtu_sock *s)
{
	union {
		struct cmsghdr align;
		uint8_t b[512];
	} ctl;
	struct sockaddr_in6 to = { 0 };
	uint8_t data[64];
	struct iovec iov = { data, sizeof(data) };
	struct msghdr mh = { .msg_name = &to, .msg_namelen = sizeof(to),
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = ctl.b,
		.msg_controllen = sizeof(ctl.b) };
	struct pmtu *p = s->owner;
	uint32_t mtu;

	if (recvmsg(s->fd, &mh, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
		return false;
	mtu = pmtu_of(&mh);
	if (mtu == 0 || to.sin6_family != AF_INET6)
		return true;
	log_debug(p->log, MOD, "too-big", KV_IN6("peer", &to.sin6_addr),
	    KV_U("mtu", mtu));
	p->fn(p->ctx, &to.sin6_addr, mtu);
	return true;
}

static void
pmtu_readable(void *ctx, int fd, int what)
{
	struct pmtu_sock *s = ctx;
	socklen_t len = sizeof(int);
	uint8_t data[64];
	int err;

	(void)what;
	for (int i = 0; i < BUDGET && pmtu_read_one(s); i++)
		;
	/* A pending error, or a packet from before the filter, would make the
	 * descriptor readable for ever. */
	(void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
	(void)recv(fd, data, sizeof(data), MSG_DONTWAIT);
}

static int
pmtu_open(struct pmtu *p, struct pmtu_sock *s, int proto,
    const struct in6_addr *local)
{
	struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog prog = { .len = 1, .filter = &nothing };
	struct sockaddr_in6 sa = { .sin6_family = AF_INET6,
		.sin6_addr = *local };
	int on = 1;

	s->owner = p;
	s->fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    proto);
	if (s->fd < 0)
		return -errno;
	if (setsockopt(s->fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog,
	    sizeof(prog)) < 0 ||
	    setsockopt(s->fd, IPPROTO_IPV6, IPV6_RECVERR, &on,
	    sizeof(on)) < 0 ||
	    bind(s->fd, (void *)&sa, sizeof(sa)) < 0)
		return -errno;
	s->ev = loop_fd_add(p->loop, s->fd, LOOP_READ, pmtu_readable, s);
	return s->ev == NULL ? -errno : 0;
}

int
pmtu_new(struct loop *l, struct log *log, const struct in6_addr *local,
    pmtu_fn *fn, void *ctx, struct pmtu **ret)
{
	static const int protos[NSOCKS] = { IPPROTO_IPV6, IPPROTO_IPIP };
	struct pmtu *p = calloc(1, sizeof(*p));
	int r = 0;

	if (p == NULL)
		abort();
	*p = (struct pmtu){ .loop = l, .log = log, .fn = fn, .ctx = ctx };
	for (int i = 0; i < NSOCKS; i++)
		p->sock[i].fd = -1;
	for (int i = 0; i < NSOCKS && r == 0; i++)
		r = pmtu_open(p, &p->sock[i], protos[i], local);
	if (r < 0)
		pmtu_free(p);
	else
		*ret = p;
	return r;
}

void
pmtu_free(struct pmtu *p)
{
	if (p == NULL)
		return;
	for (int i = 0; i < NSOCKS; i++) {
		if (p->sock[i].ev != NULL)
			loop_fd_del(p->sock[i].ev);
		if (p->sock[i].fd >= 0)
			close(p->sock[i].fd);
	}
	free(p);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MH transport on a raw socket of protocol 135, or of ESP.
 *
 * In: each wake-up reads at most BATCH datagrams, then yields to the loop; the
 * descriptor is level-triggered, so what is left comes next turn, after timers
 * and other descriptors had theirs.  More at a time would save little, and what
 * they lead to would keep the loop for milliseconds.
 *
 * Out: send() copies into a ring; a hook at the end of the loop turn hands it
 * to the kernel by sendmmsg().  When the kernel takes no more, the ring keeps
 * its messages:
 *
 *              EAGAIN: wait for the descriptor to become writable
 *   flowing ------------------------------------------------------> blocked
 *      ^       ENOBUFS: wait TX_RETRY_US (the descriptor would say     |
 *      |                "writable" at once, and we would spin); also    |
 *      |                when another descriptor sent (mh_source.h)      |
 *      +---------------------------------------------------------------+
 *
 * and when the ring is full a message is refused and counted.  A message that
 * the kernel refuses for itself (no route, no such source) is dropped and
 * counted, and the next one goes on.
 *
 * ICMPv6 errors: IPV6_RECVERR stays off, so the kernel keeps nearly all of
 * them to itself; one that is reported all the same is reported once, by
 * whatever call comes next.  Therefore a failed send is tried a second time
 * before the message is blamed, and a failed read is not the end of reading.
 *
 * Everything is allocated once, in mh_sock_new().  The kernel verifies the
 * checksum of protocol 135 by itself, and fills it in unless we write the IPv6
 * header, too.
 */
#include "mh/mh_io.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>

#include "core/log.h"
#include "core/loop.h"
#include "core/stats.h"
#include "core/util.h"
#include "core/wheel.h"
#include "mh/mh.h"
#include "mh/mh_source.h"

#define BATCH 64
#define RX_TRIES 4		/* when a read reports somebody's error */
#define RX_PAD 192		/* three lines of the cache */
#define TX_RING 2048		/* messages; a power of two */
#define TX_RETRY_US (10 * USEC_PER_MSEC)
#define SNDBUF (1 << 20)

enum { ST_RX, ST_RX_LONG, ST_RX_NO_INFO, ST_RX_ERROR, ST_RX_OVERFLOW, ST_TX,
	ST_TX_ERROR, ST_TX_FULL, ST_TX_BLOCKED, ST_MAX };

static const struct stat_desc sock_stats[ST_MAX] = {
	[ST_RX] = { "rx", "messages received" },
	[ST_RX_LONG] = { "rx-long", "longer than any MH: RFC 6275 6.1.1" },
	[ST_RX_NO_INFO] = { "rx-no-info", "destination address not known" },
	[ST_RX_ERROR] = { "rx-error", "errors reported by the socket" },
	[ST_RX_OVERFLOW] = { "rx-overflow",
	    "messages lost because the receive buffer was full" },
	[ST_TX] = { "tx", "messages sent" },
	[ST_TX_ERROR] = { "tx-error", "messages the kernel refused" },
	[ST_TX_FULL] = { "tx-full",
	    "messages lost because the queue was full" },
	[ST_TX_BLOCKED] = { "tx-blocked", "times the kernel took no more" },
};

struct sock_tx {
	struct in6_addr src, dst;
	size_t len;
	uint8_t head[MH_SOURCE_HEADER];	/* used with own_header */
	uint8_t data[MH_SOCK_MAX_LEN];
};

/* Not a power of two apart, or they would share a few lines of the cache. */
struct sock_rx_buf {
	uint8_t data[MH_SOCK_MAX_LEN];
	uint8_t pad[RX_PAD];
};

union sock_rx_ctl {
	struct cmsghdr align;
	uint8_t b[CMSG_SPACE(sizeof(struct in6_pktinfo)) +
	    CMSG_SPACE(sizeof(uint32_t))];
};

union sock_tx_ctl {
	struct cmsghdr align;
	uint8_t b[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

struct mh_sock {
	struct mh_io io;	/* first */
	struct loop *loop;
	struct loop_fd *lfd;
	struct loop_hook *hook;
	struct stat_group st;
	bool st_registered;
	int fd;
	uint8_t proto;
	bool own_header;
	struct mh_sources sources;	/* with own_header */
	uint32_t ovfl;		/* last SO_RXQ_OVFL, it only counts up */

	bool blocked;
	struct timer retry;
	/* free-running; head - tail messages are queued */
	unsigned head, tail;

	struct mmsghdr rx[BATCH];
	struct iovec rx_iov[BATCH];
	struct sockaddr_in6 rx_from[BATCH];
	union sock_rx_ctl rx_ctl[BATCH];
	struct mh_pkt rx_pkt[BATCH];
	struct sock_rx_buf rx_buf[BATCH];

	struct mmsghdr tx[BATCH];
	struct iovec tx_iov[BATCH];
	struct sockaddr_in6 tx_to[BATCH];
	union sock_tx_ctl tx_ctl[BATCH];
	struct sock_tx ring[TX_RING];
};

/* ---- in ---- */

/* What no read changes of a buffer's header. */
static void
sock_rx_init(struct mh_sock *s, unsigned i)
{
	s->rx_iov[i] = (struct iovec){ .iov_base = s->rx_buf[i].data,
		.iov_len = sizeof(s->rx_buf[i].data) };
	s->rx[i].msg_hdr = (struct msghdr){
		.msg_name = &s->rx_from[i],
		.msg_iov = &s->rx_iov[i],
		.msg_iovlen = 1,
		.msg_control = &s->rx_ctl[i],
	};
}

/* Before each read: the kernel overwrites the lengths. */
static void
sock_rx_arm(struct mh_sock *s, unsigned i)
{
	struct msghdr *h = &s->rx[i].msg_hdr;

	h->msg_namelen = sizeof(s->rx_from[i]);
	h->msg_controllen = sizeof(s->rx_ctl[i]);
}

/* Fill dst and ifindex; false without packet info. */
static bool
sock_rx_info(struct mh_sock *s, struct msghdr *h, struct mh_pkt *ret)
{
	struct cmsghdr *cm;
	struct in6_pktinfo pi;
	uint32_t ovfl;
	bool found = false;

	for (cm = CMSG_FIRSTHDR(h); cm != NULL; cm = CMSG_NXTHDR(h, cm)) {
		if (cm->cmsg_level == IPPROTO_IPV6 &&
		    cm->cmsg_type == IPV6_PKTINFO) {
			memcpy(&pi, CMSG_DATA(cm), sizeof(pi));
			ret->dst = pi.ipi6_addr;
			ret->ifindex = (uint32_t)pi.ipi6_ifindex;
			found = true;
		} else if (cm->cmsg_level == SOL_SOCKET &&
		    cm->cmsg_type == SO_RXQ_OVFL) {
			memcpy(&ovfl, CMSG_DATA(cm), sizeof(ovfl));
			/* wraps together with the kernel's count */
			stat_add(&s->st, ST_RX_OVERFLOW,
			    (uint32_t)(ovfl - s->ovfl));
			s->ovfl = ovfl;
		}
	}
	return found;
}

/* false: not to be delivered. */
static bool
sock_rx_one(struct mh_sock *s, unsigned i, struct mh_pkt *ret)
{
	*ret = (struct mh_pkt){ 0 };
	if (!sock_rx_info(s, &s->rx[i].msg_hdr, ret)) {
		stat_inc(&s->st, ST_RX_NO_INFO);
		return false;
	}
	if ((s->rx[i].msg_hdr.msg_flags & MSG_TRUNC) != 0) {
		stat_inc(&s->st, ST_RX_LONG);
		return false;
	}
	ret->src = s->rx_from[i].sin6_addr;
	ret->data = s->rx_buf[i].data;
	ret->len = s->rx[i].msg_len;
	ret->sum_ok = s->proto == MH_PROTO;	/* by the kernel */
	return true;
}

static void
sock_rx_batch(struct mh_sock *s, unsigned n)
{
	unsigned i, good = 0;

	stat_add(&s->st, ST_RX, n);
	for (i = 0; i < n; i++)
		good += sock_rx_one(s, i, &s->rx_pkt[good]);
	for (i = 0; i < good && s->io.recv != NULL; i++) {
		if (s->io.ahead != NULL && good > 1 && i % MH_AHEAD == 0)
			s->io.ahead(s->io.recv_ctx, &s->rx_pkt[i],
			    MIN_OF(good - i, (unsigned)MH_AHEAD));
		s->io.recv(s->io.recv_ctx, &s->rx_pkt[i]);
	}
}

static void
sock_rx(struct mh_sock *s)
{
	for (unsigned tries = 0; tries < RX_TRIES; tries++) {
		int n;

		for (unsigned i = 0; i < BATCH; i++)
			sock_rx_arm(s, i);
		n = recvmmsg(s->fd, s->rx, BATCH, MSG_DONTWAIT, NULL);
		if (n >= 0) {
			sock_rx_batch(s, (unsigned)n);
			return;
		}
		if (errno == EAGAIN || errno == EWOULDBLOCK)
			return;
		if (errno != EINTR)
			stat_inc(&s->st, ST_RX_ERROR);
	}
}

/* ---- out ---- */

static unsigned
sock_tx_queued(const struct mh_sock *s)
{
	return s->head - s->tail;
}

/* What is the same for every message that leaves as number `k` of a batch. */
static void
sock_tx_init(struct mh_sock *s, unsigned k)
{
	struct msghdr *h = &s->tx[k].msg_hdr;
	struct cmsghdr *cm;

	s->tx_to[k].sin6_family = AF_INET6;
	*h = (struct msghdr){
		.msg_name = &s->tx_to[k],
		.msg_namelen = sizeof(s->tx_to[k]),
		.msg_iov = &s->tx_iov[k],
		.msg_iovlen = 1,
		.msg_control = &s->tx_ctl[k],
		.msg_controllen = sizeof(s->tx_ctl[k]),
	};
	cm = CMSG_FIRSTHDR(h);
	cm->cmsg_level = IPPROTO_IPV6;
	cm->cmsg_type = IPV6_PKTINFO;
	cm->cmsg_len = CMSG_LEN(sizeof(struct in6_pktinfo));
}

static struct sock_tx *
sock_tx_at(struct mh_sock *s, unsigned k)
{
	return &s->ring[(s->tail + k) % TX_RING];
}

/* The header of the message `k` behind the tail, for the socket that has none
 * of its own. */
static void
sock_tx_arm(struct mh_sock *s, unsigned k)
{
	struct sock_tx *t = sock_tx_at(s, k);
	struct in6_pktinfo pi = { .ipi6_addr = t->src };
	struct msghdr *h = &s->tx[k].msg_hdr;

	s->tx_iov[k] = (struct iovec){ .iov_base = t->data,
		.iov_len = t->len };
	s->tx_to[k].sin6_addr = t->dst;
	h->msg_controllen = sizeof(s->tx_ctl[k]);
	memcpy(CMSG_DATA(CMSG_FIRSTHDR(h)), &pi, sizeof(pi));
}

/* The same for the socket of the source. */
static void
sock_tx_arm_own(struct mh_sock *s, unsigned k)
{
	struct sock_tx *t = sock_tx_at(s, k);

	mh_sources_header(&s->sources, &t->src, &t->dst, t->len, t->head);
	s->tx_iov[k] = (struct iovec){ .iov_base = t->head,
		.iov_len = sizeof(t->head) + t->len };
	s->tx_to[k].sin6_addr = t->dst;
	s->tx[k].msg_hdr.msg_controllen = 0;
}

/* The socket of its source, for one that can leave by it; -1. */
static int
sock_tx_own_fd(struct mh_sock *s, const struct sock_tx *t)
{
	return s->own_header && t->len <= MH_SOURCE_MAX ?
	    mh_sources_fd(&s->sources, &t->src) : -1;
}

/* As many as leave by one system call; what it answers. */
static int
sock_tx_batch(struct mh_sock *s)
{
	unsigned k, n = MIN_OF(sock_tx_queued(s), (unsigned)BATCH);
	const struct sock_tx *first = sock_tx_at(s, 0);
	int fd = sock_tx_own_fd(s, first);

	if (fd < 0) {
		for (k = 0; k < n; k++)
			sock_tx_arm(s, k);
		return sendmmsg(s->fd, s->tx, n, MSG_DONTWAIT);
	}
	for (k = 0; k < n; k++) {
		const struct sock_tx *t = sock_tx_at(s, k);

		if (t->len > MH_SOURCE_MAX || !in6_eq(&t->src, &first->src))
			break;
		sock_tx_arm_own(s, k);
	}
	return sendmmsg(fd, s->tx, k, MSG_DONTWAIT);
}

/* Stop sending until the descriptor, or the clock, says so. */
static void
sock_tx_block(struct mh_sock *s, int err)
{
	bool by_clock = s->own_header || err == ENOBUFS || err == ENOMEM;

	s->blocked = true;
	stat_inc(&s->st, ST_TX_BLOCKED);
	if (by_clock || loop_fd_set(s->lfd, LOOP_READ | LOOP_WRITE) < 0)
		timer_arm(loop_wheel(s->loop), &s->retry, TX_RETRY_US);
}

/* Hand over what is queued, as far as the kernel takes it. */
static void
sock_tx_flush(struct mh_sock *s)
{
	bool again = false;	/* the message at the tail has failed once */
	int r;

	while (!s->blocked && sock_tx_queued(s) > 0) {
		r = sock_tx_batch(s);
		if (r > 0) {
			s->tail += (unsigned)r;
			stat_add(&s->st, ST_TX, (unsigned)r);
			again = false;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK ||
		    errno == ENOBUFS || errno == ENOMEM) {
			sock_tx_block(s, errno);
		} else if (errno == EINTR) {
			continue;
		} else if (!again) {
			again = true;
		} else {
			s->tail++;
			stat_inc(&s->st, ST_TX_ERROR);
			again = false;
		}
	}
	/* The first slots again: they are still in the processor's cache. */
	if (sock_tx_queued(s) == 0)
		s->head = s->tail = 0;
}

static void
sock_tx_unblock(struct mh_sock *s)
{
	s->blocked = false;
	loop_fd_set(s->lfd, LOOP_READ);
	sock_tx_flush(s);
}

static void
sock_tx_retry(struct timer *t)
{
	sock_tx_unblock(CONTAINER_OF(t, struct mh_sock, retry));
}

static int
sock_send(struct mh_io *io, const struct in6_addr *src,
    const struct in6_addr *dst, const void *data, size_t len)
{
	struct mh_sock *s = CONTAINER_OF(io, struct mh_sock, io);
	struct sock_tx *t;

	if (len > sizeof(t->data))
		return -EMSGSIZE;
	if (sock_tx_queued(s) >= BATCH)
		sock_tx_flush(s);	/* no larger batch can leave anyway */
	if (sock_tx_queued(s) == TX_RING) {
		stat_inc(&s->st, ST_TX_FULL);
		return -ENOBUFS;
	}
	t = &s->ring[s->head++ % TX_RING];
	t->src = *src;
	t->dst = *dst;
	t->len = len;
	memcpy(t->data, data, len);
	return 0;
}

static void
sock_flush(struct mh_io *io)
{
	sock_tx_flush(CONTAINER_OF(io, struct mh_sock, io));
}

/* ---- life ---- */

static void
sock_event(void *ctx, int fd UNUSED, int what)
{
	struct mh_sock *s = ctx;

	if ((what & LOOP_WRITE) != 0 && s->blocked)
		sock_tx_unblock(s);
	if ((what & LOOP_READ) != 0)
		sock_rx(s);
}

static void
sock_turn_end(void *ctx)
{
	sock_tx_flush(ctx);
}

/* A storm of re-registrations must fit: PLATFORM measured 256 by default. */
static void
sock_set_rcvbuf(struct mh_sock *s, struct log *log, int want)
{
	int got = 0;
	socklen_t len = sizeof(got);

	if (setsockopt(s->fd, SOL_SOCKET, SO_RCVBUFFORCE, &want,
	    sizeof(want)) == 0)
		return;
	(void)setsockopt(s->fd, SOL_SOCKET, SO_RCVBUF, &want, sizeof(want));
	if (getsockopt(s->fd, SOL_SOCKET, SO_RCVBUF, &got, &len) < 0)
		return;
	/* the kernel answers twice what was asked for */
	if (got / 2 < want)
		log_warn(log, "mh", "receive-buffer-small",
		    KV_I("wanted", want), KV_I("got", got / 2));
}

static int
sock_open(struct mh_sock *s, struct log *log, const struct mh_sock_conf *conf)
{
	const int on = 1, sndbuf = SNDBUF;

	s->fd = socket(AF_INET6, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    conf->proto);
	if (s->fd < 0)
		return -errno;
	if (setsockopt(s->fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on,
	    sizeof(on)) < 0)
		return -errno;
	/* Both only improve matters. */
	(void)setsockopt(s->fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof(on));
	(void)setsockopt(s->fd, SOL_SOCKET, SO_SNDBUFFORCE, &sndbuf,
	    sizeof(sndbuf));
	sock_set_rcvbuf(s, log, conf->rcvbuf);
	return 0;
}

static const struct mh_io_ops sock_ops = { .send = sock_send,
	.flush = sock_flush };

int
mh_sock_new(struct loop *l, struct log *log, struct stats *stats,
    const struct mh_sock_conf *conf, struct mh_io **ret)
{
	struct mh_sock *s;
	unsigned i;
	int r;

	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return -ENOMEM;
	s->io.ops = &sock_ops;
	s->loop = l;
	s->fd = -1;
	s->proto = conf->proto;
	s->own_header = conf->own_header;
	mh_sources_init(&s->sources, conf->proto);
	timer_init(&s->retry, sock_tx_retry);
	for (i = 0; i < BATCH; i++) {
		sock_rx_init(s, i);
		sock_tx_init(s, i);
	}
	r = sock_open(s, log, conf);
	if (r < 0)
		goto fail;
	s->io.sums = s->proto == MH_PROTO && !s->own_header;
	stats_register(stats, &s->st, conf->name, sock_stats, ST_MAX);
	s->st_registered = true;
	s->lfd = loop_fd_add(l, s->fd, LOOP_READ, sock_event, s);
	if (s->lfd == NULL) {
		r = -errno;
		goto fail;
	}
	s->hook = loop_hook_add(l, sock_turn_end, s);
	if (s->hook == NULL) {
		r = -ENOMEM;
		goto fail;
	}
	*ret = &s->io;
	return 0;
fail:
	mh_sock_free(&s->io);
	return r;
}

void
mh_sock_free(struct mh_io *io)
{
	struct mh_sock *s;

	if (io == NULL)
		return;
	s = CONTAINER_OF(io, struct mh_sock, io);
	/* De-registrations of a stopping role are still in the ring. */
	if (s->hook != NULL) {
		sock_tx_flush(s);
		loop_hook_del(s->hook);
	}
	timer_cancel(loop_wheel(s->loop), &s->retry);
	if (s->lfd != NULL)
		loop_fd_del(s->lfd);
	if (s->st_registered)
		stats_unregister(&s->st);
	if (s->fd >= 0)
		close(s->fd);
	mh_sources_close(&s->sources);
	free(s);
}

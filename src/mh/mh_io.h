/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MH transport service: datagrams of protocol 135 in and out.  The real
 * one is a raw socket (mh_sock.c) behind the security service (esp/sec.h),
 * tests supply an in-process network.
 */
#ifndef PMIP_MH_IO_H
#define PMIP_MH_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <netinet/in.h>

struct log;
struct loop;
struct stats;

/* One received message; everything is borrowed for the call. */
struct mh_pkt {
	struct in6_addr src, dst;
	uint32_t ifindex;		/* arrival interface, 0 unknown */
	bool sum_ok;			/* whoever delivers it has verified
					 * the checksum */
	const uint8_t *data;
	size_t len;
	/* Home Address option in front of it (hao.h): no kernel has verified
	 * the checksum, which counts it as the source (RFC 6275 6.1.1). */
	bool has_hao;
	struct in6_addr hao;
};

typedef void mh_recv_fn(void *ctx, const struct mh_pkt *pkt);
/*
 * The messages that will be given to mh_recv_fn next, one by one: what memory
 * they will need can be asked for now.
 */
typedef void mh_ahead_fn(void *ctx, const struct mh_pkt *pkts, size_t n);

#define MH_AHEAD 16			/* at a time, at most */

struct mh_io;
struct mh_io_ops {
	/*
	 * Queue one message from `src` (an address of ours) to `dst`; copied,
	 * leaves at the end of the loop turn.  0, -EMSGSIZE, or -ENOBUFS when
	 * the queue is full (counted).
	 */
	int (*send)(struct mh_io *io, const struct in6_addr *src,
	    const struct in6_addr *dst, const void *data, size_t len);
	/* What is queued leaves now: something slow comes next.  NULL:
	 * nothing ever waits. */
	void (*flush)(struct mh_io *io);
};

/* First member of every implementation; the rest is set by the daemon. */
struct mh_io {
	const struct mh_io_ops *ops;
	mh_recv_fn *recv;
	mh_ahead_fn *ahead;		/* NULL: nobody is interested */
	void *recv_ctx;
	bool sums;			/* it fills the checksum in itself */
};

static inline void
mh_io_flush(struct mh_io *io)
{
	if (io != NULL && io->ops->flush != NULL)
		io->ops->flush(io);
}

/* The longest datagram: a Mobility Header and what ESP puts around it. */
#define MH_SOCK_MAX_LEN (2048 + 64)

struct mh_sock_conf {
	const char *name;		/* of the counters' group, a constant */
	uint8_t proto;
	/* Write the IPv6 header ourselves: a sixth of what sending costs less.
	 * Not where the kernel protects the messages: without the kernel's
	 * own look at the message, policies that name a Mobility Header type
	 * do not match it (RFC 4877 8), and it would leave in the clear. */
	bool own_header;
	int rcvbuf;			/* octets */
};

/*
 * Open the raw socket of Mobility Headers, or of the protocol that carries
 * them protected: recvmmsg/sendmmsg in batches of 64, a receive buffer as asked
 * for (SO_RCVBUFFORCE, falls back and says so), IPV6_RECVPKTINFO.  `conf` is
 * read now only.  0 or -errno.
 */
int mh_sock_new(struct loop *l, struct log *log, struct stats *stats,
    const struct mh_sock_conf *conf, struct mh_io **ret);
void mh_sock_free(struct mh_io *io);

#endif

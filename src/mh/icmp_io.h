/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ICMPv6 service for home agent address discovery: messages of types 144
 * to 147 in and out.  The real one is a raw socket (icmp_sock.c), tests supply
 * an in-process network.
 */
#ifndef PMIP_ICMP_IO_H
#define PMIP_ICMP_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <netinet/in.h>

struct log;
struct loop;
struct stats;

/* One received message; everything is borrowed for the call. */
struct icmp_pkt {
	struct in6_addr src, dst;
	uint32_t ifindex;
	const uint8_t *data;		/* from the ICMPv6 header on; its
					 * checksum was good */
	size_t len;
};

typedef void icmp_recv_fn(void *ctx, const struct icmp_pkt *pkt);

struct icmp_io;
struct icmp_io_ops {
	/* Send from `src`, an address of ours; the checksum is filled in.
	 * 0 or -errno. */
	int (*send)(struct icmp_io *io, const struct in6_addr *src,
	    const struct in6_addr *dst, const void *data, size_t len);
	/*
	 * Receive requests to any home-agents anycast address, too: though no
	 * interface has it, and wherever the kernel sends the packet itself.
	 * 0 or -errno.
	 */
	int (*anycast)(struct icmp_io *io, bool on);
	/* The same without anycast(): a whole IPv6 packet that somebody else
	 * has caught on its way. */
	void (*caught)(struct icmp_io *io, uint32_t ifindex,
	    const void *packet, size_t len);
};

/* First member of every implementation; `recv` is set by the daemon. */
struct icmp_io {
	const struct icmp_io_ops *ops;
	icmp_recv_fn *recv;
	void *recv_ctx;
};

/* 0 or -errno. */
int icmp_sock_new(struct loop *l, struct log *log, struct stats *stats,
    struct icmp_io **ret);
void icmp_sock_free(struct icmp_io *io);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The access link service: Neighbour Discovery packets in and out of access
 * interfaces, with control over the layer 2 destination (D6.3-8).  The real
 * one uses AF_PACKET (link_sock.c), tests supply scripted mobile nodes.
 */
#ifndef PMIP_LINK_IO_H
#define PMIP_LINK_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nd/nd.h"

struct log;
struct loop;
struct stats;

/* What a role is told of one access interface. */
struct link_if {
	uint32_t ifindex;
	char name[16];
	bool up;			/* administratively and carrier */
	bool p2p;			/* no link-layer addresses */
	uint32_t mtu;
	struct mac mac;			/* zero on p2p */
	struct in6_addr linklocal;	/* ours on that interface; :: none yet */
};

/* A parsed ND message and where it came from; src_mac zero on p2p. */
typedef void link_nd_fn(void *ctx, const struct link_if *lif,
    const struct mac *src_mac, const struct nd_msg *m);

struct link_io;
struct link_io_ops {
	/* Start/stop listening on an interface. 0 or -errno. */
	int (*open)(struct link_io *io, const struct link_if *lif);
	void (*close)(struct link_io *io, uint32_t ifindex);
	/*
	 * Send one IPv6 packet to `dst` at layer 2 (NULL on p2p links, or to
	 * multicast it: then the MAC is derived from the IPv6 destination).
	 * `src` at layer 2 is the interface's own address.  0 or -errno.
	 */
	int (*send)(struct link_io *io, const struct link_if *lif,
	    const struct mac *dst, const void *pkt, size_t len);
};

/* First member of every implementation; callbacks are set by the daemon. */
struct link_io {
	const struct link_io_ops *ops;
	link_nd_fn *nd;
	void *ctx;
};

int link_sock_new(struct loop *l, struct log *log, struct stats *stats,
    struct link_io **ret);
void link_sock_free(struct link_io *io);

#endif

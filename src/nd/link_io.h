/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The access link service: Neighbour Discovery, ARP and DHCP packets in and
 * out of access interfaces, with control over the layer 2 destination
 * (D6.3-8).  The real
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
	struct in6_addr linklocal;	/* ours on that link; :: none yet */
};

/* A parsed ND message and where it came from; src_mac zero on p2p. */
typedef void link_nd_fn(void *ctx, const struct link_if *lif,
    const struct mac *src_mac, const struct nd_msg *m);

struct arp_msg;			/* nd/arp.h */
struct udp_msg;			/* nd/udp.h */
/* An ARP message of a node (shared links only). */
typedef void link_arp_fn(void *ctx, const struct link_if *lif,
    const struct mac *src_mac, const struct arp_msg *m);
/*
 * A datagram of a node to a DHCP server or relay: UDP port 547 (IPv6) or 67
 * (IPv4), whatever its destination address.
 */
typedef void link_udp_fn(void *ctx, const struct link_if *lif,
    const struct mac *src_mac, const struct udp_msg *m);

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
	/*
	 * The same for a payload of any EtherType (ETH_P_ARP, ETH_P_IP);
	 * `dst` NULL: broadcast.
	 */
	int (*send_frame)(struct link_io *io, const struct link_if *lif,
	    const struct mac *dst, uint16_t ethertype, const void *pkt,
	    size_t len);
	/*
	 * Be a member of a multicast group, so that switches pass it to us;
	 * counted: every join wants its leave.  close() leaves them all.
	 */
	int (*join)(struct link_io *io, const struct link_if *lif,
	    const struct in6_addr *group);
	void (*leave)(struct link_io *io, const struct link_if *lif,
	    const struct in6_addr *group);
	/* Is it an address of this machine, on whatever interface? */
	bool (*is_own)(struct link_io *io, const struct in6_addr *addr);
};

/* First member of every implementation; callbacks are set by the daemon. */
struct link_io {
	const struct link_io_ops *ops;
	link_nd_fn *nd;
	link_arp_fn *arp;	/* NULL: not delivered */
	link_udp_fn *udp;	/* NULL: not delivered */
	void *ctx;
};

int link_sock_new(struct loop *l, struct log *log, struct stats *stats,
    struct link_io **ret);
void link_sock_free(struct link_io *io);

#endif

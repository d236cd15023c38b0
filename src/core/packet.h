/* SPDX-License-Identifier: BSD-2-Clause */
/* Packet sockets (packet(7)), which see a packet before the kernel's own
 * protocols do. */
#ifndef PMIP_PACKET_H
#define PMIP_PACKET_H

#include <stdint.h>

#include <linux/filter.h>

/*
 * One that does not block and gets what `filter`, of `n` instructions, lets
 * through of an Ethernet type on an interface (0: on all), from the network
 * header on.  A descriptor or -errno.
 */
int packet_open(uint16_t ethertype, uint32_t ifindex,
    const struct sock_filter *filter, unsigned short n);

#endif

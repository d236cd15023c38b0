/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UDP datagrams with their IPv6 or IPv4 header, as packet sockets see and send
 * them (DHCP with nodes that have no address yet).  A pure codec; neither IPv6
 * extension headers nor fragments are read.
 */
#ifndef PMIP_UDP_H
#define PMIP_UDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <netinet/in.h>

#include "core/stats.h"

#define UDP_HDR_MAX 48			/* IPv6 and UDP */

struct udp_msg {
	uint8_t family;			/* AF_INET6 or AF_INET */
	uint8_t hops;			/* hop limit, time to live */
	uint16_t sport, dport;		/* host byte order */
	struct in6_addr src6, dst6;	/* AF_INET6 */
	struct in_addr src4, dst4;	/* AF_INET */
	const uint8_t *data;		/* borrowed */
	size_t len;
};

#define UDP_DROPS(X) \
	X(UDPD_OK, "udp-ok", "parsed") \
	X(UDPD_OTHER, "udp-other", "not UDP over IPv6 or IPv4") \
	X(UDPD_SHORT, "udp-short", "truncated") \
	X(UDPD_IP_HEADER, "udp-ip-header", \
	    "IPv4 header or total length too small: RFC 791 3.1") \
	X(UDPD_IP_CHECKSUM, "udp-ip-checksum", \
	    "IPv4 header checksum: RFC 1122 3.2.1.2") \
	X(UDPD_FRAGMENT, "udp-fragment", \
	    "a fragment; DHCP is never that long") \
	X(UDPD_LENGTH, "udp-length", \
	    "length below 8 or beyond the packet: RFC 768") \
	X(UDPD_NO_CHECKSUM, "udp-no-checksum", \
	    "checksum 0 over IPv6: RFC 8200 8.1") \
	X(UDPD_CHECKSUM, "udp-checksum", "checksum: RFC 768") \
	X(UDPD_SRC, "udp-source", \
	    "the source address is no single node: RFC 1122 3.2.1.3") \
	X(UDPD_DST, "udp-destination", "the destination is unspecified")

enum udp_drop {
#define X(id, name, help) id,
	UDP_DROPS(X)
#undef X
	UDP_DROP_MAX
};
extern const struct stat_desc udp_drop_desc[UDP_DROP_MAX];

/*
 * `data` starts at the IP header.  `no_sum`: the UDP checksum has not been
 * filled in, because the packet never left this machine and the sender's
 * interface would have done it (TP_STATUS_CSUMNOTREADY); do not look at it.
 */
enum udp_drop udp_parse(const void *data, size_t len, bool no_sum,
    struct udp_msg *ret);
/* A whole packet with checksums. Octets, or -EMSGSIZE, -EAFNOSUPPORT. */
int udp_build(const struct udp_msg *m, void *buf, size_t cap);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ARP for IPv4 over Ethernet (RFC 826), with the announcements of RFC 5227.
 * A pure codec.
 */
#ifndef PMIP_ARP_H
#define PMIP_ARP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <netinet/in.h>

#include "core/addr.h"
#include "core/stats.h"

enum { ARP_REQUEST = 1, ARP_REPLY = 2 };

#define ARP_PKT_LEN 28
#define ARP_ANNOUNCE_NUM 2		/* RFC 5227 1.1 */
#define ARP_ANNOUNCE_INTERVAL_US 2000000

struct arp_msg {
	uint16_t op;			/* ARP_REQUEST, ARP_REPLY */
	struct mac sha, tha;		/* sender, target */
	struct in_addr spa, tpa;
};

#define ARP_DROPS(X) \
	X(ARPD_OK, "arp-ok", "parsed") \
	X(ARPD_SHORT, "arp-short", "truncated: RFC 826") \
	X(ARPD_HARDWARE, "arp-hardware", "not Ethernet: RFC 826") \
	X(ARPD_PROTOCOL, "arp-protocol", "not IPv4: RFC 826") \
	X(ARPD_LENGTHS, "arp-lengths", \
	    "address lengths are not 6 and 4: RFC 826") \
	X(ARPD_OP, "arp-operation", "neither request nor reply: RFC 826") \
	X(ARPD_SENDER_MAC, "arp-sender-mac", \
	    "the sender's hardware address is no single node") \
	X(ARPD_SENDER_IP, "arp-sender-ip", \
	    "the sender's address is neither 0.0.0.0 nor a host's")

enum arp_drop {
#define X(id, name, help) id,
	ARP_DROPS(X)
#undef X
	ARP_DROP_MAX
};
extern const struct stat_desc arp_drop_desc[ARP_DROP_MAX];

/* `data` starts at the ARP header; octets behind it are padding. */
enum arp_drop arp_parse(const void *data, size_t len, struct arp_msg *ret);
/* ARP_PKT_LEN octets, or -EMSGSIZE. */
int arp_build(const struct arp_msg *m, void *buf, size_t cap);

/* RFC 5227 2.1.1: may I use that address?  Sent before one has any. */
static inline bool
arp_is_probe(const struct arp_msg *m)
{
	return m->op == ARP_REQUEST && m->spa.s_addr == 0;
}

/* The answer to `req`: its target address is at `ours`. */
void arp_reply_to(const struct arp_msg *req, const struct mac *ours,
    struct arp_msg *ret);
/*
 * Gratuitous: `addr` is at `ours`.  As a request (RFC 5227 2.3) and as a reply,
 * because some hosts learn from one of the two only (D6.5-4).
 */
void arp_announce(uint16_t op, const struct in_addr *addr,
    const struct mac *ours, struct arp_msg *ret);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Dynamic Home Agent Address Discovery (RFC 6275 sections 6.5, 6.6; draft
 * 5.4): the ICMPv6 messages and the anycast address they go to.  A pure codec;
 * checksums are the socket's.
 */
#ifndef PMIP_HAAD_H
#define PMIP_HAAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <netinet/in.h>

#include "core/stats.h"

enum haad_type {
	HAAD_REQUEST = 144,
	HAAD_REPLY = 145,
	/* Mobile Prefix Discovery, which we do not serve (draft 5.8) */
	MPD_SOLICITATION = 146,
	MPD_ADVERTISEMENT = 147,
};

#define HAAD_AGENTS_MAX 16
#define HAAD_MAX_LEN (8 + 16 * HAAD_AGENTS_MAX)

struct haad_msg {
	uint8_t type;			/* enum haad_type */
	uint16_t id;			/* copied from request to reply */
	uint8_t nagents;		/* reply; the first of them is kept
					 * when there are more */
	struct in6_addr agents[HAAD_AGENTS_MAX];
};

#define HAAD_DROPS(X) \
	X(HAAD_OK, "icmp-ok", "parsed") \
	X(HAAD_SHORT, "icmp-short", "shorter than 8 octets") \
	X(HAAD_TYPE, "icmp-type", "not an ICMPv6 type of Mobile IPv6") \
	X(HAAD_CODE, "icmp-code", "ICMPv6 code is not 0: RFC 6275 6.5") \
	X(HAAD_LENGTH, "icmp-length", \
	    "a reply without a whole number of addresses: RFC 6275 6.6") \
	X(HAAD_PACKET, "icmp-packet", \
	    "not a whole IPv6 packet with ICMPv6 right behind the header") \
	X(HAAD_CHECKSUM, "icmp-checksum", "ICMPv6 checksum: RFC 4443 2.3")

enum haad_drop {
#define X(id, name, help) id,
	HAAD_DROPS(X)
#undef X
	HAAD_DROP_MAX
};
extern const struct stat_desc haad_drop_desc[HAAD_DROP_MAX];

/* `data` starts at the ICMPv6 header. *ret is filled for HAAD_OK. */
enum haad_drop haad_parse(const void *data, size_t len, struct haad_msg *ret);
/*
 * Find the ICMPv6 message in an IPv6 packet without extension headers, and see
 * that its checksum is right.  HAAD_OK and all of *ret_* filled (the message
 * refers into the packet), or why not.
 */
enum haad_drop haad_unwrap(const void *pkt, size_t len,
    struct in6_addr *ret_src, struct in6_addr *ret_dst, const void **ret_data,
    size_t *ret_len);
/* Octets, checksum 0; or -EMSGSIZE, -EINVAL (a type we do not send). */
int haad_build(const struct haad_msg *m, void *buf, size_t cap);
/* The home-agents anycast address of a /64 (RFC 2526, identifier 126). */
void haad_anycast(const struct in6_addr *prefix, struct in6_addr *ret);
bool haad_is_anycast(const struct in6_addr *a);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Neighbour Discovery messages (RFC 4861 section 4): parser and builder of
 * whole IPv6 packets.  A pure codec.
 */
#ifndef PMIP_ND_H
#define PMIP_ND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <netinet/in.h>

#include "core/addr.h"
#include "core/stats.h"

enum { ND_RS = 133, ND_RA = 134, ND_NS = 135, ND_NA = 136 };

#define ND_PKT_MAX 1280
#define ND_OPTS_MAX 32

struct nd_msg {
	uint8_t type;			/* ND_RS, ND_NS, ND_NA (RA: ignored) */
	struct in6_addr src, dst;	/* of the IPv6 header */
	struct in6_addr target;		/* NS, NA */
	bool has_lladdr;		/* RS, NS: source; NA: target */
	struct mac lladdr;
	bool solicited, override, router; /* NA */
};

#define ND_DROPS(X) \
	X(NDP_OK, "nd-ok", "parsed") \
	X(NDP_NOT_ND, "nd-other", "not an RS, NS or NA") \
	X(NDP_SHORT, "nd-short", "truncated: RFC 4861 6.1.1") \
	X(NDP_HOPLIMIT, "nd-hop-limit", \
	    "hop limit is not 255: RFC 4861 6.1.1") \
	X(NDP_CHECKSUM, "nd-checksum", "ICMPv6 checksum: RFC 4861 6.1.1") \
	X(NDP_CODE, "nd-code", "ICMPv6 code is not 0: RFC 4861 6.1.1") \
	X(NDP_OPT_ZERO, "nd-option-zero", \
	    "an option of length 0: RFC 4861 6.1.1") \
	X(NDP_OPT_OVERRUN, "nd-option-overrun", "an option runs past the end") \
	X(NDP_OPT_MANY, "nd-option-many", "more than 32 options") \
	X(NDP_SRC, "nd-source", \
	    "source is neither unspecified nor unicast, or :: with a source " \
	    "link-layer address: RFC 4861 6.1.1, 7.1.1") \
	X(NDP_DST, "nd-destination", "RFC 4861 7.1.1, 7.1.2") \
	X(NDP_TARGET, "nd-target", "target is multicast: RFC 4861 7.1.1")

enum nd_drop {
#define X(id, name, help) id,
	ND_DROPS(X)
#undef X
	ND_DROP_MAX
};
extern const struct stat_desc nd_drop_desc[ND_DROP_MAX];

/* `data` starts at the IPv6 header. No extension headers are walked. */
enum nd_drop nd_parse(const void *data, size_t len, struct nd_msg *ret);

#define ND_RA_PIO_MAX 4
struct nd_pio {
	struct prefix prefix;		/* IPv6 */
	bool onlink, autonomous;
	uint32_t valid_s, preferred_s;
};

struct nd_ra {
	struct in6_addr src, dst;	/* link-local; usually ff02::1 */
	uint8_t hop_limit;		/* advertised Cur Hop Limit */
	bool managed, other;
	uint16_t router_lifetime_s;
	uint32_t reachable_ms, retrans_ms;
	bool has_lladdr;		/* source link-layer address option */
	struct mac lladdr;
	uint32_t mtu;			/* 0: no option */
	uint8_t npio;
	struct nd_pio pio[ND_RA_PIO_MAX];
};

/* A whole IPv6 packet (hop limit 255, checksum). Octets or -EMSGSIZE. */
int nd_build_ra(const struct nd_ra *ra, void *buf, size_t cap);
/* NS for `target` to `dst` (unicast probe, or its solicited-node address). */
int nd_build_ns(const struct in6_addr *src, const struct in6_addr *dst,
    const struct in6_addr *target, const struct mac *src_ll, void *buf,
    size_t cap);
int nd_build_na(const struct in6_addr *src, const struct in6_addr *dst,
    const struct in6_addr *target, const struct mac *target_ll, bool router,
    bool solicited, bool override, void *buf, size_t cap);
extern const struct in6_addr nd_all_nodes;	/* ff02::1 */
/* The group that is asked for an address (RFC 4291 2.7.1). */
void nd_solicited_node(const struct in6_addr *a, struct in6_addr *ret);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mobility Header messages (RFC 6275 section 6.1, RFC 5213 section 8, the
 * draft's section 8): in-memory form, parser and builder.  A pure codec: no
 * I/O, no allocation, no logging.
 */
#ifndef PMIP_MH_H
#define PMIP_MH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <netinet/in.h>

#include "core/addr.h"
#include "core/stats.h"

#define MH_PROTO 135		/* IPv6 next header */
#define MH_NO_NEXT 59		/* Payload Proto on send */
#define MH_MAX_LEN 2048		/* (255 + 1) * 8 */
#define MH_LIFETIME_UNIT_S 4	/* RFC 6275 6.1.7 */
#define MH_OPTS_MAX 64		/* options of one message we walk; padding is
				 * none */

enum mh_type {
	MH_BRR = 0, MH_HOTI = 1, MH_COTI = 2, MH_HOT = 3, MH_COT = 4,
	MH_BU = 5, MH_BA = 6, MH_BE = 7, MH_HEARTBEAT = 13,
	MH_REVOCATION = 16, MH_LRI = 17, MH_LRA = 18, MH_UPN = 19, MH_UPA = 20,
	MH_TYPE_MAX = 24	/* first unassigned */
};

/* Binding Update flags, as the 16-bit word (PROTOCOL 2.2). */
enum { BU_A = 0x8000, BU_H = 0x4000, BU_L = 0x2000, BU_K = 0x1000,
	BU_M = 0x0800, BU_R = 0x0400, BU_P = 0x0200, BU_F = 0x0100,
	BU_T = 0x0080, BU_B = 0x0040 };
/* Binding Acknowledgement flags, the octet (PROTOCOL 2.3). */
enum { BA_K = 0x80, BA_R = 0x40, BA_P = 0x20, BA_T = 0x10, BA_B = 0x08 };

/* Which options were present (bit set in mh_opts.have). */
enum {
	MHO_REFRESH_ADVICE	= 1 << 0,
	MHO_ALT_COA		= 1 << 1,
	MHO_MN_ID		= 1 << 2,
	MHO_HNP			= 1 << 3,
	MHO_HANDOFF		= 1 << 4,
	MHO_ACCESS_TECH		= 1 << 5,
	MHO_LL_ID		= 1 << 6,
	MHO_LINK_LOCAL		= 1 << 7,
	MHO_TIMESTAMP		= 1 << 8,
	MHO_TIMESTAMP_BAD	= 1 << 9,	/* option 27, wrong length */
	MHO_RESTART		= 1 << 10,
	MHO_IP4_HOA		= 1 << 11,	/* 29 */
	MHO_IP4_ACK		= 1 << 12,	/* 30 */
	MHO_IP4_REQ		= 1 << 13,	/* 36 */
	MHO_IP4_REPLY		= 1 << 14,	/* 37 */
	MHO_IP4_ROUTER		= 1 << 15,	/* 38 */
	MHO_IP4_DHCP		= 1 << 16,	/* 39 */
	MHO_SERVICE		= 1 << 17,	/* 20 */
};

#define MH_HNP_MAX 4		/* home network prefix options kept */

/* An IPv4 address option of any of the four kinds. */
struct mh_ip4 {
	struct in_addr addr;
	uint8_t plen;
	uint8_t status;		/* 30, 37 */
	bool prefix_request;	/* 29: P */
};

/*
 * All options of a message, decoded.  Pointers refer into the packet and live
 * as long as it does.  First instance of a single-instance option wins, each
 * further one is counted in `dup`.  What `have` does not name, from alt_coa on,
 * is anything.
 */
struct mh_opts {
	uint32_t have;
	uint8_t dup;
	uint8_t unknown;	/* options skipped */
	uint8_t nhnp;		/* 0..MH_HNP_MAX; hnp_more: there were more */
	bool hnp_more;
	uint8_t handoff;
	uint8_t access_tech;
	uint8_t ll_id_len;	/* octets of ll_id */
	uint8_t mn_id_subtype;	/* 1 = NAI */
	uint8_t mn_id_len;	/* may be 0 */
	uint8_t service_len;
	uint16_t refresh_advice_4s;
	uint32_t restart;
	const char *mn_id;	/* not NUL-terminated */
	const char *service;
	const uint8_t *ll_id;
	struct in6_addr alt_coa;
	struct in6_addr link_local;
	struct prefix hnp[MH_HNP_MAX];	/* host bits behind the length cleared;
					 * ALL_ZERO (RFC 5213 8.3) as ::/n */
	uint64_t timestamp;	/* as on the wire */
	struct mh_ip4 ip4_hoa, ip4_ack, ip4_req, ip4_reply;
	struct in_addr ip4_router;
	bool ip4_dhcp_server;
};

struct mh_msg {
	uint8_t type;		/* enum mh_type */
	union {
		struct { uint16_t seq, flags, lifetime_4s; } bu;
		struct { uint8_t status, flags; uint16_t seq, lifetime_4s; } ba;
		struct { uint8_t status; struct in6_addr home; } be;
	};
	struct mh_opts o;
};

/* A message without options, its fields 0. */
static inline void
mh_msg_init(struct mh_msg *m, enum mh_type type)
{
	memset(m, 0, offsetof(struct mh_msg, o.alt_coa));
	m->type = (uint8_t)type;
}

/*
 * Why a packet was not accepted.  One table for the enumeration, the counter's
 * name, and where the rule stands.
 */
#define MH_DROPS(X) \
	X(MH_OK, "mh-ok", "parsed") \
	X(MH_SHORT, "mh-short", "shorter than 8 octets: RFC 6275 9.2") \
	X(MH_TRUNCATED, "mh-truncated", \
	    "Header Len beyond the packet: RFC 6275 9.2") \
	X(MH_CHECKSUM, "mh-checksum", "checksum wrong: RFC 6275 9.2") \
	X(MH_PAYLOAD_PROTO, "mh-payload-proto", \
	    "Payload Proto is not 59: RFC 6275 9.2") \
	X(MH_UNKNOWN_TYPE, "mh-unknown-type", \
	    "MH Type not known, answered by a Binding Error: RFC 6275 9.2") \
	X(MH_HDRLEN, "mh-header-len", \
	    "Header Len below the type's minimum: RFC 6275 9.2") \
	X(MH_OPTION_OVERRUN, "mh-option-overrun", \
	    "an option runs past the message: RFC 6275 6.2") \
	X(MH_OPTION_MANY, "mh-option-many", "more than 64 options") \
	X(MH_OPTION_BAD, "mh-option-bad", \
	    "an option's content is impossible: PROTOCOL 10.2")

enum mh_drop {
#define X(id, name, help) id,
	MH_DROPS(X)
#undef X
	MH_DROP_MAX
};
/* Indexed by enum mh_drop. */
extern const struct stat_desc mh_drop_desc[MH_DROP_MAX];

/* Compatibility switches of the wire form (PROTOCOL A1, A3). */
struct mh_wire {
	uint8_t opt_hnp;	/* 22 */
	uint8_t opt_timestamp;	/* 27 */
	bool ts_accept_len18;	/* A1 */
	bool verify_checksum;	/* the kernel has done it otherwise */
	bool leave_checksum;	/* write 0: the kernel will do it */
};
extern const struct mh_wire mh_wire_default;

/*
 * Parse `len` octets that arrived from src for dst.  MH_OK and *ret filled, or
 * the reason; on MH_UNKNOWN_TYPE ret->type is set, and on MH_OPTION_* the type
 * and the fields before the options are (for an answer).  Types whose message
 * data we do not read (HoTI, Heartbeat, ...) are MH_OK with no options.  Option
 * rules: PROTOCOL 10.2 (wrong length of a known option: as if absent; unknown:
 * skipped; MN-ID of Length 1: present, mn_id_len 0).
 * *ret_off, when not NULL, is the offset of the offending octet.
 */
enum mh_drop mh_parse(const void *data, size_t len, const struct in6_addr *src,
    const struct in6_addr *dst, const struct mh_wire *w, struct mh_msg *ret,
    size_t *ret_off);

/*
 * A glance at a BU before it is parsed: the NAI of its first MN-ID option, and
 * the IPv4 address that it asks for.  False when there is no NAI to be seen;
 * what it finds is a guess, for looking ahead.
 */
struct mh_peek {
	const char *nai;
	uint8_t nai_len;
	struct in_addr ip4;		/* 0.0.0.0: none */
};
bool mh_peek(const void *data, size_t len, struct mh_peek *ret);

/*
 * Build a BU, BA or BE from a struct mh_msg: options in the order MN-ID, HNP,
 * Alternate CoA, LL address, IPv4 ..., Time Stamp; aligned, padded to 8,
 * checksum filled in unless it shall be left.  Octets written, or -EMSGSIZE /
 * -EINVAL.
 */
int mh_build(const struct mh_msg *m, const struct in6_addr *src,
    const struct in6_addr *dst, const struct mh_wire *w, void *buf, size_t cap);

/* RFC 6275 6.1.1 checksum over pseudo-header and message with the checksum
 * field taken as 0; host byte order value to store big-endian. */
uint16_t mh_checksum(const void *data, size_t len, const struct in6_addr *src,
    const struct in6_addr *dst);

/* Time stamp option value from microseconds since 1970 and back (RFC 5213
 * 8.8: 48 bit seconds, 16 bit fraction).  Round trip loses < 16 us. */
uint64_t mh_ts_from_us(int64_t wall_us);
int64_t mh_ts_to_us(uint64_t ts);

/* "BU", "BA", "BE", ... for logs; "unassigned". */
const char *mh_type_name(uint8_t type);

#endif

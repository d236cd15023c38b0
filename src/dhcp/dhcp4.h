/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DHCPv4 as a relay agent needs it (RFC 2131, RFC 2132, RFC 3046).  A pure
 * codec.
 */
#ifndef PMIP_DHCP4_H
#define PMIP_DHCP4_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <netinet/in.h>

#include "core/addr.h"
#include "core/stats.h"

enum { D4_BOOTREQUEST = 1, D4_BOOTREPLY = 2 };

enum dhcp4_type {
	D4_DISCOVER = 1, D4_OFFER, D4_REQUEST, D4_DECLINE, D4_ACK, D4_NAK,
	D4_RELEASE, D4_INFORM,
};

#define D4_HOPS_MAX 16		/* RFC 1542 4.1.1 */
#define D4_BROADCAST 0x8000	/* flags: RFC 2131 2 */
#define D4_CHADDR_MAX 16
#define D4_OPTS_MAX 128
#define D4_MSG_MIN 300		/* what every BOOTP implementation pads to */
#define D4_MSG_MAX 1472		/* of Ethernet's 1500 */

/* Some octets of the message, borrowed. */
struct dhcp4_octets {
	const uint8_t *p;	/* NULL: absent */
	uint8_t n;
};

/* Relay Agent Information, option 82.  Addresses 0.0.0.0: absent. */
struct dhcp4_agent {
	struct dhcp4_octets circuit_id;		/* 1: RFC 3046 */
	struct dhcp4_octets remote_id;		/* 2: RFC 3046 */
	struct in_addr link_selection;		/* 5: RFC 3527 */
	struct dhcp4_octets subscriber_id;	/* 6: RFC 3993 */
	bool has_flags;
	uint8_t flags;				/* 10: RFC 5010 */
	struct in_addr server_override;		/* 11: RFC 5107 */
};
#define D4_AGENT_UNICAST 0x80	/* the client sent it to us alone */

struct dhcp4_msg {
	uint8_t op, htype, hlen, hops;
	uint32_t xid;
	uint16_t secs, flags;
	struct in_addr ciaddr, yiaddr, siaddr, giaddr;
	uint8_t chaddr[D4_CHADDR_MAX];
	/* options; 0, 0.0.0.0: absent */
	uint8_t type;			/* 53, enum dhcp4_type */
	struct in_addr server_id;	/* 54 */
	struct in_addr requested;	/* 50 */
	struct in_addr mask;		/* 1 */
	struct in_addr router;		/* 3, the first */
	bool has_lease;
	uint32_t lease_s;		/* 51 */
	uint8_t overload;		/* 52: fields that hold options */
	bool has_agent;			/* 82, in whichever field */
	struct dhcp4_agent agent;
	/* the message itself, borrowed */
	const uint8_t *data;
	size_t len;
};

#define DHCP4_DROPS(X) \
	X(D4D_OK, "dhcp4-ok", "parsed") \
	X(D4D_SHORT, "dhcp4-short", "truncated: RFC 2131 2") \
	X(D4D_OP, "dhcp4-op", "neither BOOTREQUEST nor BOOTREPLY: RFC 2131 2") \
	X(D4D_HLEN, "dhcp4-hlen", "hardware address beyond 16 octets") \
	X(D4D_COOKIE, "dhcp4-cookie", "no options: plain BOOTP: RFC 2131 3") \
	X(D4D_TYPE, "dhcp4-type", "no known message type: RFC 2132 9.6") \
	X(D4D_OPT_OVERRUN, "dhcp4-option-overrun", \
	    "an option runs past the end: RFC 2132 2") \
	X(D4D_OPT_LENGTH, "dhcp4-option-length", \
	    "an option's length is not one it can have") \
	X(D4D_OPT_MANY, "dhcp4-option-many", "more than 128 options") \
	X(D4D_OVERLOAD, "dhcp4-overload", \
	    "option 52 is not 1, 2 or 3: RFC 2132 9.3") \
	X(D4D_AGENT, "dhcp4-agent", "option 82 is malformed: RFC 3046 2.0")

enum dhcp4_drop {
#define X(id, name, help) id,
	DHCP4_DROPS(X)
#undef X
	DHCP4_DROP_MAX
};
extern const struct stat_desc dhcp4_drop_desc[DHCP4_DROP_MAX];

const char *dhcp4_type_name(uint8_t type);
/* Leading one bits; 0 for what is no mask. */
uint8_t dhcp4_mask_len(struct in_addr mask);
/* An Ethernet address; zero when the message is of another hardware. */
struct mac dhcp4_mac(const struct dhcp4_msg *m);

enum dhcp4_drop dhcp4_parse(const void *data, size_t len,
    struct dhcp4_msg *ret);
/*
 * `m` again: the fixed fields as they stand in the struct (hops and giaddr are
 * a relay's to change), server name, boot file and options as they came, but
 * option 82 as `agent` says, NULL takes it out.  It stands last (RFC 3046 2.1)
 * and not in overloaded fields, wherever it was.  Octets, or -EMSGSIZE.
 */
int dhcp4_build(const struct dhcp4_msg *m, const struct dhcp4_agent *agent,
    void *buf, size_t cap);

#endif

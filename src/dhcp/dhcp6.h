/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DHCPv6 as a relay agent needs it (RFC 8415): relay messages whole, and of
 * clients' and servers' messages what tells who has which address.  A pure
 * codec.
 */
#ifndef PMIP_DHCP6_H
#define PMIP_DHCP6_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <netinet/in.h>

#include "core/addr.h"
#include "core/stats.h"

enum dhcp6_type {
	D6_SOLICIT = 1, D6_ADVERTISE, D6_REQUEST, D6_CONFIRM, D6_RENEW,
	D6_REBIND, D6_REPLY, D6_RELEASE, D6_DECLINE, D6_RECONFIGURE,
	D6_INFORMATION_REQUEST, D6_RELAY_FORW, D6_RELAY_REPL,
};

enum dhcp6_status {
	D6_SUCCESS, D6_UNSPEC_FAIL, D6_NO_ADDRS_AVAIL, D6_NO_BINDING,
	D6_NOT_ON_LINK, D6_USE_MULTICAST,
};

#define D6_HOP_LIMIT 8		/* HOP_COUNT_LIMIT: RFC 8415 7.6 */
#define D6_OPTS_MAX 64		/* of one message, those inside of others too */
#define D6_ADDRS_MAX 8		/* that we look at */

/* Some octets of the message, borrowed. */
struct dhcp6_octets {
	const uint8_t *p;	/* NULL: no such option */
	uint16_t n;
};

/* One IA Address option; `status` is its own, else that of its IA. */
struct dhcp6_addr {
	struct in6_addr addr;
	uint32_t preferred_s, valid_s;
	uint32_t iaid;
	uint16_t status;
};

/* A client's or a server's message. */
struct dhcp6_msg {
	uint8_t type;
	uint32_t xid;		/* 24 bits */
	struct dhcp6_octets client_id, server_id;
	bool rapid_commit;
	uint16_t status;	/* of the whole message */
	uint8_t nia;		/* IA_NA options */
	uint16_t ia_status;	/* the first of them that is not Success */
	bool more;		/* addresses than fit */
	uint8_t naddrs;
	struct dhcp6_addr addrs[D6_ADDRS_MAX];
};

/* Relay-forward or Relay-reply. */
struct dhcp6_relay {
	uint8_t type;
	uint8_t hops;
	struct in6_addr link, peer;
	struct dhcp6_octets interface_id;	/* 18 */
	struct dhcp6_octets remote_id;		/* 37, with enterprise number */
	struct dhcp6_octets subscriber_id;	/* 38 */
	bool has_mac;				/* 79, of Ethernet */
	struct mac mac;
	struct dhcp6_octets msg;		/* 9: what is relayed */
};

/* All levels of a relayed message; n 0: it was not relayed. */
struct dhcp6_chain {
	uint8_t n;
	struct dhcp6_relay level[D6_HOP_LIMIT];	/* outermost first */
	struct dhcp6_msg msg;
};

#define DHCP6_DROPS(X) \
	X(D6D_OK, "dhcp6-ok", "parsed") \
	X(D6D_SHORT, "dhcp6-short", "truncated: RFC 8415 8, 9") \
	X(D6D_TYPE, "dhcp6-type", "unknown message type: RFC 8415 16") \
	X(D6D_OPT_OVERRUN, "dhcp6-option-overrun", \
	    "an option runs past the end: RFC 8415 21.1") \
	X(D6D_OPT_LENGTH, "dhcp6-option-length", \
	    "an option's length is not one it can have") \
	X(D6D_OPT_MANY, "dhcp6-option-many", "more than 64 options") \
	X(D6D_NO_RELAY_MSG, "dhcp6-relay-empty", \
	    "relays nothing: RFC 8415 9.1") \
	X(D6D_NESTED, "dhcp6-relay-nested", \
	    "relayed more than 8 times: RFC 8415 7.6") \
	X(D6D_MIXED, "dhcp6-relay-mixed", \
	    "forward and reply inside of each other")

enum dhcp6_drop {
#define X(id, name, help) id,
	DHCP6_DROPS(X)
#undef X
	DHCP6_DROP_MAX
};
extern const struct stat_desc dhcp6_drop_desc[DHCP6_DROP_MAX];

/* Of anything; "?" for what we do not know. */
const char *dhcp6_type_name(uint8_t type);

enum dhcp6_drop dhcp6_parse(const void *data, size_t len,
    struct dhcp6_msg *ret);
enum dhcp6_drop dhcp6_parse_relay(const void *data, size_t len,
    struct dhcp6_relay *ret);
/* Through all levels down to the message of the client or server. */
enum dhcp6_drop dhcp6_parse_chain(const void *data, size_t len,
    struct dhcp6_chain *ret);
/* Octets or -EMSGSIZE. */
int dhcp6_build_relay(const struct dhcp6_relay *r, void *buf, size_t cap);

#endif

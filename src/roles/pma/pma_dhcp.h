/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The DHCP relays of the role "pma" (draft 6.8; PROTOCOL 5.4, 7.5, 7.6).
 *
 *   pma_dhcp.c    what both families share: who is asking, holding, the
 *                 sockets, what the state machine tells us
 *   pma_dhcp6.c   DHCPv6
 *   pma_dhcp4.c   DHCPv4
 */
#ifndef PMIP_PMA_DHCP_H
#define PMIP_PMA_DHCP_H

#include "dhcp/dhcp4.h"
#include "dhcp/dhcp6.h"
#include "nd/udp.h"
#include "roles/pma/pma.h"

#define DHCP_PAYLOAD_MAX 1472	/* of a client: it comes in one packet */
#define DHCP_MSG_MAX 2048	/* relayed, either way */
#define DHCP_ID_MAX 40		/* "ifname/mac" */
#define DHCP_LISTEN_MAX 2
#define DHCP_BURST 20		/* messages of one node and family */
#define DHCP_PER_SEC 10
/* PROTOCOL 5.4: after a Release or Decline that nobody answers. */
#define DHCP_FORGET_US (1 * USEC_PER_SEC)
/* A renewal that went past us: how often, and how long, we ask as well. */
#define DHCP_COPY_TRIES 3
#define DHCP_COPY_US (2 * USEC_PER_SEC)

#define PMA_DHCP_COUNTERS(X) \
	X(PDH_RELAYED, "relayed", "messages of nodes, to every server") \
	X(PDH_DELIVERED, "delivered", "messages of servers, to the node") \
	X(PDH_HELD, "held", "kept until the node is registered") \
	X(PDH_HELD_OVER, "held-replaced", "a later one took the place") \
	X(PDH_RENEWALS, "renewals-seen", \
	    "that went to the server past us; we asked as well") \
	X(PDH_UNHEARD, "renewals-unanswered", \
	    "of those: the server did not tell us") \
	X(PDH_OFF, "not-configured", "of a family that is not relayed") \
	X(PDH_UNKNOWN, "unknown-node", "of nobody that the policy knows") \
	X(PDH_GATE, "not-registered", "the node's state forbids it") \
	X(PDH_SPOOF, "spoofed", "the sender says it is somebody else") \
	X(PDH_SOURCE, "bad-source", \
	    "a source address that is not the node's: RFC 8415 17.1") \
	X(PDH_TYPE, "wrong-direction", \
	    "servers' messages from nodes, or the other way round") \
	X(PDH_HOPS, "hop-limit", "relayed too often: RFC 8415 19.1.2, " \
	    "RFC 1542 4.1.1") \
	X(PDH_LOOP, "loop", "we have relayed it before") \
	X(PDH_LINK, "foreign-link", \
	    "a relay behind the node names a link that is not the node's") \
	X(PDH_GIADDR, "giaddr-set", \
	    "a node's message with giaddr: RFC 3046 2.1.1") \
	X(PDH_AGENT, "agent-option", \
	    "a node's message with option 82: RFC 3046 2.1.1") \
	X(PDH_RATE, "rate-limited", \
	    "more than 10 a second of one node and family") \
	X(PDH_LONG, "too-long", "does not fit when relayed") \
	X(PDH_TX, "send-failed", "that could not be sent, either way") \
	X(PDH_STRANGER, "unknown-server", "from none of the servers") \
	X(PDH_NO_NODE, "no-such-node", \
	    "a reply for a node that is not here (any more)") \
	X(PDH_MISMATCH, "reply-mismatch", \
	    "a reply whose addresses are not the node's") \
	X(PDH_OUTSIDE, "wrong-prefix", \
	    "assigns an address that is not in the home prefix or subnet")

enum pma_dhcp_counter {
#define X(id, name, help) id,
	PMA_DHCP_COUNTERS(X)
#undef X
	PDH_MAX
};

/* Of the role, while it runs. */
struct pma_dhcp {
	struct stat_group st, st6, st4;
	struct ratelimit rl;		/* log lines about nodes and servers */
	struct dhcp_addr at[DHCP_LISTEN_MAX];	/* where we listen */
	size_t nat;
	uint8_t buf[DHCP_MSG_MAX];	/* what is being built */
	uint8_t pkt[DHCP_MSG_MAX + UDP_HDR_MAX];
};

/* A client's datagram that is kept; its data follow. */
struct dhcp_kept {
	struct udp_msg m;
	uint8_t data[];
};

/* One node's dealings with servers of one family. */
struct dhcp_side {
	struct dhcp_node *node;
	uint32_t xid;			/* of its last message */
	uint8_t type;
	bool answered;			/* that one was, and learnt from */
	bool past_us;			/* it went to the server directly, and
				 * so does the answer */
	uint8_t tries;			/* left, of a renewal past us */
	struct ratelimit rate;		/* of what the node sends */
	struct dhcp_kept *held;		/* until it is registered */
	struct dhcp_kept *copy;		/* of a renewal past us */
	struct timer t_copy;
	struct timer t_forget;		/* released or declined */
	const char *why;		/* "released", "declined" */
	uint64_t relayed, delivered;
};

/* b->more->dhcp */
struct dhcp_node {
	struct bule *b;
	struct dhcp_side v6, v4;
	struct in6_addr peer;		/* its last source of DHCPv6 */
	struct in6_addr confirm;	/* what it asked to be confirmed */
};

/* --- pma_dhcp.c ---------------------------------------------------------- */

int dhcp_start(struct pma *p);
/* Listen where `conf` says; on failure nothing has changed. 0 or -errno. */
int dhcp_reload(struct pma *p, const struct pma_conf *conf);
void dhcp_stop(struct pma *p);
/* role_ops */
void dhcp_udp(struct role *r, const struct link_if *lif,
    const struct mac *src, const struct udp_msg *m);
void dhcp_core(struct role *r, const struct dhcp_pkt *pkt);
/* A member "dhcp" into the open object: what its relay knows of it. */
void dhcp_show(struct json_w *w, const struct bule *b);

/* The same of the role: where its relays listen. */
void dhcp_show_role(struct json_w *w, const struct pma *p);

/* Count, and say so at most so often; `b` may be NULL. */
void dhcp_drop(struct pma *p, enum pma_dhcp_counter why, const struct bule *b,
    const struct mac *mac);
/* What a parser says, of a message of `mac` (NULL: of a server). Is it good? */
#define DHCP_PARSED 0			/* D6D_OK, D4D_OK */
bool dhcp_parsed(struct pma *p, struct stat_group *st, unsigned drop,
    const struct mac *mac);
/* PDH_RELAYED: it may go to the servers; all else is counted. */
bool dhcp_passes(struct bule *b, enum pma_dhcp_counter why);
/*
 * "ifname/mac": who is meant, in Interface-Id and Agent Circuit ID.  The
 * server gives it back, and it means the same after a restart.  Its length.
 */
size_t dhcp_id(const struct bule *b, char buf[DHCP_ID_MAX]);
struct bule *dhcp_by_id(const struct pma *p, const void *id, size_t n);
/* The node of that MAC address on whichever access interface. */
struct bule *dhcp_by_mac(const struct pma *p, const struct mac *mac);
/* Its record, made at the first call. NULL: out of memory. */
struct dhcp_node *dhcp_node_get(struct bule *b);
/* Released or declined: forget it when DHCP_FORGET_US are over. */
void dhcp_forget_later(struct dhcp_side *s, const char *why);
/* It has got another one before that. */
void dhcp_forget_not(struct dhcp_side *s);
/* It has been answered: forget it now. */
void dhcp_forget_now(struct dhcp_side *s);
/* A renewal goes to the server past us: ask as well, until it answers. */
void dhcp_copy_start(struct dhcp_side *s, const struct udp_msg *m);
void dhcp_copy_stop(struct dhcp_side *s);
/* A datagram to the node, alone at layer 2; `type` is for the log. */
void dhcp_deliver(struct bule *b, struct dhcp_side *s,
    const struct udp_msg *m, const char *type);
/* A message of the node has gone to the servers. */
void dhcp_relayed(struct bule *b, struct dhcp_side *s, const char *type);
/* What is in p->dhcp->buf to a server. */
void dhcp_to_server(struct bule *b, const struct dhcp_addr *src,
    const struct dhcp_addr *dst, size_t len);

/* --- pma_dhcp6.c, pma_dhcp4.c -------------------------------------------- */

/* A datagram of a node that may be relayed or held, already known to be. */
void dhcp6_from_node(struct bule *b, const struct udp_msg *m);
void dhcp4_from_node(struct bule *b, const struct udp_msg *m);
/* The same once the gate is open, or again for a renewal past us. */
void dhcp6_relay(struct bule *b, const struct udp_msg *m);
void dhcp4_relay(struct bule *b, const struct udp_msg *m);
void dhcp6_from_server(struct pma *p, const struct dhcp_pkt *pkt);
void dhcp4_from_server(struct pma *p, const struct dhcp_pkt *pkt);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside the role "pma": what its files share.
 *
 *   pma.c         start, reload, stop, show: the role_ops
 *   pma_access.c  access interfaces: they come, change and vanish
 *   pma_conf.c    what the configuration says (pma_conf.h)
 *   pma_list.c    the binding update list and its indexes
 *   pma_fsm.c     the state machine of one mobile node (PROTOCOL 5.1)
 *   pma_profile.c what the policy says of it
 *   pma_disc.c    home agents that nobody names (5.4)
 *   pma_learn.c   addresses that are learnt, by DHCP or from the home agent
 *                 (PROTOCOL 5.4)
 *   pma_ip4.c     the IPv4 home address
 *   pma_arp.c     ARP for its default router
 *   pma_dhcp*.c   DHCP relay
 *   pma_pbu.c     signalling: build, send, retransmit, match
 *   pma_path.c    what the data plane is to do for one node
 *   pma_visitor.c nodes without network-based mobility (6.9)
 *   pma_ra.c      Router Advertisements
 *   pma_probe.c   is it still there? (neighbour unreachability detection)
 *   pma_resolve.c where is it? (the kernel asks)
 *   pma_ctl.c     control commands
 */
#ifndef PMIP_PMA_H
#define PMIP_PMA_H

#include <sys/queue.h>

#include "core/crypto.h"
#include "core/htab.h"
#include "roles/pma/pma_conf.h"
#include "roles/role.h"

/* PROTOCOL 5.1 */
enum bul_state {
	BUL_IDLE,		/* only while it is made or freed */
	BUL_PROFILE,		/* profile lookup under way */
	BUL_REG,		/* first registration outstanding */
	BUL_WAIT_DHCP,		/* Shared-Prefix: no address is known */
	BUL_ACTIVE,
	BUL_REREG,		/* refresh outstanding, still forwarding */
	BUL_DEREG,		/* lifetime 0 outstanding */
	BUL_DENIED,
	BUL_BACKOFF,
	BUL_VISITOR,		/* local access only (6.9) */
	BUL_STATE_MAX
};
extern const char *const bul_state_names[BUL_STATE_MAX];

/* A home agent we talk to; few, never freed while the role runs. */
struct pma_peer {
	SLIST_ENTRY(pma_peer) entry;
	struct in6_addr address;
	struct dp_tunnel *pinned;	/* static tunnel */
	uint32_t nodes;			/* entries that name it */
	uint64_t sent, accepted, refused, timeouts, errors;
};

/* An access interface that is there and matches the configuration. */
struct pma_access {
	SLIST_ENTRY(pma_access) entry;
	struct link_if lif;
	bool p2p;			/* configured or by nature */
	uint32_t sources;
	char *nai;			/* point-to-point: who is there */
	struct visitor_host *visit;	/* pma_visitor.c; NULL: no visitors */
	bool visit_again;		/* during a reload: it has changed */
	TAILQ_HEAD(, bule) nodes;
};

struct bul_path;		/* pma_path.c */
struct pma_disc;		/* pma_disc.c */
struct dhcp_node;		/* pma_dhcp.h */
struct pma_dhcp;

/* Who says what a node's address is. */
enum hoa_source { HOA_NONE, HOA_STATIC, HOA_DHCP, HOA_BY_HA };

/* How long DHCP has given an address; the timer is not armed: for ever. */
struct lease {
	struct timer timer;
	uint32_t rest_s;		/* after that: it may be too short */
};

/*
 * What a node has beyond a prefix of its own: an address of its own, IPv4.
 * Only nodes that have some of that pay for it (list_more()).
 */
struct bul_more {
	struct bule *b;
	/* of the profile */
	struct in6_addr static6;	/* Shared-Prefix; :: by DHCP */
	struct prefix subnet4;		/* home subnet; family 0: no IPv4 */
	struct in_addr static4;		/* 0.0.0.0: by DHCP */
	struct in_addr router4;		/* the subnet's */
	/* known, and in the next PBU */
	struct in6_addr hoa;		/* :: none known */
	struct in_addr hoa4;		/* D6.11-5; 0.0.0.0 none known */
	struct in_addr gw4;		/* D6.11-7: the node's default router */
	struct lease lease, lease4;
	uint8_t plen4;			/* D6.11-6 */
	uint8_t hoa_by, hoa4_by;	/* enum hoa_source */
	/* at the home agent */
	struct in6_addr told6;		/* Shared-Prefix: the last named */
	struct in_addr reg4;		/* it has said yes to; 0.0.0.0 none */
	const char *why4;		/* IPv4 was refused; NULL */
	bool asked4;			/* the last PBU had the IPv4 option */
	bool ask4;			/* with 0.0.0.0, for what it knows */
	bool pause4;			/* the data plane refused: without */
	usec_t waiting;			/* since when in WAIT_DHCP */
	/* pma_arp.c */
	bool announce4;			/* the node may have come from another
					 * router */
	uint8_t garps;			/* announcements to come */
	struct timer t_arp;
	struct ratelimit rl_arp;
	struct dhcp_node *dhcp;		/* the relay's own; it frees it in
					 * dhcp_node_free() */
};

/* What few nodes have, or for a while (list_rare()). */
struct bul_rare {
	struct in6_addr prev_router;	/* to be withdrawn (7.3) */
	struct in6_addr addr;		/* of one whose link-local address is
					 * unknown: another; :: unknown, too */
};

/*
 * Binding update list entry (draft 6.11).  Keys: NAI; (access interface, MAC);
 * (access interface, link-local address of the node) once that is known; the
 * home prefix once the profile is, or in the Shared-Prefix model the address.
 */
struct bule {
	struct hnode by_nai, by_mac, by_lla, by_home;
	struct pma *pma;
	struct pma_access *access;	/* NULL: its interface has gone */
	TAILQ_ENTRY(bule) on_access;
	struct pma_disc *disc;		/* waits for that; NULL */
	TAILQ_ENTRY(bule) on_disc;
	struct pma_peer *peer;		/* home agent; NULL through PROFILE */
	struct dp_tunnel *tunnel;	/* counted as its user */
	struct bul_path *paths;		/* wanted, there, or being removed */
	struct timer t_signal;		/* retransmit, back off, refresh */
	struct timer t_expiry;		/* end of the granted lifetime */
	struct timer t_ra;		/* next unsolicited advertisement */
	struct timer t_probe;
	struct bul_more *more;		/* NULL: nothing of that */
	struct bul_rare *rare;		/* NULL: nothing of that */
	struct prefix hnp;		/* the /64 of the profile: its own, or
					 * shared with others */
	struct in6_addr lla;		/* of the node's RS; :: unknown */
	struct mac mac;
	uint64_t ts;			/* last Time Stamp sent */
	int64_t lifetime_us;		/* profile's; 0 the role's */
	usec_t heard;			/* last sign of life */
	usec_t attached;
	usec_t rate_start;		/* of the present second */
	int64_t timeout_us;		/* retransmission or back-off */
	uint16_t seq;
	uint16_t lifetime_4s;		/* granted; counted in the tunnel */
	uint8_t state;			/* enum bul_state */
	uint8_t rate_n;
	uint8_t tries;			/* de-registration, retry at once */
	uint8_t probes;			/* left; 0 not probing */
	bool per_mn_prefix;		/* draft 6.11: model flag */
	uint8_t addr_config;		/* enum addr_config, of the profile */
	bool by_mac_in, by_lla_in, by_home_in;	/* in those indexes */
	bool signalled;			/* the home agent may know of it */
	bool awaiting;			/* a PBU is unanswered */
	bool accepted;			/* by the home agent */
	bool stays;			/* DEREG, but the node is here */
	bool syncing, sync_again;	/* in path_sync() */
	bool advertised;		/* the prefix was, and not withdrawn */
	uint8_t initial_left;		/* advertisements to repeat */
	bool refresh_after_probe;
	uint8_t attached_by;		/* enum attach_source */
	bool lookup;			/* a policy lookup is under way */
	bool gone;			/* free when the data plane is done */
	uint8_t prev_left;		/* advertisements of prev_router */
	bool visitor;			/* hnp and more are the place's */
	uint8_t nai_len;
	char nai[];			/* NUL-terminated */
};

#define PMA_COUNTERS(X) \
	X(PMA_ST_ATTACHED, "attached", "nodes that appeared") \
	X(PMA_ST_DETACHED, "detached", "nodes that left") \
	X(PMA_ST_UNKNOWN_MAC, "unknown-mac", \
	    "attach events of addresses the policy does not know") \
	X(PMA_ST_UNKNOWN_NAI, "unknown-nai", "no profile: not registered") \
	X(PMA_ST_NOT_ENTITLED, "not-entitled", \
	    "the profile says no network-based mobility (6.9)") \
	X(PMA_ST_VISITOR, "visitors", "nodes served as visitors (6.9)") \
	X(PMA_ST_NO_HOME_AGENT, "no-home-agent", \
	    "neither profile nor configuration names one") \
	X(PMA_ST_DISC_ASKED, "discovery-requests", \
	    "for home agents, repetitions too: draft 5.4") \
	X(PMA_ST_DISC_FOUND, "discovery-replies", "that named one") \
	X(PMA_ST_DISC_STRAY, "discovery-stray", \
	    "replies that match no request, or name nobody") \
	X(PMA_ST_DISC_FAILED, "discovery-failed", \
	    "prefixes for which nobody has answered") \
	X(PMA_ST_DISC_FULL, "discovery-full", \
	    "more prefixes than we ask for at a time") \
	X(PMA_ST_FULL, "table-full", "attach events beyond max-nodes") \
	X(PMA_ST_PBU, "pbu-sent", "Proxy Binding Updates, all kinds") \
	X(PMA_ST_RETRANS, "pbu-retransmitted", "after a timeout") \
	X(PMA_ST_RATE, "pbu-delayed", "held back by max-update-rate") \
	X(PMA_ST_PBA, "pba-received", "acknowledgements") \
	X(PMA_ST_PBA_STRAY, "pba-stray", \
	    "that match nothing outstanding: ignored") \
	X(PMA_ST_PBA_NO_P, "pba-without-p", "accepting, but P not set (8.2)") \
	X(PMA_ST_REGISTERED, "registered", "registrations accepted") \
	X(PMA_ST_REFRESHED, "refreshed", "refreshes accepted") \
	X(PMA_ST_DENIED, "denied", "permanent refusals") \
	X(PMA_ST_BACKOFF, "backoff", "refusals that may pass") \
	X(PMA_ST_CLOCK, "clock-refused", \
	    "148 and the home agent's clock differs from ours") \
	X(PMA_ST_EXPIRED, "expired", "lifetimes that ran out unrefreshed") \
	X(PMA_ST_DEREGISTERED, "deregistered", "acknowledged or given up") \
	X(PMA_ST_KERNEL_REFUSED, "kernel-refused", \
	    "paths the data plane refused: de-registered again") \
	X(PMA_ST_RA, "ra-sent", "Router Advertisements") \
	X(PMA_ST_PREVIOUS, "previous-withdrawn", \
	    "Router Advertisements in the name of the router before us (7.3)") \
	X(PMA_ST_RA_FAILED, "ra-failed", "that could not be sent") \
	X(PMA_ST_RS, "rs-received", "Router Solicitations of known nodes") \
	X(PMA_ST_PROBE, "probes-sent", "Neighbour Solicitations") \
	X(PMA_ST_SOLICITED, "neighbours-solicited", \
	    "Neighbour Solicitations for what the kernel asked us and we did " \
	    "not know") \
	X(PMA_ST_RESOLVE_LIMITED, "neighbours-limited", \
	    "addresses the kernel asked us for too fast: left to itself") \
	X(PMA_ST_LEARNT, "addresses-learnt", \
	    "by DHCP or from the home agent, of either family") \
	X(PMA_ST_FORGOTTEN, "addresses-forgotten", \
	    "leases that ended: released, declined, refused, expired") \
	X(PMA_ST_HOA_OUTSIDE, "address-outside", \
	    "DHCP assigned an address that is not in the home prefix or " \
	    "subnet, or the router's: not used") \
	X(PMA_ST_WAIT_DHCP, "waited-for-dhcp", \
	    "Shared-Prefix nodes whose address nobody knew: 147 (6.10)") \
	X(PMA_ST_IP4_REFUSED, "ipv4-refused", \
	    "by the home agent, IPv6 apart: options 30 and 37") \
	X(PMA_ST_ARP_ASKED, "arp-requests", "of nodes with IPv4 in service") \
	X(PMA_ST_ARP_ANSWERED, "arp-answered", \
	    "for the default router and the rest of the subnet (6.5)") \
	X(PMA_ST_ARP_ANNOUNCED, "arp-announced", \
	    "gratuitous ARP for the default router (6.5)") \
	X(PMA_ST_ARP_LIMITED, "arp-limited", \
	    "not sent: one node caused too many") \
	X(PMA_ST_ARP_FAILED, "arp-failed", "that could not be sent") \
	X(PMA_ST_BE, "binding-errors", \
	    "a home agent does not know the message: RFC 6275 6.1.9")

enum pma_counter {
#define X(id, name, help) id,
	PMA_COUNTERS(X)
#undef X
	PMA_ST_MAX
};

struct pma {
	struct role role;		/* first */
	const struct pma_conf *conf;
	struct stat_group st;
	bool st_registered;
	bool stopping;
	struct hash_key key;
	struct htab *by_nai, *by_mac, *by_lla, *by_home;
	SLIST_HEAD(, pma_access) access;
	SLIST_HEAD(, pma_peer) peers;
	struct pma_dhcp *dhcp;		/* pma_dhcp.c */
	struct htab *disc, *disc_ids;	/* struct pma_disc */
	size_t disc_cursor;
	uint32_t strangers;		/* entries of nodes that nobody knows */
	struct ratelimit rl_unknown;	/* log lines about strangers */
	struct ratelimit rl_clock;
	struct ratelimit rl_unserved;	/* events of nodes without home link */
	struct ratelimit rl_resolve;	/* answers to the kernel */
};

static inline struct pma *
pma_of(struct role *r)
{
	return (struct pma *)(void *)r;
}

static inline usec_t
pma_now(const struct pma *p)
{
	return clock_mono_us(p->role.env->clock);
}

/* --- pma_list.c ---------------------------------------------------------- */

/* A new entry in state IDLE, in the index by NAI. NULL: limit or memory. */
struct bule *list_new(struct pma *p, const char *nai, size_t len);
/* Out of all indexes, timers off; no data plane operation may be under way. */
void list_free(struct bule *b);
/* To look for it elsewhere with; lives as long as `b`. */
struct nai list_nai(const struct bule *b);
struct bule *list_by_nai(const struct pma *p, const char *nai, size_t len);
struct bule *list_by_mac(const struct pma *p, uint32_t ifindex,
    const struct mac *mac);
struct bule *list_by_lla(const struct pma *p, uint32_t ifindex,
    const struct in6_addr *lla);
/* Whose prefix is that address in? */
struct bule *list_by_addr(const struct pma *p, const struct in6_addr *addr);
/* Its home prefix, from the profile. */
void list_set_hnp(struct bule *b, const struct prefix *hnp,
    bool per_mn_prefix);
/* Its home address has changed: list_by_addr() finds it by that. */
void list_reindex(struct bule *b);
/* Put it (also: move it) onto an access interface; NULL takes it off. */
void list_place(struct bule *b, struct pma_access *a, const struct mac *mac);
/* The node's link-local address, learnt (D6.11-4). */
void list_learn_lla(struct bule *b, const struct in6_addr *lla);
struct pma_peer *list_peer(struct pma *p, const struct in6_addr *ha);
/* Its struct bul_more, made at the first call. NULL: out of memory. */
struct bul_more *list_more(struct bule *b);
/* The same of its struct bul_rare. */
struct bul_rare *list_rare(struct bule *b);

/* --- pma_fsm.c ----------------------------------------------------------- */

/* A node is there. `nai` may be NULL (by MAC). */
void fsm_attach(struct pma *p, struct pma_access *a, const struct mac *mac,
    const struct in6_addr *lla, const char *nai, enum attach_source source);
/* It has left; `by` names the evidence. */
void fsm_detach(struct bule *b, enum attach_source by);
/* A packet of the node was seen. */
void fsm_alive(struct bule *b);
/* It solicits routers. */
void fsm_solicited(struct bule *b);
/* The matching answer to our outstanding PBU. */
void fsm_pba(struct bule *b, const struct mh_msg *m, enum reaction react);
/* t_signal fired. */
void fsm_signal_timer(struct timer *t);
void fsm_expiry_timer(struct timer *t);
/*
 * The path of that family that is wanted has been set, or refused.  What is
 * removed is path_sync()'s own business.
 */
void fsm_path_done(struct bule *b, int family, int err);
/* No path is left, nor under way. */
void fsm_path_idle(struct bule *b);
/* What a PBU says has changed: send one, in states that do. */
void fsm_reregister(struct bule *b);
/* Shared-Prefix: it is here and has no address any more. */
void fsm_home_lost(struct bule *b);
/* Nobody answered the probe. */
void fsm_probe_failed(struct bule *b);
/* Free it now, or when the data plane lets go of it. */
void fsm_forget(struct bule *b);

/* For pma_profile.c. */
void fsm_set_state(struct bule *b, enum bul_state s);
void fsm_enter_reg(struct bule *b);
/* status: of the PBA that refused; -1: none did. */
void fsm_enter_denied(struct bule *b, const char *why, int status);
/* No forwarding, no advertising; whatever was said is taken back. */
void fsm_stop_service(struct bule *b);

/* --- pma_profile.c ------------------------------------------------------- */

/* Who is it?  Enters PROFILE; what follows comes from there. */
void profile_look_up(struct bule *b);
void profile_cancel(struct bule *b);
/* The policy was read again. */
void profile_changed(struct bule *b);

/* --- pma_disc.c ---------------------------------------------------------- */

/* The home agent of a prefix, if it has been found out. NULL: not (yet). */
const struct in6_addr *disc_known(const struct pma *p,
    const struct prefix *prefix);
/*
 * Find it out; then the node's profile is looked up again, or, when there is
 * no answer, t_signal is armed.  False: there is no discovery.
 */
bool disc_ask(struct bule *b, const struct prefix *prefix);
/* It waits no longer. */
void disc_cancel(struct bule *b);
void disc_stop(struct pma *p);
/* Member of role_ops. */
void disc_icmp(struct role *r, const struct icmp_pkt *pkt,
    const struct haad_msg *m);

/* --- pma_learn.c (PROTOCOL 5.4) ------------------------------------------ */

#define LEASE_INFINITE 0xffffffffU

/*
 * A DHCPv6 server has assigned `addr` to the node, valid for `valid_s` from
 * now, or renewed that.  One address a node: of several in one reply the
 * relay reports the one that is known (b->more->hoa), else the first.  What is
 * outside the home prefix is refused, counted and logged.
 */
void fsm_learn_hoa(struct bule *b, const struct in6_addr *addr,
    uint32_t valid_s);
/*
 * It is not the node's any more; `why` is for the log ("released", "declined",
 * "expired", "no-binding" ...).  A static address stays.
 */
void fsm_forget_hoa(struct bule *b, const char *why);
/*
 * The same for IPv4: address, prefix length (option 1; 0: the home subnet's),
 * router (option 3; 0.0.0.0: the profile's), against the home subnet.
 */
void fsm_learn_ip4(struct bule *b, const struct in_addr *hoa4, uint8_t plen,
    const struct in_addr *router, uint32_t lease_s);
void fsm_forget_ip4(struct bule *b, const char *why);

/* What the PBU names: the prefix, or the address; false: not known. */
bool learn_home(const struct bule *b, struct prefix *ret);
/* Shared-Prefix: an accepting answer tells it (D6.10-15). */
bool learn_from_ha(struct bule *b, const struct mh_opts *o);
bool learn_ip4_from_ha(struct bule *b, const struct mh_ip4 *v,
    const struct in_addr *router);
/* It has none any more; nobody is told. */
void learn_no_ip4(struct bule *b);
/* Static addresses; what was learnt stays if it fits. False: no memory. */
bool learn_profile(struct bule *b, const struct profile *prof);
/* Its IPv4 section only; true when a PBU has to say something else now. */
bool learn_ip4_changed(struct bule *b, const struct profile *prof);
/* As if nothing had been learnt. */
void learn_nothing(struct bule *b);
/* Until the lease ends; -1: it does not. */
usec_t learn_lease_left(const struct bule *b, const struct lease *l);
void learn_hoa_expired(struct timer *t);
void learn_hoa4_expired(struct timer *t);

/* What becomes of a DHCP message of the node. */
enum dhcp_gate {
	DHCP_RELAY,
	DHCP_HOLD,	/* keep one until dhcp_node_ready() */
	DHCP_DROP,
};
/* family AF_INET6 or AF_INET. */
enum dhcp_gate fsm_dhcp_gate(const struct bule *b, int family);

/* --- pma_ip4.c ----------------------------------------------------------- */

/* The option that this PBU carries, if any. */
void ip4_put(struct bule *b, struct mh_opts *o);
/* What an accepting answer says of it. */
void ip4_answered(struct bule *b, const struct mh_opts *o);
/* A visitor's address has changed, or gone. */
void ip4_native(struct bule *b);
/* The home agent does not know of it (any more); the path is not touched. */
void ip4_unregistered(struct bule *b);
/* No IPv4 service from now on. */
void ip4_stop(struct bule *b);
void ip4_path_done(struct bule *b, int err);

/* --- pma_arp.c ----------------------------------------------------------- */

void pma_arp_init(struct bul_more *m);
void pma_arp_received(struct role *r, const struct link_if *lif,
    const struct mac *src, const struct arp_msg *q);
/* Tell the node where its default router is, if its IPv4 is in service. */
void pma_arp_announce(struct bule *b);
void pma_arp_stop(struct bule *b);
void pma_arp_timer(struct timer *t);

/* --- pma_dhcp.c ---------------------------------------------------------- */

/*
 * The gate is open now (again): flush what is held, both families.  May be
 * called when it was open already.
 */
void dhcp_node_ready(struct bule *b);
/*
 * The gate has closed: forget what is held.  May be called when nothing is;
 * the node may be ready again later.
 */
void dhcp_node_gone(struct bule *b);
/* The entry is freed: and so must be b->more->dhcp (b->more is not NULL). */
void dhcp_node_free(struct bule *b);

/* --- pma_pbu.c ----------------------------------------------------------- */

/*
 * Send a PBU with that lifetime (0: de-registration), fresh sequence number
 * and time stamp (A26), and arm t_signal for the answer.  Over the node's rate
 * it only arms t_signal, and the caller's retry comes from there.
 */
void pbu_send(struct bule *b, uint32_t lifetime_4s);
/* The same without waiting for an answer: when we stop. */
void pbu_send_last(struct bule *b);
/* What to ask for. */
uint32_t pbu_lifetime(const struct bule *b);
void pbu_on_ba(struct role *r, const struct mh_pkt *pkt,
    const struct mh_msg *m);
void pbu_on_be(struct role *r, const struct mh_pkt *pkt,
    const struct mh_msg *m);

/* --- pma_path.c ---------------------------------------------------------- */

/*
 * From now on that prefix and no other of its family; of no family (AF_UNSPEC)
 * or not of that one.  May call fsm_path_done() and fsm_path_idle(), and free
 * an entry that is `gone`.  0, or -ENOBUFS: too many, or no memory.
 */
int path_want(struct bule *b, const struct prefix *prefix);
void path_unwant(struct bule *b, int family);
/* The entry has another place: bring the data plane to what is wanted. */
void path_sync(struct bule *b);
/* Forwarding is there, and where the node is now. */
bool path_ready(const struct bule *b, int family);
/* It is there, if perhaps where the node was. */
bool path_hosted(const struct bule *b, int family);
/* Remove for good, without callbacks: when we stop. */
void path_drop(struct bule *b);
/* Leave the kernel's state to the next run; nothing is called back. */
void path_abandon(struct bule *b);

/* --- pma_visitor.c ------------------------------------------------------- */

enum visitor_cause { VISITOR_NOT_ENTITLED, VISITOR_UNKNOWN, VISITOR_DENIED };
#define VISITOR_NAME_MAX 32

/* An access interface comes and goes. */
void visitor_open(struct pma *p, struct pma_access *a);
void visitor_close(struct pma *p, struct pma_access *a, bool keep);
/* The configuration is another one, and in force. */
void visitor_reload(struct pma *p, const struct pma_conf *old);
/* Serve it as a visitor; false: it may not be one here, nothing has changed. */
bool visitor_enter(struct bule *b, enum visitor_cause cause);
/* It is none any more: take back what it was told. */
void visitor_leave(struct bule *b);
/* An entry is made (1) or freed (-1): strangers are counted. */
void visitor_count(struct bule *b, int n);
/* Is it one, and the place ready? */
bool visitor_ready(const struct bule *b);
/* The policy may know a stranger now. */
void visitor_policy_changed(struct bule *b);
/* t_signal fired: who is it, is it still there? */
void visitor_check(struct bule *b);
/* What a node is called that nobody knows; NULL: it may be no visitor. */
const char *visitor_name(const struct pma *p, const struct pma_access *a,
    const struct mac *mac, char buf[VISITOR_NAME_MAX]);

/* --- pma_ra.c ------------------------------------------------------------ */

/* Advertise, and again every interval. */
void ra_advertise(struct bule *b);
/* It has turned up: does it solicit, or are the first to be repeated? */
void ra_attached(struct bule *b, enum attach_source source);
/* It asks for one now. */
void ra_solicited(struct bule *b);
/* The same if the state has something to advertise; false: not now. */
bool ra_renew(struct bule *b);
/* Router lifetime 0, prefix preferred 0 (PROTOCOL 7.3), if ever advertised. */
void ra_withdraw(struct bule *b);
void ra_timer(struct timer *t);
/* What an accepting answer says of the router before us (A29). */
void ra_previous(struct bule *b, const struct mh_opts *o);

/* --- pma_probe.c --------------------------------------------------------- */

/* Ask whether it is there; false when we do not know whom to ask. */
bool probe_start(struct bule *b);
void probe_stop(struct bule *b);
void probe_timer(struct timer *t);

/* --- pma_resolve.c ------------------------------------------------------- */

void resolve_init(struct pma *p);
/* Member of role_ops. */
bool resolve_addr(struct role *r, uint32_t ifindex,
    const struct in6_addr *addr, struct mac *ret);

/* --- pma_access.c -------------------------------------------------------- */

struct pma_access *access_find(const struct pma *p, uint32_t ifindex);
struct pma_access *access_by_name(const struct pma *p, const char *ifname);
void access_link(struct role *r, enum link_news what,
    const struct link_if *lif);
void access_event(struct role *r, const struct attach_event *ev);
void access_nd(struct role *r, const struct link_if *lif,
    const struct mac *src, const struct nd_msg *m);
/* After a reload: interfaces that no longer match are let go. */
void access_reconfigure(struct pma *p);
void access_close_all(struct pma *p, bool keep);

/* --- pma_ctl.c ----------------------------------------------------------- */

extern const struct ctl_cmd pma_ctl_cmds[];

#endif

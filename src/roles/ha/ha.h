/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside the role "ha": what its files share. */
#ifndef PMIP_HA_H
#define PMIP_HA_H

#include <stddef.h>
#include <string.h>

#include "core/ratelimit.h"
#include "core/spare.h"
#include "roles/ha/ha_cache.h"
#include "roles/ha/ha_conf.h"
#include "roles/role.h"

#define HA_LOOKUPS_MAX 4096	/* policy lookups that wait for an answer */

/* One counter per refusal, then the events. */
#define HA_REFUSALS(X) \
	X(REFUSE_NONE, "accepted", "PBUs answered with status 0") \
	X(REFUSE_PROXY_DISABLED, "refused-proxy-disabled", "145: draft 8.5") \
	X(REFUSE_NO_NAI, "refused-no-nai", "128: A48, draft 5.9") \
	X(REFUSE_UNKNOWN_MN, "refused-unknown-mn", "133: A7") \
	X(REFUSE_PMA, "refused-pma", "146: draft 5, 8.5") \
	X(REFUSE_COA, "refused-coa", "146: draft 5, A16") \
	X(REFUSE_PMA_FOR_MN, "refused-pma-for-mn", "146: draft 10") \
	X(REFUSE_NOT_ENTITLED, "refused-not-entitled", "129: A7") \
	X(REFUSE_TS_MISSING, "refused-ts-missing", "148: draft 5.5, 8.4") \
	X(REFUSE_TS_WINDOW, "refused-ts-window", "148: draft 5.5, A23") \
	X(REFUSE_TS_ORDER, "refused-ts-order", "148: draft 5.5, A23") \
	X(REFUSE_TS_RESTART, "refused-ts-restart", \
	    "148: may be from before our start: PROTOCOL 10.6") \
	X(REFUSE_NO_HNP, "refused-no-hnp", "147: draft 5.9, 8.5") \
	X(REFUSE_NOT_ANCHORED, "refused-not-anchored", "132: A7") \
	X(REFUSE_NOT_MNS_PREFIX, "refused-not-mns-prefix", "129: A50") \
	X(REFUSE_PREFIX_TAKEN, "refused-prefix-taken", "134: draft 6.4") \
	X(REFUSE_PREFIX_SET, "refused-prefix-set", \
	    "128: not the prefix of the binding") \
	X(REFUSE_RESOURCES, "refused-resources", \
	    "130: a limit, or the kernel refused") \
	X(REFUSE_MALFORMED, "refused-malformed", "128: A20") \
	X(REFUSE_NO_BINDING, "refused-no-binding", \
	    "133: nothing to de-register")

#define HA_EVENTS(X) \
	X(HA_ST_PBU, "pbu-received", "with P, to an address of ours") \
	X(HA_ST_NOT_OURS, "bu-not-ours", "sent to another address") \
	X(HA_ST_COA_BAD, "coa-bad", \
	    "care-of address is not unicast: RFC 6275 9.5.1, ignored") \
	X(HA_ST_PLAIN_BU, "plain-bu-refused", "131: P not set, PROTOCOL 4.9") \
	X(HA_ST_PLAIN_BU_PROXY, "plain-bu-proxy", \
	    "139: P not set, for the address of a proxy binding: A35") \
	X(HA_ST_PLAIN_BU_DROP, "plain-bu-dropped", \
	    "P not set, from no PMA: ignored") \
	X(HA_ST_CREATED, "bindings-created", "draft 5.9") \
	X(HA_ST_REFRESHED, "bindings-refreshed", "same care-of address") \
	X(HA_ST_MOVED, "bindings-moved", "handovers: A40") \
	X(HA_ST_DEREGISTERED, "bindings-deregistered", "lifetime 0") \
	X(HA_ST_EXPIRED, "bindings-expired", "lifetime ran out") \
	X(HA_ST_WITHDRAWN, "bindings-withdrawn", "policy no longer permits") \
	X(HA_ST_STALE_DEREG, "stale-deregistrations", \
	    "lifetime 0 from a care-of address that has lost: A22") \
	X(HA_ST_PARKED, "pbu-parked", "came while the kernel was busy") \
	X(HA_ST_SUPERSEDED, "pbu-superseded", \
	    "parked, and a newer one came: not answered") \
	X(HA_ST_DUPLICATE, "pbu-duplicate", \
	    "copy of the one under way: not answered") \
	X(HA_ST_KERNEL_REFUSED, "kernel-refused", \
	    "registrations undone because the data plane said no") \
	X(HA_ST_KERNEL_STUCK, "kernel-removal-failed", \
	    "path removals that the data plane refused, retried") \
	X(HA_ST_LOOKUPS_FULL, "lookups-full", \
	    "too many policy lookups wait: 130") \
	X(HA_ST_DUP_OPTION, "duplicate-options", \
	    "messages that repeat an option: first one used") \
	X(HA_ST_CHANGED, "bindings-changed", \
	    "same care-of address, other home address or IPv4") \
	X(HA_ST_IP4_ADDED, "ip4-added", "IPv4 home addresses: draft 5.6") \
	X(HA_ST_IP4_REMOVED, "ip4-removed", \
	    "the node's PMA no longer names it, or it is not permitted") \
	X(HA_ST_IP4_PROHIBITED, "ip4-prohibited", \
	    "129 in the option: no IPv4 in the profile") \
	X(HA_ST_IP4_PREFIX, "ip4-prefix-refused", \
	    "133 in the option: a prefix was asked for") \
	X(HA_ST_IP4_INVALID, "ip4-invalid", \
	    "131 in the option: no address of a host") \
	X(HA_ST_IP4_INCORRECT, "ip4-incorrect", \
	    "130 in the option: not in the home subnet, or not the node's") \
	X(HA_ST_IP4_NOT_ANCHORED, "ip4-not-anchored", \
	    "129 in the option: in none of our home-prefixes") \
	X(HA_ST_IP4_TAKEN, "ip4-taken", \
	    "128 in the option: somebody else's address") \
	X(HA_ST_IP4_NO_DYNAMIC, "ip4-no-address", \
	    "132 in the option: 0.0.0.0 and none is known") \
	X(HA_ST_HOME_CHECKED, "home-checked", \
	    "addresses that a home link was asked for: RFC 4862 5.4") \
	X(HA_ST_HOME_TAKEN, "home-taken", \
	    "134: somebody on the home link, or we, have the address: A38") \
	X(HA_ST_HOME_DOWN, "home-link-down", \
	    "130: the home link cannot be asked") \
	X(HA_ST_HOME_NA, "home-advertisements", \
	    "Neighbour Advertisements for nodes: RFC 6275 10.4.1") \
	X(HA_ST_HOME_ANSWERED, "home-solicitations", \
	    "Neighbour Solicitations answered for nodes") \
	X(HA_ST_HOME_DEFENDED, "home-defended", \
	    "duplicate address detection by hosts that we answered") \
	X(HA_ST_HOME_CONFLICT, "home-conflicts", \
	    "somebody advertises the address of a bound node") \
	X(HA_ST_HOME_NO_GROUP, "home-group-failed", \
	    "solicited-node groups that could not be joined") \
	X(HA_ST_HOME_TX_FAILED, "home-send-failed", \
	    "Neighbour Discovery messages that did not leave") \
	X(HA_ST_DISC_REPLY, "discovery-replies", \
	    "Home Agent Address Discovery answered: draft 5.4") \
	X(HA_ST_DISC_IGNORED, "discovery-ignored", \
	    "requests not to the anycast address of a home prefix, or off") \
	X(HA_ST_DISC_SUPPRESSED, "discovery-suppressed", \
	    "requests beyond the rate limit") \
	X(HA_ST_MPD, "prefix-solicitations", \
	    "Mobile Prefix Solicitations, not answered: draft 5.8")

enum ha_counter {
	HA_ST_FIRST = REFUSE_MAX - 1,
#define X(id, name, help) id,
	HA_EVENTS(X)
#undef X
	HA_ST_MAX
};

/* An authorised PMA, or one that was and still has bindings. */
struct ha_peer {
	struct hnode node;
	struct ha_peer *next;
	struct in6_addr address;
	const char *name;		/* in the configuration; may be NULL */
	bool listed;			/* authorised now */
	uint32_t max_bindings;		/* 0: no limit */
	uint32_t bindings;
	struct dp_tunnel *pinned;	/* static tunnel */
	struct tunnel_hint last;	/* that it asked for */
	struct ratelimit rl_refused;	/* log lines about refusals */
	uint64_t accepted, refused;
};

/* A PBU as we remember it: all that an answer needs. */
struct ha_req {
	struct in6_addr src, dst;
	struct in6_addr coa;
	struct in6_addr lla;		/* option 26; has_lla */
	uint64_t ts;			/* has_ts */
	uint16_t seq, lifetime_4s;
	bool proxy;			/* P */
	bool has_lla, has_ts;
	bool hnp_bad;			/* a combination we do not accept */
	uint8_t nhnp;			/* 0..2; ALL_ZERO does not count (A21)*/
	uint8_t nai_len;		/* 0: no NAI */
	uint32_t nai_hash;
	struct prefix hnp[2];
	uint8_t ip4_opt;		/* the IPv4 option: 29, 36; 0 none */
	bool ip4_prefix;		/* it asks for a prefix */
	struct in_addr ip4;		/* 0.0.0.0: which is mine? */
	char nai[NAI_OPTION_MAX];	/* nai_len octets, then anything */
};

/* The answer to an IPv4 option (A5). */
struct ha_ip4 {
	uint8_t opt;			/* of the request; 0: no answer */
	uint8_t status;			/* 0: granted */
	uint8_t plen;			/* of the home subnet; 0 when refused */
	struct in_addr addr;		/* granted, or what was refused */
	struct in_addr router;
};

/* What the checks work on. */
struct ha_check {
	struct ha *ha;
	const struct ha_req *req;
	struct ha_peer *peer;		/* NULL: source is nobody's */
	struct bce *bce;		/* by NAI, any state; NULL */
	int lookup_err;			/* of the policy */
	const struct profile *profile;	/* NULL when lookup_err */
	bool duplicate;			/* the copy of what is under way */
	struct prefix hnp;		/* out: what to route */
	struct in6_addr hoa;		/* out: known address in it or :: */
	struct in_addr hoa4;		/* out: to route; 0.0.0.0: none */
	struct ha_ip4 ip4;		/* out: the answer about it */
};

struct ha_op;
typedef void ha_op_fn(struct ha_op *op, int err);

/* One path of an operation. */
enum { HA_V6, HA_V4, HA_PARTS };
struct ha_part {
	struct ha_op *op;
	struct dp_path path;
	bool asked, del;
	int err;			/* 0: done */
};

/*
 * An operation under way for one entry: paths that are set or removed together
 * (ha_path.c), and before them perhaps the search for a duplicate on the home
 * link (ha_home.c).  Outlives the role when it must.
 */
enum ha_op_kind { HA_OP_SET, HA_OP_DEL, HA_OP_DROP };
struct ha_op {
	struct ha *ha;			/* NULL: the role has gone */
	struct ha_op *earlier, *later;	/* of those under way */
	struct bce *bce;
	enum ha_op_kind kind;
	unsigned waits;			/* answers to come */
	ha_op_fn *done;
	enum bce_state before;		/* SET: state to fall back to */
	uint8_t end_before;		/* SET: its enum bce_end */
	struct dp_tunnel *tunnel;	/* SET: the new one, we are a user;
					 * DROP: the old one, likewise */
	struct ha_peer *peer;		/* SET: counts us already */
	uint16_t granted_4s;		/* SET; DROP: our share in tunnel */
	uint8_t model;
	struct prefix hnp;
	struct in6_addr hoa;
	struct in_addr hoa4;
	struct ha_ip4 ip4;
	struct ha_req *req;		/* to answer; NULL: nobody asked */
	struct ha_part part[HA_PARTS];	/* since ha_path_begin() */
	struct ha_req asked;		/* what req points to */
};

/* A path that nobody wants any more and the kernel would not give back. */
struct ha_stale {
	struct ha_stale *next, **pprev;
	struct ha *ha;			/* NULL: the role has gone */
	struct timer timer;
	struct prefix prefix;		/* kept from everybody meanwhile */
	struct dp_tunnel *tunnel;	/* we are a user of it */
	uint16_t life_4s;
	bool busy;			/* the kernel is asked just now */
};

struct ha_lookup {
	struct ha_lookup *next, **pprev;	/* among those that wait */
	struct ha *ha;
	bool inside;		/* the call of by_nai() has not returned */
	struct bce *known;	/* the node's entry while it has not */
	bool answered;
	bool recheck;		/* after a policy change, not for a PBU */
	const struct ha_req *req;	/* the caller's, or our copy of it */
	struct ha_req copy;
};

struct ha {
	struct role role;
	const struct ha_conf *conf;
	struct stat_group st;
	struct ha_cache cache;
	struct htab *peers_by_addr;
	struct ha_peer *peers;
	struct ha_lookup *lookups;	/* that wait */
	struct spares spare_lookups;
	unsigned nlookups;
	uint32_t pending;		/* operations under way */
	struct ha_op *last_op;		/* the one begun last */
	struct spares spare_ops;
	uint32_t policy_gen;		/* changes whenever profiles do */
	struct ha_stale *stale;
	uint32_t nstale;
	struct ratelimit rl_refused;	/* refusals of strangers */
	/* After a policy change: look at every binding, a few at a time. */
	struct timer recheck;
	size_t recheck_cursor;
	uint64_t recheck_removals;
	unsigned recheck_passes;
	struct timer sweep;		/* leftovers of an earlier run */
	usec_t started;
	int64_t started_wall;
	struct ha_homes *homes;		/* ha_home.c */
	struct ratelimit rl_disc;	/* ha_disc.c */
	struct ha_dhcp *dhcp;		/* ha_dhcp.c; NULL: not served */
};

/* --- ha.c: in and out -------------------------------------------------- */

static inline void
ha_req_copy(struct ha_req *to, const struct ha_req *from)
{
	memcpy(to, from, offsetof(struct ha_req, nai) + from->nai_len);
}

/* Whose request it is; lives as long as that. */
static inline struct nai
ha_req_nai(const struct ha_req *r)
{
	return (struct nai){ r->nai, r->nai_len, r->nai_hash };
}

/* Judge a request from the start (takes a copy). */
void ha_input(struct ha *ha, const struct ha_req *req);
/*
 * PBA status 0 with what is granted.  It repeats the request's HNP options, or
 * tells the binding's prefix when it had none (A18; b may be NULL), and the
 * home address in any case when the prefix is shared.  prev_lla (may be NULL)
 * is the link-local address stored before (A29), ip4 (may be NULL) the answer
 * to an IPv4 option.
 */
void ha_accept(struct ha *ha, const struct ha_req *req, const struct bce *b,
    uint16_t lifetime_4s, const struct in6_addr *prev_lla,
    const struct ha_ip4 *ip4);
/* PBA with the dialect's status for `why`, counted and logged. */
void ha_refuse(struct ha *ha, const struct ha_req *req, enum refusal why);
/* The authorised or remembered PMA; NULL. */
struct ha_peer *ha_peer_find(const struct ha *ha, const struct in6_addr *a);
/* One binding more / less; the last one takes a PMA that is not listed. */
void ha_peer_ref(struct ha_peer *p);
void ha_peer_unref(struct ha *ha, struct ha_peer *p);

/* --- ha_ahead.c -------------------------------------------------------- */

/* Member of role_ops. */
void ha_look_ahead(struct role *r, const struct mh_pkt *pkts, size_t n);

/* --- ha_check.c -------------------------------------------------------- */

/* Steps 1-2 of PROTOCOL 4.1: needs ha and req only. */
enum refusal ha_check_identity(struct ha_check *c);
/* Steps 3-6: who is it, who asks, and when. */
enum refusal ha_check_sender(struct ha_check *c);
/* Steps 9-10 and the limits; fills hnp and hoa. */
enum refusal ha_check_registration(struct ha_check *c);
/* Is it inside one of home-prefixes? */
bool ha_check_anchored(const struct ha_conf *conf, const struct prefix *p);
/* Would the profile still permit such a binding? REFUSE_NONE or why not. */
enum refusal ha_check_standing(const struct profile *p,
    const struct in6_addr *coa, const struct prefix *hnp, int model);

/* --- ha_ip4.c ---------------------------------------------------------- */

/*
 * What becomes of the IPv4 option of a request that is good otherwise: fills
 * c->hoa4 and c->ip4, counts and logs a refusal, which is in the option and
 * leaves the registration alone.
 */
void ha_ip4_check(struct ha_check *c);
/* The option of a PBU; nothing when there is none. */
void ha_ip4_take(const struct mh_opts *o, struct ha_req *ret);
/* The option of a PBA; nothing when ip4->opt is 0. */
void ha_ip4_put(const struct ha_ip4 *ip4, struct mh_opts *ret);
/* Would the profile still permit that address? */
bool ha_ip4_standing(const struct ha *ha, const struct profile *p,
    const struct in_addr *hoa4);

/* --- ha_path.c --------------------------------------------------------- */

/* For an entry that has none; `req` (may be NULL) is copied. */
struct ha_op *ha_op_new(struct ha *ha, struct bce *b, enum ha_op_kind kind,
    const struct ha_req *req);
/* The entry has no operation any more. */
void ha_op_end(struct ha_op *op);
/*
 * Ask the data plane for up to HA_PARTS things at once: begin, then set and
 * del, then go.  done(op, err) is called when all have answered, perhaps before
 * ha_path_go() returns; err is the first failure, part[].err tells each.  Not
 * called when the role has gone meanwhile: then the operation is freed.
 */
void ha_path_begin(struct ha_op *op, ha_op_fn *done);
void ha_path_set(struct ha_op *op, unsigned part, const struct prefix *p,
    struct dp_tunnel *t);
void ha_path_del(struct ha_op *op, unsigned part, const struct prefix *p,
    struct dp_tunnel *t);
void ha_path_go(struct ha_op *op);
/*
 * Remove a path in our own time, however often the kernel refuses.  Keeps the
 * prefix claimed and the tunnel in use until then.
 */
void ha_path_stale(struct ha *ha, const struct prefix *p, struct dp_tunnel *t,
    uint16_t life_4s);
void ha_path_stop(struct ha *ha);

/* --- ha_fsm.c ---------------------------------------------------------- */

/* A request that passed ha_check_sender(): park, register or de-register. */
void ha_fsm_request(struct ha_check *c);
/* Take the IPv4 address from a binding that may not have it any more. */
void ha_fsm_lose_ip4(struct ha *ha, struct bce *b);
/* End a binding that nobody de-registered. */
void ha_fsm_end(struct ha *ha, struct bce *b, enum bce_end why);
/* Forget everything; what is under way will find nobody. */
void ha_fsm_stop(struct ha *ha);

/* --- ha_home.c --------------------------------------------------------- */

struct ha_homes;
typedef void ha_home_fn(struct ha_op *op, enum refusal why);

void ha_home_start(struct ha *ha);
/* Ends what waits for a link. */
void ha_home_stop(struct ha *ha);
/* Is (some of) the prefix used on a real link here? */
bool ha_home_is_link(const struct ha *ha, const struct prefix *p);
/*
 * May the address of a registration be used, as far as its home link can tell?
 * Calls done(op, why) once, perhaps at once.  After REFUSE_NONE the address is
 * to be held, undone or released.
 */
void ha_home_check(struct ha_op *op, ha_home_fn *done);
/* Answer for it from now on. False: it is on no link. */
bool ha_home_hold(struct ha *ha, const struct prefix *p);
/* The registration came to nothing: forget it unless it was held before. */
void ha_home_undo(struct ha *ha, const struct prefix *p);
/* The binding ends: no more answers. Accepts what is on no link. */
void ha_home_release(struct ha *ha, const struct prefix *p);
/* Addresses asked for and held. */
size_t ha_home_count(const struct ha *ha);
/* Members of role_ops. */
void ha_home_nd(struct role *r, const struct link_if *lif,
    const struct mac *src, const struct nd_msg *m);
void ha_home_link(struct role *r, enum link_news what,
    const struct link_if *lif);

/* --- ha_disc.c --------------------------------------------------------- */

void ha_disc_start(struct ha *ha);
void ha_disc_reload(struct ha *ha);
/* Member of role_ops. */
void ha_disc_icmp(struct role *r, const struct icmp_pkt *pkt,
    const struct haad_msg *m);

/* --- ha_dhcp.c --------------------------------------------------------- */

/* Listen where `conf` says; on failure nothing has changed. 0 or -errno. */
int ha_dhcp_reload(struct ha *ha, const struct ha_conf *conf);
void ha_dhcp_stop(struct ha *ha);
/* Is it one of our router addresses? */
bool ha_dhcp_is_router(const struct ha *ha, const struct in_addr *a);
/* For show status: where servers answer to. */
void ha_dhcp_show(const struct ha *ha, struct json_w *w);
/* Member of role_ops. */
void ha_dhcp_recv(struct role *r, const struct dhcp_pkt *pkt);

/* --- ha_ctl.c ---------------------------------------------------------- */

extern const struct ctl_cmd ha_ctl_cmds[];
void ha_show(struct role *r, struct json_w *w);

#endif

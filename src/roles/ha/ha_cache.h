/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The binding cache: one entry per mobile node (D5.1-1), found by NAI and by
 * what is routed for it.
 *
 * Every entry has claimed one IPv6 prefix or address, in its by_hnp node, and
 * perhaps an IPv4 address, in its by_ip4 node.  What is claimed while it still
 * has the other (an IPv4 address until its next handover), or is kept from
 * everybody, is a struct ha_claim in a table of its own.
 */
#ifndef PMIP_HA_CACHE_H
#define PMIP_HA_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/crypto.h"
#include "core/htab.h"
#include "core/nai.h"
#include "core/wheel.h"

struct dp_tunnel;
struct ha;
struct ha_op;
struct ha_peer;
struct ha_req;
struct profile;

enum bce_state {		/* ha_fsm.c has the picture */
	BCE_PENDING,		/* being created: waits for the kernel */
	BCE_BOUND,
	BCE_DYING,		/* de-registered, delete-delay runs; or the
				 * kernel would not let go of the path */
	BCE_GONE,		/* only the last time stamp is kept */
};

/* Why a binding ends: the `why` of binding-deleted. */
enum bce_end { BCE_END_NONE, BCE_END_DEREG, BCE_END_EXPIRED, BCE_END_POLICY,
	BCE_END_KERNEL, BCE_END_MAX };

/*
 * Section 5.1 and what it takes to serve it.  A refresh reads and writes all
 * behind `moves` and nothing before: there may be a million of these, and each
 * line of the processor's cache that it needs is a wait for memory.
 */
struct bce {
	struct hnode by_hnp;
	struct hnode by_ip4;
	struct in_addr claimed4;	/* in the index by IPv4 address; 0.0.0.0
					 * none.  Before hoa4 and after it:
					 * while the kernel has a path */
	struct ha *ha;
	struct ha_req *parked;		/* waits for op; NULL none */
	usec_t created;
	uint32_t moves;
	struct timer timer;		/* expiry, delay, retry, forgetting */
	struct ha_op *op;		/* under way in the data plane */
	struct dp_tunnel *tunnel;	/* we are a user of it; NULL: none */
	struct ha_peer *peer;		/* counts us; NULL: nobody does */
	const struct profile *profile;	/* valid as long as policy_gen is that
					 * of the role: it saves the lookup */
	uint64_t last_ts;		/* last accepted, as on the wire */
	usec_t updated;
	uint32_t policy_gen;
	struct in_addr hoa4;		/* D5.1-5; routed; 0.0.0.0: none */
	struct prefix hnp;		/* routed; D5.9-7 */
	struct in6_addr coa;
	struct in6_addr hoa;		/* known address in it, :: none (A19) */
	struct in6_addr lla;		/* PMA's link-local, opaque (A29) */
	struct hnode by_nai;
	uint16_t lifetime_4s;		/* granted, as told to the tunnel */
	uint16_t seq;
	uint8_t state;			/* enum bce_state */
	uint8_t end;			/* enum bce_end: why it is going */
	uint8_t model;			/* enum addr_model */
	bool indexed : 1;		/* is in the index by prefix */
	bool proxy : 1;			/* D5.1-2 */
	bool virt : 1;			/* D5.1-4: no home link, no proxy ND;
					 * else ha_home.c answers for it */
	bool overdue : 1;		/* timer fired while op was under way */
	uint8_t nai_len;
	char nai[];			/* as first registered; D5.1-3 */
};

/* A prefix or address kept from everybody else. */
struct ha_claim {
	struct hnode node;
	struct prefix prefix;		/* either family */
	struct bce *b;			/* NULL: nobody's any more, but the
					 * kernel still has a path for it */
};

struct ha_cache {
	struct htab *by_nai, *by_hnp, *by_ip4;
	struct htab *claims;	/* struct ha_claim; mostly none */
	struct hash_key key;
	/* Who asks whether one is free mostly claims it next. [1]: IPv6 */
	struct ha_hashed {
		struct prefix prefix;
		uint32_t hash;
	} last[2];
	size_t live;		/* entries that are not BCE_GONE */
	size_t gone;
	uint64_t removals;	/* walkers look whether it has moved */
};

void ha_cache_init(struct ha_cache *c);
/* The cache must be empty (asserted) or never initialised; claims may be
 * left. */
void ha_cache_done(struct ha_cache *c);

/* NULL: none.  Who adds and who finds hash with the same key. */
struct bce *ha_cache_find(const struct ha_cache *c, const struct nai *nai);
/*
 * Look ahead for `n` NAIs (at most MH_AHEAD) that will be looked for next: has
 * the processor fetch what find() and a refresh will read.  The misses of
 * its cache then pass at the same time, instead of one after the other.
 */
struct ha_ahead {
	struct nai nai;
	const struct hnode *node;	/* out: NULL, there is none */
};
void ha_cache_ahead(const struct ha_cache *c, struct ha_ahead *v, size_t n);
/* The same for what is_free() will be asked of, two for each NAI at most. */
void ha_cache_ahead_claims(const struct ha_cache *c,
    const struct prefix *const *v, size_t n);
/* The same for an entry that is known. */
void ha_cache_fetch(const struct bce *b);
/* Who has claimed exactly that prefix or address? NULL: no entry. */
struct bce *ha_cache_find_hnp(const struct ha_cache *c,
    const struct prefix *hnp);
/* May `b` (NULL: a new one) have it, or does it belong to somebody else? */
bool ha_cache_is_free(struct ha_cache *c, const struct prefix *p,
    const struct bce *b);
/* A new entry in state BCE_PENDING, found by NAI only. */
struct bce *ha_cache_add(struct ha_cache *c, struct ha *ha,
    const struct nai *nai, timer_fn *fn);
/* Claim / give up the prefix. */
void ha_cache_claim(struct ha_cache *c, struct bce *b,
    const struct prefix *hnp);
void ha_cache_unclaim(struct ha_cache *c, struct bce *b);
/* Make it the prefix of the entry instead of the one it has. */
void ha_cache_reclaim(struct ha_cache *c, struct bce *b,
    const struct prefix *hnp);
/*
 * Further prefixes and addresses.  Keep `p` (which is free) for `b`, NULL: from
 * everybody; again: nothing happens, but it is b's now.
 */
void ha_cache_keep(struct ha_cache *c, const struct prefix *p, struct bce *b);
/* Let others have it; one that was not kept is accepted. */
void ha_cache_unkeep(struct ha_cache *c, const struct prefix *p);
/* Give up the prefix and the IPv4 address. */
void ha_cache_forget(struct ha_cache *c, struct bce *b);
/* Take out and free; the timer must not be armed. */
void ha_cache_remove(struct ha_cache *c, struct bce *b);
/* Change the state and keep the numbers right. */
void ha_cache_state(struct ha_cache *c, struct bce *b, enum bce_state s);

const char *bce_state_name(const struct bce *b);
const char *bce_end_name(enum bce_end e);

#endif

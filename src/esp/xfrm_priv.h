/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of xfrm.h share: xfrm.c watches and judges, xfrm_static.c puts
 * static keys into the kernel, xfrm_proc.c looks into /proc.
 */
#ifndef PMIP_XFRM_PRIV_H
#define PMIP_XFRM_PRIV_H

#include <net/if.h>

#include "core/netlink.h"
#include "core/stats.h"
#include "core/wheel.h"
#include "esp/xfrm.h"
#include "esp/xfrm_spd.h"
#include "esp/xfrm_tab.h"

#define WHY_MAX (4 * SPD_WORDS_MAX)

enum {
#define X(id, name, help) ST_##id,
	SPD_READS(X)
#undef X
	ST_RESYNC, ST_FULL, ST_LOST, ST_FORGED, ST_REPLAYED, ST_CLEAR, ST_MAX
};

struct peer {
	struct hnode node;	/* by addresses */
	struct in6_addr local, remote;
	struct spd_result in, out;
	int failed;		/* static keys: -errno */
	bool fixed;		/* has static keys */
	bool judged, ready;
	bool asked;		/* signalling wanted to leave */
	uint8_t ticks;		/* of these, without an SA */
};

struct xfrm {
	struct xfrm_args a;
	struct netlink *nl;
	struct netlink_mon *mon;
	struct timer tick;
	struct stat_group st;
	struct peer *peer;
	size_t npeer;
	struct htab *by_pair;	/* of those */
	/* Our addresses towards them; during a reload those from before, too:
	 * few, whatever the number of peers. */
	struct in6_addr *own;
	size_t nown;
	struct xfrm_tab tab;
	uint64_t clear_drops;	/* when last looked at */
	size_t next_sa;		/* whose counters are looked at next */
	int unread;		/* the tables could not be read: -errno */
	int no_esp;		/* the kernel cannot do ESP: -errno */
	bool full;
	char unchecked[IFNAMSIZ];	/* "": none */
	char why[WHY_MAX];
};

/* NULL when there is none. */
struct peer *xfrm_peer_find(const struct xfrm *x, const struct in6_addr *local,
    const struct in6_addr *remote);
/* An address of ours.  Another daemon's static keys are left alone. */
bool xfrm_is_own(const struct xfrm *x, const struct in6_addr *a);
struct spd_flow xfrm_flow_of(const struct peer *p, enum spd_dir dir);

/* Have we made it, or an earlier run? */
bool xfrm_policy_is_ours(const struct spd_policy *p);
bool xfrm_sa_is_ours(const struct spd_sa *sa);

/* To the owner, when the SA is ours: its sequence number, `ahead` further when
 * it is outgoing. */
void xfrm_tell_sequence(struct xfrm *x, const struct spd_sa *sa,
    uint64_t ahead);
/* The same with what the kernel has right now. */
void xfrm_tell_now(struct xfrm *x, const struct spd_sa *sa, uint64_t ahead);

/* SAs and policies of a peer's static keys, adopted or put in. 0 or -errno. */
int xfrm_place_peer(struct xfrm *x, const struct xfrm_peer *c,
    const struct peer *p);
/*
 * Take out what is ours and not wanted by any of `c` any more; n 0: all of it.
 * SAs go first: a policy without SA lets nothing pass.
 */
void xfrm_sweep(struct xfrm *x, const struct xfrm_peer *c, size_t n);

/* Packets that the kernel's policies kept from us, ever; 0 when it does not
 * count. */
uint64_t xfrm_clear_drops(void);
/*
 * x->unchecked: an interface with one of our addresses (or "all") where
 * policies for what arrives are turned off.  There is no notification of that.
 */
void xfrm_look_for_unchecked(struct xfrm *x);

#endif

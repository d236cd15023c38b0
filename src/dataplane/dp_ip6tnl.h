/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared by the files of the ip6tnl backend, dp_ip6tnl*.c, only. */
#ifndef PMIP_DP_IP6TNL_H
#define PMIP_DP_IP6TNL_H

#include <sys/socket.h>

#include "core/crypto.h"
#include "core/htab.h"
#include "core/util.h"
#include "dataplane/dp_priv.h"
#include "dataplane/path_table.h"

/* dp_tunnel's priv. */
struct ip6tnl_dev {
	struct hnode node;
	struct dp_tunnel *tunnel;
	uint32_t peer;			/* what a home agent's entries call it:
					 * its ifindex, until another device
					 * took its place and they say so */
	char name[IFNAMSIZ];
	uint32_t mtu;			/* as set on the device */
	uint32_t npaths;
	uint32_t nv4;			/* those at a PMA, for IPv4 */
	int slot;			/* for them; -1: none */
	bool suspect;			/* look whether it is still there */
};

struct ip6tnl_dp {
	struct dp_base base;
	struct htab *paths;		/* of the PMA */
	struct hash_key hash;		/* for them */
	struct path_table *ha;		/* of the home agent */
	struct path_table own;		/* that, when there are no filters */
	uint8_t run;			/* in our entries there */
	struct htab *devs;		/* by peer */
	uint32_t next_name;
	bool no_nexthop;		/* the kernel has no such objects */
	struct dp_tunnel *slot[PMIP_STEER_NATIVE];
	/* Devices that an earlier run left in the slots' tables: its packets
	 * are still marked with them. */
	uint32_t slot_left[PMIP_STEER_NATIVE];
};

static inline struct ip6tnl_dp *
ip6tnl_of(struct dp *dp)
{
	return CONTAINER_OF(dp_base_of(dp), struct ip6tnl_dp, base);
}

static inline struct ip6tnl_dev *
dev_of(const struct dp_tunnel *t)
{
	return t->priv;
}

/* Does it go through the slot of its tunnel? */
static inline bool
uses_slot(const struct dp_path *p)
{
	return p->side == DP_PMA && p->prefix.family == AF_INET &&
	    p->tunnel != NULL;
}

/* --- records of paths (dp_ip6tnl_record.c) ------------------------------- */

void record_init(struct ip6tnl_dp *d);
/* Where the home agent's are. 0, or -errno with a sentence. */
int record_open(struct ip6tnl_dp *d, char *why, size_t whycap);
void record_done(struct ip6tnl_dp *d);

/* What is there of a prefix; false: nothing. */
bool record_get(struct ip6tnl_dp *d, enum dp_side side, const struct prefix *p,
    struct dp_path *ret);
/* Make the record say p, where it said `old` (NULL: nothing). 0 or -errno: then
 * it is as it was. */
int record_write(struct ip6tnl_dp *d, const struct dp_path *p,
    const struct dp_path *old);
/* p is what record_get() said.  A home agent's record is also its check, which
 * goes with checks_del(). */
void record_forget(struct ip6tnl_dp *d, const struct dp_path *p);

/* A number for the operation that has written a PMA's record. */
uint16_t record_next(struct ip6tnl_dp *d, const struct prefix *p);
/* Does the record still say what the operation made it say? */
bool record_is_latest(struct ip6tnl_dp *d, const struct dp_op *op);

/* What the records of a device's paths call it from now on; 0: there are
 * none. */
void record_number(struct ip6tnl_dp *d, struct ip6tnl_dev *dev, uint32_t peer);

/* What becomes of a path; true: a home agent's entry goes. */
typedef bool record_fn(struct ip6tnl_dp *d, const struct dp_path *p);
/* Every path of a tunnel: a walk over all, for rare occasions. */
void record_each(struct ip6tnl_dp *d, const struct dp_tunnel *t,
    record_fn *fn);

/* --- slots of IPv4 (dp_ip6tnl_slot.c) ------------------------------------ */

/* The rule that leads to the table of one. */
struct dpnl_rule slot_rule(const struct ip6tnl_dp *d, int slot);
/* What leads a slot's packets into the tunnel, and what stops them when it is
 * not there.  Rare, so synchronous.  0 or -errno. */
int slot_install(struct ip6tnl_dp *d, int slot, uint32_t ifindex);
/* See that p's tunnel has a slot if p needs one. 0 or -errno. */
int slot_open(struct ip6tnl_dp *d, const struct dp_path *p);
/* A path over t (NULL: none) is gone: perhaps its slot is free. */
void slot_release(struct ip6tnl_dp *d, struct dp_tunnel *t);
/* See what an earlier run left in the tables of the slots. 0 or -errno. */
int slot_find_left(struct ip6tnl_dp *d);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What both real backends share: the environment, filters, access
 * links, leftovers of earlier runs, transactions.  A backend's struct begins
 * with a struct dp_base.
 */
#ifndef PMIP_DP_PRIV_H
#define PMIP_DP_PRIV_H

#include <net/if.h>

#include "core/spare.h"
#include "core/stats.h"
#include "dataplane/bpf_load.h"
#include "dataplane/dp.h"
#include "dataplane/dp_nl.h"

struct dp_base;
struct netlink_mon;

#define DP_MOD "dataplane"

/* Where a backend differs in what the base does for both. */
struct dp_hooks {
	/* A link changed or went (NULL: nobody knows which): remember. */
	void (*link)(struct dp_base *b, const struct dpnl_link *l, bool gone);
	/* A neighbour of some interface. NULL when nobody cares. */
	void (*neigh)(struct dp_base *b, const struct dpnl_neigh *n);
	/* Soon after: see that all is there. */
	void (*check)(struct dp_base *b);
	/* The way to the tunnel's end may have changed. */
	void (*resolve)(struct dp_base *b, struct dp_tunnel *t);
	/* Is it in use by this run? The rest is a leftover. (Not asked of
	 * fences.) */
	bool (*has_link)(struct dp_base *b, uint32_t ifindex);
	bool (*has_route)(struct dp_base *b, const struct dpnl_route *r);
	bool (*has_nexthop)(struct dp_base *b, uint32_t id);
	/* Is the node with that address still there? */
	bool (*has_host)(struct dp_base *b, const struct dpnl_host *h);
	/* Rules other than those of access links. NULL: there are none. */
	bool (*has_rule)(struct dp_base *b, const struct dpnl_rule *r);
	/* Which other news it needs, ends with 0; not empty: routes and links
	 * mean that every tunnel is to be resolved again. */
	const int *groups;
};

struct dp_access {
	uint32_t ifindex;
	char name[IFNAMSIZ];
};

/* A program that shall be on an interface. */
struct dp_filter {
	uint32_t ifindex;
	enum bpf_dp_prog prog;
	bool there;
	bool lost;			/* somebody took it, and we cannot have
					 * it back */
};

struct dp_op;

struct dp_base {
	struct dp dp;
	const struct dp_hooks *hooks;
	struct dp_conf conf;		/* uplink and cover are ours */
	char uplink[IFNAMSIZ];
	char alias[24];			/* of our devices */
	struct loop *loop;
	struct wheel *wheel;
	struct log *log;
	struct netlink *nl;
	int ask;			/* socket of dpnl_ask_*() */
	struct bpf_dp *bpf;		/* NULL: no filters */
	char bpf_why[200];		/* and why */
	struct stat_group stats;	/* PMIP_C_* */
	struct netlink_mon *mon;
	struct timer check, poll, count;
	struct tunnel_cursor poll_at;
	bool resolve_all;		/* at the next check */
	bool resolving;			/* it is under way ... */
	struct tunnel_cursor resolve_at;	/* ... as far as this */
	bool swept, closing;
	struct dp_access *access;
	size_t naccess;
	struct dp_filter *filter;
	size_t nfilter, capfilter;
	size_t nlost;			/* of them */
	struct dpnl_link *left;		/* devices found at the start */
	size_t nleft;
	struct dp_op *ops;		/* under way */
	struct spares spare_ops;
	struct nl_msg *msg;		/* dp_op_add()'s, for all it sends */
	uint32_t npaths;
};

static inline struct dp_base *
dp_base_of(struct dp *dp)
{
	return (struct dp_base *)(void *)dp;	/* the first member */
}

/* --- life (dp_base.c) ---------------------------------------------------- */

/* What dp_open() was given. */
struct dp_start {
	const struct dp_conf *conf;
	struct loop *loop;
	struct log *log;
	struct stats *stats;
	struct netlink *nl;
};

/* 0, or -errno with a sentence; then dp_base_done() is still to be called.
 * `need_bpf`: without programs we cannot work. */
int dp_base_init(struct dp_base *b, const struct dp_start *s,
    const struct dp_hooks *hooks, const struct dp_ops *ops, bool need_bpf,
    char *why, size_t whycap);
void dp_base_done(struct dp_base *b);
/* Look at everything soon. */
void dp_base_kick(struct dp_base *b);
/* The device an earlier run left: by kind, and by ends unless NULL. */
const struct dpnl_link *dp_base_left(const struct dp_base *b,
    const char *kind, const struct in6_addr *local,
    const struct in6_addr *remote);
/* Make a fresh device ours: alias, no addresses, MTU, sysctls, up. */
int dp_base_adorn(struct dp_base *b, uint32_t ifindex, const char *name,
    uint32_t mtu);
int dp_base_send(struct dp_base *b, struct nl_msg *m);	/* sync, frees m */
void dp_base_show(struct dp_base *b, struct json_w *w);

/* --- access links and filters (dp_filter.c) ------------------------------ */

int dp_access_add(struct dp *dp, uint32_t ifindex);
void dp_access_del(struct dp *dp, uint32_t ifindex);
/* What comes from an access link and shall go into a tunnel. */
struct dpnl_rule dp_access_rule(const struct dp_base *b, const char *name);
/* Have a program on an interface. `later`: not before the sweep. */
int dp_filter_set(struct dp_base *b, uint32_t ifindex, enum bpf_dp_prog prog,
    bool later);
/* And no more; `gone`: the interface is. */
void dp_filter_unset(struct dp_base *b, uint32_t ifindex,
    enum bpf_dp_prog prog, bool gone);
bool dp_filter_known(struct dp_base *b, uint32_t ifindex,
    enum bpf_dp_prog prog);
/* Attach again what is missing. */
void dp_filter_check(struct dp_base *b);
/* Attach what has waited for the sweep. */
void dp_filter_due(struct dp_base *b);
/* Take the clsact of an interface away when nobody has a filter on it. */
void dp_filter_tidy(struct dp_base *b, uint32_t ifindex);

/* --- leftovers ----------------------------------------------------------- */

/* The routing table of a slot (PMIP_STEER_*), 0 for those we cannot use. */
uint32_t dp_base_table(const struct dp_base *b, unsigned slot);
/* And the other way round; -1: none of ours. */
int dp_base_slot(const struct dp_base *b, uint32_t table);

/* Routes of last resort: what no path is for goes nowhere. */
int dp_base_fences(struct dp_base *b, char *why, size_t whycap);
/* Is it one of the home prefixes? */
bool dp_base_is_cover(const struct dp_base *b, const struct prefix *p);
/* Remove what no hook claims; all: everything. 0 or -errno. */
int dp_base_sweep(struct dp_base *b, bool all);

/* --- transactions (dp_op.c) ---------------------------------------------- */

/*
 * An operation on a path: some netlink requests, then one answer.  When one
 * of them fails, undo() puts back what was before.
 */
struct dp_op {
	struct dp_op *next, **pprev;
	struct dp_base *base;
	dp_done_fn *done;
	void *ctx;
	void (*undo)(struct dp_op *op);
	unsigned left;			/* answers, and one for the builder */
	int err;
	uint16_t serial;		/* of the record, when it has one */
	bool had_old;
	struct dp_path now, old;
	struct pmip_pma_path is, was;	/* the bpf backend's */
};

struct dp_op *dp_op_new(struct dp_base *b, const struct dp_path *p,
    dp_done_fn *done, void *ctx);
/* Have a route installed (RTM_NEWROUTE) or removed; then it may be gone. */
void dp_op_add(struct dp_op *op, int cmd, const struct dpnl_route *route);
/* All were added. May call done() and free op. */
void dp_op_end(struct dp_op *op);
/* The callers of what is under way are gone. */
void dp_op_orphan_all(struct dp_base *b);
/* The last one was. */
void dp_op_done(struct dp_base *b);
/* A request nobody waits for: fails silently when its object is absent;
 * frees m. */
void dp_op_post(struct dp_base *b, struct nl_msg *m);

/*
 * Tell the kernel where the node with an IPv4 address is, or that it is there
 * no more; other paths need none.  It need not ask then, which it would have to
 * do with a source address that it does not have on that link, or none: to a
 * node that probes its address (RFC 5227), a conflict.  Nobody waits for it.
 */
void dp_neigh_set(struct dp_base *b, const struct dp_path *p);
void dp_neigh_del(struct dp_base *b, const struct dp_path *p);
/* The connected route of a PMA's path (D6.7-2). */
struct dpnl_route dp_connected(const struct dp_base *b,
    const struct dp_path *p);
/*
 * In a process with both roles the home agent's word counts: what is hosted
 * here is connected only while it leads here (`own`), for an access router
 * learns late that a node has left.
 */
void dp_hosted_by_own(struct dp_base *b, const struct dp_path *hosted,
    bool own);
/* Is it a prefix a path can have? */
bool dp_prefix_ok(const struct prefix *p);
/* And is that one? */
bool dp_path_ok(const struct dp_path *p);

/* --- sysctls (dp_sysctl.c) ----------------------------------------------- */

/* Forwarding, as the configuration wants it. -errno names it in `why`. */
int dp_sysctl_check(const struct dp_conf *c, struct log *log, char *why,
    size_t whycap);
/* How long the kernel believes in a path's MTU (RFC 8201 5.3). */
usec_t dp_sysctl_mtu_expires(void);
/* Settings of an access interface. Failures are logged. */
void dp_sysctl_access(const struct dp_conf *c, struct log *log,
    const char *ifname);
/* It is none any more: what must not stay. */
void dp_sysctl_access_done(const struct dp_conf *c, const char *ifname);
/* Settings of one of our devices. Failures are logged. */
void dp_sysctl_device(const struct dp_conf *c, struct log *log,
    const char *ifname);

/* --- the backends -------------------------------------------------------- */

int dp_ip6tnl_open(const struct dp_start *s, struct dp **ret, char *why,
    size_t whycap);
int dp_bpf_open(const struct dp_start *s, struct dp **ret, char *why,
    size_t whycap);

#endif

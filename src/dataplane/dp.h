/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The data plane service: tunnels, the paths of mobile nodes' prefixes and
 * addresses, hosting on access links.  Asynchronous and transactional: an
 * operation has happened when its callback says 0, and has left no trace when
 * it says anything else.
 *
 * Backends: dp_ip6tnl*.c, dp_bpf*.c; tests supply a model of the kernel's
 * tables.  Reference-counted tunnels are common to all (tunnel.c).
 */
#ifndef PMIP_DP_H
#define PMIP_DP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <netinet/in.h>

#include "core/addr.h"
#include "core/clock.h"
#include "core/wheel.h"

struct dp;
struct dp_tunnel;
struct json_w;
struct log;
struct loop;
struct netlink;
struct stats;
struct wheel;

/* Which end of the tunnel we are. */
enum dp_side {
	DP_HA,		/* by inner destination; inner source must belong to a
			 * binding of the tunnel's peer */
	DP_PMA,		/* by inner source; hosts the prefix on an access link */
};

/* err: 0, or -errno: then nothing of the operation remains. */
typedef void dp_done_fn(void *ctx, int err);
/* An IPv6 packet; `ifindex`: of the device it was taken from. */
typedef void dp_packet_fn(void *ctx, uint32_t ifindex, const void *packet,
    size_t len);

/*
 * One path: everything for (HA) or from (PMA) `prefix` goes through `tunnel`.
 * /64, /128 (IPv6) or /32 (IPv4).
 *
 * PMA, tunnel NULL: a visitor's prefix.  Hosted and guarded like the others,
 * but what comes from it is routed natively; -EOPNOTSUPP where the kernel
 * cannot have the filters.  A path may be set over another kind in place.
 */
struct dp_path {
	enum dp_side side;
	struct prefix prefix;
	struct dp_tunnel *tunnel;
	/* HA: hosts on a link of ours have addresses of the prefix around it,
	 * whose connected route must not win. */
	bool on_link;
	/* PMA only: */
	uint32_t access_ifindex;	/* where the prefix is hosted */
	struct mac mac;			/* the only source allowed; zero: p2p */
};

struct dp_ops {
	const char *name;		/* "ip6tnl", "bpf", "model" */
	/* Tunnel device / peer entry. Rare, so synchronous. 0 or -errno. */
	int (*tunnel_up)(struct dp *dp, struct dp_tunnel *t);
	void (*tunnel_down)(struct dp *dp, struct dp_tunnel *t);
	/*
	 * Install or, when the prefix has a path already, replace it in place
	 * without a moment in which it has none (make before break).  `done`
	 * may be called before this returns.  0 when `done` will be or was
	 * called; otherwise -errno and it will not.
	 */
	int (*path_set)(struct dp *dp, const struct dp_path *p,
	    dp_done_fn *done, void *ctx);
	/* HA: path_set() for these prefixes is near: have the processor fetch
	 * what it will look at. NULL: nothing to gain. */
	void (*path_ahead)(struct dp *dp, const struct prefix *const *v,
	    size_t n);
	/* Remove. A path that is absent counts as removed. `done` may be NULL. */
	int (*path_del)(struct dp *dp, const struct dp_path *p,
	    dp_done_fn *done, void *ctx);
	/*
	 * PMA: steer what comes in on an access interface (iif rule, source
	 * checks).  Until a path admits a source, nothing of it is forwarded.
	 * Again after the interface got another name, by which rules go.
	 */
	int (*access_add)(struct dp *dp, uint32_t ifindex);
	void (*access_del)(struct dp *dp, uint32_t ifindex);
	/*
	 * HA, optional: give `fn` what asks for home agents (RFC 6275 6.5) at
	 * the anycast address of a prefix that is tunnelled, instead of
	 * tunnelling it; NULL: no more.  0 or -errno (-EOPNOTSUPP: not all of
	 * them would be seen).
	 */
	int (*divert)(struct dp *dp, dp_packet_fn *fn, void *ctx);
	/* After a start: remove what an earlier run left and nobody set since
	 * dp was opened (adoption: path_set found it equal). */
	int (*sweep)(struct dp *dp);
	/* Stop: leave the kernel's state (keep) or take it all away. */
	void (*shutdown)(struct dp *dp, bool keep);
	/* Write members about the backend into an open object: filters,
	 * per-path counters when known. */
	void (*show)(struct dp *dp, struct json_w *w);
	void (*show_tunnel)(struct dp *dp, const struct dp_tunnel *t,
	    struct json_w *w);
	void (*free)(struct dp *dp);
};

/* Path MTU of a tunnel changed: tell the roles (RA MTU option). */
typedef void dp_mtu_fn(void *ctx, struct dp_tunnel *t);

struct tunnel_table;

/* First member of every backend. */
struct dp {
	const struct dp_ops *ops;
	struct tunnel_table *tunnels;
	dp_mtu_fn *mtu_changed;
	void *mtu_ctx;
};

/* --- tunnels (tunnel.c): shared, reference-counted ---------------------- */

#define DP_TUNNEL_OVERHEAD 40	/* RFC 2473, no encapsulation limit option */
#define DP_MTU_DEFAULT 1500	/* of the path, until the kernel tells */

/* A distinct lifetime among a tunnel's users; see tunnel_use(). */
struct tunnel_life {
	uint32_t lifetime_4s;
	uint32_t users;
	usec_t refreshed;
};

/*
 * Key (local, remote).  Tunnel-Life (D5.2-4, -5, -8) is the longest of its
 * users' lifetimes counted from their last refresh; kept per distinct
 * lifetime, so that a refresh costs no walk over the users.
 */
struct dp_tunnel {
	struct dp_tunnel *next;		/* table's list */
	struct in6_addr local, remote;
	uint32_t users;			/* tunnel-user-count (D5.2-7) */
	bool is_static;			/* D5.2-9 */
	bool own;			/* the other end is here, too */
	bool up;
	uint32_t ifindex;		/* of the device, or the anchor's */
	uint32_t id;			/* backend's (peer index, nexthop id) */
	uint32_t mtu;			/* of inner packets: path MTU - 40 */
	usec_t created;
	struct timer expiry;		/* D5.2-6 */
	struct tunnel_life *life;
	uint16_t nlife, caplife;
	struct tunnel_table *table;
	void *priv;			/* backend's */
};

struct tunnel_table *tunnel_table_new(struct dp *dp, struct wheel *w,
    struct log *log, uint32_t max_tunnels);
void tunnel_table_free(struct tunnel_table *t);
/*
 * Find or create (backend's tunnel_up).  Does not count a user yet: a caller
 * that gives up before tunnel_use() calls tunnel_release().  0 or -errno
 * (-ENOSPC: max_tunnels).
 */
int tunnel_get(struct tunnel_table *tt, const struct in6_addr *local,
    const struct in6_addr *remote, struct dp_tunnel **ret);
/* The same for who asks for the same one again and again: `hint`, zero at
 * first, spares the search as long as no tunnel has gone. */
struct tunnel_hint {
	struct dp_tunnel *tunnel;
	uint64_t gone;
};
int tunnel_get_hinted(struct tunnel_table *tt, const struct in6_addr *local,
    const struct in6_addr *remote, struct tunnel_hint *hint,
    struct dp_tunnel **ret);
/* Same, static: stays with 0 users (D5.2-9). Undone by tunnel_unpin(). */
int tunnel_pin(struct tunnel_table *tt, const struct in6_addr *local,
    const struct in6_addr *remote, struct dp_tunnel **ret);
void tunnel_unpin(struct dp_tunnel *t);
/* One more user with that lifetime, from now. */
void tunnel_use(struct dp_tunnel *t, uint32_t lifetime_4s);
/* A user re-registered; lifetimes may differ. */
void tunnel_refresh(struct dp_tunnel *t, uint32_t old_4s, uint32_t new_4s);
/* A user left; the last one takes a dynamic tunnel with it (D5.2-6, D6.6-3). */
void tunnel_unuse(struct dp_tunnel *t, uint32_t lifetime_4s);
/* Delete when nobody uses it and it is not static. */
void tunnel_release(struct dp_tunnel *t);
/* When Tunnel-Life ends; 0 when there is no user. */
usec_t tunnel_life_end(const struct dp_tunnel *t);
struct dp_tunnel *tunnel_find(struct tunnel_table *tt,
    const struct in6_addr *local, const struct in6_addr *remote);
struct dp_tunnel *tunnel_first(struct tunnel_table *tt);	/* then ->next */

/*
 * To look at all tunnels again and again, some at a time: in each round every
 * one that stays is met once, whichever come and go meanwhile.
 */
struct tunnel_cursor {
	struct dp_tunnel *met;		/* last; NULL: none of this round */
	struct tunnel_table *table;
	struct tunnel_cursor *other;	/* of that */
};
/* From now on until tunnel_table_free(). */
void tunnel_cursor_init(struct tunnel_cursor *c, struct tunnel_table *tt);
/* NULL: the round is over, and another one begins. */
struct dp_tunnel *tunnel_cursor_next(struct tunnel_cursor *c);

uint32_t tunnel_count(const struct tunnel_table *tt);
/* Backend: the path's MTU became known or changed (in octets of the outer). */
void tunnel_set_path_mtu(struct dp_tunnel *t, uint32_t path_mtu);

/* --- opening a real backend (dp_open.c) --------------------------------- */

struct dp_conf {
	int backend;			/* enum dp_backend */
	uint8_t rtproto;		/* rtm_protocol of everything we add */
	uint32_t table;			/* PMA uplink routing table */
	uint32_t rule_prio;		/* of the iif rules */
	uint32_t max_tunnels;
	uint32_t max_paths;
	bool set_sysctls;
	const char *uplink;		/* interface towards the core; NULL: by
					 * route to the peer */
	const struct prefix *cover;	/* HA: home prefixes we anchor */
	size_t ncover;
	bool is_ha, is_pma;
	bool fast_path;			/* PMA, bpf: past the kernel's
					 * forwarding to the access link */
	bool tunnel_gro;		/* ip6tnl: a tunnel gathers packets */
	uint32_t max_nodes;		/* PMA: on its links at once */
	bool fixed_router;		/* PMA: RFC 6543 on access links */
	bool answers;			/* PMA: there is somebody to ask where
					 * a neighbour is */
	struct in6_addr local;		/* our tunnel end point, :: any */
};

enum dp_backend { DP_AUTO, DP_IP6TNL, DP_BPF };
extern const char *const dp_backend_names[];

/*
 * Open the chosen backend (auto: ip6tnl where the kernel has it, else bpf).
 * Checks forwarding sysctls, sets them when allowed, names them when not.
 * On failure -errno with a sentence for the operator in `why`.
 */
int dp_open(const struct dp_conf *conf, struct loop *l, struct log *log,
    struct stats *stats, struct netlink *nl, struct dp **ret, char *why,
    size_t whycap);
void dp_close(struct dp *dp);

#endif

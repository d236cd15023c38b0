/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The contract of a role, and what a role may touch.
 *
 * A daemon is a value: `struct env` is everything a role sees of the world.
 * The real daemon (daemon.c) fills it with sockets and netlink, the exchange
 * tests with fakes under virtual time.  A role never calls the kernel.
 */
#ifndef PMIP_ROLE_H
#define PMIP_ROLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attach/attach.h"
#include "core/cfg.h"
#include "core/clock.h"
#include "core/ctl.h"
#include "core/log.h"
#include "core/ratelimit.h"
#include "core/stats.h"
#include "core/wheel.h"
#include "dataplane/dp.h"
#include "dhcp/dhcp_io.h"
#include "mh/dialect.h"
#include "mh/haad.h"
#include "mh/icmp_io.h"
#include "mh/mh.h"
#include "mh/mh_io.h"
#include "nd/link_io.h"
#include "policy/policy.h"

struct role;

/* The services of one daemon.  Everything is borrowed and outlives roles. */
struct env {
	const struct clock *clock;
	struct wheel *wheel;
	struct log *log;
	struct stats *stats;
	struct mh_io *mh;
	struct link_io *link;		/* NULL when no role needs it */
	struct dhcp_io *dhcp;
	struct icmp_io *icmp;		/* NULL: no discovery */
	struct dp *dp;
	struct policy *policy;
	const struct dialect *dialect;	/* of every peer, so far */
	/* Ask for neighbour/FDB events of an interface; NULL in tests. */
	void (*watch_if)(void *ctx, uint32_t ifindex, uint32_t sources);
	void *watch_ctx;
	/* dataplane.on-exit is keep: what an earlier run left in the kernel
	 * serves its mobile nodes until they register again. */
	bool adopt;
	struct stat_group st_mh;	/* counts enum mh_drop, role.c */
	struct stat_group st_icmp;	/* counts enum haad_drop, role.c */
	struct ratelimit rl_be;		/* Binding Errors */
	struct ratelimit rl_drop_log;
};

struct role_mh_handler {
	uint8_t type;			/* enum mh_type */
	void (*fn)(struct role *r, const struct mh_pkt *pkt,
	    const struct mh_msg *m);
};

struct role_ops {
	const char *name;		/* "ha"; also the configuration's key */
	const struct cfg_table *schema;	/* of the role's section */
	size_t size;			/* of what embeds struct role */
	const struct role_mh_handler *mh;	/* ended by fn NULL */
	const struct ctl_cmd *ctl;		/* ended by name NULL; may be
						 * NULL. ctx is the role */
	/* Optional: MH packets that come next, not parsed yet. Nothing may
	 * change but what the processor has in its cache. */
	void (*ahead)(struct role *r, const struct mh_pkt *pkts, size_t n);
	/* `conf` is the struct of `schema`. On failure -errno, and stop() is
	 * still called: it tolerates half a start. */
	int (*start)(struct role *r, const void *conf);
	/* Apply a new configuration (already checked). The old one is freed
	 * when this returns. 0, or -errno: then nothing has changed. */
	int (*reload)(struct role *r, const void *conf);
	/* keep: leave bindings and kernel state as they are (no signalling).*/
	void (*stop)(struct role *r, bool keep);
	/* Optional. */
	void (*nd)(struct role *r, const struct link_if *lif,
	    const struct mac *src, const struct nd_msg *m);
	void (*arp)(struct role *r, const struct link_if *lif,
	    const struct mac *src, const struct arp_msg *m);
	/* DHCP from the access link, and from the core (servers, peers). */
	void (*udp)(struct role *r, const struct link_if *lif,
	    const struct mac *src, const struct udp_msg *m);
	void (*dhcp)(struct role *r, const struct dhcp_pkt *pkt);
	/* ICMPv6 of Mobile IPv6 (home agent address discovery). */
	void (*icmp)(struct role *r, const struct icmp_pkt *pkt,
	    const struct haad_msg *m);
	void (*attach)(struct role *r, const struct attach_event *ev);
	void (*link)(struct role *r, enum link_news what,
	    const struct link_if *lif);
	/* struct attach_sink; the first role that knows answers. */
	bool (*resolve)(struct role *r, uint32_t ifindex,
	    const struct in6_addr *addr, struct mac *ret);
	void (*policy_changed)(struct role *r);
	void (*mtu_changed)(struct role *r, struct dp_tunnel *t);
	/* Members for `show status`, into an open object. */
	void (*show)(struct role *r, struct json_w *w);
};

/* First member of every role's own struct. */
struct role {
	const struct role_ops *ops;
	struct env *env;
	bool started;
};

extern const struct role_ops ha_role_ops, pma_role_ops;
/* NULL-ended. */
extern const struct role_ops *const role_list[];

/* A role's struct, zeroed, not started. Aborts when out of memory. */
struct role *role_new(const struct role_ops *ops, struct env *env);
void role_free(struct role *r);

/* Prepare the members of env that role.c owns (counters, rate limits). */
void role_env_init(struct env *env);
void role_env_done(struct env *env);

/*
 * A received MH packet: parse, count and log what is dropped (rate-limited),
 * answer unknown types with a Binding Error (RFC 6275 9.2), hand the rest to
 * the handler of the first of the `n` roles that serves the type; types that
 * no role serves are counted.
 */
void role_dispatch_mh(struct env *env, struct role *const *roles, size_t n,
    const struct mh_pkt *pkt);

/* Packets that role_dispatch_mh() will be given next. */
void role_ahead_mh(struct role *const *roles, size_t n,
    const struct mh_pkt *pkts, size_t npkts);

/*
 * A received ICMPv6 message of Mobile IPv6: parse, count and log what is
 * dropped, tell every role of the rest.
 */
void role_dispatch_icmp(struct env *env, struct role *const *roles, size_t n,
    const struct icmp_pkt *pkt);

/* A name to look for, in the policy and in what the role keeps by NAI. */
static inline struct nai
role_nai(const struct role *r, const char *s, size_t len)
{
	return nai_make(&r->env->policy->nai_key, s, len);
}

/* Build and send; failure is counted and logged. 0 or -errno. */
int role_send_mh(struct env *env, const struct mh_msg *m,
    const struct in6_addr *src, const struct in6_addr *dst);

/*
 * An event that an operator wants to see happen: logged at info and streamed
 * by `pmipctl watch`.
 */
#define role_event(r, ev, ...) \
	log_info((r)->env->log, (r)->ops->name, ev, __VA_ARGS__)

#endif

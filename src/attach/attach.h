/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who is on my link?  Attach and detach events for the proxy mobile agent,
 * from netlink (carrier, neighbour, bridge FDB).  Events by Router
 * Solicitation come through link_io, those by `pmipctl` from the role's own
 * commands; all meet in the role as a struct attach_event.
 *
 * And, for the kernel, the other way round: where on my link is that address?
 */
#ifndef PMIP_ATTACH_H
#define PMIP_ATTACH_H

#include <stdbool.h>
#include <stdint.h>

#include "core/addr.h"
#include "nd/link_io.h"

struct log;
struct loop;
struct netlink;
struct stats;

enum attach_kind {
	ATTACH_UP,		/* the node is there */
	ATTACH_DOWN,		/* the node has left */
	ATTACH_MAYBE_GONE,	/* evidence of silence: probe it (NUD) */
};

enum attach_source {
	ATTACH_BY_RS, ATTACH_BY_CTL, ATTACH_BY_CARRIER, ATTACH_BY_NEIGHBOUR,
	ATTACH_BY_FDB, ATTACH_BY_NUD, ATTACH_BY_TRAFFIC, ATTACH_SOURCE_MAX
};
extern const char *const attach_source_names[ATTACH_SOURCE_MAX + 1];

struct attach_event {
	enum attach_kind kind;
	enum attach_source source;
	uint32_t ifindex;	/* access interface */
	struct mac mac;		/* zero: every node of the interface
				 * (carrier), or a p2p link */
	struct in6_addr lla;	/* an address of the node, link-local where
				 * there is a choice; :: unknown */
	const char *nai;	/* NULL: by MAC from the policy */
};

/* Interface news, for interfaces whose name matches none of ours as well. */
enum link_news { LINK_NEW, LINK_CHANGED, LINK_GONE };

/* The consumer (the PMA role, through role.c). */
struct attach_sink {
	void (*attach)(void *ctx, const struct attach_event *ev);
	void (*link)(void *ctx, enum link_news what, const struct link_if *lif);
	/*
	 * The kernel has packets for `addr` and asks whose it is, before it
	 * asks the link (sysctl app_solicit).  True with the MAC address: it
	 * is told.  NULL: never.
	 */
	bool (*resolve)(void *ctx, uint32_t ifindex,
	    const struct in6_addr *addr, struct mac *ret);
	void *ctx;
};

/* --- the netlink source (attach_netlink.c) ------------------------------ */

struct attach_nl;
/*
 * Dumps links and addresses once (LINK_NEW for each, in the call of
 * attach_nl_start()), then follows them.  Neighbour and FDB events are
 * delivered for interfaces that attach_nl_watch() named; an FDB event of a
 * bridge port is delivered for the bridge as ifindex.
 */
int attach_nl_new(struct loop *l, struct log *log, struct stats *stats,
    struct netlink *nl, const struct attach_sink *sink,
    struct attach_nl **ret);
int attach_nl_start(struct attach_nl *a);
/* `sources`: bits 1 << enum attach_source; 0 stops watching. */
void attach_nl_watch(struct attach_nl *a, uint32_t ifindex, uint32_t sources);
void attach_nl_free(struct attach_nl *a);

#endif

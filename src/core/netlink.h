/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Netlink in batches: requests queue up during a loop turn and leave in as few
 * sendmsg() calls as possible at its end; the loop reads the acknowledgements
 * and calls back.  Every request is answered.  Order is kept.
 * Messages are built with libnl (struct nl_msg).
 */
#ifndef PMIP_NETLINK_H
#define PMIP_NETLINK_H

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct log;
struct nl_msg;
struct nlmsghdr;
struct netlink;
struct stats;

/* err: 0 or the kernel's -errno (with its extended text, or NULL). */
typedef void netlink_done_fn(void *ctx, int err, const char *text);
/* One message of a dump or a notification; borrowed. */
typedef void netlink_msg_fn(void *ctx, const struct nlmsghdr *nlh);

/* 0 or -errno. */
int netlink_new(struct loop *l, struct log *log, struct stats *stats,
    struct netlink **ret);
/*
 * The same for another protocol than NETLINK_ROUTE; `name` is that of its
 * counters.  What NETLINK_XFRM brings may hold keys: it is wiped once read.
 */
int netlink_new_proto(struct loop *l, struct log *log, struct stats *stats,
    int proto, const char *name, struct netlink **ret);
/* Requests not yet answered are dropped without callback. */
void netlink_free(struct netlink *n);

/*
 * Queue one request; `m` stays the caller's.  `done` (may be
 * NULL: a failure is then logged) is called from the loop, never from here,
 * exactly once: on the ack, or with -EIO when the socket lost it.
 * 0, or -ENOBUFS when 100,000 requests are unanswered.
 */
int netlink_send(struct netlink *n, struct nl_msg *m, netlink_done_fn *done,
    void *ctx);
/* Requests whose answer is outstanding. */
unsigned netlink_pending(const struct netlink *n);
/* Push the queue out now and wait (at most 5 s) until all is answered: for
 * start and stop only. 0 or -ETIMEDOUT. */
int netlink_drain(struct netlink *n);

/*
 * Synchronous request on a socket of its own: for rare things (a tunnel
 * device) and for start-up.  0 or the kernel's -errno.
 */
int netlink_sync(struct netlink *n, struct nl_msg *m);
/* The same for a request that is answered by messages: `fn` for each. */
int netlink_get(struct netlink *n, struct nl_msg *m, netlink_msg_fn *fn,
    void *ctx);
/* Synchronous dump; `fn` per message. 0 or -errno. Retries an interrupted
 * dump (NLM_F_DUMP_INTR) up to 5 times: `restart` (may be NULL) is called
 * before each further try.  `fn` may send synchronous requests and dump. */
int netlink_dump(struct netlink *n, struct nl_msg *m, netlink_msg_fn *fn,
    void (*restart)(void *ctx), void *ctx);

/*
 * Follow a multicast group (RTNLGRP_LINK, ...).  When the socket overran
 * (ENOBUFS), `lost` is called: re-read what you need.  Older notifications
 * are not told after that.
 */
struct netlink_mon;
int netlink_monitor(struct netlink *n, const int *groups, unsigned ngroups,
    netlink_msg_fn *fn, void (*lost)(void *ctx), void *ctx,
    struct netlink_mon **ret);
/* Do not even be woken for routes of protocol `proto`. 0 or -errno. */
int netlink_monitor_skip_routes(struct netlink_mon *m, uint8_t proto);
void netlink_monitor_free(struct netlink_mon *m);

#endif

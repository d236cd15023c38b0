/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Protection of the signalling (draft 4, 10): what stands between the roles
 * and the sockets.  It is an MH transport itself, so that roles see messages
 * of the right peers only and cannot send around it.
 *
 *   none       135 in the clear, both ways
 *   userspace  esp_io over protocol 50; 135 in the clear is counted, dropped
 *   kernel     135 in the clear to a kernel whose policies protect it: only
 *              to and from peers for which they do (xfrm.h)
 *
 * What stays inside this machine (both roles in one process) needs none.
 */
#ifndef PMIP_SEC_H
#define PMIP_SEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <netinet/in.h>

#include "esp/sec_conf.h"
#include "mh/mh_io.h"

struct clock;
struct json_w;
struct log;
struct loop;
struct sec;
struct stats;
struct wheel;

/*
 * Who the roles signal with, beside the peers of the configuration: in mode
 * kernel their policies are looked after as well, so that a missing one is
 * told before the first message.  In mode userspace those without keys are.
 */
struct sec_pair {
	struct in6_addr local, remote;
};
struct sec_want {
	const struct sec_pair *v;
	size_t n;
};

struct sec_args {
	struct loop *loop;		/* kernel mode; NULL otherwise is fine */
	struct log *log;
	struct stats *stats;
	const struct clock *clock;
	struct wheel *wheel;
	struct mh_io *clear;		/* protocol 135; its recv becomes ours */
	struct mh_io *esp;		/* protocol 50: mode userspace */
	const struct in6_addr *own;	/* our addresses; [0] is `local` of
					 * peers that name none; copied */
	size_t nown;
};

/*
 * Everything in `a` is borrowed and outlives the result.  0; or -errno, told
 * in the log.
 */
int sec_new(const struct sec_args *a, const struct sec_conf *conf,
    const struct sec_want *want, struct sec **ret);
/* The transport for the roles; the caller sets its recv. */
struct mh_io *sec_mh(struct sec *s);
/*
 * New peers and keys, in two steps.  Security associations that stay keep
 * their sequence numbers and windows.  sec_prepare() is 0; or -errno (told in
 * the log): then nothing has changed or will.
 */
int sec_prepare(struct sec *s, const struct sec_conf *conf,
    const struct sec_want *want);
/* Put what was prepared in force, or forget it. */
void sec_commit(struct sec *s);
void sec_abort(struct sec *s);
/*
 * Rows for `show ipsec`, each an object: `row` is called for the pairs of the
 * i-th peer, at least once.  False when there is no i-th peer.
 */
struct sec_row {
	struct json_w *(*begin)(void *ctx);
	void (*end)(void *ctx);
	void *ctx;
};
bool sec_show_peer(struct sec *s, size_t i, const struct sec_row *row);
/* Members for `show status`. */
void sec_show(const struct sec *s, struct json_w *w);
/* keep: leave in the kernel what we installed there. */
void sec_free(struct sec *s, bool keep);

#endif

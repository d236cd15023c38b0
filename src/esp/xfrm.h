/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's IPsec (XFRM): is the signalling with each peer protected by its
 * policies, and static keys put into it.  Policies are watched; nothing here
 * works per packet but xfrm_ready().
 *
 * A peer is ready when an ESP policy in transport mode that requires protection
 * covers protocol 135 of both directions, whatever the MH type, and nothing of
 * higher priority lets any of it pass (xfrm_spd.h has the rules).
 */
#ifndef PMIP_XFRM_H
#define PMIP_XFRM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <netinet/in.h>

#include "esp/esp.h"

struct json_w;
struct clock;
struct log;
struct loop;
struct stats;
struct xfrm;

/* How far ahead of what is used xfrm_args.sequence() is told, and how often at
 * least the kernel tells us what is used. */
#define XFRM_SEQ_AHEAD (1U << 20)
#define XFRM_SEQ_NOTICE 4096U

/* One direction of a pair of static keys. */
struct xfrm_key {
	uint32_t spi;
	uint8_t key[ESP_KEY_MAX];
	/*
	 * The last sequence number that may have been used (out) or accepted
	 * (in) when this key was in a kernel before: what the callback
	 * `sequence` told last.  0 for a fresh key.  Ignored when the kernel
	 * has the security association: it knows better.
	 */
	uint64_t seq;
};

struct xfrm_pair {
	enum esp_suite suite;
	bool esn;		/* 64-bit sequence numbers */
	struct xfrm_key in, out;
};

struct xfrm_peer {
	struct in6_addr local, remote;
	/*
	 * Static keys; none: an IKE daemon or the operator fills the kernel.
	 * The first pair is what we send under, all are accepted.
	 */
	const struct xfrm_pair *pair;
	size_t npair;
};

struct xfrm_args {
	struct loop *loop;
	struct log *log;
	struct stats *stats;
	const struct clock *clock;	/* "last use" is on the wall clock */
	/*
	 * Write this down: no sequence number up to `seq` of this static
	 * security association may be used again (out) or accepted again (in)
	 * by a later kernel.  Out: XFRM_SEQ_AHEAD of what is used, exact when
	 * the association is taken out of the kernel.  May be NULL.
	 */
	void (*sequence)(void *ctx, const struct in6_addr *src,
	    const struct in6_addr *dst, uint32_t spi, uint64_t seq);
	void *ctx;
};

/*
 * 0; or -errno, told in the log with the kernel module that is missing.
 * Everything in `a` is borrowed and outlives the result.
 */
int xfrm_new(const struct xfrm_args *a, struct xfrm **ret);
/*
 * The peers, at start and at every reload: copied, but for the keys, which go
 * to the kernel and are forgotten.  What an earlier run left in the kernel and
 * is the same is adopted as it is; new keys are in force before old ones go.
 * 0; or -errno (told in the log), and the peers that failed are not ready:
 * xfrm_missing() says why.
 */
int xfrm_set_peers(struct xfrm *x, const struct xfrm_peer *peers, size_t n);
/* May signalling go to and come from the i-th peer? */
bool xfrm_ready(const struct xfrm *x, size_t peer);
/* The same for a message that is about to leave: should no security
 * association come, that is told. */
bool xfrm_may_send(struct xfrm *x, size_t peer);
/* What is missing, a sentence or two for the operator; "" when ready.  Valid
 * until the next call. */
const char *xfrm_missing(struct xfrm *x, size_t peer);
/*
 * Members of an open object for `show ipsec`: "ready", "missing", the verdict
 * on the policies, and the newest pair of SAs as the kernel has it right now.
 */
void xfrm_show_peer(struct xfrm *x, size_t peer, struct json_w *w);
/*
 * keep: leave static keys and their policies in the kernel for the next run.
 * NULL is accepted.
 */
void xfrm_free(struct xfrm *x, bool keep);

#endif

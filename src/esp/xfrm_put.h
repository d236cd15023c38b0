/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Single requests about the kernel's IPsec: security associations and policies
 * of static keys.  All are synchronous: for start, reload and stop, and for
 * `show`.  They return 0 or the kernel's -errno.
 */
#ifndef PMIP_XFRM_PUT_H
#define PMIP_XFRM_PUT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/netlink.h"
#include "esp/xfrm.h"
#include "esp/xfrm_spd.h"

/* "PMIP": by it we know what is ours. */
#define XFRM_OUR_REQID 0x504d4950u
#define XFRM_OUR_PRIORITY 1000	/* before those of IKE daemons */

/* Every policy, every SA (all families), one message each. */
int xfrm_dump_policies(struct netlink *n, netlink_msg_fn *fn,
    void (*restart)(void *ctx), void *ctx);
int xfrm_dump_sas(struct netlink *n, netlink_msg_fn *fn,
    void (*restart)(void *ctx), void *ctx);

/* The key it is compared with may be NULL; *ret_same then is false. */
int xfrm_get_sa(struct netlink *n, const struct in6_addr *dst, uint32_t spi,
    const uint8_t *key, size_t key_len, struct spd_sa *ret, bool *ret_same);
/* -EOVERFLOW: k->seq leaves no sequence number to use. */
int xfrm_put_sa(struct netlink *n, const struct spd_flow *f,
    const struct xfrm_pair *pair, const struct xfrm_key *k);
int xfrm_del_sa(struct netlink *n, const struct in6_addr *dst, uint32_t spi);
/*
 * Does the kernel know ESP at all?  Only an attempt tells: an SA that nothing
 * can use, from the loopback address to itself.
 */
int xfrm_probe_esp(struct netlink *n);
/*
 * Demand ESP for the flow; out under that SPI.  What stands there is replaced
 * when it is ours, and -EADDRINUSE when it is somebody else's.
 */
int xfrm_put_policy(struct netlink *n, const struct spd_flow *f, uint32_t spi);
int xfrm_del_policy(struct netlink *n, const struct spd_flow *f);

#endif

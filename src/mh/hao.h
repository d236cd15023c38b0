/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mobility Headers behind a Home Address option (RFC 6275 6.3): what a Mobile
 * IPv6 client sends, and no proxy mobile agent ever does.
 */
#ifndef PMIP_HAO_H
#define PMIP_HAO_H

#include <stddef.h>

#include "core/stats.h"
#include "mh/mh_io.h"

struct log;
struct loop;
struct stats;

#define HAO_OPTS_MAX 16		/* options of one header we walk */

#define HAO_DROPS(X) \
	X(HAO_OK, "hao-ok", "a Mobility Header with a Home Address option") \
	X(HAO_PACKET, "hao-packet", "not a whole IPv6 packet") \
	X(HAO_OTHER, "hao-other", \
	    "no Mobility Header behind one Destination Options header") \
	X(HAO_OPTION, "hao-option", "an option runs past the header") \
	X(HAO_MANY, "hao-many", "more than 16 options") \
	X(HAO_UNKNOWN, "hao-unknown", \
	    "an unknown option that forbids to go on: RFC 8200 4.2") \
	X(HAO_NONE, "hao-none", "no Home Address option") \
	X(HAO_ADDRESS, "hao-address", \
	    "the home address is no unicast one: RFC 6275 9.3.1")

enum hao_drop {
#define X(id, name, help) id,
	HAO_DROPS(X)
#undef X
	HAO_DROP_MAX
};
extern const struct stat_desc hao_drop_desc[HAO_DROP_MAX];

/*
 * `pkt` starts at the IPv6 header.  HAO_OK and *ret filled but for its
 * ifindex (it refers into the packet), or why not.  The checksum is not looked
 * at.
 */
enum hao_drop hao_parse(const void *pkt, size_t len, struct mh_pkt *ret);

/*
 * Such packets as they arrive, though the kernel throws them away; to's recv
 * is called with them.  To be used where signalling is not protected, and
 * nowhere else: the kernel's policies have not seen them.  0 or -errno.
 */
struct hao_sock;
int hao_sock_new(struct loop *l, struct log *log, struct stats *stats,
    struct mh_io *to, struct hao_sock **ret);
void hao_sock_free(struct hao_sock *s);

#endif

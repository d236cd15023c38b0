/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets that only send, each from one address of ours, with an IPv6 header
 * that we wrote: half of what the kernel does for a message of a raw socket is
 * to put that header together and to check the address anew.
 */
#ifndef PMIP_MH_SOURCE_H
#define PMIP_MH_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include <netinet/in.h>

#define MH_SOURCES 8
#define MH_SOURCE_HEADER 40		/* octets: RFC 8200 3 */
/* The kernel does not fragment what has a header already; this long a message
 * fits through every link (RFC 8200 5). */
#define MH_SOURCE_MAX (1280 - MH_SOURCE_HEADER)

struct mh_sources {
	uint8_t proto;
	unsigned n;
	struct mh_source {
		struct in6_addr addr;
		int fd;			/* -1: it cannot be had (yet) */
		uint32_t asked;		/* so often, in vain */
	} v[MH_SOURCES];
};

void mh_sources_init(struct mh_sources *s, uint8_t proto);
void mh_sources_close(struct mh_sources *s);
/*
 * A descriptor for messages from `src`, opened when first asked for: a
 * non-blocking raw socket of `proto` on which nothing is ever received.  -1:
 * none, for too many addresses or one that is not ours; it is tried again when
 * it has been asked for twice as often.  Nobody looks whether an address is
 * still ours later.
 */
int mh_sources_fd(struct mh_sources *s, const struct in6_addr *src);
/* Write the header of a message of `len` octets, MH_SOURCE_MAX at most. */
void mh_sources_header(const struct mh_sources *s, const struct in6_addr *src,
    const struct in6_addr *dst, size_t len, uint8_t ret[MH_SOURCE_HEADER]);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Network Access Identifiers (RFC 7542): who a mobile node is.  The user part
 * is before the last '@', all of it when there is none.  It is compared octet
 * by octet, the realm without case (PROTOCOL 10.2).
 */
#ifndef PMIP_NAI_H
#define PMIP_NAI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/crypto.h"

#define NAI_MAX 253		/* RFC 7542 2.4 */
#define NAI_OPTION_MAX 255	/* octets of an MN-ID option, at most */

/* An NAI to look for; any octets, no NUL behind them. */
struct nai {
	const char *s;
	size_t len;
	uint32_t hash;		/* the same for those that are equal */
};

/* `len`: at most NAI_OPTION_MAX. */
struct nai nai_make(const struct hash_key *k, const char *s, size_t len);
size_t nai_user_len(const char *s, size_t len);
bool nai_eq(const char *a, size_t la, const char *b, size_t lb);

#endif

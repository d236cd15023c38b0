/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The only user of libsodium: keyed hashing for tables a peer can fill, and
 * random octets.
 */
#ifndef PMIP_CRYPTO_H
#define PMIP_CRYPTO_H

#include <stddef.h>
#include <stdint.h>

struct hash_key {
	uint8_t k[16];
};

/* Once per process, before anything else here. 0 or -EIO. */
int crypto_init(void);
void crypto_random(void *dst, size_t n);
void hash_key_random(struct hash_key *k);
/* SipHash-2-4 of the octets. */
uint64_t hash_bytes(const struct hash_key *k, const void *data, size_t len);

#endif

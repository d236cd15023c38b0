/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/crypto.h"

#include <errno.h>
#include <sodium.h>

_Static_assert(crypto_shorthash_KEYBYTES == sizeof(struct hash_key),
    "SipHash takes 16 octets of key");

int
crypto_init(void)
{
	return sodium_init() < 0 ? -EIO : 0;
}

void
crypto_random(void *dst, size_t n)
{
	randombytes_buf(dst, n);
}

void
hash_key_random(struct hash_key *k)
{
	randombytes_buf(k->k, sizeof(k->k));
}

uint64_t
hash_bytes(const struct hash_key *k, const void *data, size_t len)
{
	uint64_t h;

	(void)crypto_shorthash((unsigned char *)&h, data, len, k->k);
	return h;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The only user of libsodium: keyed hashing for tables a peer can fill, random
 * octets, and what ESP protects packets with.
 */
#ifndef PMIP_CRYPTO_H
#define PMIP_CRYPTO_H

#include <stdbool.h>
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

/* Zeroes that no compiler leaves out. */
void crypto_wipe(void *p, size_t n);
/* Eight octets that tell secrets apart and say nothing about them. */
void crypto_fingerprint(const void *data, size_t n, uint8_t ret[8]);

#define CRYPTO_TAG_LEN 16	/* octets of both kinds of tag below */

/*
 * HMAC-SHA-256-128 (RFC 2104, RFC 4868: the first 16 octets).  A prepared key
 * is the two hash states behind the inner and outer padding; crypto_wipe()
 * it.
 */
struct crypto_hmac {
	uint64_t state[26];
	bool hw;		/* by the processor's instructions */
};
void crypto_hmac_init(struct crypto_hmac *h, const void *key, size_t len);
/* Of `a`, followed by `b` of at most 64 octets (nb 0: nothing). */
void crypto_hmac_tag(const struct crypto_hmac *h, const void *a, size_t na,
    const void *b, size_t nb, uint8_t ret_tag[CRYPTO_TAG_LEN]);
/* In constant time. */
bool crypto_tag_eq(const uint8_t a[CRYPTO_TAG_LEN],
    const uint8_t b[CRYPTO_TAG_LEN]);

/* ChaCha20-Poly1305 (RFC 8439). */
#define CRYPTO_AEAD_KEY_LEN 32
#define CRYPTO_AEAD_NONCE_LEN 12
#define CRYPTO_AD_MAX 16
/* Additional data, authenticated only: `n` octets, and zeroes behind them. */
struct crypto_ad {
	uint8_t b[CRYPTO_AD_MAX];
	size_t n;
};
/* Encrypts `data` where it is. */
void crypto_aead_seal(const uint8_t key[CRYPTO_AEAD_KEY_LEN],
    const uint8_t nonce[CRYPTO_AEAD_NONCE_LEN], const struct crypto_ad *ad,
    void *data, size_t n, uint8_t ret_tag[CRYPTO_TAG_LEN]);
/* Decrypts `n` octets into `dst`; false, dst zeroed: not genuine. */
bool crypto_aead_open(const uint8_t key[CRYPTO_AEAD_KEY_LEN],
    const uint8_t nonce[CRYPTO_AEAD_NONCE_LEN], const struct crypto_ad *ad,
    const void *data, size_t n, const uint8_t tag[CRYPTO_TAG_LEN],
    void *ret_data);

#endif

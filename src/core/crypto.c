/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/crypto.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "core/bld.h"
#include "core/sha256.h"

_Static_assert(crypto_shorthash_KEYBYTES == sizeof(struct hash_key),
    "SipHash takes 16 octets of key");
_Static_assert(sizeof(crypto_auth_hmacsha256_state) ==
    sizeof(((struct crypto_hmac *)0)->state), "two states of SHA-256");
_Static_assert(_Alignof(crypto_auth_hmacsha256_state) <=
    _Alignof(struct crypto_hmac), "which fit where they are kept");
_Static_assert(crypto_aead_chacha20poly1305_ietf_KEYBYTES ==
    CRYPTO_AEAD_KEY_LEN && crypto_stream_chacha20_ietf_KEYBYTES ==
    CRYPTO_AEAD_KEY_LEN, "RFC 8439 2.8");
_Static_assert(crypto_aead_chacha20poly1305_ietf_NPUBBYTES ==
    CRYPTO_AEAD_NONCE_LEN && crypto_stream_chacha20_ietf_NONCEBYTES ==
    CRYPTO_AEAD_NONCE_LEN, "RFC 8439 2.8");
_Static_assert(crypto_aead_chacha20poly1305_ietf_ABYTES == CRYPTO_TAG_LEN,
    "RFC 8439 2.8");

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

void
crypto_wipe(void *p, size_t n)
{
	sodium_memzero(p, n);
}

void
crypto_fingerprint(const void *data, size_t n, uint8_t ret[8])
{
	uint8_t all[crypto_generichash_BYTES];

	(void)crypto_generichash(all, sizeof(all), data, n, NULL, 0);
	memcpy(ret, all, 8);
	sodium_memzero(all, sizeof(all));
}

void
crypto_hmac_init(struct crypto_hmac *h, const void *key, size_t len)
{
	crypto_auth_hmacsha256_state st;

	(void)crypto_auth_hmacsha256_init(&st, key, len);
	memcpy(h->state, &st, sizeof(st));
	sodium_memzero(&st, sizeof(st));
	h->hw = sha256_hw();
}

#define DIGEST_LEN crypto_hash_sha256_BYTES
#define COUNT_LEN sizeof(uint64_t)

/*
 * The rest of a message whose first block is in `state` already: whole blocks
 * of `a` where they are, what remains, `b`, and the padding of FIPS 180-4
 * section 5.1.1.
 */
static void
hmac_hw_hash(uint32_t state[8], const uint8_t *a, size_t na, const void *b,
    size_t nb, uint8_t ret[DIGEST_LEN])
{
	size_t whole = na / SHA256_BLOCK * SHA256_BLOCK;
	size_t rest = na - whole + nb;
	size_t blocks = (rest + 1 + COUNT_LEN + SHA256_BLOCK - 1) /
	    SHA256_BLOCK;
	uint8_t tail[3 * SHA256_BLOCK];
	struct bld w;

	sha256_hw_blocks(state, a, whole / SHA256_BLOCK);
	bld_init(&w, tail, sizeof(tail));
	bld_bytes(&w, &a[whole], na - whole);
	bld_bytes(&w, b, nb);
	bld_u8(&w, 0x80);
	bld_zero(&w, blocks * SHA256_BLOCK - COUNT_LEN - rest - 1);
	bld_u64(&w, 8 * (uint64_t)(SHA256_BLOCK + na + nb));
	assert(bld_ok(&w) && w.len == blocks * SHA256_BLOCK);
	sha256_hw_blocks(state, tail, blocks);
	bld_init(&w, ret, DIGEST_LEN);
	for (int i = 0; i < 8; i++)
		bld_u32(&w, state[i]);
}

static void
hmac_hw(const crypto_auth_hmacsha256_state *prepared, const void *a, size_t na,
    const void *b, size_t nb, uint8_t mac[DIGEST_LEN])
{
	uint32_t state[8];
	uint8_t inner[DIGEST_LEN];

	memcpy(state, prepared->ictx.state, sizeof(state));
	hmac_hw_hash(state, a, na, b, nb, inner);
	memcpy(state, prepared->octx.state, sizeof(state));
	hmac_hw_hash(state, inner, sizeof(inner), NULL, 0, mac);
}

void
crypto_hmac_tag(const struct crypto_hmac *h, const void *a, size_t na,
    const void *b, size_t nb, uint8_t ret_tag[CRYPTO_TAG_LEN])
{
	crypto_auth_hmacsha256_state st;
	uint8_t mac[crypto_auth_hmacsha256_BYTES];

	assert(nb <= SHA256_BLOCK);
	if (h->hw) {
		hmac_hw((const void *)h->state, a, na, b, nb, mac);
	} else {
		memcpy(&st, h->state, sizeof(st));
		(void)crypto_auth_hmacsha256_update(&st, a, na);
		if (nb > 0)
			(void)crypto_auth_hmacsha256_update(&st, b, nb);
		(void)crypto_auth_hmacsha256_final(&st, mac);
	}
	memcpy(ret_tag, mac, CRYPTO_TAG_LEN);
}

bool
crypto_tag_eq(const uint8_t a[CRYPTO_TAG_LEN], const uint8_t b[CRYPTO_TAG_LEN])
{
	return crypto_verify_16(a, b) == 0;
}

/* --- ChaCha20-Poly1305 (RFC 8439 2.8) ------------------------------------ */

/*
 * libsodium makes four blocks of key stream at once, in little more time than
 * one, but only when asked for that many; its AEAD functions make the three
 * that a Mobility Header needs one by one.  So for short messages the parts are
 * put together here, in one buffer:
 *
 *   0                   48      64         64 + n       256
 *   | zeroes                    | data     | whatever   |  four blocks
 *                       | ad, 0 | data, 0  | lengths |     Poly1305's message
 *
 * Where zeroes were is the first block of the key stream afterwards, and so
 * Poly1305's key.
 */
#define BLOCK 64
#define STREAM_LEN (4 * BLOCK)
#define SHORT_MAX (STREAM_LEN - BLOCK)
#define PAD 16				/* 2.8.1: both parts are filled up */
#define AD_AT (BLOCK - PAD)

struct short_msg {
	uint8_t b[STREAM_LEN + PAD];	/* the lengths may stand at the end */
};

_Static_assert(CRYPTO_AD_MAX == PAD && SHORT_MAX % PAD == 0,
    "the padding fits");
_Static_assert(crypto_onetimeauth_poly1305_KEYBYTES <= AD_AT,
    "the key is before it");

static void
short_put(struct short_msg *m, const void *data, size_t n)
{
	memset(m->b, 0, BLOCK);
	memcpy(&m->b[BLOCK], data, n);
}

/* Encrypts, and decrypts. */
static void
short_xor(const struct short_msg *m, const uint8_t *key, const uint8_t *nonce,
    struct short_msg *ret)
{
	(void)crypto_stream_chacha20_ietf_xor_ic(ret->b, m->b, STREAM_LEN,
	    nonce, 0, key);
}

/* The tag of what is encrypted; what is around it gives way. */
static void
short_tag(struct short_msg *m, size_t n, const struct crypto_ad *ad,
    const uint8_t *key, uint8_t tag[CRYPTO_TAG_LEN])
{
	const uint64_t lens[] = { htole64(ad->n), htole64(n) };
	size_t begin = ad->n > 0 ? AD_AT : BLOCK;
	size_t end = BLOCK + (n + PAD - 1) / PAD * PAD;

	memcpy(&m->b[AD_AT], ad->b, PAD);
	memset(&m->b[BLOCK + n], 0, PAD);
	memcpy(&m->b[end], lens, sizeof(lens));
	(void)crypto_onetimeauth_poly1305(tag, &m->b[begin],
	    end + sizeof(lens) - begin, key);
}

void
crypto_aead_seal(const uint8_t key[CRYPTO_AEAD_KEY_LEN],
    const uint8_t nonce[CRYPTO_AEAD_NONCE_LEN], const struct crypto_ad *ad,
    void *data, size_t n, uint8_t ret_tag[CRYPTO_TAG_LEN])
{
	unsigned long long taglen;
	struct short_msg m;

	if (n > SHORT_MAX) {
		(void)crypto_aead_chacha20poly1305_ietf_encrypt_detached(data,
		    ret_tag, &taglen, data, n, ad->b, ad->n, NULL, nonce, key);
		return;
	}
	short_put(&m, data, n);
	short_xor(&m, key, nonce, &m);
	memcpy(data, &m.b[BLOCK], n);
	short_tag(&m, n, ad, m.b, ret_tag);
	sodium_memzero(&m, sizeof(m));
}

bool
crypto_aead_open(const uint8_t key[CRYPTO_AEAD_KEY_LEN],
    const uint8_t nonce[CRYPTO_AEAD_NONCE_LEN], const struct crypto_ad *ad,
    const void *data, size_t n, const uint8_t tag[CRYPTO_TAG_LEN],
    void *ret_data)
{
	struct short_msg m, plain;
	uint8_t want[CRYPTO_TAG_LEN];
	bool genuine;

	if (n > SHORT_MAX)
		return crypto_aead_chacha20poly1305_ietf_decrypt_detached(
		    ret_data, NULL, data, n, tag, ad->b, ad->n, nonce, key) == 0;
	short_put(&m, data, n);
	short_xor(&m, key, nonce, &plain);
	short_tag(&m, n, ad, plain.b, want);
	genuine = crypto_tag_eq(want, tag);
	if (genuine)
		memcpy(ret_data, &plain.b[BLOCK], n);
	else
		memset(ret_data, 0, n);
	sodium_memzero(&plain, sizeof(plain));
	sodium_memzero(want, sizeof(want));
	return genuine;
}

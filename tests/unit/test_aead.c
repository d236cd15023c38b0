/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ChaCha20-Poly1305 as we make it of short messages: the vectors of RFC 8439,
 * and libsodium for every length and what does not authenticate.
 */
#include <check.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"
#include "suite.h"

#define LEN_MAX 300		/* past what is made at once */

/* 2.8.2 */
START_TEST(test_aead)
{
	static const char text[] = "Ladies and Gentlemen of the class of '99: "
	    "If I could offer you only one tip for the future, sunscreen would "
	    "be it.";
	static const uint8_t nonce[] = { 7, 0, 0, 0, 0x40, 0x41, 0x42, 0x43,
		0x44, 0x45, 0x46, 0x47 };
	static const struct crypto_ad ad = { { 0x50, 0x51, 0x52, 0x53, 0xc0,
		0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7 }, 12 };
	static const uint8_t begins[] = { 0xd3, 0x1a, 0x8d, 0x34, 0x64, 0x8e,
		0x60, 0xdb, 0x7b, 0x86, 0xaf, 0xbc, 0x53, 0xef, 0x7e, 0xc2 };
	static const uint8_t tag[] = { 0x1a, 0xe1, 0x0b, 0x59, 0x4f, 0x09, 0xe2,
		0x6a, 0x7e, 0x90, 0x2e, 0xcb, 0xd0, 0x60, 0x06, 0x91 };
	const size_t n = sizeof(text) - 1;
	uint8_t key[CRYPTO_AEAD_KEY_LEN], data[sizeof(text)], got[16];

	for (unsigned i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)(0x80 + i);
	memcpy(data, text, n);
	crypto_aead_seal(key, nonce, &ad, data, n, got);
	ck_assert_mem_eq(data, begins, sizeof(begins));
	ck_assert_mem_eq(got, tag, sizeof(tag));
	ck_assert(crypto_aead_open(key, nonce, &ad, data, n, tag, data));
	ck_assert_mem_eq(data, text, n);
}
END_TEST

/* One octet, whichever, of ciphertext, tag or additional data. */
static void
forge(size_t n, const uint8_t *key, const uint8_t *nonce,
    const uint8_t *sealed, const uint8_t *tag, const struct crypto_ad *ad)
{
	uint8_t all[LEN_MAX + CRYPTO_TAG_LEN];
	uint8_t out[LEN_MAX], zero[LEN_MAX] = { 0 };
	struct crypto_ad a = *ad;

	memcpy(all, sealed, n);
	memcpy(&all[n], tag, CRYPTO_TAG_LEN);
	for (size_t i = 0; i < n + CRYPTO_TAG_LEN + a.n; i++) {
		uint8_t *at = i < n + CRYPTO_TAG_LEN ? &all[i] :
		    &a.b[i - n - CRYPTO_TAG_LEN];

		*at ^= (uint8_t)(1 << i % 8);
		memset(out, 0xaa, sizeof(out));
		ck_assert(!crypto_aead_open(key, nonce, &a, all, n, &all[n],
		    out));
		ck_assert_mem_eq(out, zero, n);
		*at ^= (uint8_t)(1 << i % 8);
	}
	ck_assert(crypto_aead_open(key, nonce, &a, all, n, &all[n], out));
}

START_TEST(test_like_libsodium)
{
	uint8_t key[CRYPTO_AEAD_KEY_LEN], nonce[CRYPTO_AEAD_NONCE_LEN];
	uint8_t plain[LEN_MAX], ours[LEN_MAX];
	uint8_t theirs[LEN_MAX], tag[CRYPTO_TAG_LEN], want[CRYPTO_TAG_LEN];
	unsigned long long len;

	for (size_t n = 0; n <= LEN_MAX; n++) {
		struct crypto_ad ad = { .n = n % (CRYPTO_AD_MAX + 1) };

		crypto_random(key, sizeof(key));
		crypto_random(nonce, sizeof(nonce));
		crypto_random(ad.b, ad.n);
		crypto_random(plain, sizeof(plain));
		memcpy(ours, plain, n);
		crypto_aead_seal(key, nonce, &ad, ours, n, tag);
		crypto_aead_chacha20poly1305_ietf_encrypt_detached(theirs,
		    want, &len, plain, n, ad.b, ad.n, NULL, nonce, key);
		ck_assert_mem_eq(ours, theirs, n);
		ck_assert_mem_eq(tag, want, sizeof(tag));
		ck_assert(crypto_aead_open(key, nonce, &ad, ours, n, tag,
		    theirs));
		ck_assert_mem_eq(theirs, plain, n);
		if (n % 31 == 0)
			forge(n, key, nonce, ours, tag, &ad);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("aead");
	TCase *t = tcase_create("aead");

	if (crypto_init() < 0)
		return EXIT_FAILURE;
	tcase_add_test(t, test_aead);
	tcase_add_test(t, test_like_libsodium);
	suite_add_tcase(s, t);
	return suite_run(s);
}

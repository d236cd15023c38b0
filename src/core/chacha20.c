/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A vector holds a row of the state, four words, of two blocks side by side;
 * two sets of four rows make four blocks.  No branch and no address depends on
 * the key.
 */
#include "core/chacha20.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#define DOUBLE_ROUNDS 10
#define AVX2 __attribute__((target("avx2")))

/* Rows a, b, c, d: constants, key, key, counter and nonce. */
struct rows {
	__m256i a, b, c, d;
};

bool
chacha20_hw(void)
{
	return __builtin_cpu_supports("avx2") != 0;
}

#define ROTATE(v, n) _mm256_or_si256(_mm256_slli_epi32((v), (n)),	\
	_mm256_srli_epi32((v), 32 - (n)))

/* RFC 8439 2.1, of four columns and two blocks at once. */
AVX2 static inline void
quarter(struct rows *r)
{
	const __m256i by16 = _mm256_set_epi64x(0x0d0c0f0e09080b0a,
	    0x0504070601000302, 0x0d0c0f0e09080b0a, 0x0504070601000302);
	const __m256i by8 = _mm256_set_epi64x(0x0e0d0c0f0a09080b,
	    0x0605040702010003, 0x0e0d0c0f0a09080b, 0x0605040702010003);

	r->a = _mm256_add_epi32(r->a, r->b);
	r->d = _mm256_shuffle_epi8(_mm256_xor_si256(r->d, r->a), by16);
	r->c = _mm256_add_epi32(r->c, r->d);
	r->b = _mm256_xor_si256(r->b, r->c);
	r->b = ROTATE(r->b, 12);
	r->a = _mm256_add_epi32(r->a, r->b);
	r->d = _mm256_shuffle_epi8(_mm256_xor_si256(r->d, r->a), by8);
	r->c = _mm256_add_epi32(r->c, r->d);
	r->b = _mm256_xor_si256(r->b, r->c);
	r->b = ROTATE(r->b, 7);
}

/* The diagonals become columns, or columns diagonals again. */
AVX2 static inline void
to_columns(struct rows *r)
{
	r->b = _mm256_shuffle_epi32(r->b, _MM_SHUFFLE(0, 3, 2, 1));
	r->c = _mm256_shuffle_epi32(r->c, _MM_SHUFFLE(1, 0, 3, 2));
	r->d = _mm256_shuffle_epi32(r->d, _MM_SHUFFLE(2, 1, 0, 3));
}

AVX2 static inline void
to_diagonals(struct rows *r)
{
	r->b = _mm256_shuffle_epi32(r->b, _MM_SHUFFLE(2, 1, 0, 3));
	r->c = _mm256_shuffle_epi32(r->c, _MM_SHUFFLE(1, 0, 3, 2));
	r->d = _mm256_shuffle_epi32(r->d, _MM_SHUFFLE(0, 3, 2, 1));
}

/* Add what the rounds began with, and write two blocks. */
AVX2 static inline void
finish(struct rows *r, const struct rows *begun, uint8_t *ret)
{
	__m256i *to = (void *)ret;

	r->a = _mm256_add_epi32(r->a, begun->a);
	r->b = _mm256_add_epi32(r->b, begun->b);
	r->c = _mm256_add_epi32(r->c, begun->c);
	r->d = _mm256_add_epi32(r->d, begun->d);
	_mm256_storeu_si256(&to[0], _mm256_permute2x128_si256(r->a, r->b,
	    0x20));
	_mm256_storeu_si256(&to[1], _mm256_permute2x128_si256(r->c, r->d,
	    0x20));
	_mm256_storeu_si256(&to[2], _mm256_permute2x128_si256(r->a, r->b,
	    0x31));
	_mm256_storeu_si256(&to[3], _mm256_permute2x128_si256(r->c, r->d,
	    0x31));
}

AVX2 static inline __m256i
twice(const void *p)
{
	return _mm256_broadcastsi128_si256(_mm_loadu_si128(p));
}

AVX2 void
chacha20_hw_blocks(const uint8_t key[CHACHA20_KEY_LEN],
    const uint8_t nonce[CHACHA20_NONCE_LEN],
    uint8_t ret[CHACHA20_AT_ONCE * CHACHA20_BLOCK])
{
	const __m256i two = _mm256_set_epi32(0, 0, 0, 2, 0, 0, 0, 2);
	uint32_t n[3];
	struct rows first, second, r, s;

	memcpy(n, nonce, sizeof(n));
	first.a = twice("expand 32-byte k");
	first.b = twice(&key[0]);
	first.c = twice(&key[16]);
	first.d = _mm256_set_epi32((int)n[2], (int)n[1], (int)n[0], 1,
	    (int)n[2], (int)n[1], (int)n[0], 0);
	second = first;
	second.d = _mm256_add_epi32(first.d, two);
	r = first;
	s = second;
	for (unsigned i = 0; i < DOUBLE_ROUNDS; i++) {
		quarter(&r);
		quarter(&s);
		to_columns(&r);
		to_columns(&s);
		quarter(&r);
		quarter(&s);
		to_diagonals(&r);
		to_diagonals(&s);
	}
	finish(&r, &first, ret);
	finish(&s, &second, ret + 2 * CHACHA20_BLOCK);
}

#else

bool
chacha20_hw(void)
{
	return false;
}

void
chacha20_hw_blocks(const uint8_t key[CHACHA20_KEY_LEN],
    const uint8_t nonce[CHACHA20_NONCE_LEN],
    uint8_t ret[CHACHA20_AT_ONCE * CHACHA20_BLOCK])
{
	(void)key;
	(void)nonce;
	(void)ret;
}

#endif

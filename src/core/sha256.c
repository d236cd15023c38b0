/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The instructions take the state as (a b e f) and (c d g h), and four words
 * of the message schedule at a time.
 */
#include "core/sha256.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

#define GROUPS 16		/* of four rounds */

static const uint32_t sha256_k[4 * GROUPS]
    __attribute__((aligned(16))) = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5,
	0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
	0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
	0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
	0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
	0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
	0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5,
	0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
	0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

bool
sha256_hw(void)
{
	const unsigned sse = bit_SSSE3 | bit_SSE4_1;
	unsigned a, b, c, d;

	return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & sse) == sse &&
	    __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 &&
	    (b & bit_SHA) != 0;
}

/* Four more words of the schedule, from the sixteen before. */
#define SCHEDULE(m, i)							\
	_mm_sha256msg2_epu32(_mm_add_epi32(				\
	    _mm_sha256msg1_epu32((m)[(i) & 3], (m)[((i) + 1) & 3]),	\
	    _mm_alignr_epi8((m)[((i) + 3) & 3], (m)[((i) + 2) & 3], 4)), \
	    (m)[((i) + 3) & 3])

__attribute__((target("sha,ssse3,sse4.1")))
static void
sha256_block(__m128i *abef, __m128i *cdgh, const uint8_t *data)
{
	const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b,
	    0x0405060700010203);
	const __m128i *from = (const void *)data;
	const __m128i *k = (const void *)sha256_k;
	__m128i x = *abef, y = *cdgh, m[4], w;

#pragma GCC unroll 16
	for (int i = 0; i < GROUPS; i++) {
		m[i & 3] = i < 4 ?
		    _mm_shuffle_epi8(_mm_loadu_si128(&from[i]), swap) :
		    SCHEDULE(m, i);
		w = _mm_add_epi32(m[i & 3], _mm_load_si128(&k[i]));
		y = _mm_sha256rnds2_epu32(y, x, w);
		x = _mm_sha256rnds2_epu32(x, y, _mm_shuffle_epi32(w, 0x0e));
	}
	*abef = _mm_add_epi32(*abef, x);
	*cdgh = _mm_add_epi32(*cdgh, y);
}

__attribute__((target("sha,ssse3,sse4.1")))
void
sha256_hw_blocks(uint32_t state[8], const uint8_t *data, size_t n)
{
	__m128i *s = (void *)state;
	__m128i badc = _mm_shuffle_epi32(_mm_loadu_si128(&s[0]), 0xb1);
	__m128i hgfe = _mm_shuffle_epi32(_mm_loadu_si128(&s[1]), 0x1b);
	__m128i abef = _mm_alignr_epi8(badc, hgfe, 8);
	__m128i cdgh = _mm_blend_epi16(hgfe, badc, 0xf0);

	for (size_t i = 0; i < n; i++)
		sha256_block(&abef, &cdgh, &data[i * SHA256_BLOCK]);
	abef = _mm_shuffle_epi32(abef, 0x1b);
	cdgh = _mm_shuffle_epi32(cdgh, 0xb1);
	_mm_storeu_si128(&s[0], _mm_blend_epi16(abef, cdgh, 0xf0));
	_mm_storeu_si128(&s[1], _mm_alignr_epi8(cdgh, abef, 8));
}

#else

bool
sha256_hw(void)
{
	return false;
}

void
sha256_hw_blocks(uint32_t state[8], const uint8_t *data, size_t n)
{
	(void)state;
	(void)data;
	(void)n;
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ESP codec: test vectors of RFC 4868 and RFC 7634, golden bytes made by
 * scapy's SecurityAssociation, the window of RFC 4303 appendix A.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"
#include "esp/esp.h"
#include "suite.h"

#define SPI 0x11223344u

/* Key 00 01 .. 1f; and 80 .. 9f with the salt a1 a2 a3 a4. */
static void
material(enum esp_suite suite, uint8_t key[ESP_KEY_MAX])
{
	static const uint8_t salt[] = { 0xa1, 0xa2, 0xa3, 0xa4 };

	for (int i = 0; i < 32; i++)
		key[i] = (uint8_t)(i | (suite == ESP_NULL_SHA256 ? 0 : 0x80));
	memcpy(key + 32, salt, sizeof(salt));
}

static struct esp_out
out_new(enum esp_suite suite, bool esn, uint64_t seq)
{
	struct esp_out sa = { .spi = SPI, .seq = seq,
		.limit = esn ? UINT64_MAX : ESP_SEQ32_LAST };
	uint8_t key[ESP_KEY_MAX];

	material(suite, key);
	esp_key_init(&sa.key, suite, esn, key);
	return sa;
}

static struct esp_in
in_new(enum esp_suite suite, bool esn, uint64_t top)
{
	struct esp_in sa = { 0 };
	uint8_t key[ESP_KEY_MAX];

	material(suite, key);
	esp_key_init(&sa.key, suite, esn, key);
	esp_window_init(&sa.win, top);
	return sa;
}

/* 3b 01 05 00 64 65 66 ... */
static void
payload(uint8_t *mh, size_t len)
{
	static const uint8_t head[] = { 0x3b, 1, 5, 0 };

	for (size_t i = 0; i < len; i++)
		mh[i] = i < sizeof(head) ? head[i] : (uint8_t)(96 + i);
}

static size_t
unhex(const char *text, uint8_t *dst)
{
	size_t n = strlen(text) / 2;

	for (size_t i = 0; i < n; i++) {
		unsigned v;

		ck_assert_int_eq(sscanf(text + 2 * i, "%2x", &v), 1);
		dst[i] = (uint8_t)v;
	}
	return n;
}

/* --- vectors ------------------------------------------------------------- */

START_TEST(test_rfc4868_auth256_1)
{
	static const uint8_t want[] = { 0x19, 0x8a, 0x60, 0x7e, 0xb4, 0x4b,
		0xfb, 0xc6, 0x99, 0x03, 0xa0, 0xf1, 0xcf, 0x2b, 0xbd, 0xc5 };
	uint8_t key[32], tag[CRYPTO_TAG_LEN];
	struct crypto_hmac h;

	memset(key, 0x0b, sizeof(key));
	crypto_hmac_init(&h, key, sizeof(key));
	crypto_hmac_tag(&h, "Hi There", 8, NULL, 0, tag);
	ck_assert_mem_eq(tag, want, sizeof(want));
	/* prepared once, used often; the parts are one */
	crypto_hmac_tag(&h, "Hi T", 4, "here", 4, tag);
	ck_assert_mem_eq(tag, want, sizeof(want));
	ck_assert(crypto_tag_eq(tag, want));
	tag[15] ^= 1;
	ck_assert(!crypto_tag_eq(tag, want));
}
END_TEST

/* The processor's instructions and libsodium agree on every length. */
START_TEST(test_hmac_two_ways)
{
	struct crypto_hmac fast, slow;
	uint8_t data[300], key[32], a[CRYPTO_TAG_LEN], b[CRYPTO_TAG_LEN];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7 + 1);
	memcpy(key, data, sizeof(key));
	crypto_hmac_init(&fast, key, sizeof(key));
	slow = fast;
	slow.hw = false;
	for (size_t na = 0; na < 230; na++) {
		for (size_t nb = 0; nb <= 64; nb += nb == 4 ? 60 : 4) {
			crypto_hmac_tag(&fast, data, na, data + 230, nb, a);
			crypto_hmac_tag(&slow, data, na, data + 230, nb, b);
			ck_assert_mem_eq(a, b, sizeof(a));
		}
	}
}
END_TEST

/* Appendix A of RFC 7634: a whole packet, in tunnel mode. */
START_TEST(test_rfc7634_appendix_a)
{
	static const char wire[] = "0102030400000005"	/* SPI, sequence */
	    "1011121314151617"				/* IV */
	    "24039428b97f417e3c13753a4f05087b67c352e6a7fab1b982d466ef407ae5c6"
	    "14ee8099d52844eb61aa95dfab4c02f72aa71e7c4c4f64c9befe2facc638e8f3"
	    "cbec163fac469b502773f6fb94e664da9165b82829f641e0"
	    "76aaa8266b7fb0f7b11b369907e1ad43";		/* ICV */
	uint8_t key[ESP_KEY_MAX], pkt[256], buf[256];
	struct esp_in sa = { 0 };
	struct esp_plain plain;
	size_t len = unhex(wire, pkt);

	for (int i = 0; i < 32; i++)
		key[i] = (uint8_t)(0x80 + i);
	unhex("a0a1a2a3", key + 32);
	esp_key_init(&sa.key, ESP_CHACHA20_POLY1305, false, key);
	/* genuine, padding 01 02 and Next Header 4: not ours, but all there */
	ck_assert_int_eq(esp_open(&sa, pkt, len, buf, sizeof(buf), &plain),
	    ESP_NEXT_HEADER);
	ck_assert_uint_eq(plain.len, 84);
	ck_assert_uint_eq(plain.mh[0], 0x45);
	ck_assert_uint_eq(plain.mh[83], 0x37);
	ck_assert_uint_eq(sa.win.top, 5);
	sa.win.top = 0;
	pkt[len - 1] ^= 1;
	ck_assert_int_eq(esp_open(&sa, pkt, len, buf, sizeof(buf), &plain),
	    ESP_ICV);
}
END_TEST

static const struct golden {
	enum esp_suite suite;
	bool esn;
	uint64_t before;		/* the last number used */
	size_t len;			/* of the payload */
	const char *wire;
} goldens[] = {
	/* no padding needed: 16 + 2 + 2; then 13 + 1 + 2 */
	{ ESP_NULL_SHA256, false, 6, 16, "1122334400000007"
	    "3b0105006465666768696a6b6c6d6e6f" "01020287"
	    "e6caa7ac4695d8dc49acc995a039f3c3" },
	{ ESP_NULL_SHA256, false, 6, 13, "1122334400000007"
	    "3b0105006465666768696a6b6c" "010187"
	    "cfe421ca63dddcc6209e097d07b94393" },
	{ ESP_CHACHA20_POLY1305, false, 6, 16, "1122334400000007"
	    "0000000000000007"
	    "060a376085be70d3619c77c53a7f0fa5bb6a2fa9"
	    "3e87d43d6c403ea642c823c6dca8193f" },
	{ ESP_CHACHA20_POLY1305, false, 6, 13, "1122334400000007"
	    "0000000000000007"
	    "060a376085be70d3619c77c53a13604d"
	    "43143bdedd44871a00e836a245b66d40" },
	/* the upper half is authenticated and not sent (by hand, RFC 4303
	 * 2.2.1: scapy signs without it; the next ones by scapy) */
	{ ESP_NULL_SHA256, true, (5ULL << 32) + 6, 16, "1122334400000007"
	    "3b0105006465666768696a6b6c6d6e6f" "01020287"
	    "af1a713b8116f647743dbcf84ffd4539" },
	{ ESP_CHACHA20_POLY1305, true, (5ULL << 32) + 6, 16, "1122334400000007"
	    "0000000500000007"
	    "1790e71e4338f67763e745e4687e6a3273165be9"
	    "c359b8110bbedc4942c8fe847bee0bb5" },
	{ ESP_CHACHA20_POLY1305, true, (5ULL << 32) + 6, 13, "1122334400000007"
	    "0000000500000007"
	    "1790e71e4338f67763e745e4681205da"
	    "88ea802032cfa63f44cbb5a2280abf89" },
};

/* Byte for byte what others make. */
START_TEST(test_golden)
{
	/* D4-3, D4-4, D10-2, D10-4: integrity, with and without
	 * confidentiality, in transport mode */
	const struct golden *g = &goldens[_i];
	struct esp_out out = out_new(g->suite, g->esn, g->before);
	struct esp_in in = in_new(g->suite, g->esn, g->before);
	uint8_t mh[64], want[128], got[128], buf[128];
	size_t len = unhex(g->wire, want);
	struct esp_plain plain;

	payload(mh, g->len);
	ck_assert_int_eq(esp_seal(&out, mh, g->len, got, sizeof(got)), len);
	ck_assert_mem_eq(got, want, len);
	ck_assert_uint_eq(out.seq, g->before + 1);
	ck_assert_int_eq(esp_open(&in, want, len, buf, sizeof(buf), &plain),
	    ESP_OK);
	ck_assert_uint_eq(plain.len, g->len);
	ck_assert_mem_eq(plain.mh, mh, g->len);
	ck_assert_uint_eq(plain.seq, g->before + 1);
	/* and never again */
	ck_assert_int_eq(esp_open(&in, want, len, buf, sizeof(buf), &plain),
	    ESP_REPLAY);
}
END_TEST

/* open(seal(x)) = x, for every length, and no octet may change. */
START_TEST(test_round_trip)
{
	static uint8_t mh[2048], got[2200], buf[2200];
	enum esp_suite suite = (enum esp_suite)(_i / 2);
	bool esn = _i % 2;
	struct esp_out out = out_new(suite, esn, 0);
	struct esp_in in = in_new(suite, esn, 0);
	struct esp_plain plain;

	payload(mh, sizeof(mh));
	for (size_t len = 0; len <= sizeof(mh); len += len < 40 ? 1 : 251) {
		int n = esp_seal(&out, mh, len, got, sizeof(got));

		ck_assert_int_gt(n, 0);
		ck_assert_uint_le((size_t)n, len + ESP_OVERHEAD_MAX);
		ck_assert_uint_eq((size_t)n % 4, 0);
		for (int i = 0; i < n; i += len < 40 ? 1 : 97) {
			struct esp_in copy = in;

			got[i] ^= 0x10;
			ck_assert_int_ne(esp_open(&copy, got, (size_t)n, buf,
			    sizeof(buf), &plain), ESP_OK);
			/* what is not genuine moves nothing */
			ck_assert_mem_eq(&copy.win, &in.win, sizeof(in.win));
			got[i] ^= 0x10;
		}
		ck_assert_int_eq(esp_open(&in, got, (size_t)n, buf,
		    sizeof(buf), &plain), ESP_OK);
		ck_assert_uint_eq(plain.len, len);
		ck_assert_mem_eq(plain.mh, mh, len);
	}
	ck_assert_int_eq(esp_seal(&out, mh, 16, got, 43), -EMSGSIZE);
}
END_TEST

START_TEST(test_short)
{
	enum esp_suite suite = (enum esp_suite)_i;
	struct esp_out out = out_new(suite, false, 0);
	struct esp_in in = in_new(suite, false, 0);
	uint8_t got[128], buf[128];
	struct esp_plain plain;
	uint32_t spi;
	int n = esp_seal(&out, "", 0, got, sizeof(got));

	for (int len = 0; len < n; len++) {
		enum esp_drop d = esp_open(&in, got, (size_t)len, buf,
		    sizeof(buf), &plain);

		ck_assert(d == ESP_SHORT || d == ESP_ICV);
		ck_assert_int_eq(esp_spi(got, (size_t)len, &spi),
		    len < 4 ? ESP_SHORT : ESP_OK);
	}
	ck_assert_uint_eq(spi, SPI);
	ck_assert_int_eq(esp_open(&in, got, (size_t)n, buf, sizeof(buf),
	    &plain), ESP_OK);
	/* a buffer that might be too small is not tried */
	ck_assert_int_eq(esp_open(&in, got, (size_t)n, buf, (size_t)n - 1,
	    &plain), ESP_SHORT);
}
END_TEST

/* Sign what esp_seal() would never write. */
static size_t
sign(uint8_t *pkt, size_t n)
{
	uint8_t key[ESP_KEY_MAX];
	struct crypto_hmac h;

	material(ESP_NULL_SHA256, key);
	crypto_hmac_init(&h, key, 32);
	crypto_hmac_tag(&h, pkt, n, NULL, 0, pkt + n);
	return n + CRYPTO_TAG_LEN;
}

START_TEST(test_padding_and_next_header)
{
	static const struct {
		const char *wire;
		enum esp_drop want;
	} v[] = {
		/* 253 octets of padding in 8; 01 03; dummy (59); 41 */
		{ "1122334400000001" "3b01050064656667" "ff" "ff" "fd87",
		    ESP_PADDING },
		{ "1122334400000002" "3b01050064656667" "0103" "0287",
		    ESP_PADDING },
		{ "1122334400000003" "3b010500" "6465" "ff87", ESP_PADDING },
		{ "1122334400000004" "3b010500" "0102" "023b",
		    ESP_NEXT_HEADER },
		{ "1122334400000005" "3b010500" "0102" "0229",
		    ESP_NEXT_HEADER },
		{ "1122334400000006" "3b010500" "0102" "0287", ESP_OK },
		{ "1122334400000007" "010203040506" "0687", ESP_OK },
		{ "1122334400000008" "010203040506" "0787", ESP_PADDING },
	};
	struct esp_in in = in_new(ESP_NULL_SHA256, false, 0);
	uint8_t pkt[128], buf[128];
	struct esp_plain plain;

	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		size_t n = sign(pkt, unhex(v[i].wire, pkt));

		ck_assert_int_eq(esp_open(&in, pkt, n, buf, sizeof(buf),
		    &plain), v[i].want);
		/* genuine all the same: seen */
		ck_assert_uint_eq(in.win.top, i + 1);
	}
}
END_TEST

/* --- the window -------------------------------------------------------- */

static enum esp_drop
try(struct esp_in *in, uint64_t seq, bool esn)
{
	struct esp_out out = out_new(ESP_NULL_SHA256, esn, seq - 1);
	uint8_t got[64], buf[64];
	struct esp_plain plain;
	int n;

	out.limit = UINT64_MAX;
	n = esp_seal(&out, "abcd", 4, got, sizeof(got));
	return esp_open(in, got, (size_t)n, buf, sizeof(buf), &plain);
}

START_TEST(test_window)
{
	/* D10-5 */
	struct esp_in in = in_new(ESP_NULL_SHA256, false, 0);

	/* 0 on the wire */
	ck_assert_int_eq(try(&in, 1ULL << 32, false), ESP_REPLAY);
	ck_assert_int_eq(try(&in, 1, false), ESP_OK);
	ck_assert_int_eq(try(&in, 1, false), ESP_REPLAY);
	ck_assert_int_eq(try(&in, 100, false), ESP_OK);
	/* reordered within the window, once each */
	for (uint64_t seq = 99; seq > 36; seq--)
		ck_assert_int_eq(try(&in, seq, false), ESP_OK);
	for (uint64_t seq = 100; seq > 36; seq--)
		ck_assert_int_eq(try(&in, seq, false), ESP_REPLAY);
	/* 64 wide: 37 .. 100 */
	ck_assert_int_eq(try(&in, 36, false), ESP_REPLAY);
	/* a step of 63 keeps the last one, of 64 none */
	ck_assert_int_eq(try(&in, 163, false), ESP_OK);
	ck_assert_int_eq(try(&in, 100, false), ESP_REPLAY);
	ck_assert_int_eq(try(&in, 101, false), ESP_OK);
	ck_assert_int_eq(try(&in, 227, false), ESP_OK);
	ck_assert_int_eq(try(&in, 163, false), ESP_REPLAY);
	ck_assert_int_eq(try(&in, 164, false), ESP_OK);
	ck_assert_int_eq(try(&in, ESP_SEQ32_LAST, false), ESP_OK);
	ck_assert_int_eq(try(&in, ESP_SEQ32_LAST - 63, false), ESP_OK);
	ck_assert_int_eq(try(&in, ESP_SEQ32_LAST - 64, false), ESP_REPLAY);
	/* no wrap without extended numbers */
	ck_assert_int_eq(try(&in, 1, false), ESP_REPLAY);
}
END_TEST

/* Everything that an earlier run may have accepted counts as seen. */
START_TEST(test_window_after_restart)
{
	struct esp_in in = in_new(ESP_NULL_SHA256, false, 1000);

	ck_assert_int_eq(try(&in, 1000, false), ESP_REPLAY);
	ck_assert_int_eq(try(&in, 937, false), ESP_REPLAY);
	ck_assert_int_eq(try(&in, 1001, false), ESP_OK);
}
END_TEST

/* RFC 4303 appendix A2.2: both cases, both sides of the window. */
START_TEST(test_esn)
{
	const uint64_t wrap = 1ULL << 32;
	struct esp_in in = in_new(ESP_NULL_SHA256, true, 0);

	/* case B at the very beginning: nothing is from before 0 */
	ck_assert_int_eq(try(&in, wrap - 5, true), ESP_REPLAY);
	ck_assert_int_eq(try(&in, 5, true), ESP_OK);
	/* up to the wrap: case A */
	in.win.top = wrap - 10;
	in.win.seen = 1;
	ck_assert_int_eq(try(&in, wrap - 1, true), ESP_OK);
	/* over it: the lower half is small again */
	ck_assert_int_eq(try(&in, wrap + 20, true), ESP_OK);
	ck_assert_uint_eq(in.win.top, wrap + 20);
	/* case B: the window spans both */
	ck_assert_int_eq(try(&in, wrap - 2, true), ESP_OK);
	ck_assert_int_eq(try(&in, wrap - 2, true), ESP_REPLAY);
	ck_assert_int_eq(try(&in, wrap, true), ESP_OK);
	/* left of the window: taken for the next round, so not genuine */
	ck_assert_int_eq(try(&in, wrap - 50, true), ESP_ICV);
	/* far ahead */
	ck_assert_int_eq(try(&in, wrap + (1ULL << 31), true), ESP_OK);
	ck_assert_int_eq(try(&in, 2 * wrap + 7, true), ESP_OK);
	ck_assert_uint_eq(in.win.top, 2 * wrap + 7);
	/* at the end of all numbers */
	in.win.top = UINT64_MAX - 1;
	ck_assert_int_eq(try(&in, UINT64_MAX, true), ESP_OK);
	ck_assert_int_eq(try(&in, 1, true), ESP_REPLAY);
}
END_TEST

START_TEST(test_no_wrap)
{
	struct esp_out out = out_new(ESP_NULL_SHA256, false,
	    ESP_SEQ32_LAST - 1);
	uint8_t got[64];

	ck_assert_int_gt(esp_seal(&out, "abcd", 4, got, sizeof(got)), 0);
	ck_assert_int_eq(esp_seal(&out, "abcd", 4, got, sizeof(got)),
	    -EOVERFLOW);
	ck_assert_uint_eq(out.seq, ESP_SEQ32_LAST);
	out = out_new(ESP_NULL_SHA256, true, ESP_SEQ32_LAST);
	ck_assert_int_gt(esp_seal(&out, "abcd", 4, got, sizeof(got)), 0);
	ck_assert_uint_eq(out.seq, 1ULL << 32);
	/* only up to what was reserved */
	out.limit = out.seq;
	ck_assert_int_eq(esp_seal(&out, "abcd", 4, got, sizeof(got)),
	    -EOVERFLOW);
}
END_TEST

START_TEST(test_suites)
{
	/* D10-4: there is none without authentication */
	ck_assert_int_eq(ESP_SUITE_MAX, 2);
	ck_assert_str_eq(esp_suite_names[ESP_NULL_SHA256],
	    "null-hmac-sha256-128");
	ck_assert_str_eq(esp_suite_names[ESP_CHACHA20_POLY1305],
	    "chacha20-poly1305");
	ck_assert_ptr_null(esp_suite_names[ESP_SUITE_MAX]);
	ck_assert_uint_eq(esp_key_len(ESP_NULL_SHA256), 32);
	ck_assert_uint_eq(esp_key_len(ESP_CHACHA20_POLY1305), 36);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("esp");
	TCase *t = tcase_create("esp");

	if (crypto_init() < 0)
		return EXIT_FAILURE;
	tcase_add_test(t, test_rfc4868_auth256_1);
	tcase_add_test(t, test_hmac_two_ways);
	tcase_add_test(t, test_rfc7634_appendix_a);
	tcase_add_loop_test(t, test_golden, 0, ARRAY_LEN(goldens));
	tcase_add_loop_test(t, test_round_trip, 0, 2 * ESP_SUITE_MAX);
	tcase_add_loop_test(t, test_short, 0, ESP_SUITE_MAX);
	tcase_add_test(t, test_padding_and_next_header);
	tcase_add_test(t, test_window);
	tcase_add_test(t, test_window_after_restart);
	tcase_add_test(t, test_esn);
	tcase_add_test(t, test_no_wrap);
	tcase_add_test(t, test_suites);
	suite_add_tcase(s, t);
	return suite_run(s);
}

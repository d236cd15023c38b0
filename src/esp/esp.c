/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ESP in transport mode (RFC 4303): ENCR_NULL with HMAC-SHA-256-128 (RFC 4868)
 * and ChaCha20-Poly1305 (RFC 7634), a window of 64 numbers and extended
 * sequence numbers (appendix A of RFC 4303).
 *
 * Opening goes: lengths, the window ("has been seen?"), the ICV, the window
 * ("is seen now"), padding, Next Header.  Nothing of a packet is believed
 * before its ICV; a number that was not authenticated moves no window.
 *
 * The IV of ChaCha20-Poly1305 is the 64-bit sequence number: it is unique for
 * as long as the number is.
 */
#include "esp/esp.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "core/bld.h"
#include "core/cur.h"
#include "mh/mh.h"

#define ICV_LEN CRYPTO_TAG_LEN
#define IV_LEN 8
#define TRAILER_LEN 2		/* Pad Length, Next Header */
#define ALIGN 4			/* of both suites: RFC 4303 2.4 */
#define LOW(seq) ((uint32_t)(seq))
#define HIGH(seq) ((uint32_t)((seq) >> 32))

const char *const esp_suite_names[ESP_SUITE_MAX + 1] = {
#define X(id, name, keylen) [id] = name,
	ESP_SUITES(X)
#undef X
};

static const size_t esp_key_lens[ESP_SUITE_MAX] = {
#define X(id, name, keylen) [id] = keylen,
	ESP_SUITES(X)
#undef X
};

const struct stat_desc esp_drop_desc[ESP_DROP_MAX] = {
#define X(id, name, help) [id] = { name, help },
	ESP_DROPS(X)
#undef X
};

size_t
esp_key_len(enum esp_suite suite)
{
	return esp_key_lens[suite];
}

void
esp_key_init(struct esp_key *k, enum esp_suite suite, bool esn,
    const uint8_t *material)
{
	struct cur c;

	k->suite = suite;
	k->esn = esn;
	if (suite == ESP_NULL_SHA256) {
		crypto_hmac_init(&k->hmac, material, esp_key_len(suite));
		return;
	}
	cur_init(&c, material, esp_key_len(suite));
	cur_bytes(&c, k->aead.key, sizeof(k->aead.key));
	cur_bytes(&c, k->aead.salt, sizeof(k->aead.salt));
	assert(cur_ok(&c) && cur_left(&c) == 0);
}

static size_t
iv_len(const struct esp_key *k)
{
	return k->suite == ESP_CHACHA20_POLY1305 ? IV_LEN : 0;
}

/* --- the transforms ---------------------------------------------------- */

/* HMAC: over everything before the ICV, then what is not sent (2.2.1). */
static void
hmac_tag(const struct esp_key *k, uint64_t seq, const void *data, size_t len,
    uint8_t tag[ICV_LEN])
{
	uint8_t high[sizeof(uint32_t)];
	struct bld b;

	bld_init(&b, high, sizeof(high));
	bld_u32(&b, HIGH(seq));
	crypto_hmac_tag(&k->hmac, data, len, high, k->esn ? b.len : 0, tag);
}

/* RFC 7634 2: nonce, and additional authenticated data (2.1). */
struct aead_in {
	uint8_t nonce[CRYPTO_AEAD_NONCE_LEN];
	struct crypto_ad ad;
};

static void
aead_prepare(const struct esp_key *k, uint32_t spi, uint64_t seq,
    const uint8_t iv[IV_LEN], struct aead_in *a)
{
	struct bld b;

	bld_init(&b, a->nonce, sizeof(a->nonce));
	bld_bytes(&b, k->aead.salt, sizeof(k->aead.salt));
	bld_bytes(&b, iv, IV_LEN);
	assert(bld_ok(&b));
	a->ad = (struct crypto_ad){ 0 };
	bld_init(&b, a->ad.b, sizeof(a->ad.b));
	bld_u32(&b, spi);
	if (k->esn)
		bld_u64(&b, seq);
	else
		bld_u32(&b, LOW(seq));
	a->ad.n = b.len;
}

/* --- out --------------------------------------------------------------- */

/* Payload, padding, trailer: what a cipher encrypts. */
static void
put_body(uint8_t *at, size_t n, const void *mh, size_t len)
{
	struct bld b;
	uint8_t pad = (uint8_t)(n - len - TRAILER_LEN);

	bld_init(&b, at, n);
	bld_bytes(&b, mh, len);
	for (uint8_t i = 1; i <= pad; i++)
		bld_u8(&b, i);
	bld_u8(&b, pad);
	bld_u8(&b, MH_PROTO);
	assert(bld_ok(&b) && b.len == n);
}

int
esp_seal(struct esp_out *sa, const void *mh, size_t len, void *buf, size_t cap)
{
	size_t n = (len + TRAILER_LEN + ALIGN - 1) / ALIGN * ALIGN, signed_len;
	uint64_t seq = sa->seq + 1;
	uint8_t *iv = NULL, *body, *icv;
	struct aead_in a;
	struct bld b;

	if (sa->seq >= sa->limit)
		return -EOVERFLOW;
	bld_init(&b, buf, cap);
	bld_u32(&b, sa->spi);
	bld_u32(&b, LOW(seq));
	if (iv_len(&sa->key) > 0 && (iv = bld_room(&b, IV_LEN)) != NULL) {
		struct bld v;

		bld_init(&v, iv, IV_LEN);
		bld_u64(&v, seq);
	}
	body = bld_room(&b, n);
	signed_len = b.len;
	icv = bld_room(&b, ICV_LEN);
	if (!bld_ok(&b))
		return -EMSGSIZE;
	put_body(body, n, mh, len);
	if (iv != NULL) {
		aead_prepare(&sa->key, sa->spi, seq, iv, &a);
		crypto_aead_seal(sa->key.aead.key, a.nonce, &a.ad, body, n,
		    icv);
	} else {
		hmac_tag(&sa->key, seq, buf, signed_len, icv);
	}
	sa->seq = seq;
	return (int)b.len;
}

/* --- the window -------------------------------------------------------- */

void
esp_window_init(struct esp_window *w, uint64_t top)
{
	w->top = top;
	w->seen = ~0ULL;
}

/*
 * The whole number from its lower half (RFC 4303 A2.2): the one nearest to the
 * window that is not to its left.  False: it would be from before the first.
 */
static bool
window_expand(const struct esp_window *w, bool esn, uint32_t low,
    uint64_t *ret_seq)
{
	uint32_t tl = LOW(w->top), th = HIGH(w->top);
	uint32_t bottom = tl - (ESP_WINDOW - 1);	/* modulo 2^32 */

	*ret_seq = low;
	if (!esn)
		return true;
	if (tl >= ESP_WINDOW - 1) {
		if (low < bottom && ++th == 0)
			return false;
	} else if (low >= bottom) {
		if (th == 0)
			return false;
		th--;
	}
	*ret_seq |= (uint64_t)th << 32;
	return true;
}

/* Not seen, and not to the left of the window.  0 is never sent (2.2). */
static bool
window_is_new(const struct esp_window *w, uint64_t seq)
{
	if (seq == 0)
		return false;
	if (seq > w->top)
		return true;
	return w->top - seq < ESP_WINDOW &&
	    (w->seen >> (w->top - seq) & 1) == 0;
}

static void
window_mark(struct esp_window *w, uint64_t seq)
{
	uint64_t by;

	if (seq <= w->top) {
		w->seen |= 1ULL << (w->top - seq);
		return;
	}
	by = seq - w->top;
	w->seen = by < ESP_WINDOW ? w->seen << by | 1 : 1;
	w->top = seq;
}

/* --- in ---------------------------------------------------------------- */

enum esp_drop
esp_spi(const void *data, size_t len, uint32_t *ret_spi)
{
	struct cur c;

	cur_init(&c, data, len);
	*ret_spi = cur_u32(&c);
	return cur_ok(&c) ? ESP_OK : ESP_SHORT;
}

/* What is left when the ICV has been believed. */
static enum esp_drop
open_body(const uint8_t *body, size_t n, struct esp_plain *ret)
{
	struct cur c, padding;
	uint8_t pad, next;

	cur_init(&c, body, n);
	cur_skip(&c, n - TRAILER_LEN);
	pad = cur_u8(&c);
	next = cur_u8(&c);
	if (pad > n - TRAILER_LEN)
		return ESP_PADDING;
	ret->len = n - TRAILER_LEN - pad;
	cur_init(&c, body, n);
	ret->mh = cur_ref(&c, ret->len);
	cur_sub(&c, pad, &padding);
	for (uint8_t i = 1; cur_left(&padding) > 0; i++) {
		if (cur_u8(&padding) != i)
			return ESP_PADDING;
	}
	return next == MH_PROTO ? ESP_OK : ESP_NEXT_HEADER;
}

enum esp_drop
esp_open(struct esp_in *sa, const void *data, size_t len, void *buf,
    size_t cap, struct esp_plain *ret)
{
	const uint8_t *iv, *body, *icv;
	uint8_t tag[ICV_LEN];
	struct aead_in a;
	uint32_t spi, low;
	bool genuine;
	struct cur c;
	size_t n;

	*ret = (struct esp_plain){ 0 };
	cur_init(&c, data, len);
	spi = cur_u32(&c);
	low = cur_u32(&c);
	iv = cur_ref(&c, iv_len(&sa->key));
	n = cur_left(&c);
	if (n < ICV_LEN + ALIGN || n % ALIGN != 0 || len > cap)
		return ESP_SHORT;
	n -= ICV_LEN;
	body = cur_ref(&c, n);
	icv = cur_ref(&c, ICV_LEN);

	if (!window_expand(&sa->win, sa->key.esn, low, &ret->seq) ||
	    !window_is_new(&sa->win, ret->seq))
		return ESP_REPLAY;
	if (sa->key.suite == ESP_CHACHA20_POLY1305) {
		aead_prepare(&sa->key, spi, ret->seq, iv, &a);
		genuine = crypto_aead_open(sa->key.aead.key, a.nonce,
		    &a.ad, body, n, icv, buf);
		body = buf;
	} else {
		hmac_tag(&sa->key, ret->seq, data, len - ICV_LEN, tag);
		genuine = crypto_tag_eq(tag, icv);
	}
	if (!genuine)
		return ESP_ICV;
	window_mark(&sa->win, ret->seq);
	return open_body(body, n, ret);
}

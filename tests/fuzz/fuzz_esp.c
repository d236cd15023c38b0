/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ESP codec.  Any octets may be opened, under every suite, with and
 * without extended numbers; and what a holder of the key seals around them,
 * with any padding, too.  The window may only ever move forward.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "esp/esp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t material[ESP_KEY_MAX] = { 1, 2, 3 };

static void
check(int good)
{
	if (!good)
		abort();
}

/* Open; when that works and `want` is not NULL, it is what was inside. */
static enum esp_drop
open_it(struct esp_in *in, const uint8_t *data, size_t size,
    const uint8_t *want, size_t nwant)
{
	uint8_t *buf = malloc(size + 1), *pkt = malloc(size + 1);
	struct esp_window before = in->win;
	struct esp_plain plain;
	enum esp_drop d;
	uint64_t sum = 0;

	check(buf != NULL && pkt != NULL);
	memcpy(pkt, data, size);	/* so that an overrun is seen */
	d = esp_open(in, pkt, size, buf, size, &plain);
	check(d < ESP_DROP_MAX && d != ESP_NO_SA);
	check(in->win.top >= before.top);
	if (d == ESP_OK) {
		check(plain.len < size);
		for (size_t i = 0; i < plain.len; i++)
			sum += plain.mh[i];
		check(sum <= 255 * plain.len);
		check(want == NULL || (plain.len == nwant &&
		    memcmp(plain.mh, want, nwant) == 0));
	}
	if (d == ESP_SHORT || d == ESP_REPLAY || d == ESP_ICV)
		check(memcmp(&before, &in->win, sizeof(before)) == 0);
	free(buf);
	free(pkt);
	return d;
}

/* The octets as they are, their ICV put right (HMAC). */
static void
resign(struct esp_in *in, const uint8_t *data, size_t size)
{
	uint8_t *pkt = malloc(size + CRYPTO_TAG_LEN);
	struct crypto_hmac h;

	check(pkt != NULL);
	memcpy(pkt, data, size);
	crypto_hmac_init(&h, material, esp_key_len(ESP_NULL_SHA256));
	crypto_hmac_tag(&h, pkt, size, NULL, 0, pkt + size);
	check(open_it(in, pkt, size + CRYPTO_TAG_LEN, NULL, 0) != ESP_ICV);
	free(pkt);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t spi;

	check(crypto_init() == 0);
	check(esp_spi(data, size, &spi) == (size < 4 ? ESP_SHORT : ESP_OK));
	for (unsigned i = 0; i < 2 * ESP_SUITE_MAX; i++) {
		enum esp_suite suite = (enum esp_suite)(i / 2);
		struct esp_in in = { 0 };
		struct esp_out out = { .spi = 7, .limit = 1 };
		uint8_t *sealed = malloc(size + ESP_OVERHEAD_MAX);
		int n;

		check(sealed != NULL);
		esp_key_init(&in.key, suite, i % 2, material);
		out.key = in.key;
		(void)open_it(&in, data, size, NULL, 0);
		if (i == 0)
			resign(&in, data, size);
		esp_window_init(&in.win, 0);
		n = esp_seal(&out, data, size, sealed,
		    size + ESP_OVERHEAD_MAX);
		check(n > 0);
		check(open_it(&in, sealed, (size_t)n, data, size) == ESP_OK);
		check(open_it(&in, sealed, (size_t)n, NULL, 0) == ESP_REPLAY);
		free(sealed);
	}
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ESP in transport mode (RFC 4303) for Mobility Headers: a pure codec.  It
 * seals and opens packets, keeps the replay window, and knows nothing of
 * sockets, peers and configuration.  No allocation, no logging.
 *
 *    0                   1                   2                   3
 *   |              Security Parameters Index (SPI)                  |
 *   |                     Sequence Number                           |
 *   |        IV (8 octets, ChaCha20-Poly1305 only)                  |
 *   |                     Payload (variable)                        |
 *   |            Padding 1, 2, 3 ...    | Pad Length  | Next Header |
 *   |              Integrity Check Value (16 octets)                |
 *
 * Authenticated: SPI to Next Header; with extended sequence numbers also the
 * upper half of the number, which is not sent.
 */
#ifndef PMIP_ESP_H
#define PMIP_ESP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/crypto.h"
#include "core/stats.h"

#define ESP_PROTO 50		/* IPv6 next header */
#define ESP_KEY_MAX 36		/* octets of key material of any suite */
#define ESP_OVERHEAD_MAX 37	/* header, IV, padding, trailer, ICV */
#define ESP_SEQ32_LAST 0xffffffffULL	/* without extended numbers */

/* Name, key material in octets (RFC 7634: the salt is the last 4). */
#define ESP_SUITES(X) \
	X(ESP_NULL_SHA256, "null-hmac-sha256-128", 32) \
	X(ESP_CHACHA20_POLY1305, "chacha20-poly1305", 36)

enum esp_suite {
#define X(id, name, keylen) id,
	ESP_SUITES(X)
#undef X
	ESP_SUITE_MAX
};
/* Indexed by enum esp_suite, NULL-ended. */
extern const char *const esp_suite_names[];
/* Octets of key material. */
size_t esp_key_len(enum esp_suite suite);

/*
 * Why a packet was not accepted; the last two are for who finds the security
 * association.
 */
#define ESP_DROPS(X) \
	X(ESP_OK, "esp-ok", "genuine and new") \
	X(ESP_SHORT, "esp-short", \
	    "not of a possible length: RFC 4303 2") \
	X(ESP_NO_SA, "esp-no-sa", \
	    "no security association of that SPI: RFC 4303 3.4.2") \
	X(ESP_REPLAY, "esp-replay", \
	    "sequence number seen, or too old: RFC 4303 3.4.3") \
	X(ESP_ICV, "esp-icv", "forged or damaged: RFC 4303 3.4.4") \
	X(ESP_PADDING, "esp-padding", \
	    "padding is not 1, 2, 3 ...: RFC 4303 2.4") \
	X(ESP_NEXT_HEADER, "esp-next-header", \
	    "carries no Mobility Header: RFC 4303 2.6") \
	X(ESP_PEER, "esp-wrong-peer", \
	    "the security association is not the sender's: draft 5") \
	X(ESP_EXPIRED, "esp-expired", \
	    "the security association has expired: RFC 4303 3.4.2")

enum esp_drop {
#define X(id, name, help) id,
	ESP_DROPS(X)
#undef X
	ESP_DROP_MAX
};
/* Indexed by enum esp_drop. */
extern const struct stat_desc esp_drop_desc[ESP_DROP_MAX];

/* Keys, prepared once; crypto_wipe() it. */
struct esp_key {
	enum esp_suite suite;
	bool esn;			/* extended sequence numbers */
	union {
		struct crypto_hmac hmac;
		struct {
			uint8_t key[CRYPTO_AEAD_KEY_LEN];
			uint8_t salt[4];
		} aead;
	};
};
/* `material`: esp_key_len() octets. */
void esp_key_init(struct esp_key *k, enum esp_suite suite, bool esn,
    const uint8_t *material);

/* One direction out. */
struct esp_out {
	struct esp_key key;
	uint32_t spi;
	uint64_t seq;			/* the last number used; 0 none */
	uint64_t limit;			/* the last that may be used */
};
/*
 * Wrap a Mobility Header.  Octets written; -EOVERFLOW: no sequence number
 * left, nothing is used up; -EMSGSIZE: `cap` is too small.
 */
int esp_seal(struct esp_out *sa, const void *mh, size_t len, void *buf,
    size_t cap);

/* The numbers up to `top` that were seen: bit n stands for top - n. */
#define ESP_WINDOW 64
struct esp_window {
	uint64_t top;
	uint64_t seen;
};
/* As if everything up to and with `top` had been seen. */
void esp_window_init(struct esp_window *w, uint64_t top);

/* One direction in. */
struct esp_in {
	struct esp_key key;
	struct esp_window win;
};
/* What was inside; refers to the packet, or to the buffer given. */
struct esp_plain {
	const uint8_t *mh;
	size_t len;
	uint64_t seq;			/* as reconstructed; also on a drop */
};
/* The SPI, to find the security association by. ESP_OK or ESP_SHORT. */
enum esp_drop esp_spi(const void *data, size_t len, uint32_t *ret_spi);
/*
 * Unwrap.  `buf` holds what has to be decrypted; `len` octets are enough.
 * The window changes only when the packet is genuine.
 */
enum esp_drop esp_open(struct esp_in *sa, const void *data, size_t len,
    void *buf, size_t cap, struct esp_plain *ret);

#endif

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

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The compression function of SHA-256 (FIPS 180-4 section 6.2.2) by the
 * processor's own instructions, which libsodium does not use: a tag over a
 * Mobility Header costs a third.  For crypto.c only.
 */
#ifndef PMIP_SHA256_H
#define PMIP_SHA256_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHA256_BLOCK 64

/* Does this processor have them? */
bool sha256_hw(void);
/* `n` blocks into the state; sha256_hw() must be true. */
void sha256_hw_blocks(uint32_t state[8], const uint8_t *data, size_t n);

#endif

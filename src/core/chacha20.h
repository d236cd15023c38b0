/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The key stream of ChaCha20 (RFC 8439 2.3) four blocks at a time, by vector
 * instructions: libsodium has them for long messages only, and takes twice as
 * long for the three blocks that a Mobility Header needs.  For crypto.c only.
 */
#ifndef PMIP_CHACHA20_H
#define PMIP_CHACHA20_H

#include <stdbool.h>
#include <stdint.h>

#define CHACHA20_KEY_LEN 32
#define CHACHA20_NONCE_LEN 12
#define CHACHA20_BLOCK 64
#define CHACHA20_AT_ONCE 4

/* Does this processor have them? */
bool chacha20_hw(void);
/* The blocks from number 0 on; chacha20_hw() must be true. */
void chacha20_hw_blocks(const uint8_t key[CHACHA20_KEY_LEN],
    const uint8_t nonce[CHACHA20_NONCE_LEN],
    uint8_t ret[CHACHA20_AT_ONCE * CHACHA20_BLOCK]);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* Token bucket: `burst` at once, `per_sec` in the long run. */
#ifndef PMIP_RATELIMIT_H
#define PMIP_RATELIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "clock.h"

struct ratelimit {
	usec_t last;
	uint32_t tokens_milli;	/* thousandths of a token */
	uint32_t burst, per_sec;
	uint64_t suppressed;	/* refusals since the last pass */
};

void ratelimit_init(struct ratelimit *r, uint32_t burst, uint32_t per_sec);
/*
 * May one more pass?  On a pass *ret_suppressed (may be NULL) is how many were
 * refused since the pass before.
 */
bool ratelimit_pass(struct ratelimit *r, usec_t now, uint64_t *ret_suppressed);

#endif

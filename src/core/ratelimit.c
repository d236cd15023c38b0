/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/ratelimit.h"

#include <stddef.h>

#include "core/util.h"

#define MILLI 1000

void
ratelimit_init(struct ratelimit *r, uint32_t burst, uint32_t per_sec)
{
	r->last = 0;
	r->burst = burst;
	r->per_sec = per_sec;
	r->tokens_milli = burst * MILLI;
	r->suppressed = 0;
}

bool
ratelimit_pass(struct ratelimit *r, usec_t now, uint64_t *ret_suppressed)
{
	usec_t since = now - r->last;
	uint64_t cap = (uint64_t)r->burst * MILLI;

	if (since > 0) {
		/* thousandths of a token per microsecond = per_sec / 1000 */
		uint64_t add = (uint64_t)MIN_OF(since, 3600 * USEC_PER_SEC) *
		    r->per_sec / 1000;

		/*
		 * Charge only the time that the added thousandths took: the
		 * rest of it counts next time, however often one asks.
		 */
		if (r->tokens_milli + add >= cap) {
			r->tokens_milli = (uint32_t)cap;
			r->last = now;
		} else if (add > 0) {
			r->tokens_milli += (uint32_t)add;
			r->last += (usec_t)((add * 1000 + r->per_sec - 1) /
			    r->per_sec);
		}
	}
	if (r->tokens_milli < MILLI) {
		r->suppressed++;
		return false;
	}
	r->tokens_milli -= MILLI;
	if (ret_suppressed != NULL)
		*ret_suppressed = r->suppressed;
	r->suppressed = 0;
	return true;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The value of the Time Stamp option (RFC 5213 8.8, PROTOCOL 2.8, A2): upper
 * 48 bits seconds since 1970-01-01 00:00 UTC, lower 16 bits 1/65536 s.  The
 * unit is 15.3 us.  One direction rounds down, the other up: a round trip of
 * microseconds loses less than 16 us, one of option values loses nothing.
 */
#include "mh/mh.h"

#include "core/clock.h"

uint64_t
mh_ts_from_us(int64_t wall_us)
{
	uint64_t sec, frac;

	if (wall_us < 0)
		return 0;	/* a clock before 1970 has no value */
	sec = (uint64_t)wall_us / USEC_PER_SEC;
	frac = ((uint64_t)wall_us % USEC_PER_SEC << 16) / USEC_PER_SEC;
	return sec << 16 | frac;
}

int64_t
mh_ts_to_us(uint64_t ts)
{
	uint64_t sec = ts >> 16, frac = ts & 0xffff;

	/* 48 bits of seconds are more than an int64_t of microseconds. */
	if (sec >= INT64_MAX / USEC_PER_SEC)
		return INT64_MAX;
	return (int64_t)(sec * USEC_PER_SEC +
	    (frac * USEC_PER_SEC + 0xffff) / 0x10000);
}

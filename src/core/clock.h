/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two clocks of a daemon, as a service: tests supply virtual ones.
 * Monotonic time is used for everything except the Time Stamp option.
 */
#ifndef PMIP_CLOCK_H
#define PMIP_CLOCK_H

#include <stdint.h>

/* Microseconds of monotonic time; differences only have a meaning. */
typedef int64_t usec_t;

#define USEC_PER_MSEC 1000LL
#define USEC_PER_SEC 1000000LL

struct clock {
	/* Now, monotonic. */
	usec_t (*mono_us)(void *ctx);
	/*
	 * Now, as microseconds since 1970-01-01 00:00 UTC.  For the Time
	 * Stamp option and for log lines only (ARCHITECTURE: section 6).
	 */
	int64_t (*wall_us)(void *ctx);
	void *ctx;
};

/* The kernel's clocks (CLOCK_MONOTONIC, CLOCK_REALTIME). */
extern const struct clock clock_system;

static inline usec_t
clock_mono_us(const struct clock *c)
{
	return c->mono_us(c->ctx);
}

static inline int64_t
clock_wall_us(const struct clock *c)
{
	return c->wall_us(c->ctx);
}

#endif

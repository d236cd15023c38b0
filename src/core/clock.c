/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's clocks.
 */
#include "core/clock.h"

#include <time.h>

#include "core/util.h"

static int64_t
read_us(clockid_t id)
{
	struct timespec ts;

	(void)clock_gettime(id, &ts);	/* cannot fail for these two */
	return ts.tv_sec * USEC_PER_SEC + ts.tv_nsec / 1000;
}

static usec_t
system_mono_us(void *ctx UNUSED)
{
	return read_us(CLOCK_MONOTONIC);
}

static int64_t
system_wall_us(void *ctx UNUSED)
{
	return read_us(CLOCK_REALTIME);
}

const struct clock clock_system = {
	.mono_us = system_mono_us,
	.wall_us = system_wall_us,
};

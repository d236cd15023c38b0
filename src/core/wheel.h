/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hierarchical timer wheel: 1 ms ticks, O(1) arm and cancel, intrusive nodes.
 * Four levels of 256 slots reach 49 days; a longer delay is clamped there.
 *
 * The wheel knows no clock and no event loop: its owner (loop.c, or a test)
 * calls wheel_advance() with the present time, and asks wheel_next() when to
 * call again.
 */
#ifndef PMIP_WHEEL_H
#define PMIP_WHEEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clock.h"

struct timer;
struct wheel;

/* Called once per expiry; the timer is disarmed before and may be re-armed. */
typedef void timer_fn(struct timer *t);

/*
 * Embed it, call timer_init() once, find the owner with CONTAINER_OF().  An
 * armed timer must be cancelled before its memory goes.
 */
struct timer {
	struct timer *next;
	struct timer **pprev;	/* NULL: not armed */
	int64_t due_ms;
	timer_fn *fn;
};

/* A wheel that starts at `now`.  Never NULL (aborts when out of memory). */
struct wheel *wheel_new(usec_t now);
/* All timers must have been cancelled (asserted). NULL is accepted. */
void wheel_free(struct wheel *w);

void timer_init(struct timer *t, timer_fn *fn);
/*
 * (Re-)arm for `delay` microseconds from the wheel's present time, rounded up
 * to the next tick; negative counts as 0, which means the next tick.
 */
void timer_arm(struct wheel *w, struct timer *t, usec_t delay);
/* Accepts a timer that is not armed. */
void timer_cancel(struct wheel *w, struct timer *t);
static inline bool
timer_armed(const struct timer *t)
{
	return t->pprev != NULL;
}
/* Microseconds until it fires; 0 when due; -1 when not armed. */
usec_t timer_left(const struct wheel *w, const struct timer *t);

/*
 * Run every timer due at or before `now`, in order of their ticks.  Callbacks
 * may arm and cancel any timer.  At most `budget` callbacks run (0: no limit)
 * and the wheel's own work is bounded likewise; the rest stays due, and
 * wheel_next() then answers 0.  Returns how many ran, which may be none though
 * some are due.
 */
unsigned wheel_advance(struct wheel *w, usec_t now, unsigned budget);
/* Set the wheel's present time without running anything that is due. */
void wheel_touch(struct wheel *w, usec_t now);
/*
 * Microseconds from the wheel's present time to the next moment something may
 * be due (never later than the first timer); -1 when no timer is armed.
 */
usec_t wheel_next(const struct wheel *w);
/* The wheel's present time. */
usec_t wheel_now(const struct wheel *w);
unsigned wheel_count(const struct wheel *w);

#endif

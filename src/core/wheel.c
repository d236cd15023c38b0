/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hierarchical timer wheel (Varghese and Lauck 1987): level l has 256 slots of
 * 256^l ms each.  A timer sits in the lowest level whose span reaches its due
 * time; when the wheel enters a slot of a higher level, the slot's timers move
 * down.  A bitmap per level tells which slots hold something, so that empty
 * time is skipped rather than ticked through.
 *
 * A slot of a higher level may hold hundreds of thousands of timers.  They move
 * down MOVES at a time for each callback that the caller's budget allows; until
 * the last one has moved the wheel stays in that tick, and nothing overtakes.
 *
 * A timer that is put off stays where it is and only notes its new time: its
 * neighbours in the slot, at a million timers, are in nobody's cache.  When the
 * slot's turn comes it moves on.  So a timer is never in a later slot than its
 * due time's, but may be in an earlier one.
 */
#include "core/wheel.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"

#define BITS 8
#define SLOTS (1 << BITS)
#define LEVELS 4
#define WORDS (SLOTS / 64)
#define MOVES 16		/* timers moved down cost as much as a call */
#define SPAN_MAX (((int64_t)1 << (BITS * LEVELS)) - SLOTS)

struct wheel {
	usec_t now_us;
	int64_t now_ms;		/* the tick that has been run */
	unsigned count;
	uint64_t used[LEVELS][WORDS];
	struct timer *slot[LEVELS][SLOTS];
	/* The tick that is being entered: slots of levels below this one are
	 * still to be taken; -1: none. */
	int entering;
	struct timer *moving;	/* of a higher slot, on their way down */
	struct timer *running;	/* due, taken out of its slot */
};

static int64_t
floor_ms(usec_t us)
{
	return us >= 0 ? us / 1000 : -((-us + 999) / 1000);
}

struct wheel *
wheel_new(usec_t now)
{
	struct wheel *w = calloc(1, sizeof(*w));

	if (w == NULL)
		abort();
	w->now_us = now;
	w->now_ms = floor_ms(now);
	w->entering = -1;
	return w;
}

void
wheel_free(struct wheel *w)
{
	if (w == NULL)
		return;
	assert(w->count == 0);
	free(w);
}

void
timer_init(struct timer *t, timer_fn *fn)
{
	t->next = NULL;
	t->pprev = NULL;
	t->due_ms = 0;
	t->fn = fn;
}

static void
list_push(struct timer **head, struct timer *t)
{
	t->next = *head;
	if (t->next != NULL)
		t->next->pprev = &t->next;
	t->pprev = head;
	*head = t;
}

static void
list_del(struct timer *t)
{
	*t->pprev = t->next;
	if (t->next != NULL)
		t->next->pprev = t->pprev;
	t->next = NULL;
	t->pprev = NULL;
}

/* Put a timer where its due time belongs, seen from the present tick. */
static void
place(struct wheel *w, struct timer *t)
{
	int64_t delta = t->due_ms - w->now_ms;
	unsigned l = 0, s;

	while (l < LEVELS - 1 && delta >= (int64_t)1 << (BITS * (l + 1)))
		l++;
	s = (unsigned)(t->due_ms >> (BITS * l)) & (SLOTS - 1);
	list_push(&w->slot[l][s], t);
	w->used[l][s / 64] |= (uint64_t)1 << (s % 64);
}

void
timer_arm(struct wheel *w, struct timer *t, usec_t delay)
{
	int64_t due;

	if (delay < 0)
		delay = 0;
	delay = MIN_OF(delay, SPAN_MAX * 1000);
	due = floor_ms(w->now_us + delay + 999);	/* never early */
	due = MAX_OF(due, w->now_ms + 1);
	due = MIN_OF(due, w->now_ms + SPAN_MAX);
	if (timer_armed(t)) {
		if (t->due_ms <= due) {
			t->due_ms = due;
			return;
		}
		timer_cancel(w, t);
	}
	t->due_ms = due;
	place(w, t);
	w->count++;
}

void
timer_cancel(struct wheel *w, struct timer *t)
{
	if (!timer_armed(t))
		return;
	/* A slot that becomes empty keeps its bit until it is visited. */
	list_del(t);
	w->count--;
}

usec_t
timer_left(const struct wheel *w, const struct timer *t)
{
	if (!timer_armed(t))
		return -1;
	return MAX_OF(0, t->due_ms * 1000 - w->now_us);
}

/* Slots from the one after `from` to the next used one of that level, up to
 * a full turn; 0 when the level is empty. */
static unsigned
next_used(const struct wheel *w, unsigned l, unsigned from)
{
	for (unsigned d = 1; d <= SLOTS;) {
		unsigned s = (from + d) & (SLOTS - 1);
		uint64_t word = w->used[l][s / 64] >> (s % 64);

		if (word != 0) {
			d += (unsigned)__builtin_ctzll(word);
			return d <= SLOTS ? d : 0;
		}
		d += 64 - s % 64;
	}
	return 0;
}

/* The next tick at which a slot must be looked at; INT64_MAX when none. */
static int64_t
next_tick(const struct wheel *w)
{
	int64_t best = INT64_MAX;

	for (unsigned l = 0; l < LEVELS; l++) {
		int64_t at = w->now_ms >> (BITS * l);
		unsigned d = next_used(w, l, (unsigned)at & (SLOTS - 1));

		if (d != 0)
			best = MIN_OF(best, (at + d) << (BITS * l));
	}
	return best;
}

/* Take the list of a slot out of the wheel; *ret_head stays its head. */
static void
take_slot(struct wheel *w, unsigned l, unsigned s, struct timer **ret_head)
{
	struct timer *t = w->slot[l][s];

	w->slot[l][s] = NULL;
	w->used[l][s / 64] &= ~((uint64_t)1 << (s % 64));
	*ret_head = t;
	if (t != NULL)
		t->pprev = ret_head;
}

/*
 * Enter the present tick: the higher slots that begin here come down, then
 * those of level 0 are to run.  False when there is more to move than *moves,
 * which is counted down (NULL: no limit).
 */
static bool
enter_tick(struct wheel *w, uint64_t *moves)
{
	while (w->entering >= 0) {
		struct timer *t;
		unsigned bits;

		while ((t = w->moving) != NULL) {
			if (moves != NULL) {
				if (*moves == 0)
					return false;
				(*moves)--;
			}
			list_del(t);
			place(w, t);
		}
		bits = BITS * (unsigned)w->entering--;
		if ((w->now_ms & (((int64_t)1 << bits) - 1)) == 0)
			take_slot(w, bits / BITS, (unsigned)(w->now_ms >>
			    bits) & (SLOTS - 1), bits != 0 ? &w->moving :
			    &w->running);
	}
	return true;
}

/* Run what is due, up to the budget, and put back what has been put off;
 * false when budget or *moves are used up. */
static bool
run_due(struct wheel *w, unsigned budget, uint64_t *moves, unsigned *ran)
{
	while (w->running != NULL) {
		struct timer *t = w->running;

		if (budget != 0 && (*ran == budget || *moves == 0))
			return false;
		list_del(t);
		if (t->due_ms > w->now_ms) {
			place(w, t);
			(*moves)--;
			continue;
		}
		w->count--;
		(*ran)++;
		t->fn(t);
	}
	return true;
}

unsigned
wheel_advance(struct wheel *w, usec_t now, unsigned budget)
{
	int64_t until = floor_ms(now);
	uint64_t moves = (uint64_t)budget * MOVES;
	unsigned ran = 0;

	w->now_us = MAX_OF(w->now_us, now);
	for (;;) {
		int64_t tick;

		if (!enter_tick(w, budget != 0 ? &moves : NULL) ||
		    !run_due(w, budget, &moves, &ran))
			return ran;
		tick = next_tick(w);
		if (tick > until)
			break;
		w->now_ms = tick;
		w->entering = LEVELS - 1;
	}
	w->now_ms = MAX_OF(w->now_ms, until);
	return ran;
}

void
wheel_touch(struct wheel *w, usec_t now)
{
	w->now_us = MAX_OF(w->now_us, now);
}

usec_t
wheel_next(const struct wheel *w)
{
	int64_t tick;

	if (w->count == 0)
		return -1;
	if (w->running != NULL || w->entering >= 0)
		return 0;
	tick = next_tick(w);
	assert(tick != INT64_MAX);
	return MAX_OF(0, tick * 1000 - w->now_us);
}

usec_t
wheel_now(const struct wheel *w)
{
	return w->now_us;
}

unsigned
wheel_count(const struct wheel *w)
{
	return w->count;
}

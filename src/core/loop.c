/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The event loop over libevent.  A turn is:
 *
 *   wait -> descriptor and signal callbacks -> due timers -> hooks
 *
 * The whole timer wheel stands behind one timerfd, which is set only when the
 * earliest deadline comes before what it is set for: a deadline that is taken
 * back costs one turn without work, each setting a system call.  (libevent's
 * own timers are set at every wait.)
 *
 * Registrations that a callback deletes, its own among them, are freed at the
 * end of the turn, so that no callback runs on freed memory.
 */
#include "core/loop.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include <sys/queue.h>
#include <sys/timerfd.h>

#include "core/util.h"
#include "core/wheel.h"

/* Timers run per turn at most: mass expiry must not starve the sockets. */
#define TIMER_BUDGET 512

struct loop_fd {
	struct loop *loop;
	struct event *ev;
	int fd;
	loop_fd_fn *fn;		/* NULL: deleted */
	void *ctx;
	SLIST_ENTRY(loop_fd) dead;
};

struct loop_signal {
	struct loop *loop;
	struct event *ev;
	int signo;
	loop_signal_fn *fn;
	void *ctx;
	SLIST_ENTRY(loop_signal) dead;
};

struct loop_hook {
	struct loop *loop;
	loop_hook_fn *fn;
	void *ctx;
	TAILQ_ENTRY(loop_hook) entry;
};

struct loop {
	const struct clock *clock;
	struct event_base *base;
	int timer_fd;
	struct event *timer;	/* it is readable */
	usec_t timer_at;	/* what it is set for; -1 not set */
	struct wheel *wheel;
	bool stop;
	bool hooks_ahead;	/* in a turn, before its hooks */
	SLIST_HEAD(, loop_fd) dead_fds;
	SLIST_HEAD(, loop_signal) dead_signals;
	TAILQ_HEAD(hooks, loop_hook) hooks;
};

/*
 * Callbacks arm their timers from the wheel's present time.  Before a callback
 * that is the time before the wait, which may be long ago.
 */
static void
touch_wheel(struct loop *l)
{
	wheel_touch(l->wheel, clock_mono_us(l->clock));
}

static void
on_timer(evutil_socket_t fd, short what UNUSED, void *ctx)
{
	struct loop *l = ctx;
	uint64_t times;

	(void)!read((int)fd, &times, sizeof(times));
	l->timer_at = -1;	/* loop_turn() looks at the wheel */
}

struct loop *
loop_new(const struct clock *clock)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (l == NULL)
		abort();
	l->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK |
	    TFD_CLOEXEC);
	l->base = l->timer_fd < 0 ? NULL : event_base_new();
	if (l->base == NULL) {
		if (l->timer_fd >= 0)
			close(l->timer_fd);
		free(l);
		errno = EMFILE;
		return NULL;
	}
	l->clock = clock;
	l->wheel = wheel_new(clock_mono_us(clock));
	l->timer = event_new(l->base, l->timer_fd, EV_READ | EV_PERSIST,
	    on_timer, l);
	if (l->timer == NULL || event_add(l->timer, NULL) < 0)
		abort();
	l->timer_at = -1;
	SLIST_INIT(&l->dead_fds);
	SLIST_INIT(&l->dead_signals);
	TAILQ_INIT(&l->hooks);
	return l;
}

static void
bury(struct loop *l)
{
	struct loop_fd *f;
	struct loop_signal *s;

	while ((f = SLIST_FIRST(&l->dead_fds)) != NULL) {
		SLIST_REMOVE_HEAD(&l->dead_fds, dead);
		event_free(f->ev);
		free(f);
	}
	while ((s = SLIST_FIRST(&l->dead_signals)) != NULL) {
		SLIST_REMOVE_HEAD(&l->dead_signals, dead);
		event_free(s->ev);
		free(s);
	}
}

void
loop_free(struct loop *l)
{
	if (l == NULL)
		return;
	bury(l);
	assert(TAILQ_EMPTY(&l->hooks));
	event_free(l->timer);
	event_base_free(l->base);
	close(l->timer_fd);
	wheel_free(l->wheel);
	free(l);
}

struct wheel *
loop_wheel(struct loop *l)
{
	return l->wheel;
}

/* --- descriptors ------------------------------------------------------- */

static void
on_fd(evutil_socket_t fd, short what, void *ctx)
{
	struct loop_fd *f = ctx;

	if (f->fn == NULL)
		return;
	touch_wheel(f->loop);
	f->fn(f->ctx, (int)fd, (what & EV_READ ? LOOP_READ : 0) |
	    (what & EV_WRITE ? LOOP_WRITE : 0));
}

static short
event_flags(int what)
{
	return (short)(EV_PERSIST | (what & LOOP_READ ? EV_READ : 0) |
	    (what & LOOP_WRITE ? EV_WRITE : 0));
}

struct loop_fd *
loop_fd_add(struct loop *l, int fd, int what, loop_fd_fn *fn, void *ctx)
{
	struct loop_fd *f = calloc(1, sizeof(*f));
	int r;

	if (f == NULL)
		return NULL;
	*f = (struct loop_fd){ .loop = l, .fd = fd, .fn = fn, .ctx = ctx };
	f->ev = event_new(l->base, fd, event_flags(what), on_fd, f);
	if (f->ev == NULL) {
		free(f);
		errno = ENOMEM;
		return NULL;
	}
	r = loop_fd_set(f, what);
	if (r < 0) {
		event_free(f->ev);
		free(f);
		errno = -r;
		return NULL;
	}
	return f;
}

int
loop_fd_set(struct loop_fd *f, int what)
{
	if (event_del(f->ev) < 0)
		return -EIO;
	if (what == 0)
		return 0;
	errno = 0;
	if (event_assign(f->ev, f->loop->base, f->fd, event_flags(what), on_fd,
	    f) < 0 || event_add(f->ev, NULL) < 0)
		return errno != 0 ? -errno : -EIO;
	return 0;
}

void
loop_fd_del(struct loop_fd *f)
{
	if (f == NULL)
		return;
	event_del(f->ev);
	f->fn = NULL;
	SLIST_INSERT_HEAD(&f->loop->dead_fds, f, dead);
}

/* --- signals ----------------------------------------------------------- */

static void
on_signal(evutil_socket_t fd UNUSED, short what UNUSED, void *ctx)
{
	struct loop_signal *s = ctx;

	if (s->fn == NULL)
		return;
	touch_wheel(s->loop);
	s->fn(s->ctx, s->signo);
}

struct loop_signal *
loop_signal_add(struct loop *l, int signo, loop_signal_fn *fn, void *ctx)
{
	struct loop_signal *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	*s = (struct loop_signal){ .loop = l, .signo = signo, .fn = fn,
		.ctx = ctx };
	s->ev = evsignal_new(l->base, signo, on_signal, s);
	if (s->ev == NULL || event_add(s->ev, NULL) < 0) {
		if (s->ev != NULL)
			event_free(s->ev);
		free(s);
		errno = EINVAL;
		return NULL;
	}
	return s;
}

void
loop_signal_del(struct loop_signal *s)
{
	if (s == NULL)
		return;
	event_del(s->ev);
	s->fn = NULL;
	SLIST_INSERT_HEAD(&s->loop->dead_signals, s, dead);
}

/* --- hooks ------------------------------------------------------------- */

struct loop_hook *
loop_hook_add(struct loop *l, loop_hook_fn *fn, void *ctx)
{
	struct loop_hook *h = calloc(1, sizeof(*h));

	if (h == NULL)
		abort();
	*h = (struct loop_hook){ .loop = l, .fn = fn, .ctx = ctx };
	TAILQ_INSERT_TAIL(&l->hooks, h, entry);
	return h;
}

void
loop_hook_del(struct loop_hook *h)
{
	if (h == NULL)
		return;
	TAILQ_REMOVE(&h->loop->hooks, h, entry);
	free(h);
}

bool
loop_hooks_ahead(const struct loop *l)
{
	return l->hooks_ahead;
}

/* --- turning ----------------------------------------------------------- */

static void
run_hooks(struct loop *l)
{
	struct loop_hook *h;

	TAILQ_FOREACH(h, &l->hooks, entry)
		h->fn(h->ctx);
}

/* Be woken in `wait` us, or sooner; -1: nothing to wait for. */
static void
set_timer(struct loop *l, usec_t wait)
{
	usec_t now = wheel_now(l->wheel), at = now + wait;
	struct itimerspec ts = { .it_value = {
		.tv_sec = (time_t)(wait / USEC_PER_SEC),
		.tv_nsec = (long)(wait % USEC_PER_SEC) * 1000 } };

	if (wait < 0 || (l->timer_at > now && l->timer_at <= at))
		return;
	l->timer_at = at;
	if (timerfd_settime(l->timer_fd, 0, &ts, NULL) < 0)
		abort();
}

int
loop_turn(struct loop *l, usec_t max_wait)
{
	usec_t wait;

	touch_wheel(l);
	wait = wheel_next(l->wheel);
	if (max_wait >= 0 && (wait < 0 || wait > max_wait))
		wait = max_wait;
	if (wait != 0)
		set_timer(l, wait);
	l->hooks_ahead = true;
	if (event_base_loop(l->base, EVLOOP_ONCE |
	    (wait == 0 ? EVLOOP_NONBLOCK : 0)) < 0)
		return errno != 0 ? -errno : -EIO;
	wheel_advance(l->wheel, clock_mono_us(l->clock), TIMER_BUDGET);
	l->hooks_ahead = false;
	run_hooks(l);
	bury(l);
	return 0;
}

int
loop_run(struct loop *l)
{
	int r = 0;

	l->stop = false;
	while (!l->stop && r == 0)
		r = loop_turn(l, -1);
	return r;
}

void
loop_stop(struct loop *l)
{
	l->stop = true;
}

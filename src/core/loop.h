/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The event loop: descriptors, signals, the timer wheel, and hooks that run
 * at the end of every turn.  The only user of libevent.
 */
#ifndef PMIP_LOOP_H
#define PMIP_LOOP_H

#include <stdbool.h>

#include "clock.h"

struct loop;
struct loop_fd;
struct loop_signal;
struct loop_hook;
struct wheel;

enum { LOOP_READ = 1, LOOP_WRITE = 2 };

typedef void loop_fd_fn(void *ctx, int fd, int what);
typedef void loop_signal_fn(void *ctx, int signo);
typedef void loop_hook_fn(void *ctx);

/* NULL with errno when the system refuses. */
struct loop *loop_new(const struct clock *clock);
void loop_free(struct loop *l);

/* The wheel this loop drives. Owned by the loop. */
struct wheel *loop_wheel(struct loop *l);

/*
 * Watch a descriptor for `what` (LOOP_READ | LOOP_WRITE), level-triggered.
 * The descriptor stays the caller's.  NULL with errno on failure.
 */
struct loop_fd *loop_fd_add(struct loop *l, int fd, int what, loop_fd_fn *fn,
    void *ctx);
/* Change what is watched (0: nothing for now). 0 or -errno. */
int loop_fd_set(struct loop_fd *f, int what);
void loop_fd_del(struct loop_fd *f);

struct loop_signal *loop_signal_add(struct loop *l, int signo,
    loop_signal_fn *fn, void *ctx);
void loop_signal_del(struct loop_signal *s);

/*
 * `fn` runs at the end of every turn, after all callbacks: the place where
 * queued packets and netlink messages leave in one batch.  Hooks run in the
 * order they were added.  A hook must not add or delete hooks.
 */
struct loop_hook *loop_hook_add(struct loop *l, loop_hook_fn *fn, void *ctx);
void loop_hook_del(struct loop_hook *h);
/* Within a turn whose hooks have not run yet? */
bool loop_hooks_ahead(const struct loop *l);

/* Runs until loop_stop(). 0, or -errno. */
int loop_run(struct loop *l);
/* One turn: waits at most `max_wait` us (-1: as long as it takes). */
int loop_turn(struct loop *l, usec_t max_wait);
void loop_stop(struct loop *l);

#endif

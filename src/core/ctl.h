/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Control socket: newline-delimited JSON over a UNIX stream socket.
 *
 *   -> {"v":1,"cmd":"show bindings","args":{"nai":"mn1@example.com"}}
 *   <- {"v":1,"item":{...}}          none or more
 *   <- {"v":1,"done":true}           or {"v":1,"error":"text"}
 *
 *   -> {"v":1,"cmd":"watch"}
 *   <- {"v":1,"watching":true}       every event from now on:
 *   <- {"v":1,"event":{...}}         until the connection closes
 *
 * Who may: the peer's uid must be root's or the daemon's own, or its gid (or
 * a supplementary group) the configured one; commands that change something
 * need root, the daemon's uid or that group, the others too: one rule.
 * A slow reader never blocks the daemon: items are produced when the socket
 * drains, a watcher that lags loses events and is told how many.
 */
#ifndef PMIP_CTL_H
#define PMIP_CTL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct json_r;
struct json_w;
struct log;
struct loop;
struct stats;
struct ctl;
struct ctl_conn;

#define CTL_VERSION 1
#define CTL_LINE_MAX 65536	/* of a request */
#define CTL_CONN_MAX 64

/* One running command. */
struct ctl_call {
	void *ctx;			/* of the command's owner */
	const struct json_r *args;	/* object or NULL */
	uint64_t cursor;		/* the command's own, 0 at first */
	void *state;			/* the command's own, freed by free() */
	struct ctl_conn *conn;
};

enum { CTL_DONE = 0, CTL_MORE = 1 };

struct ctl_cmd {
	const char *name;	/* "show bindings" */
	const char *help;	/* one line */
	/*
	 * CTL_DONE, CTL_MORE (call again when the socket has drained; produce
	 * about 64 items a call), or -errno after ctl_fail().
	 */
	int (*run)(struct ctl_call *c);
};

/* Start an item object / end it.  Between the two, json_w_*() on the result. */
struct json_w *ctl_item(struct ctl_call *c);
void ctl_item_end(struct ctl_call *c);
/* The error text of a call that returns -errno; returns `err`. */
int ctl_fail(struct ctl_call *c, int err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Listen on `path` (mode 0660, group `gid` unless (gid_t)-1; a stale socket
 * is replaced, a live one is -EADDRINUSE).  "watch" is built in: it streams
 * the log's events up to info as {"v":1,"event":{...}}.  0 or -errno.
 */
int ctl_new(struct loop *l, struct log *log, struct stats *stats,
    const char *path, gid_t gid, struct ctl **ret);
/* Closes every connection and removes the socket. */
void ctl_free(struct ctl *c);
/* `cmds` ends with name NULL and must stay valid; `ctx` goes into calls. */
void ctl_register(struct ctl *c, const struct ctl_cmd *cmds, void *ctx);
void ctl_unregister(struct ctl *c, const struct ctl_cmd *cmds, void *ctx);
/* Run one request line as if it had come from a client; out gets the reply
 * lines.  For tests and fuzzing (works without a socket: path NULL). */
void ctl_feed(struct ctl *c, const char *line, size_t len,
    struct json_w *out);

#endif

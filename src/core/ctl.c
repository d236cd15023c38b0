/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control socket: see ctl.h for the protocol.
 *
 * A connection runs one request at a time; further ones wait in its input
 * buffer.  A command produces about 64 items per call and is called again when
 * they have left, so a reply of a million items needs little memory and a
 * reader that stops reading stops only its own command.  A watcher cannot be
 * waited for: what does not fit into its output buffer is lost, and counted.
 *
 *   IDLE --request line--> RUNNING --CTL_DONE, error--> IDLE
 *   IDLE --"watch"--> WATCHING (until the connection closes)
 */
#include "core/ctl.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/json.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/stats.h"
#include "core/util.h"

#define MOD "ctl"
#define REGISTRATIONS_MAX 8
#define COMMANDS_MAX 8		/* of one name */
#define OUT_LOW 16384		/* ask for more items below this */
#define STEPS_MAX 64		/* calls of commands per turn and connection */
#define WATCH_MAX (1 << 20)	/* octets a watcher may lag */
#define GROUPS_MAX 256

#define CTL_STATS(X) \
	X(ST_CONNECTIONS, "connections", "accepted connections") \
	X(ST_REFUSED, "refused", "peers without the right to be here") \
	X(ST_FULL, "full", "connections beyond the limit of 64") \
	X(ST_REQUESTS, "requests", "requests") \
	X(ST_BAD, "bad-requests", "requests that were malformed or unknown") \
	X(ST_LOST, "events-lost", "events that a slow watcher missed")

enum {
#define X(id, name, help) id,
	CTL_STATS(X)
#undef X
	ST_MAX
};

static const struct stat_desc ctl_stats[ST_MAX] = {
#define X(id, name, help) { name, help },
	CTL_STATS(X)
#undef X
};

struct registration {
	const struct ctl_cmd *cmds;
	void *ctx;
};

struct ctl_conn {
	LIST_ENTRY(ctl_conn) entry;
	struct ctl *ctl;
	int fd;				/* -1: ctl_feed() */
	struct loop_fd *lfd;
	char *in;
	size_t in_len;
	struct json_w out;
	size_t out_off;			/* octets already written */
	bool running, watching, eof, in_item;
	bool found;			/* a command did not say ENOENT */
	uint64_t lost;
	struct json_r *request;
	/* the commands of that name, one per role that has it */
	struct { const struct ctl_cmd *cmd; void *ctx; } todo[COMMANDS_MAX];
	unsigned ntodo, at;
	struct ctl_call call;
	char error[512];
};

struct ctl {
	struct loop *loop;
	struct log *log;
	struct stat_group st;
	struct log_sink *sink;
	char *path;
	int fd;
	struct loop_fd *lfd;
	gid_t gid;
	struct registration reg[REGISTRATIONS_MAX];
	unsigned nreg, nconn, nwatch;
	LIST_HEAD(, ctl_conn) conns;
};

/* --- lines out --------------------------------------------------------- */

static void
line_begin(struct ctl_conn *c)
{
	json_w_obj(&c->out, NULL);
	json_w_i(&c->out, "v", CTL_VERSION);
}

static void
line_end(struct ctl_conn *c)
{
	json_w_obj_end(&c->out);
	json_w_newline(&c->out);
}

struct json_w *
ctl_item(struct ctl_call *call)
{
	struct ctl_conn *c = call->conn;

	assert(!c->in_item);
	c->in_item = true;
	line_begin(c);
	json_w_obj(&c->out, "item");
	return &c->out;
}

void
ctl_item_end(struct ctl_call *call)
{
	struct ctl_conn *c = call->conn;

	assert(c->in_item);
	c->in_item = false;
	json_w_obj_end(&c->out);
	line_end(c);
}

int
ctl_fail(struct ctl_call *call, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(call->conn->error, sizeof(call->conn->error), fmt, ap);
	va_end(ap);
	return err;
}

static void
reply_error(struct ctl_conn *c, const char *text)
{
	line_begin(c);
	json_w_str(&c->out, "error", text);
	line_end(c);
}

static void
reply_done(struct ctl_conn *c)
{
	line_begin(c);
	json_w_bool(&c->out, "done", true);
	line_end(c);
}

/* --- commands ---------------------------------------------------------- */

static void
request_end(struct ctl_conn *c)
{
	free(c->call.state);
	c->call.state = NULL;
	json_r_free(c->request);
	c->request = NULL;
	c->running = false;
}

/* Let the present command produce; false when the request has ended. */
static bool
command_step(struct ctl_conn *c)
{
	int r;

	c->error[0] = '\0';
	r = c->todo[c->at].cmd->run(&c->call);
	assert(!c->in_item);
	if (r == CTL_MORE)
		return true;
	/* What one role does not have another one may. */
	c->found |= r != -ENOENT;
	if ((r == CTL_DONE || r == -ENOENT) && ++c->at < c->ntodo) {
		free(c->call.state);
		c->call.state = NULL;
		c->call.cursor = 0;
		c->call.ctx = c->todo[c->at].ctx;
		return true;
	}
	if (r < 0 && !(r == -ENOENT && c->found))
		reply_error(c, c->error[0] != '\0' ? c->error :
		    log_errname(r));
	else
		reply_done(c);
	request_end(c);
	return false;
}

static void
find_commands(struct ctl_conn *c, const char *name)
{
	const struct ctl *ctl = c->ctl;

	c->ntodo = c->at = 0;
	for (unsigned i = 0; i < ctl->nreg; i++) {
		const struct ctl_cmd *cmd = ctl->reg[i].cmds;

		for (; cmd->name != NULL; cmd++) {
			if (strcmp(cmd->name, name) != 0 ||
			    c->ntodo == COMMANDS_MAX)
				continue;
			c->todo[c->ntodo].cmd = cmd;
			c->todo[c->ntodo++].ctx = ctl->reg[i].ctx;
		}
	}
}

static void
list_commands(struct ctl_conn *c)
{
	struct ctl_call call = { .conn = c };
	const struct ctl *ctl = c->ctl;

	for (unsigned i = 0; i < ctl->nreg; i++) {
		const struct ctl_cmd *cmd = ctl->reg[i].cmds;

		for (; cmd->name != NULL; cmd++) {
			struct json_w *w = ctl_item(&call);

			json_w_str(w, "command", cmd->name);
			json_w_str(w, "help", cmd->help);
			ctl_item_end(&call);
		}
	}
	reply_done(c);
}

static void
bad_request(struct ctl_conn *c, const char *fmt, const char *arg)
{
	char text[300];

	stat_inc(&c->ctl->st, ST_BAD);
	snprintf(text, sizeof(text), fmt, arg);
	reply_error(c, text);
}

static void
request_line(struct ctl_conn *c, const char *line, size_t len)
{
	char why[160];
	struct json_r *req = json_r_parse(line, len, why, sizeof(why));
	const char *cmd = json_r_str(req, "cmd");
	const struct json_r *args = json_r_get(req, "args");

	stat_inc(&c->ctl->st, ST_REQUESTS);
	if (req == NULL) {
		bad_request(c, "not JSON: %s", why);
	} else if (json_r_int(req, "v", CTL_VERSION) != CTL_VERSION) {
		bad_request(c, "this daemon speaks version %s", "1");
	} else if (cmd == NULL) {
		bad_request(c, "no \"cmd\" in the request%s", "");
	} else if (args != NULL && !json_r_is_obj(args)) {
		bad_request(c, "\"args\" must be an object%s", "");
	} else if (strcmp(cmd, "commands") == 0) {
		list_commands(c);
	} else if (strcmp(cmd, "watch") == 0) {
		/* Said first, so that who asked knows from when on. */
		line_begin(c);
		json_w_bool(&c->out, "watching", true);
		line_end(c);
		c->watching = true;
		c->ctl->nwatch++;
	} else if (find_commands(c, cmd), c->ntodo == 0) {
		bad_request(c, "unknown command \"%.200s\"", cmd);
	} else {
		c->request = req;
		c->running = true;
		c->found = false;
		c->call = (struct ctl_call){ .ctx = c->todo[0].ctx,
			.args = args, .conn = c };
		return;
	}
	json_r_free(req);
}

/* --- watching ---------------------------------------------------------- */

static void
event_line(struct ctl_conn *c, enum log_level lvl, const char *mod,
    const char *ev, const struct kv *kv, size_t n)
{
	char text[KV_TEXT_MAX];

	line_begin(c);
	json_w_obj(&c->out, "event");
	json_w_str(&c->out, "lvl", log_level_name(lvl));
	json_w_str(&c->out, "mod", mod);
	json_w_str(&c->out, "ev", ev);
	for (size_t i = 0; i < n; i++) {
		if (kv[i].type == KVT_U)
			json_w_u(&c->out, kv[i].key, kv[i].u);
		else if (kv[i].type == KVT_I)
			json_w_i(&c->out, kv[i].key, kv[i].i);
		else if (kv[i].type == KVT_BOOL)
			json_w_bool(&c->out, kv[i].key, kv[i].u != 0);
		else
			json_w_str(&c->out, kv[i].key, kv_text(&kv[i], text,
			    sizeof(text)));
	}
	json_w_obj_end(&c->out);
	line_end(c);
}

/* A watcher whose reader has caught up hears what it has missed. */
static void
tell_lost(struct ctl_conn *c)
{
	const struct kv lost = KV_U("events", c->lost);

	c->lost = 0;
	event_line(c, LOG_LVL_WARN, MOD, "events-lost", &lost, 1);
}

static void
on_event(void *ctx, enum log_level lvl, const char *mod, const char *ev,
    const struct kv *kv, size_t n)
{
	struct ctl *ctl = ctx;
	struct ctl_conn *c;

	if (ctl->nwatch == 0)
		return;
	LIST_FOREACH(c, &ctl->conns, entry) {
		if (!c->watching)
			continue;
		if (c->out.len - c->out_off > WATCH_MAX) {
			stat_inc(&ctl->st, ST_LOST);
			c->lost++;
			continue;
		}
		if (c->lost > 0)
			tell_lost(c);
		event_line(c, lvl, mod, ev, kv, n);
		if (c->lfd != NULL)
			(void)loop_fd_set(c->lfd, LOOP_READ | LOOP_WRITE);
	}
}

/* --- connections ------------------------------------------------------- */

static void
conn_free(struct ctl_conn *c)
{
	LIST_REMOVE(c, entry);
	c->ctl->nconn--;
	if (c->watching)
		c->ctl->nwatch--;
	if (c->running)
		request_end(c);
	loop_fd_del(c->lfd);
	if (c->fd >= 0)
		close(c->fd);
	json_w_done(&c->out);
	free(c->in);
	free(c);
}

static size_t
conn_pending(const struct ctl_conn *c)
{
	return c->out.len - c->out_off;
}

/* Write what the peer takes. -1: it is gone. */
static int
conn_flush(struct ctl_conn *c)
{
	while (conn_pending(c) > 0) {
		ssize_t n = send(c->fd, c->out.buf + c->out_off,
		    conn_pending(c), MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -1;
		c->out_off += (size_t)n;
	}
	json_w_reset(&c->out);
	c->out_off = 0;
	return 0;
}

/* The next whole line of the input, if any, becomes the request. */
static bool
conn_next_request(struct ctl_conn *c)
{
	char *nl, *from = c->in, *end = c->in + c->in_len;

	while (from < end && *from == '\n')
		from++;			/* nothing asked, all at once */
	nl = memchr(from, '\n', (size_t)(end - from));
	if (nl != NULL) {
		request_line(c, from, (size_t)(nl - from));
		from = nl + 1;
	}
	c->in_len = (size_t)(end - from);
	memmove(c->in, from, c->in_len);
	return nl != NULL;
}

/* Work on requests as long as the output is short; a search through
 * everything that finds nothing lets others take their turn. */
static void
conn_pump(struct ctl_conn *c)
{
	for (unsigned i = 0; i < STEPS_MAX && conn_pending(c) < OUT_LOW; i++) {
		if (c->running)
			(void)command_step(c);
		else if (c->watching || !conn_next_request(c))
			break;
	}
}

static void
conn_read(struct ctl_conn *c)
{
	ssize_t n;

	if (c->in_len == CTL_LINE_MAX)
		return;			/* requests wait in it */
	n = recv(c->fd, c->in + c->in_len, CTL_LINE_MAX - c->in_len,
	    MSG_DONTWAIT);
	if (n > 0)
		c->in_len += (size_t)n;
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		c->eof = true;
	if (c->watching)
		c->in_len = 0;	/* nothing to ask any more */
	if (c->in_len == CTL_LINE_MAX &&
	    memchr(c->in, '\n', c->in_len) == NULL) {
		/* A line that never ends: there is no way to go on. */
		bad_request(c, "the request is too long%s", "");
		c->in_len = 0;
		c->eof = true;
	}
}

static void
on_conn(void *ctx, int fd UNUSED, int what)
{
	struct ctl_conn *c = ctx;
	int want;

	if (what & LOOP_READ)
		conn_read(c);
	conn_pump(c);
	if (conn_flush(c) < 0 || (c->eof && !c->running &&
	    conn_pending(c) == 0 && memchr(c->in, '\n', c->in_len) == NULL)) {
		conn_free(c);
		return;
	}
	if (c->lost > 0 && conn_pending(c) == 0)
		tell_lost(c);
	/* Idle with everything said: requests only.  In the middle of a reply
	 * (or with requests waiting): as soon as the socket takes more. */
	want = c->eof || c->in_len == CTL_LINE_MAX ? 0 : LOOP_READ;
	if (c->running || conn_pending(c) > 0 ||
	    (!c->watching && memchr(c->in, '\n', c->in_len) != NULL))
		want |= LOOP_WRITE;
	(void)loop_fd_set(c->lfd, want);
}

static struct ctl_conn *
conn_new(struct ctl *ctl, int fd)
{
	struct ctl_conn *c = calloc(1, sizeof(*c));

	if (c == NULL)
		abort();
	c->in = malloc(CTL_LINE_MAX);
	if (c->in == NULL)
		abort();
	c->ctl = ctl;
	c->fd = fd;
	json_w_init(&c->out);
	LIST_INSERT_HEAD(&ctl->conns, c, entry);
	ctl->nconn++;
	return c;
}

/* Is `gid` among the peer's supplementary groups? */
static bool
peer_in_group(int fd, gid_t gid)
{
	gid_t groups[GROUPS_MAX];
	socklen_t len = sizeof(groups);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) < 0)
		return false;
	for (size_t i = 0; i < len / sizeof(groups[0]); i++) {
		if (groups[i] == gid)
			return true;
	}
	return false;
}

static bool
peer_allowed(const struct ctl *ctl, int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return false;
	if (cred.uid == 0 || cred.uid == geteuid())
		return true;
	return ctl->gid != (gid_t)-1 && (cred.gid == ctl->gid ||
	    peer_in_group(fd, ctl->gid));
}

static void
on_accept(void *ctx, int lfd, int what UNUSED)
{
	struct ctl *ctl = ctx;
	int fd = accept4(lfd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct ctl_conn *c;

	if (fd < 0)
		return;
	if (!peer_allowed(ctl, fd) || ctl->nconn >= CTL_CONN_MAX) {
		bool full = peer_allowed(ctl, fd);
		static const char no[] = "{\"v\":1,\"error\":\"you are neither "
		    "root nor in the control group\"}\n";
		static const char busy[] = "{\"v\":1,\"error\":\"too many "
		    "connections\"}\n";

		stat_inc(&ctl->st, full ? ST_FULL : ST_REFUSED);
		(void)!send(fd, full ? busy : no, full ? sizeof(busy) - 1 :
		    sizeof(no) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
		close(fd);
		return;
	}
	stat_inc(&ctl->st, ST_CONNECTIONS);
	c = conn_new(ctl, fd);
	c->lfd = loop_fd_add(ctl->loop, fd, LOOP_READ, on_conn, c);
	if (c->lfd == NULL)
		conn_free(c);
}

/* --- the socket -------------------------------------------------------- */

static int
addr_of(const char *path, struct sockaddr_un *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(ret->sun_path))
		return -ENAMETOOLONG;
	memcpy(ret->sun_path, path, strlen(path));
	return 0;
}

/* Does anybody listen there? */
static bool
is_live(const struct sockaddr_un *sun)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool live;

	if (fd < 0)
		return false;
	live = connect(fd, (const struct sockaddr *)(const void *)sun,
	    sizeof(*sun)) == 0;
	close(fd);
	return live;
}

static int
listen_on(struct ctl *ctl, const char *path)
{
	struct sockaddr_un sun;
	struct stat st;
	mode_t old;
	int r = addr_of(path, &sun);

	if (r < 0)
		return r;
	if (lstat(path, &st) == 0) {
		if (!S_ISSOCK(st.st_mode))
			return -EEXIST;
		if (is_live(&sun))
			return -EADDRINUSE;
		(void)unlink(path);
	}
	ctl->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    0);
	if (ctl->fd < 0)
		return -errno;
	old = umask(0117);	/* never wider than 0660, not for a moment */
	r = bind(ctl->fd, (const struct sockaddr *)(const void *)&sun,
	    sizeof(sun));
	umask(old);
	if (r < 0)
		return -errno;
	ctl->path = strdup(path);
	if (ctl->path == NULL)
		abort();
	if ((ctl->gid != (gid_t)-1 && chown(path, (uid_t)-1, ctl->gid) < 0) ||
	    listen(ctl->fd, 16) < 0)
		return -errno;
	ctl->lfd = loop_fd_add(ctl->loop, ctl->fd, LOOP_READ, on_accept, ctl);
	return ctl->lfd != NULL ? 0 : -errno;
}

int
ctl_new(struct loop *l, struct log *log, struct stats *stats, const char *path,
    gid_t gid, struct ctl **ret)
{
	struct ctl *ctl = calloc(1, sizeof(*ctl));
	int r;

	if (ctl == NULL)
		abort();
	ctl->loop = l;
	ctl->log = log;
	ctl->gid = gid;
	ctl->fd = -1;
	LIST_INIT(&ctl->conns);
	stats_register(stats, &ctl->st, "ctl", ctl_stats, ST_MAX);
	ctl->sink = log_sink_add(log, LOG_LVL_INFO, on_event, ctl);
	r = path != NULL ? listen_on(ctl, path) : 0;
	if (r < 0) {
		ctl_free(ctl);
		return r;
	}
	*ret = ctl;
	return 0;
}

void
ctl_free(struct ctl *ctl)
{
	if (ctl == NULL)
		return;
	while (!LIST_EMPTY(&ctl->conns))
		conn_free(LIST_FIRST(&ctl->conns));
	log_sink_del(ctl->log, ctl->sink);
	loop_fd_del(ctl->lfd);
	if (ctl->fd >= 0)
		close(ctl->fd);
	if (ctl->path != NULL)
		(void)unlink(ctl->path);
	stats_unregister(&ctl->st);
	free(ctl->path);
	free(ctl);
}

void
ctl_register(struct ctl *ctl, const struct ctl_cmd *cmds, void *ctx)
{
	assert(ctl->nreg < REGISTRATIONS_MAX);
	ctl->reg[ctl->nreg++] = (struct registration){ cmds, ctx };
}

/* Requests of an owner that goes: they end with an error. */
static void
abort_requests(struct ctl *ctl, const void *ctx)
{
	struct ctl_conn *c;

	LIST_FOREACH(c, &ctl->conns, entry) {
		for (unsigned i = 0; c->running && i < c->ntodo; i++) {
			if (c->todo[i].ctx != ctx)
				continue;
			reply_error(c, "the daemon is stopping");
			request_end(c);
		}
	}
}

void
ctl_unregister(struct ctl *ctl, const struct ctl_cmd *cmds, void *ctx)
{
	abort_requests(ctl, ctx);
	for (unsigned i = 0; i < ctl->nreg; i++) {
		if (ctl->reg[i].cmds == cmds && ctl->reg[i].ctx == ctx) {
			ctl->nreg--;
			memmove(&ctl->reg[i], &ctl->reg[i + 1],
			    (ctl->nreg - i) * sizeof(ctl->reg[0]));
			return;
		}
	}
}

void
ctl_feed(struct ctl *ctl, const char *line, size_t len, struct json_w *out)
{
	struct ctl_conn *c = conn_new(ctl, -1);

	request_line(c, line, len);
	while (c->running)
		(void)command_step(c);
	json_w_done(out);
	*out = c->out;
	json_w_init(&c->out);
	conn_free(c);
}

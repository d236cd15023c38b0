/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * key=value log lines: see log.h.  A line is put together in a fixed buffer
 * and leaves with one write(), so that lines of two processes never mix.
 */
#include "core/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "core/addr.h"
#include "core/util.h"

#define LINE_MAX_LEN 4096

enum log_dest { DEST_NONE, DEST_FD, DEST_SYSLOG };

struct log_sink {
	LIST_ENTRY(log_sink) entry;
	enum log_level max_lvl;
	log_sink_fn *fn;
	void *ctx;
};

struct log {
	const struct clock *clock;
	enum log_dest dest;
	enum log_level level;
	int fd;
	bool with_time;
	LIST_HEAD(, log_sink) sinks;
};

static const char *const level_names[LOG_LVL_MAX] = {
	"err", "warn", "info", "debug",
};
static const int syslog_prio[LOG_LVL_MAX] = { 3, 4, 6, 7 };

struct log *
log_new(const struct clock *clock)
{
	struct log *l = calloc(1, sizeof(*l));

	if (l == NULL)
		abort();
	l->clock = clock;
	l->level = LOG_LVL_INFO;
	LIST_INIT(&l->sinks);
	return l;
}

void
log_free(struct log *l)
{
	if (l == NULL)
		return;
	while (!LIST_EMPTY(&l->sinks))
		log_sink_del(l, LIST_FIRST(&l->sinks));
	free(l);
}

void
log_to_fd(struct log *l, int fd, bool with_time)
{
	l->dest = DEST_FD;
	l->fd = fd;
	l->with_time = with_time;
}

void
log_to_syslog(struct log *l, const char *ident)
{
	openlog(ident, LOG_PID, LOG_DAEMON);
	l->dest = DEST_SYSLOG;
}

void
log_to_none(struct log *l)
{
	l->dest = DEST_NONE;
}

void
log_set_level(struct log *l, enum log_level lvl)
{
	l->level = lvl;
}

enum log_level
log_get_level(const struct log *l)
{
	return l->level;
}

int
log_level_parse(const char *s)
{
	for (int i = 0; i < LOG_LVL_MAX; i++) {
		if (strcmp(s, level_names[i]) == 0)
			return i;
	}
	return -1;
}

const char *
log_level_name(enum log_level lvl)
{
	return level_names[lvl];
}

const char *
log_errname(int neg_errno)
{
	const char *s = neg_errno == 0 ? "OK" :
	    strerrorname_np(neg_errno < 0 ? -neg_errno : neg_errno);

	return s != NULL ? s : "EUNKNOWN";
}

struct log_sink *
log_sink_add(struct log *l, enum log_level max_lvl, log_sink_fn *fn, void *ctx)
{
	struct log_sink *s = calloc(1, sizeof(*s));

	if (s == NULL)
		abort();
	*s = (struct log_sink){ .max_lvl = max_lvl, .fn = fn, .ctx = ctx };
	LIST_INSERT_HEAD(&l->sinks, s, entry);
	return s;
}

void
log_sink_del(struct log *l UNUSED, struct log_sink *s)
{
	LIST_REMOVE(s, entry);
	free(s);
}

bool
log_wants(const struct log *l, enum log_level lvl)
{
	const struct log_sink *s;

	if (l->dest != DEST_NONE && lvl <= l->level)
		return true;
	LIST_FOREACH(s, &l->sinks, entry) {
		if (lvl <= s->max_lvl)
			return true;
	}
	return false;
}

/* --- text -------------------------------------------------------------- */

static bool
is_plain(unsigned char c)
{
	return c > 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '=';
}

/* Escape n octets into buf; cut when they do not fit. */
static void
escape(const void *src, size_t n, char *buf, size_t cap)
{
	const unsigned char *p = src;
	size_t o = 0;

	for (size_t i = 0; i < n && o + 5 < cap; i++) {
		if (p[i] == '"' || p[i] == '\\') {
			buf[o++] = '\\';
			buf[o++] = (char)p[i];
		} else if (p[i] >= 0x20 && p[i] < 0x7f) {
			buf[o++] = (char)p[i];
		} else {
			o += (size_t)snprintf(buf + o, cap - o, "\\x%02x",
			    p[i]);
		}
	}
	buf[o] = '\0';
}

static size_t
text_len(const struct kv *kv)
{
	if (kv->p == NULL)
		return 0;
	return kv->type == KVT_STRN ? kv->n : strlen(kv->p);
}

char *
kv_text(const struct kv *kv, char *buf, size_t cap)
{
	char tmp[ADDR_STRLEN];

	buf[0] = '\0';
	switch (kv->type) {
	case KVT_STR:
	case KVT_STRN:
		escape(kv->p, text_len(kv), buf, cap);
		break;
	case KVT_U:
		snprintf(buf, cap, "%llu", (unsigned long long)kv->u);
		break;
	case KVT_I:
		snprintf(buf, cap, "%lld", (long long)kv->i);
		break;
	case KVT_IN6:
		snprintf(buf, cap, "%s", in6_str(kv->p, tmp));
		break;
	case KVT_IN4:
		if (inet_ntop(AF_INET, kv->p, tmp, sizeof(tmp)) != NULL)
			snprintf(buf, cap, "%s", tmp);
		break;
	case KVT_PREFIX:
		snprintf(buf, cap, "%s", prefix_str(kv->p, tmp));
		break;
	case KVT_MAC:
		snprintf(buf, cap, "%s", mac_str(kv->p, tmp));
		break;
	case KVT_BOOL:
		snprintf(buf, cap, "%s", kv->u ? "yes" : "no");
		break;
	}
	return buf;
}

static bool
needs_quotes(const struct kv *kv)
{
	const unsigned char *p = kv->p;
	size_t n;

	if (kv->type != KVT_STR && kv->type != KVT_STRN)
		return false;
	n = text_len(kv);
	for (size_t i = 0; i < n; i++) {
		if (!is_plain(p[i]))
			return true;
	}
	return n == 0;
}

/* --- lines ------------------------------------------------------------- */

struct line {
	char buf[LINE_MAX_LEN];
	size_t len;
};

static void PRINTF_LIKE(2, 3)
line_add(struct line *ln, const char *fmt, ...)
{
	size_t room = sizeof(ln->buf) - 1 - ln->len;	/* keep one for \n */
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(ln->buf + ln->len, room, fmt, ap);
	va_end(ap);
	if (n > 0)
		ln->len += MIN_OF((size_t)n, room - 1);
}

static void
line_time(struct line *ln, const struct log *l)
{
	int64_t us = clock_wall_us(l->clock);
	time_t sec = (time_t)(us / USEC_PER_SEC);
	struct tm tm;
	char t[32];

	gmtime_r(&sec, &tm);
	strftime(t, sizeof(t), "%Y-%m-%dT%H:%M:%S", &tm);
	line_add(ln, "%s.%03dZ ", t, (int)(us % USEC_PER_SEC / 1000));
}

static void
line_write(const struct log *l, enum log_level lvl, struct line *ln)
{
	ssize_t r;

	if (l->dest == DEST_SYSLOG) {
		syslog(syslog_prio[lvl], "%.*s", (int)ln->len, ln->buf);
		return;
	}
	ln->buf[ln->len++] = '\n';
	do {
		r = write(l->fd, ln->buf, ln->len);
	} while (r < 0 && errno == EINTR);
	/* A log that cannot be written has nowhere to say so. */
}

void
log_emit(struct log *l, enum log_level lvl, const char *mod, const char *ev,
    const struct kv *kv, size_t n)
{
	char val[KV_TEXT_MAX];
	struct log_sink *s, *next;
	struct line ln;

	for (s = LIST_FIRST(&l->sinks); s != NULL; s = next) {
		next = LIST_NEXT(s, entry);
		if (lvl <= s->max_lvl)
			s->fn(s->ctx, lvl, mod, ev, kv, n);
	}
	if (l->dest == DEST_NONE || lvl > l->level)
		return;
	ln.len = 0;
	if (l->dest == DEST_FD && l->with_time)
		line_time(&ln, l);
	line_add(&ln, "lvl=%s mod=%s ev=%s", level_names[lvl], mod, ev);
	for (size_t i = 0; i < n; i++) {
		const char *q = needs_quotes(&kv[i]) ? "\"" : "";

		line_add(&ln, " %s=%s%s%s", kv[i].key, q,
		    kv_text(&kv[i], val, sizeof(val)), q);
	}
	line_write(l, lvl, &ln);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * key=value logging.  One line per event:
 *
 *   lvl=info mod=ha ev=binding-created nai=mn1@example.com coa=2001:db8:b::1
 *
 * Levels answer "who must act": ERR the operator; WARN degraded, or a peer
 * misbehaves (callers rate-limit); INFO a binding changed state; DEBUG
 * packets.  Text from a peer is escaped.  Every line also goes to the sinks
 * (tests, `pmipctl watch`).
 */
#ifndef PMIP_LOG_H
#define PMIP_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <netinet/in.h>

#include "clock.h"

struct log;
struct mac;
struct prefix;

enum log_level { LOG_LVL_ERR, LOG_LVL_WARN, LOG_LVL_INFO, LOG_LVL_DEBUG,
	LOG_LVL_MAX };

enum kv_type { KVT_STR, KVT_STRN, KVT_U, KVT_I, KVT_IN6, KVT_IN4, KVT_PREFIX,
	KVT_MAC, KVT_BOOL };

/* A typed value; pointers are borrowed for the call only. */
struct kv {
	const char *key;
	enum kv_type type;
	uint32_t n;		/* length for KVT_STRN */
	union {
		const void *p;
		uint64_t u;
		int64_t i;
	};
};

#define KV_STR(k, v)	((struct kv){ .key = (k), .type = KVT_STR, .p = (v) })
#define KV_STRN(k, v, len) ((struct kv){ .key = (k), .type = KVT_STRN, \
	.n = (uint32_t)(len), .p = (v) })
#define KV_U(k, v)	((struct kv){ .key = (k), .type = KVT_U, .u = (v) })
#define KV_I(k, v)	((struct kv){ .key = (k), .type = KVT_I, .i = (v) })
#define KV_IN6(k, v)	((struct kv){ .key = (k), .type = KVT_IN6, .p = (v) })
#define KV_IN4(k, v)	((struct kv){ .key = (k), .type = KVT_IN4, .p = (v) })
#define KV_PREFIX(k, v)	((struct kv){ .key = (k), .type = KVT_PREFIX, .p = (v) })
#define KV_MAC(k, v)	((struct kv){ .key = (k), .type = KVT_MAC, .p = (v) })
#define KV_BOOL(k, v)	((struct kv){ .key = (k), .type = KVT_BOOL, .u = (v) })
/* err=<errno name> errtxt="..." from a negative errno. */
#define KV_ERR(e)	((struct kv){ .key = "err", .type = KVT_STR, \
	.p = log_errname(e) })

struct log *log_new(const struct clock *clock);
void log_free(struct log *l);

/* Where lines go: a stdio descriptor, or syslog (then `fd` is ignored). */
void log_to_fd(struct log *l, int fd, bool with_time);
void log_to_syslog(struct log *l, const char *ident);
void log_to_none(struct log *l);
void log_set_level(struct log *l, enum log_level lvl);
enum log_level log_get_level(const struct log *l);
/* "err" "warn" "info" "debug"; -1 when unknown. */
int log_level_parse(const char *s);
const char *log_level_name(enum log_level lvl);
const char *log_errname(int neg_errno);

/* Sinks see every event up to `max_lvl`, whatever the level of the log. */
typedef void log_sink_fn(void *ctx, enum log_level lvl, const char *mod,
    const char *ev, const struct kv *kv, size_t n);
struct log_sink;
struct log_sink *log_sink_add(struct log *l, enum log_level max_lvl,
    log_sink_fn *fn, void *ctx);
void log_sink_del(struct log *l, struct log_sink *s);

/* Is anybody listening at this level?  The macros below ask first. */
bool log_wants(const struct log *l, enum log_level lvl);
void log_emit(struct log *l, enum log_level lvl, const char *mod,
    const char *ev, const struct kv *kv, size_t n);

#define LOG_AT(l, lvl, mod, ev, ...) do {				\
	if (log_wants((l), (lvl)))					\
		log_emit((l), (lvl), (mod), (ev),			\
		    (const struct kv[]){ __VA_ARGS__ },			\
		    sizeof((const struct kv[]){ __VA_ARGS__ }) /	\
		    sizeof(struct kv));					\
} while (0)
#define log_err(l, mod, ev, ...)   LOG_AT(l, LOG_LVL_ERR, mod, ev, __VA_ARGS__)
#define log_warn(l, mod, ev, ...)  LOG_AT(l, LOG_LVL_WARN, mod, ev, __VA_ARGS__)
#define log_info(l, mod, ev, ...)  LOG_AT(l, LOG_LVL_INFO, mod, ev, __VA_ARGS__)
#define log_debug(l, mod, ev, ...) LOG_AT(l, LOG_LVL_DEBUG, mod, ev, __VA_ARGS__)

/* One value as text into buf (escaped, no quotes); returns buf. */
#define KV_TEXT_MAX 600
char *kv_text(const struct kv *kv, char *buf, size_t cap);

#endif

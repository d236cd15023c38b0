/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * JSON writer and reader: see json.h.  The only user of jansson.
 */
#include "core/json.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- writer ------------------------------------------------------------ */

void
json_w_init(struct json_w *w)
{
	memset(w, 0, sizeof(*w));
}

void
json_w_done(struct json_w *w)
{
	free(w->buf);
	json_w_init(w);
}

void
json_w_reset(struct json_w *w)
{
	w->len = 0;
	w->comma = false;
	if (w->buf != NULL)
		w->buf[0] = '\0';
}

/* Room for n more octets and a NUL. */
static char *
w_room(struct json_w *w, size_t n)
{
	if (w->cap - w->len <= n) {
		size_t cap = w->cap != 0 ? w->cap : 256;

		while (cap - w->len <= n)
			cap *= 2;
		w->buf = realloc(w->buf, cap);
		if (w->buf == NULL)
			abort();
		w->cap = cap;
	}
	return w->buf + w->len;
}

static void
w_put(struct json_w *w, const char *s, size_t n)
{
	memcpy(w_room(w, n), s, n);
	w->len += n;
	w->buf[w->len] = '\0';
}

/* Octets of a well-formed UTF-8 sequence at p (RFC 3629); 0 when it is none. */
static size_t
utf8_len(const unsigned char *p, size_t n)
{
	size_t len = p[0] < 0x80 ? 1 : p[0] >= 0xc2 && p[0] < 0xe0 ? 2 :
	    (p[0] & 0xf0) == 0xe0 ? 3 : p[0] >= 0xf0 && p[0] < 0xf5 ? 4 : 0;

	if (len == 0 || len > n)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}
	/* overlong forms, surrogates, beyond U+10FFFF */
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return len;
}

static void
w_string(struct json_w *w, const void *src, size_t n)
{
	const unsigned char *p = src;
	char esc[8];

	w_put(w, "\"", 1);
	while (n > 0) {
		size_t len = utf8_len(p, n);

		if (len == 0 || (len == 1 && (*p < 0x20 || *p == 0x7f))) {
			snprintf(esc, sizeof(esc), "\\u%04x", *p);
			w_put(w, esc, 6);
			len = 1;
		} else if (*p == '"' || *p == '\\') {
			esc[0] = '\\';
			esc[1] = (char)*p;
			w_put(w, esc, 2);
		} else {
			w_put(w, (const char *)p, len);
		}
		p += len;
		n -= len;
	}
	w_put(w, "\"", 1);
}

/* What stands in front of a value. */
static void
w_begin(struct json_w *w, const char *key)
{
	if (w->comma)
		w_put(w, ",", 1);
	w->comma = true;
	if (key != NULL) {
		w_string(w, key, strlen(key));
		w_put(w, ":", 1);
	}
}

static void
w_open(struct json_w *w, const char *key, const char *bracket)
{
	w_begin(w, key);
	w_put(w, bracket, 1);
	w->comma = false;
}

static void
w_close(struct json_w *w, const char *bracket)
{
	w_put(w, bracket, 1);
	w->comma = true;
}

void
json_w_obj(struct json_w *w, const char *key)
{
	w_open(w, key, "{");
}

void
json_w_obj_end(struct json_w *w)
{
	w_close(w, "}");
}

void
json_w_arr(struct json_w *w, const char *key)
{
	w_open(w, key, "[");
}

void
json_w_arr_end(struct json_w *w)
{
	w_close(w, "]");
}

void
json_w_strn(struct json_w *w, const char *key, const void *v, size_t n)
{
	w_begin(w, key);
	w_string(w, v, n);
}

void
json_w_str(struct json_w *w, const char *key, const char *v)
{
	if (v == NULL)
		json_w_null(w, key);
	else
		json_w_strn(w, key, v, strlen(v));
}

static void __attribute__((format(printf, 3, 4)))
w_printf(struct json_w *w, const char *key, const char *fmt, ...)
{
	char num[48];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(num, sizeof(num), fmt, ap);
	va_end(ap);
	w_begin(w, key);
	w_put(w, num, (size_t)n);
}

void
json_w_u(struct json_w *w, const char *key, uint64_t v)
{
	w_printf(w, key, "%llu", (unsigned long long)v);
}

void
json_w_i(struct json_w *w, const char *key, int64_t v)
{
	w_printf(w, key, "%lld", (long long)v);
}

void
json_w_sec(struct json_w *w, const char *key, int64_t usec)
{
	uint64_t ms = (uint64_t)(usec < 0 ? -usec : usec) / 1000;

	w_printf(w, key, "%s%llu.%03llu", usec < 0 && ms > 0 ? "-" : "",
	    (unsigned long long)(ms / 1000), (unsigned long long)(ms % 1000));
}

void
json_w_bool(struct json_w *w, const char *key, bool v)
{
	w_printf(w, key, "%s", v ? "true" : "false");
}

void
json_w_null(struct json_w *w, const char *key)
{
	w_printf(w, key, "null");
}

void
json_w_newline(struct json_w *w)
{
	w_put(w, "\n", 1);
	w->comma = false;
}

/* --- reader ------------------------------------------------------------ */

/* A struct json_r is jansson's value under another name. */
static const json_t *
j_of(const struct json_r *r)
{
	return (const json_t *)(const void *)r;
}

static const struct json_r *
r_of(const json_t *j)
{
	return (const struct json_r *)(const void *)j;
}

struct json_r *
json_r_parse(const char *text, size_t len, char *err, size_t errcap)
{
	json_error_t e;
	json_t *j = json_loadb(text, len, JSON_REJECT_DUPLICATES, &e);

	if (j == NULL && err != NULL)
		snprintf(err, errcap, "column %d: %s", e.column, e.text);
	return (struct json_r *)(void *)j;
}

void
json_r_free(struct json_r *r)
{
	json_decref((json_t *)(void *)r);
}

const struct json_r *
json_r_get(const struct json_r *r, const char *key)
{
	return r != NULL ? r_of(json_object_get(j_of(r), key)) : NULL;
}

const char *
json_r_str(const struct json_r *r, const char *key)
{
	return json_string_value(j_of(json_r_get(r, key)));
}

int64_t
json_r_int(const struct json_r *r, const char *key, int64_t def)
{
	const json_t *j = j_of(json_r_get(r, key));

	return json_is_integer(j) ? (int64_t)json_integer_value(j) : def;
}

bool
json_r_bool(const struct json_r *r, const char *key, bool def)
{
	const json_t *j = j_of(json_r_get(r, key));

	return json_is_boolean(j) ? json_is_true(j) : def;
}

size_t
json_r_len(const struct json_r *r)
{
	return json_array_size(j_of(r));
}

const struct json_r *
json_r_at(const struct json_r *r, size_t i)
{
	return r_of(json_array_get(j_of(r), i));
}

bool
json_r_each(const struct json_r *r, void **iter, const char **ret_key,
    const struct json_r **ret_val)
{
	json_t *j = (json_t *)(void *)(uintptr_t)r;

	*iter = *iter == NULL ? json_object_iter(j) :
	    json_object_iter_next(j, *iter);
	if (*iter == NULL)
		return false;
	*ret_key = json_object_iter_key(*iter);
	*ret_val = r_of(json_object_iter_value(*iter));
	return true;
}

const char *
json_r_text(const struct json_r *r, char *buf, size_t cap)
{
	const json_t *j = j_of(r);

	buf[0] = '\0';
	if (json_is_string(j))
		return json_string_value(j);
	if (json_is_integer(j))
		snprintf(buf, cap, "%lld", (long long)json_integer_value(j));
	else if (json_is_real(j))
		snprintf(buf, cap, "%.3f", json_real_value(j));
	else if (json_is_boolean(j))
		snprintf(buf, cap, "%s", json_is_true(j) ? "true" : "false");
	return buf;
}

bool
json_r_is_obj(const struct json_r *r)
{
	return json_is_object(j_of(r));
}

bool
json_r_is_arr(const struct json_r *r)
{
	return json_is_array(j_of(r));
}

void
json_w_value(struct json_w *w, const struct json_r *v)
{
	char *text = json_dumps(j_of(v), JSON_COMPACT | JSON_ENCODE_ANY |
	    JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15));

	if (text == NULL)
		abort();
	w_begin(w, NULL);
	w_put(w, text, strlen(text));
	free(text);
}

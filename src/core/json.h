/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * JSON: a streaming writer of our own (nothing per value on the heap) and a
 * reader over jansson (the only user of it).
 */
#ifndef PMIP_JSON_H
#define PMIP_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_r;

/* Growing text buffer; aborts when out of memory. */
struct json_w {
	char *buf;
	size_t len, cap;
	bool comma;		/* the next value needs one before it */
};

void json_w_init(struct json_w *w);
void json_w_done(struct json_w *w);
void json_w_reset(struct json_w *w);
/* `key` is NULL inside arrays and for the outermost value. */
void json_w_obj(struct json_w *w, const char *key);
void json_w_obj_end(struct json_w *w);
void json_w_arr(struct json_w *w, const char *key);
void json_w_arr_end(struct json_w *w);
void json_w_str(struct json_w *w, const char *key, const char *v);
/* Octets of a peer: not valid UTF-8 becomes \u00XX per octet. */
void json_w_strn(struct json_w *w, const char *key, const void *v, size_t n);
void json_w_u(struct json_w *w, const char *key, uint64_t v);
void json_w_i(struct json_w *w, const char *key, int64_t v);
/* Seconds with millisecond resolution from microseconds. */
void json_w_sec(struct json_w *w, const char *key, int64_t usec);
void json_w_bool(struct json_w *w, const char *key, bool v);
void json_w_null(struct json_w *w, const char *key);
/* A value that was read, compact and in ASCII: the text of a peer may end on
 * a terminal. */
void json_w_value(struct json_w *w, const struct json_r *v);
/* End a line behind an outermost value; another one may follow. */
void json_w_newline(struct json_w *w);

/* A parsed value is opaque. */

/* NULL on malformed text (message into err, may be NULL). */
struct json_r *json_r_parse(const char *text, size_t len, char *err,
    size_t errcap);
void json_r_free(struct json_r *r);
/* Borrowed members; NULL when absent or of another type. */
const struct json_r *json_r_get(const struct json_r *r, const char *key);
const char *json_r_str(const struct json_r *r, const char *key);
/* def when absent or not an integer. */
int64_t json_r_int(const struct json_r *r, const char *key, int64_t def);
bool json_r_bool(const struct json_r *r, const char *key, bool def);
size_t json_r_len(const struct json_r *r);			/* array */
const struct json_r *json_r_at(const struct json_r *r, size_t i);
/* Iterate an object: *iter starts NULL; false at the end. */
bool json_r_each(const struct json_r *r, void **iter, const char **ret_key,
    const struct json_r **ret_val);
/* The value itself as text: strings bare, numbers, true/false, "" for null. */
const char *json_r_text(const struct json_r *r, char *buf, size_t cap);
bool json_r_is_obj(const struct json_r *r);
bool json_r_is_arr(const struct json_r *r);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Items as tables: one row each, the keys as headings.  Up to HELD rows are
 * held back to find the widths of the columns; behind them the widths stay, so
 * that a million rows need no memory.
 *
 * Much of the text was chosen by a peer (identifiers above all), and the
 * terminal obeys what is printed on it: only text that merely looks like
 * itself goes there, the rest as the number of its character.
 */
#include "ctl/ctl_client.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/util.h"

#define HELD 1000
#define COLUMNS_MAX 24
#define CELL_MAX 1600		/* the longest NAI, all of it escaped */

struct table {
	char *head[COLUMNS_MAX];
	size_t width[COLUMNS_MAX];
	size_t ncol;
	char **cells;			/* HELD * COLUMNS_MAX, escaped */
	size_t nrow;
	bool head_printed;
};

static void *
need(void *p)
{
	if (p == NULL) {
		fputs("pmipctl: out of memory\n", stderr);
		exit(1);
	}
	return p;
}

struct table *
table_new(void)
{
	struct table *t = need(calloc(1, sizeof(*t)));

	t->cells = need(calloc(HELD * COLUMNS_MAX, sizeof(*t->cells)));
	return t;
}

static void
forget_head(struct table *t)
{
	for (size_t i = 0; i < t->ncol; i++)
		free(t->head[i]);
	t->ncol = 0;
	t->head_printed = false;
}

void
table_free(struct table *t)
{
	table_flush(t);
	forget_head(t);
	free(t->cells);
	free(t);
}

/*
 * The character at s into *ret_c; returns how many octets it has.  What is no
 * UTF-8 counts as one octet, with *ret_c its negative.
 */
static size_t
next_char(const char *s, long *ret_c)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t len = *p < 0x80 ? 1 : *p >= 0xc2 && *p < 0xe0 ? 2 :
	    *p >= 0xe0 && *p < 0xf0 ? 3 : *p >= 0xf0 && *p < 0xf5 ? 4 : 0;
	long c = len < 2 ? *p : *p & (0x7f >> len);

	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80) {
			len = 0;
			break;
		}
		c = c << 6 | (p[i] & 0x3f);
	}
	*ret_c = len != 0 ? c : -(long)*p;
	return len != 0 ? len : 1;
}

/*
 * Would a terminal do something else than show it?  The control characters of
 * ASCII and of ISO 6429 (U+009B alone begins a sequence), what has no width,
 * and what turns the direction of writing.
 */
static bool
is_harmful(long c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad ||
	    (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	    (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
	    (c >= 0xe0000 && c <= 0xe0fff);
}

/* Escape into buf. */
static char *
safe_text(const char *s, char *buf, size_t cap)
{
	size_t n = 0;

	while (*s != '\0' && n + 12 < cap) {
		long c;
		size_t len = next_char(s, &c);

		if (!is_harmful(c)) {
			memcpy(buf + n, s, len);
			n += len;
		} else if (c < 0x80) {
			n += (size_t)snprintf(buf + n, cap - n, "\\x%02lx",
			    c < 0 ? -c : c);
		} else {
			n += (size_t)snprintf(buf + n, cap - n, c < 0x10000 ?
			    "\\u%04lx" : "\\U%08lx", c);
		}
		s += len;
	}
	buf[n] = '\0';
	return buf;
}

/* Columns of the terminal: characters, not octets. */
static size_t
text_width(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

void
print_safe(FILE *f, const char *s)
{
	char buf[64];
	long c;

	/* in pieces of whole characters, however long it is */
	while (*s != '\0') {
		char one[8] = { 0 };
		size_t len = next_char(s, &c);

		memcpy(one, s, len);
		fputs(safe_text(one, buf, sizeof(buf)), f);
		s += len;
	}
}

void
print_value(FILE *f, const char *s)
{
	if (*s != '\0' && strpbrk(s, " \t\"=\\") == NULL) {
		print_safe(f, s);
		return;
	}
	fputc('"', f);
	for (; *s != '\0'; s++) {
		char rest[5] = { 0 };
		long c;
		size_t len = next_char(s, &c);

		memcpy(rest, s, len);
		if (c == '"' || c == '\\')
			fputc('\\', f);
		print_safe(f, rest);
		s += len - 1;
	}
	fputc('"', f);
}

/* A value as one cell: lists with commas, nested objects as key=value. */
static void
cell_text(const struct json_r *v, char *buf, size_t cap)
{
	char num[48], inner[CELL_MAX];
	const struct json_r *val;
	void *iter = NULL;
	const char *key;
	size_t n = 0;

	buf[0] = '\0';
	if (json_r_is_arr(v)) {
		for (size_t i = 0; i < json_r_len(v) && n < cap; i++) {
			cell_text(json_r_at(v, i), inner, sizeof(inner));
			n += (size_t)snprintf(buf + n, cap - n, "%s%s",
			    i > 0 ? "," : "", inner);
		}
	} else if (json_r_is_obj(v)) {
		while (n < cap && json_r_each(v, &iter, &key, &val)) {
			cell_text(val, inner, sizeof(inner));
			n += (size_t)snprintf(buf + n, cap - n, "%s%s=%s",
			    n > 0 ? "," : "", key, inner);
		}
	} else {
		safe_text(json_r_text(v, num, sizeof(num)), buf, cap);
	}
	if (*buf == '\0')
		snprintf(buf, cap, "-");
}

static bool
same_keys(const struct table *t, const struct json_r *item)
{
	const struct json_r *val;
	void *iter = NULL;
	const char *key;
	size_t i = 0;

	while (json_r_each(item, &iter, &key, &val)) {
		if (i >= COLUMNS_MAX)
			break;
		if (i >= t->ncol || strcmp(t->head[i], key) != 0)
			return false;
		i++;
	}
	return i == t->ncol;
}

static void
take_head(struct table *t, const struct json_r *item)
{
	const struct json_r *val;
	void *iter = NULL;
	const char *key;

	forget_head(t);
	while (t->ncol < COLUMNS_MAX && json_r_each(item, &iter, &key, &val)) {
		t->width[t->ncol] = strlen(key);
		t->head[t->ncol++] = need(strdup(key));
	}
}

/* From the end of a cell to the next column. */
static void
pad(size_t width, size_t used)
{
	printf("%*s", (int)(width > used ? width - used : 0) + 2, "");
}

static void
print_head(const struct table *t)
{
	for (size_t i = 0; i < t->ncol; i++) {
		size_t n = strlen(t->head[i]);

		for (size_t k = 0; k < n; k++)
			putchar(t->head[i][k] == '_' ? '-' :
			    toupper((unsigned char)t->head[i][k]));
		if (i + 1 < t->ncol)
			pad(t->width[i], n);
	}
	putchar('\n');
}

void
table_flush(struct table *t)
{
	if (t->ncol > 0 && !t->head_printed && t->nrow > 0) {
		print_head(t);
		t->head_printed = true;
	}
	for (size_t r = 0; r < t->nrow; r++) {
		for (size_t i = 0; i < t->ncol; i++) {
			char **cell = &t->cells[r * COLUMNS_MAX + i];

			fputs(*cell, stdout);
			if (i + 1 < t->ncol)
				pad(t->width[i], text_width(*cell));
			free(*cell);
		}
		putchar('\n');
	}
	t->nrow = 0;
}

void
table_add(struct table *t, const struct json_r *item)
{
	const struct json_r *val;
	char text[CELL_MAX];
	void *iter = NULL;
	const char *key;
	size_t i = 0;

	if (!same_keys(t, item)) {
		table_flush(t);
		if (t->head_printed)
			putchar('\n');
		take_head(t, item);
	}
	while (i < t->ncol && json_r_each(item, &iter, &key, &val)) {
		cell_text(val, text, sizeof(text));
		if (!t->head_printed)
			t->width[i] = MAX_OF(t->width[i], text_width(text));
		t->cells[t->nrow * COLUMNS_MAX + i++] = need(strdup(text));
	}
	if (++t->nrow == HELD || t->head_printed)
		table_flush(t);
}

/* How wide the names of an object's members are. */
static int
key_width(const struct json_r *item)
{
	const struct json_r *val;
	void *iter = NULL;
	const char *key;
	size_t w = 0;

	while (json_r_each(item, &iter, &key, &val))
		w = MAX_OF(w, strlen(key));
	return (int)w;
}

void
table_details(const struct json_r *item, unsigned indent)
{
	int width = key_width(item);
	const struct json_r *val;
	char text[CELL_MAX];
	void *iter = NULL;
	const char *key;

	while (json_r_each(item, &iter, &key, &val)) {
		printf("%*s%s:", (int)indent, "", key);
		if (json_r_is_obj(val)) {
			putchar('\n');
			table_details(val, indent + 2);
		} else if (json_r_is_arr(val) && json_r_len(val) > 0 &&
		    json_r_is_obj(json_r_at(val, 0))) {
			putchar('\n');
			for (size_t i = 0; i < json_r_len(val); i++) {
				printf("%*s-\n", (int)indent + 2, "");
				table_details(json_r_at(val, i), indent + 4);
			}
		} else {
			cell_text(val, text, sizeof(text));
			printf("%*s%s\n", width - (int)strlen(key) + 1, "",
			    text);
		}
	}
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Items as tables: one row each, the keys as headings.  Up to HELD rows are
 * held back to find the widths of the columns; behind them the widths stay, so
 * that a million rows need no memory.
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
#define CELL_MAX 300

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

/* Escape into buf. */
static char *
safe_text(const char *s, char *buf, size_t cap)
{
	size_t n = 0;

	for (; *s != '\0' && n + 5 < cap; s++) {
		unsigned char c = (unsigned char)*s;

		if (c < 0x20 || c == 0x7f)
			n += (size_t)snprintf(buf + n, cap - n, "\\x%02x", c);
		else
			buf[n++] = *s;
	}
	buf[n] = '\0';
	return buf;
}

void
print_safe(const char *s)
{
	char buf[CELL_MAX * 4];

	fputs(safe_text(s, buf, sizeof(buf)), stdout);
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

static void
print_head(const struct table *t)
{
	for (size_t i = 0; i < t->ncol; i++) {
		size_t n = strlen(t->head[i]);

		for (size_t k = 0; k < n; k++)
			putchar(t->head[i][k] == '_' ? '-' :
			    toupper((unsigned char)t->head[i][k]));
		if (i + 1 < t->ncol)
			printf("%*s", (int)(t->width[i] - n + 2), "");
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

			if (i + 1 < t->ncol)
				printf("%-*s  ", (int)t->width[i], *cell);
			else
				fputs(*cell, stdout);
			free(*cell);
		}
		putchar('\n');
	}
	t->nrow = 0;
	fflush(stdout);
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
			t->width[i] = MAX_OF(t->width[i], strlen(text));
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

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configuration by schema tables, with a table that has every type.  Each
 * tests/unit/cfg_types/NAME.in is loaded; NAME.ok is what it prints as,
 * NAME.err the exact messages.  What is printed must load again and print the
 * same.
 */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/addr.h"
#include "core/arena.h"
#include "core/cfg.h"
#include "core/clock.h"
#include "core/json.h"
#include "suite.h"

#define DIR_NAME "tests/unit/cfg_types"

struct item {
	struct cfg_where at;
	const char *name;
	uint32_t weight;
};

struct deep {
	struct cfg_where at;
	bool on;
};

struct toy {
	struct cfg_where at;
	bool flag;
	uint32_t number;
	int64_t wait;
	uint64_t room;
	int colour;
	uint32_t days;
	const char *text, *path, *ifname, *nai;
	struct in6_addr address, any;
	struct prefix prefix;
	struct mac mac;
	struct cfg_list macs;
	struct cfg_list items;
	struct deep deep;
	struct deep maybe;
};

static const char *const colours[] = { "red", "green", "blue", NULL };
static const char *const days[] = { "monday", "tuesday", "sunday", NULL };

#define F(st, k, ty, member, ...) { .key = (k), .type = (ty), \
	.off = offsetof(struct st, member), __VA_ARGS__ }

static const struct cfg_field item_fields[] = {
	F(item, "name", CFG_STRING, name, .flags = CFG_F_REQUIRED |
	    CFG_F_UNIQUE),
	F(item, "weight", CFG_UINT, weight, .min = 1, .max = 9, .def = "5"),
	{ .key = NULL },
};
static const struct cfg_table item_table = { .name = "item",
	.size = sizeof(struct item), .fields = item_fields };

static const struct cfg_field deep_fields[] = {
	F(deep, "on", CFG_BOOL, on, .flags = CFG_F_REQUIRED | CFG_F_RESTART),
	{ .key = NULL },
};
static const struct cfg_table deep_table = { .name = "deep",
	.size = sizeof(struct deep), .fields = deep_fields };

static const struct cfg_field toy_fields[] = {
	F(toy, "flag", CFG_BOOL, flag, .def = "no"),
	F(toy, "number", CFG_UINT, number, .min = 10, .max = 20, .def = "12"),
	F(toy, "wait", CFG_DURATION, wait, .min = 1000,
	    .max = 3600 * USEC_PER_SEC, .def = "1500ms"),
	F(toy, "room", CFG_SIZE, room, .min = 1024, .max = 1 << 30,
	    .def = "8MiB"),
	F(toy, "colour", CFG_ENUM, colour, .names = colours, .def = "green"),
	F(toy, "days", CFG_FLAGS, days, .names = days,
	    .def = "monday, sunday"),
	F(toy, "text", CFG_STRING, text),
	F(toy, "path", CFG_PATH, path),
	F(toy, "ifname", CFG_IFNAME, ifname),
	F(toy, "nai", CFG_NAI, nai),
	F(toy, "address", CFG_IN6, address),
	F(toy, "any", CFG_IN6, any, .flags = CFG_F_ANYADDR),
	F(toy, "prefix", CFG_PREFIX, prefix),
	F(toy, "mac", CFG_MAC, mac),
	F(toy, "macs", CFG_SCALARS, macs, .elem = CFG_MAC, .max = 3,
	    .flags = CFG_F_UNIQUE),
	F(toy, "items", CFG_LIST, items, .table = &item_table, .max = 4),
	F(toy, "deep", CFG_MAP, deep, .table = &deep_table,
	    .flags = CFG_F_REQUIRED),
	F(toy, "maybe", CFG_MAP, maybe, .table = &deep_table,
	    .flags = CFG_F_OPTIONAL),
	{ .key = NULL },
};

static void
toy_check(struct cfg_ctx *c, void *conf)
{
	const struct toy *t = conf;

	if (t->number == 13)
		cfg_error(c, &t->at, "number", "number: 13 brings bad luck");
}

static const struct cfg_table toy_table = { .name = "toy",
	.size = sizeof(struct toy), .fields = toy_fields, .check = toy_check };

/* The file's text, malloc; NULL when there is none. */
static char *
slurp(const char *path, size_t *ret_len)
{
	FILE *f = fopen(path, "r");
	char *buf;

	if (f == NULL)
		return NULL;
	buf = calloc(1, 65536);
	ck_assert_ptr_nonnull(buf);
	*ret_len = fread(buf, 1, 65535, f);
	fclose(f);
	return buf;
}

static char *
print(const void *conf)
{
	char *buf = NULL;
	size_t len;
	FILE *f = open_memstream(&buf, &len);

	cfg_print_yaml(f, &toy_table, conf);
	fclose(f);
	return buf;
}

/* Load `text`; print it, or the messages. */
static char *
load(const char *name, const char *text, size_t len, int *ret)
{
	struct arena *a = arena_new();
	struct cfg_errors errs = { 0 };
	void *conf;
	char *out;

	*ret = cfg_load_text(name, text, len, &toy_table, a, &conf, &errs);
	out = *ret == 0 ? print(conf) : strdup(errs.text);
	ck_assert_uint_eq(*ret == 0, errs.n == 0);
	cfg_errors_done(&errs);
	arena_free(a);
	return out;
}

static void
one_pair(const char *base)
{
	char path[300];
	size_t len, want_len;
	char *in, *want, *got, *again;
	int r, bad;

	snprintf(path, sizeof(path), DIR_NAME "/%s.in", base);
	in = slurp(path, &len);
	snprintf(path, sizeof(path), DIR_NAME "/%s.err", base);
	want = slurp(path, &want_len);
	bad = want != NULL;
	if (!bad) {
		snprintf(path, sizeof(path), DIR_NAME "/%s.ok", base);
		want = slurp(path, &want_len);
	}
	ck_assert_msg(want != NULL, "%s has neither .ok nor .err", base);
	snprintf(path, sizeof(path), "%s.in", base);
	got = load(path, in, len, &r);
	ck_assert_msg(strcmp(got, want) == 0, "%s: got\n%s\nwanted\n%s", base,
	    got, want);
	ck_assert_int_eq(r, bad ? -EINVAL : 0);
	if (!bad) {
		again = load(path, got, strlen(got), &r);
		ck_assert_str_eq(again, got);
		free(again);
	}
	free(got);
	free(want);
	free(in);
}

START_TEST(test_pairs)
{
	DIR *d = opendir(DIR_NAME);
	unsigned n = 0;
	struct dirent *e;

	ck_assert_msg(d != NULL, "run from the top of the tree");
	while ((e = readdir(d)) != NULL) {
		char *dot = strrchr(e->d_name, '.');

		if (dot == NULL || strcmp(dot, ".in") != 0)
			continue;
		*dot = '\0';
		one_pair(e->d_name);
		n++;
	}
	closedir(d);
	ck_assert_uint_ge(n, 25);
}
END_TEST

START_TEST(test_values)
{
	static const char text[] = "deep: {on: yes}\nwait: 2m\nroom: 64KiB\n"
	    "colour: blue\ndays: [tuesday]\nany: \"::1\"\n"
	    "prefix: 2001:db8::/32\nmacs: [\"02:00:00:00:00:0a\"]\n";
	struct arena *a = arena_new();
	struct cfg_errors errs = { 0 };
	const struct toy *t;
	struct json_w w;
	void *conf;

	ck_assert_int_eq(cfg_load_text("x", text, strlen(text), &toy_table, a,
	    &conf, &errs), 0);
	t = conf;
	ck_assert(!t->flag && t->number == 12);
	ck_assert_int_eq(t->wait, 120 * USEC_PER_SEC);
	ck_assert_uint_eq(t->room, 65536);
	ck_assert_int_eq(t->colour, 2);
	ck_assert_uint_eq(t->days, 1 << 1);
	ck_assert_uint_eq(t->prefix.len, 32);
	ck_assert_uint_eq(t->macs.n, 1);
	ck_assert_uint_eq(((const struct mac *)t->macs.v)[0].b[5], 10);
	ck_assert(t->deep.on && t->maybe.at.line == 0);
	ck_assert_ptr_null(t->text);
	json_w_init(&w);
	json_w_obj(&w, NULL);
	cfg_print_json(&w, &toy_table, conf);
	json_w_obj_end(&w);
	ck_assert_ptr_nonnull(strstr(w.buf, "\"colour\":\"blue\""));
	ck_assert_ptr_nonnull(strstr(w.buf, "\"text\":null"));
	json_w_done(&w);
	arena_free(a);
}
END_TEST

START_TEST(test_restart)
{
	static const char a_text[] = "deep: {on: yes}\nnumber: 11\n";
	static const char b_text[] = "deep: {on: yes}\nnumber: 14\n";
	static const char c_text[] = "deep: {on: no}\n";
	struct arena *arena = arena_new();
	struct cfg_errors errs = { 0 };
	void *a, *b, *c;
	char key[64];

	cfg_load_text("a", a_text, strlen(a_text), &toy_table, arena, &a,
	    &errs);
	cfg_load_text("b", b_text, strlen(b_text), &toy_table, arena, &b,
	    &errs);
	cfg_load_text("c", c_text, strlen(c_text), &toy_table, arena, &c,
	    &errs);
	ck_assert_uint_eq(errs.n, 0);
	ck_assert(!cfg_needs_restart(&toy_table, a, b, key, sizeof(key)));
	ck_assert(cfg_needs_restart(&toy_table, a, c, key, sizeof(key)));
	ck_assert_str_eq(key, "deep.on");
	arena_free(arena);
}
END_TEST

START_TEST(test_missing_file)
{
	struct arena *a = arena_new();
	struct cfg_errors errs = { 0 };
	void *conf;

	ck_assert_int_eq(cfg_load("/nonexistent/x.yaml", &toy_table, a, &conf,
	    &errs), -ENOENT);
	ck_assert_str_eq(errs.text, "/nonexistent/x.yaml:1:1: error: cannot "
	    "read the file: No such file or directory\n");
	cfg_errors_done(&errs);
	arena_free(a);
}
END_TEST

/* Depth is bounded, whatever a file asks for. */
START_TEST(test_deep_nesting)
{
	char *text = malloc(20001), *out;
	int r;

	memset(text, '[', 10000);
	memset(text + 10000, ']', 10000);
	out = load("deep", text, 20000, &r);
	ck_assert_int_eq(r, -EINVAL);
	ck_assert_ptr_nonnull(strstr(out, "nested deeper than 32"));
	free(out);
	free(text);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("cfg_types");
	TCase *tc = tcase_create("cfg");

	tcase_add_test(tc, test_pairs);
	tcase_add_test(tc, test_values);
	tcase_add_test(tc, test_restart);
	tcase_add_test(tc, test_missing_file);
	tcase_add_test(tc, test_deep_nesting);
	suite_add_tcase(s, tc);
	return suite_run(s);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configuration: every tests/unit/cfg/NAME.in is read with the table below.
 * NAME.ok is what cfg_print_yaml() makes of it, and that must read as the
 * same again; NAME.err is every message, to the letter.  The example
 * configurations are read with the tables of the daemon.
 */
#include <check.h>
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "core/addr.h"
#include "core/arena.h"
#include "core/cfg.h"
#include "core/json.h"
#include "core/util.h"
#include "daemon_conf.h"
#include "policy/policy.h"
#include "suite.h"

/* --- a table with every type ------------------------------------------- */

struct peer {
	struct cfg_where at;
	const char *name;
	struct in6_addr address;
	uint32_t weight;
	struct cfg_list macs;
};

struct limits {
	struct cfg_where at;
	uint32_t low, high;
};

struct extra {
	struct cfg_where at;
	const char *file;
	bool on;
};

struct conf {
	struct cfg_where at;
	bool flag;
	uint32_t number;
	int64_t wait;
	uint64_t room;
	int colour;
	uint32_t events;
	const char *text, *path, *ifname, *nai, *key;
	struct in6_addr address, any;
	struct prefix prefix;
	struct mac mac;
	struct limits limits;
	struct extra extra;
	struct cfg_list peers, ports, addresses;
};

static const char *const colours[] = { "red", "green", "blue", NULL };
static const char *const events[] = { "carrier", "neighbour", "control",
	NULL };

#define F(st, k, ty, member, ...) \
	{ .key = (k), .type = (ty), .off = offsetof(struct st, member), \
	  __VA_ARGS__ }

static const struct cfg_field peer_fields[] = {
	F(peer, "name", CFG_STRING, name, .flags = CFG_F_UNIQUE),
	F(peer, "address", CFG_IN6, address,
	    .flags = CFG_F_REQUIRED | CFG_F_UNIQUE),
	F(peer, "weight", CFG_UINT, weight, .def = "1", .min = 1, .max = 10),
	F(peer, "mac", CFG_SCALARS, macs, .elem = CFG_MAC, .max = 2),
	{ .key = NULL },
};
static const struct cfg_table peer_table = {
	.name = "peer", .size = sizeof(struct peer), .fields = peer_fields,
};

static void
check_limits(struct cfg_ctx *c, void *conf)
{
	const struct limits *l = conf;

	if (l->low > l->high)
		cfg_error(c, &l->at, "high", "high: below low (%u)", l->low);
}

static const struct cfg_field limits_fields[] = {
	F(limits, "low", CFG_UINT, low, .def = "1"),
	F(limits, "high", CFG_UINT, high, .def = "100",
	    .flags = CFG_F_RESTART),
	{ .key = NULL },
};
static const struct cfg_table limits_table = {
	.name = "limits", .size = sizeof(struct limits),
	.fields = limits_fields, .check = check_limits,
};

static const struct cfg_field extra_fields[] = {
	F(extra, "file", CFG_PATH, file, .flags = CFG_F_REQUIRED),
	F(extra, "on", CFG_BOOL, on, .def = "yes"),
	{ .key = NULL },
};
static const struct cfg_table extra_table = {
	.name = "extra", .size = sizeof(struct extra), .fields = extra_fields,
};

static const struct cfg_field conf_fields[] = {
	F(conf, "flag", CFG_BOOL, flag, .def = "no"),
	F(conf, "number", CFG_UINT, number, .def = "7", .min = 1,
	    .max = 1000),
	F(conf, "wait", CFG_DURATION, wait, .def = "5s", .min = 1000,
	    .max = 3600000000, .flags = CFG_F_RESTART),
	F(conf, "room", CFG_SIZE, room, .def = "8MiB", .min = 512,
	    .max = 1 << 30),
	F(conf, "colour", CFG_ENUM, colour, .names = colours,
	    .def = "green"),
	F(conf, "events", CFG_FLAGS, events, .names = events,
	    .def = "carrier, control"),
	F(conf, "text", CFG_STRING, text),
	F(conf, "path", CFG_PATH, path, .def = "/run/x"),
	F(conf, "interface", CFG_IFNAME, ifname),
	F(conf, "nai", CFG_NAI, nai),
	F(conf, "key", CFG_STRING, key, .flags = CFG_F_SECRET),
	F(conf, "address", CFG_IN6, address),
	F(conf, "any-address", CFG_IN6, any, .flags = CFG_F_ANYADDR),
	F(conf, "prefix", CFG_PREFIX, prefix),
	F(conf, "mac", CFG_MAC, mac),
	F(conf, "limits", CFG_MAP, limits, .table = &limits_table),
	F(conf, "extra", CFG_MAP, extra, .table = &extra_table,
	    .flags = CFG_F_OPTIONAL),
	F(conf, "peers", CFG_LIST, peers, .table = &peer_table, .max = 4,
	    .flags = CFG_F_RESTART),
	F(conf, "ports", CFG_SCALARS, ports, .elem = CFG_UINT, .max = 3),
	F(conf, "addresses", CFG_SCALARS, addresses, .elem = CFG_IN6,
	    .flags = CFG_F_UNIQUE),
	{ .key = NULL },
};
static const struct cfg_table conf_table = {
	.name = "the test", .size = sizeof(struct conf),
	.fields = conf_fields,
};

/* --- pairs of files ---------------------------------------------------- */

static char *
slurp(const char *path, size_t *ret_len)
{
	FILE *f = fopen(path, "r");
	char *buf = calloc(1, 1 << 16);
	size_t n;

	ck_assert_msg(f != NULL, "%s: %s", path, strerror(errno));
	n = fread(buf, 1, (1 << 16) - 1, f);
	fclose(f);
	if (ret_len != NULL)
		*ret_len = n;
	return buf;
}

static char *
printed(const struct cfg_table *t, const void *conf)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	cfg_print_yaml(f, t, conf);
	fclose(f);
	return text;
}

/* NAME.in -> NAME.suffix (malloc). */
static char *
sibling(const char *in, const char *suffix)
{
	char *s;

	ck_assert_int_gt(asprintf(&s, "%.*s%s", (int)strlen(in) - 3, in,
	    suffix), 0);
	return s;
}

static void
good_pair(const char *in, const char *got, struct arena *a)
{
	struct cfg_errors errs = { 0 };
	char *ok = sibling(in, ".ok"), *want = slurp(ok, NULL), *again;
	void *conf;

	ck_assert_msg(strcmp(got, want) == 0, "%s:\n%s", ok, got);
	/* what is printed means the same */
	ck_assert_msg(cfg_load_text("again", got, strlen(got), &conf_table, a,
	    &conf, &errs) == 0, "%s: %s", ok, errs.text);
	again = printed(&conf_table, conf);
	ck_assert_str_eq(got, again);
	free(again);
	free(want);
	free(ok);
}

static void
one_pair(const char *in)
{
	struct cfg_errors errs = { 0 };
	struct arena *a = arena_new();
	char *err = sibling(in, ".err"), *text, *want, *got;
	size_t len;
	void *conf = NULL;
	int r;

	text = slurp(in, &len);
	r = cfg_load_text(strrchr(in, '/') + 1, text, len, &conf_table, a,
	    &conf, &errs);
	if (r == 0) {
		ck_assert_uint_eq(errs.n, 0);
		got = printed(&conf_table, conf);
		good_pair(in, got, a);
		free(got);
	} else {
		ck_assert_int_eq(r, -EINVAL);
		ck_assert_uint_gt(errs.n, 0);
		want = slurp(err, NULL);
		ck_assert_msg(strcmp(errs.text, want) == 0, "%s:\n%s", err,
		    errs.text);
		free(want);
	}
	free(text);
	free(err);
	cfg_errors_done(&errs);
	arena_free(a);
}

START_TEST(test_pairs)
{
	glob_t g;

	ck_assert_int_eq(glob("tests/unit/cfg/*.in", 0, NULL, &g), 0);
	ck_assert_uint_ge(g.gl_pathc, 25);
	for (size_t i = 0; i < g.gl_pathc; i++)
		one_pair(g.gl_pathv[i]);
	globfree(&g);
}
END_TEST

/* --- what the pairs do not show ---------------------------------------- */

static struct conf *
load(struct arena *a, const char *text)
{
	struct cfg_errors errs = { 0 };
	void *conf = NULL;
	int r = cfg_load_text("t", text, strlen(text), &conf_table, a, &conf,
	    &errs);

	ck_assert_msg(r == 0, "%s", errs.text);
	return conf;
}

START_TEST(test_values)
{
	struct arena *a = arena_new();
	struct conf *c = load(a, "wait: 2m\nroom: 64KiB\ncolour: blue\n"
	    "events: [neighbour]\nflag: on\nextra: {file: /x}\n"
	    "ports: [1, 70000]\n");

	ck_assert_int_eq(c->wait, 120000000);
	ck_assert_uint_eq(c->room, 65536);
	ck_assert_int_eq(c->colour, 2);
	ck_assert_uint_eq(c->events, 2);
	ck_assert(c->flag);
	ck_assert_uint_eq(c->at.line, 1);
	ck_assert_uint_eq(c->extra.at.line, 6);
	ck_assert(c->extra.on);
	ck_assert_uint_eq(c->ports.n, 2);
	ck_assert_uint_eq(((uint32_t *)c->ports.v)[1], 70000);
	ck_assert_str_eq(c->path, "/run/x");
	ck_assert_ptr_null(c->text);

	c = load(a, "");
	ck_assert_uint_eq(c->number, 7);
	ck_assert_uint_eq(c->events, 5);
	ck_assert_uint_eq(c->limits.high, 100);
	/* an optional map that is absent stays zeroed */
	ck_assert_uint_eq(c->extra.at.line, 0);
	ck_assert(!c->extra.on);
	arena_free(a);
}
END_TEST

static bool
restart(struct arena *a, const char *was, const char *is, char *buf,
    size_t cap)
{
	return cfg_needs_restart(&conf_table, load(a, was), load(a, is), buf,
	    cap);
}

START_TEST(test_restart)
{
	struct arena *a = arena_new();
	char b[64];

	ck_assert(!restart(a, "number: 3\n", "number: 4\n", b, sizeof(b)));
	ck_assert(!restart(a, "wait: 60s\n", "wait: 1m\n", b, sizeof(b)));
	ck_assert(restart(a, "", "wait: 6s\n", b, sizeof(b)));
	ck_assert_str_eq(b, "wait");
	ck_assert(restart(a, "", "limits: {high: 5}\n", b, sizeof(b)));
	ck_assert_str_eq(b, "limits.high");
	ck_assert(!restart(a, "", "limits: {low: 5}\n", b, sizeof(b)));
	ck_assert(restart(a, "", "peers: [{address: 2001:db8::1}]\n", b,
	    sizeof(b)));
	ck_assert_str_eq(b, "peers");
	ck_assert(restart(a, "peers: [{address: 2001:db8::1}]\n",
	    "peers: [{address: 2001:db8::1, weight: 2}]\n", b, sizeof(b)));
	ck_assert(!restart(a, "peers: [{address: 2001:db8::1}]\n",
	    "peers: [{address: 2001:DB8:0::1}]\n", b, sizeof(b)));
	arena_free(a);
}
END_TEST

START_TEST(test_json)
{
	struct arena *a = arena_new();
	struct conf *c = load(a, "key: hunter2\ntext: 'a\"b'\n");
	struct json_w w;

	json_w_init(&w);
	json_w_obj(&w, NULL);
	cfg_print_json(&w, &conf_table, c);
	json_w_obj_end(&w);
	ck_assert_ptr_nonnull(strstr(w.buf, "\"key\":\"***\""));
	ck_assert_ptr_null(strstr(w.buf, "hunter2"));
	ck_assert_ptr_nonnull(strstr(w.buf, "\"text\":\"a\\\"b\""));
	ck_assert_ptr_nonnull(strstr(w.buf, "\"wait\":\"5s\""));
	ck_assert_ptr_nonnull(strstr(w.buf,
	    "\"events\":[\"carrier\",\"control\"]"));
	ck_assert_ptr_null(strstr(w.buf, "extra"));
	json_w_done(&w);
	arena_free(a);
}
END_TEST

START_TEST(test_file)
{
	struct cfg_errors errs = { 0 };
	struct arena *a = arena_new();
	void *conf;

	ck_assert_int_eq(cfg_load("/nonexistent/x.yaml", &conf_table, a,
	    &conf, &errs), -ENOENT);
	ck_assert_str_eq(errs.text, "/nonexistent/x.yaml:1:1: error: cannot "
	    "read the file: No such file or directory\n");
	cfg_errors_done(&errs);
	ck_assert_int_eq(cfg_load("/dev/zero", &conf_table, a, &conf, &errs),
	    -EFBIG);
	cfg_errors_done(&errs);
	ck_assert_int_lt(cfg_load("/", &conf_table, a, &conf, &errs), 0);
	ck_assert_uint_eq(errs.n, 1);
	cfg_errors_done(&errs);
	arena_free(a);
}
END_TEST

/* A hundred messages, however many there are. */
START_TEST(test_many_errors)
{
	struct cfg_errors errs = { 0 };
	struct arena *a = arena_new();
	char *text = NULL;
	size_t len, lines = 0;
	FILE *f = open_memstream(&text, &len);
	void *conf;

	for (int i = 0; i < 20000; i++)
		fprintf(f, "x%d: 1\n", i);
	fclose(f);
	ck_assert_int_eq(cfg_load_text("t", text, len, &conf_table, a, &conf,
	    &errs), -EINVAL);
	ck_assert_uint_eq(errs.n, 20000);
	for (const char *p = errs.text; *p != '\0'; p++)
		lines += *p == '\n';
	ck_assert_uint_eq(lines, 101);
	ck_assert_ptr_nonnull(strstr(errs.text, "further errors"));
	cfg_errors_done(&errs);
	free(text);
	arena_free(a);
}
END_TEST

/* Texts that cannot stand in a file of pairs. */
START_TEST(test_binary)
{
	static const struct { const char *text; size_t len; } bad[] = {
		{ "text: \"a\\0b\"\n", 13 },	/* NUL by escape */
		{ "text: \xff\xfe\n", 9 },	/* not UTF-8 */
		{ "te\0xt: a\n", 9 },
		{ "&a x\n", 5 },
		{ "*a\n", 3 },
	};
	struct arena *a = arena_new();

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct cfg_errors errs = { 0 };
		void *conf;

		ck_assert_msg(cfg_load_text("t", bad[i].text, bad[i].len,
		    &conf_table, a, &conf, &errs) == -EINVAL, "%zu", i);
		ck_assert_uint_gt(errs.n, 0);
		cfg_errors_done(&errs);
	}
	arena_free(a);
}
END_TEST

/* Strange texts survive being printed and read. */
START_TEST(test_text_survives)
{
	static const char *const texts[] = {
		"\"\\n\"", "\"a\\tb\\x01\\x7f\"", "'# no comment'", "'a: b'",
		"\"- x\"", "'~'", "'null'", "\"\\u00e4\\u2028\\x85\"", "'%x'",
		"' lead'", "'trail '", "'a  b'", "\"a\\\\\"", "'{'", "'@'",
		"\"\\U0001f600\\ufeff\"",
	};
	struct arena *a = arena_new();

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		char in[64];
		struct conf *c, *d;
		char *out;

		snprintf(in, sizeof(in), "text: %s\n", texts[i]);
		c = load(a, in);
		out = printed(&conf_table, c);
		d = load(a, out);
		ck_assert_msg(strcmp(c->text, d->text) == 0, "%s", in);
		free(out);
	}
	arena_free(a);
}
END_TEST

START_TEST(test_mdoc)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	cfg_print_mdoc(f, &conf_table);
	fclose(f);
	for (const struct cfg_field *k = conf_fields; k->key != NULL; k++) {
		char item[64];

		snprintf(item, sizeof(item), "\n.It Cm %s : Ar ", k->key);
		ck_assert_msg(strstr(text, item) != NULL, "%s", k->key);
	}
	ck_assert_ptr_nonnull(strstr(text, "From 1ms to 1h.\nDefault: 5s."));
	ck_assert_ptr_nonnull(strstr(text, "Must be given."));
	free(text);
}
END_TEST

/* --- the real tables --------------------------------------------------- */

static void
example(const char *path, const struct cfg_table *t)
{
	struct cfg_errors errs = { 0 };
	struct arena *a = arena_new();
	void *conf;
	char *once, *twice;
	int r = cfg_load(path, t, a, &conf, &errs);

	ck_assert_msg(r == 0, "%s", errs.text);
	once = printed(t, conf);
	r = cfg_load_text("printed", once, strlen(once), t, a, &conf, &errs);
	ck_assert_msg(r == 0, "%s", errs.text);
	twice = printed(t, conf);
	ck_assert_str_eq(once, twice);
	free(once);
	free(twice);
	arena_free(a);
}

START_TEST(test_examples)
{
	example("etc/pmipd-ha.yaml", &main_conf_table);
	example("etc/pmipd-pma.yaml", &main_conf_table);
	example("etc/policy.yaml", &policy_file_table);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("cfg");
	TCase *tc = tcase_create("cfg");

	tcase_add_test(tc, test_pairs);
	tcase_add_test(tc, test_values);
	tcase_add_test(tc, test_restart);
	tcase_add_test(tc, test_json);
	tcase_add_test(tc, test_file);
	tcase_add_test(tc, test_many_errors);
	tcase_add_test(tc, test_binary);
	tcase_add_test(tc, test_text_survives);
	tcase_add_test(tc, test_mdoc);
	tcase_add_test(tc, test_examples);
	suite_add_tcase(s, tc);
	return suite_run(s);
}

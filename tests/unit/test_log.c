/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Log lines: format, what a peer's text becomes, levels, sinks, length.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/addr.h"
#include "core/clock.h"
#include "core/log.h"
#include "suite.h"

static int fds[2];
static struct log *l;
static char line[8192];

static int64_t
fake_now(void *ctx)
{
	(void)ctx;
	return 1700000000LL * USEC_PER_SEC + 7999;
}

static const struct clock fake = { .mono_us = fake_now, .wall_us = fake_now };

static void
setup(void)
{
	ck_assert_int_eq(pipe(fds), 0);
	l = log_new(&fake);
	log_to_fd(l, fds[1], false);
}

static void
teardown(void)
{
	log_free(l);
	log_free(NULL);
	close(fds[0]);
	close(fds[1]);
}

/* What has been written since; "" for nothing. */
static const char *
written(void)
{
	ssize_t n;

	ck_assert_int_eq(write(fds[1], "", 1), 1);	/* never waits */
	n = read(fds[0], line, sizeof(line));
	ck_assert_int_ge(n, 1);
	ck_assert_int_eq(line[n - 1], '\0');
	return line;
}

START_TEST(test_types)
{
	struct in6_addr a6 = { .s6_addr = { 0x20, 0x01, 0x0d, 0xb8,
		[15] = 1 } };
	struct in_addr a4 = { .s_addr = htonl(0xc0000201) };
	struct mac m = { { 2, 0, 0, 0, 0xab, 1 } };
	struct prefix p;

	prefix_from_in6(&p, &a6, 64);
	log_info(l, "ha", "x", KV_STR("s", "plain"), KV_U("u", UINT64_MAX),
	    KV_I("i", INT64_MIN), KV_IN6("a6", &a6), KV_IN4("a4", &a4),
	    KV_PREFIX("p", &p), KV_MAC("m", &m), KV_BOOL("b", true),
	    KV_BOOL("c", false), KV_ERR(-ENOENT));
	ck_assert_str_eq(written(), "lvl=info mod=ha ev=x s=plain "
	    "u=18446744073709551615 i=-9223372036854775808 a6=2001:db8::1 "
	    "a4=192.0.2.1 p=2001:db8::/64 m=02:00:00:00:ab:01 b=yes c=no "
	    "err=ENOENT\n");
}
END_TEST

/* Nothing of a peer can look like another key, or another line. */
START_TEST(test_escaping)
{
	static const struct { const char *in; size_t n; const char *out; } t[] =
	{
		{ "a b", 3, "\"a b\"" },
		{ "", 0, "\"\"" },
		{ "a=b", 3, "\"a=b\"" },
		{ "\"\\", 2, "\"\\\"\\\\\"" },
		{ "x\ny\0z", 5, "\"x\\x0ay\\x00z\"" },
		{ "\xc3\xa4\x7f\x1b[2J", 7,
		    "\"\\xc3\\xa4\\x7f\\x1b[2J\"" },
		{ "mn1@example.com", 15, "mn1@example.com" },
		{ "mn1 and more", 3, "mn1" },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		char want[128];

		log_warn(l, "m", "e", KV_STRN("k", t[i].in, t[i].n));
		snprintf(want, sizeof(want), "lvl=warn mod=m ev=e k=%s\n",
		    t[i].out);
		ck_assert_str_eq(written(), want);
	}
	log_warn(l, "m", "e", KV_STR("k", NULL), KV_STRN("n", NULL, 5));
	ck_assert_str_eq(written(), "lvl=warn mod=m ev=e k=\"\" n=\"\"\n");
}
END_TEST

/* Far too much: cut, one line, ended as every line is. */
START_TEST(test_length)
{
	char big[3000], tiny[8];
	struct kv kv[20];

	memset(big, '\n', sizeof(big));
	for (unsigned i = 0; i < 20; i++)
		kv[i] = KV_STRN("key", big, sizeof(big));
	log_emit(l, LOG_LVL_ERR, "m", "e", kv, 20);
	ck_assert_uint_le(strlen(written()), 4096);
	ck_assert_int_eq(line[strlen(line) - 1], '\n');
	ck_assert_ptr_eq(strchr(line, '\n'), line + strlen(line) - 1);
	/* a small buffer is not overrun (sanitizer), and holds whole escapes */
	kv_text(&kv[0], tiny, sizeof(tiny));
	ck_assert_str_eq(tiny, "\\x0a");
}
END_TEST

START_TEST(test_levels)
{
	log_debug(l, "m", "hidden", KV_U("n", 1));
	ck_assert_str_eq(written(), "");
	ck_assert(!log_wants(l, LOG_LVL_DEBUG));
	log_set_level(l, LOG_LVL_DEBUG);
	ck_assert_int_eq(log_get_level(l), LOG_LVL_DEBUG);
	log_debug(l, "m", "shown", KV_U("n", 1));
	ck_assert_str_eq(written(), "lvl=debug mod=m ev=shown n=1\n");
	log_set_level(l, LOG_LVL_ERR);
	log_warn(l, "m", "hidden", KV_U("n", 1));
	ck_assert_str_eq(written(), "");
	log_to_none(l);
	log_err(l, "m", "hidden", KV_U("n", 1));
	ck_assert_str_eq(written(), "");
	for (int i = 0; i < LOG_LVL_MAX; i++)
		ck_assert_int_eq(log_level_parse(log_level_name(
		    (enum log_level)i)), i);
	ck_assert_int_eq(log_level_parse("loud"), -1);
	ck_assert_str_eq(log_errname(0), "OK");
	ck_assert_str_eq(log_errname(-EINVAL), "EINVAL");
	ck_assert_str_eq(log_errname(-99999), "EUNKNOWN");
}
END_TEST

START_TEST(test_time)
{
	log_to_fd(l, fds[1], true);
	log_info(l, "m", "e", KV_U("n", 1));
	ck_assert_str_eq(written(),
	    "2023-11-14T22:13:20.007Z lvl=info mod=m ev=e n=1\n");
}
END_TEST

struct seen {
	struct log_sink *self;
	unsigned calls;
};

static void
on_line(void *ctx, enum log_level lvl, const char *mod, const char *ev,
    const struct kv *kv, size_t n)
{
	struct seen *s = ctx;

	s->calls++;
	ck_assert_int_le(lvl, LOG_LVL_WARN);
	ck_assert_str_eq(mod, "m");
	ck_assert_str_eq(ev, "e");
	ck_assert_uint_eq(n, 1);
	ck_assert_uint_eq(kv[0].u, 5);
}

static void
on_once(void *ctx, enum log_level lvl, const char *mod, const char *ev,
    const struct kv *kv, size_t n)
{
	struct seen *s = ctx;

	on_line(ctx, lvl, mod, ev, kv, n);
	log_sink_del(l, s->self);
}

/* Sinks have a level of their own, and may go while they are told. */
START_TEST(test_sinks)
{
	struct seen a = { 0 }, once = { 0 };

	log_to_none(l);
	a.self = log_sink_add(l, LOG_LVL_WARN, on_line, &a);
	once.self = log_sink_add(l, LOG_LVL_WARN, on_once, &once);
	ck_assert(log_wants(l, LOG_LVL_WARN));
	ck_assert(!log_wants(l, LOG_LVL_INFO));
	log_warn(l, "m", "e", KV_U("n", 5));
	log_err(l, "m", "e", KV_U("n", 5));
	log_info(l, "m", "other", KV_U("n", 6));
	ck_assert_uint_eq(a.calls, 2);
	ck_assert_uint_eq(once.calls, 1);
	log_sink_del(l, a.self);
	log_err(l, "m", "e", KV_U("n", 5));
	ck_assert_uint_eq(a.calls, 2);
	ck_assert(!log_wants(l, LOG_LVL_ERR));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("log");
	TCase *tc = tcase_create("log");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_types);
	tcase_add_test(tc, test_escaping);
	tcase_add_test(tc, test_length);
	tcase_add_test(tc, test_levels);
	tcase_add_test(tc, test_time);
	tcase_add_test(tc, test_sinks);
	suite_add_tcase(s, tc);
	return suite_run(s);
}

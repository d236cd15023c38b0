/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The JSON writer's output to the letter, and the reader's answers for what is
 * absent or of another type.
 */
#include <check.h>
#include <string.h>

#include "core/json.h"
#include "core/util.h"
#include "suite.h"

static struct json_w w;

static void
setup(void)
{
	json_w_init(&w);
}

static void
teardown(void)
{
	json_w_done(&w);
	ck_assert_ptr_null(w.buf);
}

START_TEST(test_writer)
{
	json_w_obj(&w, NULL);
	json_w_obj(&w, "empty");
	json_w_obj_end(&w);
	json_w_arr(&w, "list");
	json_w_u(&w, NULL, UINT64_MAX);
	json_w_i(&w, NULL, INT64_MIN);
	json_w_arr(&w, NULL);
	json_w_arr_end(&w);
	json_w_bool(&w, NULL, true);
	json_w_null(&w, NULL);
	json_w_str(&w, NULL, NULL);
	json_w_arr_end(&w);
	json_w_sec(&w, "a", 1500000);
	json_w_sec(&w, "b", -1);
	json_w_sec(&w, "c", -1234567);
	json_w_sec(&w, "d", 0);
	json_w_obj_end(&w);
	json_w_newline(&w);
	json_w_bool(&w, NULL, false);
	ck_assert_str_eq(w.buf, "{\"empty\":{},\"list\":"
	    "[18446744073709551615,-9223372036854775808,[],true,null,null],"
	    "\"a\":1.500,\"b\":0.000,\"c\":-1.234,\"d\":0.000}\nfalse");
	ck_assert_uint_eq(w.len, strlen(w.buf));
	json_w_reset(&w);
	json_w_u(&w, NULL, 1);
	ck_assert_str_eq(w.buf, "1");
}
END_TEST

/* Whatever the octets, the result is JSON. */
START_TEST(test_strings)
{
	static const struct { const char *in; size_t n; const char *out; } t[] =
	{
		{ "a\"b\\c/", 6, "\"a\\\"b\\\\c/\"" },
		{ "\0\n\x1f\x7f", 4, "\"\\u0000\\u000a\\u001f\\u007f\"" },
		{ "\xc3\xa4", 2, "\"\xc3\xa4\"" },
		{ "\xc3", 1, "\"\\u00c3\"" },			/* cut off */
		{ "\xc3\xa4", 1, "\"\\u00c3\"" },
		{ "\xc0\x80", 2, "\"\\u00c0\\u0080\"" },	/* overlong */
		{ "\xe0\x80\x80", 3, "\"\\u00e0\\u0080\\u0080\"" },
		{ "\xed\xa0\x80", 3, "\"\\u00ed\\u00a0\\u0080\"" },
		{ "\xf0\x9f\x98\x80", 4, "\"\xf0\x9f\x98\x80\"" },
		{ "\xf4\x90\x80\x80", 4,
		    "\"\\u00f4\\u0090\\u0080\\u0080\"" },
		{ "\xf5\x80", 2, "\"\\u00f5\\u0080\"" },
		{ "", 0, "\"\"" },
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct json_r *r;

		json_w_reset(&w);
		json_w_arr(&w, NULL);
		json_w_strn(&w, NULL, t[i].in, t[i].n);
		json_w_arr_end(&w);
		ck_assert_int_eq(strncmp(w.buf + 1, t[i].out,
		    strlen(t[i].out)), 0);
		ck_assert_uint_eq(w.len, strlen(t[i].out) + 2);
		r = json_r_parse(w.buf, w.len, NULL, 0);
		/* (jansson takes no NUL in a string) */
		ck_assert_int_eq(r != NULL, t[i].n == 0 || t[i].in[0] != 0);
		json_r_free(r);
	}
}
END_TEST

/* All two-octet strings, read back by another implementation. */
START_TEST(test_any_octets)
{
	for (unsigned i = 0; i < 0x10000; i++) {
		char in[2] = { (char)(i >> 8), (char)i };
		struct json_r *r;

		if (in[0] == 0 || in[1] == 0)
			continue;
		json_w_reset(&w);
		json_w_arr(&w, NULL);
		json_w_strn(&w, NULL, in, 2);
		json_w_arr_end(&w);
		r = json_r_parse(w.buf, w.len, NULL, 0);
		if (r == NULL)
			ck_abort_msg("%04x: %s", i, w.buf);
		json_r_free(r);
	}
}
END_TEST

static struct json_r *
parse(const char *text)
{
	char err[160];
	struct json_r *r = json_r_parse(text, strlen(text), err, sizeof(err));

	ck_assert_msg(r != NULL, "%s", err);
	return r;
}

START_TEST(test_reader)
{
	struct json_r *r = parse("{\"s\":\"x\",\"i\":-7,\"b\":true,\"n\":null,"
	    "\"r\":1.5,\"l\":[1,[2]],\"o\":{\"k\":\"v\"}}");
	const struct json_r *l = json_r_get(r, "l"), *v;
	const char *key;
	char buf[32];
	void *iter = NULL;
	unsigned n = 0;

	ck_assert_str_eq(json_r_str(r, "s"), "x");
	ck_assert_ptr_null(json_r_str(r, "i"));
	ck_assert_ptr_null(json_r_str(r, "absent"));
	ck_assert_ptr_null(json_r_str(NULL, "s"));
	ck_assert_int_eq(json_r_int(r, "i", 3), -7);
	ck_assert_int_eq(json_r_int(r, "s", 3), 3);
	ck_assert_int_eq(json_r_int(r, "r", 3), 3);
	ck_assert_int_eq(json_r_int(NULL, "i", 3), 3);
	ck_assert(json_r_bool(r, "b", false));
	ck_assert(json_r_bool(r, "i", true));
	ck_assert(!json_r_bool(r, "absent", false));
	ck_assert(json_r_is_obj(r));
	ck_assert(!json_r_is_obj(l));
	ck_assert(json_r_is_arr(l));
	ck_assert(!json_r_is_arr(NULL));
	ck_assert_uint_eq(json_r_len(l), 2);
	ck_assert_uint_eq(json_r_len(r), 0);
	ck_assert_uint_eq(json_r_len(NULL), 0);
	ck_assert_ptr_null(json_r_at(l, 2));
	ck_assert_str_eq(json_r_text(json_r_at(l, 0), buf, sizeof(buf)), "1");
	ck_assert_str_eq(json_r_text(json_r_get(r, "s"), buf, sizeof(buf)),
	    "x");
	ck_assert_str_eq(json_r_text(json_r_get(r, "r"), buf, sizeof(buf)),
	    "1.500");
	ck_assert_str_eq(json_r_text(json_r_get(r, "b"), buf, sizeof(buf)),
	    "true");
	ck_assert_str_eq(json_r_text(json_r_get(r, "n"), buf, sizeof(buf)),
	    "");
	ck_assert_str_eq(json_r_text(NULL, buf, sizeof(buf)), "");
	while (json_r_each(r, &iter, &key, &v))
		ck_assert_int_eq(key[0], "sibnrlo"[n++]);
	ck_assert_uint_eq(n, 7);
	iter = NULL;
	ck_assert(!json_r_each(l, &iter, &key, &v));
	json_w_arr(&w, NULL);
	json_w_value(&w, json_r_get(r, "o"));
	json_w_value(&w, json_r_get(r, "l"));
	json_w_value(&w, json_r_get(r, "s"));
	json_w_arr_end(&w);
	ck_assert_str_eq(w.buf, "[{\"k\":\"v\"},[1,[2]],\"x\"]");
	json_r_free(r);
	json_r_free(NULL);
}
END_TEST

START_TEST(test_malformed)
{
	static const char *const bad[] = { "", "{", "{}x", "{\"a\":1,\"a\":2}",
		"[1,]", "nul", "\"x\"", "1", "{\"a\":\"\xff\"}",
		"{\"a\":\"\\u0000\"}" };
	char deep[8000], err[8];

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		ck_assert_msg(json_r_parse(bad[i], strlen(bad[i]), err,
		    sizeof(err)) == NULL, "%s", bad[i]);
		ck_assert_uint_lt(strlen(err), sizeof(err));
	}
	memset(deep, '[', sizeof(deep));
	ck_assert_ptr_null(json_r_parse(deep, sizeof(deep), NULL, 0));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("json");
	TCase *tc = tcase_create("json");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_writer);
	tcase_add_test(tc, test_strings);
	tcase_add_test(tc, test_any_octets);
	tcase_add_test(tc, test_reader);
	tcase_add_test(tc, test_malformed);
	suite_add_tcase(s, tc);
	return suite_run(s);
}

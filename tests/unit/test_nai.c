/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NAIs: which are the same, and that the same have one hash.
 */
#include <check.h>
#include <string.h>

#include "core/nai.h"
#include "core/util.h"
#include "suite.h"

struct pair {
	const char *a, *b;
	size_t la, lb;
	bool same;
};

#define PAIR(a, b, same) { a, b, sizeof(a) - 1, sizeof(b) - 1, same }

static const struct pair pairs[] = {
	PAIR("mn@example.com", "mn@example.com", true),
	PAIR("mn@example.com", "mn@EXAMPLE.com", true),
	PAIR("mn@example.com", "Mn@example.com", false),
	PAIR("mn@example.com", "mn@example.co", false),
	PAIR("mn", "mn", true),
	PAIR("mn", "MN", false),		/* no realm: all is user */
	PAIR("a@b@C", "a@b@c", true),
	PAIR("a@B@c", "a@b@c", false),	/* the realm is behind the last '@' */
	PAIR("@A", "@a", true),
	PAIR("a@", "a@", true),
	PAIR("", "", true),
	PAIR("", "@", false),
	/* What a peer may send: NUL and whatever is no ASCII. */
	PAIR("a@b\0x", "a@b\0y", false),
	PAIR("a@b\0x", "a@B\0X", true),
	PAIR("a\0b@c", "a\0c@c", false),
	PAIR("a@\xc3\xa4", "a@\xc3\x84", false),
	/* What stands next to the letters has no case. */
	PAIR("a@[", "a@{", false),
	PAIR("a@@", "a@`", false),
};

START_TEST(test_equal)
{
	const struct pair *p = &pairs[_i];
	struct hash_key key;
	struct nai a, b;

	hash_key_random(&key);
	a = nai_make(&key, p->a, p->la);
	b = nai_make(&key, p->b, p->lb);
	ck_assert(a.s == p->a && a.len == p->la);
	ck_assert(nai_eq(a.s, a.len, b.s, b.len) == p->same);
	ck_assert(nai_eq(b.s, b.len, a.s, a.len) == p->same);
	/* one in four thousand million differs in vain */
	ck_assert((a.hash == b.hash) == p->same);
}
END_TEST

/* The longest that an option has room for; another key, another hash. */
START_TEST(test_longest)
{
	const struct hash_key zero = { 0 }, other = { .k = { 1 } };
	char s[NAI_OPTION_MAX];

	memset(s, 'X', sizeof(s));
	ck_assert_uint_eq(nai_user_len(s, sizeof(s)), sizeof(s));
	ck_assert_uint_ne(nai_make(&zero, s, sizeof(s)).hash,
	    nai_make(&other, s, sizeof(s)).hash);
	s[3] = '@';
	ck_assert_uint_eq(nai_user_len(s, sizeof(s)), 3);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("nai");
	TCase *tc = tcase_create("nai");

	tcase_add_loop_test(tc, test_equal, 0, ARRAY_LEN(pairs));
	tcase_add_test(tc, test_longest);
	suite_add_tcase(s, tc);
	return suite_run(s);
}

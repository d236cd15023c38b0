/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses of the unit tests are text; a text that is none ends the test.
 */
#ifndef PMIP_TEST_TEXT_H
#define PMIP_TEST_TEXT_H

#include <check.h>
#include <stdbool.h>

#include "core/addr.h"

static inline struct in6_addr
in6(const char *text)
{
	struct in6_addr a;

	ck_assert_int_eq(in6_parse(text, &a), 0);
	return a;
}

static inline struct in_addr
in4(const char *text)
{
	struct in_addr a;

	ck_assert_int_eq(in4_parse(text, &a), 0);
	return a;
}

static inline bool
is4(struct in_addr a, const char *text)
{
	return a.s_addr == in4(text).s_addr;
}

#endif

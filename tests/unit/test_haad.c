/* SPDX-License-Identifier: BSD-2-Clause */
/* Home agent address discovery messages (RFC 6275 6.5, 6.6; D5.4-3). */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/addr.h"
#include "mh/haad.h"

static struct in6_addr
in6(const char *text)
{
	struct in6_addr a;

	ck_assert_int_eq(in6_parse(text, &a), 0);
	return a;
}

START_TEST(test_request)
{
	static const uint8_t golden[] = { 144, 0, 0, 0, 0x12, 0x34, 0, 0 };
	struct haad_msg m = { .type = HAAD_REQUEST, .id = 0x1234 }, back;
	uint8_t buf[HAAD_MAX_LEN];

	ck_assert_int_eq(haad_build(&m, buf, sizeof(buf)), sizeof(golden));
	ck_assert_mem_eq(buf, golden, sizeof(golden));
	ck_assert_int_eq(haad_parse(buf, sizeof(golden), &back), HAAD_OK);
	ck_assert_uint_eq(back.type, HAAD_REQUEST);
	ck_assert_uint_eq(back.id, 0x1234);
	ck_assert_uint_eq(back.nagents, 0);
}
END_TEST

START_TEST(test_reply)
{
	struct haad_msg m = { .type = HAAD_REPLY, .id = 7, .nagents = 2 };
	struct haad_msg back;
	uint8_t buf[HAAD_MAX_LEN];

	m.agents[0] = in6("2001:db8:a::1");
	m.agents[1] = in6("2001:db8:a::2");
	ck_assert_int_eq(haad_build(&m, buf, sizeof(buf)), 40);
	ck_assert_int_eq(buf[0], 145);
	ck_assert_mem_eq(buf + 8, &m.agents[0], 16);
	ck_assert_int_eq(haad_parse(buf, 40, &back), HAAD_OK);
	ck_assert_uint_eq(back.nagents, 2);
	ck_assert(in6_eq(&back.agents[1], &m.agents[1]));
	ck_assert_int_eq(haad_build(&m, buf, 39), -EMSGSIZE);
}
END_TEST

START_TEST(test_refused)
{
	uint8_t buf[8 + 16 * (HAAD_AGENTS_MAX + 2)] = { 145 };
	struct haad_msg m;

	for (size_t n = 0; n < 8; n++)
		ck_assert_int_eq(haad_parse(buf, n, &m), HAAD_SHORT);
	ck_assert_int_eq(haad_parse(buf, 8, &m), HAAD_LENGTH);
	ck_assert_int_eq(haad_parse(buf, 25, &m), HAAD_LENGTH);
	/* more than we keep */
	ck_assert_int_eq(haad_parse(buf, sizeof(buf), &m), HAAD_OK);
	ck_assert_uint_eq(m.nagents, HAAD_AGENTS_MAX);
	buf[1] = 1;
	ck_assert_int_eq(haad_parse(buf, 24, &m), HAAD_CODE);
	buf[0] = 143;
	ck_assert_int_eq(haad_parse(buf, 24, &m), HAAD_TYPE);
	buf[0] = 148;
	ck_assert_int_eq(haad_parse(buf, 24, &m), HAAD_TYPE);
	m.type = MPD_SOLICITATION;
	ck_assert_int_eq(haad_build(&m, buf, sizeof(buf)), -EINVAL);
}
END_TEST

START_TEST(test_anycast)
{
	struct in6_addr p = in6("2001:db8:1:1::77"), a;

	haad_anycast(&p, &a);
	p = in6("2001:db8:1:1:fdff:ffff:ffff:fffe");
	ck_assert(in6_eq(&a, &p));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("haad");
	TCase *tc = tcase_create("haad");
	SRunner *sr;
	int failed;

	tcase_add_test(tc, test_request);
	tcase_add_test(tc, test_reply);
	tcase_add_test(tc, test_refused);
	tcase_add_test(tc, test_anycast);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Home agent address discovery messages (RFC 6275 6.5, 6.6; D5.4-3). */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "mh/haad.h"
#include "suite.h"
#include "unit/text.h"

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
	ck_assert(haad_is_anycast(&a));
	a.s6_addr[15] ^= 1;
	ck_assert(!haad_is_anycast(&a));
}
END_TEST

/* A request to an anycast address as it comes from a packet socket: version,
 * payload length 8, ICMPv6, hop limit 64; source; destination; message. */
static const uint8_t request_packet[] = {
		0x60, 0x00, 0x00, 0x00, 0x00, 0x08, 0x3a, 0x40,
		0x20, 0x01, 0x0d, 0xb8, 0x00, 0x0b, 0x00, 0x00,
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01,
		0x20, 0x01, 0x0d, 0xb8, 0x00, 0x01, 0x00, 0x01,
		0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe,
		0x90, 0x00, 0x04, 0x0a, 0x12, 0x34, 0x00, 0x00
};

/* D5.4-3, D5.4-4: what a packet socket hands over. */
START_TEST(test_unwrap)
{
	uint8_t pkt[64] = { 0 };
	const size_t len = sizeof(request_packet);
	struct in6_addr src, dst, want = in6("2001:db8:b::1");
	struct haad_msg m;
	const void *msg = NULL;
	size_t n = 0;

	memcpy(pkt, request_packet, len);
	/* Short frames are padded. */
	for (size_t pad = 0; pad <= sizeof(pkt) - len; pad++) {
		ck_assert_int_eq(haad_unwrap(pkt, len + pad, &src, &dst, &msg,
		    &n), HAAD_OK);
		ck_assert_uint_eq(n, 8);
		ck_assert_ptr_eq(msg, pkt + 40);
		ck_assert(in6_eq(&src, &want) && haad_is_anycast(&dst));
		ck_assert_int_eq(haad_parse(msg, n, &m), HAAD_OK);
		ck_assert_uint_eq(m.id, 0x1234);
	}
	for (size_t k = 0; k < len; k++)
		ck_assert_int_eq(haad_unwrap(pkt, k, &src, &dst, &msg, &n),
		    HAAD_PACKET);
	/* Every octet but traffic class, flow label and hop limit counts. */
	for (size_t k = 0; k < len; k++) {
		bool free_octet = (k >= 1 && k <= 3) || k == 7;

		pkt[k] ^= 0x10;
		ck_assert_int_eq(haad_unwrap(pkt, len, &src, &dst, &msg, &n) ==
		    HAAD_OK, free_octet);
		pkt[k] ^= 0x10;
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("haad");
	TCase *tc = tcase_create("haad");

	tcase_add_test(tc, test_request);
	tcase_add_test(tc, test_reply);
	tcase_add_test(tc, test_refused);
	tcase_add_test(tc, test_anycast);
	tcase_add_test(tc, test_unwrap);
	suite_add_tcase(s, tc);
	return suite_run(s);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Mobility Headers behind a Home Address option (RFC 6275 6.3; D5-4). */
#include <arpa/inet.h>
#include <check.h>
#include <string.h>

#include "mh/hao.h"
#include "mh/mh.h"
#include "suite.h"
#include "unit/text.h"

/* IPv6 header, Destination Options (PadN 2, Home Address), a Binding Update
 * whose checksum counts the home address as the source. */
enum { OFF_NEXT = 6, OFF_INNER = 40, OFF_HLEN = 41, OFF_PADN = 42,
	OFF_HAO = 46, OFF_HOME = 48, OFF_MH = 64 };
static const uint8_t golden[] = {
	0x60, 0x00, 0x00, 0x00, 0x00, 0x28, 0x3c, 0x40,
	0x20, 0x01, 0x0d, 0xb8, 0x00, 0x0b, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01,
	0x20, 0x01, 0x0d, 0xb8, 0x00, 0x0a, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01,
	0x87, 0x02, 0x01, 0x02, 0x00, 0x00, 0xc9, 0x10,
	0x20, 0x01, 0x0d, 0xb8, 0x00, 0x01, 0x00, 0x01,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x05,
	0x3b, 0x01, 0x05, 0x00, 0xa2, 0x8e, 0x00, 0x07,
	0xc0, 0x00, 0x00, 0x4b, 0x01, 0x02, 0x00, 0x00,
};

/* D5-4: addresses, home address, and a message that parses with it. */
START_TEST(test_golden)
{
	struct in6_addr src = in6("2001:db8:b::1"), dst = in6("2001:db8:a::1");
	struct in6_addr home = in6("2001:db8:1:1::5");
	uint8_t pkt[sizeof(golden) + 8] = { 0 };
	struct mh_pkt p;
	struct mh_msg m;

	memcpy(pkt, golden, sizeof(golden));
	/* short frames are padded */
	for (size_t pad = 0; pad <= 8; pad++) {
		ck_assert_int_eq(hao_parse(pkt, sizeof(golden) + pad, &p),
		    HAO_OK);
		ck_assert(p.has_hao && in6_eq(&p.hao, &home));
		ck_assert(in6_eq(&p.src, &src) && in6_eq(&p.dst, &dst));
		ck_assert_ptr_eq(p.data, pkt + OFF_MH);
		ck_assert_uint_eq(p.len, 16);
		ck_assert_int_eq(mh_parse(p.data, p.len, &p.hao, &p.dst,
		    &mh_wire_default, &m, NULL), MH_OK);
		ck_assert_uint_eq(m.bu.seq, 7);
		ck_assert_int_eq(mh_parse(p.data, p.len, &p.src, &p.dst,
		    &mh_wire_default, &m, NULL), MH_CHECKSUM);
	}
}
END_TEST

START_TEST(test_truncated)
{
	struct mh_pkt p;

	for (size_t n = 0; n < sizeof(golden); n++)
		ck_assert_int_eq(hao_parse(golden, n, &p), HAO_PACKET);
}
END_TEST

static const struct {
	size_t off;
	uint8_t value;
	enum hao_drop want;
} changed[] = {
	{ 0, 0x40, HAO_PACKET },
	{ OFF_NEXT, 0, HAO_OTHER },
	{ OFF_INNER, 50, HAO_OTHER },
	{ OFF_HLEN, 255, HAO_PACKET },
	{ OFF_HLEN, 5, HAO_PACKET },
	{ OFF_PADN, 0x3e, HAO_OK },		/* unknown: skip */
	{ OFF_PADN, 0x7e, HAO_UNKNOWN },
	{ OFF_PADN, 0xbe, HAO_UNKNOWN },
	{ OFF_PADN, 0xfe, HAO_UNKNOWN },
	{ OFF_PADN + 1, 0xff, HAO_OPTION },
	{ OFF_PADN + 1, 20, HAO_NONE },		/* it hides the option */
	{ OFF_HAO + 1, 15, HAO_OPTION },
	{ OFF_HAO + 1, 17, HAO_OPTION },
	{ OFF_HAO, 1, HAO_NONE },
	{ OFF_HOME, 0xff, HAO_ADDRESS },	/* multicast */
};

START_TEST(test_changed)
{
	uint8_t pkt[sizeof(golden)];
	struct mh_pkt p;

	memcpy(pkt, golden, sizeof(pkt));
	pkt[changed[_i].off] = changed[_i].value;
	ck_assert_int_eq(hao_parse(pkt, sizeof(pkt), &p), changed[_i].want);
}
END_TEST

/* RFC 6275 6.3: one home address; and not without end. */
START_TEST(test_many)
{
	uint8_t pkt[40 + 8 * 10 + 16] = { 0 };
	uint8_t *o = pkt + 40;
	struct mh_pkt p;

	memcpy(pkt, golden, 40);
	pkt[5] = sizeof(pkt) - 40;
	memcpy(pkt + sizeof(pkt) - 16, golden + OFF_MH, 16);
	o[0] = MH_PROTO;
	o[1] = 9;
	memcpy(o + 2, golden + OFF_HAO, 18);
	ck_assert_int_eq(hao_parse(pkt, sizeof(pkt), &p), HAO_OK);
	memcpy(o + 20, golden + OFF_HAO, 18);
	ck_assert_int_eq(hao_parse(pkt, sizeof(pkt), &p), HAO_OPTION);
	for (unsigned i = 20; i < 80; i += 2) {
		o[i] = 1;
		o[i + 1] = 0;
	}
	ck_assert_int_eq(hao_parse(pkt, sizeof(pkt), &p), HAO_MANY);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("hao");
	TCase *tc = tcase_create("hao");

	tcase_add_test(tc, test_golden);
	tcase_add_test(tc, test_truncated);
	tcase_add_loop_test(tc, test_changed, 0,
	    sizeof(changed) / sizeof(changed[0]));
	tcase_add_test(tc, test_many);
	suite_add_tcase(s, tc);
	return suite_run(s);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ARP codec: a golden request octet by octet (scapy's), every drop reason,
 * and the law parse(build(x)) = x.
 */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "nd/arp.h"
#include "suite.h"
#include "unit/text.h"

/* Who has 192.0.2.1? Tell 192.0.2.11. */
static const uint8_t golden[ARP_PKT_LEN] = {
	/*  0 */ 0x00, 0x01,			/* Ethernet */
	/*  2 */ 0x08, 0x00,			/* IPv4 */
	/*  4 */ 0x06, 0x04,			/* lengths of addresses */
	/*  6 */ 0x00, 0x01,			/* request */
	/*  8 */ 0x02, 0x00, 0x5e, 0x00, 0x53, 0x01,	/* sender */
	/* 14 */ 0xc0, 0x00, 0x02, 0x0b,
	/* 18 */ 0, 0, 0, 0, 0, 0,		/* target */
	/* 24 */ 0xc0, 0x00, 0x02, 0x01,
};

static const struct mac node = { { 2, 0, 0x5e, 0, 0x53, 1 } };
static const struct mac router = { { 2, 0, 0, 0, 0xac, 1 } };

static bool
same(const struct arp_msg *a, const struct arp_msg *b)
{
	return a->op == b->op && mac_eq(&a->sha, &b->sha) &&
	    mac_eq(&a->tha, &b->tha) && a->spa.s_addr == b->spa.s_addr &&
	    a->tpa.s_addr == b->tpa.s_addr;
}

static void
law(const struct arp_msg *m)
{
	uint8_t buf[ARP_PKT_LEN];
	struct arp_msg back;

	ck_assert_int_eq(arp_build(m, buf, sizeof(buf)), ARP_PKT_LEN);
	ck_assert_int_eq(arp_parse(buf, sizeof(buf), &back), ARPD_OK);
	ck_assert(same(m, &back));
	for (size_t cap = 0; cap < sizeof(buf); cap++)
		ck_assert_int_eq(arp_build(m, buf, cap), -EMSGSIZE);
}

START_TEST(test_golden)
{
	uint8_t buf[60] = { 0 };	/* padded, as Ethernet does */
	struct arp_msg m;

	memcpy(buf, golden, sizeof(golden));
	ck_assert_int_eq(arp_parse(buf, sizeof(buf), &m), ARPD_OK);
	ck_assert_uint_eq(m.op, ARP_REQUEST);
	ck_assert(mac_eq(&m.sha, &node) && mac_is_zero(&m.tha));
	ck_assert(is4(m.spa, "192.0.2.11") && is4(m.tpa, "192.0.2.1"));
	ck_assert(!arp_is_probe(&m));
	ck_assert_int_eq(arp_build(&m, buf, sizeof(buf)), ARP_PKT_LEN);
	ck_assert_mem_eq(buf, golden, sizeof(golden));
	law(&m);
}
END_TEST

/* D6.5-3, D6.5-4: the answer, and both announcements. */
START_TEST(test_made)
{
	struct arp_msg m, r;

	ck_assert_int_eq(arp_parse(golden, sizeof(golden), &m), ARPD_OK);
	arp_reply_to(&m, &router, &r);
	ck_assert_uint_eq(r.op, ARP_REPLY);
	ck_assert(mac_eq(&r.sha, &router) && mac_eq(&r.tha, &node));
	ck_assert(is4(r.spa, "192.0.2.1") && is4(r.tpa, "192.0.2.11"));
	law(&r);
	arp_announce(ARP_REQUEST, &m.tpa, &router, &r);
	ck_assert(is4(r.spa, "192.0.2.1") && is4(r.tpa, "192.0.2.1"));
	ck_assert(mac_eq(&r.sha, &router) && mac_is_zero(&r.tha));
	law(&r);
	arp_announce(ARP_REPLY, &m.tpa, &router, &r);
	ck_assert(mac_eq(&r.sha, &router) && mac_eq(&r.tha, &router));
	law(&r);
	m.spa.s_addr = 0;
	ck_assert(arp_is_probe(&m));
	law(&m);
}
END_TEST

static enum arp_drop
changed(size_t off, uint8_t v)
{
	uint8_t b[ARP_PKT_LEN];
	struct arp_msg m;

	memcpy(b, golden, sizeof(b));
	b[off] = v;
	return arp_parse(b, sizeof(b), &m);
}

START_TEST(test_drops)
{
	struct arp_msg m;

	for (size_t n = 0; n < sizeof(golden); n++)
		ck_assert_int_eq(arp_parse(golden, n, &m), ARPD_SHORT);
	ck_assert_int_eq(changed(1, 6), ARPD_HARDWARE);
	ck_assert_int_eq(changed(3, 1), ARPD_PROTOCOL);
	ck_assert_int_eq(changed(4, 8), ARPD_LENGTHS);
	ck_assert_int_eq(changed(5, 16), ARPD_LENGTHS);
	ck_assert_int_eq(changed(7, 0), ARPD_OP);
	ck_assert_int_eq(changed(7, 3), ARPD_OP);
	ck_assert_int_eq(changed(8, 3), ARPD_SENDER_MAC);
	ck_assert_int_eq(changed(14, 224), ARPD_SENDER_IP);
	ck_assert_int_eq(changed(14, 127), ARPD_SENDER_IP);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("arp");
	TCase *tc = tcase_create("arp");

	tcase_add_test(tc, test_golden);
	tcase_add_test(tc, test_made);
	tcase_add_test(tc, test_drops);
	suite_add_tcase(s, tc);
	return suite_run(s);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UDP datagrams with their IP header: golden packets octet by octet (scapy's,
 * checksums and all), every drop reason, and the law parse(build(x)) = x.
 */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "core/addr.h"
#include "nd/udp.h"
#include "suite.h"

static const uint8_t golden4[33] = {
	/*  0 */ 0x45, 0x00, 0x00, 0x21,	/* IPv4, 20 octets; 33 in all */
	/*  4 */ 0x00, 0x00, 0x40, 0x00,	/* number 0, DF */
	/*  8 */ 0x40, 0x11,			/* time to live 64, UDP */
	/* 10 */ 0x3a, 0xcd,			/* checksum of the header */
	/* 12 */ 0x00, 0x00, 0x00, 0x00,	/* 0.0.0.0 */
	/* 16 */ 0xff, 0xff, 0xff, 0xff,	/* 255.255.255.255 */
	/* 20 */ 0x00, 0x44, 0x00, 0x43,	/* 68 to 67 */
	/* 24 */ 0x00, 0x0d, 0xbb, 0x7b,	/* 13 octets, checksum */
	/* 28 */ 'h', 'e', 'l', 'l', 'o',
};

static const uint8_t golden6[54] = {
	/*  0 */ 0x60, 0x00, 0x00, 0x00,	/* IPv6 */
	/*  4 */ 0x00, 0x0e, 0x11, 0x01,	/* 14 octets, UDP, 1 hop */
	/*  8 */ 0xfe, 0x80, 0, 0, 0, 0, 0, 0,	/* fe80::5eff:fe00:5301 */
		 0x00, 0x00, 0x5e, 0xff, 0xfe, 0x00, 0x53, 0x01,
	/* 24 */ 0xff, 0x02, 0, 0, 0, 0, 0, 0,	/* ff02::1:2 */
		 0, 0, 0, 0, 0x00, 0x01, 0x00, 0x02,
	/* 40 */ 0x02, 0x22, 0x02, 0x23,	/* 546 to 547 */
	/* 44 */ 0x00, 0x0e, 0x23, 0xd8,	/* 14 octets, checksum */
	/* 48 */ 'a', 'b', 'c', 'd', 'e', 'f',
};

static enum udp_drop
parse(const uint8_t *b, size_t n, struct udp_msg *ret)
{
	return udp_parse(b, n, false, ret);
}

START_TEST(test_golden)
{
	struct udp_msg m;
	uint8_t buf[64];

	ck_assert_int_eq(parse(golden4, sizeof(golden4), &m), UDPD_OK);
	ck_assert_uint_eq(m.family, AF_INET);
	ck_assert_uint_eq(m.hops, 64);
	ck_assert_uint_eq(m.sport, 68);
	ck_assert_uint_eq(m.dport, 67);
	ck_assert_uint_eq(m.src4.s_addr, INADDR_ANY);
	ck_assert_uint_eq(m.dst4.s_addr, INADDR_BROADCAST);
	ck_assert_uint_eq(m.len, 5);
	ck_assert_mem_eq(m.data, "hello", 5);
	ck_assert_int_eq(udp_build(&m, buf, sizeof(buf)), sizeof(golden4));
	ck_assert_mem_eq(buf, golden4, sizeof(golden4));
	ck_assert_int_eq(parse(golden6, sizeof(golden6), &m), UDPD_OK);
	ck_assert_uint_eq(m.family, AF_INET6);
	ck_assert_uint_eq(m.hops, 1);
	ck_assert_uint_eq(m.sport, 546);
	ck_assert_uint_eq(m.dport, 547);
	ck_assert(in6_is_linklocal(&m.src6));
	ck_assert_uint_eq(m.len, 6);
	ck_assert_mem_eq(m.data, "abcdef", 6);
	ck_assert_int_eq(udp_build(&m, buf, sizeof(buf)), sizeof(golden6));
	ck_assert_mem_eq(buf, golden6, sizeof(golden6));
}
END_TEST

/* Lengths from nothing to a full packet, odd ones among them. */
START_TEST(test_law)
{
	uint8_t data[1472], buf[1600];
	struct udp_msg m, back;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7);
	for (size_t n = 0; n <= sizeof(data); n++) {
		const uint8_t *g = n % 2 ? golden4 : golden6;
		int len;

		ck_assert_int_eq(parse(g, n % 2 ? sizeof(golden4) :
		    sizeof(golden6), &m), UDPD_OK);
		m.data = data;
		m.len = n;
		len = udp_build(&m, buf, sizeof(buf));
		ck_assert_int_eq(len, (int)n + (n % 2 ? 28 : 48));
		ck_assert_int_eq(parse(buf, (size_t)len, &back), UDPD_OK);
		ck_assert_uint_eq(back.len, n);
		ck_assert(n == 0 || memcmp(back.data, data, n) == 0);
		ck_assert_uint_eq(back.sport, m.sport);
		ck_assert_uint_eq(back.dport, m.dport);
		ck_assert(in6_eq(&back.src6, &m.src6));
		ck_assert_uint_eq(back.dst4.s_addr, m.dst4.s_addr);
		ck_assert_int_eq(udp_build(&m, buf, (size_t)len - 1),
		    -EMSGSIZE);
	}
	m.len = 65536 - 28;
	ck_assert_int_eq(udp_build(&m, buf, sizeof(buf)), -EMSGSIZE);
	m.family = 0;
	m.len = 0;
	ck_assert_int_eq(udp_build(&m, buf, sizeof(buf)), -EAFNOSUPPORT);
}
END_TEST

/* A sum that comes out as 0 is written as 0xffff (RFC 768). */
START_TEST(test_zero_sum)
{
	uint8_t data[2] = { 0 }, buf[64];
	struct udp_msg m;
	int n;

	ck_assert_int_eq(parse(golden6, sizeof(golden6), &m), UDPD_OK);
	m.data = data;
	m.len = sizeof(data);
	n = udp_build(&m, buf, sizeof(buf));
	ck_assert_int_gt(n, 0);
	data[0] = buf[46];		/* its own sum, added once more */
	data[1] = buf[47];
	n = udp_build(&m, buf, sizeof(buf));
	ck_assert_uint_eq(buf[46], 0xff);
	ck_assert_uint_eq(buf[47], 0xff);
	ck_assert_int_eq(parse(buf, (size_t)n, &m), UDPD_OK);
}
END_TEST

static enum udp_drop
changed(const uint8_t *golden, size_t n, size_t off, uint8_t v)
{
	uint8_t b[64];
	struct udp_msg m;

	memcpy(b, golden, n);
	b[off] = v;
	return parse(b, n, &m);
}

/* The checksum of an IPv4 header that was changed. */
static void
mend(uint8_t *b)
{
	uint32_t sum = 0;

	b[10] = b[11] = 0;
	for (unsigned i = 0; i < (b[0] & 15u) * 4; i += 2)
		sum += (uint32_t)b[i] << 8 | b[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	b[10] = (uint8_t)(~sum >> 8);
	b[11] = (uint8_t)~sum;
}

static enum udp_drop
mended(size_t off, uint8_t v)
{
	uint8_t b[sizeof(golden4)];
	struct udp_msg m;

	memcpy(b, golden4, sizeof(b));
	b[off] = v;
	mend(b);
	return parse(b, sizeof(b), &m);
}

START_TEST(test_drops4)
{
	uint8_t b[sizeof(golden4)];
	struct udp_msg m;

	ck_assert_int_eq(parse(golden4, 0, &m), UDPD_SHORT);
	for (size_t n = 1; n < sizeof(golden4); n++)
		ck_assert_int_eq(parse(golden4, n, &m), UDPD_SHORT);
	ck_assert_int_eq(changed(golden4, 33, 0, 0x55), UDPD_OTHER);
	ck_assert_int_eq(changed(golden4, 33, 0, 0x44), UDPD_IP_HEADER);
	ck_assert_int_eq(changed(golden4, 33, 3, 19), UDPD_IP_HEADER);
	ck_assert_int_eq(changed(golden4, 33, 11, 0), UDPD_IP_CHECKSUM);
	ck_assert_int_eq(mended(9, 6), UDPD_OTHER);
	ck_assert_int_eq(mended(6, 0x20), UDPD_FRAGMENT);
	ck_assert_int_eq(mended(7, 1), UDPD_FRAGMENT);
	ck_assert_int_eq(mended(12, 224), UDPD_SRC);
	ck_assert_int_eq(mended(12, 255), UDPD_SRC);
	ck_assert_int_eq(mended(3, 27), UDPD_SHORT);
	ck_assert_int_eq(mended(3, 32), UDPD_LENGTH);
	ck_assert_int_eq(changed(golden4, 33, 25, 7), UDPD_LENGTH);
	ck_assert_int_eq(changed(golden4, 33, 25, 14), UDPD_LENGTH);
	ck_assert_int_eq(changed(golden4, 33, 28, 'H'), UDPD_CHECKSUM);
	memcpy(b, golden4, sizeof(b));
	memset(b + 16, 0, 4);
	mend(b);
	ck_assert_int_eq(parse(b, sizeof(b), &m), UDPD_DST);
	/* no checksum, or one that was left to the interface */
	memcpy(b, golden4, sizeof(b));
	b[26] = b[27] = 0;
	ck_assert_int_eq(parse(b, sizeof(b), &m), UDPD_OK);
	b[27] = 1;
	ck_assert_int_eq(parse(b, sizeof(b), &m), UDPD_CHECKSUM);
	ck_assert_int_eq(udp_parse(b, sizeof(b), true, &m), UDPD_OK);
}
END_TEST

START_TEST(test_options4)
{
	uint8_t b[sizeof(golden4) + 4];
	struct udp_msg m;

	memcpy(b, golden4, 20);
	memset(b + 20, 1, 4);			/* four times no operation */
	memcpy(b + 24, golden4 + 20, sizeof(golden4) - 20);
	b[0] = 0x46;
	b[3] += 4;
	mend(b);
	ck_assert_int_eq(parse(b, sizeof(b), &m), UDPD_OK);
	ck_assert_mem_eq(m.data, "hello", 5);
}
END_TEST

START_TEST(test_drops6)
{
	uint8_t b[sizeof(golden6)];
	struct udp_msg m;

	for (size_t n = 0; n < sizeof(golden6); n++)
		ck_assert_int_eq(parse(golden6, n, &m), UDPD_SHORT);
	ck_assert_int_eq(changed(golden6, 54, 6, 58), UDPD_OTHER);
	ck_assert_int_eq(changed(golden6, 54, 5, 7), UDPD_SHORT);
	ck_assert_int_eq(changed(golden6, 54, 8, 0xff), UDPD_SRC);
	ck_assert_int_eq(changed(golden6, 54, 45, 7), UDPD_LENGTH);
	ck_assert_int_eq(changed(golden6, 54, 45, 15), UDPD_LENGTH);
	ck_assert_int_eq(changed(golden6, 54, 50, 0), UDPD_CHECKSUM);
	memcpy(b, golden6, sizeof(b));
	b[46] = b[47] = 0;
	ck_assert_int_eq(parse(b, sizeof(b), &m), UDPD_NO_CHECKSUM);
	ck_assert_int_eq(udp_parse(b, sizeof(b), true, &m), UDPD_OK);
	memset(b + 24, 0, 16);
	ck_assert_int_eq(parse(b, sizeof(b), &m), UDPD_DST);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("udp");
	TCase *tc = tcase_create("udp");

	tcase_add_test(tc, test_golden);
	tcase_add_test(tc, test_law);
	tcase_add_test(tc, test_zero_sum);
	tcase_add_test(tc, test_drops4);
	tcase_add_test(tc, test_options4);
	tcase_add_test(tc, test_drops6);
	suite_add_tcase(s, tc);
	return suite_run(s);
}

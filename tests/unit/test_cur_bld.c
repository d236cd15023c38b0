/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The packet reader and writer: byte order, and what happens at the end of
 * the buffer, for every length.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/bld.h"
#include "core/cur.h"
#include "suite.h"

static const uint8_t wire[] = {
	0x01,						/* u8 */
	0x02, 0x03,					/* u16 */
	0x84, 0x05, 0x06, 0x07,				/* u32 */
	0x88, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f,	/* u64 */
	0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
	192, 0, 2, 1,
	0xaa, 0xbb, 0xcc,				/* bytes */
	0, 0,						/* zero */
};

/* Reads all of it; what lies beyond the end must be read as 0. */
static void
read_all(struct cur *c, size_t len)
{
	struct in6_addr a6;
	struct in_addr a4;
	uint8_t b[3];

	ck_assert_uint_eq(cur_u8(c), len >= 1 ? 0x01 : 0);
	ck_assert_uint_eq(cur_u16(c), len >= 3 ? 0x0203 : 0);
	ck_assert_uint_eq(cur_u32(c), len >= 7 ? 0x84050607 : 0);
	ck_assert_uint_eq(cur_u64(c), len >= 15 ? 0x88090a0b0c0d0e0f : 0);
	memset(&a6, 0xee, sizeof(a6));
	cur_in6(c, &a6);
	ck_assert_uint_eq(a6.s6_addr[15], len >= 31 ? 1 : 0);
	ck_assert_uint_eq(a6.s6_addr[0], len >= 31 ? 0x20 : 0);
	memset(&a4, 0xee, sizeof(a4));
	cur_in4(c, &a4);
	ck_assert_uint_eq(ntohl(a4.s_addr), len >= 35 ? 0xc0000201 : 0);
	memset(b, 0xee, sizeof(b));
	cur_bytes(c, b, 3);
	ck_assert_uint_eq(b[2], len >= 38 ? 0xcc : 0);
	cur_skip(c, 2);
}

/* A copy of exactly `len` octets, so that a sanitizer sees one too many. */
START_TEST(test_every_length)
{
	for (size_t len = 0; len <= sizeof(wire); len++) {
		uint8_t *copy = malloc(len > 0 ? len : 1);
		struct cur c;

		memcpy(copy, wire, len);
		cur_init(&c, copy, len);
		ck_assert_uint_eq(cur_left(&c), len);
		read_all(&c, len);
		ck_assert_int_eq(cur_ok(&c), len == sizeof(wire));
		ck_assert_uint_eq(cur_left(&c), 0);
		/* an error stays */
		if (len < sizeof(wire)) {
			ck_assert_ptr_null(cur_ref(&c, 1));
			ck_assert_uint_eq(cur_u8(&c), 0);
			ck_assert(!cur_ok(&c));
		}
		free(copy);
	}
}
END_TEST

START_TEST(test_sticky)
{
	struct cur c, s;

	cur_init(&c, wire, 3);
	ck_assert_uint_eq(cur_u32(&c), 0);	/* does not fit ... */
	ck_assert_uint_eq(cur_u8(&c), 0);	/* ... nor does anything now */
	ck_assert_uint_eq(cur_left(&c), 0);
	ck_assert(!cur_ok(&c));
	cur_init(&c, NULL, 0);
	ck_assert(cur_ok(&c));
	ck_assert_uint_eq(cur_left(&c), 0);
	cur_skip(&c, 0);
	ck_assert(cur_ok(&c));
	cur_skip(&c, SIZE_MAX);
	ck_assert(!cur_ok(&c));
	cur_init(&c, wire, sizeof(wire));
	cur_fail(&c);
	ck_assert(!cur_ok(&c));
	ck_assert_uint_eq(cur_u8(&c), 0);
	ck_assert_ptr_null(cur_ref(&c, 0));
	cur_sub(&c, 0, &s);
	ck_assert(!cur_ok(&s));		/* no good child of a bad parent */
}
END_TEST

START_TEST(test_sub)
{
	struct cur c, s;

	cur_init(&c, wire, 7);
	(void)cur_u8(&c);
	cur_sub(&c, 2, &s);
	ck_assert_uint_eq(cur_off(&c), 3);
	ck_assert_uint_eq(cur_left(&s), 2);
	ck_assert_uint_eq(cur_u16(&s), 0x0203);
	ck_assert_uint_eq(cur_off(&s), 2);
	ck_assert_uint_eq(cur_u8(&s), 0);	/* not into the parent's rest */
	ck_assert(!cur_ok(&s));
	ck_assert(cur_ok(&c));			/* whose health is its own */
	cur_sub(&c, 0, &s);
	ck_assert(cur_ok(&s));
	cur_sub(&c, 5, &s);
	ck_assert(!cur_ok(&s));
	ck_assert(!cur_ok(&c));
	ck_assert_uint_eq(cur_left(&s), 0);
}
END_TEST

static void
write_all(struct bld *b)
{
	static const uint8_t three[] = { 0xaa, 0xbb, 0xcc };
	struct in6_addr a6 = { .s6_addr = { 0x20, 0x01, 0x0d, 0xb8,
		[15] = 1 } };
	struct in_addr a4 = { .s_addr = htonl(0xc0000201) };

	bld_u8(b, 0x01);
	bld_u16(b, 0x0203);
	bld_u32(b, 0x84050607);
	bld_u64(b, 0x88090a0b0c0d0e0f);
	bld_in6(b, &a6);
	bld_in4(b, &a4);
	bld_bytes(b, three, 3);
	bld_zero(b, 2);
}

START_TEST(test_write_every_room)
{
	for (size_t cap = 0; cap <= sizeof(wire); cap++) {
		uint8_t *buf = malloc(cap > 0 ? cap : 1);
		struct bld b;
		size_t len;

		bld_init(&b, buf, cap);
		write_all(&b);
		ck_assert_int_eq(bld_ok(&b), cap == sizeof(wire));
		ck_assert_uint_le(b.len, cap);
		ck_assert_int_eq(memcmp(buf, wire, b.len), 0);
		/* once it is bad nothing is written, though it would fit */
		if (!bld_ok(&b)) {
			len = b.len;
			bld_bytes(&b, NULL, 0);
			bld_zero(&b, 0);
			bld_set_u8(&b, 1000, 1);
			bld_set_u16(&b, 1000, 1);
			ck_assert_uint_eq(b.len, len);
			ck_assert(!bld_ok(&b));
		}
		free(buf);
	}
}
END_TEST

START_TEST(test_patch_and_pad)
{
	const volatile size_t most = SIZE_MAX;	/* or the compiler warns */
	uint8_t buf[64];
	struct bld b;

	bld_init(&b, buf, sizeof(buf));
	bld_zero(&b, 6);
	bld_set_u8(&b, 0, 0xab);
	bld_set_u16(&b, 4, 0x1234);		/* the last two */
	ck_assert_int_eq(memcmp(buf, "\xab\0\0\0\x12\x34", 6), 0);
	for (unsigned mod = 1; mod <= 8; mod++) {
		for (unsigned rem = 0; rem < mod; rem++) {
			size_t n = bld_pad_need(&b, mod, rem);

			ck_assert_uint_lt(n, mod);
			ck_assert_uint_eq((b.len + n) % mod, rem);
		}
	}
	bld_bytes(&b, NULL, 0);
	ck_assert(bld_ok(&b));
	bld_zero(&b, most);
	ck_assert(!bld_ok(&b));
	bld_init(&b, buf, sizeof(buf));
	bld_fail(&b);
	bld_u8(&b, 1);
	ck_assert(!bld_ok(&b));
	ck_assert_uint_eq(b.len, 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("cur_bld");
	TCase *tc = tcase_create("cur_bld");

	tcase_add_test(tc, test_every_length);
	tcase_add_test(tc, test_sticky);
	tcase_add_test(tc, test_sub);
	tcase_add_test(tc, test_write_every_room);
	tcase_add_test(tc, test_patch_and_pad);
	suite_add_tcase(s, tc);
	return suite_run(s);
}

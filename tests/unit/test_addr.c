/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses, prefixes, MAC addresses: text both ways, masks, classes.
 */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "core/addr.h"
#include "core/util.h"
#include "suite.h"

static struct in6_addr
in6(const char *s)
{
	struct in6_addr a;

	ck_assert_msg(in6_parse(s, &a) == 0, "%s", s);
	return a;
}

static struct prefix
pfx(const char *s)
{
	struct prefix p;

	ck_assert_msg(prefix_parse(s, &p) == 0, "%s", s);
	return p;
}

START_TEST(test_prefix_text)
{
	static const struct { const char *in; int r; const char *out; } t[] = {
		{ "2001:db8::/32", 0, "2001:db8::/32" },
		{ "2001:DB8:0::/48", 0, "2001:db8::/48" },
		{ "::/0", 0, "::/0" },
		{ "2001:db8::1", 0, "2001:db8::1/128" },
		{ "2001:db8::1/128", 0, "2001:db8::1/128" },
		{ "192.0.2.0/24", 0, "192.0.2.0/24" },
		{ "192.0.2.1", 0, "192.0.2.1" },
		{ "0.0.0.0/0", 0, "0.0.0.0/0" },
		{ "2001:db8::1/64", -ERANGE, NULL },
		{ "2001:db8:0:1::/63", -ERANGE, NULL },
		{ "192.0.2.1/31", -ERANGE, NULL },
		{ "2001:db8::/129", -EINVAL, NULL },
		{ "192.0.2.0/33", -EINVAL, NULL },
		{ "2001:db8::/", -EINVAL, NULL },
		{ "2001:db8::/6 ", -EINVAL, NULL },
		{ "2001:db8::/-1", -EINVAL, NULL },
		{ "2001:db8::/0064", -EINVAL, NULL },
		{ "/64", -EINVAL, NULL },
		{ "", -EINVAL, NULL },
		{ "2001:db8::1%eth0", -EINVAL, NULL },
		{ "1111111111111111111111111111111111111111111111111111",
		    -EINVAL, NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct prefix p = { .len = 77 };
		char buf[ADDR_STRLEN];

		ck_assert_msg(prefix_parse(t[i].in, &p) == t[i].r, "%s",
		    t[i].in);
		if (t[i].r == 0)
			ck_assert_str_eq(prefix_str(&p, buf), t[i].out);
		else
			ck_assert_uint_eq(p.len, 77);	/* left alone */
	}
}
END_TEST

START_TEST(test_longest_text)
{
	struct prefix p = { .family = AF_INET6, .len = 128 };
	char buf[ADDR_STRLEN];

	memset(&p.in6, 0xff, sizeof(p.in6));
	ck_assert_str_eq(prefix_str(&p, buf),
	    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128");
	p.family = 0;
	ck_assert_str_eq(prefix_str(&p, buf), "-");
}
END_TEST

/* Every length, bit by bit. */
START_TEST(test_mask)
{
	for (unsigned len = 0; len <= 128; len++) {
		struct in6_addr a;
		struct prefix p;

		memset(&a, 0xff, sizeof(a));
		prefix_from_in6(&p, &a, len);
		in6_mask(&a, len);
		for (unsigned bit = 0; bit < 128; bit++) {
			int set = a.s6_addr[bit / 8] >> (7 - bit % 8) & 1;

			if (set != (bit < len))
				ck_abort_msg("/%u bit %u", len, bit);
		}
		ck_assert(in6_eq(&a, &p.in6));
		ck_assert_uint_eq(p.len, len);
		ck_assert_int_eq(p.family, AF_INET6);
	}
}
END_TEST

START_TEST(test_covers)
{
	struct prefix wide = pfx("2001:db8::/32"), in = pfx("2001:db8:1::/48");
	struct prefix out = pfx("2001:db9::/48"), all = pfx("::/0");
	struct prefix v4 = pfx("0.0.0.0/0"), v4in = pfx("192.0.2.1");

	ck_assert(prefix_covers(&wide, &in));
	ck_assert(!prefix_covers(&in, &wide));
	ck_assert(prefix_overlaps(&in, &wide) && prefix_overlaps(&wide, &in));
	ck_assert(!prefix_covers(&wide, &out));
	ck_assert(!prefix_overlaps(&wide, &out));
	ck_assert(prefix_covers(&wide, &wide));
	ck_assert(prefix_covers(&all, &out));
	ck_assert(prefix_covers(&v4, &v4in));
	ck_assert(!prefix_covers(&all, &v4in));	/* another family */
	ck_assert(!prefix_overlaps(&v4, &all));
	ck_assert(prefix_eq(&wide, &wide) && !prefix_eq(&wide, &in));
	ck_assert(!prefix_eq(&v4, &all));
	in = wide;
	in.len = 33;
	ck_assert(!prefix_eq(&wide, &in));
	/* of an IPv4 prefix four octets count, whatever is behind them */
	in = v4in;
	in.in6.s6_addr[9] = 1;
	ck_assert(prefix_eq(&in, &v4in));
}
END_TEST

/* Of every length: the last bit of it counts, the first one behind does not. */
START_TEST(test_covers_by_bits)
{
	static const char *const text[] = { "5a5a:1234:9abc:def0:8001:7ffe:1:2",
		"90.165.1.254" };

	for (size_t f = 0; f < ARRAY_LEN(text); f++) {
		const struct prefix host = pfx(text[f]);

		for (unsigned len = 0; len <= host.len; len++) {
			struct prefix p = host, other = host;

			p.len = (uint8_t)len;
			in6_mask(&p.in6, len);
			ck_assert(prefix_covers(&p, &host));
			if (len < host.len)
				other.in6.s6_addr[len / 8] ^= 0x80 >> len % 8;
			ck_assert(prefix_covers(&p, &other));
			if (len == 0)
				continue;
			other.in6.s6_addr[(len - 1) / 8] ^=
			    0x80 >> (len - 1) % 8;
			ck_assert_msg(!prefix_covers(&p, &other), "%s/%u",
			    text[f], len);
		}
	}
}
END_TEST

START_TEST(test_classes)
{
	static const struct { const char *s; bool global, local; } t[] = {
		{ "2001:db8::1", true, false }, { "fd00::1", true, false },
		{ "::", false, false }, { "::1", false, false },
		{ "fe80::1", false, true }, { "febf::1", false, true },
		{ "ff02::1", false, false }, { "fec0::1", false, false },
		{ "::ffff:192.0.2.1", false, false },
		{ "::192.0.2.1", false, false },
		{ "64:ff9b::1", true, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct in6_addr a = in6(t[i].s);

		ck_assert_msg(in6_is_global_unicast(&a) == t[i].global &&
		    in6_is_linklocal(&a) == t[i].local, "%s", t[i].s);
		ck_assert_int_eq(in6_is_zero(&a), i == 2);
	}
}
END_TEST

START_TEST(test_mac)
{
	static const char *const bad[] = { "", "02:00:00:00:01",
		"02:00:00:00:01:0", "02:00:00:00:01:01:01",
		"02:00:00:00:01:0g", "02.00.00.00.01.01",
		"020000000101     ", "02:00:00:00:01-1", "0/:00:00:00:01:01",
		"@2:00:00:00:01:01" };
	struct mac m, other = { { 0x02, 0, 0, 0xaa, 0xbb, 0xcd } };
	struct in6_addr ll, want = in6("fe80::aaff:fe:aabb:cc00");
	char buf[MAC_STRLEN], text[ADDR_STRLEN];

	ck_assert_int_eq(mac_parse("02:00:00:Aa:bB:cc", &m), 0);
	ck_assert_str_eq(mac_str(&m, buf), "02:00:00:aa:bb:cc");
	ck_assert_int_eq(mac_parse("02-00-00-aa-bb-cc", &m), 0);
	ck_assert(mac_is_unicast(&m) && !mac_is_zero(&m));
	ck_assert(!mac_eq(&m, &other));
	other.b[5] = 0xcc;
	ck_assert(mac_eq(&m, &other));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		ck_assert_msg(mac_parse(bad[i], &m) == -EINVAL, "%s", bad[i]);
	ck_assert(mac_eq(&m, &other));		/* left alone */
	memset(&other, 0xff, sizeof(other));
	ck_assert(!mac_is_unicast(&other));
	memset(&other, 0, sizeof(other));
	ck_assert(!mac_is_unicast(&other) && mac_is_zero(&other));
	/* RFC 4291 appendix A: 34-56-78-9A-BC-DE */
	ck_assert_int_eq(mac_parse("34:56:78:9a:bc:de", &m), 0);
	in6_linklocal_of_mac(&m, &ll);
	ck_assert_str_eq(in6_str(&ll, text), "fe80::3656:78ff:fe9a:bcde");
	ck_assert(!in6_eq(&ll, &want));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("addr");
	TCase *tc = tcase_create("addr");

	tcase_add_test(tc, test_prefix_text);
	tcase_add_test(tc, test_longest_text);
	tcase_add_test(tc, test_mask);
	tcase_add_test(tc, test_covers);
	tcase_add_test(tc, test_covers_by_bits);
	tcase_add_test(tc, test_classes);
	tcase_add_test(tc, test_mac);
	suite_add_tcase(s, tc);
	return suite_run(s);
}

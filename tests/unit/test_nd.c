/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Neighbour Discovery codec: golden packets octet by octet (their
 * checksums are scapy's), every drop reason, packets that are cut, stretched
 * or changed anywhere.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"
#include "nd/nd.h"
#include "suite.h"
#include "unit/text.h"

#define HDR 40			/* of IPv6 */
#define OFF_SUM (HDR + 2)

/* A router's advertisement to all nodes, with every option we write. */
static const uint8_t golden_ra[136] = {
	/*   0 */ 0x60, 0x00, 0x00, 0x00,	/* version 6; class, label 0 */
	/*   4 */ 0x00, 0x60,			/* payload length 96 */
	/*   6 */ 0x3a,				/* next header: ICMPv6 */
	/*   7 */ 0xff,				/* hop limit 255 */
	/*   8 */ 0xfe, 0x80, 0, 0, 0, 0, 0, 0,	/* source fe80::1 */
		  0, 0, 0, 0, 0, 0, 0, 1,
	/*  24 */ 0xff, 0x02, 0, 0, 0, 0, 0, 0,	/* destination ff02::1 */
		  0, 0, 0, 0, 0, 0, 0, 1,
	/*  40 */ 0x86, 0x00,			/* type 134, code 0 */
	/*  42 */ 0x08, 0x63,			/* checksum */
	/*  44 */ 0x40,				/* Cur Hop Limit 64 */
	/*  45 */ 0xc0,				/* M, O */
	/*  46 */ 0x07, 0x08,			/* Router Lifetime 1800 s */
	/*  48 */ 0x00, 0x00, 0x75, 0x30,	/* Reachable Time 30000 ms */
	/*  52 */ 0x00, 0x00, 0x03, 0xe8,	/* Retrans Timer 1000 ms */
	/*  56 */ 0x01, 0x01,			/* Source Link-Layer Addr., 8 */
		  0x02, 0x00, 0x00, 0x00, 0x00, 0x01,
	/*  64 */ 0x05, 0x01,			/* MTU, 8 */
		  0x00, 0x00,			/* reserved */
		  0x00, 0x00, 0x05, 0xac,	/* 1452 */
	/*  72 */ 0x03, 0x04,			/* Prefix Information, 32 */
		  0x40,				/* /64 */
		  0xc0,				/* L, A */
		  0x00, 0x27, 0x8d, 0x00,	/* Valid Lifetime 2592000 s */
		  0x00, 0x09, 0x3a, 0x80,	/* Preferred 604800 s */
		  0x00, 0x00, 0x00, 0x00,	/* reserved */
		  0x20, 0x01, 0x0d, 0xb8, 0x01, 0x00, 0x00, 0x01,
		  0, 0, 0, 0, 0, 0, 0, 0,	/* 2001:db8:100:1:: */
	/* 104 */ 0x03, 0x04, 0x38, 0x00,	/* another, /56, no L, no A */
		  0x00, 0x00, 0x00, 0x00,	/* lifetimes 0: withdrawn */
		  0x00, 0x00, 0x00, 0x00,
		  0x00, 0x00, 0x00, 0x00,
		  0x20, 0x01, 0x0d, 0xb8, 0x02, 0x00, 0x00, 0x00,
		  0, 0, 0, 0, 0, 0, 0, 0,	/* 2001:db8:200:: */
};

static const uint8_t golden_rs[56] = {
	/*   0 */ 0x60, 0x00, 0x00, 0x00, 0x00, 0x10, 0x3a, 0xff,
	/*   8 */ 0xfe, 0x80, 0, 0, 0, 0, 0, 0,	/* source of a node's MAC */
		  0x02, 0x11, 0x22, 0xff, 0xfe, 0x33, 0x44, 0x55,
	/*  24 */ 0xff, 0x02, 0, 0, 0, 0, 0, 0,	/* all routers */
		  0, 0, 0, 0, 0, 0, 0, 2,
	/*  40 */ 0x85, 0x00,			/* type 133, code 0 */
	/*  42 */ 0xad, 0xfb,			/* checksum */
	/*  44 */ 0x00, 0x00, 0x00, 0x00,	/* reserved */
	/*  48 */ 0x01, 0x01,			/* Source Link-Layer Address */
		  0x00, 0x11, 0x22, 0x33, 0x44, 0x55,
};

/* Before duplicate address detection is through: no source, no option. */
static const uint8_t golden_rs_unspecified[48] = {
	/*   0 */ 0x60, 0x00, 0x00, 0x00, 0x00, 0x08, 0x3a, 0xff,
	/*   8 */ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	/*  24 */ 0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2,
	/*  40 */ 0x85, 0x00, 0x7b, 0xb8, 0x00, 0x00, 0x00, 0x00,
};

/* An option nobody knows (14, nonce) before the one we want. */
static const uint8_t golden_rs_odd[72] = {
	/*   0 */ 0x60, 0x00, 0x00, 0x00, 0x00, 0x20, 0x3a, 0xff,
	/*   8 */ 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2,
	/*  24 */ 0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2,
	/*  40 */ 0x85, 0x00, 0x3d, 0x9f, 0x00, 0x00, 0x00, 0x00,
	/*  48 */ 0x0e, 0x02, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35,
		  0x36, 0x37, 0x38, 0x39, 0x61, 0x62, 0x63, 0x64,
	/*  64 */ 0x01, 0x01, 0x00, 0x11, 0x22, 0x33, 0x44, 0x66,
};

static const uint8_t golden_ns[72] = {
	/*   0 */ 0x60, 0x00, 0x00, 0x00, 0x00, 0x20, 0x3a, 0xff,
	/*   8 */ 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
	/*  24 */ 0xff, 0x02, 0, 0, 0, 0, 0, 0,	/* ff02::1:ff33:4455 */
		  0, 0, 0, 1, 0xff, 0x33, 0x44, 0x55,
	/*  40 */ 0x87, 0x00,			/* type 135, code 0 */
	/*  42 */ 0xce, 0x79,			/* checksum */
	/*  44 */ 0x00, 0x00, 0x00, 0x00,	/* reserved */
	/*  48 */ 0xfe, 0x80, 0, 0, 0, 0, 0, 0,	/* target */
		  0x02, 0x11, 0x22, 0xff, 0xfe, 0x33, 0x44, 0x55,
	/*  64 */ 0x01, 0x01,			/* Source Link-Layer Address */
		  0x02, 0x00, 0x00, 0x00, 0x00, 0x01,
};

static const uint8_t golden_ns_dad[64] = {
	/*   0 */ 0x60, 0x00, 0x00, 0x00, 0x00, 0x18, 0x3a, 0xff,
	/*   8 */ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	/*  24 */ 0xff, 0x02, 0, 0, 0, 0, 0, 0,
		  0, 0, 0, 1, 0xff, 0x33, 0x44, 0x55,
	/*  40 */ 0x87, 0x00, 0xa0, 0xcd, 0x00, 0x00, 0x00, 0x00,
	/*  48 */ 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0,
		  0x02, 0x11, 0x22, 0xff, 0xfe, 0x33, 0x44, 0x55,
};

static const uint8_t golden_na[72] = {
	/*   0 */ 0x60, 0x00, 0x00, 0x00, 0x00, 0x20, 0x3a, 0xff,
	/*   8 */ 0xfe, 0x80, 0, 0, 0, 0, 0, 0,
		  0x02, 0x11, 0x22, 0xff, 0xfe, 0x33, 0x44, 0x55,
	/*  24 */ 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
	/*  40 */ 0x88, 0x00,			/* type 136, code 0 */
	/*  42 */ 0xe4, 0x53,			/* checksum */
	/*  44 */ 0x60, 0x00, 0x00, 0x00,	/* S, O */
	/*  48 */ 0xfe, 0x80, 0, 0, 0, 0, 0, 0,	/* target */
		  0x02, 0x11, 0x22, 0xff, 0xfe, 0x33, 0x44, 0x55,
	/*  64 */ 0x02, 0x01,			/* Target Link-Layer Address */
		  0x00, 0x11, 0x22, 0x33, 0x44, 0x55,
};

static const struct golden {
	const char *name;
	const uint8_t *data;
	size_t len;
} goldens[] = {
	{ "rs", golden_rs, sizeof(golden_rs) },
	{ "rs ::", golden_rs_unspecified, sizeof(golden_rs_unspecified) },
	{ "rs odd", golden_rs_odd, sizeof(golden_rs_odd) },
	{ "ns", golden_ns, sizeof(golden_ns) },
	{ "ns dad", golden_ns_dad, sizeof(golden_ns_dad) },
	{ "na", golden_na, sizeof(golden_na) },
};

static const struct mac node_mac = { { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55 } };
static const struct mac router_mac = { { 0x02, 0, 0, 0, 0, 0x01 } };

/* A packet that a test changes; sums are written by another hand than nd.c's:
 * octet by octet over the pseudo-header laid out in memory. */
struct pkt {
	uint8_t b[2048];
	size_t len;
};

static struct pkt
pkt_of(const uint8_t *data, size_t len)
{
	struct pkt p = { .len = len };

	memcpy(p.b, data, len);
	return p;
}

static void
pkt_sum(struct pkt *p)
{
	uint8_t pseudo[2048 + 40] = { 0 };
	size_t icmp = p->len - HDR;
	uint32_t sum = 0;

	memcpy(pseudo, p->b + 8, 32);
	pseudo[34] = (uint8_t)(icmp >> 8);
	pseudo[35] = (uint8_t)icmp;
	pseudo[39] = 58;
	p->b[OFF_SUM] = p->b[OFF_SUM + 1] = 0;
	memcpy(pseudo + 40, p->b + HDR, icmp);
	for (size_t i = 0; i < icmp + 40; i++)
		sum += i % 2 == 0 ? (uint32_t)pseudo[i] << 8 : pseudo[i];
	while (sum > 0xffff)
		sum = (sum >> 16) + (sum & 0xffff);
	sum = ~sum & 0xffff;
	p->b[OFF_SUM] = (uint8_t)(sum >> 8);
	p->b[OFF_SUM + 1] = (uint8_t)sum;
}

/* Payload length and checksum as they should be. */
static void
pkt_fix(struct pkt *p)
{
	p->b[4] = (uint8_t)((p->len - HDR) >> 8);
	p->b[5] = (uint8_t)(p->len - HDR);
	pkt_sum(p);
}

static void
pkt_add(struct pkt *p, const void *data, size_t len)
{
	ck_assert_uint_le(p->len + len, sizeof(p->b));
	memcpy(p->b + p->len, data, len);
	p->len += len;
	pkt_fix(p);
}

/* From memory of exactly this size: a sanitizer sees every octet too many. */
static enum nd_drop
parse(const void *data, size_t len, struct nd_msg *ret)
{
	uint8_t *copy = malloc(len != 0 ? len : 1);
	enum nd_drop d;

	if (len > 0)
		memcpy(copy, data, len);
	d = nd_parse(copy, len, ret);
	free(copy);
	return d;
}

static void
assert_drop(const struct pkt *p, enum nd_drop want)
{
	struct nd_msg m;
	enum nd_drop d = parse(p->b, p->len, &m);

	ck_assert_msg(d == want, "%s instead of %s", nd_drop_desc[d].name,
	    nd_drop_desc[want].name);
}

static void
assert_in6(const struct in6_addr *a, const char *s)
{
	struct in6_addr b = in6(s);

	ck_assert_mem_eq(a, &b, sizeof(b));
}

/* --- golden ------------------------------------------------------------ */

static struct nd_ra
full_ra(void)
{
	struct nd_ra ra = {
		.src = in6("fe80::1"), .dst = in6("ff02::1"), .hop_limit = 64,
		.managed = true, .other = true, .router_lifetime_s = 1800,
		.reachable_ms = 30000, .retrans_ms = 1000, .has_lladdr = true,
		.lladdr = router_mac, .mtu = 1452, .npio = 2,
		.pio = {
			{ .onlink = true, .autonomous = true,
			  .valid_s = 2592000, .preferred_s = 604800 },
			{ .valid_s = 0 },
		},
	};

	ck_assert_int_eq(prefix_parse("2001:db8:100:1::/64",
	    &ra.pio[0].prefix), 0);
	ck_assert_int_eq(prefix_parse("2001:db8:200::/56",
	    &ra.pio[1].prefix), 0);
	return ra;
}

START_TEST(test_nd_build_ra_golden)
{
	struct nd_ra ra = full_ra();
	uint8_t buf[ND_PKT_MAX];

	ck_assert_int_eq(nd_build_ra(&ra, buf, sizeof(buf)),
	    sizeof(golden_ra));
	ck_assert_mem_eq(buf, golden_ra, sizeof(golden_ra));
}
END_TEST

/* Without options; each flag is its own. */
START_TEST(test_nd_build_ra_plain)
{
	struct nd_ra ra = { .src = in6("fe80::1"), .dst = in6("ff02::1"),
		.managed = true };
	uint8_t buf[ND_PKT_MAX];
	struct pkt p;

	ck_assert_int_eq(nd_build_ra(&ra, buf, sizeof(buf)), HDR + 16);
	ck_assert_uint_eq(buf[45], 0x80);
	p = pkt_of(buf, HDR + 16);
	pkt_fix(&p);
	ck_assert_mem_eq(buf, p.b, p.len);
	ra.managed = false;
	ra.other = true;
	ck_assert_int_eq(nd_build_ra(&ra, buf, sizeof(buf)), HDR + 16);
	ck_assert_uint_eq(buf[45], 0x40);
	ra.npio = 1;
	ra.pio[0].onlink = true;
	ck_assert_int_eq(nd_build_ra(&ra, buf, sizeof(buf)), HDR + 48);
	ck_assert_uint_eq(buf[HDR + 16 + 3], 0x80);
	ra.pio[0] = (struct nd_pio){ .autonomous = true };
	ck_assert_int_eq(nd_build_ra(&ra, buf, sizeof(buf)), HDR + 48);
	ck_assert_uint_eq(buf[HDR + 16 + 3], 0x40);
}
END_TEST

START_TEST(test_nd_build_too_small)
{
	struct in6_addr a = in6("fe80::1"), b = in6("fe80::2");
	struct nd_ra ra = full_ra();
	uint8_t buf[ND_PKT_MAX];

	for (size_t cap = 0; cap < sizeof(golden_ra); cap++) {
		/* of exactly this size, for the sanitizer */
		uint8_t *small = malloc(cap != 0 ? cap : 1);

		ck_assert_int_eq(nd_build_ra(&ra, small, cap), -EMSGSIZE);
		if (cap < sizeof(golden_ns)) {
			ck_assert_int_eq(nd_build_ns(&a, &b, &b, &node_mac,
			    small, cap), -EMSGSIZE);
			ck_assert_int_eq(nd_build_na(&a, &b, &b, &node_mac,
			    true, true, true, small, cap), -EMSGSIZE);
		}
		free(small);
	}
	ra.npio = ND_RA_PIO_MAX + 1;
	ck_assert_int_eq(nd_build_ra(&ra, buf, sizeof(buf)), -EINVAL);
}
END_TEST

START_TEST(test_nd_build_ns_golden)
{
	struct in6_addr src = in6("fe80::1"), dst = in6("ff02::1:ff33:4455"),
	    target = in6("fe80::211:22ff:fe33:4455");
	struct in6_addr unspecified = IN6ADDR_ANY_INIT,
	    wanted = in6("2001:db8::211:22ff:fe33:4455");
	uint8_t buf[ND_PKT_MAX];

	ck_assert_int_eq(nd_build_ns(&src, &dst, &target, &router_mac, buf,
	    sizeof(buf)), sizeof(golden_ns));
	ck_assert_mem_eq(buf, golden_ns, sizeof(golden_ns));
	ck_assert_int_eq(nd_build_ns(&unspecified, &dst, &wanted, NULL, buf,
	    sizeof(buf)), sizeof(golden_ns_dad));
	ck_assert_mem_eq(buf, golden_ns_dad, sizeof(golden_ns_dad));
}
END_TEST

START_TEST(test_nd_build_na_golden)
{
	struct in6_addr node = in6("fe80::211:22ff:fe33:4455"),
	    dst = in6("fe80::1");
	uint8_t buf[ND_PKT_MAX];

	ck_assert_int_eq(nd_build_na(&node, &dst, &node, &node_mac, false,
	    true, true, buf, sizeof(buf)), sizeof(golden_na));
	ck_assert_mem_eq(buf, golden_na, sizeof(golden_na));
}
END_TEST

START_TEST(test_nd_parse_rs)
{
	struct nd_msg m;

	ck_assert_int_eq(parse(golden_rs, sizeof(golden_rs), &m), NDP_OK);
	ck_assert_uint_eq(m.type, ND_RS);
	assert_in6(&m.src, "fe80::211:22ff:fe33:4455");
	assert_in6(&m.dst, "ff02::2");
	assert_in6(&m.target, "::");
	ck_assert(m.has_lladdr && mac_eq(&m.lladdr, &node_mac));
	ck_assert(!m.solicited && !m.override && !m.router);

	ck_assert_int_eq(parse(golden_rs_unspecified,
	    sizeof(golden_rs_unspecified), &m), NDP_OK);
	ck_assert_uint_eq(m.type, ND_RS);
	assert_in6(&m.src, "::");
	ck_assert(!m.has_lladdr);
}
END_TEST

/* Unknown options are skipped (RFC 4861 6.1.1), the known one is found. */
START_TEST(test_nd_parse_unknown_option)
{
	static const struct mac want = { { 0, 0x11, 0x22, 0x33, 0x44, 0x66 } };
	struct nd_msg m;

	ck_assert_int_eq(parse(golden_rs_odd, sizeof(golden_rs_odd), &m),
	    NDP_OK);
	ck_assert(m.has_lladdr && mac_eq(&m.lladdr, &want));
}
END_TEST

START_TEST(test_nd_parse_ns)
{
	struct nd_msg m;

	ck_assert_int_eq(parse(golden_ns, sizeof(golden_ns), &m), NDP_OK);
	ck_assert_uint_eq(m.type, ND_NS);
	assert_in6(&m.src, "fe80::1");
	assert_in6(&m.dst, "ff02::1:ff33:4455");
	assert_in6(&m.target, "fe80::211:22ff:fe33:4455");
	ck_assert(m.has_lladdr && mac_eq(&m.lladdr, &router_mac));

	ck_assert_int_eq(parse(golden_ns_dad, sizeof(golden_ns_dad), &m),
	    NDP_OK);
	assert_in6(&m.target, "2001:db8::211:22ff:fe33:4455");
	ck_assert(!m.has_lladdr);
}
END_TEST

START_TEST(test_nd_parse_na)
{
	struct nd_msg m;

	ck_assert_int_eq(parse(golden_na, sizeof(golden_na), &m), NDP_OK);
	ck_assert_uint_eq(m.type, ND_NA);
	assert_in6(&m.src, "fe80::211:22ff:fe33:4455");
	assert_in6(&m.dst, "fe80::1");
	assert_in6(&m.target, "fe80::211:22ff:fe33:4455");
	ck_assert(m.has_lladdr && mac_eq(&m.lladdr, &node_mac));
	ck_assert(m.solicited && m.override && !m.router);
}
END_TEST

/* The law of codecs, over all flags, with and without option. */
START_TEST(test_nd_build_parse)
{
	struct in6_addr src = in6("fe80::211:22ff:fe33:4455"),
	    dst = in6("2001:db8::7"), target = in6("2001:db8::9");
	uint8_t buf[ND_PKT_MAX];
	struct nd_msg m;
	int n;

	for (unsigned bits = 0; bits < 16; bits++) {
		bool router = bits & 1, solicited = bits & 2,
		    override = bits & 4, ll = bits & 8;

		n = nd_build_na(&src, &dst, &target, ll ? &node_mac : NULL,
		    router, solicited, override, buf, sizeof(buf));
		ck_assert_int_eq(n, ll ? 72 : 64);
		ck_assert_int_eq(parse(buf, (size_t)n, &m), NDP_OK);
		ck_assert(m.type == ND_NA && m.router == router &&
		    m.solicited == solicited && m.override == override &&
		    m.has_lladdr == ll);
		ck_assert(in6_eq(&m.src, &src) && in6_eq(&m.dst, &dst) &&
		    in6_eq(&m.target, &target));
		ck_assert(!ll || mac_eq(&m.lladdr, &node_mac));

		n = nd_build_ns(&src, &dst, &target, ll ? &node_mac : NULL,
		    buf, sizeof(buf));
		ck_assert_int_eq(n, ll ? 72 : 64);
		ck_assert_int_eq(parse(buf, (size_t)n, &m), NDP_OK);
		ck_assert(m.type == ND_NS && m.has_lladdr == ll &&
		    !m.router && !m.solicited && !m.override);
		ck_assert(in6_eq(&m.src, &src) && in6_eq(&m.dst, &dst) &&
		    in6_eq(&m.target, &target));
		ck_assert(!ll || mac_eq(&m.lladdr, &node_mac));
	}
}
END_TEST

/* --- drops ------------------------------------------------------------- */

START_TEST(test_nd_drop_not_nd)
{
	struct pkt p = pkt_of(golden_ra, sizeof(golden_ra));

	assert_drop(&p, NDP_NOT_ND);		/* a router ignores RAs */
	for (unsigned type = 0; type < 256; type++) {
		p = pkt_of(golden_rs, sizeof(golden_rs));
		p.b[HDR] = (uint8_t)type;
		pkt_fix(&p);
		if (type != ND_RS && type != ND_NS && type != ND_NA)
			assert_drop(&p, NDP_NOT_ND);
	}
	p = pkt_of(golden_rs, sizeof(golden_rs));
	p.b[6] = 17;				/* UDP */
	assert_drop(&p, NDP_NOT_ND);
	p = pkt_of(golden_rs, sizeof(golden_rs));
	p.b[0] = 0x45;				/* IPv4 */
	assert_drop(&p, NDP_NOT_ND);
}
END_TEST

START_TEST(test_nd_drop_short)
{
	struct pkt p = pkt_of(golden_rs, HDR + 4);

	pkt_fix(&p);
	assert_drop(&p, NDP_SHORT);
	/* an NS as short as an RS */
	p = pkt_of(golden_rs_unspecified, sizeof(golden_rs_unspecified));
	p.b[HDR] = ND_NS;
	pkt_fix(&p);
	assert_drop(&p, NDP_SHORT);
	/* the header promises more than came */
	p = pkt_of(golden_rs, sizeof(golden_rs));
	p.b[5]++;
	assert_drop(&p, NDP_SHORT);
}
END_TEST

START_TEST(test_nd_drop_hop_limit)
{
	struct pkt p = pkt_of(golden_rs, sizeof(golden_rs));

	for (unsigned hops = 0; hops < 255; hops++) {
		p.b[7] = (uint8_t)hops;
		assert_drop(&p, NDP_HOPLIMIT);
	}
}
END_TEST

START_TEST(test_nd_drop_checksum)
{
	for (unsigned g = 0; g < ARRAY_LEN(goldens); g++) {
		/* both addresses and all of ICMPv6 count */
		for (size_t bit = 8 * 8; bit < goldens[g].len * 8; bit++) {
			struct pkt p = pkt_of(goldens[g].data,
			    goldens[g].len);

			if (bit / 8 == HDR)	/* the type: another story */
				continue;
			p.b[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
			assert_drop(&p, NDP_CHECKSUM);
		}
	}
}
END_TEST

START_TEST(test_nd_drop_code)
{
	for (unsigned g = 0; g < ARRAY_LEN(goldens); g++) {
		struct pkt p = pkt_of(goldens[g].data, goldens[g].len);

		p.b[HDR + 1] = 1;
		pkt_fix(&p);
		assert_drop(&p, NDP_CODE);
	}
}
END_TEST

START_TEST(test_nd_drop_option_zero)
{
	struct pkt p = pkt_of(golden_rs, sizeof(golden_rs));
	static const uint8_t zero[8] = { 77, 0 };

	pkt_add(&p, zero, sizeof(zero));
	assert_drop(&p, NDP_OPT_ZERO);
	p = pkt_of(golden_na, sizeof(golden_na));
	p.b[65] = 0;
	pkt_fix(&p);
	assert_drop(&p, NDP_OPT_ZERO);
}
END_TEST

START_TEST(test_nd_drop_option_overrun)
{
	struct pkt p = pkt_of(golden_rs, sizeof(golden_rs));

	p.b[49] = 2;			/* 16 octets, 8 are there */
	pkt_fix(&p);
	assert_drop(&p, NDP_OPT_OVERRUN);
	p.b[49] = 255;
	pkt_fix(&p);
	assert_drop(&p, NDP_OPT_OVERRUN);
	p = pkt_of(golden_rs, sizeof(golden_rs));
	pkt_add(&p, "\x0e", 1);		/* a type without length */
	assert_drop(&p, NDP_OPT_OVERRUN);
}
END_TEST

START_TEST(test_nd_drop_option_many)
{
	static const uint8_t opt[8] = { 77, 1 };
	struct pkt p = pkt_of(golden_rs, sizeof(golden_rs));

	for (unsigned i = 1; i < ND_OPTS_MAX; i++)
		pkt_add(&p, opt, sizeof(opt));
	assert_drop(&p, NDP_OK);
	pkt_add(&p, opt, sizeof(opt));
	assert_drop(&p, NDP_OPT_MANY);
}
END_TEST

START_TEST(test_nd_drop_source)
{
	static const char *const bad[] = { "ff02::1", "::1" };
	struct in6_addr a;
	struct pkt p;

	for (unsigned g = 0; g < ARRAY_LEN(goldens); g++) {
		for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
			p = pkt_of(goldens[g].data, goldens[g].len);
			a = in6(bad[i]);
			memcpy(p.b + 8, &a, sizeof(a));
			pkt_fix(&p);
			assert_drop(&p, NDP_SRC);
		}
	}
	/* :: with an address option (6.1.1, 7.1.1); an NA from nobody */
	p = pkt_of(golden_rs, sizeof(golden_rs));
	memset(p.b + 8, 0, 16);
	pkt_fix(&p);
	assert_drop(&p, NDP_SRC);
	p = pkt_of(golden_ns, sizeof(golden_ns));
	memset(p.b + 8, 0, 16);
	pkt_fix(&p);
	assert_drop(&p, NDP_SRC);
	p = pkt_of(golden_na, HDR + 24);
	memset(p.b + 8, 0, 16);
	pkt_fix(&p);
	assert_drop(&p, NDP_SRC);
}
END_TEST

START_TEST(test_nd_drop_destination)
{
	/* DAD asks the solicited-node group and nobody else */
	static const char *const bad[] = { "ff02::1", "fe80::1",
		"ff05::1:ff33:4455", "ff02::2:ff33:4455",
		"ff02:1::1:ff33:4455", "ff02::1:fe33:4455" };
	struct in6_addr a;
	struct pkt p;

	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		p = pkt_of(golden_ns_dad, sizeof(golden_ns_dad));
		a = in6(bad[i]);
		memcpy(p.b + 24, &a, sizeof(a));
		pkt_fix(&p);
		assert_drop(&p, NDP_DST);
	}
	/* an answer to nobody's question is not solicited (7.1.2) */
	p = pkt_of(golden_na, sizeof(golden_na));
	a = in6("ff02::1");
	memcpy(p.b + 24, &a, sizeof(a));
	pkt_fix(&p);
	assert_drop(&p, NDP_DST);
	p.b[44] = 0x20;			/* O only: fine */
	pkt_fix(&p);
	assert_drop(&p, NDP_OK);
}
END_TEST

START_TEST(test_nd_drop_target)
{
	struct in6_addr a = in6("ff02::1:ff33:4455");
	struct pkt p = pkt_of(golden_ns, sizeof(golden_ns));

	memcpy(p.b + 48, &a, sizeof(a));
	pkt_fix(&p);
	assert_drop(&p, NDP_TARGET);
	p = pkt_of(golden_na, sizeof(golden_na));
	memcpy(p.b + 48, &a, sizeof(a));
	pkt_fix(&p);
	assert_drop(&p, NDP_TARGET);
}
END_TEST

START_TEST(test_nd_drop_desc_named)
{
	for (unsigned i = 0; i < ND_DROP_MAX; i++) {
		ck_assert_ptr_nonnull(nd_drop_desc[i].name);
		ck_assert_ptr_nonnull(nd_drop_desc[i].help);
		for (unsigned j = 0; j < i; j++)
			ck_assert_str_ne(nd_drop_desc[i].name,
			    nd_drop_desc[j].name);
	}
}
END_TEST

/* --- tolerated --------------------------------------------------------- */

/* Octets behind the payload are the link's padding. */
START_TEST(test_nd_parse_padding)
{
	struct pkt p = pkt_of(golden_rs_unspecified,
	    sizeof(golden_rs_unspecified));

	memset(p.b + p.len, 0xee, 60);
	p.len += 60;
	assert_drop(&p, NDP_OK);
}
END_TEST

/* Reserved fields are ignored, of options as well (RFC 4861 4). */
START_TEST(test_nd_parse_reserved)
{
	struct pkt p = pkt_of(golden_na, sizeof(golden_na));
	struct nd_msg m;

	p.b[44] = 0x1f;
	p.b[45] = p.b[46] = p.b[47] = 0xff;
	pkt_fix(&p);
	ck_assert_int_eq(parse(p.b, p.len, &m), NDP_OK);
	ck_assert(!m.router && !m.solicited && !m.override);
	p = pkt_of(golden_rs, sizeof(golden_rs));
	memset(p.b + 44, 0xff, 4);
	p.b[1] = 0xe0;			/* traffic class, flow label */
	p.b[3] = 0x77;
	pkt_fix(&p);
	assert_drop(&p, NDP_OK);
}
END_TEST

/* The first of two wins; another length is another kind of link's address. */
START_TEST(test_nd_parse_lladdr_which)
{
	static const uint8_t second[8] = { 1, 1, 2, 2, 2, 2, 2, 2 };
	static const uint8_t wide[16] = { 1, 2, 2, 2, 2, 2, 2, 2 };
	static const uint8_t target[8] = { 2, 1, 2, 2, 2, 2, 2, 2 };
	struct pkt p = pkt_of(golden_rs, sizeof(golden_rs));
	struct nd_msg m;

	pkt_add(&p, second, sizeof(second));
	ck_assert_int_eq(parse(p.b, p.len, &m), NDP_OK);
	ck_assert(mac_eq(&m.lladdr, &node_mac));
	p = pkt_of(golden_rs, HDR + 8);
	pkt_add(&p, wide, sizeof(wide));
	ck_assert_int_eq(parse(p.b, p.len, &m), NDP_OK);
	ck_assert(!m.has_lladdr);
	/* an option of the other direction says nothing */
	p = pkt_of(golden_rs, HDR + 8);
	pkt_add(&p, target, sizeof(target));
	ck_assert_int_eq(parse(p.b, p.len, &m), NDP_OK);
	ck_assert(!m.has_lladdr);
	p = pkt_of(golden_na, HDR + 24);
	pkt_add(&p, second, sizeof(second));
	ck_assert_int_eq(parse(p.b, p.len, &m), NDP_OK);
	ck_assert(!m.has_lladdr);
}
END_TEST

/* --- cut and changed --------------------------------------------------- */

START_TEST(test_nd_parse_cut_anywhere)
{
	struct nd_msg m;

	for (unsigned g = 0; g < ARRAY_LEN(goldens); g++) {
		for (size_t len = 0; len < goldens[g].len; len++) {
			enum nd_drop d = parse(goldens[g].data, len, &m);

			ck_assert_msg(d == NDP_SHORT, "%s cut to %zu: %s",
			    goldens[g].name, len, nd_drop_desc[d].name);
		}
	}
}
END_TEST

/* Cut, and lengths and checksum pretend that nothing happened. */
START_TEST(test_nd_parse_cut_consistent)
{
	for (unsigned g = 0; g < ARRAY_LEN(goldens); g++) {
		size_t fixed = HDR + (goldens[g].data[HDR] == ND_RS ? 8 : 24);

		for (size_t len = HDR + 4; len < goldens[g].len; len++) {
			struct pkt p = pkt_of(goldens[g].data, len);
			bool whole = len == fixed ||
			    (goldens[g].data == golden_rs_odd && len == 64);

			pkt_fix(&p);
			assert_drop(&p, len < fixed ? NDP_SHORT : whole ?
			    NDP_OK : NDP_OPT_OVERRUN);
		}
	}
}
END_TEST

/* A few octets changed, the checksum right: any verdict, no harm. */
START_TEST(test_nd_parse_mutated)
{
	uint32_t seed = 20240229, seen = 0;

	for (unsigned round = 0; round < 200000; round++) {
		const struct golden *g = &goldens[round % ARRAY_LEN(goldens)];
		struct pkt p = pkt_of(g->data, g->len);
		struct nd_msg m;
		enum nd_drop d;

		for (unsigned i = 0; i < 3; i++) {
			seed = seed * 1664525 + 1013904223;
			p.b[(seed >> 8) % p.len] = (uint8_t)(seed >> 24);
		}
		pkt_sum(&p);
		d = parse(p.b, p.len, &m);
		ck_assert_uint_lt(d, ND_DROP_MAX);
		seen |= 1u << d;
	}
	/* it gets around */
	ck_assert_uint_ge((unsigned)__builtin_popcount(seen), 7);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("nd");
	TCase *tc = tcase_create("golden");

	tcase_add_test(tc, test_nd_build_ra_golden);
	tcase_add_test(tc, test_nd_build_ra_plain);
	tcase_add_test(tc, test_nd_build_too_small);
	tcase_add_test(tc, test_nd_build_ns_golden);
	tcase_add_test(tc, test_nd_build_na_golden);
	tcase_add_test(tc, test_nd_parse_rs);
	tcase_add_test(tc, test_nd_parse_unknown_option);
	tcase_add_test(tc, test_nd_parse_ns);
	tcase_add_test(tc, test_nd_parse_na);
	tcase_add_test(tc, test_nd_build_parse);
	suite_add_tcase(s, tc);

	tc = tcase_create("drops");
	tcase_add_test(tc, test_nd_drop_not_nd);
	tcase_add_test(tc, test_nd_drop_short);
	tcase_add_test(tc, test_nd_drop_hop_limit);
	tcase_add_test(tc, test_nd_drop_checksum);
	tcase_add_test(tc, test_nd_drop_code);
	tcase_add_test(tc, test_nd_drop_option_zero);
	tcase_add_test(tc, test_nd_drop_option_overrun);
	tcase_add_test(tc, test_nd_drop_option_many);
	tcase_add_test(tc, test_nd_drop_source);
	tcase_add_test(tc, test_nd_drop_destination);
	tcase_add_test(tc, test_nd_drop_target);
	tcase_add_test(tc, test_nd_drop_desc_named);
	suite_add_tcase(s, tc);

	tc = tcase_create("tolerated");
	tcase_add_test(tc, test_nd_parse_padding);
	tcase_add_test(tc, test_nd_parse_reserved);
	tcase_add_test(tc, test_nd_parse_lladdr_which);
	suite_add_tcase(s, tc);

	tc = tcase_create("changed");
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_nd_parse_cut_anywhere);
	tcase_add_test(tc, test_nd_parse_cut_consistent);
	tcase_add_test(tc, test_nd_parse_mutated);
	suite_add_tcase(s, tc);
	return suite_run(s);
}

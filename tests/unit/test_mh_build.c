/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Mobility Header builder: each option's octets and alignment, the law
 * parse(build(x)) = x for random messages, the checksum against another
 * calculation, and what it refuses to build.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <errno.h>

#include "core/util.h"
#include "mh/mh.h"
#include "suite.h"
#include "unit/mh_eq.h"

static const struct in6_addr src = { .s6_addr = { 0x20, 0x01, 0x0d, 0xb8, 0,
	0x0b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 } };
static const struct in6_addr dst = { .s6_addr = { 0x20, 0x01, 0x0d, 0xb8, 0,
	0x0a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 } };

#define A16 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0x02, 0, 0x5e, 0xff, 0xfe, 0, 0x53, 1
#define IN4(a, b, c, d) { .s_addr = __builtin_bswap32((uint32_t)(a) << 24 | \
	(b) << 16 | (c) << 8 | (d)) }

/*
 * A Binding Update with one option: what follows the 12 octets of its fixed
 * part (PROTOCOL 2.7).
 */
static const struct {
	const char *name;
	struct mh_opts o;
	uint8_t len;
	uint8_t b[44];
} golden[] = {
	{ "refresh-advice", { .have = MHO_REFRESH_ADVICE,
	    .refresh_advice_4s = 0x0102 }, 4, {
	/* 12 */ 0x02, 0x02,		/* 2n */
		 0x01, 0x02,		/* Refresh Interval, 4 s */
	} },
	{ "alternate-coa", { .have = MHO_ALT_COA, .alt_coa.s6_addr = { A16 } },
	    20, {
	/* 12 */ 0x01, 0x00,		/* PadN: 2 octets */
	/* 14 */ 0x03, 0x10,		/* 8n+6 */
		 A16,			/* address */
	} },
	{ "mn-id", { .have = MHO_MN_ID, .mn_id = "a@b", .mn_id_len = 3,
	    .mn_id_subtype = 1 }, 12, {
	/* 12 */ 0x08, 0x04,		/* any offset */
		 0x01, 'a', '@', 'b',	/* Subtype NAI, identifier */
	/* 18 */ 0x01, 0x04, 0, 0, 0, 0,
	} },
	{ "mn-id, empty", { .have = MHO_MN_ID, .mn_id_subtype = 1 }, 4, {
	/* 12 */ 0x08, 0x01, 0x01,	/* Subtype NAI, nothing */
	/* 15 */ 0x00,			/* Pad1 */
	} },
	{ "service", { .have = MHO_SERVICE, .service = "ims",
	    .service_len = 3 }, 12, {
	/* 12 */ 0x14, 0x03, 'i', 'm', 's',
	/* 17 */ 0x01, 0x05, 0, 0, 0, 0, 0,
	} },
	{ "hnp", { .have = MHO_HNP, .nhnp = 1, .hnp[0] = { .family = AF_INET6,
	    .len = 128, .in6.s6_addr = { A16 } } }, 20, {
	/* 12 */ 0x16, 0x12,		/* 8n+4 */
		 0x00,			/* Reserved */
		 0x80,			/* Prefix Length: a home address */
		 A16,
	} },
	{ "hnp, two", { .have = MHO_HNP, .nhnp = 2, .hnp = { { .family =
	    AF_INET6, .len = 7, .in6.s6_addr = { 0xfc } }, { .family =
	    AF_INET6 } } }, 44, {
	/* 12 */ 0x16, 0x12, 0x00, 0x07,
		 0xfc, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	/* 32 */ 0x01, 0x02, 0, 0,	/* PadN: 4 octets */
	/* 36 */ 0x16, 0x12, 0x00, 0x00,	/* ALL_ZERO, 8n+4 */
		 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	/* 56 */
	} },
	{ "handoff", { .have = MHO_HANDOFF, .handoff = 5 }, 4, {
	/* 12 */ 0x17, 0x02, 0x00, 0x05,	/* Reserved, HI */
	} },
	{ "access-tech", { .have = MHO_ACCESS_TECH, .access_tech = 4 }, 4, {
	/* 12 */ 0x18, 0x02, 0x00, 0x04,	/* Reserved, ATT */
	} },
	{ "ll-id", { .have = MHO_LL_ID, .ll_id_len = 6, .ll_id =
	    (const uint8_t[]){ 0x02, 0, 0x5e, 0, 0x53, 1 } }, 20, {
	/* 12 */ 0x01, 0x02, 0, 0,	/* PadN: 4 octets */
	/* 16 */ 0x19, 0x08,		/* 8n */
		 0x00, 0x00,		/* Reserved */
		 0x02, 0x00, 0x5e, 0x00, 0x53, 0x01,
	/* 26 */ 0x01, 0x04, 0, 0, 0, 0,
	} },
	{ "link-local", { .have = MHO_LINK_LOCAL,
	    .link_local.s6_addr = { A16 } }, 20, {
	/* 12 */ 0x01, 0x00,		/* PadN: 2 octets */
	/* 14 */ 0x1a, 0x10,		/* 8n+6 */
		 A16,
	} },
	{ "time-stamp", { .have = MHO_TIMESTAMP,
	    .timestamp = 0x00006553f1008000ULL }, 20, {
	/* 12 */ 0x01, 0x04, 0, 0, 0, 0,	/* PadN: 6 octets */
	/* 18 */ 0x1b, 0x08,		/* 8n+2 */
		 0x00, 0x00, 0x65, 0x53, 0xf1, 0x00,	/* seconds */
		 0x80, 0x00,		/* 1/65536 s */
	/* 28 */ 0x01, 0x02, 0, 0,
	} },
	{ "restart", { .have = MHO_RESTART, .restart = 0x01020304 }, 12, {
	/* 12 */ 0x01, 0x00,		/* PadN: 2 octets */
	/* 14 */ 0x1c, 0x04,		/* 4n+2 */
		 0x01, 0x02, 0x03, 0x04,
	/* 20 */ 0x01, 0x02, 0, 0,
	} },
	{ "ip4-hoa", { .have = MHO_IP4_HOA, .ip4_hoa = {
	    IN4(192, 0, 2, 11), 24, 0, true } }, 12, {
	/* 12 */ 0x1d, 0x06,		/* 4n */
		 0x62, 0x00,		/* 24 << 10, P */
		 192, 0, 2, 11,
	/* 20 */ 0x01, 0x02, 0, 0,
	} },
	{ "ip4-ack", { .have = MHO_IP4_ACK, .ip4_ack = {
	    IN4(192, 0, 2, 11), 24, 129, false } }, 12, {
	/* 12 */ 0x1e, 0x06,		/* 4n */
		 0x81, 0x60,		/* Status, 24 << 2 */
		 192, 0, 2, 11,
	/* 20 */ 0x01, 0x02, 0, 0,
	} },
	{ "ip4-request", { .have = MHO_IP4_REQ, .ip4_req = {
	    IN4(192, 0, 2, 11), 32, 0, false } }, 12, {
	/* 12 */ 0x24, 0x06,		/* 4n */
		 0x80, 0x00,		/* 32 << 10 */
		 192, 0, 2, 11,
	/* 20 */ 0x01, 0x02, 0, 0,
	} },
	{ "ip4-reply", { .have = MHO_IP4_REPLY, .ip4_reply = {
	    IN4(192, 0, 2, 11), 24, 130, false } }, 12, {
	/* 12 */ 0x25, 0x06,		/* 4n */
		 0x82, 0x60,		/* Status, 24 << 2 */
		 192, 0, 2, 11,
	/* 20 */ 0x01, 0x02, 0, 0,
	} },
	{ "ip4-router", { .have = MHO_IP4_ROUTER, .ip4_router =
	    IN4(192, 0, 2, 1) }, 12, {
	/* 12 */ 0x26, 0x06,		/* 4n */
		 0x00, 0x00,		/* Reserved */
		 192, 0, 2, 1,
	/* 20 */ 0x01, 0x02, 0, 0,
	} },
	{ "ip4-dhcp", { .have = MHO_IP4_DHCP, .ip4_dhcp_server = true }, 4, {
	/* 12 */ 0x27, 0x02, 0x00, 0x01,	/* S */
	} },
};

/* RFC 1071 as it is written: 16-bit words of pseudo-header and message. */
static uint16_t
naive_checksum(const uint8_t *m, size_t len, const struct in6_addr *s,
    const struct in6_addr *d)
{
	uint8_t b[40 + MH_MAX_LEN + 1] = { 0 };
	uint32_t sum = 0;
	size_t i;

	memcpy(b, s, 16);
	memcpy(b + 16, d, 16);
	b[34] = (uint8_t)(len >> 8);
	b[35] = (uint8_t)len;
	b[39] = 135;
	memcpy(b + 40, m, len);
	b[44] = b[45] = 0;
	for (i = 0; i < 40 + len; i += 2) {
		sum += (uint32_t)b[i] << 8 | b[i + 1];
		if (sum > 0xffff)
			sum -= 0xffff;
	}
	return (uint16_t)~sum;
}

/* xorshift64: the same numbers in every run. */
static uint64_t
rnd(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

static void
rnd_fill(uint64_t *s, void *p, size_t n)
{
	uint8_t *b = p;

	while (n-- > 0)
		*b++ = (uint8_t)(rnd(s) >> 32);
}

static struct mh_ip4
rnd_ip4(uint64_t *s, bool request, bool answer)
{
	struct mh_ip4 v = { .plen = (uint8_t)(rnd(s) % 33) };

	rnd_fill(s, &v.addr, sizeof(v.addr));
	v.prefix_request = request && rnd(s) % 2 == 0;
	if (answer)
		v.status = (uint8_t)rnd(s);
	return v;
}

#define ALL_OPTS (((uint32_t)MHO_SERVICE << 1) - 1 - MHO_TIMESTAMP_BAD)

static void
rnd_opts(uint64_t *s, struct mh_opts *o, uint8_t text[3][256])
{
	unsigned i, k;
	struct in6_addr a;

	memset(o, 0, sizeof(*o));
	o->have = (uint32_t)rnd(s) & (uint32_t)rnd(s) & ALL_OPTS;
	if (rnd(s) % 50 == 0)
		o->have = ALL_OPTS;
	o->refresh_advice_4s = (uint16_t)rnd(s);
	rnd_fill(s, &o->alt_coa, 16);
	rnd_fill(s, &o->link_local, 16);
	for (k = 0; k < 3; k++)
		for (i = 0; i < 256; i++)	/* no NUL */
			text[k][i] = (uint8_t)(1 + rnd(s) % 255);
	o->mn_id = (const char *)text[0];
	o->mn_id_len = (uint8_t)(rnd(s) % 254);
	o->mn_id_subtype = (uint8_t)rnd(s);
	o->service = (const char *)text[1];
	o->service_len = (uint8_t)(1 + rnd(s) % 255);
	o->ll_id = text[2];
	o->ll_id_len = (uint8_t)(rnd(s) % 254);
	o->nhnp = (uint8_t)(1 + rnd(s) % MH_HNP_MAX);
	for (i = 0; i < o->nhnp; i++) {
		k = (unsigned)(rnd(s) % 129);
		rnd_fill(s, &a, sizeof(a));
		in6_mask(&a, k);
		prefix_from_in6(&o->hnp[i], &a, k);
	}
	o->handoff = (uint8_t)rnd(s);
	o->access_tech = (uint8_t)rnd(s);
	o->timestamp = rnd(s);
	o->restart = (uint32_t)rnd(s);
	o->ip4_hoa = rnd_ip4(s, true, false);
	o->ip4_req = rnd_ip4(s, false, false);
	o->ip4_ack = rnd_ip4(s, false, true);
	o->ip4_reply = rnd_ip4(s, false, true);
	rnd_fill(s, &o->ip4_router, sizeof(o->ip4_router));
	o->ip4_dhcp_server = rnd(s) % 2 == 0;
}

static void
rnd_msg(uint64_t *s, struct mh_msg *m, uint8_t text[3][256])
{
	memset(m, 0, sizeof(*m));
	m->type = (uint8_t)(MH_BU + rnd(s) % 3);
	if (m->type == MH_BU) {
		m->bu.seq = (uint16_t)rnd(s);
		m->bu.flags = (uint16_t)rnd(s);
		m->bu.lifetime_4s = (uint16_t)rnd(s);
	} else if (m->type == MH_BA) {
		m->ba.seq = (uint16_t)rnd(s);
		m->ba.status = (uint8_t)rnd(s);
		m->ba.flags = (uint8_t)rnd(s);
		m->ba.lifetime_4s = (uint16_t)rnd(s);
	} else {
		m->be.status = (uint8_t)rnd(s);
		rnd_fill(s, &m->be.home, 16);
	}
	rnd_opts(s, &m->o, text);
}

/* Options one by one, by hand: every one where PROTOCOL 2.7 wants it. */
static unsigned
check_alignment(const uint8_t *b, size_t len)
{
	static const struct { uint8_t type, x, y; } want[] = {
		{ 2, 2, 0 }, { 3, 8, 6 }, { 8, 1, 0 }, { 20, 1, 0 },
		{ 22, 8, 4 }, { 23, 1, 0 }, { 24, 1, 0 }, { 25, 8, 0 },
		{ 26, 8, 6 }, { 27, 8, 2 }, { 28, 4, 2 }, { 29, 4, 0 },
		{ 30, 4, 0 }, { 36, 4, 0 }, { 37, 4, 0 }, { 38, 4, 0 },
		{ 39, 1, 0 },
	};
	size_t off = b[2] == MH_BE ? 24 : 12;
	unsigned i, k, n = 0;

	ck_assert_uint_eq(len % 8, 0);
	ck_assert_uint_eq(len, (b[1] + 1U) * 8);
	while (off < len) {
		if (b[off] == 0) {
			off++;
			continue;
		}
		ck_assert_uint_lt(off + 1, len);
		if (b[off] == 1) {
			/* no more padding than an alignment of 8 can need */
			ck_assert_uint_le(b[off + 1], 5);
			for (k = 0; k < b[off + 1]; k++)
				ck_assert_uint_eq(b[off + 2 + k], 0);
		} else {
			for (i = 0; i < ARRAY_LEN(want); i++)
				if (want[i].type == b[off])
					break;
			ck_assert_msg(i < ARRAY_LEN(want), "type %u", b[off]);
			ck_assert_msg(off % want[i].x == want[i].y,
			    "type %u at %zu", b[off], off);
			n++;
		}
		off += 2U + b[off + 1];
	}
	ck_assert_uint_eq(off, len);
	return n;
}

START_TEST(test_mh_build_each_option)
{
	struct mh_msg m, back;
	uint8_t buf[MH_MAX_LEN];
	unsigned i;
	int n;

	for (i = 0; i < ARRAY_LEN(golden); i++) {
		m = (struct mh_msg){ .type = MH_BU, .bu = { 1, BU_P, 2 },
			.o = golden[i].o };
		n = mh_build(&m, &src, &dst, &mh_wire_default, buf,
		    sizeof(buf));
		ck_assert_msg(n == 12 + golden[i].len, "%s: %d octets",
		    golden[i].name, n);
		ck_assert_msg(memcmp(buf + 12, golden[i].b, golden[i].len) ==
		    0, "%s", golden[i].name);
		check_alignment(buf, (size_t)n);
		ck_assert_int_eq(mh_parse(buf, (size_t)n, &src, &dst,
		    &mh_wire_default, &back, NULL), MH_OK);
		ck_assert_msg(mh_differ(&m, &back) == NULL, "%s",
		    golden[i].name);
		ck_assert_uint_eq(back.o.have, m.o.have);
	}
}
END_TEST

START_TEST(test_mh_build_round_trip)
{
	struct mh_wire other = mh_wire_default;
	const struct mh_wire *w;
	uint64_t seed = 0x5213;
	uint8_t buf[MH_MAX_LEN], again[MH_MAX_LEN], text[3][256];
	struct mh_msg m, back;
	uint32_t seen = 0;
	unsigned i;
	int n;

	other.opt_hnp = 200;
	other.opt_timestamp = 201;
	for (i = 0; i < 20000; i++) {
		const char *why;

		w = i % 4 == 0 ? &other : &mh_wire_default;
		rnd_msg(&seed, &m, text);
		n = mh_build(&m, &src, &dst, w, buf, sizeof(buf));
		ck_assert_int_gt(n, 0);
		ck_assert_int_eq(mh_parse(buf, (size_t)n, &src, &dst, w,
		    &back, NULL), MH_OK);
		why = mh_differ(&m, &back);
		ck_assert_msg(why == NULL, "message %u: %s", i, why);
		ck_assert_uint_eq(back.o.dup, 0);
		ck_assert_uint_eq(back.o.unknown, 0);
		seen |= back.o.have;
		if (w == &mh_wire_default)
			check_alignment(buf, (size_t)n);
		ck_assert_int_eq(mh_build(&back, &src, &dst, w, again,
		    sizeof(again)), n);
		ck_assert_mem_eq(buf, again, (size_t)n);
	}
	ck_assert_uint_eq(seen, ALL_OPTS);
}
END_TEST

/* The P bit of 29 is a reserved bit of 36. */
START_TEST(test_mh_build_reserved_bit)
{
	struct mh_msg m = { .type = MH_BU, .o.have = MHO_IP4_REQ };
	uint8_t buf[MH_MAX_LEN];

	m.o.ip4_req.plen = 24;
	m.o.ip4_req.prefix_request = true;
	ck_assert_int_eq(mh_build(&m, &src, &dst, &mh_wire_default, buf,
	    sizeof(buf)), 24);
	ck_assert_uint_eq(buf[14], 24 << 2);
}
END_TEST

/* With every option there is. */
START_TEST(test_mh_build_all_options)
{
	uint64_t seed = 5;
	uint8_t buf[MH_MAX_LEN], text[3][256];
	struct mh_msg m;
	int n;

	do
		rnd_msg(&seed, &m, text);
	while (m.o.have != ALL_OPTS || m.type != MH_BU);
	n = mh_build(&m, &src, &dst, &mh_wire_default, buf, sizeof(buf));
	ck_assert_int_gt(n, 0);
	ck_assert_uint_eq(check_alignment(buf, (size_t)n), 16U + m.o.nhnp);
}
END_TEST

START_TEST(test_mh_checksum_naive)
{
	uint64_t seed = 7;
	uint8_t b[MH_MAX_LEN];
	struct in6_addr s, d;
	size_t len;
	unsigned i;

	for (i = 0; i < 20000; i++) {
		len = i < 300 ? i : rnd(&seed) % 200;
		if (len < 6)
			len = 6;	/* a checksum field at least */
		rnd_fill(&seed, b, len);
		if (i % 7 == 0)
			memset(b, 0xff, len);
		rnd_fill(&seed, &s, sizeof(s));
		rnd_fill(&seed, &d, sizeof(d));
		ck_assert_uint_eq(mh_checksum(b, len, &s, &d),
		    naive_checksum(b, len, &s, &d));
	}
	memset(b, 0xff, sizeof(b));
	ck_assert_uint_eq(mh_checksum(b, sizeof(b), &s, &d),
	    naive_checksum(b, sizeof(b), &s, &d));
}
END_TEST

/* Where the kernel fills it in, nothing else is different. */
START_TEST(test_mh_checksum_left)
{
	struct mh_wire w = mh_wire_default;
	struct mh_msg m = { .type = MH_BA };
	uint8_t with[32], left[32];
	int n = mh_build(&m, &src, &dst, &w, with, sizeof(with));

	ck_assert_int_gt(n, 0);
	w.leave_checksum = true;
	ck_assert_int_eq(mh_build(&m, &src, &dst, &w, left, sizeof(left)), n);
	ck_assert(with[4] != 0 || with[5] != 0);
	with[4] = with[5] = 0;
	ck_assert_mem_eq(with, left, (size_t)n);
}
END_TEST

/* Whatever is in the field, it counts as 0. */
START_TEST(test_mh_checksum_field_ignored)
{
	uint8_t b[16] = { 0x3b, 1, 5 };
	uint16_t want = mh_checksum(b, sizeof(b), &src, &dst);

	memset(b + 4, 0xa5, 2);
	ck_assert_uint_eq(mh_checksum(b, sizeof(b), &src, &dst), want);
}
END_TEST

START_TEST(test_mh_build_too_small)
{
	uint64_t seed = 11;
	uint8_t *buf, text[3][256], whole[MH_MAX_LEN];
	struct mh_msg m;
	int n, cap;

	do
		rnd_msg(&seed, &m, text);
	while (m.o.have != ALL_OPTS);
	n = mh_build(&m, &src, &dst, &mh_wire_default, whole, sizeof(whole));
	ck_assert_int_gt(n, 0);
	for (cap = 0; cap <= n; cap++) {
		buf = malloc(cap > 0 ? (size_t)cap : 1);
		ck_assert_ptr_nonnull(buf);
		ck_assert_int_eq(mh_build(&m, &src, &dst, &mh_wire_default,
		    buf, (size_t)cap), cap < n ? -EMSGSIZE : n);
		free(buf);
	}
}
END_TEST

static void
expect_einval(const struct mh_msg *m)
{
	uint8_t buf[MH_MAX_LEN];

	ck_assert_int_eq(mh_build(m, &src, &dst, &mh_wire_default, buf,
	    sizeof(buf)), -EINVAL);
}

START_TEST(test_mh_build_refuses)
{
	const struct mh_msg ok = { .type = MH_BU };
	struct mh_msg m;
	unsigned t;
	uint8_t zeros[256] = { 0 };

	for (t = 0; t < 256; t++) {
		m = ok;
		m.type = (uint8_t)t;
		if (t < MH_BU || t > MH_BE)
			expect_einval(&m);
	}
	m = ok;
	m.o.have = MHO_MN_ID;
	m.o.mn_id_len = 254;
	m.o.mn_id = "x";
	expect_einval(&m);
	m.o.mn_id = (const char *)zeros;	/* would be read as absent */
	m.o.mn_id_len = 1;
	expect_einval(&m);
	m = ok;
	m.o.have = MHO_LL_ID;
	m.o.ll_id = zeros;
	m.o.ll_id_len = 254;
	expect_einval(&m);
	m = ok;
	m.o.have = MHO_SERVICE;
	expect_einval(&m);
	m = ok;
	m.o.have = MHO_HNP;
	expect_einval(&m);			/* none */
	m.o.nhnp = MH_HNP_MAX + 1;
	expect_einval(&m);
	m.o.nhnp = 1;
	expect_einval(&m);			/* family 0 */
	m.o.hnp[0].family = AF_INET;
	expect_einval(&m);
	m.o.hnp[0].family = AF_INET6;
	m.o.hnp[0].len = 129;
	expect_einval(&m);
	m = ok;
	m.o.ip4_hoa.plen = m.o.ip4_ack.plen = m.o.ip4_req.plen =
	    m.o.ip4_reply.plen = 33;
	m.o.have = MHO_IP4_HOA;
	expect_einval(&m);
	m.o.have = MHO_IP4_ACK;
	expect_einval(&m);
	m.o.have = MHO_IP4_REQ;
	expect_einval(&m);
	m.o.have = MHO_IP4_REPLY;
	expect_einval(&m);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("mh_build");
	TCase *tc;

	tc = tcase_create("build");
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_mh_build_each_option);
	tcase_add_test(tc, test_mh_build_round_trip);
	tcase_add_test(tc, test_mh_build_reserved_bit);
	tcase_add_test(tc, test_mh_build_all_options);
	tcase_add_test(tc, test_mh_build_too_small);
	tcase_add_test(tc, test_mh_build_refuses);
	suite_add_tcase(s, tc);

	tc = tcase_create("checksum");
	tcase_add_test(tc, test_mh_checksum_naive);
	tcase_add_test(tc, test_mh_checksum_field_ignored);
	tcase_add_test(tc, test_mh_checksum_left);
	suite_add_tcase(s, tc);
	return suite_run(s);
}

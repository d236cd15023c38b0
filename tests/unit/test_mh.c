/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Mobility Header parser: golden messages octet by octet, messages that
 * scapy made, every drop reason, the rules about odd options (PROTOCOL 10.2),
 * and octets that are cut, stretched or changed.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include "core/util.h"
#include "mh/mh.h"
#include "suite.h"
#include "unit/mh_eq.h"

#define NAI "mn1@example.com"
#define STAMP 0x00006553f1008000ULL	/* 2023-11-14 22:13:20.5 UTC */

static const struct in6_addr pma = { .s6_addr = { 0x20, 0x01, 0x0d, 0xb8, 0,
	0x0b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 } };
static const struct in6_addr ha = { .s6_addr = { 0x20, 0x01, 0x0d, 0xb8, 0,
	0x0a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 } };

/* The worked example of PROTOCOL 2.7; the checksum is scapy's. */
static const uint8_t golden_pbu[96] = {
	/*  0 */ 0x3b,			/* Payload Proto 59 */
		 0x0b,			/* Header Len: 96 / 8 - 1 */
		 0x05,			/* MH Type: Binding Update */
		 0x00,			/* Reserved */
		 0x7b, 0x55,		/* Checksum */
	/*  6 */ 0x12, 0x34,		/* Sequence # */
	/*  8 */ 0xc2, 0x00,		/* A, H, P */
	/* 10 */ 0x00, 0x96,		/* Lifetime: 150 * 4 s */
	/* 12 */ 0x08, 0x10, 0x01,	/* MN Identifier, 16, NAI */
		 'm', 'n', '1', '@', 'e', 'x', 'a', 'm', 'p', 'l', 'e', '.',
		 'c', 'o', 'm',
	/* 30 */ 0x01, 0x04, 0, 0, 0, 0,	/* PadN: 6 octets */
	/* 36 */ 0x16, 0x12,		/* Home Network Prefix, 18 (8n+4) */
		 0x00, 0x40,		/* Reserved, /64 */
		 0x20, 0x01, 0x0d, 0xb8, 0x01, 0x00, 0x00, 0x01,
		 0, 0, 0, 0, 0, 0, 0, 0,
	/* 56 */ 0x01, 0x04, 0, 0, 0, 0,	/* PadN: 6 octets */
	/* 62 */ 0x03, 0x10,		/* Alternate CoA, 16 (8n+6) */
		 0x20, 0x01, 0x0d, 0xb8, 0x00, 0x0b, 0x00, 0x00,
		 0, 0, 0, 0, 0, 0, 0, 1,
	/* 80 */ 0x01, 0x00,		/* PadN: 2 octets */
	/* 82 */ 0x1b, 0x08,		/* Time Stamp, 8 (8n+2) */
		 0x00, 0x00, 0x65, 0x53, 0xf1, 0x00,	/* seconds */
		 0x80, 0x00,				/* 1/65536 s */
	/* 92 */ 0x01, 0x02, 0, 0,	/* PadN: 4 octets */
};

/* A refusal: Invalid Time Stamp; the checksum is scapy's. */
static const uint8_t golden_pba[48] = {
	/*  0 */ 0x3b, 0x05, 0x06, 0x00,	/* 59, 48 octets, BA */
		 0x20, 0xe9,		/* Checksum */
	/*  6 */ 0x94,			/* Status 148 */
		 0x20,			/* P */
	/*  8 */ 0x12, 0x34,		/* Sequence # */
	/* 10 */ 0x00, 0x00,		/* Lifetime */
	/* 12 */ 0x08, 0x10, 0x01,	/* MN Identifier, 16, NAI */
		 'm', 'n', '1', '@', 'e', 'x', 'a', 'm', 'p', 'l', 'e', '.',
		 'c', 'o', 'm',
	/* 30 */ 0x01, 0x02, 0, 0,	/* PadN: 4 octets */
	/* 34 */ 0x1b, 0x08,		/* Time Stamp, 8 (8n+2) */
		 0x00, 0x00, 0x65, 0x53, 0xf1, 0x00, 0x80, 0x00,
	/* 44 */ 0x01, 0x02, 0, 0,	/* PadN: 4 octets */
};

/* made with scapy: 8, 22-27 and the IPv4 options, in scapy's own order */
static const uint8_t scapy_pbu[144] = {
	0x3b, 0x11, 0x05, 0x00, 0x38, 0x48, 0x12, 0x34,	/* 0 */
	0xc2, 0x00, 0x00, 0x96, 0x01, 0x00, 0x03, 0x10,	/* 8 */
	0x20, 0x01, 0x0d, 0xb8, 0x00, 0x0b, 0x00, 0x00,	/* 16 */
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01,	/* 24 */
	0x08, 0x10, 0x01, 0x6d, 0x6e, 0x31, 0x40, 0x65,	/* 32 */
	0x78, 0x61, 0x6d, 0x70, 0x6c, 0x65, 0x2e, 0x6e,	/* 40 */
	0x65, 0x74, 0x01, 0x00, 0x16, 0x12, 0x00, 0x40,	/* 48 */
	0x20, 0x01, 0x0d, 0xb8, 0x01, 0x00, 0x00, 0x01,	/* 56 */
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,	/* 64 */
	0x17, 0x02, 0x00, 0x04, 0x18, 0x02, 0x00, 0x04,	/* 72 */
	0x01, 0x00, 0x19, 0x08, 0x00, 0x00, 0x02, 0x00,	/* 80 */
	0x5e, 0x00, 0x53, 0x01, 0x01, 0x00, 0x1a, 0x10,	/* 88 */
	0xfe, 0x80, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,	/* 96 */
	0x02, 0x00, 0x5e, 0xff, 0xfe, 0x00, 0x53, 0x01,	/* 104 */
	0x01, 0x00, 0x1b, 0x08, 0x00, 0x00, 0x65, 0x53,	/* 112 */
	0xf1, 0x00, 0x80, 0x00, 0x1d, 0x06, 0x60, 0x00,	/* 120 */
	0xc0, 0x00, 0x02, 0x0b, 0x24, 0x06, 0x60, 0x00,	/* 128 */
	0xc0, 0x00, 0x02, 0x0b, 0x01, 0x02, 0x00, 0x00,	/* 136 */
};

/* made with scapy */
static const uint8_t scapy_pba[104] = {
	0x3b, 0x0c, 0x06, 0x00, 0x72, 0xfc, 0x00, 0x20,	/* 0 */
	0x12, 0x34, 0x00, 0x96, 0x08, 0x10, 0x01, 0x6d,	/* 8 */
	0x6e, 0x31, 0x40, 0x65, 0x78, 0x61, 0x6d, 0x70,	/* 16 */
	0x6c, 0x65, 0x2e, 0x6e, 0x65, 0x74, 0x01, 0x04,	/* 24 */
	0x00, 0x00, 0x00, 0x00, 0x16, 0x12, 0x00, 0x40,	/* 32 */
	0x20, 0x01, 0x0d, 0xb8, 0x01, 0x00, 0x00, 0x01,	/* 40 */
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,	/* 48 */
	0x17, 0x02, 0x00, 0x04, 0x18, 0x02, 0x00, 0x04,	/* 56 */
	0x01, 0x00, 0x1b, 0x08, 0x00, 0x00, 0x65, 0x53,	/* 64 */
	0xf1, 0x00, 0x80, 0x00, 0x1e, 0x06, 0x00, 0x60,	/* 72 */
	0xc0, 0x00, 0x02, 0x0b, 0x25, 0x06, 0x00, 0x60,	/* 80 */
	0xc0, 0x00, 0x02, 0x0b, 0x26, 0x06, 0x00, 0x00,	/* 88 */
	0xc0, 0x00, 0x02, 0x01, 0x27, 0x02, 0x00, 0x00,	/* 96 */
};

/* made with scapy: Binding Error, Status 2, 2001:db8:100:1::11 */
static const uint8_t scapy_be[24] = {
	0x3b, 0x02, 0x07, 0x00, 0x31, 0x0a, 0x02, 0x00,	/* 0 */
	0x20, 0x01, 0x0d, 0xb8, 0x01, 0x00, 0x00, 0x01,	/* 8 */
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x11,	/* 16 */
};

/* made with scapy: Time Stamp with the Length of 18 that the draft prints */
static const uint8_t scapy_len18[56] = {
	0x3b, 0x06, 0x05, 0x00, 0xe7, 0x68, 0x00, 0x03,	/* 0 */
	0xc2, 0x00, 0x00, 0x01, 0x08, 0x10, 0x01, 0x6d,	/* 8 */
	0x6e, 0x31, 0x40, 0x65, 0x78, 0x61, 0x6d, 0x70,	/* 16 */
	0x6c, 0x65, 0x2e, 0x6e, 0x65, 0x74, 0x1b, 0x12,	/* 24 */
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,	/* 32 */
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,	/* 40 */
	0x00, 0x00, 0x01, 0x04, 0x00, 0x00, 0x00, 0x00,	/* 48 */
};

/* The same rules without the checksum: octets may be changed freely. */
static struct mh_wire
wire_nosum(void)
{
	struct mh_wire w = mh_wire_default;

	w.verify_checksum = false;
	return w;
}

/* From a buffer of exactly that size, so that sanitizers see an overrun. */
static enum mh_drop
parse_exact(const uint8_t *data, size_t len, const struct mh_wire *w,
    uint8_t **ret_copy, struct mh_msg *ret, size_t *ret_off)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, data, len);
	*ret_copy = copy;
	return mh_parse(copy, len, &pma, &ha, w, ret, ret_off);
}

static void
expect_drop(const uint8_t *data, size_t len, const struct mh_wire *w,
    enum mh_drop why, size_t off)
{
	struct mh_msg m;
	uint8_t *copy;
	size_t got = 9999;
	enum mh_drop d = parse_exact(data, len, w, &copy, &m, &got);

	ck_assert_msg(d == why, "%s, not %s", mh_drop_desc[d].name,
	    mh_drop_desc[why].name);
	ck_assert_uint_eq(got, off);
	ck_assert_int_eq(mh_parse(copy, len, &pma, &ha, w, &m, NULL), why);
	free(copy);
}

/* A BU with these option octets, padded to 8 by Pad1. */
struct bu {
	uint8_t b[MH_MAX_LEN];
	size_t len;
};

static void
bu_init(struct bu *u)
{
	static const uint8_t fixed[12] = { 0x3b, 0, 5, 0, 0, 0, 0, 1, 0xc2, 0,
		0, 1 };

	memset(u, 0, sizeof(*u));
	memcpy(u->b, fixed, sizeof(fixed));
	u->len = sizeof(fixed);
}

static void
bu_add(struct bu *u, const void *opt, size_t len)
{
	ck_assert_uint_le(u->len + len, sizeof(u->b));
	memcpy(u->b + u->len, opt, len);
	u->len += len;
}

/* An option with a body of `len` octets of value v. */
static void
bu_add_fill(struct bu *u, uint8_t type, uint8_t len, uint8_t v)
{
	uint8_t opt[257] = { type, len };

	memset(opt + 2, v, len);
	bu_add(u, opt, len + 2U);
}

static enum mh_drop
bu_parse(struct bu *u, const struct mh_wire *w, struct mh_msg *ret,
    size_t *ret_off)
{
	u->len = (u->len + 7) & ~(size_t)7;
	u->b[1] = (uint8_t)(u->len / 8 - 1);
	return mh_parse(u->b, u->len, &pma, &ha, w, ret, ret_off);
}

/* Of one option only; must parse. */
static struct mh_opts
bu_opt(const void *opt, size_t len)
{
	static struct bu u;	/* the result points into it */
	struct mh_wire w = wire_nosum();
	struct mh_msg m;

	bu_init(&u);
	bu_add(&u, opt, len);
	ck_assert_int_eq(bu_parse(&u, &w, &m, NULL), MH_OK);
	return m.o;
}

static void
expect_prefix(const struct prefix *p, const char *addr, unsigned len)
{
	char buf[ADDR_STRLEN], want[ADDR_STRLEN];

	ck_assert_int_eq(p->family, AF_INET6);
	snprintf(want, sizeof(want), "%s/%u", addr, len);
	ck_assert_str_eq(prefix_str(p, buf), want);
}

static void
expect_mn_id(const struct mh_opts *o, const char *nai)
{
	ck_assert_uint_ne(o->have & MHO_MN_ID, 0);
	ck_assert_uint_eq(o->mn_id_subtype, 1);
	ck_assert_uint_eq(o->mn_id_len, strlen(nai));
	ck_assert_mem_eq(o->mn_id, nai, strlen(nai));
}

/* The message that golden_pbu is the octets of. */
static struct mh_msg
golden_msg(void)
{
	struct mh_msg m = { .type = MH_BU, .bu = { 0x1234, BU_A | BU_H | BU_P,
		150 } };

	m.o.have = MHO_MN_ID | MHO_HNP | MHO_ALT_COA | MHO_TIMESTAMP;
	m.o.mn_id = NAI;
	m.o.mn_id_len = strlen(NAI);
	m.o.mn_id_subtype = 1;
	ck_assert_int_eq(prefix_parse("2001:db8:100:1::/64", &m.o.hnp[0]), 0);
	m.o.nhnp = 1;
	m.o.alt_coa = pma;
	m.o.timestamp = STAMP;
	return m;
}

START_TEST(test_mh_build_golden_pbu)
{
	struct mh_msg m = golden_msg();
	uint8_t buf[MH_MAX_LEN];

	ck_assert_int_eq(mh_build(&m, &pma, &ha, &mh_wire_default, buf,
	    sizeof(buf)), sizeof(golden_pbu));
	ck_assert_mem_eq(buf, golden_pbu, sizeof(golden_pbu));
}
END_TEST

START_TEST(test_mh_parse_golden_pbu)
{
	struct mh_msg want = golden_msg(), m;

	ck_assert_int_eq(mh_parse(golden_pbu, sizeof(golden_pbu), &pma, &ha,
	    &mh_wire_default, &m, NULL), MH_OK);
	ck_assert_ptr_null(mh_differ(&m, &want));
	ck_assert_uint_eq(m.o.have, want.o.have);
	ck_assert_uint_eq(m.o.dup, 0);
	ck_assert_uint_eq(m.o.unknown, 0);
	/* borrowed, not copied */
	ck_assert_ptr_eq(m.o.mn_id, golden_pbu + 15);
}
END_TEST

START_TEST(test_mh_golden_pba)
{
	struct mh_msg m;
	uint8_t buf[MH_MAX_LEN];

	ck_assert_int_eq(mh_parse(golden_pba, sizeof(golden_pba), &ha, &pma,
	    &mh_wire_default, &m, NULL), MH_OK);
	ck_assert_uint_eq(m.type, MH_BA);
	ck_assert_uint_eq(m.ba.status, 148);
	ck_assert_uint_eq(m.ba.flags, BA_P);
	ck_assert_uint_eq(m.ba.seq, 0x1234);
	ck_assert_uint_eq(m.ba.lifetime_4s, 0);
	ck_assert_uint_eq(m.o.have, MHO_MN_ID | MHO_TIMESTAMP);
	expect_mn_id(&m.o, NAI);
	ck_assert(m.o.timestamp == STAMP);
	ck_assert_int_eq(mh_build(&m, &ha, &pma, &mh_wire_default, buf,
	    sizeof(buf)), sizeof(golden_pba));
	ck_assert_mem_eq(buf, golden_pba, sizeof(golden_pba));
}
END_TEST

START_TEST(test_mh_parse_scapy_pbu)
{
	struct mh_msg m;
	struct in6_addr lla;

	ck_assert_int_eq(mh_parse(scapy_pbu, sizeof(scapy_pbu), &pma, &ha,
	    &mh_wire_default, &m, NULL), MH_OK);
	ck_assert_uint_eq(m.type, MH_BU);
	ck_assert_uint_eq(m.bu.seq, 0x1234);
	ck_assert_uint_eq(m.bu.flags, BU_A | BU_H | BU_P);
	ck_assert_uint_eq(m.bu.lifetime_4s, 150);
	ck_assert_uint_eq(m.o.have, MHO_ALT_COA | MHO_MN_ID | MHO_HNP |
	    MHO_HANDOFF | MHO_ACCESS_TECH | MHO_LL_ID | MHO_LINK_LOCAL |
	    MHO_TIMESTAMP | MHO_IP4_HOA | MHO_IP4_REQ);
	ck_assert(in6_eq(&m.o.alt_coa, &pma));
	expect_mn_id(&m.o, "mn1@example.net");
	ck_assert_uint_eq(m.o.nhnp, 1);
	expect_prefix(&m.o.hnp[0], "2001:db8:100:1::", 64);
	ck_assert_uint_eq(m.o.handoff, 4);
	ck_assert_uint_eq(m.o.access_tech, 4);
	ck_assert_uint_eq(m.o.ll_id_len, 6);
	ck_assert_mem_eq(m.o.ll_id, "\x02\x00\x5e\x00\x53\x01", 6);
	ck_assert_int_eq(in6_parse("fe80::200:5eff:fe00:5301", &lla), 0);
	ck_assert(in6_eq(&m.o.link_local, &lla));
	ck_assert(m.o.timestamp == STAMP);
	ck_assert_uint_eq(m.o.ip4_hoa.addr.s_addr, inet_addr("192.0.2.11"));
	ck_assert_uint_eq(m.o.ip4_hoa.plen, 24);
	ck_assert(!m.o.ip4_hoa.prefix_request);
	ck_assert_uint_eq(m.o.ip4_req.addr.s_addr, inet_addr("192.0.2.11"));
	ck_assert_uint_eq(m.o.ip4_req.plen, 24);
}
END_TEST

START_TEST(test_mh_parse_scapy_pba)
{
	struct mh_msg m;

	ck_assert_int_eq(mh_parse(scapy_pba, sizeof(scapy_pba), &ha, &pma,
	    &mh_wire_default, &m, NULL), MH_OK);
	ck_assert_uint_eq(m.type, MH_BA);
	ck_assert_uint_eq(m.ba.status, 0);
	ck_assert_uint_eq(m.ba.flags, BA_P);
	ck_assert_uint_eq(m.ba.seq, 0x1234);
	ck_assert_uint_eq(m.ba.lifetime_4s, 150);
	ck_assert_uint_eq(m.o.have, MHO_MN_ID | MHO_HNP | MHO_HANDOFF |
	    MHO_ACCESS_TECH | MHO_TIMESTAMP | MHO_IP4_ACK | MHO_IP4_REPLY |
	    MHO_IP4_ROUTER | MHO_IP4_DHCP);
	ck_assert_uint_eq(m.o.ip4_ack.addr.s_addr, inet_addr("192.0.2.11"));
	ck_assert_uint_eq(m.o.ip4_ack.plen, 24);
	ck_assert_uint_eq(m.o.ip4_ack.status, 0);
	ck_assert_uint_eq(m.o.ip4_reply.addr.s_addr, inet_addr("192.0.2.11"));
	ck_assert_uint_eq(m.o.ip4_reply.plen, 24);
	ck_assert_uint_eq(m.o.ip4_router.s_addr, inet_addr("192.0.2.1"));
	ck_assert(!m.o.ip4_dhcp_server);
}
END_TEST

START_TEST(test_mh_scapy_be)
{
	struct mh_msg m;
	struct in6_addr home;
	uint8_t buf[MH_MAX_LEN];

	ck_assert_int_eq(mh_parse(scapy_be, sizeof(scapy_be), &pma, &ha,
	    &mh_wire_default, &m, NULL), MH_OK);
	ck_assert_uint_eq(m.type, MH_BE);
	ck_assert_uint_eq(m.be.status, 2);
	ck_assert_int_eq(in6_parse("2001:db8:100:1::11", &home), 0);
	ck_assert(in6_eq(&m.be.home, &home));
	ck_assert_uint_eq(m.o.have, 0);
	ck_assert_int_eq(mh_build(&m, &pma, &ha, &mh_wire_default, buf,
	    sizeof(buf)), sizeof(scapy_be));
	ck_assert_mem_eq(buf, scapy_be, sizeof(scapy_be));
}
END_TEST

/* A zero-length identifier in the shortest of messages, all options gone. */
START_TEST(test_mh_parse_empty_nai)
{
	static const uint8_t pbu[24] = {
		0x3b, 0x02, 0x05, 0x00, 0x91, 0x3b,	/* 24 octets, BU */
		0x00, 0x01, 0xc2, 0x00, 0x00, 0x96,
		0x08, 0x01, 0x01,			/* MN-ID, no octets */
		0x01, 0x07, 0, 0, 0, 0, 0, 0, 0,	/* PadN: 9 octets */
	};
	struct mh_msg m;
	uint8_t *copy;

	ck_assert_int_eq(parse_exact(pbu, sizeof(pbu), &mh_wire_default,
	    &copy, &m, NULL), MH_OK);
	ck_assert_uint_eq(m.o.have, MHO_MN_ID);
	ck_assert_uint_eq(m.o.mn_id_subtype, 1);
	ck_assert_uint_eq(m.o.mn_id_len, 0);
	ck_assert_ptr_nonnull(m.o.mn_id);
	free(copy);

	/* the same with the option as the very last octets */
	static const uint8_t last[24] = {
		0x3b, 0x02, 0x05, 0x00, 0x00, 0x00,
		0x00, 0x01, 0xc2, 0x00, 0x00, 0x96,
		0x01, 0x07, 0, 0, 0, 0, 0, 0, 0,	/* PadN: 9 octets */
		0x08, 0x01, 0x01,			/* MN-ID */
	};
	struct mh_wire w = wire_nosum();
	ck_assert_int_eq(parse_exact(last, sizeof(last), &w, &copy, &m, NULL),
	    MH_OK);
	ck_assert_uint_eq(m.o.have, MHO_MN_ID);
	ck_assert_uint_eq(m.o.mn_id_len, 0);
	ck_assert_ptr_nonnull(m.o.mn_id);
	free(copy);
}
END_TEST

/* ---- the header ---- */

START_TEST(test_mh_parse_short)
{
	unsigned n;

	for (n = 0; n < 8; n++)
		expect_drop(golden_pbu, n, &mh_wire_default, MH_SHORT, n);
}
END_TEST

START_TEST(test_mh_parse_cut_anywhere)
{
	unsigned n;

	for (n = 8; n < sizeof(golden_pbu); n++)
		expect_drop(golden_pbu, n, &mh_wire_default, MH_TRUNCATED, 1);
}
END_TEST

/* Cut, and Header Len made to fit: options end in the middle. */
START_TEST(test_mh_parse_cut_hdrlen_fits)
{
	struct mh_wire w = wire_nosum();
	uint8_t b[sizeof(golden_pbu)];

	memcpy(b, golden_pbu, sizeof(b));
	b[1] = 0;
	expect_drop(b, 8, &w, MH_HDRLEN, 1);
	b[1] = 1;			/* 16: within MN-ID at 12 */
	expect_drop(b, 16, &w, MH_OPTION_OVERRUN, 13);
	b[1] = 2;
	expect_drop(b, 24, &w, MH_OPTION_OVERRUN, 13);
	b[1] = 3;			/* 32: within PadN at 30 */
	expect_drop(b, 32, &w, MH_OPTION_OVERRUN, 31);
	b[1] = 4;			/* 40: within HNP at 36 */
	expect_drop(b, 40, &w, MH_OPTION_OVERRUN, 37);
	b[1] = 6;
	expect_drop(b, 56, &w, MH_OK, 9999);	/* behind HNP */
	b[1] = 7;			/* 64: Length of Alt-CoA is the last */
	expect_drop(b, 64, &w, MH_OPTION_OVERRUN, 63);
	b[1] = 9;			/* 80: behind Alt-CoA */
	expect_drop(b, 80, &w, MH_OK, 9999);
	b[1] = 10;			/* 88: within Time Stamp at 82 */
	expect_drop(b, 88, &w, MH_OPTION_OVERRUN, 83);
}
END_TEST

START_TEST(test_mh_parse_no_length_octet)
{
	struct mh_wire w = wire_nosum();
	struct mh_msg m;
	struct bu u;
	size_t off;

	bu_init(&u);
	bu_add(&u, "\x01\x01\x00\x08", 4);	/* MN-ID's Type is the last */
	ck_assert_int_eq(bu_parse(&u, &w, &m, &off), MH_OPTION_OVERRUN);
	ck_assert_uint_eq(off, 15);
	/* what came before the options is known, for an answer */
	ck_assert_uint_eq(m.type, MH_BU);
	ck_assert_uint_eq(m.bu.seq, 1);
}
END_TEST

START_TEST(test_mh_parse_checksum)
{
	struct mh_wire w = wire_nosum();
	uint8_t b[sizeof(golden_pbu)];
	struct mh_msg m;
	struct in6_addr other = pma;

	memcpy(b, golden_pbu, sizeof(b));
	b[4] ^= 0x01;
	expect_drop(b, sizeof(b), &mh_wire_default, MH_CHECKSUM, 4);
	ck_assert_int_eq(mh_parse(b, sizeof(b), &pma, &ha, &w, &m, NULL),
	    MH_OK);
	b[4] = b[5] = 0;	/* 0 is no "not computed" */
	expect_drop(b, sizeof(b), &mh_wire_default, MH_CHECKSUM, 4);
	/* the pseudo-header counts */
	other.s6_addr[15] ^= 2;
	ck_assert_int_eq(mh_parse(golden_pbu, sizeof(golden_pbu), &other, &ha,
	    &mh_wire_default, &m, NULL), MH_CHECKSUM);
	ck_assert_int_eq(mh_parse(golden_pbu, sizeof(golden_pbu), &pma, &other,
	    &mh_wire_default, &m, NULL), MH_CHECKSUM);
}
END_TEST

/* A message whose sum is 0: the field may be 0x0000 or 0xffff. */
START_TEST(test_mh_parse_checksum_zero)
{
	uint8_t b[sizeof(golden_pbu)];
	struct mh_msg m;
	unsigned seq;

	memcpy(b, golden_pbu, sizeof(b));
	for (seq = 0; seq < 0x10000; seq++) {
		b[6] = (uint8_t)(seq >> 8);
		b[7] = (uint8_t)seq;
		if (mh_checksum(b, sizeof(b), &pma, &ha) == 0)
			break;
	}
	ck_assert_uint_lt(seq, 0x10000);
	b[4] = b[5] = 0;
	ck_assert_int_eq(mh_parse(b, sizeof(b), &pma, &ha, &mh_wire_default,
	    &m, NULL), MH_OK);
	b[4] = b[5] = 0xff;
	ck_assert_int_eq(mh_parse(b, sizeof(b), &pma, &ha, &mh_wire_default,
	    &m, NULL), MH_OK);
}
END_TEST

START_TEST(test_mh_parse_trailing_octets)
{
	uint8_t b[sizeof(golden_pbu) + 5];
	uint16_t sum;
	struct mh_msg m, want = golden_msg();

	memset(b, 0x5a, sizeof(b));
	memcpy(b, golden_pbu, sizeof(golden_pbu));
	ck_assert_int_eq(mh_parse(b, sizeof(b), &pma, &ha, &mh_wire_default,
	    &m, NULL), MH_OK);
	ck_assert_ptr_null(mh_differ(&m, &want));
	/* as a Linux kernel sums: all of the payload */
	sum = mh_checksum(b, sizeof(b), &pma, &ha);
	b[4] = (uint8_t)(sum >> 8);
	b[5] = (uint8_t)sum;
	ck_assert_int_eq(mh_parse(b, sizeof(b), &pma, &ha, &mh_wire_default,
	    &m, NULL), MH_OK);
	b[sizeof(b) - 1] ^= 1;
	ck_assert_int_eq(mh_parse(b, sizeof(b), &pma, &ha, &mh_wire_default,
	    &m, NULL), MH_CHECKSUM);
}
END_TEST

START_TEST(test_mh_parse_types)
{
	struct mh_wire w = wire_nosum();
	uint8_t b[24] = { 0x3b, 2 };
	struct mh_msg m;
	unsigned t;
	size_t off;

	for (t = 0; t < 256; t++) {
		b[2] = (uint8_t)t;
		off = 9999;
		ck_assert_int_eq(mh_parse(b, sizeof(b), &pma, &ha, &w, &m,
		    &off), t < 24 ? MH_OK : MH_UNKNOWN_TYPE);
		ck_assert_uint_eq(m.type, t);
		ck_assert_uint_eq(off, t < 24 ? 9999 : 2);
		ck_assert_ptr_nonnull(mh_type_name((uint8_t)t));
		if (t < 24)
			ck_assert_uint_eq(m.o.have, 0);
		else
			ck_assert_str_eq(mh_type_name((uint8_t)t),
			    "unassigned");
	}
	ck_assert_str_eq(mh_type_name(MH_BU), "BU");
	ck_assert_str_eq(mh_type_name(MH_BA), "BA");
	ck_assert_str_eq(mh_type_name(MH_BE), "BE");
}
END_TEST

/* PROTOCOL 10.1: the least Header Len of each type. */
START_TEST(test_mh_parse_hdrlen)
{
	static const struct {
		uint8_t type, min;
	} t[] = { { 0, 0 }, { 1, 1 }, { 2, 1 }, { 3, 2 }, { 4, 2 }, { 5, 1 },
		{ 6, 1 }, { 7, 2 }, { 13, 1 }, { 16, 1 }, { 19, 1 },
		{ 20, 1 } };
	struct mh_wire w = wire_nosum();
	uint8_t b[24] = { 0x3b };
	unsigned i;
	uint8_t h;

	for (i = 0; i < ARRAY_LEN(t); i++) {
		b[2] = t[i].type;
		for (h = 0; h < 3; h++) {
			b[1] = h;
			expect_drop(b, sizeof(b), &w,
			    h < t[i].min ? MH_HDRLEN : MH_OK,
			    h < t[i].min ? 1 : 9999);
		}
	}
}
END_TEST

/* RFC 6275 9.2: several things are wrong, the first in its order counts. */
START_TEST(test_mh_parse_order_of_tests)
{
	struct mh_wire w = wire_nosum();
	uint8_t b[8] = { 0x3a, 0, 99, 0, 1, 1 };

	expect_drop(b, 7, &mh_wire_default, MH_SHORT, 7);
	b[1] = 1;
	expect_drop(b, 8, &mh_wire_default, MH_TRUNCATED, 1);
	b[1] = 0;
	expect_drop(b, 8, &mh_wire_default, MH_CHECKSUM, 4);
	expect_drop(b, 8, &w, MH_UNKNOWN_TYPE, 2);
	b[2] = MH_BU;
	expect_drop(b, 8, &w, MH_PAYLOAD_PROTO, 0);
	b[0] = 0x3b;
	expect_drop(b, 8, &w, MH_HDRLEN, 1);
}
END_TEST

/* ---- options ---- */

START_TEST(test_mh_parse_wrong_length_is_absent)
{
	/* type and the lengths to try beside the right ones */
	static const struct {
		uint8_t type, len, extra;
	} t[] = { { 2, 2, 1 }, { 3, 16, 17 }, { 22, 18, 16 }, { 23, 2, 3 },
		{ 24, 2, 1 }, { 26, 16, 15 }, { 28, 4, 5 }, { 29, 6, 7 },
		{ 30, 6, 5 }, { 36, 6, 4 }, { 37, 6, 8 }, { 38, 6, 2 },
		{ 39, 2, 0 }, { 25, 2, 1 }, { 20, 1, 0 }, { 8, 1, 0 },
		{ 8, 254, 255 } };
	struct mh_wire w = wire_nosum();
	struct mh_msg m;
	struct bu u;
	unsigned i;

	for (i = 0; i < ARRAY_LEN(t); i++) {
		bu_init(&u);
		bu_add_fill(&u, t[i].type, t[i].extra, 1);
		ck_assert_int_eq(bu_parse(&u, &w, &m, NULL), MH_OK);
		ck_assert_msg(m.o.have == 0, "type %u", t[i].type);
		ck_assert_uint_eq(m.o.unknown, 1);
		/* the right one, after the wrong one, is not a duplicate */
		bu_init(&u);
		bu_add_fill(&u, t[i].type, t[i].extra, 1);
		bu_add_fill(&u, t[i].type, t[i].len, 1);
		ck_assert_int_eq(bu_parse(&u, &w, &m, NULL), MH_OK);
		ck_assert_msg(m.o.have != 0, "type %u", t[i].type);
		ck_assert_uint_eq(m.o.dup, 0);
	}
}
END_TEST

START_TEST(test_mh_parse_unknown_skipped)
{
	static const uint8_t known[] = { 2, 3, 8, 20, 22, 23, 24, 25, 26, 27,
		28, 29, 30, 36, 37, 38, 39 };
	struct mh_wire w = wire_nosum();
	struct mh_msg m;
	struct bu u;
	unsigned t;

	for (t = 2; t < 256; t++) {
		if (memchr(known, (int)t, sizeof(known)) != NULL)
			continue;
		bu_init(&u);
		bu_add_fill(&u, (uint8_t)t, 7, 0xff);
		bu_add_fill(&u, 23, 2, 4);
		ck_assert_int_eq(bu_parse(&u, &w, &m, NULL), MH_OK);
		ck_assert_uint_eq(m.o.unknown, 1);
		ck_assert_uint_eq(m.o.have, MHO_HANDOFF);
		ck_assert_uint_eq(m.o.handoff, 4);
	}
}
END_TEST

START_TEST(test_mh_parse_duplicate_first_wins)
{
	static const uint8_t once[] = { 2, 3, 8, 20, 23, 24, 25, 26, 27, 28,
		29, 30, 36, 37, 38, 39 };
	static const uint8_t len[] = { 2, 16, 5, 5, 2, 2, 8, 16, 8, 4, 6, 6,
		6, 6, 6, 2 };
	struct mh_wire w = wire_nosum();
	struct mh_msg one, m;
	struct bu u, v;
	unsigned i;

	for (i = 0; i < sizeof(once); i++) {
		bu_init(&u);
		bu_add_fill(&u, once[i], len[i], 1);
		v = u;
		ck_assert_int_eq(bu_parse(&v, &w, &one, NULL), MH_OK);
		bu_add_fill(&u, once[i], len[i], 2);
		bu_add_fill(&u, once[i], len[i], 3);
		ck_assert_int_eq(bu_parse(&u, &w, &m, NULL), MH_OK);
		ck_assert_uint_eq(m.o.dup, 2);
		ck_assert_uint_ne(m.o.have, 0);
		ck_assert_ptr_null(mh_differ(&one, &m));
	}
}
END_TEST

START_TEST(test_mh_parse_several_hnp)
{
	struct mh_wire w = wire_nosum();
	uint8_t opt[20] = { 22, 18, 0xff, 64, 0x20, 0x01 };
	struct mh_msg m;
	struct bu u;
	unsigned n, i;

	for (n = 1; n <= MH_HNP_MAX + 2; n++) {
		bu_init(&u);
		for (i = 0; i < n; i++) {
			opt[11] = (uint8_t)i;
			opt[19] = 0xee;		/* behind /64 */
			bu_add(&u, opt, sizeof(opt));
		}
		ck_assert_int_eq(bu_parse(&u, &w, &m, NULL), MH_OK);
		ck_assert_uint_eq(m.o.dup, 0);
		ck_assert_uint_eq(m.o.nhnp, MIN_OF(n, MH_HNP_MAX));
		ck_assert_int_eq(m.o.hnp_more, n > MH_HNP_MAX);
		for (i = 0; i < m.o.nhnp; i++) {
			ck_assert_uint_eq(m.o.hnp[i].in6.s6_addr[7], i);
			ck_assert_uint_eq(m.o.hnp[i].in6.s6_addr[15], 0);
		}
	}
}
END_TEST

START_TEST(test_mh_parse_hnp_lengths)
{
	struct mh_wire w = wire_nosum();
	uint8_t opt[20] = { 22, 18, 0, 0 };
	struct mh_opts o;
	struct mh_msg m;
	struct bu u;
	size_t off;
	unsigned plen;

	memset(opt + 4, 0xff, 16);
	for (plen = 0; plen < 256; plen++) {
		opt[3] = (uint8_t)plen;
		if (plen <= 128) {
			o = bu_opt(opt, sizeof(opt));
			ck_assert_uint_eq(o.have, MHO_HNP);
			ck_assert_uint_eq(o.hnp[0].len, plen);
			for (unsigned i = 0; i < 128; i++)
				ck_assert_int_eq(o.hnp[0].in6.s6_addr[i / 8] >>
				    (7 - i % 8) & 1, i < plen);
			continue;
		}
		bu_init(&u);
		bu_add(&u, opt, sizeof(opt));
		ck_assert_int_eq(bu_parse(&u, &w, &m, &off), MH_OPTION_BAD);
		ck_assert_uint_eq(off, 15);	/* Prefix Length */
	}
	/* ALL_ZERO (RFC 5213 8.3) */
	memset(opt + 2, 0, 18);
	o = bu_opt(opt, sizeof(opt));
	ck_assert_uint_eq(o.nhnp, 1);
	expect_prefix(&o.hnp[0], "::", 0);
}
END_TEST

START_TEST(test_mh_parse_ip4_lengths)
{
	static const struct {
		uint8_t type, at;	/* octet with the prefix length */
	} t[] = { { 29, 2 }, { 36, 2 }, { 30, 3 }, { 37, 3 } };
	struct mh_wire w = wire_nosum();
	uint8_t opt[8] = { 0, 6 };
	struct mh_msg m;
	struct bu u;
	size_t off;
	unsigned i, plen;

	for (i = 0; i < ARRAY_LEN(t); i++) {
		for (plen = 0; plen < 64; plen++) {
			memset(opt + 2, 0, 6);
			opt[0] = t[i].type;
			opt[t[i].at] = (uint8_t)(plen << 2);
			bu_init(&u);
			bu_add(&u, opt, sizeof(opt));
			off = 9999;
			ck_assert_int_eq(bu_parse(&u, &w, &m, &off),
			    plen <= 32 ? MH_OK : MH_OPTION_BAD);
			ck_assert_uint_eq(off, plen <= 32 ? 9999 :
			    12U + t[i].at);
		}
	}
}
END_TEST

START_TEST(test_mh_parse_reserved_bits_ignored)
{
	struct mh_opts o;

	o = bu_opt("\x1d\x06\x61\xff\xc0\x00\x02\x0b", 8);
	ck_assert_uint_eq(o.ip4_hoa.plen, 24);
	ck_assert(!o.ip4_hoa.prefix_request);
	o = bu_opt("\x1d\x06\x62\x00\xc0\x00\x02\x0b", 8);
	ck_assert(o.ip4_hoa.prefix_request);
	o = bu_opt("\x24\x06\x63\xff\xc0\x00\x02\x0b", 8);
	ck_assert_uint_eq(o.ip4_req.plen, 24);
	ck_assert(!o.ip4_req.prefix_request);	/* not a bit of 36 */
	o = bu_opt("\x1e\x06\x82\x63\xc0\x00\x02\x0b", 8);
	ck_assert_uint_eq(o.ip4_ack.status, 130);
	ck_assert_uint_eq(o.ip4_ack.plen, 24);
	o = bu_opt("\x26\x06\xff\xff\xc0\x00\x02\x01", 8);
	ck_assert_uint_eq(o.ip4_router.s_addr, inet_addr("192.0.2.1"));
	o = bu_opt("\x27\x02\xff\xfe", 4);
	ck_assert_uint_eq(o.have, MHO_IP4_DHCP);
	ck_assert(!o.ip4_dhcp_server);
	o = bu_opt("\x27\x02\xff\xff", 4);
	ck_assert(o.ip4_dhcp_server);
	o = bu_opt("\x17\x02\xff\x05", 4);
	ck_assert_uint_eq(o.handoff, 5);
	o = bu_opt("\x18\x02\xff\x08", 4);
	ck_assert_uint_eq(o.access_tech, 8);
}
END_TEST

START_TEST(test_mh_parse_mn_id)
{
	uint8_t opt[257] = { 8, 255, 1 };
	struct mh_opts o;

	memset(opt + 3, 'x', 254);
	o = bu_opt(opt, 257);			/* 254 octets */
	ck_assert_uint_eq(o.have, 0);
	opt[1] = 254;
	o = bu_opt(opt, 256);			/* 253 octets */
	ck_assert_uint_eq(o.have, MHO_MN_ID);
	ck_assert_uint_eq(o.mn_id_len, 253);
	o = bu_opt("\x08\x05\x01" "a\0b@", 7);	/* a NUL */
	ck_assert_uint_eq(o.have, 0);
	ck_assert_uint_eq(o.mn_id_len, 0);
	o = bu_opt("\x08\x05\x01" "abc\0", 7);
	ck_assert_uint_eq(o.have, 0);
	o = bu_opt("\x08\x00", 2);		/* not even a subtype */
	ck_assert_uint_eq(o.have, 0);
	o = bu_opt("\x08\x03\x07" "ab", 5);	/* subtypes are the role's */
	ck_assert_uint_eq(o.have, MHO_MN_ID);
	ck_assert_uint_eq(o.mn_id_subtype, 7);
}
END_TEST

/* A glance finds what the parser will; cut anywhere it stays inside. */
START_TEST(test_mh_peek)
{
	struct mh_peek p;
	uint8_t *cut;

	ck_assert(mh_peek(golden_pbu, sizeof(golden_pbu), &p));
	ck_assert_uint_eq(p.nai_len, strlen(NAI));
	ck_assert_mem_eq(p.nai, NAI, p.nai_len);
	ck_assert_uint_eq(p.ip4.s_addr, INADDR_ANY);
	ck_assert(!mh_peek(golden_pba, sizeof(golden_pba), &p));
	for (size_t n = 0; n < sizeof(golden_pbu); n++) {
		cut = malloc(n + 1);
		memcpy(cut, golden_pbu, n);
		ck_assert_int_eq(mh_peek(cut, n, &p), n >= 30);
		free(cut);
	}
}
END_TEST

/* The IPv4 address that either option asks for. */
START_TEST(test_mh_peek_ip4)
{
	static const uint32_t kinds[] = { MHO_IP4_HOA, MHO_IP4_REQ };
	struct mh_msg m = golden_msg();
	struct in_addr want = { htonl(0x0a000102) };
	uint8_t buf[MH_MAX_LEN], *cut;
	struct mh_peek p;
	int len;

	m.o.have |= kinds[_i];
	m.o.ip4_hoa.addr = m.o.ip4_req.addr = want;
	len = mh_build(&m, &pma, &ha, &mh_wire_default, buf, sizeof(buf));
	ck_assert_int_gt(len, 0);
	ck_assert(mh_peek(buf, (size_t)len, &p));
	ck_assert_uint_eq(p.nai_len, strlen(NAI));
	ck_assert_uint_eq(p.ip4.s_addr, want.s_addr);
	for (int n = 0; n < len; n++) {
		cut = malloc((size_t)n + 1);
		memcpy(cut, buf, (size_t)n);
		(void)mh_peek(cut, (size_t)n, &p);
		ck_assert(p.ip4.s_addr == want.s_addr ||
		    p.ip4.s_addr == INADDR_ANY);
		free(cut);
	}
}
END_TEST

START_TEST(test_mh_parse_timestamp_len18)
{
	struct mh_wire w = mh_wire_default;
	struct mh_msg m;

	ck_assert_int_eq(mh_parse(scapy_len18, sizeof(scapy_len18), &pma, &ha,
	    &w, &m, NULL), MH_OK);
	ck_assert_uint_eq(m.o.have, MHO_MN_ID | MHO_TIMESTAMP);
	ck_assert(m.o.timestamp == 0);
	w.ts_accept_len18 = false;
	ck_assert_int_eq(mh_parse(scapy_len18, sizeof(scapy_len18), &pma, &ha,
	    &w, &m, NULL), MH_OK);
	ck_assert_uint_eq(m.o.have, MHO_MN_ID | MHO_TIMESTAMP_BAD);
}
END_TEST

START_TEST(test_mh_parse_timestamp_lengths)
{
	struct mh_wire w = wire_nosum();
	struct mh_msg m;
	struct bu u;
	unsigned n;
	uint8_t b[257] = { 27, 0, 1, 2, 3, 4, 5, 6, 7, 8 };

	for (n = 0; n < 256; n++) {
		b[1] = (uint8_t)n;
		bu_init(&u);
		bu_add(&u, b, n + 2);
		/* a good one behind a bad one does not heal it */
		bu_add_fill(&u, 27, 8, 9);
		ck_assert_int_eq(bu_parse(&u, &w, &m, NULL), MH_OK);
		ck_assert_uint_eq(m.o.dup, 1);
		ck_assert_uint_eq(m.o.have, n == 8 || n == 18 ?
		    MHO_TIMESTAMP : MHO_TIMESTAMP_BAD);
		if (n == 8 || n == 18)
			ck_assert(m.o.timestamp == 0x0102030405060708ULL);
	}
}
END_TEST

START_TEST(test_mh_parse_option_many)
{
	struct mh_wire w = wire_nosum();
	struct mh_msg m;
	struct bu u;
	size_t off = 9999;
	unsigned i;

	bu_init(&u);
	for (i = 0; i < MH_OPTS_MAX; i++)
		bu_add_fill(&u, 200, 1, 0);
	/* padding is no option, however much of it */
	for (i = 0; i < 100; i++)
		bu_add(&u, "\0\1\0", 3);
	ck_assert_int_eq(bu_parse(&u, &w, &m, &off), MH_OK);
	ck_assert_uint_eq(m.o.unknown, MH_OPTS_MAX);
	i = (unsigned)u.len;
	bu_add_fill(&u, 200, 1, 0);
	ck_assert_int_eq(bu_parse(&u, &w, &m, &off), MH_OPTION_MANY);
	ck_assert_uint_eq(off, i);
}
END_TEST

START_TEST(test_mh_parse_longest)
{
	struct mh_wire w = wire_nosum();
	struct mh_msg m;
	struct bu u;

	bu_init(&u);
	memset(u.b + 12, 0, sizeof(u.b) - 12);	/* all Pad1 */
	u.len = sizeof(u.b);
	ck_assert_int_eq(bu_parse(&u, &w, &m, NULL), MH_OK);
	ck_assert_uint_eq(u.b[1], 255);
	ck_assert_uint_eq(m.o.have, 0);
}
END_TEST

/* A3: configured option types; the numbers they leave mean nothing. */
START_TEST(test_mh_parse_other_types)
{
	struct mh_wire w = wire_nosum();
	struct mh_msg m;
	struct bu u;

	w.opt_hnp = 200;
	w.opt_timestamp = 201;
	bu_init(&u);
	bu_add_fill(&u, 22, 18, 1);
	bu_add_fill(&u, 27, 8, 1);
	bu_add_fill(&u, 200, 18, 2);
	bu_add_fill(&u, 201, 8, 2);
	ck_assert_int_eq(bu_parse(&u, &w, &m, NULL), MH_OK);
	ck_assert_uint_eq(m.o.unknown, 2);
	ck_assert_uint_eq(m.o.have, MHO_HNP | MHO_TIMESTAMP);
	ck_assert_uint_eq(m.o.hnp[0].len, 2);
	ck_assert(m.o.timestamp == 0x0202020202020202ULL);
}
END_TEST

/* ---- changed octets ---- */

static void
mutate(const uint8_t *data, size_t len)
{
	struct mh_wire w = wire_nosum();
	uint8_t *b, buf[MH_MAX_LEN];
	struct mh_msg m, back;
	enum mh_drop d;
	unsigned i, v;
	int n;

	for (i = 0; i < len; i++) {
		for (v = 0; v < 256; v++) {
			if (v == data[i])
				continue;
			b = malloc(len);
			ck_assert_ptr_nonnull(b);
			memcpy(b, data, len);
			b[i] = (uint8_t)v;
			/* Header Len apart, the checksum finds every one */
			d = mh_parse(b, len, &pma, &ha, &mh_wire_default, &m,
			    NULL);
			ck_assert_msg(i == 1 || d == MH_CHECKSUM,
			    "octet %u to %u: %s", i, v, mh_drop_desc[d].name);
			d = mh_parse(b, len, &pma, &ha, &w, &m, NULL);
			ck_assert_uint_lt(d, MH_DROP_MAX);
			if (d == MH_OK && m.type >= MH_BU && m.type <= MH_BE) {
				n = mh_build(&m, &pma, &ha, &w, buf,
				    sizeof(buf));
				ck_assert_int_gt(n, 0);
				ck_assert_int_eq(mh_parse(buf, (size_t)n, &pma,
				    &ha, &mh_wire_default, &back, NULL),
				    MH_OK);
				ck_assert_ptr_null(mh_differ(&m, &back));
			}
			free(b);
		}
	}
}

START_TEST(test_mh_parse_mutated)
{
	mutate(golden_pbu, sizeof(golden_pbu));
	mutate(scapy_pbu, sizeof(scapy_pbu));
	mutate(scapy_be, sizeof(scapy_be));
}
END_TEST

START_TEST(test_mh_drop_desc_named)
{
	unsigned i, k;

	for (i = 0; i < MH_DROP_MAX; i++) {
		ck_assert_int_eq(strncmp(mh_drop_desc[i].name, "mh-", 3), 0);
		ck_assert_ptr_nonnull(mh_drop_desc[i].help);
		for (k = 0; k < i; k++)
			ck_assert_str_ne(mh_drop_desc[i].name,
			    mh_drop_desc[k].name);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("mh");
	TCase *tc;

	tc = tcase_create("vectors");
	tcase_add_test(tc, test_mh_build_golden_pbu);
	tcase_add_test(tc, test_mh_parse_golden_pbu);
	tcase_add_test(tc, test_mh_golden_pba);
	tcase_add_test(tc, test_mh_parse_scapy_pbu);
	tcase_add_test(tc, test_mh_parse_scapy_pba);
	tcase_add_test(tc, test_mh_scapy_be);
	tcase_add_test(tc, test_mh_parse_empty_nai);
	suite_add_tcase(s, tc);

	tc = tcase_create("header");
	tcase_add_test(tc, test_mh_parse_short);
	tcase_add_test(tc, test_mh_parse_cut_anywhere);
	tcase_add_test(tc, test_mh_parse_cut_hdrlen_fits);
	tcase_add_test(tc, test_mh_parse_no_length_octet);
	tcase_add_test(tc, test_mh_parse_checksum);
	tcase_add_test(tc, test_mh_parse_checksum_zero);
	tcase_add_test(tc, test_mh_parse_trailing_octets);
	tcase_add_test(tc, test_mh_parse_types);
	tcase_add_test(tc, test_mh_parse_hdrlen);
	tcase_add_test(tc, test_mh_parse_order_of_tests);
	suite_add_tcase(s, tc);

	tc = tcase_create("options");
	tcase_add_test(tc, test_mh_parse_wrong_length_is_absent);
	tcase_add_test(tc, test_mh_parse_unknown_skipped);
	tcase_add_test(tc, test_mh_parse_duplicate_first_wins);
	tcase_add_test(tc, test_mh_parse_several_hnp);
	tcase_add_test(tc, test_mh_parse_hnp_lengths);
	tcase_add_test(tc, test_mh_parse_ip4_lengths);
	tcase_add_test(tc, test_mh_parse_reserved_bits_ignored);
	tcase_add_test(tc, test_mh_parse_mn_id);
	tcase_add_test(tc, test_mh_peek);
	tcase_add_loop_test(tc, test_mh_peek_ip4, 0, 2);
	tcase_add_test(tc, test_mh_parse_timestamp_len18);
	tcase_add_test(tc, test_mh_parse_timestamp_lengths);
	tcase_add_test(tc, test_mh_parse_option_many);
	tcase_add_test(tc, test_mh_parse_longest);
	tcase_add_test(tc, test_mh_parse_other_types);
	suite_add_tcase(s, tc);

	tc = tcase_create("changed");
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_mh_parse_mutated);
	tcase_add_test(tc, test_mh_drop_desc_named);
	suite_add_tcase(s, tc);
	return suite_run(s);
}

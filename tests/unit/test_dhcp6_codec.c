/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The DHCPv6 codec: messages of real clients, relays and servers octet by
 * octet, every drop reason, messages that are cut, stretched or changed
 * anywhere, and the law parse(build(x)) = x.
 */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "core/util.h"
#include "dhcp/dhcp6.h"
#include "suite.h"
#include "unit/text.h"

/* dhclient 4.4, first message. */
static const uint8_t golden_solicit[56] = {
	/*   0 */ 0x01, 0xbb, 0x13, 0x9a,	/* Solicit, transaction */
	/*   4 */ 0x00, 0x01, 0x00, 0x0e,	/* Client Identifier, 14 */
	/*   8: DUID */
		0x00, 0x01, 0x00, 0x01, 0x32, 0x9b, 0x3d, 0x8c,
		0x02, 0x00, 0x5e, 0x00, 0x53, 0x01,
	/*  22 */ 0x00, 0x06, 0x00, 0x08,	/* Option Request, 8 */
	/*  26: data */
		0x00, 0x17, 0x00, 0x18, 0x00, 0x27, 0x00, 0x1f,
	/*  34 */ 0x00, 0x08, 0x00, 0x02,	/* Elapsed Time, 2 */
	/*  38 */ 0x00, 0x00,	/* data */
	/*  40 */ 0x00, 0x03, 0x00, 0x0c,	/* IA_NA, 12 */
	/*  44 */ 0x5e, 0x00, 0x53, 0x01,	/* IAID */
	/*  48: T1, T2 */
		0x00, 0x00, 0x0e, 0x10, 0x00, 0x00, 0x15, 0x18,
};

/* The same, relayed by ISC dhcrelay 4.4. */
static const uint8_t golden_forward[102] = {
	/*   0 */ 0x0c, 0x00,	/* Relay-forward, hop-count 0 */
	/*   2: link-address 2001:db8:100:1::1 */
		0x20, 0x01, 0x0d, 0xb8, 0x01, 0x00, 0x00, 0x01,
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01,
	/*  18: peer fe80::5eff:fe00:5301 */
		0xfe, 0x80, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
		0x00, 0x00, 0x5e, 0xff, 0xfe, 0x00, 0x53, 0x01,
	/*  34 */ 0x00, 0x12, 0x00, 0x04,	/* Interface-Id, 4 */
	/*  38 */ 0x01, 0x00, 0x00, 0x00,	/* data */
	/*  42 */ 0x00, 0x09, 0x00, 0x38,	/* Relay Message, 56 */
	/*  46 */ 0x01, 0xbb, 0x13, 0x9a,	/* Solicit, transaction */
	/*  50 */ 0x00, 0x01, 0x00, 0x0e,	/* Client Identifier, 14 */
	/*  54: DUID */
		0x00, 0x01, 0x00, 0x01, 0x32, 0x9b, 0x3d, 0x8c,
		0x02, 0x00, 0x5e, 0x00, 0x53, 0x01,
	/*  68 */ 0x00, 0x06, 0x00, 0x08,	/* Option Request, 8 */
	/*  72: data */
		0x00, 0x17, 0x00, 0x18, 0x00, 0x27, 0x00, 0x1f,
	/*  80 */ 0x00, 0x08, 0x00, 0x02,	/* Elapsed Time, 2 */
	/*  84 */ 0x00, 0x00,	/* data */
	/*  86 */ 0x00, 0x03, 0x00, 0x0c,	/* IA_NA, 12 */
	/*  90 */ 0x5e, 0x00, 0x53, 0x01,	/* IAID */
	/*  94: T1, T2 */
		0x00, 0x00, 0x0e, 0x10, 0x00, 0x00, 0x15, 0x18,
};

/* Kea 2.2 assigns an address. */
static const uint8_t golden_reply[126] = {
	/*   0 */ 0x0d, 0x00,	/* Relay-reply, hop-count 0 */
	/*   2: link-address 2001:db8:100:1::1 */
		0x20, 0x01, 0x0d, 0xb8, 0x01, 0x00, 0x00, 0x01,
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01,
	/*  18: peer fe80::5eff:fe00:5301 */
		0xfe, 0x80, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
		0x00, 0x00, 0x5e, 0xff, 0xfe, 0x00, 0x53, 0x01,
	/*  34 */ 0x00, 0x12, 0x00, 0x04,	/* Interface-Id, 4 */
	/*  38 */ 0x01, 0x00, 0x00, 0x00,	/* data */
	/*  42 */ 0x00, 0x09, 0x00, 0x50,	/* Relay Message, 80 */
	/*  46 */ 0x07, 0xf3, 0xdd, 0x69,	/* Reply, transaction */
	/*  50 */ 0x00, 0x01, 0x00, 0x0e,	/* Client Identifier, 14 */
	/*  54: DUID */
		0x00, 0x01, 0x00, 0x01, 0x32, 0x9b, 0x3d, 0x8c,
		0x02, 0x00, 0x5e, 0x00, 0x53, 0x01,
	/*  68 */ 0x00, 0x02, 0x00, 0x0a,	/* Server Identifier, 10 */
	/*  72: DUID */
		0x00, 0x03, 0x00, 0x01, 0xb2, 0xfb, 0x40, 0x22,
		0x89, 0xc3,
	/*  82 */ 0x00, 0x03, 0x00, 0x28,	/* IA_NA, 40 */
	/*  86 */ 0x5e, 0x00, 0x53, 0x01,	/* IAID */
	/*  90: T1, T2 */
		0x00, 0x00, 0x03, 0x84, 0x00, 0x00, 0x05, 0xa0,
	/*  98 */ 0x00, 0x05, 0x00, 0x18,	/* IA Address, 24 */
	/* 102: 2001:db8:100:1::11 */
		0x20, 0x01, 0x0d, 0xb8, 0x01, 0x00, 0x00, 0x01,
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x11,
	/* 118: preferred 1800, valid 3600 */
		0x00, 0x00, 0x07, 0x08, 0x00, 0x00, 0x0e, 0x10,
};

/* dhclient gives it back, relayed. */
static const uint8_t golden_release[144] = {
	/*   0 */ 0x0c, 0x00,	/* Relay-forward, hop-count 0 */
	/*   2: link-address 2001:db8:100:1::1 */
		0x20, 0x01, 0x0d, 0xb8, 0x01, 0x00, 0x00, 0x01,
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01,
	/*  18: peer fe80::5eff:fe00:5301 */
		0xfe, 0x80, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
		0x00, 0x00, 0x5e, 0xff, 0xfe, 0x00, 0x53, 0x01,
	/*  34 */ 0x00, 0x12, 0x00, 0x04,	/* Interface-Id, 4 */
	/*  38 */ 0x01, 0x00, 0x00, 0x00,	/* data */
	/*  42 */ 0x00, 0x09, 0x00, 0x62,	/* Relay Message, 98 */
	/*  46 */ 0x08, 0xd5, 0x1a, 0x43,	/* Release, transaction */
	/*  50 */ 0x00, 0x01, 0x00, 0x0e,	/* Client Identifier, 14 */
	/*  54: DUID */
		0x00, 0x01, 0x00, 0x01, 0x32, 0x9b, 0x3d, 0x8c,
		0x02, 0x00, 0x5e, 0x00, 0x53, 0x01,
	/*  68 */ 0x00, 0x02, 0x00, 0x0a,	/* Server Identifier, 10 */
	/*  72: DUID */
		0x00, 0x03, 0x00, 0x01, 0xb2, 0xfb, 0x40, 0x22,
		0x89, 0xc3,
	/*  82 */ 0x00, 0x06, 0x00, 0x08,	/* Option Request, 8 */
	/*  86: data */
		0x00, 0x17, 0x00, 0x18, 0x00, 0x27, 0x00, 0x1f,
	/*  94 */ 0x00, 0x08, 0x00, 0x02,	/* Elapsed Time, 2 */
	/*  98 */ 0x00, 0x00,	/* data */
	/* 100 */ 0x00, 0x03, 0x00, 0x28,	/* IA_NA, 40 */
	/* 104 */ 0x5e, 0x00, 0x53, 0x01,	/* IAID */
	/* 108: T1, T2 */
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	/* 116 */ 0x00, 0x05, 0x00, 0x18,	/* IA Address, 24 */
	/* 120: 2001:db8:100:1::11 */
		0x20, 0x01, 0x0d, 0xb8, 0x01, 0x00, 0x00, 0x01,
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x11,
	/* 136: preferred 0, valid 0 */
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
};

/* And Kea is happy. */
static const uint8_t golden_release_reply[194] = {
	/*   0 */ 0x0d, 0x00,	/* Relay-reply, hop-count 0 */
	/*   2: link-address 2001:db8:100:1::1 */
		0x20, 0x01, 0x0d, 0xb8, 0x01, 0x00, 0x00, 0x01,
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01,
	/*  18: peer fe80::5eff:fe00:5301 */
		0xfe, 0x80, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
		0x00, 0x00, 0x5e, 0xff, 0xfe, 0x00, 0x53, 0x01,
	/*  34 */ 0x00, 0x12, 0x00, 0x04,	/* Interface-Id, 4 */
	/*  38 */ 0x01, 0x00, 0x00, 0x00,	/* data */
	/*  42 */ 0x00, 0x09, 0x00, 0x94,	/* Relay Message, 148 */
	/*  46 */ 0x07, 0xd5, 0x1a, 0x43,	/* Reply, transaction */
	/*  50 */ 0x00, 0x01, 0x00, 0x0e,	/* Client Identifier, 14 */
	/*  54: DUID */
		0x00, 0x01, 0x00, 0x01, 0x32, 0x9b, 0x3d, 0x8c,
		0x02, 0x00, 0x5e, 0x00, 0x53, 0x01,
	/*  68 */ 0x00, 0x02, 0x00, 0x0a,	/* Server Identifier, 10 */
	/*  72: DUID */
		0x00, 0x03, 0x00, 0x01, 0xb2, 0xfb, 0x40, 0x22,
		0x89, 0xc3,
	/*  82 */ 0x00, 0x03, 0x00, 0x3f,	/* IA_NA, 63 */
	/*  86 */ 0x5e, 0x00, 0x53, 0x01,	/* IAID */
	/*  90: T1, T2 */
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	/*  98 */ 0x00, 0x0d, 0x00, 0x2f,	/* Status Code, 47 */
	/* 102 */ 0x00, 0x00,	/* status */
	/* 104: 'Lease released. Thank you, please come again.' */
		0x4c, 0x65, 0x61, 0x73, 0x65, 0x20, 0x72, 0x65,
		0x6c, 0x65, 0x61, 0x73, 0x65, 0x64, 0x2e, 0x20,
		0x54, 0x68, 0x61, 0x6e, 0x6b, 0x20, 0x79, 0x6f,
		0x75, 0x2c, 0x20, 0x70, 0x6c, 0x65, 0x61, 0x73,
		0x65, 0x20, 0x63, 0x6f, 0x6d, 0x65, 0x20, 0x61,
		0x67, 0x61, 0x69, 0x6e, 0x2e,
	/* 149 */ 0x00, 0x0d, 0x00, 0x29,	/* Status Code, 41 */
	/* 153 */ 0x00, 0x00,	/* status */
	/* 155: 'Summary status for all processed IA_NAs' */
		0x53, 0x75, 0x6d, 0x6d, 0x61, 0x72, 0x79, 0x20,
		0x73, 0x74, 0x61, 0x74, 0x75, 0x73, 0x20, 0x66,
		0x6f, 0x72, 0x20, 0x61, 0x6c, 0x6c, 0x20, 0x70,
		0x72, 0x6f, 0x63, 0x65, 0x73, 0x73, 0x65, 0x64,
		0x20, 0x49, 0x41, 0x5f, 0x4e, 0x41, 0x73,
};

static bool
is6(const struct in6_addr *a, const char *s)
{
	struct in6_addr want = in6(s);

	return in6_eq(a, &want);
}

static bool
same_octets(const struct dhcp6_octets *a, const struct dhcp6_octets *b)
{
	return (a->p == NULL) == (b->p == NULL) && a->n == b->n &&
	    (a->n == 0 || memcmp(a->p, b->p, a->n) == 0);
}

static bool
same_relay(const struct dhcp6_relay *a, const struct dhcp6_relay *b)
{
	return a->type == b->type && a->hops == b->hops &&
	    in6_eq(&a->link, &b->link) && in6_eq(&a->peer, &b->peer) &&
	    same_octets(&a->interface_id, &b->interface_id) &&
	    same_octets(&a->remote_id, &b->remote_id) &&
	    same_octets(&a->subscriber_id, &b->subscriber_id) &&
	    a->has_mac == b->has_mac && mac_eq(&a->mac, &b->mac) &&
	    same_octets(&a->msg, &b->msg);
}

/* --- golden ------------------------------------------------------------ */

START_TEST(test_solicit)
{
	struct dhcp6_msg m;

	ck_assert_int_eq(dhcp6_parse(golden_solicit, sizeof(golden_solicit),
	    &m), D6D_OK);
	ck_assert_uint_eq(m.type, D6_SOLICIT);
	ck_assert_uint_eq(m.xid, 0xbb139a);
	ck_assert_uint_eq(m.client_id.n, 14);
	ck_assert_ptr_eq(m.client_id.p, golden_solicit + 8);
	ck_assert_ptr_null(m.server_id.p);
	ck_assert(!m.rapid_commit);
	ck_assert_uint_eq(m.nia, 1);
	ck_assert_uint_eq(m.naddrs, 0);
	ck_assert_uint_eq(m.status, D6_SUCCESS);
}
END_TEST

START_TEST(test_forward)
{
	struct dhcp6_chain c;

	ck_assert_int_eq(dhcp6_parse_chain(golden_forward,
	    sizeof(golden_forward), &c), D6D_OK);
	ck_assert_uint_eq(c.n, 1);
	ck_assert_uint_eq(c.level[0].type, D6_RELAY_FORW);
	ck_assert_uint_eq(c.level[0].hops, 0);
	ck_assert(is6(&c.level[0].link, "2001:db8:100:1::1"));
	ck_assert(is6(&c.level[0].peer, "fe80::5eff:fe00:5301"));
	ck_assert_uint_eq(c.level[0].interface_id.n, 4);
	ck_assert_ptr_eq(c.level[0].interface_id.p, golden_forward + 38);
	ck_assert(!c.level[0].has_mac);
	ck_assert_uint_eq(c.level[0].msg.n, sizeof(golden_solicit));
	ck_assert_mem_eq(c.level[0].msg.p, golden_solicit,
	    sizeof(golden_solicit));
	ck_assert_uint_eq(c.msg.type, D6_SOLICIT);
}
END_TEST

START_TEST(test_reply)
{
	struct dhcp6_chain c;

	ck_assert_int_eq(dhcp6_parse_chain(golden_reply, sizeof(golden_reply),
	    &c), D6D_OK);
	ck_assert_uint_eq(c.level[0].type, D6_RELAY_REPL);
	ck_assert_uint_eq(c.msg.type, D6_REPLY);
	ck_assert_uint_eq(c.msg.xid, 0xf3dd69);
	ck_assert_uint_eq(c.msg.server_id.n, 10);
	ck_assert_uint_eq(c.msg.naddrs, 1);
	ck_assert(is6(&c.msg.addrs[0].addr, "2001:db8:100:1::11"));
	ck_assert_uint_eq(c.msg.addrs[0].preferred_s, 1800);
	ck_assert_uint_eq(c.msg.addrs[0].valid_s, 3600);
	ck_assert_uint_eq(c.msg.addrs[0].iaid, 0x5e005301);
	ck_assert_uint_eq(c.msg.addrs[0].status, D6_SUCCESS);
}
END_TEST

START_TEST(test_release)
{
	struct dhcp6_chain c;

	ck_assert_int_eq(dhcp6_parse_chain(golden_release,
	    sizeof(golden_release), &c), D6D_OK);
	ck_assert_uint_eq(c.msg.type, D6_RELEASE);
	ck_assert_uint_eq(c.msg.naddrs, 1);
	ck_assert_uint_eq(c.msg.addrs[0].valid_s, 0);
	ck_assert_int_eq(dhcp6_parse_chain(golden_release_reply,
	    sizeof(golden_release_reply), &c), D6D_OK);
	ck_assert_uint_eq(c.msg.type, D6_REPLY);
	ck_assert_uint_eq(c.msg.naddrs, 0);
	ck_assert_uint_eq(c.msg.status, D6_SUCCESS);
	ck_assert_uint_eq(c.msg.ia_status, D6_SUCCESS);
}
END_TEST

/* --- statuses ---------------------------------------------------------- */

/* Offsets in golden_release_reply. */
enum { OFF_IA_STATUS = 102, OFF_STATUS = 153 };

START_TEST(test_statuses)
{
	uint8_t b[sizeof(golden_release_reply)];
	struct dhcp6_chain c;

	memcpy(b, golden_release_reply, sizeof(b));
	b[OFF_IA_STATUS + 1] = D6_NO_BINDING;
	b[OFF_STATUS + 1] = D6_USE_MULTICAST;
	ck_assert_int_eq(dhcp6_parse_chain(b, sizeof(b), &c), D6D_OK);
	ck_assert_uint_eq(c.msg.ia_status, D6_NO_BINDING);
	ck_assert_uint_eq(c.msg.status, D6_USE_MULTICAST);
}
END_TEST

/* An IA's status is that of its addresses, wherever it stands in it. */
START_TEST(test_address_status)
{
	static const uint8_t b[] = {
		/*   0 */ 0x07, 0x00, 0x00, 0x01,	/* Reply */
		/*   4 */ 0x00, 0x03, 0x00, 0x2e,	/* IA_NA, 46 */
		/*   8 */ 0x00, 0x00, 0x00, 0x07,	/* IAID */
			0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
		/*  20 */ 0x00, 0x05, 0x00, 0x18,	/* IA Address, 24 */
			0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0,
			0, 0, 0, 0, 0, 0, 0, 0x01,
			0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x02,
		/*  48 */ 0x00, 0x0d, 0x00, 0x02, 0x00, 0x04, /* NotOnLink */
		/*  54 */ 0x00, 0x03, 0x00, 0x2e,	/* another IA_NA, 46 */
		/*  58 */ 0x00, 0x00, 0x00, 0x08,	/* IAID */
			0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
		/*  70 */ 0x00, 0x05, 0x00, 0x1e,	/* IA Address, 30 */
			0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0,
			0, 0, 0, 0, 0, 0, 0, 0x02,
			0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00, 0x04,
		/*  98 */ 0x00, 0x0d, 0x00, 0x02, 0x00, 0x01, /* its own */
		/* 104 */ 0x00, 0x0e, 0x00, 0x00,	/* Rapid Commit */
	};
	struct dhcp6_msg m;

	ck_assert_int_eq(dhcp6_parse(b, sizeof(b), &m), D6D_OK);
	ck_assert_uint_eq(m.nia, 2);
	ck_assert_uint_eq(m.naddrs, 2);
	ck_assert_uint_eq(m.addrs[0].status, D6_NOT_ON_LINK);
	ck_assert_uint_eq(m.addrs[0].iaid, 7);
	ck_assert_uint_eq(m.addrs[1].status, D6_UNSPEC_FAIL);
	ck_assert_uint_eq(m.addrs[1].iaid, 8);
	ck_assert_uint_eq(m.addrs[1].valid_s, 4);
	ck_assert_uint_eq(m.ia_status, D6_NOT_ON_LINK);
	ck_assert_uint_eq(m.status, D6_SUCCESS);
	ck_assert(m.rapid_commit);
}
END_TEST

/* --- drops ------------------------------------------------------------- */

START_TEST(test_drops)
{
	uint8_t b[sizeof(golden_solicit)];
	struct dhcp6_msg m;
	struct dhcp6_relay r;

	memcpy(b, golden_solicit, sizeof(b));
	for (size_t n = 0; n < 4; n++)
		ck_assert_int_eq(dhcp6_parse(b, n, &m), D6D_SHORT);
	ck_assert_int_eq(dhcp6_parse(b, 4, &m), D6D_OK);
	b[0] = 0;
	ck_assert_int_eq(dhcp6_parse(b, sizeof(b), &m), D6D_TYPE);
	b[0] = D6_RELAY_FORW;
	ck_assert_int_eq(dhcp6_parse(b, sizeof(b), &m), D6D_TYPE);
	ck_assert_int_eq(dhcp6_parse_relay(golden_solicit,
	    sizeof(golden_solicit), &r), D6D_TYPE);
	ck_assert_int_eq(dhcp6_parse_relay(golden_forward, 33, &r),
	    D6D_SHORT);
	ck_assert_int_eq(dhcp6_parse_relay(golden_forward, 34, &r),
	    D6D_NO_RELAY_MSG);
	ck_assert_int_eq(dhcp6_parse_relay(golden_forward, 42, &r),
	    D6D_NO_RELAY_MSG);
	memcpy(b, golden_solicit, sizeof(b));
	b[43] = 11;				/* IA_NA of 11 octets */
	ck_assert_int_eq(dhcp6_parse(b, sizeof(b) - 1, &m), D6D_OPT_LENGTH);
	b[43] = 13;
	ck_assert_int_eq(dhcp6_parse(b, sizeof(b), &m), D6D_OPT_OVERRUN);
}
END_TEST

/* Cut anywhere: malformed, or cut between two options. */
START_TEST(test_cut)
{
	struct dhcp6_chain c;

	for (size_t n = 0; n < sizeof(golden_reply); n++)
		ck_assert_int_ne(dhcp6_parse_chain(golden_reply, n, &c),
		    D6D_OK);
	for (size_t n = 0; n < sizeof(golden_solicit); n++) {
		enum dhcp6_drop d = dhcp6_parse(golden_solicit, n, &c.msg);

		ck_assert_int_eq(d == D6D_OK, n == 4 || n == 22 || n == 34 ||
		    n == 40);
	}
}
END_TEST

START_TEST(test_many)
{
	uint8_t b[4 + 4 * (D6_OPTS_MAX + 1)] = { D6_SOLICIT };
	struct dhcp6_msg m;

	for (size_t i = 4; i < sizeof(b); i += 4)
		b[i + 1] = 200;
	ck_assert_int_eq(dhcp6_parse(b, sizeof(b) - 4, &m), D6D_OK);
	ck_assert_int_eq(dhcp6_parse(b, sizeof(b), &m), D6D_OPT_MANY);
}
END_TEST

START_TEST(test_many_addresses)
{
	uint8_t b[20 + 28 * (D6_ADDRS_MAX + 1)] = { D6_REPLY, 0, 0, 1,
		0, 3 };
	size_t ia = sizeof(b) - 8;
	struct dhcp6_msg m;

	b[6] = (uint8_t)(ia >> 8);
	b[7] = (uint8_t)ia;
	for (size_t i = 20; i < sizeof(b); i += 28) {
		b[i + 1] = 5;
		b[i + 3] = 24;
	}
	ck_assert_int_eq(dhcp6_parse(b, sizeof(b), &m), D6D_OK);
	ck_assert_uint_eq(m.naddrs, D6_ADDRS_MAX);
	ck_assert(m.more);
}
END_TEST

/* --- nesting, and the law ---------------------------------------------- */

static const struct dhcp6_octets solicit = { golden_solicit,
	sizeof(golden_solicit) };

START_TEST(test_nested)
{
	uint8_t buf[2][1024];
	struct dhcp6_relay r = { .type = D6_RELAY_FORW };
	struct dhcp6_chain c;
	int n = 0;

	r.msg = solicit;
	for (unsigned i = 0; i < D6_HOP_LIMIT; i++) {
		r.hops = (uint8_t)i;
		n = dhcp6_build_relay(&r, buf[i % 2], sizeof(buf[0]));
		ck_assert_int_gt(n, 0);
		r.msg = (struct dhcp6_octets){ buf[i % 2], (uint16_t)n };
		ck_assert_int_eq(dhcp6_parse_chain(buf[i % 2], (size_t)n, &c),
		    D6D_OK);
		ck_assert_uint_eq(c.n, i + 1);
		ck_assert_uint_eq(c.level[0].hops, i);
		ck_assert_uint_eq(c.msg.xid, 0xbb139a);
	}
	n = dhcp6_build_relay(&r, buf[0], sizeof(buf[0]));
	ck_assert_int_eq(dhcp6_parse_chain(buf[0], (size_t)n, &c),
	    D6D_NESTED);
	/* a reply in a forward */
	r.type = D6_RELAY_REPL;
	r.msg = solicit;
	n = dhcp6_build_relay(&r, buf[1], sizeof(buf[1]));
	r.type = D6_RELAY_FORW;
	r.msg = (struct dhcp6_octets){ buf[1], (uint16_t)n };
	n = dhcp6_build_relay(&r, buf[0], sizeof(buf[0]));
	ck_assert_int_eq(dhcp6_parse_chain(buf[0], (size_t)n, &c), D6D_MIXED);
}
END_TEST

/* parse(build(x)) = x, with each combination of options. */
START_TEST(test_law)
{
	static const uint8_t id[] = "acc0/02:00:5e:00:53:01";
	uint8_t buf[512];

	for (unsigned mask = 0; mask < 16; mask++) {
		struct dhcp6_relay x = { .type = D6_RELAY_FORW, .hops = 3,
			.link = in6("2001:db8:1:1::"), .peer = in6("fe80::1"),
			.msg = solicit }, y;
		int n;

		if (mask & 1)
			x.interface_id = (struct dhcp6_octets){ id, 22 };
		if (mask & 2)
			x.remote_id = (struct dhcp6_octets){ id, 5 };
		if (mask & 4)
			x.subscriber_id = (struct dhcp6_octets){ id, 1 };
		if (mask & 8) {
			x.has_mac = true;
			x.mac = (struct mac){ { 2, 0, 0x5e, 0, 0x53, 1 } };
		}
		n = dhcp6_build_relay(&x, buf, sizeof(buf));
		ck_assert_int_gt(n, 0);
		ck_assert_int_eq(dhcp6_parse_relay(buf, (size_t)n, &y),
		    D6D_OK);
		ck_assert(same_relay(&x, &y));
		for (int cap = 0; cap < n; cap++)
			ck_assert_int_eq(dhcp6_build_relay(&x, buf,
			    (size_t)cap), -EMSGSIZE);
	}
}
END_TEST

/* What ISC's relay wrote is what we write, in our order of options. */
START_TEST(test_rebuild)
{
	uint8_t buf[sizeof(golden_forward)];
	struct dhcp6_relay r;

	ck_assert_int_eq(dhcp6_parse_relay(golden_forward,
	    sizeof(golden_forward), &r), D6D_OK);
	ck_assert_int_eq(dhcp6_build_relay(&r, buf, sizeof(buf)),
	    sizeof(golden_forward));
	ck_assert_mem_eq(buf, golden_forward, sizeof(buf));
}
END_TEST

/* Any one octet changed: an answer, and nothing outside of the message. */
START_TEST(test_changed)
{
	uint8_t b[sizeof(golden_release_reply)];
	struct dhcp6_chain c;

	for (size_t i = 0; i < sizeof(b); i++) {
		for (unsigned v = 0; v < 256; v += 5) {
			memcpy(b, golden_release_reply, sizeof(b));
			b[i] = (uint8_t)v;
			ck_assert_int_lt(dhcp6_parse_chain(b, sizeof(b), &c),
			    DHCP6_DROP_MAX);
		}
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("dhcp6");
	TCase *tc = tcase_create("codec");

	tcase_add_test(tc, test_solicit);
	tcase_add_test(tc, test_forward);
	tcase_add_test(tc, test_reply);
	tcase_add_test(tc, test_release);
	tcase_add_test(tc, test_statuses);
	tcase_add_test(tc, test_address_status);
	tcase_add_test(tc, test_drops);
	tcase_add_test(tc, test_cut);
	tcase_add_test(tc, test_many);
	tcase_add_test(tc, test_many_addresses);
	tcase_add_test(tc, test_nested);
	tcase_add_test(tc, test_law);
	tcase_add_test(tc, test_rebuild);
	tcase_add_test(tc, test_changed);
	suite_add_tcase(s, tc);
	return suite_run(s);
}

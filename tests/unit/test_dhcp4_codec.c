/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The DHCPv4 codec: messages of real clients, relays and servers octet by
 * octet, option 82, overloaded fields, every drop reason, messages that are
 * cut or changed anywhere, and the law parse(build(x)) = x.
 */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "core/util.h"
#include "dhcp/dhcp4.h"
#include "suite.h"
#include "unit/text.h"

/* udhcpc 1.35, first message. */
static const uint8_t golden_discover[300] = {
	/*   0 */ 0x01, 0x01, 0x06, 0x00,	/* op, htype, hlen, hops */
	/*   4 */ 0x4b, 0x1c, 0x84, 0x0b,	/* xid */
	/*   8 */ 0x00, 0x00, 0x00, 0x00,	/* secs, flags */
	/*  12 */ 0x00, 0x00, 0x00, 0x00,	/* ciaddr */
	/*  16 */ 0x00, 0x00, 0x00, 0x00,	/* yiaddr */
	/*  20 */ 0x00, 0x00, 0x00, 0x00,	/* siaddr */
	/*  24 */ 0x00, 0x00, 0x00, 0x00,	/* giaddr */
	/*  28: chaddr */
		0x02, 0x00, 0x5e, 0x00, 0x53, 0x01, 0x00, 0x00,
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	/* sname and file are empty */
	[236] =
	/* 236 */ 0x63, 0x82, 0x53, 0x63,	/* magic cookie */
	/* 240 */ 0x35, 0x01,	/* message type, 1 */
	/* 242 */ 0x01,
	/* 243 */ 0x39, 0x02,	/* maximum size, 2 */
	/* 245 */ 0x02, 0x40,
	/* 247 */ 0x37, 0x07,	/* parameters, 7 */
	/* 249: data */
		0x01, 0x03, 0x06, 0x0c, 0x0f, 0x1c, 0x2a,
	/* 256 */ 0x3c, 0x0c,	/* vendor class, 12 */
	/* 258: data */
		0x75, 0x64, 0x68, 0x63, 0x70, 0x20, 0x31, 0x2e,
		0x33, 0x35, 0x2e, 0x30,
	/* 270 */ 0x3d, 0x07,	/* client identifier, 7 */
	/* 272: data */
		0x01, 0x02, 0x00, 0x5e, 0x00, 0x53, 0x01,
	/* 279 */ 0xff,	/* end */
};

/* Its REQUEST, relayed by ISC dhcrelay 4.4 (Agent Circuit ID). */
static const uint8_t golden_request_relayed[300] = {
	/*   0 */ 0x01, 0x01, 0x06, 0x01,	/* op, htype, hlen, hops */
	/*   4 */ 0x4b, 0x1c, 0x84, 0x0b,	/* xid */
	/*   8 */ 0x00, 0x00, 0x00, 0x00,	/* secs, flags */
	/*  12 */ 0x00, 0x00, 0x00, 0x00,	/* ciaddr */
	/*  16 */ 0x00, 0x00, 0x00, 0x00,	/* yiaddr */
	/*  20 */ 0x00, 0x00, 0x00, 0x00,	/* siaddr */
	/*  24 */ 0xc0, 0x00, 0x02, 0x01,	/* giaddr */
	/*  28: chaddr */
		0x02, 0x00, 0x5e, 0x00, 0x53, 0x01, 0x00, 0x00,
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	/* sname and file are empty */
	[236] =
	/* 236 */ 0x63, 0x82, 0x53, 0x63,	/* magic cookie */
	/* 240 */ 0x35, 0x01,	/* message type, 1 */
	/* 242 */ 0x03,
	/* 243 */ 0x32, 0x04,	/* requested address, 4 */
	/* 245 */ 0xc0, 0x00, 0x02, 0x0b,
	/* 249 */ 0x36, 0x04,	/* server identifier, 4 */
	/* 251 */ 0xc6, 0x33, 0x64, 0x05,
	/* 255 */ 0x39, 0x02,	/* maximum size, 2 */
	/* 257 */ 0x02, 0x40,
	/* 259 */ 0x37, 0x07,	/* parameters, 7 */
	/* 261: data */
		0x01, 0x03, 0x06, 0x0c, 0x0f, 0x1c, 0x2a,
	/* 268 */ 0x3c, 0x0c,	/* vendor class, 12 */
	/* 270: data */
		0x75, 0x64, 0x68, 0x63, 0x70, 0x20, 0x31, 0x2e,
		0x33, 0x35, 0x2e, 0x30,
	/* 282 */ 0x3d, 0x07,	/* client identifier, 7 */
	/* 284: data */
		0x01, 0x02, 0x00, 0x5e, 0x00, 0x53, 0x01,
	/* 291 */ 0x52, 0x04,	/* relay agent information, 4 */
	/* 293 */ 0x01, 0x02,	/* circuit-id, 2 */
	/* 295 */ 0x76, 0x61,	/* data */
	/* 297 */ 0xff,	/* end */
};

/* Kea 2.2 assigns the address, and gives option 82 back. */
static const uint8_t golden_ack[283] = {
	/*   0 */ 0x02, 0x01, 0x06, 0x01,	/* op, htype, hlen, hops */
	/*   4 */ 0x4b, 0x1c, 0x84, 0x0b,	/* xid */
	/*   8 */ 0x00, 0x00, 0x00, 0x00,	/* secs, flags */
	/*  12 */ 0x00, 0x00, 0x00, 0x00,	/* ciaddr */
	/*  16 */ 0xc0, 0x00, 0x02, 0x0b,	/* yiaddr */
	/*  20 */ 0x00, 0x00, 0x00, 0x00,	/* siaddr */
	/*  24 */ 0xc0, 0x00, 0x02, 0x01,	/* giaddr */
	/*  28: chaddr */
		0x02, 0x00, 0x5e, 0x00, 0x53, 0x01, 0x00, 0x00,
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	/* sname and file are empty */
	[236] =
	/* 236 */ 0x63, 0x82, 0x53, 0x63,	/* magic cookie */
	/* 240 */ 0x35, 0x01,	/* message type, 1 */
	/* 242 */ 0x05,
	/* 243 */ 0x01, 0x04,	/* subnet mask, 4 */
	/* 245 */ 0xff, 0xff, 0xff, 0x00,
	/* 249 */ 0x03, 0x04,	/* router, 4 */
	/* 251 */ 0xc0, 0x00, 0x02, 0x01,
	/* 255 */ 0x33, 0x04,	/* lease time, 4 */
	/* 257 */ 0x00, 0x00, 0x0e, 0x10,
	/* 261 */ 0x36, 0x04,	/* server identifier, 4 */
	/* 263 */ 0xc6, 0x33, 0x64, 0x05,
	/* 267 */ 0x3d, 0x07,	/* client identifier, 7 */
	/* 269: data */
		0x01, 0x02, 0x00, 0x5e, 0x00, 0x53, 0x01,
	/* 276 */ 0x52, 0x04,	/* relay agent information, 4 */
	/* 278 */ 0x01, 0x02,	/* circuit-id, 2 */
	/* 280 */ 0x76, 0x61,	/* data */
	/* 282 */ 0xff,	/* end */
};

/* dnsmasq 2.90 does the same. */
static const uint8_t golden_dnsmasq_ack[300] = {
	/*   0 */ 0x02, 0x01, 0x06, 0x01,	/* op, htype, hlen, hops */
	/*   4 */ 0x15, 0x14, 0x05, 0x00,	/* xid */
	/*   8 */ 0x00, 0x00, 0x00, 0x00,	/* secs, flags */
	/*  12 */ 0x00, 0x00, 0x00, 0x00,	/* ciaddr */
	/*  16 */ 0xc0, 0x00, 0x02, 0x91,	/* yiaddr */
	/*  20 */ 0xc6, 0x33, 0x64, 0x05,	/* siaddr */
	/*  24 */ 0xc0, 0x00, 0x02, 0x01,	/* giaddr */
	/*  28: chaddr */
		0x02, 0x00, 0x5e, 0x00, 0x53, 0x01, 0x00, 0x00,
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	/* sname and file are empty */
	[236] =
	/* 236 */ 0x63, 0x82, 0x53, 0x63,	/* magic cookie */
	/* 240 */ 0x35, 0x01,	/* message type, 1 */
	/* 242 */ 0x05,
	/* 243 */ 0x36, 0x04,	/* server identifier, 4 */
	/* 245 */ 0xc6, 0x33, 0x64, 0x05,
	/* 249 */ 0x33, 0x04,	/* lease time, 4 */
	/* 251 */ 0x00, 0x00, 0x0e, 0x10,
	/* 255 */ 0x3a, 0x04,	/* option 58, 4 */
	/* 257 */ 0x00, 0x00, 0x07, 0x08,
	/* 261 */ 0x3b, 0x04,	/* option 59, 4 */
	/* 263 */ 0x00, 0x00, 0x0c, 0x4e,
	/* 267 */ 0x01, 0x04,	/* subnet mask, 4 */
	/* 269 */ 0xff, 0xff, 0xff, 0x00,
	/* 273 */ 0x1c, 0x04,	/* option 28, 4 */
	/* 275 */ 0xc0, 0x00, 0x02, 0xff,
	/* 279 */ 0x03, 0x04,	/* router, 4 */
	/* 281 */ 0xc0, 0x00, 0x02, 0x01,
	/* 285 */ 0x52, 0x04,	/* relay agent information, 4 */
	/* 287 */ 0x01, 0x02,	/* circuit-id, 2 */
	/* 289 */ 0x76, 0x61,	/* data */
	/* 291 */ 0xff,	/* end */
};

static void
parse(const uint8_t *b, size_t n, struct dhcp4_msg *m)
{
	ck_assert_int_eq(dhcp4_parse(b, n, m), D4D_OK);
}

static bool
octets_are(const struct dhcp4_octets *o, const char *s)
{
	return o->p != NULL && o->n == strlen(s) && memcmp(o->p, s, o->n) == 0;
}

/* --- golden ------------------------------------------------------------ */

START_TEST(test_discover)
{
	static const struct mac mac = { { 2, 0, 0x5e, 0, 0x53, 1 } };
	struct dhcp4_msg m;
	struct mac got;

	parse(golden_discover, sizeof(golden_discover), &m);
	ck_assert_uint_eq(m.op, D4_BOOTREQUEST);
	ck_assert_uint_eq(m.type, D4_DISCOVER);
	ck_assert_uint_eq(m.hops, 0);
	ck_assert_uint_eq(m.xid, 0x4b1c840b);
	ck_assert_uint_eq(m.flags, 0);
	got = dhcp4_mac(&m);
	ck_assert(mac_eq(&got, &mac));
	ck_assert(!m.has_agent && !m.has_lease);
	ck_assert(is4(m.requested, "0.0.0.0") && is4(m.giaddr, "0.0.0.0"));
	m.htype = 6;				/* another hardware */
	got = dhcp4_mac(&m);
	ck_assert(mac_is_zero(&got));
}
END_TEST

START_TEST(test_request)
{
	struct dhcp4_msg m;

	parse(golden_request_relayed, sizeof(golden_request_relayed), &m);
	ck_assert_uint_eq(m.type, D4_REQUEST);
	ck_assert_uint_eq(m.hops, 1);
	ck_assert(is4(m.giaddr, "192.0.2.1"));
	ck_assert(is4(m.requested, "192.0.2.11"));
	ck_assert(is4(m.server_id, "198.51.100.5"));
	ck_assert(m.has_agent);
	ck_assert(octets_are(&m.agent.circuit_id, "va"));
	ck_assert_ptr_null(m.agent.remote_id.p);
}
END_TEST

START_TEST(test_ack)
{
	struct dhcp4_msg m;

	parse(golden_ack, sizeof(golden_ack), &m);
	ck_assert_uint_eq(m.op, D4_BOOTREPLY);
	ck_assert_uint_eq(m.type, D4_ACK);
	ck_assert(is4(m.yiaddr, "192.0.2.11"));
	ck_assert(is4(m.router, "192.0.2.1"));
	ck_assert_uint_eq(dhcp4_mask_len(m.mask), 24);
	ck_assert(m.has_lease);
	ck_assert_uint_eq(m.lease_s, 3600);
	ck_assert(is4(m.server_id, "198.51.100.5"));
	ck_assert(octets_are(&m.agent.circuit_id, "va"));
	parse(golden_dnsmasq_ack, sizeof(golden_dnsmasq_ack), &m);
	ck_assert_uint_eq(m.type, D4_ACK);
	ck_assert(is4(m.router, "192.0.2.1"));
	ck_assert_uint_eq(dhcp4_mask_len(m.mask), 24);
	ck_assert_uint_eq(m.lease_s, 3600);
	ck_assert(octets_are(&m.agent.circuit_id, "va"));
}
END_TEST

START_TEST(test_mask)
{
	ck_assert_uint_eq(dhcp4_mask_len(in4("0.0.0.0")), 0);
	ck_assert_uint_eq(dhcp4_mask_len(in4("128.0.0.0")), 1);
	ck_assert_uint_eq(dhcp4_mask_len(in4("255.255.255.252")), 30);
	ck_assert_uint_eq(dhcp4_mask_len(in4("255.255.255.255")), 32);
	ck_assert_uint_eq(dhcp4_mask_len(in4("255.0.255.0")), 0);
}
END_TEST

/* --- option 82 --------------------------------------------------------- */

/* Taken out: what the client sees is what the server wrote, and nothing of
 * the relay. */
START_TEST(test_strip)
{
	uint8_t buf[D4_MSG_MAX];
	struct dhcp4_msg m, back;
	int n;

	parse(golden_ack, sizeof(golden_ack), &m);
	n = dhcp4_build(&m, NULL, buf, sizeof(buf));
	ck_assert_int_eq(n, D4_MSG_MIN);
	parse(buf, (size_t)n, &back);
	ck_assert(!back.has_agent);
	ck_assert_mem_eq(buf, golden_ack, 276);
	ck_assert_uint_eq(buf[276], 255);
	for (int i = 277; i < n; i++)
		ck_assert_uint_eq(buf[i], 0);
}
END_TEST

/* As ISC's relay adds it. */
START_TEST(test_add)
{
	static const uint8_t va[] = "va";
	const struct dhcp4_agent a = { .circuit_id = { va, 2 } };
	uint8_t buf[D4_MSG_MAX], client[sizeof(golden_request_relayed)];
	struct dhcp4_msg m;
	int n;

	/* what the client sent: without the option, hops and giaddr */
	memcpy(client, golden_request_relayed, sizeof(client));
	client[291] = 255;
	memset(client + 292, 0, sizeof(client) - 292);
	client[3] = 0;
	memset(client + 24, 0, 4);
	parse(client, sizeof(client), &m);
	ck_assert(!m.has_agent);
	m.hops++;
	m.giaddr = in4("192.0.2.1");
	n = dhcp4_build(&m, &a, buf, sizeof(buf));
	ck_assert_int_eq(n, sizeof(golden_request_relayed));
	ck_assert_mem_eq(buf, golden_request_relayed, (size_t)n);
}
END_TEST

static bool
same_octets(const struct dhcp4_octets *a, const struct dhcp4_octets *b)
{
	return (a->p == NULL) == (b->p == NULL) && a->n == b->n &&
	    (a->n == 0 || memcmp(a->p, b->p, a->n) == 0);
}

/* parse(build(x)) = x, with each combination of sub-options. */
START_TEST(test_law)
{
	static const uint8_t id[255] = "acc0/02:00:5e:00:53:01";
	uint8_t buf[D4_MSG_MAX];
	struct dhcp4_msg m, back;

	parse(golden_discover, sizeof(golden_discover), &m);
	for (unsigned mask = 0; mask < 64; mask++) {
		struct dhcp4_agent x = { .has_flags = false };
		const struct dhcp4_agent *y = &back.agent;
		int n;

		if (mask & 1)
			x.circuit_id = (struct dhcp4_octets){ id, 22 };
		if (mask & 2)
			x.remote_id = (struct dhcp4_octets){ id, 1 };
		if (mask & 4)
			x.link_selection = in4("192.0.2.0");
		if (mask & 8)
			x.subscriber_id = (struct dhcp4_octets){ id, 200 };
		if (mask & 16) {
			x.has_flags = true;
			x.flags = D4_AGENT_UNICAST;
		}
		if (mask & 32)
			x.server_override = in4("192.0.2.1");
		n = dhcp4_build(&m, &x, buf, sizeof(buf));
		ck_assert_int_ge(n, D4_MSG_MIN);
		parse(buf, (size_t)n, &back);
		ck_assert(back.has_agent);
		ck_assert(same_octets(&x.circuit_id, &y->circuit_id));
		ck_assert(same_octets(&x.remote_id, &y->remote_id));
		ck_assert(same_octets(&x.subscriber_id, &y->subscriber_id));
		ck_assert_uint_eq(x.link_selection.s_addr,
		    y->link_selection.s_addr);
		ck_assert_uint_eq(x.server_override.s_addr,
		    y->server_override.s_addr);
		ck_assert(x.has_flags == y->has_flags && x.flags == y->flags);
		ck_assert_uint_eq(back.type, m.type);
		ck_assert_uint_eq(back.xid, m.xid);
		for (int cap = 0; cap < n; cap += 7)
			ck_assert_int_eq(dhcp4_build(&m, &x, buf,
			    (size_t)cap), -EMSGSIZE);
	}
}
END_TEST

/* One option holds 255 octets. */
START_TEST(test_agent_too_long)
{
	static const uint8_t id[255];
	const struct dhcp4_agent a = { .circuit_id = { id, 130 },
		.subscriber_id = { id, 130 } };
	uint8_t buf[D4_MSG_MAX];
	struct dhcp4_msg m;

	parse(golden_discover, sizeof(golden_discover), &m);
	ck_assert_int_eq(dhcp4_build(&m, &a, buf, sizeof(buf)), -EMSGSIZE);
}
END_TEST

/* --- options in all places --------------------------------------------- */

/* A message with those options, from octet 240 on. */
static size_t
with(uint8_t *b, const uint8_t *opts, size_t n)
{
	memcpy(b, golden_discover, 240);
	memcpy(b + 240, opts, n);
	return 240 + n;
}
#define WITH(b, ...) with((b), (const uint8_t[]){ __VA_ARGS__ }, \
    sizeof((const uint8_t[]){ __VA_ARGS__ }))

/* RFC 2132 9.3, RFC 3396 5: file, then sname. */
START_TEST(test_overload)
{
	static const uint8_t in_file[] = { 51, 4, 0, 0, 0, 9, 255, 1, 2 };
	static const uint8_t in_sname[] = { 54, 4, 10, 0, 0, 1, 51, 4, 0, 0,
		0, 8, 82, 3, 1, 1, 'x', 255 };
	uint8_t b[512], out[D4_MSG_MAX];
	struct dhcp4_msg m, back;
	size_t n = WITH(b, 53, 1, 5, 52, 1, 3, 0, 0, 3, 4, 10, 0, 0, 2, 255);
	int len;

	memcpy(b + 108, in_file, sizeof(in_file));
	memcpy(b + 44, in_sname, sizeof(in_sname));
	parse(b, n, &m);
	ck_assert_uint_eq(m.lease_s, 9);	/* the first one counts */
	ck_assert(is4(m.server_id, "10.0.0.1"));
	ck_assert(is4(m.router, "10.0.0.2"));
	ck_assert(m.has_agent && octets_are(&m.agent.circuit_id, "x"));
	/* the fields go on, without option 82 (RFC 3046 2.1) */
	len = dhcp4_build(&m, NULL, out, sizeof(out));
	ck_assert_int_gt(len, 0);
	ck_assert_mem_eq(out + 44, in_sname, 12);
	ck_assert_uint_eq(out[44 + 12], 255);
	for (unsigned i = 44 + 13; i < 108; i++)
		ck_assert_uint_eq(out[i], 0);
	ck_assert_mem_eq(out + 108, in_file, 7);
	parse(out, (size_t)len, &back);
	ck_assert_uint_eq(back.lease_s, 9);
	ck_assert(is4(back.server_id, "10.0.0.1"));
	ck_assert(!back.has_agent);
	/* full to the brim: no end is needed, and there is no room for one */
	memset(b + 44, 0, 64);
	b[44] = 224;
	b[45] = 62;
	parse(b, n, &m);
	len = dhcp4_build(&m, NULL, out, sizeof(out));
	ck_assert_int_gt(len, 0);
	ck_assert_mem_eq(out + 44, b + 44, 64);
	parse(out, (size_t)len, &back);
	ck_assert_uint_eq(back.lease_s, 9);
	/* not overloaded: not looked at */
	n = WITH(b, 53, 1, 5, 255);
	memcpy(b + 108, in_file, sizeof(in_file));
	parse(b, n, &m);
	ck_assert(!m.has_lease);
	/* only one of them */
	n = WITH(b, 53, 1, 5, 52, 1, 1, 255);
	memcpy(b + 108, in_file, sizeof(in_file));
	memcpy(b + 44, in_sname, sizeof(in_sname));
	parse(b, n, &m);
	ck_assert_uint_eq(m.lease_s, 9);
	ck_assert(!m.has_agent);
	/* past the end of such a field */
	b[108 + 128 - 1] = 51;
	memset(b + 108, 0, 127);
	ck_assert_int_eq(dhcp4_parse(b, n, &m), D4D_OPT_OVERRUN);
}
END_TEST

static enum dhcp4_drop
drop_of(const uint8_t *b, size_t n)
{
	struct dhcp4_msg m;

	return dhcp4_parse(b, n, &m);
}

START_TEST(test_drops)
{
	uint8_t b[1024];
	size_t n;

	for (n = 0; n < 236; n++)
		ck_assert_int_eq(drop_of(golden_discover, n), D4D_SHORT);
	for (; n < 240; n++)
		ck_assert_int_eq(drop_of(golden_discover, n), D4D_COOKIE);
	ck_assert_int_eq(drop_of(golden_discover, 240), D4D_TYPE);
	n = WITH(b, 53, 1, 1);			/* no end: tolerated */
	ck_assert_int_eq(drop_of(b, n), D4D_OK);
	b[0] = 3;
	ck_assert_int_eq(drop_of(b, n), D4D_OP);
	b[0] = 1;
	b[2] = 17;
	ck_assert_int_eq(drop_of(b, n), D4D_HLEN);
	b[2] = 6;
	b[239] ^= 1;
	ck_assert_int_eq(drop_of(b, n), D4D_COOKIE);
	ck_assert_int_eq(drop_of(b, WITH(b, 53, 1, 0)), D4D_TYPE);
	ck_assert_int_eq(drop_of(b, WITH(b, 53, 1, 9)), D4D_TYPE);
	ck_assert_int_eq(drop_of(b, WITH(b, 53, 2, 1, 1)), D4D_OPT_LENGTH);
	ck_assert_int_eq(drop_of(b, WITH(b, 53, 1, 1, 3, 3, 1, 2, 3)),
	    D4D_OPT_LENGTH);
	ck_assert_int_eq(drop_of(b, WITH(b, 53, 1, 1, 12, 5, 'a')),
	    D4D_OPT_OVERRUN);
	ck_assert_int_eq(drop_of(b, WITH(b, 53, 1, 1, 12)), D4D_OPT_OVERRUN);
	ck_assert_int_eq(drop_of(b, WITH(b, 53, 1, 1, 52, 1, 4)),
	    D4D_OVERLOAD);
	ck_assert_int_eq(drop_of(b, WITH(b, 53, 1, 1, 52, 0)), D4D_OVERLOAD);
	ck_assert_int_eq(drop_of(b, WITH(b, 53, 1, 1, 82, 2, 1, 1)),
	    D4D_AGENT);
	ck_assert_int_eq(drop_of(b, WITH(b, 53, 1, 1, 82, 1, 1)), D4D_AGENT);
	ck_assert_int_eq(drop_of(b, WITH(b, 53, 1, 1, 82, 5, 5, 3, 1, 2, 3)),
	    D4D_AGENT);
	/* unknown sub-options are skipped */
	ck_assert_int_eq(drop_of(b, WITH(b, 53, 1, 1, 82, 3, 99, 1, 2)),
	    D4D_OK);
	/* behind the end there is nothing */
	ck_assert_int_eq(drop_of(b, WITH(b, 53, 1, 1, 255, 12, 99)), D4D_OK);
	n = WITH(b, 53, 1, 1);
	for (unsigned i = 0; i < D4_OPTS_MAX; i++, n += 2) {
		b[n] = 200;
		b[n + 1] = 0;
	}
	ck_assert_int_eq(drop_of(b, n - 2), D4D_OK);
	ck_assert_int_eq(drop_of(b, n), D4D_OPT_MANY);
}
END_TEST

START_TEST(test_changed)
{
	uint8_t b[sizeof(golden_ack)];

	for (size_t i = 0; i < sizeof(b); i++) {
		for (unsigned v = 0; v < 256; v += 5) {
			memcpy(b, golden_ack, sizeof(b));
			b[i] = (uint8_t)v;
			ck_assert_int_lt(drop_of(b, sizeof(b)),
			    DHCP4_DROP_MAX);
		}
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("dhcp4");
	TCase *tc = tcase_create("codec");

	tcase_add_test(tc, test_discover);
	tcase_add_test(tc, test_request);
	tcase_add_test(tc, test_ack);
	tcase_add_test(tc, test_mask);
	tcase_add_test(tc, test_strip);
	tcase_add_test(tc, test_add);
	tcase_add_test(tc, test_law);
	tcase_add_test(tc, test_agent_too_long);
	tcase_add_test(tc, test_overload);
	tcase_add_test(tc, test_drops);
	tcase_add_test(tc, test_changed);
	suite_add_tcase(s, tc);
	return suite_run(s);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mobility options: one constant row per option with its type, lengths,
 * alignment, reader and writer, and one iterator.  A new option is a bit and
 * a field in mh.h, a row here, and a line in mh_opt_order; neither the parser
 * nor the builder has to know.
 *
 * Called by mh_parse.c and mh_build.c only.
 *
 * Implements: RFC 6275 6.2.1-6.2.5, RFC 4283 section 3, RFC 5149 section 3,
 * RFC 5213 8.3-8.8, RFC 5847 section 4.1 (28), RFC 5555 3.1.1 and 3.2.1 (29,
 * 30), RFC 5844 3.3 (36-39).
 * Not implemented, skipped when met: every other option of PROTOCOL 2.7.
 */
#include "mh_opt_priv.h"

#include <errno.h>
#include <string.h>

#include "core/util.h"

const struct mh_wire mh_wire_default = {
	.opt_hnp = MHOPT_HNP,
	.opt_timestamp = MHOPT_TIMESTAMP,
	.ts_accept_len18 = true,
	.verify_checksum = true,
};

/* Binding Refresh Advice: Refresh Interval(16). */
static enum mh_opt_result
opt_read_refresh(struct cur *c, const struct mh_wire *w UNUSED,
    struct mh_opts *o)
{
	o->refresh_advice_4s = cur_u16(c);
	return MHOPT_TAKEN;
}

static void
opt_write_refresh(struct bld *b, const struct mh_opts *o, unsigned i UNUSED)
{
	bld_u16(b, o->refresh_advice_4s);
}

/* Alternate Care-of Address: address(128). */
static enum mh_opt_result
opt_read_alt_coa(struct cur *c, const struct mh_wire *w UNUSED,
    struct mh_opts *o)
{
	cur_in6(c, &o->alt_coa);
	return MHOPT_TAKEN;
}

static void
opt_write_alt_coa(struct bld *b, const struct mh_opts *o, unsigned i UNUSED)
{
	bld_in6(b, &o->alt_coa);
}

/*
 * Mobile Node Identifier: Subtype(8), identifier.  An identifier with a NUL
 * would be cut short by whoever takes it for a string: not accepted.
 */
static enum mh_opt_result
opt_read_mn_id(struct cur *c, const struct mh_wire *w UNUSED,
    struct mh_opts *o)
{
	uint8_t subtype = cur_u8(c);
	size_t n = cur_left(c);
	const uint8_t *id = cur_ref(c, n);

	if (n > 0 && memchr(id, '\0', n) != NULL)
		return MHOPT_ABSENT;
	o->mn_id_subtype = subtype;
	o->mn_id_len = (uint8_t)n;
	o->mn_id = n > 0 ? (const char *)id : "";
	return MHOPT_TAKEN;
}

static void
opt_write_mn_id(struct bld *b, const struct mh_opts *o, unsigned i UNUSED)
{
	bld_u8(b, o->mn_id_subtype);
	bld_bytes(b, o->mn_id, o->mn_id_len);
}

/* Service Selection: a string. */
static enum mh_opt_result
opt_read_service(struct cur *c, const struct mh_wire *w UNUSED,
    struct mh_opts *o)
{
	o->service_len = (uint8_t)cur_left(c);
	o->service = (const char *)cur_ref(c, o->service_len);
	return MHOPT_TAKEN;
}

static void
opt_write_service(struct bld *b, const struct mh_opts *o, unsigned i UNUSED)
{
	bld_bytes(b, o->service, o->service_len);
}

/* Home Network Prefix: Reserved(8), Prefix Length(8), Prefix(128). */
static enum mh_opt_result
opt_read_hnp(struct cur *c, const struct mh_wire *w UNUSED, struct mh_opts *o)
{
	struct in6_addr a;
	uint8_t plen;

	cur_skip(c, 1);
	plen = cur_u8(c);
	if (plen > 128)
		return MHOPT_BAD;
	if (o->nhnp == MH_HNP_MAX) {
		o->hnp_more = true;
		return MHOPT_TAKEN;
	}
	cur_in6(c, &a);
	prefix_from_in6(&o->hnp[o->nhnp++], &a, plen);	/* masks */
	return MHOPT_TAKEN;
}

static void
opt_write_hnp(struct bld *b, const struct mh_opts *o, unsigned i)
{
	bld_u8(b, 0);
	bld_u8(b, o->hnp[i].len);
	bld_in6(b, &o->hnp[i].in6);
}

/* Handoff Indicator and Access Technology Type: Reserved(8), value(8). */
static enum mh_opt_result
opt_read_handoff(struct cur *c, const struct mh_wire *w UNUSED,
    struct mh_opts *o)
{
	cur_skip(c, 1);
	o->handoff = cur_u8(c);
	return MHOPT_TAKEN;
}

static void
opt_write_handoff(struct bld *b, const struct mh_opts *o, unsigned i UNUSED)
{
	bld_u8(b, 0);
	bld_u8(b, o->handoff);
}

static enum mh_opt_result
opt_read_access_tech(struct cur *c, const struct mh_wire *w UNUSED,
    struct mh_opts *o)
{
	cur_skip(c, 1);
	o->access_tech = cur_u8(c);
	return MHOPT_TAKEN;
}

static void
opt_write_access_tech(struct bld *b, const struct mh_opts *o,
    unsigned i UNUSED)
{
	bld_u8(b, 0);
	bld_u8(b, o->access_tech);
}

/* Mobile Node Link-layer Identifier: Reserved(16), identifier. */
static enum mh_opt_result
opt_read_ll_id(struct cur *c, const struct mh_wire *w UNUSED,
    struct mh_opts *o)
{
	cur_skip(c, 2);
	o->ll_id_len = (uint8_t)cur_left(c);
	o->ll_id = cur_ref(c, o->ll_id_len);
	return MHOPT_TAKEN;
}

static void
opt_write_ll_id(struct bld *b, const struct mh_opts *o, unsigned i UNUSED)
{
	bld_u16(b, 0);
	bld_bytes(b, o->ll_id, o->ll_id_len);
}

/* Link-local Address: address(128). */
static enum mh_opt_result
opt_read_link_local(struct cur *c, const struct mh_wire *w UNUSED,
    struct mh_opts *o)
{
	cur_in6(c, &o->link_local);
	return MHOPT_TAKEN;
}

static void
opt_write_link_local(struct bld *b, const struct mh_opts *o,
    unsigned i UNUSED)
{
	bld_in6(b, &o->link_local);
}

/*
 * Time Stamp: 64 bits.  The draft prints a Length of 18 for them; A1 accepts
 * that and reads the first 8 octets.  Any other length must not pass for "no
 * time stamp": it is an invalid one.
 */
static enum mh_opt_result
opt_read_timestamp(struct cur *c, const struct mh_wire *w, struct mh_opts *o)
{
	size_t len = cur_left(c);

	if (len != 8 && !(len == 18 && w->ts_accept_len18)) {
		o->have |= MHO_TIMESTAMP_BAD;
		return MHOPT_ABSENT;
	}
	o->timestamp = cur_u64(c);
	return MHOPT_TAKEN;
}

static void
opt_write_timestamp(struct bld *b, const struct mh_opts *o, unsigned i UNUSED)
{
	bld_u64(b, o->timestamp);
}

/* Restart Counter: 32 bits. */
static enum mh_opt_result
opt_read_restart(struct cur *c, const struct mh_wire *w UNUSED,
    struct mh_opts *o)
{
	o->restart = cur_u32(c);
	return MHOPT_TAKEN;
}

static void
opt_write_restart(struct bld *b, const struct mh_opts *o, unsigned i UNUSED)
{
	bld_u32(b, o->restart);
}

/*
 * The IPv4 address options come in two shapes.
 * 29, 36: Prefix-len(6), P(1, in 29 only), Reserved(9), IPv4 address(32).
 * 30, 37: Status(8), Prefix-len(6), Reserved(2), IPv4 address(32).
 */
static enum mh_opt_result
opt_read_ip4_request(struct cur *c, struct mh_ip4 *ret)
{
	uint8_t v = cur_u8(c);

	if (v >> 2 > 32)
		return MHOPT_BAD;
	*ret = (struct mh_ip4){ .plen = v >> 2,
		.prefix_request = (v & 0x02) != 0 };
	cur_skip(c, 1);
	cur_in4(c, &ret->addr);
	return MHOPT_TAKEN;
}

static void
opt_write_ip4_request(struct bld *b, const struct mh_ip4 *v)
{
	bld_u8(b, (uint8_t)(v->plen << 2 | (v->prefix_request ? 0x02 : 0)));
	bld_u8(b, 0);
	bld_in4(b, &v->addr);
}

static enum mh_opt_result
opt_read_ip4_answer(struct cur *c, struct mh_ip4 *ret)
{
	uint8_t status = cur_u8(c), v = cur_u8(c);

	if (v >> 2 > 32)
		return MHOPT_BAD;
	*ret = (struct mh_ip4){ .status = status, .plen = v >> 2 };
	cur_in4(c, &ret->addr);
	return MHOPT_TAKEN;
}

static void
opt_write_ip4_answer(struct bld *b, const struct mh_ip4 *v)
{
	bld_u8(b, v->status);
	bld_u8(b, (uint8_t)(v->plen << 2));
	bld_in4(b, &v->addr);
}

static enum mh_opt_result
opt_read_ip4_hoa(struct cur *c, const struct mh_wire *w UNUSED,
    struct mh_opts *o)
{
	return opt_read_ip4_request(c, &o->ip4_hoa);
}

static void
opt_write_ip4_hoa(struct bld *b, const struct mh_opts *o, unsigned i UNUSED)
{
	opt_write_ip4_request(b, &o->ip4_hoa);
}

static enum mh_opt_result
opt_read_ip4_ack(struct cur *c, const struct mh_wire *w UNUSED,
    struct mh_opts *o)
{
	return opt_read_ip4_answer(c, &o->ip4_ack);
}

static void
opt_write_ip4_ack(struct bld *b, const struct mh_opts *o, unsigned i UNUSED)
{
	opt_write_ip4_answer(b, &o->ip4_ack);
}

static enum mh_opt_result
opt_read_ip4_req(struct cur *c, const struct mh_wire *w UNUSED,
    struct mh_opts *o)
{
	enum mh_opt_result r = opt_read_ip4_request(c, &o->ip4_req);

	o->ip4_req.prefix_request = false;	/* reserved in 36 */
	return r;
}

static void
opt_write_ip4_req(struct bld *b, const struct mh_opts *o, unsigned i UNUSED)
{
	struct mh_ip4 v = o->ip4_req;

	v.prefix_request = false;
	opt_write_ip4_request(b, &v);
}

static enum mh_opt_result
opt_read_ip4_reply(struct cur *c, const struct mh_wire *w UNUSED,
    struct mh_opts *o)
{
	return opt_read_ip4_answer(c, &o->ip4_reply);
}

static void
opt_write_ip4_reply(struct bld *b, const struct mh_opts *o, unsigned i UNUSED)
{
	opt_write_ip4_answer(b, &o->ip4_reply);
}

/* IPv4 Default-Router Address: Reserved(16), IPv4 address(32). */
static enum mh_opt_result
opt_read_ip4_router(struct cur *c, const struct mh_wire *w UNUSED,
    struct mh_opts *o)
{
	cur_skip(c, 2);
	cur_in4(c, &o->ip4_router);
	return MHOPT_TAKEN;
}

static void
opt_write_ip4_router(struct bld *b, const struct mh_opts *o,
    unsigned i UNUSED)
{
	bld_u16(b, 0);
	bld_in4(b, &o->ip4_router);
}

/* IPv4 DHCP Support Mode: Reserved(15), S(1). */
static enum mh_opt_result
opt_read_ip4_dhcp(struct cur *c, const struct mh_wire *w UNUSED,
    struct mh_opts *o)
{
	o->ip4_dhcp_server = (cur_u16(c) & 1) != 0;
	return MHOPT_TAKEN;
}

static void
opt_write_ip4_dhcp(struct bld *b, const struct mh_opts *o, unsigned i UNUSED)
{
	bld_u16(b, o->ip4_dhcp_server ? 1 : 0);
}

#define ONCE(bit) .have = (bit), .seen = (bit)
#define MANY(bit) .have = (bit), .many = true
#define RW(fn) .read = opt_read_##fn, .write = opt_write_##fn

/* Indexed by type. */
static const struct mh_opt_desc mh_opt_table[] = {
	[MHOPT_REFRESH_ADVICE] = { "refresh-advice", MHOPT_REFRESH_ADVICE,
	    2, 2, 2, 0, ONCE(MHO_REFRESH_ADVICE), RW(refresh),
	    .section = "RFC 6275 6.2.4" },
	[MHOPT_ALT_COA] = { "alternate-coa", MHOPT_ALT_COA,
	    16, 16, 8, 6, ONCE(MHO_ALT_COA), RW(alt_coa),
	    .section = "RFC 6275 6.2.5" },
	[MHOPT_MN_ID] = { "mn-id", MHOPT_MN_ID,
	    1, 1 + MHOPT_MN_ID_MAX, 1, 0, ONCE(MHO_MN_ID), RW(mn_id),
	    .section = "RFC 4283 3" },
	[MHOPT_SERVICE] = { "service", MHOPT_SERVICE,
	    1, 255, 1, 0, ONCE(MHO_SERVICE), RW(service),
	    .section = "RFC 5149 3" },
	[MHOPT_HNP] = { "hnp", MHOPT_HNP,
	    18, 18, 8, 4, MANY(MHO_HNP), RW(hnp),
	    .section = "draft 8.3, RFC 5213 8.3" },
	[MHOPT_HANDOFF] = { "handoff", MHOPT_HANDOFF,
	    2, 2, 1, 0, ONCE(MHO_HANDOFF), RW(handoff),
	    .section = "RFC 5213 8.4" },
	[MHOPT_ACCESS_TECH] = { "access-tech", MHOPT_ACCESS_TECH,
	    2, 2, 1, 0, ONCE(MHO_ACCESS_TECH), RW(access_tech),
	    .section = "RFC 5213 8.5" },
	[MHOPT_LL_ID] = { "ll-id", MHOPT_LL_ID,
	    2, 255, 8, 0, ONCE(MHO_LL_ID), RW(ll_id),
	    .section = "RFC 5213 8.6" },
	[MHOPT_LINK_LOCAL] = { "link-local", MHOPT_LINK_LOCAL,
	    16, 16, 8, 6, ONCE(MHO_LINK_LOCAL), RW(link_local),
	    .section = "RFC 5213 8.7" },
	/* its reader judges the length */
	[MHOPT_TIMESTAMP] = { "time-stamp", MHOPT_TIMESTAMP,
	    0, 255, 8, 2, .have = MHO_TIMESTAMP,
	    .seen = MHO_TIMESTAMP | MHO_TIMESTAMP_BAD, RW(timestamp),
	    .section = "draft 8.4, RFC 5213 8.8" },
	[MHOPT_RESTART] = { "restart", MHOPT_RESTART,
	    4, 4, 4, 2, ONCE(MHO_RESTART), RW(restart),
	    .section = "RFC 5847 4.1" },
	[MHOPT_IP4_HOA] = { "ip4-hoa", MHOPT_IP4_HOA,
	    6, 6, 4, 0, ONCE(MHO_IP4_HOA), RW(ip4_hoa),
	    .section = "RFC 5555 3.1.1" },
	[MHOPT_IP4_ACK] = { "ip4-ack", MHOPT_IP4_ACK,
	    6, 6, 4, 0, ONCE(MHO_IP4_ACK), RW(ip4_ack),
	    .section = "RFC 5555 3.2.1" },
	[MHOPT_IP4_REQ] = { "ip4-request", MHOPT_IP4_REQ,
	    6, 6, 4, 0, ONCE(MHO_IP4_REQ), RW(ip4_req),
	    .section = "RFC 5844 3.3.1" },
	[MHOPT_IP4_REPLY] = { "ip4-reply", MHOPT_IP4_REPLY,
	    6, 6, 4, 0, ONCE(MHO_IP4_REPLY), RW(ip4_reply),
	    .section = "RFC 5844 3.3.2" },
	[MHOPT_IP4_ROUTER] = { "ip4-router", MHOPT_IP4_ROUTER,
	    6, 6, 4, 0, ONCE(MHO_IP4_ROUTER), RW(ip4_router),
	    .section = "RFC 5844 3.3.3" },
	[MHOPT_IP4_DHCP] = { "ip4-dhcp", MHOPT_IP4_DHCP,
	    2, 2, 1, 0, ONCE(MHO_IP4_DHCP), RW(ip4_dhcp),
	    .section = "RFC 5844 3.3.4" },
};

/*
 * The order on the wire is free (PROTOCOL 4.5).  This one leaves little
 * padding, and the Time Stamp last, where a reader of a dump finds it.
 */
static const uint8_t mh_opt_order[] = {
	MHOPT_MN_ID, MHOPT_SERVICE, MHOPT_HNP, MHOPT_HANDOFF,
	MHOPT_ACCESS_TECH, MHOPT_ALT_COA, MHOPT_LL_ID, MHOPT_LINK_LOCAL,
	MHOPT_REFRESH_ADVICE, MHOPT_RESTART, MHOPT_IP4_HOA, MHOPT_IP4_ACK,
	MHOPT_IP4_REQ, MHOPT_IP4_REPLY, MHOPT_IP4_ROUTER, MHOPT_IP4_DHCP,
	MHOPT_TIMESTAMP,
};

int
mh_opt_next(struct cur *c, struct mh_opt *ret, size_t *ret_off)
{
	while (cur_left(c) > 0) {
		ret->off = cur_off(c);
		ret->type = cur_u8(c);
		if (ret->type == MHOPT_PAD1)
			continue;
		if (cur_left(c) == 0) {
			*ret_off = ret->off;	/* no Length octet */
			return -EBADMSG;
		}
		ret->len = cur_u8(c);
		if (ret->len > cur_left(c)) {
			*ret_off = ret->off + 1;
			return -EBADMSG;
		}
		cur_sub(c, ret->len, &ret->body);
		if (ret->type != MHOPT_PADN)
			return 1;
	}
	if (!cur_ok(c)) {
		*ret_off = cur_off(c);
		return -EBADMSG;
	}
	return 0;
}

const struct mh_opt_desc *
mh_opt_find(const struct mh_wire *w, uint8_t type)
{
	if (type == w->opt_hnp)
		return &mh_opt_table[MHOPT_HNP];
	if (type == w->opt_timestamp)
		return &mh_opt_table[MHOPT_TIMESTAMP];
	/* A3: the numbers these two have left are nobody's */
	if (type == MHOPT_HNP || type == MHOPT_TIMESTAMP ||
	    type >= ARRAY_LEN(mh_opt_table) || mh_opt_table[type].name == NULL)
		return NULL;
	return &mh_opt_table[type];
}

const struct mh_opt_desc *
mh_opt_nth(unsigned n)
{
	return n < ARRAY_LEN(mh_opt_order) ?
	    &mh_opt_table[mh_opt_order[n]] : NULL;
}

uint8_t
mh_opt_type(const struct mh_opt_desc *d, const struct mh_wire *w)
{
	switch (d->type) {
	case MHOPT_HNP:
		return w->opt_hnp;
	case MHOPT_TIMESTAMP:
		return w->opt_timestamp;
	default:
		return d->type;
	}
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mobility Header parser: octets in, struct mh_msg or a reason out.  Decodes
 * everything, then the roles act.  Pure: no I/O, no allocation, no logging.
 *
 *  0                   1                   2                   3
 * | Payload Proto |  Header Len   |   MH Type     |   Reserved    |
 * |           Checksum            |  Message Data ...
 *
 * The tests run in the order of RFC 6275 9.2 (PROTOCOL 10.1): length,
 * checksum, type, payload proto, the type's minimum.  All types that have an
 * assignment are known here; whether a role serves one is the role's affair.
 *
 * Implements: RFC 6275 6.1.1, 6.1.7-6.1.9, 9.2, 6.2; PROTOCOL 10.2.
 * Not implemented: the message data of the other types.
 */
#include "mh/mh.h"

#include <errno.h>
#include <string.h>

#include "core/cur.h"
#include "mh_opt_priv.h"

const struct stat_desc mh_drop_desc[MH_DROP_MAX] = {
#define X(id, name, help) { name, help },
	MH_DROPS(X)
#undef X
};

/* Where a fault in the fixed part is. */
enum { OFF_PROTO = 0, OFF_HDRLEN = 1, OFF_TYPE = 2, OFF_CHECKSUM = 4,
	OFF_DATA = 6, OFF_BU_OPTIONS = 12 };

/*
 * Name and least Header Len (PROTOCOL 10.1).  0 as well where we do not read
 * the message data and have no number to hold a peer to.
 */
static const struct {
	const char *name;
	uint8_t min_hdrlen;
} mh_types[MH_TYPE_MAX] = {
	[MH_BRR] = { "BRR", 0 },
	[MH_HOTI] = { "HoTI", 1 },
	[MH_COTI] = { "CoTI", 1 },
	[MH_HOT] = { "HoT", 2 },
	[MH_COT] = { "CoT", 2 },
	[MH_BU] = { "BU", 1 },
	[MH_BA] = { "BA", 1 },
	[MH_BE] = { "BE", 2 },
	[8] = { "FBU", 1 },
	[9] = { "FBack", 1 },
	[10] = { "FNA", 0 },
	[11] = { "experimental", 0 },
	[12] = { "home-agent-switch", 0 },
	[MH_HEARTBEAT] = { "heartbeat", 1 },
	[14] = { "HI", 0 },
	[15] = { "HAck", 0 },
	[MH_REVOCATION] = { "revocation", 1 },
	[MH_LRI] = { "LRI", 0 },
	[MH_LRA] = { "LRA", 0 },
	[MH_UPN] = { "UPN", 1 },
	[MH_UPA] = { "UPA", 1 },
	[21] = { "flow-binding", 0 },
	[22] = { "subscription-query", 0 },
	[23] = { "subscription-response", 0 },
};

const char *
mh_type_name(uint8_t type)
{
	return type < MH_TYPE_MAX ? mh_types[type].name : "unassigned";
}

/* Fail with `why` at offset `off`. */
static enum mh_drop
parse_drop(enum mh_drop why, size_t off, size_t *ret_off)
{
	if (ret_off != NULL)
		*ret_off = off;
	return why;
}

/*
 * Is `sum` right over the first `len` octets?  0xffff is another way to write
 * the sum 0 (RFC 1071), and some senders do.
 */
static bool
parse_sum_ok(uint16_t sum, const void *data, size_t len,
    const struct in6_addr *src, const struct in6_addr *dst)
{
	uint16_t want = mh_checksum(data, len, src, dst);

	return sum == want || (want == 0 && sum == 0xffff);
}

/* The message data of the three types we read. */
static void
parse_fixed(struct cur *c, struct mh_msg *ret)
{
	switch (ret->type) {
	case MH_BU:	/* Sequence(16) flags(16) Lifetime(16) */
		ret->bu.seq = cur_u16(c);
		ret->bu.flags = cur_u16(c);
		ret->bu.lifetime_4s = cur_u16(c);
		break;
	case MH_BA:	/* Status(8) flags(8) Sequence(16) Lifetime(16) */
		ret->ba.status = cur_u8(c);
		ret->ba.flags = cur_u8(c);
		ret->ba.seq = cur_u16(c);
		ret->ba.lifetime_4s = cur_u16(c);
		break;
	case MH_BE:	/* Status(8) Reserved(8) Home Address(128) */
		ret->be.status = cur_u8(c);
		cur_skip(c, 1);
		cur_in6(c, &ret->be.home);
		break;
	}
}

/* One option into `o`.  false: malformed, *ret_off says where. */
static bool
parse_opt(struct mh_opt *opt, const struct mh_wire *w, struct mh_opts *o,
    size_t *ret_off)
{
	const struct mh_opt_desc *d = mh_opt_find(w, opt->type);

	/* PROTOCOL 10.2: unknown, or of a wrong length: as if absent */
	if (d == NULL || opt->len < d->min || opt->len > d->max) {
		o->unknown++;
		return true;
	}
	if ((o->have & d->seen) != 0) {
		o->dup++;
		return true;
	}
	switch (d->read(&opt->body, w, o)) {
	case MHOPT_TAKEN:
		o->have |= d->have;
		return true;
	case MHOPT_ABSENT:
		o->unknown++;
		return true;
	case MHOPT_BAD:
		break;
	}
	/* 2: Type and Length; -1: the octet read last */
	*ret_off = opt->off + 2 + cur_off(&opt->body) - 1;
	return false;
}

static enum mh_drop
parse_opts(struct cur *c, const struct mh_wire *w, struct mh_opts *o,
    size_t *ret_off)
{
	struct mh_opt opt;
	size_t off = 0;
	unsigned n = 0;
	int r;

	while ((r = mh_opt_next(c, &opt, &off)) > 0) {
		if (++n > MH_OPTS_MAX)
			return parse_drop(MH_OPTION_MANY, opt.off, ret_off);
		if (!parse_opt(&opt, w, o, &off))
			return parse_drop(MH_OPTION_BAD, off, ret_off);
	}
	if (r < 0)
		return parse_drop(MH_OPTION_OVERRUN, off, ret_off);
	return MH_OK;
}

enum mh_drop
mh_parse(const void *data, size_t len, const struct in6_addr *src,
    const struct in6_addr *dst, const struct mh_wire *w, struct mh_msg *ret,
    size_t *ret_off)
{
	struct cur c;
	uint8_t proto, hdrlen, type;
	uint16_t sum;
	size_t total;

	cur_init(&c, data, len);
	proto = cur_u8(&c);
	hdrlen = cur_u8(&c);
	type = cur_u8(&c);
	cur_skip(&c, 1);
	sum = cur_u16(&c);
	if (len < 8)
		return parse_drop(MH_SHORT, len, ret_off);
	total = (hdrlen + 1U) * 8;
	if (total > len)
		return parse_drop(MH_TRUNCATED, OFF_HDRLEN, ret_off);
	/*
	 * Trailing octets are ignored.  The RFC sums the message; Linux, on
	 * both ends, sums all that the packet carries: either will do.
	 */
	if (w->verify_checksum && !parse_sum_ok(sum, data, total, src, dst) &&
	    (total == len || !parse_sum_ok(sum, data, len, src, dst)))
		return parse_drop(MH_CHECKSUM, OFF_CHECKSUM, ret_off);

	ret->type = type;
	if (type >= MH_TYPE_MAX)
		return parse_drop(MH_UNKNOWN_TYPE, OFF_TYPE, ret_off);
	if (proto != MH_NO_NEXT)
		return parse_drop(MH_PAYLOAD_PROTO, OFF_PROTO, ret_off);
	if (hdrlen < mh_types[type].min_hdrlen)
		return parse_drop(MH_HDRLEN, OFF_HDRLEN, ret_off);

	mh_msg_init(ret, (enum mh_type)type);
	if (type != MH_BU && type != MH_BA && type != MH_BE)
		return MH_OK;
	cur_init(&c, data, total);
	cur_skip(&c, OFF_DATA);
	parse_fixed(&c, ret);
	return parse_opts(&c, w, &ret->o, ret_off);
}

static void
peek_nai(struct mh_opt *opt, struct mh_peek *ret)
{
	if (opt->len < 2 || ret->nai != NULL)
		return;
	cur_skip(&opt->body, 1);		/* subtype */
	ret->nai_len = opt->len - 1;
	ret->nai = (const char *)cur_ref(&opt->body, ret->nai_len);
}

static void
peek_ip4(struct mh_opt *opt, struct mh_peek *ret)
{
	cur_skip(&opt->body, 2);		/* prefix length, flags */
	cur_in4(&opt->body, &ret->ip4);
}

bool
mh_peek(const void *data, size_t len, struct mh_peek *ret)
{
	struct mh_opt opt;
	struct cur c;
	size_t off;

	*ret = (struct mh_peek){ 0 };
	cur_init(&c, data, len);
	cur_skip(&c, OFF_TYPE);
	if (cur_u8(&c) != MH_BU)
		return false;
	cur_init(&c, data, len);
	cur_skip(&c, OFF_BU_OPTIONS);
	for (unsigned n = 0; n < MH_OPTS_MAX && mh_opt_next(&c, &opt, &off) > 0;
	    n++) {
		if (opt.type == MHOPT_MN_ID)
			peek_nai(&opt, ret);
		else if (opt.type == MHOPT_IP4_HOA || opt.type == MHOPT_IP4_REQ)
			peek_ip4(&opt, ret);
	}
	return ret->nai != NULL && ret->nai_len <= MHOPT_MN_ID_MAX;
}

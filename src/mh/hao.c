/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pure codec.
 *
 *   IPv6 (next header 60) | Destination Options | Mobility Header
 *
 *   next header 8 | length 8 | options ...   options: type 8 | length 8 | data
 *   Pad1 is the single octet 0; Home Address: 201 | 16 | address
 */
#include "mh/hao.h"

#include "core/addr.h"
#include "core/cur.h"
#include "mh/mh.h"

enum { NEXT_DSTOPTS = 60, OPT_PAD1 = 0, OPT_HOME_ADDRESS = 201,
	OPT_ACTION = 0xc0 };	/* what to do when unknown; 0: skip */

const struct stat_desc hao_drop_desc[HAO_DROP_MAX] = {
#define X(id, name, help) [id] = { name, help },
	HAO_DROPS(X)
#undef X
};

/* One option that is not Pad1. */
static enum hao_drop
read_option(uint8_t type, struct cur *body, struct mh_pkt *ret)
{
	if (type == OPT_HOME_ADDRESS) {
		/* RFC 6275 6.3: exactly one, of exactly that length */
		if (ret->has_hao || cur_left(body) != sizeof(ret->hao))
			return HAO_OPTION;
		cur_in6(body, &ret->hao);
		ret->has_hao = true;
		return HAO_OK;
	}
	return (type & OPT_ACTION) != 0 ? HAO_UNKNOWN : HAO_OK;
}

static enum hao_drop
read_options(struct cur *c, struct mh_pkt *ret)
{
	unsigned n = 0;

	while (cur_left(c) > 0) {
		uint8_t type = cur_u8(c);
		enum hao_drop d;
		struct cur body;

		if (type == OPT_PAD1)
			continue;
		if (++n > HAO_OPTS_MAX)
			return HAO_MANY;
		cur_sub(c, cur_u8(c), &body);
		if (!cur_ok(c))
			return HAO_OPTION;
		d = read_option(type, &body, ret);
		if (d != HAO_OK)
			return d;
	}
	return HAO_OK;
}

enum hao_drop
hao_parse(const void *pkt, size_t len, struct mh_pkt *ret)
{
	struct cur c, all, opts;
	uint32_t word;
	uint16_t plen;
	uint8_t next, inner, hlen;
	enum hao_drop d;

	*ret = (struct mh_pkt){ 0 };
	/* version, class, flow label | payload length, next, hop limit */
	cur_init(&all, pkt, len);
	word = cur_u32(&all);
	plen = cur_u16(&all);
	next = cur_u8(&all);
	cur_skip(&all, 1);
	cur_in6(&all, &ret->src);
	cur_in6(&all, &ret->dst);
	cur_sub(&all, plen, &c);
	if (!cur_ok(&all) || word >> 28 != 6)
		return HAO_PACKET;
	if (next != NEXT_DSTOPTS)
		return HAO_OTHER;
	inner = cur_u8(&c);
	hlen = cur_u8(&c);
	cur_sub(&c, (hlen + 1U) * 8 - 2, &opts);
	if (!cur_ok(&c))
		return HAO_PACKET;
	if (inner != MH_PROTO)
		return HAO_OTHER;
	d = read_options(&opts, ret);
	if (d != HAO_OK)
		return d;
	if (!ret->has_hao)
		return HAO_NONE;
	if (!in6_is_global_unicast(&ret->hao))
		return HAO_ADDRESS;
	ret->len = cur_left(&c);
	ret->data = cur_ref(&c, ret->len);
	return HAO_OK;
}

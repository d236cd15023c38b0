/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Neighbour Discovery codec: whole IPv6 packets in and out.  Pure.
 *
 * Implements: RFC 4861 4.1 to 4.4, 4.6 (options 1, 2, 3, 5), the checks of
 * 6.1.1, 7.1.1 and 7.1.2.  Not implemented: redirects, and reading RAs, which
 * a router ignores.
 */
#include "nd/nd.h"

#include <errno.h>
#include <string.h>

#include "core/bld.h"
#include "core/csum.h"
#include "core/cur.h"

#define IP6_HDR 40
#define NH_ICMP6 58
#define HOP_LIMIT 255
#define OFF_CHECKSUM (IP6_HDR + 2)

enum { OPT_SOURCE_LL = 1, OPT_TARGET_LL = 2, OPT_PREFIX = 3, OPT_MTU = 5 };

const struct stat_desc nd_drop_desc[ND_DROP_MAX] = {
#define X(id, name, help) { name, help },
	ND_DROPS(X)
#undef X
};

/* 0 over a packet whose checksum is right. */
static uint16_t
checksum(const struct in6_addr *src, const struct in6_addr *dst,
    const void *icmp, size_t len)
{
	struct cur c;

	cur_init(&c, icmp, len);
	return csum_fold(csum_add(csum_pseudo6(src, dst, (uint32_t)len,
	    NH_ICMP6), &c));
}

/* --- reading ----------------------------------------------------------- */

static enum nd_drop
parse_options(struct cur *c, uint8_t wanted, struct nd_msg *ret)
{
	for (unsigned n = 0; cur_left(c) > 0; n++) {
		struct cur body;
		uint8_t type, len8;

		if (n == ND_OPTS_MAX)
			return NDP_OPT_MANY;
		type = cur_u8(c);
		len8 = cur_u8(c);
		if (!cur_ok(c))
			return NDP_OPT_OVERRUN;
		if (len8 == 0)
			return NDP_OPT_ZERO;
		cur_sub(c, (size_t)len8 * 8 - 2, &body);
		if (!cur_ok(c))
			return NDP_OPT_OVERRUN;
		if (type == wanted && len8 == 1 && !ret->has_lladdr) {
			cur_bytes(&body, ret->lladdr.b, sizeof(ret->lladdr.b));
			ret->has_lladdr = true;
		}
	}
	return NDP_OK;
}

const struct in6_addr nd_all_nodes = { .s6_addr = { 0xff, 0x02,
	[15] = 0x01 } };

/* ff02::1:ff00:0/104 (RFC 4291 2.7.1) */
static const uint8_t solicited_node[13] = { 0xff, 0x02, [11] = 0x01,
	[12] = 0xff };

static bool
is_solicited_node(const struct in6_addr *a)
{
	return memcmp(a->s6_addr, solicited_node,
	    sizeof(solicited_node)) == 0;
}

/* RFC 4861 6.1.1, 7.1.1, 7.1.2: which source and destination may it have? */
static enum nd_drop
check_addresses(const struct nd_msg *m)
{
	bool unspec = in6_is_zero(&m->src);

	if (IN6_IS_ADDR_MULTICAST(&m->src) || IN6_IS_ADDR_LOOPBACK(&m->src))
		return NDP_SRC;
	if (unspec && (m->has_lladdr || m->type == ND_NA))
		return NDP_SRC;
	if (m->type != ND_RS && IN6_IS_ADDR_MULTICAST(&m->target))
		return NDP_TARGET;
	/* duplicate address detection asks the solicited-node group */
	if (m->type == ND_NS && unspec && !is_solicited_node(&m->dst))
		return NDP_DST;
	if (m->type == ND_NA && m->solicited &&
	    IN6_IS_ADDR_MULTICAST(&m->dst))
		return NDP_DST;
	return NDP_OK;
}

/* Behind the 4 octets that every ICMPv6 message starts with. */
static enum nd_drop
parse_body(struct cur *c, struct nd_msg *ret)
{
	uint32_t word = cur_u32(c);	/* flags (NA), reserved */
	enum nd_drop d;

	if (ret->type != ND_RS)
		cur_in6(c, &ret->target);
	if (!cur_ok(c))
		return NDP_SHORT;
	if (ret->type == ND_NA) {
		ret->router = (word & 0x80000000) != 0;
		ret->solicited = (word & 0x40000000) != 0;
		ret->override = (word & 0x20000000) != 0;
	}
	d = parse_options(c, ret->type == ND_NA ? OPT_TARGET_LL :
	    OPT_SOURCE_LL, ret);
	return d != NDP_OK ? d : check_addresses(ret);
}

enum nd_drop
nd_parse(const void *data, size_t len, struct nd_msg *ret)
{
	uint8_t next, hops, code;
	struct cur c, icmp, body;
	uint16_t plen;

	memset(ret, 0, sizeof(*ret));
	cur_init(&c, data, len);
	if (cur_u32(&c) >> 28 != 6)
		return len < IP6_HDR ? NDP_SHORT : NDP_NOT_ND;
	plen = cur_u16(&c);
	next = cur_u8(&c);
	hops = cur_u8(&c);
	cur_in6(&c, &ret->src);
	cur_in6(&c, &ret->dst);
	if (!cur_ok(&c))
		return NDP_SHORT;
	if (next != NH_ICMP6)
		return NDP_NOT_ND;
	/* octets behind the payload length are padding of the link */
	cur_sub(&c, plen, &icmp);
	if (!cur_ok(&c) || plen < 8)
		return NDP_SHORT;
	body = icmp;
	ret->type = cur_u8(&body);
	code = cur_u8(&body);
	cur_skip(&body, 2);
	if (ret->type != ND_RS && ret->type != ND_NS && ret->type != ND_NA)
		return NDP_NOT_ND;
	if (hops != HOP_LIMIT)
		return NDP_HOPLIMIT;
	if (checksum(&ret->src, &ret->dst, cur_ref(&icmp, plen), plen) != 0)
		return NDP_CHECKSUM;
	if (code != 0)
		return NDP_CODE;
	return parse_body(&body, ret);
}

/* --- writing ----------------------------------------------------------- */

static void
build_begin(struct bld *b, void *buf, size_t cap, const struct in6_addr *src,
    const struct in6_addr *dst, uint8_t type)
{
	bld_init(b, buf, cap);
	bld_u32(b, 0x60000000);
	bld_u16(b, 0);			/* payload length, later */
	bld_u8(b, NH_ICMP6);
	bld_u8(b, HOP_LIMIT);
	bld_in6(b, src);
	bld_in6(b, dst);
	bld_u8(b, type);
	bld_u8(b, 0);
	bld_u16(b, 0);			/* checksum, later */
}

static int
build_end(struct bld *b, const struct in6_addr *src,
    const struct in6_addr *dst)
{
	struct cur c;
	size_t plen;

	if (!bld_ok(b))
		return -EMSGSIZE;
	plen = b->len - IP6_HDR;
	bld_set_u16(b, 4, (uint16_t)plen);
	cur_init(&c, b->base, b->len);
	cur_skip(&c, IP6_HDR);
	bld_set_u16(b, OFF_CHECKSUM, checksum(src, dst, cur_ref(&c, plen),
	    plen));
	return (int)b->len;
}

static void
build_lladdr(struct bld *b, uint8_t type, const struct mac *m)
{
	bld_u8(b, type);
	bld_u8(b, 1);
	bld_bytes(b, m->b, sizeof(m->b));
}

/* RFC 4861 4.6.2 */
static void
build_pio(struct bld *b, const struct nd_pio *p)
{
	bld_u8(b, OPT_PREFIX);
	bld_u8(b, 4);
	bld_u8(b, p->prefix.len);
	bld_u8(b, (uint8_t)((p->onlink ? 0x80 : 0) |
	    (p->autonomous ? 0x40 : 0)));
	bld_u32(b, p->valid_s);
	bld_u32(b, p->preferred_s);
	bld_u32(b, 0);
	bld_in6(b, &p->prefix.in6);
}

int
nd_build_ra(const struct nd_ra *ra, void *buf, size_t cap)
{
	struct bld b;

	if (ra->npio > ND_RA_PIO_MAX)
		return -EINVAL;
	build_begin(&b, buf, cap, &ra->src, &ra->dst, ND_RA);
	bld_u8(&b, ra->hop_limit);
	bld_u8(&b, (uint8_t)((ra->managed ? 0x80 : 0) |
	    (ra->other ? 0x40 : 0)));
	bld_u16(&b, ra->router_lifetime_s);
	bld_u32(&b, ra->reachable_ms);
	bld_u32(&b, ra->retrans_ms);
	if (ra->has_lladdr)
		build_lladdr(&b, OPT_SOURCE_LL, &ra->lladdr);
	if (ra->mtu != 0) {
		bld_u8(&b, OPT_MTU);
		bld_u8(&b, 1);
		bld_u16(&b, 0);
		bld_u32(&b, ra->mtu);
	}
	for (unsigned i = 0; i < ra->npio; i++)
		build_pio(&b, &ra->pio[i]);
	return build_end(&b, &ra->src, &ra->dst);
}

int
nd_build_ns(const struct in6_addr *src, const struct in6_addr *dst,
    const struct in6_addr *target, const struct mac *src_ll, void *buf,
    size_t cap)
{
	struct bld b;

	build_begin(&b, buf, cap, src, dst, ND_NS);
	bld_u32(&b, 0);
	bld_in6(&b, target);
	if (src_ll != NULL)
		build_lladdr(&b, OPT_SOURCE_LL, src_ll);
	return build_end(&b, src, dst);
}

int
nd_build_na(const struct in6_addr *src, const struct in6_addr *dst,
    const struct in6_addr *target, const struct mac *target_ll, bool router,
    bool solicited, bool override, void *buf, size_t cap)
{
	struct bld b;

	build_begin(&b, buf, cap, src, dst, ND_NA);
	bld_u32(&b, (router ? 0x80000000 : 0) | (solicited ? 0x40000000 : 0) |
	    (override ? 0x20000000 : 0));
	bld_in6(&b, target);
	if (target_ll != NULL)
		build_lladdr(&b, OPT_TARGET_LL, target_ll);
	return build_end(&b, src, dst);
}

void
nd_solicited_node(const struct in6_addr *a, struct in6_addr *ret)
{
	memcpy(&ret->s6_addr[0], solicited_node, sizeof(solicited_node));
	memcpy(&ret->s6_addr[13], &a->s6_addr[13], 3);
}

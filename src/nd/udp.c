/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UDP over IPv6 (RFC 8200, RFC 768) and IPv4 (RFC 791): see udp.h.  Pure.
 */
#include "nd/udp.h"

#include <errno.h>
#include <string.h>

#include "core/addr.h"
#include "core/bld.h"
#include "core/csum.h"
#include "core/cur.h"

#define IP6_HDR 40
#define IP4_HDR 20
#define IP4_DF 0x4000
#define IP4_MF_OFFSET 0x3fff		/* MF, or an offset */
#define UDP_HDR 8
#define OFF_IP4_CHECKSUM 10
#define OFF_UDP_CHECKSUM 6

const struct stat_desc udp_drop_desc[UDP_DROP_MAX] = {
#define X(id, name, help) { name, help },
	UDP_DROPS(X)
#undef X
};

/* --- reading ----------------------------------------------------------- */

/* `c`: the payload of IP; `pseudo`: the sum of addresses and protocol. */
static enum udp_drop
parse_udp(struct cur *c, uint64_t pseudo, bool no_sum, struct udp_msg *ret)
{
	struct cur whole = *c, all;
	uint16_t len, sum;

	ret->sport = cur_u16(c);
	ret->dport = cur_u16(c);
	len = cur_u16(c);
	sum = cur_u16(c);
	if (!cur_ok(c))
		return UDPD_SHORT;
	/* shorter than the payload of IP is legal; the rest is ignored */
	cur_sub(&whole, len, &all);
	if (len < UDP_HDR || !cur_ok(&all))
		return UDPD_LENGTH;
	if (no_sum) {
		/* as if it were right */
	} else if (sum == 0) {
		/* IPv4: the sender has made none */
		if (ret->family == AF_INET6)
			return UDPD_NO_CHECKSUM;
	} else {
		struct cur s = all;

		if (csum_fold(csum_add(pseudo + len, &s)) != 0)
			return UDPD_CHECKSUM;
	}
	cur_skip(&all, UDP_HDR);
	ret->len = cur_left(&all);
	ret->data = cur_ref(&all, ret->len);
	return UDPD_OK;
}

static enum udp_drop
parse_ip6(struct cur *c, bool no_sum, struct udp_msg *ret)
{
	struct cur body;
	uint16_t plen;
	uint8_t next;

	ret->family = AF_INET6;
	cur_skip(c, 4);
	plen = cur_u16(c);
	next = cur_u8(c);
	ret->hops = cur_u8(c);
	cur_in6(c, &ret->src6);
	cur_in6(c, &ret->dst6);
	if (!cur_ok(c))
		return UDPD_SHORT;
	if (next != IPPROTO_UDP)
		return UDPD_OTHER;
	cur_sub(c, plen, &body);
	if (!cur_ok(&body))
		return UDPD_SHORT;
	if (IN6_IS_ADDR_MULTICAST(&ret->src6) ||
	    IN6_IS_ADDR_LOOPBACK(&ret->src6))
		return UDPD_SRC;
	if (in6_is_zero(&ret->dst6))
		return UDPD_DST;
	return parse_udp(&body, csum_pseudo6(&ret->src6, &ret->dst6, 0,
	    IPPROTO_UDP), no_sum, ret);
}

/* Everything of an IPv4 header but its checksum. `c` is behind it then. */
static enum udp_drop
parse_ip4_header(struct cur *c, struct udp_msg *ret, size_t *ret_total)
{
	struct cur whole = *c, hdr;
	uint16_t fragment, hlen;
	uint8_t proto;

	hlen = (uint16_t)((cur_u8(c) & 0x0f) * 4);
	cur_skip(c, 1);
	*ret_total = cur_u16(c);
	cur_skip(c, 2);
	fragment = cur_u16(c);
	ret->hops = cur_u8(c);
	proto = cur_u8(c);
	cur_skip(c, 2);
	cur_in4(c, &ret->src4);
	cur_in4(c, &ret->dst4);
	if (!cur_ok(c))
		return UDPD_SHORT;
	if (hlen < IP4_HDR || *ret_total < hlen)
		return UDPD_IP_HEADER;
	cur_skip(c, hlen - IP4_HDR);
	*ret_total -= hlen;
	cur_sub(&whole, hlen, &hdr);
	if (!cur_ok(&hdr))
		return UDPD_SHORT;
	if (csum_fold(csum_add(0, &hdr)) != 0)
		return UDPD_IP_CHECKSUM;
	if (proto != IPPROTO_UDP)
		return UDPD_OTHER;
	return (fragment & IP4_MF_OFFSET) != 0 ? UDPD_FRAGMENT : UDPD_OK;
}

static enum udp_drop
parse_ip4(struct cur *c, bool no_sum, struct udp_msg *ret)
{
	enum udp_drop d;
	struct cur body;
	size_t plen;

	ret->family = AF_INET;
	d = parse_ip4_header(c, ret, &plen);
	if (d != UDPD_OK)
		return d;
	cur_sub(c, plen, &body);
	if (!cur_ok(&body))
		return UDPD_SHORT;
	/* 0.0.0.0: it has none yet */
	if (ret->src4.s_addr != 0 && !in4_is_host(&ret->src4))
		return UDPD_SRC;
	if (ret->dst4.s_addr == 0)
		return UDPD_DST;
	return parse_udp(&body, csum_pseudo4(&ret->src4, &ret->dst4, 0,
	    IPPROTO_UDP), no_sum, ret);
}

enum udp_drop
udp_parse(const void *data, size_t len, bool no_sum, struct udp_msg *ret)
{
	struct cur c, peek;

	memset(ret, 0, sizeof(*ret));
	cur_init(&c, data, len);
	peek = c;
	switch (cur_u8(&peek) >> 4) {
	case 6:
		return parse_ip6(&c, no_sum, ret);
	case 4:
		return parse_ip4(&c, no_sum, ret);
	default:
		return len == 0 ? UDPD_SHORT : UDPD_OTHER;
	}
}

/* --- writing ----------------------------------------------------------- */

static void
build_udp(struct bld *b, const struct udp_msg *m, uint64_t pseudo)
{
	size_t off = b->len, len = UDP_HDR + m->len;
	struct cur c;
	uint16_t sum;

	bld_u16(b, m->sport);
	bld_u16(b, m->dport);
	bld_u16(b, (uint16_t)len);
	bld_u16(b, 0);
	bld_bytes(b, m->data, m->len);
	if (!bld_ok(b))
		return;
	cur_init(&c, b->base, b->len);
	cur_skip(&c, off);
	sum = csum_fold(csum_add(pseudo + len, &c));
	/* 0 would say that there is none (RFC 768) */
	bld_set_u16(b, off + OFF_UDP_CHECKSUM, sum != 0 ? sum : 0xffff);
}

static void
build_ip6(struct bld *b, const struct udp_msg *m)
{
	bld_u32(b, 0x60000000);
	bld_u16(b, (uint16_t)(UDP_HDR + m->len));
	bld_u8(b, IPPROTO_UDP);
	bld_u8(b, m->hops);
	bld_in6(b, &m->src6);
	bld_in6(b, &m->dst6);
	build_udp(b, m, csum_pseudo6(&m->src6, &m->dst6, 0, IPPROTO_UDP));
}

static void
build_ip4(struct bld *b, const struct udp_msg *m)
{
	struct cur c;

	bld_u8(b, 0x40 | IP4_HDR / 4);
	bld_u8(b, 0);
	bld_u16(b, (uint16_t)(IP4_HDR + UDP_HDR + m->len));
	bld_u16(b, 0);		/* whoever may not fragment needs no number */
	bld_u16(b, IP4_DF);
	bld_u8(b, m->hops);
	bld_u8(b, IPPROTO_UDP);
	bld_u16(b, 0);
	bld_in4(b, &m->src4);
	bld_in4(b, &m->dst4);
	if (!bld_ok(b))
		return;
	cur_init(&c, b->base, b->len);
	bld_set_u16(b, OFF_IP4_CHECKSUM, csum_fold(csum_add(0, &c)));
	build_udp(b, m, csum_pseudo4(&m->src4, &m->dst4, 0, IPPROTO_UDP));
}

int
udp_build(const struct udp_msg *m, void *buf, size_t cap)
{
	struct bld b;

	if (m->len > UINT16_MAX - IP4_HDR - UDP_HDR)
		return -EMSGSIZE;
	bld_init(&b, buf, cap);
	if (m->family == AF_INET6)
		build_ip6(&b, m);
	else if (m->family == AF_INET)
		build_ip4(&b, m);
	else
		return -EAFNOSUPPORT;
	return bld_ok(&b) ? (int)b.len : -EMSGSIZE;
}

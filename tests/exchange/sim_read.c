/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a daemon sends on a link, as a receiver reads it: Neighbour Discovery,
 * ARP, UDP.  Written without the codecs of the daemon, so that a mistake there
 * does not cancel out.
 */
#include "sim.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <string.h>

#include "core/cur.h"
#include "core/util.h"

static uint32_t
sum16(const uint8_t *p, size_t len, uint32_t sum)
{
	for (size_t i = 0; i < len; i++)
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	return sum;
}

/* Of something that carries its own checksum. */
static bool
sum_good(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff;
}

/* Over an IPv6 packet without extension headers. */
static bool
checksum6_good(const uint8_t *pkt, size_t len, uint8_t next)
{
	return sum_good(sum16(pkt + 8, len - 8, (uint32_t)(len - 40) + next));
}

/* --- Neighbour Discovery ----------------------------------------------- */

static void
read_pio(struct cur *c, struct nd_ra *ra)
{
	struct nd_pio *p = &ra->pio[MIN_OF(ra->npio, ND_RA_PIO_MAX - 1)];
	struct in6_addr a;
	uint8_t flags, len;

	len = cur_u8(c);
	flags = cur_u8(c);
	p->onlink = (flags & 0x80) != 0;
	p->autonomous = (flags & 0x40) != 0;
	p->valid_s = cur_u32(c);
	p->preferred_s = cur_u32(c);
	cur_skip(c, 4);
	cur_in6(c, &a);
	prefix_from_in6(&p->prefix, &a, len);
	ra->npio++;
}

static void
read_options(struct cur *c, struct sim_l3 *l)
{
	uint8_t own = l->type == ND_NA ? 2 : 1;

	while (cur_ok(c) && cur_left(c) > 0) {
		uint8_t type = cur_u8(c), len = cur_u8(c);
		struct cur o;

		if (len == 0) {
			cur_fail(c);
			return;
		}
		cur_sub(c, (size_t)len * 8 - 2, &o);
		if (type == own) {
			l->ra.has_lladdr = true;
			cur_bytes(&o, l->ra.lladdr.b, sizeof(l->ra.lladdr.b));
		} else if (type == 3) {
			read_pio(&o, &l->ra);
		} else if (type == 5) {
			cur_skip(&o, 2);
			l->ra.mtu = cur_u32(&o);
		}
		if (!cur_ok(&o))
			cur_fail(c);
	}
}

static void
read_ra(struct cur *c, struct sim_l3 *l)
{
	uint8_t flags;

	l->ra.src = l->src;
	l->ra.dst = l->dst;
	l->ra.hop_limit = cur_u8(c);
	flags = cur_u8(c);
	l->ra.managed = (flags & 0x80) != 0;
	l->ra.other = (flags & 0x40) != 0;
	l->ra.router_lifetime_s = cur_u16(c);
	l->ra.reachable_ms = cur_u32(c);
	l->ra.retrans_ms = cur_u32(c);
	read_options(c, l);
}

/* NS and NA: the same but for the flags. */
static void
read_neighbour(struct cur *c, struct sim_l3 *l)
{
	uint8_t flags = cur_u8(c);

	cur_skip(c, 3);
	l->nd.type = l->type;
	l->nd.src = l->src;
	l->nd.dst = l->dst;
	cur_in6(c, &l->nd.target);
	read_options(c, l);
	if (l->type == ND_NA) {
		l->nd.router = (flags & 0x80) != 0;
		l->nd.solicited = (flags & 0x40) != 0;
		l->nd.override = (flags & 0x20) != 0;
	}
	l->nd.has_lladdr = l->ra.has_lladdr;
	l->nd.lladdr = l->ra.lladdr;
}

bool
sim_read_nd(const void *pkt, size_t len, struct sim_l3 *ret)
{
	struct cur c;
	uint8_t next, hop, code;
	size_t plen;

	*ret = (struct sim_l3){ 0 };
	cur_init(&c, pkt, len);
	cur_skip(&c, 4);
	plen = cur_u16(&c);
	next = cur_u8(&c);
	hop = cur_u8(&c);
	cur_in6(&c, &ret->src);
	cur_in6(&c, &ret->dst);
	ret->type = cur_u8(&c);
	code = cur_u8(&c);
	cur_skip(&c, 2);
	if (!cur_ok(&c) || next != 58 || hop != 255 || code != 0 ||
	    plen != len - 40 || !checksum6_good(pkt, len, next))
		return false;
	if (ret->type == ND_RA)
		read_ra(&c, ret);
	else
		read_neighbour(&c, ret);
	return cur_ok(&c);
}

/* --- ARP --------------------------------------------------------------- */

bool
sim_read_arp(const void *pkt, size_t len, struct sim_arp *ret)
{
	struct cur c;

	cur_init(&c, pkt, len);
	if (cur_u16(&c) != 1 || cur_u16(&c) != ETH_P_IP || cur_u8(&c) != 6 ||
	    cur_u8(&c) != 4)
		return false;
	ret->op = cur_u16(&c);
	cur_bytes(&c, ret->sha.b, sizeof(ret->sha.b));
	cur_in4(&c, &ret->spa);
	cur_bytes(&c, ret->tha.b, sizeof(ret->tha.b));
	cur_in4(&c, &ret->tpa);
	return cur_ok(&c) && (ret->op == 1 || ret->op == 2);
}

/* --- UDP --------------------------------------------------------------- */

static bool
read_udp(struct cur *c, struct sim_udp_pkt *ret)
{
	size_t len;

	ret->src.port = cur_u16(c);
	ret->dst.port = cur_u16(c);
	len = cur_u16(c);
	cur_skip(c, 2);
	if (!cur_ok(c) || len < 8 || len - 8 != cur_left(c) ||
	    len - 8 > sizeof(ret->data))
		return false;
	ret->len = len - 8;
	cur_bytes(c, ret->data, ret->len);
	return true;
}

bool
sim_read_udp6(const void *pkt, size_t len, struct sim_udp_pkt *ret)
{
	const uint8_t *p = pkt;
	struct cur c;
	size_t plen;

	cur_init(&c, pkt, len);
	if (cur_u32(&c) >> 28 != 6)
		return false;
	plen = cur_u16(&c);
	if (cur_u8(&c) != IPPROTO_UDP || cur_u8(&c) == 0)
		return false;
	ret->src.family = ret->dst.family = AF_INET6;
	cur_in6(&c, &ret->src.in6);
	cur_in6(&c, &ret->dst.in6);
	/* RFC 8200 8.1: the checksum is not optional */
	return cur_ok(&c) && plen == cur_left(&c) && plen >= 8 &&
	    (p[46] | p[47]) != 0 && checksum6_good(p, len, IPPROTO_UDP) &&
	    read_udp(&c, ret);
}

bool
sim_read_udp4(const void *pkt, size_t len, struct sim_udp_pkt *ret)
{
	const uint8_t *p = pkt;
	struct cur c;
	uint8_t vhl;
	size_t total;

	cur_init(&c, pkt, len);
	vhl = cur_u8(&c);
	cur_skip(&c, 1);
	total = cur_u16(&c);
	cur_skip(&c, 4);
	if (cur_u8(&c) == 0 || cur_u8(&c) != IPPROTO_UDP)
		return false;
	cur_skip(&c, 2);
	ret->src.family = ret->dst.family = AF_INET;
	cur_in4(&c, &ret->src.in4);
	cur_in4(&c, &ret->dst.in4);
	if (!cur_ok(&c) || vhl != 0x45 || total != len || len < 28 ||
	    !sum_good(sum16(p, 20, 0)))
		return false;
	if ((p[26] | p[27]) != 0 && !sum_good(sum16(p + 12, len - 12,
	    (uint32_t)(len - 20) + IPPROTO_UDP)))
		return false;
	return read_udp(&c, ret);
}

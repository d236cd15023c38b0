/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RFC 6275 6.5, 6.6:
 *
 *   type 8 | code 8 | checksum 16 | identifier 16 | flags 16 | addresses ...
 *
 * The flag R (support for mobile routers) and the reserved bits are nobody's
 * here: sent as 0, ignored.
 */
#include "mh/haad.h"

#include <errno.h>
#include <string.h>

#include "core/bld.h"
#include "core/csum.h"
#include "core/cur.h"

const struct stat_desc haad_drop_desc[HAAD_DROP_MAX] = {
#define X(id, name, help) [id] = { name, help },
	HAAD_DROPS(X)
#undef X
};

enum haad_drop
haad_parse(const void *data, size_t len, struct haad_msg *ret)
{
	struct cur c;
	uint8_t code;

	memset(ret, 0, sizeof(*ret));
	cur_init(&c, data, len);
	ret->type = cur_u8(&c);
	code = cur_u8(&c);
	cur_skip(&c, 2);
	ret->id = cur_u16(&c);
	cur_skip(&c, 2);
	if (!cur_ok(&c))
		return HAAD_SHORT;
	if (ret->type < HAAD_REQUEST || ret->type > MPD_ADVERTISEMENT)
		return HAAD_TYPE;
	if (code != 0)
		return HAAD_CODE;
	if (ret->type != HAAD_REPLY)
		return HAAD_OK;
	if (cur_left(&c) == 0 || cur_left(&c) % sizeof(struct in6_addr) != 0)
		return HAAD_LENGTH;
	while (cur_left(&c) > 0 && ret->nagents < HAAD_AGENTS_MAX)
		cur_in6(&c, &ret->agents[ret->nagents++]);
	return HAAD_OK;
}

int
haad_build(const struct haad_msg *m, void *buf, size_t cap)
{
	struct bld b;

	if (m->type != HAAD_REQUEST && m->type != HAAD_REPLY)
		return -EINVAL;
	bld_init(&b, buf, cap);
	bld_u8(&b, m->type);
	bld_u8(&b, 0);
	bld_u16(&b, 0);
	bld_u16(&b, m->id);
	bld_u16(&b, 0);
	for (unsigned i = 0; m->type == HAAD_REPLY && i < m->nagents; i++)
		bld_in6(&b, &m->agents[i]);
	return bld_ok(&b) ? (int)b.len : -EMSGSIZE;
}

enum haad_drop
haad_unwrap(const void *pkt, size_t len, struct in6_addr *ret_src,
    struct in6_addr *ret_dst, const void **ret_data, size_t *ret_len)
{
	struct cur c, body, sum;
	struct in6_addr src, dst;
	uint32_t word;
	uint16_t plen;
	uint8_t next;

	/* version, class, flow label | payload length, next, hop limit */
	cur_init(&c, pkt, len);
	word = cur_u32(&c);
	plen = cur_u16(&c);
	next = cur_u8(&c);
	cur_skip(&c, 1);
	cur_in6(&c, &src);
	cur_in6(&c, &dst);
	/* Ethernet pads short frames: what follows the packet is not of it. */
	cur_sub(&c, plen, &body);
	if (!cur_ok(&c) || word >> 28 != 6 || next != IPPROTO_ICMPV6)
		return HAAD_PACKET;
	sum = body;
	if (csum_fold(csum_add(csum_pseudo6(&src, &dst, plen, next),
	    &sum)) != 0)
		return HAAD_CHECKSUM;
	*ret_src = src;
	*ret_dst = dst;
	*ret_data = cur_ref(&body, plen);
	*ret_len = plen;
	return HAAD_OK;
}

/* Identifier 126 of a /64 (RFC 2526 2). */
static const uint8_t anycast_iid[8] = { 0xfd, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xff, 0xfe };

void
haad_anycast(const struct in6_addr *prefix, struct in6_addr *ret)
{
	memcpy(&ret->s6_addr[0], &prefix->s6_addr[0], 8);
	memcpy(&ret->s6_addr[8], anycast_iid, sizeof(anycast_iid));
}

bool
haad_is_anycast(const struct in6_addr *a)
{
	return memcmp(&a->s6_addr[8], anycast_iid, sizeof(anycast_iid)) == 0;
}

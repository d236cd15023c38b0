/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Mobility Header checksum (RFC 6275 6.1.1): the 16-bit one's complement
 * of the one's complement sum over the IPv6 pseudo-header (RFC 8200 8.1) and
 * the message, its Checksum field taken as 0.
 */
#include "mh/mh.h"

#include "core/csum.h"
#include "core/cur.h"

#define CHECKSUM_OFF 4

uint16_t
mh_checksum(const void *data, size_t len, const struct in6_addr *src,
    const struct in6_addr *dst)
{
	struct cur c;
	uint64_t sum = csum_pseudo6(src, dst, (uint32_t)len, MH_PROTO);

	cur_init(&c, data, len);
	sum = csum_add(sum, &c);

	/* Take the field out again: the upper half of the second word. */
	cur_init(&c, data, len);
	cur_skip(&c, CHECKSUM_OFF);
	sum -= (uint64_t)cur_u16(&c) << 16;
	return csum_fold(sum);
}

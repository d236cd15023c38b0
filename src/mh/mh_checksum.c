/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Mobility Header checksum (RFC 6275 6.1.1): the 16-bit one's complement
 * of the one's complement sum over the IPv6 pseudo-header (RFC 8200 8.1) and
 * the message, its Checksum field taken as 0.
 *
 * The sum is taken in 32-bit words, which is the same modulo 2^16 - 1 and four
 * times less work; 2^32 words would be needed to overflow the accumulator.
 */
#include "mh/mh.h"

#include "core/cur.h"

#define CHECKSUM_OFF 4

/* Add all octets left in `c`, as if followed by zeros up to a whole word. */
static uint64_t
checksum_add(uint64_t sum, struct cur *c)
{
	size_t n;

	for (n = cur_left(c); n >= 8; n -= 8) {
		uint64_t v = cur_u64(c);

		sum += (v >> 32) + (v & 0xffffffff);
	}
	if ((n & 4) != 0)
		sum += cur_u32(c);
	if ((n & 2) != 0)
		sum += (uint64_t)cur_u16(c) << 16;
	if ((n & 1) != 0)
		sum += (uint64_t)cur_u8(c) << 8;
	return sum;
}

static uint64_t
checksum_add_in6(uint64_t sum, const struct in6_addr *a)
{
	struct cur c;

	cur_init(&c, a, sizeof(*a));
	return checksum_add(sum, &c);
}

uint16_t
mh_checksum(const void *data, size_t len, const struct in6_addr *src,
    const struct in6_addr *dst)
{
	struct cur c;
	uint64_t sum = (uint64_t)len + MH_PROTO;

	sum = checksum_add_in6(sum, src);
	sum = checksum_add_in6(sum, dst);
	cur_init(&c, data, len);
	sum = checksum_add(sum, &c);

	/* Take the field out again: the upper half of the second word. */
	cur_init(&c, data, len);
	cur_skip(&c, CHECKSUM_OFF);
	sum -= (uint64_t)cur_u16(&c) << 16;

	while (sum >> 16 != 0)
		sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)~sum;
}

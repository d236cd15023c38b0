/* SPDX-License-Identifier: BSD-2-Clause */
/* The Internet checksum: see csum.h. */
#include "core/csum.h"

#include <endian.h>
#include <string.h>

#include "core/cur.h"

static inline uint64_t
add_word(uint64_t sum, const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	v = be64toh(v);
	return sum + (v >> 32) + (v & 0xffffffff);
}

uint64_t
csum_add(uint64_t sum, struct cur *c)
{
	size_t n = cur_left(c), whole = n - n % 8;
	const uint8_t *p = cur_ref(c, whole);

	for (size_t i = 0; i < whole; i += 8)
		sum = add_word(sum, &p[i]);
	if ((n & 4) != 0)
		sum += cur_u32(c);
	if ((n & 2) != 0)
		sum += (uint64_t)cur_u16(c) << 16;
	if ((n & 1) != 0)
		sum += (uint64_t)cur_u8(c) << 8;
	return sum;
}

static inline uint64_t
add_in6(uint64_t sum, const struct in6_addr *a)
{
	return add_word(add_word(sum, &a->s6_addr[0]), &a->s6_addr[8]);
}

static uint64_t
add_octets(uint64_t sum, const void *data, size_t len)
{
	struct cur c;

	cur_init(&c, data, len);
	return csum_add(sum, &c);
}

uint64_t
csum_pseudo6(const struct in6_addr *src, const struct in6_addr *dst,
    uint32_t len, uint8_t proto)
{
	uint64_t sum = (uint64_t)len + proto;

	return add_in6(add_in6(sum, src), dst);
}

uint64_t
csum_pseudo4(const struct in_addr *src, const struct in_addr *dst,
    uint16_t len, uint8_t proto)
{
	uint64_t sum = (uint64_t)len + proto;

	sum = add_octets(sum, src, sizeof(*src));
	return add_octets(sum, dst, sizeof(*dst));
}

uint16_t
csum_fold(uint64_t sum)
{
	while (sum >> 16 != 0)
		sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)~sum;
}

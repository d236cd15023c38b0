/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any octets as a packet from an access link.  The checksum would keep a
 * fuzzer out, so they are read as they are, and once more with hop limit,
 * payload length and checksum put right.  What parses as NS or NA is built
 * again, and must then read as the same message.
 */
#include "fuzz/fuzz.h"
#include "nd/nd.h"

#define HDR 40

static int
same(const struct nd_msg *a, const struct nd_msg *b)
{
	return a->type == b->type && in6_eq(&a->src, &b->src) &&
	    in6_eq(&a->dst, &b->dst) && in6_eq(&a->target, &b->target) &&
	    a->has_lladdr == b->has_lladdr && mac_eq(&a->lladdr, &b->lladdr) &&
	    a->solicited == b->solicited && a->override == b->override &&
	    a->router == b->router;
}

static void
one(const uint8_t *data, size_t size)
{
	const struct mac *ll;
	uint8_t buf[ND_PKT_MAX];
	struct nd_msg m, back;
	enum nd_drop d;
	int n;

	d = nd_parse(data, size, &m);
	must((unsigned)d < ND_DROP_MAX);
	if (d != NDP_OK)
		return;
	must(m.type == ND_RS || m.type == ND_NS || m.type == ND_NA);
	must(size >= HDR + (m.type == ND_RS ? 8 : 24));
	must(!(in6_is_zero(&m.src) && m.has_lladdr));
	ll = m.has_lladdr ? &m.lladdr : NULL;
	if (m.type == ND_RS)
		return;
	must(m.target.s6_addr[0] != 0xff);
	n = m.type == ND_NS ? nd_build_ns(&m.src, &m.dst, &m.target, ll, buf,
	    sizeof(buf)) : nd_build_na(&m.src, &m.dst, &m.target, ll,
	    m.router, m.solicited, m.override, buf, sizeof(buf));
	must(n == HDR + 24 + (ll != NULL ? 8 : 0));
	must(nd_parse(buf, (size_t)n, &back) == NDP_OK);
	must(same(&m, &back));
}

/* As a sender would have it. */
static void
put_right(uint8_t *b, size_t size)
{
	size_t icmp = size - HDR;
	uint32_t sum = (uint32_t)icmp + 58;

	b[0] = (uint8_t)(0x60 | (b[0] & 0x0f));
	b[4] = (uint8_t)(icmp >> 8);
	b[5] = (uint8_t)icmp;
	b[6] = 58;
	b[7] = 255;
	b[HDR + 2] = b[HDR + 3] = 0;
	for (size_t i = 8; i < size; i++)
		sum += i % 2 == 0 ? (uint32_t)b[i] << 8 : b[i];
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	b[HDR + 2] = (uint8_t)(~sum >> 8);
	b[HDR + 3] = (uint8_t)~sum;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;

	one(data, size);
	if (size < HDR + 4 || size > HDR + 0xffff)
		return 0;
	/* of this size and no more, for the sanitizer */
	copy = malloc(size);
	must(copy != NULL);
	memcpy(copy, data, size);
	put_right(copy, size);
	one(copy, size);
	free(copy);
	return 0;
}

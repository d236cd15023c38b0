/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any octets as an IP packet with a UDP datagram, with and without its
 * checksum.  What parses is built again, and must then read the same.
 */
#include "core/addr.h"
#include "fuzz/fuzz.h"
#include "nd/udp.h"

static int
same(const struct udp_msg *a, const struct udp_msg *b)
{
	return a->family == b->family && a->hops == b->hops &&
	    a->sport == b->sport && a->dport == b->dport &&
	    in6_eq(&a->src6, &b->src6) && in6_eq(&a->dst6, &b->dst6) &&
	    a->src4.s_addr == b->src4.s_addr &&
	    a->dst4.s_addr == b->dst4.s_addr && a->len == b->len &&
	    (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct udp_msg m, back;
	enum udp_drop d;
	uint8_t *buf;
	int n;

	d = udp_parse(data, size, false, &m);
	must((unsigned)d < UDP_DROP_MAX);
	/* the checksum would keep a fuzzer out */
	d = udp_parse(data, size, true, &m);
	must((unsigned)d < UDP_DROP_MAX);
	if (d != UDPD_OK)
		return 0;
	must(m.len + 28 <= size && m.data >= data &&
	    m.data + m.len <= data + size);
	buf = malloc(m.len + UDP_HDR_MAX);
	must(buf != NULL);
	n = udp_build(&m, buf, m.len + UDP_HDR_MAX);
	if (n > 0) {
		must(udp_parse(buf, (size_t)n, false, &back) == UDPD_OK);
		must(same(&m, &back));
	} else {
		must(m.len > 60000);
	}
	free(buf);
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any octets as an ICMPv6 message of home agent address discovery, or as a
 * packet with one.  What parses as a request or reply is built again, and must
 * read as the same.
 */
#include "fuzz/fuzz.h"
#include "mh/haad.h"

static void
message(const uint8_t *data, size_t size)
{
	struct haad_msg m, back;
	uint8_t buf[HAAD_MAX_LEN];
	enum haad_drop d = haad_parse(data, size, &m);
	int n;

	must((unsigned)d < HAAD_DROP_MAX);
	must(m.nagents <= HAAD_AGENTS_MAX);
	if (d != HAAD_OK || m.type > HAAD_REPLY)
		return;
	n = haad_build(&m, buf, sizeof(buf));
	must(n > 0);
	must(haad_parse(buf, (size_t)n, &back) == HAAD_OK);
	must(memcmp(&m, &back, sizeof(m)) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct in6_addr src, dst;
	const void *msg;
	size_t len;

	message(data, size);
	if (haad_unwrap(data, size, &src, &dst, &msg, &len) == HAAD_OK) {
		must(size >= 40 && len <= size - 40);
		message(msg, len);
	}
	return 0;
}

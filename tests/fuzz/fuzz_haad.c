/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any octets as an ICMPv6 message of home agent address discovery.  What
 * parses as a request or reply is built again, and must read as the same.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mh/haad.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(int ok)
{
	if (!ok)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct haad_msg m, back;
	uint8_t buf[HAAD_MAX_LEN];
	enum haad_drop d = haad_parse(data, size, &m);
	int n;

	must((unsigned)d < HAAD_DROP_MAX);
	must(m.nagents <= HAAD_AGENTS_MAX);
	if (d != HAAD_OK || m.type > HAAD_REPLY)
		return 0;
	n = haad_build(&m, buf, sizeof(buf));
	must(n > 0);
	must(haad_parse(buf, (size_t)n, &back) == HAAD_OK);
	must(memcmp(&m, &back, sizeof(m)) == 0);
	return 0;
}

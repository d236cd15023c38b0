/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any octets as an ARP packet; what parses is built again, and must then be
 * the same octets.
 */
#include "fuzz/fuzz.h"
#include "nd/arp.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t buf[ARP_PKT_LEN];
	struct arp_msg m, r;
	enum arp_drop d = arp_parse(data, size, &m);

	must((unsigned)d < ARP_DROP_MAX);
	if (d != ARPD_OK)
		return 0;
	must(size >= ARP_PKT_LEN);
	must(mac_is_unicast(&m.sha));
	must(arp_build(&m, buf, sizeof(buf)) == ARP_PKT_LEN);
	must(memcmp(buf, data, sizeof(buf)) == 0);
	/* an answer is always one that can be read */
	arp_reply_to(&m, &m.sha, &r);
	must(arp_build(&r, buf, sizeof(buf)) == ARP_PKT_LEN);
	return 0;
}

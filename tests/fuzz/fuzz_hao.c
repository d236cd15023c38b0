/* SPDX-License-Identifier: BSD-2-Clause */
/* Any octets as a packet with a Home Address option. */
#include "fuzz/fuzz.h"
#include "mh/hao.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mh_pkt pkt;
	enum hao_drop d = hao_parse(data, size, &pkt);

	must((unsigned)d < HAO_DROP_MAX);
	if (d == HAO_OK) {
		must(pkt.has_hao && pkt.data >= data);
		must(pkt.len <= size && pkt.data + pkt.len <= data + size);
	}
	return 0;
}

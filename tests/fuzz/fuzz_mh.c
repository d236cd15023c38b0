/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any octets as a Mobility Header.  Read under three wire forms; what parses
 * as BU, BA or BE is built again, and must then read as the same message.
 */
#include "fuzz/fuzz.h"
#include "mh/mh.h"
#include "unit/mh_eq.h"

/* Read all that a message points to, so that a sanitizer looks at it. */
static unsigned
touch(const struct mh_opts *o)
{
	unsigned sum = 0, i;

	for (i = 0; i < o->mn_id_len; i++)
		sum += (uint8_t)o->mn_id[i];
	for (i = 0; i < o->service_len; i++)
		sum += (uint8_t)o->service[i];
	for (i = 0; i < o->ll_id_len; i++)
		sum += o->ll_id[i];
	return sum;
}

/* A glance stays inside of what it looks at. */
static void
peek(const uint8_t *data, size_t size)
{
	struct mh_peek p;

	if (mh_peek(data, size, &p))
		must((const uint8_t *)p.nai > data &&
		    (const uint8_t *)p.nai + p.nai_len <= data + size);
}

static void
one(const uint8_t *data, size_t size, const struct mh_wire *w)
{
	static const struct in6_addr src = { .s6_addr = { 0x20, 0x01, 0x0d,
		0xb8, 0, 0x0b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 } };
	static const struct in6_addr dst = { .s6_addr = { 0x20, 0x01, 0x0d,
		0xb8, 0, 0x0a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 } };
	uint8_t buf[MH_MAX_LEN];
	struct mh_msg m, back;
	size_t off = 0;
	enum mh_drop d;
	int n;

	d = mh_parse(data, size, &src, &dst, w, &m, &off);
	must((unsigned)d < MH_DROP_MAX && off <= size);
	if (d != MH_OK)
		return;
	must(m.type < MH_TYPE_MAX);
	if (m.type != MH_BU && m.type != MH_BA && m.type != MH_BE) {
		must(m.o.have == 0);
		return;
	}
	must(m.o.nhnp <= MH_HNP_MAX);
	(void)touch(&m.o);
	if (m.o.have & MHO_TIMESTAMP)
		(void)mh_ts_to_us(m.o.timestamp);
	n = mh_build(&m, &src, &dst, w, buf, sizeof(buf));
	must(n >= 16 && n % 8 == 0 && n <= MH_MAX_LEN);
	must(mh_parse(buf, (size_t)n, &src, &dst, &mh_wire_default, &back,
	    NULL) == MH_OK || w->opt_hnp != mh_wire_default.opt_hnp);
	must(mh_parse(buf, (size_t)n, &src, &dst, w, &back, NULL) == MH_OK);
	must(mh_differ(&m, &back) == NULL);
	must(back.o.dup == 0 && back.o.unknown == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mh_wire open = mh_wire_default, other = mh_wire_default;

	peek(data, size);
	open.verify_checksum = false;
	other.verify_checksum = false;
	other.ts_accept_len18 = false;
	other.opt_hnp = 200;
	other.opt_timestamp = 201;
	one(data, size, &mh_wire_default);
	one(data, size, &open);
	one(data, size, &other);
	return 0;
}

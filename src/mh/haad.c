/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RFC 6275 6.5, 6.6:
 *
 *   type 8 | code 8 | checksum 16 | identifier 16 | flags 16 | addresses ...
 *
 * The flag R (support for mobile routers) and the reserved bits are nobody's
 * here: sent as 0, ignored.
 */
#include "mh/haad.h"

#include <errno.h>
#include <string.h>

#include "core/bld.h"
#include "core/cur.h"

const struct stat_desc haad_drop_desc[HAAD_DROP_MAX] = {
#define X(id, name, help) [id] = { name, help },
	HAAD_DROPS(X)
#undef X
};

enum haad_drop
haad_parse(const void *data, size_t len, struct haad_msg *ret)
{
	struct cur c;
	uint8_t code;

	memset(ret, 0, sizeof(*ret));
	cur_init(&c, data, len);
	ret->type = cur_u8(&c);
	code = cur_u8(&c);
	cur_skip(&c, 2);
	ret->id = cur_u16(&c);
	cur_skip(&c, 2);
	if (!cur_ok(&c))
		return HAAD_SHORT;
	if (ret->type < HAAD_REQUEST || ret->type > MPD_ADVERTISEMENT)
		return HAAD_TYPE;
	if (code != 0)
		return HAAD_CODE;
	if (ret->type != HAAD_REPLY)
		return HAAD_OK;
	if (cur_left(&c) == 0 || cur_left(&c) % sizeof(struct in6_addr) != 0)
		return HAAD_LENGTH;
	while (cur_left(&c) > 0 && ret->nagents < HAAD_AGENTS_MAX)
		cur_in6(&c, &ret->agents[ret->nagents++]);
	return HAAD_OK;
}

int
haad_build(const struct haad_msg *m, void *buf, size_t cap)
{
	struct bld b;

	if (m->type != HAAD_REQUEST && m->type != HAAD_REPLY)
		return -EINVAL;
	bld_init(&b, buf, cap);
	bld_u8(&b, m->type);
	bld_u8(&b, 0);
	bld_u16(&b, 0);
	bld_u16(&b, m->id);
	bld_u16(&b, 0);
	for (unsigned i = 0; m->type == HAAD_REPLY && i < m->nagents; i++)
		bld_in6(&b, &m->agents[i]);
	return bld_ok(&b) ? (int)b.len : -EMSGSIZE;
}

void
haad_anycast(const struct in6_addr *prefix, struct in6_addr *ret)
{
	static const uint8_t iid[8] = { 0xfd, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xfe };

	memcpy(&ret->s6_addr[0], &prefix->s6_addr[0], 8);
	memcpy(&ret->s6_addr[8], iid, sizeof(iid));
}

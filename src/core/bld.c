/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The packet writer: see bld.h.
 */
#include "core/bld.h"

#include <assert.h>
#include <string.h>

void
bld_init(struct bld *b, void *buf, size_t cap)
{
	b->base = buf;
	b->len = 0;
	b->cap = cap;
	b->bad = false;
}

void
bld_bytes(struct bld *b, const void *src, size_t n)
{
	uint8_t *p = bld_room(b, n);

	if (p != NULL && n > 0)
		memcpy(p, src, n);
}

void
bld_in6(struct bld *b, const struct in6_addr *a)
{
	bld_bytes(b, a, sizeof(*a));
}

void
bld_in4(struct bld *b, const struct in_addr *a)
{
	bld_bytes(b, a, sizeof(*a));
}

void
bld_zero(struct bld *b, size_t n)
{
	uint8_t *p = bld_room(b, n);

	if (p != NULL)
		memset(p, 0, n);
}

void
bld_set_u8(struct bld *b, size_t off, uint8_t v)
{
	if (b->bad)
		return;
	assert(off < b->len);
	b->base[off] = v;
}

void
bld_set_u16(struct bld *b, size_t off, uint16_t v)
{
	if (b->bad)
		return;
	assert(b->len >= 2 && off <= b->len - 2);
	b->base[off] = (uint8_t)(v >> 8);
	b->base[off + 1] = (uint8_t)v;
}

size_t
bld_pad_need(const struct bld *b, unsigned mod, unsigned rem)
{
	assert(mod > 0 && rem < mod);
	return (rem + mod - b->len % mod) % mod;
}

void
bld_fail(struct bld *b)
{
	b->bad = true;
}

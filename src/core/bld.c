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

/* Room for n more octets; NULL and sticky when there is none. */
static uint8_t *
bld_room(struct bld *b, size_t n)
{
	uint8_t *p;

	if (b->bad || n > b->cap - b->len) {
		b->bad = true;
		return NULL;
	}
	p = b->base + b->len;
	b->len += n;
	return p;
}

void
bld_u8(struct bld *b, uint8_t v)
{
	uint8_t *p = bld_room(b, 1);

	if (p != NULL)
		p[0] = v;
}

void
bld_u16(struct bld *b, uint16_t v)
{
	uint8_t *p = bld_room(b, 2);

	if (p != NULL) {
		p[0] = (uint8_t)(v >> 8);
		p[1] = (uint8_t)v;
	}
}

void
bld_u32(struct bld *b, uint32_t v)
{
	uint8_t *p = bld_room(b, 4);

	if (p != NULL) {
		for (unsigned i = 0; i < 4; i++)
			p[i] = (uint8_t)(v >> (24 - 8 * i));
	}
}

void
bld_u64(struct bld *b, uint64_t v)
{
	uint8_t *p = bld_room(b, 8);

	if (p != NULL) {
		for (unsigned i = 0; i < 8; i++)
			p[i] = (uint8_t)(v >> (56 - 8 * i));
	}
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

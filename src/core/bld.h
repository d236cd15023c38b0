/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * struct bld: the only way to write a packet.  A fixed buffer of the caller's,
 * sticky overflow: after the first write that does not fit nothing more is
 * written and bld_ok() is false.  Big-endian.  Inline as cur.h.
 */
#ifndef PMIP_BLD_H
#define PMIP_BLD_H

#include <assert.h>
#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <netinet/in.h>

struct bld {
	uint8_t *base;
	size_t len;	/* octets written */
	size_t cap;
	bool bad;
};

static inline void
bld_init(struct bld *b, void *buf, size_t cap)
{
	b->base = (uint8_t *)buf;
	b->len = 0;
	b->cap = cap;
	b->bad = false;
}
static inline bool
bld_ok(const struct bld *b)
{
	return !b->bad;
}
/* Room for n more octets; NULL and sticky when there is none. */
static inline uint8_t *
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
static inline void
bld_u8(struct bld *b, uint8_t v)
{
	uint8_t *p = bld_room(b, 1);

	if (p != NULL)
		p[0] = v;
}
static inline void
bld_u16(struct bld *b, uint16_t v)
{
	uint8_t *p = bld_room(b, 2);

	if (p != NULL) {
		p[0] = (uint8_t)(v >> 8);
		p[1] = (uint8_t)v;
	}
}
static inline void
bld_u32(struct bld *b, uint32_t v)
{
	uint8_t *p = bld_room(b, 4);

	if (p != NULL) {
		for (unsigned i = 0; i < 4; i++)
			p[i] = (uint8_t)(v >> (24 - 8 * i));
	}
}
static inline void
bld_u64(struct bld *b, uint64_t v)
{
	uint8_t *p = bld_room(b, 8);

	v = htobe64(v);
	if (p != NULL)
		memcpy(p, &v, sizeof(v));
}
static inline void
bld_bytes(struct bld *b, const void *src, size_t n)
{
	uint8_t *p = bld_room(b, n);

	if (p != NULL && n > 0)
		memcpy(p, src, n);
}
static inline void
bld_in6(struct bld *b, const struct in6_addr *a)
{
	bld_bytes(b, a, sizeof(*a));
}
static inline void
bld_in4(struct bld *b, const struct in_addr *a)
{
	bld_bytes(b, a, sizeof(*a));
}
static inline void
bld_zero(struct bld *b, size_t n)
{
	uint8_t *p = bld_room(b, n);

	if (p != NULL)
		memset(p, 0, n);
}
/* Overwrite at an offset already written (asserted). */
static inline void
bld_set_u8(struct bld *b, size_t off, uint8_t v)
{
	if (b->bad)
		return;
	assert(off < b->len);
	b->base[off] = v;
}
static inline void
bld_set_u16(struct bld *b, size_t off, uint16_t v)
{
	if (b->bad)
		return;
	assert(b->len >= 2 && off <= b->len - 2);
	b->base[off] = (uint8_t)(v >> 8);
	b->base[off + 1] = (uint8_t)v;
}
/* Octets needed so that len % mod == rem (0 <= rem < mod). */
static inline size_t
bld_pad_need(const struct bld *b, unsigned mod, unsigned rem)
{
	unsigned at;

	assert(mod > 0 && rem < mod);
	at = (unsigned)(b->len % mod);
	return at <= rem ? rem - at : rem + mod - at;
}
static inline void
bld_fail(struct bld *b)
{
	b->bad = true;
}

#endif

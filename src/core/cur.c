/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The packet reader.  All pointer arithmetic on packets is here and in bld.c.
 */
#include "core/cur.h"

#include <string.h>

void
cur_init(struct cur *c, const void *data, size_t len)
{
	static const uint8_t nothing[1];

	c->base = c->p = data != NULL ? data : nothing;
	c->end = c->p + (data != NULL ? len : 0);
	c->bad = false;
}

size_t
cur_left(const struct cur *c)
{
	return c->bad ? 0 : (size_t)(c->end - c->p);
}

size_t
cur_off(const struct cur *c)
{
	return (size_t)(c->p - c->base);
}

const uint8_t *
cur_ref(struct cur *c, size_t n)
{
	const uint8_t *p = c->p;

	if (c->bad || n > cur_left(c)) {
		c->bad = true;
		return NULL;
	}
	c->p += n;
	return p;
}

uint8_t
cur_u8(struct cur *c)
{
	const uint8_t *p = cur_ref(c, 1);

	return p != NULL ? p[0] : 0;
}

uint16_t
cur_u16(struct cur *c)
{
	const uint8_t *p = cur_ref(c, 2);

	return p != NULL ? (uint16_t)(p[0] << 8 | p[1]) : 0;
}

uint32_t
cur_u32(struct cur *c)
{
	const uint8_t *p = cur_ref(c, 4);

	if (p == NULL)
		return 0;
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

uint64_t
cur_u64(struct cur *c)
{
	uint64_t hi, lo;

	/* All or nothing: a half-read number is no number. */
	if (cur_left(c) < 8) {
		c->bad = true;
		return 0;
	}
	hi = cur_u32(c);
	lo = cur_u32(c);
	return hi << 32 | lo;
}

void
cur_bytes(struct cur *c, void *dst, size_t n)
{
	const uint8_t *p = cur_ref(c, n);

	if (p != NULL)
		memcpy(dst, p, n);
	else
		memset(dst, 0, n);
}

void
cur_in6(struct cur *c, struct in6_addr *dst)
{
	cur_bytes(c, dst, sizeof(*dst));
}

void
cur_in4(struct cur *c, struct in_addr *dst)
{
	cur_bytes(c, dst, sizeof(*dst));
}

void
cur_skip(struct cur *c, size_t n)
{
	(void)cur_ref(c, n);
}

void
cur_sub(struct cur *c, size_t n, struct cur *ret_sub)
{
	const uint8_t *p = cur_ref(c, n);

	cur_init(ret_sub, p, p != NULL ? n : 0);
	ret_sub->bad = p == NULL;
}

void
cur_fail(struct cur *c)
{
	c->bad = true;
}

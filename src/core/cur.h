/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * struct cur: the only way to read a packet.  Bounds-checked, sticky error:
 * after the first read past the end every read returns 0 and cur_ok() is
 * false, so a reader checks once at its end.  Never allocates, never logs.
 * All integers on the wire are big-endian.  Everything is inline: a message
 * takes some hundred of these calls.  All pointer arithmetic on packets is here
 * and in bld.h.
 */
#ifndef PMIP_CUR_H
#define PMIP_CUR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <netinet/in.h>

struct cur {
	const uint8_t *base, *p, *end;
	bool bad;
};

/* Points into `data`, which must outlive the cursor. len 0 allows NULL. */
static inline void
cur_init(struct cur *c, const void *data, size_t len)
{
	static const uint8_t nothing[1];

	c->base = c->p = data != NULL ? (const uint8_t *)data : nothing;
	c->end = c->p + (data != NULL ? len : 0);
	c->bad = false;
}
static inline bool
cur_ok(const struct cur *c)
{
	return !c->bad;
}
/* Octets not yet read; 0 after an error. */
static inline size_t
cur_left(const struct cur *c)
{
	return c->bad ? 0 : (size_t)(c->end - c->p);
}
/* Octets read since cur_init(). */
static inline size_t
cur_off(const struct cur *c)
{
	return (size_t)(c->p - c->base);
}
/* Borrow n octets in place (n 0: do not look at them); NULL on error. */
static inline const uint8_t *
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
static inline uint8_t
cur_u8(struct cur *c)
{
	const uint8_t *p = cur_ref(c, 1);

	return p != NULL ? p[0] : 0;
}
static inline uint16_t
cur_u16(struct cur *c)
{
	const uint8_t *p = cur_ref(c, 2);

	return p != NULL ? (uint16_t)(p[0] << 8 | p[1]) : 0;
}
static inline uint32_t
cur_u32(struct cur *c)
{
	const uint8_t *p = cur_ref(c, 4);

	if (p == NULL)
		return 0;
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}
static inline uint64_t
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
/* Copies n octets to dst; dst is zeroed on error. */
static inline void
cur_bytes(struct cur *c, void *dst, size_t n)
{
	const uint8_t *p = cur_ref(c, n);

	if (p != NULL)
		memcpy(dst, p, n);
	else
		memset(dst, 0, n);
}
static inline void
cur_in6(struct cur *c, struct in6_addr *dst)
{
	cur_bytes(c, dst, sizeof(*dst));
}
static inline void
cur_in4(struct cur *c, struct in_addr *dst)
{
	cur_bytes(c, dst, sizeof(*dst));
}
static inline void
cur_skip(struct cur *c, size_t n)
{
	(void)cur_ref(c, n);
}
/*
 * A child cursor over the next n octets, which the parent skips.  On error
 * the child is empty and bad as well.
 */
static inline void
cur_sub(struct cur *c, size_t n, struct cur *ret_sub)
{
	const uint8_t *p = cur_ref(c, n);

	cur_init(ret_sub, p, p != NULL ? n : 0);
	ret_sub->bad = p == NULL;
}
/* Mark as malformed (a semantic check failed). */
static inline void
cur_fail(struct cur *c)
{
	c->bad = true;
}

#endif

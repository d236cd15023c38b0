/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * struct cur: the only way to read a packet.  Bounds-checked, sticky error:
 * after the first read past the end every read returns 0 and cur_ok() is
 * false, so a reader checks once at its end.  Never allocates, never logs.
 * All integers on the wire are big-endian.
 */
#ifndef PMIP_CUR_H
#define PMIP_CUR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <netinet/in.h>

struct cur {
	const uint8_t *base, *p, *end;
	bool bad;
};

/* Points into `data`, which must outlive the cursor. len 0 allows NULL. */
void cur_init(struct cur *c, const void *data, size_t len);
static inline bool
cur_ok(const struct cur *c)
{
	return !c->bad;
}
/* Octets not yet read; 0 after an error. */
size_t cur_left(const struct cur *c);
/* Octets read since cur_init(). */
size_t cur_off(const struct cur *c);
uint8_t cur_u8(struct cur *c);
uint16_t cur_u16(struct cur *c);
uint32_t cur_u32(struct cur *c);
uint64_t cur_u64(struct cur *c);
/* Copies n octets to dst; dst is zeroed on error. */
void cur_bytes(struct cur *c, void *dst, size_t n);
void cur_in6(struct cur *c, struct in6_addr *dst);
void cur_in4(struct cur *c, struct in_addr *dst);
void cur_skip(struct cur *c, size_t n);
/* Borrow n octets in place (n 0: do not look at them); NULL on error. */
const uint8_t *cur_ref(struct cur *c, size_t n);
/*
 * A child cursor over the next n octets, which the parent skips.  On error
 * the child is empty and bad as well.
 */
void cur_sub(struct cur *c, size_t n, struct cur *ret_sub);
/* Mark as malformed (a semantic check failed). */
void cur_fail(struct cur *c);

#endif

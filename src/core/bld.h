/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * struct bld: the only way to write a packet.  A fixed buffer of the caller's,
 * sticky overflow: after the first write that does not fit nothing more is
 * written and bld_ok() is false.  Big-endian.
 */
#ifndef PMIP_BLD_H
#define PMIP_BLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <netinet/in.h>

struct bld {
	uint8_t *base;
	size_t len;	/* octets written */
	size_t cap;
	bool bad;
};

void bld_init(struct bld *b, void *buf, size_t cap);
static inline bool
bld_ok(const struct bld *b)
{
	return !b->bad;
}
void bld_u8(struct bld *b, uint8_t v);
void bld_u16(struct bld *b, uint16_t v);
void bld_u32(struct bld *b, uint32_t v);
void bld_u64(struct bld *b, uint64_t v);
void bld_bytes(struct bld *b, const void *src, size_t n);
void bld_in6(struct bld *b, const struct in6_addr *a);
void bld_in4(struct bld *b, const struct in_addr *a);
void bld_zero(struct bld *b, size_t n);
/* Overwrite at an offset already written (asserted). */
void bld_set_u8(struct bld *b, size_t off, uint8_t v);
void bld_set_u16(struct bld *b, size_t off, uint16_t v);
/* Octets needed so that len % mod == rem (0 <= rem < mod). */
size_t bld_pad_need(const struct bld *b, unsigned mod, unsigned rem);
void bld_fail(struct bld *b);

#endif

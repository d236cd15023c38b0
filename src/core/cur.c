/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The packet reader.  All pointer arithmetic on packets is in cur.[ch] and
 * bld.[ch].
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
cur_off(const struct cur *c)
{
	return (size_t)(c->p - c->base);
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

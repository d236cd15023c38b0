/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mobility Header builder: struct mh_msg in, octets out.  The inverse of the
 * parser: parse(build(m)) = m for every message it accepts to build.  Pure.
 *
 * Every option starts at the alignment its row asks for, by Pad1 or PadN; the
 * message is padded to a multiple of 8 octets, then Header Len and Checksum
 * are filled in.  (The kernel writes the checksum of a raw socket, so there it
 * can be left; ours is what ESP in user space and tests see.)
 *
 * Implements: RFC 6275 6.1.1, 6.1.7-6.1.9, 6.2.1-6.2.3; PROTOCOL 2.7.
 */
#include "mh/mh.h"

#include <errno.h>
#include <string.h>

#include <sys/socket.h>

#include "core/bld.h"
#include "core/util.h"
#include "mh_opt_priv.h"

/* Would the parser read back what these options say? */
static bool
build_opts_ok(const struct mh_opts *o)
{
	unsigned i;

	if ((o->have & MHO_MN_ID) != 0 && (o->mn_id_len > MHOPT_MN_ID_MAX ||
	    (o->mn_id_len > 0 &&
	    memchr(o->mn_id, '\0', o->mn_id_len) != NULL)))
		return false;
	if ((o->have & MHO_LL_ID) != 0 && o->ll_id_len > MHOPT_LL_ID_MAX)
		return false;
	if ((o->have & MHO_SERVICE) != 0 && o->service_len == 0)
		return false;
	if ((o->have & MHO_HNP) != 0) {
		if (o->nhnp == 0 || o->nhnp > MH_HNP_MAX)
			return false;
		for (i = 0; i < o->nhnp; i++)
			if (o->hnp[i].family != AF_INET6 ||
			    o->hnp[i].len > 128)
				return false;
	}
	return ((o->have & MHO_IP4_HOA) == 0 || o->ip4_hoa.plen <= 32) &&
	    ((o->have & MHO_IP4_ACK) == 0 || o->ip4_ack.plen <= 32) &&
	    ((o->have & MHO_IP4_REQ) == 0 || o->ip4_req.plen <= 32) &&
	    ((o->have & MHO_IP4_REPLY) == 0 || o->ip4_reply.plen <= 32);
}

/* Padding up to offset x*n+y: Pad1 for one octet, PadN for more. */
static void
build_pad(struct bld *b, unsigned x, unsigned y)
{
	size_t n = bld_pad_need(b, x, y);

	if (n == 1) {
		bld_u8(b, MHOPT_PAD1);
	} else if (n > 1) {
		bld_u8(b, MHOPT_PADN);
		bld_u8(b, (uint8_t)(n - 2));
		bld_zero(b, n - 2);
	}
}

/* Type and Length of an option, aligned; the offset of Length. */
static size_t
build_opt_begin(struct bld *b, const struct mh_opt_desc *d,
    const struct mh_wire *w)
{
	build_pad(b, d->x, d->y);
	bld_u8(b, mh_opt_type(d, w));
	bld_u8(b, 0);
	return b->len - 1;
}

static void
build_opt_end(struct bld *b, size_t len_off)
{
	if (bld_ok(b))
		bld_set_u8(b, len_off, (uint8_t)(b->len - len_off - 1));
}

static void
build_opts(struct bld *b, const struct mh_opts *o, const struct mh_wire *w)
{
	const struct mh_opt_desc *d;
	unsigned i, k, n;
	size_t len_off;

	for (k = 0; (d = mh_opt_nth(k)) != NULL; k++) {
		if ((o->have & d->have) == 0)
			continue;
		n = d->many ? o->nhnp : 1;
		for (i = 0; i < n; i++) {
			len_off = build_opt_begin(b, d, w);
			d->write(b, o, i);
			build_opt_end(b, len_off);
		}
	}
}

/* Everything before the options. */
static int
build_fixed(struct bld *b, const struct mh_msg *m)
{
	bld_u8(b, MH_NO_NEXT);
	bld_u8(b, 0);		/* Header Len, later */
	bld_u8(b, m->type);
	bld_u8(b, 0);
	bld_u16(b, 0);		/* Checksum, later */
	switch (m->type) {
	case MH_BU:
		bld_u16(b, m->bu.seq);
		bld_u16(b, m->bu.flags);
		bld_u16(b, m->bu.lifetime_4s);
		return 0;
	case MH_BA:
		bld_u8(b, m->ba.status);
		bld_u8(b, m->ba.flags);
		bld_u16(b, m->ba.seq);
		bld_u16(b, m->ba.lifetime_4s);
		return 0;
	case MH_BE:
		bld_u8(b, m->be.status);
		bld_u8(b, 0);
		bld_in6(b, &m->be.home);
		return 0;
	default:
		return -EINVAL;
	}
}

int
mh_build(const struct mh_msg *m, const struct in6_addr *src,
    const struct in6_addr *dst, const struct mh_wire *w, void *buf, size_t cap)
{
	struct bld b;
	int r;

	if (!build_opts_ok(&m->o))
		return -EINVAL;
	bld_init(&b, buf, MIN_OF(cap, (size_t)MH_MAX_LEN));
	r = build_fixed(&b, m);
	if (r < 0)
		return r;
	build_opts(&b, &m->o, w);
	build_pad(&b, 8, 0);
	if (!bld_ok(&b))
		return -EMSGSIZE;
	bld_set_u8(&b, 1, (uint8_t)(b.len / 8 - 1));
	if (!w->leave_checksum)
		bld_set_u16(&b, 4, mh_checksum(buf, b.len, src, dst));
	return (int)b.len;
}

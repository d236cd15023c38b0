/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mobility options (RFC 6275 section 6.2): the table that describes each one,
 * and the one iterator over them.  Private to the codec of src/mh.
 */
#ifndef PMIP_MH_OPT_PRIV_H
#define PMIP_MH_OPT_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/bld.h"
#include "core/cur.h"
#include "mh/mh.h"

/* The type octets of PROTOCOL 2.7. */
enum {
	MHOPT_PAD1 = 0,
	MHOPT_PADN = 1,
	MHOPT_REFRESH_ADVICE = 2,
	MHOPT_ALT_COA = 3,
	MHOPT_MN_ID = 8,
	MHOPT_SERVICE = 20,
	MHOPT_HNP = 22,
	MHOPT_HANDOFF = 23,
	MHOPT_ACCESS_TECH = 24,
	MHOPT_LL_ID = 25,
	MHOPT_LINK_LOCAL = 26,
	MHOPT_TIMESTAMP = 27,
	MHOPT_RESTART = 28,
	MHOPT_IP4_HOA = 29,
	MHOPT_IP4_ACK = 30,
	MHOPT_IP4_REQ = 36,
	MHOPT_IP4_REPLY = 37,
	MHOPT_IP4_ROUTER = 38,
	MHOPT_IP4_DHCP = 39,
};

#define MHOPT_MN_ID_MAX 253	/* octets of identifier (RFC 4282 2.2) */
#define MHOPT_LL_ID_MAX 253	/* 255 less the reserved field */

/* One option as the iterator delivers it. */
struct mh_opt {
	size_t off;		/* of its Type octet, in the message */
	uint8_t type, len;
	struct cur body;	/* `len` octets */
};

/* What a reader found. */
enum mh_opt_result {
	MHOPT_TAKEN,
	MHOPT_ABSENT,	/* proceed as if the option were not there */
	MHOPT_BAD,	/* the message is malformed; the octet read last is
			 * the offending one */
};

/*
 * One row of the table.  A reader is called with a body of min..max octets; a
 * writer writes the body of instance `i`.
 */
struct mh_opt_desc {
	const char *name;	/* NULL: a hole in the table */
	uint8_t type;
	uint8_t min, max;	/* Length */
	uint8_t x, y;		/* alignment x*n+y; x 1: none */
	bool many;		/* may be repeated */
	uint32_t have;		/* bit of mh_opts.have */
	uint32_t seen;		/* bits which make another one a duplicate */
	enum mh_opt_result (*read)(struct cur *c, const struct mh_wire *w,
	    struct mh_opts *o);
	void (*write)(struct bld *b, const struct mh_opts *o, unsigned i);
	const char *section;
};

/*
 * The next option that is not padding.  1 and *ret filled, 0 at the end,
 * -EBADMSG when an option runs past the message, with *ret_off its offending
 * octet.  Each call consumes at least one octet, or is the last.
 */
int mh_opt_next(struct cur *c, struct mh_opt *ret, size_t *ret_off);

/* The row of a type octet under `w`; NULL when we do not know the option. */
const struct mh_opt_desc *mh_opt_find(const struct mh_wire *w, uint8_t type);

/* The rows in the order in which options are written; NULL past the last. */
const struct mh_opt_desc *mh_opt_nth(unsigned n);

/* The type octet of a row under `w` (A3: two of them can be configured). */
uint8_t mh_opt_type(const struct mh_opt_desc *d, const struct mh_wire *w);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What differs between draft-01 and RFC 5213 (PROTOCOL 4.10): wire form,
 * status codes, ordering rule, reactions.  Roles ask the dialect and never its
 * name.
 */
#ifndef PMIP_MH_DIALECT_H
#define PMIP_MH_DIALECT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/clock.h"
#include "mh/mh.h"

/* Why the home agent refuses, independent of the code on the wire. */
enum refusal {
	REFUSE_NONE,
	REFUSE_PROXY_DISABLED,
	REFUSE_NO_NAI,
	REFUSE_UNKNOWN_MN,
	REFUSE_PMA,			/* not authorised at all */
	REFUSE_COA,			/* care-of address not the sender's */
	REFUSE_PMA_FOR_MN,
	REFUSE_NOT_ENTITLED,
	REFUSE_TS_MISSING,
	REFUSE_TS_WINDOW,
	REFUSE_TS_ORDER,
	REFUSE_TS_RESTART,		/* maybe older than our start */
	REFUSE_NO_HNP,
	REFUSE_NOT_ANCHORED,
	REFUSE_NOT_MNS_PREFIX,
	REFUSE_PREFIX_TAKEN,
	REFUSE_PREFIX_SET,
	REFUSE_RESOURCES,
	REFUSE_MALFORMED,
	REFUSE_NO_BINDING,		/* lifetime 0, nothing to delete */
	REFUSE_MAX
};

/* What the PMA does about a status (PROTOCOL 3.2, 4.10 on_status). */
enum reaction {
	REACT_ACCEPT,
	REACT_RETRY_NOW,	/* order problem: fresh stamp, at most 3 */
	REACT_RESYNC_CLOCK,	/* our clock and the HA's differ: back off */
	REACT_RETRY_BACKOFF,
	REACT_WAIT_DHCP,	/* 147, Shared-Prefix */
	REACT_STOP_MN,
	REACT_STOP_PEER,
};

struct dialect {
	const char *name;		/* "draft-01" */
	const struct mh_wire *wire;
	uint16_t bu_flags;		/* of a PBU (A17) */
	bool alt_coa;			/* PBU carries option 3 (A16) */
	bool send_handoff;		/* PBU carries 23 and 24 */
	/* Option 26: the PMA's link-local address in a PBU, that of the PMA
	 * before it in a PBA (A29). */
	bool previous_router;
	bool ts_required;		/* in a PBU */
	int64_t ts_window_us;		/* default validity (A23) */
	/* The status of a refusal. */
	uint8_t (*status)(enum refusal why);
	/*
	 * What to do about a PBA.  `skew_us` is the difference of the PBA's
	 * time stamp to our clock, INT64_MAX when it had none (A44).
	 */
	enum reaction (*react)(uint8_t status, int64_t skew_us,
	    int64_t window_us);
};

extern const struct dialect dialect_draft01;

/* "proxy-disabled", "time-stamp-order", ... for logs: names the rule. */
const char *refusal_name(enum refusal why);

#endif

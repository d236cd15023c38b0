/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Dialect draft-01 (draft-sgundave-mip6-proxymip6-01): the codes it puts on
 * the wire, and what a PMA does about them.
 *
 * Implements: draft 8.5, PROTOCOL 3.2 (column draft-01), A7, A16, A17, A23,
 * A44, A48.
 */
#include "mh/dialect.h"

#include <assert.h>

#include "core/util.h"
#include "mh/status.h"

static const struct {
	const char *name;	/* names the rule, of any dialect */
	uint8_t status;
} draft01_refusals[REFUSE_MAX] = {
	[REFUSE_NONE] = { "none", BA_ACCEPTED },
	[REFUSE_PROXY_DISABLED] = { "proxy-disabled", BA_PROXY_UNSUPPORTED },
	[REFUSE_NO_NAI] = { "no-nai", BA_UNSPECIFIED },		/* A48 */
	[REFUSE_UNKNOWN_MN] = { "unknown-mn", BA_NOT_HOME_AGENT },
	[REFUSE_PMA] = { "pma-not-authorised", BA_PMA_NOT_ALLOWED },
	[REFUSE_COA] = { "coa-of-another", BA_PMA_NOT_ALLOWED },	/* A16 */
	[REFUSE_PMA_FOR_MN] = { "pma-not-authorised-for-mn",
	    BA_PMA_NOT_ALLOWED },
	[REFUSE_NOT_ENTITLED] = { "mn-not-entitled", BA_PROHIBITED },
	[REFUSE_TS_MISSING] = { "time-stamp-missing", BA_INVALID_TIMESTAMP },
	[REFUSE_TS_WINDOW] = { "time-stamp-window", BA_INVALID_TIMESTAMP },
	[REFUSE_TS_ORDER] = { "time-stamp-order", BA_INVALID_TIMESTAMP },
	[REFUSE_TS_RESTART] = { "time-stamp-restart", BA_INVALID_TIMESTAMP },
	[REFUSE_NO_HNP] = { "no-home-prefix", BA_HOME_ADDRESS_REQUIRED },
	[REFUSE_NOT_ANCHORED] = { "prefix-not-anchored", BA_NOT_HOME_SUBNET },
	[REFUSE_NOT_MNS_PREFIX] = { "prefix-not-of-mn", BA_PROHIBITED },
	[REFUSE_PREFIX_TAKEN] = { "prefix-taken", BA_DAD_FAILED },
	[REFUSE_PREFIX_SET] = { "prefix-set", BA_UNSPECIFIED },	/* A20 */
	[REFUSE_RESOURCES] = { "no-resources", BA_NO_RESOURCES },
	[REFUSE_MALFORMED] = { "malformed", BA_UNSPECIFIED },
	[REFUSE_NO_BINDING] = { "no-binding", BA_NOT_HOME_AGENT },
};

const char *
refusal_name(enum refusal why)
{
	assert((unsigned)why < REFUSE_MAX);
	return draft01_refusals[why].name;
}

static uint8_t
draft01_status(enum refusal why)
{
	assert((unsigned)why < REFUSE_MAX);
	return draft01_refusals[why].status;
}

/*
 * 148 is one code for two troubles (A44).  If the HA's time stamp agrees with
 * our clock it was the order, and a fresh stamp cures it; if not, or if it
 * sent none, one of the clocks is wrong and asking again at once would not
 * help.
 */
static enum reaction
draft01_react_timestamp(int64_t skew_us, int64_t window_us)
{
	if (skew_us <= window_us && skew_us >= -window_us)
		return REACT_RETRY_NOW;
	return REACT_RESYNC_CLOCK;
}

static enum reaction
draft01_react(uint8_t status, int64_t skew_us, int64_t window_us)
{
	if (ba_is_success(status))
		return REACT_ACCEPT;
	switch (status) {
	case BA_INVALID_TIMESTAMP:
		return draft01_react_timestamp(skew_us, window_us);
	case BA_HOME_ADDRESS_REQUIRED:
		return REACT_WAIT_DHCP;
	case BA_NO_RESOURCES:
	case BA_SEQUENCE:	/* not the draft's; another number may do */
		return REACT_RETRY_BACKOFF;
	case BA_PROXY_UNSUPPORTED:
	case BA_NO_HOME_REGISTRATION:
		return REACT_STOP_PEER;
	default:
		/* every other rejection is about this node and permanent */
		return REACT_STOP_MN;
	}
}

const struct dialect dialect_draft01 = {
	.name = "draft-01",
	.wire = &mh_wire_default,
	.bu_flags = BU_A | BU_H | BU_P,			/* A17 */
	.alt_coa = true,				/* A16 */
	.send_handoff = false,
	.previous_router = true,			/* draft 7.3 */
	.ts_required = true,				/* draft 8.4 */
	.ts_window_us = 5 * USEC_PER_SEC,		/* A23 */
	.status = draft01_status,
	.react = draft01_react,
};

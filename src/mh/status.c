/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of Binding Acknowledgement status codes, for logs (PROTOCOL 3.1).
 * 145-148 carry the draft's meaning (section 8.5); the numbers were assigned
 * to other things later (A8), which a proxy registration never means.  152 to
 * 180 are what a later home agent may answer: named, so that the log says who
 * it is that answers.
 */
#include "mh/status.h"

#include <stddef.h>

#include "core/util.h"

static const char *const status_names[] = {
	[BA_ACCEPTED] = "accepted",
	[BA_PREFIX_DISCOVERY] = "prefix-discovery-necessary",
	[2] = "gre-key-not-required",
	[3] = "gre-without-tlv-header",
	[4] = "mcoa-not-complete",
	[5] = "mcoa-return-home",
	[6] = "transient-binding-ignored",
	[BA_UNSPECIFIED] = "reason-unspecified",
	[BA_PROHIBITED] = "administratively-prohibited",
	[BA_NO_RESOURCES] = "insufficient-resources",
	[BA_NO_HOME_REGISTRATION] = "home-registration-not-supported",
	[BA_NOT_HOME_SUBNET] = "not-home-subnet",
	[BA_NOT_HOME_AGENT] = "not-home-agent-for-this-node",
	[BA_DAD_FAILED] = "duplicate-address",
	[BA_SEQUENCE] = "sequence-out-of-window",
	[136] = "expired-home-nonce",
	[137] = "expired-care-of-nonce",
	[138] = "expired-nonces",
	[BA_TYPE_CHANGE] = "registration-type-change",
	[140] = "mobile-router-not-permitted",
	[141] = "invalid-prefix",
	[142] = "not-authorized-for-prefix",
	[143] = "forwarding-setup-failed",
	[144] = "id-mismatch",
	[BA_PROXY_UNSUPPORTED] = "proxy-registration-not-supported",
	[BA_PMA_NOT_ALLOWED] = "pma-not-allowed",
	[BA_HOME_ADDRESS_REQUIRED] = "home-address-required",
	[BA_INVALID_TIMESTAMP] = "invalid-time-stamp",
	[149] = "home-keygen-token-exists",
	[150] = "home-nonce-index-expected",
	[151] = "service-authorization-failed",
	[152] = "proxy-reg-not-enabled",
	[153] = "not-lma-for-this-mobile-node",
	[154] = "mag-not-authorized",
	[155] = "not-authorized-for-home-network-prefix",
	[156] = "time-stamp-mismatch",
	[157] = "time-stamp-lower-than-previous",
	[158] = "missing-home-network-prefix",
	[159] = "prefix-set-does-not-match",
	[160] = "missing-mn-identifier",
	[161] = "missing-handoff-indicator",
	[162] = "missing-access-technology",
	[163] = "gre-key-required",
	[164] = "mcoa-malformed",
	[165] = "mcoa-non-mcoa-binding-exists",
	[166] = "mcoa-prohibited",
	[167] = "mcoa-unknown-coa",
	[168] = "mcoa-bulk-not-supported",
	[169] = "mcoa-simultaneous-not-supported",
	[170] = "not-authorized-for-ipv4-mobility",
	[171] = "not-authorized-for-ipv4-home-address",
	[172] = "not-authorized-for-ipv6-mobility",
	[173] = "multiple-ipv4-home-addresses",
	[174] = "invalid-care-of-address",
	[175] = "invalid-group-identifier",
	[176] = "reinit-sa",
	[177] = "not-authorized-for-delegated-prefix",
	[178] = "delegated-prefix-in-use",
	[179] = "cannot-meet-qos",
	[180] = "multipath-not-supported",
};

const char *
ba_status_name(uint8_t status)
{
	if (status >= ARRAY_LEN(status_names) || status_names[status] == NULL)
		return "unassigned";
	return status_names[status];
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Binding Acknowledgement status codes (PROTOCOL section 3) with P set and
 * dialect draft-01.
 */
#ifndef PMIP_MH_STATUS_H
#define PMIP_MH_STATUS_H

#include <stdint.h>

enum ba_status {
	BA_ACCEPTED = 0,
	BA_PREFIX_DISCOVERY = 1,
	BA_UNSPECIFIED = 128,
	BA_PROHIBITED = 129,
	BA_NO_RESOURCES = 130,
	BA_NO_HOME_REGISTRATION = 131,
	BA_NOT_HOME_SUBNET = 132,
	BA_NOT_HOME_AGENT = 133,
	BA_DAD_FAILED = 134,
	BA_SEQUENCE = 135,
	BA_TYPE_CHANGE = 139,
	/* the draft's section 8.5 */
	BA_PROXY_UNSUPPORTED = 145,
	BA_PMA_NOT_ALLOWED = 146,
	BA_HOME_ADDRESS_REQUIRED = 147,
	BA_INVALID_TIMESTAMP = 148,
};

/* Binding Error (RFC 6275 6.1.9). */
enum { BE_UNKNOWN_BINDING = 1, BE_UNKNOWN_TYPE = 2 };

/* RFC 6275 6.1.8: below 128 is success (draft 8.5, A9). */
static inline int
ba_is_success(uint8_t status)
{
	return status < 128;
}

/* "accepted", "invalid-time-stamp", ...; "unassigned" for others. */
const char *ba_status_name(uint8_t status);

#endif

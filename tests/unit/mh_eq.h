/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Are two decoded Mobility Header messages the same?  What only a parser can
 * count (dup, unknown, hnp_more, MHO_TIMESTAMP_BAD) does not matter.
 */
#ifndef PMIP_TEST_MH_EQ_H
#define PMIP_TEST_MH_EQ_H

#include <stdbool.h>
#include <string.h>

#include "mh/mh.h"

static inline bool
mh_eq_ip4(const struct mh_ip4 *a, const struct mh_ip4 *b)
{
	return a->addr.s_addr == b->addr.s_addr && a->plen == b->plen &&
	    a->status == b->status && a->prefix_request == b->prefix_request;
}

static inline bool
mh_eq_octets(const void *a, size_t alen, const void *b, size_t blen)
{
	return alen == blen && (alen == 0 || memcmp(a, b, alen) == 0);
}

/* NULL when equal, else the name of the first field that differs. */
static inline const char *
mh_differ_opts(const struct mh_opts *a, const struct mh_opts *b)
{
	const uint32_t have = a->have & ~(uint32_t)MHO_TIMESTAMP_BAD;
	unsigned i;

#define IF_BOTH(bit, field, cond) \
	if ((have & (bit)) != 0 && !(cond)) return field
	if (have != (b->have & ~(uint32_t)MHO_TIMESTAMP_BAD))
		return "have";
	IF_BOTH(MHO_REFRESH_ADVICE, "refresh_advice_4s",
	    a->refresh_advice_4s == b->refresh_advice_4s);
	IF_BOTH(MHO_ALT_COA, "alt_coa", in6_eq(&a->alt_coa, &b->alt_coa));
	IF_BOTH(MHO_MN_ID, "mn_id", a->mn_id_subtype == b->mn_id_subtype &&
	    mh_eq_octets(a->mn_id, a->mn_id_len, b->mn_id, b->mn_id_len));
	if ((have & MHO_HNP) != 0) {
		if (a->nhnp != b->nhnp)
			return "nhnp";
		for (i = 0; i < a->nhnp; i++)
			if (!prefix_eq(&a->hnp[i], &b->hnp[i]))
				return "hnp";
	}
	IF_BOTH(MHO_HANDOFF, "handoff", a->handoff == b->handoff);
	IF_BOTH(MHO_ACCESS_TECH, "access_tech",
	    a->access_tech == b->access_tech);
	IF_BOTH(MHO_LL_ID, "ll_id", mh_eq_octets(a->ll_id, a->ll_id_len,
	    b->ll_id, b->ll_id_len));
	IF_BOTH(MHO_LINK_LOCAL, "link_local",
	    in6_eq(&a->link_local, &b->link_local));
	IF_BOTH(MHO_TIMESTAMP, "timestamp", a->timestamp == b->timestamp);
	IF_BOTH(MHO_RESTART, "restart", a->restart == b->restart);
	IF_BOTH(MHO_IP4_HOA, "ip4_hoa", mh_eq_ip4(&a->ip4_hoa, &b->ip4_hoa));
	IF_BOTH(MHO_IP4_ACK, "ip4_ack", mh_eq_ip4(&a->ip4_ack, &b->ip4_ack));
	IF_BOTH(MHO_IP4_REQ, "ip4_req", mh_eq_ip4(&a->ip4_req, &b->ip4_req));
	IF_BOTH(MHO_IP4_REPLY, "ip4_reply",
	    mh_eq_ip4(&a->ip4_reply, &b->ip4_reply));
	IF_BOTH(MHO_IP4_ROUTER, "ip4_router",
	    a->ip4_router.s_addr == b->ip4_router.s_addr);
	IF_BOTH(MHO_IP4_DHCP, "ip4_dhcp_server",
	    a->ip4_dhcp_server == b->ip4_dhcp_server);
	IF_BOTH(MHO_SERVICE, "service", mh_eq_octets(a->service,
	    a->service_len, b->service, b->service_len));
#undef IF_BOTH
	return NULL;
}

static inline const char *
mh_differ(const struct mh_msg *a, const struct mh_msg *b)
{
	if (a->type != b->type)
		return "type";
	switch (a->type) {
	case MH_BU:
		if (a->bu.seq != b->bu.seq || a->bu.flags != b->bu.flags ||
		    a->bu.lifetime_4s != b->bu.lifetime_4s)
			return "bu";
		break;
	case MH_BA:
		if (a->ba.status != b->ba.status ||
		    a->ba.flags != b->ba.flags || a->ba.seq != b->ba.seq ||
		    a->ba.lifetime_4s != b->ba.lifetime_4s)
			return "ba";
		break;
	case MH_BE:
		if (a->be.status != b->be.status ||
		    !in6_eq(&a->be.home, &b->be.home))
			return "be";
		break;
	}
	return mh_differ_opts(&a->o, &b->o);
}

#endif

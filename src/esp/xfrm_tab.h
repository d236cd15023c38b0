/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Our copy of the kernel's policies and security associations, so indexed that
 * what concerns two addresses is found without a look at the others: thousands
 * of peers have two policies and some SAs each.  No sockets, no logging.
 */
#ifndef PMIP_XFRM_TAB_H
#define PMIP_XFRM_TAB_H

#include "core/crypto.h"
#include "core/htab.h"
#include "esp/xfrm_spd.h"

struct tab_pol {
	struct hnode by_index;
	struct hnode by_pair;		/* of its selector */
	size_t at;			/* in xfrm_tab.pol */
	struct spd_policy p;
};

struct tab_sa {
	struct hnode by_id;		/* destination, SPI, protocol */
	struct hnode by_sel;		/* addresses of its selector */
	struct hnode by_pair;		/* its own addresses */
	size_t at;			/* in xfrm_tab.sa */
	struct spd_sa sa;
};

struct xfrm_tab {
	struct hash_key key;
	struct tab_pol **pol;
	size_t npol, pol_cap;
	struct tab_sa **sa;
	size_t nsa, sa_cap;
	struct htab *pol_by_index, *pol_by_pair;
	struct htab *sa_by_id, *sa_by_sel, *sa_by_pair;
	/* what tab_judge() has found; kept for the next time */
	const struct spd_policy **cand_pol;
	const struct spd_sa **cand_sa;
	size_t cand_pol_cap, cand_sa_cap;
};

void tab_init(struct xfrm_tab *t);
void tab_done(struct xfrm_tab *t);

/* A copy, in the place of what has the same index, or identity; false: there
 * is no room for more. */
bool tab_keep_policy(struct xfrm_tab *t, const struct spd_policy *p);
bool tab_keep_sa(struct xfrm_tab *t, const struct spd_sa *sa);
void tab_drop_policy(struct xfrm_tab *t, uint32_t index);
void tab_drop_sa(struct xfrm_tab *t, const struct spd_sa *gone);
void tab_clear_policies(struct xfrm_tab *t);
void tab_clear_sas(struct xfrm_tab *t);

/* NULL when there is none. */
struct spd_sa *tab_find_sa(const struct xfrm_tab *t,
    const struct in6_addr *dst, uint32_t spi, uint8_t proto);
/* The next SA of the flow behind `after`, NULL: the first; NULL: no more. */
const struct spd_sa *tab_next_sa(const struct xfrm_tab *t,
    const struct spd_flow *f, const struct spd_sa *after);
/* spd_judge() by all there is. */
struct spd_result tab_judge(struct xfrm_tab *t, const struct spd_flow *f);

/* Two addresses in that order. */
uint32_t tab_pair_hash(const struct hash_key *key, const struct in6_addr *a,
    const struct in6_addr *b);
/* Does the selector say exactly two addresses? */
bool tab_sel_is_pair(const struct spd_sel *s);

#endif

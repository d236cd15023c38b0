/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Look ahead: Binding Updates come many at a time, and what each reads is
 * anywhere in a memory that the processor's cache has no room for.  Before the
 * first of some is handled, all that they will read is asked for.
 *
 *   refresh              the entry, its profile
 *   handover             and the paths of its prefix and IPv4 address
 *   not in the cache     the profile, who has the prefix and the IPv4 address,
 *                        and their paths
 *
 * All here is a guess.  The processor waits for several lines at a time only
 * when they are asked for closely after one another: so everything is done in
 * rounds.
 */
#include "core/util.h"
#include "roles/ha/ha.h"

struct ahead {
	struct role *role;
	size_t n;
	struct ha_ahead node[MH_AHEAD];
	const struct in6_addr *src[MH_AHEAD];
	struct prefix ip4[MH_AHEAD];	/* asked for; family 0: none */
	/* What paths will be set for, and before them those that may be
	 * somebody else's. */
	const struct prefix *path[2 * MH_AHEAD];
	size_t npath;
};

static void
peek(struct ahead *a, const struct mh_pkt *pkts, size_t n)
{
	struct mh_peek p;

	for (size_t i = 0; i < n && a->n < MH_AHEAD; i++) {
		if (!mh_peek(pkts[i].data, pkts[i].len, &p))
			continue;
		a->node[a->n].nai = role_nai(a->role, p.nai, p.nai_len);
		a->src[a->n] = &pkts[i].src;
		a->ip4[a->n].family = 0;
		if (p.ip4.s_addr != INADDR_ANY)
			a->ip4[a->n] = prefix_host4(&p.ip4);
		a->n++;
	}
}

static void
add_path(struct ahead *a, const struct prefix *hnp, const struct prefix *ip4)
{
	a->path[a->npath++] = hnp;
	if (ip4->family != 0)
		a->path[a->npath++] = ip4;
}

/* Those whom the cache does not know. */
static void
ahead_strangers(struct ahead *a)
{
	struct policy *pol = a->role->env->policy;
	struct policy_nai v[MH_AHEAD];
	const struct prefix *ip4[MH_AHEAD];
	size_t n = 0;

	_Static_assert(MH_AHEAD <= POLICY_AHEAD, "all may be strangers");
	for (size_t i = 0; i < a->n; i++) {
		if (a->node[i].node != NULL)
			continue;
		v[n].nai = a->node[i].nai;
		ip4[n++] = &a->ip4[i];
	}
	if (n == 0 || pol->ops->ahead == NULL)
		return;
	pol->ops->ahead(pol, v, n);
	for (size_t i = 0; i < n; i++) {
		if (v[i].profile != NULL)
			add_path(a, &v[i].profile->home_prefix, ip4[i]);
	}
	ha_cache_ahead_claims(&CONTAINER_OF(a->role, struct ha, role)->cache,
	    a->path, a->npath);
}

static void
ahead_moved(struct ahead *a)
{
	for (size_t i = 0; i < a->n; i++) {
		const struct bce *b;

		if (a->node[i].node == NULL)
			continue;
		b = CONTAINER_OF(a->node[i].node, const struct bce, by_nai);
		if (!in6_eq(&b->coa, a->src[i]))
			add_path(a, &b->hnp, &a->ip4[i]);
	}
}

void
ha_look_ahead(struct role *r, const struct mh_pkt *pkts, size_t n)
{
	struct dp *dp = r->env->dp;
	struct ahead a;

	a.role = r;
	a.n = a.npath = 0;
	peek(&a, pkts, n);
	ha_cache_ahead(&CONTAINER_OF(r, struct ha, role)->cache, a.node, a.n);
	ahead_strangers(&a);
	ahead_moved(&a);
	if (a.npath > 0 && dp->ops->path_ahead != NULL)
		dp->ops->path_ahead(dp, a.path, a.npath);
}

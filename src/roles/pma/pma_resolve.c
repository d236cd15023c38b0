/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where is it?  The kernel has packets for a node and does not know its MAC
 * address; before it asks the link it asks us (sysctl app_solicit).  After a
 * handover we know better than the node does: the packets may come before it
 * has its address, and the solicitation that it cannot answer is repeated only
 * after retrans_time.
 *
 * Only for a node that was heard lately.  Of another one nobody knows whether
 * it is there, and senders shall learn (ICMPv6) when it is not.
 *
 * What we do not know costs a retrans_time as well before the kernel solicits.
 * So we do that in its place: the node's answer reaches the kernel, too.  (Of a
 * visitor that is all but its link-local address: the prefix is the place's.)
 */
#include "core/util.h"
#include "roles/pma/pma.h"

/* For so long packets go to a neighbour for whose presence others vouch
 * (DELAY_FIRST_PROBE_TIME, RFC 4861 10). */
#define LATELY (5 * USEC_PER_SEC)

/* Whoever tries all addresses of a prefix shall not keep us busy. */
#define RESOLVE_BURST 10000
#define RESOLVE_PER_SEC 5000

/* The node of that link whose address it is. NULL: nobody's that we know. */
static const struct bule *
whose(const struct pma_access *a, const struct pma *p,
    const struct in6_addr *addr)
{
	const struct bule *b = in6_is_linklocal(addr) ?
	    list_by_lla(p, a->lif.ifindex, addr) : list_by_addr(p, addr);

	return b != NULL && b->access == a ? b : NULL;
}

/* Known to be there as of lately, and nothing has spoken against it since? */
static bool
is_here(const struct bule *b)
{
	return (b->state != BUL_DEREG || b->stays) && !b->gone &&
	    b->probes == 0 && !mac_is_zero(&b->mac) &&
	    pma_now(b->pma) - b->heard < LATELY;
}

static void
solicit(struct pma *p, const struct pma_access *a, const struct in6_addr *addr)
{
	struct env *e = p->role.env;
	const struct link_if *lif = &a->lif;
	struct in6_addr group;
	uint8_t pkt[ND_PKT_MAX];
	int len;

	if (lif->p2p || in6_is_zero(&lif->linklocal))
		return;			/* the kernel will see to it */
	nd_solicited_node(addr, &group);
	len = nd_build_ns(&lif->linklocal, &group, addr, &lif->mac, pkt,
	    sizeof(pkt));
	if (len > 0 && e->link->ops->send(e->link, lif, NULL, pkt,
	    (size_t)len) == 0)
		stat_inc(&p->st, PMA_ST_SOLICITED);
}

void
resolve_init(struct pma *p)
{
	ratelimit_init(&p->rl_resolve, RESOLVE_BURST, RESOLVE_PER_SEC);
}

bool
resolve_addr(struct role *r, uint32_t ifindex, const struct in6_addr *addr,
    struct mac *ret)
{
	struct pma *p = pma_of(r);
	const struct pma_access *a = access_find(p, ifindex);
	const struct bule *b;

	if (a == NULL)
		return false;
	if (!ratelimit_pass(&p->rl_resolve, pma_now(p), NULL)) {
		stat_inc(&p->st, PMA_ST_RESOLVE_LIMITED);
		return false;
	}
	b = whose(a, p, addr);
	if (b == NULL || !is_here(b)) {
		solicit(p, a, addr);
		return false;
	}
	log_debug(r->env->log, r->ops->name, "neighbour-told",
	    KV_STR("nai", b->nai), KV_IN6("addr", addr),
	    KV_MAC("mac", &b->mac));
	*ret = b->mac;
	return true;
}

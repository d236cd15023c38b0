/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Is the node still there?  Silence is no evidence; an unanswered question is
 * (RFC 4861 7.3): unicast Neighbour Solicitations to an address of its,
 * probe-tries of them, probe-interval apart.  Any packet of the node counts as
 * an answer.
 */
#include "core/util.h"
#include "roles/pma/pma.h"

/*
 * Where to ask: its link-local address; or one in its home prefix (any one,
 * before the profile is known); or the link-local address that its MAC address
 * makes, since a node that is there and has never sent a packet with another
 * one can have no other.  False on a point-to-point link without any of them.
 */
static bool
whom(const struct bule *b, struct in6_addr *ret)
{
	struct prefix addr;

	*ret = b->lla;
	if (!in6_is_zero(&b->lla))
		return true;
	if (b->rare != NULL)
		*ret = b->rare->addr;
	prefix_from_in6(&addr, ret, 128);
	if (!in6_is_zero(ret) &&
	    (b->hnp.family == 0 || prefix_covers(&b->hnp, &addr)))
		return true;
	in6_linklocal_of_mac(&b->mac, ret);
	return !mac_is_zero(&b->mac);
}

static void
ask(struct bule *b)
{
	struct env *e = b->pma->role.env;
	const struct link_if *lif = &b->access->lif;
	struct in6_addr target;
	uint8_t pkt[ND_PKT_MAX];
	int len;

	(void)whom(b, &target);
	len = nd_build_ns(&lif->linklocal, &target, &target, lif->p2p ?
	    NULL : &lif->mac, pkt, sizeof(pkt));
	stat_inc(&b->pma->st, PMA_ST_PROBE);
	if (len > 0)
		(void)e->link->ops->send(e->link, lif,
		    b->access->p2p ? NULL : &b->mac, pkt, (size_t)len);
	timer_arm(e->wheel, &b->t_probe, b->pma->conf->probe_interval_us);
}

bool
probe_start(struct bule *b)
{
	struct in6_addr target;

	if (b->access == NULL || !whom(b, &target) ||
	    in6_is_zero(&b->access->lif.linklocal))
		return false;
	if (b->probes > 0)
		return true;
	b->probes = (uint8_t)MIN_OF(MAX_OF(b->pma->conf->probe_tries, 1),
	    UINT8_MAX);
	ask(b);
	return true;
}

void
probe_stop(struct bule *b)
{
	b->probes = 0;
	timer_cancel(b->pma->role.env->wheel, &b->t_probe);
}

void
probe_timer(struct timer *t)
{
	struct bule *b = CONTAINER_OF(t, struct bule, t_probe);

	if (b->probes == 0)
		return;
	if (--b->probes > 0 && b->access != NULL)
		ask(b);
	else
		fsm_probe_failed(b);
}

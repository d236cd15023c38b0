/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ARP on shared links, for nodes whose IPv4 is in service (draft 6.5).
 *
 * We have no address in a node's home subnet, yet everything the node sends
 * goes through us.  So we answer for its default router, and for the other
 * addresses of its subnet, which the node takes for neighbours (PROTOCOL 7.7):
 * never for its own, and a probe (RFC 5227: "may I use that?") only when it is
 * for the router's address.
 *
 * When a node arrives it may still send to the router before us; it is told
 * where its default router is now, twice, as a request and as a reply.
 *
 * Implements: D6.5-3 to -5, RFC 5227 2.3.
 */
#include <netinet/if_ether.h>
#include <netinet/in.h>

#include "core/util.h"
#include "nd/arp.h"
#include "roles/pma/pma.h"

/* What one node can make us send. */
#define ARP_BURST 10
#define ARP_PER_SEC 5

static struct wheel *
wheel_of(const struct bule *b)
{
	return b->pma->role.env->wheel;
}

void
pma_arp_init(struct bul_more *m)
{
	timer_init(&m->t_arp, pma_arp_timer);
	ratelimit_init(&m->rl_arp, ARP_BURST, ARP_PER_SEC);
}

/* To the node alone. */
static void
transmit(struct bule *b, const struct arp_msg *m, enum pma_counter counter)
{
	struct pma *p = b->pma;
	struct link_io *io = p->role.env->link;
	uint8_t pkt[ARP_PKT_LEN];
	int len, r;

	if (!ratelimit_pass(&b->more->rl_arp, pma_now(p), NULL)) {
		stat_inc(&p->st, PMA_ST_ARP_LIMITED);
		return;
	}
	len = arp_build(m, pkt, sizeof(pkt));
	r = len < 0 ? len : io->ops->send_frame(io, &b->access->lif, &b->mac,
	    ETHERTYPE_ARP, pkt, (size_t)len);
	stat_inc(&p->st, r < 0 ? PMA_ST_ARP_FAILED : counter);
}

/* --- answers ------------------------------------------------------------- */

/* Is that ours to answer? */
static bool
is_ours(const struct bule *b, const struct arp_msg *q)
{
	const struct bul_more *m = b->more;
	struct prefix target;

	if (arp_is_probe(q))
		return q->tpa.s_addr == m->gw4.s_addr;
	if (q->tpa.s_addr == m->gw4.s_addr)
		return true;
	target = prefix_host4(&q->tpa);
	return q->spa.s_addr == m->reg4.s_addr &&
	    q->tpa.s_addr != m->reg4.s_addr &&
	    q->tpa.s_addr != m->hoa4.s_addr &&
	    prefix_covers(&m->subnet4, &target);
}

void
pma_arp_received(struct role *r, const struct link_if *lif,
    const struct mac *src, const struct arp_msg *q)
{
	struct pma *p = pma_of(r);
	struct bule *b = list_by_mac(p, lif->ifindex, src);
	struct arp_msg a;

	if (b == NULL)
		return;
	fsm_alive(b);
	if (q->op != ARP_REQUEST || !mac_eq(&q->sha, src) ||
	    !path_ready(b, AF_INET))
		return;
	stat_inc(&p->st, PMA_ST_ARP_ASKED);
	if (!is_ours(b, q))
		return;
	arp_reply_to(q, &lif->mac, &a);
	transmit(b, &a, PMA_ST_ARP_ANSWERED);
}

/* --- announcements ------------------------------------------------------- */

static void
announce(struct bule *b)
{
	static const uint16_t forms[] = { ARP_REQUEST, ARP_REPLY };
	struct arp_msg a;

	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		arp_announce(forms[i], &b->more->gw4,
		    &b->access->lif.mac, &a);
		transmit(b, &a, PMA_ST_ARP_ANNOUNCED);
	}
	if (--b->more->garps > 0)
		timer_arm(wheel_of(b), &b->more->t_arp,
		    ARP_ANNOUNCE_INTERVAL_US);
}

void
pma_arp_announce(struct bule *b)
{
	b->more->announce4 = false;
	if (b->access == NULL || b->access->lif.p2p ||
	    !path_ready(b, AF_INET))
		return;
	b->more->garps = ARP_ANNOUNCE_NUM;
	announce(b);
}

void
pma_arp_timer(struct timer *t)
{
	struct bule *b = CONTAINER_OF(t, struct bul_more, t_arp)->b;

	if (path_ready(b, AF_INET))
		announce(b);
}

void
pma_arp_stop(struct bule *b)
{
	timer_cancel(wheel_of(b), &b->more->t_arp);
}

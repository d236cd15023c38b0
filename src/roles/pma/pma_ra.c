/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Router Advertisements to one mobile node (draft 6.3, 6.10; PROTOCOL 7.2):
 * its home prefix and how to get an address in it; a short router lifetime, so
 * that a node that moves soon forgets us (7.3); the tunnel's MTU.
 *
 *              Per-MN-Prefix, visitor   Shared-Prefix  waiting for DHCP
 *              slaac   dhcp    both
 *   M O        0 conf  1 1     1 1      1 1            1 1
 *   prefix     L A     L       L A      neither        none
 *   router     yes     yes     yes      yes            lifetime 0
 *
 * On a shared link the frame goes to the node's MAC address alone and the IPv6
 * destination is ff02::1 (D6.3-7 to 9); on a point-to-point link it is an
 * ordinary multicast.  Being unicast at layer 2 they do not fall under the
 * rate limits of RFC 4861 for multicast ones: every solicitation is answered.
 */
#include "core/util.h"
#include "roles/pma/pma.h"

#define ROUTER_LIFETIME_MAX 9000	/* RFC 4861 6.2.1 */
#define IPV6_MTU_MIN 1280
#define MIN_DELAY_BETWEEN_RAS (3 * USEC_PER_SEC)	/* RFC 4861 10 */

/*
 * The pauses after the first advertisements to a node that did not solicit:
 * MAX_INITIAL_RTR_ADVERTISEMENTS (RFC 4861 6.2.4, 10) of them in all.  A link
 * that has only just come up loses what is sent first: a device whose queue
 * the kernel has not put in place yet drops it and reports no error.  That
 * lasts for milliseconds, a node's start for a second or two, so the pauses are
 * short and grow.  MAX_INITIAL_RTR_ADVERT_INTERVAL (16 s) is but their upper
 * limit, and MIN_DELAY_BETWEEN_RAS spares those whom multicast would wake.
 */
static const usec_t initial_pause[] = { 1 * USEC_PER_SEC, 3 * USEC_PER_SEC };

static uint32_t
seconds(int64_t us)
{
	return (uint32_t)MIN_OF(us / USEC_PER_SEC, (int64_t)UINT32_MAX);
}

/* What link and tunnel both carry; never below what IPv6 needs. */
static uint32_t
mtu_of(const struct bule *b)
{
	uint32_t mtu = b->access->lif.mtu;

	if (b->tunnel != NULL && !b->visitor &&
	    (mtu == 0 || b->tunnel->mtu < mtu))
		mtu = b->tunnel->mtu;
	return MAX_OF(mtu, IPV6_MTU_MIN);
}

/* May it make an address in the prefix itself, and find others there? */
static bool
is_open(const struct bule *b)
{
	return b->per_mn_prefix || b->visitor;
}

/* M and O: what the model permits (D6.1-3 to -6). */
static void
put_flags(const struct bule *b, struct nd_ra *ra)
{
	bool dhcp = !is_open(b) || b->addr_config != ADDRCONF_SLAAC;

	ra->managed = dhcp;
	ra->other = dhcp || b->pma->conf->ra.other;
}

static void
put_prefix(const struct bule *b, struct nd_ra *ra)
{
	bool open = is_open(b);

	ra->npio = 1;
	ra->pio[0].prefix = b->hnp;
	/* A27: the others of a shared prefix are elsewhere */
	ra->pio[0].onlink = open;
	ra->pio[0].autonomous = open && b->addr_config != ADDRCONF_DHCP;
}

static struct nd_ra
contents(const struct bule *b, bool withdraw)
{
	const struct pma_conf *c = b->pma->conf;
	const struct link_if *lif = &b->access->lif;
	struct nd_ra ra = { .src = lif->linklocal, .dst = nd_all_nodes,
		.hop_limit = (uint8_t)c->ra.hop_limit };

	put_flags(b, &ra);
	put_prefix(b, &ra);
	if (!lif->p2p) {
		ra.has_lladdr = true;
		ra.lladdr = lif->mac;
	}
	if (withdraw)
		return ra;
	if (b->state == BUL_WAIT_DHCP) {
		/* it shall do DHCP; nothing is routed yet (D6.10-18) */
		ra.npio = 0;
		return ra;
	}
	ra.router_lifetime_s = (uint16_t)MIN_OF(seconds(
	    c->ra.router_lifetime_us), ROUTER_LIFETIME_MAX);
	ra.pio[0].valid_s = seconds(c->ra.valid_us);
	ra.pio[0].preferred_s = seconds(c->ra.preferred_us);
	ra.mtu = mtu_of(b);
	return ra;
}

/* To the node alone. 0 or -errno. */
static int
put_out(struct bule *b, const struct nd_ra *ra)
{
	struct env *e = b->pma->role.env;
	uint8_t pkt[ND_PKT_MAX];
	int len = nd_build_ra(ra, pkt, sizeof(pkt));

	return len < 0 ? len : e->link->ops->send(e->link, &b->access->lif,
	    b->access->p2p ? NULL : &b->mac, pkt, (size_t)len);
}

static int
transmit(struct bule *b, bool withdraw)
{
	struct env *e = b->pma->role.env;
	struct nd_ra ra = contents(b, withdraw);
	int r = put_out(b, &ra);

	if (r < 0) {
		stat_inc(&b->pma->st, PMA_ST_RA_FAILED);
		log_debug(e->log, b->pma->role.ops->name, "ra-failed",
		    KV_STR("nai", b->nai), KV_ERR(r));
		return r;
	}
	stat_inc(&b->pma->st, PMA_ST_RA);
	log_debug(e->log, b->pma->role.ops->name, "ra-sent",
	    KV_STR("nai", b->nai), KV_PREFIX("hnp", &b->hnp),
	    KV_U("router_lifetime_s", ra.router_lifetime_s));
	return 0;
}

/* --- the router before us (7.3) ------------------------------------------ */

void
ra_previous(struct bule *b, const struct mh_opts *o)
{
	struct bul_rare *r;

	/* Ours is what a refresh would bring back. */
	if (!(o->have & MHO_LINK_LOCAL) || !in6_is_linklocal(&o->link_local) ||
	    b->access == NULL ||
	    in6_eq(&o->link_local, &b->access->lif.linklocal))
		return;
	r = list_rare(b);
	if (r == NULL)
		return;
	r->prev_router = o->link_local;
	b->prev_left = (uint8_t)b->pma->conf->previous_ras;
	/* It was there and has come back unnoticed: to it we are new. */
	if (b->advertised)
		timer_arm(b->pma->role.env->wheel, &b->t_ra, 0);
}

/* D7.3-4, PROTOCOL 7.3: no prefix, no link-layer address, no lifetime. */
static void
withdraw_previous(struct bule *b)
{
	struct nd_ra ra = { .src = b->rare->prev_router, .dst = nd_all_nodes,
		.hop_limit = (uint8_t)b->pma->conf->ra.hop_limit };

	/* What it says besides is what we say: hosts take the last word. */
	put_flags(b, &ra);
	b->prev_left--;
	if (put_out(b, &ra) < 0)
		return;
	stat_inc(&b->pma->st, PMA_ST_PREVIOUS);
	log_debug(b->pma->role.env->log, b->pma->role.ops->name,
	    "previous-router-withdrawn", KV_STR("nai", b->nai),
	    KV_IN6("lla", &b->rare->prev_router));
}

void
ra_attached(struct bule *b, enum attach_source source)
{
	/* Who solicits does so until it hears us: RFC 4861 6.3.7. */
	b->initial_left = source == ATTACH_BY_RS ? 0 :
	    ARRAY_LEN(initial_pause);
}

/* From this advertisement to the next. */
static usec_t
pause_after(struct bule *b)
{
	const struct pma_conf *c = b->pma->conf;
	/* Before half of the router lifetime is over, whatever is set. */
	usec_t pause = MIN_OF(c->ra.interval_us,
	    MAX_OF(c->ra.router_lifetime_us / 2, USEC_PER_SEC));

	if (b->initial_left > 0) {
		size_t n = ARRAY_LEN(initial_pause) - b->initial_left--;

		pause = MIN_OF(pause, initial_pause[n]);
	}
	return pause;
}

void
ra_advertise(struct bule *b)
{
	struct wheel *w = b->pma->role.env->wheel;
	usec_t next;

	if (b->access == NULL)
		return;
	/* No link-local address yet (duplicate address detection): soon. */
	if (in6_is_zero(&b->access->lif.linklocal)) {
		timer_arm(w, &b->t_ra, USEC_PER_SEC);
		return;
	}
	next = pause_after(b);
	if (transmit(b, false) == 0) {
		b->advertised = b->state != BUL_WAIT_DHCP;
		/* It has a router now, and can do without the other. */
		if (b->prev_left > 0 && b->advertised)
			withdraw_previous(b);
		if (b->prev_left > 0)
			next = MIN_OF(next, MIN_DELAY_BETWEEN_RAS);
	}
	timer_arm(w, &b->t_ra, next);
}

void
ra_solicited(struct bule *b)
{
	b->initial_left = 0;
	/*
	 * Its registration first, if there is one: its packets wait for that,
	 * and the kernel may take an advertisement as far as the node's own
	 * configuration before send() returns.
	 */
	mh_io_flush(b->pma->role.env->mh);
	(void)ra_renew(b);	/* not now: it comes with the service */
}

bool
ra_renew(struct bule *b)
{
	if (b->state != BUL_WAIT_DHCP && !visitor_ready(b) &&
	    !(b->accepted && path_hosted(b, AF_INET6)))
		return false;
	ra_advertise(b);
	return true;
}

void
ra_withdraw(struct bule *b)
{
	timer_cancel(b->pma->role.env->wheel, &b->t_ra);
	b->prev_left = 0;
	if (!b->advertised)
		return;
	b->advertised = false;
	if (b->access != NULL && b->access->lif.up)
		(void)transmit(b, true);
}

void
ra_timer(struct timer *t)
{
	(void)ra_renew(CONTAINER_OF(t, struct bule, t_ra));
}

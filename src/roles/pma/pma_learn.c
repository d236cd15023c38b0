/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses that a node has beside its prefix, and how long (PROTOCOL 5.4).
 */
#include <netinet/in.h>

#include "core/util.h"
#include "roles/pma/pma.h"

static struct wheel *
wheel_of(const struct bule *b)
{
	return b->pma->role.env->wheel;
}

static void
lease(struct bule *b, struct timer *t, uint32_t seconds)
{
	if (seconds == LEASE_INFINITE)
		timer_cancel(wheel_of(b), t);
	else
		timer_arm(wheel_of(b), t, (usec_t)seconds * USEC_PER_SEC);
}

static void
outside(struct bule *b, const struct prefix *p)
{
	stat_inc(&b->pma->st, PMA_ST_HOA_OUTSIDE);
	log_warn(b->pma->role.env->log, b->pma->role.ops->name,
	    "address-outside", KV_STR("nai", b->nai), KV_PREFIX("addr", p));
}

void
fsm_learn_hoa(struct bule *b, const struct in6_addr *addr, uint32_t valid_s)
{
	struct bul_more *m;
	struct prefix host;

	prefix_from_in6(&host, addr, 128);
	if (b->hnp.family == 0 || !prefix_covers(&b->hnp, &host)) {
		outside(b, &host);
		return;
	}
	m = list_more(b);
	if (m == NULL || m->hoa_by == HOA_STATIC)
		return;
	m->hoa = *addr;
	m->hoa_by = HOA_DHCP;
	stat_inc(&b->pma->st, PMA_ST_LEARNT);
	lease(b, &m->t_hoa, valid_s);
}

void
fsm_forget_hoa(struct bule *b, const char *why)
{
	struct bul_more *m = b->more;

	(void)why;
	if (m == NULL || m->hoa_by == HOA_NONE || m->hoa_by == HOA_STATIC)
		return;
	timer_cancel(wheel_of(b), &m->t_hoa);
	m->hoa = in6addr_any;
	m->hoa_by = HOA_NONE;
	stat_inc(&b->pma->st, PMA_ST_FORGOTTEN);
}

void
fsm_learn_ip4(struct bule *b, const struct in_addr *hoa4, uint8_t plen,
    const struct in_addr *router, uint32_t lease_s)
{
	struct bul_more *m = b->more;
	struct prefix host;

	prefix_from_in4(&host, hoa4, 32);
	if (m == NULL || !prefix_covers(&m->subnet4, &host)) {
		outside(b, &host);
		return;
	}
	if (m->hoa4_by == HOA_STATIC)
		return;
	m->hoa4 = *hoa4;
	m->hoa4_by = HOA_DHCP;
	m->plen4 = plen != 0 ? plen : m->subnet4.len;
	m->gw4 = router->s_addr != INADDR_ANY ? *router : m->router4;
	stat_inc(&b->pma->st, PMA_ST_LEARNT);
	lease(b, &m->t_hoa4, lease_s);
}

void
fsm_forget_ip4(struct bule *b, const char *why)
{
	struct bul_more *m = b->more;

	(void)why;
	if (m == NULL || m->hoa4_by == HOA_NONE || m->hoa4_by == HOA_STATIC)
		return;
	timer_cancel(wheel_of(b), &m->t_hoa4);
	m->hoa4.s_addr = INADDR_ANY;
	m->hoa4_by = HOA_NONE;
	stat_inc(&b->pma->st, PMA_ST_FORGOTTEN);
}

enum dhcp_gate
fsm_dhcp_gate(const struct bule *b, int family)
{
	if (b->gone || (family == AF_INET && (b->more == NULL ||
	    b->more->subnet4.family == 0)))
		return DHCP_DROP;
	switch ((enum bul_state)b->state) {
	case BUL_ACTIVE:
	case BUL_REREG:
	case BUL_WAIT_DHCP:
		return DHCP_RELAY;
	case BUL_PROFILE:
	case BUL_REG:
		return DHCP_HOLD;
	default:
		return DHCP_DROP;
	}
}

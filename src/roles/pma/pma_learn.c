/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The addresses of a node that are not simply those of its prefix: where each
 * comes from, how long it lasts, what follows from it (PROTOCOL 5.4).
 *
 *                 Shared-Prefix            Per-MN-Prefix        IPv4
 *   static        profile                  -                    profile
 *   by DHCP       fsm_learn_hoa()          the same             fsm_learn_ip4()
 *   from the HA   PBA to a PBU without     -                    PBA to a PBU
 *                 option (D6.10-15)                             with 0.0.0.0
 *   new           PBU with HoA/128         PBU with HoA/128     PBU with it
 *                                          (report-address)
 *   gone          de-registration, then    prefix stays         PBU without
 *                 WAIT_DHCP
 *
 * What the home agent tells has no lease that we know of: it lasts as long as
 * the entry, or until DHCP says something of it.
 *
 * Implements: draft 6.8 (learning), 6.10 (which address goes into a PBU).
 */
#include <netinet/in.h>

#include "core/util.h"
#include "roles/pma/pma.h"

/* Timers reach 49 days. */
#define LEASE_TIMER_MAX_S (40 * 86400)
#define LOG(b) ((b)->pma->role.env->log)
#define MOD(b) ((b)->pma->role.ops->name)

static struct wheel *
wheel_of(const struct bule *b)
{
	return b->pma->role.env->wheel;
}

static void
learnt(struct bule *b, const struct prefix *addr, uint32_t lease_s)
{
	stat_inc(&b->pma->st, PMA_ST_LEARNT);
	if (lease_s == LEASE_INFINITE)
		role_event(&b->pma->role, "address-learnt",
		    KV_STR("nai", b->nai), KV_PREFIX("addr", addr));
	else
		role_event(&b->pma->role, "address-learnt",
		    KV_STR("nai", b->nai), KV_PREFIX("addr", addr),
		    KV_U("lease_s", lease_s));
}

static void
forgotten(struct bule *b, const struct prefix *addr, const char *why)
{
	stat_inc(&b->pma->st, PMA_ST_FORGOTTEN);
	role_event(&b->pma->role, "address-forgotten", KV_STR("nai", b->nai),
	    KV_PREFIX("addr", addr), KV_STR("why", why));
}

/* A server's mistake, or somebody's who plays one. */
static void
unusable(struct bule *b, const struct prefix *addr)
{
	struct pma *p = b->pma;

	stat_inc(&p->st, PMA_ST_HOA_OUTSIDE);
	if (ratelimit_pass(&p->rl_unknown, pma_now(p), NULL))
		log_warn(LOG(b), MOD(b), "address-outside",
		    KV_STR("nai", b->nai), KV_PREFIX("addr", addr));
}

static void
set_lease(struct bule *b, struct lease *l, uint32_t seconds)
{
	uint32_t now = MIN_OF(seconds, LEASE_TIMER_MAX_S);

	l->rest_s = seconds - now;
	if (seconds == LEASE_INFINITE)
		timer_cancel(wheel_of(b), &l->timer);
	else
		timer_arm(wheel_of(b), &l->timer, (usec_t)now * USEC_PER_SEC);
}

/* Its timer fired. Is that the end of it? */
static bool
is_over(struct bule *b, struct lease *l)
{
	if (l->rest_s == 0)
		return true;
	set_lease(b, l, l->rest_s);
	return false;
}

usec_t
learn_lease_left(const struct bule *b, const struct lease *l)
{
	usec_t left = timer_left(wheel_of(b), &l->timer);

	return left < 0 ? left : left + (usec_t)l->rest_s * USEC_PER_SEC;
}

/* --- IPv6 ---------------------------------------------------------------- */

static void
set_hoa(struct bule *b, const struct in6_addr *addr, enum hoa_source by)
{
	b->more->hoa = *addr;
	b->more->hoa_by = (uint8_t)by;
	timer_cancel(wheel_of(b), &b->more->lease.timer);
	list_reindex(b);
}

bool
learn_home(const struct bule *b, struct prefix *ret)
{
	const struct bul_more *m = b->more;

	if (b->per_mn_prefix)
		*ret = b->hnp;
	else if (m != NULL && m->hoa_by != HOA_NONE)
		prefix_from_in6(ret, &m->hoa, 128);
	else
		return false;
	return true;
}

bool
learn_from_ha(struct bule *b, const struct mh_opts *o)
{
	for (unsigned i = 0; i < o->nhnp; i++) {
		if (o->hnp[i].len != 128)
			continue;
		set_hoa(b, &o->hnp[i].in6, HOA_BY_HA);
		b->more->told6 = b->more->hoa;
		learnt(b, &o->hnp[i], LEASE_INFINITE);
		return true;
	}
	return false;
}

void
fsm_learn_hoa(struct bule *b, const struct in6_addr *addr, uint32_t valid_s)
{
	struct bul_more *m;
	struct prefix host;
	bool news;

	prefix_from_in6(&host, addr, 128);
	if (b->hnp.family == 0 || !prefix_covers(&b->hnp, &host)) {
		unusable(b, &host);
		return;
	}
	m = list_more(b);
	if (m == NULL || m->hoa_by == HOA_STATIC)
		return;
	news = m->hoa_by == HOA_NONE || !in6_eq(&m->hoa, addr);
	set_hoa(b, addr, HOA_DHCP);
	set_lease(b, &m->lease, valid_s);
	if (!news)
		return;
	learnt(b, &host, valid_s);
	if (!b->per_mn_prefix || b->pma->conf->report_address)
		fsm_reregister(b);
}

void
fsm_forget_hoa(struct bule *b, const char *why)
{
	struct bul_more *m = b->more;
	struct prefix host;

	if (m == NULL || m->hoa_by == HOA_NONE || m->hoa_by == HOA_STATIC)
		return;
	prefix_from_in6(&host, &m->hoa, 128);
	set_hoa(b, &in6addr_any, HOA_NONE);
	forgotten(b, &host, why);
	if (!b->per_mn_prefix)
		fsm_home_lost(b);
}

void
learn_hoa_expired(struct timer *t)
{
	struct bul_more *m = CONTAINER_OF(t, struct bul_more, lease.timer);

	if (is_over(m->b, &m->lease))
		fsm_forget_hoa(m->b, "expired");
}

/* --- IPv4 ---------------------------------------------------------------- */

static void
set_hoa4(struct bule *b, const struct in_addr *addr, uint8_t plen,
    enum hoa_source by)
{
	struct bul_more *m = b->more;

	m->hoa4 = *addr;
	m->hoa4_by = (uint8_t)by;
	m->plen4 = plen > 0 && plen <= 32 ? plen : m->subnet4.len;
	m->pause4 = false;
	timer_cancel(wheel_of(b), &m->lease4.timer);
}

/* The router that the node was told, if it can be that; else the subnet's. */
static void
set_gw4(struct bul_more *m, const struct in_addr *router)
{
	struct prefix p = prefix_host4(router);

	m->gw4 = prefix_covers(&m->subnet4, &p) ? *router : m->router4;
}

static bool
usable4(const struct bul_more *m, const struct in_addr *addr)
{
	struct prefix p = prefix_host4(addr);

	return prefix_covers(&m->subnet4, &p) && in4_is_host(addr) &&
	    addr->s_addr != m->router4.s_addr;
}

bool
learn_ip4_from_ha(struct bule *b, const struct mh_ip4 *v,
    const struct in_addr *router)
{
	struct prefix host = prefix_host4(&v->addr);

	if (!usable4(b->more, &v->addr))
		return false;
	set_hoa4(b, &v->addr, v->plen, HOA_BY_HA);
	set_gw4(b->more, router);
	learnt(b, &host, LEASE_INFINITE);
	return true;
}

void
fsm_learn_ip4(struct bule *b, const struct in_addr *hoa4, uint8_t plen,
    const struct in_addr *router, uint32_t lease_s)
{
	struct bul_more *m = b->more;
	struct prefix host = prefix_host4(hoa4);
	struct in_addr gw;
	bool news;

	if (m == NULL || m->subnet4.family == 0 || !usable4(m, hoa4)) {
		unusable(b, &host);
		return;
	}
	if (m->hoa4_by == HOA_STATIC)
		return;
	gw = m->gw4;
	news = m->hoa4.s_addr != hoa4->s_addr;
	set_hoa4(b, hoa4, plen, HOA_DHCP);
	set_lease(b, &m->lease4, lease_s);
	set_gw4(m, router);
	if (news)
		learnt(b, &host, lease_s);
	if (news)
		fsm_reregister(b);
	else if (gw.s_addr != m->gw4.s_addr)
		pma_arp_announce(b);
}

void
fsm_forget_ip4(struct bule *b, const char *why)
{
	struct bul_more *m = b->more;
	struct prefix host;

	if (m == NULL || m->hoa4_by == HOA_NONE || m->hoa4_by == HOA_STATIC)
		return;
	host = prefix_host4(&m->hoa4);
	learn_no_ip4(b);
	forgotten(b, &host, why);
	fsm_reregister(b);
}

void
learn_no_ip4(struct bule *b)
{
	static const struct in_addr none;

	set_hoa4(b, &none, 0, HOA_NONE);
	b->more->gw4 = b->more->router4;
	ip4_stop(b);
}

void
learn_nothing(struct bule *b)
{
	set_hoa(b, &in6addr_any, HOA_NONE);
	learn_no_ip4(b);
}

void
learn_hoa4_expired(struct timer *t)
{
	struct bul_more *m = CONTAINER_OF(t, struct bul_more, lease4.timer);

	if (is_over(m->b, &m->lease4))
		fsm_forget_ip4(m->b, "expired");
}

/* --- the profile --------------------------------------------------------- */

static bool
has_more(const struct profile *prof)
{
	return prof->model == MODEL_SHARED_PREFIX || prof->ip4.at.line > 0;
}

/* What was learnt under another profile may not fit this one. */
static void
take_home(struct bule *b, const struct profile *prof)
{
	struct bul_more *m = b->more;
	struct prefix host;

	m->static6 = prof->home_address;
	prefix_from_in6(&host, &m->hoa, 128);
	if (!in6_is_zero(&m->static6))
		set_hoa(b, &m->static6, HOA_STATIC);
	else if (m->hoa_by == HOA_STATIC || (m->hoa_by != HOA_NONE &&
	    !prefix_covers(&prof->home_prefix, &host)))
		set_hoa(b, &in6addr_any, HOA_NONE);
}

static void
take_ip4(struct bule *b, const struct profile_ip4 *own)
{
	struct bul_more *m = b->more;

	m->subnet4 = own->home_subnet;
	m->router4 = own->router;
	m->static4 = own->home_address;
	if (own->at.line == 0) {
		m->subnet4.family = 0;
		learn_no_ip4(b);
	} else if (m->static4.s_addr != INADDR_ANY) {
		set_hoa4(b, &m->static4, 0, HOA_STATIC);
		m->gw4 = m->router4;
	} else if (m->hoa4_by == HOA_STATIC || !usable4(m, &m->hoa4)) {
		learn_no_ip4(b);
	} else {
		set_gw4(m, &m->gw4);
	}
}

bool
learn_profile(struct bule *b, const struct profile *prof)
{
	if (has_more(prof) && list_more(b) == NULL)
		return false;
	if (b->more == NULL)
		return true;
	take_home(b, prof);
	take_ip4(b, &prof->ip4);
	/* what another router learnt the home agent may know */
	b->more->ask4 = b->more->hoa4_by == HOA_NONE &&
	    b->more->subnet4.family != 0;
	return true;
}

bool
learn_ip4_changed(struct bule *b, const struct profile *prof)
{
	const struct profile_ip4 *own = &prof->ip4;
	const struct bul_more *m = b->more;
	bool had = m != NULL && m->subnet4.family != 0;

	if (!had && own->at.line == 0)
		return false;
	if (had && own->at.line > 0 &&
	    prefix_eq(&m->subnet4, &own->home_subnet) &&
	    m->router4.s_addr == own->router.s_addr &&
	    m->static4.s_addr == own->home_address.s_addr)
		return false;
	if (list_more(b) == NULL)
		return false;
	take_ip4(b, own);
	b->more->announce4 = true;
	return true;
}

/* --- the gate ------------------------------------------------------------ */

enum dhcp_gate
fsm_dhcp_gate(const struct bule *b, int family)
{
	/* before it has a profile nobody knows whether it may have IPv4 */
	bool known = b->state != BUL_IDLE && b->state != BUL_PROFILE;

	if (b->gone || (family == AF_INET && known && (b->more == NULL ||
	    b->more->subnet4.family == 0)))
		return DHCP_DROP;
	switch ((enum bul_state)b->state) {
	case BUL_ACTIVE:
	case BUL_REREG:
	case BUL_WAIT_DHCP:
	case BUL_VISITOR:
		return DHCP_RELAY;
	case BUL_IDLE:			/* it is being asked whether it is
					 * there */
	case BUL_PROFILE:
	case BUL_REG:
		return DHCP_HOLD;
	case BUL_DEREG:
		return b->stays ? DHCP_HOLD : DHCP_DROP;
	default:
		return DHCP_DROP;
	}
}

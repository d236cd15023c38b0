/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The IPv4 home address in the signalling, and its path.
 *
 * Every PBU names the address while one is known (draft 6.10), in option 29 or
 * 36 (A5).  The first one at this router asks with 0.0.0.0 instead when none
 * is: a node that moved with a lease need not do DHCP again.  A PBU without
 * the option takes IPv4 from the node.
 *
 * A refusal, told in the option that answers (30; 37 and 38), is about IPv4
 * only.  So is that of our own data plane: then a PBU without the option
 * follows at once, for traffic that we cannot carry shall not come here, and
 * the next refresh tries again.
 *
 * Implements: draft 5.6, 6.7 (IPv4), D6.11-5 to -7; RFC 5555 3.2, RFC 5844 3.3.
 */
#include <netinet/in.h>

#include "core/util.h"
#include "roles/pma/pma.h"

#define STATUS_REFUSED 128	/* and above (RFC 5555 3.2.1) */

void
ip4_put(struct bule *b, struct mh_opts *o)
{
	struct bul_more *m = b->more;
	struct mh_ip4 v = { 0 };

	if (m == NULL)
		return;
	m->asked4 = m->subnet4.family != 0 && !m->pause4 &&
	    (m->hoa4_by != HOA_NONE || m->ask4);
	if (!m->asked4)
		return;
	v.addr = m->hoa4;
	v.plen = m->hoa4_by != HOA_NONE ? m->plen4 : m->subnet4.len;
	if (b->pma->conf->ip4_option == IP4_OPTION_36) {
		o->have |= MHO_IP4_REQ;
		o->ip4_req = v;
	} else {
		o->have |= MHO_IP4_HOA;
		o->ip4_hoa = v;
	}
}

void
ip4_unregistered(struct bule *b)
{
	if (b->more == NULL)
		return;
	b->more->reg4.s_addr = INADDR_ANY;
	pma_arp_stop(b);
}

void
ip4_stop(struct bule *b)
{
	ip4_unregistered(b);
	path_unwant(b, AF_INET);
}

static void
refused(struct bule *b, const char *why, int status)
{
	struct bul_more *m = b->more;

	stat_inc(&b->pma->st, PMA_ST_IP4_REFUSED);
	/* once, not at each refresh */
	if (m->why4 != why || m->reg4.s_addr != INADDR_ANY)
		role_event(&b->pma->role, "ip4-refused",
		    KV_STR("nai", b->nai), KV_IN4("hoa4", &m->hoa4),
		    KV_STR("why", why), KV_I("status", status));
	m->why4 = why;
	ip4_stop(b);
}

/* The home agent has said yes to m->hoa4. */
static void
granted(struct bule *b)
{
	struct bul_more *m = b->more;
	struct prefix p;
	int r;

	if (m->reg4.s_addr != m->hoa4.s_addr)
		role_event(&b->pma->role, "ip4-registered",
		    KV_STR("nai", b->nai), KV_IN4("hoa4", &m->hoa4),
		    KV_IN4("router", &m->gw4));
	m->reg4 = m->hoa4;
	m->why4 = NULL;
	p = prefix_host4(&m->hoa4);
	r = path_want(b, &p);
	if (r < 0)
		ip4_path_done(b, r);
	else if (m->announce4 && path_ready(b, AF_INET))
		pma_arp_announce(b);
}

void
ip4_native(struct bule *b)
{
	struct bul_more *m = b->more;

	/* paused: the data plane has refused that very address */
	if (m->hoa4_by == HOA_NONE)
		ip4_stop(b);
	else if (!m->pause4)
		granted(b);
}

/* An answer to a question with 0.0.0.0: does the home agent know one? */
static void
told(struct bule *b, const struct mh_ip4 *v, const struct in_addr *router)
{
	b->more->ask4 = false;
	if (v == NULL || v->status >= STATUS_REFUSED)
		return;			/* no: DHCP will tell */
	if (learn_ip4_from_ha(b, v, router))
		granted(b);
	else
		refused(b, "outside", v->status);
}

void
ip4_answered(struct bule *b, const struct mh_opts *o)
{
	const struct mh_ip4 *v = o->have & MHO_IP4_ACK ? &o->ip4_ack :
	    o->have & MHO_IP4_REPLY ? &o->ip4_reply : NULL;
	struct in_addr router = { INADDR_ANY };
	struct bul_more *m = b->more;

	if (m == NULL)
		return;
	if (o->have & MHO_IP4_ROUTER)
		router = o->ip4_router;
	if (!m->asked4) {
		m->pause4 = false;
		ip4_stop(b);
	} else if (m->hoa4_by == HOA_NONE) {
		told(b, v, &router);
	} else if (v == NULL) {
		refused(b, "no-answer", -1);
	} else if (v->status >= STATUS_REFUSED) {
		refused(b, "home-agent", v->status);
	} else if (v->addr.s_addr != m->hoa4.s_addr) {
		refused(b, "other-address", v->status);
	} else {
		granted(b);
	}
}

void
ip4_path_done(struct bule *b, int err)
{
	struct bul_more *m = b->more;

	if (err == 0) {
		if (path_ready(b, AF_INET))
			pma_arp_announce(b);
		return;
	}
	stat_inc(&b->pma->st, PMA_ST_KERNEL_REFUSED);
	log_err(b->pma->role.env->log, b->pma->role.ops->name,
	    "dataplane-refused", KV_STR("nai", b->nai),
	    KV_IN4("hoa4", &m->hoa4), KV_ERR(err));
	m->pause4 = true;
	m->why4 = "dataplane";
	ip4_stop(b);
	fsm_reregister(b);
}

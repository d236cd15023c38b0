/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signalling of one mobile node: Proxy Binding Updates out, their answers in.
 *
 * Every PBU, a retransmission too, has a fresh sequence number and a time stamp
 * later than any before it for that node (A26, PROTOCOL 2.8): two within one
 * tick of the clock differ by one.
 *
 * MAX_UPDATE_RATE (RFC 6275 section 12: three a second to one destination) is
 * kept per mobile node: what a host sends for itself, we send for each of our
 * nodes, and a thousand of them attach at once when the power comes back.
 */
#include <string.h>

#include "core/util.h"
#include "mh/status.h"
#include "roles/pma/pma.h"

uint32_t
pbu_lifetime(const struct bule *b)
{
	int64_t us = b->lifetime_us != 0 ? b->lifetime_us :
	    b->pma->conf->lifetime_us;
	int64_t units = us / (MH_LIFETIME_UNIT_S * USEC_PER_SEC);

	return (uint32_t)MIN_OF(MAX_OF(units, 1), 0xffff);
}

/* May one more leave in this second?  If not, *ret_wait is how long to wait. */
static bool
rate_ok(struct bule *b, usec_t *ret_wait)
{
	uint32_t max = b->pma->conf->max_update_rate;
	usec_t now = pma_now(b->pma);

	if (max == 0)
		return true;
	if (b->rate_n == 0 || now - b->rate_start >= USEC_PER_SEC) {
		b->rate_start = now;
		b->rate_n = 0;
	}
	if (b->rate_n >= MIN_OF(max, UINT8_MAX)) {
		*ret_wait = b->rate_start + USEC_PER_SEC - now;
		return false;
	}
	b->rate_n++;
	return true;
}

/*
 * The home network prefix option (D6.10-10 to -14): the prefix; or the address,
 * if one is the node's or worth telling; none when a shared prefix is all that
 * is known.  A de-registration names what was registered.
 */
static void
put_home(struct bule *b, bool deregister, struct mh_opts *o)
{
	struct bul_more *m = b->more;

	if (b->per_mn_prefix) {
		o->hnp[0] = b->hnp;
		if (m != NULL && m->hoa_by != HOA_NONE &&
		    b->pma->conf->report_address)
			prefix_from_in6(&o->hnp[0], &m->hoa, 128);
	} else if (m == NULL) {
		return;
	} else {
		if (!deregister)
			m->told6 = m->hoa;
		if (in6_is_zero(&m->told6))
			return;
		prefix_from_in6(&o->hnp[0], &m->told6, 128);
	}
	o->nhnp = 1;
	o->have |= MHO_HNP;
}

/* D7.3-5, A29: our address on the access link, for the router after us. */
static void
put_router(const struct bule *b, struct mh_opts *o)
{
	const struct pma *p = b->pma;

	if (!p->role.env->dialect->previous_router ||
	    p->conf->previous_ras == 0 || b->access == NULL ||
	    in6_is_zero(&b->access->lif.linklocal))
		return;
	o->have |= MHO_LINK_LOCAL;
	o->link_local = b->access->lif.linklocal;
}

/* Build and send one; draft 6.10, A16, A17. */
static void
transmit(struct bule *b, uint32_t lifetime_4s)
{
	struct pma *p = b->pma;
	struct env *e = p->role.env;
	const struct dialect *d = e->dialect;
	uint64_t ts = mh_ts_from_us(clock_wall_us(e->clock));
	struct mh_msg m;

	mh_msg_init(&m, MH_BU);
	b->ts = MAX_OF(ts, b->ts + 1);
	b->seq++;
	m.bu.seq = b->seq;
	m.bu.flags = d->bu_flags;
	m.bu.lifetime_4s = (uint16_t)lifetime_4s;
	m.o.have = MHO_MN_ID | MHO_TIMESTAMP;
	m.o.mn_id_subtype = 1;
	m.o.mn_id = b->nai;
	m.o.mn_id_len = b->nai_len;
	put_home(b, lifetime_4s == 0, &m.o);
	ip4_put(b, &m.o);
	m.o.timestamp = b->ts;
	if (d->alt_coa) {
		m.o.have |= MHO_ALT_COA;
		m.o.alt_coa = p->conf->address;
	}
	if (lifetime_4s > 0)
		put_router(b, &m.o);
	stat_inc(&p->st, PMA_ST_PBU);
	b->peer->sent++;
	b->signalled = true;
	log_debug(e->log, p->role.ops->name, "pbu-sent", KV_STR("nai", b->nai),
	    KV_IN6("ha", &b->peer->address), KV_U("seq", b->seq),
	    KV_U("lifetime_s", lifetime_4s * MH_LIFETIME_UNIT_S));
	/* A failure is counted there; the retransmission makes up for it. */
	(void)role_send_mh(e, &m, &p->conf->address, &b->peer->address);
}

void
pbu_send(struct bule *b, uint32_t lifetime_4s)
{
	struct wheel *w = b->pma->role.env->wheel;
	usec_t wait;

	if (!rate_ok(b, &wait)) {
		stat_inc(&b->pma->st, PMA_ST_RATE);
		b->awaiting = false;
		timer_arm(w, &b->t_signal, wait);
		return;
	}
	transmit(b, lifetime_4s);
	b->awaiting = true;
	timer_arm(w, &b->t_signal, b->timeout_us);
}

void
pbu_send_last(struct bule *b)
{
	transmit(b, 0);
}

/* The PBA's clock against ours; INT64_MAX when it has no time stamp. */
static int64_t
clock_skew(const struct pma *p, const struct mh_msg *m)
{
	if (!(m->o.have & MHO_TIMESTAMP))
		return INT64_MAX;
	return mh_ts_to_us(m->o.timestamp) -
	    clock_wall_us(p->role.env->clock);
}

/* The entry that waits for this very answer (A25), or NULL. */
static struct bule *
match(struct pma *p, const struct mh_pkt *pkt, const struct mh_msg *m)
{
	struct bule *b;

	if (!(m->o.have & MHO_MN_ID) || m->o.mn_id_len == 0 ||
	    m->o.mn_id_len > NAI_MAX ||
	    !in6_eq(&pkt->dst, &p->conf->address))
		return NULL;
	b = list_by_nai(p, m->o.mn_id, m->o.mn_id_len);
	if (b == NULL || !b->awaiting || b->peer == NULL ||
	    m->ba.seq != b->seq || !in6_eq(&pkt->src, &b->peer->address))
		return NULL;
	return b;
}

/*
 * An accepting answer must be about the prefix or address that was asked for
 * (A18, A19), or name one of the shared prefix when we asked for it; and it
 * echoes the time stamp (A24): numbers may repeat when an entry is made anew,
 * stamps do not.
 */
static bool
acceptance_fits(const struct bule *b, const struct mh_msg *m)
{
	struct prefix told = b->hnp;

	if (m->o.have & MHO_TIMESTAMP && m->o.timestamp != b->ts)
		return false;
	if (!b->per_mn_prefix && !in6_is_zero(&b->more->told6))
		prefix_from_in6(&told, &b->more->told6, 128);
	for (unsigned i = 0; i < m->o.nhnp; i++) {
		if (!prefix_covers(&told, &m->o.hnp[i]))
			return false;
	}
	return true;
}

void
pbu_on_ba(struct role *r, const struct mh_pkt *pkt, const struct mh_msg *m)
{
	struct pma *p = pma_of(r);
	struct bule *b = match(p, pkt, m);
	enum reaction react;

	stat_inc(&p->st, PMA_ST_PBA);
	if (b == NULL || (ba_is_success(m->ba.status) &&
	    !acceptance_fits(b, m))) {
		stat_inc(&p->st, PMA_ST_PBA_STRAY);
		log_debug(r->env->log, r->ops->name, "pba-stray",
		    KV_IN6("src", &pkt->src), KV_U("seq", m->ba.seq),
		    KV_U("status", m->ba.status));
		return;
	}
	b->awaiting = false;
	timer_cancel(r->env->wheel, &b->t_signal);
	react = r->env->dialect->react(m->ba.status, clock_skew(p, m),
	    p->conf->ts_window_us);
	if (react == REACT_ACCEPT && !(m->ba.flags & BA_P)) {
		/* D8.2-1: it took us for a mobile node */
		stat_inc(&p->st, PMA_ST_PBA_NO_P);
		react = REACT_STOP_PEER;
	}
	if (react == REACT_ACCEPT)
		b->peer->accepted++;
	else
		b->peer->refused++;
	fsm_pba(b, m, react);
}

void
pbu_on_be(struct role *r, const struct mh_pkt *pkt, const struct mh_msg *m)
{
	struct pma *p = pma_of(r);
	struct pma_peer *peer;

	/*
	 * Anybody can send one: it is told and counted, and retransmission
	 * goes on (PROTOCOL 10.7).
	 */
	stat_inc(&p->st, PMA_ST_BE);
	SLIST_FOREACH(peer, &p->peers, entry) {
		if (in6_eq(&peer->address, &pkt->src))
			break;
	}
	if (peer == NULL)
		return;
	peer->errors++;
	if (ratelimit_pass(&p->rl_clock, pma_now(p), NULL))
		log_warn(r->env->log, r->ops->name, "binding-error",
		    KV_IN6("ha", &peer->address), KV_U("status", m->be.status),
		    KV_STR("hint", "is it a home agent, with this service?"));
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Static keys in the kernel: SAs and policies with a reqid of our own, by which
 * the next run knows them.
 *
 * An SA that the kernel has with the same key is left alone, so that its
 * sequence numbers go on.  A new one starts behind what the owner has on
 * record: the kernel tells us every few thousand numbers, we tell the owner
 * XFRM_SEQ_AHEAD more than that, and what a crash of the machine hides is less
 * (RFC 4303 section 3.3.3: never the same number under the same key).
 */
#include "esp/xfrm_priv.h"

#include <errno.h>

#include <netinet/in.h>

#include "core/addr.h"
#include "core/util.h"
#include "esp/xfrm_put.h"

bool
xfrm_policy_is_ours(const struct spd_policy *p)
{
	return p->ntmpl == 1 && p->tmpl[0].reqid == XFRM_OUR_REQID;
}

bool
xfrm_sa_is_ours(const struct spd_sa *sa)
{
	return sa->reqid == XFRM_OUR_REQID && sa->proto == IPPROTO_ESP;
}

/* --- sequence numbers -------------------------------------------------- */

/* An address that is, or was until this reload, one of ours.  Another daemon's
 * static keys are left alone. */
static bool
is_local(const struct xfrm *x, const struct in6_addr *a)
{
	for (size_t i = 0; i < x->npeer; i++) {
		if (in6_eq(&x->peer[i].local, a))
			return true;
	}
	for (size_t i = 0; i < x->nold; i++) {
		if (in6_eq(&x->old[i].local, a))
			return true;
	}
	return false;
}

void
xfrm_tell_sequence(struct xfrm *x, const struct spd_sa *sa, uint64_t ahead)
{
	uint64_t last = sa->esn ? UINT64_MAX : ESP_SEQ32_LAST;
	uint64_t seq = sa->seq_in;

	if (x->a.sequence == NULL || !xfrm_sa_is_ours(sa))
		return;
	if (is_local(x, &sa->src))
		seq = sa->seq_out > last - ahead ? last : sa->seq_out + ahead;
	x->a.sequence(x->a.ctx, &sa->src, &sa->dst, sa->spi, seq);
}

/* --- in and out -------------------------------------------------------- */

/* One SA as configured: adopted, or put in. 0 or -errno. */
static int
place_sa(struct xfrm *x, const struct spd_flow *f,
    const struct xfrm_pair *pair, const struct xfrm_key *k)
{
	struct spd_sa sa;
	bool same;
	int r = xfrm_get_sa(x->nl, &f->dst, k->spi, k->key,
	    esp_key_len(pair->suite), &sa, &same);

	if (r == 0) {
		if (!xfrm_sa_is_ours(&sa))
			return -EEXIST;
		if (same && sa.esn == pair->esn && spd_sa_is_of(&sa, f)) {
			xfrm_tell_sequence(x, &sa, XFRM_SEQ_AHEAD);
			return 0;
		}
		r = xfrm_del_sa(x->nl, &f->dst, k->spi);
	}
	if (r < 0 && r != -ESRCH)
		return r;
	/* on record before the first packet can leave */
	sa = (struct spd_sa){ .src = f->src, .dst = f->dst, .spi = k->spi,
		.esn = pair->esn, .reqid = XFRM_OUR_REQID,
		.proto = IPPROTO_ESP, .seq_in = k->seq, .seq_out = k->seq };
	r = xfrm_put_sa(x->nl, f, pair, k);
	if (r == 0)
		xfrm_tell_sequence(x, &sa, XFRM_SEQ_AHEAD);
	return r;
}

int
xfrm_place_peer(struct xfrm *x, const struct xfrm_peer *c, const struct peer *p)
{
	const struct spd_flow out = xfrm_flow_of(p, SPD_OUT),
	    in = xfrm_flow_of(p, SPD_IN);
	int r = 0;

	for (size_t i = 0; i < c->npair && r == 0; i++) {
		r = place_sa(x, &in, &c->pair[i], &c->pair[i].in);
		if (r == 0)
			r = place_sa(x, &out, &c->pair[i], &c->pair[i].out);
	}
	if (r == 0)
		r = xfrm_put_policy(x->nl, &in, 0);
	if (r == 0)
		r = xfrm_put_policy(x->nl, &out, c->pair[0].out.spi);
	return r;
}

static bool
sa_is_wanted(const struct xfrm_peer *c, size_t n, const struct spd_sa *sa)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < c[i].npair; k++) {
			const struct xfrm_pair *q = &c[i].pair[k];

			if ((q->in.spi == sa->spi &&
			    in6_eq(&c[i].local, &sa->dst)) ||
			    (q->out.spi == sa->spi &&
			    in6_eq(&c[i].remote, &sa->dst)))
				return true;
		}
	}
	return false;
}

static bool
flow_is_wanted(const struct xfrm_peer *c, size_t n, const struct spd_flow *f)
{
	for (size_t i = 0; i < n; i++) {
		const struct peer p = { .local = c[i].local,
			.remote = c[i].remote };
		const struct spd_flow g = xfrm_flow_of(&p, f->dir);

		if (c[i].npair > 0 && in6_eq(&f->src, &g.src) &&
		    in6_eq(&f->dst, &g.dst))
			return true;
	}
	return false;
}

void
xfrm_tell_now(struct xfrm *x, const struct spd_sa *sa, uint64_t ahead)
{
	struct spd_sa now;
	bool same;

	if (xfrm_get_sa(x->nl, &sa->dst, sa->spi, NULL, 0, &now, &same) == 0)
		xfrm_tell_sequence(x, &now, ahead);
}

void
xfrm_sweep(struct xfrm *x, const struct xfrm_peer *c, size_t n)
{
	for (size_t i = 0; i < x->nsa; i++) {
		const struct spd_sa *sa = &x->sa[i];

		if (!xfrm_sa_is_ours(sa) || sa_is_wanted(c, n, sa) ||
		    (!is_local(x, &sa->src) && !is_local(x, &sa->dst)))
			continue;
		xfrm_tell_now(x, sa, 0);
		(void)xfrm_del_sa(x->nl, &sa->dst, sa->spi);
	}
	for (size_t i = 0; i < x->npol; i++) {
		const struct spd_policy *p = &x->pol[i];
		const struct spd_flow f = { .dir = p->dir,
			.src = p->sel.src, .dst = p->sel.dst };

		if (xfrm_policy_is_ours(p) && !flow_is_wanted(c, n, &f) &&
		    is_local(x, p->dir == SPD_OUT ? &f.src : &f.dst))
			(void)xfrm_del_policy(x->nl, &f);
	}
}

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

void
xfrm_tell_sequence(struct xfrm *x, const struct spd_sa *sa, uint64_t ahead)
{
	uint64_t last = sa->esn ? UINT64_MAX : ESP_SEQ32_LAST;
	uint64_t seq = sa->seq_in;

	if (x->a.sequence == NULL || !xfrm_sa_is_ours(sa))
		return;
	if (xfrm_is_own(x, &sa->src))
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

/* What the configuration has for those two addresses; NULL.  n 0: nothing. */
static const struct xfrm_peer *
wanted_of(const struct xfrm *x, const struct xfrm_peer *c, size_t n,
    const struct in6_addr *local, const struct in6_addr *remote)
{
	const struct peer *p = n > 0 ? xfrm_peer_find(x, local, remote) : NULL;

	return p != NULL ? &c[p - x->peer] : NULL;
}

static bool
sa_is_wanted(const struct xfrm *x, const struct xfrm_peer *c, size_t n,
    const struct spd_sa *sa)
{
	const struct xfrm_peer *in = wanted_of(x, c, n, &sa->dst, &sa->src),
	    *out = wanted_of(x, c, n, &sa->src, &sa->dst);

	for (size_t k = 0; in != NULL && k < in->npair; k++) {
		if (in->pair[k].in.spi == sa->spi)
			return true;
	}
	for (size_t k = 0; out != NULL && k < out->npair; k++) {
		if (out->pair[k].out.spi == sa->spi)
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
	for (size_t i = 0; i < x->tab.nsa; i++) {
		const struct spd_sa *sa = &x->tab.sa[i]->sa;

		if (!xfrm_sa_is_ours(sa) || sa_is_wanted(x, c, n, sa) ||
		    (!xfrm_is_own(x, &sa->src) && !xfrm_is_own(x, &sa->dst)))
			continue;
		xfrm_tell_now(x, sa, 0);
		(void)xfrm_del_sa(x->nl, &sa->dst, sa->spi);
	}
	for (size_t i = 0; i < x->tab.npol; i++) {
		const struct spd_policy *p = &x->tab.pol[i]->p;
		const struct spd_flow f = { .dir = p->dir,
			.src = p->sel.src, .dst = p->sel.dst };
		const struct xfrm_peer *w = f.dir == SPD_OUT ?
		    wanted_of(x, c, n, &f.src, &f.dst) :
		    wanted_of(x, c, n, &f.dst, &f.src);

		if (xfrm_policy_is_ours(p) && (w == NULL || w->npair == 0) &&
		    xfrm_is_own(x, p->dir == SPD_OUT ? &f.src : &f.dst))
			(void)xfrm_del_policy(x->nl, &f);
	}
}

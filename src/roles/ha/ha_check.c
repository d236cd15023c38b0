/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * May this Proxy Binding Update have its way?  An ordered chain of checks, one
 * function each; the first that objects names the refusal, and the dialect
 * turns that into a status (PROTOCOL 3.2).  No check changes anything: the law
 * is that nothing is created before the last one has passed.
 *
 *    #  check            refusal             status   rule
 *    1  enabled          proxy-disabled      145      draft 8.5
 *    2  nai              no-nai              128      5.9, A48
 *    3  known            unknown-mn          133      A7
 *                        resources           130      policy out of reach
 *    4  pma              pma                 146      5, 8.5
 *       coa              coa                 146      5, A16
 *       pma_for_mn       pma-for-mn          146      10
 *    5  entitled         not-entitled        129      A7
 *    6  ts_present       ts-missing          148      5.5, 8.4
 *       ts_window        ts-window           148      A23
 *       ts_restart       ts-restart          148      PROTOCOL 10.6
 *       ts_order         ts-order            148      A23
 *    (lifetime 0 leaves the chain here)
 *    9  hnp_present      no-hnp              147      5.9
 *   10  hnp_form         malformed           128      A20
 *       hnp_anchored     not-anchored        132      A7
 *       hnp_of_mn        not-mns-prefix      129      A50
 *       hnp_free         prefix-taken        134      6.4
 *       hnp_same         prefix-set          128      PROTOCOL 3.2
 *   11  limits           resources           130      10.3
 *
 * What an IPv4 option asks for comes after these (ha_ip4.c): it is refused in
 * the answer's option, never as a whole.
 *
 * Steps 0 and 7 are not here: what is ignored in silence, and the sequence
 * number, which nobody looks at (D5.5-3).
 */
#include <errno.h>
#include <string.h>

#include "core/util.h"
#include "roles/ha/ha.h"

typedef enum refusal check_fn(struct ha_check *c);

/* --- 1, 2 -------------------------------------------------------------- */

static enum refusal
check_enabled(struct ha_check *c)
{
	return c->ha->conf->proxy_registration ? REFUSE_NONE :
	    REFUSE_PROXY_DISABLED;
}

static enum refusal
check_nai(struct ha_check *c)
{
	return c->req->nai_len > 0 ? REFUSE_NONE : REFUSE_NO_NAI;
}

/* --- 3 to 6 ------------------------------------------------------------ */

static enum refusal
check_known(struct ha_check *c)
{
	if (c->lookup_err == 0)
		return REFUSE_NONE;
	/* A store that does not answer has not said no: come back later. */
	return c->lookup_err == -ENOENT ? REFUSE_UNKNOWN_MN :
	    REFUSE_RESOURCES;
}

/*
 * D5-1, D5-2: a listed PMA, speaking for its own address.  The Alternate
 * Care-of Address must be the source (A16): the security service vouches for
 * the source, so a PMA cannot speak for another (D5-3).
 */
static enum refusal
check_pma(struct ha_check *c)
{
	return c->peer != NULL && c->peer->listed ? REFUSE_NONE : REFUSE_PMA;
}

static enum refusal
check_coa(struct ha_check *c)
{
	return in6_eq(&c->req->coa, &c->req->src) ? REFUSE_NONE : REFUSE_COA;
}

static enum refusal
check_pma_for_mn(struct ha_check *c)
{
	return profile_allows_pma(c->profile, &c->req->src) ? REFUSE_NONE :
	    REFUSE_PMA_FOR_MN;
}

static enum refusal
check_entitled(struct ha_check *c)
{
	return c->profile->pmip ? REFUSE_NONE : REFUSE_NOT_ENTITLED;
}

static enum refusal
check_ts_present(struct ha_check *c)
{
	return c->req->has_ts || !c->ha->role.env->dialect->ts_required ?
	    REFUSE_NONE : REFUSE_TS_MISSING;
}

static enum refusal
check_ts_window(struct ha_check *c)
{
	int64_t now = clock_wall_us(c->ha->role.env->clock);
	int64_t window = c->ha->conf->ts_window_us, ts;

	if (!c->req->has_ts)
		return REFUSE_NONE;
	ts = mh_ts_to_us(c->req->ts);
	return ts > now + window || ts < now - window ? REFUSE_TS_WINDOW :
	    REFUSE_NONE;
}

/*
 * An earlier run of ours may have accepted it already: we do not know its last
 * time stamps (PROTOCOL 10.6).  They were from before our start, or by as much
 * as the window from after it when the sender's clock was ahead.  Later than a
 * window (or two) after the start the window check refuses them.
 */
static enum refusal
check_ts_restart(struct ha_check *c)
{
	const struct ha *ha = c->ha;
	int64_t window = ha->conf->ts_window_us;
	int64_t ahead = ha->conf->restart_guard == HA_GUARD_WINDOW ? window : 0;

	if (!c->req->has_ts || ha->conf->restart_guard == HA_GUARD_OFF ||
	    wheel_now(ha->role.env->wheel) - ha->started > window + ahead)
		return REFUSE_NONE;
	return c->req->ts >= mh_ts_from_us(ha->started_wall + ahead) ?
	    REFUSE_NONE : REFUSE_TS_RESTART;
}

/*
 * Strictly newer than the last accepted one (A23), also when the binding has
 * gone meanwhile: a late PBU of the previous PMA must not bring it back.
 * A copy of the very message that is under way is no message at all.
 */
static enum refusal
check_ts_order(struct ha_check *c)
{
	const struct bce *b = c->bce;
	const struct ha_req *r = c->req;

	if (b == NULL || !r->has_ts)
		return REFUSE_NONE;
	if (b->op != NULL && b->op->req != NULL) {
		if (r->ts == b->op->req->ts &&
		    in6_eq(&r->coa, &b->op->req->coa)) {
			c->duplicate = true;
			return REFUSE_NONE;
		}
		if (r->ts <= b->op->req->ts)
			return REFUSE_TS_ORDER;
	}
	return r->ts > b->last_ts ? REFUSE_NONE : REFUSE_TS_ORDER;
}

/* --- 9 to 11 ----------------------------------------------------------- */

static bool
is_binding(const struct bce *b)
{
	return b != NULL && (b->state == BCE_BOUND || b->state == BCE_DYING);
}

/* An address that stands in the profile needs nobody to say it. */
static bool
has_static_home(const struct profile *p)
{
	return p->model == MODEL_SHARED_PREFIX &&
	    !in6_is_zero(&p->home_address);
}

static enum refusal
check_hnp_present(struct ha_check *c)
{
	return c->req->nhnp > 0 || c->req->hnp_bad || is_binding(c->bce) ||
	    has_static_home(c->profile) ? REFUSE_NONE : REFUSE_NO_HNP;
}

static enum refusal
check_hnp_form(struct ha_check *c)
{
	return c->req->hnp_bad ? REFUSE_MALFORMED : REFUSE_NONE;
}

bool
ha_check_anchored(const struct ha_conf *conf, const struct prefix *p)
{
	const struct prefix *home = conf->home_prefixes.v;

	for (size_t i = 0; i < conf->home_prefixes.n; i++) {
		if (prefix_covers(&home[i], p))
			return true;
	}
	return false;
}

static enum refusal
check_hnp_anchored(struct ha_check *c)
{
	for (size_t i = 0; i < c->req->nhnp; i++) {
		if (!ha_check_anchored(c->ha->conf, &c->req->hnp[i]))
			return REFUSE_NOT_ANCHORED;
	}
	return REFUSE_NONE;
}

/*
 * Addresses of a shared prefix that are no node's: the subnet-router anycast
 * address (RFC 4291 2.6.1) and the upper 128, reserved for anycast (RFC 2526),
 * among them the home agents'.
 */
static bool
is_reserved(const struct prefix *own, const struct in6_addr *a)
{
	static const uint8_t top[7] = { 0xfd, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff };

	return in6_eq(&own->in6, a) ||
	    (memcmp(&a->s6_addr[8], top, sizeof(top)) == 0 &&
	    a->s6_addr[15] >= 0x80);
}

/* Shared-Prefix: exactly the address, from whoever knows it (D5.3-2). */
static enum refusal
shared_home(struct ha_check *c)
{
	const struct profile *p = c->profile;

	if (in6_is_zero(&c->hoa))
		c->hoa = p->home_address;
	if (in6_is_zero(&c->hoa) && is_binding(c->bce))
		c->hoa = c->bce->hoa;
	if (in6_is_zero(&c->hoa))
		return REFUSE_NO_HNP;
	prefix_from_in6(&c->hnp, &c->hoa, 128);
	if (!prefix_covers(&p->home_prefix, &c->hnp) ||
	    is_reserved(&p->home_prefix, &c->hoa))
		return REFUSE_NOT_MNS_PREFIX;
	if (has_static_home(p) && !in6_eq(&p->home_address, &c->hoa))
		return REFUSE_NOT_MNS_PREFIX;
	return ha_check_anchored(c->ha->conf, &c->hnp) ? REFUSE_NONE :
	    REFUSE_NOT_ANCHORED;
}

/*
 * The profile says what is the node's (A50); the option may name the prefix or
 * an address in it (D8.3-1, A19).  Per-MN-Prefix routes the whole prefix
 * whatever came (D5.3-1).
 */
static enum refusal
check_hnp_of_mn(struct ha_check *c)
{
	const struct prefix *own = &c->profile->home_prefix;

	c->hoa = in6addr_any;
	for (size_t i = 0; i < c->req->nhnp; i++) {
		const struct prefix *p = &c->req->hnp[i];

		if (p->len == 128 && own->len < 128 && prefix_covers(own, p))
			c->hoa = p->in6;
		else if (!prefix_eq(own, p))
			return REFUSE_NOT_MNS_PREFIX;
	}
	if (c->profile->model == MODEL_SHARED_PREFIX)
		return shared_home(c);
	if (in6_is_zero(&c->hoa) && is_binding(c->bce))
		c->hoa = c->bce->hoa;
	c->hnp = *own;
	/* D5-7: a prefix of its own is on no link. */
	return ha_home_is_link(c->ha, own) ? REFUSE_NOT_MNS_PREFIX :
	    REFUSE_NONE;
}

static enum refusal
check_hnp_free(struct ha_check *c)
{
	if (ha_cache_is_free(&c->ha->cache, &c->hnp, c->bce))
		return REFUSE_NONE;
	/* Nobody's, but the kernel would not give its path back: later. */
	return ha_cache_find_hnp(&c->ha->cache, &c->hnp) == NULL ?
	    REFUSE_RESOURCES : REFUSE_PREFIX_TAKEN;
}

/*
 * The prefix of a binding does not change while it lives.  An address in a
 * shared prefix does when DHCP gave the node another one (D6.10-13): the
 * binding goes over to it.
 */
static enum refusal
check_hnp_same(struct ha_check *c)
{
	const struct bce *b = c->bce;

	if (!is_binding(b) || prefix_eq(&b->hnp, &c->hnp))
		return REFUSE_NONE;
	return b->model == MODEL_SHARED_PREFIX &&
	    c->profile->model == MODEL_SHARED_PREFIX &&
	    prefix_covers(&c->profile->home_prefix, &b->hnp) ? REFUSE_NONE :
	    REFUSE_PREFIX_SET;
}

static enum refusal
check_limits(struct ha_check *c)
{
	if (!is_binding(c->bce) &&
	    c->ha->cache.live >= c->ha->conf->max_bindings)
		return REFUSE_RESOURCES;
	if (c->peer->max_bindings > 0 &&
	    c->peer->bindings >= c->peer->max_bindings &&
	    (c->bce == NULL || c->bce->peer != c->peer))
		return REFUSE_RESOURCES;
	return REFUSE_NONE;
}

/* --- the chains -------------------------------------------------------- */

static check_fn *const identity[] = { check_enabled, check_nai };
static check_fn *const sender[] = { check_known, check_pma, check_coa,
	check_pma_for_mn, check_entitled, check_ts_present, check_ts_window,
	check_ts_restart, check_ts_order };
static check_fn *const registration[] = { check_hnp_present, check_hnp_form,
	check_hnp_anchored, check_hnp_of_mn, check_hnp_free, check_hnp_same,
	check_limits };

static enum refusal
run(check_fn *const *chain, size_t n, struct ha_check *c)
{
	enum refusal why = REFUSE_NONE;

	for (size_t i = 0; i < n && why == REFUSE_NONE; i++)
		why = chain[i](c);
	return why;
}

enum refusal
ha_check_identity(struct ha_check *c)
{
	return run(identity, ARRAY_LEN(identity), c);
}

enum refusal
ha_check_sender(struct ha_check *c)
{
	return run(sender, ARRAY_LEN(sender), c);
}

enum refusal
ha_check_registration(struct ha_check *c)
{
	return run(registration, ARRAY_LEN(registration), c);
}

enum refusal
ha_check_standing(const struct profile *p, const struct in6_addr *coa,
    const struct prefix *hnp, int model)
{
	if (!p->pmip)
		return REFUSE_NOT_ENTITLED;
	if (!profile_allows_pma(p, coa))
		return REFUSE_PMA_FOR_MN;
	if (p->model != model)
		return REFUSE_NOT_MNS_PREFIX;
	if (model == MODEL_SHARED_PREFIX ?
	    !prefix_covers(&p->home_prefix, hnp) :
	    !prefix_eq(&p->home_prefix, hnp))
		return REFUSE_NOT_MNS_PREFIX;
	if (has_static_home(p) && !in6_eq(&p->home_address, &hnp->in6))
		return REFUSE_NOT_MNS_PREFIX;
	return REFUSE_NONE;
}

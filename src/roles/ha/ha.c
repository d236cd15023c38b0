/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The home agent: start, stop, reload, and the way of a Proxy Binding Update
 * through the role.
 *
 *   handle_bu()    what is ignored in silence; decode into a struct ha_req
 *   ha_input()     identity checks, then the policy is asked (may take time)
 *   judge()        sender checks (ha_check.c), then the state machine
 *   ha_fsm_*()     registration checks, kernel, binding (ha_fsm.c)
 *   ha_accept(), ha_refuse()   the one answer
 *
 * Reload applies at once and loses no binding.  A PMA that has left the list
 * keeps what it has registered until the lifetime ends or another PMA takes
 * over; its next registration is refused.  After a policy change every binding
 * is looked at again, some hundred per tick, and ended when the profile has
 * gone or no longer permits it.
 *
 * Implements: draft section 5 (5.1, 5.2, 5.3, 5.5, 5.9), 8.2, 8.5.
 */
#include "roles/ha/ha.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"
#include "mh/status.h"

#define RECHECK_BATCH 256
#define RECHECK_TICK_US USEC_PER_MSEC
#define RECHECK_PASSES 4
/* Log lines about refusals, per PMA and for all strangers together. */
#define REFUSED_BURST 10
#define REFUSED_PER_SEC 1

static const struct stat_desc ha_desc[HA_ST_MAX] = {
#define X(id, name, help) [id] = { name, help },
	HA_REFUSALS(X)
	HA_EVENTS(X)
#undef X
};

static struct ha *
ha_of(struct role *r)
{
	return CONTAINER_OF(r, struct ha, role);
}

/* --- the PMAs ---------------------------------------------------------- */

static uint32_t
hash_addr(const struct ha *ha, const struct in6_addr *a)
{
	return (uint32_t)hash_bytes(&ha->cache.key, a, sizeof(*a));
}

static bool
eq_addr(const struct hnode *n, const void *key)
{
	return in6_eq(&CONTAINER_OF(n, const struct ha_peer, node)->address,
	    key);
}

struct ha_peer *
ha_peer_find(const struct ha *ha, const struct in6_addr *a)
{
	struct hnode *n = htab_find(ha->peers_by_addr, hash_addr(ha, a),
	    eq_addr, a);

	return n == NULL ? NULL : CONTAINER_OF(n, struct ha_peer, node);
}

/* The same; most often it is the one that the binding came from. */
static struct ha_peer *
peer_of(const struct ha *ha, const struct bce *b, const struct in6_addr *a)
{
	return b != NULL && b->peer != NULL && in6_eq(&b->peer->address, a) ?
	    b->peer : ha_peer_find(ha, a);
}

static void
peer_free(struct ha *ha, struct ha_peer *p)
{
	struct ha_peer **at = &ha->peers;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	htab_remove(ha->peers_by_addr, &p->node);
	free(p);
}

void
ha_peer_ref(struct ha_peer *p)
{
	p->bindings++;
}

void
ha_peer_unref(struct ha *ha, struct ha_peer *p)
{
	assert(p->bindings > 0);
	if (--p->bindings == 0 && !p->listed)
		peer_free(ha, p);
}

static void
peer_pin(struct ha *ha, struct ha_peer *p, bool want)
{
	const struct in6_addr *own = ha->conf->addresses.v;
	int r;

	if (!want) {
		if (p->pinned != NULL)
			tunnel_unpin(p->pinned);
		p->pinned = NULL;
	} else if (p->pinned == NULL) {
		r = tunnel_pin(ha->role.env->dp->tunnels, &own[0],
		    &p->address, &p->pinned);
		if (r < 0) {
			p->pinned = NULL;
			log_err(ha->role.env->log, "ha",
			    "static-tunnel-failed",
			    KV_IN6("coa", &p->address), KV_ERR(r));
		}
	}
}

static void
peer_list(struct ha *ha, const struct ha_conf_pma *c)
{
	struct ha_peer *p = ha_peer_find(ha, &c->address);

	if (p == NULL) {
		p = calloc(1, sizeof(*p));
		if (p == NULL)
			abort();
		p->address = c->address;
		ratelimit_init(&p->rl_refused, REFUSED_BURST,
		    REFUSED_PER_SEC);
		p->next = ha->peers;
		ha->peers = p;
		htab_insert(ha->peers_by_addr, &p->node,
		    hash_addr(ha, &p->address));
	}
	p->listed = true;
	p->name = c->name;
	p->max_bindings = c->max_bindings;
	peer_pin(ha, p, c->static_tunnel == HA_TUNNEL_STATIC);
}

/* Make the peers what ha->conf says. */
static void
peers_apply(struct ha *ha)
{
	const struct ha_conf_pma *c = ha->conf->pmas.v;
	struct ha_peer *p, *next;

	for (p = ha->peers; p != NULL; p = p->next) {
		p->listed = false;
		p->name = NULL;
	}
	for (size_t i = 0; i < ha->conf->pmas.n; i++)
		peer_list(ha, &c[i]);
	for (p = ha->peers; p != NULL; p = next) {
		next = p->next;
		if (p->listed)
			continue;
		peer_pin(ha, p, false);
		if (p->bindings == 0) {
			peer_free(ha, p);
			continue;
		}
		log_warn(ha->role.env->log, "ha", "pma-removed",
		    KV_IN6("coa", &p->address), KV_U("bindings", p->bindings),
		    KV_STR("hint", "they stay until their lifetime ends"));
	}
}

/* --- answers ----------------------------------------------------------- */

/* What every PBA has. */
static void
pba_init(const struct ha_req *req, uint8_t status, uint64_t ts,
    struct mh_msg *ret)
{
	mh_msg_init(ret, MH_BA);
	ret->ba.status = status;
	ret->ba.flags = BA_P;			/* D8.2-1; see plain_bu() */
	ret->ba.seq = req->seq;			/* A25 */
	if (req->nai_len > 0) {
		ret->o.have |= MHO_MN_ID;
		ret->o.mn_id_subtype = 1;
		ret->o.mn_id = req->nai;
		ret->o.mn_id_len = req->nai_len;
	}
	ret->o.have |= MHO_TIMESTAMP;		/* D8.4-2: every one */
	ret->o.timestamp = ts;
}

static uint64_t
our_ts(const struct ha *ha)
{
	return mh_ts_from_us(clock_wall_us(ha->role.env->clock));
}

/* From the address that was asked, to the source (PROTOCOL 4.5). */
static void
answer(struct ha *ha, const struct ha_req *req, const struct mh_msg *m)
{
	(void)role_send_mh(ha->role.env, m, &req->dst, &req->src);
}

/* A18, A19: what was asked for, or what we know. */
static void
put_hnp(const struct ha_req *req, const struct bce *b, struct mh_opts *ret)
{
	bool address = false;

	for (size_t i = 0; i < req->nhnp; i++)
		address |= req->hnp[i].len == 128;
	if (b != NULL && !address && (req->nhnp == 0 ||
	    b->model == MODEL_SHARED_PREFIX)) {
		ret->hnp[ret->nhnp++] = b->hnp;
	} else {
		for (size_t i = 0; i < req->nhnp; i++)
			ret->hnp[ret->nhnp++] = req->hnp[i];
	}
	if (ret->nhnp > 0)
		ret->have |= MHO_HNP;
}

void
ha_accept(struct ha *ha, const struct ha_req *req, const struct bce *b,
    uint16_t lifetime_4s, const struct in6_addr *prev_lla,
    const struct ha_ip4 *ip4)
{
	struct ha_peer *p = peer_of(ha, b, &req->src);
	struct mh_msg m;

	pba_init(req, BA_ACCEPTED, req->has_ts ? req->ts : our_ts(ha), &m);
	m.ba.lifetime_4s = lifetime_4s;
	put_hnp(req, b, &m.o);
	if (ip4 != NULL)
		ha_ip4_put(ip4, &m.o);
	if (prev_lla != NULL && !in6_is_zero(prev_lla) &&
	    !(req->has_lla && in6_eq(prev_lla, &req->lla))) {
		m.o.have |= MHO_LINK_LOCAL;
		m.o.link_local = *prev_lla;
	}
	stat_inc(&ha->st, REFUSE_NONE);
	if (p != NULL)
		p->accepted++;
	answer(ha, req, &m);
}

static void
log_refused(struct ha *ha, const struct ha_req *req, struct ha_peer *p,
    enum refusal why, uint8_t status)
{
	struct ratelimit *rl = p != NULL ? &p->rl_refused : &ha->rl_refused;
	uint64_t suppressed;

	if (!ratelimit_pass(rl, clock_mono_us(ha->role.env->clock),
	    &suppressed))
		return;
	role_event(&ha->role, "pbu-refused",
	    KV_STRN("nai", req->nai, req->nai_len), KV_IN6("coa", &req->src),
	    KV_STR("why", refusal_name(why)), KV_U("status", status),
	    KV_U("suppressed", suppressed));
}

/*
 * Time Stamp in a rejection (A24): our clock when the stamp was the trouble or
 * absent, so that the PMA can see how far off it is; else the echo.
 */
void
ha_refuse(struct ha *ha, const struct ha_req *req, enum refusal why)
{
	uint8_t status = ha->role.env->dialect->status(why);
	struct ha_peer *p = ha_peer_find(ha, &req->src);
	bool ours = !req->has_ts || why == REFUSE_TS_WINDOW ||
	    why == REFUSE_TS_ORDER || why == REFUSE_TS_MISSING ||
	    why == REFUSE_TS_RESTART;
	struct mh_msg m;

	stat_inc(&ha->st, why);
	if (p != NULL)
		p->refused++;
	log_refused(ha, req, p, why, status);
	if (why == REFUSE_NO_BINDING && !ha->conf->answer_unknown_dereg)
		return;
	pba_init(req, status, ours ? our_ts(ha) : req->ts, &m);
	answer(ha, req, &m);
}

/* --- lookups ----------------------------------------------------------- */

static struct ha_lookup *
lookup_new(struct ha *ha)
{
	struct ha_lookup *l = spare_get(&ha->spare_lookups, sizeof(*l));

	l->ha = ha;
	l->inside = true;
	l->answered = false;
	l->recheck = false;
	l->known = NULL;
	l->pprev = NULL;
	return l;
}

static void
lookup_free(struct ha_lookup *l)
{
	struct ha *ha = l->ha;

	if (l->pprev != NULL) {
		*l->pprev = l->next;
		if (l->next != NULL)
			l->next->pprev = l->pprev;
		ha->nlookups--;
	}
	spare_put(&ha->spare_lookups, l);
}

static void judge(struct ha *ha, const struct ha_req *req, struct bce *b,
    int err, const struct profile *p);
static void recheck(struct ha *ha, const struct ha_req *req, int err,
    const struct profile *p);

static void
lookup_found(void *ctx, int err, const struct profile *p)
{
	struct ha_lookup *l = ctx;
	const struct nai nai = ha_req_nai(l->req);

	l->answered = true;
	if (l->recheck)
		recheck(l->ha, l->req, err, p);
	else if (l->inside)
		judge(l->ha, l->req, l->known, err, p);
	else	/* the entry may have come or gone meanwhile */
		judge(l->ha, l->req, ha_cache_find(&l->ha->cache, &nai), err,
		    p);
	if (!l->inside)
		lookup_free(l);
}

/* Ask the policy; what follows may happen before this returns. */
static void
lookup_start(struct ha_lookup *l, const struct ha_req *req)
{
	struct ha *ha = l->ha;
	struct policy *pol = ha->role.env->policy;
	const struct nai nai = ha_req_nai(req);

	l->req = req;
	pol->ops->by_nai(pol, &nai, lookup_found, l);
	l->inside = false;
	if (l->answered) {
		lookup_free(l);
		return;
	}
	ha_req_copy(&l->copy, req);
	l->req = &l->copy;
	l->next = ha->lookups;
	l->pprev = &ha->lookups;
	if (l->next != NULL)
		l->next->pprev = &l->next;
	ha->lookups = l;
	ha->nlookups++;
}

static void
lookups_cancel(struct ha *ha)
{
	struct policy *pol = ha->role.env->policy;
	struct ha_lookup *l;

	while ((l = ha->lookups) != NULL) {
		pol->ops->cancel(pol, l);
		lookup_free(l);
	}
	spare_done(&ha->spare_lookups);
}

/* --- requests ---------------------------------------------------------- */

static void
judge(struct ha *ha, const struct ha_req *req, struct bce *b, int err,
    const struct profile *p)
{
	struct ha_check c = { .ha = ha, .req = req, .lookup_err = err,
		.profile = p, .peer = peer_of(ha, b, &req->src), .bce = b };
	enum refusal why = ha_check_sender(&c);

	if (why != REFUSE_NONE)
		ha_refuse(ha, req, why);
	else
		ha_fsm_request(&c);
}

void
ha_input(struct ha *ha, const struct ha_req *req)
{
	struct ha_check c = { .ha = ha, .req = req };
	enum refusal why = ha_check_identity(&c);
	const struct nai nai = ha_req_nai(req);
	struct ha_lookup *l;
	struct bce *b;

	if (why != REFUSE_NONE) {
		ha_refuse(ha, req, why);
		return;
	}
	b = ha_cache_find(&ha->cache, &nai);
	if (b != NULL && b->profile != NULL &&
	    b->policy_gen == ha->policy_gen) {
		judge(ha, req, b, 0, b->profile);
		return;
	}
	if (ha->nlookups >= HA_LOOKUPS_MAX) {
		stat_inc(&ha->st, HA_ST_LOOKUPS_FULL);
		ha_refuse(ha, req, REFUSE_RESOURCES);
		return;
	}
	l = lookup_new(ha);
	l->known = b;
	lookup_start(l, req);
}

/*
 * A20, A21: none, one, or a prefix and an address inside it; all-zero options
 * count as absent.
 */
static void
decode_hnp(const struct mh_opts *o, struct ha_req *r)
{
	r->nhnp = 0;
	r->hnp_bad = o->hnp_more;
	for (size_t i = 0; i < o->nhnp; i++) {
		if (in6_is_zero(&o->hnp[i].in6))
			continue;
		if (r->nhnp == 2) {
			r->hnp_bad = true;
			return;
		}
		r->hnp[r->nhnp++] = o->hnp[i];
	}
	if (r->nhnp == 2 && !(r->hnp[0].len < 128 && r->hnp[1].len == 128 &&
	    prefix_covers(&r->hnp[0], &r->hnp[1])) &&
	    !(r->hnp[1].len < 128 && r->hnp[0].len == 128 &&
	    prefix_covers(&r->hnp[1], &r->hnp[0])))
		r->hnp_bad = true;
}

static void
decode(const struct ha *ha, const struct mh_pkt *pkt, const struct mh_msg *m,
    struct ha_req *r)
{
	const struct mh_opts *o = &m->o;

	memset(r, 0, offsetof(struct ha_req, nai));
	r->src = r->coa = pkt->src;
	r->dst = pkt->dst;
	r->seq = m->bu.seq;
	r->lifetime_4s = m->bu.lifetime_4s;
	r->proxy = (m->bu.flags & BU_P) != 0;
	if (o->have & MHO_ALT_COA)
		r->coa = o->alt_coa;
	if (o->have & MHO_TIMESTAMP) {
		r->has_ts = true;
		r->ts = o->timestamp;
	}
	if (o->have & MHO_LINK_LOCAL) {
		r->has_lla = true;
		r->lla = o->link_local;
	}
	_Static_assert(NAI_OPTION_MAX >= UINT8_MAX, "a NAI fits");
	if ((o->have & MHO_MN_ID) && o->mn_id_subtype == 1) {
		r->nai_len = o->mn_id_len;
		memcpy(r->nai, o->mn_id, o->mn_id_len);
		r->nai_hash = role_nai(&ha->role, r->nai,
		    r->nai_len).hash;
	}
	if (o->have & MHO_HNP)
		decode_hnp(o, r);
	ha_ip4_take(o, r);
}

static bool
is_ours(const struct ha *ha, const struct in6_addr *a)
{
	const struct in6_addr *own = ha->conf->addresses.v;

	for (size_t i = 0; i < ha->conf->addresses.n; i++) {
		if (in6_eq(&own[i], a))
			return true;
	}
	return false;
}

/* Does a node's binding route that address? */
static bool
is_proxied(const struct ha *ha, const struct in6_addr *a)
{
	static const uint8_t lengths[] = { 128, 64 };

	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		struct prefix p;
		const struct bce *b;

		prefix_from_in6(&p, a, lengths[i]);
		b = ha_cache_find_hnp(&ha->cache, &p);
		if (b != NULL && b->proxy && b->state != BCE_GONE)
			return true;
	}
	return false;
}

/*
 * A Binding Update without P: we are no Mobile IPv6 home agent (PROTOCOL 4.9).
 * The home address is the option's, or the source (RFC 6275 9.5.1).  Who has
 * no right to speak gets no answer; there is no routing header in it, for we
 * have no business with home addresses.  The answer has no P and none of our
 * options.
 */
static void
plain_bu(struct ha *ha, const struct mh_pkt *pkt, const struct mh_msg *bu)
{
	struct ha_peer *p = ha_peer_find(ha, &pkt->src);
	struct mh_msg m;
	bool proxied;

	if (p == NULL || !p->listed) {
		stat_inc(&ha->st, HA_ST_PLAIN_BU_DROP);
		return;
	}
	proxied = is_proxied(ha, pkt->has_hao ? &pkt->hao : &pkt->src);
	stat_inc(&ha->st, proxied ? HA_ST_PLAIN_BU_PROXY : HA_ST_PLAIN_BU);
	mh_msg_init(&m, MH_BA);
	m.ba.status = proxied ? BA_TYPE_CHANGE : BA_NO_HOME_REGISTRATION;
	m.ba.seq = bu->bu.seq;
	(void)role_send_mh(ha->role.env, &m, &pkt->dst, &pkt->src);
}

static void
handle_bu(struct role *r, const struct mh_pkt *pkt, const struct mh_msg *m)
{
	struct ha *ha = ha_of(r);
	struct ha_req req;

	if (!is_ours(ha, &pkt->dst)) {
		stat_inc(&ha->st, HA_ST_NOT_OURS);
		return;
	}
	decode(ha, pkt, m, &req);
	/* RFC 6275 9.5.1: in silence. */
	if (!in6_is_global_unicast(&req.src) ||
	    !in6_is_global_unicast(&req.coa)) {
		stat_inc(&ha->st, HA_ST_COA_BAD);
		return;
	}
	if (m->o.dup > 0)
		stat_inc(&ha->st, HA_ST_DUP_OPTION);
	if (!req.proxy) {
		plain_bu(ha, pkt, m);
		return;
	}
	stat_inc(&ha->st, HA_ST_PBU);
	ha_input(ha, &req);
}

/* --- after a policy change --------------------------------------------- */

static void
recheck(struct ha *ha, const struct ha_req *req, int err,
    const struct profile *p)
{
	const struct nai nai = ha_req_nai(req);
	struct bce *b = ha_cache_find(&ha->cache, &nai);
	enum refusal why;

	if (b == NULL || b->state == BCE_GONE || (err < 0 && err != -ENOENT))
		return;
	if (err == -ENOENT)
		why = REFUSE_UNKNOWN_MN;
	else if (b->op != NULL && b->op->kind == HA_OP_SET)
		why = ha_check_standing(p, &b->op->req->coa, &b->op->hnp,
		    b->op->model);
	else
		why = ha_check_standing(p, &b->coa, &b->hnp, b->model);
	if (why == REFUSE_NONE) {
		/* who needs it before the next request: ha_dhcp.c */
		b->profile = p;
		b->policy_gen = ha->policy_gen;
		if (!ha_ip4_standing(ha, p, &b->hoa4))
			ha_fsm_lose_ip4(ha, b);
		return;
	}
	log_info(ha->role.env->log, "ha", "binding-withdrawn",
	    KV_STRN("nai", b->nai, b->nai_len),
	    KV_STR("why", refusal_name(why)));
	ha_fsm_end(ha, b, BCE_END_POLICY);
}

static void
recheck_one(void *ctx, struct hnode *n)
{
	struct ha *ha = ctx;
	struct bce *b = CONTAINER_OF(n, struct bce, by_nai);
	struct ha_lookup *l = lookup_new(ha);
	struct ha_req req;

	memset(&req, 0, offsetof(struct ha_req, nai));
	req.nai_len = b->nai_len;
	req.nai_hash = b->by_nai.hash;
	memcpy(req.nai, b->nai, b->nai_len);
	l->recheck = true;
	lookup_start(l, &req);
}

static void
recheck_tick(struct timer *t)
{
	struct ha *ha = CONTAINER_OF(t, struct ha, recheck);
	bool more = true;

	if (ha->nlookups < HA_LOOKUPS_MAX)
		more = htab_walk(ha->cache.by_nai, &ha->recheck_cursor,
		    RECHECK_BATCH, recheck_one, ha);
	if (!more && ha->recheck_removals != ha->cache.removals &&
	    ++ha->recheck_passes < RECHECK_PASSES) {
		/* Buckets merged under the walk: it may have missed some. */
		ha->recheck_cursor = 0;
		ha->recheck_removals = ha->cache.removals;
		more = true;
	}
	if (more)
		timer_arm(ha->role.env->wheel, t, RECHECK_TICK_US);
}

static void
ha_policy_changed(struct role *r)
{
	struct ha *ha = ha_of(r);

	ha->policy_gen++;
	ha->recheck_cursor = 0;
	ha->recheck_passes = 0;
	ha->recheck_removals = ha->cache.removals;
	timer_arm(r->env->wheel, &ha->recheck, 0);
}

/* --- start, reload, stop ----------------------------------------------- */

static void
sweep(struct timer *t)
{
	struct ha *ha = CONTAINER_OF(t, struct ha, sweep);
	struct dp *dp = ha->role.env->dp;
	int r = dp->ops->sweep(dp);

	if (r < 0)
		log_err(ha->role.env->log, "ha", "sweep-failed", KV_ERR(r));
}

static int
ha_start(struct role *r, const void *conf)
{
	struct ha *ha = ha_of(r);

	ha->conf = conf;
	ha->started = clock_mono_us(r->env->clock);
	ha->started_wall = clock_wall_us(r->env->clock);
	stats_register(r->env->stats, &ha->st, "ha", ha_desc, HA_ST_MAX);
	ha_cache_init(&ha->cache);
	ha->peers_by_addr = htab_new();
	ratelimit_init(&ha->rl_refused, REFUSED_BURST, REFUSED_PER_SEC);
	timer_init(&ha->recheck, recheck_tick);
	timer_init(&ha->sweep, sweep);
	ha_home_start(ha);
	ha_disc_start(ha);
	peers_apply(ha);
	/*
	 * Bindings do not survive a restart, so neither may their routes; but
	 * those that were left on purpose may wait for the next registration,
	 * at the longest as long as the binding would have lived.
	 */
	if (r->env->adopt)
		timer_arm(r->env->wheel, &ha->sweep,
		    ha->conf->max_lifetime_us);
	else
		sweep(&ha->sweep);
	return ha_dhcp_reload(ha, conf);
}

static int
ha_reload(struct role *r, const void *conf)
{
	struct ha *ha = ha_of(r);
	int err = ha_dhcp_reload(ha, conf);

	if (err < 0)
		return err;
	ha->conf = conf;
	peers_apply(ha);
	ha_disc_reload(ha);
	return 0;
}

static void
ha_stop(struct role *r, bool keep)
{
	struct ha *ha = ha_of(r);
	struct ha_peer *p;

	(void)keep;	/* the kernel's state is dp->shutdown()'s affair */
	if (ha->conf == NULL)
		return;
	timer_cancel(r->env->wheel, &ha->recheck);
	timer_cancel(r->env->wheel, &ha->sweep);
	lookups_cancel(ha);
	ha_home_stop(ha);
	ha_dhcp_stop(ha);
	ha_fsm_stop(ha);
	while ((p = ha->peers) != NULL)
		peer_free(ha, p);
	htab_free(ha->peers_by_addr);
	ha_cache_done(&ha->cache);
	stats_unregister(&ha->st);
	ha->conf = NULL;
}

static const struct role_mh_handler ha_mh[] = {
	{ MH_BU, handle_bu },
	{ 0, NULL },
};

const struct role_ops ha_role_ops = {
	.name = "ha",
	.schema = &ha_conf_table,
	.size = sizeof(struct ha),
	.mh = ha_mh,
	.ahead = ha_look_ahead,
	.ctl = ha_ctl_cmds,
	.start = ha_start,
	.reload = ha_reload,
	.stop = ha_stop,
	.nd = ha_home_nd,
	.link = ha_home_link,
	.icmp = ha_disc_icmp,
	.dhcp = ha_dhcp_recv,
	.policy_changed = ha_policy_changed,
	.show = ha_show,
};

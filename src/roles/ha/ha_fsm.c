/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of a binding at the home agent (PROTOCOL 5.2).
 *
 *            PBU, all checks passed
 *      -----------------------------> PENDING --kernel refuses--> (nothing)
 *      ^                                 | kernel: done, PBA 0
 *      |                                 v
 *      |        PBU same CoA --------> BOUND <------- PBU new CoA: path_set
 *      |        (PBA 0 at once)          |            in place, then the old
 *      |                                 |            tunnel is let go
 *      |      lifetime 0 | expiry | policy: path_del
 *      |                                 |
 *      |                                 | kernel: done
 *      |             delete-delay        v            no delay
 *      |         +------------------- (path gone) ------------+
 *      |         v                                            v
 *      +------ DYING --timer--------------------------------> GONE --> (freed)
 *
 * DYING keeps the claim to the prefix; it is also where a binding waits when
 * the kernel refuses to remove its path (tried again every 5 s).  GONE keeps
 * nothing but the last time stamp, for as long as a PBU older than it would
 * still pass the window check: a late PBU of the previous PMA must not bring
 * the binding back (PROTOCOL 10.6).
 *
 * Whatever needs the kernel is a struct ha_op; an entry has at most one.  What
 * arrives for the same node meanwhile is parked: one slot, the newest time
 * stamp wins; it is judged from the start when the operation has ended.
 *
 * A user is counted on the new tunnel and on the new peer when the operation
 * starts, so that neither can vanish under it, and taken back when it fails.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "core/util.h"
#include "roles/ha/ha.h"

#define RETRY_US (5 * USEC_PER_SEC)	/* of a refused path removal */

static void fsm_timer(struct timer *t);

static usec_t
life_us(uint16_t lifetime_4s)
{
	return (usec_t)lifetime_4s * MH_LIFETIME_UNIT_S * USEC_PER_SEC;
}

static struct ha_req *
req_dup(const struct ha_req *req)
{
	struct ha_req *copy = malloc(sizeof(*copy));

	if (copy == NULL)
		abort();
	*copy = *req;
	return copy;
}

static struct ha_op *
op_new(struct ha *ha, struct bce *b, enum ha_op_kind kind,
    const struct ha_req *req)
{
	struct ha_op *op = calloc(1, sizeof(*op));

	if (op == NULL)
		abort();
	assert(b->op == NULL);
	op->ha = ha;
	op->bce = b;
	op->kind = kind;
	op->before = (enum bce_state)b->state;
	op->req = req != NULL ? req_dup(req) : NULL;
	b->op = op;
	ha->pending++;
	return op;
}

static void
op_free(struct ha_op *op)
{
	free(op->req);
	free(op);
}

/* --- the end of an entry ----------------------------------------------- */

/*
 * How long a PBU that is not newer than the last accepted one could still pass
 * the window check.
 */
static usec_t
memory_us(const struct ha *ha, const struct bce *b)
{
	if (b->last_ts == 0)
		return 0;
	return mh_ts_to_us(b->last_ts) + ha->conf->ts_window_us -
	    clock_wall_us(ha->role.env->clock) + USEC_PER_MSEC;
}

static void
become_gone(struct ha *ha, struct bce *b)
{
	usec_t left = memory_us(ha, b);

	assert(b->tunnel == NULL && b->op == NULL);
	timer_cancel(ha->role.env->wheel, &b->timer);
	ha_cache_unclaim(&ha->cache, b);
	b->end = BCE_END_NONE;
	/* A limit for what only remembers, too. */
	if (left <= 0 || ha->cache.gone >= ha->conf->max_bindings) {
		ha_cache_remove(&ha->cache, b);
		return;
	}
	ha_cache_state(&ha->cache, b, BCE_GONE);
	timer_arm(ha->role.env->wheel, &b->timer, left);
}

static void
log_deleted(struct ha *ha, const struct bce *b)
{
	static const enum ha_counter count[BCE_END_MAX] = {
		[BCE_END_NONE] = HA_ST_WITHDRAWN,
		[BCE_END_DEREG] = HA_ST_DEREGISTERED,
		[BCE_END_EXPIRED] = HA_ST_EXPIRED,
		[BCE_END_POLICY] = HA_ST_WITHDRAWN,
	};

	stat_inc(&ha->st, count[b->end]);
	role_event(&ha->role, "binding-deleted",
	    KV_STRN("nai", b->nai, b->nai_len), KV_PREFIX("hnp", &b->hnp),
	    KV_IN6("coa", &b->coa),
	    KV_STR("why", bce_end_name((enum bce_end)b->end)));
}

/* The path is gone: so are our shares in tunnel and peer. */
static void
let_go(struct ha *ha, struct bce *b)
{
	struct dp_tunnel *t = b->tunnel;
	struct ha_peer *p = b->peer;

	b->tunnel = NULL;
	b->peer = NULL;
	if (t != NULL)
		tunnel_unuse(t, b->lifetime_4s);
	if (p != NULL)
		ha_peer_unref(ha, p);
}

/* --- after an operation ------------------------------------------------ */

static void delete_start(struct ha *ha, struct bce *b, enum bce_end why,
    const struct ha_req *req);

/* `b` may have been freed: `parked` was taken from it before. */
static void
unpark(struct ha *ha, struct ha_req *parked)
{
	if (parked == NULL)
		return;
	ha_input(ha, parked);
	free(parked);
}

static struct ha_req *
take_parked(struct bce *b)
{
	struct ha_req *r = b->parked;

	b->parked = NULL;
	return r;
}

/*
 * The entry has no operation any more.  What happened to it meanwhile comes
 * first (the policy, its timer), then who waits.
 */
static void
settle(struct ha *ha, struct bce *b)
{
	if (b->state == BCE_BOUND && b->end != BCE_END_NONE) {
		delete_start(ha, b, (enum bce_end)b->end, NULL);
		return;			/* the parked one waits for that */
	}
	if (b->overdue) {
		b->overdue = false;
		if (b->parked == NULL || b->state == BCE_BOUND) {
			fsm_timer(&b->timer);
			return;
		}
		timer_arm(ha->role.env->wheel, &b->timer, 0);
	}
	unpark(ha, take_parked(b));
}

static void
delete_failed(struct ha *ha, struct ha_op *op, int err)
{
	struct bce *b = op->bce;

	stat_inc(&ha->st, HA_ST_KERNEL_STUCK);
	log_err(ha->role.env->log, "ha", "path-removal-failed",
	    KV_STRN("nai", b->nai, b->nai_len), KV_PREFIX("hnp", &b->hnp),
	    KV_STR("hint", "tried again every 5 s"), KV_ERR(err));
	ha_cache_state(&ha->cache, b, BCE_DYING);
	timer_arm(ha->role.env->wheel, &b->timer, RETRY_US);
	if (op->req != NULL)
		ha_refuse(ha, op->req, REFUSE_RESOURCES);
	settle(ha, b);
}

static void
delete_done(void *ctx, int err)
{
	struct ha_op *op = ctx;
	struct ha *ha = op->ha;
	struct bce *b = op->bce;
	struct ha_req *parked;

	if (ha == NULL) {
		op_free(op);
		return;
	}
	ha->pending--;
	b->op = NULL;
	b->overdue = false;
	if (err < 0) {
		delete_failed(ha, op, err);
		op_free(op);
		return;
	}
	log_deleted(ha, b);
	if (op->req != NULL) {
		if (op->req->has_ts)
			b->last_ts = op->req->ts;
		ha_accept(ha, op->req, b, 0, NULL);
	}
	let_go(ha, b);
	parked = take_parked(b);
	if (b->end == BCE_END_DEREG && ha->conf->min_delete_delay_us > 0) {
		b->end = BCE_END_NONE;
		ha_cache_state(&ha->cache, b, BCE_DYING);
		timer_arm(ha->role.env->wheel, &b->timer,
		    ha->conf->min_delete_delay_us);
	} else {
		become_gone(ha, b);
	}
	op_free(op);
	unpark(ha, parked);
}

/* Take the path away; what follows is in delete_done(). */
static void
delete_start(struct ha *ha, struct bce *b, enum bce_end why,
    const struct ha_req *req)
{
	struct dp *dp = ha->role.env->dp;
	struct dp_path path = { .side = DP_HA, .prefix = b->hnp,
		.tunnel = b->tunnel };
	struct ha_op *op;
	int r;

	timer_cancel(ha->role.env->wheel, &b->timer);
	b->end = (uint8_t)why;
	op = op_new(ha, b, HA_OP_DEL, req);
	r = dp->ops->path_del(dp, &path, delete_done, op);
	if (r < 0)
		delete_done(op, r);
}

/* --- creation and handover --------------------------------------------- */

static void
log_bound(struct ha *ha, const struct bce *b, const struct ha_op *op)
{
	bool moved = op->before == BCE_BOUND;

	stat_inc(&ha->st, moved ? HA_ST_MOVED : HA_ST_CREATED);
	role_event(&ha->role, moved ? "binding-moved" : "binding-created",
	    KV_STRN("nai", b->nai, b->nai_len), KV_PREFIX("hnp", &b->hnp),
	    KV_IN6("coa", &b->coa), KV_IN6("ha", &op->req->dst),
	    KV_U("lifetime_s", (uint64_t)b->lifetime_4s *
	    MH_LIFETIME_UNIT_S));
}

/* What an accepted PBU writes into the entry, whatever the kernel had to do. */
static void
note_request(struct ha *ha, struct bce *b, const struct ha_req *req,
    uint16_t granted_4s, const struct in6_addr *hoa)
{
	b->coa = req->coa;
	b->hoa = *hoa;
	b->seq = req->seq;
	b->proxy = req->proxy;
	b->lifetime_4s = granted_4s;
	b->updated = clock_mono_us(ha->role.env->clock);
	if (req->has_lla)
		b->lla = req->lla;
	if (req->has_ts)
		b->last_ts = req->ts;
	b->overdue = false;
	timer_arm(ha->role.env->wheel, &b->timer, life_us(granted_4s));
}

static void
set_commit(struct ha *ha, struct ha_op *op)
{
	struct bce *b = op->bce;
	struct in6_addr prev_lla = b->lla;

	/* Make before break: the path is over the new tunnel already. */
	let_go(ha, b);
	b->tunnel = op->tunnel;
	b->peer = op->peer;
	b->model = op->model;
	if (op->before != BCE_BOUND) {
		b->created = clock_mono_us(ha->role.env->clock);
		b->moves = 0;
	} else {
		b->moves++;
	}
	note_request(ha, b, op->req, op->granted_4s, &op->hoa);
	ha_cache_state(&ha->cache, b, BCE_BOUND);
	ha_accept(ha, op->req, b, op->granted_4s, &prev_lla);
	log_bound(ha, b, op);
	settle(ha, b);
}

/* No trace: tunnel, peer and entry are as they were. */
static void
set_undo(struct ha *ha, struct ha_op *op, int err)
{
	struct bce *b = op->bce;
	struct ha_req *parked;

	stat_inc(&ha->st, HA_ST_KERNEL_REFUSED);
	log_err(ha->role.env->log, "ha", "kernel-refused",
	    KV_STRN("nai", b->nai, b->nai_len), KV_PREFIX("hnp", &op->hnp),
	    KV_IN6("coa", &op->req->coa), KV_ERR(err));
	tunnel_unuse(op->tunnel, op->granted_4s);
	ha_peer_unref(ha, op->peer);
	ha_refuse(ha, op->req, REFUSE_RESOURCES);
	if (op->before == BCE_BOUND || op->before == BCE_DYING) {
		if (b->end == BCE_END_NONE)
			b->end = op->end_before;
		settle(ha, b);
		return;
	}
	parked = take_parked(b);
	b->overdue = false;
	become_gone(ha, b);	/* a new entry has no time stamp to keep */
	unpark(ha, parked);
}

static void
set_done(void *ctx, int err)
{
	struct ha_op *op = ctx;
	struct ha *ha = op->ha;

	if (ha != NULL) {
		ha->pending--;
		op->bce->op = NULL;
		if (err < 0)
			set_undo(ha, op, err);
		else
			set_commit(ha, op);
	}
	op_free(op);
}

/* The entry to work on: the one there is, or a new one with its claim. */
static struct bce *
entry_for(struct ha_check *c)
{
	struct ha *ha = c->ha;
	struct bce *b = c->bce;

	if (b == NULL) {
		b = ha_cache_add(&ha->cache, ha, c->req->nai, c->req->nai_len,
		    fsm_timer);
	} else if (b->state == BCE_GONE) {
		timer_cancel(ha->role.env->wheel, &b->timer);
		ha_cache_state(&ha->cache, b, BCE_PENDING);
	}
	if (!b->indexed)
		ha_cache_claim(&ha->cache, b, &c->hnp);
	return b;
}

/* Route c->hnp to the sender: creation, handover, or back from DYING. */
static void
set_start(struct ha_check *c, uint16_t granted_4s)
{
	struct ha *ha = c->ha;
	struct dp *dp = ha->role.env->dp;
	struct dp_path path = { .side = DP_HA, .prefix = c->hnp };
	struct ha_op *op;
	struct bce *b;
	int r;

	/* Our end is where the PBU was sent to (D5.2-3). */
	r = tunnel_get(dp->tunnels, &c->req->dst, &c->req->coa, &path.tunnel);
	if (r < 0) {
		stat_inc(&ha->st, HA_ST_KERNEL_REFUSED);
		log_err(ha->role.env->log, "ha", "tunnel-refused",
		    KV_IN6("coa", &c->req->coa), KV_ERR(r));
		ha_refuse(ha, c->req, REFUSE_RESOURCES);
		return;
	}
	tunnel_use(path.tunnel, granted_4s);
	ha_peer_ref(c->peer);
	b = entry_for(c);
	op = op_new(ha, b, HA_OP_SET, c->req);
	op->end_before = b->end;
	b->end = BCE_END_NONE;
	op->tunnel = path.tunnel;
	op->peer = c->peer;
	op->granted_4s = granted_4s;
	op->hnp = c->hnp;
	op->hoa = c->hoa;
	op->model = (uint8_t)c->profile->model;
	r = dp->ops->path_set(dp, &path, set_done, op);
	if (r < 0)
		set_done(op, r);
}

/* --- requests ---------------------------------------------------------- */

static bool
same_tunnel(const struct bce *b, const struct ha_req *req)
{
	return b->tunnel != NULL && in6_eq(&b->tunnel->remote, &req->coa) &&
	    in6_eq(&b->tunnel->local, &req->dst);
}

static void
refresh(struct ha_check *c, uint16_t granted_4s)
{
	struct ha *ha = c->ha;
	struct bce *b = c->bce;
	struct in6_addr prev_lla = b->lla;

	tunnel_refresh(b->tunnel, b->lifetime_4s, granted_4s);
	note_request(ha, b, c->req, granted_4s, &c->hoa);
	stat_inc(&ha->st, HA_ST_REFRESHED);
	log_debug(ha->role.env->log, "ha", "binding-refreshed",
	    KV_STRN("nai", b->nai, b->nai_len), KV_PREFIX("hnp", &b->hnp),
	    KV_IN6("coa", &b->coa), KV_U("lifetime_s",
	    (uint64_t)granted_4s * MH_LIFETIME_UNIT_S));
	ha_accept(ha, c->req, b, granted_4s, &prev_lla);
}

static uint16_t
grant(const struct ha *ha, uint16_t asked_4s)
{
	int64_t max = ha->conf->max_lifetime_us /
	    (MH_LIFETIME_UNIT_S * USEC_PER_SEC);

	return asked_4s < max ? asked_4s : (uint16_t)MIN_OF(max, UINT16_MAX);
}

static void
request_register(struct ha_check *c)
{
	enum refusal why = ha_check_registration(c);
	uint16_t granted_4s = grant(c->ha, c->req->lifetime_4s);

	if (why != REFUSE_NONE)
		ha_refuse(c->ha, c->req, why);
	else if (c->bce != NULL && c->bce->state == BCE_BOUND &&
	    same_tunnel(c->bce, c->req))
		refresh(c, granted_4s);
	else
		set_start(c, granted_4s);
}

/*
 * Lifetime 0.  From a care-of address that is not the binding's it changes
 * nothing: the node has moved on, the sender is right that it is not there
 * (A22).
 */
static void
request_deregister(struct ha_check *c)
{
	struct ha *ha = c->ha;
	struct bce *b = c->bce;

	if (b == NULL || b->state == BCE_GONE) {
		ha_refuse(ha, c->req, REFUSE_NO_BINDING);
		return;
	}
	if (!in6_eq(&b->coa, &c->req->coa)) {
		stat_inc(&ha->st, HA_ST_STALE_DEREG);
		log_debug(ha->role.env->log, "ha", "stale-deregistration",
		    KV_STRN("nai", b->nai, b->nai_len),
		    KV_IN6("coa", &c->req->coa));
		ha_accept(ha, c->req, NULL, 0, NULL);
		return;
	}
	if (b->tunnel != NULL) {
		delete_start(ha, b, BCE_END_DEREG, c->req);
		return;
	}
	/* DYING: the timer keeps running. */
	if (c->req->has_ts)
		b->last_ts = c->req->ts;
	ha_accept(ha, c->req, b, 0, NULL);
}

/* The kernel is busy with this node.  Newest time stamp wins. */
static void
park(struct ha_check *c)
{
	struct bce *b = c->bce;

	if (b->parked == NULL) {
		b->parked = req_dup(c->req);
		stat_inc(&c->ha->st, HA_ST_PARKED);
		return;
	}
	if (c->req->ts == b->parked->ts) {
		stat_inc(&c->ha->st, HA_ST_DUPLICATE);
		return;
	}
	stat_inc(&c->ha->st, HA_ST_SUPERSEDED);
	if (c->req->ts > b->parked->ts)
		*b->parked = *c->req;
}

void
ha_fsm_request(struct ha_check *c)
{
	if (c->duplicate)
		stat_inc(&c->ha->st, HA_ST_DUPLICATE);
	else if (c->bce != NULL && c->bce->op != NULL)
		park(c);
	else if (c->req->lifetime_4s == 0)
		request_deregister(c);
	else
		request_register(c);
}

/* --- without a request ------------------------------------------------- */

void
ha_fsm_end(struct ha *ha, struct bce *b, enum bce_end why)
{
	if (b->op != NULL) {
		/* settle() looks at it; a removal is under way already. */
		if (b->op->kind == HA_OP_SET)
			b->end = (uint8_t)why;
	} else if (b->state == BCE_BOUND) {
		delete_start(ha, b, why, NULL);
	} else if (b->state == BCE_DYING && b->tunnel == NULL) {
		become_gone(ha, b);
	}
}

static void
fsm_timer(struct timer *t)
{
	struct bce *b = CONTAINER_OF(t, struct bce, timer);
	struct ha *ha = b->ha;

	if (b->op != NULL) {
		b->overdue = true;
		return;
	}
	switch ((enum bce_state)b->state) {
	case BCE_BOUND:
		delete_start(ha, b, BCE_END_EXPIRED, NULL);
		break;
	case BCE_DYING:
		if (b->tunnel != NULL)		/* the kernel refused */
			delete_start(ha, b, (enum bce_end)b->end, NULL);
		else
			become_gone(ha, b);
		break;
	case BCE_GONE:
		ha_cache_remove(&ha->cache, b);
		break;
	case BCE_PENDING:
		break;
	}
}

static void
forget(void *ctx, struct hnode *n)
{
	struct ha *ha = ctx;
	struct bce *b = CONTAINER_OF(n, struct bce, by_nai);

	timer_cancel(ha->role.env->wheel, &b->timer);
	free(take_parked(b));
	if (b->op != NULL) {
		b->op->ha = NULL;	/* its answer finds nobody */
		b->op->bce = NULL;
		b->op = NULL;
	}
	ha_cache_remove(&ha->cache, b);
}

void
ha_fsm_stop(struct ha *ha)
{
	size_t cursor = 0;

	/* Removals shrink the table: start again until nothing is left. */
	while (ha->cache.by_nai != NULL && htab_count(ha->cache.by_nai) > 0) {
		if (!htab_walk(ha->cache.by_nai, &cursor, 1024, forget, ha))
			cursor = 0;
	}
}

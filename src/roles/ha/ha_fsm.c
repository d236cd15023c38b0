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
 * A PENDING entry whose address is on a home link first waits for what the link
 * says (ha_home.c); the picture is the same.
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
	ha_cache_forget(&ha->cache, b);
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
		[BCE_END_KERNEL] = HA_ST_WITHDRAWN,
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
	ha_op_end(op);
	settle(ha, b);
}

static void
delete_done(struct ha_op *op, int err)
{
	struct ha *ha = op->ha;
	struct bce *b = op->bce;
	struct ha_req *parked;

	b->overdue = false;
	if (err < 0) {
		delete_failed(ha, op, err);
		return;
	}
	log_deleted(ha, b);
	if (op->req != NULL) {
		if (op->req->has_ts)
			b->last_ts = op->req->ts;
		ha_accept(ha, op->req, b, 0, NULL, NULL);
	}
	ha_op_end(op);
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
	unpark(ha, parked);
}

/* Take the paths away; what follows is in delete_done(). */
static void
delete_start(struct ha *ha, struct bce *b, enum bce_end why,
    const struct ha_req *req)
{
	struct ha_op *op;

	timer_cancel(ha->role.env->wheel, &b->timer);
	b->end = (uint8_t)why;
	ha_home_release(ha, &b->hnp);
	b->virt = true;
	op = ha_op_new(ha, b, HA_OP_DEL, req);
	ha_path_begin(op, delete_done);
	ha_path_del(op, HA_V6, &b->hnp, b->tunnel);
	if (b->hoa4.s_addr != INADDR_ANY) {
		struct prefix p = prefix_host4(&b->hoa4);

		ha_path_del(op, HA_V4, &p, b->tunnel);
	}
	ha_path_go(op);
}

/* --- creation and handover --------------------------------------------- */

static void
log_bound(struct ha *ha, const struct bce *b, const struct ha_op *op,
    bool moved)
{
	static const char *const ev[] = { "binding-created", "binding-moved",
		"binding-changed" };
	static const enum ha_counter count[] = { HA_ST_CREATED, HA_ST_MOVED,
		HA_ST_CHANGED };
	unsigned i = op->before != BCE_BOUND ? 0 : moved ? 1 : 2;

	stat_inc(&ha->st, count[i]);
	role_event(&ha->role, ev[i],
	    KV_STRN("nai", b->nai, b->nai_len), KV_PREFIX("hnp", &b->hnp),
	    KV_IN4("hoa4", &b->hoa4),
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
	b->updated = wheel_now(ha->role.env->wheel);
	if (req->has_lla)
		b->lla = req->lla;
	if (req->has_ts)
		b->last_ts = req->ts;
	b->overdue = false;
	timer_arm(ha->role.env->wheel, &b->timer, life_us(granted_4s));
}

/* A claim that this operation has made; not what a stale path has kept. */
static void
unkeep_ours(struct ha *ha, const struct bce *b, const struct prefix *p)
{
	if (ha_cache_find_hnp(&ha->cache, p) == b)
		ha_cache_unkeep(&ha->cache, p);
}

static void
count_ip4(struct ha *ha, const struct in_addr *before,
    const struct in_addr *now)
{
	if (before->s_addr == now->s_addr)
		return;
	if (before->s_addr != INADDR_ANY)
		stat_inc(&ha->st, HA_ST_IP4_REMOVED);
	if (now->s_addr != INADDR_ANY)
		stat_inc(&ha->st, HA_ST_IP4_ADDED);
}

/* The old paths are gone, or are somebody else's trouble. */
static void
drop_done(struct ha_op *op, int err UNUSED)
{
	struct ha *ha = op->ha;
	struct bce *b = op->bce;

	for (unsigned i = 0; i < HA_PARTS; i++) {
		const struct ha_part *part = &op->part[i];

		if (part->asked && part->err < 0)
			ha_path_stale(ha, &part->path.prefix, op->tunnel,
			    op->granted_4s);
		else if (part->asked)
			ha_cache_unkeep(&ha->cache, &part->path.prefix);
	}
	tunnel_unuse(op->tunnel, op->granted_4s);
	ha_op_end(op);
	settle(ha, b);
}

/*
 * The paths of what the node has given up, after the new ones are there.  The
 * claims to it and our share in its tunnel (op->tunnel) stay until then.
 */
static void
drop_start(struct ha_op *op, const struct prefix *hnp,
    const struct in_addr *hoa4)
{
	op->req = NULL;		/* has been answered */
	op->kind = HA_OP_DROP;
	ha_path_begin(op, drop_done);
	if (hnp != NULL)
		ha_path_del(op, HA_V6, hnp, op->tunnel);
	if (hoa4 != NULL) {
		struct prefix p = prefix_host4(hoa4);

		ha_path_del(op, HA_V4, &p, op->tunnel);
	}
	ha_path_go(op);
}

/* Give the old claims up, or keep them as long as there is a path. */
static void
commit_claims(struct ha *ha, struct bce *b, const struct ha_op *op)
{
	struct ha_cache *c = &ha->cache;
	bool paths = b->tunnel != NULL;
	struct prefix old = b->hnp, p;

	if (!prefix_eq(&old, &op->hnp)) {
		ha_home_release(ha, &old);
		ha_cache_reclaim(c, b, &op->hnp);
		if (paths)
			ha_cache_keep(c, &old, b);
	}
	if (!paths && b->hoa4.s_addr != INADDR_ANY &&
	    b->hoa4.s_addr != op->hoa4.s_addr) {
		p = prefix_host4(&b->hoa4);
		ha_cache_unkeep(c, &p);
	}
}

static void
set_commit(struct ha_op *op)
{
	struct ha *ha = op->ha;
	struct bce *b = op->bce;
	struct in6_addr prev_lla = b->lla;
	struct in_addr old4 = b->hoa4;
	struct prefix old = b->hnp;
	struct dp_tunnel *old_tunnel = b->tunnel;
	uint16_t old_4s = b->lifetime_4s;
	bool moved = old_tunnel != op->tunnel;
	bool drop6 = old_tunnel != NULL && !prefix_eq(&old, &op->hnp);
	bool drop4 = old_tunnel != NULL && old4.s_addr != INADDR_ANY &&
	    old4.s_addr != op->hoa4.s_addr;

	commit_claims(ha, b, op);
	b->virt = !ha_home_hold(ha, &b->hnp);
	if (drop6 || drop4)	/* one share more, for the removal */
		tunnel_use(old_tunnel, old_4s);
	/* Make before break: the paths are over the new tunnel already. */
	let_go(ha, b);
	b->tunnel = op->tunnel;
	b->peer = op->peer;
	b->model = op->model;
	b->hoa4 = op->hoa4;
	if (op->before != BCE_BOUND) {
		b->created = wheel_now(ha->role.env->wheel);
		b->moves = 0;
	} else if (moved) {
		b->moves++;
	}
	note_request(ha, b, op->req, op->granted_4s, &op->hoa);
	ha_cache_state(&ha->cache, b, BCE_BOUND);
	ha_accept(ha, op->req, b, op->granted_4s, &prev_lla, &op->ip4);
	count_ip4(ha, &old4, &b->hoa4);
	log_bound(ha, b, op, moved);
	if (!drop6 && !drop4) {
		ha_op_end(op);
		settle(ha, b);
		return;
	}
	op->tunnel = old_tunnel;
	op->granted_4s = old_4s;
	drop_start(op, drop6 ? &old : NULL, drop4 ? &old4 : NULL);
}

/* No trace: tunnel, peer and entry are as they were. */
static void
set_fail(struct ha_op *op, enum refusal why)
{
	struct ha *ha = op->ha;
	struct bce *b = op->bce;
	struct ha_req *parked;
	struct prefix p;
	bool was = op->before == BCE_BOUND || op->before == BCE_DYING;
	uint8_t end = op->end_before;

	if (op->tunnel != NULL)
		tunnel_unuse(op->tunnel, op->granted_4s);
	ha_peer_unref(ha, op->peer);
	ha_home_undo(ha, &op->hnp);
	ha_refuse(ha, op->req, why);
	if (!prefix_eq(&b->hnp, &op->hnp))
		unkeep_ours(ha, b, &op->hnp);
	if (op->hoa4.s_addr != INADDR_ANY &&
	    op->hoa4.s_addr != b->hoa4.s_addr) {
		p = prefix_host4(&op->hoa4);
		unkeep_ours(ha, b, &p);
	}
	ha_op_end(op);
	if (was) {
		if (b->end == BCE_END_NONE)
			b->end = end;
		settle(ha, b);
		return;
	}
	parked = take_parked(b);
	b->overdue = false;
	become_gone(ha, b);	/* a new entry has no time stamp to keep */
	unpark(ha, parked);
}

/* Was there such a path before this operation? */
static bool
had_path(const struct ha_op *op, const struct prefix *p)
{
	const struct bce *b = op->bce;
	struct prefix old4 = prefix_host4(&b->hoa4);

	return b->tunnel != NULL && (prefix_eq(&b->hnp, p) ||
	    (b->hoa4.s_addr != INADDR_ANY && prefix_eq(&old4, p)));
}

static void
undo_done(struct ha_op *op, int err UNUSED)
{
	struct ha *ha = op->ha;

	for (unsigned i = 0; i < HA_PARTS; i++) {
		const struct ha_part *part = &op->part[i];

		if (!part->asked || part->err == 0)
			continue;
		if (part->del) {
			/* DYING removes what is its own itself. */
			if (!had_path(op, &part->path.prefix))
				ha_path_stale(ha, &part->path.prefix,
				    op->tunnel, op->granted_4s);
			continue;
		}
		/* It leads where the node is not: better to none at all. */
		log_err(ha->role.env->log, "ha", "path-restore-failed",
		    KV_STRN("nai", op->bce->nai, op->bce->nai_len),
		    KV_PREFIX("hnp", &part->path.prefix), KV_ERR(part->err));
		op->bce->end = BCE_END_KERNEL;
	}
	set_fail(op, REFUSE_RESOURCES);
}

/* One path is there, the other is not: put everything back. */
static void
undo_start(struct ha_op *op)
{
	struct ha_part was[HA_PARTS];

	for (unsigned i = 0; i < HA_PARTS; i++)
		was[i] = op->part[i];
	ha_path_begin(op, undo_done);
	for (unsigned i = 0; i < HA_PARTS; i++) {
		const struct prefix *p = &was[i].path.prefix;

		if (!was[i].asked || was[i].err < 0)
			continue;
		if (op->before == BCE_BOUND && had_path(op, p))
			ha_path_set(op, i, p, op->bce->tunnel);
		else
			ha_path_del(op, i, p, op->tunnel);
	}
	ha_path_go(op);
}

static void
set_done(struct ha_op *op, int err)
{
	struct ha *ha = op->ha;
	struct bce *b = op->bce;

	if (err == 0) {
		set_commit(op);
		return;
	}
	stat_inc(&ha->st, HA_ST_KERNEL_REFUSED);
	log_err(ha->role.env->log, "ha", "kernel-refused",
	    KV_STRN("nai", b->nai, b->nai_len), KV_PREFIX("hnp", &op->hnp),
	    KV_IN4("hoa4", &op->hoa4), KV_IN6("coa", &op->req->coa),
	    KV_ERR(err));
	undo_start(op);
}

/* Both paths at once, as far as they are not what they shall be already. */
static void
set_paths(struct ha_op *op)
{
	struct ha *ha = op->ha;
	struct bce *b = op->bce;
	bool all;
	int r;

	/* Our end is where the PBU was sent to (D5.2-3). */
	r = tunnel_get_hinted(ha->role.env->dp->tunnels, &op->req->dst,
	    &op->req->coa, &op->peer->last, &op->tunnel);
	if (r < 0) {
		op->tunnel = NULL;
		stat_inc(&ha->st, HA_ST_KERNEL_REFUSED);
		log_err(ha->role.env->log, "ha", "tunnel-refused",
		    KV_IN6("coa", &op->req->coa), KV_ERR(r));
		set_fail(op, REFUSE_RESOURCES);
		return;
	}
	tunnel_use(op->tunnel, op->granted_4s);
	all = op->before != BCE_BOUND || b->tunnel != op->tunnel;
	ha_path_begin(op, set_done);
	if (all || !prefix_eq(&b->hnp, &op->hnp))
		ha_path_set(op, HA_V6, &op->hnp, op->tunnel);
	if (op->hoa4.s_addr != INADDR_ANY &&
	    (all || b->hoa4.s_addr != op->hoa4.s_addr)) {
		struct prefix p = prefix_host4(&op->hoa4);

		ha_path_set(op, HA_V4, &p, op->tunnel);
	}
	ha_path_go(op);
}

/* What the home link says comes before anything in the kernel. */
static void
set_checked(struct ha_op *op, enum refusal why)
{
	if (why == REFUSE_NONE)
		set_paths(op);
	else
		set_fail(op, why);
}

/*
 * The entry to work on, the one there is or a new one, with its claims.  What
 * it has already it keeps until the kernel has answered.
 */
static struct bce *
entry_for(struct ha_check *c)
{
	struct ha *ha = c->ha;
	const struct nai nai = ha_req_nai(c->req);
	struct bce *b = c->bce;

	if (b == NULL) {
		b = ha_cache_add(&ha->cache, ha, &nai, fsm_timer);
	} else if (b->state == BCE_GONE) {
		timer_cancel(ha->role.env->wheel, &b->timer);
		ha_cache_state(&ha->cache, b, BCE_PENDING);
	}
	if (!b->indexed)
		ha_cache_claim(&ha->cache, b, &c->hnp);
	else if (!prefix_eq(&b->hnp, &c->hnp))
		ha_cache_keep(&ha->cache, &c->hnp, b);
	if (c->hoa4.s_addr != INADDR_ANY) {
		struct prefix p = prefix_host4(&c->hoa4);

		ha_cache_keep(&ha->cache, &p, b);
	}
	return b;
}

/* Until the policy changes, the next request needs no lookup. */
static void
know_profile(const struct ha_check *c, struct bce *b)
{
	b->profile = c->profile;
	b->policy_gen = c->ha->policy_gen;
}

/*
 * Route what the checks have found to the sender: creation, handover, another
 * address, or back from DYING.
 */
static void
set_start(struct ha_check *c, uint16_t granted_4s)
{
	struct bce *b = entry_for(c);
	struct ha_op *op = ha_op_new(c->ha, b, HA_OP_SET, c->req);

	op->end_before = b->end;
	b->end = BCE_END_NONE;
	know_profile(c, b);
	ha_peer_ref(c->peer);
	op->peer = c->peer;
	op->granted_4s = granted_4s;
	op->hnp = c->hnp;
	op->hoa = c->hoa;
	op->hoa4 = c->hoa4;
	op->ip4 = c->ip4;
	op->model = (uint8_t)c->profile->model;
	ha_home_check(op, set_checked);
}

/* --- requests ---------------------------------------------------------- */

/* Is everything in the kernel as it shall be? */
static bool
is_refresh(const struct ha_check *c)
{
	const struct bce *b = c->bce;

	return b != NULL && b->state == BCE_BOUND && b->tunnel != NULL &&
	    in6_eq(&b->tunnel->remote, &c->req->coa) &&
	    in6_eq(&b->tunnel->local, &c->req->dst) &&
	    prefix_eq(&b->hnp, &c->hnp) && b->hoa4.s_addr == c->hoa4.s_addr;
}

static void
refresh(struct ha_check *c, uint16_t granted_4s)
{
	struct ha *ha = c->ha;
	struct bce *b = c->bce;
	struct in6_addr prev_lla = b->lla;

	know_profile(c, b);
	tunnel_refresh(b->tunnel, b->lifetime_4s, granted_4s);
	note_request(ha, b, c->req, granted_4s, &c->hoa);
	stat_inc(&ha->st, HA_ST_REFRESHED);
	log_debug(ha->role.env->log, "ha", "binding-refreshed",
	    KV_STRN("nai", b->nai, b->nai_len), KV_PREFIX("hnp", &b->hnp),
	    KV_IN6("coa", &b->coa), KV_U("lifetime_s",
	    (uint64_t)granted_4s * MH_LIFETIME_UNIT_S));
	ha_accept(ha, c->req, b, granted_4s, &prev_lla, &c->ip4);
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

	if (why != REFUSE_NONE) {
		ha_refuse(c->ha, c->req, why);
		return;
	}
	ha_ip4_check(c);
	if (is_refresh(c))
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
		ha_accept(ha, c->req, NULL, 0, NULL, NULL);
		return;
	}
	if (b->tunnel != NULL) {
		delete_start(ha, b, BCE_END_DEREG, c->req);
		return;
	}
	/* DYING: the timer keeps running. */
	if (c->req->has_ts)
		b->last_ts = c->req->ts;
	ha_accept(ha, c->req, b, 0, NULL, NULL);
}

/* The kernel is busy with this node.  Newest time stamp wins. */
static void
park(struct ha_check *c)
{
	struct bce *b = c->bce;

	if (b->parked == NULL) {
		b->parked = malloc(sizeof(*b->parked));
		if (b->parked == NULL)
			abort();
		ha_req_copy(b->parked, c->req);
		stat_inc(&c->ha->st, HA_ST_PARKED);
		return;
	}
	if (c->req->ts == b->parked->ts) {
		stat_inc(&c->ha->st, HA_ST_DUPLICATE);
		return;
	}
	stat_inc(&c->ha->st, HA_ST_SUPERSEDED);
	if (c->req->ts > b->parked->ts)
		ha_req_copy(b->parked, c->req);
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
ha_fsm_lose_ip4(struct ha *ha, struct bce *b)
{
	struct in_addr old = b->hoa4;
	struct ha_op *op;

	/* What is under way for it will find out, or its next refresh. */
	if (b->op != NULL || b->state != BCE_BOUND ||
	    old.s_addr == INADDR_ANY)
		return;
	op = ha_op_new(ha, b, HA_OP_DROP, NULL);
	op->tunnel = b->tunnel;
	op->granted_4s = b->lifetime_4s;
	tunnel_use(op->tunnel, op->granted_4s);
	b->hoa4.s_addr = INADDR_ANY;
	count_ip4(ha, &old, &b->hoa4);
	role_event(&ha->role, "binding-changed",
	    KV_STRN("nai", b->nai, b->nai_len), KV_PREFIX("hnp", &b->hnp),
	    KV_IN4("hoa4", &b->hoa4), KV_IN6("coa", &b->coa));
	drop_start(op, NULL, &old);
}

void
ha_fsm_end(struct ha *ha, struct bce *b, enum bce_end why)
{
	if (b->op != NULL) {
		/* settle() looks at it; a removal is under way already. */
		if (b->op->kind != HA_OP_DEL)
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
	ha_path_stop(ha);
	if (ha->cache.by_nai != NULL)
		htab_each(ha->cache.by_nai, forget, ha);
	/* What was under way is nobody's now. */
	ha->last_op = NULL;
	ha->pending = 0;
}

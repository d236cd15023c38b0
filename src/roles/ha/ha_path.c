/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between the state machine and the data plane: paths that are set or removed
 * together, and what to do about one that the kernel would not give back.
 *
 * A node has one path for its prefix or address and perhaps one for its IPv4
 * address, both through the same tunnel.  An operation asks for both at once
 * and goes on when both have answered; which of them failed stands in its
 * parts.
 *
 * A path that was replaced (the node has another address now) is removed
 * afterwards.  Should the kernel refuse, the node must not suffer: the path
 * becomes a struct ha_stale, which tries again every 5 s, and until it succeeds
 * nobody can have the address, or its new path would be removed with the old
 * one.
 *
 * Implements: draft 5.3 (routes), 5.6 (IPv4 host route).
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"
#include "roles/ha/ha.h"

#define STALE_RETRY_US (5 * USEC_PER_SEC)

/* --- operations -------------------------------------------------------- */

struct ha_op *
ha_op_new(struct ha *ha, struct bce *b, enum ha_op_kind kind,
    const struct ha_req *req)
{
	struct ha_op *op = spare_get(&ha->spare_ops, sizeof(*op));

	assert(b->op == NULL);
	/* not what is large, and filled when there is any */
	memset(op, 0, offsetof(struct ha_op, part));
	op->ha = ha;
	op->earlier = ha->last_op;
	if (op->earlier != NULL)
		op->earlier->later = op;
	ha->last_op = op;
	op->bce = b;
	op->kind = kind;
	op->before = (enum bce_state)b->state;
	if (req != NULL) {
		ha_req_copy(&op->asked, req);
		op->req = &op->asked;
	}
	b->op = op;
	ha->pending++;
	return op;
}

void
ha_op_end(struct ha_op *op)
{
	struct ha *ha = op->ha;

	if (op->earlier != NULL)
		op->earlier->later = op->later;
	if (op->later != NULL)
		op->later->earlier = op->earlier;
	else
		ha->last_op = op->earlier;
	ha->pending--;
	op->bce->op = NULL;
	spare_put(&ha->spare_ops, op);
}

/* One answer less to wait for. */
static void
op_answered(struct ha_op *op)
{
	int err = 0;

	assert(op->waits > 0);
	if (--op->waits > 0)
		return;
	if (op->ha == NULL) {
		free(op);
		return;
	}
	/* The kernel answers in order: the next answer is about that one. */
	if (op->later != NULL)
		ha_cache_fetch(op->later->bce);
	for (unsigned i = 0; i < HA_PARTS && err == 0; i++)
		err = op->part[i].err;
	op->done(op, err);
}

static void
part_done(void *ctx, int err)
{
	struct ha_part *part = ctx;

	part->err = err;
	op_answered(part->op);
}

void
ha_path_begin(struct ha_op *op, ha_op_fn *done)
{
	assert(op->waits == 0);
	for (unsigned i = 0; i < HA_PARTS; i++) {
		op->part[i].op = op;
		op->part[i].asked = op->part[i].del = false;
		op->part[i].err = 0;
	}
	op->done = done;
	op->waits = 1;		/* until ha_path_go() */
}

static struct ha_part *
part_of(struct ha_op *op, unsigned i, const struct prefix *p,
    struct dp_tunnel *t)
{
	struct ha_part *part = &op->part[i];

	assert(op->waits > 0 && !part->asked && t != NULL);
	part->asked = true;
	part->path = (struct dp_path){ .side = DP_HA, .prefix = *p,
		.tunnel = t, .on_link = ha_home_is_link(op->ha, p) };
	op->waits++;
	return part;
}

void
ha_path_set(struct ha_op *op, unsigned i, const struct prefix *p,
    struct dp_tunnel *t)
{
	struct ha_part *part = part_of(op, i, p, t);
	struct dp *dp = op->ha->role.env->dp;
	int r;

	r = dp->ops->path_set(dp, &part->path, part_done, part);
	if (r < 0)
		part_done(part, r);
}

void
ha_path_del(struct ha_op *op, unsigned i, const struct prefix *p,
    struct dp_tunnel *t)
{
	struct ha_part *part = part_of(op, i, p, t);
	struct dp *dp = op->ha->role.env->dp;
	int r;

	part->del = true;
	r = dp->ops->path_del(dp, &part->path, part_done, part);
	if (r < 0)
		part_done(part, r);
}

void
ha_path_go(struct ha_op *op)
{
	op_answered(op);
}

/* --- what the kernel would not give back -------------------------------- */

static void
stale_free(struct ha_stale *s)
{
	*s->pprev = s->next;
	if (s->next != NULL)
		s->next->pprev = s->pprev;
	s->ha->nstale--;
	free(s);
}

static void
stale_done(void *ctx, int err)
{
	struct ha_stale *s = ctx;
	struct ha *ha = s->ha;

	if (ha == NULL) {
		free(s);
		return;
	}
	s->busy = false;
	if (err < 0) {
		stat_inc(&ha->st, HA_ST_KERNEL_STUCK);
		timer_arm(ha->role.env->wheel, &s->timer, STALE_RETRY_US);
		return;
	}
	ha_cache_unkeep(&ha->cache, &s->prefix);
	tunnel_unuse(s->tunnel, s->life_4s);
	stale_free(s);
}

static void
stale_retry(struct timer *t)
{
	struct ha_stale *s = CONTAINER_OF(t, struct ha_stale, timer);
	struct dp *dp = s->ha->role.env->dp;
	struct dp_path path = { .side = DP_HA, .prefix = s->prefix,
		.tunnel = s->tunnel,
		.on_link = ha_home_is_link(s->ha, &s->prefix) };
	int r;

	s->busy = true;
	r = dp->ops->path_del(dp, &path, stale_done, s);
	if (r < 0)
		stale_done(s, r);
}

void
ha_path_stale(struct ha *ha, const struct prefix *p, struct dp_tunnel *t,
    uint16_t life_4s)
{
	struct ha_stale *s = calloc(1, sizeof(*s));

	if (s == NULL)
		abort();
	stat_inc(&ha->st, HA_ST_KERNEL_STUCK);
	log_err(ha->role.env->log, "ha", "path-removal-failed",
	    KV_PREFIX("hnp", p), KV_IN6("coa", &t->remote),
	    KV_STR("hint", "tried again every 5 s"));
	s->ha = ha;
	s->prefix = *p;
	s->tunnel = t;
	s->life_4s = life_4s;
	tunnel_use(t, life_4s);
	ha_cache_keep(&ha->cache, p, NULL);
	s->next = ha->stale;
	s->pprev = &ha->stale;
	if (s->next != NULL)
		s->next->pprev = &s->next;
	ha->stale = s;
	ha->nstale++;
	timer_init(&s->timer, stale_retry);
	timer_arm(ha->role.env->wheel, &s->timer, STALE_RETRY_US);
}

void
ha_path_stop(struct ha *ha)
{
	struct ha_stale *s, *next;

	for (s = ha->stale; s != NULL; s = next) {
		next = s->next;
		timer_cancel(ha->role.env->wheel, &s->timer);
		if (s->busy)
			s->ha = NULL;	/* its answer finds nobody */
		else
			free(s);
	}
	ha->stale = NULL;
	ha->nstale = 0;
	spare_done(&ha->spare_ops);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The data plane's side of one mobile node: host its prefix on the access link
 * and send what comes from it through the tunnel (draft 6.7).
 *
 * The entry says what it wants, path_sync() compares with what there is and
 * starts one operation; the answer, which may come at once, brings us back
 * here.  So a node that leaves or moves while the kernel is busy needs no case
 * of its own.
 *
 * A removal that the kernel refuses is tried again, for what stays behind would
 * draw the node's traffic here when it is long elsewhere.  After that the end
 * of the tunnel, or the next start, has to take it.
 *
 * The tunnel is counted from acceptance until its path is gone.
 */
#include <errno.h>
#include <stdlib.h>

#include "core/util.h"
#include "roles/pma/pma.h"

#define REMOVE_TRIES 10
#define REMOVE_RETRY (1 * USEC_PER_SEC)	/* and doubling, up to ... */
#define REMOVE_RETRY_MAX (32 * USEC_PER_SEC)
#define LOG(b) ((b)->pma->role.env->log)

/* Outlives the entry when the role stops meanwhile. */
struct bul_op {
	struct bule *b;
	bool set;
	uint32_t ifindex;
	struct mac mac;
};

static struct dp_path
path_of(const struct bule *b)
{
	return (struct dp_path){ .side = DP_PMA, .prefix = b->hnp,
		.tunnel = b->tunnel };
}

static void
let_go_of_tunnel(struct bule *b)
{
	struct dp_tunnel *t = b->tunnel;

	if (t == NULL)
		return;
	b->tunnel = NULL;
	tunnel_unuse(t, b->lifetime_4s);
}

/* What is in the kernel now is uncertain: at least what was. */
static void
removal_failed(struct bule *b, int err)
{
	struct wheel *w = b->pma->role.env->wheel;

	log_err(LOG(b), b->pma->role.ops->name, "dataplane-removal-refused",
	    KV_STR("nai", b->nai), KV_PREFIX("hnp", &b->hnp), KV_ERR(err));
	b->path_doubt = true;
	if (b->path_want) {
		path_sync(b);
	} else if (++b->path_tries < REMOVE_TRIES) {
		timer_arm(w, &b->t_path, MIN_OF(REMOVE_RETRY <<
		    (b->path_tries - 1), REMOVE_RETRY_MAX));
	} else {
		b->path_have = b->path_doubt = false;
		b->path_tries = 0;
		fsm_path_done(b, 0);
	}
}

void
path_timer(struct timer *t)
{
	path_sync(CONTAINER_OF(t, struct bule, t_path));
}

static void
op_done(void *ctx, int err)
{
	struct bul_op *op = ctx;
	struct bule *b = op->b;
	bool set = op->set;

	if (b == NULL) {		/* the role has stopped */
		free(op);
		return;
	}
	b->op = NULL;
	if (err == 0) {
		b->path_have = op->set;
		b->path_ifindex = op->set ? op->ifindex : 0;
		b->path_mac = op->mac;
		b->path_doubt = false;
		b->path_tries = 0;
	}
	free(op);
	if (err < 0 && !set)
		removal_failed(b, err);
	else
		fsm_path_done(b, err);
}

static int
start(struct bule *b, bool set)
{
	struct dp *dp = b->pma->role.env->dp;
	struct bul_op *op = calloc(1, sizeof(*op));
	struct dp_path path = path_of(b);
	int r;

	if (op == NULL)
		return -ENOMEM;
	op->b = b;
	op->set = set;
	if (set) {
		path.access_ifindex = op->ifindex = b->access->lif.ifindex;
		path.mac = op->mac = b->mac;
	} else {
		path.access_ifindex = b->path_ifindex;
		path.mac = b->path_mac;
	}
	b->op = op;
	r = set ? dp->ops->path_set(dp, &path, op_done, op) :
	    dp->ops->path_del(dp, &path, op_done, op);
	if (r < 0) {
		b->op = NULL;
		free(op);
	}
	return r;
}

/* Is what there is what is wanted? */
static bool
in_order(const struct bule *b)
{
	if (!b->path_want || b->access == NULL)
		return !b->path_have;
	return b->path_have && !b->path_doubt &&
	    b->path_ifindex == b->access->lif.ifindex &&
	    mac_eq(&b->path_mac, &b->mac);
}

bool
path_ready(const struct bule *b)
{
	return b->path_want && b->op == NULL && in_order(b);
}

void
path_sync(struct bule *b)
{
	bool set = b->path_want && b->access != NULL && b->tunnel != NULL;
	int r;

	if (b->op != NULL)
		return;			/* op_done() looks again */
	if (timer_armed(&b->t_path)) {
		if (!set)
			return;		/* a removal is to be tried again */
		timer_cancel(b->pma->role.env->wheel, &b->t_path);
	}
	if (in_order(b)) {
		if (!b->path_want)
			let_go_of_tunnel(b);
		if (b->gone)
			list_free(b);
		return;
	}
	if (!set && !b->path_have)
		return;
	r = start(b, set);
	if (r < 0 && !set)
		removal_failed(b, r);
	else if (r < 0)
		fsm_path_done(b, r);
}

void
path_drop(struct bule *b)
{
	struct dp *dp = b->pma->role.env->dp;
	struct dp_path path = path_of(b);

	if (b->op != NULL) {
		b->op->b = NULL;
		b->op = NULL;
		b->path_have = true;	/* it may come to be */
	}
	if (b->path_have && b->tunnel != NULL) {
		path.access_ifindex = b->path_ifindex;
		path.mac = b->path_mac;
		(void)dp->ops->path_del(dp, &path, NULL, NULL);
	}
	b->path_have = false;
	let_go_of_tunnel(b);
}

void
path_abandon(struct bule *b)
{
	if (b->op != NULL) {
		b->op->b = NULL;
		b->op = NULL;
	}
	b->path_have = false;
	b->tunnel = NULL;	/* the table goes with the data plane */
}

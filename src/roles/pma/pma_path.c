/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The data plane's side of one mobile node: host its prefix or address on the
 * access link and send what comes from it through the tunnel (draft 6.7).
 *
 * A node has a path for its prefix (Per-MN-Prefix) or its address
 * (Shared-Prefix), and perhaps one for its IPv4 address; for a while also
 * those that it had before and that the kernel has not given back yet.  Each
 * is a struct bul_path, which says what is wanted and what there is.
 * path_sync() compares and starts one operation on each that differs; the
 * answer, which may come at once, brings us back here.  So a node that leaves,
 * moves or gets another address while the kernel is busy needs no case of its
 * own.
 *
 * A removal that the kernel refuses is tried again, for what stays behind would
 * draw the node's traffic here when it is long elsewhere.  After that the end
 * of the tunnel, or the next start, has to take it.
 *
 * The tunnel is counted from acceptance until the last path is gone.
 */
#include <errno.h>
#include <stdlib.h>

#include "core/util.h"
#include "roles/pma/pma.h"

#define REMOVE_TRIES 10
#define REMOVE_RETRY (1 * USEC_PER_SEC)	/* and doubling, up to ... */
#define REMOVE_RETRY_MAX (32 * USEC_PER_SEC)
/* Two in use, and a few that the kernel will not give back. */
#define PATHS_MAX 6
#define LOG(b) ((b)->pma->role.env->log)

/* Made when the kernel first refuses to remove a path. */
struct path_retry {
	struct timer timer;
	struct bul_path *p;
};

/* Outlives the entry when the role stops during an operation. */
struct bul_path {
	struct bul_path *next;
	struct bule *b;			/* NULL: the role has stopped */
	struct prefix prefix;
	struct path_retry *retry;	/* next try of a removal; NULL */
	struct {
		uint32_t ifindex;
		struct mac mac;
		bool native;		/* of a visitor: in no tunnel */
	} at, to;			/* how it is hosted; is going to be */
	bool want;			/* it is to be there */
	bool have;			/* and is, at `at` */
	bool doubt;			/* a removal failed: is it? */
	bool busy;			/* an operation is under way */
	bool set;			/* which one */
	uint8_t tries;			/* removals that failed */
};

static struct dp_path
dp_path_of(const struct bul_path *p)
{
	/* what is under way may come to be */
	return (struct dp_path){ .side = DP_PMA, .prefix = p->prefix,
		.tunnel = (p->busy ? p->to.native : p->at.native) ? NULL :
		    p->b->tunnel,
		.access_ifindex = p->busy ? p->to.ifindex : p->at.ifindex,
		.mac = p->busy ? p->to.mac : p->at.mac };
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

static struct wheel *
wheel_of(const struct bule *b)
{
	return b->pma->role.env->wheel;
}

static void
retry(struct timer *t)
{
	path_sync(CONTAINER_OF(t, struct path_retry, timer)->p->b);
}

/* False: it cannot be. */
static bool
retry_later(struct bul_path *p)
{
	if (p->retry == NULL) {
		p->retry = calloc(1, sizeof(*p->retry));
		if (p->retry == NULL)
			return false;
		p->retry->p = p;
		timer_init(&p->retry->timer, retry);
	}
	timer_arm(wheel_of(p->b), &p->retry->timer, MIN_OF(REMOVE_RETRY <<
	    (p->tries - 1), REMOVE_RETRY_MAX));
	return true;
}

static void
retry_never(struct bul_path *p)
{
	if (p->retry != NULL)
		timer_cancel(wheel_of(p->b), &p->retry->timer);
	free(p->retry);
	p->retry = NULL;
}

/* What is in the kernel now is uncertain: at least what was. */
static void
removal_failed(struct bul_path *p, int err)
{
	struct bule *b = p->b;

	log_err(LOG(b), b->pma->role.ops->name, "dataplane-removal-refused",
	    KV_STR("nai", b->nai), KV_PREFIX("prefix", &p->prefix),
	    KV_ERR(err));
	p->doubt = true;
	if (p->want)
		return;			/* it will be set again */
	if (++p->tries >= REMOVE_TRIES || !retry_later(p))
		p->have = p->doubt = false;
}

/* The state machine hears of it; what it asks for then, path_sync() does. */
static void
report(struct bul_path *p, int err)
{
	struct bule *b = p->b;
	bool outer = b->syncing;

	if (err < 0)
		p->want = false;	/* not again by ourselves */
	b->syncing = true;
	fsm_path_done(b, p->prefix.family, err);
	b->syncing = outer;
}

static void
op_done(void *ctx, int err)
{
	struct bul_path *p = ctx;
	struct bule *b = p->b;

	if (b == NULL) {		/* the role has stopped */
		free(p);
		return;
	}
	p->busy = false;
	if (err == 0) {
		p->have = p->set;
		p->at = p->to;
		p->doubt = false;
		p->tries = 0;
	}
	if (!p->set && err < 0)
		removal_failed(p, err);
	else if (p->set && p->want)
		report(p, err);
	path_sync(b);
}

/* Begin to set or to remove it. */
static void
start(struct bul_path *p, bool set)
{
	struct bule *b = p->b;
	struct dp *dp = b->pma->role.env->dp;
	struct dp_path path;
	int r;

	if (set) {
		p->to.ifindex = b->access->lif.ifindex;
		p->to.mac = b->mac;
		p->to.native = b->visitor;
	} else {
		p->to = p->at;
	}
	p->set = set;
	p->busy = true;
	path = dp_path_of(p);
	r = set ? dp->ops->path_set(dp, &path, op_done, p) :
	    dp->ops->path_del(dp, &path, op_done, p);
	if (r < 0)
		op_done(p, r);
}

/* Is what there is what is wanted? */
static bool
in_order(const struct bul_path *p)
{
	const struct bule *b = p->b;

	if (!p->want || b->access == NULL)
		return !p->have;
	return p->have && !p->doubt && p->at.native == b->visitor &&
	    p->at.ifindex == b->access->lif.ifindex &&
	    mac_eq(&p->at.mac, &b->mac);
}

static void
sync_one(struct bul_path *p)
{
	bool set = p->want && p->b->access != NULL &&
	    (p->b->tunnel != NULL || p->b->visitor);

	if (p->busy)
		return;			/* op_done() looks again */
	if (p->retry != NULL && timer_armed(&p->retry->timer)) {
		if (!set)
			return;		/* a removal is to be tried again */
		retry_never(p);
	}
	if (!in_order(p) && (set || p->have))
		start(p, set);
}

/* Free what is neither wanted nor there. */
static void
sweep(struct bule *b)
{
	struct bul_path **at = &b->paths, *p;

	while ((p = *at) != NULL) {
		if (p->want || p->have || p->busy) {
			at = &p->next;
			continue;
		}
		*at = p->next;
		retry_never(p);
		free(p);
	}
}

void
path_sync(struct bule *b)
{
	bool had = b->paths != NULL;

	/* Answers that come at once lead back here: the loop sees to them. */
	b->sync_again = true;
	if (b->syncing)
		return;
	b->syncing = true;
	while (b->sync_again) {
		b->sync_again = false;
		for (struct bul_path *p = b->paths; p != NULL; p = p->next)
			sync_one(p);
	}
	b->syncing = false;
	sweep(b);
	if (b->paths != NULL)
		return;
	let_go_of_tunnel(b);
	if (b->gone)
		list_free(b);
	else if (had)
		fsm_path_idle(b);
}

/* Its path for that prefix, made when there is none. NULL: too many, memory. */
static struct bul_path *
path_for(struct bule *b, const struct prefix *prefix)
{
	struct bul_path *p;
	unsigned n = 0;

	for (p = b->paths; p != NULL; p = p->next, n++) {
		if (prefix_eq(&p->prefix, prefix))
			return p;
	}
	if (n >= PATHS_MAX || (p = calloc(1, sizeof(*p))) == NULL)
		return NULL;
	p->b = b;
	p->prefix = *prefix;
	p->next = b->paths;		/* first: make before break */
	b->paths = p;
	return p;
}

static bool
unwant(struct bule *b, int family)
{
	bool changed = false;

	for (struct bul_path *p = b->paths; p != NULL; p = p->next) {
		if (family != AF_UNSPEC && p->prefix.family != family)
			continue;
		changed |= p->want;
		p->want = false;
	}
	return changed;
}

int
path_want(struct bule *b, const struct prefix *prefix)
{
	struct bul_path *p = path_for(b, prefix);

	(void)unwant(b, prefix->family);
	if (p != NULL)
		p->want = true;
	path_sync(b);
	return p != NULL ? 0 : -ENOBUFS;
}

void
path_unwant(struct bule *b, int family)
{
	if (unwant(b, family) || family == AF_UNSPEC)
		path_sync(b);
}

static const struct bul_path *
wanted(const struct bule *b, int family)
{
	const struct bul_path *p = b->paths;

	while (p != NULL && !(p->want && p->prefix.family == family))
		p = p->next;
	return p;
}

bool
path_ready(const struct bule *b, int family)
{
	const struct bul_path *p = wanted(b, family);

	return p != NULL && !p->busy && b->access != NULL && in_order(p);
}

bool
path_hosted(const struct bule *b, int family)
{
	const struct bul_path *p = wanted(b, family);

	return p != NULL && p->have;
}

/* Let go of an entry's paths; those under way free themselves. */
static void
forget_all(struct bule *b, bool remove)
{
	struct dp *dp = b->pma->role.env->dp;
	struct bul_path *p;

	while ((p = b->paths) != NULL) {
		struct dp_path path = dp_path_of(p);

		b->paths = p->next;
		retry_never(p);
		if (remove && (p->have || p->busy))
			(void)dp->ops->path_del(dp, &path, NULL, NULL);
		p->b = NULL;
		if (!p->busy)
			free(p);
	}
}

void
path_drop(struct bule *b)
{
	forget_all(b, true);
	let_go_of_tunnel(b);
}

void
path_abandon(struct bule *b)
{
	forget_all(b, false);
	b->tunnel = NULL;	/* the table goes with the data plane */
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tunnels of a data plane: found by (local, remote), counted by their
 * users, created by the first and deleted after the last (PROTOCOL 5.3).
 *
 *            tunnel_get()                 last tunnel_unuse(),
 *             / pin()                       tunnel_release()
 *   ABSENT ------------> UP (0..n users) ------------------> ABSENT
 *                        |  ^
 *      Tunnel-Life ended |  | tunnel_get(), _use(), _refresh()
 *                        v  |
 *                        DOWN: no device, but somebody still points at it
 *
 * Tunnel-Life is the longest of the users' lifetimes, each counted from its
 * last refresh (D5.2-5, D5.2-8).  Users of equal lifetime share a class, and
 * classes are sorted by lifetime, so that a refresh is one binary search.  A
 * class remembers only its latest refresh; thus Tunnel-Life may be later than
 * exact, never earlier.  The timer is lazy too: it is moved only forward, and
 * looks again when it fires.
 *
 * Users normally leave by the timers of their own bindings, which end with
 * Tunnel-Life at the latest.  The expiry here is what makes D5.2-6 true when
 * one does not (the kernel refuses to remove its route, say); so it waits
 * EXPIRY_GRACE longer than they.
 *
 * Implements: D5.2-1..9, D6.6-1..5.
 */
#include "dataplane/dp.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"
#include "core/htab.h"
#include "core/log.h"
#include "core/util.h"

#define MOD "tunnel"
#define EXPIRY_GRACE (5 * USEC_PER_SEC)
#define LIFE_UNIT (4 * USEC_PER_SEC)
#define IPV6_MIN_MTU 1280	/* RFC 8200 section 5 */

/* A tunnel as the table keeps it. */
struct tunnel_entry {
	struct dp_tunnel t;
	struct hnode node;
	struct tunnel_entry *prev;
};

struct tunnel_table {
	struct dp *dp;
	struct wheel *wheel;
	struct log *log;
	struct htab *index;
	struct hash_key key;
	struct tunnel_entry *first, *last;
	struct tunnel_cursor *cursors;
	uint32_t count, max;
	uint64_t gone;			/* tunnels deleted so far */
};

struct tunnel_key {
	struct in6_addr local, remote;
};

static struct tunnel_entry *
tunnel_entry(struct dp_tunnel *t)
{
	return CONTAINER_OF(t, struct tunnel_entry, t);
}

static uint32_t
tunnel_hash(const struct tunnel_table *tt, const struct tunnel_key *k)
{
	return (uint32_t)hash_bytes(&tt->key, k, sizeof(*k));
}

static bool
tunnel_key_eq(const struct hnode *n, const void *key)
{
	const struct tunnel_entry *e = CONTAINER_OF(n,
	    const struct tunnel_entry, node);
	const struct tunnel_key *k = key;

	return in6_eq(&e->t.local, &k->local) &&
	    in6_eq(&e->t.remote, &k->remote);
}

/* --- Tunnel-Life --------------------------------------------------------- */

/* Where a class of that lifetime is, or would be. */
static size_t
tunnel_class(const struct dp_tunnel *t, uint32_t lifetime_4s)
{
	size_t lo = 0, hi = t->nlife;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (t->life[mid].lifetime_4s < lifetime_4s)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void
tunnel_class_join(struct dp_tunnel *t, uint32_t lifetime_4s)
{
	size_t i = tunnel_class(t, lifetime_4s);
	struct tunnel_life *l;

	if (i == t->nlife || t->life[i].lifetime_4s != lifetime_4s) {
		if (t->nlife == t->caplife) {
			/* Lifetimes have 16 bits on the wire, and so has n. */
			size_t cap = MIN_OF((size_t)t->caplife * 2 + 4,
			    UINT16_MAX);

			assert(t->nlife < UINT16_MAX);
			l = realloc(t->life, cap * sizeof(*l));
			if (l == NULL)
				abort();
			t->life = l;
			t->caplife = (uint16_t)cap;
		}
		memmove(&t->life[i + 1], &t->life[i],
		    (t->nlife - i) * sizeof(*t->life));
		t->nlife++;
		t->life[i] = (struct tunnel_life){ .lifetime_4s = lifetime_4s };
	}
	t->life[i].users++;
	t->life[i].refreshed = wheel_now(t->table->wheel);
}

static void
tunnel_class_leave(struct dp_tunnel *t, uint32_t lifetime_4s)
{
	size_t i = tunnel_class(t, lifetime_4s);

	assert(i < t->nlife && t->life[i].lifetime_4s == lifetime_4s);
	if (--t->life[i].users > 0)
		return;
	t->nlife--;
	memmove(&t->life[i], &t->life[i + 1],
	    (t->nlife - i) * sizeof(*t->life));
}

usec_t
tunnel_life_end(const struct dp_tunnel *t)
{
	usec_t end = 0;

	for (size_t i = 0; i < t->nlife; i++) {
		usec_t e = t->life[i].refreshed +
		    (usec_t)t->life[i].lifetime_4s * LIFE_UNIT;

		if (i == 0 || e > end)
			end = e;
	}
	return end;
}

/* Somebody's lifetime runs from now: the timer may have to wait longer. */
static void
tunnel_prolong(struct dp_tunnel *t, uint32_t lifetime_4s)
{
	usec_t delay = (usec_t)lifetime_4s * LIFE_UNIT + EXPIRY_GRACE;

	if (!timer_armed(&t->expiry) ||
	    timer_left(t->table->wheel, &t->expiry) < delay)
		timer_arm(t->table->wheel, &t->expiry, delay);
}

static void
tunnel_expired(struct timer *tm)
{
	struct dp_tunnel *t = CONTAINER_OF(tm, struct dp_tunnel, expiry);
	struct tunnel_table *tt = t->table;
	usec_t left;

	if (t->users == 0)
		return;
	left = tunnel_life_end(t) + EXPIRY_GRACE - wheel_now(tt->wheel);
	if (left > 0) {
		timer_arm(tt->wheel, &t->expiry, left);
		return;
	}
	if (!t->up || t->is_static)
		return;
	log_warn(tt->log, MOD, "tunnel-expired", KV_IN6("local", &t->local),
	    KV_IN6("remote", &t->remote), KV_U("users", t->users));
	t->up = false;
	tt->dp->ops->tunnel_down(tt->dp, t);
}

/* --- the table ----------------------------------------------------------- */

struct tunnel_table *
tunnel_table_new(struct dp *dp, struct wheel *w, struct log *log,
    uint32_t max_tunnels)
{
	struct tunnel_table *tt = calloc(1, sizeof(*tt));

	if (tt == NULL)
		abort();
	tt->dp = dp;
	tt->wheel = w;
	tt->log = log;
	tt->max = max_tunnels;
	tt->index = htab_new();
	hash_key_random(&tt->key);
	return tt;
}

static void
tunnel_unlink(struct tunnel_table *tt, struct tunnel_entry *e)
{
	struct dp_tunnel *t = &e->t;

	htab_remove(tt->index, &e->node);
	for (struct tunnel_cursor *c = tt->cursors; c != NULL; c = c->other) {
		if (c->met == t)
			c->met = e->prev == NULL ? NULL : &e->prev->t;
	}
	if (e->prev != NULL)
		e->prev->t.next = t->next;
	else
		tt->first = t->next == NULL ? NULL : tunnel_entry(t->next);
	if (t->next != NULL)
		tunnel_entry(t->next)->prev = e->prev;
	else
		tt->last = e->prev;
	tt->count--;
	tt->gone++;
}

static void
tunnel_destroy(struct dp_tunnel *t)
{
	struct tunnel_table *tt = t->table;

	timer_cancel(tt->wheel, &t->expiry);
	tunnel_unlink(tt, tunnel_entry(t));
	if (t->up)
		tt->dp->ops->tunnel_down(tt->dp, t);
	log_debug(tt->log, MOD, "tunnel-deleted", KV_IN6("local", &t->local),
	    KV_IN6("remote", &t->remote));
	free(t->life);
	free(tunnel_entry(t));
}

void
tunnel_table_free(struct tunnel_table *tt)
{
	if (tt == NULL)
		return;
	while (tt->first != NULL)
		tunnel_destroy(&tt->first->t);
	htab_free(tt->index);
	free(tt);
}

struct dp_tunnel *
tunnel_find(struct tunnel_table *tt, const struct in6_addr *local,
    const struct in6_addr *remote)
{
	struct tunnel_key k = { *local, *remote };
	struct hnode *n = htab_find(tt->index, tunnel_hash(tt, &k),
	    tunnel_key_eq, &k);

	return n == NULL ? NULL :
	    &CONTAINER_OF(n, struct tunnel_entry, node)->t;
}

static int
tunnel_bring_up(struct dp_tunnel *t)
{
	int r;

	if (t->up)
		return 0;
	r = t->table->dp->ops->tunnel_up(t->table->dp, t);
	if (r < 0) {
		log_err(t->table->log, MOD, "tunnel-refused",
		    KV_IN6("local", &t->local), KV_IN6("remote", &t->remote),
		    KV_ERR(r));
		return r;
	}
	t->up = true;
	return 0;
}

static void
tunnel_link(struct tunnel_table *tt, struct tunnel_entry *e)
{
	struct tunnel_key k = { e->t.local, e->t.remote };

	htab_insert(tt->index, &e->node, tunnel_hash(tt, &k));
	e->prev = tt->last;
	if (tt->last != NULL)
		tt->last->t.next = &e->t;
	else
		tt->first = e;
	tt->last = e;
	tt->count++;
}

int
tunnel_get(struct tunnel_table *tt, const struct in6_addr *local,
    const struct in6_addr *remote, struct dp_tunnel **ret)
{
	struct dp_tunnel *t = tunnel_find(tt, local, remote);
	struct tunnel_entry *e;
	int r;

	if (t != NULL) {
		r = tunnel_bring_up(t);
		if (r == 0)
			*ret = t;
		return r;
	}
	if (tt->count >= tt->max)
		return -ENOSPC;
	e = calloc(1, sizeof(*e));
	if (e == NULL)
		return -ENOMEM;
	t = &e->t;
	t->local = *local;
	t->remote = *remote;
	t->mtu = DP_MTU_DEFAULT - DP_TUNNEL_OVERHEAD;
	t->created = wheel_now(tt->wheel);
	t->table = tt;
	timer_init(&t->expiry, tunnel_expired);
	r = tunnel_bring_up(t);
	if (r < 0) {
		free(e);
		return r;
	}
	tunnel_link(tt, e);
	log_debug(tt->log, MOD, "tunnel-created", KV_IN6("local", local),
	    KV_IN6("remote", remote), KV_U("mtu", t->mtu));
	*ret = t;
	return 0;
}

int
tunnel_get_hinted(struct tunnel_table *tt, const struct in6_addr *local,
    const struct in6_addr *remote, struct tunnel_hint *hint,
    struct dp_tunnel **ret)
{
	struct dp_tunnel *t = hint->gone == tt->gone ? hint->tunnel : NULL;
	int r;

	if (t == NULL || !t->up || !in6_eq(&t->remote, remote) ||
	    !in6_eq(&t->local, local)) {
		r = tunnel_get(tt, local, remote, &t);
		if (r < 0)
			return r;
		*hint = (struct tunnel_hint){ t, tt->gone };
	}
	*ret = t;
	return 0;
}

int
tunnel_pin(struct tunnel_table *tt, const struct in6_addr *local,
    const struct in6_addr *remote, struct dp_tunnel **ret)
{
	int r = tunnel_get(tt, local, remote, ret);

	if (r == 0)
		(*ret)->is_static = true;
	return r;
}

void
tunnel_unpin(struct dp_tunnel *t)
{
	t->is_static = false;
	tunnel_release(t);
}

void
tunnel_use(struct dp_tunnel *t, uint32_t lifetime_4s)
{
	tunnel_class_join(t, lifetime_4s);
	t->users++;
	tunnel_prolong(t, lifetime_4s);
	(void)tunnel_bring_up(t);
}

void
tunnel_refresh(struct dp_tunnel *t, uint32_t old_4s, uint32_t new_4s)
{
	if (old_4s == new_4s) {
		size_t i = tunnel_class(t, new_4s);

		assert(i < t->nlife && t->life[i].lifetime_4s == new_4s);
		t->life[i].refreshed = wheel_now(t->table->wheel);
	} else {
		tunnel_class_leave(t, old_4s);
		tunnel_class_join(t, new_4s);
	}
	tunnel_prolong(t, new_4s);
	(void)tunnel_bring_up(t);
}

void
tunnel_unuse(struct dp_tunnel *t, uint32_t lifetime_4s)
{
	assert(t->users > 0);
	tunnel_class_leave(t, lifetime_4s);
	if (--t->users == 0)
		timer_cancel(t->table->wheel, &t->expiry);
	tunnel_release(t);
}

void
tunnel_release(struct dp_tunnel *t)
{
	if (t->users == 0 && !t->is_static)
		tunnel_destroy(t);
}

struct dp_tunnel *
tunnel_first(struct tunnel_table *tt)
{
	return tt->first == NULL ? NULL : &tt->first->t;
}

void
tunnel_cursor_init(struct tunnel_cursor *c, struct tunnel_table *tt)
{
	*c = (struct tunnel_cursor){ .table = tt, .other = tt->cursors };
	tt->cursors = c;
}

struct dp_tunnel *
tunnel_cursor_next(struct tunnel_cursor *c)
{
	c->met = c->met != NULL ? c->met->next : tunnel_first(c->table);
	return c->met;
}

uint32_t
tunnel_count(const struct tunnel_table *tt)
{
	return tt->count;
}

void
tunnel_set_path_mtu(struct dp_tunnel *t, uint32_t path_mtu)
{
	struct dp *dp = t->table->dp;
	uint32_t mtu = path_mtu < IPV6_MIN_MTU + DP_TUNNEL_OVERHEAD ?
	    IPV6_MIN_MTU : path_mtu - DP_TUNNEL_OVERHEAD;

	if (mtu == t->mtu)
		return;
	log_info(t->table->log, MOD, "mtu", KV_IN6("remote", &t->remote),
	    KV_U("from", t->mtu), KV_U("to", mtu));
	t->mtu = mtu;
	/* While it comes up nobody uses it, so nobody need be told. */
	if (t->up && dp->mtu_changed != NULL)
		dp->mtu_changed(dp->mtu_ctx, t);
}

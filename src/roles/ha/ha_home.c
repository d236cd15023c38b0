/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses of a shared prefix that exists on a real link of ours (D5.1-4,
 * A38): the link's hosts must not have the address, and must find the node
 * behind us while it is bound.
 *
 *                 ask the link            nobody answers          path is set
 *   registration -------------> CHECKING ----------------> CHECKED ---------.
 *                                  | somebody has it: 134                   v
 *                                  v                          binding ends HELD
 *                               (gone) <------------------------------------'
 *
 * CHECKING (RFC 4862 5.4): one Neighbour Solicitation from ::, then we listen
 * for `detection-time`.  An advertisement of the address, or another's
 * solicitation from ::, means that it is taken; so does an address of our own.
 * A refresh and a handover ask nobody: the address is HELD already.
 *
 * HELD (RFC 6275 10.4.1): three unsolicited advertisements with the Override
 * flag make the hosts forget what they knew; afterwards every solicitation is
 * answered with our link-layer address, without Override as RFC 4861 7.2.8 has
 * it for proxies.  A host that tests the address for duplicates is told that
 * there is one.  Somebody who advertises it all the same is contradicted,
 * seldom, and the operator is told.
 *
 * A link that is down or not there cannot be asked: 130, the PMA comes back.
 * When it appears (again) the groups are joined and the addresses advertised,
 * a few at a time.
 *
 * Nothing of this for a prefix that no home-links entry covers (D5.1-4: it is
 * virtual), and never in the Per-MN-Prefix model (D5-8, D5.9-10).
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"
#include "roles/ha/ha.h"

#define ANNOUNCE_COUNT 3	/* RFC 4861 MAX_NEIGHBOR_ADVERTISEMENT */
#define ANNOUNCE_US USEC_PER_SEC	/* RetransTimer */
#define RENEW_BATCH 64		/* addresses a tick, when a link came */
#define RENEW_TICK_US USEC_PER_MSEC
/* Contradictions a second, for all addresses together, and log lines. */
#define CONFLICT_BURST 10
#define CONFLICT_PER_SEC 1

enum home_state { HOME_CHECKING, HOME_CHECKED, HOME_HELD };

/* A configured link. */
struct ha_link {
	struct prefix prefix;
	usec_t detection_us;
	char name[sizeof(((struct link_if *)NULL)->name)];
	struct link_if lif;		/* ifindex 0: not there */
	uint32_t joined;		/* where we joined for the anycast
					 * address, 0 none */
	uint32_t breaks;		/* times it went down or away */
};

/* An address on one of them. */
struct ha_home {
	struct hnode node;
	struct ha *ha;
	struct ha_link *link;
	struct ha_op *op;		/* CHECKING: what waits for it */
	ha_home_fn *done;
	struct timer timer;		/* CHECKING: its end; HELD: the next
					 * advertisement */
	struct in6_addr addr;
	uint32_t joined;		/* interface where we joined, 0 none */
	uint32_t breaks;		/* CHECKING: the link's at its start */
	uint8_t announce;		/* advertisements to come */
	uint8_t state;			/* enum home_state */
};

struct ha_homes {
	struct ha *ha;
	struct ha_link *links;
	size_t nlinks;
	struct htab *addrs;
	struct hash_key key;
	struct ratelimit rl_conflict;
	struct timer renew;		/* a link came: go through all */
	size_t cursor;
};

/* --- the table --------------------------------------------------------- */

static uint32_t
home_hash(const struct ha_homes *h, const struct in6_addr *a)
{
	return (uint32_t)hash_bytes(&h->key, a, sizeof(*a));
}

static bool
home_eq(const struct hnode *n, const void *key)
{
	return in6_eq(&CONTAINER_OF(n, const struct ha_home, node)->addr, key);
}

static struct ha_home *
home_find(const struct ha *ha, const struct in6_addr *a)
{
	const struct ha_homes *h = ha->homes;
	struct hnode *n = htab_find(h->addrs, home_hash(h, a), home_eq, a);

	return n == NULL ? NULL : CONTAINER_OF(n, struct ha_home, node);
}

static struct ha_link *
link_of(const struct ha *ha, const struct prefix *p)
{
	const struct ha_homes *h = ha->homes;

	for (size_t i = 0; i < h->nlinks; i++) {
		if (prefix_overlaps(&h->links[i].prefix, p))
			return &h->links[i];
	}
	return NULL;
}

bool
ha_home_is_link(const struct ha *ha, const struct prefix *p)
{
	return link_of(ha, p) != NULL;
}

static bool
is_usable(const struct ha_link *l)
{
	return l->lif.ifindex != 0 && l->lif.up;
}

/* --- out --------------------------------------------------------------- */

static void
join(struct ha_home *e)
{
	struct link_io *io = e->ha->role.env->link;
	const struct link_if *lif = &e->link->lif;
	struct in6_addr group;

	if (e->joined == lif->ifindex || lif->ifindex == 0)
		return;
	nd_solicited_node(&e->addr, &group);
	if (io->ops->join(io, lif, &group) == 0)
		e->joined = lif->ifindex;
	else
		stat_inc(&e->ha->st, HA_ST_HOME_NO_GROUP);
}

static void
leave(struct ha_home *e)
{
	struct link_io *io = e->ha->role.env->link;
	const struct link_if *lif = &e->link->lif;
	struct in6_addr group;

	if (e->joined == 0 || e->joined != lif->ifindex)
		return;		/* the interface took the membership along */
	nd_solicited_node(&e->addr, &group);
	io->ops->leave(io, lif, &group);
	e->joined = 0;
}

static void
ask_link(struct ha_home *e)
{
	struct link_io *io = e->ha->role.env->link;
	uint8_t buf[ND_PKT_MAX];
	struct in6_addr group;
	int len;

	nd_solicited_node(&e->addr, &group);
	len = nd_build_ns(&in6addr_any, &group, &e->addr, NULL, buf,
	    sizeof(buf));
	assert(len > 0);
	if (io->ops->send(io, &e->link->lif, NULL, buf, (size_t)len) < 0)
		stat_inc(&e->ha->st, HA_ST_HOME_TX_FAILED);
}

/*
 * RFC 6275 10.4.1: never as a router.  `to` NULL: all nodes, unsolicited; then
 * `mac` is NULL, too.
 */
static void
advertise(struct ha *ha, const struct ha_link *l, const struct in6_addr *addr,
    const struct in6_addr *to, const struct mac *mac, bool override)
{
	struct link_io *io = ha->role.env->link;
	const struct link_if *lif = &l->lif;
	uint8_t buf[ND_PKT_MAX];
	int len;

	len = nd_build_na(&lif->linklocal, to != NULL ? to : &nd_all_nodes,
	    addr, lif->p2p ? NULL : &lif->mac, false, to != NULL, override,
	    buf, sizeof(buf));
	assert(len > 0);
	if (in6_is_zero(&lif->linklocal) ||
	    io->ops->send(io, lif, lif->p2p ? NULL : mac, buf,
	    (size_t)len) < 0)
		stat_inc(&ha->st, HA_ST_HOME_TX_FAILED);
	else
		stat_inc(&ha->st, HA_ST_HOME_NA);
}

/* To all nodes of the link. */
static void
announce(const struct ha_home *e, bool override)
{
	advertise(e->ha, e->link, &e->addr, NULL, NULL, override);
}

/* --- an address comes and goes ----------------------------------------- */

static void
home_free(struct ha_home *e)
{
	struct ha *ha = e->ha;

	leave(e);
	timer_cancel(ha->role.env->wheel, &e->timer);
	htab_remove(ha->homes->addrs, &e->node);
	free(e);
}

/* The link has spoken, or has not. */
static void
checked(struct ha_home *e, enum refusal why)
{
	struct ha_op *op = e->op;
	ha_home_fn *done = e->done;

	e->op = NULL;
	e->done = NULL;
	if (why == REFUSE_NONE)
		e->state = HOME_CHECKED;
	else
		home_free(e);
	done(op, why);
}

static void
home_timer(struct timer *t)
{
	struct ha_home *e = CONTAINER_OF(t, struct ha_home, timer);

	if (e->state == HOME_CHECKING) {
		/* What went down meanwhile has not been listened to. */
		checked(e, is_usable(e->link) &&
		    e->link->breaks == e->breaks ? REFUSE_NONE :
		    REFUSE_RESOURCES);
		return;
	}
	if (e->state != HOME_HELD || e->announce == 0)
		return;
	announce(e, true);
	if (--e->announce > 0)
		timer_arm(e->ha->role.env->wheel, t, ANNOUNCE_US);
}

static struct ha_home *
home_new(struct ha *ha, struct ha_link *l, const struct in6_addr *a)
{
	struct ha_home *e = calloc(1, sizeof(*e));

	if (e == NULL)
		abort();
	e->ha = ha;
	e->link = l;
	e->addr = *a;
	timer_init(&e->timer, home_timer);
	htab_insert(ha->homes->addrs, &e->node, home_hash(ha->homes, a));
	return e;
}

void
ha_home_check(struct ha_op *op, ha_home_fn *done)
{
	struct ha *ha = op->ha;
	struct link_io *io = ha->role.env->link;
	struct ha_link *l = op->model == MODEL_SHARED_PREFIX ?
	    link_of(ha, &op->hnp) : NULL;
	struct ha_home *e;

	if (l == NULL || home_find(ha, &op->hnp.in6) != NULL) {
		done(op, REFUSE_NONE);		/* virtual, or held */
		return;
	}
	if (!is_usable(l)) {
		stat_inc(&ha->st, HA_ST_HOME_DOWN);
		done(op, REFUSE_RESOURCES);
		return;
	}
	if (io->ops->is_own(io, &op->hnp.in6)) {
		stat_inc(&ha->st, HA_ST_HOME_TAKEN);
		done(op, REFUSE_PREFIX_TAKEN);
		return;
	}
	e = home_new(ha, l, &op->hnp.in6);
	e->op = op;
	e->done = done;
	e->state = HOME_CHECKING;
	e->breaks = l->breaks;
	join(e);
	stat_inc(&ha->st, HA_ST_HOME_CHECKED);
	ask_link(e);
	timer_arm(ha->role.env->wheel, &e->timer, l->detection_us);
}

/* The entry of a binding's prefix; NULL: it is no address, or on no link. */
static struct ha_home *
home_of(const struct ha *ha, const struct prefix *p)
{
	return p->family == AF_INET6 && p->len == 128 ?
	    home_find(ha, &p->in6) : NULL;
}

void
ha_home_release(struct ha *ha, const struct prefix *p)
{
	struct ha_home *e = home_of(ha, p);

	assert(e == NULL || e->op == NULL);
	if (e != NULL)
		home_free(e);
}

void
ha_home_undo(struct ha *ha, const struct prefix *p)
{
	struct ha_home *e = home_of(ha, p);

	if (e != NULL && e->state == HOME_CHECKED)
		home_free(e);
}

bool
ha_home_hold(struct ha *ha, const struct prefix *p)
{
	struct ha_home *e = home_of(ha, p);

	if (e == NULL)
		return false;
	if (e->state == HOME_CHECKED) {
		e->state = HOME_HELD;
		e->announce = ANNOUNCE_COUNT;
		home_timer(&e->timer);
	}
	return true;
}

/* --- in ---------------------------------------------------------------- */

static void
duplicate(struct ha_home *e, const struct mac *src)
{
	struct ha *ha = e->ha;

	stat_inc(&ha->st, HA_ST_HOME_TAKEN);
	if (ratelimit_pass(&ha->homes->rl_conflict,
	    clock_mono_us(ha->role.env->clock), NULL))
		role_event(&ha->role, "home-address-taken",
		    KV_IN6("hoa", &e->addr),
		    KV_STR("ifname", e->link->lif.name), KV_MAC("mac", src));
	checked(e, REFUSE_PREFIX_TAKEN);
}

static void
solicited(struct ha_home *e, const struct mac *src, const struct nd_msg *m)
{
	struct ha *ha = e->ha;
	bool dad = in6_is_zero(&m->src);

	if (e->state == HOME_CHECKING) {
		if (dad)		/* RFC 4862 5.4.3 */
			duplicate(e, src);
		return;
	}
	if (e->state != HOME_HELD)
		return;
	if (dad) {
		stat_inc(&ha->st, HA_ST_HOME_DEFENDED);
		announce(e, false);
	} else {
		stat_inc(&ha->st, HA_ST_HOME_ANSWERED);
		advertise(ha, e->link, &e->addr, &m->src, src, false);
	}
}

static void
advertised(struct ha_home *e, const struct mac *src)
{
	struct ha *ha = e->ha;

	if (e->state == HOME_CHECKING) {
		duplicate(e, src);
		return;
	}
	if (e->state != HOME_HELD)
		return;
	stat_inc(&ha->st, HA_ST_HOME_CONFLICT);
	if (!ratelimit_pass(&ha->homes->rl_conflict,
	    clock_mono_us(ha->role.env->clock), NULL))
		return;
	log_warn(ha->role.env->log, "ha", "home-address-conflict",
	    KV_IN6("hoa", &e->addr), KV_STR("ifname", e->link->lif.name),
	    KV_MAC("mac", src));
	announce(e, true);
}

/*
 * The home-agents anycast address of a link's prefix: routers there ask for it
 * to pass discovery on (RFC 6275 10.5).  RFC 4861 7.2.7: without Override.
 */
static void
anycast_solicited(struct ha *ha, const struct link_if *lif,
    const struct mac *src, const struct nd_msg *m)
{
	struct prefix p;
	struct ha_link *l;

	prefix_from_in6(&p, &m->target, 128);
	l = link_of(ha, &p);
	if (l != NULL && l->lif.ifindex == lif->ifindex &&
	    !in6_is_zero(&m->src))
		advertise(ha, l, &m->target, &m->src, src, false);
}

void
ha_home_nd(struct role *r, const struct link_if *lif, const struct mac *src,
    const struct nd_msg *m)
{
	struct ha *ha = CONTAINER_OF(r, struct ha, role);
	struct ha_home *e;

	if (m->type != ND_NS && m->type != ND_NA)
		return;
	if (haad_is_anycast(&m->target)) {
		if (m->type == ND_NS && ha->conf->discovery)
			anycast_solicited(ha, lif, src, m);
		return;
	}
	e = home_find(ha, &m->target);
	/* What a loop brings back is our own word. */
	if (e == NULL || e->link->lif.ifindex != lif->ifindex ||
	    (!lif->p2p && mac_eq(src, &lif->mac)))
		return;
	if (m->type == ND_NS)
		solicited(e, src, m);
	else
		advertised(e, src);
}

/* --- links ------------------------------------------------------------- */

static void
renew_one(void *ctx, struct hnode *n)
{
	struct ha_home *e = CONTAINER_OF(n, struct ha_home, node);

	(void)ctx;
	if (!is_usable(e->link))
		return;
	join(e);
	if (e->state == HOME_HELD)
		announce(e, true);
}

static void
renew_tick(struct timer *t)
{
	struct ha_homes *h = CONTAINER_OF(t, struct ha_homes, renew);
	struct ha *ha = h->ha;

	if (htab_walk(h->addrs, &h->cursor, RENEW_BATCH, renew_one, NULL))
		timer_arm(ha->role.env->wheel, t, RENEW_TICK_US);
}

/* Also without discovery, which may be turned on later. */
static void
join_anycast(struct ha *ha, struct ha_link *l)
{
	struct link_io *io = ha->role.env->link;
	struct in6_addr a, group;

	if (l->joined == l->lif.ifindex)
		return;
	haad_anycast(&l->prefix.in6, &a);
	nd_solicited_node(&a, &group);
	if (io->ops->join(io, &l->lif, &group) == 0)
		l->joined = l->lif.ifindex;
	else
		stat_inc(&ha->st, HA_ST_HOME_NO_GROUP);
}

static void
link_changed(struct ha *ha, struct ha_link *l, const struct link_if *lif)
{
	struct env *env = ha->role.env;
	bool again = lif->up && (!is_usable(l) ||
	    l->lif.ifindex != lif->ifindex ||
	    !mac_eq(&l->lif.mac, &lif->mac) ||
	    !in6_eq(&l->lif.linklocal, &lif->linklocal));
	int r;

	l->breaks += !lif->up || l->lif.ifindex != lif->ifindex;
	l->lif = *lif;
	r = env->link->ops->open(env->link, lif);
	if (r < 0) {
		log_err(env->log, "ha", "home-link-failed",
		    KV_STR("ifname", lif->name), KV_ERR(r));
		l->lif.up = false;
		return;
	}
	join_anycast(ha, l);
	if (again) {
		ha->homes->cursor = 0;
		timer_arm(env->wheel, &ha->homes->renew, 0);
	}
}

void
ha_home_link(struct role *r, enum link_news what, const struct link_if *lif)
{
	struct ha *ha = CONTAINER_OF(r, struct ha, role);

	for (size_t i = 0; i < ha->homes->nlinks; i++) {
		struct ha_link *l = &ha->homes->links[i];

		if (strcmp(l->name, lif->name) != 0)
			continue;
		if (what != LINK_GONE) {
			link_changed(ha, l, lif);
			continue;
		}
		r->env->link->ops->close(r->env->link, lif->ifindex);
		l->lif = (struct link_if){ 0 };
		l->joined = 0;
		l->breaks++;
	}
}

size_t
ha_home_count(const struct ha *ha)
{
	return htab_count(ha->homes->addrs);
}

/* --- life -------------------------------------------------------------- */

void
ha_home_start(struct ha *ha)
{
	const struct ha_conf_home_link *c = ha->conf->home_links.v;
	struct ha_homes *h = calloc(1, sizeof(*h));

	if (h == NULL)
		abort();
	h->ha = ha;
	h->nlinks = ha->conf->home_links.n;
	h->links = calloc(h->nlinks + 1, sizeof(*h->links));
	if (h->links == NULL)
		abort();
	for (size_t i = 0; i < h->nlinks; i++) {
		h->links[i].prefix = c[i].prefix;
		h->links[i].detection_us = c[i].detection_us;
		snprintf(h->links[i].name, sizeof(h->links[i].name), "%s",
		    c[i].interface);
	}
	h->addrs = htab_new();
	hash_key_random(&h->key);
	ratelimit_init(&h->rl_conflict, CONFLICT_BURST, CONFLICT_PER_SEC);
	timer_init(&h->renew, renew_tick);
	ha->homes = h;
}

static void
stop_one(void *ctx, struct hnode *n)
{
	struct ha_home *e = CONTAINER_OF(n, struct ha_home, node);

	(void)ctx;
	if (e->op != NULL)
		ha_op_end(e->op);
	home_free(e);
}

void
ha_home_stop(struct ha *ha)
{
	struct link_io *io = ha->role.env->link;
	struct ha_homes *h = ha->homes;

	if (h == NULL)
		return;
	timer_cancel(ha->role.env->wheel, &h->renew);
	htab_each(h->addrs, stop_one, NULL);
	for (size_t i = 0; i < h->nlinks; i++) {
		if (h->links[i].lif.ifindex != 0)
			io->ops->close(io, h->links[i].lif.ifindex);
	}
	htab_free(h->addrs);
	free(h->links);
	free(h);
	ha->homes = NULL;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Access interfaces.  The configuration names them, wildcards allowed; they
 * may be there at the start, come later, change and vanish.  Whatever the
 * sources report about one of them is passed on to the node it is about.
 */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"
#include "roles/pma/pma.h"

#define P2P_CONFIGURED 1

struct pma_access *
access_find(const struct pma *p, uint32_t ifindex)
{
	struct pma_access *a;

	SLIST_FOREACH(a, &p->access, entry) {
		if (a->lif.ifindex == ifindex)
			break;
	}
	return a;
}

struct pma_access *
access_by_name(const struct pma *p, const char *ifname)
{
	struct pma_access *a;

	SLIST_FOREACH(a, &p->access, entry) {
		if (strcmp(a->lif.name, ifname) == 0)
			break;
	}
	return a;
}

static const struct pma_conf_access *
match(const struct pma *p, const char *ifname)
{
	const struct pma_conf_access *c = p->conf->access.v;

	for (size_t i = 0; i < p->conf->access.n; i++) {
		if (fnmatch(c[i].interface, ifname, 0) == 0)
			return &c[i];
	}
	return NULL;
}

/* What the configuration says of an interface that is there. */
static void
configure(struct pma *p, struct pma_access *a, const struct pma_conf_access *c)
{
	struct env *e = p->role.env;

	a->p2p = a->lif.p2p || c->type == P2P_CONFIGURED;
	free(a->nai);
	a->nai = c->nai != NULL ? strdup(c->nai) : NULL;
	if (a->sources != c->sources && e->watch_if != NULL)
		e->watch_if(e->watch_ctx, a->lif.ifindex, c->sources);
	a->sources = c->sources;
}

static void
open_access(struct pma *p, const struct link_if *lif,
    const struct pma_conf_access *c)
{
	struct env *e = p->role.env;
	struct pma_access *a;
	int r = e->link->ops->open(e->link, lif);

	if (r == 0 && (r = e->dp->ops->access_add(e->dp, lif->ifindex)) < 0)
		e->link->ops->close(e->link, lif->ifindex);
	if (r < 0) {
		log_err(e->log, p->role.ops->name, "access-interface-failed",
		    KV_STR("ifname", lif->name), KV_ERR(r));
		return;
	}
	a = calloc(1, sizeof(*a));
	if (a == NULL)
		abort();
	TAILQ_INIT(&a->nodes);
	a->lif = *lif;
	SLIST_INSERT_HEAD(&p->access, a, entry);
	log_info(e->log, p->role.ops->name, "access-interface",
	    KV_STR("ifname", lif->name), KV_STR("type", c->type ==
	    P2P_CONFIGURED || lif->p2p ? "point-to-point" : "shared"));
	configure(p, a, c);
	visitor_open(p, a);
}

static void
detach_all(struct pma_access *a, enum attach_source by)
{
	struct bule *b = TAILQ_FIRST(&a->nodes), *next;

	for (; b != NULL; b = next) {
		next = TAILQ_NEXT(b, on_access);
		fsm_detach(b, by);
	}
}

static void
close_access(struct pma *p, struct pma_access *a, bool keep)
{
	struct env *e = p->role.env;
	struct bule *b;

	if (!p->stopping)
		detach_all(a, ATTACH_BY_CARRIER);
	while ((b = TAILQ_FIRST(&a->nodes)) != NULL) {
		list_place(b, NULL, NULL);
		path_sync(b);
	}
	visitor_close(p, a, keep);
	e->link->ops->close(e->link, a->lif.ifindex);
	if (!p->stopping && e->watch_if != NULL)
		e->watch_if(e->watch_ctx, a->lif.ifindex, 0);
	if (!keep)
		e->dp->ops->access_del(e->dp, a->lif.ifindex);
	SLIST_REMOVE(&p->access, a, pma_access, entry);
	log_info(e->log, p->role.ops->name, "access-interface-gone",
	    KV_STR("ifname", a->lif.name));
	free(a->nai);
	free(a);
}

/* Nodes that waited for our link-local address, or for a new MTU. */
static void
readvertise(struct pma_access *a)
{
	struct bule *b;

	TAILQ_FOREACH(b, &a->nodes, on_access)
		(void)ra_renew(b);
}

void
access_link(struct role *r, enum link_news what, const struct link_if *lif)
{
	struct pma *p = pma_of(r);
	struct pma_access *a = access_find(p, lif->ifindex);
	const struct pma_conf_access *c = what != LINK_GONE ?
	    match(p, lif->name) : NULL;
	bool news, renamed;

	if (a == NULL) {
		if (c != NULL)
			open_access(p, lif, c);
		return;
	}
	if (c == NULL) {		/* gone, or its name is not ours */
		close_access(p, a, false);
		return;
	}
	news = !in6_eq(&a->lif.linklocal, &lif->linklocal) ||
	    a->lif.mtu != lif->mtu;
	renamed = strcmp(a->lif.name, lif->name) != 0;
	a->lif = *lif;
	if (renamed) {
		(void)r->env->dp->ops->access_add(r->env->dp, lif->ifindex);
		configure(p, a, c);
	}
	(void)r->env->link->ops->open(r->env->link, lif);
	if (news && lif->up)
		readvertise(a);
}

void
access_event(struct role *r, const struct attach_event *ev)
{
	struct pma *p = pma_of(r);
	struct pma_access *a = access_find(p, ev->ifindex);
	struct bule *b = NULL;

	if (a == NULL || !(a->sources & 1u << ev->source))
		return;
	if (ev->kind == ATTACH_UP) {
		fsm_attach(p, a, &ev->mac, &ev->lla, ev->nai, ev->source);
		return;
	}
	if (!mac_is_zero(&ev->mac))
		b = list_by_mac(p, ev->ifindex, &ev->mac);
	else if (in6_is_linklocal(&ev->lla))
		b = list_by_lla(p, ev->ifindex, &ev->lla);
	else if (!in6_is_zero(&ev->lla))
		b = list_by_addr(p, &ev->lla);
	else if (ev->kind == ATTACH_DOWN)
		detach_all(a, ev->source);
	if (b == NULL || b->access != a)
		return;
	if (ev->kind == ATTACH_DOWN)
		fsm_detach(b, ev->source);
	else if (b->state == BUL_ACTIVE || b->state == BUL_REREG ||
	    b->state == BUL_VISITOR)
		(void)probe_start(b);
}

void
access_nd(struct role *r, const struct link_if *lif, const struct mac *src,
    const struct nd_msg *m)
{
	struct pma *p = pma_of(r);
	struct pma_access *a = access_find(p, lif->ifindex);
	struct bule *b;

	if (a == NULL)
		return;
	b = list_by_mac(p, lif->ifindex, src);
	if (m->type == ND_RS && a->sources & 1u << ATTACH_BY_RS) {
		fsm_attach(p, a, src, &m->src, NULL, ATTACH_BY_RS);
		b = list_by_mac(p, lif->ifindex, src);
	}
	if (b == NULL)
		return;
	list_learn_lla(b, &m->src);
	fsm_alive(b);
	if (m->type == ND_RS)
		fsm_solicited(b);
}

void
access_reconfigure(struct pma *p)
{
	struct pma_access *a = SLIST_FIRST(&p->access), *next;

	for (; a != NULL; a = next) {
		const struct pma_conf_access *c = match(p, a->lif.name);

		next = SLIST_NEXT(a, entry);
		if (c != NULL)
			configure(p, a, c);
		else
			close_access(p, a, false);
	}
}

void
access_close_all(struct pma *p, bool keep)
{
	while (!SLIST_EMPTY(&p->access))
		close_access(p, SLIST_FIRST(&p->access), keep);
}

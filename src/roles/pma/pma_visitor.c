/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Visitors (draft 6.9): nodes that get no network-based mobility here, but an
 * address of the place and the Internet, as on any other access link.  A Mobile
 * IPv6 client among them makes that its care-of address, and nobody interferes.
 *
 *   not entitled        always a visitor, where the link has a visitor prefix
 *   unknown             with `unknown: visitor`
 *   denied by the HA    with `denied: visitor`
 *
 * A link's visitor prefix is hosted as long as the interface is there and is
 * all visitors'; with IPv4 each has a path for its own address.  Neither goes
 * into a tunnel.  What differs from a node with an address of a shared prefix
 * is only that no home agent hears of it: advertising, DHCP, ARP are the same
 * code.
 *
 * A visitor is asked now and then whether it is still there, as nothing else
 * would ever end its entry.
 */
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"
#include "roles/pma/pma.h"

/* What nodes are called that nobody knows; an NAI has no such form. */
#define STRANGER_PREFIX "visitor/"

/* A visitor prefix on an access interface. */
struct visitor_host {
	struct pma_access *a;		/* NULL: that has gone */
	struct pma *p;
	struct prefix prefix;
	bool busy;			/* the data plane is asked */
	bool ready;
};

static struct wheel *
wheel_of(const struct bule *b)
{
	return b->pma->role.env->wheel;
}

static const struct pma_conf_visitor_link *
match(const struct pma_conf *c, const char *ifname)
{
	const struct pma_conf_visitor_link *v = c->visitor.links.v;

	for (size_t i = 0; i < c->visitor.links.n; i++) {
		if (fnmatch(v[i].interface, ifname, 0) == 0)
			return &v[i];
	}
	return NULL;
}

/* --- the prefix of a link ------------------------------------------------ */

static struct dp_path
path_of(const struct visitor_host *h, uint32_t ifindex)
{
	return (struct dp_path){ .side = DP_PMA, .prefix = h->prefix,
		.access_ifindex = ifindex };
}

static void
host_failed(struct visitor_host *h, int err)
{
	struct pma_access *a = h->a;
	struct bule *b = TAILQ_FIRST(&a->nodes), *next;

	log_err(h->p->role.env->log, h->p->role.ops->name,
	    "visitor-prefix-failed", KV_STR("ifname", a->lif.name),
	    KV_PREFIX("prefix", &h->prefix), KV_ERR(err));
	a->visit = NULL;
	free(h);
	for (; b != NULL; b = next) {
		next = TAILQ_NEXT(b, on_access);
		if (b->visitor)
			fsm_enter_denied(b, "dataplane-refused", -1);
	}
}

static void
host_done(void *ctx, int err)
{
	struct visitor_host *h = ctx;
	struct bule *b;

	h->busy = false;
	if (h->a == NULL) {
		free(h);
		return;
	}
	if (err < 0) {
		host_failed(h, err);
		return;
	}
	h->ready = true;
	TAILQ_FOREACH(b, &h->a->nodes, on_access)
		(void)ra_renew(b);
}

/* Is it another link's already? */
static bool
is_hosted(const struct pma *p, const struct prefix *prefix)
{
	const struct pma_access *a;

	SLIST_FOREACH(a, &p->access, entry) {
		if (a->visit != NULL && prefix_eq(&a->visit->prefix, prefix))
			return true;
	}
	return false;
}

void
visitor_open(struct pma *p, struct pma_access *a)
{
	const struct pma_conf_visitor_link *c = match(p->conf, a->lif.name);
	struct dp *dp = p->role.env->dp;
	struct visitor_host *h;
	struct dp_path path;
	int r;

	if (c == NULL)
		return;
	if (is_hosted(p, &c->prefix)) {
		log_err(p->role.env->log, p->role.ops->name,
		    "visitor-prefix-in-use", KV_STR("ifname", a->lif.name),
		    KV_PREFIX("prefix", &c->prefix), KV_STR("hint",
		    "each interface needs one of its own"));
		return;
	}
	h = calloc(1, sizeof(*h));
	if (h == NULL)
		abort();
	h->p = p;
	h->a = a;
	h->prefix = c->prefix;
	h->busy = true;
	a->visit = h;
	path = path_of(h, a->lif.ifindex);
	r = dp->ops->path_set(dp, &path, host_done, h);
	if (r < 0)
		host_done(h, r);
}

void
visitor_close(struct pma *p, struct pma_access *a, bool keep)
{
	struct dp *dp = p->role.env->dp;
	struct visitor_host *h = a->visit;
	struct dp_path path;

	if (h == NULL)
		return;
	path = path_of(h, a->lif.ifindex);
	if (!keep)
		(void)dp->ops->path_del(dp, &path, NULL, NULL);
	a->visit = NULL;
	h->a = NULL;
	if (!h->busy)
		free(h);
}

/* --- one visitor --------------------------------------------------------- */

bool
visitor_ready(const struct bule *b)
{
	return b->visitor && b->access != NULL && b->access->visit != NULL &&
	    b->access->visit->ready;
}

static bool
is_welcome(const struct pma *p, enum visitor_cause cause)
{
	switch (cause) {
	case VISITOR_UNKNOWN:
		return p->conf->visitor.unknown;
	case VISITOR_DENIED:
		return p->conf->visitor.denied;
	default:
		return true;
	}
}

const char *
visitor_name(const struct pma *p, const struct pma_access *a,
    const struct mac *mac, char buf[VISITOR_NAME_MAX])
{
	char text[ADDR_STRLEN];

	/* Whoever can send a frame can be one more of them. */
	if (!p->conf->visitor.unknown || a->visit == NULL ||
	    mac_is_zero(mac) || p->strangers >= p->conf->visitor.max_strangers)
		return NULL;
	snprintf(buf, VISITOR_NAME_MAX, STRANGER_PREFIX "%s",
	    mac_str(mac, text));
	return buf;
}

/* The binding, if there is one, must not outlive what permitted it. */
static void
leave_home(struct bule *b)
{
	if (b->signalled && b->accepted && b->peer != NULL)
		pbu_send_last(b);
	b->signalled = false;
	fsm_stop_service(b);
	if (b->peer != NULL)
		b->peer->nodes--;
	b->peer = NULL;
}

/* What the state machine knows of a node comes from its profile: this one. */
static bool
take_link(struct bule *b, const struct pma_conf_visitor_link *c)
{
	struct profile prof = { .home_prefix = c->prefix,
		.model = MODEL_SHARED_PREFIX, .ip4 = {
		.home_subnet = c->subnet, .router = c->router } };

	prof.ip4.at.line = c->subnet.family != 0 ? c->at.line : 0;
	list_set_hnp(b, &c->prefix, false);
	b->addr_config = (uint8_t)c->addr_config;
	if (!learn_profile(b, &prof))
		return false;
	b->more->ask4 = false;
	return true;
}

static void
look_after(struct bule *b)
{
	timer_arm(wheel_of(b), &b->t_signal, b->pma->conf->lifetime_us);
}

static bool
is_stranger(const struct bule *b)
{
	return strncmp(b->nai, STRANGER_PREFIX, strlen(STRANGER_PREFIX)) == 0;
}

/* Whatever state they are in: that takes room which others need. */
void
visitor_count(struct bule *b, int n)
{
	if (is_stranger(b))
		b->pma->strangers += (uint32_t)n;
}

static void
tell(struct bule *b, enum visitor_cause cause)
{
	struct pma *p = b->pma;
	uint64_t suppressed;

	if (!ratelimit_pass(&p->rl_unserved, pma_now(p), &suppressed))
		return;
	role_event(&p->role, "visitor", KV_STR("nai", b->nai),
	    KV_PREFIX("prefix", &b->hnp),
	    KV_STR("why", cause == VISITOR_UNKNOWN ? "no-profile" :
	    cause == VISITOR_DENIED ? "denied" : "not-entitled"),
	    KV_U("suppressed", suppressed));
}

bool
visitor_enter(struct bule *b, enum visitor_cause cause)
{
	struct pma *p = b->pma;
	const struct pma_conf_visitor_link *c;

	c = b->access == NULL || b->access->visit == NULL ? NULL :
	    match(p->conf, b->access->lif.name);
	if (c == NULL || !is_welcome(p, cause) || list_more(b) == NULL)
		return false;
	leave_home(b);
	b->awaiting = false;
	b->visitor = true;
	fsm_set_state(b, BUL_VISITOR);
	if (!take_link(b, c)) {
		b->visitor = false;
		return false;
	}
	stat_inc(&p->st, PMA_ST_VISITOR);
	tell(b, cause);
	look_after(b);
	(void)ra_renew(b);
	dhcp_node_ready(b);
	fsm_reregister(b);		/* IPv4 that it has kept */
	return true;
}

void
visitor_policy_changed(struct bule *b)
{
	if (b->state == BUL_VISITOR)	/* not here: somebody walks */
		timer_arm(wheel_of(b), &b->t_signal, 0);
}

void
visitor_leave(struct bule *b)
{
	if (!b->visitor)
		return;
	fsm_stop_service(b);
	if (b->more != NULL)
		learn_nothing(b);
	b->visitor = false;
}

/* Who was a stranger, and is in the policy now. NULL: still nobody. */
static const struct profile *
recognised(const struct bule *b)
{
	struct policy *policy = b->pma->role.env->policy;

	return is_stranger(b) ? policy->ops->by_mac(policy, &b->mac) : NULL;
}

void
visitor_check(struct bule *b)
{
	const struct pma_conf *c = b->pma->conf;
	const struct profile *prof = recognised(b);

	look_after(b);			/* also when that is refused */
	if (prof != NULL && b->access != NULL) {
		struct in6_addr lla = b->lla;
		struct mac mac = b->mac;

		/* takes the MAC address from this entry, and its life */
		fsm_attach(b->pma, b->access, &mac, &lla, prof->nai,
		    ATTACH_BY_CTL);
		return;
	}
	if (c->presence_check_us > 0 &&
	    pma_now(b->pma) - b->heard >= c->presence_check_us)
		(void)probe_start(b);
}

/* --- reload -------------------------------------------------------------- */

static bool
same_link(const struct pma_conf_visitor_link *a,
    const struct pma_conf_visitor_link *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return prefix_eq(&a->prefix, &b->prefix) &&
	    a->addr_config == b->addr_config &&
	    prefix_eq(&a->subnet, &b->subnet) &&
	    a->router.s_addr == b->router.s_addr;
}

/* Visitors there, and who may be one now, are judged again. */
static void
judge_again(struct pma_access *a)
{
	struct bule *b;

	TAILQ_FOREACH(b, &a->nodes, on_access) {
		if (b->state == BUL_VISITOR || b->state == BUL_DENIED)
			profile_look_up(b);
	}
}

void
visitor_reload(struct pma *p, const struct pma_conf *old)
{
	const struct pma_conf *now = p->conf;
	bool rules = old->visitor.unknown != now->visitor.unknown ||
	    old->visitor.denied != now->visitor.denied;
	struct pma_access *a;

	/* First those that let go: a prefix may go over to another link. */
	SLIST_FOREACH(a, &p->access, entry) {
		a->visit_again = !same_link(match(old, a->lif.name),
		    match(now, a->lif.name));
		if (a->visit_again)
			visitor_close(p, a, false);
	}
	SLIST_FOREACH(a, &p->access, entry) {
		if (a->visit_again && a->visit == NULL)
			visitor_open(p, a);
		if (a->visit_again || rules)
			judge_again(a);
		a->visit_again = false;
	}
}

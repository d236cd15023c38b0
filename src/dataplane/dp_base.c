/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What both real backends share: their environment, healing, and tidying up.
 *
 * Healing.  The kernel's news (links, tc filters) only ever arm one timer;
 * when it fires, the backend looks whether all it wants is there and puts back
 * what is missing.  So a burst of news costs one look, and our own changes,
 * which are news too, cost nothing more.
 *
 * Leftovers of earlier runs are told by rtm_protocol (routes, rules,
 * nexthops), by the alias (devices) and by preference and name (tc filters).
 * Two daemons may live in one network namespace, one per role: alias and
 * preference differ by role, and routes by where they point.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/rtnetlink.h>
#include <netlink/msg.h>

#include "core/json.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/netlink.h"
#include "core/util.h"
#include "dataplane/dp_priv.h"

#define CHECK_DELAY (20 * USEC_PER_MSEC)
#define POLL_INTERVAL (2 * USEC_PER_SEC)	/* after each round */
#define POLL_STEP (100 * USEC_PER_MSEC)
#define RESOLVE_TUNNELS 8	/* in a turn of the loop */
#define COUNT_INTERVAL (1 * USEC_PER_SEC)
#define GROUPS_MAX 8

int
dp_base_send(struct dp_base *b, struct nl_msg *m)
{
	int r = netlink_sync(b->nl, m);

	nlmsg_free(m);
	return r;
}

/* --- fences -------------------------------------------------------------- */

bool
dp_base_is_cover(const struct dp_base *b, const struct prefix *p)
{
	for (size_t i = 0; i < b->conf.ncover; i++) {
		if (prefix_eq(&b->conf.cover[i], p))
			return true;
	}
	return false;
}

int
dp_base_fences(struct dp_base *b, char *why, size_t whycap)
{
	struct dpnl_route r = { .proto = b->conf.rtproto,
		.type = RTN_UNREACHABLE, .metric = DPNL_METRIC_LAST };
	int err = 0;

	r.table = RT_TABLE_MAIN;
	for (size_t i = 0; i < b->conf.ncover && b->conf.is_ha && err == 0;
	    i++) {
		r.family = b->conf.cover[i].family;
		r.dst = b->conf.cover[i];
		err = dp_base_send(b, dpnl_route(RTM_NEWROUTE, &r));
	}
	r.table = b->conf.table;
	for (int i = 0; i < 2 && b->conf.is_pma && err == 0; i++) {
		r.family = i == 0 ? AF_INET6 : AF_INET;
		r.dst = (struct prefix){ .family = r.family };
		err = dp_base_send(b, dpnl_route(RTM_NEWROUTE, &r));
	}
	if (err < 0)
		snprintf(why, whycap, "routes: %s%s", strerror(-err),
		    err == -EPERM ? " (CAP_NET_ADMIN is needed)" : "");
	return err;
}

/* --- leftovers ----------------------------------------------------------- */

/* Our devices in the kernel, and what is to be removed. */
struct sweep {
	struct dp_base *b;
	bool all;
	struct dpnl_link *link;		/* every link */
	size_t nlink;
	struct dpnl_route *route;
	size_t nroute;
	struct dpnl_rule *rule;
	size_t nrule;
	struct dpnl_nexthop *nh;
	size_t nnh;
	struct dpnl_host *host;
	size_t nhost;
	struct dpnl_filter *filter;
	size_t nfilter;
	bool egress;
};

/* One more element at the end of an array that doubles. */
static void *
grow(void *arr, size_t n, size_t size)
{
	if (n < 8 || (n & (n - 1)) != 0) {
		if (n != 0)
			return arr;
		n = 4;
	}
	arr = realloc(arr, n * 2 * size);
	if (arr == NULL)
		abort();
	return arr;
}

static void
sweep_link(void *ctx, const struct nlmsghdr *nlh)
{
	struct sweep *s = ctx;
	struct dpnl_link l;

	if (!dpnl_read_link(nlh, &l))
		return;
	s->link = grow(s->link, s->nlink, sizeof(l));
	s->link[s->nlink++] = l;
}

static const struct dpnl_link *
sweep_link_find(const struct sweep *s, uint32_t ifindex)
{
	for (size_t i = 0; i < s->nlink; i++) {
		if (s->link[i].ifindex == ifindex)
			return &s->link[i];
	}
	return NULL;
}

static bool
is_our_device(const struct dp_base *b, const struct dpnl_link *l)
{
	return l != NULL && strcmp(l->alias, b->alias) == 0;
}

/* Ours, and not another daemon's in this namespace? */
static bool
sweep_route_is_ours(const struct sweep *s, const struct dpnl_route *r)
{
	const struct dp_base *b = s->b;
	const struct dpnl_link *l = sweep_link_find(s, r->oif);

	if (r->proto != b->conf.rtproto)
		return false;
	if (dp_base_slot(b, r->table) >= 0)
		return b->conf.is_pma;
	if (r->table != RT_TABLE_MAIN)
		return false;
	if (r->type != RTN_UNICAST)
		return b->conf.is_ha;
	if (l != NULL && strncmp(l->alias, "pmipd", 5) == 0)
		return is_our_device(b, l);
	return r->nhid != 0 ? b->conf.is_ha : b->conf.is_pma;
}

/* What no slot's table may be: the kernel's own (default, main, local). */
static bool
is_kernels_table(uint32_t table)
{
	return table >= RT_TABLE_DEFAULT && table <= RT_TABLE_LOCAL;
}

uint32_t
dp_base_table(const struct dp_base *b, unsigned slot)
{
	uint32_t table = b->conf.table + slot;

	return slot > 0 && is_kernels_table(table) ? 0 : table;
}

int
dp_base_slot(const struct dp_base *b, uint32_t table)
{
	uint32_t slot = table - b->conf.table;

	return slot >= PMIP_STEER_NATIVE ||
	    (slot > 0 && is_kernels_table(table)) ? -1 : (int)slot;
}

static bool
is_fence(const struct dp_base *b, const struct dpnl_route *r)
{
	if (r->type != RTN_UNREACHABLE || r->metric != DPNL_METRIC_LAST)
		return false;
	return r->table == b->conf.table ? r->dst.len == 0 :
	    dp_base_is_cover(b, &r->dst);
}

static void
sweep_route(void *ctx, const struct nlmsghdr *nlh)
{
	struct sweep *s = ctx;
	struct dpnl_route r;

	if (!dpnl_read_route(nlh, &r) || !sweep_route_is_ours(s, &r) ||
	    (!s->all && (is_fence(s->b, &r) ||
	    s->b->hooks->has_route(s->b, &r))))
		return;
	s->route = grow(s->route, s->nroute, sizeof(r));
	s->route[s->nroute++] = r;
}

static void
sweep_rule(void *ctx, const struct nlmsghdr *nlh)
{
	struct sweep *s = ctx;
	struct dpnl_rule r;

	if (!dpnl_read_rule(nlh, &r) || r.proto != s->b->conf.rtproto ||
	    dp_base_slot(s->b, r.table) < 0 || !s->b->conf.is_pma)
		return;
	if (!s->all && s->b->hooks->has_rule != NULL &&
	    s->b->hooks->has_rule(s->b, &r))
		return;
	for (size_t i = 0; i < s->b->naccess && !s->all; i++) {
		struct dpnl_rule want = dp_access_rule(s->b,
		    s->b->access[i].name);

		want.family = r.family;
		if (dpnl_rule_eq(&r, &want))
			return;
	}
	s->rule = grow(s->rule, s->nrule, sizeof(r));
	s->rule[s->nrule++] = r;
}

static void
sweep_host(void *ctx, const struct nlmsghdr *nlh)
{
	struct sweep *s = ctx;
	struct dpnl_host h;

	if (!dpnl_read_host(nlh, &h) || h.proto != s->b->conf.rtproto ||
	    !s->b->conf.is_pma ||
	    (!s->all && s->b->hooks->has_host(s->b, &h)))
		return;
	s->host = grow(s->host, s->nhost, sizeof(h));
	s->host[s->nhost++] = h;
}

static void
sweep_nexthop(void *ctx, const struct nlmsghdr *nlh)
{
	struct sweep *s = ctx;
	struct dpnl_nexthop n;

	if (!dpnl_read_nexthop(nlh, &n) || n.proto != s->b->conf.rtproto ||
	    !is_our_device(s->b, sweep_link_find(s, n.oif)) ||
	    (!s->all && s->b->hooks->has_nexthop(s->b, n.id)))
		return;
	s->nh = grow(s->nh, s->nnh, sizeof(n));
	s->nh[s->nnh++] = n;
}

static void
sweep_filter(void *ctx, const struct nlmsghdr *nlh)
{
	struct sweep *s = ctx;
	struct dpnl_filter f;
	enum bpf_dp_prog prog;

	if (!dpnl_read_filter(nlh, &f) ||
	    f.prio != bpf_dp_prio(s->b->bpf) ||
	    !bpf_dp_prog_of(f.handle, f.name, &prog) ||
	    bpf_dp_prog_is_egress(prog) != s->egress ||
	    (!s->all && dp_filter_known(s->b, f.ifindex, prog)))
		return;
	s->filter = grow(s->filter, s->nfilter, sizeof(f));
	s->filter[s->nfilter++] = f;
}

/* The tables read so far, again. */
static void
sweep_restart(void *ctx)
{
	(void)ctx;	/* removing the same thing twice does no harm */
}

static int
sweep_dump(struct sweep *s, struct nl_msg *m, netlink_msg_fn *fn)
{
	int r = netlink_dump(s->b->nl, m, fn, sweep_restart, s);

	nlmsg_free(m);
	return r;
}

static int
sweep_read(struct sweep *s)
{
	int r = sweep_dump(s, dpnl_dump(RTM_GETLINK, AF_UNSPEC), sweep_link);

	if (r == 0)
		r = sweep_dump(s, dpnl_dump(RTM_GETROUTE, AF_INET6),
		    sweep_route);
	if (r == 0)
		r = sweep_dump(s, dpnl_dump(RTM_GETROUTE, AF_INET),
		    sweep_route);
	if (r == 0)
		r = sweep_dump(s, dpnl_dump(RTM_GETRULE, AF_INET6),
		    sweep_rule);
	if (r == 0)
		r = sweep_dump(s, dpnl_dump(RTM_GETRULE, AF_INET),
		    sweep_rule);
	if (r == 0)
		r = sweep_dump(s, dpnl_dump(RTM_GETNEIGH, AF_INET),
		    sweep_host);
	if (r < 0)
		return r;
	/* A kernel without nexthop objects has none of ours. */
	(void)sweep_dump(s, dpnl_dump(RTM_GETNEXTHOP, AF_UNSPEC),
	    sweep_nexthop);
	for (size_t i = 0; i < s->nlink && s->b->bpf != NULL; i++) {
		for (int e = 0; e < 2; e++) {
			s->egress = e != 0;
			(void)sweep_dump(s, dpnl_dump_filters(
			    s->link[i].ifindex, s->egress), sweep_filter);
		}
	}
	return 0;
}

static void
sweep_remove(struct sweep *s)
{
	struct dp_base *b = s->b;

	for (size_t i = 0; i < s->nroute; i++)
		dp_op_post(b, dpnl_route(RTM_DELROUTE, &s->route[i]));
	for (size_t i = 0; i < s->nrule; i++)
		dp_op_post(b, dpnl_rule(RTM_DELRULE, &s->rule[i]));
	for (size_t i = 0; i < s->nhost; i++)
		dp_op_post(b, dpnl_host(RTM_DELNEIGH, &s->host[i], NULL));
	for (size_t i = 0; i < s->nnh; i++)
		dp_op_post(b, dpnl_nexthop(RTM_DELNEXTHOP, s->nh[i].id,
		    AF_UNSPEC, 0, 0));
	(void)netlink_drain(b->nl);
	for (size_t i = 0; i < s->nfilter; i++) {
		enum bpf_dp_prog prog;

		if (!bpf_dp_prog_of(s->filter[i].handle, s->filter[i].name,
		    &prog))
			continue;
		bpf_dp_detach(b->bpf, s->filter[i].ifindex, prog);
		dp_filter_tidy(b, s->filter[i].ifindex);
	}
	for (size_t i = 0; i < s->nlink; i++) {
		const struct dpnl_link *l = &s->link[i];

		if (is_our_device(b, l) &&
		    (s->all || !b->hooks->has_link(b, l->ifindex))) {
			log_debug(b->log, DP_MOD, "device-removed",
			    KV_STR("if", l->name));
			(void)dp_base_send(b, dpnl_link_del(l->ifindex));
		}
	}
}

int
dp_base_sweep(struct dp_base *b, bool all)
{
	struct sweep s = { .b = b, .all = all };
	uint32_t maps = 0;
	int r = sweep_read(&s);

	if (r == 0) {
		sweep_remove(&s);
		if (b->bpf != NULL)
			maps = bpf_dp_paths_sweep(b->bpf, all);
		if (!all && (s.nroute | s.nrule | s.nnh | s.nhost |
		    s.nfilter | maps))
			log_info(b->log, DP_MOD, "swept",
			    KV_U("routes", s.nroute), KV_U("rules", s.nrule),
			    KV_U("filters", s.nfilter), KV_U("paths", maps));
	}
	free(s.link);
	free(s.route);
	free(s.rule);
	free(s.nh);
	free(s.host);
	free(s.filter);
	if (r == 0 && !b->swept) {
		b->swept = true;
		if (!all)
			dp_filter_due(b);
	}
	return r;
}

const struct dpnl_link *
dp_base_left(const struct dp_base *b, const char *kind,
    const struct in6_addr *local, const struct in6_addr *remote)
{
	for (size_t i = 0; i < b->nleft; i++) {
		const struct dpnl_link *l = &b->left[i];

		if (strcmp(l->kind, kind) == 0 && (local == NULL ||
		    (in6_eq(&l->local, local) && in6_eq(&l->remote, remote))))
			return l;
	}
	return NULL;
}

/* --- devices ------------------------------------------------------------- */

int
dp_base_adorn(struct dp_base *b, uint32_t ifindex, const char *name,
    uint32_t mtu)
{
	int r = dp_base_send(b, dpnl_link_set(ifindex, b->alias, mtu));

	if (r < 0)
		return r;
	dp_sysctl_device(&b->conf, b->log, name);
	return dp_base_send(b, dpnl_link_up(ifindex, true));
}

/* --- the kernel's news --------------------------------------------------- */

/* Look where the next few tunnels' outer packets go: some requests each, and 64
 * of them took 2 ms.  True: the round is over. */
static bool
resolve_some(struct dp_base *b, struct tunnel_cursor *c)
{
	for (unsigned i = 0; i < RESOLVE_TUNNELS; i++) {
		struct dp_tunnel *t = tunnel_cursor_next(c);

		if (t == NULL)
			return true;
		if (t->up)	/* a role may drop it on hearing */
			b->hooks->resolve(b, t);
	}
	return false;
}

/* News while a round is under way: another one, afterwards. */
static void
base_check(struct timer *t)
{
	struct dp_base *b = CONTAINER_OF(t, struct dp_base, check);

	if (b->resolve_all && !b->resolving) {
		b->resolve_all = false;
		b->resolving = true;
	}
	if (b->resolving && !resolve_some(b, &b->resolve_at)) {
		timer_arm(b->wheel, &b->check, 0);
		return;
	}
	b->resolving = false;
	/* What is refused now takes away what a check may walk over. */
	(void)netlink_drain(b->nl);
	b->hooks->check(b);
	dp_filter_check(b);
	if (b->resolve_all)
		dp_base_kick(b);
}

void
dp_base_kick(struct dp_base *b)
{
	if (!b->closing && !timer_armed(&b->check))
		timer_arm(b->wheel, &b->check, CHECK_DELAY);
}

static void
base_news(void *ctx, const struct nlmsghdr *nlh)
{
	struct dp_base *b = ctx;
	struct dpnl_route r;
	struct dpnl_neigh n;
	struct dpnl_link l;

	switch (nlh->nlmsg_type) {
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		if (!dpnl_read_route(nlh, &r))
			return;
		b->resolve_all = true;
		break;
	case RTM_NEWLINK:
	case RTM_DELLINK:
		if (!dpnl_read_link(nlh, &l))
			return;
		b->hooks->link(b, &l, nlh->nlmsg_type == RTM_DELLINK);
		b->resolve_all |= b->hooks->groups[0] != 0;
		break;
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		if (b->hooks->neigh != NULL && dpnl_read_neigh(nlh, &n))
			b->hooks->neigh(b, &n);
		return;
	case RTM_NEWNEXTHOP:
	case RTM_DELNEXTHOP:
		b->resolve_all = true;
		break;
	case RTM_DELQDISC:
	case RTM_DELTFILTER:
		break;
	default:
		return;
	}
	dp_base_kick(b);
}

static void
base_lost(void *ctx)
{
	struct dp_base *b = ctx;

	b->hooks->link(b, NULL, false);
	b->resolve_all = true;
	dp_base_kick(b);
}

/* Nobody announces that a path's MTU changed: look now and then. */
static void
base_poll(struct timer *t)
{
	struct dp_base *b = CONTAINER_OF(t, struct dp_base, poll);
	bool over = resolve_some(b, &b->poll_at);

	timer_arm(b->wheel, &b->poll, over ? POLL_INTERVAL : POLL_STEP);
}

static void
base_count(struct timer *t)
{
	struct dp_base *b = CONTAINER_OF(t, struct dp_base, count);

	bpf_dp_counters(b->bpf, b->stats.val);
	if (b->nlost > 0)
		dp_filter_check(b);
	timer_arm(b->wheel, &b->count, COUNT_INTERVAL);
}

/* --- life ---------------------------------------------------------------- */

static int
base_copy_conf(struct dp_base *b, const struct dp_conf *c)
{
	struct prefix *cover = calloc(c->ncover + 1, sizeof(*cover));

	if (cover == NULL)
		abort();
	if (c->ncover > 0)
		memcpy(cover, c->cover, c->ncover * sizeof(*cover));
	b->conf = *c;
	b->conf.cover = cover;
	b->conf.uplink = NULL;
	if (c->uplink != NULL && c->uplink[0] != '\0') {
		if (strlen(c->uplink) >= sizeof(b->uplink))
			return -ENAMETOOLONG;
		snprintf(b->uplink, sizeof(b->uplink), "%s", c->uplink);
		b->conf.uplink = b->uplink;
	}
	snprintf(b->alias, sizeof(b->alias), "pmipd%s%s",
	    c->is_ha ? " ha" : "", c->is_pma ? " pma" : "");
	return 0;
}

static void
base_left_one(void *ctx, const struct nlmsghdr *nlh)
{
	struct dp_base *b = ctx;
	struct dpnl_link l;

	if (!dpnl_read_link(nlh, &l) || !is_our_device(b, &l))
		return;
	b->left = grow(b->left, b->nleft, sizeof(l));
	b->left[b->nleft++] = l;
}

static void
base_left_restart(void *ctx)
{
	((struct dp_base *)ctx)->nleft = 0;
}

static int
base_left(struct dp_base *b)
{
	struct nl_msg *m = dpnl_dump(RTM_GETLINK, AF_UNSPEC);
	int r = netlink_dump(b->nl, m, base_left_one, base_left_restart, b);

	nlmsg_free(m);
	return r;
}

static int
base_bpf(struct dp_base *b, struct stats *stats, bool need, char *why,
    size_t whycap)
{
	struct bpf_dp_conf c = { .max_peers = need ? b->conf.max_tunnels : 0,
		.max_paths = b->conf.max_paths, .is_ha = b->conf.is_ha,
		.is_pma = b->conf.is_pma, .fast = b->conf.fast_path,
		.adopt = true,
		/* By protocol number and role: daemons do not collide. */
		.prio = (uint16_t)(b->conf.rtproto * 4 +
		    (b->conf.is_ha ? 1 : 0) + (b->conf.is_pma ? 2 : 0)) };
	int r = bpf_dp_open(&c, &b->bpf, b->bpf_why, sizeof(b->bpf_why));

	if (r < 0) {
		b->bpf = NULL;
		if (need) {
			snprintf(why, whycap, "%s", b->bpf_why);
			return r;
		}
		log_warn(b->log, DP_MOD, "no-filters",
		    KV_STR("why", b->bpf_why));
		return 0;
	}
	stats_register(stats, &b->stats, "dataplane", pmip_counter_desc,
	    PMIP_C_MAX);
	timer_arm(b->wheel, &b->count, COUNT_INTERVAL);
	return 0;
}

static int
base_monitor(struct dp_base *b)
{
	int groups[GROUPS_MAX] = { RTNLGRP_LINK, RTNLGRP_TC };
	unsigned n = 2;
	int r;

	for (const int *g = b->hooks->groups; *g != 0; g++) {
		assert(n < GROUPS_MAX);
		groups[n++] = *g;
	}
	r = netlink_monitor(b->nl, groups, n, base_news, base_lost, b,
	    &b->mon);
	/* Our own are many and concern no outer packet. */
	return r < 0 ? r : netlink_monitor_skip_routes(b->mon,
	    b->conf.rtproto);
}

int
dp_base_init(struct dp_base *b, const struct dp_start *s,
    const struct dp_hooks *hooks, const struct dp_ops *ops, bool need_bpf,
    char *why, size_t whycap)
{
	int r;

	b->dp.ops = ops;
	b->hooks = hooks;
	b->loop = s->loop;
	b->wheel = loop_wheel(s->loop);
	b->log = s->log;
	b->nl = s->nl;
	b->ask = -1;
	timer_init(&b->check, base_check);
	timer_init(&b->poll, base_poll);
	timer_init(&b->count, base_count);
	r = base_copy_conf(b, s->conf);
	b->dp.tunnels = tunnel_table_new(&b->dp, b->wheel, b->log,
	    b->conf.max_tunnels);
	tunnel_cursor_init(&b->resolve_at, b->dp.tunnels);
	tunnel_cursor_init(&b->poll_at, b->dp.tunnels);
	if (r < 0) {
		snprintf(why, whycap, "uplink: no interface has such a long "
		    "name");
		return r;
	}
	r = dp_sysctl_check(&b->conf, b->log, why, whycap);
	if (r < 0)
		return r;
	r = dpnl_ask_open(&b->ask);
	if (r == 0)
		r = base_left(b);
	if (r == 0)
		r = base_monitor(b);
	if (r < 0) {
		snprintf(why, whycap, "netlink: %s", strerror(-r));
		return r;
	}
	r = base_bpf(b, s->stats, need_bpf, why, whycap);
	if (r == 0)
		timer_arm(b->wheel, &b->poll, POLL_INTERVAL);
	return r;
}

void
dp_base_done(struct dp_base *b)
{
	b->closing = true;
	dp_op_orphan_all(b);
	/* Answers still to come would find us gone. */
	while (b->ops != NULL && netlink_drain(b->nl) == 0)
		;
	tunnel_table_free(b->dp.tunnels);
	(void)netlink_drain(b->nl);
	if (b->mon != NULL)
		netlink_monitor_free(b->mon);
	timer_cancel(b->wheel, &b->check);
	timer_cancel(b->wheel, &b->poll);
	timer_cancel(b->wheel, &b->count);
	stats_unregister(&b->stats);
	bpf_dp_close(b->bpf);
	dpnl_ask_close(b->ask);
	free((void *)(uintptr_t)b->conf.cover);
	for (size_t i = 0; i < b->naccess; i++)	/* left to the next run */
		dp_sysctl_access_done(&b->conf, b->access[i].name);
	free(b->access);
	free(b->filter);
	free(b->left);
	dp_op_done(b);
}

static void
show_counters(struct dp_base *b, struct json_w *w, const char *key, int from,
    int to)
{
	json_w_obj(w, key);
	for (int i = from; i < to; i++)
		json_w_u(w, pmip_counter_desc[i].name, b->stats.val[i]);
	json_w_obj_end(w);
}

/* Interfaces that miss theirs. */
static void
show_lost(struct dp_base *b, struct json_w *w)
{
	char name[IFNAMSIZ];

	json_w_arr(w, "not-on");
	for (size_t i = 0; i < b->nfilter; i++) {
		if (b->filter[i].lost &&
		    if_indextoname(b->filter[i].ifindex, name) != NULL)
			json_w_str(w, NULL, name);
	}
	json_w_arr_end(w);
}

void
dp_base_show(struct dp_base *b, struct json_w *w)
{
	json_w_obj(w, "filters");
	if (b->bpf == NULL) {
		json_w_str(w, "state", "missing");
		json_w_str(w, "why", b->bpf_why);
		json_w_obj_end(w);
		return;
	}
	bpf_dp_counters(b->bpf, b->stats.val);
	json_w_str(w, "state", b->nlost > 0 ? "incomplete" : "on");
	if (b->nlost > 0)
		show_lost(b, w);
	show_counters(b, w, "dropped", PMIP_C_FILTERS, PMIP_C_MAX);
	json_w_obj_end(w);
	show_counters(b, w, "packets", 0, PMIP_C_FILTERS);
}

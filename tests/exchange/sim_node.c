/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Daemons of the simulated world: what daemon_start.c does with real services,
 * done with fakes; start, stop, crash and restart.
 */
#include "sim.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/ctl.h"
#include "core/json.h"
#include "core/loop.h"
#include "core/util.h"

#define SIM_EVENTS_MAX 128

/* What the log of a node said, by event. */
struct sim_events {
	size_t n;
	struct {
		const char *name;	/* literals of the daemon */
		uint64_t count;
	} e[SIM_EVENTS_MAX];
};

/* --- services ---------------------------------------------------------- */

static usec_t
node_mono(void *ctx)
{
	const struct sim_node *n = ctx;

	return sim_now(n->sim);
}

static int64_t
node_wall(void *ctx)
{
	const struct sim_node *n = ctx;

	return SIM_WALL_START + sim_now(n->sim) - 1000 * USEC_PER_SEC +
	    n->skew_us;
}

static int
node_mh_send(struct mh_io *io, const struct in6_addr *src,
    const struct in6_addr *dst, const void *data, size_t len)
{
	struct sim_node *n = CONTAINER_OF(io, struct sim_node, mh);

	if (n->mh_send_errno != 0)
		return n->mh_send_errno;
	if (len > MH_MAX_LEN)
		return -EMSGSIZE;
	sim_send_raw(n->sim, src, dst, data, len);
	return 0;
}

static const struct mh_io_ops node_mh_ops = { .send = node_mh_send };

static void
node_on_mh(void *ctx, const struct mh_pkt *pkt)
{
	struct sim_node *n = ctx;

	role_dispatch_mh(&n->env, n->roles, n->nroles, pkt);
}

static void
node_on_mh_ahead(void *ctx, const struct mh_pkt *pkts, size_t npkts)
{
	struct sim_node *n = ctx;

	role_ahead_mh(n->roles, n->nroles, pkts, npkts);
}

static void
node_on_nd(void *ctx, const struct link_if *lif, const struct mac *src,
    const struct nd_msg *m)
{
	struct sim_node *n = ctx;

	for (size_t i = 0; i < n->nroles; i++) {
		if (n->roles[i]->ops->nd != NULL)
			n->roles[i]->ops->nd(n->roles[i], lif, src, m);
	}
}

static void
node_on_arp(void *ctx, const struct link_if *lif, const struct mac *src,
    const struct arp_msg *m)
{
	struct sim_node *n = ctx;

	for (size_t i = 0; i < n->nroles; i++) {
		if (n->roles[i]->ops->arp != NULL)
			n->roles[i]->ops->arp(n->roles[i], lif, src, m);
	}
}

static void
node_on_udp(void *ctx, const struct link_if *lif, const struct mac *src,
    const struct udp_msg *m)
{
	struct sim_node *n = ctx;

	for (size_t i = 0; i < n->nroles; i++) {
		if (n->roles[i]->ops->udp != NULL)
			n->roles[i]->ops->udp(n->roles[i], lif, src, m);
	}
}

static void
node_on_dhcp(void *ctx, const struct dhcp_pkt *pkt)
{
	struct sim_node *n = ctx;

	for (size_t i = 0; i < n->nroles; i++) {
		if (n->roles[i]->ops->dhcp != NULL)
			n->roles[i]->ops->dhcp(n->roles[i], pkt);
	}
}

static void
node_on_mtu(void *ctx, struct dp_tunnel *t)
{
	struct sim_node *n = ctx;

	for (size_t i = 0; i < n->nroles; i++) {
		if (n->roles[i]->ops->mtu_changed != NULL)
			n->roles[i]->ops->mtu_changed(n->roles[i], t);
	}
}

static void
node_on_policy(void *ctx)
{
	struct sim_node *n = ctx;

	for (size_t i = 0; i < n->nroles; i++) {
		if (n->roles[i]->ops->policy_changed != NULL)
			n->roles[i]->ops->policy_changed(n->roles[i]);
	}
}

static void
node_watch_if(void *ctx, uint32_t ifindex, uint32_t sources)
{
	struct sim_if *i = sim_if(ctx, ifindex);

	if (i != NULL)
		i->sources = sources;
}

static void
node_on_icmp(void *ctx, const struct icmp_pkt *pkt)
{
	struct sim_node *n = ctx;

	role_dispatch_icmp(&n->env, n->roles, n->nroles, pkt);
}

static void
node_on_log(void *ctx, enum log_level lvl, const char *mod, const char *ev,
    const struct kv *kv, size_t nkv)
{
	struct sim_events *e = ctx;

	(void)lvl;
	(void)mod;
	(void)kv;
	(void)nkv;
	for (size_t i = 0; i < e->n; i++) {
		if (strcmp(e->e[i].name, ev) == 0) {
			e->e[i].count++;
			return;
		}
	}
	ck_assert_msg(e->n < SIM_EVENTS_MAX, "too many kinds of events");
	e->e[e->n].name = ev;
	e->e[e->n++].count = 1;
}

/* --- start and stop ---------------------------------------------------- */

void
sim_node_role(struct sim_node *n, const struct role_ops *ops,
    const void *conf)
{
	ck_assert(!n->up && n->nroles < SIM_NODE_ROLES);
	n->ops[n->nroles] = ops;
	n->conf[n->nroles++] = conf;
}

void
sim_node_addr(struct sim_node *n, const char *addr)
{
	ck_assert(n->naddrs < SIM_NODE_ADDRS);
	n->addrs[n->naddrs++] = sim_in6(addr);
}

static void
node_services(struct sim_node *n)
{
	struct env *e = &n->env;

	*e = (struct env){ 0 };
	n->clock = (struct clock){ node_mono, node_wall, n };
	n->dialect.wire = &n->wire;
	n->events = calloc(1, sizeof(*n->events));
	if (n->events == NULL)
		abort();
	e->clock = &n->clock;
	e->wheel = wheel_new(sim_now(n->sim));
	e->log = log_new(&n->clock);
	if (getenv("SIM_LOG") != NULL) {
		log_to_fd(e->log, STDERR_FILENO, true);
		log_set_level(e->log, LOG_LVL_DEBUG);
	} else {
		log_to_none(e->log);
	}
	n->sink = log_sink_add(e->log, LOG_LVL_DEBUG, node_on_log, n->events);
	e->stats = stats_new();
	e->dialect = &n->dialect;
	n->mh = (struct mh_io){ .ops = &node_mh_ops, .recv = node_on_mh,
		.ahead = node_on_mh_ahead, .recv_ctx = n };
	e->mh = &n->mh;
	n->link = (struct link_io){ .ops = &sim_link_ops, .nd = node_on_nd,
		.arp = node_on_arp, .udp = node_on_udp, .ctx = n };
	e->link = &n->link;
	n->dhcp = (struct dhcp_io){ &sim_dhcp_ops, node_on_dhcp, n };
	e->dhcp = &n->dhcp;
	n->icmp = (struct icmp_io){ &sim_icmp_ops, node_on_icmp, n };
	n->icmp_anycast = false;
	e->icmp = &n->icmp;
	e->watch_if = node_watch_if;
	e->watch_ctx = n;
	e->adopt = n->adopt;
	role_env_init(e);
	n->dp = sim_dp_new(n);
	n->dp->mtu_changed = node_on_mtu;
	n->dp->mtu_ctx = n;
	e->dp = n->dp;
	sim_policy_attach(n);
	n->policy.changed = node_on_policy;
	n->policy.changed_ctx = n;
	e->policy = &n->policy;
}

static void
node_links_new(struct sim_node *n)
{
	for (size_t i = 0; i < n->nifs; i++) {
		for (size_t k = 0; k < n->nroles; k++) {
			const struct role_ops *ops = n->roles[k]->ops;

			if (ops->link != NULL)
				ops->link(n->roles[k], LINK_NEW,
				    &n->ifs[i].lif);
		}
	}
}

int
sim_node_start(struct sim_node *n)
{
	int r = 0;
	size_t i;

	ck_assert_msg(!n->up, "%s runs already", n->name);
	n->up = true;
	n->run++;
	node_services(n);
	for (i = 0; i < n->nroles; i++)
		n->roles[i] = role_new(n->ops[i], &n->env);
	for (i = 0; i < n->nroles && r == 0; i++) {
		r = n->roles[i]->ops->start(n->roles[i], n->conf[i]);
		n->roles[i]->started = r == 0;
	}
	if (r < 0) {
		sim_node_crash(n);
		return r;
	}
	node_links_new(n);
	return 0;
}

/* `crash`: what the roles say and do while they stop reaches nobody. */
static void
node_down(struct sim_node *n, bool keep, bool crash)
{
	if (crash)
		n->mh_send_errno = -ENETDOWN;
	ctl_free(n->ctl);
	n->ctl = NULL;
	for (size_t i = n->nroles; i-- > 0;) {
		if (n->roles[i] == NULL)
			continue;
		n->roles[i]->ops->stop(n->roles[i], keep);
		role_free(n->roles[i]);
		n->roles[i] = NULL;
	}
	n->dp->ops->shutdown(n->dp, keep);
	sim_dp_free(n);
	n->dp = NULL;
	n->env.dp = NULL;
	role_env_done(&n->env);
	if (n->ctl_loop != NULL)
		loop_free(n->ctl_loop);
	n->ctl_loop = NULL;
	wheel_free(n->env.wheel);
	stats_free(n->env.stats);
	sim_listen(n, false);
	log_free(n->env.log);
	free(n->events);
	n->events = NULL;
	for (size_t i = 0; i < n->nifs; i++) {
		n->ifs[i].open = false;
		n->ifs[i].sources = 0;
		n->ifs[i].ngroups = 0;
	}
	n->nlistens = 0;
	n->up = false;
	if (crash)
		n->mh_send_errno = 0;
}

void
sim_node_stop(struct sim_node *n, bool keep)
{
	ck_assert(n->up);
	wheel_touch(n->env.wheel, sim_now(n->sim));
	node_down(n, keep, false);
}

void
sim_node_crash(struct sim_node *n)
{
	ck_assert(n->up);
	node_down(n, true, true);
}

void
sim_node_restart(struct sim_node *n, bool clear_kernel)
{
	if (n->up)
		sim_node_crash(n);
	if (clear_kernel)
		sim_kernel_clear(&n->kernel);
	ck_assert_int_eq(sim_node_start(n), 0);
}

/* --- default configurations -------------------------------------------- */

static void
list_add(struct sim *s, struct cfg_list *l, const void *elem, size_t size)
{
	uint8_t *v = sim_alloc(s, (l->n + 1) * size);

	if (l->n > 0)
		memcpy(v, l->v, l->n * size);
	memcpy(v + l->n * size, elem, size);
	l->v = v;
	l->n++;
}

struct ha_conf *
sim_ha_conf(struct sim *s, const char *addr)
{
	struct ha_conf *c = sim_alloc(s, sizeof(*c));
	struct in6_addr a = sim_in6(addr);
	struct prefix p = sim_prefix("2001:db8:1::/48");

	c->at.line = 1;
	list_add(s, &c->addresses, &a, sizeof(a));
	list_add(s, &c->home_prefixes, &p, sizeof(p));
	c->proxy_registration = true;
	c->max_lifetime_us = 3600 * USEC_PER_SEC;
	c->ts_window_us = 5 * USEC_PER_SEC;
	c->max_bindings = 1000000;
	c->answer_unknown_dereg = true;
	c->discovery = true;
	return c;
}

void
sim_ha_allow(struct sim *s, struct ha_conf *c, const char *pma)
{
	struct ha_conf_pma p = { .address = sim_in6(pma) };

	list_add(s, &c->pmas, &p, sizeof(p));
}

void
sim_ha_home_prefix(struct sim *s, struct ha_conf *c, const char *prefix)
{
	struct prefix p = sim_prefix(prefix);

	list_add(s, &c->home_prefixes, &p, sizeof(p));
}

void
sim_ha_home_link(struct sim *s, struct ha_conf *c, const char *prefix,
    const char *ifname)
{
	struct ha_conf_home_link l = { .at.line = 1,
		.prefix = sim_prefix(prefix), .interface = ifname,
		.detection_us = USEC_PER_SEC };

	list_add(s, &c->home_links, &l, sizeof(l));
}

static struct in_addr
in4_of(const char *text)
{
	struct in_addr a;

	if (in4_parse(text, &a) != 0)
		ck_abort_msg("not an IPv4 address: %s", text);
	return a;
}

void
sim_ha_dhcp4(struct sim *s, struct ha_conf *c, const char *addr,
    const char *server)
{
	struct in_addr a;

	c->dhcp4.at.line = 1;
	if (addr != NULL) {
		a = in4_of(addr);
		list_add(s, &c->dhcp4.addresses, &a, sizeof(a));
	}
	if (server != NULL) {
		a = in4_of(server);
		list_add(s, &c->dhcp4.servers, &a, sizeof(a));
	}
}

void
sim_pma_dhcp6(struct sim *s, struct pma_conf *c, const char *server)
{
	struct in6_addr a = sim_in6(server);

	c->dhcp6.at.line = 1;
	list_add(s, &c->dhcp6.servers, &a, sizeof(a));
}

void
sim_pma_dhcp4(struct sim *s, struct pma_conf *c, const char *addr,
    const char *server)
{
	struct in_addr a;

	c->dhcp4.at.line = 1;
	c->dhcp4.mode = addr != NULL ? DHCP4_LINK_SELECTION : DHCP4_GATEWAY;
	if (addr != NULL)
		c->dhcp4.address = in4_of(addr);
	if (server != NULL) {
		a = in4_of(server);
		list_add(s, &c->dhcp4.servers, &a, sizeof(a));
	}
}

struct pma_conf *
sim_pma_conf(struct sim *s, const char *addr)
{
	struct pma_conf *c = sim_alloc(s, sizeof(*c));

	c->at.line = 1;
	c->address = sim_in6(addr);
	c->home_agent = sim_in6("2001:db8:a::1");
	c->lifetime_us = 300 * USEC_PER_SEC;
	c->refresh_percent = 80;
	c->initial_timeout_us = USEC_PER_SEC;
	c->max_timeout_us = 32 * USEC_PER_SEC;
	c->backoff_us = 32 * USEC_PER_SEC;
	c->max_backoff_us = 300 * USEC_PER_SEC;
	c->max_update_rate = 0;
	c->max_nodes = 100000;
	c->ts_window_us = 5 * USEC_PER_SEC;
	c->dereg_tries = 3;
	c->previous_ras = 2;
	c->probe_interval_us = USEC_PER_SEC;
	c->probe_tries = 3;
	c->ra.interval_us = 30 * USEC_PER_SEC;
	c->ra.router_lifetime_us = 90 * USEC_PER_SEC;
	c->ra.valid_us = 2592000 * USEC_PER_SEC;
	c->ra.preferred_us = 604800 * USEC_PER_SEC;
	c->ra.hop_limit = 64;
	return c;
}

void
sim_pma_access(struct sim *s, struct pma_conf *c, const char *ifname,
    int type, const char *nai)
{
	struct pma_conf_access a = { .interface = ifname, .type = type,
		.nai = nai, .sources = 1U << ATTACH_BY_RS |
		1U << ATTACH_BY_CTL | 1U << ATTACH_BY_CARRIER |
		1U << ATTACH_BY_NEIGHBOUR | 1U << ATTACH_BY_FDB |
		1U << ATTACH_BY_TRAFFIC };

	list_add(s, &c->access, &a, sizeof(a));
}

struct pma_conf_visitor_link *
sim_pma_visitor(struct sim *s, struct pma_conf *c, const char *ifname,
    const char *prefix)
{
	struct pma_conf_visitor_link l = { .at.line = 1,
		.interface = ifname, .prefix = sim_prefix(prefix) };

	c->visitor.at.line = 1;
	c->visitor.max_strangers = 3;
	list_add(s, &c->visitor.links, &l, sizeof(l));
	return (struct pma_conf_visitor_link *)(uintptr_t)
	    c->visitor.links.v + c->visitor.links.n - 1;
}

struct sim_node *
sim_add_ha(struct sim *s, const char *addr, const struct ha_conf *conf)
{
	struct sim_node *n = sim_add_node(s, addr);

	if (conf == NULL) {
		struct ha_conf *c = sim_ha_conf(s, addr);
		char pma[64];

		for (unsigned i = 1; i < 256; i++) {
			snprintf(pma, sizeof(pma), "2001:db8:b::%x", i);
			sim_ha_allow(s, c, pma);
		}
		conf = c;
	}
	for (size_t i = 0; i < conf->addresses.n; i++) {
		const struct in6_addr *a = conf->addresses.v;

		ck_assert(n->naddrs < SIM_NODE_ADDRS);
		n->addrs[n->naddrs++] = a[i];
	}
	for (size_t i = 0; i < conf->home_links.n; i++) {
		const struct ha_conf_home_link *l = conf->home_links.v;

		(void)sim_add_if(n, l[i].interface, false);
	}
	sim_node_role(n, &ha_role_ops, conf);
	ck_assert_int_eq(sim_node_start(n), 0);
	return n;
}

struct sim_node *
sim_add_pma(struct sim *s, const char *addr, const struct pma_conf *conf)
{
	struct sim_node *n = sim_add_node(s, addr);

	if (conf == NULL) {
		struct pma_conf *c = sim_pma_conf(s, addr);

		sim_pma_access(s, c, "acc0", 0, NULL);
		conf = c;
	}
	sim_node_addr(n, addr);
	for (size_t i = 0; i < conf->access.n; i++) {
		const struct pma_conf_access *a = conf->access.v;

		(void)sim_add_if(n, a[i].interface, a[i].type == 1);
	}
	sim_node_role(n, role_list[1], conf);
	ck_assert_str_eq(n->ops[0]->name, "pma");
	ck_assert_int_eq(sim_node_start(n), 0);
	return n;
}

struct role *
sim_role(struct sim_node *n, const char *name)
{
	for (size_t i = 0; n->up && i < n->nroles; i++) {
		if (strcmp(n->roles[i]->ops->name, name) == 0)
			return n->roles[i];
	}
	return NULL;
}

int
sim_reload(struct sim_node *n, const char *role, const void *conf)
{
	struct role *r = sim_role(n, role);
	int err;

	ck_assert(r != NULL);
	wheel_touch(n->env.wheel, sim_now(n->sim));
	err = r->ops->reload(r, conf);
	for (size_t i = 0; err == 0 && i < n->nroles; i++) {
		if (n->roles[i] == r)
			n->conf[i] = conf;
	}
	return err;
}

/* --- looking into a node ----------------------------------------------- */

uint64_t
sim_stat(struct sim_node *n, const char *group, const char *name)
{
	uint64_t v = stats_get(n->env.stats, group, name);

	return v == UINT64_MAX ? 0 : v;
}

uint64_t
sim_seen(struct sim_node *n, const char *event)
{
	for (size_t i = 0; i < n->events->n; i++) {
		if (strcmp(n->events->e[i].name, event) == 0)
			return n->events->e[i].count;
	}
	return 0;
}

void
sim_listen(struct sim_node *n, bool on)
{
	if (!on && n->sink != NULL) {
		log_sink_del(n->env.log, n->sink);
		n->sink = NULL;
	} else if (on && n->sink == NULL) {
		n->sink = log_sink_add(n->env.log, LOG_LVL_DEBUG, node_on_log,
		    n->events);
	}
}

const char *
sim_ctl(struct sim_node *n, const char *line)
{
	struct json_w w;

	if (n->ctl == NULL) {
		n->ctl_loop = loop_new(&n->clock);
		ck_assert(n->ctl_loop != NULL);
		ck_assert_int_eq(ctl_new(n->ctl_loop, n->env.log, n->env.stats,
		    NULL, (gid_t)-1, &n->ctl), 0);
		for (size_t i = 0; i < n->nroles; i++) {
			if (n->roles[i]->ops->ctl != NULL)
				ctl_register(n->ctl, n->roles[i]->ops->ctl,
				    n->roles[i]);
		}
	}
	wheel_touch(n->env.wheel, sim_now(n->sim));
	json_w_init(&w);
	ctl_feed(n->ctl, line, strlen(line), &w);
	free(n->ctl_text);
	n->ctl_text = strndup(w.buf != NULL ? w.buf : "", w.len);
	json_w_done(&w);
	return n->ctl_text;
}

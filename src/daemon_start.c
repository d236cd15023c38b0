/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Putting a daemon together and taking it apart again.
 *
 * Order: log, loop, netlink, policy, data plane, security, access links,
 * roles, attach sources, control socket.  Each step needs the ones before;
 * daemon_stop() walks back and copes with a start that failed half way.
 */
#include "daemon_priv.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/crypto.h"
#include "core/util.h"

#define MOD "core"
#define NICE_HIGH (-5)		/* as other routing daemons have */

bool
daemon_has_role(const struct daemon *d, const char *name)
{
	for (size_t i = 0; i < DAEMON_ROLES_MAX && d->opts->roles[i]; i++) {
		if (strcmp(d->opts->roles[i], name) == 0)
			return true;
	}
	return false;
}

/* --- what services call -------------------------------------------------- */

static void
on_mh(void *ctx, const struct mh_pkt *pkt)
{
	struct daemon *d = ctx;

	role_dispatch_mh(&d->env, d->roles, d->nroles, pkt);
}

static void
on_mh_ahead(void *ctx, const struct mh_pkt *pkts, size_t n)
{
	struct daemon *d = ctx;

	role_ahead_mh(d->roles, d->nroles, pkts, n);
}

static void
on_nd(void *ctx, const struct link_if *lif, const struct mac *src,
    const struct nd_msg *m)
{
	struct daemon *d = ctx;

	for (size_t i = 0; i < d->nroles; i++) {
		if (d->roles[i]->ops->nd != NULL)
			d->roles[i]->ops->nd(d->roles[i], lif, src, m);
	}
}

static void
on_arp(void *ctx, const struct link_if *lif, const struct mac *src,
    const struct arp_msg *m)
{
	struct daemon *d = ctx;

	for (size_t i = 0; i < d->nroles; i++) {
		if (d->roles[i]->ops->arp != NULL)
			d->roles[i]->ops->arp(d->roles[i], lif, src, m);
	}
}

static void
on_udp(void *ctx, const struct link_if *lif, const struct mac *src,
    const struct udp_msg *m)
{
	struct daemon *d = ctx;

	for (size_t i = 0; i < d->nroles; i++) {
		if (d->roles[i]->ops->udp != NULL)
			d->roles[i]->ops->udp(d->roles[i], lif, src, m);
	}
}

static void
on_dhcp(void *ctx, const struct dhcp_pkt *pkt)
{
	struct daemon *d = ctx;

	for (size_t i = 0; i < d->nroles; i++) {
		if (d->roles[i]->ops->dhcp != NULL)
			d->roles[i]->ops->dhcp(d->roles[i], pkt);
	}
}

static void
on_icmp(void *ctx, const struct icmp_pkt *pkt)
{
	struct daemon *d = ctx;

	role_dispatch_icmp(&d->env, d->roles, d->nroles, pkt);
}

static void
on_attach(void *ctx, const struct attach_event *ev)
{
	struct daemon *d = ctx;

	for (size_t i = 0; i < d->nroles; i++) {
		if (d->roles[i]->ops->attach != NULL)
			d->roles[i]->ops->attach(d->roles[i], ev);
	}
}

static void
on_link(void *ctx, enum link_news what, const struct link_if *lif)
{
	struct daemon *d = ctx;

	for (size_t i = 0; i < d->nroles; i++) {
		if (d->roles[i]->ops->link != NULL)
			d->roles[i]->ops->link(d->roles[i], what, lif);
	}
}

static bool
on_resolve(void *ctx, uint32_t ifindex, const struct in6_addr *addr,
    struct mac *ret)
{
	struct daemon *d = ctx;

	for (size_t i = 0; i < d->nroles; i++) {
		if (d->roles[i]->ops->resolve != NULL &&
		    d->roles[i]->ops->resolve(d->roles[i], ifindex, addr, ret))
			return true;
	}
	return false;
}

static void
on_mtu(void *ctx, struct dp_tunnel *t)
{
	struct daemon *d = ctx;

	for (size_t i = 0; i < d->nroles; i++) {
		if (d->roles[i]->ops->mtu_changed != NULL)
			d->roles[i]->ops->mtu_changed(d->roles[i], t);
	}
}

static void
on_policy_changed(void *ctx)
{
	struct daemon *d = ctx;

	for (size_t i = 0; i < d->nroles; i++) {
		if (d->roles[i]->ops->policy_changed != NULL)
			d->roles[i]->ops->policy_changed(d->roles[i]);
	}
}

static void
watch_if(void *ctx, uint32_t ifindex, uint32_t sources)
{
	struct daemon *d = ctx;

	attach_nl_watch(d->attach, ifindex, sources);
}

/* --- the steps ----------------------------------------------------------- */

static int
start_log(struct daemon *d)
{
	const struct log_conf *c = &d->conf->log;

	if (c->destination == 1)
		log_to_syslog(d->log, "pmipd");
	else
		log_to_fd(d->log, STDERR_FILENO, c->timestamps);
	log_set_level(d->log, d->opts->log_level >= 0 ?
	    (enum log_level)d->opts->log_level : (enum log_level)c->level);
	return 0;
}

/* Where nice values count within a session only (sched(7)), ours has one, too;
 * unless it is somebody else's. */
static void
session_priority(void)
{
	FILE *f;

	if (getsid(0) != getpid())
		return;
	f = fopen("/proc/self/autogroup", "we");
	if (f == NULL)
		return;
	fprintf(f, "%d", NICE_HIGH);
	(void)fclose(f);
}

/* Where we may not, the service is the same, only later at times. */
static void
start_priority(struct daemon *d)
{
	if (d->conf->signalling.priority != PRIORITY_HIGH ||
	    getpriority(PRIO_PROCESS, 0) != 0)
		return;
	if (setpriority(PRIO_PROCESS, 0, NICE_HIGH) == 0) {
		session_priority();
		return;
	}
	log_info(d->log, MOD, "priority-refused", KV_STR("hint",
	    "CAP_SYS_NICE is needed, or `signalling: priority: normal`"),
	    KV_ERR(-errno));
}

static int
start_policy(struct daemon *d)
{
	struct cfg_errors errs = { 0 };
	int r = policy_file_new(d->conf->policy.file, &d->env.policy, &errs);

	if (r < 0) {
		fputs(errs.text != NULL ? errs.text : "", stderr);
		log_err(d->log, MOD, "policy-refused",
		    KV_STR("file", d->conf->policy.file), KV_U("errors", errs.n),
		    KV_ERR(r));
	} else {
		d->env.policy->changed = on_policy_changed;
		d->env.policy->changed_ctx = d;
	}
	cfg_errors_done(&errs);
	return r;
}

static int
start_dataplane(struct daemon *d)
{
	const struct dataplane_conf *c = &d->conf->dataplane;
	struct dp_conf dc = {
		.backend = c->backend, .rtproto = (uint8_t)c->rtm_protocol,
		.table = c->table, .rule_prio = c->rule_priority,
		.max_tunnels = c->max_tunnels, .max_paths = c->max_paths,
		.set_sysctls = c->set_sysctls, .fast_path = c->fast_path,
		.tunnel_gro = c->tunnel_gro,
		.is_ha = daemon_has_role(d, "ha"),
		.is_pma = daemon_has_role(d, "pma"),
	};
	char why[256] = "";
	int r;

	if (dc.is_pma) {
		dc.uplink = d->conf->pma.uplink;
		dc.local = d->conf->pma.address;
		dc.fixed_router = d->conf->pma.fixed_router;
		dc.answers = d->conf->pma.answers;
		dc.max_nodes = d->conf->pma.max_nodes;
	}
	if (dc.is_ha) {
		const struct in6_addr *a = d->conf->ha.addresses.v;

		dc.cover = d->conf->ha.home_prefixes.v;
		dc.ncover = d->conf->ha.home_prefixes.n;
		if (d->conf->ha.uplink != NULL)
			dc.uplink = d->conf->ha.uplink;
		if (d->conf->ha.addresses.n == 1)
			dc.local = a[0];
	}
	r = dp_open(&dc, d->loop, d->log, d->stats, d->netlink, &d->env.dp,
	    why, sizeof(why));
	if (r < 0) {
		log_err(d->log, MOD, "dataplane-failed", KV_STR("why", why),
		    KV_ERR(r));
		return r;
	}
	d->env.dp->mtu_changed = on_mtu;
	d->env.dp->mtu_ctx = d;
	log_info(d->log, MOD, "dataplane", KV_STR("backend",
	    d->env.dp->ops->name));
	return 0;
}

/* Opens nothing before a role listens somewhere. */
static int
start_dhcp(struct daemon *d)
{
	int r = dhcp_sock_new(d->loop, d->log, d->stats, &d->env.dhcp);

	if (r < 0)
		return r;
	d->env.dhcp->recv = on_dhcp;
	d->env.dhcp->recv_ctx = d;
	return 0;
}

static int
start_sockets(struct daemon *d)
{
	int r;

	r = daemon_sec_start(d);
	if (r < 0)
		return r;
	d->env.mh->recv = on_mh;
	d->env.mh->ahead = on_mh_ahead;
	d->env.mh->recv_ctx = d;
	r = icmp_sock_new(d->loop, d->log, d->stats, &d->env.icmp);
	if (r < 0)
		return r;
	d->env.icmp->recv = on_icmp;
	d->env.icmp->recv_ctx = d;
	r = link_sock_new(d->loop, d->log, d->stats, &d->env.link);
	if (r < 0) {
		log_err(d->log, MOD, "link-socket-failed", KV_ERR(r));
		return r;
	}
	d->env.link->nd = on_nd;
	d->env.link->arp = on_arp;
	d->env.link->udp = on_udp;
	d->env.link->ctx = d;
	return start_dhcp(d);
}

static const struct role_ops *
role_find(const char *name)
{
	for (size_t i = 0; role_list[i] != NULL; i++) {
		if (strcmp(role_list[i]->name, name) == 0)
			return role_list[i];
	}
	return NULL;
}

static int
start_roles(struct daemon *d)
{
	for (size_t i = 0; i < DAEMON_ROLES_MAX && d->opts->roles[i]; i++) {
		const char *name = d->opts->roles[i];
		struct role *role = role_new(role_find(name), &d->env);
		int r;

		d->roles[d->nroles++] = role;
		r = role->ops->start(role, main_conf_role(d->conf, name));
		if (r < 0) {
			log_err(d->log, MOD, "role-failed",
			    KV_STR("role", name), KV_ERR(r));
			return r;
		}
		role->started = true;
	}
	return 0;
}

static int
start_attach(struct daemon *d)
{
	const struct attach_sink sink = { .attach = on_attach, .link = on_link,
		.resolve = on_resolve, .ctx = d };
	int r = attach_nl_new(d->loop, d->log, d->stats, d->netlink, &sink,
	    &d->attach);

	if (r == 0) {
		d->env.watch_if = watch_if;
		d->env.watch_ctx = d;
		r = attach_nl_start(d->attach);
	}
	if (r < 0)
		log_err(d->log, MOD, "link-events-failed", KV_ERR(r));
	return r;
}

/* /run/pmipd is ours to create; any other folder must exist. */
static void
make_run_dir(const char *path)
{
	const char *dir = "/run/pmipd";
	size_t n = strlen(dir);

	if (strncmp(path, dir, n) == 0 && path[n] == '/')
		(void)mkdir(dir, 0755);
}

static int
start_ctl(struct daemon *d)
{
	const struct control_conf *c = &d->conf->control;
	gid_t gid = (gid_t)-1;
	int r;

	if (c->group != NULL) {
		struct group *g = getgrnam(c->group);

		if (g == NULL) {
			log_err(d->log, MOD, "no-such-group",
			    KV_STR("group", c->group));
			return -ENOENT;
		}
		gid = g->gr_gid;
	}
	make_run_dir(c->socket);
	r = ctl_new(d->loop, d->log, d->stats, c->socket, gid, &d->ctl);
	if (r < 0) {
		log_err(d->log, MOD, "control-socket-failed",
		    KV_STR("path", c->socket), KV_STR("hint",
		    r == -EADDRINUSE ? "another pmipd listens there" :
		    "does the folder exist?"), KV_ERR(r));
		return r;
	}
	ctl_register(d->ctl, daemon_ctl_cmds, d);
	for (size_t i = 0; i < d->nroles; i++) {
		if (d->roles[i]->ops->ctl != NULL)
			ctl_register(d->ctl, d->roles[i]->ops->ctl,
			    d->roles[i]);
	}
	return 0;
}

int
daemon_start(struct daemon *d)
{
	struct env *e = &d->env;
	int r;

	d->log = log_new(&clock_system);
	start_log(d);
	start_priority(d);
	d->stats = stats_new();
	if (crypto_init() < 0) {
		log_err(d->log, MOD, "crypto-failed", KV_STR("hint",
		    "libsodium found no source of randomness"));
		return -EIO;
	}
	d->loop = loop_new(&clock_system);
	if (d->loop == NULL)
		return -errno;
	d->started_us = clock_mono_us(&clock_system);
	d->wire = mh_wire_default;
	d->wire.ts_accept_len18 = d->conf->signalling.accept_ts18;
	d->dialect = dialect_draft01;
	d->dialect.wire = &d->wire;
	e->clock = &clock_system;
	e->wheel = loop_wheel(d->loop);
	e->log = d->log;
	e->stats = d->stats;
	e->dialect = &d->dialect;
	e->adopt = d->conf->dataplane.on_exit == 1;
	role_env_init(e);
	r = netlink_new(d->loop, d->log, d->stats, &d->netlink);
	if (r < 0) {
		log_err(d->log, MOD, "netlink-failed", KV_ERR(r));
		return r;
	}
	if ((r = start_policy(d)) < 0 || (r = start_dataplane(d)) < 0 ||
	    (r = start_sockets(d)) < 0 || (r = start_roles(d)) < 0)
		return r;
	if ((r = start_attach(d)) < 0)
		return r;
	if ((r = start_ctl(d)) < 0)
		return r;
	if (d->conf->security.mode == SEC_NONE)
		log_warn(d->log, MOD, "signalling-unprotected", KV_STR("hint",
		    "security: ipsec: none - anybody who can send to us "
		    "can register mobile nodes"));
	return 0;
}

static void
stop_roles(struct daemon *d, bool keep)
{
	while (d->nroles > 0) {
		struct role *role = d->roles[--d->nroles];

		if (d->ctl != NULL && role->ops->ctl != NULL)
			ctl_unregister(d->ctl, role->ops->ctl, role);
		role->ops->stop(role, keep);
		role_free(role);
	}
}

void
daemon_stop(struct daemon *d)
{
	bool keep = d->conf->dataplane.on_exit == 1;

	/* Nothing may call into roles that are going. */
	attach_nl_free(d->attach);
	d->attach = NULL;
	d->env.watch_if = NULL;
	stop_roles(d, keep);
	/* De-registrations that the roles queued leave with one last turn. */
	if (d->loop != NULL)
		(void)loop_turn(d->loop, 0);
	ctl_free(d->ctl);
	if (d->env.dp != NULL) {
		d->env.dp->ops->shutdown(d->env.dp, keep);
		dp_close(d->env.dp);
	}
	if (d->env.link != NULL)
		link_sock_free(d->env.link);
	dhcp_sock_free(d->env.dhcp);
	icmp_sock_free(d->env.icmp);
	daemon_sec_stop(d, keep);
	if (d->env.policy != NULL)
		policy_file_free(d->env.policy);
	netlink_free(d->netlink);
	if (d->stats != NULL)
		role_env_done(&d->env);
	while (d->nsignals > 0)
		loop_signal_del(d->signals[--d->nsignals]);
	loop_free(d->loop);
	stats_free(d->stats);
	log_free(d->log);
}

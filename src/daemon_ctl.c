/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Commands of the control socket that belong to no role: show status,
 * tunnels, ipsec, counters and config, log, reload.
 */
#include "daemon_priv.h"

#include <errno.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "core/json.h"

#define ITEMS_PER_TURN 64

static int
cmd_show_status(struct ctl_call *c)
{
	struct daemon *d = c->ctx;
	struct json_w *w = ctl_item(c);
	struct utsname u;

	json_w_str(w, "version", PMIPD_VERSION);
	json_w_i(w, "pid", getpid());
	json_w_sec(w, "uptime",
	    clock_mono_us(d->env.clock) - d->started_us);
	json_w_str(w, "config", d->opts->config);
	json_w_str(w, "log_level", log_level_name(log_get_level(d->log)));
	json_w_str(w, "dialect", d->env.dialect->name);
	json_w_obj(w, "security");
	sec_show(d->sec, w);
	json_w_obj_end(w);
	json_w_obj(w, "dataplane");
	json_w_str(w, "backend", d->env.dp->ops->name);
	if (uname(&u) == 0)
		json_w_str(w, "kernel", u.release);
	json_w_u(w, "tunnels", tunnel_count(d->env.dp->tunnels));
	d->env.dp->ops->show(d->env.dp, w);
	json_w_obj_end(w);
	json_w_obj(w, "policy");
	json_w_str(w, "backend", d->env.policy->ops->name);
	json_w_str(w, "file", d->conf->policy.file);
	json_w_u(w, "profiles", policy_file_count(d->env.policy));
	json_w_obj_end(w);
	for (size_t i = 0; i < d->nroles; i++) {
		json_w_obj(w, d->roles[i]->ops->name);
		if (d->roles[i]->ops->show != NULL)
			d->roles[i]->ops->show(d->roles[i], w);
		json_w_obj_end(w);
	}
	ctl_item_end(c);
	return CTL_DONE;
}

static void
tunnel_item(struct ctl_call *c, struct daemon *d, const struct dp_tunnel *t)
{
	struct json_w *w = ctl_item(c);
	usec_t now = clock_mono_us(d->env.clock);
	char buf[ADDR_STRLEN];

	json_w_str(w, "local", in6_str(&t->local, buf));
	json_w_str(w, "remote", in6_str(&t->remote, buf));
	json_w_str(w, "kind", t->is_static ? "static" : "dynamic");
	json_w_str(w, "state", t->up ? "up" : "down");
	json_w_u(w, "users", t->users);
	if (t->users > 0)
		json_w_sec(w, "life", tunnel_life_end(t) - now);
	else
		json_w_null(w, "life");
	json_w_u(w, "mtu", t->mtu);
	json_w_sec(w, "age", now - t->created);
	d->env.dp->ops->show_tunnel(d->env.dp, t, w);
	ctl_item_end(c);
}

static int
cmd_show_tunnels(struct ctl_call *c)
{
	struct daemon *d = c->ctx;
	struct dp_tunnel *t = tunnel_first(d->env.dp->tunnels);
	unsigned n = 0;

	/* The table is short, and may have changed since the last call. */
	for (uint64_t i = 0; i < c->cursor && t != NULL; i++)
		t = t->next;
	for (; t != NULL && n < ITEMS_PER_TURN; t = t->next, n++)
		tunnel_item(c, d, t);
	c->cursor += n;
	return t != NULL ? CTL_MORE : CTL_DONE;
}

static struct json_w *
ipsec_begin(void *ctx)
{
	return ctl_item(ctx);
}

static void
ipsec_end(void *ctx)
{
	ctl_item_end(ctx);
}

static int
cmd_show_ipsec(struct ctl_call *c)
{
	struct daemon *d = c->ctx;
	const struct sec_row row = { .begin = ipsec_begin, .end = ipsec_end,
		.ctx = c };

	for (unsigned n = 0; n < ITEMS_PER_TURN; n++) {
		if (!sec_show_peer(d->sec, c->cursor, &row))
			return CTL_DONE;
		c->cursor++;
	}
	return CTL_MORE;
}

struct counters_ctx {
	struct ctl_call *call;
	bool all;
};

static void
counter_item(void *ctx, const char *group, const struct stat_desc *desc,
    uint64_t value)
{
	struct counters_ctx *cc = ctx;
	struct json_w *w;

	if (value == 0 && !cc->all)
		return;
	w = ctl_item(cc->call);
	json_w_str(w, "group", group);
	json_w_str(w, "name", desc->name);
	json_w_u(w, "value", value);
	json_w_str(w, "help", desc->help);
	ctl_item_end(cc->call);
}

static int
cmd_show_counters(struct ctl_call *c)
{
	struct daemon *d = c->ctx;
	struct counters_ctx cc = { .call = c,
		.all = json_r_bool(c->args, "all", false) };

	stats_each(d->stats, counter_item, &cc);
	return CTL_DONE;
}

static int
cmd_show_config(struct ctl_call *c)
{
	struct daemon *d = c->ctx;

	cfg_print_json(ctl_item(c), &main_conf_table, d->conf);
	ctl_item_end(c);
	return CTL_DONE;
}

static int
cmd_log(struct ctl_call *c)
{
	struct daemon *d = c->ctx;
	const char *level = json_r_str(c->args, "level");
	int lvl = level != NULL ? log_level_parse(level) : -1;

	if (lvl < 0)
		return ctl_fail(c, -EINVAL,
		    "log needs a level: err, warn, info or debug");
	log_set_level(d->log, (enum log_level)lvl);
	return CTL_DONE;
}

static int
cmd_reload(struct ctl_call *c)
{
	char why[512];
	int r = daemon_reload(c->ctx, why, sizeof(why));

	return r < 0 ? ctl_fail(c, r, "%s", why) : CTL_DONE;
}

const struct ctl_cmd daemon_ctl_cmds[] = {
	{ "show status", "the daemon, its data plane and its roles",
	    cmd_show_status },
	{ "show tunnels", "tunnels with their users and life",
	    cmd_show_tunnels },
	{ "show ipsec", "how signalling with each peer is protected",
	    cmd_show_ipsec },
	{ "show counters", "what was counted; all=true: zeroes as well",
	    cmd_show_counters },
	{ "show config", "the configuration in force", cmd_show_config },
	{ "log", "level=LEVEL: change the log level", cmd_log },
	{ "reload", "read configuration and policy again", cmd_reload },
	{ NULL, NULL, NULL },
};

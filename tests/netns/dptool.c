/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A data plane without a daemon: opens a backend in the present network
 * namespace and does what standard input says, one command per line, each
 * answered by one line "ok ..." or "err ERRNO ..." on standard output.
 *
 *	backend auto|ip6tnl|bpf		before ha or pma
 *	uplink IF			likewise
 *	sysctls no			likewise: do not touch them
 *	max PATHS			likewise
 *	ha LOCAL [cover PREFIX...]	open, as home agent
 *	pma LOCAL			open, as proxy mobile agent
 *	both LOCAL [cover PREFIX...]
 *	access IF | noaccess IF
 *	path PREFIX REMOTE [LOCAL]	as home agent: set or replace
 *	host PREFIX REMOTE IF [MAC]	as proxy mobile agent: likewise;
 *					REMOTE -: a visitor, without tunnel
 *	del PREFIX | unhost PREFIX
 *	many PREFIX N REMOTE		N /64s from PREFIX on, as home agent
 *	show | sweep
 *	quit | keep			stop: take all away, or leave it
 *
 * News come in between: "mtu REMOTE N".
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <net/if.h>
#include <sys/socket.h>

#include "core/clock.h"
#include "core/json.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/netlink.h"
#include "core/stats.h"
#include "core/util.h"
#include "dataplane/dp.h"

#define WORDS_MAX 32
#define PATHS_MAX 256
#define LIFETIME_4S 15000

struct path {
	struct dp_path p;
	struct dp_tunnel *next;		/* wanted, not yet answered */
	bool used, busy;
};

struct tool {
	struct loop *loop;
	struct log *log;
	struct stats *stats;
	struct netlink *nl;
	struct dp *dp;
	struct dp_conf conf;
	struct prefix cover[WORDS_MAX];
	char uplink[IFNAMSIZ];
	struct path path[PATHS_MAX];
	char line[4096];
	size_t len;
	bool keep;
	unsigned many_left;
	int many_err;
};

/* An operation under way. */
struct call {
	struct tool *t;
	struct path *path;
};

static void
answer(int r, const char *text)
{
	if (r < 0)
		printf("err %s %s\n", log_errname(r), text);
	else
		printf("ok%s%s\n", text[0] != '\0' ? " " : "", text);
	fflush(stdout);
}

static void
on_mtu(void *ctx, struct dp_tunnel *t)
{
	char buf[ADDR_STRLEN];

	(void)ctx;
	printf("mtu %s %u\n", in6_str(&t->remote, buf), t->mtu);
	fflush(stdout);
}

static void
do_open(struct tool *t, bool ha, bool pma, char **w, size_t n)
{
	char why[256] = "";
	int r;

	t->conf.is_ha = ha;
	t->conf.is_pma = pma;
	if (n < 2 || in6_parse(w[1], &t->conf.local) < 0) {
		answer(-EINVAL, "LOCAL");
		return;
	}
	t->conf.cover = t->cover;
	for (size_t i = 3; i < n; i++) {
		if (prefix_parse(w[i], &t->cover[t->conf.ncover++]) < 0) {
			answer(-EINVAL, w[i]);
			return;
		}
	}
	r = dp_open(&t->conf, t->loop, t->log, t->stats, t->nl, &t->dp, why,
	    sizeof(why));
	if (r == 0) {
		t->dp->mtu_changed = on_mtu;
		t->dp->mtu_ctx = t;
	}
	answer(r, r < 0 ? why : t->dp->ops->name);
}

static struct path *
find(struct tool *t, enum dp_side side, const struct prefix *p)
{
	struct path *empty = NULL;

	for (size_t i = 0; i < PATHS_MAX; i++) {
		struct path *x = &t->path[i];

		if (x->used && x->p.side == side &&
		    prefix_eq(&x->p.prefix, p))
			return x;
		if (!x->used && !x->busy && empty == NULL)
			empty = x;
	}
	return empty;
}

static void
on_set(void *ctx, int err)
{
	struct call *c = ctx;
	struct path *x = c->path;
	struct dp_tunnel *old = x->used ? x->p.tunnel : NULL;

	x->busy = false;
	if (err == 0) {
		if (x->next != NULL)
			tunnel_use(x->next, LIFETIME_4S);
		x->p.tunnel = x->next;
		x->used = true;
		if (old != NULL)
			tunnel_unuse(old, LIFETIME_4S);
	} else if (x->next != NULL) {
		tunnel_release(x->next);
	}
	answer(err, "");
	free(c);
}

static void
do_set(struct tool *t, enum dp_side side, char **w, size_t n)
{
	struct in6_addr local = t->conf.local, remote;
	struct dp_path p = { .side = side };
	struct call *c;
	int r;

	bool native = n > 2 && side == DP_PMA && strcmp(w[2], "-") == 0;

	if (n < 3 || prefix_parse(w[1], &p.prefix) < 0 ||
	    (!native && in6_parse(w[2], &remote) < 0) ||
	    (side == DP_HA && n > 3 && in6_parse(w[3], &local) < 0) ||
	    (side == DP_PMA && (n < 4 ||
	    (p.access_ifindex = if_nametoindex(w[3])) == 0)) ||
	    (side == DP_PMA && n > 4 && mac_parse(w[4], &p.mac) < 0)) {
		answer(-EINVAL, "syntax");
		return;
	}
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		abort();
	c->t = t;
	c->path = find(t, side, &p.prefix);
	r = c->path == NULL ? -ENOSPC : native ? 0 : tunnel_get(
	    t->dp->tunnels, &local, &remote, &p.tunnel);
	if (r < 0) {
		answer(r, "tunnel");
		free(c);
		return;
	}
	c->path->next = p.tunnel;
	c->path->busy = true;
	if (!c->path->used)
		c->path->p = p;
	c->path->p.access_ifindex = p.access_ifindex;
	r = t->dp->ops->path_set(t->dp, &p, on_set, c);
	if (r < 0) {
		c->path->busy = false;
		if (!native)
			tunnel_release(p.tunnel);
		answer(r, "path");
		free(c);
	}
}

static void
on_del(void *ctx, int err)
{
	struct call *c = ctx;
	struct path *x = c->path;

	x->busy = false;
	if (err == 0) {
		x->used = false;
		if (x->p.tunnel != NULL)
			tunnel_unuse(x->p.tunnel, LIFETIME_4S);
	}
	answer(err, "");
	free(c);
}

static void
do_del(struct tool *t, enum dp_side side, char **w, size_t n)
{
	struct prefix p;
	struct call *c;
	int r;

	if (n < 2 || prefix_parse(w[1], &p) < 0) {
		answer(-EINVAL, "syntax");
		return;
	}
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		abort();
	c->t = t;
	c->path = find(t, side, &p);
	if (c->path == NULL || !c->path->used) {
		answer(-ENOENT, w[1]);
		free(c);
		return;
	}
	c->path->busy = true;
	r = t->dp->ops->path_del(t->dp, &c->path->p, on_del, c);
	if (r < 0) {
		answer(r, "del");
		free(c);
	}
}

static void
on_many(void *ctx, int err)
{
	struct tool *t = ctx;

	if (err < 0)
		t->many_err = err;
	if (--t->many_left == 0)
		answer(t->many_err, "");
}

static void
do_many(struct tool *t, char **w, size_t n)
{
	struct dp_path p = { .side = DP_HA };
	struct in6_addr remote;
	unsigned count;

	if (n < 4 || prefix_parse(w[1], &p.prefix) < 0 ||
	    (count = (unsigned)strtoul(w[2], NULL, 10)) == 0 ||
	    in6_parse(w[3], &remote) < 0) {
		answer(-EINVAL, "syntax");
		return;
	}
	if (tunnel_get(t->dp->tunnels, &t->conf.local, &remote, &p.tunnel) < 0)
		abort();
	tunnel_use(p.tunnel, LIFETIME_4S);
	t->many_left = count + 1;
	t->many_err = 0;
	for (unsigned i = 0; i < count; i++) {
		int r = t->dp->ops->path_set(t->dp, &p, on_many, t);

		if (r < 0)
			on_many(t, r);
		for (int b = 7; b >= 0 && ++p.prefix.in6.s6_addr[b] == 0; b--)
			;
	}
	on_many(t, 0);
}

static void
do_show(struct tool *t)
{
	struct json_w w;

	json_w_init(&w);
	json_w_obj(&w, NULL);
	t->dp->ops->show(t->dp, &w);
	json_w_arr(&w, "tunnels");
	for (struct dp_tunnel *x = tunnel_first(t->dp->tunnels); x != NULL;
	    x = x->next) {
		char buf[ADDR_STRLEN];

		json_w_obj(&w, NULL);
		json_w_str(&w, "remote", in6_str(&x->remote, buf));
		json_w_u(&w, "mtu", x->mtu);
		json_w_u(&w, "users", x->users);
		t->dp->ops->show_tunnel(t->dp, x, &w);
		json_w_obj_end(&w);
	}
	json_w_arr_end(&w);
	json_w_obj_end(&w);
	printf("ok %.*s\n", (int)w.len, w.buf);
	fflush(stdout);
	json_w_done(&w);
}

/* Commands before the backend is open. True when it was one. */
static bool
do_before(struct tool *t, char **w, size_t n)
{
	if (strcmp(w[0], "backend") == 0 && n == 2) {
		for (int i = 0; dp_backend_names[i] != NULL; i++) {
			if (strcmp(w[1], dp_backend_names[i]) == 0)
				t->conf.backend = i;
		}
		answer(0, "");
	} else if (strcmp(w[0], "uplink") == 0 && n == 2) {
		snprintf(t->uplink, sizeof(t->uplink), "%s", w[1]);
		t->conf.uplink = t->uplink;
		answer(0, "");
	} else if (strcmp(w[0], "sysctls") == 0 && n == 2) {
		t->conf.set_sysctls = strcmp(w[1], "no") != 0;
		answer(0, "");
	} else if (strcmp(w[0], "max") == 0 && n == 2) {
		t->conf.max_paths = (uint32_t)strtoul(w[1], NULL, 10);
		answer(0, "");
	} else if (strcmp(w[0], "ha") == 0) {
		do_open(t, true, false, w, n);
	} else if (strcmp(w[0], "pma") == 0) {
		do_open(t, false, true, w, n);
	} else if (strcmp(w[0], "both") == 0) {
		do_open(t, true, true, w, n);
	} else {
		return false;
	}
	return true;
}

static void
command(struct tool *t, char **w, size_t n)
{
	if (strcmp(w[0], "quit") == 0 || strcmp(w[0], "keep") == 0) {
		t->keep = w[0][0] == 'k';
		loop_stop(t->loop);
	} else if (t->dp == NULL) {
		if (!do_before(t, w, n))
			answer(-EINVAL, "not open");
	} else if (strcmp(w[0], "access") == 0 && n == 2) {
		answer(t->dp->ops->access_add(t->dp, if_nametoindex(w[1])),
		    "");
	} else if (strcmp(w[0], "noaccess") == 0 && n == 2) {
		t->dp->ops->access_del(t->dp, if_nametoindex(w[1]));
		answer(0, "");
	} else if (strcmp(w[0], "path") == 0) {
		do_set(t, DP_HA, w, n);
	} else if (strcmp(w[0], "host") == 0) {
		do_set(t, DP_PMA, w, n);
	} else if (strcmp(w[0], "del") == 0) {
		do_del(t, DP_HA, w, n);
	} else if (strcmp(w[0], "unhost") == 0) {
		do_del(t, DP_PMA, w, n);
	} else if (strcmp(w[0], "many") == 0) {
		do_many(t, w, n);
	} else if (strcmp(w[0], "show") == 0) {
		do_show(t);
	} else if (strcmp(w[0], "sweep") == 0) {
		answer(t->dp->ops->sweep(t->dp), "");
	} else {
		answer(-EINVAL, "what?");
	}
}

static void
on_stdin(void *ctx, int fd, int what)
{
	struct tool *t = ctx;
	ssize_t r = read(fd, t->line + t->len, sizeof(t->line) - t->len - 1);
	char *nl;

	(void)what;
	if (r <= 0) {
		loop_stop(t->loop);
		return;
	}
	t->len += (size_t)r;
	t->line[t->len] = '\0';
	while ((nl = strchr(t->line, '\n')) != NULL) {
		char *w[WORDS_MAX], *save = NULL;
		size_t n = 0, used = (size_t)(nl - t->line) + 1;

		*nl = '\0';
		for (char *s = strtok_r(t->line, " ", &save);
		    s != NULL && n < WORDS_MAX; s = strtok_r(NULL, " ", &save))
			w[n++] = s;
		if (n > 0)
			command(t, w, n);
		memmove(t->line, t->line + used, t->len - used + 1);
		t->len -= used;
	}
}

int
main(void)
{
	struct tool *t = calloc(1, sizeof(*t));
	struct loop_fd *in;
	int r;

	if (t == NULL)
		abort();
	t->loop = loop_new(&clock_system);
	t->log = log_new(&clock_system);
	t->stats = stats_new();
	if (t->loop == NULL)
		return 1;
	log_to_fd(t->log, STDERR_FILENO, false);
	log_set_level(t->log, LOG_LVL_DEBUG);
	r = netlink_new(t->loop, t->log, t->stats, &t->nl);
	if (r < 0) {
		answer(r, "netlink");
		return 1;
	}
	t->conf = (struct dp_conf){ .backend = DP_AUTO, .rtproto = 213,
		.table = 5213, .rule_prio = 5213, .max_tunnels = 64,
		.max_paths = 1024, .set_sysctls = true };
	in = loop_fd_add(t->loop, STDIN_FILENO, LOOP_READ, on_stdin, t);
	r = loop_run(t->loop);
	loop_fd_del(in);
	if (t->dp != NULL) {
		t->dp->ops->shutdown(t->dp, t->keep);
		dp_close(t->dp);
	}
	netlink_free(t->nl);
	loop_free(t->loop);
	stats_free(t->stats);
	log_free(t->log);
	free(t);
	answer(r, "bye");
	return r < 0;
}

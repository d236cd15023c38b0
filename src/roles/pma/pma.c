/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The role "pma": proxy mobile agent of an access router (draft section 6).
 * pma.h says what is where.
 *
 * Implements: draft 6, 7.1 to 7.3 as far as the network's side goes.
 */
#include "roles/pma/pma_dhcp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/util.h"

/* A node that jumps from link to link shall not fill the disk. */
#define UNSERVED_BURST 100
#define UNSERVED_PER_SEC 20

static const struct stat_desc pma_stats[PMA_ST_MAX] = {
#define X(id, name, help) { name, help },
	PMA_COUNTERS(X)
#undef X
};

/* --- every entry once, while some of them go ----------------------------- */

struct each {
	void (*fn)(struct bule *b);
};

static void
each_one(void *ctx, struct hnode *n)
{
	const struct each *e = ctx;

	e->fn(CONTAINER_OF(n, struct bule, by_nai));
}

/* For reload and stop only: nothing else walks over all nodes. */
static void
each_entry(struct pma *p, void (*fn)(struct bule *b))
{
	struct each e = { fn };

	htab_each(p->by_nai, each_one, &e);
}

/* --- static tunnels ------------------------------------------------------ */

static int
pin_tunnels(struct pma *p)
{
	const struct in6_addr *ha = p->conf->static_tunnels.v;
	struct env *e = p->role.env;

	for (size_t i = 0; i < p->conf->static_tunnels.n; i++) {
		struct pma_peer *peer = list_peer(p, &ha[i]);
		int r = tunnel_pin(e->dp->tunnels, &p->conf->address, &ha[i],
		    &peer->pinned);

		if (r < 0) {
			log_err(e->log, p->role.ops->name,
			    "static-tunnel-failed", KV_IN6("ha", &ha[i]),
			    KV_ERR(r));
			return r;
		}
	}
	return 0;
}

/* --- role_ops ------------------------------------------------------------ */

static int
pma_start(struct role *r, const void *conf)
{
	struct pma *p = pma_of(r);
	int err;

	p->conf = conf;
	hash_key_random(&p->key);
	p->by_nai = htab_new();
	p->by_mac = htab_new();
	p->by_lla = htab_new();
	p->by_home = htab_new();
	p->disc = htab_new();
	p->disc_ids = htab_new();
	SLIST_INIT(&p->access);
	SLIST_INIT(&p->peers);
	ratelimit_init(&p->rl_unknown, 10, 1);
	ratelimit_init(&p->rl_clock, 5, 1);
	ratelimit_init(&p->rl_unserved, UNSERVED_BURST, UNSERVED_PER_SEC);
	resolve_init(p);
	stats_register(r->env->stats, &p->st, r->ops->name, pma_stats,
	    PMA_ST_MAX);
	p->st_registered = true;
	err = pin_tunnels(p);
	if (err < 0 || (err = dhcp_start(p)) < 0)
		return err;
	/* What an earlier run left; with adopt, nodes that attach again take
	 * it over, and the rest goes when the data plane is told to. */
	if (!r->env->adopt)
		return r->env->dp->ops->sweep(r->env->dp);
	return 0;
}

static int
pma_reload(struct role *r, const void *conf)
{
	struct pma *p = pma_of(r);
	const struct pma_conf *old = p->conf;
	int err = dhcp_reload(p, conf);

	if (err < 0)
		return err;
	p->conf = conf;
	access_reconfigure(p);
	visitor_reload(p, old);
	return 0;
}

static void
stop_one(struct bule *b)
{
	profile_cancel(b);
	if (b->signalled && b->peer != NULL && b->state != BUL_DEREG)
		pbu_send_last(b);
	ra_withdraw(b);
	path_drop(b);
	list_free(b);
}

/* Leave everything in the kernel and at the home agent as it is. */
static void
keep_one(struct bule *b)
{
	profile_cancel(b);
	path_abandon(b);
	list_free(b);
}

static void
pma_stop(struct role *r, bool keep)
{
	struct pma *p = pma_of(r);
	struct pma_peer *peer;

	p->stopping = true;
	if (!p->st_registered)
		return;			/* not even half started */
	each_entry(p, keep ? keep_one : stop_one);
	access_close_all(p, keep);
	dhcp_stop(p);
	disc_stop(p);
	while ((peer = SLIST_FIRST(&p->peers)) != NULL) {
		SLIST_REMOVE_HEAD(&p->peers, entry);
		if (peer->pinned != NULL && !keep)
			tunnel_unpin(peer->pinned);
		free(peer);
	}
	htab_free(p->by_nai);
	htab_free(p->by_mac);
	htab_free(p->by_lla);
	htab_free(p->by_home);
	stats_unregister(&p->st);
}

static void
pma_policy_changed(struct role *r)
{
	each_entry(pma_of(r), profile_changed);
}

static void
pma_mtu_changed(struct role *r, struct dp_tunnel *t)
{
	struct pma *p = pma_of(r);
	struct pma_access *a;
	struct bule *b;

	/* Rare, and every node of the tunnel has to be told. */
	SLIST_FOREACH(a, &p->access, entry) {
		TAILQ_FOREACH(b, &a->nodes, on_access) {
			if (b->tunnel == t)
				(void)ra_renew(b);
		}
	}
}

static void
pma_show(struct role *r, struct json_w *w)
{
	struct pma *p = pma_of(r);
	const struct pma_access *a;
	char buf[ADDR_STRLEN];

	json_w_str(w, "address", in6_str(&p->conf->address, buf));
	json_w_u(w, "nodes", htab_count(p->by_nai));
	json_w_arr(w, "access");
	SLIST_FOREACH(a, &p->access, entry) {
		json_w_obj(w, NULL);
		json_w_str(w, "interface", a->lif.name);
		json_w_str(w, "type", a->p2p ? "point-to-point" : "shared");
		json_w_bool(w, "up", a->lif.up);
		json_w_obj_end(w);
	}
	json_w_arr_end(w);
	dhcp_show_role(w, p);
}

static const struct role_mh_handler pma_mh[] = {
	{ MH_BA, pbu_on_ba },
	{ MH_BE, pbu_on_be },
	{ 0, NULL },
};

const struct role_ops pma_role_ops = {
	.name = "pma",
	.schema = &pma_conf_table,
	.size = sizeof(struct pma),
	.mh = pma_mh,
	.ctl = pma_ctl_cmds,
	.start = pma_start,
	.reload = pma_reload,
	.stop = pma_stop,
	.nd = access_nd,
	.arp = pma_arp_received,
	.attach = access_event,
	.link = access_link,
	.udp = dhcp_udp,
	.dhcp = dhcp_core,
	.icmp = disc_icmp,
	.resolve = resolve_addr,
	.policy_changed = pma_policy_changed,
	.mtu_changed = pma_mtu_changed,
	.show = pma_show,
};

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Control commands of the home agent: show bindings, show mn, show peers, and
 * its part of show status.  Nothing here walks all bindings at once: the
 * client's cursor is the table's.
 */
#include <errno.h>
#include <string.h>

#include "core/json.h"
#include "core/util.h"
#include "roles/ha/ha.h"

#define ITEMS_PER_TURN 64

static void
put_in6(struct json_w *w, const char *key, const struct in6_addr *a)
{
	char buf[ADDR_STRLEN];

	if (in6_is_zero(a))
		json_w_null(w, key);
	else
		json_w_str(w, key, in6_str(a, buf));
}

static void
put_in4(struct json_w *w, const char *key, const struct in_addr *a)
{
	char buf[ADDR_STRLEN];

	if (a->s_addr == INADDR_ANY)
		json_w_null(w, key);
	else
		json_w_str(w, key, in4_str(a, buf));
}

static void
put_times(struct json_w *w, const struct ha *ha, const struct bce *b)
{
	usec_t now = clock_mono_us(ha->role.env->clock);
	usec_t left = timer_left(ha->role.env->wheel, &b->timer);

	json_w_u(w, "lifetime_s", (uint64_t)b->lifetime_4s *
	    MH_LIFETIME_UNIT_S);
	json_w_sec(w, "left", left < 0 ? 0 : left);
	json_w_sec(w, "age", now - b->created);
	json_w_sec(w, "updated", now - b->updated);
}

static void
put_binding(struct ctl_call *c, const struct ha *ha, const struct bce *b)
{
	struct json_w *w = ctl_item(c);
	char buf[ADDR_STRLEN];

	json_w_str(w, "role", "ha");
	json_w_strn(w, "nai", b->nai, b->nai_len);
	json_w_str(w, "state", bce_state_name(b));
	json_w_str(w, "hnp", prefix_str(&b->hnp, buf));
	put_in6(w, "hoa", &b->hoa);
	put_in4(w, "hoa4", &b->hoa4);
	put_in6(w, "coa", &b->coa);
	if (b->tunnel != NULL) {
		put_in6(w, "ha", &b->tunnel->local);
		json_w_u(w, "tunnel_users", b->tunnel->users);
	} else {
		json_w_null(w, "ha");
	}
	put_times(w, ha, b);
	json_w_bool(w, "proxy", b->proxy);
	json_w_bool(w, "virtual", b->virt);
	json_w_str(w, "model", b->model == MODEL_SHARED_PREFIX ?
	    "shared-prefix" : "per-mn-prefix");
	put_in6(w, "link_local", &b->lla);
	json_w_u(w, "timestamp", b->last_ts);
	json_w_u(w, "sequence", b->seq);
	json_w_u(w, "moves", b->moves);
	ctl_item_end(c);
}

static bool
is_shown(const struct bce *b)
{
	return b->state == BCE_BOUND || b->state == BCE_DYING;
}

static void
walk_binding(void *ctx, struct hnode *n)
{
	struct ctl_call *c = ctx;
	const struct bce *b = CONTAINER_OF(n, const struct bce, by_nai);

	if (is_shown(b))
		put_binding(c, CONTAINER_OF(c->ctx, const struct ha, role), b);
}

/* -ENOENT (without a text) when there is none. */
static int
show_one(struct ctl_call *c, const char *nai)
{
	struct ha *ha = CONTAINER_OF(c->ctx, struct ha, role);
	size_t len = strlen(nai);
	const struct bce *b = NULL;

	if (len <= NAI_OPTION_MAX) {
		struct nai key = role_nai(&ha->role, nai, len);

		b = ha_cache_find(&ha->cache, &key);
	}
	if (b == NULL || !is_shown(b))
		return -ENOENT;
	put_binding(c, ha, b);
	return CTL_DONE;
}

static int
cmd_show_bindings(struct ctl_call *c)
{
	struct ha *ha = CONTAINER_OF(c->ctx, struct ha, role);
	const char *nai = c->args != NULL ? json_r_str(c->args, "nai") : NULL;
	size_t cursor = (size_t)c->cursor;
	bool more;

	if (nai != NULL) {
		(void)show_one(c, nai);	/* a filter that finds nothing */
		return CTL_DONE;
	}
	more = htab_walk(ha->cache.by_nai, &cursor, ITEMS_PER_TURN,
	    walk_binding, c);
	c->cursor = cursor;
	return more ? CTL_MORE : CTL_DONE;
}

static int
cmd_show_mn(struct ctl_call *c)
{
	const char *nai = c->args != NULL ? json_r_str(c->args, "nai") : NULL;

	if (nai == NULL)
		return ctl_fail(c, -EINVAL, "show mn needs an NAI");
	if (show_one(c, nai) < 0)
		return ctl_fail(c, -ENOENT, "no mobile node %.253s here", nai);
	return CTL_DONE;
}

static int
cmd_show_peers(struct ctl_call *c)
{
	struct ha *ha = CONTAINER_OF(c->ctx, struct ha, role);
	uint64_t i = 0, end = c->cursor + ITEMS_PER_TURN;

	for (const struct ha_peer *p = ha->peers; p != NULL; p = p->next) {
		struct json_w *w;

		if (i++ < c->cursor)
			continue;
		if (i > end) {
			c->cursor = end;
			return CTL_MORE;
		}
		w = ctl_item(c);
		json_w_str(w, "role", "ha");
		put_in6(w, "address", &p->address);
		if (p->name != NULL)
			json_w_str(w, "name", p->name);
		json_w_bool(w, "authorised", p->listed);
		json_w_str(w, "tunnel", p->pinned != NULL ? "static" :
		    "dynamic");
		json_w_u(w, "bindings", p->bindings);
		json_w_u(w, "max_bindings", p->max_bindings);
		json_w_u(w, "accepted", p->accepted);
		json_w_u(w, "refused", p->refused);
		ctl_item_end(c);
	}
	return CTL_DONE;
}

const struct ctl_cmd ha_ctl_cmds[] = {
	{ "show bindings", "the binding cache; nai=NAI: of one node",
	    cmd_show_bindings },
	{ "show mn", "one mobile node", cmd_show_mn },
	{ "show peers", "authorised proxy mobile agents", cmd_show_peers },
	{ NULL, NULL, NULL },
};

void
ha_show(struct role *r, struct json_w *w)
{
	struct ha *ha = CONTAINER_OF(r, struct ha, role);

	json_w_u(w, "bindings", ha->cache.live);
	json_w_u(w, "remembered", ha->cache.gone);
	json_w_u(w, "pending", ha->pending);
	json_w_u(w, "stuck_paths", ha->nstale);
	json_w_u(w, "lookups", ha->nlookups);
	json_w_u(w, "home_addresses", ha_home_count(ha));
	ha_dhcp_show(ha, w);
	json_w_u(w, "octets_per_binding", sizeof(struct bce));
	json_w_u(w, "table_octets", htab_bytes(ha->cache.by_nai) +
	    htab_bytes(ha->cache.by_hnp));
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Control commands of the role: show bindings, mn and peers; attach, detach.
 */
#include <errno.h>
#include <string.h>

#include "core/json.h"
#include "core/util.h"
#include "roles/pma/pma_dhcp.h"

#define ITEMS_PER_CALL 64

static void
put_left(struct json_w *w, const char *key, usec_t left)
{
	if (left < 0)
		json_w_null(w, key);
	else
		json_w_sec(w, key, left);
}

static void
put_seconds_left(struct json_w *w, const char *key, const struct bule *b,
    const struct timer *t)
{
	put_left(w, key, timer_left(b->pma->role.env->wheel, t));
}

static const struct bul_more nothing_more;

/* The addresses known; null: none. */
static void
put_home(struct json_w *w, const struct bul_more *m)
{
	char buf[ADDR_STRLEN];

	if (m == NULL)
		m = &nothing_more;
	json_w_str(w, "hoa", m->hoa_by != HOA_NONE ? in6_str(&m->hoa, buf) :
	    NULL);
	json_w_str(w, "hoa4", m->hoa4_by != HOA_NONE ? in4_str(&m->hoa4, buf) :
	    NULL);
}

/* What both the table and the details show. */
static void
put_entry(struct json_w *w, const struct bule *b)
{
	char buf[ADDR_STRLEN];

	json_w_str(w, "role", b->pma->role.ops->name);
	json_w_str(w, "nai", b->nai);
	json_w_str(w, "hnp", b->hnp.family != 0 ? prefix_str(&b->hnp, buf) :
	    NULL);
	put_home(w, b->more);
	json_w_str(w, "state", bul_state_names[b->state]);
	json_w_str(w, "ha", b->peer != NULL ? in6_str(&b->peer->address, buf) :
	    NULL);
	json_w_str(w, "interface", b->access != NULL ? b->access->lif.name :
	    NULL);
	json_w_str(w, "mac", mac_str(&b->mac, buf));
	json_w_str(w, "lla", in6_is_zero(&b->lla) ? NULL :
	    in6_str(&b->lla, buf));
	json_w_u(w, "lifetime", b->accepted ?
	    (uint64_t)b->lifetime_4s * MH_LIFETIME_UNIT_S : 0);
	put_seconds_left(w, "expires", b, &b->t_expiry);
}

static const char *const source_names[] = {
	[HOA_STATIC] = "profile", [HOA_DHCP] = "dhcp",
	[HOA_BY_HA] = "home-agent",
};

/* Where the addresses are from, how long, and what is of IPv4 (D6.11-5). */
static void
put_more(struct json_w *w, const struct bule *b, const struct bul_more *m)
{
	bool ip4 = m->subnet4.family != 0;
	char buf[ADDR_STRLEN];

	json_w_str(w, "hoa_from", source_names[m->hoa_by]);
	put_left(w, "hoa_lease", learn_lease_left(b, &m->lease));
	json_w_str(w, "ipv4", !ip4 ? "no-service" : m->reg4.s_addr !=
	    INADDR_ANY ? "registered" : m->why4 != NULL ? m->why4 : "none");
	json_w_str(w, "home_subnet4", ip4 ? prefix_str(&m->subnet4, buf) :
	    NULL);
	json_w_str(w, "hoa4_from", source_names[m->hoa4_by]);
	put_left(w, "hoa4_lease", learn_lease_left(b, &m->lease4));
	if (m->hoa4_by != HOA_NONE)
		json_w_u(w, "hoa4_prefix_length", m->plen4);
	else
		json_w_null(w, "hoa4_prefix_length");
	json_w_str(w, "router4", ip4 ? in4_str(&m->gw4, buf) : NULL);
	json_w_bool(w, "forwarding4", path_hosted(b, AF_INET));
}

static void
put_details(struct json_w *w, const struct bule *b)
{
	usec_t now = pma_now(b->pma);
	char buf[ADDR_STRLEN];

	put_entry(w, b);
	json_w_str(w, "coa", in6_str(&b->pma->conf->address, buf));
	json_w_str(w, "model", b->visitor ? "visitor" : b->per_mn_prefix ?
	    "per-mn-prefix" : "shared-prefix");
	put_more(w, b, b->more != NULL ? b->more : &nothing_more);
	json_w_u(w, "sequence", b->seq);
	json_w_u(w, "timestamp", b->ts);
	json_w_bool(w, "awaiting_answer", b->awaiting);
	put_seconds_left(w, "next_signal", b, &b->t_signal);
	put_seconds_left(w, "next_advertisement", b, &b->t_ra);
	json_w_bool(w, "forwarding", path_hosted(b, AF_INET6));
	json_w_bool(w, "advertised", b->advertised);
	json_w_sec(w, "attached", now - b->attached);
	json_w_sec(w, "heard", now - b->heard);
	json_w_u(w, "tunnel_mtu", b->tunnel != NULL ? b->tunnel->mtu : 0);
	dhcp_show(w, b);
}

static void
entry_item(void *ctx, struct hnode *n)
{
	struct ctl_call *c = ctx;

	put_entry(ctl_item(c), CONTAINER_OF(n, struct bule, by_nai));
	ctl_item_end(c);
}

/* The entry that the argument nai names; an error when there is none. */
static struct bule *
wanted(struct ctl_call *c, int *ret)
{
	const char *nai = json_r_str(c->args, "nai");
	struct bule *b = NULL;

	if (nai == NULL)
		*ret = ctl_fail(c, -EINVAL, "which mobile node? (nai)");
	else if (strlen(nai) > NAI_MAX || (b = list_by_nai(c->ctx, nai,
	    strlen(nai))) == NULL)
		*ret = ctl_fail(c, -ENOENT, "no mobile node %.253s here", nai);
	return b;
}

static int
cmd_show_bindings(struct ctl_call *c)
{
	const char *nai = json_r_str(c->args, "nai");
	struct pma *p = c->ctx;
	size_t cursor = (size_t)c->cursor;
	struct bule *b;
	bool more;

	if (nai != NULL) {		/* a filter, which may find nothing */
		b = strlen(nai) <= NAI_MAX ? list_by_nai(p, nai,
		    strlen(nai)) : NULL;
		if (b != NULL)
			entry_item(c, &b->by_nai);
		return CTL_DONE;
	}
	more = htab_walk(p->by_nai, &cursor, ITEMS_PER_CALL, entry_item, c);
	c->cursor = cursor;
	return more ? CTL_MORE : CTL_DONE;
}

static int
cmd_show_mn(struct ctl_call *c)
{
	struct bule *b;
	int r;

	b = wanted(c, &r);
	if (b == NULL)
		return r;
	put_details(ctl_item(c), b);
	ctl_item_end(c);
	return CTL_DONE;
}

static int
cmd_show_peers(struct ctl_call *c)
{
	struct pma *p = c->ctx;
	const struct pma_peer *peer;
	char buf[ADDR_STRLEN];

	SLIST_FOREACH(peer, &p->peers, entry) {
		struct json_w *w = ctl_item(c);

		json_w_str(w, "role", p->role.ops->name);
		json_w_str(w, "ha", in6_str(&peer->address, buf));
		json_w_u(w, "nodes", peer->nodes);
		json_w_u(w, "sent", peer->sent);
		json_w_u(w, "accepted", peer->accepted);
		json_w_u(w, "refused", peer->refused);
		json_w_u(w, "timeouts", peer->timeouts);
		json_w_u(w, "errors", peer->errors);
		ctl_item_end(c);
	}
	return CTL_DONE;
}

static int
find_access(struct ctl_call *c, struct pma_access **ret)
{
	struct pma *p = c->ctx;
	const char *ifname = json_r_str(c->args, "interface");

	if (ifname == NULL)
		return ctl_fail(c, -EINVAL, "which interface? (interface)");
	*ret = access_by_name(p, ifname);
	if (*ret == NULL)
		return ctl_fail(c, -ENODEV, "%.16s is no access interface, or "
		    "not there", ifname);
	if (!((*ret)->sources & 1u << ATTACH_BY_CTL))
		return ctl_fail(c, -EPERM, "control is not among the attach "
		    "sources of %.16s", ifname);
	return 0;
}

struct found {
	bool known;
	struct mac mac;
};

static void
on_profile(void *ctx, int err, const struct profile *prof)
{
	struct found *f = ctx;

	if (err < 0)
		return;
	f->known = true;
	if (prof->macs.n > 0)
		f->mac = ((const struct mac *)prof->macs.v)[0];
}

/* The MAC address given, or the profile's first one. */
static int
find_mac(struct ctl_call *c, const struct pma_access *a, const char *nai,
    struct mac *ret)
{
	struct role *r = &((struct pma *)c->ctx)->role;
	struct policy *policy = r->env->policy;
	const char *text = json_r_str(c->args, "mac");
	struct found f = { 0 };
	struct nai key;

	memset(ret, 0, sizeof(*ret));
	if (text != NULL) {
		if (mac_parse(text, ret) < 0 || !mac_is_unicast(ret))
			return ctl_fail(c, -EINVAL,
			    "%.32s is not a MAC address", text);
		return 0;
	}
	if (a->p2p || nai == NULL)
		return 0;
	key = role_nai(r, nai, strlen(nai));
	policy->ops->by_nai(policy, &key, on_profile, &f);
	policy->ops->cancel(policy, &f);
	*ret = f.mac;
	if (mac_is_zero(ret))
		return ctl_fail(c, -EINVAL, "the policy has no MAC address "
		    "for %.253s: give one (mac)", nai);
	return 0;
}

static int
cmd_attach(struct ctl_call *c)
{
	const char *nai = json_r_str(c->args, "nai");
	const char *lla_text = json_r_str(c->args, "lla");
	struct in6_addr lla = IN6ADDR_ANY_INIT;
	struct pma *p = c->ctx;
	struct pma_access *a = NULL;
	struct mac mac;
	int r = find_access(c, &a);

	if (r < 0 || (r = find_mac(c, a, nai, &mac)) < 0)
		return r;
	if (nai == NULL && mac_is_zero(&mac))
		return ctl_fail(c, -EINVAL, "which mobile node? (nai or mac)");
	if (nai != NULL && (*nai == '\0' || strlen(nai) > NAI_MAX))
		return ctl_fail(c, -EINVAL, "that is no NAI");
	if (lla_text != NULL && (in6_parse(lla_text, &lla) < 0 ||
	    !in6_is_linklocal(&lla)))
		return ctl_fail(c, -EINVAL,
		    "%.48s is not a link-local address", lla_text);
	fsm_attach(p, a, &mac, &lla, nai, ATTACH_BY_CTL);
	return CTL_DONE;
}

static int
cmd_detach(struct ctl_call *c)
{
	struct bule *b;
	int r;

	b = wanted(c, &r);
	if (b == NULL)
		return r;
	fsm_detach(b, ATTACH_BY_CTL);
	return CTL_DONE;
}

const struct ctl_cmd pma_ctl_cmds[] = {
	{ "show bindings", "the binding update list; nai=NAI: one entry",
	    cmd_show_bindings },
	{ "show mn", "nai=NAI: everything about one mobile node",
	    cmd_show_mn },
	{ "show peers", "home agents in use", cmd_show_peers },
	{ "attach", "nai=NAI interface=IF [mac=MAC] [lla=ADDR]: a node is "
	    "there", cmd_attach },
	{ "detach", "nai=NAI: it has left", cmd_detach },
	{ NULL, NULL, NULL },
};

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The IPv4 home address of a node: what a PBU's option may ask for, and the
 * option that answers.
 *
 * Two options mean the same (A5): 29 (RFC 5555), the draft's own, answered by
 * 30; and 36 (RFC 5844), answered by 37 and, when granted, 38.  When both came,
 * 29 counts.  A refusal is told in the option; IPv6 does not suffer from it.
 *
 * Every PBU says all there is: one without the option, or with an option that
 * is refused, means that the node has no IPv4 now, and what it had is removed.
 * 0.0.0.0 asks for the address that the profile or the binding knows; we
 * allocate none, that is DHCP's affair.
 *
 * Implements: draft 5.6, 5.1 (IPv4 Home Address), A5, A15; RFC 5555 3.2.1
 * (status), RFC 5844 3.3.
 */
#include "core/util.h"
#include "roles/ha/ha.h"

/* RFC 5555 3.2.1, RFC 5844 3.3.2: the same numbers. */
enum ip4_status {
	IP4_OK = 0,
	IP4_UNSPECIFIED = 128,
	IP4_PROHIBITED = 129,
	IP4_INCORRECT = 130,
	IP4_INVALID = 131,
	IP4_NO_DYNAMIC = 132,
	IP4_PREFIX_UNAUTHORISED = 133,
};

/* The kinds of option in struct ha_req and struct ha_ip4. */
enum { OPT_HOA = 29, OPT_REQUEST = 36 };

static const struct {
	enum ha_counter counter;
	uint8_t status;
	const char *name;
} refusals[] = {
	{ HA_ST_IP4_PROHIBITED, IP4_PROHIBITED, "no-ipv4" },
	{ HA_ST_IP4_PREFIX, IP4_PREFIX_UNAUTHORISED, "prefix-asked" },
	{ HA_ST_IP4_INVALID, IP4_INVALID, "no-host" },
	{ HA_ST_IP4_INCORRECT, IP4_INCORRECT, "not-of-mn" },
	{ HA_ST_IP4_NOT_ANCHORED, IP4_PROHIBITED, "not-anchored" },
	{ HA_ST_IP4_TAKEN, IP4_UNSPECIFIED, "taken" },
	{ HA_ST_IP4_NO_DYNAMIC, IP4_NO_DYNAMIC, "none-known" },
};

/* Not the subnet itself, nor its broadcast address (RFC 1122 3.2.1.3). */
static bool
is_host_of(const struct prefix *subnet, const struct in_addr *a)
{
	uint32_t host, mask;

	if (subnet->len >= 31)
		return true;
	mask = UINT32_MAX >> subnet->len;
	host = ntohl(a->s_addr) & mask;
	return host != 0 && host != mask;
}

/* Does the profile permit it? HA_ST_IP4_ADDED: yes. */
static enum ha_counter
judge_profile(const struct ha *ha, const struct profile_ip4 *own,
    const struct in_addr *a)
{
	struct prefix p = prefix_host4(a);

	if (own->at.line == 0)
		return HA_ST_IP4_PROHIBITED;
	if (!in4_is_host(a))
		return HA_ST_IP4_INVALID;
	if (!prefix_covers(&own->home_subnet, &p) ||
	    !is_host_of(&own->home_subnet, a) ||
	    a->s_addr == own->router.s_addr || ha_dhcp_is_router(ha, a) ||
	    (own->home_address.s_addr != INADDR_ANY &&
	    own->home_address.s_addr != a->s_addr))
		return HA_ST_IP4_INCORRECT;
	return ha_check_anchored(ha->conf, &p) ? HA_ST_IP4_ADDED :
	    HA_ST_IP4_NOT_ANCHORED;
}

/* Which address, and may it have it? HA_ST_IP4_ADDED: yes, c->hoa4. */
static enum ha_counter
judge(struct ha_check *c)
{
	const struct profile_ip4 *own = &c->profile->ip4;
	struct in_addr a = c->req->ip4;
	enum ha_counter why;
	struct prefix p;

	if (own->at.line == 0)
		return HA_ST_IP4_PROHIBITED;
	if (c->req->ip4_prefix)
		return HA_ST_IP4_PREFIX;
	if (a.s_addr == INADDR_ANY)
		a = own->home_address;
	if (a.s_addr == INADDR_ANY && c->bce != NULL)
		a = c->bce->hoa4;
	if (a.s_addr == INADDR_ANY)
		return HA_ST_IP4_NO_DYNAMIC;
	c->ip4.addr = a;
	why = judge_profile(c->ha, own, &a);
	if (why != HA_ST_IP4_ADDED)
		return why;
	p = prefix_host4(&a);
	if (!ha_cache_is_free(&c->ha->cache, &p, c->bce))
		return HA_ST_IP4_TAKEN;
	c->hoa4 = a;
	return HA_ST_IP4_ADDED;
}

static void
refuse(struct ha_check *c, enum ha_counter why)
{
	struct ha *ha = c->ha;
	size_t i = 0;

	while (refusals[i].counter != why)
		i++;
	c->ip4.status = refusals[i].status;
	stat_inc(&ha->st, why);
	if (!ratelimit_pass(&c->peer->rl_refused,
	    clock_mono_us(ha->role.env->clock), NULL))
		return;
	role_event(&ha->role, "ip4-refused",
	    KV_STRN("nai", c->req->nai, c->req->nai_len),
	    KV_IN6("coa", &c->req->coa), KV_IN4("hoa4", &c->ip4.addr),
	    KV_STR("why", refusals[i].name),
	    KV_U("status", c->ip4.status));
}

void
ha_ip4_check(struct ha_check *c)
{
	enum ha_counter why;

	c->hoa4.s_addr = INADDR_ANY;
	c->ip4 = (struct ha_ip4){ .opt = c->req->ip4_opt,
		.addr = c->req->ip4 };
	if (c->req->ip4_opt == 0)
		return;
	why = judge(c);
	if (why != HA_ST_IP4_ADDED) {
		refuse(c, why);
		return;
	}
	c->ip4.status = IP4_OK;
	c->ip4.plen = c->profile->ip4.home_subnet.len;
	c->ip4.router = c->profile->ip4.router;
}

void
ha_ip4_put(const struct ha_ip4 *ip4, struct mh_opts *ret)
{
	const struct mh_ip4 v = { .addr = ip4->addr, .plen = ip4->plen,
		.status = ip4->status };

	if (ip4->opt == OPT_HOA) {
		ret->have |= MHO_IP4_ACK;
		ret->ip4_ack = v;
	} else if (ip4->opt == OPT_REQUEST) {
		ret->have |= MHO_IP4_REPLY;
		ret->ip4_reply = v;
		if (ip4->status == IP4_OK) {
			ret->have |= MHO_IP4_ROUTER;
			ret->ip4_router = ip4->router;
		}
	}
}

void
ha_ip4_take(const struct mh_opts *o, struct ha_req *ret)
{
	const struct mh_ip4 *v = o->have & MHO_IP4_HOA ? &o->ip4_hoa :
	    &o->ip4_req;

	if (!(o->have & (MHO_IP4_HOA | MHO_IP4_REQ)))
		return;
	ret->ip4_opt = o->have & MHO_IP4_HOA ? OPT_HOA : OPT_REQUEST;
	ret->ip4 = v->addr;
	ret->ip4_prefix = v->prefix_request;
}

bool
ha_ip4_standing(const struct ha *ha, const struct profile *p,
    const struct in_addr *hoa4)
{
	return hoa4->s_addr == INADDR_ANY ||
	    judge_profile(ha, &p->ip4, hoa4) == HA_ST_IP4_ADDED;
}

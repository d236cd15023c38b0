/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the policy says of a node: the lookup in state PROFILE, and again
 * whenever the policy was read anew.
 *
 * What has changed decides what happens: another model, prefix, address or
 * home agent ends the registration and begins a new one; another IPv4 section
 * is a matter of the next PBU; another way of configuring addresses one of the
 * next advertisement.
 */
#include <errno.h>

#include "roles/pma/pma.h"

void
profile_cancel(struct bule *b)
{
	struct policy *policy = b->pma->role.env->policy;

	if (b->lookup)
		policy->ops->cancel(policy, b);
	b->lookup = false;
	disc_cancel(b);
}

/* The profile's, the configuration's, the one that answered; ::: nobody. */
static const struct in6_addr *
home_agent_of(const struct bule *b, const struct profile *prof)
{
	const struct in6_addr *found;

	if (!in6_is_zero(&prof->home_agent))
		return &prof->home_agent;
	if (!in6_is_zero(&b->pma->conf->home_agent))
		return &b->pma->conf->home_agent;
	found = disc_known(b->pma, &prof->home_prefix);
	if (found != NULL)
		return found;
	/* found long ago, and in use */
	return b->peer != NULL && prefix_eq(&b->hnp, &prof->home_prefix) ?
	    &b->peer->address : &in6addr_any;
}

/* The model, prefix, address and home agent that the entry has already? */
static bool
same_place(const struct bule *b, const struct profile *prof)
{
	const struct in6_addr *static6 = b->more != NULL ? &b->more->static6 :
	    &in6addr_any;

	return b->peer != NULL && prefix_eq(&b->hnp, &prof->home_prefix) &&
	    b->per_mn_prefix == (prof->model == MODEL_PER_MN_PREFIX) &&
	    in6_eq(static6, &prof->home_address) &&
	    in6_eq(&b->peer->address, home_agent_of(b, prof));
}

/* A visitor, where the link has such; else nobody (6.9). */
static void
not_served(struct bule *b, enum visitor_cause cause, const char *why)
{
	if (!visitor_enter(b, cause))
		fsm_enter_denied(b, why, -1);
}

static bool
take_profile(struct bule *b, const struct profile *prof)
{
	struct pma *p = b->pma;
	const struct in6_addr *ha = home_agent_of(b, prof);

	if (!prof->pmip) {
		stat_inc(&p->st, PMA_ST_NOT_ENTITLED);
		not_served(b, VISITOR_NOT_ENTITLED, "not-entitled");
		return false;
	}
	if (in6_is_zero(ha)) {
		stat_inc(&p->st, PMA_ST_NO_HOME_AGENT);
		fsm_enter_denied(b, "no-home-agent", -1);
		return false;
	}
	if (b->peer != NULL)
		b->peer->nodes--;
	b->peer = list_peer(p, ha);
	b->peer->nodes++;
	list_set_hnp(b, &prof->home_prefix,
	    prof->model == MODEL_PER_MN_PREFIX);
	b->addr_config = (uint8_t)prof->addr_config;
	b->lifetime_us = prof->lifetime_us;
	if (!learn_profile(b, prof)) {
		fsm_enter_denied(b, "no-memory", -1);
		return false;
	}
	return true;
}

static void
on_profile(void *ctx, int err, const struct profile *prof)
{
	struct bule *b = ctx;

	b->lookup = false;
	if (b->state != BUL_PROFILE)
		return;
	if (err < 0 && err != -ENOENT) {
		/* The store did not answer: that says nothing of the node. */
		timer_arm(b->pma->role.env->wheel, &b->t_signal,
		    b->pma->conf->backoff_us);
		return;
	}
	if (err < 0) {
		stat_inc(&b->pma->st, PMA_ST_UNKNOWN_NAI);
		not_served(b, VISITOR_UNKNOWN, "no-profile");
		return;
	}
	/* What an earlier life of the entry set up must go first. */
	if (b->paths != NULL && !same_place(b, prof)) {
		path_unwant(b, AF_UNSPEC);
		return;			/* fsm_path_idle() asks again */
	}
	if (prof->pmip && in6_is_zero(home_agent_of(b, prof)) &&
	    disc_ask(b, &prof->home_prefix))
		return;			/* it looks up again */
	if (take_profile(b, prof))
		fsm_enter_reg(b);
}

void
profile_look_up(struct bule *b)
{
	struct policy *policy = b->pma->role.env->policy;
	const struct nai nai = list_nai(b);

	profile_cancel(b);
	visitor_leave(b);
	timer_cancel(b->pma->role.env->wheel, &b->t_signal);
	b->awaiting = false;
	fsm_set_state(b, BUL_PROFILE);
	b->lookup = true;
	policy->ops->by_nai(policy, &nai, on_profile, b);
}

/* --- the policy was read again ------------------------------------------- */

/* Same place, other terms. */
static void
take_changes(struct bule *b, const struct profile *prof)
{
	bool readvertise = b->addr_config != prof->addr_config;

	b->lifetime_us = prof->lifetime_us;
	b->addr_config = (uint8_t)prof->addr_config;
	if (learn_ip4_changed(b, prof)) {
		fsm_reregister(b);
		if (fsm_dhcp_gate(b, AF_INET) == DHCP_RELAY)
			dhcp_node_ready(b);
	}
	if (readvertise)
		(void)ra_renew(b);
}

static void
on_profile_again(void *ctx, int err, const struct profile *prof)
{
	struct bule *b = ctx;

	b->lookup = false;
	if (b->state == BUL_DEREG || b->gone)
		return;
	if (b->state == BUL_DENIED || b->state == BUL_VISITOR) {
		if (err == 0 && prof->pmip)
			profile_look_up(b);
		return;
	}
	if (err < 0 && err != -ENOENT)
		return;			/* no answer: as it was */
	if (err == 0 && prof->pmip && same_place(b, prof)) {
		take_changes(b, prof);
		return;
	}
	role_event(&b->pma->role, "policy-changed", KV_STR("nai", b->nai));
	/* The old registration must not outlive what permitted it. */
	if (b->signalled && b->peer != NULL)
		pbu_send_last(b);
	b->signalled = false;
	timer_cancel(b->pma->role.env->wheel, &b->t_signal);
	b->awaiting = false;
	if (err < 0 || !prof->pmip) {
		not_served(b, err < 0 ? VISITOR_UNKNOWN : VISITOR_NOT_ENTITLED,
		    err < 0 ? "no-profile" : "not-entitled");
		return;
	}
	fsm_stop_service(b);
	profile_look_up(b);
}

void
profile_changed(struct bule *b)
{
	struct policy *policy = b->pma->role.env->policy;
	const struct nai nai = list_nai(b);

	if (b->gone || b->state == BUL_DEREG)
		return;
	profile_cancel(b);
	if (b->state == BUL_PROFILE) {
		profile_look_up(b);
		return;
	}
	visitor_policy_changed(b);
	b->lookup = true;
	policy->ops->by_nai(policy, &nai, on_profile_again, b);
}

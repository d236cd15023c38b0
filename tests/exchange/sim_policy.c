/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The policy store of the simulated world: one table for all nodes, answering
 * at once, late, or with an error.
 */
#include "sim.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"

struct sim_profile {
	struct hnode by_nai, by_mac;
	struct profile p;
	struct mac mac;
	struct sim_profile *next_dead;
	char nai[NAI_MAX + 1];
};

struct sim_policy_table {
	struct sim *sim;
	struct sim_policy_knobs knobs;
	struct htab *by_nai, *by_mac;
	struct sim_profile *dead;	/* until every node was told */
	struct sim_lookup *lookups;
};

/* A lookup whose answer is on its way; cancelled: fn NULL. */
struct sim_lookup {
	struct sim_policy_table *t;
	struct sim_lookup *next;
	policy_found_fn *fn;
	void *ctx;
	size_t len;
	char nai[];
};

/* All nodes share the table: it needs no secret. */
static struct nai
key_of(const char *s, size_t len)
{
	return nai_make(&(struct hash_key){ 0 }, s, len);
}

static bool
nai_key_eq(const struct hnode *n, const void *key)
{
	const struct sim_profile *p = CONTAINER_OF(n,
	    const struct sim_profile, by_nai);
	const struct nai *k = key;

	return nai_eq(k->s, k->len, p->nai, strlen(p->nai));
}

static struct sim_profile *
find_nai(struct sim_policy_table *t, const char *nai, size_t len)
{
	struct nai k = key_of(nai, len);
	struct hnode *n = htab_find(t->by_nai, k.hash, nai_key_eq, &k);

	return n == NULL ? NULL : CONTAINER_OF(n, struct sim_profile, by_nai);
}

static uint32_t
hash_mac(const struct mac *m)
{
	return (uint32_t)hash_bytes(&(struct hash_key){ 0 }, m->b,
	    sizeof(m->b));
}

static bool
sp_mac_eq(const struct hnode *n, const void *key)
{
	return mac_eq(&CONTAINER_OF(n, const struct sim_profile, by_mac)->mac,
	    key);
}

/* --- the service ------------------------------------------------------- */

static void
answer(struct sim_policy_table *t, const char *nai, size_t len,
    policy_found_fn *fn, void *ctx)
{
	struct sim_profile *p = find_nai(t, nai, len);

	if (t->knobs.err != 0)
		fn(ctx, t->knobs.err, NULL);
	else
		fn(ctx, p != NULL ? 0 : -ENOENT, p != NULL ? &p->p : NULL);
}

static void
lookup_done(void *arg)
{
	struct sim_lookup *l = arg, **at = &l->t->lookups;

	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	if (l->fn != NULL)
		answer(l->t, l->nai, l->len, l->fn, l->ctx);
}

static struct sim_node *
node_of_policy(struct policy *p)
{
	return CONTAINER_OF(p, struct sim_node, policy);
}

static void
sp_by_nai(struct policy *pol, const struct nai *nai, policy_found_fn *fn,
    void *ctx)
{
	struct sim *s = node_of_policy(pol)->sim;
	struct sim_policy_table *t = sim_policy_table(s);
	struct sim_lookup *l;

	if (t->knobs.delay_us < 0) {
		answer(t, nai->s, nai->len, fn, ctx);
		return;
	}
	l = malloc(sizeof(*l) + nai->len);
	if (l == NULL)
		abort();
	*l = (struct sim_lookup){ .t = t, .next = t->lookups, .fn = fn,
		.ctx = ctx, .len = nai->len };
	memcpy(l->nai, nai->s, nai->len);
	t->lookups = l;
	/*
	 * Not bound to the node: the entry must leave the list.  A node that
	 * goes down cancels its lookups, or the sanitizer will tell.
	 */
	sim_post(s, NULL, t->knobs.delay_us, lookup_done, l);
}

static void
sp_cancel(struct policy *pol, void *ctx)
{
	struct sim_policy_table *t =
	    sim_policy_table(node_of_policy(pol)->sim);

	for (struct sim_lookup *l = t->lookups; l != NULL; l = l->next) {
		if (l->ctx == ctx)
			l->fn = NULL;
	}
}

static const struct profile *
sp_by_mac(struct policy *pol, const struct mac *m)
{
	struct sim_policy_table *t =
	    sim_policy_table(node_of_policy(pol)->sim);
	struct hnode *n = htab_find(t->by_mac, hash_mac(m), sp_mac_eq, m);

	return n == NULL ? NULL :
	    &CONTAINER_OF(n, struct sim_profile, by_mac)->p;
}

static const struct policy_ops sim_policy_ops = {
	.name = "table", .by_nai = sp_by_nai, .cancel = sp_cancel,
	.by_mac = sp_by_mac,
};

void
sim_policy_attach(struct sim_node *n)
{
	n->policy = (struct policy){ .ops = &sim_policy_ops };
}

/* --- the table --------------------------------------------------------- */

struct sim_policy_table *
sim_policy_new(struct sim *s)
{
	struct sim_policy_table *t = calloc(1, sizeof(*t));

	if (t == NULL)
		abort();
	t->sim = s;
	t->knobs.delay_us = -1;
	t->by_nai = htab_new();
	t->by_mac = htab_new();
	return t;
}

static void
free_dead(struct sim_policy_table *t)
{
	struct sim_profile *p;

	while ((p = t->dead) != NULL) {
		t->dead = p->next_dead;
		free(p);
	}
}

static void
bury(struct sim_policy_table *t, struct sim_profile *p)
{
	htab_remove(t->by_nai, &p->by_nai);
	if (p->p.macs.n > 0)
		htab_remove(t->by_mac, &p->by_mac);
	p->next_dead = t->dead;
	t->dead = p;
}

static void
bury_one(void *ctx, struct hnode *n)
{
	bury(ctx, CONTAINER_OF(n, struct sim_profile, by_nai));
}

void
sim_policy_free(struct sim_policy_table *t)
{
	size_t cursor = 0;

	/* A table that shrinks hides some from the walk. */
	while (htab_count(t->by_nai) > 0) {
		if (!htab_walk(t->by_nai, &cursor, 64, bury_one, t))
			cursor = 0;
	}
	free_dead(t);
	htab_free(t->by_nai);
	htab_free(t->by_mac);
	free(t);
}

struct sim_policy_knobs *
sim_policy(struct sim *s)
{
	return &sim_policy_table(s)->knobs;
}

void
sim_shake(struct sim_node *n)
{
	struct sim *s = n->sim;
	struct sim_kernel *k = &n->kernel;

	k->delay_us = (usec_t)sim_random(s, 4) * 400 * USEC_PER_MSEC - 1;
	k->refuse_set = sim_random(s, 8) == 0;
	k->refuse_call = sim_random(s, 16) == 0;
	k->refuse_del = sim_random(s, 8) == 0;
	k->refuse_tunnel = sim_random(s, 16) == 0;
	k->lose = sim_random(s, 16) == 0;
	sim_policy(s)->delay_us = sim_random(s, 3) == 0 ?
	    (usec_t)sim_random(s, 1000) * USEC_PER_MSEC : -1;
	sim_policy(s)->err = sim_random(s, 20) == 0 ? -ETIMEDOUT : 0;
}

void
sim_calm(struct sim_node *n)
{
	struct sim_kernel *k = &n->kernel;

	k->refuse_set = k->refuse_call = k->refuse_nth = k->refuse_del = 0;
	k->refuse_tunnel = k->lose = 0;
	k->delay_us = 0;
	sim_policy(n->sim)->delay_us = -1;
	sim_policy(n->sim)->err = 0;
}

struct profile *
sim_profile(struct sim *s, const char *nai, const char *prefix,
    const char *mac)
{
	struct sim_policy_table *t = sim_policy_table(s);
	size_t len = strlen(nai);
	struct sim_profile *p = calloc(1, sizeof(*p));

	ck_assert(len <= NAI_MAX);
	if (p == NULL)
		abort();
	sim_profile_del(s, nai);
	memcpy(p->nai, nai, len + 1);
	p->p.nai = p->nai;
	p->p.home_prefix = sim_prefix(prefix);
	p->p.pmip = true;
	if (mac != NULL) {
		p->mac = sim_mac(mac);
		p->p.macs = (struct cfg_list){ &p->mac, 1 };
		htab_insert(t->by_mac, &p->by_mac, hash_mac(&p->mac));
	}
	htab_insert(t->by_nai, &p->by_nai, key_of(nai, len).hash);
	return &p->p;
}

struct profile *
sim_profile_shared(struct sim *s, const char *nai, const char *prefix,
    const char *address, const char *mac)
{
	struct profile *p = sim_profile(s, nai, prefix, mac);

	p->model = MODEL_SHARED_PREFIX;
	p->addr_config = ADDRCONF_DHCP;
	if (address != NULL)
		p->home_address = sim_in6(address);
	return p;
}

void
sim_profile_ip4(struct profile *p, const char *subnet, const char *router,
    const char *address)
{
	p->ip4 = (struct profile_ip4){ .at.line = 1,
		.home_subnet = sim_prefix(subnet) };
	ck_assert_int_eq(p->ip4.home_subnet.family, AF_INET);
	ck_assert_int_eq(in4_parse(router, &p->ip4.router), 0);
	if (address != NULL)
		ck_assert_int_eq(in4_parse(address, &p->ip4.home_address), 0);
}

void
sim_profile_allow(struct sim *s, struct profile *p, const char *pma)
{
	struct in6_addr *v = sim_alloc(s,
	    (p->allowed_pmas.n + 1) * sizeof(*v));

	if (p->allowed_pmas.n > 0)
		memcpy(v, p->allowed_pmas.v, p->allowed_pmas.n * sizeof(*v));
	v[p->allowed_pmas.n++] = sim_in6(pma);
	p->allowed_pmas.v = v;
}

void
sim_profile_del(struct sim *s, const char *nai)
{
	struct sim_policy_table *t = sim_policy_table(s);
	struct sim_profile *p = find_nai(t, nai, strlen(nai));

	if (p != NULL)
		bury(t, p);
}

void
sim_policy_changed(struct sim *s)
{
	for (struct sim_node *n = sim_nodes(s); n != NULL; n = n->next) {
		if (!n->up)
			continue;
		wheel_touch(n->env.wheel, sim_now(s));
		n->policy.changed(n->policy.changed_ctx);
	}
	free_dead(sim_policy_table(s));
}

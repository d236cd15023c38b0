/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The binding cache.  It knows nothing of tunnels, timers or messages: the
 * state machine (ha_fsm.c) keeps those right and calls here.
 *
 * All indexes are keyed hashes: what a peer can choose must not let it choose
 * a bucket.
 */
#include "roles/ha/ha_cache.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/util.h"
#include "mh/mh_io.h"
#include "policy/policy.h"

static uint32_t
hash_hnp(const struct ha_cache *c, const struct prefix *p)
{
	uint8_t buf[18] = { p->family, p->len };
	size_t n = (p->len + 7U) / 8;	/* the rest is 0 */

	memcpy(buf + 2, &p->in6, n);
	return (uint32_t)hash_bytes(&c->key, buf, 2 + n);
}

/* Of what is claimed: once and not each time while it is the same. */
static uint32_t
hash_again(struct ha_cache *c, const struct prefix *p)
{
	struct ha_hashed *l = &c->last[p->family == AF_INET6];

	if (!prefix_eq(&l->prefix, p)) {
		l->prefix = *p;
		l->hash = hash_hnp(c, p);
	}
	return l->hash;
}

static bool
eq_nai(const struct hnode *n, const void *key)
{
	const struct bce *b = CONTAINER_OF(n, const struct bce, by_nai);
	const struct nai *k = key;

	return nai_eq(b->nai, b->nai_len, k->s, k->len);
}

static bool
eq_hnp(const struct hnode *n, const void *key)
{
	return prefix_eq(&CONTAINER_OF(n, const struct bce, by_hnp)->hnp, key);
}

static bool
eq_ip4(const struct hnode *n, const void *key)
{
	const struct prefix p = prefix_host4(&CONTAINER_OF(n, const struct bce,
	    by_ip4)->claimed4);

	return prefix_eq(&p, key);
}

static bool
eq_claim(const struct hnode *n, const void *key)
{
	return prefix_eq(&CONTAINER_OF(n, const struct ha_claim, node)->prefix,
	    key);
}

void
ha_cache_init(struct ha_cache *c)
{
	*c = (struct ha_cache){ .by_nai = htab_new(), .by_hnp = htab_new(),
		.by_ip4 = htab_new(), .claims = htab_new() };
	hash_key_random(&c->key);
}

static void
claim_free(void *ctx, struct hnode *n)
{
	struct ha_cache *c = ctx;

	htab_remove(c->claims, n);
	free(CONTAINER_OF(n, struct ha_claim, node));
}

void
ha_cache_done(struct ha_cache *c)
{
	assert(c->by_nai == NULL || htab_count(c->by_nai) == 0);
	if (c->claims != NULL)
		htab_each(c->claims, claim_free, c);
	htab_free(c->by_nai);
	htab_free(c->by_hnp);
	htab_free(c->by_ip4);
	htab_free(c->claims);
	*c = (struct ha_cache){ 0 };
}

struct bce *
ha_cache_find(const struct ha_cache *c, const struct nai *nai)
{
	struct hnode *n = htab_find(c->by_nai, nai->hash, eq_nai, nai);

	return n == NULL ? NULL : CONTAINER_OF(n, struct bce, by_nai);
}

/* What a refresh touches of an entry. */
static void
fetch_entry(const struct bce *b, size_t nai_len)
{
	prefetch(&b->timer, offsetof(struct bce, nai) -
	    offsetof(struct bce, timer) + nai_len);
}

void
ha_cache_fetch(const struct bce *b)
{
	fetch_entry(b, 0);
}

void
ha_cache_ahead(const struct ha_cache *c, struct ha_ahead *v, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		htab_prefetch(c->by_nai, v[i].nai.hash);
	for (i = 0; i < n; i++) {
		const struct hnode *m = htab_guess(c->by_nai, v[i].nai.hash);

		if (m != NULL)
			fetch_entry(CONTAINER_OF(m, const struct bce, by_nai),
			    v[i].nai.len);
	}
	for (i = 0; i < n; i++) {
		const struct bce *b;

		v[i].node = htab_next(c->by_nai, v[i].nai.hash, NULL);
		if (v[i].node == NULL)
			continue;
		b = CONTAINER_OF(v[i].node, const struct bce, by_nai);
		prefetch(b->profile, PROFILE_OFTEN);
	}
}

void
ha_cache_ahead_claims(const struct ha_cache *c, const struct prefix *const *v,
    size_t n)
{
	const struct htab *h[2 * MH_AHEAD];
	uint32_t hash[2 * MH_AHEAD];
	size_t i;

	assert(n <= ARRAY_LEN(hash));
	for (i = 0; i < n; i++) {
		hash[i] = hash_hnp(c, v[i]);
		h[i] = v[i]->family == AF_INET6 ? c->by_hnp : c->by_ip4;
	}
	for (i = 0; i < n; i++)
		htab_prefetch(h[i], hash[i]);
	for (i = 0; i < n; i++)
		__builtin_prefetch(htab_guess(h[i], hash[i]));
}

/* Which entry has it in a node of its own; NULL: none. */
static struct bce *
entry_of(const struct ha_cache *c, const struct prefix *p, uint32_t hash)
{
	struct hnode *n;

	if (p->family == AF_INET6) {
		n = htab_find(c->by_hnp, hash, eq_hnp, p);
		return n == NULL ? NULL : CONTAINER_OF(n, struct bce, by_hnp);
	}
	n = htab_find(c->by_ip4, hash, eq_ip4, p);
	return n == NULL ? NULL : CONTAINER_OF(n, struct bce, by_ip4);
}

static struct ha_claim *
claim_find(const struct ha_cache *c, const struct prefix *p, uint32_t hash)
{
	struct hnode *n = htab_count(c->claims) == 0 ? NULL :
	    htab_find(c->claims, hash, eq_claim, p);

	return n == NULL ? NULL : CONTAINER_OF(n, struct ha_claim, node);
}

struct bce *
ha_cache_find_hnp(const struct ha_cache *c, const struct prefix *hnp)
{
	uint32_t hash = hash_hnp(c, hnp);
	struct bce *b = entry_of(c, hnp, hash);
	struct ha_claim *k;

	if (b != NULL)
		return b;
	k = claim_find(c, hnp, hash);
	return k == NULL ? NULL : k->b;
}

bool
ha_cache_is_free(struct ha_cache *c, const struct prefix *p,
    const struct bce *b)
{
	const struct bce *owner;
	const struct ha_claim *k;
	uint32_t hash;

	/* A refresh: it has it, so there is nothing to look for. */
	if (b != NULL && b->indexed && prefix_eq(&b->hnp, p))
		return true;
	hash = hash_again(c, p);
	owner = entry_of(c, p, hash);
	if (owner != NULL)
		return owner == b;
	k = claim_find(c, p, hash);
	return k == NULL || (b != NULL && k->b == b);
}

struct bce *
ha_cache_add(struct ha_cache *c, struct ha *ha, const struct nai *nai,
    timer_fn *fn)
{
	struct bce *b;

	assert(nai->len <= UINT8_MAX);
	b = calloc(1, offsetof(struct bce, nai) + nai->len);
	if (b == NULL)
		abort();
	b->ha = ha;
	b->state = BCE_PENDING;
	b->proxy = true;
	b->virt = true;
	b->nai_len = (uint8_t)nai->len;
	memcpy(b->nai, nai->s, nai->len);
	timer_init(&b->timer, fn);
	htab_insert(c->by_nai, &b->by_nai, nai->hash);
	c->live++;
	return b;
}

void
ha_cache_claim(struct ha_cache *c, struct bce *b, const struct prefix *hnp)
{
	assert(!b->indexed);
	b->hnp = *hnp;
	htab_insert(c->by_hnp, &b->by_hnp, hash_again(c, hnp));
	b->indexed = true;
}

void
ha_cache_unclaim(struct ha_cache *c, struct bce *b)
{
	if (b->indexed)
		htab_remove(c->by_hnp, &b->by_hnp);
	b->indexed = false;
}

void
ha_cache_reclaim(struct ha_cache *c, struct bce *b, const struct prefix *hnp)
{
	ha_cache_unclaim(c, b);
	ha_cache_unkeep(c, hnp);
	ha_cache_claim(c, b, hnp);
}

static void
ip4_claim(struct ha_cache *c, struct bce *b, const struct prefix *p,
    uint32_t hash)
{
	b->claimed4 = p->in4;
	htab_insert(c->by_ip4, &b->by_ip4, hash);
}

static void
ip4_unclaim(struct ha_cache *c, struct bce *b)
{
	if (b->claimed4.s_addr != INADDR_ANY)
		htab_remove(c->by_ip4, &b->by_ip4);
	b->claimed4.s_addr = INADDR_ANY;
}

void
ha_cache_keep(struct ha_cache *c, const struct prefix *p, struct bce *b)
{
	bool ip4 = p->family == AF_INET;
	uint32_t hash = hash_again(c, p);
	struct bce *owner = ip4 ? entry_of(c, p, hash) : NULL;
	struct ha_claim *k = claim_find(c, p, hash);

	if (owner != NULL && owner == b)
		return;
	if (owner != NULL)
		ip4_unclaim(c, owner);
	if (ip4 && b != NULL && b->claimed4.s_addr == INADDR_ANY) {
		if (k != NULL)	/* what came second is all it has now */
			claim_free(c, &k->node);
		ip4_claim(c, b, p, hash);
		return;
	}
	if (k == NULL) {
		k = malloc(sizeof(*k));
		if (k == NULL)
			abort();
		k->prefix = *p;
		htab_insert(c->claims, &k->node, hash);
	}
	k->b = b;
}

void
ha_cache_unkeep(struct ha_cache *c, const struct prefix *p)
{
	uint32_t hash = hash_hnp(c, p);
	struct bce *owner = p->family == AF_INET ? entry_of(c, p, hash) : NULL;
	struct ha_claim *k;

	if (owner != NULL) {
		ip4_unclaim(c, owner);
		return;
	}
	k = claim_find(c, p, hash);
	if (k != NULL)
		claim_free(c, &k->node);
}

void
ha_cache_forget(struct ha_cache *c, struct bce *b)
{
	struct prefix p;

	ha_cache_unclaim(c, b);
	if (b->hoa4.s_addr != INADDR_ANY) {
		p = prefix_host4(&b->hoa4);
		ha_cache_unkeep(c, &p);
		b->hoa4.s_addr = INADDR_ANY;
	}
	ip4_unclaim(c, b);
}

void
ha_cache_state(struct ha_cache *c, struct bce *b, enum bce_state s)
{
	if (b->state == BCE_GONE)
		c->gone--;
	else
		c->live--;
	if (s == BCE_GONE)
		c->gone++;
	else
		c->live++;
	b->state = (uint8_t)s;
}

void
ha_cache_remove(struct ha_cache *c, struct bce *b)
{
	assert(!timer_armed(&b->timer));
	assert(b->op == NULL && b->parked == NULL);
	ha_cache_forget(c, b);
	htab_remove(c->by_nai, &b->by_nai);
	if (b->state == BCE_GONE)
		c->gone--;
	else
		c->live--;
	c->removals++;
	free(b);
}

const char *
bce_state_name(const struct bce *b)
{
	static const char *const names[] = { "pending", "bound", "dying",
		"gone" };

	return names[b->state];
}

const char *
bce_end_name(enum bce_end e)
{
	static const char *const names[BCE_END_MAX] = { "none",
		"deregistered", "expired", "policy", "kernel" };

	return names[e];
}

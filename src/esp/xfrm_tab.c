/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nearly every selector names two addresses, and is in the bucket of those.
 * The others, which cover many, are all in one bucket, and are looked at for
 * whatever two addresses.
 */
#include "esp/xfrm_tab.h"

#include <stdlib.h>

#include "core/addr.h"
#include "core/util.h"

#define TABLE_MAX 65536		/* policies, SAs of interest */
#define WIDE 0			/* the hash of selectors that cover many */

uint32_t
tab_pair_hash(const struct hash_key *key, const struct in6_addr *a,
    const struct in6_addr *b)
{
	const struct in6_addr pair[2] = { *a, *b };

	return (uint32_t)hash_bytes(key, pair, sizeof(pair));
}

bool
tab_sel_is_pair(const struct spd_sel *s)
{
	return s->src_len == 128 && s->dst_len == 128;
}

static uint32_t
sel_hash(const struct xfrm_tab *t, const struct spd_sel *s)
{
	return tab_sel_is_pair(s) ? tab_pair_hash(&t->key, &s->src, &s->dst) :
	    WIDE;
}

/* Room for one more of `size` octets behind `n`. */
static void *
grow(void *v, size_t n, size_t *cap, size_t size)
{
	if (n < *cap)
		return v;
	*cap = *cap != 0 ? 2 * *cap : 16;
	v = realloc(v, *cap * size);
	if (v == NULL)
		abort();
	return v;
}

/* --- policies ---------------------------------------------------------- */

/* Indexes are the kernel's choice: any mixing does. */
static uint32_t
index_hash(uint32_t index)
{
	return index * 0x9e3779b1u;
}

static bool
index_eq(const struct hnode *n, const void *key)
{
	return CONTAINER_OF(n, struct tab_pol, by_index)->p.index ==
	    *(const uint32_t *)key;
}

void
tab_drop_policy(struct xfrm_tab *t, uint32_t index)
{
	struct hnode *n = htab_find(t->pol_by_index, index_hash(index),
	    index_eq, &index);
	struct tab_pol *e;

	if (n == NULL)
		return;
	e = CONTAINER_OF(n, struct tab_pol, by_index);
	htab_remove(t->pol_by_index, &e->by_index);
	htab_remove(t->pol_by_pair, &e->by_pair);
	t->pol[e->at] = t->pol[--t->npol];
	t->pol[e->at]->at = e->at;
	free(e);
}

bool
tab_keep_policy(struct xfrm_tab *t, const struct spd_policy *p)
{
	struct tab_pol *e;

	tab_drop_policy(t, p->index);
	if (t->npol == TABLE_MAX)
		return false;
	e = malloc(sizeof(*e));
	if (e == NULL)
		abort();
	t->pol = grow(t->pol, t->npol, &t->pol_cap, sizeof(*t->pol));
	e->p = *p;
	e->at = t->npol;
	t->pol[t->npol++] = e;
	htab_insert(t->pol_by_index, &e->by_index, index_hash(p->index));
	htab_insert(t->pol_by_pair, &e->by_pair, sel_hash(t, &p->sel));
	return true;
}

void
tab_clear_policies(struct xfrm_tab *t)
{
	while (t->npol > 0)
		tab_drop_policy(t, t->pol[t->npol - 1]->p.index);
}

/* --- security associations --------------------------------------------- */

struct sa_key {
	struct in6_addr dst;
	uint32_t spi, proto;
};

static uint32_t
id_hash(const struct xfrm_tab *t, const struct sa_key *k)
{
	return (uint32_t)hash_bytes(&t->key, k, sizeof(*k));
}

static bool
id_eq(const struct hnode *n, const void *key)
{
	const struct spd_sa *sa = &CONTAINER_OF(n, const struct tab_sa,
	    by_id)->sa;
	const struct sa_key *k = key;

	return sa->spi == k->spi && sa->proto == k->proto &&
	    in6_eq(&sa->dst, &k->dst);
}

struct spd_sa *
tab_find_sa(const struct xfrm_tab *t, const struct in6_addr *dst, uint32_t spi,
    uint8_t proto)
{
	const struct sa_key k = { .dst = *dst, .spi = spi, .proto = proto };
	struct hnode *n = htab_find(t->sa_by_id, id_hash(t, &k), id_eq, &k);

	return n != NULL ? &CONTAINER_OF(n, struct tab_sa, by_id)->sa : NULL;
}

static void
sa_unindex(struct xfrm_tab *t, struct tab_sa *e)
{
	htab_remove(t->sa_by_id, &e->by_id);
	htab_remove(t->sa_by_sel, &e->by_sel);
	htab_remove(t->sa_by_pair, &e->by_pair);
}

static void
sa_index(struct xfrm_tab *t, struct tab_sa *e)
{
	const struct sa_key k = { .dst = e->sa.dst, .spi = e->sa.spi,
		.proto = e->sa.proto };

	htab_insert(t->sa_by_id, &e->by_id, id_hash(t, &k));
	htab_insert(t->sa_by_sel, &e->by_sel, sel_hash(t, &e->sa.sel));
	htab_insert(t->sa_by_pair, &e->by_pair, tab_pair_hash(&t->key,
	    &e->sa.src, &e->sa.dst));
}

void
tab_drop_sa(struct xfrm_tab *t, const struct spd_sa *gone)
{
	struct spd_sa *sa = tab_find_sa(t, &gone->dst, gone->spi,
	    gone->proto);
	struct tab_sa *e;

	if (sa == NULL)
		return;
	e = CONTAINER_OF(sa, struct tab_sa, sa);
	sa_unindex(t, e);
	t->sa[e->at] = t->sa[--t->nsa];
	t->sa[e->at]->at = e->at;
	free(e);
}

bool
tab_keep_sa(struct xfrm_tab *t, const struct spd_sa *sa)
{
	struct spd_sa *old = tab_find_sa(t, &sa->dst, sa->spi, sa->proto);
	struct tab_sa *e;

	if (old != NULL) {
		e = CONTAINER_OF(old, struct tab_sa, sa);
		sa_unindex(t, e);
	} else {
		if (t->nsa == TABLE_MAX)
			return false;
		e = malloc(sizeof(*e));
		if (e == NULL)
			abort();
		t->sa = grow(t->sa, t->nsa, &t->sa_cap, sizeof(*t->sa));
		e->at = t->nsa;
		t->sa[t->nsa++] = e;
	}
	e->sa = *sa;
	e->sa.key = NULL;	/* it was only borrowed */
	sa_index(t, e);
	return true;
}

void
tab_clear_sas(struct xfrm_tab *t)
{
	while (t->nsa > 0)
		tab_drop_sa(t, &t->sa[t->nsa - 1]->sa);
}

const struct spd_sa *
tab_next_sa(const struct xfrm_tab *t, const struct spd_flow *f,
    const struct spd_sa *after)
{
	uint32_t hash = tab_pair_hash(&t->key, &f->src, &f->dst);
	const struct hnode *n = after == NULL ? NULL :
	    &CONTAINER_OF(after, const struct tab_sa, sa)->by_pair;

	while ((n = htab_next(t->sa_by_pair, hash, n)) != NULL) {
		const struct spd_sa *sa = &CONTAINER_OF(n,
		    const struct tab_sa, by_pair)->sa;

		if (spd_sa_is_of(sa, f))
			return sa;
	}
	return NULL;
}

/* --- judging ----------------------------------------------------------- */

static size_t
collect_policies(struct xfrm_tab *t, uint32_t hash, size_t n)
{
	const struct hnode *h = NULL;

	while ((h = htab_next(t->pol_by_pair, hash, h)) != NULL) {
		t->cand_pol = grow(t->cand_pol, n, &t->cand_pol_cap,
		    sizeof(*t->cand_pol));
		t->cand_pol[n++] = &CONTAINER_OF(h, const struct tab_pol,
		    by_pair)->p;
	}
	return n;
}

static size_t
collect_sas(struct xfrm_tab *t, uint32_t hash, size_t n)
{
	const struct hnode *h = NULL;

	while ((h = htab_next(t->sa_by_sel, hash, h)) != NULL) {
		t->cand_sa = grow(t->cand_sa, n, &t->cand_sa_cap,
		    sizeof(*t->cand_sa));
		t->cand_sa[n++] = &CONTAINER_OF(h, const struct tab_sa,
		    by_sel)->sa;
	}
	return n;
}

struct spd_result
tab_judge(struct xfrm_tab *t, const struct spd_flow *f)
{
	uint32_t hash = tab_pair_hash(&t->key, &f->src, &f->dst);
	size_t np = collect_policies(t, hash, 0);
	size_t nsa = collect_sas(t, hash, 0);

	/* Others with the same hash do no harm: they do not match. */
	if (hash != WIDE) {
		np = collect_policies(t, WIDE, np);
		nsa = collect_sas(t, WIDE, nsa);
	}
	return spd_judge(t->cand_pol, np, t->cand_sa, nsa, f);
}

/* --- life -------------------------------------------------------------- */

void
tab_init(struct xfrm_tab *t)
{
	*t = (struct xfrm_tab){ .pol_by_index = htab_new(),
		.pol_by_pair = htab_new(), .sa_by_id = htab_new(),
		.sa_by_sel = htab_new(), .sa_by_pair = htab_new() };
	hash_key_random(&t->key);
}

void
tab_done(struct xfrm_tab *t)
{
	tab_clear_policies(t);
	tab_clear_sas(t);
	htab_free(t->pol_by_index);
	htab_free(t->pol_by_pair);
	htab_free(t->sa_by_id);
	htab_free(t->sa_by_sel);
	htab_free(t->sa_by_pair);
	free(t->pol);
	free(t->sa);
	free(t->cand_pol);
	free(t->cand_sa);
}

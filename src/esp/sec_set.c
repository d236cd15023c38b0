/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Peers and their security associations, made from the configuration: at the
 * start and, beside the ones in force, at each reload.  A security association
 * that a reload keeps (the same key) goes on with its numbers and its window.
 *
 * No key may serve twice, whatever its SPI: the receiver could not tell a
 * message from its own reflection, and a cipher would repeat its nonces.
 */
#include "esp/sec_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/addr.h"
#include "core/log.h"
#include "core/util.h"

/* Log lines about one peer. */
#define PEER_LOG_BURST 5
#define PEER_LOG_PER_SEC 1

struct pair_key {
	struct in6_addr local, remote;
};

static uint32_t
pair_hash(const struct sec *s, const struct pair_key *k)
{
	return (uint32_t)hash_bytes(&s->hash, k, sizeof(*k));
}

static bool
pair_eq(const struct hnode *n, const void *key)
{
	const struct sec_peer *p = CONTAINER_OF(n, struct sec_peer, node);
	const struct pair_key *k = key;

	return in6_eq(&p->remote, &k->remote) && in6_eq(&p->local, &k->local);
}

struct sec_peer *
sec_set_peer(const struct sec *s, const struct sec_set *set,
    const struct in6_addr *local, const struct in6_addr *remote)
{
	const struct pair_key k = { .local = *local, .remote = *remote };
	struct hnode *n = htab_find(set->by_pair, pair_hash(s, &k), pair_eq,
	    &k);

	return n != NULL ? CONTAINER_OF(n, struct sec_peer, node) : NULL;
}

static bool
spi_eq(const struct hnode *n, const void *key)
{
	return CONTAINER_OF(n, struct sec_sa, node)->spi_in ==
	    *(const uint32_t *)key;
}

/* SPIs are the operator's choice, nobody else's: any mixing does. */
static uint32_t
spi_hash(uint32_t spi)
{
	return spi * 0x9e3779b1u ^ spi >> 16;
}

struct sec_sa *
sec_set_sa(const struct sec_set *set, uint32_t spi_in)
{
	struct hnode *n = htab_find(set->by_spi, spi_hash(spi_in), spi_eq,
	    &spi_in);

	return n != NULL ? CONTAINER_OF(n, struct sec_sa, node) : NULL;
}

/* --- building ---------------------------------------------------------- */

static int
refuse(struct sec *s, const struct sec_peer *p, const char *why, int r)
{
	log_err(s->a.log, SEC_MOD, "keys-refused",
	    KV_IN6("peer", &p->remote), KV_STR("why", why), KV_ERR(r));
	return r;
}

/* The mark of a key, not yet in this set. */
static int
get_mark(struct sec *s, const struct sec_peer *p, enum sec_dir dir,
    const uint8_t *key, size_t len, struct sec_mark **ret)
{
	uint8_t print[sizeof((*ret)->key)];

	crypto_fingerprint(key, len, print);
	for (int d = 0; d < SEC_DIR_MAX; d++) {
		struct sec_mark *m = sec_state_mark(s->state, (enum sec_dir)d,
		    print);

		if (m == NULL)
			return refuse(s, p, "the state directory remembers "
			    "too many keys", -ENOSPC);
		if (m->generation == s->generation)
			return refuse(s, p, "a key stands twice; each "
			    "direction of each pair needs one of its own",
			    -EINVAL);
		if ((enum sec_dir)d == dir)
			*ret = m;
	}
	(*ret)->generation = s->generation;
	return 0;
}

static int
read_key(struct sec *s, const struct sec_peer *p, const struct sec_sa_conf *c,
    enum sec_dir dir, uint8_t key[ESP_KEY_MAX], struct sec_mark **ret)
{
	size_t len = esp_key_len((enum esp_suite)c->suite);
	char why[256];
	int r = sec_key_read(dir == SEC_IN ? c->key_in : c->key_out, key, len,
	    why, sizeof(why));

	return r < 0 ? refuse(s, p, why, r) : get_mark(s, p, dir, key, len,
	    ret);
}

static int
build_sa(struct sec *s, struct sec_set *set, struct sec_peer *p,
    const struct sec_sa_conf *c)
{
	struct sec_sa *sa = &p->sas[p->nsas];
	int r;

	sa->peer = p;
	sa->spi_in = c->spi_in;
	sa->suite = (enum esp_suite)c->suite;
	sa->esn = c->esn;
	sa->expires_us = SEC_NEVER;
	if (c->expires != NULL)		/* checked by the schema */
		(void)sec_time_parse(c->expires, &sa->expires_us);
	r = read_key(s, p, c, SEC_IN, sa->raw_in, &sa->mark_in);
	if (r == 0)
		r = read_key(s, p, c, SEC_OUT, sa->raw_out, &sa->mark_out);
	if (r == 0) {
		sa->out.spi = c->spi_out;
		sa->out.seq = sa->out.limit = sa->mark_out->seq;
		esp_window_init(&sa->in.win, sa->mark_in->seq);
		p->nsas++;
		htab_insert(set->by_spi, &sa->node, spi_hash(sa->spi_in));
	}
	if (r == 0 && s->mode == SEC_USERSPACE) {
		esp_key_init(&sa->in.key, sa->suite, sa->esn, sa->raw_in);
		esp_key_init(&sa->out.key, sa->suite, sa->esn, sa->raw_out);
	}
	if (r < 0 || s->mode == SEC_USERSPACE) {
		crypto_wipe(sa->raw_in, sizeof(sa->raw_in));
		crypto_wipe(sa->raw_out, sizeof(sa->raw_out));
	}
	return r;
}

static struct sec_peer *
add_peer(struct sec *s, struct sec_set *set, const struct in6_addr *local,
    const struct in6_addr *remote)
{
	struct sec_peer *p = &set->peers[set->n++];
	struct pair_key k = { .local = *local, .remote = *remote };

	p->local = *local;
	p->remote = *remote;
	ratelimit_init(&p->rl, PEER_LOG_BURST, PEER_LOG_PER_SEC);
	htab_insert(set->by_pair, &p->node, pair_hash(s, &k));
	return p;
}

static int
build_peer(struct sec *s, struct sec_set *set, const struct sec_peer_conf *c)
{
	const struct sec_sa_conf *sa = c->sas.v;
	struct in6_addr local = c->local;
	struct sec_peer *p;
	int r = 0;

	if (in6_is_zero(&local) && s->nown > 0)
		local = s->own[0];
	if (sec_set_peer(s, set, &local, &c->address) != NULL) {
		log_err(s->a.log, SEC_MOD, "peer-twice",
		    KV_IN6("peer", &c->address), KV_IN6("local", &local));
		return -EEXIST;
	}
	p = add_peer(s, set, &local, &c->address);
	if (c->name != NULL && (p->name = strdup(c->name)) == NULL)
		return -ENOMEM;
	for (size_t i = 0; s->mode != SEC_NONE && i < c->sas.n && r == 0; i++)
		r = build_sa(s, set, p, &sa[i]);
	return r;
}

/* Is that peer configured, towards whichever address of ours? */
static bool
has_remote(const struct sec_conf *conf, const struct in6_addr *remote)
{
	const struct sec_peer_conf *c = conf->peers.v;

	for (size_t i = 0; i < conf->peers.n; i++) {
		if (in6_eq(&c[i].address, remote))
			return true;
	}
	return false;
}

int
sec_set_new(struct sec *s, const struct sec_conf *conf,
    const struct sec_want *want, struct sec_set **ret)
{
	const struct sec_peer_conf *c = conf->peers.v;
	struct sec_set *set = calloc(1, sizeof(*set));
	int r = 0;

	if (set == NULL)
		return -ENOMEM;
	s->generation++;
	set->by_pair = htab_new();
	set->by_spi = htab_new();
	set->peers = calloc(conf->peers.n + want->n + 1, sizeof(*set->peers));
	if (set->peers == NULL)
		r = -ENOMEM;
	for (size_t i = 0; r == 0 && i < conf->peers.n; i++)
		r = build_peer(s, set, &c[i]);
	if (r < 0) {
		sec_set_free(set);
		return r;
	}
	for (size_t i = 0; i < want->n; i++) {
		if (!has_remote(conf, &want->v[i].remote) &&
		    sec_set_peer(s, set, &want->v[i].local,
		    &want->v[i].remote) == NULL)
			add_peer(s, set, &want->v[i].local,
			    &want->v[i].remote);
	}
	*ret = set;
	return 0;
}

void
sec_set_free(struct sec_set *set)
{
	if (set == NULL)
		return;
	for (size_t i = 0; i < set->n; i++) {
		struct sec_peer *p = &set->peers[i];

		free(p->name);
		crypto_wipe(p->sas, sizeof(p->sas));
	}
	free(set->peers);
	htab_free(set->by_pair);
	htab_free(set->by_spi);
	free(set);
}

/* --- a reload ---------------------------------------------------------- */

static void
inherit_sa(struct sec_sa *sa, const struct sec_sa *old)
{
	if (old->mark_in == sa->mark_in) {
		sa->in.win = old->in.win;
		sa->last_in = old->last_in;
		sa->replays = old->replays;
		sa->drops = old->drops;
	}
	if (old->mark_out == sa->mark_out) {
		sa->out.seq = old->out.seq;
		sa->out.limit = old->out.limit;
		sa->last_out = old->last_out;
	}
}

void
sec_set_inherit(struct sec_set *set, const struct sec_set *old)
{
	for (size_t i = 0; i < set->n; i++) {
		struct sec_peer *p = &set->peers[i];

		for (size_t k = 0; k < p->nsas; k++) {
			const struct sec_sa *o = sec_set_sa(old,
			    p->sas[k].spi_in);

			if (o != NULL)
				inherit_sa(&p->sas[k], o);
		}
	}
}

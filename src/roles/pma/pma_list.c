/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The binding update list (draft 6.11) and its indexes.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"
#include "roles/pma/pma.h"

#define HNP_OCTETS 8	/* of a /64 */

struct link_key {		/* hashed as octets: no padding */
	uint32_t ifindex;
	uint8_t addr[16];
};

static struct bule *
from_nai(const struct hnode *n)
{
	return CONTAINER_OF((struct hnode *)(uintptr_t)n, struct bule, by_nai);
}

static struct bule *
from_mac(const struct hnode *n)
{
	return CONTAINER_OF((struct hnode *)(uintptr_t)n, struct bule, by_mac);
}

static struct bule *
from_lla(const struct hnode *n)
{
	return CONTAINER_OF((struct hnode *)(uintptr_t)n, struct bule, by_lla);
}

static bool
nai_key_eq(const struct hnode *n, const void *key)
{
	const struct bule *b = from_nai(n);
	const struct nai *k = key;

	return nai_eq(k->s, k->len, b->nai, b->nai_len);
}

static struct link_key
key_mac(uint32_t ifindex, const struct mac *mac)
{
	struct link_key k = { .ifindex = ifindex };

	memcpy(k.addr, mac->b, sizeof(mac->b));
	return k;
}

static struct link_key
key_lla(uint32_t ifindex, const struct in6_addr *lla)
{
	struct link_key k = { .ifindex = ifindex };

	memcpy(k.addr, lla->s6_addr, sizeof(k.addr));
	return k;
}

static bool
mac_key_eq(const struct hnode *n, const void *key)
{
	const struct bule *b = from_mac(n);
	struct link_key k = key_mac(b->access->lif.ifindex, &b->mac);

	return memcmp(&k, key, sizeof(k)) == 0;
}

static bool
lla_key_eq(const struct hnode *n, const void *key)
{
	const struct bule *b = from_lla(n);
	struct link_key k = key_lla(b->access->lif.ifindex, &b->lla);

	return memcmp(&k, key, sizeof(k)) == 0;
}

static struct bule *
from_home(const struct hnode *n)
{
	return CONTAINER_OF((struct hnode *)(uintptr_t)n, struct bule, by_home);
}

/* By its prefix, always a /64. */
static bool
hnp_key_eq(const struct hnode *n, const void *key)
{
	const struct bule *b = from_home(n);

	return b->per_mn_prefix && memcmp(&b->hnp.in6, key, HNP_OCTETS) == 0;
}

/* By its address: others share the prefix. */
static bool
hoa_key_eq(const struct hnode *n, const void *key)
{
	const struct bule *b = from_home(n);

	return !b->per_mn_prefix && in6_eq(&b->more->hoa, key);
}

static uint32_t
hash(const struct pma *p, const void *key, size_t len)
{
	return (uint32_t)hash_bytes(&p->key, key, len);
}

struct bule *
list_new(struct pma *p, const char *nai, size_t len)
{
	struct bule *b;

	assert(len <= NAI_MAX);
	if (htab_count(p->by_nai) >= p->conf->max_nodes)
		return NULL;
	b = calloc(1, MAX_OF(sizeof(*b), offsetof(struct bule, nai) + len + 1));
	if (b == NULL)
		return NULL;
	memcpy(b->nai, nai, len);
	b->nai_len = (uint8_t)len;
	b->pma = p;
	b->per_mn_prefix = true;
	/* Not where an earlier life of it began: late answers match nobody. */
	crypto_random(&b->seq, sizeof(b->seq));
	timer_init(&b->t_signal, fsm_signal_timer);
	timer_init(&b->t_expiry, fsm_expiry_timer);
	timer_init(&b->t_ra, ra_timer);
	timer_init(&b->t_probe, probe_timer);
	htab_insert(p->by_nai, &b->by_nai, role_nai(&p->role, nai, len).hash);
	visitor_count(b, 1);
	return b;
}

void
list_place(struct bule *b, struct pma_access *a, const struct mac *mac)
{
	struct pma *p = b->pma;
	struct in6_addr lla = b->lla;
	struct link_key k;

	if (b->by_lla_in)
		htab_remove(p->by_lla, &b->by_lla);
	if (b->by_mac_in)
		htab_remove(p->by_mac, &b->by_mac);
	if (b->access != NULL)
		TAILQ_REMOVE(&b->access->nodes, b, on_access);
	b->by_lla_in = b->by_mac_in = false;
	b->access = a;
	memset(&b->lla, 0, sizeof(b->lla));
	if (a == NULL)
		return;
	b->mac = *mac;
	k = key_mac(a->lif.ifindex, mac);
	htab_insert(p->by_mac, &b->by_mac, hash(p, &k, sizeof(k)));
	b->by_mac_in = true;
	TAILQ_INSERT_TAIL(&a->nodes, b, on_access);
	list_learn_lla(b, &lla);
}

void
list_learn_lla(struct bule *b, const struct in6_addr *lla)
{
	struct pma *p = b->pma;
	struct link_key k;

	if (b->access == NULL || !in6_is_linklocal(lla) ||
	    in6_eq(lla, &b->lla))
		return;
	/* Two nodes of a link cannot have one address: the first keeps it. */
	if (list_by_lla(p, b->access->lif.ifindex, lla) != NULL)
		return;
	if (b->by_lla_in)
		htab_remove(p->by_lla, &b->by_lla);
	b->lla = *lla;
	k = key_lla(b->access->lif.ifindex, lla);
	htab_insert(p->by_lla, &b->by_lla, hash(p, &k, sizeof(k)));
	b->by_lla_in = true;
}

/* Zeroed memory for that node, or NULL and a line in the log. */
static void *
room_for(const struct bule *b, size_t size)
{
	void *p = calloc(1, size);

	if (p == NULL)
		log_err(b->pma->role.env->log, b->pma->role.ops->name,
		    "no-memory", KV_STR("nai", b->nai));
	return p;
}

struct bul_rare *
list_rare(struct bule *b)
{
	if (b->rare == NULL)
		b->rare = room_for(b, sizeof(*b->rare));
	return b->rare;
}

struct bul_more *
list_more(struct bule *b)
{
	struct bul_more *m = b->more;

	if (m != NULL)
		return m;
	m = room_for(b, sizeof(*m));
	if (m == NULL)
		return NULL;
	m->b = b;
	timer_init(&m->lease.timer, learn_hoa_expired);
	timer_init(&m->lease4.timer, learn_hoa4_expired);
	pma_arp_init(m);
	b->more = m;
	return m;
}

static void
free_more(struct bule *b)
{
	struct wheel *w = b->pma->role.env->wheel;

	if (b->more == NULL)
		return;
	dhcp_node_free(b);
	timer_cancel(w, &b->more->lease.timer);
	timer_cancel(w, &b->more->lease4.timer);
	timer_cancel(w, &b->more->t_arp);
	free(b->more);
	b->more = NULL;
}

void
list_free(struct bule *b)
{
	struct wheel *w = b->pma->role.env->wheel;

	assert(b->paths == NULL && b->tunnel == NULL);
	disc_cancel(b);
	visitor_count(b, -1);
	timer_cancel(w, &b->t_signal);
	timer_cancel(w, &b->t_expiry);
	timer_cancel(w, &b->t_ra);
	timer_cancel(w, &b->t_probe);
	list_place(b, NULL, NULL);
	if (b->by_home_in)
		htab_remove(b->pma->by_home, &b->by_home);
	free_more(b);
	free(b->rare);
	if (b->peer != NULL)
		b->peer->nodes--;
	htab_remove(b->pma->by_nai, &b->by_nai);
	free(b);
}

struct nai
list_nai(const struct bule *b)
{
	return (struct nai){ b->nai, b->nai_len, b->by_nai.hash };
}

struct bule *
list_by_nai(const struct pma *p, const char *nai, size_t len)
{
	struct hnode *n;
	struct nai k;

	if (len > NAI_MAX)
		return NULL;
	k = role_nai(&p->role, nai, len);
	n = htab_find(p->by_nai, k.hash, nai_key_eq, &k);
	return n != NULL ? from_nai(n) : NULL;
}

struct bule *
list_by_mac(const struct pma *p, uint32_t ifindex, const struct mac *mac)
{
	struct link_key k = key_mac(ifindex, mac);
	struct hnode *n = htab_find(p->by_mac, hash(p, &k, sizeof(k)),
	    mac_key_eq, &k);

	return n != NULL ? from_mac(n) : NULL;
}

struct bule *
list_by_lla(const struct pma *p, uint32_t ifindex, const struct in6_addr *lla)
{
	struct link_key k = key_lla(ifindex, lla);
	struct hnode *n = htab_find(p->by_lla, hash(p, &k, sizeof(k)),
	    lla_key_eq, &k);

	return n != NULL ? from_lla(n) : NULL;
}

struct bule *
list_by_addr(const struct pma *p, const struct in6_addr *addr)
{
	struct hnode *n = htab_find(p->by_home, hash(p, addr, HNP_OCTETS),
	    hnp_key_eq, addr);

	if (n == NULL)
		n = htab_find(p->by_home, hash(p, addr, sizeof(*addr)),
		    hoa_key_eq, addr);
	return n != NULL ? from_home(n) : NULL;
}

void
list_reindex(struct bule *b)
{
	struct pma *p = b->pma;

	if (b->by_home_in)
		htab_remove(p->by_home, &b->by_home);
	b->by_home_in = b->per_mn_prefix ? b->hnp.family != 0 :
	    b->more != NULL && b->more->hoa_by != HOA_NONE;
	if (!b->by_home_in)
		return;
	htab_insert(p->by_home, &b->by_home, b->per_mn_prefix ?
	    hash(p, &b->hnp.in6, HNP_OCTETS) :
	    hash(p, &b->more->hoa, sizeof(b->more->hoa)));
}

void
list_set_hnp(struct bule *b, const struct prefix *hnp, bool per_mn_prefix)
{
	b->hnp = *hnp;
	b->per_mn_prefix = per_mn_prefix;
	list_reindex(b);
}

struct pma_peer *
list_peer(struct pma *p, const struct in6_addr *ha)
{
	struct pma_peer *peer;

	SLIST_FOREACH(peer, &p->peers, entry) {
		if (in6_eq(&peer->address, ha))
			return peer;
	}
	peer = calloc(1, sizeof(*peer));
	if (peer == NULL)
		abort();
	peer->address = *ha;
	SLIST_INSERT_HEAD(&p->peers, peer, entry);
	return peer;
}

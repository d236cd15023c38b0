/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The policy store in a YAML file, read by cfg.c.  Everything is in memory, so
 * every lookup is answered before it returns.
 *
 * Two hash tables: by NAI (user part octet-wise, realm without case) and by
 * MAC address.  A reload reads into a new store and swaps it in when it is
 * good; profiles of the old one live until `changed` has returned.
 */
#include "policy/policy.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/clock.h"
#include "core/crypto.h"
#include "core/htab.h"
#include "core/util.h"

/* --- schema ------------------------------------------------------------ */

struct policy_file_conf {
	struct cfg_where at;
	struct cfg_list nodes;		/* struct profile */
};

static const char *const model_names[] = { "per-mn-prefix", "shared-prefix",
	NULL };
static const char *const addrconf_names[] = { "slaac", "dhcp", "both", NULL };

#define F(k, ty, member, ...) \
	{ .key = (k), .type = (ty), .off = offsetof(struct profile, member), \
	  __VA_ARGS__ }

static const struct cfg_field ip4_fields[] = {
	{ .key = "home-subnet", .type = CFG_PREFIX, .flags = CFG_F_REQUIRED,
	  .off = offsetof(struct profile_ip4, home_subnet),
	  .help = "The IPv4 subnet that the node's address comes from; the "
	  "DHCP server is told to allocate there." },
	{ .key = "router", .type = CFG_IN4, .flags = CFG_F_REQUIRED,
	  .off = offsetof(struct profile_ip4, router),
	  .help = "The subnet's default router: an address of the home agent. "
	  "Every access router answers ARP for it." },
	{ .key = "home-address", .type = CFG_IN4,
	  .off = offsetof(struct profile_ip4, home_address),
	  .help = "A fixed address in the subnet, configured on the node "
	  "itself. Without it the node gets one by DHCP." },
	{ .key = NULL },
};
static void check_ip4(struct cfg_ctx *c, void *conf);
static const struct cfg_table ip4_table = {
	.name = "ipv4", .size = sizeof(struct profile_ip4),
	.fields = ip4_fields, .check = check_ip4,
	.help = "IPv4 for the node. Without this section it has none.",
};

static const struct cfg_field profile_fields[] = {
	F("nai", CFG_NAI, nai, .flags = CFG_F_REQUIRED,
	    .help = "Who the node is. The user part counts to the letter, the "
	    "realm without regard to case."),
	F("mac", CFG_SCALARS, macs, .elem = CFG_MAC, .max = 16,
	    .help = "Link-layer addresses by which an access router knows the "
	    "node. Without one the node can be attached by pmipctl only."),
	F("home-prefix", CFG_PREFIX, home_prefix, .flags = CFG_F_REQUIRED,
	    .help = "A /64 inside one of the home agent's home-prefixes: the "
	    "node's own and nobody else's, or with model: shared-prefix the "
	    "one that it shares."),
	F("home-address", CFG_IN6, home_address,
	    .help = "Only with model: shared-prefix: the node's address in the "
	    "prefix, when it is known beforehand. Without it the address that "
	    "a DHCP server assigns."),
	F("ipv4", CFG_MAP, ip4, .table = &ip4_table,
	    .flags = CFG_F_OPTIONAL),
	F("home-agent", CFG_IN6, home_agent,
	    .help = "Where the prefix is anchored. Without it the access "
	    "router's own pma.home-agent."),
	F("model", CFG_ENUM, model, .names = model_names,
	    .def = "per-mn-prefix",
	    .help = "Addressing model (section 6.1). per-mn-prefix: the prefix "
	    "is the node's own, and all of it follows the node. shared-prefix: "
	    "nodes have one address each in a common prefix, by DHCP."),
	F("address-configuration", CFG_ENUM, addr_config,
	    .names = addrconf_names, .def = "slaac",
	    .help = "How the node gets its IPv6 address: slaac (stateless "
	    "autoconfiguration), dhcp (DHCPv6 only) or both. With model: "
	    "shared-prefix it is dhcp whatever is written here."),
	F("pmip", CFG_BOOL, pmip, .def = "yes",
	    .help = "Is the node entitled to network-based mobility? With no "
	    "it is known, and refused."),
	F("allowed-pmas", CFG_SCALARS, allowed_pmas, .elem = CFG_IN6,
	    .max = 1024, .flags = CFG_F_UNIQUE,
	    .help = "Addresses of the proxy mobile agents that may register "
	    "this node. Empty: any that the home agent knows."),
	F("lifetime", CFG_DURATION, lifetime_us, .min = 0,
	    .max = 262140 * USEC_PER_SEC,
	    .help = "Lifetime to ask for; 0 or absent: pma.lifetime."),
	{ .key = NULL },
};

static void check_nodes(struct cfg_ctx *c, void *conf);

static const struct cfg_table profile_table = {
	.name = "mobile node", .size = sizeof(struct profile),
	.fields = profile_fields,
	.help = "The mobile nodes.",
};

static const struct cfg_field policy_fields[] = {
	{ .key = "mobile-nodes", .type = CFG_LIST, .flags = CFG_F_REQUIRED,
	  .off = offsetof(struct policy_file_conf, nodes),
	  .table = &profile_table,
	  .help = "The mobile nodes and their profiles." },
	{ .key = NULL },
};

const struct cfg_table policy_file_table = {
	.name = "policy file", .size = sizeof(struct policy_file_conf),
	.fields = policy_fields, .check = check_nodes,
	.help = "The policy store.",
};

/* --- checks across nodes ----------------------------------------------- */

/* A prefix or MAC of a node, to sort by. */
struct claim {
	const void *key;
	const struct profile *p;
};

static int
cmp_home_prefix(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int r = memcmp(&x->p->home_prefix.in6, &y->p->home_prefix.in6,
	    sizeof(struct in6_addr));

	return r != 0 ? r : x->p < y->p ? -1 : x->p > y->p;
}

static int
cmp_mac(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int r = memcmp(x->key, y->key, sizeof(struct mac));

	return r != 0 ? r : x->p < y->p ? -1 : x->p > y->p;
}

/* Equal ones must be neighbours: the same rule as nai_eq(). */
static int
cmp_nai(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	size_t lx = strlen(x->p->nai), ly = strlen(y->p->nai);
	size_t user = nai_user_len(x->p->nai, lx);
	int r = lx != ly ? (lx < ly ? -1 : 1) : 0;

	if (r == 0)
		r = strcasecmp(x->p->nai, y->p->nai);
	if (r == 0)
		r = memcmp(x->p->nai, y->p->nai, user);
	return r != 0 ? r : x->p < y->p ? -1 : x->p > y->p;
}

static void
check_ip4(struct cfg_ctx *c, void *conf)
{
	const struct profile_ip4 *v = conf;
	const struct prefix router = prefix_host4(&v->router);
	const struct prefix home = prefix_host4(&v->home_address);
	char buf[ADDR_STRLEN];

	if (v->home_subnet.family != AF_INET || v->home_subnet.len < 8 ||
	    v->home_subnet.len > 30) {
		cfg_error(c, &v->at, "home-subnet", "home-subnet: %s is not an "
		    "IPv4 subnet of 8 to 30 bits",
		    prefix_str(&v->home_subnet, buf));
		return;
	}
	if (!prefix_covers(&v->home_subnet, &router))
		cfg_error(c, &v->at, "router", "router: not in the home "
		    "subnet");
	if (v->home_address.s_addr == 0)
		return;
	if (!prefix_covers(&v->home_subnet, &home))
		cfg_error(c, &v->at, "home-address", "home-address: not in "
		    "the home subnet");
	else if (prefix_eq(&home, &router))
		cfg_error(c, &v->at, "home-address", "home-address: is the "
		    "router's");
}

/* The address a profile fixes for the Shared-Prefix model. */
static void
check_home_address(struct cfg_ctx *c, const struct profile *p)
{
	struct prefix host;

	if (in6_is_zero(&p->home_address))
		return;
	prefix_from_in6(&host, &p->home_address, 128);
	if (p->model != MODEL_SHARED_PREFIX)
		cfg_error(c, &p->at, "home-address", "home-address: only with "
		    "model: shared-prefix; here the whole prefix is the "
		    "node's");
	else if (!prefix_covers(&p->home_prefix, &host))
		cfg_error(c, &p->at, "home-address", "home-address: not in "
		    "the home prefix");
}

static void
check_each(struct cfg_ctx *c, const struct profile *p)
{
	char buf[ADDR_STRLEN];

	check_home_address(c, p);

	if (p->home_prefix.family != AF_INET6 || p->home_prefix.len != 64 ||
	    !in6_is_global_unicast(&p->home_prefix.in6))
		cfg_error(c, &p->at, "home-prefix", "home-prefix: %s is not a "
		    "/64 of global unicast addresses",
		    prefix_str(&p->home_prefix, buf));
}

/* D5.9-12: no two nodes share a prefix; nor an NAI, nor a MAC address. */
static void
check_claims(struct cfg_ctx *c, struct claim *v, size_t n, const char *key,
    int (*cmp)(const void *, const void *),
    bool (*same)(const struct claim *, const struct claim *))
{
	qsort(v, n, sizeof(*v), cmp);
	for (size_t i = 1; i < n; i++) {
		if (same(&v[i - 1], &v[i]))
			cfg_error(c, &v[i].p->at, key, "%s of %s belongs to %s "
			    "already (line %u)", key, v[i].p->nai,
			    v[i - 1].p->nai, v[i - 1].p->at.line);
	}
}

/* A shared prefix has many users, but none for whom it is the own one. */
static bool
same_prefix(const struct claim *a, const struct claim *b)
{
	return (a->p->model != MODEL_SHARED_PREFIX ||
	    b->p->model != MODEL_SHARED_PREFIX) &&
	    prefix_overlaps(&a->p->home_prefix, &b->p->home_prefix);
}

static int
cmp_home_address(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int r = memcmp(x->key, y->key, sizeof(struct in6_addr));

	return r != 0 ? r : x->p < y->p ? -1 : x->p > y->p;
}

static bool
same_home_address(const struct claim *a, const struct claim *b)
{
	return in6_eq(a->key, b->key);
}

static int
cmp_home_address4(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int r = memcmp(x->key, y->key, sizeof(struct in_addr));

	return r != 0 ? r : x->p < y->p ? -1 : x->p > y->p;
}

static bool
same_home_address4(const struct claim *a, const struct claim *b)
{
	return memcmp(a->key, b->key, sizeof(struct in_addr)) == 0;
}

static bool
same_mac(const struct claim *a, const struct claim *b)
{
	return mac_eq(a->key, b->key);
}

static bool
same_nai(const struct claim *a, const struct claim *b)
{
	return nai_eq(a->p->nai, strlen(a->p->nai), b->p->nai,
	    strlen(b->p->nai));
}

static void
check_nodes(struct cfg_ctx *c, void *conf)
{
	const struct policy_file_conf *pc = conf;
	const struct profile *nodes = pc->nodes.v;
	size_t nmacs = 0, m = 0;
	struct claim *v;

	for (size_t i = 0; i < pc->nodes.n; i++) {
		check_each(c, &nodes[i]);
		nmacs += nodes[i].macs.n;
	}
	v = calloc(MAX_OF(nmacs, pc->nodes.n) + 1, sizeof(*v));
	if (v == NULL)
		abort();
	for (size_t i = 0; i < pc->nodes.n; i++)
		v[i].p = &nodes[i];
	check_claims(c, v, pc->nodes.n, "nai", cmp_nai, same_nai);
	check_claims(c, v, pc->nodes.n, "home-prefix", cmp_home_prefix,
	    same_prefix);
	for (size_t i = 0; i < pc->nodes.n; i++) {
		if (!in6_is_zero(&nodes[i].home_address))
			v[m++] = (struct claim){ &nodes[i].home_address,
				&nodes[i] };
	}
	check_claims(c, v, m, "home-address", cmp_home_address,
	    same_home_address);
	m = 0;
	for (size_t i = 0; i < pc->nodes.n; i++) {
		if (nodes[i].ip4.home_address.s_addr != 0)
			v[m++] = (struct claim){ &nodes[i].ip4.home_address,
				&nodes[i] };
	}
	check_claims(c, v, m, "ipv4.home-address", cmp_home_address4,
	    same_home_address4);
	m = 0;
	for (size_t i = 0; i < pc->nodes.n; i++) {
		const struct mac *macs = nodes[i].macs.v;

		for (size_t k = 0; k < nodes[i].macs.n; k++)
			v[m++] = (struct claim){ &macs[k], &nodes[i] };
	}
	check_claims(c, v, nmacs, "mac", cmp_mac, same_mac);
	free(v);
}

/* --- the store --------------------------------------------------------- */

struct mac_node {
	struct hnode h;
	const struct mac *mac;
	const struct profile *p;
};

struct store {
	struct arena *arena;
	const struct policy_file_conf *conf;
	struct htab *by_nai, *by_mac;
};

struct policy_file {
	struct policy policy;		/* first */
	struct hash_key mac_key;
	struct store store;
};

static struct policy_file *
file_of(struct policy *p)
{
	return CONTAINER_OF(p, struct policy_file, policy);
}

static const struct profile *
profile_of(const struct hnode *by_nai)
{
	return CONTAINER_OF(by_nai, const struct profile, by_nai);
}

static bool
nai_node_eq(const struct hnode *n, const void *key)
{
	const struct profile *p = profile_of(n);
	const struct nai *k = key;

	return nai_eq(p->nai, p->nai_len, k->s, k->len);
}

static bool
mac_node_eq(const struct hnode *n, const void *key)
{
	const struct mac_node *mn = CONTAINER_OF((struct hnode *)(uintptr_t)n,
	    struct mac_node, h);

	return mac_eq(mn->mac, key);
}

static void
store_done(struct store *s)
{
	htab_free(s->by_nai);
	htab_free(s->by_mac);
	arena_free(s->arena);
}

static void
store_index(struct policy_file *f, struct store *s, struct profile *p)
{
	const struct nai nai = nai_make(&f->policy.nai_key, p->nai,
	    strlen(p->nai));
	const struct mac *macs = p->macs.v;

	p->nai_len = (uint8_t)nai.len;
	htab_insert(s->by_nai, &p->by_nai, nai.hash);
	for (size_t i = 0; i < p->macs.n; i++) {
		struct mac_node *mn = arena_alloc(s->arena, sizeof(*mn));

		mn->mac = &macs[i];
		mn->p = p;
		htab_insert(s->by_mac, &mn->h, (uint32_t)hash_bytes(&f->mac_key,
		    macs[i].b, sizeof(macs[i].b)));
	}
}

static int
store_load(struct policy_file *f, const char *path, struct store *ret,
    struct cfg_errors *errs)
{
	struct store s = { .arena = arena_new() };
	struct profile *nodes;
	void *conf;
	int r = cfg_load(path, &policy_file_table, s.arena, &conf, errs);

	if (r < 0) {
		arena_free(s.arena);
		return r;
	}
	s.conf = conf;
	s.by_nai = htab_new();
	s.by_mac = htab_new();
	nodes = s.conf->nodes.v;
	for (size_t i = 0; i < s.conf->nodes.n; i++)
		store_index(f, &s, &nodes[i]);
	*ret = s;
	return 0;
}

static void
file_by_nai(struct policy *p, const struct nai *nai, policy_found_fn *fn,
    void *ctx)
{
	struct hnode *n = htab_find(file_of(p)->store.by_nai, nai->hash,
	    nai_node_eq, nai);

	if (n == NULL)
		fn(ctx, -ENOENT, NULL);
	else
		fn(ctx, 0, profile_of(n));
}

static void
file_ahead(struct policy *p, struct policy_nai *v, size_t n)
{
	const struct htab *by_nai = file_of(p)->store.by_nai;
	size_t i;

	for (i = 0; i < n; i++)
		htab_prefetch(by_nai, v[i].nai.hash);
	for (i = 0; i < n; i++) {
		const struct hnode *m = htab_guess(by_nai, v[i].nai.hash);

		if (m != NULL)
			prefetch(profile_of(m), sizeof(struct profile));
	}
	for (i = 0; i < n; i++) {
		const struct hnode *m = htab_next(by_nai, v[i].nai.hash, NULL);

		v[i].profile = m != NULL ? profile_of(m) : NULL;
		if (m != NULL)
			__builtin_prefetch(v[i].profile->nai);
	}
}

static void
file_cancel(struct policy *p UNUSED, void *ctx UNUSED)
{
	/* no lookup is ever outstanding */
}

static const struct profile *
file_by_mac(struct policy *p, const struct mac *m)
{
	struct policy_file *f = file_of(p);
	struct hnode *n = htab_find(f->store.by_mac, (uint32_t)hash_bytes(
	    &f->mac_key, m->b, sizeof(m->b)), mac_node_eq, m);

	return n != NULL ? CONTAINER_OF(n, struct mac_node, h)->p : NULL;
}

static const struct policy_ops file_ops = {
	.name = "file",
	.by_nai = file_by_nai,
	.ahead = file_ahead,
	.cancel = file_cancel,
	.by_mac = file_by_mac,
};

int
policy_file_new(const char *path, struct policy **ret, struct cfg_errors *errs)
{
	struct policy_file *f = calloc(1, sizeof(*f));
	int r;

	if (f == NULL)
		abort();
	f->policy.ops = &file_ops;
	hash_key_random(&f->policy.nai_key);
	hash_key_random(&f->mac_key);
	r = store_load(f, path, &f->store, errs);
	if (r < 0) {
		free(f);
		return r;
	}
	*ret = &f->policy;
	return 0;
}

int
policy_file_reload(struct policy *p, const char *path, struct cfg_errors *errs)
{
	struct policy_file *f = file_of(p);
	struct store old = f->store, fresh;
	int r = store_load(f, path, &fresh, errs);

	if (r < 0)
		return r;
	f->store = fresh;
	if (p->changed != NULL)
		p->changed(p->changed_ctx);
	store_done(&old);
	return 0;
}

void
policy_file_free(struct policy *p)
{
	if (p == NULL)
		return;
	store_done(&file_of(p)->store);
	free(file_of(p));
}

size_t
policy_file_count(const struct policy *p)
{
	return file_of((struct policy *)(uintptr_t)p)->store.conf->nodes.n;
}

bool
profile_allows_pma(const struct profile *p, const struct in6_addr *pma)
{
	const struct in6_addr *a = p->allowed_pmas.v;

	for (size_t i = 0; i < p->allowed_pmas.n; i++) {
		if (in6_eq(&a[i], pma))
			return true;
	}
	return p->allowed_pmas.n == 0;
}

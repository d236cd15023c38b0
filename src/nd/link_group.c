/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Solicited-node groups for addresses that are not the kernel's: switches that
 * look at MLD would not pass us the solicitations otherwise.  Our own packet
 * sockets take all multicast, so a group that could not be joined is no more
 * than a link on which such a switch may hide a solicitation.
 *
 * Many addresses share a group (24 bits decide), so memberships are counted.
 * The kernel accounts those of one socket against net.core.optmem_max: some
 * tens fit, therefore there are as many sockets as needed, SOCK_GROUPS each.
 */
#include "nd/link_group.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/crypto.h"
#include "core/htab.h"
#include "core/util.h"

#define SOCK_GROUPS 64
#define SOCKS_MAX (LINK_GROUPS_MAX / SOCK_GROUPS)

struct group_key {
	struct in6_addr addr;
	uint32_t ifindex;
};

struct group {
	struct hnode node;
	struct group_key key;
	uint32_t users;
	uint32_t sock;
};

struct group_sock {
	int fd;
	unsigned n;
};

struct link_groups {
	struct htab *tab;
	struct hash_key hash;
	struct group_sock sock[SOCKS_MAX];
	unsigned nsock;
};

static bool
group_eq(const struct hnode *n, const void *key)
{
	const struct group *g = CONTAINER_OF(n, const struct group, node);
	const struct group_key *k = key;

	return g->key.ifindex == k->ifindex &&
	    memcmp(&g->key.addr, &k->addr, sizeof(k->addr)) == 0;
}

static struct group *
group_find(const struct link_groups *g, const struct group_key *k,
    uint32_t *ret_hash)
{
	struct hnode *n;

	*ret_hash = (uint32_t)hash_bytes(&g->hash, k, sizeof(*k));
	n = htab_find(g->tab, *ret_hash, group_eq, k);
	return n == NULL ? NULL : CONTAINER_OF(n, struct group, node);
}

/* A socket with room. 0 or -errno. */
static int
sock_with_room(struct link_groups *g, uint32_t *ret)
{
	int fd;

	for (uint32_t i = 0; i < g->nsock; i++) {
		if (g->sock[i].n < SOCK_GROUPS) {
			*ret = i;
			return 0;
		}
	}
	if (g->nsock == SOCKS_MAX)
		return -ENOSPC;
	fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	*ret = g->nsock;
	g->sock[g->nsock++] = (struct group_sock){ .fd = fd };
	return 0;
}

static int
member(struct link_groups *g, const struct group *e, bool join)
{
	const struct ipv6_mreq mr = { .ipv6mr_multiaddr = e->key.addr,
		.ipv6mr_interface = e->key.ifindex };

	return setsockopt(g->sock[e->sock].fd, IPPROTO_IPV6,
	    join ? IPV6_JOIN_GROUP : IPV6_LEAVE_GROUP, &mr, sizeof(mr)) < 0 ?
	    -errno : 0;
}

int
link_groups_join(struct link_groups *g, uint32_t ifindex,
    const struct in6_addr *addr)
{
	const struct group_key k = { .addr = *addr, .ifindex = ifindex };
	uint32_t hash;
	struct group *e = group_find(g, &k, &hash);
	int r;

	if (e != NULL) {
		e->users++;
		return 0;
	}
	e = malloc(sizeof(*e));
	if (e == NULL)
		return -ENOMEM;
	*e = (struct group){ .key = k, .users = 1 };
	r = sock_with_room(g, &e->sock);
	if (r == 0)
		r = member(g, e, true);
	if (r < 0) {
		free(e);
		return r;
	}
	g->sock[e->sock].n++;
	htab_insert(g->tab, &e->node, hash);
	return 0;
}

static void
group_drop(struct link_groups *g, struct group *e)
{
	/* Fails when the interface has gone, and the membership with it. */
	(void)member(g, e, false);
	g->sock[e->sock].n--;
	htab_remove(g->tab, &e->node);
	free(e);
}

void
link_groups_leave(struct link_groups *g, uint32_t ifindex,
    const struct in6_addr *addr)
{
	const struct group_key k = { .addr = *addr, .ifindex = ifindex };
	uint32_t hash;
	struct group *e = group_find(g, &k, &hash);

	if (e != NULL && --e->users == 0)
		group_drop(g, e);
}

/* What a walk removes: the groups of one interface, 0 all. */
struct forget {
	struct link_groups *g;
	uint32_t ifindex;
};

static void
forget_one(void *ctx, struct hnode *n)
{
	struct group *e = CONTAINER_OF(n, struct group, node);
	struct forget *f = ctx;

	if (f->ifindex == 0 || e->key.ifindex == f->ifindex)
		group_drop(f->g, e);
}

void
link_groups_forget(struct link_groups *g, uint32_t ifindex)
{
	struct forget f = { g, ifindex };

	htab_each(g->tab, forget_one, &f);
}

struct link_groups *
link_groups_new(void)
{
	struct link_groups *g = calloc(1, sizeof(*g));

	if (g == NULL)
		abort();
	g->tab = htab_new();
	hash_key_random(&g->hash);
	return g;
}

void
link_groups_free(struct link_groups *g)
{
	if (g == NULL)
		return;
	while (htab_count(g->tab) > 0)
		link_groups_forget(g, 0);
	for (unsigned i = 0; i < g->nsock; i++)
		close(g->sock[i].fd);
	htab_free(g->tab);
	free(g);
}

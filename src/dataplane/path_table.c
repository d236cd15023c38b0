/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Linear probing, half full at most, without wrapping around: behind the last
 * home there is room for all that a key may be away from its own.  A removal
 * leaves no mark but closes the gap, so that the table is as good after a
 * million of changes as it was before.
 */
#include "dataplane/path_table.h"

#include <errno.h>
#include <string.h>

#include <sys/socket.h>

#define PMIP_INLINE inline

static inline const struct pmip_ha_path *
pmip_ha_slot(void *table, uint32_t i)
{
	const struct path_table *t = table;

	return i < t->slots ? &t->slot[i] : NULL;
}

#include "dataplane/bpf/pmip_ha_find.h"

#define LEN_PREFIX 64
#define LEN_ADDRESS 128

static struct pmip_ha_head *
head_of(const struct path_table *t)
{
	_Static_assert(sizeof(struct pmip_ha_head) ==
	    sizeof(struct pmip_ha_path), "the first slot");
	return (void *)t->slot;
}

void
path_table_init(struct path_table *t, struct pmip_ha_path *slot,
    uint32_t slots, const uint64_t seed[2])
{
	const uint32_t homes = slots - 1 - PMIP_HA_REACH;
	struct pmip_ha_head *h;

	*t = (struct path_table){ .slot = slot, .slots = slots };
	h = head_of(t);
	if (h->homes == homes)
		return;
	if (h->homes != 0)	/* fresh memory need not be touched yet */
		memset(slot, 0, slots * sizeof(*slot));
	memcpy(h->seed, seed, sizeof(h->seed));
	h->homes = homes;
}

int
path_table_key(const struct prefix *p, struct pmip_key128 *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (p->family == AF_INET6 && p->len == LEN_PREFIX) {
		memcpy(ret, &p->in6, LEN_PREFIX / 8);
		return LEN_PREFIX;
	}
	if (p->family == AF_INET6 && p->len == LEN_ADDRESS) {
		memcpy(ret, &p->in6, sizeof(*ret));
		return LEN_ADDRESS;
	}
	if (p->family == AF_INET && p->len == 32) {
		ret->b[10] = ret->b[11] = 0xff;
		memcpy(&ret->b[12], &p->in4, 4);
		return LEN_ADDRESS;
	}
	return -EINVAL;
}

struct prefix
path_table_prefix(const struct pmip_ha_path *e)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct prefix p = { .family = AF_INET6, .len = e->len };

	if (e->len == LEN_ADDRESS &&
	    memcmp(&e->key, mapped, sizeof(mapped)) == 0) {
		p.family = AF_INET;
		p.len = 32;
		memcpy(&p.in4, &e->key.b[12], sizeof(p.in4));
	} else {
		memcpy(&p.in6, &e->key, sizeof(p.in6));
	}
	return p;
}

static uint32_t
home_of(const struct path_table *t, const struct pmip_key128 *key)
{
	__u64 word[2];

	memcpy(word, key, sizeof(word));
	return pmip_ha_home(head_of(t), word);
}

/* What was written before is seen by whoever sees this. */
static void
show_as(struct pmip_ha_path *s, uint8_t len)
{
	__atomic_store_n(&s->len, len, __ATOMIC_RELEASE);
}

/* Fill a slot that nobody reads, and let it be seen. */
static void
fill(struct pmip_ha_path *s, const struct pmip_key128 *key, uint8_t len,
    uint32_t peer, uint8_t run)
{
	s->key = *key;
	s->peer = peer;
	s->run = run;
	show_as(s, len);
}

const struct pmip_ha_path *
path_table_find(const struct path_table *t, const struct prefix *p)
{
	struct pmip_key128 key;
	int len = path_table_key(p, &key);

	return len < 0 ? NULL : pmip_ha_find((void *)(uintptr_t)t, &key,
	    (uint32_t)len);
}

void
path_table_ahead(const struct path_table *t, const struct prefix *const *v,
    size_t n)
{
	struct pmip_key128 key;

	for (size_t i = 0; i < n; i++) {
		if (path_table_key(v[i], &key) > 0)
			__builtin_prefetch(&t->slot[home_of(t, &key)]);
	}
}

int
path_table_put(struct path_table *t, const struct prefix *p,
    const struct pmip_ha_path *at, uint32_t peer, uint8_t run)
{
	struct pmip_ha_path *s;
	struct pmip_key128 key;
	uint32_t home;
	int len;

	if (at != NULL) {
		s = &t->slot[at - t->slot];
		__atomic_store_n(&s->peer, peer, __ATOMIC_RELAXED);
		s->run = run;
		return 0;
	}
	len = path_table_key(p, &key);
	if (len < 0)
		return len;
	home = home_of(t, &key);
	for (uint32_t i = 0; i < PMIP_HA_REACH; i++) {
		s = &t->slot[home + i];
		if (s->len != PMIP_HA_EMPTY)
			continue;
		fill(s, &key, (uint8_t)len, peer, run);
		return 0;
	}
	return -ENOSPC;
}

int
path_table_set(struct path_table *t, const struct prefix *p, uint32_t peer,
    uint8_t run)
{
	return path_table_put(t, p, path_table_find(t, p), peer, run);
}

/* Let `to` be what `from` is, before that changes. */
static void
move(struct path_table *t, struct pmip_ha_path *to,
    const struct pmip_ha_path *from)
{
	struct pmip_ha_head *h = head_of(t);

	show_as(to, PMIP_HA_MOVING);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	fill(to, &from->key, from->len, from->peer, from->run);
	__atomic_store_n(&h->moves, h->moves + 1, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

/* Close the gap: whatever may be nearer to its home goes there. */
static void
remove_at(struct path_table *t, uint32_t gap)
{
	for (uint32_t i = gap + 1; i < t->slots &&
	    t->slot[i].len != PMIP_HA_EMPTY; i++) {
		if (home_of(t, &t->slot[i].key) > gap)
			continue;
		move(t, &t->slot[gap], &t->slot[i]);
		gap = i;
	}
	show_as(&t->slot[gap], PMIP_HA_EMPTY);
}

bool
path_table_del(struct path_table *t, const struct prefix *p)
{
	const struct pmip_ha_path *s = path_table_find(t, p);

	if (s == NULL)
		return false;
	remove_at(t, (uint32_t)(s - t->slot));
	return true;
}

uint32_t
path_table_sweep(struct path_table *t, path_table_fn *fn, void *ctx)
{
	uint32_t n = 0;

	for (uint32_t i = 1; i < t->slots;) {
		if (t->slot[i].len == PMIP_HA_EMPTY || !fn(ctx, &t->slot[i])) {
			i++;
			continue;
		}
		remove_at(t, i);	/* another one may be here now */
		n++;
	}
	return n;
}

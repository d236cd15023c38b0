/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which home agent serves a prefix, when neither profile nor configuration
 * says so (draft 5.4): Home Agent Address Discovery, RFC 6275 11.4.1.
 *
 *   nothing --a node asks--> ASKING --reply--> KNOWN --an hour--> nothing
 *                              |  ^ timeout: again, twice as long
 *                              |  '--.
 *                              '- tries used up --> nothing; the nodes come
 *                                                   back after `backoff`
 *
 * One question is under way for a prefix, whatever number of nodes waits for
 * it.  Nothing protects the answer; who gives a wrong one sends us to a home
 * agent that has no security association with us, or denies service as it could
 * by dropping our packets.
 */
#include <stdlib.h>

#include "core/util.h"
#include "roles/pma/pma.h"

#define DHAAD_RETRIES 4				/* RFC 6275 12 */
#define INITIAL_DHAAD_TIMEOUT (3 * USEC_PER_SEC)
#define KEEP_US (3600 * USEC_PER_SEC)
#define ENTRIES_MAX 4096
#define EVICT 16		/* looked at when there are so many */

struct pma_disc {
	struct hnode node;
	struct hnode by_id;		/* while it is asked */
	struct pma *p;
	struct timer timer;
	struct in6_addr anycast;	/* of the prefix: the key */
	struct in6_addr agent;		/* ::: still asking */
	usec_t timeout;
	TAILQ_HEAD(, bule) waiting;
	uint16_t id;
	uint8_t tries;
};

static uint32_t
disc_hash(const struct pma *p, const struct in6_addr *a)
{
	return (uint32_t)hash_bytes(&p->key, a, sizeof(*a));
}

static bool
disc_eq(const struct hnode *n, const void *key)
{
	return in6_eq(&CONTAINER_OF(n, const struct pma_disc, node)->anycast,
	    key);
}

static struct pma_disc *
disc_find(const struct pma *p, const struct prefix *prefix)
{
	struct in6_addr a;
	struct hnode *n;

	haad_anycast(&prefix->in6, &a);
	n = htab_find(p->disc, disc_hash(p, &a), disc_eq, &a);
	return n == NULL ? NULL : CONTAINER_OF(n, struct pma_disc, node);
}

static void
disc_free(struct pma_disc *d)
{
	struct bule *b;

	while ((b = TAILQ_FIRST(&d->waiting)) != NULL)
		disc_cancel(b);
	timer_cancel(d->p->role.env->wheel, &d->timer);
	if (in6_is_zero(&d->agent))
		htab_remove(d->p->disc_ids, &d->by_id);
	htab_remove(d->p->disc, &d->node);
	free(d);
}

static bool
id_eq(const struct hnode *n, const void *key)
{
	return CONTAINER_OF(n, const struct pma_disc, by_id)->id ==
	    *(const uint16_t *)key;
}

/* The question that has this identifier; the answer names no prefix. */
static struct pma_disc *
match(struct pma *p, uint16_t id)
{
	struct hnode *n = htab_find(p->disc_ids, id, id_eq, &id);

	return n == NULL ? NULL : CONTAINER_OF(n, struct pma_disc, by_id);
}

/* --- asking -------------------------------------------------------------- */

static void
ask(struct pma_disc *d)
{
	struct pma *p = d->p;
	struct icmp_io *io = p->role.env->icmp;
	struct haad_msg m = { .type = HAAD_REQUEST, .id = d->id };
	uint8_t buf[HAAD_MAX_LEN];
	int len = haad_build(&m, buf, sizeof(buf));

	d->tries++;
	stat_inc(&p->st, PMA_ST_DISC_ASKED);
	/* A failure is like a loss: there is another try. */
	(void)io->ops->send(io, &p->conf->address, &d->anycast, buf,
	    (size_t)len);
	timer_arm(p->role.env->wheel, &d->timer, d->timeout);
	d->timeout *= 2;
}

/* Nobody answers: whoever waits comes back later. */
static void
give_up(struct pma_disc *d)
{
	struct pma *p = d->p;
	struct bule *b;

	stat_inc(&p->st, PMA_ST_DISC_FAILED);
	log_warn(p->role.env->log, p->role.ops->name, "no-home-agent-found",
	    KV_IN6("dst", &d->anycast));
	while ((b = TAILQ_FIRST(&d->waiting)) != NULL) {
		disc_cancel(b);
		timer_arm(p->role.env->wheel, &b->t_signal,
		    p->conf->backoff_us);
	}
	disc_free(d);
}

static void
disc_timer(struct timer *t)
{
	struct pma_disc *d = CONTAINER_OF(t, struct pma_disc, timer);

	if (!in6_is_zero(&d->agent))
		disc_free(d);		/* too old */
	else if (d->tries > DHAAD_RETRIES)
		give_up(d);
	else
		ask(d);
}

static void
evict_known(void *ctx, struct hnode *n)
{
	struct pma_disc *d = CONTAINER_OF(n, struct pma_disc, node);

	(void)ctx;
	if (!in6_is_zero(&d->agent))
		disc_free(d);
}

/* What is known can be asked for again; nodes in service need it no more. */
static bool
make_room(struct pma *p)
{
	if (htab_count(p->disc) >= ENTRIES_MAX &&
	    !htab_walk(p->disc, &p->disc_cursor, EVICT, evict_known, NULL))
		p->disc_cursor = 0;
	return htab_count(p->disc) < ENTRIES_MAX;
}

static struct pma_disc *
disc_new(struct pma *p, const struct prefix *prefix)
{
	struct pma_disc *d;

	if (!make_room(p) ||
	    (d = calloc(1, sizeof(*d))) == NULL) {
		stat_inc(&p->st, PMA_ST_DISC_FULL);
		return NULL;
	}
	d->p = p;
	haad_anycast(&prefix->in6, &d->anycast);
	d->timeout = INITIAL_DHAAD_TIMEOUT;
	do				/* there are more than ENTRIES_MAX */
		crypto_random(&d->id, sizeof(d->id));
	while (match(p, d->id) != NULL);
	TAILQ_INIT(&d->waiting);
	timer_init(&d->timer, disc_timer);
	htab_insert(p->disc, &d->node, disc_hash(p, &d->anycast));
	htab_insert(p->disc_ids, &d->by_id, d->id);
	ask(d);
	return d;
}

bool
disc_ask(struct bule *b, const struct prefix *prefix)
{
	struct pma *p = b->pma;
	struct pma_disc *d;

	if (!p->conf->discovery || p->role.env->icmp == NULL ||
	    prefix->family != AF_INET6)
		return false;
	d = disc_find(p, prefix);
	if (d == NULL)
		d = disc_new(p, prefix);
	if (d == NULL)
		return false;
	disc_cancel(b);
	b->disc = d;
	TAILQ_INSERT_TAIL(&d->waiting, b, on_disc);
	return true;
}

void
disc_cancel(struct bule *b)
{
	if (b->disc == NULL)
		return;
	TAILQ_REMOVE(&b->disc->waiting, b, on_disc);
	b->disc = NULL;
}

const struct in6_addr *
disc_known(const struct pma *p, const struct prefix *prefix)
{
	const struct pma_disc *d = disc_find(p, prefix);

	return d == NULL || in6_is_zero(&d->agent) ? NULL : &d->agent;
}

/* --- answers ------------------------------------------------------------- */

static void
answered(struct pma_disc *d, const struct in6_addr *agent)
{
	struct pma *p = d->p;
	struct bule *b;

	d->agent = *agent;
	htab_remove(p->disc_ids, &d->by_id);
	timer_arm(p->role.env->wheel, &d->timer, KEEP_US);
	log_info(p->role.env->log, p->role.ops->name, "home-agent-found",
	    KV_IN6("dst", &d->anycast), KV_IN6("ha", agent));
	while ((b = TAILQ_FIRST(&d->waiting)) != NULL) {
		disc_cancel(b);
		profile_look_up(b);
	}
}

void
disc_icmp(struct role *r, const struct icmp_pkt *pkt, const struct haad_msg *m)
{
	struct pma *p = pma_of(r);
	struct pma_disc *d;
	uint8_t i = 0;

	if (m->type != HAAD_REPLY)
		return;
	d = in6_eq(&pkt->dst, &p->conf->address) ? match(p, m->id) : NULL;
	while (i < m->nagents && !in6_is_global_unicast(&m->agents[i]))
		i++;
	if (d == NULL || i == m->nagents) {
		stat_inc(&p->st, PMA_ST_DISC_STRAY);
		return;
	}
	stat_inc(&p->st, PMA_ST_DISC_FOUND);
	answered(d, &m->agents[i]);
}

/* --- life ---------------------------------------------------------------- */

static void
stop_one(void *ctx, struct hnode *n)
{
	(void)ctx;
	disc_free(CONTAINER_OF(n, struct pma_disc, node));
}

void
disc_stop(struct pma *p)
{
	htab_each(p->disc, stop_one, NULL);
	htab_free(p->disc);
	htab_free(p->disc_ids);
}

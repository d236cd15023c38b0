/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What runs out: sequence numbers and keys.
 *
 * Out: numbers are used only up to a limit that is on the disk (RFC 4303 3.3.3
 * forbids to use one twice, and a cipher's nonce is made of it).  The limit is
 * CHUNK ahead and moves, from a timer, when half of that is used; whoever is
 * killed wastes the rest.  Without extended numbers the last one is 2^32 - 1:
 * then the pair is spent.
 *
 * The same in mode kernel, where the kernel counts: it says now and then what
 * is used, and we record XFRM_SEQ_AHEAD more (xfrm_static.c).  That goes to the
 * disk when half of what stands there is used, not at each word of the kernel.
 * Should it not get there, sending ends before the kernel is beyond it.
 *
 * In: the top of the window is written along, at least once a minute while
 * messages arrive, so that what was accepted before a crash is not accepted
 * again, but for that minute.
 *
 *   usable --- expires ---> expired       usable --- 2^32 - 1 used ---> spent
 *
 * We write to a peer under its first usable pair, or, within SOFT_US of its
 * end, already under the next one: the peer's clock may be ahead.
 */
#include "esp/sec_priv.h"

#include <errno.h>

#include "core/log.h"
#include "core/util.h"

#define CHUNK (1ULL << 20)
#define LOW_WATER (CHUNK / 2)
#define SAVE_US (60 * USEC_PER_SEC)	/* of what comes in */
#define RETRY_US USEC_PER_SEC		/* after a failed write */
#define SOFT_US (60 * USEC_PER_SEC)
#define WALL_CHECK_US (60 * USEC_PER_SEC) /* the wall clock may be set */

static uint64_t
last_number(const struct sec_sa *sa)
{
	return sa->esn ? UINT64_MAX : ESP_SEQ32_LAST;
}

/* --- sequence numbers -------------------------------------------------- */

/* Run `fn` on every pair there is. */
static void
each_sa(struct sec *s, void (*fn)(struct sec *s, struct sec_sa *sa))
{
	for (size_t i = 0; i < s->set->n; i++) {
		struct sec_peer *p = &s->set->peers[i];

		for (size_t k = 0; k < p->nsas; k++)
			fn(s, &p->sas[k]);
	}
}

static void
note(struct sec *s UNUSED, struct sec_sa *sa)
{
	sa->mark_in->seq = MAX_OF(sa->mark_in->seq, sa->in.win.top);
	sa->mark_out->seq = MAX_OF(sa->mark_out->seq, sa->out.seq);
}

static void
reserve(struct sec *s UNUSED, struct sec_sa *sa)
{
	uint64_t last = last_number(sa);

	if (sa->out.seq < last)
		sa->mark_out->seq = MAX_OF(sa->mark_out->seq, sa->out.seq +
		    MIN_OF(CHUNK, last - sa->out.seq));
}

static void
grant(struct sec *s UNUSED, struct sec_sa *sa)
{
	sa->out.limit = MIN_OF(sa->mark_out->seq, last_number(sa));
}

static void
take_back(struct sec *s UNUSED, struct sec_sa *sa)
{
	sa->mark_out->seq = sa->out.seq;
}

void
sec_seq_note(struct sec *s)
{
	if (s->mode == SEC_USERSPACE)
		each_sa(s, note);
}

int
sec_seq_save(struct sec *s)
{
	int r;

	timer_cancel(s->a.wheel, &s->save);
	if (s->state == NULL)
		return 0;
	if (s->mode == SEC_USERSPACE) {
		each_sa(s, note);
		each_sa(s, reserve);
	}
	r = sec_state_save(s->state);
	if (r < 0) {
		stat_inc(&s->st, SEC_ST_SAVE_FAILED);
		if (!s->save_failed)
			log_err(s->a.log, SEC_MOD, "state-not-written",
			    KV_STR("hint", "sending stops when the sequence "
			    "numbers that are written down are used up"),
			    KV_ERR(r));
		timer_arm(s->a.wheel, &s->save, RETRY_US);
	} else {
		stat_inc(&s->st, SEC_ST_SAVED);
		if (s->mode == SEC_USERSPACE)
			each_sa(s, grant);
	}
	s->save_failed = r < 0;
	return r;
}

static void
on_save(struct timer *t)
{
	(void)sec_seq_save(CONTAINER_OF(t, struct sec, save));
}

/* At the next tick, unless a failure is being waited out. */
static void
save_soon(struct sec *s)
{
	if (!s->save_failed)
		timer_arm(s->a.wheel, &s->save, 0);
}

void
sec_seq_used(struct sec *s, const struct sec_sa *sa)
{
	if (sa->out.limit - sa->out.seq == LOW_WATER)
		save_soon(s);
}

void
sec_seq_accepted(struct sec *s)
{
	if (!timer_armed(&s->save))
		timer_arm(s->a.wheel, &s->save, SAVE_US);
}

bool
sec_seq_spent(struct sec *s, struct sec_sa *sa)
{
	struct sec_peer *p = sa->peer;

	if (sa->out.seq < last_number(sa)) {
		save_soon(s);
		return false;
	}
	sa->spent = true;
	log_err(s->a.log, SEC_MOD, "sequence-ended",
	    KV_IN6("peer", &p->remote), KV_U("spi", sa->out.spi),
	    KV_STR("hint", "no number may be used twice: these keys are "
	    "spent, both ends need new ones"));
	(void)sec_seq_expire(s);
	return p->out != NULL;
}

void
sec_seq_kernel(void *ctx, const struct in6_addr *src,
    const struct in6_addr *dst, uint32_t spi, uint64_t seq)
{
	struct sec *s = ctx;
	struct sec_sa *in = sec_set_sa(s->set, spi);
	struct sec_peer *p = sec_set_peer(s, s->set, src, dst);

	if (in != NULL && in6_eq(&in->peer->remote, src)) {
		in->mark_in->seq = MAX_OF(in->mark_in->seq, seq);
		sec_seq_accepted(s);
	}
	for (size_t k = 0; p != NULL && k < p->nsas; k++) {
		struct sec_mark *m = p->sas[k].mark_out;

		if (p->sas[k].out.spi != spi)
			continue;
		/* exact at the end, and then less than what was reserved */
		m->seq = seq;
		if (seq < m->saved || seq - m->saved >= XFRM_SEQ_AHEAD / 2)
			save_soon(s);
	}
}

bool
sec_seq_kernel_may_send(struct sec *s, const struct sec_sa *sa)
{
	const struct sec_mark *m = sa->mark_out;

	/*
	 * m->seq is that far ahead of what was used; since then a notice may
	 * be under way, and the next one may be nearly due.
	 */
	if (m->seq <= m->saved ||
	    m->seq - m->saved < XFRM_SEQ_AHEAD - 4 * XFRM_SEQ_NOTICE)
		return true;
	save_soon(s);
	return false;
}

/* --- keys that end ----------------------------------------------------- */

static struct sec_sa *
choose_out(struct sec_peer *p, int64_t wall)
{
	struct sec_sa *ending = NULL;

	for (size_t k = 0; k < p->nsas; k++) {
		struct sec_sa *sa = &p->sas[k];

		if (sa->expired || sa->spent)
			continue;
		if (sa->expires_us == SEC_NEVER ||
		    wall < sa->expires_us - SOFT_US)
			return sa;
		if (ending == NULL || sa->expires_us > ending->expires_us)
			ending = sa;
	}
	return ending;
}

static void
expire_sa(struct sec *s, struct sec_sa *sa, int64_t wall)
{
	if (sa->expired || wall < sa->expires_us)
		return;
	sa->expired = true;
	log_warn(s->a.log, SEC_MOD, "keys-expired",
	    KV_IN6("peer", &sa->peer->remote), KV_U("spi-in", sa->spi_in),
	    KV_U("spi-out", sa->out.spi));
}

static void
tell_out(struct sec *s, const struct sec_peer *p, const struct sec_sa *before)
{
	if (before == NULL && p->out == &p->sas[0])
		return;			/* at the start: as expected */
	if (p->out == NULL)
		log_err(s->a.log, SEC_MOD, "no-usable-keys",
		    KV_IN6("peer", &p->remote), KV_STR("hint",
		    "signalling with this peer has stopped: both ends need "
		    "new keys"));
	else
		log_info(s->a.log, SEC_MOD, "sending-under",
		    KV_IN6("peer", &p->remote), KV_U("spi", p->out->out.spi));
}

/* Microseconds until something happens to this pair. */
static int64_t
until(const struct sec_sa *sa, int64_t wall)
{
	if (sa->expires_us == SEC_NEVER || sa->expired)
		return SEC_NEVER;
	return sa->expires_us - (wall < sa->expires_us - SOFT_US ? SOFT_US :
	    0) - wall;
}

bool
sec_seq_expire(struct sec *s)
{
	int64_t wall = clock_wall_us(s->a.clock), next = SEC_NEVER;
	bool changed = false;

	for (size_t i = 0; i < s->set->n; i++) {
		struct sec_peer *p = &s->set->peers[i];
		struct sec_sa *before = p->out;

		for (size_t k = 0; k < p->nsas; k++) {
			bool was = p->sas[k].expired;

			expire_sa(s, &p->sas[k], wall);
			changed |= was != p->sas[k].expired;
			next = MIN_OF(next, until(&p->sas[k], wall));
		}
		p->out = choose_out(p, wall);
		if (p->out != before) {
			changed = true;
			tell_out(s, p, before);
		}
	}
	if (next != SEC_NEVER)
		timer_arm(s->a.wheel, &s->expiry, MIN_OF(next, WALL_CHECK_US));
	return changed;
}

static void
on_expiry(struct timer *t)
{
	struct sec *s = CONTAINER_OF(t, struct sec, expiry);

	if (sec_seq_expire(s) && s->mode == SEC_KERNEL)
		sec_kernel_set(s);
}

/* --- life -------------------------------------------------------------- */

void
sec_seq_init(struct sec *s)
{
	timer_init(&s->save, on_save);
	timer_init(&s->expiry, on_expiry);
}

void
sec_seq_done(struct sec *s)
{
	int r;

	timer_cancel(s->a.wheel, &s->save);
	timer_cancel(s->a.wheel, &s->expiry);
	if (s->state == NULL || s->set == NULL)
		return;
	if (s->mode == SEC_USERSPACE) {
		each_sa(s, note);
		each_sa(s, take_back);
	}
	r = sec_state_save(s->state);
	if (r < 0)
		log_warn(s->a.log, SEC_MOD, "state-not-written", KV_ERR(r));
}

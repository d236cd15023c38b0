/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The security service: an MH transport in front of the sockets.
 *
 *                       none         userspace            kernel
 *   out   sec_send()    135          esp_seal() -> 50     135, peer ready?
 *   in    on_clear()    135 -> role  counted, dropped     135, peer ready?
 *         on_esp()                   esp_open() -> role
 *                                    (a batch of them ahead)
 *
 * "Ready" in mode kernel: policies require protection of protocol 135 both
 * ways, so that the kernel itself drops what comes in the clear (xfrm.h).
 *
 * A security association belongs to the addresses of its peer: what comes
 * under it from elsewhere is dropped unread (draft 5).  So the source of every
 * message that a role sees is the authenticated peer, and the home agent's
 * rule "care-of address = source" (A16) holds it to its own.
 *
 * What one role sends to an address of this very process never touches a
 * socket: it needs no protection, and what claims to come from one of our
 * addresses on the wire gets none.
 */
#include "esp/sec_priv.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/addr.h"
#include "core/log.h"
#include "core/util.h"

/* Log lines about those who are no peers. */
#define STRANGER_LOG_BURST 10
#define STRANGER_LOG_PER_SEC 1

_Static_assert(MH_SOCK_MAX_LEN >= MH_MAX_LEN + ESP_OVERHEAD_MAX,
    "the socket takes the longest message, protected");

static const struct stat_desc sec_stats[SEC_ST_MAX] = {
#define X(id, name, help) [id] = { name, help },
	ESP_DROPS(X)
	SEC_COUNTERS(X)
#undef X
};

/* --- audit (RFC 4303 4) ------------------------------------------------ */

static bool
may_log(struct sec *s, struct sec_peer *p, uint64_t *ret_suppressed)
{
	return ratelimit_pass(p != NULL ? &p->rl : &s->rl,
	    clock_mono_us(s->a.clock), ret_suppressed);
}

static void
audit(struct sec *s, struct sec_sa *sa, const struct mh_pkt *pkt,
    enum esp_drop why, uint32_t spi, uint64_t seq)
{
	/* A forger must not exhaust the lines of who it claims to be. */
	bool genuine = why == ESP_PADDING || why == ESP_NEXT_HEADER;
	uint64_t suppressed;

	stat_inc(&s->st, why);
	if (sa != NULL) {
		sa->replays += why == ESP_REPLAY;
		sa->drops += why != ESP_REPLAY;
	}
	if (!may_log(s, genuine ? sa->peer : NULL, &suppressed))
		return;
	log_warn(s->a.log, SEC_MOD, "drop",
	    KV_STR("why", esp_drop_desc[why].name), KV_IN6("src", &pkt->src),
	    KV_IN6("dst", &pkt->dst), KV_U("spi", spi), KV_U("seq", seq),
	    KV_U("len", pkt->len), KV_U("suppressed", suppressed));
}

static void
audit_clear(struct sec *s, struct sec_peer *p, const struct mh_pkt *pkt)
{
	uint64_t suppressed;

	stat_inc(&s->st, SEC_ST_CLEAR);
	if (p != NULL)
		p->clear++;
	if (may_log(s, NULL, &suppressed))
		log_warn(s->a.log, SEC_MOD, "clear-text-dropped",
		    KV_IN6("src", &pkt->src), KV_IN6("dst", &pkt->dst),
		    KV_U("len", pkt->len), KV_U("suppressed", suppressed));
}

/* Nothing protects a message that a role wants to send. */
static int
refuse(struct sec *s, struct sec_peer *p, const struct in6_addr *dst,
    const char *why)
{
	uint64_t suppressed;

	stat_inc(&s->st, SEC_ST_TX_REFUSED);
	if (may_log(s, p, &suppressed))
		log_err(s->a.log, SEC_MOD, "not-protected",
		    KV_IN6("peer", dst), KV_STR("missing", why),
		    KV_U("suppressed", suppressed));
	return -EACCES;
}

/* --- in ---------------------------------------------------------------- */

static void
deliver(struct sec *s, const struct mh_pkt *pkt)
{
	if (s->mh.recv != NULL)
		s->mh.recv(s->mh.recv_ctx, pkt);
}

/* Protocol 135 from the wire. */
static void
on_clear(void *ctx, const struct mh_pkt *pkt)
{
	struct sec *s = ctx;
	struct sec_peer *p;

	if (s->mode == SEC_NONE) {
		deliver(s, pkt);
		return;
	}
	p = sec_set_peer(s, s->set, &pkt->dst, &pkt->src);
	if (s->mode == SEC_KERNEL && p != NULL &&
	    xfrm_ready(s->xfrm, (size_t)(p - s->set->peers)))
		deliver(s, pkt);
	else
		audit_clear(s, p, pkt);
}

/* What comes next in the clear, accepted or not. */
static void
on_clear_ahead(void *ctx, const struct mh_pkt *pkts, size_t n)
{
	struct sec *s = ctx;

	if (s->mh.ahead != NULL)
		s->mh.ahead(s->mh.recv_ctx, pkts, n);
}

/* Everything that can be said without the key. */
static enum esp_drop
find_sa(const struct sec *s, const struct mh_pkt *pkt, uint32_t *ret_spi,
    struct sec_sa **ret)
{
	enum esp_drop d = esp_spi(pkt->data, pkt->len, ret_spi);
	struct sec_sa *sa;

	if (d != ESP_OK)
		return d;
	sa = *ret = sec_set_sa(s->set, *ret_spi);
	if (sa == NULL)
		return ESP_NO_SA;
	if (!in6_eq(&pkt->src, &sa->peer->remote) ||
	    !in6_eq(&pkt->dst, &sa->peer->local))
		return ESP_PEER;
	return sa->expired ? ESP_EXPIRED : ESP_OK;
}

static void
open_esp(struct sec *s, const struct mh_pkt *pkt, struct sec_opened *ret)
{
	ret->data = pkt->data;
	ret->spi = 0;
	ret->sa = NULL;
	ret->plain = (struct esp_plain){ 0 };
	ret->drop = find_sa(s, pkt, &ret->spi, &ret->sa);
	if (ret->drop == ESP_OK)
		ret->drop = esp_open(&ret->sa->in, pkt->data, pkt->len,
		    ret->buf, sizeof(ret->buf), &ret->plain);
}

static struct mh_pkt
inside(const struct mh_pkt *pkt, const struct sec_opened *o)
{
	struct mh_pkt inner = *pkt;

	inner.data = o->plain.mh;
	inner.len = o->plain.len;
	return inner;
}

/*
 * Open what comes next all at once: who a message is from may stand inside of
 * it, so nobody can look ahead before that.  Its time is that of its delivery.
 */
static void
on_esp_ahead(void *ctx, const struct mh_pkt *pkts, size_t n)
{
	struct sec *s = ctx;
	struct mh_pkt inner[MH_AHEAD];
	size_t good = 0;

	s->next_opened = 0;
	s->nopened = MIN_OF(n, (size_t)MH_AHEAD);
	for (size_t i = 0; i < s->nopened; i++) {
		struct sec_opened *o = &s->opened[i];

		open_esp(s, &pkts[i], o);
		if (o->drop == ESP_OK)
			inner[good++] = inside(&pkts[i], o);
	}
	if (good > 0 && s->mh.ahead != NULL)
		s->mh.ahead(s->mh.recv_ctx, inner, good);
}

/* Once only: a second time it would be a replay. */
static const struct sec_opened *
take_opened(struct sec *s, const struct mh_pkt *pkt)
{
	if (s->next_opened < s->nopened &&
	    s->opened[s->next_opened].data == pkt->data)
		return &s->opened[s->next_opened++];
	s->nopened = s->next_opened = 0;
	open_esp(s, pkt, &s->opened[0]);
	return &s->opened[0];
}

static void
on_esp(void *ctx, const struct mh_pkt *pkt)
{
	struct sec *s = ctx;
	const struct sec_opened *o = take_opened(s, pkt);
	struct mh_pkt inner;

	if (o->drop != ESP_OK) {
		audit(s, o->sa, pkt, o->drop, o->spi, o->plain.seq);
		return;
	}
	stat_inc(&s->st, ESP_OK);
	o->sa->last_in = wheel_now(s->a.wheel);
	sec_seq_accepted(s);
	inner = inside(pkt, o);
	s->asking = o->sa->peer;
	deliver(s, &inner);
	s->asking = NULL;
}

/* --- out --------------------------------------------------------------- */

static bool
is_own(const struct sec *s, const struct in6_addr *a)
{
	for (size_t i = 0; i < s->nown; i++) {
		if (in6_eq(&s->own[i], a))
			return true;
	}
	return false;
}

/* From role to role: not before the sender has returned. */
static int
send_local(struct sec *s, const struct in6_addr *src,
    const struct in6_addr *dst, const void *data, size_t len)
{
	struct sec_local *m;

	if (len > sizeof(m->data))
		return -EMSGSIZE;
	if (s->local_head - s->local_tail == SEC_LOCAL_MAX) {
		stat_inc(&s->st, SEC_ST_LOCAL_FULL);
		return -ENOBUFS;
	}
	m = &s->local[s->local_head++ % SEC_LOCAL_MAX];
	m->src = *src;
	m->dst = *dst;
	m->len = len;
	memcpy(m->data, data, len);
	stat_inc(&s->st, SEC_ST_LOCAL);
	if (!timer_armed(&s->local_due))
		timer_arm(s->a.wheel, &s->local_due, 0);
	return 0;
}

static void
on_local_due(struct timer *t)
{
	struct sec *s = CONTAINER_OF(t, struct sec, local_due);
	unsigned end = s->local_head;	/* answers wait for the next time */

	while (s->local_tail != end) {
		const struct sec_local *m =
		    &s->local[s->local_tail % SEC_LOCAL_MAX];
		struct mh_pkt pkt = { .src = m->src, .dst = m->dst,
			.data = m->data, .len = m->len, .sum_ok = true };

		deliver(s, &pkt);
		s->local_tail++;
	}
}

/* Most of what is sent answers what is being delivered. */
static struct sec_peer *
find_peer(const struct sec *s, const struct in6_addr *src,
    const struct in6_addr *dst)
{
	struct sec_peer *p = s->asking;

	if (p != NULL && in6_eq(&p->remote, dst) && in6_eq(&p->local, src))
		return p;
	return sec_set_peer(s, s->set, src, dst);
}

static int
send_esp(struct sec *s, const struct in6_addr *src,
    const struct in6_addr *dst, const void *data, size_t len)
{
	struct sec_peer *p = find_peer(s, src, dst);
	struct sec_sa *sa;
	int n = -EOVERFLOW;

	if (p == NULL || p->nsas == 0)
		return refuse(s, p, dst, "keys for this pair of addresses "
		    "(security: peers)");
	while ((sa = p->out) != NULL) {
		n = esp_seal(&sa->out, data, len, s->sealed,
		    sizeof(s->sealed));
		if (n != -EOVERFLOW || !sec_seq_spent(s, sa))
			break;
	}
	if (p->out == NULL)
		return refuse(s, p, dst, "keys that have not ended");
	if (n == -EOVERFLOW)
		stat_inc(&s->st, SEC_ST_TX_SPENT);
	if (n < 0)
		return n;
	sa->last_out = wheel_now(s->a.wheel);
	sec_seq_used(s, sa);
	stat_inc(&s->st, SEC_ST_TX);
	return s->a.esp->ops->send(s->a.esp, src, dst, s->sealed, (size_t)n);
}

static int
send_kernel(struct sec *s, const struct in6_addr *src,
    const struct in6_addr *dst, const void *data, size_t len)
{
	struct sec_peer *p = sec_set_peer(s, s->set, src, dst);
	size_t i;

	if (p == NULL)
		return refuse(s, NULL, dst, "this pair of addresses is not "
		    "configured (security: peers)");
	i = (size_t)(p - s->set->peers);
	if (!xfrm_may_send(s->xfrm, i))
		return refuse(s, p, dst, xfrm_missing(s->xfrm, i));
	if (p->out != NULL && !sec_seq_kernel_may_send(s, p->out)) {
		stat_inc(&s->st, SEC_ST_TX_SPENT);
		return -EOVERFLOW;
	}
	return s->a.clear->ops->send(s->a.clear, src, dst, data, len);
}

static int
sec_send(struct mh_io *io, const struct in6_addr *src,
    const struct in6_addr *dst, const void *data, size_t len)
{
	struct sec *s = CONTAINER_OF(io, struct sec, mh);

	if (is_own(s, dst))
		return send_local(s, src, dst, data, len);
	if (s->mode == SEC_USERSPACE)
		return send_esp(s, src, dst, data, len);
	if (s->mode == SEC_KERNEL)
		return send_kernel(s, src, dst, data, len);
	return s->a.clear->ops->send(s->a.clear, src, dst, data, len);
}

static void
sec_flush(struct mh_io *io)
{
	struct sec *s = CONTAINER_OF(io, struct sec, mh);

	mh_io_flush(s->a.clear);
	mh_io_flush(s->a.esp);
}

static const struct mh_io_ops sec_ops = { .send = sec_send,
	.flush = sec_flush };

/* --- mode kernel ------------------------------------------------------- */

static void
put_pair(struct xfrm_pair *to, const struct sec_sa *sa)
{
	to->suite = sa->suite;
	to->esn = sa->esn;
	to->in.spi = sa->spi_in;
	to->in.seq = sa->mark_in->seq;
	memcpy(to->in.key, sa->raw_in, sizeof(to->in.key));
	to->out.spi = sa->out.spi;
	to->out.seq = sa->mark_out->seq;
	memcpy(to->out.key, sa->raw_out, sizeof(to->out.key));
}

/* What is usable of a peer's pairs, the one to send under first. */
static size_t
put_pairs(struct xfrm_pair to[SEC_SAS_MAX], const struct sec_peer *p)
{
	size_t n = 0;

	if (p->out != NULL)
		put_pair(&to[n++], p->out);
	for (size_t k = 0; k < p->nsas; k++) {
		if (&p->sas[k] != p->out && !p->sas[k].expired)
			put_pair(&to[n++], &p->sas[k]);
	}
	return n;
}

void
sec_kernel_set(struct sec *s)
{
	const struct sec_set *set = s->set;
	struct xfrm_peer *peers = calloc(set->n + 1, sizeof(*peers));
	struct xfrm_pair (*pairs)[SEC_SAS_MAX] = calloc(set->n + 1,
	    sizeof(*pairs));
	int r = -ENOMEM;

	for (size_t i = 0; peers != NULL && pairs != NULL && i < set->n; i++) {
		const struct sec_peer *p = &set->peers[i];

		peers[i] = (struct xfrm_peer){ .local = p->local,
			.remote = p->remote, .pair = pairs[i],
			.npair = put_pairs(pairs[i], p) };
	}
	if (peers != NULL && pairs != NULL)
		r = xfrm_set_peers(s->xfrm, peers, set->n);
	if (r < 0)
		log_err(s->a.log, SEC_MOD, "kernel-refused", KV_STR("hint",
		    "show ipsec tells which peers are not protected"),
		    KV_ERR(r));
	if (pairs != NULL)
		crypto_wipe(pairs, (set->n + 1) * sizeof(*pairs));
	free(pairs);
	free(peers);
}

static int
start_kernel(struct sec *s)
{
	const struct xfrm_args xa = { .loop = s->a.loop, .log = s->a.log,
		.stats = s->a.stats, .clock = s->a.clock,
		.sequence = sec_seq_kernel, .ctx = s };

	return xfrm_new(&xa, &s->xfrm);
}

/* --- life -------------------------------------------------------------- */

static bool
has_keys(const struct sec_conf *conf)
{
	const struct sec_peer_conf *p = conf->peers.v;

	for (size_t i = 0; i < conf->peers.n; i++) {
		if (p[i].sas.n > 0)
			return true;
	}
	return false;
}

static int
open_state(struct sec *s, const struct sec_conf *conf)
{
	char why[512];
	int r;

	if (s->state != NULL || s->mode == SEC_NONE || !has_keys(conf))
		return 0;
	r = sec_state_open(conf->state_dir, &s->state, why, sizeof(why));
	if (r < 0)
		log_err(s->a.log, SEC_MOD, "state-directory-failed",
		    KV_STR("why", why), KV_STR("hint", "static keys need it: "
		    "no sequence number may be used twice"), KV_ERR(r));
	return r;
}

int
sec_prepare(struct sec *s, const struct sec_conf *conf,
    const struct sec_want *want)
{
	int r = open_state(s, conf);

	assert(s->next == NULL);
	if (r < 0)
		return r;
	if (s->set != NULL)
		sec_seq_note(s);
	return sec_set_new(s, conf, want, &s->next);
}

void
sec_abort(struct sec *s)
{
	sec_set_free(s->next);
	s->next = NULL;
}

/* 0; or -errno when the state was not written: then nothing is sent yet. */
static int
commit(struct sec *s)
{
	if (s->set != NULL)
		sec_set_inherit(s->next, s->set);
	sec_set_free(s->set);
	s->set = s->next;
	s->next = NULL;
	s->asking = NULL;
	(void)sec_seq_expire(s);
	if (s->mode == SEC_KERNEL)
		sec_kernel_set(s);
	return sec_seq_save(s);
}

void
sec_commit(struct sec *s)
{
	(void)commit(s);	/* logged, and tried again */
}

/* In mode userspace nothing else tells who cannot be spoken to. */
static void
warn_keyless(const struct sec *s)
{
	for (size_t i = 0; i < s->set->n; i++) {
		const struct sec_peer *p = &s->set->peers[i];

		if (p->nsas == 0)
			log_warn(s->a.log, SEC_MOD, "no-keys",
			    KV_IN6("peer", &p->remote),
			    KV_IN6("local", &p->local), KV_STR("hint",
			    "security: peers has none for it; there will be "
			    "no signalling with it"));
	}
}

static void
take_sockets(struct sec *s)
{
	s->a.clear->recv = on_clear;
	s->a.clear->ahead = on_clear_ahead;
	s->a.clear->recv_ctx = s;
	s->mh.sums = s->mode != SEC_USERSPACE && s->a.clear->sums;
	if (s->a.esp == NULL)
		return;
	s->a.esp->recv = on_esp;
	s->a.esp->ahead = on_esp_ahead;
	s->a.esp->recv_ctx = s;
}

static int
start(struct sec *s, const struct sec_conf *conf, const struct sec_want *want)
{
	int r = 0;

	if (s->mode == SEC_KERNEL)
		r = start_kernel(s);
	if (r == 0)
		r = sec_prepare(s, conf, want);
	if (r == 0)
		r = commit(s);
	if (r == 0)
		take_sockets(s);
	if (r == 0 && s->mode == SEC_USERSPACE)
		warn_keyless(s);
	return r;
}

int
sec_new(const struct sec_args *a, const struct sec_conf *conf,
    const struct sec_want *want, struct sec **ret)
{
	struct sec *s = calloc(1, sizeof(*s));
	int r;

	assert(conf->mode != SEC_USERSPACE || a->esp != NULL);
	if (s == NULL)
		return -ENOMEM;
	s->mh.ops = &sec_ops;
	s->mode = (enum sec_mode)conf->mode;
	s->a = *a;
	s->own = calloc(a->nown + 1, sizeof(*s->own));
	s->local = calloc(SEC_LOCAL_MAX, sizeof(*s->local));
	hash_key_random(&s->hash);
	ratelimit_init(&s->rl, STRANGER_LOG_BURST, STRANGER_LOG_PER_SEC);
	timer_init(&s->local_due, on_local_due);
	sec_seq_init(s);
	stats_register(a->stats, &s->st, "ipsec", sec_stats, SEC_ST_MAX);
	r = -ENOMEM;
	if (s->own != NULL && s->local != NULL) {
		s->nown = a->nown;
		memcpy(s->own, a->own, a->nown * sizeof(*s->own));
		r = start(s, conf, want);
	}
	if (r < 0) {
		sec_free(s, false);
		return r;
	}
	*ret = s;
	return 0;
}

struct mh_io *
sec_mh(struct sec *s)
{
	return &s->mh;
}

void
sec_free(struct sec *s, bool keep)
{
	if (s == NULL)
		return;
	/* First: the kernel's last numbers come through sec_seq_kernel(). */
	xfrm_free(s->xfrm, keep);
	sec_seq_done(s);
	timer_cancel(s->a.wheel, &s->local_due);
	sec_state_close(s->state);
	sec_set_free(s->set);
	sec_set_free(s->next);
	stats_unregister(&s->st);
	free(s->own);
	free(s->local);
	free(s);
}

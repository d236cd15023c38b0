/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's IPsec: whether it protects the signalling with each peer.
 *
 * We keep a copy of those policies and security associations that concern a
 * peer or are ours, from one dump, and follow the kernel's notifications.  Each
 * change is judged (xfrm_spd.c) for the peers it touches, at once: a policy
 * that goes takes the peer's readiness with it before the next message leaves.
 * When notifications were lost everything is read again.
 *
 * ACQUIRE is not listened to: with a listener the kernel believes that an IKE
 * daemon was told, keeps its placeholder for half a minute, and asks nobody
 * else meanwhile, such as the daemon that has just come back.  That no security
 * association comes is seen from its absence instead (on_tick()).
 */
#include "esp/xfrm_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/netlink.h>
#include <linux/xfrm.h>

#include "core/addr.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/util.h"
#include "esp/xfrm_put.h"

#define MOD "ipsec"
#define TICK_US (5 * USEC_PER_SEC)
#define TICKS_WITHOUT_SA 2	/* until we say so */
#define SAS_PER_TICK 64		/* whose counters are looked at */
#define RELOAD_HINT "somebody removed it, pmipctl reload puts it back"

static const struct stat_desc xfrm_stats[ST_MAX] = {
#define X(id, name, help) { name, help },
	SPD_READS(X)
#undef X
	{ "tables-read", "times the kernel's IPsec was read whole" },
	{ "tables-full", "policies or SAs that had no room here" },
	{ "protection-lost", "times a peer's protection went away" },
	{ "integrity-failed", "packets the kernel dropped: forged, or another "
	    "key (RFC 4303 3.4.4)" },
	{ "replayed", "packets the kernel dropped: repeated or too old "
	    "(RFC 4303 3.4.3)" },
	{ "clear-text-dropped", "packets the kernel dropped for want of the "
	    "protection that its policies demand (XfrmInTmplMismatch)" },
};

struct spd_flow
xfrm_flow_of(const struct peer *p, enum spd_dir dir)
{
	return (struct spd_flow){ .dir = dir,
		.src = dir == SPD_OUT ? p->local : p->remote,
		.dst = dir == SPD_OUT ? p->remote : p->local };
}

/* --- words ------------------------------------------------------------- */

static const char *
failure_text(int err)
{
	switch (err) {
	case -EPROTONOSUPPORT:
		return "this kernel has no ESP for IPv6: load the module esp6 "
		    "(CONFIG_INET6_ESP), or set security: ipsec: userspace";
	case -ENOSYS:
	case -ENOENT:
	case -EINVAL:
		return "this kernel lacks the algorithms: load the modules "
		    "authenc, hmac, sha256_generic and crypto_null, or "
		    "chacha20poly1305 and seqiv";
	case -EPERM:
		return "the kernel's IPsec may not be changed: pmipd needs "
		    "CAP_NET_ADMIN";
	case -EEXIST:
		return "an SPI of the static keys is in use by another "
		    "security association: choose another one";
	case -EADDRINUSE:
		return "another program's policy for the same packets is in "
		    "the way: remove it, or take the static keys (sas) out";
	case -EOVERFLOW:
		return "the sequence numbers of the static keys are used up: "
		    "new keys are needed";
	default:
		return "the kernel refuses the static keys";
	}
}

/* One more sentence in x->why. */
static void
why_add(struct xfrm *x, const char *words)
{
	size_t len = strlen(x->why);

	if (words[0] != '\0')
		snprintf(x->why + len, sizeof(x->why) - len, "%s%s",
		    len > 0 ? "; " : "", words);
}

static void
why_add_policy(struct xfrm *x, const struct peer *p, enum spd_dir dir)
{
	const struct spd_flow f = xfrm_flow_of(p, dir);
	char words[SPD_WORDS_MAX];

	why_add(x, spd_words(dir == SPD_OUT ? &p->out : &p->in, &f, p->fixed ?
	    RELOAD_HINT : NULL, words, sizeof(words)));
}

static void
why_add_unchecked(struct xfrm *x)
{
	char words[SPD_WORDS_MAX];

	snprintf(words, sizeof(words), "sysctl net.ipv6.conf.%s.disable_policy "
	    "is 1, so that the kernel takes what arrives whatever its policies "
	    "say: set it to 0", x->unchecked);
	why_add(x, words);
}

/* What is missing, into x->why. */
static const char *
why(struct xfrm *x, const struct peer *p)
{
	int err = p->failed != 0 ? p->failed : x->no_esp;

	x->why[0] = '\0';
	if (err != 0)
		snprintf(x->why, sizeof(x->why), "%s (%s)", failure_text(err),
		    log_errname(err));
	if (x->full)
		why_add(x, "the kernel has more policies than can be judged");
	if (x->unread != 0)
		why_add(x, "the kernel's policies cannot be read");
	if (x->unchecked[0] != '\0')
		why_add_unchecked(x);
	why_add_policy(x, p, SPD_OUT);
	why_add_policy(x, p, SPD_IN);
	return x->why;
}

/* --- judging ----------------------------------------------------------- */

static void
judge(struct xfrm *x, size_t i)
{
	struct peer *p = &x->peer[i];
	const struct spd_flow out = xfrm_flow_of(p, SPD_OUT),
	    in = xfrm_flow_of(p, SPD_IN);
	bool was = p->ready;

	p->out = tab_judge(&x->tab, &out);
	p->in = tab_judge(&x->tab, &in);
	p->ready = p->out.verdict == SPD_PROTECTED &&
	    p->in.verdict == SPD_PROTECTED && p->failed == 0 &&
	    x->unread == 0 && x->no_esp == 0 && !x->full &&
	    x->unchecked[0] == '\0';
	if (p->ready == was && p->judged)
		return;
	p->judged = true;
	if (p->ready) {
		log_info(x->a.log, MOD, "peer-protected",
		    KV_IN6("peer", &p->remote), KV_IN6("local", &p->local));
	} else {
		stat_add(&x->st, ST_LOST, was);
		log_warn(x->a.log, MOD, "peer-unprotected",
		    KV_IN6("peer", &p->remote), KV_IN6("local", &p->local),
		    KV_STR("missing", why(x, p)));
	}
}

static void
judge_all(struct xfrm *x)
{
	for (size_t i = 0; i < x->npeer; i++)
		judge(x, i);
}

static bool
sel_concerns(const struct spd_sel *s, const struct peer *p)
{
	const struct spd_flow out = xfrm_flow_of(p, SPD_OUT),
	    in = xfrm_flow_of(p, SPD_IN);

	return spd_sel_touches(s, &out) || spd_sel_touches(s, &in);
}

/* Selectors of two addresses, which are nearly all, need no search. */
static bool
sel_of_interest(const struct xfrm *x, const struct spd_sel *s)
{
	const struct peer *out, *in;

	if (tab_sel_is_pair(s)) {
		out = xfrm_peer_find(x, &s->src, &s->dst);
		in = xfrm_peer_find(x, &s->dst, &s->src);
		return (out != NULL && sel_concerns(s, out)) ||
		    (in != NULL && sel_concerns(s, in));
	}
	for (size_t i = 0; i < x->npeer; i++) {
		if (sel_concerns(s, &x->peer[i]))
			return true;
	}
	return false;
}

static void
judge_pair(struct xfrm *x, const struct in6_addr *local,
    const struct in6_addr *remote)
{
	const struct peer *p = xfrm_peer_find(x, local, remote);

	if (p != NULL)
		judge(x, (size_t)(p - x->peer));
}

static void
judge_concerned(struct xfrm *x, const struct spd_sel *s)
{
	if (tab_sel_is_pair(s)) {
		judge_pair(x, &s->src, &s->dst);
		judge_pair(x, &s->dst, &s->src);
		return;
	}
	for (size_t i = 0; i < x->npeer; i++) {
		if (sel_concerns(s, &x->peer[i]))
			judge(x, i);
	}
}

/* --- our copy of the tables -------------------------------------------- */

/* Without room for what concerns a peer nobody can be judged. */
static void
had_room(struct xfrm *x, bool had)
{
	if (!had) {
		stat_inc(&x->st, ST_FULL);
		x->full = true;
	}
}

static void
policy_keep(struct xfrm *x, const struct spd_policy *p)
{
	if (xfrm_policy_is_ours(p) || sel_of_interest(x, &p->sel))
		had_room(x, tab_keep_policy(&x->tab, p));
	else
		tab_drop_policy(&x->tab, p->index);
}

static void
sa_keep(struct xfrm *x, const struct spd_sa *sa)
{
	if (tab_find_sa(&x->tab, &sa->dst, sa->spi, sa->proto) != NULL ||
	    xfrm_sa_is_ours(sa) || sel_of_interest(x, &sa->sel))
		had_room(x, tab_keep_sa(&x->tab, sa));
}

/* --- notifications ----------------------------------------------------- */

static void resync(struct xfrm *x);

/*
 * May it be used?  What we cannot read might be a policy that lets everything
 * pass: then nobody is ready until all has been read again (look_again()).
 */
static bool
was_read(struct xfrm *x, enum spd_read r)
{
	stat_inc(&x->st, r);
	if (r == SPD_READ_SHORT || r == SPD_READ_BAD)
		x->unread = -EBADMSG;
	return r == SPD_READ_OK;
}

static void
policy_news(struct xfrm *x, const struct nlmsghdr *nlh)
{
	struct spd_policy p;

	if (!was_read(x, spd_read_policy(nlh, &p))) {
		if (x->unread != 0)
			judge_all(x);
		return;
	}
	if (nlh->nlmsg_type == XFRM_MSG_DELPOLICY || spd_is_hard(nlh))
		tab_drop_policy(&x->tab, p.index);
	else
		policy_keep(x, &p);
	judge_concerned(x, &p.sel);
}

static void
sa_news(struct xfrm *x, const struct nlmsghdr *nlh)
{
	struct spd_sa sa;

	if (!was_read(x, spd_read_sa(nlh, &sa))) {
		if (x->unread != 0)
			judge_all(x);
		return;
	}
	if (nlh->nlmsg_type == XFRM_MSG_DELSA || spd_is_hard(nlh))
		tab_drop_sa(&x->tab, &sa);
	else if (nlh->nlmsg_type != XFRM_MSG_EXPIRE)
		sa_keep(x, &sa);
	judge_concerned(x, &sa.sel);
}

static void
sequence_news(struct xfrm *x, const struct nlmsghdr *nlh)
{
	struct spd_sa ev, *sa;
	enum spd_read r = spd_read_event(nlh, &ev);

	stat_inc(&x->st, r);
	if (r != SPD_READ_OK)
		return;
	sa = tab_find_sa(&x->tab, &ev.dst, ev.spi, ev.proto);
	if (sa == NULL)
		return;
	sa->seq_in = ev.seq_in;
	sa->seq_out = ev.seq_out;
	xfrm_tell_sequence(x, sa, XFRM_SEQ_AHEAD);
}

static void
on_news(void *ctx, const struct nlmsghdr *nlh)
{
	struct xfrm *x = ctx;

	switch (nlh->nlmsg_type) {
	case XFRM_MSG_NEWPOLICY:
	case XFRM_MSG_UPDPOLICY:
	case XFRM_MSG_DELPOLICY:
	case XFRM_MSG_POLEXPIRE:
		policy_news(x, nlh);
		break;
	case XFRM_MSG_NEWSA:
	case XFRM_MSG_UPDSA:
	case XFRM_MSG_DELSA:
	case XFRM_MSG_EXPIRE:
		sa_news(x, nlh);
		break;
	case XFRM_MSG_NEWAE:
		sequence_news(x, nlh);
		break;
	case XFRM_MSG_FLUSHPOLICY:
	case XFRM_MSG_FLUSHSA:
		resync(x);
		break;
	default:
		break;
	}
}

static void
on_lost(void *ctx)
{
	resync(ctx);
}

/* --- the whole tables -------------------------------------------------- */

static void
policy_dumped(void *ctx, const struct nlmsghdr *nlh)
{
	struct xfrm *x = ctx;
	struct spd_policy p;

	if (was_read(x, spd_read_policy(nlh, &p)))
		policy_keep(x, &p);
}

static void
policies_again(void *ctx)
{
	tab_clear_policies(&((struct xfrm *)ctx)->tab);
}

static void
sa_dumped(void *ctx, const struct nlmsghdr *nlh)
{
	struct xfrm *x = ctx;
	struct spd_sa sa;

	if (was_read(x, spd_read_sa(nlh, &sa)))
		sa_keep(x, &sa);
}

static void
sas_again(void *ctx)
{
	tab_clear_sas(&((struct xfrm *)ctx)->tab);
}

static void
reread(struct xfrm *x)
{
	int before = x->unread, r;

	stat_inc(&x->st, ST_RESYNC);
	x->full = false;
	x->unread = 0;
	policies_again(x);
	sas_again(x);
	r = xfrm_dump_policies(x->nl, policy_dumped, policies_again, x);
	if (r == 0)
		r = xfrm_dump_sas(x->nl, sa_dumped, sas_again, x);
	if (r < 0)
		x->unread = r;
	if (x->unread != 0 && before == 0)
		log_err(x->a.log, MOD, "kernel-unreadable",
		    KV_ERR(x->unread));
}

static void
resync(struct xfrm *x)
{
	reread(x);
	xfrm_look_for_unchecked(x);
	for (size_t i = 0; i < x->tab.nsa; i++)
		xfrm_tell_sequence(x, &x->tab.sa[i]->sa, XFRM_SEQ_AHEAD);
	judge_all(x);
}

/* --- now and then ------------------------------------------------------ */

static bool
has_sa(const struct xfrm *x, const struct peer *p)
{
	const struct spd_flow out = xfrm_flow_of(p, SPD_OUT);

	return tab_next_sa(&x->tab, &out, NULL) != NULL;
}

/* Signalling wants to leave and no SA comes: tell once, and when one does. */
static void
look_for_sa(struct xfrm *x, struct peer *p)
{
	bool told = p->ticks >= TICKS_WITHOUT_SA;

	if (!p->ready || (!p->asked && !told))
		return;
	if (has_sa(x, p)) {
		if (told)
			log_info(x->a.log, MOD, "sa-there",
			    KV_IN6("peer", &p->remote));
		p->ticks = 0;
	} else if (!told && ++p->ticks == TICKS_WITHOUT_SA) {
		log_warn(x->a.log, MOD, "no-sa", KV_IN6("peer", &p->remote),
		    KV_IN6("local", &p->local), KV_STR("hint", p->fixed ?
		    RELOAD_HINT :
		    "the IKE daemon does not agree with the peer's: look for "
		    "AUTHENTICATION_FAILED or NO_PROPOSAL_CHOSEN in both logs, "
		    "compare keys, identities and proposals, try swanctl "
		    "--initiate --child NAME"));
	}
	p->asked = false;
}

static void
tell_drops(struct xfrm *x, const struct spd_sa *sa, unsigned counter,
    uint32_t packets, const char *hint)
{
	stat_add(&x->st, counter, packets);
	log_warn(x->a.log, MOD, xfrm_stats[counter].name,
	    KV_IN6("peer", &sa->src), KV_U("spi", sa->spi),
	    KV_U("packets", packets), KV_STR("hint", hint));
}

/* The kernel's counters of one SA: of interest when they grow. */
static void
look_at_sa(struct xfrm *x, const struct spd_sa *sa)
{
	struct spd_sa now;
	bool same;

	if (xfrm_get_sa(x->nl, &sa->dst, sa->spi, NULL, 0, &now, &same) < 0)
		return;		/* its notification is on the way */
	if (now.forged > sa->forged)
		tell_drops(x, sa, ST_FORGED, now.forged - sa->forged,
		    "somebody forges, or the two ends have different keys");
	if (now.replays > sa->replays)
		tell_drops(x, sa, ST_REPLAYED, now.replays - sa->replays,
		    "somebody repeats old packets, or the peer began to count "
		    "anew: its state-directory is lost, or the two ends have "
		    "different keys");
	(void)tab_keep_sa(&x->tab, &now);	/* in its place */
}

static void
look_at_clear_drops(struct xfrm *x)
{
	uint64_t now = xfrm_clear_drops();

	if (now > x->clear_drops) {
		stat_add(&x->st, ST_CLEAR, now - x->clear_drops);
		log_warn(x->a.log, MOD, "kernel-dropped-clear-text",
		    KV_U("packets", now - x->clear_drops), KV_STR("hint",
		    "somebody sends what policies want protected without "
		    "protection, or a peer has none"));
	}
	x->clear_drops = now;
}

/* What stood in the way of all peers may be over, and comes without news. */
static void
look_again(struct xfrm *x)
{
	bool unchecked = x->unchecked[0] != '\0';
	int no_esp = x->no_esp;

	if (x->unread != 0 || x->full) {
		resync(x);
		return;
	}
	if (x->no_esp != 0)
		x->no_esp = xfrm_probe_esp(x->nl);
	xfrm_look_for_unchecked(x);
	if (x->no_esp != no_esp || (x->unchecked[0] != '\0') != unchecked)
		judge_all(x);
}

static void
on_tick(struct timer *t)
{
	struct xfrm *x = CONTAINER_OF(t, struct xfrm, tick);

	look_again(x);
	look_at_clear_drops(x);
	for (size_t i = 0; i < x->npeer; i++)
		look_for_sa(x, &x->peer[i]);
	for (size_t i = 0; i < MIN_OF(x->tab.nsa, (size_t)SAS_PER_TICK); i++) {
		const struct spd_sa *sa;

		x->next_sa = (x->next_sa + 1) % x->tab.nsa;
		sa = &x->tab.sa[x->next_sa]->sa;
		if (sa->proto == IPPROTO_ESP)
			look_at_sa(x, sa);
	}
	timer_arm(loop_wheel(x->a.loop), t, TICK_US);
}

/* --- peers ------------------------------------------------------------- */

struct pair_key {
	const struct in6_addr *local, *remote;
};

static bool
pair_eq(const struct hnode *n, const void *key)
{
	const struct peer *p = CONTAINER_OF(n, const struct peer, node);
	const struct pair_key *k = key;

	return in6_eq(&p->local, k->local) && in6_eq(&p->remote, k->remote);
}

struct peer *
xfrm_peer_find(const struct xfrm *x, const struct in6_addr *local,
    const struct in6_addr *remote)
{
	const struct pair_key k = { local, remote };
	struct hnode *n = htab_find(x->by_pair, tab_pair_hash(&x->tab.key,
	    local, remote), pair_eq, &k);

	return n != NULL ? CONTAINER_OF(n, struct peer, node) : NULL;
}

bool
xfrm_is_own(const struct xfrm *x, const struct in6_addr *a)
{
	for (size_t i = 0; i < x->nown; i++) {
		if (in6_eq(&x->own[i], a))
			return true;
	}
	return false;
}

/* Our addresses towards the peers beside those that stand there already. */
static void
own_add(struct xfrm *x)
{
	x->own = reallocarray(x->own, x->nown + x->npeer + 1,
	    sizeof(*x->own));
	if (x->own == NULL)
		abort();
	for (size_t i = 0; i < x->npeer; i++) {
		if (!xfrm_is_own(x, &x->peer[i].local))
			x->own[x->nown++] = x->peer[i].local;
	}
}

/* The peers of the configuration, with what is known of them. */
static void
peers_replace(struct xfrm *x, const struct xfrm_peer *c, size_t n)
{
	struct peer *v = calloc(MAX_OF(n, (size_t)1), sizeof(*v));
	struct htab *by_pair = htab_new();

	if (v == NULL)
		abort();
	for (size_t i = 0; i < n; i++) {
		const struct peer *old = xfrm_peer_find(x, &c[i].local,
		    &c[i].remote);

		v[i].local = c[i].local;
		v[i].remote = c[i].remote;
		v[i].fixed = c[i].npair > 0;
		v[i].judged = old != NULL && old->judged;
		v[i].ready = old != NULL && old->ready;
		htab_insert(by_pair, &v[i].node, tab_pair_hash(&x->tab.key,
		    &v[i].local, &v[i].remote));
	}
	free(x->peer);
	htab_free(x->by_pair);
	x->peer = v;
	x->npeer = n;
	x->by_pair = by_pair;
}

int
xfrm_set_peers(struct xfrm *x, const struct xfrm_peer *c, size_t n)
{
	int first = 0;

	peers_replace(x, c, n);
	own_add(x);
	for (size_t i = 0; i < n; i++) {
		struct peer *p = &x->peer[i];

		if (p->fixed)
			p->failed = xfrm_place_peer(x, &c[i], p);
		if (p->failed == 0)
			continue;
		first = first != 0 ? first : p->failed;
		log_err(x->a.log, MOD, "static-keys-refused",
		    KV_IN6("peer", &p->remote), KV_ERR(p->failed),
		    KV_STR("hint", failure_text(p->failed)));
	}
	reread(x);
	xfrm_sweep(x, c, n);
	x->nown = 0;
	own_add(x);
	resync(x);
	return first;
}

/* --- asked ------------------------------------------------------------- */

bool
xfrm_ready(const struct xfrm *x, size_t i)
{
	return x->peer[i].ready;
}

bool
xfrm_may_send(struct xfrm *x, size_t i)
{
	x->peer[i].asked = true;
	return x->peer[i].ready;
}

const char *
xfrm_missing(struct xfrm *x, size_t i)
{
	return why(x, &x->peer[i]);
}

/* Seconds since the wall clock's `when_s`; null: never. */
static void
show_ago(struct xfrm *x, struct json_w *w, const char *key, uint64_t when_s)
{
	int64_t now_us = clock_wall_us(x->a.clock);

	if (when_s == 0)
		json_w_null(w, key);
	else
		json_w_sec(w, key, MAX_OF(now_us - (int64_t)when_s *
		    USEC_PER_SEC, (int64_t)0));
}

static void
show_spi(struct json_w *w, const char *key, const struct spd_sa *sa)
{
	char spi[16];

	if (sa == NULL) {
		json_w_null(w, key);
		return;
	}
	snprintf(spi, sizeof(spi), "0x%08" PRIx32, sa->spi);
	json_w_str(w, key, spi);
}

/* What the kernel has right now for one direction: the one that was used last,
 * or is the newest; NULL none. */
static const struct spd_sa *
present_sa(struct xfrm *x, const struct peer *p, enum spd_dir dir,
    struct spd_sa *ret)
{
	const struct spd_flow f = xfrm_flow_of(p, dir);
	const struct spd_sa *best = NULL;
	struct spd_sa now;
	bool same;

	for (const struct spd_sa *sa = NULL;
	    (sa = tab_next_sa(&x->tab, &f, sa)) != NULL;) {
		if (xfrm_get_sa(x->nl, &f.dst, sa->spi, NULL, 0,
		    &now, &same) < 0 || (best != NULL &&
		    (now.used_s < best->used_s || (now.used_s == best->used_s &&
		    now.added_s <= best->added_s))))
			continue;
		*ret = now;
		best = ret;
	}
	return best;
}

static const char *
state_name(const struct peer *p, const struct spd_sa *in,
    const struct spd_sa *out)
{
	if (!p->ready)
		return "unprotected";
	return in != NULL && out != NULL ? "protected" : "no-sa";
}

void
xfrm_show_peer(struct xfrm *x, size_t i, struct json_w *w)
{
	const struct peer *p = &x->peer[i];
	struct spd_sa buf_in, buf_out;
	const struct spd_sa *in = present_sa(x, p, SPD_IN, &buf_in),
	    *out = present_sa(x, p, SPD_OUT, &buf_out);
	char suite[2 * SPD_ALG_MAX + 8];

	json_w_bool(w, "ready", p->ready);
	json_w_str(w, "state", state_name(p, in, out));
	json_w_str(w, "policy_in", spd_verdict_name(p->in.verdict));
	json_w_str(w, "policy_out", spd_verdict_name(p->out.verdict));
	json_w_bool(w, "static", p->fixed);
	show_spi(w, "spi_in", in);
	show_spi(w, "spi_out", out);
	if (out != NULL) {
		json_w_str(w, "suite", spd_sa_suite(out, suite,
		    sizeof(suite)));
		json_w_bool(w, "esn", out->esn);
		json_w_u(w, "seq_out", out->seq_out);
		show_ago(x, w, "last_out", out->used_s);
	}
	if (in != NULL) {
		json_w_u(w, "seq_in", in->seq_in);
		json_w_u(w, "window", in->window);
		json_w_u(w, "replays", in->replays);
		json_w_u(w, "drops", in->forged);
		show_ago(x, w, "last_in", in->used_s);
	}
	json_w_str(w, "missing", why(x, p));
}

/* --- life -------------------------------------------------------------- */

int
xfrm_new(const struct xfrm_args *a, struct xfrm **ret)
{
	static const int groups[] = { XFRMNLGRP_POLICY, XFRMNLGRP_SA,
		XFRMNLGRP_EXPIRE, XFRMNLGRP_AEVENTS };
	struct xfrm *x = calloc(1, sizeof(*x));
	int r;

	if (x == NULL)
		abort();
	x->a = *a;
	tab_init(&x->tab);
	x->by_pair = htab_new();
	timer_init(&x->tick, on_tick);
	stats_register(a->stats, &x->st, MOD "-kernel", xfrm_stats, ST_MAX);
	r = netlink_new_proto(a->loop, a->log, a->stats, NETLINK_XFRM,
	    "netlink-xfrm", &x->nl);
	if (r == 0)
		r = netlink_monitor(x->nl, groups, ARRAY_LEN(groups), on_news,
		    on_lost, x, &x->mon);
	if (r < 0) {
		log_err(a->log, MOD, "kernel-without-ipsec", KV_ERR(r),
		    KV_STR("hint", "load the module xfrm_user "
		    "(CONFIG_XFRM_USER), or set security: ipsec: userspace"));
		xfrm_free(x, true);
		return r;
	}
	x->no_esp = xfrm_probe_esp(x->nl);
	if (x->no_esp != 0)
		log_err(a->log, MOD, "kernel-without-esp", KV_ERR(x->no_esp),
		    KV_STR("hint", failure_text(x->no_esp)));
	x->clear_drops = xfrm_clear_drops();
	timer_arm(loop_wheel(a->loop), &x->tick, TICK_US);
	*ret = x;
	return 0;
}

void
xfrm_free(struct xfrm *x, bool keep)
{
	if (x == NULL)
		return;
	if (keep) {
		for (size_t i = 0; i < x->tab.nsa; i++) {
			if (xfrm_sa_is_ours(&x->tab.sa[i]->sa))
				xfrm_tell_now(x, &x->tab.sa[i]->sa,
				    XFRM_SEQ_AHEAD);
		}
	} else {
		xfrm_sweep(x, NULL, 0);
	}
	timer_cancel(loop_wheel(x->a.loop), &x->tick);
	netlink_monitor_free(x->mon);
	netlink_free(x->nl);
	stats_unregister(&x->st);
	htab_free(x->by_pair);
	tab_done(&x->tab);
	free(x->own);
	free(x->peer);
	free(x);
}

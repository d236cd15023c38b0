/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel's IPsec databases say, and what it means.
 *
 * The kernel asks its policies of one direction, of the matching one the lowest
 * priority decides.  A policy without template lets packets pass as they are.
 * One with templates makes the sender apply each and the receiver demand each,
 * but for optional ones.  Which SA satisfies a template on receipt is told by
 * its protocol, mode, reqid and SPI; in transport mode the addresses are not
 * compared.  Only the SA's selector then keeps one peer from speaking with the
 * address of another (draft 4.1: a CHILD_SA for that peer's address only).
 *
 * All of this is judged for every Mobility Header between two addresses: what
 * covers a part of them does not protect, what lets a part of them pass does
 * harm (PROTOCOL 8.1, A43).
 */
#include "esp/xfrm_spd.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <linux/netlink.h>
#include <linux/xfrm.h>

#include "core/addr.h"
#include "core/util.h"
#include "esp/esp.h"

#define MH_PROTO 135

/* --- reading ----------------------------------------------------------- */

/* The attributes behind a fixed part. */
struct attrs {
	const uint8_t *p;
	size_t left;
	bool bad;
};

/* The next attribute and its value; NULL at the end, or bad. */
static const uint8_t *
attr_next(struct attrs *a, uint16_t *type, size_t *len)
{
	struct nlattr h;
	size_t whole;
	const uint8_t *p = a->p;

	if (a->left < sizeof(h))
		return NULL;
	memcpy(&h, p, sizeof(h));
	if (h.nla_len < sizeof(h) || h.nla_len > a->left) {
		a->bad = true;
		return NULL;
	}
	whole = MIN_OF((size_t)NLA_ALIGN(h.nla_len), a->left);
	a->p += whole;
	a->left -= whole;
	*type = h.nla_type & NLA_TYPE_MASK;
	*len = h.nla_len - sizeof(h);
	return p + sizeof(h);
}

/* The fixed part of `size` octets at the start of a message. */
static bool
fixed(const struct nlmsghdr *nlh, void *dst, size_t size, struct attrs *ret)
{
	const uint8_t *data = NLMSG_DATA(nlh);
	size_t len;

	if (nlh->nlmsg_len < NLMSG_LENGTH(size))
		return false;
	len = nlh->nlmsg_len - NLMSG_HDRLEN;
	memcpy(dst, data, size);
	size = MIN_OF((size_t)NLMSG_ALIGN(size), len);
	*ret = (struct attrs){ .p = data + size, .left = len - size };
	return true;
}

/* How the kernel tells of policies, and in the same way of SAs. */
struct news {
	uint16_t fresh, update, expire, gone;
	uint16_t attr;			/* of `gone`: holds the info */
	size_t info_size;
	size_t expire_size;		/* begins with the info */
	size_t id_size;			/* of `gone` */
};
static const struct news policy_news = {
	.fresh = XFRM_MSG_NEWPOLICY, .update = XFRM_MSG_UPDPOLICY,
	.expire = XFRM_MSG_POLEXPIRE, .gone = XFRM_MSG_DELPOLICY,
	.attr = XFRMA_POLICY,
	.info_size = sizeof(struct xfrm_userpolicy_info),
	.expire_size = sizeof(struct xfrm_user_polexpire),
	.id_size = sizeof(struct xfrm_userpolicy_id),
};
static const struct news sa_news = {
	.fresh = XFRM_MSG_NEWSA, .update = XFRM_MSG_UPDSA,
	.expire = XFRM_MSG_EXPIRE, .gone = XFRM_MSG_DELSA,
	.attr = XFRMA_SA,
	.info_size = sizeof(struct xfrm_usersa_info),
	.expire_size = sizeof(struct xfrm_user_expire),
	.id_size = sizeof(struct xfrm_usersa_id),
};
union news_part {
	struct xfrm_user_polexpire pol;
	struct xfrm_userpolicy_id pol_id;
	struct xfrm_user_expire sa;
	struct xfrm_usersa_id sa_id;
};

/* The policy's or SA's info, wherever it stands in the message. */
static enum spd_read
read_info(const struct nlmsghdr *nlh, const struct news *k, void *info,
    struct attrs *a)
{
	union news_part part;
	struct attrs scan;
	const uint8_t *v;
	uint16_t type;
	size_t len;

	if (nlh->nlmsg_type == k->fresh || nlh->nlmsg_type == k->update)
		return fixed(nlh, info, k->info_size, a) ? SPD_READ_OK :
		    SPD_READ_SHORT;
	if (nlh->nlmsg_type == k->expire) {
		if (!fixed(nlh, &part, k->expire_size, a))
			return SPD_READ_SHORT;
		memcpy(info, &part, k->info_size);
		return SPD_READ_OK;
	}
	if (nlh->nlmsg_type != k->gone)
		return SPD_READ_OTHER;
	if (!fixed(nlh, &part, k->id_size, a))
		return SPD_READ_SHORT;
	scan = *a;
	while ((v = attr_next(&scan, &type, &len)) != NULL) {
		if (type == k->attr && len >= k->info_size) {
			memcpy(info, v, k->info_size);
			return SPD_READ_OK;
		}
	}
	return scan.bad ? SPD_READ_BAD : SPD_READ_SHORT;
}

static struct spd_sel
sel_of(const struct xfrm_selector *s)
{
	return (struct spd_sel){ .src = s->saddr.in6, .dst = s->daddr.in6,
		.src_len = MIN_OF(s->prefixlen_s, 128),
		.dst_len = MIN_OF(s->prefixlen_d, 128), .proto = s->proto,
		.narrow = s->sport_mask != 0 || s->dport_mask != 0 ||
		    s->ifindex != 0 };
}

static enum spd_read
read_templates(struct spd_policy *p, const uint8_t *v, size_t len)
{
	struct xfrm_user_tmpl t;
	size_t n = len / sizeof(t);

	if (len % sizeof(t) != 0 || n > SPD_TMPL_MAX)
		return SPD_READ_BAD;
	for (size_t i = 0; i < n; i++) {
		memcpy(&t, v + i * sizeof(t), sizeof(t));
		p->tmpl[i] = (struct spd_tmpl){ .spi = ntohl(t.id.spi),
			.reqid = t.reqid, .proto = t.id.proto, .mode = t.mode,
			.optional = t.optional != 0 };
	}
	p->ntmpl = (uint8_t)n;
	return SPD_READ_OK;
}

enum spd_read
spd_read_policy(const struct nlmsghdr *nlh, struct spd_policy *ret)
{
	struct xfrm_userpolicy_info info;
	struct spd_policy p = { 0 };
	struct attrs a;
	const uint8_t *v;
	enum spd_read r = read_info(nlh, &policy_news, &info, &a);
	struct xfrm_mark mark;
	uint32_t if_id;
	uint16_t type;
	size_t len;

	if (r != SPD_READ_OK)
		return r;
	if (info.sel.family != AF_INET6 || info.dir > XFRM_POLICY_OUT)
		return SPD_READ_OTHER;
	p.index = info.index;
	p.priority = info.priority;
	p.dir = info.dir == XFRM_POLICY_OUT ? SPD_OUT : SPD_IN;
	p.allow = info.action == XFRM_POLICY_ALLOW;
	p.sel = sel_of(&info.sel);
	while (r == SPD_READ_OK && (v = attr_next(&a, &type, &len)) != NULL) {
		if (type == XFRMA_TMPL)
			r = read_templates(&p, v, len);
		else if (type == XFRMA_MARK && len >= sizeof(mark)) {
			memcpy(&mark, v, sizeof(mark));
			p.sel.narrow = p.sel.narrow || mark.m != 0;
		} else if (type == XFRMA_IF_ID && len >= sizeof(if_id)) {
			/* our packets come from no xfrm interface */
			memcpy(&if_id, v, sizeof(if_id));
			if (if_id != 0)
				return SPD_READ_OTHER;
		} else if (type == XFRMA_POLICY_TYPE && len >= 1 &&
		    *v != XFRM_POLICY_TYPE_MAIN) {
			/* they come on top of the main ones */
			return SPD_READ_OTHER;
		}
	}
	if (r == SPD_READ_OK && a.bad)
		r = SPD_READ_BAD;
	if (r == SPD_READ_OK)
		*ret = p;
	return r;
}

/* A name of the kernel's, ended with NUL whatever was sent. */
static void
alg_name(char *dst, const char *name)
{
	snprintf(dst, SPD_ALG_MAX, "%.*s", SPD_ALG_MAX - 1, name);
}

static void
read_key(struct spd_sa *sa, const uint8_t *v, size_t len, size_t head,
    unsigned bits)
{
	if (bits % 8 == 0 && bits / 8 <= len - head && bits != 0) {
		sa->key = v + head;
		sa->key_len = bits / 8;
	}
}

static void
read_auth(struct spd_sa *sa, const uint8_t *v, size_t len)
{
	struct xfrm_algo_auth h;

	memcpy(&h, v, sizeof(h));
	alg_name(sa->auth, h.alg_name);
	sa->icv_bits = (uint16_t)MIN_OF(h.alg_trunc_len, UINT16_MAX);
	sa->integrity = strncmp(h.alg_name, "digest_null",
	    sizeof(h.alg_name)) != 0;
	read_key(sa, v, len, sizeof(h), h.alg_key_len);
}

static void
read_aead(struct spd_sa *sa, const uint8_t *v, size_t len)
{
	struct xfrm_algo_aead h;

	memcpy(&h, v, sizeof(h));
	alg_name(sa->crypt, h.alg_name);
	sa->icv_bits = (uint16_t)MIN_OF(h.alg_icv_len, UINT16_MAX);
	sa->integrity = true;
	read_key(sa, v, len, sizeof(h), h.alg_key_len);
}

static void
read_crypt(struct spd_sa *sa, const uint8_t *v)
{
	struct xfrm_algo h;

	memcpy(&h, v, sizeof(h));
	alg_name(sa->crypt, h.alg_name);
}

static void
read_replay(struct spd_sa *sa, uint16_t type, const uint8_t *v, size_t len)
{
	struct xfrm_replay_state_esn esn;
	struct xfrm_replay_state old;

	if (type == XFRMA_REPLAY_ESN_VAL && len >= sizeof(esn)) {
		memcpy(&esn, v, sizeof(esn));
		sa->seq_out = (uint64_t)esn.oseq_hi << 32 | esn.oseq;
		sa->seq_in = (uint64_t)esn.seq_hi << 32 | esn.seq;
		sa->window = esn.replay_window;
	} else if (type == XFRMA_REPLAY_VAL && len >= sizeof(old)) {
		memcpy(&old, v, sizeof(old));
		sa->seq_out = old.oseq;
		sa->seq_in = old.seq;
	}
}

static void
read_sa_attr(struct spd_sa *sa, uint16_t type, const uint8_t *v, size_t len)
{
	if (type == XFRMA_ALG_AUTH_TRUNC &&
	    len >= sizeof(struct xfrm_algo_auth))
		read_auth(sa, v, len);
	else if (type == XFRMA_ALG_AEAD && len >= sizeof(struct xfrm_algo_aead))
		read_aead(sa, v, len);
	else if (type == XFRMA_ALG_CRYPT && len >= sizeof(struct xfrm_algo))
		read_crypt(sa, v);
	else if (type == XFRMA_LASTUSED && len >= sizeof(sa->used_s))
		memcpy(&sa->used_s, v, sizeof(sa->used_s));
	else
		read_replay(sa, type, v, len);
}

enum spd_read
spd_read_sa(const struct nlmsghdr *nlh, struct spd_sa *ret)
{
	struct xfrm_usersa_info info;
	struct spd_sa sa = { 0 };
	struct attrs a;
	const uint8_t *v;
	enum spd_read r = read_info(nlh, &sa_news, &info, &a);
	uint16_t type;
	size_t len;

	if (r != SPD_READ_OK)
		return r;
	/* SPI 0: the kernel waits for an IKE daemon to make one */
	if (info.family != AF_INET6 || info.id.spi == 0)
		return SPD_READ_OTHER;
	sa.src = info.saddr.in6;
	sa.dst = info.id.daddr.in6;
	sa.sel = sel_of(&info.sel);
	sa.spi = ntohl(info.id.spi);
	sa.reqid = info.reqid;
	sa.proto = info.id.proto;
	sa.mode = info.mode;
	sa.esn = info.flags & XFRM_STATE_ESN;
	sa.window = info.replay_window;
	sa.packets = info.curlft.packets;
	sa.octets = info.curlft.bytes;
	sa.added_s = info.curlft.add_time;
	sa.used_s = info.curlft.use_time;
	/* seen before; too old for the window */
	sa.replays = info.stats.replay + info.stats.replay_window;
	sa.forged = info.stats.integrity_failed;
	while ((v = attr_next(&a, &type, &len)) != NULL)
		read_sa_attr(&sa, type, v, len);
	if (a.bad)
		return SPD_READ_BAD;
	/* an SPI that an IKE daemon has reserved, and no SA yet */
	if (nlh->nlmsg_type != XFRM_MSG_EXPIRE && sa.auth[0] == '\0' &&
	    sa.crypt[0] == '\0')
		return SPD_READ_OTHER;
	*ret = sa;
	return SPD_READ_OK;
}

enum spd_read
spd_read_event(const struct nlmsghdr *nlh, struct spd_sa *ret)
{
	struct xfrm_aevent_id id;
	struct spd_sa sa = { 0 };
	struct attrs a;
	const uint8_t *v;
	uint16_t type;
	size_t len;

	if (nlh->nlmsg_type != XFRM_MSG_NEWAE)
		return SPD_READ_OTHER;
	if (!fixed(nlh, &id, sizeof(id), &a))
		return SPD_READ_SHORT;
	if (id.sa_id.family != AF_INET6)
		return SPD_READ_OTHER;
	sa.src = id.saddr.in6;
	sa.dst = id.sa_id.daddr.in6;
	sa.spi = ntohl(id.sa_id.spi);
	sa.proto = id.sa_id.proto;
	sa.reqid = id.reqid;
	while ((v = attr_next(&a, &type, &len)) != NULL)
		read_replay(&sa, type, v, len);
	if (a.bad)
		return SPD_READ_BAD;
	*ret = sa;
	return SPD_READ_OK;
}

bool
spd_is_hard(const struct nlmsghdr *nlh)
{
	struct xfrm_user_polexpire pol;
	struct xfrm_user_expire sa;
	struct attrs a;

	if (nlh->nlmsg_type == XFRM_MSG_POLEXPIRE)
		return fixed(nlh, &pol, sizeof(pol), &a) && pol.hard;
	return nlh->nlmsg_type == XFRM_MSG_EXPIRE &&
	    fixed(nlh, &sa, sizeof(sa), &a) && sa.hard;
}

/* --- judging ----------------------------------------------------------- */

static bool
covers(const struct in6_addr *net, unsigned len, const struct in6_addr *a)
{
	struct prefix outer, inner;

	if (len == 128)
		return in6_eq(net, a);	/* most of them: be quick */
	prefix_from_in6(&outer, net, len);
	prefix_from_in6(&inner, a, 128);
	return prefix_covers(&outer, &inner);
}

bool
spd_sel_touches(const struct spd_sel *s, const struct spd_flow *f)
{
	return (s->proto == 0 || s->proto == MH_PROTO) &&
	    covers(&s->src, s->src_len, &f->src) &&
	    covers(&s->dst, s->dst_len, &f->dst);
}

/* What a policy does to the packets it matches. */
static enum spd_verdict
effect(const struct spd_policy *p)
{
	enum spd_verdict v = SPD_BYPASS;

	if (!p->allow)
		return SPD_BLOCKED;
	/* one good template is enough, the others come on top */
	for (unsigned i = 0; i < p->ntmpl; i++) {
		const struct spd_tmpl *t = &p->tmpl[i];

		if (t->proto != IPPROTO_ESP)
			v = SPD_NOT_ESP;
		else if (t->mode != XFRM_MODE_TRANSPORT)
			v = SPD_TUNNEL;
		else if (t->optional)
			v = SPD_OPTIONAL;
		else
			return SPD_PROTECTED;
	}
	return v;
}

static bool
applies(const struct spd_policy *p, const struct spd_flow *f)
{
	return p->dir == f->dir && spd_sel_touches(&p->sel, f);
}

/* Of all that protect all of the flow, the one that decides. */
static const struct spd_policy *
protector(const struct spd_policy *const *p, size_t np,
    const struct spd_flow *f)
{
	const struct spd_policy *best = NULL;

	for (size_t i = 0; i < np; i++) {
		if (applies(p[i], f) && !p[i]->sel.narrow &&
		    effect(p[i]) == SPD_PROTECTED &&
		    (best == NULL || p[i]->priority < best->priority))
			best = p[i];
	}
	return best;
}

/* What stands before `than` and does not protect; without `than`, the first. */
static const struct spd_policy *
spoiler(const struct spd_policy *const *p, size_t np, const struct spd_flow *f,
    const struct spd_policy *than)
{
	const struct spd_policy *first = NULL;

	for (size_t i = 0; i < np; i++) {
		if (!applies(p[i], f) ||
		    (effect(p[i]) == SPD_PROTECTED && than != NULL) ||
		    (than != NULL && p[i]->priority > than->priority))
			continue;
		if (first == NULL || p[i]->priority < first->priority)
			first = p[i];
	}
	return first;
}

/* Does the SA satisfy a required ESP template of the policy? */
static bool
satisfies(const struct spd_sa *sa, const struct spd_policy *p)
{
	for (unsigned i = 0; i < p->ntmpl; i++) {
		const struct spd_tmpl *t = &p->tmpl[i];

		if (t->proto == sa->proto && t->mode == sa->mode &&
		    sa->proto == IPPROTO_ESP && !t->optional &&
		    (t->reqid == 0 || t->reqid == sa->reqid) &&
		    (t->spi == 0 || t->spi == sa->spi))
			return true;
	}
	return false;
}

bool
spd_sa_is_of(const struct spd_sa *sa, const struct spd_flow *f)
{
	return sa->proto == IPPROTO_ESP && in6_eq(&sa->src, &f->src) &&
	    in6_eq(&sa->dst, &f->dst);
}

/* SAs by which the policy would be satisfied and should not. */
static void
judge_sas(const struct spd_policy *by, const struct spd_sa *const *sa,
    size_t nsa, const struct spd_flow *f, struct spd_result *r)
{
	for (size_t i = 0; i < nsa; i++) {
		if (!satisfies(sa[i], by) || !in6_eq(&sa[i]->dst, &f->dst) ||
		    !spd_sel_touches(&sa[i]->sel, f))
			continue;
		if (f->dir == SPD_IN && !spd_sa_is_of(sa[i], f))
			r->verdict = SPD_LOOSE;
		else if (spd_sa_is_of(sa[i], f) && !sa[i]->integrity)
			r->verdict = SPD_NO_INTEGRITY;
		else
			continue;
		r->spi = sa[i]->spi;
		return;
	}
}

struct spd_result
spd_judge(const struct spd_policy *const *p, size_t np,
    const struct spd_sa *const *sa, size_t nsa, const struct spd_flow *f)
{
	const struct spd_policy *good = protector(p, np, f);
	const struct spd_policy *bad = spoiler(p, np, f, good);
	const struct spd_policy *by = bad != NULL ? bad : good;
	struct spd_result r = { .verdict = SPD_NO_POLICY };

	if (by == NULL)
		return r;
	r.verdict = effect(by);
	if (bad != NULL && r.verdict == SPD_PROTECTED)
		r.verdict = SPD_PARTIAL;
	r.index = by->index;
	r.priority = by->priority;
	if (r.verdict == SPD_PROTECTED)
		judge_sas(by, sa, nsa, f, &r);
	return r;
}

/* --- words ------------------------------------------------------------- */

struct words {
	const char *name, *what, *hint;
};

static const struct words verdict_words[SPD_VERDICT_MAX] = {
#define X(id, name, what, hint) { name, what, hint },
	SPD_VERDICTS(X)
#undef X
};

const char *
spd_verdict_name(enum spd_verdict v)
{
	return verdict_words[v].name;
}

char *
spd_words(const struct spd_result *r, const struct spd_flow *f,
    const char *no_policy, char *buf, size_t cap)
{
	const struct words *w = &verdict_words[r->verdict];
	char src[ADDR_STRLEN], dst[ADDR_STRLEN], flow[128], by[64] = "";

	snprintf(flow, sizeof(flow), "%s %s -> %s proto %d",
	    f->dir == SPD_OUT ? "out" : "in", in6_str(&f->src, src),
	    in6_str(&f->dst, dst), MH_PROTO);
	if (r->verdict == SPD_PROTECTED) {
		buf[0] = '\0';
		return buf;
	}
	if (r->verdict == SPD_NO_POLICY) {
		snprintf(buf, cap, "%s %s: %s", w->what, flow,
		    no_policy != NULL ? no_policy : w->hint);
		return buf;
	}
	if (r->spi != 0)
		snprintf(by, sizeof(by), "with SPI 0x%08" PRIx32, r->spi);
	else
		snprintf(by, sizeof(by), "of priority %" PRIu32 " (index %"
		    PRIu32 ")", r->priority, r->index);
	snprintf(buf, cap, "%s is %s %s: %s", flow, w->what, by, w->hint);
	return buf;
}

char *
spd_sa_suite(const struct spd_sa *sa, char *buf, size_t cap)
{
	static const struct {
		const char *auth, *crypt;
		enum esp_suite suite;
	} known[] = {
		{ "hmac(sha256)", "ecb(cipher_null)", ESP_NULL_SHA256 },
		{ "", "rfc7539esp(chacha20,poly1305)", ESP_CHACHA20_POLY1305 },
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (strcmp(sa->auth, known[i].auth) == 0 &&
		    strcmp(sa->crypt, known[i].crypt) == 0) {
			snprintf(buf, cap, "%s", esp_suite_names[
			    known[i].suite]);
			return buf;
		}
	}
	snprintf(buf, cap, "%s%s%s-%u", sa->crypt, sa->auth[0] != '\0' ?
	    "-" : "", sa->auth, sa->icv_bits);
	return buf;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel's IPsec policies mean for the signalling of two addresses,
 * and the reading of its messages.
 */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "core/util.h"
#include "esp/xfrm_spd.h"
#include "suite.h"
#include "unit/xfrm_msg.h"

#define HA "2001:db8:a::1"
#define PMA "2001:db8:b1::1"
#define OTHER "2001:db8:b2::1"
#define MH 135
#define NET "2001:db8::/32"
#define ANY "::/0"

enum tmpl {
	T_END, T_ESP, T_OPTIONAL, T_TUNNEL, T_AH, T_COMP, T_REQID7
};

/* One policy as the kernel tells it, in short. */
struct row {
	const char *src, *dst;
	uint8_t proto;
	uint8_t dir;
	uint32_t priority;
	uint8_t action;
	enum tmpl tmpl[3];
	uint16_t sport_mask, dport_mask;
	int ifindex;
	uint32_t mark;
	uint16_t family;	/* 0: IPv6 */
};

struct judged {
	const char *what;
	struct row row[4];
	enum spd_verdict verdict;
	uint32_t by;		/* priority of the policy that decides */
};

#define P0(s, d, pr, di, prio, act) { .src = s, .dst = d, .proto = pr, \
	.dir = di, .priority = prio, .action = act }
#define P(s, d, pr, di, prio, act, ...) { .src = s, .dst = d, .proto = pr, \
	.dir = di, .priority = prio, .action = act, __VA_ARGS__ }
#define TMPL(...) .tmpl = { __VA_ARGS__ }
#define IN XFRM_POLICY_IN
#define OUT XFRM_POLICY_OUT
#define GOOD P(PMA, HA, MH, OUT, 100, 0, TMPL(T_ESP))

static const struct judged cases[] = {
	{ "nothing at all", { { 0 } }, SPD_NO_POLICY, 0 },
	{ "as it should be", { GOOD }, SPD_PROTECTED, 100 },
	{ "every protocol", { P(PMA, HA, 0, OUT, 9, 0, TMPL(T_ESP)) },
	    SPD_PROTECTED, 9 },
	{ "prefixes that cover", { P(NET, ANY, 0, OUT, 9, 0, TMPL(T_ESP)) },
	    SPD_PROTECTED, 9 },
	{ "another direction only", { P(PMA, HA, MH, IN, 1, 0, TMPL(T_ESP)) },
	    SPD_NO_POLICY, 0 },
	{ "addresses the wrong way round",
	    { P(HA, PMA, MH, OUT, 1, 0, TMPL(T_ESP)) }, SPD_NO_POLICY, 0 },
	{ "another peer", { P(PMA, OTHER, MH, OUT, 1, 0, TMPL(T_ESP)) },
	    SPD_NO_POLICY, 0 },
	{ "another protocol", { P(PMA, HA, 17, OUT, 1, 0, TMPL(T_ESP)) },
	    SPD_NO_POLICY, 0 },
	{ "a prefix beside it",
	    { P("2001:db8:b2::/48", HA, MH, OUT, 1, 0, TMPL(T_ESP)) },
	    SPD_NO_POLICY, 0 },
	{ "no template", { P0(PMA, HA, MH, OUT, 5, 0) },
	    SPD_BYPASS, 5 },
	{ "blocked", { P0(PMA, HA, MH, OUT, 5, 1) },
	    SPD_BLOCKED, 5 },
	{ "blocked, with a template", { P(PMA, HA, MH, OUT, 5, 1,
	    TMPL(T_ESP)) }, SPD_BLOCKED, 5 },
	{ "level use", { P(PMA, HA, MH, OUT, 5, 0, TMPL(T_OPTIONAL)) },
	    SPD_OPTIONAL, 5 },
	{ "tunnel mode", { P(PMA, HA, MH, OUT, 5, 0, TMPL(T_TUNNEL)) },
	    SPD_TUNNEL, 5 },
	{ "AH", { P(PMA, HA, MH, OUT, 5, 0, TMPL(T_AH)) }, SPD_NOT_ESP, 5 },
	{ "compression besides ESP",
	    { P(PMA, HA, MH, OUT, 5, 0, TMPL(T_COMP, T_ESP)) },
	    SPD_PROTECTED, 5 },
	{ "a bypass before it", { GOOD, P0(PMA, HA, MH, OUT, 99, 0) },
	    SPD_BYPASS, 99 },
	{ "a bypass before it, listed first",
	    { P0(PMA, HA, MH, OUT, 99, 0), GOOD }, SPD_BYPASS, 99 },
	{ "a bypass for everything before it",
	    { GOOD, P0(ANY, ANY, 0, OUT, 1, 0) }, SPD_BYPASS, 1 },
	{ "a bypass behind it", { GOOD, P0(ANY, ANY, 0, OUT, 101, 0) },
	    SPD_PROTECTED, 100 },
	{ "a bypass beside it: the kernel's choice is not ours to guess",
	    { GOOD, P0(ANY, ANY, 0, OUT, 100, 0) }, SPD_BYPASS, 100 },
	{ "a bypass before it of another direction",
	    { GOOD, P0(ANY, ANY, 0, IN, 1, 0) }, SPD_PROTECTED, 100 },
	{ "a bypass before it for another protocol",
	    { GOOD, P0(ANY, ANY, 58, OUT, 1, 0) }, SPD_PROTECTED, 100 },
	{ "a bypass before it for one MH type",
	    { GOOD, P(PMA, HA, MH, OUT, 1, 0, .sport_mask = 0xffff) },
	    SPD_BYPASS, 1 },
	{ "a bypass before it for marked packets",
	    { GOOD, P(PMA, HA, MH, OUT, 1, 0, .mark = 1) }, SPD_BYPASS, 1 },
	{ "an IPv4 bypass before it",
	    { GOOD, P("::", "::", 0, OUT, 1, 0, .family = AF_INET) },
	    SPD_PROTECTED, 100 },
	{ "two that protect", { GOOD, P(NET, NET, 0, OUT, 2, 0, TMPL(T_ESP)) },
	    SPD_PROTECTED, 2 },
	{ "level use before it", { GOOD,
	    P(NET, NET, 0, OUT, 2, 0, TMPL(T_OPTIONAL)) }, SPD_OPTIONAL, 2 },
	{ "a tunnel before it", { GOOD,
	    P(NET, NET, 0, OUT, 2, 0, TMPL(T_TUNNEL)) }, SPD_TUNNEL, 2 },
	{ "the first of two bypasses",
	    { P0(ANY, ANY, 0, OUT, 7, 0), P0(PMA, HA, MH, OUT, 3, 1) },
	    SPD_BLOCKED, 3 },
	{ "one MH type only (source port)", { P(PMA, HA, MH, OUT, 5, 0,
	    TMPL(T_ESP), .sport_mask = 0xffff) }, SPD_PARTIAL, 5 },
	{ "one MH type only (destination port)", { P(PMA, HA, MH, OUT, 5, 0,
	    TMPL(T_ESP), .dport_mask = 0xffff) }, SPD_PARTIAL, 5 },
	{ "one interface only", { P(PMA, HA, MH, OUT, 5, 0,
	    TMPL(T_ESP), .ifindex = 3) }, SPD_PARTIAL, 5 },
	{ "marked packets only", { P(PMA, HA, MH, OUT, 5, 0,
	    TMPL(T_ESP), .mark = 1) }, SPD_PARTIAL, 5 },
	{ "one MH type first, all of them behind", { GOOD,
	    P(PMA, HA, MH, OUT, 5, 0, TMPL(T_ESP), .sport_mask = 0xffff) },
	    SPD_PROTECTED, 100 },
	{ "a socket's own policy", { GOOD,
	    P0(PMA, HA, MH, XFRM_POLICY_MAX + 1, 0, 0) }, SPD_PROTECTED, 100 },
	{ "forwarding", { P(PMA, HA, MH, XFRM_POLICY_FWD, 1, 0, TMPL(T_ESP)) },
	    SPD_NO_POLICY, 0 },
};

static struct xfrm_user_tmpl
tmpl_of(enum tmpl t)
{
	struct xfrm_user_tmpl x = { .family = AF_INET6,
		.id.proto = IPPROTO_ESP, .reqid = 1,
		.mode = XFRM_MODE_TRANSPORT };

	if (t == T_AH)
		x.id.proto = IPPROTO_AH;
	else if (t == T_COMP)
		x.id.proto = IPPROTO_COMP;
	else if (t == T_TUNNEL)
		x.mode = XFRM_MODE_TUNNEL;
	else if (t == T_OPTIONAL)
		x.optional = 1;
	else if (t == T_REQID7)
		x.reqid = 7;
	return x;
}

static void
policy_msg(struct xfrm_msg *m, const struct row *r, uint32_t index)
{
	struct xfrm_userpolicy_info p = { .sel = xfrm_selector_of(r->src,
		r->dst, r->proto), .priority = r->priority, .index = index,
		.dir = r->dir, .action = r->action };
	struct xfrm_user_tmpl t[3];
	struct xfrm_mark mark = { r->mark, r->mark };
	unsigned n = 0;

	p.sel.sport_mask = r->sport_mask;
	p.sel.dport_mask = r->dport_mask;
	p.sel.ifindex = r->ifindex;
	if (r->family != 0)
		p.sel.family = r->family;
	while (n < ARRAY_LEN(t) && r->tmpl[n] != T_END) {
		t[n] = tmpl_of(r->tmpl[n]);
		n++;
	}
	xfrm_msg_begin(m, XFRM_MSG_NEWPOLICY, &p, sizeof(p));
	if (n > 0)
		xfrm_msg_attr(m, XFRMA_TMPL, t, n * sizeof(t[0]));
	if (r->mark != 0)
		xfrm_msg_attr(m, XFRMA_MARK, &mark, sizeof(mark));
}

static struct spd_policy
policy_of(const struct row *r, uint32_t index)
{
	struct xfrm_msg m;
	struct spd_policy p;

	policy_msg(&m, r, index);
	ck_assert_int_eq(spd_read_policy(xfrm_msg_hdr(&m), &p), SPD_READ_OK);
	return p;
}

static struct spd_flow
flow(enum spd_dir dir, const char *src, const char *dst)
{
	return (struct spd_flow){ dir, in6(src), in6(dst) };
}

static struct spd_result
judge(const struct spd_policy *p, size_t np, const struct spd_sa *sa,
    size_t nsa, const struct spd_flow *f)
{
	const struct spd_policy *pp[4];
	const struct spd_sa *ps[4];

	ck_assert(np <= ARRAY_LEN(pp) && nsa <= ARRAY_LEN(ps));
	for (size_t i = 0; i < np; i++)
		pp[i] = &p[i];
	for (size_t i = 0; i < nsa; i++)
		ps[i] = &sa[i];
	return spd_judge(pp, np, ps, nsa, f);
}

/* D4-1, D4-3, D4.2-1, D4.2-3, D10-1, D10-2: what protects and what does not. */
START_TEST(test_judge_table)
{
	const struct judged *c = &cases[_i];
	const struct spd_flow f = flow(SPD_OUT, PMA, HA);
	struct spd_policy p[4];
	struct spd_result r;
	char words[SPD_WORDS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < 4 && c->row[i].src != NULL; i++) {
		struct xfrm_msg m;

		policy_msg(&m, &c->row[i], (uint32_t)i + 1);
		n += spd_read_policy(xfrm_msg_hdr(&m), &p[n]) == SPD_READ_OK;
	}
	r = judge(p, n, NULL, 0, &f);
	ck_assert_msg(r.verdict == c->verdict, "%s: %s, not %s", c->what,
	    spd_verdict_name(r.verdict), spd_verdict_name(c->verdict));
	ck_assert_msg(r.priority == c->by, "%s: by the one of %u", c->what,
	    r.priority);
	spd_words(&r, &f, NULL, words, sizeof(words));
	ck_assert_msg((words[0] == '\0') == (r.verdict == SPD_PROTECTED),
	    "%s: \"%s\"", c->what, words);
	ck_assert_msg(strlen(words) < sizeof(words) - 1, "cut: %s", words);
}
END_TEST

/* D4.2-2: the mirror, at the home agent. */
START_TEST(test_judge_in)
{
	const struct row rows[] = {
		P(HA, PMA, MH, OUT, 100, 0, TMPL(T_ESP)),
		P(PMA, HA, MH, IN, 100, 0, TMPL(T_ESP)),
	};
	const struct spd_flow out = flow(SPD_OUT, HA, PMA),
	    in = flow(SPD_IN, PMA, HA);
	struct spd_policy p[2] = { policy_of(&rows[0], 1),
		policy_of(&rows[1], 2) };

	ck_assert_int_eq(judge(p, 2, NULL, 0, &out).verdict,
	    SPD_PROTECTED);
	ck_assert_int_eq(judge(p, 2, NULL, 0, &in).verdict, SPD_PROTECTED);
	/* one of them alone is not enough for the other */
	ck_assert_int_eq(judge(p, 1, NULL, 0, &in).verdict,
	    SPD_NO_POLICY);
	ck_assert_int_eq(judge(p + 1, 1, NULL, 0, &out).verdict,
	    SPD_NO_POLICY);
}
END_TEST

/* What the operator reads. */
START_TEST(test_words)
{
	const struct spd_flow out = flow(SPD_OUT, PMA, HA),
	    in = flow(SPD_IN, HA, PMA);
	struct spd_result r = { .verdict = SPD_NO_POLICY };
	char buf[SPD_WORDS_MAX];

	ck_assert_str_eq(spd_words(&r, &out, NULL, buf, sizeof(buf)),
	    "no policy out " PMA " -> " HA " proto 135: load your IKE daemon's "
	    "trap policy, e.g. swanctl --load-all, or configure static keys "
	    "(sas)");
	ck_assert_str_eq(spd_words(&r, &out, "do that", buf, sizeof(buf)),
	    "no policy out " PMA " -> " HA " proto 135: do that");
	r = (struct spd_result){ .verdict = SPD_BYPASS, .index = 17,
		.priority = 3 };
	ck_assert_str_eq(spd_words(&r, &in, NULL, buf, sizeof(buf)),
	    "in " HA " -> " PMA " proto 135 is let through in the clear by the "
	    "policy of priority 3 (index 17): remove that policy, or give the "
	    "one that protects a lower priority value");
	r = (struct spd_result){ .verdict = SPD_LOOSE, .spi = 0xc0ffee };
	ck_assert_ptr_nonnull(strstr(spd_words(&r, &in, NULL, buf,
	    sizeof(buf)), "because of the SA with SPI 0x00c0ffee: give"));
	r.verdict = SPD_PROTECTED;
	ck_assert_str_eq(spd_words(&r, &in, NULL, buf, sizeof(buf)), "");
}
END_TEST

/* --- security associations --------------------------------------------- */

static struct xfrm_usersa_info
sa_info(const char *src, const char *dst, uint32_t spi)
{
	struct xfrm_usersa_info s = { .saddr.in6 = in6(src),
		.id = { .daddr.in6 = in6(dst), .spi = htonl(spi),
		    .proto = IPPROTO_ESP }, .family = AF_INET6, .reqid = 1,
		.mode = XFRM_MODE_TRANSPORT };

	s.sel = xfrm_selector_of(src, dst, MH);
	return s;
}

static void
sa_algs(struct xfrm_msg *m, const char *auth, const char *crypt)
{
	union {
		struct xfrm_algo_auth h;
		uint8_t all[sizeof(struct xfrm_algo_auth) + 32];
	} a = { .h = { .alg_key_len = 256, .alg_trunc_len = 128 } };
	struct xfrm_algo c = { .alg_key_len = 0 };

	snprintf(a.h.alg_name, sizeof(a.h.alg_name), "%s", auth);
	snprintf(c.alg_name, sizeof(c.alg_name), "%s", crypt);
	if (auth[0] != '\0')
		xfrm_msg_attr(m, XFRMA_ALG_AUTH_TRUNC, &a, sizeof(a));
	if (crypt[0] != '\0')
		xfrm_msg_attr(m, XFRMA_ALG_CRYPT, &c, sizeof(c));
}

static struct spd_sa
sa_of(const struct xfrm_usersa_info *info, const char *auth, const char *crypt)
{
	struct xfrm_msg m;
	struct spd_sa sa;

	xfrm_msg_begin(&m, XFRM_MSG_NEWSA, info, sizeof(*info));
	sa_algs(&m, auth, crypt);
	ck_assert_int_eq(spd_read_sa(xfrm_msg_hdr(&m), &sa), SPD_READ_OK);
	return sa;
}

/* D4.1-2: a peer's SA must not do for the address of another. */
START_TEST(test_judge_loose)
{
	const struct row row = P(PMA, HA, MH, IN, 5, 0, TMPL(T_ESP));
	const struct row seven = P(PMA, HA, MH, IN, 5, 0, TMPL(T_REQID7));
	const struct spd_flow f = flow(SPD_IN, PMA, HA);
	struct spd_policy p = policy_of(&row, 1), q = policy_of(&seven, 1);
	struct xfrm_usersa_info info = sa_info(OTHER, HA, 0x1001);
	struct spd_sa sa = sa_of(&info, "hmac(sha256)", "ecb(cipher_null)");
	struct spd_result r;

	/* its selector is its own */
	ck_assert_int_eq(judge(&p, 1, &sa, 1, &f).verdict, SPD_PROTECTED);
	/* none: by the reqid alone it is good for everybody */
	info.sel = (struct xfrm_selector){ .family = AF_INET6 };
	sa = sa_of(&info, "hmac(sha256)", "ecb(cipher_null)");
	r = judge(&p, 1, &sa, 1, &f);
	ck_assert_int_eq(r.verdict, SPD_LOOSE);
	ck_assert_uint_eq(r.spi, 0x1001);
	/* unless the template wants another reqid */
	ck_assert_int_eq(judge(&q, 1, &sa, 1, &f).verdict, SPD_PROTECTED);
	/* the peer's own may be as wide as it likes */
	info.saddr.in6 = in6(PMA);
	sa = sa_of(&info, "hmac(sha256)", "ecb(cipher_null)");
	ck_assert_int_eq(judge(&p, 1, &sa, 1, &f).verdict, SPD_PROTECTED);
}
END_TEST

/* D10-4: no SA without integrity. */
START_TEST(test_judge_no_integrity)
{
	const struct row row = P(PMA, HA, MH, OUT, 5, 0, TMPL(T_ESP));
	const struct spd_flow f = flow(SPD_OUT, PMA, HA);
	const struct xfrm_usersa_info info = sa_info(PMA, HA, 7);
	struct spd_policy p = policy_of(&row, 1);
	struct spd_sa sa = sa_of(&info, "", "cbc(aes)");

	ck_assert_int_eq(judge(&p, 1, &sa, 1, &f).verdict,
	    SPD_NO_INTEGRITY);
	sa = sa_of(&info, "digest_null", "cbc(aes)");
	ck_assert_int_eq(judge(&p, 1, &sa, 1, &f).verdict,
	    SPD_NO_INTEGRITY);
	/* D4-4: without encryption is fine */
	sa = sa_of(&info, "hmac(sha256)", "ecb(cipher_null)");
	ck_assert_int_eq(judge(&p, 1, &sa, 1, &f).verdict, SPD_PROTECTED);
}
END_TEST

/* --- reading ----------------------------------------------------------- */

START_TEST(test_read_sa)
{
	struct xfrm_usersa_info info = sa_info(PMA, HA, 0xc0ffee01);
	union {
		struct xfrm_replay_state_esn h;
		uint8_t all[sizeof(struct xfrm_replay_state_esn) + 8];
	} esn = { .h = { .bmp_len = 2, .oseq = 5, .oseq_hi = 1, .seq = 9,
		.seq_hi = 2, .replay_window = 64 } };
	union {
		struct xfrm_algo_aead h;
		uint8_t all[sizeof(struct xfrm_algo_aead) + 36];
	} aead = { .h = { .alg_name = "rfc7539esp(chacha20,poly1305)",
		.alg_key_len = 288, .alg_icv_len = 128 } };
	struct xfrm_msg m;
	struct spd_sa sa;
	struct in6_addr ha = in6(HA);
	char buf[80];

	aead.all[sizeof(aead.h)] = 0xaa;
	info.flags = XFRM_STATE_ESN;
	info.stats = (struct xfrm_stats){ .replay_window = 2, .replay = 1,
		.integrity_failed = 4 };
	info.curlft = (struct xfrm_lifetime_cur){ .packets = 10,
		.use_time = 1234 };
	xfrm_msg_begin(&m, XFRM_MSG_NEWSA, &info, sizeof(info));
	xfrm_msg_attr(&m, XFRMA_ALG_AEAD, &aead, sizeof(aead));
	xfrm_msg_attr(&m, XFRMA_REPLAY_ESN_VAL, &esn, sizeof(esn));
	ck_assert_int_eq(spd_read_sa(xfrm_msg_hdr(&m), &sa), SPD_READ_OK);
	ck_assert_uint_eq(sa.spi, 0xc0ffee01);
	ck_assert(in6_eq(&sa.dst, &ha) && sa.esn && sa.integrity);
	ck_assert_uint_eq(sa.seq_out, 1ULL << 32 | 5);
	ck_assert_uint_eq(sa.seq_in, 2ULL << 32 | 9);
	ck_assert_uint_eq(sa.window, 64);
	ck_assert_uint_eq(sa.replays, 3);
	ck_assert_uint_eq(sa.forged, 4);
	ck_assert_uint_eq(sa.used_s, 1234);
	ck_assert_uint_eq(sa.key_len, 36);
	ck_assert_uint_eq(sa.key[0], 0xaa);
	ck_assert_str_eq(spd_sa_suite(&sa, buf, sizeof(buf)),
	    "chacha20-poly1305");
	/* a key length that is not there */
	aead.h.alg_key_len = 1 << 20;
	xfrm_msg_begin(&m, XFRM_MSG_NEWSA, &info, sizeof(info));
	xfrm_msg_attr(&m, XFRMA_ALG_AEAD, &aead, sizeof(aead));
	ck_assert_int_eq(spd_read_sa(xfrm_msg_hdr(&m), &sa), SPD_READ_OK);
	ck_assert_ptr_null(sa.key);
}
END_TEST

START_TEST(test_suite_names)
{
	const struct xfrm_usersa_info info = sa_info(PMA, HA, 1);
	struct spd_sa sa = sa_of(&info, "hmac(sha256)", "ecb(cipher_null)");
	char buf[80];

	ck_assert_str_eq(spd_sa_suite(&sa, buf, sizeof(buf)),
	    "null-hmac-sha256-128");
	sa = sa_of(&info, "hmac(sha512)", "cbc(aes)");
	ck_assert_str_eq(spd_sa_suite(&sa, buf, sizeof(buf)),
	    "cbc(aes)-hmac(sha512)-128");
}
END_TEST

/* An SPI that was only reserved, and one that waits for an IKE daemon. */
START_TEST(test_read_sa_to_come)
{
	struct xfrm_usersa_info info = sa_info(PMA, HA, 0x1234);
	struct xfrm_msg m;
	struct spd_sa sa;

	xfrm_msg_begin(&m, XFRM_MSG_NEWSA, &info, sizeof(info));
	ck_assert_int_eq(spd_read_sa(xfrm_msg_hdr(&m), &sa), SPD_READ_OTHER);
	info.id.spi = 0;
	xfrm_msg_begin(&m, XFRM_MSG_NEWSA, &info, sizeof(info));
	sa_algs(&m, "hmac(sha256)", "cbc(aes)");
	ck_assert_int_eq(spd_read_sa(xfrm_msg_hdr(&m), &sa), SPD_READ_OTHER);
	info.id.spi = 1;
	info.family = AF_INET;
	xfrm_msg_begin(&m, XFRM_MSG_NEWSA, &info, sizeof(info));
	sa_algs(&m, "hmac(sha256)", "cbc(aes)");
	ck_assert_int_eq(spd_read_sa(xfrm_msg_hdr(&m), &sa), SPD_READ_OTHER);
}
END_TEST

/* Of the same thing in other words: that it is gone. */
START_TEST(test_read_gone)
{
	const struct row row = GOOD;
	struct xfrm_usersa_info info = sa_info(PMA, HA, 5);
	struct xfrm_usersa_id id = { .family = AF_INET6 };
	struct xfrm_user_expire soft = { .state = info };
	struct xfrm_userpolicy_id pid = { .dir = OUT };
	struct xfrm_userpolicy_info pinfo;
	struct xfrm_user_polexpire hard = { .hard = 1 };
	struct xfrm_msg m, policy;
	struct spd_policy p;
	struct spd_sa sa;

	xfrm_msg_begin(&m, XFRM_MSG_DELSA, &id, sizeof(id));
	ck_assert_int_eq(spd_read_sa(xfrm_msg_hdr(&m), &sa), SPD_READ_SHORT);
	xfrm_msg_attr(&m, XFRMA_SA, &info, sizeof(info));
	sa_algs(&m, "hmac(sha256)", "cbc(aes)");
	ck_assert_int_eq(spd_read_sa(xfrm_msg_hdr(&m), &sa), SPD_READ_OK);
	ck_assert_uint_eq(sa.spi, 5);
	xfrm_msg_begin(&m, XFRM_MSG_EXPIRE, &soft, sizeof(soft));
	ck_assert_int_eq(spd_read_sa(xfrm_msg_hdr(&m), &sa), SPD_READ_OK);
	ck_assert(!spd_is_hard(xfrm_msg_hdr(&m)));

	policy_msg(&policy, &row, 77);
	memcpy(&pinfo, NLMSG_DATA(xfrm_msg_hdr(&policy)), sizeof(pinfo));
	xfrm_msg_begin(&m, XFRM_MSG_DELPOLICY, &pid, sizeof(pid));
	ck_assert_int_eq(spd_read_policy(xfrm_msg_hdr(&m), &p),
	    SPD_READ_SHORT);
	xfrm_msg_attr(&m, XFRMA_POLICY, &pinfo, sizeof(pinfo));
	ck_assert_int_eq(spd_read_policy(xfrm_msg_hdr(&m), &p), SPD_READ_OK);
	ck_assert_uint_eq(p.index, 77);
	hard.pol = pinfo;
	xfrm_msg_begin(&m, XFRM_MSG_POLEXPIRE, &hard, sizeof(hard));
	ck_assert_int_eq(spd_read_policy(xfrm_msg_hdr(&m), &p), SPD_READ_OK);
	ck_assert(spd_is_hard(xfrm_msg_hdr(&m)));
}
END_TEST

START_TEST(test_read_event)
{
	struct xfrm_aevent_id id = { .sa_id = { .daddr.in6 = in6(HA),
		.spi = htonl(9), .family = AF_INET6, .proto = IPPROTO_ESP },
		.saddr.in6 = in6(PMA) };
	struct xfrm_replay_state s = { .oseq = 4096 };
	struct xfrm_msg m;
	struct spd_sa sa;

	xfrm_msg_begin(&m, XFRM_MSG_NEWAE, &id, sizeof(id));
	xfrm_msg_attr(&m, XFRMA_REPLAY_VAL, &s, sizeof(s));
	ck_assert_int_eq(spd_read_event(xfrm_msg_hdr(&m), &sa), SPD_READ_OK);
	ck_assert_uint_eq(sa.spi, 9);
	ck_assert_uint_eq(sa.seq_out, 4096);
	ck_assert_int_eq(spd_read_sa(xfrm_msg_hdr(&m), &sa), SPD_READ_OTHER);
}
END_TEST

/* Every way of cutting a message short. */
START_TEST(test_read_cut)
{
	const struct row row = GOOD;
	struct xfrm_usersa_info info = sa_info(PMA, HA, 5);
	struct xfrm_msg m;
	struct spd_policy p;
	struct spd_sa sa;
	uint32_t whole;

	policy_msg(&m, &row, 1);
	whole = xfrm_msg_hdr(&m)->nlmsg_len;
	for (uint32_t n = NLMSG_HDRLEN; n < whole; n++) {
		bool head = n == NLMSG_LENGTH(sizeof(
		    struct xfrm_userpolicy_info));

		xfrm_msg_hdr(&m)->nlmsg_len = n;
		if (!head && n > NLMSG_LENGTH(sizeof(
		    struct xfrm_userpolicy_info)) + sizeof(struct nlattr))
			ck_assert_int_eq(spd_read_policy(xfrm_msg_hdr(&m),
			    &p), SPD_READ_BAD);
		else
			(void)spd_read_policy(xfrm_msg_hdr(&m), &p);
	}
	xfrm_msg_begin(&m, XFRM_MSG_NEWSA, &info, sizeof(info));
	sa_algs(&m, "hmac(sha256)", "cbc(aes)");
	whole = xfrm_msg_hdr(&m)->nlmsg_len;
	for (uint32_t n = NLMSG_HDRLEN; n < whole; n++) {
		xfrm_msg_hdr(&m)->nlmsg_len = n;
		(void)spd_read_sa(xfrm_msg_hdr(&m), &sa);
	}
	xfrm_msg_hdr(&m)->nlmsg_len = NLMSG_LENGTH(sizeof(info)) - 1;
	ck_assert_int_eq(spd_read_sa(xfrm_msg_hdr(&m), &sa), SPD_READ_SHORT);
}
END_TEST

/* More templates than the kernel can have. */
START_TEST(test_read_templates)
{
	const struct row row = P0(PMA, HA, MH, OUT, 1, 0);
	struct xfrm_user_tmpl t[SPD_TMPL_MAX + 1] = { 0 };
	struct xfrm_msg m;
	struct spd_policy p;

	policy_msg(&m, &row, 1);
	xfrm_msg_attr(&m, XFRMA_TMPL, t, sizeof(t));
	ck_assert_int_eq(spd_read_policy(xfrm_msg_hdr(&m), &p), SPD_READ_BAD);
	policy_msg(&m, &row, 1);
	xfrm_msg_attr(&m, XFRMA_TMPL, t, sizeof(t[0]) - 1);
	ck_assert_int_eq(spd_read_policy(xfrm_msg_hdr(&m), &p), SPD_READ_BAD);
	policy_msg(&m, &row, 1);
	xfrm_msg_attr(&m, XFRMA_TMPL, t, SPD_TMPL_MAX * sizeof(t[0]));
	ck_assert_int_eq(spd_read_policy(xfrm_msg_hdr(&m), &p), SPD_READ_OK);
	ck_assert_uint_eq(p.ntmpl, SPD_TMPL_MAX);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("xfrm_spd");
	TCase *tc = tcase_create("judge");

	tcase_add_loop_test(tc, test_judge_table, 0, ARRAY_LEN(cases));
	tcase_add_test(tc, test_judge_in);
	tcase_add_test(tc, test_words);
	tcase_add_test(tc, test_judge_loose);
	tcase_add_test(tc, test_judge_no_integrity);
	suite_add_tcase(s, tc);
	tc = tcase_create("read");
	tcase_add_test(tc, test_read_sa);
	tcase_add_test(tc, test_suite_names);
	tcase_add_test(tc, test_read_sa_to_come);
	tcase_add_test(tc, test_read_gone);
	tcase_add_test(tc, test_read_event);
	tcase_add_test(tc, test_read_cut);
	tcase_add_test(tc, test_read_templates);
	suite_add_tcase(s, tc);
	return suite_run(s);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests to the kernel's IPsec.
 *
 * Policies are made by libnl-xfrm.  Security associations are not: it frees
 * its copies of the key without clearing them, and it neither reads reliably
 * what the kernel has nor accepts an SA without selector addresses (3.7).
 */
#include "esp/xfrm_put.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/xfrm.h>
#include <netinet/in.h>

#include <netlink/addr.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/xfrm/lifetime.h>
#include <netlink/xfrm/selector.h>
#include <netlink/xfrm/sp.h>
#include <netlink/xfrm/template.h>

#include "core/addr.h"
#include "core/crypto.h"
#include "core/util.h"

#define MH_PROTO 135
#define WINDOW 64		/* PROTOCOL 8.3 */
#define WINDOW_WORDS (WINDOW / 32)
#define ICV_BITS 128

/* How the kernel names a suite. */
static const struct {
	const char *auth, *crypt, *aead;
} algs[ESP_SUITE_MAX] = {
	[ESP_NULL_SHA256] = { .auth = "hmac(sha256)",
		.crypt = "ecb(cipher_null)" },
	[ESP_CHACHA20_POLY1305] = { .aead = "rfc7539esp(chacha20,poly1305)" },
};

static struct nl_msg *
message(int type, const void *head, size_t len)
{
	struct nl_msg *m = nlmsg_alloc_simple(type, 0);

	if (m == NULL || nlmsg_append(m, (void *)(uintptr_t)head, len,
	    NLMSG_ALIGNTO) < 0)
		abort();
	return m;
}

/* Send and forget, whatever was in it. */
static int
request(struct netlink *n, struct nl_msg *m, netlink_msg_fn *fn, void *ctx)
{
	int r = netlink_get(n, m, fn, ctx);

	explicit_bzero(nlmsg_hdr(m), nlmsg_hdr(m)->nlmsg_len);
	nlmsg_free(m);
	return r;
}

static int
dump(struct netlink *n, int type, size_t head, netlink_msg_fn *fn,
    void (*restart)(void *ctx), void *ctx)
{
	static const struct xfrm_userpolicy_id zero;
	struct nl_msg *m = message(type, &zero, head);
	int r = netlink_dump(n, m, fn, restart, ctx);

	nlmsg_free(m);
	return r;
}

int
xfrm_dump_policies(struct netlink *n, netlink_msg_fn *fn,
    void (*restart)(void *ctx), void *ctx)
{
	return dump(n, XFRM_MSG_GETPOLICY, sizeof(struct xfrm_userpolicy_id),
	    fn, restart, ctx);
}

int
xfrm_dump_sas(struct netlink *n, netlink_msg_fn *fn,
    void (*restart)(void *ctx), void *ctx)
{
	return dump(n, XFRM_MSG_GETSA, sizeof(struct xfrm_usersa_id), fn,
	    restart, ctx);
}

static struct xfrm_selector
selector(const struct spd_flow *f)
{
	return (struct xfrm_selector){ .saddr.in6 = f->src,
		.daddr.in6 = f->dst, .prefixlen_s = 128, .prefixlen_d = 128,
		.family = AF_INET6, .proto = MH_PROTO };
}

/* --- security associations --------------------------------------------- */

struct got_sa {
	struct spd_sa *sa;
	const uint8_t *key;
	size_t key_len;
	bool found, same;
};

static void
got_sa(void *ctx, const struct nlmsghdr *nlh)
{
	struct got_sa *g = ctx;

	if (spd_read_sa(nlh, g->sa) != SPD_READ_OK)
		return;
	g->found = true;
	g->same = g->key != NULL && g->sa->key_len == g->key_len &&
	    memcmp(g->sa->key, g->key, g->key_len) == 0;
	g->sa->key = NULL;
}

static struct xfrm_usersa_id
sa_id(const struct in6_addr *dst, uint32_t spi)
{
	return (struct xfrm_usersa_id){ .daddr.in6 = *dst, .spi = htonl(spi),
		.family = AF_INET6, .proto = IPPROTO_ESP };
}

int
xfrm_get_sa(struct netlink *n, const struct in6_addr *dst, uint32_t spi,
    const uint8_t *key, size_t key_len, struct spd_sa *ret, bool *ret_same)
{
	struct xfrm_usersa_id id = sa_id(dst, spi);
	struct got_sa g = { .sa = ret, .key = key, .key_len = key_len };
	int r = request(n, message(XFRM_MSG_GETSA, &id, sizeof(id)), got_sa,
	    &g);

	*ret_same = g.same;
	return r < 0 ? r : g.found ? 0 : -ESRCH;
}

/*
 * Where it goes on: what was sent before is not sent again, and what was
 * accepted before is not accepted again (all bits set).
 */
static void
put_replay(struct nl_msg *m, const struct spd_flow *f,
    const struct xfrm_key *k)
{
	union {
		struct xfrm_replay_state_esn head;
		uint8_t all[sizeof(struct xfrm_replay_state_esn) +
		    WINDOW_WORDS * sizeof(uint32_t)];
	} s = { .head = { .bmp_len = WINDOW_WORDS, .replay_window = WINDOW } };

	if (f->dir == SPD_OUT) {
		s.head.oseq = (uint32_t)k->seq;
		s.head.oseq_hi = (uint32_t)(k->seq >> 32);
	} else {
		s.head.seq = (uint32_t)k->seq;
		s.head.seq_hi = (uint32_t)(k->seq >> 32);
		if (k->seq != 0)
			memset(s.all + sizeof(s.head), 0xff,
			    sizeof(s.all) - sizeof(s.head));
	}
	nla_put(m, XFRMA_REPLAY_ESN_VAL, sizeof(s), &s);
	nla_put_u32(m, XFRMA_REPLAY_THRESH, XFRM_SEQ_NOTICE);
}

static void
put_auth(struct nl_msg *m, const char *name, const uint8_t *key, size_t len)
{
	union {
		struct xfrm_algo_auth head;
		uint8_t all[sizeof(struct xfrm_algo_auth) + ESP_KEY_MAX];
	} a = { .head = { .alg_key_len = (unsigned)len * 8,
		.alg_trunc_len = ICV_BITS } };

	strncpy(a.head.alg_name, name, sizeof(a.head.alg_name) - 1);
	memcpy(a.all + sizeof(a.head), key, len);
	nla_put(m, XFRMA_ALG_AUTH_TRUNC, (int)(sizeof(a.head) + len), &a);
	explicit_bzero(&a, sizeof(a));
}

static void
put_aead(struct nl_msg *m, const char *name, const uint8_t *key, size_t len)
{
	union {
		struct xfrm_algo_aead head;
		uint8_t all[sizeof(struct xfrm_algo_aead) + ESP_KEY_MAX];
	} a = { .head = { .alg_key_len = (unsigned)len * 8,
		.alg_icv_len = ICV_BITS } };

	strncpy(a.head.alg_name, name, sizeof(a.head.alg_name) - 1);
	memcpy(a.all + sizeof(a.head), key, len);
	nla_put(m, XFRMA_ALG_AEAD, (int)(sizeof(a.head) + len), &a);
	explicit_bzero(&a, sizeof(a));
}

static void
put_suite(struct nl_msg *m, enum esp_suite suite, const uint8_t *key)
{
	size_t len = esp_key_len(suite);
	struct xfrm_algo crypt = { .alg_key_len = 0 };

	if (algs[suite].aead != NULL) {
		put_aead(m, algs[suite].aead, key, len);
		return;
	}
	put_auth(m, algs[suite].auth, key, len);
	strncpy(crypt.alg_name, algs[suite].crypt, sizeof(crypt.alg_name) - 1);
	nla_put(m, XFRMA_ALG_CRYPT, sizeof(crypt), &crypt);
}

int
xfrm_put_sa(struct netlink *n, const struct spd_flow *f,
    const struct xfrm_pair *pair, const struct xfrm_key *k)
{
	struct xfrm_usersa_info sa = { .sel = selector(f),
		.id = { .daddr.in6 = f->dst, .spi = htonl(k->spi),
		    .proto = IPPROTO_ESP },
		.saddr.in6 = f->src, .family = AF_INET6,
		.mode = XFRM_MODE_TRANSPORT, .reqid = XFRM_OUR_REQID,
		.flags = pair->esn ? XFRM_STATE_ESN : 0,
		.lft = { .soft_byte_limit = XFRM_INF,
		    .hard_byte_limit = XFRM_INF,
		    .soft_packet_limit = XFRM_INF,
		    .hard_packet_limit = XFRM_INF } };
	struct nl_msg *m;

	if (!pair->esn && k->seq >= ESP_SEQ32_LAST)
		return -EOVERFLOW;
	m = message(XFRM_MSG_NEWSA, &sa, sizeof(sa));
	put_suite(m, pair->suite, k->key);
	put_replay(m, f, k);
	return request(n, m, NULL, NULL);
}

int
xfrm_del_sa(struct netlink *n, const struct in6_addr *dst, uint32_t spi)
{
	struct xfrm_usersa_id id = sa_id(dst, spi);

	return request(n, message(XFRM_MSG_DELSA, &id, sizeof(id)), NULL, NULL);
}

int
xfrm_probe_esp(struct netlink *n)
{
	const struct spd_flow self = { .dir = SPD_OUT,
		.src = IN6ADDR_LOOPBACK_INIT, .dst = IN6ADDR_LOOPBACK_INIT };
	struct xfrm_pair pair = { .suite = ESP_NULL_SHA256 };
	int r;

	crypto_random(pair.out.key, sizeof(pair.out.key));
	pair.out.spi = XFRM_OUR_REQID;
	r = xfrm_put_sa(n, &self, &pair, &pair.out);
	/* -EEXIST: another one is trying it right now, or did not end */
	if (r == 0 || r == -EEXIST)
		r = xfrm_del_sa(n, &self.dst, pair.out.spi);
	return r == -ESRCH ? 0 : r;
}

/* --- policies ---------------------------------------------------------- */

static void
got_policy(void *ctx, const struct nlmsghdr *nlh)
{
	struct spd_policy p;
	bool *ours = ctx;

	*ours = spd_read_policy(nlh, &p) == SPD_READ_OK && p.ntmpl == 1 &&
	    p.tmpl[0].reqid == XFRM_OUR_REQID;
}

static struct xfrm_userpolicy_id
policy_id(const struct spd_flow *f)
{
	return (struct xfrm_userpolicy_id){ .sel = selector(f),
		.dir = f->dir == SPD_OUT ? XFRM_POLICY_OUT : XFRM_POLICY_IN };
}

static bool
policy_is_ours(struct netlink *n, const struct spd_flow *f)
{
	struct xfrm_userpolicy_id id = policy_id(f);
	bool ours = false;

	(void)request(n, message(XFRM_MSG_GETPOLICY, &id, sizeof(id)),
	    got_policy, &ours);
	return ours;
}

/* libnl-xfrm's objects take references of their own. */
static void
fill_policy(struct xfrmnl_sp *sp, const struct spd_flow *f, uint32_t spi,
    struct nl_addr *src, struct nl_addr *dst)
{
	struct xfrmnl_sel *sel = xfrmnl_sel_alloc();
	struct xfrmnl_ltime_cfg *life = xfrmnl_ltime_cfg_alloc();
	struct xfrmnl_user_tmpl *t = xfrmnl_user_tmpl_alloc();

	if (sel == NULL || life == NULL || t == NULL)
		abort();
	xfrmnl_sel_set_family(sel, AF_INET6);
	xfrmnl_sel_set_saddr(sel, src);
	xfrmnl_sel_set_daddr(sel, dst);
	xfrmnl_sel_set_prefixlen_s(sel, 128);
	xfrmnl_sel_set_prefixlen_d(sel, 128);
	xfrmnl_sel_set_proto(sel, MH_PROTO);
	xfrmnl_sp_set_sel(sp, sel);
	xfrmnl_sel_put(sel);
	xfrmnl_ltime_cfg_set_soft_bytelimit(life, XFRM_INF);
	xfrmnl_ltime_cfg_set_hard_bytelimit(life, XFRM_INF);
	xfrmnl_ltime_cfg_set_soft_packetlimit(life, XFRM_INF);
	xfrmnl_ltime_cfg_set_hard_packetlimit(life, XFRM_INF);
	xfrmnl_sp_set_lifetime_cfg(sp, life);
	xfrmnl_ltime_cfg_put(life);
	xfrmnl_user_tmpl_set_family(t, AF_INET6);
	xfrmnl_user_tmpl_set_saddr(t, src);
	xfrmnl_user_tmpl_set_daddr(t, dst);
	xfrmnl_user_tmpl_set_proto(t, IPPROTO_ESP);
	xfrmnl_user_tmpl_set_mode(t, XFRM_MODE_TRANSPORT);
	xfrmnl_user_tmpl_set_reqid(t, XFRM_OUR_REQID);
	xfrmnl_user_tmpl_set_spi(t, spi);	/* in host order */
	/* any algorithm: the SAs are ours and say which */
	xfrmnl_user_tmpl_set_aalgos(t, (int)~0u);
	xfrmnl_user_tmpl_set_ealgos(t, (int)~0u);
	xfrmnl_user_tmpl_set_calgos(t, (int)~0u);
	xfrmnl_sp_add_usertemplate(sp, t);
	xfrmnl_sp_set_priority(sp, XFRM_OUR_PRIORITY);
	xfrmnl_sp_set_action(sp, XFRM_POLICY_ALLOW);
	xfrmnl_sp_set_dir(sp, policy_id(f).dir);
}

static struct nl_msg *
policy_message(const struct spd_flow *f, uint32_t spi, bool update)
{
	struct xfrmnl_sp *sp = xfrmnl_sp_alloc();
	struct nl_addr *src = nl_addr_build(AF_INET6, &f->src, sizeof(f->src));
	struct nl_addr *dst = nl_addr_build(AF_INET6, &f->dst, sizeof(f->dst));
	struct nl_msg *m = NULL;
	int r;

	if (sp == NULL || src == NULL || dst == NULL)
		abort();
	fill_policy(sp, f, spi, src, dst);
	r = update ? xfrmnl_sp_build_update_request(sp, 0, &m) :
	    xfrmnl_sp_build_add_request(sp, 0, &m);
	nl_addr_put(src);
	nl_addr_put(dst);
	xfrmnl_sp_put(sp);
	return r < 0 ? NULL : m;
}

static int
send_policy(struct netlink *n, const struct spd_flow *f, uint32_t spi,
    bool update)
{
	struct nl_msg *m = policy_message(f, spi, update);

	return m == NULL ? -EINVAL : request(n, m, NULL, NULL);
}

int
xfrm_put_policy(struct netlink *n, const struct spd_flow *f, uint32_t spi)
{
	int r = send_policy(n, f, f->dir == SPD_OUT ? spi : 0, false);

	if (r != -EEXIST)
		return r;
	if (!policy_is_ours(n, f))
		return -EADDRINUSE;
	return send_policy(n, f, f->dir == SPD_OUT ? spi : 0, true);
}

int
xfrm_del_policy(struct netlink *n, const struct spd_flow *f)
{
	struct xfrm_userpolicy_id id = policy_id(f);

	if (!policy_is_ours(n, f))
		return -ESRCH;
	return request(n, message(XFRM_MSG_DELPOLICY, &id, sizeof(id)), NULL,
	    NULL);
}

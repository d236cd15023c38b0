/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is common to all roles: their list, and the way of a Mobility Header
 * message from the transport to the role that serves its type and back.
 *
 *   mh_io -> role_dispatch_mh(): parse, count, log -> handler of a role
 *   role -> role_send_mh(): build, send, count
 *
 * Nothing here trusts a packet: a malformed one is counted and logged (rate
 * limited) and otherwise forgotten; an unknown type is answered by a Binding
 * Error (RFC 6275 9.2), also rate-limited, and only to somebody who can have
 * asked.  The ICMPv6 Parameter Problems that 9.2 suggests are the kernel's.
 */
#include "roles/role.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "core/util.h"
#include "mh/status.h"

#define MOD "mh"

/* Binding Errors a second, and log lines about drops. */
#define BE_BURST 10
#define BE_PER_SEC 10
#define DROP_LOG_BURST 10
#define DROP_LOG_PER_SEC 1

/* Counters: those of the parser first, indexed by enum mh_drop. */
#define ROLE_COUNTERS(X) \
	X(ROLE_ST_UNSERVED, "mh-unserved", \
	    "a type that no role here serves: PROTOCOL 10.1") \
	X(ROLE_ST_BE_SENT, "binding-errors-sent", "RFC 6275 9.2") \
	X(ROLE_ST_BE_SUPPRESSED, "binding-errors-suppressed", \
	    "not sent: rate limit, or no unicast source") \
	X(ROLE_ST_SENT, "mh-sent", "messages handed to the transport") \
	X(ROLE_ST_SEND_FAILED, "mh-send-failed", \
	    "messages the transport did not take")

enum role_counter {
	ROLE_ST_FIRST = MH_DROP_MAX - 1,
#define X(id, name, help) id,
	ROLE_COUNTERS(X)
#undef X
	ROLE_ST_MAX
};

static const struct stat_desc role_desc[ROLE_ST_MAX] = {
#define X(id, name, help) [id] = { name, help },
	MH_DROPS(X)
	ROLE_COUNTERS(X)
#undef X
};

const struct role_ops *const role_list[] = {
	&ha_role_ops,
	&pma_role_ops,
	NULL
};

struct role *
role_new(const struct role_ops *ops, struct env *env)
{
	struct role *r;

	assert(ops->size >= sizeof(*r));
	r = calloc(1, ops->size);
	if (r == NULL)
		abort();
	r->ops = ops;
	r->env = env;
	return r;
}

void
role_free(struct role *r)
{
	free(r);
}

void
role_env_init(struct env *env)
{
	stats_register(env->stats, &env->st_mh, "mh", role_desc, ROLE_ST_MAX);
	stats_register(env->stats, &env->st_icmp, "icmp", haad_drop_desc,
	    HAAD_DROP_MAX);
	ratelimit_init(&env->rl_be, BE_BURST, BE_PER_SEC);
	ratelimit_init(&env->rl_drop_log, DROP_LOG_BURST, DROP_LOG_PER_SEC);
}

void
role_env_done(struct env *env)
{
	if (env->st_mh.owner != NULL)
		stats_unregister(&env->st_mh);
	if (env->st_icmp.owner != NULL)
		stats_unregister(&env->st_icmp);
}

/* --- sending ----------------------------------------------------------- */

int
role_send_mh(struct env *env, const struct mh_msg *m,
    const struct in6_addr *src, const struct in6_addr *dst)
{
	struct mh_wire wire = *env->dialect->wire;
	uint8_t buf[MH_MAX_LEN];
	int len, r;

	wire.leave_checksum = env->mh->sums;
	len = mh_build(m, src, dst, &wire, buf, sizeof(buf));
	r = len < 0 ? len : env->mh->ops->send(env->mh, src, dst, buf,
	    (size_t)len);
	if (r < 0) {
		stat_inc(&env->st_mh, ROLE_ST_SEND_FAILED);
		if (ratelimit_pass(&env->rl_drop_log,
		    clock_mono_us(env->clock), NULL))
			log_warn(env->log, MOD, "send-failed",
			    KV_STR("type", mh_type_name(m->type)),
			    KV_IN6("dst", dst), KV_ERR(r));
		return r;
	}
	stat_inc(&env->st_mh, ROLE_ST_SENT);
	return 0;
}

/* --- receiving --------------------------------------------------------- */

static void
log_drop(struct env *env, const struct mh_pkt *pkt, enum mh_drop why,
    size_t off)
{
	uint64_t suppressed;

	stat_inc(&env->st_mh, why);
	if (!ratelimit_pass(&env->rl_drop_log, clock_mono_us(env->clock),
	    &suppressed))
		return;
	log_warn(env->log, MOD, "drop", KV_STR("why", mh_drop_desc[why].name),
	    KV_IN6("src", &pkt->src), KV_IN6("dst", &pkt->dst),
	    KV_U("len", pkt->len), KV_U("off", off),
	    KV_U("suppressed", suppressed));
}

/*
 * RFC 6275 9.2: Binding Error with status 2 to the source; not to or from what
 * is no unicast address (9.3.3).  A Binding Error is a known type, so that two
 * of us never keep each other busy.
 */
static void
binding_error(struct env *env, const struct mh_pkt *pkt)
{
	struct mh_msg be;

	mh_msg_init(&be, MH_BE);
	be.be.status = BE_UNKNOWN_TYPE;
	be.be.home = pkt->hao;		/* or :: (6.1.9) */
	if (!in6_is_global_unicast(&pkt->src) ||
	    !in6_is_global_unicast(&pkt->dst) ||
	    !ratelimit_pass(&env->rl_be, clock_mono_us(env->clock), NULL)) {
		stat_inc(&env->st_mh, ROLE_ST_BE_SUPPRESSED);
		return;
	}
	if (role_send_mh(env, &be, &pkt->dst, &pkt->src) == 0)
		stat_inc(&env->st_mh, ROLE_ST_BE_SENT);
}

void
role_dispatch_mh(struct env *env, struct role *const *roles, size_t n,
    const struct mh_pkt *pkt)
{
	struct mh_wire wire = *env->dialect->wire;
	struct mh_msg m;
	size_t off = 0;
	enum mh_drop d;

	wire.verify_checksum &= !pkt->sum_ok;
	d = mh_parse(pkt->data, pkt->len, pkt->has_hao ? &pkt->hao :
	    &pkt->src, &pkt->dst, &wire, &m, &off);
	if (d != MH_OK) {
		log_drop(env, pkt, d, off);
		if (d == MH_UNKNOWN_TYPE)
			binding_error(env, pkt);
		return;
	}
	stat_inc(&env->st_mh, MH_OK);
	for (size_t i = 0; i < n; i++) {
		const struct role_mh_handler *h = roles[i]->ops->mh;

		for (; h != NULL && h->fn != NULL; h++) {
			if (h->type == m.type) {
				h->fn(roles[i], pkt, &m);
				return;
			}
		}
	}
	stat_inc(&env->st_mh, ROLE_ST_UNSERVED);
	log_debug(env->log, MOD, "unserved",
	    KV_STR("type", mh_type_name(m.type)), KV_IN6("src", &pkt->src));
}

void
role_dispatch_icmp(struct env *env, struct role *const *roles, size_t n,
    const struct icmp_pkt *pkt)
{
	struct haad_msg m;
	enum haad_drop d = haad_parse(pkt->data, pkt->len, &m);

	stat_inc(&env->st_icmp, d);
	if (d != HAAD_OK) {
		if (ratelimit_pass(&env->rl_drop_log,
		    clock_mono_us(env->clock), NULL))
			log_warn(env->log, MOD, "drop",
			    KV_STR("why", haad_drop_desc[d].name),
			    KV_IN6("src", &pkt->src), KV_IN6("dst", &pkt->dst),
			    KV_U("len", pkt->len));
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (roles[i]->ops->icmp != NULL)
			roles[i]->ops->icmp(roles[i], pkt, &m);
	}
}

void
role_ahead_mh(struct role *const *roles, size_t n, const struct mh_pkt *pkts,
    size_t npkts)
{
	for (size_t i = 0; i < n; i++) {
		if (roles[i]->ops->ahead != NULL)
			roles[i]->ops->ahead(roles[i], pkts, npkts);
	}
}

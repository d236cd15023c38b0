/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Home agent address discovery (draft 5.4, RFC 6275 10.5): who asks the
 * home-agents anycast address of one of our home prefixes is told our
 * addresses.  Shared or a node's own, bound or not: all home prefixes are ours,
 * and the request reaches us before any tunnel (A33): the data plane takes it
 * out (divert()), or a packet socket sees it come in (icmp_sock.c).
 *
 * Anybody may ask, nothing protects the question, and it says nothing about a
 * node; so all there is to fear is the answer's size, which a rate bounds.
 *
 * Mobile Prefix Solicitations are counted and not answered (draft 5.8).
 */
#include "core/util.h"
#include "roles/ha/ha.h"

/* Replies at once, and a second. */
#define DISC_BURST 50
#define DISC_PER_SEC 50

static void
reply(struct ha *ha, const struct icmp_pkt *pkt, const struct haad_msg *req)
{
	struct icmp_io *io = ha->role.env->icmp;
	const struct in6_addr *own = ha->conf->addresses.v;
	struct haad_msg m = { .type = HAAD_REPLY, .id = req->id };
	uint8_t buf[HAAD_MAX_LEN];
	int len, r;

	while (m.nagents < ha->conf->addresses.n &&
	    m.nagents < HAAD_AGENTS_MAX) {
		m.agents[m.nagents] = own[m.nagents];
		m.nagents++;
	}
	len = haad_build(&m, buf, sizeof(buf));
	/* From an address of ours, never the anycast one (10.5.1). */
	r = len < 0 ? len : io->ops->send(io, &own[0], &pkt->src, buf,
	    (size_t)len);
	if (r < 0) {
		log_debug(ha->role.env->log, "ha", "discovery-reply-failed",
		    KV_IN6("dst", &pkt->src), KV_ERR(r));
		return;
	}
	stat_inc(&ha->st, HA_ST_DISC_REPLY);
	log_debug(ha->role.env->log, "ha", "discovery",
	    KV_IN6("src", &pkt->src), KV_IN6("dst", &pkt->dst));
}

static void
request(struct ha *ha, const struct icmp_pkt *pkt, const struct haad_msg *m)
{
	struct prefix p;

	prefix_from_in6(&p, &pkt->dst, 64);
	if (!ha->conf->discovery || !haad_is_anycast(&pkt->dst) ||
	    !ha_check_anchored(ha->conf, &p) ||
	    !in6_is_global_unicast(&pkt->src)) {
		stat_inc(&ha->st, HA_ST_DISC_IGNORED);
		return;
	}
	if (!ratelimit_pass(&ha->rl_disc, clock_mono_us(ha->role.env->clock),
	    NULL)) {
		stat_inc(&ha->st, HA_ST_DISC_SUPPRESSED);
		return;
	}
	reply(ha, pkt, m);
}

void
ha_disc_icmp(struct role *r, const struct icmp_pkt *pkt,
    const struct haad_msg *m)
{
	struct ha *ha = CONTAINER_OF(r, struct ha, role);

	if (m->type == HAAD_REQUEST)
		request(ha, pkt, m);
	else if (m->type == MPD_SOLICITATION)
		stat_inc(&ha->st, HA_ST_MPD);
}

void
ha_disc_start(struct ha *ha)
{
	ratelimit_init(&ha->rl_disc, DISC_BURST, DISC_PER_SEC);
	ha_disc_reload(ha);
}

static void
diverted(void *ctx, uint32_t ifindex, const void *packet, size_t len)
{
	struct icmp_io *io = ctx;

	io->ops->caught(io, ifindex, packet, len);
}

/*
 * Can the data plane take the requests out?  It sees what the kernel forwards to
 * the tunnels: not what a firewall drops, and not what is routed elsewhere, to a
 * home link for one.
 */
static bool
divert(struct ha *ha, struct icmp_io *io, bool on)
{
	struct dp *dp = ha->role.env->dp;

	if (dp->ops->divert == NULL)
		return false;
	on = on && ha->conf->home_links.n == 0;
	return dp->ops->divert(dp, on ? diverted : NULL, io) == 0 && on;
}

void
ha_disc_reload(struct ha *ha)
{
	struct icmp_io *io = ha->role.env->icmp;
	bool on = ha->conf->discovery, elsewhere;
	int r;

	if (io == NULL)
		return;
	elsewhere = divert(ha, io, on);
	r = io->ops->anycast(io, on && !elsewhere);
	if (r < 0)
		log_err(ha->role.env->log, "ha", "discovery-failed",
		    KV_STR("hint", "requests are not answered"), KV_ERR(r));
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One mobile node at the proxy mobile agent (PROTOCOL 5.1):
 *
 *   IDLE --attach--> PROFILE --found--> REG --PBA accepts, path set--> ACTIVE
 *                       |                | ^                           |  ^
 *               unknown |        refused | | timer          refresh or |  | PBA
 *                       v                v |                  change   v  |
 *                    DENIED <-------- BACKOFF  <------refused-------  REREG
 *
 *   any of them --detach--> DEREG --PBA, or tries used up--> IDLE (freed)
 *   DEREG, DENIED, WAIT_DHCP --attach--> PROFILE
 *   REREG --lifetime over--> REG (path removed, prefix withdrawn)
 *
 * VISITOR (pma_visitor.c) is where a node goes instead of DENIED when the link
 * has a visitor prefix and the node may use it; it leaves like DENIED.
 *
 * Shared-Prefix, when nobody knows an address for the node:
 *
 *   REG --147, or accepted without one--> WAIT_DHCP --learnt--> REG
 *   REG, ACTIVE, REREG --lost--> DEREG (stays) --PBA--> WAIT_DHCP, or REG when
 *                                               there is another by then
 *
 * Rules that hold everywhere: register first, advertise on acceptance (A13);
 * after a denial the home prefix is not advertised and nothing is forwarded
 * (D6.10-18); "accepted" means that the data plane has said yes as well.  What
 * becomes of IPv4 (pma_ip4.c) changes no state.
 */
#include <errno.h>
#include <string.h>

#include "core/util.h"
#include "mh/status.h"
#include "roles/pma/pma.h"

#define RETRY_NOW_MAX 3
#define REFRESH_JITTER_PERCENT 5
#define MOD(b) ((b)->pma->role.ops->name)
#define LOG(b) ((b)->pma->role.env->log)

const char *const bul_state_names[BUL_STATE_MAX] = {
	[BUL_IDLE] = "idle", [BUL_PROFILE] = "profile",
	[BUL_REG] = "registering", [BUL_WAIT_DHCP] = "waiting-for-dhcp",
	[BUL_ACTIVE] = "active",
	[BUL_REREG] = "refreshing", [BUL_DEREG] = "deregistering",
	[BUL_DENIED] = "denied", [BUL_BACKOFF] = "backoff",
	[BUL_VISITOR] = "visitor",
};

static struct wheel *
wheel_of(const struct bule *b)
{
	return b->pma->role.env->wheel;
}

void
fsm_set_state(struct bule *b, enum bul_state s)
{
	if (b->state == s)
		return;
	log_debug(LOG(b), MOD(b), "state", KV_STR("nai", b->nai),
	    KV_STR("from", bul_state_names[b->state]),
	    KV_STR("to", bul_state_names[s]));
	b->state = (uint8_t)s;
}

/* No forwarding, no advertising; whatever was said is taken back. */
void
fsm_stop_service(struct bule *b)
{
	struct wheel *w = wheel_of(b);

	timer_cancel(w, &b->t_expiry);
	ra_withdraw(b);
	/* what waits for the next address must not be lost with the last */
	if (fsm_dhcp_gate(b, AF_INET6) == DHCP_DROP)
		dhcp_node_gone(b);
	b->accepted = false;
	ip4_unregistered(b);
	path_unwant(b, AF_UNSPEC);
}

void
fsm_forget(struct bule *b)
{
	profile_cancel(b);
	probe_stop(b);
	timer_cancel(wheel_of(b), &b->t_signal);
	timer_cancel(wheel_of(b), &b->t_ra);
	fsm_set_state(b, BUL_IDLE);
	b->awaiting = false;
	b->gone = true;
	fsm_stop_service(b);	/* frees it, now or when the kernel is done */
}

/* --- registering --------------------------------------------------------- */

void
fsm_enter_reg(struct bule *b)
{
	fsm_set_state(b, BUL_REG);
	b->timeout_us = b->pma->conf->initial_timeout_us;
	b->tries = 0;
	pbu_send(b, pbu_lifetime(b));
}

static void
enter_rereg(struct bule *b)
{
	fsm_set_state(b, BUL_REREG);
	b->timeout_us = b->pma->conf->initial_timeout_us;
	b->tries = 0;
	pbu_send(b, pbu_lifetime(b));
}

static void
enter_backoff(struct bule *b, const char *why)
{
	const struct pma_conf *c = b->pma->conf;
	int64_t wait = b->state == BUL_BACKOFF ||
	    b->timeout_us < c->backoff_us ? c->backoff_us :
	    MIN_OF(b->timeout_us * 2, c->max_backoff_us);

	stat_inc(&b->pma->st, PMA_ST_BACKOFF);
	role_event(&b->pma->role, "backoff", KV_STR("nai", b->nai),
	    KV_STR("why", why), KV_U("wait_s", (uint64_t)(wait /
	    USEC_PER_SEC)));
	b->awaiting = false;
	fsm_set_state(b, BUL_BACKOFF);
	b->timeout_us = wait;
	timer_arm(wheel_of(b), &b->t_signal, wait);
	fsm_stop_service(b);
}

void
fsm_enter_denied(struct bule *b, const char *why, int status)
{
	struct pma *p = b->pma;
	uint64_t suppressed;

	stat_inc(&p->st, PMA_ST_DENIED);
	if (ratelimit_pass(&p->rl_unserved, pma_now(p), &suppressed))
		role_event(&p->role, "denied", KV_STR("nai", b->nai),
		    KV_STR("why", why), KV_I("status", status),
		    KV_U("suppressed", suppressed));
	b->awaiting = false;
	timer_cancel(wheel_of(b), &b->t_signal);
	visitor_leave(b);
	fsm_set_state(b, BUL_DENIED);
	b->timeout_us = 0;
	fsm_stop_service(b);
}

/*
 * The home agent says that it knows no address for the node, and we none
 * either: the node has to do DHCP (D6.10-16).  Until then no PBU.
 */
static void
enter_wait_dhcp(struct bule *b)
{
	stat_inc(&b->pma->st, PMA_ST_WAIT_DHCP);
	role_event(&b->pma->role, "waiting-for-dhcp", KV_STR("nai", b->nai));
	b->awaiting = false;
	timer_cancel(wheel_of(b), &b->t_signal);
	fsm_set_state(b, BUL_WAIT_DHCP);
	b->more->waiting = pma_now(b->pma);
	fsm_stop_service(b);
	ra_advertise(b);
	dhcp_node_ready(b);
}

static void
deregistered(struct bule *b)
{
	struct prefix home;

	stat_inc(&b->pma->st, PMA_ST_DEREGISTERED);
	role_event(&b->pma->role, "deregistered", KV_STR("nai", b->nai));
	if (!b->stays)
		fsm_forget(b);
	else if (learn_home(b, &home))
		fsm_enter_reg(b);
	else
		enter_wait_dhcp(b);
}

/* stays: the node is here, only its address has gone. */
static void
enter_dereg(struct bule *b, bool stays)
{
	profile_cancel(b);
	timer_cancel(wheel_of(b), &b->t_signal);
	b->stays = stays;
	if (!b->signalled) {		/* nobody knows of it */
		if (stays)
			enter_wait_dhcp(b);
		else
			fsm_forget(b);
		return;
	}
	fsm_set_state(b, BUL_DEREG);
	b->timeout_us = b->pma->conf->initial_timeout_us;
	b->tries = 0;
	pbu_send(b, 0);
	fsm_stop_service(b);
}

void
fsm_home_lost(struct bule *b)
{
	if (b->state == BUL_REG || b->state == BUL_ACTIVE ||
	    b->state == BUL_REREG)
		enter_dereg(b, true);
}

/* Refresh; before that, is the node still there? */
static void
refresh(struct bule *b)
{
	const struct pma_conf *c = b->pma->conf;

	if (c->presence_check_us > 0 && !b->refresh_after_probe &&
	    pma_now(b->pma) - b->heard >= c->presence_check_us &&
	    probe_start(b)) {
		b->refresh_after_probe = true;
		timer_cancel(wheel_of(b), &b->t_signal);
		return;
	}
	enter_rereg(b);
}

/* Not everything that changes comes from the node: a router that it left
 * without a word must not take it back from where it is. */
void
fsm_reregister(struct bule *b)
{
	struct prefix home;

	switch ((enum bul_state)b->state) {
	case BUL_WAIT_DHCP:
		if (learn_home(b, &home))
			fsm_enter_reg(b);
		break;
	case BUL_ACTIVE:
		if (!b->refresh_after_probe)	/* else it will come */
			refresh(b);
		break;
	case BUL_REG:
	case BUL_REREG:
		/* what is under way says something else: it is void */
		pbu_send(b, pbu_lifetime(b));
		break;
	case BUL_VISITOR:
		ip4_native(b);		/* nobody is told */
		break;
	default:
		break;			/* the next PBU will say it */
	}
}

/* --- attach -------------------------------------------------------------- */

/* Whose is it? NULL: nobody's that we know. */
static const char *
nai_of(const struct pma *p, const struct pma_access *a, const struct mac *mac)
{
	struct policy *policy = p->role.env->policy;
	const struct profile *prof;
	const struct bule *b;

	if (a->nai != NULL)
		return a->nai;
	prof = mac_is_zero(mac) ? NULL : policy->ops->by_mac(policy, mac);
	if (prof != NULL)
		return prof->nai;
	/* not in the policy, but somebody has told us when it attached */
	b = list_by_mac(p, a->lif.ifindex, mac);
	return b != NULL && !b->gone && b->state != BUL_DEREG ? b->nai : NULL;
}

static void
stranger(struct pma *p, const struct pma_access *a, const struct mac *mac)
{
	stat_inc(&p->st, PMA_ST_UNKNOWN_MAC);
	if (ratelimit_pass(&p->rl_unknown, pma_now(p), NULL))
		log_info(p->role.env->log, p->role.ops->name, "unknown-node",
		    KV_STR("ifname", a->lif.name), KV_MAC("mac", mac));
}

/*
 * A MAC address is one node's.  Whoever was known by it until now is not there
 * any more: the newer word counts.
 */
static void
make_room(struct pma *p, struct pma_access *a, const struct mac *mac,
    enum attach_source source)
{
	struct bule *b = list_by_mac(p, a->lif.ifindex, mac);

	if (b == NULL)
		return;
	fsm_detach(b, source);
	b = list_by_mac(p, a->lif.ifindex, mac);
	if (b == NULL)
		return;			/* freed: nobody had heard of it */
	list_place(b, NULL, NULL);
	path_sync(b);
}

static struct bule *
attach_new(struct pma *p, struct pma_access *a, const struct mac *mac,
    const char *nai, enum attach_source source)
{
	struct bule *b = strlen(nai) <= NAI_MAX ?
	    list_new(p, nai, strlen(nai)) : NULL;

	if (b == NULL) {
		stat_inc(&p->st, PMA_ST_FULL);
		if (ratelimit_pass(&p->rl_unknown, pma_now(p), NULL))
			log_warn(p->role.env->log, p->role.ops->name,
			    "too-many-nodes", KV_STR("nai", nai),
			    KV_U("max", p->conf->max_nodes));
		return NULL;
	}
	make_room(p, a, mac, source);
	list_place(b, a, mac);
	return b;
}

static void
attached(struct bule *b, enum attach_source source, bool quietly)
{
	stat_inc(&b->pma->st, PMA_ST_ATTACHED);
	ra_attached(b, source);
	if (quietly)
		return;
	b->attached = pma_now(b->pma);
	role_event(&b->pma->role, "node-attached", KV_STR("nai", b->nai),
	    KV_STR("ifname", b->access->lif.name), KV_MAC("mac", &b->mac),
	    KV_STR("by", attach_source_names[source]));
}

static void
move_on(struct bule *b, enum attach_source source)
{
	/* what is at two of our links by turns shall not fill the log */
	attached(b, source, pma_now(b->pma) - b->attached < USEC_PER_SEC);
	path_sync(b);
}

/*
 * A node that solicits long after it was told to do DHCP may have done so at
 * another router meanwhile: the home agent may know its address now.
 */
static bool
waited_long(const struct bule *b, enum attach_source source)
{
	return b->state == BUL_WAIT_DHCP && source == ATTACH_BY_RS &&
	    pma_now(b->pma) - b->more->waiting >= b->pma->conf->backoff_us;
}

/* An entry that is known turns up, here or on another link of ours. */
static void
attach_again(struct bule *b, struct pma_access *a, const struct mac *mac,
    enum attach_source source)
{
	bool moved = b->access != a || !mac_eq(&b->mac, mac);

	if (moved) {
		if (list_by_mac(b->pma, a->lif.ifindex, mac) != b)
			make_room(b->pma, a, mac, source);
		list_place(b, a, mac);
	}
	if (b->gone) {			/* it was about to be freed */
		b->gone = false;
		b->signalled = false;
	}
	if (b->state == BUL_IDLE && b->probes > 0 &&
	    source == ATTACH_BY_NEIGHBOUR)
		return;			/* it is being asked */
	switch ((enum bul_state)b->state) {
	case BUL_IDLE:
	case BUL_DEREG:
		probe_stop(b);
		attached(b, source, false);
		profile_look_up(b);
		break;
	case BUL_DENIED:
	case BUL_VISITOR:
	case BUL_WAIT_DHCP:
		/* an RS is no new attachment: every node sends several */
		if (moved || (source != ATTACH_BY_RS &&
		    source != ATTACH_BY_NEIGHBOUR) ||
		    waited_long(b, source)) {
			ra_attached(b, source);
			profile_look_up(b);
		}
		break;
	case BUL_ACTIVE:
		if (b->more != NULL && source != ATTACH_BY_NEIGHBOUR)
			b->more->announce4 = true;
		if (moved)
			move_on(b, source);
		/*
		 * It may have been elsewhere meanwhile without a word to us,
		 * and its binding with it: register again.  What a living node
		 * causes all the time is no sign of that.
		 */
		if (source != ATTACH_BY_NEIGHBOUR)
			enter_rereg(b);
		break;
	default:
		if (moved)
			move_on(b, source);
	}
}

static void
attach_confirmed(struct bule *b)
{
	attached(b, b->attached_by, false);
	profile_look_up(b);
}

static void
learn_address(struct bule *b, const struct in6_addr *addr)
{
	struct bul_rare *r;

	if (in6_is_linklocal(addr)) {
		list_learn_lla(b, addr);
		return;
	}
	if (in6_is_zero(addr) || !in6_is_zero(&b->lla))
		return;			/* the link-local one will do */
	r = list_rare(b);
	if (r != NULL)
		r->addr = *addr;
}

void
fsm_attach(struct pma *p, struct pma_access *a, const struct mac *mac,
    const struct in6_addr *lla, const char *nai, enum attach_source source)
{
	char name[VISITOR_NAME_MAX];
	struct bule *b;

	if (nai == NULL)
		nai = nai_of(p, a, mac);
	if (nai == NULL)
		nai = visitor_name(p, a, mac, name);
	if (nai == NULL) {
		stranger(p, a, mac);
		return;
	}
	b = list_by_nai(p, nai, strlen(nai));
	if (b != NULL) {
		attach_again(b, a, mac, source);
	} else {
		b = attach_new(p, a, mac, nai, source);
		if (b == NULL)
			return;
		b->attached_by = (uint8_t)source;
		if (lla != NULL)
			learn_address(b, lla);
		/*
		 * The neighbour table speaks of a node for half a minute after
		 * it has left; to register it then would take its binding from
		 * where it is.  So it is asked first.
		 */
		if (source == ATTACH_BY_NEIGHBOUR && probe_start(b))
			return;
		attach_confirmed(b);
	}
	/* The entry may be gone only by detach, which nothing here does. */
	if (lla != NULL)
		learn_address(b, lla);
	if (source != ATTACH_BY_NEIGHBOUR)
		fsm_alive(b);
}

void
fsm_alive(struct bule *b)
{
	b->heard = pma_now(b->pma);
	if (b->probes == 0)
		return;
	probe_stop(b);
	if (b->state == BUL_IDLE && !b->gone)
		attach_confirmed(b);
	if (b->refresh_after_probe) {
		b->refresh_after_probe = false;
		if (!timer_armed(&b->t_signal))	/* else it is under way */
			fsm_signal_timer(&b->t_signal);
	}
}

void
fsm_solicited(struct bule *b)
{
	stat_inc(&b->pma->st, PMA_ST_RS);
	ra_solicited(b);
}

/* --- detach -------------------------------------------------------------- */

void
fsm_detach(struct bule *b, enum attach_source by)
{
	if (b->gone || (b->state == BUL_DEREG && !b->stays))
		return;
	stat_inc(&b->pma->st, PMA_ST_DETACHED);
	role_event(&b->pma->role, "node-detached", KV_STR("nai", b->nai),
	    KV_STR("by", attach_source_names[by]));
	b->refresh_after_probe = false;
	probe_stop(b);
	if (b->state == BUL_DEREG)
		b->stays = false;	/* it is under way */
	else
		enter_dereg(b, false);
}

void
fsm_probe_failed(struct bule *b)
{
	b->refresh_after_probe = false;
	if (b->state == BUL_IDLE)
		fsm_forget(b);		/* it was never there */
	else
		fsm_detach(b, ATTACH_BY_NUD);
}

/* --- answers ------------------------------------------------------------- */

/* When to refresh a lifetime: refresh-percent of it less some jitter, or
 * sooner when the home agent advises so (RFC 6275 6.2.4). */
static usec_t
refresh_delay(const struct bule *b, const struct mh_msg *m)
{
	const struct pma_conf *c = b->pma->conf;
	usec_t life = (usec_t)b->lifetime_4s * MH_LIFETIME_UNIT_S *
	    USEC_PER_SEC;
	usec_t delay = life / 100 * c->refresh_percent;
	usec_t advice = (usec_t)m->o.refresh_advice_4s * MH_LIFETIME_UNIT_S *
	    USEC_PER_SEC;
	uint8_t dice;

	if (m->o.have & MHO_REFRESH_ADVICE && advice > 0)
		delay = MIN_OF(delay, advice);
	/* Time to find out whether the node is there. */
	if (c->presence_check_us > 0)
		delay = MAX_OF(delay - c->probe_interval_us * c->probe_tries,
		    delay / 2);
	crypto_random(&dice, sizeof(dice));
	return delay - delay / 100 * REFRESH_JITTER_PERCENT * dice / 255;
}

/* Count ourselves among the tunnel's users, or renew that. */
static int
take_tunnel(struct bule *b, uint16_t lifetime_4s)
{
	struct pma *p = b->pma;
	struct dp_tunnel *t;
	int r;

	if (b->tunnel != NULL &&
	    in6_eq(&b->tunnel->remote, &b->peer->address)) {
		tunnel_refresh(b->tunnel, b->lifetime_4s, lifetime_4s);
		b->lifetime_4s = lifetime_4s;
		/* it may have ended, and the kernel not want it back */
		return b->tunnel->up ? 0 : -ENETDOWN;
	}
	r = tunnel_get(p->role.env->dp->tunnels, &p->conf->address,
	    &b->peer->address, &t);
	if (r < 0)
		return r;
	tunnel_use(t, lifetime_4s);
	if (b->tunnel != NULL)
		tunnel_unuse(b->tunnel, b->lifetime_4s);
	b->tunnel = t;
	b->lifetime_4s = lifetime_4s;
	return 0;
}

/* The data plane will not have it: nobody must think that it works. */
static void
kernel_refused(struct bule *b, int err)
{
	stat_inc(&b->pma->st, PMA_ST_KERNEL_REFUSED);
	log_err(LOG(b), MOD(b), "dataplane-refused", KV_STR("nai", b->nai),
	    KV_PREFIX("hnp", &b->hnp), KV_ERR(err));
	pbu_send_last(b);
	enter_backoff(b, "dataplane-refused");
}

/* Accepted by the home agent and by the data plane. */
static void
in_service(struct bule *b)
{
	fsm_set_state(b, b->awaiting ? BUL_REREG : BUL_ACTIVE);
	ra_advertise(b);
	dhcp_node_ready(b);
}

/* The lifetime runs from now; the next refresh is due before it ends. */
static void
take_lifetime(struct bule *b, const struct mh_msg *m)
{
	usec_t refresh = refresh_delay(b, m);

	timer_arm(wheel_of(b), &b->t_expiry, (usec_t)m->ba.lifetime_4s *
	    MH_LIFETIME_UNIT_S * USEC_PER_SEC);
	timer_arm(wheel_of(b), &b->t_signal, refresh);
}

static void
announce_accepted(struct bule *b, bool fresh, const struct prefix *home)
{
	stat_inc(&b->pma->st, fresh ? PMA_ST_REGISTERED : PMA_ST_REFRESHED);
	if (fresh)
		role_event(&b->pma->role, "registered", KV_STR("nai", b->nai),
		    KV_PREFIX("hnp", home), KV_IN6("ha", &b->peer->address),
		    KV_U("lifetime_s", (uint64_t)b->lifetime_4s *
		    MH_LIFETIME_UNIT_S));
	else
		log_debug(LOG(b), MOD(b), "refreshed", KV_STR("nai", b->nai));
}

static void
accepted(struct bule *b, const struct mh_msg *m)
{
	bool fresh = !b->accepted;
	struct prefix home;
	int r;

	if (m->ba.lifetime_4s == 0) {
		enter_backoff(b, "lifetime-0-granted");
		return;
	}
	if (!learn_home(b, &home) && !(learn_from_ha(b, &m->o) &&
	    learn_home(b, &home))) {
		enter_wait_dhcp(b);	/* accepted, but which address? */
		return;
	}
	r = take_tunnel(b, m->ba.lifetime_4s);
	if (r < 0) {
		kernel_refused(b, r);
		return;
	}
	b->accepted = true;
	b->tries = 0;
	take_lifetime(b, m);
	announce_accepted(b, fresh, &home);
	ra_previous(b, &m->o);
	r = path_want(b, &home);
	if (r < 0)
		kernel_refused(b, r);
	if (!b->accepted)
		return;			/* the data plane has refused */
	if (!fresh && path_ready(b, AF_INET6))
		fsm_set_state(b, BUL_ACTIVE);
	ip4_answered(b, &m->o);		/* it may ask for another PBU */
}

static void
refused(struct bule *b, const struct mh_msg *m, enum reaction react)
{
	const char *why = ba_status_name(m->ba.status);
	struct prefix home;

	switch (react) {
	case REACT_RETRY_NOW:
		if (b->tries++ < RETRY_NOW_MAX) {
			pbu_send(b, pbu_lifetime(b));
			return;
		}
		enter_backoff(b, why);
		break;
	case REACT_RESYNC_CLOCK:
		stat_inc(&b->pma->st, PMA_ST_CLOCK);
		if (ratelimit_pass(&b->pma->rl_clock, pma_now(b->pma), NULL))
			log_err(LOG(b), MOD(b), "clock-differs",
			    KV_IN6("ha", &b->peer->address),
			    KV_I("skew_ms", m->o.have & MHO_TIMESTAMP ?
			    (mh_ts_to_us(m->o.timestamp) - clock_wall_us(
			    b->pma->role.env->clock)) / 1000 : 0),
			    KV_STR("hint", "is NTP running at both ends?"));
		enter_backoff(b, why);
		break;
	case REACT_RETRY_BACKOFF:
		enter_backoff(b, why);
		break;
	case REACT_WAIT_DHCP:
		/* no sense where it was told an address or a prefix */
		if (!learn_home(b, &home)) {
			enter_wait_dhcp(b);
			return;
		}
		/* fall through */
	default:
		if (!visitor_enter(b, VISITOR_DENIED))
			fsm_enter_denied(b, why, m->ba.status);
	}
}

void
fsm_pba(struct bule *b, const struct mh_msg *m, enum reaction react)
{
	switch ((enum bul_state)b->state) {
	case BUL_REG:
	case BUL_REREG:
		if (react == REACT_ACCEPT)
			accepted(b, m);
		else
			refused(b, m, react);
		break;
	case BUL_DEREG:
		/* An order problem means that it is still bound: once more. */
		if (react == REACT_RETRY_NOW &&
		    ++b->tries < b->pma->conf->dereg_tries)
			pbu_send(b, 0);
		else
			deregistered(b);
		break;
	default:
		break;
	}
}

void
fsm_path_done(struct bule *b, int family, int err)
{
	if (family == AF_INET)
		ip4_path_done(b, err);
	else if (err < 0)
		kernel_refused(b, err);
	else if (path_ready(b, AF_INET6) && b->accepted)
		in_service(b);	/* also after a move between two of our links */
}

void
fsm_path_idle(struct bule *b)
{
	/* on_profile() may have waited for this */
	if (b->state == BUL_PROFILE && !b->lookup)
		profile_look_up(b);
}

/* --- timers -------------------------------------------------------------- */

static void
timeout_longer(struct bule *b)
{
	b->timeout_us = MIN_OF(b->timeout_us * 2, b->pma->conf->max_timeout_us);
	b->peer->timeouts++;
	stat_inc(&b->pma->st, PMA_ST_RETRANS);
}

void
fsm_signal_timer(struct timer *t)
{
	struct bule *b = CONTAINER_OF(t, struct bule, t_signal);

	switch ((enum bul_state)b->state) {
	case BUL_PROFILE:
		profile_look_up(b);	/* the policy did not answer */
		break;
	case BUL_REG:
	case BUL_REREG:
		if (b->state == BUL_REG && b->accepted && !b->awaiting) {
			/* the data plane is at it: look again later */
			timer_arm(wheel_of(b), t,
			    b->pma->conf->initial_timeout_us);
			break;
		}
		if (b->awaiting)
			timeout_longer(b);
		pbu_send(b, pbu_lifetime(b));
		break;
	case BUL_ACTIVE:
		refresh(b);
		break;
	case BUL_DEREG:
		if (b->awaiting) {
			timeout_longer(b);
			if (++b->tries >= b->pma->conf->dereg_tries) {
				deregistered(b);
				return;
			}
		}
		pbu_send(b, 0);
		break;
	case BUL_VISITOR:
		visitor_check(b);
		break;
	case BUL_BACKOFF:
		fsm_set_state(b, BUL_REG);
		/* timeout_us keeps the back-off, so that the next is longer */
		pbu_send(b, pbu_lifetime(b));
		break;
	default:
		break;
	}
}

void
fsm_expiry_timer(struct timer *t)
{
	struct bule *b = CONTAINER_OF(t, struct bule, t_expiry);

	stat_inc(&b->pma->st, PMA_ST_EXPIRED);
	log_warn(LOG(b), MOD(b), "expired", KV_STR("nai", b->nai),
	    KV_IN6("ha", &b->peer->address));
	if (b->state == BUL_REREG || b->state == BUL_ACTIVE)
		fsm_set_state(b, BUL_REG);
	fsm_stop_service(b);
	/* A node that is being asked whether it is there answers first. */
	if (b->state == BUL_REG && !timer_armed(&b->t_signal) &&
	    !b->refresh_after_probe)
		pbu_send(b, pbu_lifetime(b));
}

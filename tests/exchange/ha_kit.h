/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the home agent share: a world with one home agent, and
 * Proxy Binding Updates made by hand.
 */
#ifndef PMIP_TEST_HA_KIT_H
#define PMIP_TEST_HA_KIT_H

#include <check.h>
#include <string.h>

#include "core/util.h"
#include "exchange/names.h"
#include "exchange/sim.h"

#define STRANGER "2001:db8:bad::1"

/* One world with one home agent; PMAs are addresses only. */
struct t {
	struct sim *s;
	struct sim_node *ha;
	struct ha_conf *conf;
	struct profile *mn1, *mn2;
	uint64_t last_ts;
	uint16_t seq;
};

/* One request; what is zero gets the value of a good one. */
struct q {
	const char *src, *dst, *nai, *hnp, *hnp2, *alt, *lla;
	unsigned life_s;	/* 300 */
	bool dereg;		/* lifetime 0 */
	bool no_ts, no_nai, no_hnp, bad_ts;
	int64_t ts_off_us;	/* from the true time; 0: fresh */
	uint64_t ts;		/* exactly this */
	uint16_t flags;
	const char *ip4;		/* IPv4 address of the option */
	uint8_t ip4_opt;		/* 29 (the default), 36, or 65: both */
	bool ip4_prefix;
};

static inline struct t
setup_conf(bool start)
{
	struct t t = { .s = sim_new(7), .seq = 100 };

	t.conf = sim_ha_conf(t.s, HA);
	sim_ha_allow(t.s, t.conf, P1);
	sim_ha_allow(t.s, t.conf, P2);
	sim_ha_allow(t.s, t.conf, P3);
	t.mn1 = sim_profile(t.s, MN1, HNP1, NULL);
	t.mn2 = sim_profile(t.s, MN2, HNP2, NULL);
	if (start)
		t.ha = sim_add_ha(t.s, HA, t.conf);
	return t;
}

static inline struct t
setup(void)
{
	return setup_conf(true);
}

static inline int64_t
wall(const struct t *t)
{
	return SIM_WALL_START + sim_now(t->s) - 1000 * USEC_PER_SEC;
}

static inline uint64_t
stamp(struct t *t, const struct q *q)
{
	uint64_t ts = q->ts;

	if (ts == 0)
		ts = mh_ts_from_us(wall(t) + q->ts_off_us);
	if (q->ts == 0 && q->ts_off_us == 0) {
		if (ts <= t->last_ts)
			ts = t->last_ts + 1;
		t->last_ts = ts;
	}
	return ts;
}

static inline void
make_ip4(const struct q *q, struct mh_msg *m)
{
	struct mh_ip4 v = { .plen = 32, .prefix_request = q->ip4_prefix };

	ck_assert_int_eq(in4_parse(q->ip4, &v.addr), 0);
	if (q->ip4_opt != 36) {
		m->o.have |= MHO_IP4_HOA;
		m->o.ip4_hoa = v;
	}
	v.prefix_request = false;
	if (q->ip4_opt != 29 && q->ip4_opt != 0) {
		m->o.have |= MHO_IP4_REQ;
		m->o.ip4_req = v;
	}
}

static inline void
make(struct t *t, const struct q *q, struct mh_msg *m)
{
	const char *nai = q->nai != NULL ? q->nai : MN1;
	const char *hnp = q->hnp != NULL ? q->hnp :
	    strcmp(nai, MN2) == 0 ? HNP2 : HNP1;

	*m = (struct mh_msg){ .type = MH_BU };
	m->bu.seq = ++t->seq;
	m->bu.flags = q->flags != 0 ? q->flags : BU_A | BU_H | BU_P;
	m->bu.lifetime_4s = q->dereg ? 0 :
	    (uint16_t)((q->life_s != 0 ? q->life_s : 300) / 4);
	if (!q->no_nai) {
		m->o.have |= MHO_MN_ID;
		m->o.mn_id_subtype = 1;
		m->o.mn_id = nai;
		m->o.mn_id_len = (uint8_t)strlen(nai);
	}
	if (!q->no_hnp) {
		m->o.have |= MHO_HNP;
		m->o.hnp[m->o.nhnp++] = sim_prefix(hnp);
		if (q->hnp2 != NULL)
			m->o.hnp[m->o.nhnp++] = sim_prefix(q->hnp2);
	}
	if (!q->no_ts) {
		m->o.have |= MHO_TIMESTAMP;
		m->o.timestamp = stamp(t, q);
	}
	if (q->alt != NULL) {
		m->o.have |= MHO_ALT_COA;
		m->o.alt_coa = sim_in6(q->alt);
	}
	if (q->lla != NULL) {
		m->o.have |= MHO_LINK_LOCAL;
		m->o.link_local = sim_in6(q->lla);
	}
	if (q->ip4 != NULL)
		make_ip4(q, m);
}

static inline const char *
src_of(const struct q *q)
{
	return q->src != NULL ? q->src : P1;
}

static inline const char *
dst_of(const struct q *q)
{
	return q->dst != NULL ? q->dst : HA;
}

/* Put it on the wire; the sequence number it got. */
static inline uint16_t
put(struct t *t, struct q q)
{
	struct mh_msg m;

	make(t, &q, &m);
	sim_send_mh(t->s, src_of(&q), dst_of(&q), &m);
	return m.bu.seq;
}

/* Send and get the answer, which must have all that every PBA has. */
static inline const struct sim_pkt *
ask(struct t *t, struct q q, int status)
{
	const struct sim_pkt *p;
	struct mh_msg m;

	make(t, &q, &m);
	sim_skip(t->s);
	sim_send_mh(t->s, src_of(&q), dst_of(&q), &m);
	p = sim_expect_pba(t->s, dst_of(&q), src_of(&q), status);
	ck_assert_uint_eq(p->m.ba.seq, m.bu.seq);
	ck_assert_uint_eq(p->m.ba.flags, BA_P);		/* D8.2-2 */
	ck_assert(p->m.o.have & MHO_TIMESTAMP);		/* D8.4-2 */
	if (q.no_nai) {
		ck_assert(!(p->m.o.have & MHO_MN_ID));	/* A48 */
	} else {
		ck_assert_uint_eq(p->m.o.mn_id_len, m.o.mn_id_len);
		ck_assert_mem_eq(p->m.o.mn_id, m.o.mn_id, m.o.mn_id_len);
	}
	if (status == BA_ACCEPTED)
		ck_assert_uint_eq(p->m.o.timestamp, m.o.timestamp);
	else
		ck_assert_uint_eq(p->m.ba.lifetime_4s, 0);	/* A37 */
	return p;
}

/* Ask, be refused for exactly that reason, and leave no trace. */
static inline const struct sim_pkt *
refused(struct t *t, struct q q, int status, const char *counter)
{
	uint64_t before = sim_stat(t->ha, "ha", counter);
	size_t paths = sim_kpaths(t->ha), tunnels = t->ha->kernel.ntunnels;
	uint64_t sets = t->ha->kernel.sets;
	const struct sim_pkt *p = ask(t, q, status);

	sim_run_for(t->s, USEC_PER_SEC);
	ck_assert_msg(sim_stat(t->ha, "ha", counter) == before + 1,
	    "not refused by %s", counter);
	ck_assert_uint_eq(sim_kpaths(t->ha), paths);
	ck_assert_uint_eq(t->ha->kernel.ntunnels, tunnels);
	ck_assert_uint_eq(t->ha->kernel.sets, sets);
	return p;
}

static inline uint32_t
users(struct t *t, const char *pma)
{
	struct dp_tunnel *tun = sim_tunnel(t->ha, HA, pma);

	return tun == NULL ? 0 : tun->users;
}

static inline void
silence(struct t *t)
{
	sim_expect_silence(t->s, HA, NULL, 5 * USEC_PER_SEC);
}

/* The end of troubles; long enough for retries of removals. */
static inline void
calm(struct t *t)
{
	sim_calm(t->ha);
	sim_run_for(t->s, 11 * SEC);
}

/* What is still bound expires; no path, no tunnel, no timer is left. */
static inline void
dies_out(struct t *t)
{
	calm(t);
	sim_run_for(t->s, 60 * SEC);
	ck_assert_uint_eq(sim_kpaths(t->ha), 0);
	ck_assert_uint_eq(t->ha->kernel.ntunnels, 0);
	ck_assert_ptr_null(tunnel_first(t->ha->dp->tunnels));
	ck_assert_uint_eq(wheel_count(t->ha->env.wheel), 0);
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the proxy mobile agent share: a world with one access
 * router and two nodes, and a home agent that is only an address and answers by
 * hand.
 */
#ifndef PMIP_TEST_PMA_KIT_H
#define PMIP_TEST_PMA_KIT_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"
#include "exchange/names.h"
#include "exchange/sim.h"

struct t {
	struct sim *s;
	struct sim_node *pma;
	struct pma_conf *conf;
	struct profile *prof1, *prof2;
	struct sim_mn *mn1, *mn2;
	usec_t last_ack;	/* when admit() answered */
};

static inline struct t
setup_stopped(void)
{
	struct t t = { .s = sim_new(11) };

	t.conf = sim_pma_conf(t.s, P1);
	t.prof1 = sim_profile(t.s, MN1, HNP1, MAC1);
	t.prof2 = sim_profile(t.s, MN2, HNP2, MAC2);
	t.mn1 = sim_mn_new(t.s, MAC1);
	t.mn2 = sim_mn_new(t.s, MAC2);
	return t;
}

static inline void
start(struct t *t)
{
	if (t->conf->access.n == 0)
		sim_pma_access(t->s, t->conf, "acc0", 0, NULL);
	t->pma = sim_add_pma(t->s, P1, t->conf);
	sim_mn_plug(t->mn1, t->pma, 1);
	sim_mn_plug(t->mn2, t->pma, 1);
}

static inline struct t
setup(void)
{
	struct t t = setup_stopped();

	start(&t);
	return t;
}

static inline uint64_t
stat_of(struct t *t, const char *name)
{
	return sim_stat(t->pma, "pma", name);
}

/* --- the home agent, by hand ------------------------------------------- */

/* The next PBU; to anybody. */
static inline const struct sim_pkt *
pbu(struct t *t)
{
	const struct sim_pkt *p = sim_wait_mh(t->s, MH_BU, P1, NULL,
	    1000 * SEC);

	ck_assert_ptr_nonnull(p);
	ck_assert_int_eq(p->parsed, MH_OK);
	return p;
}

/* An answer to `p` that is right in every respect but its status. */
static inline struct mh_msg
answer_to(const struct sim_pkt *p, int status, unsigned life_s)
{
	struct mh_msg m = { .type = MH_BA };

	m.ba.status = (uint8_t)status;
	m.ba.flags = BA_P;
	m.ba.seq = p->m.bu.seq;
	m.ba.lifetime_4s = (uint16_t)(life_s / 4);
	m.o = p->m.o;
	m.o.have &= MHO_MN_ID | MHO_HNP | MHO_TIMESTAMP;
	return m;
}

static inline void
say(struct t *t, const struct sim_pkt *p, const struct mh_msg *m)
{
	char src[ADDR_STRLEN];

	sim_send_mh(t->s, in6_str(&p->dst, src), P1, m);
	sim_run_for(t->s, 10 * USEC_PER_MSEC);
}

static inline void
ack(struct t *t, const struct sim_pkt *p, int status, unsigned life_s)
{
	struct mh_msg m = answer_to(p, status, life_s);

	say(t, p, &m);
}

/* The next request is for that lifetime; accept it. */
static inline const struct sim_pkt *
admit(struct t *t, unsigned life_s)
{
	const struct sim_pkt *p = pbu(t);

	ck_assert_uint_gt(p->m.bu.lifetime_4s, 0);
	t->last_ack = sim_now(t->s);
	ack(t, p, BA_ACCEPTED, life_s);
	return p;
}

/* mn1 is hosted, and was told so. */
static inline void
in_service(struct t *t)
{
	ck_assert(sim_routed(t->pma, HNP1, HA));
	ck_assert(sim_mn_has_prefix(t->mn1, HNP1));
}

/* Attach mn1 by an RS, to the end. */
static inline void
attach(struct t *t)
{
	sim_mn_rs(t->mn1);
	admit(t, 300);
	in_service(t);
}

/* Nothing of the node is left, and nobody was told the contrary. */
static inline void
no_service(struct t *t)
{
	ck_assert(sim_routed(t->pma, HNP1, NULL));
	ck_assert(!sim_mn_has_prefix(t->mn1, HNP1));
	ck_assert_uint_eq(t->pma->kernel.ntunnels, 0);
}

/* How many RAs so far promise a prefix. */
static inline size_t
promises(struct t *t)
{
	size_t n = 0;

	for (size_t i = 0; i < sim_ras(t->s); i++) {
		const struct sim_ra *ra = sim_ra(t->s, i);

		ck_assert(ra->good);
		n += ra->ra.npio > 0 && (ra->ra.pio[0].valid_s > 0 ||
		    ra->ra.pio[0].preferred_s > 0);
	}
	return n;
}

static inline bool
shown(struct t *t, const char *cmd, const char *what)
{
	char line[256];

	snprintf(line, sizeof(line), "{\"v\":1,\"cmd\":%s}", cmd);
	return strstr(sim_ctl(t->pma, line), what) != NULL;
}

static inline bool
in_state(struct t *t, const char *nai, const char *state)
{
	char cmd[128], what[64];

	snprintf(cmd, sizeof(cmd), "\"show mn\",\"args\":{\"nai\":\"%s\"}",
	    nai);
	snprintf(what, sizeof(what), "\"state\":\"%s\"", state);
	return shown(t, cmd, what);
}

static inline bool
known(struct t *t, const char *nai)
{
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "\"show mn\",\"args\":{\"nai\":\"%s\"}",
	    nai);
	return shown(t, cmd, "\"state\"");
}

#endif

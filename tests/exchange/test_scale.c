/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many bindings: 100,000 nodes registered, refreshed, moved and expired at one
 * home agent.  What it holds per binding and how long the longest single step
 * takes are measured and printed; the memory is a promise (ARCHITECTURE
 * section 6: 512 octets, indexes included, profile excluded) and asserted.
 */
#include <check.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/util.h"
#include "exchange/names.h"
#include "exchange/sim.h"
#include "roles/ha/ha_cache.h"
#include "suite.h"

#define LIFETIME_4S 900
#define BATCH 50
#define PMAS 16

/* Few under a tool that makes everything slow (tests/run-check says so). */
static unsigned
nodes(void)
{
	return getenv("PMIPD_SLOW") != NULL ? 2000 : 100000;
}

/* Of this thread: what else runs on the machine must not count. */
static double
cpu_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static void
nai_of(unsigned i, char *buf, size_t cap)
{
	snprintf(buf, cap, "mn%06u@example.com", i);
}

/* 2001:db8:10xx:xxxx::/64 */
static void
prefix_of(unsigned i, char *buf, size_t cap)
{
	snprintf(buf, cap, "2001:db8:%x:%x::/64", 0x1000 + (i >> 16),
	    i & 0xffff);
}

struct big {
	struct sim *s;
	struct sim_node *ha;
	unsigned n;
	double worst_ms;	/* the longest step */
	double spent_ms;	/* all of them */
	uint64_t steps;
};

static void
step_all(struct big *b, usec_t limit)
{
	for (;;) {
		double t0 = cpu_ms(), d;

		if (!sim_step(b->s, limit))
			break;
		d = cpu_ms() - t0;
		b->spent_ms += d;
		b->steps++;
		if (d > b->worst_ms)
			b->worst_ms = d;
	}
}

static void
pbu(struct big *b, unsigned i, unsigned pma, uint16_t lifetime_4s)
{
	struct mh_msg m = { .type = MH_BU };
	struct in6_addr src = sim_in6("2001:db8:b::"), dst = sim_in6(HA);
	char nai[NAI_MAX + 1], hnp[ADDR_STRLEN];
	uint8_t buf[256];
	int len;

	src.s6_addr[15] = (uint8_t)pma;
	nai_of(i, nai, sizeof(nai));
	prefix_of(i, hnp, sizeof(hnp));
	m.bu.flags = BU_A | BU_H | BU_P;
	m.bu.lifetime_4s = lifetime_4s;
	m.o.have = MHO_MN_ID | MHO_HNP | MHO_TIMESTAMP | MHO_ALT_COA;
	m.o.mn_id_subtype = 1;
	m.o.mn_id = nai;
	m.o.mn_id_len = (uint8_t)strlen(nai);
	m.o.nhnp = 1;
	m.o.hnp[0] = sim_prefix(hnp);
	m.o.alt_coa = src;
	m.o.timestamp = mh_ts_from_us(SIM_WALL_START + sim_now(b->s) -
	    1000 * USEC_PER_SEC);
	len = mh_build(&m, &src, &dst, &mh_wire_default, buf, sizeof(buf));
	ck_assert_int_gt(len, 0);
	sim_send_raw(b->s, &src, &dst, buf, (size_t)len);
}

/* A PBU for everybody, BATCH of them every 2 ms. */
static void
round_of(struct big *b, const char *what, unsigned shift)
{
	double t0 = cpu_ms();

	b->worst_ms = 0;
	b->spent_ms = 0;
	b->steps = 0;
	for (unsigned i = 0; i < b->n; i++) {
		pbu(b, i, 1 + (i + shift) % PMAS, LIFETIME_4S);
		if (i % BATCH == BATCH - 1)
			step_all(b, sim_now(b->s) + 2 * USEC_PER_MSEC);
	}
	step_all(b, sim_now(b->s) + 2 * USEC_PER_SEC);
	sim_run_for(b->s, USEC_PER_SEC);
	printf("%-10s %u: %.0f ms, %.2f us a step, worst %.3f ms\n", what,
	    b->n, cpu_ms() - t0, b->spent_ms * 1e3 / (double)b->steps,
	    b->worst_ms);
}

static uint64_t
stat(const struct big *b, const char *name)
{
	return sim_stat(b->ha, "ha", name);
}

static void
big_new(struct big *b, bool forget)
{
	struct ha_conf *c;
	struct prefix *home;

	*b = (struct big){ .s = sim_new(3), .n = nodes() };
	sim_trace(b->s, false);
	for (unsigned i = 0; i < b->n; i++) {
		char nai[NAI_MAX + 1], hnp[ADDR_STRLEN];

		nai_of(i, nai, sizeof(nai));
		prefix_of(i, hnp, sizeof(hnp));
		sim_profile(b->s, nai, hnp, NULL);
	}
	c = sim_ha_conf(b->s, HA);
	home = sim_alloc(b->s, sizeof(*home));
	*home = sim_prefix("2001:db8:1000::/36");
	c->home_prefixes = (struct cfg_list){ home, 1 };
	for (unsigned i = 1; i <= PMAS; i++) {
		char a[ADDR_STRLEN];

		snprintf(a, sizeof(a), "2001:db8:b::%x", i);
		sim_ha_allow(b->s, c, a);
	}
	b->ha = sim_add_ha(b->s, HA, c);
	b->ha->kernel.forget = forget;
	sim_listen(b->ha, false);
}

START_TEST(test_memory_per_binding)
{
	struct big b;
	size_t before, after;

	big_new(&b, true);	/* do not count the model of the kernel */
	/* Everything that grows once has grown. */
	pbu(&b, 0, 1, LIFETIME_4S);
	sim_run_for(b.s, USEC_PER_SEC);
	before = mallinfo2().uordblks;
	round_of(&b, "register", 0);
	after = mallinfo2().uordblks;
	ck_assert_uint_eq(stat(&b, "bindings-created"), b.n);
	if (before > 0) {	/* not under a sanitizer */
		size_t each = (after - before) / (b.n - 1);

		printf("memory: %zu octets a binding (the entry %zu)\n", each,
		    sizeof(struct bce));
		ck_assert_msg(each <= 512, "%zu octets a binding", each);
		ck_assert_uint_gt(each, sizeof(struct bce));
	}
	ck_assert_uint_lt(sizeof(struct bce) + 20, 300);
	sim_free(b.s);
}
END_TEST

START_TEST(test_life_of_many)
{
	struct big b;
	double t0;

	big_new(&b, false);
	round_of(&b, "register", 0);
	ck_assert_uint_eq(stat(&b, "bindings-created"), b.n);
	ck_assert_uint_eq(sim_kpaths(b.ha), b.n);
	ck_assert_uint_eq(b.ha->kernel.ntunnels, PMAS);
	round_of(&b, "refresh", 0);
	ck_assert_uint_eq(stat(&b, "bindings-refreshed"), b.n);
	ck_assert_uint_eq(b.ha->kernel.sets, b.n);
	round_of(&b, "move", 1);
	ck_assert_uint_eq(stat(&b, "bindings-moved"), b.n);
	ck_assert_uint_eq(b.ha->kernel.replaces, b.n);
	ck_assert_uint_eq(sim_kpaths(b.ha), b.n);
	/* All of them run out within a few seconds. */
	t0 = cpu_ms();
	b.worst_ms = 0;
	step_all(&b, sim_now(b.s) + 4 * (LIFETIME_4S + 5) * USEC_PER_SEC);
	printf("%-10s %u: %.0f ms, worst step %.3f ms\n", "expire", b.n,
	    cpu_ms() - t0, b.worst_ms);
	ck_assert_uint_eq(stat(&b, "bindings-expired"), b.n);
	ck_assert_uint_eq(sim_kpaths(b.ha), 0);
	ck_assert_uint_eq(b.ha->kernel.ntunnels, 0);
	ck_assert_uint_eq(b.ha->kernel.absent_dels, 0);
	ck_assert_uint_eq(wheel_count(b.ha->env.wheel), 0);
	sim_free(b.s);
}
END_TEST

START_TEST(test_policy_change_for_many)
{
	struct big b;

	big_new(&b, false);
	round_of(&b, "register", 0);
	for (unsigned i = 0; i < b.n; i += 2) {
		char nai[NAI_MAX + 1];

		nai_of(i, nai, sizeof(nai));
		sim_profile_del(b.s, nai);
	}
	b.worst_ms = 0;
	sim_policy_changed(b.s);
	step_all(&b, sim_now(b.s) + 10 * USEC_PER_SEC);
	printf("%-10s %u: worst step %.3f ms\n", "policy", b.n, b.worst_ms);
	ck_assert_uint_eq(stat(&b, "bindings-withdrawn"), b.n / 2);
	ck_assert_uint_eq(sim_kpaths(b.ha), b.n / 2);
	sim_free(b.s);
}
END_TEST

START_TEST(test_a_hundred_daemons)
{
	struct sim *s = sim_new(5);
	struct sim_node *ha[100];
	char addr[ADDR_STRLEN], nai[64], hnp[ADDR_STRLEN];

	for (unsigned i = 0; i < 100; i++) {
		snprintf(addr, sizeof(addr), "2001:db8:a::%x", i + 1);
		ha[i] = sim_add_ha(s, addr, NULL);
	}
	for (unsigned i = 0; i < 100; i++) {
		struct mh_msg m = { .type = MH_BU };

		snprintf(addr, sizeof(addr), "2001:db8:a::%x", i + 1);
		snprintf(nai, sizeof(nai), "mn%u@example.com", i);
		snprintf(hnp, sizeof(hnp), "2001:db8:1:%x::/64", i);
		sim_profile(s, nai, hnp, NULL);
		m.bu.flags = BU_A | BU_P;
		m.bu.lifetime_4s = 10;
		m.o.have = MHO_MN_ID | MHO_HNP | MHO_TIMESTAMP;
		m.o.mn_id_subtype = 1;
		m.o.mn_id = nai;
		m.o.mn_id_len = (uint8_t)strlen(nai);
		m.o.nhnp = 1;
		m.o.hnp[0] = sim_prefix(hnp);
		m.o.timestamp = mh_ts_from_us(SIM_WALL_START);
		sim_send_mh(s, "2001:db8:b::1", addr, &m);
		sim_expect_pba(s, addr, "2001:db8:b::1", BA_ACCEPTED);
		ck_assert(sim_routed(ha[i], hnp, "2001:db8:b::1"));
	}
	sim_run_for(s, 41 * USEC_PER_SEC);
	for (unsigned i = 0; i < 100; i++)
		ck_assert_uint_eq(sim_kpaths(ha[i]), 0);
	sim_free(s);
}
END_TEST

int
main(void)
{
	Suite *su = suite_create("scale");
	TCase *tc = tcase_create("scale");

	tcase_add_test(tc, test_memory_per_binding);
	tcase_add_test(tc, test_life_of_many);
	tcase_add_test(tc, test_policy_change_for_many);
	tcase_add_test(tc, test_a_hundred_daemons);
	tcase_set_timeout(tc, 120);
	suite_add_tcase(su, tc);
	return suite_run(su);
}

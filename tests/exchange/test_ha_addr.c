/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every address a node can have, as the home agent sees it: addresses of a
 * shared prefix (D5.3-2, D6.10-13 to -15, A18), IPv4 home addresses (draft 5.6,
 * A5), both paths set and undone together, addresses that change, are lost and
 * gained.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "exchange/ha_kit.h"
#include "suite.h"

#define SHARED "2001:db8:1:5::/64"
#define A1 "2001:db8:1:5::a1/128"
#define A2 "2001:db8:1:5::a2/128"
#define A3 "2001:db8:1:5::a3/128"
#define V4 "10.1.0.5"
#define V4B "10.1.0.6"
#define V4P V4 "/32"
#define V4BP V4B "/32"

static void
give_ip4(struct profile *p)
{
	p->ip4.at.line = 1;
	p->ip4.home_subnet = sim_prefix("10.1.0.0/24");
	ck_assert_int_eq(in4_parse("10.1.0.1", &p->ip4.router), 0);
}

static void
give_static_ip4(struct profile *p, const char *a)
{
	ck_assert_int_eq(in4_parse(a, &p->ip4.home_address), 0);
}

/* A world that anchors IPv4, too; mn1 has it by DHCP, mn2 has none. */
static struct t
setup4(void)
{
	struct t t = setup_conf(false);
	struct prefix *home = sim_alloc(t.s, 2 * sizeof(*home));

	home[0] = sim_prefix("2001:db8:1::/48");
	home[1] = sim_prefix("10.1.0.0/16");
	t.conf->home_prefixes = (struct cfg_list){ home, 2 };
	give_ip4(t.mn1);
	t.ha = sim_add_ha(t.s, HA, t.conf);
	return t;
}

/* mn1 and mn2 share a prefix. */
static struct t
setup_shared(void)
{
	struct t t = setup4();

	t.mn1->home_prefix = t.mn2->home_prefix = sim_prefix(SHARED);
	t.mn1->model = t.mn2->model = MODEL_SHARED_PREFIX;
	return t;
}

static void
answers_hnp(const struct sim_pkt *p, const char *want)
{
	struct prefix w = sim_prefix(want);

	ck_assert_uint_eq(p->m.o.nhnp, 1);
	ck_assert(prefix_eq(&p->m.o.hnp[0], &w));
}

/* --- Shared-Prefix ------------------------------------------------------ */

/* D5.3-2, D5.9-7, D6.10-13: each its address, the rest of the prefix nobody. */
START_TEST(test_shared_two_nodes)
{
	struct t t = setup_shared();

	answers_hnp(ask(&t, (struct q){ .hnp = A1 }, BA_ACCEPTED), A1);
	answers_hnp(ask(&t, (struct q){ .nai = MN2, .hnp = A2, .src = P2 },
	    BA_ACCEPTED), A2);
	ck_assert(sim_routed(t.ha, A1, P1));
	ck_assert(sim_routed(t.ha, A2, P2));
	ck_assert(sim_routed(t.ha, A3, NULL));
	ck_assert(sim_routed(t.ha, SHARED, NULL));
	ck_assert_uint_eq(sim_kpaths(t.ha), 2);
	/* One goes, the other stays. */
	ask(&t, (struct q){ .hnp = A1, .dereg = true }, BA_ACCEPTED);
	ck_assert(sim_routed(t.ha, A1, NULL));
	ck_assert(sim_routed(t.ha, A2, P2));
	sim_free(t.s);
}
END_TEST

/* D6.10-14, -15, A18, D5.9-6: DNAv6, no option; known or 147. */
START_TEST(test_shared_without_option)
{
	struct t t = setup_shared();

	refused(&t, (struct q){ .no_hnp = true }, BA_HOME_ADDRESS_REQUIRED,
	    "refused-no-hnp");
	/* The prefix alone names no address. */
	refused(&t, (struct q){ .hnp = SHARED }, BA_HOME_ADDRESS_REQUIRED,
	    "refused-no-hnp");
	ask(&t, (struct q){ .hnp = A1 }, BA_ACCEPTED);
	/* It moves and does no DHCP. */
	answers_hnp(ask(&t, (struct q){ .no_hnp = true, .src = P2 },
	    BA_ACCEPTED), A1);
	ck_assert(sim_routed(t.ha, A1, P2));
	answers_hnp(ask(&t, (struct q){ .hnp = SHARED, .src = P2 },
	    BA_ACCEPTED), A1);
	/* It has left: nothing is known. */
	ask(&t, (struct q){ .hnp = A1, .src = P2, .dereg = true },
	    BA_ACCEPTED);
	refused(&t, (struct q){ .no_hnp = true }, BA_HOME_ADDRESS_REQUIRED,
	    "refused-no-hnp");
	sim_free(t.s);
}
END_TEST

/* 5.9: the policy has the home address; then it is known to begin with. */
START_TEST(test_shared_static)
{
	struct t t = setup_shared();

	t.mn1->home_address = sim_in6("2001:db8:1:5::a1");
	answers_hnp(ask(&t, (struct q){ .no_hnp = true }, BA_ACCEPTED), A1);
	ck_assert(sim_routed(t.ha, A1, P1));
	answers_hnp(ask(&t, (struct q){ .hnp = SHARED, .src = P2 },
	    BA_ACCEPTED), A1);
	answers_hnp(ask(&t, (struct q){ .hnp = A1 }, BA_ACCEPTED), A1);
	refused(&t, (struct q){ .hnp = A2 }, BA_PROHIBITED,
	    "refused-not-mns-prefix");
	ck_assert(sim_routed(t.ha, A1, P1));
	/* Nobody else gets it while it is bound (D6.4-3). */
	refused(&t, (struct q){ .nai = MN2, .hnp = A1, .src = P2 },
	    BA_DAD_FAILED, "refused-prefix-taken");
	/* The operator changes it: the binding ends, a new one is right. */
	t.mn1->home_address = sim_in6("2001:db8:1:5::a3");
	sim_policy_changed(t.s);
	sim_run_for(t.s, USEC_PER_SEC);
	ck_assert(sim_routed(t.ha, A1, NULL));
	answers_hnp(ask(&t, (struct q){ .no_hnp = true }, BA_ACCEPTED), A3);
	sim_free(t.s);
}
END_TEST

/* D6.4-3, A7, A50: whose address is it, and is it one at all? */
START_TEST(test_shared_refusals)
{
	struct t t = setup_shared();

	ask(&t, (struct q){ .hnp = A1 }, BA_ACCEPTED);
	refused(&t, (struct q){ .nai = MN2, .hnp = A1, .src = P2 },
	    BA_DAD_FAILED, "refused-prefix-taken");
	ck_assert(sim_routed(t.ha, A1, P1));
	refused(&t, (struct q){ .nai = MN2, .hnp = "2001:db8:1:6::a2/128" },
	    BA_PROHIBITED, "refused-not-mns-prefix");
	refused(&t, (struct q){ .nai = MN2, .hnp = "2001:db8:2:5::a2/128" },
	    BA_NOT_HOME_SUBNET, "refused-not-anchored");
	/* Anycast addresses of the prefix are no node's (A31, A33). */
	refused(&t, (struct q){ .nai = MN2, .hnp = "2001:db8:1:5::/128" },
	    BA_PROHIBITED, "refused-not-mns-prefix");
	refused(&t, (struct q){ .nai = MN2,
	    .hnp = "2001:db8:1:5:fdff:ffff:ffff:fffe/128" },
	    BA_PROHIBITED, "refused-not-mns-prefix");
	ck_assert_uint_eq(sim_kpaths(t.ha), 1);
	sim_free(t.s);
}
END_TEST

/*
 * D6.10-13, -16: the lease ran out, DHCP gave another address, the fresh PBU
 * names it.  Make before break: the old path goes when the new one is there.
 */
START_TEST(test_shared_new_address)
{
	struct t t = setup_shared();
	usec_t limit;

	t.ha->kernel.delay_us = 100 * USEC_PER_MSEC;
	ask(&t, (struct q){ .hnp = A1 }, BA_ACCEPTED);
	put(&t, (struct q){ .hnp = A2, .src = _i == 1 ? P2 : P1 });
	limit = sim_now(t.s) + USEC_PER_SEC;
	while (sim_step(t.s, limit))
		ck_assert(!sim_routed(t.ha, A1, NULL) ||
		    !sim_routed(t.ha, A2, NULL));
	answers_hnp(sim_expect_pba(t.s, HA, _i == 1 ? P2 : P1, BA_ACCEPTED),
	    A2);
	ck_assert(sim_routed(t.ha, A1, NULL));
	ck_assert(sim_routed(t.ha, A2, _i == 1 ? P2 : P1));
	ck_assert_uint_eq(sim_kpaths(t.ha), 1);
	ck_assert_uint_eq(users(&t, P1), _i == 0);
	ck_assert_uint_eq(users(&t, P2), _i == 1);
	ck_assert_uint_eq(sim_stat(t.ha, "ha", "bindings-changed"), _i == 0);
	ck_assert_uint_eq(sim_stat(t.ha, "ha", "bindings-moved"), _i == 1);
	/* The old one is free, the new one is not. */
	refused(&t, (struct q){ .nai = MN2, .hnp = A2 }, BA_DAD_FAILED,
	    "refused-prefix-taken");
	ask(&t, (struct q){ .nai = MN2, .hnp = A1 }, BA_ACCEPTED);
	/* The cache answers with the new one (A18). */
	answers_hnp(ask(&t, (struct q){ .no_hnp = true, .src = P3 },
	    BA_ACCEPTED), A2);
	sim_free(t.s);
}
END_TEST

/* While it is under way nobody can have either; then it fails. */
START_TEST(test_shared_new_address_refused)
{
	struct t t = setup_shared();

	ask(&t, (struct q){ .hnp = A1 }, BA_ACCEPTED);
	t.ha->kernel.delay_us = USEC_PER_SEC;
	t.ha->kernel.refuse_set = 1;
	put(&t, (struct q){ .hnp = A2 });
	sim_run_for(t.s, 100 * USEC_PER_MSEC);
	ask(&t, (struct q){ .nai = MN2, .hnp = A1, .src = P2 },
	    BA_DAD_FAILED);
	ask(&t, (struct q){ .nai = MN2, .hnp = A2, .src = P2 },
	    BA_DAD_FAILED);
	sim_expect_pba(t.s, HA, P1, BA_NO_RESOURCES);
	t.ha->kernel.delay_us = 0;
	ck_assert(sim_routed(t.ha, A1, P1));
	ck_assert(sim_routed(t.ha, A2, NULL));
	ask(&t, (struct q){ .nai = MN2, .hnp = A2, .src = P2 }, BA_ACCEPTED);
	ask(&t, (struct q){ .hnp = A1 }, BA_ACCEPTED);
	ck_assert_uint_eq(sim_stat(t.ha, "ha", "bindings-refreshed"), 1);
	sim_free(t.s);
}
END_TEST

/* The kernel does not give the old one back: it is nobody's until it does. */
START_TEST(test_shared_old_address_sticks)
{
	struct t t = setup_shared();

	ask(&t, (struct q){ .hnp = A1 }, BA_ACCEPTED);
	t.ha->kernel.refuse_del = 2;
	ask(&t, (struct q){ .hnp = A2, .src = P2 }, BA_ACCEPTED);
	sim_run_for(t.s, USEC_PER_SEC);
	ck_assert(sim_routed(t.ha, A1, P1));
	ck_assert_uint_eq(users(&t, P1), 1);
	refused(&t, (struct q){ .nai = MN2, .hnp = A1 }, BA_NO_RESOURCES,
	    "refused-resources");
	/* The node itself is not held up. */
	ask(&t, (struct q){ .hnp = A2, .src = P2 }, BA_ACCEPTED);
	sim_run_for(t.s, 4 * USEC_PER_SEC);	/* once more in vain */
	ask(&t, (struct q){ .hnp = A2, .src = P2, .dereg = true },
	    BA_ACCEPTED);
	sim_run_for(t.s, 11 * USEC_PER_SEC);
	ck_assert_uint_eq(sim_stat(t.ha, "ha", "kernel-removal-failed"), 2);
	ck_assert_uint_eq(sim_kpaths(t.ha), 0);
	ck_assert_uint_eq(t.ha->kernel.ntunnels, 0);
	ask(&t, (struct q){ .nai = MN2, .hnp = A1 }, BA_ACCEPTED);
	sim_free(t.s);
}
END_TEST

/* Another profile, and the daemon stops, while something sticks. */
START_TEST(test_stop_with_a_sticking_path)
{
	struct t t = setup_shared();

	ask(&t, (struct q){ .hnp = A1 }, BA_ACCEPTED);
	t.ha->kernel.refuse_del = UINT_MAX;
	ask(&t, (struct q){ .hnp = A2, .src = P2 }, BA_ACCEPTED);
	sim_run_for(t.s, USEC_PER_SEC);
	if (_i == 1) {			/* ... and the kernel is asked */
		t.ha->kernel.delay_us = 10 * USEC_PER_SEC;
		sim_run_for(t.s, 6 * USEC_PER_SEC);
	}
	sim_node_stop(t.ha, false);
	ck_assert_uint_eq(sim_kpaths(t.ha), 0);
	sim_free(t.s);
}
END_TEST

/* Delete delay: the address is kept, a new one replaces it. */
START_TEST(test_shared_new_address_after_delay)
{
	struct t t = setup_shared();

	t.conf->min_delete_delay_us = 10 * USEC_PER_SEC;
	ask(&t, (struct q){ .hnp = A1, .ip4 = V4 }, BA_ACCEPTED);
	ask(&t, (struct q){ .hnp = A1, .dereg = true }, BA_ACCEPTED);
	ck_assert_uint_eq(sim_kpaths(t.ha), 0);
	ask(&t, (struct q){ .nai = MN2, .hnp = A1 }, BA_DAD_FAILED);
	ask(&t, (struct q){ .hnp = A2, .ip4 = V4B }, BA_ACCEPTED);
	ck_assert(sim_routed(t.ha, A2, P1));
	ck_assert(sim_routed(t.ha, V4BP, P1));
	give_ip4(t.mn2);
	ask(&t, (struct q){ .nai = MN2, .hnp = A1, .ip4 = V4 }, BA_ACCEPTED);
	ck_assert(sim_routed(t.ha, V4P, P1));
	sim_run_for(t.s, 20 * USEC_PER_SEC);
	ck_assert_uint_eq(sim_kpaths(t.ha), 4);
	sim_free(t.s);
}
END_TEST

/* --- IPv4 ---------------------------------------------------------------- */

/* The answer to option 29 or 36 is of its kind (A5). */
static void
answers_ip4(const struct sim_pkt *p, uint8_t opt, uint8_t status,
    const char *addr)
{
	const struct mh_ip4 *v = opt == 36 ? &p->m.o.ip4_reply :
	    &p->m.o.ip4_ack;
	struct in_addr want;

	ck_assert_int_eq(in4_parse(addr, &want), 0);
	ck_assert_int_eq((p->m.o.have & MHO_IP4_ACK) != 0, opt == 29);
	ck_assert_int_eq((p->m.o.have & MHO_IP4_REPLY) != 0, opt == 36);
	ck_assert_int_eq((p->m.o.have & MHO_IP4_ROUTER) != 0,
	    opt == 36 && status == 0);
	ck_assert_uint_eq(v->status, status);
	ck_assert_uint_eq(v->addr.s_addr, want.s_addr);
	ck_assert_uint_eq(v->plen, status == 0 ? 24 : 0);
	if (opt == 36 && status == 0)
		ck_assert_uint_eq(p->m.o.ip4_router.s_addr,
		    htonl(0x0a010001));
}

/* D5.6-4 to -6, D5.3-3, D5.1-5, A15: one tunnel, two paths, one user. */
START_TEST(test_ip4)
{
	struct t t = setup4();
	static const uint8_t opts[] = { 29, 36 };
	const char *text;

	answers_ip4(ask(&t, (struct q){ .ip4 = V4, .ip4_opt = opts[_i] },
	    BA_ACCEPTED), opts[_i], 0, V4);
	ck_assert(sim_routed(t.ha, HNP1, P1));
	ck_assert(sim_routed(t.ha, V4P, P1));
	ck_assert_uint_eq(users(&t, P1), 1);
	ck_assert_uint_eq(sim_stat(t.ha, "ha", "ip4-added"), 1);
	text = sim_ctl(t.ha, "{\"v\":1,\"cmd\":\"show bindings\"}");
	ck_assert_msg(strstr(text, "\"hoa4\":\"" V4 "\"") != NULL, "%s", text);
	/* A refresh touches no route. */
	answers_ip4(ask(&t, (struct q){ .ip4 = V4, .ip4_opt = opts[_i] },
	    BA_ACCEPTED), opts[_i], 0, V4);
	ck_assert_uint_eq(t.ha->kernel.sets, 2);
	/* Handover: both paths, in place. */
	answers_ip4(ask(&t, (struct q){ .ip4 = V4, .ip4_opt = opts[_i],
	    .src = P2 }, BA_ACCEPTED), opts[_i], 0, V4);
	ck_assert(sim_routed(t.ha, HNP1, P2));
	ck_assert(sim_routed(t.ha, V4P, P2));
	ck_assert_uint_eq(sim_kpath(t.ha, V4P)->replaced, 1);
	ck_assert_uint_eq(t.ha->kernel.dels, 0);
	ck_assert(!sim_ktunnel(t.ha, HA, P1));
	/* The end takes both. */
	ask(&t, (struct q){ .src = P2, .dereg = true }, BA_ACCEPTED);
	ck_assert_uint_eq(sim_kpaths(t.ha), 0);
	ck_assert_uint_eq(t.ha->kernel.ntunnels, 0);
	sim_free(t.s);
}
END_TEST

START_TEST(test_ip4_both_options)
{
	struct t t = setup4();

	answers_ip4(ask(&t, (struct q){ .ip4 = V4, .ip4_opt = 65 },
	    BA_ACCEPTED), 29, 0, V4);
	sim_free(t.s);
}
END_TEST

/* D5.6-1: IPv4 is lost and gained while the binding lives. */
START_TEST(test_ip4_lost_and_gained)
{
	struct t t = setup4();
	const struct sim_pkt *p;

	ask(&t, (struct q){ 0 }, BA_ACCEPTED);
	ck_assert(sim_routed(t.ha, V4P, NULL));
	ask(&t, (struct q){ .ip4 = V4 }, BA_ACCEPTED);
	ck_assert(sim_routed(t.ha, V4P, P1));
	ck_assert_uint_eq(t.ha->kernel.sets, 2);	/* IPv6 untouched */
	p = ask(&t, (struct q){ 0 }, BA_ACCEPTED);
	ck_assert(!(p->m.o.have & (MHO_IP4_ACK | MHO_IP4_REPLY)));
	sim_run_for(t.s, USEC_PER_SEC);
	ck_assert(sim_routed(t.ha, V4P, NULL));
	ck_assert(sim_routed(t.ha, HNP1, P1));
	ck_assert_uint_eq(users(&t, P1), 1);
	ck_assert_uint_eq(sim_stat(t.ha, "ha", "ip4-removed"), 1);
	/* Lost by a handover: not even for a moment over the new tunnel. */
	ask(&t, (struct q){ .ip4 = V4 }, BA_ACCEPTED);
	ask(&t, (struct q){ .src = P2 }, BA_ACCEPTED);
	sim_run_for(t.s, USEC_PER_SEC);
	ck_assert(sim_routed(t.ha, V4P, NULL));
	ck_assert(sim_routed(t.ha, HNP1, P2));
	ck_assert(!sim_ktunnel(t.ha, HA, P1));
	/* Another address: the new one first, then the old one goes. */
	ask(&t, (struct q){ .src = P2, .ip4 = V4 }, BA_ACCEPTED);
	ask(&t, (struct q){ .src = P2, .ip4 = V4B }, BA_ACCEPTED);
	sim_run_for(t.s, USEC_PER_SEC);
	ck_assert(sim_routed(t.ha, V4BP, P2));
	ck_assert(sim_routed(t.ha, V4P, NULL));
	give_ip4(t.mn2);
	ask(&t, (struct q){ .nai = MN2, .ip4 = V4 }, BA_ACCEPTED);
	ck_assert(sim_routed(t.ha, V4P, P1));
	/* What came second is as much its own as what came first. */
	for (unsigned i = 0; i < 2; i++) {	/* before and after a handover */
		ask(&t, (struct q){ .src = i == 0 ? P2 : P3, .ip4 = V4B },
		    BA_ACCEPTED);
		answers_ip4(ask(&t, (struct q){ .nai = MN2, .ip4 = V4B },
		    BA_ACCEPTED), 29, 128, V4B);
	}
	ask(&t, (struct q){ .src = P3, .dereg = true }, BA_ACCEPTED);
	answers_ip4(ask(&t, (struct q){ .nai = MN2, .ip4 = V4B },
	    BA_ACCEPTED), 29, 0, V4B);
	ck_assert(sim_routed(t.ha, V4BP, P1));
	sim_free(t.s);
}
END_TEST

/* 0.0.0.0: the profile's, else the binding's, else 132. */
START_TEST(test_ip4_zero_asks)
{
	struct t t = setup4();

	answers_ip4(ask(&t, (struct q){ .ip4 = "0.0.0.0" }, BA_ACCEPTED), 29,
	    132, "0.0.0.0");
	ck_assert_uint_eq(sim_stat(t.ha, "ha", "ip4-no-address"), 1);
	ck_assert(sim_routed(t.ha, HNP1, P1));
	ask(&t, (struct q){ .ip4 = V4 }, BA_ACCEPTED);
	answers_ip4(ask(&t, (struct q){ .ip4 = "0.0.0.0", .src = P2,
	    .ip4_opt = 36 }, BA_ACCEPTED), 36, 0, V4);
	ck_assert(sim_routed(t.ha, V4P, P2));
	ask(&t, (struct q){ .src = P2, .dereg = true }, BA_ACCEPTED);
	give_static_ip4(t.mn1, V4B);
	answers_ip4(ask(&t, (struct q){ .ip4 = "0.0.0.0" }, BA_ACCEPTED), 29,
	    0, V4B);
	ck_assert(sim_routed(t.ha, V4BP, P1));
	answers_ip4(ask(&t, (struct q){ .ip4 = V4 }, BA_ACCEPTED), 29, 130,
	    V4);
	sim_run_for(t.s, USEC_PER_SEC);
	ck_assert(sim_routed(t.ha, V4BP, NULL));
	sim_free(t.s);
}
END_TEST

/* A5, RFC 5555 3.2.1, RFC 5844 3.3: refused in kind, IPv6 stands. */
static const struct {
	const char *nai, *addr;
	bool prefix;
	uint8_t status;
	const char *counter;
} ip4_bad[] = {
	{ MN2, V4, false, 129, "ip4-prohibited" },
	{ MN1, V4, true, 133, "ip4-prefix-refused" },
	{ MN1, "224.0.0.1", false, 131, "ip4-invalid" },
	{ MN1, "127.0.0.1", false, 131, "ip4-invalid" },
	{ MN1, "255.255.255.255", false, 131, "ip4-invalid" },
	{ MN1, "10.1.1.5", false, 130, "ip4-incorrect" },
	{ MN1, "10.1.0.1", false, 130, "ip4-incorrect" },	/* router */
	{ MN1, "10.1.0.0", false, 130, "ip4-incorrect" },
	{ MN1, "10.1.0.255", false, 130, "ip4-incorrect" },
	{ "far@example.com", "10.9.0.5", false, 129, "ip4-not-anchored" },
	{ "taker@example.com", "10.1.0.77", false, 128, "ip4-taken" },
};

START_TEST(test_ip4_refused)
{
	struct t t = setup4();
	static const uint8_t opts[] = { 29, 36 };
	unsigned k = (unsigned)_i / 2;
	uint8_t opt = opts[_i % 2];
	struct profile *p;
	bool first = strcmp(ip4_bad[k].nai, MN1) != 0;

	p = sim_profile(t.s, "far@example.com", "2001:db8:1:7::/64", NULL);
	give_ip4(p);
	p->ip4.home_subnet = sim_prefix("10.9.0.0/16");
	p = sim_profile(t.s, "taker@example.com", "2001:db8:1:8::/64", NULL);
	give_ip4(p);
	p = sim_profile(t.s, "owner@example.com", "2001:db8:1:9::/64", NULL);
	give_ip4(p);
	ask(&t, (struct q){ .nai = "owner@example.com", .ip4 = "10.1.0.77",
	    .hnp = "2001:db8:1:9::/64" }, BA_ACCEPTED);
	if (!first)		/* what it had goes as well */
		ask(&t, (struct q){ .ip4 = V4 }, BA_ACCEPTED);
	if (ip4_bad[k].prefix)
		opt = 29;
	answers_ip4(ask(&t, (struct q){ .nai = ip4_bad[k].nai,
	    .hnp = k == 9 ? "2001:db8:1:7::/64" : k == 10 ?
	    "2001:db8:1:8::/64" : NULL, .ip4 = ip4_bad[k].addr,
	    .ip4_opt = opt, .ip4_prefix = ip4_bad[k].prefix }, BA_ACCEPTED),
	    opt, ip4_bad[k].status, ip4_bad[k].addr);
	sim_run_for(t.s, USEC_PER_SEC);
	ck_assert_uint_eq(sim_stat(t.ha, "ha", ip4_bad[k].counter), 1);
	ck_assert_uint_eq(sim_seen(t.ha, "ip4-refused"), 1);
	ck_assert_uint_eq(sim_kpaths(t.ha), 3);
	ck_assert(sim_routed(t.ha, "10.1.0.77/32", P1));
	sim_free(t.s);
}
END_TEST

/* D6.4-3 for IPv4; free again when its owner has gone. */
START_TEST(test_ip4_conflict)
{
	struct t t = setup4();

	give_ip4(t.mn2);
	ask(&t, (struct q){ .ip4 = V4 }, BA_ACCEPTED);
	answers_ip4(ask(&t, (struct q){ .nai = MN2, .ip4 = V4, .src = P2 },
	    BA_ACCEPTED), 29, 128, V4);
	ck_assert(sim_routed(t.ha, V4P, P1));
	ck_assert(sim_routed(t.ha, HNP2, P2));
	ask(&t, (struct q){ .dereg = true }, BA_ACCEPTED);
	answers_ip4(ask(&t, (struct q){ .nai = MN2, .ip4 = V4, .src = P2 },
	    BA_ACCEPTED), 29, 0, V4);
	ck_assert(sim_routed(t.ha, V4P, P2));
	/* Expiry frees it, too. */
	ask(&t, (struct q){ .nai = MN2, .ip4 = V4, .src = P2, .life_s = 4 },
	    BA_ACCEPTED);
	sim_run_for(t.s, 6 * USEC_PER_SEC);
	ck_assert(sim_routed(t.ha, V4P, NULL));
	answers_ip4(ask(&t, (struct q){ .ip4 = V4 }, BA_ACCEPTED), 29, 0, V4);
	sim_free(t.s);
}
END_TEST

/* --- one of two paths fails ----------------------------------------------- */

/*
 * A path is refused at one of two calls (knobs count calls: _i says which one),
 * by the call itself or by the answer.
 */
static void
refuse_nth(struct t *t, unsigned nth, bool call)
{
	unsigned *knob = call ? &t->ha->kernel.refuse_call :
	    &t->ha->kernel.refuse_set;

	/* The kernel answers in order, IPv6 is asked first. */
	t->ha->kernel.refuse_nth = nth;
	*knob = 1;
}

START_TEST(test_one_path_refused_at_creation)
{
	struct t t = setup4();

	t.ha->kernel.delay_us = _i & 4 ? -1 : 100 * USEC_PER_MSEC;
	refuse_nth(&t, _i & 1, _i & 2);
	ask(&t, (struct q){ .ip4 = V4 }, BA_NO_RESOURCES);
	sim_run_for(t.s, USEC_PER_SEC);
	ck_assert_uint_eq(sim_kpaths(t.ha), 0);
	ck_assert_uint_eq(t.ha->kernel.ntunnels, 0);
	ck_assert_uint_eq(sim_stat(t.ha, "ha", "kernel-refused"), 1);
	refused(&t, (struct q){ .no_hnp = true }, BA_HOME_ADDRESS_REQUIRED,
	    "refused-no-hnp");
	give_ip4(t.mn2);	/* the address is free */
	answers_ip4(ask(&t, (struct q){ .nai = MN2, .ip4 = V4 },
	    BA_ACCEPTED), 29, 0, V4);
	sim_free(t.s);
}
END_TEST

/* Handover: whichever fails, both lead to the previous PMA again. */
START_TEST(test_one_path_refused_at_handover)
{
	struct t t = setup4();

	ask(&t, (struct q){ .ip4 = V4 }, BA_ACCEPTED);
	t.ha->kernel.delay_us = _i & 4 ? -1 : 100 * USEC_PER_MSEC;
	refuse_nth(&t, _i & 1, _i & 2);
	ask(&t, (struct q){ .ip4 = V4, .src = P2 }, BA_NO_RESOURCES);
	ck_assert(sim_routed(t.ha, HNP1, P1));
	ck_assert(sim_routed(t.ha, V4P, P1));
	ck_assert_uint_eq(users(&t, P1), 1);
	ck_assert(!sim_ktunnel(t.ha, HA, P2));
	ck_assert_uint_eq(t.ha->kernel.dels, 0);
	/* With another IPv4 address at once. */
	refuse_nth(&t, _i & 1, _i & 2);
	ask(&t, (struct q){ .ip4 = V4B, .src = P2 }, BA_NO_RESOURCES);
	ck_assert(sim_routed(t.ha, HNP1, P1));
	ck_assert(sim_routed(t.ha, V4P, P1));
	ck_assert(sim_routed(t.ha, V4BP, NULL));
	ask(&t, (struct q){ .ip4 = V4B, .src = P2 }, BA_ACCEPTED);
	sim_run_for(t.s, USEC_PER_SEC);
	ck_assert(sim_routed(t.ha, HNP1, P2));
	ck_assert(sim_routed(t.ha, V4BP, P2));
	ck_assert_uint_eq(sim_kpaths(t.ha), 2);
	ck_assert_uint_eq(t.ha->kernel.ntunnels, 1);
	sim_free(t.s);
}
END_TEST

/* Undoing fails as well: no path leads where the node is not. */
START_TEST(test_undo_refused)
{
	struct t t = setup4();

	ask(&t, (struct q){ .ip4 = V4 }, BA_ACCEPTED);
	t.ha->kernel.refuse_nth = 1;
	t.ha->kernel.refuse_set = 2;	/* IPv4, then the way back */
	ask(&t, (struct q){ .ip4 = V4, .src = P2 }, BA_NO_RESOURCES);
	sim_run_for(t.s, USEC_PER_SEC);
	ck_assert_uint_eq(sim_seen(t.ha, "path-restore-failed"), 1);
	ck_assert_uint_eq(sim_kpaths(t.ha), 0);
	ck_assert_uint_eq(t.ha->kernel.ntunnels, 0);
	ck_assert_uint_eq(sim_seen(t.ha, "binding-deleted"), 1);
	ask(&t, (struct q){ .ip4 = V4, .src = P2 }, BA_ACCEPTED);
	/* A new path that would not go again. */
	ask(&t, (struct q){ .src = P2, .dereg = true }, BA_ACCEPTED);
	t.ha->kernel.refuse_nth = 1;
	t.ha->kernel.refuse_set = 1;
	t.ha->kernel.refuse_del = 1;
	ask(&t, (struct q){ .ip4 = V4 }, BA_NO_RESOURCES);
	ck_assert(sim_routed(t.ha, HNP1, P1));
	ask(&t, (struct q){ .ip4 = V4 }, BA_NO_RESOURCES);
	sim_run_for(t.s, 6 * USEC_PER_SEC);
	ck_assert_uint_eq(sim_kpaths(t.ha), 0);
	ck_assert_uint_eq(t.ha->kernel.ntunnels, 0);
	ask(&t, (struct q){ .ip4 = V4 }, BA_ACCEPTED);
	sim_free(t.s);
}
END_TEST

/* Removal: one of two is refused, both are tried again. */
START_TEST(test_removal_of_two)
{
	struct t t = setup4();

	ask(&t, (struct q){ .ip4 = V4 }, BA_ACCEPTED);
	t.ha->kernel.refuse_del = 1;
	ask(&t, (struct q){ .dereg = true }, BA_NO_RESOURCES);
	sim_run_for(t.s, USEC_PER_SEC);
	ck_assert_uint_eq(sim_kpaths(t.ha), 1);
	/* Back meanwhile: both are there again, whatever was missing. */
	if (_i == 1) {
		ask(&t, (struct q){ .ip4 = V4 }, BA_ACCEPTED);
		ck_assert(sim_routed(t.ha, HNP1, P1));
		ck_assert(sim_routed(t.ha, V4P, P1));
		ask(&t, (struct q){ .dereg = true }, BA_ACCEPTED);
	}
	sim_run_for(t.s, 6 * USEC_PER_SEC);
	ck_assert_uint_eq(sim_kpaths(t.ha), 0);
	ck_assert_uint_eq(t.ha->kernel.ntunnels, 0);
	sim_free(t.s);
}
END_TEST

/* --- policy ------------------------------------------------------------ */

START_TEST(test_policy_takes_ip4)
{
	struct t t = setup4();

	ask(&t, (struct q){ .ip4 = V4 }, BA_ACCEPTED);
	if (_i == 0)
		t.mn1->ip4.at.line = 0;
	else
		give_static_ip4(t.mn1, V4B);
	sim_policy_changed(t.s);
	sim_run_for(t.s, USEC_PER_SEC);
	ck_assert(sim_routed(t.ha, V4P, NULL));
	ck_assert(sim_routed(t.ha, HNP1, P1));
	ck_assert_uint_eq(users(&t, P1), 1);
	ck_assert_uint_eq(sim_stat(t.ha, "ha", "ip4-removed"), 1);
	ck_assert_uint_eq(sim_stat(t.ha, "ha", "bindings-withdrawn"), 0);
	/* Its address is free. */
	give_ip4(t.mn2);
	answers_ip4(ask(&t, (struct q){ .nai = MN2, .ip4 = V4 },
	    BA_ACCEPTED), 29, 0, V4);
	sim_free(t.s);
}
END_TEST

/* --- a random life ----------------------------------------------------- */

/*
 * As in test_ha.c, for nodes of a shared prefix with IPv4: they change
 * addresses, claim each other's, move, leave; the kernel refuses sets and
 * removals.  When it is quiet every tunnel has as many users as bindings, and
 * no address leads to two places (that is what a table of paths cannot show,
 * but users can).
 */
static void
shake(struct t *t)
{
	struct sim_kernel *k = &t->ha->kernel;
	struct sim *s = t->s;

	k->delay_us = (usec_t)sim_random(s, 4) * 400 * USEC_PER_MSEC - 1;
	k->refuse_nth = (unsigned)sim_random(s, 3);
	k->refuse_set = sim_random(s, 6) == 0 ? 1 +
	    (unsigned)sim_random(s, 2) : 0;
	k->refuse_call = sim_random(s, 16) == 0;
	k->refuse_del = sim_random(s, 6) == 0 ? 1 +
	    (unsigned)sim_random(s, 3) : 0;
	k->refuse_tunnel = sim_random(s, 16) == 0;
	k->lose = sim_random(s, 16) == 0;
}

START_TEST(test_random_addresses)
{
	static const char *const pma[] = { P1, P2, P3 };
	struct t t = setup4();
	char nai[64], hnp[ADDR_STRLEN], ip4[ADDR_STRLEN];

	t.conf->min_delete_delay_us = _i % 2 * 3 * USEC_PER_SEC;
	for (unsigned i = 0; i < 4; i++) {
		struct profile *p;

		snprintf(nai, sizeof(nai), "n%u@example.com", i);
		p = sim_profile(t.s, nai, SHARED, NULL);
		p->model = MODEL_SHARED_PREFIX;
		give_ip4(p);
	}
	for (unsigned step = 0; step < 1500; step++) {
		struct q q = { .nai = nai, .hnp = hnp,
			.src = pma[sim_random(t.s, 3)],
			.dereg = sim_random(t.s, 4) == 0,
			.no_hnp = sim_random(t.s, 4) == 0,
			.life_s = 4 + 4 * (unsigned)sim_random(t.s, 8) };

		snprintf(nai, sizeof(nai), "n%u@example.com",
		    (unsigned)sim_random(t.s, 4));
		snprintf(hnp, sizeof(hnp), "2001:db8:1:5::%x/128",
		    1 + (unsigned)sim_random(t.s, 6));
		snprintf(ip4, sizeof(ip4), "10.1.0.%u",
		    2 + (unsigned)sim_random(t.s, 6));
		if (sim_random(t.s, 3) > 0)
			q.ip4 = ip4;
		put(&t, q);
		shake(&t);
		sim_run_for(t.s, (usec_t)sim_random(t.s, 600) *
		    USEC_PER_MSEC);
		if (step % 100 == 99)
			calm(&t);
	}
	dies_out(&t);
	ck_assert_uint_gt(sim_stat(t.ha, "ha", "bindings-changed"), 10);
	ck_assert_uint_gt(sim_stat(t.ha, "ha", "ip4-added"), 20);
	ck_assert_uint_gt(sim_stat(t.ha, "ha", "ip4-removed"), 10);
	ck_assert_uint_gt(sim_stat(t.ha, "ha", "ip4-taken"), 5);
	ck_assert_uint_gt(sim_stat(t.ha, "ha", "refused-prefix-taken"), 5);
	ck_assert_uint_gt(sim_stat(t.ha, "ha", "kernel-removal-failed"), 5);
	/* Every address can be had: no claim was left behind. */
	calm(&t);
	for (unsigned i = 0; i < 4; i++) {
		snprintf(nai, sizeof(nai), "n%u@example.com", i);
		snprintf(hnp, sizeof(hnp), "2001:db8:1:5::%x/128", 1 + i);
		snprintf(ip4, sizeof(ip4), "10.1.0.%u", 2 + i);
		answers_ip4(ask(&t, (struct q){ .nai = nai, .hnp = hnp,
		    .ip4 = ip4 }, BA_ACCEPTED), 29, 0, ip4);
	}
	sim_free(t.s);
}
END_TEST

int
main(void)
{
	Suite *su = suite_create("ha_addr");
	TCase *tc = tcase_create("ha_addr");

#define T(name) tcase_add_test(tc, name)
	T(test_shared_two_nodes);
	T(test_shared_without_option);
	T(test_shared_static);
	T(test_shared_refusals);
	tcase_add_loop_test(tc, test_shared_new_address, 0, 2);
	T(test_shared_new_address_refused);
	T(test_shared_old_address_sticks);
	tcase_add_loop_test(tc, test_stop_with_a_sticking_path, 0, 2);
	T(test_shared_new_address_after_delay);
	tcase_add_loop_test(tc, test_ip4, 0, 2);
	T(test_ip4_both_options);
	T(test_ip4_lost_and_gained);
	T(test_ip4_zero_asks);
	tcase_add_loop_test(tc, test_ip4_refused, 0,
	    2 * (int)ARRAY_LEN(ip4_bad));
	T(test_ip4_conflict);
	tcase_add_loop_test(tc, test_one_path_refused_at_creation, 0, 8);
	tcase_add_loop_test(tc, test_one_path_refused_at_handover, 0, 8);
	T(test_undo_refused);
	tcase_add_loop_test(tc, test_removal_of_two, 0, 2);
	tcase_add_loop_test(tc, test_policy_takes_ip4, 0, 2);
	tcase_add_loop_test(tc, test_random_addresses, 0, 6);
#undef T
	tcase_set_timeout(tc, 60);
	suite_add_tcase(su, tc);
	return suite_run(su);
}

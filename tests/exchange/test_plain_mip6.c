/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mobile IPv6 at a home agent for proxies only (PROTOCOL 4.9, A35): whatever
 * comes, the proxy binding does not notice, and strangers hear nothing.
 */
#include "exchange/ha_kit.h"
#include "suite.h"

#define IN1 "2001:db8:1:1::77"		/* in HNP1 */
#define IN2 "2001:db8:1:2::77"		/* in HNP2, not bound */

static const struct mh_msg plain = { .type = MH_BU,
	.bu = { .seq = 77, .flags = BU_A | BU_H, .lifetime_4s = 75 } };

static uint64_t
stat(struct t *t, const char *name)
{
	return sim_stat(t->ha, "ha", name);
}

/* D5-4, A35, D8.2-2: 139 for a proxied address, else 131; never with P. */
START_TEST(test_status)
{
	static const struct {
		const char *home;	/* NULL: no option */
		uint8_t status;
		const char *counter;
	} row[] = {
		{ IN1, BA_TYPE_CHANGE, "plain-bu-proxy" },
		{ IN2, BA_NO_HOME_REGISTRATION, "plain-bu-refused" },
		{ NULL, BA_NO_HOME_REGISTRATION, "plain-bu-refused" },
		{ STRANGER, BA_NO_HOME_REGISTRATION, "plain-bu-refused" },
	};
	struct t t = setup();

	(void)ask(&t, (struct q){ 0 }, BA_ACCEPTED);
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		uint64_t before = stat(&t, row[i].counter);
		const struct sim_pkt *p;

		sim_skip(t.s);
		if (row[i].home != NULL)
			sim_send_hao(t.s, P2, HA, row[i].home, &plain);
		else
			sim_send_mh(t.s, P2, HA, &plain);
		p = sim_expect_pba(t.s, HA, P2, row[i].status);
		ck_assert_uint_eq(p->m.ba.flags, 0);
		ck_assert_uint_eq(p->m.ba.seq, 77);
		ck_assert_uint_eq(p->m.ba.lifetime_4s, 0);
		ck_assert_uint_eq(p->m.o.have, 0);
		ck_assert_uint_eq(stat(&t, row[i].counter), before + 1);
	}
	ck_assert(sim_routed(t.ha, HNP1, P1));
	ck_assert_uint_eq(sim_kpaths(t.ha), 1);
	sim_free(t.s);
}
END_TEST

/* A35: an address of a shared prefix; after the binding's end it is nobody's.*/
START_TEST(test_shared_address)
{
	struct t t = setup_conf(false);
	const char *a1 = "2001:db8:1:5::a1/128";

	t.mn1->home_prefix = sim_prefix("2001:db8:1:5::/64");
	t.mn1->model = MODEL_SHARED_PREFIX;
	t.ha = sim_add_ha(t.s, HA, t.conf);
	(void)ask(&t, (struct q){ .hnp = a1 }, BA_ACCEPTED);
	sim_send_hao(t.s, P2, HA, "2001:db8:1:5::a1", &plain);
	(void)sim_expect_pba(t.s, HA, P2, BA_TYPE_CHANGE);
	sim_send_hao(t.s, P2, HA, "2001:db8:1:5::a2", &plain);
	(void)sim_expect_pba(t.s, HA, P2, BA_NO_HOME_REGISTRATION);
	(void)ask(&t, (struct q){ .hnp = a1, .dereg = true }, BA_ACCEPTED);
	sim_send_hao(t.s, P2, HA, "2001:db8:1:5::a1", &plain);
	(void)sim_expect_pba(t.s, HA, P2, BA_NO_HOME_REGISTRATION);
	sim_free(t.s);
}
END_TEST

/* PROTOCOL 4.9: who is no configured peer hears nothing, whatever it says. */
START_TEST(test_strangers)
{
	struct t t = setup();

	(void)ask(&t, (struct q){ 0 }, BA_ACCEPTED);
	sim_skip(t.s);
	sim_send_mh(t.s, STRANGER, HA, &plain);
	sim_send_hao(t.s, STRANGER, HA, IN1, &plain);
	sim_send_hao(t.s, STRANGER, HA, IN2, &plain);
	/* the node itself, through its tunnel */
	sim_send_mh(t.s, IN1, HA, &plain);
	sim_expect_silence(t.s, HA, NULL, 5 * USEC_PER_SEC);
	ck_assert_uint_eq(stat(&t, "plain-bu-dropped"), 4);
	ck_assert(sim_routed(t.ha, HNP1, P1));
	sim_free(t.s);
}
END_TEST

/* D5.1-4, PROTOCOL 10.1: a lifetime of 0 without P ends nothing. */
START_TEST(test_plain_deregistration)
{
	struct mh_msg m = plain;
	struct t t = setup();

	(void)ask(&t, (struct q){ 0 }, BA_ACCEPTED);
	m.bu.lifetime_4s = 0;
	sim_send_hao(t.s, P1, HA, IN1, &m);
	(void)sim_expect_pba(t.s, HA, P1, BA_TYPE_CHANGE);
	ck_assert(sim_routed(t.ha, HNP1, P1));
	sim_free(t.s);
}
END_TEST

/* RFC 6275 6.1.1: the home address is summed; another does not do. */
START_TEST(test_checksum)
{
	struct in6_addr p1 = sim_in6(P1), ha = sim_in6(HA);
	uint8_t buf[MH_MAX_LEN];
	struct mh_pkt pkt = { .src = p1, .dst = ha, .ifindex = 1, .data = buf,
		.has_hao = true, .hao = sim_in6(IN1) };
	struct t t = setup();
	int len;

	len = mh_build(&plain, &p1, &ha, &mh_wire_default, buf, sizeof(buf));
	ck_assert_int_gt(len, 0);
	pkt.len = (size_t)len;
	t.ha->mh.recv(t.ha->mh.recv_ctx, &pkt);
	ck_assert_uint_eq(sim_stat(t.ha, "mh", "mh-checksum"), 1);
	silence(&t);
	sim_free(t.s);
}
END_TEST

/*
 * PROTOCOL 10.1: types that nobody serves here (but HoTI, which is no business
 * of ours to answer: D5.7-1), Binding Errors, types without an assignment; the
 * binding does not notice.
 */
START_TEST(test_other_types)
{
	uint8_t buf[24] = { 59, 2, (uint8_t)_i };
	struct in6_addr p1 = sim_in6(P1), ha = sim_in6(HA);
	bool known = _i < MH_TYPE_MAX;
	uint16_t sum;
	struct t t;

	if (_i == MH_BU || _i == MH_BA)
		return;
	t = setup();
	(void)ask(&t, (struct q){ 0 }, BA_ACCEPTED);
	sim_skip(t.s);
	sum = mh_checksum(buf, sizeof(buf), &p1, &ha);
	buf[4] = (uint8_t)(sum >> 8);
	buf[5] = (uint8_t)sum;
	sim_send_raw(t.s, &p1, &ha, buf, sizeof(buf));
	if (known) {
		sim_expect_silence(t.s, HA, NULL, USEC_PER_SEC);
		ck_assert_uint_eq(sim_stat(t.ha, "mh", "mh-unserved"), 1);
	} else {
		const struct sim_pkt *p = sim_wait_mh(t.s, MH_BE, HA, P1,
		    USEC_PER_SEC);

		ck_assert_ptr_nonnull(p);
		ck_assert_uint_eq(p->m.be.status, BE_UNKNOWN_TYPE);
		ck_assert(in6_is_zero(&p->m.be.home));
	}
	ck_assert(sim_routed(t.ha, HNP1, P1));
	sim_free(t.s);
}
END_TEST

/* RFC 6275 6.1.9: the Binding Error names the home address. */
START_TEST(test_binding_error_home)
{
	struct in6_addr home = sim_in6(IN1), ha = sim_in6(HA);
	uint8_t buf[8] = { 59, 0, 99 };
	struct mh_pkt pkt = { .src = sim_in6(P1), .dst = ha, .ifindex = 1,
		.data = buf, .len = sizeof(buf), .has_hao = true,
		.hao = home };
	const struct sim_pkt *p;
	uint16_t sum;
	struct t t = setup();

	sum = mh_checksum(buf, sizeof(buf), &home, &ha);
	buf[4] = (uint8_t)(sum >> 8);
	buf[5] = (uint8_t)sum;
	t.ha->mh.recv(t.ha->mh.recv_ctx, &pkt);
	p = sim_wait_mh(t.s, MH_BE, HA, P1, USEC_PER_SEC);
	ck_assert_ptr_nonnull(p);
	ck_assert(in6_eq(&p->m.be.home, &home));
	sim_free(t.s);
}
END_TEST

int
main(void)
{
	Suite *su = suite_create("plain_mip6");
	TCase *tc = tcase_create("plain_mip6");

#define T(name) tcase_add_test(tc, name)
	T(test_status);
	T(test_shared_address);
	T(test_strangers);
	T(test_plain_deregistration);
	T(test_checksum);
	tcase_add_loop_test(tc, test_other_types, 0, MH_TYPE_MAX + 3);
	T(test_binding_error_home);
#undef T
	tcase_set_timeout(tc, 60);
	suite_add_tcase(su, tc);
	return suite_run(su);
}

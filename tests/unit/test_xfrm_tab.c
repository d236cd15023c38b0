/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The indexed copy of the kernel's IPsec: the same verdicts as without index,
 * whatever comes and goes.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <linux/xfrm.h>

#include "core/addr.h"
#include "core/util.h"
#include "esp/xfrm_tab.h"
#include "suite.h"

#define ADDRS 6
#define POLICIES 40
#define SAS 40
#define STEPS 20000
#define MANY 8192

/* What stands in the table, plainly; index or SPI 0: nothing. */
static struct spd_policy plain_pol[POLICIES];
static struct spd_sa plain_sa[SAS];

static struct in6_addr
addr(unsigned i)
{
	struct in6_addr a = { { { 0x20, 1, 0xd, 0xb8 } } };

	a.s6_addr[14] = (uint8_t)(i >> 8);
	a.s6_addr[15] = (uint8_t)i;
	return a;
}

static unsigned
below(unsigned n)
{
	return (unsigned)rand() % n;
}

static struct spd_sel
some_sel(void)
{
	static const uint8_t lens[] = { 128, 128, 128, 64, 0 };

	return (struct spd_sel){ .src = addr(below(ADDRS)),
		.dst = addr(below(ADDRS)), .src_len = lens[below(5)],
		.dst_len = lens[below(5)], .proto = below(2) ? 135 : 0,
		.narrow = below(8) == 0 };
}

static void
step_policy(struct xfrm_tab *t)
{
	unsigned i = below(POLICIES);
	struct spd_policy p = { .index = i + 1, .dir = below(2) ? SPD_OUT :
		SPD_IN, .priority = below(100) * POLICIES + i,
		.sel = some_sel(), .allow = below(8) != 0, .ntmpl = 1,
		.tmpl = { { .reqid = below(3), .proto = IPPROTO_ESP,
		.optional = below(8) == 0 } } };

	if (below(3) == 0) {
		tab_drop_policy(t, p.index);
		plain_pol[i].index = 0;
	} else {
		ck_assert(tab_keep_policy(t, &p));
		plain_pol[i] = p;
	}
}

static void
step_sa(struct xfrm_tab *t)
{
	unsigned i = below(SAS);
	struct spd_sa sa = { .src = addr(below(ADDRS)),
		.dst = addr(i % ADDRS), .sel = some_sel(), .spi = 1000 + i,
		.reqid = below(3), .proto = IPPROTO_ESP, .integrity = true };

	if (below(3) == 0) {
		tab_drop_sa(t, &sa);
		plain_sa[i].spi = 0;
	} else {
		ck_assert(tab_keep_sa(t, &sa));
		plain_sa[i] = sa;
	}
}

static struct spd_result
plain_judge(const struct spd_flow *f)
{
	const struct spd_policy *p[POLICIES];
	const struct spd_sa *sa[SAS];
	size_t np = 0, nsa = 0;

	for (unsigned i = 0; i < POLICIES; i++) {
		if (plain_pol[i].index != 0)
			p[np++] = &plain_pol[i];
	}
	for (unsigned i = 0; i < SAS; i++) {
		if (plain_sa[i].spi != 0)
			sa[nsa++] = &plain_sa[i];
	}
	return spd_judge(p, np, sa, nsa, f);
}

static void
compare(struct xfrm_tab *t)
{
	const struct spd_flow f = { .dir = below(2) ? SPD_OUT : SPD_IN,
		.src = addr(below(ADDRS)), .dst = addr(below(ADDRS)) };
	struct spd_result a = tab_judge(t, &f), b = plain_judge(&f);
	const struct spd_sa *sa = NULL;
	unsigned of_flow = 0, i;

	ck_assert_int_eq(a.verdict, b.verdict);
	ck_assert_uint_eq(a.index, b.index);
	for (i = 0; i < SAS; i++)
		of_flow += plain_sa[i].spi != 0 && spd_sa_is_of(&plain_sa[i],
		    &f);
	while ((sa = tab_next_sa(t, &f, sa)) != NULL)
		of_flow--;
	ck_assert_uint_eq(of_flow, 0);
	i = below(SAS);
	ck_assert((tab_find_sa(t, &plain_sa[i].dst, 1000 + i, IPPROTO_ESP) !=
	    NULL) == (plain_sa[i].spi != 0));
}

/* Judged by index, and not otherwise than without. */
START_TEST(test_same_verdicts)
{
	struct xfrm_tab t;

	srand(5);
	tab_init(&t);
	for (unsigned i = 0; i < STEPS; i++) {
		step_policy(&t);
		step_sa(&t);
		compare(&t);
		if (i % 5000 == 4999) {
			tab_clear_policies(&t);
			tab_clear_sas(&t);
			memset(plain_pol, 0, sizeof(plain_pol));
			memset(plain_sa, 0, sizeof(plain_sa));
		}
	}
	tab_done(&t);
}
END_TEST

static void
add_peer(struct xfrm_tab *t, unsigned i)
{
	for (int d = 0; d < 2; d++) {
		struct spd_sel s = { .src = addr(d == 0 ? 0 : i),
			.dst = addr(d == 0 ? i : 0), .src_len = 128,
			.dst_len = 128, .proto = 135 };
		struct spd_policy p = { .index = 2 * i + (unsigned)d + 1,
			.dir = d == 0 ? SPD_OUT : SPD_IN, .priority = 5,
			.sel = s, .allow = true, .ntmpl = 1,
			.tmpl = { { .proto = IPPROTO_ESP } } };
		struct spd_sa sa = { .src = s.src, .dst = s.dst, .sel = s,
			.spi = 1000 + i, .proto = IPPROTO_ESP,
			.integrity = true };

		ck_assert(tab_keep_policy(t, &p));
		ck_assert(tab_keep_sa(t, &sa));
	}
}

/* The most peers there can be: a verdict looks at what is theirs alone. */
START_TEST(test_many)
{
	struct xfrm_tab t;

	tab_init(&t);
	for (unsigned i = 1; i <= MANY; i++)
		add_peer(&t, i);
	ck_assert_uint_eq(t.npol, 2 * MANY);
	ck_assert_uint_eq(t.nsa, 2 * MANY);
	for (unsigned i = 1; i <= MANY; i++) {
		struct spd_flow f = { .dir = SPD_IN, .src = addr(i),
			.dst = addr(0) };

		ck_assert_int_eq(tab_judge(&t, &f).verdict, SPD_PROTECTED);
	}
	/* room was never made for more than a few */
	ck_assert_uint_le(t.cand_pol_cap, 16);
	ck_assert_uint_le(t.cand_sa_cap, 16);
	tab_done(&t);
}
END_TEST

/* There is an end, and a change of what is there needs no room. */
START_TEST(test_full)
{
	struct spd_policy p = { .allow = true };
	struct xfrm_tab t;

	tab_init(&t);
	while (p.index++, tab_keep_policy(&t, &p))
		;
	ck_assert_uint_eq(t.npol, 65536);
	p.index = 1;
	ck_assert(tab_keep_policy(&t, &p));
	ck_assert_uint_eq(t.npol, 65536);
	tab_done(&t);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("xfrm_tab");
	TCase *tc = tcase_create("table");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_same_verdicts);
	tcase_add_test(tc, test_many);
	tcase_add_test(tc, test_full);
	suite_add_tcase(s, tc);
	return suite_run(s);
}

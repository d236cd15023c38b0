/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the DHCP relays share: a whole domain with a home agent,
 * two access routers, two nodes with DHCP clients on a shared link, and two
 * servers of each family.
 */
#ifndef PMIP_TEST_DHCP_KIT_H
#define PMIP_TEST_DHCP_KIT_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"
#include "exchange/names.h"
#include "exchange/sim.h"
#include "nd/udp.h"
#include "roles/pma/pma.h"

#define V1 "198.51.100.11"
#define V2 "198.51.100.12"
#define D6 "2001:db8:d::5"
#define D6B "2001:db8:d::6"
#define D4 "198.51.100.5"
#define D4B "198.51.100.6"
#define LINK1 "2001:db8:1:1::"
#define LINK2 "2001:db8:1:2::"
#define A1 "2001:db8:1:1::100"
#define A1B "2001:db8:1:1::200"
#define A2 "2001:db8:1:2::100"
#define SUBNET1 "192.0.2.0/24"
#define SUBNET2 "203.0.113.0/24"
#define GW1 "192.0.2.1"
#define GW2 "203.0.113.1"
#define V4A1 "192.0.2.100"
#define V4A2 "203.0.113.100"

struct t {
	struct sim *s;
	struct sim_node *ha, *pma, *pma2;
	struct ha_conf *hconf;
	struct pma_conf *conf, *conf2;
	struct profile *prof1, *prof2;
	struct sim_mn *mn1, *mn2;
	struct sim_dhcpd *d6, *d6b, *d4, *d4b;
};

/* Profiles, clients and servers; nothing runs yet. */
static inline struct t
setup_stopped(void)
{
	struct t t = { .s = sim_new(23) };

	t.hconf = sim_ha_conf(t.s, HA);
	sim_ha_allow(t.s, t.hconf, P1);
	sim_ha_allow(t.s, t.hconf, P2);
	sim_ha_home_prefix(t.s, t.hconf, SUBNET1);
	sim_ha_home_prefix(t.s, t.hconf, SUBNET2);
	t.conf = sim_pma_conf(t.s, P1);
	t.conf2 = sim_pma_conf(t.s, P2);
	t.conf->report_address = t.conf2->report_address = true;
	t.prof1 = sim_profile(t.s, MN1, HNP1, MAC1);
	t.prof2 = sim_profile(t.s, MN2, HNP2, MAC2);
	t.mn1 = sim_mn_new(t.s, MAC1);
	t.mn2 = sim_mn_new(t.s, MAC2);
	t.d6 = sim_dhcpd(t.s, D6);
	t.d6b = sim_dhcpd(t.s, D6B);
	t.d4 = sim_dhcpd(t.s, D4);
	t.d4b = sim_dhcpd(t.s, D4B);
	sim_dhcpd_pool(t.d6, HNP1, A1, NULL);
	sim_dhcpd_pool(t.d6, HNP2, A2, NULL);
	sim_dhcpd_pool(t.d6b, HNP1, A1B, NULL);
	sim_dhcpd_pool(t.d6b, "2001:db8:9::/64", "2001:db8:9::1", NULL);
	sim_dhcpd_pool(t.d6, "2001:db8:9::/64", "2001:db8:9::1", NULL);
	sim_dhcpd_pool(t.d4, SUBNET1, V4A1, GW1);
	sim_dhcpd_pool(t.d4, SUBNET2, V4A2, GW2);
	sim_dhcpd_pool(t.d4, "10.9.0.0/24", "10.9.0.1", NULL);
	t.d6->automatic = t.d4->automatic = true;
	return t;
}

static inline void
start_one(struct t *t, struct sim_node **ret, const char *addr,
    struct pma_conf *conf)
{
	sim_pma_access(t->s, conf, "acc0", 0, NULL);
	*ret = sim_add_pma(t->s, addr, conf);
}

static inline void
start(struct t *t)
{
	t->ha = sim_add_ha(t->s, HA, t->hconf);
	start_one(t, &t->pma, P1, t->conf);
	start_one(t, &t->pma2, P2, t->conf2);
	sim_mn_plug(t->mn1, t->pma, 1);
	sim_mn_plug(t->mn2, t->pma, 1);
}

static inline bool
has_ra(void *mn)
{
	return ((struct sim_mn *)mn)->nra > 0;
}

/* It attaches and is registered. */
static inline void
attach(struct t *t, struct sim_mn *mn)
{
	mn->nra = 0;
	sim_mn_rs(mn);
	ck_assert(sim_run_until(t->s, has_ra, mn, 5 * SEC));
	sim_run_for(t->s, 100 * MSEC);
}

static inline uint64_t
count(struct t *t, const char *name)
{
	return sim_stat(t->pma, "pma-dhcp", name);
}

/* `name` of group pma-dhcp has just gone up by one, in what `did` did. */
#define EXPECT_COUNT(t, name, did) do {					\
	uint64_t before_ = count((t), (name));				\
	did;								\
	sim_run_for((t)->s, 50 * MSEC);					\
	ck_assert_msg(count((t), (name)) == before_ + 1,		\
	    "%s did not count", (name));				\
} while (0)

/* The entry of the binding update list, as the role has it. */
static inline bool
shows(struct t *t, const char *nai, const char *what)
{
	char line[300];
	const char *out;

	snprintf(line, sizeof(line),
	    "{\"v\":1,\"cmd\":\"show mn\",\"args\":{\"nai\":\"%s\"}}", nai);
	out = sim_ctl(t->pma, line);
	return strstr(out, what) != NULL;
}

static inline struct in6_addr
get6(struct sim_mn *mn)
{
	struct in6_addr a;

	ck_assert(sim_mn_d6_get(mn, &a));
	sim_run_for(mn->sim, 100 * MSEC);
	return a;
}

static inline struct in_addr
get4(struct sim_mn *mn)
{
	struct in_addr a;

	ck_assert(sim_mn_d4_get(mn, &a));
	sim_run_for(mn->sim, 100 * MSEC);
	return a;
}

static inline bool
is6(const struct in6_addr *a, const char *text)
{
	struct in6_addr want = sim_in6(text);

	return in6_eq(a, &want);
}

static inline bool
is4(struct in_addr a, const char *text)
{
	struct in_addr want;

	ck_assert_int_eq(in4_parse(text, &want), 0);
	return a.s_addr == want.s_addr;
}

/* A datagram of a client, whatever it is; addresses as text. */
static inline void
say6(struct sim_mn *mn, const char *src, const char *dst, const void *data,
    size_t len)
{
	struct udp_msg u = { .family = AF_INET6, .hops = 1, .sport = 546,
		.dport = 547, .src6 = src != NULL ? sim_in6(src) : mn->lla,
		.dst6 = sim_in6(dst != NULL ? dst : "ff02::1:2"),
		.data = data, .len = len };

	sim_mn_udp(mn, &u);
}

#endif

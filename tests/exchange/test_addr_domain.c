/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every address a node can have, in a whole domain: a home agent and two
 * access routers, the real ones.  Both addressing models, static and leased
 * addresses, with and without IPv4: attachment, moves with and without a word,
 * without DHCP after the move (DNAv6, DNAv4), lost messages, leases that change
 * and end, IPv4 that is refused, restarts of either end, and a random life.
 *
 * DHCP is played by the test: a node that does DHCP gets what a relay would
 * have learnt for it, if its router lets DHCP through (fsm_dhcp_gate()).
 *
 * What must hold when the dust has settled: home agent and router have the same
 * paths for the node, nobody else has any; ARP announced the router's address;
 * no prefix is advertised where there is no path.
 */
#include <check.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "core/util.h"
#include "exchange/names.h"
#include "exchange/sim.h"
#include "nd/arp.h"
#include "roles/pma/pma.h"
#include "suite.h"

#define SHARED "2001:db8:1:5::/64"
#define SUBNET4 "10.1.0.0/24"
#define GW4 "10.1.0.1"
#define PMAS 2
#define NODES_MAX 8
#define NUMBERS 8			/* addresses that a node may get */

static const char *const pma_addr[PMAS] = { "2001:db8:b::1",
	"2001:db8:b::2" };

enum six { SIX_SLAAC, SIX_OWN_DHCP, SIX_SHARED_STATIC, SIX_SHARED_DHCP,
	SIX_MAX };
enum four { FOUR_NONE, FOUR_STATIC, FOUR_DHCP, FOUR_MAX };
#define KINDS (SIX_MAX * FOUR_MAX)

struct node {
	struct profile *prof;
	struct sim_mn *mn;
	enum six six;
	enum four four;
	int at;				/* its router; -1 none */
	bool has6, has4;		/* it holds a lease */
	char nai[32], mac[24];
	char hnp[48];			/* /64 */
	char addr[48], addr4[24];	/* leased or static */
	char home[64], home4[32];	/* what the paths are for */
};

struct t {
	struct sim *s;
	struct sim_node *ha, *pma[PMAS];
	struct ha_conf *haconf;
	struct pma_conf *conf[PMAS];
	struct node n[NODES_MAX];
	unsigned nn;
	size_t ras;			/* looked at so far */
};

/* --- the world ----------------------------------------------------------- */

static struct t
world(uint64_t seed)
{
	struct t t = { .s = sim_new(seed) };

	t.haconf = sim_ha_conf(t.s, HA);
	sim_ha_home_prefix(t.s, t.haconf, "10.1.0.0/16");
	for (int i = 0; i < PMAS; i++)
		sim_ha_allow(t.s, t.haconf, pma_addr[i]);
	t.ha = sim_add_ha(t.s, HA, t.haconf);
	for (int i = 0; i < PMAS; i++) {
		t.conf[i] = sim_pma_conf(t.s, pma_addr[i]);
		t.conf[i]->report_address = true;
		t.conf[i]->presence_check_us = SEC;
		sim_pma_access(t.s, t.conf[i], "acc0", 0, NULL);
		t.pma[i] = sim_add_pma(t.s, pma_addr[i], t.conf[i]);
	}
	return t;
}

/* The lease (or static address) number `k` of that node. */
static void
number(struct node *n, unsigned i, unsigned k)
{
	char addr[sizeof(n->addr)];

	if (n->six < SIX_SHARED_STATIC) {
		snprintf(n->addr, sizeof(n->addr), "2001:db8:1:10%x::%x", i,
		    k + 1);
		memcpy(n->home, n->hnp, sizeof(n->hnp));
		return;
	}
	snprintf(addr, sizeof(addr), "2001:db8:1:5::%x:%x", i + 1, k + 1);
	memcpy(n->addr, addr, sizeof(addr));
	snprintf(n->home, sizeof(n->home), "%s/128", addr);
}

static void
number4(struct node *n, unsigned i, unsigned k)
{
	char addr[sizeof(n->addr4)];

	snprintf(addr, sizeof(addr), "10.1.0.%u", 16 * (i + 1) + k);
	memcpy(n->addr4, addr, sizeof(addr));
	snprintf(n->home4, sizeof(n->home4), "%s/32", addr);
}

/* What DHCP gives it is number `k` from now on. */
static void
renumber(struct node *n, unsigned i, unsigned k)
{
	if (n->six == SIX_SHARED_DHCP || n->six == SIX_OWN_DHCP)
		number(n, i, k);
	if (n->four == FOUR_DHCP)
		number4(n, i, k);
}

static void
set_profile(struct t *t, struct node *n)
{
	if (n->six >= SIX_SHARED_STATIC)
		n->prof = sim_profile_shared(t->s, n->nai, SHARED,
		    n->six == SIX_SHARED_STATIC ? n->addr : NULL, n->mac);
	else
		n->prof = sim_profile(t->s, n->nai, n->hnp, n->mac);
	if (n->six == SIX_OWN_DHCP)
		n->prof->addr_config = ADDRCONF_DHCP;
	if (n->four != FOUR_NONE)
		sim_profile_ip4(n->prof, SUBNET4, GW4,
		    n->four == FOUR_STATIC ? n->addr4 : NULL);
}

static struct node *
add(struct t *t, enum six six, enum four four)
{
	unsigned i = t->nn++;
	struct node *n = &t->n[i];

	n->six = six;
	n->four = four;
	n->at = -1;
	snprintf(n->nai, sizeof(n->nai), "mn%u@example.com", i + 1);
	snprintf(n->mac, sizeof(n->mac), "02:00:00:00:01:%02x", i + 1);
	if (six >= SIX_SHARED_STATIC)
		snprintf(n->hnp, sizeof(n->hnp), "%s", SHARED);
	else
		snprintf(n->hnp, sizeof(n->hnp), "2001:db8:1:10%x::/64", i);
	number(n, i, 0);
	number4(n, i, 0);
	set_profile(t, n);
	n->mn = sim_mn_new(t->s, n->mac);
	return n;
}

static struct bule *
entry(struct t *t, const struct node *n, int i)
{
	struct role *r = i < 0 ? NULL : sim_role(t->pma[i], "pma");

	if (r == NULL)
		return NULL;
	wheel_touch(t->pma[i]->env.wheel, sim_now(t->s));
	return list_by_nai(pma_of(r), n->nai, strlen(n->nai));
}

static enum bul_state
state(struct t *t, const struct node *n, int i)
{
	struct bule *b = entry(t, n, i);

	return b != NULL ? (enum bul_state)b->state : BUL_STATE_MAX;
}

/* The node appears at router `i`, which notices; the other may notice. */
static void
go(struct t *t, struct node *n, int i, bool noticed)
{
	if (noticed && n->at >= 0 && t->pma[n->at]->up)
		sim_attach(t->pma[n->at], ATTACH_DOWN, ATTACH_BY_FDB, 1,
		    n->mac, NULL);
	n->at = i;
	sim_mn_plug(n->mn, t->pma[i], 1);
	sim_mn_rs(n->mn);
}

static void run(struct t *t, usec_t usec);

/*
 * A handover: the router before notices when it is over.  (If it did earlier,
 * the home agent would know nothing to tell: test_move_after_a_pause.)
 */
static void
hop(struct t *t, struct node *n, int i)
{
	int from = n->at;

	go(t, n, i, false);
	run(t, 30 * SEC);
	if (from >= 0 && from != i)
		sim_attach(t->pma[from], ATTACH_DOWN, ATTACH_BY_FDB, 1,
		    n->mac, NULL);
}

/* It does DHCP where it is, for both families; what is let through works. */
static void
dhcp(struct t *t, struct node *n, uint32_t lease_s)
{
	struct bule *b = entry(t, n, n->at);
	struct in_addr a4, gw;
	struct in6_addr a6;

	if (b == NULL)
		return;
	if ((n->six == SIX_OWN_DHCP || n->six == SIX_SHARED_DHCP) &&
	    fsm_dhcp_gate(b, AF_INET6) == DHCP_RELAY) {
		a6 = sim_in6(n->addr);
		fsm_learn_hoa(b, &a6, lease_s);
		n->has6 = true;
	}
	if (n->four == FOUR_DHCP &&
	    fsm_dhcp_gate(b, AF_INET) == DHCP_RELAY) {
		ck_assert_int_eq(in4_parse(n->addr4, &a4), 0);
		ck_assert_int_eq(in4_parse(GW4, &gw), 0);
		fsm_learn_ip4(b, &a4, 24, &gw, lease_s);
		n->has4 = true;
	}
}

/* Has that router a path for it, or for some address of it? */
static bool
hosts(struct t *t, struct sim_node *pma, const struct prefix *p)
{
	for (unsigned i = 0; i < t->nn * NUMBERS; i++) {
		struct node n = t->n[i / NUMBERS];
		const struct sim_kpath *k;

		number(&n, i / NUMBERS, i % NUMBERS);
		k = sim_kpath(pma, n.home);
		if (k != NULL && prefix_covers(p, &k->prefix))
			return true;
	}
	return false;
}

static void
look(void *ctx)
{
	struct t *t = ctx;

	for (; t->ras < sim_ras(t->s); t->ras++) {
		const struct sim_ra *ra = sim_ra(t->s, t->ras);
		const struct nd_pio *p = &ra->ra.pio[0];
		struct prefix shared = sim_prefix(SHARED);

		ck_assert(ra->good && !ra->l2_multicast);
		if (ra->ra.npio == 0) {
			/* do DHCP; or: the router before us is gone (7.3) */
			ck_assert_uint_eq(ra->ra.router_lifetime_s, 0);
			ck_assert(ra->ra.managed || !in6_eq(&ra->ra.src,
			    &sim_if(ra->node, ra->ifindex)->lif.linklocal));
			continue;
		}
		if (prefix_eq(&p->prefix, &shared))
			ck_assert(!p->onlink && !p->autonomous);
		if (ra->ra.router_lifetime_s > 0)
			ck_assert_msg(hosts(t, ra->node, &p->prefix),
			    "advertised and not hosted");
	}
}

/* Run on; at every event: who advertises a prefix hosts it or part of it. */
static void
run(struct t *t, usec_t usec)
{
	sim_run_looking(t->s, usec, look, t);
}

/* --- is all well? -------------------------------------------------------- */

static bool
should_have6(const struct node *n)
{
	return n->at >= 0 && (n->six != SIX_SHARED_DHCP || n->has6);
}

static bool
should_have4(const struct node *n)
{
	return should_have6(n) && (n->four == FOUR_STATIC ||
	    (n->four == FOUR_DHCP && n->has4));
}

/* One path: at the home agent and at router `at`, nowhere else; or nowhere. */
static const char *
path_trouble(struct t *t, const char *prefix, int at)
{
	if (!sim_routed(t->ha, prefix, at >= 0 ? pma_addr[at] : NULL))
		return "the home agent's path is wrong";
	for (int i = 0; i < PMAS; i++) {
		if (!sim_routed(t->pma[i], prefix, i == at ? HA : NULL))
			return i == at ? "its router does not host it" :
			    "another router hosts it";
	}
	return NULL;
}

static const char *
trouble(struct t *t, const struct node *n)
{
	bool six = should_have6(n), four = should_have4(n);
	const char *why = path_trouble(t, n->home, six ? n->at : -1);

	if (why == NULL)
		why = path_trouble(t, n->home4, four ? n->at : -1);
	if (why != NULL || !six)
		return why;
	if (!sim_mn_has_prefix(n->mn, n->hnp) ||
	    n->mn->ra.node != t->pma[n->at])
		return "the node was not told its router";
	if (four && (n->mn->narp == 0 ||
	    n->mn->arp.node != t->pma[n->at]))
		return "the node was not told its IPv4 router";
	return NULL;
}

static void
settled(struct t *t)
{
	unsigned paths = 0;

	for (unsigned i = 0; i < t->nn; i++) {
		const char *why = trouble(t, &t->n[i]);

		ck_assert_msg(why == NULL, "%s (six %d, four %d) at %.1f s: "
		    "%s", t->n[i].nai, t->n[i].six, t->n[i].four,
		    (double)sim_now(t->s) / 1e6, why);
		paths += should_have6(&t->n[i]) + should_have4(&t->n[i]);
	}
	/* and nothing else */
	ck_assert_uint_eq(sim_kpaths(t->ha), paths);
	ck_assert_uint_eq(sim_kpaths(t->pma[0]) + sim_kpaths(t->pma[1]),
	    paths);
}

static uint64_t
pma_stat(struct t *t, int i, const char *name)
{
	return sim_stat(t->pma[i], "pma", name);
}

/* A world with one node of that kind, in service at router 0. */
static struct t
home(int kind)
{
	struct t t = world(3);
	struct node *n = add(&t, (enum six)(kind / FOUR_MAX),
	    (enum four)(kind % FOUR_MAX));

	go(&t, n, 0, false);
	run(&t, SEC);
	dhcp(&t, n, LEASE_INFINITE);
	run(&t, SEC);
	dhcp(&t, n, LEASE_INFINITE);
	run(&t, 3 * SEC);
	settled(&t);
	return t;
}

/* --- a good world -------------------------------------------------------- */

/*
 * D3-3, D7.2-1, D5.3-1 to -3, D6.7-1 to -6, D5.2-2: every kind of node: in
 * service, an hour of refreshes, gone without a trace.
 */
START_TEST(test_attach)
{
	struct t t = home(_i);
	struct node *n = &t.n[0];

	ck_assert_int_eq(state(&t, n, 0), BUL_ACTIVE);
	ck_assert_uint_eq(sim_tunnel(t.pma[0], pma_addr[0], HA)->users, 1);
	ck_assert_uint_eq(pma_stat(&t, 0, "waited-for-dhcp"),
	    n->six == SIX_SHARED_DHCP);
	run(&t, 3600 * SEC);
	settled(&t);
	ck_assert_uint_eq(pma_stat(&t, 0, "ipv4-refused"), 0);
	sim_attach(t.pma[0], ATTACH_DOWN, ATTACH_BY_CARRIER, 1, NULL, NULL);
	n->at = -1;
	run(&t, 10 * SEC);
	settled(&t);
	ck_assert_uint_eq(t.ha->kernel.ntunnels + t.pma[0]->kernel.ntunnels,
	    0);
	ck_assert_uint_eq(wheel_count(t.pma[0]->env.wheel), 0);
	sim_free(t.s);
}
END_TEST

/*
 * D6.10-14, -15, D5.6-1, D6.5-4: it moves and does no DHCP: the same addresses
 * of both families, at once, and the router announced.  Noticed by the router
 * before, noticed late, not noticed.
 */
START_TEST(test_move)
{
	struct t t = home(_i / 3);
	struct node *n = &t.n[0];
	int how = _i % 3;
	usec_t since = sim_kpath(t.ha, n->home)->since;

	for (int i = 1; i <= 6; i++) {
		go(&t, n, i & 1, false);
		run(&t, 10 * USEC_PER_MSEC);
		ck_assert(sim_routed(t.ha, n->home, pma_addr[i & 1]));
		ck_assert(n->four == FOUR_NONE ||
		    sim_routed(t.ha, n->home4, pma_addr[i & 1]));
		run(&t, how == 1 ? 5 * SEC : SEC);
		if (how < 2)
			sim_attach(t.pma[!(i & 1)], ATTACH_DOWN,
			    ATTACH_BY_FDB, 1, n->mac, NULL);
		run(&t, 5 * SEC);
		if (how < 2)
			settled(&t);
		ck_assert(sim_routed(t.ha, n->home, pma_addr[i & 1]));
		ck_assert(n->mn->ra.node == t.pma[i & 1]);
	}
	ck_assert_int_eq(sim_kpath(t.ha, n->home)->since, since);
	ck_assert_uint_eq(pma_stat(&t, 1, "waited-for-dhcp"), 0);
	sim_free(t.s);
}
END_TEST

/* The home agent knows nothing: a first answer registers it, a second has what
 * could not be learnt before. */
static void
dhcp_again(struct t *t, struct node *n)
{
	dhcp(t, n, 1000);
	run(t, SEC);
	dhcp(t, n, 1000);
	run(t, 10 * SEC);
	settled(t);
}

/*
 * De-registered before it arrives: the home agent knows nothing any more.  What
 * is not static waits for DHCP (D6.10-16), and comes back with it.
 */
START_TEST(test_move_after_a_pause)
{
	struct t t = home(_i);
	struct node *n = &t.n[0];

	sim_attach(t.pma[0], ATTACH_DOWN, ATTACH_BY_FDB, 1, n->mac, NULL);
	sim_mn_unplug(n->mn);
	n->at = -1;
	run(&t, 10 * SEC);
	settled(&t);
	n->has6 = n->has4 = false;
	go(&t, n, 1, false);
	run(&t, 10 * SEC);
	ck_assert_int_eq(state(&t, n, 1), n->six == SIX_SHARED_DHCP ?
	    BUL_WAIT_DHCP : BUL_ACTIVE);
	settled(&t);
	dhcp_again(&t, n);
	sim_free(t.s);
}
END_TEST

/* --- loss ---------------------------------------------------------------- */

/* 5.1 (REG, REREG, T expires): each message is lost once or three times. */
START_TEST(test_loss)
{
	struct t t = home(_i % KINDS);
	struct node *n = &t.n[0];
	unsigned lost = _i / KINDS % 2 == 0 ? 1 : 3;
	bool answers = _i / KINDS >= 2;

	for (int i = 1; i <= 3; i++) {
		sim_path(t.s, answers ? HA : pma_addr[i & 1],
		    answers ? pma_addr[i & 1] : HA)->drop_next = lost;
		hop(&t, n, i & 1);
		run(&t, 20 * SEC);
		settled(&t);
	}
	/* DHCP gives it other addresses, and those messages are lost */
	if (n->six == SIX_SHARED_DHCP || n->four == FOUR_DHCP) {
		renumber(n, 0, 1);
		sim_path(t.s, answers ? HA : pma_addr[1],
		    answers ? pma_addr[1] : HA)->drop_next = lost;
		dhcp(&t, n, LEASE_INFINITE);
		run(&t, 20 * SEC);
		settled(&t);
	}
	sim_free(t.s);
}
END_TEST

/* --- leases -------------------------------------------------------------- */

/* 5.4: renewed where it is and after a move, and it ends when it is not. */
START_TEST(test_lease)
{
	struct t t = home(_i);
	struct node *n = &t.n[0];

	for (int i = 0; i < 6; i++) {
		hop(&t, n, i & 1);
		run(&t, 70 * SEC);
		dhcp(&t, n, 200);
		run(&t, 100 * SEC);
		settled(&t);
	}
	run(&t, 110 * SEC);		/* no renewal this time */
	if (n->six == SIX_SHARED_DHCP)
		ck_assert_int_eq(state(&t, n, 1), BUL_WAIT_DHCP);
	n->has6 = n->has4 = false;
	settled(&t);
	dhcp(&t, n, 200);
	run(&t, SEC);
	dhcp(&t, n, 200);
	run(&t, 10 * SEC);
	settled(&t);
	sim_free(t.s);
}
END_TEST

/* 5.1, 5.4: Release: Shared-Prefix de-registers, IPv4 goes alone. */
START_TEST(test_release)
{
	struct t t = home(_i);
	struct node *n = &t.n[0];

	fsm_forget_ip4(entry(&t, n, 0), "released");
	n->has4 = false;
	run(&t, SEC);
	settled(&t);
	dhcp(&t, n, 1000);
	run(&t, SEC);
	settled(&t);
	fsm_forget_hoa(entry(&t, n, 0), "released");
	n->has6 = false;
	run(&t, SEC);
	settled(&t);
	ck_assert_int_eq(state(&t, n, 0), n->six == SIX_SHARED_DHCP ?
	    BUL_WAIT_DHCP : BUL_ACTIVE);
	/* it leaves now, having nothing */
	hop(&t, n, 1);
	run(&t, 10 * SEC);
	settled(&t);
	sim_free(t.s);
}
END_TEST

/* D6.10-12, -13: another address by DHCP, at the same router or the next. */
START_TEST(test_new_address)
{
	struct t t = home(_i / 2);
	struct node *n = &t.n[0];

	for (unsigned k = 1; k < 5; k++) {
		if (_i & 1)
			hop(&t, n, k & 1);
		renumber(n, 0, k);
		run(&t, SEC);
		dhcp(&t, n, 1000);
		run(&t, 5 * SEC);
		settled(&t);
	}
	sim_free(t.s);
}
END_TEST

/* It moves while DHCP answers; the answer comes to either router. */
START_TEST(test_learning_and_moving)
{
	struct t t = home(_i % KINDS);
	struct node *n = &t.n[0];
	usec_t gap = (usec_t)(_i / KINDS) * 700;	/* us; 1 ms one way */

	for (unsigned k = 1; k <= 4; k++) {
		renumber(n, 0, k);
		dhcp(&t, n, LEASE_INFINITE);
		run(&t, gap);
		go(&t, n, k & 1, false);
		run(&t, gap);
		dhcp(&t, n, LEASE_INFINITE);
		run(&t, 20 * SEC);
		sim_attach(t.pma[!(k & 1)], ATTACH_DOWN, ATTACH_BY_FDB, 1,
		    n->mac, NULL);
		dhcp(&t, n, LEASE_INFINITE);
		run(&t, 5 * SEC);
		settled(&t);
	}
	sim_free(t.s);
}
END_TEST

/* --- IPv4 that is refused ------------------------------------------------ */

/* The home agent does not anchor it: IPv6 as ever, moves included. */
START_TEST(test_ip4_not_anchored)
{
	struct t t = world(5);
	struct node *n;

	t.haconf->home_prefixes.n = 1;
	n = add(&t, (enum six)_i, FOUR_STATIC);
	go(&t, n, 0, false);
	run(&t, SEC);
	dhcp(&t, n, LEASE_INFINITE);
	for (int i = 1; i < 4; i++) {
		run(&t, 10 * SEC);
		ck_assert_ptr_null(path_trouble(&t, n->home, n->at));
		ck_assert_ptr_null(path_trouble(&t, n->home4, -1));
		ck_assert_uint_eq(n->mn->narp, 0);
		hop(&t, n, i & 1);
	}
	ck_assert_uint_gt(pma_stat(&t, 0, "ipv4-refused"), 0);
	sim_free(t.s);
}
END_TEST

/* D6.4-3: a server gave two nodes one address; the first keeps it. */
START_TEST(test_one_address_twice)
{
	struct t t = world(5);
	struct node *a = add(&t, SIX_SLAAC, FOUR_DHCP);
	struct node *b = add(&t, SIX_SLAAC, FOUR_DHCP);

	go(&t, a, 0, false);
	go(&t, b, 1, false);
	run(&t, SEC);
	dhcp(&t, a, 1000);
	run(&t, SEC);
	memcpy(b->addr4, a->addr4, sizeof(b->addr4));
	dhcp(&t, b, 1000);
	run(&t, 5 * SEC);
	ck_assert_ptr_null(path_trouble(&t, a->home4, 0));
	ck_assert_ptr_null(path_trouble(&t, b->home, 1));
	ck_assert_uint_eq(pma_stat(&t, 1, "ipv4-refused"), 1);
	/* the first gives it back: the next refresh of the other has it */
	fsm_forget_ip4(entry(&t, a, 0), "released");
	run(&t, 300 * SEC);
	ck_assert_ptr_null(path_trouble(&t, a->home4, 1));
	sim_free(t.s);
}
END_TEST

/* The kernel of one end refuses IPv4: both ends agree that there is none. */
START_TEST(test_ip4_kernel)
{
	struct t t = world(5);
	struct node *n = add(&t, SIX_SLAAC, FOUR_STATIC);

	t.pma[0]->kernel.refuse_nth = 1;
	t.pma[0]->kernel.refuse_set = 1;
	go(&t, n, 0, false);
	run(&t, 10 * SEC);
	ck_assert_ptr_null(path_trouble(&t, n->home, 0));
	ck_assert_ptr_null(path_trouble(&t, n->home4, -1));
	run(&t, 300 * SEC);
	settled(&t);
	sim_free(t.s);
}
END_TEST

/* --- restarts ------------------------------------------------------------ */

/*
 * The home agent forgets everything: the routers' refreshes bring it back, with
 * the addresses that they know.
 */
START_TEST(test_home_agent_restarts)
{
	struct t t = home(_i);
	struct node *n = &t.n[0];

	sim_node_restart(t.ha, true);
	ck_assert_uint_eq(sim_kpaths(t.ha), 0);
	run(&t, 300 * SEC);
	settled(&t);
	/* or it moves right after: then only DHCP can tell (D6.10-15, -16) */
	sim_node_restart(t.ha, true);
	go(&t, n, 1, true);
	run(&t, 10 * SEC);
	ck_assert_int_eq(state(&t, n, 1), n->six == SIX_SHARED_DHCP ?
	    BUL_WAIT_DHCP : BUL_ACTIVE);
	n->has6 = n->has4 = false;
	settled(&t);
	dhcp_again(&t, n);
	sim_free(t.s);
}
END_TEST

/* The router forgets everything: the home agent tells it all. */
START_TEST(test_router_restarts)
{
	struct t t = home(_i / 2);
	struct node *n = &t.n[0];

	sim_node_restart(t.pma[0], _i & 1);
	sim_mn_rs(n->mn);
	run(&t, 10 * SEC);
	settled(&t);
	ck_assert_uint_eq(pma_stat(&t, 0, "waited-for-dhcp"), 0);
	/* an orderly stop de-registers; after it, only DHCP can tell */
	sim_node_stop(t.pma[0], false);
	ck_assert_int_eq(sim_node_start(t.pma[0]), 0);
	run(&t, SEC);
	n->has6 = n->has4 = false;
	sim_mn_rs(n->mn);
	run(&t, 10 * SEC);
	settled(&t);
	sim_free(t.s);
}
END_TEST

/* The policy changes under a node's feet: every kind to every kind. */
START_TEST(test_policy)
{
	struct t t = home(_i / KINDS);
	struct node *n = &t.n[0];

	n->six = (enum six)(_i % KINDS / FOUR_MAX);
	n->four = (enum four)(_i % KINDS % FOUR_MAX);
	if (n->six >= SIX_SHARED_STATIC)
		snprintf(n->hnp, sizeof(n->hnp), "%s", SHARED);
	else
		snprintf(n->hnp, sizeof(n->hnp), "2001:db8:1:100::/64");
	number(n, 0, n->six == SIX_SHARED_STATIC ? 3 : 4);
	number4(n, 0, n->four == FOUR_STATIC ? 3 : 4);
	n->has6 = n->has4 = false;
	set_profile(&t, n);
	sim_policy_changed(t.s);
	run(&t, 10 * SEC);
	for (int i = 0; i < 2; i++) {
		dhcp(&t, n, 1000);
		run(&t, 10 * SEC);
	}
	settled(&t);
	hop(&t, n, 1);
	run(&t, 10 * SEC);
	settled(&t);
	sim_free(t.s);
}
END_TEST

/* --- a random life ------------------------------------------------------- */

static bool
dice(struct t *t, unsigned n)
{
	return sim_random(t->s, n) == 0;
}

static void
trouble_makers(struct t *t, bool on)
{
	struct sim_path *net = sim_net(t->s);

	net->loss_permille = on ? 150 : 0;
	net->dup_permille = on ? 100 : 0;
	net->jitter_us = on ? 50 * USEC_PER_MSEC : 0;
	for (int i = 0; i < PMAS; i++) {
		struct sim_kernel *k = &t->pma[i]->kernel;

		k->refuse_set = on && dice(t, 20) ? 1 : 0;
		k->refuse_del = on && dice(t, 20) ? 1 : 0;
		k->delay_us = on ? (usec_t)sim_random(t->s, 100) *
		    USEC_PER_MSEC - 1 : 0;
	}
}

/* Another kind, another static address, or no service for a while. */
static void
new_profile(struct t *t, unsigned i)
{
	struct node *n = &t->n[i];
	unsigned k = (unsigned)sim_random(t->s, NUMBERS);

	if (n->six == SIX_SHARED_STATIC)
		number(n, i, k);
	if (n->four == FOUR_STATIC)
		number4(n, i, k);
	else if (dice(t, 2))
		n->four = n->four == FOUR_NONE ? FOUR_DHCP : FOUR_NONE;
	n->has4 = n->has4 && n->four == FOUR_DHCP;
	set_profile(t, n);
	sim_policy_changed(t->s);
}

static void
something(struct t *t, unsigned i)
{
	struct node *n = &t->n[i];
	struct bule *b = n->at >= 0 ? entry(t, n, n->at) : NULL;

	switch (sim_random(t->s, 14)) {
	case 0:
	case 1:
	case 2:
		go(t, n, (int)sim_random(t->s, PMAS), !dice(t, 4));
		break;
	case 3:
	case 4:
	case 5:
		dhcp(t, n, (uint32_t)sim_random(t->s, 500));
		break;
	case 6:
		renumber(n, i, (unsigned)sim_random(t->s, NUMBERS));
		dhcp(t, n, 1000);
		break;
	case 7:
		if (b != NULL)
			fsm_forget_hoa(b, "released");
		n->has6 = false;
		break;
	case 8:
		if (b != NULL)
			fsm_forget_ip4(b, "released");
		n->has4 = false;
		break;
	case 9:
		if (n->at >= 0)
			sim_attach(t->pma[n->at], ATTACH_DOWN,
			    ATTACH_BY_FDB, 1, n->mac, NULL);
		break;
	case 10:
		new_profile(t, i);
		break;
	case 11:
		if (n->at >= 0)
			sim_mn_arp(n->mn, dice(t, 2) ? NULL : n->addr4,
			    dice(t, 2) ? GW4 : n->addr4);
		break;
	case 12:
		if (dice(t, 10))
			sim_node_restart(t->ha, dice(t, 2));
		break;
	default:
		if (dice(t, 10))
			sim_node_restart(t->pma[sim_random(t->s, PMAS)],
			    dice(t, 2));
	}
}

/* The dust settles: everybody somewhere, known there, with all its leases. */
static void
calm(struct t *t)
{
	trouble_makers(t, false);
	for (unsigned i = 0; i < t->nn; i++) {
		struct node *n = &t->n[i];
		int at = n->at >= 0 ? n->at : 0;

		/* the routers where it is not hear of it at last */
		for (int k = 0; k < PMAS; k++)
			sim_attach(t->pma[k], ATTACH_DOWN, ATTACH_BY_FDB, 1,
			    n->mac, NULL);
		n->at = at;
	}
	run(t, 900 * SEC);
	for (unsigned i = 0; i < t->nn; i++) {
		t->n[i].has6 = t->n[i].has4 = false;
		go(t, &t->n[i], t->n[i].at, false);
	}
	for (int i = 0; i < 3; i++) {
		run(t, 5 * SEC);
		for (unsigned k = 0; k < t->nn; k++)
			dhcp(t, &t->n[k], LEASE_INFINITE);
	}
	run(t, 10 * SEC);
	settled(t);
}

START_TEST(test_random_life)
{
	struct t t = world((uint64_t)_i + 1);

	for (unsigned i = 0; i < NODES_MAX; i++)
		add(&t, (enum six)sim_random(t.s, SIX_MAX),
		    (enum four)sim_random(t.s, FOUR_MAX));
	for (unsigned step = 0; step < 1200; step++) {
		if (step % 10 == 0)
			trouble_makers(&t, true);
		something(&t, (unsigned)sim_random(t.s, NODES_MAX));
		run(&t, (usec_t)sim_random(t.s, 2000) * USEC_PER_MSEC);
		if (step % 200 == 199)
			calm(&t);
	}
	/* and all go */
	for (int i = 0; i < PMAS; i++)
		sim_attach(t.pma[i], ATTACH_DOWN, ATTACH_BY_CARRIER, 1, NULL,
		    NULL);
	run(&t, 60 * SEC);
	for (int i = 0; i < PMAS; i++) {
		ck_assert_uint_eq(sim_kpaths(t.pma[i]), 0);
		ck_assert_uint_eq(t.pma[i]->kernel.ntunnels, 0);
		ck_assert_uint_eq(wheel_count(t.pma[i]->env.wheel), 0);
	}
	ck_assert_uint_eq(sim_kpaths(t.ha), 0);
	sim_free(t.s);
}
END_TEST

int
main(void)
{
	Suite *su = suite_create("addresses in a domain");
	TCase *tc = tcase_create("addresses");

#define T(name) tcase_add_test(tc, name)
#define TL(name, n) tcase_add_loop_test(tc, name, 0, (int)(n))
	TL(test_attach, KINDS);
	TL(test_move, KINDS * 3);
	TL(test_move_after_a_pause, KINDS);
	TL(test_loss, KINDS * 4);
	TL(test_lease, KINDS);
	TL(test_release, KINDS);
	TL(test_new_address, KINDS * 2);
	TL(test_learning_and_moving, KINDS * 6);
	TL(test_ip4_not_anchored, SIX_MAX);
	T(test_one_address_twice);
	T(test_ip4_kernel);
	TL(test_home_agent_restarts, KINDS);
	TL(test_router_restarts, KINDS * 2);
	TL(test_policy, KINDS * KINDS);
	TL(test_random_life, 10);
#undef TL
#undef T
	tcase_set_timeout(tc, 120);
	suite_add_tcase(su, tc);
	return suite_run(su);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's own IPsec, in a network namespace: policies that come and go,
 * and static keys where the kernel has ESP.
 */
#include <check.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/crypto.h"
#include "core/json.h"
#include "core/log.h"
#include "core/stats.h"
#include "esp/xfrm.h"
#include "esp/xfrm_put.h"
#include "suite.h"
#include "unit/ns.h"
#include "unit/xfrm_msg.h"

#define HA "2001:db8:a::1"
#define PMA "2001:db8:b1::1"
#define PMA2 "2001:db8:b2::1"
#define MH 135
#define IKE_PRIORITY 3000

static const struct xfrm_peer two[] = {
	{ .local = { { { 0x20, 1, 0xd, 0xb8, 0, 0xb1, [15] = 1 } } },
	  .remote = { { { 0x20, 1, 0xd, 0xb8, 0, 0xa, [15] = 1 } } } },
	{ .local = { { { 0x20, 1, 0xd, 0xb8, 0, 0xb2, [15] = 1 } } },
	  .remote = { { { 0x20, 1, 0xd, 0xb8, 0, 0xa, [15] = 1 } } } },
};

struct told {
	struct in6_addr dst;
	uint32_t spi;
	uint64_t seq;
};

struct world {
	struct loop *loop;
	struct log *log;
	struct stats *stats;
	struct netlink *nl;		/* what the IKE daemon does */
	struct xfrm *x;
	bool has_esp;
	struct told told[64];
	unsigned ntold;
};

static void
on_sequence(void *ctx, const struct in6_addr *src UNUSED,
    const struct in6_addr *dst, uint32_t spi, uint64_t seq)
{
	struct world *w = ctx;

	ck_assert_uint_lt(w->ntold, ARRAY_LEN(w->told));
	w->told[w->ntold++] = (struct told){ *dst, spi, seq };
}

/* The last word about an SPI; -1: never told. */
static int64_t
last_told(const struct world *w, uint32_t spi)
{
	for (unsigned i = w->ntold; i-- > 0;) {
		if (w->told[i].spi == spi)
			return (int64_t)w->told[i].seq;
	}
	return -1;
}

static void
xfrm_open(struct world *w)
{
	const struct xfrm_args a = { .loop = w->loop, .log = w->log,
		.stats = w->stats, .clock = &clock_system,
		.sequence = on_sequence, .ctx = w };

	ck_assert_int_eq(xfrm_new(&a, &w->x), 0);
}

static struct world *
world_new(const char *test)
{
	struct world *w = calloc(1, sizeof(*w));

	ck_assert_ptr_nonnull(w);
	if (!ns_enter(test)) {
		free(w);
		return NULL;
	}
	ck_assert_int_eq(crypto_init(), 0);
	ns_open(&w->loop, &w->log, &w->stats);
	ck_assert_int_eq(netlink_new_proto(w->loop, w->log, w->stats,
	    NETLINK_XFRM, "ike", &w->nl), 0);
	xfrm_open(w);
	ck_assert_int_eq(xfrm_set_peers(w->x, two, 1), 0);
	w->has_esp = strstr(xfrm_missing(w->x, 0), "esp6") == NULL;
	return w;
}

static void
world_close(struct world *w)
{
	xfrm_free(w->x, false);
	ns_close(w->loop, w->log, w->stats, w->nl);
	free(w);
}

/* Does this kernel have what the test is about?  If not, that is the end. */
static bool
kernel_has_esp(struct world *w, const char *test)
{
	if (w->has_esp)
		return true;
	printf("SKIP: %s: this kernel has no ESP\n", test);
	fflush(stdout);
	world_close(w);
	return false;
}

/* As an IKE daemon would; `tmpl`: with one. */
static int
policy(struct world *w, int type, uint8_t dir, const char *src,
    const char *dst, uint32_t priority, bool tmpl)
{
	const struct xfrm_userpolicy_info p = { .priority = priority,
		.sel = xfrm_selector_of(src, dst, MH), .dir = dir,
		.lft = { .soft_byte_limit = XFRM_INF,
		    .hard_byte_limit = XFRM_INF,
		    .soft_packet_limit = XFRM_INF,
		    .hard_packet_limit = XFRM_INF } };
	const struct xfrm_userpolicy_id id = { .sel = p.sel, .dir = dir };
	const struct xfrm_user_tmpl t = { .family = AF_INET6, .reqid = 1,
		.id.proto = IPPROTO_ESP, .aalgos = ~0u, .ealgos = ~0u,
		.calgos = ~0u };
	struct nl_msg *m;

	if (type == XFRM_MSG_DELPOLICY)
		return ns_sync(w->nl, ns_msg(type, 0, &id, sizeof(id)));
	m = ns_msg(type, 0, &p, sizeof(p));
	if (tmpl)
		nla_put(m, XFRMA_TMPL, sizeof(t), &t);
	return ns_sync(w->nl, m);
}

static void
protect(struct world *w, const char *local, const char *remote)
{
	ck_assert_int_eq(policy(w, XFRM_MSG_NEWPOLICY, XFRM_POLICY_OUT, local,
	    remote, IKE_PRIORITY, true), 0);
	ck_assert_int_eq(policy(w, XFRM_MSG_NEWPOLICY, XFRM_POLICY_IN, remote,
	    local, IKE_PRIORITY, true), 0);
}

/* Do the kernel's policies protect the peer?  Also told without ESP. */
static bool
protected(struct world *w, size_t peer)
{
	struct json_w j;
	bool yes;

	json_w_init(&j);
	json_w_obj(&j, NULL);
	xfrm_show_peer(w->x, peer, &j);
	json_w_obj_end(&j);
	yes = strstr(j.buf, "\"policy_in\":\"protected\"") != NULL &&
	    strstr(j.buf, "\"policy_out\":\"protected\"") != NULL;
	json_w_done(&j);
	/* nobody is ready on a kernel that cannot */
	ck_assert(xfrm_ready(w->x, peer) == (yes && w->has_esp));
	ck_assert(xfrm_may_send(w->x, peer) == (yes && w->has_esp));
	return yes;
}

static void
until_protected(struct world *w, size_t peer, bool goal)
{
	usec_t end = clock_mono_us(&clock_system) + 20 * USEC_PER_SEC;

	while (protected(w, peer) != goal) {
		ck_assert_msg(clock_mono_us(&clock_system) < end,
		    "peer %zu: %s", peer, xfrm_missing(w->x, peer));
		ck_assert_int_eq(loop_turn(w->loop, USEC_PER_SEC), 0);
	}
}

/* D4.2-1, D4.2-2, D10-1: a policy each way, and the peer is ready; without one
 * it is not, and the operator reads which. */
START_TEST(test_policies_come_and_go)
{
	struct world *w = world_new("test_policies_come_and_go");

	if (w == NULL)
		return;
	ck_assert_int_eq(xfrm_set_peers(w->x, two, 2), 0);
	ck_assert(!protected(w, 0) && !protected(w, 1));
	ck_assert_ptr_nonnull(strstr(xfrm_missing(w->x, 0),
	    "no policy out " PMA " -> " HA " proto 135"));
	ck_assert_ptr_nonnull(strstr(xfrm_missing(w->x, 0),
	    "no policy in " HA " -> " PMA " proto 135"));
	protect(w, PMA, HA);
	until_protected(w, 0, true);
	ck_assert(!protected(w, 1));
	ck_assert_ptr_null(strstr(xfrm_missing(w->x, 0), "policy"));
	/* one direction goes */
	ck_assert_int_eq(policy(w, XFRM_MSG_DELPOLICY, XFRM_POLICY_IN, HA,
	    PMA, 0, false), 0);
	until_protected(w, 0, false);
	ck_assert_ptr_null(strstr(xfrm_missing(w->x, 0), "no policy out"));
	ck_assert_ptr_nonnull(strstr(xfrm_missing(w->x, 0), "no policy in"));
	ck_assert_uint_eq(stats_get(w->stats, "ipsec-kernel",
	    "protection-lost"), w->has_esp);
	/* and comes back */
	ck_assert_int_eq(policy(w, XFRM_MSG_NEWPOLICY, XFRM_POLICY_IN, HA,
	    PMA, IKE_PRIORITY, true), 0);
	until_protected(w, 0, true);
	world_close(w);
}
END_TEST

/* A bypass before it, and a template that is taken out of it. */
START_TEST(test_policies_change)
{
	struct world *w = world_new("test_policies_change");

	if (w == NULL)
		return;
	protect(w, PMA, HA);
	ck_assert_int_eq(xfrm_set_peers(w->x, two, 1), 0);
	ck_assert(protected(w, 0));
	ck_assert_int_eq(policy(w, XFRM_MSG_NEWPOLICY, XFRM_POLICY_OUT,
	    "::/0", "::/0", IKE_PRIORITY - 1, false), 0);
	until_protected(w, 0, false);
	ck_assert_ptr_nonnull(strstr(xfrm_missing(w->x, 0),
	    "in the clear by the policy of priority 2999"));
	ck_assert_int_eq(policy(w, XFRM_MSG_DELPOLICY, XFRM_POLICY_OUT,
	    "::/0", "::/0", 0, false), 0);
	until_protected(w, 0, true);
	ck_assert_int_eq(policy(w, XFRM_MSG_UPDPOLICY, XFRM_POLICY_OUT, PMA,
	    HA, IKE_PRIORITY, false), 0);
	until_protected(w, 0, false);
	ck_assert_int_eq(policy(w, XFRM_MSG_UPDPOLICY, XFRM_POLICY_OUT, PMA,
	    HA, IKE_PRIORITY, true), 0);
	until_protected(w, 0, true);
	world_close(w);
}
END_TEST

/* All policies go at once. */
START_TEST(test_policies_flushed)
{
	struct world *w = world_new("test_policies_flushed");

	if (w == NULL)
		return;
	protect(w, PMA, HA);
	protect(w, PMA2, HA);
	ck_assert_int_eq(xfrm_set_peers(w->x, two, 2), 0);
	ck_assert(protected(w, 0) && protected(w, 1));
	ck_assert_int_eq(ns_sync(w->nl, nlmsg_alloc_simple(
	    XFRM_MSG_FLUSHPOLICY, 0)), 0);
	until_protected(w, 0, false);
	until_protected(w, 1, false);
	world_close(w);
}
END_TEST

/* More news than the socket holds: everything is read again. */
START_TEST(test_policies_overrun)
{
	struct world *w = world_new("test_policies_overrun");
	unsigned before;
	int size = 1, fd;

	if (w == NULL)
		return;
	ck_assert_int_eq(xfrm_set_peers(w->x, two, 1), 0);
	before = (unsigned)stats_get(w->stats, "ipsec-kernel", "tables-read");
	/* the monitor's is the last descriptor that was opened */
	fd = ns_next_fd() - 1;
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size,
	    sizeof(size)), 0);
	for (unsigned i = 0; i < 50; i++) {
		protect(w, PMA2, HA);
		ck_assert_int_eq(ns_sync(w->nl, nlmsg_alloc_simple(
		    XFRM_MSG_FLUSHPOLICY, 0)), 0);
	}
	protect(w, PMA, HA);
	until_protected(w, 0, true);
	ck_assert_uint_gt(stats_get(w->stats, "ipsec-kernel", "tables-read"),
	    before);
	ck_assert_uint_gt(stats_get(w->stats, "netlink-xfrm", "overrun"), 0);
	world_close(w);
}
END_TEST

/* The kernel cannot do ESP: nobody is ready, and the operator reads why. */
START_TEST(test_kernel_without_esp)
{
	struct world *w = world_new("test_kernel_without_esp");

	if (w == NULL)
		return;
	protect(w, PMA, HA);
	ck_assert_int_eq(xfrm_set_peers(w->x, two, 1), 0);
	if (xfrm_ready(w->x, 0)) {
		printf("SKIP: test_kernel_without_esp: this one can\n");
		fflush(stdout);
	} else {
		ck_assert_str_eq(xfrm_missing(w->x, 0), "this kernel has no "
		    "ESP for IPv6: load the module esp6 (CONFIG_INET6_ESP), "
		    "or set security: ipsec: userspace (EPROTONOSUPPORT)");
	}
	world_close(w);
}
END_TEST

/* A sysctl by which the kernel does not ask its policies about what arrives. */
START_TEST(test_policies_turned_off)
{
	static const char path[] = "/proc/sys/net/ipv6/conf/all/disable_policy";
	struct world *w = world_new("test_policies_turned_off");
	FILE *f;

	if (w == NULL)
		return;
	protect(w, PMA, HA);
	f = fopen(path, "we");
	if (f == NULL || fputs("1", f) < 0 || fclose(f) != 0) {
		printf("SKIP: test_policies_turned_off: %s\n", strerror(errno));
		fflush(stdout);
		world_close(w);
		return;
	}
	ck_assert_int_eq(xfrm_set_peers(w->x, two, 1), 0);
	ck_assert(!xfrm_ready(w->x, 0));
	ck_assert_ptr_nonnull(strstr(xfrm_missing(w->x, 0),
	    "net.ipv6.conf.all.disable_policy is 1"));
	f = fopen(path, "we");
	ck_assert(f != NULL && fputs("0", f) >= 0 && fclose(f) == 0);
	ck_assert_int_eq(xfrm_set_peers(w->x, two, 1), 0);
	ck_assert(protected(w, 0));
	world_close(w);
}
END_TEST

/* --- static keys ------------------------------------------------------- */

static struct xfrm_pair
pair(uint32_t n, enum esp_suite suite)
{
	struct xfrm_pair p = { .suite = suite, .in = { .spi = n },
		.out = { .spi = n + 1 } };

	memset(p.in.key, (int)n, sizeof(p.in.key));
	memset(p.out.key, (int)n + 1, sizeof(p.out.key));
	return p;
}

static int
set_pairs(struct world *w, const struct xfrm_pair *pairs, size_t n)
{
	struct xfrm_peer p = two[0];

	p.pair = pairs;
	p.npair = n;
	return xfrm_set_peers(w->x, &p, 1);
}

/* How many of the tables' entries there are. */
static void
count_one(void *ctx, const struct nlmsghdr *nlh UNUSED)
{
	++*(unsigned *)ctx;
}

static unsigned
count_sas(struct world *w)
{
	unsigned n = 0;

	ck_assert_int_eq(xfrm_dump_sas(w->nl, count_one, NULL, &n), 0);
	return n;
}

static unsigned
count_policies(struct world *w)
{
	unsigned n = 0;

	ck_assert_int_eq(xfrm_dump_policies(w->nl, count_one, NULL, &n), 0);
	return n;
}

/* Under which SPI the policy outwards wants its packets. */
static void
note_spi(void *ctx, const struct nlmsghdr *nlh)
{
	struct spd_policy p;

	if (spd_read_policy(nlh, &p) == SPD_READ_OK && p.dir == SPD_OUT &&
	    p.ntmpl == 1)
		*(uint32_t *)ctx = p.tmpl[0].spi;
}

static uint32_t
policy_spi(struct world *w)
{
	uint32_t spi = 0;

	ck_assert_int_eq(xfrm_dump_policies(w->nl, note_spi, NULL, &spi), 0);
	return spi;
}

static bool
kernel_sa(struct world *w, const char *dst, uint32_t spi, struct spd_sa *ret)
{
	struct in6_addr a = in6(dst);
	bool same;

	return xfrm_get_sa(w->nl, &a, spi, NULL, 0, ret, &same) == 0;
}

/* D4-1, D4-2, D4-5, D10-2: from configuration to kernel and out again. */
START_TEST(test_static_keys)
{
	struct world *w = world_new("test_static_keys");
	const enum esp_suite suite = (enum esp_suite)_i;
	struct xfrm_pair p = pair(0x1000, suite);
	struct spd_sa sa;
	char buf[80];

	if (w == NULL || !kernel_has_esp(w, "test_static_keys"))
		return;
	p.out.seq = 5000;
	p.in.seq = 700;
	ck_assert_int_eq(set_pairs(w, &p, 1), 0);
	ck_assert_msg(xfrm_ready(w->x, 0), "%s", xfrm_missing(w->x, 0));
	ck_assert_uint_eq(count_sas(w), 2);
	ck_assert_uint_eq(count_policies(w), 2);
	ck_assert_uint_eq(policy_spi(w), 0x1001);
	ck_assert(kernel_sa(w, HA, 0x1001, &sa));
	ck_assert_uint_eq(sa.seq_out, 5000);
	ck_assert_str_eq(spd_sa_suite(&sa, buf, sizeof(buf)),
	    esp_suite_names[suite]);
	/* some way ahead is on record already */
	ck_assert_int_gt(last_told(w, 0x1001), 5000);
	ck_assert(kernel_sa(w, PMA, 0x1000, &sa));
	ck_assert_uint_eq(sa.seq_in, 700);
	ck_assert_uint_eq(sa.window, 64);
	ck_assert_int_eq(last_told(w, 0x1000), 700);
	/* the same again changes nothing */
	p.out.seq = 100000;
	ck_assert_int_eq(set_pairs(w, &p, 1), 0);
	ck_assert(kernel_sa(w, HA, 0x1001, &sa));
	ck_assert_uint_eq(sa.seq_out, 5000);
	xfrm_free(w->x, false);
	ck_assert_uint_eq(count_sas(w), 0);
	ck_assert_uint_eq(count_policies(w), 0);
	ck_assert_int_eq(last_told(w, 0x1001), 5000);
	xfrm_open(w);
	world_close(w);
}
END_TEST

/* New keys are there before the old ones go, and never nothing. */
START_TEST(test_static_rollover)
{
	struct world *w = world_new("test_static_rollover");
	struct xfrm_pair p[] = { pair(0x1000, ESP_NULL_SHA256),
		pair(0x2000, ESP_CHACHA20_POLY1305) }, swap;
	struct spd_sa sa;

	if (w == NULL || !kernel_has_esp(w, "test_static_rollover"))
		return;
	ck_assert_int_eq(set_pairs(w, p, 1), 0);
	ck_assert_int_eq(set_pairs(w, p, 2), 0);
	ck_assert_uint_eq(count_sas(w), 4);
	ck_assert_uint_eq(policy_spi(w), 0x1001);
	swap = p[0];
	p[0] = p[1];
	p[1] = swap;
	ck_assert_int_eq(set_pairs(w, p, 2), 0);
	ck_assert_uint_eq(policy_spi(w), 0x2001);
	ck_assert_int_eq(set_pairs(w, p, 1), 0);
	ck_assert_uint_eq(count_sas(w), 2);
	ck_assert_uint_eq(count_policies(w), 2);
	ck_assert(kernel_sa(w, HA, 0x2001, &sa) && xfrm_ready(w->x, 0));
	/* it was ready all the time: the first judgement and no other */
	ck_assert_uint_eq(stats_get(w->stats, "ipsec-kernel",
	    "protection-lost"), 0);
	/* another key under the same SPI */
	memset(p[0].out.key, 0x55, sizeof(p[0].out.key));
	ck_assert_int_eq(set_pairs(w, p, 1), 0);
	ck_assert_uint_eq(count_sas(w), 2);
	/* the peer goes: so do its keys */
	ck_assert_int_eq(xfrm_set_peers(w->x, NULL, 0), 0);
	ck_assert_uint_eq(count_sas(w), 0);
	ck_assert_uint_eq(count_policies(w), 0);
	world_close(w);
}
END_TEST

/* Kept at stop, adopted at start; what is no longer wanted goes. */
START_TEST(test_static_adopted)
{
	struct world *w = world_new("test_static_adopted");
	struct xfrm_pair p[] = { pair(0x1000, ESP_NULL_SHA256),
		pair(0x2000, ESP_NULL_SHA256) };
	struct spd_sa sa;

	if (w == NULL || !kernel_has_esp(w, "test_static_adopted"))
		return;
	p[0].out.seq = 5000;
	ck_assert_int_eq(set_pairs(w, p, 2), 0);
	xfrm_free(w->x, true);
	ck_assert_uint_eq(count_sas(w), 4);
	/* it may be used until the next run */
	ck_assert_int_gt(last_told(w, 0x1001), 5000);
	xfrm_open(w);
	p[0].out.seq = 99;
	ck_assert_int_eq(set_pairs(w, p, 1), 0);
	ck_assert(xfrm_ready(w->x, 0));
	ck_assert_uint_eq(count_sas(w), 2);
	ck_assert(kernel_sa(w, HA, 0x1001, &sa));
	ck_assert_uint_eq(sa.seq_out, 5000);
	world_close(w);
}
END_TEST

/* What cannot be done is said, and nobody signals meanwhile. */
START_TEST(test_static_refused)
{
	struct world *w = world_new("test_static_refused");
	struct xfrm_pair p = pair(0x1000, ESP_NULL_SHA256);

	if (w == NULL || !kernel_has_esp(w, "test_static_refused"))
		return;
	/* an IKE daemon's policy stands there */
	ck_assert_int_eq(policy(w, XFRM_MSG_NEWPOLICY, XFRM_POLICY_OUT, PMA,
	    HA, IKE_PRIORITY, true), 0);
	ck_assert_int_eq(set_pairs(w, &p, 1), -EADDRINUSE);
	ck_assert(!xfrm_ready(w->x, 0));
	ck_assert_ptr_nonnull(strstr(xfrm_missing(w->x, 0), "in the way"));
	ck_assert_int_eq(policy(w, XFRM_MSG_DELPOLICY, XFRM_POLICY_OUT, PMA,
	    HA, 0, false), 0);
	/* no number is left */
	ck_assert_int_eq(xfrm_set_peers(w->x, NULL, 0), 0);
	p.out.seq = 0xffffffff;
	ck_assert_int_eq(set_pairs(w, &p, 1), -EOVERFLOW);
	ck_assert_ptr_nonnull(strstr(xfrm_missing(w->x, 0), "new keys"));
	p.esn = true;
	ck_assert_int_eq(set_pairs(w, &p, 1), 0);
	ck_assert(xfrm_ready(w->x, 0));
	world_close(w);
}
END_TEST

/* `show ipsec` names SPIs and suite, and no key. */
START_TEST(test_show)
{
	struct world *w = world_new("test_show");
	struct xfrm_pair p = pair(0x1000, ESP_NULL_SHA256);
	struct json_w j;

	if (w == NULL || !kernel_has_esp(w, "test_show"))
		return;
	ck_assert_int_eq(set_pairs(w, &p, 1), 0);
	json_w_init(&j);
	json_w_obj(&j, NULL);
	xfrm_show_peer(w->x, 0, &j);
	json_w_obj_end(&j);
	ck_assert_ptr_nonnull(strstr(j.buf, "\"state\":\"protected\""));
	ck_assert_ptr_nonnull(strstr(j.buf, "\"spi_in\":\"0x00001000\""));
	ck_assert_ptr_nonnull(strstr(j.buf, "\"spi_out\":\"0x00001001\""));
	ck_assert_ptr_nonnull(strstr(j.buf,
	    "\"suite\":\"null-hmac-sha256-128\""));
	json_w_done(&j);
	world_close(w);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("xfrm");
	TCase *tc = ns_tcase(s, "policies");

	tcase_add_test(tc, test_policies_come_and_go);
	tcase_add_test(tc, test_policies_change);
	tcase_add_test(tc, test_policies_flushed);
	tcase_add_test(tc, test_policies_overrun);
	tcase_add_test(tc, test_policies_turned_off);
	tcase_add_test(tc, test_kernel_without_esp);
	tc = ns_tcase(s, "static");
	tcase_add_loop_test(tc, test_static_keys, 0, ESP_SUITE_MAX);
	tcase_add_test(tc, test_static_rollover);
	tcase_add_test(tc, test_static_adopted);
	tcase_add_test(tc, test_static_refused);
	tcase_add_test(tc, test_show);
	return suite_run(s);
}

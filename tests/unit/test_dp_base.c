/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What both backends of the data plane share, below a backend that only keeps
 * count, with the kernel's answers and a clock of our own.
 */
#include <check.h>
#include <errno.h>
#include <string.h>

#include <linux/rtnetlink.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/netlink.h"
#include "core/stats.h"
#include "core/util.h"
#include "dataplane/dp_priv.h"
#include "suite.h"
#include "unit/ns.h"

#define NO_SUCH_IF 0x7ffffff0
#define RTPROTO 89
#define TABLE 8900
#define PATHS 3
#define LATER USEC_PER_SEC	/* after a kick: the check was due long ago */
#define STEP (5 * USEC_PER_MSEC)	/* it is not yet */

struct world {
	struct dp_base base;
	struct clock clock;
	usec_t now;
	struct loop *loop;
	struct log *log;
	struct stats *stats;
	struct netlink *nl;
	unsigned paths;		/* that a check would walk over */
	unsigned refused;	/* their callers have heard of it */
	unsigned checks;
};

static usec_t
now_of(void *ctx)
{
	return ((struct world *)ctx)->now;
}

/*
 * A backend looks at its paths, and has requests of its own: what these may
 * come to (dp_op_post(), when too many are unanswered) must not take away a
 * path that is being looked at.
 */
static void
stub_check(struct dp_base *b)
{
	struct world *w = CONTAINER_OF(b, struct world, base);
	unsigned paths = w->paths;

	w->checks++;
	ck_assert_ptr_null(b->ops);
	ck_assert_uint_eq(netlink_pending(w->nl), 0);
	ck_assert_int_eq(netlink_drain(w->nl), 0);
	ck_assert_uint_eq(w->paths, paths);
}

static void
stub_link(struct dp_base *b, const struct dpnl_link *l, bool gone)
{
	(void)b, (void)l, (void)gone;
}

static const struct dp_hooks stub_hooks = {
	.link = stub_link, .check = stub_check, .groups = (const int[]){ 0 },
};
static const struct dp_ops stub_ops = { .name = "stub" };

/* False: it said SKIP. */
static bool
world_open(struct world *w, const char *test)
{
	const struct dp_conf conf = { .rtproto = RTPROTO, .table = TABLE,
		.max_tunnels = 1, .set_sysctls = true };
	struct dp_start start = { .conf = &conf };
	char why[200] = "";

	if (!ns_enter(test))
		return false;
	*w = (struct world){ .now = 1000 * USEC_PER_SEC,
		.clock = { .mono_us = now_of, .wall_us = now_of, .ctx = w } };
	w->loop = loop_new(&w->clock);
	w->log = log_new(&w->clock);
	w->stats = stats_new();
	ck_assert_ptr_nonnull(w->loop);
	log_to_none(w->log);
	ck_assert_int_eq(netlink_new(w->loop, w->log, w->stats, &w->nl), 0);
	start.loop = w->loop;
	start.log = w->log;
	start.stats = w->stats;
	start.nl = w->nl;
	ck_assert_msg(dp_base_init(&w->base, &start, &stub_hooks, &stub_ops,
	    false, why, sizeof(why)) == 0, "%s", why);
	return true;
}

static void
world_close(struct world *w)
{
	dp_base_done(&w->base);
	ns_close(w->loop, w->log, w->stats, w->nl);
}

static void
turn_after(struct world *w, usec_t passed)
{
	w->now += passed;
	ck_assert_int_eq(loop_turn(w->loop, 0), 0);
}

static void
undo(struct dp_op *op)
{
	CONTAINER_OF(op->base, struct world, base)->paths--;
}

static void
done(void *ctx, int err)
{
	ck_assert_int_eq(err, -ENODEV);
	((struct world *)ctx)->refused++;
}

/* A path over an interface that is not there. */
static void
path_add(struct world *w, unsigned nth)
{
	struct dp_path p = { .side = DP_HA,
		.prefix = { .family = AF_INET, .len = 32 } };
	struct dpnl_route r = { .family = AF_INET, .proto = RTPROTO,
		.type = RTN_UNICAST, .table = TABLE, .oif = NO_SUCH_IF };
	struct dp_op *op;

	p.prefix.in4.s_addr = htonl(0xc6336401 + nth);	/* 198.51.100.1 ... */
	r.dst = p.prefix;
	op = dp_op_new(&w->base, &p, done, w);
	op->undo = undo;
	w->paths++;
	dp_op_add(op, RTM_NEWROUTE, &r);
	dp_op_end(op);
}

/*
 * What is under way when a check is due is answered before it: paths that the
 * kernel refuses are gone by then.
 */
START_TEST(test_answered_before_a_check)
{
	struct world w;

	if (!world_open(&w, "test_answered_before_a_check"))
		return;
	dp_base_kick(&w.base);
	for (unsigned i = 0; i < PATHS; i++)
		path_add(&w, i);
	ck_assert_uint_eq(w.paths, PATHS);
	ck_assert_uint_eq(netlink_pending(w.nl), PATHS);
	turn_after(&w, LATER);
	ck_assert_uint_eq(w.checks, 1);
	ck_assert_uint_eq(w.refused, PATHS);
	ck_assert_uint_eq(w.paths, 0);
	world_close(&w);
}
END_TEST

/* Nothing is looked at before a kick, and once after several. */
START_TEST(test_one_check_for_a_burst)
{
	struct world w;

	if (!world_open(&w, "test_one_check_for_a_burst"))
		return;
	turn_after(&w, LATER);
	ck_assert_uint_eq(w.checks, 0);
	dp_base_kick(&w.base);
	dp_base_kick(&w.base);
	turn_after(&w, 0);
	ck_assert_uint_eq(w.checks, 0);
	turn_after(&w, LATER);
	ck_assert_uint_eq(w.checks, 1);
	turn_after(&w, LATER);
	ck_assert_uint_eq(w.checks, 1);
	world_close(&w);
}
END_TEST

/* News that never end do not put the look off for ever. */
START_TEST(test_news_without_end)
{
	struct world w;

	if (!world_open(&w, "test_news_without_end"))
		return;
	for (usec_t t = 0; t < LATER; t += STEP) {
		dp_base_kick(&w.base);
		turn_after(&w, STEP);
	}
	ck_assert_uint_gt(w.checks, 1);
	world_close(&w);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("dp_base");
	TCase *tc = ns_tcase(s, "check");

	tcase_add_test(tc, test_answered_before_a_check);
	tcase_add_test(tc, test_one_check_for_a_burst);
	tcase_add_test(tc, test_news_without_end);
	return suite_run(s);
}

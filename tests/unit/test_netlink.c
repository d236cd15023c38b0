/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Netlink against the running kernel: batches and the order of their answers,
 * lost answers, dumps that the table changed under, notifications.  Most tests
 * only ask and need no rights.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/rtnetlink.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/netlink.h"
#include "core/stats.h"
#include "core/util.h"
#include "suite.h"
#include "unit/ns.h"

#define NO_SUCH_IF 0x7ffffff0
#define MANY 12000

struct world {
	struct loop *loop;
	struct log *log;
	struct stats *stats;
	struct netlink *nl;
	int fd;			/* the descriptor of its batches */
	unsigned answers;	/* so far */
	unsigned warnings;	/* lines of the log */
	unsigned lost;
	int chain;
	unsigned links, addrs, restarts, changes;
	struct netlink_mon *mon;
};

/* What a request expects; `nth` of all. */
struct expect {
	struct world *w;
	unsigned nth;
	int err;
	bool maybe_lost;
	unsigned calls;
};

static void
on_log(void *ctx, enum log_level lvl, const char *mod, const char *ev,
    const struct kv *kv, size_t n)
{
	(void)lvl, (void)kv, (void)n;
	if (strcmp(mod, "netlink") == 0 && strcmp(ev, "request-refused") == 0)
		((struct world *)ctx)->warnings++;
}

static void
world_open(struct world *w)
{
	memset(w, 0, sizeof(*w));
	ns_open(&w->loop, &w->log, &w->stats);
	ck_assert_ptr_nonnull(log_sink_add(w->log, LOG_LVL_WARN, on_log, w));
	w->fd = ns_next_fd();
	ck_assert_int_eq(netlink_new(w->loop, w->log, w->stats, &w->nl), 0);
}

static void
world_close(struct world *w)
{
	ns_close(w->loop, w->log, w->stats, w->nl);
}

static uint64_t
counter(const struct world *w, const char *name)
{
	return stats_get(w->stats, "netlink", name);
}

static void
on_done(void *ctx, int err, const char *text)
{
	struct expect *x = ctx;

	(void)text;
	x->calls++;
	ck_assert_uint_eq(x->calls, 1);
	ck_assert_uint_eq(x->nth, x->w->answers);
	x->w->answers++;
	if (x->maybe_lost && err == -EIO)
		x->w->lost++;
	else
		ck_assert_int_eq(err, x->err);
}

static struct nl_msg *
get_link(unsigned ifindex)
{
	struct ifinfomsg ifi = { .ifi_index = (int)ifindex };

	return ns_msg(RTM_GETLINK, 0, &ifi, sizeof(ifi));
}

/* A question that is answered -ENODEV, or every third time 0 (behind a message
 * about the link, which takes more of the receive buffer). */
static void
ask(struct world *w, struct expect *x, unsigned nth)
{
	struct nl_msg *m = get_link(nth % 3 == 0 ? 1 : NO_SUCH_IF);

	*x = (struct expect){ .w = w, .nth = nth,
		.err = nth % 3 == 0 ? 0 : -ENODEV };
	ck_assert_int_eq(netlink_send(w->nl, m, on_done, x), 0);
	nlmsg_free(m);
}

/* --- requests ---------------------------------------------------------- */

/* Many requests leave in one send() and are answered in order, once. */
START_TEST(test_send_batch)
{
	struct expect x[60];
	struct world w;

	world_open(&w);
	for (unsigned i = 0; i < ARRAY_LEN(x); i++)
		ask(&w, &x[i], i);
	ck_assert_uint_eq(w.answers, 0);
	ck_assert_uint_eq(netlink_pending(w.nl), ARRAY_LEN(x));
	ck_assert_uint_eq(counter(&w, "requests"), 0);
	ck_assert_int_eq(loop_turn(w.loop, 0), 0);
	ck_assert_uint_eq(counter(&w, "requests"), ARRAY_LEN(x));
	ck_assert_uint_eq(counter(&w, "sends"), 1);
	ns_turn_until(w.loop, &w.answers, ARRAY_LEN(x));
	ck_assert_uint_eq(netlink_pending(w.nl), 0);
	ck_assert_uint_eq(counter(&w, "refused"), ARRAY_LEN(x) / 3 * 2);
	ck_assert_uint_eq(counter(&w, "lost"), 0);
	ck_assert_uint_eq(w.warnings, 0);
	world_close(&w);
}
END_TEST

/* More than buffers hold: some wait for the answers of others. */
START_TEST(test_send_many)
{
	struct expect *x = calloc(MANY, sizeof(*x));
	struct world w;

	world_open(&w);
	for (unsigned i = 0; i < MANY; i++)
		ask(&w, &x[i], i);
	ns_turn_until(w.loop, &w.answers, MANY);
	ck_assert_uint_eq(counter(&w, "requests"), MANY);
	ck_assert_uint_eq(counter(&w, "lost"), 0);
	ck_assert_uint_le(counter(&w, "sends"), MANY / 20);
	world_close(&w);
	free(x);
}
END_TEST

START_TEST(test_drain)
{
	struct expect x[1000];
	struct world w;

	world_open(&w);
	for (unsigned i = 0; i < ARRAY_LEN(x); i++)
		ask(&w, &x[i], i);
	ck_assert_int_eq(netlink_drain(w.nl), 0);
	ck_assert_uint_eq(w.answers, ARRAY_LEN(x));
	ck_assert_int_eq(netlink_drain(w.nl), 0);
	world_close(&w);
}
END_TEST

/* Nobody cares for the answer: a refusal is logged, success is not. */
START_TEST(test_send_without_callback)
{
	struct nl_msg *good = get_link(1), *bad = get_link(NO_SUCH_IF);
	struct world w;

	world_open(&w);
	ck_assert_int_eq(netlink_send(w.nl, good, NULL, NULL), 0);
	ck_assert_int_eq(netlink_send(w.nl, bad, NULL, NULL), 0);
	ck_assert_int_eq(netlink_drain(w.nl), 0);
	ck_assert_uint_eq(w.warnings, 1);
	nlmsg_free(good);
	nlmsg_free(bad);
	world_close(&w);
}
END_TEST

static void
on_chain(void *ctx, int err, const char *text)
{
	struct world *w = ctx;
	struct nl_msg *m = get_link(1);

	(void)text;
	ck_assert_int_eq(err, 0);
	/* a synchronous request in between does no harm to what waits */
	ck_assert_int_eq(netlink_sync(w->nl, m), 0);
	w->answers++;
	if (--w->chain > 0)
		ck_assert_int_eq(netlink_send(w->nl, m, on_chain, w), 0);
	nlmsg_free(m);
}

/* A callback sends the next request; it leaves without further ado. */
START_TEST(test_send_from_callback)
{
	struct nl_msg *m = get_link(1);
	struct world w;

	world_open(&w);
	w.chain = 300;
	for (unsigned i = 0; i < 3; i++)
		ck_assert_int_eq(netlink_send(w.nl, m, on_chain, &w), 0);
	/* the last one reaches 0, the two others go below it */
	ns_turn_until(w.loop, &w.answers, 302);
	ck_assert_uint_eq(netlink_pending(w.nl), 0);
	nlmsg_free(m);
	world_close(&w);
}
END_TEST

static void
on_never(void *ctx, int err, const char *text)
{
	(void)ctx, (void)err, (void)text;
	ck_abort_msg("called");
}

/* The queue has an end, and netlink_free() calls nobody. */
START_TEST(test_send_limit)
{
	struct nl_msg *m = get_link(1);
	struct world w;

	world_open(&w);
	for (unsigned i = 0; i < 100000; i++)
		ck_assert_int_eq(netlink_send(w.nl, m, on_never, NULL), 0);
	ck_assert_int_eq(netlink_send(w.nl, m, on_never, NULL), -ENOBUFS);
	ck_assert_uint_eq(netlink_pending(w.nl), 100000);
	nlmsg_free(m);
	world_close(&w);
}
END_TEST

/*
 * A receive buffer too small for the answers: some are lost.  Every request is
 * answered all the same, in order, and what the kernel did say is believed.
 */
START_TEST(test_answers_lost)
{
	struct expect x[200];
	struct world w;
	int size = 4096;

	world_open(&w);
	ck_assert_int_eq(setsockopt(w.fd, SOL_SOCKET, SO_RCVBUF, &size,
	    sizeof(size)), 0);
	for (unsigned i = 0; i < ARRAY_LEN(x); i++) {
		ask(&w, &x[i], i);
		x[i].maybe_lost = true;
	}
	ns_turn_until(w.loop, &w.answers, ARRAY_LEN(x));
	ck_assert_uint_gt(w.lost, 0);
	ck_assert_uint_lt(w.lost, ARRAY_LEN(x));
	ck_assert_uint_eq(counter(&w, "lost"), w.lost);
	ck_assert_uint_eq(netlink_pending(w.nl), 0);
	/* and goes on */
	w.answers = 0;
	ask(&w, &x[0], 0);
	ns_turn_until(w.loop, &w.answers, 1);
	world_close(&w);
}
END_TEST

/* A message that no socket takes is answered; those around it are not hurt. */
START_TEST(test_send_too_long)
{
	static uint8_t zeros[60000];
	struct nl_msg *m = nlmsg_alloc_size(4 << 20);
	struct expect x[3] = { 0 };
	struct world w;

	world_open(&w);
	ck_assert_ptr_nonnull(nlmsg_put(m, 0, 0, RTM_GETLINK,
	    sizeof(struct ifinfomsg), 0));
	for (unsigned i = 0; i < 60; i++)
		ck_assert_int_eq(nla_put(m, 77, sizeof(zeros), zeros), 0);
	ask(&w, &x[0], 0);
	x[1] = (struct expect){ .w = &w, .nth = 1, .err = -EIO };
	ck_assert_int_eq(netlink_send(w.nl, m, on_done, &x[1]), 0);
	ask(&w, &x[2], 2);
	ns_turn_until(w.loop, &w.answers, 3);
	ck_assert_uint_eq(counter(&w, "lost"), 1);
	/* nothing behind it whose answer would tell */
	x[1].nth = 3;
	x[1].calls = 0;
	ck_assert_int_eq(netlink_send(w.nl, m, on_done, &x[1]), 0);
	ns_turn_until(w.loop, &w.answers, 4);
	nlmsg_free(m);
	world_close(&w);
}
END_TEST

static void
on_refused(void *ctx, int err, const char *text)
{
	struct world *w = ctx;

	(void)text;
	ck_assert_int_eq(err, -EPERM);
	w->answers++;
}

/* Without rights: the kernel's -EPERM reaches the callback. */
START_TEST(test_refused_without_rights)
{
	struct ifinfomsg ifi = { .ifi_index = 1, .ifi_change = IFF_UP,
		.ifi_flags = IFF_UP };
	struct nl_msg *m = ns_msg(RTM_NEWLINK, 0, &ifi, sizeof(ifi));
	bool root = geteuid() == 0;
	struct world w;

	if (root)
		ck_assert_int_eq(seteuid(65534), 0);
	world_open(&w);
	ck_assert_int_eq(netlink_send(w.nl, m, on_refused, &w), 0);
	ns_turn_until(w.loop, &w.answers, 1);
	ck_assert_int_eq(netlink_sync(w.nl, m), -EPERM);
	nlmsg_free(m);
	world_close(&w);
	if (root)
		ck_assert_int_eq(seteuid(0), 0);
}
END_TEST

static void
on_text(void *ctx, int err, const char *text)
{
	struct world *w = ctx;

	ck_assert_int_eq(err, -EINVAL);
	ck_assert_ptr_nonnull(text);
	ck_assert_str_eq(text, "Invalid prefix length");
	w->answers++;
}

/* The kernel's own words come along. */
START_TEST(test_extended_text)
{
	struct rtmsg rtm = { .rtm_family = AF_INET6, .rtm_dst_len = 200,
		.rtm_table = RT_TABLE_MAIN, .rtm_type = RTN_UNICAST };
	struct nl_msg *m;
	struct world w;

	if (!ns_enter("test_extended_text"))
		return;
	world_open(&w);
	m = ns_msg(RTM_NEWROUTE, NLM_F_CREATE, &rtm, sizeof(rtm));
	ck_assert_int_eq(netlink_send(w.nl, m, on_text, &w), 0);
	ns_turn_until(w.loop, &w.answers, 1);
	ck_assert_int_eq(netlink_sync(w.nl, m), -EINVAL);
	nlmsg_free(m);
	world_close(&w);
}
END_TEST

START_TEST(test_sync)
{
	struct world w;

	world_open(&w);
	ck_assert_int_eq(ns_sync(w.nl, get_link(1)), 0);
	ck_assert_int_eq(ns_sync(w.nl, get_link(NO_SUCH_IF)), -ENODEV);
	ck_assert_int_eq(ns_sync(w.nl, get_link(1)), 0);
	world_close(&w);
}
END_TEST

/* --- dumps ------------------------------------------------------------- */

static int
dump(struct world *w, int type, netlink_msg_fn *fn, void (*restart)(void *))
{
	struct ifinfomsg ifi = { .ifi_family = type == RTM_GETADDR ? AF_INET :
		AF_UNSPEC };
	struct nl_msg *m = ns_msg(type, 0, &ifi, type == RTM_GETADDR ?
	    sizeof(struct ifaddrmsg) : sizeof(ifi));
	int r = netlink_dump(w->nl, m, fn, restart, w);

	nlmsg_free(m);
	return r;
}

static void
count_lo(void *ctx, const struct nlmsghdr *nlh)
{
	struct world *w = ctx;
	const struct ifinfomsg *ifi = NLMSG_DATA(nlh);

	ck_assert_int_eq(nlh->nlmsg_type, RTM_NEWLINK);
	if (ifi->ifi_index == 1)
		w->links++;
}

START_TEST(test_dump_links)
{
	struct world w;

	world_open(&w);
	ck_assert_int_eq(dump(&w, RTM_GETLINK, count_lo, NULL), 0);
	ck_assert_uint_eq(w.links, 1);
	world_close(&w);
}
END_TEST

/* A message that means nothing: the error, and soon. */
START_TEST(test_dump_refused)
{
	struct world w;

	world_open(&w);
	ck_assert_int_eq(dump(&w, RTM_GETLINK + 1000, count_lo, NULL),
	    -EOPNOTSUPP);
	ck_assert_uint_eq(w.links, 0);
	world_close(&w);
}
END_TEST

/* IPv4: what IPv6 does with a new address goes on for a while behind us. */
static void
change_address(struct world *w, int type, unsigned nth)
{
	struct ifaddrmsg ifa = { .ifa_family = AF_INET, .ifa_prefixlen = 32,
		.ifa_index = 1 };
	uint8_t a[4] = { 10, 0, (uint8_t)(nth >> 8), (uint8_t)nth };
	struct nl_msg *m = ns_msg(type, NLM_F_CREATE, &ifa, sizeof(ifa));

	nla_put(m, IFA_LOCAL, sizeof(a), a);
	ck_assert_int_eq(ns_sync(w->nl, m), 0);
}

static void
add_addresses(struct world *w, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++)
		change_address(w, RTM_NEWADDR, i);
}

static void
restarted(void *ctx)
{
	struct world *w = ctx;

	w->restarts++;
	w->addrs = 0;
}

/* Whoever is called back may dump and ask. */
static void
count_nested(void *ctx, const struct nlmsghdr *nlh)
{
	struct world *w = ctx;

	ck_assert_int_eq(nlh->nlmsg_type, RTM_NEWADDR);
	if (w->addrs++ % 50 != 0)
		return;
	w->links = 0;
	ck_assert_int_eq(dump(w, RTM_GETLINK, count_lo, NULL), 0);
	ck_assert_uint_eq(w->links, 1);
	ck_assert_int_eq(ns_sync(w->nl, get_link(1)), 0);
}

START_TEST(test_dump_nested)
{
	struct world w;

	if (!ns_enter("test_dump_nested"))
		return;
	world_open(&w);
	add_addresses(&w, 1, 1001);
	ck_assert_int_eq(dump(&w, RTM_GETADDR, count_nested, restarted), 0);
	ck_assert_uint_eq(w.addrs, 1000);
	world_close(&w);
}
END_TEST

/* As long as there are changes left, the table shrinks under the dump. */
static void
count_shrinking(void *ctx, const struct nlmsghdr *nlh)
{
	struct world *w = ctx;

	(void)nlh;
	if (w->addrs++ == 0 && w->changes > 0)
		change_address(w, RTM_DELADDR, 900 + w->changes--);
}

START_TEST(test_dump_interrupted)
{
	struct world w;

	if (!ns_enter("test_dump_interrupted"))
		return;
	world_open(&w);
	add_addresses(&w, 1, 1001);
	w.changes = 2;
	ck_assert_int_eq(dump(&w, RTM_GETADDR, count_shrinking, restarted), 0);
	ck_assert_uint_eq(w.restarts, 2);
	ck_assert_uint_eq(w.addrs, 998);
	/* five tries, then the truth */
	w.restarts = w.addrs = 0;
	w.changes = 20;
	add_addresses(&w, 901, 903);
	ck_assert_int_eq(dump(&w, RTM_GETADDR, count_shrinking, restarted),
	    -EINTR);
	ck_assert_uint_eq(w.restarts, 4);
	world_close(&w);
}
END_TEST

/* --- notifications ----------------------------------------------------- */

static void
on_news(void *ctx, const struct nlmsghdr *nlh)
{
	struct world *w = ctx;

	if (nlh->nlmsg_type == RTM_NEWADDR)
		w->addrs++;
}

static void
on_lost(void *ctx)
{
	struct world *w = ctx;

	w->lost++;
}

static void
world_monitor(struct world *w, netlink_msg_fn *fn)
{
	static const int groups[] = { RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR };

	ck_assert_int_eq(netlink_monitor(w->nl, groups, ARRAY_LEN(groups), fn,
	    on_lost, w, &w->mon), 0);
}

START_TEST(test_monitor)
{
	struct world w;

	if (!ns_enter("test_monitor"))
		return;
	world_open(&w);
	world_monitor(&w, on_news);
	add_addresses(&w, 1, 6);
	ns_turn_until(w.loop, &w.addrs, 5);
	ck_assert_uint_eq(w.lost, 0);
	netlink_monitor_free(w.mon);
	world_close(&w);
}
END_TEST

/* A route that needs no device; `nth` of all. */
static void
add_route(struct world *w, uint8_t proto, uint32_t nth)
{
	struct rtmsg rt = { .rtm_family = AF_INET, .rtm_dst_len = 32,
		.rtm_table = RT_TABLE_MAIN, .rtm_protocol = proto,
		.rtm_scope = RT_SCOPE_UNIVERSE, .rtm_type = RTN_BLACKHOLE };
	struct in_addr dst = { htonl(0x0a000000 + nth) };
	struct nl_msg *m = ns_msg(RTM_NEWROUTE, NLM_F_CREATE, &rt, sizeof(rt));

	ck_assert_int_eq(nla_put(m, RTA_DST, sizeof(dst), &dst), 0);
	ck_assert_int_eq(ns_sync(w->nl, m), 0);
}

static void
on_route(void *ctx, const struct nlmsghdr *nlh)
{
	const struct rtmsg *rt = NLMSG_DATA(nlh);
	struct world *w = ctx;

	if (nlh->nlmsg_type == RTM_NEWADDR) {
		w->addrs++;
		return;
	}
	ck_assert_int_eq(nlh->nlmsg_type, RTM_NEWROUTE);
	if (rt->rtm_protocol != RTPROT_KERNEL) {	/* that of an address */
		ck_assert_uint_eq(rt->rtm_protocol, RTPROT_STATIC);
		w->changes++;
	}
}

/* Not one's own routes, and all else. */
START_TEST(test_monitor_skips_routes)
{
	static const int groups[] = { RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV4_IFADDR };
	struct world w;

	if (!ns_enter("test_monitor_skips_routes"))
		return;
	world_open(&w);
	ck_assert_int_eq(netlink_monitor(w.nl, groups, ARRAY_LEN(groups),
	    on_route, on_lost, &w, &w.mon), 0);
	ck_assert_int_eq(netlink_monitor_skip_routes(w.mon, 78), 0);
	add_route(&w, 78, 1);
	add_route(&w, RTPROT_STATIC, 2);
	add_route(&w, 78, 3);
	add_addresses(&w, 1, 2);		/* told last */
	ns_turn_until(w.loop, &w.addrs, 1);
	ck_assert_uint_eq(w.changes, 1);
	netlink_monitor_free(w.mon);
	world_close(&w);
}
END_TEST

START_TEST(test_monitor_overrun)
{
	int fd, size = 1;
	struct world w;

	if (!ns_enter("test_monitor_overrun"))
		return;
	world_open(&w);
	fd = ns_next_fd();
	world_monitor(&w, on_news);
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size,
	    sizeof(size)), 0);
	add_addresses(&w, 1, 101);
	ns_turn_until(w.loop, &w.lost, 1);
	ck_assert_uint_eq(counter(&w, "overrun"), w.lost);
	/* and goes on */
	w.addrs = 0;
	add_addresses(&w, 200, 201);
	ns_turn_until(w.loop, &w.addrs, 1);
	netlink_monitor_free(w.mon);
	world_close(&w);
}
END_TEST

static void
on_news_free(void *ctx, const struct nlmsghdr *nlh)
{
	struct world *w = ctx;

	(void)nlh;
	w->addrs++;
	netlink_monitor_free(w->mon);
	w->mon = NULL;
}

START_TEST(test_monitor_free_in_callback)
{
	struct world w;

	if (!ns_enter("test_monitor_free_in_callback"))
		return;
	world_open(&w);
	world_monitor(&w, on_news_free);
	add_addresses(&w, 1, 6);
	ns_turn_until(w.loop, &w.addrs, 1);
	for (unsigned i = 0; i < 5; i++)
		ck_assert_int_eq(loop_turn(w.loop, 0), 0);
	ck_assert_uint_eq(w.addrs, 1);
	world_close(&w);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("netlink");
	TCase *tc = ns_tcase(s, "requests");

	tcase_add_test(tc, test_send_batch);
	tcase_add_test(tc, test_send_many);
	tcase_add_test(tc, test_drain);
	tcase_add_test(tc, test_send_without_callback);
	tcase_add_test(tc, test_send_from_callback);
	tcase_add_test(tc, test_send_limit);
	tcase_add_test(tc, test_answers_lost);
	tcase_add_test(tc, test_send_too_long);
	tcase_add_test(tc, test_refused_without_rights);
	tcase_add_test(tc, test_extended_text);
	tcase_add_test(tc, test_sync);
	tc = ns_tcase(s, "dumps");
	tcase_add_test(tc, test_dump_links);
	tcase_add_test(tc, test_dump_refused);
	tcase_add_test(tc, test_dump_nested);
	tcase_add_test(tc, test_dump_interrupted);
	tc = ns_tcase(s, "notifications");
	tcase_add_test(tc, test_monitor);
	tcase_add_test(tc, test_monitor_skips_routes);
	tcase_add_test(tc, test_monitor_overrun);
	tcase_add_test(tc, test_monitor_free_in_callback);
	return suite_run(s);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The socket of Mobility Headers, in a network namespace of its own: messages
 * with the kernel's IPv6 header and with ours are the same to who receives them.
 */
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "core/log.h"
#include "core/stats.h"
#include "mh/mh.h"
#include "mh/mh_io.h"
#include "mh/mh_source.h"
#include "suite.h"
#include "unit/ns.h"

#define BRR_LEN 8		/* RFC 6275 6.1.2 */
#define HOP_LIMIT 64

struct world {
	struct loop *loop;
	struct log *log;
	struct stats *stats;
	struct netlink *nl;
	struct mh_io *io;
	unsigned seen;
	struct in6_addr src, dst;
	uint8_t last;			/* of the latest message's octets */
	size_t longest;			/* of them */
	int witness;			/* a plain socket of the same protocol */
};

static void
on_recv(void *ctx, const struct mh_pkt *pkt)
{
	struct world *w = ctx;

	w->seen++;
	w->src = pkt->src;
	w->dst = pkt->dst;
	w->last = pkt->data[7];
	w->longest = MAX_OF(w->longest, pkt->len);
}

static struct in6_addr
in6(const char *text)
{
	struct in6_addr a;

	ck_assert_int_eq(in6_parse(text, &a), 0);
	return a;
}

/* The kernel makes an address usable in a work queue: until it hears itself. */
static void
until_usable(const struct in6_addr *a)
{
	struct sockaddr_in6 own = { .sin6_family = AF_INET6, .sin6_addr = *a };
	int fd = socket(AF_INET6, SOCK_DGRAM, 0), tries = 20000;
	socklen_t len = sizeof(own);
	struct pollfd p = { .fd = fd, .events = POLLIN };

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (const void *)&own, sizeof(own)), 0);
	ck_assert_int_eq(getsockname(fd, (void *)&own, &len), 0);
	do {
		ck_assert_int_gt(tries--, 0);
		(void)sendto(fd, "", 1, 0, (const void *)&own, sizeof(own));
	} while (poll(&p, 1, 1) == 0);
	close(fd);
}

static bool
world_open(struct world *w, const char *test, bool own_header)
{
	struct mh_sock_conf c = { .name = "mh-sock", .proto = MH_PROTO,
		.own_header = own_header, .rcvbuf = 1 << 16 };
	struct in6_addr other = in6("2001:db8::1");
	const int on = 1;

	memset(w, 0, sizeof(*w));
	if (!ns_enter(test))
		return false;
	ns_open(&w->loop, &w->log, &w->stats);
	ck_assert_int_eq(netlink_new(w->loop, w->log, w->stats, &w->nl), 0);
	ck_assert_int_eq(ns_link_set(w->nl, ns_index("lo"), true, NULL), 0);
	ck_assert_int_eq(ns_sync(w->nl, ns_addr_msg(RTM_NEWADDR, ns_index("lo"),
	    &other, 128)), 0);
	until_usable(&other);
	ck_assert_int_eq(mh_sock_new(w->loop, w->log, w->stats, &c, &w->io),
	    0);
	w->io->recv = on_recv;
	w->io->recv_ctx = w;
	w->witness = socket(AF_INET6, SOCK_RAW | SOCK_NONBLOCK, MH_PROTO);
	ck_assert_int_ge(w->witness, 0);
	ck_assert_int_eq(setsockopt(w->witness, IPPROTO_IPV6,
	    IPV6_RECVHOPLIMIT, &on, sizeof(on)), 0);
	return true;
}

static void
world_close(struct world *w)
{
	close(w->witness);
	mh_sock_free(w->io);
	ns_close(w->loop, w->log, w->stats, w->nl);
}

static uint64_t
counter(const struct world *w, const char *name)
{
	return stats_get(w->stats, "mh-sock", name);
}

/* A Binding Refresh Request, with options when it is longer; told apart by one
 * of its octets. */
static void
send_mh(struct world *w, const struct in6_addr *src,
    const struct in6_addr *dst, uint8_t last, size_t len)
{
	uint8_t m[MH_SOCK_MAX_LEN] = { 59, (uint8_t)(len / 8 - 1), 0, 0, 0, 0,
		0, last };

	if (!w->io->sums) {
		uint16_t sum = mh_checksum(m, len, src, dst);

		m[4] = (uint8_t)(sum >> 8);
		m[5] = (uint8_t)sum;
	}
	ck_assert_int_eq(w->io->ops->send(w->io, src, dst, m, len), 0);
}

static void
send_brr(struct world *w, const struct in6_addr *src,
    const struct in6_addr *dst, uint8_t last)
{
	send_mh(w, src, dst, last, BRR_LEN);
}

/* What was sent leaves at the end of a turn; then until `goal` have come. */
static void
until_seen(struct world *w, unsigned goal)
{
	ck_assert_int_eq(loop_turn(w->loop, 0), 0);
	ns_turn_until(w->loop, &w->seen, goal);
}

/* The hop limit of what the witness got; -1: nothing. */
static int
witnessed(int fd)
{
	uint8_t data[64];
	union {
		struct cmsghdr align;
		uint8_t b[CMSG_SPACE(sizeof(int))];
	} ctl;
	struct iovec iov = { data, sizeof(data) };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &ctl, .msg_controllen = sizeof(ctl) };
	int hops;

	if (recvmsg(fd, &h, 0) != BRR_LEN || CMSG_FIRSTHDR(&h) == NULL)
		return -1;
	memcpy(&hops, CMSG_DATA(CMSG_FIRSTHDR(&h)), sizeof(hops));
	return hops;
}

/* Every message has its own source, in whatever order they are mixed. */
START_TEST(test_sources)
{
	const struct in6_addr a = in6("::1"), b = in6("2001:db8::1");
	struct world w;

	if (!world_open(&w, "test_sources", _i == 1))
		return;
	ck_assert(w.io->sums == (_i == 0));
	for (uint8_t i = 0; i < 6; i++) {
		send_brr(&w, i % 3 == 0 ? &a : &b, i % 2 == 0 ? &a : &b, i);
		until_seen(&w, i + 1U);
		ck_assert_uint_eq(w.last, i);
		ck_assert(in6_eq(&w.src, i % 3 == 0 ? &a : &b));
		ck_assert(in6_eq(&w.dst, i % 2 == 0 ? &a : &b));
	}
	/* in one batch as well */
	for (uint8_t i = 0; i < 100; i++)
		send_brr(&w, i / 8 % 2 == 0 ? &a : &b, &a, i);
	until_seen(&w, 106);
	ck_assert_uint_eq(w.last, 99);
	ck_assert_uint_eq(w.longest, BRR_LEN);
	ck_assert_uint_eq(counter(&w, "tx"), 106);
	ck_assert_uint_eq(counter(&w, "rx"), 106);
	for (unsigned i = 0; i < 106; i++)
		ck_assert_int_eq(witnessed(w.witness), HOP_LIMIT);
	ck_assert_int_eq(witnessed(w.witness), -1);
	world_close(&w);
}
END_TEST

/* In the middle of a turn, and not a second time at its end. */
START_TEST(test_flush)
{
	const struct in6_addr a = in6("::1");
	struct world w;

	if (!world_open(&w, "test_flush", _i == 1))
		return;
	send_brr(&w, &a, &a, 1);
	ck_assert_uint_eq(counter(&w, "tx"), 0);
	mh_io_flush(w.io);
	ck_assert_uint_eq(counter(&w, "tx"), 1);
	send_brr(&w, &a, &a, 2);
	until_seen(&w, 2);
	ck_assert_uint_eq(w.last, 2);
	mh_io_flush(w.io);		/* nothing is queued */
	ck_assert_uint_eq(counter(&w, "tx"), 2);
	ck_assert_uint_eq(counter(&w, "rx"), 2);
	world_close(&w);
}
END_TEST

/* What does not fit through the link in one piece comes all the same, and what
 * is around it. */
START_TEST(test_long)
{
	const struct in6_addr a = in6("::1");
	const size_t len[] = { BRR_LEN, 1240, 1248, BRR_LEN, 2048, 1240 };
	struct world w;

	if (!world_open(&w, "test_long", _i == 1))
		return;
	ck_assert_int_eq(ns_link_put(w.nl, ns_index("lo"), IFLA_MTU, 1280), 0);
	for (uint8_t i = 0; i < ARRAY_LEN(len); i++)
		send_mh(&w, &a, &a, i, len[i]);
	until_seen(&w, ARRAY_LEN(len));
	ck_assert_uint_eq(w.longest, 2048);
	ck_assert_uint_eq(counter(&w, "tx"), ARRAY_LEN(len));
	ck_assert_uint_eq(counter(&w, "tx-error"), 0);
	world_close(&w);
}
END_TEST

/* A source that is not ours: counted, and nobody else's message suffers. */
START_TEST(test_foreign_source)
{
	const struct in6_addr a = in6("::1"), foreign = in6("2001:db8::2");
	struct world w;

	if (!world_open(&w, "test_foreign_source", _i == 1))
		return;
	send_brr(&w, &a, &a, 1);
	send_brr(&w, &foreign, &a, 2);
	send_brr(&w, &a, &a, 3);
	until_seen(&w, 2);
	ck_assert_uint_eq(w.last, 3);
	ck_assert_uint_eq(counter(&w, "tx"), 2);
	ck_assert_uint_eq(counter(&w, "tx-error"), 1);
	world_close(&w);
}
END_TEST

/* As many sources as there are; nothing is received where only is sent. */
START_TEST(test_mh_sources)
{
	const struct in6_addr a = in6("::1"), b = in6("2001:db8::1");
	uint8_t octet;
	struct mh_sources s;
	struct world w;
	int fd;

	if (!world_open(&w, "test_mh_sources", true))
		return;
	mh_sources_init(&s, MH_PROTO);
	fd = mh_sources_fd(&s, &a);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(mh_sources_fd(&s, &a), fd);
	send_brr(&w, &b, &a, 1);
	until_seen(&w, 1);
	ck_assert_int_eq(recv(fd, &octet, 1, MSG_DONTWAIT), -1);
	ck_assert_int_eq(errno, EAGAIN);
	for (unsigned i = 1; i < MH_SOURCES; i++) {
		struct in6_addr f = in6("2001:db8:1::");

		f.s6_addr[15] = (uint8_t)i;
		ck_assert_int_eq(mh_sources_fd(&s, &f), -1);
	}
	ck_assert_uint_eq(s.n, MH_SOURCES);
	ck_assert_int_eq(mh_sources_fd(&s, &a), fd);
	ck_assert_int_eq(mh_sources_fd(&s, &b), -1);
	ck_assert_uint_eq(s.n, MH_SOURCES);
	mh_sources_close(&s);
	world_close(&w);
}
END_TEST

/* An address that is not usable yet when it is first asked for. */
START_TEST(test_mh_sources_later)
{
	const struct in6_addr a = in6("2001:db8::2");
	unsigned tries = 3;
	struct mh_sources s;
	struct world w;

	if (!world_open(&w, "test_mh_sources_later", true))
		return;
	mh_sources_init(&s, MH_PROTO);
	for (unsigned i = 0; i < tries; i++)
		ck_assert_int_eq(mh_sources_fd(&s, &a), -1);
	ck_assert_int_eq(ns_sync(w.nl, ns_addr_msg(RTM_NEWADDR, ns_index("lo"),
	    &a, 128)), 0);
	until_usable(&a);
	while (mh_sources_fd(&s, &a) < 0)
		ck_assert_uint_le(++tries, 8);
	ck_assert_uint_eq(s.n, 1);
	mh_sources_close(&s);
	world_close(&w);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("mh_sock");
	TCase *tc = ns_tcase(s, "mh_sock");

	tcase_add_loop_test(tc, test_sources, 0, 2);
	tcase_add_loop_test(tc, test_flush, 0, 2);
	tcase_add_loop_test(tc, test_long, 0, 2);
	tcase_add_loop_test(tc, test_foreign_source, 0, 2);
	tcase_add_test(tc, test_mh_sources);
	tcase_add_test(tc, test_mh_sources_later);
	return suite_run(s);
}

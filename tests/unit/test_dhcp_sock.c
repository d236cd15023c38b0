/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The DHCP sockets towards the core, in a network namespace of their own: what
 * is sent from one address arrives at the other, ports that are taken,
 * addresses that are not there yet.
 */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "core/log.h"
#include "core/stats.h"
#include "dhcp/dhcp_io.h"
#include "suite.h"
#include "unit/ns.h"

struct world {
	struct loop *loop;
	struct log *log;
	struct stats *stats;
	struct netlink *nl;
	struct dhcp_io *io;
	unsigned seen, told;
	struct dhcp_addr src, dst;
	uint8_t data[2048];
	size_t len;
	const struct dhcp_addr *leave;	/* unlisten when something comes */
};

static void
on_recv(void *ctx, const struct dhcp_pkt *pkt)
{
	struct world *w = ctx;

	w->seen++;
	w->src = pkt->src;
	w->dst = pkt->dst;
	w->len = pkt->len;
	memcpy(w->data, pkt->data, pkt->len);
	if (w->leave != NULL)
		w->io->ops->unlisten(w->io, w->leave);
	w->leave = NULL;
}

static void
on_log(void *ctx, enum log_level lvl UNUSED, const char *mod UNUSED,
    const char *ev, const struct kv *kv, size_t n)
{
	struct world *w = ctx;

	if (strcmp(ev, "socket-failed") != 0)
		return;
	for (size_t i = 0; i < n; i++)
		w->told += strcmp(kv[i].key, "hint") == 0 &&
		    *(const char *)kv[i].p != '\0';
}

static bool
world_open(struct world *w, const char *test)
{
	memset(w, 0, sizeof(*w));
	if (!ns_enter(test))
		return false;
	ns_open(&w->loop, &w->log, &w->stats);
	log_sink_add(w->log, LOG_LVL_ERR, on_log, w);
	ck_assert_int_eq(netlink_new(w->loop, w->log, w->stats, &w->nl), 0);
	ck_assert_int_eq(ns_link_set(w->nl, ns_index("lo"), true, NULL), 0);
	ck_assert_int_eq(dhcp_sock_new(w->loop, w->log, w->stats, &w->io), 0);
	w->io->recv = on_recv;
	w->io->recv_ctx = w;
	return true;
}

static void
world_close(struct world *w)
{
	dhcp_sock_free(w->io);
	ns_close(w->loop, w->log, w->stats, w->nl);
}

static struct dhcp_addr
at(const char *text, uint16_t port)
{
	struct dhcp_addr a = { .family = AF_INET6, .port = port };

	if (in6_parse(text, &a.in6) == 0)
		return a;
	a = (struct dhcp_addr){ .family = AF_INET, .port = port };
	ck_assert_int_eq(in4_parse(text, &a.in4), 0);
	return a;
}

static uint64_t
counter(const struct world *w, const char *name)
{
	return stats_get(w->stats, "dhcp-sock", name);
}

static void
exchange(struct world *w, const struct dhcp_addr *a, const struct dhcp_addr *b)
{
	unsigned had = w->seen;

	ck_assert_int_eq(w->io->ops->send(w->io, a, b, "hello", 5), 0);
	ns_turn_until(w->loop, &w->seen, had + 1);
	ck_assert(dhcp_addr_eq(&w->src, a));
	ck_assert(dhcp_addr_eq(&w->dst, b));
	ck_assert_uint_eq(w->len, 5);
	ck_assert_mem_eq(w->data, "hello", 5);
}

/* D6.8-1, D6.8-5: both families, from the port that servers answer to. */
START_TEST(test_exchange)
{
	const struct dhcp_addr a = at("127.0.0.2", DHCP4_PORT),
	    b = at("127.0.0.3", DHCP4_PORT), c = at("::1", DHCP6_PORT),
	    d = at("::1", DHCP4_PORT);
	struct world w;

	if (!world_open(&w, "test_exchange"))
		return;
	ck_assert_int_eq(w.io->ops->listen(w.io, &a), 0);
	ck_assert_int_eq(w.io->ops->listen(w.io, &b), 0);
	ck_assert_int_eq(w.io->ops->listen(w.io, &c), 0);
	ck_assert_int_eq(w.io->ops->listen(w.io, &d), 0);
	exchange(&w, &a, &b);
	exchange(&w, &b, &a);
	exchange(&w, &c, &d);
	exchange(&w, &d, &c);
	ck_assert_uint_eq(counter(&w, "rx"), 4);
	ck_assert_uint_eq(counter(&w, "tx"), 4);
	world_close(&w);
}
END_TEST

/* As many unlisten() as listen(); not sent from where nobody listens. */
START_TEST(test_counted)
{
	const struct dhcp_addr a = at("127.0.0.2", DHCP4_PORT);
	struct world w;

	if (!world_open(&w, "test_counted"))
		return;
	ck_assert_int_eq(w.io->ops->listen(w.io, &a), 0);
	ck_assert_int_eq(w.io->ops->listen(w.io, &a), 0);
	w.io->ops->unlisten(w.io, &a);
	exchange(&w, &a, &a);
	w.io->ops->unlisten(w.io, &a);
	ck_assert_int_eq(w.io->ops->send(w.io, &a, &a, "x", 1),
	    -EADDRNOTAVAIL);
	w.io->ops->unlisten(w.io, &a);		/* accepted */
	world_close(&w);
}
END_TEST

/* Another relay has the port, on all addresses: told, with a hint. */
START_TEST(test_port_taken)
{
	const struct dhcp_addr a = at("::1", DHCP6_PORT);
	struct sockaddr_in6 any = { .sin6_family = AF_INET6,
		.sin6_port = htons(DHCP6_PORT) };
	struct world w;
	int fd;

	if (!world_open(&w, "test_port_taken"))
		return;
	fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)(void *)&any,
	    sizeof(any)), 0);
	ck_assert_int_eq(w.io->ops->listen(w.io, &a), -EADDRINUSE);
	ck_assert_uint_eq(w.told, 1);
	close(fd);
	ck_assert_int_eq(w.io->ops->listen(w.io, &a), 0);
	exchange(&w, &a, &a);
	world_close(&w);
}
END_TEST

/* An address that an interface gets later. */
START_TEST(test_address_appears)
{
	const struct dhcp_addr a = at("2001:db8::1", DHCP6_PORT);
	struct world w;

	if (!world_open(&w, "test_address_appears"))
		return;
	ck_assert_int_eq(w.io->ops->listen(w.io, &a), 0);
	ck_assert_int_lt(w.io->ops->send(w.io, &a, &a, "x", 1), 0);
	ck_assert_uint_eq(counter(&w, "tx-error"), 1);
	ck_assert_int_eq(ns_sync(w.nl, ns_addr_msg(RTM_NEWADDR,
	    ns_index("lo"), &a.in6, 128)), 0);
	/* the kernel has its route a moment later */
	for (unsigned i = 0; i < 1000 && w.seen == 0; i++) {
		(void)w.io->ops->send(w.io, &a, &a, "x", 1);
		ck_assert_int_eq(loop_turn(w.loop, 20 * USEC_PER_MSEC), 0);
	}
	ck_assert_uint_ge(w.seen, 1);
	ck_assert(dhcp_addr_eq(&w.dst, &a));
	world_close(&w);
}
END_TEST

START_TEST(test_too_long)
{
	const struct dhcp_addr a = at("127.0.0.2", DHCP4_PORT);
	uint8_t big[3000] = { 0 };
	struct world w;

	if (!world_open(&w, "test_too_long"))
		return;
	ck_assert_int_eq(w.io->ops->listen(w.io, &a), 0);
	ck_assert_int_eq(w.io->ops->send(w.io, &a, &a, big, sizeof(big)), 0);
	exchange(&w, &a, &a);
	ck_assert_uint_eq(counter(&w, "rx-long"), 1);
	ck_assert_uint_eq(w.seen, 1);
	world_close(&w);
}
END_TEST

/* The consumer may stop listening in the middle of a batch. */
START_TEST(test_unlisten_in_callback)
{
	const struct dhcp_addr a = at("127.0.0.2", DHCP4_PORT),
	    b = at("127.0.0.3", DHCP4_PORT);
	struct world w;

	if (!world_open(&w, "test_unlisten_in_callback"))
		return;
	ck_assert_int_eq(w.io->ops->listen(w.io, &a), 0);
	ck_assert_int_eq(w.io->ops->listen(w.io, &b), 0);
	for (unsigned i = 0; i < 40; i++)
		ck_assert_int_eq(w.io->ops->send(w.io, &a, &b, "x", 1), 0);
	w.leave = &b;
	ns_turn_until(w.loop, &w.seen, 1);
	exchange(&w, &a, &a);
	ck_assert_uint_eq(w.seen, 2);
	world_close(&w);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("dhcp-sock");
	TCase *tc = ns_tcase(s, "sockets");

	tcase_add_test(tc, test_exchange);
	tcase_add_test(tc, test_counted);
	tcase_add_test(tc, test_port_taken);
	tcase_add_test(tc, test_address_appears);
	tcase_add_test(tc, test_too_long);
	tcase_add_test(tc, test_unlisten_in_callback);
	return suite_run(s);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The floor: what any daemon on this machine has to pay for receiving and
 * sending that many packets.  libevent, recvmmsg() and sendmmsg() in batches of
 * 64, packet information, the kernel's checksum, the packet sent back as it
 * came; nothing else.
 *
 *	floor netns=PATH
 */
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>

#include "tests/bench/bench_io.h"

#define BUF (8 << 20)

/* One batch per wake-up, as the daemon. */
static void
on_packets(evutil_socket_t fd, short what, void *ctx)
{
	struct bench_batch *b = ctx;
	int n = bench_recv(fd, b);

	(void)what;
	(void)bench_send(fd, b, (unsigned)n);
}

int
main(int argc, char **argv)
{
	const char *ns = argc > 1 ? bench_arg(argv + 1, "netns", NULL) : NULL;
	struct event_base *base = event_base_new();
	struct bench_batch *b = calloc(1, sizeof(*b));
	struct event *ev;
	int fd;

	errno = EINVAL;
	if (ns == NULL || base == NULL || b == NULL)
		bench_die("netns= is needed");
	bench_enter(ns);
	fd = bench_socket(BENCH_ECHO_PROTO, BUF);
	ev = event_new(base, fd, EV_READ | EV_PERSIST, on_packets, b);
	if (ev == NULL || event_add(ev, NULL) < 0)
		bench_die("libevent");
	return event_base_dispatch(base) < 0;
}

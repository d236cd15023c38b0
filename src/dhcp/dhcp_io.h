/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The DHCP relay's sockets towards the core: datagrams to and from servers,
 * and between proxy mobile agent and home agent in gateway mode (PROTOCOL
 * 7.6).  Towards mobile nodes a relay uses link_io.  The real one is
 * dhcp_sock.c, tests supply an in-process network.
 */
#ifndef PMIP_DHCP_IO_H
#define PMIP_DHCP_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <netinet/in.h>

#include "core/addr.h"

struct log;
struct loop;
struct stats;

#define DHCP6_PORT 547		/* server and relay */
#define DHCP6_CLIENT_PORT 546
#define DHCP4_PORT 67		/* server and relay */
#define DHCP4_CLIENT_PORT 68

/* An end point of either family. */
struct dhcp_addr {
	uint8_t family;		/* AF_INET6 or AF_INET */
	uint16_t port;		/* host byte order */
	union {
		struct in6_addr in6;
		struct in_addr in4;
	};
};

static inline bool
dhcp_addr_eq(const struct dhcp_addr *a, const struct dhcp_addr *b)
{
	if (a->family != b->family || a->port != b->port)
		return false;
	return a->family == AF_INET6 ? in6_eq(&a->in6, &b->in6) :
	    a->in4.s_addr == b->in4.s_addr;
}

/* One received datagram; everything is borrowed for the call. */
struct dhcp_pkt {
	struct dhcp_addr src, dst;
	const uint8_t *data;
	size_t len;
};

typedef void dhcp_recv_fn(void *ctx, const struct dhcp_pkt *pkt);

struct dhcp_io;
struct dhcp_io_ops {
	/*
	 * Receive what is sent to `at`, an address of ours (it may appear on
	 * an interface later).  Counted: as many unlisten() as listen().  0 or
	 * -errno (-EADDRINUSE: another relay or server has the port).
	 */
	int (*listen)(struct dhcp_io *io, const struct dhcp_addr *at);
	void (*unlisten)(struct dhcp_io *io, const struct dhcp_addr *at);
	/* Send from `src`, which must be listened on.  0 or -errno. */
	int (*send)(struct dhcp_io *io, const struct dhcp_addr *src,
	    const struct dhcp_addr *dst, const void *data, size_t len);
};

/* First member of every implementation; `recv` is set by the daemon. */
struct dhcp_io {
	const struct dhcp_io_ops *ops;
	dhcp_recv_fn *recv;
	void *recv_ctx;
};

int dhcp_sock_new(struct loop *l, struct log *log, struct stats *stats,
    struct dhcp_io **ret);
void dhcp_sock_free(struct dhcp_io *io);

#endif

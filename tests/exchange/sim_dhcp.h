/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DHCP in the simulated world (included by sim.h): the network behind
 * env->dhcp, DHCP servers that a test answers for by hand or that answer by
 * themselves, and DHCP clients on the mobile nodes.
 *
 *   struct sim_dhcpd *srv = sim_dhcpd(s, "2001:db8:d::1");
 *   sim_dhcpd_pool(srv, "2001:db8:2::/64", "2001:db8:2::100", NULL);
 *   srv->automatic = true;
 *   sim_mn_plug(mn, pma, 1);
 *   sim_mn_d6(mn, D6_SOLICIT);          (Request follows by itself)
 *   ck_assert(sim_run_until(s, sim_mn_d6_bound, mn, 5 * USEC_PER_SEC));
 *   d = sim_wait_dgram(s, "2001:db8:b::1", "2001:db8:d::1", USEC_PER_SEC);
 *
 * All of it reads and writes DHCP by itself, not through src/dhcp.
 */
#ifndef PMIP_TEST_SIM_DHCP_H
#define PMIP_TEST_SIM_DHCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/clock.h"
#include "dhcp/dhcp_io.h"

struct sim;
struct sim_node;
struct sim_mn;

/* --- datagrams between daemons and servers ----------------------------- */

/* All datagrams; change it as you like, any time. */
struct sim_udp_net {
	usec_t delay_us;		/* 1 ms */
	unsigned drop_next;		/* swallow that many, then pass */
	unsigned dup_next;		/* deliver that many twice */
	bool cut;			/* nothing arrives */
};
struct sim_udp_net *sim_udp_net(struct sim *s);

enum sim_dgram_fate { SIM_DGRAM_ON_THE_WAY, SIM_DGRAM_DELIVERED,
	SIM_DGRAM_LOST, SIM_DGRAM_NOBODY };	/* nobody listens there */

/* One of the trace; it lives as long as the world. */
struct sim_dgram {
	usec_t at;			/* when it was sent */
	struct dhcp_addr src, dst;
	enum sim_dgram_fate fate;
	size_t len;
	uint8_t data[];
};

/* Of either family. */
struct dhcp_addr sim_dhcp_addr(const char *text, uint16_t port);
size_t sim_dgrams(const struct sim *s);
const struct sim_dgram *sim_dgram(const struct sim *s, size_t i);
/*
 * The trace has a cursor: the next datagram at or behind it src -> dst
 * (addresses as text, NULL any), and put the cursor behind it.  NULL: none
 * yet.
 */
const struct sim_dgram *sim_next_dgram(struct sim *s, const char *src,
    const char *dst);
/* The same, running the world until it appears, at most for `max`. */
const struct sim_dgram *sim_wait_dgram(struct sim *s, const char *src,
    const char *dst, usec_t max);
/* Put the cursor behind everything sent so far. */
void sim_skip_dgrams(struct sim *s);
size_t sim_count_dgrams(const struct sim *s, const char *src,
    const char *dst);
/* By hand; `src` need not belong to anybody. */
void sim_send_dgram(struct sim *s, const struct dhcp_addr *src,
    const struct dhcp_addr *dst, const void *data, size_t len);
/* Does the daemon listen there? (knobs: n->dhcp_listen_errno, _send_errno) */
bool sim_listens(const struct sim_node *n, const char *addr, uint16_t port);
/* How many addresses it listens on, so that a test can see leaks. */
size_t sim_listening(const struct sim_node *n);

/* --- between the files of the simulator -------------------------------- */

struct sim_udp;
struct sim_udp *sim_udp_new(struct sim *s);
void sim_udp_free(struct sim_udp *u);
struct sim_udp *sim_udp(const struct sim *s);
extern const struct dhcp_io_ops sim_dhcp_ops;
/* Who gets what arrives at an address that no daemon listens on. */
typedef void sim_udp_fn(void *ctx, const struct sim_dgram *d);
void sim_udp_serve(struct sim *s, const struct dhcp_addr *at, sim_udp_fn *fn,
    void *ctx);

#endif

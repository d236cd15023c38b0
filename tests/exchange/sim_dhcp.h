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
 *   ck_assert(sim_mn_d6_get(mn, &addr));        (Solicit to Reply)
 *   m = sim_mn_d6_msg(mn, SIM_D6_RENEW); ...; sim_mn_d6(mn, &m);
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

/* --- messages ---------------------------------------------------------- */

enum { SIM_D6_SOLICIT = 1, SIM_D6_ADVERTISE, SIM_D6_REQUEST, SIM_D6_CONFIRM,
	SIM_D6_RENEW, SIM_D6_REBIND, SIM_D6_REPLY, SIM_D6_RELEASE,
	SIM_D6_DECLINE, SIM_D6_RECONFIGURE, SIM_D6_INFORM, SIM_D6_RELAY_FORW,
	SIM_D6_RELAY_REPL };
enum { SIM_D6_OK, SIM_D6_UNSPEC_FAIL, SIM_D6_NO_ADDRS, SIM_D6_NO_BINDING,
	SIM_D6_NOT_ON_LINK };
/* BOOTREQUESTs with a ciaddr are REQUESTs to the reader. */
enum { SIM_D4_DISCOVER = 1, SIM_D4_OFFER, SIM_D4_REQUEST, SIM_D4_DECLINE,
	SIM_D4_ACK, SIM_D4_NAK, SIM_D4_RELEASE, SIM_D4_INFORM };

#define SIM_D6_ADDRS 4
#define SIM_ID_MAX 255

struct sim_id {			/* some octets */
	size_t n;
	uint8_t b[SIM_ID_MAX];
};

/* A client's or server's DHCPv6 message: what the tests care about. */
struct sim_d6 {
	uint8_t type;
	uint32_t xid;
	struct sim_id client, server;	/* n 0: no option */
	bool rapid;
	bool has_ia;
	uint32_t iaid, t1_s, t2_s;
	unsigned naddrs;
	struct {
		struct in6_addr addr;
		uint32_t preferred_s, valid_s;
	} addrs[SIM_D6_ADDRS];
	int status, ia_status;		/* -1: no option */
};

/* A relay agent's DHCPv6 message; `inner` points into what was read. */
struct sim_d6_relay {
	uint8_t type, hops;
	struct in6_addr link, peer;
	struct sim_id interface_id, remote_id, subscriber_id;
	bool has_mac;			/* RFC 6939 */
	struct mac mac;
	const uint8_t *inner;
	size_t ninner;
};

struct sim_d4 {
	uint8_t op, hops, type;
	uint32_t xid;
	uint16_t flags;
	struct in_addr ciaddr, yiaddr, siaddr, giaddr;
	struct mac chaddr;
	struct in_addr server_id, requested, mask, router; /* 0.0.0.0: none */
	uint32_t lease_s;		/* 0: no option */
	bool has82;
	struct sim_id raw82;		/* the option's content as it came */
	struct sim_id circuit_id, remote_id, subscriber_id;
	struct in_addr link_selection, server_override;
	int relay_flags;		/* -1: no sub-option */
};

/* False: malformed. */
bool sim_d6_read(const void *data, size_t len, struct sim_d6 *ret);
bool sim_d6_read_relay(const void *data, size_t len,
    struct sim_d6_relay *ret);
bool sim_d4_read(const void *data, size_t len, struct sim_d4 *ret);
/* Octets; the test ends when they do not fit. */
size_t sim_d6_build(const struct sim_d6 *m, void *buf, size_t cap);
size_t sim_d6_build_relay(const struct sim_d6_relay *m, void *buf,
    size_t cap);
/* raw82 is what goes into option 82 when has82 is set. */
size_t sim_d4_build(const struct sim_d4 *m, void *buf, size_t cap);

/* --- servers ----------------------------------------------------------- */

#define SIM_POOLS 16
#define SIM_LEASES 64

struct sim_pool {
	struct prefix subnet;
	struct prefix first;		/* address: the first to hand out */
	struct in_addr router;		/* IPv4 */
	unsigned used;
};

struct sim_lease {
	struct dhcp_addr addr;		/* port 0 */
	struct sim_id client;		/* DUID and IAID; or chaddr */
	usec_t expires;			/* 0: free (released, declined) */
	bool declined;
};

/* A server: IPv6 at port 547, IPv4 at port 67. */
struct sim_dhcpd {
	struct sim *sim;
	struct dhcp_addr addr;
	/* knobs */
	bool automatic;		/* false (the default): the test answers */
	unsigned silent;	/* ignore that many (UINT_MAX: all) */
	bool refuse;		/* NAK; NoAddrsAvail, NoBinding, NotOnLink */
	const char *instead;	/* "2001:db8:9::/64": addresses of that pool,
				 * whatever link is asked for */
	bool rapid_commit;
	uint32_t preferred_s, valid_s;	/* 1800, 3600; IPv4: valid_s */
	unsigned naddrs;	/* DHCPv6 addresses for each client (1) */
	usec_t delay_us;	/* thinks that long (0) */
	/* counters */
	unsigned received;
	unsigned seen[256];	/* of clients' messages, by type */
	unsigned malformed;
	unsigned no_pool;	/* no pool for the link: no answer */
	/* what it has */
	struct sim_pool pools[SIM_POOLS];
	size_t npools;
	struct sim_lease leases[SIM_LEASES];
	size_t nleases;
	/* received and not yet looked at */
	const struct sim_dgram **inbox;
	size_t ninbox, capinbox, cursor;
};

struct sim_dhcpd *sim_dhcpd(struct sim *s, const char *addr);
/*
 * Clients whose link is in `subnet` get `first`, then the next ...
 * router: IPv4 only (NULL: no option).  Chosen by the link-address nearest to
 * the client; by link selection, else giaddr, else ciaddr.
 */
void sim_dhcpd_pool(struct sim_dhcpd *d, const char *subnet,
    const char *first, const char *router);
/* Next datagram that has arrived, NULL none; also of an automatic one. */
const struct sim_dgram *sim_dhcpd_next(struct sim_dhcpd *d);
const struct sim_dgram *sim_dhcpd_wait(struct sim_dhcpd *d, usec_t max);
/* By hand: back to where `q` came from. */
void sim_dhcpd_send(struct sim_dhcpd *d, const struct sim_dgram *q,
    const void *data, size_t len);
/* The same, wrapped into the Relay-reply (all levels) that fits `q`. */
void sim_dhcpd_send6(struct sim_dhcpd *d, const struct sim_dgram *q,
    const struct sim_d6 *m);
/* To giaddr of `m`, port 67, with option 82 as it is in `m`. */
void sim_dhcpd_send4(struct sim_dhcpd *d, const struct sim_d4 *m);
/* The client's message inside, through all levels of relays. */
bool sim_d6_read_inner(const void *data, size_t len, struct sim_d6 *ret);
/* The living lease of that address; NULL: it is free. */
const struct sim_lease *sim_dhcpd_lease(const struct sim_dhcpd *d,
    const char *addr);
/* Its leases are gone, as after a crash without a disk. */
void sim_dhcpd_forget(struct sim_dhcpd *d);

/* --- clients ----------------------------------------------------------- */

struct udp_msg;
/* Any datagram from the node's MAC address, 100 us to the access router. */
void sim_mn_udp(struct sim_mn *mn, const struct udp_msg *m);
/* A message to start from: own DUID and IA, or own MAC, a new xid. */
struct sim_d6 sim_mn_d6_msg(struct sim_mn *mn, uint8_t type);
struct sim_d4 sim_mn_d4_msg(struct sim_mn *mn, uint8_t type);
/* From its link-local address to all servers and relays. */
void sim_mn_d6(struct sim_mn *mn, const struct sim_d6 *m);
/* Addresses as text; NULL: 0.0.0.0, 255.255.255.255. */
void sim_mn_d4(struct sim_mn *mn, const struct sim_d4 *m, const char *src,
    const char *dst);
/* The last message that reached it. False: none, or malformed. */
bool sim_mn_d6_last(const struct sim_mn *mn, struct sim_d6 *ret);
bool sim_mn_d4_last(const struct sim_mn *mn, struct sim_d4 *ret);
/* Send and run until the answer with that xid is there; false: none came. */
bool sim_mn_d6_ask(struct sim_mn *mn, const struct sim_d6 *q,
    struct sim_d6 *ret);
bool sim_mn_d4_ask(struct sim_mn *mn, const struct sim_d4 *q,
    struct sim_d4 *ret);
/* The whole exchange from Solicit or DISCOVER on. */
bool sim_mn_d6_get(struct sim_mn *mn, struct in6_addr *ret);
bool sim_mn_d4_get(struct sim_mn *mn, struct in_addr *ret);

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

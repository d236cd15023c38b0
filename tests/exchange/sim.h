/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The world of the exchange tests: any number of daemons in one process under
 * virtual time (ARCHITECTURE section 3).  Everything a daemon sees is a fake:
 *
 *   clock      one monotonic time for all, a wall clock with a skew per node
 *   MH network delay, jitter (reordering), loss, duplication, partition, per
 *              direction; every packet is kept, decoded, in a trace
 *   link       access interfaces with scripted mobile nodes
 *   kernel     a model of the tables behind struct dp, which can refuse,
 *              answer late or lose an answer; it survives a restart
 *   DHCP       the relay's sockets, servers, clients: sim_dhcp.h
 *   policy     a table with delay and failure
 *
 * Time stands still while code runs.  sim_run_for() and friends jump from
 * event to event.  The same seed gives the same run, packet by packet.
 *
 *   struct sim *s = sim_new(1);
 *   struct sim_node *ha = sim_add_ha(s, "2001:db8:a::1", NULL);
 *   struct sim_node *pma = sim_add_pma(s, "2001:db8:b::1", NULL);
 *   sim_profile(s, "mn1@example.com", "2001:db8:1:1::/64", "02:..:01");
 *   struct sim_mn *mn = sim_mn_new(s, "02:00:00:00:01:01");
 *   sim_mn_plug(mn, pma, 1);
 *   sim_mn_rs(mn);
 *   sim_expect_pbu(s, "2001:db8:b::1", "2001:db8:a::1");
 *   sim_expect_pba(s, "2001:db8:a::1", "2001:db8:b::1", BA_ACCEPTED);
 *   ck_assert(sim_run_until(s, has_ra, mn, 5 * USEC_PER_SEC));
 *   sim_free(s);
 *
 * Addresses in calls are text; a text that is none ends the test.
 */
#ifndef PMIP_TEST_SIM_H
#define PMIP_TEST_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/htab.h"
#include "mh/status.h"
#include "roles/ha/ha_conf.h"
#include "roles/pma/pma_conf.h"
#include "roles/role.h"
#include "sim_dhcp.h"

#define SIM_NODE_ROLES 2
#define SIM_NODE_LISTENS 64
#define SIM_NODE_ADDRS 8
#define SIM_NODE_IFS 8
#define SIM_IF_GROUPS 64
#define SIM_MN_ADDRS 8
#define SIM_WALL_START (1700000000 * USEC_PER_SEC)
#define SIM_WAIT (60 * USEC_PER_SEC)	/* sim_expect_*() give up then */

struct sim;
struct sim_node;

/* --- text to values ---------------------------------------------------- */

struct in6_addr sim_in6(const char *text);
struct prefix sim_prefix(const char *text);
struct mac sim_mac(const char *text);

/* --- the world --------------------------------------------------------- */

struct sim *sim_new(uint64_t seed);
/* Stops every node (as a crash would) and frees everything. */
void sim_free(struct sim *s);
usec_t sim_now(const struct sim *s);
/* Zeroed memory that lives as long as the world. */
void *sim_alloc(struct sim *s, size_t n);
/* From the world's generator: 0 .. n-1. */
uint64_t sim_random(struct sim *s, uint64_t n);

typedef bool sim_pred_fn(void *ctx);
typedef void sim_look_fn(void *ctx);
void sim_run_for(struct sim *s, usec_t usec);
/* The same; look() after every event, and at the end. */
void sim_run_looking(struct sim *s, usec_t usec, sim_look_fn *look, void *ctx);
/* True as soon as pred() is; false when `max` has passed. */
bool sim_run_until(struct sim *s, sim_pred_fn *pred, void *ctx, usec_t max);
/* Everything that is due at this instant, without letting time pass. */
void sim_settle(struct sim *s);
/* The next event, if it is not later than `limit`. False: there was none. */
bool sim_step(struct sim *s, usec_t limit);

/*
 * Run fn(arg) after `delay`; arg came from malloc() and is freed afterwards.
 * With a node: not at all when that node has stopped meanwhile.
 */
void sim_post(struct sim *s, struct sim_node *n, usec_t delay,
    void (*fn)(void *arg), void *arg);

/* --- the MH network ---------------------------------------------------- */

/* One direction between two addresses; change it as you like, any time. */
struct sim_path {
	struct in6_addr src, dst;	/* :: means any */
	usec_t delay_us;
	usec_t jitter_us;		/* added at random: reorders */
	unsigned loss_permille, dup_permille;
	unsigned drop_next;		/* swallow that many, then pass */
	unsigned dup_next;		/* deliver that many twice */
	bool cut;			/* partition */
};
/* Every direction without one of its own uses this one (delay 1 ms). */
struct sim_path *sim_net(struct sim *s);
/* The direction src -> dst; made from the default at the first call. */
struct sim_path *sim_path(struct sim *s, const char *src, const char *dst);
/* Cut or heal both directions. */
void sim_partition(struct sim *s, const char *a, const char *b, bool cut);

enum sim_fate { SIM_ON_THE_WAY, SIM_DELIVERED, SIM_LOST, SIM_CUT,
	SIM_NOBODY };			/* no node has that address, or down */

/* A packet of the trace, decoded; m.o's pointers refer into data. */
struct sim_pkt {
	usec_t at;			/* when it was sent */
	int64_t wall;			/* true wall clock then (no skew) */
	struct in6_addr src, dst;
	size_t len;
	enum mh_drop parsed;
	struct mh_msg m;
	enum sim_fate fate;
	unsigned copies;		/* 2: duplicated on the way */
	uint8_t data[];
};
/* Record packets (the default) or not (large runs). */
void sim_trace(struct sim *s, bool on);
size_t sim_pkts(const struct sim *s);
const struct sim_pkt *sim_pkt(const struct sim *s, size_t i);
/* How many of type `type` (-1 any) went src -> dst (NULL any) so far. */
size_t sim_count_mh(const struct sim *s, int type, const char *src,
    const char *dst);
/*
 * The trace has a cursor.  Find the next packet at or behind it that fits,
 * put the cursor behind it.  NULL (cursor unmoved): none yet.
 */
const struct sim_pkt *sim_next_mh(struct sim *s, int type, const char *src,
    const char *dst);
/* The same, running the world until it appears, at most for `max`. */
const struct sim_pkt *sim_wait_mh(struct sim *s, int type, const char *src,
    const char *dst, usec_t max);
/* Put the cursor behind everything sent so far. */
void sim_skip(struct sim *s);
/* Wait for one and end the test when it does not come within SIM_WAIT. */
const struct sim_pkt *sim_expect_pbu(struct sim *s, const char *src,
    const char *dst);
const struct sim_pkt *sim_expect_pba(struct sim *s, const char *src,
    const char *dst, int status);
/* Run for `usec`; end the test when anything was sent src -> dst. */
void sim_expect_silence(struct sim *s, const char *src, const char *dst,
    usec_t usec);
/*
 * Put a message on the wire by hand; `src` need not belong to a node.  What is
 * sent to an address without a node is in the trace, and nowhere else.
 */
void sim_send_mh(struct sim *s, const char *src, const char *dst,
    const struct mh_msg *m);
/* The same behind a Home Address option; is in no trace. */
void sim_send_hao(struct sim *s, const char *src, const char *dst,
    const char *home, const struct mh_msg *m);
void sim_send_raw(struct sim *s, const struct in6_addr *src,
    const struct in6_addr *dst, const void *data, size_t len);

/* --- nodes ------------------------------------------------------------- */

/* What the model of the kernel knows about one path. */
struct sim_kpath {
	struct hnode node;
	enum dp_side side;
	struct prefix prefix;
	struct in6_addr local, remote;	/* of its tunnel */
	uint32_t access_ifindex;
	struct mac mac;
	bool on_link;			/* wins over a connected prefix */
	usec_t since;			/* first set without a gap */
	unsigned replaced;		/* times set again in place */
	unsigned run;			/* which run of the daemon set it */
};

struct sim_ktunnel {
	struct in6_addr local, remote;
	unsigned run;
};

/* The kernel of a node; the knobs are the test's to turn. */
struct sim_kernel {
	struct htab *paths;
	struct sim_ktunnel *tunnels;
	size_t ntunnels, captunnels;
	uint32_t access[SIM_NODE_IFS];	/* after access_add() */
	size_t naccess;
	/* knobs */
	usec_t delay_us;	/* of answers; -1: before the call returns */
	int refuse_errno;	/* -ENOBUFS, for whatever is refused */
	unsigned refuse_set;	/* refuse that many path_set (UINT_MAX all) */
	unsigned refuse_call;	/* same, but path_set itself says no */
	unsigned refuse_nth;	/* let that many path_set pass before */
	unsigned refuse_del;
	unsigned refuse_tunnel;
	bool forget;		/* say yes and remember nothing (large runs) */
	bool can_divert;	/* takes out what asks for home agents */
	unsigned lose;		/* lose that many answers: the operation is
				 * undone after 2 s with -ETIMEDOUT */
	bool diverts;		/* does so now */
	/* counters */
	uint64_t sets, dels, replaces, ups, downs, sweeps;
	uint64_t absent_dels;	/* path_del of what was not there */
};

struct sim_if {
	struct link_if lif;
	uint32_t sources;	/* what watch_if asked for */
	bool open;		/* link_io open */
	struct in6_addr groups[SIM_IF_GROUPS];	/* joined, as often */
	size_t ngroups;
};

/* An address where env->dhcp listens. */
struct sim_listen {
	struct dhcp_addr at;
	unsigned count;
};

/* One daemon. */
struct sim_node {
	struct sim *sim;
	struct sim_node *next;
	char name[48];
	bool up;
	unsigned run;			/* counts starts */
	int64_t skew_us;		/* of its wall clock */
	struct clock clock;
	struct env env;
	struct mh_io mh;
	struct link_io link;
	struct dhcp_io dhcp;
	struct icmp_io icmp;
	bool icmp_anycast;		/* it listens for anycast addresses */
	int icmp_errno;			/* what icmp->send answers, 0 works */
	struct sim_listen listens[SIM_NODE_LISTENS];
	size_t nlistens;
	struct dp *dp;
	struct policy policy;
	struct mh_wire wire;
	struct dialect dialect;		/* change before a (re)start */
	struct in6_addr addrs[SIM_NODE_ADDRS];
	size_t naddrs;
	const struct role_ops *ops[SIM_NODE_ROLES];
	const void *conf[SIM_NODE_ROLES];
	struct role *roles[SIM_NODE_ROLES];
	size_t nroles;
	struct sim_if ifs[SIM_NODE_IFS];
	size_t nifs;
	struct sim_kernel kernel;
	uint32_t max_tunnels;
	struct sim_events *events;	/* names and numbers, from the log */
	struct log_sink *sink;
	bool adopt;			/* env.adopt of the next start */
	int mh_send_errno;		/* what mh->send answers, 0 works */
	int dhcp_listen_errno, dhcp_send_errno;	/* the same of env->dhcp */
	struct ctl *ctl;
	struct loop *ctl_loop;
	char *ctl_text;
};

/* A node without a role or an address, not started. */
struct sim_node *sim_add_node(struct sim *s, const char *name);
void sim_node_role(struct sim_node *n, const struct role_ops *ops,
    const void *conf);
void sim_node_addr(struct sim_node *n, const char *addr);
/*
 * Start, stop (keep: kernel state stays, no signalling), crash (everything in
 * user space is gone, the kernel's tables stay) and restart after a crash.
 * sim_node_start() answers what the role's start did.
 */
int sim_node_start(struct sim_node *n);
void sim_node_stop(struct sim_node *n, bool keep);
void sim_node_crash(struct sim_node *n);
void sim_node_restart(struct sim_node *n, bool clear_kernel);

/* A default configuration to start from, owned by the world. */
struct ha_conf *sim_ha_conf(struct sim *s, const char *addr);
struct pma_conf *sim_pma_conf(struct sim *s, const char *addr);
/* Append; `pmas` empty means the node's start adds every PMA of the world. */
void sim_ha_allow(struct sim *s, struct ha_conf *c, const char *pma);
/* Anchor one more prefix, of either family. */
void sim_ha_home_prefix(struct sim *s, struct ha_conf *c, const char *prefix);
/*
 * A prefix on a real interface; sim_add_ha() makes interfaces of these names,
 * ifindex 1 ...  Hosts there: sim_mn_new(), sim_mn_addr(),
 * sim_mn_plug(host, ha, 1).
 */
void sim_ha_home_link(struct sim *s, struct ha_conf *c, const char *prefix,
    const char *ifname);
/* Gateway mode: one router address and one server more; either NULL. */
void sim_ha_dhcp4(struct sim *s, struct ha_conf *c, const char *addr,
    const char *server);
/* DHCPv6 relay, one server more. */
void sim_pma_dhcp6(struct sim *s, struct pma_conf *c, const char *server);
/*
 * DHCPv4 relay: link-selection with our address `addr`, or gateway when that
 * is NULL; one server more unless NULL.
 */
void sim_pma_dhcp4(struct sim *s, struct pma_conf *c, const char *addr,
    const char *server);
/* Visitors on that interface; the result may be edited until it starts. */
struct pma_conf_visitor_link *sim_pma_visitor(struct sim *s,
    struct pma_conf *c, const char *ifname, const char *prefix);
void sim_pma_access(struct sim *s, struct pma_conf *c, const char *ifname,
    int type, const char *nai);

/*
 * A node with that role, started.  conf NULL: the default one.  The home agent
 * anchors 2001:db8:1::/48 and allows 2001:db8:b::1 .. 2001:db8:b::ff.  The PMA
 * uses 2001:db8:a::1 and has the shared interface acc0 with ifindex 1.
 */
struct sim_node *sim_add_ha(struct sim *s, const char *addr,
    const struct ha_conf *conf);
struct sim_node *sim_add_pma(struct sim *s, const char *addr,
    const struct pma_conf *conf);
/* The role of that name ("ha", "pma"); NULL when the node has none. */
struct role *sim_role(struct sim_node *n, const char *name);
/* Hand a new configuration to the role's reload(). */
int sim_reload(struct sim_node *n, const char *role, const void *conf);

/* A counter of the node, 0 when nothing has registered it. */
uint64_t sim_stat(struct sim_node *n, const char *group, const char *name);
/* How often the log carried that event (up to debug) since the start. */
uint64_t sim_seen(struct sim_node *n, const char *event);
/* Listen to events or not (large runs). */
void sim_listen(struct sim_node *n, bool on);
/* One request line to the control commands; the reply, valid until the next.*/
const char *sim_ctl(struct sim_node *n, const char *line);

/* --- the kernel -------------------------------------------------------- */

/* NULL when there is no path for that prefix. */
const struct sim_kpath *sim_kpath(struct sim_node *n, const char *prefix);
/* Does traffic of that prefix go to `remote` (NULL: nowhere)? */
bool sim_routed(struct sim_node *n, const char *prefix, const char *remote);
size_t sim_kpaths(struct sim_node *n);
bool sim_ktunnel(struct sim_node *n, const char *local, const char *remote);
/* The tunnel object; NULL when there is none. */
struct dp_tunnel *sim_tunnel(struct sim_node *n, const char *local,
    const char *remote);

/* --- policy ------------------------------------------------------------ */

/* The knobs of all lookups by NAI. */
struct sim_policy_knobs {
	usec_t delay_us;	/* -1: before the call returns (default) */
	int err;		/* 0; else what lookups answer (-ETIMEDOUT) */
};
struct sim_policy_knobs *sim_policy(struct sim *s);
/*
 * For a random life: the knobs of the node's kernel and of the policy, turned
 * at random; and all of them back: done and answered at once.
 */
void sim_shake(struct sim_node *n);
void sim_calm(struct sim_node *n);
/*
 * Add or replace a profile (entitled, SLAAC); mac may be NULL.  The result may
 * be edited until the world runs, or before sim_policy_changed().
 */
struct profile *sim_profile(struct sim *s, const char *nai,
    const char *prefix, const char *mac);
/*
 * The Shared-Prefix model, addresses by DHCP; `address` is a static one (NULL:
 * whatever the server says).  mac may be NULL.
 */
struct profile *sim_profile_shared(struct sim *s, const char *nai,
    const char *prefix, const char *address, const char *mac);
/*
 * IPv4 service for it; `address` NULL: by DHCP.  What else there is to vary
 * has no helper: p->addr_config = ADDRCONF_BOTH; p->pmip = false;
 */
void sim_profile_ip4(struct profile *p, const char *subnet,
    const char *router, const char *address);
void sim_profile_allow(struct sim *s, struct profile *p, const char *pma);
void sim_profile_del(struct sim *s, const char *nai);
/* Tell every node, as a reload does; removed profiles die afterwards. */
void sim_policy_changed(struct sim *s);

/* --- access links ------------------------------------------------------ */

/* A Router Advertisement that left an interface. */
struct sim_ra {
	usec_t at;
	struct sim_node *node;
	uint32_t ifindex;
	bool l2_multicast;		/* else to: */
	struct mac l2_dst;
	bool good;			/* hop limit 255, checksum, options */
	struct nd_ra ra;
};

/* A Neighbour Solicitation or Advertisement that left an interface. */
struct sim_nd {
	usec_t at;
	struct sim_node *node;
	uint32_t ifindex;
	bool l2_multicast;		/* else to: */
	struct mac l2_dst;
	bool good;
	struct nd_msg m;
};

/* An ARP message that left an interface. */
struct sim_arp {
	usec_t at;
	struct sim_node *node;
	uint32_t ifindex;
	bool l2_broadcast;		/* else to: */
	struct mac l2_dst;
	bool good;			/* Ethernet, IPv4, request or reply */
	uint16_t op;
	struct mac sha, tha;
	struct in_addr spa, tpa;
};

/* A datagram that left an interface, read from IPv6 or IPv4. */
struct sim_udp_pkt {
	usec_t at;
	struct sim_node *node;
	uint32_t ifindex;
	bool l2_broadcast;		/* or multicast; else to: */
	struct mac l2_dst;
	bool good;			/* headers, lengths, checksums */
	struct dhcp_addr src, dst;
	size_t len;			/* of the payload */
	uint8_t data[1500];
};

/*
 * A scripted mobile node, or a host on the home link of a home agent.  It
 * answers Neighbour Solicitations (probes, DAD) for its addresses.
 */
struct sim_mn {
	struct sim *sim;
	struct sim_mn *next;
	struct mac mac;
	struct in6_addr lla;
	struct in6_addr addrs[SIM_MN_ADDRS];	/* besides lla */
	size_t naddrs;
	struct sim_node *at;		/* NULL: nowhere */
	uint32_t ifindex;
	bool mute;			/* does not answer NS */
	unsigned nra;			/* RAs that reached it */
	struct sim_ra ra;		/* the last of them */
	unsigned nprev;			/* those in another router's name */
	struct sim_ra prev;
	unsigned nns;			/* NS for its addresses */
	unsigned nna;			/* NAs that reached it */
	struct sim_nd na;
	unsigned narp;			/* ARP messages that reached it */
	struct sim_arp arp;
	unsigned nudp6, nudp4;		/* datagrams that reached it */
	struct sim_udp_pkt udp6, udp4;
	uint32_t dhcp_xid;		/* counts */
};

/* Adds an interface and, when the node is up, tells its roles (LINK_NEW). */
struct sim_if *sim_add_if(struct sim_node *n, const char *name, bool p2p);
struct sim_if *sim_if(struct sim_node *n, uint32_t ifindex);
/* Carrier; tells LINK_CHANGED, and nothing else. */
void sim_if_up(struct sim_node *n, uint32_t ifindex, bool up);

struct sim_mn *sim_mn_new(struct sim *s, const char *mac);
/* On that link / on none.  Silent: no packet, no event. */
void sim_mn_plug(struct sim_mn *mn, struct sim_node *n, uint32_t ifindex);
void sim_mn_unplug(struct sim_mn *mn);
/* It sends a Router Solicitation (100 us to the access router). */
void sim_mn_rs(struct sim_mn *mn);
/* Any ND message from it. */
void sim_mn_nd(struct sim_mn *mn, const struct nd_msg *m);
/* It asks for an address; dad: from ::, as one does before using it. */
void sim_mn_ns(struct sim_mn *mn, const char *target, bool dad);
/*
 * It sends an ARP request for `tpa`; from `spa`, NULL: 0.0.0.0, a probe.
 * sim_mn_arp_msg(): any ARP message.
 */
void sim_mn_arp(struct sim_mn *mn, const char *spa, const char *tpa);
void sim_mn_arp_msg(struct sim_mn *mn, const struct arp_msg *m);
/* An address that it answers for (not checked against anything). */
void sim_mn_addr(struct sim_mn *mn, const char *addr);
void sim_mn_addr_del(struct sim_mn *mn, const char *addr);
/* An attach source speaks: mac and nai may be NULL. */
void sim_attach(struct sim_node *n, enum attach_kind kind,
    enum attach_source source, uint32_t ifindex, const char *mac,
    const char *nai);
/* All RAs ever sent. */
size_t sim_ras(const struct sim *s);
const struct sim_ra *sim_ra(const struct sim *s, size_t i);
/* All NS and NA, ARP messages, datagrams that daemons ever sent on links. */
size_t sim_nds(const struct sim *s);
const struct sim_nd *sim_nd(const struct sim *s, size_t i);
size_t sim_arps(const struct sim *s);
const struct sim_arp *sim_arp(const struct sim *s, size_t i);
size_t sim_udps(const struct sim *s);
const struct sim_udp_pkt *sim_udp_pkt(const struct sim *s, size_t i);
/* Does the last RA it got carry that prefix with a valid lifetime? */
bool sim_mn_has_prefix(const struct sim_mn *mn, const char *prefix);

/* --- home agent address discovery --------------------------------------- */

struct sim_icmp_net {
	usec_t delay_us;
	unsigned drop_next;		/* swallow that many, then pass */
	bool cut;
};
struct sim_icmp_pkt {
	usec_t at;
	struct in6_addr src, dst;
	enum haad_drop parsed;
	struct haad_msg m;
	bool delivered;
	size_t len;
	uint8_t data[HAAD_MAX_LEN];
};
struct sim_icmp_net *sim_icmp_net(struct sim *s);
/* A message by hand; `src` need not belong to a node. */
void sim_icmp_send(struct sim *s, const char *src, const char *dst,
    const struct haad_msg *m);
void sim_icmp_raw(struct sim *s, const struct in6_addr *src,
    const struct in6_addr *dst, const void *data, size_t len);
/* All that were ever sent. */
size_t sim_icmps(struct sim *s);
const struct sim_icmp_pkt *sim_icmp_pkt(struct sim *s, size_t i);

/* --- between the files of the simulator -------------------------------- */

struct dp *sim_dp_new(struct sim_node *n);
void sim_dp_free(struct sim_node *n);
void sim_kernel_init(struct sim_kernel *k);
void sim_kernel_clear(struct sim_kernel *k);
void sim_kernel_done(struct sim_kernel *k);
struct sim_policy_table *sim_policy_new(struct sim *s);
void sim_policy_free(struct sim_policy_table *t);
void sim_policy_attach(struct sim_node *n);
struct sim_policy_table *sim_policy_table(struct sim *s);
/* An IPv6 packet of Neighbour Discovery. */
struct sim_l3 {
	uint8_t type;
	struct in6_addr src, dst;
	struct nd_ra ra;		/* an RA; lladdr of the others too */
	struct nd_msg nd;		/* NS, NA */
};
/* False: not a good one; what could be read has been. */
bool sim_read_nd(const void *pkt, size_t len, struct sim_l3 *ret);
bool sim_read_arp(const void *pkt, size_t len, struct sim_arp *ret);
bool sim_read_udp6(const void *pkt, size_t len, struct sim_udp_pkt *ret);
bool sim_read_udp4(const void *pkt, size_t len, struct sim_udp_pkt *ret);
struct sim_links *sim_links_new(void);
void sim_links_free(struct sim_links *l);
struct sim_links *sim_links(struct sim *s);
extern const struct link_io_ops sim_link_ops;
struct sim_icmp *sim_icmp_new(struct sim *s);
void sim_icmp_free(struct sim_icmp *ic);
struct sim_icmp *sim_icmp(struct sim *s);
extern const struct icmp_io_ops sim_icmp_ops;
struct sim_node *sim_nodes(struct sim *s);

#endif

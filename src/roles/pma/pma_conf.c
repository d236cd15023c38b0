/* SPDX-License-Identifier: BSD-2-Clause */
/* Schema of the `pma:` section. */
#include "roles/pma/pma_conf.h"

#include "attach/attach.h"
#include "core/clock.h"

#define F(st, k, ty, member, ...) \
	{ .key = (k), .type = (ty), .off = offsetof(struct st, member), \
	  __VA_ARGS__ }

static const char *const type_names[] = { "shared", "point-to-point", NULL };

static void check_access(struct cfg_ctx *c, void *conf);

static const struct cfg_field access_fields[] = {
	F(pma_conf_access, "interface", CFG_IFNAME, interface,
	    .flags = CFG_F_REQUIRED,
	    .help = "Name of the interface; * and ? stand for any characters. "
	    "It need not exist yet."),
	F(pma_conf_access, "type", CFG_ENUM, type, .names = type_names,
	    .def = "shared",
	    .help = "shared: several nodes, told apart by their MAC address, "
	    "each addressed alone. point-to-point: one node at the other end."),
	F(pma_conf_access, "attach", CFG_FLAGS, sources,
	    .names = attach_source_names,
	    .def = "router-solicitation, control, carrier, neighbour, "
	    "bridge-fdb, probe, traffic",
	    .help = "What counts as evidence that a node is there or has left. "
	    "traffic: it asks for an address by DHCP (when that is relayed)."),
	F(pma_conf_access, "nai", CFG_NAI, nai,
	    .help = "Who is at the other end of a point-to-point link."),
	{ .key = NULL },
};
static const struct cfg_table access_table = {
	.name = "access", .size = sizeof(struct pma_conf_access),
	.fields = access_fields, .check = check_access,
	.help = "The interfaces that mobile nodes attach to.",
};

static const struct cfg_field ra_fields[] = {
	F(pma_conf_ra, "interval", CFG_DURATION, interval_us,
	    .min = 3 * USEC_PER_SEC, .max = 1800 * USEC_PER_SEC, .def = "30s",
	    .help = "Between unsolicited advertisements to one node. To a node "
	    "that did not solicit the first is repeated sooner, after 1s and "
	    "3s more."),
	F(pma_conf_ra, "router-lifetime", CFG_DURATION, router_lifetime_us,
	    .min = 1 * USEC_PER_SEC, .max = 9000 * USEC_PER_SEC, .def = "90s",
	    .help = "How long a node keeps us as its router without hearing "
	    "from us. Short, because a node that has moved should forget the "
	    "router it left (section 7.3)."),
	F(pma_conf_ra, "valid-lifetime", CFG_DURATION, valid_us,
	    .min = 60 * USEC_PER_SEC, .max = 4294967294 * USEC_PER_SEC,
	    .def = "30d", .help = "Valid lifetime of the home prefix."),
	F(pma_conf_ra, "preferred-lifetime", CFG_DURATION, preferred_us,
	    .min = 60 * USEC_PER_SEC, .max = 4294967294 * USEC_PER_SEC,
	    .def = "7d",
	    .help = "Preferred lifetime of the home prefix; not longer than "
	    "the valid one."),
	F(pma_conf_ra, "other-configuration", CFG_BOOL, other, .def = "no",
	    .help = "The O flag: further configuration is to be had by "
	    "DHCPv6."),
	F(pma_conf_ra, "hop-limit", CFG_UINT, hop_limit, .min = 0, .max = 255,
	    .def = "64", .help = "Hop limit the node is to use; 0: its own."),
	{ .key = NULL },
};
static void check_ra(struct cfg_ctx *c, void *conf);
static const struct cfg_table ra_table = {
	.name = "router-advertisement", .size = sizeof(struct pma_conf_ra),
	.fields = ra_fields, .check = check_ra,
	.help = "What Router Advertisements say.",
};

static const struct cfg_field dhcp6_fields[] = {
	F(pma_conf_dhcp6, "servers", CFG_SCALARS, servers, .elem = CFG_IN6,
	    .min = 1, .max = 8, .flags = CFG_F_REQUIRED | CFG_F_UNIQUE,
	    .help = "Where DHCPv6 messages of mobile nodes are relayed to, "
	    "each to all of them."),
	{ .key = NULL },
};
static const struct cfg_table dhcp6_table = {
	.name = "dhcpv6", .size = sizeof(struct pma_conf_dhcp6),
	.fields = dhcp6_fields,
	.help = "DHCPv6 relay (section 6.8). Without this section nothing is "
	"relayed.",
};

static const char *const dhcp4_mode_names[] = { "link-selection", "gateway",
	NULL };
static const struct cfg_field dhcp4_fields[] = {
	F(pma_conf_dhcp4, "mode", CFG_ENUM, mode, .names = dhcp4_mode_names,
	    .def = "link-selection",
	    .help = "What the server learns the home subnet from. "
	    "link-selection: giaddr is our own address, option 82 names the "
	    "subnet (RFC 3527). gateway: giaddr is the subnet's router, as "
	    "section 6.8 says; the home agent, which has that address, passes "
	    "messages on in both directions (ha.dhcpv4-gateway there), and we "
	    "need no IPv4 address."),
	F(pma_conf_dhcp4, "address", CFG_IN4, address,
	    .help = "Our IPv4 address, which servers answer to; needed for "
	    "mode: link-selection."),
	F(pma_conf_dhcp4, "servers", CFG_SCALARS, servers, .elem = CFG_IN4,
	    .max = 8, .flags = CFG_F_UNIQUE,
	    .help = "Where DHCPv4 messages of mobile nodes are relayed to, "
	    "each to all of them; needed for mode: link-selection."),
	{ .key = NULL },
};
static void check_dhcp4(struct cfg_ctx *c, void *conf);
static const struct cfg_table dhcp4_table = {
	.name = "dhcpv4", .size = sizeof(struct pma_conf_dhcp4),
	.fields = dhcp4_fields, .check = check_dhcp4,
	.help = "DHCPv4 relay (section 6.8). Without this section nothing is "
	"relayed.",
};

static const char *const addr_config_names[] = { "slaac", "dhcp", "both",
	NULL };
static const char *const welcome_names[] = { "deny", "visitor", NULL };
static const struct cfg_field visitor_link_fields[] = {
	F(pma_conf_visitor_link, "interface", CFG_STRING, interface,
	    .flags = CFG_F_REQUIRED,
	    .help = "Name of an access interface, wildcards allowed; each "
	    "needs a prefix of its own."),
	F(pma_conf_visitor_link, "prefix", CFG_PREFIX, prefix,
	    .flags = CFG_F_REQUIRED,
	    .help = "The /64 that all visitors of that link share. It must be "
	    "routed to this router; what they send is routed as usual, through "
	    "no tunnel."),
	F(pma_conf_visitor_link, "address-config", CFG_ENUM, addr_config,
	    .names = addr_config_names, .def = "slaac",
	    .help = "How visitors get their address."),
	F(pma_conf_visitor_link, "subnet", CFG_PREFIX, subnet,
	    .help = "IPv4 subnet that DHCPv4 servers assign visitors' "
	    "addresses from; none: no IPv4 for them."),
	F(pma_conf_visitor_link, "router", CFG_IN4, router,
	    .help = "The subnet's router address, which we answer ARP for."),
	{ .key = NULL },
};
static void check_visitor_link(struct cfg_ctx *c, void *conf);
static const struct cfg_table visitor_link_table = {
	.name = "links", .size = sizeof(struct pma_conf_visitor_link),
	.fields = visitor_link_fields, .check = check_visitor_link,
	.help = "A link that has visitors.",
};
static const struct cfg_field visitor_fields[] = {
	F(pma_conf_visitor, "links", CFG_LIST, links,
	    .table = &visitor_link_table, .min = 1, .max = 1024,
	    .flags = CFG_F_REQUIRED),
	F(pma_conf_visitor, "unknown", CFG_ENUM, unknown,
	    .names = welcome_names, .def = "deny",
	    .help = "What becomes of nodes that the policy does not know."),
	F(pma_conf_visitor, "max-strangers", CFG_UINT, max_strangers,
	    .min = 1, .max = 1000000, .def = "1000",
	    .help = "With unknown: visitor, at most that many nodes of which "
	    "only the MAC address is known; further ones are ignored. Those "
	    "that leave without a word count until presence-check finds out: "
	    "with 0s for ever."),
	F(pma_conf_visitor, "denied", CFG_ENUM, denied,
	    .names = welcome_names, .def = "deny",
	    .help = "What becomes of nodes that their home agent refuses."),
	{ .key = NULL },
};
static void check_visitor(struct cfg_ctx *c, void *conf);
static const struct cfg_table visitor_table = {
	.name = "visitor", .size = sizeof(struct pma_conf_visitor),
	.fields = visitor_fields, .check = check_visitor,
	.help = "Local access for nodes without network-based mobility "
	"(section 6.9): those whose profile says pmip: no, and perhaps "
	"others. Without this section they get nothing.",
};

static const char *const ip4_option_names[] = { "29", "36", NULL };

static const struct cfg_field pma_fields[] = {
	F(pma_conf, "address", CFG_IN6, address,
	    .flags = CFG_F_REQUIRED | CFG_F_RESTART,
	    .help = "Our address towards the core: source of the signalling, "
	    "care-of address of our mobile nodes, our end of the tunnels."),
	F(pma_conf, "uplink", CFG_IFNAME, uplink, .flags = CFG_F_RESTART,
	    .help = "Interface towards the home agents; by default where the "
	    "routing table says."),
	F(pma_conf, "home-agent", CFG_IN6, home_agent,
	    .help = "For mobile nodes whose profile names none."),
	F(pma_conf, "discovery", CFG_BOOL, discovery, .def = "yes",
	    .help = "When neither the profile nor home-agent names a home "
	    "agent, ask the home-agents anycast address of the node's home "
	    "prefix (section 5.4). Nothing protects the answer; the signalling "
	    "that follows is."),
	F(pma_conf, "static-tunnels", CFG_SCALARS, static_tunnels,
	    .elem = CFG_IN6, .max = 1024, .flags = CFG_F_UNIQUE | CFG_F_RESTART,
	    .help = "Home agents to which a tunnel exists from the start and "
	    "stays (section 6.6)."),
	F(pma_conf, "access", CFG_LIST, access, .table = &access_table,
	    .min = 1, .max = 1024, .flags = CFG_F_REQUIRED,
	    .help = "The interfaces that mobile nodes attach to."),
	F(pma_conf, "lifetime", CFG_DURATION, lifetime_us,
	    .min = 4 * USEC_PER_SEC, .max = 262140 * USEC_PER_SEC,
	    .def = "300s",
	    .help = "Lifetime to ask for; the home agent may grant less."),
	F(pma_conf, "refresh-percent", CFG_UINT, refresh_percent, .min = 10,
	    .max = 95, .def = "80",
	    .help = "A registration is refreshed when that part of its "
	    "lifetime is over, less up to 5 % at random."),
	F(pma_conf, "initial-timeout", CFG_DURATION, initial_timeout_us,
	    .min = 50 * USEC_PER_MSEC, .max = 60 * USEC_PER_SEC, .def = "1s",
	    .help = "First retransmission; each further one waits twice as "
	    "long (RFC 6275 11.8)."),
	F(pma_conf, "max-timeout", CFG_DURATION, max_timeout_us,
	    .min = 50 * USEC_PER_MSEC, .max = 3600 * USEC_PER_SEC,
	    .def = "32s", .help = "But not longer than this."),
	F(pma_conf, "backoff", CFG_DURATION, backoff_us,
	    .min = 1 * USEC_PER_SEC, .max = 3600 * USEC_PER_SEC, .def = "32s",
	    .help = "Wait after a refusal that may pass (no resources, clocks "
	    "that differ); doubled when it does not pass."),
	F(pma_conf, "max-backoff", CFG_DURATION, max_backoff_us,
	    .min = 1 * USEC_PER_SEC, .max = 86400 * USEC_PER_SEC,
	    .def = "300s", .help = "But not longer than this."),
	F(pma_conf, "max-update-rate", CFG_UINT, max_update_rate, .max = 255,
	    .def = "3",
	    .help = "Registrations a second for one mobile node; 0: no limit."),
	F(pma_conf, "max-nodes", CFG_UINT, max_nodes, .min = 1,
	    .max = 16000000, .def = "100000",
	    .help = "At most that many mobile nodes; further ones are "
	    "ignored. For more than some 500 the kernel needs a larger table "
	    "of neighbours: sysctl net.ipv6.neigh.default.gc_thresh3 and the "
	    "same of ipv4 at least twice the number of nodes, 1024 by "
	    "default."),
	F(pma_conf, "timestamp-window", CFG_DURATION, ts_window_us,
	    .min = 100 * USEC_PER_MSEC, .max = 3600 * USEC_PER_SEC,
	    .def = "5s",
	    .help = "A home agent that refuses a time stamp and whose own is "
	    "further from our clock than this has another time than we have."),
	F(pma_conf, "deregistration-tries", CFG_UINT, dereg_tries, .min = 1,
	    .max = 20, .def = "3",
	    .help = "How often a de-registration is sent without an answer."),
	F(pma_conf, "presence-check", CFG_DURATION, presence_check_us,
	    .min = 0, .max = 86400 * USEC_PER_SEC, .def = "1s",
	    .help = "Before a refresh, probe a node that has not been heard "
	    "for that long: a router that a node has left without a word must "
	    "not take its binding back. 0s: never."),
	F(pma_conf, "probe-interval", CFG_DURATION, probe_interval_us,
	    .min = 100 * USEC_PER_MSEC, .max = 60 * USEC_PER_SEC,
	    .def = "1s", .help = "Between two probes."),
	F(pma_conf, "probe-tries", CFG_UINT, probe_tries, .min = 1, .max = 20,
	    .def = "3",
	    .help = "Unanswered probes after which a node has left."),
	F(pma_conf, "router-advertisement", CFG_MAP, ra, .table = &ra_table),
	F(pma_conf, "dhcpv6", CFG_MAP, dhcp6, .table = &dhcp6_table,
	    .flags = CFG_F_OPTIONAL),
	F(pma_conf, "dhcpv4", CFG_MAP, dhcp4, .table = &dhcp4_table,
	    .flags = CFG_F_OPTIONAL),
	F(pma_conf, "withdraw-previous-router", CFG_UINT, previous_ras,
	    .max = 3, .def = "2",
	    .help = "How many Router Advertisements with router lifetime 0, in "
	    "the name of the access router that a node comes from, tell it to "
	    "forget that one. The home agent passes the routers' addresses on "
	    "(section 7.3). 0: neither tell ours nor withdraw others."),
	F(pma_conf, "fixed-router-address", CFG_BOOL, fixed_router,
	    .def = "no", .flags = CFG_F_RESTART,
	    .help = "Give access interfaces the MAC address 00:00:5e:00:52:13, "
	    "from which follows the link-local address "
	    "fe80::200:5eff:fe00:5213 (RFC 6543): with all access routers "
	    "alike there is no previous router to withdraw. The interface is "
	    "taken down for a moment, and loses IPv6 addresses given to it by "
	    "hand. Never two such routers on one link."),
	F(pma_conf, "answer-kernel", CFG_BOOL, answers, .def = "yes",
	    .flags = CFG_F_RESTART,
	    .help = "When the kernel has packets for a node that was heard "
	    "within the last 5 seconds, tell it the MAC address instead of "
	    "having it solicit a node that may not be ready to answer: sysctl "
	    "net.ipv6.neigh.*.app_solicit of access interfaces is then 1 as "
	    "long as the daemon runs, after a crash until the next one ends "
	    "(see set-sysctls)."),
	F(pma_conf, "visitor", CFG_MAP, visitor, .table = &visitor_table,
	    .flags = CFG_F_OPTIONAL),
	F(pma_conf, "ipv4-option", CFG_ENUM, ip4_option,
	    .names = ip4_option_names, .def = "29",
	    .help = "Mobility option that carries an IPv4 home address: 29 "
	    "(IPv4 Home Address) or 36 (IPv4 Home Address Request of RFC "
	    "5844)."),
	F(pma_conf, "report-address", CFG_BOOL, report_address, .def = "yes",
	    .help = "With a prefix of the node's own: tell the home agent the "
	    "address that DHCPv6 assigned, with the next registration "
	    "(section 6.10)."),
	{ .key = NULL },
};

static void check_pma(struct cfg_ctx *c, void *conf);

const struct cfg_table pma_conf_table = {
	.name = "pma", .size = sizeof(struct pma_conf), .fields = pma_fields,
	.check = check_pma,
	.help = "The proxy mobile agent of an access router.",
};

static void
check_access(struct cfg_ctx *c, void *conf)
{
	const struct pma_conf_access *a = conf;

	if (a->nai != NULL && a->type != 1)
		cfg_error(c, &a->at, "nai", "nai: only for type: "
		    "point-to-point, where one node is at the other end");
}

static void
check_dhcp4(struct cfg_ctx *c, void *conf)
{
	const struct pma_conf_dhcp4 *d = conf;

	if (d->mode == DHCP4_GATEWAY) {
		if (d->address.s_addr != 0)
			cfg_error(c, &d->at, "address", "address: only for "
			    "mode: link-selection");
		if (d->servers.n > 0)
			cfg_error(c, &d->at, "servers", "servers: only for "
			    "mode: link-selection; in mode gateway the home "
			    "agent has them");
		return;
	}
	if (d->address.s_addr == 0)
		cfg_error(c, &d->at, NULL, "dhcpv4: mode link-selection needs "
		    "address:");
	if (d->servers.n == 0)
		cfg_error(c, &d->at, NULL, "dhcpv4: mode link-selection needs "
		    "servers:");
}

static void
check_visitor_link(struct cfg_ctx *c, void *conf)
{
	const struct pma_conf_visitor_link *v = conf;
	struct prefix router;

	if (v->prefix.family != AF_INET6 || v->prefix.len != 64)
		cfg_error(c, &v->at, "prefix", "prefix: an IPv6 prefix of 64 "
		    "bits is wanted");
	if (v->subnet.family == 0 && v->router.s_addr == 0)
		return;
	router = prefix_host4(&v->router);
	if (v->subnet.family != AF_INET ||
	    !prefix_covers(&v->subnet, &router))
		cfg_error(c, &v->at, "router", "router: subnet: is an IPv4 "
		    "subnet, and router: an address in it");
}

static void
check_visitor(struct cfg_ctx *c, void *conf)
{
	const struct pma_conf_visitor *p = conf;
	const struct pma_conf_visitor_link *v = p->links.v;
	char buf[ADDR_STRLEN];

	for (size_t i = 0; i < p->links.n; i++) {
		for (size_t k = 0; k < i; k++) {
			if (prefix_eq(&v[i].prefix, &v[k].prefix))
				cfg_error(c, &v[i].at, "prefix", "prefix: %s "
				    "stands twice, first in line %u",
				    prefix_str(&v[i].prefix, buf),
				    v[k].at.line);
		}
	}
}

static void
check_ra(struct cfg_ctx *c, void *conf)
{
	const struct pma_conf_ra *ra = conf;

	if (ra->preferred_us > ra->valid_us)
		cfg_error(c, &ra->at, "preferred-lifetime",
		    "preferred-lifetime: longer than valid-lifetime");
}

static void
check_pma(struct cfg_ctx *c, void *conf)
{
	const struct pma_conf *p = conf;

	if (p->max_timeout_us < p->initial_timeout_us)
		cfg_error(c, &p->at, "max-timeout",
		    "max-timeout: shorter than initial-timeout");
	if (p->max_backoff_us < p->backoff_us)
		cfg_error(c, &p->at, "max-backoff",
		    "max-backoff: shorter than backoff");
}

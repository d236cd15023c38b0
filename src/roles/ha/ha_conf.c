/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Schema of the `ha:` section.  Whatever the data plane was opened with
 * (addresses, anchored prefixes, uplink) needs a restart; the rest applies at
 * once, see reload in ha.c.
 */
#include "roles/ha/ha_conf.h"

#include <sys/socket.h>

#include "core/clock.h"

#define F(st, k, ty, member, ...) \
	{ .key = (k), .type = (ty), .off = offsetof(struct st, member), \
	  __VA_ARGS__ }

static const char *const tunnel_names[] = { "dynamic", "static", NULL };
static const char *const guard_names[] = { "start", "window", "off", NULL };

static const struct cfg_field pma_fields[] = {
	F(ha_conf_pma, "address", CFG_IN6, address, .flags = CFG_F_REQUIRED,
	    .help = "Address the proxy mobile agent signals from, and its end "
	    "of the tunnel."),
	F(ha_conf_pma, "name", CFG_STRING, name,
	    .help = "A name for the operator."),
	F(ha_conf_pma, "tunnel", CFG_ENUM, static_tunnel,
	    .names = tunnel_names, .def = "dynamic",
	    .help = "dynamic: the tunnel comes with the first mobile node and "
	    "goes with the last. static: it is there from the start, from the "
	    "first of our addresses (section 5.2)."),
	F(ha_conf_pma, "max-bindings", CFG_UINT, max_bindings, .def = "0",
	    .help = "At most that many mobile nodes registered by this proxy "
	    "mobile agent; 0: no limit of its own. Further ones are refused "
	    "with status 130."),
	{ .key = NULL },
};
static const struct cfg_table pma_table = {
	.name = "pmas", .size = sizeof(struct ha_conf_pma),
	.fields = pma_fields,
	.help = "A proxy mobile agent that may register mobile nodes "
	"(section 5).",
};

static const struct cfg_field link_fields[] = {
	F(ha_conf_home_link, "prefix", CFG_PREFIX, prefix,
	    .flags = CFG_F_REQUIRED,
	    .help = "The home prefix, inside one of home-prefixes."),
	F(ha_conf_home_link, "interface", CFG_IFNAME, interface,
	    .flags = CFG_F_REQUIRED, .help = "The link it is used on."),
	F(ha_conf_home_link, "detection-time", CFG_DURATION, detection_us,
	    .min = 100 * USEC_PER_MSEC, .max = 10 * USEC_PER_SEC,
	    .def = "1s",
	    .help = "How long somebody on the link may take to say that an "
	    "address is taken; the first registration of a node waits that "
	    "long."),
	{ .key = NULL },
};
static const struct cfg_table link_table = {
	.name = "home-links", .size = sizeof(struct ha_conf_home_link),
	.fields = link_fields,
	.help = "A shared home prefix that hosts use on a real link here. An "
	"address in it is checked for duplicates on that link before it is "
	"accepted, and defended there while it is bound (sections 5.1, 5.9). "
	"Prefixes not listed here exist on no link.",
};

static const struct cfg_field dhcp4_fields[] = {
	F(ha_conf_dhcp4, "addresses", CFG_SCALARS, addresses, .elem = CFG_IN4,
	    .min = 1, .max = 64, .flags = CFG_F_REQUIRED | CFG_F_UNIQUE,
	    .help = "The home subnets' router addresses, which must be "
	    "configured on this machine; servers answer to them."),
	F(ha_conf_dhcp4, "servers", CFG_SCALARS, servers, .elem = CFG_IN4,
	    .min = 1, .max = 8, .flags = CFG_F_REQUIRED | CFG_F_UNIQUE,
	    .help = "Where messages are relayed to, each to all of them."),
	{ .key = NULL },
};
static const struct cfg_table ha_dhcp4_table = {
	.name = "dhcpv4-gateway", .size = sizeof(struct ha_conf_dhcp4),
	.fields = dhcp4_fields,
	.help = "DHCPv4 for proxy mobile agents with pma.dhcpv4.mode: gateway: "
	"pass their nodes' messages to the servers and the answers back.",
};

static const struct cfg_field ha_fields[] = {
	F(ha_conf, "addresses", CFG_SCALARS, addresses, .elem = CFG_IN6,
	    .min = 1, .max = 64,
	    .flags = CFG_F_REQUIRED | CFG_F_UNIQUE | CFG_F_RESTART,
	    .help = "Our addresses. Proxy Binding Updates sent elsewhere are "
	    "ignored; the address a proxy mobile agent writes to is our end of "
	    "its tunnel (section 5.2)."),
	F(ha_conf, "uplink", CFG_IFNAME, uplink, .flags = CFG_F_RESTART,
	    .help = "Interface towards the proxy mobile agents; by default "
	    "where the routing table says."),
	F(ha_conf, "home-prefixes", CFG_SCALARS, home_prefixes,
	    .elem = CFG_PREFIX, .min = 1, .max = 1024,
	    .flags = CFG_F_REQUIRED | CFG_F_UNIQUE | CFG_F_RESTART,
	    .help = "What we anchor, IPv6 prefixes and IPv4 subnets: a mobile "
	    "node's prefix or address outside of these is refused with status "
	    "132."),
	F(ha_conf, "pmas", CFG_LIST, pmas, .table = &pma_table, .max = 4096,
	    .help = "The proxy mobile agents that may register mobile nodes "
	    "here; others are refused with status 146. Removing one refuses "
	    "its next registrations; what it has registered stays until its "
	    "lifetime ends or another one takes over."),
	F(ha_conf, "proxy-registration", CFG_BOOL, proxy_registration,
	    .def = "yes",
	    .help = "With no, every registration is refused with status 145; "
	    "bindings run out."),
	F(ha_conf, "max-lifetime", CFG_DURATION, max_lifetime_us,
	    .min = 4 * USEC_PER_SEC, .max = 262140 * USEC_PER_SEC,
	    .def = "3600s",
	    .help = "The longest lifetime granted; longer requests are "
	    "shortened."),
	F(ha_conf, "timestamp-window", CFG_DURATION, ts_window_us,
	    .min = 100 * USEC_PER_MSEC, .max = 3600 * USEC_PER_SEC,
	    .def = "5s",
	    .help = "How far a Time Stamp may be from our clock; beyond that "
	    "the registration is refused with status 148 (section 5.5). The "
	    "clocks of the domain must agree better than this."),
	F(ha_conf, "restart-guard", CFG_ENUM, restart_guard,
	    .names = guard_names, .def = "start",
	    .help = "What replays an earlier run may have accepted already; "
	    "its time stamps are not kept. start: registrations stamped "
	    "before our start are refused with status 148, and the next try "
	    "is stamped later. window: also those stamped less than "
	    "timestamp-window after it, because the sender's clock may have "
	    "been ahead; nobody can register until then, and who tried comes "
	    "back half a minute later. off: neither."),
	F(ha_conf, "max-bindings", CFG_UINT, max_bindings, .min = 1,
	    .max = 16000000, .def = "1000000",
	    .help = "At most that many bindings in all; further ones are "
	    "refused with status 130."),
	F(ha_conf, "delete-delay", CFG_DURATION, min_delete_delay_us,
	    .max = 3600 * USEC_PER_SEC, .def = "0s",
	    .help = "Keep a de-registered binding and its claim to the prefix "
	    "that long, without a path, for a mobile node that comes back."),
	F(ha_conf, "answer-unknown-deregistration", CFG_BOOL,
	    answer_unknown_dereg, .def = "yes",
	    .help = "Answer a de-registration of what is not registered with "
	    "status 133; with no, stay silent."),
	F(ha_conf, "discovery", CFG_BOOL, discovery, .def = "yes",
	    .help = "Answer Home Agent Address Discovery requests to the "
	    "home-agents anycast address of any /64 in home-prefixes with our "
	    "addresses, also while that prefix is tunnelled (section 5.4)."),
	F(ha_conf, "home-links", CFG_LIST, home_links, .table = &link_table,
	    .max = 64, .flags = CFG_F_RESTART),
	F(ha_conf, "dhcpv4-gateway", CFG_MAP, dhcp4, .table = &ha_dhcp4_table,
	    .flags = CFG_F_OPTIONAL),
	{ .key = NULL },
};

static void
check_prefixes(struct cfg_ctx *c, const struct ha_conf *conf)
{
	const struct prefix *p = conf->home_prefixes.v;

	for (size_t i = 0; i < conf->home_prefixes.n; i++) {
		char a[ADDR_STRLEN], b[ADDR_STRLEN];

		if (p[i].family == AF_INET6 && p[i].len > 64)
			cfg_error(c, &conf->at, "home-prefixes",
			    "%s: an IPv6 prefix of at most 64 bits is wanted",
			    prefix_str(&p[i], a));
		for (size_t k = 0; k < i; k++) {
			if (prefix_overlaps(&p[i], &p[k]))
				cfg_error(c, &conf->at, "home-prefixes",
				    "%s and %s overlap", prefix_str(&p[k], a),
				    prefix_str(&p[i], b));
		}
	}
}

/* Is the address one that would be routed into a tunnel? */
static const struct prefix *
inside(const struct ha_conf *conf, const struct in6_addr *a)
{
	const struct prefix *p = conf->home_prefixes.v;
	struct prefix host;

	prefix_from_in6(&host, a, 128);
	for (size_t i = 0; i < conf->home_prefixes.n; i++) {
		if (prefix_covers(&p[i], &host))
			return &p[i];
	}
	return NULL;
}

static void
check_pmas(struct cfg_ctx *c, const struct ha_conf *conf)
{
	const struct ha_conf_pma *v = conf->pmas.v;
	char a[ADDR_STRLEN], b[ADDR_STRLEN];

	for (size_t i = 0; i < conf->pmas.n; i++) {
		const struct prefix *p = inside(conf, &v[i].address);

		if (p != NULL)
			cfg_error(c, &v[i].at, "address",
			    "%s lies in the home prefix %s: its tunnel would "
			    "lead into itself", in6_str(&v[i].address, a),
			    prefix_str(p, b));
		for (size_t k = 0; k < i; k++) {
			if (in6_eq(&v[i].address, &v[k].address)) {
				cfg_error(c, &v[i].at, "address",
				    "%s stands twice, first in line %u",
				    in6_str(&v[i].address, a), v[k].at.line);
				break;
			}
		}
	}
}

static void
check_home_links(struct cfg_ctx *c, const struct ha_conf *conf)
{
	const struct prefix *p = conf->home_prefixes.v;
	const struct ha_conf_home_link *v = conf->home_links.v;
	char a[ADDR_STRLEN], b[ADDR_STRLEN];

	for (size_t i = 0; i < conf->home_links.n; i++) {
		size_t k = 0;

		while (k < conf->home_prefixes.n &&
		    !prefix_covers(&p[k], &v[i].prefix))
			k++;
		if (v[i].prefix.family != AF_INET6 ||
		    k == conf->home_prefixes.n)
			cfg_error(c, &v[i].at, "prefix", "prefix: %s is in "
			    "none of the IPv6 home-prefixes",
			    prefix_str(&v[i].prefix, a));
		for (k = 0; k < i; k++) {
			if (prefix_overlaps(&v[i].prefix, &v[k].prefix))
				cfg_error(c, &v[i].at, "prefix", "prefix: %s "
				    "and %s overlap",
				    prefix_str(&v[k].prefix, a),
				    prefix_str(&v[i].prefix, b));
		}
	}
}

/* Nodes of a subnet that we do not anchor could not be registered. */
static void
check_dhcp4(struct cfg_ctx *c, const struct ha_conf *conf)
{
	const struct prefix *p = conf->home_prefixes.v;
	const struct in_addr *a = conf->dhcp4.addresses.v;
	struct prefix host;
	char buf[ADDR_STRLEN];

	for (size_t i = 0; i < conf->dhcp4.addresses.n; i++) {
		size_t k = 0;

		host = prefix_host4(&a[i]);
		while (k < conf->home_prefixes.n &&
		    !prefix_covers(&p[k], &host))
			k++;
		if (k == conf->home_prefixes.n)
			cfg_error(c, &conf->dhcp4.at, "addresses",
			    "addresses: %s is in none of the IPv4 "
			    "home-prefixes", in4_str(&a[i], buf));
	}
}

static void
ha_check_conf(struct cfg_ctx *c, void *v)
{
	const struct ha_conf *conf = v;
	const struct in6_addr *a = conf->addresses.v;
	char buf[ADDR_STRLEN], pbuf[ADDR_STRLEN];

	check_prefixes(c, conf);
	for (size_t i = 0; i < conf->addresses.n; i++) {
		const struct prefix *p = inside(conf, &a[i]);

		if (p != NULL)
			cfg_error(c, &conf->at, "addresses",
			    "%s lies in the home prefix %s",
			    in6_str(&a[i], buf), prefix_str(p, pbuf));
	}
	check_pmas(c, conf);
	check_home_links(c, conf);
	check_dhcp4(c, conf);
}

const struct cfg_table ha_conf_table = {
	.name = "ha", .size = sizeof(struct ha_conf), .fields = ha_fields,
	.check = ha_check_conf,
	.help = "The home agent (section 5).",
};

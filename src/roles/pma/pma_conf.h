/* SPDX-License-Identifier: BSD-2-Clause */
/* The `pma:` section of the configuration. */
#ifndef PMIP_PMA_CONF_H
#define PMIP_PMA_CONF_H

#include <stdbool.h>

#include "core/addr.h"
#include "core/cfg.h"

struct pma_conf_access {	/* `access:` one access interface */
	struct cfg_where at;
	const char *interface;
	int type;		/* 0 shared, 1 point-to-point */
	uint32_t sources;	/* bits 1 << enum attach_source that attach */
	const char *nai;	/* point-to-point: who is at the other end */
};

enum ip4_option { IP4_OPTION_29, IP4_OPTION_36 };

struct pma_conf_ra {		/* `router-advertisement:` */
	struct cfg_where at;
	int64_t interval_us;	/* between unsolicited ones */
	int64_t router_lifetime_us;
	int64_t valid_us, preferred_us;
	bool other;		/* O flag */
	uint32_t hop_limit;
};

struct pma_conf_dhcp6 {		/* `dhcpv6:` relay (6.8) */
	struct cfg_where at;	/* line 0: no relay */
	struct cfg_list servers;	/* struct in6_addr */
};

/* giaddr of what we relay (PROTOCOL 7.6). */
enum dhcp4_mode { DHCP4_LINK_SELECTION, DHCP4_GATEWAY };

struct pma_conf_dhcp4 {		/* `dhcpv4:` relay (6.8) */
	struct cfg_where at;	/* line 0: no relay */
	int mode;		/* enum dhcp4_mode */
	struct in_addr address;	/* link-selection: ours, giaddr */
	struct cfg_list servers;	/* struct in_addr; gateway mode: the
					 * home agent knows them */
};

struct pma_conf_visitor_link {	/* `links:` where visitors are */
	struct cfg_where at;
	const char *interface;
	struct prefix prefix;	/* /64 of all visitors there */
	int addr_config;	/* enum addr_config */
	struct prefix subnet;	/* IPv4; family 0: none */
	struct in_addr router;
};

struct pma_conf_visitor {	/* `visitor:` (6.9) */
	struct cfg_where at;	/* line 0: no visitors */
	struct cfg_list links;	/* struct pma_conf_visitor_link */
	int unknown, denied;	/* 1: they are visitors, too */
	uint32_t max_strangers;	/* without even a name */
};

struct pma_conf {
	struct cfg_where at;
	struct in6_addr address;	/* egress address: PBU source, CoA */
	const char *uplink;		/* interface to the core, may be NULL */
	struct in6_addr home_agent;	/* when the profile names none; :: */
	bool discovery;		/* when nobody names one */
	struct cfg_list static_tunnels;	/* struct in6_addr of home agents */
	struct cfg_list access;		/* struct pma_conf_access */
	int64_t lifetime_us;		/* to ask for, multiple of 4 s */
	uint32_t refresh_percent;	/* of the granted lifetime */
	int64_t initial_timeout_us;	/* INITIAL_BINDACK_TIMEOUT */
	int64_t max_timeout_us;		/* MAX_BINDACK_TIMEOUT */
	int64_t backoff_us;		/* after 130/128, doubling to ... */
	int64_t max_backoff_us;
	uint32_t max_update_rate;	/* PBUs per second and home agent */
	uint32_t max_nodes;
	int64_t ts_window_us;
	uint32_t dereg_tries;
	int64_t presence_check_us;	/* NUD before each refresh at most this
					 * often; 0: never */
	int64_t probe_interval_us;	/* 1 s, 3 tries */
	uint32_t probe_tries;
	struct pma_conf_ra ra;
	struct pma_conf_dhcp6 dhcp6;
	struct pma_conf_dhcp4 dhcp4;
	struct pma_conf_visitor visitor;
	uint32_t previous_ras;	/* to withdraw the router before us (7.3) */
	bool fixed_router;	/* RFC 6543 instead */
	bool answers;		/* the kernel asks us for neighbours */
	int ip4_option;		/* enum ip4_option: in a PBU (A5) */
	bool report_address;	/* D6.10-12 */
};

extern const struct cfg_table pma_conf_table;

#endif

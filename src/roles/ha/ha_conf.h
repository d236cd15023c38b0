/* SPDX-License-Identifier: BSD-2-Clause */
/* The `ha:` section of the configuration. */
#ifndef PMIP_HA_CONF_H
#define PMIP_HA_CONF_H

#include <stdbool.h>

#include "core/addr.h"
#include "core/cfg.h"

enum ha_tunnel_kind { HA_TUNNEL_DYNAMIC, HA_TUNNEL_STATIC };

/* Time stamps that an earlier run may have accepted (PROTOCOL 10.6). */
enum ha_guard { HA_GUARD_START, HA_GUARD_WINDOW, HA_GUARD_OFF };

struct ha_conf_pma {		/* `pmas:` an authorised PMA (D5-1) */
	struct cfg_where at;
	struct in6_addr address;
	const char *name;
	int static_tunnel;	/* enum ha_tunnel_kind (D5.2-9) */
	uint32_t max_bindings;	/* 0: only the total limit */
};

struct ha_conf_home_link {	/* `home-links:` a prefix on a real link */
	struct cfg_where at;
	struct prefix prefix;	/* IPv6, one of home-prefixes or inside one */
	const char *interface;
	int64_t detection_us;	/* how long duplicates are listened for */
};

struct ha_conf_dhcp4 {		/* `dhcpv4-gateway:` PROTOCOL 7.6 G1 */
	struct cfg_where at;	/* line 0: not served */
	struct cfg_list addresses;	/* struct in_addr: the home subnets'
					 * router addresses, ours */
	struct cfg_list servers;	/* struct in_addr */
};

struct ha_conf {
	struct cfg_where at;
	struct cfg_list addresses;	/* struct in6_addr: ours (HAA);
					 * PBUs to others are ignored */
	const char *uplink;		/* interface to the core, may be NULL */
	struct cfg_list home_prefixes;	/* struct prefix, either family: what
					 * we anchor */
	struct cfg_list pmas;		/* struct ha_conf_pma */
	bool proxy_registration;	/* no: 145 for everybody */
	int64_t max_lifetime_us;
	int64_t ts_window_us;
	int restart_guard;		/* enum ha_guard */
	uint32_t max_bindings;
	int64_t min_delete_delay_us;	/* A45, default 0 */
	bool answer_unknown_dereg;	/* lifetime 0 without binding: 133 */
	bool discovery;			/* answer address discovery */
	struct cfg_list home_links;	/* struct ha_conf_home_link */
	struct ha_conf_dhcp4 dhcp4;
};

extern const struct cfg_table ha_conf_table;

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The whole configuration file as a struct: the common sections and one map
 * per role.
 */
#ifndef PMIP_DAEMON_CONF_H
#define PMIP_DAEMON_CONF_H

#include "core/cfg.h"
#include "esp/sec_conf.h"
#include "roles/ha/ha_conf.h"
#include "roles/pma/pma_conf.h"

struct log_conf {
	struct cfg_where at;
	int level;			/* enum log_level */
	int destination;		/* 0 stderr, 1 syslog */
	bool timestamps;
};

struct control_conf {
	struct cfg_where at;
	const char *socket;
	const char *group;		/* NULL: root and the daemon's user */
};

struct dataplane_conf {
	struct cfg_where at;
	int backend;			/* enum dp_backend */
	int on_exit;			/* 0 remove, 1 keep */
	uint32_t rtm_protocol, table, rule_priority;
	uint32_t max_tunnels, max_paths;
	bool set_sysctls;
	bool fast_path;
	bool tunnel_gro;
};

enum daemon_priority { PRIORITY_HIGH, PRIORITY_NORMAL };

struct signalling_conf {
	struct cfg_where at;
	uint64_t receive_buffer;
	bool accept_ts18;		/* PROTOCOL A1 */
	int priority;			/* enum daemon_priority */
};

struct policy_conf {
	struct cfg_where at;
	const char *file;
};

struct main_conf {
	struct cfg_where at;
	struct sec_conf security;
	struct log_conf log;
	struct control_conf control;
	struct dataplane_conf dataplane;
	struct signalling_conf signalling;
	struct policy_conf policy;
	struct ha_conf ha;		/* .at.line 0: no such section */
	struct pma_conf pma;
};

extern const struct cfg_table main_conf_table;

/* The section of the role of that name; NULL when it is absent. */
const void *main_conf_role(const struct main_conf *c, const char *role);

#endif

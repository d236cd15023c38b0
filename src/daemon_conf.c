/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Schema of the configuration file: the sections that belong to no role, and
 * where the roles' own sections hang in.  A new role adds one line to
 * main_fields and one to main_conf_role().
 */
#include "daemon_conf.h"

#include <string.h>

static const char *const level_names[] = { "err", "warn", "info", "debug",
	NULL };
static const char *const destination_names[] = { "stderr", "syslog", NULL };
static const char *const backend_names[] = { "auto", "ip6tnl", "bpf", NULL };
static const char *const on_exit_names[] = { "remove", "keep", NULL };
static const char *const priority_names[] = { "high", "normal", NULL };

#define F(st, k, ty, member, ...) \
	{ .key = (k), .type = (ty), .off = offsetof(struct st, member), \
	  __VA_ARGS__ }

static const struct cfg_field log_fields[] = {
	F(log_conf, "level", CFG_ENUM, level, .names = level_names,
	    .def = "info",
	    .help = "What is logged: err, warn, info (a binding changed its "
	    "state) or debug (every packet). pmipctl log changes it at run "
	    "time."),
	F(log_conf, "destination", CFG_ENUM, destination,
	    .names = destination_names, .def = "stderr",
	    .help = "Where log lines go."),
	F(log_conf, "timestamps", CFG_BOOL, timestamps, .def = "yes",
	    .help = "Begin each line with the time of day; only for stderr."),
	{ .key = NULL },
};
static const struct cfg_table log_table = {
	.name = "log", .size = sizeof(struct log_conf), .fields = log_fields,
	.help = "Logging.",
};

static const struct cfg_field control_fields[] = {
	F(control_conf, "socket", CFG_PATH, socket,
	    .def = "/run/pmipd/pmipd.sock", .flags = CFG_F_RESTART,
	    .help = "UNIX socket that pmipctl(8) talks to. Two daemons on one "
	    "machine need two."),
	F(control_conf, "group", CFG_STRING, group, .flags = CFG_F_RESTART,
	    .help = "Members of this group may use the socket as well as root "
	    "and the daemon's own user."),
	{ .key = NULL },
};
static const struct cfg_table control_table = {
	.name = "control", .size = sizeof(struct control_conf),
	.fields = control_fields, .help = "The control socket.",
};

static const struct cfg_field dataplane_fields[] = {
	F(dataplane_conf, "backend", CFG_ENUM, backend, .names = backend_names,
	    .def = "auto", .flags = CFG_F_RESTART,
	    .help = "How packets are tunnelled: ip6tnl (the kernel's tunnel "
	    "devices), bpf (packet programs on one anchor device), or auto: "
	    "ip6tnl where the kernel has it, else bpf."),
	F(dataplane_conf, "on-exit", CFG_ENUM, on_exit, .names = on_exit_names,
	    .def = "remove",
	    .help = "What SIGTERM does to tunnels and routes: remove them, or "
	    "keep them for the next start, without any signalling."),
	F(dataplane_conf, "rtm-protocol", CFG_UINT, rtm_protocol, .min = 5,
	    .max = 255, .def = "213", .flags = CFG_F_RESTART,
	    .help = "Protocol number on every route and rule of ours, so that "
	    "ip route show proto N lists them."),
	F(dataplane_conf, "table", CFG_UINT, table, .min = 1,
	    .max = 0xfffffff, .def = "5213", .flags = CFG_F_RESTART,
	    .help = "Routing table of what comes from access links."),
	F(dataplane_conf, "rule-priority", CFG_UINT, rule_priority, .min = 1,
	    .max = 32765, .def = "5213", .flags = CFG_F_RESTART,
	    .help = "Priority of the rule that sends an access interface to "
	    "that table."),
	F(dataplane_conf, "set-sysctls", CFG_BOOL, set_sysctls, .def = "yes",
	    .flags = CFG_F_RESTART,
	    .help = "Turn on forwarding where it is off; on access interfaces "
	    "solicit neighbours every 100 ms, and answer ARP only for their "
	    "own addresses. With no, the daemon only checks forwarding and "
	    "names what is missing."),
	F(dataplane_conf, "fast-path", CFG_BOOL, fast_path, .def = "no",
	    .flags = CFG_F_RESTART,
	    .help = "Backend bpf, at a proxy mobile agent: what leaves a "
	    "tunnel for a node over IPv6 goes straight to its access link, by "
	    "the route in table main. No netfilter hook, no IPsec policy of "
	    "forwarding, no routing rule sees these packets: leave it off "
	    "where what nodes get is filtered, or connections are tracked or "
	    "translated at all. What is too long, at the end of its hops, has "
	    "hop-by-hop options, or is for a neighbour not yet known takes "
	    "the ordinary way, as does everything from an uplink without "
	    "Ethernet and to point-to-point links."),
	F(dataplane_conf, "tunnel-gro", CFG_BOOL, tunnel_gro, .def = "no",
	    .flags = CFG_F_RESTART,
	    .help = "Backend ip6tnl: segments of TCP are put together (generic "
	    "receive offload) as they leave a tunnel. The uplink's interface "
	    "does that already, packets of tunnels included, so a second time "
	    "only takes time: yes where segments reach the uplink one by one "
	    "and it has that switched off, or where it cannot see them, "
	    "because tunnels are protected by ESP."),
	F(dataplane_conf, "max-tunnels", CFG_UINT, max_tunnels, .min = 1,
	    .max = 65536, .def = "4096", .flags = CFG_F_RESTART,
	    .help = "At most that many tunnels."),
	F(dataplane_conf, "max-paths", CFG_UINT, max_paths, .min = 16,
	    .max = 16777216, .def = "1048576", .flags = CFG_F_RESTART,
	    .help = "At most that many prefixes and addresses with a path "
	    "through a tunnel. A home agent has 48 octets of kernel memory for "
	    "each, from the start."),
	{ .key = NULL },
};
static const struct cfg_table dataplane_table = {
	.name = "dataplane", .size = sizeof(struct dataplane_conf),
	.fields = dataplane_fields,
	.help = "Tunnels, routes and filters in the kernel.",
};

static const struct cfg_field signalling_fields[] = {
	F(signalling_conf, "receive-buffer", CFG_SIZE, receive_buffer,
	    .min = 65536, .max = 1 << 28, .def = "8MiB",
	    .flags = CFG_F_RESTART,
	    .help = "Receive buffer of the Mobility Header socket: a storm of "
	    "registrations after a restart waits in it."),
	F(signalling_conf, "accept-timestamp-length-18", CFG_BOOL, accept_ts18,
	    .def = "yes", .flags = CFG_F_RESTART,
	    .help = "Tolerate a Time Stamp option of Length 18, as the draft "
	    "prints it; the first 8 octets count."),
	F(signalling_conf, "priority", CFG_ENUM, priority,
	    .names = priority_names, .def = "high", .flags = CFG_F_RESTART,
	    .help = "high: of the processor, before ordinary processes (a nice "
	    "value of -5, for its session as well where it leads one), for a "
	    "mobile node that has moved waits as long as this daemon. normal: "
	    "as it was started. A daemon started with a nice value other than "
	    "0 keeps that."),
	{ .key = NULL },
};
static const struct cfg_table signalling_table = {
	.name = "signalling", .size = sizeof(struct signalling_conf),
	.fields = signalling_fields, .help = "Mobility Header messages.",
};

static const struct cfg_field policy_fields[] = {
	F(policy_conf, "file", CFG_PATH, file, .flags = CFG_F_REQUIRED,
	    .help = "The policy file: the mobile nodes and their profiles."),
	{ .key = NULL },
};
static const struct cfg_table policy_table = {
	.name = "policy", .size = sizeof(struct policy_conf),
	.fields = policy_fields, .help = "The policy store.",
};

static const struct cfg_field main_fields[] = {
	F(main_conf, "security", CFG_MAP, security,
	    .table = &sec_conf_table),
	F(main_conf, "log", CFG_MAP, log, .table = &log_table),
	F(main_conf, "control", CFG_MAP, control, .table = &control_table),
	F(main_conf, "dataplane", CFG_MAP, dataplane,
	    .table = &dataplane_table),
	F(main_conf, "signalling", CFG_MAP, signalling,
	    .table = &signalling_table),
	F(main_conf, "policy", CFG_MAP, policy, .table = &policy_table,
	    .flags = CFG_F_REQUIRED),
	F(main_conf, "ha", CFG_MAP, ha, .table = &ha_conf_table,
	    .flags = CFG_F_OPTIONAL),
	F(main_conf, "pma", CFG_MAP, pma, .table = &pma_conf_table,
	    .flags = CFG_F_OPTIONAL),
	{ .key = NULL },
};

const struct cfg_table main_conf_table = {
	.name = "pmipd.yaml", .size = sizeof(struct main_conf),
	.fields = main_fields,
	.help = "The configuration of pmipd(8).",
};

const void *
main_conf_role(const struct main_conf *c, const char *role)
{
	if (strcmp(role, "ha") == 0 && c->ha.at.line != 0)
		return &c->ha;
	if (strcmp(role, "pma") == 0 && c->pma.at.line != 0)
		return &c->pma;
	return NULL;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside the daemon: daemon.c, daemon_start.c and daemon_ctl.c only. */
#ifndef PMIP_DAEMON_PRIV_H
#define PMIP_DAEMON_PRIV_H

#include "core/arena.h"
#include "core/loop.h"
#include "core/netlink.h"
#include "daemon.h"
#include "daemon_conf.h"
#include "esp/sec.h"
#include "roles/role.h"

#define DAEMON_ROLES_MAX 4

/* A configuration from before, which some role still uses. */
struct daemon_held {
	struct arena *arena;
	struct daemon_held *older;
};

/* One running daemon: everything hangs here. */
struct daemon {
	const struct daemon_opts *opts;
	struct arena *arena;		/* holds conf */
	struct daemon_held *held;
	const struct main_conf *conf;
	usec_t started_us;
	struct log *log;
	struct stats *stats;
	struct loop *loop;
	struct netlink *netlink;
	struct ctl *ctl;
	struct mh_wire wire;
	struct dialect dialect;
	struct attach_nl *attach;
	struct mh_io *mh_clear, *mh_esp; /* under sec; mh_esp may be NULL */
	struct hao_sock *hao;		/* feeds mh_clear; may be NULL */
	struct sec *sec;
	struct env env;
	struct role *roles[DAEMON_ROLES_MAX];
	size_t nroles;
	struct loop_signal *signals[4];
	size_t nsignals;
};

/* The socket's commands (daemon_ctl.c); ctx is the daemon. */
extern const struct ctl_cmd daemon_ctl_cmds[];

/*
 * Read and check the configuration for the roles asked for.  0; or -errno,
 * the messages in *errs.  The result lives in *ret_arena.
 */
int daemon_load_conf(const struct daemon_opts *o, struct arena **ret_arena,
    struct main_conf **ret, struct cfg_errors *errs);

/*
 * Read configuration and policy again and apply them.  0; or -errno with the
 * reason in `why` (and logged): then the running configuration is untouched.
 */
int daemon_reload(struct daemon *d, char *why, size_t whycap);

/* Does the daemon have that role? */
bool daemon_has_role(const struct daemon *d, const char *name);

/*
 * The security service and the sockets under it (daemon_sec.c); env.mh is it
 * from then on.  0 or -errno (logged).
 */
int daemon_sec_start(struct daemon *d);
/* sec_prepare() with what the roles will want. */
int daemon_sec_prepare(struct daemon *d, const struct main_conf *conf);
void daemon_sec_stop(struct daemon *d, bool keep);

/* Open every service and start the roles. 0 or -errno (logged). */
int daemon_start(struct daemon *d);
/* Undo whatever daemon_start() did. */
void daemon_stop(struct daemon *d);

#endif

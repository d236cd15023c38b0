/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Choosing and opening a backend.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <netlink/msg.h>

#include "core/log.h"
#include "core/netlink.h"
#include "dataplane/dp_priv.h"

#define PROBE_NAME "pmtprobe"

const char *const dp_backend_names[] = { "auto", "ip6tnl", "bpf", NULL };

/*
 * Has the kernel ip6tnl devices?  Asked by creating one without ends: that is
 * the kernel's own fallback device, so it usually exists already, which is an
 * answer as well.  (Loads the module.)
 */
static int
open_probe(struct netlink *nl)
{
	struct nl_msg *m = dpnl_ip6tnl(PROBE_NAME, NULL, NULL);
	struct dpnl_link l;
	int fd, r = netlink_sync(nl, m);

	nlmsg_free(m);
	if (r == -EEXIST)
		return 0;
	if (r < 0)
		return r;
	r = dpnl_ask_open(&fd);
	if (r < 0)
		return r;
	if (dpnl_ask_link(fd, 0, PROBE_NAME, &l) == 0) {
		m = dpnl_link_del(l.ifindex);
		(void)netlink_sync(nl, m);
		nlmsg_free(m);
	}
	dpnl_ask_close(fd);
	return 0;
}

static int
open_any(const struct dp_conf *conf, struct loop *l, struct log *log,
    struct stats *stats, struct netlink *nl, struct dp **ret, char *why,
    size_t whycap)
{
	struct dp_start s = { conf, l, log, stats, nl };
	char ip6tnl[128] = "", bpf[200] = "";
	int r;

	if (conf->backend == DP_BPF)
		return dp_bpf_open(&s, ret, why, whycap);
	r = open_probe(nl);
	if (r == 0)
		return dp_ip6tnl_open(&s, ret, why, whycap);
	if (r == -EPERM)
		snprintf(ip6tnl, sizeof(ip6tnl), "CAP_NET_ADMIN is needed");
	else if (r == -EOPNOTSUPP)
		snprintf(ip6tnl, sizeof(ip6tnl),
		    "the kernel has no ip6_tunnel");
	else
		snprintf(ip6tnl, sizeof(ip6tnl), "%s", strerror(-r));
	if (conf->backend == DP_IP6TNL) {
		snprintf(why, whycap, "backend ip6tnl: %s", ip6tnl);
		return r;
	}
	log_info(log, DP_MOD, "no-ip6tnl", KV_STR("why", ip6tnl));
	r = dp_bpf_open(&s, ret, bpf, sizeof(bpf));
	if (r < 0)
		snprintf(why, whycap, "no backend: ip6tnl: %s; bpf: %s",
		    ip6tnl, bpf);
	return r;
}

int
dp_open(const struct dp_conf *conf, struct loop *l, struct log *log,
    struct stats *stats, struct netlink *nl, struct dp **ret, char *why,
    size_t whycap)
{
	int r = open_any(conf, l, log, stats, nl, ret, why, whycap);

	if (r == 0 && conf->fast_path && (!conf->is_pma ||
	    strcmp((*ret)->ops->name, "bpf") != 0))
		log_warn(log, DP_MOD, "no-fast-path", KV_STR("why",
		    "backend bpf and role pma have it"));
	return r;
}

void
dp_close(struct dp *dp)
{
	if (dp != NULL)
		dp->ops->free(dp);
}

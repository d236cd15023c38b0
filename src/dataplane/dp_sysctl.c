/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's settings that tunnelling needs.
 *
 * Turning on net.ipv6.conf.all.forwarding has a side effect worth a line in
 * the log: interfaces that learnt their default route from a Router
 * Advertisement stop doing so, unless accept_ra is 2 there.
 *
 * IPv4 reverse path filtering: the larger of `all` and the device's own value
 * counts.  Strict would drop what leaves a tunnel at a proxy mobile agent (the
 * way back to its source is the uplink), so our devices get 0, or 2 (loose)
 * when `all` forbids that.  ICMP redirects would tell a node to talk to another
 * one past its home agent.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/log.h"
#include "core/util.h"
#include "dataplane/dp_priv.h"

/*
 * Between two Neighbour Solicitations on an access link.  Traffic reaches a
 * node's new router before the node has its address back, and the solicitation
 * that this causes goes unanswered: the default of a second would be how long
 * the handover takes.
 */
#define ACCESS_RETRANS_MS 100
/*
 * How often we are asked before the link is.  It takes a retrans_time when
 * there is no answer, so not where nobody listens.
 */
#define ACCESS_APP_SOLICIT 1
/*
 * ARP on an access link is answered by the kernel only for addresses of that
 * very interface.  For those that mobile nodes take for their router's the role
 * answers, even if the home agent is this machine and has them elsewhere.
 */
#define ARP_IGNORE_OTHERS 1
#define PATH_CAP 128
#define MTU_EXPIRES_S 600

/* "net.ipv6.conf.all.forwarding" with an interface name in place of %s. */
static void
sysctl_path(char *buf, const char *family, const char *ifname,
    const char *what)
{
	snprintf(buf, PATH_CAP, "/proc/sys/net/%s/conf/%s/%s", family, ifname,
	    what);
}

static int
sysctl_read(const char *path, int *ret)
{
	char buf[16];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	if (n <= 0)
		return -EIO;
	buf[n] = '\0';
	*ret = (int)strtol(buf, NULL, 10);
	return 0;
}

static int
sysctl_write(const char *path, int v)
{
	char buf[16];
	int fd = open(path, O_WRONLY | O_CLOEXEC), len, r = 0;

	if (fd < 0)
		return -errno;
	len = snprintf(buf, sizeof(buf), "%d", v);
	if (write(fd, buf, (size_t)len) != len)
		r = -errno;
	close(fd);
	return r;
}

/* The dotted name of a path below /proc/sys. */
static const char *
sysctl_name(const char *path, char *buf)
{
	snprintf(buf, PATH_CAP, "%s", path + strlen("/proc/sys/"));
	for (char *p = buf; *p != '\0'; p++) {
		if (*p == '/')
			*p = '.';
	}
	return buf;
}

static int
sysctl_need(const struct dp_conf *c, struct log *log, const char *path,
    char *why, size_t whycap)
{
	char name[PATH_CAP];
	int v = 0, r = sysctl_read(path, &v);

	if (r == 0 && v != 0)
		return 0;
	if (r == 0 && c->set_sysctls)
		r = sysctl_write(path, 1);
	else if (r == 0)
		r = -EPERM;
	if (r == 0) {
		log_info(log, DP_MOD, "sysctl-set", KV_STR("name",
		    sysctl_name(path, name)), KV_U("value", 1));
		return 0;
	}
	snprintf(why, whycap, "sysctl %s must be 1%s%s",
	    sysctl_name(path, name), c->set_sysctls ? ", and cannot be set: " :
	    "", c->set_sysctls ? strerror(-r) : "");
	return r;
}

/*
 * Where IPv4 comes out of a tunnel we can say "loose" at best against
 * all.rp_filter, and that still wants some route back to the source, which an
 * access router without a default route of IPv4 has not.
 */
static void
check_rp_filter(struct log *log)
{
	char path[PATH_CAP], name[PATH_CAP];
	int all = 0;

	sysctl_path(path, "ipv4", "all", "rp_filter");
	if (sysctl_read(path, &all) == 0 && all != 0)
		log_warn(log, DP_MOD, "sysctl-wanted", KV_STR("name",
		    sysctl_name(path, name)), KV_I("value", 0),
		    KV_STR("hint", "or IPv4 out of a tunnel is dropped "
		    "unless there is a route back to its source"));
}

/*
 * Each node on a link is a neighbour or two, and the kernel keeps 1024 by
 * default; then it finds no other, be it the way to the home agent.  The limit
 * is the whole machine's, so it is the operator's; other network namespaces
 * than the first do not see it.
 */
static void
check_neighbours(const struct dp_conf *c, struct log *log)
{
	static const char *const paths[] = {
		"/proc/sys/net/ipv6/neigh/default/gc_thresh3",
		"/proc/sys/net/ipv4/neigh/default/gc_thresh3",
	};
	char name[PATH_CAP];
	int v = 0;

	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		if (sysctl_read(paths[i], &v) == 0 && v >= 0 &&
		    (uint32_t)v < c->max_nodes)
			log_info(log, DP_MOD, "few-neighbours", KV_STR("name",
			    sysctl_name(paths[i], name)), KV_I("value", v),
			    KV_STR("hint", "more nodes than half of that on "
			    "this router need a larger value"));
	}
}

int
dp_sysctl_check(const struct dp_conf *c, struct log *log, char *why,
    size_t whycap)
{
	int r, before = 0;
	char path[PATH_CAP];

	sysctl_path(path, "ipv6", "all", "forwarding");
	(void)sysctl_read(path, &before);
	r = sysctl_need(c, log, path, why, whycap);
	if (r == 0 && before == 0)
		log_warn(log, DP_MOD, "forwarding-on", KV_STR("hint",
		    "interfaces with accept_ra=1 ignore Router "
		    "Advertisements from now on; 2 keeps them"));
	if (r == 0)
		r = sysctl_need(c, log, "/proc/sys/net/ipv4/ip_forward", why,
		    whycap);
	if (r == 0 && c->is_pma) {
		check_rp_filter(log);
		check_neighbours(c, log);
	}
	return r;
}

usec_t
dp_sysctl_mtu_expires(void)
{
	int v = 0;

	if (sysctl_read("/proc/sys/net/ipv6/route/mtu_expires", &v) < 0 ||
	    v <= 0)
		v = MTU_EXPIRES_S;
	return v * USEC_PER_SEC;
}

static void
sysctl_want(const struct dp_conf *c, struct log *log, const char *family,
    const char *ifname, const char *what, int value)
{
	char path[PATH_CAP], name[PATH_CAP];
	int v = -1, r;

	sysctl_path(path, family, ifname, what);
	r = sysctl_read(path, &v);
	if (r == 0 && v == value)
		return;
	if (r == 0)
		r = c->set_sysctls ? sysctl_write(path, value) : -EPERM;
	if (r < 0)
		log_warn(log, DP_MOD, "sysctl-wanted", KV_STR("name",
		    sysctl_name(path, name)), KV_I("value", value),
		    KV_ERR(r));
}

static void
neigh_path(char *buf, const char *ifname, const char *what)
{
	snprintf(buf, PATH_CAP, "/proc/sys/net/ipv6/neigh/%s/%s", ifname, what);
}

static void
access_set(struct log *log, const char *path, int value)
{
	char name[PATH_CAP];
	int r = sysctl_write(path, value);

	if (r == 0)
		log_info(log, DP_MOD, "sysctl-set", KV_STR("name",
		    sysctl_name(path, name)), KV_I("value", value));
	else
		log_warn(log, DP_MOD, "sysctl-refused", KV_STR("name",
		    sysctl_name(path, name)), KV_ERR(r));
}

void
dp_sysctl_access(const struct dp_conf *c, struct log *log, const char *ifname)
{
	char path[PATH_CAP];
	int v = 0;

	if (!c->set_sysctls)
		return;
	sysctl_path(path, "ipv4", ifname, "arp_ignore");
	if (sysctl_read(path, &v) == 0 && v < ARP_IGNORE_OTHERS)
		sysctl_want(c, log, "ipv4", ifname, "arp_ignore",
		    ARP_IGNORE_OTHERS);
	neigh_path(path, ifname, "retrans_time_ms");
	if (sysctl_read(path, &v) == 0 && v > ACCESS_RETRANS_MS)
		access_set(log, path, ACCESS_RETRANS_MS);
	neigh_path(path, ifname, "app_solicit");
	if (c->answers && sysctl_read(path, &v) == 0 && v == 0)
		access_set(log, path, ACCESS_APP_SOLICIT);
}

/* Also of a run that ended without this. */
void
dp_sysctl_access_done(const struct dp_conf *c, const char *ifname)
{
	char path[PATH_CAP];
	int v = 0;

	neigh_path(path, ifname, "app_solicit");
	if (c->set_sysctls && c->answers && sysctl_read(path, &v) == 0 &&
	    v == ACCESS_APP_SOLICIT)
		(void)sysctl_write(path, 0);
}

void
dp_sysctl_device(const struct dp_conf *c, struct log *log, const char *ifname)
{
	char path[PATH_CAP];
	int all = 0;

	sysctl_path(path, "ipv4", "all", "rp_filter");
	(void)sysctl_read(path, &all);
	sysctl_want(c, log, "ipv6", ifname, "forwarding", 1);
	sysctl_want(c, log, "ipv6", ifname, "accept_ra", 0);
	sysctl_want(c, log, "ipv4", ifname, "forwarding", 1);
	sysctl_want(c, log, "ipv4", ifname, "rp_filter", all == 0 ? 0 : 2);
	/* Node to node: the same device in and out.  Either value being 1
	 * counts; `all` at 0 leaves other devices to their own. */
	sysctl_want(c, log, "ipv4", ifname, "send_redirects", 0);
	sysctl_want(c, log, "ipv4", "all", "send_redirects", 0);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel tells of its IPsec in /proc only.
 */
#include "esp/xfrm_priv.h"

#include <ifaddrs.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <netinet/in.h>


uint64_t
xfrm_clear_drops(void)
{
	FILE *f = fopen("/proc/net/xfrm_stat", "re");
	uint64_t v, found = 0;
	char name[64];

	if (f == NULL)
		return 0;
	while (fscanf(f, "%63s %" SCNu64, name, &v) == 2) {
		if (strcmp(name, "XfrmInTmplMismatch") == 0)
			found = v;
	}
	fclose(f);
	return found;
}

static bool
is_unchecked(const char *ifname)
{
	char path[64 + IFNAMSIZ], v = '0';
	FILE *f;

	snprintf(path, sizeof(path),
	    "/proc/sys/net/ipv6/conf/%s/disable_policy", ifname);
	f = fopen(path, "re");
	if (f == NULL)
		return false;		/* the kernel has no such thing */
	if (fread(&v, 1, 1, f) != 1)
		v = '0';
	fclose(f);
	return v != '0';
}

static bool
is_own_sockaddr(const struct xfrm *x, const struct sockaddr *sa)
{
	struct sockaddr_in6 sin6;

	if (sa == NULL || sa->sa_family != AF_INET6)
		return false;
	memcpy(&sin6, sa, sizeof(sin6));
	return xfrm_is_own(x, &sin6.sin6_addr);
}

void
xfrm_look_for_unchecked(struct xfrm *x)
{
	struct ifaddrs *all = NULL;

	x->unchecked[0] = '\0';
	if (is_unchecked("all")) {
		snprintf(x->unchecked, sizeof(x->unchecked), "all");
		return;
	}
	if (getifaddrs(&all) < 0)
		return;
	for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next) {
		if (is_own_sockaddr(x, i->ifa_addr) && is_unchecked(i->ifa_name))
			snprintf(x->unchecked, sizeof(x->unchecked), "%s",
			    i->ifa_name);
	}
	freeifaddrs(all);
}

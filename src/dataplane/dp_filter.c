/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The programs on interfaces, and access links, which have one and a rule that
 * leads into the tunnels.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/rtnetlink.h>
#include <netlink/msg.h>

#include "core/log.h"
#include "core/netlink.h"
#include "core/util.h"
#include "dataplane/dp_priv.h"

/* --- filters ------------------------------------------------------------- */

static struct dp_filter *
filter_find(struct dp_base *b, uint32_t ifindex, enum bpf_dp_prog prog)
{
	for (size_t i = 0; i < b->nfilter; i++) {
		if (b->filter[i].ifindex == ifindex &&
		    b->filter[i].prog == prog)
			return &b->filter[i];
	}
	return NULL;
}

bool
dp_filter_known(struct dp_base *b, uint32_t ifindex, enum bpf_dp_prog prog)
{
	return filter_find(b, ifindex, prog) != NULL;
}

int
dp_filter_set(struct dp_base *b, uint32_t ifindex, enum bpf_dp_prog prog,
    bool later)
{
	struct dp_filter *f = filter_find(b, ifindex, prog);
	int r = 0;

	if (b->bpf == NULL)
		return 0;
	if (f == NULL) {
		if (b->nfilter == b->capfilter) {
			b->capfilter = b->capfilter * 2 + 8;
			b->filter = realloc(b->filter,
			    b->capfilter * sizeof(*b->filter));
			if (b->filter == NULL)
				abort();
		}
		f = &b->filter[b->nfilter++];
		*f = (struct dp_filter){ .ifindex = ifindex, .prog = prog };
	}
	if (f->there || (later && !b->swept))
		return 0;
	r = bpf_dp_attach(b->bpf, ifindex, prog);
	if (r < 0) {
		log_err(b->log, DP_MOD, "filter-refused",
		    KV_U("ifindex", ifindex), KV_ERR(r));
		b->filter[f - b->filter] = b->filter[--b->nfilter];
	} else {
		f->there = true;
	}
	return r;
}

static void
filter_seen(void *ctx, const struct nlmsghdr *nlh)
{
	struct dpnl_filter f;

	if (dpnl_read_filter(nlh, &f))
		++*(unsigned *)ctx;
}

void
dp_filter_tidy(struct dp_base *b, uint32_t ifindex)
{
	unsigned n = 0;

	for (int egress = 0; egress < 2; egress++) {
		struct nl_msg *m = dpnl_dump_filters(ifindex, egress != 0);
		int r = netlink_dump(b->nl, m, filter_seen, NULL, &n);

		nlmsg_free(m);
		if (r < 0 || n > 0)
			return;
	}
	(void)dp_base_send(b, dpnl_clsact_del(ifindex));
}

void
dp_filter_unset(struct dp_base *b, uint32_t ifindex, enum bpf_dp_prog prog,
    bool gone)
{
	struct dp_filter *f = filter_find(b, ifindex, prog);

	if (f == NULL)
		return;
	*f = b->filter[--b->nfilter];
	if (gone)
		return;
	bpf_dp_detach(b->bpf, ifindex, prog);
	dp_filter_tidy(b, ifindex);
}

void
dp_filter_check(struct dp_base *b)
{
	b->nlost = 0;
	for (size_t i = 0; i < b->nfilter; i++) {
		struct dp_filter *f = &b->filter[i];
		bool known = f->lost;
		int r;

		f->lost = false;
		if (!f->there ||
		    bpf_dp_attached(b->bpf, f->ifindex, f->prog))
			continue;
		r = bpf_dp_attach(b->bpf, f->ifindex, f->prog);
		if (r == 0)
			log_warn(b->log, DP_MOD, "filter-restored",
			    KV_U("ifindex", f->ifindex));
		else if (!known && r != -ENODEV)
			log_err(b->log, DP_MOD, "filter-lost",
			    KV_U("ifindex", f->ifindex), KV_ERR(r));
		f->lost = r < 0 && r != -ENODEV;
		b->nlost += f->lost;
	}
}

void
dp_filter_due(struct dp_base *b)
{
	for (size_t i = b->nfilter; i-- > 0;)
		(void)dp_filter_set(b, b->filter[i].ifindex,
		    b->filter[i].prog, false);
}

/* --- access links -------------------------------------------------------- */

/* Without the programs nobody marks anything, and everything shall. */
struct dpnl_rule
dp_access_rule(const struct dp_base *b, const char *name)
{
	struct dpnl_rule r = { .proto = b->conf.rtproto,
		.table = b->conf.table, .prio = b->conf.rule_prio,
		.mask = b->bpf != NULL ? PMIP_MARK_MASK : 0 };

	snprintf(r.iif, sizeof(r.iif), "%s", name);
	return r;
}

static int
access_rules(struct dp_base *b, int cmd, const char *name)
{
	static const uint8_t families[] = { AF_INET6, AF_INET };
	struct dpnl_rule rule = dp_access_rule(b, name);
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(families) && r == 0; i++) {
		rule.family = families[i];
		r = dp_base_send(b, dpnl_rule(cmd, &rule));
		if (cmd == RTM_DELRULE || r == -EEXIST)
			r = 0;
	}
	return r;
}

static struct dp_access *
access_find(struct dp_base *b, uint32_t ifindex)
{
	for (size_t i = 0; i < b->naccess; i++) {
		if (b->access[i].ifindex == ifindex)
			return &b->access[i];
	}
	return NULL;
}

/*
 * RFC 6543: every access router has the same MAC address and, as the kernel
 * makes one from the other when an interface comes up, the same link-local
 * address.
 */
static int
fixed_identity(struct dp_base *b, const struct dpnl_link *l)
{
	static const struct mac fixed = { { 0, 0, 0x5e, 0, 0x52, 0x13 } };
	bool up = (l->flags & IFF_UP) != 0;
	int r = 0;

	if (!l->ethernet || mac_eq(&l->mac, &fixed))
		return 0;
	if (up)
		r = dp_base_send(b, dpnl_link_up(l->ifindex, false));
	if (r == 0)
		r = dp_base_send(b, dpnl_link_mac(l->ifindex, &fixed));
	if (up)
		(void)dp_base_send(b, dpnl_link_up(l->ifindex, true));
	if (r == 0)
		log_info(b->log, DP_MOD, "fixed-router-address",
		    KV_STR("if", l->name), KV_MAC("mac", &fixed));
	return r;
}

int
dp_access_add(struct dp *dp, uint32_t ifindex)
{
	struct dp_base *b = dp_base_of(dp);
	struct dp_access a = { .ifindex = ifindex };
	struct dp_access *known = access_find(b, ifindex);
	struct dpnl_link l;
	int r;

	r = dpnl_ask_link(b->ask, ifindex, NULL, &l);
	if (r < 0)
		return r;
	if (known != NULL && strcmp(known->name, l.name) == 0)
		return 0;
	snprintf(a.name, sizeof(a.name), "%s", l.name);
	if (b->conf.fixed_router)
		r = fixed_identity(b, &l);
	if (r == 0)
		r = access_rules(b, RTM_NEWRULE, a.name);
	if (r == 0)
		r = dp_filter_set(b, ifindex, BPF_DP_ACCESS, false);
	if (r < 0) {
		(void)access_rules(b, RTM_DELRULE, a.name);
		log_err(b->log, DP_MOD, "access-refused",
		    KV_STR("if", a.name), KV_ERR(r));
		return r;
	}
	if (known != NULL) {
		(void)access_rules(b, RTM_DELRULE, known->name);
		*known = a;
	} else {
		b->access = realloc(b->access, (b->naccess + 1) * sizeof(a));
		if (b->access == NULL)
			abort();
		b->access[b->naccess++] = a;
	}
	dp_sysctl_access(&b->conf, b->log, a.name);
	return 0;
}

void
dp_access_del(struct dp *dp, uint32_t ifindex)
{
	struct dp_base *b = dp_base_of(dp);
	struct dp_access *a = access_find(b, ifindex);
	struct dpnl_link l;
	bool gone;

	if (a == NULL)
		return;
	gone = dpnl_ask_link(b->ask, ifindex, NULL, &l) < 0;
	(void)access_rules(b, RTM_DELRULE, a->name);
	dp_filter_unset(b, ifindex, BPF_DP_ACCESS, gone);
	if (!gone)
		dp_sysctl_access_done(&b->conf, l.name);
	*a = b->access[--b->naccess];
}

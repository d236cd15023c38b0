/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Access links of the simulated world: interfaces, scripted mobile nodes, and
 * a record of everything that a daemon sends there as a receiver reads it.
 */
#include "sim.h"

#include <check.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"
#include "nd/arp.h"

#define LINK_DELAY_US 100

/* Something that grows; elements are copied in. */
struct record {
	void *v;
	size_t n, cap, size;
};

struct sim_links {
	struct sim_mn *mns;
	struct record ras, nds, arps, udps;
};

struct sim_links *
sim_links_new(void)
{
	struct sim_links *l = calloc(1, sizeof(*l));

	if (l == NULL)
		abort();
	l->ras.size = sizeof(struct sim_ra);
	l->nds.size = sizeof(struct sim_nd);
	l->arps.size = sizeof(struct sim_arp);
	l->udps.size = sizeof(struct sim_udp_pkt);
	return l;
}

void
sim_links_free(struct sim_links *l)
{
	free(l->ras.v);
	free(l->nds.v);
	free(l->arps.v);
	free(l->udps.v);
	free(l);
}

static void
record(struct record *r, const void *elem)
{
	if (r->n == r->cap) {
		r->cap = r->cap * 2 + 64;
		r->v = realloc(r->v, r->cap * r->size);
		if (r->v == NULL)
			abort();
	}
	memcpy((uint8_t *)r->v + r->n++ * r->size, elem, r->size);
}

static const void *
recorded(const struct record *r, size_t i)
{
	ck_assert(i < r->n);
	return (const uint8_t *)r->v + i * r->size;
}

/* --- from a mobile node ------------------------------------------------ */

struct nd_flight {
	struct sim_node *node;
	uint32_t ifindex;
	struct mac src;
	struct nd_msg m;
};

static void
nd_arrives(void *arg)
{
	struct nd_flight *f = arg;
	struct sim_if *i = sim_if(f->node, f->ifindex);

	if (i == NULL || !i->lif.up || !i->open)
		return;
	f->node->link.nd(f->node->link.ctx, &i->lif, &f->src, &f->m);
}

void
sim_mn_nd(struct sim_mn *mn, const struct nd_msg *m)
{
	struct nd_flight *f = calloc(1, sizeof(*f));
	struct sim_if *i;

	ck_assert_msg(mn->at != NULL, "a node without a link speaks");
	if (f == NULL)
		abort();
	i = sim_if(mn->at, mn->ifindex);
	f->node = mn->at;
	f->ifindex = mn->ifindex;
	f->m = *m;
	if (i != NULL && !i->lif.p2p)
		f->src = mn->mac;
	sim_post(mn->sim, mn->at, LINK_DELAY_US, nd_arrives, f);
}

void
sim_mn_rs(struct sim_mn *mn)
{
	struct nd_msg m = { .type = ND_RS, .src = mn->lla,
		.dst = sim_in6("ff02::2"), .has_lladdr = true,
		.lladdr = mn->mac };

	sim_mn_nd(mn, &m);
}

void
sim_mn_ns(struct sim_mn *mn, const char *target, bool dad)
{
	struct nd_msg m = { .type = ND_NS, .target = sim_in6(target),
		.dst = sim_in6("ff02::1:ff00:0") };

	memcpy(&m.dst.s6_addr[13], &m.target.s6_addr[13], 3);
	if (!dad) {
		m.src = mn->lla;
		m.has_lladdr = true;
		m.lladdr = mn->mac;
	}
	sim_mn_nd(mn, &m);
}

struct arp_flight {
	struct sim_node *node;
	uint32_t ifindex;
	struct mac src;
	struct arp_msg m;
};

static void
arp_arrives(void *arg)
{
	struct arp_flight *f = arg;
	struct sim_if *i = sim_if(f->node, f->ifindex);

	if (i == NULL || !i->lif.up || !i->open || i->lif.p2p)
		return;
	f->node->link.arp(f->node->link.ctx, &i->lif, &f->src, &f->m);
}

void
sim_mn_arp_msg(struct sim_mn *mn, const struct arp_msg *m)
{
	struct arp_flight *f = calloc(1, sizeof(*f));

	ck_assert_msg(mn->at != NULL, "a node without a link speaks");
	if (f == NULL)
		abort();
	*f = (struct arp_flight){ mn->at, mn->ifindex, mn->mac, *m };
	sim_post(mn->sim, mn->at, LINK_DELAY_US, arp_arrives, f);
}

void
sim_mn_arp(struct sim_mn *mn, const char *spa, const char *tpa)
{
	struct arp_msg m = { .op = ARP_REQUEST, .sha = mn->mac };

	ck_assert(spa == NULL || in4_parse(spa, &m.spa) == 0);
	ck_assert_int_eq(in4_parse(tpa, &m.tpa), 0);
	sim_mn_arp_msg(mn, &m);
}

void
sim_mn_addr(struct sim_mn *mn, const char *addr)
{
	ck_assert(mn->naddrs < SIM_MN_ADDRS);
	mn->addrs[mn->naddrs++] = sim_in6(addr);
}

void
sim_mn_addr_del(struct sim_mn *mn, const char *addr)
{
	struct in6_addr a = sim_in6(addr);

	for (size_t i = 0; i < mn->naddrs; i++) {
		if (in6_eq(&mn->addrs[i], &a)) {
			mn->addrs[i] = mn->addrs[--mn->naddrs];
			return;
		}
	}
	ck_abort_msg("it has no %s", addr);
}

struct sim_mn *
sim_mn_new(struct sim *s, const char *mac)
{
	struct sim_mn *mn = sim_alloc(s, sizeof(*mn));
	struct sim_links *l = sim_links(s);

	mn->sim = s;
	mn->mac = sim_mac(mac);
	in6_linklocal_of_mac(&mn->mac, &mn->lla);
	mn->next = l->mns;
	l->mns = mn;
	return mn;
}

void
sim_mn_plug(struct sim_mn *mn, struct sim_node *n, uint32_t ifindex)
{
	ck_assert(sim_if(n, ifindex) != NULL);
	mn->at = n;
	mn->ifindex = ifindex;
}

void
sim_mn_unplug(struct sim_mn *mn)
{
	mn->at = NULL;
}

bool
sim_mn_has_prefix(const struct sim_mn *mn, const char *prefix)
{
	struct prefix want = sim_prefix(prefix);

	for (unsigned i = 0; mn->nra > 0 && i < mn->ra.ra.npio &&
	    i < ND_RA_PIO_MAX; i++) {
		const struct nd_pio *p = &mn->ra.ra.pio[i];

		if (prefix_eq(&p->prefix, &want) && p->valid_s > 0)
			return true;
	}
	return false;
}

/* --- to the mobile nodes ----------------------------------------------- */

static bool
mn_has_addr(const struct sim_mn *mn, const struct in6_addr *a)
{
	if (in6_eq(a, &mn->lla))
		return true;
	for (size_t i = 0; i < mn->naddrs; i++) {
		if (in6_eq(a, &mn->addrs[i]))
			return true;
	}
	return false;
}

/* RFC 4861 7.2.4, RFC 4862 5.4.3 */
static void
ns_arrives(struct sim_mn *mn, const struct sim_l3 *p)
{
	bool dad = in6_is_zero(&p->src);
	struct nd_msg na = { .type = ND_NA, .src = p->nd.target,
		.dst = dad ? sim_in6("ff02::1") : p->src,
		.target = p->nd.target, .has_lladdr = true,
		.lladdr = mn->mac, .solicited = !dad, .override = true };

	if (!mn_has_addr(mn, &p->nd.target))
		return;
	mn->nns++;
	if (!mn->mute)
		sim_mn_nd(mn, &na);
}

/* Is it on that link, and would its network card take the frame? */
static bool
mn_hears(const struct sim_mn *mn, const struct sim_node *n,
    const struct sim_if *i, const struct mac *dst)
{
	return mn->at == n && mn->ifindex == i->lif.ifindex && (dst == NULL ||
	    i->lif.p2p || !mac_is_unicast(dst) || mac_eq(dst, &mn->mac));
}

static void
send_nd(struct sim_node *n, const struct sim_if *i, const struct mac *dst,
    const void *pkt, size_t len)
{
	struct sim_links *l = sim_links(n->sim);
	struct sim_ra ra = { .at = sim_now(n->sim), .node = n,
		.ifindex = i->lif.ifindex, .l2_multicast = dst == NULL };
	struct sim_nd nd = { .at = ra.at, .node = n, .ifindex = ra.ifindex,
		.l2_multicast = dst == NULL };
	struct sim_l3 p;

	ra.good = nd.good = sim_read_nd(pkt, len, &p);
	ra.ra = p.ra;
	nd.m = p.nd;
	if (dst != NULL)
		ra.l2_dst = nd.l2_dst = *dst;
	if (p.type == ND_RA || !ra.good)
		record(&l->ras, &ra);
	else
		record(&l->nds, &nd);
	for (struct sim_mn *mn = l->mns; mn != NULL; mn = mn->next) {
		if (!mn_hears(mn, n, i, dst))
			continue;
		if (p.type == ND_RA &&
		    !in6_eq(&ra.ra.src, &i->lif.linklocal)) {
			mn->prev = ra;
			mn->nprev++;
		} else if (p.type == ND_RA) {
			mn->ra = ra;
			mn->nra++;
		} else if (p.type == ND_NS && ra.good) {
			ns_arrives(mn, &p);
		} else if (p.type == ND_NA && ra.good) {
			mn->na = nd;
			mn->nna++;
		}
	}
}

static void
send_arp(struct sim_node *n, const struct sim_if *i, const struct mac *dst,
    const void *pkt, size_t len)
{
	struct sim_links *l = sim_links(n->sim);
	struct sim_arp a = { .at = sim_now(n->sim), .node = n,
		.ifindex = i->lif.ifindex, .l2_broadcast = dst == NULL };

	if (dst != NULL)
		a.l2_dst = *dst;
	a.good = sim_read_arp(pkt, len, &a);
	record(&l->arps, &a);
	for (struct sim_mn *mn = l->mns; mn != NULL; mn = mn->next) {
		if (mn_hears(mn, n, i, dst)) {
			mn->arp = a;
			mn->narp++;
		}
	}
}

static void
send_udp(struct sim_node *n, const struct sim_if *i, const struct mac *dst,
    const void *pkt, size_t len, bool ip4)
{
	struct sim_links *l = sim_links(n->sim);
	struct sim_udp_pkt u = { .at = sim_now(n->sim), .node = n,
		.ifindex = i->lif.ifindex, .l2_broadcast = dst == NULL };

	if (dst != NULL)
		u.l2_dst = *dst;
	u.good = ip4 ? sim_read_udp4(pkt, len, &u) :
	    sim_read_udp6(pkt, len, &u);
	record(&l->udps, &u);
	for (struct sim_mn *mn = l->mns; mn != NULL; mn = mn->next) {
		if (!mn_hears(mn, n, i, dst))
			continue;
		if (ip4) {
			mn->udp4 = u;
			mn->nudp4++;
		} else {
			mn->udp6 = u;
			mn->nudp6++;
		}
	}
}

static int
link_ready(const struct sim_if *i)
{
	if (i == NULL || !i->open)
		return -ENODEV;
	return i->lif.up ? 0 : -ENETDOWN;
}

static int
link_send(struct link_io *io, const struct link_if *lif,
    const struct mac *dst, const void *pkt, size_t len)
{
	struct sim_node *n = CONTAINER_OF(io, struct sim_node, link);
	struct sim_if *i = sim_if(n, lif->ifindex);
	int r = link_ready(i);

	if (r < 0)
		return r;
	if (len > 40 && ((const uint8_t *)pkt)[6] == IPPROTO_UDP)
		send_udp(n, i, dst, pkt, len, false);
	else
		send_nd(n, i, dst, pkt, len);
	return 0;
}

static int
link_send_frame(struct link_io *io, const struct link_if *lif,
    const struct mac *dst, uint16_t ethertype, const void *pkt, size_t len)
{
	struct sim_node *n = CONTAINER_OF(io, struct sim_node, link);
	struct sim_if *i = sim_if(n, lif->ifindex);
	int r = link_ready(i);

	if (r < 0)
		return r;
	if (ethertype == ETH_P_ARP)
		send_arp(n, i, dst, pkt, len);
	else if (ethertype == ETH_P_IP)
		send_udp(n, i, dst, pkt, len, true);
	else
		ck_assert_msg(ethertype == ETH_P_IPV6, "EtherType %#x",
		    ethertype);
	if (ethertype == ETH_P_IPV6)
		return link_send(io, lif, dst, pkt, len);
	return 0;
}

static int
link_open(struct link_io *io, const struct link_if *lif)
{
	struct sim_node *n = CONTAINER_OF(io, struct sim_node, link);
	struct sim_if *i = sim_if(n, lif->ifindex);

	if (i == NULL)
		return -ENODEV;
	i->open = true;
	return 0;
}

static void
link_close(struct link_io *io, uint32_t ifindex)
{
	struct sim_if *i = sim_if(CONTAINER_OF(io, struct sim_node, link),
	    ifindex);

	if (i != NULL) {
		i->open = false;
		i->ngroups = 0;
	}
}

static int
link_join(struct link_io *io, const struct link_if *lif,
    const struct in6_addr *group)
{
	struct sim_if *i = sim_if(CONTAINER_OF(io, struct sim_node, link),
	    lif->ifindex);

	ck_assert(IN6_IS_ADDR_MULTICAST(group));
	if (link_ready(i) < 0)
		return -ENODEV;
	ck_assert(i->ngroups < ARRAY_LEN(i->groups));
	i->groups[i->ngroups++] = *group;
	return 0;
}

static void
link_leave(struct link_io *io, const struct link_if *lif,
    const struct in6_addr *group)
{
	struct sim_if *i = sim_if(CONTAINER_OF(io, struct sim_node, link),
	    lif->ifindex);

	for (size_t k = 0; k < i->ngroups; k++) {
		if (in6_eq(&i->groups[k], group)) {
			i->groups[k] = i->groups[--i->ngroups];
			return;
		}
	}
	ck_abort_msg("left a group it is not in");
}

static bool
link_is_own(struct link_io *io, const struct in6_addr *addr)
{
	const struct sim_node *n = CONTAINER_OF(io, struct sim_node, link);

	for (size_t i = 0; i < n->naddrs; i++) {
		if (in6_eq(&n->addrs[i], addr))
			return true;
	}
	return false;
}

const struct link_io_ops sim_link_ops = {
	.open = link_open, .close = link_close, .send = link_send,
	.send_frame = link_send_frame, .join = link_join, .leave = link_leave,
	.is_own = link_is_own,
};

static struct sim_links *
links_of(const struct sim *s)
{
	return sim_links((struct sim *)(uintptr_t)s);
}

size_t
sim_ras(const struct sim *s)
{
	return links_of(s)->ras.n;
}

const struct sim_ra *
sim_ra(const struct sim *s, size_t i)
{
	return recorded(&links_of(s)->ras, i);
}

size_t
sim_nds(const struct sim *s)
{
	return links_of(s)->nds.n;
}

const struct sim_nd *
sim_nd(const struct sim *s, size_t i)
{
	return recorded(&links_of(s)->nds, i);
}

size_t
sim_arps(const struct sim *s)
{
	return links_of(s)->arps.n;
}

const struct sim_arp *
sim_arp(const struct sim *s, size_t i)
{
	return recorded(&links_of(s)->arps, i);
}

size_t
sim_udps(const struct sim *s)
{
	return links_of(s)->udps.n;
}

const struct sim_udp_pkt *
sim_udp_pkt(const struct sim *s, size_t i)
{
	return recorded(&links_of(s)->udps, i);
}

/* --- interfaces -------------------------------------------------------- */

static void
tell(struct sim_node *n, enum link_news what, const struct link_if *lif)
{
	if (!n->up)
		return;
	wheel_touch(n->env.wheel, sim_now(n->sim));
	for (size_t i = 0; i < n->nroles; i++) {
		if (n->roles[i]->ops->link != NULL)
			n->roles[i]->ops->link(n->roles[i], what, lif);
	}
}

struct sim_if *
sim_add_if(struct sim_node *n, const char *name, bool p2p)
{
	struct sim_if *i = &n->ifs[n->nifs];

	ck_assert(n->nifs < SIM_NODE_IFS);
	i->lif.ifindex = (uint32_t)++n->nifs;
	snprintf(i->lif.name, sizeof(i->lif.name), "%s", name);
	i->lif.up = true;
	i->lif.p2p = p2p;
	i->lif.mtu = 1500;
	if (!p2p)
		i->lif.mac = (struct mac){ { 0x02, 0xac,
			n->naddrs > 0 ? n->addrs[0].s6_addr[14] : 0,
			n->naddrs > 0 ? n->addrs[0].s6_addr[15] : 0, 0,
			(uint8_t)n->nifs } };
	i->lif.linklocal = sim_in6("fe80::1");
	i->lif.linklocal.s6_addr[14] =
	    n->naddrs > 0 ? n->addrs[0].s6_addr[15] : 0;
	tell(n, LINK_NEW, &i->lif);
	return i;
}

struct sim_if *
sim_if(struct sim_node *n, uint32_t ifindex)
{
	return ifindex >= 1 && ifindex <= n->nifs ? &n->ifs[ifindex - 1] :
	    NULL;
}

void
sim_if_up(struct sim_node *n, uint32_t ifindex, bool up)
{
	struct sim_if *i = sim_if(n, ifindex);

	ck_assert(i != NULL);
	i->lif.up = up;
	tell(n, LINK_CHANGED, &i->lif);
}

void
sim_attach(struct sim_node *n, enum attach_kind kind,
    enum attach_source source, uint32_t ifindex, const char *mac,
    const char *nai)
{
	struct attach_event ev = { .kind = kind, .source = source,
		.ifindex = ifindex, .nai = nai };

	if (mac != NULL)
		ev.mac = sim_mac(mac);
	wheel_touch(n->env.wheel, sim_now(n->sim));
	for (size_t i = 0; i < n->nroles; i++) {
		if (n->roles[i]->ops->attach != NULL)
			n->roles[i]->ops->attach(n->roles[i], &ev);
	}
}

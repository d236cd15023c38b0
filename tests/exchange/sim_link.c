/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Access links of the simulated world: interfaces, scripted mobile nodes, and
 * a record of every Router Advertisement as a receiver reads it.
 */
#include "sim.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cur.h"
#include "core/util.h"

#define LINK_DELAY_US 100

struct sim_links {
	struct sim_mn *mns;
	struct sim_ra *ras;
	size_t nras, capras;
};

struct sim_links *
sim_links_new(void)
{
	struct sim_links *l = calloc(1, sizeof(*l));

	if (l == NULL)
		abort();
	return l;
}

void
sim_links_free(struct sim_links *l)
{
	free(l->ras);
	free(l);
}

/* --- a reader of what the access router sends -------------------------- */

/* What of an ICMPv6 packet the scripted nodes care about. */
struct l3 {
	uint8_t type;
	struct in6_addr src, dst, target;
	struct nd_ra ra;
};

static bool
checksum_good(const uint8_t *pkt, size_t len)
{
	uint32_t sum = (uint32_t)(len - 40) + 58;

	for (size_t i = 8; i < len; i++)
		sum += i & 1 ? pkt[i] : (uint32_t)pkt[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff;
}

static void
read_pio(struct cur *c, struct nd_ra *ra)
{
	struct nd_pio *p = &ra->pio[MIN_OF(ra->npio, ND_RA_PIO_MAX - 1)];
	struct in6_addr a;
	uint8_t flags, len;

	len = cur_u8(c);
	flags = cur_u8(c);
	p->onlink = (flags & 0x80) != 0;
	p->autonomous = (flags & 0x40) != 0;
	p->valid_s = cur_u32(c);
	p->preferred_s = cur_u32(c);
	cur_skip(c, 4);
	cur_in6(c, &a);
	prefix_from_in6(&p->prefix, &a, len);
	ra->npio++;
}

static void
read_options(struct cur *c, struct nd_ra *ra)
{
	while (cur_ok(c) && cur_left(c) > 0) {
		uint8_t type = cur_u8(c), len = cur_u8(c);
		struct cur o;

		if (len == 0) {
			cur_fail(c);
			return;
		}
		cur_sub(c, (size_t)len * 8 - 2, &o);
		if (type == 1) {
			ra->has_lladdr = true;
			cur_bytes(&o, ra->lladdr.b, sizeof(ra->lladdr.b));
		} else if (type == 3) {
			read_pio(&o, ra);
		} else if (type == 5) {
			cur_skip(&o, 2);
			ra->mtu = cur_u32(&o);
		}
		if (!cur_ok(&o))
			cur_fail(c);
	}
}

/* False: not a good ND packet. */
static bool
read_packet(const void *pkt, size_t len, struct l3 *ret)
{
	struct cur c;
	uint8_t next, hop, flags, code;
	size_t plen;

	*ret = (struct l3){ 0 };
	cur_init(&c, pkt, len);
	cur_skip(&c, 4);
	plen = cur_u16(&c);
	next = cur_u8(&c);
	hop = cur_u8(&c);
	cur_in6(&c, &ret->src);
	cur_in6(&c, &ret->dst);
	ret->type = cur_u8(&c);
	code = cur_u8(&c);
	cur_skip(&c, 2);
	if (!cur_ok(&c) || next != 58 || hop != 255 || code != 0 ||
	    plen != len - 40 || !checksum_good(pkt, len))
		return false;
	if (ret->type != ND_RA) {
		cur_skip(&c, 4);
		cur_in6(&c, &ret->target);
		return cur_ok(&c);
	}
	ret->ra.src = ret->src;
	ret->ra.dst = ret->dst;
	ret->ra.hop_limit = cur_u8(&c);
	flags = cur_u8(&c);
	ret->ra.managed = (flags & 0x80) != 0;
	ret->ra.other = (flags & 0x40) != 0;
	ret->ra.router_lifetime_s = cur_u16(&c);
	ret->ra.reachable_ms = cur_u32(&c);
	ret->ra.retrans_ms = cur_u32(&c);
	read_options(&c, &ret->ra);
	return cur_ok(&c);
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

static void
ns_arrives(struct sim_mn *mn, const struct l3 *p)
{
	struct nd_msg na = { .type = ND_NA, .src = mn->lla, .dst = p->src,
		.target = mn->lla, .has_lladdr = true, .lladdr = mn->mac,
		.solicited = true, .override = true };

	if (memcmp(&p->target, &mn->lla, sizeof(mn->lla)) != 0)
		return;
	mn->nns++;
	if (!mn->mute)
		sim_mn_nd(mn, &na);
}

static void
record_ra(struct sim_links *l, const struct sim_ra *ra)
{
	if (l->nras == l->capras) {
		l->capras = l->capras * 2 + 64;
		l->ras = realloc(l->ras, l->capras * sizeof(*l->ras));
		if (l->ras == NULL)
			abort();
	}
	l->ras[l->nras++] = *ra;
}

static int
link_send(struct link_io *io, const struct link_if *lif,
    const struct mac *dst, const void *pkt, size_t len)
{
	struct sim_node *n = CONTAINER_OF(io, struct sim_node, link);
	struct sim_links *l = sim_links(n->sim);
	struct sim_if *i = sim_if(n, lif->ifindex);
	struct sim_ra ra = { .at = sim_now(n->sim), .node = n,
		.ifindex = lif->ifindex, .l2_multicast = dst == NULL };
	struct l3 p;

	if (i == NULL || !i->open)
		return -ENODEV;
	if (!i->lif.up)
		return -ENETDOWN;
	ra.good = read_packet(pkt, len, &p);
	ra.ra = p.ra;
	if (dst != NULL)
		ra.l2_dst = *dst;
	if (p.type == ND_RA || !ra.good)
		record_ra(l, &ra);
	for (struct sim_mn *mn = l->mns; mn != NULL; mn = mn->next) {
		if (mn->at != n || mn->ifindex != lif->ifindex ||
		    (dst != NULL && !i->lif.p2p && !mac_eq(dst, &mn->mac)))
			continue;
		if (p.type == ND_RA) {
			mn->ra = ra;
			mn->nra++;
		} else if (p.type == ND_NS && ra.good) {
			ns_arrives(mn, &p);
		}
	}
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

	if (i != NULL)
		i->open = false;
}

const struct link_io_ops sim_link_ops = {
	.open = link_open, .close = link_close, .send = link_send,
};

size_t
sim_ras(const struct sim *s)
{
	return sim_links((struct sim *)(uintptr_t)s)->nras;
}

const struct sim_ra *
sim_ra(const struct sim *s, size_t i)
{
	struct sim_links *l = sim_links((struct sim *)(uintptr_t)s);

	ck_assert(i < l->nras);
	return &l->ras[i];
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

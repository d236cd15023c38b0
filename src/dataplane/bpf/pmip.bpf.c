/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The packet programs: tc classifiers in direct-action mode.
 *
 *                      bpf backend                         ip6tnl backend
 *   uplink ingress     pmip_decap (_l3)                    -
 *   anchor egress      pmip_encap_ha, pmip_encap_pma       -
 *   tunnel ingress     -                                   pmip_tunnel
 *   access ingress     pmip_access                         pmip_access
 *
 * The kernel routes, counts hops and answers Packet Too Big between them: what
 * is to be tunnelled is routed to an anchor device (a TUN), encapsulated at its
 * egress and handed to the uplink's neighbour; what arrives in a tunnel is
 * decapsulated at the uplink and goes on as received by the anchor.
 *
 * Whatever is none of our business is TC_ACT_UNSPEC: other filters on the
 * device are asked next.
 *
 * Filters (PROTOCOL 10.4): from a tunnel, the home agent takes only what comes
 * from a prefix bound to the very peer at its other end, and no HoTI (D5.7-2);
 * a proxy mobile agent takes only what goes to a prefix it hosts behind that
 * peer, so nothing goes from tunnel to tunnel.  From an access link it takes
 * only what the prefix's own node sends, and from a source that cannot be
 * bound (link-local, unspecified) only what ends here (D6.7-9); no Router
 * Advertisement or Redirect, and no claim to another node's address.
 *
 * A chain of extension headers that is too long, or that ends before what it
 * announces (RFC 7112), hides what is looked for: dropped like a hit.
 *
 * Home agent address discovery (draft 5.4) goes to an address of the very
 * prefixes that are tunnelled: at the home agent's anchor such a request goes
 * on to the device, where the daemon reads it.
 *
 * With `fast-path`, what leaves a tunnel for a node goes to its access link at
 * once and not by way of the kernel's forwarding (deliver()).
 *
 * What passes an access link is marked with where its path leads to (see
 * PMIP_MARK_MASK): the rule that leads to the tunnels passes over what comes
 * from a prefix that is hosted without one.
 *
 * The traffic class is copied out with its ECT bits; a CE mark put on outside
 * is carried in when the inner packet is ECT (PROTOCOL 2.10).
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "dataplane/bpf/pmip_bpf.h"

#define EALREADY 114		/* asm/errno.h, without its dependencies */
#define AF_INET6 10
#define NH_HOPOPTS 0
#define NH_IPV4 4		/* RFC 2003 */
#define NH_IPV6 41		/* RFC 2473 */
#define NH_ROUTING 43
#define NH_FRAGMENT 44
#define NH_AH 51
#define NH_ICMPV6 58
#define NH_DSTOPTS 60
#define NH_MH 135		/* RFC 6275 6.1 */
#define MH_HOTI 1
#define OUTER_HOP_LIMIT 64
#define FLOW_MASK 0xfffff
#define ECN_MASK 3
#define ECN_ECT0 2
#define ECN_CE 3
#define EXT_HEADERS_MAX 6	/* looked through */
#define ND_RA 134		/* RFC 4861 4.2, 4.4, 4.5 */
#define ND_NA 136
#define ND_REDIRECT 137
#define ND_HOP_LIMIT 255	/* RFC 4861 6.1: what else is no ND */
#define VLAN_VID_MASK 0x0fff
#define DHCP4_SERVER_PORT 67

/* --- maps ---------------------------------------------------------------- */

/* The daemon sets max_entries of all but the first and the last. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct pmip_conf);
} pmip_conf SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct pmip_peer);
} pmip_peers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct pmip_ends);
	__type(value, __u32);
} pmip_peer_ids SEC(".maps");

/* The daemon writes it through its own mapping: see pmip_ha_find.h. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct pmip_ha_path);
} pmip_ha SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct pmip_key64);
	__type(value, struct pmip_pma_path);
} pmip_pma64 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct pmip_key128);
	__type(value, struct pmip_pma_path);
} pmip_pma128 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, PMIP_C_MAX);
	__type(key, __u32);
	__type(value, __u64);
} pmip_counters SEC(".maps");

/* The only constant in memory: the daemon sets the whole section. */
const volatile struct pmip_build pmip_build = { 0 };

static __always_inline void
count(__u32 what)
{
	__u64 *v = bpf_map_lookup_elem(&pmip_counters, &what);

	if (v)
		(*v)++;
}

static __always_inline int
drop(__u32 why)
{
	count(why);
	return TC_ACT_SHOT;
}

static __always_inline const struct pmip_conf *
conf(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&pmip_conf, &zero);
}

/* --- paths --------------------------------------------------------------- */

/* An IPv6 address, or an IPv4 one written as such. */
static __always_inline void
key_v4(struct pmip_key128 *k, __be32 a)
{
	__builtin_memset(k, 0, sizeof(*k));
	k->b[10] = k->b[11] = 0xff;
	__builtin_memcpy(&k->b[12], &a, 4);
}

#define PMIP_INLINE __noinline

static __always_inline const struct pmip_ha_path *
pmip_ha_slot(void *table, __u32 i)
{
	return bpf_map_lookup_elem(table, &i);
}

#include "dataplane/bpf/pmip_ha_find.h"

static __always_inline const struct pmip_ha_path *
ha_path(const struct pmip_key128 *a, int v6)
{
	const struct pmip_ha_path *p;
	struct pmip_key128 k = { 0 };

	if (v6) {
		__builtin_memcpy(&k, a, sizeof(struct pmip_key64));
		p = pmip_ha_find(&pmip_ha, &k, 64);
		if (p)
			return p;
	}
	return pmip_ha_find(&pmip_ha, a, 128);
}

static __always_inline const struct pmip_pma_path *
pma_path(const struct pmip_key128 *a, int v6)
{
	const struct pmip_pma_path *p;
	struct pmip_key64 k;

	if (v6) {
		__builtin_memcpy(&k, a, sizeof(k));
		p = bpf_map_lookup_elem(&pmip_pma64, &k);
		if (p)
			return p;
	}
	return bpf_map_lookup_elem(&pmip_pma128, a);
}

/* The header of a packet that is, or will be, inside: as an IPv6 header, which
 * is read into it as it stands. */
struct inner {
	__be32 word;		/* traffic class and flow label, for IPv4 0 */
	__be16 len;		/* Payload Length; not of IPv4 */
	__u8 nexthdr, hops;	/* hops: not of IPv4 */
	struct pmip_key128 src, dst;
	int v6;
	const struct pmip_pma_path *to;	/* hosted here: admit() has found it */
};

#define IP6_LEN 40
_Static_assert(__builtin_offsetof(struct inner, v6) == IP6_LEN,
    "an IPv6 header");

static __always_inline __u8
tclass_of(const struct inner *in)
{
	return bpf_ntohl(in->word) >> 20 & 0xff;
}

/* Where the offset of a header counts from. */
enum from { FROM_FRAME, FROM_NET };

/*
 * Read `len` octets of an IP header, a constant.  From the frame's start they
 * are usually at hand; the network header may be anywhere.  0 or not.
 */
static __always_inline long
fetch(struct __sk_buff *skb, enum from from, __u32 off, void *to, __u32 len)
{
	void *at = (void *)(long)skb->data + off;

	if (from == FROM_NET)
		return bpf_skb_load_bytes_relative(skb, off, to, len,
		    BPF_HDR_START_NET);
	if (at + len > (void *)(long)skb->data_end)
		return bpf_skb_load_bytes(skb, off, to, len);
	/* Where it matters frames begin 2 octets off a word, so that what
	 * follows an Ethernet header is on one (NET_IP_ALIGN). */
	if ((off + 2) % 4 == 0)
		__builtin_memcpy(to, __builtin_assume_aligned(at, 4), len);
	else
		__builtin_memcpy(to, __builtin_assume_aligned(at, 2), len);
	return 0;
}

/* The IP header at `off`. 0, or -1: not IP. */
static __always_inline int
inner_read(struct __sk_buff *skb, enum from from, __u32 off, int v6,
    struct inner *in)
{
	if (v6) {
		if (fetch(skb, from, off, in, IP6_LEN) ||
		    bpf_ntohl(in->word) >> 28 != 6)
			return -1;
	} else {
		struct iphdr h;

		if (fetch(skb, from, off, &h, sizeof(h)) || h.version != 4)
			return -1;
		key_v4(&in->src, h.saddr);
		key_v4(&in->dst, h.daddr);
		in->word = bpf_htonl((__u32)h.tos << 20);
		in->nexthdr = h.protocol;
	}
	in->v6 = v6;
	return 0;
}

/* --- what may leave a tunnel --------------------------------------------- */

#define HIDDEN 0xffffffffU

/*
 * Where the header `want` of the IPv6 packet `off` octets into the network
 * header begins.  0: it has none, or is not the first fragment; HIDDEN: nobody
 * can tell.
 */
static __always_inline __u32
find_header(struct __sk_buff *skb, __u32 off, __u8 nexthdr, __u8 want)
{
	__u8 h[4];

	off += sizeof(struct ipv6hdr);
#pragma unroll
	for (int i = 0; i <= EXT_HEADERS_MAX; i++) {
		if (nexthdr == want)
			return off;
		if (nexthdr != NH_HOPOPTS && nexthdr != NH_ROUTING &&
		    nexthdr != NH_DSTOPTS && nexthdr != NH_FRAGMENT &&
		    nexthdr != NH_AH)
			return 0;
		if (i == EXT_HEADERS_MAX ||
		    bpf_skb_load_bytes_relative(skb, off, h, sizeof(h),
		    BPF_HDR_START_NET))
			break;
		if (nexthdr == NH_FRAGMENT) {
			if (h[2] || h[3] & 0xf8)
				return 0;
			off += 8;
		} else if (nexthdr == NH_AH) {
			off += ((__u32)h[1] + 2) * 4;
		} else {
			off += ((__u32)h[1] + 1) * 8;
		}
		nexthdr = h[0];
	}
	return HIDDEN;
}

/* Is it, `off` octets into the network header, a Home Test Init? */
static __always_inline int
is_hoti(struct __sk_buff *skb, __u32 off, __u8 nexthdr)
{
	__u8 h[4];

	off = find_header(skb, off, nexthdr, NH_MH);
	if (!off)
		return 0;
	return off == HIDDEN || bpf_skb_load_bytes_relative(skb, off, h,
	    sizeof(h), BPF_HDR_START_NET) || h[2] == MH_HOTI;
}

#define ANY_SIDE (1U << PMIP_SIDE_HA | 1U << PMIP_SIDE_PMA)

/*
 * May this packet leave tunnel `peer`, and on which of our sides, if of
 * these (bits)?  Answers the side; or -1, having counted why not.
 */
static __always_inline int
admit(struct __sk_buff *skb, __u32 sides, __u32 off, struct inner *in,
    __u32 peer)
{
	sides &= pmip_build.sides;
	if (sides & 1 << PMIP_SIDE_HA) {
		const struct pmip_ha_path *p = ha_path(&in->src, in->v6);

		if (p && p->peer == peer) {
			if (in->v6 && is_hoti(skb, off, in->nexthdr)) {
				count(PMIP_C_HOTI);
				return -1;
			}
			return PMIP_SIDE_HA;
		}
	}
	if (sides & 1 << PMIP_SIDE_PMA) {
		in->to = pma_path(&in->dst, in->v6);
		if (in->to && in->to->peer == peer)
			return PMIP_SIDE_PMA;
	}
	count(sides & 1 << PMIP_SIDE_HA ? PMIP_C_SPOOF : PMIP_C_NOT_HOSTED);
	return -1;
}

/* --- out: the anchor's egress -------------------------------------------- */

/* RFC 3168 9.1.1: ECT is copied out, CE becomes ECT(0). */
static __always_inline __u8
outer_tclass(__u8 t)
{
	return (t & ECN_MASK) == ECN_CE ? (t & ~ECN_MASK) | ECN_ECT0 : t;
}

/*
 * Room for the outer header.  A packet that came to this machine in a tunnel
 * without touching a wire (veth), or as a train that the network card put
 * together, still counts as encapsulated after we took the header off, and the
 * kernel refuses to do so twice; it then has what segmentation needs to know
 * already.  0; 1: IPv4 inside, and the packet still counts as IPv4; or -1.
 */
static __always_inline int
make_room(struct __sk_buff *skb, int v6)
{
	const __u64 flags = BPF_F_ADJ_ROOM_FIXED_GSO |
	    BPF_F_ADJ_ROOM_NO_CSUM_RESET;
	const __s32 len = sizeof(struct ipv6hdr);
	long r = bpf_skb_adjust_room(skb, len, BPF_ADJ_ROOM_MAC, flags |
	    BPF_F_ADJ_ROOM_ENCAP_L3_IPV6);

	if (r != -EALREADY)
		return r ? -1 : 0;
	if (bpf_skb_adjust_room(skb, len, BPF_ADJ_ROOM_MAC, flags))
		return -1;
	return !v6;
}

/*
 * Make the kernel look at the frame's type anew: it does when it takes a VLAN
 * tag off the payload, which is where the second of two tags pushes the first.
 * (bpf_skb_change_proto() would turn the train inside into one of IPv6.)
 */
static __always_inline int
read_type(struct __sk_buff *skb)
{
	const __be16 proto = bpf_htons(ETH_P_8021Q);

	return bpf_skb_vlan_push(skb, proto, 1) ||
	    bpf_skb_vlan_push(skb, proto, 1) ||
	    bpf_skb_vlan_pop(skb) || bpf_skb_vlan_pop(skb) ? -1 : 0;
}

/* Write the outer headers where room was made. 0 or -1. */
static __always_inline int
write_outer(struct __sk_buff *skb, const struct ipv6hdr *outer)
{
	struct ethhdr *eth = (void *)(long)skb->data;
	struct ipv6hdr *ip = (void *)(eth + 1);

	if ((void *)(ip + 1) > (void *)(long)skb->data_end)
		return -1;
	eth->h_proto = bpf_htons(ETH_P_IPV6);
	__builtin_memcpy(ip, outer, sizeof(*ip));
	return 0;
}

/* Does it ask for home agents, and is that ours to answer? */
static __always_inline int
is_diverted(struct __sk_buff *skb, const struct inner *in)
{
	const struct pmip_conf *c;
	__u64 iid;
	__u8 type;

	__builtin_memcpy(&iid, &in->dst.b[8], sizeof(iid));
	if (iid != bpf_cpu_to_be64(PMIP_HAAD_IID) || !in->v6)
		return 0;
	c = conf();
	return c && c->divert && in->nexthdr == NH_ICMPV6 &&
	    !bpf_skb_load_bytes(skb, IP6_LEN, &type, sizeof(type)) &&
	    type == PMIP_HAAD_REQUEST;
}

/* To a peer that is this machine: come in on the other side. */
static __always_inline int
pass_over(struct __sk_buff *skb, int side, struct inner *in,
    const struct pmip_peer *peer)
{
	const int other = side == PMIP_SIDE_HA ? PMIP_SIDE_PMA : PMIP_SIDE_HA;
	struct pmip_ends ends = { peer->remote, peer->local };
	const __u32 *id = bpf_map_lookup_elem(&pmip_peer_ids, &ends);
	const struct pmip_conf *c = conf();

	if (!id || !c)
		return drop(PMIP_C_NO_ROUTE);
	if (admit(skb, 1U << other, 0, in, *id) < 0)
		return TC_ACT_SHOT;
	return bpf_redirect(c->anchor[other], BPF_F_INGRESS);
}

static __always_inline int
encap(struct __sk_buff *skb, int side)
{
	struct bpf_redir_neigh nh;
	const struct pmip_peer *peer;
	struct ipv6hdr outer;
	struct inner in;
	__u32 id, len = skb->len, flow, word;
	int room;

	if (skb->protocol != bpf_htons(ETH_P_IPV6) &&
	    skb->protocol != bpf_htons(ETH_P_IP))
		return drop(PMIP_C_NO_PATH);
	/* an anchor's frames have no header of their own */
	if (inner_read(skb, FROM_FRAME, 0,
	    skb->protocol == bpf_htons(ETH_P_IPV6), &in))
		return drop(PMIP_C_ERROR);
	if (side == PMIP_SIDE_HA) {
		const struct pmip_ha_path *p;

		if (is_diverted(skb, &in))
			return TC_ACT_OK;	/* the daemon has the TUN */
		p = ha_path(&in.dst, in.v6);
		if (!p)
			return drop(PMIP_C_NO_PATH);
		id = p->peer;
	} else {
		const struct pmip_pma_path *p = pma_path(&in.src, in.v6);

		if (!p)
			return drop(PMIP_C_NO_PATH);
		id = p->peer;
	}
	peer = bpf_map_lookup_elem(&pmip_peers, &id);
	if (!peer || !peer->oif)
		return drop(PMIP_C_NO_ROUTE);
	if (peer->flags & PMIP_PEER_SELF)
		return pass_over(skb, side, &in, peer);

	/* RFC 6438: flows stay apart in the core. */
	flow = bpf_ntohl(in.word) & FLOW_MASK;
	if (!flow)
		flow = bpf_get_hash_recalc(skb) & FLOW_MASK;
	word = bpf_htonl(6U << 28 | (__u32)outer_tclass(tclass_of(&in)) << 20 |
	    flow);
	__builtin_memcpy(&outer, &word, 4);
	/* A train of segments gets its lengths when it is cut. */
	outer.payload_len = len > 0xffff ? 0 : bpf_htons(len);
	outer.nexthdr = in.v6 ? NH_IPV6 : NH_IPV4;
	outer.hop_limit = OUTER_HOP_LIMIT;
	__builtin_memcpy(&outer.saddr, &peer->local, 16);
	__builtin_memcpy(&outer.daddr, &peer->remote, 16);
	nh.nh_family = AF_INET6;
	__builtin_memcpy(nh.ipv6_nh, &peer->nexthop, 16);

	room = make_room(skb, in.v6);
	/* bpf_redirect_neigh() wants an Ethernet header in front */
	if (room < 0 || bpf_skb_change_head(skb, ETH_HLEN, 0) ||
	    write_outer(skb, &outer) || (room > 0 && read_type(skb)))
		return drop(PMIP_C_ERROR);
	count(PMIP_C_ENCAP);
	if (peer->flags & PMIP_PEER_DIRECT)
		return bpf_redirect_neigh(peer->oif, &nh, sizeof(nh), 0);
	/*
	 * A packet that has to wait for its neighbour must have the outer
	 * route with it, or it would leave later by the inner one, which is
	 * the anchor's: without a frame around it.
	 */
	return bpf_redirect_neigh(peer->oif, 0, 0, 0);
}

SEC("tc")
int
pmip_encap_ha(struct __sk_buff *skb)
{
	return encap(skb, PMIP_SIDE_HA);
}

SEC("tc")
int
pmip_encap_pma(struct __sk_buff *skb)
{
	return encap(skb, PMIP_SIDE_PMA);
}

/* --- in: the uplink's ingress -------------------------------------------- */

/*
 * Carry CE in: the inner header is `off` octets behind the start of the frame.
 * 0 or -1.
 */
static __always_inline int
mark_ce(struct __sk_buff *skb, __u32 off, const struct inner *in)
{
	const __u8 ecn = tclass_of(in) & ECN_MASK;
	__be16 old, new;

	if (!ecn || ecn == ECN_CE)
		return 0;
	if (bpf_skb_load_bytes(skb, off, &old, sizeof(old)))
		return -1;
	if (in->v6)
		new = old | bpf_htons(ECN_CE << 4);
	else
		new = old | bpf_htons(ECN_CE);
	/* the sum over an IPv4 header is always the same */
	if (bpf_skb_store_bytes(skb, off, &new, sizeof(new),
	    in->v6 ? BPF_F_RECOMPUTE_CSUM : 0))
		return -1;
	if (in->v6)
		return 0;
	return bpf_l3_csum_replace(skb, off + offsetof(struct iphdr, check),
	    old, new, sizeof(new)) ? -1 : 0;
}

/*
 * Take the outer header off.  IPv4 inside: the flag that says so to
 * bpf_skb_adjust_room() is younger than Linux 6.1, and without it the packet
 * stays "IPv6" and must be as long as an IPv6 header.  Turning it into IPv4
 * first, which takes away the first 20 octets, works everywhere.
 */
static __always_inline int
strip(struct __sk_buff *skb, int v6)
{
	__s32 room = -(__s32)sizeof(struct ipv6hdr);

	if (!v6) {
		if (bpf_skb_change_proto(skb, bpf_htons(ETH_P_IP), 0))
			return -1;
		room = -(__s32)sizeof(struct iphdr);
	}
	return bpf_skb_adjust_room(skb, room, BPF_ADJ_ROOM_MAC,
	    BPF_F_ADJ_ROOM_FIXED_GSO) ? -1 : 0;
}

static __always_inline __u64
mac_word(const __u8 *mac)
{
	__u64 w = 0;

	for (int i = 0; i < 6; i++)
		w = w << 8 | mac[i];
	return w;
}

/*
 * Is it nothing but forwarding that waits for the packet, by the very path that
 * it has been admitted for, to a neighbour that the kernel knows?  Else
 * somebody is to be told, or has more to look at.  `len`: of the packet.
 */
static __always_inline int
is_plain(struct __sk_buff *skb, __u32 len, const struct inner *in)
{
	const struct pmip_pma_path *p = in->to;
	struct bpf_fib_lookup f = { .family = AF_INET6,
		.ifindex = skb->ifindex };
	__u32 mtu = 0;
	__u64 src, dst[2], hop[2];

	__builtin_memcpy(&src, &in->src, sizeof(src));
	__builtin_memcpy(dst, &in->dst, sizeof(dst));
	if (!p || !mac_word(p->mac) || skb->vlan_present ||
	    skb->pkt_type != PACKET_HOST || in->hops <= 1 ||
	    in->nexthdr == NH_HOPOPTS || in->src.b[0] == 0xff ||
	    !src)		/* ::, ::1 and their like */
		return 0;
	if (!skb->gso_size && bpf_ntohs(in->len) + IP6_LEN != len)
		return 0;
	if (bpf_check_mtu(skb, p->ifindex, &mtu, 0, BPF_MTU_CHK_SEGS))
		return 0;
	/* of a train no segment's length is at hand: any, to learn the MTU */
	f.tot_len = skb->gso_size ? IP6_LEN : len;
	__builtin_memcpy(f.ipv6_src, &in->src, 16);
	__builtin_memcpy(f.ipv6_dst, &in->dst, 16);
	if (bpf_fib_lookup(skb, &f, sizeof(f), BPF_FIB_LOOKUP_DIRECT) !=
	    BPF_FIB_LKUP_RET_SUCCESS || f.ifindex != p->ifindex ||
	    (skb->gso_size && f.mtu_result < mtu))
		return 0;
	/* not by way of a gateway */
	__builtin_memcpy(hop, f.ipv6_dst, sizeof(hop));
	return hop[0] == dst[0] && hop[1] == dst[1];
}

/* Straight to the node: the verdict; or -1, let the kernel forward it. */
static __always_inline int
deliver(struct __sk_buff *skb, __u32 mac_len, const struct inner *in)
{
	const __u8 hops = in->hops - 1;
	struct bpf_redir_neigh nh;

	if (!is_plain(skb, skb->len - mac_len, in))
		return -1;
	if (bpf_skb_store_bytes(skb, mac_len + offsetof(struct inner, hops),
	    &hops, sizeof(hops), BPF_F_RECOMPUTE_CSUM))
		return drop(PMIP_C_ERROR);
	count(PMIP_C_DELIVERED);
	nh.nh_family = AF_INET6;
	__builtin_memcpy(nh.ipv6_nh, &in->dst, 16);
	return bpf_redirect_neigh(in->to->ifindex, &nh, sizeof(nh), 0);
}

static __always_inline int
decap(struct __sk_buff *skb, __u32 mac_len)
{
	const struct pmip_conf *c;
	struct ipv6hdr outer;
	struct pmip_ends ends;
	struct inner in;
	const __u32 *id;
	__u16 word;
	int side;

	if (skb->protocol != bpf_htons(ETH_P_IPV6) ||
	    skb->pkt_type == PACKET_OTHERHOST ||
	    fetch(skb, FROM_FRAME, mac_len, &outer, sizeof(outer)))
		return TC_ACT_UNSPEC;
	if (outer.nexthdr != NH_IPV6 && outer.nexthdr != NH_IPV4)
		return TC_ACT_UNSPEC;
	__builtin_memcpy(&ends.local, &outer.daddr, 16);
	__builtin_memcpy(&ends.remote, &outer.saddr, 16);
	id = bpf_map_lookup_elem(&pmip_peer_ids, &ends);
	c = conf();
	if (!id || !c)
		return TC_ACT_UNSPEC;	/* not a tunnel of ours */
	if (inner_read(skb, FROM_FRAME, mac_len + sizeof(outer),
	    outer.nexthdr == NH_IPV6, &in))
		return drop(PMIP_C_ERROR);
	side = admit(skb, ANY_SIDE, sizeof(outer), &in, *id);
	if (side < 0)
		return TC_ACT_SHOT;
	__builtin_memcpy(&word, &outer, 2);
	if ((bpf_ntohs(word) >> 4 & ECN_MASK) == ECN_CE &&
	    mark_ce(skb, mac_len + sizeof(outer), &in))
		return drop(PMIP_C_ERROR);
	if (strip(skb, in.v6))
		return drop(PMIP_C_ERROR);
	count(PMIP_C_DECAP);
	if (pmip_build.fast && side == PMIP_SIDE_PMA && in.v6 && mac_len) {
		int verdict = deliver(skb, mac_len, &in);

		if (verdict >= 0)
			return verdict;
	}
	return bpf_redirect(c->anchor[side == PMIP_SIDE_PMA], BPF_F_INGRESS);
}

SEC("tc")
int
pmip_decap(struct __sk_buff *skb)
{
	return decap(skb, ETH_HLEN);
}

/* The same on an uplink without a link-layer header. */
SEC("tc")
int
pmip_decap_l3(struct __sk_buff *skb)
{
	return decap(skb, 0);
}

/*
 * Is it for a node here that has this tunnel?  That is all admit() asks of most
 * packets at a proxy mobile agent, and needs eight octets of the header.  (What
 * is no IPv6 after all, or too short, the kernel drops and counts.)
 */
static __always_inline int
is_for_node(struct __sk_buff *skb)
{
	const struct pmip_pma_path *p;
	struct pmip_key64 prefix;

	if (skb->protocol != bpf_htons(ETH_P_IPV6) ||
	    fetch(skb, FROM_NET, offsetof(struct inner, dst), &prefix,
	    sizeof(prefix)))
		return 0;
	p = bpf_map_lookup_elem(&pmip_pma64, &prefix);
	return p && p->peer == skb->ifindex;
}

SEC("tc")
int
pmip_tunnel(struct __sk_buff *skb)
{
	struct inner in;

	if (pmip_build.sides == 1U << PMIP_SIDE_PMA && is_for_node(skb))
		return TC_ACT_UNSPEC;
	if (inner_read(skb, FROM_NET, 0, skb->protocol == bpf_htons(ETH_P_IPV6),
	    &in))
		return drop(PMIP_C_ERROR);
	if (admit(skb, ANY_SIDE, 0, &in, skb->ifindex) < 0)
		return TC_ACT_SHOT;
	return TC_ACT_UNSPEC;
}

/* --- in: from an access link --------------------------------------------- */

static __always_inline int
is_linklocal(const struct pmip_key128 *a)
{
	return a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

static __always_inline int
is_unspecified(const struct pmip_key128 *a)
{
	__u64 w[2];

	__builtin_memcpy(w, a, 16);
	return !w[0] && !w[1];
}

/* A source that no path can have (IPv4: "this host", link-local). */
static __always_inline int
is_unbindable(const struct inner *in)
{
	if (in->v6)
		return is_linklocal(&in->src) || is_unspecified(&in->src);
	return in->src.b[12] == 0 ||
	    (in->src.b[12] == 169 && in->src.b[13] == 254);
}

/*
 * What a DHCPv4 client broadcasts, which is never forwarded: without an
 * address, or with one that it had elsewhere (RFC 2131 4.1, 4.4.5).
 */
static __always_inline int
is_dhcp4(struct __sk_buff *skb, const struct inner *in)
{
	struct udphdr u;

	if (in->v6 || in->nexthdr != IPPROTO_UDP)
		return 0;
	for (int i = 12; i < 16; i++) {
		if (in->dst.b[i] != 0xff)
			return 0;
	}
	return !bpf_skb_load_bytes_relative(skb, sizeof(struct iphdr), &u,
	    sizeof(u), BPF_HDR_START_NET) &&
	    u.dest == bpf_htons(DHCP4_SERVER_PORT);
}

/* Does what an unbindable source sends end at this host? */
static __always_inline int
ends_here(struct __sk_buff *skb, const struct inner *in)
{
	struct bpf_fib_lookup f = { .family = AF_INET6,
		.ifindex = skb->ifindex };
	long r;

	if (!in->v6)
		return is_dhcp4(skb, in);
	if (in->dst.b[0] == 0xff)
		return (in->dst.b[1] & 0xf) <= 2;	/* of this link */
	if (is_unspecified(&in->src))
		return 0;
	if (is_linklocal(&in->dst))
		return 1;
	/* The source stays out: of a link-local one the kernel says that it is
	 * not forwarded without a look at the destination. */
	__builtin_memcpy(f.ipv6_dst, &in->dst, 16);
	r = bpf_fib_lookup(skb, &f, sizeof(f), 0);
	return r == BPF_FIB_LKUP_RET_NOT_FWDED ||
	    r == BPF_FIB_LKUP_RET_FWD_DISABLED;
}

/* Why may the frame not be of the node that has path p? 0: it may. */
static __always_inline __u32
not_of_node(struct __sk_buff *skb, const struct pmip_pma_path *p)
{
	__u8 mac[6];

	if (p->ifindex != skb->ifindex)
		return PMIP_C_ACCESS_SPOOF;
	if (mac_word(p->mac) != 0 &&
	    (bpf_skb_load_bytes(skb, offsetof(struct ethhdr, h_source), mac,
	    sizeof(mac)) || mac_word(mac) != mac_word(p->mac)))
		return PMIP_C_ACCESS_MAC;
	return 0;
}

/*
 * Neighbour Discovery that no node may send: a router's words, or that another
 * node's address is at its own.  0: it is none of that.
 */
static __always_inline __u32
nd_forbidden(struct __sk_buff *skb, const struct inner *in)
{
	const struct pmip_pma_path *p;
	struct pmip_key128 target;
	__u8 type, hops;
	__u32 off = find_header(skb, 0, in->nexthdr, NH_ICMPV6);

	if (!off)
		return 0;
	if (off == HIDDEN || bpf_skb_load_bytes_relative(skb, off, &type, 1,
	    BPF_HDR_START_NET))
		return PMIP_C_ACCESS_RA;
	if (type == ND_RA || type == ND_REDIRECT)
		return PMIP_C_ACCESS_RA;
	if (type != ND_NA || bpf_skb_load_bytes_relative(skb,
	    offsetof(struct ipv6hdr, hop_limit), &hops, 1, BPF_HDR_START_NET)
	    || hops != ND_HOP_LIMIT)
		return 0;
	if (bpf_skb_load_bytes_relative(skb, off + 8, &target, sizeof(target),
	    BPF_HDR_START_NET))
		return PMIP_C_ACCESS_NEIGH;
	p = pma_path(&target, 1);
	return p && not_of_node(skb, p) ? PMIP_C_ACCESS_NEIGH : 0;
}

/* ARP (RFC 826): the sender's address is another node's. */
static __always_inline int
access_arp(struct __sk_buff *skb)
{
	const struct pmip_pma_path *p;
	struct pmip_key128 k;
	__u8 arp[18];		/* up to the sender's protocol address */
	__be32 spa;

	if (bpf_skb_load_bytes_relative(skb, 0, arp, sizeof(arp),
	    BPF_HDR_START_NET) || arp[4] != 6 || arp[5] != 4)
		return TC_ACT_UNSPEC;
	__builtin_memcpy(&spa, arp + 14, 4);
	key_v4(&k, spa);
	p = pma_path(&k, 0);
	if (p && (not_of_node(skb, p) || (mac_word(p->mac) != 0 &&
	    mac_word(arp + 8) != mac_word(p->mac))))
		return drop(PMIP_C_ACCESS_NEIGH);
	return TC_ACT_UNSPEC;
}

/*
 * Frames with a tag belong to a VLAN's own device.  But one with the tag of no
 * VLAN is as good as one without, and the kernel looks through two of them
 * after we have seen the outer only.
 */
static __always_inline int
access_other(struct __sk_buff *skb)
{
	if (skb->protocol == bpf_htons(ETH_P_ARP))
		return access_arp(skb);
	if ((skb->protocol == bpf_htons(ETH_P_8021Q) ||
	    skb->protocol == bpf_htons(ETH_P_8021AD)) && skb->vlan_present)
		return drop(PMIP_C_ACCESS_SPOOF);
	return TC_ACT_UNSPEC;	/* EAPOL and the like: never forwarded */
}

SEC("tc")
int
pmip_access(struct __sk_buff *skb)
{
	const struct pmip_pma_path *p = 0;
	struct inner in;
	__u32 why, mark;

	if (skb->vlan_present && skb->vlan_tci & VLAN_VID_MASK)
		return TC_ACT_UNSPEC;
	if (skb->protocol != bpf_htons(ETH_P_IPV6) &&
	    skb->protocol != bpf_htons(ETH_P_IP))
		return access_other(skb);
	if (inner_read(skb, FROM_NET, 0,
	    skb->protocol == bpf_htons(ETH_P_IPV6), &in))
		return drop(PMIP_C_ACCESS_SPOOF);
	if (!is_unbindable(&in)) {
		p = pma_path(&in.src, in.v6);
		if (!p)
			return is_dhcp4(skb, &in) ? TC_ACT_UNSPEC :
			    drop(PMIP_C_ACCESS_SPOOF);
		why = not_of_node(skb, p);
		if (why)
			return drop(why);
	}
	why = in.v6 ? nd_forbidden(skb, &in) : 0;
	if (why)
		return drop(why);
	if (!p)
		return ends_here(skb, &in) ? TC_ACT_UNSPEC :
		    drop(PMIP_C_ACCESS_LINKLOCAL);
	if (p->steer == PMIP_STEER_NATIVE)
		count(PMIP_C_NATIVE);
	mark = (skb->mark & ~PMIP_MARK_MASK) |
	    (__u32)p->steer << PMIP_MARK_SHIFT;
	if (mark != skb->mark)
		skb->mark = mark;
	return TC_ACT_UNSPEC;
}

char pmip_license[] SEC("license") = "Dual BSD/GPL";

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The access link service on packet sockets: one per access interface.
 *
 * Why packet sockets: a Router Advertisement goes to one node's MAC address
 * with IPv6 destination ff02::1 (D6.3-8, D6.3-9), and the MAC address of
 * whoever sent a solicitation is who it is; a raw ICMPv6 socket offers neither.
 *
 * A socket for each EtherType, because a packet socket of all of them would
 * also see, and copy, every packet that we send.  Filters in the kernel let
 * through only RS, NS and NA, DHCP towards servers and relays, and ARP for
 * IPv4, so that the node's traffic costs nothing here.  Messages to groups
 * that we have not joined arrive because a socket asks for all multicast.
 */
#include "nd/link_io.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/cur.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/packet.h"
#include "core/ratelimit.h"
#include "core/stats.h"
#include "core/util.h"
#include "dhcp/dhcp_io.h"
#include "nd/arp.h"
#include "nd/link_group.h"
#include "nd/udp.h"

#define MOD "link"
#define PKTS_PER_WAKEUP 256
#define PKT_MAX 2048

/* Offsets: in the headers of IPv6, IPv4, UDP, in an ARP packet. */
enum { IP6_NEXT = 6, IP6_DST = 24, IP6_HDR = 40 };
enum { IP4_FRAGMENT = 6, IP4_PROTO = 9 };
enum { UDP_DPORT = 2 };
enum { ARP_PROTO = 2, ARP_OP = 6 };

#define LINK_STATS(X) \
	X(ST_RX, "rx", "Neighbour Discovery, ARP and DHCP packets received") \
	X(ST_TX, "tx", "packets sent") \
	X(ST_TX_ERROR, "tx-error", "packets the kernel did not take") \
	X(ST_RX_ERROR, "rx-error", "errors reported by the socket") \
	X(ST_NOT_US, "not-for-us", "sent to another node at layer 2") \
	X(ST_BAD_MAC, "bad-source-mac", "layer 2 source is no single node") \
	X(ST_ARP_MAC, "arp-source-mac", \
	    "ARP whose sender is not who sent it at layer 2")

enum {
#define X(id, name, help) id,
	LINK_STATS(X)
#undef X
	ST_MAX
};

static const struct stat_desc link_stats[ST_MAX] = {
#define X(id, name, help) { name, help },
	LINK_STATS(X)
#undef X
};

enum chan_id { CHAN_IP6, CHAN_IP4, CHAN_ARP, CHAN_MAX };

struct chan {			/* one socket */
	struct port *port;
	struct loop_fd *lfd;
	int fd;			/* -1: none */
};

struct port {
	SLIST_ENTRY(port) entry;
	struct link_sock *owner;
	struct link_if lif;
	struct chan chan[CHAN_MAX];
};

struct link_sock {
	struct link_io io;		/* first */
	struct loop *loop;
	struct log *log;
	struct stat_group st, st_nd, st_arp, st_udp;
	struct ratelimit rl;
	SLIST_HEAD(, port) ports;
	struct link_groups *groups;
	uint8_t buf[PKT_MAX];
};

/* IPv6, no extension header: ICMPv6 of type 133, 135 or 136; UDP to 547. */
static const struct sock_filter ip6_filter[] = {
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, IP6_NEXT),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMPV6, 2, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 5, 0),
	BPF_STMT(BPF_RET | BPF_K, 0),
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, IP6_HDR),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ND_RS, 4, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ND_NS, 3, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ND_NA, 2, 3),
	BPF_STMT(BPF_LD | BPF_H | BPF_ABS, IP6_HDR + UDP_DPORT),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, DHCP6_PORT, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, 0xffff),
	BPF_STMT(BPF_RET | BPF_K, 0),
};

/* IPv4, no later fragment, UDP to 67; the header is as long as it says. */
static const struct sock_filter ip4_filter[] = {
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, IP4_PROTO),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 6),
	BPF_STMT(BPF_LD | BPF_H | BPF_ABS, IP4_FRAGMENT),
	BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x1fff, 4, 0),
	BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
	BPF_STMT(BPF_LD | BPF_H | BPF_IND, UDP_DPORT),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, DHCP4_PORT, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, 0xffff),
	BPF_STMT(BPF_RET | BPF_K, 0),
};

/* Requests and replies for IPv4. */
static const struct sock_filter arp_filter[] = {
	BPF_STMT(BPF_LD | BPF_H | BPF_ABS, ARP_PROTO),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 4),
	BPF_STMT(BPF_LD | BPF_H | BPF_ABS, ARP_OP),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARP_REQUEST, 1, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARP_REPLY, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, 0xffff),
	BPF_STMT(BPF_RET | BPF_K, 0),
};

static const struct {
	uint16_t ethertype;
	unsigned short n;
	const struct sock_filter *filter;
} chans[CHAN_MAX] = {
	[CHAN_IP6] = { ETH_P_IPV6, ARRAY_LEN(ip6_filter), ip6_filter },
	[CHAN_IP4] = { ETH_P_IP, ARRAY_LEN(ip4_filter), ip4_filter },
	[CHAN_ARP] = { ETH_P_ARP, ARRAY_LEN(arp_filter), arp_filter },
};

static struct port *
port_find(struct link_sock *s, uint32_t ifindex)
{
	struct port *p;

	SLIST_FOREACH(p, &s->ports, entry) {
		if (p->lif.ifindex == ifindex)
			break;
	}
	return p;
}

/* --- receiving --------------------------------------------------------- */

/* One packet that the filter let through. */
struct rx {
	struct sockaddr_ll from;
	struct mac src;
	bool no_sum;		/* the sender's interface was to add it */
	size_t len;
};

/* Log what a parser has dropped. */
static void
log_drop(struct link_sock *s, const struct link_if *lif, const struct rx *rx,
    const char *why)
{
	if (ratelimit_pass(&s->rl, clock_mono_us(&clock_system), NULL))
		log_warn(s->log, MOD, "drop", KV_STR("why", why),
		    KV_STR("ifname", lif->name), KV_MAC("mac", &rx->src),
		    KV_U("len", rx->len));
}

static void
receive_nd(struct link_sock *s, const struct link_if *lif,
    const struct rx *rx)
{
	struct nd_msg m;
	enum nd_drop d = nd_parse(s->buf, rx->len, &m);

	stat_inc(&s->st_nd, d);
	if (d != NDP_OK)
		log_drop(s, lif, rx, nd_drop_desc[d].name);
	else if (s->io.nd != NULL)
		s->io.nd(s->io.ctx, lif, &rx->src, &m);
}

static void
receive_udp(struct link_sock *s, const struct link_if *lif,
    const struct rx *rx)
{
	struct udp_msg m;
	enum udp_drop d = udp_parse(s->buf, rx->len, rx->no_sum, &m);

	stat_inc(&s->st_udp, d);
	if (d != UDPD_OK)
		log_drop(s, lif, rx, udp_drop_desc[d].name);
	else if (s->io.udp != NULL)
		s->io.udp(s->io.ctx, lif, &rx->src, &m);
}

static void
receive_arp(struct link_sock *s, const struct link_if *lif,
    const struct rx *rx)
{
	struct arp_msg m;
	enum arp_drop d = arp_parse(s->buf, rx->len, &m);

	stat_inc(&s->st_arp, d);
	if (d != ARPD_OK) {
		log_drop(s, lif, rx, arp_drop_desc[d].name);
	} else if (!mac_eq(&m.sha, &rx->src)) {
		stat_inc(&s->st, ST_ARP_MAC);
		log_drop(s, lif, rx, "arp-source-mac");
	} else if (s->io.arp != NULL) {
		s->io.arp(s->io.ctx, lif, &rx->src, &m);
	}
}

static void
receive_one(struct port *p, enum chan_id id, struct rx *rx)
{
	struct link_sock *s = p->owner;
	/* a copy: the consumer may close the interface while it uses it */
	const struct link_if lif = p->lif;

	if (rx->from.sll_pkttype == PACKET_OUTGOING)
		return;
	stat_inc(&s->st, ST_RX);
	/* seen only while somebody made the interface promiscuous */
	if (rx->from.sll_pkttype == PACKET_OTHERHOST) {
		stat_inc(&s->st, ST_NOT_US);
		return;
	}
	if (!lif.p2p) {
		if (rx->from.sll_halen == sizeof(rx->src.b))
			memcpy(rx->src.b, rx->from.sll_addr,
			    sizeof(rx->src.b));
		if (!mac_is_unicast(&rx->src)) {
			stat_inc(&s->st, ST_BAD_MAC);
			return;
		}
	}
	if (id == CHAN_ARP)
		receive_arp(s, &lif, rx);
	else if (id == CHAN_IP4 || (rx->len > IP6_NEXT &&
	    s->buf[IP6_NEXT] == IPPROTO_UDP))
		receive_udp(s, &lif, rx);
	else
		receive_nd(s, &lif, rx);
}

/* Octets, or -1 with errno. */
static ssize_t
read_one(struct link_sock *s, int fd, struct rx *rx)
{
	union {
		struct cmsghdr align;
		uint8_t b[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	} ctl;
	struct iovec iov = { s->buf, sizeof(s->buf) };
	struct msghdr h = { .msg_name = &rx->from,
		.msg_namelen = sizeof(rx->from), .msg_iov = &iov,
		.msg_iovlen = 1, .msg_control = &ctl,
		.msg_controllen = sizeof(ctl) };
	struct tpacket_auxdata aux;
	struct cmsghdr *cm;
	ssize_t n;

	*rx = (struct rx){ .len = 0 };
	n = recvmsg(fd, &h, MSG_DONTWAIT);
	if (n < 0)
		return n;
	rx->len = (size_t)n;
	for (cm = CMSG_FIRSTHDR(&h); cm != NULL; cm = CMSG_NXTHDR(&h, cm)) {
		if (cm->cmsg_level != SOL_PACKET ||
		    cm->cmsg_type != PACKET_AUXDATA)
			continue;
		memcpy(&aux, CMSG_DATA(cm), sizeof(aux));
		rx->no_sum = (aux.tp_status & TP_STATUS_CSUMNOTREADY) != 0;
	}
	return n;
}

static void
on_readable(void *ctx, int fd, int what UNUSED)
{
	struct chan *ch = ctx;
	struct port *p = ch->port;
	struct link_sock *s = p->owner;
	enum chan_id id = (enum chan_id)(ch - p->chan);
	uint32_t ifindex = p->lif.ifindex;

	for (unsigned i = 0; i < PKTS_PER_WAKEUP; i++) {
		struct rx rx;
		ssize_t n = read_one(s, fd, &rx);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			/* ENETDOWN, also of an interface that vanished, is
			 * told once per transition, then the socket is quiet;
			 * three sockets say it, one is counted */
			if (errno != EAGAIN && (errno != ENETDOWN ||
			    id == CHAN_IP6))
				stat_inc(&s->st, ST_RX_ERROR);
			return;
		}
		receive_one(p, id, &rx);
		/* the consumer may have closed it, and opened it again */
		if (port_find(s, ifindex) != p || ch->fd != fd)
			return;
	}
}

/* --- interfaces -------------------------------------------------------- */

static int
chan_open(struct port *p, enum chan_id id)
{
	struct packet_mreq mr = { .mr_ifindex = (int)p->lif.ifindex,
		.mr_type = PACKET_MR_ALLMULTI };
	struct chan *ch = &p->chan[id];
	const int on = 1;

	ch->fd = packet_open(chans[id].ethertype, p->lif.ifindex,
	    chans[id].filter, chans[id].n);
	if (ch->fd < 0)
		return ch->fd;
	if (setsockopt(ch->fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)) < 0)
		return -errno;
	/* Interfaces without groups (tun) refuse this, and need not. */
	if (id == CHAN_IP6)
		(void)setsockopt(ch->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP,
		    &mr, sizeof(mr));
	ch->lfd = loop_fd_add(p->owner->loop, ch->fd, LOOP_READ, on_readable,
	    ch);
	return ch->lfd != NULL ? 0 : -errno;
}

/* ARP has no meaning where there are no link-layer addresses. */
static int
port_open(struct port *p)
{
	int r = chan_open(p, CHAN_IP6);

	if (r == 0)
		r = chan_open(p, CHAN_IP4);
	if (r == 0 && !p->lif.p2p)
		r = chan_open(p, CHAN_ARP);
	return r;
}

static void
port_free(struct port *p)
{
	for (unsigned i = 0; i < CHAN_MAX; i++) {
		if (p->chan[i].lfd != NULL)
			loop_fd_del(p->chan[i].lfd);
		if (p->chan[i].fd >= 0)
			close(p->chan[i].fd);
	}
	free(p);
}

static int
link_open(struct link_io *io, const struct link_if *lif)
{
	struct link_sock *s = CONTAINER_OF(io, struct link_sock, io);
	struct port *p = port_find(s, lif->ifindex);
	int r;

	if (p != NULL) {
		p->lif = *lif;
		return 0;
	}
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return -ENOMEM;
	p->owner = s;
	p->lif = *lif;
	for (unsigned i = 0; i < CHAN_MAX; i++)
		p->chan[i] = (struct chan){ .port = p, .fd = -1 };
	r = port_open(p);
	if (r < 0) {
		port_free(p);
		return r;
	}
	SLIST_INSERT_HEAD(&s->ports, p, entry);
	return 0;
}

static void
link_close(struct link_io *io, uint32_t ifindex)
{
	struct link_sock *s = CONTAINER_OF(io, struct link_sock, io);
	struct port *p = port_find(s, ifindex);

	if (p == NULL)
		return;
	SLIST_REMOVE(&s->ports, p, port, entry);
	port_free(p);
	link_groups_forget(s->groups, ifindex);
}

/* --- groups and addresses ---------------------------------------------- */

static int
link_join(struct link_io *io, const struct link_if *lif,
    const struct in6_addr *group)
{
	struct link_sock *s = CONTAINER_OF(io, struct link_sock, io);

	return link_groups_join(s->groups, lif->ifindex, group);
}

static void
link_leave(struct link_io *io, const struct link_if *lif,
    const struct in6_addr *group)
{
	struct link_sock *s = CONTAINER_OF(io, struct link_sock, io);

	link_groups_leave(s->groups, lif->ifindex, group);
}

/* Only to an address of its own would this machine speak from just that one. */
static bool
link_is_own(struct link_io *io UNUSED, const struct in6_addr *addr)
{
	const struct sockaddr_in6 to = { .sin6_family = AF_INET6,
		.sin6_addr = *addr, .sin6_port = htons(9) };	/* discard */
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in6 from;
	socklen_t len = sizeof(from);
	bool own;

	if (fd < 0)
		return false;
	own = connect(fd, (const struct sockaddr *)(const void *)&to,
	    sizeof(to)) == 0 && getsockname(fd, (struct sockaddr *)(void *)
	    &from, &len) == 0 && memcmp(&from.sin6_addr, addr,
	    sizeof(*addr)) == 0;
	close(fd);
	return own;
}

/* --- sending ----------------------------------------------------------- */

/* The group address for a packet's IPv6 destination (RFC 2464 section 7);
 * false when that is no group. */
static bool
multicast_mac(const void *pkt, size_t len, uint8_t *mac)
{
	struct in6_addr dst;
	struct cur c;

	cur_init(&c, pkt, len);
	cur_skip(&c, IP6_DST);
	cur_in6(&c, &dst);
	if (!cur_ok(&c) || !IN6_IS_ADDR_MULTICAST(&dst))
		return false;
	mac[0] = mac[1] = 0x33;
	memcpy(mac + 2, &dst.s6_addr[12], 4);
	return true;
}

/* Packet sockets send any EtherType, whatever they were bound to. */
static int
transmit(struct link_sock *s, const struct link_if *lif,
    struct sockaddr_ll *to, const void *pkt, size_t len)
{
	struct port *p = port_find(s, lif->ifindex);

	if (p == NULL)
		return -ENODEV;
	to->sll_family = AF_PACKET;
	to->sll_ifindex = (int)lif->ifindex;
	if (sendto(p->chan[CHAN_IP6].fd, pkt, len, MSG_DONTWAIT,
	    (struct sockaddr *)(void *)to, sizeof(*to)) < 0) {
		stat_inc(&s->st, ST_TX_ERROR);
		return -errno;
	}
	stat_inc(&s->st, ST_TX);
	return 0;
}

static int
link_send(struct link_io *io, const struct link_if *lif, const struct mac *dst,
    const void *pkt, size_t len)
{
	struct link_sock *s = CONTAINER_OF(io, struct link_sock, io);
	struct sockaddr_ll to = { .sll_protocol = htons(ETH_P_IPV6) };

	if (!lif->p2p) {
		to.sll_halen = sizeof(dst->b);
		if (dst != NULL)
			memcpy(to.sll_addr, dst->b, sizeof(dst->b));
		else if (!multicast_mac(pkt, len, to.sll_addr))
			return -EINVAL;
	}
	return transmit(s, lif, &to, pkt, len);
}

static int
link_send_frame(struct link_io *io, const struct link_if *lif,
    const struct mac *dst, uint16_t ethertype, const void *pkt, size_t len)
{
	struct link_sock *s = CONTAINER_OF(io, struct link_sock, io);
	struct sockaddr_ll to = { .sll_protocol = htons(ethertype) };

	if (!lif->p2p) {
		to.sll_halen = sizeof(dst->b);
		if (dst != NULL)
			memcpy(to.sll_addr, dst->b, sizeof(dst->b));
		else
			memset(to.sll_addr, 0xff, sizeof(dst->b));
	}
	return transmit(s, lif, &to, pkt, len);
}

/* --- life -------------------------------------------------------------- */

static const struct link_io_ops link_ops = {
	.open = link_open,
	.close = link_close,
	.send = link_send,
	.send_frame = link_send_frame,
	.join = link_join,
	.leave = link_leave,
	.is_own = link_is_own,
};

int
link_sock_new(struct loop *l, struct log *log, struct stats *stats,
    struct link_io **ret)
{
	struct link_sock *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -ENOMEM;
	s->io.ops = &link_ops;
	s->loop = l;
	s->log = log;
	SLIST_INIT(&s->ports);
	s->groups = link_groups_new();
	ratelimit_init(&s->rl, 10, 1);
	stats_register(stats, &s->st, "link", link_stats, ST_MAX);
	stats_register(stats, &s->st_nd, "nd", nd_drop_desc, ND_DROP_MAX);
	stats_register(stats, &s->st_arp, "arp", arp_drop_desc, ARP_DROP_MAX);
	stats_register(stats, &s->st_udp, "udp", udp_drop_desc, UDP_DROP_MAX);
	*ret = &s->io;
	return 0;
}

void
link_sock_free(struct link_io *io)
{
	struct link_sock *s;

	if (io == NULL)
		return;
	s = CONTAINER_OF(io, struct link_sock, io);
	while (!SLIST_EMPTY(&s->ports))
		link_close(io, SLIST_FIRST(&s->ports)->lif.ifindex);
	link_groups_free(s->groups);
	stats_unregister(&s->st);
	stats_unregister(&s->st_nd);
	stats_unregister(&s->st_arp);
	stats_unregister(&s->st_udp);
	free(s);
}

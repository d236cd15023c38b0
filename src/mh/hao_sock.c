/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A packet socket for Mobility Headers behind a Home Address option.  No raw
 * socket sees them: a kernel without Mobile IPv6 does not know the option, one
 * with it takes the option from clients only that it has a state for.
 *
 * Clients are rare, and so are their Binding Updates: one packet per call, a
 * bounded number per wake-up.
 */
#include "mh/hao.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/log.h"
#include "core/loop.h"
#include "core/packet.h"
#include "core/util.h"
#include "mh/mh.h"

#define RX_PER_WAKEUP 32
#define RX_CAP (MH_MAX_LEN + 40 + 64)	/* IPv6 header, options */

struct hao_sock {
	struct mh_io *to;
	struct loop_fd *lfd;
	struct stat_group st;
	bool st_registered;
	int fd;
};

/* IPv6, Destination Options, and in those a Mobility Header as next. */
enum { OFF_NEXT = 6, OFF_INNER = 40, NEXT_DSTOPTS = 60 };
static const struct sock_filter hao_filter[] = {
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, OFF_NEXT),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NEXT_DSTOPTS, 0, 3),
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, OFF_INNER),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MH_PROTO, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, 0xffff),
	BPF_STMT(BPF_RET | BPF_K, 0),
};

static void
hao_event(void *ctx, int fd, int what UNUSED)
{
	struct hao_sock *s = ctx;
	uint8_t data[RX_CAP];

	for (unsigned i = 0; i < RX_PER_WAKEUP; i++) {
		struct sockaddr_ll from;
		socklen_t flen = sizeof(from);
		ssize_t n = recvfrom(fd, data, sizeof(data), MSG_DONTWAIT,
		    (struct sockaddr *)(void *)&from, &flen);
		struct mh_pkt pkt;
		enum hao_drop d;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return;
		if (from.sll_pkttype != PACKET_HOST)
			continue;
		d = hao_parse(data, (size_t)n, &pkt);
		stat_inc(&s->st, d);
		pkt.ifindex = (uint32_t)from.sll_ifindex;
		if (d == HAO_OK && s->to->recv != NULL)
			s->to->recv(s->to->recv_ctx, &pkt);
	}
}

int
hao_sock_new(struct loop *l, struct log *log, struct stats *stats,
    struct mh_io *to, struct hao_sock **ret)
{
	struct hao_sock *s = calloc(1, sizeof(*s));
	int r;

	if (s == NULL)
		return -ENOMEM;
	s->to = to;
	r = s->fd = packet_open(ETH_P_IPV6, 0, hao_filter,
	    ARRAY_LEN(hao_filter));
	if (r >= 0) {
		r = 0;
		stats_register(stats, &s->st, "hao-sock", hao_drop_desc,
		    HAO_DROP_MAX);
		s->st_registered = true;
		s->lfd = loop_fd_add(l, s->fd, LOOP_READ, hao_event, s);
		if (s->lfd == NULL)
			r = -errno;
	}
	if (r < 0) {
		log_err(log, "mh", "socket-failed", KV_STR("socket",
		    "hao-sock"), KV_ERR(r));
		hao_sock_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

void
hao_sock_free(struct hao_sock *s)
{
	if (s == NULL)
		return;
	if (s->lfd != NULL)
		loop_fd_del(s->lfd);
	if (s->st_registered)
		stats_unregister(&s->st);
	if (s->fd >= 0)
		close(s->fd);
	free(s);
}

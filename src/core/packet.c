/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/packet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <sys/socket.h>
#include <unistd.h>

int
packet_open(uint16_t ethertype, uint32_t ifindex,
    const struct sock_filter *filter, unsigned short n)
{
	const struct sock_fprog prog = { .len = n,
		.filter = (struct sock_filter *)(uintptr_t)filter };
	const struct sockaddr_ll sll = { .sll_family = AF_PACKET,
		.sll_protocol = htons(ethertype),
		.sll_ifindex = (int)ifindex };
	/* Protocol 0: nothing arrives before filter and interface are set. */
	int r, fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    0);

	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog,
	    sizeof(prog)) == 0 && bind(fd, (const void *)&sll,
	    sizeof(sll)) == 0)
		return fd;
	r = -errno;
	if (fd >= 0)
		close(fd);
	return r;
}

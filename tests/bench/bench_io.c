/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets, clocks and arguments of the benchmark's programs; see bench_io.h.
 *
 * With IPV6_FREEBIND and a local route for a whole prefix (`ip route add local
 * PREFIX dev lo`) one socket speaks for thousands of proxy mobile agents, none
 * of which needs an address of its own.
 */
#include "bench_io.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>

#define MH_CHECKSUM_OFF 4	/* RFC 6275 6.1.1 */
#define NS_PER_SEC 1000000000ULL

void
bench_die(const char *fmt, ...)
{
	int err = errno;
	va_list ap;

	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, ": %s\n", strerror(err));
	exit(1);
}

void
bench_enter(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
		bench_die("namespace %s", path);
	close(fd);
}

/* --- clocks -------------------------------------------------------------- */

static uint64_t
clock_ns(clockid_t id)
{
	struct timespec ts;

	if (clock_gettime(id, &ts) < 0)
		bench_die("clock");
	return (uint64_t)ts.tv_sec * NS_PER_SEC + (uint64_t)ts.tv_nsec;
}

uint64_t
bench_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

int64_t
bench_wall_us(void)
{
	return (int64_t)(clock_ns(CLOCK_REALTIME) / 1000);
}

uint64_t
bench_cpu_ns(pid_t pid)
{
	clockid_t id;

	/* Exact to the moment also for a process that runs just now. */
	errno = clock_getcpuclockid(pid, &id);
	if (errno != 0)
		bench_die("no process %d", (int)pid);
	return clock_ns(id);
}

/* --- packets ------------------------------------------------------------- */

int
bench_socket(int proto, int buf)
{
	int fd = socket(AF_INET6, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    proto);
	const int on = 1, off = MH_CHECKSUM_OFF;

	if (fd < 0)
		bench_die("raw socket %d", proto);
	if (setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on)) < 0
	    || setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buf,
	    sizeof(buf)) < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE,
	    &buf, sizeof(buf)) < 0)
		bench_die("options of the raw socket");
	/* Protocol 135 has it already, ESP has none. */
	if (proto == BENCH_ECHO_PROTO && setsockopt(fd, IPPROTO_IPV6, IPV6_CHECKSUM,
	    &off, sizeof(off)) < 0)
		bench_die("IPV6_CHECKSUM");
	return fd;
}

void
bench_any_source(int fd)
{
	const int on = 1;

	if (setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof(on)) < 0)
		bench_die("IPV6_FREEBIND");
}

static void
arm(struct bench_batch *b, unsigned i, size_t len)
{
	b->iov[i] = (struct iovec){ .iov_base = b->pkt[i].data,
		.iov_len = len };
	b->h[i].msg_hdr = (struct msghdr){ .msg_name = &b->addr[i],
		.msg_namelen = sizeof(b->addr[i]), .msg_iov = &b->iov[i],
		.msg_iovlen = 1, .msg_control = &b->ctl[i],
		.msg_controllen = sizeof(b->ctl[i]) };
}

int
bench_recv(int fd, struct bench_batch *b)
{
	int n;

	for (unsigned i = 0; i < BENCH_BATCH; i++)
		arm(b, i, BENCH_PKT_MAX);
	n = recvmmsg(fd, b->h, BENCH_BATCH, MSG_DONTWAIT, NULL);
	if (n < 0)
		return 0;
	for (int i = 0; i < n; i++) {
		struct bench_pkt *p = &b->pkt[i];
		struct cmsghdr *cm = CMSG_FIRSTHDR(&b->h[i].msg_hdr);

		p->far = b->addr[i].sin6_addr;
		p->len = b->h[i].msg_len;
		p->near = in6addr_any;
		if (cm != NULL && cm->cmsg_level == IPPROTO_IPV6 &&
		    cm->cmsg_type == IPV6_PKTINFO)
			memcpy(&p->near, CMSG_DATA(cm), sizeof(p->near));
	}
	return n;
}

unsigned
bench_send(int fd, struct bench_batch *b, unsigned n)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };
	unsigned done = 0, refused = 0;

	for (unsigned i = 0; i < n; i++) {
		struct in6_pktinfo pi = { .ipi6_addr = b->pkt[i].near };
		struct cmsghdr *cm;

		arm(b, i, b->pkt[i].len);
		b->addr[i] = (struct sockaddr_in6){ .sin6_family = AF_INET6,
			.sin6_addr = b->pkt[i].far };
		cm = CMSG_FIRSTHDR(&b->h[i].msg_hdr);
		cm->cmsg_level = IPPROTO_IPV6;
		cm->cmsg_type = IPV6_PKTINFO;
		cm->cmsg_len = CMSG_LEN(sizeof(pi));
		memcpy(CMSG_DATA(cm), &pi, sizeof(pi));
	}
	while (done < n) {
		int r = sendmmsg(fd, b->h + done, n - done, MSG_DONTWAIT);

		if (r > 0) {
			done += (unsigned)r;
		} else if (errno == EAGAIN || errno == ENOBUFS) {
			(void)poll(&pfd, 1, 10);
		} else if (errno != EINTR) {
			done++;
			refused++;
		}
	}
	return refused;
}

int
bench_link(const char *ifname, uint16_t ethertype)
{
	struct sockaddr_ll a = { .sll_family = AF_PACKET,
		.sll_protocol = htons(ethertype),
		.sll_ifindex = (int)if_nametoindex(ifname) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0 || a.sll_ifindex == 0 ||
	    bind(fd, (const void *)&a, sizeof(a)) < 0)
		bench_die("packet socket on %s", ifname);
	return fd;
}

struct mac
bench_node_mac(uint32_t node)
{
	return (struct mac){ { 0x02, 0, 0, (uint8_t)(node >> 16),
		(uint8_t)(node >> 8), (uint8_t)node } };
}

/* --- arguments ----------------------------------------------------------- */

const char *
bench_arg(char *const *words, const char *key, const char *def)
{
	size_t len = strlen(key);

	for (; *words != NULL; words++) {
		if (strncmp(*words, key, len) == 0 && (*words)[len] == '=')
			return *words + len + 1;
	}
	return def;
}

uint64_t
bench_arg_u(char *const *words, const char *key, uint64_t def)
{
	const char *s = bench_arg(words, key, NULL);

	return s == NULL ? def : strtoull(s, NULL, 10);
}

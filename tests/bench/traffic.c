/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Data through the domain, and what it costs: over veth the sender's own
 * processor time carries a packet through every router up to the receiver's
 * queue, so packets per second of it is the cost of forwarding, whatever else
 * the machine does.
 *
 *	traffic mode=udp|tcp from=NETNS to=NETNS dst=ADDR [ms=N] [size=N]
 *	    [port=N]
 *	traffic mode=burst from=NETNS to=NETNS dst=ADDR clock=FILE [n=N]
 *	    [packets=N]
 *	traffic mode=spray from=NETNS dst=ADDR n=N [ms=N] [size=N] [port=N]
 *	traffic mode=ping from=NETNS dst=ADDR interval=US seconds=N
 *	traffic mode=watch seconds=N
 *
 * udp, tcp: one flow to a receiver in `to`.  burst: n times as many packets to
 * a receiver that stands still meanwhile, for its wakeups cost now more and now
 * less; how long each packet took by `clock`, a terminal that answers a line
 * with nanoseconds of processor time (tests/netns/in-kernel).  spray: datagrams
 * to the first address of n /64s behind dst in turn, received by whoever counts
 * them.  ping: echo requests until stdin ends, at most `seconds`; afterwards a
 * line for each run of lost ones: when the last answer before it and the first
 * after it came (CLOCK_REALTIME, seconds), and how many were lost.  watch: on
 * each processor a real-time process that does nothing but wait for a timer,
 * until stdin ends; a line for each time that it was woken late: the processor,
 * when it should have been woken and when it was.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/icmp6.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <arpa/inet.h>

#include "core/addr.h"
#include "core/util.h"
#include "tests/bench/bench_io.h"

#define BATCH 64
#define SIZE_SMALL 18
#define SIZE_MAX_UDP 1400
#define TCP_CHUNK (128 << 10)
/* In every kernel, and does not pace by what it has measured of the machine. */
#define TCP_CONTROL "reno"
#define BUF (8 << 20)
#define PINGS_MAX 1000000
#define NS_PER_S 1000000000ULL
#define NS_PER_MS 1000000ULL
#define LINGER_MS 200
#define WATCH_US 250
#define WATCH_LATE_US 500	/* later than that is told */
#define STOPS_MS 2		/* until a stopped receiver stands still */

/* What the receiver tells the sender: in memory that they share. */
struct tally {
	uint64_t octets, packets;
};

static struct tally *
tally_new(void)
{
	struct tally *t = mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (t == MAP_FAILED)
		bench_die("mmap");
	return t;
}

struct addr {
	struct sockaddr_storage ss;
	socklen_t len;
};

static struct addr
address(const char *s, uint16_t port)
{
	struct addr a = { 0 };
	struct sockaddr_in6 *v6 = (void *)&a.ss;
	struct sockaddr_in *v4 = (void *)&a.ss;

	if (in6_parse(s, &v6->sin6_addr) == 0) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		a.len = sizeof(*v6);
	} else if (in4_parse(s, &v4->sin_addr) == 0) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		a.len = sizeof(*v4);
	} else {
		errno = EINVAL;
		bench_die("dst=%s", s);
	}
	return a;
}

static int
open_socket(int family, int type)
{
	int fd = socket(family, type | SOCK_CLOEXEC, 0), size = BUF;

	if (fd < 0)
		bench_die("socket");
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	return fd;
}

/* --- the receiver ------------------------------------------------------ */

static void
receive_udp(int fd, struct tally *t)
{
	static char data[BATCH][SIZE_MAX_UDP];
	struct mmsghdr h[BATCH] = { 0 };
	struct iovec iov[BATCH];

	for (unsigned i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){ data[i], sizeof(data[i]) };
		h[i].msg_hdr.msg_iov = &iov[i];
		h[i].msg_hdr.msg_iovlen = 1;
	}
	for (;;) {
		int n = recvmmsg(fd, h, BATCH, MSG_WAITFORONE, NULL);

		if (n < 0)
			bench_die("recvmmsg");
		t->packets += (uint64_t)n;
	}
}

static void
receive_tcp(int fd, struct tally *t)
{
	static char data[TCP_CHUNK];
	int conn = accept(fd, NULL, NULL);
	ssize_t n;

	if (conn < 0)
		bench_die("accept");
	while ((n = recv(conn, data, sizeof(data), 0)) > 0)
		t->octets += (uint64_t)n;
	for (;;)
		pause();
}

/* A child in the other namespace that counts what it gets, until killed. */
static pid_t
receiver(const char *ns, const struct addr *a, bool tcp, struct tally *t)
{
	int ready[2];
	char c;
	pid_t pid;

	if (pipe(ready) < 0 || (pid = fork()) < 0)
		bench_die("fork");
	if (pid == 0) {
		int fd;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		bench_enter(ns);
		fd = open_socket(a->ss.ss_family, tcp ? SOCK_STREAM :
		    SOCK_DGRAM);
		if (bind(fd, (const void *)&a->ss, a->len) < 0 ||
		    (tcp && listen(fd, 1) < 0))
			bench_die("bind");
		if (write(ready[1], "r", 1) != 1)
			_exit(1);
		if (tcp)
			receive_tcp(fd, t);
		else
			receive_udp(fd, t);
		_exit(0);
	}
	close(ready[1]);
	if (read(ready[0], &c, 1) != 1)
		exit(1);			/* it has said why */
	close(ready[0]);
	return pid;
}

/* --- the sender -------------------------------------------------------- */

/* One batch of datagrams; how many the kernel took. */
static unsigned
send_batch(int fd, struct mmsghdr *h)
{
	int r = sendmmsg(fd, h, BATCH, 0);

	if (r < 0 && errno != ENOBUFS && errno != EAGAIN)
		bench_die("sendmmsg");
	return r > 0 ? (unsigned)r : 0;
}

/* Datagrams until `until`; how many the kernel took. */
static uint64_t
send_udp(int fd, struct addr *to, unsigned n, size_t size, uint64_t until)
{
	static char data[SIZE_MAX_UDP];
	struct mmsghdr h[BATCH] = { 0 };
	struct iovec iov = { data, size };
	uint64_t sent = 0;
	unsigned at = 0;

	while (bench_ns() < until) {
		for (unsigned i = 0; i < BATCH; i++) {
			h[i].msg_hdr.msg_iov = &iov;
			h[i].msg_hdr.msg_iovlen = 1;
			h[i].msg_hdr.msg_name = &to[at].ss;
			h[i].msg_hdr.msg_namelen = to[at].len;
			at = (at + 1) % n;
		}
		sent += send_batch(fd, h);
	}
	return sent;
}

static uint64_t
send_tcp(int fd, const struct addr *to, uint64_t until)
{
	static char data[TCP_CHUNK];
	uint64_t sent = 0;
	ssize_t n = 0;

	if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, TCP_CONTROL,
	    sizeof(TCP_CONTROL) - 1) < 0)
		bench_die("congestion control");
	if (connect(fd, (const void *)&to->ss, to->len) < 0)
		bench_die("connect");
	while (n >= 0 && bench_ns() < until) {
		n = send(fd, data, sizeof(data), 0);
		sent += n > 0 ? (uint64_t)n : 0;
	}
	return sent;
}

static void
flow(char **w, bool tcp)
{
	struct addr a = address(bench_arg(w, "dst", ""),
	    (uint16_t)bench_arg_u(w, "port", 7001));
	struct tally *t = tally_new();
	size_t size = MIN_OF(bench_arg_u(w, "size", SIZE_SMALL),
	    (uint64_t)SIZE_MAX_UDP);
	uint64_t ms = bench_arg_u(w, "ms", 1000), begun, cpu, sent;
	pid_t pid;
	int fd;

	pid = receiver(bench_arg(w, "to", ""), &a, tcp, t);
	bench_enter(bench_arg(w, "from", ""));
	fd = open_socket(a.ss.ss_family, tcp ? SOCK_STREAM : SOCK_DGRAM);
	cpu = bench_cpu_ns(getpid()) + (tcp ? bench_cpu_ns(pid) : 0);
	begun = bench_ns();
	sent = tcp ? send_tcp(fd, &a, begun + ms * NS_PER_MS) :
	    send_udp(fd, &a, 1, size, begun + ms * NS_PER_MS);
	cpu = bench_cpu_ns(getpid()) + (tcp ? bench_cpu_ns(pid) : 0) - cpu;
	if (tcp)
		shutdown(fd, SHUT_WR);
	(void)poll(NULL, 0, LINGER_MS);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	printf("{\"sent\":%llu,\"received\":%llu,\"cpu_s\":%.6f}\n",
	    (unsigned long long)sent, (unsigned long long)(tcp ? t->octets :
	    t->packets), (double)cpu / 1e9);
}

/* --- bursts ------------------------------------------------------------ */

static uint64_t
ask(int clock)
{
	char line[32];
	ssize_t n = -1;

	if (write(clock, "\n", 1) == 1)
		n = read(clock, line, sizeof(line) - 1);
	if (n <= 0)
		bench_die("clock");
	line[n] = '\0';
	return strtoull(line, NULL, 10);
}

/* At least `packets` of them; nanoseconds for each. */
static uint64_t
burst_one(int fd, int clock, struct addr *to, unsigned packets, pid_t pid,
    const volatile struct tally *t)
{
	char data[SIZE_SMALL] = { 0 };
	struct iovec iov = { data, sizeof(data) };
	struct mmsghdr h[BATCH] = { 0 };
	uint64_t before = t->packets, sent = 0, cpu;

	for (unsigned i = 0; i < BATCH; i++)
		h[i].msg_hdr = (struct msghdr){ .msg_iov = &iov,
			.msg_iovlen = 1, .msg_name = &to->ss,
			.msg_namelen = to->len };
	kill(pid, SIGSTOP);
	(void)poll(NULL, 0, STOPS_MS);
	cpu = ask(clock);
	while (sent < packets)
		sent += send_batch(fd, h);
	cpu = ask(clock) - cpu;
	kill(pid, SIGCONT);
	for (unsigned i = 0; i < LINGER_MS && t->packets < before + sent; i++)
		(void)poll(NULL, 0, 1);
	if (t->packets != before + sent) {
		errno = ENOBUFS;
		bench_die("packets were lost");
	}
	return cpu / sent;
}

static void
burst(char **w)
{
	struct addr a = address(bench_arg(w, "dst", ""),
	    (uint16_t)bench_arg_u(w, "port", 7001));
	struct tally *t = tally_new();
	int clock = open(bench_arg(w, "clock", ""), O_RDWR | O_CLOEXEC), fd;
	unsigned packets = (unsigned)bench_arg_u(w, "packets", 512);
	unsigned n = (unsigned)bench_arg_u(w, "n", 32);
	pid_t pid;

	if (clock < 0)
		bench_die("clock=");
	pid = receiver(bench_arg(w, "to", ""), &a, false, t);
	bench_enter(bench_arg(w, "from", ""));
	fd = open_socket(a.ss.ss_family, SOCK_DGRAM);
	printf("{\"ns\":[");
	for (unsigned i = 0; i < n; i++)
		printf("%s%llu", i > 0 ? "," : "", (unsigned long long)
		    burst_one(fd, clock, &a, packets, pid, t));
	printf("]}\n");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void
spray(char **w)
{
	struct addr first = address(bench_arg(w, "dst", ""),
	    (uint16_t)bench_arg_u(w, "port", 7001));
	unsigned n = (unsigned)bench_arg_u(w, "n", 1);
	struct addr *to = calloc(n, sizeof(*to));
	uint64_t cpu, sent;
	int fd;

	if (to == NULL || n == 0 || first.ss.ss_family != AF_INET6)
		bench_die("n=, dst=");
	for (unsigned i = 0; i < n; i++) {
		struct sockaddr_in6 *s = (void *)&to[i].ss;
		/* not in order: no router's tree is walked like that */
		uint64_t k = (uint64_t)i * 61803 % n, carry = k;

		to[i] = first;
		for (int b = 7; b >= 0 && carry != 0; b--) {
			carry += s->sin6_addr.s6_addr[b];
			s->sin6_addr.s6_addr[b] = (uint8_t)carry;
			carry >>= 8;
		}
	}
	bench_enter(bench_arg(w, "from", ""));
	fd = open_socket(AF_INET6, SOCK_DGRAM);
	cpu = bench_cpu_ns(getpid());
	sent = send_udp(fd, to, n, SIZE_SMALL, bench_ns() + bench_arg_u(w, "ms",
	    1000) * NS_PER_MS);
	cpu = bench_cpu_ns(getpid()) - cpu;
	printf("{\"sent\":%llu,\"cpu_s\":%.6f}\n", (unsigned long long)sent,
	    (double)cpu / 1e9);
	free(to);
}

/* --- ping -------------------------------------------------------------- */

struct pings {
	double *arrived;		/* by sequence number; 0: not */
	uint32_t n;
	uint16_t id;
	int fd;
};

static double
wall_s(void)
{
	return (double)bench_wall_us() / 1e6;
}

static void
ping_send(struct pings *p)
{
	struct { struct icmp6_hdr h; uint32_t n; } m = {
		.h.icmp6_type = ICMP6_ECHO_REQUEST, .n = p->n };

	m.h.icmp6_id = htons(p->id);
	m.h.icmp6_seq = htons((uint16_t)p->n);
	/* one that has no way is a lost one */
	(void)!send(p->fd, &m, sizeof(m), MSG_DONTWAIT);
	p->n++;
}

static void
ping_receive(struct pings *p)
{
	struct { struct icmp6_hdr h; uint32_t n; } m;

	while (recv(p->fd, &m, sizeof(m), MSG_DONTWAIT) ==
	    (ssize_t)sizeof(m)) {
		if (m.h.icmp6_id == htons(p->id) && m.n < p->n &&
		    p->arrived[m.n] == 0)
			p->arrived[m.n] = wall_s();
	}
}

static void
ping_report(const struct pings *p)
{
	double before = 0;
	uint32_t lost = 0;

	for (uint32_t i = 0; i < p->n; i++) {
		if (p->arrived[i] == 0) {
			lost++;
			continue;
		}
		if (lost > 0)
			printf("[%.6f, %.6f, %u]\n", before, p->arrived[i],
			    lost);
		lost = 0;
		before = MAX_OF(before, p->arrived[i]);
	}
}

static void
ping(char **w)
{
	struct addr a = address(bench_arg(w, "dst", ""), 0);
	uint64_t us = bench_arg_u(w, "interval", 1000);
	uint64_t until = bench_ns() + bench_arg_u(w, "seconds", 60) * NS_PER_S;
	struct itimerspec it = { .it_interval.tv_nsec = (long)us * 1000,
		.it_value.tv_nsec = 1 };
	struct pings p = { .arrived = calloc(PINGS_MAX,
	    sizeof(*p.arrived)), .id = (uint16_t)getpid() };
	struct icmp6_filter only;
	int timer = timerfd_create(CLOCK_MONOTONIC, 0);
	uint64_t due;

	bench_enter(bench_arg(w, "from", ""));
	p.fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6);
	ICMP6_FILTER_SETBLOCKALL(&only);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &only);
	if (p.arrived == NULL || timer < 0 || p.fd < 0 || setsockopt(p.fd,
	    IPPROTO_ICMPV6, ICMP6_FILTER, &only, sizeof(only)) < 0 ||
	    connect(p.fd, (const void *)&a.ss, a.len) < 0 ||
	    timerfd_settime(timer, 0, &it, NULL) < 0)
		bench_die("ping");
	for (;;) {
		struct pollfd fds[] = { { .fd = p.fd, .events = POLLIN },
			{ .fd = timer, .events = POLLIN },
			{ .fd = 0, .events = POLLIN } };

		if (poll(fds, ARRAY_LEN(fds), 100) < 0)
			bench_die("poll");
		ping_receive(&p);
		if (fds[2].revents != 0 || bench_ns() > until)
			break;
		if (fds[1].revents == 0 ||
		    read(timer, &due, sizeof(due)) != sizeof(due))
			continue;
		for (; due > 0 && p.n < PINGS_MAX; due--)
			ping_send(&p);
	}
	(void)poll(NULL, 0, LINGER_MS);
	ping_receive(&p);
	ping_report(&p);
	free(p.arrived);
}

/* --- watch ------------------------------------------------------------- */

/* What waits for nothing but a timer and comes before everything else is late
 * when the processor stands still: the hypervisor has it. */
static void
watch_one(int cpu, uint64_t until)
{
	const struct sched_param first = { .sched_priority = 1 };
	const double late = WATCH_LATE_US / 1e6;
	struct timespec pause = { .tv_nsec = WATCH_US * 1000 };
	cpu_set_t only;

	CPU_ZERO(&only);
	CPU_SET((size_t)cpu, &only);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (sched_setaffinity(0, sizeof(only), &only) < 0 ||
	    sched_setscheduler(0, SCHED_FIFO, &first) < 0)
		bench_die("watch");
	while (bench_ns() < until) {
		double due = wall_s() + WATCH_US / 1e6, now;

		(void)nanosleep(&pause, NULL);
		now = wall_s();
		if (now > due + late) {
			printf("[%d, %.6f, %.6f]\n", cpu, due, now);
			fflush(stdout);
		}
	}
	exit(0);
}

static void
watch(char **w)
{
	uint64_t until = bench_ns() + bench_arg_u(w, "seconds", 60) * NS_PER_S;
	int n = (int)sysconf(_SC_NPROCESSORS_ONLN);
	struct pollfd in = { .fd = 0, .events = POLLIN };

	for (int cpu = 0; cpu < n; cpu++) {
		pid_t pid = fork();

		if (pid < 0)
			bench_die("fork");
		if (pid == 0)
			watch_one(cpu, until);
	}
	while (in.revents == 0 && bench_ns() < until)
		(void)poll(&in, 1, 100);
}

int
main(int argc, char **argv)
{
	const char *mode = argc > 1 ? bench_arg(argv + 1, "mode", "") : "";

	errno = EINVAL;
	if (strcmp(mode, "udp") == 0 || strcmp(mode, "tcp") == 0)
		flow(argv + 1, mode[0] == 't');
	else if (strcmp(mode, "burst") == 0)
		burst(argv + 1);
	else if (strcmp(mode, "spray") == 0)
		spray(argv + 1);
	else if (strcmp(mode, "ping") == 0)
		ping(argv + 1);
	else if (strcmp(mode, "watch") == 0)
		watch(argv + 1);
	else
		bench_die("mode=%s", mode);
	return 0;
}

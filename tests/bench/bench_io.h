/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the benchmark's programs share: a raw IPv6 socket that moves packets by
 * the batch, the clocks, and a namespace to enter.
 */
#ifndef PMIP_BENCH_IO_H
#define PMIP_BENCH_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/socket.h>
#include <sys/types.h>

#include <netinet/in.h>

#include "core/addr.h"

#define BENCH_BATCH 64		/* as the daemon's own transport */
#define BENCH_PKT_MAX 512
#define BENCH_ECHO_PROTO 253	/* RFC 3692: for experiments; the floor's */

union bench_ctl {
	struct cmsghdr align;
	uint8_t b[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

/* One packet; `near` is our address, `far` the other one. */
struct bench_pkt {
	struct in6_addr near, far;
	size_t len;
	uint8_t data[BENCH_PKT_MAX];
};

/* A batch and all that the two system calls want to know of it. */
struct bench_batch {
	struct mmsghdr h[BENCH_BATCH];
	struct iovec iov[BENCH_BATCH];
	struct sockaddr_in6 addr[BENCH_BATCH];
	union bench_ctl ctl[BENCH_BATCH];
	struct bench_pkt pkt[BENCH_BATCH];
};

/*
 * A raw socket of that protocol, with packet information, the checksum of a
 * Mobility Header kept by the kernel, and `buf` octets of buffers either way.
 * Exits with a message when it cannot.
 */
int bench_socket(int proto, int buf);
/* Send from any address that the namespace routes to itself. */
void bench_any_source(int fd);
/* Receive up to a batch without waiting: how many, 0 none. */
int bench_recv(int fd, struct bench_batch *b);
/* Send the first n; waits for room.  How many the kernel refused. */
unsigned bench_send(int fd, struct bench_batch *b, unsigned n);

/* A packet socket for whole frames of that protocol; exits when it cannot. */
int bench_link(const char *ifname, uint16_t ethertype);
/* The MAC address of an access link's node: 02:00:00:NN:NN:NN. */
struct mac bench_node_mac(uint32_t node);

/* Nanoseconds of CLOCK_MONOTONIC; microseconds since 1970. */
uint64_t bench_ns(void);
int64_t bench_wall_us(void);
/* CPU time of a process so far, ns; exits when there is no such process. */
uint64_t bench_cpu_ns(pid_t pid);

/* Enter the network namespace at `path`; exits when it cannot. */
void bench_enter(const char *path);
/* Print "NAME: message: errno" and leave with status 1. */
void bench_die(const char *fmt, ...)
    __attribute__((noreturn, format(printf, 1, 2)));

/* "key=value" in words: the value of `key`, or `def`. */
const char *bench_arg(char *const *words, const char *key, const char *def);
uint64_t bench_arg_u(char *const *words, const char *key, uint64_t def);

#endif

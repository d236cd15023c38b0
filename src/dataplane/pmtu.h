/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Path MTU of outer packets: listens for what the core says to them.
 */
#ifndef PMIP_PMTU_H
#define PMIP_PMTU_H

#include <stdint.h>

#include <netinet/in.h>

struct log;
struct loop;
struct pmtu;

/* A Packet Too Big came for a packet of ours to `remote`. */
typedef void pmtu_fn(void *ctx, const struct in6_addr *remote, uint32_t mtu);

/* `local`: our tunnel end point, :: any. 0 or -errno (CAP_NET_RAW). */
int pmtu_new(struct loop *l, struct log *log, const struct in6_addr *local,
    pmtu_fn *fn, void *ctx, struct pmtu **ret);
/* NULL is accepted. */
void pmtu_free(struct pmtu *p);

#endif

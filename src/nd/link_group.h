/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside nd: multicast groups that an interface is a member of (link_sock.c
 * owns one set). */
#ifndef PMIP_LINK_GROUP_H
#define PMIP_LINK_GROUP_H

#include <stdint.h>

#include <netinet/in.h>

/* Groups a daemon is a member of, at most; see link_group.c. */
#define LINK_GROUPS_MAX 4096

struct link_groups;

/* Aborts when out of memory. */
struct link_groups *link_groups_new(void);
/* Leaves them all. NULL is accepted. */
void link_groups_free(struct link_groups *g);
/* One user more of a group; the first one joins it. 0 or -errno (-ENOSPC). */
int link_groups_join(struct link_groups *g, uint32_t ifindex,
    const struct in6_addr *addr);
/* One user less; the last one leaves it. One that is no member is accepted. */
void link_groups_leave(struct link_groups *g, uint32_t ifindex,
    const struct in6_addr *addr);
/* Forget an interface, which may be gone already; 0: all of them. */
void link_groups_forget(struct link_groups *g, uint32_t ifindex);

#endif

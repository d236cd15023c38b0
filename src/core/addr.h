/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IPv6/IPv4 addresses, prefixes, Ethernet addresses: compare, mask, classify,
 * read and print.  Pure.
 */
#ifndef PMIP_ADDR_H
#define PMIP_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <netinet/in.h>
#include <sys/socket.h>

#define ADDR_STRLEN 48		/* "addr/len" of either family, with NUL */
#define MAC_STRLEN 18

/* An address or prefix of either family.  family 0: none. */
struct prefix {
	uint8_t family;		/* AF_INET6, AF_INET or 0 */
	uint8_t len;		/* bits: 0..128 or 0..32 */
	union {
		struct in6_addr in6;
		struct in_addr in4;
	};
};

struct mac {
	uint8_t b[6];
};

static inline bool
in6_eq(const struct in6_addr *a, const struct in6_addr *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}
static inline bool
in6_is_zero(const struct in6_addr *a)
{
	static const struct in6_addr zero;

	return in6_eq(a, &zero);
}
bool in6_is_linklocal(const struct in6_addr *a);
/*
 * Usable as a care-of or home address: not unspecified, loopback, multicast,
 * link-local, IPv4-mapped nor documentation-neutral special (RFC 6275 9.5.1).
 * Documentation prefixes and ULA are allowed.
 */
bool in6_is_global_unicast(const struct in6_addr *a);
/* Of one host: not 0.0.0.0/8, loopback, multicast nor 240.0.0.0/4. */
bool in4_is_host(const struct in_addr *a);
/* Clear the bits behind `len`. */
void in6_mask(struct in6_addr *a, unsigned len);
/* fe80:: + modified EUI-64 of the MAC address (RFC 4291 appendix A). */
void in6_linklocal_of_mac(const struct mac *m, struct in6_addr *ret);

void prefix_from_in6(struct prefix *p, const struct in6_addr *a, unsigned len);
/* An IPv4 address as a prefix: all 32 bits. */
static inline struct prefix
prefix_host4(const struct in_addr *a)
{
	return (struct prefix){ .family = AF_INET, .len = 32, .in4 = *a };
}
static inline bool
prefix_eq(const struct prefix *a, const struct prefix *b)
{
	if (a->family != b->family || a->len != b->len)
		return false;
	return a->family == AF_INET6 ? in6_eq(&a->in6, &b->in6) :
	    a->family != AF_INET || a->in4.s_addr == b->in4.s_addr;
}
/* Does `outer` cover all of `inner`?  False across families. */
bool prefix_covers(const struct prefix *outer, const struct prefix *inner);
bool prefix_overlaps(const struct prefix *a, const struct prefix *b);

bool mac_eq(const struct mac *a, const struct mac *b);
bool mac_is_zero(const struct mac *a);
bool mac_is_unicast(const struct mac *a);

/* Into buf (at least the *_STRLEN above); return buf. */
char *in6_str(const struct in6_addr *a, char *buf);
char *in4_str(const struct in_addr *a, char *buf);
char *prefix_str(const struct prefix *p, char *buf);
char *mac_str(const struct mac *m, char *buf);

/* 0 or -EINVAL. prefix_parse() accepts a bare address as /128 or /32 and
 * refuses host bits behind the length (-ERANGE). */
int in6_parse(const char *s, struct in6_addr *ret);
int in4_parse(const char *s, struct in_addr *ret);
int prefix_parse(const char *s, struct prefix *ret);
int mac_parse(const char *s, struct mac *ret);

#endif

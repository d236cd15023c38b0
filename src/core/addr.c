/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses and prefixes.
 */
#include "core/addr.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/util.h"

bool
in6_is_linklocal(const struct in6_addr *a)
{
	return IN6_IS_ADDR_LINKLOCAL(a);
}

bool
in6_is_global_unicast(const struct in6_addr *a)
{
	return !IN6_IS_ADDR_UNSPECIFIED(a) && !IN6_IS_ADDR_LOOPBACK(a) &&
	    !IN6_IS_ADDR_MULTICAST(a) && !IN6_IS_ADDR_LINKLOCAL(a) &&
	    !IN6_IS_ADDR_SITELOCAL(a) && !IN6_IS_ADDR_V4MAPPED(a) &&
	    !IN6_IS_ADDR_V4COMPAT(a);
}

/* Clear the bits of n octets behind the first `len`. */
static void
mask_bits(uint8_t *p, size_t n, unsigned len)
{
	size_t whole = len / 8;

	if (whole >= n)
		return;
	p[whole] &= (uint8_t)(0xff00 >> len % 8);
	memset(&p[whole + 1], 0, n - whole - 1);
}

void
in6_mask(struct in6_addr *a, unsigned len)
{
	mask_bits(a->s6_addr, sizeof(a->s6_addr), len);
}

void
in6_linklocal_of_mac(const struct mac *m, struct in6_addr *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->s6_addr[0] = 0xfe;
	ret->s6_addr[1] = 0x80;
	memcpy(&ret->s6_addr[8], m->b, 3);
	ret->s6_addr[8] ^= 0x02;	/* universal/local bit */
	ret->s6_addr[11] = 0xff;
	ret->s6_addr[12] = 0xfe;
	memcpy(&ret->s6_addr[13], m->b + 3, 3);
}

void
prefix_from_in6(struct prefix *p, const struct in6_addr *a, unsigned len)
{
	memset(p, 0, sizeof(*p));
	p->family = AF_INET6;
	p->len = (uint8_t)len;
	p->in6 = *a;
	in6_mask(&p->in6, len);
}

static size_t
family_octets(uint8_t family)
{
	return family == AF_INET6 ? 16 : family == AF_INET ? 4 : 0;
}

/* Are the first bits the same? */
static bool
bits_eq(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	for (; bits > 0; a += 8, b += 8, bits -= MIN_OF(bits, 64U)) {
		uint64_t x, y, mask = UINT64_MAX;

		if (bits < 64)
			mask <<= 64 - bits;
		memcpy(&x, a, sizeof(x));
		memcpy(&y, b, sizeof(y));
		if (((x ^ y) & htobe64(mask)) != 0)
			return false;
	}
	return true;
}

bool
prefix_covers(const struct prefix *outer, const struct prefix *inner)
{
	return outer->family == inner->family && outer->len <= inner->len &&
	    bits_eq(outer->in6.s6_addr, inner->in6.s6_addr, outer->len);
}

bool
prefix_overlaps(const struct prefix *a, const struct prefix *b)
{
	return prefix_covers(a, b) || prefix_covers(b, a);
}

bool
in4_is_host(const struct in_addr *a)
{
	uint8_t first = (uint8_t)(ntohl(a->s_addr) >> 24);

	return first != 0 && first != 127 && first < 224;
}

bool
mac_eq(const struct mac *a, const struct mac *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

bool
mac_is_zero(const struct mac *a)
{
	static const struct mac zero;

	return mac_eq(a, &zero);
}

bool
mac_is_unicast(const struct mac *a)
{
	return (a->b[0] & 1) == 0 && !mac_is_zero(a);
}

char *
in6_str(const struct in6_addr *a, char *buf)
{
	if (inet_ntop(AF_INET6, a, buf, ADDR_STRLEN) == NULL)
		memcpy(buf, "?", 2);
	return buf;
}

char *
in4_str(const struct in_addr *a, char *buf)
{
	if (inet_ntop(AF_INET, a, buf, ADDR_STRLEN) == NULL)
		memcpy(buf, "?", 2);
	return buf;
}

char *
prefix_str(const struct prefix *p, char *buf)
{
	unsigned host = p->family == AF_INET6 ? 128 : 32;
	size_t n;

	if (p->family == 0 ||
	    inet_ntop(p->family, &p->in6, buf, ADDR_STRLEN) == NULL) {
		memcpy(buf, "-", 2);
		return buf;
	}
	n = strlen(buf);
	if (p->len != host || p->family == AF_INET6)
		snprintf(buf + n, ADDR_STRLEN - n, "/%u", p->len);
	return buf;
}

char *
mac_str(const struct mac *m, char *buf)
{
	snprintf(buf, MAC_STRLEN, "%02x:%02x:%02x:%02x:%02x:%02x", m->b[0],
	    m->b[1], m->b[2], m->b[3], m->b[4], m->b[5]);
	return buf;
}

int
in6_parse(const char *s, struct in6_addr *ret)
{
	struct in6_addr a;

	if (inet_pton(AF_INET6, s, &a) != 1)
		return -EINVAL;
	*ret = a;
	return 0;
}

int
in4_parse(const char *s, struct in_addr *ret)
{
	struct in_addr a;

	if (inet_pton(AF_INET, s, &a) != 1)
		return -EINVAL;
	*ret = a;
	return 0;
}

/* "64" -> 64; -EINVAL when it is no plain number up to max. */
static int
parse_len(const char *s, unsigned max, uint8_t *ret)
{
	unsigned v = 0;

	if (*s == '\0' || strlen(s) > 3)
		return -EINVAL;
	for (; *s != '\0'; s++) {
		if (*s < '0' || *s > '9')
			return -EINVAL;
		v = v * 10 + (unsigned)(*s - '0');
	}
	if (v > max)
		return -EINVAL;
	*ret = (uint8_t)v;
	return 0;
}

int
prefix_parse(const char *s, struct prefix *ret)
{
	const char *slash = strchr(s, '/');
	size_t n = slash != NULL ? (size_t)(slash - s) : strlen(s);
	struct prefix p = { .family = AF_INET6, .len = 128 };
	uint8_t masked[16];
	char addr[ADDR_STRLEN];

	if (n >= sizeof(addr))
		return -EINVAL;
	memcpy(addr, s, n);
	addr[n] = '\0';
	if (in6_parse(addr, &p.in6) < 0) {
		if (in4_parse(addr, &p.in4) < 0)
			return -EINVAL;
		p.family = AF_INET;
		p.len = 32;
	}
	if (slash != NULL && parse_len(slash + 1, p.len, &p.len) < 0)
		return -EINVAL;
	n = family_octets(p.family);
	memcpy(masked, &p.in6, n);
	mask_bits(masked, n, p.len);
	if (memcmp(masked, &p.in6, n) != 0)
		return -ERANGE;
	*ret = p;
	return 0;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int
mac_parse(const char *s, struct mac *ret)
{
	struct mac m;

	if (strlen(s) != MAC_STRLEN - 1)
		return -EINVAL;
	for (unsigned i = 0; i < 6; i++, s += 3) {
		int hi = hex_digit(s[0]), lo = hex_digit(s[1]);

		if (hi < 0 || lo < 0 || (i < 5 && s[2] != ':' && s[2] != '-'))
			return -EINVAL;
		m.b[i] = (uint8_t)(hi << 4 | lo);
	}
	*ret = m;
	return 0;
}

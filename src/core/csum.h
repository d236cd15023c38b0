/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Internet checksum (RFC 1071) of IPv4, UDP, ICMPv6 and the Mobility
 * Header.  Pure.
 *
 * The sum is taken in 32-bit words, which is the same modulo 2^16 - 1 and half
 * the work; 2^32 words would be needed to overflow the accumulator.
 */
#ifndef PMIP_CSUM_H
#define PMIP_CSUM_H

#include <stdint.h>

#include <netinet/in.h>

struct cur;

/* Add all octets left in `c`, as if followed by zeros up to a whole word. */
uint64_t csum_add(uint64_t sum, struct cur *c);
/* The pseudo-header of RFC 8200 8.1 for a payload of `len` octets. */
uint64_t csum_pseudo6(const struct in6_addr *src, const struct in6_addr *dst,
    uint32_t len, uint8_t proto);
/* The same of IPv4 (RFC 768). */
uint64_t csum_pseudo4(const struct in_addr *src, const struct in_addr *dst,
    uint16_t len, uint8_t proto);
/* What goes into the header; 0 over something whose checksum is right. */
uint16_t csum_fold(uint64_t sum);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The names of the exchange tests: who is who in all of their worlds.
 */
#ifndef PMIP_TEST_NAMES_H
#define PMIP_TEST_NAMES_H

#include "core/clock.h"

/* home agents, proxy mobile agents */
#define HA "2001:db8:a::1"
#define HA2 "2001:db8:a::2"
#define P1 "2001:db8:b::1"
#define P2 "2001:db8:b::2"
#define P3 "2001:db8:b::3"
/* mobile nodes, and what is theirs */
#define MN1 "mn1@example.com"
#define MN2 "mn2@example.com"
#define HNP1 "2001:db8:1:1::/64"
#define HNP2 "2001:db8:1:2::/64"
#define MAC1 "02:00:00:00:01:01"
#define MAC2 "02:00:00:00:01:02"
#define MAC3 "02:00:00:00:01:03"

#define SEC USEC_PER_SEC
#define MSEC USEC_PER_MSEC

#endif

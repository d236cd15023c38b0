/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the packet programs and the daemon agree on: the maps' keys and values,
 * the counters.  Addresses are in network order, everything else in the
 * host's.  A path's entry is what a binding costs the kernel, so it is small.
 */
#ifndef PMIP_PMIP_BPF_H
#define PMIP_PMIP_BPF_H

#include <linux/types.h>

/* Counters of packets; see pmip_counter_desc in bpf_maps.c.  From
 * PMIP_C_FILTERS on each is a filter's: packets it dropped. */
enum pmip_counter {
	PMIP_C_ENCAP, PMIP_C_DECAP, PMIP_C_DELIVERED, PMIP_C_NATIVE,
	PMIP_C_NO_PATH, PMIP_C_NO_ROUTE, PMIP_C_ERROR,
	PMIP_C_FILTERS,
	PMIP_C_SPOOF = PMIP_C_FILTERS, PMIP_C_HOTI, PMIP_C_NOT_HOSTED,
	PMIP_C_ACCESS_SPOOF, PMIP_C_ACCESS_MAC, PMIP_C_ACCESS_LINKLOCAL,
	PMIP_C_ACCESS_RA, PMIP_C_ACCESS_NEIGH,
	PMIP_C_MAX
};

enum { PMIP_SIDE_HA, PMIP_SIDE_PMA, PMIP_SIDES };

/*
 * What the programs are loaded with, a constant to the kernel: what this daemon
 * has no use for is not there to be verified, or to be run.
 */
struct pmip_build {
	__u32 sides;			/* bit per PMIP_SIDE_* */
	__u32 fast;			/* dataplane: fast-path */
};

struct pmip_addr {
	__u8 b[16];
};

/* The one element of map pmip_conf. */
struct pmip_conf {
	__u32 anchor[PMIP_SIDES];	/* ifindex; 0: none */
	__u32 run;			/* the number of the latest */
	__u32 divert;			/* requests for home agents to us */
};

/* Home agent address discovery (RFC 6275 6.5), to identifier 126 of a /64
 * (RFC 2526 2). */
#define PMIP_HAAD_REQUEST 144
#define PMIP_HAAD_IID 0xfdfffffffffffffeULL

/* A tunnel under the bpf backend: pmip_peers[peer]. */
struct pmip_peer {
	struct pmip_addr local, remote;
	struct pmip_addr nexthop;	/* of the outer packet, on oif */
	__u32 oif;			/* 0: there is no route to the peer */
	__u32 flags;
};

/* The next hop's link-layer address is known: go there without a lookup. */
#define PMIP_PEER_DIRECT 1
/* It is this machine, in its other role. */
#define PMIP_PEER_SELF 2

/* Key of pmip_peer_ids; its value is an index into pmip_peers. */
struct pmip_ends {
	struct pmip_addr local, remote;
};

/* Keys of paths: the first 64 bits of an IPv6 address; or all of it, or an IPv4
 * address as ::ffff:a.b.c.d. */
struct pmip_key64 {
	__u8 b[8];
};

struct pmip_key128 {
	__u8 b[16];
} __attribute__((aligned(8)));

/*
 * Where a path leads to, in a field of the mark of every packet that comes from
 * an access link: 0 to the tunnels (by its source), PMIP_STEER_NATIVE past them
 * (the prefix is hosted without one).  In between, under ip6tnl: to the tunnel
 * of that slot, for IPv4 routes know no sources.
 */
#define PMIP_MARK_SHIFT 20
#define PMIP_MARK_MASK 0x0ff00000U
#define PMIP_STEER_NATIVE 0xff
/* The `peer` of a prefix hosted without a tunnel: nobody's. */
#define PMIP_PEER_NATIVE 0xffffffffU

/*
 * Paths.  `peer` of both kinds: index into pmip_peers under the bpf backend,
 * ifindex of the tunnel device under ip6tnl.  `run`: low octet of the number of
 * the daemon's run that set it; sweep() removes those of earlier runs.
 */

/* A proxy mobile agent's. */
struct pmip_pma_path {
	__u32 peer;
	__u32 ifindex;			/* of the access link */
	__u8 mac[6];			/* zero: any (point-to-point link) */
	__u8 run;
	__u8 steer;			/* PMIP_STEER_NATIVE, ... */
};

/*
 * A home agent's: slots of the array pmip_ha, a hash table that the daemon
 * writes in memory it shares with the programs; see pmip_ha_find.h.
 */
struct pmip_ha_path {
	struct pmip_key128 key;		/* a /64 without the rest, or as above */
	__u32 peer;
	__u8 len;			/* of the key, in bits; or PMIP_HA_* */
	__u8 run;
	__u8 pad[2];
};

/* Values of `len` that are none. */
#define PMIP_HA_EMPTY 0
#define PMIP_HA_MOVING 0xff

/* Slot 0. */
struct pmip_ha_head {
	__u64 seed[2];
	__u32 homes;			/* slots that a key can hash to */
	__u32 moves;			/* entries that came to another slot */
};

/* A key is in its home slot or in one of so many minus one behind it. */
#define PMIP_HA_REACH 128
/* Slots for `n` paths: half of the homes are free. */
#define PMIP_HA_SLOTS(n) (1 + 2 * (n) + PMIP_HA_REACH)

#endif

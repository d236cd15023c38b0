/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared by the files of the bpf backend, dp_bpf*.c, only. */
#ifndef PMIP_DP_BPF_H
#define PMIP_DP_BPF_H

#include "core/crypto.h"
#include "core/util.h"
#include "dataplane/dp_priv.h"

struct bpf_anchor {
	int fd;
	struct loop_fd *lfd;		/* NULL: nobody reads it */
	uint32_t ifindex;
	uint32_t mtu;
	char name[IFNAMSIZ];
	bool suspect;
};

/* dp_tunnel's priv. */
struct bpf_peer {
	struct pmip_peer map;		/* what the map says */
	uint32_t npaths;
	uint32_t learnt_mtu;		/* from the core; 0: nothing */
	usec_t learnt_until;
};

struct bpf_be {
	struct dp_base base;
	struct htab *hosts;		/* paths with a route of their own */
	struct hash_key hash;		/* for them */
	struct bpf_anchor anchor[PMIP_SIDES];
	struct dp_tunnel **peer;	/* by id */
	uint8_t *taken;			/* ids of an earlier run, until swept */
	uint32_t next_id;
	uint32_t uplink;		/* as configured, at `uplink_at` */
	usec_t uplink_at;
	struct pmtu *pmtu;
	dp_packet_fn *divert;		/* NULL: nobody wants any */
	void *divert_ctx;
};

static inline struct bpf_be *
be_of(struct dp *dp)
{
	return CONTAINER_OF(dp_base_of(dp), struct bpf_be, base);
}

static inline struct bpf_be *
be_of_base(struct dp_base *b)
{
	return CONTAINER_OF(b, struct bpf_be, base);
}

/* --- paths (dp_bpf_path.c) ----------------------------------------------- */

void bpf_path_init(struct bpf_be *e);
void bpf_path_done(struct bpf_be *e);
/* Those of struct dp_ops. */
int bpf_path_set(struct dp *dp, const struct dp_path *p, dp_done_fn *done,
    void *ctx);
void bpf_path_ahead(struct dp *dp, const struct prefix *const *v, size_t n);
int bpf_path_del(struct dp *dp, const struct dp_path *p, dp_done_fn *done,
    void *ctx);
/* Has it a path with a route of its own? */
bool bpf_path_has_host(const struct bpf_be *e, const struct prefix *p);
/* Install these routes once more, for a new anchor. */
void bpf_path_hosts_again(struct bpf_be *e);

#endif

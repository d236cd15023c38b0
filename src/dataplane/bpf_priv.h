/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared by bpf_load.c and bpf_maps.c only. */
#ifndef PMIP_BPF_PRIV_H
#define PMIP_BPF_PRIV_H

#include "dataplane/bpf_load.h"
#include "dataplane/path_table.h"

enum bpf_dp_map { BPF_DP_CONF, BPF_DP_PEERS, BPF_DP_PEER_IDS, BPF_DP_HA,
	BPF_DP_PMA64, BPF_DP_PMA128, BPF_DP_COUNTERS, BPF_DP_MAPS };

struct bpf_object;

struct bpf_dp {
	struct bpf_dp_conf conf;
	struct bpf_object *obj;
	int map[BPF_DP_MAPS];		/* descriptors, owned by obj */
	int prog[BPF_DP_PROGS];
	uint32_t prog_id[BPF_DP_PROGS];
	struct path_table ha;		/* a mapping of BPF_DP_HA */
	unsigned ncpus;
	uint8_t run;
	bool adopted;
	char pin_dir[96];
};

/* Read what an earlier run wrote and take the next number. */
int bpf_dp_begin_run(struct bpf_dp *b);
/* Map the home agent's paths into our memory, and out of it. */
int bpf_dp_ha_map(struct bpf_dp *b);
void bpf_dp_ha_unmap(struct bpf_dp *b);

#endif

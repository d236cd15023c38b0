/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loading, pinning and attaching the packet programs (bpf/pmip.bpf.c).
 *
 * The compiled object is part of the daemon (bpf_image.S): no file can be
 * missing or of another version.  Programs hang on clsact, under a preference
 * of our own and a handle each, so that filters of others live beside them;
 * attaching replaces what an earlier run left there in one step.
 *
 * Maps are pinned only while no daemon runs (on-exit: keep): the next run takes
 * them over and unpins them at once, so a crash leaves no pins that lie.
 */
#include "dataplane/bpf_load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>
#include <sys/vfs.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "core/util.h"
#include "dataplane/bpf_priv.h"

#define BPFFS "/sys/fs/bpf"
#define BPFFS_MAGIC 0xcafe4a11
#define LOG_CAP 65536

extern const uint8_t pmip_bpf_image[], pmip_bpf_image_end[];

static const char *const map_names[BPF_DP_MAPS] = {
	[BPF_DP_CONF] = "pmip_conf", [BPF_DP_PEERS] = "pmip_peers",
	[BPF_DP_PEER_IDS] = "pmip_peer_ids", [BPF_DP_HA] = "pmip_ha",
	[BPF_DP_PMA64] = "pmip_pma64", [BPF_DP_PMA128] = "pmip_pma128",
	[BPF_DP_COUNTERS] = "pmip_counters",
};

static const char *const prog_names[BPF_DP_PROGS] = {
	[BPF_DP_DECAP] = "pmip_decap", [BPF_DP_DECAP_L3] = "pmip_decap_l3",
	[BPF_DP_ENCAP_HA] = "pmip_encap_ha",
	[BPF_DP_ENCAP_PMA] = "pmip_encap_pma",
	[BPF_DP_TUNNEL] = "pmip_tunnel", [BPF_DP_ACCESS] = "pmip_access",
};

static int
load_quiet(enum libbpf_print_level lvl, const char *fmt, va_list ap)
{
	(void)lvl;
	(void)fmt;
	(void)ap;
	return 0;
}

/* How many entries each map gets. */
static uint32_t
map_size(const struct bpf_dp_conf *c, enum bpf_dp_map m)
{
	uint32_t n = 1;

	switch (m) {
	case BPF_DP_PEERS:
	case BPF_DP_PEER_IDS:
		n = c->max_peers;
		break;
	case BPF_DP_HA:
		n = PMIP_HA_SLOTS(c->is_ha ? c->max_paths : 0);
		break;
	case BPF_DP_PMA64:
	case BPF_DP_PMA128:
		n = c->is_pma ? c->max_paths : 1;
		break;
	case BPF_DP_COUNTERS:
		n = PMIP_C_MAX;
		break;
	case BPF_DP_CONF:
	case BPF_DP_MAPS:
		break;
	}
	return MAX_OF(n, 1U);
}

/* --- pins ---------------------------------------------------------------- */

/* One place per network namespace and role; pin names may hold no dot. */
static void
pin_dir_name(struct bpf_dp *b)
{
	struct stat st = { 0 };

	(void)stat("/proc/self/ns/net", &st);
	snprintf(b->pin_dir, sizeof(b->pin_dir), BPFFS "/pmipd-%lu%s%s",
	    (unsigned long)st.st_ino, b->conf.is_ha ? "-ha" : "",
	    b->conf.is_pma ? "-pma" : "");
}

static void
pin_path(const struct bpf_dp *b, enum bpf_dp_map m, char *buf, size_t cap)
{
	snprintf(buf, cap, "%s/%s", b->pin_dir, map_names[m]);
}

const char *
bpf_dp_pin_dir(const struct bpf_dp *b)
{
	return b->pin_dir;
}

int
bpf_dp_pin(struct bpf_dp *b)
{
	struct statfs fs;
	char path[160];

	if (statfs(BPFFS, &fs) < 0 ||
	    (unsigned long)fs.f_type != BPFFS_MAGIC)
		return -ENOTSUP;
	bpf_dp_unpin(b);
	if (mkdir(b->pin_dir, 0700) < 0 && errno != EEXIST)
		return -errno;
	for (int i = 0; i < BPF_DP_MAPS; i++) {
		pin_path(b, i, path, sizeof(path));
		if (bpf_obj_pin(b->map[i], path) < 0) {
			int r = -errno;

			bpf_dp_unpin(b);
			return r;
		}
	}
	return 0;
}

void
bpf_dp_unpin(struct bpf_dp *b)
{
	char path[160];

	for (int i = 0; i < BPF_DP_MAPS; i++) {
		pin_path(b, i, path, sizeof(path));
		(void)unlink(path);
	}
	(void)rmdir(b->pin_dir);
}

/* Use the maps of an earlier run, all of them or none. */
static bool
load_adopt(struct bpf_dp *b)
{
	int fd[BPF_DP_MAPS];
	bool ok = true;
	char path[160];

	for (int i = 0; i < BPF_DP_MAPS; i++)
		fd[i] = -1;
	for (int i = 0; i < BPF_DP_MAPS && ok; i++) {
		struct bpf_map *m = bpf_object__find_map_by_name(b->obj,
		    map_names[i]);
		struct bpf_map_info info = { 0 };
		uint32_t len = sizeof(info);

		pin_path(b, i, path, sizeof(path));
		fd[i] = bpf_obj_get(path);
		ok = fd[i] >= 0 && m != NULL &&
		    bpf_obj_get_info_by_fd(fd[i], &info, &len) == 0 &&
		    info.type == bpf_map__type(m) &&
		    info.key_size == bpf_map__key_size(m) &&
		    info.value_size == bpf_map__value_size(m) &&
		    info.map_flags == bpf_map__map_flags(m) &&
		    info.max_entries == map_size(&b->conf, i);
	}
	for (int i = 0; i < BPF_DP_MAPS && ok; i++)
		ok = bpf_map__reuse_fd(bpf_object__find_map_by_name(b->obj,
		    map_names[i]), fd[i]) == 0;
	for (int i = 0; i < BPF_DP_MAPS; i++) {
		if (fd[i] >= 0)
			close(fd[i]);
	}
	return ok;
}

/* --- loading ------------------------------------------------------------- */

/*
 * May it be attached?  The kernel looks at each path through a program that it
 * is to load: a second of processor time for all of them.  (Which of the two
 * decap depends on uplinks that may be yet to come.)
 */
static bool
is_wanted(const struct bpf_dp_conf *c, enum bpf_dp_prog prog)
{
	const bool kernels = c->max_peers == 0;		/* tunnels */

	switch (prog) {
	case BPF_DP_DECAP:
	case BPF_DP_DECAP_L3:
		return !kernels;
	case BPF_DP_ENCAP_HA:
		return !kernels && c->is_ha;
	case BPF_DP_ENCAP_PMA:
		return !kernels && c->is_pma;
	case BPF_DP_TUNNEL:
		return kernels;
	case BPF_DP_ACCESS:
		return c->is_pma;
	case BPF_DP_PROGS:
		break;
	}
	return false;
}

/* The constant pmip_build. */
static int
load_build(struct bpf_dp *b)
{
	const struct pmip_build build = {
		.sides = (b->conf.is_ha ? 1U << PMIP_SIDE_HA : 0) |
		    (b->conf.is_pma ? 1U << PMIP_SIDE_PMA : 0),
		.fast = b->conf.fast };
	struct bpf_map *m = bpf_object__find_map_by_name(b->obj, ".rodata");

	return m == NULL ? -ENOENT :
	    bpf_map__set_initial_value(m, &build, sizeof(build));
}

static int
load_programs(struct bpf_dp *b)
{
	int r = load_build(b);

	if (r < 0)
		return r;
	for (int i = 0; i < BPF_DP_PROGS; i++) {
		struct bpf_program *p = bpf_object__find_program_by_name(
		    b->obj, prog_names[i]);

		if (p == NULL)
			return -ENOENT;
		bpf_program__set_type(p, BPF_PROG_TYPE_SCHED_CLS);
		bpf_program__set_autoload(p, is_wanted(&b->conf, i));
	}
	return bpf_object__load(b->obj) < 0 ? -errno : 0;
}

static int
load_object(struct bpf_dp *b, char *log)
{
	LIBBPF_OPTS(bpf_object_open_opts, o, .object_name = "pmip",
	    .kernel_log_buf = log, .kernel_log_size = LOG_CAP,
	    .kernel_log_level = 0);

	b->obj = bpf_object__open_mem(pmip_bpf_image,
	    (size_t)(pmip_bpf_image_end - pmip_bpf_image), &o);
	if (b->obj == NULL)
		return -errno;
	b->adopted = b->conf.adopt && load_adopt(b);
	for (int i = 0; i < BPF_DP_MAPS && !b->adopted; i++) {
		struct bpf_map *m = bpf_object__find_map_by_name(b->obj,
		    map_names[i]);

		if (m == NULL)
			return -ENOENT;
		if (bpf_map__set_max_entries(m, map_size(&b->conf, i)) < 0)
			return -errno;
	}
	return load_programs(b);
}

static int
load_find(struct bpf_dp *b)
{
	for (int i = 0; i < BPF_DP_MAPS; i++) {
		b->map[i] = bpf_object__find_map_fd_by_name(b->obj,
		    map_names[i]);
		if (b->map[i] < 0)
			return -ENOENT;
	}
	for (int i = 0; i < BPF_DP_PROGS; i++) {
		struct bpf_program *p = bpf_object__find_program_by_name(
		    b->obj, prog_names[i]);
		struct bpf_prog_info info = { 0 };
		uint32_t len = sizeof(info);

		b->prog[i] = -1;
		if (!is_wanted(&b->conf, i))
			continue;
		b->prog[i] = bpf_program__fd(p);
		if (b->prog[i] < 0)
			return -ENOENT;
		if (bpf_obj_get_info_by_fd(b->prog[i], &info, &len) == 0)
			b->prog_id[i] = info.id;
	}
	return 0;
}

/* The last line the verifier wrote, without its end. */
static const char *
last_line(char *log)
{
	char *nl;

	while ((nl = strrchr(log, '\n')) != NULL && nl[1] == '\0')
		*nl = '\0';
	return nl == NULL ? log : nl + 1;
}

static const char *
hint_of(int err)
{
	switch (err) {
	case -EPERM:
		return " (CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON are needed)";
	case -ENOMEM:
		return " (fewer max-paths need less)";
	default:
		return "";
	}
}

int
bpf_dp_open(const struct bpf_dp_conf *conf, struct bpf_dp **ret, char *why,
    size_t whycap)
{
	struct bpf_dp *b = calloc(1, sizeof(*b));
	char *log = calloc(1, LOG_CAP);
	int r, n = libbpf_num_possible_cpus();

	if (b == NULL || log == NULL)
		abort();
	b->conf = *conf;
	b->ncpus = n > 0 ? (unsigned)n : 1;
	pin_dir_name(b);
	/* libbpf writes to stderr otherwise; what matters goes into `why`. */
	libbpf_set_print(load_quiet);
	r = load_object(b, log);
	if (r == 0)
		r = load_find(b);
	if (r == 0)
		r = bpf_dp_ha_map(b);
	if (r == 0)
		r = bpf_dp_begin_run(b);
	if (r < 0) {
		snprintf(why, whycap, "packet programs: %s%s%s%s", strerror(-r),
		    hint_of(r), log[0] != '\0' ? ": " : "", last_line(log));
		bpf_dp_close(b);
	} else {
		if (b->adopted)
			bpf_dp_unpin(b);
		*ret = b;
	}
	free(log);
	return r;
}

void
bpf_dp_close(struct bpf_dp *b)
{
	if (b == NULL)
		return;
	bpf_dp_ha_unmap(b);
	bpf_object__close(b->obj);
	free(b);
}

uint8_t
bpf_dp_run(const struct bpf_dp *b)
{
	return b->run;
}

bool
bpf_dp_adopted(const struct bpf_dp *b)
{
	return b->adopted;
}

uint16_t
bpf_dp_prio(const struct bpf_dp *b)
{
	return b->conf.prio;
}

/* --- attaching ----------------------------------------------------------- */

bool
bpf_dp_prog_is_egress(enum bpf_dp_prog prog)
{
	return prog == BPF_DP_ENCAP_HA || prog == BPF_DP_ENCAP_PMA;
}

static struct bpf_tc_hook
hook_of(uint32_t ifindex, enum bpf_dp_prog prog)
{
	return (struct bpf_tc_hook){ .sz = sizeof(struct bpf_tc_hook),
		.ifindex = (int)ifindex,
		.attach_point = bpf_dp_prog_is_egress(prog) ? BPF_TC_EGRESS :
		    BPF_TC_INGRESS };
}

/* A program's place there. */
static struct bpf_tc_opts
place_of(const struct bpf_dp *b, enum bpf_dp_prog prog)
{
	return (struct bpf_tc_opts){ .sz = sizeof(struct bpf_tc_opts),
		.handle = (uint32_t)prog + 1, .priority = b->conf.prio };
}

int
bpf_dp_attach(struct bpf_dp *b, uint32_t ifindex, enum bpf_dp_prog prog)
{
	struct bpf_tc_hook h = hook_of(ifindex, prog);
	struct bpf_tc_opts o = place_of(b, prog);
	int r = bpf_tc_hook_create(&h);

	if (r < 0 && r != -EEXIST)
		return r;
	o.prog_fd = b->prog[prog];
	o.flags = BPF_TC_F_REPLACE;
	return bpf_tc_attach(&h, &o);
}

bool
bpf_dp_attached(struct bpf_dp *b, uint32_t ifindex, enum bpf_dp_prog prog)
{
	struct bpf_tc_hook h = hook_of(ifindex, prog);
	struct bpf_tc_opts o = place_of(b, prog);

	return bpf_tc_query(&h, &o) == 0 && o.prog_id == b->prog_id[prog];
}

void
bpf_dp_detach(struct bpf_dp *b, uint32_t ifindex, enum bpf_dp_prog prog)
{
	struct bpf_tc_hook h = hook_of(ifindex, prog);
	struct bpf_tc_opts o = place_of(b, prog);

	(void)bpf_tc_detach(&h, &o);
}

bool
bpf_dp_prog_of(uint32_t handle, const char *name, enum bpf_dp_prog *ret)
{
	if (handle == 0 || handle > BPF_DP_PROGS ||
	    strncmp(name, prog_names[handle - 1],
	    strlen(prog_names[handle - 1])) != 0)
		return false;
	*ret = handle - 1;
	return true;
}

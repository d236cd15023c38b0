/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The floor of a restart: read a whole map of the kernel's in batches and write
 * every element once more, likewise.
 *
 *	reinstall map ID
 *
 * prints how many elements there were and the CPU seconds it took.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/bench_io.h"

#define CHUNK 4096

int
main(int argc, char **argv)
{
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info), n = 0, token = 0, room;
	uint64_t cpu = bench_cpu_ns(getpid());
	int fd, r = 0;
	char *keys, *values;

	errno = EINVAL;
	if (argc != 3 || strcmp(argv[1], "map") != 0)
		bench_die("map ID is needed");
	fd = bpf_map_get_fd_by_id((uint32_t)atoi(argv[2]));
	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) < 0)
		bench_die("map %s", argv[2]);
	/* a bucket is never cut: one batch too many for safety */
	room = info.max_entries + CHUNK;
	keys = calloc(room, info.key_size);
	values = calloc(room, info.value_size);
	if (keys == NULL || values == NULL)
		bench_die("%u elements", room);
	while (r == 0 && n + CHUNK <= room) {
		uint32_t got = CHUNK;

		r = bpf_map_lookup_batch(fd, n == 0 ? NULL : &token, &token,
		    keys + (size_t)n * info.key_size,
		    values + (size_t)n * info.value_size, &got, NULL);
		if (r < 0 && errno != ENOENT)
			bench_die("lookup");
		n += got;
	}
	for (uint32_t at = 0; at < n; at += CHUNK) {
		uint32_t count = n - at < CHUNK ? n - at : CHUNK;

		if (bpf_map_update_batch(fd, keys + (size_t)at * info.key_size,
		    values + (size_t)at * info.value_size, &count, NULL) < 0)
			bench_die("update");
	}
	printf("%u %.6f\n", n, (double)(bench_cpu_ns(getpid()) - cpu) / 1e9);
	free(keys);
	free(values);
	return 0;
}

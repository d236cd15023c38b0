/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The floor of a restart: read a hash table of the kernel's in batches and write
 * every element once more, likewise.
 *
 *	reinstall N
 *
 * fills one with N elements of 16 octets each, then prints the CPU seconds
 * that the rest took.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/bench/bench_io.h"

#define CHUNK 4096

struct table {
	int fd;
	uint32_t n;
	uint64_t *keys, *values;
};

static void
write_all(const struct table *t)
{
	for (uint32_t at = 0; at < t->n; at += CHUNK) {
		uint32_t count = t->n - at < CHUNK ? t->n - at : CHUNK;

		if (bpf_map_update_batch(t->fd, t->keys + at, t->values + at,
		    &count, NULL) < 0)
			bench_die("update");
	}
}

/* How many there were; `room` is more. */
static uint32_t
read_all(struct table *t, uint32_t room)
{
	uint32_t n = 0, token = 0;
	int r = 0;

	while (r == 0 && n + CHUNK <= room) {
		uint32_t got = CHUNK;

		r = bpf_map_lookup_batch(t->fd, n == 0 ? NULL : &token, &token,
		    t->keys + n, t->values + n, &got, NULL);
		if (r < 0 && errno != ENOENT)
			bench_die("lookup");
		n += got;
	}
	return n;
}

int
main(int argc, char **argv)
{
	struct table t = { .n = argc == 2 ? (uint32_t)atoi(argv[1]) : 0 };
	/* a bucket is never cut: one batch too many for safety */
	uint32_t room = t.n + 2 * CHUNK;
	uint64_t cpu;

	errno = EINVAL;
	if (t.n == 0)
		bench_die("how many elements?");
	t.fd = bpf_map_create(BPF_MAP_TYPE_HASH, "reinstall",
	    sizeof(*t.keys), sizeof(*t.values), t.n, NULL);
	t.keys = calloc(room, sizeof(*t.keys));
	t.values = calloc(room, sizeof(*t.values));
	if (t.fd < 0 || t.keys == NULL || t.values == NULL)
		bench_die("%u elements", t.n);
	for (uint32_t i = 0; i < t.n; i++)
		t.keys[i] = i;
	write_all(&t);
	cpu = bench_cpu_ns(getpid());
	errno = EINVAL;
	if (read_all(&t, room) != t.n)
		bench_die("not %u elements", t.n);
	write_all(&t);
	printf("%.6f\n", (double)(bench_cpu_ns(getpid()) - cpu) / 1e9);
	free(t.keys);
	free(t.values);
	return 0;
}

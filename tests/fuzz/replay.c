/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Replays inputs through one fuzz target, without a fuzzer: each argument is a
 * file or a folder of files.  A folder that is missing or empty is an error,
 * so that a corpus cannot get lost unnoticed.
 */
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>

#include "fuzz/fuzz.h"

static unsigned count;

static int
one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	uint8_t *buf;
	FILE *f;

	(void)ftw;
	if (type != FTW_F)
		return 0;
	f = fopen(path, "rb");
	buf = malloc((size_t)st->st_size + 1);
	if (f == NULL || buf == NULL ||
	    fread(buf, 1, (size_t)st->st_size, f) != (size_t)st->st_size) {
		perror(path);
		return 1;
	}
	fclose(f);
	(void)LLVMFuzzerTestOneInput(buf, (size_t)st->st_size);
	free(buf);
	count++;
	return 0;
}

int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		unsigned before = count;

		if (nftw(argv[i], one, 16, FTW_PHYS) != 0 || count == before) {
			fprintf(stderr, "%s: no input there\n", argv[i]);
			return 1;
		}
	}
	printf("%u inputs\n", count);
	return count > 0 ? 0 : 1;
}

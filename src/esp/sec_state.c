/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file of sequence numbers, text, one line for each direction of each key:
 *
 *   pmipd-esp-state 1
 *   out 6b1d0c5a91e2f307 1048576
 *   in 09f2a7d35c84be16 73112
 *
 * It is written whole, beside the old one, and takes its place when it is on
 * the disk.  Keys that are gone from the configuration stay in it: they might
 * come back.  A lock keeps a second daemon out.
 */
#include "esp/sec_state.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/file.h>
#include <sys/stat.h>

#include "core/util.h"

#define MAGIC "pmipd-esp-state 1\n"
#define FILE_NAME "esp.state"
#define FILE_NEW "esp.state.new"
#define FILE_LOCK "esp.lock"
#define MARKS_MAX 131072
#define LINE_CAP 80

static const char *const dir_names[SEC_DIR_MAX] = { [SEC_IN] = "in",
	[SEC_OUT] = "out" };

struct sec_state {
	struct htab *marks;
	int dirfd, lockfd;
};

/* --- the table --------------------------------------------------------- */

static uint32_t
mark_hash(const uint8_t key[8])
{
	uint32_t h;

	memcpy(&h, key, sizeof(h));	/* it is a hash already */
	return h;
}

static bool
mark_eq(const struct hnode *n, const void *key)
{
	const struct sec_mark *a = CONTAINER_OF(n, struct sec_mark, node);
	const struct sec_mark *b = key;

	return a->dir == b->dir && memcmp(a->key, b->key, sizeof(a->key)) == 0;
}

struct sec_mark *
sec_state_mark(struct sec_state *st, enum sec_dir dir, const uint8_t key[8])
{
	struct sec_mark want = { .dir = dir }, *m;
	struct hnode *n;

	memcpy(want.key, key, sizeof(want.key));
	n = htab_find(st->marks, mark_hash(key), mark_eq, &want);
	if (n != NULL)
		return CONTAINER_OF(n, struct sec_mark, node);
	if (htab_count(st->marks) >= MARKS_MAX ||
	    (m = calloc(1, sizeof(*m))) == NULL)
		return NULL;
	*m = want;
	htab_insert(st->marks, &m->node, mark_hash(key));
	return m;
}

/* --- reading ----------------------------------------------------------- */

static bool
read_line(struct sec_state *st, const char *line)
{
	char dir[4], end;
	uint8_t key[8];
	struct sec_mark *m;
	uint64_t seq;
	int at = 0;

	if (sscanf(line, "%3s %n", dir, &at) != 1 || at == 0)
		return false;
	line += at;
	if (strspn(line, "0123456789abcdef") != 2 * sizeof(key))
		return false;
	for (size_t i = 0; i < sizeof(key); i++, line += 2) {
		if (sscanf(line, "%2" SCNx8, &key[i]) != 1)
			return false;
	}
	if (sscanf(line, " %" SCNu64 "%c", &seq, &end) != 2 || end != '\n')
		return false;
	for (int d = 0; d < SEC_DIR_MAX; d++) {
		if (strcmp(dir, dir_names[d]) != 0)
			continue;
		m = sec_state_mark(st, (enum sec_dir)d, key);
		if (m == NULL)
			return false;
		m->seq = m->saved = seq;
		return true;
	}
	return false;
}

static int
state_read(struct sec_state *st, const char *dir, char *why, size_t whycap)
{
	char line[LINE_CAP];
	unsigned lineno = 1;
	bool good;
	FILE *f;
	int fd;

	fd = openat(st->dirfd, FILE_NAME, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return 0;
	f = fd >= 0 ? fdopen(fd, "r") : NULL;
	if (f == NULL) {
		int r = -errno;

		snprintf(why, whycap, "%s/%s: %s", dir, FILE_NAME,
		    strerror(errno));
		if (fd >= 0)
			close(fd);
		return r;
	}
	good = fgets(line, sizeof(line), f) != NULL && strcmp(line, MAGIC) == 0;
	while (good && fgets(line, sizeof(line), f) != NULL) {
		lineno++;
		good = read_line(st, line);
	}
	good = good && !ferror(f);
	fclose(f);
	if (good)
		return 0;
	snprintf(why, whycap, "%s/%s:%u: not understood; remove the file only "
	    "together with the keys, at both ends", dir, FILE_NAME, lineno);
	return -EINVAL;
}

/* --- writing ----------------------------------------------------------- */

struct writer {
	FILE *f;
	bool bad;
};

static void
write_mark(void *ctx, struct hnode *n)
{
	const struct sec_mark *m = CONTAINER_OF(n, struct sec_mark, node);
	struct writer *w = ctx;
	char key[2 * sizeof(m->key) + 1];

	if (m->seq == 0)
		return;
	for (size_t i = 0; i < sizeof(m->key); i++)
		snprintf(key + 2 * i, 3, "%02x", m->key[i]);
	if (fprintf(w->f, "%s %s %" PRIu64 "\n", dir_names[m->dir], key,
	    m->seq) < 0)
		w->bad = true;
}

static void
note_saved(void *ctx, struct hnode *n)
{
	struct sec_mark *m = CONTAINER_OF(n, struct sec_mark, node);

	(void)ctx;
	m->saved = m->seq;
}

int
sec_state_save(struct sec_state *st)
{
	struct writer w = { .f = NULL };
	int fd, r = 0;

	fd = openat(st->dirfd, FILE_NEW, O_WRONLY | O_CREAT | O_TRUNC |
	    O_CLOEXEC, 0600);
	if (fd < 0 || (w.f = fdopen(fd, "w")) == NULL) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	if (fputs(MAGIC, w.f) == EOF)
		w.bad = true;
	htab_each(st->marks, write_mark, &w);
	if (fflush(w.f) != 0 || fsync(fd) != 0)
		r = -errno;
	else if (w.bad)
		r = -EIO;
	if (fclose(w.f) != 0 && r == 0)
		r = -errno;
	if (r == 0 && (renameat(st->dirfd, FILE_NEW, st->dirfd,
	    FILE_NAME) < 0 || fsync(st->dirfd) < 0))
		r = -errno;
	if (r == 0)
		htab_each(st->marks, note_saved, NULL);
	return r;
}

/* --- life -------------------------------------------------------------- */

/* The folder's descriptor, and the lock. 0 or -errno with `why`. */
static int
state_lock(struct sec_state *st, const char *dir, char *why, size_t whycap)
{
	int r;

	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		goto fail;
	st->dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (st->dirfd < 0)
		goto fail;
	st->lockfd = openat(st->dirfd, FILE_LOCK, O_RDWR | O_CREAT | O_CLOEXEC,
	    0600);
	if (st->lockfd < 0)
		goto fail;
	if (flock(st->lockfd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	r = -errno;
	if (r != -EWOULDBLOCK)
		goto fail;
	snprintf(why, whycap, "%s: another pmipd uses it", dir);
	return r;
fail:
	r = -errno;
	snprintf(why, whycap, "%s: %s", dir, strerror(-r));
	return r;
}

int
sec_state_open(const char *dir, struct sec_state **ret, char *why,
    size_t whycap)
{
	struct sec_state *st = calloc(1, sizeof(*st));
	int r;

	if (st == NULL) {
		snprintf(why, whycap, "%s", strerror(ENOMEM));
		return -ENOMEM;
	}
	st->marks = htab_new();
	st->dirfd = st->lockfd = -1;
	if ((r = state_lock(st, dir, why, whycap)) == 0 &&
	    (r = state_read(st, dir, why, whycap)) == 0) {
		/* Not when the first number is needed: now. */
		r = sec_state_save(st);
		if (r < 0)
			snprintf(why, whycap, "%s cannot be written: %s", dir,
			    strerror(-r));
	}
	if (r < 0) {
		sec_state_close(st);
		return r;
	}
	*ret = st;
	return 0;
}

static void
free_mark(void *ctx, struct hnode *n)
{
	htab_remove(ctx, n);
	free(CONTAINER_OF(n, struct sec_mark, node));
}

void
sec_state_close(struct sec_state *st)
{
	if (st == NULL)
		return;
	htab_each(st->marks, free_mark, st->marks);
	htab_free(st->marks);
	if (st->lockfd >= 0)
		close(st->lockfd);
	if (st->dirfd >= 0)
		close(st->dirfd);
	free(st);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configuration by schema tables: reading and checking.  See cfg.h; values as
 * text are cfg_value.c's affair, printing is cfg_print.c's.
 */
#include "core/cfg.h"

#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/arena.h"
#include "core/cfg_int.h"
#include "core/util.h"
#include "core/yaml.h"

#define FILE_MAX_LEN (512 << 20)	/* profiles of some million nodes */
#define STREAM_MAX_LEN (16 << 20)	/* of a pipe or device: may be endless */
#define TRIM_LEN (1 << 20)		/* text from which on it is worth it */
#define ERRORS_SHOWN 100

/* Where the value of a key stood, for cfg_error(). */
struct position {
	const struct cfg_where *at;	/* the struct */
	const char *key;
	uint32_t line, col;
};

struct cfg_ctx {
	const char *name;
	struct arena *arena;
	struct cfg_errors *errs;
	struct position *pos;
	size_t npos, cappos;
};

void
cfg_errors_done(struct cfg_errors *e)
{
	free(e->text);
	e->text = NULL;
	e->n = 0;
}

static void
error_line(struct cfg_ctx *c, const char *line)
{
	char *all;

	if (asprintf(&all, "%s%s\n", c->errs->text != NULL ? c->errs->text :
	    "", line) < 0)
		abort();
	free(c->errs->text);
	c->errs->text = all;
}

static void
error_va(struct cfg_ctx *c, uint32_t line, uint32_t col, const char *fmt,
    va_list ap)
{
	char *msg, *whole;

	if (++c->errs->n > ERRORS_SHOWN) {
		if (c->errs->n == ERRORS_SHOWN + 1)
			error_line(c, "further errors are not shown");
		return;
	}
	if (vasprintf(&msg, fmt, ap) < 0 || asprintf(&whole,
	    "%s:%u:%u: error: %s", c->name, line, col, msg) < 0)
		abort();
	error_line(c, whole);
	free(msg);
	free(whole);
}

static void PRINTF_LIKE(3, 4)
error_at(struct cfg_ctx *c, const struct ynode *n, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	error_va(c, n->line, n->col, fmt, ap);
	va_end(ap);
}

void
cfg_error(struct cfg_ctx *c, const struct cfg_where *at, const char *key,
    const char *fmt, ...)
{
	uint32_t line = at->line, col = at->col;
	va_list ap;

	if (c->errs->n > ERRORS_SHOWN)
		key = NULL;		/* nobody will see where */
	for (size_t i = 0; key != NULL && i < c->npos; i++) {
		if (c->pos[i].at == at && strcmp(c->pos[i].key, key) == 0) {
			line = c->pos[i].line;
			col = c->pos[i].col;
			break;
		}
	}
	va_start(ap, fmt);
	error_va(c, line, col, fmt, ap);
	va_end(ap);
}

static void
remember(struct cfg_ctx *c, const struct cfg_where *at, const char *key,
    const struct ynode *val)
{
	if (c->npos == c->cappos) {
		c->cappos = c->cappos != 0 ? c->cappos * 2 : 64;
		c->pos = realloc(c->pos, c->cappos * sizeof(*c->pos));
		if (c->pos == NULL)
			abort();
	}
	c->pos[c->npos++] = (struct position){ at, key, val->line, val->col };
}

/* --- did you mean ------------------------------------------------------ */

#define WORD_MAX 63

/* Levenshtein distance; WORD_MAX for words too long to be a slip. */
static unsigned
distance(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b);
	unsigned row[WORD_MAX + 1];

	if (la > WORD_MAX || lb > WORD_MAX)
		return WORD_MAX;
	for (size_t j = 0; j <= lb; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= la; i++) {
		unsigned diag = row[0];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= lb; j++) {
			unsigned sub = diag + (a[i - 1] != b[j - 1]);

			diag = row[j];
			row[j] = MIN_OF(sub, MIN_OF(row[j], row[j - 1]) + 1);
		}
	}
	return row[lb];
}

/* Keep the better of two candidates for `word`. */
static void
closer(const char *word, const char *candidate, const char **best,
    unsigned *best_d)
{
	unsigned d = distance(word, candidate);
	unsigned limit = (unsigned)MAX_OF(1, strlen(candidate) / 3);

	if (d <= limit && d < *best_d) {
		*best = candidate;
		*best_d = d;
	}
}

static void
error_unknown_key(struct cfg_ctx *c, const struct cfg_table *t,
    const struct ynode *key)
{
	const char *best = NULL;
	unsigned d = WORD_MAX;

	for (const struct cfg_field *f = t->fields; f->key != NULL; f++)
		closer(key->text, f->key, &best, &d);
	if (best != NULL)
		error_at(c, key, "unknown key \"%s\"; did you mean \"%s\"?",
		    key->text, best);
	else
		error_at(c, key, "unknown key \"%s\" in %s", key->text,
		    t->name);
}

static void
error_value(struct cfg_ctx *c, const struct cfg_field *f,
    const struct ynode *n, const char *why)
{
	const char *best = NULL;
	unsigned d = WORD_MAX;

	for (size_t i = 0; f->names != NULL && f->names[i] != NULL; i++)
		closer(n->text, f->names[i], &best, &d);
	if (best != NULL)
		error_at(c, n, "%s: %s; did you mean \"%s\"?", f->key, why,
		    best);
	else
		error_at(c, n, "%s: %s", f->key, why);
}

/* --- values ------------------------------------------------------------ */

static void read_map(struct cfg_ctx *c, const struct cfg_table *t,
    const struct ynode *n, void *conf);
static void set_defaults(struct cfg_ctx *c, const struct cfg_table *t,
    void *conf);

static const char *
kind_name(const struct ynode *n)
{
	switch (n->kind) {
	case YAML_NODE_LIST:
		return "a list";
	case YAML_NODE_MAP:
		return "a map";
	case YAML_NODE_NULL:
		return "nothing";
	default:
		return "a value";
	}
}

static bool
read_scalar(struct cfg_ctx *c, const struct cfg_field *f, enum cfg_type type,
    const struct ynode *n, void *dst)
{
	char why[200];

	if (n->kind != YAML_NODE_SCALAR) {
		error_at(c, n, "%s: needs %s, found %s", f->key,
		    cfg_type_name(type), kind_name(n));
		return false;
	}
	if (cfg_value_parse(f, type, n->text, c->arena, dst, why,
	    sizeof(why)) < 0) {
		error_value(c, f, n, why);
		return false;
	}
	return true;
}

static void
read_flags(struct cfg_ctx *c, const struct cfg_field *f, const struct ynode *n,
    uint32_t *dst)
{
	uint32_t all = 0, one;

	if (n->kind != YAML_NODE_LIST && n->kind != YAML_NODE_NULL) {
		error_at(c, n, "%s: needs a list, found %s", f->key,
		    kind_name(n));
		return;
	}
	for (size_t i = 0; i < n->n; i++) {
		if (!read_scalar(c, f, CFG_FLAGS, n->vals[i], &one))
			continue;
		if (all & one)
			error_at(c, n->vals[i], "%s: \"%s\" is there twice",
			    f->key, n->vals[i]->text);
		all |= one;
	}
	*dst = all;
}

/* One value of a list whose values have to differ. */
struct unique {
	char *text;
	const struct ynode *node;
};

static int
unique_cmp(const void *a, const void *b)
{
	const struct unique *x = a, *y = b;
	int r = strcmp(x->text, y->text);

	if (r != 0)
		return r;
	return x->node->line != y->node->line ?
	    (x->node->line < y->node->line ? -1 : 1) :
	    (x->node->col > y->node->col) - (x->node->col < y->node->col);
}

/*
 * Values at `base + i * size`, n of them, each told as text: report what stands
 * twice, at the later one.
 */
static void
check_unique(struct cfg_ctx *c, const struct cfg_field *f, enum cfg_type type,
    const char *base, size_t size, size_t n, struct ynode *const *nodes)
{
	struct unique *u = calloc(n != 0 ? n : 1, sizeof(*u));
	char text[CFG_TEXT_MAX];

	if (u == NULL)
		abort();
	for (size_t i = 0; i < n; i++) {
		u[i].text = strdup(cfg_value_text(f, type, base + i * size,
		    text, sizeof(text)));
		u[i].node = nodes[i];
		if (u[i].text == NULL)
			abort();
	}
	qsort(u, n, sizeof(*u), unique_cmp);
	for (size_t i = 1; i < n; i++) {
		if (*u[i].text != '\0' && strcmp(u[i].text, u[i - 1].text) == 0)
			error_at(c, u[i].node, "%s: %s is there already in "
			    "line %u", f->key, u[i].text, u[i - 1].node->line);
	}
	for (size_t i = 0; i < n; i++)
		free(u[i].text);
	free(u);
}

static bool
is_list(struct cfg_ctx *c, const struct cfg_field *f, const struct ynode *n)
{
	if (n->kind != YAML_NODE_LIST && n->kind != YAML_NODE_NULL) {
		error_at(c, n, "%s: needs a list, found %s", f->key,
		    kind_name(n));
		return false;
	}
	if (n->n < f->min || (f->max != 0 && n->n > f->max)) {
		if (n->n < f->min)
			error_at(c, n, "%s: needs at least %llu entries",
			    f->key, (unsigned long long)f->min);
		else
			error_at(c, n, "%s: at most %llu entries, found %zu",
			    f->key, (unsigned long long)f->max, n->n);
		return false;
	}
	return true;
}

static void
read_scalars(struct cfg_ctx *c, const struct cfg_field *f,
    const struct ynode *n, struct cfg_list *dst)
{
	/* The range of the field is the number of elements. */
	struct cfg_field elem = *f;
	size_t size = cfg_type_size(f->elem), good = 0;
	struct ynode **nodes;
	char *v;

	elem.min = elem.max = 0;
	if (!is_list(c, f, n))
		return;
	v = arena_alloc(c->arena, n->n * size);
	nodes = arena_alloc(c->arena, n->n * sizeof(*nodes));
	for (size_t i = 0; i < n->n; i++) {
		if (read_scalar(c, &elem, f->elem, n->vals[i],
		    v + good * size))
			nodes[good++] = n->vals[i];
	}
	dst->v = v;
	dst->n = good;
	if (f->flags & CFG_F_UNIQUE)
		check_unique(c, &elem, f->elem, v, size, good, nodes);
}

static void
read_list(struct cfg_ctx *c, const struct cfg_field *f, const struct ynode *n,
    struct cfg_list *dst)
{
	const struct cfg_table *t = f->table;
	char *v;

	if (!is_list(c, f, n))
		return;
	v = arena_alloc(c->arena, n->n * t->size);
	for (size_t i = 0; i < n->n; i++)
		read_map(c, t, n->vals[i], v + i * t->size);
	dst->v = v;
	dst->n = n->n;
	for (const struct cfg_field *k = t->fields; k->key != NULL; k++) {
		if (k->flags & CFG_F_UNIQUE && k->type != CFG_SCALARS)
			check_unique(c, k, k->type, v + k->off, t->size, n->n,
			    n->vals);
	}
}

static void
read_field(struct cfg_ctx *c, const struct cfg_field *f, const struct ynode *n,
    void *conf)
{
	void *dst = (char *)conf + f->off;

	remember(c, conf, f->key, n);
	switch (f->type) {
	case CFG_MAP:
		read_map(c, f->table, n, dst);
		break;
	case CFG_LIST:
		read_list(c, f, n, dst);
		break;
	case CFG_SCALARS:
		read_scalars(c, f, n, dst);
		break;
	case CFG_FLAGS:
		read_flags(c, f, n, dst);
		break;
	default:
		(void)read_scalar(c, f, f->type, n, dst);
	}
}

/* --- maps -------------------------------------------------------------- */

static void
set_default(struct cfg_ctx *c, const struct cfg_field *f, void *dst)
{
	char why[200];

	if (f->type == CFG_MAP) {
		if (!(f->flags & CFG_F_OPTIONAL))
			set_defaults(c, f->table, dst);
	} else if (f->def != NULL) {
		/* A default that does not parse is a bug of a table. */
		if (cfg_default_parse(f, c->arena, dst, why, sizeof(why)) < 0)
			abort();
	}
}

static void
set_defaults(struct cfg_ctx *c, const struct cfg_table *t, void *conf)
{
	for (const struct cfg_field *f = t->fields; f->key != NULL; f++)
		set_default(c, f, (char *)conf + f->off);
}

static const struct cfg_field *
find_field(const struct cfg_table *t, const char *key)
{
	for (const struct cfg_field *f = t->fields; f->key != NULL; f++) {
		if (strcmp(f->key, key) == 0)
			return f;
	}
	return NULL;
}

/* Tables have few keys: a bit each. */
#define FIELDS_MAX 64

static uint64_t
read_keys(struct cfg_ctx *c, const struct cfg_table *t, const struct ynode *n,
    void *conf)
{
	uint64_t seen = 0;

	for (size_t i = 0; i < n->n; i++) {
		const struct ynode *key = n->keys[i];
		const struct cfg_field *f;
		uint64_t bit;

		if (key->kind != YAML_NODE_SCALAR) {
			error_at(c, key, "a key must be a word");
			continue;
		}
		f = find_field(t, key->text);
		if (f == NULL) {
			error_unknown_key(c, t, key);
			continue;
		}
		assert(f - t->fields < FIELDS_MAX);
		bit = (uint64_t)1 << (f - t->fields);
		if (seen & bit) {
			error_at(c, key, "%s: is there already", f->key);
			continue;
		}
		seen |= bit;
		read_field(c, f, n->vals[i], conf);
	}
	return seen;
}

static void
read_map(struct cfg_ctx *c, const struct cfg_table *t, const struct ynode *n,
    void *conf)
{
	struct cfg_where *at = conf;
	unsigned before = c->errs->n;
	uint64_t seen;

	set_defaults(c, t, conf);
	at->line = n->line;
	at->col = n->col;
	if (n->kind != YAML_NODE_MAP && n->kind != YAML_NODE_NULL) {
		error_at(c, n, "%s: needs a map of keys, found %s", t->name,
		    kind_name(n));
		return;
	}
	seen = read_keys(c, t, n, conf);
	for (const struct cfg_field *f = t->fields; f->key != NULL; f++) {
		if (f->flags & CFG_F_REQUIRED &&
		    !(seen & (uint64_t)1 << (f - t->fields)))
			error_at(c, n, "%s: \"%s\" is missing", t->name,
			    f->key);
	}
	/* Cross checks rely on the single values being good. */
	if (t->check != NULL && c->errs->n == before)
		t->check(c, conf);
}

/* --- entry points ------------------------------------------------------ */

int
cfg_load_text(const char *name, const char *text, size_t len,
    const struct cfg_table *table, struct arena *arena, void **ret_conf,
    struct cfg_errors *errs)
{
	struct cfg_ctx c = { .name = name, .arena = arena, .errs = errs };
	struct arena *tree = arena_new();
	struct yaml_problem why;
	struct ynode *root;
	unsigned before = errs->n;
	void *conf;

	if (yaml_read(text, len, tree, &root, &why) < 0) {
		struct ynode at = { .line = why.line, .col = why.col };

		error_at(&c, &at, "%s", why.text);
		arena_free(tree);
		return -EINVAL;
	}
	conf = arena_alloc(arena, table->size);
	read_map(&c, table, root, conf);
	free(c.pos);
	/* Ten times what was made of it: give it back to the system. */
	arena_free(tree);
	if (len >= TRIM_LEN)
		(void)malloc_trim(0);
	if (errs->n != before)
		return -EINVAL;
	*ret_conf = conf;
	return 0;
}

/* The whole file in *ret (malloc). 0 or -errno. */
static int
read_file(const char *path, char **ret, size_t *ret_len)
{
	FILE *f = fopen(path, "re");
	size_t cap = 4096, len = 0, n, max;
	struct stat st;
	char *buf;
	int r;

	if (f == NULL)
		return -errno;
	max = fstat(fileno(f), &st) == 0 && S_ISREG(st.st_mode) ?
	    FILE_MAX_LEN : STREAM_MAX_LEN;
	buf = malloc(cap);
	if (buf == NULL)
		abort();
	while ((n = fread(buf + len, 1, cap - len, f)) > 0) {
		len += n;
		if (len > max)
			break;
		if (len == cap) {
			cap *= 2;
			buf = realloc(buf, cap);
			if (buf == NULL)
				abort();
		}
	}
	r = ferror(f) ? -EIO : len > max ? -EFBIG : 0;
	if (fclose(f) != 0 && r == 0)
		r = -errno;
	if (r < 0) {
		free(buf);
		return r;
	}
	*ret = buf;
	*ret_len = len;
	return 0;
}

int
cfg_load(const char *path, const struct cfg_table *table, struct arena *arena,
    void **ret_conf, struct cfg_errors *errs)
{
	char *text = NULL;
	size_t len = 0;
	int r = read_file(path, &text, &len);

	if (r < 0) {
		struct cfg_ctx c = { .name = path, .errs = errs };
		const struct ynode at = { .line = 1, .col = 1 };

		error_at(&c, &at, "cannot read the file: %s", strerror(-r));
		return r;
	}
	r = cfg_load_text(path, text, len, table, arena, ret_conf, errs);
	free(text);
	return r;
}

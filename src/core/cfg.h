/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configuration: YAML text -> struct, driven by constant schema tables.  The
 * tables are the single source for parsing, ranges, defaults, error texts,
 * `show config`, `pmipd -t -v` and the option list of pmipd.yaml(5).
 *
 * Every problem is reported as FILE:LINE:COL: error: ..., all of them in one
 * pass; unknown keys (with "did you mean"), duplicate keys and values out of
 * range are errors.
 */
#ifndef PMIP_CFG_H
#define PMIP_CFG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <netinet/in.h>

struct arena;
struct cfg_table;
struct json_w;

enum cfg_type {
	CFG_BOOL,	/* bool: yes/no/true/false/on/off */
	CFG_UINT,	/* uint32_t */
	CFG_DURATION,	/* int64_t microseconds; "300ms" "5s" "10m" "1h" */
	CFG_SIZE,	/* uint64_t octets; "8MiB" "64KiB" "512" */
	CFG_ENUM,	/* int; names in `names` */
	CFG_FLAGS,	/* uint32_t; list of names in `names`, 1 << index */
	CFG_STRING,	/* const char * (arena) */
	CFG_PATH,	/* const char *; absolute */
	CFG_IFNAME,	/* const char *; 1..15 characters, no '/' or space */
	CFG_IN6,	/* struct in6_addr; global unicast unless CFG_F_ANYADDR */
	CFG_IN4,	/* struct in_addr; of one host unless CFG_F_ANYADDR */
	CFG_PREFIX,	/* struct prefix; host bits refused */
	CFG_MAC,	/* struct mac; unicast */
	CFG_NAI,	/* const char *; 1..253 printable octets without space */
	CFG_MAP,	/* nested struct described by `table` */
	CFG_LIST,	/* struct cfg_list of structs described by `table` */
	CFG_SCALARS,	/* struct cfg_list of scalars of type `elem` */
};

/* n elements of `size` octets each, contiguous in the arena. */
struct cfg_list {
	void *v;
	size_t n;
};

enum {
	CFG_F_REQUIRED = 1 << 0,	/* must be written out */
	CFG_F_ANYADDR = 1 << 1,		/* any address is good */
	CFG_F_SECRET = 1 << 2,		/* never shown */
	CFG_F_UNIQUE = 1 << 3,		/* in a list: values differ */
	CFG_F_RESTART = 1 << 4,		/* a change needs a restart */
	CFG_F_OPTIONAL = 1 << 5,	/* a map that may be absent: it then stays
					 * zeroed (its cfg_where.line is 0) and
					 * its required keys are not asked for */
};

struct cfg_field {
	const char *key;
	enum cfg_type type;
	unsigned flags;
	size_t off;			/* offsetof in the struct */
	uint64_t min, max;		/* in the type's unit; both 0: free;
					 * lists: number of elements */
	const char *def;		/* as one would write it; NULL: zero */
	const char *const *names;	/* CFG_ENUM, CFG_FLAGS: NULL-ended */
	const struct cfg_table *table;	/* CFG_MAP, CFG_LIST */
	enum cfg_type elem;		/* CFG_SCALARS */
	const char *help;		/* one or two sentences for the manual */
};

struct cfg_ctx;

struct cfg_table {
	const char *name;		/* "ha" */
	const char *help;
	size_t size;			/* of the struct */
	const struct cfg_field *fields;	/* ended by key == NULL */
	/* Cross-field checks: report with cfg_error(). May be NULL. */
	void (*check)(struct cfg_ctx *c, void *conf);
};

/* Every struct described by a table starts with this: where it stood. */
struct cfg_where {
	uint32_t line, col;
};

/* The collected result of one load. */
struct cfg_errors {
	char *text;		/* all lines, '\n' after each; malloc */
	unsigned n;
};
void cfg_errors_done(struct cfg_errors *e);

/*
 * Read `path` into a new struct of `table->size` octets, everything allocated
 * in `arena`, defaults filled in.  0; -EINVAL with the messages in *errs;
 * -errno (also told in *errs) when the file cannot be read.  The struct's
 * first member must be a struct cfg_where.  At most 512 MiB of text,
 * 16 MiB from what is no regular file.
 */
int cfg_load(const char *path, const struct cfg_table *table,
    struct arena *arena, void **ret_conf, struct cfg_errors *errs);
/* The same from memory; `name` stands for the file in messages. */
int cfg_load_text(const char *name, const char *text, size_t len,
    const struct cfg_table *table, struct arena *arena, void **ret_conf,
    struct cfg_errors *errs);

/*
 * From a check function: an error at a struct (its cfg_where) or, when `key`
 * is not NULL, at that key's value in it when it was written out.
 */
void cfg_error(struct cfg_ctx *c, const struct cfg_where *at, const char *key,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Canonical YAML, every key with its value in force (round-trips, but for
 * secrets, which are "***"). */
void cfg_print_yaml(FILE *f, const struct cfg_table *table, const void *conf);
/* The same as a JSON object (secrets as "***"). */
void cfg_print_json(struct json_w *w, const struct cfg_table *table,
    const void *conf);
/* The option list of the manual page, mdoc(7). */
void cfg_print_mdoc(FILE *f, const struct cfg_table *table);
/*
 * First difference that needs a restart between two configurations of one
 * table, as "ha.addresses" into buf; false when there is none.
 */
bool cfg_needs_restart(const struct cfg_table *table, const void *a,
    const void *b, char *buf, size_t cap);

#endif

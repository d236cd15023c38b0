/* SPDX-License-Identifier: BSD-2-Clause */
/* pmipctl's own pieces. */
#ifndef PMIP_CTL_CLIENT_H
#define PMIP_CTL_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct json_r;
struct json_w;

/* --- request.c: words of the command line -> one request line ------------- */

/*
 * 0 and the line (without newline) in *out; or 2 with a message on stderr.
 */
int request_build(int argc, char *const *argv, struct json_w *out);

/* --- table.c: items -> text on stdout ---------------------------------- */

struct table;
struct table *table_new(void);
void table_free(struct table *t);
/* Items with the same keys become rows of one table. */
void table_add(struct table *t, const struct json_r *item);
/* One item as "key: value" lines. */
void table_details(const struct json_r *item, unsigned indent);
/* Print what is held back. */
void table_flush(struct table *t);

/*
 * Text of a peer onto the terminal: what would steer it becomes \xNN or
 * \uNNNN.
 */
void print_safe(FILE *f, const char *s);
/* The same as the value of key=value: in quotes where it needs them. */
void print_value(FILE *f, const char *s);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * YAML through libyaml, whose only user this is.  The event parser is used
 * rather than the document one: depth and size are bounded while reading, and
 * aliases, which let a small file grow into a huge tree, are refused.
 */
#include "core/yaml.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "core/arena.h"
#include "core/util.h"

struct reader {
	yaml_parser_t parser;
	struct arena *arena;
	struct yaml_problem *why;
	size_t nodes;
};

/* Children of one list or map while it is being read. */
struct children {
	struct ynode **v;
	size_t n, cap;
};

static int PRINTF_LIKE(4, 5)
problem(struct reader *r, size_t line, size_t col, const char *fmt, ...)
{
	va_list ap;

	r->why->line = (uint32_t)line + 1;
	r->why->col = (uint32_t)col + 1;
	va_start(ap, fmt);
	vsnprintf(r->why->text, sizeof(r->why->text), fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static int
next_event(struct reader *r, yaml_event_t *ev)
{
	const yaml_parser_t *p = &r->parser;

	if (yaml_parser_parse(&r->parser, ev))
		return 0;
	if (p->error == YAML_READER_ERROR)
		return problem(r, p->mark.line, p->mark.column,
		    "the file is not valid UTF-8: %s",
		    p->problem != NULL ? p->problem : "");
	return problem(r, p->problem_mark.line, p->problem_mark.column,
	    "%s%s%s", p->problem != NULL ? p->problem : "not YAML",
	    p->context != NULL ? ", " : "",
	    p->context != NULL ? p->context : "");
}

static void
children_add(struct children *c, struct ynode *n)
{
	if (c->n == c->cap) {
		c->cap = c->cap != 0 ? c->cap * 2 : 8;
		c->v = realloc(c->v, c->cap * sizeof(*c->v));
		if (c->v == NULL)
			abort();
	}
	c->v[c->n++] = n;
}

static struct ynode *
node_new(struct reader *r, const yaml_event_t *ev)
{
	struct ynode *n = arena_alloc(r->arena, sizeof(*n));

	n->line = (uint32_t)ev->start_mark.line + 1;
	n->col = (uint32_t)ev->start_mark.column + 1;
	return n;
}

/* "", "~", "null" without quotes mean nothing at all. */
static bool
is_null(const yaml_event_t *ev, const char *text)
{
	return ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	    (*text == '\0' || strcmp(text, "~") == 0 ||
	    strcmp(text, "null") == 0);
}

static int
scalar(struct reader *r, const yaml_event_t *ev, struct ynode *n)
{
	const char *text = (const char *)ev->data.scalar.value;

	if (strlen(text) != ev->data.scalar.length)
		return problem(r, n->line - 1, n->col - 1,
		    "a NUL character in the text");
	n->kind = is_null(ev, text) ? YAML_NODE_NULL : YAML_NODE_SCALAR;
	n->text = arena_strdup(r->arena, text);
	return 0;
}

static int read_node(struct reader *r, yaml_event_t *ev, unsigned depth,
    struct ynode **ret);

/* Everything up to the matching end event. */
static int
read_children(struct reader *r, yaml_event_type_t end, unsigned depth,
    struct children *c)
{
	for (;;) {
		struct ynode *child = NULL;
		yaml_event_t ev;
		bool done;
		int e = next_event(r, &ev);

		if (e < 0)
			return e;
		done = ev.type == end;
		if (!done)
			e = read_node(r, &ev, depth + 1, &child);
		yaml_event_delete(&ev);
		if (done || e < 0)
			return e;
		children_add(c, child);
	}
}

static void
fill_list(struct reader *r, struct ynode *n, const struct children *c)
{
	n->kind = YAML_NODE_LIST;
	n->n = c->n;
	n->vals = arena_alloc(r->arena, c->n * sizeof(*n->vals));
	if (c->n > 0)
		memcpy(n->vals, c->v, c->n * sizeof(*n->vals));
}

static void
fill_map(struct reader *r, struct ynode *n, const struct children *c)
{
	n->kind = YAML_NODE_MAP;
	n->n = c->n / 2;
	n->keys = arena_alloc(r->arena, n->n * sizeof(*n->keys));
	n->vals = arena_alloc(r->arena, n->n * sizeof(*n->vals));
	for (size_t i = 0; i < n->n; i++) {
		n->keys[i] = c->v[2 * i];
		n->vals[i] = c->v[2 * i + 1];
	}
}

static bool
has_anchor(const yaml_event_t *ev)
{
	switch (ev->type) {
	case YAML_SCALAR_EVENT:
		return ev->data.scalar.anchor != NULL;
	case YAML_SEQUENCE_START_EVENT:
		return ev->data.sequence_start.anchor != NULL;
	case YAML_MAPPING_START_EVENT:
		return ev->data.mapping_start.anchor != NULL;
	default:
		return ev->type == YAML_ALIAS_EVENT;
	}
}

static int
read_node(struct reader *r, yaml_event_t *ev, unsigned depth,
    struct ynode **ret)
{
	struct children c = { 0 };
	struct ynode *n;
	int e = 0;

	if (++r->nodes > YAML_NODES_MAX)
		return problem(r, ev->start_mark.line, ev->start_mark.column,
		    "more than %d values", YAML_NODES_MAX);
	if (depth > YAML_DEPTH_MAX)
		return problem(r, ev->start_mark.line, ev->start_mark.column,
		    "nested deeper than %d", YAML_DEPTH_MAX);
	if (has_anchor(ev))
		return problem(r, ev->start_mark.line, ev->start_mark.column,
		    "anchors and aliases are not supported");
	n = *ret = node_new(r, ev);
	switch (ev->type) {
	case YAML_SCALAR_EVENT:
		return scalar(r, ev, n);
	case YAML_SEQUENCE_START_EVENT:
		e = read_children(r, YAML_SEQUENCE_END_EVENT, depth, &c);
		if (e == 0)
			fill_list(r, n, &c);
		break;
	case YAML_MAPPING_START_EVENT:
		e = read_children(r, YAML_MAPPING_END_EVENT, depth, &c);
		if (e == 0)
			fill_map(r, n, &c);
		break;
	default:
		e = problem(r, ev->start_mark.line, ev->start_mark.column,
		    "not a value");
	}
	free(c.v);
	return e;
}

/* Stream start, document start, the root, and nothing after it. */
static int
read_stream(struct reader *r, struct ynode **ret)
{
	struct ynode *root = NULL;

	for (;;) {
		yaml_event_type_t type;
		yaml_event_t ev;
		int e = next_event(r, &ev);

		if (e < 0)
			return e;
		type = ev.type;
		if (type == YAML_DOCUMENT_START_EVENT && root != NULL)
			e = problem(r, ev.start_mark.line,
			    ev.start_mark.column, "a second document");
		else if (type == YAML_STREAM_END_EVENT && root == NULL)
			root = node_new(r, &ev);
		else if (type != YAML_STREAM_START_EVENT &&
		    type != YAML_STREAM_END_EVENT &&
		    type != YAML_DOCUMENT_START_EVENT &&
		    type != YAML_DOCUMENT_END_EVENT)
			e = read_node(r, &ev, 0, &root);
		yaml_event_delete(&ev);
		if (e < 0)
			return e;
		if (type == YAML_STREAM_END_EVENT)
			break;
	}
	if (root->kind == YAML_NODE_NULL) {
		root->kind = YAML_NODE_MAP;
		root->line = root->col = 1;
	}
	*ret = root;
	return 0;
}

int
yaml_read(const char *text, size_t len, struct arena *arena,
    struct ynode **ret, struct yaml_problem *ret_why)
{
	struct reader r = { .arena = arena, .why = ret_why };
	int e;

	if (!yaml_parser_initialize(&r.parser))
		return problem(&r, 0, 0, "out of memory");
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text,
	    len);
	e = read_stream(&r, ret);
	yaml_parser_delete(&r.parser);
	return e;
}

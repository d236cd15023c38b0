/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * YAML text -> a tree of nodes that know where they stood.  Knows no schema.
 */
#ifndef PMIP_YAML_H
#define PMIP_YAML_H

#include <stddef.h>
#include <stdint.h>

struct arena;

enum yaml_kind { YAML_NODE_NULL, YAML_NODE_SCALAR, YAML_NODE_LIST,
	YAML_NODE_MAP };

struct ynode {
	enum yaml_kind kind;
	uint32_t line, col;	/* from 1 */
	const char *text;	/* scalar; NUL-terminated, may be "" */
	size_t n;		/* list elements, or map entries */
	struct ynode **keys;	/* map */
	struct ynode **vals;	/* map, list */
};

struct yaml_problem {
	uint32_t line, col;
	char text[160];
};

#define YAML_DEPTH_MAX 32
#define YAML_NODES_MAX 50000000	/* some million mobile nodes */

/*
 * Parse one document into `arena`.  0; -EINVAL with *ret_why filled in.  An
 * empty document is an empty map.  Anchors, aliases and further documents are
 * refused.
 */
int yaml_read(const char *text, size_t len, struct arena *arena,
    struct ynode **ret, struct yaml_problem *ret_why);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Named counters.  A module has an enum of its counters and a constant table
 * of names; it registers one group, and counts with stat_inc(&grp, ID).
 */
#ifndef PMIP_STATS_H
#define PMIP_STATS_H

#include <stddef.h>
#include <stdint.h>

struct stats;

struct stat_desc {
	const char *name;	/* "mh-too-short" */
	const char *help;	/* one line; cites the section */
};

/* Embedded in its owner.  `val` has n elements, owned by stats. */
struct stat_group {
	const char *name;	/* "mh", "ha", ... */
	const struct stat_desc *desc;
	size_t n;
	uint64_t *val;
	struct stats *owner;
	struct stat_group *next;
};

struct stats *stats_new(void);
void stats_free(struct stats *s);
/* Aborts when out of memory. A second group of the same name is asserted
 * against. */
void stats_register(struct stats *s, struct stat_group *g, const char *name,
    const struct stat_desc *desc, size_t n);
void stats_unregister(struct stat_group *g);

static inline void
stat_add(struct stat_group *g, unsigned id, uint64_t v)
{
	g->val[id] += v;
}

static inline void
stat_inc(struct stat_group *g, unsigned id)
{
	g->val[id]++;
}

/* The value by names; UINT64_MAX when there is no such counter (tests). */
uint64_t stats_get(const struct stats *s, const char *group, const char *name);

typedef void stats_each_fn(void *ctx, const char *group,
    const struct stat_desc *d, uint64_t value);
void stats_each(const struct stats *s, stats_each_fn *fn, void *ctx);

#endif

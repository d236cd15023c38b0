/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/stats.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct stats {
	struct stat_group *groups;	/* in order of registration */
};

struct stats *
stats_new(void)
{
	struct stats *s = calloc(1, sizeof(*s));

	if (s == NULL)
		abort();
	return s;
}

void
stats_free(struct stats *s)
{
	if (s == NULL)
		return;
	while (s->groups != NULL)
		stats_unregister(s->groups);
	free(s);
}

void
stats_register(struct stats *s, struct stat_group *g, const char *name,
    const struct stat_desc *desc, size_t n)
{
	struct stat_group **at = &s->groups;

	for (; *at != NULL; at = &(*at)->next)
		assert(strcmp((*at)->name, name) != 0);
	*g = (struct stat_group){ .name = name, .desc = desc, .n = n,
		.owner = s };
	g->val = calloc(n > 0 ? n : 1, sizeof(*g->val));
	if (g->val == NULL)
		abort();
	*at = g;
}

void
stats_unregister(struct stat_group *g)
{
	struct stat_group **at;

	if (g->owner == NULL)
		return;
	for (at = &g->owner->groups; *at != g; at = &(*at)->next)
		assert(*at != NULL);
	*at = g->next;
	free(g->val);
	*g = (struct stat_group){ 0 };
}

uint64_t
stats_get(const struct stats *s, const char *group, const char *name)
{
	for (const struct stat_group *g = s->groups; g != NULL; g = g->next) {
		if (strcmp(g->name, group) != 0)
			continue;
		for (size_t i = 0; i < g->n; i++) {
			if (strcmp(g->desc[i].name, name) == 0)
				return g->val[i];
		}
	}
	return UINT64_MAX;
}

void
stats_each(const struct stats *s, stats_each_fn *fn, void *ctx)
{
	for (const struct stat_group *g = s->groups; g != NULL; g = g->next) {
		for (size_t i = 0; i < g->n; i++)
			fn(ctx, g->name, &g->desc[i], g->val[i]);
	}
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK 16384
#define ALIGN 16

struct chunk {
	struct chunk *next;
	size_t used, cap;
	alignas(ALIGN) uint8_t mem[];
};

struct arena {
	struct chunk *chunks;	/* the first one is being filled */
};

struct arena *
arena_new(void)
{
	struct arena *a = calloc(1, sizeof(*a));

	if (a == NULL)
		abort();
	return a;
}

static struct chunk *
chunk_new(size_t cap)
{
	struct chunk *c = calloc(1, sizeof(*c) + cap);

	if (c == NULL)
		abort();
	c->cap = cap;
	return c;
}

void *
arena_alloc(struct arena *a, size_t n)
{
	struct chunk *c = a->chunks;
	void *p;

	if (n > SIZE_MAX / 2)
		abort();
	n = (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	if (c == NULL || n > c->cap - c->used) {
		struct chunk *fresh = chunk_new(n > CHUNK ? n : CHUNK);

		/* A chunk for one big thing goes behind the open one. */
		if (n > CHUNK && c != NULL) {
			fresh->next = c->next;
			c->next = fresh;
		} else {
			fresh->next = c;
			a->chunks = fresh;
		}
		c = fresh;
	}
	p = c->mem + c->used;
	c->used += n;
	return p;
}

char *
arena_strdup(struct arena *a, const char *s)
{
	size_t n = strlen(s) + 1;

	return memcpy(arena_alloc(a, n), s, n);
}

void
arena_free(struct arena *a)
{
	if (a == NULL)
		return;
	while (a->chunks != NULL) {
		struct chunk *c = a->chunks;

		a->chunks = c->next;
		free(c);
	}
	free(a);
}

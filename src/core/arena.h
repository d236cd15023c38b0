/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An arena: many small allocations with one life, freed together.  For
 * configurations (start-up and reload), never per packet.
 */
#ifndef PMIP_ARENA_H
#define PMIP_ARENA_H

#include <stddef.h>

struct arena;

/* These abort when out of memory. */
struct arena *arena_new(void);
/* Zeroed, aligned to 16; n may be 0. Lives until arena_free(). */
void *arena_alloc(struct arena *a, size_t n);
/* A NUL-terminated copy. */
char *arena_strdup(struct arena *a, const char *s);
/* NULL is accepted. */
void arena_free(struct arena *a);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Small things every file needs.  No state, no dependencies.
 */
#ifndef PMIP_UTIL_H
#define PMIP_UTIL_H

#include <stddef.h>
#include <stdint.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* The struct that embeds `member`, from a pointer to the member. */
#define CONTAINER_OF(ptr, type, member) \
	((type *)(void *)((char *)(ptr) - offsetof(type, member)))

#define MIN_OF(a, b) ((a) < (b) ? (a) : (b))
#define MAX_OF(a, b) ((a) > (b) ? (a) : (b))

#define CACHE_LINE 64

/* Ask for every line of the processor's cache that an object is in. */
static inline void
prefetch(const void *p, size_t size)
{
	uintptr_t at = (uintptr_t)p & ~(uintptr_t)(CACHE_LINE - 1);

	for (; at < (uintptr_t)p + size; at += CACHE_LINE)
		__builtin_prefetch((const void *)at);
}

#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#define UNUSED __attribute__((unused))

#endif

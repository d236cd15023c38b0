/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every fuzz target has: its entry, and must() for what has to hold
 * whatever the octets are.
 */
#ifndef PMIP_TEST_FUZZ_H
#define PMIP_TEST_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Broken promises must be seen with NDEBUG as well. */
static inline void
must(int ok)
{
	if (!ok)
		abort();
}

/* Whatever a parser points at, `p` and `n`, lies in what it was given. */
static inline void
must_be_inside(const uint8_t *p, size_t n, const uint8_t *data, size_t size)
{
	must(p == NULL ? n == 0 : p >= data && p + n <= data + size);
}

/* NULL is absent, which is not the same as empty. */
static inline int
same_octets(const uint8_t *a, size_t na, const uint8_t *b, size_t nb)
{
	return (a == NULL) == (b == NULL) && na == nb &&
	    (na == 0 || memcmp(a, b, na) == 0);
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Structs of one kind that come and go many times in a turn: those that have
 * ended are kept for the next ones, up to a limit.  Zeroed, the list is empty.
 */
#ifndef PMIP_SPARE_H
#define PMIP_SPARE_H

#include <stdlib.h>

#define SPARE_MAX 128		/* those of a turn, at most */

/* What a spare one begins with. */
struct spare {
	struct spare *next;
};

struct spares {
	struct spare *first;
	unsigned n;
};

/* Of `size` octets, the same for all of a list, with whatever is in them. */
static inline void *
spare_get(struct spares *s, size_t size)
{
	struct spare *e = s->first;

	if (e != NULL) {
		s->first = e->next;
		s->n--;
	} else if ((e = malloc(size)) == NULL) {
		abort();
	}
	return e;
}

static inline void
spare_put(struct spares *s, void *elem)
{
	struct spare *e = elem;

	if (s->n == SPARE_MAX) {
		free(e);
		return;
	}
	e->next = s->first;
	s->first = e;
	s->n++;
}

static inline void
spare_done(struct spares *s)
{
	while (s->n > 0)
		free(spare_get(s, 0));
}

#endif

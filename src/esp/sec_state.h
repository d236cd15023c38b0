/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sequence numbers of static keys in a file, so that no number is used twice,
 * and nothing is accepted twice, when the daemon or the machine starts again.
 * Belongs to the security service.
 */
#ifndef PMIP_SEC_STATE_H
#define PMIP_SEC_STATE_H

#include <stddef.h>
#include <stdint.h>

#include "core/htab.h"

struct sec_state;

enum sec_dir { SEC_IN, SEC_OUT, SEC_DIR_MAX };

/*
 * One direction of one key.  Out: no number up to `seq` may be used by a later
 * run.  In: no number up to `seq` may be accepted by one.
 */
struct sec_mark {
	struct hnode node;
	enum sec_dir dir;
	uint8_t key[8];			/* crypto_fingerprint() */
	uint64_t seq;
	uint64_t saved;		/* as it stands on the disk */
	unsigned generation;		/* the owner's, to find doubles */
};

/*
 * Make the folder if it is missing, lock it, read the file.  0; or -errno with
 * a sentence in `why`.
 */
int sec_state_open(const char *dir, struct sec_state **ret, char *why,
    size_t whycap);
/* Found or made (seq 0), for as long as the state lives; NULL: too many. */
struct sec_mark *sec_state_mark(struct sec_state *st, enum sec_dir dir,
    const uint8_t key[8]);
/* Everything to the disk, and it is there when this returns. 0 or -errno. */
int sec_state_save(struct sec_state *st);
/* Does not save. NULL is accepted. */
void sec_state_close(struct sec_state *st);

#endif

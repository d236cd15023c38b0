/* SPDX-License-Identifier: BSD-2-Clause */
/* Values of the configuration as text: inside core/cfg*.c only. */
#ifndef PMIP_CFG_INT_H
#define PMIP_CFG_INT_H

#include "core/cfg.h"

#define CFG_TEXT_MAX 512

/* Octets of a scalar in its struct. */
size_t cfg_type_size(enum cfg_type type);
/* "a duration such as 300ms, 5s, 10m or 1h" for messages. */
const char *cfg_type_name(enum cfg_type type);
/* One word for the manual: "duration". */
const char *cfg_type_word(enum cfg_type type);

/*
 * One scalar of `type` (CFG_FLAGS: one flag) from text into *dst, checked
 * against the field's range and flags.  0, or -EINVAL with `why`.
 */
int cfg_value_parse(const struct cfg_field *f, enum cfg_type type,
    const char *text, struct arena *arena, void *dst, char *why,
    size_t whycap);
/* The field's default (flags and scalars: separated by ", "). */
int cfg_default_parse(const struct cfg_field *f, struct arena *arena,
    void *dst, char *why, size_t whycap);
/* The value as one would write it, "" for none. Returns buf. */
const char *cfg_value_text(const struct cfg_field *f, enum cfg_type type,
    const void *src, char *buf, size_t cap);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The `security:` section: how signalling is protected, and who is at the
 * other end (the Peer Authorization Database of draft 4.1).
 */
#ifndef PMIP_SEC_CONF_H
#define PMIP_SEC_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <netinet/in.h>

#include "core/cfg.h"

enum sec_mode { SEC_KERNEL, SEC_USERSPACE, SEC_NONE };
extern const char *const sec_mode_names[];

#define SEC_SAS_MAX 2		/* pairs per peer: the present and the next */

/* A pair of static keys, one for each direction: an element of `sas:`. */
struct sec_sa_conf {
	struct cfg_where at;
	uint32_t spi_in, spi_out;
	int suite;			/* enum esp_suite, esp/esp.h */
	bool esn;			/* 64-bit sequence numbers */
	const char *key_in, *key_out;	/* files */
	const char *expires;		/* RFC 3339, UTC; NULL never */
};

struct sec_peer_conf {		/* `peers:` */
	struct cfg_where at;
	struct in6_addr address;
	struct in6_addr local;		/* ours towards it; ::: the first */
	const char *name;		/* for the operator; may be NULL */
	struct cfg_list sas;		/* struct sec_sa_conf */
};

struct sec_conf {
	struct cfg_where at;
	int mode;			/* enum sec_mode */
	struct cfg_list peers;		/* struct sec_peer_conf */
	const char *state_dir;		/* of sequence numbers */
};

extern const struct cfg_table sec_conf_table;

/*
 * Read a key file: hexadecimal digits (spaces and line ends do not count) for
 * exactly `len` octets (esp_key_len()), a regular file that belongs to us or
 * root and that nobody else can read.  0 and `key` filled; or -errno with a
 * sentence in `why`, and nothing of the key left in memory but in `key`, which
 * the caller wipes (crypto_wipe()).
 */
int sec_key_read(const char *path, uint8_t *key, size_t len, char *why,
    size_t whycap);

/* "2027-01-31T00:00:00Z" -> microseconds since 1970. 0 or -EINVAL. */
int sec_time_parse(const char *text, int64_t *ret_us);

#endif

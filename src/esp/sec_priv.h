/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside the security service: sec.c, sec_set.c, sec_seq.c, sec_show.c. */
#ifndef PMIP_SEC_PRIV_H
#define PMIP_SEC_PRIV_H

#include "core/clock.h"
#include "core/htab.h"
#include "core/ratelimit.h"
#include "core/stats.h"
#include "core/wheel.h"
#include "esp/esp.h"
#include "esp/sec.h"
#include "esp/sec_state.h"
#include "esp/xfrm.h"
#include "mh/mh.h"

#define SEC_MOD "ipsec"

/* Counters: the reasons of the codec first, indexed by enum esp_drop. */
#define SEC_COUNTERS(X) \
	X(SEC_ST_CLEAR, "clear-text-dropped", \
	    "Mobility Headers in the clear, not looked at: draft 4") \
	X(SEC_ST_TX, "esp-sealed", "messages protected and sent") \
	X(SEC_ST_TX_REFUSED, "tx-refused", \
	    "not sent: nothing protects them: draft 4") \
	X(SEC_ST_TX_SPENT, "tx-no-sequence", \
	    "not sent: no sequence number was left or written down") \
	X(SEC_ST_LOCAL, "local", "messages that stayed in this process") \
	X(SEC_ST_LOCAL_FULL, "local-full", "of these, too many at once") \
	X(SEC_ST_SAVED, "state-saved", "times the state was written") \
	X(SEC_ST_SAVE_FAILED, "state-failed", "times it could not be")

enum sec_counter {
	SEC_ST_FIRST = ESP_DROP_MAX - 1,
#define X(id, name, help) id,
	SEC_COUNTERS(X)
#undef X
	SEC_ST_MAX
};

/* Expires in the far future: never. */
#define SEC_NEVER INT64_MAX

/* A pair of security associations with static keys. */
struct sec_sa {
	struct hnode node;		/* by spi_in */
	struct sec_peer *peer;
	uint32_t spi_in;
	enum esp_suite suite;
	bool esn;
	struct esp_in in;		/* mode userspace */
	struct esp_out out;		/* .spi alone in mode kernel */
	uint8_t raw_in[ESP_KEY_MAX], raw_out[ESP_KEY_MAX]; /* mode kernel */
	struct sec_mark *mark_in, *mark_out;
	int64_t expires_us;		/* wall clock */
	bool expired;
	bool spent;			/* no sequence number is left */
	usec_t last_in, last_out;	/* 0: not yet */
	uint64_t replays, drops;
};

struct sec_peer {
	struct hnode node;		/* by addresses */
	struct in6_addr remote, local;
	char *name;			/* NULL: none */
	struct sec_sa sas[SEC_SAS_MAX];
	size_t nsas;
	struct sec_sa *out;		/* what we send under; NULL: none */
	struct ratelimit rl;
	uint64_t clear;			/* in the clear, dropped */
};

/* Everything that a reload replaces. */
struct sec_set {
	struct sec_peer *peers;
	size_t n;
	struct htab *by_pair, *by_spi;
};

/* A message from one role of this process to another. */
struct sec_local {
	struct in6_addr src, dst;
	size_t len;
	uint8_t data[MH_MAX_LEN];
};
#define SEC_LOCAL_MAX 64

/* An ESP packet that has been opened, or has not for a reason. */
struct sec_opened {
	const uint8_t *data;		/* of the packet: which one */
	enum esp_drop drop;		/* ESP_OK: open */
	uint32_t spi;
	struct sec_sa *sa;		/* NULL: none of ours */
	struct esp_plain plain;
	uint8_t buf[MH_SOCK_MAX_LEN];
};

struct sec {
	struct mh_io mh;		/* first: what roles see */
	enum sec_mode mode;
	struct sec_args a;
	struct in6_addr *own;
	size_t nown;
	struct sec_set *set, *next;	/* next: prepared, not in force */
	struct sec_state *state;	/* NULL: no static keys ever */
	struct xfrm *xfrm;
	struct hash_key hash;
	struct stat_group st;
	struct ratelimit rl;		/* about those who are no peers */
	unsigned generation;		/* of sets */
	struct timer expiry;		/* next end of a key */
	struct timer save;		/* write the state */
	bool save_failed;		/* the last time */
	struct timer local_due;
	struct sec_local *local;	/* ring */
	unsigned local_head, local_tail;
	struct sec_opened opened[MH_AHEAD];
	struct sec_peer *asking;	/* whose message is being delivered */
	size_t nopened, next_opened;	/* those from next on: not delivered */
	uint8_t sealed[MH_SOCK_MAX_LEN];
};

/* --- sec_set.c --- */

/* 0; or -errno, told in the log. */
int sec_set_new(struct sec *s, const struct sec_conf *conf,
    const struct sec_want *want, struct sec_set **ret);
/* Keys are wiped. NULL is accepted. */
void sec_set_free(struct sec_set *set);
/* What both have goes on where it was. */
void sec_set_inherit(struct sec_set *set, const struct sec_set *old);
struct sec_peer *sec_set_peer(const struct sec *s, const struct sec_set *set,
    const struct in6_addr *local, const struct in6_addr *remote);
struct sec_sa *sec_set_sa(const struct sec_set *set, uint32_t spi_in);

/* --- sec_seq.c: what runs out --- */

/* Expired keys, and which pair each peer is written to under; again when the
 * next one is due.  Has anything changed? */
bool sec_seq_expire(struct sec *s);
/* Reserve sequence numbers and write them down. 0 or -errno (counted, logged
 * once), then it is tried again. */
int sec_seq_save(struct sec *s);
/* A number is wanted and there is none; true: another pair took over. */
bool sec_seq_spent(struct sec *s, struct sec_sa *sa);
/* After each number used. */
void sec_seq_used(struct sec *s, const struct sec_sa *sa);
/* After each number accepted. */
void sec_seq_accepted(struct sec *s);
void sec_seq_init(struct sec *s);
/* What was used and accepted so far, into the marks (not to the disk). */
void sec_seq_note(struct sec *s);
/* On the way out: exactly what was used. */
void sec_seq_done(struct sec *s);
/* Mode kernel: may it use more numbers, as far as they are on the disk? */
bool sec_seq_kernel_may_send(struct sec *s, const struct sec_sa *sa);
/* xfrm_args.sequence */
void sec_seq_kernel(void *ctx, const struct in6_addr *src,
    const struct in6_addr *dst, uint32_t spi, uint64_t seq);

/* The peers for the kernel, again; what fails is told in the log. */
void sec_kernel_set(struct sec *s);

#endif

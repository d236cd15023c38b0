/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's policy and security association databases as they are told by
 * netlink, and what they mean for the signalling of two addresses.  Pure: no
 * sockets, no allocation, no logging.
 */
#ifndef PMIP_XFRM_SPD_H
#define PMIP_XFRM_SPD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <netinet/in.h>

#define SPD_TMPL_MAX 6		/* the kernel's limit */
#define SPD_WORDS_MAX 384	/* of a sentence about a verdict */
#define SPD_ALG_MAX 64		/* the kernel's limit, with NUL */

struct nlmsghdr;

enum spd_dir { SPD_IN, SPD_OUT };	/* as XFRM_POLICY_IN, _OUT */

/* What the readers below say.  Name, help. */
#define SPD_READS(X) \
	X(SPD_READ_OK, "read", "messages of the kernel's IPsec read") \
	X(SPD_READ_OTHER, "other", \
	    "messages about something else: IPv4, forwarding, sockets") \
	X(SPD_READ_SHORT, "short", "messages too short for what they tell") \
	X(SPD_READ_BAD, "bad", "messages whose attributes do not add up")

enum spd_read {
#define X(id, name, help) id,
	SPD_READS(X)
#undef X
	SPD_READ_MAX
};

/* Which packets: IPv6 only. */
struct spd_sel {
	struct in6_addr src, dst;
	uint8_t src_len, dst_len;
	uint8_t proto;		/* 0: any */
	bool narrow;		/* also by port (MH type), mark, interface */
};

struct spd_tmpl {
	uint32_t spi;		/* 0: any */
	uint32_t reqid;		/* 0: any */
	uint8_t proto, mode;
	bool optional;		/* "level use" */
};

struct spd_policy {
	uint32_t index;		/* unique in the kernel */
	uint32_t priority;	/* the lowest decides */
	enum spd_dir dir;
	struct spd_sel sel;
	bool allow;
	uint8_t ntmpl;
	struct spd_tmpl tmpl[SPD_TMPL_MAX];
};

struct spd_sa {
	struct in6_addr src, dst;
	struct spd_sel sel;
	uint32_t spi, reqid;
	uint8_t proto, mode;
	bool esn;
	bool integrity;		/* has an algorithm for it (draft 10) */
	char auth[SPD_ALG_MAX], crypt[SPD_ALG_MAX];	/* or "" */
	uint16_t icv_bits;
	uint32_t window;
	uint64_t seq_in, seq_out;	/* the last one */
	uint64_t packets, octets;
	uint64_t added_s, used_s;	/* wall clock; 0 never */
	uint32_t replays, forged;	/* dropped */
	/* Key material, borrowed from the message; NULL when not told. */
	const uint8_t *key;
	size_t key_len;
};

/*
 * Read a message.  A policy: NEWPOLICY, UPDPOLICY, DELPOLICY, POLEXPIRE.  An
 * SA: NEWSA, UPDSA, DELSA, EXPIRE.  Of an AE event the identity and the
 * sequence numbers only.  `nlh` is in memory whole (NLMSG_OK()).
 * *ret is touched only by SPD_READ_OK.
 */
enum spd_read spd_read_policy(const struct nlmsghdr *nlh,
    struct spd_policy *ret);
enum spd_read spd_read_sa(const struct nlmsghdr *nlh, struct spd_sa *ret);
enum spd_read spd_read_event(const struct nlmsghdr *nlh, struct spd_sa *ret);
/* Does a POLEXPIRE or EXPIRE say that it is gone, and not only that it will? */
bool spd_is_hard(const struct nlmsghdr *nlh);

/* One of the two directions: who sends to whom. */
struct spd_flow {
	enum spd_dir dir;
	struct in6_addr src, dst;
};

/* May the policy or SA concern the flow's Mobility Headers at all? */
bool spd_sel_touches(const struct spd_sel *s, const struct spd_flow *f);

/* Name for `show ipsec`; what is wrong, and what to do about it. */
#define SPD_VERDICTS(X) \
	X(SPD_PROTECTED, "protected", "", "") \
	X(SPD_NO_POLICY, "no-policy", "no policy", \
	    "load your IKE daemon's trap policy, e.g. swanctl --load-all, or " \
	    "configure static keys (sas)") \
	X(SPD_BYPASS, "bypass", "let through in the clear by the policy", \
	    "remove that policy, or give the one that protects a lower " \
	    "priority value") \
	X(SPD_BLOCKED, "blocked", "blocked by the policy", \
	    "remove that policy, or give the one that protects a lower " \
	    "priority value") \
	X(SPD_OPTIONAL, "optional", \
	    "protected only when it happens to be by the policy", \
	    "make its template required, not \"level use\"") \
	X(SPD_NOT_ESP, "not-esp", "not protected by ESP but otherwise by the " \
	    "policy", "use ESP (esp_proposals), not AH") \
	X(SPD_TUNNEL, "tunnel-mode", "not in transport mode by the policy", \
	    "set mode = transport (draft section 4)") \
	X(SPD_PARTIAL, "partial", "covered only in part by the policy", \
	    "select protocol 135 whole, without port (MH type), mark or " \
	    "interface, and both addresses") \
	X(SPD_LOOSE, "loose", "acceptable from others too, because of the SA", \
	    "give that SA a selector for its own two addresses, or each " \
	    "peer's template a reqid of its own") \
	X(SPD_NO_INTEGRITY, "no-integrity", \
	    "without an integrity algorithm, because of the SA", \
	    "choose one, e.g. esp_proposals = aes128gcm128 (draft section 10)")

enum spd_verdict {
#define X(id, name, what, hint) id,
	SPD_VERDICTS(X)
#undef X
	SPD_VERDICT_MAX
};

struct spd_result {
	enum spd_verdict verdict;
	uint32_t index, priority;	/* of the policy that decided */
	uint32_t spi;			/* SPD_LOOSE, SPD_NO_INTEGRITY */
};

/*
 * Are Mobility Headers of the flow, all types of them, protected?  Where two
 * policies have the same priority and one of them does not protect, no.
 */
struct spd_result spd_judge(const struct spd_policy *const *p, size_t np,
    const struct spd_sa *const *sa, size_t nsa, const struct spd_flow *f);
const char *spd_verdict_name(enum spd_verdict v);
/*
 * "no policy out A -> B proto 135: do this"; "" when protected.  `no_policy`:
 * what to do when there is none; NULL for the usual hint.  Returns buf.
 */
char *spd_words(const struct spd_result *r, const struct spd_flow *f,
    const char *no_policy, char *buf, size_t cap);

/* May an ESP SA carry the flow as the SA's own addresses say? */
bool spd_sa_is_of(const struct spd_sa *sa, const struct spd_flow *f);
/* "null-hmac-sha256-128", "rfc4106(gcm(aes))-128": into buf, returns it. */
char *spd_sa_suite(const struct spd_sa *sa, char *buf, size_t cap);

#endif

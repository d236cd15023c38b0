/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who is this mobile node?  The policy store as both roles see it (D3-1,
 * D3-2): profile by NAI, NAI by link-layer address.  One file per backend.
 *
 * Lookups are asynchronous (a RADIUS backend takes its time), but the file
 * backend answers before the call returns.
 */
#ifndef PMIP_POLICY_H
#define PMIP_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <netinet/in.h>

#include "core/addr.h"
#include "core/cfg.h"
#include "core/htab.h"
#include "core/nai.h"

enum addr_model {
	MODEL_PER_MN_PREFIX,	/* a prefix of its own (section 6.1) */
	MODEL_SHARED_PREFIX,
};

enum addr_config {		/* what the access link permits (D3-7) */
	ADDRCONF_SLAAC,
	ADDRCONF_DHCP,
	ADDRCONF_BOTH,
};

/*
 * What a node has of IPv4 (section 5.6).  The subnet tells the DHCP server
 * where to allocate; the router is the address configured on the home agent
 * (D6.11-7), which proxy mobile agents answer ARP for.
 */
struct profile_ip4 {
	struct cfg_where at;		/* line 0: no IPv4 service */
	struct prefix home_subnet;
	struct in_addr router;
	struct in_addr home_address;	/* static; 0.0.0.0: by DHCP */
};

/*
 * Profile of one mobile node (D6.10-3).  Immutable; valid until the policy's
 * `changed` callback has returned.
 */
struct profile {
	struct cfg_where at;
	struct cfg_list allowed_pmas;	/* struct in6_addr; empty: any (D10-7) */
	struct prefix home_prefix;	/* /64: its own (Per-MN-Prefix), or
					 * shared with others */
	int model;			/* enum addr_model */
	bool pmip;			/* entitled to the service (D6.9-2) */
	uint8_t nai_len;		/* the policy's: octets of nai */
	/* What follows is not asked for at each refresh: PROFILE_OFTEN. */
	int addr_config;		/* enum addr_config */
	const char *nai;
	struct hnode by_nai;		/* the policy's */
	struct cfg_list macs;		/* struct mac */
	struct in6_addr home_address;	/* Shared-Prefix: static, inside the
					 * prefix; ::: by DHCP */
	struct profile_ip4 ip4;
	struct in6_addr home_agent;	/* ::: the role's default */
	int64_t lifetime_us;		/* to ask for; 0: the role's default */
};

/* Octets that the processor should have in its cache for a known node. */
#define PROFILE_OFTEN offsetof(struct profile, addr_config)

/* err: 0; -ENOENT unknown; -ETIMEDOUT. `p` NULL unless 0. */
typedef void policy_found_fn(void *ctx, int err, const struct profile *p);

struct policy;

#define POLICY_AHEAD 16
struct policy_nai {
	struct nai nai;
	const struct profile *profile;	/* out: NULL, nobody's */
};

struct policy_ops {
	const char *name;		/* "file" */
	/*
	 * Find the profile for an NAI, which was hashed with nai_key and need
	 * not live on.  Calls `fn` once, perhaps at once.
	 */
	void (*by_nai)(struct policy *p, const struct nai *nai,
	    policy_found_fn *fn, void *ctx);
	/*
	 * Optional: NAIs that by_nai() will be asked for next, at most
	 * POLICY_AHEAD.  Has the processor fetch what that will read, and
	 * tells whose they are.
	 */
	void (*ahead)(struct policy *p, struct policy_nai *v, size_t n);
	/* Forget lookups of that context: `fn` will not be called. */
	void (*cancel)(struct policy *p, void *ctx);
	/* Whose link-layer address is this? NULL when nobody's. */
	const struct profile *(*by_mac)(struct policy *p, const struct mac *m);
};

/* First member of every backend. */
struct policy {
	const struct policy_ops *ops;
	/* Whoever keeps nodes by NAI uses this one, so that a name is hashed
	 * once. */
	struct hash_key nai_key;
	/* Told after a reload: profile pointers of before are dead when it
	 * returns, look every one up again. */
	void (*changed)(void *ctx);
	void *changed_ctx;
};

/* --- the file backend -------------------------------------------------- */

/* Read and check `path`; 0 or -errno with the messages in *errs. */
int policy_file_new(const char *path, struct policy **ret,
    struct cfg_errors *errs);
/* Read again: on error nothing changes. Calls changed(). */
int policy_file_reload(struct policy *p, const char *path,
    struct cfg_errors *errs);
void policy_file_free(struct policy *p);
size_t policy_file_count(const struct policy *p);
extern const struct cfg_table policy_file_table;

/* Does the PMA's address stand in the profile's list (or is it empty)? */
bool profile_allows_pma(const struct profile *p, const struct in6_addr *pma);

#endif

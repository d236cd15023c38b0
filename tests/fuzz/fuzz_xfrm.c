/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any octets as a netlink message of the kernel's IPsec.  The first two are
 * its type and flags; whatever reads as a policy or a security association is
 * judged.
 */
#include <linux/netlink.h>
#include <linux/xfrm.h>

#include "core/util.h"
#include "esp/xfrm_spd.h"
#include "fuzz/fuzz.h"

#define MESSAGE_MAX 8192

static void
judge(const struct spd_policy *p, size_t np, const struct spd_sa *sa,
    size_t nsa, enum spd_dir dir)
{
	struct spd_flow f = { .dir = dir };
	char words[SPD_WORDS_MAX], suite[2 * SPD_ALG_MAX + 8];
	struct spd_result r;

	if (np > 0) {
		f.src = p->sel.src;
		f.dst = p->sel.dst;
	} else {
		f.src = sa->src;
		f.dst = sa->dst;
	}
	r = spd_judge(&p, np, &sa, nsa, &f);
	must(r.verdict < SPD_VERDICT_MAX);
	must(np > 0 || r.verdict == SPD_NO_POLICY);
	spd_words(&r, &f, NULL, words, sizeof(words));
	must(strlen(words) < sizeof(words));
	must((words[0] == '\0') == (r.verdict == SPD_PROTECTED));
	if (nsa > 0)
		must(strlen(spd_sa_suite(sa, suite, sizeof(suite))) <
		    sizeof(suite));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct spd_policy p;
	struct spd_sa sa, ev;
	struct nlmsghdr *nlh;
	size_t np, nsa;

	if (size < 2 || size > MESSAGE_MAX)
		return 0;
	/* memory of exactly that size, so that a sanitizer sees its end */
	nlh = malloc(NLMSG_HDRLEN + size - 2);
	must(nlh != NULL);
	*nlh = (struct nlmsghdr){ .nlmsg_type = (uint16_t)(XFRM_MSG_BASE +
	    data[0] % XFRM_NR_MSGTYPES), .nlmsg_flags = data[1],
	    .nlmsg_len = (uint32_t)(NLMSG_HDRLEN + size - 2) };
	memcpy(nlh + 1, data + 2, size - 2);
	np = spd_read_policy(nlh, &p) == SPD_READ_OK;
	nsa = spd_read_sa(nlh, &sa) == SPD_READ_OK;
	must(np == 0 || (p.ntmpl <= SPD_TMPL_MAX && p.sel.src_len <= 128 &&
	    p.sel.dst_len <= 128));
	if (nsa > 0 && sa.key != NULL) {
		/* the key is inside the message */
		volatile uint8_t last = sa.key[sa.key_len - 1];

		(void)last;
	}
	(void)spd_read_event(nlh, &ev);
	(void)spd_is_hard(nlh);
	if (np + nsa > 0) {
		judge(&p, np, &sa, nsa, SPD_IN);
		judge(&p, np, &sa, nsa, SPD_OUT);
	}
	free(nlh);
	return 0;
}

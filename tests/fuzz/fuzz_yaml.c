/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configuration and policy from arbitrary text, through the real tables.  What
 * is accepted must print as something that is accepted again.
 */
#include <stdio.h>

#include "core/arena.h"
#include "core/cfg.h"
#include "daemon_conf.h"
#include "fuzz/fuzz.h"
#include "policy/policy.h"

static void
one(const struct cfg_table *table, const void *text, size_t len)
{
	struct arena *a = arena_new();
	struct cfg_errors errs = { 0 };
	char *printed = NULL;
	size_t plen;
	void *conf;

	if (cfg_load_text("fuzz", text, len, table, a, &conf, &errs) == 0) {
		FILE *f = open_memstream(&printed, &plen);

		cfg_print_yaml(f, table, conf);
		fclose(f);
		if (cfg_load_text("again", printed, plen, table, a, &conf,
		    &errs) < 0)
			abort();
		free(printed);
	} else if (errs.n == 0 || errs.text == NULL) {
		abort();	/* refused without a word */
	}
	cfg_errors_done(&errs);
	arena_free(a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	one(&main_conf_table, data, size);
	one(&policy_file_table, data, size);
	return 0;
}

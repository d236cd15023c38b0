/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One request line to the control socket; every reply must be JSON itself.
 */
#include "core/clock.h"
#include "core/ctl.h"
#include "core/json.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/stats.h"
#include "fuzz/fuzz.h"

static int
cmd_echo(struct ctl_call *c)
{
	const char *s = json_r_str(c->args, "text");
	struct json_w *w;

	if (s == NULL)
		return ctl_fail(c, -1, "no text, but %lld",
		    (long long)json_r_int(c->args, "number", -1));
	w = ctl_item(c);
	json_w_str(w, "text", s);
	ctl_item_end(c);
	return ++c->cursor < 3 ? CTL_MORE : CTL_DONE;
}

static const struct ctl_cmd cmds[] = {
	{ "echo", "says it three times", cmd_echo },
	{ NULL, NULL, NULL },
};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct loop *loop = loop_new(&clock_system);
	struct log *log = log_new(&clock_system);
	struct stats *stats = stats_new();
	struct json_w out;
	struct ctl *ctl;
	char *line, *nl;

	json_w_init(&out);
	if (ctl_new(loop, log, stats, NULL, (gid_t)-1, &ctl) < 0)
		abort();
	ctl_register(ctl, cmds, NULL);
	ctl_feed(ctl, (const char *)data, size, &out);
	line = out.buf;
	while (line != NULL && (nl = strchr(line, '\n')) != NULL) {
		struct json_r *r = json_r_parse(line, (size_t)(nl - line),
		    NULL, 0);

		if (r == NULL)
			abort();
		json_r_free(r);
		line = nl + 1;
	}
	json_w_done(&out);
	ctl_free(ctl);
	stats_free(stats);
	log_free(log);
	loop_free(loop);
	return 0;
}

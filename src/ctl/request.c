/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line as a request.  Words make the command's name, key=value and
 * --key value its arguments; some commands take one argument without a name.
 * Nothing here knows what a command does, so a newer daemon's commands work.
 */
#include "ctl/ctl_client.h"

#include <stdio.h>
#include <string.h>

#include "core/json.h"
#include "core/util.h"

/* Commands of two words begin with one of these. */
static const char *const prefixes[] = { "show" };

/* What the nameless argument of a command is called. */
static const struct {
	const char *cmd, *key;
} positional[] = {
	{ "show mn", "nai" },
	{ "log", "level" },
};

/* Arguments that are text, also when they look like a number: there are
 * identifiers of digits only. */
static const char *const texts[] = { "nai", "mac", "interface", "lla",
	"peer", "level" };

static bool
is_prefix(const char *word)
{
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
		if (strcmp(word, prefixes[i]) == 0)
			return true;
	}
	return false;
}

static const char *
positional_key(const char *cmd)
{
	for (size_t i = 0; i < ARRAY_LEN(positional); i++) {
		if (strcmp(cmd, positional[i].cmd) == 0)
			return positional[i].key;
	}
	return NULL;
}

/* Values keep their JSON type where they have one. */
static void
put_value(struct json_w *w, const char *key, const char *value)
{
	size_t n = strlen(value);

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		if (strcmp(key, texts[i]) == 0) {
			json_w_str(w, key, value);
			return;
		}
	}
	if (strcmp(value, "true") == 0 || strcmp(value, "false") == 0) {
		json_w_bool(w, key, *value == 't');
	} else if (n > 0 && n < 18 && strspn(value, "0123456789") == n) {
		long long v = 0;

		(void)sscanf(value, "%lld", &v);
		json_w_i(w, key, v);
	} else {
		json_w_str(w, key, value);
	}
}

/* One argument; returns how many words it took, 0 on error. */
static int
put_arg(struct json_w *w, const char *cmd, int argc, char *const *argv,
    bool *used_positional)
{
	const char *word = argv[0], *eq = strchr(word, '=');
	const char *name = positional_key(cmd);
	char key[64];

	if (strncmp(word, "--", 2) == 0)
		word += 2;
	else if (eq == NULL && name != NULL && !*used_positional) {
		*used_positional = true;
		json_w_str(w, name, word);
		return 1;
	}
	if (eq != NULL) {
		snprintf(key, sizeof(key), "%.*s", (int)(eq - word), word);
		put_value(w, key, eq + 1);
		return 1;
	}
	if (word == argv[0]) {
		fprintf(stderr, "pmipctl: unexpected word \"%s\"\n", word);
		return 0;
	}
	if (argc < 2) {
		fprintf(stderr, "pmipctl: --%s needs a value\n", word);
		return 0;
	}
	put_value(w, word, argv[1]);
	return 2;
}

int
request_build(int argc, char *const *argv, struct json_w *out)
{
	bool used_positional = false;
	char cmd[128];
	int i = 1;

	if (argc >= 2 && is_prefix(argv[0])) {
		snprintf(cmd, sizeof(cmd), "%s %s", argv[0], argv[1]);
		i = 2;
	} else {
		snprintf(cmd, sizeof(cmd), "%s", argv[0]);
	}
	json_w_obj(out, NULL);
	json_w_i(out, "v", 1);
	json_w_str(out, "cmd", cmd);
	json_w_obj(out, "args");
	while (i < argc) {
		int n = put_arg(out, cmd, argc - i, argv + i,
		    &used_positional);

		if (n == 0)
			return 2;
		i += n;
	}
	json_w_obj_end(out);
	json_w_obj_end(out);
	return 0;
}

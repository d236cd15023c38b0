/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pmipctl: sends one request to a running pmipd and prints the reply.
 *
 * Exit status: 0, 1 the daemon said no, 2 wrong command line, 3 no daemon.
 */
#include <errno.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/json.h"
#include "ctl/ctl_client.h"

#define SOCKET_DEFAULT "/run/pmipd/pmipd.sock"
#define SOCKET_GLOB "/run/pmipd/*.sock"

enum { EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_NO_DAEMON = 3 };

struct options {
	const char *socket;
	bool json;
	bool details;		/* one item, printed as key: value */
};

static void
usage(FILE *f)
{
	fputs("usage: pmipctl [-s SOCKET] [--json] COMMAND [ARGUMENT ...]\n"
	    "  show status|bindings|tunnels|peers|counters|config\n"
	    "  show mn NAI                 one mobile node\n"
	    "  attach --nai NAI --interface IF [--mac MAC] [--lla ADDRESS]\n"
	    "  detach --nai NAI\n"
	    "  watch                       events as they happen\n"
	    "  log err|warn|info|debug     change the log level\n"
	    "  reload                      read configuration and policy again\n"
	    "  commands                    what the daemon understands\n"
	    "options:\n"
	    "  -s, --socket SOCKET  default " SOCKET_DEFAULT "\n"
	    "      --json           items as lines of JSON\n"
	    "  -V, --version\n"
	    "  -h, --help\n", f);
}

/* --- which daemon ---------------------------------------------------------------- */

/* The default socket, or the only one there is. */
static const char *
find_socket(char *buf, size_t cap)
{
	struct stat st;
	glob_t g;

	if (stat(SOCKET_DEFAULT, &st) == 0 ||
	    glob(SOCKET_GLOB, 0, NULL, &g) != 0)
		return SOCKET_DEFAULT;
	if (g.gl_pathc > 1) {
		fputs("pmipctl: several daemons run here, choose one with "
		    "-s:\n", stderr);
		for (size_t i = 0; i < g.gl_pathc; i++)
			fprintf(stderr, "  %s\n", g.gl_pathv[i]);
		exit(EXIT_USAGE);
	}
	snprintf(buf, cap, "%s", g.gl_pathv[0]);
	globfree(&g);
	return buf;
}

static int
connect_to(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(sun.sun_path)) {
		fprintf(stderr, "pmipctl: %s: the path is too long\n", path);
		exit(EXIT_USAGE);
	}
	memcpy(sun.sun_path, path, strlen(path));
	if (fd >= 0 && connect(fd, (const struct sockaddr *)(const void *)&sun,
	    sizeof(sun)) == 0)
		return fd;
	fprintf(stderr, "pmipctl: %s: %s\n", path, strerror(errno));
	fputs(errno == EACCES ?
	    "  only root and the members of control.group may\n" :
	    "  is pmipd running? another socket is named with -s\n", stderr);
	exit(EXIT_NO_DAEMON);
}

/* --- the reply --------------------------------------------------------------------- */

static void
print_event(const struct json_r *ev)
{
	const struct json_r *val;
	void *iter = NULL;
	const char *key;
	char num[48];

	while (json_r_each(ev, &iter, &key, &val)) {
		if (strcmp(key, "lvl") == 0)
			continue;
		if (strcmp(key, "mod") != 0 && strcmp(key, "ev") != 0)
			printf("%s=", key);
		print_safe(json_r_text(val, num, sizeof(num)));
		putchar(' ');
	}
	putchar('\n');
	fflush(stdout);
}

/* One line of the reply. -1: go on; else the exit status. */
static int
reply_line(const char *line, size_t len, const struct options *o,
    struct table *t)
{
	struct json_r *r = json_r_parse(line, len, NULL, 0);
	const struct json_r *item = json_r_get(r, "item");
	const struct json_r *event = json_r_get(r, "event");
	const char *error = json_r_str(r, "error");
	int status = -1;

	if (error != NULL) {
		table_flush(t);
		fprintf(stderr, "pmipctl: %s\n", error);
		status = EXIT_REFUSED;
	} else if (r == NULL || json_r_bool(r, "done", false)) {
		status = r != NULL ? 0 : EXIT_REFUSED;
	} else if (o->json && (item != NULL || event != NULL)) {
		struct json_w w;

		json_w_init(&w);
		json_w_value(&w, item != NULL ? item : event);
		puts(w.buf);
		fflush(stdout);
		json_w_done(&w);
	} else if (event != NULL) {
		print_event(event);
	} else if (item != NULL && o->details) {
		table_details(item, 0);
	} else if (item != NULL) {
		table_add(t, item);
	}
	json_r_free(r);
	return status;
}

static int
read_reply(int fd, const struct options *o)
{
	struct table *t = table_new();
	FILE *f = fdopen(fd, "r");
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	int status = -1;

	while (f != NULL && status < 0 && (n = getline(&line, &cap, f)) > 0)
		status = reply_line(line, (size_t)n, o, t);
	table_free(t);
	free(line);
	if (f != NULL)
		fclose(f);
	if (status < 0) {
		fputs("pmipctl: the daemon closed the connection\n", stderr);
		status = EXIT_NO_DAEMON;
	}
	return status;
}

/* --- main ------------------------------------------------------------------------------ */

/* Options stand before the command (--json anywhere). Returns what is left. */
static int
parse_options(int argc, char **argv, struct options *o)
{
	int n = 0;

	for (int i = 1; i < argc; i++) {
		const char *a = argv[i];

		if (strcmp(a, "--json") == 0 || strcmp(a, "-j") == 0) {
			o->json = true;
		} else if (n == 0 && (strcmp(a, "-s") == 0 ||
		    strcmp(a, "--socket") == 0) && i + 1 < argc) {
			o->socket = argv[++i];
		} else if (n == 0 && strncmp(a, "--socket=", 9) == 0) {
			o->socket = a + 9;
		} else if (n == 0 && (strcmp(a, "-h") == 0 ||
		    strcmp(a, "--help") == 0)) {
			usage(stdout);
			exit(EXIT_SUCCESS);
		} else if (n == 0 && (strcmp(a, "-V") == 0 ||
		    strcmp(a, "--version") == 0)) {
			puts("pmipctl " PMIPD_VERSION);
			exit(EXIT_SUCCESS);
		} else if (n == 0 && *a == '-') {
			usage(stderr);
			exit(EXIT_USAGE);
		} else {
			argv[n++] = argv[i];
		}
	}
	return n;
}

/* Answers that are one thing with members rather than rows. */
static bool
wants_details(int argc, char *const *argv)
{
	return argc >= 2 && strcmp(argv[0], "show") == 0 &&
	    (strcmp(argv[1], "status") == 0 || strcmp(argv[1], "mn") == 0 ||
	    strcmp(argv[1], "config") == 0);
}

int
main(int argc, char **argv)
{
	struct options o = { 0 };
	struct json_w req;
	char path[108];
	int fd, status;

	signal(SIGPIPE, SIG_IGN);
	argc = parse_options(argc, argv, &o);
	if (argc == 0) {
		usage(stderr);
		return EXIT_USAGE;
	}
	o.details = wants_details(argc, argv);
	json_w_init(&req);
	if (request_build(argc, argv, &req) != 0) {
		json_w_done(&req);
		return EXIT_USAGE;
	}
	json_w_newline(&req);
	if (o.socket == NULL)
		o.socket = find_socket(path, sizeof(path));
	fd = connect_to(o.socket);
	if (send(fd, req.buf, req.len, MSG_NOSIGNAL) != (ssize_t)req.len) {
		fprintf(stderr, "pmipctl: %s: %s\n", o.socket,
		    strerror(errno));
		status = EXIT_NO_DAEMON;
	} else {
		status = read_reply(fd, &o);
	}
	json_w_done(&req);
	return status;
}

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
	bool more;		/* there was such an item already */
};

static void
usage(FILE *f)
{
	fputs("usage: pmipctl [-s SOCKET] [--json] COMMAND [ARGUMENT ...]\n"
	    "  show status|bindings|tunnels|peers|counters|config\n"
	    "  show mn NAI                 one mobile node\n"
	    "  attach --nai NAI --interface IF [--mac MAC] [--lla ADDRESS]\n"
	    "  detach --nai NAI            it has left\n"
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

/* --- which daemon ------------------------------------------------------ */

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
	int err;

	if (strlen(path) >= sizeof(sun.sun_path)) {
		fprintf(stderr, "pmipctl: %s: the path is too long\n", path);
		exit(EXIT_USAGE);
	}
	memcpy(sun.sun_path, path, strlen(path));
	if (fd >= 0 && connect(fd, (const struct sockaddr *)(const void *)&sun,
	    sizeof(sun)) == 0)
		return fd;
	err = errno;
	fprintf(stderr, "pmipctl: %s: %s\n", path, strerror(err));
	fputs(err == EACCES ?
	    "  only root and the members of control.group may\n" :
	    "  is pmipd running? another socket is named with -s\n", stderr);
	exit(EXIT_NO_DAEMON);
}

/* --- the reply --------------------------------------------------------- */

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
		print_value(stdout, json_r_text(val, num, sizeof(num)));
		putchar(' ');
	}
	putchar('\n');
	fflush(stdout);
}

static void
print_json(const struct json_r *v)
{
	struct json_w w;

	json_w_init(&w);
	json_w_value(&w, v);
	puts(w.buf);
	json_w_done(&w);
}

static void
print_item(const struct json_r *item, struct options *o, struct table *t)
{
	if (!o->details) {
		table_add(t, item);
		return;
	}
	if (o->more)
		putchar('\n');		/* another role's answer */
	o->more = true;
	table_details(item, 0);
}

/* One line of the reply. -1: go on; else the exit status. */
static int
reply_line(const char *line, size_t len, struct options *o, struct table *t)
{
	struct json_r *r = json_r_parse(line, len, NULL, 0);
	const struct json_r *item = json_r_get(r, "item");
	const struct json_r *event = json_r_get(r, "event");
	const char *error = json_r_str(r, "error");
	int status = -1;

	if (r == NULL) {
		table_flush(t);
		fputs("pmipctl: what answers there is no pmipd\n", stderr);
		return EXIT_REFUSED;
	}
	if (error != NULL) {
		table_flush(t);
		fflush(stdout);
		fputs("pmipctl: ", stderr);
		print_safe(stderr, error);
		fputc('\n', stderr);
		status = EXIT_REFUSED;
	} else if (json_r_bool(r, "done", false)) {
		status = EXIT_SUCCESS;
	} else if (o->json && (item != NULL || event != NULL)) {
		print_json(item != NULL ? item : event);
	} else if (event != NULL) {
		print_event(event);
	} else if (item != NULL) {
		print_item(item, o, t);
	}
	if (event != NULL)
		fflush(stdout);		/* somebody waits for it */
	json_r_free(r);
	return status;
}

/*
 * Nobody takes the output any more.  A reader that has seen enough (head) is
 * no error, anything else is.
 */
static int
output_lost(int err)
{
	if (err == EPIPE)
		return EXIT_SUCCESS;
	fprintf(stderr, "pmipctl: cannot write: %s\n", strerror(err));
	return EXIT_REFUSED;
}

static int
read_reply(int fd, struct options *o)
{
	struct table *t = table_new();
	FILE *f = fdopen(fd, "r");
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	int status = -1, lost = 0;

	while (f != NULL && status < 0 && lost == 0 &&
	    (n = getline(&line, &cap, f)) > 0) {
		status = reply_line(line, (size_t)n, o, t);
		if (ferror(stdout))
			lost = errno;
	}
	table_free(t);
	free(line);
	if (f != NULL)
		fclose(f);
	if (lost == 0 && (fflush(stdout) != 0 || ferror(stdout)))
		lost = errno != 0 ? errno : EIO;
	if (lost != 0)
		return status > 0 ? status : output_lost(lost);
	if (status < 0) {
		fputs("pmipctl: the daemon closed the connection\n", stderr);
		status = EXIT_NO_DAEMON;
	}
	return status;
}

/* --- main -------------------------------------------------------------- */

/* Our own options, wherever they stand, are taken out; behind "--" none is.
 * Returns how many words are left. */
static int
parse_options(int argc, char **argv, struct options *o)
{
	bool literal = false;
	int n = 0;

	for (int i = 1; i < argc; i++) {
		const char *a = argv[i];

		if (literal) {
			argv[n++] = argv[i];
		} else if (strcmp(a, "--") == 0) {
			literal = true;
		} else if (strcmp(a, "--json") == 0 || strcmp(a, "-j") == 0) {
			o->json = true;
		} else if ((strcmp(a, "-s") == 0 ||
		    strcmp(a, "--socket") == 0) && i + 1 < argc) {
			o->socket = argv[++i];
		} else if (strncmp(a, "--socket=", 9) == 0) {
			o->socket = a + 9;
		} else if (strcmp(a, "-h") == 0 || strcmp(a, "--help") == 0) {
			usage(stdout);
			exit(EXIT_SUCCESS);
		} else if (strcmp(a, "-V") == 0 ||
		    strcmp(a, "--version") == 0) {
			puts("pmipctl " PMIPD_VERSION);
			exit(EXIT_SUCCESS);
		} else if (*a == '-' && (n == 0 || a[1] != '-')) {
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

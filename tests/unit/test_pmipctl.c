/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pmipctl as it was built, against a daemon that answers what the test wants:
 * what it asks, what it prints, how it ends.
 */
#include <check.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/util.h"
#include "suite.h"

#define DONE "{\"v\":1,\"done\":true}\n"
#define ITEM(x) "{\"v\":1,\"item\":{" x "}}\n"
#define EVENT(x) "{\"v\":1,\"event\":{" x "}}\n"

static char dir[64], sock[96];
static char request[4096];	/* what was asked, "" when nobody did */
static char *out;		/* what was printed */

/* --- the daemon -------------------------------------------------------- */

/* One connection: a line in, `reply` out, once or as long as it is taken. */
static void
serve(int lfd, int report, const char *reply, bool forever)
{
	char line[sizeof(request)];
	size_t n = 0;
	int fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fd = accept(lfd, NULL, NULL);
	while (n < sizeof(line) && (n == 0 || line[n - 1] != '\n')) {
		ssize_t k = read(fd, line + n, sizeof(line) - n);

		if (k <= 0)
			_exit(1);
		n += (size_t)k;
	}
	if (write(report, line, n) != (ssize_t)n)
		_exit(1);
	do {
		for (size_t off = 0, len = strlen(reply); off < len;) {
			ssize_t k = send(fd, reply + off, len - off,
			    MSG_NOSIGNAL);

			if (k < 0)
				_exit(0);
			off += (size_t)k;
		}
	} while (forever);
	_exit(0);
}

/* A shell command with $P for pmipctl; returns its exit status. */
static int
shell(const char *cmd)
{
	const char *build = getenv("TEST_BUILD");
	char p[256];
	size_t len = 0, cap = 1 << 20;
	FILE *f;
	int st;

	snprintf(p, sizeof(p), "%s/pmipctl -s %s", build != NULL ? build :
	    "build", sock);
	ck_assert_int_eq(setenv("P", p, 1), 0);
	f = popen(cmd, "r");
	ck_assert_ptr_nonnull(f);
	free(out);
	out = calloc(1, cap);
	len = fread(out, 1, cap - 1, f);
	ck_assert_uint_lt(len, cap - 1);
	st = pclose(f);
	ck_assert_msg(WIFEXITED(st), "%s: %d", cmd, st);
	return WEXITSTATUS(st);
}

static int
run(const char *reply, bool forever, const char *cmd)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int lfd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), p[2], r;
	ssize_t n;
	pid_t pid;

	memcpy(sun.sun_path, sock, strlen(sock));
	ck_assert_int_eq(bind(lfd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	ck_assert_int_eq(listen(lfd, 1), 0);
	ck_assert_int_eq(pipe(p), 0);
	pid = fork();
	if (pid == 0)
		serve(lfd, p[1], reply, forever);
	close(lfd);
	close(p[1]);
	r = shell(cmd);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	n = read(p[0], request, sizeof(request) - 1);
	request[n > 0 ? n : 0] = '\0';
	close(p[0]);
	ck_assert_int_eq(unlink(sock), 0);
	return r;
}

static void
setup(void)
{
	snprintf(dir, sizeof(dir), "/tmp/test_pmipctl.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(sock, sizeof(sock), "%s/s", dir);
	out = NULL;
}

static void
teardown(void)
{
	free(out);
	(void)unlink(sock);
	ck_assert_int_eq(rmdir(dir), 0);
}

/* --- what is asked ----------------------------------------------------- */

static const struct { const char *args, *line; } requests[] = {
	{ "show status", "\"show status\",\"args\":{}" },
	{ "show mn 123", "\"show mn\",\"args\":{\"nai\":\"123\"}" },
	{ "show bindings --nai a@b --limit 5",
	    "\"show bindings\",\"args\":{\"nai\":\"a@b\",\"limit\":5}" },
	{ "show counters all=true",
	    "\"show counters\",\"args\":{\"all\":true}" },
	/* identifiers of digits are text */
	{ "attach --nai 310150123456789 --interface 7",
	    "\"attach\",\"args\":{\"nai\":\"310150123456789\",\"interface\":"
	    "\"7\"}" },
	{ "attach --nai=true mac=02:00:00:00:00:01 --interface acc0 "
	    "--lla fe80::1", "\"attach\",\"args\":{\"nai\":\"true\",\"mac\":"
	    "\"02:00:00:00:00:01\",\"interface\":\"acc0\",\"lla\":"
	    "\"fe80::1\"}" },
	{ "detach --nai 'a=b@c'", "\"detach\",\"args\":{\"nai\":\"a=b@c\"}" },
	{ "log debug", "\"log\",\"args\":{\"level\":\"debug\"}" },
	{ "reload", "\"reload\",\"args\":{}" },
	/* a daemon newer than this pmipctl */
	{ "show moons --of jupiter n=4 --big=false",
	    "\"show moons\",\"args\":{\"of\":\"jupiter\",\"n\":4,"
	    "\"big\":false}" },
	{ "reboot \"why=\\\"x\\\"\"", "\"reboot\",\"args\":{\"why\":"
	    "\"\\\"x\\\"\"}" },
	/* our own options, wherever they stand */
	{ "show --json status", "\"show status\",\"args\":{}" },
	{ "-- show mn -x", "\"show mn\",\"args\":{\"nai\":\"-x\"}" },
};

START_TEST(test_requests)
{
	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		char cmd[256], want[300];

		snprintf(cmd, sizeof(cmd), "$P %s 2>&1", requests[i].args);
		snprintf(want, sizeof(want), "{\"v\":1,\"cmd\":%s}\n",
		    requests[i].line);
		ck_assert_msg(run(DONE, false, cmd) == 0, "%s: %s", cmd, out);
		ck_assert_str_eq(request, want);
		ck_assert_str_eq(out, "");
	}
}
END_TEST

START_TEST(test_usage)
{
	static const char *const bad[] = { "", "--nonsense", "-x status",
		"show status extra", "attach --nai", "show mn a b" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char cmd[128];

		snprintf(cmd, sizeof(cmd), "$P %s 2>&1 >/dev/null", bad[i]);
		ck_assert_msg(shell(cmd) == 2, "%s: %s", bad[i], out);
		ck_assert_str_ne(out, "");
	}
	ck_assert_int_eq(shell("$P attach --help"), 0);
	ck_assert_ptr_nonnull(strstr(out, "usage: pmipctl"));
	ck_assert_int_eq(shell("$P --version"), 0);
	ck_assert_int_eq(strncmp(out, "pmipctl ", 8), 0);
}
END_TEST

/* --- what is printed --------------------------------------------------- */

START_TEST(test_table)
{
	ck_assert_int_eq(run(
	    ITEM("\"nai\":\"a@example.com\",\"max_use\":7,\"l\":[1,\"x\"]")
	    ITEM("\"nai\":\"\\u00e4@b\",\"max_use\":12345678,\"l\":[]")
	    ITEM("\"nai\":\"c\",\"max_use\":null,\"l\":{\"a\":1.5}")
	    ITEM("\"other\":true") DONE, false, "$P show bindings"), 0);
	ck_assert_str_eq(out,
	    "NAI            MAX-USE   L\n"
	    "a@example.com  7         1,x\n"
	    "\xc3\xa4@b            12345678  -\n"
	    "c              -         a=1.500\n"
	    "\n"
	    "OTHER\n"
	    "true\n");
}
END_TEST

START_TEST(test_details)
{
	ck_assert_int_eq(run(
	    ITEM("\"nai\":\"a\",\"tunnel\":{\"remote\":\"2001:db8::1\","
	    "\"mtu\":1460},\"l\":[{\"x\":1},{\"x\":2}]")
	    ITEM("\"nai\":\"b\"") DONE, false, "$P show mn a"), 0);
	ck_assert_str_eq(out,
	    "nai:    a\n"
	    "tunnel:\n"
	    "  remote: 2001:db8::1\n"
	    "  mtu:    1460\n"
	    "l:\n"
	    "  -\n"
	    "    x: 1\n"
	    "  -\n"
	    "    x: 2\n"
	    "\n"
	    "nai: b\n");
}
END_TEST

/* Columns fit the first thousand rows, and the others are all there. */
START_TEST(test_long_table)
{
	char *reply = NULL, *p;
	size_t len, rows = 0;
	FILE *f = open_memstream(&reply, &len);

	for (unsigned i = 0; i < 5000; i++)
		fprintf(f, ITEM("\"nai\":\"%s%u\",\"n\":%u"),
		    i == 4000 ? "as-long-as-it-likes-" : "", i, i);
	fputs(DONE, f);
	fclose(f);
	ck_assert_int_eq(run(reply, false, "$P show bindings"), 0);
	for (p = out; *p != '\0'; p++)
		rows += *p == '\n';
	ck_assert_uint_eq(rows, 5001);
	ck_assert_int_eq(strncmp(out, "NAI  N\n0    0\n", 14), 0);
	ck_assert_ptr_nonnull(strstr(out, "\n999  999\n1000  1000\n"));
	ck_assert_ptr_nonnull(strstr(out,
	    "\nas-long-as-it-likes-4000  4000\n"));
	free(reply);
}
END_TEST

START_TEST(test_json)
{
	ck_assert_int_eq(run(ITEM("\"a\":[1,true,null],\"b\":{\"c\":\"d\"}")
	    ITEM("\"x\":-0.125") DONE, false, "$P show bindings --json"), 0);
	ck_assert_str_eq(out, "{\"a\":[1,true,null],\"b\":{\"c\":\"d\"}}\n"
	    "{\"x\":-0.125}\n");
}
END_TEST

START_TEST(test_watch)
{
	ck_assert_int_eq(run("{\"v\":1,\"watching\":true}\n"
	    EVENT("\"lvl\":\"info\",\"mod\":\"ha\",\"ev\":\"bound\",\"nai\":"
	    "\"a b\\\"=\",\"n\":5,\"e\":\"\"")
	    DONE, false, "$P watch"), 0);
	ck_assert_str_eq(out, "ha bound nai=\"a b\\\"=\" n=5 e=\"\" \n");
	ck_assert_str_eq(request, "{\"v\":1,\"cmd\":\"watch\",\"args\":{}}\n");
}
END_TEST

/*
 * An identifier that a mobile node chose: ESC, CSI as one character, DEL,
 * right-to-left override, zero width.
 */
#define EVIL "x\\u001b[2Jy\\u009b31mz\\u007f\\r\\u202egnp\\u200b"

static void
assert_harmless(const char *what)
{
	const unsigned char *p = (const unsigned char *)out;

	ck_assert_msg(strchr(out, 'x') != NULL, "%s: %s", what, out);
	for (; *p != '\0'; p++)
		ck_assert_msg(*p == '\n' || (*p >= 0x20 && *p < 0x7f),
		    "%s: octet %02x in %s", what, *p, out);
}

START_TEST(test_terminal_is_safe)
{
	static const struct { const char *reply, *cmd; int status; } t[] = {
		{ ITEM("\"nai\":\"" EVIL "\",\"n\":[\"" EVIL "\"]") DONE,
		    "$P show bindings 2>&1", 0 },
		{ ITEM("\"nai\":\"" EVIL "\",\"n\":{\"o\":\"" EVIL "\"}") DONE,
		    "$P show mn x 2>&1", 0 },
		{ "{\"v\":1,\"error\":\"" EVIL "\"}\n", "$P reload 2>&1", 1 },
		{ EVENT("\"mod\":\"ha\",\"ev\":\"e\",\"nai\":\"" EVIL "\"")
		    EVENT("\"mod\":\"ha\",\"ev\":\"e\",\"nai\":\" " EVIL "\"")
		    DONE, "$P watch 2>&1", 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		ck_assert_int_eq(run(t[i].reply, false, t[i].cmd),
		    t[i].status);
		assert_harmless(t[i].cmd);
		ck_assert_ptr_nonnull(strstr(out, "x\\x1b[2Jy\\u009b31mz\\x7f"
		    "\\x0d\\u202egnp\\u200b"));
	}
	/* JSON has an escape of its own; DEL does nothing. */
	ck_assert_int_eq(run(ITEM("\"nai\":\"x\\u001b\\u009b\\u202e\"") DONE,
	    false, "$P --json show bindings"), 0);
	assert_harmless("json");
	ck_assert_str_eq(out, "{\"nai\":\"x\\u001B\\u009B\\u202E\"}\n");
}
END_TEST

/* The longest identifier, every octet escaped, is still whole. */
START_TEST(test_long_identifier)
{
	char *reply = NULL;
	size_t len, n = 0;
	FILE *f = open_memstream(&reply, &len);

	fputs("{\"v\":1,\"item\":{\"nai\":\"", f);
	for (unsigned i = 0; i < 253; i++)
		fputs("\\u0080", f);
	fputs("\",\"z\":1}}\n" DONE, f);
	fclose(f);
	ck_assert_int_eq(run(reply, false, "$P show bindings"), 0);
	for (char *p = out; (p = strstr(p, "\\u0080")) != NULL; p++)
		n++;
	ck_assert_uint_eq(n, 253);
	ck_assert_ptr_nonnull(strstr(out, "\\u0080  1\n"));
	free(reply);
}
END_TEST

/* --- how it ends ------------------------------------------------------- */

START_TEST(test_status)
{
	ck_assert_int_eq(run(ITEM("\"a\":1")
	    "{\"v\":1,\"error\":\"no luck\"}\n", false,
	    "$P show bindings 2>&1"), 1);
	ck_assert_str_eq(out, "A\n1\npmipctl: no luck\n");
	ck_assert_int_eq(run("SSH-2.0-x\n", false, "$P reload 2>&1"), 1);
	ck_assert_str_eq(out, "pmipctl: what answers there is no pmipd\n");
	ck_assert_int_eq(run(ITEM("\"a\":1"), false,
	    "$P show bindings 2>&1"), 3);
	ck_assert_str_eq(out, "A\n1\npmipctl: the daemon closed the "
	    "connection\n");
	/* nobody there: which path, and what to try */
	ck_assert_int_eq(shell("$P show status 2>&1"), 3);
	ck_assert_ptr_nonnull(strstr(out, sock));
	ck_assert_ptr_nonnull(strstr(out, "No such file"));
	ck_assert_ptr_nonnull(strstr(out, "-s"));
}
END_TEST

/* Somebody who has seen enough ends it, also in the middle of a watch. */
START_TEST(test_reader_leaves)
{
	ck_assert_int_eq(run(EVENT("\"mod\":\"m\",\"ev\":\"e\""), true,
	    "$P watch | head -n 1"), 0);
	ck_assert_str_eq(out, "m e \n");
	ck_assert_int_eq(run(ITEM("\"a\":1"), true,
	    "$P show bindings | head -n 1"), 0);
	ck_assert_str_eq(out, "A\n");
	ck_assert_int_eq(run(ITEM("\"a\":1"), true,
	    "$P --json show bindings | head -n 1"), 0);
	ck_assert_str_eq(out, "{\"a\":1}\n");
}
END_TEST

/* What could not be written is no success. */
START_TEST(test_full_disk)
{
	ck_assert_int_eq(run(ITEM("\"a\":1") DONE, false,
	    "$P show bindings 2>&1 >/dev/full"), 1);
	ck_assert_ptr_nonnull(strstr(out, "cannot write"));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("pmipctl");
	TCase *tc = tcase_create("pmipctl");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_requests);
	tcase_add_test(tc, test_usage);
	tcase_add_test(tc, test_table);
	tcase_add_test(tc, test_details);
	tcase_add_test(tc, test_long_table);
	tcase_add_test(tc, test_json);
	tcase_add_test(tc, test_watch);
	tcase_add_test(tc, test_terminal_is_safe);
	tcase_add_test(tc, test_long_identifier);
	tcase_add_test(tc, test_status);
	tcase_add_test(tc, test_reader_leaves);
	tcase_add_test(tc, test_full_disk);
	suite_add_tcase(s, tc);
	return suite_run(s);
}

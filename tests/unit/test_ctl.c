/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control socket with real sockets and a real loop in one process: the
 * test is the client between two turns of the loop.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/ctl.h"
#include "core/json.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/stats.h"
#include "core/util.h"
#include "suite.h"

#define MANY 200000
#define DONE "{\"v\":1,\"done\":true}\n"
#define ONE "{\"v\":1,\"item\":{\"a\":0}}\n"	/* the answer to "one" */

static char dir[64], path[96];
static struct loop *loop;
static struct log *log_;
static struct stats *stats;
static struct ctl *ctl;
static unsigned steps;

/* --- commands ---------------------------------------------------------- */

static void
item(struct ctl_call *c, const char *key, uint64_t v)
{
	struct json_w *w = ctl_item(c);

	json_w_u(w, key, v);
	ctl_item_end(c);
}

static int
cmd_one(struct ctl_call *c)
{
	item(c, *(const char *)c->ctx == 'a' ? "a" : "b",
	    (uint64_t)json_r_int(c->args, "n", 0));
	return CTL_DONE;
}

static int
cmd_many(struct ctl_call *c)
{
	if (c->state == NULL)
		c->state = malloc(100);	/* the socket frees it */
	for (unsigned i = 0; i < 64 && c->cursor < MANY; i++)
		item(c, "i", c->cursor++);
	steps++;
	return c->cursor < MANY ? CTL_MORE : CTL_DONE;
}

/* Looks long and finds nothing. */
static int
cmd_search(struct ctl_call *c)
{
	steps++;
	return ++c->cursor < 1000 ? CTL_MORE : CTL_DONE;
}

static int
cmd_fail(struct ctl_call *c)
{
	return ctl_fail(c, -EBUSY, "no \"%s\" today", "luck");
}

static int
cmd_errno(struct ctl_call *c)
{
	(void)c;
	return -EPERM;
}

/* Only the owner "b" knows. */
static int
cmd_who(struct ctl_call *c)
{
	if (*(const char *)c->ctx == 'a')
		return ctl_fail(c, -ENOENT, "not here");
	item(c, "b", 1);
	return CTL_DONE;
}

static int
cmd_nobody(struct ctl_call *c)
{
	return ctl_fail(c, -ENOENT, "nowhere");
}

static const struct ctl_cmd cmds_a[] = {
	{ "one", "an item", cmd_one },
	{ "who", "one owner knows", cmd_who },
	{ "nobody", "no owner knows", cmd_nobody },
	{ "many", "a lot", cmd_many },
	{ "search", "finds nothing", cmd_search },
	{ "fail", "fails", cmd_fail },
	{ "errno", "fails without a word", cmd_errno },
	{ NULL, NULL, NULL },
};
static const struct ctl_cmd cmds_b[] = {
	{ "one", "an item", cmd_one },
	{ "who", "one owner knows", cmd_who },
	{ "nobody", "no owner knows", cmd_nobody },
	{ NULL, NULL, NULL },
};

/* --- the client -------------------------------------------------------- */

static void
setup(void)
{
	snprintf(dir, sizeof(dir), "/tmp/test_ctl.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/s", dir);
	loop = loop_new(&clock_system);
	log_ = log_new(&clock_system);
	stats = stats_new();
	ck_assert_int_eq(ctl_new(loop, log_, stats, path, (gid_t)-1, &ctl), 0);
	ctl_register(ctl, cmds_a, (char *)(uintptr_t)"a");
	steps = 0;
}

static void
teardown(void)
{
	ctl_free(ctl);
	ck_assert_int_lt(access(path, F_OK), 0);
	stats_free(stats);
	log_free(log_);
	loop_free(loop);
	ck_assert_int_eq(rmdir(dir), 0);
}

static int
client(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(sun.sun_path, path, strlen(path));
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sun, sizeof(sun)),
	    0);
	ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	return fd;
}

static void
turns(unsigned n)
{
	while (n-- > 0)
		ck_assert_int_eq(loop_turn(loop, 0), 0);
}

static void
say(int fd, const char *text)
{
	ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL),
	    (int)strlen(text));
}

/* Everything until the text `end` stands at the end; NULL: until EOF. */
static char *
hear(int fd, const char *end)
{
	size_t len = 0, cap = 1 << 16, e = end != NULL ? strlen(end) : 0;
	char *buf = calloc(1, cap);

	for (unsigned idle = 0; idle < 20000;) {
		ssize_t n = recv(fd, buf + len, cap - len - 1, 0);

		if (n == 0 && end == NULL)
			return buf;
		if (n <= 0) {
			ck_assert_msg(n < 0 && errno == EAGAIN, "gone: %s",
			    buf);
			if (loop_turn(loop, 0) < 0)
				ck_abort_msg("loop");
			idle++;
			continue;
		}
		idle = 0;
		len += (size_t)n;
		buf[len] = '\0';
		if (end != NULL && len >= e &&
		    strcmp(buf + len - e, end) == 0)
			return buf;
		if (cap - len < 4096) {
			cap *= 2;
			buf = realloc(buf, cap);
		}
	}
	ck_abort_msg("heard only \"%s\"", buf);
	return buf;
}

/* All up to DONE, and it is that. */
static void
hears(int fd, const char *reply)
{
	char *got = hear(fd, DONE);

	ck_assert_str_eq(got, reply);
	free(got);
}

static void
expect(int fd, const char *request, const char *reply)
{
	char *got;

	say(fd, request);
	got = hear(fd, "}\n");
	ck_assert_str_eq(got, reply);
	free(got);
}

static size_t
lines(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += *s == '\n';
	return n;
}

/* --- tests ------------------------------------------------------------- */

START_TEST(test_replies)
{
	int fd = client();
	char *got;

	say(fd, "{\"v\":1,\"cmd\":\"one\",\"args\":{\"n\":5}}\n");
	hears(fd, "{\"v\":1,\"item\":{\"a\":5}}\n" DONE);
	expect(fd, "{\"cmd\":\"fail\"}\n",
	    "{\"v\":1,\"error\":\"no \\\"luck\\\" today\"}\n");
	expect(fd, "{\"cmd\":\"errno\"}\n", "{\"v\":1,\"error\":\"EPERM\"}\n");
	expect(fd, "{\"cmd\":\"gone\\u0001\"}\n",
	    "{\"v\":1,\"error\":\"unknown command \\\"gone\\u0001\\\"\"}\n");
	expect(fd, "{}\n", "{\"v\":1,\"error\":\"no \\\"cmd\\\" in the "
	    "request\"}\n");
	expect(fd, "[1]\n", "{\"v\":1,\"error\":\"no \\\"cmd\\\" in the "
	    "request\"}\n");
	expect(fd, "{\"cmd\":\"one\",\"args\":[]}\n",
	    "{\"v\":1,\"error\":\"\\\"args\\\" must be an object\"}\n");
	expect(fd, "{\"v\":2,\"cmd\":\"one\"}\n",
	    "{\"v\":1,\"error\":\"this daemon speaks version 1\"}\n");
	say(fd, "nonsense\n");
	got = hear(fd, "}\n");
	ck_assert_ptr_nonnull(strstr(got, "\"error\":\"not JSON: column "));
	free(got);
	ck_assert_uint_eq(stats_get(stats, "ctl", "requests"), 9);
	ck_assert_uint_eq(stats_get(stats, "ctl", "bad-requests"), 6);
	/* the list of commands has them all */
	say(fd, "{\"cmd\":\"commands\"}\n");
	got = hear(fd, DONE);
	ck_assert_uint_eq(lines(got), ARRAY_LEN(cmds_a));
	free(got);
	close(fd);
}
END_TEST

/* Two owners of a command: both answer, one may not know. */
START_TEST(test_two_owners)
{
	int fd = client();

	ctl_register(ctl, cmds_b, (char *)(uintptr_t)"b");
	say(fd, "{\"cmd\":\"one\"}\n");
	hears(fd, ONE "{\"v\":1,\"item\":{\"b\":0}}\n" DONE);
	say(fd, "{\"cmd\":\"who\"}\n");
	hears(fd, "{\"v\":1,\"item\":{\"b\":1}}\n" DONE);
	expect(fd, "{\"cmd\":\"nobody\"}\n", "{\"v\":1,\"error\":"
	    "\"nowhere\"}\n");
	ctl_unregister(ctl, cmds_b, (char *)(uintptr_t)"b");
	say(fd, "{\"cmd\":\"one\"}\n");
	hears(fd, ONE DONE);
	close(fd);
}
END_TEST

/* Several in one write, one in several; empty lines mean nothing. */
START_TEST(test_pieces)
{
	int fd = client();
	char *got;

	say(fd, "\n\n{\"cmd\":\"one\",\"args\":{\"n\":1}}\n\n"
	    "{\"cmd\":\"fail\"}\n{\"cmd\":\"one\",\"args\":{\"n\":2}}\n{\"cm");
	got = hear(fd, "\"a\":2}}\n" DONE);
	ck_assert_str_eq(got, "{\"v\":1,\"item\":{\"a\":1}}\n" DONE
	    "{\"v\":1,\"error\":\"no \\\"luck\\\" today\"}\n"
	    "{\"v\":1,\"item\":{\"a\":2}}\n" DONE);
	free(got);
	say(fd, "d\":\"one\"}");
	turns(3);
	say(fd, "\n");
	hears(fd, ONE DONE);
	/* half closed: the answers still come, then the end */
	say(fd, "{\"cmd\":\"one\"}\n{\"cmd\":\"one\"}\n");
	ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
	got = hear(fd, NULL);
	ck_assert_str_eq(got, "{\"v\":1,\"item\":{\"a\":0}}\n" DONE
	    "{\"v\":1,\"item\":{\"a\":0}}\n" DONE);
	free(got);
	close(fd);
}
END_TEST

START_TEST(test_only_empty_lines)
{
	static char nl[CTL_LINE_MAX];
	int fd = client();
	size_t sent = 0;

	memset(nl, '\n', sizeof(nl));
	for (unsigned i = 0; i < 200; i++) {
		ssize_t n = send(fd, nl, sizeof(nl), MSG_NOSIGNAL);

		sent += n > 0 ? (size_t)n : 0;
		turns(1);
	}
	ck_assert_uint_gt(sent, 10 * sizeof(nl));
	turns(100);
	say(fd, "{\"cmd\":\"one\"}\n");
	hears(fd, ONE DONE);
	close(fd);
}
END_TEST

/* A reply of megabytes: nothing is produced that the reader does not take. */
START_TEST(test_slow_reader)
{
	int fd = client(), other = client();
	unsigned stopped;
	char *got;

	say(fd, "{\"cmd\":\"many\"}\n");
	turns(2000);
	stopped = steps;
	ck_assert_uint_lt(stopped, MANY / 64 / 4);
	turns(100);
	ck_assert_uint_eq(steps, stopped);
	/* others are served meanwhile */
	say(other, "{\"cmd\":\"one\"}\n");
	got = hear(other, DONE);
	free(got);
	got = hear(fd, DONE);
	ck_assert_uint_eq(lines(got), MANY + 1);
	ck_assert_ptr_nonnull(strstr(got, "{\"i\":199999}"));
	free(got);
	close(fd);
	close(other);
}
END_TEST

/* A command that finds nothing must not hold the loop. */
START_TEST(test_long_search)
{
	int fd = client();
	char *got;

	say(fd, "{\"cmd\":\"search\"}\n");
	while (steps == 0)
		turns(1);
	ck_assert_uint_lt(steps, 200);
	got = hear(fd, DONE);
	ck_assert_str_eq(got, DONE);
	ck_assert_uint_eq(steps, 1000);
	free(got);
	close(fd);
}
END_TEST

START_TEST(test_vanishing_client)
{
	int fd = client(), abrupt = client(), idle = client();

	say(fd, "{\"cmd\":\"many\"}\n");
	say(abrupt, "{\"cmd\":\"many\"}\n{\"cmd\":\"one\"}\n");
	turns(10);
	close(fd);
	ck_assert_int_eq(setsockopt(abrupt, SOL_SOCKET, SO_LINGER,
	    &(struct linger){ 1, 0 }, sizeof(struct linger)), 0);
	close(abrupt);
	close(idle);
	turns(50);
	fd = client();
	expect(fd, "{\"cmd\":\"errno\"}\n", "{\"v\":1,\"error\":\"EPERM\"}\n");
	close(fd);
}
END_TEST

/* Freed while requests run: their state goes as well (sanitizer). */
START_TEST(test_stop_while_running)
{
	int fd = client();
	char *got, *last;

	say(fd, "{\"cmd\":\"many\"}\n");
	turns(10);
	ctl_unregister(ctl, cmds_a, (char *)(uintptr_t)"a");
	got = hear(fd, "\"the daemon is stopping\"}\n");
	last = strstr(got, "{\"v\":1,\"error\"");
	ck_assert_str_eq(last, "{\"v\":1,\"error\":\"the daemon is stopping\""
	    "}\n");
	free(got);
	ctl_register(ctl, cmds_a, (char *)(uintptr_t)"a");
	say(fd, "{\"cmd\":\"many\"}\n");
	turns(10);
	close(fd);
}
END_TEST

START_TEST(test_long_line)
{
	static char a[CTL_LINE_MAX];
	int fd = client();
	char *got;
	size_t off = 0;

	memset(a, 'a', sizeof(a));
	while (off < sizeof(a)) {
		ssize_t n = send(fd, a + off, sizeof(a) - off, MSG_NOSIGNAL);

		off += n > 0 ? (size_t)n : 0;
		turns(1);
	}
	got = hear(fd, NULL);
	ck_assert_str_eq(got, "{\"v\":1,\"error\":\"the request is too "
	    "long\"}\n");
	free(got);
	close(fd);
	/* the longest that is taken */
	fd = client();
	memcpy(a, "{\"cmd\":\"one\",\"x\":\"", 18);
	memcpy(a + sizeof(a) - 3, "\"}\n", 3);
	for (off = 0; off < sizeof(a);) {
		ssize_t n = send(fd, a + off, sizeof(a) - off, MSG_NOSIGNAL);

		off += n > 0 ? (size_t)n : 0;
		turns(1);
	}
	hears(fd, ONE DONE);
	close(fd);
}
END_TEST

START_TEST(test_connection_limit)
{
	int fds[CTL_CONN_MAX], extra;
	char *got;

	for (unsigned i = 0; i < CTL_CONN_MAX; i++) {
		fds[i] = client();
		turns(1);
	}
	extra = client();
	got = hear(extra, NULL);
	ck_assert_str_eq(got, "{\"v\":1,\"error\":\"too many connections\"}"
	    "\n");
	free(got);
	close(extra);
	ck_assert_uint_eq(stats_get(stats, "ctl", "full"), 1);
	close(fds[0]);
	turns(3);
	fds[0] = client();
	expect(fds[0], "{\"cmd\":\"errno\"}\n",
	    "{\"v\":1,\"error\":\"EPERM\"}\n");
	for (unsigned i = 0; i < CTL_CONN_MAX; i++)
		close(fds[i]);
}
END_TEST

/* --- watching ---------------------------------------------------------- */

START_TEST(test_watch)
{
	int fd = client();
	struct in6_addr a = { .s6_addr = { 0x20, 0x01, [15] = 1 } };
	char *got;

	say(fd, "{\"cmd\":\"watch\"}\n{\"cmd\":\"one\"}\n");
	got = hear(fd, "}\n");
	ck_assert_str_eq(got, "{\"v\":1,\"watching\":true}\n");
	free(got);
	log_debug(log_, "ha", "too-small", KV_U("n", 1));
	log_warn(log_, "ha", "bound", KV_STRN("nai", "a\0\"b", 4),
	    KV_IN6("coa", &a), KV_I("i", -1), KV_BOOL("yes", true));
	got = hear(fd, "}\n");
	ck_assert_str_eq(got, "{\"v\":1,\"event\":{\"lvl\":\"warn\",\"mod\":"
	    "\"ha\",\"ev\":\"bound\",\"nai\":\"a\\\\x00\\\\\\\"b\",\"coa\":"
	    "\"2001::1\",\"i\":-1,\"yes\":true}}\n");
	free(got);
	close(fd);
	turns(3);
	log_info(log_, "ha", "nobody-listens", KV_U("n", 1));
}
END_TEST

/* A watcher that does not read loses events, and is told how many. */
START_TEST(test_watch_lost)
{
	const unsigned total = 100000;
	int fd = client();
	char *got, *at;
	unsigned lost;

	say(fd, "{\"cmd\":\"watch\"}\n");
	turns(3);
	for (unsigned i = 0; i < total; i++)
		log_info(log_, "ha", "x", KV_U("n", i));
	lost = (unsigned)stats_get(stats, "ctl", "events-lost");
	ck_assert_uint_gt(lost, 0);
	/* told without another event having to come */
	got = hear(fd, "}}\n");
	while ((at = strstr(got, "\"ev\":\"events-lost\"")) == NULL) {
		free(got);
		got = hear(fd, "}}\n");
	}
	ck_assert_uint_eq(strtoul(strstr(at, "\"events\":") + 9, NULL, 10),
	    lost);
	free(got);
	log_info(log_, "ha", "y", KV_U("n", 1));
	got = hear(fd, "\"ev\":\"y\",\"n\":1}}\n");
	free(got);
	close(fd);
}
END_TEST

/* --- the socket -------------------------------------------------------- */

START_TEST(test_socket)
{
	struct ctl *second = NULL;
	struct stat st;
	char other[128], toolong[256];
	struct stats *s2 = stats_new();
	int fd;

	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0660);
	ck_assert_int_eq(ctl_new(loop, log_, s2, path, (gid_t)-1, &second),
	    -EADDRINUSE);
	snprintf(other, sizeof(other), "%s/file", dir);
	fd = open(other, O_CREAT | O_WRONLY, 0600);
	close(fd);
	ck_assert_int_eq(ctl_new(loop, log_, s2, other, (gid_t)-1, &second),
	    -EEXIST);
	ck_assert_int_eq(unlink(other), 0);
	memset(toolong, 'x', sizeof(toolong) - 1);
	toolong[sizeof(toolong) - 1] = '\0';
	ck_assert_int_eq(ctl_new(loop, log_, s2, toolong, (gid_t)-1, &second),
	    -ENAMETOOLONG);
	snprintf(other, sizeof(other), "%s/no/s", dir);
	ck_assert_int_eq(ctl_new(loop, log_, s2, other, (gid_t)-1, &second),
	    -ENOENT);
	/* a socket that a dead daemon left is replaced */
	snprintf(other, sizeof(other), "%s/t", dir);
	ck_assert_int_eq(rename(path, other), 0);
	ck_assert_int_eq(ctl_new(loop, log_, s2, path, (gid_t)-1, &second),
	    0);
	ctl_free(second);
	stats_free(s2);
	ck_assert_int_eq(unlink(other), 0);
}
END_TEST

START_TEST(test_stale_socket)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct stats *s2 = stats_new();
	struct ctl *second = NULL;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%.90s/u", dir);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	close(fd);
	ck_assert_int_eq(ctl_new(loop, log_, s2, sun.sun_path, (gid_t)-1,
	    &second), 0);
	ctl_free(second);
	stats_free(s2);
	ck_assert_int_lt(access(sun.sun_path, F_OK), 0);
}
END_TEST

START_TEST(test_feed)
{
	struct json_w out;

	json_w_init(&out);
	ctl_feed(ctl, "{\"cmd\":\"many\"}", 14, &out);
	ck_assert_uint_eq(lines(out.buf), MANY + 1);
	ctl_feed(ctl, "{\"cmd\":\"errno\"}", 15, &out);
	ck_assert_str_eq(out.buf, "{\"v\":1,\"error\":\"EPERM\"}\n");
	ctl_feed(ctl, "{\"cmd\":\"watch\"}", 15, &out);
	log_info(log_, "ha", "nobody", KV_U("n", 1));
	json_w_done(&out);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("ctl");
	TCase *tc = tcase_create("ctl");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_replies);
	tcase_add_test(tc, test_two_owners);
	tcase_add_test(tc, test_pieces);
	tcase_add_test(tc, test_only_empty_lines);
	tcase_add_test(tc, test_slow_reader);
	tcase_add_test(tc, test_long_search);
	tcase_add_test(tc, test_vanishing_client);
	tcase_add_test(tc, test_stop_while_running);
	tcase_add_test(tc, test_long_line);
	tcase_add_test(tc, test_connection_limit);
	tcase_add_test(tc, test_watch);
	tcase_add_test(tc, test_watch_lost);
	tcase_add_test(tc, test_socket);
	tcase_add_test(tc, test_stale_socket);
	tcase_add_test(tc, test_feed);
	suite_add_tcase(s, tc);
	return suite_run(s);
}

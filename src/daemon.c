/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of a daemon: configuration, start, signals, reload, stop.
 *
 *   SIGTERM, SIGINT  stop (dataplane.on-exit says what stays in the kernel)
 *   SIGHUP           reload, as `pmipctl reload`
 *
 * A reload parses and checks everything before it changes anything; whatever
 * needs a restart is named and refused.  A role that cannot take what is good
 * (an address is in use) goes on with what it had, which is kept for it.
 */
#include "daemon_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/util.h"

#define MOD "core"

static void PRINTF_LIKE(2, 3)
errors_add(struct cfg_errors *e, const char *fmt, ...)
{
	char *line, *all;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&line, fmt, ap) < 0)
		abort();
	va_end(ap);
	if (asprintf(&all, "%s%s\n", e->text != NULL ? e->text : "", line) < 0)
		abort();
	free(e->text);
	free(line);
	e->text = all;
	e->n++;
}

int
daemon_load_conf(const struct daemon_opts *o, struct arena **ret_arena,
    struct main_conf **ret, struct cfg_errors *errs)
{
	struct arena *a = arena_new();
	void *conf;
	int r = cfg_load(o->config, &main_conf_table, a, &conf, errs);

	for (size_t i = 0; r == 0 && o->roles[i] != NULL; i++) {
		if (main_conf_role(conf, o->roles[i]) == NULL) {
			errors_add(errs, "%s:1:1: error: role %s needs a "
			    "section \"%s:\"", o->config, o->roles[i],
			    o->roles[i]);
			r = -EINVAL;
		}
	}
	if (r < 0) {
		arena_free(a);
		return r;
	}
	*ret_arena = a;
	*ret = conf;
	return 0;
}

/* --- reload --------------------------------------------------------------- */

/* Each line of *errs into the log; the first one into `why`. */
static void
log_errors(struct daemon *d, const struct cfg_errors *errs, char *why,
    size_t whycap)
{
	char *text = strdup(errs->text != NULL ? errs->text : "");
	char *rest = text, *line;

	if (text == NULL)
		return;
	snprintf(why, whycap, "%s", text);
	why[strcspn(why, "\n")] = '\0';
	if (errs->n > 1)
		snprintf(why + strlen(why), whycap - strlen(why),
		    " (and %u more, see the log)", errs->n - 1);
	while ((line = strsep(&rest, "\n")) != NULL) {
		if (*line != '\0')
			log_err(d->log, MOD, "config", KV_STR("text", line));
	}
	free(text);
}

/* 0; or what the first role said that goes on with what it had. */
static int
apply_roles(struct daemon *d, const struct main_conf *conf, char *why,
    size_t whycap)
{
	int first = 0;

	for (size_t i = 0; i < d->nroles; i++) {
		struct role *role = d->roles[i];
		int r = role->ops->reload(role,
		    main_conf_role(conf, role->ops->name));

		if (r < 0)
			log_err(d->log, MOD, "role-reload-failed",
			    KV_STR("role", role->ops->name), KV_ERR(r));
		if (r == 0 || first != 0)
			continue;
		snprintf(why, whycap, "%s: error: %s: not applied, all else "
		    "is: %s", d->opts->config, role->ops->name, strerror(-r));
		first = r;
	}
	return first;
}

static void
free_held(struct daemon *d)
{
	struct daemon_held *h;

	while ((h = d->held) != NULL) {
		d->held = h->older;
		arena_free(h->arena);
		free(h);
	}
}

/* What we have had goes, unless a role has not let it go. */
static void
replace_conf(struct daemon *d, struct arena *arena,
    const struct main_conf *conf, bool in_use)
{
	struct daemon_held *h = calloc(1, sizeof(*h));

	if (h == NULL)
		abort();
	h->arena = d->arena;
	h->older = d->held;
	d->held = h;
	if (!in_use)
		free_held(d);
	d->arena = arena;
	d->conf = conf;
}

int
daemon_reload(struct daemon *d, char *why, size_t whycap)
{
	struct cfg_errors errs = { 0 };
	struct main_conf *conf = NULL;
	struct arena *arena = NULL;
	char key[128];
	int r;

	why[0] = '\0';
	r = daemon_load_conf(d->opts, &arena, &conf, &errs);
	if (r == 0 && cfg_needs_restart(&main_conf_table, d->conf, conf, key,
	    sizeof(key))) {
		errors_add(&errs, "%s: error: %s can be changed by a restart "
		    "only", d->opts->config, key);
		r = -EBUSY;
	}
	if (r == 0 && (r = daemon_sec_prepare(d, conf)) < 0)
		errors_add(&errs, "%s: error: security: not applied, see the "
		    "log", d->opts->config);
	if (r == 0 && (r = policy_file_reload(d->env.policy,
	    conf->policy.file, &errs)) < 0)
		sec_abort(d->sec);
	if (r < 0) {
		log_errors(d, &errs, why, whycap);
		log_err(d->log, MOD, "reload-refused", KV_U("errors", errs.n),
		    KV_STR("hint", "the running configuration is unchanged"));
		cfg_errors_done(&errs);
		arena_free(arena);
		return r;
	}
	sec_commit(d->sec);
	r = apply_roles(d, conf, why, whycap);
	if (d->opts->log_level < 0 && conf->log.level != d->conf->log.level)
		log_set_level(d->log, (enum log_level)conf->log.level);
	replace_conf(d, arena, conf, r < 0);
	cfg_errors_done(&errs);
	log_info(d->log, MOD, "reloaded",
	    KV_U("profiles", policy_file_count(d->env.policy)));
	return r;
}

/* --- signals ----------------------------------------------------------- */

static void
on_signal(void *ctx, int signo)
{
	struct daemon *d = ctx;
	char why[512];

	if (signo == SIGHUP) {
		(void)daemon_reload(d, why, sizeof(why));
		return;
	}
	log_info(d->log, MOD, "stopping", KV_STR("signal",
	    signo == SIGTERM ? "SIGTERM" : "SIGINT"));
	loop_stop(d->loop);
}

static int
add_signals(struct daemon *d)
{
	static const int signos[] = { SIGTERM, SIGINT, SIGHUP };

	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < ARRAY_LEN(signos); i++) {
		struct loop_signal *s = loop_signal_add(d->loop, signos[i],
		    on_signal, d);

		if (s == NULL)
			return -errno;
		d->signals[d->nsignals++] = s;
	}
	return 0;
}

/* --- start in the background ------------------------------------------- */

/*
 * The parent waits until the child is ready (or has failed) and passes its
 * verdict on, so that whoever started us knows.  Returns the descriptor to
 * report to in the child, -1 in the foreground.
 */
static int
background(const struct daemon_opts *o)
{
	int fd[2], status;
	char ok;
	pid_t pid;

	if (o->foreground)
		return -1;
	if (pipe2(fd, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
		perror("pmipd: fork");
		exit(EXIT_FAILURE);
	}
	if (pid == 0) {
		close(fd[0]);
		setsid();
		return fd[1];
	}
	close(fd[1]);
	if (read(fd[0], &ok, 1) == 1)
		_exit(EXIT_SUCCESS);
	if (waitpid(pid, &status, 0) == pid && WIFEXITED(status))
		_exit(WEXITSTATUS(status));
	_exit(EXIT_FAILURE);
}

static void
ready(struct daemon *d, int report_fd)
{
	log_info(d->log, MOD, "ready", KV_STR("version", PMIPD_VERSION),
	    KV_I("pid", getpid()), KV_STR("socket", d->conf->control.socket));
	if (report_fd < 0)
		return;
	if (d->conf->log.destination == 1) {	/* stderr is not the log */
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		for (int i = 0; null >= 0 && i < 3; i++)
			(void)dup2(null, i);
	}
	if (write(report_fd, "r", 1) != 1)
		log_warn(d->log, MOD, "parent-gone");
	close(report_fd);
}

static int
write_pidfile(const char *path)
{
	FILE *f;

	if (path == NULL)
		return 0;
	f = fopen(path, "we");
	if (f == NULL)
		return -errno;
	fprintf(f, "%ld\n", (long)getpid());
	return fclose(f) == 0 ? 0 : -errno;
}

static int
run(struct daemon *d, int report_fd)
{
	int r = daemon_start(d);

	if (r == 0 && (r = add_signals(d)) < 0)
		log_err(d->log, MOD, "signals-failed", KV_ERR(r));
	if (r == 0 && (r = write_pidfile(d->opts->pidfile)) < 0)
		log_err(d->log, MOD, "pidfile-failed",
		    KV_STR("path", d->opts->pidfile), KV_ERR(r));
	if (r == 0) {
		ready(d, report_fd);
		r = loop_run(d->loop);
	}
	daemon_stop(d);
	if (d->opts->pidfile != NULL)
		(void)unlink(d->opts->pidfile);
	return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* --- pmipd -t ---------------------------------------------------------- */

static int
check_only(const struct daemon_opts *o, const struct main_conf *conf)
{
	struct cfg_errors errs = { 0 };
	struct policy *p;
	int r = policy_file_new(conf->policy.file, &p, &errs);

	if (r < 0) {
		fputs(errs.text != NULL ? errs.text : "", stderr);
		cfg_errors_done(&errs);
		return EXIT_FAILURE;
	}
	if (o->print)
		cfg_print_yaml(stdout, &main_conf_table, conf);
	else
		printf("%s: ok, %zu mobile nodes in %s\n", o->config,
		    policy_file_count(p), conf->policy.file);
	policy_file_free(p);
	cfg_errors_done(&errs);
	return EXIT_SUCCESS;
}

int
daemon_run(const struct daemon_opts *o)
{
	struct daemon d = { .opts = o };
	struct cfg_errors errs = { 0 };
	struct main_conf *conf;
	int status, report_fd;

	if (daemon_load_conf(o, &d.arena, &conf, &errs) < 0) {
		fputs(errs.text != NULL ? errs.text : "", stderr);
		cfg_errors_done(&errs);
		return EXIT_FAILURE;
	}
	cfg_errors_done(&errs);
	d.conf = conf;
	if (o->test) {
		status = check_only(o, conf);
	} else {
		report_fd = background(o);
		status = run(&d, report_fd);
	}
	free_held(&d);
	arena_free(d.arena);
	return status;
}

int
daemon_print_mdoc(const char *what, FILE *f)
{
	if (strcmp(what, "config") == 0)
		cfg_print_mdoc(f, &main_conf_table);
	else if (strcmp(what, "policy") == 0)
		cfg_print_mdoc(f, &policy_file_table);
	else
		return -EINVAL;
	return 0;
}

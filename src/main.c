/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pmipd: argv, then daemon.c.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"
#include "core/log.h"
#include "core/util.h"
#include "daemon.h"
#include "esp/esp.h"
#include "roles/role.h"

static const struct option long_opts[] = {
	{ "role", required_argument, NULL, 'r' },
	{ "config", required_argument, NULL, 'c' },
	{ "foreground", no_argument, NULL, 'f' },
	{ "test", no_argument, NULL, 't' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "pidfile", required_argument, NULL, 'p' },
	{ "log-level", required_argument, NULL, 'l' },
	{ "genkey", required_argument, NULL, 'k' },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ "mdoc", required_argument, NULL, 'M' },	/* for the manual */
	{ NULL, 0, NULL, 0 },
};

static void
usage(FILE *f)
{
	fprintf(f,
	    "usage: pmipd --role=ha|pma|ha,pma [--config FILE] [options]\n"
	    "  -r, --role ROLES      home agent, proxy mobile agent, or both\n"
	    "  -c, --config FILE     default %s/pmipd.yaml\n"
	    "  -f, --foreground      do not go into the background\n"
	    "  -t, --test            check configuration and policy, then leave\n"
	    "  -v, --verbose         with -t: print the configuration in full\n"
	    "  -p, --pidfile FILE    write the process id there\n"
	    "  -l, --log-level LEVEL err, warn, info or debug; wins over FILE\n"
	    "      --genkey SUITE    print a fresh key for that suite of\n"
	    "                        security: peers: sas\n"
	    "  -V, --version         print the version\n"
	    "  -h, --help            print this\n", PMIPD_SYSCONFDIR);
}

static void
fail(const char *what, const char *arg)
{
	fprintf(stderr, "pmipd: %s%s\n", what, arg);
	exit(2);
}

static bool
role_known(const char *name)
{
	for (size_t i = 0; role_list[i] != NULL; i++) {
		if (strcmp(role_list[i]->name, name) == 0)
			return true;
	}
	return false;
}

/* A key file's text. */
static int
genkey(const char *suite)
{
	uint8_t key[ESP_KEY_MAX];
	int s = 0, r;

	while (esp_suite_names[s] != NULL &&
	    strcmp(esp_suite_names[s], suite) != 0)
		s++;
	if (esp_suite_names[s] == NULL)
		fail("no such suite: ", suite);
	if (crypto_init() < 0)
		fail("no random numbers", "");
	crypto_random(key, sizeof(key));
	for (size_t i = 0; i < esp_key_len((enum esp_suite)s); i++)
		printf("%02x", key[i]);
	crypto_wipe(key, sizeof(key));
	putchar('\n');
	r = fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
	if (r != EXIT_SUCCESS)
		perror("pmipd");
	return r;
}

/* "ha,pma" -> o->roles; cuts `arg` up. */
static void
parse_roles(char *arg, struct daemon_opts *o)
{
	size_t n = 0;
	char *name;

	while ((name = strsep(&arg, ",")) != NULL) {
		if (!role_known(name))
			fail("no such role: ", name);
		for (size_t i = 0; i < n; i++) {
			if (strcmp(o->roles[i], name) == 0)
				fail("role named twice: ", name);
		}
		if (n == ARRAY_LEN(o->roles) - 1)
			fail("too many roles: ", name);
		o->roles[n++] = name;
	}
}

int
main(int argc, char **argv)
{
	struct daemon_opts o = {
		.config = PMIPD_SYSCONFDIR "/pmipd.yaml", .log_level = -1,
	};
	int c;

	while ((c = getopt_long(argc, argv, "r:c:ftvp:l:Vh", long_opts,
	    NULL)) != -1) {
		switch (c) {
		case 'r':
			parse_roles(optarg, &o);
			break;
		case 'c':
			o.config = optarg;
			break;
		case 'f':
			o.foreground = true;
			break;
		case 't':
			o.test = true;
			break;
		case 'v':
			o.print = true;
			break;
		case 'p':
			o.pidfile = optarg;
			break;
		case 'l':
			o.log_level = log_level_parse(optarg);
			if (o.log_level < 0)
				fail("no such log level: ", optarg);
			break;
		case 'k':
			return genkey(optarg);
		case 'V':
			puts("pmipd " PMIPD_VERSION);
			return EXIT_SUCCESS;
		case 'h':
			usage(stdout);
			return EXIT_SUCCESS;
		case 'M':
			return daemon_print_mdoc(optarg, stdout) == 0 ?
			    EXIT_SUCCESS : 2;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (optind < argc)
		fail("unexpected argument: ", argv[optind]);
	if (o.roles[0] == NULL && !o.test)
		fail("--role is needed", " (ha, pma or ha,pma)");
	return daemon_run(&o);
}

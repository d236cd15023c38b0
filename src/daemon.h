/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The daemon put together from real services: configuration, loop, sockets,
 * netlink, roles.  main.c parses argv and calls this.
 */
#ifndef PMIP_DAEMON_H
#define PMIP_DAEMON_H

#include <stdbool.h>
#include <stdio.h>

struct daemon_opts {
	const char *config;	/* path of pmipd.yaml */
	const char *roles[4];	/* names, NULL-ended */
	bool foreground;
	bool test;		/* check the configuration and leave */
	bool print;		/* with test: print it canonically */
	const char *pidfile;	/* NULL: none */
	int log_level;		/* -1: as configured */
};

/* Runs until told to stop. The process's exit status. */
int daemon_run(const struct daemon_opts *o);
/* The option list of the manual page, as mdoc: of "config" or of "policy".
 * 0, or -EINVAL for another name. */
int daemon_print_mdoc(const char *what, FILE *f);

#endif

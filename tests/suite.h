/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of every main() that has a suite of Check.
 */
#ifndef PMIP_TEST_SUITE_H
#define PMIP_TEST_SUITE_H

#include <check.h>
#include <stdlib.h>

/* Runs the suite as the environment says (CK_FORK ...); main()'s result. */
static inline int
suite_run(Suite *s)
{
	SRunner *r = srunner_create(s);
	int failed;

	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif

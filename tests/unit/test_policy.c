/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The policy store in a file: who is found by which name, what two nodes may
 * not share, reloading, and a hundred thousand nodes.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/arena.h"
#include "core/crypto.h"
#include "core/util.h"
#include "core/yaml.h"
#include "policy/policy.h"
#include "suite.h"

static char path[] = "/tmp/test_policy.XXXXXX";

static void
setup(void)
{
	int fd;

	memcpy(path + sizeof(path) - 7, "XXXXXX", 6);
	ck_assert_int_eq(crypto_init(), 0);
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	close(fd);
}

static void
teardown(void)
{
	unlink(path);
}

static void
put(const char *text)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	ck_assert_int_eq(fclose(f), 0);
}

static struct policy *
open_good(const char *text)
{
	struct cfg_errors errs = { 0 };
	struct policy *p = NULL;
	int r;

	put(text);
	r = policy_file_new(path, &p, &errs);
	ck_assert_msg(r == 0, "%s", errs.text);
	return p;
}

/* The file is refused with exactly these messages ("LINE:COL: error: ..."). */
static void
refused(const char *text, const char *want)
{
	struct cfg_errors errs = { 0 };
	struct policy *p = NULL;
	char *all = strdup(""), *with, *line, *rest;

	put(text);
	ck_assert_int_eq(policy_file_new(path, &p, &errs), -EINVAL);
	for (rest = errs.text; (line = strsep(&rest, "\n")) != NULL &&
	    *line != '\0';) {
		ck_assert_int_eq(strncmp(line, path, strlen(path)), 0);
		ck_assert_int_gt(asprintf(&with, "%s%s\n", all, line +
		    strlen(path) + 1), 0);
		free(all);
		all = with;
	}
	ck_assert_str_eq(all, want);
	free(all);
	cfg_errors_done(&errs);
}

struct answer {
	int calls, err;
	const struct profile *p;
};

static void
on_found(void *ctx, int err, const struct profile *p)
{
	struct answer *a = ctx;

	a->calls++;
	a->err = err;
	a->p = p;
}

static void
ask(struct policy *p, const char *nai, size_t len, struct answer *ret)
{
	struct nai k = nai_make(&p->nai_key, nai, len);

	p->ops->by_nai(p, &k, on_found, ret);
}

static const struct profile *
by_nai(struct policy *p, const char *nai)
{
	struct answer a = { 0 };

	ask(p, nai, strlen(nai), &a);
	ck_assert_int_eq(a.calls, 1);
	ck_assert_int_eq(a.err, a.p != NULL ? 0 : -ENOENT);
	return a.p;
}

static const struct profile *
by_mac(struct policy *p, const char *text)
{
	struct mac m;

	ck_assert_int_eq(mac_parse(text, &m), 0);
	return p->ops->by_mac(p, &m);
}

#define TWO "mobile-nodes:\n" \
	"- nai: mn1@example.com\n" \
	"  home-prefix: 2001:db8:1:1::/64\n" \
	"  mac: [\"02:00:00:00:01:01\", \"02:00:00:00:01:02\"]\n" \
	"- nai: bare\n" \
	"  home-prefix: 2001:db8:1:2::/64\n" \
	"  pmip: no\n" \
	"  home-agent: 2001:db8::a\n" \
	"  allowed-pmas: [2001:db8::b, 2001:db8::c]\n" \
	"  lifetime: 10m\n"

START_TEST(test_lookup)
{
	struct policy *p = open_good(TWO);
	struct policy_nai v[] = {
		{ .nai = nai_make(&p->nai_key, "mn1@example.com", 15) },
		{ .nai = nai_make(&p->nai_key, "nobody", 6) },
		{ .nai = nai_make(&p->nai_key, "bare", 4) } };
	const struct profile *a, *b;
	struct in6_addr pma;
	char buf[ADDR_STRLEN], longest[NAI_OPTION_MAX + 1];

	ck_assert_uint_eq(policy_file_count(p), 2);
	ck_assert_str_eq(p->ops->name, "file");
	/* Looking ahead, also for who is nobody, changes nothing. */
	p->ops->ahead(p, v, ARRAY_LEN(v));
	a = by_nai(p, "mn1@example.com");
	b = by_nai(p, "bare");
	ck_assert_ptr_eq(v[0].profile, a);
	ck_assert_ptr_null(v[1].profile);
	ck_assert_ptr_eq(v[2].profile, b);
	ck_assert_ptr_nonnull(a);
	ck_assert_ptr_nonnull(b);
	ck_assert_str_eq(prefix_str(&a->home_prefix, buf),
	    "2001:db8:1:1::/64");
	ck_assert(a->pmip);
	ck_assert_int_eq(a->lifetime_us, 0);
	ck_assert(in6_is_zero(&a->home_agent));
	ck_assert(!b->pmip);
	ck_assert_int_eq(b->lifetime_us, 600000000);
	ck_assert_str_eq(in6_str(&b->home_agent, buf), "2001:db8::a");

	ck_assert_ptr_eq(by_mac(p, "02:00:00:00:01:01"), a);
	ck_assert_ptr_eq(by_mac(p, "02:00:00:00:01:02"), a);
	ck_assert_ptr_null(by_mac(p, "02:00:00:00:01:03"));

	ck_assert_int_eq(in6_parse("2001:db8::c", &pma), 0);
	ck_assert(profile_allows_pma(a, &pma));
	ck_assert(profile_allows_pma(b, &pma));
	ck_assert_int_eq(in6_parse("2001:db8::d", &pma), 0);
	ck_assert(profile_allows_pma(a, &pma));
	ck_assert(!profile_allows_pma(b, &pma));

	/* nobody by these names */
	ck_assert_ptr_null(by_nai(p, ""));
	ck_assert_ptr_null(by_nai(p, "mn1@example.co"));
	ck_assert_ptr_null(by_nai(p, "mn1@example.comm"));
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	ck_assert_ptr_null(by_nai(p, longest));
	longest[NAI_MAX] = '\0';
	ck_assert_ptr_null(by_nai(p, longest));
	policy_file_free(p);
	policy_file_free(NULL);
}
END_TEST

/* Octets of a peer: NUL inside, anything. */
START_TEST(test_lookup_octets)
{
	struct policy *p = open_good(TWO);
	struct answer a = { 0 };

	ask(p, "bare\0", 5, &a);
	ask(p, "\xff\x00@\xfe", 4, &a);
	ck_assert_int_eq(a.calls, 2);
	ck_assert_int_eq(a.err, -ENOENT);
	ask(p, "bare and more", 4, &a);
	ck_assert_int_eq(a.err, 0);
	p->ops->cancel(p, &a);
	policy_file_free(p);
}
END_TEST

/* User part octet by octet, realm without case, the last @ divides. */
START_TEST(test_realm_case)
{
	struct policy *p = open_good("mobile-nodes:\n"
	    "- {nai: Mn@a@Example.COM, home-prefix: 2001:db8:1:1::/64}\n"
	    "- {nai: mn@a@example.com, home-prefix: 2001:db8:1:2::/64}\n"
	    "- {nai: UPPER, home-prefix: 2001:db8:1:3::/64}\n"
	    "- {nai: upper, home-prefix: 2001:db8:1:4::/64}\n");
	const struct profile *a = by_nai(p, "Mn@a@EXAMPLE.com");

	ck_assert_ptr_nonnull(a);
	ck_assert_uint_eq(a->home_prefix.in6.s6_addr[7], 1);
	a = by_nai(p, "mn@a@eXample.com");
	ck_assert_ptr_nonnull(a);
	ck_assert_uint_eq(a->home_prefix.in6.s6_addr[7], 2);
	ck_assert_ptr_null(by_nai(p, "mn@A@example.com"));
	ck_assert_ptr_null(by_nai(p, "MN@a@example.com"));
	ck_assert_uint_eq(by_nai(p, "UPPER")->home_prefix.in6.s6_addr[7], 3);
	ck_assert_uint_eq(by_nai(p, "upper")->home_prefix.in6.s6_addr[7], 4);
	ck_assert_ptr_null(by_nai(p, "Upper"));
	policy_file_free(p);
}
END_TEST

/* D5-7, D5.9-12: a prefix, like a MAC address, is one node's. */
START_TEST(test_duplicates)
{
	refused("mobile-nodes:\n"
	    "- {nai: a@x, home-prefix: 2001:db8:1:1::/64}\n"
	    "- {nai: a@X, home-prefix: 2001:db8:1:2::/64}\n",
	    "3:9: error: nai of a@X belongs to a@x already (line 2)\n");
	/* one that differs in case only stands between two that are equal */
	refused("mobile-nodes:\n"
	    "- {nai: a@x, home-prefix: 2001:db8:1:1::/64}\n"
	    "- {nai: A@x, home-prefix: 2001:db8:1:2::/64}\n"
	    "- {nai: a@x, home-prefix: 2001:db8:1:3::/64}\n",
	    "4:9: error: nai of a@x belongs to a@x already (line 2)\n");
	refused("mobile-nodes:\n"
	    "- {nai: a, home-prefix: 2001:db8:1:1::/64}\n"
	    "- {nai: b, home-prefix: 2001:db8:1:2::/64}\n"
	    "- {nai: c, home-prefix: 2001:db8:1:1::/64}\n",
	    "4:25: error: home-prefix of c belongs to a already (line 2)\n");
	refused("mobile-nodes:\n"
	    "- {nai: a, home-prefix: 2001:db8:1:1::/64, "
	    "mac: [\"02:00:00:00:00:01\"]}\n"
	    "- {nai: b, home-prefix: 2001:db8:1:2::/64, "
	    "mac: [\"02:00:00:00:00:02\", \"02:00:00:00:00:01\"]}\n",
	    "3:49: error: mac of b belongs to a already (line 2)\n");
	refused("mobile-nodes:\n"
	    "- {nai: a, home-prefix: 2001:db8:1:1::/64, "
	    "mac: [\"02:00:00:00:00:01\", \"02:00:00:00:00:01\"]}\n",
	    "2:49: error: mac of a belongs to a already (line 2)\n");
}
END_TEST

START_TEST(test_prefix)
{
	refused("mobile-nodes: [{nai: a, home-prefix: 2001:db8:1::/63}]\n",
	    "1:38: error: home-prefix: 2001:db8:1::/63 is not a /64 of "
	    "global unicast addresses\n");
	refused("mobile-nodes: [{nai: a, home-prefix: 2001:db8:1::/65}]\n",
	    "1:38: error: home-prefix: 2001:db8:1::/65 is not a /64 of "
	    "global unicast addresses\n");
	refused("mobile-nodes: [{nai: a, home-prefix: 10.0.0.0/8}]\n",
	    "1:38: error: home-prefix: 10.0.0.0/8 is not a /64 of global "
	    "unicast addresses\n");
	refused("mobile-nodes: [{nai: a, home-prefix: \"fe80::/64\"}]\n",
	    "1:38: error: home-prefix: fe80::/64 is not a /64 of global "
	    "unicast addresses\n");
	refused("mobile-nodes: [{nai: a, home-prefix: \"ff02::/64\"}]\n",
	    "1:38: error: home-prefix: ff02::/64 is not a /64 of global "
	    "unicast addresses\n");
	refused("mobile-nodes: [{nai: a}]\n", "1:16: error: mobile node: "
	    "\"home-prefix\" is missing\n");
	refused("", "1:1: error: policy file: \"mobile-nodes\" is missing\n");
}
END_TEST

/* Every node claims the same: quick all the same. */
START_TEST(test_all_claim_one)
{
	struct cfg_errors errs = { 0 };
	struct policy *p = NULL;
	FILE *f = fopen(path, "w");
	clock_t begin;

	fputs("mobile-nodes:\n", f);
	for (int i = 0; i < 50000; i++)
		fputs("- {nai: a, home-prefix: 2001:db8:1:1::/64}\n", f);
	fclose(f);
	begin = clock();
	ck_assert_int_eq(policy_file_new(path, &p, &errs), -EINVAL);
	ck_assert_uint_eq(errs.n, 2 * 49999);
	if (getenv("PMIPD_SLOW") == NULL)
		ck_assert_int_lt(clock() - begin, 4 * CLOCKS_PER_SEC);
	cfg_errors_done(&errs);
}
END_TEST

/* --- reloading --------------------------------------------------------- */

struct watcher {
	struct policy *p;
	const struct profile *was;
	unsigned calls;
};

/* The old profile is still whole while this runs. */
static void
on_changed(void *ctx)
{
	struct watcher *w = ctx;

	w->calls++;
	ck_assert_str_eq(w->was->nai, "mn1@example.com");
	ck_assert_uint_eq(w->was->home_prefix.in6.s6_addr[7], 1);
	w->was = by_nai(w->p, "mn1@example.com");
}

START_TEST(test_reload)
{
	struct policy *p = open_good(TWO);
	struct watcher w = { p, by_nai(p, "mn1@example.com"), 0 };
	struct cfg_errors errs = { 0 };

	p->changed = on_changed;
	p->changed_ctx = &w;

	/* an error changes nothing and tells nobody */
	put("mobile-nodes: [{nai: x}]\n");
	ck_assert_int_eq(policy_file_reload(p, path, &errs), -EINVAL);
	ck_assert_uint_eq(errs.n, 1);
	cfg_errors_done(&errs);
	ck_assert_int_eq(policy_file_reload(p, "/nonexistent", &errs),
	    -ENOENT);
	cfg_errors_done(&errs);
	ck_assert_uint_eq(w.calls, 0);
	ck_assert_ptr_eq(by_nai(p, "mn1@example.com"), w.was);
	ck_assert_ptr_nonnull(by_mac(p, "02:00:00:00:01:01"));

	put("mobile-nodes:\n- {nai: mn1@example.com, "
	    "home-prefix: 2001:db8:1:9::/64, mac: [\"02:00:00:00:01:07\"]}\n");
	ck_assert_int_eq(policy_file_reload(p, path, &errs), 0);
	ck_assert_uint_eq(w.calls, 1);
	ck_assert_ptr_nonnull(w.was);
	ck_assert_uint_eq(w.was->home_prefix.in6.s6_addr[7], 9);
	ck_assert_uint_eq(policy_file_count(p), 1);
	ck_assert_ptr_null(by_nai(p, "bare"));
	ck_assert_ptr_null(by_mac(p, "02:00:00:00:01:01"));
	ck_assert_ptr_eq(by_mac(p, "02:00:00:00:01:07"), w.was);

	/* the last one is told off: a store without anybody */
	p->changed = NULL;
	put("mobile-nodes: []\n");
	ck_assert_int_eq(policy_file_reload(p, path, &errs), 0);
	ck_assert_uint_eq(policy_file_count(p), 0);
	ck_assert_ptr_null(by_nai(p, "mn1@example.com"));
	policy_file_free(p);
}
END_TEST

START_TEST(test_large)
{
	const unsigned n = 100000;
	struct cfg_errors errs = { 0 };
	struct policy *p = NULL;
	FILE *f = fopen(path, "w");
	clock_t begin;
	int r;

	fputs("mobile-nodes:\n", f);
	for (unsigned i = 0; i < n; i++)
		fprintf(f, "- nai: mn%u@example.com\n  home-prefix: "
		    "2001:db8:%x:%x::/64\n  mac: [\"02:00:00:%02x:%02x:%02x"
		    "\"]\n", i, i >> 16, i & 0xffff, i >> 16, i >> 8 & 0xff,
		    i & 0xff);
	fclose(f);
	begin = clock();
	r = policy_file_new(path, &p, &errs);
	ck_assert_msg(r == 0, "%s", errs.text);
	/* Under sanitizers some 2 s; with a square in it, minutes. */
	if (getenv("PMIPD_SLOW") == NULL)
		ck_assert_int_lt(clock() - begin, 10 * CLOCKS_PER_SEC);
	ck_assert_uint_eq(policy_file_count(p), n);
	for (unsigned i = 0; i < n; i += 997) {
		char nai[40], mac[MAC_STRLEN];

		snprintf(nai, sizeof(nai), "mn%u@EXAMPLE.com", i);
		snprintf(mac, sizeof(mac), "02:00:00:%02x:%02x:%02x",
		    i >> 16 & 0xff, i >> 8 & 0xff, i & 0xff);
		ck_assert_ptr_nonnull(by_nai(p, nai));
		ck_assert_ptr_eq(by_nai(p, nai), by_mac(p, mac));
	}
	policy_file_free(p);
}
END_TEST

/* What a domain of a million nodes needs: more text than 16 MiB, and more
 * values than two million.  The reader's tree is given back. */
START_TEST(test_beyond)
{
	const size_t n = 2100000, len = 2 * n + 1;
	char *text = malloc(len), *line = malloc(1 << 20);
	FILE *f = fopen(path, "w");
	struct cfg_errors errs = { 0 };
	struct arena *a = arena_new();
	struct yaml_problem why;
	struct policy *p = NULL;
	struct ynode *root;
	int r;

	memset(line, '#', 1 << 20);
	line[(1 << 20) - 1] = '\n';
	for (int i = 0; i < 17; i++)
		fwrite(line, 1, 1 << 20, f);
	fputs("mobile-nodes:\n- {nai: a@b, home-prefix: \"2001:db8::/64\"}\n",
	    f);
	ck_assert_int_eq(fclose(f), 0);
	r = policy_file_new(path, &p, &errs);
	ck_assert_msg(r == 0, "%s", errs.text);
	ck_assert_uint_eq(policy_file_count(p), 1);
	ck_assert_ptr_nonnull(by_nai(p, "a@b"));
	policy_file_free(p);

	for (size_t i = 0; i < n; i++)
		memcpy(text + 2 * i, i == 0 ? "[~" : ",~", 2);
	text[len - 1] = ']';
	ck_assert_int_eq(yaml_read(text, len, a, &root, &why), 0);
	ck_assert_uint_eq(root->n, n);
	arena_free(a);
	free(text);
	free(line);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("policy");
	TCase *tc = tcase_create("policy");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_lookup);
	tcase_add_test(tc, test_lookup_octets);
	tcase_add_test(tc, test_realm_case);
	tcase_add_test(tc, test_duplicates);
	tcase_add_test(tc, test_prefix);
	tcase_add_test(tc, test_all_claim_one);
	tcase_add_test(tc, test_reload);
	tcase_add_test(tc, test_large);
	tcase_add_test(tc, test_beyond);
	suite_add_tcase(s, tc);
	return suite_run(s);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Schema of the `security:` section, and what its texts point to: key files
 * and points in time.  Keys never pass through the configuration: a file's
 * name does.
 */
#include "esp/sec_conf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/stat.h>

#include "core/addr.h"
#include "core/clock.h"
#include "core/crypto.h"
#include "core/util.h"
#include "esp/esp.h"

#define SPI_FIRST 256		/* 1 to 255 are reserved: RFC 4303 2.1 */
#define KEY_FILE_MAX 1024	/* octets of text */
#define TIME_LEN 20		/* "2027-01-31T00:00:00Z" */

const char *const sec_mode_names[] = { "kernel", "userspace", "none", NULL };

#define F(st, k, ty, member, ...) \
	{ .key = (k), .type = (ty), .off = offsetof(struct st, member), \
	  __VA_ARGS__ }

static const struct cfg_field sa_fields[] = {
	F(sec_sa_conf, "spi-in", CFG_UINT, spi_in, .min = SPI_FIRST,
	    .max = UINT32_MAX, .flags = CFG_F_REQUIRED,
	    .help = "Security Parameters Index of what the peer sends: its "
	    "spi-out. No two security associations here have the same one."),
	F(sec_sa_conf, "spi-out", CFG_UINT, spi_out, .min = SPI_FIRST,
	    .max = UINT32_MAX, .flags = CFG_F_REQUIRED,
	    .help = "Security Parameters Index of what we send: the peer's "
	    "spi-in."),
	F(sec_sa_conf, "suite", CFG_ENUM, suite, .names = esp_suite_names,
	    .def = "null-hmac-sha256-128",
	    .help = "null-hmac-sha256-128 (RFC 4868: integrity, which is all "
	    "that the specification wants) or chacha20-poly1305 (RFC 7634: "
	    "confidentiality as well)."),
	F(sec_sa_conf, "extended-sequence-numbers", CFG_BOOL, esn,
	    .def = "no",
	    .help = "64-bit sequence numbers (RFC 4303 2.2.1); both ends must "
	    "agree. Without them a key is spent after 4294967295 messages."),
	F(sec_sa_conf, "key-in-file", CFG_PATH, key_in,
	    .flags = CFG_F_REQUIRED,
	    .help = "File with the key of what the peer sends, in hexadecimal "
	    "digits: 32 octets for null-hmac-sha256-128, 36 for "
	    "chacha20-poly1305. pmipd --genkey SUITE makes one. It must "
	    "belong to root or the daemon's user, and nobody else may read "
	    "it."),
	F(sec_sa_conf, "key-out-file", CFG_PATH, key_out,
	    .flags = CFG_F_REQUIRED,
	    .help = "The same for what we send; never the same key."),
	F(sec_sa_conf, "expires", CFG_STRING, expires,
	    .help = "When these keys end, as 2027-01-31T00:00:00Z. They are "
	    "neither used nor accepted afterwards; with a second pair, sending "
	    "goes over to it a minute before."),
	{ .key = NULL },
};

static void
sa_check(struct cfg_ctx *c, void *v)
{
	const struct sec_sa_conf *sa = v;
	int64_t us;

	if (sa->expires != NULL && sec_time_parse(sa->expires, &us) < 0)
		cfg_error(c, &sa->at, "expires", "expires: a time like "
		    "2027-01-31T00:00:00Z is wanted");
	if (sa->key_in != NULL && sa->key_out != NULL &&
	    strcmp(sa->key_in, sa->key_out) == 0)
		cfg_error(c, &sa->at, "key-out-file", "key-out-file: each "
		    "direction needs a key of its own");
}

static const struct cfg_table sa_table = {
	.name = "sas", .size = sizeof(struct sec_sa_conf),
	.fields = sa_fields, .check = sa_check,
	.help = "A pair of security associations with static keys. The first "
	"pair is what we send under, all are accepted. To change keys without "
	"losing a message: add the new pair as the second one at both ends and "
	"reload; move it to the front at both ends and reload; remove the old "
	"one.",
};

static const struct cfg_field peer_fields[] = {
	F(sec_peer_conf, "address", CFG_IN6, address, .flags = CFG_F_REQUIRED,
	    .help = "The peer's address: what comes under its security "
	    "associations is believed from this address only (section 5)."),
	F(sec_peer_conf, "local", CFG_IN6, local,
	    .help = "Our address towards it; by default the first of "
	    "ha.addresses, or pma.address."),
	F(sec_peer_conf, "name", CFG_STRING, name,
	    .help = "A name for the operator."),
	F(sec_peer_conf, "sas", CFG_LIST, sas, .table = &sa_table,
	    .max = SEC_SAS_MAX),
	{ .key = NULL },
};
static const struct cfg_table peer_table = {
	.name = "peers", .size = sizeof(struct sec_peer_conf),
	.fields = peer_fields,
	.help = "Who is at the other end (section 4.1): a home agent or proxy "
	"mobile agent that we exchange protected messages with. In mode kernel "
	"those of ha.pmas and pma.home-agent need not be repeated unless they "
	"have static keys.",
};

static const struct cfg_field sec_fields[] = {
	F(sec_conf, "ipsec", CFG_ENUM, mode, .names = sec_mode_names,
	    .def = "kernel", .flags = CFG_F_RESTART,
	    .help = "How signalling between home agent and proxy mobile agents "
	    "is protected. kernel: by the kernel's IPsec, whose security "
	    "associations come from an IKE daemon or from the keys below; "
	    "without a policy that covers all of protocol 135 both ways "
	    "nothing is sent to, or accepted from, a peer. userspace: by "
	    "pmipd itself with the keys below, for kernels without ESP. none: "
	    "not at all; every message is sent and accepted in the clear, "
	    "which the specification forbids outside a laboratory "
	    "(section 10). It must be written out. With userspace and none "
	    "pmipd writes the IPv6 header of its messages itself, so IPsec "
	    "policies of others that name a Mobility Header type do not apply "
	    "to them."),
	F(sec_conf, "peers", CFG_LIST, peers, .table = &peer_table,
	    .max = 8192),
	F(sec_conf, "state-directory", CFG_PATH, state_dir,
	    .def = "/var/lib/pmipd", .flags = CFG_F_RESTART,
	    .help = "Where the sequence numbers of static keys are kept, so "
	    "that none is used twice. Two daemons on one machine need two. "
	    "Never restore it from a backup, nor remove it, but with new keys "
	    "at both ends."),
	{ .key = NULL },
};

static void
check_pair(struct cfg_ctx *c, const struct sec_peer_conf *a,
    const struct sec_peer_conf *b)
{
	const struct sec_sa_conf *sa = a->sas.v, *sb = b->sas.v;
	char buf[ADDR_STRLEN];

	if (in6_eq(&a->address, &b->address) && in6_eq(&a->local, &b->local))
		cfg_error(c, &a->at, "address", "%s stands twice, first in "
		    "line %u", in6_str(&a->address, buf), b->at.line);
	for (size_t i = 0; i < a->sas.n; i++) {
		for (size_t k = 0; k < b->sas.n; k++) {
			if (sa[i].spi_in == sb[k].spi_in)
				cfg_error(c, &sa[i].at, "spi-in", "spi-in: %u "
				    "stands twice, first in line %u",
				    sa[i].spi_in, sb[k].at.line);
		}
	}
}

static void
check_own_pairs(struct cfg_ctx *c, const struct sec_peer_conf *p)
{
	const struct sec_sa_conf *sa = p->sas.v;

	for (size_t i = 1; i < p->sas.n; i++) {
		if (sa[i].spi_in == sa[0].spi_in)
			cfg_error(c, &sa[i].at, "spi-in", "spi-in: %u stands "
			    "twice, first in line %u", sa[i].spi_in,
			    sa[0].at.line);
	}
}

static void
sec_check(struct cfg_ctx *c, void *v)
{
	const struct sec_conf *conf = v;
	const struct sec_peer_conf *p = conf->peers.v;
	bool any = false;

	for (size_t i = 0; i < conf->peers.n; i++) {
		any = any || p[i].sas.n > 0;
		check_own_pairs(c, &p[i]);
		for (size_t k = 0; k < i; k++)
			check_pair(c, &p[i], &p[k]);
		if (conf->mode == SEC_USERSPACE && p[i].sas.n == 0)
			cfg_error(c, &p[i].at, NULL, "ipsec: userspace needs "
			    "\"sas\" for this peer");
	}
	if (conf->mode == SEC_USERSPACE && !any)
		cfg_error(c, &conf->at, "ipsec", "ipsec: userspace needs "
		    "\"peers\" with keys");
}

const struct cfg_table sec_conf_table = {
	.name = "security", .size = sizeof(struct sec_conf),
	.fields = sec_fields, .check = sec_check,
	.help = "Protection of the signalling (sections 4 and 10).",
};

/* --- key files ----------------------------------------------------------- */

static int
digit(char c)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *p = c != '\0' ? strchr(digits, c) : NULL;

	return p != NULL ? (int)(p - digits) % 16 : -1;
}

/* Hexadecimal text -> exactly `len` octets. */
static bool
hex_decode(const char *text, size_t n, uint8_t *key, size_t len)
{
	size_t have = 0;		/* digits */

	for (size_t i = 0; i < n; i++) {
		int d = digit(text[i]);

		if (d < 0 && text[i] != '\0' && strchr(" \t\r\n", text[i]))
			continue;
		if (d < 0 || have == 2 * len)
			return false;
		key[have / 2] = (uint8_t)(have % 2 == 0 ? d << 4 :
		    key[have / 2] | d);
		have++;
	}
	return have == 2 * len;
}

/* May what stands in this file be called a secret? */
static const char *
key_file_flaw(const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return "is no regular file";
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return "belongs to another user";
	if ((st->st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return "can be read by others; chmod 600 it, and make a new "
		    "key";
	return NULL;
}

int
sec_key_read(const char *path, uint8_t *key, size_t len, char *why,
    size_t whycap)
{
	char text[KEY_FILE_MAX];
	const char *flaw;
	struct stat st;
	ssize_t n;
	int fd, r = 0;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) < 0) {
		r = -errno;
		snprintf(why, whycap, "%s: %s", path, strerror(errno));
		goto out;
	}
	flaw = key_file_flaw(&st);
	if (flaw != NULL) {
		r = -EPERM;
		snprintf(why, whycap, "%s %s", path, flaw);
		goto out;
	}
	n = read(fd, text, sizeof(text));
	if (n < 0) {
		r = -errno;
		snprintf(why, whycap, "%s: %s", path, strerror(errno));
	} else if ((size_t)n == sizeof(text) ||
	    !hex_decode(text, (size_t)n, key, len)) {
		r = -EINVAL;
		crypto_wipe(key, len);
		snprintf(why, whycap, "%s: %zu octets in hexadecimal digits "
		    "are wanted", path, len);
	}
	crypto_wipe(text, sizeof(text));
out:
	if (fd >= 0)
		close(fd);
	return r;
}

/* --- time -------------------------------------------------------------- */

int
sec_time_parse(const char *text, int64_t *ret_us)
{
	struct tm tm = { 0 }, want;
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	time_t t;

	/* strptime() is lenient about blanks and digits */
	if (end == NULL || *end != '\0' || strlen(text) != TIME_LEN)
		return -EINVAL;
	want = tm;
	t = timegm(&tm);
	/* which turns 31 February into a day in March */
	if (t < 0 || want.tm_mday != tm.tm_mday || want.tm_sec != tm.tm_sec)
		return -EINVAL;
	*ret_us = (int64_t)t * USEC_PER_SEC;
	return 0;
}

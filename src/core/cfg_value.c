/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configuration values: text <-> struct member, one reader and one writer per
 * type.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/addr.h"
#include "core/arena.h"
#include "core/cfg_int.h"
#include "core/clock.h"
#include "core/util.h"

struct unit {
	const char *name;
	uint64_t factor;
};

/* From small to large; the printer takes the largest that divides. */
static const struct unit duration_units[] = {
	{ "us", 1 }, { "ms", 1000 }, { "s", USEC_PER_SEC },
	{ "m", 60 * USEC_PER_SEC }, { "h", 3600 * USEC_PER_SEC },
	{ "d", 86400 * USEC_PER_SEC }, { NULL, 0 },
};
static const struct unit size_units[] = {
	{ "", 1 }, { "KiB", 1 << 10 }, { "MiB", 1 << 20 }, { "GiB", 1 << 30 },
	{ NULL, 0 },
};

static const struct {
	size_t size;
	const char *word, *name;
} types[] = {
	[CFG_BOOL] = { sizeof(bool), "yes | no", "yes or no" },
	[CFG_UINT] = { sizeof(uint32_t), "number", "a number" },
	[CFG_DURATION] = { sizeof(int64_t), "duration",
	    "a duration such as 300ms, 5s, 10m, 1h or 7d" },
	[CFG_SIZE] = { sizeof(uint64_t), "size",
	    "a size such as 512, 64KiB or 8MiB" },
	[CFG_ENUM] = { sizeof(int), "word", "a word" },
	[CFG_FLAGS] = { sizeof(uint32_t), "list", "a word" },
	[CFG_STRING] = { sizeof(char *), "text", "a text" },
	[CFG_PATH] = { sizeof(char *), "path", "an absolute path" },
	[CFG_IFNAME] = { sizeof(char *), "interface", "an interface name" },
	[CFG_IN6] = { sizeof(struct in6_addr), "address", "an IPv6 address" },
	[CFG_IN4] = { sizeof(struct in_addr), "IPv4 address",
	    "an IPv4 address" },
	[CFG_PREFIX] = { sizeof(struct prefix), "prefix",
	    "a prefix such as 2001:db8:1::/64" },
	[CFG_MAC] = { sizeof(struct mac), "mac",
	    "a MAC address such as 02:00:00:00:01:01" },
	[CFG_NAI] = { sizeof(char *), "nai",
	    "a network access identifier such as mn1@example.com" },
	[CFG_MAP] = { 0, "map", "a map of keys" },
	[CFG_LIST] = { 0, "list", "a list" },
	[CFG_SCALARS] = { 0, "list", "a list" },
};

size_t
cfg_type_size(enum cfg_type type)
{
	return types[type].size;
}

const char *
cfg_type_name(enum cfg_type type)
{
	return types[type].name;
}

const char *
cfg_type_word(enum cfg_type type)
{
	return types[type].word;
}

/* --- numbers ----------------------------------------------------------- */

static void
number_text(uint64_t v, const struct unit *units, char *buf, size_t cap)
{
	const struct unit *u = &units[0];

	for (const struct unit *i = units; i->name != NULL; i++) {
		if (v != 0 && v % i->factor == 0)
			u = i;
	}
	/* 0 reads best in seconds, 0 octets without a unit */
	if (v == 0)
		snprintf(buf, cap, "0%s", *units[0].name != '\0' ? "s" : "");
	else
		snprintf(buf, cap, "%llu%s", (unsigned long long)(v /
		    u->factor), u->name);
}

/* "0x1f": what stands behind the 0x, 1 to 15 digits. */
static int
hex_read(const char *text, uint64_t *ret)
{
	char *end;

	if (strlen(text) > 15 || strspn(text, "0123456789abcdefABCDEF") !=
	    strlen(text) || *text == '\0')
		return -EINVAL;
	*ret = strtoull(text, &end, 16);
	return 0;
}

/* Digits and a unit; `units` NULL: digits only, decimal or 0x. */
static int
number_read(const char *text, const struct unit *units, uint64_t *ret)
{
	uint64_t v = 0, factor = 1;
	size_t digits = 0;

	if (units == NULL && strncmp(text, "0x", 2) == 0)
		return hex_read(text + 2, ret);
	for (; *text >= '0' && *text <= '9'; text++, digits++) {
		if (v > (UINT64_MAX / 2 - 9) / 10)
			return -ERANGE;
		v = v * 10 + (uint64_t)(*text - '0');
	}
	if (digits == 0)
		return -EINVAL;
	if (units == NULL)
		return *text == '\0' ? (*ret = v, 0) : -EINVAL;
	for (;; units++) {
		if (units->name == NULL)
			return -EINVAL;
		if (strcmp(units->name, text) == 0)
			break;
	}
	factor = units->factor;
	if (v > INT64_MAX / factor)
		return -ERANGE;
	*ret = v * factor;
	return 0;
}

static int
number_parse(const struct cfg_field *f, enum cfg_type type, const char *text,
    uint64_t *ret, char *why, size_t whycap)
{
	const struct unit *units = type == CFG_DURATION ? duration_units :
	    type == CFG_SIZE ? size_units : NULL;
	uint64_t limit = type == CFG_UINT ? UINT32_MAX : INT64_MAX;
	uint64_t max = f->min == 0 && f->max == 0 ? limit : f->max;
	char lo[32], hi[32];
	int r = number_read(text, units, ret);

	if (r == -EINVAL) {
		snprintf(why, whycap, "\"%s\" is not %s", text,
		    cfg_type_name(type));
		return r;
	}
	if (r == 0 && *ret >= f->min && *ret <= max)
		return 0;
	if (units == NULL) {
		snprintf(lo, sizeof(lo), "%llu", (unsigned long long)f->min);
		snprintf(hi, sizeof(hi), "%llu", (unsigned long long)max);
	} else {
		number_text(f->min, units, lo, sizeof(lo));
		number_text(max, units, hi, sizeof(hi));
	}
	snprintf(why, whycap, "%s is out of range %s..%s", text, lo, hi);
	return -EINVAL;
}

/* --- words ------------------------------------------------------------- */

static int
bool_parse(const char *text, bool *ret, char *why, size_t whycap)
{
	static const char *const words[] = { "no", "yes", "false", "true",
		"off", "on" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcasecmp(text, words[i]) == 0) {
			*ret = i % 2 != 0;
			return 0;
		}
	}
	snprintf(why, whycap, "\"%s\" is not yes or no", text);
	return -EINVAL;
}

/* Index of `text` in the field's names, or -EINVAL. */
static int
name_parse(const struct cfg_field *f, const char *text, char *why,
    size_t whycap)
{
	size_t n;

	for (int i = 0; f->names[i] != NULL; i++) {
		if (strcmp(f->names[i], text) == 0)
			return i;
	}
	n = (size_t)snprintf(why, whycap, "\"%s\" is none of", text);
	for (int i = 0; f->names[i] != NULL && n < whycap; i++)
		n += (size_t)snprintf(why + n, whycap - n, "%s %s",
		    i > 0 ? "," : "", f->names[i]);
	return -EINVAL;
}

static bool
is_ifname(const char *s)
{
	size_t n = strlen(s);

	if (n == 0 || n > 15 || strcmp(s, ".") == 0 || strcmp(s, "..") == 0)
		return false;
	for (; *s != '\0'; s++) {
		if (*s <= ' ' || *s >= 0x7f || *s == '/' || *s == ':')
			return false;
	}
	return true;
}

static bool
is_nai(const char *s)
{
	size_t n = strlen(s);

	if (n == 0 || n > 253)
		return false;
	for (; *s != '\0'; s++) {
		if (*s <= ' ' || *s >= 0x7f)
			return false;
	}
	return true;
}

static int
string_parse(enum cfg_type type, const char *text, struct arena *arena,
    const char **ret, char *why, size_t whycap)
{
	bool good = type == CFG_PATH ? *text == '/' :
	    type == CFG_IFNAME ? is_ifname(text) :
	    type == CFG_NAI ? is_nai(text) : *text != '\0';

	if (!good) {
		snprintf(why, whycap, "\"%.60s\" is not %s", text,
		    cfg_type_name(type));
		return -EINVAL;
	}
	/* What is longer could not be compared or printed whole. */
	if (strlen(text) >= CFG_TEXT_MAX) {
		snprintf(why, whycap, "more than %d octets",
		    CFG_TEXT_MAX - 1);
		return -EINVAL;
	}
	*ret = arena_strdup(arena, text);
	return 0;
}

/* --- addresses --------------------------------------------------------- */

static int
address_parse(const struct cfg_field *f, enum cfg_type type, const char *text,
    void *dst, char *why, size_t whycap)
{
	int r = type == CFG_IN6 ? in6_parse(text, dst) :
	    type == CFG_IN4 ? in4_parse(text, dst) :
	    type == CFG_PREFIX ? prefix_parse(text, dst) :
	    mac_parse(text, dst);

	if (r == -ERANGE) {
		snprintf(why, whycap, "%s has bits set behind the prefix "
		    "length", text);
		return -EINVAL;
	}
	if (r < 0) {
		snprintf(why, whycap, "\"%.60s\" is not %s", text,
		    cfg_type_name(type));
		return -EINVAL;
	}
	if (type == CFG_IN6 && !(f->flags & CFG_F_ANYADDR) &&
	    !in6_is_global_unicast(dst)) {
		snprintf(why, whycap, "%s is not a global unicast address",
		    text);
		return -EINVAL;
	}
	if (type == CFG_IN4 && !(f->flags & CFG_F_ANYADDR) &&
	    !in4_is_host(dst)) {
		snprintf(why, whycap, "%s is not the address of one host",
		    text);
		return -EINVAL;
	}
	if (type == CFG_MAC && !mac_is_unicast(dst)) {
		snprintf(why, whycap, "%s is not the address of one node",
		    text);
		return -EINVAL;
	}
	return 0;
}

/* --- all of them ------------------------------------------------------- */

int
cfg_value_parse(const struct cfg_field *f, enum cfg_type type,
    const char *text, struct arena *arena, void *dst, char *why, size_t whycap)
{
	uint64_t v;
	int r;

	switch (type) {
	case CFG_BOOL:
		return bool_parse(text, dst, why, whycap);
	case CFG_UINT:
	case CFG_DURATION:
	case CFG_SIZE:
		r = number_parse(f, type, text, &v, why, whycap);
		if (r < 0)
			return r;
		if (type == CFG_UINT)
			*(uint32_t *)dst = (uint32_t)v;
		else if (type == CFG_DURATION)
			*(int64_t *)dst = (int64_t)v;
		else
			*(uint64_t *)dst = v;
		return 0;
	case CFG_ENUM:
	case CFG_FLAGS:
		r = name_parse(f, text, why, whycap);
		if (r < 0)
			return r;
		if (type == CFG_ENUM)
			*(int *)dst = r;
		else
			*(uint32_t *)dst = (uint32_t)1 << r;
		return 0;
	case CFG_STRING:
	case CFG_PATH:
	case CFG_IFNAME:
	case CFG_NAI:
		return string_parse(type, text, arena, dst, why, whycap);
	case CFG_IN6:
	case CFG_IN4:
	case CFG_PREFIX:
	case CFG_MAC:
		return address_parse(f, type, text, dst, why, whycap);
	default:
		return -EINVAL;
	}
}

int
cfg_default_parse(const struct cfg_field *f, struct arena *arena, void *dst,
    char *why, size_t whycap)
{
	uint32_t all = 0, one;
	char *copy, *rest, *word;

	if (f->type != CFG_FLAGS)
		return cfg_value_parse(f, f->type, f->def, arena, dst, why,
		    whycap);
	rest = copy = strdup(f->def);
	if (copy == NULL)
		abort();
	while ((word = strsep(&rest, ", ")) != NULL) {
		if (*word == '\0')
			continue;
		if (cfg_value_parse(f, CFG_FLAGS, word, arena, &one, why,
		    whycap) < 0) {
			free(copy);
			return -EINVAL;
		}
		all |= one;
	}
	free(copy);
	*(uint32_t *)dst = all;
	return 0;
}

static void
flags_text(const struct cfg_field *f, uint32_t v, char *buf, size_t cap)
{
	size_t n = 0;

	buf[0] = '\0';
	for (int i = 0; f->names[i] != NULL && n < cap; i++) {
		if (v & (uint32_t)1 << i)
			n += (size_t)snprintf(buf + n, cap - n, "%s%s",
			    n > 0 ? ", " : "", f->names[i]);
	}
}

const char *
cfg_value_text(const struct cfg_field *f, enum cfg_type type, const void *src,
    char *buf, size_t cap)
{
	const char *s;

	buf[0] = '\0';
	switch (type) {
	case CFG_BOOL:
		snprintf(buf, cap, "%s", *(const bool *)src ? "yes" : "no");
		break;
	case CFG_UINT:
		snprintf(buf, cap, "%u", *(const uint32_t *)src);
		break;
	case CFG_DURATION:
		number_text((uint64_t)*(const int64_t *)src, duration_units,
		    buf, cap);
		break;
	case CFG_SIZE:
		number_text(*(const uint64_t *)src, size_units, buf, cap);
		break;
	case CFG_ENUM:
		snprintf(buf, cap, "%s", f->names[*(const int *)src]);
		break;
	case CFG_FLAGS:
		flags_text(f, *(const uint32_t *)src, buf, cap);
		break;
	case CFG_STRING:
	case CFG_PATH:
	case CFG_IFNAME:
	case CFG_NAI:
		s = *(const char *const *)src;
		snprintf(buf, cap, "%s", s != NULL ? s : "");
		break;
	case CFG_IN6:
		if (!in6_is_zero(src))
			in6_str(src, buf);
		break;
	case CFG_IN4:
		if (((const struct in_addr *)src)->s_addr != 0)
			in4_str(src, buf);
		break;
	case CFG_PREFIX:
		if (((const struct prefix *)src)->family != 0)
			prefix_str(src, buf);
		break;
	case CFG_MAC:
		if (!mac_is_zero(src))
			mac_str(src, buf);
		break;
	default:
		break;
	}
	return buf;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/nai.h"

#include <assert.h>
#include <string.h>

/* In every locale the same; NUL is an octet as the others. */
static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

size_t
nai_user_len(const char *s, size_t len)
{
	const char *at = memrchr(s, '@', len);

	return at != NULL ? (size_t)(at - s) : len;
}

bool
nai_eq(const char *a, size_t la, const char *b, size_t lb)
{
	size_t user;

	if (la != lb)
		return false;
	if (memcmp(a, b, la) == 0)	/* as it is, nearly always */
		return true;
	user = nai_user_len(a, la);
	if (memcmp(a, b, user) != 0)
		return false;
	for (size_t i = user; i < la; i++) {
		if (lower(a[i]) != lower(b[i]))
			return false;
	}
	return true;
}

struct nai
nai_make(const struct hash_key *k, const char *s, size_t len)
{
	size_t user = nai_user_len(s, len);
	char buf[NAI_OPTION_MAX];

	assert(len <= sizeof(buf));
	memcpy(buf, s, user);
	for (size_t i = user; i < len; i++)
		buf[i] = lower(s[i]);
	return (struct nai){ .s = s, .len = len,
		.hash = (uint32_t)hash_bytes(k, buf, len) };
}

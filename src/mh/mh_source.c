/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bound to the source, so that routing rules for it hold as ever; and connected
 * to that same address, from which nothing comes: otherwise the kernel would
 * copy every message for us to this socket as well.
 */
#include "mh/mh_source.h"

#include <assert.h>
#include <unistd.h>

#include <sys/socket.h>

#include "core/addr.h"
#include "core/bld.h"

#define SNDBUF (1 << 20)
#define HOP_LIMIT 64		/* the kernel's default as well */

void
mh_sources_init(struct mh_sources *s, uint8_t proto)
{
	*s = (struct mh_sources){ .proto = proto };
}

void
mh_sources_close(struct mh_sources *s)
{
	for (unsigned i = 0; i < s->n; i++) {
		if (s->v[i].fd >= 0)
			close(s->v[i].fd);
	}
	s->n = 0;
}

static int
source_open(const struct in6_addr *addr, uint8_t proto)
{
	const struct sockaddr_in6 own = { .sin6_family = AF_INET6,
		.sin6_addr = *addr };
	const int on = 1, sndbuf = SNDBUF;
	int fd = socket(AF_INET6, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    proto);

	if (fd < 0)
		return -1;
	if (bind(fd, (const void *)&own, sizeof(own)) == 0 &&
	    connect(fd, (const void *)&own, sizeof(own)) == 0 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_HDRINCL, &on, sizeof(on)) == 0) {
		/* only improves matters */
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &sndbuf,
		    sizeof(sndbuf));
		return fd;
	}
	close(fd);
	return -1;
}

/* NULL: there is no room for one more. */
static struct mh_source *
source_find(struct mh_sources *s, const struct in6_addr *addr)
{
	for (unsigned i = 0; i < s->n; i++) {
		if (in6_eq(&s->v[i].addr, addr))
			return &s->v[i];
	}
	if (s->n == MH_SOURCES)
		return NULL;
	s->v[s->n] = (struct mh_source){ .addr = *addr, .fd = -1 };
	return &s->v[s->n++];
}

int
mh_sources_fd(struct mh_sources *s, const struct in6_addr *src)
{
	struct mh_source *v = source_find(s, src);

	if (v == NULL)
		return -1;
	if (v->fd < 0) {
		v->asked++;
		if ((v->asked & (v->asked - 1)) == 0)	/* 1, 2, 4, ... */
			v->fd = source_open(src, s->proto);
	}
	return v->fd;
}

void
mh_sources_header(const struct mh_sources *s, const struct in6_addr *src,
    const struct in6_addr *dst, size_t len, uint8_t ret[MH_SOURCE_HEADER])
{
	struct bld b;

	bld_init(&b, ret, MH_SOURCE_HEADER);
	bld_u32(&b, 6U << 28);		/* no traffic class, no flow label */
	bld_u16(&b, (uint16_t)len);
	bld_u8(&b, s->proto);
	bld_u8(&b, HOP_LIMIT);
	bld_in6(&b, src);
	bld_in6(&b, dst);
	assert(bld_ok(&b) && b.len == MH_SOURCE_HEADER);
}

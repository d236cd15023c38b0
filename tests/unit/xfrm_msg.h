/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages of the kernel's IPsec, as a test wants them.
 */
#ifndef TEST_XFRM_MSG_H
#define TEST_XFRM_MSG_H

#include <check.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <linux/netlink.h>
#include <linux/xfrm.h>
#include <netinet/in.h>

#include "unit/text.h"

struct xfrm_msg {
	_Alignas(struct nlmsghdr) uint8_t b[4096];
};

static inline struct nlmsghdr *
xfrm_msg_hdr(struct xfrm_msg *m)
{
	return (void *)m->b;
}

static inline void
xfrm_msg_begin(struct xfrm_msg *m, int type, const void *head, size_t len)
{
	memset(m, 0, sizeof(*m));
	xfrm_msg_hdr(m)->nlmsg_type = (uint16_t)type;
	xfrm_msg_hdr(m)->nlmsg_len = (uint32_t)NLMSG_LENGTH(len);
	memcpy(m->b + NLMSG_HDRLEN, head, len);
}

static inline void
xfrm_msg_attr(struct xfrm_msg *m, int type, const void *v, size_t len)
{
	struct nlmsghdr *h = xfrm_msg_hdr(m);
	size_t off = NLMSG_ALIGN(h->nlmsg_len);
	struct nlattr a = { .nla_len = (uint16_t)(NLA_HDRLEN + len),
		.nla_type = (uint16_t)type };

	memcpy(m->b + off, &a, sizeof(a));
	memcpy(m->b + off + NLA_HDRLEN, v, len);
	h->nlmsg_len = (uint32_t)(off + a.nla_len);
}

/* "2001:db8::/32" or an address. */
static inline void
xfrm_net(const char *text, xfrm_address_t *addr, uint8_t *len)
{
	struct prefix p;

	ck_assert_int_eq(prefix_parse(text, &p), 0);
	addr->in6 = p.in6;
	*len = p.len;
}

static inline struct xfrm_selector
xfrm_selector_of(const char *src, const char *dst, uint8_t proto)
{
	struct xfrm_selector s = { .family = AF_INET6, .proto = proto };

	xfrm_net(src, &s.saddr, &s.prefixlen_s);
	xfrm_net(dst, &s.daddr, &s.prefixlen_d);
	return s;
}

#endif

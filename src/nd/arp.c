/* SPDX-License-Identifier: BSD-2-Clause */
/* ARP codec: see arp.h.  Pure. */
#include "nd/arp.h"

#include <errno.h>
#include <string.h>

#include "core/bld.h"
#include "core/cur.h"

#define HW_ETHERNET 1
#define PROTO_IPV4 0x0800

const struct stat_desc arp_drop_desc[ARP_DROP_MAX] = {
#define X(id, name, help) { name, help },
	ARP_DROPS(X)
#undef X
};

enum arp_drop
arp_parse(const void *data, size_t len, struct arp_msg *ret)
{
	uint16_t hw, proto, lens;
	struct cur c;

	memset(ret, 0, sizeof(*ret));
	cur_init(&c, data, len);
	hw = cur_u16(&c);
	proto = cur_u16(&c);
	lens = cur_u16(&c);
	ret->op = cur_u16(&c);
	cur_bytes(&c, ret->sha.b, sizeof(ret->sha.b));
	cur_in4(&c, &ret->spa);
	cur_bytes(&c, ret->tha.b, sizeof(ret->tha.b));
	cur_in4(&c, &ret->tpa);
	if (!cur_ok(&c))
		return ARPD_SHORT;
	if (hw != HW_ETHERNET)
		return ARPD_HARDWARE;
	if (proto != PROTO_IPV4)
		return ARPD_PROTOCOL;
	if (lens != (sizeof(ret->sha.b) << 8 | sizeof(ret->spa)))
		return ARPD_LENGTHS;
	if (ret->op != ARP_REQUEST && ret->op != ARP_REPLY)
		return ARPD_OP;
	if (!mac_is_unicast(&ret->sha))
		return ARPD_SENDER_MAC;
	if (ret->spa.s_addr != 0 && !in4_is_host(&ret->spa))
		return ARPD_SENDER_IP;
	return ARPD_OK;
}

int
arp_build(const struct arp_msg *m, void *buf, size_t cap)
{
	struct bld b;

	bld_init(&b, buf, cap);
	bld_u16(&b, HW_ETHERNET);
	bld_u16(&b, PROTO_IPV4);
	bld_u8(&b, sizeof(m->sha.b));
	bld_u8(&b, sizeof(m->spa));
	bld_u16(&b, m->op);
	bld_bytes(&b, m->sha.b, sizeof(m->sha.b));
	bld_in4(&b, &m->spa);
	bld_bytes(&b, m->tha.b, sizeof(m->tha.b));
	bld_in4(&b, &m->tpa);
	return bld_ok(&b) ? (int)b.len : -EMSGSIZE;
}

void
arp_reply_to(const struct arp_msg *req, const struct mac *ours,
    struct arp_msg *ret)
{
	*ret = (struct arp_msg){ .op = ARP_REPLY, .sha = *ours,
		.spa = req->tpa, .tha = req->sha, .tpa = req->spa };
}

void
arp_announce(uint16_t op, const struct in_addr *addr, const struct mac *ours,
    struct arp_msg *ret)
{
	*ret = (struct arp_msg){ .op = op, .sha = *ours, .spa = *addr,
		.tpa = *addr };
	/* RFC 5944 4.6: what is to be entered stands in both */
	if (op == ARP_REPLY)
		ret->tha = *ours;
}

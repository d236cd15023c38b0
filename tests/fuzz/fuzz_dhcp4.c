/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any octets as a DHCPv4 message.  What parses is built again with its option
 * 82 and without; the first reads the same, the second has lost just that.
 */
#include "dhcp/dhcp4.h"
#include "fuzz/fuzz.h"

static void
inside(const struct dhcp4_octets *o, const uint8_t *data, size_t size)
{
	must_be_inside(o->p, o->n, data, size);
}

static int
same(const struct dhcp4_octets *a, const struct dhcp4_octets *b)
{
	return same_octets(a->p, a->n, b->p, b->n);
}

static void
same_message(const struct dhcp4_msg *a, const struct dhcp4_msg *b)
{
	must(a->op == b->op && a->hops == b->hops && a->xid == b->xid &&
	    a->flags == b->flags && a->type == b->type &&
	    a->ciaddr.s_addr == b->ciaddr.s_addr &&
	    a->yiaddr.s_addr == b->yiaddr.s_addr &&
	    a->giaddr.s_addr == b->giaddr.s_addr &&
	    memcmp(a->chaddr, b->chaddr, sizeof(a->chaddr)) == 0 &&
	    a->server_id.s_addr == b->server_id.s_addr &&
	    a->requested.s_addr == b->requested.s_addr &&
	    a->mask.s_addr == b->mask.s_addr &&
	    a->router.s_addr == b->router.s_addr &&
	    a->has_lease == b->has_lease && a->lease_s == b->lease_s);
}

static void
again(const struct dhcp4_msg *m)
{
	uint8_t buf[65536];
	struct dhcp4_msg back;
	int n = dhcp4_build(m, &m->agent, buf, sizeof(buf));

	must(n >= D4_MSG_MIN);
	must(dhcp4_parse(buf, (size_t)n, &back) == D4D_OK);
	same_message(m, &back);
	must(back.has_agent &&
	    same(&m->agent.circuit_id, &back.agent.circuit_id) &&
	    same(&m->agent.remote_id, &back.agent.remote_id) &&
	    same(&m->agent.subscriber_id, &back.agent.subscriber_id) &&
	    m->agent.link_selection.s_addr ==
	    back.agent.link_selection.s_addr &&
	    m->agent.has_flags == back.agent.has_flags);
	n = dhcp4_build(m, NULL, buf, sizeof(buf));
	must(n >= D4_MSG_MIN);
	must(dhcp4_parse(buf, (size_t)n, &back) == D4D_OK);
	must(!back.has_agent);
	same_message(m, &back);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dhcp4_msg m;
	enum dhcp4_drop d;

	if (size > 0x8000)
		return 0;
	d = dhcp4_parse(data, size, &m);
	must((unsigned)d < DHCP4_DROP_MAX);
	if (d != D4D_OK)
		return 0;
	inside(&m.agent.circuit_id, data, size);
	inside(&m.agent.remote_id, data, size);
	inside(&m.agent.subscriber_id, data, size);
	must(*dhcp4_type_name(m.type) != '?');
	must(dhcp4_mask_len(m.mask) <= 32);
	again(&m);
	return 0;
}

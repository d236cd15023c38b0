/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any octets as a DHCPv6 message.  Everything that the parsers point at lies
 * inside of it; a relay message that parses is built again, and must then read
 * the same.
 */
#include "dhcp/dhcp6.h"
#include "fuzz/fuzz.h"

static void
inside(const struct dhcp6_octets *o, const uint8_t *data, size_t size)
{
	must_be_inside(o->p, o->n, data, size);
}

static int
same(const struct dhcp6_octets *a, const struct dhcp6_octets *b)
{
	return same_octets(a->p, a->n, b->p, b->n);
}

static void
again(const struct dhcp6_relay *r, size_t size)
{
	struct dhcp6_relay back;
	uint8_t *buf = malloc(size);
	int n;

	must(buf != NULL);
	/* what we do not know is left out, so it fits */
	n = dhcp6_build_relay(r, buf, size);
	must(n > 0);
	must(dhcp6_parse_relay(buf, (size_t)n, &back) == D6D_OK);
	must(back.type == r->type && back.hops == r->hops &&
	    in6_eq(&back.link, &r->link) && in6_eq(&back.peer, &r->peer) &&
	    same(&back.interface_id, &r->interface_id) &&
	    same(&back.remote_id, &r->remote_id) &&
	    same(&back.subscriber_id, &r->subscriber_id) &&
	    back.has_mac == r->has_mac && mac_eq(&back.mac, &r->mac) &&
	    same(&back.msg, &r->msg));
	free(buf);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dhcp6_chain c;
	enum dhcp6_drop d;

	/* no datagram is longer */
	if (size > 0xffff)
		return 0;
	d = dhcp6_parse_chain(data, size, &c);
	must((unsigned)d < DHCP6_DROP_MAX);
	must(c.n <= D6_HOP_LIMIT);
	for (unsigned i = 0; i < c.n; i++) {
		must(c.level[i].type == c.level[0].type);
		inside(&c.level[i].msg, data, size);
		inside(&c.level[i].interface_id, data, size);
		inside(&c.level[i].subscriber_id, data, size);
		again(&c.level[i], size);
	}
	if (d != D6D_OK)
		return 0;
	must(c.msg.type >= D6_SOLICIT &&
	    c.msg.type <= D6_INFORMATION_REQUEST);
	must(c.msg.naddrs <= D6_ADDRS_MAX && c.msg.xid <= 0xffffff);
	inside(&c.msg.client_id, data, size);
	inside(&c.msg.server_id, data, size);
	must(*dhcp6_type_name(c.msg.type) != '?');
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DHCP messages as servers and clients of the simulated world read and write
 * them (RFC 8415, RFC 2131, RFC 2132, RFC 3046), without src/dhcp.
 */
#include "sim.h"

#include <check.h>
#include <string.h>

#include "core/bld.h"
#include "core/cur.h"
#include "core/util.h"

#define D4_COOKIE 0x63825363U

static void
read_id(struct cur *c, struct sim_id *id)
{
	id->n = MIN_OF(cur_left(c), sizeof(id->b));
	cur_bytes(c, id->b, id->n);
}

/* --- DHCPv6 ------------------------------------------------------------ */

static void
read_iaaddr(struct cur *c, struct sim_d6 *m)
{
	unsigned i = MIN_OF(m->naddrs, (unsigned)SIM_D6_ADDRS - 1);

	cur_in6(c, &m->addrs[i].addr);
	m->addrs[i].preferred_s = cur_u32(c);
	m->addrs[i].valid_s = cur_u32(c);
	m->naddrs = i + 1;
}

static void
read_ia(struct cur *c, struct sim_d6 *m)
{
	m->has_ia = true;
	m->iaid = cur_u32(c);
	m->t1_s = cur_u32(c);
	m->t2_s = cur_u32(c);
	while (cur_ok(c) && cur_left(c) > 0) {
		uint16_t code = cur_u16(c), len = cur_u16(c);
		struct cur o;

		cur_sub(c, len, &o);
		if (code == 5)
			read_iaaddr(&o, m);
		else if (code == 13)
			m->ia_status = cur_u16(&o);
		if (!cur_ok(&o))
			cur_fail(c);
	}
}

bool
sim_d6_read(const void *data, size_t len, struct sim_d6 *m)
{
	struct cur c;

	*m = (struct sim_d6){ .status = -1, .ia_status = -1 };
	cur_init(&c, data, len);
	m->type = cur_u8(&c);
	m->xid = (uint32_t)cur_u8(&c) << 16;
	m->xid |= cur_u16(&c);
	while (cur_ok(&c) && cur_left(&c) > 0) {
		uint16_t code = cur_u16(&c), n = cur_u16(&c);
		struct cur o;

		cur_sub(&c, n, &o);
		if (code == 1)
			read_id(&o, &m->client);
		else if (code == 2)
			read_id(&o, &m->server);
		else if (code == 3)
			read_ia(&o, m);
		else if (code == 13)
			m->status = cur_u16(&o);
		else if (code == 14)
			m->rapid = true;
		if (!cur_ok(&o))
			cur_fail(&c);
	}
	return cur_ok(&c) && m->type >= SIM_D6_SOLICIT &&
	    m->type <= SIM_D6_INFORM;
}

bool
sim_d6_read_relay(const void *data, size_t len, struct sim_d6_relay *m)
{
	struct cur c;

	*m = (struct sim_d6_relay){ 0 };
	cur_init(&c, data, len);
	m->type = cur_u8(&c);
	m->hops = cur_u8(&c);
	cur_in6(&c, &m->link);
	cur_in6(&c, &m->peer);
	while (cur_ok(&c) && cur_left(&c) > 0) {
		uint16_t code = cur_u16(&c), n = cur_u16(&c);
		struct cur o;

		cur_sub(&c, n, &o);
		if (code == 9) {
			m->ninner = n;
			m->inner = cur_ref(&o, n);
		} else if (code == 18) {
			read_id(&o, &m->interface_id);
		} else if (code == 37) {
			read_id(&o, &m->remote_id);
		} else if (code == 38) {
			read_id(&o, &m->subscriber_id);
		} else if (code == 79 && cur_u16(&o) == 1) {
			m->has_mac = true;
			cur_bytes(&o, m->mac.b, sizeof(m->mac.b));
		}
		if (!cur_ok(&o))
			cur_fail(&c);
	}
	return cur_ok(&c) && (m->type == SIM_D6_RELAY_FORW ||
	    m->type == SIM_D6_RELAY_REPL);
}

bool
sim_d6_read_inner(const void *data, size_t len, struct sim_d6 *ret)
{
	struct sim_d6_relay r;

	for (unsigned i = 0; i < 32 && sim_d6_read_relay(data, len, &r); i++) {
		if (r.inner == NULL)
			return false;
		data = r.inner;
		len = r.ninner;
	}
	return sim_d6_read(data, len, ret);
}

static void
build_id6(struct bld *b, uint16_t code, const struct sim_id *id)
{
	if (id->n == 0)
		return;
	bld_u16(b, code);
	bld_u16(b, (uint16_t)id->n);
	bld_bytes(b, id->b, id->n);
}

static void
build_status(struct bld *b, int status)
{
	if (status < 0)
		return;
	bld_u16(b, 13);
	bld_u16(b, 2 + 4);
	bld_u16(b, (uint16_t)status);
	bld_bytes(b, "test", 4);
}

static void
build_ia(struct bld *b, const struct sim_d6 *m)
{
	size_t at = b->len + 2;

	bld_u16(b, 3);
	bld_u16(b, 0);
	bld_u32(b, m->iaid);
	bld_u32(b, m->t1_s);
	bld_u32(b, m->t2_s);
	for (unsigned i = 0; i < m->naddrs; i++) {
		bld_u16(b, 5);
		bld_u16(b, 24);
		bld_in6(b, &m->addrs[i].addr);
		bld_u32(b, m->addrs[i].preferred_s);
		bld_u32(b, m->addrs[i].valid_s);
	}
	build_status(b, m->ia_status);
	bld_set_u16(b, at, (uint16_t)(b->len - at - 2));
}

size_t
sim_d6_build(const struct sim_d6 *m, void *buf, size_t cap)
{
	struct bld b;

	bld_init(&b, buf, cap);
	bld_u8(&b, m->type);
	bld_u8(&b, (uint8_t)(m->xid >> 16));
	bld_u16(&b, (uint16_t)m->xid);
	build_id6(&b, 1, &m->client);
	build_id6(&b, 2, &m->server);
	if (m->type < SIM_D6_REPLY && m->type != SIM_D6_ADVERTISE) {
		bld_u16(&b, 8);		/* elapsed time */
		bld_u16(&b, 2);
		bld_u16(&b, 0);
	}
	if (m->rapid)
		bld_u32(&b, 14U << 16);
	if (m->has_ia)
		build_ia(&b, m);
	build_status(&b, m->status);
	ck_assert(bld_ok(&b));
	return b.len;
}

size_t
sim_d6_build_relay(const struct sim_d6_relay *m, void *buf, size_t cap)
{
	struct bld b;

	bld_init(&b, buf, cap);
	bld_u8(&b, m->type);
	bld_u8(&b, m->hops);
	bld_in6(&b, &m->link);
	bld_in6(&b, &m->peer);
	build_id6(&b, 18, &m->interface_id);
	build_id6(&b, 37, &m->remote_id);
	build_id6(&b, 38, &m->subscriber_id);
	if (m->has_mac) {
		bld_u16(&b, 79);
		bld_u16(&b, 2 + 6);
		bld_u16(&b, 1);
		bld_bytes(&b, m->mac.b, sizeof(m->mac.b));
	}
	if (m->inner != NULL) {
		bld_u16(&b, 9);
		bld_u16(&b, (uint16_t)m->ninner);
		bld_bytes(&b, m->inner, m->ninner);
	}
	ck_assert(bld_ok(&b));
	return b.len;
}

/* --- DHCPv4 ------------------------------------------------------------ */

static void
read_82(struct cur *c, struct sim_d4 *m)
{
	struct cur raw = *c;

	m->has82 = true;
	read_id(&raw, &m->raw82);
	while (cur_ok(c) && cur_left(c) > 0) {
		uint8_t code = cur_u8(c), len = cur_u8(c);
		struct cur o;

		cur_sub(c, len, &o);
		if (code == 1)
			read_id(&o, &m->circuit_id);
		else if (code == 2)
			read_id(&o, &m->remote_id);
		else if (code == 5)
			cur_in4(&o, &m->link_selection);
		else if (code == 6)
			read_id(&o, &m->subscriber_id);
		else if (code == 10)
			m->relay_flags = cur_u8(&o);
		else if (code == 11)
			cur_in4(&o, &m->server_override);
		if (!cur_ok(&o))
			cur_fail(c);
	}
}

static void
read_option4(struct sim_d4 *m, uint8_t code, struct cur *o)
{
	switch (code) {
	case 1:
		cur_in4(o, &m->mask);
		break;
	case 3:
		cur_in4(o, &m->router);
		break;
	case 50:
		cur_in4(o, &m->requested);
		break;
	case 51:
		m->lease_s = cur_u32(o);
		break;
	case 53:
		m->type = cur_u8(o);
		break;
	case 54:
		cur_in4(o, &m->server_id);
		break;
	case 82:
		read_82(o, m);
		break;
	default:
		break;
	}
}

bool
sim_d4_read(const void *data, size_t len, struct sim_d4 *m)
{
	struct cur c;
	bool ether;

	*m = (struct sim_d4){ .relay_flags = -1 };
	cur_init(&c, data, len);
	m->op = cur_u8(&c);
	ether = cur_u8(&c) == 1;
	ether &= cur_u8(&c) == 6;
	m->hops = cur_u8(&c);
	m->xid = cur_u32(&c);
	cur_skip(&c, 2);
	m->flags = cur_u16(&c);
	cur_in4(&c, &m->ciaddr);
	cur_in4(&c, &m->yiaddr);
	cur_in4(&c, &m->siaddr);
	cur_in4(&c, &m->giaddr);
	cur_bytes(&c, m->chaddr.b, sizeof(m->chaddr.b));
	cur_skip(&c, 10 + 64 + 128);
	if (cur_u32(&c) != D4_COOKIE)
		cur_fail(&c);
	while (cur_ok(&c) && cur_left(&c) > 0) {
		uint8_t code = cur_u8(&c), n;
		struct cur o;

		if (code == 255)
			break;
		if (code == 0)
			continue;
		n = cur_u8(&c);
		cur_sub(&c, n, &o);
		read_option4(m, code, &o);
		if (!cur_ok(&o))
			cur_fail(&c);
	}
	return cur_ok(&c) && ether && (m->op == 1 || m->op == 2) &&
	    m->type != 0;
}

static void
build_in4(struct bld *b, uint8_t code, const struct in_addr *a)
{
	if (a->s_addr == 0)
		return;
	bld_u8(b, code);
	bld_u8(b, 4);
	bld_in4(b, a);
}

size_t
sim_d4_build(const struct sim_d4 *m, void *buf, size_t cap)
{
	struct bld b;

	bld_init(&b, buf, cap);
	bld_u8(&b, m->op);
	bld_u8(&b, 1);
	bld_u8(&b, 6);
	bld_u8(&b, m->hops);
	bld_u32(&b, m->xid);
	bld_u16(&b, 0);
	bld_u16(&b, m->flags);
	bld_in4(&b, &m->ciaddr);
	bld_in4(&b, &m->yiaddr);
	bld_in4(&b, &m->siaddr);
	bld_in4(&b, &m->giaddr);
	bld_bytes(&b, m->chaddr.b, sizeof(m->chaddr.b));
	bld_zero(&b, 10 + 64 + 128);
	bld_u32(&b, D4_COOKIE);
	bld_u8(&b, 53);
	bld_u8(&b, 1);
	bld_u8(&b, m->type);
	build_in4(&b, 54, &m->server_id);
	build_in4(&b, 50, &m->requested);
	build_in4(&b, 1, &m->mask);
	build_in4(&b, 3, &m->router);
	if (m->lease_s != 0) {
		bld_u8(&b, 51);
		bld_u8(&b, 4);
		bld_u32(&b, m->lease_s);
	}
	if (m->has82) {
		bld_u8(&b, 82);
		bld_u8(&b, (uint8_t)m->raw82.n);
		bld_bytes(&b, m->raw82.b, m->raw82.n);
	}
	bld_u8(&b, 255);
	if (b.len < 300)
		bld_zero(&b, 300 - b.len);	/* RFC 1542 2.1 */
	ck_assert(bld_ok(&b));
	return b.len;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DHCPv6 codec of a relay agent: one constant row per option, one iterator,
 * one walk for every level of options.  Pure.
 *
 * Implements: RFC 8415 8, 9, 21.2 to 21.4, 21.6, 21.10, 21.13, 21.14, 21.18;
 * RFC 4580 (38), RFC 4649 (37), RFC 6939 (79).
 * Skipped: every other option, IA_TA and IA_PD among them.
 */
#include "dhcp/dhcp6.h"

#include <errno.h>
#include <string.h>

#include "core/bld.h"
#include "core/cur.h"
#include "core/util.h"

#define HW_ETHERNET 1
#define XID_MASK 0xffffff

enum {
	OPT_CLIENT_ID = 1,
	OPT_SERVER_ID = 2,
	OPT_IA_NA = 3,
	OPT_IAADDR = 5,
	OPT_RELAY_MSG = 9,
	OPT_STATUS = 13,
	OPT_RAPID_COMMIT = 14,
	OPT_INTERFACE_ID = 18,
	OPT_REMOTE_ID = 37,
	OPT_SUBSCRIBER_ID = 38,
	OPT_CLIENT_LLADDR = 79,
};

const struct stat_desc dhcp6_drop_desc[DHCP6_DROP_MAX] = {
#define X(id, name, help) { name, help },
	DHCP6_DROPS(X)
#undef X
};

const char *
dhcp6_type_name(uint8_t type)
{
	static const char *const names[] = { "?", "Solicit", "Advertise",
		"Request", "Confirm", "Renew", "Rebind", "Reply", "Release",
		"Decline", "Reconfigure", "Information-request",
		"Relay-forward", "Relay-reply" };

	return names[type < ARRAY_LEN(names) ? type : 0];
}

/* --- options ----------------------------------------------------------- */

/* What a walk fills; which members are used depends on the table. */
struct walk {
	struct dhcp6_msg *msg;
	struct dhcp6_relay *relay;
	uint32_t iaid;			/* inside of an IA_NA */
	uint16_t status;		/* of this level */
	unsigned nopts;			/* so far, on all levels */
};

struct row {
	uint16_t code;
	uint16_t min, max;		/* length */
	enum dhcp6_drop (*read)(struct cur *c, struct walk *w);
};

/*
 * All options in `c` by the table `rows` (ended by read NULL); those without a
 * row are skipped.  Each one costs at least its header, so it ends.
 */
static enum dhcp6_drop
walk_options(struct cur *c, const struct row *rows, struct walk *w)
{
	while (cur_left(c) > 0) {
		uint16_t code = cur_u16(c), len = cur_u16(c);
		const struct row *row = rows;
		enum dhcp6_drop d;
		struct cur body;

		if (w->nopts++ == D6_OPTS_MAX)
			return D6D_OPT_MANY;
		cur_sub(c, len, &body);
		if (!cur_ok(c))
			return D6D_OPT_OVERRUN;
		while (row->read != NULL && row->code != code)
			row++;
		if (row->read == NULL)
			continue;
		if (len < row->min || len > row->max)
			return D6D_OPT_LENGTH;
		d = row->read(&body, w);
		if (d != D6D_OK)
			return d;
	}
	return D6D_OK;
}

/* The first of several counts. */
static enum dhcp6_drop
take_octets(struct cur *c, struct dhcp6_octets *ret)
{
	size_t n = cur_left(c);

	if (ret->p == NULL) {
		ret->p = cur_ref(c, n);
		ret->n = (uint16_t)n;
	}
	return D6D_OK;
}

static enum dhcp6_drop
read_client_id(struct cur *c, struct walk *w)
{
	return take_octets(c, &w->msg->client_id);
}

static enum dhcp6_drop
read_server_id(struct cur *c, struct walk *w)
{
	return take_octets(c, &w->msg->server_id);
}

static enum dhcp6_drop
read_rapid_commit(struct cur *c UNUSED, struct walk *w)
{
	w->msg->rapid_commit = true;
	return D6D_OK;
}

/* A text for people follows the number. */
static enum dhcp6_drop
read_status(struct cur *c, struct walk *w)
{
	w->status = cur_u16(c);
	return D6D_OK;
}

static const struct row iaaddr_rows[] = {
	{ OPT_STATUS, 2, UINT16_MAX, read_status },
	{ .read = NULL },
};

static enum dhcp6_drop
read_iaaddr(struct cur *c, struct walk *w)
{
	struct walk inside = { .nopts = w->nopts };
	struct dhcp6_msg *m = w->msg;
	struct dhcp6_addr a = { .iaid = w->iaid };
	enum dhcp6_drop d;

	cur_in6(c, &a.addr);
	a.preferred_s = cur_u32(c);
	a.valid_s = cur_u32(c);
	d = walk_options(c, iaaddr_rows, &inside);
	w->nopts = inside.nopts;
	if (d != D6D_OK)
		return d;
	a.status = inside.status;
	if (m->naddrs == D6_ADDRS_MAX)
		m->more = true;
	else
		m->addrs[m->naddrs++] = a;
	return D6D_OK;
}

static const struct row ia_rows[] = {
	{ OPT_IAADDR, 24, UINT16_MAX, read_iaaddr },
	{ OPT_STATUS, 2, UINT16_MAX, read_status },
	{ .read = NULL },
};

static enum dhcp6_drop
read_ia_na(struct cur *c, struct walk *w)
{
	struct walk inside = { .msg = w->msg, .nopts = w->nopts };
	struct dhcp6_msg *m = w->msg;
	uint8_t first = m->naddrs;
	enum dhcp6_drop d;

	inside.iaid = cur_u32(c);
	cur_skip(c, 8);			/* T1, T2 */
	d = walk_options(c, ia_rows, &inside);
	w->nopts = inside.nopts;
	if (d != D6D_OK)
		return d;
	if (m->nia < UINT8_MAX)
		m->nia++;
	if (inside.status == D6_SUCCESS)
		return D6D_OK;
	if (m->ia_status == D6_SUCCESS)
		m->ia_status = inside.status;
	for (uint8_t i = first; i < m->naddrs; i++) {
		if (m->addrs[i].status == D6_SUCCESS)
			m->addrs[i].status = inside.status;
	}
	return D6D_OK;
}

static const struct row msg_rows[] = {
	{ OPT_CLIENT_ID, 1, UINT16_MAX, read_client_id },
	{ OPT_SERVER_ID, 1, UINT16_MAX, read_server_id },
	{ OPT_IA_NA, 12, UINT16_MAX, read_ia_na },
	{ OPT_STATUS, 2, UINT16_MAX, read_status },
	{ OPT_RAPID_COMMIT, 0, 0, read_rapid_commit },
	{ .read = NULL },
};

static enum dhcp6_drop
read_relay_msg(struct cur *c, struct walk *w)
{
	return take_octets(c, &w->relay->msg);
}

static enum dhcp6_drop
read_interface_id(struct cur *c, struct walk *w)
{
	return take_octets(c, &w->relay->interface_id);
}

static enum dhcp6_drop
read_remote_id(struct cur *c, struct walk *w)
{
	return take_octets(c, &w->relay->remote_id);
}

static enum dhcp6_drop
read_subscriber_id(struct cur *c, struct walk *w)
{
	return take_octets(c, &w->relay->subscriber_id);
}

/* Hardware type(16), address; other types are as if absent. */
static enum dhcp6_drop
read_client_lladdr(struct cur *c, struct walk *w)
{
	struct dhcp6_relay *r = w->relay;

	if (r->has_mac || cur_u16(c) != HW_ETHERNET ||
	    cur_left(c) != sizeof(r->mac.b))
		return D6D_OK;
	cur_bytes(c, r->mac.b, sizeof(r->mac.b));
	r->has_mac = true;
	return D6D_OK;
}

static const struct row relay_rows[] = {
	{ OPT_RELAY_MSG, 0, UINT16_MAX, read_relay_msg },
	{ OPT_INTERFACE_ID, 1, UINT16_MAX, read_interface_id },
	{ OPT_REMOTE_ID, 5, UINT16_MAX, read_remote_id },
	{ OPT_SUBSCRIBER_ID, 1, UINT16_MAX, read_subscriber_id },
	{ OPT_CLIENT_LLADDR, 2, UINT16_MAX, read_client_lladdr },
	{ .read = NULL },
};

/* --- messages ---------------------------------------------------------- */

static bool
is_relay(uint8_t type)
{
	return type == D6_RELAY_FORW || type == D6_RELAY_REPL;
}

enum dhcp6_drop
dhcp6_parse(const void *data, size_t len, struct dhcp6_msg *ret)
{
	struct walk w = { .msg = ret };
	enum dhcp6_drop d;
	struct cur c;
	uint32_t word;

	memset(ret, 0, sizeof(*ret));
	cur_init(&c, data, len);
	word = cur_u32(&c);
	if (!cur_ok(&c))
		return D6D_SHORT;
	ret->type = (uint8_t)(word >> 24);
	ret->xid = word & XID_MASK;
	if (ret->type < D6_SOLICIT || ret->type > D6_INFORMATION_REQUEST)
		return D6D_TYPE;
	d = walk_options(&c, msg_rows, &w);
	ret->status = w.status;
	return d;
}

enum dhcp6_drop
dhcp6_parse_relay(const void *data, size_t len, struct dhcp6_relay *ret)
{
	struct walk w = { .relay = ret };
	enum dhcp6_drop d;
	struct cur c;

	memset(ret, 0, sizeof(*ret));
	cur_init(&c, data, len);
	ret->type = cur_u8(&c);
	ret->hops = cur_u8(&c);
	cur_in6(&c, &ret->link);
	cur_in6(&c, &ret->peer);
	if (!cur_ok(&c))
		return D6D_SHORT;
	if (!is_relay(ret->type))
		return D6D_TYPE;
	d = walk_options(&c, relay_rows, &w);
	if (d == D6D_OK && ret->msg.n == 0)
		return D6D_NO_RELAY_MSG;
	return d;
}

enum dhcp6_drop
dhcp6_parse_chain(const void *data, size_t len, struct dhcp6_chain *ret)
{
	struct cur c;

	ret->n = 0;
	for (;;) {
		struct dhcp6_relay *r = &ret->level[ret->n];
		enum dhcp6_drop d;

		cur_init(&c, data, len);
		if (!is_relay(cur_u8(&c)))
			return dhcp6_parse(data, len, &ret->msg);
		if (ret->n == D6_HOP_LIMIT)
			return D6D_NESTED;
		d = dhcp6_parse_relay(data, len, r);
		if (d != D6D_OK)
			return d;
		if (r->type != ret->level[0].type)
			return D6D_MIXED;
		ret->n++;
		data = r->msg.p;
		len = r->msg.n;
	}
}

/* --- writing ----------------------------------------------------------- */

static void
build_octets(struct bld *b, uint16_t code, const struct dhcp6_octets *o)
{
	if (o->p == NULL)
		return;
	bld_u16(b, code);
	bld_u16(b, o->n);
	bld_bytes(b, o->p, o->n);
}

int
dhcp6_build_relay(const struct dhcp6_relay *r, void *buf, size_t cap)
{
	struct bld b;

	bld_init(&b, buf, cap);
	bld_u8(&b, r->type);
	bld_u8(&b, r->hops);
	bld_in6(&b, &r->link);
	bld_in6(&b, &r->peer);
	build_octets(&b, OPT_INTERFACE_ID, &r->interface_id);
	build_octets(&b, OPT_REMOTE_ID, &r->remote_id);
	build_octets(&b, OPT_SUBSCRIBER_ID, &r->subscriber_id);
	if (r->has_mac) {
		bld_u16(&b, OPT_CLIENT_LLADDR);
		bld_u16(&b, 2 + sizeof(r->mac.b));
		bld_u16(&b, HW_ETHERNET);
		bld_bytes(&b, r->mac.b, sizeof(r->mac.b));
	}
	build_octets(&b, OPT_RELAY_MSG, &r->msg);
	return bld_ok(&b) ? (int)b.len : -EMSGSIZE;
}

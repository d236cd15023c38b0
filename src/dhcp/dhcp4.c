/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DHCPv4 codec of a relay agent: one constant row per option, one iterator.
 * Pure.
 *
 * Implements: RFC 2131 2, RFC 2132 3.3, 3.5, 9.1 to 9.3, 9.6, 9.7 (overloaded
 * fields are read in the order of RFC 3396 5), RFC 3046 2, RFC 3527 3, RFC
 * 3993 2, RFC 5010 3, RFC 5107 4.
 * Not implemented: options cut into several (RFC 3396), which none of those
 * that we read is; the first one counts.
 */
#include "dhcp/dhcp4.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "core/bld.h"
#include "core/cur.h"
#include "core/util.h"

#define HW_ETHERNET 1
#define COOKIE 0x63825363
#define OFF_SNAME 44
#define LEN_SNAME 64
#define LEN_FILE 128
#define OFF_OPTIONS 240			/* behind the cookie */

enum {
	OPT_PAD = 0,
	OPT_MASK = 1,
	OPT_ROUTER = 3,
	OPT_REQUESTED = 50,
	OPT_LEASE = 51,
	OPT_OVERLOAD = 52,
	OPT_TYPE = 53,
	OPT_SERVER_ID = 54,
	OPT_AGENT = 82,
	OPT_END = 255,
};
enum {
	SUB_CIRCUIT_ID = 1,
	SUB_REMOTE_ID = 2,
	SUB_LINK_SELECTION = 5,
	SUB_SUBSCRIBER_ID = 6,
	SUB_FLAGS = 10,
	SUB_SERVER_OVERRIDE = 11,
};
enum { OVERLOAD_FILE = 1, OVERLOAD_SNAME = 2 };

const struct stat_desc dhcp4_drop_desc[DHCP4_DROP_MAX] = {
#define X(id, name, help) { name, help },
	DHCP4_DROPS(X)
#undef X
};

const char *
dhcp4_type_name(uint8_t type)
{
	static const char *const names[] = { "?", "DISCOVER", "OFFER",
		"REQUEST", "DECLINE", "ACK", "NAK", "RELEASE", "INFORM" };

	return names[type < ARRAY_LEN(names) ? type : 0];
}

uint8_t
dhcp4_mask_len(struct in_addr mask)
{
	uint32_t inverse = ~ntohl(mask.s_addr);
	uint8_t len = 32;

	if ((inverse & (inverse + 1)) != 0)
		return 0;
	for (; inverse != 0; inverse >>= 1)
		len--;
	return len;
}

struct mac
dhcp4_mac(const struct dhcp4_msg *m)
{
	struct mac mac = { { 0 } };

	if (m->htype == HW_ETHERNET && m->hlen == sizeof(mac.b))
		memcpy(mac.b, m->chaddr, sizeof(mac.b));
	return mac;
}

/* --- the Relay Agent Information option -------------------------------- */

static void
take_octets(struct cur *c, struct dhcp4_octets *ret)
{
	if (ret->p != NULL)
		return;
	ret->n = (uint8_t)cur_left(c);
	ret->p = cur_ref(c, ret->n);
}

struct sub_row {
	uint8_t code;
	uint8_t min, max;
	void (*read)(struct cur *c, struct dhcp4_agent *a);
	/* Nothing when it is absent. */
	void (*write)(struct bld *b, uint8_t code,
	    const struct dhcp4_agent *a);
};

static void
write_sub(struct bld *b, uint8_t code, const void *p, uint8_t n)
{
	bld_u8(b, code);
	bld_u8(b, n);
	bld_bytes(b, p, n);
}

/* A sub-option that is octets, and one that is an address. */
#define SUB_OCTETS(name) \
static void \
sub_read_##name(struct cur *c, struct dhcp4_agent *a) \
{ \
	take_octets(c, &a->name); \
} \
static void \
sub_write_##name(struct bld *b, uint8_t code, const struct dhcp4_agent *a) \
{ \
	if (a->name.p != NULL) \
		write_sub(b, code, a->name.p, a->name.n); \
}
#define SUB_IN4(name) \
static void \
sub_read_##name(struct cur *c, struct dhcp4_agent *a) \
{ \
	cur_in4(c, &a->name); \
} \
static void \
sub_write_##name(struct bld *b, uint8_t code, const struct dhcp4_agent *a) \
{ \
	if (a->name.s_addr != INADDR_ANY) \
		write_sub(b, code, &a->name, sizeof(a->name)); \
}
SUB_OCTETS(circuit_id)
SUB_OCTETS(remote_id)
SUB_OCTETS(subscriber_id)
SUB_IN4(link_selection)
SUB_IN4(server_override)

static void
sub_read_flags(struct cur *c, struct dhcp4_agent *a)
{
	a->flags = cur_u8(c);
	a->has_flags = true;
}

static void
sub_write_flags(struct bld *b, uint8_t code, const struct dhcp4_agent *a)
{
	if (a->has_flags)
		write_sub(b, code, &a->flags, sizeof(a->flags));
}

static const struct sub_row sub_rows[] = {
	{ SUB_CIRCUIT_ID, 1, 255, sub_read_circuit_id, sub_write_circuit_id },
	{ SUB_REMOTE_ID, 1, 255, sub_read_remote_id, sub_write_remote_id },
	{ SUB_LINK_SELECTION, 4, 4, sub_read_link_selection,
	    sub_write_link_selection },
	{ SUB_SUBSCRIBER_ID, 1, 255, sub_read_subscriber_id,
	    sub_write_subscriber_id },
	{ SUB_FLAGS, 1, 1, sub_read_flags, sub_write_flags },
	{ SUB_SERVER_OVERRIDE, 4, 4, sub_read_server_override,
	    sub_write_server_override },
};

static enum dhcp4_drop
read_agent(struct cur *c, struct dhcp4_agent *ret)
{
	while (cur_left(c) > 0) {
		uint8_t code = cur_u8(c), len = cur_u8(c);
		struct cur body;

		cur_sub(c, len, &body);
		if (!cur_ok(c))
			return D4D_AGENT;
		for (size_t i = 0; i < ARRAY_LEN(sub_rows); i++) {
			if (sub_rows[i].code != code)
				continue;
			if (len < sub_rows[i].min || len > sub_rows[i].max)
				return D4D_AGENT;
			sub_rows[i].read(&body, ret);
		}
	}
	return D4D_OK;
}

static void
build_agent(struct bld *b, const struct dhcp4_agent *a)
{
	size_t start = b->len + 2;

	bld_u8(b, OPT_AGENT);
	bld_u8(b, 0);
	for (size_t i = 0; i < ARRAY_LEN(sub_rows); i++)
		sub_rows[i].write(b, sub_rows[i].code, a);
	if (!bld_ok(b))
		return;
	if (b->len - start > UINT8_MAX)
		bld_fail(b);
	else
		bld_set_u8(b, start - 1, (uint8_t)(b->len - start));
}

/* --- options ----------------------------------------------------------- */

struct opt {
	uint8_t code;
	struct cur body;
};

/*
 * The next option that is no padding: 1; 0 at the end; -1 when it runs past
 * it.  Reads at least one octet each time.
 */
static int
opt_next(struct cur *c, struct opt *ret)
{
	while (cur_left(c) > 0) {
		uint8_t len;

		ret->code = cur_u8(c);
		if (ret->code == OPT_PAD)
			continue;
		if (ret->code == OPT_END)
			return 0;
		len = cur_u8(c);
		cur_sub(c, len, &ret->body);
		return cur_ok(c) ? 1 : -1;
	}
	return 0;
}

struct row {
	uint8_t code;
	uint8_t min, max;
	void (*read)(struct cur *c, struct dhcp4_msg *m);
};

static void
read_mask(struct cur *c, struct dhcp4_msg *m)
{
	cur_in4(c, &m->mask);
}

static void
read_router(struct cur *c, struct dhcp4_msg *m)
{
	cur_in4(c, &m->router);
}

static void
read_requested(struct cur *c, struct dhcp4_msg *m)
{
	cur_in4(c, &m->requested);
}

static void
read_lease(struct cur *c, struct dhcp4_msg *m)
{
	m->has_lease = true;
	m->lease_s = cur_u32(c);
}

static void
read_type(struct cur *c, struct dhcp4_msg *m)
{
	m->type = cur_u8(c);
}

static void
read_server_id(struct cur *c, struct dhcp4_msg *m)
{
	cur_in4(c, &m->server_id);
}

static const struct row rows[] = {
	{ OPT_MASK, 4, 4, read_mask },
	{ OPT_ROUTER, 4, 255, read_router },
	{ OPT_REQUESTED, 4, 4, read_requested },
	{ OPT_LEASE, 4, 4, read_lease },
	{ OPT_TYPE, 1, 1, read_type },
	{ OPT_SERVER_ID, 4, 4, read_server_id },
};

struct walk {
	struct dhcp4_msg *m;
	unsigned nopts;
	bool seen[256];			/* the first of several counts */
};

static enum dhcp4_drop
read_option(struct walk *w, struct opt *o)
{
	size_t len = cur_left(&o->body);

	if (w->seen[o->code])
		return D4D_OK;
	w->seen[o->code] = true;
	if (o->code == OPT_AGENT) {
		w->m->has_agent = true;
		return read_agent(&o->body, &w->m->agent);
	}
	if (o->code == OPT_OVERLOAD) {
		w->m->overload = cur_u8(&o->body);
		if (len != 1 || w->m->overload == 0 ||
		    w->m->overload > (OVERLOAD_FILE | OVERLOAD_SNAME))
			return D4D_OVERLOAD;
		return D4D_OK;
	}
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i].code != o->code)
			continue;
		if (len < rows[i].min || len > rows[i].max)
			return D4D_OPT_LENGTH;
		rows[i].read(&o->body, w->m);
	}
	return D4D_OK;
}

static enum dhcp4_drop
read_options(struct cur *c, struct walk *w)
{
	enum dhcp4_drop d;
	struct opt o;
	int r;

	while ((r = opt_next(c, &o)) > 0) {
		/* one that a relay adds must not be the one too many */
		if (o.code != OPT_AGENT && w->nopts++ == D4_OPTS_MAX)
			return D4D_OPT_MANY;
		d = read_option(w, &o);
		if (d != D4D_OK)
			return d;
	}
	return r < 0 ? D4D_OPT_OVERRUN : D4D_OK;
}

/* --- messages ---------------------------------------------------------- */

static void
read_fixed(struct cur *c, struct dhcp4_msg *m)
{
	m->op = cur_u8(c);
	m->htype = cur_u8(c);
	m->hlen = cur_u8(c);
	m->hops = cur_u8(c);
	m->xid = cur_u32(c);
	m->secs = cur_u16(c);
	m->flags = cur_u16(c);
	cur_in4(c, &m->ciaddr);
	cur_in4(c, &m->yiaddr);
	cur_in4(c, &m->siaddr);
	cur_in4(c, &m->giaddr);
	cur_bytes(c, m->chaddr, sizeof(m->chaddr));
}

enum dhcp4_drop
dhcp4_parse(const void *data, size_t len, struct dhcp4_msg *ret)
{
	struct walk w = { .m = ret };
	struct cur c, sname, file;
	enum dhcp4_drop d;
	uint32_t cookie;

	memset(ret, 0, sizeof(*ret));
	ret->data = data;
	ret->len = len;
	cur_init(&c, data, len);
	read_fixed(&c, ret);
	cur_sub(&c, LEN_SNAME, &sname);
	cur_sub(&c, LEN_FILE, &file);
	if (!cur_ok(&c))
		return D4D_SHORT;
	if (ret->op != D4_BOOTREQUEST && ret->op != D4_BOOTREPLY)
		return D4D_OP;
	if (ret->hlen > D4_CHADDR_MAX)
		return D4D_HLEN;
	cookie = cur_u32(&c);
	if (!cur_ok(&c) || cookie != COOKIE)
		return D4D_COOKIE;
	d = read_options(&c, &w);
	if (d == D4D_OK && (ret->overload & OVERLOAD_FILE) != 0)
		d = read_options(&file, &w);
	if (d == D4D_OK && (ret->overload & OVERLOAD_SNAME) != 0)
		d = read_options(&sname, &w);
	if (d != D4D_OK)
		return d;
	return ret->type < D4_DISCOVER || ret->type > D4_INFORM ? D4D_TYPE :
	    D4D_OK;
}

/* Octets of one field of options, without option 82. */
static void
copy_options(struct bld *b, struct cur *c)
{
	struct opt o;

	while (opt_next(c, &o) > 0) {
		size_t n = cur_left(&o.body);

		if (o.code == OPT_AGENT)
			continue;
		bld_u8(b, o.code);
		bld_u8(b, (uint8_t)n);
		bld_bytes(b, cur_ref(&o.body, n), n);
	}
}

/* Server name or boot file, which may hold options instead. */
static void
copy_field(struct bld *b, struct cur *c, size_t len, bool options)
{
	size_t end = b->len + len;
	struct cur field;

	cur_sub(c, len, &field);
	if (!options) {
		bld_bytes(b, cur_ref(&field, len), len);
		return;
	}
	copy_options(b, &field);	/* no longer than they were */
	if (b->len < end)
		bld_u8(b, OPT_END);
	bld_zero(b, end - b->len);
}

int
dhcp4_build(const struct dhcp4_msg *m, const struct dhcp4_agent *agent,
    void *buf, size_t cap)
{
	struct cur c;
	struct bld b;

	bld_init(&b, buf, cap);
	bld_u8(&b, m->op);
	bld_u8(&b, m->htype);
	bld_u8(&b, m->hlen);
	bld_u8(&b, m->hops);
	bld_u32(&b, m->xid);
	bld_u16(&b, m->secs);
	bld_u16(&b, m->flags);
	bld_in4(&b, &m->ciaddr);
	bld_in4(&b, &m->yiaddr);
	bld_in4(&b, &m->siaddr);
	bld_in4(&b, &m->giaddr);
	bld_bytes(&b, m->chaddr, sizeof(m->chaddr));
	cur_init(&c, m->data, m->len);
	cur_skip(&c, OFF_SNAME);
	copy_field(&b, &c, LEN_SNAME, (m->overload & OVERLOAD_SNAME) != 0);
	copy_field(&b, &c, LEN_FILE, (m->overload & OVERLOAD_FILE) != 0);
	bld_u32(&b, COOKIE);
	cur_skip(&c, OFF_OPTIONS - OFF_SNAME - LEN_SNAME - LEN_FILE);
	copy_options(&b, &c);
	if (agent != NULL)
		build_agent(&b, agent);
	bld_u8(&b, OPT_END);
	if (b.len < D4_MSG_MIN)
		bld_zero(&b, D4_MSG_MIN - b.len);
	return bld_ok(&b) ? (int)b.len : -EMSGSIZE;
}

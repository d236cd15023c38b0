/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DHCP servers of the simulated world: a mailbox for the test, and as much of
 * RFC 8415 and RFC 2131 as it takes to lease addresses to whoever asks.
 */
#include "sim.h"

#include <arpa/inet.h>
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"

#define LEVELS_MAX 8

/* What a question becomes after the time it takes to think. */
struct thought {
	struct sim_dhcpd *d;
	const struct sim_dgram *q;
};

/* --- mailbox ----------------------------------------------------------- */

static void answer6(struct sim_dhcpd *d, const struct sim_dgram *q);
static void answer4(struct sim_dhcpd *d, const struct sim_dgram *q);

static void
think(void *arg)
{
	struct thought *t = arg;

	if (t->d->addr.family == AF_INET6)
		answer6(t->d, t->q);
	else
		answer4(t->d, t->q);
}

static void
arrives(void *ctx, const struct sim_dgram *q)
{
	struct sim_dhcpd *d = ctx;
	struct thought *t;

	if (d->ninbox == d->capinbox) {
		const struct sim_dgram **v = d->inbox;

		d->capinbox = d->capinbox * 2 + 64;
		d->inbox = sim_alloc(d->sim, d->capinbox * sizeof(*v));
		if (d->ninbox > 0)
			memcpy(d->inbox, v, d->ninbox * sizeof(*v));
	}
	d->inbox[d->ninbox++] = q;
	d->received++;
	if (!d->automatic || d->silent > 0) {
		if (d->silent > 0 && d->silent != UINT32_MAX)
			d->silent--;
		return;
	}
	t = malloc(sizeof(*t));
	if (t == NULL)
		abort();
	*t = (struct thought){ d, q };
	sim_post(d->sim, NULL, d->delay_us, think, t);
}

struct sim_dhcpd *
sim_dhcpd(struct sim *s, const char *addr)
{
	struct sim_dhcpd *d = sim_alloc(s, sizeof(*d));

	d->sim = s;
	d->addr = sim_dhcp_addr(addr, 0);
	d->addr.port = d->addr.family == AF_INET6 ? DHCP6_PORT : DHCP4_PORT;
	d->preferred_s = 1800;
	d->valid_s = 3600;
	d->naddrs = 1;
	sim_udp_serve(s, &d->addr, arrives, d);
	return d;
}

const struct sim_dgram *
sim_dhcpd_next(struct sim_dhcpd *d)
{
	return d->cursor < d->ninbox ? d->inbox[d->cursor++] : NULL;
}

const struct sim_dgram *
sim_dhcpd_wait(struct sim_dhcpd *d, usec_t max)
{
	usec_t limit = sim_now(d->sim) + max;

	while (d->cursor == d->ninbox) {
		if (!sim_step(d->sim, limit)) {
			sim_run_for(d->sim, limit - sim_now(d->sim));
			break;
		}
	}
	return sim_dhcpd_next(d);
}

void
sim_dhcpd_send(struct sim_dhcpd *d, const struct sim_dgram *q,
    const void *data, size_t len)
{
	sim_send_dgram(d->sim, &d->addr, &q->src, data, len);
}

/* RFC 8415 18.3.10: one Relay-reply for each Relay-forward around it. */
static size_t
wrap(const void *data, size_t len, const struct sim_d6 *m, void *buf,
    size_t cap, unsigned level)
{
	struct sim_d6_relay r;
	uint8_t inner[2048];

	if (level > LEVELS_MAX || !sim_d6_read_relay(data, len, &r))
		return sim_d6_build(m, buf, cap);
	r.ninner = wrap(r.inner, r.ninner, m, inner, sizeof(inner), level + 1);
	r.inner = inner;
	r.type = SIM_D6_RELAY_REPL;
	/* of a relay agent's options only the Interface-Id comes back */
	r.has_mac = false;
	r.remote_id.n = r.subscriber_id.n = 0;
	return sim_d6_build_relay(&r, buf, cap);
}

void
sim_dhcpd_send6(struct sim_dhcpd *d, const struct sim_dgram *q,
    const struct sim_d6 *m)
{
	uint8_t buf[4096];

	sim_dhcpd_send(d, q, buf, wrap(q->data, q->len, m, buf, sizeof(buf),
	    0));
}

void
sim_dhcpd_send4(struct sim_dhcpd *d, const struct sim_d4 *m)
{
	struct dhcp_addr to = { .family = AF_INET, .port = DHCP4_PORT,
		.in4 = m->giaddr };
	uint8_t buf[1024];

	sim_send_dgram(d->sim, &d->addr, &to, buf, sim_d4_build(m, buf,
	    sizeof(buf)));
}

/* --- pools and leases -------------------------------------------------- */

void
sim_dhcpd_pool(struct sim_dhcpd *d, const char *subnet, const char *first,
    const char *router)
{
	struct sim_pool *p = &d->pools[d->npools];

	ck_assert(d->npools < SIM_POOLS);
	d->npools++;
	p->subnet = sim_prefix(subnet);
	p->first = sim_prefix(first);
	ck_assert(prefix_covers(&p->subnet, &p->first));
	if (router != NULL)
		ck_assert_int_eq(in4_parse(router, &p->router), 0);
}

static struct sim_pool *
pool_find(struct sim_dhcpd *d, const struct prefix *link)
{
	struct prefix want = *link;

	if (d->instead != NULL)
		want = sim_prefix(d->instead);
	for (size_t i = 0; i < d->npools; i++) {
		if (prefix_covers(&d->pools[i].subnet, &want))
			return &d->pools[i];
	}
	return NULL;
}

static bool
lease_lives(const struct sim_dhcpd *d, const struct sim_lease *l)
{
	return l->expires > sim_now(d->sim);
}

static struct prefix
lease_prefix(const struct sim_lease *l)
{
	struct prefix p;

	if (l->addr.family == AF_INET6)
		prefix_from_in6(&p, &l->addr.in6, 128);
	else
		p = prefix_host4(&l->addr.in4);
	return p;
}

static bool
id_eq(const struct sim_id *a, const struct sim_id *b)
{
	return a->n == b->n && memcmp(a->b, b->b, a->n) == 0;
}

/* Index `nth` of those that the client has, or had, in that pool. */
static struct sim_lease *
lease_find(struct sim_dhcpd *d, const struct sim_pool *p,
    const struct sim_id *client, unsigned nth)
{
	for (size_t i = 0; i < d->nleases; i++) {
		struct sim_lease *l = &d->leases[i];
		struct prefix a = lease_prefix(l);

		if (!l->declined && id_eq(&l->client, client) &&
		    prefix_covers(&p->subnet, &a) && nth-- == 0)
			return l;
	}
	return NULL;
}

/* The same client gets the same address for ever. */
static struct sim_lease *
lease_get(struct sim_dhcpd *d, struct sim_pool *p,
    const struct sim_id *client, unsigned nth)
{
	struct sim_lease *l = lease_find(d, p, client, nth);

	if (l != NULL)
		return l;
	ck_assert(d->nleases < SIM_LEASES);
	l = &d->leases[d->nleases++];
	*l = (struct sim_lease){ .client = *client };
	l->addr.family = p->first.family;
	if (p->first.family == AF_INET6) {
		l->addr.in6 = p->first.in6;
		l->addr.in6.s6_addr[15] = (uint8_t)
		    (l->addr.in6.s6_addr[15] + p->used);
	} else {
		l->addr.in4.s_addr = htonl(ntohl(p->first.in4.s_addr) +
		    p->used);
	}
	p->used++;
	return l;
}

const struct sim_lease *
sim_dhcpd_lease(const struct sim_dhcpd *d, const char *addr)
{
	struct prefix want = sim_prefix(addr);

	for (size_t i = 0; i < d->nleases; i++) {
		struct prefix a = lease_prefix(&d->leases[i]);

		if (prefix_eq(&a, &want) && lease_lives(d, &d->leases[i]))
			return &d->leases[i];
	}
	return NULL;
}

void
sim_dhcpd_forget(struct sim_dhcpd *d)
{
	d->nleases = 0;
}

/* --- DHCPv6 ------------------------------------------------------------ */

/* The link-address that is nearest to the client and says something. */
static bool
link_of(const struct sim_dgram *q, struct prefix *ret)
{
	const void *data = q->data;
	size_t len = q->len;
	struct sim_d6_relay r;
	bool found = false;

	while (data != NULL && sim_d6_read_relay(data, len, &r)) {
		if (!in6_is_zero(&r.link)) {
			prefix_from_in6(ret, &r.link, 128);
			found = true;
		}
		data = r.inner;
		len = r.ninner;
	}
	return found;
}

static void
lease6(struct sim_dhcpd *d, struct sim_pool *p, const struct sim_d6 *q,
    struct sim_d6 *a, bool commit)
{
	struct sim_id client = q->client;

	client.b[client.n++] = (uint8_t)q->iaid;
	a->has_ia = true;
	a->iaid = q->iaid;
	if (d->refuse) {
		a->ia_status = q->type == SIM_D6_RENEW ||
		    q->type == SIM_D6_REBIND ? SIM_D6_NO_BINDING :
		    SIM_D6_NO_ADDRS;
		return;
	}
	/* RFC 8415 18.3.4: renews only what it knows */
	if ((q->type == SIM_D6_RENEW || q->type == SIM_D6_REBIND) &&
	    lease_find(d, p, &client, 0) == NULL) {
		a->ia_status = SIM_D6_NO_BINDING;
		return;
	}
	a->t1_s = d->preferred_s / 2;
	a->t2_s = d->preferred_s * 4 / 5;
	for (unsigned i = 0; i < d->naddrs; i++) {
		struct sim_lease *l = lease_get(d, p, &client, i);

		a->addrs[i].addr = l->addr.in6;
		a->addrs[i].preferred_s = d->preferred_s;
		a->addrs[i].valid_s = d->valid_s;
		a->naddrs = i + 1;
		if (commit)
			l->expires = sim_now(d->sim) +
			    (usec_t)d->valid_s * USEC_PER_SEC;
	}
}

/* RFC 8415 18.3.7, 18.3.8: an answer in any case. */
static void
free6(struct sim_dhcpd *d, const struct sim_d6 *q, struct sim_d6 *a)
{
	a->status = SIM_D6_OK;
	for (size_t i = 0; i < d->nleases; i++) {
		struct sim_lease *l = &d->leases[i];

		for (unsigned k = 0; k < q->naddrs; k++) {
			if (l->addr.family == AF_INET6 &&
			    in6_eq(&l->addr.in6, &q->addrs[k].addr)) {
				l->expires = 0;
				l->declined = q->type == SIM_D6_DECLINE;
			}
		}
	}
}

static void
confirm6(struct sim_dhcpd *d, const struct sim_pool *p,
    const struct sim_d6 *q, struct sim_d6 *a)
{
	a->status = d->refuse ? SIM_D6_NOT_ON_LINK : SIM_D6_OK;
	for (unsigned i = 0; i < q->naddrs; i++) {
		struct prefix addr;

		prefix_from_in6(&addr, &q->addrs[i].addr, 128);
		if (!prefix_covers(&p->subnet, &addr))
			a->status = SIM_D6_NOT_ON_LINK;
	}
}

static void
answer6(struct sim_dhcpd *d, const struct sim_dgram *q)
{
	struct sim_d6 m, a = { .type = SIM_D6_REPLY, .status = -1,
		.ia_status = -1 };
	struct sim_pool *p;
	struct prefix link;

	if (!sim_d6_read_inner(q->data, q->len, &m)) {
		d->malformed++;
		return;
	}
	d->seen[m.type]++;
	if (m.server.n > 0 && (m.server.n != 18 || memcmp(m.server.b + 2,
	    &d->addr.in6, sizeof(d->addr.in6)) != 0))
		return;			/* another server's */
	p = link_of(q, &link) ? pool_find(d, &link) : NULL;
	if (p == NULL && m.type != SIM_D6_INFORM) {
		d->no_pool++;
		return;
	}
	a.xid = m.xid;
	a.client = m.client;
	/* DUID type 4 (RFC 6355), made of the address */
	a.server.n = 18;
	a.server.b[1] = 4;
	memcpy(a.server.b + 2, &d->addr.in6, sizeof(d->addr.in6));
	if (m.type == SIM_D6_SOLICIT) {
		a.rapid = m.rapid && d->rapid_commit;
		a.type = a.rapid ? SIM_D6_REPLY : SIM_D6_ADVERTISE;
		lease6(d, p, &m, &a, a.rapid);
	} else if (m.type == SIM_D6_RELEASE || m.type == SIM_D6_DECLINE) {
		free6(d, &m, &a);
	} else if (m.type == SIM_D6_CONFIRM) {
		confirm6(d, p, &m, &a);
	} else if (m.type != SIM_D6_INFORM) {
		lease6(d, p, &m, &a, true);
	}
	sim_dhcpd_send6(d, q, &a);
}

/* --- DHCPv4 ------------------------------------------------------------ */

static struct sim_pool *
pool4(struct sim_dhcpd *d, const struct sim_d4 *m)
{
	const struct in_addr *a = &m->ciaddr;
	struct prefix link;

	if (m->link_selection.s_addr != 0)
		a = &m->link_selection;
	else if (m->giaddr.s_addr != 0)
		a = &m->giaddr;
	link = prefix_host4(a);
	return pool_find(d, &link);
}

static void
free4(struct sim_dhcpd *d, const struct sim_d4 *m)
{
	struct in_addr a = m->type == SIM_D4_RELEASE ? m->ciaddr :
	    m->requested;

	for (size_t i = 0; i < d->nleases; i++) {
		struct sim_lease *l = &d->leases[i];

		if (l->addr.family == AF_INET &&
		    l->addr.in4.s_addr == a.s_addr) {
			l->expires = 0;
			l->declined = m->type == SIM_D4_DECLINE;
		}
	}
}

/* The address that a REQUEST is about, and is it good? RFC 2131 4.3.2. */
static bool
request_good(const struct sim_d4 *m, const struct sim_lease *l)
{
	struct in_addr a = m->ciaddr.s_addr != 0 ? m->ciaddr : m->requested;

	return a.s_addr == l->addr.in4.s_addr;
}

static void
lease4(struct sim_dhcpd *d, const struct sim_pool *p, struct sim_lease *l,
    struct sim_d4 *a)
{
	a->yiaddr = l->addr.in4;
	a->lease_s = d->valid_s;
	a->router = p->router;
	a->mask.s_addr = p->subnet.len == 0 ? 0 :
	    htonl(UINT32_MAX << (32 - p->subnet.len));
	if (a->type == SIM_D4_ACK)
		l->expires = sim_now(d->sim) +
		    (usec_t)d->valid_s * USEC_PER_SEC;
}

/* Without a relay agent: straight to the client's address. */
static void
back4(struct sim_dhcpd *d, const struct sim_dgram *q, const struct sim_d4 *a)
{
	uint8_t buf[1024];

	if (a->giaddr.s_addr != 0)
		sim_dhcpd_send4(d, a);
	else
		sim_dhcpd_send(d, q, buf, sim_d4_build(a, buf, sizeof(buf)));
}

static void
answer4(struct sim_dhcpd *d, const struct sim_dgram *q)
{
	struct sim_id client = { .n = 6 };
	struct sim_lease *l;
	struct sim_pool *p;
	struct sim_d4 m, a;
	struct in_addr me = d->addr.in4;

	if (!sim_d4_read(q->data, q->len, &m) || m.op != 1) {
		d->malformed++;
		return;
	}
	d->seen[m.type]++;
	/* RFC 5107: what the relay agent says is ours */
	if (m.server_override.s_addr != 0)
		me = m.server_override;
	if (m.server_id.s_addr != 0 && m.server_id.s_addr != me.s_addr &&
	    m.server_id.s_addr != d->addr.in4.s_addr)
		return;
	if (m.type == SIM_D4_RELEASE || m.type == SIM_D4_DECLINE) {
		free4(d, &m);
		return;
	}
	p = pool4(d, &m);
	if (p == NULL) {
		d->no_pool++;
		return;
	}
	a = (struct sim_d4){ .op = 2, .xid = m.xid, .flags = m.flags,
		.ciaddr = m.ciaddr, .giaddr = m.giaddr, .chaddr = m.chaddr,
		.server_id = me, .has82 = m.has82, .raw82 = m.raw82 };
	a.type = m.type == SIM_D4_DISCOVER ? SIM_D4_OFFER : SIM_D4_ACK;
	memcpy(client.b, m.chaddr.b, sizeof(m.chaddr.b));
	l = m.type == SIM_D4_INFORM ? NULL : lease_get(d, p, &client, 0);
	if (m.type == SIM_D4_REQUEST && (d->refuse ||
	    !request_good(&m, l))) {
		a.type = SIM_D4_NAK;
		a.ciaddr.s_addr = 0;
		a.flags |= 0x8000;
	} else if (l != NULL) {
		lease4(d, p, l, &a);
	}
	back4(d, q, &a);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The security service of a daemon: its sockets, and whom the roles will want
 * to talk to.
 */
#include "daemon_priv.h"

#include <errno.h>
#include <stdlib.h>

#include "core/addr.h"
#include "esp/esp.h"
#include "mh/hao.h"

#define MOD "core"

/* Our addresses, those of the home agent first.  NULL: no memory. */
static struct in6_addr *
own_addresses(const struct daemon *d, size_t *ret_n)
{
	const struct ha_conf *ha = &d->conf->ha;
	const struct in6_addr *a = ha->addresses.v;
	struct in6_addr *v = calloc(ha->addresses.n + 1, sizeof(*v));
	size_t n = 0;

	if (v == NULL)
		return NULL;
	for (size_t i = 0; daemon_has_role(d, "ha") && i < ha->addresses.n;
	    i++)
		v[n++] = a[i];
	if (daemon_has_role(d, "pma"))
		v[n++] = d->conf->pma.address;
	*ret_n = n;
	return v;
}

/* A pair of addresses, unless both are ours. */
static void
want_pair(struct sec_pair *v, size_t *n, const struct in6_addr *local,
    const struct in6_addr *remote)
{
	if (!in6_is_zero(remote) && !in6_eq(local, remote))
		v[(*n)++] = (struct sec_pair){ .local = *local,
			.remote = *remote };
}

/* .v is NULL when there is no memory. */
static struct sec_want
wanted(const struct daemon *d, const struct main_conf *conf)
{
	const struct ha_conf_pma *pmas = conf->ha.pmas.v;
	struct sec_pair *v = calloc(conf->ha.pmas.n + 1, sizeof(*v));
	const struct in6_addr *ha = conf->ha.addresses.v;
	size_t n = 0;

	if (v != NULL && daemon_has_role(d, "ha")) {
		for (size_t i = 0; i < conf->ha.pmas.n; i++)
			want_pair(v, &n, &ha[0], &pmas[i].address);
	}
	if (v != NULL && daemon_has_role(d, "pma"))
		want_pair(v, &n, &conf->pma.address, &conf->pma.home_agent);
	return (struct sec_want){ .v = v, .n = n };
}

int
daemon_sec_prepare(struct daemon *d, const struct main_conf *conf)
{
	struct sec_want want = wanted(d, conf);
	int r = want.v == NULL ? -ENOMEM :
	    sec_prepare(d->sec, &conf->security, &want);

	free((void *)want.v);
	return r;
}

static int
open_socket(struct daemon *d, const char *name, uint8_t proto,
    struct mh_io **ret)
{
	struct mh_sock_conf c = { .name = name, .proto = proto,
		.own_header = d->conf->security.mode != SEC_KERNEL,
		.rcvbuf = (int)d->conf->signalling.receive_buffer };
	int r = mh_sock_new(d->loop, d->log, d->stats, &c, ret);

	if (r < 0)
		log_err(d->log, MOD, "socket-failed", KV_STR("socket", name),
		    KV_STR("hint", "CAP_NET_RAW is needed"), KV_ERR(r));
	return r;
}

int
daemon_sec_start(struct daemon *d)
{
	const struct sec_conf *conf = &d->conf->security;
	struct sec_args a = { .loop = d->loop, .log = d->log,
		.stats = d->stats, .clock = d->env.clock,
		.wheel = d->env.wheel };
	struct sec_want want = { 0 };
	struct in6_addr *own;
	int r;

	/* Also where protocol 135 is not ours: clear text is to be counted,
	 * and not to be answered by the kernel. */
	r = open_socket(d, "mh-sock", MH_PROTO, &d->mh_clear);
	if (r == 0 && conf->mode == SEC_USERSPACE)
		r = open_socket(d, "esp-sock", ESP_PROTO, &d->mh_esp);
	if (r < 0)
		return r;
	a.clear = d->mh_clear;
	a.esp = d->mh_esp;
	a.own = own = own_addresses(d, &a.nown);
	want = wanted(d, d->conf);
	r = own == NULL || want.v == NULL ? -ENOMEM :
	    sec_new(&a, conf, &want, &d->sec);
	free(own);
	free((void *)want.v);
	if (r < 0)
		return r;
	if (conf->mode == SEC_NONE && daemon_has_role(d, "ha")) {
		r = hao_sock_new(d->loop, d->log, d->stats, d->mh_clear,
		    &d->hao);
		if (r < 0)
			return r;
	}
	d->env.mh = sec_mh(d->sec);
	return 0;
}

void
daemon_sec_stop(struct daemon *d, bool keep)
{
	hao_sock_free(d->hao);
	sec_free(d->sec, keep);
	mh_sock_free(d->mh_esp);
	mh_sock_free(d->mh_clear);
}

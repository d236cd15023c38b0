/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an operator sees of the security service.  Mode userspace: one row for
 * each pair of security associations; a peer without any has one all the same,
 * which says what is missing.  Mode kernel: one row for each peer, with what
 * the kernel has.  No row holds a key.
 */
#include "esp/sec_priv.h"

#include <stdio.h>
#include <time.h>

#include "core/addr.h"
#include "core/json.h"

static bool
is_ready(const struct sec *s, size_t i)
{
	if (s->mode == SEC_KERNEL)
		return xfrm_ready(s->xfrm, i);
	return s->mode == SEC_USERSPACE && s->set->peers[i].out != NULL;
}

static const char *
missing(const struct sec *s, size_t i)
{
	const struct sec_peer *p = &s->set->peers[i];

	if (s->mode == SEC_NONE)
		return "protection (security: ipsec: none)";
	if (p->nsas == 0)
		return "keys (security: peers)";
	return p->out == NULL ? "keys that have not ended" : "";
}

static void
show_spi(struct json_w *w, const char *key, uint32_t spi)
{
	char buf[16];

	snprintf(buf, sizeof(buf), "0x%08x", spi);
	json_w_str(w, key, buf);
}

/* Seconds ago, null: never. */
static void
show_ago(const struct sec *s, struct json_w *w, const char *key, usec_t when)
{
	if (when == 0)
		json_w_null(w, key);
	else
		json_w_sec(w, key, wheel_now(s->a.wheel) - when);
}

static void
show_expires(struct json_w *w, int64_t wall_us)
{
	time_t t = (time_t)(wall_us / USEC_PER_SEC);
	struct tm tm;
	char buf[32];

	if (wall_us == SEC_NEVER || gmtime_r(&t, &tm) == NULL ||
	    strftime(buf, sizeof(buf), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		json_w_null(w, "expires");
	else
		json_w_str(w, "expires", buf);
}

static const char *
sa_state(const struct sec_sa *sa)
{
	return sa->expired ? "expired" : sa->spent ? "spent" :
	    sa == sa->peer->out ? "sending" : "accepted";
}

/* Mode userspace; the kernel knows its own better. */
static void
show_sa(const struct sec *s, const struct sec_sa *sa, struct json_w *w)
{
	json_w_str(w, "state", sa_state(sa));
	show_spi(w, "spi_in", sa->spi_in);
	show_spi(w, "spi_out", sa->out.spi);
	json_w_str(w, "suite", esp_suite_names[sa->suite]);
	json_w_bool(w, "esn", sa->esn);
	show_expires(w, sa->expires_us);
	json_w_u(w, "seq_in", sa->in.win.top);
	json_w_u(w, "seq_out", sa->out.seq);
	json_w_u(w, "window", ESP_WINDOW);
	json_w_u(w, "replays", sa->replays);
	json_w_u(w, "drops", sa->drops);
	show_ago(s, w, "last_in", sa->last_in);
	show_ago(s, w, "last_out", sa->last_out);
}

/* The k-th row of the i-th peer. */
static void
show_row(const struct sec *s, size_t i, size_t k, struct json_w *w)
{
	const struct sec_peer *p = &s->set->peers[i];
	char buf[ADDR_STRLEN];

	json_w_str(w, "peer", in6_str(&p->remote, buf));
	json_w_str(w, "local", in6_str(&p->local, buf));
	json_w_str(w, "name", p->name != NULL ? p->name : "");
	json_w_str(w, "mode", sec_mode_names[s->mode]);
	json_w_u(w, "clear_dropped", p->clear);
	if (s->mode == SEC_KERNEL) {
		xfrm_show_peer(s->xfrm, i, w);
		return;
	}
	json_w_bool(w, "ready", is_ready(s, i));
	if (k < p->nsas)
		show_sa(s, &p->sas[k], w);
	json_w_str(w, "missing", missing(s, i));
}

bool
sec_show_peer(struct sec *s, size_t i, const struct sec_row *row)
{
	size_t k = 0;

	if (i >= s->set->n)
		return false;
	do {
		show_row(s, i, k, row->begin(row->ctx));
		row->end(row->ctx);
	} while (s->mode != SEC_KERNEL && ++k < s->set->peers[i].nsas);
	return true;
}

void
sec_show(const struct sec *s, struct json_w *w)
{
	size_t good = 0;

	for (size_t i = 0; i < s->set->n; i++)
		good += is_ready(s, i);
	json_w_str(w, "ipsec", sec_mode_names[s->mode]);
	json_w_str(w, "signalling", s->mode == SEC_NONE ? "UNPROTECTED" :
	    good == s->set->n ? "protected" : "refused with some peers");
	json_w_u(w, "peers", s->set->n);
	json_w_u(w, "ready_peers", good);
	json_w_u(w, "clear_text_dropped", s->st.val[SEC_ST_CLEAR]);
}

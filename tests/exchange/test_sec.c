/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The security service between roles and sockets: who may speak, and what
 * becomes of everything else.  Two ends on a wire that the test holds in its
 * hands, then whole domains under ESP.
 *
 * The kernel's IPsec (xfrm.h) is played by the functions at the top.
 */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include "core/arena.h"
#include "core/json.h"
#include "core/loop.h"
#include "esp/esp.h"
#include "esp/sec.h"
#include "esp/xfrm.h"
#include "exchange/ha_kit.h"
#include "suite.h"

#define WIRE_MAX 512
#define TEXT_MAX 4096

/* --- the kernel -------------------------------------------------------- */

struct xfrm {
	struct xfrm_args a;
	bool ready;
	size_t npeer, npair;
	uint64_t seq_in, seq_out;	/* of the first pair */
	uint32_t spi_out;
};
static struct xfrm the_kernel;

int
xfrm_new(const struct xfrm_args *a, struct xfrm **ret)
{
	the_kernel.a = *a;
	*ret = &the_kernel;
	return 0;
}

int
xfrm_set_peers(struct xfrm *x, const struct xfrm_peer *p, size_t n)
{
	x->npeer = n;
	x->npair = 0;
	for (size_t i = 0; i < n; i++)
		x->npair += p[i].npair;
	if (x->npair > 0) {
		x->seq_in = p[0].pair[0].in.seq;
		x->seq_out = p[0].pair[0].out.seq;
		x->spi_out = p[0].pair[0].out.spi;
	}
	return 0;
}

bool
xfrm_ready(const struct xfrm *x, size_t peer)
{
	ck_assert_uint_lt(peer, x->npeer);
	return x->ready;
}

bool
xfrm_may_send(struct xfrm *x, size_t peer)
{
	return xfrm_ready(x, peer);
}

const char *
xfrm_missing(struct xfrm *x, size_t peer)
{
	(void)peer;
	return x->ready ? "" : "a policy";
}

void
xfrm_show_peer(struct xfrm *x, size_t peer, struct json_w *w)
{
	json_w_bool(w, "ready", x->ready);
	json_w_str(w, "missing", xfrm_missing(x, peer));
}

void
xfrm_free(struct xfrm *x, bool keep)
{
	(void)keep;
	if (x != NULL)
		*x = (struct xfrm){ 0 };
}

/* --- an end ------------------------------------------------------------ */

struct wire_pkt {
	struct in6_addr src, dst;
	size_t len;
	uint8_t data[256];
};

/* A socket: what was sent stays here until the test passes it on. */
struct wire {
	struct mh_io io;
	struct wire_pkt pkt[WIRE_MAX];
	size_t n;
	size_t flushed;		/* of them, asked to leave at once */
};

struct end {
	char dir[64];			/* keys and state */
	struct clock clock;
	usec_t now;
	int64_t wall;
	struct wheel *wheel;
	struct log *log;
	struct stats *stats;
	char said[65536];		/* the log's events, one a line */
	struct wire clear, esp;
	struct arena *arena;
	struct sec_conf *conf;
	struct in6_addr own[2];
	size_t nown;
	struct sec *sec;
	size_t received;
	struct wire_pkt last;
	bool sum_ok;			/* of the last */
};

static int
wire_send(struct mh_io *io, const struct in6_addr *src,
    const struct in6_addr *dst, const void *data, size_t len)
{
	struct wire *w = CONTAINER_OF(io, struct wire, io);
	struct wire_pkt *p = &w->pkt[w->n % WIRE_MAX];

	ck_assert_uint_le(len, sizeof(p->data));
	p->src = *src;
	p->dst = *dst;
	p->len = len;
	memcpy(p->data, data, len);
	w->n++;
	return 0;
}

static void
wire_flush(struct mh_io *io)
{
	struct wire *w = CONTAINER_OF(io, struct wire, io);

	w->flushed = w->n;
}

static const struct mh_io_ops wire_ops = { .send = wire_send,
	.flush = wire_flush };

static usec_t
end_mono(void *ctx)
{
	return ((struct end *)ctx)->now;
}

static int64_t
end_wall(void *ctx)
{
	return ((struct end *)ctx)->wall;
}

static void
end_log(void *ctx, enum log_level lvl, const char *mod, const char *ev,
    const struct kv *kv, size_t n)
{
	struct end *e = ctx;
	size_t at = strlen(e->said);
	char buf[KV_TEXT_MAX];

	(void)lvl;
	(void)mod;
	at += (size_t)snprintf(e->said + at, sizeof(e->said) - at, "%s", ev);
	for (size_t i = 0; i < n && at < sizeof(e->said); i++)
		at += (size_t)snprintf(e->said + at, sizeof(e->said) - at,
		    " %s=%s", kv[i].key, kv_text(&kv[i], buf, sizeof(buf)));
	if (at < sizeof(e->said) - 1)
		snprintf(e->said + at, sizeof(e->said) - at, "\n");
}

static void
end_recv(void *ctx, const struct mh_pkt *pkt)
{
	struct end *e = ctx;

	ck_assert_uint_le(pkt->len, sizeof(e->last.data));
	e->sum_ok = pkt->sum_ok;
	e->received++;
	e->last.src = pkt->src;
	e->last.dst = pkt->dst;
	e->last.len = pkt->len;
	memcpy(e->last.data, pkt->data, pkt->len);
}

static void PRINTF_LIKE(3, 4)
write_file(const char *path, mode_t mode, const char *fmt, ...)
{
	FILE *f = fopen(path, "we");
	va_list ap;

	ck_assert_ptr_nonnull(f);
	va_start(ap, fmt);
	vfprintf(f, fmt, ap);
	va_end(ap);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(chmod(path, mode), 0);
}

/* Keys that both ends find under the same name: octets `tag` everywhere. */
static void
make_keys(const char *dir)
{
	char path[128], hex[2 * ESP_KEY_MAX + 1];

	for (unsigned tag = 1; tag <= 8; tag++) {
		for (size_t len = 32; len <= 36; len += 4) {
			for (size_t i = 0; i < len; i++)
				snprintf(hex + 2 * i, 3, "%02x", tag);
			snprintf(path, sizeof(path), "%s/k%u-%zu", dir, tag,
			    len);
			write_file(path, 0600, "%s\n", hex);
		}
	}
}

static struct sec_conf *
parse(struct end *e, const char *yaml)
{
	struct cfg_errors errs = { 0 };
	void *conf;
	int r = cfg_load_text("sec", yaml, strlen(yaml), &sec_conf_table,
	    e->arena, &conf, &errs);

	ck_assert_msg(r == 0, "%s\n%s", errs.text, yaml);
	return conf;
}

static int
end_start(struct end *e, const char *yaml)
{
	const struct sec_want none = { 0 };
	struct sec_args a = { .log = e->log, .stats = e->stats,
		.clock = &e->clock, .wheel = e->wheel, .clear = &e->clear.io,
		.esp = &e->esp.io, .own = e->own, .nown = e->nown };
	int r;

	e->conf = parse(e, yaml);
	r = sec_new(&a, e->conf, &none, &e->sec);
	if (r == 0) {
		sec_mh(e->sec)->recv = end_recv;
		sec_mh(e->sec)->recv_ctx = e;
	}
	return r;
}

static struct end *
end_new(const char *addr)
{
	struct end *e = calloc(1, sizeof(*e));

	ck_assert_ptr_nonnull(e);
	snprintf(e->dir, sizeof(e->dir), "/tmp/pmipd-sec-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(e->dir));
	make_keys(e->dir);
	e->clock = (struct clock){ end_mono, end_wall, e };
	e->now = 1000 * USEC_PER_SEC;
	e->wall = SIM_WALL_START;
	e->wheel = wheel_new(e->now);
	e->log = log_new(&e->clock);
	log_to_none(e->log);
	log_sink_add(e->log, LOG_LVL_DEBUG, end_log, e);
	e->stats = stats_new();
	e->arena = arena_new();
	e->clear.io.ops = e->esp.io.ops = &wire_ops;
	e->own[0] = sim_in6(addr);
	e->nown = 1;
	return e;
}

static void
end_stop(struct end *e)
{
	sec_free(e->sec, false);
	e->sec = NULL;
}


static void
remove_tree(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *ent;
	char path[512];

	while (d != NULL && (ent = readdir(d)) != NULL) {
		if (strcmp(ent->d_name, ".") == 0 ||
		    strcmp(ent->d_name, "..") == 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, ent->d_name);
		if (unlink(path) < 0)
			remove_tree(path);
	}
	if (d != NULL)
		closedir(d);
	(void)rmdir(dir);
}

static void
end_free(struct end *e)
{
	end_stop(e);
	remove_tree(e->dir);
	stats_free(e->stats);
	log_free(e->log);
	wheel_free(e->wheel);
	arena_free(e->arena);
	free(e);
}

static void
end_run(struct end *e, usec_t usec)
{
	while (usec > 0) {
		usec_t step = MIN_OF(usec, 1000 * USEC_PER_SEC);

		e->now += step;
		e->wall += step;
		usec -= step;
		wheel_advance(e->wheel, e->now, 0);
	}
}

static uint64_t
counted(struct end *e, const char *name)
{
	return stats_get(e->stats, "ipsec", name);
}

static bool
said(const struct end *e, const char *what)
{
	return strstr(e->said, what) != NULL;
}

/* --- two ends ---------------------------------------------------------- */

/* A pair of keys: its number, how it is written for either end. */
struct keys {
	unsigned n;			/* 1 .. 4 */
	const char *suite;		/* NULL: HMAC */
	const char *more;		/* further lines' text; NULL */
};

/*
 * The peer's section.  The home agent's end (ha) receives under SPI n000 with
 * the key 2n - 1, sends under n001 with the key 2n.
 */
static void
put_peer(char *yaml, const struct end *e, bool ha, const char *remote,
    const struct keys *keys, size_t n)
{
	size_t at = strlen(yaml);

	at += (size_t)snprintf(yaml + at, TEXT_MAX - at,
	    "- address: %s\n  name: the-other\n  sas:\n", remote);
	for (size_t i = 0; i < n; i++) {
		bool cha = keys[i].suite != NULL &&
		    strcmp(keys[i].suite, "chacha20-poly1305") == 0;
		unsigned k = 2 * keys[i].n - 1, spi = keys[i].n * 1000;

		at += (size_t)snprintf(yaml + at, TEXT_MAX - at,
		    "  - {spi-in: %u, spi-out: %u, key-in-file: %s/k%u-%d, "
		    "key-out-file: %s/k%u-%d, suite: %s%s%s}\n",
		    ha ? spi : spi + 1, ha ? spi + 1 : spi,
		    e->dir, ha ? k : k + 1, cha ? 36 : 32,
		    e->dir, ha ? k + 1 : k, cha ? 36 : 32,
		    cha ? keys[i].suite : "null-hmac-sha256-128",
		    keys[i].more != NULL ? ", " : "",
		    keys[i].more != NULL ? keys[i].more : "");
	}
	ck_assert_uint_lt(at, TEXT_MAX);
}

static void
put_head(char *yaml, const struct end *e)
{
	snprintf(yaml, TEXT_MAX,
	    "ipsec: userspace\nstate-directory: %s/state\npeers:\n", e->dir);
}

static const char *
yaml_of(const struct end *e, bool ha, const struct keys *keys, size_t n,
    char yaml[TEXT_MAX])
{
	put_head(yaml, e);
	put_peer(yaml, e, ha, ha ? P1 : HA, keys, n);
	return yaml;
}

static int
reload(struct end *e, const char *yaml)
{
	const struct sec_want none = { 0 };
	int r = sec_prepare(e->sec, parse(e, yaml), &none);

	if (r == 0)
		sec_commit(e->sec);
	return r;
}

struct pair {
	struct end *ha, *pma;
	struct keys keys[2];
	size_t n;
};

static void
pair_start(struct pair *t)
{
	char yaml[TEXT_MAX];

	ck_assert_int_eq(end_start(t->ha, yaml_of(t->ha, true, t->keys, t->n,
	    yaml)), 0);
	ck_assert_int_eq(end_start(t->pma, yaml_of(t->pma, false, t->keys,
	    t->n, yaml)), 0);
}

static struct pair
pair_new(const char *suite)
{
	struct pair t = { .ha = end_new(HA), .pma = end_new(P1),
		.keys = { { .n = 1, .suite = suite } }, .n = 1 };

	pair_start(&t);
	return t;
}

static void
pair_free(struct pair *t)
{
	end_free(t->ha);
	end_free(t->pma);
}

static const uint8_t hello[] = { 59, 1, 5, 0, 0xab, 0xcd, 0, 1, 2, 3, 4, 5, 6,
	7, 8, 9 };

static int
say(struct end *from, const char *src, const char *dst)
{
	struct in6_addr a = sim_in6(src), b = sim_in6(dst);
	struct mh_io *io = sec_mh(from->sec);

	return io->ops->send(io, &a, &b, hello, sizeof(hello));
}

/* The last packet that left `from`. */
static struct wire_pkt
last_of(const struct wire *w)
{
	ck_assert_uint_gt(w->n, 0);
	return w->pkt[(w->n - 1) % WIRE_MAX];
}

static void
arrive(struct wire *w, const struct wire_pkt *p)
{
	struct mh_pkt pkt = { .src = p->src, .dst = p->dst, .data = p->data,
		.len = p->len };

	w->io.recv(w->io.recv_ctx, &pkt);
}

static uint32_t
be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

static uint32_t
seq_of(const struct wire_pkt *p)
{
	return be32(p->data + 4);
}

/* From one end to the other; has it arrived? */
static bool
talk(struct end *from, struct end *to, const char *src, const char *dst)
{
	size_t before = to->received;
	struct wire_pkt p;

	if (say(from, src, dst) < 0)
		return false;
	p = last_of(&from->esp);
	arrive(&to->esp, &p);
	if (to->received == before)
		return false;
	ck_assert_uint_eq(to->last.len, sizeof(hello));
	ck_assert_mem_eq(to->last.data, hello, sizeof(hello));
	return true;
}

static bool
up(struct pair *t)
{
	return talk(t->pma, t->ha, P1, HA);
}

static bool
down(struct pair *t)
{
	return talk(t->ha, t->pma, HA, P1);
}

static const char *const suites[] = { NULL, "chacha20-poly1305" };

START_TEST(test_protected_both_ways)
{
	/* D4-1, D4-2, D4-3, D10-1, D10-2 */
	struct pair t = pair_new(suites[_i]);
	struct wire_pkt p;

	for (int i = 0; i < 100; i++) {
		ck_assert(up(&t));
		ck_assert(down(&t));
	}
	/* nothing of it left in the clear */
	ck_assert_uint_eq(t.pma->clear.n + t.ha->clear.n, 0);
	p = last_of(&t.pma->esp);
	ck_assert_uint_eq(be32(p.data), 1000);
	ck_assert_uint_eq(seq_of(&p), 100);
	ck_assert_uint_eq(counted(t.ha, "esp-ok"), 100);
	ck_assert_uint_eq(counted(t.ha, "esp-sealed"), 100);
	mh_io_flush(sec_mh(t.pma->sec));
	ck_assert_uint_eq(t.pma->esp.flushed, 100);
	ck_assert_int_eq(say(t.pma, P1, HA2), -EACCES);
	ck_assert_int_eq(say(t.pma, P2, HA), -EACCES);
	ck_assert_uint_eq(counted(t.pma, "tx-refused"), 2);
	ck_assert(said(t.pma, "not-protected peer=" HA2));
	pair_free(&t);
}
END_TEST

START_TEST(test_forged)
{
	/* D4-1, D10-1, D10-4 */
	struct pair t = pair_new(suites[_i]);
	struct wire_pkt p, bad;

	ck_assert_int_eq(say(t.pma, P1, HA), 0);
	p = last_of(&t.pma->esp);
	for (size_t i = 4; i < p.len; i++) {
		bad = p;
		bad.data[i] ^= 1;
		arrive(&t.ha->esp, &bad);
	}
	ck_assert_uint_eq(t.ha->received, 0);
	/* 1 with that bit turned is 0, which needs no key to be refused */
	ck_assert_uint_eq(counted(t.ha, "esp-icv"), p.len - 5);
	ck_assert_uint_eq(counted(t.ha, "esp-replay"), 1);
	ck_assert(said(t.ha, "drop why=esp-icv src=" P1 " dst=" HA
	    " spi=1000 seq=1"));
	/* the log does not follow a flood */
	ck_assert_uint_lt(strlen(t.ha->said), 3000);
	/* and the genuine one is as good as before */
	arrive(&t.ha->esp, &p);
	ck_assert_uint_eq(t.ha->received, 1);
	/* cut short */
	for (bad = p; bad.len-- > 0;)
		arrive(&t.ha->esp, &bad);
	ck_assert_uint_eq(t.ha->received, 1);
	ck_assert_uint_gt(counted(t.ha, "esp-short"), 0);
	pair_free(&t);
}
END_TEST

static void
count_ahead(void *ctx, const struct mh_pkt *pkts, size_t n)
{
	size_t *count = ctx;

	for (size_t i = 0; i < n; i++) {
		ck_assert_uint_eq(pkts[i].len, sizeof(hello));
		ck_assert_mem_eq(pkts[i].data, hello, sizeof(hello));
	}
	*count += n;
}

/* A batch is opened ahead; what each packet is good for stays the same. */
START_TEST(test_batch)
{
	/* RFC 4303 3.4.3, 3.4.4 */
	struct pair t = pair_new(suites[_i]);
	struct mh_io *io = &t.ha->esp.io, *mh = sec_mh(t.ha->sec);
	struct wire_pkt p[5];
	struct mh_pkt pkt[5];
	size_t ahead = 0;

	for (size_t i = 0; i < ARRAY_LEN(p); i++) {
		ck_assert_int_eq(say(t.pma, P1, HA), 0);
		p[i] = last_of(&t.pma->esp);
	}
	p[1].data[p[1].len - 1] ^= 1;		/* forged */
	p[2] = p[0];				/* replayed */
	for (size_t i = 0; i < ARRAY_LEN(p); i++)
		pkt[i] = (struct mh_pkt){ .src = p[i].src, .dst = p[i].dst,
			.data = p[i].data, .len = p[i].len };
	mh->recv_ctx = &ahead;
	mh->ahead = count_ahead;
	io->ahead(io->recv_ctx, pkt, ARRAY_LEN(pkt));
	mh->recv_ctx = t.ha;
	ck_assert_uint_eq(ahead, 3);
	/* nothing is said or counted before its turn */
	ck_assert_uint_eq(t.ha->received, 0);
	ck_assert_uint_eq(counted(t.ha, "esp-icv"), 0);
	for (size_t i = 0; i < ARRAY_LEN(pkt); i++)
		io->recv(io->recv_ctx, &pkt[i]);
	ck_assert_uint_eq(t.ha->received, 3);
	ck_assert_uint_eq(counted(t.ha, "esp-ok"), 3);
	ck_assert_uint_eq(counted(t.ha, "esp-icv"), 1);
	ck_assert_uint_eq(counted(t.ha, "esp-replay"), 1);
	/* the same again, unannounced, from the same memory */
	for (size_t i = 0; i < ARRAY_LEN(pkt); i++)
		io->recv(io->recv_ctx, &pkt[i]);
	ck_assert_uint_eq(t.ha->received, 3);
	ck_assert_uint_eq(counted(t.ha, "esp-icv"), 2);
	ck_assert_uint_eq(counted(t.ha, "esp-replay"), 5);
	pair_free(&t);
}
END_TEST

START_TEST(test_replayed_and_reordered)
{
	/* D10-5: the window is always on */
	struct pair t = pair_new(suites[_i]);
	struct wire_pkt p[200];

	for (size_t i = 0; i < ARRAY_LEN(p); i++) {
		ck_assert_int_eq(say(t.pma, P1, HA), 0);
		p[i] = last_of(&t.pma->esp);
	}
	arrive(&t.ha->esp, &p[0]);
	arrive(&t.ha->esp, &p[0]);
	ck_assert_uint_eq(t.ha->received, 1);
	ck_assert_uint_eq(counted(t.ha, "esp-replay"), 1);
	/* within the window in any order, each once */
	for (size_t i = 64; i > 0; i--)
		arrive(&t.ha->esp, &p[i]);
	ck_assert_uint_eq(t.ha->received, 65);
	for (size_t i = 1; i <= 64; i++)
		arrive(&t.ha->esp, &p[i]);
	ck_assert_uint_eq(t.ha->received, 65);
	/* beyond it never, though never seen */
	arrive(&t.ha->esp, &p[199]);
	arrive(&t.ha->esp, &p[199 - 64]);
	ck_assert_uint_eq(t.ha->received, 66);
	arrive(&t.ha->esp, &p[199 - 63]);
	ck_assert_uint_eq(t.ha->received, 67);
	ck_assert(said(t.ha, "why=esp-replay"));
	pair_free(&t);
}
END_TEST

START_TEST(test_wrong_sa)
{
	/* D5-5: the SPI finds it */
	struct pair t = pair_new(NULL);
	struct wire_pkt p;

	ck_assert_int_eq(say(t.pma, P1, HA), 0);
	p = last_of(&t.pma->esp);
	p.data[3] ^= 0x40;
	arrive(&t.ha->esp, &p);
	ck_assert_uint_eq(counted(t.ha, "esp-no-sa"), 1);
	/* our own message, reflected: that SPI is not one we accept */
	ck_assert_int_eq(say(t.ha, HA, P1), 0);
	p = last_of(&t.ha->esp);
	p.src = sim_in6(P1);
	p.dst = sim_in6(HA);
	arrive(&t.ha->esp, &p);
	ck_assert_uint_eq(counted(t.ha, "esp-no-sa"), 2);
	/* even with the SPI changed: each direction has its key */
	p.data[3]--;
	arrive(&t.ha->esp, &p);
	ck_assert_uint_eq(counted(t.ha, "esp-icv"), 1);
	ck_assert_uint_eq(t.ha->received, 0);
	pair_free(&t);
}
END_TEST

START_TEST(test_another_ones_address)
{
	/* D5-3, D4.1-2: an SA speaks for one address only */
	const struct keys k1 = { .n = 1 }, k2 = { .n = 2 };
	struct end *ha = end_new(HA), *p2 = end_new(P2);
	char yaml[TEXT_MAX];
	struct wire_pkt p;

	put_head(yaml, ha);
	put_peer(yaml, ha, true, P1, &k1, 1);
	put_peer(yaml, ha, true, P2, &k2, 1);
	ck_assert_int_eq(end_start(ha, yaml), 0);
	put_head(yaml, p2);
	put_peer(yaml, p2, false, HA, &k2, 1);
	ck_assert_int_eq(end_start(p2, yaml), 0);

	ck_assert_int_eq(say(p2, P2, HA), 0);
	p = last_of(&p2->esp);
	p.src = sim_in6(P1);
	arrive(&ha->esp, &p);
	p.src = sim_in6(STRANGER);
	arrive(&ha->esp, &p);
	p.src = sim_in6(P2);
	p.dst = sim_in6(HA2);
	arrive(&ha->esp, &p);
	ck_assert_uint_eq(ha->received, 0);
	ck_assert_uint_eq(counted(ha, "esp-wrong-peer"), 3);
	ck_assert(said(ha, "why=esp-wrong-peer src=" P1 " dst=" HA
	    " spi=2000"));
	p.dst = sim_in6(HA);
	arrive(&ha->esp, &p);
	ck_assert_uint_eq(ha->received, 1);
	end_free(ha);
	end_free(p2);
}
END_TEST

static struct wire_pkt
clear_pkt(const char *src, const char *dst)
{
	struct wire_pkt p = { .src = sim_in6(src), .dst = sim_in6(dst),
		.len = sizeof(hello) };

	memcpy(p.data, hello, sizeof(hello));
	return p;
}

START_TEST(test_clear_text)
{
	/* D4-1, D10-1, D10-3: dropped before anything is looked at */
	struct pair t = pair_new(NULL);
	struct wire_pkt p = clear_pkt(P1, HA);

	arrive(&t.ha->clear, &p);
	p = clear_pkt(STRANGER, HA);
	arrive(&t.ha->clear, &p);
	p.len = 0;
	arrive(&t.ha->clear, &p);
	/* from our own address, on the wire */
	p = clear_pkt(HA, HA);
	arrive(&t.ha->clear, &p);
	ck_assert_uint_eq(t.ha->received, 0);
	ck_assert_uint_eq(counted(t.ha, "clear-text-dropped"), 4);
	ck_assert(said(t.ha, "clear-text-dropped src=" P1 " dst=" HA));
	pair_free(&t);
}
END_TEST

START_TEST(test_none)
{
	struct end *e = end_new(HA);
	struct wire_pkt p = clear_pkt(P1, HA);

	e->clear.io.sums = true;
	ck_assert_int_eq(end_start(e, "ipsec: none\n"), 0);
	ck_assert(sec_mh(e->sec)->sums);	/* as the socket does */
	arrive(&e->clear, &p);
	ck_assert_uint_eq(e->received, 1);
	ck_assert_int_eq(say(e, HA, P1), 0);
	ck_assert_uint_eq(e->clear.n, 1);
	mh_io_flush(sec_mh(e->sec));
	ck_assert_uint_eq(e->clear.flushed, 1);
	ck_assert_uint_eq(e->esp.n, 0);
	end_free(e);
}
END_TEST

/* --- the default ------------------------------------------------------- */

static void
show(struct end *e, char *buf, size_t cap)
{
	struct json_w w;

	json_w_init(&w);
	json_w_obj(&w, NULL);
	sec_show(e->sec, &w);
	json_w_obj_end(&w);
	snprintf(buf, cap, "%.*s", (int)w.len, w.buf);
	json_w_done(&w);
}

START_TEST(test_default_refuses)
{
	/* D4-1, D10-1, D10-3, D4-5: mode kernel, and no policy anywhere */
	struct end *e = end_new(HA);
	struct wire_pkt p = clear_pkt(P1, HA);
	char buf[512];

	ck_assert_int_eq(end_start(e, "peers: [{address: " P1 "}]\n"), 0);
	ck_assert_int_eq(e->conf->mode, SEC_KERNEL);
	arrive(&e->clear, &p);
	ck_assert_int_eq(say(e, HA, P1), -EACCES);
	ck_assert_uint_eq(e->received + e->clear.n + e->esp.n, 0);
	ck_assert_uint_eq(counted(e, "clear-text-dropped"), 1);
	ck_assert(said(e, "not-protected peer=" P1 " missing=a policy"));
	show(e, buf, sizeof(buf));
	ck_assert_ptr_nonnull(strstr(buf, "\"refused with some peers\""));
	/* a policy comes, and goes */
	the_kernel.ready = true;
	arrive(&e->clear, &p);
	ck_assert_int_eq(say(e, HA, P1), 0);
	ck_assert_uint_eq(e->received, 1);
	ck_assert_uint_eq(e->clear.n, 1);
	show(e, buf, sizeof(buf));
	ck_assert_ptr_nonnull(strstr(buf, "\"protected\""));
	/* only for this pair of addresses */
	p = clear_pkt(P2, HA);
	arrive(&e->clear, &p);
	ck_assert_int_eq(say(e, HA, P2), -EACCES);
	ck_assert_uint_eq(e->received, 1);
	the_kernel.ready = false;
	ck_assert_int_eq(say(e, HA, P1), -EACCES);
	end_free(e);
}
END_TEST

/* Roles' peers need not be repeated. */
START_TEST(test_wanted_pairs)
{
	struct end *e = end_new(HA);
	const struct sec_pair pairs[] = { { sim_in6(HA), sim_in6(P1) },
		{ sim_in6(HA), sim_in6(P1) }, { sim_in6(HA), sim_in6(P2) } };
	const struct sec_want want = { pairs, ARRAY_LEN(pairs) };

	ck_assert_int_eq(end_start(e, "peers: []\n"), 0);
	ck_assert_uint_eq(the_kernel.npeer, 0);
	ck_assert_int_eq(sec_prepare(e->sec, e->conf, &want), 0);
	sec_commit(e->sec);
	ck_assert_uint_eq(the_kernel.npeer, 2);
	the_kernel.ready = true;
	ck_assert_int_eq(say(e, HA, P2), 0);
	/* nor is one that the section has, with another address of ours */
	e->conf = parse(e, "peers: [{address: " P1 ", local: " HA2 "}]\n");
	ck_assert_int_eq(sec_prepare(e->sec, e->conf, &want), 0);
	sec_commit(e->sec);
	ck_assert_uint_eq(the_kernel.npeer, 2);
	ck_assert_int_eq(say(e, HA2, P1), 0);
	ck_assert_int_eq(say(e, HA, P1), -EACCES);
	end_free(e);
}
END_TEST

/* Static keys for the kernel: numbers survive, the expired ones go. */
START_TEST(test_kernel_static_keys)
{
	const struct keys k[] = {
		{ .n = 1, .more = "expires: \"2023-11-14T23:00:00Z\"" },
		{ .n = 2 } };
	struct end *e = end_new(HA);
	struct in6_addr ha = sim_in6(HA), p1 = sim_in6(P1);
	char yaml[TEXT_MAX];

	snprintf(yaml, sizeof(yaml), "state-directory: %s/state\npeers:\n",
	    e->dir);
	put_peer(yaml, e, true, P1, k, 2);
	ck_assert_int_eq(end_start(e, yaml), 0);
	ck_assert_uint_eq(the_kernel.npair, 2);
	ck_assert_uint_eq(the_kernel.seq_out, 0);
	ck_assert_uint_eq(the_kernel.spi_out, 1001);
	the_kernel.a.sequence(the_kernel.a.ctx, &ha, &p1, 1001, 70000);
	the_kernel.a.sequence(the_kernel.a.ctx, &p1, &ha, 1000, 30);
	end_run(e, USEC_PER_SEC);
	end_stop(e);
	ck_assert_int_eq(end_start(e, yaml), 0);
	ck_assert_uint_eq(the_kernel.seq_out, 70000);
	ck_assert_uint_eq(the_kernel.seq_in, 30);
	/* a minute before its end the next one takes over */
	end_run(e, (46 * 60 + 40 - 62) * USEC_PER_SEC);
	ck_assert_uint_eq(the_kernel.spi_out, 1001);
	end_run(e, 2 * USEC_PER_SEC);
	ck_assert_uint_eq(the_kernel.spi_out, 2001);
	ck_assert_uint_eq(the_kernel.npair, 2);
	end_run(e, 60 * USEC_PER_SEC);
	ck_assert_uint_eq(the_kernel.npair, 1);
	end_free(e);
}
END_TEST

/* --- what ends --------------------------------------------------------- */

/* SIM_WALL_START is 2023-11-14T22:13:20Z. */
START_TEST(test_expired_key)
{
	struct pair t = { .ha = end_new(HA), .pma = end_new(P1), .n = 1,
		.keys = { { .n = 1,
		    .more = "expires: \"2023-11-14T22:15:00Z\"" } } };
	struct wire_pkt p;

	pair_start(&t);
	ck_assert(up(&t));
	end_run(t.pma, 99 * USEC_PER_SEC);
	end_run(t.ha, 99 * USEC_PER_SEC);
	ck_assert(up(&t));
	ck_assert_int_eq(say(t.pma, P1, HA), 0);
	p = last_of(&t.pma->esp);
	end_run(t.ha, 2 * USEC_PER_SEC);
	arrive(&t.ha->esp, &p);
	ck_assert_uint_eq(t.ha->received, 2);
	ck_assert_uint_eq(counted(t.ha, "esp-expired"), 1);
	ck_assert_int_eq(say(t.ha, HA, P1), -EACCES);
	ck_assert(said(t.ha, "keys-expired peer=" P1 " spi-in=1000"));
	ck_assert(said(t.ha, "no-usable-keys peer=" P1));
	pair_free(&t);
}
END_TEST

/* A second pair takes over without a gap, whichever clock is ahead. */
START_TEST(test_expiry_goes_over)
{
	struct pair t = { .ha = end_new(HA), .pma = end_new(P1), .n = 2,
		.keys = { { .n = 1,
		    .more = "expires: \"2023-11-14T22:15:00Z\"" },
		    { .n = 2 } } };
	struct wire_pkt p;

	t.ha->wall += _i * USEC_PER_SEC;
	pair_start(&t);
	for (int i = 0; i < 120; i++) {
		ck_assert(up(&t));
		ck_assert(down(&t));
		end_run(t.pma, USEC_PER_SEC);
		end_run(t.ha, USEC_PER_SEC);
	}
	p = last_of(&t.pma->esp);
	ck_assert_uint_eq(be32(p.data), 2000);
	ck_assert(said(t.pma, "sending-under peer=" HA " spi=2000"));
	pair_free(&t);
}
END_TEST

/* Old, old and new, new and old, new: with a message at every step. */
START_TEST(test_rollover)
{
	const struct keys steps[][2] = { { { .n = 1 }, { .n = 2 } },
		{ { .n = 2 }, { .n = 1 } }, { { .n = 2 } } };
	struct pair t = pair_new(suites[_i / 2]);
	char yaml[TEXT_MAX];

	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		for (int k = 0; k < 2; k++) {
			/* either end first */
			bool ha = (k == 0) == (_i % 2 == 0);
			struct end *e = ha ? t.ha : t.pma;
			struct keys keys[2] = { steps[i][0], steps[i][1] };

			keys[0].suite = keys[1].suite = suites[_i / 2];
			ck_assert_int_eq(reload(e, yaml_of(e, ha, keys,
			    i == 2 ? 1 : 2, yaml)), 0);
			for (int m = 0; m < 5; m++) {
				ck_assert(up(&t));
				ck_assert(down(&t));
			}
		}
	}
	ck_assert_uint_eq(t.ha->received, 30);
	pair_free(&t);
}
END_TEST

static void
state_path(const struct end *e, char path[256])
{
	snprintf(path, 256, "%s/state/esp.state", e->dir);
}

/* Let what was used up be another number. */
static void
set_state(const struct end *e, const char *dir, uint64_t seq)
{
	char path[256], line[8][128], key[32], d[8];
	size_t n = 0;
	FILE *f;

	state_path(e, path);
	f = fopen(path, "re");
	ck_assert_ptr_nonnull(f);
	while (n < 8 && fgets(line[n], sizeof(line[n]), f) != NULL)
		n++;
	fclose(f);
	f = fopen(path, "we");
	for (size_t i = 0; i < n; i++) {
		if (sscanf(line[i], "%7s %31s", d, key) == 2 &&
		    strcmp(d, dir) == 0)
			fprintf(f, "%s %s %" PRIu64 "\n", d, key, seq);
		else
			fputs(line[i], f);
	}
	fclose(f);
}

START_TEST(test_no_wrap)
{
	struct pair t = pair_new(suites[_i]);
	struct wire_pkt p;
	char yaml[TEXT_MAX];

	ck_assert(up(&t));
	end_stop(t.pma);
	set_state(t.pma, "out", ESP_SEQ32_LAST - 2);
	ck_assert_int_eq(end_start(t.pma, yaml_of(t.pma, false, t.keys, 1,
	    yaml)), 0);
	ck_assert(up(&t));
	ck_assert(up(&t));
	p = last_of(&t.pma->esp);
	ck_assert_uint_eq(seq_of(&p), 0xffffffff);
	ck_assert_int_eq(say(t.pma, P1, HA), -EACCES);
	ck_assert(said(t.pma, "sequence-ended peer=" HA " spi=1000"));
	/* new keys, as the second pair, end that */
	t.keys[1] = (struct keys){ .n = 2, .suite = suites[_i] };
	ck_assert_int_eq(reload(t.ha, yaml_of(t.ha, true, t.keys, 2, yaml)),
	    0);
	ck_assert_int_eq(reload(t.pma, yaml_of(t.pma, false, t.keys, 2,
	    yaml)), 0);
	ck_assert(up(&t));
	p = last_of(&t.pma->esp);
	ck_assert_uint_eq(be32(p.data), 2000);
	pair_free(&t);
}
END_TEST

START_TEST(test_extended_numbers_go_on)
{
	struct pair t = { .ha = end_new(HA), .pma = end_new(P1), .n = 1,
		.keys = { { .n = 1, .suite = suites[_i],
		    .more = "extended-sequence-numbers: yes" } } };
	char yaml[TEXT_MAX];

	pair_start(&t);
	ck_assert(up(&t));
	end_stop(t.pma);
	end_stop(t.ha);
	set_state(t.pma, "out", ESP_SEQ32_LAST - 1);
	set_state(t.ha, "in", ESP_SEQ32_LAST - 100);
	pair_start(&t);
	for (int i = 0; i < 10; i++)
		ck_assert(up(&t));
	/* and over a restart of the receiver, which must know the upper half */
	end_stop(t.ha);
	ck_assert_int_eq(end_start(t.ha, yaml_of(t.ha, true, t.keys, 1,
	    yaml)), 0);
	ck_assert(up(&t));
	ck_assert_uint_eq(counted(t.ha, "esp-icv"), 0);
	pair_free(&t);
}
END_TEST

static void
copy_state(const struct end *e, char *text, size_t cap, bool back)
{
	char path[256];
	FILE *f;

	state_path(e, path);
	f = fopen(path, back ? "we" : "re");
	ck_assert_ptr_nonnull(f);
	if (back)
		fputs(text, f);
	else
		text[fread(text, 1, cap - 1, f)] = '\0';
	fclose(f);
}

/* Neither a restart nor a crash repeats a number. */
START_TEST(test_restart_without_reuse)
{
	struct pair t = pair_new(suites[_i]);
	char yaml[TEXT_MAX], state[1024];
	uint32_t last = 0;

	for (int run = 0; run < 6; run++) {
		struct wire_pkt p;

		for (int i = 0; i < 3; i++) {
			ck_assert(up(&t));
			p = last_of(&t.pma->esp);
			ck_assert_uint_gt(seq_of(&p), last);
			last = seq_of(&p);
		}
		/* every second time as if killed: nothing is written */
		copy_state(t.pma, state, sizeof(state), false);
		end_stop(t.pma);
		if (run % 2 == 1)
			copy_state(t.pma, state, sizeof(state), true);
		ck_assert_int_eq(end_start(t.pma, yaml_of(t.pma, false,
		    t.keys, 1, yaml)), 0);
	}
	/* a clean stop wastes none: 3 crashes, at most 3 chunks */
	ck_assert_uint_lt(last, 3 * (1 << 20) + 100);
	pair_free(&t);
}
END_TEST

/* What was accepted before is not accepted after a restart of the receiver. */
START_TEST(test_restart_of_the_receiver)
{
	struct pair t = pair_new(NULL);
	char yaml[TEXT_MAX], state[1024];
	struct wire_pkt p;

	ck_assert(up(&t));
	p = last_of(&t.pma->esp);
	end_stop(t.ha);
	ck_assert_int_eq(end_start(t.ha, yaml_of(t.ha, true, t.keys, 1,
	    yaml)), 0);
	arrive(&t.ha->esp, &p);
	ck_assert_uint_eq(t.ha->received, 1);
	ck_assert(up(&t));
	/* killed a minute later */
	p = last_of(&t.pma->esp);
	end_run(t.ha, 61 * USEC_PER_SEC);
	copy_state(t.ha, state, sizeof(state), false);
	end_stop(t.ha);
	copy_state(t.ha, state, sizeof(state), true);
	ck_assert_int_eq(end_start(t.ha, yaml_of(t.ha, true, t.keys, 1,
	    yaml)), 0);
	arrive(&t.ha->esp, &p);
	ck_assert_uint_eq(t.ha->received, 2);
	ck_assert(up(&t));
	pair_free(&t);
}
END_TEST

/* More than what is on the disk is never used, however long it takes. */
START_TEST(test_state_stops_being_written)
{
	struct pair t = pair_new(NULL);
	char path[256], aside[256];
	uint64_t used = 0;

	snprintf(path, sizeof(path), "%s/state", t.pma->dir);
	snprintf(aside, sizeof(aside), "%s/state/esp.state.new", t.pma->dir);
	(void)unlink(aside);
	ck_assert_int_eq(mkdir(aside, 0700), 0);	/* in its way */
	while (say(t.pma, P1, HA) == 0) {
		used++;
		if (used % 4096 == 0)
			end_run(t.pma, USEC_PER_SEC / 100);
	}
	ck_assert_uint_eq(used, 1 << 20);
	ck_assert_uint_gt(counted(t.pma, "state-failed"), 1);
	ck_assert_uint_gt(counted(t.pma, "tx-no-sequence"), 0);
	ck_assert(said(t.pma, "state-not-written"));
	/* once it can be written again, all is well */
	ck_assert_int_eq(rmdir(aside), 0);
	end_run(t.pma, 2 * USEC_PER_SEC);
	ck_assert(up(&t));
	pair_free(&t);
}
END_TEST

/*
 * The same where the kernel counts; and what it says now and then does not go
 * to the disk each time.
 */
START_TEST(test_kernel_state_stops_being_written)
{
	const struct keys k = { .n = 1 };
	struct end *e = end_new(HA);
	struct in6_addr ha = sim_in6(HA), p1 = sim_in6(P1);
	char yaml[TEXT_MAX], aside[256];
	uint64_t used = 0, saved;

	snprintf(yaml, sizeof(yaml), "state-directory: %s/state\npeers:\n",
	    e->dir);
	put_peer(yaml, e, true, P1, &k, 1);
	ck_assert_int_eq(end_start(e, yaml), 0);
	the_kernel.ready = true;
	the_kernel.a.sequence(the_kernel.a.ctx, &ha, &p1, 1001,
	    XFRM_SEQ_AHEAD);
	end_run(e, USEC_PER_SEC);
	saved = counted(e, "state-saved");
	for (unsigned i = 0; i < 1000; i++) {
		used += XFRM_SEQ_NOTICE;
		the_kernel.a.sequence(the_kernel.a.ctx, &ha, &p1, 1001,
		    used + XFRM_SEQ_AHEAD);
		end_run(e, USEC_PER_SEC / 100);
		ck_assert_int_eq(say(e, HA, P1), 0);
	}
	ck_assert_uint_eq(counted(e, "state-saved") - saved,
	    used / (XFRM_SEQ_AHEAD / 2));
	snprintf(aside, sizeof(aside), "%s/state/esp.state.new", e->dir);
	(void)unlink(aside);
	ck_assert_int_eq(mkdir(aside, 0700), 0);	/* in its way */
	saved = used;
	while (say(e, HA, P1) == 0) {
		used += XFRM_SEQ_NOTICE;
		the_kernel.a.sequence(the_kernel.a.ctx, &ha, &p1, 1001,
		    used + XFRM_SEQ_AHEAD);
		end_run(e, USEC_PER_SEC / 100);
	}
	ck_assert_uint_lt(used - saved, XFRM_SEQ_AHEAD);
	ck_assert_uint_gt(used - saved, XFRM_SEQ_AHEAD / 4);
	ck_assert_uint_gt(counted(e, "state-failed"), 0);
	ck_assert_uint_gt(counted(e, "tx-no-sequence"), 0);
	ck_assert(said(e, "state-not-written"));
	ck_assert_int_eq(rmdir(aside), 0);
	end_run(e, 2 * USEC_PER_SEC);
	ck_assert_int_eq(say(e, HA, P1), 0);
	end_free(e);
}
END_TEST

START_TEST(test_state_directory_failures)
{
	const struct keys k = { .n = 1 };
	struct end *a = end_new(HA), *b = end_new(HA);
	char yaml[TEXT_MAX], other[TEXT_MAX], path[256];

	/* two daemons */
	ck_assert_int_eq(end_start(a, yaml_of(a, true, &k, 1, yaml)), 0);
	snprintf(other, sizeof(other), "%s", yaml);
	ck_assert_int_eq(end_start(b, other), -EWOULDBLOCK);
	ck_assert(said(b, "another pmipd uses it"));
	end_stop(a);
	ck_assert_int_eq(end_start(b, other), 0);
	end_stop(b);
	/* not to be understood */
	state_path(a, path);
	write_file(path, 0600, "pmipd-esp-state 1\nout 01 5\n");
	ck_assert_int_eq(end_start(a, yaml), -EINVAL);
	ck_assert(said(a, "esp.state:2: not understood"));
	/* not to be made */
	ck_assert_int_eq(end_start(b, "ipsec: userspace\n"
	    "state-directory: /dev/null/state\n"
	    "peers: [{address: " P1 ", sas: [{spi-in: 300, spi-out: 301, "
	    "key-in-file: /k1, key-out-file: /k2}]}]\n"), -ENOTDIR);
	ck_assert(said(b, "state-directory-failed"));
	end_free(a);
	end_free(b);
}
END_TEST

/* --- reload ------------------------------------------------------------ */

START_TEST(test_reload_keeps_numbers)
{
	struct pair t = pair_new(suites[_i]);
	char yaml[TEXT_MAX], path[128];
	struct wire_pkt p;

	for (int i = 0; i < 5; i++)
		ck_assert(up(&t));
	p = last_of(&t.pma->esp);
	ck_assert_int_eq(reload(t.ha, yaml_of(t.ha, true, t.keys, 1, yaml)),
	    0);
	arrive(&t.ha->esp, &p);
	ck_assert_uint_eq(t.ha->received, 5);
	ck_assert_int_eq(reload(t.pma, yaml_of(t.pma, false, t.keys, 1,
	    yaml)), 0);
	ck_assert(up(&t));
	p = last_of(&t.pma->esp);
	ck_assert_uint_eq(seq_of(&p), 6);
	/* a reload that fails changes nothing */
	snprintf(path, sizeof(path), "%s/k1-%d", t.ha->dir,
	    _i == 0 ? 32 : 36);
	ck_assert_int_eq(chmod(path, 0644), 0);
	ck_assert_int_eq(reload(t.ha, yaml_of(t.ha, true, t.keys, 1, yaml)),
	    -EPERM);
	ck_assert(up(&t));
	/* the peer is taken out: silence */
	ck_assert_int_eq(reload(t.ha, "ipsec: none\n"), 0);
	ck_assert(!up(&t));
	ck_assert_uint_eq(counted(t.ha, "esp-no-sa"), 1);
	pair_free(&t);
}
END_TEST

/* --- keys -------------------------------------------------------------- */

static const struct bad_key {
	mode_t mode;
	const char *text;		/* of k1-32; NULL: no file */
	int err;
	const char *want;
} bad_keys[] = {
	{ 0644, "0101010101010101010101010101010101010101010101010101010101010101",
	    -EPERM, "can be read by others" },
	{ 0640, "0101010101010101010101010101010101010101010101010101010101010101",
	    -EPERM, "can be read by others" },
	{ 0600, NULL, -ENOENT, "No such file" },
	{ 0600, "", -EINVAL, "32 octets" },
	{ 0600, "01010101010101010101010101010101010101010101010101010101010101",
	    -EINVAL, "32 octets" },
	{ 0600, "010101010101010101010101010101010101010101010101010101010101010",
	    -EINVAL, "32 octets" },
	{ 0600, "010101010101010101010101010101010101010101010101010101010101010101",
	    -EINVAL, "32 octets" },
	{ 0600, "x101010101010101010101010101010101010101010101010101010101010101",
	    -EINVAL, "32 octets" },
	/* k2's octets */
	{ 0600, "0202020202020202020202020202020202020202020202020202020202020202",
	    -EINVAL, "a key stands twice" },
};

START_TEST(test_bad_key)
{
	const struct bad_key *b = &bad_keys[_i];
	const struct keys k = { .n = 1 };
	struct end *e = end_new(HA);
	char yaml[TEXT_MAX], path[128];

	snprintf(path, sizeof(path), "%s/k1-32", e->dir);
	if (b->text == NULL)
		ck_assert_int_eq(unlink(path), 0);
	else
		write_file(path, b->mode, "%s", b->text);
	ck_assert_int_eq(end_start(e, yaml_of(e, true, &k, 1, yaml)), b->err);
	ck_assert(said(e, b->want));
	ck_assert(said(e, "keys-refused peer=" P1));
	/* no octet of a key in the log */
	ck_assert(!said(e, "0101") && !said(e, "0202"));
	end_free(e);
}
END_TEST

static struct json_w *
row_begin(void *ctx)
{
	json_w_obj(ctx, NULL);
	return ctx;
}

static void
row_end(void *ctx)
{
	json_w_obj_end(ctx);
	json_w_newline(ctx);
}

START_TEST(test_show)
{
	const struct keys k[] = { { .n = 1 }, { .n = 2,
	    .suite = "chacha20-poly1305",
	    .more = "expires: \"2030-01-02T03:04:05Z\"" } };
	struct pair t = { .ha = end_new(HA), .pma = end_new(P1),
		.keys = { k[0], k[1] }, .n = 2 };
	struct sec_row row = { .begin = row_begin, .end = row_end };
	struct wire_pkt p;
	struct json_w w;

	pair_start(&t);
	ck_assert(up(&t));
	p = last_of(&t.pma->esp);
	arrive(&t.ha->esp, &p);
	json_w_init(&w);
	row.ctx = &w;
	ck_assert(sec_show_peer(t.ha->sec, 0, &row));
	ck_assert(!sec_show_peer(t.ha->sec, 1, &row));
	w.buf[w.len - 1] = '\0';
	ck_assert_ptr_nonnull(strstr(w.buf, "\"peer\":\"" P1 "\",\"local\":\""
	    HA "\",\"name\":\"the-other\",\"mode\":\"userspace\""));
	ck_assert_ptr_nonnull(strstr(w.buf, "\"state\":\"sending\",\"spi_in\":"
	    "\"0x000003e8\",\"spi_out\":\"0x000003e9\",\"suite\":"
	    "\"null-hmac-sha256-128\""));
	ck_assert_ptr_nonnull(strstr(w.buf, "\"seq_in\":1,\"seq_out\":0,"
	    "\"window\":64,\"replays\":1,\"drops\":0"));
	ck_assert_ptr_nonnull(strstr(w.buf, "\"state\":\"accepted\",\"spi_in\":"
	    "\"0x000007d0\""));
	ck_assert_ptr_nonnull(strstr(w.buf, "2030-01-02T03:04:05Z"));
	ck_assert_ptr_null(strstr(w.buf, "0101"));
	json_w_done(&w);
	pair_free(&t);
}
END_TEST

/* --- within one process ------------------------------------------------ */

START_TEST(test_local)
{
	struct end *e = end_new(HA);
	const struct keys k = { .n = 1 };
	char yaml[TEXT_MAX];

	e->own[e->nown++] = sim_in6(P2);
	e->clear.io.sums = true;
	ck_assert_int_eq(end_start(e, yaml_of(e, true, &k, 1, yaml)), 0);
	/* what is sealed needs a checksum, what never leaves does not */
	ck_assert(!sec_mh(e->sec)->sums);
	ck_assert_int_eq(say(e, P2, HA), 0);
	ck_assert_uint_eq(e->received, 0);	/* not from within send() */
	end_run(e, 2 * USEC_PER_MSEC);
	ck_assert_uint_eq(e->received, 1);
	ck_assert(in6_eq(&e->last.src, &e->own[1]));
	ck_assert_mem_eq(e->last.data, hello, sizeof(hello));
	ck_assert(e->sum_ok);
	ck_assert_uint_eq(e->clear.n + e->esp.n, 0);
	for (int i = 0; i < 64; i++)
		ck_assert_int_eq(say(e, HA, P2), 0);
	ck_assert_int_eq(say(e, HA, P2), -ENOBUFS);
	end_run(e, 2 * USEC_PER_MSEC);
	ck_assert_uint_eq(e->received, 65);
	end_free(e);
}
END_TEST

/* --- the section ------------------------------------------------------- */

#define SA "{spi-in: 300, spi-out: 301, key-in-file: /a, key-out-file: /b"
static const struct bad_conf {
	const char *yaml, *want;
} bad_confs[] = {
	{ "ipsec: userspace\n", "sec:1:8: error: ipsec: userspace needs "
	    "\"peers\" with keys" },
	{ "ipsec: userspace\npeers: [{address: 2001:db8::1}]\n",
	    "needs \"sas\" for this peer" },
	{ "ipsec: maybe\n", "sec:1:8: error: ipsec: " },
	{ "peers: [{address: 2001:db8::1, sas: [" SA ", suite: null}]}]\n",
	    "suite: " },
	{ "peers: [{address: 2001:db8::1, sas: [" SA ", suite: none}]}]\n",
	    "suite: " },
	{ "peers: [{address: 2001:db8::1, sas: [{spi-in: 255, spi-out: 301, "
	    "key-in-file: /a, key-out-file: /b}]}]\n", "spi-in: 255" },
	{ "peers: [{address: 2001:db8::1, sas: [{spi-in: 300, spi-out: 301, "
	    "key-in-file: /a, key-out-file: /a}]}]\n", "a key of its own" },
	{ "peers: [{address: 2001:db8::1, sas: [" SA "}, " SA "}]}]\n",
	    "300 stands twice" },
	{ "peers: [{address: 2001:db8::1, sas: [" SA "}]}, "
	    "{address: 2001:db8::2, sas: [" SA "}]}]\n", "300 stands twice" },
	{ "peers: [{address: 2001:db8::1}, {address: 2001:db8::1}]\n",
	    "2001:db8::1 stands twice" },
	{ "peers: [{address: 2001:db8::1, sas: [" SA
	    ", expires: tomorrow}]}]\n", "expires: a time like" },
	{ "peers: [{address: 2001:db8::1, sas: [" SA
	    ", expires: \"2027-02-31T00:00:00Z\"}]}]\n",
	    "expires: a time like" },
	{ "peers: [{address: 2001:db8::1, sas: [" SA
	    ", expires: \"2027-02-01T00:00:00\"}]}]\n",
	    "expires: a time like" },
	{ "peers: [{address: 2001:db8::1, sas: [" SA "}, {spi-in: 302, "
	    "spi-out: 303, key-in-file: /c, key-out-file: /d}, {spi-in: 304, "
	    "spi-out: 305, key-in-file: /e, key-out-file: /f}]}]\n", "sas" },
};

START_TEST(test_bad_section)
{
	/* D10-4: no suite without authentication can be named */
	const struct bad_conf *b = &bad_confs[_i];
	struct cfg_errors errs = { 0 };
	struct arena *a = arena_new();
	void *conf;

	ck_assert_int_eq(cfg_load_text("sec", b->yaml, strlen(b->yaml),
	    &sec_conf_table, a, &conf, &errs), -EINVAL);
	ck_assert_msg(strstr(errs.text, b->want) != NULL, "%s\nnot: %s",
	    errs.text, b->want);
	cfg_errors_done(&errs);
	arena_free(a);
}
END_TEST

START_TEST(test_peer_twice_by_default_address)
{
	/* `local` left out is the first address of ours: only known here */
	struct end *e = end_new(HA);

	ck_assert_int_eq(end_start(e, "peers: [{address: " P1 "}, "
	    "{address: " P1 ", local: " HA "}]\n"), -EEXIST);
	ck_assert(said(e, "peer-twice"));
	end_free(e);
}
END_TEST

/* --- whole domains ----------------------------------------------------- */

/* A node of the simulated world, its signalling under ESP. */
struct guard {
	struct sim_node *node;
	struct sec *sec;
	struct wire clear;
	struct arena *arena;
};

static void
guard_node(struct guard *g, struct sim_node *n, const char *addr,
    const char *yaml)
{
	struct in6_addr own = sim_in6(addr);
	const struct sec_want none = { 0 };
	struct sec_args a = { .log = n->env.log, .stats = n->env.stats,
		.clock = &n->clock, .wheel = n->env.wheel, .esp = &n->mh,
		.clear = &g->clear.io, .own = &own, .nown = 1 };
	struct mh_io as_was = n->mh;
	struct cfg_errors errs = { 0 };
	void *conf;

	g->node = n;
	g->clear.io.ops = &wire_ops;
	g->arena = arena_new();
	ck_assert_int_eq(cfg_load_text("sec", yaml, strlen(yaml),
	    &sec_conf_table, g->arena, &conf, &errs), 0);
	ck_assert_int_eq(sec_new(&a, conf, &none, &g->sec), 0);
	sec_mh(g->sec)->recv = as_was.recv;
	sec_mh(g->sec)->recv_ctx = as_was.recv_ctx;
	n->env.mh = sec_mh(g->sec);
	n->wire.verify_checksum = true;
}

static void
guard_free(struct guard *g)
{
	g->node->env.mh = &g->node->mh;
	g->node->mh_send_errno = -ENETDOWN;
	sec_free(g->sec, false);
	arena_free(g->arena);
}

/* A home agent under ESP; the PMAs speak by hand through ends of their own. */
struct guarded {
	struct t t;
	struct guard g;
	struct end *keys;		/* its folder, nothing else */
	struct end *pma[3];
};

static const char *const pma_addr[] = { P1, P2, STRANGER };

static struct guarded *
guarded_new(void)
{
	struct guarded *w = calloc(1, sizeof(*w));
	char yaml[TEXT_MAX];

	ck_assert_ptr_nonnull(w);
	w->t = setup();
	w->keys = end_new(HA);
	put_head(yaml, w->keys);
	for (unsigned i = 0; i < ARRAY_LEN(pma_addr); i++) {
		const struct keys k = { .n = i + 1 };

		put_peer(yaml, w->keys, true, pma_addr[i], &k, 1);
	}
	guard_node(&w->g, w->t.ha, HA, yaml);
	for (unsigned i = 0; i < ARRAY_LEN(pma_addr); i++) {
		const struct keys k = { .n = i + 1 };

		w->pma[i] = end_new(pma_addr[i]);
		put_head(yaml, w->pma[i]);
		put_peer(yaml, w->pma[i], false, HA, &k, 1);
		ck_assert_int_eq(end_start(w->pma[i], yaml), 0);
	}
	return w;
}

static void
guarded_free(struct guarded *w)
{
	guard_free(&w->g);
	for (size_t i = 0; i < ARRAY_LEN(pma_addr); i++)
		end_free(w->pma[i]);
	end_free(w->keys);
	sim_free(w->t.s);
	free(w);
}

/* A PBU of the i-th PMA, protected; on the wire from `src` (NULL: its own). */
static void
send_pbu(struct guarded *w, size_t i, struct q q, const char *src)
{
	struct in6_addr own = sim_in6(pma_addr[i]), ha = sim_in6(HA), from;
	struct mh_io *io = sec_mh(w->pma[i]->sec);
	uint8_t buf[MH_MAX_LEN];
	struct wire_pkt p;
	struct mh_msg m;
	int n;

	make(&w->t, &q, &m);
	n = mh_build(&m, &own, &ha, &mh_wire_default, buf, sizeof(buf));
	ck_assert_int_gt(n, 0);
	ck_assert_int_eq(io->ops->send(io, &own, &ha, buf, (size_t)n), 0);
	p = last_of(&w->pma[i]->esp);
	from = src != NULL ? sim_in6(src) : own;
	sim_send_raw(w->t.s, &from, &ha, p.data, p.len);
	sim_run_for(w->t.s, 100 * USEC_PER_MSEC);
}

/*
 * What the home agent sent to the i-th PMA since the last call, opened: the
 * status of a PBA; -1 nothing.
 */
static int
answer(struct guarded *w, size_t i)
{
	struct end *e = w->pma[i];
	struct in6_addr to = sim_in6(pma_addr[i]);
	const struct sim_pkt *p = NULL;
	struct mh_msg m;

	for (size_t k = 0; k < sim_pkts(w->t.s); k++) {
		const struct sim_pkt *x = sim_pkt(w->t.s, k);

		if (in6_eq(&x->dst, &to))
			p = x;
	}
	e->received = 0;
	if (p != NULL) {
		struct mh_pkt pkt = { .src = p->src, .dst = p->dst,
			.data = p->data, .len = p->len };

		e->esp.io.recv(e->esp.io.recv_ctx, &pkt);
	}
	if (e->received == 0)		/* none, or seen before */
		return -1;
	ck_assert_int_eq(mh_parse(e->last.data, e->last.len, &p->src, &p->dst,
	    &mh_wire_default, &m, NULL), MH_OK);
	ck_assert_int_eq(m.type, MH_BA);
	return m.ba.status;
}

START_TEST(test_registration)
{
	/* D4-1, D4-2, D4-3, D10-1, D10-2: two nodes, one pair of SAs */
	struct guarded *w = guarded_new();

	send_pbu(w, 0, (struct q){ 0 }, NULL);
	ck_assert_int_eq(answer(w, 0), BA_ACCEPTED);
	send_pbu(w, 0, (struct q){ .nai = MN2 }, NULL);
	ck_assert_int_eq(answer(w, 0), BA_ACCEPTED);
	ck_assert(sim_routed(w->t.ha, HNP1, P1));
	ck_assert(sim_routed(w->t.ha, HNP2, P1));
	ck_assert_uint_eq(sim_stat(w->t.ha, "ipsec", "esp-ok"), 2);
	/* nothing on the wire can be read as a Mobility Header */
	for (size_t k = 0; k < sim_pkts(w->t.s); k++)
		ck_assert_int_ne(sim_pkt(w->t.s, k)->parsed, MH_OK);
	ck_assert_uint_eq(w->g.clear.n, 0);
	guarded_free(w);
}
END_TEST

START_TEST(test_identity_is_bound)
{
	/* D4-6, D5-1, D5-2, D5-3, D10-7 */
	struct guarded *w = guarded_new();
	struct sim_node *ha = w->t.ha;

	/* P2's SA, P1's address: nobody hears it */
	send_pbu(w, 1, (struct q){ 0 }, P1);
	ck_assert_int_eq(answer(w, 0), -1);
	ck_assert_int_eq(answer(w, 1), -1);
	ck_assert_uint_eq(sim_stat(ha, "ipsec", "esp-wrong-peer"), 1);
	/* P2's SA and address, P1 as care-of address */
	send_pbu(w, 1, (struct q){ .alt = P1 }, NULL);
	ck_assert_int_eq(answer(w, 1), BA_PMA_NOT_ALLOWED);
	ck_assert_uint_eq(sim_stat(ha, "ha", "refused-coa"), 1);
	/* has keys, is no authorised PMA */
	send_pbu(w, 2, (struct q){ 0 }, NULL);
	ck_assert_int_eq(answer(w, 2), BA_PMA_NOT_ALLOWED);
	ck_assert_uint_eq(sim_stat(ha, "ha", "refused-pma"), 1);
	/* is one, but not for this node */
	sim_profile_allow(w->t.s, w->t.mn1, P2);
	send_pbu(w, 0, (struct q){ 0 }, NULL);
	ck_assert_int_eq(answer(w, 0), BA_PMA_NOT_ALLOWED);
	ck_assert_uint_eq(sim_stat(ha, "ha", "refused-pma-for-mn"), 1);
	ck_assert_uint_eq(sim_kpaths(ha), 0);
	send_pbu(w, 1, (struct q){ .alt = P2 }, NULL);
	ck_assert_int_eq(answer(w, 1), BA_ACCEPTED);
	ck_assert(sim_routed(ha, HNP1, P2));
	guarded_free(w);
}
END_TEST

START_TEST(test_clear_pbu)
{
	/* D4-1, D10-1 */
	struct guarded *w = guarded_new();
	struct in6_addr p1 = sim_in6(P1), ha = sim_in6(HA);
	struct q q = { 0 };
	struct wire_pkt p = { .src = p1, .dst = ha };
	struct mh_msg m;

	make(&w->t, &q, &m);
	p.len = (size_t)mh_build(&m, &p1, &ha, &mh_wire_default, p.data,
	    sizeof(p.data));
	arrive(&w->g.clear, &p);
	sim_run_for(w->t.s, USEC_PER_SEC);
	ck_assert_uint_eq(sim_stat(w->t.ha, "ipsec", "clear-text-dropped"),
	    1);
	/* not even parsed, and never answered */
	ck_assert_uint_eq(sim_stat(w->t.ha, "mh", "mh-ok"), 0);
	ck_assert_uint_eq(sim_kpaths(w->t.ha), 0);
	ck_assert_int_eq(answer(w, 0), -1);
	/* the same in the clear where ESP belongs */
	sim_send_raw(w->t.s, &p1, &ha, p.data, p.len);
	sim_run_for(w->t.s, USEC_PER_SEC);
	ck_assert_uint_eq(sim_stat(w->t.ha, "mh", "mh-ok"), 0);
	guarded_free(w);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sec");
	TCase *t = tcase_create("sec");

	if (crypto_init() < 0)
		return EXIT_FAILURE;
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, test_protected_both_ways, 0, 2);
	tcase_add_loop_test(t, test_forged, 0, 2);
	tcase_add_loop_test(t, test_batch, 0, 2);
	tcase_add_loop_test(t, test_replayed_and_reordered, 0, 2);
	tcase_add_test(t, test_wrong_sa);
	tcase_add_test(t, test_another_ones_address);
	tcase_add_test(t, test_clear_text);
	tcase_add_test(t, test_none);
	tcase_add_test(t, test_default_refuses);
	tcase_add_test(t, test_wanted_pairs);
	tcase_add_test(t, test_kernel_static_keys);
	tcase_add_test(t, test_expired_key);
	tcase_add_loop_test(t, test_expiry_goes_over, -20, 21);
	tcase_add_loop_test(t, test_rollover, 0, 4);
	tcase_add_loop_test(t, test_no_wrap, 0, 2);
	tcase_add_loop_test(t, test_extended_numbers_go_on, 0, 2);
	tcase_add_loop_test(t, test_restart_without_reuse, 0, 2);
	tcase_add_test(t, test_restart_of_the_receiver);
	tcase_add_test(t, test_state_stops_being_written);
	tcase_add_test(t, test_kernel_state_stops_being_written);
	tcase_add_test(t, test_state_directory_failures);
	tcase_add_loop_test(t, test_reload_keeps_numbers, 0, 2);
	tcase_add_loop_test(t, test_bad_key, 0, ARRAY_LEN(bad_keys));
	tcase_add_test(t, test_show);
	tcase_add_test(t, test_local);
	tcase_add_loop_test(t, test_bad_section, 0, ARRAY_LEN(bad_confs));
	tcase_add_test(t, test_peer_twice_by_default_address);
	tcase_add_test(t, test_registration);
	tcase_add_test(t, test_identity_is_bound);
	tcase_add_test(t, test_clear_pbu);
	suite_add_tcase(s, t);
	return suite_run(s);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The load generator: Proxy Binding Updates of many proxy mobile agents for
 * many mobile nodes, over a real raw socket, and a look at every answer.
 *
 *	gen netns=PATH ha=ADDR pma=ADDR prefix=ADDR nodes=N [pmas=N] [seed=N]
 *	    [v4=ADDR] [esp=SUITE]
 *
 * reads one command per line from stdin and answers each with one line of JSON:
 *
 *	MODE count=N [window=N] [seconds=N] [server=PID] [rate=N] [loss=PERCENT]
 *	     [retry=yes] [lifetime=SECONDS] [salt=N] [from=N] [timeout=MS]
 *
 * MODE: register, refresh, handover, deregister, mixed (of all four), or echo:
 * refreshes of the same octets to a server that only sends them back, on
 * another protocol number.  Node i is mn%07u@example.com with the i-th /64
 * behind `prefix`, and with `v4` the i-th address behind that; agent k has the
 * k-th address behind `pma`, and the namespace must route them all to itself.
 * With `esp` it protects what it sends and believes only what is protected:
 * agent k has security associations of SPI_IN + k and SPI_OUT + k (as the home
 * agent sees them), and keys that key_of() makes.
 *
 * `salt` is which order the nodes come in, `from` how many of it to skip.
 * At most `window` are outstanding; `rate` paces the start of each per second:
 * it sleeps until the next is due or an answer comes, and starves nobody.
 * An answer must have P, the sequence number, the time stamp, the prefix and
 * the lifetime of its request and come from the home agent to the agent that
 * asked; one that is not there in time (timeout, doubled with each retry) is
 * lost.  `loss` drops that share of the packets of either direction, here.
 * Everything is bounded: `count` operations, `seconds` of time.
 *
 * CPU time is the server's, by its process clock, from the first packet to the
 * last answer; latency is from before the system call that sends to after the
 * one that receives.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <arpa/inet.h>

#include "core/addr.h"
#include "core/crypto.h"
#include "core/util.h"
#include "core/wheel.h"
#include "esp/esp.h"
#include "mh/dialect.h"
#include "mh/mh.h"
#include "tests/bench/bench_io.h"

#define NODES_MAX 16000000
#define PMAS_MAX 4096
#define WORDS_MAX 32
#define SPI_IN 0x10000
#define SPI_OUT 0x20000
#define NAI_FMT "mn%07u@example.com"
#define NAI_LEN 21
#define TIMEOUT_MS 1000		/* INITIAL_BINDACK_TIMEOUT */
#define TRIES_BACKOFF 6		/* 32 s: MAX_BINDACK_TIMEOUT */
#define BUF (32 << 20)
#define NS_PER_US 1000ULL
#define NS_PER_SEC 1000000000ULL
#define REST_MAX_NS 1000000ULL

enum mode { REGISTER, REFRESH, HANDOVER, DEREGISTER, MIXED, ECHO, MODE_MAX };
static const char *const mode_names[MODE_MAX] = { "register", "refresh",
	"handover", "deregister", "mixed", "echo" };

struct node {
	struct timer timer;
	struct gen *g;
	uint64_t ts;			/* of the latest request */
	uint64_t first_ns, sent_ns;
	uint16_t seq;
	uint16_t pma;
	uint8_t op;			/* enum mode; of the latest request */
	uint8_t tries;
	bool waiting, bound;
};

struct run {			/* one command */
	enum mode mode;
	uint64_t count, window, rate, loss;
	uint64_t until_ns;
	uint32_t lifetime_s;
	usec_t timeout_us;
	bool retry;
	pid_t server;
	uint64_t stride, at;		/* the order of the nodes */
	/* results */
	uint64_t started, done, lost, retries, bad, refused, unsent, late;
	unsigned outstanding;
	uint8_t bad_status;
	char complaint[160];
	uint32_t *latency;		/* ns / 64, of each that is done */
};

struct gen {
	struct in6_addr ha, pma, prefix;
	struct in_addr v4;		/* 0.0.0.0: no IPv4 */
	bool esp;
	struct esp_out *esp_out;	/* by agent */
	struct esp_in *esp_in;
	uint32_t nodes, pmas;
	struct node *node;
	struct wheel *wheel;
	int fd, echo_fd;
	uint64_t rnd;
	struct run r;
	struct bench_batch tx, rx;
	unsigned ntx;
};

/* --- who is who ---------------------------------------------------------- */

static uint64_t
random_next(struct gen *g)
{
	g->rnd ^= g->rnd << 13;
	g->rnd ^= g->rnd >> 7;
	g->rnd ^= g->rnd << 17;
	return g->rnd;
}

static bool
dropped(struct gen *g)
{
	return g->r.loss > 0 && random_next(g) % 100 < g->r.loss;
}

/* Add n to the octets of `a` from `first` up to `last`. */
static struct in6_addr
plus(const struct in6_addr *a, uint32_t n, int first, int last)
{
	struct in6_addr r = *a;
	uint64_t carry = n;

	for (int i = last; i >= first; i--) {
		carry += r.s6_addr[i];
		r.s6_addr[i] = (uint8_t)carry;
		carry >>= 8;
	}
	return r;
}

static struct prefix
node_prefix(const struct gen *g, uint32_t i)
{
	struct in6_addr a = plus(&g->prefix, i, 0, 7);
	struct prefix p;

	prefix_from_in6(&p, &a, 64);
	return p;
}

static struct in6_addr
pma_address(const struct gen *g, uint32_t k)
{
	return plus(&g->pma, k, 8, 15);
}

static struct in_addr
node_v4(const struct gen *g, uint32_t i)
{
	return (struct in_addr){ htonl(ntohl(g->v4.s_addr) + i) };
}

/* The number in a node's NAI, or -1. */
static int64_t
nai_node(const struct gen *g, const char *nai, size_t len)
{
	uint64_t n = 0;

	if (len != NAI_LEN || memcmp(nai, "mn", 2) != 0)
		return -1;
	for (size_t i = 2; i < 9; i++) {
		if (nai[i] < '0' || nai[i] > '9')
			return -1;
		n = n * 10 + (uint64_t)(nai[i] - '0');
	}
	return n < g->nodes ? (int64_t)n : -1;
}

/* --- requests ------------------------------------------------------------ */

/* Octet n of the key material of agent k, to the home agent or from it. */
static uint8_t
key_octet(uint32_t k, bool in, uint32_t n)
{
	return (uint8_t)(k * 7 + n * 13 + (in ? 1 : 2));
}

static void
keys(struct gen *g, enum esp_suite suite)
{
	g->esp = true;
	g->esp_out = calloc(g->pmas, sizeof(*g->esp_out));
	g->esp_in = calloc(g->pmas, sizeof(*g->esp_in));
	if (g->esp_out == NULL || g->esp_in == NULL || crypto_init() < 0)
		bench_die("keys");
	for (uint32_t k = 0; k < g->pmas; k++) {
		uint8_t in[ESP_KEY_MAX], out[ESP_KEY_MAX];

		for (uint32_t n = 0; n < ESP_KEY_MAX; n++) {
			in[n] = key_octet(k, true, n);
			out[n] = key_octet(k, false, n);
		}
		g->esp_out[k] = (struct esp_out){ .spi = SPI_IN + k,
			.limit = ESP_SEQ32_LAST };
		esp_key_init(&g->esp_out[k].key, suite, false, in);
		esp_key_init(&g->esp_in[k].key, suite, false, out);
		esp_window_init(&g->esp_in[k].win, 0);
	}
}

/* Replace a Mobility Header by what protects it. */
static void
seal(struct gen *g, uint32_t k, struct bench_pkt *p)
{
	uint8_t mh[BENCH_PKT_MAX];
	int len;

	memcpy(mh, p->data, p->len);
	len = esp_seal(&g->esp_out[k], mh, p->len, p->data, sizeof(p->data));
	if (len < 0)
		bench_die("esp_seal");
	p->len = (size_t)len;
}

/* The other way round; false: it is not genuine. */
static bool
unseal(struct gen *g, struct bench_pkt *p)
{
	uint8_t buf[BENCH_PKT_MAX];
	struct esp_plain plain;
	uint32_t spi;

	if (esp_spi(p->data, p->len, &spi) != ESP_OK || spi < SPI_OUT ||
	    spi - SPI_OUT >= g->pmas || esp_open(&g->esp_in[spi - SPI_OUT],
	    p->data, p->len, buf, sizeof(buf), &plain) != ESP_OK)
		return false;
	memmove(p->data, plain.mh, plain.len);
	p->len = plain.len;
	return true;
}

static int
sock_of(const struct gen *g)
{
	return g->r.mode == ECHO ? g->echo_fd : g->fd;
}

static void
flush(struct gen *g)
{
	if (g->ntx > 0)
		g->r.unsent += bench_send(sock_of(g), &g->tx, g->ntx);
	g->ntx = 0;
}

/* As a proxy mobile agent builds it (draft 6.10). */
static size_t
build(const struct gen *g, struct node *n, struct bench_pkt *p)
{
	const struct dialect *d = &dialect_draft01;
	uint32_t i = (uint32_t)(n - g->node);
	struct mh_msg m = { .type = MH_BU };
	char nai[NAI_LEN + 1];
	int len;

	snprintf(nai, sizeof(nai), NAI_FMT, i % 10000000);
	p->near = pma_address(g, n->pma);
	p->far = g->ha;
	m.bu.seq = n->seq;
	m.bu.flags = d->bu_flags;
	m.bu.lifetime_4s = n->op == DEREGISTER ? 0 :
	    (uint16_t)(g->r.lifetime_s / MH_LIFETIME_UNIT_S);
	m.o.have = MHO_MN_ID | MHO_HNP | MHO_TIMESTAMP | MHO_ALT_COA;
	m.o.mn_id_subtype = 1;
	m.o.mn_id = nai;
	m.o.mn_id_len = NAI_LEN;
	m.o.nhnp = 1;
	m.o.hnp[0] = node_prefix(g, i);
	m.o.timestamp = n->ts;
	m.o.alt_coa = p->near;
	if (g->v4.s_addr != INADDR_ANY && n->op != DEREGISTER) {
		m.o.have |= MHO_IP4_HOA;
		m.o.ip4_hoa.addr = node_v4(g, i);
	}
	len = mh_build(&m, &p->near, &p->far, d->wire, p->data,
	    sizeof(p->data));
	if (len < 0)
		bench_die("mh_build");
	return (size_t)len;
}

static void
request(struct gen *g, struct node *n)
{
	uint64_t ts = mh_ts_from_us(bench_wall_us());
	struct bench_pkt *p = &g->tx.pkt[g->ntx];

	n->seq++;
	n->ts = MAX_OF(ts, n->ts + 1);
	n->sent_ns = bench_ns();
	if (n->tries == 0)
		n->first_ns = n->sent_ns;
	if (n->tries < TRIES_BACKOFF)
		n->tries++;
	timer_arm(g->wheel, &n->timer, g->r.timeout_us << (n->tries - 1));
	if (dropped(g))
		return;
	p->len = build(g, n, p);
	if (g->esp && g->r.mode != ECHO)
		seal(g, n->pma, p);
	if (++g->ntx == BENCH_BATCH)
		flush(g);
}

static enum mode
pick_op(struct gen *g, const struct node *n)
{
	unsigned dice;

	if (g->r.mode != MIXED)
		return g->r.mode == ECHO ? REFRESH : g->r.mode;
	if (!n->bound)
		return REGISTER;
	dice = (unsigned)(random_next(g) % 10);
	return dice < 7 ? REFRESH : dice < 9 ? HANDOVER : DEREGISTER;
}

/* Begin one more operation, at the next node in this command's order. */
static bool
start_one(struct gen *g)
{
	struct run *r = &g->r;
	struct node *n;

	for (uint32_t tried = 0; ; tried++) {
		if (tried == g->nodes)
			return false;		/* all are waiting */
		n = &g->node[r->at];
		r->at = (r->at + r->stride) % g->nodes;
		if (!n->waiting)
			break;
	}
	n->op = (uint8_t)pick_op(g, n);
	if (n->op == HANDOVER)
		n->pma = (uint16_t)((n->pma + 1) % g->pmas);
	n->waiting = true;
	n->tries = 0;
	r->started++;
	r->outstanding++;
	request(g, n);
	return true;
}

static void
end_one(struct gen *g, struct node *n)
{
	timer_cancel(g->wheel, &n->timer);
	n->waiting = false;
	g->r.outstanding--;
}

static void
timed_out(struct timer *t)
{
	struct node *n = CONTAINER_OF(t, struct node, timer);
	struct gen *g = n->g;

	if (g->r.retry) {
		g->r.retries++;
		request(g, n);
		return;
	}
	g->r.lost++;
	end_one(g, n);
}

/* --- answers ------------------------------------------------------------- */

static void
complain(struct gen *g, const char *what, uint32_t node, uint32_t value)
{
	if (g->r.bad++ == 0)
		snprintf(g->r.complaint, sizeof(g->r.complaint),
		    "%s (node %u, value %u)", what, node, value);
}

/* Is it the very answer to what the node asked?  NULL or what is wrong. */
static const char *
check(const struct gen *g, const struct node *n, const struct bench_pkt *p,
    const struct mh_msg *m)
{
	uint32_t i = (uint32_t)(n - g->node);
	struct in6_addr pma = pma_address(g, n->pma);
	struct prefix hnp = node_prefix(g, i);

	if (!in6_eq(&p->far, &g->ha) || !in6_eq(&p->near, &pma))
		return "wrong addresses";
	if (!(m->o.have & MHO_TIMESTAMP) || m->o.timestamp != n->ts)
		return "time stamp is not the request's";
	if (g->r.mode == ECHO)
		return NULL;
	if (m->ba.flags != BA_P)
		return "flags";
	if (m->ba.status != 0)
		return NULL;
	if (m->o.nhnp != 1 || !prefix_eq(&m->o.hnp[0], &hnp))
		return "prefix is not the request's";
	if ((m->ba.lifetime_4s == 0) != (n->op == DEREGISTER))
		return "lifetime";
	if (g->v4.s_addr != INADDR_ANY && n->op != DEREGISTER &&
	    (!(m->o.have & MHO_IP4_ACK) || m->o.ip4_ack.status != 0 ||
	    m->o.ip4_ack.addr.s_addr != node_v4(g, i).s_addr))
		return "IPv4 home address is not the request's";
	return NULL;
}

static void
answered(struct gen *g, struct node *n, const struct mh_msg *m, uint64_t now)
{
	struct run *r = &g->r;
	uint32_t i = (uint32_t)(n - g->node);

	if (r->mode != ECHO && m->ba.status != 0) {
		r->refused++;
		r->bad_status = m->ba.status;
		complain(g, "refused with a status", i, m->ba.status);
	} else if (r->mode != ECHO) {
		n->bound = n->op != DEREGISTER;
	}
	/* of a storm we ask how long the node was without service */
	if (r->done < r->count)
		r->latency[r->done] = (uint32_t)MIN_OF((now - (r->retry ?
		    n->first_ns : n->sent_ns)) / 64, UINT32_MAX);
	r->done++;
	end_one(g, n);
}

static void
receive_one(struct gen *g, struct bench_pkt *p, uint64_t now)
{
	struct mh_wire wire = *dialect_draft01.wire;
	const char *why;
	struct mh_msg m = { 0 };
	struct node *n;
	uint16_t seq;
	int64_t i;

	if (g->esp && g->r.mode != ECHO && !unseal(g, p)) {
		complain(g, "not genuine", 0, 0);
		return;
	}
	wire.verify_checksum = false;		/* the kernel's affair */
	if (mh_parse(p->data, p->len, &p->far, &p->near, &wire, &m, NULL) !=
	    MH_OK || m.type != (g->r.mode == ECHO ? MH_BU : MH_BA) ||
	    !(m.o.have & MHO_MN_ID)) {
		complain(g, "not an answer, type", 0, m.type);
		return;
	}
	i = nai_node(g, m.o.mn_id, m.o.mn_id_len);
	if (i < 0) {
		complain(g, "of no node of ours", 0, 0);
		return;
	}
	n = &g->node[i];
	seq = g->r.mode == ECHO ? m.bu.seq : m.ba.seq;
	if (!n->waiting || seq != n->seq) {
		g->r.late++;		/* to a request given up */
		return;
	}
	why = check(g, n, p, &m);
	if (why != NULL) {
		complain(g, why, (uint32_t)i, seq);
		return;
	}
	answered(g, n, &m, now);
}

static unsigned
receive(struct gen *g)
{
	int n = bench_recv(sock_of(g), &g->rx);
	uint64_t now = bench_ns();

	for (int k = 0; k < n; k++) {
		if (!dropped(g))
			receive_one(g, &g->rx.pkt[k], now);
	}
	return (unsigned)n;
}

/* --- a command ----------------------------------------------------------- */

/* Operations that may start now. */
static uint64_t
allowed(const struct gen *g, uint64_t begun_ns)
{
	const struct run *r = &g->r;
	uint64_t n = r->count - r->started, due;

	n = MIN_OF(n, r->window - MIN_OF(r->window, r->outstanding));
	if (r->rate > 0) {
		due = (bench_ns() - begun_ns) * r->rate / NS_PER_SEC + 1;
		n = MIN_OF(n, due - MIN_OF(due, r->started));
	}
	return n;
}

/* Until an answer comes or the next operation is due, a millisecond at most. */
static void
rest(const struct gen *g, uint64_t begun_ns)
{
	const struct run *r = &g->r;
	struct pollfd pfd = { .fd = sock_of(g), .events = POLLIN };
	uint64_t now = bench_ns(), until = now + REST_MAX_NS;
	struct timespec ts = { 0 };

	if (r->rate > 0 && r->outstanding < r->window)
		until = MIN_OF(until, begun_ns + r->started * NS_PER_SEC /
		    r->rate);
	if (until > now)
		ts.tv_nsec = (long)(until - now);
	(void)ppoll(&pfd, 1, &ts, NULL);
}

static void
drive(struct gen *g)
{
	struct run *r = &g->r;
	uint64_t begun = bench_ns(), now = begun;
	bool busy;

	while (r->done + r->lost < r->count && now < r->until_ns) {
		uint64_t n = allowed(g, begun);

		busy = n > 0;
		while (n-- > 0 && start_one(g))
			;
		flush(g);
		for (unsigned k = 0; k < 8; k++) {
			unsigned got = receive(g);

			busy = busy || got > 0;
			if (got < BENCH_BATCH)
				break;
		}
		if (!busy)
			rest(g, begun);
		now = bench_ns();
		wheel_advance(g->wheel, (usec_t)(now / NS_PER_US), 0);
		flush(g);
	}
}

static int
cmp_u32(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double
quantile_us(const struct run *r, double q)
{
	uint64_t n = MIN_OF(r->done, r->count);

	if (n == 0)
		return 0;
	return (double)r->latency[(uint64_t)((double)(n - 1) * q)] * 64 / 1000;
}

static void
report(struct gen *g, double wall, double cpu, double own)
{
	struct run *r = &g->r;

	qsort(r->latency, MIN_OF(r->done, r->count), sizeof(*r->latency),
	    cmp_u32);
	printf("{\"mode\":\"%s\",\"count\":%llu,\"done\":%llu,\"lost\":%llu,"
	    "\"retries\":%llu,\"refused\":%llu,\"status\":%u,\"bad\":%llu,"
	    "\"late\":%llu,\"unsent\":%llu,\"complaint\":\"%s\",",
	    mode_names[r->mode], (unsigned long long)r->count,
	    (unsigned long long)r->done, (unsigned long long)r->lost,
	    (unsigned long long)r->retries, (unsigned long long)r->refused,
	    r->bad_status, (unsigned long long)r->bad,
	    (unsigned long long)r->late, (unsigned long long)r->unsent,
	    r->complaint);
	printf("\"wall_s\":%.6f,\"cpu_s\":%.6f,\"own_cpu_s\":%.6f,"
	    "\"per_cpu_s\":%.1f,\"per_s\":%.1f,\"p50_us\":%.1f,"
	    "\"p99_us\":%.1f,\"p999_us\":%.1f,\"max_us\":%.1f}\n", wall, cpu,
	    own, cpu > 0 ? (double)r->done / cpu : 0, (double)r->done / wall,
	    quantile_us(r, 0.5), quantile_us(r, 0.99), quantile_us(r, 0.999),
	    quantile_us(r, 1));
	fflush(stdout);
}

/* A stride that reaches every node: no divisor in common with their number. */
static uint64_t
coprime(uint64_t want, uint64_t n)
{
	for (;; want++) {
		uint64_t a = want, b = n;

		while (b != 0) {
			uint64_t t = a % b;

			a = b;
			b = t;
		}
		if (a == 1)
			return want;
	}
}

/* Answers that were under way when the last command ended. */
static void
forget(struct gen *g)
{
	for (uint32_t i = 0; i < g->nodes; i++) {
		timer_cancel(g->wheel, &g->node[i].timer);
		g->node[i].waiting = false;
	}
	while (bench_recv(g->fd, &g->rx) > 0 ||
	    bench_recv(g->echo_fd, &g->rx) > 0)
		;
	g->ntx = 0;
}

/* false: no such command. */
static bool
command(struct gen *g, char *const *w)
{
	struct run *r = &g->r;
	uint64_t begun, cpu = 0, own;

	*r = (struct run){ 0 };
	while (r->mode < MODE_MAX && strcmp(w[0], mode_names[r->mode]) != 0)
		r->mode++;
	if (r->mode == MODE_MAX)
		return false;
	r->count = bench_arg_u(w, "count", g->nodes);
	r->window = MIN_OF(bench_arg_u(w, "window", 64), (uint64_t)g->nodes);
	r->rate = bench_arg_u(w, "rate", 0);
	r->loss = bench_arg_u(w, "loss", 0);
	r->lifetime_s = (uint32_t)bench_arg_u(w, "lifetime", 3600);
	r->timeout_us = (usec_t)bench_arg_u(w, "timeout", TIMEOUT_MS) *
	    USEC_PER_MSEC;
	r->retry = bench_arg(w, "retry", NULL) != NULL;
	r->server = (pid_t)bench_arg_u(w, "server", 0);
	r->stride = coprime((uint64_t)((double)g->nodes * 0.618) +
	    bench_arg_u(w, "salt", 0) * 7, g->nodes);
	r->at = bench_arg_u(w, "from", 0) * r->stride % g->nodes;
	r->latency = calloc(r->count + 1, sizeof(*r->latency));
	if (r->latency == NULL)
		bench_die("latencies");
	forget(g);
	begun = bench_ns();
	r->until_ns = begun + bench_arg_u(w, "seconds", 60) * NS_PER_SEC;
	wheel_advance(g->wheel, (usec_t)(begun / NS_PER_US), 0);
	if (r->server != 0)
		cpu = bench_cpu_ns(r->server);
	own = bench_cpu_ns(getpid());
	drive(g);
	report(g, (double)(bench_ns() - begun) / 1e9, r->server == 0 ? 0 :
	    (double)(bench_cpu_ns(r->server) - cpu) / 1e9,
	    (double)(bench_cpu_ns(getpid()) - own) / 1e9);
	free(r->latency);
	return true;
}

static void
address_arg(char **argv, const char *key, struct in6_addr *ret)
{
	const char *s = bench_arg(argv, key, "");

	errno = EINVAL;
	if (in6_parse(s, ret) < 0)
		bench_die("%s=%s is no IPv6 address", key, s);
}

static void
setup(struct gen *g, char **argv)
{
	const char *ns = bench_arg(argv, "netns", NULL), *esp;

	errno = EINVAL;
	if (ns == NULL)
		bench_die("netns= is needed: no load leaves a namespace");
	address_arg(argv, "ha", &g->ha);
	address_arg(argv, "pma", &g->pma);
	address_arg(argv, "prefix", &g->prefix);
	g->nodes = (uint32_t)bench_arg_u(argv, "nodes", 1000);
	g->pmas = (uint32_t)bench_arg_u(argv, "pmas", 1);
	g->rnd = bench_arg_u(argv, "seed", 88172645463325252ULL) | 1;
	errno = EINVAL;
	if (g->nodes == 0 || g->nodes > NODES_MAX || g->pmas == 0 ||
	    g->pmas > PMAS_MAX)
		bench_die("nodes or pmas");
	if (in4_parse(bench_arg(argv, "v4", "0.0.0.0"), &g->v4) < 0)
		bench_die("v4=");
	bench_enter(ns);
	(void)prctl(PR_SET_TIMERSLACK, 1UL);	/* else 50 us late */
	esp = bench_arg(argv, "esp", NULL);
	for (int s = 0; esp != NULL && s < ESP_SUITE_MAX; s++) {
		if (strcmp(esp_suite_names[s], esp) == 0)
			keys(g, (enum esp_suite)s);
	}
	if (esp != NULL && !g->esp)
		bench_die("esp=%s", esp);
	g->fd = bench_socket(g->esp ? ESP_PROTO : MH_PROTO, BUF);
	g->echo_fd = bench_socket(BENCH_ECHO_PROTO, BUF);
	bench_any_source(g->fd);
	bench_any_source(g->echo_fd);
	g->wheel = wheel_new((usec_t)(bench_ns() / NS_PER_US));
	g->node = calloc(g->nodes, sizeof(*g->node));
	if (g->node == NULL)
		bench_die("nodes");
	for (uint32_t i = 0; i < g->nodes; i++) {
		timer_init(&g->node[i].timer, timed_out);
		g->node[i].g = g;
		g->node[i].pma = (uint16_t)(i % g->pmas);
	}
}

int
main(int argc, char **argv)
{
	struct gen *g = calloc(1, sizeof(*g));
	char line[512];

	if (g == NULL || argc < 1)
		return 1;
	setup(g, argv + 1);
	while (fgets(line, sizeof(line), stdin) != NULL) {
		char *w[WORDS_MAX + 1], *save = NULL, *s;
		size_t n = 0;

		for (s = strtok_r(line, " \n", &save); s != NULL &&
		    n < WORDS_MAX; s = strtok_r(NULL, " \n", &save))
			w[n++] = s;
		w[n] = NULL;
		errno = EINVAL;
		if (n > 0 && !command(g, w))
			bench_die("no such mode: %s", w[0]);
	}
	forget(g);
	wheel_free(g->wheel);
	free(g->node);
	free(g->esp_in);
	free(g->esp_out);
	free(g);
	return 0;
}

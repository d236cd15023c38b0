/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Netlink: requests in batches, dumps, notifications.
 *
 * Requests are copied behind each other into one buffer; at the end of the
 * loop turn (or when the buffer is full) one send() takes them to the kernel,
 * which works through them in order.  It always tells of a failure, and of
 * success when asked: we ask for the last one of each send(), whose answer says
 * that those before it, of which nothing was heard, went well.  So the answers
 * come in order as well, and a ring of callbacks is all the bookkeeping.
 * rtnetlink has answered before send() returns: the answers are read at once,
 * so that what waits for them need not wait for another turn.
 *
 * The receive buffer can overflow when thousands of acknowledgements wait.  We
 * therefore stop sending while more of them are outstanding than it surely
 * holds.  Should the kernel report ENOBUFS all the same: rtnetlink has answered
 * each request before send() returns, so whatever answer is not in the buffer
 * by then is lost.  We read the buffer until it is empty and answer -EIO for
 * the rest (resync()).
 */
#include "core/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/stats.h"
#include "core/util.h"

#define MOD "netlink"
#define OUT_CAP 65536		/* octets per send() */
#define IN_CAP (256 * 1024)
#define SYNC_CAP 8192
#define RCVBUF (8 << 20)
#define PENDING_MAX 100000
#define WINDOW_MIN 64		/* sent and unanswered */
#define WINDOW_MAX 4096
#define ACK_COST 2048		/* of receive buffer, with extended text */
#define READS_PER_WAKEUP 256	/* each brings one acknowledgement */
#define MON_CAP 32768		/* of a notification */
#define MON_BATCH 4		/* notifications per system call */
#define DRAIN_US (5 * USEC_PER_SEC)
#define DUMP_TRIES 5

#define NL_STATS(X) \
	X(ST_REQUESTS, "requests", "requests sent") \
	X(ST_SENDS, "sends", "batches they left in") \
	X(ST_REFUSED, "refused", "requests the kernel refused") \
	X(ST_LOST, "lost", "requests whose answer was lost: answered EIO") \
	X(ST_OVERRUN, "overrun", "notifications lost, tables read again")

enum {
#define X(id, name, help) id,
	NL_STATS(X)
#undef X
	ST_MAX
};

static const struct stat_desc nl_stats[ST_MAX] = {
#define X(id, name, help) { name, help },
	NL_STATS(X)
#undef X
};

struct request {
	netlink_done_fn *done;
	void *ctx;
	uint32_t seq;
	uint32_t len;		/* of its message, NLMSG_ALIGNed */
};

struct netlink {
	struct loop *loop;
	struct log *log;
	struct stat_group st;
	struct loop_fd *lfd;
	struct loop_hook *hook;
	int proto;
	int fd, sync_fd;
	uint32_t seq;
	size_t window;
	/* ring of requests: [tail, sent) wait for an ack, [sent, head) queue */
	struct request *ring;
	size_t cap;			/* a power of two */
	size_t tail, sent, head;	/* free-running */
	/* messages of [sent, head), in order */
	uint8_t *out;
	size_t out_len, out_cap;
	bool blocked;			/* the socket takes no more for now */
	bool lossy;			/* it has lost answers */
	int watched;			/* LOOP_READ, LOOP_WRITE */
	uint8_t *in;			/* IN_CAP: answers to batches */
};

/* --- sockets ----------------------------------------------------------- */

static int
open_socket(int proto, int *ret)
{
	struct sockaddr_nl sa = { .nl_family = AF_NETLINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, proto);
	int on = 1, size = RCVBUF;

	if (fd < 0)
		return -errno;
	/* Extended texts, and acks without a copy of the request. */
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size,
	    sizeof(size)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size,
		    sizeof(size));
	if (bind(fd, (struct sockaddr *)(void *)&sa, sizeof(sa)) < 0) {
		int r = -errno;

		close(fd);
		return r;
	}
	*ret = fd;
	return 0;
}

/* Keys of security associations are not to stay in memory. */
static void
wipe(int proto, void *buf, size_t len)
{
	if (proto == NETLINK_XFRM)
		explicit_bzero(buf, len);
}

/* How many acknowledgements the receive buffer surely holds. */
static size_t
window_of(int fd)
{
	socklen_t len = sizeof(int);
	int size = 0;

	(void)getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, &len);
	return MAX_OF(WINDOW_MIN, MIN_OF(WINDOW_MAX, size / ACK_COST));
}

/* --- answers ----------------------------------------------------------- */

/* The kernel's own words in an error message, NULL without. */
static const char *
ext_text(const struct nlmsghdr *nlh, const struct nlmsgerr *e)
{
	size_t off = sizeof(*nlh) + sizeof(*e), end = nlh->nlmsg_len;

	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return NULL;
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED) &&
	    e->msg.nlmsg_len > sizeof(e->msg))
		off += NLMSG_ALIGN(e->msg.nlmsg_len - sizeof(e->msg));
	while (off + sizeof(struct nlattr) <= end) {
		const struct nlattr *a = (const void *)((const char *)nlh +
		    off);

		if (a->nla_len < sizeof(*a) || off + a->nla_len > end)
			return NULL;
		if ((a->nla_type & NLA_TYPE_MASK) == NLMSGERR_ATTR_MSG &&
		    memchr(a + 1, 0, a->nla_len - sizeof(*a)) != NULL)
			return (const char *)(a + 1);
		off += NLA_ALIGN(a->nla_len);
	}
	return NULL;
}

static void
answer(struct netlink *n, struct request *rq, int err, const char *text)
{
	if (rq->done != NULL)
		rq->done(rq->ctx, err, text);
	else if (err < 0)
		log_warn(n->log, MOD, "request-refused", KV_ERR(err),
		    KV_STR("text", text != NULL ? text : ""));
}

static void
answer_lost(struct netlink *n, struct request *rq)
{
	stat_inc(&n->st, ST_LOST);
	answer(n, rq, -EIO, "the answer was lost");
}

/* Take the oldest outstanding request out of the ring. */
static struct request
take_oldest(struct netlink *n)
{
	return n->ring[n->tail++ & (n->cap - 1)];
}

static void
fail_outstanding(struct netlink *n)
{
	size_t until = n->sent;

	while (n->tail != until) {
		struct request rq = take_oldest(n);

		answer_lost(n, &rq);
	}
}

static void
handle_ack(struct netlink *n, const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *e = NLMSG_DATA(nlh);

	if (nlh->nlmsg_len < NLMSG_LENGTH(sizeof(*e)))
		return;
	while (n->tail != n->sent) {
		uint32_t seq = n->ring[n->tail & (n->cap - 1)].seq;
		struct request rq;

		if ((int32_t)(nlh->nlmsg_seq - seq) < 0)
			return;		/* of a request we gave up on */
		rq = take_oldest(n);
		if (nlh->nlmsg_seq == seq) {
			if (e->error < 0)
				stat_inc(&n->st, ST_REFUSED);
			answer(n, &rq, e->error, ext_text(nlh, e));
			return;
		}
		if (n->lossy)
			answer_lost(n, &rq);
		else
			answer(n, &rq, 0, NULL);
	}
}

/*
 * One datagram into `buf`; octets, 0 nothing there, -errno.  -ENOBUFS when the
 * socket overflowed; a datagram that is cut is as lost as one that never came.
 */
static ssize_t
receive(int fd, void *buf, size_t cap)
{
	struct sockaddr_nl from;
	struct iovec iov = { buf, cap };
	struct msghdr mh = { .msg_name = &from, .msg_namelen = sizeof(from),
		.msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	do {
		n = recvmsg(fd, &mh, MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
		/* only the kernel's word counts */
	} while (n < 0 || from.nl_pid != 0);
	return mh.msg_flags & MSG_TRUNC ? -ENOBUFS : n;
}

/* One datagram of answers. Octets, 0 nothing there, -errno. */
static ssize_t
read_answers(struct netlink *n)
{
	ssize_t r = receive(n->fd, n->in, IN_CAP), len = r;

	for (struct nlmsghdr *nlh = (void *)n->in;
	    len > 0 && NLMSG_OK(nlh, (unsigned)len);
	    nlh = NLMSG_NEXT(nlh, len)) {
		if (nlh->nlmsg_type == NLMSG_ERROR)
			handle_ack(n, nlh);
	}
	return r;
}

/* Some of the answers, so that the others get their turn as well. */
static ssize_t
read_some(struct netlink *n)
{
	ssize_t r = 1;

	for (unsigned i = 0; i < READS_PER_WAKEUP && r > 0 &&
	    n->tail != n->sent; i++)
		r = read_answers(n);
	return r;
}

/* Answers were lost: take what is left of them, give up on the rest. */
static void
resync(struct netlink *n)
{
	ssize_t r;

	n->lossy = true;	/* silence means nothing any more */
	do
		r = read_answers(n);
	while (r > 0 || r == -ENOBUFS);
	fail_outstanding(n);
	n->lossy = false;
}

static void
on_readable(void *ctx, int fd UNUSED, int what)
{
	struct netlink *n = ctx;

	if (what & LOOP_WRITE)
		n->blocked = false;
	if (what & LOOP_READ && n->tail == n->sent)
		(void)read_answers(n);		/* nobody waits for it */
	if (read_some(n) == -ENOBUFS)
		resync(n);
}

/* --- requests ---------------------------------------------------------- */

static void
ring_grow(struct netlink *n)
{
	size_t cap = n->cap != 0 ? n->cap * 2 : 256;
	struct request *ring = calloc(cap, sizeof(*ring));

	if (ring == NULL)
		abort();
	for (size_t i = n->tail; i != n->head; i++)
		ring[i & (cap - 1)] = n->ring[i & (n->cap - 1)];
	free(n->ring);
	n->ring = ring;
	n->cap = cap;
}

static void
out_append(struct netlink *n, const struct nlmsghdr *nlh, size_t len)
{
	if (n->out_len + len > n->out_cap) {
		while (n->out_len + len > n->out_cap)
			n->out_cap = n->out_cap != 0 ? n->out_cap * 2 :
			    OUT_CAP;
		n->out = realloc(n->out, n->out_cap);
		if (n->out == NULL)
			abort();
	}
	memcpy(n->out + n->out_len, nlh, nlh->nlmsg_len);
	memset(n->out + n->out_len + nlh->nlmsg_len, 0, len - nlh->nlmsg_len);
	n->out_len += len;
}

static void
watch(struct netlink *n, int what)
{
	if (n->lfd != NULL && n->watched != what &&
	    loop_fd_set(n->lfd, what) == 0)
		n->watched = what;
}

/* How much of the queue leaves next: whole messages, at most OUT_CAP octets
 * and as many as the window allows. */
static size_t
next_batch(const struct netlink *n, size_t *ret_octets)
{
	size_t count = 0, octets = 0, out = n->sent - n->tail;
	size_t room = out < n->window ? n->window - out : 0;

	for (size_t i = n->sent; i != n->head && count < room; i++, count++) {
		size_t len = n->ring[i & (n->cap - 1)].len;

		if (count > 0 && octets + len > OUT_CAP)
			break;
		octets += len;
	}
	*ret_octets = octets;
	return count;
}

/* Have the last one of a batch, which ends at `end`, acknowledged. */
static void
ask_last(struct netlink *n, size_t end, size_t count)
{
	size_t len = n->ring[(n->sent + count - 1) & (n->cap - 1)].len;
	struct nlmsghdr *nlh = (void *)(n->out + end - len);

	nlh->nlmsg_flags |= NLM_F_ACK;
}

static void
send_queue(struct netlink *n)
{
	size_t gone = 0, octets, count;

	/* A callback of resync() may append to the queue: `gone` still holds */
	while (!n->blocked && (count = next_batch(n, &octets)) > 0) {
		ssize_t r;

		ask_last(n, gone + octets, count);
		r = send(n->fd, n->out + gone, octets, MSG_DONTWAIT);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0 && (errno == EAGAIN || errno == ENOBUFS)) {
			n->blocked = true;
			break;
		}
		gone += octets;
		n->sent += count;
		stat_inc(&n->st, ST_SENDS);
		stat_add(&n->st, ST_REQUESTS, count);
		if (r < 0)
			resync(n);
	}
	if (gone > 0) {
		n->out_len -= gone;
		memmove(n->out, n->out + gone, n->out_len);
	}
}

static void
flush(void *ctx)
{
	struct netlink *n = ctx;

	send_queue(n);
	if (read_some(n) == -ENOBUFS)
		resync(n);
	send_queue(n);		/* of those who were told */
	watch(n, LOOP_READ | (n->blocked ? LOOP_WRITE : 0));
}

int
netlink_send(struct netlink *n, struct nl_msg *m, netlink_done_fn *done,
    void *ctx)
{
	struct nlmsghdr *nlh = nlmsg_hdr(m);
	struct request *rq;

	if (n->head - n->tail >= PENDING_MAX)
		return -ENOBUFS;
	if (n->head - n->tail == n->cap)
		ring_grow(n);
	nlh->nlmsg_flags |= NLM_F_REQUEST;
	nlh->nlmsg_seq = ++n->seq;
	nlh->nlmsg_pid = 0;
	/* alignment counts: the next message of the batch starts there */
	rq = &n->ring[n->head++ & (n->cap - 1)];
	*rq = (struct request){ .done = done, .ctx = ctx, .seq = n->seq,
		.len = NLMSG_ALIGN(nlh->nlmsg_len) };
	out_append(n, nlh, rq->len);
	if (!loop_hooks_ahead(n->loop))
		watch(n, LOOP_READ | LOOP_WRITE);	/* have a turn soon */
	return 0;
}

unsigned
netlink_pending(const struct netlink *n)
{
	return (unsigned)(n->head - n->tail);
}

int
netlink_drain(struct netlink *n)
{
	usec_t until = clock_mono_us(&clock_system) + DRAIN_US;

	while (n->head != n->tail) {
		struct pollfd p = { .fd = n->fd, .events = POLLIN };
		usec_t left = until - clock_mono_us(&clock_system);

		if (left <= 0)
			return -ETIMEDOUT;
		n->blocked = false;
		flush(n);
		if (n->head == n->tail)
			break;
		if (n->blocked)
			p.events |= POLLOUT;
		if (poll(&p, 1, (int)(left / 1000) + 1) > 0)
			on_readable(n, n->fd, LOOP_READ);
	}
	return 0;
}

/* --- synchronous ------------------------------------------------------- */

static int
sync_send(struct netlink *n, int fd, struct nl_msg *m, int flags)
{
	struct nlmsghdr *nlh = nlmsg_hdr(m);

	nlh->nlmsg_flags |= NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = ++n->seq;
	nlh->nlmsg_pid = 0;
	return send(fd, nlh, nlh->nlmsg_len, 0) < 0 ? -errno : 0;
}

static ssize_t
sync_receive(int fd, void *buf, size_t cap)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int r = poll(&p, 1, (int)(DRAIN_US / 1000));
		ssize_t len;

		if (r == 0)
			return -ETIMEDOUT;
		if (r < 0 && errno != EINTR)
			return -errno;
		len = receive(fd, buf, cap);
		if (len != 0)
			return len;
	}
}

/* The verdict in an acknowledgement. */
static int
sync_verdict(struct netlink *n, const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *e = NLMSG_DATA(nlh);
	const char *text = ext_text(nlh, e);

	if (e->error < 0)
		log_debug(n->log, MOD, "sync-refused", KV_ERR(e->error),
		    KV_STR("text", text != NULL ? text : ""));
	return e->error;
}

int
netlink_get(struct netlink *n, struct nl_msg *m, netlink_msg_fn *fn,
    void *ctx)
{
	int r = sync_send(n, n->sync_fd, m, NLM_F_ACK);
	uint32_t seq = n->seq;
	bool done = false;
	/* not n->in: a callback that reads it may call us */
	_Alignas(struct nlmsghdr) uint8_t buf[SYNC_CAP];

	while (r == 0 && !done) {
		ssize_t got = sync_receive(n->sync_fd, buf, sizeof(buf));
		ssize_t len = got;
		struct nlmsghdr *nlh = (void *)buf;

		if (got < 0)
			return (int)got;
		for (; !done && len > 0 && NLMSG_OK(nlh, (unsigned)len);
		    nlh = NLMSG_NEXT(nlh, len)) {
			if (nlh->nlmsg_seq != seq)
				continue;
			if (nlh->nlmsg_type != NLMSG_ERROR) {
				if (fn != NULL)
					fn(ctx, nlh);
			} else if (nlh->nlmsg_len >=
			    NLMSG_LENGTH(sizeof(struct nlmsgerr))) {
				r = sync_verdict(n, nlh);
				done = true;
			}
		}
		wipe(n->proto, buf, (size_t)got);
	}
	return r;
}

int
netlink_sync(struct netlink *n, struct nl_msg *m)
{
	return netlink_get(n, m, NULL, NULL);
}

/* The error in an NLMSG_ERROR, or in the NLMSG_DONE of a dump that failed
 * under way: both start with an int. */
static int
error_of(const struct nlmsghdr *nlh)
{
	int e;

	if (nlh->nlmsg_len < NLMSG_LENGTH(sizeof(e)))
		return 0;
	memcpy(&e, NLMSG_DATA(nlh), sizeof(e));
	return MIN_OF(e, 0);
}

struct dump {
	netlink_msg_fn *fn;
	void *ctx;
	uint32_t seq;
	bool interrupted, done;
};

/* 0 or the error that ends the dump. */
static int
dump_message(struct dump *d, const struct nlmsghdr *nlh)
{
	int r;

	if (nlh->nlmsg_seq != d->seq)
		return 0;
	if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
		d->interrupted = true;
	if (nlh->nlmsg_type == NLMSG_DONE || nlh->nlmsg_type == NLMSG_ERROR) {
		d->done = true;
		r = error_of(nlh);
		return r == 0 && d->interrupted ? -EINTR : r;
	}
	d->fn(d->ctx, nlh);
	return 0;
}

/*
 * One pass of a dump. -EINTR: the table changed meanwhile.  Socket and buffer
 * are its own: `fn` may send synchronous requests and start dumps.
 */
static int
dump_once(struct netlink *n, struct nl_msg *m, netlink_msg_fn *fn, void *ctx)
{
	struct dump d = { .fn = fn, .ctx = ctx };
	uint8_t *buf;
	int fd, r = open_socket(n->proto, &fd);

	if (r < 0)
		return r;
	buf = malloc(IN_CAP);
	if (buf == NULL)
		abort();
	r = sync_send(n, fd, m, NLM_F_DUMP);
	d.seq = n->seq;
	while (r == 0 && !d.done) {
		ssize_t len = sync_receive(fd, buf, IN_CAP);
		struct nlmsghdr *nlh = (void *)buf;

		if (len < 0)
			r = (int)len;
		for (; r == 0 && !d.done && len > 0 &&
		    NLMSG_OK(nlh, (unsigned)len); nlh = NLMSG_NEXT(nlh, len))
			r = dump_message(&d, nlh);
	}
	wipe(n->proto, buf, IN_CAP);
	free(buf);
	close(fd);
	return r;
}

int
netlink_dump(struct netlink *n, struct nl_msg *m, netlink_msg_fn *fn,
    void (*restart)(void *ctx), void *ctx)
{
	int r = -EINTR;

	for (unsigned i = 0; i < DUMP_TRIES && r == -EINTR; i++) {
		if (i > 0 && restart != NULL)
			restart(ctx);
		r = dump_once(n, m, fn, ctx);
	}
	return r;
}

/* --- life -------------------------------------------------------------- */

int
netlink_new_proto(struct loop *l, struct log *log, struct stats *stats,
    int proto, const char *name, struct netlink **ret)
{
	struct netlink *n = calloc(1, sizeof(*n));
	int r;

	if (n == NULL || (n->in = malloc(IN_CAP)) == NULL)
		abort();
	n->loop = l;
	n->log = log;
	n->proto = proto;
	n->fd = n->sync_fd = -1;
	stats_register(stats, &n->st, name, nl_stats, ST_MAX);
	if ((r = open_socket(proto, &n->fd)) < 0 ||
	    (r = open_socket(proto, &n->sync_fd)) < 0) {
		netlink_free(n);
		return r;
	}
	n->window = window_of(n->fd);
	n->watched = LOOP_READ;
	n->lfd = loop_fd_add(l, n->fd, n->watched, on_readable, n);
	n->hook = loop_hook_add(l, flush, n);
	if (n->lfd == NULL) {
		r = -errno;
		netlink_free(n);
		return r;
	}
	*ret = n;
	return 0;
}

int
netlink_new(struct loop *l, struct log *log, struct stats *stats,
    struct netlink **ret)
{
	return netlink_new_proto(l, log, stats, NETLINK_ROUTE, "netlink", ret);
}

void
netlink_free(struct netlink *n)
{
	if (n == NULL)
		return;
	loop_hook_del(n->hook);
	loop_fd_del(n->lfd);
	if (n->fd >= 0)
		close(n->fd);
	if (n->sync_fd >= 0)
		close(n->sync_fd);
	stats_unregister(&n->st);
	free(n->ring);
	free(n->out);
	free(n->in);
	free(n);
}

/* --- notifications ----------------------------------------------------- */

struct netlink_mon {
	struct netlink *netlink;
	struct loop_fd *lfd;
	int proto, fd;
	netlink_msg_fn *fn;
	void (*lost)(void *ctx);
	void *ctx;
	bool dead;			/* freed from inside a callback */
	bool busy;
	_Alignas(struct nlmsghdr) uint8_t buf[MON_BATCH][MON_CAP];
};

static void
mon_destroy(struct netlink_mon *m)
{
	loop_fd_del(m->lfd);
	if (m->fd >= 0)
		close(m->fd);
	free(m);
}

/*
 * Notifications were lost.  Those before the gap that still wait must not be
 * told after the consumer has read the tables: they would bring back what is
 * gone, and the message that says so is among the lost ones.
 */
static void
overrun(struct netlink_mon *m)
{
	ssize_t r;

	stat_inc(&m->netlink->st, ST_OVERRUN);
	do
		r = receive(m->fd, m->buf[0], MON_CAP);
	while (r > 0 || r == -ENOBUFS);
	wipe(m->proto, m->buf[0], MON_CAP);
	if (m->lost != NULL)
		m->lost(m->ctx);
}

static void
tell(struct netlink_mon *m, const uint8_t *buf, size_t octets)
{
	const struct nlmsghdr *nlh = (const void *)buf;
	int len = (int)octets;

	for (; !m->dead && NLMSG_OK(nlh, (unsigned)len);
	    nlh = NLMSG_NEXT(nlh, len))
		m->fn(m->ctx, nlh);
}

/* Several at once, for it is mostly one: no second call to learn that. How
 * many; 0 nothing there, -errno. */
static int
read_notifications(struct netlink_mon *m, struct mmsghdr *h,
    struct sockaddr_nl *from)
{
	struct iovec iov[MON_BATCH];
	int n;

	for (unsigned i = 0; i < MON_BATCH; i++) {
		iov[i] = (struct iovec){ m->buf[i], MON_CAP };
		h[i].msg_hdr = (struct msghdr){ .msg_name = &from[i],
			.msg_namelen = sizeof(from[i]), .msg_iov = &iov[i],
			.msg_iovlen = 1 };
	}
	do
		n = recvmmsg(m->fd, h, MON_BATCH, MSG_DONTWAIT, NULL);
	while (n < 0 && errno == EINTR);
	return n >= 0 ? n : errno == EAGAIN ? 0 : -errno;
}

static void
on_notification(void *ctx, int fd UNUSED, int what UNUSED)
{
	struct netlink_mon *m = ctx;
	struct sockaddr_nl from[MON_BATCH];
	struct mmsghdr h[MON_BATCH];
	int n = MON_BATCH;

	m->busy = true;
	for (unsigned i = 0; i < READS_PER_WAKEUP && !m->dead &&
	    (n == MON_BATCH || n == -ENOBUFS); i++) {
		n = read_notifications(m, h, from);
		if (n == -ENOBUFS)
			overrun(m);
		for (int k = 0; k < n && !m->dead; k++) {
			if (h[k].msg_hdr.msg_flags & MSG_TRUNC) {
				overrun(m);
				break;
			}
			if (from[k].nl_pid == 0)	/* the kernel's word */
				tell(m, m->buf[k], h[k].msg_len);
		}
		for (int k = 0; k < n; k++)
			wipe(m->proto, m->buf[k], h[k].msg_len);
	}
	m->busy = false;
	if (m->dead)
		mon_destroy(m);
}

int
netlink_monitor(struct netlink *n, const int *groups, unsigned ngroups,
    netlink_msg_fn *fn, void (*lost)(void *ctx), void *ctx,
    struct netlink_mon **ret)
{
	struct netlink_mon *m = calloc(1, sizeof(*m));
	int r;

	if (m == NULL)
		abort();
	m->netlink = n;
	m->proto = n->proto;
	m->fn = fn;
	m->lost = lost;
	m->ctx = ctx;
	r = open_socket(n->proto, &m->fd);
	if (r < 0) {
		free(m);
		return r;
	}
	for (unsigned i = 0; i < ngroups; i++) {
		if (setsockopt(m->fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP,
		    &groups[i], sizeof(groups[i])) < 0)
			r = -errno;
	}
	if (r == 0) {
		m->lfd = loop_fd_add(n->loop, m->fd, LOOP_READ,
		    on_notification, m);
		r = m->lfd != NULL ? 0 : -errno;
	}
	if (r < 0) {
		mon_destroy(m);
		return r;
	}
	*ret = m;
	return 0;
}

/*
 * The kernel runs it before it queues a notification: two numbers of the
 * message, as they lie there.
 */
int
netlink_monitor_skip_routes(struct netlink_mon *m, uint8_t proto)
{
	const unsigned type = offsetof(struct nlmsghdr, nlmsg_type);
	const unsigned at = NLMSG_HDRLEN + offsetof(struct rtmsg,
	    rtm_protocol);
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, type),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_NEWROUTE), 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_DELROUTE), 0, 2),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, at),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, proto, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog prog = { ARRAY_LEN(code), code };

	return setsockopt(m->fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog,
	    sizeof(prog)) < 0 ? -errno : 0;
}

void
netlink_monitor_free(struct netlink_mon *m)
{
	if (m == NULL)
		return;
	if (m->busy)
		m->dead = true;
	else
		mon_destroy(m);
}

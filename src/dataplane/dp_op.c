/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operations on paths: all or nothing.  The requests of one operation go out
 * together and are answered in order; the operation is answered after the
 * last.  What fails is undone before the caller hears of it.
 *
 * A later operation on the same prefix may overtake in intent: undo() of the
 * backends looks whether what it would undo is still what is wanted.
 */
#include <errno.h>

#include <sys/socket.h>

#include <linux/rtnetlink.h>
#include <netlink/msg.h>

#include "core/log.h"
#include "core/netlink.h"
#include "dataplane/dp_priv.h"

struct dp_op *
dp_op_new(struct dp_base *b, const struct dp_path *p, dp_done_fn *done,
    void *ctx)
{
	struct dp_op *op = spare_get(&b->spare_ops, sizeof(*op));

	*op = (struct dp_op){ .base = b, .done = done, .ctx = ctx, .left = 1,
		.now = *p };
	op->next = b->ops;
	op->pprev = &b->ops;
	if (op->next != NULL)
		op->next->pprev = &op->next;
	b->ops = op;
	return op;
}

/* One more answer is to come. */
static void
op_expect(struct dp_op *op)
{
	op->left++;
}

/* One answer came, or the builder is ready. */
static void
op_arrive(struct dp_op *op, int err)
{
	if (err < 0 && op->err == 0)
		op->err = err;
	if (--op->left > 0)
		return;
	*op->pprev = op->next;
	if (op->next != NULL)
		op->next->pprev = op->pprev;
	if (op->err < 0 && op->undo != NULL)
		op->undo(op);
	if (op->done != NULL)
		op->done(op->ctx, op->err);
	spare_put(&op->base->spare_ops, op);
}

static bool
is_absent(int err)
{
	return err == -ESRCH || err == -ENOENT || err == -ENODEV ||
	    err == -EADDRNOTAVAIL;
}

static void
op_complain(struct dp_op *op, int err, const char *text)
{
	log_warn(op->base->log, DP_MOD, "path-refused",
	    KV_PREFIX("prefix", &op->now.prefix), KV_ERR(err),
	    KV_STR("why", text == NULL ? "" : text));
}

static void
op_set_answer(void *ctx, int err, const char *text)
{
	if (err < 0)
		op_complain(ctx, err, text);
	op_arrive(ctx, err);
}

static void
op_del_answer(void *ctx, int err, const char *text)
{
	if (is_absent(err))
		err = 0;
	if (err < 0)
		op_complain(ctx, err, text);
	op_arrive(ctx, err);
}

void
dp_op_add(struct dp_op *op, int cmd, const struct dpnl_route *route)
{
	struct dp_base *b = op->base;
	int r;

	if (b->msg == NULL)
		b->msg = dpnl_empty();
	dpnl_route_into(b->msg, cmd, route);
	op_expect(op);
	r = netlink_send(b->nl, b->msg, cmd == RTM_DELROUTE ? op_del_answer :
	    op_set_answer, op);
	if (r < 0)
		op_arrive(op, r);
}

void
dp_op_end(struct dp_op *op)
{
	op_arrive(op, 0);
}

void
dp_op_orphan_all(struct dp_base *b)
{
	for (struct dp_op *op = b->ops; op != NULL; op = op->next)
		op->done = NULL;
}

void
dp_op_done(struct dp_base *b)
{
	spare_done(&b->spare_ops);
	nlmsg_free(b->msg);
}

static void
post_answer(void *ctx, int err, const char *text)
{
	struct dp_base *b = ctx;

	if (err < 0 && !is_absent(err))
		log_warn(b->log, DP_MOD, "request-refused", KV_ERR(err),
		    KV_STR("why", text == NULL ? "" : text));
}

void
dp_op_post(struct dp_base *b, struct nl_msg *m)
{
	int r = netlink_send(b->nl, m, post_answer, b);

	if (r == -ENOBUFS && netlink_drain(b->nl) == 0)
		r = netlink_send(b->nl, m, post_answer, b);
	if (r < 0)
		log_warn(b->log, DP_MOD, "request-lost", KV_ERR(r));
	nlmsg_free(m);
}

/* Is there something to tell? */
static bool
host_of(const struct dp_base *b, const struct dp_path *p, struct dpnl_host *ret)
{
	*ret = (struct dpnl_host){ .ifindex = p->access_ifindex,
		.addr = p->prefix.in4, .proto = b->conf.rtproto };
	return p->side == DP_PMA && p->prefix.family == AF_INET &&
	    p->access_ifindex != 0 && !mac_is_zero(&p->mac);
}

void
dp_neigh_set(struct dp_base *b, const struct dp_path *p)
{
	struct dpnl_host h;

	if (host_of(b, p, &h))
		dp_op_post(b, dpnl_host(RTM_NEWNEIGH, &h, &p->mac));
}

void
dp_neigh_del(struct dp_base *b, const struct dp_path *p)
{
	struct dpnl_host h;

	if (host_of(b, p, &h))
		dp_op_post(b, dpnl_host(RTM_DELNEIGH, &h, NULL));
}

struct dpnl_route
dp_connected(const struct dp_base *b, const struct dp_path *p)
{
	return (struct dpnl_route){ .family = p->prefix.family,
		.proto = b->conf.rtproto, .type = RTN_UNICAST,
		.dst = p->prefix, .table = RT_TABLE_MAIN,
		.oif = p->access_ifindex, .metric = DPNL_METRIC_HOSTED };
}

void
dp_hosted_by_own(struct dp_base *b, const struct dp_path *hosted, bool own)
{
	struct dpnl_route r = dp_connected(b, hosted);

	dp_op_post(b, dpnl_route(own ? RTM_NEWROUTE : RTM_DELROUTE, &r));
}

bool
dp_prefix_ok(const struct prefix *p)
{
	return (p->family == AF_INET6 && (p->len == 64 || p->len == 128)) ||
	    (p->family == AF_INET && p->len == 32);
}

bool
dp_path_ok(const struct dp_path *p)
{
	return dp_prefix_ok(&p->prefix) &&
	    (p->tunnel != NULL || p->side == DP_PMA);
}

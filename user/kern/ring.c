// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/kern/ring.h"

#include <bpf/libbpf.h>

#include "user/kern/ring_decode.h"

enum {
	BATCH = 4096,		    /* records before the loop's other sources get their turn */
	POLL_NS = 2000000,	    /* above the kernel side's QUIET_NS: what comes after an empty poll wakes us */
	SAFETY_NS = 500000000,	    /* a record whose writer was preempted before the commit may have had no wake-up */
};

struct sw_ring {
	enum sw_ring_kind kind;
	const struct sw_ring_ops *ops;
	void *arg;
	struct ring_buffer *rb;
	struct sw_source *wake, *poll;
	struct sw_seq_watch seq;
	struct sw_ring_stats stats;
	unsigned int in_batch, urgent; /* records of the drain under way; those that more may follow unannounced */
	bool is_polling;
};

/* Records about processes wake nobody, so polling for more of them would not end on a busy host. */
static bool is_urgent(const struct sw_ring *r, const struct sw_event *ev)
{
	return r->kind != SW_RING_SOCK ||
		(ev->kind != SW_EVENT_EXEC && ev->kind != SW_EVENT_FORK && ev->kind != SW_EVENT_EXIT);
}

static int take_record(void *arg, void *data, size_t len)
{
	struct sw_ring *r = arg;
	struct sw_event ev;
	int ok;

	r->in_batch++;
	r->stats.records++;
	ok = r->kind == SW_RING_SOCK  ? sw_ring_decode_sock(data, len, &ev)
		: r->kind == SW_RING_PKT ? sw_ring_decode_pkt(data, len, &ev)
					 : sw_ring_decode_inspect(data, len, &ev);
	if (r->kind == SW_RING_SOCK && len >= sizeof(struct sw_ev_head)) {
		const struct sw_ev_head *h = data;

		sw_seq_note(&r->seq, h->cpu, h->seq);
	}
	if (ok < 0) {
		r->stats.malformed++;
	} else {
		r->urgent += is_urgent(r, &ev);
		r->ops->event(&ev, r->arg);
	}
	return r->in_batch >= BATCH ? -EAGAIN : 0; /* the record is taken either way */
}

int sw_ring_drain(struct sw_ring *r)
{
	uint64_t lost;
	int n;

	r->in_batch = r->urgent = 0;
	r->stats.wakeups++;
	n = ring_buffer__consume(r->rb);
	if (n < 0 && n != -EAGAIN)
		return n;
	lost = r->kind == SW_RING_SOCK ? sw_seq_lost(&r->seq) : 0;
	r->stats.lost += lost;
	if (lost && r->ops->lost)
		r->ops->lost(lost, r->arg);
	if (r->in_batch && r->ops->drained)
		r->ops->drained(r->arg);
	return (int)r->in_batch;
}

/* A gap is sure only at the end of a second drain, so one more poll is due while one is open. */
static int drain_and_arm(struct sw_ring *r)
{
	int n = sw_ring_drain(r);

	if (n < 0)
		return n;
	if (n >= BATCH)
		return sw_source_set_timer(r->poll, 1, SAFETY_NS);
	if (r->urgent || r->seq.missing > r->seq.told) {
		r->is_polling = true;
		return sw_source_set_timer(r->poll, POLL_NS, SAFETY_NS);
	}
	if (!r->is_polling)
		return 0;
	r->is_polling = false;
	return sw_source_set_timer(r->poll, SAFETY_NS, SAFETY_NS);
}

static int on_wake(struct sw_source *s, int fd, uint32_t events, void *arg)
{
	return drain_and_arm(arg);
}

static int on_poll(struct sw_source *s, void *arg)
{
	return drain_and_arm(arg);
}

int sw_ring_new(struct sw_loop *l, enum sw_ring_kind kind, int fd, const struct sw_ring_ops *ops, void *arg,
	struct sw_ring **ret)
{
	_cleanup_(sw_ring_freep) struct sw_ring *r = calloc(1, sizeof(*r));
	int n;

	if (!r)
		return -ENOMEM;
	r->kind = kind;
	r->is_polling = true;
	r->ops = ops;
	r->arg = arg;
	r->rb = ring_buffer__new(fd, take_record, r, NULL);
	if (!r->rb)
		return -errno;
	n = sw_loop_add_fd(l, ring_buffer__epoll_fd(r->rb), EPOLLIN, on_wake, r, &r->wake);
	if (n < 0)
		return n;
	/* At once: records may have waited since before we were there, and their wake-up is over. */
	n = sw_loop_add_timer(l, 1, SAFETY_NS, on_poll, r, &r->poll);
	if (n < 0)
		return n;
	*ret = TAKE_PTR(r);
	return 0;
}

void sw_ring_free(struct sw_ring *r)
{
	if (!r)
		return;
	if (r->poll)
		sw_source_free(r->poll);
	if (r->wake)
		sw_source_free(r->wake);
	ring_buffer__free(r->rb);
	free(r);
}

void sw_ring_freep(struct sw_ring **r)
{
	sw_ring_free(*r);
}

struct sw_ring_stats sw_ring_stats(const struct sw_ring *r)
{
	return r->stats;
}

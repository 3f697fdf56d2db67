// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/engine/hold.h"

#include <sys/socket.h>

enum { TICK_SEC = 1 };

struct held {
	struct held *newer, *older;
	struct sw_hold *hold;
	struct sw_source *source;
	int fd;
	uint64_t until_ns;
	struct sw_touch touch;
	bool is_tarpit;
};

/* Two queues: each in the order of its ends, since all in one are held as long. */
struct queue {
	struct held *oldest, *newest;
};

struct sw_hold {
	struct sw_loop *loop;
	const struct sw_clock *clock;
	struct sw_source *tick;
	struct queue queues[2]; /* by is_tarpit */
	unsigned int n, max;
	uint64_t evicted;
	sw_hold_fn heard;
	void *arg;
	bool is_ticking;
};

static void let_go(struct held *c, bool is_reset)
{
	/* no TIME_WAIT: it would keep the port from a service that binds without SO_REUSEADDR */
	const struct linger now = {.l_onoff = 1};
	struct queue *q = &c->hold->queues[c->is_tarpit];

	if (is_reset)
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	sw_source_free(c->source);
	sw_close(c->fd);
	*(c->older ? &c->older->newer : &q->oldest) = c->newer;
	*(c->newer ? &c->newer->older : &q->newest) = c->older;
	c->hold->n--;
	free(c);
}

/* What comes after the first bytes stays unread: a tarpit's window fills up. */
static int on_event(struct sw_source *s, int fd, uint32_t events, void *arg)
{
	struct held *c = arg;
	char buf[SW_HOLD_FIRST_MAX];
	ssize_t n = 0;

	if (events & EPOLLIN)
		n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n > 0)
		c->hold->heard(c->hold->arg, &c->touch, buf, (size_t)n);
	if (n <= 0 || events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP))
		let_go(c, false);
	else if (!c->is_tarpit)
		let_go(c, true);
	else
		sw_source_set_events(c->source, EPOLLRDHUP);
	return 0;
}

static int on_tick(struct sw_source *s, void *arg)
{
	struct sw_hold *h = arg;
	uint64_t now = sw_clock_boot_ns(h->clock);

	for (size_t i = 0; i < SW_ARRAY_SIZE(h->queues); i++) {
		while (h->queues[i].oldest && h->queues[i].oldest->until_ns <= now)
			let_go(h->queues[i].oldest, true);
	}
	h->is_ticking = h->n > 0;
	return h->is_ticking ? 0 : sw_source_set_timer(s, 0, 0);
}

int sw_hold_new(struct sw_loop *l, const struct sw_clock *clock, unsigned int max, sw_hold_fn heard, void *arg,
	struct sw_hold **ret)
{
	struct sw_hold *h = calloc(1, sizeof(*h));
	int r;

	if (!h)
		return -ENOMEM;
	*h = (struct sw_hold){.loop = l, .clock = clock, .max = max, .heard = heard, .arg = arg};
	r = sw_loop_add_timer(l, 0, 0, on_tick, h, &h->tick);
	if (r < 0) {
		free(h);
		return r;
	}
	*ret = h;
	return 0;
}

void sw_hold_free(struct sw_hold *h)
{
	if (!h)
		return;
	for (size_t i = 0; i < SW_ARRAY_SIZE(h->queues); i++) {
		while (h->queues[i].oldest)
			let_go(h->queues[i].oldest, true);
	}
	sw_source_free(h->tick);
	free(h);
}

bool sw_hold_evict(struct sw_hold *h)
{
	struct held *c = h->queues[0].oldest ? h->queues[0].oldest : h->queues[1].oldest;

	if (!c)
		return false;
	let_go(c, true);
	h->evicted++;
	return true;
}

static void append(struct sw_hold *h, struct held *c)
{
	struct queue *q = &h->queues[c->is_tarpit];

	c->older = q->newest;
	*(c->older ? &c->older->newer : &q->oldest) = c;
	q->newest = c;
	h->n++;
}

int sw_hold_add(struct sw_hold *h, int fd, const struct sw_touch *t, bool is_tarpit)
{
	struct held *c = calloc(1, sizeof(*c));
	int r;

	if (!c) {
		sw_close(fd);
		return -ENOMEM;
	}
	while (h->n >= h->max && sw_hold_evict(h))
		;
	*c = (struct held){.hold = h, .fd = fd, .touch = *t, .is_tarpit = is_tarpit};
	c->until_ns = sw_clock_boot_ns(h->clock) + (is_tarpit ? SW_HOLD_TARPIT_SEC : SW_HOLD_CLOSE_SEC) * SW_SEC_NS;
	r = sw_loop_add_fd(h->loop, fd, EPOLLIN | EPOLLRDHUP, on_event, c, &c->source);
	if (r < 0) {
		sw_close(fd);
		free(c);
		return r;
	}
	append(h, c);
	if (!h->is_ticking)
		sw_source_set_timer(h->tick, TICK_SEC * SW_SEC_NS, TICK_SEC * SW_SEC_NS);
	h->is_ticking = true;
	return 0;
}

unsigned int sw_hold_count(const struct sw_hold *h)
{
	return h->n;
}

unsigned int sw_hold_max(const struct sw_hold *h)
{
	return h->max;
}

uint64_t sw_hold_evicted(const struct sw_hold *h)
{
	return h->evicted;
}

// SPDX-License-Identifier: GPL-3.0-or-later
/* Snapshots: asked of the guard in parts, read to their end, given to the inventory. */
#include "user/engine/watch.h"
#include "user/kern/iter.h"

#include <malloc.h>
#include <time.h>

/* After one snapshot the next waits, by what it cost: a flood of losses must not become a flood of walks. */
#define ASK_AGAIN_MAX_NS (2 * SW_SEC_NS)
#define ASK_AGAIN_MIN_NS (100 * SW_MSEC_NS)
enum { ASK_AGAIN_SHARE = 20 };
enum { ITERATORS_PER_NETNS = 3 };

struct sw_fresh {
	void (*fn)(struct sw_engine *e, void *arg);
	void *arg;
	uint64_t number; /* the snapshot it waits for */
	struct sw_fresh *next;
};

static int take(enum sw_it_type type, union sw_it it, void *arg)
{
	struct sw_inventory *inv = arg;

	switch (type) {
	case SW_IT_INET:
		sw_inventory_inet(inv, it.inet);
		break;
	case SW_IT_UNIX:
		sw_inventory_unix(inv, it.ux);
		break;
	case SW_IT_FILE:
		sw_inventory_file(inv, it.file);
		break;
	case SW_IT_TASK:
		sw_inventory_task(inv, it.task);
		break;
	case SW_IT_HELD:
		sw_inventory_held(inv, it.held);
		break;
	}
	return 0;
}

uint64_t sw_watch_cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * SW_SEC_NS + (uint64_t)t.tv_nsec;
}

static int read_part(struct sw_engine *e, const struct sw_guard_snapshot *s, const int *fds, size_t n_fds)
{
	struct sw_inventory *inv = e->watch->inv;
	int r;

	if (s->n_netns > SW_GUARD_NETNS_MAX || n_fds != s->n_tasks + s->n_netns * ITERATORS_PER_NETNS + s->n_again)
		return -EPROTO;
	for (size_t i = 0; i < s->n_netns; i++) {
		char name[sizeof(s->netns[i].name)];

		sw_strcpy(name, sizeof(name), s->netns[i].name);
		r = sw_inventory_netns(inv, s->netns[i].inode, name);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < n_fds; i++) {
		if (i >= n_fds - s->n_again && !sw_inventory_wants_files(inv))
			break;
		r = sw_iter_read(fds[i], take, inv);
		if (r < 0)
			return r;
	}
	return 0;
}

static void post(struct sw_engine *e, uint32_t after);

static void begin(struct sw_engine *e)
{
	struct sw_watch *w = e->watch;

	w->is_asking = true;
	w->is_wanted = false;
	w->asked++;
	w->cpu_ns = 0;
	sw_inventory_snapshot_begin(w->inv);
	post(e, 0);
}

/* Calls those who wait for the snapshot of this number or an earlier one. */
static void answer(struct sw_engine *e, struct sw_watch *w, uint64_t number)
{
	while (w->fresh && w->fresh->number <= number) {
		struct sw_fresh *f = w->fresh;

		w->fresh = f->next;
		f->fn(e, f->arg);
		free(f);
	}
}

static void finish(struct sw_engine *e, int result)
{
	struct sw_watch *w = e->watch;

	w->is_asking = false;
	w->finished_ns = sw_clock_boot_ns(&e->clock);
	w->next_ask_ns =
		w->finished_ns + SW_MIN(SW_MAX(w->cpu_ns * ASK_AGAIN_SHARE, ASK_AGAIN_MIN_NS), ASK_AGAIN_MAX_NS);
	sw_inventory_snapshot_end(w->inv, result >= 0);
	malloc_trim(0); /* of tables that grew, and what a burst of sockets left */
	if (result < 0) {
		sw_degraded_set(e, "snapshot", SW_SEV_LOW, "the sockets cannot be listed: %s", strerror(-result));
	} else {
		sw_degraded_clear(e, "snapshot");
		sw_watch_settled(e);
	}
	answer(e, w, w->asked);
	if (w->fresh)
		begin(e);
}

static void on_reply(const struct sw_guard_reply *reply, int *fds, size_t n_fds, void *arg)
{
	struct sw_engine *e = arg;
	int r = reply->result;
	uint64_t began;

	if (!e->watch)
		return; /* the engine is ending */
	began = sw_watch_cpu_ns();
	if (r >= 0)
		r = read_part(e, &reply->snapshot, fds, n_fds);
	e->watch->cpu_ns += sw_watch_cpu_ns() - began;
	if (r >= 0 && reply->snapshot.is_cut && reply->snapshot.n_netns) {
		post(e, reply->snapshot.netns[reply->snapshot.n_netns - 1].inode);
		return;
	}
	finish(e, r);
}

static void post(struct sw_engine *e, uint32_t after)
{
	struct sw_guard_request req = {.op = SW_GUARD_SNAPSHOT, .mode = after};
	int r = sw_guard_post(e->guard, &req, SW_GUARD_REQUEST_HEAD, -1, on_reply, e);

	if (r < 0)
		finish(e, r);
}

void sw_watch_ask(struct sw_engine *e)
{
	struct sw_watch *w = e->watch;

	if (!w->ring || w->is_asking || (!w->is_wanted && !sw_inventory_needs_snapshot(w->inv)) ||
		sw_clock_boot_ns(&e->clock) < w->next_ask_ns)
		return;
	begin(e);
}

int sw_watch_fresh(struct sw_engine *e, void (*fn)(struct sw_engine *e, void *arg), void *arg)
{
	struct sw_watch *w = e->watch;
	struct sw_fresh *f, **end;

	if (!w->ring)
		return -ENOTCONN;
	f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	*f = (struct sw_fresh){.fn = fn, .arg = arg, .number = w->asked + 1};
	for (end = &w->fresh; *end; end = &(*end)->next)
		;
	*end = f;
	if (!w->is_asking)
		begin(e);
	return 0;
}

void sw_watch_fresh_done(struct sw_engine *e, struct sw_watch *w)
{
	answer(e, w, UINT64_MAX);
}

void sw_watch_want(struct sw_engine *e)
{
	e->watch->is_wanted = true;
	sw_watch_ask(e);
}

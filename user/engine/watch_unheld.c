// SPDX-License-Identifier: GPL-3.0-or-later
/* Connections that no process holds: asked of the guard in parts when somebody wants to see them, and kept nowhere. */
#include "user/engine/watch.h"
#include "user/kern/iter.h"

struct asking {
	struct sw_engine *e;
	sw_unheld_fn fn;
	void *arg;
	struct sw_it_inet *rows;
	size_t n, room;
};

static void finish(struct asking *a, int result)
{
	a->fn(a->e, a->rows, a->n, result, a->arg);
	free(a->rows);
	free(a);
}

static int take(enum sw_it_type type, union sw_it it, void *arg)
{
	struct asking *a = arg;

	if (type != SW_IT_INET || !sw_it_inet_is_unheld(it.inet))
		return 0; /* a connection that waits to be accepted is in the inventory */
	if (a->n == SW_INVENTORY_MAX)
		return -E2BIG;
	if (a->n == a->room) {
		size_t room = a->room ? a->room * 2 : 256;
		struct sw_it_inet *grown = reallocarray(a->rows, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		a->rows = grown;
		a->room = room;
	}
	a->rows[a->n++] = *it.inet;
	return 0;
}

static int post(struct asking *a, uint32_t after);

static void on_reply(const struct sw_guard_reply *reply, int *fds, size_t n_fds, void *arg)
{
	const struct sw_guard_snapshot *s = &reply->snapshot;
	struct asking *a = arg;
	int r = reply->result;

	if (r >= 0 && (s->n_netns > SW_GUARD_NETNS_MAX || n_fds != s->n_netns))
		r = -EPROTO;
	for (size_t i = 0; i < n_fds && r >= 0; i++)
		r = sw_iter_read(fds[i], take, a);
	if (r >= 0 && s->is_cut && s->n_netns) {
		r = post(a, s->netns[s->n_netns - 1].inode);
		if (r >= 0)
			return;
	}
	finish(a, r < 0 ? r : 0);
}

static int post(struct asking *a, uint32_t after)
{
	struct sw_guard_request req = {.op = SW_GUARD_UNHELD, .mode = after};

	return sw_guard_post(a->e->guard, &req, SW_GUARD_REQUEST_HEAD, -1, on_reply, a);
}

int sw_watch_unheld(struct sw_engine *e, sw_unheld_fn fn, void *arg)
{
	struct asking *a = calloc(1, sizeof(*a));
	int r;

	if (!a)
		return -ENOMEM;
	*a = (struct asking){.e = e, .fn = fn, .arg = arg};
	r = post(a, 0);
	if (r < 0)
		free(a);
	return r;
}

// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/engine/guard_client.h"

#include <poll.h>
#include <sys/socket.h>

#include "user/base/log.h"

enum {
	CALL_TIMEOUT_MS = 10000,
	RETRY_FIRST_MS = 100,
	RETRY_MAX_MS = 2000,
	WAITING_MAX = 64, /* requests under way */
};

struct waiting {
	uint32_t id;
	sw_guard_reply_fn fn;
	void *arg;
};

struct sw_guard_client {
	struct sw_loop *loop;
	char path[256];
	sw_guard_connected_fn connected;
	sw_guard_lost_fn lost;
	void *arg;
	int fd;
	struct sw_source *source, *retry;
	uint64_t retry_ms;
	uint32_t next_id;
	struct waiting waiting[WAITING_MAX]; /* in order */
	size_t n_waiting;
	bool is_greeted; /* HELLO was answered */
	struct sw_guard_reply reply;
};

struct call {
	struct sw_guard_reply *ret;
	int *fds; /* NULL: what comes is closed */
	size_t n_fds;
	bool is_done;
	int result;
};

static void close_fds(int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sw_close(fds[i]);
}

static void schedule_retry(struct sw_guard_client *g)
{
	(void)sw_source_set_timer(g->retry, g->retry_ms * SW_MSEC_NS, 0);
	g->retry_ms = SW_MIN(g->retry_ms * 2, (uint64_t)RETRY_MAX_MS);
}

static void answer_waiting(struct sw_guard_client *g, int result)
{
	struct sw_guard_reply reply = {.version = SW_GUARD_VERSION, .result = result, .text = "the guard is gone"};

	while (g->n_waiting) {
		struct waiting w = g->waiting[0];

		g->n_waiting--;
		memmove(&g->waiting[0], &g->waiting[1], g->n_waiting * sizeof(g->waiting[0]));
		w.fn(&reply, NULL, 0, w.arg);
	}
}

static void drop(struct sw_guard_client *g)
{
	bool was_greeted = g->is_greeted;

	if (g->fd < 0)
		return;
	if (g->source)
		sw_source_free(TAKE_PTR(g->source));
	g->fd = sw_close(g->fd);
	g->is_greeted = false;
	answer_waiting(g, -ECONNRESET);
	if (was_greeted && g->lost)
		g->lost(g, g->arg);
	schedule_retry(g);
}

/* Takes out who waits for the answer id; false when nobody does. Mostly it is the first. */
static bool take_waiting(struct sw_guard_client *g, uint32_t id, struct waiting *ret)
{
	for (size_t i = 0; i < g->n_waiting; i++) {
		if (g->waiting[i].id != id)
			continue;
		*ret = g->waiting[i];
		g->n_waiting--;
		memmove(&g->waiting[i], &g->waiting[i + 1], (g->n_waiting - i) * sizeof(g->waiting[0]));
		return true;
	}
	return false;
}

/* One packet: 1 handled, -EAGAIN there is none, else the connection is done for. */
static int receive(struct sw_guard_client *g)
{
	int fds[SW_GUARD_FDS_MAX];
	size_t n_fds = SW_ARRAY_SIZE(fds);
	ssize_t n = sw_msg_recv(g->fd, &g->reply, sizeof(g->reply), fds, &n_fds);
	struct waiting w;

	if (n == -EAGAIN)
		return -EAGAIN;
	if (n <= 0)
		return n < 0 ? (int)n : -ECONNRESET;
	if ((size_t)n < offsetof(struct sw_guard_reply, ids) || g->reply.version != SW_GUARD_VERSION ||
		!take_waiting(g, g->reply.id, &w)) {
		close_fds(fds, n_fds);
		return -EPROTO;
	}
	g->reply.text[sizeof(g->reply.text) - 1] = '\0';
	w.fn(&g->reply, fds, n_fds, w.arg);
	close_fds(fds, n_fds);
	return 1;
}

static int on_readable(struct sw_source *s, int fd, uint32_t events, void *arg)
{
	struct sw_guard_client *g = arg;
	int r;

	do
		r = g->fd >= 0 ? receive(g) : -EAGAIN;
	while (r > 0);
	if (r != -EAGAIN)
		drop(g);
	return 0;
}

static int wait_for(struct sw_guard_client *g, short events)
{
	struct pollfd p = {.fd = g->fd, .events = events};
	int r = poll(&p, 1, CALL_TIMEOUT_MS);

	return r < 0 && errno != EINTR ? -errno : r == 0 ? -ETIMEDOUT : 0;
}

static int send_request(struct sw_guard_client *g, struct sw_guard_request *req, size_t bytes, int fd,
	sw_guard_reply_fn fn, void *arg)
{
	int r;

	if (g->fd < 0)
		return -ENOTCONN;
	if (g->n_waiting == WAITING_MAX)
		return -EBUSY;
	req->version = SW_GUARD_VERSION;
	req->id = ++g->next_id;
	while ((r = sw_msg_send(g->fd, req, bytes, &fd, fd >= 0)) == -EAGAIN) {
		r = wait_for(g, POLLOUT);
		if (r < 0)
			return r;
	}
	if (r < 0)
		return r;
	g->waiting[g->n_waiting++] = (struct waiting){.id = req->id, .fn = fn, .arg = arg};
	return 0;
}

int sw_guard_post(struct sw_guard_client *g, struct sw_guard_request *req, size_t bytes, int fd, sw_guard_reply_fn fn,
	void *arg)
{
	if (!g->is_greeted)
		return -ENOTCONN;
	return send_request(g, req, bytes, fd, fn, arg);
}

static void on_call_reply(const struct sw_guard_reply *reply, int *fds, size_t n_fds, void *arg)
{
	struct call *c = arg;

	c->is_done = true;
	c->result = reply->result;
	if (c->ret)
		*c->ret = *reply;
	for (size_t i = 0; c->fds && i < n_fds; i++)
		c->fds[c->n_fds++] = TAKE_FD(fds[i]);
}

static void ignore_reply(const struct sw_guard_reply *reply, int *fds, size_t n_fds, void *arg)
{
}

/* A call that was given up must not be answered into a frame that is gone. */
static void forget_call(struct sw_guard_client *g, struct call *c)
{
	for (size_t i = 0; i < g->n_waiting; i++) {
		if (g->waiting[i].arg == c)
			g->waiting[i].fn = ignore_reply;
	}
}

static int call(struct sw_guard_client *g, struct sw_guard_request *req, size_t bytes, struct call *c)
{
	int r;

	if (!g->is_greeted)
		return -ENOTCONN;
	r = send_request(g, req, bytes, -1, on_call_reply, c);
	while (r >= 0 && !c->is_done) {
		r = g->fd >= 0 ? receive(g) : -ECONNRESET;
		if (r == -EAGAIN)
			r = wait_for(g, POLLIN);
	}
	if (c->is_done)
		return SW_MIN(c->result, 0);
	forget_call(g, c);
	if (r != -EBUSY)
		drop(g);
	return r;
}

int sw_guard_call(struct sw_guard_client *g, struct sw_guard_request *req, size_t bytes, struct sw_guard_reply *ret)
{
	struct call c = {.ret = ret};

	return call(g, req, bytes, &c);
}

int sw_guard_call_fds(struct sw_guard_client *g, struct sw_guard_request *req, size_t bytes, struct sw_guard_reply *ret,
	int ret_fds[static SW_GUARD_FDS_MAX], size_t *ret_n)
{
	struct call c = {.ret = ret, .fds = ret_fds};
	int r = call(g, req, bytes, &c);

	*ret_n = c.n_fds;
	return r;
}

static void on_hello(const struct sw_guard_reply *reply, int *fds, size_t n_fds, void *arg)
{
	struct sw_guard_client *g = arg;
	struct sw_guard_ids ids = reply->ids; /* connected may call, and a call reuses the reply's memory */
	int r;

	if (reply->result < 0) {
		sw_log_warning(reply->result, "the guard refuses the engine: %s", reply->text);
		g->is_greeted = false;
		return;
	}
	if (n_fds != SW_FD_ENGINE_COUNT) {
		(void)sw_log_err(-EPROTO, "the guard gave %zu descriptors in place of %d", n_fds, SW_FD_ENGINE_COUNT);
		g->is_greeted = false;
		return;
	}
	g->is_greeted = true;
	r = g->connected(g, &ids, fds, g->arg);
	for (size_t i = 0; i < n_fds; i++)
		fds[i] = -1;
	if (r < 0)
		drop(g);
	else
		g->retry_ms = RETRY_FIRST_MS;
}

static int say_hello(struct sw_guard_client *g)
{
	struct sw_guard_request req = {.op = SW_GUARD_HELLO, .role = SW_ROLE_ENGINE};

	return send_request(g, &req, SW_GUARD_REQUEST_HEAD, -1, on_hello, g);
}

int sw_guard_client_connect(struct sw_guard_client *g)
{
	int r;

	if (g->fd >= 0)
		return g->is_greeted ? 0 : -EALREADY;
	r = sw_unix_connect(g->path, SOCK_SEQPACKET);
	if (r < 0) {
		schedule_retry(g);
		return r;
	}
	g->fd = r;
	r = sw_loop_add_fd(g->loop, g->fd, EPOLLIN, on_readable, g, &g->source);
	if (r >= 0)
		r = say_hello(g);
	while (r >= 0 && g->n_waiting && g->fd >= 0) {
		r = receive(g);
		if (r == -EAGAIN)
			r = wait_for(g, POLLIN);
	}
	if (g->is_greeted)
		return 0;
	drop(g);
	return r < 0 ? r : -EACCES;
}

static int on_retry(struct sw_source *s, void *arg)
{
	(void)sw_guard_client_connect(arg);
	return 0;
}

int sw_guard_client_new(struct sw_loop *l, const char *path, sw_guard_connected_fn connected, sw_guard_lost_fn lost,
	void *arg, struct sw_guard_client **ret)
{
	_cleanup_(sw_guard_client_freep) struct sw_guard_client *g = calloc(1, sizeof(*g));
	int r;

	if (!g)
		return -ENOMEM;
	g->loop = l;
	g->connected = connected;
	g->lost = lost;
	g->arg = arg;
	g->fd = -1;
	g->retry_ms = RETRY_FIRST_MS;
	if (!sw_strcpy(g->path, sizeof(g->path), path))
		return -ENAMETOOLONG;
	r = sw_loop_add_timer(l, 0, 0, on_retry, g, &g->retry);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(g);
	return 0;
}

void sw_guard_client_free(struct sw_guard_client *g)
{
	if (!g)
		return;
	if (g->source)
		sw_source_free(g->source);
	if (g->retry)
		sw_source_free(g->retry);
	answer_waiting(g, -ECONNRESET);
	sw_close(g->fd);
	free(g);
}

void sw_guard_client_freep(struct sw_guard_client **g)
{
	sw_guard_client_free(*g);
}

bool sw_guard_client_is_connected(const struct sw_guard_client *g)
{
	return g->is_greeted;
}

pid_t sw_guard_client_pid(const struct sw_guard_client *g)
{
	struct sw_peer peer;

	return sw_guard_client_is_connected(g) && sw_msg_peer(g->fd, &peer) == 0 ? peer.pid : 0;
}

// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/web/upstream.h"

#include "user/base/log.h"
#include "user/base/paths.h"
#include "user/ctl/client.h"

enum { PATH_SIZE = 256, RETRY_MS = 500 };

struct sw_upstream_call {
	struct sw_upstream *upstream;
	int64_t id; /* 0: free */
	uint64_t until_ns;
	sw_upstream_fn fn; /* NULL: cancelled */
	void *arg;
};

struct sw_upstream {
	struct sw_loop *loop;
	struct sw_clock clock;
	const struct sw_upstream_calls *calls;
	void *arg;
	struct sw_ctl_client *client; /* NULL: away */
	struct sw_source *source, *retry, *timeouts;
	int64_t follow_id;
	struct sw_upstream_call waiting[SW_UPSTREAM_CALLS_MAX];
	char path[PATH_SIZE];
};

static void end_call(struct sw_upstream_call *c, const json_t *reply, const char *why)
{
	sw_upstream_fn fn = c->fn;

	c->id = 0;
	if (fn)
		fn(reply, why, c->arg);
}

static void lose(struct sw_upstream *u)
{
	sw_source_free(TAKE_PTR(u->source));
	sw_ctl_client_close(TAKE_PTR(u->client));
	sw_source_set_timer(u->timeouts, 0, 0);
	for (size_t i = 0; i < SW_UPSTREAM_CALLS_MAX; i++) {
		if (u->waiting[i].id)
			end_call(&u->waiting[i], NULL, "the engine went away");
	}
	u->calls->changed(false, u->arg);
	sw_source_set_timer(u->retry, RETRY_MS * SW_MSEC_NS, 0);
}

static void take(struct sw_upstream *u, const json_t *line)
{
	int64_t id = json_integer_value(json_object_get(line, "id"));
	const json_t *item = json_object_get(line, "item");

	if (item) {
		if (id == u->follow_id)
			u->calls->event(item, u->arg);
		return;
	}
	for (size_t i = 0; i < SW_UPSTREAM_CALLS_MAX; i++) {
		if (id && u->waiting[i].id == id) {
			end_call(&u->waiting[i], line, NULL);
			return;
		}
	}
}

static int on_readable(struct sw_source *s, int fd, uint32_t events, void *arg)
{
	struct sw_upstream *u = arg;

	for (;;) {
		json_t *line = NULL;
		int r = sw_ctl_client_next(u->client, 0, &line);

		if (r == 0)
			return 0;
		if (r < 0) {
			sw_log_notice("the engine has gone: %s", strerror(-r));
			lose(u);
			return 0;
		}
		take(u, line);
		json_decref(line);
	}
}

static int connect_engine(struct sw_upstream *u)
{
	int r = sw_ctl_client_open(u->path, &u->client);

	if (r < 0)
		return r;
	r = sw_loop_add_fd(
		u->loop, sw_ctl_client_fd(u->client), EPOLLIN, on_readable, u, &u->source);
	if (r < 0)
		return r;
	u->follow_id = sw_ctl_client_send(u->client, "events", "{\"follow\":true,\"last\":0}", -1);
	return u->follow_id < 0 ? (int)u->follow_id : 0;
}

static int on_retry(struct sw_source *s, void *arg)
{
	struct sw_upstream *u = arg;
	int r = connect_engine(u);

	if (r < 0) {
		sw_source_free(TAKE_PTR(u->source));
		sw_ctl_client_close(TAKE_PTR(u->client));
		sw_source_set_timer(u->retry, RETRY_MS * SW_MSEC_NS, 0);
		return 0;
	}
	u->calls->changed(true, u->arg);
	return 0;
}

/* The id stays taken until the answer comes, so that a late one is not mistaken; but not for ever. */
static int on_timeouts(struct sw_source *s, void *arg)
{
	struct sw_upstream *u = arg;
	uint64_t now = sw_clock_boot_ns(&u->clock);
	bool is_any = false;

	for (size_t i = 0; i < SW_UPSTREAM_CALLS_MAX; i++) {
		if (u->waiting[i].id && now >= u->waiting[i].until_ns)
			end_call(&u->waiting[i], NULL, "the engine did not answer in time");
		is_any |= u->waiting[i].id != 0;
	}
	return sw_source_set_timer(s, is_any ? SW_SEC_NS : 0, 0); /* idle, it does not wake */
}

int sw_upstream_new(struct sw_loop *loop, const char *run_dir,
	const struct sw_upstream_calls *calls, void *arg, struct sw_upstream **ret)
{
	_cleanup_(sw_upstream_freep) struct sw_upstream *u = calloc(1, sizeof(*u));
	int r;

	if (!u)
		return -ENOMEM;
	u->loop = loop;
	u->calls = calls;
	u->arg = arg;
	if (!sw_path_join(u->path, sizeof(u->path), run_dir, "control.sock"))
		return -ENAMETOOLONG;
	r = sw_loop_add_timer(loop, 0, 0, on_timeouts, u, &u->timeouts);
	if (r < 0)
		return r;
	r = sw_loop_add_timer(loop, 1, 0, on_retry, u, &u->retry);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(u);
	return 0;
}

void sw_upstream_free(struct sw_upstream *u)
{
	if (!u)
		return;
	for (size_t i = 0; i < SW_UPSTREAM_CALLS_MAX; i++) {
		if (u->waiting[i].id)
			end_call(&u->waiting[i], NULL, "sockwarden-web is ending");
	}
	sw_source_free(u->source);
	sw_source_free(u->retry);
	sw_source_free(u->timeouts);
	sw_ctl_client_close(u->client);
	free(u);
}

void sw_upstream_freep(struct sw_upstream **u)
{
	sw_upstream_free(*u);
}

bool sw_upstream_is_connected(const struct sw_upstream *u)
{
	return u->client != NULL;
}

int sw_upstream_ask(struct sw_upstream *u, const char *verb, const char *args_json,
	sw_upstream_fn fn, void *arg, struct sw_upstream_call **ret)
{
	struct sw_upstream_call *c = NULL;
	bool is_any = false;
	int64_t id;

	if (!u->client)
		return -ENOTCONN;
	for (size_t i = 0; i < SW_UPSTREAM_CALLS_MAX; i++) {
		if (u->waiting[i].id)
			is_any = true;
		else
			c = &u->waiting[i];
	}
	if (!c)
		return -EBUSY;
	id = sw_ctl_client_send(u->client, verb, args_json, -1);
	if (id < 0)
		return (int)id;
	*c = (struct sw_upstream_call){.upstream = u, .id = id, .fn = fn, .arg = arg};
	c->until_ns = sw_clock_boot_ns(&u->clock) + SW_UPSTREAM_TIMEOUT_SEC * SW_SEC_NS;
	if (!is_any)
		sw_source_set_timer(u->timeouts, SW_SEC_NS, 0);
	if (ret)
		*ret = c;
	return 0;
}

void sw_upstream_cancel(struct sw_upstream_call *c)
{
	if (c)
		c->fn = NULL;
}

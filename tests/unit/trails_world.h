/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The engine's trail part in a world of its own: a guard that the test plays, and a client of the verbs. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "user/base/strbuf.h"
#include "user/ctl/client.h"
#include "user/engine/feeds.h"
#include "user/engine/health.h"
#include "user/engine/net_peer.h"
#include "user/engine/trails.h"

enum { TURNS = 1000, TURN_MS = 10 };

/*
 * The guard's side: answers HELLO, checks images, keeps the last one that it took. The test reads it when
 * the engine has the answer and nothing is under way.
 */
struct guard {
	int listen_fd, fd, stop_fd;
	pthread_t thread;
	_Atomic int refuse; /* the result of swaps; 0: takes them */
	_Atomic bool is_slow; /* a swap is answered after the next other request */
	struct sw_guard_reply held;
	unsigned int swaps;
	size_t n4, n6;
	uint32_t sets;
	struct sw_trail_entry first;
	struct sw_guard_request req;
	struct sw_guard_reply reply;
};

struct world {
	char dir[64], run[96], state[96], file[96], path[128];
	struct sw_engine e;
	struct sw_config config;
	struct guard g;
	struct sw_ctl_client *client;
};

/* ---- the guard played */

static inline void take_image(struct guard *g, int fd)
{
	struct sw_trail_view v;
	const char *why = "";
	const void *map;
	size_t len;

	assert_int_equal(sw_memfd_map_sealed(fd, SW_TRAIL_BYTES_MAX, &map, &len), 0);
	if (sw_trail_check(map, len, SW_TRAIL_IMAGE_MAGIC, &v, &why) < 0)
		fail_msg("the engine sent a bad image: %s", why);
	g->n4 = v.n4;
	g->n6 = v.n6;
	g->sets = v.head->sets;
	if (v.n4 + v.n6)
		g->first = v.entries4[0];
	munmap((void *)map, len);
	g->swaps++;
}

static inline void answer(struct guard *g, const int *fds, size_t n_fds)
{
	int given[SW_FD_ENGINE_COUNT];
	size_t n_given = 0;

	g->reply = (struct sw_guard_reply){
		.version = SW_GUARD_VERSION, .op = g->req.op, .id = g->req.id};
	if (g->req.op == SW_GUARD_HELLO) {
		for (; n_given < SW_FD_ENGINE_COUNT; n_given++)
			given[n_given] = g->listen_fd;
	} else if (g->req.op == SW_GUARD_TRAILS_SWAP) {
		assert_int_equal(n_fds, 1);
		g->reply.result = g->refuse;
		sw_strcpy(g->reply.text, sizeof(g->reply.text), g->refuse ? "no room" : "");
		if (!g->refuse)
			take_image(g, fds[0]);
	}
	if (g->req.op == SW_GUARD_TRAILS_SWAP && g->is_slow) {
		g->held = g->reply;
		return;
	}
	assert_int_equal(sw_msg_send(g->fd, &g->reply, sizeof(g->reply), given, n_given), 0);
	if (g->held.id)
		assert_int_equal(sw_msg_send(g->fd, &g->held, sizeof(g->held), NULL, 0), 0);
	g->held.id = 0;
}

/* One request; false when the engine has gone. */
static inline bool serve(struct guard *g)
{
	int fds[SW_MSG_FDS_MAX];
	size_t n_fds = SW_ARRAY_SIZE(fds);
	ssize_t n;

	memset(&g->req, 0, sizeof(g->req));
	n = sw_msg_recv(g->fd, &g->req, sizeof(g->req), fds, &n_fds);
	if (n <= 0)
		return false;
	answer(g, fds, n_fds);
	while (n_fds)
		sw_close(fds[--n_fds]);
	return true;
}

/* In a thread, because the engine waits for the answer to its HELLO. */
static inline void *guard_body(void *arg)
{
	struct guard *g = arg;
	struct pollfd p[] = {{.fd = g->stop_fd, .events = POLLIN},
		{.fd = g->listen_fd, .events = POLLIN}, {.events = POLLIN}};

	for (;;) {
		p[2].fd = g->fd;
		if (poll(p, SW_ARRAY_SIZE(p), -1) < 0 && errno != EINTR)
			break;
		if (p[0].revents)
			break;
		if (p[2].revents && !serve(g))
			g->fd = sw_close(g->fd);
		if (p[1].revents && g->fd < 0)
			g->fd = accept4(g->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	}
	g->fd = sw_close(g->fd);
	g->listen_fd = sw_close(g->listen_fd);
	return NULL;
}

static inline void guard_stop(struct world *w)
{
	assert_int_equal(eventfd_write(w->g.stop_fd, 1), 0);
	pthread_join(w->g.thread, NULL);
	w->g.stop_fd = sw_close(w->g.stop_fd);
}

static inline void guard_start(struct world *w)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/guard.sock", w->run);
	w->g.fd = -1;
	w->g.stop_fd = eventfd(0, EFD_CLOEXEC);
	w->g.listen_fd = sw_unix_listen(path, SOCK_SEQPACKET, 0600, getuid(), getgid());
	assert_true(w->g.listen_fd >= 0);
	assert_int_equal(pthread_create(&w->g.thread, NULL, guard_body, &w->g), 0);
}

static inline int on_connected(
	struct sw_guard_client *g, const struct sw_guard_ids *ids, int *fds, void *arg)
{
	struct world *w = arg;

	for (int i = 0; i < SW_FD_ENGINE_COUNT; i++)
		sw_close(fds[i]);
	return w->e.trails ? sw_part_trails.connected(&w->e) : 0;
}

static inline void on_lost(struct sw_guard_client *g, void *arg)
{
}

/* ---- the engine, as far as the part needs it */

static inline void turn_until(struct world *w, bool (*is_done)(struct world *w), const char *what)
{
	for (int i = 0; i < TURNS && !is_done(w); i++)
		assert_true(sw_loop_once(w->e.loop, TURN_MS) >= 0);
	if (!is_done(w))
		fail_msg("waited in vain: %s", what);
}

static inline bool is_quiet(struct world *w)
{
	return w->e.trails->is_loaded && !w->e.trails->running && !w->e.trails->waiting;
}

static inline bool is_connected(struct world *w)
{
	return sw_guard_client_is_connected(w->e.guard);
}

static inline bool is_swapped(struct world *w)
{
	return is_quiet(w) && !w->e.trails->needs_swap;
}

static inline void engine_start(struct world *w)
{
	const struct sw_ctl_access access = {
		.web_uid = getuid(), .reader_gid = getgid(), .admin_gid = getgid()};
	struct sw_store_opened opened;
	char path[128];

	w->e.paths.state_dir = w->state;
	w->e.config = &w->config;
	w->e.host[0] = 'h';
	assert_int_equal(sw_health_new(&w->e.health), 0);
	assert_int_equal(sw_store_open(w->state, &w->e.clock, 64, &w->e.store, &opened), 0);
	assert_int_equal(sw_events_new(&w->e.clock, 100, &w->e.events), 0);
	snprintf(path, sizeof(path), "%s/guard.sock", w->run);
	assert_int_equal(
		sw_guard_client_new(w->e.loop, path, on_connected, on_lost, w, &w->e.guard), 0);
	sw_guard_client_connect(w->e.guard);
	snprintf(path, sizeof(path), "%s/control.sock", w->run);
	assert_int_equal(sw_part_trails.init(&w->e), 0);
	assert_int_equal(
		sw_ctl_server_new(w->e.loop, path, &access, sw_part_trails.verbs, &w->e, &w->e.ctl),
		0);
	assert_int_equal(sw_ctl_client_open(path, &w->client), 0);
	turn_until(w, is_quiet, "the saved lists are loaded");
}

static inline void engine_stop(struct world *w)
{
	sw_ctl_client_close(w->client);
	sw_part_trails.done(&w->e);
	sw_ctl_server_free(w->e.ctl);
	sw_guard_client_free(w->e.guard);
	sw_events_free(w->e.events);
	sw_store_close(w->e.store);
	sw_health_free(w->e.health);
}

static inline void engine_restart(struct world *w)
{
	engine_stop(w);
	engine_start(w);
}

static inline int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	strcpy(w->dir, "/tmp/sw-trails-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->run, sizeof(w->run), "%s/run", w->dir);
	snprintf(w->state, sizeof(w->state), "%s/state", w->dir);
	snprintf(w->file, sizeof(w->file), "%s/Bad Hosts.txt", w->dir);
	assert_int_equal(mkdir(w->run, 0700) | mkdir(w->state, 0700), 0);
	w->config.trail_min_plen4 = 8;
	w->config.trail_min_plen6 = 16;
	w->config.trail_max_entries = 100000;
	assert_int_equal(sw_loop_new(&w->e.loop), 0);
	guard_start(w);
	engine_start(w);
	turn_until(w, is_connected, "the guard is there");
	turn_until(w, is_swapped, "the first swap");
	*state = w;
	return 0;
}

static inline int teardown(void **state)
{
	struct world *w = *state;
	char command[128];

	engine_stop(w);
	guard_stop(w);
	sw_loop_free(w->e.loop);
	snprintf(command, sizeof(command), "rm -r '%s'", w->dir);
	assert_int_equal(system(command), 0);
	free(w);
	return 0;
}

/* ---- asking */

static inline json_t *call(struct world *w, const char *verb, const char *args, int fd)
{
	json_t *reply = NULL;

	assert_true(sw_ctl_client_send(w->client, verb, args, fd) >= 0);
	for (int i = 0; i < TURNS; i++) {
		if (sw_ctl_client_next(w->client, 0, &reply))
			return reply;
		assert_true(sw_loop_once(w->e.loop, TURN_MS) >= 0);
	}
	fail_msg("no reply to %s", verb);
	return NULL;
}

/* Imports text as name; the whole reply. */
static inline json_t *import(struct world *w, const char *name, const char *action, const char *text)
{
	_close_ int fd = sw_memfd_sealed("text", text, strlen(text));
	char args[200];

	snprintf(args, sizeof(args), "{\"name\":\"%s\",\"action\":\"%s\"}", name, action);
	return call(w, "trails.import", args, fd);
}

static inline void import_ok(struct world *w, const char *name, const char *action, const char *text)
{
	json_t *reply = import(w, name, action, text);

	if (!json_is_true(json_object_get(reply, "ok")))
		fail_msg("refused: %s",
			json_string_value(
				json_object_get(json_object_get(reply, "error"), "message")));
	json_decref(reply);
}

static inline void expect_refusal(json_t *reply, const char *what)
{
	const char *got =
		json_string_value(json_object_get(json_object_get(reply, "error"), "message"));

	if (!got || !strstr(got, what))
		fail_msg("expected a refusal with '%s', got '%s'", what, got ? got : "none");
	json_decref(reply);
}

static inline void write_file(struct world *w, const char *text)
{
	_close_ int dirfd = open(w->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(sw_write_file_atomic(dirfd, "Bad Hosts.txt", text, strlen(text), 0644), 0);
}

static inline struct sw_trail_slot *slot(struct world *w, const char *name)
{
	return sw_trails_slot(w->e.trails, name);
}

static inline size_t count(struct world *w, const char *name)
{
	const struct sw_trail_slot *s = slot(w, name);

	return s && s->list ? sw_trail_list_count(s->list) : 0;
}

// SPDX-License-Identifier: GPL-3.0-or-later
/* The control socket, both ends, over a real socket in a directory of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "user/ctl/client.h"
#include "user/ctl/server.h"

enum { NOBODY = 65534, TURNS = 200 };

struct world {
	char dir[32], path[64];
	struct sw_loop *loop;
	struct sw_ctl_server *server;
	struct sw_ctl_client *client;
	struct sw_ctl_request *kept;
	int calls;
	char got[4096]; /* read from the descriptor that came */
};

static void verb_echo(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	struct world *w = arg;
	const char *text;
	uint64_t n;
	bool flag;
	struct sw_json *j;

	w->calls++;
	if (!sw_ctl_arg_string(q, args, "text", "none", &text) || !sw_ctl_arg_uint(q, args, "n", 7, &n) ||
		!sw_ctl_arg_bool(q, args, "flag", false, &flag))
		return;
	j = sw_ctl_reply_begin(q);
	sw_json_string(j, "text", text);
	sw_json_uint(j, "n", n);
	sw_json_bool(j, "flag", flag);
	sw_json_string(j, "by", sw_ctl_request_by(q));
	sw_ctl_reply_end(q);
}

static void verb_change(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	verb_echo(q, args, arg);
}

static void verb_keep(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	((struct world *)arg)->kept = q;
}

static void verb_follow(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	sw_ctl_item(q, "{\"n\":0}", 7);
	sw_ctl_follow(q);
}

static void verb_read(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	struct world *w = arg;
	_close_ int fd = sw_ctl_request_take_fd(q);
	ssize_t n = fd < 0 ? -1 : pread(fd, w->got, sizeof(w->got) - 1, 0);

	if (n < 0) {
		sw_ctl_fail(q, SW_CERR_USAGE, "send one", "no descriptor came");
		return;
	}
	sw_ctl_reply_begin(q);
	sw_ctl_reply_end(q);
}

static void verb_big(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	struct sw_json *j = sw_ctl_reply_begin(q);

	sw_json_array_begin(j, "rows");
	for (int i = 0; i < 200000; i++)
		sw_json_string(j, NULL, "some row of a table that is long enough");
	sw_json_array_end(j);
	sw_ctl_reply_end(q);
}

static const struct sw_ctl_verb verbs[] = {
	{"status", SW_CTL_READ, verb_echo},
	{"ban", SW_CTL_CHANGE, verb_change},
	{"keep", SW_CTL_READ, verb_keep},
	{"events", SW_CTL_READ, verb_follow},
	{"trails.import", SW_CTL_CHANGE, verb_read},
	{"big", SW_CTL_READ, verb_big},
	{},
};

static int setup(void **state)
{
	const struct sw_ctl_access access = {.web_uid = 4321, .reader_gid = 5432, .admin_gid = 6543};
	struct world *w = calloc(1, sizeof(*w));

	strcpy(w->dir, "/tmp/sw-ctl-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	assert_int_equal(chmod(w->dir, 0755), 0);
	snprintf(w->path, sizeof(w->path), "%s/control.sock", w->dir);
	assert_int_equal(sw_loop_new(&w->loop), 0);
	assert_int_equal(sw_ctl_server_new(w->loop, w->path, &access, verbs, w, &w->server), 0);
	assert_int_equal(sw_ctl_client_open(w->path, &w->client), 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	sw_ctl_client_close(w->client);
	sw_ctl_server_free(w->server);
	sw_loop_free(w->loop);
	assert_int_equal(rmdir(w->dir), 0);
	free(w);
	return 0;
}

/* Lets the server work until the client has a line. */
static json_t *next(struct world *w)
{
	json_t *line = NULL;

	for (int i = 0; i < TURNS * 10; i++) {
		int r = sw_ctl_client_next(w->client, 0, &line);

		if (r)
			return r > 0 ? line : NULL;
		assert_true(sw_loop_once(w->loop, 10) >= 0);
	}
	return NULL;
}

static void turn(struct world *w)
{
	while (sw_loop_once(w->loop, 20) > 0)
		;
}

static json_t *ask(struct world *w, const char *verb, const char *args)
{
	assert_true(sw_ctl_client_send(w->client, verb, args, -1) > 0);
	return next(w);
}

static const char *text_at(const json_t *root, const char *outer, const char *key)
{
	const char *s = json_string_value(json_object_get(json_object_get(root, outer), key));

	return s ? s : "";
}

static void a_request_is_answered_with_its_id_and_schema_version(void **state)
{
	struct world *w = *state;
	json_t *r = ask(w, "status", "{\"text\":\"a\\nb\",\"n\":42,\"flag\":true}");
	const json_t *data = json_object_get(r, "data");

	assert_int_equal(json_integer_value(json_object_get(r, "id")), 1);
	assert_true(json_is_true(json_object_get(r, "ok")));
	assert_int_equal(json_integer_value(json_object_get(data, "schema_version")), 1);
	assert_int_equal(json_integer_value(json_object_get(data, "n")), 42);
	assert_true(json_is_true(json_object_get(data, "flag")));
	assert_string_equal(text_at(r, "data", "text"), "a\nb");
	assert_string_equal(text_at(r, "data", "by"), "uid 0 (root)");
	json_decref(r);
}

static void absent_args_take_the_fallback(void **state)
{
	json_t *r = ask(*state, "status", NULL);

	assert_string_equal(text_at(r, "data", "text"), "none");
	assert_int_equal(json_integer_value(json_object_get(json_object_get(r, "data"), "n")), 7);
	json_decref(r);
}

static void what_is_wrong_with_a_request_is_said(void **state)
{
	static const struct {
		const char *verb, *args, *code, *message, *hint;
	} rows[] = {
		{"statsu", NULL, "usage", "unknown verb 'statsu'", "did you mean 'status'?"},
		{"zzzzzzzz", NULL, "usage", "unknown verb 'zzzzzzzz'", ""},
		{"status", "[]", "usage", "args must be an object", ""},
		{"status", "{\"n\":-1}", "usage", "args.n must be a whole number, 0 or more", ""},
		{"status", "{\"n\":\"1\"}", "usage", "args.n must be a whole number, 0 or more", ""},
		{"status", "{\"text\":1}", "usage", "args.text must be a text", ""},
		{"status", "{\"flag\":1}", "usage", "args.flag must be true or false", ""},
		{"trails.import", "{}", "usage", "no descriptor came", "send one"},
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		json_t *r = ask(*state, rows[i].verb, rows[i].args);

		assert_true(json_is_false(json_object_get(r, "ok")));
		assert_string_equal(text_at(r, "error", "code"), rows[i].code);
		assert_string_equal(text_at(r, "error", "message"), rows[i].message);
		assert_string_equal(text_at(r, "error", "hint"), rows[i].hint);
		json_decref(r);
	}
}

static void a_line_that_is_not_a_request_is_refused_and_the_next_is_served(void **state)
{
	static const struct {
		const char *line, *message;
	} rows[] = {
		{"{\"id\":1,\n", "not JSON"},
		{"hello\n", "not JSON"},
		{"\xff\xfe\n", "not JSON"},
		{"[1]\n", "a request must be a JSON object"},
		{"{\"id\":\"x\",\"verb\":\"status\"}\n", "id must be a whole number"},
		{"{\"id\":1}\n", "the request names no verb"},
		{"{\"id\":1,\"verb\":3}\n", "the request names no verb"},
		{"{\"id\":1,\"id\":2,\"verb\":\"status\"}\n", "not JSON"},
	};
	struct world *w = *state;
	json_t *r;

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		size_t len = strlen(rows[i].line);

		assert_int_equal(send(sw_ctl_client_fd(w->client), rows[i].line, len, 0), len);
		r = next(w);
		assert_string_equal(text_at(r, "error", "code"), "usage");
		assert_memory_equal(text_at(r, "error", "message"), rows[i].message, strlen(rows[i].message));
		json_decref(r);
	}
	r = ask(w, "status", NULL);
	assert_true(json_is_true(json_object_get(r, "ok")));
	json_decref(r);
}

static void pieces_of_a_line_and_lines_in_one_piece_are_read_alike(void **state)
{
	static const char one[] = "{\"id\":5,\"verb\":\"status\"}\n";
	static const char two[] = "{\"id\":6,\"verb\":\"status\"}\n\n{\"id\":7,\"verb\":\"status\"}\n";
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(one) - 1; i++) {
		assert_int_equal(send(sw_ctl_client_fd(w->client), one + i, 1, 0), 1);
		turn(w);
	}
	assert_int_equal(send(sw_ctl_client_fd(w->client), two, sizeof(two) - 1, 0), sizeof(two) - 1);
	for (int id = 5; id <= 7; id++) {
		json_t *r = next(w);

		assert_int_equal(json_integer_value(json_object_get(r, "id")), id);
		json_decref(r);
	}
}

static void a_line_beyond_the_limit_is_refused_and_the_peer_cut_off(void **state)
{
	struct world *w = *state;
	size_t left = SW_CONTROL_LINE_MAX + 4096;
	char junk[4096];
	json_t *r;

	memset(junk, 'x', sizeof(junk));
	while (left) {
		ssize_t n = send(sw_ctl_client_fd(w->client), junk, SW_MIN(left, sizeof(junk)), MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN)
			break; /* already cut off */
		left -= n > 0 ? (size_t)n : 0;
		sw_loop_once(w->loop, 0);
	}
	r = next(w);
	assert_string_equal(text_at(r, "error", "message"), "the request line is longer than 1 MiB");
	json_decref(r);
	assert_int_equal(sw_ctl_client_next(w->client, 0, &r), -EPIPE);
}

static void a_descriptor_goes_to_the_request_it_came_with(void **state)
{
	struct world *w = *state;
	int fd = sw_memfd_sealed("list", "192.0.2.1\n", 10);
	json_t *r;

	assert_true(sw_ctl_client_send(w->client, "status", NULL, -1) > 0);
	assert_true(sw_ctl_client_send(w->client, "trails.import", "{}", fd) > 0);
	assert_true(sw_ctl_client_send(w->client, "trails.import", "{}", -1) > 0);
	sw_close(fd);
	json_decref(next(w));
	r = next(w);
	assert_true(json_is_true(json_object_get(r, "ok")));
	assert_string_equal(w->got, "192.0.2.1\n");
	json_decref(r);
	r = next(w);
	assert_string_equal(text_at(r, "error", "message"), "no descriptor came");
	json_decref(r);
}

static void a_kept_request_is_answered_later_and_outlives_its_peer(void **state)
{
	struct world *w = *state;
	json_t *r;

	assert_true(sw_ctl_client_send(w->client, "keep", NULL, -1) > 0);
	turn(w);
	assert_non_null(w->kept);
	sw_ctl_reply_begin(w->kept);
	sw_ctl_reply_end(w->kept);
	r = next(w);
	assert_true(json_is_true(json_object_get(r, "ok")));
	json_decref(r);
	assert_true(sw_ctl_client_send(w->client, "keep", NULL, -1) > 0);
	turn(w);
	sw_ctl_client_close(TAKE_PTR(w->client));
	turn(w);
	sw_ctl_fail(w->kept, SW_CERR_INTERNAL, NULL, "nobody hears this");
	assert_int_equal(sw_ctl_client_open(w->path, &w->client), 0);
}

static void send_item(struct sw_ctl_request *q, void *arg)
{
	const char *json = arg;

	sw_ctl_item(q, json, strlen(json));
}

static void end_stream(struct sw_ctl_request *q, void *arg)
{
	sw_ctl_stream_end(q);
}

static void a_follower_gets_items_until_the_stream_ends(void **state)
{
	struct world *w = *state;
	json_t *r = ask(w, "events", "{\"kind\":\"ban\"}");

	assert_int_equal(json_integer_value(json_object_get(json_object_get(r, "item"), "n")), 0);
	json_decref(r);
	sw_ctl_each_follower(w->server, send_item, "{\"n\":1}");
	r = next(w);
	assert_int_equal(json_integer_value(json_object_get(r, "id")), 1);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(r, "item"), "n")), 1);
	json_decref(r);
	sw_ctl_each_follower(w->server, end_stream, NULL);
	r = next(w);
	assert_true(json_is_true(json_object_get(r, "ok")));
	json_decref(r);
	sw_ctl_each_follower(w->server, send_item, "{\"n\":2}");
	assert_int_equal(sw_ctl_client_next(w->client, 20, &r), 0);
}

static void a_slow_follower_loses_items_and_is_told_how_many(void **state)
{
	struct world *w = *state;
	char item[2048];
	uint64_t sent = 5000, got = 0, lost = 0;
	json_t *r = ask(w, "events", NULL);

	json_decref(r);
	snprintf(item, sizeof(item), "{\"fill\":\"%01800d\"}", 0);
	for (uint64_t i = 0; i < sent; i++)
		sw_ctl_each_follower(w->server, send_item, item);
	sw_ctl_each_follower(w->server, end_stream, NULL);
	while ((r = next(w)) && !json_object_get(r, "ok")) {
		const json_t *it = json_object_get(r, "item");

		if (json_object_get(it, "lost"))
			lost += (uint64_t)json_integer_value(json_object_get(it, "lost"));
		else
			got++;
		json_decref(r);
	}
	json_decref(r);
	assert_true(lost > 0);
	assert_int_equal(got + lost, sent);
}

static void a_reply_larger_than_the_socket_buffer_arrives_whole(void **state)
{
	struct world *w = *state;
	json_t *r = ask(w, "big", NULL);

	assert_int_equal(json_array_size(json_object_get(json_object_get(r, "data"), "rows")), 200000);
	json_decref(r);
}

static void a_peer_that_does_not_read_is_no_longer_served(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 20; i++)
		assert_true(sw_ctl_client_send(w->client, "big", NULL, -1) > 0);
	for (int i = 0; i < 20; i++)
		assert_true(sw_ctl_client_send(w->client, "status", NULL, -1) > 0);
	turn(w);
	assert_int_equal(w->calls, 0);
	for (int i = 0; i < 40; i++) {
		json_t *r = next(w);

		assert_int_equal(json_integer_value(json_object_get(r, "id")), i + 1);
		json_decref(r);
	}
	assert_int_equal(w->calls, 20);
}

/* Runs as another user: asks each verb and exits with the number of the error code seen last. */
static int child_asks(const char *path, uid_t uid, gid_t gid, const char *verb, char *out, size_t size)
{
	_cleanup_(sw_ctl_client_closep) struct sw_ctl_client *c = NULL;
	json_t *r = NULL;

	if (setgroups(0, NULL) < 0 || setgid(gid) < 0 || setuid(uid) < 0)
		return -1;
	if (sw_ctl_client_open(path, &c) < 0 || sw_ctl_client_call(c, verb, NULL, -1, &r) < 0)
		return -1;
	snprintf(out, size, "%s: %s", json_is_true(json_object_get(r, "ok")) ? "ok" : text_at(r, "error", "code"),
		text_at(r, "error", "message"));
	json_decref(r);
	return 0;
}

static void ask_as(struct world *w, uid_t uid, gid_t gid, const char *verb, char *out, size_t size)
{
	int pipe_fds[2], status = -1;
	pid_t pid;
	ssize_t n;

	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		char text[512] = "";
		int r = child_asks(w->path, uid, gid, verb, text, sizeof(text));

		(void)!write(pipe_fds[1], text, strlen(text));
		_exit(r < 0);
	}
	sw_close(pipe_fds[1]);
	while (waitpid(pid, &status, WNOHANG) == 0)
		sw_loop_once(w->loop, 10);
	n = read(pipe_fds[0], out, size - 1);
	out[n > 0 ? n : 0] = 0;
	sw_close(pipe_fds[0]);
	assert_int_equal(status, 0);
}

static void who_may_what_is_by_uid_and_group_and_a_refusal_names_the_group(void **state)
{
	static const struct {
		uid_t uid;
		gid_t gid;
		const char *verb, *answer;
	} rows[] = {
		{NOBODY, NOBODY, "status", "permission: only root and group with gid 5432 may ask"},
		{NOBODY, 5432, "status", "ok: "},
		{NOBODY, 5432, "ban", "permission: 'ban' changes things: only root and group with gid 6543 may"},
		{NOBODY, 6543, "status", "ok: "},
		{NOBODY, 6543, "ban", "ok: "},
		{4321, NOBODY, "status", "ok: "},
		{4321, NOBODY, "ban", "permission: 'ban' changes things: only root and group with gid 6543 may"},
		{0, 0, "ban", "ok: "},
	};

	if (geteuid() != 0)
		skip();
	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		char got[512];

		ask_as(*state, rows[i].uid, rows[i].gid, rows[i].verb, got, sizeof(got));
		assert_string_equal(got, rows[i].answer);
	}
}

static void where_no_group_is_there_a_refusal_names_none(void **state)
{
	const struct sw_ctl_access access = {.web_uid = 4321, .reader_gid = (gid_t)-1, .admin_gid = (gid_t)-1};
	struct world *w = *state;
	char got[512];

	if (geteuid() != 0)
		skip();
	sw_ctl_server_free(w->server);
	assert_int_equal(sw_ctl_server_new(w->loop, w->path, &access, verbs, w, &w->server), 0);
	ask_as(w, NOBODY, NOBODY, "status", got, sizeof(got));
	assert_string_equal(got, "permission: only root may ask");
	ask_as(w, 4321, NOBODY, "ban", got, sizeof(got));
	assert_string_equal(got, "permission: 'ban' changes things: only root may");
}

static void one_connection_too_many_is_told_so_and_a_freed_place_serves_again(void **state)
{
	struct world *w = *state;
	struct sw_ctl_client *others[SW_CONTROL_PEERS_MAX] = {};
	json_t *r = NULL;

	turn(w);
	for (int i = 0; i < SW_CONTROL_PEERS_MAX; i++) {
		assert_int_equal(sw_ctl_client_open(w->path, &others[i]), 0);
		turn(w);
	}
	assert_int_equal(sw_ctl_client_next(others[SW_CONTROL_PEERS_MAX - 1], 1000, &r), 1);
	assert_string_equal(text_at(r, "error", "code"), "refused");
	json_decref(r);
	for (int i = 0; i < SW_CONTROL_PEERS_MAX; i++)
		sw_ctl_client_close(others[i]);
	turn(w);
	r = ask(w, "status", NULL);
	assert_true(json_is_true(json_object_get(r, "ok")));
	json_decref(r);
}

static void a_missing_or_dead_socket_is_told_apart_from_a_live_one(void **state)
{
	struct world *w = *state;
	struct sw_ctl_client *c = NULL;
	struct sw_ctl_server *s = NULL;
	const struct sw_ctl_access access = {};
	char path[96];
	int fd;

	snprintf(path, sizeof(path), "%s/none", w->dir);
	assert_int_equal(sw_ctl_client_open(path, &c), -ENOENT);
	fd = sw_unix_listen(path, SOCK_STREAM, 0600, (uid_t)-1, (gid_t)-1);
	assert_true(fd >= 0);
	sw_close(fd);
	assert_int_equal(sw_ctl_client_open(path, &c), -ECONNREFUSED);
	assert_int_equal(sw_ctl_server_new(w->loop, w->path, &access, verbs, w, &s), -EADDRINUSE);
	assert_int_equal(sw_ctl_server_new(w->loop, path, &access, verbs, w, &s), 0);
	sw_ctl_server_free(s);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_request_is_answered_with_its_id_and_schema_version),
		TEST(absent_args_take_the_fallback),
		TEST(what_is_wrong_with_a_request_is_said),
		TEST(a_line_that_is_not_a_request_is_refused_and_the_next_is_served),
		TEST(pieces_of_a_line_and_lines_in_one_piece_are_read_alike),
		TEST(a_line_beyond_the_limit_is_refused_and_the_peer_cut_off),
		TEST(a_descriptor_goes_to_the_request_it_came_with),
		TEST(a_kept_request_is_answered_later_and_outlives_its_peer),
		TEST(a_follower_gets_items_until_the_stream_ends),
		TEST(a_slow_follower_loses_items_and_is_told_how_many),
		TEST(a_reply_larger_than_the_socket_buffer_arrives_whole),
		TEST(a_peer_that_does_not_read_is_no_longer_served),
		TEST(who_may_what_is_by_uid_and_group_and_a_refusal_names_the_group),
		TEST(where_no_group_is_there_a_refusal_names_none),
		TEST(one_connection_too_many_is_told_so_and_a_freed_place_serves_again),
		TEST(a_missing_or_dead_socket_is_told_apart_from_a_live_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

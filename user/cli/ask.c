// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/cli/cli.h"

#include <grp.h>
#include <sys/stat.h>

#include "user/cli/table.h"
#include "user/ctl/client.h"

enum { WAIT_MS = 120000 }; /* the longest work a verb does: a large list is read, merged and swapped in */

void sw_cli_args_begin(struct sw_cli_args *a)
{
	*a = (struct sw_cli_args){};
	sw_json_init(&a->j, &a->text);
	sw_json_object_begin(&a->j, NULL);
}

const char *sw_cli_args_end(struct sw_cli_args *a)
{
	sw_json_object_end(&a->j);
	return sw_strbuf_get(&a->text);
}

static int not_permitted(const char *path)
{
	char hint[160], dir[128];
	const struct group *g;
	struct stat st;

	snprintf(dir, sizeof(dir), "%.*s", (int)(strrchr(path, '/') - path), path);
	if (stat(path, &st) < 0 && stat(dir, &st) < 0)
		st.st_gid = 0;
	g = st.st_gid ? getgrgid(st.st_gid) : getgrnam("sockwarden");
	snprintf(hint, sizeof(hint), "run it as root, or join the group: usermod -aG %s USER, and log in again",
		g ? g->gr_name : "sockwarden");
	return sw_cli_error(SW_EXIT_PERMISSION, hint, "no permission to open %s", path);
}

int sw_cli_not_running(const struct sw_cli *c, int error)
{
	char path[108] = "";
	const char *start = access("/run/systemd/system", F_OK) == 0 ? "start it: systemctl start sockwardend" :
								       "start it: sockwardend --supervise";

	sw_path_join(path, sizeof(path), c->o.paths.run_dir, "control.sock");
	if (error == -EACCES)
		return not_permitted(path);
	if (error == -ETIMEDOUT)
		return sw_cli_error(SW_EXIT_NOT_RUNNING, "its log may say why: journalctl -u 'sockwarden*'",
			"the daemon does not answer at %s", path);
	return sw_cli_error(SW_EXIT_NOT_RUNNING, start, "the daemon is not running: %s: %s", path, strerror(-error));
}

int sw_cli_client(const struct sw_cli *c, struct sw_ctl_client **ret)
{
	char path[108];

	if (!sw_path_join(path, sizeof(path), c->o.paths.run_dir, "control.sock"))
		return -ENAMETOOLONG;
	return sw_ctl_client_open(path, ret);
}

static int error_status(const char *code)
{
	static const struct {
		const char *word;
		int status;
	} rows[] = {
#define ERROR_ROW(id, word, status) {word, status},
		SW_CONTROL_ERRORS(ERROR_ROW)
#undef ERROR_ROW
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		if (sw_streq(rows[i].word, code))
			return rows[i].status;
	}
	return SW_EXIT_DEGRADED;
}

/* A reply's refusal, said. */
static int refused(const json_t *reply)
{
	const json_t *e = json_object_get(reply, "error");
	const char *hint = json_string_value(json_object_get(e, "hint")), *text = sw_cli_text(e, "message");

	return sw_cli_error(error_status(sw_cli_text(e, "code")), hint, "%s",
		*text ? text : "refused without a reason");
}

/* The reply to one request, waited for within wait_ms: 0, -ETIMEDOUT, -EPIPE, -errno. */
static int call(struct sw_ctl_client *client, const char *verb, const char *args, int fd, int wait_ms, json_t **ret)
{
	int64_t id = sw_ctl_client_send(client, verb, args, fd);
	int r = id < 0 ? (int)id : sw_ctl_client_next(client, wait_ms, ret);

	return r < 0 ? r : r == 0 ? -ETIMEDOUT : 0;
}

/* *ret_error says why the daemon did not answer, where the result is SW_EXIT_NOT_RUNNING. */
static int ask(const struct sw_cli *c, const char *verb, const char *args, int fd, json_t **ret, int *ret_error)
{
	_cleanup_(sw_ctl_client_closep) struct sw_ctl_client *client = NULL;
	json_t *reply = NULL;
	int r = sw_cli_client(c, &client);

	if (r == -EACCES)
		return sw_cli_not_running(c, r);
	if (!r)
		r = call(client, verb, args, fd, c->wait_ms ? c->wait_ms : WAIT_MS, &reply);
	if (r == -EBADMSG || r == -EMSGSIZE || r == -ENOMEM)
		return sw_cli_error(SW_EXIT_DEGRADED, NULL, "no proper answer from the daemon: %s", strerror(-r));
	if (r < 0) {
		*ret_error = r;
		return SW_EXIT_NOT_RUNNING;
	}
	if (!json_is_true(json_object_get(reply, "ok"))) {
		r = refused(reply);
		json_decref(reply);
		return r;
	}
	*ret = json_incref(json_object_get(reply, "data"));
	json_decref(reply);
	return SW_EXIT_OK;
}

int sw_cli_ask_quietly(const struct sw_cli *c, const char *verb, const char *args, int fd, json_t **ret)
{
	int error;

	return ask(c, verb, args, fd, ret, &error);
}

int sw_cli_ask(const struct sw_cli *c, const char *verb, const char *args, int fd, json_t **ret)
{
	int error = 0, r = ask(c, verb, args, fd, ret, &error);

	return error ? sw_cli_not_running(c, error) : r;
}

int sw_cli_stream(const struct sw_cli *c, const char *verb, const char *args,
	int (*fn)(const struct sw_cli *c, const json_t *item, void *arg), void *arg)
{
	_cleanup_(sw_ctl_client_closep) struct sw_ctl_client *client = NULL;
	int r = sw_cli_client(c, &client);
	int64_t id;

	if (r < 0)
		return sw_cli_not_running(c, r);
	id = sw_ctl_client_send(client, verb, args, -1);
	if (id < 0)
		return sw_cli_not_running(c, (int)id);
	for (;;) {
		json_t *line = NULL;
		const json_t *item;

		r = sw_ctl_client_next(client, -1, &line);
		if (r == -EINTR)
			continue;
		if (r < 0)
			return sw_cli_error(SW_EXIT_NOT_RUNNING, NULL, "the daemon ended the stream: %s", strerror(-r));
		item = json_object_get(line, "item");
		if (item)
			r = fn(c, item, arg);
		else if (json_is_false(json_object_get(line, "ok")))
			r = refused(line);
		else
			r = -ECANCELED; /* the end of the stream */
		json_decref(line);
		if (r)
			return r == -ECANCELED ? SW_EXIT_OK : r;
	}
}

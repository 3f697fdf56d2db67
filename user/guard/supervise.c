// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/guard/supervise.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "user/base/log.h"
#include "user/io/child.h"
#include "user/io/msg.h"

enum {
	PATH_BYTES = 4096,
	ARGS_MAX = 12,
	READY_POLL_MS = 100,
	STATUS_DEGRADED = 6, /* exit status of `sockwarden status`: it has told, and something is degraded */
};

enum kind {
	KIND_ENGINE,
	KIND_NET,
	KIND_WEB,
	KIND_STATUS, /* the command line, for a run in the foreground */
	KIND_EVENTS,
	KIND_COUNT
};

static const struct child_row {
	const char *name, *program;
	const char *verb, *option; /* for the command line */
	size_t uid_at, gid_at;
	enum sw_role role;
} rows[KIND_COUNT] = {
	[KIND_ENGINE] = {"engine", "sockwarden-engine", NULL, NULL,
		offsetof(struct sw_ids, engine_uid), offsetof(struct sw_ids, engine_gid), SW_ROLE_ENGINE},
	[KIND_NET] = {"net", "sockwarden-net", NULL, NULL, offsetof(struct sw_ids, net_uid),
		offsetof(struct sw_ids, net_gid), SW_ROLE_NET},
	[KIND_WEB] = {"web", "sockwarden-web", NULL, NULL, offsetof(struct sw_ids, web_uid),
		offsetof(struct sw_ids, web_gid), SW_ROLE_WEB},
	[KIND_STATUS] = {"status", "sockwarden", "status", NULL, 0, 0, 0},
	[KIND_EVENTS] = {"events", "sockwarden", "events", "--follow", 0, 0, 0},
};

struct child {
	struct sw_supervise *owner;
	enum kind kind;
	pid_t pid; /* 0: not running */
	uint32_t restarts;
	uint64_t started_ns, pause_ms;
	bool is_idle;		 /* ended because the configuration wants nothing of it */
	struct sw_source *timer; /* until its next start */
};

struct sw_supervise {
	struct sw_loop *loop;
	struct sw_supervise_opts o;
	struct child children[KIND_COUNT];
	struct sw_source *ready; /* polls for the control socket before the command line starts */
	bool is_stopping;
};

uint64_t sw_supervise_pause_ms(uint64_t last, uint64_t ran_ns)
{
	if (!last || ran_ns >= SW_RESTART_GOOD_SEC * SW_SEC_NS)
		return SW_RESTART_FIRST_MS;
	return SW_MIN(last * 2, (uint64_t)SW_RESTART_MAX_MS);
}

static bool is_process(enum kind k)
{
	return k <= KIND_WEB;
}

static void build_args(const struct sw_supervise *s, const struct child_row *row, const char *path,
	char *argv[ARGS_MAX])
{
	size_t n = 0;

	argv[n++] = (char *)path;
	argv[n++] = (char *)"--run-dir";
	argv[n++] = (char *)s->o.paths->run_dir;
	if (row->verb) {
		argv[n++] = (char *)row->verb;
	} else {
		argv[n++] = (char *)"--state-dir";
		argv[n++] = (char *)s->o.paths->state_dir;
	}
	if (row->option)
		argv[n++] = (char *)row->option;
	argv[n] = NULL;
}

static int start_child(struct child *c)
{
	struct sw_supervise *s = c->owner;
	const struct child_row *row = &rows[c->kind];
	char path[PATH_BYTES], *argv[ARGS_MAX];
	struct sw_child child = {.path = path, .argv = argv, .n_fds = 3, .is_own_group = true};
	int r;

	if (!sw_path_join(path, sizeof(path), s->o.libexec, row->program))
		return -ENAMETOOLONG;
	if (!is_process(c->kind) &&
		access(path, X_OK) < 0) /* installed, the command line is not in libexec */
		sw_strcpy(path, sizeof(path), "/usr/bin/sockwarden");
	build_args(s, row, path, argv);
	if (is_process(c->kind)) {
		child.uid = *(const uid_t *)((const char *)s->o.ids + row->uid_at);
		child.gid = *(const gid_t *)((const char *)s->o.ids + row->gid_at);
	}
	child.fds[0] = -1;
	child.fds[1] = is_process(c->kind) ? STDERR_FILENO : STDOUT_FILENO;
	child.fds[2] = STDERR_FILENO;
	c->started_ns = sw_clock_boot_ns(s->o.clock);
	r = sw_child_start(&child, &c->pid);
	if (r < 0)
		return sw_log_err(r, "cannot start %s", path);
	return 0;
}

static void plan_restart(struct child *c)
{
	uint64_t ran = sw_clock_boot_ns(c->owner->o.clock) - c->started_ns;

	c->pid = 0;
	c->pause_ms = sw_supervise_pause_ms(c->pause_ms, ran);
	sw_source_set_timer(c->timer, c->pause_ms * SW_MSEC_NS, 0);
}

static int on_restart(struct sw_source *src, void *arg)
{
	struct child *c = arg;

	if (c->owner->is_stopping || c->pid)
		return 0;
	c->restarts++;
	if (start_child(c) < 0)
		plan_restart(c);
	return 0;
}

static void wait_ready(struct sw_supervise *s)
{
	sw_source_set_timer(s->ready, READY_POLL_MS * SW_MSEC_NS, READY_POLL_MS * SW_MSEC_NS);
}

/*
 * The command line has shown the status, be it with a word about what is degraded (6): events follow.
 * It found no engine, or its events ended because the engine went: wait for it.
 */
static void go_on_showing(struct sw_supervise *s, enum kind ended, int status)
{
	if (ended == KIND_STATUS && (status == 0 || status == STATUS_DEGRADED))
		start_child(&s->children[KIND_EVENTS]);
	else
		wait_ready(s);
}

static void on_end(struct child *c, int status)
{
	struct sw_supervise *s = c->owner;

	c->pid = 0;
	if (s->is_stopping)
		return;
	if (!is_process(c->kind)) {
		go_on_showing(s, c->kind, status);
		return;
	}
	/* status 0 is its word that the configuration wants nothing of it; systemd reads it the same way */
	if (c->kind == KIND_WEB && status == 0) {
		c->is_idle = true;
		return;
	}
	plan_restart(c);
	sw_log_warning(0, "sockwarden-%s ended (%s %d); starting it again in %llu ms",
		rows[c->kind].name, status > 128 ? "signal" : "status",
		status > 128 ? status - 128 : status, (unsigned long long)c->pause_ms);
}

static void reap(struct sw_supervise *s)
{
	for (size_t i = 0; i < KIND_COUNT; i++) {
		struct child *c = &s->children[i];
		int status;

		if (c->pid && waitpid(c->pid, &status, WNOHANG) == c->pid)
			on_end(c, sw_child_status(status));
	}
}

static int on_sigchld(struct sw_source *src, int signo, void *arg)
{
	reap(arg);
	return 0;
}

static int on_ready_poll(struct sw_source *src, void *arg)
{
	struct sw_supervise *s = arg;
	char path[PATH_BYTES];
	_close_ int fd = -1;

	if (s->is_stopping || s->children[KIND_STATUS].pid ||
		!sw_path_join(path, sizeof(path), s->o.paths->run_dir, "control.sock"))
		return 0;
	fd = sw_unix_connect(path, SOCK_STREAM);
	if (fd < 0)
		return 0;
	sw_source_set_timer(s->ready, 0, 0);
	start_child(&s->children[KIND_STATUS]);
	return 0;
}

int sw_supervise_new(
	struct sw_loop *l, const struct sw_supervise_opts *o, struct sw_supervise **ret)
{
	_cleanup_(sw_supervise_freep) struct sw_supervise *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->loop = l;
	s->o = *o;
	r = sw_loop_add_signal(l, SIGCHLD, on_sigchld, s);
	if (r >= 0)
		r = sw_loop_add_timer(l, 0, 0, on_ready_poll, s, &s->ready);
	for (size_t i = 0; i < KIND_COUNT && r >= 0; i++) {
		s->children[i] = (struct child){.owner = s, .kind = (enum kind)i};
		r = sw_loop_add_timer(l, 0, 0, on_restart, &s->children[i], &s->children[i].timer);
	}
	if (r < 0)
		return r;
	*ret = TAKE_PTR(s);
	return 0;
}

int sw_supervise_start(struct sw_supervise *s)
{
	for (size_t i = 0; i < KIND_COUNT && s->o.has_children; i++) {
		int r;

		if (!is_process((enum kind)i))
			continue;
		r = start_child(&s->children[i]);
		if (r < 0)
			return r;
	}
	if (s->o.has_show)
		wait_ready(s);
	return 0;
}

void sw_supervise_reload(struct sw_supervise *s)
{
	for (size_t i = 0; i < KIND_COUNT; i++) {
		struct child *c = &s->children[i];

		if (!c->is_idle)
			continue;
		c->is_idle = false;
		if (start_child(c) < 0)
			plan_restart(c);
	}
}

static void signal_all(const struct sw_supervise *s, int signo)
{
	for (size_t i = 0; i < KIND_COUNT; i++) {
		if (s->children[i].pid)
			kill(s->children[i].pid, signo);
	}
}

static bool is_any_left(const struct sw_supervise *s)
{
	for (size_t i = 0; i < KIND_COUNT; i++) {
		if (s->children[i].pid)
			return true;
	}
	return false;
}

void sw_supervise_stop(struct sw_supervise *s)
{
	uint64_t end = sw_clock_boot_ns(s->o.clock) + SW_STOP_SEC * SW_SEC_NS;
	const struct timespec tick = {.tv_nsec = 50 * (long)SW_MSEC_NS};
	sigset_t chld;

	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	s->is_stopping = true;
	signal_all(s, SIGTERM);
	for (;;) {
		reap(s);
		if (!is_any_left(s))
			return;
		if (sw_clock_boot_ns(s->o.clock) >= end)
			break;
		sigtimedwait(&chld, NULL, &tick);
	}
	sw_log_warning(0, "a process does not end by itself: killed");
	signal_all(s, SIGKILL);
	while (is_any_left(s)) {
		reap(s);
		sigtimedwait(&chld, NULL, &tick);
	}
}

void sw_supervise_free(struct sw_supervise *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < KIND_COUNT; i++)
		sw_source_free(s->children[i].timer);
	sw_source_free(s->ready);
	free(s);
}

void sw_supervise_freep(struct sw_supervise **s)
{
	sw_supervise_free(*s);
}

void sw_supervise_status(
	const struct sw_supervise *s, const struct sw_serve *serve, struct sw_guard_status *ret)
{
	_Static_assert(
		KIND_WEB < SW_ARRAY_SIZE(ret->children), "every process has a place in the status");
	for (size_t i = 0; i <= KIND_WEB; i++) {
		sw_strcpy(ret->children[i].name, sizeof(ret->children[i].name), rows[i].name);
		/* a unit's main process is no child of ours: it is known by its connection */
		ret->children[i].pid = (__u32)s->children[i].pid;
		if (!s->o.has_children)
			ret->children[i].pid = (__u32)sw_serve_pid(serve, rows[i].role);
		ret->children[i].restarts = s->children[i].restarts;
	}
}

// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/guard/actions.h"

#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <uthash.h>

#include "user/base/cidr.h"
#include "user/base/log.h"
#include "user/base/strbuf.h"
#include "user/io/child.h"

enum { ARGV_BYTES = 2048, ENV_MAX = 12, ENV_BYTES = 1024 };

static const char *const verb_words[SW_VERB_COUNT] = {
	"start", "stop", "ban", "unban", "check", "reload"};

struct job {
	struct job *next;
	enum sw_action_verb verb;
	struct sw_action_subject subject;
	int input; /* own, -1: none */
};

enum outcome { WAITING, DONE, FAILED };

/* A ban that the actions were told of. */
struct told {
	struct sw_net net;
	__u64 id, until_ns;
	__u8 outcome[SW_CONFIG_ACTIONS_MAX];
	UT_hash_handle hh;
};

struct action {
	struct sw_actions *owner;
	unsigned int number;
	struct sw_config_action conf;
	uid_t uid;
	gid_t gid;
	bool has_user;
	struct job *head, **tail;
	unsigned int n_queued;
	/* what runs */
	struct job *job;
	pid_t pid;
	int pidfd, output;
	struct sw_source *exit_source, *output_source, *deadline;
	char text[SW_ACTION_OUTPUT_MAX];
	size_t text_len;
};

struct sw_actions {
	struct sw_loop *loop;
	struct sw_clock clock;
	const struct sw_maps *maps;
	struct sw_gate_ctl ctl;
	struct action actions[SW_CONFIG_ACTIONS_MAX];
	unsigned int n;
	struct told *told;
	struct sw_source *check;
	bool is_on, is_active;
	unsigned int n_failed;
	struct sw_guard_backend facts;
};

static const char *command_of(const struct sw_config_action *c, enum sw_action_verb verb)
{
	switch (verb) {
	case SW_VERB_START:
		return c->start;
	case SW_VERB_STOP:
		return c->stop;
	case SW_VERB_BAN:
		return c->ban;
	case SW_VERB_UNBAN:
		return c->unban;
	case SW_VERB_CHECK:
		return c->check;
	default:
		return c->reload;
	}
}

static void note_failure(struct sw_actions *a, const struct action *x, const char *what)
{
	a->facts.error = -EIO;
	snprintf(a->facts.why, sizeof(a->facts.why), "%.31s: %.60s", x->conf.name, what);
}

/* ---- a run */

static void free_job(struct job *j)
{
	if (!j)
		return;
	sw_close(j->input);
	free(j);
}

static void start_next(struct action *x);

static void say_output(struct action *x, int status)
{
	_strbuf_ struct sw_strbuf safe = {};
	size_t len = x->text_len;

	while (len && (x->text[len - 1] == '\n' || x->text[len - 1] == '\r'))
		len--;
	sw_strbuf_safe(&safe, x->text, len);
	if (status)
		sw_log_warning(0, "action %s: %s ended with status %d%s%s", x->conf.name,
			verb_words[x->job->verb], status, len ? ": " : "", sw_strbuf_get(&safe));
	else if (len)
		sw_log_info("action %s: %s: %s", x->conf.name, verb_words[x->job->verb],
			sw_strbuf_get(&safe));
}

static struct told *find_told(const struct sw_actions *a, const struct sw_net *net)
{
	struct told *t;

	HASH_FIND(hh, a->told, net, sizeof(*net), t);
	return t;
}

static void begin_again(struct sw_actions *a, struct action *x);

static void judge(struct action *x, int status)
{
	struct sw_actions *a = x->owner;
	struct told *t = x->job->verb == SW_VERB_BAN ? find_told(a, &x->job->subject.net) : NULL;
	char what[64];

	say_output(x, status);
	if (t)
		t->outcome[x->number] = status ? FAILED : DONE;
	if (status && x->job->verb == SW_VERB_CHECK) {
		a->facts.repairs++;
		snprintf(a->facts.why, sizeof(a->facts.why),
			"%.31s: check failed; every ban is run again", x->conf.name);
		begin_again(a, x);
		return;
	}
	if (!status)
		return;
	snprintf(what, sizeof(what), "%s ended with status %d", verb_words[x->job->verb], status);
	note_failure(a, x, what);
}

static void read_output(struct action *x)
{
	char buf[512];

	for (;;) {
		ssize_t n = read(
			x->output, buf, sizeof(buf)); /* what does not fit is read and forgotten */
		size_t take;

		if (n <= 0) {
			if (n == 0 || errno != EAGAIN)
				sw_source_free(TAKE_PTR(x->output_source));
			return;
		}
		take = SW_MIN((size_t)n, sizeof(x->text) - x->text_len);
		memcpy(x->text + x->text_len, buf, take);
		x->text_len += take;
	}
}

static int on_output(struct sw_source *s, int fd, uint32_t events, void *arg)
{
	read_output(arg);
	return 0;
}

static void end_run(struct action *x)
{
	sw_source_free(TAKE_PTR(x->exit_source));
	sw_source_free(TAKE_PTR(x->output_source));
	sw_close(TAKE_FD(x->pidfd));
	sw_close(TAKE_FD(x->output));
	sw_source_set_timer(x->deadline, 0, 0);
	free_job(TAKE_PTR(x->job));
	x->pid = 0;
	x->text_len = 0;
}

static int on_exit_of(struct sw_source *s, int fd, uint32_t events, void *arg)
{
	struct action *x = arg;
	int status = 0;

	if (waitpid(x->pid, &status, WNOHANG) != x->pid)
		return 0;
	if (x->output_source)
		read_output(x);
	kill(-x->pid, SIGKILL); /* children that it left in its group */
	judge(x, sw_child_status(status));
	end_run(x);
	start_next(x);
	return 0;
}

static int on_deadline(struct sw_source *s, void *arg)
{
	struct action *x = arg;

	if (!x->pid)
		return 0;
	sw_log_warning(0, "action %s: %s ran longer than %llu s, killed", x->conf.name,
		verb_words[x->job->verb], (unsigned long long)x->conf.timeout_sec);
	kill(-x->pid, SIGKILL);
	return 0;
}

struct environment {
	char text[ENV_BYTES], *at, *list[ENV_MAX + 1];
	size_t n;
};

static void add_env(struct environment *e, const char *name, const char *value)
{
	size_t room = (size_t)(e->text + sizeof(e->text) - e->at);
	int len = snprintf(e->at, room, "%s=%s", name, value);

	if (len < 0 || (size_t)len >= room || e->n == ENV_MAX)
		return;
	e->list[e->n++] = e->at;
	e->list[e->n] = NULL;
	e->at += len + 1;
}

static void make_env(struct environment *e, const struct action *x, const struct job *j)
{
	char net[SW_NET_TEXT_MAX], number[24];
	struct sw_net host = j->subject.net;

	e->at = e->text;
	e->n = 0;
	add_env(e, "PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
	add_env(e, "LC_ALL", "C.UTF-8");
	add_env(e, "SW_ACTION", x->conf.name);
	add_env(e, "SW_VERB", verb_words[j->verb]);
	if (!host.family)
		return;
	host.plen = host.family == SW_AF_IP4 ? 32 : 128;
	add_env(e, "SW_IP", sw_cidr_format(net, &host));
	add_env(e, "SW_NET", sw_cidr_format(net, &j->subject.net));
	add_env(e, "SW_FAMILY", host.family == SW_AF_IP4 ? "4" : "6");
	snprintf(number, sizeof(number), "%llu", (unsigned long long)j->subject.id);
	add_env(e, "SW_ID", number);
	snprintf(number, sizeof(number), "%llu", (unsigned long long)j->subject.for_sec);
	add_env(e, "SW_FOR", number);
}

static int watch_run(struct action *x)
{
	int r;

	x->pidfd = (int)syscall(SYS_pidfd_open, x->pid, 0);
	if (x->pidfd < 0)
		return -errno;
	fcntl(x->pidfd, F_SETFD, FD_CLOEXEC);
	r = sw_loop_add_fd(x->owner->loop, x->pidfd, EPOLLIN, on_exit_of, x, &x->exit_source);
	if (r >= 0)
		r = sw_loop_add_fd(
			x->owner->loop, x->output, EPOLLIN, on_output, x, &x->output_source);
	return r < 0 ? r : sw_source_set_timer(x->deadline, x->conf.timeout_sec * SW_SEC_NS, 0);
}

static int run(struct action *x)
{
	char buf[ARGV_BYTES], *argv[SW_ACTION_WORDS_MAX + 1];
	struct environment env;
	int r = sw_action_argv(
		    command_of(&x->conf, x->job->verb), &x->job->subject, buf, sizeof(buf), argv),
	    out[2];
	struct sw_child child = {
		.argv = argv, .uid = x->uid, .gid = x->gid, .n_fds = 3, .is_own_group = true};

	if (r < 0)
		return r;
	if (!x->has_user)
		return -ENOENT;
	if (pipe2(out, O_CLOEXEC) < 0)
		return -errno;
	make_env(&env, x, x->job);
	child.path = argv[0];
	child.env = env.list;
	child.fds[0] = x->job->input;
	child.fds[1] = child.fds[2] = out[1];
	r = sw_child_start(&child, &x->pid);
	sw_close(out[1]);
	x->output = out[0];
	fcntl(x->output, F_SETFL, O_NONBLOCK);
	if (r < 0) {
		x->pid = 0;
		return r;
	}
	r = watch_run(x);
	if (r < 0) {
		kill(-x->pid, SIGKILL);
		(void)sw_child_wait(x->pid);
	}
	return r;
}

static void start_next(struct action *x)
{
	while (!x->job && x->head) {
		int r;

		x->job = x->head;
		x->head = x->job->next;
		if (!x->head)
			x->tail = &x->head;
		x->n_queued--;
		r = run(x);
		if (r >= 0)
			return;
		sw_log_err(r, "action %s: %s cannot be run%s", x->conf.name,
			verb_words[x->job->verb], x->has_user ? "" : ": there is no such user");
		judge(x, 127);
		end_run(x);
	}
}

/* ---- queues */

static int queue(
	struct action *x, enum sw_action_verb verb, const struct sw_action_subject *s, int input)
{
	struct job *j;

	if (!command_of(&x->conf, verb)[0]) {
		sw_close(input);
		return -ENOENT;
	}
	j = x->n_queued < SW_ACTION_QUEUE_MAX ? calloc(1, sizeof(*j)) : NULL;
	if (!j) {
		sw_close(input);
		note_failure(x->owner, x,
			"more waits than may; what is left out is run at the next check");
		return -EBUSY;
	}
	j->verb = verb;
	j->input = input;
	if (s)
		j->subject = *s;
	*x->tail = j;
	x->tail = &j->next;
	x->n_queued++;
	start_next(x);
	return 0;
}

static void empty(struct action *x)
{
	struct job *j = x->head, *next;

	for (; j; j = next) {
		next = j->next;
		free_job(j);
	}
	x->head = NULL;
	x->tail = &x->head;
	x->n_queued = 0;
}

static void run_ban(struct sw_actions *a, struct action *x, struct told *t)
{
	uint64_t now = sw_clock_boot_ns(&a->clock) + a->ctl.clock_offset_ns;
	const struct sw_action_subject s = {.net = t->net,
		.id = t->id,
		.for_sec = t->until_ns > now ? (t->until_ns - now + SW_SEC_NS - 1) / SW_SEC_NS : 0};
	int r;

	t->outcome[x->number] = WAITING;
	r = queue(x, SW_VERB_BAN, &s, -1);
	if (r < 0)
		t->outcome[x->number] =
			r == -ENOENT ? DONE : FAILED; /* no command: its file holds it */
}

static void begin_again(struct sw_actions *a, struct action *x)
{
	struct told *t, *next;

	empty(x);
	(void)queue(x, SW_VERB_START, NULL, -1);
	HASH_ITER (hh, a->told, t, next)
		run_ban(a, x, t);
}

static void tell(struct sw_actions *a, const struct sw_net *net, __u64 until_ns, __u64 id)
{
	struct told *t = find_told(a, net);

	if (t || HASH_COUNT(a->told) >= SW_ACTION_BANS_MAX)
		return;
	t = calloc(1, sizeof(*t));
	if (!t)
		return;
	t->net = *net;
	t->id = id;
	t->until_ns = until_ns;
	HASH_ADD(hh, a->told, net, sizeof(t->net), t);
	for (unsigned int i = 0; i < a->n; i++)
		run_ban(a, &a->actions[i], t);
}

static void forget(struct sw_actions *a, struct told *t)
{
	HASH_DEL(a->told, t);
	free(t);
}

static void forget_all(struct sw_actions *a)
{
	struct told *t, *next;

	HASH_ITER (hh, a->told, t, next)
		forget(a, t);
}

static void untell(struct sw_actions *a, struct told *t)
{
	const struct sw_action_subject s = {.net = t->net, .id = t->id};

	for (unsigned int i = 0; i < a->n; i++)
		(void)queue(&a->actions[i], SW_VERB_UNBAN, &s, -1);
	forget(a, t);
}

static int on_ban(const struct sw_net *net, void *arg)
{
	struct sw_actions *a = arg;
	struct sw_ban_val v;

	if (sw_maps_ban_get(a->maps, net, &v) >= 0 &&
		(!v.until_ns || v.until_ns > sw_clock_boot_ns(&a->clock) + a->ctl.clock_offset_ns))
		tell(a, net, v.until_ns, v.id);
	return 0;
}

/* What failed is tried again, and what somebody else undid is noticed by the command that knows. */
static int on_check(struct sw_source *s, void *arg)
{
	struct sw_actions *a = arg;
	struct told *t, *next;

	if (!a->is_active)
		return 0;
	a->facts.error = 0;
	HASH_ITER (hh, a->told, t, next) {
		for (unsigned int i = 0; i < a->n; i++) {
			if (t->outcome[i] == FAILED)
				run_ban(a, &a->actions[i], t);
		}
	}
	for (unsigned int i = 0; i < a->n; i++)
		(void)queue(&a->actions[i], SW_VERB_CHECK, NULL, -1);
	return 0;
}

static void set_active(struct sw_actions *a, bool is_active)
{
	struct told *t, *next;

	if (is_active == a->is_active)
		return;
	a->is_active = is_active;
	if (is_active) {
		for (unsigned int i = 0; i < a->n; i++)
			(void)queue(&a->actions[i], SW_VERB_START, NULL, -1);
		(void)sw_maps_ban_each(a->maps, on_ban, a);
	}
	for (unsigned int i = 0; i < a->n && !is_active; i++) {
		struct action *x = &a->actions[i];

		empty(x);
		if (queue(x, SW_VERB_STOP, NULL, -1) >= 0)
			continue;
		HASH_ITER (hh, a->told, t, next) {
			const struct sw_action_subject subject = {.net = t->net, .id = t->id};

			(void)queue(x, SW_VERB_UNBAN, &subject, -1);
		}
	}
	if (!is_active)
		forget_all(a);
	sw_source_set_timer(a->check, is_active ? SW_ACTION_CHECK_SEC * SW_SEC_NS : 0,
		is_active ? SW_ACTION_CHECK_SEC * SW_SEC_NS : 0);
}

/* ---- what the guard calls */

int sw_actions_new(struct sw_loop *l, const struct sw_clock *clock, const struct sw_maps *maps,
	struct sw_actions **ret)
{
	_cleanup_(sw_actions_freep) struct sw_actions *a = calloc(1, sizeof(*a));
	int r = 0;

	if (!a)
		return -ENOMEM;
	a->loop = l;
	a->clock = *clock;
	a->maps = maps;
	for (unsigned int i = 0; i < SW_CONFIG_ACTIONS_MAX && r >= 0; i++) {
		struct action *x = &a->actions[i];

		x->owner = a;
		x->number = i;
		x->tail = &x->head;
		x->pidfd = x->output = -1;
		r = sw_loop_add_timer(l, 0, 0, on_deadline, x, &x->deadline);
	}
	if (r >= 0)
		r = sw_loop_add_timer(l, 0, 0, on_check, a, &a->check);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(a);
	return 0;
}

static void end_action(struct action *x)
{
	empty(x);
	if (!x->pid)
		return;
	kill(-x->pid, SIGKILL);
	(void)sw_child_wait(x->pid);
	end_run(x);
}

void sw_actions_free(struct sw_actions *a)
{
	if (!a)
		return;
	for (unsigned int i = 0; i < SW_CONFIG_ACTIONS_MAX; i++) {
		end_action(&a->actions[i]);
		sw_source_free(a->actions[i].deadline);
	}
	sw_source_free(a->check);
	forget_all(a);
	free(a);
}

void sw_actions_freep(struct sw_actions **a)
{
	sw_actions_free(*a);
}

static bool is_same(const struct sw_actions *a, const struct sw_config *c)
{
	if (a->n != c->n_actions)
		return false;
	for (unsigned int i = 0; i < a->n; i++) {
		if (memcmp(&a->actions[i].conf, &c->actions[i], sizeof(c->actions[i])) != 0)
			return false;
	}
	return true;
}

static void take_actions(struct sw_actions *a, const struct sw_config *c)
{
	a->n = c->n_actions;
	for (unsigned int i = 0; i < a->n; i++) {
		struct action *x = &a->actions[i];
		const struct passwd *pw = getpwnam(c->actions[i].user);

		end_action(x);
		x->conf = c->actions[i];
		x->has_user = pw;
		x->uid = pw ? pw->pw_uid : 0;
		x->gid = pw ? pw->pw_gid : 0;
		if (!pw)
			sw_log_err(0, "action %s: there is no user '%s': nothing of it is run",
				x->conf.name, x->conf.user);
	}
}

void sw_actions_configure(
	struct sw_actions *a, const struct sw_config *c, const struct sw_gate_ctl *ctl)
{
	a->ctl = *ctl;
	if (!is_same(a, c)) {
		set_active(a,
			false); /* by the old commands, as far as they run before they are replaced */
		take_actions(a, c);
	}
	a->is_on = c->ban_backends & 1U << SW_BACKEND_EXEC;
	a->facts.is_on = a->is_on;
	if (!a->is_on)
		a->facts.error = 0;
	set_active(a, a->is_on && ctl->mode == SW_MODE_ENFORCE && !ctl->enforce_until_ns);
}

void sw_actions_put(struct sw_actions *a, const struct sw_guard_ban *bans, size_t n)
{
	for (size_t i = 0; a->is_active && i < n; i++)
		tell(a, &bans[i].net, bans[i].until_ns, bans[i].id);
}

void sw_actions_del(struct sw_actions *a, const struct sw_guard_ban *bans, size_t n)
{
	for (size_t i = 0; a->is_active && i < n; i++) {
		struct told *t = find_told(a, &bans[i].net);

		if (t)
			untell(a, t);
	}
}

void sw_actions_reload(struct sw_actions *a, unsigned int i)
{
	if (i < a->n)
		(void)queue(&a->actions[i], SW_VERB_RELOAD, NULL, -1);
}

static bool is_busy(const struct sw_actions *a)
{
	for (unsigned int i = 0; i < a->n; i++) {
		if (a->actions[i].pid)
			return true;
	}
	return false;
}

void sw_actions_finish(struct sw_actions *a)
{
	uint64_t end_ns = sw_clock_boot_ns(&a->clock) + SW_ACTION_FINISH_SEC * SW_SEC_NS;

	set_active(a, false);
	while (is_busy(a) && sw_clock_boot_ns(&a->clock) < end_ns &&
		sw_loop_once(a->loop, 100) >= 0)
		;
}

void sw_actions_status(const struct sw_actions *a, struct sw_guard_backend *ret)
{
	*ret = a->facts;
	ret->entries = HASH_COUNT(a->told);
}

enum sw_verdict_state sw_actions_verdict(const struct sw_actions *a, const struct sw_net *net)
{
	const struct told *t = find_told(a, net);
	enum sw_verdict_state state = SW_VERDICT_INSTALLED;

	if (!a->is_on)
		return 0;
	if (!a->is_active)
		return SW_VERDICT_REMOVED;
	for (unsigned int i = 0; t && i < a->n; i++) {
		if (t->outcome[i] == FAILED)
			return SW_VERDICT_FAILED;
		if (t->outcome[i] == WAITING)
			state = SW_VERDICT_REMOVED;
	}
	return t ? state : SW_VERDICT_FAILED;
}

// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/net/runner.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "user/base/log.h"
#include "user/base/strbuf.h"
#include "user/io/msg.h"

enum { SAID_MAX = 160 }; /* bytes kept of what the program says when it fails */

struct answer {
	uint32_t id;
	int32_t result;
	char text[SAID_MAX + 96];
};

struct request {
	uint32_t id;
	char word[SW_RUNNER_WORD_BYTES_MAX];
};

struct sw_runner {
	int fd;
	pid_t pid;
	struct sw_loop *loop;
	struct sw_source *source;
	sw_runner_done_fn done;
	void *arg;
	const char *name;
	bool is_busy;
	uint32_t id;
};

/* ---- in the starter */

/* A new memfd, read from its start. */
static int to_local_lines(int fd)
{
	_free_ char *text = NULL;
	_close_ int out = memfd_create("sockwarden-run", MFD_CLOEXEC);
	size_t len, n = 0;
	int r;

	if (out < 0)
		return -errno;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	r = sw_read_all(fd, SW_RUNNER_INPUT_MAX, &text, &len);
	if (r < 0)
		return r;
	for (size_t i = 0; i < len; i++) {
		if (text[i] != '\r' || text[i + 1] != '\n')
			text[n++] = text[i];
	}
	r = sw_write_all(out, text, n);
	if (r < 0)
		return r;
	if (lseek(out, 0, SEEK_SET) < 0)
		return -errno;
	return TAKE_FD(out);
}

static int open_input(const struct sw_runner_program *p, int fd)
{
	int r;

	if (fd < 0) {
		r = open("/dev/null", O_RDONLY | O_CLOEXEC);
		return r < 0 ? -errno : r;
	}
	if (p->has_local_lines)
		return to_local_lines(fd);
	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	r = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return r < 0 ? -errno : r;
}

static void run_program(const struct sw_runner_program *p, const char *word, int in, int out)
{
	static char *const env[] = {
		(char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin", (char *)"LC_ALL=C", NULL};
	char *argv[SW_RUNNER_WORDS_MAX + 2] = {};
	unsigned int n = 0;
	sigset_t none;

	for (; n < p->n_words; n++)
		argv[n] = (char *)p->words[n];
	if (word[0])
		argv[n] = (char *)word;
	setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		_exit(126);
	close_range(3, ~0U, 0);
	execve(argv[0], argv, env);
	dprintf(2, "%s: %s", argv[0], strerror(errno));
	_exit(127);
}

static int64_t now_ms(void)
{
	struct sw_clock clock = {};

	return (int64_t)(sw_clock_boot_ns(&clock) / SW_MSEC_NS);
}

enum ending { ENDED, LATE, TOO_MUCH };

/* False when nothing is to be read of fd until then. */
static bool wait_for(int fd, int64_t until_ms)
{
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int64_t left = until_ms - now_ms();
		int r = left > 0 ? poll(&p, 1, (int)left) : 0;

		if (r >= 0 || errno != EINTR)
			return r > 0;
	}
}

/* Reads what it says until it closes its output or the time is over. */
static enum ending listen_to(const struct sw_runner_program *prog, int fd, int64_t until_ms, struct sw_strbuf *said)
{
	size_t max = SW_MAX(prog->output_max, (size_t)SAID_MAX);

	for (;;) {
		char buf[4096];
		ssize_t n;

		if (!wait_for(fd, until_ms))
			return LATE;
		n = read(fd, buf, sizeof(buf));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return ENDED;
		if (said->len < max)
			sw_strbuf_add(said, buf, SW_MIN((size_t)n, max - said->len));
		if (prog->output_max && said->len == max)
			return TOO_MUCH;
	}
}

/* One that closed its output may go on for ever all the same. */
static bool does_end(pid_t pid, int64_t until_ms)
{
	_close_ int fd = (int)syscall(SYS_pidfd_open, pid, 0); /* kernel 5.3 */

	return fd < 0 || wait_for(fd, until_ms);
}

static void judge(const struct sw_runner_program *p, struct answer *a, int status, enum ending end,
	const struct sw_strbuf *said)
{
	_strbuf_ struct sw_strbuf safe = {};
	size_t line = SW_MIN(strcspn(sw_strbuf_get(said), "\r\n"), (size_t)SAID_MAX);

	if (end == LATE) {
		a->result = -ETIMEDOUT;
		snprintf(a->text, sizeof(a->text), "%s did not end within %u s", p->name, p->timeout_sec);
		return;
	}
	if (end == TOO_MUCH || (WIFEXITED(status) && WEXITSTATUS(status) == 0))
		return;
	a->result = WIFEXITED(status) && WEXITSTATUS(status) == 127 ? -ENOENT : -EIO;
	sw_strbuf_safe(&safe, sw_strbuf_get(said), line);
	if (WIFSIGNALED(status))
		snprintf(a->text, sizeof(a->text), "%s was ended by signal %d", p->name, WTERMSIG(status));
	else
		snprintf(a->text, sizeof(a->text), "%s ended with status %d: %.*s", p->name,
			WEXITSTATUS(status), SAID_MAX, sw_strbuf_get(&safe));
}

static int run_once(const struct sw_runner_program *p, const char *word, int input, struct answer *a, int *ret_output)
{
	_strbuf_ struct sw_strbuf said = {};
	_close_ int in = open_input(p, input), out = -1, their_out = -1;
	int64_t until_ms = now_ms() + (int64_t)p->timeout_sec * 1000;
	int pipes[2], status = 0;
	enum ending end;
	pid_t pid;

	if (in < 0)
		return in;
	if (pipe2(pipes, O_CLOEXEC) < 0)
		return -errno;
	out = pipes[0];
	their_out = pipes[1];
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		run_program(p, word, in, their_out);
	their_out = sw_close(their_out);
	end = listen_to(p, out, until_ms, &said);
	if (end == ENDED && !does_end(pid, until_ms))
		end = LATE;
	if (end != ENDED) {
		kill(-pid, SIGKILL);
		kill(pid, SIGKILL); /* before it has its own group */
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	judge(p, a, status, end, &said);
	if (a->result == 0 && p->output_max && said.len && !said.is_failed)
		*ret_output = sw_memfd_sealed("sockwarden-said", said.text, said.len);
	return 0;
}

static void be_starter(const struct sw_runner_program *p, int sock)
{
	for (;;) {
		struct pollfd poll_fd = {.fd = sock, .events = POLLIN};
		_close_ int fd = -1, output = -1;
		struct answer a = {};
		struct request q;
		size_t n_fds = 1;
		ssize_t n;
		int r;

		if (poll(&poll_fd, 1, -1) < 0)
			continue;
		n = sw_msg_recv(sock, &q, sizeof(q), &fd, &n_fds);
		if (n == -EAGAIN)
			continue;
		if (n != sizeof(q))
			_exit(0);
		q.word[sizeof(q.word) - 1] = 0;
		a.id = q.id;
		r = run_once(p, q.word, fd, &a, &output);
		if (r < 0) {
			a.result = r;
			snprintf(a.text, sizeof(a.text), "%s: %s", p->name, strerror(-r));
		}
		if (sw_msg_send(sock, &a, sizeof(a), &output, output >= 0) < 0)
			_exit(1);
	}
}

static void become_starter(const struct sw_runner_program *p, int sock, pid_t parent)
{
	sigset_t none;
	char name[16];

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGINT, SIG_IGN); /* Ctrl-C is for the parent; its end is ours */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(1);
	snprintf(name, sizeof(name), "sw-%s", p->name);
	prctl(PR_SET_NAME, name);
	if (dup2(sock, 3) < 0)
		_exit(1);
	close_range(4, ~0U, 0);
	be_starter(p, 3);
}

/* ---- in sockwarden-net */

static int on_answer(struct sw_source *source, int fd, uint32_t events, void *arg)
{
	struct sw_runner *s = arg;
	_close_ int output = -1;
	struct answer a;
	size_t n_fds = 1;
	ssize_t n = sw_msg_recv(fd, &a, sizeof(a), &output, &n_fds);

	if (!n_fds)
		output = -1;
	if (n == -EAGAIN)
		return 0;
	if (n != sizeof(a))
		return sw_log_err(-EPIPE, "the starter of %s has ended", s->name);
	a.text[sizeof(a.text) - 1] = 0;
	s->is_busy = false;
	s->done(a.id, a.result, a.text, output, s->arg);
	return 0;
}

int sw_runner_words(struct sw_runner_program *p, const char *command)
{
	p->n_words = 0;
	for (command += strspn(command, " "); *command; command += strspn(command, " ")) {
		size_t len = strcspn(command, " ");

		if (p->n_words == SW_RUNNER_WORDS_MAX || len >= sizeof(p->words[0]))
			return -E2BIG;
		memcpy(p->words[p->n_words], command, len);
		p->words[p->n_words++][len] = 0;
		command += len;
	}
	return p->n_words ? 0 : -EINVAL;
}

int sw_runner_new(struct sw_loop *loop, const struct sw_runner_program *p, sw_runner_done_fn done, void *arg,
	struct sw_runner **ret)
{
	_free_ struct sw_runner *s = calloc(1, sizeof(*s));
	_close_ int ours = -1, theirs = -1;
	int pair[2], r;
	pid_t parent = getpid();

	if (!s)
		return -ENOMEM;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return -errno;
	ours = pair[0];
	theirs = pair[1];
	s->pid = fork();
	if (s->pid < 0)
		return -errno;
	if (s->pid == 0)
		become_starter(p, theirs, parent);
	s->name = p->name;
	s->done = done;
	s->arg = arg;
	r = sw_loop_add_fd(loop, ours, EPOLLIN, on_answer, s, &s->source);
	if (r < 0)
		return r;
	s->fd = TAKE_FD(ours);
	*ret = TAKE_PTR(s);
	return 0;
}

void sw_runner_free(struct sw_runner *s)
{
	if (!s)
		return;
	sw_source_free(s->source);
	sw_close(s->fd); /* the starter ends on this */
	free(s);
}

bool sw_runner_is_busy(const struct sw_runner *s)
{
	return s->is_busy;
}

int sw_runner_start(struct sw_runner *s, int fd, const char *word, uint32_t id)
{
	struct request q = {.id = id};
	int r;

	if (s->is_busy)
		return -EBUSY;
	if (!sw_strcpy(q.word, sizeof(q.word), word))
		return -E2BIG;
	r = sw_msg_send(s->fd, &q, sizeof(q), &fd, fd >= 0);
	if (r == 0)
		s->is_busy = true;
	return r;
}

// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/net/sendmail.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "user/base/log.h"
#include "user/base/strbuf.h"
#include "user/io/msg.h"

enum { SAID_MAX = 160 }; /* bytes kept of what the program says */

struct answer {
	uint32_t id;
	int32_t result;
	char text[SAID_MAX + 96];
};

struct sw_sendmail {
	int fd;
	pid_t pid;
	struct sw_loop *loop;
	struct sw_source *source;
	sw_mailer_done_fn done;
	void *arg;
	bool is_busy;
	uint32_t id;
};

/* What the helper knows; filled before it is forked. */
struct helper {
	const char *path;
	char from[SW_MAIL_ADDRESS_MAX];
	char to[SW_MAIL_RECIPIENTS_MAX][SW_MAIL_ADDRESS_MAX];
	int n_to;
};

/* ---- in the helper */

/* sendmail wants the host's own line ends. A new memfd, read from its start. */
static int to_local_lines(int fd)
{
	_free_ char *text = NULL;
	_close_ int out = memfd_create("sockwarden-mail", MFD_CLOEXEC);
	size_t len, n = 0;
	int r;

	if (out < 0)
		return -errno;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	r = sw_read_all(fd, SW_MAIL_BYTES_MAX, &text, &len);
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

static void run_program(const struct helper *h, int in, int out)
{
	static char *const env[] = {
		(char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin", (char *)"LC_ALL=C", NULL};
	char *argv[SW_MAIL_RECIPIENTS_MAX + 6] = {
		(char *)h->path, (char *)"-i", (char *)"-f", (char *)h->from, (char *)"--"};
	sigset_t none;

	for (int i = 0; i < h->n_to; i++)
		argv[5 + i] = (char *)h->to[i];
	setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		_exit(126);
	close_range(3, ~0U, 0);
	execve(h->path, argv, env);
	dprintf(2, "%s: %s", h->path, strerror(errno));
	_exit(127);
}

static int64_t now_ms(void)
{
	struct sw_clock clock = {};

	return (int64_t)(sw_clock_boot_ns(&clock) / SW_MSEC_NS);
}

/* Reads what it says until it ends or the time is over; the end of its output is taken for its end. */
static bool listen_to(int fd, struct sw_strbuf *said)
{
	int64_t end = now_ms() + SW_MAIL_TIMEOUT_SEC * 1000;

	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int64_t left = end - now_ms();
		char buf[512];
		ssize_t n;

		if (left <= 0 || poll(&p, 1, (int)left) == 0)
			return false;
		n = read(fd, buf, sizeof(buf));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return true;
		if (said->len < SAID_MAX)
			sw_strbuf_add(said, buf, SW_MIN((size_t)n, SAID_MAX - said->len));
	}
}

static void judge(struct answer *a, int status, bool is_late, const struct sw_strbuf *said)
{
	_strbuf_ struct sw_strbuf safe = {};
	size_t line = strcspn(sw_strbuf_get(said), "\r\n");

	if (is_late) {
		a->result = -ETIMEDOUT;
		snprintf(a->text, sizeof(a->text), "sendmail did not end within %d s",
			SW_MAIL_TIMEOUT_SEC);
		return;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return;
	a->result = -EIO;
	sw_strbuf_safe(&safe, sw_strbuf_get(said), line);
	if (WIFSIGNALED(status))
		snprintf(a->text, sizeof(a->text), "sendmail was ended by signal %d",
			WTERMSIG(status));
	else
		snprintf(a->text, sizeof(a->text), "sendmail ended with status %d: %.*s",
			WEXITSTATUS(status), SAID_MAX, sw_strbuf_get(&safe));
}

static int deliver(const struct helper *h, int message, struct answer *a)
{
	_strbuf_ struct sw_strbuf said = {};
	_close_ int in = to_local_lines(message), out = -1, their_out = -1;
	int pipes[2], status = 0;
	bool is_late;
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
		run_program(h, in, their_out);
	their_out = sw_close(their_out);
	is_late = !listen_to(out, &said);
	if (is_late) {
		kill(-pid, SIGKILL);
		kill(pid, SIGKILL); /* before it has its own group */
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	judge(a, status, is_late, &said);
	return 0;
}

static void be_helper(const struct helper *h, int sock)
{
	for (;;) {
		struct pollfd p = {.fd = sock, .events = POLLIN};
		struct answer a = {};
		_close_ int fd = -1;
		size_t n_fds = 1;
		ssize_t n;
		int r;

		if (poll(&p, 1, -1) < 0)
			continue;
		n = sw_msg_recv(sock, &a.id, sizeof(a.id), &fd, &n_fds);
		if (n == -EAGAIN)
			continue;
		if (n != sizeof(a.id) || !n_fds)
			_exit(0);
		r = deliver(h, fd, &a);
		if (r < 0) {
			a.result = r;
			snprintf(a.text, sizeof(a.text), "sendmail: %s", strerror(-r));
		}
		if (sw_msg_send(sock, &a, sizeof(a), NULL, 0) < 0)
			_exit(1);
	}
}

static void become_helper(const struct helper *h, int sock, pid_t parent)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGINT, SIG_IGN); /* Ctrl-C is for the parent; its end is ours */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(1);
	prctl(PR_SET_NAME, "sockwarden-mail");
	if (dup2(sock, 3) < 0)
		_exit(1);
	close_range(4, ~0U, 0);
	be_helper(h, 3);
}

/* ---- in sockwarden-net */

static int on_answer(struct sw_source *source, int fd, uint32_t events, void *arg)
{
	struct sw_sendmail *s = arg;
	struct answer a;
	ssize_t n = sw_msg_recv(fd, &a, sizeof(a), NULL, NULL);

	if (n == -EAGAIN)
		return 0;
	if (n != sizeof(a))
		return sw_log_err(-EPIPE, "the mail helper has ended");
	a.text[sizeof(a.text) - 1] = 0;
	s->is_busy = false;
	s->done(a.id, a.result, a.text, s->arg);
	return 0;
}

static int fill_helper(const struct sw_config *c, struct helper *h)
{
	int r = sw_mail_sender(c, h->from);

	if (r < 0)
		return r;
	h->path = c->sendmail_path[0] ? c->sendmail_path : "/usr/sbin/sendmail";
	h->n_to = sw_mail_addresses(c->mail_to, h->to, SW_MAIL_RECIPIENTS_MAX);
	return SW_MIN(h->n_to, 0);
}

int sw_sendmail_new(struct sw_loop *loop, const struct sw_config *config, sw_mailer_done_fn done,
	void *arg, struct sw_sendmail **ret)
{
	_free_ struct sw_sendmail *s = calloc(1, sizeof(*s));
	_free_ struct helper *h = calloc(1, sizeof(*h));
	_close_ int ours = -1, theirs = -1;
	int pair[2], r;
	pid_t parent = getpid();

	if (!s || !h)
		return -ENOMEM;
	r = fill_helper(config, h);
	if (r < 0)
		return r;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return -errno;
	ours = pair[0];
	theirs = pair[1];
	s->pid = fork();
	if (s->pid < 0)
		return -errno;
	if (s->pid == 0)
		become_helper(h, theirs, parent);
	s->done = done;
	s->arg = arg;
	r = sw_loop_add_fd(loop, ours, EPOLLIN, on_answer, s, &s->source);
	if (r < 0)
		return r;
	s->fd = TAKE_FD(ours);
	*ret = TAKE_PTR(s);
	return 0;
}

void sw_sendmail_free(struct sw_sendmail *s)
{
	if (!s)
		return;
	sw_source_free(s->source);
	sw_close(s->fd); /* the helper ends on this */
	free(s);
}

int sw_sendmail_send(struct sw_sendmail *s, int fd, uint32_t id)
{
	int r;

	if (s->is_busy)
		return -EBUSY;
	r = sw_msg_send(s->fd, &id, sizeof(id), &fd, 1);
	if (r == 0)
		s->is_busy = true;
	return r;
}

// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/io/child.h"

#include <cap-ng.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { FD_PARKED = 64 }; /* descriptors wait above this number while 0..n are laid out */

extern char **environ;

static int lay_out_fds(const struct sw_child *c, int *report, int *program)
{
	int parked[SW_CHILD_FDS_MAX];

	*report = fcntl(*report, F_DUPFD_CLOEXEC, FD_PARKED);
	*program = fcntl(*program, F_DUPFD_CLOEXEC, FD_PARKED);
	if (*report < 0 || *program < 0)
		return -errno;
	for (size_t i = 0; i < c->n_fds; i++) {
		int fd = c->fds[i] >= 0 ? c->fds[i] : open("/dev/null", O_RDWR | O_CLOEXEC);

		parked[i] = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, FD_PARKED);
		if (parked[i] < 0)
			return -errno;
	}
	for (size_t i = 0; i < c->n_fds; i++) {
		if (dup2(parked[i], (int)i) < 0)
			return -errno;
	}
	for (int fd = (int)c->n_fds; fd < FD_PARKED; fd++)
		close(fd);
	/* the rest is close-on-exec by this, whatever a library forgot; kernel 5.11 */
	syscall(SYS_close_range, FD_PARKED, ~0U, 1U << 2 /* CLOSE_RANGE_CLOEXEC */);
	return 0;
}

static int drop_all(const struct sw_child *c, pid_t parent)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_DFL);
	if (c->is_own_group && setpgid(0, 0) < 0)
		return -errno;
	if (setgroups(0, NULL) < 0 || setresgid(c->gid, c->gid, c->gid) < 0 ||
		setresuid(c->uid, c->uid, c->uid) < 0)
		return -errno;
	capng_clear(CAPNG_SELECT_CAPS);
	if (capng_apply(CAPNG_SELECT_CAPS) < 0)
		return -EPERM;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0) /* after setresuid, which clears it */
		return -errno;
	if (getppid() != parent)
		return -ESRCH;
	umask(0077);
	return chdir("/") < 0 ? -errno : 0;
}

static void run_child(const struct sw_child *c, pid_t parent, int report, int program)
{
	int r = lay_out_fds(c, &report, &program);

	if (r >= 0)
		r = drop_all(c, parent);
	if (r >= 0) {
		char *const *env = c->env ? c->env : environ;

		execve(c->path, c->argv, env);
		/* a build in a home directory is not reachable by path for another uid */
		if (errno == EACCES)
			syscall(SYS_execveat, program, "", c->argv, env, AT_EMPTY_PATH);
		r = -errno;
	}
	(void)!write(report, &r, sizeof(r));
	_exit(127);
}

int sw_child_start(const struct sw_child *c, pid_t *ret)
{
	_close_ int program = open(c->path, O_PATH | O_CLOEXEC), rd = -1, wr = -1;
	pid_t pid, parent = getpid();
	int r = 0, p[2];

	if (program < 0)
		return -errno;
	if (c->n_fds > SW_CHILD_FDS_MAX)
		return -EINVAL;
	if (pipe2(p, O_CLOEXEC) < 0)
		return -errno;
	rd = p[0];
	wr = p[1];
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		run_child(c, parent, wr, program);
	sw_close(TAKE_FD(wr));
	if (read(rd, &r, sizeof(r)) == sizeof(r)) { /* the pipe closed itself at a good exec */
		waitpid(pid, NULL, 0);
		return r < 0 ? r : -EIO;
	}
	*ret = pid;
	return 0;
}

int sw_child_status(int s)
{
	return WIFEXITED(s) ? WEXITSTATUS(s) : 128 + WTERMSIG(s);
}

int sw_child_wait(pid_t pid)
{
	int s;

	while (waitpid(pid, &s, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return sw_child_status(s);
}

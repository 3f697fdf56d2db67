// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/io/sandbox.h"

#include <cap-ng.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>

enum {
	E = 1 << SW_ROLE_ENGINE,
	N = 1 << SW_ROLE_NET,
	W = 1 << SW_ROLE_WEB,
	C = 1 << SW_ROLE_CONFIG,
	ALL = E | N | W | C,
	LOOP = E | N | W, /* programs with an event loop */
};

struct call_row {
	int nr;
	unsigned int roles;
};

/* Calls that are harmless for the role whatever their arguments. */
static const struct call_row calls[] = {
	/* memory, threads, end */
	{SCMP_SYS(brk), ALL},
	{SCMP_SYS(mmap), ALL},
	{SCMP_SYS(munmap), ALL},
	{SCMP_SYS(mremap), ALL},
	{SCMP_SYS(mprotect), ALL},
	{SCMP_SYS(madvise), ALL},
	{SCMP_SYS(futex), ALL},
	{SCMP_SYS(membarrier), ALL},
	{SCMP_SYS(rseq), ALL},
	{SCMP_SYS(set_robust_list), ALL},
	{SCMP_SYS(sched_yield), ALL},
	{SCMP_SYS(sched_getaffinity), ALL},
	{SCMP_SYS(exit), ALL},
	{SCMP_SYS(exit_group), ALL},
	{SCMP_SYS(restart_syscall), ALL},
	{SCMP_SYS(rt_sigaction), ALL},
	{SCMP_SYS(rt_sigprocmask), ALL},
	{SCMP_SYS(rt_sigreturn), ALL},
	{SCMP_SYS(rt_sigtimedwait), LOOP},
	{SCMP_SYS(sigaltstack), ALL},
	{SCMP_SYS(tgkill), ALL}, /* abort(3) */
	/* who and when */
	{SCMP_SYS(getpid), ALL},
	{SCMP_SYS(gettid), ALL},
	{SCMP_SYS(getppid), ALL},
	{SCMP_SYS(getuid), ALL},
	{SCMP_SYS(geteuid), ALL},
	{SCMP_SYS(getgid), ALL},
	{SCMP_SYS(getegid), ALL},
	{SCMP_SYS(getgroups), ALL},
	{SCMP_SYS(uname), ALL},
	{SCMP_SYS(sysinfo), ALL},
	{SCMP_SYS(getrusage), LOOP},
	{SCMP_SYS(times), LOOP},
	{SCMP_SYS(clock_gettime), ALL},
	{SCMP_SYS(clock_getres), ALL},
	{SCMP_SYS(gettimeofday), ALL},
	{SCMP_SYS(time), ALL},
	{SCMP_SYS(nanosleep), LOOP},
	{SCMP_SYS(clock_nanosleep), LOOP},
	{SCMP_SYS(getrandom), ALL},
	/* descriptors */
	{SCMP_SYS(read), ALL},
	{SCMP_SYS(readv), ALL},
	{SCMP_SYS(pread64), ALL},
	{SCMP_SYS(preadv), ALL},
	{SCMP_SYS(write), ALL},
	{SCMP_SYS(writev), ALL},
	{SCMP_SYS(pwrite64), ALL},
	{SCMP_SYS(pwritev), ALL},
	{SCMP_SYS(lseek), ALL},
	{SCMP_SYS(close), ALL},
	{SCMP_SYS(close_range), ALL},
	{SCMP_SYS(dup), ALL},
	{SCMP_SYS(dup2), ALL},
	{SCMP_SYS(dup3), ALL},
	{SCMP_SYS(fcntl), ALL},
	{SCMP_SYS(fstat), ALL},
	{SCMP_SYS(newfstatat), ALL},
	{SCMP_SYS(stat), ALL},
	{SCMP_SYS(lstat), ALL},
	{SCMP_SYS(statx), ALL},
	{SCMP_SYS(statfs), LOOP},
	{SCMP_SYS(fstatfs), LOOP},
	{SCMP_SYS(access), ALL},
	{SCMP_SYS(faccessat), ALL},
	{SCMP_SYS(faccessat2), ALL},
	{SCMP_SYS(readlink), LOOP},
	{SCMP_SYS(readlinkat), LOOP},
	{SCMP_SYS(getdents64), ALL},
	{SCMP_SYS(getcwd), LOOP},
	{SCMP_SYS(pipe2), LOOP},
	{SCMP_SYS(umask), LOOP},
	{SCMP_SYS(memfd_create), LOOP},
	{SCMP_SYS(ftruncate), LOOP},
	{SCMP_SYS(fadvise64), LOOP},
	/* waiting */
	{SCMP_SYS(epoll_create1), LOOP},
	{SCMP_SYS(epoll_ctl), LOOP},
	{SCMP_SYS(epoll_wait), LOOP},
	{SCMP_SYS(epoll_pwait), LOOP},
	{SCMP_SYS(epoll_pwait2), LOOP},
	{SCMP_SYS(poll), LOOP},
	{SCMP_SYS(ppoll), LOOP},
	{SCMP_SYS(select), LOOP},
	{SCMP_SYS(pselect6), LOOP},
	{SCMP_SYS(eventfd2), LOOP},
	{SCMP_SYS(timerfd_create), LOOP},
	{SCMP_SYS(timerfd_settime), LOOP},
	{SCMP_SYS(timerfd_gettime), LOOP},
	{SCMP_SYS(signalfd4), LOOP},
	/* sockets; which families is below */
	{SCMP_SYS(connect), LOOP},
	{SCMP_SYS(bind), LOOP},
	{SCMP_SYS(listen), E | W},
	{SCMP_SYS(accept), E | W},
	{SCMP_SYS(accept4), E | W},
	{SCMP_SYS(shutdown), LOOP},
	{SCMP_SYS(socketpair), LOOP},
	{SCMP_SYS(sendto), LOOP},
	{SCMP_SYS(sendmsg), LOOP},
	{SCMP_SYS(sendmmsg), LOOP},
	{SCMP_SYS(recvfrom), LOOP},
	{SCMP_SYS(recvmsg), LOOP},
	{SCMP_SYS(recvmmsg), LOOP},
	{SCMP_SYS(getsockopt), LOOP},
	{SCMP_SYS(setsockopt), LOOP},
	{SCMP_SYS(getsockname), LOOP},
	{SCMP_SYS(getpeername), LOOP},
	{SCMP_SYS(sendfile), W},
	/* the engine's database, lists and logs */
	{SCMP_SYS(open), E},
	{SCMP_SYS(openat), E},
	{SCMP_SYS(fsync), E},
	{SCMP_SYS(fdatasync), E},
	{SCMP_SYS(truncate), E},
	{SCMP_SYS(fallocate), E},
	{SCMP_SYS(flock), E},
	{SCMP_SYS(mkdir), E},
	{SCMP_SYS(mkdirat), E},
	{SCMP_SYS(rmdir), E},
	{SCMP_SYS(rename), E},
	{SCMP_SYS(renameat), E},
	{SCMP_SYS(renameat2), E},
	{SCMP_SYS(unlink), E},
	{SCMP_SYS(unlinkat), E},
	{SCMP_SYS(chmod), E},
	{SCMP_SYS(fchmod), E},
	{SCMP_SYS(fchmodat), E},
	{SCMP_SYS(chown), E}, /* of its own files, to groups it is in: it has no capability */
	{SCMP_SYS(fchown), E},
	{SCMP_SYS(fchownat), E},
	{SCMP_SYS(utimensat), E},
	{SCMP_SYS(inotify_init1), E},
	{SCMP_SYS(inotify_add_watch), E},
	{SCMP_SYS(inotify_rm_watch), E},
};

/* Calls allowed when one argument, masked, has a value. */
struct arg_row {
	int nr;
	unsigned int roles, arg;
	uint64_t mask, value;
};

enum { WRITES = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND };
#define WORD 0xffffffffu

static const struct arg_row arg_calls[] = {
	{SCMP_SYS(open), N | W | C, 1, WRITES,
		0}, /* reading only: certificates, resolver, time zone */
	{SCMP_SYS(openat), N | W | C, 2, WRITES, 0},
	{SCMP_SYS(clone), LOOP, 0, CLONE_THREAD, CLONE_THREAD}, /* threads, no processes */
	{SCMP_SYS(socket), LOOP, 0, WORD, AF_UNIX},
	{SCMP_SYS(socket), LOOP, 0, WORD, AF_NETLINK}, /* own addresses; getaddrinfo(3) asks too */
	{SCMP_SYS(socket), N | W, 0, WORD, AF_INET}, {SCMP_SYS(socket), N | W, 0, WORD, AF_INET6},
	{SCMP_SYS(bpf), E, 0, WORD, BPF_MAP_LOOKUP_ELEM},
	{SCMP_SYS(bpf), E, 0, WORD, BPF_MAP_GET_NEXT_KEY},
	{SCMP_SYS(bpf), E, 0, WORD, BPF_MAP_LOOKUP_BATCH},
	{SCMP_SYS(bpf), E, 0, WORD, BPF_OBJ_GET_INFO_BY_FD},
	{SCMP_SYS(ioctl), ALL, 1, WORD, 0x5401 /* TCGETS: isatty(3) */},
	{SCMP_SYS(ioctl), ALL, 1, WORD, 0x5413 /* TIOCGWINSZ */},
	{SCMP_SYS(ioctl), LOOP, 1, WORD, 0x541b /* FIONREAD */},
	{SCMP_SYS(ioctl), LOOP, 1, WORD, 0x5421 /* FIONBIO */},
	{SCMP_SYS(prctl), ALL, 0, WORD, PR_SET_NAME}, /* a thread's name */
	{SCMP_SYS(prlimit64), ALL, 2, ~0ull, 0}, /* asking, not setting */
};

static void release(scmp_filter_ctx *f)
{
	if (*f)
		seccomp_release(*f);
}

static int add_rules(scmp_filter_ctx f, unsigned int bit)
{
	int r;

	for (size_t i = 0; i < SW_ARRAY_SIZE(calls); i++) {
		if (!(calls[i].roles & bit))
			continue;
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, calls[i].nr, 0);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < SW_ARRAY_SIZE(arg_calls); i++) {
		const struct arg_row *a = &arg_calls[i];

		if (!(a->roles & bit))
			continue;
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, a->nr, 1,
			SCMP_CMP(a->arg, SCMP_CMP_MASKED_EQ, a->mask, a->value));
		if (r < 0)
			return r;
	}
	/* glibc falls back from clone3, whose flags lie in memory a filter cannot read, to clone on this */
	return seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

int sw_sandbox_enter(enum sw_role role)
{
	_cleanup_(release) scmp_filter_ctx f = NULL;
	int r;

	if (role < SW_ROLE_ENGINE || role >= SW_ROLE_COUNT || role == SW_ROLE_OPERATOR)
		return -EINVAL;
	capng_clear(CAPNG_SELECT_CAPS);
	if (capng_apply(CAPNG_SELECT_CAPS) < 0)
		return -EPERM;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	f = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (!f)
		return -ENOMEM;
	r = seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1);
	if (r < 0)
		return r;
	r = add_rules(f, 1U << role);
	return r < 0 ? r : seccomp_load(f);
}

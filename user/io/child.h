/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Starts another program of ours with less than we have: own uid and gid, no capability, no way to
 * get one (no_new_privs), only the descriptors given, own process group, and it ends when we do.
 * Used by the guard; nothing here needs libseccomp.
 */
#pragma once

#include <sys/types.h>

#include "user/base/util.h"

enum { SW_CHILD_FDS_MAX = 8 };

struct sw_child {
	const char *
		path; /* absolute; need not be reachable for uid: the file itself must be executable for it */
	char *const *argv;
	char *const *env; /* NULL: ours */
	uid_t uid; /* 0: root without capabilities */
	gid_t gid;
	int fds[SW_CHILD_FDS_MAX]; /* descriptor i of the child; -1: /dev/null; more than n_fds are closed */
	size_t n_fds;
	bool is_own_group; /* own process group: Ctrl-C at the terminal reaches only us */
};

/* The child's pid, or -errno (also when the exec failed). Descriptors stay the caller's. */
int sw_child_start(const struct sw_child *c, pid_t *ret);
/* Waits for pid: its exit status, 128 + signal, or -errno. */
int sw_child_wait(pid_t pid);
/* The same from a wait status. */
int sw_child_status(int wait_status);

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Log files, the privileged half: opens what the configuration names and hands the descriptors over, and
 * watches them and their directories by one inotify instance that the engine reads. In the guard, which
 * owns it; nothing of what the files hold is ever read here.
 *
 * A path leads through no link that is not root's: whoever may write in a directory of logs could else
 * have any file of the host read. Only regular files are opened.
 */
#pragma once

#include "sockwarden/rpc/guard.h"
#include "user/base/util.h"
#include "user/logs/rules_image.h"

enum {
	SW_LOGS_FILES_MAX = 1024 /* that one pattern may name; more are left out */
};

/* The patterns by the number of their source; NULL: that source is no file. */
struct sw_logs_wish {
	const char *const *patterns;
	size_t n;
};

struct sw_logs;

int sw_logs_new(struct sw_logs **ret);
void sw_logs_free(struct sw_logs *l);
void sw_logs_freep(struct sw_logs **l);
/* Copies the wish; what was permitted before no longer is. */
int sw_logs_configure(struct sw_logs *l, const struct sw_logs_wish *w);
/* The files of the rules, by the numbers of their sources there; a failure is said. */
void sw_logs_permit(struct sw_logs *l, const struct sw_rules_view *rules, const char *journal_files);
/* A new inotify instance, which takes the place of the last; ret_fd is borrowed. */
int sw_logs_watch(struct sw_logs *l, int *ret_fd);
/* Fills ret and at most SW_GUARD_LOGS_MAX descriptors, which are the caller's. -ENOENT: no such pattern. */
int sw_logs_open(struct sw_logs *l, const struct sw_guard_log_ask *ask, struct sw_guard_logs *ret,
	int *ret_fds, size_t *ret_n);

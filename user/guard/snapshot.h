/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Opens the iterators of a snapshot: those over tasks, then three per network namespace, because an iterator
 * shows only the namespace of its opener. The guard reads none of them.
 */
#pragma once

#include "sockwarden/rpc/guard.h"
#include "user/base/util.h"
#include "user/kern/ladder.h"

/* Calls fn in each network namespace there is, ours first, and comes back to ours. 0 or -errno of the listing. */
int sw_snapshot_each_netns(void (*fn)(void *arg), void *arg);
/*
 * One part: from the namespace after the one of this inode, 0: from the start. fds: room for SW_GUARD_FDS_MAX;
 * the caller closes them, also after a failure. 0 or -errno.
 */
int sw_snapshot_open(const struct sw_ladder *l, __u32 after, struct sw_guard_snapshot *ret,
	int *fds, size_t *ret_n);
/* The same of what no snapshot shows: one iterator for each namespace. */
int sw_snapshot_open_unheld(const struct sw_ladder *l, __u32 after, struct sw_guard_snapshot *ret,
	int *fds, size_t *ret_n);

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One instance: a lock file that holds the owner's pid. The lock is the descriptor's (flock), so it
 * ends with the process however that dies; the file stays.
 */
#pragma once

#include <sys/types.h>

#include "user/base/util.h"

/* Descriptor that holds the lock, -EBUSY with the holder's pid (0: unknown) in *ret_holder, -errno. */
int sw_lock_take(const char *path, pid_t *ret_holder);

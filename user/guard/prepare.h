/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the guard sets up outside the kernel before it starts: signals, directories, lock, user ids.
 * Errors are logged here.
 */
#pragma once

#include "user/base/paths.h"
#include "user/io/ids.h"

/* Blocks what the loop will read, so that nothing ends us in the middle of a step. */
int sw_prepare_signals(void);
/* SIGTERM or SIGINT waits: end between two steps of the start. */
bool sw_prepare_is_interrupted(void);
/* Makes the run directory and takes its lock: descriptor, -EBUSY: another guard runs, -errno. */
int sw_prepare_lock(const char *run_dir);
/*
 * Finds the ids; gives the engine the state directory (0700, with what is in it) and lets it make its
 * sockets in the run directory.
 */
int sw_prepare_ids(const struct sw_paths *paths, struct sw_ids *ret);

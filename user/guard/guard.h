/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The guard, sockwardend: the one process with privilege. It loads, attaches and pins, writes the
 * policy maps, hands out descriptors on guard.sock, and starts and watches the other processes. It
 * parses no text from outside and reads nothing of what it opens for others.
 */
#pragma once

#include "user/base/paths.h"

struct sw_guard_opts {
	struct sw_paths paths;
	const char *libexec; /* directory of the other programs */
	const char *interfaces; /* patterns by blanks; NULL: the configuration's */
	const char *log_level; /* NULL: the configuration's */
	const char *
		fake_refuse; /* tests: socket programs that count as refused, and "packed" trails */
	bool is_supervising, is_foreground, is_following;
};

/* Starts, serves until SIGINT or SIGTERM, and ends. The program's exit status. */
int sw_guard_run(const struct sw_guard_opts *o);

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * sockwarden-net: the one process that reaches out. It gets its configuration from the guard, fetches
 * the feeds when they are due, gives the engine their lists, and sends its mail. It sees no map, no
 * log, and no database.
 */
#pragma once

#include "user/base/paths.h"

enum {
	SW_NET_EXIT_RESTART = 75, /* the configuration has changed: start me again (EX_TEMPFAIL) */
};

struct sw_net_options {
	struct sw_paths paths;
	uint64_t fetch_timeout_sec;
	bool is_help, is_version, is_verbose;
};

/* The program's exit status. */
int sw_net_run(const struct sw_net_options *o);

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * sockwarden-web: the page, the metrics and the probes over HTTP, on loopback unless the configuration
 * says otherwise. A client of the control socket and of nothing else. Sessions are in its memory.
 */
#pragma once

#include "user/base/paths.h"

enum {
	SW_WEB_EXIT_RESTART =
		75, /* address or port has changed, or no page is wanted now: start me again (EX_TEMPFAIL) */
	SW_WEB_LISTEN_RETRY_SEC = 5,
	SW_WEB_BEAT_SEC = 15,
};

struct sw_web_options {
	struct sw_paths paths;
	bool is_help, is_version, is_verbose;
};

/* The program's exit status. */
int sw_web_run(const struct sw_web_options *o);

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Starts the other processes and starts them again when they end, with a growing pause, counted. Each
 * runs as its own user without capabilities. In the guard under --supervise; under systemd the units do it.
 */
#pragma once

#include "sockwarden/rpc/guard.h"
#include "user/guard/serve.h"
#include "user/base/paths.h"
#include "user/io/ids.h"
#include "user/io/loop.h"

struct sw_supervise;

enum {
	SW_RESTART_FIRST_MS = 250, /* a child that died once is back at once */
	SW_RESTART_MAX_MS = 30000, /* one that dies at every start costs a fork in half a minute */
	SW_RESTART_GOOD_SEC = 60, /* ran this long: the next pause is the first again */
	SW_STOP_SEC = 5, /* from SIGTERM to SIGKILL: the engine's last write to a slow disk */
};

/* All borrowed. show: print status and events of a foreground run to standard output. */
struct sw_supervise_opts {
	const struct sw_paths *paths;
	const struct sw_ids *ids;
	const struct sw_clock *clock;
	const char *libexec;
	bool has_children, has_show;
};

/* Starts nothing yet; SIGCHLD must be blocked. */
int sw_supervise_new(
	struct sw_loop *l, const struct sw_supervise_opts *o, struct sw_supervise **ret);
int sw_supervise_start(struct sw_supervise *s);
/* The configuration is new: starts again what had ended because the old one wanted nothing of it. */
void sw_supervise_reload(struct sw_supervise *s);
/* Ends every child: SIGTERM, and after SW_STOP_SEC SIGKILL. Blocks until they are gone. */
void sw_supervise_stop(struct sw_supervise *s);
void sw_supervise_free(struct sw_supervise *s);
void sw_supervise_freep(struct sw_supervise **s);
/* serve: whose peers the processes are when others start them. */
void sw_supervise_status(
	const struct sw_supervise *s, const struct sw_serve *serve, struct sw_guard_status *ret);
/* Pure: the pause before the next start, in ms. */
uint64_t sw_supervise_pause_ms(uint64_t last_pause_ms, uint64_t ran_ns);

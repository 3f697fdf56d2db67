/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * guard.sock: takes requests by the permit table, in order for each peer, and answers them with what
 * its host (the guard) gives. It owns its peers and the listening socket.
 */
#pragma once

#include "user/guard/act.h"
#include "user/guard/bans.h"
#include "user/guard/inspect.h"
#include "user/guard/logs.h"
#include "user/guard/plant.h"
#include "user/guard/swap.h"
#include "user/io/loop.h"
#include "user/kern/ladder.h"

struct sw_serve;

/* What the server asks of the guard. arg is the last parameter of each. */
struct sw_serve_host {
	const struct sw_guard_ids *ids;
	const struct sw_maps *maps;
	struct sw_bans *bans;
	struct sw_backends *backends; /* may be NULL */
	struct sw_inspect_guard *inspect; /* likewise */
	struct sw_swap *swap;
	struct sw_acts *hold; /* may be NULL */
	struct sw_logs *logs; /* NULL: no log files are opened */
	const struct sw_ladder *ladder; /* NULL: no iterators */
	struct sw_plant *plant; /* with hooks; NULL: no socket policy is taken */
	const struct sw_ladder_opts *hooks;
	const char *cgroup_dir; /* NULL: found in mountinfo */
	int (*config_fd)(void *arg); /* borrowed descriptor of the sealed image */
	int (*rules_fd)(void *arg); /* of that of the rules */
	void (*status)(struct sw_guard_status *ret, void *arg);
	/* by: "uid 0", for the log. 0 or -errno with text. */
	int (*set_mode)(
		__u32 mode, __u32 confirm_sec, const char *by, char *text, size_t size, void *arg);
	void (*swapped)(void *arg); /* after trails went in force */
	/* The decoys and borrowed descriptors of their listeners; at most SW_DECOY_SOCKS. May be NULL. */
	void (*decoys)(struct sw_guard_decoys *ret, int *ret_fds, size_t *ret_n, void *arg);
	/* The mirror ports and borrowed descriptors; at most SW_GUARD_SENSORS_MAX. May be NULL. */
	void (*sensors)(struct sw_guard_sensors *ret, int *ret_fds, size_t *ret_n, void *arg);
	/* prog: borrowed, -1: none any more. 0 or -errno with text. May be NULL. */
	int (*chain)(int prog, char *text, size_t size, void *arg);
	/* What somebody listens on. 0 or -errno. May be NULL. */
	int (*ports)(const struct sw_guard_ports *ports, void *arg);
	void *arg;
};

/* host is copied; what it points to is borrowed. -EADDRINUSE: somebody answers there. */
int sw_serve_new(struct sw_loop *l, const char *path, const struct sw_serve_host *host,
	struct sw_serve **ret);
void sw_serve_free(struct sw_serve *s);
void sw_serve_freep(struct sw_serve **s);
/* The process that has taken the role; 0: nobody has. */
pid_t sw_serve_pid(const struct sw_serve *s, enum sw_role role);
/* Ends the connections of engine, net and web: they ask again and get what is new. */
void sw_serve_hang_up(struct sw_serve *s);

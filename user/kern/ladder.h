/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The hook ladder of the socket programs: every program is tried by loading and attaching it, none is
 * assumed by the kernel's version. What attaches is pinned; what does not is named with its reason.
 * In the guard, which owns the ladder. Tier A needs BPF trampolines (probed), B is what attaches
 * without them, C when nothing does.
 */
#pragma once

#include "sockwarden/rpc/guard.h"
#include "user/base/util.h"
#include "user/kern/load.h"

struct sw_ladder;

enum sw_iter {
	SW_ITER_TCP,
	SW_ITER_UDP,
	SW_ITER_UNIX,
	SW_ITER_TASK,
	SW_ITER_TASK_FILE,
	SW_ITER_TCP_UNHELD, /* half open, at an end, or without a file */
	SW_ITER_COUNT
};

/* One BPF object, as its skeleton gives it. */
struct sw_object {
	const char *name;
	const void *(*elf)(size_t *size);
	bool needs_trampoline; /* tier A */
	bool is_apart; /* no fact about sockets: it makes no tier */
	bool is_for_lockdown; /* only where kernel memory may not be read */
};

struct sw_ladder_opts {
	const char *pin_dir;
	const char *cgroup_dir; /* NULL: found */
	const char *fake_refuse; /* tests: program names, by commas, that count as refused */
	const char *pins; /* how the pins of the links begin; NULL: as those of the first ladder */
};

/* Loads and attaches rows (ended by a NULL name). Refusals are no errors. 0 or -errno. */
int sw_ladder_climb(const struct sw_object *rows, const struct sw_ladder_opts *o,
	struct sw_load_report *report, struct sw_ladder **ret);
/* Lets go; what is pinned stays attached. */
void sw_ladder_free(struct sw_ladder *l);
void sw_ladder_freep(struct sw_ladder **l);
/* Removes the pins that begin so (NULL: as in the options): with the last descriptor gone, everything is detached. */
void sw_ladder_unpin(const char *pin_dir, const char *pins);

enum sw_sock_tier sw_ladder_tier(const struct sw_ladder *l);
/* "name name -name(reason) ...", borrowed. */
const char *sw_ladder_hooks(const struct sw_ladder *l);
bool sw_ladder_is_attached(const struct sw_ladder *l, const char *program);
/* An iterator over what the calling thread's network namespace holds. Descriptor; -EOPNOTSUPP: refused at load. */
int sw_ladder_iterate(const struct sw_ladder *l, enum sw_iter which);
/* Loads a small fentry program and attaches it: 0 where trampolines work, else why not. */
int sw_ladder_probe_trampoline(void);
/* Loads a small program that reads kernel memory: 0, else why not (lockdown=confidentiality). */
int sw_ladder_probe_read_kernel(void);
/* Pure: name is among the comma-separated words. */
bool sw_ladder_is_listed(const char *words, const char *name);

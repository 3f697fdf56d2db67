/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Processes by (tgid, start time), so that a number used again is another process. Filled by exec,
 * fork and exit records and by the iterator over tasks; what these do not tell (container, unit,
 * command line) is read from /proc once, when it is asked for. In the engine; the table owns its
 * processes, a pointer to one is good until it is released and swept.
 */
#pragma once

#include "sockwarden/model/event.h"
#include "user/base/clock.h"
#include "user/sockets/container.h"

enum {
	SW_PROCS_MAX = 131072,	  /* 4 M is the kernel's limit; beyond this a process has no name, counted */
	SW_PROC_CMDLINE_MAX = 256,
	SW_PROC_CGROUPS_MAX = 4096, /* names of cgroups and containers kept; beyond this they are asked for anew */
};

struct sw_proc_key {
	uint64_t start_ns;
	uint32_t tgid;
	uint32_t pad; /* zero: hashed as bytes */
};

struct sw_proc;

/* A process as others see it; texts are never NULL. */
struct sw_proc_info {
	struct sw_proc_key key;
	uint32_t ppid, uid;
	const char *comm;
	const char *name;	/* what to call it: sw_program_name */
	const char *executable; /* "" when unknown or a kernel thread */
	bool is_deleted;	/* the executable has no name any more: removed, replaced, or a memfd */
	bool is_kernel, is_gone;
	const char *cmdline; /* arguments with spaces between; cut */
	const char *container, *runtime, *unit;
	const char *container_name, *image, *pod, *pod_namespace, *pod_uid;
};

/*
 * /proc, injected: reads PID's file ("comm", "cgroup", "cmdline", "stat") into buf with a final
 * NUL; bytes or -errno.
 */
struct sw_proc_reader {
	ssize_t (*read)(void *arg, uint32_t pid, const char *file, char *buf, size_t size);
	/* The path of a cgroup v2 by its id, with a final NUL: 0 or -errno; -EAGAIN: one may ask again. May be NULL. */
	int (*cgroup)(void *arg, uint64_t id, char *buf, size_t size);
	/* What the runtime says of a container: 0; -ENOENT: nothing; else one may ask again. May be NULL. */
	int (*container)(void *arg, const char *id, struct sw_container *ret);
	void *arg;
};
/* The real one. */
extern const struct sw_proc_reader sw_proc_reader_system;

struct sw_procs;

/* clock and reader: borrowed. */
int sw_procs_new(const struct sw_clock *clock, const struct sw_proc_reader *reader, struct sw_procs **ret);
void sw_procs_free(struct sw_procs *p);
void sw_procs_freep(struct sw_procs **p);

void sw_procs_exec(struct sw_procs *p, const struct sw_exec_event *e);
void sw_procs_fork(struct sw_procs *p, const struct sw_fork_event *e);
/* Whether it is held: something that it owned may stay. */
bool sw_procs_exit(struct sw_procs *p, const struct sw_exit_event *e);
void sw_procs_task(struct sw_procs *p, const struct sw_it_task *t);
/* Between these every process that still lives is told by _task; those that nothing told of since begin are gone. */
void sw_procs_snapshot_begin(struct sw_procs *p);
void sw_procs_snapshot_end(struct sw_procs *p);

struct sw_proc_key sw_proc_key_of(const struct sw_owner *o);
/* The process of o, made when it is not known; a hold on it, to be released. NULL when the table is full. */
struct sw_proc *sw_procs_hold(struct sw_procs *p, const struct sw_owner *o);
void sw_procs_release(struct sw_procs *p, struct sw_proc *proc);
struct sw_proc *sw_procs_find(struct sw_procs *p, const struct sw_proc_key *key);
bool sw_proc_is_gone(const struct sw_proc *proc);
/*
 * Fills *ret from the table; texts are borrowed until the next sweep. with_names: /proc is read, once for a
 * process, where something is missing. Without, container and unit are those of its cgroup v2, where that says.
 */
void sw_procs_info(struct sw_procs *p, struct sw_proc *proc, bool with_names, struct sw_proc_info *ret);
/* Forgets processes that are gone and not held for a while; call it each second or so. */
void sw_procs_sweep(struct sw_procs *p);
size_t sw_procs_count(const struct sw_procs *p);

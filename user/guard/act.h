/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is done to a process or a container whose socket was refused: stopped, ended, or cut off from the
 * network. In the guard, which owns the list of what is held; it is kept in RUN/guard.held for the next one.
 * Nothing is done to pid 1, sshd, the shell of a terminal, our own programs, or a cgroup that holds one of them.
 */
#pragma once

#include "sockwarden/rpc/guard.h"
#include "user/base/util.h"

struct sw_acts;

/* All borrowed. cgroup_dir NULL: the one that is mounted. */
int sw_act_new(const char *run_dir, const char *pin_dir, const char *cgroup_dir, struct sw_acts **ret);
void sw_act_free(struct sw_acts *h);
/* 0, -errno with text: nothing was done. The process is the one that began at start_ns, or none. */
int sw_act_do(struct sw_acts *h, const struct sw_guard_act *a, char *text, size_t size);
void sw_act_list(const struct sw_acts *h, struct sw_guard_held *ret);
/* Lets all of them go: what we did to the host is taken back. */
void sw_act_release_all(struct sw_acts *h);

/* Pure: of /proc/PID/stat the start in clock ticks, and whether it leads a session with a terminal; or false. */
bool sw_act_parse_stat(const char *text, uint64_t *ret_start, bool *ret_has_terminal);
/* Pure: a program that is never touched, by the path of its executable. */
bool sw_act_is_protected_name(const char *path);

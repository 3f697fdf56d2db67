/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What container runtimes wrote of a container, opened for the engine: a fixed list of files, by an id
 * that is nothing but digits. And the path of a cgroup by the number that the kernel gives it, which
 * names processes that are gone. In the guard; nothing is read.
 */
#pragma once

#include "sockwarden/rpc/guard.h"
#include "user/base/util.h"

/* *ret_fd is the caller's. 0; -EINVAL: no id; -ENOENT: nobody wrote of it. */
int sw_containers_open(const struct sw_guard_container_ask *ask, struct sw_guard_container *ret, int *ret_fd);
/* cgroup_fd: a directory in cgroup v2. 0 or -errno; -ESTALE: there is no such cgroup any more. */
int sw_containers_cgroup(int cgroup_fd, __u64 id, struct sw_guard_cgroup *ret);

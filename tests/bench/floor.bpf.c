// SPDX-License-Identifier: GPL-3.0-or-later
/* The hooks of sock_cgroup and sock_trace with programs that do nothing: what the kernel takes for being asked. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#define EMPTY(section, name, ret)                                                                              \
	SEC(section) int name(void *ctx)                                                                       \
	{                                                                                                      \
		return ret;                                                                                    \
	}

EMPTY("cgroup/sock_create", on_sock_create, 1)
EMPTY("cgroup/post_bind4", on_post_bind4, 1)
EMPTY("cgroup/post_bind6", on_post_bind6, 1)
EMPTY("cgroup/connect4", on_connect4, 1)
EMPTY("cgroup/connect6", on_connect6, 1)
EMPTY("cgroup/sendmsg4", on_sendmsg4, 1)
EMPTY("cgroup/sendmsg6", on_sendmsg6, 1)
EMPTY("cgroup/sock_release", on_sock_release, 1)
EMPTY("tp_btf/inet_sock_set_state", on_state, 0)
EMPTY("tp_btf/sched_process_exec", on_exec, 0)
EMPTY("tp_btf/sched_process_fork", on_fork, 0)
EMPTY("tp_btf/sched_process_exit", on_exit, 0)

char _license[] SEC("license") = "GPL";

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An event: one fact, as it came from the kernel, a log or a peer, with its time. Copied by value. */
#pragma once

#include "sockwarden/abi/gate.h"
#include "sockwarden/abi/inspect.h"
#include "sockwarden/abi/sock_event.h"

enum sw_event_kind {
	SW_EVENT_PKT,
	SW_EVENT_SOCK,
	SW_EVENT_EXEC,
	SW_EVENT_EXIT,
	SW_EVENT_FORK,
	SW_EVENT_UNIX,
	SW_EVENT_INSPECT,
	SW_EVENT_SENT, /* sock: packets of a process to what is listed */
};

struct sw_event {
	enum sw_event_kind kind;
	__u64 boot_ns;
	union {
		const struct sw_pkt_event *pkt; /* borrowed from the ring until the callback returns */
		const struct sw_sock_event *sock;
		const struct sw_exec_event *exec;
		const struct sw_exit_event *exit;
		const struct sw_fork_event *fork;
		const struct sw_unix_event *ux;
		const struct sw_inspect_event *inspect;
	};
};

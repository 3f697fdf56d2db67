/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What connections give away when they are seen as sockets, without a packet: guessing at a login
 * service, a new listener that connects elsewhere at once, connections at one pace; and a flood of
 * SYNs, by the kernel's own counts. Tables of fixed size. Pure; the object is the engine's.
 */
#pragma once

#include "sockwarden/abi/sock_event.h"
#include "sockwarden/model/finding.h"
#include "user/base/clock.h"
#include "user/detect/rules.h"

enum {
	SW_FLOWS_ROWS =
		4096, /* pairs of a peer and a login port, 0.7 MiB; the quietest of four makes room */
	SW_FLOWS_RECENT = 64, /* listeners and connects remembered, to be brought together */
	SW_FLOWS_AGAIN_SEC = 600, /* between two findings of one row */
};

struct sw_flows;
typedef void (*sw_flows_fn)(void *arg, struct sw_finding *f);

int sw_flows_new(const struct sw_clock *clock, struct sw_rules *rules, sw_flows_fn found, void *arg,
	struct sw_flows **ret);
void sw_flows_free(struct sw_flows *f);
/* A socket's record: ACCEPT and CONNECT count. */
void sw_flows_socket(struct sw_flows *f, const struct sw_sock_event *ev);
/* A listener that no baseline holds is told of. */
void sw_flows_new_listener(struct sw_flows *f, const struct sw_finding *listener);
/* The text of /proc/net/netstat, each so many seconds. */
void sw_flows_netstat(struct sw_flows *f, const char *text);

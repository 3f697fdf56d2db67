/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the gate may take for granted about ports (abi/probe.h, probe_ctl): listeners as the engine
 * tells them, ports that NAT sends on, ports that clients get; and the thresholds of the scan rules.
 * Follows the NAT tables. In the guard, which owns it; one writer of the map.
 */
#pragma once

#include "sockwarden/rpc/config.h"
#include "sockwarden/rpc/guard.h"
#include "user/io/loop.h"
#include "user/kern/maps.h"

enum {
	SW_PORTS_SETTLE_MS = 200, /* NAT rules come in bursts: read when they are over */
	SW_PORTS_LEGACY_SEC =
		30, /* legacy iptables tells nobody: looked at so often where it is in use */
};

struct sw_ports;

/* sees_completed: a socket program counts the connections that are completed, without which no source has a flood. */
int sw_ports_new(struct sw_loop *l, const struct sw_maps *maps, const struct sw_config *c,
	bool sees_completed, struct sw_ports **ret);
void sw_ports_free(struct sw_ports *p);
void sw_ports_configure(struct sw_ports *p, const struct sw_config *c);
/* The engine's word: ports that somebody listens on. */
int sw_ports_listeners(struct sw_ports *p, const struct sw_guard_ports *g);

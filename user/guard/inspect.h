/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The guard's half of looking into packets: says to the kernel what goes up, and which domains are refused.
 * Owned by the guard. It reads no packet.
 */
#pragma once

#include "sockwarden/rpc/config.h"
#include "sockwarden/rpc/guard.h"
#include "user/io/loop.h"
#include "user/kern/maps.h"

struct sw_inspect_guard;

/* maps: borrowed. */
int sw_inspect_guard_new(struct sw_loop *l, const struct sw_clock *clock, const struct sw_maps *maps,
	struct sw_inspect_guard **ret);
void sw_inspect_guard_free(struct sw_inspect_guard *g);
/* is_on false: nothing is looked at. */
void sw_inspect_guard_configure(struct sw_inspect_guard *g, const struct sw_config *c, bool is_on);
/* Where a connection was cut to is refused for as long as the configuration says. */
void sw_inspect_guard_was_cut(struct sw_inspect_guard *g, const struct sw_guard_cut *cut);
/* fd: as SW_GUARD_DOMAINS has it, borrowed. Written in steps of the loop. 0, -errno with text. */
int sw_inspect_guard_domains(struct sw_inspect_guard *g, int fd, char *text, size_t size);

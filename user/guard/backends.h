/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The backends beside the packet program: what its maps hold is put in force there too, as bans.backends
 * says. They follow the maps and never the other way round, and a failure of theirs fails no ban. In the
 * guard, which owns them.
 */
#pragma once

#include "sockwarden/rpc/config.h"
#include "sockwarden/rpc/guard.h"
#include "user/io/loop.h"
#include "user/kern/maps.h"

struct sw_backends;

/* maps is borrowed; is_adopting: they are those of the guard before. Nothing is touched before _configure. */
int sw_backends_new(struct sw_loop *l, const struct sw_clock *clock, const struct sw_maps *maps,
	bool is_adopting, struct sw_backends **ret);
/* What is in force stays, for the next guard. */
void sw_backends_free(struct sw_backends *b);
void sw_backends_freep(struct sw_backends **b);
/* The configuration or the mode is new: puts every backend as it should be. */
void sw_backends_configure(
	struct sw_backends *b, const struct sw_config *c, const struct sw_gate_ctl *ctl);
/* After the maps changed; fresh: bans of networks that were not banned before. */
void sw_backends_put(
	struct sw_backends *b, const struct sw_guard_ban *bans, size_t n, bool is_fresh);
void sw_backends_del(struct sw_backends *b, const struct sw_guard_ban *bans, size_t n);
void sw_backends_allow(struct sw_backends *b, const struct sw_guard_allow *allows, size_t n);
/* After the rules over countries changed. */
void sw_backends_geo(struct sw_backends *b);
/* Whether a device that is to have the packet program has none: nftables may be its last resort. */
void sw_backends_bare(bool has_bare, void *backends);
/* After the trails changed. */
void sw_backends_trails(struct sw_backends *b);
/* A connection to be ended, as inspect.cut says. False: it stays. */
bool sw_backends_cut(struct sw_backends *b, const struct sw_guard_cut *cut);
/* Their part of it; xdp's is left as it is. */
void sw_backends_status(struct sw_backends *b, struct sw_guard_status *ret);
void sw_backends_verdict(
	struct sw_backends *b, const struct sw_net *net, struct sw_guard_verdict *ret);
/* Takes away everything that the backends have. */
void sw_backends_remove(struct sw_backends *b);

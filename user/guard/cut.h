/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Ends the TCP connections that a banned peer has open (SOCK_DESTROY of sock_diag), here and in other network
 * namespaces: both ends are told at once (a reset), where else they would hang until a time-out. Only while enforcing,
 * for new bans, a moment later so that a burst is one pass. And single ones, for what was said in them, at once; of UDP
 * those that have one peer. In the guard.
 */
#pragma once

#include "sockwarden/rpc/config.h"
#include "sockwarden/rpc/guard.h"
#include "user/io/loop.h"
#include "user/kern/maps.h"

enum {
	SW_CUT_SETTLE_MS = 50,
	SW_CUT_BANS_MAX =
		4096, /* of one pass: beyond it a ban's connections end by their own time-outs */
	SW_CUT_FLOWS_MAX = 256, /* single connections of one pass; what comes beyond stays */
};

struct sw_cut;

int sw_cut_new(struct sw_loop *l, const struct sw_clock *clock, const struct sw_maps *maps,
	struct sw_cut **ret);
void sw_cut_free(struct sw_cut *c);
void sw_cut_freep(struct sw_cut **c);
void sw_cut_configure(struct sw_cut *c, const struct sw_config *conf, const struct sw_gate_ctl *ctl);
void sw_cut_put(struct sw_cut *c, const struct sw_guard_ban *bans, size_t n);
/* False: it is not ended, because nothing is enforced, it is allowed, or there are too many. */
bool sw_cut_flow(struct sw_cut *c, const struct sw_guard_cut *flow);

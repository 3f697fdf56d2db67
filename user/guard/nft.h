/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The nftables backend: table inet sockwarden, with what the packet program's ban and allow maps hold, the trails
 * in force and the rules over countries that drop (nft_load.h).
 * It is compared with them when the guard starts, when somebody else changes the table (netlink tells)
 * and after a failure; what differs is put right and, where another did it, counted and said. Ends of
 * bans and of a trial are timeouts in the kernel, so they need no guard. In the guard, which owns it.
 */
#pragma once

#include "sockwarden/model/verdict.h"
#include "sockwarden/rpc/config.h"
#include "sockwarden/rpc/guard.h"
#include "user/io/loop.h"
#include "user/kern/maps.h"

struct sw_nft;

enum { SW_NFT_SETTLE_MS = 50, SW_NFT_RETRY_SEC = 5 };

/*
 * maps is borrowed. Nothing is touched before _configure. is_adopting: maps are those of the guard before,
 * so the table that it left may be taken over; else one that is there is made anew.
 */
int sw_nft_new(struct sw_loop *l, const struct sw_clock *clock, const struct sw_maps *maps,
	bool is_adopting, struct sw_nft **ret);
/* Leaves the table as it is, for the next guard. */
void sw_nft_free(struct sw_nft *n);
void sw_nft_freep(struct sw_nft **n);
/*
 * Puts the table as it should be, now (trails and countries follow): also takes it away when it is not wanted, or the
 * mode is off.
 */
void sw_nft_configure(struct sw_nft *n, const struct sw_config *c, const struct sw_gate_ctl *ctl);
/*
 * has_bare: a device that is to have the packet program has none, so this is its last resort, unless the configuration
 * names the backends itself.
 */
void sw_nft_bare(struct sw_nft *n, bool has_bare);
/* The maps hold bans of these networks now, or do not any more. Fresh: they did not before. */
void sw_nft_put(struct sw_nft *n, const struct sw_guard_ban *bans, size_t count, bool is_fresh);
void sw_nft_del(struct sw_nft *n, const struct sw_guard_ban *bans, size_t count);
/* The allow maps changed. */
void sw_nft_allow(struct sw_nft *n, const struct sw_guard_allow *allows, size_t count);
/* The map has other rules over countries. */
void sw_nft_geo(struct sw_nft *n);
/* The maps have other trails. */
void sw_nft_trails(struct sw_nft *n);
void sw_nft_status(struct sw_nft *n, struct sw_guard_backend *ret, struct sw_guard_nft *ret_more);
/* How net is in force there, with the packets it dropped; 0: not used. */
enum sw_verdict_state sw_nft_verdict(struct sw_nft *n, const struct sw_net *net, __u64 *ret_hits);
/* Takes the table away. */
void sw_nft_remove(struct sw_nft *n);

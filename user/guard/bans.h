/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The last word before a ban reaches the kernel: prefix floors, and never what covers this host, its
 * gateway, resolvers, feeds or administrators. Keeps a copy of the allow maps to ask. In the guard.
 */
#pragma once

#include "sockwarden/rpc/guard.h"
#include "user/guard/backends.h"
#include "user/guard/marks.h"
#include "user/kern/maps.h"

struct sw_bans;

struct sw_bans_floor {
	__u32 min_plen4, min_plen6; /* no wider without SW_GUARD_BAN_WIDE */
};

/* All borrowed, backends may be NULL; what their allow maps hold already is read. */
int sw_bans_new(const struct sw_maps *maps, struct sw_marks *marks, struct sw_backends *backends,
	struct sw_bans **ret);
void sw_bans_free(struct sw_bans *b);
void sw_bans_freep(struct sw_bans **b);
void sw_bans_set_floor(struct sw_bans *b, const struct sw_bans_floor *f);

/* 0, or -EINVAL, -EPERM with a line in text: why this ban may not be. */
int sw_bans_judge(const struct sw_bans *b, const struct sw_guard_ban *ban, char *text, size_t size);
/*
 * Each goes through all n; *ret_done counts those in force (or gone), the result is the first error
 * and text says of which.
 */
int sw_bans_put(struct sw_bans *b, const struct sw_guard_ban *bans, __u32 n, __u32 *ret_done,
	char *text, size_t size);
int sw_bans_del(struct sw_bans *b, const struct sw_guard_ban *bans, __u32 n, __u32 *ret_done,
	char *text, size_t size);
int sw_bans_allow(struct sw_bans *b, const struct sw_guard_allow *allows, __u32 n, __u32 *ret_done,
	char *text, size_t size);

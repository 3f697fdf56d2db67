/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What goes into sockwarden's table in many transactions: trails and the rules over countries. One after the other,
 * each into sets that nothing asks yet, some thousand elements at a time, and the guard does its other work in
 * between; what was in force is so until the last part. A part of the nftables backend (nft.c). In the guard.
 */
#pragma once

#include "user/guard/nft_geo.h"
#include "user/guard/nft_trails.h"

/* Zero but maps and geo_id. */
struct sw_nft_load {
	const struct sw_maps *maps;
	bool is_geo_due, is_trails_due; /* the table does not have what the maps do */
	bool is_out_dropped; /* what goes out may be dropped by either */
	__u32 geo_id; /* of the rules that the table has */
	struct sw_nft_geo geo; /* of the table, as last looked at */
	struct sw_nft_trails trails;
	struct sw_nft_hits kept_in, kept_out; /* of trails whose rules went because there were none for a while */
	struct sw_nft_geo_load *geo_load; /* on their way; at most one of them is */
	struct sw_nft_trail_load *trail_load;
	struct sw_guard_nft facts; /* but the counters: of what is in force */
};

void sw_nft_load_done(struct sw_nft_load *l);
/* The table has nothing of it (any more): all is due. */
void sw_nft_load_forget(struct sw_nft_load *l);
/* Begins the look at the table's rules; _note takes each, false: it is none of these. */
void sw_nft_load_look(struct sw_nft_load *l);
bool sw_nft_load_note(struct sw_nft_load *l, const struct sw_nft_rule_seen *rule);
/* The maps have others now; what is on its way is begun anew. */
void sw_nft_load_geo(struct sw_nft_load *l);
void sw_nft_load_trails(struct sw_nft_load *l);
/* One transaction at most; 1 more to do, 0 nothing, -errno: what was in force still is, and the rest is due. */
int sw_nft_load_step(struct sw_nft_load *l, struct mnl_socket *s, uint32_t *seq);
/* The facts with what the rules count now. */
void sw_nft_load_status(struct sw_nft_load *l, struct mnl_socket *s, uint32_t *seq, struct sw_guard_nft *ret);

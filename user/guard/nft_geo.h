/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rules over countries and systems (abi/geo.h) in sockwarden's table, those that drop: for each and each family a set
 * of the intervals that it means ("geo1_4"), and chains of their own ("geo_…") that ask it of what begins something,
 * as the packet program does. These come after connection tracking, which alone knows here that a datagram is an
 * answer; they are there only while there are such rules, for they are what turns it on.
 *
 * The sets come in by parts into one of two banks ("geo1_4", "geo1_4b") while the rules ask the other, and all rules
 * change in one transaction. In the guard.
 */
#pragma once

#include "sockwarden/abi/geo.h"
#include "user/guard/nft_wire.h"
#include "user/kern/maps.h"

/* What of it the table has. */
struct sw_nft_geo {
	bool is_there;
	unsigned int bank; /* that its rules ask */
	struct sw_nft_hits hits[SW_GEO_RULES_MAX]; /* of each rule */
};

/* Notes a rule of the table; false: it is none of these. */
bool sw_nft_geo_note(struct sw_nft_geo *have, const struct sw_nft_rule_seen *rule);
/* The bank that a set of this name is of; -1: it is none of these. */
int sw_nft_geo_bank(const char *set);

struct sw_nft_geo_load;
/* What the map has now, into that bank; is_out_dropped: what goes out may be dropped. */
int sw_nft_geo_load_new(
	const struct sw_maps *maps, unsigned int bank, bool is_out_dropped, struct sw_nft_geo_load **ret);
void sw_nft_geo_load_free(struct sw_nft_geo_load *l);
/* Adds about SW_NFT_PART elements and what they need; 1 more to come, 0 that was all. */
int sw_nft_geo_load_part(struct sw_nft_geo_load *l, struct sw_nft_batch *b);
/* After the last part: adds what takes out the rules that the table has and puts in those that ask the new sets. */
void sw_nft_geo_load_swap(const struct sw_nft_geo_load *l, struct sw_nft_batch *b, const struct sw_nft_geo *have);
/* Of the texts of the rules (abi/geo.h); 0: there are none. */
__u32 sw_nft_geo_load_id(const struct sw_nft_geo_load *l);

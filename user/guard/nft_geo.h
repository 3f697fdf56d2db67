/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rules over countries and systems (abi/geo.h) in sockwarden's table, those that drop: for each and each family a set
 * of the intervals that it means ("geo1_4"), and chains of their own ("geo_…") that ask it of what begins something,
 * as the packet program does. These come after connection tracking, which alone knows here that a datagram is an
 * answer; they are there only while there are such rules, for they are what turns it on. In the guard.
 */
#pragma once

#include "user/guard/nft_wire.h"
#include "user/trail/geo_view.h"

/* What of it the table has. */
struct sw_nft_geo {
	bool is_there;
	__u32 rules; /* that have sets, a bit each */
};

/* Notes a rule of the table; false: it is none of these. */
bool sw_nft_geo_note(struct sw_nft_geo *have, const char *chain, const char *tag);
/*
 * Adds what takes out what the table has and puts in what v says, all at once; v NULL: there are no rules.
 * is_out_dropped: what goes out may be dropped.
 */
void sw_nft_geo_swap(
	struct sw_nft_batch *b, const struct sw_nft_geo *have, const struct sw_geo_view *v, bool is_out_dropped);

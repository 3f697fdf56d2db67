/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Segments of TCP that come before what precedes them. A few behind each hole are kept for a moment, so that what
 * begins in a segment that comes later is read to its end all the same. Pure; the caller owns it.
 */
#pragma once

#include "sockwarden/pkt/flow.h"
#include "user/base/util.h"

enum {
	SW_GAPS_FLOWS = 4096, /* directions whose next byte is known: a power of two; a collision forgets one */
	SW_GAPS_SPAN = 65536, /* a hole that is larger is another connection */
	SW_GAPS_SEGMENTS = 3, /* kept behind one hole */
	SW_GAPS_KEPT = 64, /* at once, 260 KiB when the first is; the oldest makes room */
	SW_GAPS_BYTES = 4096, /* of each */
	SW_GAPS_SEC = 30, /* one that is older is of no use */
};

struct sw_gaps;

struct sw_gap_piece {
	const uint8_t *data; /* until the next is kept */
	size_t len;
	uint32_t seq;
};

int sw_gaps_new(struct sw_gaps **ret);
void sw_gaps_free(struct sw_gaps *g);
/* The flow's data begins at seq: its SYN says so. */
void sw_gaps_begin(struct sw_gaps *g, const struct sw_flow *flow, uint32_t seq);
/* Each segment with data, as it comes: true when something before it has not come. */
bool sw_gaps_see(struct sw_gaps *g, const struct sw_flow *flow, uint32_t seq, size_t len);
/* Keeps a segment; without memory it does not. */
void sw_gaps_keep(struct sw_gaps *g, const struct sw_flow *flow, uint32_t seq, const uint8_t *data,
	size_t len, int64_t sec);
/* Gives out one that was kept of the flow, and forgets it; false when there is none. */
bool sw_gaps_take(struct sw_gaps *g, const struct sw_flow *flow, int64_t sec, struct sw_gap_piece *ret);

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The first bytes of TCP flows, put together from segments in any order: only of those that begin like
 * something that is read (the caller says), only so many bytes, only so many flows at once. What is
 * given up is counted. Pure; the caller owns it.
 */
#pragma once

#include "sockwarden/pkt/flow.h"
#include "user/base/util.h"

enum {
	SW_HEAD_BYTES =
		8192, /* of a flow's beginning: requests with large cookies, post-quantum hellos */
	SW_HEAD_FLOWS =
		4096, /* at once, 34 MB at most; the one that was silent longest makes room */
	SW_HEAD_SEC = 30, /* a flow that says nothing so long is given up */
	SW_HEAD_HOLES = 16, /* pieces that wait for what is missing before them: QUIC clients cut and shuffle */
};

struct sw_heads;

struct sw_head {
	struct sw_flow flow; /* of its first segment */
	uint8_t what; /* the caller's: what the bytes are */
	uint64_t packet; /* the caller's: the last that brought something, and its time */
	int64_t time_ns;
	size_t len; /* bytes from the beginning without a hole */
	uint8_t data[SW_HEAD_BYTES];
};

struct sw_head_stats {
	uint64_t opened, given_up; /* given up: evicted, silent, or longer than is kept */
};

/* ended: what has come of a flow that is given up; may be NULL. */
int sw_heads_new(void (*ended)(void *arg, struct sw_head *s), void *arg, struct sw_heads **ret);
void sw_heads_free(struct sw_heads *t);
void sw_heads_freep(struct sw_heads **t);
/*
 * Adds a segment to a flow that is held: false when it is not. *ret: it when something new came
 * at its beginning's end, else NULL.
 */
bool sw_heads_add(struct sw_heads *t, const struct sw_flow *flow, uint32_t seq, const uint8_t *data,
	size_t len, int64_t sec, struct sw_head **ret);
/*
 * Holds a flow from this segment on; with len 0 from seq on, whatever comes first. NULL when there is no
 * memory. Never a flow that is held.
 */
struct sw_head *sw_heads_open(struct sw_heads *t, const struct sw_flow *flow, uint32_t seq,
	const uint8_t *data, size_t len, int64_t sec);
/* Nothing more is wanted of it. */
void sw_heads_drop(struct sw_heads *t, struct sw_head *s);
/* Ends all. */
void sw_heads_flush(struct sw_heads *t);
bool sw_heads_is_empty(const struct sw_heads *t);
const struct sw_head_stats *sw_heads_stats(const struct sw_heads *t);

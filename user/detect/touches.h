/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Touches of decoy ports to findings: one finding for each source and protocol, told at the first
 * touch and kept up with the sum at most once a second. A TCP touch is a completed handshake and so
 * proves its source; a UDP touch proves nothing. What a flood of forged sources can make of it is
 * bounded. Pure; the object is the engine's.
 */
#pragma once

#include "sockwarden/model/finding.h"
#include "user/base/clock.h"

enum {
	SW_TOUCH_ROWS_MAX = 8192,    /* sources remembered; the one that was silent longest makes room */
	SW_TOUCH_NEW_PER_MIN = 120,  /* findings of unproven sources in any minute; the rest are counted */
	SW_TOUCH_PROVEN_PER_MIN = 1200, /* the same of proven ones */
	SW_TOUCH_FORGET_SEC = 600,   /* without a touch: the next is a new finding */
	SW_TOUCH_SAID_MAX = 48,	     /* first bytes kept, plain characters only */
};

struct sw_touch {
	struct sw_net source;
	__u16 sport, dport;
	__u8 protocol; /* IPPROTO_TCP, IPPROTO_UDP */
};

/* One source by one protocol, as far as anybody asks. */
struct sw_touch_row {
	struct sw_net source;
	__u8 protocol;
	bool is_banned; /* set by the owner of the table */
	__u16 first_port, last_port;
	__u64 count, finding;
	__s64 first_wall_ns, last_wall_ns;
	char said[SW_TOUCH_SAID_MAX];
};

struct sw_touches_stats {
	uint64_t rows, evicted;
	uint64_t untold; /* sources that got no finding of their own */
};

struct sw_touches;

/* f->id is 0 the first time, and then what the callee set it to. */
typedef void (*sw_touches_fn)(void *arg, struct sw_finding *f);

/* clock and arg are borrowed. */
int sw_touches_new(const struct sw_clock *clock, sw_touches_fn found, void *arg, struct sw_touches **ret);
void sw_touches_free(struct sw_touches *t);
void sw_touches_freep(struct sw_touches **t);
/* Counts a touch; the row, borrowed until the next call, or NULL without memory. */
struct sw_touch_row *sw_touches_add(struct sw_touches *t, const struct sw_touch *touch);
/* Touches of this source by this protocol so far. */
__u64 sw_touches_count(struct sw_touches *t, const struct sw_touch *touch);
/* The first bytes the source sent; kept when there were none yet. */
void sw_touches_heard(struct sw_touches *t, const struct sw_touch *touch, const char *bytes, size_t n);
/* Tells what changed. False when the table is empty: no further tick is needed. */
bool sw_touches_tick(struct sw_touches *t);
/* The n rows with the most touches, most first; their number. */
size_t sw_touches_top(const struct sw_touches *t, struct sw_touch_row *ret, size_t n);
struct sw_touches_stats sw_touches_stats(const struct sw_touches *t);

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reads one of the ring buffers, in the engine, from the descriptor that the guard handed over.
 * The kernel side wakes us seldom (a wake-up costs it microseconds), so after a drain that found
 * something the ring is polled again each POLL until it is empty, and only then waits for a wake-up. Records about
 * processes (exec, fork, exit) come with those of sockets, or within half a second.
 * The object is its maker's; callbacks run in the loop's thread.
 */
#pragma once

#include "sockwarden/model/event.h"
#include "user/io/loop.h"

struct sw_ring;

enum sw_ring_kind { SW_RING_PKT, SW_RING_SOCK, SW_RING_INSPECT };

struct sw_ring_ops {
	/* One record; what ev points to is gone when it returns. */
	void (*event)(const struct sw_event *ev, void *arg);
	/* Records that will never come: n more than told before. Only SW_RING_SOCK; may be NULL. */
	void (*lost)(uint64_t n, void *arg);
	/* After a batch of events: for what is done once for many. May be NULL. */
	void (*drained)(void *arg);
};

struct sw_ring_stats {
	uint64_t records, lost;
	uint64_t malformed; /* of unknown type or length: another version's */
	uint64_t wakeups;   /* times the ring was looked at */
};

/* fd: of the map, borrowed until free. ops: borrowed. 0, -errno. */
int sw_ring_new(struct sw_loop *l, enum sw_ring_kind kind, int fd, const struct sw_ring_ops *ops, void *arg,
	struct sw_ring **ret);
void sw_ring_free(struct sw_ring *r);
void sw_ring_freep(struct sw_ring **r);
/* Reads what is there now, without the loop; records read or -errno. */
int sw_ring_drain(struct sw_ring *r);
struct sw_ring_stats sw_ring_stats(const struct sw_ring *r);

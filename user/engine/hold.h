/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Connections to decoys that are held: each until its time is up, its peer goes, or the table is full
 * and it is the oldest. Nothing is ever answered. Its first bytes are handed out once. Owned by the
 * engine's decoys, in its loop's thread; it owns the connections.
 */
#pragma once

#include "user/detect/touches.h"
#include "user/io/loop.h"

enum {
	SW_HOLD_MAX = 15000,	  /* connections: about 50 MB of the kernel's memory */
	SW_HOLD_FIRST_MAX = 256,  /* first bytes that are read */
	SW_HOLD_CLOSE_SEC = 5,	  /* how long a peer may take to say something before it is closed */
	SW_HOLD_TARPIT_SEC = 3600,
};

struct sw_hold;

/* The first bytes of a connection. */
typedef void (*sw_hold_fn)(void *arg, const struct sw_touch *t, const char *bytes, size_t n);

int sw_hold_new(struct sw_loop *l, const struct sw_clock *clock, unsigned int max, sw_hold_fn heard, void *arg,
	struct sw_hold **ret);
void sw_hold_free(struct sw_hold *h);
/* Takes fd, whatever comes of it. */
int sw_hold_add(struct sw_hold *h, int fd, const struct sw_touch *t, bool is_tarpit);
/* Closes the oldest; false when there is none. */
bool sw_hold_evict(struct sw_hold *h);
unsigned int sw_hold_count(const struct sw_hold *h);
unsigned int sw_hold_max(const struct sw_hold *h);
uint64_t sw_hold_evicted(const struct sw_hold *h);

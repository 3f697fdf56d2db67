/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Connections at one pace: what a program that asks for orders makes, and much that is harmless too, so
 * the rule is off until it is wanted. A table of fixed size of who connects where, with the latest
 * times of each. Pure; the caller owns it and gives the time.
 */
#pragma once

#include "user/base/util.h"
#include "user/detect/rules.h"

enum {
	SW_BEACON_ROWS = 4096, /* pairs of ends remembered, 0.5 MiB; a quiet row makes room */
	SW_BEACON_TIMES = 12, /* the latest connections of a pair */
	SW_BEACON_SPREAD = 10, /* percent that a gap may differ from the mean, ... */
	SW_BEACON_SLACK_SEC = 1, /* ... or so much */
	SW_BEACON_GAP_SEC = 5, /* shorter gaps are a conversation */
};

struct sw_beacons;

int sw_beacons_new(struct sw_beacons **ret);
void sw_beacons_free(struct sw_beacons *b);
/* key: who and where to. The mean gap in seconds when this connection makes it a beacon, else 0. */
unsigned int sw_beacons_add(
	struct sw_beacons *b, const struct sw_config_habit *rule, uint64_t key, int64_t sec);

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Is a feed's new list one to take? What came and went since the last one, and how much of the address
 * space it covers. Pure; the lists are borrowed.
 */
#pragma once

#include "user/trail/image_check.h"

enum { SW_FEED_CHANGE_MIN = 100 /* entries that may come at once to however small a list */ };

struct sw_feed_change {
	uint64_t had, added, removed;
	unsigned int
		percent; /* of what was there: the larger of gone and come, rounded up; come only beyond CHANGE_MIN */
};

/* old may be NULL: then nothing is a change. */
void sw_feed_compare(const struct sw_trail_view *old, const struct sw_trail_view *new,
	struct sw_feed_change *ret);
/* Millionths covered of all IPv4 addresses, and of the global IPv6 ones (2000::/3), each counted once; the larger. */
uint64_t sw_feed_cover(const struct sw_trail_view *v);

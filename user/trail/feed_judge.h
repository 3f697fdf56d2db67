/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Is a feed's new list one to take? What came and went since the last one, and how much of the address
 * space it covers. Pure; the lists are borrowed.
 */
#pragma once

#include "user/trail/image_check.h"
#include "user/trail/parse.h"

enum { SW_FEED_CHANGE_MIN = 100 /* entries that may come at once to however small a list */ };

struct sw_feed_change {
	uint64_t had, added, removed;
	unsigned int
		percent; /* of what was there: the larger of gone and come, rounded up; come only beyond CHANGE_MIN */
};

/* Of what was there, rounded up; what came counts beyond min alone. c->percent is that of SW_FEED_CHANGE_MIN. */
unsigned int sw_feed_change_percent(const struct sw_feed_change *c, uint64_t min);
/* old may be NULL: then nothing is a change. */
void sw_feed_compare(const struct sw_trail_view *old, const struct sw_trail_view *new,
	struct sw_feed_change *ret);
/* Millionths covered of all IPv4 addresses, and of the global IPv6 ones (2000::/3), each counted once; the larger. */
uint64_t sw_feed_cover(const struct sw_trail_view *v);

/*
 * Feeds that allow are held to more (SW_ALLOW_FEED_ in limits.h): what is let in by mistake nobody sees. Rules
 * for who reads one; and of a list whether all of it may be allowed: 0, or -ERANGE with why for a person.
 * is_own: of the operator's own, which may name addresses inside.
 */
void sw_feed_allow_rules(struct sw_trail_rules *rules);
int sw_feed_judge_allow(const struct sw_trail_view *v, bool is_own, char *why, size_t size);

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * All lists merged into the one image that the guard writes into the kernel; made in the engine,
 * sent as a sealed memfd, checked by the guard with image_check.h.
 *
 * One entry per network. Of lists that hold the same network, an except wins over a drop, a drop over a
 * tag, a tag over an observe, and among equals the list given first. Among networks that contain each
 * other the longest decides, as in the kernel's trie, with one exception: an observe inside a drop or a
 * tag, and a tag inside a drop, is left out, because what one list says must not protect from another.
 */
#pragma once

#include "user/trail/image_check.h"
#include "user/trail/packed_check.h"
#include "user/trail/times.h"

/* One list of the image. set: the number that events carry; unique, below SW_TRAIL_SETS_MAX. */
struct sw_trail_source {
	struct sw_trail_view view;
	__u32 set;
	int64_t now_wall_sec; /* trails that are over by then count for nothing; 0: none is */
};

/* Whether an entry or a port of the list with this place of times is over. */
static inline bool sw_trail_source_is_over(const struct sw_trail_source *s, __u32 place)
{
	return sw_trail_is_over(&s->view, place, s->now_wall_sec);
}

struct sw_trail_image_stats {
	uint64_t n4, n6;
	size_t n_ports; /* addresses with a port, as image_ports.h merges them */
	uint64_t merged; /* entries that another list's equal network decided */
	uint64_t covered; /* left out inside what says more */
	uint64_t n_tagged; /* networks and ports whose action is to tag */
};

/*
 * Merges n lists (0 makes an empty image: it clears the trails). A descriptor of a sealed memfd;
 * -E2BIG more entries than the kernel's maps hold, -errno. ret may be NULL. engine: LPM makes an image of
 * entries for the tries, PACKED one that is compiled (packed4.h, packed6.h).
 */
int sw_trail_image_build(const struct sw_trail_source *lists, size_t n, enum sw_trail_engine engine,
	int64_t made_wall_sec, struct sw_trail_image_stats *ret);

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Times of single trails: since when and until when. A text says them in a note behind the trail, "# until:
 * TIME" (also "first:" and "last:"), a feed in columns of its own; a list keeps them in rows by the trail's key
 * (rpc/trail.h). Wall time, in seconds since 1970. Pure; owns nothing. Used where lists are made and asked.
 */
#pragma once

#include "user/trail/image_check.h"
#include "user/trail/static_line.h"

/* Tells a trail from all others of a list. Of l kind, net, port and text are read. */
uint64_t sw_trail_key(const struct sw_static_line *l);
/* The row of a trail; NULL: none is known. */
const struct sw_trail_times *sw_trail_times_find(const struct sw_trail_view *v, const struct sw_static_line *l);

/* Whether a trail with this row, its place from 1 (0: none), is over. now_wall_sec 0: none is. */
static inline bool sw_trail_is_over(const struct sw_trail_view *v, __u32 place, int64_t now_wall_sec)
{
	return place && v->times[place - 1].until_sec && v->times[place - 1].until_sec <= now_wall_sec;
}

/* The first end after a moment; 0: none comes. Number that is over by then in ret_over. */
int64_t sw_trail_times_next(const struct sw_trail_view *v, int64_t now_wall_sec, uint64_t *ret_over);

static inline bool sw_trail_has_when(const struct sw_trail_when *w)
{
	return w->first_sec || w->last_sec || w->until_sec;
}

/*
 * Reads "2026-12-31", "2026-12-31 18:00[:30]", "2026-12-31T18:00:30Z", an offset as "+01:00", a fraction; UTC
 * where nothing else is said, a day alone is its beginning. 1970 to 2105. Bytes read, or -EINVAL.
 */
int sw_trail_time_read(const char *text, size_t len, __u32 *ret_sec);
/*
 * Reads a note, what follows '#'. Anything but "until:", "first:" and "last:" at its beginning is none of ours.
 * 0, or -EINVAL with a sentence in why: a word of these, and no time behind it.
 */
int sw_trail_note_read(const char *text, size_t len, struct sw_trail_when *ret, char *why, size_t size);

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * When each trail of a list was first in it: STATE/trails/NAME.swts beside the list, mapped, eight bytes
 * a trail, sorted: forty bits of a hash and the time, to four minutes. One trail in a million may be told
 * the time of another. It lives as long as the list does. In the engine; the caller owns what is loaded.
 */
#pragma once

#include "user/trail/list.h"

struct sw_trail_seen;

/*
 * Writes the file of l: what old has keeps its time, all else is new. old: NULL for none. 0 or -errno; a
 * failure leaves the file of before.
 */
int sw_trail_seen_save(const struct sw_trail_seen *old, const struct sw_trail_list *l, int64_t wall_sec, int dirfd);
/* -ENOENT: there is none; -EBADMSG: damaged. */
int sw_trail_seen_load(int dirfd, const char *name, struct sw_trail_seen **ret);
void sw_trail_seen_free(struct sw_trail_seen *s);
void sw_trail_seen_unlink(int dirfd, const char *name);
/* Wall time in seconds; 0: not known. s may be NULL. Of l only what tells a trail from others is read. */
int64_t sw_trail_seen_first(const struct sw_trail_seen *s, const struct sw_static_line *l);

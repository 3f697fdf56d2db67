/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The marks in the kernel (abi/packed.h): bits that say where a packet needs a second look. Every ban
 * and every trail in force is marked before it counts; a mark goes only when nothing has it any more,
 * which is known by counting the bans of each mark here. In the guard, which alone writes them.
 *
 * A guard that adopts maps cannot know where the one before was killed: sw_marks_new makes the marks
 * anew from what the maps hold, and clears nothing before all of it is marked.
 */
#pragma once

#include "user/kern/maps.h"
#include "user/trail/packed_check.h"

struct sw_marks;

/* maps is borrowed. 0 or -errno. */
int sw_marks_new(const struct sw_maps *maps, struct sw_marks **ret);
void sw_marks_free(struct sw_marks *m);
void sw_marks_freep(struct sw_marks **m);
/* A ban of net is in its map now, and was not before. */
void sw_marks_add(struct sw_marks *m, const struct sw_net *net);
/* A ban of net has left its map. */
void sw_marks_del(struct sw_marks *m, const struct sw_net *net);
/* Marks the trails of v beside those that are marked; before v is put in force. */
void sw_marks_join(struct sw_marks *m, const struct sw_packed_view *v);
/* v alone is in force now, or with NULL no packed trails: marks of those before go. */
void sw_marks_settle(struct sw_marks *m, const struct sw_packed_view *v);
/* Something else that is judged by has changed (an allow entry): no verdict that was kept holds any more. */
void sw_marks_renew(struct sw_marks *m);

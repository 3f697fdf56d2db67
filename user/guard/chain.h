/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The operator's own XDP program behind the gate: a pinned slot that the gate's second form calls with what it
 * passes. The slot is all the state there is, so a program that was put there outlives the guard.
 */
#pragma once

#include "user/guard/follow.h"
#include "user/guard/plant.h"

/* What was chained under an earlier guard is in its slot still: loads the gate that calls it. */
void sw_chain_adopt(struct sw_plant *p, const char *pin_dir);
/*
 * Chains prog, in the place of another at once, or with -1 none any more, and gives every device at XDP the
 * gate that goes with it. 0; -EINVAL: no XDP program, or one that the kernel will not call from there; -errno.
 */
int sw_chain_set(struct sw_plant *p, struct sw_follow *f, const char *pin_dir, int prog, char *text, size_t size);
/* id 0: nothing is chained. */
void sw_chain_status(const struct sw_plant *p, struct sw_guard_chain *ret);

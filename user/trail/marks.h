/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which marks a network has (abi/packed.h). Pure; shared by the engine, which marks the trails of
 * IPv6, and the guard, which marks bans.
 */
#pragma once

#include "sockwarden/abi/packed.h"
#include "sockwarden/model/addr.h"
#include "user/base/util.h"

enum {
	/* of all networks of a kind together: with more, a quarter of the marks, they say nothing any more */
	SW_MARKS_BUDGET = SW_MARK_BITS / 4,
	/* of a generation's /40 to /47 as /48s: with more, one in 64, one in 64 of all packets is looked up for them */
	SW_MARKS_SPREAD = SW_MARK_BITS / 64,
};

/* How many marks n has; the widest have 2^32. split: as sw_mark6_class's. */
uint64_t sw_marks_count(const struct sw_net *n, uint32_t split);
/* The marks by number, from 0. */
uint32_t sw_marks_nth(const struct sw_net *n, uint32_t split, uint64_t i);
/*
 * Sets all marks of an IPv6 network, taking them from what is left of *budget. False when there is
 * not enough left: everything is to be marked then.
 */
bool sw_marks_set6(const struct sw_net *n, uint32_t split, uint64_t *words, uint64_t *budget);

static inline void sw_mark_set(uint64_t *words, uint32_t bit)
{
	words[bit / 64] |= 1ULL << (bit & 63);
}

/* The words of an IPv6 address in host order. */
struct sw_words6 {
	uint64_t high, low;
};
struct sw_words6 sw_words6_of(const struct sw_net *n);
/* The network of a used slot. */
struct sw_net sw_packed6_net(const struct sw_packed6_slot *s);

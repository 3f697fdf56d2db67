/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How many bans have each mark: a table of 16 bytes a mark without pointers, so that a ban among a hundred thousand
 * takes one cache miss of it.
 */
#pragma once

#include "user/base/util.h"

struct sw_mark_count {
	uint32_t bit, n; /* n 0: no row */
	uint64_t others; /* what the bans are in the word of the others' marks */
};

/* All zero: empty. */
struct sw_mark_counts {
	struct sw_mark_count *rows;
	uint32_t n, mask; /* rows in use; number of rows less one, a power of two less one */
};

/* NULL: none. Valid until the next that is made or dropped. */
struct sw_mark_count *sw_mark_counts_find(const struct sw_mark_counts *c, uint32_t bit);
/* One with n 0 when there was none, which the caller raises at once. NULL: no memory. */
struct sw_mark_count *sw_mark_counts_make(struct sw_mark_counts *c, uint32_t bit);
void sw_mark_counts_drop(struct sw_mark_counts *c, struct sw_mark_count *row);
/* The first row at or behind *at, which goes behind it; NULL at the end. */
const struct sw_mark_count *sw_mark_counts_next(const struct sw_mark_counts *c, size_t *at);
void sw_mark_counts_free(struct sw_mark_counts *c);

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Answers questions about lists: which of them hold an address or network, and which entry decides.
 * Binary search in the lists' own mappings; owns nothing, allocates nothing. For `why`, `check` and
 * `trails search` in the engine; the packet path asks the kernel's maps.
 */
#pragma once

#include "user/trail/image.h"

struct sw_trail_hit {
	size_t list; /* index in the lists given */
	const struct sw_trail_entry *entry;
};

/*
 * Every entry of every list that contains all of net, per list the longest first. At most max are
 * written; the number there are is returned.
 */
size_t sw_trail_covering(const struct sw_trail_source *lists, size_t n, const struct sw_net *net,
	struct sw_trail_hit *ret, size_t max);
/* Every entry inside net and narrower than it, in order. At most max are written; the number there are. */
size_t sw_trail_within(const struct sw_trail_source *lists, size_t n, const struct sw_net *net,
	struct sw_trail_hit *ret, size_t max);
/* The ports of an address in one list, in order, those that are over too; borrowed from the view. */
const struct sw_trail_port *sw_trail_ports_of(
	const struct sw_trail_view *v, const struct sw_net *host, size_t *ret_n);
/*
 * The entry that decides for net by the rules of image.h. True when there is one that observes or drops;
 * an except is told by true with that action, so that `why` can say so.
 */
bool sw_trail_decide(const struct sw_trail_source *lists, size_t n, const struct sw_net *net,
	struct sw_trail_hit *ret);

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the trails in force drop, as runs of addresses in ascending order, none touching the next: for a firewall
 * that knows intervals and no longest match. From a packed IPv4 generation it is read off; of networks, in whatever
 * order they come, the longest that holds an address decides. Both are cursors, so that whoever has other work goes
 * on with it in between. Addresses are keys as of IPv6, IPv4 as ::ffff:a.b.c.d. In the guard.
 */
#pragma once

#include "sockwarden/abi/packed.h"
#include "user/trail/geo_view.h"

#define SW_DROPS_IP4_LOW 0xffff00000000ULL /* the low half of an IPv4 key, without the address */

struct sw_drop_run {
	struct sw_geo_key first, last;
};

/* The binary logarithm of how many addresses a run has, rounded down: 0 is one address. */
unsigned int sw_drop_run_width(const struct sw_drop_run *r);

/* A packed generation, borrowed; all zero but these two begins at its first address. */
struct sw_drops4 {
	const union sw_packed4 *elements;
	uint64_t n;
	uint64_t at; /* the first address that was not given yet */
};

/* False at the end. */
bool sw_drops4_next(struct sw_drops4 *d, struct sw_drop_run *ret);

struct sw_drop_net {
	struct sw_geo_key key;
	uint8_t plen; /* of 128 */
	bool is_dropped;
};

/* Networks; zero is an empty one. */
struct sw_drops {
	struct sw_drop_net *nets;
	size_t n, room;
	size_t heaped, sorted; /* how far the order is */
	size_t next; /* networks that the cursor took */
	struct sw_geo_key at; /* the first address that nothing was said of yet */
	struct {
		struct sw_geo_key last;
		bool is_dropped;
	} around[130]; /* networks that are open, the widest first: one of each length */
	size_t depth;
	struct sw_drop_run run;
	bool is_open, is_over;
};

void sw_drops_done(struct sw_drops *d);
/* No network twice. 0 or -ENOMEM. */
int sw_drops_add(struct sw_drops *d, const struct sw_geo_key *key, unsigned int plen, bool is_dropped);
/* After the last: puts some in order, about max steps of it. True: more to do. */
bool sw_drops_sort(struct sw_drops *d, size_t max);
/* Back to the first address. */
void sw_drops_rewind(struct sw_drops *d);
/* False at the end. */
bool sw_drops_next(struct sw_drops *d, struct sw_drop_run *ret);

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sets of trails made to go wrong, and what is right: random ones and such as meet at the borders of
 * octets, blocks, /24s and words, all lengths, with exceptions inside and around. What is right is
 * found by looking at every entry.
 */
#pragma once

#include "sockwarden/abi/gate.h"
#include "sockwarden/rpc/trail.h"
#include "user/base/cidr.h"

enum { TRAIL_SET_MAX = 64 };

struct trail_set {
	struct sw_trail_entry entry[TRAIL_SET_MAX]; /* in order, no network twice */
	size_t n;
};

static inline uint64_t set_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state * 0x2545f4914f6cdd1dULL >> 11;
}

static inline int set_compare(const void *a, const void *b)
{
	return sw_net_cmp(
		&((const struct sw_trail_entry *)a)->net, &((const struct sw_trail_entry *)b)->net);
}

/* Moves the address by one at the given bit, borrowing and carrying over octets. */
static inline void set_step(struct sw_net *net, unsigned int bit, bool is_down)
{
	int add = 1 << (7 - bit % 8);

	for (int i = (int)bit / 8; i >= 0; i--, add = 1) {
		int sum = net->addr[i] + (is_down ? -add : add);

		net->addr[i] = (__u8)sum;
		if (sum >= 0 && sum <= 255)
			return;
	}
}

/* A host near what was there before, or anywhere. */
static inline struct sw_net set_host(uint64_t *state, __u8 family, const struct sw_net *near)
{
	static const unsigned int borders[] = {
		16, 18, 24, 25, 26, 29, 31, 32, 40, 47, 48, 63, 64, 65, 96, 127, 128};
	unsigned int width = family == SW_AF_IP4 ? 4 : 16, max = width * 8;
	struct sw_net net = {.family = family, .plen = (__u8)max};

	for (unsigned int i = 0; i < width; i++)
		net.addr[i] = (__u8)set_random(state);
	if (near && set_random(state) % 8) {
		unsigned int border = borders[set_random(state) % SW_ARRAY_SIZE(borders)],
			     keep = near->plen;

		if (set_random(state) % 2)
			keep = set_random(state) % (max + 1);
		for (unsigned int i = 0; i < keep; i++) {
			__u8 mask = (__u8)(0x80 >> i % 8);

			net.addr[i / 8] = (net.addr[i / 8] & ~mask) | (near->addr[i / 8] & mask);
		}
		if (border <= max && set_random(state) % 2)
			set_step(&net, border - 1, set_random(state) % 2);
		if (set_random(state) % 4 == 0) /* the first or last of a network */
			for (unsigned int i = keep; i < max; i++)
				net.addr[i / 8] = set_random(state) % 16
					? net.addr[i / 8] & ~(0x80 >> i % 8)
					: net.addr[i / 8] | 0x80 >> i % 8;
	}
	return net;
}

static inline void set_make(uint64_t *state, __u8 family, struct trail_set *ret)
{
	unsigned int max = family == SW_AF_IP4 ? 32 : 128;
	size_t want = 1 + set_random(state) % TRAIL_SET_MAX, out = 0;
	bool is_hosts = set_random(state) % 2;

	ret->n = 0;
	for (size_t i = 0; i < want; i++) {
		const struct sw_net *near = i ? &ret->entry[set_random(state) % i].net : NULL;
		struct sw_net net = set_host(state, family, near);
		unsigned int plen =
			is_hosts && set_random(state) % 4 ? max : set_random(state) % (max + 1);

		ret->entry[ret->n++] = (struct sw_trail_entry){
			.net = sw_net_trim(&net, plen),
			.set = (__u32)i,
			.action = (__u32)(set_random(state) % SW_TRAIL_ACTION_COUNT),
		};
	}
	qsort(ret->entry, ret->n, sizeof(ret->entry[0]), set_compare);
	for (size_t i = 0; i < ret->n; i++)
		if (!out || !sw_net_eq(&ret->entry[out - 1].net, &ret->entry[i].net))
			ret->entry[out++] = ret->entry[i];
	ret->n = out;
}

/* What the longest entry around host says: enum sw_trail_action, -1 for none or an exception. */
static inline int set_decide(const struct trail_set *s, const struct sw_net *host)
{
	const struct sw_trail_entry *longest = NULL;

	for (size_t i = 0; i < s->n; i++)
		if (sw_net_contains(&s->entry[i].net, host) &&
			(!longest || s->entry[i].net.plen > longest->net.plen))
			longest = &s->entry[i];
	return !longest || longest->action == SW_TRAIL_EXCEPT ? -1 : (int)longest->action;
}

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is told but as a sum, so that nobody's connects fill the ring: those of one process to one
 * destination with one result beyond a few a second, and all of one cgroup beyond a rate. Binds,
 * listens and raw sockets are never asked here. Per CPU and direct-mapped: who pushes another out of
 * a slot tells a few records more.
 */
#pragma once

#include "lib/sock_emit.bpf.h"

enum { SAME_SLOTS = 1024, CGROUP_SLOTS = 256, SAME_WINDOW_NS = 1000000000 };

/* The same: process, destination and result. */
struct same_key {
	__u64 start_ns;
	__u32 tgid;
	__u16 port;
	__u8 result; /* enum sw_ev_type, with the high bit where it was refused */
	__u8 pad;
	__u64 addr[2];
};

struct same_slot {
	struct same_key key;
	__u64 window_ns;
	__u32 told, untold; /* since then; in all */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SAME_SLOTS);
	__type(key, __u32);
	__type(value, struct same_slot);
} sock_same SEC(".maps");

struct cgroup_slot {
	__u64 filled_ns;
	__u64 tokens;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, CGROUP_SLOTS);
	__type(key, __u32);
	__type(value, struct cgroup_slot);
} sock_cgroups SEC(".maps");

static __always_inline __u32 fold(__u64 x)
{
	x *= 0x9e3779b97f4a7c15ULL;
	return (__u32)(x >> 40);
}

/* A token of the cgroup that acts; a full second without a record fills its bucket. */
static __always_inline bool has_token(__u64 cgroup_id, __u64 now)
{
	__u32 key = fold(cgroup_id) & (CGROUP_SLOTS - 1);
	struct cgroup_slot *c = bpf_map_lookup_elem(&sock_cgroups, &key);
	__u64 earned;

	if (!c)
		return true;
	earned = now - c->filled_ns < SAME_WINDOW_NS
		? (now - c->filled_ns) * SW_SOCK_CGROUP_RATE / SAME_WINDOW_NS
		: SW_SOCK_CGROUP_BURST;
	if (earned) {
		c->tokens = c->tokens + earned > SW_SOCK_CGROUP_BURST ? SW_SOCK_CGROUP_BURST : c->tokens + earned;
		c->filled_ns = now;
	}
	if (!c->tokens) {
		sw_stat_inc(SW_STAT_EV_SOCK_LIMITED);
		return false;
	}
	c->tokens--;
	return true;
}

static __always_inline bool is_same(const struct same_key *a, const struct same_key *b)
{
	return a->start_ns == b->start_ns && a->tgid == b->tgid && a->port == b->port && a->result == b->result &&
		a->addr[0] == b->addr[0] && a->addr[1] == b->addr[1];
}

/* How many the record is to stand for, this one included; 0: it is not told. */
static __always_inline __u32 told_as(const struct same_key *k, __u64 cgroup_id)
{
	__u32 slot = fold(k->start_ns ^ k->tgid ^ k->addr[0] ^ k->addr[1] * 31 ^ (__u64)k->port << 17 ^ k->result) &
		(SAME_SLOTS - 1);
	struct same_slot *s = bpf_map_lookup_elem(&sock_same, &slot);
	__u64 now = tick_now();
	__u32 n;

	if (!s)
		return 1;
	if (!is_same(&s->key, k)) {
		s->key = *k;
		s->window_ns = now;
		s->told = 0;
		s->untold = 0;
	} else if (now - s->window_ns >= SAME_WINDOW_NS) {
		s->window_ns = now;
		s->told = 0;
	}
	if (s->told >= SW_SOCK_SAME_BURST) {
		s->untold++;
		sw_stat_inc(SW_STAT_EV_SOCK_LIMITED);
		return 0;
	}
	if (!has_token(cgroup_id, now)) {
		s->untold++;
		return 0;
	}
	s->told++;
	n = s->untold + 1;
	s->untold = 0;
	return n;
}

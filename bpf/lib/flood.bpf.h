/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Half-open connections by source, in sliding windows: the gate counts SYNs to open ports, the socket programs
 * take away what was completed. So however many come from one address, those who go on make no flood; and forged
 * sources, of which each sends little, make room for one that sends much.
 */
#pragma once

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include "lib/pin.bpf.h"
#include "sockwarden/pkt/parse.h"
#include "sockwarden/pkt/probe.h"

struct {
	SW_PIN
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SW_SYN_SETS);
	__type(key, __u32);
	__type(value, struct sw_syn_set);
} syns SEC(".maps");

static __always_inline __u64 mix(__u64 h, __u64 v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15ULL;
	return h ^ h >> 29;
}

/* IPv6: the /64, which is one attacker's. */
static __always_inline __u64 source_key(__u8 family, const union sw_flow_addr *source, __u32 more)
{
	return mix(mix(family, source->half[0]), more) | 1;
}

static __always_inline struct sw_syn_set *syn_set(__u64 key)
{
	__u32 slot = (key >> 20) & (SW_SYN_SETS - 1);

	return bpf_map_lookup_elem(&syns, &slot);
}

/* ---- the gate's side */

/* What is to be told of a source. */
struct flood_news {
	__u32 open; /* 0: nothing */
	__u32 packets;
};

/* The row of a key, made where there is none. Under the set's lock: calls nothing. */
static __always_inline __u32 find_syn_row(struct sw_syn_set *set, __u64 key, __u32 at, __u32 parts)
{
	__u32 worst = 0, least = 0xffffffff;

	for (__u32 i = 0; i < SW_SYN_WAYS; i++) {
		__u32 open = set->row[i].open;

		if (set->row[i].key == key)
			return i;
		if (at - set->row[i].at >= parts)
			open = 0;
		if (open < least) {
			least = open;
			SW_PKT_HIDE(least);
			worst = i;
		}
	}
	SW_PKT_HIDE(worst); /* so that the verifier follows one way on, not one for each */
	worst &= SW_SYN_WAYS - 1;
	__builtin_memset(&set->row[worst], 0, sizeof(set->row[worst]));
	set->row[worst].key = key;
	return worst;
}

/* Half-open connections within the window. */
static __always_inline __u32 count_open(const struct sw_syn_row *row, __u32 at, __u32 parts)
{
	__s32 n = 0;

	for (__u32 i = 0; i < SW_SYN_PARTS; i++) {
		__u32 age = (at - row->part[i].at) & 0x7fffffff;

		n += row->part[i].open * (__s32)sw_tries_is_less(age, parts);
	}
	return n > 0 ? n : 0;
}

static __always_inline void note_syn(
	const struct sw_probe_rule *rule, __u64 key, __u32 sec, struct flood_news *ret)
{
	__u32 width = rule->window_sec / SW_SYN_PARTS + 1, parts = (rule->window_sec + width - 1) / width;
	struct sw_syn_set *set = syn_set(key);
	__u32 at = sec / width, way, place;
	struct sw_syn_part *part;
	struct sw_syn_row *row;

	if (!set || !rule->threshold)
		return;
	place = at & (SW_SYN_PARTS - 1);
	bpf_spin_lock(&set->lock);
	way = find_syn_row(set, key, at, parts);
	SW_PKT_HIDE(way);
	row = &set->row[way & (SW_SYN_WAYS - 1)];
	part = &row->part[place];
	if (part->at != at) {
		part->at = at;
		part->open = 0;
	}
	__sync_fetch_and_add(&part->open, 1); /* for completed() takes no lock */
	row->at = at;
	row->packets++;
	row->open = count_open(row, at, parts);
	if (row->open >= rule->threshold && (!row->told_sec || sec - row->told_sec >= SW_PROBE_TELL_SEC)) {
		row->told_sec = sec;
		ret->open = row->open;
		ret->packets = row->packets;
		row->packets = 0;
	}
	bpf_spin_unlock(&set->lock);
}

/* ---- the sockets' side */

/* A source has completed a connection, maybe one whose SYN came by a device that is not guarded. */
static __always_inline void note_completed(__u64 key)
{
	struct sw_syn_set *set = syn_set(key);

	if (!set)
		return;
	for (__u32 i = 0; i < SW_SYN_WAYS; i++) {
		struct sw_syn_row *row = &set->row[i];

		if (row->key != key)
			continue;
		__sync_fetch_and_add(&row->part[row->at & (SW_SYN_PARTS - 1)].open, -1);
		return;
	}
}

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Maps of looking into packets. Those of notes are shared with the socket side: they say whose a socket is. */
#pragma once

#include "lib/sock_maps.bpf.h"
#include "sockwarden/abi/inspect.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sw_inspect_ctl);
} inspect_ctl SEC(".maps");

/* One slot; the guard makes the inner hash, as large as its list, and puts it in place whole. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(
		values, struct {
			__uint(type, BPF_MAP_TYPE_HASH);
			__uint(map_flags, BPF_F_NO_PREALLOC);
			__uint(max_entries, 1);
			__uint(key_size, sizeof(__u64));
			__uint(value_size, sizeof(struct sw_domain_val));
		});
} domains SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SW_SHUNNED_MAX);
	__type(key, struct sw_shunned_key);
	__type(value, __u64);
} shunned SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, SW_EV_INSPECT_BYTES);
} ev_inspect SEC(".maps");

/* What may still go up of what a socket says and hears; made when it begins like a request or a hello. */
struct inspect_flow {
	__u16 bytes[2]; /* by enum sw_inspect_way */
	__u8 segments[2];
	__u8 ahead; /* segments behind the hole that may still go up */
	__u8 is_served; /* requests come in */
	__u32 hole; /* where what comes in has its last hole */
};

/* A listener that waits for data (TCP_DEFER_ACCEPT) has the first of it; the rest comes to its child, with a copy. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct inspect_flow);
} inspect_flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} inspect_wake SEC(".maps");

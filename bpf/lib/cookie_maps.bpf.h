/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Maps of the decoys that XDP itself answers: apart from the gate's, so that they are there only where it is wanted. */
#pragma once

#include "sockwarden/abi/cookie.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sw_cookie_ctl);
} cookie_ctl SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sw_cookie_bucket);
} cookie_cpu SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SW_COOKIE_NETS);
	__type(key, __u32);
	__type(value, struct sw_cookie_bucket);
} cookie_nets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SW_COOKIE_TOLD);
	__type(key, struct sw_cookie_handshake);
	__type(value, __u8);
} cookie_told SEC(".maps");

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What was lost or left out, per CPU, exact: a packet or tracepoint program is not entered twice on
 * one CPU. Apart from the other maps so that an object gets only this one by including it.
 */
#pragma once

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include "lib/pin.bpf.h"
#include "sockwarden/abi/reason.h"

struct {
	SW_PIN
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SW_STAT_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} stats SEC(".maps");

static __always_inline void sw_stat_add(enum sw_stat stat, __u64 n)
{
	__u32 key = stat;
	__u64 *value = bpf_map_lookup_elem(&stats, &key);

	if (value)
		*value += n;
}

static __always_inline void sw_stat_inc(enum sw_stat stat)
{
	sw_stat_add(stat, 1);
}

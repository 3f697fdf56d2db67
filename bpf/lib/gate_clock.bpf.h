/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The gate's clock and token buckets. A flood asks both for every packet, so the clock is read once a
 * tick of the kernel (1 to 10 ms) and CPU: a ban may end that much late, a bucket fill that much late.
 */
#pragma once

#include "lib/clock.bpf.h"
#include "lib/maps.bpf.h"

static __always_inline struct sw_recent *gate_cpu(void)
{
	__u32 key = SW_RECENT_CPU;

	return bpf_map_lookup_elem(&recent, &key);
}

/* Changes when the clock may have moved by more than a tick, by itself or by a test's hand. */
static __always_inline __u64 gate_tick(const struct sw_gate_ctl *ctl)
{
	return bpf_jiffies64() + ctl->clock_offset_ns;
}

/* Boot time, at most one tick old. */
static __always_inline __u64 gate_now(const struct sw_gate_ctl *ctl)
{
	struct sw_recent *cpu = gate_cpu();
	__u64 tick = gate_tick(ctl);

	if (!cpu)
		return sw_now(ctl->clock_offset_ns);
	if (cpu->cpu.now_tick != tick) {
		cpu->cpu.now_tick = tick;
		cpu->cpu.now_ns = sw_now(ctl->clock_offset_ns);
	}
	return cpu->cpu.now_ns;
}

/* Gives a bucket what it earned since it was last filled; a new bucket is full. */
static __always_inline void bucket_fill(
	struct sw_recent *b, const struct sw_gate_ctl *ctl, __u32 rate, __u32 burst)
{
	const __u64 second = 1000000000, longest = 1ULL << 40; /* 18 min: no product overflows */
	__u64 tick = gate_tick(ctl), elapsed, earned, now;

	if (b->refill_ns && b->tick == tick)
		return;
	b->tick = tick;
	now = gate_now(ctl);
	elapsed = now - b->refill_ns;
	if (!b->refill_ns || elapsed > longest) {
		b->tokens = burst;
		b->refill_ns = now;
		return;
	}
	if (!rate)
		return;
	if (rate > 1U << 20)
		rate = 1U << 20;
	earned = elapsed * rate / second;
	if (b->tokens + earned >= burst) {
		b->tokens = burst;
		b->refill_ns = now;
	} else {
		b->tokens += earned;
		b->refill_ns += earned * second / rate;
	}
}

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Counting a hit, exactly, and telling user space of it, sampled: a token bucket for each source and
 * reason, and one for each CPU over all of them. Hits that are not told add up in the source's slot
 * and go with its next event.
 */
#pragma once

#include "lib/gate_clock.bpf.h"
#include "lib/judge.bpf.h"
#include "lib/ring.bpf.h"

/* What the hook knows of a packet beside its flow. */
struct sw_origin {
	__u32 len; /* bytes on the wire */
	__u32 ifindex;
	__u16 link; /* enum sw_link */
	__u16 vlan; /* a tag that the device took off the packet, or 0 */
};

static __always_inline void count_hit(__u32 reason, __u32 len, bool is_dropped)
{
	struct sw_counter *counter = bpf_map_lookup_elem(&counters, &reason);

	if (!counter)
		return;
	counter->packets++;
	counter->bytes += len;
	counter->dropped += is_dropped;
}

/* A source has one slot for its ban and its trail, of which one alone is ever said, and so one that may be known. */
static __always_inline struct sw_recent *find_slot(const union sw_flow_addr *a, __u32 reason)
{
	__u32 kind = reason == SW_R_BAN ? SW_R_TRAIL_SRC : reason;
	__u32 h = a->word[0] ^ a->word[1] * 0x85ebca6b ^ a->word[2] * 0xc2b2ae35 ^
		a->word[3] * 0x27d4eb2f;
	__u32 key;

	h = (h ^ h >> 15 ^ kind) * 0x9e3779b1;
	key = (h ^ h >> 15) & (SW_RECENT_SLOTS - 1);
	return bpf_map_lookup_elem(&recent, &key);
}

static __always_inline bool is_of_slot(
	const struct sw_recent *slot, const union sw_flow_addr *source, __u8 family, __u32 reason)
{
	return slot->saddr[0] == source->half[0] && slot->saddr[1] == source->half[1] &&
		slot->reason == reason && slot->family == family;
}

static __always_inline __u32 read_epoch(void)
{
	__u32 key = 0;
	__u64 *value = bpf_map_lookup_elem(&epoch, &key);

	return value ? *value : 0;
}

/* The slot of a source that was judged to be dropped within the tick, nothing having changed since. */
static __always_inline struct sw_recent *find_known(
	const struct sw_gate_ctl *ctl, const union sw_flow_addr *source, __u8 family)
{
	struct sw_recent *slot = find_slot(source, SW_R_TRAIL_SRC);
	__u32 now = read_epoch();

	if (!slot || !now || slot->epoch != now || slot->tick != gate_tick(ctl) ||
		!is_of_slot(slot, source, family, slot->reason == SW_R_BAN ? SW_R_BAN : SW_R_TRAIL_SRC))
		return NULL;
	return slot;
}

static __always_inline void add_hit(struct sw_recent *slot)
{
	if (slot->hits != 0xffffffff)
		slot->hits++;
}

/* Whether a hit may be told now; a bucket of another tick may have earned a token. */
static __always_inline bool may_tell(
	const struct sw_gate_ctl *ctl, const struct sw_recent *slot, const struct sw_recent *cpu)
{
	return ctl->token_rate && slot->tokens && (cpu->tokens || cpu->tick != gate_tick(ctl));
}

/* Counts a hit that goes with a later event of its source. False: it may be told, or there is no slot. */
static __always_inline bool count_known(const struct sw_gate_ctl *ctl, struct sw_recent *slot,
	const struct sw_origin *origin, bool is_dropped)
{
	struct sw_recent *cpu = gate_cpu();

	if (!cpu || may_tell(ctl, slot, cpu))
		return false;
	slot->ifindex = origin->ifindex;
	slot->is_dropped = is_dropped;
	add_hit(slot);
	count_hit(slot->reason, origin->len, is_dropped);
	sw_stat_inc(SW_STAT_EV_PKT_LIMITED);
	return true;
}

static __always_inline void submit(
	struct sw_recent *cpu, const struct sw_gate_ctl *ctl, struct sw_pkt_event *event)
{
	event->boot_ns = sw_now(ctl->clock_offset_ns);
	event->cpu = bpf_get_smp_processor_id();
	sw_stat_inc(SW_STAT_EV_PKT_SENT);
	bpf_ringbuf_submit(event, sw_wake_flags(&cpu->wake_ns, event->boot_ns));
}

/* The last event of a source that makes room for another. */
static __noinline __attribute__((unused)) void tell_evicted(
	struct sw_recent *cpu, const struct sw_gate_ctl *ctl, const struct sw_recent *old)
{
	struct sw_pkt_event *event;

	if (!cpu->tokens)
		return;
	cpu->tokens--;
	event = bpf_ringbuf_reserve(&ev_pkt, sizeof(*event), 0);
	if (!event) {
		sw_stat_inc(SW_STAT_EV_PKT_LOST);
		return;
	}
	__builtin_memset(event, 0, sizeof(*event));
	event->ban_id = old->ban_id;
	event->hits = old->hits;
	event->ifindex = old->ifindex;
	event->trail_set = old->trail_set;
	event->reason = old->reason;
	event->is_dropped = old->is_dropped;
	event->family = old->family;
	__builtin_memcpy(event->saddr, old->saddr, 16);
	submit(cpu, ctl, event);
}

static __always_inline void fill_event(struct sw_pkt_event *event, const struct sw_flow *flow,
	const struct sw_origin *origin, const struct sw_recent *slot)
{
	event->ban_id = slot->ban_id;
	event->hits = slot->hits;
	event->ifindex = slot->ifindex;
	event->trail_set = slot->trail_set;
	event->len = origin->len > 0xffff ? 0xffff : origin->len;
	event->reason = slot->reason;
	event->is_dropped = slot->is_dropped;
	event->family = flow->family;
	event->protocol = flow->protocol;
	event->tcp_flags = flow->tcp_flags;
	event->is_fragment = flow->fragment;
	event->vlan = flow->vlan;
	event->sport = flow->sport;
	event->dport = flow->dport;
	__builtin_memcpy(event->saddr, flow->saddr.byte, 16);
	__builtin_memcpy(event->daddr, flow->daddr.byte, 16);
}

/* Adds this hit to its slot; the source that was there before goes. */
static __always_inline void remember(struct sw_recent *cpu, const struct sw_gate_ctl *ctl,
	struct sw_recent *slot, const union sw_flow_addr *source, __u8 family, const struct sw_origin *origin,
	const struct sw_hit *hit, bool is_dropped)
{
	if (!is_of_slot(slot, source, family, hit->reason)) {
		if (slot->hits)
			tell_evicted(cpu, ctl, slot);
		slot->saddr[0] = source->half[0];
		slot->saddr[1] = source->half[1];
		slot->reason = hit->reason;
		slot->family = family;
		slot->hits = 0;
	}
	slot->ban_id = hit->ban_id;
	slot->trail_set = hit->trail_set;
	slot->ifindex = origin->ifindex;
	slot->is_dropped = is_dropped;
	slot->epoch = hit->is_bad ? hit->epoch : 0;
	add_hit(slot);
}

/* Counts a hit that goes with a later event of its source. False, and nothing is counted: it may be told now. */
static __always_inline bool count_quietly(const struct sw_gate_ctl *ctl, const union sw_flow_addr *source,
	__u8 family, const struct sw_origin *origin, const struct sw_hit *hit, bool is_dropped)
{
	struct sw_recent *cpu = gate_cpu(), *slot = find_slot(source, hit->reason);

	if (!cpu || !slot)
		return false;
	bucket_fill(cpu, ctl, SW_EV_PKT_CPU_RATE, SW_EV_PKT_CPU_BURST);
	bucket_fill(slot, ctl, ctl->token_rate, ctl->token_burst);
	if (ctl->token_rate && slot->tokens && cpu->tokens)
		return false;
	remember(cpu, ctl, slot, source, family, origin, hit, is_dropped);
	count_hit(hit->reason, origin->len, is_dropped);
	sw_stat_inc(SW_STAT_EV_PKT_LIMITED);
	return true;
}

static __always_inline void tell_hit(const struct sw_gate_ctl *ctl, const struct sw_flow *flow,
	const struct sw_origin *origin, const struct sw_hit *hit, bool is_dropped)
{
	struct sw_recent *cpu = gate_cpu(), *slot = find_slot(&flow->saddr, hit->reason);
	struct sw_pkt_event *event;

	if (!cpu || !slot)
		return;
	bucket_fill(cpu, ctl, SW_EV_PKT_CPU_RATE, SW_EV_PKT_CPU_BURST);
	remember(cpu, ctl, slot, &flow->saddr, flow->family, origin, hit, is_dropped);
	bucket_fill(slot, ctl, ctl->token_rate, ctl->token_burst);
	if (!ctl->token_rate || !slot->tokens || !cpu->tokens) {
		sw_stat_inc(SW_STAT_EV_PKT_LIMITED);
		return;
	}
	/* Taken even when the ring is full: a flood then does not hammer on the ring's lock. */
	slot->tokens--;
	cpu->tokens--;
	event = bpf_ringbuf_reserve(&ev_pkt, sizeof(*event), 0);
	if (!event) {
		sw_stat_inc(SW_STAT_EV_PKT_LOST);
		return;
	}
	fill_event(event, flow, origin, slot);
	slot->hits = 0;
	submit(cpu, ctl, event);
}

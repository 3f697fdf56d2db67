/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The questions a packet's addresses are asked: is the source banned, is an address in a trail, does
 * an allow entry hold it. They read maps and change nothing; the clock is read only after a hit.
 */
#pragma once

#include "lib/gate_clock.bpf.h"
#include "sockwarden/pkt/flow.h"

/* What is said of one packet. */
struct sw_hit {
	__u64 ban_id;
	__u32 trail_set;
	__u32 reason; /* enum sw_reason, or SW_R_COUNT: nothing is said against it */
	__u16 is_bad; /* to be dropped when enforcing */
	__u16 is_tagged; /* to be marked when enforcing; never with is_bad */
	__u32 epoch; /* the verdict's, to be kept with it; 0: not to be kept */
};

/* An expired ban network may hide a shorter one that runs on: so many are looked behind. */
#define SW_EXPIRED_NETS_MAX 4

static __always_inline bool is_running(const struct sw_gate_ctl *ctl, const struct sw_ban_val *ban)
{
	return !ban->until_ns || gate_now(ctl) < ban->until_ns;
}

static __always_inline bool hit_ban(
	const struct sw_ban_val *ban, enum sw_reason reason, struct sw_hit *ret)
{
	ret->ban_id = ban->id;
	ret->reason = reason;
	ret->is_bad = 1;
	return true;
}

static __always_inline void key4(struct sw_lpm4 *key, const union sw_flow_addr *addr)
{
	key->plen = 32;
	__builtin_memcpy(key->addr, addr->byte, 4);
}

static __always_inline void key6(struct sw_lpm6 *key, const union sw_flow_addr *addr)
{
	key->plen = 128;
	__builtin_memcpy(key->addr, addr->byte, 16);
}

/* key begins with its prefix length, as the keys of both families do. */
static __always_inline bool is_net_banned(
	const struct sw_gate_ctl *ctl, void *map, void *key, struct sw_hit *ret)
{
	for (int i = 0; i < SW_EXPIRED_NETS_MAX; i++) {
		struct sw_ban_val *ban = bpf_map_lookup_elem(map, key);

		if (!ban)
			return false;
		if (is_running(ctl, ban))
			return hit_ban(ban, SW_R_BAN_NET, ret);
		if (!ban->plen)
			return false;
		*(__u32 *)key = ban->plen - 1;
	}
	return false;
}

static __always_inline bool is_banned4(
	const struct sw_gate_ctl *ctl, const union sw_flow_addr *source, struct sw_hit *ret)
{
	__be32 addr = source->word[0];
	struct sw_ban_val *ban = bpf_map_lookup_elem(&ban4, &addr);
	struct sw_lpm4 key;

	if (ban && is_running(ctl, ban))
		return hit_ban(ban, SW_R_BAN, ret);
	key4(&key, source);
	return is_net_banned(ctl, &bannet4, &key, ret);
}

static __always_inline bool is_banned6(
	const struct sw_gate_ctl *ctl, const struct sw_flow *flow, struct sw_hit *ret)
{
	struct sw_ban6_key host = {.plen = 128};
	struct sw_ban_val *ban;
	struct sw_lpm6 key;

	__builtin_memcpy(host.addr, flow->saddr.byte, 16);
	ban = bpf_map_lookup_elem(&ban6, &host);
	if (ban && is_running(ctl, ban))
		return hit_ban(ban, SW_R_BAN, ret);
	host.plen = 64;
	__builtin_memset(host.addr + 8, 0, 8);
	ban = bpf_map_lookup_elem(&ban6, &host);
	if (ban && is_running(ctl, ban))
		return hit_ban(ban, SW_R_BAN, ret);
	key6(&key, &flow->saddr);
	return is_net_banned(ctl, &bannet6, &key, ret);
}

/* Is addr in a trail? An exception is an entry too, and says no by being the longest. */
static __always_inline bool is_listed(
	void *trie, void *key, enum sw_reason reason, struct sw_hit *ret)
{
	struct sw_trail_val *trail = bpf_map_lookup_elem(trie, key);

	if (!trail || trail->action == SW_TRAIL_EXCEPT)
		return false;
	ret->reason = reason;
	ret->trail_set = trail->set;
	ret->is_bad = trail->action == SW_TRAIL_DROP;
	ret->is_tagged = trail->action == SW_TRAIL_TAG;
	return true;
}

/* Drop is above tag, tag above watch. Nobody asks when b is dropped already. */
static __always_inline bool is_above(const struct sw_hit *a, const struct sw_hit *b)
{
	return a->is_bad || a->is_tagged > b->is_tagged;
}

/* The source first; a destination that is to be dropped is asked for even when the source is only watched. */
static __always_inline bool is_trailed4(const struct sw_flow *flow, struct sw_hit *ret)
{
	struct sw_hit other = {};
	struct sw_lpm4 key;
	__u32 slot = 0;
	bool is_hit;
	void *trie = bpf_map_lookup_elem(&trails4, &slot);

	if (!trie)
		return false;
	key4(&key, &flow->saddr);
	is_hit = is_listed(trie, &key, SW_R_TRAIL_SRC, ret);
	if (is_hit && ret->is_bad)
		return true;
	key4(&key, &flow->daddr);
	if (!is_listed(trie, &key, SW_R_TRAIL_DST, &other) || (is_hit && !is_above(&other, ret)))
		return is_hit;
	*ret = other;
	return true;
}

static __always_inline bool is_trailed6(const struct sw_flow *flow, struct sw_hit *ret)
{
	struct sw_hit other = {};
	struct sw_lpm6 key;
	__u32 slot = 0;
	bool is_hit;
	void *trie = bpf_map_lookup_elem(&trails6, &slot);

	if (!trie)
		return false;
	key6(&key, &flow->saddr);
	is_hit = is_listed(trie, &key, SW_R_TRAIL_SRC, ret);
	if (is_hit && ret->is_bad)
		return true;
	key6(&key, &flow->daddr);
	if (!is_listed(trie, &key, SW_R_TRAIL_DST, &other) || (is_hit && !is_above(&other, ret)))
		return is_hit;
	*ret = other;
	return true;
}

static __always_inline bool is_addr_allowed(__u8 family, const union sw_flow_addr *addr)
{
	struct sw_lpm4 four;
	struct sw_lpm6 six;

	if (family == 4) {
		key4(&four, addr);
		return bpf_map_lookup_elem(&allow4, &four);
	}
	key6(&six, addr);
	return bpf_map_lookup_elem(&allow6, &six);
}

/*
 * Asked only of a packet that would be dropped or marked. The destination counts only where it is what was
 * listed: this host's own addresses are allowed, and all that comes here is sent to one of them.
 */
static __always_inline bool is_allowed(const struct sw_flow *flow, const struct sw_hit *hit)
{
	if (is_addr_allowed(flow->family, &flow->saddr))
		return true;
	return sw_reason_is_destination(hit->reason) && is_addr_allowed(flow->family, &flow->daddr);
}

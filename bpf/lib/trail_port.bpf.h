/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Addresses that are listed with a port: one hash for both families, TCP and UDP, asked by both engines. */
#pragma once

#include "lib/packed.bpf.h"

/* True when what is said of addr and port counts more than what ret holds (is_hit: that is anything). */
static __always_inline bool is_port_listed(void *hash, const struct sw_flow *flow,
	enum sw_reason reason, bool is_hit, struct sw_hit *ret)
{
	bool is_source = reason == SW_R_TRAIL_SRC;
	struct sw_port_key key = {
		.port = is_source ? flow->sport : flow->dport, .family = flow->family};
	struct sw_hit other = {};
	struct sw_trail_val *trail;

	__builtin_memcpy(key.addr, is_source ? flow->saddr.byte : flow->daddr.byte, 16);
	trail = bpf_map_lookup_elem(hash, &key);
	if (!trail || trail->action == SW_TRAIL_EXCEPT)
		return false;
	other.is_bad = trail->action == SW_TRAIL_DROP;
	other.is_tagged = trail->action == SW_TRAIL_TAG;
	if (is_hit && (ret->is_bad || !is_above(&other, ret)))
		return false;
	ret->reason = reason;
	ret->trail_set = trail->set;
	ret->is_bad = other.is_bad;
	ret->is_tagged = other.is_tagged;
	ret->epoch = 0; /* said of this port, not of the source */
	return true;
}

/*
 * Asked after the trails of whole addresses: is_hit says that they hold one of the packet, which only one
 * that is above it outdoes. A later fragment has no ports, and no trail has port 0.
 */
static __noinline bool is_port_trailed(const struct sw_flow *flow, const struct sw_marked *marked,
	bool is_hit, struct sw_hit *ret)
{
	if ((is_hit && ret->is_bad) || (flow->protocol != 6 && flow->protocol != 17))
		return is_hit;
	for (__u32 i = 0; i < SW_TRAIL_PORT_SLOTS; i++) {
		__u32 slot = i;
		void *hash = bpf_map_lookup_elem(&trail_ports, &slot);

		if (!hash)
			continue;
		if (marked->source)
			is_hit |= is_port_listed(hash, flow, SW_R_TRAIL_SRC, is_hit, ret);
		if (marked->destination)
			is_hit |= is_port_listed(hash, flow, SW_R_TRAIL_DST, is_hit, ret);
	}
	return is_hit;
}

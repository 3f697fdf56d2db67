/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whether a process of this host may talk to an address: while armed, not to what a list that drops
 * holds. The gate's own maps are asked, so that both are armed, changed and ended by one act, and
 * what is allowed wins here as there. Without a mode in force a question is one look-up.
 */
#pragma once

#include "lib/armed.bpf.h"
#include "lib/egress_ctl.bpf.h"
#include "lib/geo.bpf.h"
#include "lib/packed.bpf.h"

static __always_inline bool is_dropped4(const struct sw_gate_ctl *ctl, const union sw_flow_addr *addr)
{
	struct sw_hit hit = {};
	struct sw_lpm4 key;
	__u32 slot = 0;
	void *inner;

	if (sw_gate_is_packed(ctl)) {
		if (!is_addr_marked4(addr->word[0]))
			return false;
		inner = bpf_map_lookup_elem(&packed4, &slot);
		return inner && is_packed4(inner, addr->word[0], SW_R_TRAIL_DST, &hit) && hit.is_bad;
	}
	inner = bpf_map_lookup_elem(&trails4, &slot);
	if (!inner)
		return false;
	key4(&key, addr);
	return is_listed(inner, &key, SW_R_TRAIL_DST, &hit) && hit.is_bad;
}

static __always_inline bool is_dropped6(const struct sw_gate_ctl *ctl, const union sw_flow_addr *addr)
{
	struct sw_hit hit = {};
	union sw_packed6 *head;
	struct sw_lpm6 key;
	__u32 slot = 0;
	void *inner;
	__u8 classes;

	if (sw_gate_is_packed(ctl)) {
		classes = classes_of(bpf_be64_to_cpu(addr->half[0]));
		if (!classes)
			return false;
		inner = bpf_map_lookup_elem(&packed6, &slot);
		head = inner ? bpf_map_lookup_elem(inner, &slot) : NULL;
		return head && is_packed6(inner, head, addr, classes, SW_R_TRAIL_DST, &hit) && hit.is_bad;
	}
	inner = bpf_map_lookup_elem(&trails6, &slot);
	if (!inner)
		return false;
	key6(&key, addr);
	return is_listed(inner, &key, SW_R_TRAIL_DST, &hit) && hit.is_bad;
}

static __always_inline const struct sw_gate_ctl *refusing_ctl(void)
{
	const struct sw_gate_ctl *ctl = armed_ctl();

	return ctl && egress_action() == SW_EGRESS_DROP ? ctl : NULL;
}

static __always_inline bool is_refused4(__be32 to)
{
	const struct sw_gate_ctl *ctl = refusing_ctl();
	const union sw_flow_addr addr = {.word = {to}};

	return ctl && is_dropped4(ctl, &addr) && !is_addr_allowed(4, &addr);
}

/* An IPv4 address may come in IPv6's clothes: ::ffff:a.b.c.d. */
static __always_inline bool is_refused6(const union sw_flow_addr *to)
{
	const struct sw_gate_ctl *ctl = refusing_ctl();
	union sw_flow_addr four = {};

	if (!ctl)
		return false;
	if (to->word[0] || to->word[1] || to->word[2] != bpf_htonl(0xffff))
		return is_dropped6(ctl, to) && !is_addr_allowed(6, to);
	four.word[0] = to->word[3];
	return is_dropped4(ctl, &four) && !is_addr_allowed(4, &four);
}

static __always_inline bool is_mapped_allowed(__u64 high, __u64 low)
{
	union sw_flow_addr addr = {.half = {high, low}}, four = {};

	if (addr.word[0] || addr.word[1] || addr.word[2] != bpf_htonl(0xffff))
		return is_addr_allowed(6, &addr);
	four.word[0] = addr.word[3];
	return is_addr_allowed(4, &four);
}

/*
 * What the rules over countries drop of what goes out; counted here, for no packet comes of it. high, low: the
 * halves of the address as of IPv6, in network byte order.
 */
static __always_inline bool is_geo_refused(const struct bpf_sock_addr *ctx, __u64 high, __u64 low)
{
	const struct sw_gate_ctl *ctl = refusing_ctl();
	struct sw_hit hit = {};
	__u32 rules, rule;

	if (!ctl || !(ctl->engine & SW_ENGINE_HAS_GEO))
		return false;
	rules = geo_rules_of_port(
		SW_GEO_OUT, ctx->protocol == SW_IP_UDP ? SW_IP_UDP : SW_IP_TCP, bpf_ntohs(ctx->user_port));
	rule = rules ? geo_rule_of_address(rules, bpf_be64_to_cpu(high), bpf_be64_to_cpu(low)) : 0;
	if (!(rule & GEO_DROPS) || is_mapped_allowed(high, low))
		return false;
	hit.trail_set = (rule & GEO_NUMBER) - 1;
	count_geo(&hit, 0, true);
	return true;
}

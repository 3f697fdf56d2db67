/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The questions of the rules over countries and systems (abi/geo.h), asked only where there are any, and only of a
 * packet that begins something: which rules concern its port, and does one of them mean the address.
 */
#pragma once

#include <bpf/bpf_endian.h>
#include "lib/counter.bpf.h"
#include "lib/packed.bpf.h"
#include "sockwarden/abi/geo.h"

enum { GEO_TCP_FLAGS = 0x12 /* SYN and ACK */, GEO_TCP_SYN = 0x02, GEO_PING = 8, GEO_PING6 = 128,
	GEO_IGMP = 2, GEO_OSPF = 89, GEO_PIM = 103, GEO_VRRP = 112, GEO_DHCP = 68, GEO_DHCP6 = 546 };

/* A search for the last bound that is not above a key. The first is at key 0. */
struct geo_search {
	void *table;
	__u64 high, low;
	__u32 at, n; /* among so many, from here on */
};

/* Called by bpf_loop; 1 ends it. */
static long halve_bounds(__u64 i, struct geo_search *s)
{
	__u32 half = s->n / 2, key = s->at + half;
	union sw_geo *e;

	if (!half)
		return 1;
	e = bpf_map_lookup_elem(s->table, &key);
	if (!e)
		return 1;
	if (e->bound.high < s->high || (e->bound.high == s->high && e->bound.low <= s->low)) {
		s->at = key;
		s->n -= half;
	} else {
		s->n = half;
	}
	return 0;
}

static __always_inline const struct sw_geo_bound *find_bound(struct geo_search *s)
{
	union sw_geo *e;
	__u32 key;

	bpf_loop(SW_GEO_STEPS, halve_bounds, s, 0);
	key = s->at;
	e = bpf_map_lookup_elem(s->table, &key);
	return e ? &e->bound : NULL;
}

/* Not static, so that the verifier walks it once: the set of rules that concern a port. */
__noinline __u32 geo_rules_of_port(__u32 way, __u32 protocol, __u32 port)
{
	struct geo_search s = {.low = sw_geo_port_key(way, protocol, port), .at = SW_GEO_HEAD};
	const struct sw_geo_bound *b;
	union sw_geo *head;
	__u32 zero = 0;

	s.table = bpf_map_lookup_elem(&geo, &zero);
	head = s.table ? bpf_map_lookup_elem(s.table, &zero) : NULL;
	if (!head)
		return 0;
	s.n = head->head.n_ports;
	b = find_bound(&s);
	return b ? b->rules : 0;
}

/* Of these rules the one that means the address, plus 1, or-ed with GEO_DROPS when it drops; 0: none does. */
enum { GEO_DROPS = 1 << 8, GEO_NUMBER = 0xff };

__noinline __u32 geo_rule_of_address(__u32 rules, __u64 high, __u64 low)
{
	struct geo_search s = {.high = high, .low = low};
	const struct sw_geo_bound *b;
	__u32 zero = 0, bad, first;
	union sw_geo *head;

	s.table = bpf_map_lookup_elem(&geo, &zero);
	head = s.table ? bpf_map_lookup_elem(s.table, &zero) : NULL;
	if (!head)
		return 0;
	s.at = SW_GEO_HEAD + head->head.n_ports;
	s.n = head->head.n_nets;
	b = find_bound(&s);
	if (!b || b->is_nowhere)
		return 0;
	rules &= b->rules ^ head->head.except;
	if (!rules)
		return 0;
	bad = rules & head->head.drop;
	first = bad ? bad : rules;
	first &= -first; /* the rule that stands first */
	return (count_bits((__u64)first - 1) + 1) | (bad ? GEO_DROPS : 0);
}

/* IPv4 as ::ffff:a.b.c.d. */
static __always_inline __u32 geo_rule_of(__u32 rules, __u8 family, const union sw_flow_addr *addr)
{
	if (family == 4)
		return geo_rule_of_address(rules, 0, 0xffff00000000ULL | bpf_ntohl(addr->word[0]));
	return geo_rule_of_address(rules, bpf_be64_to_cpu(addr->half[0]), bpf_be64_to_cpu(addr->half[1]));
}

/* The rules that concern what a packet begins. */
static __always_inline __u32 geo_rules_of(const struct sw_flow *flow, enum sw_geo_way way)
{
	switch (flow->protocol) {
	case SW_IP_TCP:
		if (!flow->l4_off || (flow->tcp_flags & GEO_TCP_FLAGS) != GEO_TCP_SYN)
			return 0;
		return geo_rules_of_port(way, SW_IP_TCP, flow->dport);
	case SW_IP_UDP:
		/* a lease that runs out locks everybody out */
		if (!flow->l4_off || flow->dport == GEO_DHCP || flow->dport == GEO_DHCP6)
			return 0;
		return geo_rules_of_port(way, SW_IP_UDP, flow->dport);
	case SW_IP_ICMP:
		return flow->icmp_type == GEO_PING ? geo_rules_of_port(way, SW_GEO_NO_PORTS, 0) : 0;
	case SW_IP_ICMPV6:
		return flow->icmp_type == GEO_PING6 ? geo_rules_of_port(way, SW_GEO_NO_PORTS, 0) : 0;
	case GEO_IGMP:
	case GEO_OSPF:
	case GEO_PIM:
	case GEO_VRRP:
		return 0; /* what routers of the same wire say to each other */
	default:
		return geo_rules_of_port(way, SW_GEO_NO_PORTS, 0);
	}
}

/* The same of a header by itself, whose first SW_PLAIN_L4_BYTES are there; a later fragment may look so. */
static __always_inline bool may_concern_geo(enum sw_geo_way way, __u8 protocol, const __u8 *l4)
{
	if (protocol == SW_IP_TCP && (l4[13] & GEO_TCP_FLAGS) != GEO_TCP_SYN)
		return false;
	if (protocol == SW_IP_TCP || protocol == SW_IP_UDP)
		return geo_rules_of_port(way, protocol, sw_wire16(l4 + 2));
	return geo_rules_of_port(way, SW_GEO_NO_PORTS, 0);
}

/* What a rule makes of the packet. */
static __always_inline bool is_geo(const struct sw_flow *flow, enum sw_geo_way way, struct sw_hit *ret)
{
	__u32 rules = geo_rules_of(flow, way), rule;

	if (!rules)
		return false;
	rule = geo_rule_of(rules, flow->family, way == SW_GEO_IN ? &flow->saddr : &flow->daddr);
	if (!rule)
		return false;
	ret->reason = way == SW_GEO_IN ? SW_R_GEO_IN : SW_R_GEO_OUT;
	ret->trail_set = (rule & GEO_NUMBER) - 1;
	ret->is_bad = rule & GEO_DROPS ? 1 : 0;
	return true;
}

/* Exact for each rule. More than one task of a CPU may be here. */
static __always_inline void count_geo(const struct sw_hit *hit, __u32 len, bool is_dropped)
{
	__u32 key = hit->trail_set;

	add_to_counter(bpf_map_lookup_elem(&geo_hits, &key), len, is_dropped);
}

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Scans of this host: packets to ports where nobody is, and packets with flags of no connection,
 * counted by source in sliding windows. A packet to an open port costs a bit; the rest is asked out of
 * line. SYNs to open ports are counted by source too (flood.bpf.h). Nothing here drops: a probe's source may be
 * forged.
 */
#pragma once

#include <bpf/bpf_endian.h>
#include "lib/flood.bpf.h"
#include "lib/judge.bpf.h"
#include "lib/tell.bpf.h"
#include "sockwarden/pkt/plain.h"
#include "sockwarden/pkt/probe.h"

enum { SCAN_IDLE_SEC = 6 * 3600, BPF_F_CURRENT_NETNS = -1 };

struct {
	SW_PIN
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sw_probe_ctl);
} probe_ctl SEC(".maps");

struct {
	SW_PIN
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SW_PROBE_SETS);
	__type(key, __u32);
	__type(value, struct sw_probe_set);
} probes SEC(".maps");

static __always_inline bool has_port(const __u8 *ports, __u64 port)
{
	barrier_var(port);
	port &= 0xffff; /* the verifier of 6.1 forgets the range of what was byte-swapped */
	return ports[port >> 3] >> (port & 7) & 1;
}

static __always_inline const struct sw_probe_ctl *probe_rules(void)
{
	__u32 key = 0;
	const struct sw_probe_ctl *c = bpf_map_lookup_elem(&probe_ctl, &key);

	return c && c->is_on ? c : NULL;
}

/* Does the port say that nothing is tried? Flags that are odd are so at any port. */
static __always_inline bool is_port_known(const struct sw_probe_ctl *c, enum sw_probe probe, __u16 dport)
{
	switch (probe) {
	case SW_PROBE_SYN:
		return has_port(c->ports.syn, dport);
	case SW_PROBE_UDP:
		return has_port(c->ports.udp, dport);
	case SW_PROBE_ACK:
	case SW_PROBE_MAIMON:
		return has_port(c->ports.talk, dport);
	default:
		return false;
	}
}

/* What is left of it at its port; a SYN to an open one may be part of a flood. */
static __always_inline enum sw_probe probe_at(const struct sw_probe_ctl *c, enum sw_probe probe, __u16 dport)
{
	if (probe == SW_PROBE_NONE || !is_port_known(c, probe, dport))
		return probe;
	return probe == SW_PROBE_SYN && c->rule[SW_PROBE_FLOOD].threshold ? SW_PROBE_FLOOD : SW_PROBE_NONE;
}

/*
 * A transport header by itself, whose first SW_PLAIN_L4_BYTES are there: may it be a probe? A later fragment
 * may look so, and is read whole then.
 */
static __always_inline bool may_l4_probe(__u8 protocol, const __u8 *l4)
{
	const struct sw_probe_ctl *c = probe_rules();
	enum sw_probe probe = SW_PROBE_NONE;

	if (!c)
		return false;
	if (protocol == SW_IP_TCP)
		probe = sw_probe_of_tcp(l4[13]);
	else if (protocol == SW_IP_UDP)
		probe = SW_PROBE_UDP;
	return probe_at(c, probe, sw_wire16(l4 + 2)) != SW_PROBE_NONE;
}

/* What a packet may be trying, as far as it is known without a look at sockets. */
static __always_inline enum sw_probe probe_of(const struct sw_flow *flow)
{
	const struct sw_probe_ctl *c = probe_rules();
	enum sw_probe probe = SW_PROBE_NONE;

	if (!c)
		return SW_PROBE_NONE;
	if (flow->is_tiny)
		probe = SW_PROBE_FRAGMENT;
	else if (!flow->l4_off)
		return SW_PROBE_NONE; /* a later fragment */
	else if (flow->protocol == SW_IP_TCP)
		probe = sw_probe_of_tcp(flow->tcp_flags);
	else if (flow->protocol == SW_IP_UDP)
		probe = SW_PROBE_UDP;
	return probe_at(c, probe, flow->dport);
}

static __always_inline bool is_own(__u8 family, const union sw_flow_addr *addr)
{
	struct sw_allow_val *val;
	struct sw_lpm4 four;
	struct sw_lpm6 six;

	if (family == 4) {
		key4(&four, addr);
		val = bpf_map_lookup_elem(&allow4, &four);
	} else {
		key6(&six, addr);
		val = bpf_map_lookup_elem(&allow6, &six);
	}
	return val && val->origins & SW_ALLOW_OWN;
}

static __always_inline __u32 fill_tuple(struct bpf_sock_tuple *tuple, const struct sw_flow *flow)
{
	if (flow->family == 4) {
		tuple->ipv4.saddr = flow->saddr.word[0];
		tuple->ipv4.daddr = flow->daddr.word[0];
		tuple->ipv4.sport = bpf_htons(flow->sport);
		tuple->ipv4.dport = bpf_htons(flow->dport);
		return sizeof(tuple->ipv4);
	}
	__builtin_memcpy(tuple->ipv6.saddr, flow->saddr.byte, 16);
	__builtin_memcpy(tuple->ipv6.daddr, flow->daddr.byte, 16);
	tuple->ipv6.sport = bpf_htons(flow->sport);
	tuple->ipv6.dport = bpf_htons(flow->dport);
	return sizeof(tuple->ipv6);
}

/* Is a datagram for a socket of this host that has asked its source, and no other? */
static __always_inline bool has_asked(void *ctx, const struct sw_flow *flow)
{
	struct bpf_sock_tuple tuple = {};
	__u32 size = fill_tuple(&tuple, flow), state;
	struct bpf_sock *sk = bpf_sk_lookup_udp(ctx, &tuple, size, BPF_F_CURRENT_NETNS, 0);

	if (!sk)
		return false;
	state = sk->state;
	bpf_sk_release(sk);
	return state == TCP_ESTABLISHED;
}

/* Does a socket of this host want the packet? */
static __always_inline bool has_socket(void *ctx, const struct sw_flow *flow, enum sw_probe probe)
{
	struct bpf_sock_tuple tuple = {};
	__u32 size = fill_tuple(&tuple, flow), port;
	struct bpf_sock *sk;

	/*
	 * A decoy's listener is given as any other, but sits on another port. The two reads differ by
	 * an instruction: merged, one load would see two kinds of pointers, which the verifier refuses.
	 */
	if (probe == SW_PROBE_UDP) {
		sk = bpf_sk_lookup_udp(ctx, &tuple, size, BPF_F_CURRENT_NETNS, 0);
		if (!sk)
			return false;
		port = sk->src_port;
		__asm__ volatile("%0 &= 0xffff" : "+r"(port));
		bpf_sk_release(sk);
		return port == flow->dport;
	}
	sk = bpf_skc_lookup_tcp(ctx, &tuple, size, BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return false;
	port = sk->src_port;
	bpf_sk_release(sk);
	return port == flow->dport;
}

static __always_inline bool is_try(void *ctx, const struct sw_flow *flow, enum sw_probe probe)
{
	if ((probe == SW_PROBE_ACK || probe == SW_PROBE_MAIMON) && !sw_probe_is_to_service(flow))
		return false;
	if (probe == SW_PROBE_UDP && sw_probe_is_udp_everyday(flow))
		return false;
	if (!is_own(flow->family, &flow->daddr) || is_addr_allowed(flow->family, &flow->saddr))
		return false;
	if (probe == SW_PROBE_SYN || probe == SW_PROBE_UDP || probe == SW_PROBE_ACK ||
		probe == SW_PROBE_MAIMON)
		return !has_socket(ctx, flow, probe);
	return true;
}

static __always_inline __u16 host_item(const struct sw_flow *flow)
{
	return (__u16)(mix(mix(1, flow->daddr.half[0]), flow->daddr.half[1]) >> 40);
}

/* The row of a key, made where there is none. Under the set's lock: calls nothing. */
static __always_inline __u32 find_row(struct sw_probe_set *set, __u64 key, __u32 sec)
{
	__u32 worst = 0, least = 0xffffffff;

	for (__u32 i = 0; i < SW_PROBE_WAYS; i++) {
		__u32 n = set->row[i].tries.n;

		if (set->row[i].key == key)
			return i;
		if (sec - set->row[i].last_sec > SCAN_IDLE_SEC)
			n = 0;
		if (n < least) {
			least = n;
			SW_PKT_HIDE(least);
			worst = i;
		}
	}
	SW_PKT_HIDE(worst); /* so that the verifier follows one way on, not one for each */
	worst &= SW_PROBE_WAYS - 1;
	set->row[worst].key = key;
	set->row[worst].told_sec = 0;
	set->row[worst].packets = 0;
	set->row[worst].tries.n = 0;
	return worst;
}

/* Counts a try. Not 0: it is to be told, and that many are in the window. */
static __always_inline __u32 note_try(
	const struct sw_probe_rule *rule, __u64 key, __u16 item, __u32 sec, __u32 *ret_packets)
{
	__u32 slot = (key >> 20) & (SW_PROBE_SETS - 1), n = 0, at;
	struct sw_probe_set *set = bpf_map_lookup_elem(&probes, &slot);
	struct sw_probe_row *row;
	__u32 is_new;

	if (!set || !rule->threshold)
		return 0;
	bpf_spin_lock(&set->lock);
	at = find_row(set, key, sec);
	SW_PKT_HIDE(at);
	at &= SW_PROBE_WAYS - 1;
	row = &set->row[at];
	row->last_sec = sec;
	row->packets++;
	sw_tries_add(&row->tries, item, sec, &is_new);
	if (row->tries.n >= rule->threshold &&
		(!row->told_sec || sec - row->told_sec >= SW_PROBE_TELL_SEC)) {
		n = sw_tries_count(&row->tries, sec, rule->window_sec);
		if (n >= rule->threshold) {
			row->told_sec = sec;
			*ret_packets = row->packets;
			row->packets = 0;
		} else {
			n = 0;
		}
	}
	bpf_spin_unlock(&set->lock);
	return n;
}

/* Told whatever tokens its source has left: rows tell seldom. */
static __always_inline void tell_scan(const struct sw_gate_ctl *ctl, const struct sw_flow *flow,
	const struct sw_origin *origin, enum sw_probe probe, __u32 n, __u32 packets)
{
	struct sw_recent *cpu = gate_cpu(),
			 about = {.reason = SW_R_SCAN, .ifindex = origin->ifindex};
	struct sw_pkt_event *event;

	if (!cpu)
		return;
	count_hit(SW_R_SCAN, origin->len, false);
	event = bpf_ringbuf_reserve(&ev_pkt, sizeof(*event), 0);
	if (!event) {
		sw_stat_inc(SW_STAT_EV_PKT_LOST);
		return;
	}
	about.hits = packets;
	about.trail_set = probe | n << 8;
	fill_event(event, flow, origin, &about);
	submit(cpu, ctl, event);
}

static __always_inline void count_try(const struct sw_gate_ctl *ctl, const struct sw_probe_ctl *c,
	const struct sw_flow *flow, const struct sw_origin *origin, enum sw_probe probe, __u32 sec)
{
	bool is_hosts = probe == SW_PROBE_HOSTS;
	__u64 key = source_key(flow->family, &flow->saddr, is_hosts ? (__u32)flow->dport << 8 | probe : probe);
	__u32 packets = 0, n;

	if (probe >= SW_PROBE_COUNT)
		return;
	n = note_try(&c->rule[probe], key, is_hosts ? host_item(flow) : flow->dport, sec, &packets);
	if (n)
		tell_scan(ctl, flow, origin, probe, n, packets);
}

/* A packet that nobody speaks of, and that is a probe. */
static __always_inline void count_probe(const struct sw_gate_ctl *ctl, const struct sw_flow *flow,
	const struct sw_origin *origin, enum sw_probe probe)
{
	struct sw_hit hit = {.reason = SW_R_PROBE, .trail_set = probe};
	const struct sw_probe_ctl *c = probe_rules();
	__u32 sec;

	if (!c)
		return;
	sec = (__u32)(gate_now(ctl) / 1000000000) + 1; /* never 0 */
	count_try(ctl, c, flow, origin, probe, sec);
	if (probe == SW_PROBE_SYN)
		count_try(ctl, c, flow, origin, SW_PROBE_HOSTS, sec);
	count_hit(SW_R_PROBE, origin->len, false);
	tell_hit(ctl, flow, origin, &hit, false);
}

/* A SYN to an open port of this host, which may be the one that makes its source tell. */
static __always_inline void count_syn(
	const struct sw_gate_ctl *ctl, const struct sw_flow *flow, struct flood_news *ret)
{
	const struct sw_probe_ctl *c = probe_rules();

	if (!c || !is_own(flow->family, &flow->daddr))
		return;
	note_syn(&c->rule[SW_PROBE_FLOOD], source_key(flow->family, &flow->saddr, SW_PROBE_FLOOD),
		(__u32)(gate_now(ctl) / 1000000000) + 1, ret);
}

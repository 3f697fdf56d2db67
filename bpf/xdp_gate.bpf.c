// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The gate: judges every packet that comes in by the addresses it carries. One body, three hooks: XDP,
 * tc (tcx or clsact) and tc on a device without Ethernet headers. A benign packet leaves without a
 * trace; every other exit is counted by its reason.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include "lib/judge.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/packed.bpf.h"
#include "lib/scan.bpf.h"
#include "lib/tell.bpf.h"
#include "lib/trail_port.bpf.h"
#include "sockwarden/pkt/plain.h"

/* A hard end to enforcing, so that an arm that nobody confirms ends without user space. */
static __always_inline bool is_enforcing(const struct sw_gate_ctl *ctl)
{
	if (ctl->mode != SW_MODE_ENFORCE)
		return false;
	return !ctl->enforce_until_ns || gate_now(ctl) < ctl->enforce_until_ns;
}

/* By the tries: every packet is asked everything. */
static __noinline bool judge_lpm(
	const struct sw_gate_ctl *ctl, const struct sw_flow *flow, struct sw_hit *hit)
{
	const struct sw_marked all = {1, 1};

	if (flow->family == 4)
		return is_banned4(ctl, flow, hit) ||
			is_port_trailed(flow, &all, is_trailed4(flow, hit), hit);
	return is_banned6(ctl, flow, hit) ||
		is_port_trailed(flow, &all, is_trailed6(flow, hit), hit);
}

/* Something touches an address of the packet. A ban touches the source alone, and has marks of its own. */
static __always_inline bool judge_marked(const struct sw_gate_ctl *ctl, const struct sw_flow *flow,
	const struct sw_marked *marked, struct sw_hit *hit)
{
	if (flow->family == 4)
		return (marked->source && is_ban_marked4(flow) && is_banned4(ctl, flow, hit)) ||
			is_port_trailed(flow, marked, is_packed_trailed4(flow, marked, hit), hit);
	return (marked->source && is_banned6(ctl, flow, hit)) ||
		is_port_trailed(flow, marked, is_packed_trailed6(flow, marked, hit), hit);
}

/* Fills hit; false when nothing is said against the packet. */
static __always_inline bool judge(
	const struct sw_gate_ctl *ctl, const struct sw_flow *flow, struct sw_hit *hit)
{
	struct sw_marked marked;

	if (ctl->engine != SW_ENGINE_PACKED)
		return judge_lpm(ctl, flow, hit);
	if (!(flow->family == 4 ? is_marked4(flow, &marked) : is_marked6(flow, &marked)))
		return false;
	return judge_marked(ctl, flow, &marked, hit);
}

/* Counts and tells what was said of a packet. */
static __always_inline bool settle(const struct sw_gate_ctl *ctl, const struct sw_flow *flow,
	const struct sw_origin *origin, struct sw_hit *hit)
{
	bool is_dropped = false;

	if (hit->is_bad) {
		if (is_allowed(flow, hit))
			hit->reason = SW_R_ALLOWED;
		else
			is_dropped = is_enforcing(ctl);
	}
	count_hit(hit->reason, origin->len, is_dropped);
	tell_hit(ctl, flow, origin, hit, is_dropped);
	return is_dropped;
}

/* Reads all of the packet and judges it. Out of line: what is_plain_benign() passes never comes here. */
static __noinline bool look_closer(void *ctx, const struct sw_gate_ctl *ctl, const __u8 *data,
	const __u8 *end, const struct sw_origin *origin)
{
	struct sw_hit hit = {};
	struct sw_flow flow;
	enum sw_pkt_result result = sw_pkt_parse(data, end, origin->link, &flow);

	if (result == SW_PKT_NOT_IP)
		return false;
	if (origin->vlan)
		flow.vlan = origin->vlan;
	if (result != SW_PKT_IP || !judge(ctl, &flow, &hit)) {
		if (result == SW_PKT_IP && !flow.is_cut) {
			enum sw_probe probe = probe_of(&flow);

			if (probe != SW_PROBE_NONE)
				judge_probe(ctx, ctl, &flow, origin, probe);
			return false; /* benign: nothing counted, no clock */
		}
		hit.reason = SW_R_UNPARSED;
	}
	return settle(ctl, &flow, origin, &hit);
}

/* The usual packet with no address marked, to an open port: a bit for each, and nothing else is asked or kept. */
static __always_inline bool is_plain_benign(
	const struct sw_gate_ctl *ctl, const __u8 *data, const __u8 *end, enum sw_link link)
{
	const __u8 *ip = sw_pkt_plain(data, end, link);

	return ip && ctl->engine == SW_ENGINE_PACKED && !is_header_marked(ip) && !may_header_probe(ip, end);
}

/* True when the packet is to be dropped. */
static __always_inline bool is_to_drop(
	void *ctx, const __u8 *data, const __u8 *end, const struct sw_origin *origin)
{
	__u32 key = 0;
	const struct sw_gate_ctl *ctl = bpf_map_lookup_elem(&gate_ctl, &key);

	if (!ctl || ctl->mode == SW_MODE_OFF || is_plain_benign(ctl, data, end, origin->link))
		return false;
	return look_closer(ctx, ctl, data, end, origin);
}

SEC("xdp")
int xdp_gate(struct xdp_md *ctx)
{
	const __u8 *data = (const __u8 *)(long)ctx->data;
	const __u8 *end = (const __u8 *)(long)ctx->data_end;
	struct sw_origin origin = {
		.len = end - data, .ifindex = ctx->ingress_ifindex, .link = SW_LINK_ETHER};

	return is_to_drop(ctx, data, end, &origin) ? XDP_DROP : XDP_PASS;
}

/* Passing is "unspecified", so that other programs on the device are asked too. */
static __always_inline int gate_skb(struct __sk_buff *skb, enum sw_link link)
{
	struct sw_origin origin = {
		.len = skb->len,
		.ifindex = skb->ifindex,
		.link = link,
		.vlan = skb->vlan_present ? skb->vlan_tci & 0xfff : 0,
	};
	const __u8 *data, *end;

	/* Some drivers leave even the headers outside of the linear part. */
	if (skb->data_end - skb->data < SW_PKT_HEAD_BYTES && skb->len > skb->data_end - skb->data)
		bpf_skb_pull_data(skb, skb->len < SW_PKT_HEAD_BYTES ? skb->len : SW_PKT_HEAD_BYTES);
	data = (const __u8 *)(long)skb->data;
	end = (const __u8 *)(long)skb->data_end;
	return is_to_drop(skb, data, end, &origin) ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}

SEC("tc")
int tc_gate(struct __sk_buff *skb)
{
	return gate_skb(skb, SW_LINK_ETHER);
}

SEC("tc")
int tc_gate_l3(struct __sk_buff *skb)
{
	return gate_skb(skb, SW_LINK_IP);
}

char _license[] SEC("license") = "Dual BSD/GPL";

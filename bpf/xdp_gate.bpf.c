// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The gate: judges every packet that comes in by the addresses it carries. One body, three hooks: XDP,
 * tc (tcx or clsact) and tc on a device without Ethernet headers. A benign packet leaves without a
 * trace; every other exit is counted by its reason.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include "lib/egress_ctl.bpf.h"
#include "lib/geo.bpf.h"
#include "lib/judge.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/packed.bpf.h"
#include "lib/scan.bpf.h"
#include "lib/tell.bpf.h"
#include "lib/trail_port.bpf.h"
#include "sockwarden/pkt/plain.h"

static __always_inline const struct sw_gate_ctl *gate_control(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&gate_ctl, &key);
}

/* A hard end to enforcing, so that an arm that nobody confirms ends without user space. */
static __always_inline bool is_enforcing(const struct sw_gate_ctl *ctl)
{
	if (ctl->mode != SW_MODE_ENFORCE)
		return false;
	return !ctl->enforce_until_ns || gate_now(ctl) < ctl->enforce_until_ns;
}

/* ---- the usual packet, all inline */

/* By its header alone. MARKED4, MARKED6: something touches an address, and the header is at hand. */
enum plain { BENIGN, MARKED4, MARKED6, NOT_PLAIN };

/* Beside the packed engine there are rules over countries: does the packet begin something at a port of theirs? */
static __noinline bool is_plain_geo(
	const __u8 *data, const __u8 *end, enum sw_link link, enum sw_geo_way way)
{
	const __u8 *ip = sw_pkt_plain4(data, end, link);

	if (ip)
		return may_concern_geo(way, ip[9], ip + SW_IP4_BYTES);
	ip = sw_pkt_plain6(data, end, link);
	return ip && may_concern_geo(way, ip[6], ip + SW_IP6_BYTES);
}

/*
 * With no address marked, to an open port, it passes: a bit for each is all that is asked. NOT_PLAIN: it takes a
 * closer look.
 */
static __always_inline enum plain judge_plain(
	const __u8 *data, const __u8 *end, enum sw_link link, const __u8 **ret_ip)
{
	const struct sw_gate_ctl *ctl = gate_control();
	const __u8 *ip;

	if (!ctl || ctl->mode == SW_MODE_OFF)
		return BENIGN;
	/* one comparison where there are no such rules */
	if (ctl->engine != SW_ENGINE_PACKED && (!sw_gate_is_packed(ctl) || is_plain_geo(data, end, link, SW_GEO_IN)))
		return NOT_PLAIN;
	ip = sw_pkt_plain4(data, end, link);
	if (ip) {
		*ret_ip = ip;
		if (is_header_marked4(ip))
			return MARKED4;
		return may_l4_probe(ip[9], ip + SW_IP4_BYTES) ? NOT_PLAIN : BENIGN;
	}
	ip = sw_pkt_plain6(data, end, link);
	if (!ip)
		return NOT_PLAIN;
	*ret_ip = ip;
	if (is_header_marked6(ip))
		return MARKED6;
	return may_l4_probe(ip[6], ip + SW_IP6_BYTES) ? NOT_PLAIN : BENIGN;
}

/* IS_NEIGHBOUR: it passes as far as addresses go. */
enum verdict { PASSES, DROPS, TAGS, NOT_KNOWN, IS_NEIGHBOUR };

/* A source that was judged to be dropped a moment ago, and whose hit is not told now, is asked nothing again. */
static __always_inline enum verdict recall(
	const union sw_flow_addr *source, __u8 family, const struct sw_origin *origin)
{
	const struct sw_gate_ctl *ctl = gate_control();
	struct sw_recent *slot;
	bool is_dropped;

	if (!ctl)
		return PASSES;
	slot = find_known(ctl, source, family);
	if (!slot)
		return NOT_KNOWN;
	is_dropped = is_enforcing(ctl);
	if (!count_known(ctl, slot, origin, is_dropped))
		return NOT_KNOWN;
	return is_dropped ? DROPS : PASSES;
}

/* SILENT: nothing of either address. SAID: something that is to be asked of the whole packet, in order. */
enum said { SILENT, SOURCE_IS_BAD, SAID };

/* What is said of a header's addresses. Most that are marked are neighbours of what is listed, or of a flood. */
static __always_inline enum said judge_header4(
	const struct sw_gate_ctl *ctl, __be32 source, __be32 destination, struct sw_hit *ret)
{
	union sw_flow_addr addr = {};
	void *generation;
	__u32 slot = 0;
	bool has_other;

	ret->epoch = read_epoch(); /* before what it stands for is read */
	generation = bpf_map_lookup_elem(&packed4, &slot);
	if (is_addr_marked4(source)) {
		sw_pkt_put4(&addr, source);
		has_other = is_other_marked4(source);
		if (has_other && is_banned4(ctl, &addr, ret))
			return SOURCE_IS_BAD;
		if (generation && is_packed4(generation, source, SW_R_TRAIL_SRC, ret))
			return ret->is_bad ? SOURCE_IS_BAD : SAID;
		if (has_other)
			return SAID;
	}
	if (!is_addr_marked4(destination))
		return SILENT;
	return is_other_marked4(destination) ||
			(generation && is_packed4(generation, destination, SW_R_TRAIL_DST, ret))
		? SAID
		: SILENT;
}

/* All that a packet costs whose source is not known yet, unless it is told, or there is more to ask. */
static __noinline enum verdict judge_marked4(__be32 source, __be32 destination, const struct sw_origin *origin)
{
	const struct sw_gate_ctl *ctl = gate_control();
	union sw_flow_addr addr = {};
	struct sw_hit hit = {};
	bool is_dropped;
	enum said said;

	if (!ctl)
		return PASSES;
	said = judge_header4(ctl, source, destination, &hit);
	if (said != SOURCE_IS_BAD)
		return said == SILENT ? IS_NEIGHBOUR : NOT_KNOWN;
	sw_pkt_put4(&addr, source);
	if (is_addr_allowed(4, &addr))
		return NOT_KNOWN;
	is_dropped = is_enforcing(ctl);
	if (!count_quietly(ctl, &addr, 4, origin, &hit, is_dropped))
		return NOT_KNOWN;
	return is_dropped ? DROPS : PASSES;
}

/* First what is the same again, as a flood is; then what most marked packets are. */
static __always_inline enum verdict judge_marked_plain(
	enum plain plain, const __u8 *ip, const struct sw_origin *origin)
{
	union sw_flow_addr source = {};
	enum verdict verdict;

	if (plain == MARKED4) {
		sw_pkt_put4(&source, sw_wire_raw32(ip + 12));
		verdict = recall(&source, 4, origin);
		if (verdict == NOT_KNOWN)
			verdict = judge_marked4(source.word[0], sw_wire_raw32(ip + 16), origin);
		if (verdict == IS_NEIGHBOUR)
			verdict = may_l4_probe(ip[9], ip + SW_IP4_BYTES) ? NOT_KNOWN : PASSES;
		return verdict;
	}
	if (plain == MARKED6) {
		__builtin_memcpy(source.byte, ip + 8, 16);
		return recall(&source, 6, origin);
	}
	return NOT_KNOWN;
}

/*
 * ---- all others: functions that are not static, so that the verifier walks each once, by itself, and not with
 * all that may come before and follow. They take memory of a known size, and look up maps themselves.
 */

/* With a frame of its own: all frames down to the search of an IPv6 generation are 512 bytes at most. */
static __noinline bool is_source_banned6(
	const struct sw_gate_ctl *ctl, const struct sw_flow *flow, struct sw_hit *hit)
{
	return is_banned6(ctl, flow, hit);
}

/* By the tries: every packet is asked everything. */
static __noinline bool judge_lpm(
	const struct sw_gate_ctl *ctl, const struct sw_flow *flow, struct sw_hit *hit)
{
	const struct sw_marked all = {1, 1};

	if (flow->family == 4)
		return is_banned4(ctl, &flow->saddr, hit) ||
			is_port_trailed(flow, &all, is_trailed4(flow, hit), hit);
	return is_source_banned6(ctl, flow, hit) ||
		is_port_trailed(flow, &all, is_trailed6(flow, hit), hit);
}

/* A packet that is dropped for an address needs no look at its ports. */
static __always_inline bool is_trailed(const struct sw_flow *flow, const struct sw_marked *marked,
	bool is_hit, struct sw_hit *hit)
{
	return (is_hit && hit->is_bad) || is_port_trailed(flow, marked, is_hit, hit);
}

/* Something touches an address of the packet. A ban touches the source alone, and has marks of its own. */
static __always_inline bool judge_marked(const struct sw_gate_ctl *ctl, const struct sw_flow *flow,
	const struct sw_marked *marked, struct sw_hit *hit)
{
	if (flow->family == 4)
		return (marked->source && is_other_marked4(flow->saddr.word[0]) &&
			       is_banned4(ctl, &flow->saddr, hit)) ||
			is_trailed(flow, marked, is_packed_trailed4(flow, marked, hit), hit);
	return (marked->source && is_source_banned6(ctl, flow, hit)) ||
		is_trailed(flow, marked, is_packed_trailed6(flow, marked, hit), hit);
}

/* Fills ret; 0 when nothing is said against the packet. */
__noinline int judge(const struct sw_flow *flow, struct sw_hit *ret)
{
	const struct sw_gate_ctl *ctl = gate_control();
	struct sw_marked marked;

	if (!flow || !ret || !ctl)
		return 0;
	if (!sw_gate_is_packed(ctl))
		return judge_lpm(ctl, flow, ret);
	ret->epoch = read_epoch(); /* before what it stands for is read */
	if (!(flow->family == 4 ? is_marked4(flow, &marked) : is_marked6(flow, &marked)))
		return 0;
	return judge_marked(ctl, flow, &marked, ret);
}

/* Counts and tells what was said of a packet. */
__noinline int settle(const struct sw_flow *flow, const struct sw_origin *origin, struct sw_hit *hit)
{
	const struct sw_gate_ctl *ctl = gate_control();
	enum verdict verdict = PASSES;

	if (!ctl || !flow || !origin || !hit)
		return PASSES;
	if (hit->is_bad || hit->is_tagged) {
		if (is_allowed(flow, hit))
			hit->reason = SW_R_ALLOWED;
		else if (hit->is_tagged)
			hit->reason = hit->reason == SW_R_TRAIL_DST ? SW_R_TAG_DST : SW_R_TAG_SRC;
		if (hit->reason != SW_R_ALLOWED && is_enforcing(ctl))
			verdict = hit->is_bad ? DROPS : TAGS;
	}
	count_hit(hit->reason, origin->len, verdict == DROPS);
	if (sw_reason_is_geo(hit->reason))
		count_geo(hit, origin->len, verdict == DROPS);
	tell_hit(ctl, flow, origin, hit, verdict == DROPS);
	return verdict;
}

/* Counts and tells a try. */
__noinline int settle_probe(const struct sw_flow *flow, const struct sw_origin *origin, int probe)
{
	const struct sw_gate_ctl *ctl = gate_control();

	if (flow && origin && ctl)
		count_probe(ctl, flow, origin, probe);
	return 0;
}

/* Counts a SYN to an open port. Not 0: it is to be told. */
__noinline int settle_syn(const struct sw_flow *flow, struct flood_news *ret)
{
	const struct sw_gate_ctl *ctl = gate_control();

	if (!flow || !ret || !ctl)
		return 0;
	count_syn(ctl, flow, ret);
	return ret->open != 0;
}

__noinline int tell_flood(const struct sw_flow *flow, const struct sw_origin *origin, const struct flood_news *news)
{
	const struct sw_gate_ctl *ctl = gate_control();

	if (flow && origin && news && ctl)
		tell_scan(ctl, flow, origin, SW_PROBE_FLOOD, news->open, news->packets);
	return 0;
}

__noinline int read_frame(struct xdp_md *ctx, struct sw_flow *ret)
{
	const __u8 *data = (const __u8 *)(long)ctx->data, *end = (const __u8 *)(long)ctx->data_end;

	return ret ? (int)sw_pkt_parse(data, end, SW_LINK_ETHER, ret) : -1;
}

__noinline int read_skb(struct __sk_buff *skb, struct sw_flow *ret, int link)
{
	const __u8 *data = (const __u8 *)(long)skb->data, *end = (const __u8 *)(long)skb->data_end;

	return ret ? (int)sw_pkt_parse(data, end, link == SW_LINK_IP ? SW_LINK_IP : SW_LINK_ETHER, ret) : -1;
}

/*
 * What the rules over countries say, beside what is said already; what drops is above what is watched or tagged. A
 * datagram that answers a socket of this host has no say in who may reach it.
 */
static __noinline bool judge_geo(void *ctx, const struct sw_flow *flow, bool is_hit, struct sw_hit *hit)
{
	struct sw_hit geo = {};

	if (hit->is_bad || !is_geo(flow, SW_GEO_IN, &geo) || (is_hit && !geo.is_bad))
		return is_hit;
	if (flow->protocol == SW_IP_UDP && has_asked(ctx, flow))
		return is_hit;
	*hit = geo;
	return true;
}

static __always_inline bool has_geo(void)
{
	const struct sw_gate_ctl *ctl = gate_control();

	return ctl && ctl->engine & SW_ENGINE_HAS_GEO;
}

/* Is anything said of a packet that was read whole? */
static __always_inline bool is_spoken_of(void *ctx, const struct sw_flow *flow, struct sw_hit *hit)
{
	bool is_hit = judge(flow, hit);

	return has_geo() ? judge_geo(ctx, flow, is_hit, hit) : is_hit;
}

/* A port that is sent on elsewhere is open and not this host's: what is completed there is not seen here. */
static __noinline void judge_syn(void *ctx, const struct sw_flow *flow, const struct sw_origin *origin)
{
	struct flood_news news = {};

	if (settle_syn(flow, &news) && !is_addr_allowed(flow->family, &flow->saddr) &&
		has_socket(ctx, flow, SW_PROBE_SYN))
		tell_flood(flow, origin, &news);
}

/* A packet that nobody speaks of. */
static __noinline void judge_probe(void *ctx, const struct sw_flow *flow, const struct sw_origin *origin)
{
	enum sw_probe probe = probe_of(flow);

	if (probe == SW_PROBE_FLOOD)
		judge_syn(ctx, flow, origin);
	else if (probe != SW_PROBE_NONE && is_try(ctx, flow, probe))
		settle_probe(flow, origin, probe);
}

/* Judges a packet that was read whole, with what read_frame or read_skb said of it. */
static __always_inline enum verdict judge_read(
	void *ctx, int result, struct sw_flow *flow, const struct sw_origin *origin)
{
	struct sw_hit hit = {};

	if (result == SW_PKT_NOT_IP)
		return PASSES;
	if (origin->vlan)
		flow->vlan = origin->vlan;
	if (result != SW_PKT_IP || !is_spoken_of(ctx, flow, &hit)) {
		if (result == SW_PKT_IP && !flow->is_cut) {
			judge_probe(ctx, flow, origin);
			return PASSES; /* benign: nothing counted, no clock */
		}
		hit.reason = SW_R_UNPARSED;
	}
	return settle(flow, origin, &hit);
}

/* ---- the hooks */

static __noinline enum verdict look_closer_frame(struct xdp_md *ctx, const struct sw_origin *origin)
{
	struct sw_flow flow = {};

	return judge_read(ctx, read_frame(ctx, &flow), &flow, origin);
}

/* Devices whose driver leaves no room before a packet (tun's, say), by ifindex modulo 64: known by the first tag. */
struct {
	SW_PIN
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} tag_again SEC(".maps");

static __always_inline __u64 tag_again_bit(__u32 ifindex)
{
	return 1ULL << (ifindex & 63);
}

static __noinline void ask_tag_again(__u32 ifindex)
{
	__u64 bit = tag_again_bit(ifindex), *bits;
	__u32 zero = 0;

	sw_stat_inc(SW_STAT_TAG_AGAIN);
	bits = bpf_map_lookup_elem(&tag_again, &zero);
	if (bits && !(*bits & bit))
		__sync_fetch_and_or(bits, bit);
}

/* XDP cannot write a mark: it goes before the packet, for tc_tag. Out of line: few packets are tagged. */
static __noinline int tag_frame(struct xdp_md *ctx)
{
	const struct sw_gate_ctl *ctl = gate_control();
	struct sw_tag_meta *meta;

	if (!ctl)
		return XDP_PASS;
	if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(*meta)) < 0) {
		ask_tag_again(ctx->ingress_ifindex);
		return XDP_PASS;
	}
	meta = (struct sw_tag_meta *)(long)ctx->data_meta;
	if ((const __u8 *)(meta + 1) > (const __u8 *)(long)ctx->data)
		return XDP_PASS;
	meta->magic = SW_TAG_MAGIC;
	meta->value = ctl->tag_value;
	meta->mask = ctl->tag_mask;
	return XDP_PASS;
}

static __always_inline int gate_frame(struct xdp_md *ctx)
{
	const __u8 *data = (const __u8 *)(long)ctx->data, *end = (const __u8 *)(long)ctx->data_end, *ip = NULL;
	enum plain plain = judge_plain(data, end, SW_LINK_ETHER, &ip);
	struct sw_origin origin;
	enum verdict verdict;

	if (plain == BENIGN)
		return XDP_PASS;
	origin = (struct sw_origin){
		.len = end - data, .ifindex = ctx->ingress_ifindex, .link = SW_LINK_ETHER};
	verdict = judge_marked_plain(plain, ip, &origin);
	if (verdict == NOT_KNOWN)
		verdict = look_closer_frame(ctx, &origin);
	if (verdict == TAGS)
		return tag_frame(ctx);
	return verdict == DROPS ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int xdp_gate(struct xdp_md *ctx)
{
	return gate_frame(ctx);
}

/*
 * In its place while decoys are answered here, or the operator's own program is chained: these get what the gate
 * passes. Apart, and loaded only then, so that nobody else's packets pay for so much as the question whether
 * there is one.
 */
SEC("?xdp")
int xdp_gate_chain(struct xdp_md *ctx)
{
	int action = gate_frame(ctx);

	if (action == XDP_PASS) {
		bpf_tail_call(ctx, &cookie, 0);
		bpf_tail_call(ctx, &chain, 0); /* there is none of those */
	}
	return action;
}

static __noinline enum verdict look_closer_skb(struct __sk_buff *skb, const struct sw_origin *origin)
{
	struct sw_flow flow = {};

	return judge_read(skb, read_skb(skb, &flow, origin->link), &flow, origin);
}

static __always_inline struct sw_origin origin_of(struct __sk_buff *skb, enum sw_link link)
{
	return (struct sw_origin){
		.len = skb->len,
		.ifindex = skb->ifindex,
		.link = link,
		.vlan = skb->vlan_present ? skb->vlan_tci & 0xfff : 0,
	};
}

/* Some drivers leave even the headers outside of the linear part. */
static __always_inline void pull_headers(struct __sk_buff *skb)
{
	if (skb->data_end - skb->data < SW_PKT_HEAD_BYTES && skb->len > skb->data_end - skb->data)
		bpf_skb_pull_data(skb, skb->len < SW_PKT_HEAD_BYTES ? skb->len : SW_PKT_HEAD_BYTES);
}

static __always_inline void set_mark(struct __sk_buff *skb, __u32 value, __u32 mask)
{
	skb->mark = (skb->mark & ~mask) | (value & mask);
}

/* Passing is "unspecified", so that other programs on the device are asked too. */
static __always_inline int act_on(struct __sk_buff *skb, enum verdict verdict)
{
	const struct sw_gate_ctl *ctl;

	if (verdict == DROPS)
		return TC_ACT_SHOT;
	ctl = verdict == TAGS ? gate_control() : NULL;
	if (ctl)
		set_mark(skb, ctl->tag_value, ctl->tag_mask);
	return TC_ACT_UNSPEC;
}

static __always_inline int gate_skb(struct __sk_buff *skb, enum sw_link link)
{
	const __u8 *data, *end, *ip = NULL;
	struct sw_origin origin;
	enum verdict verdict;
	enum plain plain;

	pull_headers(skb);
	data = (const __u8 *)(long)skb->data;
	end = (const __u8 *)(long)skb->data_end;
	plain = judge_plain(data, end, link, &ip);
	if (plain == BENIGN)
		return TC_ACT_UNSPEC;
	origin = origin_of(skb, link);
	verdict = judge_marked_plain(plain, ip, &origin);
	return act_on(skb, verdict == NOT_KNOWN ? look_closer_skb(skb, &origin) : verdict);
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

/* What settle() says, of which nothing is counted: xdp_gate has. */
static __noinline bool is_to_be_tagged(struct __sk_buff *skb, const struct sw_gate_ctl *ctl)
{
	struct sw_flow flow = {};
	struct sw_hit hit = {};

	return read_skb(skb, &flow, SW_LINK_ETHER) == SW_PKT_IP && judge(&flow, &hit) && hit.is_tagged && !hit.is_bad &&
		is_enforcing(ctl) && !is_allowed(&flow, &hit);
}

static __always_inline void tag_once_more(struct __sk_buff *skb)
{
	__u32 zero = 0;
	const __u64 *bits = bpf_map_lookup_elem(&tag_again, &zero);
	const struct sw_gate_ctl *ctl = gate_control();

	if (!bits || !(*bits & tag_again_bit(skb->ifindex)) || !ctl)
		return;
	pull_headers(skb);
	if (is_to_be_tagged(skb, ctl))
		set_mark(skb, ctl->tag_value, ctl->tag_mask);
}

/* Behind xdp_gate on the device while there are trails that tag: turns what tag_frame() left into the mark. */
SEC("tc")
int tc_tag(struct __sk_buff *skb)
{
	const struct sw_tag_meta *meta = (const struct sw_tag_meta *)(long)skb->data_meta;

	if ((const __u8 *)(meta + 1) <= (const __u8 *)(long)skb->data && meta->magic == SW_TAG_MAGIC)
		set_mark(skb, meta->value, meta->mask);
	else
		tag_once_more(skb);
	return TC_ACT_UNSPEC;
}

/* By where it goes; the rules by where it comes from were asked as it came in. */
static __noinline bool is_spoken_of_forwarded(const struct sw_flow *flow, struct sw_hit *hit)
{
	bool is_hit = judge(flow, hit);
	struct sw_hit geo = {};

	if (!has_geo() || hit->is_bad || !is_geo(flow, SW_GEO_OUT, &geo) || (is_hit && !geo.is_bad))
		return is_hit;
	*hit = geo;
	return true;
}

static __noinline enum verdict settle_forwarded(struct __sk_buff *skb, const struct sw_origin *origin)
{
	struct sw_flow flow = {};
	struct sw_hit hit = {};

	if (read_skb(skb, &flow, origin->link) != SW_PKT_IP || !is_spoken_of_forwarded(&flow, &hit))
		return PASSES; /* what cannot be read was counted where it came in */
	if (origin->vlan)
		flow.vlan = origin->vlan;
	if (egress_action() != SW_EGRESS_DROP)
		hit.is_bad = hit.is_tagged = false;
	return settle(&flow, origin, &hit);
}

static __always_inline bool is_plain_unmarked(
	const struct sw_gate_ctl *ctl, const __u8 *data, const __u8 *end, enum sw_link link)
{
	const __u8 *ip = sw_pkt_plain4(data, end, link);
	struct sw_hit hit = {};

	if (ip)
		return !is_header_marked4(ip) ||
			judge_header4(ctl, sw_wire_raw32(ip + 12), sw_wire_raw32(ip + 16), &hit) == SILENT;
	ip = sw_pkt_plain6(data, end, link);
	return ip && !is_header_marked6(ip);
}

/*
 * What the host forwards, as it leaves: it has come in by a device, maybe by one that is not guarded. What
 * the host sends itself is judged at its socket (sock_egress), and probes where they come in.
 */
static __always_inline int forward_skb(struct __sk_buff *skb, enum sw_link link)
{
	const struct sw_gate_ctl *ctl;
	const __u8 *data, *end;
	struct sw_origin origin;

	if (!skb->ingress_ifindex)
		return TC_ACT_UNSPEC;
	ctl = gate_control();
	if (!ctl || ctl->mode == SW_MODE_OFF || egress_action() == SW_EGRESS_OFF)
		return TC_ACT_UNSPEC;
	pull_headers(skb);
	data = (const __u8 *)(long)skb->data;
	end = (const __u8 *)(long)skb->data_end;
	if (sw_gate_is_packed(ctl) && is_plain_unmarked(ctl, data, end, link) &&
		(ctl->engine == SW_ENGINE_PACKED || !is_plain_geo(data, end, link, SW_GEO_OUT)))
		return TC_ACT_UNSPEC;
	origin = origin_of(skb, link);
	return act_on(skb, settle_forwarded(skb, &origin));
}

SEC("tc")
int tc_forward(struct __sk_buff *skb)
{
	return forward_skb(skb, SW_LINK_ETHER);
}

SEC("tc")
int tc_forward_l3(struct __sk_buff *skb)
{
	return forward_skb(skb, SW_LINK_IP);
}

char _license[] SEC("license") = "Dual BSD/GPL";

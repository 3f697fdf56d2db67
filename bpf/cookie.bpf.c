// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Decoy ports that XDP itself answers: a SYN gets a SYN-ACK whose number is the kernel's SYN cookie, and the ACK
 * that proves its source is told. No socket and no memory is taken, so a flood costs what its packets cost. The
 * gate calls it for what passes; what is not for it goes on to the operator's program, and to the kernel.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#include "lib/clock.bpf.h"
#include "lib/cookie_maps.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/scan.bpf.h"

enum { SECOND_NS = 1000000000, TCP_BYTES = 20, TCP_BYTES_MAX = 60, MSS_BYTES = 4, WINDOW = 64240, HOPS = 64 };
enum { REPLY_TCP = TCP_BYTES + MSS_BYTES, DONT_FRAGMENT = 0x4000, NOT_WHOLE = 0x3fff };

static __always_inline const struct sw_cookie_ctl *cookie_control(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&cookie_ctl, &key);
}

static __always_inline const struct sw_gate_ctl *gate_control(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&gate_ctl, &key);
}

/* ---- reading */

/* The TCP header of a usual packet, whole up to its options; fills the flow. NULL: none of ours. */
static __always_inline const __u8 *read_segment(const __u8 *data, const __u8 *end, struct sw_flow *ret)
{
	const __u8 *ip = sw_pkt_plain4(data, end, SW_LINK_ETHER), *tcp;

	if (ip && ip[9] == SW_IP_TCP && !(sw_wire16(ip + 6) & NOT_WHOLE)) {
		sw_pkt_put4(&ret->saddr, sw_wire_raw32(ip + 12));
		sw_pkt_put4(&ret->daddr, sw_wire_raw32(ip + 16));
		ret->family = 4;
		tcp = ip + SW_IP4_BYTES;
	} else {
		ip = sw_pkt_plain6(data, end, SW_LINK_ETHER);
		if (!ip || ip[6] != SW_IP_TCP)
			return NULL;
		__builtin_memcpy(ret->saddr.byte, ip + 8, 16);
		__builtin_memcpy(ret->daddr.byte, ip + 24, 16);
		ret->family = 6;
		tcp = ip + SW_IP6_BYTES;
	}
	if (tcp + TCP_BYTES > end)
		return NULL;
	ret->protocol = SW_IP_TCP;
	ret->sport = sw_wire16(tcp);
	ret->dport = sw_wire16(tcp + 2);
	ret->tcp_flags = tcp[13];
	return tcp;
}

/* A port of ours that no service has, and a source that is nobody's friend. The lookup of sockets comes last. */
static __always_inline bool is_ours(struct xdp_md *ctx, const struct sw_cookie_ctl *c, const struct sw_flow *flow)
{
	__u32 key = 0;
	const struct sw_probe_ctl *open = bpf_map_lookup_elem(&probe_ctl, &key);

	if (!has_port(c->ports, flow->dport) || !open || has_port(open->ports.syn, flow->dport))
		return false;
	return is_try(ctx, flow, SW_PROBE_SYN);
}

/* ---- the budget */

static __always_inline bool take_token(struct sw_cookie_bucket *b, __u32 rate, __u64 now)
{
	__u64 past = now - b->refill_ns;

	if (past >= SECOND_NS) {
		b->tokens = rate;
		b->refill_ns = now;
	} else if (past * rate >= SECOND_NS) {
		__u64 earned = past * rate / SECOND_NS;

		b->tokens = b->tokens + earned > rate ? rate : b->tokens + earned;
		b->refill_ns += earned * SECOND_NS / rate;
	}
	if (!b->tokens)
		return false;
	b->tokens--;
	return true;
}

/* IPv4: the /24, IPv6: the /48. */
static __always_inline __u32 net_slot(const struct sw_flow *flow)
{
	__u64 net = bpf_be64_to_cpu(flow->saddr.half[0]) >> (flow->family == 4 ? 40 : 16);

	return mix(mix(flow->family, net), 0) >> 32 & (SW_COOKIE_NETS - 1);
}

/* The network's first: what is too much for it takes nothing of the others' share. */
static __always_inline bool is_within_budget(
	const struct sw_gate_ctl *ctl, const struct sw_cookie_ctl *c, const struct sw_flow *flow)
{
	__u32 slot = net_slot(flow), zero = 0;
	struct sw_cookie_bucket *net = bpf_map_lookup_elem(&cookie_nets, &slot),
				*cpu = bpf_map_lookup_elem(&cookie_cpu, &zero);
	__u64 now = sw_now(ctl->clock_offset_ns);

	return net && cpu && take_token(net, c->net_rate, now) && take_token(cpu, c->cpu_rate, now);
}

/* ---- the answer */

static __always_inline void put16(__u8 *at, __u16 value)
{
	at[0] = value >> 8;
	at[1] = value;
}

static __always_inline void put32(__u8 *at, __u32 value)
{
	put16(at, value >> 16);
	put16(at + 2, value);
}

#define SWAP(a, b, n)                               \
	do {                                        \
		__u8 was_[n];                       \
		__builtin_memcpy(was_, a, n);       \
		__builtin_memcpy(a, b, n);          \
		__builtin_memcpy(b, was_, n);       \
	} while (0)

static __always_inline __u16 fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* The cookie and, above 32 bits, the segment size that it stands for; negative: none. */
static __noinline __s64 make_cookie(struct xdp_md *ctx, __u32 family)
{
	const __u8 *data = (const __u8 *)(long)ctx->data, *end = (const __u8 *)(long)ctx->data_end;
	__u32 at = SW_ETH_BYTES + (family == 4 ? SW_IP4_BYTES : SW_IP6_BYTES), bytes;
	__u8 tcp[TCP_BYTES_MAX] = {}; /* a copy: the helper reads options that need not lie in one piece */

	if (bpf_xdp_load_bytes(ctx, at, tcp, TCP_BYTES) < 0)
		return -1;
	bytes = tcp[12] >> 2 & TCP_BYTES_MAX;
	if (bytes < TCP_BYTES || bpf_xdp_load_bytes(ctx, at, tcp, bytes) < 0)
		return -1;
	if (family == 4) {
		if (data + SW_ETH_BYTES + SW_IP4_BYTES > end)
			return -1;
		return bpf_tcp_raw_gen_syncookie_ipv4((void *)(data + SW_ETH_BYTES), (void *)tcp, bytes);
	}
	if (data + SW_ETH_BYTES + SW_IP6_BYTES > end)
		return -1;
	return bpf_tcp_raw_gen_syncookie_ipv6((void *)(data + SW_ETH_BYTES), (void *)tcp, bytes);
}

/* The segment that answers the one at tcp, in its place; addrs are those of its IP header. */
static __always_inline void write_segment(__u8 *tcp, const __u8 *addrs, __u32 addr_bytes, __u64 cookie)
{
	__u32 seq = (__u32)tcp[4] << 24 | (__u32)tcp[5] << 16 | (__u32)tcp[6] << 8 | tcp[7];
	__u64 sum = bpf_htonl(SW_IP_TCP << 16 | REPLY_TCP);

	SWAP(tcp, tcp + 2, 2);
	put32(tcp + 4, cookie);
	put32(tcp + 8, seq + 1);
	tcp[12] = REPLY_TCP << 2;
	tcp[13] = SW_TCP_SYN | SW_TCP_ACK;
	put16(tcp + 14, WINDOW);
	put32(tcp + 16, 0);
	tcp[20] = 2; /* the option: largest segment */
	tcp[21] = MSS_BYTES;
	put16(tcp + 22, cookie >> 32);
	sum = bpf_csum_diff(NULL, 0, (__be32 *)addrs, addr_bytes, sum);
	sum = fold(bpf_csum_diff(NULL, 0, (__be32 *)tcp, REPLY_TCP, sum));
	__builtin_memcpy(tcp + 16, &(__u16){sum}, 2);
}

static __always_inline int write_reply4(__u8 *data, const __u8 *end, __u64 cookie)
{
	__u8 *ip = data + SW_ETH_BYTES;
	__u16 sum;

	if (ip + SW_IP4_BYTES + REPLY_TCP > end)
		return XDP_DROP;
	SWAP(data, data + 6, 6);
	SWAP(ip + 12, ip + 16, 4);
	ip[1] = 0;
	put16(ip + 2, SW_IP4_BYTES + REPLY_TCP);
	put16(ip + 4, 0);
	put16(ip + 6, DONT_FRAGMENT);
	ip[8] = HOPS;
	put16(ip + 10, 0);
	sum = fold(bpf_csum_diff(NULL, 0, (__be32 *)ip, SW_IP4_BYTES, 0));
	__builtin_memcpy(ip + 10, &sum, 2);
	write_segment(ip + SW_IP4_BYTES, ip + 12, 8, cookie);
	return XDP_TX;
}

static __always_inline int write_reply6(__u8 *data, const __u8 *end, __u64 cookie)
{
	__u8 *ip = data + SW_ETH_BYTES;

	if (ip + SW_IP6_BYTES + REPLY_TCP > end)
		return XDP_DROP;
	SWAP(data, data + 6, 6);
	SWAP(ip + 8, ip + 24, 16);
	put32(ip, 0x60000000);
	put16(ip + 4, REPLY_TCP);
	ip[7] = HOPS;
	write_segment(ip + SW_IP6_BYTES, ip + 8, 32, cookie);
	return XDP_TX;
}

/* Turns the packet into its answer. Up to the change of its length nothing is lost, and it may pass. */
static __noinline int reply(struct xdp_md *ctx, __u32 family, __u32 len)
{
	__u32 bytes = SW_ETH_BYTES + (family == 4 ? SW_IP4_BYTES : SW_IP6_BYTES) + REPLY_TCP;
	__s64 cookie = make_cookie(ctx, family);
	__u8 *data, *end;

	if (cookie < 0 || bpf_xdp_adjust_tail(ctx, (int)(bytes - len)) < 0)
		return XDP_PASS;
	data = (__u8 *)(long)ctx->data;
	end = (__u8 *)(long)ctx->data_end;
	return family == 4 ? write_reply4(data, end, cookie) : write_reply6(data, end, cookie);
}

static __noinline int answer_syn(struct xdp_md *ctx, const struct sw_flow *flow, const struct sw_origin *origin)
{
	const struct sw_gate_ctl *ctl = gate_control();
	const struct sw_cookie_ctl *c = cookie_control();
	int action;

	if (!ctl || !c || !is_ours(ctx, c, flow))
		return XDP_PASS;
	if (!is_within_budget(ctl, c, flow)) {
		count_hit(SW_R_COOKIE_OVER, origin->len, false);
		return XDP_PASS;
	}
	action = reply(ctx, flow->family, origin->len);
	count_hit(action == XDP_TX ? SW_R_COOKIE : SW_R_COOKIE_FAILED, origin->len, false);
	return action;
}

/* ---- what comes back */

static __noinline bool is_proven(struct xdp_md *ctx, __u32 family)
{
	__u8 *data = (__u8 *)(long)ctx->data, *end = (__u8 *)(long)ctx->data_end, *ip = data + SW_ETH_BYTES;

	if (family == 4)
		return ip + SW_IP4_BYTES + TCP_BYTES <= end &&
			bpf_tcp_raw_check_syncookie_ipv4((void *)ip, (void *)(ip + SW_IP4_BYTES)) == 0;
	return ip + SW_IP6_BYTES + TCP_BYTES <= end &&
		bpf_tcp_raw_check_syncookie_ipv6((void *)ip, (void *)(ip + SW_IP6_BYTES)) == 0;
}

static __always_inline bool is_first(const struct sw_flow *flow, __u32 ack)
{
	struct sw_cookie_handshake key = {.ack = ack, .sport = flow->sport, .dport = flow->dport};
	__u8 one = 1;

	__builtin_memcpy(key.saddr, flow->saddr.byte, 16);
	return bpf_map_update_elem(&cookie_told, &key, &one, BPF_NOEXIST) == 0;
}

/* Taken in silence: the kernel, which knows nothing of the connection, would end it. */
static __noinline int take_ack(
	struct xdp_md *ctx, const struct sw_flow *flow, const struct sw_origin *origin, __u32 ack)
{
	const struct sw_gate_ctl *ctl = gate_control();
	const struct sw_cookie_ctl *c = cookie_control();
	struct sw_hit hit = {.reason = SW_R_DECOY};

	if (!ctl || !c || !is_ours(ctx, c, flow) || !is_proven(ctx, flow->family))
		return XDP_PASS;
	count_hit(SW_R_DECOY, origin->len, true);
	if (is_first(flow, ack))
		tell_hit(ctl, flow, origin, &hit, true);
	return XDP_DROP;
}

static __always_inline int answer(struct xdp_md *ctx)
{
	const __u8 *data = (const __u8 *)(long)ctx->data, *end = (const __u8 *)(long)ctx->data_end, *tcp;
	const struct sw_gate_ctl *ctl = gate_control();
	const struct sw_cookie_ctl *c = cookie_control();
	struct sw_origin origin;
	struct sw_flow flow = {};
	__u8 flags;

	if (!ctl || ctl->mode == SW_MODE_OFF || !c)
		return XDP_PASS;
	tcp = read_segment(data, end, &flow);
	if (!tcp || !has_port(c->ports, flow.dport))
		return XDP_PASS;
	origin = (struct sw_origin){
		.len = end - data, .ifindex = ctx->ingress_ifindex, .link = SW_LINK_ETHER};
	flags = flow.tcp_flags & SW_TCP_FLAGS;
	if (flags == SW_TCP_SYN)
		return answer_syn(ctx, &flow, &origin);
	if ((flags & (SW_TCP_SYN | SW_TCP_ACK | SW_TCP_RST)) == SW_TCP_ACK)
		return take_ack(ctx, &flow, &origin, sw_wire_raw32(tcp + 8));
	return XDP_PASS;
}

SEC("xdp")
int xdp_cookie(struct xdp_md *ctx)
{
	int action = answer(ctx);

	if (action == XDP_PASS)
		bpf_tail_call(ctx, &chain, 0);
	return action;
}

char _license[] SEC("license") = "Dual BSD/GPL";

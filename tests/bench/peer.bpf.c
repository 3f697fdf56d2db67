// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What the gate is measured against, and with: programs that only read the packet, and one that puts
 * the next source of a list into the packet and calls the program under test, so that caches behave
 * as they do in life. A test run alone would offer the same packet for ever.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include "sockwarden/pkt/parse.h"

#define SOURCES_MAX (1 << 17)

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SOURCES_MAX);
	__type(key, __u32);
	__type(value, __u32);
} sources SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} target SEC(".maps");

__u32 source_mask; /* a power of two less one */
__u32 source_next;

SEC("xdp")
int peer_vary(struct xdp_md *ctx)
{
	__u8 *data = (__u8 *)(long)ctx->data;
	__u32 key = source_next++ & source_mask;
	__u32 *source = bpf_map_lookup_elem(&sources, &key);

	if (!source || data + SW_ETH_BYTES + SW_IP4_BYTES > (__u8 *)(long)ctx->data_end)
		return XDP_ABORTED;
	*(__u32 *)(data + SW_ETH_BYTES + 12) = *source;
	bpf_tail_call(ctx, &target, 0);
	return XDP_ABORTED;
}

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SOURCES_MAX);
	__type(key, __u32);
	__type(value, struct { __u64 half[2]; });
} sources6 SEC(".maps");

SEC("xdp")
int peer_vary6(struct xdp_md *ctx)
{
	__u8 *data = (__u8 *)(long)ctx->data;
	__u32 key = source_next++ & source_mask;
	__u64 *source = bpf_map_lookup_elem(&sources6, &key);

	if (!source || data + SW_ETH_BYTES + SW_IP6_BYTES > (__u8 *)(long)ctx->data_end)
		return XDP_ABORTED;
	__builtin_memcpy(data + SW_ETH_BYTES + 8, source, 16);
	bpf_tail_call(ctx, &target, 0);
	return XDP_ABORTED;
}

__u32 send_ifindex;

/* RFC 1624: the header's sum after one address of it has changed. */
static __always_inline __u16 sum_after(__u16 sum, __u32 was, __u32 is)
{
	__u32 s = (__u16)~sum + (__u16)~was + (__u16)~(was >> 16) + (__u16)is + (is >> 16);

	s = (s & 0xffff) + (s >> 16);
	return ~((s & 0xffff) + (s >> 16));
}

/* For live frames: the next source of the list into the packet, and out by a device. */
SEC("xdp")
int peer_send(struct xdp_md *ctx)
{
	__u8 *data = (__u8 *)(long)ctx->data;
	__u32 key = source_next++ & source_mask, *at;
	__u32 *source = bpf_map_lookup_elem(&sources, &key);
	__u16 *sum;

	if (!source || data + SW_ETH_BYTES + SW_IP4_BYTES > (__u8 *)(long)ctx->data_end)
		return XDP_ABORTED;
	sum = (__u16 *)(data + SW_ETH_BYTES + 10);
	at = (__u32 *)(data + SW_ETH_BYTES + 12);
	*sum = sum_after(*sum, *at, *source);
	*at = *source;
	return bpf_redirect(send_ifindex, 0);
}

SEC("xdp")
int peer_drop(struct xdp_md *ctx)
{
	return XDP_DROP;
}

SEC("xdp")
int peer_nothing(struct xdp_md *ctx)
{
	return XDP_PASS;
}

/* Reads what the gate reads and keeps it from being left out by the compiler. */
static __always_inline bool is_parsed(struct xdp_md *ctx)
{
	struct sw_flow flow;

	if (sw_pkt_parse((const __u8 *)(long)ctx->data, (const __u8 *)(long)ctx->data_end,
		    SW_LINK_ETHER, &flow) != SW_PKT_IP)
		return false;
	asm volatile("" ::"r"(flow.saddr.word[0]), "r"(flow.daddr.word[0]), "r"((__u32)flow.dport));
	return true;
}

SEC("xdp")
int peer_parse_drop(struct xdp_md *ctx)
{
	return is_parsed(ctx) ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int peer_parse_pass(struct xdp_md *ctx)
{
	return is_parsed(ctx) ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL-3.0-or-later";

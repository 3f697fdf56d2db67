/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reads a packet into a struct sw_flow: Ethernet or bare IP, VLAN and QinQ tags, PPPoE, IPv4 with
 * options, IPv6 with extension headers, fragments, transport ports. Pure: the same lines run in XDP,
 * tc, replay, tests and the fuzzer. Nothing is read beyond end, and no length in the packet is
 * believed further than its bytes reach.
 *
 * A packet whose addresses can be read is judged by them whatever follows: else a ninth extension
 * header or a short transport header would be a way past a ban.
 */
#pragma once

#include "sockwarden/abi/limits.h"
#include "sockwarden/pkt/flow.h"
#include "sockwarden/pkt/wire.h"

enum sw_pkt_result {
	SW_PKT_IP = 0, /* the flow is filled; is_cut says whether the end was reached */
	SW_PKT_NOT_IP = 1, /* a whole frame of another kind: ARP, LLDP, PPPoE discovery */
	SW_PKT_UNREADABLE = 2, /* truncated before the addresses, malformed, or too many tags */
};

/* Bytes that hold every header up to the transport ports in all but odd packets. */
#define SW_PKT_HEAD_BYTES 128

SW_PKT_INLINE void sw_pkt_ports(const __u8 *data, const __u8 *p, struct sw_flow *flow)
{
	flow->sport = sw_wire16(p);
	flow->dport = sw_wire16(p + 2);
	flow->l4_off = (__u16)(p - data);
}

/* The transport header at p; left is what the IP header says is still to come. */
SW_PKT_INLINE void sw_pkt_transport(
	const __u8 *data, const __u8 *p, const __u8 *end, __u32 left, struct sw_flow *flow)
{
	switch (flow->protocol) {
	case SW_IP_TCP:
		if (left < 14 && flow->fragment == SW_FRAGMENT_FIRST && left >= 4 && p + 4 <= end) {
			flow->sport = sw_wire16(p);
			flow->dport = sw_wire16(p + 2);
			flow->is_tiny = 1;
			return;
		}
		if (p + 14 > end || left < 14)
			break;
		flow->tcp_flags = p[13];
		return sw_pkt_ports(data, p, flow);
	case SW_IP_UDP:
	case SW_IP_DCCP:
	case SW_IP_SCTP:
	case SW_IP_UDPLITE:
		if (p + 4 > end || left < 4)
			break;
		return sw_pkt_ports(data, p, flow);
	case SW_IP_ICMP:
	case SW_IP_ICMPV6:
		if (p + 2 > end || left < 2)
			break;
		flow->icmp_type = p[0];
		flow->icmp_code = p[1];
		flow->l4_off = (__u16)(p - data);
		return;
	default: /* no ports to read */
		return;
	}
	flow->is_cut = 1;
}

/* As one store of eight bytes: whoever loads as many again would wait for a store of four. */
SW_PKT_INLINE void sw_pkt_put4(union sw_flow_addr *ret, __be32 addr)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	ret->half[0] = addr;
#else
	ret->half[0] = (__u64)addr << 32;
#endif
}

SW_PKT_INLINE enum sw_pkt_result sw_pkt_ip4(
	const __u8 *data, const __u8 *p, const __u8 *end, struct sw_flow *flow)
{
	__u32 header, total, fragment;

	if (p + SW_IP4_BYTES > end || p[0] >> 4 != 4)
		return SW_PKT_UNREADABLE;
	header = (p[0] & 0xf) * 4;
	if (header < SW_IP4_BYTES)
		return SW_PKT_UNREADABLE;
	sw_pkt_put4(&flow->saddr, sw_wire_raw32(p + 12));
	sw_pkt_put4(&flow->daddr, sw_wire_raw32(p + 16));
	flow->family = 4;
	flow->protocol = p[9];
	fragment = sw_wire16(p + 6);
	if (fragment & 0x1fff) {
		flow->fragment = SW_FRAGMENT_LATER;
		return SW_PKT_IP;
	}
	if (fragment & 0x2000)
		flow->fragment = SW_FRAGMENT_FIRST;
	total = sw_wire16(p + 2);
	if (!total) /* merged by the kernel into more than 64 KiB */
		total = 0x10000;
	if (total < header) {
		flow->is_cut = 1;
		return SW_PKT_IP;
	}
	sw_pkt_transport(data, p + header, end, total - header, flow);
	return SW_PKT_IP;
}

/*
 * IPv6 extension headers by protocol number: 0 none, else SW_EXT and the unit of the length byte. A
 * table, not tests: the verifier then follows one way through the walk in place of one for each kind.
 */
#define SW_EXT      0x80
#define SW_EXT_UNIT 0x0c
#define SW_EXT_BYTES_MAX 2048
static const __u8 sw_pkt_ext[256] __attribute__((unused)) = {
	[SW_IP_HOPOPTS] = SW_EXT | 8,
	[SW_IP_ROUTING] = SW_EXT | 8,
	[SW_IP_FRAGMENT] = SW_EXT, /* always 8 bytes */
	[SW_IP_AH] = SW_EXT | 4,
	[SW_IP_DSTOPTS] = SW_EXT | 8,
	[SW_IP_MOBILITY] = SW_EXT | 8,
	[SW_IP_HIP] = SW_EXT | 8,
	[SW_IP_SHIM6] = SW_EXT | 8,
};

/* Walks the extension headers. 1 when *at is a transport header then, 0: a later fragment, or cut. */
SW_PKT_INLINE int sw_pkt_ip6_walk(
	const __u8 **at, const __u8 *end, __u32 *left, struct sw_flow *flow)
{
	const __u8 *p = *at;

	for (int i = 0; i <= SW_MAX_EXT_HEADERS; i++) {
		__u8 kind = sw_pkt_ext[flow->protocol];
		__u32 bytes;

		if (!kind) {
			*at = p;
			return 1;
		}
		if (p + 8 > end || i == SW_MAX_EXT_HEADERS)
			break;
		if (flow->protocol == SW_IP_FRAGMENT) {
			__u16 fragment = sw_wire16(p + 2);

			flow->fragment = fragment & 0xfff8 ? SW_FRAGMENT_LATER
				: fragment & 1             ? SW_FRAGMENT_FIRST
							   : flow->fragment;
			if (flow->fragment == SW_FRAGMENT_LATER) {
				flow->protocol = p[0];
				return 0;
			}
		}
		/* AH counts words less two, the others eights less one: both are 8 and so many units. */
		bytes = 8 + p[1] * (kind & SW_EXT_UNIT);
		/* Never more: but 6.1's verifier forgets bounds at a product, and the compiler knows them. */
		SW_PKT_HIDE(bytes);
		if (bytes > SW_EXT_BYTES_MAX)
			break;
		if (bytes > *left)
			break;
		*left -= bytes;
		flow->protocol = p[0];
		p += bytes;
	}
	flow->is_cut = 1;
	return 0;
}

SW_PKT_INLINE enum sw_pkt_result sw_pkt_ip6(
	const __u8 *data, const __u8 *p, const __u8 *end, struct sw_flow *flow)
{
	__u32 left;

	if (p + SW_IP6_BYTES > end || p[0] >> 4 != 6)
		return SW_PKT_UNREADABLE;
	for (int i = 0; i < 4; i++) {
		flow->saddr.word[i] = sw_wire_raw32(p + 8 + 4 * i);
		flow->daddr.word[i] = sw_wire_raw32(p + 24 + 4 * i);
	}
	flow->family = 6;
	flow->protocol = p[6];
	left = sw_wire16(p + 4);
	if (!left) /* jumbogram, or merged by the kernel into more than 64 KiB */
		left = 0x10000;
	p += SW_IP6_BYTES;
	if (sw_pkt_ip6_walk(&p, end, &left, flow))
		sw_pkt_transport(data, p, end, left, flow);
	return SW_PKT_IP;
}

SW_PKT_INLINE int sw_pkt_is_vlan(__u16 type)
{
	return type == SW_ETH_P_8021Q || type == SW_ETH_P_8021AD || type == SW_ETH_P_QINQ1;
}

/* Steps over tags and PPPoE. Returns the ether type of what lies at *p then, 0 when it is cut or too deep. */
SW_PKT_INLINE __u16 sw_pkt_link_layers(const __u8 **p, const __u8 *end, struct sw_flow *flow)
{
	const __u8 *at = *p;
	__u16 type;

	if (at + SW_ETH_BYTES > end)
		return 0;
	type = sw_wire16(at + 12);
	at += SW_ETH_BYTES;
	for (int i = 0; i < SW_MAX_VLAN_TAGS; i++) {
		if (!sw_pkt_is_vlan(type))
			break;
		if (at + SW_VLAN_BYTES > end)
			return 0;
		if (!i)
			flow->vlan = sw_wire16(at) & 0xfff;
		type = sw_wire16(at + 2);
		at += SW_VLAN_BYTES;
	}
	if (sw_pkt_is_vlan(type))
		return 0;
	if (type == SW_ETH_P_PPPOE) {
		if (at + SW_PPPOE_BYTES > end)
			return 0;
		type = sw_wire16(at + 6);
		at += SW_PPPOE_BYTES;
#ifndef __bpf__ /* Captures have it; no device hands it to a program, whose verifier would walk all twice. */
		if (type & 0x100) { /* in one byte, which is odd (RFC 1661, 6.5) */
			type >>= 8;
			at--;
		}
#endif
		type = type == SW_PPP_IP ? SW_ETH_P_IP : type == SW_PPP_IPV6 ? SW_ETH_P_IPV6 : 1;
	}
	*p = at;
	return type ? type : 1;
}

/**
 * Reads a packet.
 * @data  first byte; @end one past the last
 * @ret   all of it is written, whatever is returned; addresses only with SW_PKT_IP
 * Returns enum sw_pkt_result. Sources: IEEE 802.1Q, RFC 2516, RFC 791, RFC 8200, RFC 4302.
 */
SW_PKT_INLINE enum sw_pkt_result sw_pkt_parse(
	const __u8 *data, const __u8 *end, enum sw_link link, struct sw_flow *ret)
{
	const __u8 *p = data;
	__u16 type;

	__builtin_memset(ret, 0, sizeof(*ret));
	if (link == SW_LINK_IP) {
		if (p + 1 > end)
			return SW_PKT_UNREADABLE;
		type = p[0] >> 4 == 6 ? SW_ETH_P_IPV6 : SW_ETH_P_IP;
	} else {
		type = sw_pkt_link_layers(&p, end, ret);
	}
	if (type == SW_ETH_P_IP)
		return sw_pkt_ip4(data, p, end, ret);
	if (type == SW_ETH_P_IPV6)
		return sw_pkt_ip6(data, p, end, ret);
	return type ? SW_PKT_NOT_IP : SW_PKT_UNREADABLE;
}

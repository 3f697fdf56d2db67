/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a packet carries: where its transport header begins and where its bytes end by the IP header's
 * own length (a short Ethernet frame is padded), and the packet inside a tunnel's. Pure; for user
 * space, where a mirror port or a capture shows tunnels that are not this host's.
 */
#pragma once

#include "sockwarden/pkt/parse.h"

enum {
	SW_IP_IPIP = 4,
	SW_IP_IPV6 = 41,
	SW_IP_GRE = 47,
	SW_PORT_VXLAN = 4789,
	SW_PORT_VXLAN_OLD = 8472, /* the kernel's own before IANA gave one */
	SW_PORT_GENEVE = 6081,
	SW_ETH_P_TEB = 0x6558,
	SW_MAX_TUNNELS = 4, /* one inside the other; deeper is not looked at */
};

struct sw_carried {
	const __u8 *l4, *end; /* of the transport header; equal when there is none or it was not reached */
};

/* Of a packet that sw_pkt_parse read as IP: the same data, end and link. */
SW_PKT_INLINE struct sw_carried sw_pkt_carried(
	const __u8 *data, const __u8 *end, enum sw_link link, const struct sw_flow *flow)
{
	struct sw_flow scratch = {};
	const __u8 *p = data, *stop;
	__u32 total, left;

	if (link != SW_LINK_IP && !sw_pkt_link_layers(&p, end, &scratch))
		return (struct sw_carried){end, end};
	if (flow->family == 4) {
		total = sw_wire16(p + 2);
		stop = total && total < (__u32)(end - p) ? p + total : end;
		p += (p[0] & 0xf) * 4;
	} else {
		total = sw_wire16(p + 4);
		stop = total && total + SW_IP6_BYTES < (__u32)(end - p) ? p + SW_IP6_BYTES + total : end;
		scratch.protocol = p[6];
		p += SW_IP6_BYTES;
		left = 0x10000;
		if (!sw_pkt_ip6_walk(&p, end, &left, &scratch))
			return (struct sw_carried){stop, stop};
	}
	if (p > stop || flow->fragment == SW_FRAGMENT_LATER)
		return (struct sw_carried){stop, stop};
	return (struct sw_carried){p, stop};
}

/* Bytes of a GRE header (RFC 2784, 2890), 0 when it is not one that carries what we read. */
SW_PKT_INLINE __u32 sw_tunnel_gre_bytes(const __u8 *p, const __u8 *end)
{
	__u32 n = 4;

	if (end - p < 4 || p[1] & 7 || p[0] & 0x40) /* version 1 is PPTP; source routes are none of today */
		return 0;
	n += p[0] & 0x80 ? 4 : 0;
	n += p[0] & 0x20 ? 4 : 0;
	n += p[0] & 0x10 ? 4 : 0;
	return n <= (__u32)(end - p) ? n : 0;
}

SW_PKT_INLINE int sw_tunnel_of_type(__u16 type, enum sw_link *ret_link)
{
	*ret_link = type == SW_ETH_P_TEB ? SW_LINK_ETHER : SW_LINK_IP;
	return type == SW_ETH_P_IP || type == SW_ETH_P_IPV6 || type == SW_ETH_P_TEB;
}

SW_PKT_INLINE const __u8 *sw_tunnel_udp(
	const struct sw_flow *flow, const __u8 *p, const __u8 *end, enum sw_link *ret_link)
{
	__u32 n;

	if (end - p < 16)
		return (void *)0;
	p += 8;
	if (flow->dport == SW_PORT_VXLAN || flow->dport == SW_PORT_VXLAN_OLD) {
		*ret_link = SW_LINK_ETHER;
		return p[0] & 0x08 ? p + 8 : (void *)0;
	}
	if (flow->dport != SW_PORT_GENEVE || p[0] >> 6)
		return (void *)0;
	n = 8 + (p[0] & 0x3f) * 4;
	if (n > (__u32)(end - p) || !sw_tunnel_of_type(sw_wire16(p + 2), ret_link))
		return (void *)0;
	return p + n;
}

/**
 * The packet inside a tunnel's packet: GRE, IPIP, 6in4 and their IPv6 twins, VXLAN, GENEVE.
 * @ret_link  what its first byte is
 * Returns its first byte, NULL when there is none. Its end is c->end.
 * Sources: RFC 2003, RFC 2473, RFC 4213, RFC 2784, RFC 2890, RFC 7348, RFC 8926.
 */
SW_PKT_INLINE const __u8 *sw_tunnel_inner(
	const struct sw_flow *flow, const struct sw_carried *c, enum sw_link *ret_link)
{
	__u32 n;

	switch (flow->protocol) {
	case SW_IP_IPIP:
	case SW_IP_IPV6:
		*ret_link = SW_LINK_IP;
		return c->l4 < c->end ? c->l4 : (void *)0;
	case SW_IP_GRE:
		n = sw_tunnel_gre_bytes(c->l4, c->end);
		return n && sw_tunnel_of_type(sw_wire16(c->l4 + 2), ret_link) ? c->l4 + n : (void *)0;
	case SW_IP_UDP:
		return sw_tunnel_udp(flow, c->l4, c->end, ret_link);
	default:
		return (void *)0;
	}
}

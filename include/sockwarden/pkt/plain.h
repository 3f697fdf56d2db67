/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The usual packet, told by a few loads: no tag, no option, no extension header, and as many bytes as
 * any transport header that parse.h reads needs. Of such a packet parse.h would read both addresses
 * and find nothing cut, whatever its protocol; whoever wants no more of it than that need not parse it.
 */
#pragma once

#include "sockwarden/pkt/parse.h"

/* Bytes that hold the longest transport header that is read: TCP's up to its flags. */
#define SW_PLAIN_L4_BYTES 14

/** Whether a total length that stands in a header, 0 for "more than fits", is at least least. */
SW_PKT_INLINE int sw_pkt_is_long(__u16 length, __u16 least)
{
	return (__u16)(length - 1) >= least - 1;
}

/** The IPv4 header of a usual packet, or NULL. Whole up to SW_PLAIN_L4_BYTES behind it. */
SW_PKT_INLINE const __u8 *sw_pkt_plain4(const __u8 *data, const __u8 *end, enum sw_link link)
{
	const __u8 *ip = link == SW_LINK_IP ? data : data + SW_ETH_BYTES;

	if (ip + SW_IP4_BYTES + SW_PLAIN_L4_BYTES > end || ip[0] != 0x45 ||
		(link != SW_LINK_IP && sw_wire16(data + 12) != SW_ETH_P_IP))
		return 0;
	return sw_pkt_is_long(sw_wire16(ip + 2), SW_IP4_BYTES + SW_PLAIN_L4_BYTES) ? ip : 0;
}

/** The same of IPv6. */
SW_PKT_INLINE const __u8 *sw_pkt_plain6(const __u8 *data, const __u8 *end, enum sw_link link)
{
	const __u8 *ip = link == SW_LINK_IP ? data : data + SW_ETH_BYTES;

	if (ip + SW_IP6_BYTES + SW_PLAIN_L4_BYTES > end || ip[0] >> 4 != 6 ||
		(link != SW_LINK_IP && sw_wire16(data + 12) != SW_ETH_P_IPV6))
		return 0;
	if (ip[6] != SW_IP_TCP && ip[6] != SW_IP_UDP && ip[6] != SW_IP_ICMPV6)
		return 0;
	return sw_pkt_is_long(sw_wire16(ip + 4), SW_PLAIN_L4_BYTES) ? ip : 0;
}

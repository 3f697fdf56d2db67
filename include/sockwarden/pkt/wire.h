/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reading fields from packet bytes, and the numbers found in them. In BPF a field is one load, as the
 * verifier and the JIT like it; elsewhere the load is bytewise, because a packet lies anywhere.
 */
#pragma once

#include "sockwarden/abi/types.h"

#define SW_PKT_INLINE static inline __attribute__((always_inline, unused))

/* Makes the compiler forget what it knows of a value, where the verifier must be told again. */
#define SW_PKT_HIDE(v) __asm__ volatile("" : "+r"(v))

enum {
	SW_ETH_BYTES = 14,
	SW_VLAN_BYTES = 4,
	SW_PPPOE_BYTES = 8, /* PPPoE session header and the PPP protocol */
	SW_IP4_BYTES = 20, /* without options */
	SW_IP6_BYTES = 40, /* without extension headers */
};

enum {
	SW_ETH_P_IP = 0x0800,
	SW_ETH_P_8021Q = 0x8100,
	SW_ETH_P_IPV6 = 0x86dd,
	SW_ETH_P_PPPOE = 0x8864, /* session stage; discovery carries no IP */
	SW_ETH_P_8021AD = 0x88a8,
	SW_ETH_P_QINQ1 = 0x9100, /* outer tag of equipment older than 802.1ad */
	SW_PPP_IP = 0x0021,
	SW_PPP_IPV6 = 0x0057,
};

/* IANA protocol numbers */
enum {
	SW_IP_HOPOPTS = 0,
	SW_IP_ICMP = 1,
	SW_IP_TCP = 6,
	SW_IP_UDP = 17,
	SW_IP_DCCP = 33,
	SW_IP_ROUTING = 43,
	SW_IP_FRAGMENT = 44,
	SW_IP_AH = 51,
	SW_IP_ICMPV6 = 58,
	SW_IP_DSTOPTS = 60,
	SW_IP_SCTP = 132,
	SW_IP_MOBILITY = 135,
	SW_IP_UDPLITE = 136,
	SW_IP_HIP = 139,
	SW_IP_SHIM6 = 140,
};

/** Two bytes at p, in network byte order on the wire, as a number. */
SW_PKT_INLINE __u16 sw_wire16(const __u8 *p)
{
#if defined(__bpf__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return __builtin_bswap16(*(const __u16 *)p);
#elif defined(__bpf__)
	return *(const __u16 *)p;
#else
	return (__u16)(p[0] << 8 | p[1]);
#endif
}

/** Four bytes at p as they lie. */
SW_PKT_INLINE __be32 sw_wire_raw32(const __u8 *p)
{
#ifdef __bpf__
	return *(const __be32 *)p;
#else
	__be32 v;

	__builtin_memcpy(&v, p, sizeof(v));
	return v;
#endif
}

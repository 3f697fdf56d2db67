/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is known of a packet once it is read: the value that judging, events and replay work on. */
#pragma once

#include "sockwarden/abi/types.h"

/* What a packet's first byte is. */
enum sw_link {
	SW_LINK_ETHER = 0,
	SW_LINK_IP = 1, /* layer-3 devices (tun, WireGuard, IPIP): an IP header at once */
};

enum sw_fragment {
	SW_FRAGMENT_NONE = 0,
	SW_FRAGMENT_FIRST = 1,
	SW_FRAGMENT_LATER = 2, /* has no transport header */
};

/* An address in network byte order; IPv4 in the first word, the rest zero. */
union sw_flow_addr {
	__u8 byte[16];
	__be32 word[4];
	__u64 half[2];
};

struct sw_flow {
	union sw_flow_addr saddr, daddr;
	__u16 sport, dport; /* host byte order, 0 when there are none */
	__u16 vlan; /* outermost VLAN id, 0 when untagged */
	__u16 l4_off; /* of the transport header from the first byte, 0 when it was not reached */
	__u8 family; /* 4 or 6; 0: no address was read */
	__u8 protocol; /* IANA number; for IPv6 that of the last header read */
	__u8 tcp_flags;
	__u8 fragment; /* enum sw_fragment */
	__u8 icmp_type, icmp_code;
	__u8 is_cut; /* the addresses are good, but what follows them is truncated or too deep */
	__u8 is_tiny; /* a first fragment too short for TCP's flags: ports are read, l4_off is 0 */
};
SW_ABI_SIZE(struct sw_flow, 48);

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An address and a network, both families in one value of 20 bytes without padding, so that it may
 * be compared with memcmp, hashed as bytes, and sent between our processes. IPv4 lies in the first
 * four bytes; unused bytes are zero. A v4-mapped IPv6 address is normalised to IPv4 where it is parsed.
 */
#pragma once

#include <linux/types.h>

enum sw_family { SW_AF_NONE = 0, SW_AF_IP4 = 4, SW_AF_IP6 = 6 };

struct sw_net {
	__u8 family; /* enum sw_family */
	__u8 plen;   /* prefix length: 0..32 or 0..128; a host is the full length */
	__u8 pad[2];
	__u8 addr[16]; /* network byte order; bits beyond plen are zero */
};
_Static_assert(sizeof(struct sw_net) == 20, "sw_net is sent and hashed as bytes");

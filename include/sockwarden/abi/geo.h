/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Rules over countries and autonomous systems as the kernel asks them: of a packet that begins something,
 * the rules that concern its port, and of these those that mean the other end's address. Map names are
 * those of the pins: geo, geo_hits. Compiled by the engine (user/trail/geo.h) into one sealed image, which the
 * guard checks and swaps in whole.
 *
 * A packet begins something when it is a SYN without ACK, a datagram, an echo request, or of a protocol
 * that has no ports; what answers, and what belongs to a connection that is open, is never asked.
 */
#pragma once

#include "sockwarden/abi/limits.h"
#include "sockwarden/abi/types.h"

enum sw_geo_way { SW_GEO_IN, SW_GEO_OUT, SW_GEO_WAYS };

enum {
	SW_GEO_RULES_MAX = 32, /* a bit each */
	SW_GEO_HEAD = 1, /* elements before the ports */
	SW_GEO_PORTS_MAX = 4096, /* bounds: each range of a rule makes two at most */
	SW_GEO_STEPS = 22, /* halvings that find one of SW_MAX_GEO_NETS */
	SW_GEO_NO_PORTS = 0, /* in place of a protocol's number: all that have none */
};

/* Holds from this key on to the next: two sorted tables of these, ports and networks, each from key 0 on. */
struct sw_geo_bound {
	__u64 high, low; /* of an address, IPv4 as ::ffff:a.b.c.d; of a port: 0, sw_geo_port_key() */
	__u32 rules;	 /* that concern the port; that name the network */
	__u32 is_nowhere; /* of a network: no country by its nature (private, link-local): no rule means it */
};
SW_ABI_SIZE(struct sw_geo_bound, 24);

/* geo: array of maps with one slot; the inner array is exactly as large as the image. Empty: there are no rules. */
union sw_geo {
	struct {
		__u32 except, drop; /* rules that mean all but what they name; rules that drop, the others observe */
		__u32 n_ports, n_nets;
		__u32 id; /* of the rules' texts: what geo_hits counts */
		__u32 pad;
	} head;
	struct sw_geo_bound bound;
};
SW_ABI_SIZE(union sw_geo, 24);

static inline __attribute__((always_inline)) __u64 sw_geo_port_key(__u32 way, __u32 protocol, __u32 port)
{
	return (__u64)way << 32 | (__u64)(protocol & 0xff) << 16 | (port & 0xffff);
}

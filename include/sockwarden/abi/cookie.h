/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Decoy ports that XDP itself answers, with a cookie and without a socket. Maps of bpf/cookie.bpf.c, pinned by
 * their names: cookie_ctl (the guard writes it), cookie_cpu, cookie_nets and cookie_told (BPF's own).
 */
#pragma once

#include "sockwarden/abi/decoy.h"
#include "sockwarden/abi/types.h"

/* cookie_ctl: array of one. */
struct sw_cookie_ctl {
	__u8 ports[SW_DECOY_PORT_BYTES]; /* bit N: port N is answered unless somebody listens there */
	__u32 cpu_rate; /* answers in a second, of one CPU */
	__u32 net_rate; /* of them, to one network: an IPv4 /24, an IPv6 /48 */
};
SW_ABI_SIZE(struct sw_cookie_ctl, 8200);

/*
 * cookie_cpu and cookie_nets: per-CPU arrays. A network's bucket is found by a hash and has no owner: networks that
 * share one share its answers, so that nobody gets fresh ones by making another forgotten.
 */
enum { SW_COOKIE_NETS = 4096 };
struct sw_cookie_bucket {
	__u64 refill_ns;
	__u32 tokens;
	__u32 pad;
};
SW_ABI_SIZE(struct sw_cookie_bucket, 16);

/* cookie_told: LRU hash by handshake, so that what follows it on the connection is not told again. */
enum { SW_COOKIE_TOLD = 4096 };
struct sw_cookie_handshake {
	__u8 saddr[16];
	__u32 ack;
	__u16 sport, dport;
};
SW_ABI_SIZE(struct sw_cookie_handshake, 24);

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packets that user space looks into: names asked for, and how flows begin. Map names are those of the
 * pins: inspect_ctl, domains, ev_inspect. None is sampled; what does not fit the ring is counted.
 */
#pragma once

#include "sockwarden/abi/sock_event.h"

enum sw_inspect_what {
	SW_INSPECT_DNS = 1 << 0, /* port 53 */
	SW_INSPECT_HTTP = 1 << 1,
	SW_INSPECT_TLS = 1 << 2,
	SW_INSPECT_QUIC = 1 << 3,
	SW_INSPECT_ALL = 15,
};

enum {
	SW_INSPECT_DNS_BYTES = 640, /* of a packet: its headers and 512 bytes */
	SW_INSPECT_MTU_BYTES = 1600, /* a packet of an ordinary link whole */
	SW_INSPECT_MAX_BYTES = 4224, /* 4 KiB of a merged segment, and its headers */
	SW_INSPECT_FLOW_BYTES = 4096, /* of a request or a hello, in ... */
	SW_INSPECT_FLOW_SEGMENTS = 3,
};

/* inspect_ctl: array of one, by the guard. */
struct sw_inspect_ctl {
	__u32 what; /* enum sw_inspect_what, or-ed; 0: nothing is looked at */
	__u32 has_domains; /* domains has entries: questions are compared with it */
	__u64 refuse_until_ns; /* boot time until which shunned may hold an entry that counts, 0: none */
};
SW_ABI_SIZE(struct sw_inspect_ctl, 16);

/* shunned: LRU hash; where a connection was cut to, and until which boot time (__u64) none is begun to. */
struct sw_shunned_key {
	__u8 addr[16]; /* as in struct sw_flow */
	__u16 port; /* host byte order */
	__u8 family; /* 4 or 6 */
	__u8 protocol;
};
SW_ABI_SIZE(struct sw_shunned_key, 20);
#define SW_SHUNNED_MAX 4096 /* the one that was asked for longest ago makes room */

/*
 * Value of domains; its key is sw_domain_hash (pkt/domain.h). Of the entries that a name lies in the longest
 * decides: a question is refused when enforcing, or there is an exception.
 */
struct sw_domain_val {
	__u32 set; /* number of the list */
	__u32 action; /* enum sw_trail_action: DROP or EXCEPT */
};
SW_ABI_SIZE(struct sw_domain_val, 8);

/* An entry as the engine hands it to the guard, sorted by key; the first of a list has this key and is none. */
#define SW_DOMAIN_MARK 1
struct sw_domain_entry {
	__u64 key;
	struct sw_domain_val val;
};
SW_ABI_SIZE(struct sw_domain_entry, 16);

enum sw_inspect_way { SW_WAY_IN = 0, SW_WAY_OUT = 1 };

/* Record of ev_inspect. The packet begins with its IP header. */
struct sw_inspect_event {
	__u64 boot_ns;
	__u64 cookie; /* of the socket, 0: none */
	struct sw_owner owner; /* tgid 0: not known */
	__u64 domain; /* hash of the dropping domain that a question lies in, 0: none */
	__u16 len; /* bytes of data that are the packet's */
	__u8 way; /* enum sw_inspect_way */
	__u8 is_refused;
	__u8 is_ahead; /* a segment that came in before what precedes it */
	__u8 pad[3];
	__u8 data[];
};
SW_ABI_SIZE(struct sw_inspect_event, 72);

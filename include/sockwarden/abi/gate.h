/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The gate's maps: keys, values and control word. Map names are those in bpf/lib/maps.bpf.h and the
 * names of the pins: gate_ctl, allow4, allow6, ban4, ban6, bannet4, bannet6, trails4, trails6,
 * trail_ports, coarse4, coarse6, marks4, marks6, othermarks4, epoch,
 * packed4, packed6 (abi/packed.h), geo, geo_hits (abi/geo.h), counters, stats, recent,
 * ev_pkt, ev_sock, chain, cookie. User space writes policy maps, BPF writes counters.
 */
#pragma once

#include "sockwarden/abi/limits.h"
#include "sockwarden/abi/reason.h"
#include "sockwarden/abi/types.h"

enum sw_mode {
	SW_MODE_OFF = 0, /* nothing is looked at: every packet passes */
	SW_MODE_OBSERVE = 1, /* everything is judged, counted and told; nothing is dropped */
	SW_MODE_ENFORCE = 2, /* what is judged bad is dropped */
};

/* How the trails in force are looked up. */
enum sw_trail_engine {
	SW_ENGINE_LPM = 0, /* trails4, trails6: the kernel's tries; no mark is asked */
	SW_ENGINE_PACKED = 1, /* marks4, marks6, then packed4, packed6: abi/packed.h */
	SW_ENGINE_COUNT
};
/*
 * Beside the engine in its word, so that one comparison tells the usual case: there are rules over countries
 * (abi/geo.h), and packets that begin something are asked for their port.
 */
#define SW_ENGINE_HAS_GEO 0x10000U
#define SW_ENGINE_MASK 0xffffU

/* gate_ctl: array of one. Written by the guard; aligned words, so a reader never sees half of one. */
struct sw_gate_ctl {
	__u32 mode; /* enum sw_mode */
	__u32 token_rate; /* packet events per second for one source; 0 means none */
	__u32 token_burst; /* packet events that one source may send at once */
	__u32 engine; /* enum sw_trail_engine, and SW_ENGINE_HAS_GEO or-ed */
	__u64 enforce_until_ns; /* boot time after which ENFORCE counts as OBSERVE; 0: no end */
	__u64 clock_offset_ns; /* added to boot time; tests only, else 0 */
	__u32 tag_value, tag_mask; /* what a tagged packet's mark becomes, in the bits of the mask */
};
SW_ABI_SIZE(struct sw_gate_ctl, 40);

static inline __attribute__((always_inline)) int sw_gate_is_packed(const struct sw_gate_ctl *c)
{
	return (c->engine & SW_ENGINE_MASK) == SW_ENGINE_PACKED;
}

/* Before a packet's own bytes, from XDP to the program behind it that can write the mark. */
struct sw_tag_meta {
	__u32 magic; /* SW_TAG_MAGIC: others use this room, too */
	__u32 value, mask;
};
SW_ABI_SIZE(struct sw_tag_meta, 12);
#define SW_TAG_MAGIC 0x73777467U /* "swtg" */

/* egress_ctl: array of one, written by the guard: what is done with what this host sends. */
enum sw_egress {
	SW_EGRESS_DROP = 0, /* refused when enforcing */
	SW_EGRESS_OBSERVE = 1, /* judged, counted and told */
	SW_EGRESS_OFF = 2, /* packets are not looked at, and nothing is refused */
};
struct sw_egress_ctl {
	__u32 action; /* enum sw_egress */
	__u32 pad;
};
SW_ABI_SIZE(struct sw_egress_ctl, 8);

/* LPM keys: prefix length in bits, then the address in network byte order. */
struct sw_lpm4 {
	__u32 plen;
	__u8 addr[4];
};
struct sw_lpm6 {
	__u32 plen;
	__u8 addr[16];
};

/* ban4 is a hash by __be32; ban6 a hash by this: an automatic ban is a /64, an operator's a /128. */
struct sw_ban6_key {
	__u8 addr[16]; /* bits beyond plen are zero */
	__u32 plen; /* 64 or 128; other lengths are ban networks */
};
SW_ABI_SIZE(struct sw_ban6_key, 20);

/* Value of ban4, ban6, bannet4, bannet6. Past its end an entry drops nothing, with or without user space. */
struct sw_ban_val {
	__u64 until_ns; /* boot time; 0: for ever */
	__u64 id; /* the decision's id in the database */
	__u32 plen; /* of a ban network: past its end the next shorter one is asked; else unused */
	__u32 pad;
};
SW_ABI_SIZE(struct sw_ban_val, 24);

/* Value of allow4, allow6: which lists hold the entry, a set of bits; the entry goes when none is left. */
enum sw_allow_origin {
	SW_ALLOW_OPERATOR = 1 << 0, /* sockwarden allow add */
	SW_ALLOW_CONFIG = 1 << 1, /* allow: in the configuration */
	SW_ALLOW_OWN = 1 << 2, /* an address of this host */
	SW_ALLOW_GATEWAY = 1 << 3,
	SW_ALLOW_RESOLVER = 1 << 4,
	SW_ALLOW_ADMIN = 1 << 5, /* the peer of a logged-in administrator's SSH session */
	SW_ALLOW_FEED = 1 << 6, /* a host that feeds come from */
	SW_ALLOW_PROXY = 1 << 7, /* trusted_proxies: many clients come from it */
	SW_ALLOW_LIST = 1 << 8, /* a feed whose action is allow, by the operator's word */
	SW_ALLOW_END = 1 << 9, /* behind the last */
};
struct sw_allow_val {
	__u32 origins; /* enum sw_allow_origin, or-ed */
	__u32 pad;
};
SW_ABI_SIZE(struct sw_allow_val, 8);

/* trails4, trails6: array of maps with one slot; the inner LPM trie is replaced whole. */
enum sw_trail_action {
	SW_TRAIL_OBSERVE = 0, /* counted and told */
	SW_TRAIL_DROP = 1, /* dropped when enforcing */
	SW_TRAIL_EXCEPT = 2, /* no trail here: "trails except", by longest match */
	SW_TRAIL_TAG = 3, /* passes with a mark when enforcing, for the operator's own rules */
	SW_TRAIL_ACTION_COUNT
};

/* Of what is said of one network the action of the greatest rank holds. (Their numbers are in saved lists.) */
static inline __attribute__((always_inline)) __u32 sw_trail_rank(__u32 action)
{
	return action == SW_TRAIL_OBSERVE ? 0 : action == SW_TRAIL_TAG ? 1 : action == SW_TRAIL_DROP ? 2 : 3;
}
/* What is said inside a network of which more is said; an exception is always heard, and hides what is around it. */
static inline __attribute__((always_inline)) int sw_trail_is_covered(__u32 action, __u32 around)
{
	return around != SW_TRAIL_EXCEPT && sw_trail_rank(action) < sw_trail_rank(around);
}

/* As a list's number: not carried along, to be looked up by the address. */
#define SW_TRAIL_SET_ASK 0xffffffffU
struct sw_trail_val {
	__u32 set; /* number of the trail list in the image */
	__u8 action; /* enum sw_trail_action */
	__u8 pad[3];
};
SW_ABI_SIZE(struct sw_trail_val, 8);

/*
 * trail_ports: array of maps with two slots; the inner hashes by this key hold addresses that are listed
 * with a port, of TCP and UDP alike. Both slots are asked: one holds the set in force, and the other that
 * on its way in, until the networks and hosts of its generation are in force too. Values: sw_trail_val.
 */
enum { SW_TRAIL_PORT_SLOTS = 2 };
struct sw_port_key {
	__u8 addr[16]; /* IPv4 in the first four bytes, the rest zero */
	__u16 port; /* host byte order, never 0 */
	__u8 family; /* enum sw_family */
	__u8 pad;
};
SW_ABI_SIZE(struct sw_port_key, 20);

/* counters: per-CPU array by enum sw_reason. stats: per-CPU array of __u64 by enum sw_stat. */
struct sw_counter {
	__u64 packets; /* judged for this reason */
	__u64 bytes; /* of these packets, from the Ethernet header on */
	__u64 dropped; /* packets of them that were dropped */
};
SW_ABI_SIZE(struct sw_counter, 24);

/*
 * recent: per-CPU array, BPF's own. A source and reason whose hits are remembered between its events,
 * direct-mapped; one cache line. Its own ban and its trail share one, for one of them is said at a time.
 * The bucket belongs to the slot and outlives its source, so that sources which push each other out
 * cannot send more than one source may.
 *
 * It is a verdict, too: with the packed engine, a source that was to be dropped is not judged again
 * within a tick of the clock (by which it may end late, as a ban may), unless epoch has changed: an
 * array of one __u64 that the guard counts up after each change of bans, allow entries and trails.
 */
struct sw_recent {
	union {
		__u64 saddr[2];
		struct {
			__u64 now_ns, now_tick; /* the clock as last read, and in which tick */
		} cpu; /* in the CPU's own slot */
	};
	__u64 refill_ns; /* boot time up to which tokens were given; 0: never used */
	__u64 tick; /* the clock's tick of the last refill */
	union {
		__u64 ban_id;
		__u64 wake_ns; /* in the CPU's own slot: when it last woke the reader */
	};
	__u32 tokens;
	__u32 hits; /* untold */
	__u32 ifindex;
	__u32 trail_set;
	__u8 reason, family, is_dropped, pad;
	__u32 epoch; /* in which the source was judged to be dropped; 0: judge it again */
};
SW_ABI_SIZE(struct sw_recent, 64);

/* The slot after the sources' is the CPU's own: its clock, and a bucket over all of its sources. */
#define SW_RECENT_CPU SW_RECENT_SLOTS

/* Record of ev_pkt. */
struct sw_pkt_event {
	__u64 boot_ns;
	__u64 ban_id; /* the decision's id for BAN and BAN_NET, and for ALLOWED that of the ban it overrode */
	__u32 hits; /* hits of this source and reason since its last event, this one included; an
			   event of a source that made room for another has no ports or destination */
	__u32 ifindex;
	__u32 trail_set; /* for TRAIL_*: number of the list, or SW_TRAIL_SET_ASK; else 0 */
	__u16 len; /* bytes on the wire, at most 65535 */
	__u8 reason; /* enum sw_reason */
	__u8 is_dropped;
	__u8 family; /* enum sw_family: 4, 6; 0 when no address could be read */
	__u8 protocol; /* IANA number; for IPv6 that of the last header */
	__u8 tcp_flags; /* the flags byte, 0 when there are none */
	__u8 is_fragment; /* 1 for a first, 2 for a later fragment (no ports) */
	__u16 vlan; /* outermost VLAN id, 0 when untagged */
	__u16 cpu;
	__u16 sport, dport; /* host byte order, 0 when there are none */
	__u8 saddr[16], daddr[16]; /* IPv4 in the first four bytes */
};
SW_ABI_SIZE(struct sw_pkt_event, 80);

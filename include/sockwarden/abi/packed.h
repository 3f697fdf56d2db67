/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The fast way from an address to its trail, and the marks before it. All three sides know these
 * forms: the engine makes a generation, the guard checks it and puts it in force, BPF reads it.
 *
 * marks4, marks6: 2^24 bits each. One of IPv4 says that something (a trail of the generation in
 * force or on its way in or out, a ban, a ban network) touches a /24; one of IPv6 says so of every
 * network whose hash it is, in three classes. Where none is set, nothing can match: a superset of
 * all that could needs no second copy, and the packet passes with nothing else asked.
 * coarse4, coarse6: a word for each 256 of those (a /16), as a square of 8 in a row: one bit for each row of marks
 * that has any, and one for each column of every fourth row. Both are set where a mark is, and seldom elsewhere. They
 * are asked first, as they nearly stay in a core's own cache, which marks4 is too large for.
 * othermarks4: for each word of marks4 the addresses in it that something other than a generation may hold: a ban, a
 * ban network, an address with a port. A host is one bit of the word by a hash of it, so that its neighbours are not
 * taken for it; a network is the bit that its /24 has in marks4. Most marked /24s have trails alone, and there neither
 * the hash of bans nor that of ports, some cache misses wide each, need be asked.
 *
 * packed4, packed6: array of maps with one slot; the inner array is one generation, replaced whole,
 * so that a packet is judged by one or the other. What is in it is said at the structs below.
 */
#pragma once

#include "sockwarden/abi/gate.h"

enum {
	SW_MARK_BITS = 1 << 24,
	SW_MARK_WORDS = SW_MARK_BITS / 64,
	SW_COARSE_MARKS = 256, /* marks of one coarse word */
	SW_COARSE_WORDS = SW_MARK_BITS / SW_COARSE_MARKS,
	SW_PACKED_WORDS = 1 << 18, /* words of 64 /24s, that is a /18, each */
};

/* The two bits of a mark in its coarse word: its row of 8, and its column of 8 in all rows of 32. */
static inline __attribute__((always_inline)) __u64 sw_coarse_bits(__u32 mark)
{
	return 1ULL << (mark >> 3 & 31) | 1ULL << (32 + (mark & 31));
}

static inline __attribute__((always_inline)) __u64 sw_othermark4_host(__u32 addr)
{
	return 1ULL << (addr * 0x9e3779b1U >> 26);
}

static inline __attribute__((always_inline)) __u64 sw_othermark4_net(__u32 slash24)
{
	return 1ULL << (slash24 & 63);
}

/* ---- IPv4: a rank in bits gives a leaf */

/*
 * An IPv4 generation is an array of elements of 16 bytes: the words of what is to be dropped, then
 * those of what is watched (only if there is any, or what follows), those of what is tagged (only if there
 * is any), then of each word the leaves, the blocks and the lists: in one cache line, mostly.
 * An element is exactly one of these.
 */
union sw_packed4 {
	struct {
		__u64 bits; /* one for each /24 of the /18 that has a leaf */
		__u32 base; /* number of the first leaf, counted from the start of the array; or WHOLE */
		__u32 block; /* element of the first block of this word; OR-ed with WATCHED, TAGGED */
	};
	__u32 leaf[4];
	__u64 half[2]; /* of a block: bits of 128 hosts; two elements are one block */
	__u8 host[16]; /* a list: the hosts of a /24, the last repeated */
};
SW_ABI_SIZE(union sw_packed4, 16);

#define SW_PACKED_WHOLE 0xffffffffU /* as base: all of the /18, and there are no leaves */
/* In block of a drop word: the watch, or the tag word of the same /18 is not empty. */
#define SW_PACKED_WATCHED (1U << 31)
#define SW_PACKED_TAGGED  (1U << 30)
#define SW_PACKED_BLOCK   (SW_PACKED_TAGGED - 1) /* the rest of it: an element's number */

/*
 * A leaf is up to four hosts of its /24, the lowest in the highest byte and the last repeated; or,
 * with 0xff in the highest byte (no list of hosts but that of .255 alone begins so), the number of a
 * block or the element of a list of its word, counted from its first block on, or the whole /24.
 */
#define SW_LEAF_LAST  0xffffffffU /* the one host .255 */
#define SW_LEAF_WHOLE 0xff000100U
#define SW_LEAF_BLOCK 0xff000000U /* plus 0 to 63 */
#define SW_LEAF_LIST  0xff010000U /* plus 0 to 127 */
#define SW_LEAF_LIST_BIT (SW_LEAF_LIST ^ SW_LEAF_BLOCK)

/* ---- IPv6: a hash by {network, length} */

enum {
	SW_PACKED6_PROBES = 32, /* longest run of the table's open addressing */
	SW_PACKED6_HEAD = 16, /* elements before the table: the head and the lengths present */
	SW_PACKED6_PLENS =
		16, /* lengths in one element: a power of two, which the verifier can follow */
	SW_PACKED6_SLOTS_MAX = 1 << 23,
};

/* An IPv6 generation is an array of these: a head, the lengths, then slots by hash. */
struct sw_packed6_slot {
	__u64 high, low; /* the network, in host byte order */
	__u32 set;
	__u8 plen;
	__u8 action; /* enum sw_trail_action */
	__u8 is_used;
	__u8 pad;
};
struct sw_packed6_head {
	__u64 seed;
	__u32 mask; /* number of slots less one; a power of two less one */
	__u32 n_plens;
	__u32 excepted; /* classes that hold an exception, which is not marked: always searched */
	__u32 wider; /* lengths from SW_MARK6_SPLIT on that are marked as the /32s around them: 0 to 8 */
};
union sw_packed6 {
	struct sw_packed6_slot slot;
	struct sw_packed6_head head;
	__u8 plen
		[SW_PACKED6_PLENS]; /* of elements 1 to 9: the lengths present, the longest first */
};
SW_ABI_SIZE(union sw_packed6, 24);

/*
 * Classes of IPv6 marks. A network is marked in the class that its length falls in, once for every
 * network of the class's own length inside it, or around it. A /40 has 256 /48s: where a generation has
 * too many such networks, more of them are marked as the one /32 around them, up to a length of its own.
 */
enum sw_mark6 { SW_MARK6_32, SW_MARK6_48, SW_MARK6_64, SW_MARK6_CLASSES };
enum { SW_MARK6_SPLIT = 40, SW_MARK6_SPLIT_MAX = 48 };

static inline __attribute__((always_inline)) __u32 sw_mark6_bit(enum sw_mark6 class, __u64 high)
{
	__u64 x = class == SW_MARK6_32 ? high >> 32 : class == SW_MARK6_48 ? high >> 16 : high;

	return (__u32)(((x + class) * 0x9e3779b97f4a7c15ULL) >> 40);
}

/* split: of the generation; SW_MARK6_SPLIT for bans. */
static inline __attribute__((always_inline)) enum sw_mark6 sw_mark6_class(__u32 plen, __u32 split)
{
	return plen < split ? SW_MARK6_32 : plen < 64 ? SW_MARK6_48 : SW_MARK6_64;
}

/* The first slot of a network. high and low are trimmed to plen. */
static inline __attribute__((always_inline)) __u32 sw_packed6_hash(
	__u64 seed, __u64 high, __u64 low, __u32 plen)
{
	__u64 x = (high ^ seed) * 0x9e3779b97f4a7c15ULL;

	x = (x ^ x >> 29 ^ low ^ plen) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 32) * 0x94d049bb133111ebULL;
	return (__u32)(x >> 32);
}

/* Bits of a word of the address (the high or the low one) that a prefix of plen has; 0 to 64. */
static inline __attribute__((always_inline)) __u64 sw_packed6_mask(__u32 plen)
{
	return plen ? ~0ULL << (64 - plen) : 0;
}

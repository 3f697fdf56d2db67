/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The packed engine's questions (abi/packed.h): is an address marked, and what does the generation
 * in force say of it. A mark is one load; all else is behind one. Every index is checked by the
 * array's own look-up: a generation that is wrong can misjudge, and read nothing beyond its array.
 */
#pragma once

#include <bpf/bpf_endian.h>
#include "lib/judge.bpf.h"
#include "sockwarden/abi/packed.h"
#include "sockwarden/pkt/plain.h"

/* Which addresses of a packet are marked; for IPv6 one bit for each class. */
struct sw_marked {
	__u8 source, destination;
};

static __always_inline bool is_marked(void *coarse, void *marks, __u32 mark)
{
	__u32 coarse_key = mark / SW_COARSE_MARKS, key = mark / 64;
	__u64 *word = bpf_map_lookup_elem(coarse, &coarse_key), bits = sw_coarse_bits(mark);

	if (!word || (*word & bits) != bits)
		return false;
	word = bpf_map_lookup_elem(marks, &key);
	return word && *word >> (mark & 63) & 1;
}

/* Whether anything touches the /24 of an address. */
static __always_inline bool is_addr_marked4(__be32 addr_be)
{
	__u32 addr = bpf_ntohl(addr_be);

	SW_PKT_HIDE(addr); /* swapped once, not once for each use */
	return is_marked(&coarse4, &marks4, addr >> 8);
}

/* Whether anything but a generation may hold an address: a ban, an address with a port. */
static __always_inline bool is_other_marked4(__be32 addr_be)
{
	__u32 addr = bpf_ntohl(addr_be), key = addr >> 14;
	__u64 *word;

	SW_PKT_HIDE(addr);
	word = bpf_map_lookup_elem(&othermarks4, &key);
	return word && *word & (sw_othermark4_host(addr) | sw_othermark4_net(addr >> 8));
}

static __always_inline bool is_marked4(const struct sw_flow *flow, struct sw_marked *ret)
{
	ret->source = is_addr_marked4(flow->saddr.word[0]);
	ret->destination = is_addr_marked4(flow->daddr.word[0]);
	return ret->source | ret->destination;
}

static __always_inline __u8 classes_of(__u64 high)
{
	return is_marked(&coarse6, &marks6, sw_mark6_bit(SW_MARK6_32, high)) << SW_MARK6_32 |
		is_marked(&coarse6, &marks6, sw_mark6_bit(SW_MARK6_48, high)) << SW_MARK6_48 |
		is_marked(&coarse6, &marks6, sw_mark6_bit(SW_MARK6_64, high)) << SW_MARK6_64;
}

static __always_inline bool is_marked6(const struct sw_flow *flow, struct sw_marked *ret)
{
	ret->source = classes_of(bpf_be64_to_cpu(flow->saddr.half[0]));
	ret->destination = classes_of(bpf_be64_to_cpu(flow->daddr.half[0]));
	return ret->source | ret->destination;
}

static __always_inline __u64 high_at(const __u8 *p)
{
	return (__u64)bpf_ntohl(sw_wire_raw32(p)) << 32 | bpf_ntohl(sw_wire_raw32(p + 4));
}

/* Of a header that sw_pkt_plain6() found: any class. */
static __always_inline bool is_header_marked6(const __u8 *ip)
{
	return classes_of(high_at(ip + 8)) || classes_of(high_at(ip + 24));
}

static __always_inline __u32 count_bits(__u64 x)
{
	x -= x >> 1 & 0x5555555555555555ULL;
	x = (x & 0x3333333333333333ULL) + (x >> 2 & 0x3333333333333333ULL);
	x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
	return (__u32)(x * 0x0101010101010101ULL >> 56);
}

static __always_inline bool is_in_block(void *generation, __u32 block, __u32 octet)
{
	__u32 key = block + (octet >> 7);
	union sw_packed4 *e = bpf_map_lookup_elem(generation, &key);

	return e && (e->half[octet >> 6 & 1] >> (octet & 63)) & 1;
}

/* Whether any byte of the leaf is octet: the difference then has a byte of zero. */
static __always_inline bool is_in_leaf(__u32 leaf, __u32 octet)
{
	__u32 x = leaf ^ octet * 0x01010101U;

	return (x - 0x01010101U) & ~x & 0x80808080U;
}

static __always_inline bool is_in_half(__u64 hosts, __u32 octet)
{
	__u64 x = hosts ^ octet * 0x0101010101010101ULL;

	return (x - 0x0101010101010101ULL) & ~x & 0x8080808080808080ULL;
}

static __always_inline bool is_in_list(void *generation, __u32 key, __u32 octet)
{
	union sw_packed4 *e = bpf_map_lookup_elem(generation, &key);

	return e && (is_in_half(e->half[0], octet) || is_in_half(e->half[1], octet));
}

static __always_inline bool is_in_word(void *generation, const union sw_packed4 *word, __u32 addr)
{
	__u32 bit = addr >> 8 & 63, octet = addr & 255, leaf, at, key;
	union sw_packed4 *e;

	if (!(word->bits >> bit & 1))
		return false;
	if (word->base == SW_PACKED_WHOLE)
		return true;
	at = word->base + count_bits(word->bits & ((1ULL << bit) - 1));
	key = at / 4;
	e = bpf_map_lookup_elem(generation, &key);
	if (!e)
		return false;
	leaf = e->leaf[at & 3];
	if (leaf >> 24 != 0xff || leaf == SW_LEAF_LAST)
		return is_in_leaf(leaf, octet);
	if (leaf == SW_LEAF_WHOLE)
		return true;
	if (leaf & SW_LEAF_LIST_BIT)
		return is_in_list(generation, (word->block & SW_PACKED_BLOCK) + (leaf & 127), octet);
	return is_in_block(generation, (word->block & SW_PACKED_BLOCK) + (leaf & 63) * 2, octet);
}

/* What is not dropped: is it in the words of the tagged, or of the watched? Called by bpf_loop; 1 ends it. */
struct search4 {
	void *generation;
	__u32 addr, flags; /* those of the drop word */
	__u32 found; /* the flag of the words that hold it */
};

static long search_words(__u64 i, struct search4 *s)
{
	__u32 flag = i ? SW_PACKED_WATCHED : SW_PACKED_TAGGED;
	__u32 key = (i ? 1 : 2) * SW_PACKED_WORDS + (s->addr >> 14);
	union sw_packed4 *word;

	if (!(s->flags & flag))
		return 0;
	word = bpf_map_lookup_elem(s->generation, &key);
	if (!word || !is_in_word(s->generation, word, s->addr))
		return 0;
	s->found = flag;
	return 1;
}

static __always_inline bool is_packed4(
	void *generation, __be32 addr_be, enum sw_reason reason, struct sw_hit *ret)
{
	struct search4 s = {.generation = generation, .addr = bpf_ntohl(addr_be)};
	__u32 key = s.addr >> 14;
	union sw_packed4 *word = bpf_map_lookup_elem(generation, &key);

	if (!word)
		return false;
	if (is_in_word(generation, word, s.addr)) {
		ret->is_bad = 1;
	} else {
		s.flags = word->block & ~SW_PACKED_BLOCK;
		if (!s.flags)
			return false;
		bpf_loop(2, search_words, &s, 0);
		if (!s.found)
			return false;
		ret->is_bad = 0;
		ret->is_tagged = s.found == SW_PACKED_TAGGED;
	}
	ret->reason = reason;
	ret->trail_set = SW_TRAIL_SET_ASK;
	return true;
}

/* Both questions of a header that sw_pkt_plain4() found. */
static __always_inline bool is_header_marked4(const __u8 *ip)
{
	return is_addr_marked4(sw_wire_raw32(ip + 12)) || is_addr_marked4(sw_wire_raw32(ip + 16));
}

/* As is_trailed4 of the tries: a destination to be dropped counts more than a source that is watched. */
static __always_inline bool is_packed_trailed4(
	const struct sw_flow *flow, const struct sw_marked *marked, struct sw_hit *ret)
{
	struct sw_hit other = {.epoch = ret->epoch};
	__u32 slot = 0;
	bool is_hit = false;
	void *generation = bpf_map_lookup_elem(&packed4, &slot);

	if (!generation)
		return false;
	if (marked->source)
		is_hit = is_packed4(generation, flow->saddr.word[0], SW_R_TRAIL_SRC, ret);
	if ((is_hit && ret->is_bad) || !marked->destination)
		return is_hit;
	if (!is_packed4(generation, flow->daddr.word[0], SW_R_TRAIL_DST, &other) ||
		(is_hit && !is_above(&other, ret)))
		return is_hit;
	*ret = other;
	return true;
}

/* One search of an IPv6 generation: a length after the other, the longest first. */
struct search6 {
	void *generation;
	__u64 high, low, seed;
	__u32 mask, classes, split;
	__u32 set, action; /* what was found */
	__u32 is_found;
};

static __always_inline bool probe6(struct search6 *s, __u32 plen)
{
	__u64 high = s->high & sw_packed6_mask(plen > 64 ? 64 : plen);
	__u64 low = plen > 64 ? s->low & sw_packed6_mask(plen - 64) : 0;
	__u32 at = sw_packed6_hash(s->seed, high, low, plen);

	for (int i = 0; i < SW_PACKED6_PROBES; i++) {
		__u32 key = SW_PACKED6_HEAD + ((at + i) & s->mask);
		union sw_packed6 *e = bpf_map_lookup_elem(s->generation, &key);

		if (!e || !e->slot.is_used)
			return false;
		if (e->slot.high != high || e->slot.low != low || e->slot.plen != plen)
			continue;
		s->set = e->slot.set;
		s->action = e->slot.action;
		s->is_found = 1;
		return true;
	}
	return false;
}

/* Called by bpf_loop; 1 ends it. */
static long search_length(__u64 i, struct search6 *s)
{
	__u32 key = 1 + (__u32)i / SW_PACKED6_PLENS, plen;
	union sw_packed6 *e = bpf_map_lookup_elem(s->generation, &key);

	if (!e)
		return 1;
	plen = e->plen[i & (SW_PACKED6_PLENS - 1)];
	if (plen > 128)
		return 1;
	if (!(s->classes >> sw_mark6_class(plen, s->split) & 1))
		return 0;
	return probe6(s, plen);
}

static __always_inline bool is_packed6(void *generation, const union sw_packed6 *head,
	const union sw_flow_addr *addr, __u32 classes, enum sw_reason reason, struct sw_hit *ret)
{
	struct search6 s = {
		.generation = generation,
		.high = bpf_be64_to_cpu(addr->half[0]),
		.low = bpf_be64_to_cpu(addr->half[1]),
		.seed = head->head.seed,
		.mask = head->head.mask,
		.classes = classes | head->head.excepted,
		.split = SW_MARK6_SPLIT + head->head.wider,
	};

	bpf_loop(head->head.n_plens, search_length, &s, 0);
	if (!s.is_found || s.action == SW_TRAIL_EXCEPT)
		return false;
	ret->reason = reason;
	ret->trail_set = s.set;
	ret->is_bad = s.action == SW_TRAIL_DROP;
	ret->is_tagged = s.action == SW_TRAIL_TAG;
	return true;
}

static __noinline __attribute__((unused)) bool is_packed_trailed6(
	const struct sw_flow *flow, const struct sw_marked *marked, struct sw_hit *ret)
{
	struct sw_hit other = {.epoch = ret->epoch};
	__u32 slot = 0;
	bool is_hit = false;
	void *generation = bpf_map_lookup_elem(&packed6, &slot);
	union sw_packed6 *head = generation ? bpf_map_lookup_elem(generation, &slot) : NULL;

	if (!head)
		return false;
	if (marked->source)
		is_hit = is_packed6(
			generation, head, &flow->saddr, marked->source, SW_R_TRAIL_SRC, ret);
	if ((is_hit && ret->is_bad) || !marked->destination)
		return is_hit;
	if (!is_packed6(
		    generation, head, &flow->daddr, marked->destination, SW_R_TRAIL_DST, &other) ||
		(is_hit && !is_above(&other, ret)))
		return is_hit;
	*ret = other;
	return true;
}

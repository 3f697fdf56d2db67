/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The look-up of abi/packed.h once more, on the host, with every index asserted to lie inside. */
#pragma once

#include <assert.h>
#include <endian.h>

#include "user/trail/marks.h"
#include "user/trail/packed_check.h"

enum { NOT_FOUND = -1 };

static inline bool find_in_word(const struct sw_packed_view *v, uint64_t at, uint32_t addr)
{
	uint32_t bit = addr >> 8 & 63, octet = addr & 255, leaf;
	const union sw_packed4 *w;
	uint64_t i;

	assert(at < v->n4);
	w = &v->elements4[at];
	if (!(w->bits >> bit & 1))
		return false;
	if (w->base == SW_PACKED_WHOLE)
		return true;
	i = w->base + (uint32_t)__builtin_popcountll(w->bits & ((1ULL << bit) - 1));
	assert(i / 4 < v->n4);
	leaf = v->elements4[i / 4].leaf[i % 4];
	if (leaf == SW_LEAF_WHOLE)
		return true;
	if (leaf >> 24 == 0xff && leaf != SW_LEAF_LAST && leaf & SW_LEAF_LIST_BIT) {
		i = (w->block & SW_PACKED_BLOCK) + (leaf & 0xffff);
		assert(i < v->n4);
		return memchr(v->elements4[i].host, (int)octet, sizeof(v->elements4[i].host));
	}
	if (leaf >> 24 == 0xff && leaf != SW_LEAF_LAST) {
		i = (w->block & SW_PACKED_BLOCK) + (leaf & 0xffffff) * 2 + octet / 128;
		assert(i < v->n4);
		return v->elements4[i].half[octet / 64 % 2] >> (octet % 64) & 1;
	}
	for (int k = 0; k < 32; k += 8)
		if ((leaf >> k & 255) == octet)
			return true;
	return false;
}

/* enum sw_trail_action, or NOT_FOUND. */
static inline int find4(const struct sw_packed_view *v, const struct sw_net *host)
{
	uint32_t addr;

	if (!v->n4)
		return NOT_FOUND;
	memcpy(&addr, host->addr, sizeof(addr));
	addr = be32toh(addr);
	if (find_in_word(v, addr >> 14, addr))
		return SW_TRAIL_DROP;
	if (v->elements4[addr >> 14].block & SW_PACKED_WATCHED &&
		find_in_word(v, SW_PACKED_WORDS + (addr >> 14), addr))
		return SW_TRAIL_OBSERVE;
	if (v->elements4[addr >> 14].block & SW_PACKED_TAGGED &&
		find_in_word(v, 2 * SW_PACKED_WORDS + (addr >> 14), addr))
		return SW_TRAIL_TAG;
	return NOT_FOUND;
}

static inline bool is_marked6(const uint64_t *marks, uint64_t high, enum sw_mark6 class)
{
	uint32_t bit = sw_mark6_bit(class, high);

	return marks[bit / 64] >> (bit & 63) & 1;
}

/* Lengths whose class is neither marked nor holds an exception are not asked for, as in the kernel. */
static inline int find6(const struct sw_packed_view *v, const struct sw_net *host)
{
	struct sw_words6 w = sw_words6_of(host);
	const struct sw_packed6_head *h = &v->elements6->head;

	for (uint32_t i = 0; v->n6 && i < h->n_plens; i++) {
		uint32_t plen = v->elements6[1 + i / SW_PACKED6_PLENS].plen[i % SW_PACKED6_PLENS];
		uint64_t high = w.high & sw_packed6_mask(plen > 64 ? 64 : plen),
			 low = plen > 64 ? w.low & sw_packed6_mask(plen - 64) : 0;
		uint32_t at = sw_packed6_hash(h->seed, high, low, plen);
		enum sw_mark6 class = sw_mark6_class(plen, SW_MARK6_SPLIT + h->wider);

		if (v->marks6 && !(h->excepted >> class & 1) && !is_marked6(v->marks6, w.high, class))
			continue;
		for (uint32_t k = 0; k < SW_PACKED6_PROBES; k++) {
			uint64_t slot = SW_PACKED6_HEAD + ((at + k) & h->mask);
			const struct sw_packed6_slot *s = &v->elements6[slot].slot;

			assert(slot < v->n6);
			if (!s->is_used)
				break;
			if (s->high == high && s->low == low && s->plen == plen)
				return s->action == SW_TRAIL_EXCEPT ? NOT_FOUND : s->action;
		}
	}
	return NOT_FOUND;
}

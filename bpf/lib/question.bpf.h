/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The name in a DNS question, and whether it or what it lies in is to be refused. */
#pragma once

#include "lib/inspect_maps.bpf.h"
#include "sockwarden/pkt/domain.h"

enum { DNS_HEADER = 12, NAME_ROOM = 256, NAME_MAX_BYTES = 254, LABELS_MAX = 40 };

/* A name as it lies in the question, its length bytes made zero; a border is where a zero is. */
struct name {
	__u8 byte[NAME_ROOM];
	__u32 len; /* without the zero at its end */
	__u32 action; /* enum sw_trail_action, of what hash is the key of */
	__u64 hash;
};

/* at: of the question in the packet. False: no plain question. */
static __always_inline bool read_question(struct __sk_buff *skb, __u32 at, struct name *n)
{
	__u32 have = skb->len > at ? skb->len - at : 0, i, p = 0;

	if (have > NAME_ROOM)
		have = NAME_ROOM;
	if (have < 2)
		return false;
	/* the bound once more, where the verifier sees it */
	if (have > NAME_ROOM || bpf_skb_load_bytes(skb, at, n->byte, have) < 0)
		return false;
	for (i = 0; i < LABELS_MAX; i++) {
		__u32 label;

		if (p >= NAME_MAX_BYTES || p >= have)
			return false;
		label = n->byte[p];
		n->byte[p] = 0;
		if (!label) {
			n->len = p;
			return p > 0;
		}
		if (label > 63)
			return false;
		p += label + 1;
	}
	return false;
}

/*
 * Looks every suffix up; n->hash is the key of the longest that has an entry, 0 when none has. A function
 * of its own, not static: the verifier then walks it once and not for every length a name may have.
 */
__noinline int find_domain(struct name *n)
{
	const struct sw_domain_val *v;
	__u64 h = SW_DOMAIN_BEGIN;
	__u32 k, i, slot = 0;
	void *list = bpf_map_lookup_elem(&domains, &slot);

	if (!n || !list)
		return 0;
	for (k = 1; k < NAME_MAX_BYTES; k++) {
		__u8 c;

		i = n->len - k;
		if (i >= NAME_MAX_BYTES)
			break;
		c = n->byte[i];
		if (!c) {
			v = bpf_map_lookup_elem(list, &h);
			if (v) {
				n->hash = h;
				n->action = v->action;
			}
			c = '.';
		} else if ((__u8)(c - 'A') < 26) {
			c += 32;
		}
		h = sw_domain_step(h, c);
	}
	return 0;
}

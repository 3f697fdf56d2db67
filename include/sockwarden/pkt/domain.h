/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The hash by which the kernel knows a domain: from the right, byte by byte, so that one walk over a name
 * has those of all its suffixes. Lower case; a label's border is a dot. Pure.
 */
#pragma once

#include "sockwarden/pkt/wire.h"

#define SW_DOMAIN_BEGIN 0xcbf29ce484222325ULL

SW_PKT_INLINE __u64 sw_domain_step(__u64 h, __u8 c)
{
	h = (h ^ c) * 0x100000001b3ULL;
	return h ^ h >> 29;
}

/** Of a name in lower case without outer dots. */
SW_PKT_INLINE __u64 sw_domain_hash(const char *name, __u32 len)
{
	__u64 h = SW_DOMAIN_BEGIN;

	while (len)
		h = sw_domain_step(h, (__u8)name[--len]);
	return h;
}

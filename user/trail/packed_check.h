/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Checks a packed image (rpc/trail.h, abi/packed.h) that came from another process and trusts none of
 * it. Shared by the privileged guard and the tests of the engine; owns nothing. After it every number
 * in a generation leads to an element of its own kind; what the entries say is the engine's word.
 */
#pragma once

#include "sockwarden/abi/packed.h"
#include "sockwarden/rpc/trail.h"
#include "user/base/util.h"

/* Borrows the bytes it was made from. */
struct sw_packed_view {
	const struct sw_trail_head *head;
	const union sw_packed4 *elements4;
	const union sw_packed6 *elements6;
	const uint64_t *marks6; /* NULL without elements6 */
	const struct sw_trail_port *ports;
	uint64_t n4, n6; /* elements */
	uint64_t n_ports;
};

/* buf: aligned to 16. As sw_trail_check of image_check.h. */
int sw_packed_check(const void *buf, size_t len, struct sw_packed_view *ret, const char **ret_why);

/* The largest packed image there can be: every entry in a /24 and a block of its own. */
#define SW_PACKED_BYTES_MAX                                                                        \
	(sizeof(struct sw_trail_packed) + (size_t)2 * SW_PACKED_WORDS * sizeof(union sw_packed4) + \
		((size_t)1 << 25) * sizeof(__u32) +                                                \
		(size_t)SW_MAX_TRAILS4 * 2 * sizeof(union sw_packed4) +                            \
		((size_t)SW_PACKED6_HEAD + SW_PACKED6_SLOTS_MAX) * sizeof(union sw_packed6) +      \
		SW_MARK_BITS / 8 + (size_t)SW_MAX_TRAIL_PORTS * sizeof(struct sw_trail_port))

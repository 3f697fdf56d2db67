/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reads a trail list or a trail image (rpc/trail.h) that came from another process or from disk, and
 * trusts none of it. Shared by the engine and the privileged guard: this module depends on user/base
 * alone. It owns nothing; a view borrows the bytes it was made from, which must not change any more
 * (a sealed memfd, or a file that is only ever replaced whole).
 */
#pragma once

#include "sockwarden/abi/gate.h"
#include "sockwarden/rpc/trail.h"
#include "user/base/util.h"

enum {
	SW_TRAIL_SETS_MAX = 256, /* lists in one image: 16 files, 32 feeds, and the imported ones */
	SW_TRAIL_NAME_MAX = 63, /* bytes of a list's name */
};
/* The largest list or image there can be: what to give sw_memfd_map_sealed as its limit. */
#define SW_TRAIL_BYTES_MAX                                                                         \
	(sizeof(struct sw_trail_head) +                                                            \
		((size_t)SW_MAX_TRAILS4 + SW_MAX_TRAILS6) * sizeof(struct sw_trail_entry))

/* A checked list or image: entries4 then entries6, each sorted by sw_net_cmp without duplicates. */
struct sw_trail_view {
	const struct sw_trail_head *head;
	const struct sw_trail_entry *entries4, *entries6;
	size_t n4, n6;
};

/*
 * Checks all of buf: header, size, checksum, and every entry (family, length, host bits, order, action,
 * set). magic: SW_TRAIL_LIST_MAGIC or SW_TRAIL_IMAGE_MAGIC. ret_why: a constant text for a person,
 * set when the result is negative; may be NULL.
 * 0, -EBADMSG malformed, -EPROTONOSUPPORT another version, -EFBIG more entries than the maps hold.
 */
int sw_trail_check(
	const void *buf, size_t len, __u32 magic, struct sw_trail_view *ret, const char **ret_why);

/* [a-z0-9._-]{1,63}, not beginning with a dot: a name is also a file's name. */
bool sw_trail_name_ok(const char *name);

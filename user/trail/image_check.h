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
	SW_TRAIL_TEXT_BYTES_MAX = 1 << 29, /* of a list's trails of other kinds: 16 M of 32 bytes */
	SW_TRAIL_TIMES_MAX = 1 << 24, /* trails of a list that have times of their own */
};
/* The largest list or image there can be: what to give sw_memfd_map_sealed as its limit. */
#define SW_TRAIL_BYTES_MAX                                                                         \
	(sizeof(struct sw_trail_head) +                                                            \
		((size_t)SW_MAX_TRAILS4 + SW_MAX_TRAILS6) * sizeof(struct sw_trail_entry) +        \
		SW_MAX_TRAIL_PORTS * sizeof(struct sw_trail_port) +                                \
		SW_TRAIL_TIMES_MAX * sizeof(struct sw_trail_times) + SW_TRAIL_TEXT_BYTES_MAX)

/* A checked list or image: entries4 then entries6, each sorted by sw_net_cmp without duplicates. */
struct sw_trail_view {
	const struct sw_trail_head *head;
	const struct sw_trail_entry *entries4, *entries6;
	const struct sw_trail_port *ports;
	const struct sw_trail_times *times; /* of a list */
	const char *text; /* not checked but for its size, and not NUL-ended */
	size_t n4, n6, n_ports, n_times, n_text;
};

/* Bytes that the counts of a head amount to, without times. The counts are within their limits. */
static inline size_t sw_trail_size(const struct sw_trail_head *h)
{
	return sizeof(*h) + (h->count4 + h->count6) * sizeof(struct sw_trail_entry) +
		h->n_ports * sizeof(struct sw_trail_port) + h->text_bytes;
}
/* Whether n ports are hosts, in order, of lists below sets. ret_why as sw_trail_check's. */
bool sw_trail_ports_check(
	const struct sw_trail_port *p, size_t n, __u32 sets, const char **ret_why);

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
/* "country:CN" or "asn:64500": the names of lists that are made of a database (mmdb.h), good as well. */
bool sw_trail_name_is_code(const char *name);

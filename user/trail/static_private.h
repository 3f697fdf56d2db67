/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Between static.c, which fills and asks a set, and static_image.c, which keeps one in a file. */
#pragma once

#include "user/base/strbuf.h"
#include "user/trail/line.h"
#include "user/trail/static.h"
#include "user/trail/static_patterns.h"

enum { SW_STATIC_PLENS = 129 };

struct sw_static_slot {
	uint64_t hash; /* 0: free */
	uint32_t group, line;
};

/* Offsets in the strings. */
struct sw_static_source {
	uint32_t file, info, reference, citation;
	uint32_t list, is_except;
};

struct sw_static {
	struct sw_static_slot *rows; /* as added, until sealed */
	size_t n, cap;
	struct sw_static_slot *more; /* trails that another group's replaced: by hash, the last added first */
	size_t n_more, cap_more;
	struct sw_static_slot *slots;
	size_t n_slots;
	uint64_t *filter;
	uint64_t filter_mask; /* of words */
	struct sw_static_source *groups;
	size_t n_groups;
	struct sw_strbuf strings; /* of the groups, each with its NUL */
	void *map; /* of a file: slots, filter, groups and strings lie in it; NULL: they are our own */
	size_t map_len;
	bool has_plen[2][SW_STATIC_PLENS]; /* prefix lengths of networks: IPv4, IPv6 */
	uint8_t plens[2][SW_STATIC_PLENS]; /* the same, longest first */
	unsigned int n_plens[2];
	uint64_t near4[1024]; /* a bit for each /16 that a network touches */
	struct sw_patterns *agents, *regexes;
	struct sw_static_stats stats;
	const struct sw_static_sink *sink;
	char why[192];
	char first_bad[SW_TRAIL_BAD_TEXT_MAX];
	uint32_t list, is_except;
	uint32_t numbers[256]; /* of the lists, as they are told */
	size_t n_numbers; /* the rest are told as they are */
};

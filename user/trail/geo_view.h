/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Compiled rules over countries and systems (abi/geo.h): an array of union sw_geo, the head, the bounds of ports,
 * the bounds of networks. Checked by the guard before they go in, and asked by the engine as the kernel asks them.
 */
#pragma once

#include "sockwarden/abi/geo.h"
#include "sockwarden/model/addr.h"
#include "user/base/util.h"

#define SW_GEO_BYTES_MAX \
	((SW_GEO_HEAD + (size_t)SW_GEO_PORTS_MAX + SW_MAX_GEO_NETS) * sizeof(union sw_geo))

/* An address as of IPv6, in host byte order. */
struct sw_geo_key {
	uint64_t high, low;
};

int sw_geo_key_cmp(const struct sw_geo_key *a, const struct sw_geo_key *b);
/* Of a network's first address. */
struct sw_geo_key sw_geo_key_of(const struct sw_net *net);

/* A compiled image, mapped. */
struct sw_geo_view {
	const union sw_geo *head; /* NULL: there are no rules */
	const struct sw_geo_bound *ports, *nets;
};

/* Whether size bytes are an image whose every table is sorted from key 0 on; 0, -EBADMSG with *ret_why. */
int sw_geo_check(const void *image, size_t size, struct sw_geo_view *ret, const char **ret_why);
/* The rules that mean an address, as the kernel has them; a network's is that of its first. 0: it is nowhere. */
__u32 sw_geo_rules_of_net(const struct sw_geo_view *v, const struct sw_net *net);
/* The rules that concern a port. */
__u32 sw_geo_rules_of_port(const struct sw_geo_view *v, enum sw_geo_way way, __u8 protocol, __u16 port);
/* The rule that decides of what begins so, -1: none. Of several the first that drops, else the first. */
int sw_geo_judge(const struct sw_geo_view *v, enum sw_geo_way way, __u8 protocol, __u16 port,
	const struct sw_net *net);

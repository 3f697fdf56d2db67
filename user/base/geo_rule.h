/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A rule over countries and autonomous systems: read from its texts, told, and asked of values and ports. Pure. */
#pragma once

#include "sockwarden/abi/geo.h"
#include "sockwarden/rpc/config.h"
#include "user/base/strbuf.h"

enum { SW_GEO_CODES_MAX = 48, SW_GEO_PARTS_MAX = 16 };

struct sw_geo_part {
	__u8 protocol; /* of TCP or UDP; 0: both */
	__u16 first, last;
};

struct sw_geo_rule {
	enum sw_geo_way way;
	enum sw_geo_action action;
	__u32 countries[SW_GEO_CODES_MAX], systems[SW_GEO_CODES_MAX];
	size_t n_countries, n_systems;
	struct sw_geo_part ports[SW_GEO_PARTS_MAX];
	size_t n_ports; /* 0: every port, and what has none */
};

/* 0; -EINVAL with why: which part of which text is wrong. */
int sw_geo_rule_parse(const struct sw_config_geo_rule *from, struct sw_geo_rule *ret, struct sw_strbuf *why);
/* "only NO, SE may come in to tcp/22", "KP, AS64500 may not come in". */
void sw_geo_rule_format(const struct sw_geo_rule *r, struct sw_strbuf *out);
/* protocol: TCP's or UDP's number, or SW_GEO_NO_PORTS. */
bool sw_geo_rule_concerns(const struct sw_geo_rule *r, enum sw_geo_way way, __u8 protocol, __u16 port);
/* Whether the rule names the value. */
bool sw_geo_rule_has(const struct sw_geo_rule *r, bool is_system, __u32 value);

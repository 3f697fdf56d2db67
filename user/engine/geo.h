/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rules over countries and systems, for other parts of the engine. */
#pragma once

#include "user/engine/engine.h"

/* Rules as their numbers in the configuration, from 1. */
enum { SW_GEO_TEXT_MAX = 32 };

/* "country rule 2"; "" for a number that no rule has. */
void sw_geo_name(char buf[static SW_GEO_TEXT_MAX], __u32 number);
/* Which rule decides of what goes out; 0: none. */
__u32 sw_geo_rule_out(const struct sw_engine *e, __u8 protocol, __u16 port, const struct sw_net *peer);
/* "country_rules" into an open object: each rule with its counts. */
void sw_geo_write(struct sw_engine *e, struct sw_json *j);
/* What rule number i, from 0, has counted; false: there is none, or the guard is away. */
bool sw_geo_counter(struct sw_engine *e, __u32 i, struct sw_counter *ret);

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rules over countries and systems, and what databases say, compiled for the kernel. In the engine. */
#pragma once

#include "user/base/geo_rule.h"
#include "user/trail/geo_view.h"
#include "user/trail/mmdb.h"

/* Over the texts of the rules: equal for equal rules, never 0. */
__u32 sw_geo_id(const struct sw_config_geo_rule *rules, size_t n);
/*
 * countries, systems: may be NULL when no rule names any; n is 1 to SW_GEO_RULES_MAX. A sealed memfd, *ret_found the
 * rules of which a database holds anything; or -errno with *ret_why: -EBADMSG a broken database, -ENODATA none, or
 * an allow-only rule of which it holds nothing, -E2BIG.
 */
int sw_geo_compile(const struct sw_geo_rule *rules, size_t n, __u32 id, const struct sw_mmdb *countries,
	const struct sw_mmdb *systems, __u32 *ret_found, const char **ret_why);

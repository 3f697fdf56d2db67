/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Days and hours, as text and as rules hold them. Pure. */
#pragma once

#include "sockwarden/rpc/rules.h"
#include "user/base/strbuf.h"

enum { SW_WHEN_ALL_DAYS = 0x7f };

/* "mon-fri,sun" at *p, and past it: a bit a day, from Sunday. 0 or -EINVAL. */
int sw_when_days(const char **p, __u32 *ret);
/* "mon-fri 08:00-18:00", "sat,sun", "22:00-06:00". 0 or -EINVAL. */
int sw_when_parse(const char *text, struct sw_rules_when *ret);
void sw_when_format(struct sw_strbuf *out, const struct sw_rules_when *w);
/* Several with ';' between: their number, at most max. -EINVAL, -E2BIG. "" is none. */
int sw_whens_parse(const char *text, struct sw_rules_when *ret, size_t max);
/* True when local time is within one of them. What goes past midnight belongs to the day on which it began. */
bool sw_whens_have(const struct sw_rules_when *w, size_t n, int64_t wall_sec);
/* Seconds until none of them holds any more, at most most_sec; 0: none holds now. */
uint64_t sw_whens_left(const struct sw_rules_when *w, size_t n, int64_t wall_sec, uint64_t most_sec);

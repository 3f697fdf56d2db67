/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which rules a line may match at all: one pass over the line for the literals of all rules. Where the machine has
 * AVX2 32 places are asked at once; else three bytes are looked up at every stride, and the stride is such that no
 * literal fits between two looks. The caller owns it; it is constant after it was made.
 */
#pragma once

#include "user/logs/literal.h"

enum { SW_PREFILTER_RULES_MAX = 512, SW_PREFILTER_WORDS = SW_PREFILTER_RULES_MAX / 64 };

/* A bit a rule. */
struct sw_rule_set {
	uint64_t words[SW_PREFILTER_WORDS];
};

struct sw_prefilter;

/* n rules; one with no literals is always to be tried. -E2BIG: too many rules. */
int sw_prefilter_new(struct sw_prefilter **ret, const struct sw_literals *rules, size_t n);
/* Of which of several a line may match any rule: one pass for all of them. NULL: one that is always to be tried. */
int sw_prefilter_join(struct sw_prefilter **ret, const struct sw_prefilter *const *parts, size_t n);
void sw_prefilter_free(struct sw_prefilter *p);
/* As on a machine without wide registers: what the quick search is compared with. */
void sw_prefilter_byte_by_byte(struct sw_prefilter *p);
/* Fills *ret with the rules that the line may match; false when there are none. */
bool sw_prefilter_scan(
	const struct sw_prefilter *p, const char *line, size_t len, struct sw_rule_set *ret);

static inline bool sw_rule_set_has(const struct sw_rule_set *s, size_t rule)
{
	return s->words[rule / 64] >> (rule % 64) & 1;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Expressions of static trails, by PCRE2: compiled together for the answer "none", and one by one for
 * which. Answers are remembered by the text's hash, so that user agents, which repeat, cost a look.
 */
#pragma once

#include "user/trail/static.h"

enum {
	SW_PATTERNS_MAX = 4096, /* of a kind: more are refused and counted */
	SW_PATTERN_CACHE = 8192, /* answers remembered, a power of two */
};

struct sw_patterns;

int sw_patterns_new(struct sw_patterns **ret);
void sw_patterns_free(struct sw_patterns *p);
/* text: copied. 0, -EINVAL when it is no expression, -ENOSPC, -ENOMEM. */
int sw_patterns_add(
	struct sw_patterns *p, const char *text, size_t len, uint32_t group, uint32_t line);
/* One that was compiled before and is good: it is compiled again when it is first asked. */
int sw_patterns_restore(
	struct sw_patterns *p, const char *text, size_t len, uint32_t group, uint32_t line);
/* Calls fn for each, in order. */
void sw_patterns_each(const struct sw_patterns *p,
	void (*fn)(void *arg, const char *text, uint32_t group, uint32_t line), void *arg);
int sw_patterns_seal(struct sw_patterns *p);
bool sw_patterns_match(
	struct sw_patterns *p, const char *text, size_t len, struct sw_static_hit *ret);
size_t sw_patterns_count(const struct sw_patterns *p);

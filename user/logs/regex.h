/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Regular expressions over log lines: PCRE2 with JIT, every match bounded in steps, stack and heap, so that
 * no line can hang us. Expressions are written for Python's re, as fail2ban's are; what PCRE2 says otherwise is
 * rewritten. A line that is UTF-8 is characters, as there; any other is bytes, since a log may hold anything. A pool
 * belongs to one thread and outlives its expressions; an expression belongs to whoever made it.
 */
#pragma once

#include "user/base/strbuf.h"

enum {
	SW_REGEX_MULTILINE = 1 << 0, /* ^ and $ at each line */
	SW_REGEX_RECALL = 1 << 1, /* mostly matches, and texts begin alike: answers are kept (recall.h) */
	SW_REGEX_ERR_MAX = 200,
	/* Steps of one match: fail2ban's whole corpus passes at 3,000; this takes under 2 ms at worst. */
	SW_REGEX_MATCH_LIMIT = 50000,
	SW_REGEX_HEAP_KIB = 4096,
	SW_REGEX_STACK_BYTES = 256 * 1024,
	SW_REGEX_PATTERN_MAX = 64 * 1024,
};

struct sw_regex_pool;
struct sw_regex;

/* A part of the subject; text NULL when the group took no part in the match. */
struct sw_span {
	const char *text;
	size_t len;
};

int sw_regex_pool_new(struct sw_regex_pool **ret);
void sw_regex_pool_free(struct sw_regex_pool *p);

/* 0, -EINVAL with what is wrong in err, -ENOMEM. */
int sw_regex_new(struct sw_regex **ret, struct sw_regex_pool *pool, const char *pattern,
	unsigned int flags, char err[static SW_REGEX_ERR_MAX]);
void sw_regex_free(struct sw_regex *re);
void sw_regex_freep(struct sw_regex **re);

/* 1 matched, 0 not, -ELOOP a limit was reached: then nothing is known of the line. */
int sw_regex_match(struct sw_regex *re, const char *subject, size_t len);
/* Keeps no answers from now on. */
void sw_regex_plainly(struct sw_regex *re);
/* The number of a named group, -1 when there is none of this name. */
int sw_regex_group(const struct sw_regex *re, const char *name);
/* The i-th of the names, NULL beyond the last; *ret its group. In alphabetical order. */
const char *sw_regex_name(const struct sw_regex *re, unsigned int i, int *ret);
/* What a group took in the last match, which must have matched; group -1 gives nothing. */
struct sw_span sw_regex_span(const struct sw_regex *re, int group);

/* What groups took, each into its place of ret. */
struct sw_regex_take {
	uint16_t group, place;
};
void sw_regex_take(const struct sw_regex *re, const struct sw_regex_take *takes, size_t n, struct sw_span *ret);

/* Python's dialect to PCRE2's: {,n}, (?iu), ((?i)x), \Z. */
void sw_regex_rewrite(struct sw_strbuf *out, const char *pattern);

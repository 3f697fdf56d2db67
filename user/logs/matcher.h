/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A filter at work: a line in, a failure out. Lines that hold none of the literals that the rules require cost one
 * pass over their bytes; the others have their date cut out and are tried against the rules that are left, in the
 * filter's order, each bounded in steps. Lines of one connection (<F-MLFID>) are merged. No name is ever resolved.
 * The caller owns it; it belongs to one thread. Runs in the process of whoever uses the rules, never in the guard.
 */
#pragma once

#include "user/base/clock.h"
#include "user/logs/f2b.h"
#include "user/logs/regex.h"

enum sw_line_state {
	SW_LINE_NONE, /* no rule */
	SW_LINE_IGNORED, /* a rule, and one of ignoreregex */
	SW_LINE_NOFAIL, /* a rule that only helps others: <F-NOFAIL> */
	SW_LINE_SUCCESS, /* a login, which forgives failures: one of the filter's last n_success */
	SW_LINE_PENDING, /* a failure whose address another line of the connection will tell */
	SW_LINE_MATCHED,
};

/* Texts are good until the next line. */
struct sw_line_result {
	enum sw_line_state state;
	unsigned int rule; /* of failregex, from 1; 0: none */
	unsigned int ignored; /* of ignoreregex, from 1; 0: none */
	bool has_time;
	int64_t time_us; /* since 1970 in UTC */
	struct sw_span host,
		user; /* host: an address, a network, a name, or what <F-ID> took, as the line has it */
	struct sw_span forwarded; /* what <F-FORWARDED> took; .text NULL: the line has none */
};

struct sw_matcher;

/* filter and clock are borrowed. 0, -EINVAL with a sentence in err, -ENOMEM. */
int sw_matcher_new(struct sw_matcher **ret, const struct sw_f2b_filter *filter,
	const struct sw_clock *clock, struct sw_strbuf *err);
void sw_matcher_free(struct sw_matcher *m);
void sw_matcher_freep(struct sw_matcher **m);
/* Reads the date of every line, not only of those a rule may match: for whoever shows it. */
void sw_matcher_want_time(struct sw_matcher *m);
/* Without any short cut from now on: every expression on every line. What the quick way is compared with. */
void sw_matcher_plainly(struct sw_matcher *m);

/* line: without its newline. 1 when state is SW_LINE_MATCHED, 0 otherwise. */
int sw_matcher_line(struct sw_matcher *m, const char *line, size_t len, struct sw_line_result *ret);

struct sw_prefilter;
/* What decides whether a line is looked at; borrowed. NULL: each line is. */
const struct sw_prefilter *sw_matcher_prefilter(const struct sw_matcher *m);

/* What was counted of a rule. */
struct sw_rule_stat {
	const char *regex; /* as the filter has it */
	uint64_t hits; /* lines it matched */
	uint64_t limits; /* lines it was given up on, at the limit of steps */
};
/* The i-th of failregex, of ignoreregex; false beyond the last. */
bool sw_matcher_rule(const struct sw_matcher *m, size_t i, struct sw_rule_stat *ret);
bool sw_matcher_ignore(const struct sw_matcher *m, size_t i, struct sw_rule_stat *ret);
/* Rules that no literal is known for: each line is tried against them. */
size_t sw_matcher_slow_rules(const struct sw_matcher *m);

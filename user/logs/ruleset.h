/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The rules over logs at work: a line of a source in, the hits of every rule that reads this source out. Made of the
 * sealed image of rules (include/sockwarden/rpc/rules.h). The expressions of a source are compiled when its first
 * line comes, so that sources which are not on this host cost nothing. Counting, throttling and banning are whoever's
 * hands the lines in. The caller owns it; it belongs to one thread. Runs in the engine and in the command line.
 */
#pragma once

#include "sockwarden/model/finding.h"
#include "sockwarden/rpc/rules.h"
#include "user/base/strbuf.h"

/* Where lines come from. Borrowed from the ruleset. */
struct sw_log_source {
	enum sw_log_source_kind kind;
	const char *name; /* unique: the path, "journal MATCH + MATCH", "-" */
	const char *path; /* FILE: absolute, may be a pattern of glob(7); else "" */
	const char *const
		*journal_matches; /* JOURNAL: each with "+" between matches of which any may hold */
	size_t n_journal_matches;
	/* JOURNAL: file sources; where one of them exists its lines are the same, and this is not followed. */
	const __u32 *unless;
	size_t n_unless;
	const __u32 *rules; /* that read it; those that are off are not among them */
	size_t n_rules;
};

/* What a rule says of its hits. Borrowed from the ruleset. */
struct sw_log_rule {
	const char *name; /* "sshd", stable; also the ban's origin as "rule:sshd" */
	const char *about; /* a sentence */
	const char *origin; /* "FILE:LINE" */
	enum sw_rule_state state;
	enum sw_severity severity;
	enum sw_log_action action;
	enum sw_log_track track;
	uint32_t count; /* hits within window; 1: at once */
	uint64_t window_sec; /* 0: no window, hits are counted without end */
	uint64_t ban_for_sec; /* 0: the configuration's default; SW_RULES_FOREVER */
	bool is_increment; /* the next ban of the same is longer, by factor or by the list of multipliers */
	double factor;
	uint64_t max_ban_sec, random_sec; /* 0: none */
	const uint32_t *multipliers;
	size_t n_multipliers;
	uint64_t throttle_sec; /* tell at most once in this time; 0: each time */
	bool is_proven; /* evidence of a completed handshake: may ban */
	bool is_packaged;
	const char *exec; /* name of an action of the configuration, or NULL */
	const struct sw_net *ignore; /* never a hit; the ruleset leaves them out itself, but not where a header tells */
	size_t n_ignore;
	const struct sw_rules_when *when; /* so it does with hits outside these hours */
	size_t n_when;
	const __u32 *sources;
	size_t n_sources;
};

/* Texts are good until fn returns. */
struct sw_log_hit {
	const struct sw_log_rule *rule;
	unsigned int expression; /* which of the rule's, from 1 */
	bool is_success; /* no hit: a login of user from host, which forgives his failures from there */
	bool has_host; /* false: the line names none, or a name, which is never resolved */
	struct sw_net host;
	const char *host_text; /* as the line has it; "" */
	const char *user; /* "" */
	const char *forwarded; /* the header of proxies, forwarded_len bytes; NULL: the line has none, or "-" */
	size_t forwarded_len;
	int64_t time_sec; /* the line's own, or of its arrival */
	const char *line;
	size_t line_len;
};
typedef void (*sw_log_hit_fn)(void *arg, const struct sw_log_hit *hit);

struct sw_ruleset;

/* Copies the image. 0; -EBADMSG with why in err; -ENOMEM. */
int sw_ruleset_new(struct sw_ruleset **ret, const void *image, size_t size, struct sw_strbuf *err);
void sw_ruleset_free(struct sw_ruleset *rs);
void sw_ruleset_freep(struct sw_ruleset **rs);

size_t sw_ruleset_n_sources(const struct sw_ruleset *rs);
const struct sw_log_source *sw_ruleset_source(const struct sw_ruleset *rs, size_t i);
size_t sw_ruleset_n_rules(const struct sw_ruleset *rs);
const struct sw_log_rule *sw_ruleset_rule(const struct sw_ruleset *rs, size_t i);
/* The rule of that name, or NULL. */
const struct sw_log_rule *sw_ruleset_find(const struct sw_ruleset *rs, const char *name);
/* Where a line of a sample of the rule comes from: its first source, or its journal. SIZE_MAX: it has none. */
size_t sw_ruleset_sample_source(const struct sw_ruleset *rs, const struct sw_log_rule *r, bool is_journal);
/* Rules and files that were left out of the image because they were not valid. */
size_t sw_ruleset_n_left_out(const struct sw_ruleset *rs);

struct sw_f2b_filter;
/* What rule i looks for, in the form that a matcher takes (user/logs/matcher.h). The caller's. 0 or -ENOMEM. */
int sw_ruleset_filter(
	const struct sw_ruleset *rs, size_t i, bool is_journal, struct sw_f2b_filter **ret);

/*
 * One line of source i, without its newline, any bytes; now_sec, wall time, is for lines without a date. fn is called
 * for each hit, in the order of the rules. The number of hits; -EINVAL: an expression of the source does not compile
 * (said once, in sw_ruleset_error, and that rule is left out from then on); -ENOMEM.
 */
int sw_ruleset_feed(struct sw_ruleset *rs, size_t source, const char *line, size_t len,
	int64_t now_sec, sw_log_hit_fn fn, void *arg);
/* Before the first line: without any short cut (sw_matcher_plainly). */
void sw_ruleset_plainly(struct sw_ruleset *rs);
/* What sw_ruleset_feed refused, "" for nothing. */
const char *sw_ruleset_error(const struct sw_ruleset *rs);

/* One of the rule's ignore holds it. */
bool sw_log_rule_ignores(const struct sw_log_rule *r, const struct sw_net *host);

struct sw_ruleset_stat {
	uint64_t lines; /* fed */
	uint64_t hits;
	uint64_t limits; /* times that an expression was given up on, at the limit of steps */
};
void sw_ruleset_stat(const struct sw_ruleset *rs, struct sw_ruleset_stat *ret);

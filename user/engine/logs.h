/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Log lines in the engine: files that the guard opened and the journal go line by line through the rules;
 * hits are counted, and what is due becomes a finding with its lines and, where the rule says so, a ban.
 * Owned by the engine (e->logs), in its loop's thread. Files: logs.c follows files, logs_journal.c
 * the journal, logs_hit.c counts and decides, verb_logs.c answers.
 */
#pragma once

#include <uthash.h>

#include "user/engine/engine.h"
#include "user/logs/follow.h"
#include "user/logs/ruleset.h"
#include "user/policy/offend.h"

enum {
	SW_LOGS_FINDINGS_PER_SEC = 200, /* more are counted: the bans are told all the same */
	SW_LOGS_DRY_SEC = 86400, /* a rule that only observes tells of an address at least so often */
	SW_LOGS_UNPROVEN_SEC = 600, /* bans.unproven: the longest ban for what can be forged */
};

/* What became of a rule's hits, by its name: kept over a reload. */
struct sw_logs_rule {
	char name[SW_RULES_NAME_MAX];
	uint32_t id; /* for the counts */
	uint64_t hits, due, bans, would, unproven, protected, refused, forgiven;
	int64_t last_sec;
	UT_hash_handle hh;
};

struct sw_logs_part {
	struct sw_ruleset *rules; /* NULL: none came yet */
	struct sw_log_port port;
	struct sw_log_follow *follow;
	struct sw_logs_journal *journal; /* logs_journal.c; NULL: no source reads it */
	uint64_t back_sec; /* the longest window, at most a day */
	struct sw_counts *counts;
	struct sw_logs_rule *by_name;
	uint32_t last_id;
	int inotify;
	struct sw_source *events, *poll, *more, *save;
	struct sw_finding *found; /* in this turn: told when what was decided is in force */
	size_t n_found, found_cap;
	bool is_back; /* the line that is read was there before anything was followed */
	bool is_due; /* something became due in this turn */
	bool is_save_due; /* its timer is set */
	bool is_counts_moved; /* since they were saved */
	bool is_look_due; /* which sources read the journal is to be asked anew */
	bool has_stale_file; /* the journal is read beside a file that nobody writes to */
	uint64_t lines, back_hits; /* hits in old lines that no window holds */
	uint64_t untold; /* findings beyond SW_LOGS_FINDINGS_PER_SEC */
	int64_t told_second;
	unsigned int told_now;
	char error[256]; /* of the rules; "" */
};

struct sw_logs_totals {
	struct sw_log_stats follow;
	struct sw_count_stats counts;
	struct sw_ruleset_stat rules;
	uint64_t lines, hits, due, bans, untold;
};
struct sw_logs_totals sw_logs_totals(const struct sw_engine *e);

/* logs_hit.c: one line of source i of the rules; time_sec is for lines that say none. */
void sw_logs_feed(struct sw_engine *e, size_t source, const char *line, size_t len,
	int64_t time_sec, bool is_back);
/* Tells what was found in this turn. */
void sw_logs_tell_found(struct sw_engine *e);
/* Counters of a rule, made at its first use; NULL: no memory. */
struct sw_logs_rule *sw_logs_rule_of(struct sw_logs_part *p, const char *name);
/* Positions and counts are saved within seconds. */
void sw_logs_want_save(struct sw_logs_part *p);
/* A person has pardoned net: its hits count no more. */
void sw_logs_forgive(struct sw_engine *e, const struct sw_net *net);
/* logs_journal.c: chooses sources and files anew. */
void sw_logs_journal_look(struct sw_engine *e);
/* Reads what is due; true when there is more. */
bool sw_logs_journal_work(struct sw_engine *e);
/* True when the watch is one of its files'; else files may have come. */
bool sw_logs_journal_event(struct sw_logs_part *p, int wd);
void sw_logs_journal_poll(struct sw_logs_part *p);
bool sw_logs_journal_is_stale(const struct sw_logs_part *p);
bool sw_logs_journal_has_moved(const struct sw_logs_part *p);
/* True when the journal is read as well for what this source of files would say: nobody writes to them. */
bool sw_logs_journal_stands_in(const struct sw_engine *e, const char *pattern);
void sw_logs_journal_save(struct sw_engine *e);
size_t sw_logs_journal_files(const struct sw_logs_part *p, int *ret_error);
void sw_logs_journal_free(struct sw_logs_journal *x);
/* verb_logs.c */
extern const struct sw_ctl_verb sw_logs_verbs[];
void sw_logs_status(struct sw_engine *e, struct sw_json *j);
/* The lines that made the last rule due for net, each with a \n, printable. */
void sw_logs_evidence(struct sw_engine *e, const struct sw_net *net, struct sw_strbuf *out);
void sw_logs_why(
	struct sw_engine *e, const char *subject, const struct sw_net *net, struct sw_json *j);

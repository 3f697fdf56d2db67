// SPDX-License-Identifier: GPL-3.0-or-later
/* The verbs "logs" and "logs.feed", and the logs' share of "status" and "why". */
#include "user/base/cidr.h"
#include "user/engine/logs.h"

enum { EVIDENCE_SHOWN = 3 };

struct sum {
	uint64_t hits, due, bans, would, unproven, protected, refused;
};

static struct sum add_up(const struct sw_logs_part *p)
{
	struct sum s = {};

	for (const struct sw_logs_rule *r = p->by_name; r; r = r->hh.next) {
		s.hits += r->hits;
		s.due += r->due;
		s.bans += r->bans;
		s.would += r->would;
		s.unproven += r->unproven;
		s.protected += r->protected;
		s.refused += r->refused;
	}
	return s;
}

struct sw_logs_totals sw_logs_totals(const struct sw_engine *e)
{
	const struct sw_logs_part *p = e->logs;
	struct sw_logs_totals t = {.follow = sw_log_follow_stats(p->follow),
		.counts = sw_counts_stats(p->counts),
		.lines = p->lines,
		.untold = p->untold};
	struct sum s = add_up(p);

	t.hits = s.hits;
	t.due = s.due;
	t.bans = s.bans;
	if (p->rules)
		sw_ruleset_stat(p->rules, &t.rules);
	return t;
}

static void count_error(void *arg, const char *pattern, const char *path, uint64_t lines,
	bool is_retired, int error)
{
	*(unsigned int *)arg += error < 0;
}

static void write_totals(struct sw_engine *e, struct sw_json *j)
{
	const struct sw_logs_totals t = sw_logs_totals(e);
	const struct sum s = add_up(e->logs);
	unsigned int unreadable = 0;
	int journal_error = 0;

	sw_log_follow_each(e->logs->follow, count_error, &unreadable);
	sw_json_uint(j, "files", t.follow.files);
	sw_json_uint(j, "files_unreadable", unreadable);
	sw_json_uint(j, "files_left_out", t.follow.left_out);
	sw_json_uint(j, "files_unwatched", t.follow.unwatched);
	sw_json_uint(j, "journal_files", sw_logs_journal_files(e->logs, &journal_error));
	sw_json_string(j, "journal_error", journal_error ? strerror(-journal_error) : "");
	sw_json_uint(j, "lines", t.lines);
	sw_json_uint(j, "hits", s.hits);
	sw_json_uint(j, "due", s.due);
	sw_json_uint(j, "bans", s.bans);
	sw_json_uint(j, "would_ban", s.would);
	sw_json_uint(j, "unproven", s.unproven);
	sw_json_uint(j, "protected", s.protected);
	sw_json_uint(j, "refused", s.refused);
	sw_json_uint(j, "findings_not_told", t.untold);
	sw_json_uint(j, "lines_cut", t.follow.cut);
	sw_json_uint(j, "read_errors", t.follow.unreadable);
	sw_json_uint(j, "back_bytes_left_out", t.follow.back_left_out);
	sw_json_uint(j, "match_limits", t.rules.limits);
	sw_json_uint(j, "old_hits", t.counts.old + e->logs->back_hits);
	sw_json_uint(j, "counters", t.counts.keys);
	sw_json_uint(j, "counters_evicted", t.counts.evicted);
	sw_json_uint(j, "counters_evicted_near", t.counts.evicted_near);
	sw_json_string(j, "error", e->logs->error);
}

void sw_logs_status(struct sw_engine *e, struct sw_json *j)
{
	sw_json_object_begin(j, "logs");
	write_totals(e, j);
	sw_json_object_end(j);
}

struct file_list {
	const struct sw_engine *e;
	struct sw_json *j;
};

static void write_file(void *arg, const char *pattern, const char *path, uint64_t lines,
	bool is_retired, int error)
{
	const struct file_list *list = arg;
	struct sw_json *j = list->j;
	const char *state = error ? "unreadable"
		: is_retired      ? "rotated"
		: sw_logs_journal_stands_in(list->e, pattern) ? "stale"
							      : "followed";

	sw_json_object_begin(j, NULL);
	sw_json_string(j, "path", *path ? path : pattern);
	sw_json_string(j, "source", pattern);
	sw_json_uint(j, "lines", lines);
	sw_json_string(j, "state", state);
	sw_json_string(j, "error", error ? strerror(-error) : "");
	sw_json_object_end(j);
}

static void write_rule(struct sw_json *j, const struct sw_logs_rule *r)
{
	char at[SW_TIME_TEXT_MAX];

	sw_json_object_begin(j, NULL);
	sw_json_string(j, "rule", r->name);
	sw_json_uint(j, "hits", r->hits);
	sw_json_uint(j, "due", r->due);
	sw_json_uint(j, "bans", r->bans);
	sw_json_uint(j, "would_ban", r->would);
	sw_json_uint(j, "unproven", r->unproven);
	sw_json_uint(j, "protected", r->protected);
	sw_json_uint(j, "refused", r->refused);
	sw_json_uint(j, "forgiven", r->forgiven);
	sw_json_string(j, "last_at", sw_time_format(at, r->last_sec * (int64_t)SW_SEC_NS));
	sw_json_object_end(j);
}

static void verb_logs(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	struct sw_engine *e = arg;
	struct sw_json *j = sw_ctl_reply_begin(q);
	struct file_list list = {.e = e, .j = j};

	write_totals(e, j);
	sw_json_array_begin(j, "followed");
	sw_log_follow_each(e->logs->follow, write_file, &list);
	sw_json_array_end(j);
	sw_json_array_begin(j, "rules");
	for (const struct sw_logs_rule *r = e->logs->by_name; r; r = r->hh.next)
		if (r->hits)
			write_rule(j, r);
	sw_json_array_end(j);
	sw_ctl_reply_end(q);
}

struct telling {
	struct sw_json *j;
	const struct sw_net *net;
};

static void tell_evidence(void *arg, int64_t wall_sec, const char *rule, const char *lines)
{
	const struct telling *t = arg;
	char net[SW_NET_TEXT_MAX], at[SW_TIME_TEXT_MAX];
	const char *end;

	for (const char *line = lines; (end = strchr(line, '\n')); line = end + 1) {
		sw_json_object_begin(t->j, NULL);
		sw_json_string(t->j, "what", "log");
		sw_json_string(t->j, "net", sw_cidr_format(net, t->net));
		sw_json_stringf(t->j, "text", "line for rule %s, due at %s: %.*s", rule,
			sw_time_format(at, wall_sec * (int64_t)SW_SEC_NS), (int)(end - line), line);
		sw_json_object_end(t->j);
	}
}

void sw_logs_why(
	struct sw_engine *e, const char *subject, const struct sw_net *net, struct sw_json *j)
{
	struct telling t = {.j = j, .net = net};
	struct sw_net wider;

	if (!net)
		return;
	(void)sw_store_each_evidence(e->store, net, EVIDENCE_SHOWN, tell_evidence, &t);
	if (net->family != SW_AF_IP6 || net->plen <= e->config->ban_ipv6_plen)
		return;
	wider = sw_net_trim(net, e->config->ban_ipv6_plen);
	t.net = &wider;
	(void)sw_store_each_evidence(e->store, &wider, EVIDENCE_SHOWN, tell_evidence, &t);
}

static void add_lines(void *arg, int64_t wall_sec, const char *rule, const char *lines)
{
	sw_strbuf_puts(arg, lines);
}

void sw_logs_evidence(struct sw_engine *e, const struct sw_net *net, struct sw_strbuf *out)
{
	struct sw_net wider = sw_net_trim(net, e->config->ban_ipv6_plen);

	(void)sw_store_each_evidence(e->store, net, 1, add_lines, out);
	if (!out->len && net->family == SW_AF_IP6 && !sw_net_eq(net, &wider))
		(void)sw_store_each_evidence(e->store, &wider, 1, add_lines, out);
}

/* ---- lines that a client hands in */

/* The rule whose first source is to be fed; NULL with why said: there is none of that name, or it is off. */
static const struct sw_log_rule *find_fed(const struct sw_logs_part *p, struct sw_ctl_request *q, const char *name)
{
	const struct sw_log_rule *rule = p->rules ? sw_ruleset_find(p->rules, name) : NULL;

	if (!rule) {
		sw_ctl_fail(q, SW_CERR_NOT_FOUND, "sockwarden rules list", "no rule has the name %s", name);
		return NULL;
	}
	if (rule->n_sources && rule->state != SW_RULE_OFF)
		return rule;
	sw_ctl_fail(q, SW_CERR_REFUSED, "turn it on by rules.set", "the rule %s is off", name);
	return NULL;
}

static void verb_feed(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	const char *name = json_string_value(json_object_get(args, "rule"));
	const json_t *lines = json_object_get(args, "lines");
	struct sw_engine *e = arg;
	struct sw_ruleset_stat before, after;
	const struct sw_log_rule *rule;
	struct sw_json *j;
	json_t *line;
	size_t i;

	if (!name || !json_is_array(lines)) {
		sw_ctl_fail(q, SW_CERR_USAGE, NULL, "a rule and an array of lines are wanted");
		return;
	}
	rule = find_fed(e->logs, q, name);
	if (!rule)
		return;
	sw_ruleset_stat(e->logs->rules, &before);
	json_array_foreach(lines, i, line) {
		if (json_is_string(line))
			sw_logs_feed(e, rule->sources[0], json_string_value(line), json_string_length(line),
				sw_clock_wall_sec(&e->clock), false);
	}
	sw_logs_tell_found(e);
	sw_logs_want_save(e->logs);
	sw_ruleset_stat(e->logs->rules, &after);
	j = sw_ctl_reply_begin(q);
	sw_json_uint(j, "lines", after.lines - before.lines);
	sw_json_uint(j, "hits", after.hits - before.hits);
	sw_ctl_reply_end(q);
}

const struct sw_ctl_verb sw_logs_verbs[] = {
	{"logs", SW_CTL_READ, verb_logs},
	{"logs.feed", SW_CTL_CHANGE, verb_feed},
	{},
};

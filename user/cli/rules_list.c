// SPDX-License-Identifier: GPL-3.0-or-later
/* `sockwarden rules list`, `show` and `lint`: the rules over logs as the daemon would get them. */
#include <glob.h>

#include "user/cli/rules_load.h"
#include "user/cli/table.h"
#include "user/base/clock.h"
#include "user/base/words.h"
#include "user/rules/lint.h"
#include "user/base/when.h"

static bool has_file(const char *pattern)
{
	glob_t found = {};
	bool is_there = glob(pattern, GLOB_NOSORT, NULL, &found) == 0 && found.gl_pathc;

	globfree(&found);
	return is_there;
}

/* The source that is there, else the rule's first; *ret_has whether one is. */
static const char *source_of(
	const struct sw_cli_rules *r, const struct sw_log_rule *rule, bool *ret_has)
{
	bool has_journal = access("/run/systemd/journal/socket", F_OK) == 0;

	for (size_t i = 0; i < rule->n_sources; i++) {
		const struct sw_log_source *s = sw_ruleset_source(r->set, rule->sources[i]);

		*ret_has = s->kind == SW_LOG_JOURNAL ? has_journal : has_file(s->path);
		if (*ret_has)
			return s->name;
	}
	*ret_has = false;
	return rule->n_sources ? sw_ruleset_source(r->set, rule->sources[0])->name : "-";
}

static void format_threshold(char *buf, size_t size, const struct sw_log_rule *rule)
{
	char window[SW_TIME_TEXT_MAX];

	if (rule->count == 1)
		snprintf(buf, size, "at once");
	else if (!rule->window_sec)
		snprintf(buf, size, "%u", rule->count);
	else
		snprintf(buf, size, "%u in %s", rule->count,
			sw_duration_format(window, rule->window_sec));
}

static const char *format_ban(char buf[static SW_TIME_TEXT_MAX], const struct sw_log_rule *rule)
{
	if (rule->action != SW_LOG_BAN)
		return "-";
	if (rule->ban_for_sec == SW_RULES_FOREVER)
		return "forever";
	return rule->ban_for_sec ? sw_duration_format(buf, rule->ban_for_sec) : "default";
}

static json_t *rule_row(const struct sw_cli_rules *r, const struct sw_log_rule *rule)
{
	char threshold[64], ban[SW_TIME_TEXT_MAX];
	bool has_source;
	const char *source = source_of(r, rule, &has_source);

	format_threshold(threshold, sizeof(threshold), rule);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:b}", "name", rule->name,
		"state",
		rule->state == SW_RULE_OFF          ? "off"
			: has_source                ? "on"
			: rule->state == SW_RULE_ON ? "on, no log"
						    : "no log",
		"threshold", threshold, "ban", format_ban(ban, rule), "action",
		sw_log_action_word(rule->action), "severity", sw_severity_word(rule->severity),
		"source", source, "about", rule->about, "from", rule->origin, "proven",
		rule->is_proven);
}

static void say_errors(const struct sw_cli_rules *r)
{
	if (r->errors.len)
		fputs(sw_strbuf_get(&r->errors), stderr);
}

int sw_cli_rules_list(struct sw_cli *c)
{
	static const struct sw_cli_column columns[] = {{"NAME", "name"}, {"STATE", "state"},
		{"THRESHOLD", "threshold"}, {"BAN", "ban"}, {"ACTION", "action"},
		{"SEVERITY", "severity", SW_COL_WIDE}, {"SOURCE", "source", SW_COL_FLEX},
		{"FROM", "from", SW_COL_WIDE}, {"ABOUT", "about", SW_COL_WIDE}, {}};
	_cleanup_(sw_cli_rules_done) struct sw_cli_rules r = {};
	json_t *rows, *data;
	int status = sw_cli_rules_load(c, NULL, &r);

	if (status)
		return status;
	rows = json_array();
	for (size_t i = 0; i < sw_ruleset_n_rules(r.set); i++)
		json_array_append_new(rows, rule_row(&r, sw_ruleset_rule(r.set, i)));
	data = json_pack("{s:i, s:o}", "schema_version", 1, "rules", rows);
	sw_cli_print_rows(c, data, "rules", columns, "no rules: is --rules-dir right?");
	json_decref(data);
	say_errors(&r);
	return r.errors.len ? SW_EXIT_CONFIG : SW_EXIT_OK;
}

/* ---- show */

static json_t *texts_json(const struct sw_rules_view *v, struct sw_rules_part part)
{
	json_t *list = json_array();

	for (__u32 i = 0; i < part.n; i++)
		json_array_append_new(
			list, json_string(sw_rules_text(v, v->texts[part.first + i])));
	return list;
}

static json_t *sources_json(const struct sw_cli_rules *r, const struct sw_log_rule *rule)
{
	json_t *list = json_array();

	for (size_t i = 0; i < rule->n_sources; i++)
		json_array_append_new(
			list, json_string(sw_ruleset_source(r->set, rule->sources[i])->name));
	return list;
}

static json_t *when_json(const struct sw_log_rule *rule)
{
	json_t *list = json_array();

	for (size_t i = 0; i < rule->n_when; i++) {
		_strbuf_ struct sw_strbuf text = {};

		sw_when_format(&text, &rule->when[i]);
		json_array_append_new(list, json_string(sw_strbuf_get(&text)));
	}
	return list;
}

static json_t *show_json(const struct sw_cli_rules *r, const struct sw_log_rule *rule, size_t i)
{
	json_t *o = rule_row(r, rule);
	struct sw_rules_view v;
	const char *why;

	if (sw_rules_view_open(&v, r->image, r->size, &why) < 0)
		return o;
	json_object_set_new(o, "track", json_string(sw_log_track_word(rule->track)));
	json_object_set_new(o, "throttle_sec", json_integer((json_int_t)rule->throttle_sec));
	json_object_set_new(o, "increment", json_boolean(rule->is_increment));
	json_object_set_new(o, "sources", sources_json(r, rule));
	json_object_set_new(o, "when", when_json(rule));
	json_object_set_new(o, "prefix", json_string(sw_rules_text(&v, v.rules[i].prefix)));
	json_object_set_new(o, "match", texts_json(&v, v.rules[i].match));
	json_object_set_new(o, "except", texts_json(&v, v.rules[i].except));
	return o;
}

static void print_value(const struct sw_cli *c, const char *key, const json_t *value)
{
	_strbuf_ struct sw_strbuf out = {};
	const json_t *v;
	size_t i;

	if (json_is_array(value)) {
		json_array_foreach((json_t *)value, i, v)
		{
			sw_strbuf_puts(&out, "    ");
			sw_cli_safe(&out, json_string_value(v), json_string_length(v));
			sw_strbuf_putc(&out, '\n');
		}
		if (out.len)
			printf("%s:\n%s", key, sw_strbuf_get(&out));
		return;
	}
	sw_cli_cell(value, 0, &out);
	if (out.len)
		printf("%-13s %s\n", key, sw_strbuf_get(&out));
}

int sw_cli_rules_show(struct sw_cli *c)
{
	_cleanup_(sw_cli_rules_done) struct sw_cli_rules r = {};
	const struct sw_log_rule *rule;
	json_t *o, *value;
	const char *key;
	size_t i = 0;
	int status = sw_cli_rules_load(c, c->o.file, &r);

	if (status)
		return status;
	rule = sw_cli_rules_find(&r, c->words[0], &i);
	if (!rule)
		return SW_EXIT_NEGATIVE;
	o = show_json(&r, rule, i);
	if (!sw_cli_print_json(c, o))
		json_object_foreach(o, key, value) print_value(c, key, value);
	json_decref(o);
	return SW_EXIT_OK;
}

/* ---- lint */

static void tell_doubt(void *arg, const char *rule, const char *origin, const char *what)
{
	json_array_append_new(
		arg, json_pack("{s:s, s:s, s:s}", "rule", rule, "from", origin, "what", what));
}

int sw_cli_rules_lint(struct sw_cli *c)
{
	static const struct sw_cli_column columns[] = {
		{"FROM", "from"}, {"RULE", "rule"}, {"WHAT", "what", SW_COL_FLEX}, {}};
	_cleanup_(sw_cli_rules_done) struct sw_cli_rules r = {};
	json_t *rows, *data;
	int n_wrong, status = sw_cli_rules_load(c, c->n_words ? c->words[0] : NULL, &r);
	bool is_clean;

	if (status)
		return status;
	rows = json_array();
	n_wrong = sw_lint_image(
		r.image, r.size, r.samples, r.n_samples, c->n_words, tell_doubt, rows);
	is_clean = !json_array_size(rows);
	data = json_pack("{s:i, s:I, s:I, s:o}", "schema_version", 1, "rules",
		(json_int_t)sw_ruleset_n_rules(r.set), "samples", (json_int_t)r.n_samples, "doubts",
		rows);
	if (!is_clean || c->format >= SW_CLI_JSON)
		sw_cli_print_rows(c, data, "doubts", columns, "");
	json_decref(data);
	say_errors(&r);
	sw_cli_say(c, "%zu rules, %zu samples", sw_ruleset_n_rules(r.set), r.n_samples);
	if (r.errors.len || n_wrong)
		return SW_EXIT_CONFIG;
	return is_clean ? SW_EXIT_OK : SW_EXIT_NEGATIVE;
}

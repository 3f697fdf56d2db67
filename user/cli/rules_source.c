// SPDX-License-Identifier: GPL-3.0-or-later
/* `sockwarden rules test --source PATH`: every rule that reads this log over a file, as the daemon would. */
#include "user/cli/rules_source.h"

#include "user/base/cidr.h"
#include "user/cli/rules_load.h"
#include "user/cli/table.h"

enum { FLUSH_BYTES = 64 * 1024 };

struct run {
	struct sw_cli *c;
	struct sw_cli_rules rules;
	uint64_t hits[SW_RULES_MAX], lines, matched;
	struct sw_strbuf out;
	bool has_hit; /* the line that is read */
};

static void put_hit(struct run *t, const struct sw_log_hit *hit)
{
	struct sw_json j;

	sw_json_init(&j, &t->out);
	sw_json_object_begin(&j, NULL);
	sw_json_uint(&j, "line", t->lines);
	sw_json_stringf(&j, "rule", "%s:%u", hit->rule->name, hit->expression);
	sw_json_string(&j, "host", hit->host_text);
	sw_json_string(&j, "user", hit->user);
	sw_json_int(&j, "time", hit->time_sec);
	sw_json_object_end(&j);
	sw_strbuf_putc(&t->out, '\n');
}

static void on_hit(void *arg, const struct sw_log_hit *hit)
{
	struct run *t = arg;

	if (hit->is_success)
		return;
	for (size_t i = 0; i < sw_ruleset_n_rules(t->rules.set); i++)
		t->hits[i] += sw_ruleset_rule(t->rules.set, i) == hit->rule;
	t->has_hit = true;
	if (t->c->format == SW_CLI_JSONL) {
		put_hit(t, hit);
	} else if (t->c->o.verbose && t->c->format <= SW_CLI_WIDE) {
		sw_strbuf_printf(&t->out, "%llu %s:%u  ", (unsigned long long)t->lines,
			hit->rule->name, hit->expression);
		sw_cli_safe(&t->out, hit->line, hit->line_len);
		sw_strbuf_putc(&t->out, '\n');
	}
}

static int find_source(const struct run *t, const char *path, size_t *ret)
{
	for (size_t i = 0; i < sw_ruleset_n_sources(t->rules.set); i++) {
		const struct sw_log_source *s = sw_ruleset_source(t->rules.set, i);

		if (sw_streq(s->name, path) && s->n_rules) {
			*ret = i;
			return 0;
		}
	}
	return sw_cli_error(
		SW_EXIT_NEGATIVE, "see: sockwarden rules list -o wide", "no rule reads %s", path);
}

static int feed(struct run *t, struct sw_lines *lines, size_t source, int64_t now_sec)
{
	const char *line;
	size_t len;
	int r;

	while ((r = sw_lines_next(lines, &line, &len)) == 1) {
		t->lines++;
		t->has_hit = false;
		r = sw_ruleset_feed(t->rules.set, source, line, len, now_sec, on_hit, t);
		if (r < 0 && t->lines == 1)
			sw_cli_error(SW_EXIT_CONFIG, NULL, "%s", sw_ruleset_error(t->rules.set));
		t->matched += t->has_hit;
		if (t->out.len > FLUSH_BYTES) {
			fwrite(t->out.text, 1, t->out.len, stdout);
			sw_strbuf_reset(&t->out);
		}
	}
	if (t->out.len)
		fwrite(t->out.text, 1, t->out.len, stdout);
	return r < 0 ? sw_cli_error(SW_EXIT_PARTIAL, NULL, "cannot read line %llu: %s",
			       (unsigned long long)t->lines + 1, strerror(-r))
		     : SW_EXIT_OK;
}

static void sum_up(const struct run *t, size_t source)
{
	static const struct sw_cli_column columns[] = {{"LINES", "lines", SW_COL_RIGHT},
		{"RULE", "rule"}, {"ABOUT", "about", SW_COL_FLEX}, {}};
	const struct sw_log_source *s = sw_ruleset_source(t->rules.set, source);
	json_t *rows = json_array(), *data;

	for (size_t i = 0; i < s->n_rules; i++) {
		const struct sw_log_rule *rule = sw_ruleset_rule(t->rules.set, s->rules[i]);

		if (t->hits[s->rules[i]] || t->c->format != SW_CLI_TABLE)
			json_array_append_new(rows,
				json_pack("{s:I, s:s, s:s}", "lines",
					(json_int_t)t->hits[s->rules[i]], "rule", rule->name,
					"about", rule->about));
	}
	data = json_pack("{s:i, s:s, s:I, s:I, s:o}", "schema_version", 1, "source", s->name,
		"lines", (json_int_t)t->lines, "matched", (json_int_t)t->matched, "rules", rows);
	sw_cli_print_rows(t->c, data, "rules", columns, "no rule matched");
	json_decref(data);
	sw_cli_say(t->c, "%s: %zu rules, %llu lines: %llu matched", s->name, s->n_rules,
		(unsigned long long)t->lines, (unsigned long long)t->matched);
}

int sw_cli_rules_test_source(struct sw_cli *c, struct sw_lines *lines, int64_t now_sec)
{
	_free_ struct run *t = calloc(1, sizeof(*t));
	size_t source = 0;
	int r;

	if (!t)
		return sw_cli_error(SW_EXIT_DEGRADED, NULL, "out of memory");
	t->c = c;
	r = sw_cli_rules_load(c, c->o.file, &t->rules);
	if (!r)
		r = find_source(t, c->o.source, &source);
	if (!r)
		r = feed(t, lines, source, now_sec);
	if (!r && c->format != SW_CLI_JSONL)
		sum_up(t, source);
	sw_cli_rules_done(&t->rules);
	sw_strbuf_done(&t->out);
	return r;
}

// SPDX-License-Identifier: GPL-3.0-or-later
/* `sockwarden rules test`: rules or a filter over a log, here and now; no daemon is asked and nothing is banned. */
#include <fcntl.h>
#include <time.h>

#include "user/cli/rules_load.h"
#include "user/cli/rules_source.h"
#include "user/cli/table.h"
#include "user/logs/lines.h"
#include "user/logs/matcher.h"

enum { FLUSH_BYTES = 64 * 1024 };

struct pair {
	struct sw_f2b_filter *filter;
	struct sw_matcher *matcher;
};

struct test {
	struct sw_cli *c;
	struct pair *
		pairs; /* the rules; the first that has something to say of a line is the one that counts */
	size_t n;
	const struct pair *spoke; /* of the line */
	struct sw_clock clock;
	struct sw_strbuf out;
	uint64_t lines, matched, ignored, helped;
};

static void test_done(struct test *t)
{
	for (size_t i = 0; i < t->n; i++) {
		sw_matcher_free(t->pairs[i].matcher);
		sw_f2b_free(t->pairs[i].filter);
	}
	free(t->pairs);
	sw_strbuf_done(&t->out);
}

static int write_out(struct test *t, size_t at_least)
{
	bool is_well;

	if (t->out.len < at_least || !t->out.len)
		return 0;
	is_well = fwrite(t->out.text, 1, t->out.len, stdout) == t->out.len && !t->out.is_failed;
	sw_strbuf_reset(&t->out);
	return is_well ? 0
		       : sw_cli_error(SW_EXIT_PARTIAL, NULL, "cannot write: %s", strerror(errno));
}

static void put_span(struct sw_json *j, const char *key, struct sw_span s)
{
	if (s.text)
		sw_json_stringn(j, key, s.text, s.len);
	else
		sw_json_null(j, key);
}

/* Seconds since 1970, with their fraction only where the line has one. */
static void put_time(struct sw_json *j, const struct sw_line_result *res)
{
	long long us = res->time_us;
	char text[48];

	if (!res->has_time) {
		sw_json_null(j, "time");
		return;
	}
	snprintf(text, sizeof(text), us % 1000000 ? "%lld.%06lld" : "%lld", us / 1000000,
		us % 1000000);
	sw_json_raw(j, "time", text);
}

static void put_line(struct test *t, const struct sw_line_result *res)
{
	struct sw_json j;

	sw_json_init(&j, &t->out);
	sw_json_object_begin(&j, NULL);
	sw_json_uint(&j, "line", t->lines);
	sw_json_bool(&j, "matched", res->state == SW_LINE_MATCHED);
	sw_json_bool(&j, "ignored", res->state == SW_LINE_IGNORED);
	put_span(&j, "host", res->host);
	put_time(&j, res);
	put_span(&j, "user", res->user);
	if (res->rule)
		sw_json_stringf(&j, "rule", "%s:%u", t->spoke->filter->name, res->rule);
	else
		sw_json_null(&j, "rule");
	sw_json_object_end(&j);
	sw_strbuf_putc(&t->out, '\n');
}

/* A matched line for people, with -v. */
static void say_line(struct test *t, const struct sw_line_result *res, const char *line, size_t len)
{
	char time[SW_TIME_TEXT_MAX] = "-";

	if (res->has_time)
		sw_time_format(time, res->time_us * 1000);
	sw_strbuf_printf(&t->out, "%llu %.19s ", (unsigned long long)t->lines, time);
	sw_cli_safe(&t->out, res->host.text ? res->host.text : "", res->host.len);
	sw_strbuf_printf(&t->out, " %s:%u  ", t->spoke->filter->name, res->rule);
	sw_cli_safe(&t->out, line, len);
	sw_strbuf_putc(&t->out, '\n');
}

/* A line is the first rule's that matches it, else the first's that knows it at all. */
static void test_line(struct test *t, const char *line, size_t len, struct sw_line_result *ret)
{
	struct sw_line_result res;

	t->spoke = &t->pairs[0];
	sw_matcher_line(t->pairs[0].matcher, line, len, ret);
	for (size_t i = 1; i < t->n; i++) {
		sw_matcher_line(t->pairs[i].matcher, line, len, &res);
		if (ret->state == SW_LINE_MATCHED ||
			(res.state != SW_LINE_MATCHED &&
				(res.state == SW_LINE_NONE || ret->state != SW_LINE_NONE)))
			continue;
		*ret = res;
		t->spoke = &t->pairs[i];
	}
}

static int test_lines(struct test *t, struct sw_lines *lines)
{
	struct sw_line_result res;
	const char *line;
	size_t len;
	int r;

	while ((r = sw_lines_next(lines, &line, &len)) == 1) {
		t->lines++;
		test_line(t, line, len, &res);
		t->matched += res.state == SW_LINE_MATCHED;
		t->ignored += res.state == SW_LINE_IGNORED;
		t->helped += res.state == SW_LINE_NOFAIL || res.state == SW_LINE_PENDING ||
			res.state == SW_LINE_SUCCESS;
		if (t->c->format == SW_CLI_JSONL)
			put_line(t, &res);
		else if (t->c->o.verbose && res.state == SW_LINE_MATCHED &&
			t->c->format <= SW_CLI_WIDE)
			say_line(t, &res, line, len);
		r = write_out(t, FLUSH_BYTES);
		if (r)
			return r;
	}
	if (r < 0)
		return sw_cli_error(SW_EXIT_PARTIAL, NULL, "cannot read line %llu: %s",
			(unsigned long long)t->lines + 1, strerror(-r));
	return write_out(t, 1);
}

static void add_row(json_t *rows, const struct pair *p, const char *kind, size_t i,
	const struct sw_rule_stat *s)
{
	json_array_append_new(rows,
		json_pack("{s:s, s:s, s:I, s:I, s:I, s:s}", "name", p->filter->name, "kind", kind,
			"rule", (json_int_t)i + 1, "lines", (json_int_t)s->hits, "limits",
			(json_int_t)s->limits, "regex", s->regex));
}

typedef void (*stat_fn)(
	void *arg, const struct pair *p, const char *kind, size_t i, const struct sw_rule_stat *s);

static void each_stat(const struct test *t, stat_fn fn, void *arg)
{
	struct sw_rule_stat s;

	for (size_t k = 0; k < t->n; k++) {
		for (size_t i = 0; sw_matcher_rule(t->pairs[k].matcher, i, &s); i++)
			fn(arg, &t->pairs[k], "failregex", i, &s);
		for (size_t i = 0; sw_matcher_ignore(t->pairs[k].matcher, i, &s); i++)
			fn(arg, &t->pairs[k], "ignoreregex", i, &s);
	}
}

static void add_every_row(
	void *arg, const struct pair *p, const char *kind, size_t i, const struct sw_rule_stat *s)
{
	add_row(arg, p, kind, i, s);
}

static void add_row_with_lines(
	void *arg, const struct pair *p, const char *kind, size_t i, const struct sw_rule_stat *s)
{
	if (s->hits || s->limits)
		add_row(arg, p, kind, i, s);
}

static void add_limits(
	void *arg, const struct pair *p, const char *kind, size_t i, const struct sw_rule_stat *s)
{
	*(uint64_t *)arg += s->limits;
}

/* Rules that matched, were given up on, or all of them; as fail2ban-regex counts them. */
static json_t *rule_rows(const struct test *t)
{
	json_t *rows = json_array();

	each_stat(t, t->c->format != SW_CLI_TABLE ? add_every_row : add_row_with_lines, rows);
	return rows;
}

static uint64_t count_limits(const struct test *t)
{
	uint64_t n = 0;

	each_stat(t, add_limits, &n);
	return n;
}

static size_t count_slow(const struct test *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++)
		n += sw_matcher_slow_rules(t->pairs[i].matcher);
	return n;
}

static void sum_up(const struct test *t)
{
	const struct sw_cli_column columns[] = {
		{"LINES", "lines", SW_COL_RIGHT, NULL, NULL},
		{"NAME", "name", t->n == 1 ? SW_COL_WIDE : 0, NULL, NULL},
		{"RULE", "rule", SW_COL_RIGHT, NULL, NULL},
		{"KIND", "kind", 0, NULL, NULL},
		{"GIVEN UP", "limits", SW_COL_RIGHT | SW_COL_WIDE, NULL, NULL},
		{"REGEX", "regex", SW_COL_FLEX, NULL, NULL},
		{},
	};
	const char *name = t->n == 1 ? t->pairs[0].filter->name : t->c->o.file;
	uint64_t limits = count_limits(t);
	json_t *data = json_pack("{s:i, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "schema_version",
		1, "filter", name, "lines", (json_int_t)t->lines, "matched", (json_int_t)t->matched,
		"ignored", (json_int_t)t->ignored, "helped", (json_int_t)t->helped, "limits",
		(json_int_t)limits, "slow_rules", (json_int_t)count_slow(t), "rules", rule_rows(t));

	sw_cli_print_rows(t->c, data, "rules", columns, "no rule matched");
	json_decref(data);
	fflush(stdout);
	if (t->c->format <= SW_CLI_WIDE)
		sw_cli_say(t->c,
			"%s: %llu lines: %llu matched, %llu ignored, %llu of help only, %llu missed",
			name, (unsigned long long)t->lines, (unsigned long long)t->matched,
			(unsigned long long)t->ignored, (unsigned long long)t->helped,
			(unsigned long long)(t->lines - t->matched - t->ignored - t->helped));
	if (limits)
		sw_cli_say(t->c, "at the limit of steps a rule was given up on %llu times",
			(unsigned long long)limits);
}

static int open_log(const char *path, int *ret)
{
	const char *unpacker;
	char hint[96];


	if (sw_streq(path, "-")) {
		*ret = STDIN_FILENO;
		return 0;
	}
	*ret = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (*ret < 0)
		return sw_cli_error(SW_EXIT_USAGE, NULL, "%s: %s", path, strerror(errno));
	unpacker = sw_lines_unpacker(*ret);
	if (!unpacker)
		return 0;
	snprintf(hint, sizeof(hint), "%s FILE | sockwarden rules test ... -", unpacker);
	return sw_cli_error(SW_EXIT_USAGE, hint, "%s is compressed", path);
}

static int add_pair(struct test *t, struct sw_f2b_filter *filter, struct sw_strbuf *err)
{
	struct pair *p = &t->pairs[t->n++];
	int r;

	p->filter = filter;
	r = sw_matcher_new(&p->matcher, filter, &t->clock, err);
	if (!r && t->c->format == SW_CLI_JSONL)
		sw_matcher_want_time(p->matcher);
	return r;
}

/* A rule of ours, or all of a file that are not off. */
static int load_rules(struct test *t)
{
	_cleanup_(sw_cli_rules_done) struct sw_cli_rules rules = {};
	_strbuf_ struct sw_strbuf err = {};
	size_t only = SIZE_MAX, n;
	int r = sw_cli_rules_load(t->c, t->c->o.file, &rules);

	if (!r && rules.errors.len && t->c->o.file) {
		fputs(sw_strbuf_get(&rules.errors), stderr);
		return SW_EXIT_CONFIG;
	}
	if (r)
		return r;
	if (t->c->o.rule && !sw_cli_rules_find(&rules, t->c->o.rule, &only))
		return SW_EXIT_NEGATIVE;
	n = sw_ruleset_n_rules(rules.set);
	t->pairs = calloc(n + 1, sizeof(*t->pairs));
	for (size_t i = 0; t->pairs && i < n && r >= 0; i++) {
		struct sw_f2b_filter *filter = NULL;

		if ((only != SIZE_MAX && i != only) ||
			(only == SIZE_MAX && sw_ruleset_rule(rules.set, i)->state == SW_RULE_OFF))
			continue;
		r = sw_ruleset_filter(rules.set, i, false, &filter);
		if (!r)
			r = add_pair(t, filter, &err);
	}
	if (!t->pairs || r < 0)
		return sw_cli_error(SW_EXIT_CONFIG, NULL, "%s",
			err.len ? sw_strbuf_get(&err) : strerror(ENOMEM));
	return t->n ? SW_EXIT_OK
		    : sw_cli_error(SW_EXIT_CONFIG, NULL, "%s: no rule is on", t->c->o.file);
}

static int load(struct test *t)
{
	_strbuf_ struct sw_strbuf err = {};
	struct sw_f2b_filter *filter = NULL;
	int r;

	if (!t->c->o.filter && (t->c->o.rule || t->c->o.file))
		return load_rules(t);
	if (!t->c->o.filter)
		return sw_cli_error(SW_EXIT_USAGE,
			"as in: sockwarden rules test --filter /etc/fail2ban/filter.d/sshd.conf LOG",
			"--filter PATH is needed, or --rule NAME, --file PACK or --source LOG");
	t->pairs = calloc(1, sizeof(*t->pairs));
	r = t->pairs ? sw_f2b_load(&filter, t->c->o.filter, &err) : -ENOMEM;
	if (!r)
		r = add_pair(t, filter, &err);
	if (r < 0)
		return sw_cli_error(SW_EXIT_CONFIG, NULL, "%s: %s", t->c->o.filter,
			err.len ? sw_strbuf_get(&err) : strerror(-r));
	return 0;
}

/* tzset(3) takes a name that it does not know for UTC, and says nothing. */
static bool is_time_zone(const char *zone)
{
	char path[512];

	zone += *zone == ':';
	if (strpbrk(zone, "0123456789<,") || sw_streq(zone, "UTC"))
		return true; /* in the form of POSIX, "CET-1CEST" */
	snprintf(path, sizeof(path), *zone == '/' ? "%s" : "/usr/share/zoneinfo/%s", zone);
	return *zone && access(path, R_OK) == 0;
}

int sw_cli_rules_test(struct sw_cli *c)
{
	_cleanup_(test_done) struct test t = {.c = c};
	_cleanup_(sw_lines_freep) struct sw_lines *lines = NULL;
	int fd = -1, r;

	/* one moment for the whole log, so that what is found does not hang on how long it takes */
	t.clock.manual_wall_ns = c->o.now_sec != SW_CLI_UNSET ? (int64_t)(c->o.now_sec * SW_SEC_NS)
							      : sw_clock_wall_ns(&t.clock);
	t.clock.is_manual = true;
	if (c->o.time_zone && !is_time_zone(c->o.time_zone))
		return sw_cli_error(SW_EXIT_USAGE, "a name as Europe/Tokyo, or as tzset(3) has it: CET-1CEST",
			"--time-zone: '%s' is no time zone that is known here", c->o.time_zone);
	if (c->o.time_zone && setenv("TZ", c->o.time_zone, 1) < 0)
		return sw_cli_error(SW_EXIT_USAGE, NULL, "--time-zone: %s", strerror(errno));
	tzset();
	r = c->o.source ? SW_EXIT_OK : load(&t);
	if (!r)
		r = open_log(c->words[0], &fd);
	if (!r && sw_lines_new(&lines, fd) < 0)
		r = sw_cli_error(SW_EXIT_PARTIAL, NULL, "no memory");
	if (!r && c->o.source)
		r = sw_cli_rules_test_source(c, lines, sw_clock_wall_sec(&t.clock));
	else if (!r)
		r = test_lines(&t, lines);
	if (!r && c->format != SW_CLI_JSONL && !c->o.source)
		sum_up(&t);
	if (fd != STDIN_FILENO)
		sw_close(fd);
	return r;
}

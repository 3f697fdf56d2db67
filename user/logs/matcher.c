// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/logs/matcher.h"

#include "user/logs/date.h"
#include "user/logs/fields.h"
#include "user/logs/ini.h"
#include "user/logs/prefilter.h"
#include "user/logs/window.h"

enum {
	LAST_DATE_SEC = 60, /* how long the date of a line goes for those that follow without one */
	SKIPS_MAX = 8,
	HOST_MAX = 64,
};

struct rule {
	const char *source; /* of the filter */
	struct sw_regex *regex;
	struct sw_regex *barred; /* the same for texts that do not hold need; NULL: there is none */
	struct sw_regex *used; /* by the last match: that or the other */
	char need[SW_LITERAL_MAX];
	struct sw_heads heads;
	struct sw_field_groups groups;
	int skips[SKIPS_MAX]; /* groups of <SKIPLINES> */
	unsigned int n_skips;
	uint64_t hits, limits;
};

struct sw_matcher {
	const struct sw_f2b_filter *filter;
	const struct sw_clock *clock;
	struct sw_regex_pool *pool;
	struct sw_dates *dates;
	struct rule prefix, *rules, *ignores;
	size_t n_rules, n_ignores, n_slow;
	struct sw_prefilter *prefilter;
	bool is_prefilter_first; /* on the line as it is, before its date is looked for */
	bool is_ignore_whole; /* ignoreregex sees the line, not what prefregex left of it */
	bool is_content_rest; /* prefregex ends with <F-CONTENT>.+</F-CONTENT>$: what follows it is the content */
	bool wants_time, is_plain;
	struct sw_mlf *connections; /* made when there is one */
	struct sw_window *window; /* only with maxlines */
	int64_t last_time_us;
	struct sw_strbuf subject, content;
	char host[HOST_MAX];
};

/* ---- making one */

/*
 * Most of prefregex end by taking the rest of the line, byte by byte. That there is any is all that has to be asked:
 * the rest needs no expression. Not over several lines, where '.' ends at each.
 */
static void shorten_prefix(struct sw_matcher *m, struct sw_strbuf *text)
{
	static const char rest[] = "(?P<content>.+)$", any[] = "(?P<content>(?=.))";
	size_t len = strlen(rest);

	if (m->filter->maxlines > 1 || text->len < len ||
		strcmp(text->text + text->len - len, rest) != 0)
		return;
	sw_strbuf_splice(text, text->len - len, len, any);
	m->is_content_rest = true;
}

static int compile_rule(
	struct sw_matcher *m, struct rule *rule, const char *source, struct sw_strbuf *err)
{
	_strbuf_ struct sw_strbuf text = {};
	unsigned int flags = m->filter->maxlines > 1 ? SW_REGEX_MULTILINE : 0;
	char why[SW_REGEX_ERR_MAX], name[16];
	int r;

	rule->source = source;
	sw_f2b_tags(&text, source);
	if (rule == &m->prefix) {
		shorten_prefix(m, &text);
		flags |= m->is_content_rest ? SW_REGEX_RECALL : 0;
	}
	if (text.is_failed)
		return -ENOMEM;
	r = sw_regex_new(&rule->regex, m->pool, sw_strbuf_get(&text), flags, why);
	if (r == -EINVAL)
		sw_strbuf_printf(err, "'%.200s': %s", source, why);
	if (r < 0)
		return r;
	rule->used = rule->regex;
	sw_field_groups_init(&rule->groups, rule->regex);
	for (unsigned int i = 0; i < SKIPS_MAX; i++) {
		snprintf(name, sizeof(name), "skiplines%u", i);
		rule->skips[i] = sw_regex_group(rule->regex, name);
		if (rule->skips[i] < 0)
			break;
		rule->n_skips++;
	}
	return 0;
}

static int compile_list(struct sw_matcher *m, const struct sw_f2b_list *list, struct rule **ret,
	size_t *ret_n, struct sw_strbuf *err)
{
	int r = 0;

	*ret = calloc(list->n + 1, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	for (size_t i = 0; i < list->n && !r; i++, ++*ret_n)
		r = compile_rule(m, &(*ret)[i], list->text[i], err);
	return r;
}

static int check_rules(const struct sw_matcher *m, struct sw_strbuf *err)
{
	bool is_known = m->filter->is_hostless ||
		(m->prefix.regex && sw_field_groups_identify(&m->prefix.groups));

	for (size_t i = 0; i < m->n_rules && !is_known; i++)
		if (!sw_field_groups_identify(&m->rules[i].groups)) {
			sw_strbuf_printf(err,
				"'%.200s': no <HOST>, <ADDR> or <F-ID> says whom it is of",
				m->rules[i].source);
			return -EINVAL;
		}
	return 0;
}

/*
 * What can be told of a line before the expression is tried on it: the literals it holds, how it begins, and which way
 * through the expression is not for it. Not over several lines: what they hold may be in one that is gone.
 */
static int read_off(struct sw_matcher *m, struct rule *rule, struct sw_literals *ret)
{
	_strbuf_ struct sw_strbuf text = {}, plain = {}, barred = {};
	char why[SW_REGEX_ERR_MAX];

	if (m->window)
		return 0;
	sw_f2b_tags(&text, rule->source);
	sw_regex_rewrite(&plain, sw_strbuf_get(&text));
	if (text.is_failed || plain.is_failed)
		return -ENOMEM;
	if (!sw_literals_find(ret, sw_strbuf_get(&plain), m->is_prefilter_first))
		ret->n = 0;
	sw_heads_find(&rule->heads, sw_strbuf_get(&plain));
	if (!sw_literal_bar(&barred, rule->need, sw_strbuf_get(&plain)))
		return 0;
	return barred.is_failed ? -ENOMEM : sw_regex_new(&rule->barred, m->pool, barred.text, 0, why);
}

static int make_prefilter(struct sw_matcher *m)
{
	_free_ struct sw_literals *literals = calloc(m->n_rules, sizeof(*literals));
	int r = 0;

	if (!literals)
		return -ENOMEM;
	m->is_prefilter_first = m->filter->is_journal || sw_dates_are_first(m->dates);
	for (size_t i = 0; i < m->n_rules && !r; i++) {
		r = read_off(m, &m->rules[i], &literals[i]);
		m->n_slow += !literals[i].n;
	}
	return r ? r : sw_prefilter_new(&m->prefilter, literals, m->n_rules);
}

/* Adds where it is written to an error that has a sentence; r. */
static int tell_where(struct sw_strbuf *err, const char *where, int r)
{
	if (r < 0 && err->len && where)
		sw_strbuf_printf(err, " (%s)", where);
	return r;
}

static int build(struct sw_matcher *m, struct sw_strbuf *err)
{
	const struct sw_f2b_filter *f = m->filter;
	int r = sw_regex_pool_new(&m->pool);

	if (!r && f->prefregex)
		r = tell_where(err, f->prefregex_where, compile_rule(m, &m->prefix, f->prefregex, err));
	if (!r)
		r = tell_where(err, f->failregex.where, compile_list(m, &f->failregex, &m->rules, &m->n_rules, err));
	if (!r)
		r = tell_where(err, f->ignoreregex.where,
			compile_list(m, &f->ignoreregex, &m->ignores, &m->n_ignores, err));
	if (!r)
		r = tell_where(err, f->failregex.where, check_rules(m, err));
	if (!r)
		r = tell_where(err, f->datepattern.where, sw_dates_new(&m->dates, m->pool, &f->datepattern, err));
	if (!r && f->maxlines > 1)
		r = sw_window_new(&m->window, f->maxlines);
	return r ? r : make_prefilter(m);
}

int sw_matcher_new(struct sw_matcher **ret, const struct sw_f2b_filter *filter,
	const struct sw_clock *clock, struct sw_strbuf *err)
{
	struct sw_matcher *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return -ENOMEM;
	m->filter = filter;
	m->clock = clock;
	r = build(m, err);
	if (r < 0) {
		sw_matcher_free(m);
		return r;
	}
	/* fail2ban's own way, which filters are written for */
	m->is_ignore_whole = m->n_ignores + 2 < m->n_rules;
	*ret = m;
	return 0;
}

static void free_rules(struct rule *rules, size_t n)
{
	for (size_t i = 0; rules && i < n; i++) {
		sw_regex_free(rules[i].regex);
		sw_regex_free(rules[i].barred);
	}
	free(rules);
}

void sw_matcher_free(struct sw_matcher *m)
{
	if (!m)
		return;
	sw_regex_free(m->prefix.regex);
	free_rules(m->rules, m->n_rules);
	free_rules(m->ignores, m->n_ignores);
	sw_dates_free(m->dates);
	sw_prefilter_free(m->prefilter);
	sw_mlf_free(m->connections);
	sw_window_free(m->window);
	sw_strbuf_done(&m->subject);
	sw_strbuf_done(&m->content);
	sw_regex_pool_free(m->pool);
	free(m);
}

void sw_matcher_freep(struct sw_matcher **m)
{
	sw_matcher_free(*m);
}

void sw_matcher_want_time(struct sw_matcher *m)
{
	m->wants_time = true;
}

void sw_matcher_plainly(struct sw_matcher *m)
{
	m->is_plain = true;
	for (size_t i = 0; i < m->n_rules; i++) {
		m->rules[i].heads.n = 0;
		sw_regex_free(TAKE_PTR(m->rules[i].barred));
	}
	sw_dates_plainly(m->dates);
	if (m->prefix.regex)
		sw_regex_plainly(m->prefix.regex);
}

/* ---- a line */

static int match(struct rule *rule, struct sw_span s)
{
	int r;

	rule->used = rule->regex;
	if (rule->barred && !sw_literal_is_in(rule->need, s.text, s.len))
		rule->used = rule->barred;
	r = sw_regex_match(rule->used, s.text, s.len);
	if (r < 0)
		rule->limits++;
	return r == 1;
}

static void set_time(struct sw_line_result *ret, int64_t time_us)
{
	ret->has_time = true;
	ret->time_us = time_us;
}

static void put_subject(struct sw_matcher *m, const char *line, size_t len, const struct sw_date_match *date)
{
	char *p;

	sw_strbuf_reset(&m->subject);
	p = sw_strbuf_room(&m->subject, len + 1);
	if (!p)
		return;
	memcpy(p, line, date->start);
	memcpy(p + date->start, line + date->end, len - date->end);
	len -= date->end - date->start;
	p[len] = '\n';
	sw_strbuf_grow(&m->subject, len + 1);
}

/* Cuts the date out of the line into m->subject, and says when it was. */
static void cut_date(struct sw_matcher *m, const char *line, size_t len, struct sw_line_result *ret)
{
	int64_t now_us = sw_clock_wall_ns(m->clock) / 1000;
	struct sw_date_match date = {};
	bool is_recent = m->last_time_us && m->last_time_us > now_us - LAST_DATE_SEC * 1000000ll;
	int found = 0;

	if (m->filter->is_journal)
		set_time(ret, now_us);
	else
		found = sw_dates_find(m->dates, line, len, now_us / 1000000, &date);
	if (date.has_time) {
		m->last_time_us = date.time_us;
		set_time(ret, date.time_us);
	} else if (!ret->has_time && is_recent) {
		set_time(ret, m->last_time_us);
	} else if (found && date.start == date.end) {
		set_time(ret, now_us); /* the filter says that there is no date */
	}
	if (!date.has_time && is_recent)
		date.start = date.end = 0; /* as fail2ban has it: what is no day stays beside a known time */
	put_subject(m, line, len, &date);
}

/* Which of ignoreregex matches, from 1. */
static unsigned int ignored_by(struct sw_matcher *m, struct sw_span s)
{
	for (size_t i = 0; i < m->n_ignores; i++)
		if (match(&m->ignores[i], s)) {
			m->ignores[i].hits++;
			return (unsigned int)i + 1;
		}
	return 0;
}

/* As the line has it, which is the evidence; a network with the length that was said. */
static struct sw_span host_text(struct sw_matcher *m, const struct sw_fields *fields)
{
	enum sw_field field = SW_FIELD_FID;
	struct sw_span host = sw_fields_host(fields, &field), cidr = fields->f[SW_FIELD_CIDR];
	int n;

	if (!cidr.len || (field != SW_FIELD_IP4 && field != SW_FIELD_IP6))
		return host;
	n = snprintf(m->host, sizeof(m->host), "%.*s/%.*s", (int)SW_MIN(host.len, 48u), host.text,
		(int)SW_MIN(cidr.len, 4u), cidr.text);
	return (struct sw_span){m->host, (size_t)n};
}

/* Few rules have connections to join, and their table is the most of a matcher's memory. */
static bool has_connections(struct sw_matcher *m)
{
	return m->connections || sw_mlf_new(&m->connections) >= 0;
}

static void judge(struct sw_matcher *m, struct sw_fields *fields, struct sw_line_result *ret)
{
	enum sw_mlf_state state = SW_MLF_FAILURE;
	enum sw_field field;

	if (fields->f[SW_FIELD_MLFID].text && has_connections(m))
		state = sw_mlf_merge(m->connections, fields, ret->has_time, ret->time_us);
	else if (fields->f[SW_FIELD_NOFAIL].len)
		state = SW_MLF_NOFAIL;
	else if (!m->filter->is_hostless && !sw_fields_host(fields, &field).text)
		state = SW_MLF_PENDING;
	ret->state = state == SW_MLF_FAILURE ? SW_LINE_MATCHED
		: state == SW_MLF_NOFAIL     ? SW_LINE_NOFAIL
					     : SW_LINE_PENDING;
	ret->user = fields->f[SW_FIELD_USER];
	ret->forwarded = fields->f[SW_FIELD_FORWARDED];
	if (state == SW_MLF_FAILURE)
		ret->host = host_text(m, fields);
}

/* The lines that the rule matched leave the window; *ret is their text, which ignoreregex is asked about. */
static void take_lines(struct sw_matcher *m, const struct rule *rule, struct sw_span *ret)
{
	struct sw_span skipped[SKIPS_MAX];

	for (unsigned int i = 0; i < rule->n_skips; i++)
		skipped[i] = sw_regex_span(rule->regex, rule->skips[i]);
	*ret = sw_window_take(m->window, sw_regex_span(rule->regex, 0), skipped, rule->n_skips);
}

/* What the rules are tried against: the window, the line, or what prefregex leaves of either. */
static bool prepare(struct sw_matcher *m, struct sw_fields *fields, struct sw_span *ret)
{
	struct sw_span content;

	*ret = m->window ? sw_window_text(m->window)
			 : (struct sw_span){m->subject.text, m->subject.len};
	if (!m->prefix.regex)
		return true;
	if (!match(&m->prefix, *ret))
		return false;
	sw_fields_take(fields, &m->prefix.groups, m->prefix.regex);
	content = fields->f[SW_FIELD_CONTENT];
	if (m->is_content_rest)
		content.len = (size_t)(ret->text + ret->len - 1 - content.text);
	if (!content.len)
		return true;
	/* up to the newline at the end, as mostly: the line itself serves */
	if (!m->window && content.text + content.len + 1 == ret->text + ret->len) {
		*ret = (struct sw_span){content.text, content.len + 1};
		return true;
	}
	sw_strbuf_reset(&m->content);
	sw_strbuf_add(&m->content, content.text, content.len);
	sw_strbuf_putc(&m->content, '\n');
	*ret = (struct sw_span){m->content.text, m->content.len};
	return !m->content.is_failed;
}

/* Of the rules of the set, in the filter's order. */
static struct rule *first_match(struct sw_matcher *m, const struct sw_rule_set *set, struct sw_span text)
{
	for (size_t first = 0; first < m->n_rules; first += 64)
		for (uint64_t left = set->words[first / 64]; left; left &= left - 1) {
			size_t i = first + (size_t)__builtin_ctzll(left);

			if (i < m->n_rules && sw_heads_fit(&m->rules[i].heads, text.text, text.len) &&
				match(&m->rules[i], text))
				return &m->rules[i];
		}
	return NULL;
}

static void try_rules(
	struct sw_matcher *m, const struct sw_rule_set *set, struct sw_line_result *ret)
{
	struct sw_fields fields = {};
	struct sw_span whole = {m->subject.text, m->subject.len}, text, asked;
	struct rule *rule;

	if (!prepare(m, &fields, &text))
		return;
	rule = first_match(m, set, text);
	if (!rule)
		return;
	ret->rule = (unsigned int)(rule - m->rules) + 1;
	rule->hits++;
	sw_fields_take(&fields, &rule->groups, rule->used);
	asked = m->is_ignore_whole ? whole : text;
	if (m->window && text.text == sw_strbuf_get(&m->content))
		sw_window_clear(m->window);
	ret->ignored = m->window ? 0 : ignored_by(m, asked);
	if (!ret->ignored)
		judge(m, &fields, ret);
	if (m->window && text.text != sw_strbuf_get(&m->content)) {
		take_lines(m, rule, &asked);
		ret->ignored = ignored_by(m, asked);
	}
	if (ret->ignored)
		ret->state = SW_LINE_IGNORED;
	else if (ret->state == SW_LINE_MATCHED && ret->rule > m->n_rules - m->filter->n_success)
		ret->state = SW_LINE_SUCCESS;
}

int sw_matcher_line(struct sw_matcher *m, const char *line, size_t len, struct sw_line_result *ret)
{
	struct sw_rule_set set;
	bool is_hopeful = true;

	*ret = (struct sw_line_result){};
	while (len && (line[len - 1] == '\r' || line[len - 1] == '\n'))
		len--;
	if (m->is_plain) {
		memset(&set, 0xff, sizeof(set));
	} else if (m->is_prefilter_first) {
		is_hopeful = sw_prefilter_scan(m->prefilter, line, len, &set);
		if (!is_hopeful && !m->wants_time)
			return 0;
	}
	cut_date(m, line, len, ret);
	if (m->subject.is_failed)
		return 0;
	if (!m->is_prefilter_first && !m->is_plain)
		is_hopeful = sw_prefilter_scan(m->prefilter, m->subject.text, m->subject.len, &set);
	if (m->window && sw_window_push(m->window, m->subject.text, m->subject.len - 1) < 0)
		return 0;
	if (is_hopeful)
		try_rules(m, &set, ret);
	return ret->state == SW_LINE_MATCHED;
}

const struct sw_prefilter *sw_matcher_prefilter(const struct sw_matcher *m)
{
	return m->is_prefilter_first && !m->wants_time && !m->is_plain ? m->prefilter : NULL;
}

/* ---- what was counted */

static bool stat_of(const struct rule *rules, size_t n, size_t i, struct sw_rule_stat *ret)
{
	if (i >= n)
		return false;
	*ret = (struct sw_rule_stat){
		.regex = rules[i].source, .hits = rules[i].hits, .limits = rules[i].limits};
	return true;
}

bool sw_matcher_rule(const struct sw_matcher *m, size_t i, struct sw_rule_stat *ret)
{
	return stat_of(m->rules, m->n_rules, i, ret);
}

bool sw_matcher_ignore(const struct sw_matcher *m, size_t i, struct sw_rule_stat *ret)
{
	return stat_of(m->ignores, m->n_ignores, i, ret);
}

size_t sw_matcher_slow_rules(const struct sw_matcher *m)
{
	return m->n_slow;
}

// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/logs/ruleset.h"

#include "user/base/cidr.h"
#include "user/base/when.h"
#include "user/logs/matcher.h"
#include "user/logs/prefilter.h"
#include "user/logs/rules_image.h"

enum { USER_MAX = 128, HOST_TEXT_MAX = 256 };

/* One rule over one source. */
struct reader {
	const struct sw_log_rule *rule;
	struct sw_f2b_filter *filter;
	struct sw_matcher *matcher; /* NULL: its expressions do not compile */
};

struct source {
	struct sw_log_source says;
	const char **matches;
	__u32 *rules;
	struct reader *readers; /* n of says.n_rules; NULL until its first line */
	struct sw_prefilter *prefilter; /* which of them a line may concern; NULL: all (one, or too many) */
};

struct sw_ruleset {
	void *image;
	struct sw_rules_view v;
	struct sw_log_rule *rules;
	struct source *sources;
	struct sw_clock clock; /* set to the time of the line */
	struct sw_strbuf error;
	uint64_t lines, hits;
	bool is_plain;
	char user[USER_MAX], host[HOST_TEXT_MAX];
};

/* ---- making one */

static void tell_rule(
	const struct sw_rules_view *v, const struct sw_rules_rule *r, struct sw_log_rule *ret)
{
	*ret = (struct sw_log_rule){
		.name = sw_rules_text(v, r->name),
		.about = sw_rules_text(v, r->about),
		.origin = sw_rules_text(v, r->origin),
		.state = (enum sw_rule_state)r->state,
		.severity = (enum sw_severity)r->severity,
		.action = (enum sw_log_action)r->action,
		.track = (enum sw_log_track)r->track,
		.count = r->count,
		.window_sec = r->window_sec,
		.ban_for_sec = r->ban_sec,
		.is_increment = r->flags & SW_RULE_INCREMENT,
		.factor = r->factor_milli / 1000.0,
		.max_ban_sec = r->max_ban_sec,
		.random_sec = r->random_sec,
		.multipliers = v->numbers + r->multipliers.first,
		.n_multipliers = r->multipliers.n,
		.throttle_sec = r->throttle_sec,
		.is_proven = r->flags & SW_RULE_PROVEN,
		.is_packaged = !(r->flags & SW_RULE_FROM_USER),
		.exec = r->exec.len ? sw_rules_text(v, r->exec) : NULL,
		.ignore = v->nets + r->ignore.first,
		.n_ignore = r->ignore.n,
		.when = v->whens + r->when.first,
		.n_when = r->when.n,
		.sources = v->numbers + r->sources.first,
		.n_sources = r->sources.n,
	};
}

/* The rules that read source i. */
static int list_readers(struct sw_ruleset *rs, __u32 i)
{
	struct source *s = &rs->sources[i];

	s->rules = calloc(rs->v.head->n_rules + 1, sizeof(*s->rules));
	if (!s->rules)
		return -ENOMEM;
	for (__u32 k = 0; k < rs->v.head->n_rules; k++) {
		const struct sw_log_rule *r = &rs->rules[k];

		for (size_t n = 0; n < r->n_sources && r->state != SW_RULE_OFF; n++)
			if (r->sources[n] == i) {
				s->rules[s->says.n_rules++] = k;
				break;
			}
	}
	s->says.rules = s->rules;
	return 0;
}

static int tell_source(struct sw_ruleset *rs, __u32 i)
{
	const struct sw_rules_source *in = &rs->v.sources[i];
	struct source *s = &rs->sources[i];

	s->matches = calloc(in->matches.n + 1, sizeof(*s->matches));
	if (!s->matches)
		return -ENOMEM;
	for (__u32 k = 0; k < in->matches.n; k++)
		s->matches[k] = sw_rules_text(&rs->v, rs->v.texts[in->matches.first + k]);
	s->says = (struct sw_log_source){
		.kind = (enum sw_log_source_kind)in->kind,
		.name = sw_rules_text(&rs->v, in->name),
		.path = sw_rules_text(&rs->v, in->path),
		.journal_matches = s->matches,
		.n_journal_matches = in->matches.n,
		.unless = rs->v.numbers + in->unless.first,
		.n_unless = in->unless.n,
	};
	return list_readers(rs, i);
}

static int build(struct sw_ruleset *rs)
{
	const struct sw_rules_head *h = rs->v.head;
	int r = 0;

	rs->rules = calloc(h->n_rules + 1, sizeof(*rs->rules));
	rs->sources = calloc(h->n_sources + 1, sizeof(*rs->sources));
	if (!rs->rules || !rs->sources)
		return -ENOMEM;
	for (__u32 i = 0; i < h->n_rules; i++)
		tell_rule(&rs->v, &rs->v.rules[i], &rs->rules[i]);
	for (__u32 i = 0; i < h->n_sources && !r; i++)
		r = tell_source(rs, i);
	return r;
}

int sw_ruleset_new(struct sw_ruleset **ret, const void *image, size_t size, struct sw_strbuf *err)
{
	_cleanup_(sw_ruleset_freep) struct sw_ruleset *rs = calloc(1, sizeof(*rs));
	const char *why = "";
	int r;

	if (!rs)
		return -ENOMEM;
	rs->clock.is_manual = true;
	rs->image = malloc(size ? size : 1);
	if (!rs->image)
		return -ENOMEM;
	memcpy(rs->image, image, size);
	r = sw_rules_view_open(&rs->v, rs->image, size, &why);
	if (r < 0) {
		sw_strbuf_printf(err, "the image of the rules: %s", why);
		return r;
	}
	r = build(rs);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(rs);
	return 0;
}

static void free_readers(struct source *s)
{
	for (size_t i = 0; s->readers && i < s->says.n_rules; i++) {
		sw_matcher_free(s->readers[i].matcher);
		sw_f2b_free(s->readers[i].filter);
	}
	free(s->readers);
	sw_prefilter_free(s->prefilter);
}

void sw_ruleset_free(struct sw_ruleset *rs)
{
	if (!rs)
		return;
	for (__u32 i = 0; rs->sources && i < rs->v.head->n_sources; i++) {
		free_readers(&rs->sources[i]);
		free(rs->sources[i].matches);
		free(rs->sources[i].rules);
	}
	free(rs->sources);
	free(rs->rules);
	free(rs->image);
	sw_strbuf_done(&rs->error);
	free(rs);
}

void sw_ruleset_freep(struct sw_ruleset **rs)
{
	sw_ruleset_free(*rs);
}

size_t sw_ruleset_n_sources(const struct sw_ruleset *rs)
{
	return rs->v.head->n_sources;
}

const struct sw_log_source *sw_ruleset_source(const struct sw_ruleset *rs, size_t i)
{
	return i < rs->v.head->n_sources ? &rs->sources[i].says : NULL;
}

size_t sw_ruleset_n_rules(const struct sw_ruleset *rs)
{
	return rs->v.head->n_rules;
}

const struct sw_log_rule *sw_ruleset_rule(const struct sw_ruleset *rs, size_t i)
{
	return i < rs->v.head->n_rules ? &rs->rules[i] : NULL;
}

const struct sw_log_rule *sw_ruleset_find(const struct sw_ruleset *rs, const char *name)
{
	for (size_t i = 0; i < sw_ruleset_n_rules(rs); i++)
		if (sw_streq(sw_ruleset_rule(rs, i)->name, name))
			return sw_ruleset_rule(rs, i);
	return NULL;
}

size_t sw_ruleset_n_left_out(const struct sw_ruleset *rs)
{
	return rs->v.head->n_left_out;
}

const char *sw_ruleset_error(const struct sw_ruleset *rs)
{
	return sw_strbuf_get(&rs->error);
}

/* ---- the expressions of a source */

/* Adds them to what is there. */
static int take_texts(
	const struct sw_rules_view *v, struct sw_rules_part part, struct sw_f2b_list *ret)
{
	char **more = realloc(ret->text, (ret->n + part.n + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	ret->text = more;
	for (__u32 i = 0; i < part.n; i++) {
		more[ret->n] = strdup(sw_rules_text(v, v->texts[part.first + i]));
		if (!more[ret->n])
			return -ENOMEM;
		ret->n++;
	}
	return 0;
}

static int make_filter(const struct sw_rules_view *v, const struct sw_rules_rule *r,
	bool is_journal, struct sw_f2b_filter **ret)
{
	_cleanup_(sw_f2b_freep) struct sw_f2b_filter *f = calloc(1, sizeof(*f));
	int k;

	if (!f)
		return -ENOMEM;
	f->is_journal = is_journal;
	f->is_hostless = r->track == SW_TRACK_USER || r->track == SW_TRACK_RULE;
	f->maxlines = r->max_lines;
	f->name = strdup(sw_rules_text(v, r->name));
	if (r->prefix.len)
		f->prefregex = strdup(sw_rules_text(v, r->prefix));
	if (!f->name || (r->prefix.len && !f->prefregex))
		return -ENOMEM;
	f->n_success = r->success.n;
	k = take_texts(v, r->match, &f->failregex);
	if (!k)
		k = take_texts(v, r->success, &f->failregex);
	if (!k)
		k = take_texts(v, r->except, &f->ignoreregex);
	if (!k)
		k = take_texts(v, r->dates, &f->datepattern);
	if (!k)
		*ret = TAKE_PTR(f);
	return k;
}

size_t sw_ruleset_sample_source(const struct sw_ruleset *rs, const struct sw_log_rule *r, bool is_journal)
{
	for (size_t i = 0; i < r->n_sources; i++) {
		if (!is_journal || rs->sources[r->sources[i]].says.kind == SW_LOG_JOURNAL)
			return r->sources[i];
	}
	return SIZE_MAX;
}

int sw_ruleset_filter(
	const struct sw_ruleset *rs, size_t i, bool is_journal, struct sw_f2b_filter **ret)
{
	return make_filter(&rs->v, &rs->v.rules[i], is_journal, ret);
}

/* One pass over a line for the rules of all readers, most of which it does not concern. */
static int join_prefilters(struct source *s)
{
	_free_ const struct sw_prefilter **parts = calloc(s->says.n_rules + 1, sizeof(*parts));
	int r;

	if (s->says.n_rules < 2)
		return 0; /* the reader's own does as well */
	if (!parts)
		return -ENOMEM;
	for (size_t i = 0; i < s->says.n_rules; i++)
		if (s->readers[i].matcher)
			parts[i] = sw_matcher_prefilter(s->readers[i].matcher);
	r = sw_prefilter_join(&s->prefilter, parts, s->says.n_rules);
	return r == -E2BIG ? 0 : r;
}

static int compile_source(struct sw_ruleset *rs, struct source *s)
{
	int worst = 0, r;

	s->readers = calloc(s->says.n_rules + 1, sizeof(*s->readers));
	if (!s->readers)
		return -ENOMEM;
	for (size_t i = 0; i < s->says.n_rules; i++) {
		struct reader *reader = &s->readers[i];
		_strbuf_ struct sw_strbuf err = {};

		reader->rule = &rs->rules[s->rules[i]];
		r = make_filter(&rs->v, &rs->v.rules[s->rules[i]], s->says.kind == SW_LOG_JOURNAL,
			&reader->filter);
		if (!r)
			r = sw_matcher_new(&reader->matcher, reader->filter, &rs->clock, &err);
		if (r < 0) {
			worst = r;
			sw_strbuf_printf(&rs->error, "%srule '%s' (%s): %s",
				rs->error.len ? "; " : "", reader->rule->name, reader->rule->origin,
				err.len ? sw_strbuf_get(&err) : strerror(-r));
		} else if (rs->is_plain) {
			sw_matcher_plainly(reader->matcher);
		}
	}
	r = rs->is_plain ? 0 : join_prefilters(s);
	return r < 0 ? r : worst;
}

/* ---- a line */

bool sw_log_rule_ignores(const struct sw_log_rule *r, const struct sw_net *host)
{
	for (size_t i = 0; i < r->n_ignore; i++)
		if (sw_net_contains(&r->ignore[i], host))
			return true;
	return false;
}

static const char *copy_span(char *buf, size_t size, struct sw_span s)
{
	size_t n = s.text ? SW_MIN(s.len, size - 1) : 0;

	if (n)
		memcpy(buf, s.text, n);
	buf[n] = 0;
	return buf;
}

/* A server writes "-" for a header that did not come. */
static bool is_header(struct sw_span s)
{
	return s.text && s.len && !(s.len == 1 && *s.text == '-');
}

static bool tell_hit(struct sw_ruleset *rs, const struct sw_log_rule *rule,
	const struct sw_line_result *res, struct sw_span line, int64_t now_sec, sw_log_hit_fn fn,
	void *arg)
{
	struct sw_log_hit hit = {
		.rule = rule,
		.expression = res->rule,
		.is_success = res->state == SW_LINE_SUCCESS,
		.host_text = copy_span(rs->host, sizeof(rs->host), res->host),
		.user = copy_span(rs->user, sizeof(rs->user), res->user),
		.time_sec = res->has_time ? res->time_us / 1000000 : now_sec,
		.line = line.text,
		.line_len = line.len,
	};

	if (is_header(res->forwarded)) {
		hit.forwarded = res->forwarded.text;
		hit.forwarded_len = res->forwarded.len;
	}
	hit.has_host =
		res->host.text && sw_cidr_parse(res->host.text, res->host.len, &hit.host) == 0;
	if ((hit.has_host && !hit.forwarded && sw_log_rule_ignores(rule, &hit.host)) ||
		(rule->n_when && !sw_whens_have(rule->when, rule->n_when, hit.time_sec)))
		return false;
	rs->hits += !hit.is_success;
	fn(arg, &hit);
	return !hit.is_success;
}

/* Hands the line to one reader; how many hits that were. */
static int read_line(struct sw_ruleset *rs, const struct reader *reader, struct sw_span line, int64_t now_sec,
	sw_log_hit_fn fn, void *arg)
{
	struct sw_line_result res;

	return reader->matcher &&
		(sw_matcher_line(reader->matcher, line.text, line.len, &res) || res.state == SW_LINE_SUCCESS) &&
		tell_hit(rs, reader->rule, &res, line, now_sec, fn, arg);
}

void sw_ruleset_plainly(struct sw_ruleset *rs)
{
	rs->is_plain = true;
}

int sw_ruleset_feed(struct sw_ruleset *rs, size_t source, const char *line, size_t len,
	int64_t now_sec, sw_log_hit_fn fn, void *arg)
{
	struct sw_span text = {line, len};
	struct sw_rule_set set;
	int n = 0, r = 0;
	struct source *s;

	if (source >= rs->v.head->n_sources)
		return -EINVAL;
	s = &rs->sources[source];
	if (!s->readers)
		r = compile_source(rs, s);
	if (!s->readers)
		return r;
	rs->lines++;
	rs->clock.manual_wall_ns = now_sec * (int64_t)SW_SEC_NS;
	if (s->prefilter && !sw_prefilter_scan(s->prefilter, line, len, &set))
		return r < 0 ? r : 0;
	for (size_t i = 0; i < s->says.n_rules; i++)
		if (!s->prefilter || sw_rule_set_has(&set, i))
			n += read_line(rs, &s->readers[i], text, now_sec, fn, arg);
	return r < 0 ? r : n;
}

/* ---- what was counted */

static uint64_t limits_of(const struct sw_matcher *m)
{
	struct sw_rule_stat stat;
	uint64_t n = 0;

	for (size_t i = 0; sw_matcher_rule(m, i, &stat); i++)
		n += stat.limits;
	for (size_t i = 0; sw_matcher_ignore(m, i, &stat); i++)
		n += stat.limits;
	return n;
}

void sw_ruleset_stat(const struct sw_ruleset *rs, struct sw_ruleset_stat *ret)
{
	*ret = (struct sw_ruleset_stat){.lines = rs->lines, .hits = rs->hits};
	for (__u32 i = 0; i < rs->v.head->n_sources; i++)
		for (size_t k = 0; rs->sources[i].readers && k < rs->sources[i].says.n_rules; k++)
			if (rs->sources[i].readers[k].matcher)
				ret->limits += limits_of(rs->sources[i].readers[k].matcher);
}

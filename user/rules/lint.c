// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/rules/lint.h"

#include <time.h>

#include "user/base/cidr.h"
#include "user/logs/f2b.h"
#include "user/logs/literal.h"
#include "user/logs/regex.h"
#include "user/logs/ruleset.h"

/* Where the first tag stands that takes an address or a name; NULL: none. */
static const char *find_host(const char *text)
{
	static const char *const tags[] = {
		"<HOST>", "<ADDR>", "<IP4>", "<IP6>", "<DNS>", "<SUBNET>", "<CIDR>"};
	const char *first = NULL;

	for (size_t i = 0; i < SW_ARRAY_SIZE(tags); i++) {
		const char *at = strstr(text, tags[i]);

		if (at && (!first || at < first))
			first = at;
	}
	return first;
}

/* A '.' that is repeated, within len bytes: it takes whatever a stranger writes. */
static bool has_any_text(const char *p, size_t len)
{
	for (size_t i = 0; i + 1 < len; i++) {
		if (p[i] == '\\') {
			i++;
		} else if (p[i] == '[') {
			for (i += p[i + 1] == ']' ? 2 : 1; i < len && p[i] != ']'; i++)
				i += p[i] == '\\';
		} else if (p[i] == '.' && strchr("*+{", p[i + 1])) {
			return true;
		}
	}
	return false;
}

/* "^(?!(?:.*TEXT){2})" at the beginning: a line that holds TEXT twice does not match. Its end; text: there is none. */
static const char *skip_guard(const char *text, const char **ret_word, size_t *ret_len)
{
	static const char before[] = "^(?!(?:.*", behind[] = "){2})";
	const char *word = text + sizeof(before) - 1, *end;

	if (strncmp(text, before, sizeof(before) - 1))
		return text;
	end = strstr(word, behind);
	if (!end || end == word || memchr(word, '.', (size_t)(end - word)))
		return text;
	*ret_word = word;
	*ret_len = (size_t)(end - word);
	return end + sizeof(behind) - 1;
}

/* True where the text before the host may be a stranger's, so that he may write a host of his choice before it. */
static bool is_host_behind_any(const char *text, const char *host)
{
	const char *word, *from;
	size_t len = 0;

	from = skip_guard(text, &word, &len);
	for (const char *p = from; len && p + len <= host; p++) {
		if (!strncmp(p, word, len))
			from = p; /* there is one of it: what stands before does not matter */
	}
	return has_any_text(from, (size_t)(host - from));
}

void sw_lint_expression(
	const char *text, const char *rule, const char *origin, sw_lint_fn fn, void *arg)
{
	_strbuf_ struct sw_strbuf tags = {}, plain = {};
	const char *host = find_host(text), *after = host ? strchr(host, '>') + 1 : NULL;
	size_t len = strlen(text);
	bool is_ended = len && text[len - 1] == '$';
	struct sw_literals literals;

	if (*text != '^' && strncmp(text, "(?i)^", 5) != 0)
		fn(arg, rule, origin,
			"an expression is not anchored: a stranger's text elsewhere in the line may match it");
	if (host && is_host_behind_any(text, host) &&
		(!is_ended || has_any_text(after, strlen(after))))
		fn(arg, rule, origin,
			"a greedy match before the host: a stranger may write an address that is taken for his own");
	sw_f2b_tags(&tags, text);
	sw_regex_rewrite(&plain, sw_strbuf_get(&tags));
	if (!sw_literals_find(&literals, sw_strbuf_get(&plain), true))
		fn(arg, rule, origin, "no literal in an expression: each line is tried against it");
}

/* ---- an image and its samples */

struct heard {
	const char *rule;
	unsigned int n;
	char host[SW_NET_TEXT_MAX], forwarded[256];
};

static void hear(void *arg, const struct sw_log_hit *hit)
{
	struct heard *h = arg;

	if (hit->is_success || !sw_streq(hit->rule->name, h->rule))
		return;
	h->n++;
	if (hit->has_host)
		sw_cidr_format(h->host, &hit->host);
	snprintf(h->forwarded, sizeof(h->forwarded), "%.*s", (int)hit->forwarded_len, hit->forwarded ? hit->forwarded : "");
}

static bool is_as_it_says(struct sw_ruleset *rs, const struct sw_log_rule *rule,
	const struct sw_pack_sample *s, char *why, size_t size)
{
	size_t source = sw_ruleset_sample_source(rs, rule, s->is_journal);
	struct heard h = {.rule = s->rule};

	if (source == SIZE_MAX)
		snprintf(why, size, "a line of a journal that the rule does not name: %.200s", s->line);
	else if (sw_ruleset_feed(rs, source, s->line, strlen(s->line), time(NULL), hear, &h) < 0)
		snprintf(why, size, "it cannot be tried: %.200s", sw_ruleset_error(rs));
	else if (!s->host && h.n)
		snprintf(why, size, "a line that must not match does: %.200s", s->line);
	else if (s->host && !h.n)
		snprintf(why, size, "a line that must match does not: %.200s", s->line);
	else if (s->host && !sw_streq(h.host, s->host))
		snprintf(why, size, "a line gives the host '%.50s' and not '%.50s': %.200s", h.host,
			s->host, s->line);
	else if (s->forwarded && !sw_streq(h.forwarded, s->forwarded))
		snprintf(why, size, "a line gives the forwarded '%.60s' and not '%.60s': %.200s",
			h.forwarded, s->forwarded, s->line);
	else
		return true;
	return false;
}

static int try_samples(struct sw_ruleset *rs, const struct sw_pack_sample *samples, size_t n,
	sw_lint_fn fn, void *arg)
{
	int n_wrong = 0;

	for (size_t i = 0; i < n; i++) {
		const struct sw_pack_sample *s = &samples[i];
		const struct sw_log_rule *rule = sw_ruleset_find(rs, s->rule);
		char why[512], place[300];

		/* another pack may have taken the place of this rule, or it is off */
		if (!rule || rule->state == SW_RULE_OFF ||
			strncmp(rule->origin, s->file, strlen(s->file)))
			continue;
		if (is_as_it_says(rs, rule, s, why, sizeof(why)))
			continue;
		snprintf(place, sizeof(place), "%.280s:%u", s->file, s->at);
		fn(arg, s->rule, place, why);
		n_wrong++;
	}
	return n_wrong;
}

static void lint_rules(const struct sw_rules_view *v, const struct sw_pack_sample *samples,
	size_t n, bool wants_samples, sw_lint_fn fn, void *arg)
{
	for (__u32 i = 0; i < v->head->n_rules; i++) {
		const struct sw_rules_rule *r = &v->rules[i];
		const char *name = sw_rules_text(v, r->name), *origin = sw_rules_text(v, r->origin);
		bool has_sample = false;

		for (__u32 k = 0; k < r->match.n; k++)
			sw_lint_expression(sw_rules_text(v, v->texts[r->match.first + k]), name,
				origin, fn, arg);
		for (__u32 k = 0; k < r->success.n; k++)
			sw_lint_expression(sw_rules_text(v, v->texts[r->success.first + k]), name, origin, fn, arg);
		for (size_t k = 0; k < n && !has_sample; k++)
			has_sample = sw_streq(samples[k].rule, name);
		if (!has_sample && wants_samples)
			fn(arg, name, origin,
				"no samples: nothing shows that it matches what it is for");
	}
}

int sw_lint_image(const void *image, size_t size, const struct sw_pack_sample *samples, size_t n,
	bool wants_samples, sw_lint_fn fn, void *arg)
{
	_cleanup_(sw_ruleset_freep) struct sw_ruleset *rs = NULL;
	_strbuf_ struct sw_strbuf err = {};
	struct sw_rules_view v;
	const char *why;
	int r = sw_rules_view_open(&v, image, size, &why);

	if (!r)
		r = sw_ruleset_new(&rs, image, size, &err);
	if (r < 0)
		return r;
	lint_rules(&v, samples, n, wants_samples, fn, arg);
	return try_samples(rs, samples, n, fn, arg);
}

// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/rules/pack.h"

#include "sockwarden/model/finding.h"
#include "user/base/cidr.h"
#include "user/base/clock.h"
#include "user/conf/value.h"
#include "user/logs/f2b.h"
#include "user/logs/fields.h"
#include "user/base/when.h"

enum { LIST_MAX = 128 /* elements of one list of a rule */ };

/* The scalars of a rule, as the rows set them. */
struct scalars {
	char name[SW_RULES_NAME_MAX], about[256], threshold[48], program[128], prefix[2048],
		exec[48], fail2ban[512];
	char factor[16], ban_for[24], max_ban[24], random[24], throttle[24];
	__u32 state, severity, action, track, is_proven, is_increment, max_lines;
};

static const char *const track_words[] = {"address", "user", "both", "rule"};
static const char *const action_words[] = {"observe", "alert", "ban"};
static const char *const state_words[] = {"auto", "on", "off"};
static const char *const severity_words[] = {
#define SEVERITY_WORD(id, word) word,
	SW_SEVERITIES(SEVERITY_WORD)
#undef SEVERITY_WORD
};

#define WORDS(array)                                                                               \
	&(const struct sw_conf_words)                                                              \
	{                                                                                          \
		array, SW_ARRAY_SIZE(array), 0                                                     \
	}
#define AT(member) offsetof(struct scalars, member), sizeof(((struct scalars *)0)->member)

/* clang-format off */
const struct sw_conf_row sw_pack_rows[] = {
	{"name", SW_CONF_NAME, AT(name), NULL, 0, 0, NULL, "The rule's name; one of rules.d takes the place of a packaged one."},
	{"about", SW_CONF_TEXT, AT(about), "", 0, 0, NULL, "What it finds, in a sentence."},
	{"enabled", SW_CONF_WORD, AT(state), "auto", 0, 0, WORDS(state_words), "auto: on where one of its logs exists."},
	{"threshold", SW_CONF_TEXT, AT(threshold), "5 in 10m", 0, 0, NULL, "Hits that are one too many: 'n in t', 'n', or 'at once'."},
	{"track", SW_CONF_WORD, AT(track), "address", 0, 0, WORDS(track_words), "Whose hits are counted together."},
	{"ban_for", SW_CONF_TEXT, AT(ban_for), "", 0, 0, NULL, "How long a ban lasts; left out it is bans.length."},
	{"increment", SW_CONF_BOOL, AT(is_increment), "false", 0, 0, NULL, "Each further ban of the same lasts longer."},
	{"factor", SW_CONF_TEXT, AT(factor), "2", 0, 0, NULL, "How much longer, where no multipliers are given."},
	{"max_ban", SW_CONF_TEXT, AT(max_ban), "", 0, 0, NULL, "The longest of them."},
	{"random", SW_CONF_TEXT, AT(random), "", 0, 0, NULL, "A random part that is added to them."},
	{"severity", SW_CONF_WORD, AT(severity), "medium", 0, 0, WORDS(severity_words), "Of its findings."},
	{"action", SW_CONF_WORD, AT(action), "ban", 0, 0, WORDS(action_words), "observe tells whom it would ban, alert tells, ban bans as well."},
	{"proven", SW_CONF_BOOL, AT(is_proven), "true", 0, 0, NULL, "The service is TCP's or the like: the address is no forgery."},
	{"throttle", SW_CONF_TEXT, AT(throttle), "", 0, 0, NULL, "Tell of the same at most once in this time."},
	{"exec", SW_CONF_TEXT, AT(exec), "", 0, 0, NULL, "Name of an action of the configuration."},
	{"program", SW_CONF_TEXT, AT(program), "", 0, 0, NULL, "Name in syslog's head, an expression; what follows 'NAME[PID]: ' is matched."},
	{"prefix", SW_CONF_TEXT, AT(prefix), "", 0, 0, NULL, "An expression that each line must match first; <F-CONTENT> is then matched."},
	{"lines", SW_CONF_U32, AT(max_lines), "1", 1, SW_F2B_MAXLINES_MAX, NULL, "Lines that one expression may span."},
	{"fail2ban", SW_CONF_TEXT, AT(fail2ban), "", 0, 0, NULL, "A filter of fail2ban, PATH[option=value], in place of match."},
	{},
};
/* clang-format on */

const char *sw_log_track_word(unsigned int track)
{
	return track < SW_ARRAY_SIZE(track_words) ? track_words[track] : "?";
}

const char *sw_log_action_word(unsigned int action)
{
	return action < SW_ARRAY_SIZE(action_words) ? action_words[action] : "?";
}

const char *sw_rule_state_word(unsigned int state)
{
	return state < SW_ARRAY_SIZE(state_words) ? state_words[state] : "?";
}

/* One rule being read: its lists are texts of the tree, borrowed. */
struct texts {
	char *text[LIST_MAX];
	size_t n;
};
struct rule {
	const struct sw_pack *pack;
	struct sw_conf_reader *in;
	const struct sw_conf_node *map;
	const char *key; /* "rules[3]" */
	struct scalars s;
	struct texts match, except, success, dates, files, journal, ignore, when, multipliers;
	const struct sw_conf_node *samples;
	struct sw_regex_pool *pool;
};

/* Lists by key, and who reads an element's text before it is taken. */
typedef bool (*element_fn)(struct rule *r, const struct sw_conf_node *v, const char *key);

static bool is_expression(struct rule *r, const struct sw_conf_node *v, const char *key)
{
	_strbuf_ struct sw_strbuf text = {};
	struct sw_regex *re = NULL;
	char why[SW_REGEX_ERR_MAX];
	int k;

	sw_f2b_tags(&text, v->text);
	k = sw_regex_new(&re, r->pool, sw_strbuf_get(&text), 0, why);
	sw_regex_free(re);
	if (k < 0)
		sw_conf_report(r->in, v, key, why);
	return k >= 0;
}

static bool is_login(struct rule *r, const struct sw_conf_node *v, const char *key)
{
	if (strstr(v->text, "<F-USER>"))
		return is_expression(r, v, key);
	sw_conf_report(r->in, v, key, "names no <F-USER>: a login forgives the failures of that user alone");
	return false;
}

static bool is_file(struct rule *r, const struct sw_conf_node *v, const char *key)
{
	_strbuf_ struct sw_strbuf why = {};

	if (sw_conf_check_path(v->text, &why) >= 0)
		return true;
	sw_conf_report(r->in, v, key, sw_strbuf_get(&why));
	return false;
}

static bool is_net(struct rule *r, const struct sw_conf_node *v, const char *key)
{
	struct sw_net net;

	if (sw_cidr_parse(v->text, SIZE_MAX, &net) >= 0)
		return true;
	sw_conf_report(r->in, v, key, "not an address or a network such as 192.0.2.0/24");
	return false;
}

static bool is_when(struct rule *r, const struct sw_conf_node *v, const char *key)
{
	struct sw_rules_when w;

	if (sw_when_parse(v->text, &w) >= 0)
		return true;
	sw_conf_report(r->in, v, key,
		"not hours such as 'mon-fri 08:00-18:00', '22:00-06:00' or 'sat,sun'");
	return false;
}

static bool is_any(struct rule *r, const struct sw_conf_node *v, const char *key)
{
	return *v->text;
}

static bool is_multiplier(struct rule *r, const struct sw_conf_node *v, const char *key)
{
	char *end;
	unsigned long n = strtoul(v->text, &end, 10);

	if (*v->text && !*end && n && n <= UINT32_MAX)
		return true;
	sw_conf_report(r->in, v, key, "not a whole number from 1");
	return false;
}

static const struct {
	const char *key;
	size_t offset;
	element_fn is_good;
} lists[] = {
	{"match", offsetof(struct rule, match), is_expression},
	{"except", offsetof(struct rule, except), is_expression},
	{"success", offsetof(struct rule, success), is_login},
	{"date", offsetof(struct rule, dates), is_any},
	{"files", offsetof(struct rule, files), is_file},
	{"journal", offsetof(struct rule, journal), is_any},
	{"ignore", offsetof(struct rule, ignore), is_net},
	{"when", offsetof(struct rule, when), is_when},
	{"multipliers", offsetof(struct rule, multipliers), is_multiplier},
};

static void take_element(struct rule *r, const struct sw_conf_node *v, const char *key,
	struct texts *to, element_fn is_good)
{
	if (v->kind != SW_CONF_SCALAR)
		sw_conf_report(r->in, v, key, "wants a text");
	else if (to->n >= LIST_MAX)
		sw_conf_report(r->in, v, key, "too many entries");
	else if (is_good(r, v, key))
		to->text[to->n++] = v->text;
}

/* A list, or a text alone for a list of one. */
static void read_list(struct rule *r, const struct sw_conf_node *v, const char *key,
	struct texts *to, element_fn is_good)
{
	char name[SW_CONF_KEY_MAX + 16];
	int i = 0;

	if (sw_conf_node_is_null(v))
		return;
	if (v->kind != SW_CONF_LIST) {
		take_element(r, v, key, to, is_good);
		return;
	}
	for (int at = v->first; at >= 0; at = sw_conf_at(r->in, at)->next) {
		snprintf(name, sizeof(name), "%s[%d]", key, ++i);
		take_element(r, sw_conf_at(r->in, at), name, to, is_good);
	}
}

static const struct sw_conf_row *find_row(const char *key)
{
	for (const struct sw_conf_row *row = sw_pack_rows; row->key; row++)
		if (sw_streq(row->key, key))
			return row;
	return NULL;
}

static void tell_unknown(struct rule *r, const struct sw_conf_node *key, const char *full)
{
	const char *words[64], *near;
	char what[96];
	size_t n = 0;

	for (const struct sw_conf_row *row = sw_pack_rows; row->key; row++)
		words[n++] = row->key;
	for (size_t i = 0; i < SW_ARRAY_SIZE(lists); i++)
		words[n++] = lists[i].key;
	words[n++] = "samples";
	near = sw_nearest(key->text, words, n);
	snprintf(
		what, sizeof(what), near ? "unknown key: did you mean '%s'?" : "unknown key", near);
	sw_conf_report(r->in, key, full, what);
}

static void read_key(struct rule *r, const struct sw_conf_node *key, const struct sw_conf_node *v)
{
	const struct sw_conf_row *row = find_row(key->text);
	char full[SW_CONF_KEY_MAX];

	sw_conf_join_key(full, r->key, key->text);
	if (row) {
		sw_conf_read_scalar(r->in, row, &r->s, v, full);
		return;
	}
	if (sw_streq(key->text, "samples")) {
		r->samples = v;
		return;
	}
	for (size_t i = 0; i < SW_ARRAY_SIZE(lists); i++)
		if (sw_streq(lists[i].key, key->text)) {
			read_list(r, v, full, (struct texts *)((char *)r + lists[i].offset),
				lists[i].is_good);
			return;
		}
	tell_unknown(r, key, full);
}

/* ---- samples */

static const char *text_of(struct rule *r, const struct sw_conf_node *map, const char *name)
{
	for (int at = map->first; at >= 0; sw_conf_step_pair(r->in, &at)) {
		const struct sw_conf_node *key = sw_conf_at(r->in, at),
					  *v = sw_conf_at(r->in, key->next);

		if (key->kind == SW_CONF_SCALAR && v->kind == SW_CONF_SCALAR &&
			sw_streq(key->text, name))
			return v->text;
	}
	return NULL;
}

static void read_sample(
	struct rule *r, const struct sw_conf_node *v, const char *key, bool is_match)
{
	struct sw_pack_sample s = {.rule = r->s.name, .file = r->pack->file, .at = v->line};
	const char *journal;

	if (v->kind == SW_CONF_MAP) {
		s.line = text_of(r, v, "line");
		s.host = text_of(r, v, "host");
		s.forwarded = text_of(r, v, "forwarded");
		journal = text_of(r, v, "journal");
		s.is_journal = journal && sw_streq(journal, "true");
	} else if (v->kind == SW_CONF_SCALAR) {
		s.line = v->text;
	}
	if (!s.line || is_match != (s.host != NULL)) {
		sw_conf_report(
			r->in, v, key, is_match ? "wants {host, line}" : "wants a line as a text");
		return;
	}
	if (r->pack->sample)
		r->pack->sample(r->pack->arg, &s);
}

static void read_samples(struct rule *r)
{
	char full[SW_CONF_KEY_MAX];
	int value;

	sw_conf_join_key(full, r->key, "samples");
	if (r->samples->kind != SW_CONF_MAP) {
		sw_conf_report_kind(r->in, r->samples, full, NULL);
		return;
	}
	for (int at = r->samples->first; sw_conf_next_pair(r->in, r->samples, full, &at, &value);
		sw_conf_step_pair(r->in, &at)) {
		const struct sw_conf_node *key = sw_conf_at(r->in, at),
					  *v = sw_conf_at(r->in, value);
		bool is_match = sw_streq(key->text, "match");

		if (!is_match && !sw_streq(key->text, "other"))
			sw_conf_report(
				r->in, key, full, "unknown key: 'match' and 'other' are known");
		else if (v->kind != SW_CONF_LIST)
			sw_conf_report(r->in, v, full, "wants a list");
		else
			for (int i = v->first; i >= 0; i = sw_conf_at(r->in, i)->next)
				read_sample(r, sw_conf_at(r->in, i), full, is_match);
	}
}

/* ---- to the image */

/* What syslog and the journal put before a program's words: "HOST NAME[PID]: ", the date being cut out. */
static void make_prefix(struct rule *r)
{
	char *p = r->s.prefix;

	if (!*p && r->s.program[0])
		snprintf(p, sizeof(r->s.prefix),
			"^\\s*(?:\\S+ )?(?:%s)(?:\\[\\d+\\])?: <F-CONTENT>.+</F-CONTENT>$",
			r->s.program);
}

/* fail2ban's filter in place of the rule's own expressions. Its texts stay with *ret. */
static bool load_filter(struct rule *r, struct sw_f2b_filter **ret)
{
	_strbuf_ struct sw_strbuf err = {};
	struct sw_f2b_filter *f;
	int k;

	if (!r->s.fail2ban[0])
		return true;
	k = sw_f2b_load(ret, r->s.fail2ban, &err);
	f = *ret;
	if (k < 0) {
		sw_conf_report(r->in, r->map, r->key, err.len ? sw_strbuf_get(&err) : strerror(-k));
		return false;
	}
	if (f->failregex.n > LIST_MAX || f->ignoreregex.n > LIST_MAX ||
		f->datepattern.n > LIST_MAX) {
		sw_conf_report(r->in, r->map, r->key,
			"the filter has more expressions than a rule may have");
		return false;
	}
	memcpy(r->match.text, f->failregex.text, f->failregex.n * sizeof(char *));
	r->match.n = f->failregex.n;
	memcpy(r->except.text, f->ignoreregex.text, f->ignoreregex.n * sizeof(char *));
	r->except.n = f->ignoreregex.n;
	memcpy(r->dates.text, f->datepattern.text, f->datepattern.n * sizeof(char *));
	r->dates.n = f->datepattern.n;
	if (!r->journal.n && f->journalmatch.n <= LIST_MAX) {
		memcpy(r->journal.text, f->journalmatch.text, f->journalmatch.n * sizeof(char *));
		r->journal.n = f->journalmatch.n;
	}
	snprintf(r->s.prefix, sizeof(r->s.prefix), "%s", f->prefregex ? f->prefregex : "");
	r->s.max_lines = f->maxlines;
	return true;
}

static bool put_sources(struct rule *r, struct sw_rules_rule *out)
{
	__u32 numbers[LIST_MAX + 1];
	size_t n = 0;
	int k;

	for (size_t i = 0; i < r->files.n; i++) {
		k = sw_rules_put_file(r->pack->out, r->files.text[i]);
		if (k < 0)
			return false;
		numbers[n++] = (__u32)k;
	}
	if (r->journal.n) {
		k = sw_rules_put_journal(r->pack->out, r->journal.text, r->journal.n, numbers, n);
		if (k < 0)
			return false;
		numbers[n++] = (__u32)k;
	}
	out->sources = sw_rules_put_numbers(r->pack->out, numbers, n);
	return true;
}

static void put_values(struct rule *r, struct sw_rules_rule *out)
{
	struct sw_rules_when whens[LIST_MAX];
	struct sw_net nets[LIST_MAX];
	__u32 numbers[LIST_MAX];

	for (size_t i = 0; i < r->ignore.n; i++)
		(void)sw_cidr_parse(r->ignore.text[i], SIZE_MAX, &nets[i]);
	for (size_t i = 0; i < r->when.n; i++)
		(void)sw_when_parse(r->when.text[i], &whens[i]);
	for (size_t i = 0; i < r->multipliers.n; i++)
		numbers[i] = (__u32)strtoul(r->multipliers.text[i], NULL, 10);
	out->ignore = sw_rules_put_nets(r->pack->out, nets, r->ignore.n);
	out->when = sw_rules_put_whens(r->pack->out, whens, r->when.n);
	out->multipliers = sw_rules_put_numbers(r->pack->out, numbers, r->multipliers.n);
}

static bool read_factor(struct rule *r, struct sw_rules_rule *out)
{
	char *end;
	double d = strtod(r->s.factor, &end);

	if (*end || !(d >= 1 && d <= 1000)) {
		sw_conf_report(r->in, r->map, r->key, "factor is not a number from 1 to 1000");
		return false;
	}
	out->factor_milli = (__u32)(d * 1000 + 0.5);
	return true;
}

static bool read_durations(struct rule *r, struct sw_rules_rule *out)
{
	const struct {
		const char *key, *text;
		__u64 *ret;
	} all[] = {
		{"ban_for", r->s.ban_for, &out->ban_sec},
		{"max_ban", r->s.max_ban, &out->max_ban_sec},
		{"random", r->s.random, &out->random_sec},
		{"throttle", r->s.throttle, &out->throttle_sec},
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(all); i++) {
		char what[96];
		uint64_t sec = 0;

		if (all[i].text[0] && sw_duration_parse(all[i].text, &sec) < 0) {
			snprintf(what, sizeof(what), "%s is not a duration such as 10m or 24h",
				all[i].key);
			sw_conf_report(r->in, r->map, r->key, what);
			return false;
		}
		*all[i].ret = sec ? sec : sw_streq(all[i].text, "forever") ? SW_RULES_FOREVER : 0;
	}
	return true;
}

/* At the line's beginning unless it says otherwise: then a line without a literal is not looked through for one. */
static struct sw_rules_part put_dates(struct rule *r)
{
	static char first[] = "{^LN-BEG}";
	char *const firsts[] = {first};

	if (r->s.fail2ban[0] || (r->dates.n && !sw_streq(r->dates.text[0], "anywhere")))
		return sw_rules_put_texts(r->pack->out, r->dates.text, r->dates.n);
	return sw_rules_put_texts(r->pack->out, firsts, r->dates.n ? 0 : 1);
}

static void put_rule(struct rule *r)
{
	struct sw_rules_writer *w = r->pack->out;
	const struct scalars *s = &r->s;
	struct sw_rules_rule out = {
		.state = s->state,
		.severity = s->severity,
		.action = s->action,
		.track = s->track,
		.max_lines = s->max_lines,
		.flags = (s->is_proven ? SW_RULE_PROVEN : 0) |
			(s->is_increment ? SW_RULE_INCREMENT : 0) |
			(r->pack->is_user ? SW_RULE_FROM_USER : 0),
	};
	_strbuf_ struct sw_strbuf why = {}, origin = {};
	uint64_t window;

	if (sw_conf_threshold_parse(s->threshold, &out.count, &window, &why) < 0) {
		sw_conf_report(r->in, r->map, r->key, sw_strbuf_get(&why));
		return;
	}
	if (r->success.n && !window) {
		sw_conf_report(r->in, r->map, r->key, "success wants a threshold with a window, such as '5 in 10m'");
		return;
	}
	out.window_sec = window;
	sw_strbuf_printf(&origin, "%s:%u", r->pack->file, r->map->line);
	if (!read_factor(r, &out) || !read_durations(r, &out))
		return;
	out.name = sw_rules_put_text(w, s->name);
	out.about = sw_rules_put_text(w, s->about);
	out.exec = sw_rules_put_text(w, s->exec);
	out.prefix = sw_rules_put_text(w, s->prefix);
	out.origin = sw_rules_put_text(w, sw_strbuf_get(&origin));
	out.match = sw_rules_put_texts(w, r->match.text, r->match.n);
	out.except = sw_rules_put_texts(w, r->except.text, r->except.n);
	out.success = sw_rules_put_texts(w, r->success.text, r->success.n);
	out.dates = put_dates(r);
	put_values(r, &out);
	if (!put_sources(r, &out) || sw_rules_put_rule(w, &out) < 0)
		sw_conf_report(
			r->in, r->map, r->key, "there are more rules or sources than can be held");
}

/* What only the whole says. */
static bool is_whole(struct rule *r)
{
	const char *why = NULL;
	char what[80];

	if (!r->s.name[0])
		return true; /* told */
	if (!r->match.n)
		why = "match: no expression says what it finds";
	if (!r->files.n && !r->journal.n)
		why = "files, journal: no log is named";
	if (r->s.prefix[0]) {
		struct sw_conf_node v = *r->map;

		v.text = r->s.prefix;
		snprintf(what, sizeof(what), "%.40s.prefix", r->key);
		if (!is_expression(r, &v, what))
			return false;
	}
	if (why)
		sw_conf_report(r->in, r->map, r->key, why);
	return !why;
}

static void read_rule(const struct sw_pack *pack, struct sw_conf_reader *in,
	struct sw_regex_pool *pool, const struct sw_conf_node *map, const char *key)
{
	_cleanup_(sw_f2b_freep) struct sw_f2b_filter *filter = NULL;
	_free_ struct rule *r = calloc(1, sizeof(*r));
	unsigned int before = in->n_errors;
	int value;

	if (!r)
		return;
	*r = (struct rule){.pack = pack, .in = in, .map = map, .key = key, .pool = pool};
	for (const struct sw_conf_row *row = sw_pack_rows; row->key; row++)
		sw_conf_set_fallback(row, &r->s);
	for (int at = map->first; sw_conf_next_pair(in, map, key, &at, &value);
		sw_conf_step_pair(in, &at))
		read_key(r, sw_conf_at(in, at), sw_conf_at(in, value));
	if (!r->s.name[0] && in->n_errors == before)
		sw_conf_report(in, map, key, "'name' is missing");
	make_prefix(r);
	if (in->n_errors == before && load_filter(r, &filter) && is_whole(r)) {
		if (r->samples)
			read_samples(r);
		put_rule(r);
	}
	if (in->n_errors != before)
		pack->out->n_left_out++;
}

static void read_rules(
	const struct sw_pack *pack, struct sw_conf_reader *in, struct sw_regex_pool *pool)
{
	const struct sw_conf_node *root = sw_conf_at(in, in->tree.root), *list = NULL;
	const char *only = "rules";
	char key[32];
	int value, i = 0;

	if (root->kind != SW_CONF_MAP) {
		sw_conf_report_kind(in, root, "top level", NULL);
		return;
	}
	for (int at = root->first; sw_conf_next_pair(in, root, "", &at, &value);
		sw_conf_step_pair(in, &at)) {
		if (sw_streq(sw_conf_at(in, at)->text, "rules"))
			list = sw_conf_at(in, value);
		else
			sw_conf_report(in, sw_conf_at(in, at), sw_conf_at(in, at)->text,
				sw_nearest(sw_conf_at(in, at)->text, &only, 1) ?
					"unknown key: did you mean 'rules'?" :
					"unknown key: a file of rules has 'rules' alone");
	}
	if (!list || list->kind != SW_CONF_LIST) {
		sw_conf_report(in, list ? list : root, "rules", "wants a list of rules");
		return;
	}
	for (int at = list->first; at >= 0; at = sw_conf_at(in, at)->next) {
		const struct sw_conf_node *map = sw_conf_at(in, at);

		snprintf(key, sizeof(key), "rules[%d]", ++i);
		if (map->kind == SW_CONF_MAP)
			read_rule(pack, in, pool, map, key);
		else
			sw_conf_report_kind(in, map, key, NULL);
	}
}

int sw_pack_read(const struct sw_pack *p, const char *text, size_t len)
{
	struct sw_conf_reader in = {.file = p->file, .errors = p->errors, .tree = {.root = -1}};
	struct sw_regex_pool *pool = NULL;
	int r = sw_conf_reader_open(&in, text, len);

	if (r < 0) {
		p->out->n_left_out++;
		return r;
	}
	r = sw_regex_pool_new(&pool);
	if (!r && in.tree.root >= 0)
		read_rules(p, &in, pool);
	sw_regex_pool_free(pool);
	return r < 0 ? (sw_conf_reader_close(&in), r) : sw_conf_reader_close(&in);
}

// SPDX-License-Identifier: GPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <time.h>

#include <cmocka.h>

#include "tests/unit/packaged_rules.h"
#include "user/base/cidr.h"
#include "user/conf/conf.h"
#include "user/logs/ruleset.h"
#include "user/rules/compile.h"
#include "user/rules/lint.h"

enum { NOW = 1763802000 }; /* 2025-11-22 09:00:00 UTC */

static struct sw_config config;

/* ---- the packaged rules and their samples */

struct samples {
	struct sw_pack_sample *at;
	size_t n;
};

static void keep_sample(void *arg, const struct sw_pack_sample *s)
{
	struct samples *all = arg;
	struct sw_pack_sample *copy;

	all->at = realloc(all->at, (all->n + 1) * sizeof(*all->at));
	assert_non_null(all->at);
	copy = &all->at[all->n++];
	*copy = *s;
	copy->rule = strdup(s->rule);
	copy->line = strdup(s->line);
	copy->host = s->host ? strdup(s->host) : NULL;
	copy->forwarded = s->forwarded ? strdup(s->forwarded) : NULL;
	copy->file = strdup(s->file);
}

static void free_samples(struct samples *all)
{
	for (size_t i = 0; i < all->n; i++) {
		free((char *)all->at[i].rule);
		free((char *)all->at[i].line);
		free((char *)all->at[i].host);
		free((char *)all->at[i].forwarded);
		free((char *)all->at[i].file);
	}
	free(all->at);
}

struct heard {
	const char *rule; /* that is listened for */
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
	snprintf(h->forwarded, sizeof(h->forwarded), "%.*s", (int)hit->forwarded_len,
		hit->forwarded ? hit->forwarded : "");
}

static size_t source_of(const struct sw_ruleset *rs, const char *rule)
{
	for (size_t i = 0; i < sw_ruleset_n_rules(rs); i++)
		if (sw_streq(sw_ruleset_rule(rs, i)->name, rule))
			return sw_ruleset_rule(rs, i)->sources[0];
	fail_msg("no rule '%s'", rule);
	return 0;
}

static bool check_sample(struct sw_ruleset *rs, const struct sw_pack_sample *s)
{
	struct heard h = {.rule = s->rule};
	size_t source = sw_ruleset_sample_source(rs, sw_ruleset_find(rs, s->rule), s->is_journal);
	int r = sw_ruleset_feed(rs, source, s->line, strlen(s->line), NOW, hear, &h);
	bool is_right = r >= 0 && h.n == (s->host ? 1 : 0) && (!s->host || sw_streq(h.host, s->host)) &&
		(!s->forwarded || sw_streq(h.forwarded, s->forwarded));

	if (!is_right)
		print_error("%s:%u: rule %s: %u hits, host '%s', not '%s', forwarded '%s', in '%s' %s\n", s->file, s->at,
			s->rule, h.n, h.host, s->host ? s->host : "none", h.forwarded, s->line, sw_ruleset_error(rs));
	return is_right;
}

static void hear_login(void *arg, const struct sw_log_hit *hit)
{
	char *said = arg, host[SW_NET_TEXT_MAX];

	assert_true(hit->is_success && hit->has_host);
	snprintf(said, 128, "%s %s %s", hit->rule->name, hit->user, sw_cidr_format(host, &hit->host));
}

/* No hits of theirs, but told of with who and from where; a stranger's name cannot make one of another's. */
static void logins_are_told_with_who_and_from_where(void **state)
{
	static const struct {
		const char *rule, *line, *says;
	} rows[] = {
		{"sshd", "Nov 22 09:00:00 web1 sshd[7]: Accepted password for anna from 192.0.2.7 port 50122 ssh2",
			"sshd anna 192.0.2.7"},
		{"sshd",
			"Nov 22 09:00:00 web1 sshd-session[7]: Accepted publickey for anna from 2001:db8::7 port 22 ssh2: RSA SHA256:a/b",
			"sshd anna 2001:db8::7"},
		{"sshd", "Nov 22 09:00:00 web1 sshd[7]: Invalid user Accepted password for anna from 192.0.2.9 port 22",
			NULL},
		{"dovecot",
			"Nov 22 09:00:00 mx1 dovecot: imap-login: Login: user=<anna>, method=PLAIN, rip=192.0.2.7, lip=198.51.100.1",
			"dovecot anna 192.0.2.7"},
		{"vsftpd", "Sun Nov 22 09:00:00 2026 [pid 811] [anna] OK LOGIN: Client \"::ffff:192.0.2.7\"",
			"vsftpd anna 192.0.2.7"},
	};
	_cleanup_(sw_ruleset_freep) struct sw_ruleset *rs = packaged_rules(&config, NULL, NULL);

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		size_t source = source_of(rs, rows[i].rule), len = strlen(rows[i].line);
		struct heard none = {.rule = ""};
		char said[128] = "";
		int n;

		n = rows[i].says ? sw_ruleset_feed(rs, source, rows[i].line, len, NOW, hear_login, said)
				 : sw_ruleset_feed(rs, source, rows[i].line, len, NOW, hear, &none);
		assert_int_equal(n, rows[i].says ? 0 : 1);
		assert_string_equal(said, rows[i].says ? rows[i].says : "");
	}
}

static const char *const off_rules[] = {"sshd-preauth", "apache-forwarded", "haproxy-forwarded"};

/* The packaged rules, those too that are off by themselves, and their samples. */
static struct sw_ruleset *load_all(struct samples *all)
{
	struct sw_ruleset *rs;

	for (; config.n_rules < SW_ARRAY_SIZE(off_rules); config.n_rules++) {
		struct sw_config_rule *r = &config.rules[config.n_rules];

		*r = (struct sw_config_rule){.state = SW_RULE_ON + 1};
		(void)sw_strcpy(r->name, sizeof(r->name), off_rules[config.n_rules]);
	}
	rs = packaged_rules(&config, keep_sample, all);
	config.n_rules = 0;
	return rs;
}

static void every_packaged_rule_matches_its_samples_and_nothing_else(void **state)
{
	struct samples all = {};
	_cleanup_(sw_ruleset_freep) struct sw_ruleset *rs = load_all(&all);
	size_t n_wrong = 0;

	for (size_t i = 0; i < all.n; i++)
		n_wrong += !check_sample(rs, &all.at[i]);
	assert_int_equal(n_wrong, 0);
	assert_true(all.n > 100);
	free_samples(&all);
}

/* ---- words that a stranger chooses */

static const char victim[] = "203.0.113.99";

struct blamed {
	const char *rule;
	char user[256];
	size_t user_len;
	bool is_victim;
};

static void hear_blamed(void *arg, const struct sw_log_hit *hit)
{
	struct blamed *b = arg;
	char host[SW_NET_TEXT_MAX];

	if (!sw_streq(hit->rule->name, b->rule) || !hit->has_host)
		return;
	b->is_victim |= sw_streq(sw_cidr_format(host, &hit->host), victim);
	b->user_len = SW_MIN(strlen(hit->user), sizeof(b->user) - 1);
	memcpy(b->user, hit->user, b->user_len);
}

static struct blamed feed_sample(struct sw_ruleset *rs, const struct sw_pack_sample *s, const char *line)
{
	struct blamed b = {.rule = s->rule};
	size_t source = sw_ruleset_sample_source(rs, sw_ruleset_find(rs, s->rule), s->is_journal);

	assert_true(sw_ruleset_feed(rs, source, line, strlen(line), NOW, hear_blamed, &b) >= 0);
	return b;
}

/* Every occurrence of the host in the text becomes the victim's address. */
static void put_victim(struct sw_strbuf *out, const char *text, const char *host)
{
	for (size_t n = strlen(host); *text;) {
		if (n && !strncmp(text, host, n)) {
			sw_strbuf_puts(out, victim);
			text += n;
		} else {
			sw_strbuf_putc(out, *text++);
		}
	}
}

/*
 * A name holds what follows it in such a line, with another's address: once, and as the end of a whole line
 * of that kind. In JSON and between quotes the program escapes a quote, so one that it would not let through
 * is no name.
 */
static unsigned int attack_with_name(struct sw_ruleset *rs, const struct sw_pack_sample *s, const struct blamed *b)
{
	const char *at = strstr(s->line, b->user), *behind = at ? at + b->user_len : NULL;
	unsigned int n_wrong = 0;

	for (int form = 0; at && form < 3; form++) {
		_strbuf_ struct sw_strbuf line = {};

		sw_strbuf_printf(&line, "%.*s%s", (int)(at - s->line), s->line, b->user);
		put_victim(&line, behind, s->host);
		if (form == 1)
			put_victim(&line, s->line, s->host);
		if (form == 2)
			sw_strbuf_puts(&line, b->user);
		sw_strbuf_puts(&line, behind);
		if (!feed_sample(rs, s, sw_strbuf_get(&line)).is_victim)
			continue;
		print_error("%s:%u: rule %s blames another: %s\n", s->file, s->at, s->rule, sw_strbuf_get(&line));
		n_wrong++;
	}
	return n_wrong;
}

/* Rules whose program lets no such name through: JSON and CSV escape quotes, a colon or a blank ends the name. */
static bool is_name_bounded(const struct sw_pack_sample *s, const char *user)
{
	static const char *const bounded[] = {"nginx-auth", "gitea", "cockpit", "pam", "sudo", "su"};
	const char *at = strstr(s->line, user);

	for (size_t i = 0; i < SW_ARRAY_SIZE(bounded); i++) {
		if (sw_streq(s->rule, bounded[i]))
			return true;
	}
	return s->line[0] == '{' || (sw_streq(s->rule, "dovecot") && at && at > s->line && at[-1] == '(');
}

static void a_strangers_name_blames_nobody_else(void **state)
{
	struct samples all = {};
	_cleanup_(sw_ruleset_freep) struct sw_ruleset *rs = load_all(&all);
	unsigned int n_wrong = 0, n_tried = 0;

	for (size_t i = 0; i < all.n; i++) {
		const struct sw_pack_sample *s = &all.at[i];
		struct blamed b;

		if (!s->host || !*s->host)
			continue;
		b = feed_sample(rs, s, s->line);
		if (!b.user_len || is_name_bounded(s, b.user))
			continue;
		n_wrong += attack_with_name(rs, s, &b);
		n_tried++;
	}
	assert_int_equal(n_wrong, 0);
	assert_true(n_tried > 40);
	free_samples(&all);
}

static void tell_doubt(void *arg, const char *rule, const char *origin, const char *what)
{
	print_error("%s: %s: %s\n", origin, rule, what);
	++*(unsigned int *)arg;
}

static void no_packaged_rule_is_doubtful(void **state)
{
	unsigned int n = 0;
	size_t size;
	_free_ void *image = packaged_image(&config, NULL, NULL, &size);

	assert_int_equal(sw_lint_image(image, size, NULL, 0, false, tell_doubt, &n), 0);
	assert_int_equal(n, 0);
}

static void doubtful_expressions_are_told(void **state)
{
	static const struct {
		const char *text;
		unsigned int n;
	} rows[] = {
		{"^Failed for \\S+ from <ADDR>$", 0},
		{"Failed for \\S+ from <ADDR>$", 1},
		{"^Failed for .+ from <ADDR>$", 0}, /* the last address there is */
		{"^Failed for .+ from <ADDR>", 1},
		{"^Failed for .* from <ADDR> .*$", 1},
		{"^Failed for [^.]+ from <ADDR> .*$", 0},
		{"^(?!(?:.*, by=){2})to=.*, by=<ADDR> .*$", 0}, /* one 'by' there is, and the host is behind it */
		{"^(?!(?:.*, by=){2})to=.*, by=.*<ADDR> .*$", 1},
		{"^(?!(?:.*end){2})from <ADDR> end .*$", 0},
		{"^(?!(?:.*end){2})from .* <ADDR> end .*$", 1},
		{"^\\d+ <ADDR>$", 1}, /* no literal */
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		unsigned int n = 0;

		sw_lint_expression(rows[i].text, "r", "f:1", tell_doubt, &n);
		if (n != rows[i].n)
			fail_msg("'%s': %u doubts, not %u", rows[i].text, n, rows[i].n);
	}
}

/* ---- packs of a test's own */

static void read_text(const char *text, struct sw_rules_writer *w, struct sw_strbuf *errors)
{
	const struct sw_pack pack = {.file = "t.yaml", .out = w, .errors = errors};

	sw_rules_writer_init(w);
	(void)sw_pack_read(&pack, text, strlen(text));
}

#define RULE "rules:\n  - name: a\n    files: [/var/log/a.log]\n"

static void a_wrong_pack_is_told_with_file_line_and_field(void **state)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
		{RULE "    match: ['^x <HOST>$']\n    treshold: 3\n",
			"t.yaml:5:5: rules[1].treshold: unknown key: did you mean 'threshold'?\n"},
		{RULE "    match: ['^x (<HOST>$']\n",
			"t.yaml:4:13: rules[1].match[1]: missing closing parenthesis"},
		{RULE "    match: ['^x <HOST>$']\n    threshold: many\n",
			"t.yaml:2:5: rules[1]: 'many' is no threshold"},
		{RULE "    match: ['^x <HOST>$']\n    severity: hihg\n",
			"t.yaml:5:15: rules[1].severity: 'hihg' is not info"},
		{RULE, "t.yaml:2:5: rules[1]: match: no expression says what it finds\n"},
		{"rules:\n  - name: a\n    match: '^x <HOST>$'\n",
			"files, journal: no log is named\n"},
		{RULE "    match: '^x <HOST>$'\n    when: [noon]\n",
			"rules[1].when[1]: not hours such as"},
		{RULE "    match: '^x <HOST>$'\n    ban_for: long\n", "ban_for is not a duration"},
		{"rule: []\n", "t.yaml:1:1: rule: unknown key: did you mean 'rules'?\n"},
		{"version: 1\n", "t.yaml:1:1: version: unknown key: a file of rules has 'rules' alone\n"},
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		_strbuf_ struct sw_strbuf errors = {};
		struct sw_rules_writer w;

		read_text(rows[i].text, &w, &errors);
		if (!strstr(sw_strbuf_get(&errors), rows[i].error))
			fail_msg("'%s' gives '%s', not '%s'", rows[i].text, sw_strbuf_get(&errors),
				rows[i].error);
		assert_int_equal(sw_rules_count(&w), 0);
		sw_rules_writer_done(&w);
	}
}

/* Local time: 2026-11-20 is a Friday. */
static const struct {
	const char *when, *line;
	int hits;
} hours[] = {
	{"'fri 22:00-06:00'", "2026-11-20T21:59:59Z", 0},
	{"'fri 22:00-06:00'", "2026-11-20T22:00:00Z", 1},
	{"'fri 22:00-06:00'", "2026-11-21T05:59:59Z", 1},
	{"'fri 22:00-06:00'", "2026-11-21T06:00:00Z", 0},
	{"'fri 22:00-06:00'", "2026-11-20T05:00:00Z", 0}, /* Thursday's night */
	{"'mon-fri 08:00-18:00', 'sat,sun'", "2026-11-20T18:00:00Z", 0},
	{"'mon-fri 08:00-18:00', 'sat,sun'", "2026-11-20T17:59:00Z", 1},
	{"'mon-fri 08:00-18:00', 'sat,sun'", "2026-11-22T23:59:00Z", 1},
};

static void a_rule_is_on_in_its_hours_alone(void **state)
{
	setenv("TZ", "UTC", 1);
	tzset();
	for (size_t i = 0; i < SW_ARRAY_SIZE(hours); i++) {
		_cleanup_(sw_ruleset_freep) struct sw_ruleset *rs = NULL;
		_strbuf_ struct sw_strbuf errors = {};
		struct heard h = {.rule = "a"};
		_free_ void *image = NULL;
		struct sw_rules_writer w;
		char text[256], line[64];
		size_t size;

		snprintf(text, sizeof(text), RULE "    match: '^ x <HOST>$'\n    when: [%s]\n", hours[i].when);
		snprintf(line, sizeof(line), "%s x 192.0.2.7", hours[i].line);
		read_text(text, &w, &errors);
		assert_int_equal(sw_rules_finish(&w, &image, &size), 0);
		sw_rules_writer_done(&w);
		assert_int_equal(sw_ruleset_new(&rs, image, size, &errors), 0);
		assert_int_equal(sw_ruleset_feed(rs, 0, line, strlen(line), NOW, hear, &h), hours[i].hits);
		if (h.n != (unsigned int)hours[i].hits)
			fail_msg("%s at %s: %u hits", hours[i].when, hours[i].line, h.n);
	}
}

static void a_broken_image_is_refused_whole(void **state)
{
	_strbuf_ struct sw_strbuf errors = {};
	_free_ unsigned char *image = NULL;
	struct sw_rules_writer w;
	struct sw_rules_view v;
	const char *why;
	size_t size;

	read_text(RULE "    match: '^x <HOST>$'\n", &w, &errors);
	assert_int_equal(sw_rules_finish(&w, (void **)&image, &size), 0);
	sw_rules_writer_done(&w);
	assert_int_equal(sw_rules_view_open(&v, image, size, &why), 0);
	for (size_t i = 0; i < size; i++) {
		image[i] ^= 0x40;
		if (sw_rules_view_open(&v, image, size, &why) != -EBADMSG)
			fail_msg("byte %zu changed and not seen", i);
		image[i] ^= 0x40;
	}
	assert_int_equal(sw_rules_view_open(&v, image, size - 1, &why), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_packaged_rule_matches_its_samples_and_nothing_else),
		cmocka_unit_test(a_strangers_name_blames_nobody_else),
		cmocka_unit_test(logins_are_told_with_who_and_from_where),
		cmocka_unit_test(no_packaged_rule_is_doubtful),
		cmocka_unit_test(doubtful_expressions_are_told),
		cmocka_unit_test(a_wrong_pack_is_told_with_file_line_and_field),
		cmocka_unit_test(a_rule_is_on_in_its_hours_alone),
		cmocka_unit_test(a_broken_image_is_refused_whole),
	};

	setenv("TZ", "UTC", 1);
	tzset();
	sw_conf_defaults(&config);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

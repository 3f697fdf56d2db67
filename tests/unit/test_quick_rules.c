// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The short cuts of the rules over logs against the plain way, which tries every expression on every line: each line
 * is judged the same. By itself over the packaged rules and their samples; with words, as "FILTER < LOG", over a
 * filter of fail2ban's, which tests/corpus does. Every line comes as it is, then changed by chance in many ways:
 * bytes put in, left out, doubled and exchanged, pieces of other lines, other digits, either case.
 */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <time.h>

#include <cmocka.h>

#include "tests/unit/packaged_rules.h"
#include "user/logs/lines.h"
#include "user/logs/matcher.h"

enum { CHANGES = 60, LINES_MAX = 4000, TEXT_MAX = 4096 };

/* Later than lines mostly are, for one without a date is of the time of that which was read last, if it was lately. */
enum { NOW_MIN = 67848480, LATELY_MIN = 1 };
static const struct sw_clock now = {.is_manual = true, .manual_wall_ns = NOW_MIN * 60000000000ll};

struct line {
	char *text;
	size_t len;
};

static struct line lines[LINES_MAX];
static size_t n_lines;
static uint64_t compared, matched;

static uint32_t next_random(uint32_t below)
{
	static uint64_t state = 42;

	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(state >> 33) % below;
}

static void keep_line(const char *text, size_t len)
{
	if (n_lines == LINES_MAX)
		return;
	lines[n_lines].text = malloc(len + 1);
	assert_non_null(lines[n_lines].text);
	memcpy(lines[n_lines].text, text, len);
	lines[n_lines++].len = len;
}

static void forget_lines(void)
{
	while (n_lines)
		free(lines[--n_lines].text);
}

/* ---- changes */

static size_t replace(char *text, size_t len, size_t at, size_t out, const char *in, size_t in_len)
{
	if (len - out + in_len > TEXT_MAX)
		return len;
	memmove(text + at + in_len, text + at + out, len - at - out);
	memcpy(text + at, in, in_len);
	return len - out + in_len;
}

static size_t change(char *text, size_t len)
{
	static const char odd[] = "\0\xff\xc3\n\r\t []<>:;()' \"=-./0a";
	size_t at = len ? next_random((uint32_t)len) : 0, n = next_random(12), from, piece = next_random(60);
	const struct line *other = &lines[next_random((uint32_t)n_lines)];

	from = other->len ? next_random((uint32_t)other->len) : 0;
	n = SW_MIN(n, len - at);
	piece = SW_MIN(piece, other->len - from);

	switch (next_random(7)) {
	case 0:
		return replace(text, len, at, n, "", 0);
	case 1:
		return replace(text, len, at, 0, &odd[next_random(sizeof(odd) - 1)], 1);
	case 2:
		return replace(text, len, at, n, other->text + from, piece);
	case 3: /* the end of another line */
		return replace(text, len, at, len - at, other->text + from, other->len - from);
	case 4:
		for (size_t i = at; i < len; i++)
			if (isdigit((unsigned char)text[i]))
				text[i] = (char)('0' + next_random(10));
		return len;
	case 5:
		for (size_t i = at; i < at + n; i++)
			text[i] = (char)(isalpha((unsigned char)text[i]) ? text[i] ^ 0x20 : text[i]);
		return len;
	default:
		if (len)
			text[at] = (char)next_random(256);
		return len;
	}
}

/* ---- both ways */

struct pair {
	struct sw_matcher *quick, *plain;
	bool was_lately; /* a line said so: the times of others depend on which were read */
};

static void make_pair(struct pair *p, const struct sw_f2b_filter *filter)
{
	_strbuf_ struct sw_strbuf err = {};

	assert_int_equal(sw_matcher_new(&p->quick, filter, &now, &err), 0);
	assert_int_equal(sw_matcher_new(&p->plain, filter, &now, &err), 0);
	sw_matcher_plainly(p->plain);
}

static void free_pair(struct pair *p)
{
	sw_matcher_free(p->quick);
	sw_matcher_free(p->plain);
}

static bool is_same_text(struct sw_span a, struct sw_span b)
{
	return !a.text == !b.text && a.len == b.len && (!a.len || memcmp(a.text, b.text, a.len) == 0);
}

static void compare(struct pair *p, const char *name, const char *text, size_t len)
{
	_free_ char *exact = malloc(len ? len : 1); /* so that a byte too far is seen */
	struct sw_line_result quick, plain;

	assert_non_null(exact);
	memcpy(exact, text, len);
	sw_matcher_line(p->quick, exact, len, &quick);
	sw_matcher_line(p->plain, exact, len, &plain);
	p->was_lately |= plain.has_time && plain.time_us != NOW_MIN * 60000000ll &&
		plain.time_us >= (NOW_MIN - LATELY_MIN) * 60000000ll;
	compared++;
	matched += plain.state == SW_LINE_MATCHED;
	if (quick.state == plain.state && quick.rule == plain.rule && quick.ignored == plain.ignored &&
		is_same_text(quick.host, plain.host) && is_same_text(quick.user, plain.user) &&
		is_same_text(quick.forwarded, plain.forwarded) &&
		(plain.state == SW_LINE_NONE || p->was_lately ||
			(quick.has_time == plain.has_time && quick.time_us == plain.time_us)))
		return;
	fail_msg("%s: quick state %d rule %u host '%.*s' time %lld; plain state %d rule %u host '%.*s' time %lld; in '%.*s'",
		name, quick.state, quick.rule, (int)quick.host.len, quick.host.text, (long long)quick.time_us,
		plain.state, plain.rule, (int)plain.host.len, plain.host.text, (long long)plain.time_us, (int)len,
		text);
}

static void compare_lines(struct pair *p, const char *name, unsigned int changes)
{
	char text[TEXT_MAX];

	for (size_t i = 0; i < n_lines; i++) {
		size_t len = SW_MIN(lines[i].len, (size_t)TEXT_MAX);

		compare(p, name, lines[i].text, lines[i].len);
		memcpy(text, lines[i].text, len);
		for (unsigned int k = 0; k < changes; k++) {
			if (next_random(2) == 0) {
				len = SW_MIN(lines[i].len, (size_t)TEXT_MAX);
				memcpy(text, lines[i].text, len);
			}
			len = change(text, len);
			compare(p, name, text, len);
		}
	}
}

/* ---- the packaged rules */

static void keep_sample(void *arg, const struct sw_pack_sample *s)
{
	keep_line(s->line, strlen(s->line));
}

static struct sw_ruleset *rules_and_samples(void)
{
	static const struct sw_config config;

	return packaged_rules(&config, keep_sample, NULL);
}

static void each_line_is_judged_as_without_short_cuts(void **state)
{
	_cleanup_(sw_ruleset_freep) struct sw_ruleset *rs = rules_and_samples();

	assert_true(n_lines > 100);
	for (size_t i = 0; i < sw_ruleset_n_rules(rs); i++) {
		struct sw_f2b_filter *filter = NULL;
		struct pair p = {};

		assert_int_equal(sw_ruleset_filter(rs, i, false, &filter), 0);
		make_pair(&p, filter);
		compare_lines(&p, sw_ruleset_rule(rs, i)->name, CHANGES / 10);
		free_pair(&p);
		sw_f2b_free(filter);
	}
	forget_lines();
	assert_true(matched > 300);
}

static void write_hit(void *arg, const struct sw_log_hit *hit)
{
	sw_strbuf_printf(arg, "%s:%u host %s user %s time %lld\n", hit->rule->name, hit->expression, hit->host_text,
		hit->user, (long long)hit->time_sec);
}

static void compare_hits(
	struct sw_ruleset *quick, struct sw_ruleset *plain, size_t source, const char *text, size_t len)
{
	_strbuf_ struct sw_strbuf a = {}, b = {};

	assert_true(sw_ruleset_feed(quick, source, text, len, NOW_MIN * 60ll, write_hit, &a) >= 0);
	assert_true(sw_ruleset_feed(plain, source, text, len, NOW_MIN * 60ll, write_hit, &b) >= 0);
	matched += b.len > 0;
	if (strcmp(sw_strbuf_get(&a), sw_strbuf_get(&b)) != 0)
		fail_msg("%s: quick '%s', plain '%s', in '%.*s'", sw_ruleset_source(plain, source)->name,
			sw_strbuf_get(&a), sw_strbuf_get(&b), (int)len, text);
}

/* The rules of a source together: which of them a line concerns is asked once for all. */
static void each_source_hears_what_it_hears_without_short_cuts(void **state)
{
	_cleanup_(sw_ruleset_freep) struct sw_ruleset *quick = rules_and_samples(), *plain = rules_and_samples();
	char text[TEXT_MAX];

	sw_ruleset_plainly(plain);
	matched = 0;
	for (size_t i = 0; i < sw_ruleset_n_sources(quick); i++)
		for (size_t k = 0; k < n_lines / 2; k++) { /* they were kept twice */
			size_t len = SW_MIN(lines[k].len, (size_t)TEXT_MAX);

			memcpy(text, lines[k].text, len);
			compare_hits(quick, plain, i, text, len);
			len = change(text, len);
			compare_hits(quick, plain, i, text, len);
		}
	forget_lines();
	assert_true(matched > 300);
}

/* ---- a filter of fail2ban's */

static int compare_filter(const char *spec)
{
	_cleanup_(sw_lines_freep) struct sw_lines *in = NULL;
	_strbuf_ struct sw_strbuf err = {};
	struct sw_f2b_filter *filter = NULL;
	struct pair p = {};
	const char *line;
	size_t len;

	if (sw_f2b_load(&filter, spec, &err) < 0) {
		fprintf(stderr, "%s: %s\n", spec, sw_strbuf_get(&err));
		return 2;
	}
	assert_int_equal(sw_lines_new(&in, STDIN_FILENO), 0);
	while (sw_lines_next(in, &line, &len) == 1)
		keep_line(line, len);
	make_pair(&p, filter);
	compare_lines(&p, spec, n_lines ? CHANGES : 0);
	free_pair(&p);
	sw_f2b_free(filter);
	forget_lines();
	printf("%llu compared, %llu matched\n", (unsigned long long)compared, (unsigned long long)matched);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_line_is_judged_as_without_short_cuts),
		cmocka_unit_test(each_source_hears_what_it_hears_without_short_cuts),
	};

	setenv("TZ", "CET-01CEST-02,M3.5.0,M10.5.0", 1);
	tzset();
	return argc > 1 ? compare_filter(argv[1]) : cmocka_run_group_tests(tests, NULL, NULL);
}

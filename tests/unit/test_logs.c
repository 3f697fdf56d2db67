// SPDX-License-Identifier: GPL-3.0-or-later
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>

#include "user/logs/date.h"
#include "user/logs/ini.h"
#include "user/logs/lines.h"
#include "user/logs/matcher.h"
#include "user/logs/prefilter.h"
#include "user/logs/recall.h"

enum { NOW = 1124013600 }; /* 2005-08-14 10:00:00 UTC */

static const struct sw_clock now = {.is_manual = true, .manual_wall_ns = NOW * 1000000000ll};

struct dir {
	char path[64];
};

static int make_dir(void **state)
{
	struct dir *d = calloc(1, sizeof(*d));

	if (!d)
		return -1;
	snprintf(d->path, sizeof(d->path), "%s/logs.XXXXXX",
		getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	*state = d;
	setenv("TZ", "CET-01CEST-02,M3.5.0,M10.5.0", 1);
	tzset();
	return mkdtemp(d->path) ? 0 : -1;
}

static int remove_dir(void **state)
{
	struct dir *d = *state;
	char command[100];
	int r;

	snprintf(command, sizeof(command), "rm -rf '%s'", d->path);
	r = system(command);
	free(d);
	return r;
}

static void put(const struct dir *d, const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", d->path, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* ---- expressions */

static void python_expressions_become_pcre2s(void **state)
{
	static const struct {
		const char *from, *to;
	} rows[] = {
		{"a{,3}b", "a{0,3}b"},
		{"(?iu)x", "(?i)x"},
		{"(?u)x", "x"},
		{"((?i)LOGIN|PLAIN)", "(?i:LOGIN|PLAIN)"},
		{"(?:(?i)a)b", "(?i:a)b"},
		{"end\\Z", "end\\z"},
		{"[{,3}(?u)]", "[{,3}(?u)]"},
		{"\\\\Z", "\\\\Z"},
		{"\\((?:x)", "\\((?:x)"},
		{"(?P<a>b)(?P=a)", "(?P<a>b)(?P=a)"},
		{"[]((?i)]", "[]((?i)]"},
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		_strbuf_ struct sw_strbuf out = {};

		sw_regex_rewrite(&out, rows[i].from);
		assert_string_equal(sw_strbuf_get(&out), rows[i].to);
	}
}

static void a_line_made_to_hang_reaches_the_limit(void **state)
{
	static const char bomb[] =
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!";
	struct sw_regex_pool *pool = NULL;
	struct sw_regex *re = NULL;
	char err[SW_REGEX_ERR_MAX];
	clock_t began;

	assert_int_equal(sw_regex_pool_new(&pool), 0);
	assert_int_equal(sw_regex_new(&re, pool, "^(a|aa|a+)+$", 0, err), 0);
	began = clock();
	assert_int_equal(sw_regex_match(re, bomb, strlen(bomb)), -ELOOP);
	assert_true(clock() - began < CLOCKS_PER_SEC / 10); /* of CPU: a limit that is far away is none */
	assert_int_equal(sw_regex_match(re, bomb, 20), 1);
	sw_regex_free(re);
	sw_regex_pool_free(pool);
}

/* As Python's re over decoded lines; what is no UTF-8 is bytes, none of them a letter. */
static void letters_are_of_any_script_where_a_line_is_utf8(void **state)
{
	static const struct {
		const char *regex, *line;
		int want;
	} rows[] = {
		{"^user \\w+$", "user M\xc3\xbcller", 1},
		{"^user \\w+$", "user M\xfcller", 0},
		{"^user \\S+$", "user M\xfcller", 1},
		{"^user .{3}$", "user \xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e", 1},
		{"^user .{3}$", "user abc", 1},
		{"\\bx\\b", "\xc3\xbcx", 0},
	};
	struct sw_regex_pool *pool = NULL;
	char err[SW_REGEX_ERR_MAX];

	assert_int_equal(sw_regex_pool_new(&pool), 0);
	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		struct sw_regex *re = NULL;

		assert_int_equal(sw_regex_new(&re, pool, rows[i].regex, 0, err), 0);
		for (int again = 0; again < 2; again++)
			if (sw_regex_match(re, rows[i].line, strlen(rows[i].line)) != rows[i].want)
				fail_msg("%s over row %zu: not %d", rows[i].regex, i, rows[i].want);
		sw_regex_free(re);
	}
	sw_regex_pool_free(pool);
}

static void a_bad_expression_is_said_with_its_place(void **state)
{
	struct sw_regex_pool *pool = NULL;
	struct sw_regex *re = NULL;
	char err[SW_REGEX_ERR_MAX];

	assert_int_equal(sw_regex_pool_new(&pool), 0);
	assert_int_equal(sw_regex_new(&re, pool, "^good(bad", 0, err), -EINVAL);
	assert_non_null(strstr(err, "parenthesis"));
	assert_null(re);
	sw_regex_pool_free(pool);
}

static void expressions_that_know_no_digit_are_told(void **state)
{
	static const struct {
		const char *pattern;
		bool is_blind;
	} rows[] = {
		{"^\\s*(?P<mlfid2>\\S+ d\\[\\d{1,5}\\]:)? [0-9a-f_-]{2,}[^\\d\\]][[:xdigit:]]x{3}(?(mlfid2)a|b)", true},
		{"[+-0-9]", false},
		{"[1-9]", false},
		{"[a5]", false},
		{"a7", false},
		{"a{7", false},
		{"(a)\\1", false},
		{"(?P<a>b)(?P=a)", false},
		{"\\x37", false},
		{"[\\x30-\\x35]", false},
		{"\\Q1\\E", false},
		{"(?(?=5)a|b)", false},
		{"(?i)a", false},
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++)
		if (sw_recall_is_blind_to_digits(rows[i].pattern) != rows[i].is_blind)
			fail_msg("%s", rows[i].pattern);
}

/* What is kept is for texts that begin alike but for digits, as far as the match looked and no further. */
static void a_kept_answer_is_that_of_the_expression(void **state)
{
	static const char *const texts[] = {"h d[12]: x", "h d[99]: y", "h d[5]: x", "h d[12]:x", "h d[12]: ",
		"h d[12]", "h d[1x]: x", "h e[12]: x", "h d[12]: x", "", "h d[34]: error: x", "h d[34]: errox: x",
		"h d[56]: error: y", "h d[56]: e"};
	static const char pattern[] = "^(?:\\S+ )?(?P<id>d\\[\\d+\\]: )?(?:error: )?(?P<content>(?=.))";
	struct sw_regex_pool *pool = NULL;
	struct sw_regex *quick = NULL, *plain = NULL;
	char err[SW_REGEX_ERR_MAX];

	assert_int_equal(sw_regex_pool_new(&pool), 0);
	assert_int_equal(sw_regex_new(&quick, pool, pattern, SW_REGEX_RECALL, err), 0);
	assert_int_equal(sw_regex_new(&plain, pool, pattern, 0, err), 0);
	for (size_t i = 0; i < 3 * SW_ARRAY_SIZE(texts); i++) {
		const char *text = texts[i % SW_ARRAY_SIZE(texts)];
		int r = sw_regex_match(plain, text, strlen(text));

		assert_int_equal(sw_regex_match(quick, text, strlen(text)), r);
		for (int group = 0; r == 1 && group < 3; group++) {
			struct sw_span want = sw_regex_span(plain, group), got = sw_regex_span(quick, group);

			assert_ptr_equal(got.text, want.text);
			assert_int_equal(got.len, want.len);
		}
	}
	sw_regex_free(quick);
	sw_regex_free(plain);
	sw_regex_pool_free(pool);
}

/* ---- files */

static void included_files_local_files_and_known_values_join(void **state)
{
	struct dir *d = *state;
	_strbuf_ struct sw_strbuf err = {};
	struct sw_ini *ini = NULL;
	char path[128];
	_free_ char *value = NULL, *many = NULL, *cond = NULL, *other = NULL;

	put(d, "common.conf",
		"[DEFAULT]\nword = common\n[Definition]\nmark = first\n[lt_a]\nx = of %(word)s\n");
	put(d, "it.conf",
		"[INCLUDES]\nbefore = common.conf\nafter = none.conf\n[Definition]\n# a comment\n"
		"mark = %(known/mark)s second ; said\nmany = 100%%\n  %(word)s\n\n  # left out\n  last\n"
		"[Init?family=inet6]\nbits = 128\n");
	put(d, "it.local", "[DEFAULT]\nword = local\n[Definition]\nmark = %(known/mark)s third\n");
	snprintf(path, sizeof(path), "%s/it.conf", d->path);
	assert_int_equal(sw_ini_read(&ini, path, &err), 0);
	assert_int_equal(sw_ini_get(ini, "Definition", "mark", NULL, &value, &err), -ELOOP);
	sw_strbuf_reset(&err);
	assert_int_equal(sw_ini_get(ini, "Definition", "many", NULL, &many, &err), 0);
	assert_string_equal(many, "100%\nlocal\n\nlast");
	assert_int_equal(sw_ini_get(ini, "Init", "bits?family=inet6", NULL, &cond, &err), 0);
	assert_string_equal(cond, "128");
	assert_int_equal(sw_ini_get(ini, "Definition", "lt_a/x", NULL, &other, &err), 0);
	assert_string_equal(other, "of local");
	sw_ini_free(ini);
}

static void a_local_file_builds_on_what_it_replaces(void **state)
{
	struct dir *d = *state;
	_strbuf_ struct sw_strbuf err = {};
	struct sw_ini *ini = NULL;
	_free_ char *value = NULL;
	char path[128];

	put(d, "it.conf", "[Definition]\nmark = first\n");
	put(d, "it.local", "[Definition]\nmark = %(known/mark)s second\n");
	snprintf(path, sizeof(path), "%s/it.conf", d->path);
	assert_int_equal(sw_ini_read(&ini, path, &err), 0);
	assert_int_equal(sw_ini_get(ini, "Definition", "mark", NULL, &value, &err), 0);
	assert_string_equal(value, "first second");
	sw_ini_free(ini);
}

static void files_with_mistakes_are_told_with_the_line(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{"[Definition]\nx\n", "it.conf:2: neither"},
		{"x = 1\n", "it.conf:1: an option before"},
		{"[Definition\n", "it.conf:1: a section without"},
		{"[INCLUDES]\nbefore = it.conf\n[Definition]\nfailregex = %(none)s\n",
			"'%(none)s' is not there to be put in (failregex, "},
		{"[Definition]\nfailregex = 5% <HOST>\n", "'%%'"},
		{"[Definition]\na = <b>\nb = <a>\nfailregex = <a>\n", "without end"},
		{"[Definition]\nfailregex = ^no host$\n", "says whom it is of (failregex, "},
		{"[Definition]\nfailregex = ^(<HOST>\n", "it.conf:2)"},
		{"[Definition]\n\nfailregex = ^<HOST>\n            ^(<HOST>\n", "it.conf:3)"},
		{"[DEFAULT]\nprefregex = (\n[Definition]\nfailregex = ^<HOST>\n", "(prefregex, "},
		{"[Definition]\nfailregex = ^<HOST>\nignoreregex = (\n", "it.conf:3)"},
		{"[Definition]\nfailregex = ^(<HOST>\n", "parenthesis"},
		{"[Definition]\nfailregex = ^<HOST>\ndatepattern = %Q\n", "'%' before 'Q"},
		{"[Definition]\nfailregex = ^<HOST>\ndatepattern = %%Q\n", "'%Q' is not known"},
		{"[Definition]\nfailregex = ^<HOST>\n\ndatepattern = %%Q\n", "it.conf:4)"},
		{"[Definition]\nfailregex = ^<HOST>\nmaxlines = many\n", "a number"},
		{"[Definition]\nfailregex = ^<HOST>\nmaxlines = many\n", "(maxlines, "},
		{"[Definition]\nignoreregex = x\n", "no failregex"},
	};
	struct dir *d = *state;
	char path[128];

	snprintf(path, sizeof(path), "%s/it.conf", d->path);
	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		_strbuf_ struct sw_strbuf err = {};
		_cleanup_(sw_f2b_freep) struct sw_f2b_filter *f = NULL;
		_cleanup_(sw_matcher_freep) struct sw_matcher *m = NULL;
		int r;

		put(d, "it.conf", rows[i].text);
		r = sw_f2b_load(&f, path, &err);
		if (!r)
			r = sw_matcher_new(&m, f, &now, &err);
		assert_true(r < 0);
		if (!strstr(sw_strbuf_get(&err), rows[i].says))
			fail_msg("%s\nexpected '%s', got '%s'", rows[i].text, rows[i].says,
				sw_strbuf_get(&err));
	}
}

static void options_in_brackets_choose_and_replace(void **state)
{
	struct dir *d = *state;
	_strbuf_ struct sw_strbuf err = {};
	_cleanup_(sw_f2b_freep) struct sw_f2b_filter *plain = NULL, *given = NULL, *bad = NULL;
	char spec[200];

	put(d, "it.conf",
		"[Definition]\nfailregex = <re-<mode>>\nre-normal = ^a <HOST>$\nre-hard = %(re-normal)s\n"
		"  ^<word>, <HOST>$\nmode = normal\n[Init]\nword = init\nmaxlines = 3\n");
	snprintf(spec, sizeof(spec), "%s/it", d->path);
	assert_int_equal(sw_f2b_load(&plain, spec, &err), 0);
	assert_int_equal(plain->failregex.n, 1);
	assert_string_equal(plain->failregex.text[0], "^a <HOST>$");
	assert_int_equal(plain->maxlines, 3);
	assert_string_equal(plain->name, "it");
	snprintf(spec, sizeof(spec), "%s/it.conf[mode=hard, word=\"b,]\"][maxlines='1']", d->path);
	assert_int_equal(sw_f2b_load(&given, spec, &err), 0);
	assert_int_equal(given->failregex.n, 2);
	assert_string_equal(given->failregex.text[1], "^b,], <HOST>$");
	assert_int_equal(given->maxlines, 1);
	snprintf(spec, sizeof(spec), "%s/it.conf[mode", d->path);
	assert_int_equal(sw_f2b_load(&bad, spec, &err), -EINVAL);
}

/* ---- dates */

static void the_usual_dates_are_found_and_read(void **state)
{
	static const struct {
		const char *line, *rest;
		int64_t sec;
	} rows[] = {
		{"2005-08-14T11:59:59+02:00 x", " x", NOW - 1},
		{"2005-08-14 10:00:00.123Z x", " x", NOW},
		{"Aug 14 11:59:58 host x", " host x", NOW - 2},
		{"Sun Aug 14 11:59:59 2005 x", " x", NOW - 1},
		{"Aug 15 11:59:59 host x", " host x", NOW + 86399}, /* a day of doubt */
		{"Dec 31 23:59:59 host x", " host x", 1104533999}, /* of last year */
		{"[14/Aug/2005:11:59:59 +0200] x", "[] x", NOW - 1},
		{"10.0.0.1 - - [14/Aug/2005:11:59:59 +0200] x", "10.0.0.1 - - [] x", NOW - 1},
		{"1124013599.500 x", " x", NOW - 1},
		{"type=A msg=audit(1124013599.123:45): x", "type=A msg=audit(:45): x", NOW - 1},
		{"11:00:00 x", " x", NOW - 3600},
		{"23:00:00 x", " x", NOW + 39600 - 86400}, /* yesterday's */
		{"050814 11:59:59 x", " x", NOW - 1},
		{"Aug 14, 2005 11:59:59 AM x", " x", NOW - 1},
		{"Aug 14, 2005 12:00:00 PM x", " x", NOW},
		{"20050814T115959 x", " x", NOW - 1},
		{"@4000000042ff161f00000000 x", " x", NOW - 1},
		{"@0400000043001fdf00000000 x", "@0400000043001fdf00000000 x", 0},
		{"08-14-2005 11:59:59.252 x", " x", NOW - 1},
		{"EST Aug 14 05:00:00 x", " x", NOW},
		{"2005-02-30 11:00:00 x", "2005-02-30 11:00:00 x", 0},
		{"no date at all", "no date at all", 0},
	};
	struct sw_regex_pool *pool = NULL;

	assert_int_equal(sw_regex_pool_new(&pool), 0);
	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		_strbuf_ struct sw_strbuf err = {};
		const struct sw_f2b_list none = {};
		struct sw_date_match m = {};
		struct sw_dates *dates = NULL;
		char rest[100];

		assert_int_equal(sw_dates_new(&dates, pool, &none, &err), 0);
		sw_dates_find(dates, rows[i].line, strlen(rows[i].line), NOW, &m);
		if (!m.has_time)
			m.start = m.end = 0;
		snprintf(rest, sizeof(rest), "%.*s%s", (int)m.start, rows[i].line,
			rows[i].line + m.end);
		if (strcmp(rest, rows[i].rest) != 0 || m.time_us / 1000000 != rows[i].sec)
			fail_msg("%s\nexpected %lld and '%s', got %lld and '%s'", rows[i].line,
				(long long)rows[i].sec, rows[i].rest,
				(long long)m.time_us / 1000000, rest);
		sw_dates_free(dates);
	}
	sw_regex_pool_free(pool);
}

/* Where the minute of a line decides of which year it is, and where the hour is of summer and of winter. */
static void a_date_that_was_just_read_is_as_if_read_anew(void **state)
{
	static const int64_t nows[] = {NOW, NOW + 59, NOW + 60, 1130634000, 1143939600};
	const struct sw_f2b_list usual_forms = {};
	struct sw_dates *quick = NULL, *plain = NULL;
	struct sw_regex_pool *pool = NULL;
	_strbuf_ struct sw_strbuf err = {};

	assert_int_equal(sw_regex_pool_new(&pool), 0);
	assert_int_equal(sw_dates_new(&quick, pool, &usual_forms, &err), 0);
	assert_int_equal(sw_dates_new(&plain, pool, &usual_forms, &err), 0);
	sw_dates_plainly(plain);
	for (size_t i = 0; i < SW_ARRAY_SIZE(nows); i++)
		for (int64_t step = -9000; step < 9000; step += 13) {
			time_t t = nows[i] + 86400 + step;
			struct sw_date_match a = {}, b = {};
			char line[64];
			struct tm tm;

			localtime_r(&t, &tm);
			if (step / 130 & 1)
				strftime(line, sizeof(line), "%b %e %H:%M:%S host d: x", &tm);
			else if (step / 260 & 1)
				strftime(line, sizeof(line), "%Y-%m-%dT%H:%M:%S+01:00 host d: x", &tm);
			else
				strftime(line, sizeof(line), "%H:%M:%S host d: x", &tm);
			assert_int_equal(sw_dates_find(quick, line, strlen(line), nows[i], &a),
				sw_dates_find(plain, line, strlen(line), nows[i], &b));
			if (a.has_time != b.has_time || a.time_us != b.time_us || a.start != b.start || a.end != b.end)
				fail_msg("'%s' at %lld: %lld, expected %lld", line, (long long)nows[i],
					(long long)a.time_us, (long long)b.time_us);
		}
	sw_dates_free(quick);
	sw_dates_free(plain);
	sw_regex_pool_free(pool);
}

/* ---- literals */

static void what_an_expression_requires_is_read_off_it(void **state)
{
	static const struct {
		const char *regex, *literals; /* joined by | */
	} rows[] = {
		{"^Failed \\S+ for (?P<user>.*) from x", "Failed "},
		{"^[iI](?:llegal|nvalid) user", "llegal|nvalid"},
		{"^(?:abc)?$", ""},
		{"^(?:abc|d)$", ""},
		{"abc|def", "abc|def"},
		{"ab+cd", ""},
		{"abc+de", "abc"},
		{"(?!never)abc", "abc"},
		{"(?i)Abc", "Abc"},
		{"(?x)abc def", ""},
		{"abc\\x41def", ""},
		{"\\[\\]\\s\\[abc\\]", "abc]"},
		{"x{0,3}abc", "abc"},
		{"x{2}abc", "abc"},
		{"(?P<a>abcd)(?(a)yes|no)", "abcd"},
		{"(unclosed abc", ""},
		{"(?:one|two (?:three|four))!", "one|three|four"},
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		struct sw_literals l = {};
		char got[200] = "";

		sw_literals_find(&l, rows[i].regex, true);
		for (unsigned int k = 0; k < l.n; k++)
			sprintf(got + strlen(got), "%s%.*s", k ? "|" : "", l.len[k], l.text[k]);
		if (strcmp(got, rows[i].literals) != 0)
			fail_msg("%s: expected '%s', got '%s'", rows[i].regex, rows[i].literals,
				got);
	}
}

static void how_a_text_must_begin_is_read_off_its_expression(void **state)
{
	static const struct {
		const char *regex, *heads; /* joined by | */
	} rows[] = {
		{"^Failed \\S+ for", "Failed "},
		{"^[iI](?:llegal|nvalid) user", "illegal |Illegal |invalid |Invalid "},
		{"^(?P<a>(x|yz)) (?:!|-)", "x !|yz !|x -|yz -"},
		{"^(?:error|fatal): Maximum", "error: M|fatal: M"},
		{"^\\[ab?c", "[a"},
		{"^ab{2}c", "a"},
		{"^(?:ab)?c", ""},
		{"^(?=ab)c", ""},
		{"^[^a]b", ""},
		{"^[a-z]b", ""},
		{"^a\\d", "a"},
		{"^a(?:b|)c", "abc|ac"},
		{"^abcdefghij", "abcdefgh"},
		{"^a|b", ""},
		{"a", ""},
		{"^(?i)a", ""},
		{"^(?#x)a", ""},
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		struct sw_heads h;
		char got[100] = "";

		sw_heads_find(&h, rows[i].regex);
		for (unsigned int k = 0; k < h.n; k++)
			sprintf(got + strlen(got), "%s%.8s", k ? "|" : "", (const char *)&h.text[k]);
		if (strcmp(got, rows[i].heads) != 0)
			fail_msg("%s: expected '%s', got '%s'", rows[i].regex, rows[i].heads, got);
	}
}

static void a_group_that_demands_a_literal_is_barred(void **state)
{
	static const struct {
		const char *regex, *need, *barred; /* need "": it cannot be */
	} rows[] = {
		{"^x (?P<u>(?P<a>\\S+)|.*?) from(?(a): |$)", ": ", "^x (?P<u>(?P<a>(?!)\\S+)|.*?) from(?(a): |$)"},
		{"(?:(?P<a>x)?)+(?(a)yes|no)", "yes", "(?:(?P<a>(?!)x)?)+(?(a)yes|no)"},
		{"(?P<a>x)?+(?(a)yes|no)", "", ""}, /* what was taken is kept, though it comes to nothing */
		{"(?>(?P<a>x)|xy)(?(a)yes|no)", "", ""},
		{"(?:(?P<a>x)|xy)++(?(a)yes|no)", "", ""},
		{"(?=(?P<a>x)|xy)(?(a)yes|no)", "", ""},
		{"(?P<a>x)?(?(a)yes|no)?", "", ""}, /* it need not be asked */
		{"(?P<a>x)?(?:(?(a)yes|no)|z)", "", ""},
		{"(?P<a>x)?(?(a)yes|no)|z", "", ""},
		{"(?P<a>x)?(?(a)ye+s|no)", "", ""},
		{"(?P<a>x)?(?(a)|no)", "", ""},
		{"(?(a)yes|no)(?P<a>x)?", "", ""},
		{"(?i)(?P<a>x)?(?(a)yes|no)", "", ""},
		{"(?P<a>x)?(?P>a)(?(a)yes|no)", "", ""},
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		_strbuf_ struct sw_strbuf got = {};
		char need[SW_LITERAL_MAX] = "";

		if (!sw_literal_bar(&got, need, rows[i].regex))
			need[0] = 0;
		if (strcmp(need, rows[i].need) != 0 || strcmp(sw_strbuf_get(&got), rows[i].barred) != 0)
			fail_msg("%s: needs '%s', '%s'", rows[i].regex, need, sw_strbuf_get(&got));
	}
	assert_true(sw_literal_is_in(": ", "a::: b", 6));
	assert_false(sw_literal_is_in(": ", "a::: b", 4));
	assert_false(sw_literal_is_in(": ", "", 0));
}

static uint32_t next_random(uint64_t *s)
{
	*s = *s * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(*s >> 33);
}

enum { RULES = 20, LINE_MAX_LEN = 150 };

static void compare_with_plain_search(
	const struct sw_prefilter *p, const struct sw_literals *rules, const char *line)
{
	struct sw_rule_set set;

	sw_prefilter_scan(p, line, strlen(line), &set);
	for (size_t i = 0; i < RULES; i++) {
		bool want = false;

		for (unsigned int k = 0; k < rules[i].n; k++) {
			char text[SW_LITERAL_MAX + 1] = {};

			memcpy(text, rules[i].text[k], rules[i].len[k]);
			want |= strcasestr(line, text) != NULL;
		}
		assert_int_equal(sw_rule_set_has(&set, i), want);
	}
}

/* Lines shorter and longer than a block of the quick search, by it and byte by byte. */
static void the_prefilter_finds_what_a_plain_search_finds(void **state)
{
	static const char letters[] = "abAB \xe1";
	uint64_t seed = 7;

	for (int round = 0; round < 1000; round++) {
		struct sw_literals rules[RULES] = {};
		struct sw_prefilter *p = NULL;
		size_t len = next_random(&seed) % LINE_MAX_LEN;
		_free_ char *exact = malloc(len + 1); /* so that a byte too far is seen */

		for (size_t i = 0; i < RULES; i++) {
			rules[i].n = 1 + next_random(&seed) % 2;
			for (unsigned int k = 0; k < rules[i].n; k++) {
				rules[i].len[k] = (uint8_t)(SW_LITERAL_MIN + next_random(&seed) % 9);
				for (unsigned int c = 0; c < rules[i].len[k]; c++)
					rules[i].text[k][c] = letters[next_random(&seed) % 6];
			}
		}
		for (size_t c = 0; c < len; c++)
			exact[c] = letters[next_random(&seed) % 6];
		exact[len] = 0;
		assert_int_equal(sw_prefilter_new(&p, rules, RULES), 0);
		compare_with_plain_search(p, rules, exact);
		sw_prefilter_byte_by_byte(p);
		compare_with_plain_search(p, rules, exact);
		sw_prefilter_free(p);
	}
}

/* ---- lines through a filter */

struct line_row {
	const char *line;
	enum sw_line_state state;
	const char *host, *user;
};

static void expect_lines(struct dir *d, const char *filter, const struct line_row *rows, size_t n)
{
	_strbuf_ struct sw_strbuf err = {};
	_cleanup_(sw_f2b_freep) struct sw_f2b_filter *f = NULL;
	_cleanup_(sw_matcher_freep) struct sw_matcher *m = NULL;
	char path[128];

	put(d, "it.conf", filter);
	snprintf(path, sizeof(path), "%s/it.conf", d->path);
	if (sw_f2b_load(&f, path, &err) < 0 || sw_matcher_new(&m, f, &now, &err) < 0)
		fail_msg("%s", sw_strbuf_get(&err));
	for (size_t i = 0; i < n; i++) {
		struct sw_line_result res;
		char host[100] = "", user[100] = "";

		sw_matcher_line(m, rows[i].line, strlen(rows[i].line), &res);
		snprintf(host, sizeof(host), "%.*s", (int)res.host.len,
			res.host.text ? res.host.text : "");
		snprintf(user, sizeof(user), "%.*s", (int)res.user.len,
			res.user.text ? res.user.text : "");
		if (res.state != rows[i].state ||
			strcmp(host, rows[i].host ? rows[i].host : "") != 0 ||
			(rows[i].user && strcmp(user, rows[i].user) != 0))
			fail_msg("line %zu '%s': got state %d, host '%s', user '%s', rule %u", i,
				rows[i].line, res.state, host, user, res.rule);
	}
}

static void tags_name_hosts_networks_and_users(void **state)
{
	static const struct line_row rows[] = {
		{"Aug 14 11:00:00 bad 192.0.2.7 by eve", SW_LINE_MATCHED, "192.0.2.7", "eve"},
		{"Aug 14 11:00:00 bad ::ffff:192.0.2.7 by eve", SW_LINE_MATCHED, "192.0.2.7",
			"eve"},
		{"Aug 14 11:00:00 bad [2001:db8::1] by eve", SW_LINE_MATCHED, "2001:db8::1", "eve"},
		{"Aug 14 11:00:00 bad host.example by eve", SW_LINE_MATCHED, "host.example", "eve"},
		{"Aug 14 11:00:00 net 192.0.2.0/24", SW_LINE_MATCHED, "192.0.2.0/24", NULL},
		{"Aug 14 11:00:00 id mallory", SW_LINE_MATCHED, "mallory", NULL},
		{"Aug 14 11:00:00 only host.example", SW_LINE_NONE, NULL, NULL},
		{"Aug 14 11:00:00 bad 192.0.2.9 by good", SW_LINE_IGNORED, NULL, NULL},
		{"Aug 14 11:00:00 sad 192.0.2.9", SW_LINE_NONE, NULL, NULL},
		{"bad 192.0.2.10 by eve", SW_LINE_MATCHED, "192.0.2.10", "eve"},
		{"", SW_LINE_NONE, NULL, NULL},
	};

	expect_lines(*state,
		"[Definition]\nfailregex = ^\\s*bad <HOST> by <F-USER>\\S+</F-USER>$\n  ^\\s*net <SUBNET>$\n  ^\\s*id <F-ID/>$\n"
		"  ^\\s*only <ADDR>$\nignoreregex = by good$\n",
		rows, SW_ARRAY_SIZE(rows));
}

static void lines_of_a_connection_are_one_story(void **state)
{
	static const struct line_row rows[] = {
		/* a failure whose address comes later */
		{"Aug 14 11:00:00 d[1]: failed for eve", SW_LINE_PENDING, NULL, "eve"},
		{"Aug 14 11:00:01 d[1]: closed by 192.0.2.1", SW_LINE_MATCHED, "192.0.2.1", "eve"},
		/* an address that was known before */
		{"Aug 14 11:00:00 d[2]: from 192.0.2.2", SW_LINE_NOFAIL, NULL, NULL},
		{"Aug 14 11:00:01 d[2]: failed for eve", SW_LINE_MATCHED, "192.0.2.2", "eve"},
		/* let in, as the one user it ever named */
		{"Aug 14 11:00:00 d[3]: tried key for ann", SW_LINE_NOFAIL, NULL, "ann"},
		{"Aug 14 11:00:01 d[3]: accepted for ann from 192.0.2.3", SW_LINE_NOFAIL, NULL,
			"ann"},
		/* let in after it tried several */
		{"Aug 14 11:00:00 d[4]: tried key for ann", SW_LINE_NOFAIL, NULL, "ann"},
		{"Aug 14 11:00:01 d[4]: accepted for bob from 192.0.2.4", SW_LINE_MATCHED,
			"192.0.2.4", "bob"},
		/* its end was forgotten, so a new one has no address */
		{"Aug 14 11:00:02 d[1]: failed for eve", SW_LINE_PENDING, NULL, "eve"},
		/* the same number, long after */
		{"Aug 14 11:20:00 d[2]: failed for eve", SW_LINE_PENDING, NULL, "eve"},
	};

	expect_lines(*state,
		"[Definition]\nprefregex = ^<F-MLFID>\\s*d\\[\\d+\\]</F-MLFID>: <F-CONTENT>.+</F-CONTENT>$\n"
		"failregex = ^failed for <F-USER>\\S+</F-USER>$\n  ^<F-MLFFORGET>closed</F-MLFFORGET> by <HOST>$\n"
		"  ^<F-NOFAIL>from</F-NOFAIL> <HOST>$\n  ^<F-NOFAIL>tried key</F-NOFAIL> for <F-USER>\\S+</F-USER>$\n"
		"  ^<F-MLFFORGET><F-MLFGAINED>accepted</F-MLFGAINED></F-MLFFORGET> for <F-USER>\\S+</F-USER> from <HOST>$\n",
		rows, SW_ARRAY_SIZE(rows));
}

static void one_rule_may_span_several_lines(void **state)
{
	static const struct line_row rows[] = {
		{"Aug 14 11:00:00 one 192.0.2.1", SW_LINE_NONE, NULL, NULL},
		{"Aug 14 11:00:01 between", SW_LINE_NONE, NULL, NULL},
		{"Aug 14 11:00:02 two", SW_LINE_MATCHED, "192.0.2.1", NULL},
		{"Aug 14 11:00:03 two", SW_LINE_NONE, NULL, NULL},
		{"Aug 14 11:00:04 one 192.0.2.2", SW_LINE_NONE, NULL, NULL},
		{"a", SW_LINE_NONE, NULL, NULL}, {"b", SW_LINE_NONE, NULL, NULL},
		{"c", SW_LINE_NONE, NULL, NULL},
		{"Aug 14 11:00:05 two", SW_LINE_NONE, NULL,
			NULL}, /* the first has left the window */
	};

	expect_lines(*state,
		"[Definition]\nfailregex = ^ one <HOST>$<SKIPLINES>^ two$\nmaxlines = 4\n", rows,
		SW_ARRAY_SIZE(rows));
}

static void a_date_within_the_message_does_not_win(void **state)
{
	static const struct line_row rows[] = {
		{"Aug 14 11:00:00 srv app: at 2005-08-01 10:00:00 bad 192.0.2.1", SW_LINE_MATCHED,
			"192.0.2.1", NULL},
		{"Aug 14 11:00:01 srv app: at 2005-08-01 10:00:00 bad 192.0.2.1", SW_LINE_MATCHED,
			"192.0.2.1", NULL},
	};

	expect_lines(*state,
		"[Definition]\nfailregex = ^ srv app: at 2005-08-01 10:00:00 bad <HOST>$\n", rows,
		SW_ARRAY_SIZE(rows));
}

/* ---- reading */

static void lines_come_whole_whatever_they_hold(void **state)
{
	struct dir *d = *state;
	_cleanup_(sw_lines_freep) struct sw_lines *l = NULL;
	_close_ int fd = -1;
	char path[128];
	_free_ char *big = malloc(SW_LINES_BUFFER + 5000);
	const char *line;
	size_t len;

	assert_non_null(big);
	memset(big, 'x', SW_LINES_BUFFER + 5000);
	snprintf(path, sizeof(path), "%s/log", d->path);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(sw_write_all(fd, "one\n\na\0b\n", 9), 0);
	assert_int_equal(sw_write_all(fd, big, SW_LINES_BUFFER + 5000), 0);
	assert_int_equal(sw_write_all(fd, "\n\xff\xfe\nlast", 8), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(sw_lines_new(&l, fd), 0);
	assert_int_equal(sw_lines_next(l, &line, &len), 1);
	assert_memory_equal(line, "one", 3);
	assert_int_equal(sw_lines_next(l, &line, &len), 1);
	assert_int_equal(len, 0);
	assert_int_equal(sw_lines_next(l, &line, &len), 1);
	assert_int_equal(len, 3);
	assert_int_equal(sw_lines_next(l, &line, &len), 1);
	assert_int_equal(len, SW_LINES_BUFFER);
	assert_int_equal(sw_lines_next(l, &line, &len), 1);
	assert_memory_equal(line, "\xff\xfe", 2);
	assert_int_equal(sw_lines_next(l, &line, &len), 1);
	assert_int_equal(len, 4);
	assert_memory_equal(line, "last", 4);
	assert_int_equal(sw_lines_next(l, &line, &len), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
	const struct CMUnitTest tests[] = {
		TEST(python_expressions_become_pcre2s),
		TEST(a_line_made_to_hang_reaches_the_limit),
		TEST(letters_are_of_any_script_where_a_line_is_utf8),
		TEST(a_bad_expression_is_said_with_its_place),
		TEST(expressions_that_know_no_digit_are_told),
		TEST(a_kept_answer_is_that_of_the_expression),
		TEST(included_files_local_files_and_known_values_join),
		TEST(a_local_file_builds_on_what_it_replaces),
		TEST(files_with_mistakes_are_told_with_the_line),
		TEST(options_in_brackets_choose_and_replace),
		TEST(the_usual_dates_are_found_and_read),
		TEST(what_an_expression_requires_is_read_off_it),
		TEST(a_date_that_was_just_read_is_as_if_read_anew),
		TEST(how_a_text_must_begin_is_read_off_its_expression),
		TEST(a_group_that_demands_a_literal_is_barred),
		TEST(the_prefilter_finds_what_a_plain_search_finds),
		TEST(tags_name_hosts_networks_and_users),
		TEST(lines_of_a_connection_are_one_story),
		TEST(one_rule_may_span_several_lines),
		TEST(a_date_within_the_message_does_not_win),
		TEST(lines_come_whole_whatever_they_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

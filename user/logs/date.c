// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/logs/date.h"

#include <ctype.h>
#include <strings.h>

#include "user/logs/date_form.h"
#include "user/logs/ini.h"

enum {
	FORMS_MAX = 128,
	/* How far beyond its end a usual form looks: " 2005", ".123456", " +02:00", and a byte that ends the word. */
	AHEAD = 8,
	AGAIN_MAX = 64,
	CLOCK_LEN = 5, /* "MM:SS" */
};

struct sw_dates {
	struct sw_date_form *forms[FORMS_MAX];
	size_t n, last; /* last == n: none was found yet */
	size_t last_start;
	struct sw_date_cache cache;
	bool is_usual; /* no form is the filter's own */
	/* The line's beginning up to AHEAD beyond its date: the next line mostly has the same. 0: none is kept. */
	char again[AGAIN_MAX];
	size_t again_len;
	size_t again_clock; /* where in it "MM:SS" stands: these digits may be others. 0: they may not */
	int64_t again_minute; /* of now */
	struct sw_date_match again_match;
};

static const char line_begin[] = "{^LN-BEG}";

/* The usual forms. Those without a mark of their own are tried at the beginning of the line first. */
static const char *const usual[] = {
	/* RFC 3339 and ISO 8601, extended; with '/' or '.' and a blank too */
	"%ExY[-/.]%m[-/.]%d(?:T|  ?)%H:%M:%S(?:[.,]%f)?(?:\\s*%z)?",
	/* RFC 3164; asctime(3), its year at the end or after the day */
	"(?:%a )?%b %d %k:%M:%S(?:\\.%f)?(?: %ExY)?",
	"(?:%a )?%b %d %ExY %k:%M:%S(?:\\.%f)?",
	/* day first */
	"%d[-/]%m[-/](?:%ExY|%Exy) %k:%M:%S",
	/* the common log format of web servers; BIND */
	"%d[-/]%b[-/]%ExY[ :]?%H:%M:%S(?:\\.%f)?(?: %z)?",
	/* month first */
	"%m/%d/%ExY:%H:%M:%S",
	"%m-%d-%ExY %k:%M:%S(?:\\.%f)?",
	"EPOCH",
	"{^LN-BEG}%H:%M:%S",
	"^<%m/%d/%Exy@%H:%M:%S>",
	/* MySQL before 5.7 */
	"%Exy%Exm%Exd  ?%H:%M:%S",
	/* java.util.logging */
	"%b %d, %ExY %I:%M:%S %p",
	"^%b-%d-%Exy %k:%M:%S",
	/* ISO 8601, basic */
	"%ExY%Exm%Exd(?:T|  ?)%ExH%ExM%ExS(?:[.,]%f)?(?:\\s*%z)?",
	/* a zone before it */
	"(?:%Z )?(?:%a )?%b %d %k:%M:%S(?:\\.%f)?(?: %ExY)?",
	"(?:%z )?(?:%a )?%b %d %k:%M:%S(?:\\.%f)?(?: %ExY)?",
	/* https://cr.yp.to/libtai/tai64.html */
	"TAI64N",
};

static int add_form(
	struct sw_dates *d, struct sw_regex_pool *pool, const char *pattern, struct sw_strbuf *err)
{
	struct sw_date_form *f = NULL;
	int r;

	for (size_t i = 0; i < d->n; i++)
		if (sw_streq(sw_date_form_pattern(d->forms[i]), pattern))
			return 0;
	if (d->n == FORMS_MAX) {
		sw_strbuf_printf(err, "more than %d forms of dates", FORMS_MAX);
		return -E2BIG;
	}
	r = sw_date_form_new(&f, pool, pattern, err);
	if (!r)
		d->forms[d->n++] = f;
	return r;
}

static bool is_marked(const char *pattern)
{
	return pattern[0] == '^' || strncmp(pattern, line_begin, strlen(line_begin)) == 0;
}

/* The usual forms at the beginning of the line, and then, unless only those are wanted, anywhere. */
static int add_usual(
	struct sw_dates *d, struct sw_regex_pool *pool, bool only_first, struct sw_strbuf *err)
{
	char pattern[256];
	int r = 0;

	for (size_t i = 0; i < SW_ARRAY_SIZE(usual) && !r; i++) {
		snprintf(pattern, sizeof(pattern), "%s%s", is_marked(usual[i]) ? "" : line_begin,
			usual[i]);
		r = add_form(d, pool, pattern, err);
	}
	for (size_t i = 0; i < SW_ARRAY_SIZE(usual) && !r && !only_first; i++)
		if (!is_marked(usual[i]))
			r = add_form(d, pool, usual[i], err);
	return r;
}

/*
 * {DATE} within a pattern: each of the usual forms in its place. Those that are a word of their own (EPOCH, TAI64N)
 * stand only where nothing but '^' is before it.
 */
static int add_within(struct sw_dates *d, struct sw_regex_pool *pool, const char *pattern,
	size_t at, struct sw_strbuf *err)
{
	bool is_alone = strcasecmp(pattern + (pattern[0] == '^'), "{DATE}") == 0;
	int r = 0;

	for (size_t i = 0; i < SW_ARRAY_SIZE(usual) && !r; i++) {
		_strbuf_ struct sw_strbuf b = {};
		const char *form = usual[i];

		if (!strchr(form, '%') && !is_alone)
			continue;
		if (is_marked(form) && form[0] != '^')
			form += strlen(line_begin);
		sw_strbuf_puts(&b, pattern);
		sw_strbuf_splice(&b, at, strlen("{DATE}"), form);
		r = b.is_failed ? -ENOMEM : add_form(d, pool, sw_strbuf_get(&b), err);
	}
	return r;
}

static int add_pattern(
	struct sw_dates *d, struct sw_regex_pool *pool, const char *pattern, struct sw_strbuf *err)
{
	const char *date = strcasestr(pattern, "{DATE}");

	if (strcasecmp(pattern, line_begin) == 0)
		return add_usual(d, pool, true, err);
	if (strcasecmp(pattern, "{DEFAULT}") == 0)
		return add_usual(d, pool, false, err);
	if (date)
		return add_within(d, pool, pattern, (size_t)(date - pattern), err);
	return add_form(d, pool, pattern, err);
}

int sw_dates_new(struct sw_dates **ret, struct sw_regex_pool *pool,
	const struct sw_f2b_list *patterns, struct sw_strbuf *err)
{
	struct sw_dates *d = calloc(1, sizeof(*d));
	int r = 0;

	if (!d)
		return -ENOMEM;
	if (!patterns->n)
		r = add_usual(d, pool, false, err);
	for (size_t i = 0; i < patterns->n && !r; i++)
		r = add_pattern(d, pool, patterns->text[i], err);
	if (r < 0) {
		sw_dates_free(d);
		return r;
	}
	d->last = d->n;
	d->last_start = 1;
	d->is_usual = !patterns->n ||
		(patterns->n == 1 && strcasecmp(patterns->text[0], line_begin) == 0);
	*ret = d;
	return 0;
}

void sw_dates_free(struct sw_dates *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->n; i++)
		sw_date_form_free(d->forms[i]);
	free(d);
}

void sw_dates_plainly(struct sw_dates *d)
{
	d->is_usual = false;
	d->again_len = 0;
}

bool sw_dates_are_first(const struct sw_dates *d)
{
	for (size_t i = 0; i < d->n; i++)
		if (!sw_date_form_is_first(d->forms[i]))
			return false;
	return true;
}

/*
 * The form to take: the one seen last where it was seen; else the first that is bound to the line's beginning or begins
 * no later than the last did; else that which begins first, so that a date within the message does not win over the
 * line's own. d->n: none.
 */
static size_t choose(struct sw_dates *d, const char *line, size_t len)
{
	size_t best = d->n, first = SIZE_MAX, start, last = d->last;

	if (last < d->n && sw_date_form_match(d->forms[last], line, len, &start)) {
		if (sw_date_form_is_bound(d->forms[last]) || start == d->last_start)
			return last;
		best = last;
		first = start;
	}
	for (size_t i = 0; i < d->n; i++) {
		if (i == last || !sw_date_form_match(d->forms[i], line, len, &start))
			continue;
		if (sw_date_form_is_bound(d->forms[i]) || start <= d->last_start)
			return i;
		if (start < first) {
			best = i;
			first = start;
		}
	}
	return best;
}

/* Keeps the answer where it depends on nothing but the line's first bytes and the minute. */
static void keep(struct sw_dates *d, const char *line, size_t len, int64_t now_sec,
	const struct sw_date_match *m)
{
	size_t want = m->end + AHEAD;

	d->again_len = 0;
	if (!d->is_usual || !m->has_time || !sw_date_form_is_first(d->forms[d->last]) ||
		want > len || want > AGAIN_MAX)
		return;
	/* Any number of blanks may stand before a zone. */
	if (isspace((unsigned char)line[m->end]) && isspace((unsigned char)line[m->end + 1]))
		return;
	memcpy(d->again, line, want);
	d->again_len = want;
	d->again_minute = now_sec / 60;
	d->again_match = *m;
	d->again_clock = d->cache.is_hour_sure ? sw_date_form_clock(d->forms[d->last], line) : 0;
}

/* Seconds of "MM:SS"; -1: it is none. */
static int read_clock(const char *p)
{
	unsigned int d[] = {p[0] - '0', p[1] - '0', p[3] - '0', p[4] - '0'};

	if (d[0] > 5 || d[1] > 9 || d[2] > 5 || d[3] > 9)
		return -1;
	return (int)((d[0] * 10 + d[1]) * 60 + d[2] * 10 + d[3]);
}

/* Does the line begin as the one that is kept, its minute and second perhaps others? */
static bool is_again(const struct sw_dates *d, const char *line, size_t len, int64_t now_sec, struct sw_date_match *ret)
{
	size_t clock = d->again_clock, after = clock + CLOCK_LEN;
	int was = 0, is = 0;

	if (!d->again_len || len < d->again_len || now_sec / 60 != d->again_minute)
		return false;
	if (clock) {
		is = read_clock(line + clock);
		was = read_clock(d->again + clock);
		if (is < 0 || was < 0 || line[clock + 2] != d->again[clock + 2])
			return false;
	} else {
		after = 0;
	}
	if (memcmp(line, d->again, clock) != 0 || memcmp(line + after, d->again + after, d->again_len - after) != 0)
		return false;
	*ret = d->again_match;
	ret->time_us += (is - was) * 1000000ll;
	return true;
}

int sw_dates_find(struct sw_dates *d, const char *line, size_t len, int64_t now_sec,
	struct sw_date_match *ret)
{
	size_t i;

	if (is_again(d, line, len, now_sec, ret))
		return 1;
	len = SW_MIN(len, (size_t)SW_DATE_LOOK_MAX);
	i = choose(d, line, len);
	if (i == d->n)
		return 0;
	d->last = i;
	sw_date_form_read(d->forms[i], line, &d->cache, now_sec, ret, &d->last_start);
	keep(d, line, len, now_sec, ret);
	return 1;
}

// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/logs/date_form.h"

#include <ctype.h>
#include <strings.h>

#define MONTHS "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
#define FULL_MONTHS                                                                                \
	"january|february|march|april|may|june|july|august|september|october|november|december"
#define DAYS       "mon|tue|wed|thu|fri|sat|sun"
#define FULL_DAYS  "monday|tuesday|wednesday|thursday|friday|saturday|sunday"
#define OFFSET     "[+-][01]\\d(?::?\\d{2})?"
#define ZONE       "[A-Z](?:[A-Z]{2,4})?"
#define EPOCH      "\\d{10,11}\\b(?:\\.\\d{3,6})?"
#define LONG_EPOCH "\\d{10,11}(?:\\d{3}(?:\\.\\d{1,6}|\\d{3})?)?"

/* What stands after '%', the longer names first. Ex: exact, as many digits as are written. */
static const struct {
	const char *name, *regex;
} letters[] = {
	{"ExY", "(?P<Y>20\\d{2})"},
	{"Exy", "(?P<y>\\d{2})"},
	{"Exm", "(?P<m>0[1-9]|1[0-2])"},
	{"Exd", "(?P<d>0[1-9]|[12]\\d|3[01])"},
	{"ExH", "(?P<H>[01]\\d|2[0-3])"},
	{"Exk", " ?(?P<H>[01]?\\d|2[0-3])"},
	{"Exl", " ?(?P<I>1[0-2]|\\d)"},
	{"ExM", "(?P<M>[0-5]\\d)"},
	{"ExS", "(?P<S>[0-5]\\d|6[01])"},
	{"ExZ", "(?P<Z>" ZONE ")"},
	{"Exz", "(?P<z>(?:" ZONE ")?" OFFSET "|" ZONE ")"},
	{"Y", "(?P<Y>\\d{4})"},
	{"y", "(?P<y>\\d{2})"},
	{"m", "(?P<m>1[0-2]|0?[1-9])"},
	{"d", "(?P<d>[12]\\d|3[01]|[0 ]?[1-9])"},
	{"H", "(?P<H>2[0-3]|[01]?\\d)"},
	{"k", " ?(?P<H>[0-2]?\\d)"},
	{"I", "(?P<I>1[0-2]|0[1-9]|[1-9])"},
	{"l", " ?(?P<I>1?\\d)"},
	{"M", "(?P<M>[0-5]?\\d)"},
	{"S", "(?P<S>6[01]|[0-5]?\\d)"},
	{"f", "(?P<f>\\d{1,6})"},
	{"j", "(?P<j>36[0-6]|3[0-5]\\d|[12]\\d\\d|0?[1-9]\\d|0{0,2}[1-9])"},
	{"p", "(?P<p>am|pm)"},
	{"b", "(?P<b>" MONTHS ")"},
	{"B", "(?P<b>" FULL_MONTHS ")"},
	{"a", "(?:" DAYS ")"},
	{"A", "(?:" FULL_DAYS ")"},
	{"w", "[0-6]"},
	{"Z", "(?P<Z>Z|[A-Z]{3,5})"},
	{"z", "(?P<z>Z|UTC|GMT|" OFFSET ")"},
	{"%", "%"},
};

/* The groups that a date is read from, by their one letter. */
static const char group_names[] = "YymbdHIMSpjZz";

enum kind { KIND_PARTS, KIND_EPOCH, KIND_LONG_EPOCH, KIND_TAI };

struct sw_date_form {
	char *pattern;
	struct sw_regex *regex;
	enum kind kind;
	int groups[sizeof(group_names)];
	int value; /* the group that holds the seconds, for those that are one number */
	bool is_bound, is_first;
};

/* Steps of building: what is left of the pattern, and what was said at its sides. */
struct builder {
	struct sw_strbuf regex;
	bool is_line_begin, bound_begin, bound_end, is_caseless, is_first;
};

const char *sw_date_form_pattern(const struct sw_date_form *f)
{
	return f->pattern;
}

bool sw_date_form_is_bound(const struct sw_date_form *f)
{
	return f->is_bound;
}

bool sw_date_form_is_first(const struct sw_date_form *f)
{
	return f->is_first;
}

void sw_date_form_free(struct sw_date_form *f)
{
	if (!f)
		return;
	sw_regex_free(f->regex);
	free(f->pattern);
	free(f);
}

static int put_letter(struct builder *b, const char **p, struct sw_strbuf *err)
{
	for (size_t i = 0; i < SW_ARRAY_SIZE(letters); i++) {
		size_t len = strlen(letters[i].name);

		if (strncmp(*p, letters[i].name, len) != 0)
			continue;
		b->is_caseless |= len == 1 && strchr("aAbBp", **p) != NULL;
		sw_strbuf_puts(&b->regex, letters[i].regex);
		*p += len;
		return 0;
	}
	sw_strbuf_printf(err, "datepattern: '%%%.3s' is not known", *p);
	return -EINVAL;
}

/* True when the pattern has a group of its own that says what to cut out: '(' that no '?' follows. */
static bool has_group(const char *p)
{
	for (; *p; p++) {
		if (*p == '\\' && p[1])
			p++;
		else if (*p == '(' && p[1] != '?')
			return true;
	}
	return false;
}

static bool ends_with(const char *text, size_t len, const char *end)
{
	size_t n = strlen(end);

	return len >= n && memcmp(text + len - n, end, n) == 0;
}

/* Looks at the sides of the pattern: where a word boundary goes without saying, and where "**" forbids it. */
static void look_at_sides(struct builder *b, const char **p, size_t *len)
{
	const char *s = *p;

	if (strncmp(s, "{UNB}", 5) == 0) {
		s += 5;
		b->bound_begin = b->bound_end = false;
	} else if (strncmp(s, "{^LN-BEG}", 9) == 0) {
		s += 9;
		b->is_line_begin = true;
	}
	*len = strlen(s);
	if (*len >= 2 && strncmp(s, "**", 2) == 0) {
		b->bound_begin = false;
		s += 2;
		*len -= 2;
	}
	if (ends_with(s, *len, "**")) {
		b->bound_end = false;
		*len -= 2;
	}
	if (s[0] == '^' || strncmp(s, "(^", 2) == 0 || strncmp(s, "(?:^", 4) == 0)
		b->bound_begin = false;
	if (ends_with(s, *len, "$") || ends_with(s, *len, "$)") || ends_with(s, *len, "\\b") ||
		ends_with(s, *len, "\\s"))
		b->bound_end = false;
	*p = s;
}

static int build_parts(struct builder *b, const char *p, struct sw_strbuf *err)
{
	_strbuf_ struct sw_strbuf plain = {};
	const char *end;
	bool is_bare;
	size_t len;
	int r = 0;

	look_at_sides(b, &p, &len);
	sw_strbuf_add(&plain, p, len);
	p = sw_strbuf_get(&plain);
	end = p + plain.len;
	is_bare = !has_group(p);
	b->is_first = is_bare && (*p == '^' || (b->bound_begin && b->is_line_begin));
	if (b->bound_begin)
		sw_strbuf_puts(&b->regex, b->is_line_begin ? "^\\W{0,2}" : "(?=^|\\b|\\W)");
	if (is_bare && *p == '^')
		sw_strbuf_putc(&b->regex, *p++);
	if (is_bare)
		sw_strbuf_putc(&b->regex, '(');
	if (is_bare && end > p && end[-1] == '$')
		end--;
	while (p < end && !r) {
		if (*p == '%') {
			p++;
			r = put_letter(b, &p, err);
		} else {
			if (*p == '\\' && p + 1 < end)
				sw_strbuf_putc(&b->regex, *p++);
			sw_strbuf_putc(&b->regex, *p++);
		}
	}
	if (is_bare)
		sw_strbuf_puts(&b->regex, *end ? ")$" : ")");
	if (b->bound_end)
		sw_strbuf_puts(&b->regex, "(?=\\b|\\W|$)");
	return r;
}

/* EPOCH, LEPOCH and TAI64N alone, or {EPOCH} and {LEPOCH} within a pattern. False: it is none of these. */
static bool build_number(struct sw_date_form *f, struct builder *b, const char *p)
{
	bool is_begin = strncmp(p, "{^LN-BEG}", 9) == 0 || p[0] == '^';
	const char *word = p + (p[0] == '^' ? 1 : is_begin ? 9 : 0), *in;

	f->value = 1;
	b->is_first = is_begin;
	if (strcasecmp(word, "TAI64N") == 0) {
		f->kind = KIND_TAI;
		sw_strbuf_printf(&b->regex, "%s(@[0-9a-f]{24})%s", is_begin ? "^\\W{0,2}" : "",
			"(?=\\b|\\W|$)");
		return true;
	}
	f->kind = strcasestr(p, "LEPOCH") ? KIND_LONG_EPOCH : KIND_EPOCH;
	if (strcasecmp(word, "EPOCH") == 0 || strcasecmp(word, "LEPOCH") == 0) {
		const char *digits = f->kind == KIND_EPOCH ? EPOCH : LONG_EPOCH;

		if (is_begin)
			sw_strbuf_printf(&b->regex, "^\\W{0,2}(%s)(?=\\b|\\W|$)", digits);
		else /* at the beginning, "[1124013600]", or auditd's "audit(1124013600.123:45)" */
			sw_strbuf_printf(&b->regex,
				"(?:^|(?<=^\\[)(?=[\\d.]+\\])|(?<=\\baudit\\()(?=[\\d.]+:\\d+\\)))(%s)(?=\\b|\\W|$)",
				digits);
		return true;
	}
	in = strcasestr(p, "{EPOCH}");
	if (!in)
		in = strcasestr(p, "{LEPOCH}");
	if (in) { /* the whole match is cut out, the number is within */
		sw_strbuf_printf(&b->regex, "(%.*s(%s)%s)", (int)(in - p), p,
			f->kind == KIND_EPOCH ? EPOCH : LONG_EPOCH, strchr(in, '}') + 1);
		f->value = 2;
		b->is_first = false;
		return true;
	}
	f->kind = KIND_PARTS;
	return false;
}

static int compile(struct sw_date_form *f, struct builder *b, struct sw_regex_pool *pool,
	struct sw_strbuf *err)
{
	_strbuf_ struct sw_strbuf text = {};
	char why[SW_REGEX_ERR_MAX];
	const char *re = sw_strbuf_get(&b->regex);
	int r;

	sw_strbuf_printf(&text, "%s%s", b->is_caseless ? "(?i)" : "", re);
	f->is_bound = re[0] == '^' || strncmp(re, "(^", 2) == 0 || strncmp(re, "(?:^", 4) == 0;
	f->is_bound &= strncmp(re, "(?:^|", 5) != 0;
	f->is_bound |= ends_with(re, b->regex.len, "$") && !ends_with(re, b->regex.len, "|$");
	f->is_first = b->is_first;
	r = sw_regex_new(&f->regex, pool, sw_strbuf_get(&text), 0, why);
	if (r == -EINVAL)
		sw_strbuf_printf(err, "datepattern '%s': %s", f->pattern, why);
	if (r < 0)
		return r;
	for (size_t i = 0; group_names[i]; i++)
		f->groups[i] = sw_regex_group(f->regex, (char[]){group_names[i], 0});
	return 0;
}

int sw_date_form_new(struct sw_date_form **ret, struct sw_regex_pool *pool, const char *pattern,
	struct sw_strbuf *err)
{
	struct builder b = {.bound_begin = true, .bound_end = true};
	struct sw_date_form *f = calloc(1, sizeof(*f));
	int r = 0;

	if (f)
		f->pattern = strdup(pattern);
	if (!f || !f->pattern) {
		free(f);
		return -ENOMEM;
	}
	if (strcasecmp(pattern, "{NONE}") == 0)
		sw_strbuf_puts(&b.regex, "^()");
	else if (!build_number(f, &b, pattern))
		r = build_parts(&b, pattern, err);
	if (!r)
		r = b.regex.is_failed ? -ENOMEM : compile(f, &b, pool, err);
	sw_strbuf_done(&b.regex);
	if (r < 0)
		sw_date_form_free(f);
	else
		*ret = f;
	return r;
}

bool sw_date_form_match(struct sw_date_form *f, const char *line, size_t len, size_t *ret_start)
{
	if (sw_regex_match(f->regex, line, len) != 1)
		return false;
	*ret_start = (size_t)(sw_regex_span(f->regex, 0).text - line);
	return true;
}

static struct sw_span part(const struct sw_date_form *f, char letter)
{
	return sw_regex_span(f->regex, f->groups[strchr(group_names, letter) - group_names]);
}

size_t sw_date_form_clock(const struct sw_date_form *f, const char *line)
{
	struct sw_span minute = part(f, 'M'), second = part(f, 'S');

	if (f->kind != KIND_PARTS || minute.len != 2 || second.len != 2 || second.text != minute.text + 3)
		return 0;
	return (size_t)(minute.text - line);
}

static int number(struct sw_span s)
{
	int n = 0;

	for (size_t i = 0; i < s.len && i < 9; i++)
		if (isdigit((unsigned char)s.text[i]))
			n = n * 10 + s.text[i] - '0';
	return n;
}

static void read_part(struct sw_date_parts *p, char letter, struct sw_span s)
{
	switch (letter) {
	case 'Y':
		p->year = number(s);
		break;
	case 'y':
		p->year = 2000 + number(s);
		break;
	case 'm':
		p->month = number(s);
		break;
	case 'b':
		p->month = sw_date_month(s.text, s.len);
		break;
	case 'd':
		p->day = number(s);
		break;
	case 'j':
		p->yearday = number(s);
		break;
	case 'H':
	case 'I':
		p->hour = number(s);
		break;
	case 'M':
		p->minute = number(s);
		break;
	case 'S':
		p->second = number(s);
		break;
	case 'p': /* comes after I */
		p->hour = p->hour % 12 + (tolower((unsigned char)s.text[0]) == 'p' ? 12 : 0);
		break;
	default:
		p->has_zone = sw_date_zone(s.text, s.len, &p->zone_min);
	}
}

static int read_parts(
	struct sw_date_form *f, struct sw_date_cache *cache, int64_t now_sec, int64_t *ret_us)
{
	struct sw_date_parts p = {};
	int64_t sec;
	int r;

	for (size_t i = 0; group_names[i]; i++) {
		struct sw_span s = f->groups[i] < 0 ? (struct sw_span){}
						    : sw_regex_span(f->regex, f->groups[i]);

		if (s.len)
			read_part(&p, group_names[i], s);
	}
	r = sw_date_to_time(&p, cache, now_sec, &sec);
	if (!r)
		*ret_us = sec * 1000000;
	return r;
}

/* "1124013600", "1124013600.123", and with LEPOCH milliseconds or microseconds without a point. */
static int64_t read_epoch(struct sw_span s, bool is_long)
{
	int64_t n = 0, scale = 1000000;
	size_t i = 0;

	for (; i < s.len && isdigit((unsigned char)s.text[i]); i++)
		n = n * 10 + s.text[i] - '0';
	if (is_long && i >= 16)
		scale = 1;
	else if (is_long && i >= 13)
		scale = 1000;
	n *= scale;
	for (i++; i < s.len && scale > 1; i++) {
		scale /= 10;
		n += (s.text[i] - '0') * scale;
	}
	return n;
}

/* "@4" and seconds in hexadecimal. The seconds between TAI and UTC are left in, as fail2ban leaves them. */
static bool read_tai(struct sw_span s, int64_t *ret_us)
{
	char hex[16] = {};
	unsigned long long sec;

	memcpy(hex, s.text + 2, 15);
	sec = strtoull(hex, NULL, 16);
	if (s.text[1] != '4' || sec > UINT32_MAX * 16ull)
		return false; /* before 1970, or a year that no log is of */
	*ret_us = (int64_t)sec * 1000000;
	return true;
}

void sw_date_form_read(struct sw_date_form *f, const char *line, struct sw_date_cache *cache,
	int64_t now_sec, struct sw_date_match *ret, size_t *ret_start)
{
	struct sw_span cut = sw_regex_span(f->regex, 1), value = sw_regex_span(f->regex, f->value);

	*ret_start = (size_t)(sw_regex_span(f->regex, 0).text - line);
	*ret = (struct sw_date_match){.start = *ret_start, .end = *ret_start};
	if (!cut.text)
		return;
	ret->start = (size_t)(cut.text - line);
	ret->end = ret->start + cut.len;
	if (!cut.len)
		return;
	ret->has_time = true;
	if (f->kind == KIND_PARTS)
		ret->has_time = read_parts(f, cache, now_sec, &ret->time_us) == 0;
	else if (f->kind == KIND_TAI)
		ret->has_time = read_tai(value, &ret->time_us);
	else
		ret->time_us = read_epoch(value, f->kind == KIND_LONG_EPOCH);
}

// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/base/when.h"

#include <ctype.h>
#include <time.h>

enum { DAYS = 7, LAST_MIN = 24 * 60 - 1, TEXT_MAX = 64 };

static const char *const days[DAYS] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

/* A day's name at *p, and past it; -1: none. */
static int read_day(const char **p)
{
	for (int i = 0; i < DAYS; i++)
		if (!strncasecmp(*p, days[i], 3)) {
			*p += 3;
			return i;
		}
	return -1;
}

int sw_when_days(const char **p, __u32 *ret)
{
	__u32 set = 0;
	int first, last;

	do {
		*p += **p == ',';
		first = last = read_day(p);
		if (first >= 0 && **p == '-') {
			++*p;
			last = read_day(p);
		}
		if (first < 0 || last < 0)
			return -EINVAL;
		for (int d = first;; d = (d + 1) % DAYS) {
			set |= 1u << d;
			if (d == last)
				break;
		}
	} while (**p == ',');
	*ret = set;
	return 0;
}

/* "08:00-18:00"; the last minute is not in it, but 24:00 ends the day. */
static int read_hours(const char *p, struct sw_rules_when *w)
{
	unsigned int h1, m1, h2, m2;
	int n = 0;

	if (sscanf(p, "%2u:%2u-%2u:%2u%n", &h1, &m1, &h2, &m2, &n) != 4 || p[n] || h1 > 23 ||
		m1 > 59 || m2 > 59 || h2 * 60 + m2 > LAST_MIN + 1)
		return -EINVAL;
	w->first_min = h1 * 60 + m1;
	w->last_min = (h2 * 60 + m2 + LAST_MIN) % (LAST_MIN + 1);
	return 0;
}

int sw_when_parse(const char *text, struct sw_rules_when *ret)
{
	struct sw_rules_when w = {.days = SW_WHEN_ALL_DAYS, .last_min = LAST_MIN};
	const char *p = text + strspn(text, " ");
	int r = 0;

	if (isalpha((unsigned char)*p))
		r = sw_when_days(&p, &w.days);
	else if (!*p)
		r = -EINVAL;
	p += strspn(p, " ");
	if (!r && *p)
		r = read_hours(p, &w);
	if (!r)
		*ret = w;
	return r;
}

void sw_when_format(struct sw_strbuf *out, const struct sw_rules_when *w)
{
	__u32 end = w->last_min + 1;
	bool has_days = false;

	for (int i = 0; i < DAYS && w->days != SW_WHEN_ALL_DAYS; i++)
		if (w->days >> i & 1) {
			sw_strbuf_printf(out, "%s%s", has_days ? "," : "", days[i]);
			has_days = true;
		}
	if (w->first_min || w->last_min != LAST_MIN || !has_days)
		sw_strbuf_printf(out, "%s%02u:%02u-%02u:%02u", has_days ? " " : "",
			w->first_min / 60, w->first_min % 60, end / 60, end % 60);
}

int sw_whens_parse(const char *text, struct sw_rules_when *ret, size_t max)
{
	char part[TEXT_MAX];
	size_t n = 0;

	for (; *text; n++) {
		size_t len = strcspn(text, ";");

		if (n == max)
			return -E2BIG;
		if (len >= sizeof(part))
			return -EINVAL;
		memcpy(part, text, len);
		while (len && part[len - 1] == ' ')
			len--;
		part[len] = 0;
		if (sw_when_parse(part, &ret[n]) < 0)
			return -EINVAL;
		text += strcspn(text, ";");
		text += *text == ';';
	}
	return (int)n;
}

static bool has(const struct sw_rules_when *w, unsigned int day, __u32 minute)
{
	unsigned int yesterday = (day + DAYS - 1) % DAYS;

	if (w->first_min <= w->last_min)
		return (w->days >> day & 1) && minute >= w->first_min && minute <= w->last_min;
	return ((w->days >> day & 1) && minute >= w->first_min) ||
	       ((w->days >> yesterday & 1) && minute <= w->last_min);
}

bool sw_whens_have(const struct sw_rules_when *w, size_t n, int64_t wall_sec)
{
	time_t t = (time_t)wall_sec;
	struct tm tm = {};

	if (!n)
		return false;
	localtime_r(&t, &tm);
	for (size_t i = 0; i < n; i++) {
		if (has(&w[i], (unsigned int)tm.tm_wday % DAYS, (__u32)(tm.tm_hour * 60 + tm.tm_min)))
			return true;
	}
	return false;
}

uint64_t sw_whens_left(const struct sw_rules_when *w, size_t n, int64_t wall_sec, uint64_t most_sec)
{
	uint64_t left = 0;

	/* by the minute, so that no change of the clock's offset is to be thought of */
	while (left < most_sec && sw_whens_have(w, n, wall_sec + (int64_t)left))
		left += 60 - ((uint64_t)wall_sec + left) % 60;
	return SW_MIN(left, most_sec);
}

// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/rules/when.h"

#include <ctype.h>

enum { DAYS = 7, ALL_DAYS = (1 << DAYS) - 1, LAST_MIN = 24 * 60 - 1 };

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

/* "mon-fri,sun" */
static int read_days(const char **p, __u32 *ret)
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
	struct sw_rules_when w = {.days = ALL_DAYS, .last_min = LAST_MIN};
	const char *p = text + strspn(text, " ");
	int r = 0;

	if (isalpha((unsigned char)*p))
		r = read_days(&p, &w.days);
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

	for (int i = 0; i < DAYS && w->days != ALL_DAYS; i++)
		if (w->days >> i & 1) {
			sw_strbuf_printf(out, "%s%s", has_days ? "," : "", days[i]);
			has_days = true;
		}
	if (w->first_min || w->last_min != LAST_MIN || !has_days)
		sw_strbuf_printf(out, "%s%02u:%02u-%02u:%02u", has_days ? " " : "",
			w->first_min / 60, w->first_min % 60, end / 60, end % 60);
}

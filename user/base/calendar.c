// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/base/calendar.h"

#include <ctype.h>
#include <time.h>

#include "user/base/clock.h"
#include "user/base/when.h"

enum { DAYS = 7, MORNING = 7 * 60 };

static int read_minute(const char *text, uint32_t *ret)
{
	unsigned int hour, minute;
	int n = 0;

	if (sscanf(text, "%2u:%2u%n", &hour, &minute, &n) != 2 || text[n] || hour > 23 || minute > 59)
		return -EINVAL;
	*ret = hour * 60 + minute;
	return 0;
}

static int read_every(const char *text, struct sw_calendar *c)
{
	int r = sw_duration_parse(text, &c->every_sec);

	if (r < 0 || c->every_sec < SW_CALENDAR_EVERY_MIN_SEC || c->every_sec > SW_CALENDAR_EVERY_MAX_SEC)
		return -EINVAL;
	return 0;
}

int sw_calendar_parse(const char *text, struct sw_calendar *ret)
{
	struct sw_calendar c = {.days = SW_WHEN_ALL_DAYS, .minute = MORNING};
	int r = 0;

	if (sw_streq(text, "hourly")) {
		c.every_sec = 3600;
	} else if (sw_streq(text, "weekly")) {
		c.days = 1 << 1;
	} else if (strncmp(text, "every ", 6) == 0) {
		r = read_every(text + 6, &c);
	} else if (!sw_streq(text, "daily")) {
		if (isalpha((unsigned char)*text))
			r = sw_when_days(&text, &c.days);
		text += strspn(text, " ");
		if (r == 0)
			r = read_minute(text, &c.minute);
	}
	if (r == 0)
		*ret = c;
	return r;
}

int64_t sw_calendar_next(const struct sw_calendar *c, int64_t wall_sec)
{
	time_t now = (time_t)wall_sec;
	struct tm today = {};

	if (c->every_sec)
		return wall_sec + (int64_t)(c->every_sec - (uint64_t)wall_sec % c->every_sec);
	localtime_r(&now, &today);
	for (int d = 0; d <= DAYS; d++) {
		struct tm tm = {.tm_year = today.tm_year,
			.tm_mon = today.tm_mon,
			.tm_mday = today.tm_mday + d,
			.tm_hour = (int)(c->minute / 60),
			.tm_min = (int)(c->minute % 60),
			.tm_isdst = -1};
		time_t t = mktime(&tm);

		if (t > now && (c->days >> tm.tm_wday & 1))
			return t;
	}
	return wall_sec + DAYS * 86400;
}

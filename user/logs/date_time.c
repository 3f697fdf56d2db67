// SPDX-License-Identifier: GPL-3.0-or-later
#include <ctype.h>
#include <strings.h>
#include <time.h>

#include "user/logs/date.h"

enum { DAY_SEC = 86400, HOUR_SEC = 3600, DOUBT_SEC = 120 };

/* Abbreviations that are the same zone everywhere, in minutes east. Source: the tz database. */
static const struct {
	const char *name;
	int min;
} zones[] = {
	{"Z", 0},
	{"UTC", 0},
	{"GMT", 0},
	{"WET", 0},
	{"WEST", 60},
	{"CET", 60},
	{"CEST", 120},
	{"MET", 60},
	{"MEST", 120},
	{"BST", 60},
	{"EET", 120},
	{"EEST", 180},
	{"MSK", 180},
	{"SAST", 120},
	{"PKT", 300},
	{"WIB", 420},
	{"HKT", 480},
	{"SGT", 480},
	{"AWST", 480},
	{"JST", 540},
	{"KST", 540},
	{"ACST", 570},
	{"ACDT", 630},
	{"AEST", 600},
	{"AEDT", 660},
	{"NZST", 720},
	{"NZDT", 780},
	{"NST", -210},
	{"NDT", -150},
	{"AST", -240},
	{"ADT", -180},
	{"EST", -300},
	{"EDT", -240},
	{"CST", -360},
	{"CDT", -300},
	{"MST", -420},
	{"MDT", -360},
	{"PST", -480},
	{"PDT", -420},
	{"AKST", -540},
	{"AKDT", -480},
	{"HST", -600},
	{"BRT", -180},
	{"ART", -180},
};

static const char months[] = "janfebmaraprmayjunjulaugsepoctnovdec";

int sw_date_month(const char *text, size_t len)
{
	for (int i = 0; len >= 3 && i < 12; i++) {
		const char *m = months + (ptrdiff_t)i * 3;

		if ((text[0] | 0x20) == m[0] && (text[1] | 0x20) == m[1] &&
			(text[2] | 0x20) == m[2])
			return i + 1;
	}
	return 0;
}

static bool read_offset(const char *text, size_t len, int *ret_min)
{
	int digit[4] = {}, n = 0;

	if (len < 3 || (text[0] != '+' && text[0] != '-'))
		return false;
	for (size_t i = 1; i < len; i++) {
		if (text[i] == ':' && i == 3)
			continue;
		if (!isdigit((unsigned char)text[i]) || n == 4)
			return false;
		digit[n++] = text[i] - '0';
	}
	if (n != 2 && n != 4)
		return false;
	*ret_min = (digit[0] * 10 + digit[1]) * 60 + digit[2] * 10 + digit[3];
	if (text[0] == '-')
		*ret_min = -*ret_min;
	return true;
}

bool sw_date_zone(const char *text, size_t len, int *ret_min)
{
	size_t name = 0;
	int offset = 0;

	while (name < len && isalpha((unsigned char)text[name]))
		name++;
	if (name < len && !read_offset(text + name, len - name, &offset))
		return false;
	*ret_min = offset;
	if (!name)
		return len > 0;
	for (size_t i = 0; i < SW_ARRAY_SIZE(zones); i++)
		if (strlen(zones[i].name) == name && strncasecmp(zones[i].name, text, name) == 0) {
			*ret_min += zones[i].min;
			return true;
		}
	return false;
}

static bool is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int month_days(int year, int month)
{
	static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/* Days since 1970 of a day in the Gregorian calendar. */
static int64_t day_number(int year, int month, int day)
{
	int64_t y = year - 1, n = y * 365 + y / 4 - y / 100 + y / 400 - 719162;

	for (int m = 1; m < month; m++)
		n += month_days(year, m);
	return n + day - 1;
}

/* The hour's beginning in the zone of the process. */
static int64_t local_hour(const struct sw_date_parts *p, struct sw_date_cache *cache)
{
	int64_t key =
		day_number(p->year, p->month, p->day) * 24 + p->hour + 1; /* 0: nothing is cached */
	struct tm tm = {.tm_year = p->year - 1900,
		.tm_mon = p->month - 1,
		.tm_mday = p->day,
		.tm_hour = p->hour,
		.tm_isdst = -1};

	if (cache->hour_key != key) {
		cache->hour_sec = mktime(&tm);
		cache->hour_key = key;
	}
	return cache->hour_sec;
}

static int64_t absolute(const struct sw_date_parts *p, struct sw_date_cache *cache)
{
	int64_t rest = p->minute * 60 + p->second;

	if (p->has_zone)
		return day_number(p->year, p->month, p->day) * DAY_SEC + p->hour * HOUR_SEC + rest -
			p->zone_min * 60;
	return local_hour(p, cache) + rest;
}

/* Would the year that is not said be the same for the whole hour? */
static bool is_hour_sure(const struct sw_date_parts *p, int64_t t, int64_t now_sec)
{
	int64_t hour = t - p->minute * 60 - p->second, limit = now_sec + DAY_SEC;

	return hour + HOUR_SEC + DOUBT_SEC < limit || hour > limit + DOUBT_SEC;
}

static void look_at_now(struct sw_date_cache *cache, int64_t now_sec)
{
	time_t t = now_sec;
	struct tm tm;

	if (cache->now_year && cache->now_sec == now_sec)
		return;
	localtime_r(&t, &tm);
	cache->now_sec = now_sec;
	cache->now_year = tm.tm_year + 1900;
	cache->now_month = tm.tm_mon + 1;
	cache->now_day = tm.tm_mday;
}

static bool is_in_calendar(const struct sw_date_parts *p)
{
	return p->year >= 1 && p->year <= 9999 && p->month >= 1 && p->month <= 12 && p->day >= 1 &&
		p->day <= month_days(p->year, p->month) && p->hour < 24 && p->minute < 60 &&
		p->second < 62;
}

int sw_date_to_time(const struct sw_date_parts *parts, struct sw_date_cache *cache, int64_t now_sec,
	int64_t *ret)
{
	struct sw_date_parts p = *parts;
	bool assume_year = p.year == 0, assume_day = false;
	int64_t t;

	look_at_now(cache, now_sec);
	if (assume_year)
		p.year = cache->now_year;
	if (p.yearday && !p.month) {
		for (p.month = 1, p.day = p.yearday;
			p.month < 12 && p.day > month_days(p.year, p.month); p.month++)
			p.day -= month_days(p.year, p.month);
	} else if (!p.month && !p.day) {
		assume_day = true;
		p.month = cache->now_month;
		p.day = cache->now_day;
	}
	if (!is_in_calendar(&p))
		return -EINVAL;
	t = absolute(&p, cache);
	cache->is_hour_sure = !assume_day && (!assume_year || is_hour_sure(&p, t, now_sec));
	if (assume_day && t > now_sec) {
		p.day--; /* just before midnight; by the calendar, since a day may have 23 or 25 hours */
		t = absolute(&p, cache);
	} else if (assume_year &&
		t > now_sec + DAY_SEC) { /* a day of doubt for zones; else it is last year's */
		p.year--;
		if (!is_in_calendar(&p))
			return -EINVAL;
		t = absolute(&p, cache);
	}
	*ret = t;
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Finds the date of a log line, so that it can be cut out, and reads it. The usual forms are known (RFC 3339 and
 * RFC 3164, asctime, the common log format, seconds since 1970, TAI64N, …); a filter may say its own with
 * strftime's letters. A date without a zone is in the zone of the process (TZ); one without a year or a day is the
 * last that is not after now. The caller owns it; it belongs to one thread and remembers the form seen last.
 * Source: jail.conf(5), "datepattern".
 */
#pragma once

#include "user/logs/f2b.h"
#include "user/logs/regex.h"

enum { SW_DATE_LOOK_MAX = 2048 }; /* bytes of a line in which a date is looked for */

struct sw_dates;

struct sw_date_match {
	size_t start, end; /* of the line: what to cut out; empty for a line that needs no date */
	bool has_time; /* false: it looks like a date and is none, or is empty */
	int64_t time_us; /* since 1970 in UTC */
};

/* patterns: of the filter; none means all usual forms. 0, -EINVAL with a sentence in err. */
int sw_dates_new(struct sw_dates **ret, struct sw_regex_pool *pool,
	const struct sw_f2b_list *patterns, struct sw_strbuf *err);
void sw_dates_free(struct sw_dates *d);
/* 1 found, 0 not. now_sec: wall time that dates without a year or a day are seen from. */
int sw_dates_find(struct sw_dates *d, const char *line, size_t len, int64_t now_sec,
	struct sw_date_match *ret);
/* Reads every date from now on, also one that was just read. */
void sw_dates_plainly(struct sw_dates *d);
/* True when a date can only begin within the first two bytes, and only signs stand before it. */
bool sw_dates_are_first(const struct sw_dates *d);

/* ---- a date in parts (date_time.c) */
struct sw_date_parts {
	int year, month, day, hour, minute, second; /* year and month, day: 0 when not said */
	int yearday; /* 0: not said */
	bool has_zone;
	int zone_min; /* east of UTC */
};
/* Remembers the hour that was converted last: the zone's rules are slow. */
struct sw_date_cache {
	int64_t hour_key, hour_sec;
	int64_t now_sec;
	int now_year, now_month, now_day;
	bool is_hour_sure; /* any minute of the hour converted last gives the same day, for now and some minutes on */
};
/* 0 and seconds since 1970, -EINVAL for a day that is not in the calendar. */
int sw_date_to_time(
	const struct sw_date_parts *p, struct sw_date_cache *cache, int64_t now_sec, int64_t *ret);
/* "Z", "UTC", "+0200", "+02:00", "+02", "CET", "CET+0100" to minutes; false when it is no known zone. */
bool sw_date_zone(const char *text, size_t len, int *ret_min);
/* "jan" to 1; 0 when it is no month. */
int sw_date_month(const char *text, size_t len);

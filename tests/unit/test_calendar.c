// SPDX-License-Identifier: GPL-3.0-or-later
/* Days and hours, and what is done again and again, where the clock is put forward and back (CET and CEST). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <time.h>

#include "user/base/calendar.h"
#include "user/base/when.h"

#define ZONE "CET-1CEST,M3.5.0,M10.5.0/3"

static int64_t at(const char *utc)
{
	struct tm tm = {};

	assert_non_null(strptime(utc, "%Y-%m-%d %H:%M:%S", &tm));
	return timegm(&tm);
}

static void hours_hold_when_they_say_so(void **state)
{
	static const struct {
		const char *hours, *utc;
		bool has;
	} rows[] = {
		{"22:00-07:00", "2026-01-14 20:59:59", false}, /* Wednesday, an hour ahead of UTC */
		{"22:00-07:00", "2026-01-14 21:00:00", true},
		{"22:00-07:00", "2026-01-14 23:30:00", true},
		{"22:00-07:00", "2026-01-15 05:59:59", true},
		{"22:00-07:00", "2026-01-15 06:00:00", false},
		{"22:00-07:00", "2026-07-15 04:59:59", true}, /* two hours ahead in summer */
		{"22:00-07:00", "2026-07-15 05:00:00", false},
		/* what goes past midnight belongs to the day on which it began */
		{"mon-fri 22:00-07:00", "2026-01-16 23:30:00", true}, /* the night after Friday */
		{"mon-fri 22:00-07:00", "2026-01-17 05:00:00", true},
		{"mon-fri 22:00-07:00", "2026-01-17 21:30:00", false}, /* Saturday's */
		{"mon-fri 22:00-07:00", "2026-01-12 05:00:00", false}, /* the night after Sunday */
		{"sat,sun", "2026-01-16 22:59:59", false},
		{"sat,sun", "2026-01-16 23:00:00", true},
		{"sat,sun", "2026-01-18 22:59:59", true},
		{"sat,sun", "2026-01-18 23:00:00", false},
		{"mon 00:00-24:00", "2026-01-12 22:59:59", true},
		{"12:00-13:00;22:00-07:00", "2026-01-14 11:30:00", true},
		{"12:00-13:00; 22:00-07:00", "2026-01-14 23:00:00", true},
		{"12:00-13:00; 22:00-07:00", "2026-01-14 15:00:00", false},
		{"", "2026-01-14 15:00:00", false},
		/* the hour that is left out and the one that comes twice, last Sundays of March and October */
		{"02:00-03:00", "2026-03-29 00:59:59", false},
		{"02:00-03:00", "2026-03-29 01:00:00", false}, /* 03:00 already */
		{"02:00-03:00", "2026-10-25 00:30:00", true},
		{"02:00-03:00", "2026-10-25 01:30:00", true},
		{"02:00-03:00", "2026-10-25 02:00:00", false},
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		struct sw_rules_when w[4];
		int n = sw_whens_parse(rows[i].hours, w, SW_ARRAY_SIZE(w));

		if (n < 0 || sw_whens_have(w, (size_t)n, at(rows[i].utc)) != rows[i].has)
			fail_msg("'%s' at %s: expected %d, parsed %d", rows[i].hours, rows[i].utc, rows[i].has, n);
	}
}

static void the_end_of_hours_is_known_across_a_change_of_the_clock(void **state)
{
	static const struct {
		const char *utc;
		uint64_t left;
	} rows[] = {
		{"2026-01-14 21:00:00", 9 * 3600},
		{"2026-01-14 21:00:17", 9 * 3600 - 17},
		{"2026-03-28 21:00:00", 8 * 3600}, /* the short night */
		{"2026-10-24 20:00:00", 10 * 3600}, /* the long one */
		{"2026-01-14 12:00:00", 0},
	};
	struct sw_rules_when w[2];

	assert_int_equal(sw_whens_parse("22:00-07:00", w, SW_ARRAY_SIZE(w)), 1);
	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		uint64_t left = sw_whens_left(w, 1, at(rows[i].utc), 86400);

		if (left != rows[i].left)
			fail_msg("%s: got %lu, expected %lu", rows[i].utc, left, rows[i].left);
	}
	assert_int_equal(sw_whens_left(w, 1, at("2026-01-14 21:00:17"), 600), 600);
}

static void hours_that_are_none_are_refused(void **state)
{
	static const char *const rows[] = {"22", "22:00", "25:00-07:00", "22:00-07:61", "noon", "mon-fry 10:00-11:00",
		"22:00-07:00;", "22:00-07:00; bogus", "22:00-07:00 x", " "};
	struct sw_rules_when w[4];

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		int r = sw_whens_parse(rows[i], w, SW_ARRAY_SIZE(w));

		if (i == 6 ? r != 1 : r != -EINVAL)
			fail_msg("'%s': %d", rows[i], r);
	}
	assert_int_equal(sw_whens_parse("sat;sat;sat;sat;sat", w, SW_ARRAY_SIZE(w)), -E2BIG);
}

static void the_next_time_is_in_local_time(void **state)
{
	static const struct {
		const char *text, *now, *next;
	} rows[] = {
		{"hourly", "2026-01-14 10:00:00", "2026-01-14 11:00:00"},
		{"hourly", "2026-01-14 10:59:59", "2026-01-14 11:00:00"},
		{"every 15m", "2026-01-14 10:16:00", "2026-01-14 10:30:00"},
		{"daily", "2026-01-14 05:59:59", "2026-01-14 06:00:00"},
		{"daily", "2026-01-14 06:00:00", "2026-01-15 06:00:00"},
		{"daily", "2026-03-28 12:00:00", "2026-03-29 05:00:00"}, /* 23 hours after the last one */
		{"daily", "2026-10-24 12:00:00", "2026-10-25 06:00:00"},
		{"02:30", "2026-03-28 12:00:00", "2026-03-29 01:30:00"}, /* there is no 02:30 that night */
		{"weekly", "2026-01-14 06:00:00", "2026-01-19 06:00:00"},
		{"weekly", "2026-01-12 06:00:00", "2026-01-19 06:00:00"},
		{"mon-fri 06:30", "2026-01-16 05:30:00", "2026-01-19 05:30:00"},
		{"23:59", "2026-12-31 22:59:00", "2027-01-01 22:59:00"},
		{"00:00", "2026-12-31 12:00:00", "2026-12-31 23:00:00"},
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		struct sw_calendar c;
		int r = sw_calendar_parse(rows[i].text, &c);

		if (r < 0 || sw_calendar_next(&c, at(rows[i].now)) != at(rows[i].next))
			fail_msg("'%s' after %s: %d, %ld s off", rows[i].text, rows[i].now, r,
				(long)(r < 0 ? 0 : sw_calendar_next(&c, at(rows[i].now)) - at(rows[i].next)));
	}
}

static void what_is_no_time_is_refused(void **state)
{
	static const char *const rows[] = {"", "every", "every 10s", "every 8d", "often", "24:00", "07:60", "mon",
		"mon-fri", "07:00 daily", "every 1h x", "forever"};
	struct sw_calendar c;

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		if (sw_calendar_parse(rows[i], &c) != -EINVAL)
			fail_msg("'%s' was taken", rows[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hours_hold_when_they_say_so),
		cmocka_unit_test(the_end_of_hours_is_known_across_a_change_of_the_clock),
		cmocka_unit_test(hours_that_are_none_are_refused),
		cmocka_unit_test(the_next_time_is_in_local_time),
		cmocka_unit_test(what_is_no_time_is_refused),
	};

	setenv("TZ", ZONE, 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

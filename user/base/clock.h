/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Time, injected: nobody below main asks the system. A test or a replay hands in a manual clock and
 * runs weeks in milliseconds. Boot time (CLOCK_BOOTTIME) orders and expires; wall time is for people
 * and for the database.
 */
#pragma once

#include "user/base/util.h"

#define SW_SEC_NS  1000000000ull
#define SW_MSEC_NS 1000000ull

struct sw_clock {
	bool is_manual;
	uint64_t manual_boot_ns; /* used only when is_manual */
	int64_t manual_wall_ns;
};

uint64_t sw_clock_boot_ns(const struct sw_clock *c);
/* Nanoseconds since 1970 in UTC. */
int64_t sw_clock_wall_ns(const struct sw_clock *c);
int64_t sw_clock_wall_sec(const struct sw_clock *c);
/* Moves a manual clock on; both times together. */
void sw_clock_advance(struct sw_clock *c, uint64_t ns);

enum { SW_TIME_TEXT_MAX = 40 };
/* RFC 3339 in UTC with microseconds, "2026-11-22T05:53:17.123456Z". */
const char *sw_time_format(char buf[static SW_TIME_TEXT_MAX], int64_t wall_ns);
/*
 * "90", "90s", "10m", "24h", "7d", "2w", "1h30m", "forever" (0 with *ret 0) to seconds.
 * 0, -EINVAL, -ERANGE beyond ten years.
 */
int sw_duration_parse(const char *text, uint64_t *ret_sec);
/* "0s", "59s", "1h30m", "2d4h": the two largest units. */
const char *sw_duration_format(char buf[static SW_TIME_TEXT_MAX], uint64_t sec);

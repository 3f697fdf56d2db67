/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is done again and again, as text and as the times when it is due. Pure but for the time zone. */
#pragma once

#include "user/base/util.h"

struct sw_calendar {
	uint64_t every_sec; /* 0: by days and minute */
	uint32_t days; /* a bit a day, from Sunday */
	uint32_t minute; /* of the day, in local time */
};

enum {
	SW_CALENDAR_EVERY_MIN_SEC = 60,
	SW_CALENDAR_EVERY_MAX_SEC = 7 * 86400,
};

/* "every 15m", "hourly", "daily" (07:00), "weekly" (Monday), "07:00", "mon-fri 06:30". 0 or -EINVAL. */
int sw_calendar_parse(const char *text, struct sw_calendar *ret);
/* The first time after wall_sec. An hour that a change of the clock leaves out is the one after it. */
int64_t sw_calendar_next(const struct sw_calendar *c, int64_t wall_sec);

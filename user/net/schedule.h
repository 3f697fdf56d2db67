/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When a feed is fetched next. Pure: time and chance come in. */
#pragma once

#include "user/base/util.h"

enum {
	SW_SCHEDULE_JITTER_PERCENT = 10, /* so that hosts set up together do not fetch together */
	SW_SCHEDULE_BACKOFF_FIRST_SEC =
		60, /* after a failure; doubled each time up to the refresh time */
	SW_SCHEDULE_REFRESH_MIN_SEC = 60, /* nobody's server is asked more often */
	SW_SCHEDULE_FIRST_SPREAD_SEC = 5, /* first fetches after the start are spread over this */
};

/* Seconds from now to the next fetch; failures in a row so far; chance: any 32 random bits. */
uint64_t sw_schedule_next(uint64_t refresh_sec, unsigned int failures, uint32_t chance);

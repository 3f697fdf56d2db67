// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/net/schedule.h"

uint64_t sw_schedule_next(uint64_t refresh_sec, unsigned int failures, uint32_t chance)
{
	uint64_t sec = SW_MAX(refresh_sec, (uint64_t)SW_SCHEDULE_REFRESH_MIN_SEC), spread;

	if (failures) {
		uint64_t back = SW_SCHEDULE_BACKOFF_FIRST_SEC;

		for (unsigned int i = 1; i < failures && back < sec; i++)
			back *= 2;
		sec = SW_MIN(back, sec);
	}
	spread = sec * SW_SCHEDULE_JITTER_PERCENT / 100;
	return sec - spread + (spread ? chance % (2 * spread + 1) : 0);
}

// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/base/clock.h"

#include <ctype.h>
#include <inttypes.h>
#include <time.h>

#include "user/base/digits.h"

static int64_t now_ns(clockid_t id)
{
	struct timespec ts = {};

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * (int64_t)SW_SEC_NS + ts.tv_nsec;
}

uint64_t sw_clock_boot_ns(const struct sw_clock *c)
{
	return c->is_manual ? c->manual_boot_ns : (uint64_t)now_ns(CLOCK_BOOTTIME);
}

int64_t sw_clock_wall_ns(const struct sw_clock *c)
{
	return c->is_manual ? c->manual_wall_ns : now_ns(CLOCK_REALTIME);
}

int64_t sw_clock_wall_sec(const struct sw_clock *c)
{
	return sw_clock_wall_ns(c) / (int64_t)SW_SEC_NS;
}

void sw_clock_advance(struct sw_clock *c, uint64_t ns)
{
	c->manual_boot_ns += ns;
	c->manual_wall_ns += (int64_t)ns;
}

/* Source: the proleptic Gregorian calendar; years counted from March, so that a leap day is the last of its year. */
static char *put_date(char *to, int64_t days)
{
	enum { ERA_DAYS = 146097, ERA_YEARS = 400, TO_EPOCH = 719468 }; /* days from 0000-03-01 to 1970-01-01 */
	unsigned int from_epoch = (unsigned int)(days + TO_EPOCH); /* 64 bits of ns reach from 1677 to 2262 */
	unsigned int era = from_epoch / ERA_DAYS, day = from_epoch % ERA_DAYS;
	unsigned int year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	unsigned int of_year = day - (365 * year + year / 4 - year / 100);
	unsigned int march = (5 * of_year + 2) / 153, month = march < 10 ? march + 3 : march - 9;

	to = sw_put_padded(to, era * ERA_YEARS + year + (month <= 2), 4);
	*to++ = '-';
	to = sw_put_padded(to, month, 2);
	*to++ = '-';
	return sw_put_padded(to, of_year - (153 * march + 2) / 5 + 1, 2);
}

const char *sw_time_format(char buf[static SW_TIME_TEXT_MAX], int64_t wall_ns)
{
	enum { DAY_SEC = 86400 };
	int64_t sec = wall_ns / (int64_t)SW_SEC_NS, nsec = wall_ns % (int64_t)SW_SEC_NS, days, of_day;
	char *to;

	if (nsec < 0) {
		nsec += (int64_t)SW_SEC_NS;
		sec--;
	}
	days = sec / DAY_SEC - (sec % DAY_SEC < 0);
	of_day = sec - days * DAY_SEC;
	to = put_date(buf, days);
	*to++ = 'T';
	to = sw_put_padded(to, (unsigned int)of_day / 3600, 2);
	*to++ = ':';
	to = sw_put_padded(to, (unsigned int)of_day / 60 % 60, 2);
	*to++ = ':';
	to = sw_put_padded(to, (unsigned int)of_day % 60, 2);
	*to++ = '.';
	to = sw_put_padded(to, (unsigned int)nsec / 1000, 6);
	memcpy(to, "Z", 2);
	return buf;
}

enum { DURATION_MAX_SEC = 10 * 366 * 86400 }; /* ten years: longer is a slip of the finger */

static const struct {
	char unit;
	uint32_t sec;
} units[] = {{'w', 604800}, {'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};

static uint32_t unit_sec(char c)
{
	for (size_t i = 0; i < SW_ARRAY_SIZE(units); i++) {
		if (units[i].unit == c)
			return units[i].sec;
	}
	return 0;
}

int sw_duration_parse(const char *text, uint64_t *ret_sec)
{
	uint64_t sum = 0;

	if (sw_streq(text, "forever")) {
		*ret_sec = 0;
		return 0;
	}
	if (!*text)
		return -EINVAL;
	while (*text) {
		uint64_t n = 0;
		uint32_t unit;

		if (!isdigit((unsigned char)*text))
			return -EINVAL;
		for (; isdigit((unsigned char)*text); text++) {
			n = n * 10 + (uint64_t)(*text - '0');
			if (n > DURATION_MAX_SEC)
				return -ERANGE;
		}
		unit = *text ? unit_sec(*text) : 1;
		if (!unit)
			return -EINVAL;
		if (*text)
			text++;
		sum += n * unit;
		if (sum > DURATION_MAX_SEC)
			return -ERANGE;
	}
	if (!sum)
		return -EINVAL;
	*ret_sec = sum;
	return 0;
}

const char *sw_duration_format(char buf[static SW_TIME_TEXT_MAX], uint64_t sec)
{
	size_t at = 0, shown = 0;

	snprintf(buf, SW_TIME_TEXT_MAX, "0s");
	for (size_t i = 1; i < SW_ARRAY_SIZE(units) && shown < 2; i++) {
		uint64_t n = sec / units[i].sec;

		if (n) {
			at += (size_t)snprintf(buf + at, SW_TIME_TEXT_MAX - at, "%" PRIu64 "%c", n, units[i].unit);
			shown++;
		} else if (shown) {
			break;
		}
		sec %= units[i].sec;
	}
	return buf;
}

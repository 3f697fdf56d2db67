// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/base/clock.h"

#include <ctype.h>
#include <inttypes.h>
#include <time.h>

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

const char *sw_time_format(char buf[static SW_TIME_TEXT_MAX], int64_t wall_ns)
{
	time_t sec = wall_ns / (int64_t)SW_SEC_NS;
	long nsec = (long)(wall_ns % (int64_t)SW_SEC_NS);
	struct tm tm;
	size_t n;

	if (nsec < 0) {
		nsec += (long)SW_SEC_NS;
		sec--;
	}
	gmtime_r(&sec, &tm);
	n = strftime(buf, SW_TIME_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf + n, SW_TIME_TEXT_MAX - n, ".%06ldZ", nsec / 1000);
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

// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/trail/times.h"

#include <ctype.h>
#include <time.h>

#include "user/trail/static_hash.h"

uint64_t sw_trail_key(const struct sw_static_line *l)
{
	uint16_t port = l->kind == SW_STATIC_IP_PORT ? l->port : 0;

	if (l->kind > SW_STATIC_IP_PORT)
		return sw_hash_bytes(1000u + l->kind, l->text, l->len);
	return sw_hash_bytes((uint64_t)port << 16 | l->net.plen << 8 | l->net.family, l->net.addr,
		sizeof(l->net.addr));
}

const struct sw_trail_times *sw_trail_times_find(const struct sw_trail_view *v, const struct sw_static_line *l)
{
	uint64_t key = v->n_times ? sw_trail_key(l) : 0;
	size_t at = 0, n = v->n_times;

	while (n) {
		bool is_below = v->times[at + n / 2].key < key;

		at += is_below ? n / 2 + 1 : 0;
		n = is_below ? n - n / 2 - 1 : n / 2;
	}
	return at < v->n_times && v->times[at].key == key ? &v->times[at] : NULL;
}

int64_t sw_trail_times_next(const struct sw_trail_view *v, int64_t now_wall_sec, uint64_t *ret_over)
{
	int64_t next = 0;

	*ret_over = 0;
	for (size_t i = 0; i < v->n_times; i++) {
		int64_t until = v->times[i].until_sec;

		*ret_over += until && until <= now_wall_sec;
		if (until > now_wall_sec && (!next || until < next))
			next = until;
	}
	return next;
}

/* ---- text */

struct text {
	const char *at, *end;
};

/* digits of them, at most max. */
static bool take_number(struct text *t, int digits, int max, int *ret)
{
	int v = 0;

	if (t->end - t->at < digits)
		return false;
	for (int i = 0; i < digits; i++) {
		if (!isdigit((unsigned char)t->at[i]))
			return false;
		v = v * 10 + (t->at[i] - '0');
	}
	if (v > max)
		return false;
	t->at += digits;
	*ret = v;
	return true;
}

static bool take_char(struct text *t, char c)
{
	if (t->at == t->end || *t->at != c)
		return false;
	t->at++;
	return true;
}

/* "18:00", "18:00:30", "18:00:30.123" */
static bool take_clock(struct text *t, struct tm *tm)
{
	if (!take_number(t, 2, 23, &tm->tm_hour) || !take_char(t, ':') || !take_number(t, 2, 59, &tm->tm_min))
		return false;
	if (!take_char(t, ':'))
		return true;
	if (!take_number(t, 2, 60, &tm->tm_sec))
		return false;
	if (take_char(t, '.'))
		while (t->at < t->end && isdigit((unsigned char)*t->at))
			t->at++;
	return true;
}

/* "Z", " UTC", "+01:00": seconds to take off. */
static bool take_zone(struct text *t, int *ret)
{
	int hours = 0, minutes = 0, sign;

	*ret = 0;
	if (t->end - t->at >= 4 && !strncasecmp(t->at, " UTC", 4)) {
		t->at += 4;
		return true;
	}
	if (t->at == t->end || (*t->at != '+' && *t->at != '-')) {
		if (t->at < t->end && (*t->at == 'Z' || *t->at == 'z'))
			t->at++;
		return true;
	}
	sign = *t->at++ == '-' ? -1 : 1;
	if (!take_number(t, 2, 14, &hours))
		return false;
	take_char(t, ':');
	if (!take_number(t, 2, 59, &minutes))
		return false;
	*ret = sign * (hours * 3600 + minutes * 60);
	return true;
}

int sw_trail_time_read(const char *text, size_t len, __u32 *ret_sec)
{
	struct text t = {text, text + len};
	struct tm tm = {}, made;
	int64_t sec;
	int zone = 0;

	if (!take_number(&t, 4, 2105, &tm.tm_year) || !take_char(&t, '-') || !take_number(&t, 2, 12, &tm.tm_mon) ||
		!take_char(&t, '-') || !take_number(&t, 2, 31, &tm.tm_mday) || tm.tm_year < 1970 || !tm.tm_mon)
		return -EINVAL;
	if (t.end - t.at > 2 && (*t.at == 'T' || *t.at == 't' || *t.at == ' ') && isdigit((unsigned char)t.at[1])) {
		t.at++;
		if (!take_clock(&t, &tm) || !take_zone(&t, &zone))
			return -EINVAL;
	}
	if (t.at < t.end && (isalnum((unsigned char)*t.at) || *t.at == ':' || *t.at == '-'))
		return -EINVAL;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	made = tm;
	sec = timegm(&made) - zone;
	/* the 31st of June would be the 1st of July */
	if (made.tm_mon != tm.tm_mon || sec <= 0 || sec > UINT32_MAX)
		return -EINVAL;
	*ret_sec = (__u32)sec;
	return (int)(t.at - text);
}

static void skip_separators(struct text *t)
{
	while (t->at < t->end && strchr(" \t,;", *t->at) && *t->at)
		t->at++;
}

int sw_trail_note_read(const char *text, size_t len, struct sw_trail_when *ret, char *why, size_t size)
{
	static const char *const words[] = {"until:", "first:", "last:"};
	__u32 *const fields[] = {&ret->until_sec, &ret->first_sec, &ret->last_sec};
	struct text t = {text, text + len};

	for (skip_separators(&t);;) {
		size_t which = 0, n;
		int r;

		while (which < SW_ARRAY_SIZE(words) &&
			((size_t)(t.end - t.at) < strlen(words[which]) ||
				strncasecmp(t.at, words[which], strlen(words[which])) != 0))
			which++;
		if (which == SW_ARRAY_SIZE(words))
			return 0;
		t.at += strlen(words[which]);
		skip_separators(&t);
		r = sw_trail_time_read(t.at, (size_t)(t.end - t.at), fields[which]);
		if (r < 0) {
			for (n = 0; n < 40 && t.at + n < t.end && isgraph((unsigned char)t.at[n]);)
				n++;
			snprintf(why, size, "%s '%.*s' is no time, as 2026-12-31 or 2026-12-31T18:00:00Z", words[which], (int)n,
				t.at);
			return -EINVAL;
		}
		t.at += r;
		skip_separators(&t);
	}
}

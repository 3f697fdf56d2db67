// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/net/crowdsec_read.h"

#include <jansson.h>
#include <strings.h>

#include "user/base/cidr.h"
#include "user/base/clock.h"

struct reader {
	const char *text;
	size_t len, at;
	const char *machine;
	struct sw_net_crowdsec head;
	struct sw_strbuf *over, *new; /* decisions */
};

/* ---- durations */

static int unit_ns(const char *text, size_t *ret_len, int64_t *ret_ns)
{
	static const struct {
		const char *word;
		int64_t ns;
	} units[] = { /* "m" after "ms" */
		{"ns", 1}, {"us", 1000}, {"\xc2\xb5s", 1000}, {"\xce\xbcs", 1000}, {"ms", SW_MSEC_NS},
		{"s", SW_SEC_NS}, {"m", 60 * (int64_t)SW_SEC_NS}, {"h", 3600 * (int64_t)SW_SEC_NS},
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(units); i++) {
		size_t len = strlen(units[i].word);

		if (strncmp(text, units[i].word, len))
			continue;
		*ret_len = len;
		*ret_ns = units[i].ns;
		return 0;
	}
	return -EINVAL;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* One number with its unit, "59.1386s"; *text moves behind it. */
static int parse_term(const char **text, int64_t *ret_ns)
{
	const char *p = *text, *fraction = NULL;
	int64_t whole = 0, unit, part;
	size_t len;

	if (!is_digit(*p) && !(*p == '.' && is_digit(p[1])))
		return -EINVAL;
	for (; is_digit(*p); p++) {
		if (__builtin_mul_overflow(whole, 10, &whole) || __builtin_add_overflow(whole, *p - '0', &whole))
			return -ERANGE;
	}
	if (*p == '.') {
		fraction = ++p;
		p += strspn(p, "0123456789");
	}
	if (unit_ns(p, &len, &unit) < 0)
		return -EINVAL;
	if (__builtin_mul_overflow(whole, unit, ret_ns))
		return -ERANGE;
	part = unit;
	for (; fraction && is_digit(*fraction) && part; fraction++) {
		part /= 10;
		if (__builtin_add_overflow(*ret_ns, part * (*fraction - '0'), ret_ns))
			return -ERANGE;
	}
	*text = p + len;
	return 0;
}

int sw_go_duration_parse(const char *text, int64_t *ret_ns)
{
	bool is_negative = *text == '-';
	int64_t sum = 0, term;
	int r;

	if (*text == '-' || *text == '+')
		text++;
	if (sw_streq(text, "0"))
		text++;
	else if (!*text)
		return -EINVAL;
	while (*text) {
		r = parse_term(&text, &term);
		if (r < 0)
			return r;
		if (__builtin_add_overflow(sum, term, &sum))
			return -ERANGE;
	}
	*ret_ns = is_negative ? -sum : sum;
	return 0;
}

/* ---- decisions */

/* Others' text ends up in lists and logs: what is not printable ASCII is left out. */
static void copy_text(char *dst, size_t size, const char *src)
{
	size_t n = 0;

	for (; *src && n + 1 < size; src++) {
		if (*src >= ' ' && *src < 0x7f)
			dst[n++] = *src;
	}
	dst[n] = 0;
}

/* What machine has reported itself: net.h says how it is known. */
static bool is_of_machine(const char *machine, const char *origin, const char *scenario)
{
	size_t head = strlen(SW_NET_CROWDSEC_OURS "/"), len = strlen(machine);

	return len && sw_streq(origin, SW_NET_CROWDSEC_OURS) && !strncmp(scenario, SW_NET_CROWDSEC_OURS "/", head) &&
		!strncmp(scenario + head, machine, len) && scenario[head + len] == '/';
}

/* 1 taken, 0 not wanted, -EINVAL. */
static int read_decision(json_t *json, bool is_over, const char *machine, struct sw_net_crowdsec_decision *d)
{
	const char *origin = "", *scenario = "", *scope, *type, *value, *duration;
	json_int_t id;
	int64_t ns;

	if (json_unpack(json, "{s:I, s:s, s:s, s:s, s:s, s?:s, s?:s}", "id", &id, "scope", &scope, "type", &type, "value",
		    &value, "duration", &duration, "origin", &origin, "scenario", &scenario) < 0 || id < 0)
		return -EINVAL;
	if (strcasecmp(type, "ban") || (strcasecmp(scope, "ip") && strcasecmp(scope, "range")))
		return 0;
	if (!is_over && is_of_machine(machine, origin, scenario))
		return 0; /* its end is read: it may be the last of a network that CrowdSec had banned too */
	if (sw_go_duration_parse(duration, &ns) < 0 || sw_cidr_parse(value, SIZE_MAX, &d->net) < 0)
		return -EINVAL;
	if (!strcasecmp(scope, "ip") && !sw_net_is_host(&d->net))
		return -EINVAL;
	d->id = (__u64)id;
	d->left_sec = is_over || ns <= 0 ? 0 : ((__u64)ns + SW_SEC_NS - 1) / SW_SEC_NS;
	copy_text(d->origin, sizeof(d->origin), origin);
	copy_text(d->scenario, sizeof(d->scenario), scenario);
	return is_over || ns > 0;
}

static void take_decision(struct reader *r, json_t *json, bool is_over)
{
	struct sw_net_crowdsec_decision d = {};
	int taken = read_decision(json, is_over, r->machine, &d);

	if (taken < 0) {
		r->head.malformed++;
	} else if (!taken) {
		r->head.others++;
	} else if (r->head.n == SW_NET_CROWDSEC_MAX) {
		r->head.beyond++;
	} else {
		r->head.n++;
		sw_strbuf_add(is_over ? r->over : r->new, &d, sizeof(d));
	}
}

/* ---- the text around them */

static char peek(struct reader *r)
{
	while (r->at < r->len && strchr(" \t\r\n", r->text[r->at]) && r->text[r->at])
		r->at++;
	return r->at < r->len ? r->text[r->at] : 0;
}

static bool skip(struct reader *r, char c)
{
	if (peek(r) != c)
		return false;
	r->at++;
	return true;
}

/* The next value as jansson reads it; NULL when there is none. The caller's. */
static json_t *next_value(struct reader *r)
{
	json_error_t error = {};
	json_t *json;

	if (!peek(r))
		return NULL;
	json = json_loadb(r->text + r->at, r->len - r->at, JSON_DISABLE_EOF_CHECK | JSON_DECODE_ANY, &error);
	if (json)
		r->at += (size_t)error.position;
	return json;
}

static int read_list(struct reader *r, bool is_over)
{
	if (!skip(r, '['))
		return -EBADMSG;
	if (skip(r, ']'))
		return 0;
	do {
		json_t *json = next_value(r);

		if (!json)
			return -EBADMSG;
		take_decision(r, json, is_over);
		json_decref(json);
	} while (skip(r, ','));
	return skip(r, ']') ? 0 : -EBADMSG;
}

static int read_member(struct reader *r, bool *has_new, bool *has_deleted)
{
	json_t *key = next_value(r), *value = NULL;
	const char *name = json_string_value(key);
	int result = -EBADMSG;
	bool is_over;

	if (!name || !skip(r, ':'))
		goto out;
	is_over = sw_streq(name, "deleted");
	if (is_over)
		*has_deleted = true;
	else if (sw_streq(name, "new"))
		*has_new = true;
	if ((is_over || sw_streq(name, "new")) && peek(r) == '[') {
		result = read_list(r, is_over);
		goto out;
	}
	value = next_value(r);
	if (value && (json_is_null(value) || !(is_over || sw_streq(name, "new"))))
		result = 0;
out:
	json_decref(key);
	json_decref(value);
	return result;
}

static int read_answer(struct reader *r)
{
	bool has_new = false, has_deleted = false;

	if (!skip(r, '{') || peek(r) == '}')
		return -EBADMSG;
	do {
		if (read_member(r, &has_new, &has_deleted) < 0)
			return -EBADMSG;
	} while (skip(r, ','));
	/* an error of the API is an object too */
	return skip(r, '}') && !peek(r) && r->at == r->len && has_new && has_deleted ? 0 : -EBADMSG;
}

int sw_crowdsec_read(const char *text, size_t len, bool is_whole, const char *machine, struct sw_strbuf *out)
{
	_strbuf_ struct sw_strbuf over = {}, fresh = {};
	struct reader r = {.text = text, .len = len, .machine = machine, .over = &over, .new = &fresh};
	int result = read_answer(&r);

	if (result < 0)
		return result;
	r.head.is_whole = is_whole;
	sw_strbuf_add(out, &r.head, sizeof(r.head));
	if (over.len)
		sw_strbuf_add(out, over.text, over.len);
	if (fresh.len)
		sw_strbuf_add(out, fresh.text, fresh.len);
	return over.is_failed || fresh.is_failed || out->is_failed ? -ENOMEM : 0;
}

// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/conf/value.h"

#include <arpa/inet.h>
#include <ctype.h>

#include "user/base/calendar.h"
#include "user/base/cidr.h"
#include "user/base/clock.h"
#include "user/base/country.h"
#include "user/base/when.h"

enum {
	SHOWN_MAX = 80, /* bytes of a wrong value that an error repeats */
	PART_MAX = 64,	/* of a list in one text: longer than the longest network */
};

/* "'VALUE' is not TYPE", the value cut and made safe. */
static int refuse(const struct sw_conf_row *row, const char *text, struct sw_strbuf *why)
{
	sw_strbuf_putc(why, '\'');
	sw_strbuf_safe(why, text, strnlen(text, SHOWN_MAX));
	sw_strbuf_printf(why, "%s' is not ", strlen(text) > SHOWN_MAX ? "..." : "");
	sw_conf_describe_type(row, why);
	return -EINVAL;
}

static int set_word(const struct sw_conf_row *row, __u32 *field, const char *text, struct sw_strbuf *why)
{
	const struct sw_conf_words *w = row->words;
	const char *near = sw_nearest(text, w->words, w->n);

	for (size_t i = 0; i < w->n; i++) {
		if (sw_streq(w->words[i], text)) {
			*field = w->first + (__u32)i;
			return 0;
		}
		if (!near && strlen(text) > 2 && !strncmp(w->words[i], text, strlen(text)))
			near = w->words[i]; /* "warn" for "warning" */
	}
	refuse(row, text, why);
	if (near)
		sw_strbuf_printf(why, ": did you mean '%s'?", near);
	return -EINVAL;
}

static int set_bool(const struct sw_conf_row *row, __u32 *field, const char *text, struct sw_strbuf *why)
{
	if (!sw_streq(text, "true") && !sw_streq(text, "false")) {
		refuse(row, text, why);
		if (!strcasecmp(text, "yes") || !strcasecmp(text, "on") || sw_streq(text, "1"))
			sw_strbuf_puts(why, ": did you mean 'true'?");
		else if (!strcasecmp(text, "no") || !strcasecmp(text, "off") || sw_streq(text, "0"))
			sw_strbuf_puts(why, ": did you mean 'false'?");
		return -EINVAL;
	}
	*field = text[0] == 't';
	return 0;
}

/* Digits alone, with '_' between groups as YAML 1.1 allows. */
static int parse_number(const char *text, __u64 *ret)
{
	__u64 n = 0;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	for (; isdigit((unsigned char)*text) || (*text == '_' && text[1]); text++) {
		if (*text == '_')
			continue;
		if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, (__u64)(*text - '0'), &n))
			return -ERANGE;
	}
	if (*text)
		return -EINVAL;
	*ret = n;
	return 0;
}

static int set_number(const struct sw_conf_row *row, void *field, const char *text, struct sw_strbuf *why)
{
	__u64 n;

	if (parse_number(text, &n) < 0 || n < row->min || n > row->max)
		return refuse(row, text, why);
	if (row->type == SW_CONF_U64)
		*(__u64 *)field = n;
	else
		*(__u32 *)field = (__u32)n;
	return 0;
}

/* The port between text and end: 1 to 65535, or 0 for none. */
static unsigned int parse_port(const char *text, const char *end)
{
	char digits[8];
	__u64 n;

	if (end - text > 5)
		return 0;
	snprintf(digits, sizeof(digits), "%.*s", (int)(end - text), text);
	return parse_number(digits, &n) == 0 && n <= 65535 ? (unsigned int)n : 0;
}

int sw_conf_ports_parse(const char *text, struct sw_config_port_range *ret, struct sw_strbuf *why)
{
	const char *end = text + strlen(text), *dash = strchr(text, '-');
	unsigned int first = parse_port(text, dash ? dash : end), last = dash ? parse_port(dash + 1, end) : first;

	if (!first || !last || first > last) {
		sw_strbuf_putc(why, '\'');
		sw_strbuf_safe(why, text, strnlen(text, SHOWN_MAX));
		sw_strbuf_puts(why, "' is not a port from 1 to 65535, nor a range such as 6000-6063");
		return -EINVAL;
	}
	*ret = (struct sw_config_port_range){.first = (__u16)first, .last = (__u16)last};
	return 0;
}

/* The next of the parts between commas and blanks: 1, 0 there is none, -EINVAL it is too long or one too many. */
static int next_part(const char **text, size_t n, char part[static PART_MAX], struct sw_strbuf *why)
{
	size_t len;

	*text += strspn(*text, ", ");
	len = strcspn(*text, ", ");
	if (!len)
		return 0;
	if (n >= SW_CONFIG_SOCK_PARTS_MAX || len >= PART_MAX) {
		sw_strbuf_puts(why, len >= PART_MAX ? "a part is too long to be right" : "more than 16 parts in one rule");
		return -EINVAL;
	}
	snprintf(part, PART_MAX, "%.*s", (int)len, *text);
	*text += len;
	return 1;
}

int sw_conf_port_list(
	const char *text, struct sw_config_port_range ret[static SW_CONFIG_SOCK_PARTS_MAX], struct sw_strbuf *why)
{
	char part[PART_MAX];
	int n = 0, r;

	for (; (r = next_part(&text, (size_t)n, part, why)) > 0; n++) {
		if (sw_streq(part, "0"))
			ret[n] = (struct sw_config_port_range){};
		else if (sw_conf_ports_parse(part, &ret[n], why) < 0)
			return -EINVAL;
	}
	return r < 0 ? r : n;
}

int sw_conf_net_list(const char *text, struct sw_net ret[static SW_CONFIG_SOCK_PARTS_MAX], struct sw_strbuf *why)
{
	char part[PART_MAX];
	int n = 0, r;

	for (; (r = next_part(&text, (size_t)n, part, why)) > 0; n++) {
		if (sw_cidr_parse(part, SIZE_MAX, &ret[n]) < 0) {
			sw_strbuf_putc(why, '\'');
			sw_strbuf_safe(why, part, strlen(part));
			sw_strbuf_puts(why, "' is not an address or a network such as 192.0.2.7 or 2001:db8::/32");
			return -EINVAL;
		}
	}
	return r < 0 ? r : n;
}

int sw_conf_code_parse(const struct sw_conf_row *row, const char *text, __u32 *ret, struct sw_strbuf *why)
{
	bool is_asn = row->type == SW_CONF_ASNS;
	__u32 code = is_asn ? sw_asn_parse(text) : sw_country_parse(text);
	const char *near;
	char buf[3];

	if (code && (is_asn || sw_country_is_known(code))) {
		*ret = code;
		return 0;
	}
	sw_strbuf_putc(why, '\'');
	sw_strbuf_safe(why, text, strnlen(text, SHOWN_MAX));
	sw_strbuf_puts(why, is_asn ? "' is not the number of an autonomous system, such as 64500"
				   : "' is not a country code of two letters (ISO 3166-1)");
	near = is_asn ? NULL : sw_country_suggest(text, buf);
	if (near)
		sw_strbuf_printf(why, ": did you mean '%s'?", near);
	return -EINVAL;
}

void sw_conf_code_format(const struct sw_conf_row *row, __u32 code, char ret[static 16])
{
	if (row->type == SW_CONF_ASNS)
		snprintf(ret, 16, "%u", code);
	else
		sw_country_format(ret, code);
}

int sw_conf_threshold_parse(const char *text, uint32_t *ret_count, uint64_t *ret_window_sec, struct sw_strbuf *why)
{
	const char *in = strstr(text, " in ");
	char digits[16];
	uint64_t window = 0;
	__u64 n = 1;

	snprintf(digits, sizeof(digits), "%.*s", (int)SW_MIN(in ? in - text : 15, 15), text);
	if (!sw_streq(text, "at once") &&
		(parse_number(digits, &n) < 0 || n < 1 || n > 1000000 ||
			(in && (sw_duration_parse(in + 4 + strspn(in + 4, " "), &window) < 0 || !window)))) {
		sw_strbuf_putc(why, '\'');
		sw_strbuf_safe(why, text, strnlen(text, SHOWN_MAX));
		sw_strbuf_puts(why, "' is no threshold such as '5 in 10m', '3' without a window, or 'at once'");
		return -EINVAL;
	}
	*ret_count = (uint32_t)n;
	*ret_window_sec = window;
	return 0;
}

static int set_duration(const struct sw_conf_row *row, __u64 *field, const char *text, struct sw_strbuf *why)
{
	uint64_t sec;

	if (sw_duration_parse(text, &sec) < 0 || sec < row->min || sec > row->max)
		return refuse(row, text, why);
	*field = sec;
	return 0;
}

/* 0x and up to eight digits, or decimal; *end is behind it. */
static bool parse_word(const char *text, const char **end, __u32 *ret)
{
	unsigned long n;
	char *at;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	n = strtoul(text, &at, text[0] == '0' && text[1] == 'x' ? 16 : 10);
	*end = at;
	*ret = (__u32)n;
	return !errno && n <= UINT32_MAX;
}

static int set_mark(
	const struct sw_conf_row *row, struct sw_config_mark *field, const char *text, struct sw_strbuf *why)
{
	struct sw_config_mark m = {.mask = UINT32_MAX};
	const char *end = text;

	if (!parse_word(text, &end, &m.value) || (*end == '/' && !parse_word(end + 1, &end, &m.mask)) || *end ||
		!m.value || m.value & ~m.mask)
		return refuse(row, text, why);
	*field = m;
	return 0;
}

static int set_size(const struct sw_conf_row *row, __u32 *field, const char *text, struct sw_strbuf *why)
{
	char digits[16];
	size_t n = strspn(text, "0123456789");
	__u64 mb = 0;

	if (n == 0 || n > 9 || !strchr("MGT", text[n]) || !text[n] || text[n + 1])
		return refuse(row, text, why);
	snprintf(digits, sizeof(digits), "%.*s", (int)n, text);
	(void)parse_number(digits, &mb);
	mb <<= text[n] == 'G' ? 10 : text[n] == 'T' ? 20 : 0;
	if (mb < row->min || mb > row->max)
		return refuse(row, text, why);
	*field = (__u32)mb;
	return 0;
}

static bool is_name(const char *text)
{
	if (!*text || *text == '.' || *text == '-')
		return false;
	for (; *text; text++) {
		if (!isalnum((unsigned char)*text) && !strchr("._-", *text))
			return false;
	}
	return true;
}

/* SCHEME then a host: visible ASCII only, no user or password, which would end up in logs. */
static bool is_url(const char *text, const char *scheme)
{
	size_t n = strlen(scheme), host;

	if (strncasecmp(text, scheme, n))
		return false;
	for (const char *p = text; *p; p++) {
		if (*p <= ' ' || *p > '~' || *p == '"' || *p == '<' || *p == '>' || *p == '\\')
			return false;
	}
	host = strcspn(text + n, "/?#");
	return host > 0 && text[n] != ':' && !memchr(text + n, '@', host);
}

static bool is_address(const char *text)
{
	unsigned char buf[16];

	return inet_pton(AF_INET, text, buf) == 1 || inet_pton(AF_INET6, text, buf) == 1;
}

static bool is_pattern(const char *text)
{
	if (!*text || sw_streq(text, ".") || sw_streq(text, ".."))
		return false;
	for (; *text; text++) {
		if (*text <= ' ' || *text > '~' || *text == '/' || *text == ':')
			return false;
	}
	return true;
}

int sw_conf_check_path(const char *text, struct sw_strbuf *why)
{
	const struct sw_conf_row row = {.type = SW_CONF_PATH};

	return text[0] == '/' && text[1] ? 0 : refuse(&row, text, why);
}

static int set_text(const struct sw_conf_row *row, char *field, const char *text, struct sw_strbuf *why)
{
	struct sw_rules_when whens[SW_CONFIG_QUIET_MAX];
	struct sw_calendar calendar;
	bool is_right = true;

	switch (row->type) {
	case SW_CONF_NAME:
		is_right = is_name(text);
		break;
	case SW_CONF_PATH:
	case SW_CONF_COMMAND:
		is_right = !*text || (text[0] == '/' && text[1]);
		break;
	case SW_CONF_ADDRESS:
		is_right = is_address(text);
		break;
	case SW_CONF_HTTPS:
		if (!strncasecmp(text, "http://", 7)) {
			sw_strbuf_puts(why, "must be https://: a list that anybody on the way can change bans anybody");
			return -EINVAL;
		}
		is_right = !*text || is_url(text, "https://");
		break;
	case SW_CONF_SMTP:
		is_right = !*text || is_url(text, "smtp://") || is_url(text, "smtps://");
		break;
	case SW_CONF_HOOK:
		is_right = !*text || is_url(text, "https://") ||
			   (is_url(text, "http://") && sw_host_is_loopback(text + 7));
		break;
	case SW_CONF_HOURS:
		is_right = sw_whens_parse(text, whens, SW_ARRAY_SIZE(whens)) >= 0;
		break;
	case SW_CONF_CALENDAR:
		is_right = !*text || sw_calendar_parse(text, &calendar) == 0;
		break;
	case SW_CONF_PATTERN:
		is_right = is_pattern(text);
		break;
	default:
		/* goes to sendmail's command line among others: never to be taken for an option */
		if (*text == '-') {
			sw_strbuf_puts(why, "must not begin with '-'");
			return -EINVAL;
		}
	}
	if (!is_right)
		return refuse(row, text, why);
	if (strlen(text) >= row->size) {
		sw_strbuf_printf(why, "longer than %zu bytes", row->size - 1);
		return -EINVAL;
	}
	sw_strcpy(field, row->size, text);
	return 0;
}

/* The form that value_get writes, without allow entries: a default. */
static int set_habit(struct sw_config_habit *rule, const char *text)
{
	char on[8], window[16];
	unsigned int threshold;
	uint64_t sec = 0;
	int r;

	if (sscanf(text, "{enabled: %7[a-z], threshold: %9u, window: %15[^,]", on, &threshold, window) != 3)
		return -EINVAL;
	*rule = (struct sw_config_habit){.is_on = sw_streq(on, "true"), .threshold = threshold};
	r = sw_duration_parse(window, &sec);
	rule->window_sec = sec;
	return r;
}

int sw_conf_value_set(const struct sw_conf_row *row, void *target, const char *text, struct sw_strbuf *why)
{
	void *field = (char *)target + row->offset;

	switch (row->type) {
	case SW_CONF_WORD:
		return set_word(row, field, text, why);
	case SW_CONF_BOOL:
		return set_bool(row, field, text, why);
	case SW_CONF_U32:
	case SW_CONF_U64:
		return set_number(row, field, text, why);
	case SW_CONF_DURATION:
		return set_duration(row, field, text, why);
	case SW_CONF_SIZE_MB:
		return set_size(row, field, text, why);
	case SW_CONF_MARK:
		return set_mark(row, field, text, why);
	case SW_CONF_HABIT:
		return set_habit(field, text);
	default:
		return set_text(row, field, text, why);
	}
}

static void get_habit(const struct sw_config_habit *rule, struct sw_strbuf *out)
{
	char net[SW_NET_TEXT_MAX];

	for (const struct sw_conf_row *sub = sw_conf_habit_rows; sub->key; sub++) {
		sw_strbuf_printf(out, "%s%s: ", sub == sw_conf_habit_rows ? "{" : ", ", sub->key);
		if (sub->type != SW_CONF_NETS)
			sw_conf_value_get(sub, rule, out);
	}
	sw_strbuf_putc(out, '[');
	for (__u32 i = 0; i < rule->n_allow; i++)
		sw_strbuf_printf(out, "%s\"%s\"", i ? ", " : "", sw_cidr_format(net, &rule->allow[i]));
	sw_strbuf_puts(out, "]}");
}

/* Plain where nothing in it means something to YAML, nor reads as another type. */
static bool is_plain(const char *text)
{
	if (!isalnum((unsigned char)*text) && *text != '/')
		return false;
	for (const char *p = text; *p; p++) {
		if (!isalnum((unsigned char)*p) && !strchr("._/-+@", *p) &&
			!(*p == ':' && p[1] && p[1] != ' '))
			return false;
	}
	return !sw_streq(text, "null");
}

void sw_conf_put_scalar(struct sw_strbuf *out, const char *text)
{
	if (is_plain(text)) {
		sw_strbuf_puts(out, text);
		return;
	}
	sw_strbuf_putc(out, '"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			sw_strbuf_putc(out, '\\');
		sw_strbuf_putc(out, *text);
	}
	sw_strbuf_putc(out, '"');
}

void sw_conf_value_get(const struct sw_conf_row *row, const void *target, struct sw_strbuf *out)
{
	const void *field = (const char *)target + row->offset;
	const __u32 *u32 = field;
	const __u64 *u64 = field;
	char buf[SW_TIME_TEXT_MAX];

	switch (row->type) {
	case SW_CONF_WORD:
		sw_strbuf_puts(out,
			*u32 - row->words->first < row->words->n
				? row->words->words[*u32 - row->words->first]
				: "?");
		break;
	case SW_CONF_BOOL:
		sw_strbuf_puts(out, *u32 ? "true" : "false");
		break;
	case SW_CONF_U32:
		sw_strbuf_printf(out, "%u", *u32);
		break;
	case SW_CONF_U64:
		sw_strbuf_printf(out, "%llu", (unsigned long long)*u64);
		break;
	case SW_CONF_DURATION:
		/* exact, so that what is shown reads back as the same */
		if (!*u64)
			sw_strbuf_puts(out, "forever");
		else if (*u64 % 60 || *u64 < 60)
			sw_strbuf_printf(out, "%llus", (unsigned long long)*u64);
		else if (*u64 % 3600)
			sw_strbuf_printf(out, "%llum", (unsigned long long)*u64 / 60);
		else
			sw_strbuf_printf(out, "%lluh", (unsigned long long)*u64 / 3600);
		break;
	case SW_CONF_MARK:
		sw_strbuf_printf(out, "0x%x/0x%x", u32[0], u32[1]);
		break;
	case SW_CONF_SIZE_MB:
		snprintf(buf, sizeof(buf), *u32 % 1024 ? "%uM" : "%uG", *u32 % 1024 ? *u32 : *u32 / 1024);
		sw_strbuf_puts(out, buf);
		break;
	case SW_CONF_HABIT:
		get_habit(field, out);
		break;
	default:
		sw_conf_put_scalar(out, field);
	}
}

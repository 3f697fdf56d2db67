// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/base/json.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>

#include "user/base/clock.h"
#include "user/base/digits.h"

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* Whether a byte of eight is not: of each, the highest bit tells. Bytes behind a first one may be told wrongly. */
static bool has_special(uint64_t eight)
{
	const uint64_t ones = 0x0101010101010101, high = ones << 7;
	uint64_t quote = eight ^ ones * '"', backslash = eight ^ ones * '\\';

	return (eight | (eight + ones) | (eight - ones * 0x20) | (quote - ones) | (backslash - ones)) & high;
}

/* Copies the bytes at the start that are written as they are, nearly always all of them; how many. */
static size_t copy_plain(char *to, const char *text, size_t len)
{
	uint64_t eight;
	size_t n = 0;

	for (; n + sizeof(eight) <= len; n += sizeof(eight)) {
		memcpy(&eight, text + n, sizeof(eight));
		if (has_special(eight))
			break;
		memcpy(to + n, &eight, sizeof(eight));
	}
	for (; n < len && is_plain((unsigned char)text[n]); n++)
		to[n] = text[n];
	return n;
}

/* The first character of a text that is not plain, which is one byte or one sequence of UTF-8; how many bytes. */
static size_t put_special(struct sw_strbuf *b, const char *text, size_t len)
{
	size_t n = sw_utf8_len(text, len);
	unsigned char c = (unsigned char)*text;

	if (!n)
		sw_strbuf_puts(b, "\\ufffd");
	else if (c == '"' || c == '\\')
		sw_strbuf_printf(b, "\\%c", c);
	else if (c == '\n')
		sw_strbuf_puts(b, "\\n");
	else if (c < 0x20 || c == 0x7f)
		sw_strbuf_printf(b, "\\u%04x", c);
	else
		sw_strbuf_add(b, text, n);
	return n ? n : 1;
}

/* The rest of a quoted text from a byte on that is not plain. */
static void put_rest(struct sw_strbuf *b, const char *text, size_t len)
{
	while (len) {
		size_t n = put_special(b, text, len), plain = 0;
		char *to = sw_strbuf_room(b, len - n);

		if (to) {
			plain = copy_plain(to, text + n, len - n);
			sw_strbuf_grow(b, plain);
		}
		text += n + plain;
		len -= n + plain;
	}
	sw_strbuf_putc(b, '"');
}

static void put_quoted(struct sw_strbuf *b, const char *text, size_t len)
{
	char *to = sw_strbuf_room(b, len + 2);
	size_t n;

	if (!to)
		return;
	to[0] = '"';
	n = copy_plain(to + 1, text, len);
	if (n < len) {
		sw_strbuf_grow(b, 1 + n);
		put_rest(b, text + n, len - n);
		return;
	}
	to[1 + n] = '"';
	sw_strbuf_grow(b, n + 2);
}

static void put_key(struct sw_json *j, const char *key)
{
	if (j->has_item[j->depth])
		sw_strbuf_putc(j->out, ',');
	j->has_item[j->depth] = true;
	if (!key)
		return;
	put_quoted(j->out, key, strlen(key));
	sw_strbuf_putc(j->out, ':');
}

static void begin(struct sw_json *j, const char *key, char bracket)
{
	put_key(j, key);
	sw_strbuf_putc(j->out, bracket);
	assert(j->depth < SW_JSON_DEPTH_MAX);
	j->has_item[++j->depth] = false;
}

static void end(struct sw_json *j, char bracket)
{
	assert(j->depth > 0);
	j->depth--;
	sw_strbuf_putc(j->out, bracket);
}

void sw_json_init(struct sw_json *j, struct sw_strbuf *out)
{
	*j = (struct sw_json){.out = out};
}

void sw_json_object_begin(struct sw_json *j, const char *key)
{
	begin(j, key, '{');
}

void sw_json_object_end(struct sw_json *j)
{
	end(j, '}');
}

void sw_json_array_begin(struct sw_json *j, const char *key)
{
	begin(j, key, '[');
}

void sw_json_array_end(struct sw_json *j)
{
	end(j, ']');
}

void sw_json_stringn(struct sw_json *j, const char *key, const char *text, size_t len)
{
	put_key(j, key);
	put_quoted(j->out, text, len);
}

void sw_json_string(struct sw_json *j, const char *key, const char *text)
{
	if (text)
		sw_json_stringn(j, key, text, strlen(text));
	else
		sw_json_null(j, key);
}

void sw_json_string_if(struct sw_json *j, const char *key, const char *text)
{
	if (text && *text)
		sw_json_string(j, key, text);
}

void sw_json_pod(struct sw_json *j, const char *pod)
{
	const char *slash = strchr(pod, '/');

	sw_json_string_if(j, "pod", slash ? slash + 1 : pod);
	if (slash && slash > pod)
		sw_json_stringn(j, "namespace", pod, (size_t)(slash - pod));
}

void sw_json_stringf(struct sw_json *j, const char *key, const char *fmt, ...)
{
	_free_ char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0) {
		text = NULL;
		j->out->is_failed = true;
		return;
	}
	sw_json_stringn(j, key, text, (size_t)n);
}

/* With a minus sign where it is below zero. */
static void put_integer(struct sw_json *j, const char *key, bool is_negative, uint64_t value)
{
	char *to, *at;

	put_key(j, key);
	to = sw_strbuf_room(j->out, 1 + SW_UINT_DIGITS_MAX);
	if (!to)
		return;
	at = to;
	if (is_negative)
		*at++ = '-';
	sw_strbuf_grow(j->out, (size_t)(sw_put_uint(at, value) - to));
}

void sw_json_uint(struct sw_json *j, const char *key, uint64_t value)
{
	put_integer(j, key, false, value);
}

void sw_json_int(struct sw_json *j, const char *key, int64_t value)
{
	put_integer(j, key, value < 0, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

void sw_json_double(struct sw_json *j, const char *key, double value)
{
	if (!isfinite(value)) {
		sw_json_null(j, key);
		return;
	}
	put_key(j, key);
	sw_strbuf_printf(j->out, "%.9g", value);
}

void sw_json_bool(struct sw_json *j, const char *key, bool value)
{
	sw_json_raw(j, key, value ? "true" : "false");
}

void sw_json_null(struct sw_json *j, const char *key)
{
	sw_json_raw(j, key, "null");
}

void sw_json_wall_ns(struct sw_json *j, const char *key, int64_t wall_ns)
{
	char text[SW_TIME_TEXT_MAX];

	sw_json_string(j, key, wall_ns ? sw_time_format(text, wall_ns) : NULL);
}

void sw_json_wall_sec(struct sw_json *j, const char *key, int64_t wall_sec)
{
	sw_json_wall_ns(j, key, wall_sec * (int64_t)SW_SEC_NS);
}

void sw_json_raw(struct sw_json *j, const char *key, const char *json)
{
	put_key(j, key);
	sw_strbuf_puts(j->out, json);
}

// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/base/json.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>

#include "user/base/clock.h"

/* Bytes at the start that are written as they are and are a character each: nearly always all of them. */
static size_t plain_len(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && text[n] >= 0x20 && text[n] < 0x7f && text[n] != '"' && text[n] != '\\')
		n++;
	return n;
}

static void put_quoted(struct sw_strbuf *b, const char *text, size_t len)
{
	sw_strbuf_putc(b, '"');
	while (len) {
		size_t plain = plain_len(text, len), n = plain ? plain : sw_utf8_len(text, len);
		unsigned char c = (unsigned char)*text;

		if (plain)
			sw_strbuf_add(b, text, plain);
		else if (!n)
			sw_strbuf_puts(b, "\\ufffd");
		else if (c == '"' || c == '\\')
			sw_strbuf_printf(b, "\\%c", c);
		else if (c == '\n')
			sw_strbuf_puts(b, "\\n");
		else if (c < 0x20 || c == 0x7f)
			sw_strbuf_printf(b, "\\u%04x", c);
		else
			sw_strbuf_add(b, text, n);
		n = n ? n : 1;
		text += n;
		len -= n;
	}
	sw_strbuf_putc(b, '"');
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

void sw_json_uint(struct sw_json *j, const char *key, uint64_t value)
{
	char digits[20]; /* of the largest */
	size_t at = sizeof(digits);

	put_key(j, key);
	do
		digits[--at] = (char)('0' + value % 10);
	while (value /= 10);
	sw_strbuf_add(j->out, digits + at, sizeof(digits) - at);
}

void sw_json_int(struct sw_json *j, const char *key, int64_t value)
{
	put_key(j, key);
	sw_strbuf_printf(j->out, "%" PRId64, value);
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

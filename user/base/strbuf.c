// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/base/strbuf.h"

#include <stdarg.h>

static bool reserve(struct sw_strbuf *b, size_t more)
{
	size_t need, cap;
	char *text;

	if (b->is_failed)
		return false;
	if (__builtin_add_overflow(b->len, more, &need) || need >= SIZE_MAX / 4)
		goto failed;
	if (need < b->cap)
		return true;
	for (cap = b->cap ? b->cap : 64; cap <= need; cap *= 2)
		;
	text = realloc(b->text, cap);
	if (!text)
		goto failed;
	b->text = text;
	b->cap = cap;
	return true;
failed:
	b->is_failed = true;
	return false;
}

char *sw_strbuf_room(struct sw_strbuf *b, size_t n)
{
	return reserve(b, n + 1) ? b->text + b->len : NULL;
}

void sw_strbuf_add(struct sw_strbuf *b, const void *text, size_t len)
{
	char *to = sw_strbuf_room(b, len);

	if (!to)
		return;
	memcpy(to, text, len);
	sw_strbuf_grow(b, len);
}

void sw_strbuf_puts(struct sw_strbuf *b, const char *text)
{
	sw_strbuf_add(b, text, strlen(text));
}

void sw_strbuf_putc(struct sw_strbuf *b, char c)
{
	char *to = sw_strbuf_room(b, 1);

	if (!to)
		return;
	*to = c;
	sw_strbuf_grow(b, 1);
}

void sw_strbuf_printf(struct sw_strbuf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || !reserve(b, (size_t)n + 1))
		return;
	va_start(ap, fmt);
	vsnprintf(b->text + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
}

size_t sw_utf8_len(const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text;
	uint32_t code;
	size_t n;

	if (!len)
		return 0;
	if (p[0] < 0x80)
		return 1;
	n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4 || n > len)
		return 0;
	code = p[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (p[i] & 0x3f);
	}
	if ((n == 3 && (code < 0x800 || (code >= 0xd800 && code <= 0xdfff))) ||
	    (n == 4 && (code < 0x10000 || code > 0x10ffff)))
		return 0;
	return n;
}

/* C1 controls (U+0080..9F), and the marks that reorder text on a terminal, count as controls. */
static bool is_hidden(const char *p, size_t n)
{
	const unsigned char *u = (const unsigned char *)p;

	if (n == 1)
		return u[0] < 0x20 || u[0] == 0x7f || u[0] == '\\';
	if (n == 2)
		return u[0] == 0xc2 && u[1] < 0xa0;
	if (n == 3 && u[0] == 0xe2 && u[1] == 0x80)
		return (u[2] >= 0x8b && u[2] <= 0x8f) || (u[2] >= 0xa8 && u[2] <= 0xae);
	return n == 3 && u[0] == 0xe2 && u[1] == 0x81 && u[2] >= 0xa6 && u[2] <= 0xa9;
}

void sw_strbuf_safe(struct sw_strbuf *b, const char *text, size_t len)
{
	while (len) {
		size_t n = sw_utf8_len(text, len), step = n ? n : 1;

		if (n && !is_hidden(text, n)) {
			sw_strbuf_add(b, text, n);
		} else {
			for (size_t i = 0; i < step; i++)
				sw_strbuf_printf(b, "\\x%02x", (unsigned char)text[i]);
		}
		text += step;
		len -= step;
	}
}

void sw_strbuf_shift(struct sw_strbuf *b, size_t n)
{
	if (!n)
		return;
	if (n > b->len)
		n = b->len;
	memmove(b->text, b->text + n, b->len - n + 1);
	b->len -= n;
}

void sw_strbuf_reset(struct sw_strbuf *b)
{
	b->len = 0;
	b->is_failed = false;
	if (b->text)
		b->text[0] = 0;
}

void sw_strbuf_done(struct sw_strbuf *b)
{
	free(b->text);
	*b = (struct sw_strbuf){};
}

void sw_strbuf_wipe(struct sw_strbuf *b)
{
	if (b->text)
		explicit_bzero(b->text, b->len);
	sw_strbuf_done(b);
}

const char *sw_strbuf_get(const struct sw_strbuf *b)
{
	return b->text ? b->text : "";
}

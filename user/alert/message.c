// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/alert/message.h"

#include <time.h>

enum {
	TITLE_MAX = 200, /* bytes of title in a subject */
	WORD_MAX = 63, /* payload of an encoded word: 75 less "=?UTF-8?Q?" and "?=" (RFC 2047, 2) */
	QUOTED_LINE_MAX = 75, /* and one for the soft break (RFC 2045, 6.7) */
};

static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char *const months[] = {
	"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

static bool is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

bool sw_message_address_ok(const char *text)
{
	if (!text[0])
		return false;
	for (; *text; text++) {
		if (is_control(*text))
			return false;
	}
	return true;
}

/* "=?" would be decoded by the reader's program: such text is encoded too. */
static bool needs_words(const char *text)
{
	if (strstr(text, "=?"))
		return true;
	for (; *text; text++) {
		if ((unsigned char)*text >= 0x80)
			return true;
	}
	return false;
}

static bool is_plain_in_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		c == '-' || c == '.';
}

/* One character of text (n bytes of UTF-8) as it stands in a Q word. */
static size_t encode_char(char *buf, const char *text, size_t n)
{
	if (n == 1 && is_plain_in_word(*text)) {
		buf[0] = *text;
		return 1;
	}
	if (*text == ' ') {
		buf[0] = '_';
		return 1;
	}
	for (size_t i = 0; i < n; i++)
		snprintf(buf + 3 * i, 4, "=%02X", (unsigned char)text[i]);
	return 3 * n;
}

static void add_words(struct sw_strbuf *out, const char *text)
{
	size_t len = strlen(text), used = WORD_MAX + 1;
	bool is_first = true;

	for (size_t i = 0; i < len;) {
		size_t n = sw_utf8_len(text + i, len - i), size;
		char buf[13];

		n = n ? n : 1;
		size = encode_char(buf, text + i, n);
		if (used + size > WORD_MAX) {
			sw_strbuf_puts(out, is_first ? "=?UTF-8?Q?" : "?=\r\n =?UTF-8?Q?");
			is_first = false;
			used = 0;
		}
		sw_strbuf_add(out, buf, size);
		used += size;
		i += n;
	}
	if (!is_first)
		sw_strbuf_puts(out, "?=");
}

void sw_message_header(struct sw_strbuf *out, const char *name, const char *value)
{
	_strbuf_ struct sw_strbuf safe = {};

	sw_strbuf_safe(&safe, value, strlen(value));
	sw_strbuf_printf(out, "%s: ", name);
	if (needs_words(sw_strbuf_get(&safe)))
		add_words(out, sw_strbuf_get(&safe));
	else
		sw_strbuf_puts(out, sw_strbuf_get(&safe));
	sw_strbuf_puts(out, "\r\n");
	out->is_failed |= safe.is_failed;
}

/* Cut at a character's border, so that what is left stays valid. */
static void add_title(struct sw_strbuf *out, const char *title)
{
	size_t len = strlen(title), cut = len;

	if (len > TITLE_MAX) {
		for (cut = TITLE_MAX; cut && ((unsigned char)title[cut] & 0xc0) == 0x80; cut--)
			;
	}
	sw_strbuf_add(out, title, cut);
	if (cut < len)
		sw_strbuf_puts(out, "...");
}

static void add_subject(struct sw_strbuf *out, const struct sw_message *m)
{
	_strbuf_ struct sw_strbuf text = {};

	for (const char *p = m->subject; *p; p++) {
		if (p[0] == '%' && p[1] == 'h')
			sw_strbuf_puts(&text, m->host);
		else if (p[0] == '%' && p[1] == 't')
			add_title(&text, m->title);
		else if (p[0] == '%' && p[1] == '%')
			sw_strbuf_putc(&text, '%');
		else {
			sw_strbuf_putc(&text, *p);
			continue;
		}
		p++;
	}
	sw_message_header(out, "Subject", sw_strbuf_get(&text));
	out->is_failed |= text.is_failed;
}

static void quote_char(struct sw_strbuf *out, size_t *column, const char *piece, size_t len)
{
	if (*column + len > QUOTED_LINE_MAX) {
		sw_strbuf_puts(out, "=\r\n");
		*column = 0;
	}
	sw_strbuf_add(out, piece, len);
	*column += len;
}

void sw_message_quote(struct sw_strbuf *out, const char *text, size_t len)
{
	size_t column = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		bool is_end = i + 1 == len || text[i + 1] == '\n';
		char buf[4];

		if (c == '\n') {
			sw_strbuf_puts(out, "\r\n");
			column = 0;
			continue;
		}
		/* a dot alone on a line and a leading "From " are mangled on the way by old programs */
		if (c == '=' || c < 0x20 || c > 0x7e || (c == ' ' && is_end) ||
			(column == 0 && (c == '.' || c == 'F'))) {
			snprintf(buf, sizeof(buf), "=%02X", c);
			quote_char(out, &column, buf, 3);
		} else {
			buf[0] = (char)c;
			quote_char(out, &column, buf, 1);
		}
	}
	if (column)
		sw_strbuf_puts(out, "\r\n");
}

static void add_date(struct sw_strbuf *out, int64_t wall_sec)
{
	time_t t = (time_t)wall_sec;
	struct tm tm = {};

	gmtime_r(&t, &tm);
	sw_strbuf_printf(out, "Date: %s, %d %s %04d %02d:%02d:%02d +0000\r\n", days[tm.tm_wday % 7],
		tm.tm_mday, months[tm.tm_mon % 12], tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
		tm.tm_sec);
}

void sw_message_build(const struct sw_message *m, struct sw_strbuf *out)
{
	char id[320];

	snprintf(id, sizeof(id), "<%llx.%x@%.255s>", (unsigned long long)m->wall_sec, m->id,
		m->host);
	add_date(out, m->wall_sec);
	sw_message_header(out, "From", m->from);
	sw_message_header(out, "To", m->to);
	add_subject(out, m);
	sw_message_header(out, "Message-ID", id);
	sw_strbuf_puts(out,
		"Auto-Submitted: auto-generated\r\n"
		"MIME-Version: 1.0\r\n"
		"Content-Type: text/plain; charset=utf-8\r\n"
		"Content-Transfer-Encoding: quoted-printable\r\n"
		"\r\n");
	sw_message_quote(out, m->body, strlen(m->body));
}

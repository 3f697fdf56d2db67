// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/base/wrap.h"

#include <sys/ioctl.h>

enum {
	ROOM_MIN = 28,	  /* columns: a narrower strip is worse to read than lines of their own */
	INDENT = 2,	  /* of a row */
	INDENT_BELOW = 6, /* of a row's text that does not stand beside */
	COLUMNS_LEAST = 20,
	COLUMNS_MOST = 10000,
};

unsigned int sw_terminal_columns(int fd)
{
	const char *text = getenv("COLUMNS");
	unsigned long n = text ? strtoul(text, NULL, 10) : 0;
	struct winsize size = {};

	if (!isatty(fd))
		return 0;
	if (n >= COLUMNS_LEAST && n <= COLUMNS_MOST)
		return (unsigned int)n;
	return ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

/* Columns of UTF-8 text; what is two columns wide is not in any help. */
static size_t columns_of(const char *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)text[i] & 0xc0) != 0x80;
	return n;
}

void sw_wrap(FILE *out, const char *text, size_t used, size_t indent, unsigned int columns)
{
	bool is_first = true;

	while (*text) {
		size_t len = strcspn(text, " "), wide = columns_of(text, len);

		if (is_first) {
			is_first = false;
		} else if (columns && used + 1 + wide > columns) {
			fprintf(out, "\n%*s", (int)indent, "");
			used = indent;
		} else {
			fputc(' ', out);
			used++;
		}
		fwrite(text, 1, len, out);
		used += wide;
		text += len + (text[len] == ' ');
	}
	fputc('\n', out);
}

void sw_wrap_row(FILE *out, const char *left, size_t width, const char *text, unsigned int columns)
{
	size_t column = INDENT + width + 1, used = SW_MAX(column, INDENT + columns_of(left, strlen(left)) + 1);

	if (columns && column + ROOM_MIN > columns) {
		fprintf(out, "%*s%s\n%*s", INDENT, "", left, INDENT_BELOW, "");
		sw_wrap(out, text, INDENT_BELOW, INDENT_BELOW, columns);
		return;
	}
	fprintf(out, "%*s%-*s ", INDENT, "", (int)width, left);
	sw_wrap(out, text, used, column, columns);
}

/* Where a line's last column begins: behind the last run of two blanks or more. */
static size_t last_column(const char *line, size_t len)
{
	size_t at = 0;

	for (size_t i = 2; i < len; i++)
		if (line[i] != ' ' && line[i - 1] == ' ' && line[i - 2] == ' ')
			at = i;
	return at;
}

static void wrap_line(FILE *out, const char *line, size_t len, unsigned int columns)
{
	size_t first = strspn(line, " "), indent = last_column(line, len);
	_free_ char *text = strndup(line + first, len - SW_MIN(first, len));

	if (!text || !columns || columns_of(line, len) <= columns || first >= len) {
		fprintf(out, "%.*s\n", (int)len, line);
		return;
	}
	if (indent <= first)
		indent = first;
	else if (indent + ROOM_MIN > columns)
		indent = first + INDENT;
	fprintf(out, "%*s", (int)first, "");
	sw_wrap(out, text, first, indent, columns);
}

void sw_wrap_lines(FILE *out, const char *lines, unsigned int columns)
{
	while (*lines) {
		size_t len = strcspn(lines, "\n");

		wrap_line(out, lines, len, columns);
		lines += len + (lines[len] == '\n');
	}
}

// SPDX-License-Identifier: GPL-3.0-or-later
/* What was understood, as a configuration file of ours. */
#include "user/conf/value.h"
#include "user/import/import.h"

enum { SHOWN_MAX = 72, INDENT = 2 };

static void put_indent(struct sw_strbuf *out, unsigned int depth)
{
	for (unsigned int i = 0; i < depth * INDENT; i++)
		sw_strbuf_putc(out, ' ');
}

/* "FILE:LINE: text", the text cut to what a person reads. */
static void put_place(const struct sw_import_line *l, struct sw_strbuf *out)
{
	size_t n = strlen(l->text), shown = SW_MIN(n, (size_t)SHOWN_MAX);

	while (shown && shown < n && ((unsigned char)l->text[shown] & 0xc0) == 0x80)
		shown--; /* not within a character */
	sw_strbuf_safe(out, l->file, strlen(l->file));
	if (l->number)
		sw_strbuf_printf(out, ":%u", l->number);
	sw_strbuf_puts(out, n ? ": " : "");
	sw_strbuf_safe(out, l->text, shown);
	if (shown < n)
		sw_strbuf_puts(out, " ...");
}

static void put_line_comment(
	const struct sw_import *im, size_t line, unsigned int depth, struct sw_strbuf *out)
{
	const struct sw_import_line *l = &im->lines[line];

	put_indent(out, depth);
	sw_strbuf_puts(out, "# ");
	put_place(l, out);
	sw_strbuf_putc(out, '\n');
	if (!*l->note)
		return;
	put_indent(out, depth);
	sw_strbuf_printf(out, "#   %s%s\n", l->note,
		l->state == SW_IMPORT_ASKED ? ": take the # away from what follows if you want it"
					    : "");
}

/* An element's first line after "- ", the others below it. */
static void put_element(
	const char *value, const char *mark, unsigned int depth, struct sw_strbuf *out)
{
	bool is_first = true;

	if (!strchr(value, '\n')) {
		put_indent(out, depth);
		sw_strbuf_printf(out, "%s- ", mark);
		sw_conf_put_scalar(out, value);
		sw_strbuf_putc(out, '\n');
		return;
	}
	while (*value) {
		size_t n = strcspn(value, "\n");

		put_indent(out, depth);
		sw_strbuf_printf(out, "%s%s%.*s\n", mark, is_first ? "- " : "  ", (int)n, value);
		is_first = false;
		value += n + (value[n] == '\n');
	}
}

static bool is_asked(const struct sw_import *im, const struct sw_import_setting *s)
{
	return im->lines[s->line].state == SW_IMPORT_ASKED;
}

/* All elements of the list whose first is settings[at]; those that are asked stand commented out. */
static void put_list(const struct sw_import *im, size_t at, const char *name, unsigned int depth,
	struct sw_strbuf *out)
{
	const struct sw_import_setting *first = &im->settings[at];
	bool has_one = false;
	size_t line = SIZE_MAX;

	for (size_t i = at; i < im->n_settings; i++)
		has_one |= sw_streq(im->settings[i].key, first->key) &&
			!is_asked(im, &im->settings[i]);
	put_indent(out, depth);
	sw_strbuf_printf(out, "%s%s:\n", has_one ? "" : "#", name);
	for (size_t i = at; i < im->n_settings; i++) {
		const struct sw_import_setting *s = &im->settings[i];

		if (!sw_streq(s->key, first->key))
			continue;
		if (s->line != line)
			put_line_comment(im, s->line, depth + 1, out);
		line = s->line;
		put_element(s->value, is_asked(im, s) ? "#" : "", depth + 1, out);
	}
}

static void put_value(const struct sw_import *im, const struct sw_import_setting *s,
	const char *name, unsigned int depth, struct sw_strbuf *out)
{
	put_line_comment(im, s->line, depth, out);
	put_indent(out, depth);
	sw_strbuf_printf(out, "%s%s: ", is_asked(im, s) ? "#" : "", name);
	sw_conf_put_scalar(out, s->value);
	sw_strbuf_putc(out, '\n');
}

/* True when the first n bytes of the key were seen in an earlier setting as a whole part. */
static bool is_seen(const struct sw_import *im, size_t at, size_t n)
{
	const char *key = im->settings[at].key;

	for (size_t i = 0; i < at; i++) {
		const char *k = im->settings[i].key;

		if (!strncmp(k, key, n) && (!k[n] || k[n] == '.'))
			return true;
	}
	return false;
}

/* Is anything below the first n bytes of the key in force? A section with only comments in it is none. */
static bool has_any_taken(const struct sw_import *im, const char *key, size_t n)
{
	for (size_t i = 0; i < im->n_settings; i++) {
		const struct sw_import_setting *s = &im->settings[i];

		if (!strncmp(s->key, key, n) && s->key[n] == '.' && !is_asked(im, s))
			return true;
	}
	return false;
}

/* The settings whose keys begin with the first n bytes of prefix; each part of a key is a section. */
static void put_section(const struct sw_import *im, const char *prefix, size_t n,
	unsigned int depth, struct sw_strbuf *out)
{
	for (size_t i = 0; i < im->n_settings; i++) {
		const char *key = im->settings[i].key;
		size_t end;

		if (strncmp(key, prefix, n) || (n && key[n] != '.'))
			continue;
		end = n + (n > 0);
		end += strcspn(key + end, ".");
		if (is_seen(im, i, end))
			continue;
		if (!key[end] && im->settings[i].is_element) {
			put_list(im, i, key + n + (n > 0), depth, out);
		} else if (!key[end]) {
			put_value(im, &im->settings[i], key + n + (n > 0), depth, out);
		} else {
			put_indent(out, depth);
			sw_strbuf_printf(out, "%s%.*s:\n", has_any_taken(im, key, end) ? "" : "#",
				(int)(end - n - (n > 0)), key + n + (n > 0));
			put_section(im, key, end, depth + 1, out);
		}
	}
}

static void put_others(const struct sw_import *im, enum sw_import_state state, const char *title,
	struct sw_strbuf *out)
{
	if (!im->counts[state])
		return;
	sw_strbuf_printf(out, "\n# %s\n", title);
	for (size_t i = 0; i < im->n_lines; i++) {
		const struct sw_import_line *l = &im->lines[i];

		if (l->state != state)
			continue;
		sw_strbuf_puts(out, "#   ");
		put_place(l, out);
		if (*l->note)
			sw_strbuf_printf(out, "\n#     %s", l->note);
		sw_strbuf_putc(out, '\n');
	}
}

static void put_list_of_trails(const struct sw_import *im, struct sw_strbuf *out)
{
	if (!im->n_listed)
		return;
	sw_strbuf_puts(out, "\n# A list, which --list FILE writes for 'sockwarden trails import FILE':\n");
	for (const char *s = im->list.text; s && *s;) {
		size_t n = strcspn(s, "\n");

		sw_strbuf_printf(out, "#   %.*s\n", (int)n, s);
		s += n + (s[n] == '\n');
	}
}

void sw_import_render(const struct sw_import *im, const char *tool, struct sw_strbuf *out)
{
	sw_strbuf_printf(
		out, "# What 'sockwarden import %s' understood. Nothing was changed.\n\n", tool);
	put_section(im, "", 0, 0, out);
}

void sw_import_render_rest(const struct sw_import *im, bool has_list, struct sw_strbuf *out)
{
	put_others(im, SW_IMPORT_NEEDLESS, "Nothing has to be set for these:", out);
	put_others(im, SW_IMPORT_LEFT, "Not taken:", out);
	if (has_list)
		put_list_of_trails(im, out);
}

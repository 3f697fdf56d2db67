// SPDX-License-Identifier: GPL-3.0-or-later
#include <fcntl.h>
#include <stdarg.h>

#include "user/import/import.h"

const struct sw_import_tool sw_import_tools[] = {
	{"portsentry", "portsentry.conf, its ignore file, /etc/default/portsentry or hosts.allow",
		"/etc/portsentry/portsentry.conf", sw_import_portsentry},
	{"lsm", "conf.lsm of Linux Socket Monitor", "/usr/local/lsm/conf.lsm", sw_import_lsm},
	{"maltrail", "maltrail.conf", "/opt/maltrail/maltrail.conf", sw_import_maltrail},
	{"fail2ban", "the directory of its configuration", "/etc/fail2ban", sw_import_fail2ban, true},
	{"iptables", "what iptables-save, ip6tables-save or 'iptables -S' print", NULL, sw_import_iptables},
	{"swatch", "swatch's and swatchdog's configurations, each with its '# logfile PATH'", NULL, sw_import_swatch, true},
	{},
};

static const char *const state_words[SW_IMPORT_STATES] = {"taken", "asked", "needless", "left"};

const char *sw_import_state_word(enum sw_import_state s)
{
	return state_words[s];
}

void sw_import_done(struct sw_import *im)
{
	for (size_t i = 0; i < im->n_lines; i++) {
		free(im->lines[i].file);
		free(im->lines[i].text);
		free(im->lines[i].note);
	}
	for (size_t i = 0; i < im->n_settings; i++) {
		free(im->settings[i].key);
		free(im->settings[i].value);
	}
	free(im->lines);
	free(im->settings);
	sw_strbuf_done(&im->list);
	sw_strbuf_done(&im->error);
	*im = (struct sw_import){};
}

static void fail(struct sw_import *im, const char *why)
{
	if (!im->is_failed)
		sw_strbuf_puts(&im->error, why);
	im->is_failed = true;
}

/* Room for one more in an array of elements of size bytes. */
static bool make_room(struct sw_import *im, void *array, size_t n, size_t *cap, size_t size)
{
	void **at = array;
	void *more;

	if (im->is_failed || n < *cap)
		return !im->is_failed;
	if (n >= SW_IMPORT_LINES_MAX) {
		fail(im, "more lines than any configuration has");
		return false;
	}
	more = realloc(*at, (n ? 2 * n : 32) * size);
	if (!more) {
		fail(im, "out of memory");
		return false;
	}
	*at = more;
	*cap = n ? 2 * n : 32;
	return true;
}

static char *copy(struct sw_import *im, const char *text)
{
	char *s = strdup(text);

	if (!s)
		fail(im, "out of memory");
	return s;
}

size_t sw_import_note(struct sw_import *im, const char *file, unsigned int number, const char *text,
	enum sw_import_state state, const char *fmt, ...)
{
	_strbuf_ struct sw_strbuf note = {};
	struct sw_import_line *l;
	char buf[512];
	va_list ap;

	if (!make_room(im, &im->lines, im->n_lines, &im->cap_lines, sizeof(*im->lines)))
		return 0;
	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	sw_strbuf_safe(&note, buf, strlen(buf));
	l = &im->lines[im->n_lines];
	*l = (struct sw_import_line){.file = copy(im, file),
		.number = number,
		.text = copy(im, text),
		.note = copy(im, sw_strbuf_get(&note)),
		.state = state};
	if (im->is_failed) {
		free(l->file);
		free(l->text);
		free(l->note);
		return 0;
	}
	im->counts[state]++;
	return im->n_lines++;
}

size_t sw_import_say(struct sw_import *im, const struct sw_import_entry *e,
	enum sw_import_state state, const char *why)
{
	return sw_import_note(im, e->file, e->number, e->text, state, "%s", why);
}

static void put_setting(
	struct sw_import *im, size_t line, const char *key, const char *value, bool is_element)
{
	struct sw_import_setting *s;

	for (size_t i = 0; i < im->n_settings; i++) {
		s = &im->settings[i];
		if (!sw_streq(s->key, key) || (is_element && !sw_streq(s->value, value)))
			continue;
		if (!is_element) {
			free(s->value);
			s->value = copy(im, value);
			s->line = line;
		}
		return;
	}
	if (!make_room(im, &im->settings, im->n_settings, &im->cap_settings, sizeof(*im->settings)))
		return;
	s = &im->settings[im->n_settings];
	*s = (struct sw_import_setting){.key = copy(im, key),
		.value = copy(im, value),
		.is_element = is_element,
		.line = line};
	if (im->is_failed) {
		free(s->key);
		free(s->value);
		return;
	}
	im->n_settings++;
}

void sw_import_set(struct sw_import *im, size_t line, const char *key, const char *value)
{
	put_setting(im, line, key, value, false);
}

void sw_import_add(struct sw_import *im, size_t line, const char *key, const char *element)
{
	put_setting(im, line, key, element, true);
}

void sw_import_list(struct sw_import *im, size_t line, const char *net)
{
	if (im->is_failed)
		return;
	sw_strbuf_printf(&im->list, "%s # ", net);
	sw_strbuf_safe(&im->list, im->lines[line].file, strlen(im->lines[line].file));
	sw_strbuf_printf(&im->list, ":%u\n", im->lines[line].number);
	im->n_listed++;
}

bool sw_import_has(const struct sw_import *im, const char *key)
{
	for (size_t i = 0; i < im->n_settings; i++) {
		if (sw_streq(im->settings[i].key, key))
			return true;
	}
	return false;
}

void sw_import_words(const char *file, char *text, sw_import_word_fn fn, void *arg)
{
	unsigned int number = 0;

	for (char *next, *line = text; line; line = next) {
		size_t n;

		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		number++;
		line += strspn(line, " \t\r");
		n = strcspn(line, " \t\r#");
		line[n] = 0;
		if (n)
			fn(arg, file, number, line, n);
	}
}

int sw_import_read_file(const char *path, char **ret)
{
	_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char *text;
	size_t len;
	int r;

	if (fd < 0)
		return -errno;
	r = sw_read_all(fd, SW_IMPORT_BYTES_MAX, &text, &len);
	if (r < 0)
		return r;
	for (size_t i = 0; i < len; i++) {
		if (!text[i])
			text[i] = ' ';
	}
	*ret = text;
	return 0;
}

/* ---- assignments */

static char *trim(char *s)
{
	size_t n;

	s += strspn(s, " \t\r");
	for (n = strlen(s); n && strchr(" \t\r", s[n - 1]); n--)
		;
	s[n] = 0;
	return s;
}

/* The value as the shell would take it: quotes off, a comment after it gone. */
static char *unquote(char *s)
{
	char *end;

	if (*s == '"' || *s == '\'') {
		end = strchr(s + 1, *s);
		if (end) {
			*end = 0;
			return s + 1;
		}
	}
	for (end = s; (end = strchr(end, '#')); end++) {
		if (end > s && (end[-1] == ' ' || end[-1] == '\t')) {
			*end = 0;
			break;
		}
	}
	return trim(s);
}

static bool is_key(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
		c == '_';
}

static bool read_assignment(char *line, char **ret_key, char **ret_value)
{
	char *end = line;

	while (is_key(*end))
		end++;
	if (end == line || (*end && !strchr("= \t", *end)))
		return false;
	*ret_key = line;
	*ret_value = trim(end);
	if (**ret_value == '=')
		*ret_value = trim(*ret_value + 1);
	else if (*end && *ret_value == end)
		return false;
	*end = 0;
	*ret_value = unquote(*ret_value);
	return true;
}

void sw_import_assignments(
	struct sw_import *im, const char *file, char *text, sw_import_entry_fn fn, void *arg)
{
	char section[64] = "";
	unsigned int number = 0;

	for (char *next, *line = text; line; line = next) {
		_free_ char *whole = NULL;
		struct sw_import_entry e = {.file = file, .section = section, .number = ++number};
		bool is_indented = *line == ' ' || *line == '\t';
		char *key, *value;

		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		line = trim(line);
		if (!*line || *line == '#' || *line == ';')
			continue;
		if (*line == '[' && strchr(line, ']')) {
			*strchr(line, ']') = 0;
			snprintf(section, sizeof(section), "%s", line + 1);
			continue;
		}
		whole = copy(im, line);
		if (!whole)
			return;
		if (!read_assignment(line, &key, &value)) {
			if (is_indented) /* goes on with the value above it: of users and their passwords, say */
				continue;
			sw_import_note(
				im, file, number, whole, SW_IMPORT_LEFT, "this is no KEY=value");
			continue;
		}
		e.text = whole;
		e.key = key;
		e.value = value;
		fn(arg, &e);
	}
}

int sw_import_read_files(
	struct sw_import *im, const struct sw_import_args *args, sw_import_entry_fn fn, void *arg)
{
	for (unsigned int i = 0; i < args->n_files; i++) {
		_free_ char *text = NULL;
		int r = sw_import_read_file(args->files[i], &text);

		if (r < 0) {
			sw_strbuf_printf(&im->error, "%s: %s", args->files[i], strerror(-r));
			return r;
		}
		sw_import_assignments(im, args->files[i], text, fn, arg);
	}
	return im->is_failed ? -ENOMEM : 0;
}

// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/logs/ini_file.h"

#include <ctype.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>

struct parser {
	struct sw_ini *ini;
	const char *path;
	unsigned int line, indent;
	struct sw_ini_section *section;
	char *name; /* of the option whose value goes on; NULL: none */
	unsigned int name_line;
	struct sw_strbuf value;
	struct sw_strbuf *err;
};

/* Files as they are to be merged, each before that which has it before. */
struct file_list {
	char *path[SW_INI_FILES_MAX];
	size_t n;
};

static int parse_error(struct parser *p, const char *what)
{
	sw_strbuf_printf(p->err, "%s:%u: %s", p->path, p->line, what);
	return -EINVAL;
}

/* Cuts "; comment" (fail2ban's only comment within a line) and white space at the end; the new length. */
static size_t cut_comment(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] == ';' && (i == 0 || isspace((unsigned char)text[i - 1]))) {
			len = i;
			break;
		}
	while (len && isspace((unsigned char)text[len - 1]))
		len--;
	return len;
}

static int end_option(struct parser *p)
{
	char place[PATH_MAX + 16];
	int r;

	if (!p->name)
		return 0;
	snprintf(place, sizeof(place), "%s:%u", p->path, p->name_line);
	while (p->value.len && isspace((unsigned char)p->value.text[p->value.len - 1]))
		p->value.text[--p->value.len] = 0;
	r = p->value.is_failed
		? -ENOMEM
		: sw_options_put(&p->section->options, p->name, sw_strbuf_get(&p->value), place);
	free(TAKE_PTR(p->name));
	sw_strbuf_reset(&p->value);
	return r;
}

static int begin_section(struct parser *p, const char *text, size_t len)
{
	const char *end = memchr(text, ']', len);
	_free_ char *name = end ? strndup(text + 1, (size_t)(end - text - 1)) : NULL;

	if (!end)
		return parse_error(p, "a section without ']'");
	p->section = name ? sw_ini_section_add(p->ini, name) : NULL;
	return p->section ? 0 : -ENOMEM;
}

static int begin_option(struct parser *p, const char *text, size_t len)
{
	size_t eq = 0, name_len;

	while (eq < len && text[eq] != '=' && text[eq] != ':')
		eq++;
	if (eq == len || eq == 0)
		return parse_error(p, "neither 'name = value' nor a section");
	if (!p->section)
		return parse_error(p, "an option before any section");
	for (name_len = eq; name_len && isspace((unsigned char)text[name_len - 1]);)
		name_len--;
	p->name = strndup(text, name_len);
	if (!p->name)
		return -ENOMEM;
	p->name_line = p->line;
	for (char *c = p->name; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	for (eq++; eq < len && isspace((unsigned char)text[eq]);)
		eq++;
	sw_strbuf_add(&p->value, text + eq, len - eq);
	return 0;
}

static int parse_line(struct parser *p, const char *text, size_t len)
{
	unsigned int indent = 0;
	bool is_comment;
	int r;

	while (indent < len && isspace((unsigned char)text[indent]))
		indent++;
	text += indent;
	len -= indent;
	is_comment = len && (text[0] == '#' || text[0] == ';');
	len = is_comment ? 0 : cut_comment(text, len);
	if (!len) { /* an empty line does not end a value */
		if (p->name && !is_comment)
			sw_strbuf_putc(&p->value, '\n');
		return 0;
	}
	if (p->name && indent > p->indent) {
		sw_strbuf_putc(&p->value, '\n');
		sw_strbuf_add(&p->value, text, len);
		return 0;
	}
	p->indent = indent;
	r = end_option(p);
	if (r < 0)
		return r;
	return text[0] == '[' ? begin_section(p, text, len) : begin_option(p, text, len);
}

static int parse_text(struct parser *p, const char *text, size_t len)
{
	int r = 0;

	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		len -= 3;
	}
	while (len && !r) {
		const char *nl = memchr(text, '\n', len);
		size_t n = nl ? (size_t)(nl - text) : len;

		p->line++;
		r = memchr(text, 0, n) ? parse_error(p, "a NUL byte") : parse_line(p, text, n);
		text += nl ? n + 1 : n;
		len -= nl ? n + 1 : n;
	}
	if (!r)
		r = end_option(p);
	free(TAKE_PTR(p->name));
	sw_strbuf_done(&p->value);
	return r;
}

/* One file alone, without what it includes. */
static int read_one(struct sw_ini **ret, const char *path, struct sw_strbuf *err)
{
	_cleanup_(sw_ini_freep) struct sw_ini *ini = NULL;
	_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	_free_ char *text = NULL;
	struct parser p = {.path = path, .err = err};
	size_t len;
	int r;

	if (fd < 0)
		return -errno;
	r = sw_read_all(fd, SW_INI_FILE_MAX, &text, &len);
	if (r < 0)
		return r;
	ini = calloc(1, sizeof(*ini));
	if (!ini)
		return -ENOMEM;
	p.ini = ini;
	r = parse_text(&p, text, len);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(ini);
	return 0;
}

static int add_path(struct file_list *l, size_t at, const char *path)
{
	char *copy;

	if (l->n == SW_INI_FILES_MAX)
		return -ELOOP;
	copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	memmove(l->path + at + 1, l->path + at, (l->n - at) * sizeof(l->path[0]));
	l->path[at] = copy;
	l->n++;
	return 0;
}

static void list_done(struct file_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->path[i]);
}

static bool has_path(const struct file_list *l, const char *path)
{
	for (size_t i = 0; i < l->n; i++)
		if (sw_streq(l->path[i], path))
			return true;
	return false;
}

static bool local_of(char *buf, size_t size, const char *path)
{
	const char *dot = strrchr(path, '.'), *slash = strrchr(path, '/');
	size_t len = dot && (!slash || dot > slash) ? (size_t)(dot - path) : strlen(path);

	return (size_t)snprintf(buf, size, "%.*s.local", (int)len, path) < size &&
		!sw_streq(buf, path) && access(buf, F_OK) == 0;
}

/* Puts the files that an option of [INCLUDES] names, and their .local, at the place at. *ret how many. */
static int include(struct file_list *l, size_t at, const struct sw_ini *ini, const char *from,
	const char *option, size_t *ret)
{
	const struct sw_ini_section *s = sw_ini_section(ini, "INCLUDES");
	const char *names = s ? sw_options_get(s->options, option) : NULL,
		   *slash = strrchr(from, '/');
	char path[PATH_MAX], local[PATH_MAX];
	size_t len, n = 0;
	int r = 0, dir = slash ? (int)(slash - from + 1) : 0;

	for (; names && *names && !r; names += len) {
		len = strcspn(names, "\n");
		snprintf(path, sizeof(path), "%.*s%.*s", names[0] == '/' ? 0 : dir, from, (int)len,
			names);
		if (names[len])
			len++;
		if (path[0] == 0 || path[strlen(path) - 1] == '/' || has_path(l, path) ||
			access(path, F_OK) < 0)
			continue; /* none of its kind, as common.local mostly, or read already */
		r = add_path(l, at + n++, path);
		if (!r && local_of(local, sizeof(local), path) && !has_path(l, local))
			r = add_path(l, at + n++, local);
	}
	*ret = n;
	return r;
}

/* Grows the list by what its files include; each file is looked into once. */
static int expand(struct file_list *l, struct sw_strbuf *err)
{
	char *seen[SW_INI_FILES_MAX];
	size_t n_seen = 0, before, after, i = 0;
	int r = 0;

	while (i < l->n && !r) {
		_cleanup_(sw_ini_freep) struct sw_ini *ini = NULL;
		bool is_seen = false;

		for (size_t k = 0; k < n_seen; k++)
			is_seen |= seen[k] == l->path[i];
		if (is_seen) {
			i++;
			continue;
		}
		seen[n_seen++] = l->path[i];
		r = read_one(&ini, l->path[i], err);
		if (r < 0) {
			if (!err->len)
				sw_strbuf_printf(err, "%s: %s", l->path[i], strerror(-r));
			return r;
		}
		r = include(l, i + 1, ini, l->path[i], "after", &after);
		if (!r)
			r = include(l, i, ini, l->path[i], "before", &before);
		if (!r && !before)
			i++;
	}
	if (r == -ELOOP)
		sw_strbuf_printf(err, "more than %d files include each other", SW_INI_FILES_MAX);
	return r;
}

/* NAME.conf with NAME.d/ and NAME.local, in the order in which later ones win. */
static int first_files(struct file_list *l, const char *path)
{
	const char *end = strrchr(path, '.');
	int len = end && sw_streq(end, ".conf") ? (int)(end - path) : (int)strlen(path), r;
	char name[PATH_MAX];
	glob_t found = {};

	r = add_path(l, 0, path);
	for (int i = 0; i < 2 && !r; i++) {
		if (i && local_of(name, sizeof(name), path))
			r = add_path(l, l->n, name);
		snprintf(name, sizeof(name), "%.*s.d/*.%s", len, path, i ? "local" : "conf");
		if (glob(name, 0, NULL, &found) == 0)
			for (size_t k = 0; k < found.gl_pathc && !r; k++)
				r = add_path(l, l->n, found.gl_pathv[k]);
		globfree(&found);
		found = (glob_t){};
	}
	return r;
}

int sw_ini_read(struct sw_ini **ret, const char *path, struct sw_strbuf *err)
{
	_cleanup_(sw_ini_freep) struct sw_ini *ini = calloc(1, sizeof(*ini));
	_cleanup_(list_done) struct file_list files = {};
	int r;

	if (!ini)
		return -ENOMEM;
	r = first_files(&files, path);
	if (!r)
		r = expand(&files, err);
	for (size_t i = 0; i < files.n && !r; i++) {
		_cleanup_(sw_ini_freep) struct sw_ini *one = NULL;

		r = read_one(&one, files.path[i], err);
		if (!r)
			r = sw_ini_merge(ini, one);
	}
	if (r < 0)
		return r;
	*ret = TAKE_PTR(ini);
	return 0;
}

// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/logs/f2b.h"

#include <ctype.h>
#include <limits.h>

#include "user/logs/ini.h"

enum { TAG_MAX = 128, PASSES_MAX = 32, REPLACE_MAX = 2000 };

static const char definition[] = "Definition";

/* What a filter is asked for; other options only serve to be put into these. */
static const char *const asked[] = {
	"prefregex", "failregex", "ignoreregex", "maxlines", "datepattern", "journalmatch"};

struct loader {
	struct sw_ini *ini;
	struct sw_ini_option *given; /* the options in brackets */
	struct sw_ini_option *all; /* they, what is asked for, and [Init] */
	char condition[TAG_MAX]; /* "?family=inet6", or empty */
	struct sw_strbuf *err;
};

static void list_done(struct sw_f2b_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->text[i]);
	free(l->text);
	free(l->where);
}

void sw_f2b_free(struct sw_f2b_filter *f)
{
	if (!f)
		return;
	list_done(&f->failregex);
	list_done(&f->ignoreregex);
	list_done(&f->datepattern);
	list_done(&f->journalmatch);
	free(f->prefregex);
	free(f->prefregex_where);
	free(f->name);
	free(f);
}

void sw_f2b_freep(struct sw_f2b_filter **f)
{
	sw_f2b_free(*f);
}

/* ---- the options in brackets */

static bool is_name_char(char c)
{
	return isalnum((unsigned char)c) || strchr("_-.", c);
}

/* name=value at *p, and past it. Quotes may hold ',' and ']'. */
static int read_option(struct sw_ini_option **map, const char **p)
{
	const char *name = *p, *value;
	_free_ char *n = NULL, *v = NULL;
	size_t name_len = 0, len;
	char quote;

	while (name[name_len] && is_name_char(name[name_len]))
		name_len++;
	if (!name_len || name[name_len] != '=')
		return -EINVAL;
	value = name + name_len + 1;
	quote = *value == '"' || *value == '\'' ? *value++ : 0;
	len = quote ? strcspn(value, quote == '"' ? "\"" : "'") : strcspn(value, ",]");
	if (!value[len])
		return -EINVAL;
	*p = value + len + (quote ? 1 : 0);
	n = strndup(name, name_len);
	while (len && isspace((unsigned char)value[len - 1]))
		len--;
	v = strndup(value, len);
	if (!n || !v)
		return -ENOMEM;
	for (char *c = n; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return sw_options_set(map, n, v);
}

static int read_options(struct loader *l, const char *p)
{
	int r;

	while (*p) {
		p += strspn(p, "[, \t\n");
		if (!*p)
			break;
		r = read_option(&l->given, &p);
		if (r < 0)
			return r;
		p += strspn(p, " \t\n");
		if (*p == ']')
			p += 1 + strspn(p + 1, " \t\n");
		else if (*p != ',')
			return -EINVAL;
	}
	return 0;
}

/* "OPTION, FILE:LINE", or the option alone where it was not written in a file. */
static char *where_of(const struct loader *l, const char *option)
{
	const char *place = sw_ini_place(l->ini, definition, option);
	char *where;

	return asprintf(&where, place ? "%s, %s" : "%s", option, place) < 0 ? NULL : where;
}

/* Adds it to an error that has a sentence; r. */
static int tell_where(const struct loader *l, const char *option, int r)
{
	_free_ char *where = r < 0 && l->err->len ? where_of(l, option) : NULL;

	if (where)
		sw_strbuf_printf(l->err, " (%s)", where);
	return r;
}

/* ---- [Definition] and [Init] together */

static int ask_definition(struct loader *l)
{
	for (size_t i = 0; i < SW_ARRAY_SIZE(asked); i++) {
		_free_ char *value = NULL;
		int r;

		if (sw_options_get(l->given, asked[i]))
			continue;
		r = sw_ini_get(l->ini, definition, asked[i], l->given, &value, l->err);
		if (r == -ENOENT)
			continue;
		if (!r)
			r = sw_options_set(&l->all, asked[i], value);
		if (r < 0)
			return tell_where(l, asked[i], r);
	}
	return 0;
}

/* Options of [Init] are defaults for those in brackets, and go before those of [Definition]. */
static int ask_init(struct loader *l)
{
	const struct sw_ini_section *s = sw_ini_section(l->ini, "Init");

	for (const struct sw_ini_option *o = s ? s->options : NULL; o; o = o->hh.next) {
		_free_ char *value = NULL, *known = NULL;
		int r = sw_ini_get(l->ini, "Init", o->name, NULL, &value, l->err);

		if (!r && asprintf(&known, "known/%s", o->name) < 0)
			r = -ENOMEM;
		if (!r)
			r = sw_options_set(&l->all, known, value);
		if (!r && !sw_options_get(l->given, o->name))
			r = sw_options_set(&l->all, o->name, value);
		if (r < 0)
			return r;
	}
	return 0;
}

static int take_given(struct loader *l)
{
	int r = 0;

	for (const struct sw_ini_option *o = l->given; o && !r; o = o->hh.next) {
		r = sw_options_set(&l->all, o->name, o->value);
		if (sw_streq(o->name, "family"))
			snprintf(l->condition, sizeof(l->condition), "?family=%.100s", o->value);
	}
	return r;
}

/* ---- <name> within values */

/* The innermost "<name>" at or after pos: neither space nor angle within. */
static bool find_tag(
	const struct sw_strbuf *b, size_t pos, size_t *ret_pos, char tag[static TAG_MAX])
{
	while (pos < b->len) {
		const char *open = memchr(b->text + pos, '<', b->len - pos);
		size_t len;

		if (!open)
			return false;
		len = strcspn(open + 1, "<> ");
		if (open[len + 1] == '>' && len && len < TAG_MAX) {
			memcpy(tag, open + 1, len);
			tag[len] = 0;
			*ret_pos = (size_t)(open - b->text);
			return true;
		}
		pos = (size_t)(open - b->text) + 1;
	}
	return false;
}

/* The value of a tag, -ENOENT when it is none of ours: <HOST> and Python's (?P<name>…) stay. */
static int tag_value(struct loader *l, const char *tag, char **ret)
{
	char conditional[2 * TAG_MAX];
	const char *value = NULL;

	if (l->condition[0]) {
		snprintf(conditional, sizeof(conditional), "%s%s", tag, l->condition);
		value = sw_options_get(l->all, conditional);
	}
	if (!value)
		value = sw_options_get(l->all, tag);
	if (value) {
		*ret = strdup(value);
		return *ret ? 0 : -ENOMEM;
	}
	/* Python looks options up in lower case; a tag in capitals is never one. */
	for (const char *c = tag; *c; c++)
		if (isupper((unsigned char)*c) && !strchr(tag, '/'))
			return -ENOENT;
	return sw_ini_get(l->ini, definition, tag, l->given, ret, l->err);
}

static int substitute(struct loader *l, const char *name, struct sw_strbuf *b)
{
	unsigned int steps = 0;
	char tag[TAG_MAX];
	bool is_changed = true;

	for (int pass = 0; is_changed && pass < PASSES_MAX; pass++) {
		size_t pos = 0, at;

		is_changed = false;
		while (find_tag(b, pos, &at, tag)) {
			_free_ char *value = NULL;
			int r = tag_value(l, tag, &value);

			if (r == -ENOENT) {
				pos = at + 1;
				continue;
			}
			if (r < 0)
				return r;
			if (sw_streq(tag, name) || ++steps > REPLACE_MAX ||
				b->len > SW_INI_VALUE_MAX) {
				sw_strbuf_printf(l->err,
					"<%s> is put into itself without end", tag);
				return -ELOOP;
			}
			sw_strbuf_splice(b, at, strlen(tag) + 2, value);
			pos = at;
			is_changed = true;
		}
	}
	return b->is_failed ? -ENOMEM : 0;
}

static int resolve(struct loader *l, const char *name, struct sw_strbuf *ret)
{
	const char *value = sw_options_get(l->all, name);

	sw_strbuf_puts(ret, value ? value : "");
	return tell_where(l, name, substitute(l, name, ret));
}

/* ---- to a filter */

static int add_text(struct sw_f2b_list *l, const char *text, size_t len)
{
	char **more = realloc(l->text, (l->n + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	l->text = more;
	more[l->n] = strndup(text, len);
	return more[l->n] ? (l->n++, 0) : -ENOMEM;
}

/* Lines of an option, without the empty ones. */
static int take_lines(struct loader *l, const char *name, struct sw_f2b_list *ret)
{
	_strbuf_ struct sw_strbuf b = {};
	int r = resolve(l, name, &b);
	size_t len;

	ret->where = where_of(l, name);
	if (!ret->where)
		return -ENOMEM;
	for (const char *p = sw_strbuf_get(&b); !r && *p; p += len) {
		len = strcspn(p, "\n");
		if (strspn(p, " \t") < len)
			r = ret->n < SW_F2B_RULES_MAX ? add_text(ret, p, len) : -E2BIG;
		if (p[len])
			len++;
	}
	if (r == -E2BIG)
		sw_strbuf_printf(l->err, "more than %d lines (%s)", SW_F2B_RULES_MAX, ret->where);
	return r;
}

static int take_prefregex(struct loader *l, struct sw_f2b_filter *f)
{
	_strbuf_ struct sw_strbuf b = {};
	int r = resolve(l, "prefregex", &b);

	if (r < 0 || !b.len)
		return r;
	f->prefregex = TAKE_PTR(b.text);
	f->prefregex_where = where_of(l, "prefregex");
	return f->prefregex_where ? 0 : -ENOMEM;
}

static int take_maxlines(struct loader *l, struct sw_f2b_filter *f)
{
	_strbuf_ struct sw_strbuf b = {};
	int r = resolve(l, "maxlines", &b);
	char *end = NULL;
	unsigned long n;

	f->maxlines = 1;
	if (r < 0 || !b.len)
		return r;
	n = strtoul(b.text, &end, 10);
	if (end == b.text || *end || n < 1 || n > SW_F2B_MAXLINES_MAX) {
		sw_strbuf_printf(l->err, "maxlines is '%s': a number from 1 to %d is wanted",
			b.text, SW_F2B_MAXLINES_MAX);
		return tell_where(l, "maxlines", -EINVAL);
	}
	f->maxlines = (unsigned int)n;
	return 0;
}

static int fill(struct loader *l, struct sw_f2b_filter *f)
{
	int r = take_prefregex(l, f);

	if (!r)
		r = take_maxlines(l, f);
	if (!r)
		r = take_lines(l, "failregex", &f->failregex);
	if (!r)
		r = take_lines(l, "ignoreregex", &f->ignoreregex);
	if (!r)
		r = take_lines(l, "datepattern", &f->datepattern);
	if (!r)
		r = take_lines(l, "journalmatch", &f->journalmatch);
	if (!r && !f->failregex.n) {
		sw_strbuf_puts(l->err, "it has no failregex");
		return -EINVAL;
	}
	return r;
}

static int load(struct loader *l, const char *path, struct sw_f2b_filter **ret)
{
	_cleanup_(sw_f2b_freep) struct sw_f2b_filter *f = calloc(1, sizeof(*f));
	const char *slash = strrchr(path, '/');
	int r;

	if (!f)
		return -ENOMEM;
	f->name = strdup(slash ? slash + 1 : path);
	if (!f->name)
		return -ENOMEM;
	if (strrchr(f->name, '.'))
		*strrchr(f->name, '.') = 0;
	r = sw_ini_read(&l->ini, path, l->err);
	if (!r)
		r = ask_definition(l);
	if (!r)
		r = ask_init(l);
	if (!r)
		r = take_given(l);
	if (!r)
		r = fill(l, f);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(f);
	return 0;
}

int sw_f2b_load(struct sw_f2b_filter **ret, const char *spec, struct sw_strbuf *err)
{
	struct loader l = {.err = err};
	size_t len = strcspn(spec, "[");
	char path[PATH_MAX];
	int r;

	if ((size_t)snprintf(path, sizeof(path), "%.*s", (int)len, spec) >= sizeof(path) - 5)
		return -ENAMETOOLONG;
	if (access(path, F_OK) < 0 && !strstr(path, ".conf"))
		strcat(path, ".conf");
	r = read_options(&l, spec + len);
	if (r == -EINVAL)
		sw_strbuf_printf(err, "'%s': [name=value,…] is wanted", spec + len);
	if (!r)
		r = load(&l, path, ret);
	sw_options_free(&l.given);
	sw_options_free(&l.all);
	sw_ini_free(l.ini);
	return r;
}

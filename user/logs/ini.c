// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/logs/ini.h"

#include <ctype.h>
#include <fcntl.h>

#include "user/logs/ini_file.h"

/* [A?cond]: option "name" of it is option "name?cond" of [A]. */
static void condition_name(struct sw_strbuf *out, const char *name, const char *cond)
{
	sw_strbuf_reset(out);
	sw_strbuf_puts(out, name);
	sw_strbuf_puts(out, cond);
}

/* The option of that name, made where there is none; NULL: no memory. */
static struct sw_ini_option *option_of(struct sw_ini_option **map, const char *name)
{
	struct sw_ini_option *o;

	HASH_FIND_STR(*map, name, o);
	if (o)
		return o;
	o = calloc(1, sizeof(*o));
	if (o)
		o->name = strdup(name);
	if (!o || !o->name) {
		free(o);
		return NULL;
	}
	HASH_ADD_KEYPTR(hh, *map, o->name, strlen(o->name), o);
	return o;
}

int sw_options_put(struct sw_ini_option **map, const char *name, const char *value, const char *place)
{
	_free_ char *copy = strdup(value), *at = place ? strdup(place) : NULL;
	struct sw_ini_option *o;

	if (!copy || (place && !at))
		return -ENOMEM;
	o = option_of(map, name);
	if (!o)
		return -ENOMEM;
	free(o->value);
	free(o->place);
	o->value = TAKE_PTR(copy);
	o->place = TAKE_PTR(at);
	return 0;
}

int sw_options_set(struct sw_ini_option **map, const char *name, const char *value)
{
	return sw_options_put(map, name, value, NULL);
}

const char *sw_options_get(struct sw_ini_option *map, const char *name)
{
	struct sw_ini_option *o;

	HASH_FIND_STR(map, name, o);
	return o ? o->value : NULL;
}

void sw_options_free(struct sw_ini_option **map)
{
	struct sw_ini_option *o, *next;

	HASH_ITER (hh, *map, o, next) {
		HASH_DEL(*map, o);
		free(o->name);
		free(o->value);
		free(o->place);
		free(o);
	}
}

void sw_strbuf_splice(struct sw_strbuf *b, size_t pos, size_t len, const char *text)
{
	struct sw_strbuf out = {.is_failed = b->is_failed};

	sw_strbuf_add(&out, b->text, pos);
	sw_strbuf_puts(&out, text);
	sw_strbuf_add(&out, b->text + pos + len, b->len - pos - len);
	sw_strbuf_done(b);
	*b = out;
}

static void section_free(struct sw_ini_section *s)
{
	sw_options_free(&s->options);
	free(s->name);
	free(s);
}

void sw_ini_free(struct sw_ini *ini)
{
	struct sw_ini_section *s, *next;

	if (!ini)
		return;
	HASH_ITER (hh, ini->sections, s, next) {
		HASH_DEL(ini->sections, s);
		section_free(s);
	}
	free(ini);
}

void sw_ini_freep(struct sw_ini **ini)
{
	sw_ini_free(*ini);
}

const struct sw_ini_section *sw_ini_section(const struct sw_ini *ini, const char *name)
{
	struct sw_ini_section *s;

	HASH_FIND_STR(ini->sections, name, s);
	return s;
}

struct sw_ini_section *sw_ini_section_add(struct sw_ini *ini, const char *name)
{
	struct sw_ini_section *s = (struct sw_ini_section *)sw_ini_section(ini, name);

	if (s)
		return s;
	s = calloc(1, sizeof(*s));
	if (s)
		s->name = strdup(name);
	if (!s || !s->name) {
		free(s);
		return NULL;
	}
	HASH_ADD_KEYPTR(hh, ini->sections, s->name, strlen(s->name), s);
	return s;
}

/* What [known/…] will say of these options: the values they had before this file. */
static int keep_known(
	struct sw_ini *ini, const struct sw_ini_section *old, const struct sw_ini_option *new)
{
	_strbuf_ struct sw_strbuf name = {};
	struct sw_ini_section *known;
	const char *value;
	int r = 0;

	sw_strbuf_printf(&name, "KNOWN/%s", old->name);
	known = sw_ini_section_add(ini, sw_strbuf_get(&name));
	if (!known)
		return -ENOMEM;
	for (const struct sw_ini_option *o = new; o && !r; o = o->hh.next) {
		value = sw_options_get(old->options, o->name);
		if (value)
			r = sw_options_set(&known->options, o->name, value);
	}
	return r;
}

static int merge_section(struct sw_ini *ini, const struct sw_ini_section *s)
{
	const char *cond = strchr(s->name, '?');
	_free_ char *base = strndup(s->name, cond ? (size_t)(cond - s->name) : strlen(s->name));
	_strbuf_ struct sw_strbuf name = {};
	struct sw_ini_section *into;
	int r = 0;

	if (!base)
		return -ENOMEM;
	if (sw_ini_section(ini, base) && !cond && !sw_streq(base, "DEFAULT"))
		r = keep_known(ini, sw_ini_section(ini, base), s->options);
	into = sw_ini_section_add(ini, base);
	if (!into)
		return -ENOMEM;
	for (const struct sw_ini_option *o = s->options; o && !r; o = o->hh.next) {
		condition_name(&name, o->name, cond ? cond : "");
		r = sw_options_put(&into->options, sw_strbuf_get(&name), o->value, o->place);
	}
	return r;
}

const struct sw_ini_section *sw_ini_first(const struct sw_ini *ini)
{
	return ini->sections;
}

int sw_ini_merge(struct sw_ini *ini, const struct sw_ini *file)
{
	int r = 0;

	for (const struct sw_ini_section *s = file->sections; s && !r; s = s->hh.next)
		r = merge_section(ini, s);
	return r;
}

const char *sw_ini_place(const struct sw_ini *ini, const char *section, const char *name)
{
	const char *const sections[] = {section, "DEFAULT"};

	for (size_t i = 0; i < SW_ARRAY_SIZE(sections); i++) {
		const struct sw_ini_section *s = sw_ini_section(ini, sections[i]);
		struct sw_ini_option *o = NULL;

		if (s)
			HASH_FIND_STR(s->options, name, o);
		if (o)
			return o->place;
	}
	return NULL;
}

static const char *section_value(const struct sw_ini *ini, const char *section, const char *name)
{
	const struct sw_ini_section *s = sw_ini_section(ini, section);

	return s ? sw_options_get(s->options, name) : NULL;
}

/* The value of "section/name" or "known/name" as written, from the defaults where the section lacks it. */
static const char *qualified_value(const struct sw_ini *ini, const char *section, const char *name)
{
	const char *slash = strchr(name, '/'), *value = NULL;
	char where[256];

	if (strncasecmp(name, "known/", 6) == 0)
		snprintf(where, sizeof(where), "KNOWN/%s", section);
	else
		snprintf(where, sizeof(where), "%.*s", (int)(slash - name), name);
	if (strcasecmp(where, "default") != 0)
		value = section_value(ini, where, slash + 1);
	return value ? value : section_value(ini, "DEFAULT", slash + 1);
}

static const char *raw_value(
	const struct sw_ini *ini, const char *section, const char *name, struct sw_ini_option *vars)
{
	const char *value = sw_options_get(vars, name);

	if (!value && strchr(name, '/'))
		return qualified_value(ini, section, name);
	if (!value)
		value = section_value(ini, section, name);
	return value ? value : section_value(ini, "DEFAULT", name);
}

/* Replaces the %(name)s at pos. */
static int interpolate_one(const struct sw_ini *ini, const char *section,
	struct sw_ini_option *vars, struct sw_strbuf *b, size_t pos, struct sw_strbuf *err)
{
	const char *start = b->text + pos + 2, *end = strstr(start, ")s");
	_free_ char *name = NULL;
	const char *value;

	if (!end) {
		sw_strbuf_printf(err, "'%.40s' has no ')s'", b->text + pos);
		return -EINVAL;
	}
	name = strndup(start, (size_t)(end - start));
	if (!name)
		return -ENOMEM;
	for (char *p = strchr(name, '/') ? strchr(name, '/') : name; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	value = raw_value(ini, section, name, vars);
	if (!value) {
		sw_strbuf_printf(err, "'%%(%s)s' is not there to be put in", name);
		return -EINVAL;
	}
	sw_strbuf_splice(b, pos, (size_t)(end - start) + 4, value);
	return 0;
}

static int interpolate(const struct sw_ini *ini, const char *section, struct sw_ini_option *vars,
	struct sw_strbuf *b, struct sw_strbuf *err)
{
	size_t pos = 0;
	const char *p;
	int r;

	for (unsigned int steps = 0;
		(p = b->text ? memchr(b->text + pos, '%', b->len - pos) : NULL); steps++) {
		pos = (size_t)(p - b->text);
		if (steps > SW_INI_STEPS_MAX || b->len > SW_INI_VALUE_MAX) {
			sw_strbuf_puts(err, "values are put into each other without end");
			return -ELOOP;
		}
		if (p[1] == '%') {
			sw_strbuf_splice(b, pos, 1, "");
			pos++;
		} else if (p[1] == '(') {
			r = interpolate_one(ini, section, vars, b, pos, err);
			if (r < 0)
				return r;
		} else {
			sw_strbuf_printf(err, "a '%%' before '%.10s': it is written '%%%%'", p + 1);
			return -EINVAL;
		}
	}
	return b->is_failed ? -ENOMEM : 0;
}

int sw_ini_get(const struct sw_ini *ini, const char *section, const char *name,
	struct sw_ini_option *vars, char **ret, struct sw_strbuf *err)
{
	_strbuf_ struct sw_strbuf b = {};
	const char *value = raw_value(ini, section, name, vars);
	_free_ char *where = NULL;
	int r;

	if (!value && strncasecmp(name, "known/", 6) == 0)
		value = section_value(ini, section, name + 6);
	if (!value)
		return -ENOENT;
	/* A value that is named with its section sees that section's other values. */
	if (strchr(name, '/') && strncasecmp(name, "known/", 6) != 0) {
		where = strndup(name, strcspn(name, "/"));
		if (!where)
			return -ENOMEM;
	}
	sw_strbuf_puts(&b, value);
	r = interpolate(ini, where ? where : section, where ? NULL : vars, &b, err);
	if (r < 0)
		return r;
	*ret = b.text ? TAKE_PTR(b.text) : strdup("");
	b = (struct sw_strbuf){};
	return *ret ? 0 : -ENOMEM;
}

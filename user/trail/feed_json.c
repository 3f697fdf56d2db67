// SPDX-License-Identifier: GPL-3.0-or-later
/* Feeds in JSON: an object a line, one document by path, STIX patterns, MISP attributes. */
#include <jansson.h>

#include "user/trail/feed_private.h"

enum { PATH_DEPTH_MAX = 8 };

static void free_json(json_t **j)
{
	json_decref(*j);
}
#define _json_ _cleanup_(free_json)

enum { NUMBER_TEXT_MAX = 24 };

/* A member that is a string or a whole number, which buf holds then. */
static struct feed_span text_of(const json_t *o, const char *key, char buf[static NUMBER_TEXT_MAX])
{
	const json_t *s = *key ? json_object_get(o, key) : NULL;

	if (json_is_integer(s)) {
		snprintf(buf, NUMBER_TEXT_MAX, "%lld", (long long)json_integer_value(s));
		return (struct feed_span){buf, strlen(buf)};
	}
	if (!json_is_string(s))
		return (struct feed_span){};
	return (struct feed_span){json_string_value(s), json_string_length(s)};
}

/* The times of an entry's object; as feed_times'. */
static int take_times(struct sw_feed_reader *r, const json_t *o, const char *first, const char *last, const char *until)
{
	char buf[SW_FEED_TIMES][NUMBER_TEXT_MAX];
	const struct feed_span times[SW_FEED_TIMES] = {
		text_of(o, first, buf[SW_FEED_FIRST]),
		text_of(o, last, buf[SW_FEED_LAST]),
		text_of(o, until, buf[SW_FEED_UNTIL]),
	};

	return feed_times(r, times);
}

static int take_string(struct sw_feed_reader *r, const json_t *value)
{
	r->counts.rows++;
	if (!json_is_string(value))
		return feed_value(r, "!", 1);
	return feed_value(r, json_string_value(value), json_string_length(value));
}

/* A value with the times of the object that it is an entry by; what is over is only counted. */
static int take_entry(struct sw_feed_reader *r, const json_t *value, const json_t *o)
{
	int is_over = take_times(r, o, r->form.times[SW_FEED_FIRST].name, r->form.times[SW_FEED_LAST].name,
		r->form.times[SW_FEED_UNTIL].name);

	if (is_over <= 0)
		return take_string(r, is_over < 0 ? NULL : value);
	r->counts.rows++;
	r->counts.filtered++;
	return feed_skip(r);
}

/* ---- an object a line */

int feed_json_line(struct sw_feed_reader *r, const char *line, size_t len)
{
	json_error_t error;
	_json_ json_t *o = json_loadb(line, len, 0, &error);
	const json_t *value, *total;

	if (r->is_over)
		return feed_refuse(
			r, -EBADMSG, "something follows the last line, which counts the entries");
	value = json_object_get(o, r->form.paths[0]);
	total = r->form.trailer[0] ? json_object_get(o, r->form.trailer) : NULL;
	if (!value && json_is_integer(total)) {
		r->is_over = true;
		feed_total(
			r, json_integer_value(total) < 0 ? 0 : (uint64_t)json_integer_value(total));
		return feed_skip(r);
	}
	return take_entry(r, value, o);
}

/* ---- one document by path */

/*
 * Calls itself once a step of the path, which is ours, not the text's. entry: the element of the last list on the way,
 * whose members are the times; before the first the document.
 */
static int walk(struct sw_feed_reader *r, const json_t *at, const json_t *entry, const char *path, unsigned int depth)
{
	size_t len = strcspn(path, "."), i;
	const char *rest = path[len] ? path + len + 1 : "";
	bool is_array = len >= 2 && !strncmp(path + len - 2, "[]", 2);
	_free_ char *key = strndup(path, is_array ? len - 2 : len);
	const json_t *item;
	int error = 0;

	if (!key)
		return feed_refuse(r, -ENOMEM, "out of memory");
	if (depth > PATH_DEPTH_MAX)
		return feed_refuse(r, -EINVAL, "the path has too many steps");
	if (key[0])
		at = json_object_get(at, key);
	if (!at)
		return 0; /* an element without it: IPv4 prefixes have no ipv6Prefix */
	if (!is_array)
		return *rest ? walk(r, at, entry, rest, depth + 1) : take_entry(r, at, entry);
	if (!json_is_array(at))
		return feed_refuse(r, -EBADMSG, "'%s' is not a list", key);
	json_array_foreach(at, i, item)
	{
		error = *rest ? walk(r, item, item, rest, depth + 1) : take_entry(r, item, entry);
		if (error < 0)
			break;
	}
	return error;
}

static int take_paths(struct sw_feed_reader *r, const json_t *root)
{
	int error = 0;

	for (unsigned int i = 0; i < r->form.n_paths && !error; i++)
		error = walk(r, root, root, r->form.paths[i], 0);
	return error;
}

/* ---- STIX */

/* 'text' with \' and \\ inside; the end behind it, NULL when it has none. */
static const char *take_literal(const char *at, struct sw_strbuf *ret)
{
	if (*at++ != '\'')
		return NULL;
	for (; *at && *at != '\''; at++) {
		if (*at == '\\' && at[1])
			at++;
		sw_strbuf_putc(ret, *at);
	}
	return *at ? at + 1 : NULL;
}

static const char *skip_blanks(const char *at)
{
	return at + strspn(at, " \t\r\n[](");
}

/* One "ipv4-addr:value = '...'"; the end behind it, NULL when the pattern is something else. */
static const char *take_comparison(const char *at, struct sw_strbuf *ret)
{
	static const char *const kinds[] = {
		"ipv4-addr:value", "ipv6-addr:value", "domain-name:value", "url:value"};
	size_t n = 0;

	at = skip_blanks(at);
	for (size_t i = 0; i < SW_ARRAY_SIZE(kinds) && !n; i++)
		if (!strncmp(at, kinds[i], strlen(kinds[i])))
			n = strlen(kinds[i]);
	if (!n)
		return NULL;
	at += n + strspn(at + n, " ");
	if (*at++ != '=')
		return NULL;
	at += strspn(at, " ");
	return take_literal(at, ret);
}

/* An alternative of equalities gives each of them; whatever else a pattern is, it is not an address alone. */
static int take_pattern(struct sw_feed_reader *r, const char *pattern, bool is_dry)
{
	_strbuf_ struct sw_strbuf value = {};
	const char *at = pattern;
	int error = 0;

	do {
		sw_strbuf_reset(&value);
		at = take_comparison(at, &value);
		if (!at || value.is_failed)
			return -EINVAL;
		if (!is_dry) {
			r->counts.rows++;
			error = feed_value(r, sw_strbuf_get(&value), value.len);
		}
		at += strspn(at, " \t\r\n])");
		if (!*at)
			return error;
		if (strncmp(at, "OR ", 3) != 0)
			return -EINVAL;
		at += 3;
	} while (!error);
	return error;
}

static int take_stix(struct sw_feed_reader *r, const json_t *root)
{
	const json_t *objects = json_object_get(root, "objects"), *o;
	int error = 0, is_over;
	size_t i;

	if (!json_is_array(objects) && !(json_is_object(root) && !objects))
		return feed_refuse(
			r, -EBADMSG, "no list of objects: neither a bundle nor a TAXII answer");
	if (json_is_true(json_object_get(root, "more")))
		return feed_refuse(r, -EBADMSG,
			"the server says that there is more: ask it for the whole (limit)");
	json_array_foreach(objects, i, o)
	{
		const char *type = json_string_value(json_object_get(o, "type"));
		const char *pattern = json_string_value(json_object_get(o, "pattern"));

		if (!type || !sw_streq(type, "indicator") || !pattern)
			continue;
		is_over = take_times(r, o, "valid_from", "", "valid_until");
		if (is_over > 0 || json_is_true(json_object_get(o, "revoked")))
			r->counts.filtered++;
		else if (is_over < 0 || take_pattern(r, pattern, true) < 0)
			r->counts.others++;
		else
			error = take_pattern(r, pattern, false);
		if (error < 0)
			break;
	}
	return error;
}

/* ---- MISP */

static int take_attributes(struct sw_feed_reader *r, const json_t *list)
{
	const json_t *a;
	int error = 0;
	size_t i;

	json_array_foreach(list, i, a)
	{
		const char *type = json_string_value(json_object_get(a, "type"));
		const char *value = json_string_value(json_object_get(a, "value"));

		if (!type || !value)
			continue;
		if (!json_is_true(json_object_get(a, "to_ids"))) {
			r->counts.filtered++;
		} else if (sw_streq(type, "ip-src") || sw_streq(type, "ip-dst")) {
			r->counts.rows++;
			(void)take_times(r, a, "first_seen", "last_seen", "");
			error = feed_value(r, value, strlen(value));
		} else if (sw_streq(type, "ip-src|port") || sw_streq(type, "ip-dst|port")) {
			r->counts.ports++;
		} else if (sw_streq(type, "domain") || sw_streq(type, "hostname") ||
			sw_streq(type, "domain|ip")) {
			r->counts.domains++;
		} else if (sw_streq(type, "url") || sw_streq(type, "uri")) {
			r->counts.urls++;
		} else if (sw_streq(type, "md5") || sw_streq(type, "sha1") ||
			sw_streq(type, "sha256")) {
			r->counts.hashes++;
		} else {
			r->counts.others++;
		}
		if (error < 0)
			break;
	}
	return error;
}

static int take_event(struct sw_feed_reader *r, const json_t *wrapped)
{
	const json_t *event = json_object_get(wrapped, "Event"), *o;
	int error;
	size_t i;

	if (!json_is_object(event))
		return feed_refuse(r, -EBADMSG,
			"no Event: not a MISP event (a feed's manifest names its events' files)");
	error = take_attributes(r, json_object_get(event, "Attribute"));
	json_array_foreach(json_object_get(event, "Object"), i, o) if (!error) error =
		take_attributes(r, json_object_get(o, "Attribute"));
	return error;
}

static int take_misp(struct sw_feed_reader *r, const json_t *root)
{
	const json_t *list = json_is_array(root) ? root : json_object_get(root, "response"), *e;
	int error = 0;
	size_t i;

	if (!json_is_array(list))
		return take_event(r, root);
	json_array_foreach(list, i, e)
	{
		error = take_event(r, e);
		if (error < 0)
			break;
	}
	return error;
}

int feed_json_document(struct sw_feed_reader *r)
{
	json_error_t error;
	_json_ json_t *root = json_loadb(sw_strbuf_get(&r->text), r->text.len, 0, &error);
	_strbuf_ struct sw_strbuf why = {};

	if (!root) {
		sw_strbuf_safe(&why, error.text, strnlen(error.text, 100));
		return feed_refuse(
			r, -EBADMSG, "line %d: not JSON: %s", error.line, sw_strbuf_get(&why));
	}
	sw_strbuf_done(&r->text);
	if (r->form.kind == SW_FEED_STIX)
		return take_stix(r, root);
	return r->form.kind == SW_FEED_MISP ? take_misp(r, root) : take_paths(r, root);
}

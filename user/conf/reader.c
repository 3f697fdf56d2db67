// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/conf/reader.h"

#include <assert.h>

#include "user/conf/conf.h"
#include "user/conf/value.h"

enum { KEY_SHOWN = 64 };

void sw_conf_set_fallback(const struct sw_conf_row *row, void *target)
{
	_strbuf_ struct sw_strbuf why = {};
	int r;

	if (!row->fallback)
		return;
	r = sw_conf_value_set(row, target, row->fallback, &why);
	assert(r == 0); /* a default that its own row refuses is a mistake in the table */
	(void)r;
}

static void report_at(struct sw_conf_reader *p, unsigned int line, unsigned int col,
	const char *key, const char *what)
{
	if (p->n_errors++ >= SW_CONF_ERRORS_MAX)
		return;
	sw_strbuf_printf(p->errors, "%s:%u:%u: ", p->file, line, col);
	sw_strbuf_safe(p->errors, key, strnlen(key, SW_CONF_KEY_MAX));
	sw_strbuf_printf(p->errors, ": %s\n", what);
}

void sw_conf_report(
	struct sw_conf_reader *p, const struct sw_conf_node *n, const char *key, const char *what)
{
	report_at(p, n->line, n->col, key, what);
}

static const char *kind_word(const struct sw_conf_node *n)
{
	static const char *const words[] = {"a single value", "a list", "a section"};

	return words[n->kind];
}

/* "wants TYPE, not a list" */
void sw_conf_report_kind(struct sw_conf_reader *p, const struct sw_conf_node *n, const char *key,
	const struct sw_conf_row *row)
{
	_strbuf_ struct sw_strbuf what = {};

	sw_strbuf_puts(&what, "wants ");
	if (row)
		sw_conf_describe_type(row, &what);
	else
		sw_strbuf_puts(&what, "a section of keys");
	sw_strbuf_printf(&what, ", not %s", kind_word(n));
	sw_conf_report(p, n, key, sw_strbuf_get(&what));
}

struct sw_conf_node *sw_conf_at(const struct sw_conf_reader *p, int id)
{
	return &p->tree.nodes[id];
}

void sw_conf_join_key(char buf[static SW_CONF_KEY_MAX], const char *section, const char *name)
{
	snprintf(
		buf, SW_CONF_KEY_MAX, "%.90s%s%.*s", section, *section ? "." : "", KEY_SHOWN, name);
}

/* Walks a map's pairs: false at the end. A key that is no scalar, or was there before, is told and passed over. */
bool sw_conf_next_pair(struct sw_conf_reader *p, const struct sw_conf_node *map,
	const char *section, int *at, int *ret_value)
{
	while (*at >= 0) {
		const struct sw_conf_node *key = sw_conf_at(p, *at);
		char full[SW_CONF_KEY_MAX], what[64];
		bool is_good = key->kind == SW_CONF_SCALAR;

		if (!is_good)
			sw_conf_report(
				p, key, *section ? section : "top level", "a key must be a word");
		for (int i = map->first; is_good && sw_conf_at(p, i) != key;
			i = sw_conf_at(p, sw_conf_at(p, i)->next)->next) {
			const struct sw_conf_node *before = sw_conf_at(p, i);

			if (before->kind == SW_CONF_SCALAR && sw_streq(before->text, key->text)) {
				sw_conf_join_key(full, section, key->text);
				snprintf(what, sizeof(what), "given twice; the first is in line %u",
					before->line);
				sw_conf_report(p, key, full, what);
				is_good = false;
			}
		}
		*ret_value = key->next;
		if (is_good)
			return true;
		*at = sw_conf_at(p, key->next)->next;
	}
	return false;
}

void sw_conf_step_pair(const struct sw_conf_reader *p, int *at)
{
	*at = sw_conf_at(p, sw_conf_at(p, *at)->next)->next;
}

/* A list of words as the text that has commas between them. */
static bool read_parts(struct sw_conf_reader *p, const struct sw_conf_row *row, void *target,
	const struct sw_conf_node *list, const char *key)
{
	_strbuf_ struct sw_strbuf text = {}, why = {};

	for (int at = list->first; at >= 0; at = sw_conf_at(p, at)->next) {
		const struct sw_conf_node *v = sw_conf_at(p, at);

		if (v->kind != SW_CONF_SCALAR || sw_conf_node_is_null(v)) {
			sw_conf_report_kind(p, v, key, row);
			return false;
		}
		sw_strbuf_printf(&text, "%s%s", text.len ? ", " : "", v->text);
	}
	if (sw_conf_value_set(row, target, sw_strbuf_get(&text), &why) < 0) {
		sw_conf_report(p, list, key, sw_strbuf_get(&why));
		return false;
	}
	return true;
}

bool sw_conf_read_scalar(struct sw_conf_reader *p, const struct sw_conf_row *row, void *target,
	const struct sw_conf_node *v, const char *key)
{
	_strbuf_ struct sw_strbuf why = {};

	if (v->kind == SW_CONF_LIST && row->type == SW_CONF_PARTS)
		return read_parts(p, row, target, v, key);
	if (v->kind != SW_CONF_SCALAR) {
		sw_conf_report_kind(p, v, key, row);
		return false;
	}
	if (sw_conf_node_is_null(v))
		return true; /* left empty: the default stays */
	if (sw_conf_value_set(row, target, v->text, &why) < 0) {
		sw_conf_report(p, v, key, sw_strbuf_get(&why));
		return false;
	}
	return true;
}

const struct sw_conf_row *sw_conf_find_sub(const struct sw_conf_row *rows, const char *name)
{
	for (; rows->key; rows++) {
		if (sw_streq(rows->key, name))
			return rows;
	}
	return NULL;
}

void sw_conf_report_unknown(struct sw_conf_reader *p, const struct sw_conf_row *rows,
	const struct sw_conf_node *key, const char *full)
{
	const char *words[16], *near;
	char what[96];
	size_t n = 0;

	for (; rows->key && n < SW_ARRAY_SIZE(words); rows++)
		words[n++] = rows->key;
	near = sw_nearest(key->text, words, n);
	snprintf(
		what, sizeof(what), near ? "unknown key: did you mean '%s'?" : "unknown key", near);
	sw_conf_report(p, key, full, what);
}

/* One element of a list of maps, at its defaults. True when every key was right and those that must be there are. */
bool sw_conf_read_element(struct sw_conf_reader *p, const struct sw_conf_row *rows, void *target,
	const struct sw_conf_node *map, const char *name)
{
	unsigned int before = p->n_errors;
	__u32 seen = 0;
	int value;

	for (int at = map->first; sw_conf_next_pair(p, map, name, &at, &value);
		sw_conf_step_pair(p, &at)) {
		const struct sw_conf_node *key = sw_conf_at(p, at), *v = sw_conf_at(p, value);
		const struct sw_conf_row *row = sw_conf_find_sub(rows, key->text);
		char full[SW_CONF_KEY_MAX];

		sw_conf_join_key(full, name, key->text);
		if (!row) {
			sw_conf_report_unknown(p, rows, key, full);
			continue;
		}
		if (!sw_conf_node_is_null(v))
			seen |= 1u << (row - rows);
		sw_conf_read_scalar(p, row, target, v, full);
	}
	for (const struct sw_conf_row *row = rows; row->key; row++) {
		if (!row->fallback && !(seen & 1u << (row - rows))) {
			char what[64];

			snprintf(what, sizeof(what), "'%s' is missing", row->key);
			sw_conf_report(p, map, name, what);
		}
	}
	return p->n_errors == before;
}

int sw_conf_reader_open(struct sw_conf_reader *p, const char *text, size_t len)
{
	_strbuf_ struct sw_strbuf why = {};
	struct sw_conf_place place = {};
	int r = sw_conf_tree_read(text, len, &p->tree, &place, &why);

	if (r == -EINVAL)
		report_at(p, place.line, place.col, "yaml", sw_strbuf_get(&why));
	return r;
}

int sw_conf_reader_close(struct sw_conf_reader *p)
{
	sw_conf_tree_done(&p->tree);
	if (p->n_errors > SW_CONF_ERRORS_MAX)
		sw_strbuf_printf(
			p->errors, "%s: and %u more\n", p->file, p->n_errors - SW_CONF_ERRORS_MAX);
	return p->n_errors ? -EINVAL : 0;
}

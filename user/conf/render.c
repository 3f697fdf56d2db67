// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/conf/conf.h"

#include "user/base/cidr.h"
#include "user/base/json.h"
#include "user/conf/value.h"

enum { INDENT = 2, SECTION_DEPTH_MAX = 4, PREFIX_MAX = 96 };

static void put_indent(struct sw_strbuf *out, size_t depth)
{
	for (size_t i = 0; i < depth * INDENT; i++)
		sw_strbuf_putc(out, ' ');
}

static size_t depth_of(const char *key)
{
	size_t n = 0;

	for (; *key; key++)
		n += *key == '.';
	return n;
}

static const char *last_part(const char *key)
{
	const char *dot = strrchr(key, '.');

	return dot ? dot + 1 : key;
}

/* The first n parts of key. */
static void cut_key(char buf[static PREFIX_MAX], const char *key, size_t n)
{
	size_t len = 0;

	for (; key[len]; len++) {
		if (key[len] == '.' && n-- == 1)
			break;
	}
	snprintf(buf, PREFIX_MAX, "%.*s", (int)len, key);
}

/* Calls fn for each section that begins between the row before and this one. */
static void each_new_section(const char *before, const char *key, void (*fn)(const char *, struct sw_strbuf *),
	struct sw_strbuf *out)
{
	for (size_t n = 1; n <= depth_of(key); n++) {
		char now[PREFIX_MAX], then[PREFIX_MAX];

		cut_key(now, key, n);
		cut_key(then, before, n);
		if (depth_of(before) < n || !sw_streq(now, then))
			fn(now, out);
	}
}

static void put_comment(struct sw_strbuf *out, size_t depth, const char *text)
{
	enum { WIDTH = 96 };

	while (*text) {
		size_t n = strlen(text), room = WIDTH - depth * INDENT;

		if (n > room) {
			for (n = room; n && text[n] != ' '; n--)
				;
		}
		put_indent(out, depth);
		sw_strbuf_printf(out, "# %.*s\n", (int)n, text);
		text += n + (text[n] == ' ');
	}
}

static void put_example(struct sw_strbuf *out, size_t depth, const char *lines)
{
	while (*lines) {
		size_t n = strcspn(lines, "\n");

		put_indent(out, depth);
		sw_strbuf_printf(out, "#   %.*s\n", (int)n, lines);
		lines += n + (lines[n] == '\n');
	}
}

static void begin_default_section(const char *section, struct sw_strbuf *out)
{
	size_t depth = depth_of(section);

	sw_strbuf_putc(out, '\n');
	put_comment(out, depth, sw_conf_section_help(section));
	put_indent(out, depth);
	sw_strbuf_printf(out, "%s:\n", last_part(section));
}

static void put_default_row(const struct sw_conf_row *row, struct sw_strbuf *out)
{
	_strbuf_ struct sw_strbuf type = {};
	size_t depth = depth_of(row->key);

	put_comment(out, depth, row->help);
	if (row->type != SW_CONF_HABIT) { /* whose default shows what it takes */
		sw_strbuf_puts(&type, "Takes ");
		sw_conf_describe_type(row, &type);
		sw_strbuf_putc(&type, '.');
		put_comment(out, depth, sw_strbuf_get(&type));
	}
	if (sw_conf_element_rows(row)) {
		for (const struct sw_conf_row *s = sw_conf_element_rows(row); s->key; s++) {
			_strbuf_ struct sw_strbuf line = {};

			sw_strbuf_printf(&line, "%s - %s", s->key, s->help);
			if (s->fallback && *s->fallback)
				sw_strbuf_printf(&line, " Default: %s.", s->fallback);
			put_comment(out, depth, sw_strbuf_get(&line));
		}
	}
	put_indent(out, depth);
	sw_strbuf_printf(out, "#%s: ", last_part(row->key));
	if (sw_conf_is_list(row))
		sw_strbuf_puts(out, "[]");
	else if (row->type == SW_CONF_HABIT)
		sw_strbuf_puts(out, row->fallback);
	else
		sw_conf_put_scalar(out, row->fallback);
	sw_strbuf_putc(out, '\n');
	if (row->example)
		put_example(out, depth, row->example);
}

void sw_conf_render_default(struct sw_strbuf *out)
{
	const char *before = "";

	sw_strbuf_puts(out,
		"# sockwarden's settings. Each is shown at its default and commented out: take the '#' away to\n"
		"# change one. 'sockwarden config check' reads this file without touching the daemon, and\n"
		"# 'sockwarden config explain KEY' says more. Made from the table of settings; a test holds it equal.\n");
	for (const struct sw_conf_row *row = sw_conf_rows; row->key; row++) {
		size_t len = out->len;

		each_new_section(before, row->key, begin_default_section, out);
		if (out->len == len)
			sw_strbuf_putc(out, '\n');
		put_default_row(row, out);
		before = row->key;
	}
}

static void begin_section(const char *section, struct sw_strbuf *out)
{
	put_indent(out, depth_of(section));
	sw_strbuf_printf(out, "%s:\n", last_part(section));
}

static void put_elements(const struct sw_conf_row *rows, const void *base, size_t size, __u32 n, size_t depth,
	struct sw_strbuf *out)
{
	for (__u32 i = 0; i < n; i++) {
		for (const struct sw_conf_row *r = rows; r->key; r++) {
			put_indent(out, depth);
			sw_strbuf_printf(out, "%s%s: ", r == rows ? "- " : "  ", r->key);
			sw_conf_value_get(r, (const char *)base + i * size, out);
			sw_strbuf_putc(out, '\n');
		}
	}
}

static void put_ports(const struct sw_config_ports *p, size_t depth, struct sw_strbuf *out)
{
	sw_strbuf_puts(out, p->n ? "\n" : " []\n");
	for (__u32 i = 0; i < p->n; i++) {
		put_indent(out, depth);
		sw_strbuf_printf(out, p->at[i].first == p->at[i].last ? "- %u\n" : "- %u-%u\n", p->at[i].first,
			p->at[i].last);
	}
}

static void put_codes(
	const struct sw_conf_row *row, const struct sw_config_codes *p, size_t depth, struct sw_strbuf *out)
{
	char text[16];

	sw_strbuf_puts(out, p->n ? "\n" : " []\n");
	for (__u32 i = 0; i < p->n; i++) {
		sw_conf_code_format(row, p->at[i], text);
		put_indent(out, depth);
		sw_strbuf_printf(out, "- %s\n", text);
	}
}

static void put_flags(const struct sw_conf_row *row, __u32 flags, size_t depth, struct sw_strbuf *out)
{
	sw_strbuf_puts(out, flags ? "\n" : " []\n");
	for (size_t i = 0; i < row->words->n; i++) {
		if (!(flags & 1U << (row->words->first + i)))
			continue;
		put_indent(out, depth);
		sw_strbuf_printf(out, "- %s\n", row->words->words[i]);
	}
}

static const struct sw_config_sock_rules *sock_rules_of(const struct sw_config *c, const struct sw_conf_row *row)
{
	return (const void *)((const char *)c + row->offset);
}

static __u32 count_of(const struct sw_config *c, const struct sw_conf_row *row)
{
	switch (row->type) {
	case SW_CONF_NETS:
		return c->n_allow;
	case SW_CONF_PATHS:
		return row->offset == offsetof(struct sw_config, trail_dirs) ? c->n_trail_dirs
									     : c->n_trail_files;
	case SW_CONF_FEEDS:
		return c->n_feeds;
	case SW_CONF_BANNERS:
		return c->n_decoy_banners;
	case SW_CONF_RULES:
		return c->n_rules;
	case SW_CONF_ACTIONS:
		return c->n_actions;
	case SW_CONF_PROXIES:
		return c->trusted_proxies.n;
	case SW_CONF_SOCK_RULES:
		return sock_rules_of(c, row)->n;
	case SW_CONF_GEO_RULES:
		return c->n_geo_rules;
	default:
		return c->n_ifaces;
	}
}

static void put_list(const struct sw_config *c, const struct sw_conf_row *row, struct sw_strbuf *out)
{
	size_t depth = depth_of(row->key) + 1;
	__u32 n = count_of(c, row);
	char net[SW_NET_TEXT_MAX];

	if (row->type == SW_CONF_PORTS) {
		put_ports((const void *)((const char *)c + row->offset), depth, out);
		return;
	}
	if (row->type == SW_CONF_COUNTRIES || row->type == SW_CONF_ASNS) {
		put_codes(row, (const void *)((const char *)c + row->offset), depth, out);
		return;
	}
	if (row->type == SW_CONF_FLAGS) {
		put_flags(row, *(const __u32 *)((const char *)c + row->offset), depth, out);
		return;
	}
	if (!n) {
		sw_strbuf_puts(out, " []\n");
		return;
	}
	sw_strbuf_putc(out, '\n');
	if (row->type == SW_CONF_FEEDS)
		put_elements(sw_conf_feed_rows, c->feeds, sizeof(c->feeds[0]), n, depth, out);
	if (row->type == SW_CONF_BANNERS)
		put_elements(sw_conf_banner_rows, c->decoy_banners, sizeof(c->decoy_banners[0]), n, depth, out);
	if (row->type == SW_CONF_RULES)
		put_elements(sw_conf_rule_rows, c->rules, sizeof(c->rules[0]), n, depth, out);
	if (row->type == SW_CONF_ACTIONS)
		put_elements(sw_conf_action_rows, c->actions, sizeof(c->actions[0]), n, depth, out);
	if (row->type == SW_CONF_SOCK_RULES)
		put_elements(sw_conf_sock_rule_rows, sock_rules_of(c, row)->at, sizeof(struct sw_config_sock_rule), n,
			depth, out);
	if (row->type == SW_CONF_GEO_RULES)
		put_elements(sw_conf_geo_rule_rows, c->geo_rules, sizeof(c->geo_rules[0]), n, depth, out);
	if (row->type == SW_CONF_IFACES)
		put_elements(sw_conf_iface_rows, c->ifaces, sizeof(c->ifaces[0]), n, depth, out);
	for (__u32 i = 0; !sw_conf_element_rows(row) && i < n; i++) {
		put_indent(out, depth);
		sw_strbuf_puts(out, "- ");
		sw_conf_put_scalar(out,
			row->type == SW_CONF_NETS      ? sw_cidr_format(net, &c->allow[i])
			: row->type == SW_CONF_PROXIES ? sw_cidr_format(net, &c->trusted_proxies.at[i])
						       : (const char *)c + row->offset + i * sizeof(c->trail_files[0]));
		sw_strbuf_putc(out, '\n');
	}
}

void sw_conf_render(const struct sw_config *c, struct sw_strbuf *out)
{
	const char *before = "";

	for (const struct sw_conf_row *row = sw_conf_rows; row->key; row++) {
		each_new_section(before, row->key, begin_section, out);
		put_indent(out, depth_of(row->key));
		sw_strbuf_printf(out, "%s:", last_part(row->key));
		if (sw_conf_is_list(row)) {
			put_list(c, row, out);
		} else {
			sw_strbuf_putc(out, ' ');
			sw_conf_value_get(row, c, out);
			sw_strbuf_putc(out, '\n');
		}
		before = row->key;
	}
}

static void explain_row(const struct sw_conf_row *row, const char *key, struct sw_strbuf *out)
{
	_strbuf_ struct sw_strbuf type = {};

	sw_conf_describe_type(row, &type);
	sw_strbuf_printf(out, "%s\n  %s\n  Takes: %s.\n", key, row->help, sw_strbuf_get(&type));
	if (row->fallback)
		sw_strbuf_printf(out, "  Default: %s\n", *row->fallback ? row->fallback : "empty");
	else
		sw_strbuf_printf(out, "  Default: %s\n", sw_conf_is_list(row) ? "none" : "none; it must be given");
}

static void explain_list(const struct sw_conf_row *row, struct sw_strbuf *out)
{
	const struct sw_conf_row *sub = sw_conf_element_rows(row);

	if (row->example) {
		sw_strbuf_printf(out, "  Example:\n    %s:\n", last_part(row->key));
		for (const char *l = row->example; *l; l += strcspn(l, "\n") + 1)
			sw_strbuf_printf(out, "      %.*s\n", (int)strcspn(l, "\n"), l);
	}
	for (; sub && sub->key; sub++) {
		char key[PREFIX_MAX];

		snprintf(key, sizeof(key), "%s[].%s", row->key, sub->key);
		sw_strbuf_putc(out, '\n');
		explain_row(sub, key, out);
	}
}

int sw_conf_explain(const char *key, struct sw_strbuf *out)
{
	const struct sw_conf_row *row = sw_conf_find(key);
	size_t n = strlen(key);
	char buf[PREFIX_MAX], section[PREFIX_MAX] = "";
	const char *near;

	if (row) {
		explain_row(row, key, out);
		explain_list(row, out);
		return 0;
	}
	if (sw_conf_is_section(key)) {
		sw_strbuf_printf(out, "%s\n  %s\n", key, sw_conf_section_help(key));
		for (row = sw_conf_rows; row->key; row++) {
			if (!strncmp(row->key, key, n) && row->key[n] == '.')
				sw_strbuf_printf(out, "  %-30s %s\n", row->key, row->help);
		}
		return 0;
	}
	if (strrchr(key, '.'))
		snprintf(section, sizeof(section), "%.*s", (int)(strrchr(key, '.') - key), key);
	near = sw_conf_suggest(sw_conf_is_section(section) ? section : "", last_part(key), buf, sizeof(buf));
	if (near)
		sw_strbuf_puts(out, near);
	return -ENOENT;
}

/* ---- JSON Schema */

static void schema_words(struct sw_json *j, const struct sw_conf_words *w)
{
	sw_json_array_begin(j, "enum");
	for (size_t i = 0; i < w->n; i++)
		sw_json_string(j, NULL, w->words[i]);
	sw_json_array_end(j);
}

static void schema_type(struct sw_json *j, const struct sw_conf_row *row)
{
	static const char *const patterns[] = {
		[SW_CONF_DURATION] = "^(forever|([0-9]+[wdhms]?)+)$",
		[SW_CONF_SIZE_MB] = "^[0-9]+[MGT]$",
		[SW_CONF_TEXT] = "^[^-]?.*$",
		[SW_CONF_NAME] = "^[A-Za-z0-9_][A-Za-z0-9._-]*$",
		[SW_CONF_PATH] = "^(/.+)?$",
		[SW_CONF_ADDRESS] = "^[0-9a-fA-F.:]+$",
		[SW_CONF_HTTPS] = "^https://",
		[SW_CONF_SMTP] = "^(smtps?://.*)?$",
		[SW_CONF_HOOK] = "^(https?://.*)?$",
		[SW_CONF_PATTERN] = "^[^ /:]+$",
		[SW_CONF_COMMAND] = "^(/.+)?$",
		[SW_CONF_HOURS] = "^([A-Za-z0-9:;, -]*)$",
		[SW_CONF_MARK] = "^(0x[0-9a-fA-F]{1,8}|[0-9]+)(/(0x[0-9a-fA-F]{1,8}|[0-9]+))?$",
		[SW_CONF_CALENDAR] = "^([a-z0-9:, -]*)$",
		[SW_CONF_PARTS] = "^[A-Za-z0-9/, -]*$",
	};

	if (row->type == SW_CONF_BOOL) {
		sw_json_string(j, "type", "boolean");
	} else if (row->type == SW_CONF_U32 || row->type == SW_CONF_U64) {
		sw_json_string(j, "type", "integer");
		sw_json_uint(j, "minimum", row->min);
		sw_json_uint(j, "maximum", row->max);
	} else if (row->type == SW_CONF_WORD) {
		schema_words(j, row->words);
	} else {
		sw_json_array_begin(j, "type");
		sw_json_string(j, NULL, "string");
		if (row->type == SW_CONF_DURATION || row->type == SW_CONF_PARTS)
			sw_json_string(j, NULL, "integer");
		if (row->type == SW_CONF_PARTS)
			sw_json_string(j, NULL, "array");
		sw_json_array_end(j);
		sw_json_string(j, "pattern", patterns[row->type]);
	}
}

static void schema_default(struct sw_json *j, const struct sw_conf_row *row)
{
	if (!row->fallback)
		return;
	if (row->type == SW_CONF_BOOL || row->type == SW_CONF_U32 || row->type == SW_CONF_U64)
		sw_json_raw(j, "default", row->fallback);
	else
		sw_json_string(j, "default", row->fallback);
}

static void schema_begin_object(struct sw_json *j, const char *key, const char *help)
{
	if (key)
		sw_json_object_begin(j, key);
	sw_json_string(j, "description", help);
	sw_json_array_begin(j, "type");
	sw_json_string(j, NULL, "object");
	sw_json_string(j, NULL, "null");
	sw_json_array_end(j);
	sw_json_bool(j, "additionalProperties", false);
	sw_json_object_begin(j, "properties");
}

static void schema_end_object(struct sw_json *j)
{
	sw_json_object_end(j);
	sw_json_object_end(j);
}

/* A list that may be left out, up to the description of its items, an object that is open then. */
static void begin_list(struct sw_json *j, const struct sw_conf_row *row, const char *key)
{
	sw_json_object_begin(j, key);
	sw_json_string(j, "description", row->help);
	sw_json_array_begin(j, "type");
	sw_json_string(j, NULL, "array");
	sw_json_string(j, NULL, "null");
	sw_json_array_end(j);
	sw_json_uint(j, "maxItems", row->max);
	sw_json_object_begin(j, "items");
}

static void schema_nets(struct sw_json *j, const struct sw_conf_row *row)
{
	begin_list(j, row, row->key);
	sw_json_string(j, "type", "string");
	sw_json_object_end(j);
	sw_json_object_end(j);
}

/* Without the defaults of its parts: they are the rule's. */
static void schema_habit(struct sw_json *j, const struct sw_conf_row *row, const char *key)
{
	schema_begin_object(j, key, row->help);
	for (const struct sw_conf_row *sub = sw_conf_habit_rows; sub->key; sub++) {
		struct sw_conf_row part = *sub;

		if (sub->type == SW_CONF_NETS) {
			schema_nets(j, sub);
			continue;
		}
		if (sub->type == SW_CONF_U32)
			part.max = row->max;
		sw_json_object_begin(j, sub->key);
		sw_json_string(j, "description", sub->help);
		schema_type(j, &part);
		sw_json_object_end(j);
	}
	schema_end_object(j);
}

static void schema_scalar(struct sw_json *j, const struct sw_conf_row *row, const char *key)
{
	sw_json_object_begin(j, key);
	sw_json_string(j, "description", row->help);
	schema_type(j, row);
	schema_default(j, row);
	sw_json_object_end(j);
}

static void schema_element(struct sw_json *j, const struct sw_conf_row *row)
{
	const struct sw_conf_row *sub = sw_conf_element_rows(row);

	sw_json_object_begin(j, NULL);
	sw_json_string(j, "type", "object");
	sw_json_bool(j, "additionalProperties", false);
	sw_json_array_begin(j, "required");
	for (const struct sw_conf_row *s = sub; s->key; s++) {
		if (!s->fallback)
			sw_json_string(j, NULL, s->key);
	}
	sw_json_array_end(j);
	sw_json_object_begin(j, "properties");
	for (const struct sw_conf_row *s = sub; s->key; s++)
		schema_scalar(j, s, s->key);
	sw_json_object_end(j);
	sw_json_object_end(j);
}

static void schema_list(struct sw_json *j, const struct sw_conf_row *row, const char *key)
{
	begin_list(j, row, key);
	sw_json_array_begin(j, "anyOf");
	if (row->type != SW_CONF_FEEDS && row->type != SW_CONF_BANNERS && row->type != SW_CONF_RULES &&
		row->type != SW_CONF_ACTIONS && row->type != SW_CONF_SOCK_RULES && row->type != SW_CONF_GEO_RULES) {
		sw_json_object_begin(j, NULL);
		if (row->type == SW_CONF_PORTS || row->type == SW_CONF_ASNS) {
			sw_json_array_begin(j, "type");
			sw_json_string(j, NULL, "integer");
			sw_json_string(j, NULL, "string");
			sw_json_array_end(j);
		} else if (row->type == SW_CONF_FLAGS) {
			schema_words(j, row->words);
		} else {
			sw_json_string(j, "type", "string");
		}
		sw_json_object_end(j);
	}
	if (sw_conf_element_rows(row))
		schema_element(j, row);
	sw_json_array_end(j);
	sw_json_object_end(j);
	sw_json_object_end(j);
}

/* Number of parts that two keys share, of those that are sections. */
static size_t shared_depth(const char *a, const char *b)
{
	size_t n = 0, max = SW_MIN(depth_of(a), depth_of(b));
	char pa[PREFIX_MAX], pb[PREFIX_MAX];

	for (; n < max; n++) {
		cut_key(pa, a, n + 1);
		cut_key(pb, b, n + 1);
		if (!sw_streq(pa, pb))
			break;
	}
	return n;
}

void sw_conf_render_schema(struct sw_strbuf *out)
{
	struct sw_json j;
	const char *before = "";
	size_t open = 0;

	sw_json_init(&j, out);
	sw_json_object_begin(&j, NULL);
	sw_json_string(&j, "$schema", "https://json-schema.org/draft/2020-12/schema");
	sw_json_string(&j, "title", "sockwarden.yaml");
	schema_begin_object(&j, NULL, "Settings of sockwarden.");
	for (const struct sw_conf_row *row = sw_conf_rows; row->key; row++) {
		size_t shared = shared_depth(before, row->key);

		for (; open > shared; open--)
			schema_end_object(&j);
		for (; open < depth_of(row->key); open++) {
			char section[PREFIX_MAX];

			cut_key(section, row->key, open + 1);
			schema_begin_object(&j, last_part(section), sw_conf_section_help(section));
		}
		if (sw_conf_is_list(row))
			schema_list(&j, row, last_part(row->key));
		else if (row->type == SW_CONF_HABIT)
			schema_habit(&j, row, last_part(row->key));
		else
			schema_scalar(&j, row, last_part(row->key));
		before = row->key;
	}
	for (; open > 0; open--)
		schema_end_object(&j);
	schema_end_object(&j);
	sw_strbuf_putc(out, '\n');
}

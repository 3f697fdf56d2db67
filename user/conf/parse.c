// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/conf/conf.h"

#include <assert.h>

#include "user/base/cidr.h"
#include "user/conf/tree.h"
#include "user/conf/feed.h"
#include "user/conf/value.h"

enum { KEY_MAX = 160, KEY_SHOWN = 64 };

/* One parse: where it reads from, where it writes to, what was wrong. */
struct parse {
	const char *file;
	struct sw_conf_tree tree;
	struct sw_config *conf;
	struct sw_strbuf *errors;
	unsigned int n_errors;
};

static void set_fallback(const struct sw_conf_row *row, void *target)
{
	_strbuf_ struct sw_strbuf why = {};
	int r;

	if (!row->fallback)
		return;
	r = sw_conf_value_set(row, target, row->fallback, &why);
	assert(r == 0); /* a default that its own row refuses is a mistake in the table */
	(void)r;
}

void sw_conf_defaults(struct sw_config *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (const struct sw_conf_row *row = sw_conf_rows; row->key; row++)
		set_fallback(row, ret);
}

static void report(struct parse *p, unsigned int line, unsigned int col, const char *key, const char *what)
{
	if (p->n_errors++ >= SW_CONF_ERRORS_MAX)
		return;
	sw_strbuf_printf(p->errors, "%s:%u:%u: ", p->file, line, col);
	sw_strbuf_safe(p->errors, key, strnlen(key, KEY_MAX));
	sw_strbuf_printf(p->errors, ": %s\n", what);
}

static void report_node(struct parse *p, const struct sw_conf_node *n, const char *key, const char *what)
{
	report(p, n->line, n->col, key, what);
}

static const char *kind_word(const struct sw_conf_node *n)
{
	static const char *const words[] = {"a single value", "a list", "a section"};

	return words[n->kind];
}

/* "wants TYPE, not a list" */
static void report_kind(struct parse *p, const struct sw_conf_node *n, const char *key, const struct sw_conf_row *row)
{
	_strbuf_ struct sw_strbuf what = {};

	sw_strbuf_puts(&what, "wants ");
	if (row)
		sw_conf_describe_type(row, &what);
	else
		sw_strbuf_puts(&what, "a section of keys");
	sw_strbuf_printf(&what, ", not %s", kind_word(n));
	report_node(p, n, key, sw_strbuf_get(&what));
}

static struct sw_conf_node *node(const struct parse *p, int id)
{
	return &p->tree.nodes[id];
}

static void join_key(char buf[static KEY_MAX], const char *section, const char *name)
{
	snprintf(buf, KEY_MAX, "%.90s%s%.*s", section, *section ? "." : "", KEY_SHOWN, name);
}

/* Walks a map's pairs: false at the end. A key that is no scalar, or was there before, is told and passed over. */
static bool next_pair(struct parse *p, const struct sw_conf_node *map, const char *section, int *at, int *ret_value)
{
	while (*at >= 0) {
		const struct sw_conf_node *key = node(p, *at);
		char full[KEY_MAX], what[64];
		bool is_good = key->kind == SW_CONF_SCALAR;

		if (!is_good)
			report_node(p, key, *section ? section : "top level", "a key must be a word");
		for (int i = map->first; is_good && node(p, i) != key; i = node(p, node(p, i)->next)->next) {
			const struct sw_conf_node *before = node(p, i);

			if (before->kind == SW_CONF_SCALAR && sw_streq(before->text, key->text)) {
				join_key(full, section, key->text);
				snprintf(what, sizeof(what), "given twice; the first is in line %u", before->line);
				report_node(p, key, full, what);
				is_good = false;
			}
		}
		*ret_value = key->next;
		if (is_good)
			return true;
		*at = node(p, key->next)->next;
	}
	return false;
}

static void step_pair(const struct parse *p, int *at)
{
	*at = node(p, node(p, *at)->next)->next;
}

static bool set_scalar(struct parse *p, const struct sw_conf_row *row, void *target, const struct sw_conf_node *v,
	const char *key)
{
	_strbuf_ struct sw_strbuf why = {};

	if (v->kind != SW_CONF_SCALAR) {
		report_kind(p, v, key, row);
		return false;
	}
	if (sw_conf_node_is_null(v))
		return true; /* left empty: the default stays */
	if (sw_conf_value_set(row, target, v->text, &why) < 0) {
		report_node(p, v, key, sw_strbuf_get(&why));
		return false;
	}
	return true;
}

static const struct sw_conf_row *find_sub(const struct sw_conf_row *rows, const char *name)
{
	for (; rows->key; rows++) {
		if (sw_streq(rows->key, name))
			return rows;
	}
	return NULL;
}

static void report_unknown_sub(struct parse *p, const struct sw_conf_row *rows, const struct sw_conf_node *key,
	const char *full)
{
	const char *words[16], *near;
	char what[96];
	size_t n = 0;

	for (; rows->key && n < SW_ARRAY_SIZE(words); rows++)
		words[n++] = rows->key;
	near = sw_nearest(key->text, words, n);
	snprintf(what, sizeof(what), near ? "unknown key: did you mean '%s'?" : "unknown key", near);
	report_node(p, key, full, what);
}

/* One element of a list of maps, at its defaults. True when every key was right and those that must be there are. */
static bool read_element(struct parse *p, const struct sw_conf_row *rows, void *target, const struct sw_conf_node *map,
	const char *name)
{
	unsigned int before = p->n_errors;
	__u32 seen = 0;
	int value;

	for (int at = map->first; next_pair(p, map, name, &at, &value); step_pair(p, &at)) {
		const struct sw_conf_node *key = node(p, at), *v = node(p, value);
		const struct sw_conf_row *row = find_sub(rows, key->text);
		char full[KEY_MAX];

		join_key(full, name, key->text);
		if (!row) {
			report_unknown_sub(p, rows, key, full);
			continue;
		}
		if (!sw_conf_node_is_null(v))
			seen |= 1u << (row - rows);
		set_scalar(p, row, target, v, full);
	}
	for (const struct sw_conf_row *row = rows; row->key; row++) {
		if (!row->fallback && !(seen & 1u << (row - rows))) {
			char what[64];

			snprintf(what, sizeof(what), "'%s' is missing", row->key);
			report_node(p, map, name, what);
		}
	}
	return p->n_errors == before;
}

static void read_iface(struct parse *p, const struct sw_conf_node *v, const char *name)
{
	struct sw_config *c = p->conf;
	struct sw_config_iface iface = {.hook = c->hook};
	bool is_good;

	for (const struct sw_conf_row *row = sw_conf_iface_rows; row->key; row++)
		set_fallback(row, &iface);
	iface.hook = c->hook;
	if (v->kind == SW_CONF_MAP) {
		bool has_hook = false;
		int value;

		for (int at = v->first; at >= 0; at = node(p, node(p, at)->next)->next) {
			value = node(p, at)->next;
			if (node(p, at)->kind == SW_CONF_SCALAR && sw_streq(node(p, at)->text, "hook"))
				has_hook = !sw_conf_node_is_null(node(p, value));
		}
		is_good = read_element(p, sw_conf_iface_rows, &iface, v, name);
		if (!has_hook)
			iface.hook = c->hook;
	} else {
		is_good = set_scalar(p, sw_conf_iface_rows, &iface, v, name);
	}
	for (__u32 i = 0; is_good && i < c->n_ifaces; i++) {
		if (sw_streq(c->ifaces[i].pattern, iface.pattern)) {
			report_node(p, v, name, "this device is in the list already");
			is_good = false;
		}
	}
	if (is_good)
		c->ifaces[c->n_ifaces++] = iface;
}

/* A feed that is described takes from there what the file leaves out. */
static void feed_defaults(struct parse *p, const struct sw_conf_node *map, struct sw_config_feed *feed)
{
	const char *name = "";

	for (int at = map->first; at >= 0; step_pair(p, &at)) {
		const struct sw_conf_node *key = node(p, at), *v = node(p, key->next);

		if (key->kind == SW_CONF_SCALAR && sw_streq(key->text, "name") && v->kind == SW_CONF_SCALAR)
			name = v->text;
	}
	sw_conf_feed_defaults(name, feed);
}

static void read_feed(struct parse *p, const struct sw_conf_node *v, const char *name)
{
	struct sw_config *c = p->conf;
	struct sw_config_feed feed = {};
	_strbuf_ struct sw_strbuf why = {};

	if (v->kind != SW_CONF_MAP) {
		report_node(p, v, name, "a feed wants the keys name and url");
		return;
	}
	feed_defaults(p, v, &feed);
	if (!read_element(p, sw_conf_feed_rows, &feed, v, name))
		return;
	if (sw_conf_feed_check(&feed, &why) < 0) {
		report_node(p, v, name, sw_strbuf_get(&why));
		return;
	}
	for (__u32 i = 0; i < c->n_feeds; i++) {
		if (sw_streq(c->feeds[i].name, feed.name)) {
			report_node(p, v, name, "another feed has this name already");
			return;
		}
	}
	c->feeds[c->n_feeds++] = feed;
}

static void read_net(struct parse *p, const struct sw_conf_node *v, const char *name)
{
	_strbuf_ struct sw_strbuf what = {};
	struct sw_net net;

	if (v->kind != SW_CONF_SCALAR) {
		report_node(p, v, name, "wants an address or a network");
	} else if (sw_cidr_parse(v->text, SIZE_MAX, &net) < 0) {
		sw_strbuf_putc(&what, '\'');
		sw_strbuf_safe(&what, v->text, strnlen(v->text, KEY_SHOWN));
		sw_strbuf_puts(&what, "' is not an address or a network such as 192.0.2.7 or 2001:db8::/32");
		report_node(p, v, name, sw_strbuf_get(&what));
	} else if (net.plen == 0) {
		report_node(p, v, name, "would allow every address there is");
	} else {
		p->conf->allow[p->conf->n_allow++] = net;
	}
}

static void read_ports(struct parse *p, const struct sw_conf_row *row, const struct sw_conf_node *v, const char *name)
{
	struct sw_config_ports *ports = (void *)((char *)p->conf + row->offset);
	_strbuf_ struct sw_strbuf why = {};

	if (v->kind != SW_CONF_SCALAR)
		report_node(p, v, name, "wants a port or a range of ports");
	else if (sw_conf_ports_parse(v->text, &ports->at[ports->n], &why) < 0)
		report_node(p, v, name, sw_strbuf_get(&why));
	else
		ports->n++;
}

static void read_banner(struct parse *p, const struct sw_conf_node *v, const char *name)
{
	struct sw_config *c = p->conf;
	struct sw_config_banner banner = {};

	if (v->kind != SW_CONF_MAP) {
		report_node(p, v, name, "a banner wants the keys port and text");
		return;
	}
	if (!read_element(p, sw_conf_banner_rows, &banner, v, name))
		return;
	for (__u32 i = 0; i < c->n_decoy_banners; i++) {
		if (c->decoy_banners[i].port == banner.port) {
			report_node(p, v, name, "this port has a banner already");
			return;
		}
	}
	c->decoy_banners[c->n_decoy_banners++] = banner;
}

static void read_path(struct parse *p, const struct sw_conf_node *v, const char *name)
{
	_strbuf_ struct sw_strbuf why = {};
	struct sw_config *c = p->conf;

	if (v->kind != SW_CONF_SCALAR)
		report_node(p, v, name, "wants an absolute path");
	else if (sw_conf_check_path(v->text, &why) < 0)
		report_node(p, v, name, sw_strbuf_get(&why));
	else if (!sw_strcpy(c->trail_files[c->n_trail_files], sizeof(c->trail_files[0]), v->text))
		report_node(p, v, name, "longer than 255 bytes");
	else
		c->n_trail_files++;
}

static void read_list(struct parse *p, const struct sw_conf_row *row, const struct sw_conf_node *list)
{
	int i = 0;

	if (sw_conf_node_is_null(list))
		return;
	if (list->kind != SW_CONF_LIST) {
		report_kind(p, list, row->key, row);
		return;
	}
	for (int at = list->first; at >= 0; at = node(p, at)->next, i++) {
		const struct sw_conf_node *v = node(p, at);
		char name[KEY_MAX];

		snprintf(name, sizeof(name), "%s[%d]", row->key, i + 1);
		if ((__u64)i >= row->max) {
			char what[64];

			snprintf(what, sizeof(what), "more than %llu entries", (unsigned long long)row->max);
			report_node(p, v, name, what);
			return;
		}
		if (row->type == SW_CONF_IFACES)
			read_iface(p, v, name);
		else if (row->type == SW_CONF_FEEDS)
			read_feed(p, v, name);
		else if (row->type == SW_CONF_NETS)
			read_net(p, v, name);
		else if (row->type == SW_CONF_PORTS)
			read_ports(p, row, v, name);
		else if (row->type == SW_CONF_BANNERS)
			read_banner(p, v, name);
		else
			read_path(p, v, name);
	}
}

static void report_unknown(struct parse *p, const struct sw_conf_node *key, const char *section, const char *full)
{
	char buf[KEY_MAX], what[KEY_MAX + 40];
	const char *near = sw_conf_suggest(section, key->text, buf, sizeof(buf));

	snprintf(what, sizeof(what), near ? "unknown key: did you mean '%s'?" : "unknown key", near);
	report_node(p, key, full, what);
}

/* A section's keys. Calls itself only for sections of the table, so its depth is the table's. */
static void read_section(struct parse *p, const struct sw_conf_node *map, const char *section)
{
	int value;

	if (sw_conf_node_is_null(map))
		return;
	if (map->kind != SW_CONF_MAP) {
		report_kind(p, map, *section ? section : "top level", NULL);
		return;
	}
	for (int at = map->first; next_pair(p, map, section, &at, &value); step_pair(p, &at)) {
		const struct sw_conf_node *key = node(p, at), *v = node(p, value);
		const struct sw_conf_row *row;
		char full[KEY_MAX];

		join_key(full, section, key->text);
		/* a dot in one key ("bans.length: 1h") is the path's, not YAML's: it names no section */
		row = strchr(key->text, '.') ? NULL : sw_conf_find(full);
		if (row && sw_conf_is_list(row))
			read_list(p, row, v);
		else if (row)
			set_scalar(p, row, p->conf, v, full);
		else if (!strchr(key->text, '.') && sw_conf_is_section(full))
			read_section(p, v, full);
		else
			report_unknown(p, key, section, full);
	}
}

/* The hook of devices without their own is read first, wherever it stands. */
static void read_common_hook(struct parse *p, const struct sw_conf_node *map)
{
	const struct sw_conf_row *row = sw_conf_find("hook");
	_strbuf_ struct sw_strbuf why = {};

	for (int at = map->kind == SW_CONF_MAP ? map->first : -1; at >= 0; step_pair(p, &at)) {
		const struct sw_conf_node *key = node(p, at), *v = node(p, key->next);

		if (key->kind == SW_CONF_SCALAR && sw_streq(key->text, "hook") && v->kind == SW_CONF_SCALAR &&
			!sw_conf_node_is_null(v))
			(void)sw_conf_value_set(row, p->conf, v->text, &why); /* told when it is its turn */
	}
}

static void check_together(struct parse *p, const struct sw_conf_node *root)
{
	const struct sw_config *c = p->conf;

	if (c->smtp_user[0] && !c->smtp_password_file[0])
		report_node(p, root, "alerts.mail.smtp", "user is set, but no password_file");
	if (c->decoy_tcp == SW_DECOY_TCP_LISTED && !c->decoy_tcp_ports.n && !c->decoy_preset)
		report_node(p, root, "decoys.tcp", "is 'listed', but decoys.tcp_ports lists none");
}

int sw_conf_parse(const char *file, const char *text, size_t len, struct sw_config *ret, struct sw_strbuf *errors)
{
	_free_ struct sw_config *conf = malloc(sizeof(*conf));
	struct parse p = {.file = file, .conf = conf, .errors = errors, .tree = {.root = -1}};
	_strbuf_ struct sw_strbuf why = {};
	struct sw_conf_place place = {};
	int r;

	if (!conf)
		return -ENOMEM;
	sw_conf_defaults(conf);
	r = sw_conf_tree_read(text, len, &p.tree, &place, &why);
	if (r == -EINVAL)
		report(&p, place.line, place.col, "yaml", sw_strbuf_get(&why));
	if (r < 0)
		return r;
	if (p.tree.root >= 0) {
		read_common_hook(&p, node(&p, p.tree.root));
		read_section(&p, node(&p, p.tree.root), "");
		if (!p.n_errors)
			check_together(&p, node(&p, p.tree.root));
	}
	sw_conf_tree_done(&p.tree);
	if (p.n_errors > SW_CONF_ERRORS_MAX)
		sw_strbuf_printf(errors, "%s: and %u more\n", file, p.n_errors - SW_CONF_ERRORS_MAX);
	if (p.n_errors)
		return -EINVAL;
	*ret = *conf;
	return 0;
}

// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/conf/tree.h"

#include <yaml.h>

/* One reading: the tree as far as it is built, and the collections that are open. */
struct reading {
	yaml_parser_t parser;
	struct sw_conf_tree tree;
	int open[SW_CONF_DEPTH_MAX];
	int depth;
	unsigned int documents;
	struct sw_conf_place place;
	struct sw_strbuf *why;
};

void sw_conf_tree_done(struct sw_conf_tree *t)
{
	for (int i = 0; i < t->n; i++)
		free(t->nodes[i].text);
	free(t->nodes);
	*t = (struct sw_conf_tree){.root = -1};
}

bool sw_conf_node_is_null(const struct sw_conf_node *n)
{
	return n->kind == SW_CONF_SCALAR && n->is_plain &&
	       (!*n->text || sw_streq(n->text, "~") || sw_streq(n->text, "null"));
}

static int refuse(struct reading *r, const yaml_mark_t *at, const char *why)
{
	r->place = (struct sw_conf_place){(unsigned int)at->line + 1, (unsigned int)at->column + 1};
	sw_strbuf_puts(r->why, why);
	return -EINVAL;
}

static int grow(struct sw_conf_tree *t)
{
	int cap = t->cap ? t->cap * 2 : 128;
	struct sw_conf_node *nodes = realloc(t->nodes, (size_t)cap * sizeof(*nodes));

	if (!nodes)
		return -ENOMEM;
	t->nodes = nodes;
	t->cap = cap;
	return 0;
}

static int add_node(struct reading *r, enum sw_conf_kind kind, const yaml_mark_t *at)
{
	struct sw_conf_tree *t = &r->tree;
	int id = t->n;

	if (t->n >= SW_CONF_NODES_MAX)
		return refuse(r, at, "more than 16384 entries: this is no configuration");
	if (t->n == t->cap && grow(t) < 0)
		return -ENOMEM;
	t->nodes[t->n++] = (struct sw_conf_node){.kind = kind, .line = (unsigned int)at->line + 1,
		.col = (unsigned int)at->column + 1, .first = -1, .last = -1, .next = -1};
	if (r->depth) {
		struct sw_conf_node *parent = &t->nodes[r->open[r->depth - 1]];

		if (parent->last >= 0)
			t->nodes[parent->last].next = id;
		else
			parent->first = id;
		parent->last = id;
		parent->count++;
	} else {
		t->root = id;
	}
	return id;
}

static int open_node(struct reading *r, enum sw_conf_kind kind, const yaml_mark_t *at)
{
	int id;

	if (r->depth == SW_CONF_DEPTH_MAX)
		return refuse(r, at, "nested too deep");
	id = add_node(r, kind, at);
	if (id < 0)
		return id;
	r->open[r->depth++] = id;
	return 0;
}

static int add_scalar(struct reading *r, const yaml_event_t *e)
{
	const char *text = (const char *)e->data.scalar.value;
	size_t len = e->data.scalar.length;
	int id;

	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return refuse(r, &e->start_mark, "a line break or another control character in a value");
	}
	id = add_node(r, SW_CONF_SCALAR, &e->start_mark);
	if (id < 0)
		return id;
	r->tree.nodes[id].text = strndup(text, len);
	r->tree.nodes[id].is_plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	return r->tree.nodes[id].text ? 0 : -ENOMEM;
}

/* Anchors and tags hang on scalars and collections alike. */
static bool has_extras(const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_SCALAR_EVENT:
		return e->data.scalar.anchor || e->data.scalar.tag;
	case YAML_SEQUENCE_START_EVENT:
		return e->data.sequence_start.anchor || e->data.sequence_start.tag;
	case YAML_MAPPING_START_EVENT:
		return e->data.mapping_start.anchor || e->data.mapping_start.tag;
	default:
		return e->type == YAML_ALIAS_EVENT;
	}
}

static int take_event(struct reading *r, const yaml_event_t *e)
{
	if (has_extras(e))
		return refuse(r, &e->start_mark, "anchors, aliases and tags are not used here");
	switch (e->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (r->documents++)
			return refuse(r, &e->start_mark, "a second document: there is only one configuration in a file");
		return 0;
	case YAML_SCALAR_EVENT:
		return add_scalar(r, e);
	case YAML_SEQUENCE_START_EVENT:
		return open_node(r, SW_CONF_LIST, &e->start_mark);
	case YAML_MAPPING_START_EVENT:
		return open_node(r, SW_CONF_MAP, &e->start_mark);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		r->depth--;
		return 0;
	default:
		return 0;
	}
}

/* Where byte offset lies, for errors of the reader, which knows no lines. */
static yaml_mark_t mark_of(const char *text, size_t len, size_t offset)
{
	yaml_mark_t m = {};

	for (size_t i = 0; i < offset && i < len; i++) {
		m.column = text[i] == '\n' ? 0 : m.column + 1;
		m.line += text[i] == '\n';
	}
	return m;
}

static int refuse_syntax(struct reading *r, const char *text, size_t len)
{
	const yaml_parser_t *p = &r->parser;
	yaml_mark_t at = p->problem_mark;

	if (p->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	if (p->error == YAML_READER_ERROR)
		at = mark_of(text, len, p->problem_offset);
	(void)refuse(r, &at, p->problem ? p->problem : "not readable as YAML");
	if (p->context)
		sw_strbuf_printf(r->why, " %s that begins in line %zu", p->context, p->context_mark.line + 1);
	return -EINVAL;
}

static int read_events(struct reading *r, const char *text, size_t len)
{
	for (;;) {
		yaml_event_t e;
		bool is_end;
		int k;

		if (!yaml_parser_parse(&r->parser, &e))
			return refuse_syntax(r, text, len);
		is_end = e.type == YAML_STREAM_END_EVENT || e.type == YAML_NO_EVENT;
		k = take_event(r, &e);
		yaml_event_delete(&e);
		if (k < 0)
			return k;
		if (is_end)
			return 0;
	}
}

int sw_conf_tree_read(const char *text, size_t len, struct sw_conf_tree *ret, struct sw_conf_place *ret_place,
	struct sw_strbuf *why)
{
	struct reading r = {.tree = {.root = -1}, .why = why};
	const yaml_mark_t start = {};
	int k;

	if (len > SW_CONF_BYTES_MAX) {
		(void)refuse(&r, &start, "larger than 1 MiB: this is no configuration");
		*ret_place = r.place;
		return -EINVAL;
	}
	if (!yaml_parser_initialize(&r.parser))
		return -ENOMEM;
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
	k = read_events(&r, text, len);
	yaml_parser_delete(&r.parser);
	if (k < 0) {
		sw_conf_tree_done(&r.tree);
		*ret_place = r.place;
		return k;
	}
	*ret = r.tree;
	return 0;
}

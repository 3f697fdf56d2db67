/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * YAML as a small tree that remembers where everything stood. Bounded in size, depth and number of
 * nodes; anchors, aliases, tags and second documents are refused, since a configuration needs none
 * and each is a way to surprise. The caller owns the tree (sw_conf_tree_done).
 */
#pragma once

#include "user/base/strbuf.h"

enum {
	SW_CONF_BYTES_MAX = 1 << 20, /* a configuration of more is no configuration */
	SW_CONF_NODES_MAX = 16384,
	SW_CONF_DEPTH_MAX = 8, /* the deepest key is four below the top */
};

enum sw_conf_kind { SW_CONF_SCALAR, SW_CONF_LIST, SW_CONF_MAP };

struct sw_conf_node {
	enum sw_conf_kind kind;
	bool is_plain;	     /* a scalar without quotes */
	unsigned int line, col; /* from 1 */
	char *text;	     /* scalar; NUL-ended, without control characters */
	int first, last, next; /* children and sibling, -1 for none; a map's children are key, value, key, ... */
	int count;
};

struct sw_conf_tree {
	struct sw_conf_node *nodes;
	int n, cap;
	int root; /* -1 for an empty document */
};

struct sw_conf_place {
	unsigned int line, col;
};

/* 0, -ENOMEM, or -EINVAL with where and what in *ret_place and why. */
int sw_conf_tree_read(const char *text, size_t len, struct sw_conf_tree *ret, struct sw_conf_place *ret_place,
	struct sw_strbuf *why);
void sw_conf_tree_done(struct sw_conf_tree *t);
/* True for a value that is left empty ("key:"), or is null or ~. */
bool sw_conf_node_is_null(const struct sw_conf_node *n);

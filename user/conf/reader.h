/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading YAML by tables of rows: a file's tree, walked, with what is wrong told as "FILE:LINE:COL: key: what". For
 * the configuration and for whatever else is written in its form. The caller owns the reader: open, walk, close.
 */
#pragma once

#include "user/conf/schema.h"
#include "user/conf/tree.h"

enum { SW_CONF_KEY_MAX = 160 };

struct sw_conf_reader {
	const char *file; /* for messages */
	struct sw_conf_tree tree;
	struct sw_strbuf *errors; /* a line each */
	unsigned int n_errors;
};

/* 0, -ENOMEM, or -EINVAL, told. */
int sw_conf_reader_open(struct sw_conf_reader *p, const char *text, size_t len);
/* Frees the tree. 0, or -EINVAL when anything was told. */
int sw_conf_reader_close(struct sw_conf_reader *p);

struct sw_conf_node *sw_conf_at(const struct sw_conf_reader *p, int id);
void sw_conf_report(
	struct sw_conf_reader *p, const struct sw_conf_node *n, const char *key, const char *what);
/* "wants TYPE, not a list"; row NULL: wants a section. */
void sw_conf_report_kind(struct sw_conf_reader *p, const struct sw_conf_node *n, const char *key,
	const struct sw_conf_row *row);
/* "section.name" */
void sw_conf_join_key(char buf[static SW_CONF_KEY_MAX], const char *section, const char *name);
/*
 * Walks a map's pairs, *at first the map's own first: false at the end. A key that is no scalar, or was there
 * before, is told and passed over.
 */
bool sw_conf_next_pair(struct sw_conf_reader *p, const struct sw_conf_node *map,
	const char *section, int *at, int *ret_value);
void sw_conf_step_pair(const struct sw_conf_reader *p, int *at);
/* Sets the row's field in target to the row's default, if it has one. */
void sw_conf_set_fallback(const struct sw_conf_row *row, void *target);
/* ... to what the file says; false when that was wrong, and told. */
bool sw_conf_read_scalar(struct sw_conf_reader *p, const struct sw_conf_row *row, void *target,
	const struct sw_conf_node *v, const char *key);
/* One element of a list of maps, at its defaults. True when every key was right and those that must be there are. */
bool sw_conf_read_element(struct sw_conf_reader *p, const struct sw_conf_row *rows, void *target,
	const struct sw_conf_node *map, const char *name);
/* The row of that key among rows, NULL when there is none. */
const struct sw_conf_row *sw_conf_find_sub(const struct sw_conf_row *rows, const char *name);
/* Tells of an unknown key, and of the one it is most like. */
void sw_conf_report_unknown(struct sw_conf_reader *p, const struct sw_conf_row *rows,
	const struct sw_conf_node *key, const char *full);

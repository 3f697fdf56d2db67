/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rows of JSON as people want them: an aligned table that fits the terminal, CSV, or JSON. What came
 * from outside is made safe for a terminal; colours only where the caller has them.
 */
#pragma once

#include "user/cli/cli.h"

enum sw_cli_column_flag {
	SW_COL_RIGHT = 1 << 0,	  /* numbers */
	SW_COL_WIDE = 1 << 1,	  /* only with -o wide and in CSV */
	SW_COL_FLEX = 1 << 2,	  /* may be cut to fit the terminal */
	SW_COL_TIME = 1 << 3,	  /* RFC 3339: shown without the T and the fraction */
	SW_COL_DURATION = 1 << 4, /* seconds */
	SW_COL_BYTES = 1 << 5,
	SW_COL_OPTIONAL = 1 << 6, /* left out of a table when no row has it */
	SW_COL_BLANK = 1 << 7,	  /* nothing where there is nothing, not "-" */
};

struct sw_cli_column {
	const char *title;
	const char *key; /* of the row; NULL with cell */
	unsigned int flags;
	void (*cell)(const json_t *row, struct sw_strbuf *out); /* instead of the key's value */
	const char *(*color)(const char *text); /* SGR parameters ("31"), or NULL for none */
};

/*
 * Prints the rows (an array; NULL counts as empty) under key of data in the format asked for: JSON
 * prints data whole, JSON lines each row. none: what to say when there are none. Columns end with title NULL.
 */
void sw_cli_print_rows(const struct sw_cli *c, const json_t *data, const char *key, const struct sw_cli_column *cols,
	const char *none);
/* A table without regard to the format asked for, indented; for parts of a screen. */
void sw_cli_table(const struct sw_cli *c, const json_t *rows, const struct sw_cli_column *cols, unsigned int indent);
/* True when data was printed as JSON (also of -o jsonl), so nothing else is to be. */
bool sw_cli_print_json(const struct sw_cli *c, const json_t *data);
/* One item of a stream as a JSON line, flushed. */
void sw_cli_print_item(const json_t *item);
/* The text of a value for a cell: "-" for null and what is missing, lists joined by ", ". */
void sw_cli_cell(const json_t *value, unsigned int flags, struct sw_strbuf *out);
/*
 * sw_strbuf_safe, but a backslash stays one: the engine has escaped its sentences already, and to do
 * it twice helps nobody.
 */
void sw_cli_safe(struct sw_strbuf *out, const char *text, size_t len);
/* text from outside, safe, on standard output in colour sgr (NULL: none). */
void sw_cli_put(const struct sw_cli *c, const char *sgr, const char *text);
/* The same after what takes indent columns, broken between words where the terminal ends; and the line's end. */
void sw_cli_put_wrapped(const struct sw_cli *c, const char *text, unsigned int indent);
/* Safe text in at most width columns: cut with an ellipsis where it is longer. */
void sw_cli_cut(const struct sw_cli *c, const char *text, size_t width, struct sw_strbuf *out);
/* Columns text takes on a terminal; text is valid UTF-8 without controls. */
size_t sw_cli_columns(const char *text, size_t len);
/* Red for what is bad, yellow for what wants care. */
const char *sw_cli_color_severity(const char *text);

/* Reads of a reply that may lack what is asked for. */
const char *sw_cli_text(const json_t *o, const char *key);
long long sw_cli_number(const json_t *o, const char *key);
/* True, a number above 0, or a text: what a verb says of something it did. */
bool sw_cli_is_yes(const json_t *o, const char *key);
bool sw_cli_true(const json_t *o, const char *key);

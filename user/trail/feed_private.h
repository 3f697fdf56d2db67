/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Among feed_read.c (lines and judging), feed_columns.c and feed_json.c; owned as feed_read.h says. */
#pragma once

#include "user/base/strbuf.h"
#include "user/trail/feed_read.h"
#include "user/trail/times.h"

enum { FEED_COLUMNS_MAX = 64 };

struct sw_feed_reader {
	struct sw_feed_form form;
	struct sw_trail_parser *parser;
	struct sw_feed_counts counts;
	bool may_be_empty;
	struct sw_strbuf text; /* the line or document under way */
	bool is_long; /* the line under way is dropped */
	int result;
	char why[192];
	bool has_total, is_over; /* the text has said how many rows it has; nothing may follow */
	uint64_t total;
	bool has_header;
	unsigned int value_at, plen_at, filter_at; /* columns from 1, once known; 0: none */
	unsigned int times_at[SW_FEED_TIMES];
	struct sw_trail_when when; /* of the values that come next */
	int64_t now_wall_sec;
};

struct feed_span {
	const char *at;
	size_t len;
};

int feed_refuse(struct sw_feed_reader *r, int error, const char *fmt, ...) _printf_(3, 4);
/* One value of a line; a line of which no value is taken is ended by feed_skip, so that lines are counted. */
int feed_value(struct sw_feed_reader *r, const char *text, size_t len);
int feed_skip(struct sw_feed_reader *r);
/*
 * Times of the values that come next, as their publisher writes them. What is empty or no time is not known; an
 * end that is no time makes the row bad. 0, -EINVAL for that; 1: it is over, and to be left out.
 */
int feed_times(struct sw_feed_reader *r, const struct feed_span times[static SW_FEED_TIMES]);
struct feed_span feed_strip(const char *text, size_t len);
/* The text's own number of rows. */
void feed_total(struct sw_feed_reader *r, uint64_t n);

/* feed_columns.c */
int feed_columns_line(struct sw_feed_reader *r, const char *line, size_t len);
/* feed_json.c */
int feed_json_line(struct sw_feed_reader *r, const char *line, size_t len);
int feed_json_document(struct sw_feed_reader *r);

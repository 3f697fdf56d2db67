/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One line of a trail text: what is it? Pure, no state, owns nothing; parse.h says what is understood. */
#pragma once

#include "sockwarden/model/addr.h"
#include "user/base/util.h"

enum sw_trail_line_kind {
	SW_TRAIL_LINE_NOTHING, /* blank or comment */
	SW_TRAIL_LINE_NET, /* net */
	SW_TRAIL_LINE_RANGE, /* from net to last, two hosts of one family, in order */
	SW_TRAIL_LINE_OTHER, /* a trail of another kind */
	SW_TRAIL_LINE_BAD,
};

struct sw_trail_line {
	enum sw_trail_line_kind kind;
	struct sw_net net, last;
	const char *text; /* OTHER: the trail, in the line; NULL: none */
	size_t len;
};

/* line: without its newline; no NUL inside. */
void sw_trail_line_read(const char *line, size_t len, struct sw_trail_line *ret);

/* What is shown of a line that is no trail, and what is said of it with its file and number. */
enum { SW_TRAIL_BAD_SHOWN = 40, SW_TRAIL_BAD_TEXT_MAX = 192 };
/* The line's beginning, printable whatever it held. */
void sw_trail_bad_text(char ret[static SW_TRAIL_BAD_SHOWN + 1], const char *line, size_t len);
/* "FILE line N: 'TEXT'", without the file where it is NULL; of a long path its end is told. */
void sw_trail_bad_say(
	char ret[static SW_TRAIL_BAD_TEXT_MAX], const char *file, uint64_t number, const char *line, size_t len);

/*
 * Takes the largest network off the front of the range from..last (hosts, from <= last). 1 when there
 * is more, with *from moved on; 0 when that was the last.
 */
int sw_trail_range_next(struct sw_net *from, const struct sw_net *last, struct sw_net *ret);

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The screen of `sockwarden top` as one text: no line is wider or lower than the terminal, whatever stands in it. */
#pragma once

#include "user/cli/cli.h"
#include "user/cli/top_rows.h"

enum { SW_TOP_PROMPT = 128 };

struct sw_top_screen {
	unsigned int width, height;
	enum sw_top_sort sort;
	char filter[SW_TOP_PROMPT];
	char prompt[SW_TOP_PROMPT + SW_TOP_TEXT]; /* in place of the keys; "" for none */
	bool is_paused;
	size_t top,
		selected; /* of the view: the first row on the screen, and the one keys are for */
	char name[SW_TOP_TEXT]; /* of the selected row; "" when there is none */
	bool is_address; /* it is one that can be banned */
};

/* Draws into out, and puts top, selected and name right for what there is. */
void sw_top_draw(const struct sw_cli *c, const struct sw_top *t, struct sw_top_screen *s,
	uint64_t now_ns, struct sw_strbuf *out);
/* One line of it without a terminal: for a log, or for watching over a pipe. */
void sw_top_line(const struct sw_top *t, struct sw_strbuf *out);
/* The same as JSON. */
void sw_top_json(const struct sw_top *t, const char *at, struct sw_strbuf *out);

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The last lines of a log, for rules that span several (maxlines, <SKIPLINES>): joined with newlines, so that one
 * expression sees all. What was matched is taken out, what was skipped over stays.
 */
#pragma once

#include "user/base/strbuf.h"
#include "user/logs/regex.h"

struct sw_window;

int sw_window_new(struct sw_window **ret, unsigned int max);
void sw_window_free(struct sw_window *w);
/* Adds a line, without its newline; the oldest leaves. 0 or -ENOMEM. */
int sw_window_push(struct sw_window *w, const char *line, size_t len);
void sw_window_clear(struct sw_window *w);
/* All lines, each with its newline; good until the next change. */
struct sw_span sw_window_text(struct sw_window *w);
/*
 * The lines that a match within sw_window_text touched, without the n parts of it that were skipped over: takes
 * them out of the window, and gives their text.
 */
struct sw_span sw_window_take(
	struct sw_window *w, struct sw_span match, const struct sw_span *skipped, size_t n);

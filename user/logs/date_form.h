/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One form of a date: a pattern with strftime's letters as an expression, and what its groups mean. */
#pragma once

#include "user/logs/date.h"

struct sw_date_form;

/* Also "EPOCH", "LEPOCH" and "TAI64N", "{^LN-BEG}" before any, "{UNB}" for no bounds, "**" for none on a side. */
int sw_date_form_new(struct sw_date_form **ret, struct sw_regex_pool *pool, const char *pattern,
	struct sw_strbuf *err);
void sw_date_form_free(struct sw_date_form *f);
const char *sw_date_form_pattern(const struct sw_date_form *f);
/* True when it can only match from the line's beginning on, or to its end. */
bool sw_date_form_is_bound(const struct sw_date_form *f);
/* True when nothing but two signs can stand before what is cut out. */
bool sw_date_form_is_first(const struct sw_date_form *f);
bool sw_date_form_match(struct sw_date_form *f, const char *line, size_t len, size_t *ret_start);
/* Where in the line its last match has "MM:SS", each of two digits; 0 when it has not. */
size_t sw_date_form_clock(const struct sw_date_form *f, const char *line);
/* What the last match, which matched this line, says. */
void sw_date_form_read(struct sw_date_form *f, const char *line, struct sw_date_cache *cache,
	int64_t now_sec, struct sw_date_match *ret, size_t *ret_start);

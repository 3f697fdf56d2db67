/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A trail list taken apart, trail by trail with file, line and citation, whatever it was made from; the
 * same list with one trail more or less; and as a text. Pure, owns nothing; in the command line.
 */
#pragma once

#include "user/trail/directory.h"

/* The first line of a list's text begins with this: it is read as static trails are, with citations. */
#define SW_TRAIL_EXPORT_SIGN "# sockwarden trail list "

/* Calls sink for each; addresses of a plain text come first, sorted. 0, the sink's error, -ENOMEM. */
int sw_trail_list_walk(const struct sw_trail_list *l, const struct sw_static_sink *sink);

struct sw_trail_edit {
	const struct sw_static_line *add, *remove; /* NULL: none */
	const char *file, *info, *citation; /* of add */
	int64_t now_wall_sec; /* what is over by then is left out; 0: nothing is */
	size_t n_removed; /* result */
	bool was_there; /* result: add took the place of the same trail */
};

/* old: NULL for none. Then sw_trail_list_build, unless nothing is left: -ENODATA. 0 or -errno as the parser's. */
int sw_trail_list_edit(
	const struct sw_trail_list *old, struct sw_trail_edit *edit, struct sw_trail_parser **ret);
/* The list as a text that imports again: 0 or -errno. */
int sw_trail_list_text(const struct sw_trail_list *l, struct sw_strbuf *out);

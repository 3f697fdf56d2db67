/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A directory of static trails (static_read.h), or one file of it, as a trail list: its networks and
 * ports as entries, and all of it with files, lines and citations as the list's text. Back from that
 * text to a static set. In the engine and the command line.
 */
#pragma once

#include "user/trail/list.h"
#include "user/trail/static.h"

/*
 * Reads what path holds; then sw_trail_list_build. *ret is set on a refusal too: its report tells.
 * 0, -ENODATA: no trail, -E2BIG, -EBADMSG: a network is too wide or a time none, -errno.
 */
int sw_trail_directory_read(
	const char *path, const struct sw_trail_rules *rules, struct sw_trail_parser **ret);

/*
 * Adds the trails of a list's text that are not over (now_wall_sec 0: all); number: what sw_static_about's list
 * says. info: of those that no file of the text has. Lines that are none are counted. 0 or -ENOMEM.
 */
int sw_static_add_list(struct sw_static *s, const struct sw_trail_view *v, uint32_t number,
	const char *info, const char *origin, bool is_except, int64_t now_wall_sec);

/* A static set's sink that writes a list's text, and its networks and ports into the parser. Group at first: -1. */
struct sw_trail_writer {
	struct sw_trail_parser *parser;
	struct sw_strbuf text;
	int64_t n_groups, group; /* the group under way */
};
int64_t sw_trail_writer_group(
	void *arg, const char *file, const char *info, const char *reference, const char *citation);
int sw_trail_writer_add(void *arg, const struct sw_static_line *l, uint32_t group, uint32_t line);
/* A trail as a text holds it: read again it is the same. */
void sw_trail_print(const struct sw_static_line *l, struct sw_strbuf *out);

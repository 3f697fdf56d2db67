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
 * 0, -ENODATA: no trail, -E2BIG, -EBADMSG: a network is too wide, -errno.
 */
int sw_trail_directory_read(
	const char *path, const struct sw_trail_rules *rules, struct sw_trail_parser **ret);

/*
 * Adds the trails of a list's text; number: what sw_static_about's list says. info: of those that no
 * file of the text has. Lines that are none are counted. 0 or -ENOMEM.
 */
int sw_static_add_list(struct sw_static *s, const struct sw_trail_view *v, uint32_t number,
	const char *info, const char *origin);

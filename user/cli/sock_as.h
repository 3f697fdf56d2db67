/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sockets as the tables of lsof(8), socklist, sockstat, netstat(8) and ss(8) show them. */
#pragma once

#include "user/cli/table.h"

struct sw_sock_view {
	const char *name;
	const struct sw_cli_column *columns;
	bool is_by_descriptor; /* a row for each descriptor, not for each socket */
	bool is_inet;	       /* leaves UNIX sockets out unless they are asked for */
	bool is_all;	       /* connections too, unless -l is given */
};

/* NULL: none of that name; *ret_near the nearest, or NULL. */
const struct sw_sock_view *sw_sock_view_find(const char *name, const char **ret_near);
/* Prints sockets (an array) in the view's table, or as CSV. */
void sw_sock_view_print(const struct sw_cli *c, const struct sw_sock_view *v, const json_t *sockets);
/* The word of a socket's protocol as those tools have it; borrowed. */
const char *sw_sock_protocol(const json_t *s);

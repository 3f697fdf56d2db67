/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which sockets of the engine's answer are wanted: ports as ":22", ":1-1024,8080", and what -i of
 * lsof(8) takes, "[46][tcp|udp|...][@ADDR][:PORTS]". Owned by the caller; no I/O but /etc/services.
 */
#pragma once

#include "user/cli/table.h"

enum { SW_PORT_SPANS_MAX = 16 };

struct sw_port_spans {
	unsigned int n;
	struct {
		uint16_t first, last;
	} at[SW_PORT_SPANS_MAX];
};

struct sw_sock_filter {
	const struct sw_cli_options *o;
	bool is_inet;	       /* -i was given */
	int family;	       /* 4, 6; 0: both */
	char protocol[8];      /* "tcp"; "": any */
	const char *address;   /* within -i's text, or NULL */
	struct sw_port_spans ports, inet_ports;
};

/* word: ":22" or NULL. 0, or -EINVAL with *ret_bad the text that is wrong. */
int sw_sock_filter_init(struct sw_sock_filter *f, const struct sw_cli_options *o, const char *word,
	const char **ret_bad);
/* One of the states is one that connections have when no process holds them; states: as --state takes them. */
bool sw_sock_states_are_unheld(const char *states);
bool sw_sock_filter_passes(const struct sw_sock_filter *f, const json_t *socket);
/* ":1-1024,http" after its colon. 0 or -EINVAL. */
int sw_port_spans_parse(const char *text, struct sw_port_spans *ret);

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What HTTP requests give away by themselves: attacks in path, headers and body, scanners' names. Pure. */
#pragma once

#include "sockwarden/pkt/flow.h"
#include "user/proto/http.h"

struct sw_web_attack {
	const char *token, *what; /* what it is, as a sentence's end */
};

/* NULL when there is none; constant. */
const struct sw_web_attack *sw_web_attack(const struct sw_http *h);
/* A scanner's name in a user agent, NULL when there is none. */
const char *sw_web_scanner(struct sw_http_text agent);
/* A program is asked for, by the ending of the path or by the processor that it is named for. */
bool sw_web_is_program(struct sw_http_text path);
/* True of private, shared, link-local and loopback addresses; of IPv4 in the first four bytes. */
bool sw_web_is_inside(unsigned int family, const union sw_flow_addr *a);

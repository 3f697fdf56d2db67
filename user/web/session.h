/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who is logged in to the page: a random cookie of 128 bits, kept as its hash, for twelve hours. Bounded;
 * the session nearest to its end makes room. Pure but for chance; in sockwarden-web's memory only.
 */
#pragma once

#include "user/base/util.h"

enum {
	SW_SESSIONS_MAX = 32,
	SW_SESSION_SEC = 12 * 3600,
	SW_SESSION_TEXT = 33, /* 32 hexadecimal digits and NUL */
};

struct sw_sessions {
	struct {
		uint8_t hash[32];
		uint64_t until_ns; /* boot time; 0: free */
	} rows[SW_SESSIONS_MAX];
};

int sw_session_make(struct sw_sessions *s, uint64_t now_ns, char ret[static SW_SESSION_TEXT]);
/* text: the cookie's value, NULL for none. */
bool sw_session_is_good(const struct sw_sessions *s, uint64_t now_ns, const char *text);

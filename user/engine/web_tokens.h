/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One-time links to the page: a token has 128 bits, is valid once and for ten minutes, and is kept as
 * its hash only. Pure but for chance; verb_web.c owns the one table of the engine.
 */
#pragma once

#include "user/base/util.h"

enum {
	SW_WEB_TOKENS_MAX = 16, /* links that wait; the oldest makes room */
	SW_WEB_TOKEN_SEC = 600,
};

struct sw_web_tokens {
	struct {
		uint8_t hash[32];
		uint64_t until_ns; /* 0: free */
	} rows[SW_WEB_TOKENS_MAX];
};
enum { SW_WEB_TOKEN_TEXT = 33 }; /* 32 hexadecimal digits and NUL */
int sw_web_token_make(struct sw_web_tokens *t, uint64_t now_ns, char ret[static SW_WEB_TOKEN_TEXT]);
/* True once for each token that is not too old. */
bool sw_web_token_redeem(struct sw_web_tokens *t, uint64_t now_ns, const char *token);

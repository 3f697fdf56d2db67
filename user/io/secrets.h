/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Random texts of 128 bits that prove who holds them, for a time: links to the page, cookies. Only their hashes
 * are kept. Bounded; the one nearest to its end makes room. Pure but for chance; the caller owns the table and
 * sets n and life_sec.
 */
#pragma once

#include "user/base/util.h"

enum {
	SW_SECRETS_MAX = 32, /* rows of any table */
	SW_SECRET_TEXT = 33, /* 32 hexadecimal digits and NUL */
};

struct sw_secrets {
	unsigned int n; /* rows used, at most SW_SECRETS_MAX */
	uint64_t life_sec; /* of each */
	struct {
		uint8_t hash[32];
		uint64_t until_ns; /* boot time; 0: free */
	} rows[SW_SECRETS_MAX];
};

/* 0, or -EIO without chance. */
int sw_secret_make(struct sw_secrets *s, uint64_t now_ns, char ret[static SW_SECRET_TEXT]);
/* text: what was shown, NULL for nothing. */
bool sw_secret_is_good(const struct sw_secrets *s, uint64_t now_ns, const char *text);
/* The same, but true once: it is forgotten, good or too old. */
bool sw_secret_redeem(struct sw_secrets *s, uint64_t now_ns, const char *text);

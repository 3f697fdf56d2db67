/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a line must hold, literally, for an expression to match it: read off the expression, so that a line
 * without it need not be tried. Case is not regarded. No state.
 */
#pragma once

#include "user/base/util.h"

enum {
	SW_LITERAL_MAX = 40, /* bytes of one; more do not make it rarer */
	SW_LITERAL_MIN = 3, /* shorter ones are in every line */
	SW_LITERALS_MAX = 16,
};

/* A match holds at least one of these. */
struct sw_literals {
	char text[SW_LITERALS_MAX][SW_LITERAL_MAX];
	uint8_t len[SW_LITERALS_MAX];
	unsigned int n;
};

/*
 * Finds the rarest such set. from_word: only literals that begin with a letter, digit or '_', which a date that is
 * cut out at the beginning of the line cannot have joined. False: none is known, and every line is to be tried.
 */
bool sw_literals_find(struct sw_literals *ret, const char *pattern, bool from_word);
/* How rare a byte is in logs, by habit: spaces 1 to capitals and signs 6. */
unsigned int sw_literal_rarity(char c);

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a line must hold, literally, for an expression to match it, and how a text must begin: read off the expression,
 * so that a line without it need not be tried. No state.
 */
#pragma once

#include "user/base/strbuf.h"

enum {
	SW_LITERAL_MAX = 40, /* bytes of one; more do not make it rarer */
	SW_LITERAL_MIN = 3, /* shorter ones are in every line */
	SW_LITERALS_MAX = 16,
	SW_HEADS_MAX = 4,
	SW_HEAD_MAX = 8, /* bytes of one */
};

/* A match holds at least one of these, in either case. */
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
/* A text that is matched begins with one of these, in this case. n 0: none is known. */
struct sw_heads {
	uint64_t text[SW_HEADS_MAX], mask[SW_HEADS_MAX];
	unsigned int n;
};

/* Of an expression that is bound to the beginning of its text. */
void sw_heads_find(struct sw_heads *ret, const char *pattern);

static inline bool sw_heads_fit(const struct sw_heads *h, const char *text, size_t len)
{
	bool fits = !h->n;
	uint64_t v = 0;

	memcpy(&v, text, SW_MIN(len, sizeof(v)));
	for (unsigned int i = 0; i < h->n; i++)
		fits |= (v & h->mask[i]) == h->text[i];
	return fits;
}

/*
 * An expression may ask later on whether one of its groups took part, and demand a literal if so, as does
 * "(?:(?P<a>x)|y) … (?(a)LIT|…)". For a text without that literal nothing is to be found by way of the
 * group. True with the expression in ret in which the group fails at once, and the literal in need; what else it
 * matches, and how, is unchanged.
 */
bool sw_literal_bar(struct sw_strbuf *ret, char need[static SW_LITERAL_MAX], const char *pattern);
/* Is the literal, which is not empty, somewhere in the text? */
bool sw_literal_is_in(const char *literal, const char *text, size_t len);
/* How rare a byte is in logs, by habit: spaces 1 to capitals and signs 6. */
unsigned int sw_literal_rarity(char c);

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What an expression made of texts that began alike. A match that looked at no more than the first bytes of its text
 * is the same for every text that begins with these bytes; and for an expression that knows no digit from another,
 * whatever digits stand in them: so one answer serves the prefix "host sshd[4711]: " for each number of a process.
 * Of fixed size. It belongs to whoever owns the expression.
 */
#pragma once

#include "user/base/util.h"

enum {
	SW_RECALL_TEXT_MAX = 64, /* bytes of a beginning */
	SW_RECALL_GROUPS_MAX = 12,
	SW_RECALL_ANSWERS_MAX = 16,
};

struct sw_recall;

/* pattern: as PCRE2 takes it. NULL: no memory. */
struct sw_recall *sw_recall_new(const char *pattern, unsigned int n_groups);
void sw_recall_free(struct sw_recall *r);
/* True with the groups' offsets in ret, as PCRE2 has them, when texts that begin so are known. */
bool sw_recall_find(struct sw_recall *r, const char *text, size_t len, size_t *ret);
/* True when an answer that was not known is worth the work to be learnt. */
bool sw_recall_wants(struct sw_recall *r);
/* A match that looked at the first len bytes and no further took these groups; forgets the oldest for it. */
void sw_recall_learn(struct sw_recall *r, const char *text, size_t len, const size_t *offsets);
/* Each byte that the expression names takes all digits or none, and nothing is compared with what a group took. */
bool sw_recall_is_blind_to_digits(const char *pattern);

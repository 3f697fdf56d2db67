/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The words for what the enums say, from the rows beside the enums; and back. */
#pragma once

#include "sockwarden/abi/gate.h"
#include "sockwarden/model/finding.h"
#include "sockwarden/rpc/config.h"
#include "user/base/util.h"

/* "?" beyond the last. */
const char *sw_reason_word(unsigned int reason);
const char *sw_reason_sentence(unsigned int reason);
const char *sw_stat_word(unsigned int stat);
/* What was not seen or not told for it; the other counters tell of work, of sums and of refusals. */
bool sw_stat_is_loss(unsigned int stat);
const char *sw_stat_sentence(unsigned int stat);
const char *sw_severity_word(unsigned int severity);
const char *sw_finding_kind_word(unsigned int kind);
const char *sw_mode_word(unsigned int mode);
const char *sw_hook_word(unsigned int hook);
const char *sw_trail_action_word(unsigned int action);
const char *sw_feed_action_word(unsigned int action); /* of a feed: allow, too */
const char *sw_allow_origin_word(unsigned int bit); /* one bit; of SW_ALLOW_LIST "list", whose feeds say more */
/* Index of text among n words, or -EINVAL. */
int sw_word_find(const char *const *words, size_t n, const char *text);
int sw_mode_parse(const char *text);
int sw_severity_parse(const char *text);
int sw_trail_action_parse(const char *text);
int sw_feed_action_parse(const char *text);

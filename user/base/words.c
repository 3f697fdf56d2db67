// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/base/words.h"

#define WORD(id, word)		      [SW_SEV_##id] = word,
#define KIND(id, word)		      [SW_FINDING_##id] = word,
#define REASON_WORD(id, word, text)   [SW_R_##id] = word,
#define REASON_TEXT(id, word, text)   [SW_R_##id] = text,
#define STAT_WORD(id, word, text)     [SW_STAT_##id] = word,
#define STAT_TEXT(id, word, text)     [SW_STAT_##id] = text,

static const char *const severities[] = {SW_SEVERITIES(WORD)};
static const char *const kinds[] = {SW_FINDING_KINDS(KIND)};
static const char *const reason_words[] = {SW_REASONS(REASON_WORD)};
static const char *const reason_texts[] = {SW_REASONS(REASON_TEXT)};
static const char *const stat_words[] = {SW_STATS(STAT_WORD)};
static const char *const stat_texts[] = {SW_STATS(STAT_TEXT)};
static const char *const modes[] = {"off", "observe", "enforce"};
static const char *const hooks[] = {"auto", "native", "tcx", "generic"};
static const char *const actions[] = {"observe", "drop", "except", "tag"};
static const char allow_word[] = "allow"; /* SW_FEED_ALLOW */

static const char *word_of(const char *const *words, size_t n, unsigned int i)
{
	return i < n ? words[i] : "?";
}
#define WORD_OF(words, i) word_of(words, SW_ARRAY_SIZE(words), i)

const char *sw_reason_word(unsigned int reason)
{
	return WORD_OF(reason_words, reason);
}

const char *sw_reason_sentence(unsigned int reason)
{
	return WORD_OF(reason_texts, reason);
}

const char *sw_stat_word(unsigned int stat)
{
	return WORD_OF(stat_words, stat);
}

const char *sw_stat_sentence(unsigned int stat)
{
	return WORD_OF(stat_texts, stat);
}

bool sw_stat_is_loss(unsigned int stat)
{
	return stat == SW_STAT_EV_PKT_LOST || stat == SW_STAT_EV_SOCK_LOST || stat == SW_STAT_OWNER_LOST ||
	       stat == SW_STAT_INSPECT_LOST;
}

const char *sw_severity_word(unsigned int severity)
{
	return WORD_OF(severities, severity);
}

const char *sw_finding_kind_word(unsigned int kind)
{
	return WORD_OF(kinds, kind);
}

const char *sw_mode_word(unsigned int mode)
{
	return WORD_OF(modes, mode);
}

const char *sw_hook_word(unsigned int hook)
{
	return WORD_OF(hooks, hook);
}

const char *sw_trail_action_word(unsigned int action)
{
	return WORD_OF(actions, action);
}

const char *sw_feed_action_word(unsigned int action)
{
	return action == SW_FEED_ALLOW ? allow_word : sw_trail_action_word(action);
}

const char *sw_allow_origin_word(unsigned int bit)
{
	static const char *const words[] = {"operator", "config", "own", "gateway",
		"resolver", "admin", "feed", "proxy", "list"};

	return bit ? WORD_OF(words, (unsigned int)__builtin_ctz(bit)) : "?";
}

int sw_word_find(const char *const *words, size_t n, const char *text)
{
	for (size_t i = 0; i < n; i++) {
		if (sw_streq(words[i], text))
			return (int)i;
	}
	return -EINVAL;
}

int sw_mode_parse(const char *text)
{
	return sw_word_find(modes, SW_ARRAY_SIZE(modes), text);
}

int sw_severity_parse(const char *text)
{
	return sw_word_find(severities, SW_ARRAY_SIZE(severities), text);
}

int sw_trail_action_parse(const char *text)
{
	return sw_word_find(actions, SW_ARRAY_SIZE(actions), text);
}

int sw_feed_action_parse(const char *text)
{
	return sw_streq(text, allow_word) ? SW_FEED_ALLOW : sw_trail_action_parse(text);
}

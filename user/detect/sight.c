// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/detect/sight.h"

static const struct {
	const char *word, *kind, *sentence;
	enum sw_severity severity;
} rules[] = {
#define TRAIL_ROW(id, word, severity, sentence) {word, NULL, sentence, SW_SEV_##severity},
	SW_TRAIL_RULES(TRAIL_ROW)
#undef TRAIL_ROW
#define HABIT_ROW(id, word, kind, severity, on, threshold, most, window, unit, sentence)           \
	{word, kind, sentence, SW_SEV_##severity},
	SW_HABIT_RULES(HABIT_ROW)
#undef HABIT_ROW
};

const char *sw_rule_word(unsigned int rule)
{
	return rule < SW_RULE_COUNT ? rules[rule].word : "?";
}

const char *sw_rule_kind(unsigned int rule)
{
	return rule < SW_RULE_COUNT ? rules[rule].kind : NULL;
}

const char *sw_rule_sentence(unsigned int rule)
{
	return rule < SW_RULE_COUNT ? rules[rule].sentence : "?";
}

enum sw_severity sw_rule_severity(unsigned int rule)
{
	return rule < SW_RULE_COUNT ? rules[rule].severity : SW_SEV_INFO;
}

// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/logs/recall.h"

#include <ctype.h>
#include <endian.h>

enum {
	WORDS = SW_RECALL_TEXT_MAX / 8,
	UNSET = UINT8_MAX, /* of a group that took no part */
	/* To learn takes as long as some ten matches: what hits spare pays for it, and else one in so many misses. */
	LEARN_COST = 256,
	HIT_GAIN = 16,
	CREDIT_MAX = LEARN_COST * SW_RECALL_ANSWERS_MAX,
};

struct answer {
	uint64_t text[WORDS]; /* digits as '0', zeros behind it */
	uint64_t last; /* which bytes of the last word count */
	uint8_t n_words, len;
	uint8_t offsets[2 * SW_RECALL_GROUPS_MAX];
};

struct sw_recall {
	struct answer answers[SW_RECALL_ANSWERS_MAX];
	unsigned int n, next; /* next: to be overwritten */
	unsigned int n_groups, credit;
	bool is_blind;
	bool is_long; /* an answer is of more than half the words */
};

/* A class from its '[': true when it has all digits or none. *p: behind it. */
static bool read_class(const char **p)
{
	const char *s = *p + 1;
	bool is_blind = true;

	s += *s == '^';
	s += *s == ']';
	while (*s && *s != ']') {
		if (*s == '[' && s[1] == ':' && strstr(s, ":]")) {
			s = strstr(s, ":]") + 2;
		} else if (strncmp(s, "0-9", 3) == 0 && s[-1] != '-') {
			s += 3;
		} else {
			is_blind &= !isdigit((unsigned char)*s);
			if (*s == '\\' && s[1])
				is_blind &= strchr("dDwWsSnrtfb", *++s) || !isalnum((unsigned char)*s);
			s++;
		}
	}
	*p = *s ? s + 1 : s;
	return is_blind;
}

/* "{2}", "{2,}", "{2,3}": its length, 0 when it is none. */
static size_t quantifier_len(const char *p)
{
	size_t n = 1 + strspn(p + 1, "0123456789");

	if (p[n] == ',')
		n += 1 + strspn(p + n + 1, "0123456789");
	return p[n] == '}' && n > 1 ? n + 1 : 0;
}

/* What stands behind '(': a name may have digits, what is only looked at or compared is not gone into. */
static bool read_open(const char **p)
{
	const char *s = *p + 1;
	size_t name = 0;

	if (*s == '*')
		return false;
	if (*s == '?' && s[1] == 'P' && s[2] != '<')
		return false;
	if (*s == '?' && s[1] == 'P')
		name = strcspn(s, ">");
	else if (*s == '?' && s[1] == '(' && isalpha((unsigned char)s[2]))
		name = strcspn(s, ")");
	else if (*s == '?' && !strchr(":=!<>|", s[1]))
		return false;
	*p = s + name;
	return true;
}

bool sw_recall_is_blind_to_digits(const char *pattern)
{
	bool is_blind = true;

	for (const char *p = pattern; *p && is_blind;) {
		if (*p == '[') {
			is_blind = read_class(&p);
		} else if (*p == '(') {
			is_blind = read_open(&p);
		} else if (*p == '{' && quantifier_len(p)) {
			p += quantifier_len(p);
		} else if (*p == '\\' && p[1]) {
			is_blind = strchr("dDwWsSbBAzZnrtf", p[1]) || !isalnum((unsigned char)p[1]);
			p += 2;
		} else {
			is_blind = !isdigit((unsigned char)*p);
			p++;
		}
	}
	return is_blind;
}

struct sw_recall *sw_recall_new(const char *pattern, unsigned int n_groups)
{
	struct sw_recall *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->n_groups = n_groups;
	r->is_blind = sw_recall_is_blind_to_digits(pattern);
	r->credit = CREDIT_MAX;
	return r;
}

void sw_recall_free(struct sw_recall *r)
{
	free(r);
}

/* Each digit becomes '0'; eight bytes at once. */
static inline uint64_t hide_digits(uint64_t x)
{
	const uint64_t ones = 0x0101010101010101ull, highs = ones << 7;
	uint64_t value = x ^ 0x30 * ones; /* of a digit: below 10 */
	uint64_t above = ((value & ~highs) + (0x80 - 10) * ones) | value;

	return x & ~(((~above & highs) >> 7) * 0x0f);
}

/* The first half of the words, or all; zeros behind a short text. */
static void read_words(const char *text, size_t len, bool is_blind, bool is_long, uint64_t ret[static WORDS])
{
	char padded[SW_RECALL_TEXT_MAX] = {};

	if (len < sizeof(padded)) {
		memcpy(padded, text, len);
		text = padded;
	}
	memcpy(ret, text, sizeof(padded));
	for (unsigned int i = 0; i < WORDS / 2 && is_blind; i++)
		ret[i] = hide_digits(ret[i]);
	for (unsigned int i = WORDS / 2; i < WORDS && is_blind && is_long; i++)
		ret[i] = hide_digits(ret[i]);
}

static bool is_answer(const struct answer *a, const uint64_t *words, size_t len)
{
	unsigned int last = a->n_words - 1u;

	/* They mostly differ at their end: a line's program, and how what it says begins. */
	if ((words[last] & a->last) != a->text[last] || len < a->len)
		return false;
	for (unsigned int i = 0; i < last; i++)
		if (words[i] != a->text[i])
			return false;
	return true;
}

bool sw_recall_find(struct sw_recall *r, const char *text, size_t len, size_t *ret)
{
	uint64_t words[WORDS];

	if (!r->n)
		return false;
	read_words(text, len, r->is_blind, r->is_long, words);
	for (unsigned int i = 0; i < r->n; i++) {
		const struct answer *a = &r->answers[i];

		if (!is_answer(a, words, len))
			continue;
		for (unsigned int k = 0; k < 2 * r->n_groups; k++)
			ret[k] = a->offsets[k] == UNSET ? ~(size_t)0 : a->offsets[k];
		r->credit = SW_MIN(r->credit + HIT_GAIN, (unsigned int)CREDIT_MAX);
		return true;
	}
	return false;
}

bool sw_recall_wants(struct sw_recall *r)
{
	if (++r->credit < LEARN_COST)
		return false;
	r->credit -= LEARN_COST;
	return true;
}

void sw_recall_learn(struct sw_recall *r, const char *text, size_t len, const size_t *offsets)
{
	struct answer *a = &r->answers[r->next];

	*a = (struct answer){.len = (uint8_t)len, .n_words = (uint8_t)((len + 7) / 8)};
	read_words(text, len, r->is_blind, true, a->text);
	r->is_long |= a->n_words > WORDS / 2;
	a->last = len % 8 ? htole64((1ull << len % 8 * 8) - 1) : ~0ull;
	for (unsigned int k = 0; k < 2 * r->n_groups; k++)
		a->offsets[k] = offsets[k] <= len ? (uint8_t)offsets[k] : UNSET;
	r->n = SW_MAX(r->n, r->next + 1);
	r->next = (r->next + 1) % SW_RECALL_ANSWERS_MAX;
}

// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/logs/prefilter.h"

#include <ctype.h>

enum {
	HASH_SIZE = 4096,
	WINDOW_MAX = 12, /* a longer window would not skip much further */
	LITERALS_MAX = SW_PREFILTER_RULES_MAX * SW_LITERALS_MAX,
	NONE = UINT16_MAX,
};

struct literal {
	char text[SW_LITERAL_MAX]; /* in lower case */
	uint8_t len, at; /* at: where its window begins */
	uint16_t next; /* of those whose window ends with the same two bytes */
	struct sw_rule_set rules;
};

struct sw_prefilter {
	uint8_t shift
		[HASH_SIZE]; /* by the two bytes under the window's end: how far no window can end */
	uint16_t head[HASH_SIZE];
	uint8_t fold[256];
	unsigned int window;
	unsigned int n_words; /* of a rule set that are in use */
	struct sw_rule_set always;
	size_t n;
	struct literal *literals;
};

/* Letters of either case hash alike; that other bytes may too costs a look and no more. */
static unsigned int hash2(uint8_t a, uint8_t b)
{
	return ((unsigned int)(a | 0x20) << 5 ^ (b | 0x20)) & (HASH_SIZE - 1);
}

/* The literal's place, made when it is new. */
static struct literal *find_or_add(struct sw_prefilter *p, const char *text, uint8_t len)
{
	struct literal *l;
	char low[SW_LITERAL_MAX] = {};

	for (uint8_t i = 0; i < len; i++)
		low[i] = (char)p->fold[(uint8_t)text[i]];
	for (size_t i = 0; i < p->n; i++)
		if (p->literals[i].len == len && memcmp(p->literals[i].text, low, len) == 0)
			return &p->literals[i];
	l = realloc(p->literals, (p->n + 1) * sizeof(*l));
	if (!l)
		return NULL;
	p->literals = l;
	l += p->n++;
	*l = (struct literal){.len = len};
	memcpy(l->text, low, sizeof(low));
	return l;
}

static int add_rule(struct sw_prefilter *p, const struct sw_literals *rule, size_t number)
{
	uint64_t bit = 1ull << (number % 64);

	if (!rule->n)
		p->always.words[number / 64] |= bit;
	for (unsigned int i = 0; i < rule->n; i++) {
		struct literal *l = find_or_add(p, rule->text[i], rule->len[i]);

		if (!l)
			return -ENOMEM;
		l->rules.words[number / 64] |= bit;
		p->window = SW_MIN(p->window, (unsigned int)l->len);
	}
	return 0;
}

/* The window of a literal that ends with its rarest two bytes. */
static uint8_t choose_window(const struct literal *l, unsigned int window)
{
	unsigned int most = 0;
	uint8_t best = 0;

	for (unsigned int at = 0; at + window <= l->len; at++) {
		unsigned int rarity = sw_literal_rarity(l->text[at + window - 1]) +
			sw_literal_rarity(l->text[at + window - 2]);

		if (rarity > most) {
			most = rarity;
			best = (uint8_t)at;
		}
	}
	return best;
}

static void build_tables(struct sw_prefilter *p)
{
	memset(p->shift, (int)p->window - 1, sizeof(p->shift));
	for (size_t i = 0; i < HASH_SIZE; i++)
		p->head[i] = NONE;
	for (size_t i = 0; i < p->n; i++) {
		struct literal *l = &p->literals[i];
		const uint8_t *w;
		unsigned int h = 0;

		l->at = choose_window(l, p->window);
		w = (const uint8_t *)l->text + l->at;
		for (unsigned int end = 1; end < p->window; end++) {
			h = hash2(w[end - 1], w[end]);
			p->shift[h] = (uint8_t)SW_MIN(p->shift[h], p->window - 1 - end);
		}
		l->next = p->head[h];
		p->head[h] = (uint16_t)i;
	}
}

int sw_prefilter_new(struct sw_prefilter **ret, const struct sw_literals *rules, size_t n)
{
	struct sw_prefilter *p;
	int r = 0;

	if (n > SW_PREFILTER_RULES_MAX)
		return -E2BIG;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	for (unsigned int i = 0; i < 256; i++)
		p->fold[i] = (uint8_t)(i < 128 ? tolower((int)i) : (int)i);
	p->window = WINDOW_MAX;
	p->n_words = (unsigned int)(n + 63) / 64;
	for (size_t i = 0; i < n && !r; i++)
		r = add_rule(p, &rules[i], i);
	if (r < 0) {
		sw_prefilter_free(p);
		return r;
	}
	build_tables(p);
	*ret = p;
	return 0;
}

void sw_prefilter_free(struct sw_prefilter *p)
{
	if (!p)
		return;
	free(p->literals);
	free(p);
}

static bool is_at(const struct sw_prefilter *p, const struct literal *l, const uint8_t *line,
	size_t len, size_t start)
{
	if (start + l->len > len)
		return false;
	for (unsigned int i = 0; i < l->len; i++)
		if (p->fold[line[start + i]] != (uint8_t)l->text[i])
			return false;
	return true;
}

/* Adds the rules of the literals whose window ends at end. */
static bool look(const struct sw_prefilter *p, const uint8_t *line, size_t len, size_t end,
	unsigned int h, struct sw_rule_set *ret)
{
	bool any = false;

	for (uint16_t i = p->head[h]; i != NONE; i = p->literals[i].next) {
		const struct literal *l = &p->literals[i];
		size_t back = p->window - 1 + l->at;

		if (end < back || !is_at(p, l, line, len, end - back))
			continue;
		any = true;
		for (unsigned int w = 0; w < p->n_words; w++)
			ret->words[w] |= l->rules.words[w];
	}
	return any;
}

bool sw_prefilter_scan(
	const struct sw_prefilter *p, const char *line, size_t len, struct sw_rule_set *ret)
{
	const uint8_t *t = (const uint8_t *)line;
	bool any = false;

	for (unsigned int w = 0; w < p->n_words; w++) {
		ret->words[w] = p->always.words[w];
		any |= ret->words[w] != 0;
	}
	if (!p->n)
		return any;
	for (size_t end = p->window - 1; end < len;) {
		unsigned int h = hash2(t[end - 1], t[end]);

		if (p->shift[h]) {
			end += p->shift[h];
			continue;
		}
		any |= look(p, t, len, end, h, ret);
		end++;
	}
	return any;
}

// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/logs/prefilter.h"

#include <ctype.h>
#include <endian.h>

enum {
	HASH_BITS = 16,
	HEAD_BITS = 12, /* of the hash: what it leads to */
	HEAD_SIZE = 1 << HEAD_BITS,
	GRAM = 3, /* bytes that are looked up at once */
	WINDOW_MAX = 12, /* a longer window would not stride much further */
	NONE = UINT32_MAX,
};

struct literal {
	char text[SW_LITERAL_MAX]; /* in lower case */
	uint8_t len;
	struct sw_rule_set rules;
};

/* A gram of a literal's window. */
struct gram {
	uint16_t literal;
	uint8_t at; /* where in the literal */
	uint32_t next; /* of those of the same hash */
};

struct sw_prefilter {
	uint64_t has[(1 << HASH_BITS) /
		64]; /* is there a gram of this hash: 8 KiB, which stay near */
	uint32_t head[HEAD_SIZE];
	uint8_t fold[256];
	unsigned int window; /* bytes of each literal that are looked at: the shortest literal's */
	unsigned int n_words; /* of a rule set that are in use */
	struct sw_rule_set always;
	size_t n, n_grams;
	struct literal *literals;
	struct gram *grams;
};

/* Letters of either case hash alike; that other bytes may too costs a look and no more. v: bytes from the lowest. */
static inline unsigned int hash_gram(uint32_t v)
{
	return ((v & 0xffffff) | 0x202020) * 0x9e3779b1u >> (32 - HASH_BITS);
}

static inline unsigned int has_hash(const struct sw_prefilter *p, unsigned int h)
{
	return p->has[h / 64] >> (h % 64) & 1;
}

static inline uint32_t load_gram(const uint8_t *t)
{
	return (uint32_t)t[0] | (uint32_t)t[1] << 8 | (uint32_t)t[2] << 16;
}

static inline uint32_t load_four(const uint8_t *t)
{
	uint32_t v;

	memcpy(&v, t, sizeof(v));
	return le32toh(v);
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

/* The rarest window of a literal. */
static uint8_t choose_window(const struct literal *l, unsigned int window)
{
	unsigned int most = 0;
	uint8_t best = 0;

	for (unsigned int at = 0; at + window <= l->len; at++) {
		unsigned int rarity = 0;

		for (unsigned int i = 0; i < window; i++)
			rarity += sw_literal_rarity(l->text[at + i]);
		if (rarity > most) {
			most = rarity;
			best = (uint8_t)at;
		}
	}
	return best;
}

static unsigned int stride_of(const struct sw_prefilter *p)
{
	return p->window - GRAM + 1;
}

/* Every gram of each literal's window: one of them stands where the scan, in strides, looks. */
static int build_tables(struct sw_prefilter *p)
{
	unsigned int stride = stride_of(p);

	p->grams = calloc(p->n * stride + 1, sizeof(*p->grams));
	if (!p->grams)
		return -ENOMEM;
	for (size_t i = 0; i < HEAD_SIZE; i++)
		p->head[i] = NONE;
	for (size_t i = 0; i < p->n; i++) {
		unsigned int first = choose_window(&p->literals[i], p->window);

		for (unsigned int at = first; at < first + stride; at++) {
			unsigned int h =
				hash_gram(load_gram((const uint8_t *)p->literals[i].text + at));

			p->grams[p->n_grams] =
				(struct gram){(uint16_t)i, (uint8_t)at, p->head[h % HEAD_SIZE]};
			p->head[h % HEAD_SIZE] = (uint32_t)p->n_grams++;
			p->has[h / 64] |= 1ull << (h % 64);
		}
	}
	return 0;
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
	if (!r)
		r = build_tables(p);
	if (r < 0) {
		sw_prefilter_free(p);
		return r;
	}
	*ret = p;
	return 0;
}

void sw_prefilter_free(struct sw_prefilter *p)
{
	if (!p)
		return;
	free(p->literals);
	free(p->grams);
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

/* Adds the rules of the literals that have the gram at pos. */
static bool look(const struct sw_prefilter *p, const uint8_t *line, size_t len, size_t pos,
	unsigned int h, struct sw_rule_set *ret)
{
	bool any = false;

	for (uint32_t i = p->head[h % HEAD_SIZE]; i != NONE; i = p->grams[i].next) {
		const struct gram *g = &p->grams[i];
		const struct literal *l = &p->literals[g->literal];

		if (pos < g->at || !is_at(p, l, line, len, pos - g->at))
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
	size_t stride, pos = 0;
	bool any = false;

	for (unsigned int w = 0; w < p->n_words; w++) {
		ret->words[w] = p->always.words[w];
		any |= ret->words[w] != 0;
	}
	if (!p->n)
		return any;
	stride = stride_of(p);
	/* Four looks that do not wait for each other. */
	for (; pos + 3 * stride + 4 <= len; pos += 4 * stride) {
		unsigned int h[4];

		for (unsigned int i = 0; i < 4; i++)
			h[i] = hash_gram(load_four(t + pos + i * stride));
		if (!(has_hash(p, h[0]) | has_hash(p, h[1]) | has_hash(p, h[2]) |
			    has_hash(p, h[3])))
			continue;
		for (unsigned int i = 0; i < 4; i++)
			if (has_hash(p, h[i]))
				any |= look(p, t, len, pos + i * stride, h[i], ret);
	}
	for (; pos + GRAM <= len; pos += stride) {
		unsigned int h = hash_gram(load_gram(t + pos));

		if (has_hash(p, h))
			any |= look(p, t, len, pos, h, ret);
	}
	return any;
}

// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/logs/prefilter.h"

#include <endian.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum {
	HASH_BITS = 16,
	HEAD_BITS = 10, /* of the hash: what it leads to */
	HEAD_SIZE = 1 << HEAD_BITS,
	GRAM = 3, /* bytes that are looked up at once */
	WINDOW_MAX = 12, /* a longer window would not stride much further */
	BUCKETS = 8, /* of literals, in the search that goes block by block */
	BLOCK = 32, /* its bytes */
	BLOCKS_LITERALS_MAX = 96, /* with more of them nearly every place is one to look at */
	NONE = UINT32_MAX,
};

struct literal {
	char text[SW_LITERAL_MAX]; /* in lower case */
	char cases[SW_LITERAL_MAX]; /* the bit that makes a letter small, where there is one */
	uint8_t len;
	uint8_t mark; /* where its rarest gram begins */
	struct sw_rule_set rules;
};

/* A gram of a literal's window. */
struct gram {
	uint16_t literal;
	uint8_t at; /* where in the literal */
	uint32_t next; /* of those of the same hash */
};

/* The buckets that have a byte of this half, low and high, at each place of a gram: a bit a bucket. */
struct halves {
	uint8_t low[GRAM][16], high[GRAM][16];
};

struct sw_prefilter {
	uint64_t has[(1 << HASH_BITS) /
		64]; /* is there a gram of this hash: 8 KiB, which stay near */
	uint32_t head[HEAD_SIZE];
	unsigned int window; /* bytes of each literal that are looked at: the shortest literal's */
	unsigned int n_words; /* of a rule set that are in use */
	struct sw_rule_set always;
	size_t n, n_grams;
	struct literal *literals;
	struct gram *grams;
	bool has_blocks; /* the machine can search block by block, and it is worth it */
	struct halves halves;
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
		low[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] | 0x20 : text[i]);
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
	for (uint8_t i = 0; i < len; i++)
		l->cases[i] = low[i] >= 'a' && low[i] <= 'z' ? 0x20 : 0;
	return l;
}

static void add_always(struct sw_prefilter *p, size_t rule)
{
	p->always.words[rule / 64] |= 1ull << (rule % 64);
}

static int add_literal(struct sw_prefilter *p, const char *text, uint8_t len, size_t rule)
{
	struct literal *l = find_or_add(p, text, len);

	if (!l)
		return -ENOMEM;
	l->rules.words[rule / 64] |= 1ull << (rule % 64);
	p->window = SW_MIN(p->window, (unsigned int)l->len);
	return 0;
}

static int add_rule(struct sw_prefilter *p, const struct sw_literals *rule, size_t number)
{
	int r = 0;

	if (!rule->n)
		add_always(p, number);
	for (unsigned int i = 0; i < rule->n && !r; i++)
		r = add_literal(p, rule->text[i], rule->len[i], number);
	return r;
}

static bool has_always(const struct sw_prefilter *p)
{
	for (unsigned int w = 0; w < p->n_words; w++)
		if (p->always.words[w])
			return true;
	return false;
}

static int add_part(struct sw_prefilter *p, const struct sw_prefilter *part, size_t number)
{
	int r = 0;

	if (!part || has_always(part)) {
		add_always(p, number);
		return 0;
	}
	for (size_t i = 0; i < part->n && !r; i++)
		r = add_literal(p, part->literals[i].text, part->literals[i].len, number);
	return r;
}

/* The rarest window of a literal between two places of it. */
static uint8_t choose_window(
	const struct literal *l, unsigned int window, unsigned int from, unsigned int to)
{
	unsigned int most = 0;
	uint8_t best = (uint8_t)from;

	for (unsigned int at = from; at + window <= to; at++) {
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
		struct literal *l = &p->literals[i];
		unsigned int first = choose_window(l, p->window, 0, l->len);

		l->mark = choose_window(l, GRAM, first, first + p->window);
		for (unsigned int at = first; at < first + stride; at++) {
			unsigned int h = hash_gram(load_gram((const uint8_t *)l->text + at));

			p->grams[p->n_grams] =
				(struct gram){(uint16_t)i, (uint8_t)at, p->head[h % HEAD_SIZE]};
			p->head[h % HEAD_SIZE] = (uint32_t)p->n_grams++;
			p->has[h / 64] |= 1ull << (h % 64);
		}
	}
	return 0;
}

static int compare_marks(const void *a, const void *b)
{
	const struct literal *const *x = a, *const *y = b;

	return memcmp((*x)->text + (*x)->mark, (*y)->text + (*y)->mark, GRAM);
}

static void put_byte(struct halves *h, unsigned int at, uint8_t byte, uint8_t bucket)
{
	h->low[at][byte & 15] |= bucket;
	h->high[at][byte >> 4] |= bucket;
}

/* Literals whose rarest grams are alike share a bucket, so that its halves fit little else. */
static int build_blocks(struct sw_prefilter *p)
{
	_free_ const struct literal **sorted = calloc(p->n + 1, sizeof(*sorted));

	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < p->n; i++)
		sorted[i] = &p->literals[i];
	qsort(sorted, p->n, sizeof(*sorted), compare_marks);
	for (size_t i = 0; i < p->n; i++)
		for (unsigned int at = 0; at < GRAM; at++) {
			unsigned int place = sorted[i]->mark + at;
			uint8_t bucket = (uint8_t)(1u << i * BUCKETS / p->n), byte = (uint8_t)sorted[i]->text[place];

			put_byte(&p->halves, at, byte, bucket);
			put_byte(&p->halves, at, (uint8_t)(byte & ~sorted[i]->cases[place]), bucket);
		}
	return 0;
}

static bool can_search_blocks(void)
{
#if defined(__x86_64__)
	return __builtin_cpu_supports("avx2");
#else
	return false;
#endif
}

void sw_prefilter_byte_by_byte(struct sw_prefilter *p)
{
	p->has_blocks = false;
}

static int start(struct sw_prefilter **ret, size_t n)
{
	struct sw_prefilter *p;

	if (n > SW_PREFILTER_RULES_MAX)
		return -E2BIG;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->window = WINDOW_MAX;
	p->n_words = (unsigned int)(n + 63) / 64;
	*ret = p;
	return 0;
}

/* All rules were added, if r is 0. */
static int finish(struct sw_prefilter **ret, struct sw_prefilter *p, int r)
{
	if (!r)
		r = build_tables(p);
	if (!r)
		r = build_blocks(p);
	if (r < 0) {
		sw_prefilter_free(p);
		return r;
	}
	p->has_blocks = can_search_blocks() && p->n <= BLOCKS_LITERALS_MAX;
	*ret = p;
	return 0;
}

int sw_prefilter_new(struct sw_prefilter **ret, const struct sw_literals *rules, size_t n)
{
	struct sw_prefilter *p;
	int r = start(&p, n);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n && !r; i++)
		r = add_rule(p, &rules[i], i);
	return finish(ret, p, r);
}

int sw_prefilter_join(struct sw_prefilter **ret, const struct sw_prefilter *const *parts, size_t n)
{
	struct sw_prefilter *p;
	int r = start(&p, n);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n && !r; i++)
		r = add_part(p, parts[i], i);
	return finish(ret, p, r);
}

void sw_prefilter_free(struct sw_prefilter *p)
{
	if (!p)
		return;
	free(p->literals);
	free(p->grams);
	free(p);
}

/* Is it the literal, from its at-th byte on, 8 of them? Letters of either case. */
static inline bool has_eight(const struct literal *l, const uint8_t *line, unsigned int at)
{
	uint64_t text, cases, have;

	memcpy(&text, l->text + at, sizeof(text));
	memcpy(&cases, l->cases + at, sizeof(cases));
	memcpy(&have, line + at, sizeof(have));
	return (have | cases) == text;
}

static bool is_at(const struct literal *l, const uint8_t *line, size_t len, size_t start)
{
	unsigned int i = 0;

	if (start + l->len > len)
		return false;
	line += start;
	for (; i + 8 <= l->len; i += 8)
		if (!has_eight(l, line, i))
			return false;
	for (; i < l->len; i++)
		if ((char)(line[i] | l->cases[i]) != l->text[i])
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

		if (pos < g->at || !is_at(l, line, len, pos - g->at))
			continue;
		any = true;
		for (unsigned int w = 0; w < p->n_words; w++)
			ret->words[w] |= l->rules.words[w];
	}
	return any;
}

/* At every stride: no literal's window fits between two looks. */
static bool scan_strides(
	const struct sw_prefilter *p, const uint8_t *t, size_t len, struct sw_rule_set *ret)
{
	size_t stride = stride_of(p), pos = 0;
	bool any = false;

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

#if defined(__x86_64__)
/* The places of a block at which some bucket has all bytes of a gram, by their halves. Reads GRAM - 1 bytes more. */
__attribute__((target("avx2"))) static inline uint32_t places_of_block(
	const __m256i low[GRAM], const __m256i high[GRAM], const uint8_t *t)
{
	const __m256i half = _mm256_set1_epi8(15);
	__m256i all = _mm256_set1_epi8(-1);

	for (unsigned int i = 0; i < GRAM; i++) {
		__m256i x = _mm256_loadu_si256((const __m256i *)(t + i));
		__m256i l = _mm256_shuffle_epi8(low[i], _mm256_and_si256(x, half));
		__m256i h = _mm256_shuffle_epi8(
			high[i], _mm256_and_si256(_mm256_srli_epi16(x, 4), half));

		all = _mm256_and_si256(all, _mm256_and_si256(l, h));
	}
	return ~(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(all, _mm256_setzero_si256()));
}

/*
 * Every place is asked at once whether a literal's rarest gram may stand there; those that may are looked at. The last
 * block reaches back over what was seen. Source: "Teddy" of Hyperscan, Wang and others, NSDI 2019.
 */
__attribute__((target("avx2"))) static bool scan_blocks(
	const struct sw_prefilter *p, const uint8_t *t, size_t len, struct sw_rule_set *ret)
{
	size_t pos = 0, last = len - BLOCK - GRAM + 1, seen = 0;
	__m256i low[GRAM], high[GRAM];
	bool any = false;

	for (unsigned int i = 0; i < GRAM; i++) {
		low[i] = _mm256_broadcastsi128_si256(
			_mm_loadu_si128((const __m128i *)p->halves.low[i]));
		high[i] = _mm256_broadcastsi128_si256(
			_mm_loadu_si128((const __m128i *)p->halves.high[i]));
	}
	for (;;) {
		uint32_t places = places_of_block(low, high, t + pos) & ~0u << (seen - pos);

		for (; places; places &= places - 1) {
			size_t at = pos + (size_t)__builtin_ctz(places);
			unsigned int h = hash_gram(load_gram(t + at));

			if (has_hash(p, h))
				any |= look(p, t, len, at, h, ret);
		}
		if (pos == last)
			return any;
		seen = pos + BLOCK;
		pos = SW_MIN(seen, last);
	}
}
#endif

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
#if defined(__x86_64__)
	if (p->has_blocks && len >= BLOCK + GRAM - 1)
		return any | scan_blocks(p, t, len, ret);
#endif
	return any | scan_strides(p, t, len, ret);
}

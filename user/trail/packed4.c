// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/trail/packed4.h"

#include <endian.h>

enum {
	DEPTH_MAX = 33, /* networks that contain each other: one of every length */
	LEAF_HOSTS = 4,
	BLOCK_WORDS = 4,
	WORD_ADDRESSES = 1 << 14,
	SLASH24_ADDRESSES = 256,
};

struct block {
	uint64_t bits[BLOCK_WORDS];
};

/* The sets of a generation, in the order of their words; all but the first only where there is something in them. */
enum { DROPPED, WATCHED, TAGGED, SETS };
static const unsigned char set_of[SW_TRAIL_ACTION_COUNT] = {
	[SW_TRAIL_DROP] = DROPPED, [SW_TRAIL_OBSERVE] = WATCHED, [SW_TRAIL_TAG] = TAGGED};

/* One of the sets of a generation. Numbers in words are relative until they are written. */
struct set {
	union sw_packed4 *words;
	uint32_t *leaves;
	struct block *blocks;
	size_t n_leaves, leaves_room, n_blocks, blocks_room;
	struct block hosts; /* of the /24 that is being filled */
	uint32_t slash24;
	bool is_filling, is_empty;
};

struct span {
	uint32_t last; /* address */
	uint32_t action;
};

struct sw_packer4 {
	struct set set[SETS];
	struct span around[DEPTH_MAX]; /* networks that are open, the widest first */
	size_t depth;
	uint64_t next; /* the first address that nothing was said of yet */
	struct {
		uint64_t first, last;
		uint32_t action;
		bool is_some;
	} run; /* held back: what follows may lengthen it */
};

int sw_packer4_new(struct sw_packer4 **ret)
{
	_cleanup_(sw_packer4_freep) struct sw_packer4 *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	for (size_t i = 0; i < SW_ARRAY_SIZE(p->set); i++) {
		p->set[i].is_empty = true;
		p->set[i].words = calloc(SW_PACKED_WORDS, sizeof(*p->set[i].words));
		if (!p->set[i].words)
			return -ENOMEM;
	}
	*ret = TAKE_PTR(p);
	return 0;
}

void sw_packer4_free(struct sw_packer4 *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < SW_ARRAY_SIZE(p->set); i++) {
		free(p->set[i].words);
		free(p->set[i].leaves);
		free(p->set[i].blocks);
	}
	free(p);
}

void sw_packer4_freep(struct sw_packer4 **p)
{
	sw_packer4_free(*p);
}

static void *make_room(void *array, size_t n, size_t *room, size_t size)
{
	void *grown;

	if (n < *room)
		return array;
	grown = reallocarray(array, *room ? *room * 2 : 4096, size);
	if (grown)
		*room = *room ? *room * 2 : 4096;
	return grown;
}

static int add_leaf(struct set *s, uint32_t slash24, uint32_t leaf)
{
	union sw_packed4 *word = &s->words[slash24 / 64];
	uint32_t *leaves = make_room(s->leaves, s->n_leaves, &s->leaves_room, sizeof(*leaves));

	if (!leaves)
		return -ENOMEM;
	s->leaves = leaves;
	if (!word->bits)
		word->base = (uint32_t)s->n_leaves;
	word->bits |= 1ULL << (slash24 & 63);
	s->leaves[s->n_leaves++] = leaf;
	return 0;
}

static int add_block(struct set *s, uint32_t *ret_leaf)
{
	union sw_packed4 *word = &s->words[s->slash24 / 64];
	struct block *blocks = make_room(s->blocks, s->n_blocks, &s->blocks_room, sizeof(*blocks));

	if (!blocks)
		return -ENOMEM;
	s->blocks = blocks;
	/* the first block of a word is never number 0 of another: 1 more means "there is one" */
	if (!word->block)
		word->block = (uint32_t)s->n_blocks + 1;
	*ret_leaf = SW_LEAF_BLOCK + (uint32_t)s->n_blocks + 1 - word->block;
	s->blocks[s->n_blocks++] = s->hosts;
	return 0;
}

/* The hosts of a block of at most four, as a leaf. */
static uint32_t host_leaf(const struct block *b)
{
	uint32_t leaf = 0, host = 0, n = 0;

	for (uint32_t w = 0; w < BLOCK_WORDS; w++) {
		for (uint64_t bits = b->bits[w]; bits; bits &= bits - 1) {
			host = w * 64 + (uint32_t)__builtin_ctzll(bits);
			leaf = leaf << 8 | host;
			n++;
		}
	}
	for (; n < LEAF_HOSTS; n++)
		leaf = leaf << 8 | host;
	return leaf;
}

static int flush(struct set *s)
{
	uint32_t leaf, n = 0;
	int r = 0;

	if (!s->is_filling)
		return 0;
	s->is_filling = false;
	for (size_t w = 0; w < BLOCK_WORDS; w++)
		n += (uint32_t)__builtin_popcountll(s->hosts.bits[w]);
	if (n == SLASH24_ADDRESSES)
		leaf = SW_LEAF_WHOLE;
	else if (n <= LEAF_HOSTS)
		leaf = host_leaf(&s->hosts);
	else
		r = add_block(s, &leaf);
	return r < 0 ? r : add_leaf(s, s->slash24, leaf);
}

static void fill(struct set *s, uint32_t first, uint32_t last)
{
	if (!s->is_filling) {
		s->is_filling = true;
		s->slash24 = first >> 8;
		s->hosts = (struct block){};
	}
	for (uint32_t host = first & 255; host <= (last & 255); host++)
		s->hosts.bits[host / 64] |= 1ULL << (host & 63);
}

/* Addresses first to last, in ascending order from call to call. */
static int add_range(struct set *s, uint64_t first, uint64_t last)
{
	s->is_empty = false;
	while (first <= last) {
		uint64_t end = SW_MIN(last, first | (SLASH24_ADDRESSES - 1));
		int r = 0;

		if (s->is_filling && s->slash24 != first >> 8)
			r = flush(s);
		if (r < 0)
			return r;
		if (!(first % WORD_ADDRESSES) && last - first >= WORD_ADDRESSES - 1) {
			s->words[first / WORD_ADDRESSES].bits = ~0ULL;
			s->words[first / WORD_ADDRESSES].base = SW_PACKED_WHOLE;
			first += WORD_ADDRESSES;
			continue;
		}
		if (end - first == SLASH24_ADDRESSES - 1)
			r = add_leaf(s, (uint32_t)(first >> 8), SW_LEAF_WHOLE);
		else
			fill(s, (uint32_t)first, (uint32_t)end);
		if (r < 0)
			return r;
		first = end + 1;
	}
	return 0;
}

static int end_run(struct sw_packer4 *p)
{
	if (!p->run.is_some)
		return 0;
	p->run.is_some = false;
	return add_range(&p->set[set_of[p->run.action]], p->run.first, p->run.last);
}

/* Says of p->next to last what the network decides that is open around them. */
static int say(struct sw_packer4 *p, uint64_t last, uint32_t action)
{
	uint64_t first = p->next;
	int r;

	if (first > last)
		return 0;
	p->next = last + 1;
	if (action == SW_TRAIL_EXCEPT)
		return 0;
	if (p->run.is_some && p->run.action == action && p->run.last + 1 == first) {
		p->run.last = last;
		return 0;
	}
	r = end_run(p);
	p->run.first = first;
	p->run.last = last;
	p->run.action = action;
	p->run.is_some = true;
	return r;
}

/* Closes the open networks that end before first. */
static int close_before(struct sw_packer4 *p, uint64_t first)
{
	while (p->depth && p->around[p->depth - 1].last < first) {
		const struct span *s = &p->around[--p->depth];
		int r = say(p, s->last, s->action);

		if (r < 0)
			return r;
	}
	return 0;
}

int sw_packer4_add(struct sw_packer4 *p, const struct sw_trail_entry *e)
{
	uint32_t first, size_mask = e->net.plen ? ~0U >> (e->net.plen - 1) >> 1 : ~0U;
	int r;

	memcpy(&first, e->net.addr, sizeof(first));
	first = be32toh(first);
	r = close_before(p, first);
	if (r >= 0 && p->depth && first)
		r = say(p, (uint64_t)first - 1, p->around[p->depth - 1].action);
	if (r < 0)
		return r;
	p->next = first;
	p->around[p->depth++] = (struct span){first | size_mask, e->action};
	return 0;
}

/* Elements of the words; 0: nothing is in any set. */
static size_t n_words(const struct sw_packer4 *p)
{
	size_t n = p->set[DROPPED].is_empty ? 0 : 1;

	for (size_t i = 1; i < SETS; i++)
		n = p->set[i].is_empty ? n : i + 1;
	return n * SW_PACKED_WORDS;
}

int64_t sw_packer4_end(struct sw_packer4 *p)
{
	int64_t elements;
	int r = close_before(p, 1ULL << 32);

	if (r >= 0)
		r = end_run(p);
	for (size_t i = 0; i < SW_ARRAY_SIZE(p->set) && r >= 0; i++)
		r = flush(&p->set[i]);
	if (r < 0)
		return r;
	elements = (int64_t)n_words(p);
	for (size_t i = 0; i < SETS; i++)
		elements += (int64_t)((p->set[i].n_leaves + 3) / 4 + 2 * p->set[i].n_blocks);
	return elements;
}

static void write_words(
	const struct set *s, union sw_packed4 *ret, size_t leaves_at, size_t blocks_at)
{
	for (size_t w = 0; w < SW_PACKED_WORDS; w++) {
		ret[w] = s->words[w];
		if (s->words[w].bits && s->words[w].base != SW_PACKED_WHOLE)
			ret[w].base += (uint32_t)leaves_at * 4;
		if (s->words[w].block)
			ret[w].block = (uint32_t)(blocks_at + 2 * (size_t)(s->words[w].block - 1));
	}
}

static void copy(void *dst, const void *src, size_t bytes)
{
	if (bytes)
		memcpy(dst, src, bytes);
}

void sw_packer4_write(const struct sw_packer4 *p, union sw_packed4 *ret)
{
	static const uint32_t flags[SETS] = {[WATCHED] = SW_PACKED_WATCHED, [TAGGED] = SW_PACKED_TAGGED};
	size_t words = n_words(p), leaves_at = words, blocks_at = words;

	for (size_t i = 0; i < SETS; i++)
		blocks_at += (p->set[i].n_leaves + 3) / 4;
	for (size_t i = 0; i < SETS; i++) {
		const struct set *s = &p->set[i];

		if (i * SW_PACKED_WORDS < words)
			write_words(s, ret + i * SW_PACKED_WORDS, leaves_at, blocks_at);
		for (size_t w = 0; w < SW_PACKED_WORDS && !s->is_empty; w++)
			ret[w].block |= s->words[w].bits ? flags[i] : 0;
		copy(ret + leaves_at, s->leaves, s->n_leaves * sizeof(*s->leaves));
		copy(ret + blocks_at, s->blocks, s->n_blocks * sizeof(*s->blocks));
		leaves_at += (s->n_leaves + 3) / 4;
		blocks_at += 2 * s->n_blocks;
	}
}

// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/trail/packed4.h"

#include <endian.h>

enum {
	DEPTH_MAX = 33, /* networks that contain each other: one of every length */
	LEAF_HOSTS = 4,
	LIST_HOSTS = 16,
	BLOCK_WORDS = 4,
	BLOCK_ELEMENTS = 2,
	ELEMENT_LEAVES = 4,
	LINE_ELEMENTS = 4, /* of a cache line; an array begins with one */
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

/* While a set is filled, block of its words counts the blocks and the lists that they lead to. */
enum { ONE_LIST = 1, ONE_BLOCK = 1 << 16 };

/* One of the sets of a generation. All are in the order of the words, and numbered when they are written. */
struct set {
	union sw_packed4 *words;
	uint32_t *leaves; /* those with a list or a block without its number */
	union sw_packed4 *lists;
	struct block *blocks;
	size_t n_leaves, leaves_room, n_lists, lists_room, n_blocks, blocks_room;
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
		free(p->set[i].lists);
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

static int add_block(struct set *s)
{
	struct block *blocks = make_room(s->blocks, s->n_blocks, &s->blocks_room, sizeof(*blocks));

	if (!blocks)
		return -ENOMEM;
	s->blocks = blocks;
	s->blocks[s->n_blocks++] = s->hosts;
	s->words[s->slash24 / 64].block += ONE_BLOCK;
	return 0;
}

/* The hosts of a block in ascending order, at most max, the last repeated up to that. */
static void list_hosts(const struct block *b, uint8_t *ret, size_t max)
{
	size_t n = 0;

	for (uint32_t w = 0; w < BLOCK_WORDS; w++)
		for (uint64_t bits = b->bits[w]; bits && n < max; bits &= bits - 1)
			ret[n++] = (uint8_t)(w * 64 + (uint32_t)__builtin_ctzll(bits));
	for (; n && n < max; n++)
		ret[n] = ret[n - 1];
}

static int add_list(struct set *s)
{
	union sw_packed4 *lists = make_room(s->lists, s->n_lists, &s->lists_room, sizeof(*lists));

	if (!lists)
		return -ENOMEM;
	s->lists = lists;
	list_hosts(&s->hosts, lists[s->n_lists++].host, LIST_HOSTS);
	s->words[s->slash24 / 64].block += ONE_LIST;
	return 0;
}

static uint32_t host_leaf(const struct block *b)
{
	uint8_t hosts[LEAF_HOSTS] = {};

	list_hosts(b, hosts, LEAF_HOSTS);
	return (uint32_t)hosts[0] << 24 | (uint32_t)hosts[1] << 16 | (uint32_t)hosts[2] << 8 | hosts[3];
}

static int flush(struct set *s)
{
	uint32_t leaf = SW_LEAF_WHOLE, n = 0;
	int r = 0;

	if (!s->is_filling)
		return 0;
	s->is_filling = false;
	for (size_t w = 0; w < BLOCK_WORDS; w++)
		n += (uint32_t)__builtin_popcountll(s->hosts.bits[w]);
	if (n <= LEAF_HOSTS) {
		leaf = host_leaf(&s->hosts);
	} else if (n <= LIST_HOSTS) {
		leaf = SW_LEAF_LIST;
		r = add_list(s);
	} else if (n < SLASH24_ADDRESSES) {
		leaf = SW_LEAF_BLOCK;
		r = add_block(s);
	}
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

/* What a word leads to. */
struct tail {
	const uint32_t *leaves;
	size_t n_leaves, n_lists, n_blocks;
};

static struct tail tail_of(const struct set *s, const union sw_packed4 *word)
{
	struct tail t = {};

	if (!word->bits || word->base == SW_PACKED_WHOLE)
		return t;
	t.leaves = s->leaves + word->base;
	t.n_leaves = (size_t)__builtin_popcountll(word->bits);
	t.n_lists = word->block % ONE_BLOCK;
	t.n_blocks = word->block / ONE_BLOCK;
	return t;
}

/* Leaves from a number of the array on; those with a list or a block get its own number. */
static void put_leaves(const struct tail *t, uint32_t *ret)
{
	uint32_t block = SW_LEAF_BLOCK, list = SW_LEAF_LIST + BLOCK_ELEMENTS * (uint32_t)t->n_blocks;

	for (size_t i = 0; i < t->n_leaves; i++)
		ret[i] = t->leaves[i] == SW_LEAF_LIST ? list++
			: t->leaves[i] == SW_LEAF_BLOCK ? block++
							: t->leaves[i];
}

/* n of size each, from number at of src on; NULL has none. */
static void copy(void *dst, const void *src, size_t at, size_t n, size_t size)
{
	if (n)
		memcpy(dst, (const char *)src + at * size, n * size);
}

/* Where the next goes. */
struct room {
	size_t element;
	size_t leaf, n_leaves; /* so many leaves of words that lead to nothing else, from this number on */
};

/* Elements for the leaves and what they lead to, and the first of them; in one line, if they fit. */
static size_t take_elements(struct room *r, const struct tail *t)
{
	size_t n = (t->n_leaves + ELEMENT_LEAVES - 1) / ELEMENT_LEAVES + BLOCK_ELEMENTS * t->n_blocks + t->n_lists,
	       left = LINE_ELEMENTS - r->element % LINE_ELEMENTS, first;

	if (n > left && n <= LINE_ELEMENTS) {
		if (left * ELEMENT_LEAVES > r->n_leaves) {
			r->leaf = r->element * ELEMENT_LEAVES;
			r->n_leaves = left * ELEMENT_LEAVES;
		}
		r->element += left;
	}
	first = r->element;
	r->element += n;
	return first;
}

/* The number of the first leaf. */
static size_t take_leaves(struct room *r, const struct tail *t)
{
	size_t first;

	if (t->n_leaves > r->n_leaves) {
		r->leaf = r->element * ELEMENT_LEAVES;
		r->n_leaves = (t->n_leaves + ELEMENT_LEAVES - 1) / ELEMENT_LEAVES * ELEMENT_LEAVES;
		r->element += r->n_leaves / ELEMENT_LEAVES;
	}
	first = r->leaf;
	r->leaf += t->n_leaves;
	r->n_leaves -= t->n_leaves;
	return first;
}

/*
 * From element at on: of each word the leaves, at once behind them the blocks and the lists, so that a look-up which
 * has come to the leaf has the rest at hand. Returns the element behind. words: of the set, ret: of the whole
 * generation; NULL: to count.
 */
static size_t put_set(const struct set *s, union sw_packed4 *words, union sw_packed4 *ret, size_t at)
{
	size_t list = 0, block = 0, first;
	struct room room = {.element = at};

	for (size_t w = 0; w < SW_PACKED_WORDS && !s->is_empty; w++) {
		struct tail t = tail_of(s, &s->words[w]);

		if (!t.n_leaves)
			continue;
		if (t.n_lists || t.n_blocks)
			first = take_elements(&room, &t) * ELEMENT_LEAVES;
		else
			first = take_leaves(&room, &t);
		if (ret) {
			at = (first + t.n_leaves + ELEMENT_LEAVES - 1) / ELEMENT_LEAVES;
			words[w].base = (uint32_t)first;
			words[w].block = t.n_lists || t.n_blocks ? (uint32_t)at : 0;
			put_leaves(&t, (uint32_t *)ret + first);
			copy(ret + at, s->blocks, block, t.n_blocks, sizeof(*s->blocks));
			copy(ret + at + BLOCK_ELEMENTS * t.n_blocks, s->lists, list, t.n_lists, sizeof(*s->lists));
		}
		list += t.n_lists;
		block += t.n_blocks;
	}
	return room.element;
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
		elements = (int64_t)put_set(&p->set[i], NULL, NULL, (size_t)elements);
	return elements;
}

void sw_packer4_write(const struct sw_packer4 *p, union sw_packed4 *ret)
{
	static const uint32_t flags[SETS] = {[WATCHED] = SW_PACKED_WATCHED, [TAGGED] = SW_PACKED_TAGGED};
	size_t words = n_words(p), at = words;

	for (size_t i = 0; i * SW_PACKED_WORDS < words; i++) {
		const struct set *s = &p->set[i];

		memcpy(ret + i * SW_PACKED_WORDS, s->words, SW_PACKED_WORDS * sizeof(*s->words));
		at = put_set(s, ret + i * SW_PACKED_WORDS, ret, at);
		for (size_t w = 0; w < SW_PACKED_WORDS && !s->is_empty; w++)
			ret[w].block |= s->words[w].bits ? flags[i] : 0;
	}
}

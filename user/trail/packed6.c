// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/trail/packed6.h"

#include <sys/random.h>

enum {
	SEEDS_MAX =
		8, /* tables of one size that are tried: all of them fail only by design or by a bug */
	SLOTS_MIN = 64,
};

struct sw_packer6 {
	struct sw_packed6_slot *entries;
	size_t n, room;
	struct sw_packed6_slot *table;
	uint64_t seed;
	uint32_t mask;
	uint64_t lengths[3]; /* bits of the lengths present */
	uint64_t spread[SW_MARK6_SPLIT_MAX]; /* of each length, marks that its networks take as /48s */
	uint32_t split;
	uint32_t excepted; /* bits of enum sw_mark6 */
	uint64_t *marks;
};

int sw_packer6_new(struct sw_packer6 **ret)
{
	_cleanup_(sw_packer6_freep) struct sw_packer6 *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->marks = calloc(SW_MARK_WORDS, sizeof(*p->marks));
	if (!p->marks)
		return -ENOMEM;
	*ret = TAKE_PTR(p);
	return 0;
}

void sw_packer6_free(struct sw_packer6 *p)
{
	if (!p)
		return;
	free(p->entries);
	free(p->table);
	free(p->marks);
	free(p);
}

void sw_packer6_freep(struct sw_packer6 **p)
{
	sw_packer6_free(*p);
}

int sw_packer6_add(struct sw_packer6 *p, const struct sw_trail_entry *e)
{
	struct sw_words6 w = sw_words6_of(&e->net);

	if (p->n >= SW_MAX_TRAILS6)
		return -E2BIG;
	if (p->n >= p->room) {
		size_t room = p->room ? p->room * 2 : 256;
		struct sw_packed6_slot *grown = reallocarray(p->entries, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		p->entries = grown;
		p->room = room;
	}
	p->entries[p->n++] = (struct sw_packed6_slot){
		.high = w.high,
		.low = w.low,
		.set = e->set,
		.plen = e->net.plen,
		.action = (__u8)e->action,
		.is_used = 1,
	};
	p->lengths[e->net.plen / 64] |= 1ULL << (e->net.plen & 63);
	if (e->action != SW_TRAIL_EXCEPT && e->net.plen >= SW_MARK6_SPLIT && e->net.plen < SW_MARK6_SPLIT_MAX)
		p->spread[e->net.plen] += sw_marks_count(&e->net, SW_MARK6_SPLIT);
	return 0;
}

/*
 * As /48s a network's neighbours are not looked up for it, but it takes many marks, and too many of those
 * have every address looked up by chance: then the shortest are marked as their /32s.
 */
static uint32_t choose_split(const struct sw_packer6 *p)
{
	uint32_t split = SW_MARK6_SPLIT_MAX;
	uint64_t marks = 0;

	while (split > SW_MARK6_SPLIT && marks + p->spread[split - 1] <= SW_MARKS_SPREAD)
		marks += p->spread[--split];
	return split;
}

static void set_marks(struct sw_packer6 *p)
{
	uint64_t budget = SW_MARKS_BUDGET;

	p->split = choose_split(p);
	for (size_t i = 0; i < p->n; i++) {
		const struct sw_net net = sw_packed6_net(&p->entries[i]);

		if (p->entries[i].action == SW_TRAIL_EXCEPT)
			p->excepted |= 1U << sw_mark6_class(net.plen, p->split);
		else if (!sw_marks_set6(&net, p->split, p->marks, &budget))
			memset(p->marks, 0xff, SW_MARK_WORDS * sizeof(*p->marks));
	}
}

/* False when an entry would lie further from its place than the kernel side looks. */
static bool fill_table(struct sw_packer6 *p)
{
	memset(p->table, 0, ((size_t)p->mask + 1) * sizeof(*p->table));
	for (size_t i = 0; i < p->n; i++) {
		const struct sw_packed6_slot *e = &p->entries[i];
		uint32_t at = sw_packed6_hash(p->seed, e->high, e->low, e->plen), probes = 0;

		while (probes < SW_PACKED6_PROBES && p->table[(at + probes) & p->mask].is_used)
			probes++;
		if (probes == SW_PACKED6_PROBES)
			return false;
		p->table[(at + probes) & p->mask] = *e;
	}
	return true;
}

/* At most half full. The seed is drawn, so that no list can be made to collide. */
static int make_table(struct sw_packer6 *p)
{
	uint32_t slots = SLOTS_MIN;

	while (slots < p->n * 2)
		slots *= 2;
	for (; slots <= SW_PACKED6_SLOTS_MAX; slots *= 2) {
		struct sw_packed6_slot *grown = reallocarray(p->table, slots, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		p->table = grown;
		p->mask = slots - 1;
		for (int i = 0; i < SEEDS_MAX; i++) {
			if (getrandom(&p->seed, sizeof(p->seed), 0) != sizeof(p->seed))
				return -EIO;
			if (fill_table(p))
				return 0;
		}
	}
	return -E2BIG;
}

int64_t sw_packer6_end(struct sw_packer6 *p)
{
	int r = p->n ? make_table(p) : 0;

	set_marks(p);
	return r < 0 ? r : p->n ? (int64_t)SW_PACKED6_HEAD + p->mask + 1 : 0;
}

void sw_packer6_write(const struct sw_packer6 *p, union sw_packed6 *ret, uint64_t *ret_marks)
{
	uint32_t n = 0;

	memset(ret, 0, SW_PACKED6_HEAD * sizeof(*ret));
	for (unsigned int plen = 129; plen-- > 0;) {
		if (!(p->lengths[plen / 64] >> (plen & 63) & 1))
			continue;
		ret[1 + n / SW_PACKED6_PLENS].plen[n % SW_PACKED6_PLENS] = (__u8)plen;
		n++;
	}
	ret[0].head = (struct sw_packed6_head){.seed = p->seed,
		.mask = p->mask,
		.n_plens = n,
		.excepted = p->excepted,
		.wider = p->split - SW_MARK6_SPLIT};
	memcpy(ret + SW_PACKED6_HEAD, p->table, ((size_t)p->mask + 1) * sizeof(*ret));
	memcpy(ret_marks, p->marks, SW_MARK_WORDS * sizeof(*ret_marks));
}

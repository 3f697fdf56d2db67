// SPDX-License-Identifier: GPL-3.0-or-later
/* A binary heap of bans by their next end; each ban knows its place. */
#include "user/policy/policy_private.h"

uint64_t policy_first_end(const struct sw_ban *b)
{
	uint64_t first = 0;

	for (const struct sw_ban_part *part = b->parts; part; part = part->next) {
		if (part->until_boot_ns && (!first || part->until_boot_ns < first))
			first = part->until_boot_ns;
	}
	return first;
}

static void set(struct sw_policy *p, size_t i, struct sw_ban *b)
{
	p->heap[i] = b;
	b->heap_index = i;
}

static void sift_up(struct sw_policy *p, size_t i)
{
	struct sw_ban *b = p->heap[i];
	uint64_t end = policy_first_end(b);

	while (i) {
		size_t parent = (i - 1) / 2;

		if (policy_first_end(p->heap[parent]) <= end)
			break;
		set(p, i, p->heap[parent]);
		i = parent;
	}
	set(p, i, b);
}

static void sift_down(struct sw_policy *p, size_t i)
{
	struct sw_ban *b = p->heap[i];
	uint64_t end = policy_first_end(b);

	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= p->heap_len)
			break;
		if (child + 1 < p->heap_len && policy_first_end(p->heap[child + 1]) < policy_first_end(p->heap[child]))
			child++;
		if (end <= policy_first_end(p->heap[child]))
			break;
		set(p, i, p->heap[child]);
		i = child;
	}
	set(p, i, b);
}

int policy_heap_reserve(struct sw_policy *p)
{
	size_t cap = p->heap_cap ? p->heap_cap * 2 : 64;
	struct sw_ban **heap;

	if (p->heap_len < p->heap_cap)
		return 0;
	heap = realloc(p->heap, cap * sizeof(struct sw_ban *));
	if (!heap)
		return -ENOMEM;
	p->heap = heap;
	p->heap_cap = cap;
	return 0;
}

void policy_heap_remove(struct sw_policy *p, struct sw_ban *b)
{
	size_t i = b->heap_index;

	if (i == HEAP_NONE)
		return;
	b->heap_index = HEAP_NONE;
	p->heap_len--;
	if (i == p->heap_len)
		return;
	set(p, i, p->heap[p->heap_len]);
	sift_up(p, i);
	sift_down(p, p->heap[i]->heap_index);
}

void policy_heap_place(struct sw_policy *p, struct sw_ban *b)
{
	policy_heap_remove(p, b);
	if (!policy_first_end(b))
		return;
	set(p, p->heap_len, b); /* room was reserved before the ban was made */
	p->heap_len++;
	sift_up(p, b->heap_index);
}

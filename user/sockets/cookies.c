// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/sockets/cookies.h"

enum { CAP_MIN = 1024, LINE_SLOTS = 64 / sizeof(struct sw_cookie_slot) };

void sw_cookies_done(struct sw_cookies *c)
{
	free(c->slots);
	*c = (struct sw_cookies){0};
}

/*
 * Cookies are numbers in a row, and a process has many in a row: four of them share a line of the cache. What of the
 * number is left a multiplication spreads, and its upper bits are the best.
 */
static size_t home_of(const struct sw_cookies *c, uint64_t cookie)
{
	uint64_t line = ((cookie / LINE_SLOTS) * 0x9e3779b97f4a7c15ULL) >> 32;

	return (size_t)(line * LINE_SLOTS + cookie % LINE_SLOTS) & (c->cap - 1);
}

static size_t slot_of(const struct sw_cookies *c, uint64_t cookie)
{
	size_t i = home_of(c, cookie);

	while (c->slots[i].cookie && c->slots[i].cookie != cookie)
		i = (i + 1) & (c->cap - 1);
	return i;
}

void *sw_cookies_find(const struct sw_cookies *c, uint64_t cookie)
{
	return c->cap ? c->slots[slot_of(c, cookie)].value : NULL;
}

static int grow(struct sw_cookies *c)
{
	struct sw_cookies more = {.cap = c->cap ? c->cap * 2 : CAP_MIN, .n = c->n};

	more.slots = calloc(more.cap, sizeof(*more.slots));
	if (!more.slots)
		return -ENOMEM;
	for (size_t i = 0; i < c->cap; i++)
		if (c->slots[i].cookie)
			more.slots[slot_of(&more, c->slots[i].cookie)] = c->slots[i];
	free(c->slots);
	*c = more;
	return 0;
}

int sw_cookies_add(struct sw_cookies *c, uint64_t cookie, void *value)
{
	/* At most half full: a search ends after two slots or so. */
	if (c->n * 2 >= c->cap && grow(c) < 0)
		return -ENOMEM;
	c->slots[slot_of(c, cookie)] = (struct sw_cookie_slot){cookie, value};
	c->n++;
	return 0;
}

void sw_cookies_remove(struct sw_cookies *c, uint64_t cookie)
{
	size_t mask = c->cap - 1, hole, i;

	if (!sw_cookies_find(c, cookie))
		return;
	hole = slot_of(c, cookie);
	/* What was pushed past the hole moves back, so that no search ends before it. */
	for (i = (hole + 1) & mask; c->slots[i].cookie; i = (i + 1) & mask) {
		if (((i - home_of(c, c->slots[i].cookie)) & mask) < ((i - hole) & mask))
			continue;
		c->slots[hole] = c->slots[i];
		hole = i;
	}
	c->slots[hole] = (struct sw_cookie_slot){0};
	c->n--;
}

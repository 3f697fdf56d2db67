// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/guard/mark_counts.h"

enum { ROWS_FIRST = 1024 };

/* Where the row of a bit is when nothing is in its way; else it is behind that, without a gap. */
static uint32_t home_of(const struct sw_mark_counts *c, uint32_t bit)
{
	return (uint32_t)(bit * 0x9e3779b97f4a7c15ULL >> 32) & c->mask;
}

/* The row of the bit, or the free one where it would be. There is always a free one. */
static struct sw_mark_count *seek(const struct sw_mark_counts *c, uint32_t bit)
{
	uint32_t at = home_of(c, bit);

	while (c->rows[at].n && c->rows[at].bit != bit)
		at = (at + 1) & c->mask;
	return &c->rows[at];
}

struct sw_mark_count *sw_mark_counts_find(const struct sw_mark_counts *c, uint32_t bit)
{
	struct sw_mark_count *row = c->rows ? seek(c, bit) : NULL;

	return row && row->n ? row : NULL;
}

static bool grow(struct sw_mark_counts *c)
{
	struct sw_mark_counts more = {.n = c->n, .mask = c->rows ? c->mask * 2 + 1 : ROWS_FIRST - 1};
	const struct sw_mark_count *row;
	size_t at = 0;

	more.rows = calloc(more.mask + 1ULL, sizeof(*more.rows));
	if (!more.rows)
		return false;
	while ((row = sw_mark_counts_next(c, &at)))
		*seek(&more, row->bit) = *row;
	free(c->rows);
	*c = more;
	return true;
}

struct sw_mark_count *sw_mark_counts_make(struct sw_mark_counts *c, uint32_t bit)
{
	struct sw_mark_count *row = sw_mark_counts_find(c, bit);

	if (row)
		return row;
	if ((!c->rows || c->n > c->mask / 4 * 3) && !grow(c))
		return NULL;
	row = seek(c, bit);
	*row = (struct sw_mark_count){.bit = bit};
	c->n++;
	return row;
}

/* Rows behind the gap that are not at home move into it, so that no search ends before them. */
void sw_mark_counts_drop(struct sw_mark_counts *c, struct sw_mark_count *row)
{
	uint32_t gap = (uint32_t)(row - c->rows);

	for (uint32_t at = (gap + 1) & c->mask; c->rows[at].n; at = (at + 1) & c->mask) {
		uint32_t from_home = (at - home_of(c, c->rows[at].bit)) & c->mask;

		if (from_home < ((at - gap) & c->mask))
			continue;
		c->rows[gap] = c->rows[at];
		gap = at;
	}
	c->rows[gap].n = 0;
	c->n--;
}

const struct sw_mark_count *sw_mark_counts_next(const struct sw_mark_counts *c, size_t *at)
{
	while (c->rows && *at <= c->mask) {
		const struct sw_mark_count *row = &c->rows[(*at)++];

		if (row->n)
			return row;
	}
	return NULL;
}

void sw_mark_counts_free(struct sw_mark_counts *c)
{
	free(c->rows);
	*c = (struct sw_mark_counts){};
}

// SPDX-License-Identifier: GPL-3.0-or-later
/* The counts of marks against an array: rows that are in each other's way, made and dropped in any order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "user/guard/mark_counts.h"

enum { BITS = 6000, STEPS = 400000 };

static uint32_t draw(uint64_t *random)
{
	*random = *random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(*random >> 33);
}

static void check_all(const struct sw_mark_counts *c, const uint32_t *want)
{
	const struct sw_mark_count *row;
	uint32_t n = 0;
	size_t at = 0;

	for (uint32_t bit = 0; bit < BITS; bit++) {
		row = sw_mark_counts_find(c, bit);
		assert_int_equal(row ? row->n : 0, want[bit]);
		assert_int_equal(row ? row->others : 0, want[bit] ? bit + 1 : 0);
		n += row != NULL;
	}
	assert_int_equal(c->n, n);
	while ((row = sw_mark_counts_next(c, &at)))
		n--;
	assert_int_equal(n, 0);
}

static void rows_are_found_whatever_was_dropped(void **state)
{
	static uint32_t want[BITS];
	struct sw_mark_counts c = {};
	uint64_t random = 7;

	for (int i = 0; i < STEPS; i++) {
		/* more are made than dropped in one half of every 20,000 steps, and fewer in the other */
		bool is_made = draw(&random) % 100 < (i / 10000 % 2 ? 30u : 70u);
		uint32_t bit = draw(&random) % BITS;
		struct sw_mark_count *row = is_made ? sw_mark_counts_make(&c, bit) : sw_mark_counts_find(&c, bit);

		if (is_made) {
			assert_non_null(row);
			row->n++;
			row->others = bit + 1;
			want[bit]++;
		} else if (row && row->n > 1) {
			row->n--;
			want[bit]--;
		} else if (row) {
			sw_mark_counts_drop(&c, row);
			want[bit] = 0;
		}
		if (i % 5000 == 0)
			check_all(&c, want);
	}
	check_all(&c, want);
	sw_mark_counts_free(&c);
	assert_null(sw_mark_counts_find(&c, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(rows_are_found_whatever_was_dropped)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-3.0-or-later
/* Segments of TCP that come before what precedes them: which do, what is kept, and that it is bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "user/detect/gaps.h"

static int set_up(void **state)
{
	return sw_gaps_new((struct sw_gaps **)state);
}

static int tear_down(void **state)
{
	sw_gaps_free(*state);
	return 0;
}

static struct sw_flow flow(uint16_t sport)
{
	struct sw_flow f = {.sport = sport, .dport = 80, .family = 4, .protocol = 6};

	f.saddr.byte[0] = 198;
	f.daddr.byte[0] = 199;
	return f;
}

static void what_is_in_order_or_not_known_is_not_ahead(void **state)
{
	struct sw_flow f = flow(1), back = flow(1);

	back.sport = 80;
	back.dport = 1;
	sw_gaps_begin(*state, &f, 1000);
	assert_false(sw_gaps_see(*state, &f, 1000, 100));
	assert_false(sw_gaps_see(*state, &f, 1100, 100));
	assert_false(sw_gaps_see(*state, &f, 1000, 100)); /* again */
	assert_false(sw_gaps_see(*state, &back, 77777, 10)); /* its beginning was not seen */
	assert_false(sw_gaps_see(*state, &f, 1200 + SW_GAPS_SPAN, 10)); /* another connection */
	assert_false(sw_gaps_see(*state, &f, 1210 + SW_GAPS_SPAN, 10));
}

static void three_segments_behind_a_hole_are_ahead_and_none_once_it_is_filled(void **state)
{
	struct sw_flow f = flow(1);

	sw_gaps_begin(*state, &f, UINT32_MAX - 50); /* numbers run over */
	assert_true(sw_gaps_see(*state, &f, 49, 10));
	assert_true(sw_gaps_see(*state, &f, 59, 10));
	assert_true(sw_gaps_see(*state, &f, 39, 10));
	assert_false(sw_gaps_see(*state, &f, 69, 10));
	assert_false(sw_gaps_see(*state, &f, UINT32_MAX - 50, 90));
	assert_false(sw_gaps_see(*state, &f, 79, 10));
	assert_true(sw_gaps_see(*state, &f, 100, 10)); /* the next hole */
	assert_false(sw_gaps_see(*state, &f, 89, 11));
	assert_false(sw_gaps_see(*state, &f, 110, 10));
}

static void what_is_kept_is_given_out_once_and_to_its_flow_alone(void **state)
{
	struct sw_flow f = flow(1), other = flow(2);
	uint8_t big[SW_GAPS_BYTES + 1] = {7};
	struct sw_gap_piece p;

	assert_false(sw_gaps_take(*state, &f, 10, &p));
	sw_gaps_keep(*state, &f, 100, (const uint8_t *)"abc", 3, 10);
	sw_gaps_keep(*state, &f, 200, big, sizeof(big), 10);
	sw_gaps_keep(*state, &f, 300, big, 0, 10);
	assert_false(sw_gaps_take(*state, &other, 10, &p));
	assert_true(sw_gaps_take(*state, &f, 10, &p));
	assert_int_equal(p.seq, 100);
	assert_int_equal(p.len, 3);
	assert_memory_equal(p.data, "abc", 3);
	assert_true(sw_gaps_take(*state, &f, 10, &p));
	assert_int_equal(p.len, SW_GAPS_BYTES);
	assert_false(sw_gaps_take(*state, &f, 10, &p));
}

static void what_is_old_or_beyond_the_room_is_forgotten(void **state)
{
	struct sw_flow f = flow(1);
	struct sw_gap_piece p;
	unsigned int n = 0;

	sw_gaps_keep(*state, &f, 1, (const uint8_t *)"x", 1, 10);
	assert_false(sw_gaps_take(*state, &f, 11 + SW_GAPS_SEC, &p));
	for (uint16_t i = 0; i < 2 * SW_GAPS_KEPT; i++) {
		struct sw_flow one = flow(i);

		sw_gaps_keep(*state, &one, 1, (const uint8_t *)"x", 1, 10);
	}
	for (uint16_t i = 0; i < 2 * SW_GAPS_KEPT; i++) {
		struct sw_flow one = flow(i);

		n += sw_gaps_take(*state, &one, 10, &p);
		assert_int_equal(n, i < SW_GAPS_KEPT ? 0 : i - SW_GAPS_KEPT + 1);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(what_is_in_order_or_not_known_is_not_ahead),
		TEST(three_segments_behind_a_hole_are_ahead_and_none_once_it_is_filled),
		TEST(what_is_kept_is_given_out_once_and_to_its_flow_alone),
		TEST(what_is_old_or_beyond_the_room_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-3.0-or-later
/* Records of ring and iterators: what is taken, what is refused, what counts as lost. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include "user/kern/iter.h"
#include "user/kern/ring_decode.h"

static void a_gap_counts_as_lost_only_after_a_second_drain(void **state)
{
	struct sw_seq_watch w = {};

	sw_seq_note(&w, 0, 5);
	sw_seq_note(&w, 0, 8);
	assert_int_equal(sw_seq_lost(&w), 0);
	assert_int_equal(sw_seq_lost(&w), 2);
	assert_int_equal(sw_seq_lost(&w), 0);
}

static void swapped_records_are_no_loss(void **state)
{
	struct sw_seq_watch w = {};

	sw_seq_note(&w, 1, 1);
	sw_seq_note(&w, 1, 3);
	assert_int_equal(sw_seq_lost(&w), 0);
	sw_seq_note(&w, 1, 2);
	assert_int_equal(sw_seq_lost(&w), 0);
	assert_int_equal(sw_seq_lost(&w), 0);
}

static void the_processors_are_counted_apart(void **state)
{
	struct sw_seq_watch w = {};

	sw_seq_note(&w, 0, 10);
	sw_seq_note(&w, 1, 900);
	sw_seq_note(&w, 0, 11);
	sw_seq_note(&w, 1, 901);
	sw_seq_lost(&w);
	assert_int_equal(sw_seq_lost(&w), 0);
}

static void a_record_of_unknown_type_or_length_is_refused(void **state)
{
	struct sw_sock_event e = {.head = {.type = SW_EV_LISTEN, .len = sizeof(e), .boot_ns = 7}};
	struct sw_event ev;

	assert_int_equal(sw_ring_decode_sock(&e, sizeof(e), &ev), 0);
	assert_int_equal(ev.kind, SW_EVENT_SOCK);
	assert_int_equal(ev.boot_ns, 7);
	assert_int_equal(sw_ring_decode_sock(&e, sizeof(e) - 1, &ev), -EBADMSG);
	assert_int_equal(sw_ring_decode_sock(&e, 3, &ev), -EBADMSG);
	e.head.len--;
	assert_int_equal(sw_ring_decode_sock(&e, sizeof(e), &ev), -EBADMSG);
	e.head.type = SW_EV_TYPE_COUNT;
	assert_int_equal(sw_ring_decode_sock(&e, sizeof(e), &ev), -EBADMSG);
	e.head.type = 0;
	assert_int_equal(sw_ring_decode_sock(&e, sizeof(e), &ev), -EBADMSG);
}

static void an_exec_record_that_claims_more_text_than_it_has_is_refused(void **state)
{
	struct sw_exec_event e = {.head = {.type = SW_EV_EXEC, .len = sizeof(e)}, .path_len = SW_EXEC_PATH_MAX};
	struct sw_event ev;

	assert_int_equal(sw_ring_decode_sock(&e, sizeof(e), &ev), -EBADMSG);
	e.path_len = 3;
	e.args_len = SW_EXEC_ARGS_MAX + 1;
	assert_int_equal(sw_ring_decode_sock(&e, sizeof(e), &ev), -EBADMSG);
	e.args_len = SW_EXEC_ARGS_MAX;
	assert_int_equal(sw_ring_decode_sock(&e, sizeof(e), &ev), 0);
}

static int count(enum sw_it_type type, union sw_it it, void *arg)
{
	(*(unsigned int *)arg)++;
	return 0;
}

static void an_iterators_stream_is_cut_at_whole_records(void **state)
{
	struct {
		struct sw_it_inet a;
		struct sw_it_unix b;
	} s = {.a = {.type = SW_IT_INET, .len = sizeof(s.a)}, .b = {.type = SW_IT_UNIX, .len = sizeof(s.b)}};
	unsigned int n = 0;
	size_t used;

	assert_int_equal(sw_iter_decode(&s, sizeof(s), count, &n, &used), 2);
	assert_int_equal(used, sizeof(s));
	assert_int_equal(sw_iter_decode(&s, sizeof(s) - 1, count, &n, &used), 1);
	assert_int_equal(used, sizeof(s.a));
	assert_int_equal(sw_iter_decode(&s, 1, count, &n, &used), 0);
	assert_int_equal(n, 3);
	s.b.path_len = SW_UNIX_PATH_MAX + 1;
	assert_int_equal(sw_iter_decode(&s, sizeof(s), count, &n, &used), -EBADMSG);
	s.a.type = 99;
	assert_int_equal(sw_iter_decode(&s, sizeof(s), count, &n, &used), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_gap_counts_as_lost_only_after_a_second_drain),
		cmocka_unit_test(swapped_records_are_no_loss),
		cmocka_unit_test(the_processors_are_counted_apart),
		cmocka_unit_test(a_record_of_unknown_type_or_length_is_refused),
		cmocka_unit_test(an_exec_record_that_claims_more_text_than_it_has_is_refused),
		cmocka_unit_test(an_iterators_stream_is_cut_at_whole_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

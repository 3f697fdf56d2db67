// SPDX-License-Identifier: GPL-3.0-or-later
/* Destinations that a program was not seen to talk to before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "user/base/cidr.h"
#include "user/detect/firsts.h"

static const struct sw_connect_process curl = {"curl", "/usr/bin/curl", "", ""};

static struct sw_clock clock_at(int64_t wall_sec)
{
	return (struct sw_clock){.is_manual = true,
		.manual_boot_ns = 1000 * SW_SEC_NS,
		.manual_wall_ns = wall_sec * (int64_t)SW_SEC_NS};
}

static bool judge(struct sw_firsts *f, const char *to, uint16_t port,
	const struct sw_connect_process *p, struct sw_finding *ret)
{
	struct sw_sock_event ev = {
		.rport = port, .protocol = 6, .owner = {.tgid = 42, .start_ns = 1, .uid = 5}};
	struct sw_net peer;

	assert_int_equal(sw_cidr_parse(to, SIZE_MAX, &peer), 0);
	return sw_firsts_judge(f, &ev, &peer, p, ret);
}

static void a_destination_is_told_once_for_a_program_and_a_container(void **state)
{
	struct sw_connect_process boxed = curl, other = curl, unknown = curl;
	struct sw_clock clock = clock_at(5000);
	struct sw_firsts *f = NULL;
	struct sw_finding got;

	boxed.container = "0123456789ab";
	other.executable = "/usr/bin/wget";
	unknown.executable = "";
	assert_int_equal(sw_firsts_new(&clock, 0, &f), 0);
	assert_true(judge(f, "192.0.2.1", 443, &curl, &got));
	assert_string_equal(got.title,
		"curl[42] connects to 192.0.2.1 port 443, where /usr/bin/curl was not seen to go before");
	assert_int_equal(got.severity, SW_SEV_LOW);
	assert_false(judge(f, "192.0.2.1", 443, &curl, &got));
	assert_true(judge(f, "192.0.2.1", 80, &curl, &got));
	assert_true(judge(f, "192.0.2.1", 443, &boxed, &got));
	assert_true(judge(f, "192.0.2.1", 443, &other, &got));
	assert_true(judge(f, "2001:db8::1", 443, &curl, &got));
	assert_false(judge(f, "127.0.0.9", 443, &curl, &got));
	assert_false(judge(f, "::1", 443, &curl, &got));
	assert_false(judge(f, "192.0.2.2", 443, &unknown, &got));
	sw_firsts_free(f);
}

static void what_is_learnt_first_is_not_told_and_what_was_saved_is_known(void **state)
{
	struct sw_clock clock = clock_at(5000);
	struct sw_firsts *f = NULL, *next = NULL;
	const uint64_t *unsaved;
	struct sw_finding got;

	assert_int_equal(sw_firsts_new(&clock, 5001, &f), 0);
	assert_false(judge(f, "192.0.2.1", 443, &curl, &got));
	clock.manual_wall_ns += SW_SEC_NS;
	assert_false(judge(f, "192.0.2.1", 443, &curl, &got));
	assert_true(judge(f, "192.0.2.2", 443, &curl, &got));
	assert_int_equal(sw_firsts_take_unsaved(f, &unsaved), 2);
	assert_int_equal(sw_firsts_new(&clock, 0, &next), 0);
	assert_int_equal(sw_firsts_load(next, unsaved[0]), 0);
	assert_false(judge(next, "192.0.2.1", 443, &curl, &got));
	assert_true(judge(next, "192.0.2.2", 443, &curl, &got));
	assert_false(sw_firsts_has_unsaved(f));
	sw_firsts_free(f);
	sw_firsts_free(next);
}

static void the_table_is_bounded_and_keeps_what_is_used(void **state)
{
	struct sw_clock clock = clock_at(5000);
	struct sw_firsts *f = NULL;
	const uint64_t *unsaved;
	struct sw_finding got;
	unsigned int told = 0;
	size_t saved = 0;
	char to[32];

	assert_int_equal(sw_firsts_new(&clock, 0, &f), 0);
	for (unsigned int i = 0; i < 4 * SW_FIRSTS_HALF; i++) {
		snprintf(to, sizeof(to), "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
		told += judge(f, to, 443, &curl, &got);
		if (i % 1000 == 0)
			assert_int_equal(judge(f, "10.0.0.0", 443, &curl, &got), 0);
		saved += sw_firsts_take_unsaved(f, &unsaved);
	}
	/* what is carried over to a new generation is saved anew, so that the store does not let it go */
	assert_int_equal(saved, 4 * SW_FIRSTS_HALF + 3);
	assert_true(sw_firsts_stats(f).known <= 2 * SW_FIRSTS_HALF);
	assert_int_equal(told, SW_FIRSTS_BURST);
	assert_int_equal(sw_firsts_stats(f).untold, 4 * SW_FIRSTS_HALF - told);
	assert_int_equal(sw_firsts_stats(f).unsaved, 0);
	clock.manual_boot_ns += 60 * SW_SEC_NS;
	assert_false(judge(f, "10.0.0.0", 443, &curl, &got));
	assert_true(judge(f, "10.0.0.1", 443, &curl, &got)); /* long not seen: forgotten */
	sw_firsts_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_destination_is_told_once_for_a_program_and_a_container),
		cmocka_unit_test(what_is_learnt_first_is_not_told_and_what_was_saved_is_known),
		cmocka_unit_test(the_table_is_bounded_and_keeps_what_is_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-3.0-or-later
/* Everyday's traffic raises no alarm, and would if the rules were more eager: both on a virtual clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/lib/benign.h"
#include "user/base/words.h"

enum { FLOWS = 50000 }; /* some six minutes of it, longer than the usual window */

static void everyday_traffic_raises_nothing_of_medium_severity(void **state)
{
	struct benign_result r;

	benign_run(FLOWS, NULL, true, &r);
	assert_int_equal(r.flows, FLOWS);
	/* It was read, not passed over. */
	assert_true(r.packets > 5 * FLOWS && r.stats.dns > FLOWS / 4 &&
		r.stats.requests > FLOWS / 20 && r.stats.hellos > FLOWS / 10);
	assert_int_equal(r.stats.unreadable, 0);
	for (enum sw_rule rule = 0; rule < SW_RULE_COUNT; rule++) {
		if (sw_rule_severity(rule) >= SW_SEV_MEDIUM && r.told[rule])
			fail_msg("%s: %u", sw_rule_word(rule), (unsigned int)r.told[rule]);
	}
}

/* Each more eager than its default, and of what the traffic then has too much. */
static const struct {
	enum sw_rule rule;
	uint32_t threshold;
} eager[] = {
	{SW_RULE_SCAN_VERTICAL, 2},
	{SW_RULE_SCAN_HORIZONTAL, 4},
	{SW_RULE_BRUTE_FORCE, 5},
	{SW_RULE_DNS_NXDOMAIN, 5},
};

static void be_eager(struct sw_rules *rules)
{
	for (size_t i = 0; i < SW_ARRAY_SIZE(eager); i++)
		rules->at[eager[i].rule - SW_RULE_HABITS].threshold = eager[i].threshold;
}

static void rules_that_are_too_eager_are_seen_to_be(void **state)
{
	struct benign_result r;

	benign_run(FLOWS, be_eager, false, &r);
	for (size_t i = 0; i < SW_ARRAY_SIZE(eager); i++) {
		if (!r.told[eager[i].rule])
			fail_msg("%s at %u: nothing", sw_rule_word(eager[i].rule),
				eager[i].threshold);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everyday_traffic_raises_nothing_of_medium_severity),
		cmocka_unit_test(rules_that_are_too_eager_are_seen_to_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

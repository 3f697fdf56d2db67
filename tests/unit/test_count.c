// SPDX-License-Identifier: GPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "user/base/cidr.h"
#include "user/policy/count.h"
#include "user/policy/escalate.h"

enum { T = 1700000000 };

static struct sw_net net_of(const char *text)
{
	struct sw_net n;

	assert_int_equal(sw_cidr_parse(text, SIZE_MAX, &n), 0);
	return n;
}

static enum sw_count_result add(struct sw_counts *c, const struct sw_count_rule *r, const char *net,
	int64_t at, int64_t now, struct sw_count_due *due)
{
	char line[64];
	struct sw_count_hit h = {
		.key = {.rule = 1, .net = net_of(net)}, .time_sec = at, .line = line};

	h.len = (size_t)snprintf(line, sizeof(line), "hit of %s at %lld", net, (long long)(at - T));
	return sw_counts_add(c, r, &h, now, due);
}

/* Hits at these seconds, each heard when it happened: which of them make it due. */
static const struct window_case {
	const char *name;
	struct sw_count_rule rule;
	int at[12];
	const char *want; /* a letter a hit: . less, D due, q quiet, o old */
} window_cases[] = {
	{"the first", {1, 600, 0}, {0, 1, 2}, "DDD"},
	{"three in ten", {3, 10, 0}, {0, 4, 8, 9, 10, 11}, "..D..D"},
	{"at the edge of the window", {3, 10, 0}, {0, 5, 10, 14}, "...D"},
	{"a slow one is never due", {3, 10, 0}, {0, 6, 12, 18, 24, 30}, "......"},
	{"no window", {3, 0, 0}, {0, 100000, 9000000}, "..D"},
	{"out of order", {3, 10, 0}, {5, 3, 4}, "..D"},
	{"one from before the window", {2, 10, 0}, {20, 9, 21}, ".oD"},
	{"throttled", {1, 0, 60}, {0, 1, 59, 60, 61}, "DqqDq"},
};

static void hits_within_a_window_are_due(void **state)
{
	static const char letters[] = {'.', 'D', 'q', 'o'};

	for (size_t i = 0; i < SW_ARRAY_SIZE(window_cases); i++) {
		const struct window_case *w = &window_cases[i];
		_cleanup_(sw_counts_freep) struct sw_counts *c = NULL;
		struct sw_count_due due;
		char got[16] = "";
		int now = 0;

		assert_int_equal(sw_counts_new(SW_COUNT_BYTES_MAX, 7, &c), 0);
		for (size_t k = 0; k < strlen(w->want); k++) {
			now = SW_MAX(now, w->at[k]);
			got[k] =
				letters[add(c, &w->rule, "192.0.2.1", T + w->at[k], T + now, &due)];
		}
		if (!sw_streq(got, w->want))
			fail_msg("%s: expected %s, got %s", w->name, w->want, got);
	}
}

static void what_is_due_carries_its_newest_lines(void **state)
{
	const struct sw_count_rule rule = {.count = 7, .window_sec = 100};
	_cleanup_(sw_counts_freep) struct sw_counts *c = NULL;
	struct sw_count_due due;

	assert_int_equal(sw_counts_new(SW_COUNT_BYTES_MAX, 7, &c), 0);
	for (int i = 0; i < 6; i++)
		assert_int_equal(add(c, &rule, "192.0.2.1", T + i, T + i, &due), SW_COUNT_LESS);
	assert_int_equal(add(c, &rule, "192.0.2.2", T + 6, T + 6, &due), SW_COUNT_LESS);
	assert_int_equal(add(c, &rule, "192.0.2.1", T + 6, T + 6, &due), SW_COUNT_DUE);
	assert_int_equal(due.hits, 7);
	assert_int_equal(due.first_sec, T);
	assert_int_equal(due.last_sec, T + 6);
	assert_int_equal(due.n_lines, SW_COUNT_LINES);
	assert_string_equal(due.lines[0], "hit of 192.0.2.1 at 2");
	assert_string_equal(due.lines[4], "hit of 192.0.2.1 at 6");
}

static void a_time_of_tomorrow_is_now(void **state)
{
	const struct sw_count_rule rule = {.count = 2, .window_sec = 100};
	_cleanup_(sw_counts_freep) struct sw_counts *c = NULL;
	struct sw_count_due due;

	assert_int_equal(sw_counts_new(SW_COUNT_BYTES_MAX, 7, &c), 0);
	assert_int_equal(add(c, &rule, "192.0.2.1", T + 86400, T, &due), SW_COUNT_LESS);
	assert_int_equal(add(c, &rule, "192.0.2.1", T + 1, T + 1, &due), SW_COUNT_DUE);
	assert_int_equal(sw_counts_stats(c).future, 1);
}

static void members_count_once(void **state)
{
	const struct sw_count_rule rule = {.count = 3, .window_sec = 100};
	static const uint64_t members[] = {1, 1, 2, 2, 1, 3};
	_cleanup_(sw_counts_freep) struct sw_counts *c = NULL;
	struct sw_count_due due;

	assert_int_equal(sw_counts_new(SW_COUNT_BYTES_MAX, 7, &c), 0);
	for (size_t i = 0; i < SW_ARRAY_SIZE(members); i++) {
		const struct sw_count_hit h = {.key = {.rule = 2, .net = net_of("192.0.2.0/24")},
			.time_sec = T + (int)i,
			.member = members[i]};

		assert_int_equal(sw_counts_add(c, &rule, &h, T + (int)i, &due),
			i == SW_ARRAY_SIZE(members) - 1 ? SW_COUNT_DUE : SW_COUNT_LESS);
	}
}

static void what_was_refused_is_due_again_with_the_next_hit(void **state)
{
	const struct sw_count_rule rules[] = {{.count = 5, .window_sec = 100}, {.count = 5}};

	for (size_t i = 0; i < SW_ARRAY_SIZE(rules); i++) {
		_cleanup_(sw_counts_freep) struct sw_counts *c = NULL;
		const struct sw_count_key key = {.rule = 1, .net = net_of("192.0.2.1")};
		struct sw_count_due due;

		assert_int_equal(sw_counts_new(SW_COUNT_BYTES_MAX, 7, &c), 0);
		for (int k = 0; k < 5; k++)
			assert_int_equal(add(c, &rules[i], "192.0.2.1", T, T, &due),
				k == 4 ? SW_COUNT_DUE : SW_COUNT_LESS);
		sw_counts_give_back(c, &rules[i], &key);
		assert_int_equal(add(c, &rules[i], "192.0.2.1", T + 1, T + 1, &due), SW_COUNT_DUE);
		assert_int_equal(add(c, &rules[i], "192.0.2.1", T + 2, T + 2, &due), SW_COUNT_LESS);
	}
}

static const char *name_none(void *arg, uint32_t rule)
{
	return NULL;
}

static uint32_t number_none(void *arg, const char *name)
{
	return 0;
}

static void a_pardoned_address_begins_anew(void **state)
{
	const struct sw_count_rule rule = {.count = 3, .window_sec = 100};
	const struct sw_net wide = net_of("192.0.2.0/24");
	_cleanup_(sw_counts_freep) struct sw_counts *c = NULL;
	struct sw_count_due due;

	assert_int_equal(sw_counts_new(SW_COUNT_BYTES_MAX, 7, &c), 0);
	for (int k = 0; k < 2; k++) {
		add(c, &rule, "192.0.2.1", T, T, &due);
		add(c, &rule, "198.51.100.1", T, T, &due);
	}
	add(c, &rule, "192.0.2.2", T, T, &due);
	assert_int_equal(sw_counts_forget(c, &wide), 2);
	assert_int_equal(add(c, &rule, "192.0.2.1", T, T, &due), SW_COUNT_LESS);
	assert_int_equal(add(c, &rule, "198.51.100.1", T, T, &due), SW_COUNT_DUE);
}

/* Over a restart as well; the lines of what was forgiven are no evidence any more. */
static void a_login_takes_back_the_hits_of_that_user_alone(void **state)
{
	const struct sw_count_rule rule = {.count = 4, .window_sec = 100};
	const struct sw_count_key key = {.rule = 3, .net = net_of("192.0.2.1")};
	static const uint64_t users[] = {7, 8, 7, 8, 0};
	_cleanup_(sw_counts_freep) struct sw_counts *c = NULL, *again = NULL;
	_strbuf_ struct sw_strbuf saved = {};
	struct sw_count_due due;

	assert_int_equal(sw_counts_new(SW_COUNT_BYTES_MAX, 7, &c), 0);
	assert_int_equal(sw_counts_new(SW_COUNT_BYTES_MAX, 7, &again), 0);
	assert_int_equal(sw_counts_forgive(c, &key, 7), 0);
	for (size_t i = 0; i < 3; i++) {
		const struct sw_count_hit h = {.key = key,
			.time_sec = T,
			.who = users[i],
			.line = users[i] == 7 ? "seven" : "eight",
			.len = 5};

		assert_int_equal(sw_counts_add(c, &rule, &h, T, &due), SW_COUNT_LESS);
	}
	sw_counts_save(c, name_none, NULL, SIZE_MAX, &saved);
	assert_int_equal(sw_counts_restore(again, number_none, NULL, sw_strbuf_get(&saved)), 1);
	assert_int_equal(sw_counts_forgive(again, &key, 7), 2);
	assert_int_equal(sw_counts_forgive(c, &key, 0), 0);
	assert_int_equal(sw_counts_forgive(c, &key, 7), 2);
	for (size_t i = 0; i < 3; i++) {
		const struct sw_count_hit h = {
			.key = key, .time_sec = T + 1, .who = users[i + 2], .line = "new", .len = 3};

		assert_int_equal(sw_counts_add(c, &rule, &h, T + 1, &due), i == 2 ? SW_COUNT_DUE : SW_COUNT_LESS);
	}
	assert_int_equal(due.hits, 4);
	assert_int_equal(due.forgiven, 2);
	assert_int_equal(due.n_lines, 4);
	assert_string_equal(due.lines[0], "eight");
}

/* A million addresses with one hit each do not make an attacker with four of five be forgotten. */
static const char *name_of(void *arg, uint32_t rule)
{
	return rule == 1 ? "web" : NULL;
}

static uint32_t number_of(void *arg, const char *name)
{
	return sw_streq(name, "web") ? *(uint32_t *)arg : 0;
}

static void counts_outlive_a_restart(void **state)
{
	const struct sw_count_rule three = {3, 100, 0}, endless = {3, 0, 0}, networks = {2, 100, 0};
	_cleanup_(sw_counts_freep) struct sw_counts *before = NULL, *after = NULL, *cut = NULL;
	struct sw_count_hit user = {.key = {.rule = 1}, .time_sec = T};
	struct sw_count_hit member = {.key = {.rule = INT32_MAX}, .time_sec = T};
	_strbuf_ struct sw_strbuf text = {}, again = {};
	struct sw_count_due due;
	uint32_t number = 7;

	assert_int_equal(sw_counts_new(1 << 20, 5, &before), 0);
	assert_int_equal(sw_counts_new(1 << 20, 5, &after), 0);
	assert_int_equal(sw_counts_new(1 << 20, 5, &cut), 0);
	user.key.user = sw_count_hash(before, "eve", 3);
	member.member = sw_count_hash(before, "a", 1);
	member.key.net = net_of("198.18.0.0/24");
	assert_int_equal(add(before, &three, "198.18.0.1", T, T, &due), SW_COUNT_LESS);
	assert_int_equal(add(before, &three, "198.18.0.1", T + 90, T + 90, &due), SW_COUNT_LESS);
	assert_int_equal(add(before, &three, "2001:db8::/64", T + 90, T + 90, &due), SW_COUNT_LESS);
	assert_int_equal(sw_counts_add(before, &endless, &user, T, &due), SW_COUNT_LESS);
	assert_int_equal(sw_counts_add(before, &endless, &user, T, &due), SW_COUNT_LESS);
	assert_int_equal(sw_counts_add(before, &networks, &member, T, &due), SW_COUNT_LESS);
	sw_counts_save(before, name_of, NULL, 1 << 20, &text);
	sw_counts_save(before, name_of, NULL, 100, &again);
	assert_true(again.len && again.len <= 100 && !strncmp(again.text, "web - ", 6)); /* the nearest, hit last */

	assert_int_equal(sw_counts_restore(after, number_of, &number, sw_strbuf_get(&text)), 4);
	assert_int_equal(sw_counts_restore(cut, number_of, &number,
				 "web 198.18.0.1 0 1\nother - 0 1 1 1 0 0\n"
				 "web x 0 1 1 1 0 0\n\n=0 - 0 1 1 1 0 0"),
		0);
	assert_int_equal(sw_counts_stats(cut).keys, 0);
	assert_int_equal(sw_counts_stats(cut).bytes, 0);
	user.key.rule = 7;
	assert_int_equal(sw_counts_add(after, &endless, &user, T + 500, &due), SW_COUNT_DUE);
	assert_int_equal(due.hits, 3);
	assert_int_equal(sw_counts_add(after, &networks, &member, T, &due), SW_COUNT_LESS); /* the same one again */
	member.member = sw_count_hash(after, "b", 1);
	assert_int_equal(sw_counts_add(after, &networks, &member, T, &due), SW_COUNT_DUE);
	{
		struct sw_count_hit h = {.key = {.rule = 7, .net = net_of("198.18.0.1")}, .time_sec = T + 110};

		/* the first has left the window meanwhile */
		assert_int_equal(sw_counts_add(after, &three, &h, T + 110, &due), SW_COUNT_LESS);
		assert_int_equal(sw_counts_add(after, &three, &h, T + 110, &due), SW_COUNT_DUE);
	}
}

static void a_flood_pushes_out_the_flood(void **state)
{
	const struct sw_count_rule rule = {.count = 5, .window_sec = 3600};
	_cleanup_(sw_counts_freep) struct sw_counts *c = NULL;
	struct sw_count_due due;

	assert_int_equal(sw_counts_new(1 << 20, 7, &c), 0);
	for (int i = 0; i < 4; i++)
		add(c, &rule, "192.0.2.1", T, T, &due);
	for (uint32_t i = 0; i < 200000; i++) {
		struct sw_count_hit h = {.key = {.rule = 1, .net = sw_net_from4(i * 2654435761u)},
			.time_sec = T,
			.line = "a line of some length, as they are in logs",
			.len = 42};

		(void)sw_counts_add(c, &rule, &h, T, &due);
	}
	assert_true(sw_counts_stats(c).bytes <= 1 << 20);
	assert_true(sw_counts_stats(c).evicted > 190000);
	assert_int_equal(sw_counts_stats(c).evicted_near, 0);
	assert_int_equal(add(c, &rule, "192.0.2.1", T + 1, T + 1, &due), SW_COUNT_DUE);
}

/* 60 minutes, then as fail2ban would have it. */
static void bans_grow_as_fail2bans_do(void **state)
{
	static const uint32_t steps[] = {1, 5, 30, 60};
	static const struct {
		const char *name;
		struct sw_escalation e;
		unsigned int before;
		uint32_t chance;
		uint64_t want;
	} cases[] = {
		{"off", {.base_sec = 3600}, 9, 0, 3600},
		{"for ever", {.base_sec = 0, .is_on = true}, 3, 7, 0},
		{"the first", {.base_sec = 3600, .is_on = true, .factor = 3}, 0, 0, 3600},
		{"the second", {.base_sec = 3600, .is_on = true}, 1, 0, 7200},
		{"the fourth", {.base_sec = 3600, .is_on = true, .factor = 2}, 3, 0, 57600},
		{"a maximum", {.base_sec = 3600, .is_on = true, .max_sec = 10000}, 9, 0, 10000},
		{"steps", {.base_sec = 60, .is_on = true, .multipliers = steps, .n_multipliers = 4},
			2, 0, 1800},
		{"beyond the steps",
			{.base_sec = 60, .is_on = true, .multipliers = steps, .n_multipliers = 4},
			99, 0, 3600},
		{"some chance", {.base_sec = 100, .is_on = true, .random_sec = 50}, 0, 1u << 31,
			125},
		{"beyond all bounds", {.base_sec = 1u << 31, .is_on = true, .factor = 1e18},
			4000000000u, 0, SW_ESCALATE_LONGEST_SEC},
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(cases); i++) {
		uint64_t got = sw_escalate(&cases[i].e, cases[i].before, cases[i].chance);

		if (got != cases[i].want)
			fail_msg("%s: expected %llu, got %llu", cases[i].name,
				(unsigned long long)cases[i].want, (unsigned long long)got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hits_within_a_window_are_due),
		cmocka_unit_test(what_is_due_carries_its_newest_lines),
		cmocka_unit_test(a_time_of_tomorrow_is_now),
		cmocka_unit_test(members_count_once),
		cmocka_unit_test(what_was_refused_is_due_again_with_the_next_hit),
		cmocka_unit_test(a_pardoned_address_begins_anew),
		cmocka_unit_test(a_login_takes_back_the_hits_of_that_user_alone),
		cmocka_unit_test(counts_outlive_a_restart),
		cmocka_unit_test(a_flood_pushes_out_the_flood),
		cmocka_unit_test(bans_grow_as_fail2bans_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
